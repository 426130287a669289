//! The door of HTTP/3: exchanges and connections of the library on `h3`'s endpoint and the sockets of `runtime`.

pub(crate) mod connection;
pub(crate) mod door;
mod ebb;
mod known;
pub(crate) mod link;
pub(crate) mod new_session;
pub(crate) mod raw_session;
pub(crate) mod relocation;
pub(crate) mod session_line;
mod sessions;
mod sockets;
