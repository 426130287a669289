//! What either end of a session has for whoever carries the bytes of its streams.

use super::ToSend;
use crate::code::ErrorCode;
use base::{Bytes, Instant};

/// One end of a session.
pub trait End {
    /// Whether there is still something to be done with a stream.
    fn has_stream(&self, stream: u64) -> bool;

    /// Whether the stream's next bytes are wanted.
    fn wants_bytes(&self, stream: u64) -> bool;

    /// Bytes of a stream.
    fn receive(&mut self, now: Instant, stream: u64, bytes: Bytes);

    /// The other end has finished its side of a stream.
    fn on_finished(&mut self, now: Instant, stream: u64);

    /// A stream was reset by the other end, or that wants no more of it.
    fn on_gone(&mut self, now: Instant, stream: u64, code: ErrorCode);

    /// What is next to be sent of a stream.
    fn poll_send(&mut self, stream: u64) -> Option<ToSend>;
}
