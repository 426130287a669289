//! The body that the other end sends: read part by part, as fast as the reader wants and no faster.

use crate::error::Error;
use crate::exchange::calls::Exchange;
use crate::exchange::patience::{Idle, Patience};
use base::Bytes;
use http::exchange::Reason;
use http::{Fields, ResponseHead, Status};
use json::{Limits, Value};
use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

/// A body as it arrives. What is not read lets the sender wait; dropping it tells the sender to stop.
pub struct Body {
    exchange: Exchange,
    /// What is said to the sender if the rest is not wanted.
    stop_reason: Reason,
    length: Option<u64>,
    received: u64,
    /// The end of the content was read.
    ended: bool,
    /// The sender may be waiting to be asked for it (`Expect: 100-continue`).
    awaits_invitation: bool,
    /// It is waited for as long as the exchange says, and not as long as it takes.
    is_limited: bool,
}

impl Body {
    pub(crate) fn new(exchange: Exchange, fields: &Fields, stop_reason: Reason) -> Body {
        let length = fields.first_integer("content-length");
        Body { exchange, stop_reason, length, received: 0, ended: false, awaits_invitation: false, is_limited: true }
    }

    /// One whose sender waits to be asked for it.
    pub(crate) fn awaiting_invitation(mut self) -> Body {
        self.awaits_invitation = true;
        self
    }

    /// One that is waited for as long as it takes.
    pub(crate) fn without_patience(mut self) -> Body {
        self.is_limited = false;
        self
    }

    /// How long is waited for the other end.
    pub(crate) fn patience(&self) -> Option<&Patience> {
        self.exchange.patience().filter(|_| self.is_limited)
    }

    /// Asks a client that waits for it (`Expect: 100-continue`) for the body, with a 100. Reading does so too, so this is for
    /// handlers that begin their answer before they read: afterwards it is too late. Does nothing if nobody waits.
    /// RFC 9110 section 10.1.1-13, 10.1.1-14.
    pub fn invite(&mut self) {
        if std::mem::take(&mut self.awaits_invitation) && !self.exchange.mailbox().is_finished() {
            // A client that is gone, or has its answer, does not need it.
            let _ = self.exchange.send_informational(&ResponseHead::new(Status::CONTINUE));
        }
    }

    /// Whether its sender waits to be asked for it.
    pub(crate) fn awaits_invitation(&self) -> bool {
        self.awaits_invitation
    }

    /// Whether the message is complete, and nothing is left to be read.
    pub(crate) fn is_over(&self) -> bool {
        self.exchange.mailbox().is_finished()
    }

    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The next part; `None` after the last.
    ///
    /// # Errors
    /// The sender broke off, or the connection ended, or a client's [`Timeouts`](crate::Timeouts) were over. What came before may be a
    /// part only.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        if self.ended {
            return Ok(None);
        }
        let mut idle = None;
        poll_fn(|context| self.poll_chunk(&mut idle, context)).await
    }

    fn poll_chunk(&mut self, idle: &mut Option<Idle>, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        let part = self.exchange.poll_body(context);
        match &part {
            Poll::Ready(Ok(Some(bytes))) => self.received += bytes.len() as u64,
            Poll::Ready(Ok(None)) => self.ended = true,
            Poll::Ready(Err(_)) => {}
            // No clock runs for what is there at once.
            Poll::Pending => return self.wait_for_chunk(idle, context),
        }
        part
    }

    #[inline(never)]
    fn wait_for_chunk(
        &mut self,
        idle: &mut Option<Idle>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, Error>> {
        self.invite();
        let Some(patience) = self.patience() else { return Poll::Pending };
        idle.get_or_insert_with(|| patience.idle()).poll(context).map(Err)
    }

    /// All that is left, at most `limit` bytes.
    ///
    /// # Errors
    /// As for [`Body::chunk`], and [`Error::TooLarge`] as soon as there is more.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(part) = self.chunk().await? {
            if part.len() > limit - all.len() {
                return Err(Error::TooLarge { limit });
            }
            all.extend_from_slice(&part);
        }
        Ok(all)
    }

    /// All that is left, as the value of a JSON text of at most `limit` bytes, with the other [limits](json::Limits) that are the
    /// default. Whatever type its sender says that it has: a server asks [`Request::json`](crate::Request::json).
    ///
    /// # Errors
    /// As for [`Body::read_to_end`], and [`Error::Json`] if it is no JSON.
    pub async fn json(&mut self, limit: usize) -> Result<Value, Error> {
        let text = self.read_to_end(limit).await?;
        // Its size was judged while it came.
        let limits = Limits { bytes: text.len(), ..Limits::default() };
        limits.parse(&text).map_err(Error::Json)
    }

    /// The fields after the body, if there are any. Drops what was not yet read of the body.
    ///
    /// # Errors
    /// As for [`Body::chunk`].
    pub async fn trailers(&mut self) -> Result<Option<Fields>, Error> {
        while self.chunk().await?.is_some() {}
        poll_fn(|context| self.exchange.poll_trailers(context)).await
    }

    /// How long the sender says that it is. `None` does not mean that there is none.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// Bytes read so far.
    pub fn received(&self) -> u64 {
        self.received
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.exchange.stop_reading(self.stop_reason);
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.length).field("received", &self.received).finish_non_exhaustive()
    }
}
