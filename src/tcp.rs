//! The door of HTTP versions on byte streams: TCP connections under TLS, and on them the version that ALPN chose.
//!
//! A connection is a machine with a driver of its own. What is shared by the connections of a thread is in [`server`].

pub(crate) mod client;
mod door;
mod line;
pub(crate) mod listen;
pub(crate) mod machine;
pub(crate) mod server;
