//! Many connections behind one address: demultiplexing, accepting, connecting, and the answers to packets of no connection.
//!
//! The endpoint owns the connections, one timer each on the wheel, and two queues: connections that may have something to
//! send, and connections that have events. A call costs what changed, whatever the number of connections.

pub mod accept;
pub mod ids;
mod networks;
pub mod reply;
mod table;

pub use accept::EndpointConfig;
pub use table::{ConnectionHandle, Endpoint};
