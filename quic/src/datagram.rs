//! Datagrams of the application (RFC 9221): sent once, in any order, and never again.
//!
//! Reading order: what can be chosen, the two queues, then [`datagrams`](Datagrams), which holds both.

mod config;
mod datagrams;
mod receive_queue;
mod send_queue;

pub use config::DatagramsConfig;
pub use datagrams::{DatagramEvent, DatagramStats};
pub(crate) use datagrams::{Datagrams, check};
pub use send_queue::{DatagramId, DatagramOptions, DatagramRefusal, RefusedDatagram, WhenFull};
