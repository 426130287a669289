//! Streams (RFC 9000 sections 2 to 4): from frames to ordered bytes and back.
//!
//! Reading order: the two state tables, the two buffers, the two halves of a stream that join a table and a buffer, then
//! limits, the order of sending and events, and [`streams`], which holds them all.

pub mod chunks;
pub mod entry;
pub mod event;
pub mod limits;
pub mod reassembly;
pub mod receive;
pub mod receive_state;
pub mod schedule;
pub mod send;
pub mod send_buffer;
pub mod send_state;
pub mod streams;

pub use event::StreamEvent;
pub use limits::StreamsConfig;
pub use receive::{Read, ReadError, ReadSlice};
pub use send::WriteError;
pub use streams::Streams;
