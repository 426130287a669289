//! Datagrams of the application (RFC 9221): sent once, in any order, and never again.
//!
//! Reading order: what can be chosen and is told, the lanes of the queue to send, the two queues, then [`datagrams`](Datagrams), which holds both.

mod config;
mod datagrams;
mod event;
mod lane;
mod receive_queue;
mod send_queue;

pub use config::DatagramsConfig;
pub use datagrams::DatagramStats;
pub(crate) use datagrams::{Datagrams, check};
pub use event::{DatagramEvent, DatagramId};
pub use send_queue::{DatagramOptions, DatagramRefusal, RefusedDatagram, WhenFull};
