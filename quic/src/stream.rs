//! Streams (RFC 9000 sections 2 to 4): from frames to ordered bytes and back.
//!
//! Reading order: the two state tables, the two buffers, the two halves of a stream that join a table and a buffer, then
//! limits, the order of sending and events, and [`streams`], which holds them all.

pub(crate) mod chunks;
pub(crate) mod entry;
pub(crate) mod event;
pub(crate) mod levels;
pub(crate) mod limits;
pub(crate) mod priority;
pub(crate) mod reassembly;
pub(crate) mod receive;
pub(crate) mod receive_memory;
pub(crate) mod receive_state;
pub(crate) mod schedule;
pub(crate) mod send;
pub(crate) mod send_buffer;
pub(crate) mod send_memory;
pub(crate) mod send_state;
pub(crate) mod send_window;
pub(crate) mod short_queue;
pub(crate) mod spares;
pub(crate) mod streams;

pub use chunks::{Chunks, Lent};
pub use event::StreamEvent;
pub use limits::StreamsConfig;
pub use priority::StreamPriority;
pub use reassembly::{MAX_SEGMENTS, Reassembly, TooFragmented};
pub use receive::{Read, ReadError};
pub use receive_memory::{ReceiveMemory, ReceiveShare};
pub use send::WriteError;
pub use send_memory::{SendMemory, SendShare};
pub(crate) use streams::Streams;
