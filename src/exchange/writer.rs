//! The body that this end sends: written part by part, waiting where the other end does not keep up.

use crate::error::Error;
use crate::exchange::calls::Exchange;
use base::Bytes;
use http::exchange::Reason;
use http::{Fields, Priority};
use std::fmt;
use std::future::poll_fn;

/// Writes a body. It is complete after [`BodyWriter::finish`] or [`BodyWriter::finish_with_trailers`]; dropping it
/// before resets the stream, so that the peer cannot take a part for the whole.
pub struct BodyWriter {
    exchange: Exchange,
    /// An answer to HEAD: all but the body.
    discard: bool,
    /// What the other end is told if it is dropped before the end.
    reason: Reason,
    done: bool,
}

impl BodyWriter {
    /// `reason` is told if it is dropped before the end.
    pub(crate) fn new(exchange: Exchange, reason: Reason) -> BodyWriter {
        BodyWriter { exchange, discard: false, reason, done: false }
    }

    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Whatever is written is dropped.
    pub(crate) fn discarding(exchange: Exchange) -> BodyWriter {
        BodyWriter { exchange, discard: true, reason: Reason::Cancelled, done: false }
    }

    /// Waits until content can be sent, and says how much: of `wanted` bytes so many are taken at once by the
    /// [`BodyWriter::write`] that follows. Who reads a body from elsewhere reads no more than that, and holds nothing for an
    /// other end that does not take it.
    ///
    /// # Errors
    /// As for [`BodyWriter::write`].
    pub async fn room(&mut self, wanted: usize) -> Result<usize, Error> {
        if self.discard {
            return Ok(wanted);
        }
        poll_fn(|context| self.exchange.poll_room(wanted, context)).await
    }

    /// Hands over `data`, and waits as long as the other end and the network have no room for it. Nothing is copied.
    ///
    /// # Errors
    /// The other end does not want more, or the connection ended.
    pub async fn write(&mut self, data: impl Into<Bytes>) -> Result<(), Error> {
        let mut data = data.into();
        if self.discard || data.is_empty() {
            return Ok(());
        }
        poll_fn(|context| self.exchange.poll_write(&mut data, context)).await
    }

    /// The body is complete.
    ///
    /// # Errors
    /// Less was written than `content-length` says, or the connection ended.
    pub fn finish(mut self) -> Result<(), Error> {
        self.done = true;
        if self.discard { Ok(()) } else { self.ended(self.exchange.finish(None)) }
    }

    /// The body is complete, and `fields` follow.
    ///
    /// # Errors
    /// As for [`BodyWriter::finish`], and if the fields are not allowed as trailers.
    pub fn finish_with_trailers(mut self, fields: &Fields) -> Result<(), Error> {
        self.done = true;
        if self.discard { Ok(()) } else { self.ended(self.exchange.finish(Some(fields))) }
    }

    /// How urgent the message is from now on. A server's own word, which goes before what its client says; a client tells its
    /// server, as by [`PendingResponse::prioritize`](crate::PendingResponse::prioritize), and its upload goes by it as well.
    ///
    /// # Errors
    /// The exchange is over, or the server takes nothing of the kind for now.
    pub fn prioritize(&self, priority: Priority) -> Result<(), Error> {
        self.exchange.prioritize(priority)
    }

    /// Breaks the message off, and tells the other end why.
    pub fn reset(mut self, reason: Reason) {
        self.done = true;
        self.exchange.reset(reason);
    }

    fn ended(&self, result: Result<(), Error>) -> Result<(), Error> {
        if result.is_err() {
            self.exchange.abandon(self.reason);
        }
        result
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        if !self.done && !self.discard {
            self.exchange.abandon(self.reason);
        }
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").field("done", &self.done).finish_non_exhaustive()
    }
}
