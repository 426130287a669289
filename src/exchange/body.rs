//! The body that the other end sends: read part by part, as fast as the reader wants and no faster.

use crate::error::Error;
use crate::exchange::calls::Exchange;
use crate::exchange::patience::Patience;
use base::Bytes;
use http::exchange::Reason;
use http::{Fields, ResponseHead, Status};
use json::{Limits, Value};
use std::fmt;
use std::future::poll_fn;

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
    /// How long a client waits for more.
    patience: Option<Patience>,
}

impl Body {
    pub(crate) fn new(exchange: Exchange, fields: &Fields, stop_reason: Reason) -> Body {
        let length = fields.first_integer("content-length");
        Body { exchange, stop_reason, length, received: 0, ended: false, awaits_invitation: false, patience: None }
    }

    /// One whose sender waits to be asked for it.
    pub(crate) fn awaiting_invitation(mut self) -> Body {
        self.awaits_invitation = true;
        self
    }

    /// One that is not waited for without end.
    pub(crate) fn with_patience(mut self, patience: Patience) -> Body {
        self.patience = Some(patience);
        self
    }

    /// One that is waited for as long as it takes.
    pub(crate) fn without_patience(mut self) -> Body {
        self.patience = None;
        self
    }

    /// How long is waited for the other end.
    pub(crate) fn patience(&self) -> Option<&Patience> {
        self.patience.as_ref()
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
        let part = poll_fn(|context| {
            let part = self.exchange.poll_body(context);
            if part.is_pending() {
                self.invite();
            }
            match &self.patience {
                // No clock runs for what is there at once.
                Some(patience) if part.is_pending() => {
                    idle.get_or_insert_with(|| patience.idle()).poll(context).map(Err)
                }
                _ => part,
            }
        })
        .await?;
        match &part {
            Some(bytes) => self.received += bytes.len() as u64,
            None => self.ended = true,
        }
        Ok(part)
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
