//! The door of HTTP versions on byte streams: TCP connections under TLS, and on them the version that ALPN chose; or without TLS, by HTTP/1.1.
//!
//! A connection is a machine with a driver of its own. What is shared by the connections of a thread is in [`server`].

mod carrier;
pub(crate) mod client;
mod door;
mod exchanges;
mod line;
pub(crate) mod listen;
pub(crate) mod machine;
pub(crate) mod server;
