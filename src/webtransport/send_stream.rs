//! What goes to the other end on a stream of a session.

use crate::error::Error;
use crate::webtransport::door::{SessionDoor, session_error, work};
use base::{Bytes, StreamId};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use webtransport::StreamError;

/// The sending half of a stream. Dropping it before [`finish`](SendStream::finish) resets it with code 0: the other end never takes a
/// part for the whole.
pub struct SendStream {
    door: Rc<dyn SessionDoor>,
    session: StreamId,
    id: StreamId,
    /// Nothing more is written: it was finished or reset.
    has_ended: bool,
    is_reset: bool,
}

impl SendStream {
    pub(crate) fn new(door: Rc<dyn SessionDoor>, session: StreamId, id: StreamId) -> SendStream {
        SendStream { door, session, id, has_ended: false, is_reset: false }
    }

    /// Its number on the connection.
    pub fn id(&self) -> u64 {
        self.id.value()
    }

    /// Sends as much of `data` as there is room for, at least one byte, and removes that from its front; waits where there is none.
    /// Who stops waiting has lost nothing: what is still in `data` was not sent.
    ///
    /// # Errors
    /// The other end wants no more ([`Error::StreamStopped`]), this side has ended the stream, or the session is over.
    pub async fn write(&mut self, data: &mut Bytes) -> Result<(), Error> {
        poll_fn(|context| self.poll_write(data, context)).await
    }

    /// The same for those who poll: [`Poll::Pending`] if nothing was sent.
    pub fn poll_write(&mut self, data: &mut Bytes, context: &Context<'_>) -> Poll<Result<(), Error>> {
        if data.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.door.line().set_writer(self.id, context);
        let before = data.len();
        let id = self.id;
        let written = work(&*self.door, |carrier| carrier.write(id, data));
        if matches!(written, Some(Ok(()))) && data.len() == before {
            return Poll::Pending;
        }
        self.door.line().clear_writer(self.id);
        match written {
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(error)) => Poll::Ready(Err(self.error(error))),
            None => Poll::Ready(Err(session_error(&*self.door, self.session))),
        }
    }

    /// Sends all of `data`, and waits where the other end does not keep up. Nothing is copied. Who stops waiting does not know how much
    /// was sent.
    ///
    /// # Errors
    /// As for [`SendStream::write`].
    pub async fn write_all(&mut self, data: impl Into<Bytes>) -> Result<(), Error> {
        let mut data = data.into();
        while !data.is_empty() {
            self.write(&mut data).await?;
        }
        Ok(())
    }

    /// Ends the stream: the other end will know that all has arrived.
    ///
    /// # Errors
    /// As for [`SendStream::write`].
    pub fn finish(&mut self) -> Result<(), Error> {
        let id = self.id;
        let finished = work(&*self.door, |carrier| carrier.finish(id));
        self.has_ended = true;
        finished.unwrap_or(Err(StreamError::Ended)).map_err(|error| self.error(error))
    }

    /// Gives the stream up, and says why. What was not sent is not sent. Does nothing to a stream that has ended.
    pub fn reset(&mut self, code: u32) {
        let id = self.id;
        work(&*self.door, |carrier| carrier.reset(id, code));
        (self.has_ended, self.is_reset) = (true, true);
    }

    /// How soon it is sent, beside others of the connection: `urgency` from 0, the first, to 7, and by turns with those that are as
    /// urgent if it is `incremental`. Where nothing is said, streams are sent by turns.
    pub fn prioritize(&self, urgency: u8, incremental: bool) {
        let id = self.id;
        work(&*self.door, |carrier| carrier.prioritize(id, urgency.min(7), incremental));
    }

    /// Waits until all has arrived that was written before [`finish`](SendStream::finish); or until the other end wants no more, which
    /// is an error, whether it was finished or not.
    ///
    /// # Errors
    /// [`Error::StreamStopped`], the stream was reset by this side, or the session is over.
    pub async fn closed(&self) -> Result<(), Error> {
        poll_fn(|context| {
            let line = self.door.line();
            line.set_writer(self.id, context);
            match line.stopped(self.id) {
                _ if line.is_delivered(self.id) => Poll::Ready(Ok(())),
                Some(code) => Poll::Ready(Err(Error::StreamStopped { code })),
                None if self.is_reset => Poll::Ready(Err(Error::Message("this side has reset the stream".into()))),
                None if line.closed(self.session).is_some() || line.is_over() => {
                    Poll::Ready(Err(session_error(&*self.door, self.session)))
                }
                None => Poll::Pending,
            }
        })
        .await
    }

    fn error(&self, error: StreamError) -> Error {
        let line = self.door.line();
        match (line.stopped(self.id), error) {
            (Some(code), _) => Error::StreamStopped { code },
            _ if line.closed(self.session).is_some() => session_error(&*self.door, self.session),
            (None, StreamError::Stopped(code)) => Error::StreamStopped { code },
            (None, StreamError::Ended) => Error::message(error),
        }
    }
}

impl Drop for SendStream {
    fn drop(&mut self) {
        if !self.has_ended {
            self.reset(0);
        }
        self.door.line().remove_half(self.id);
    }
}

impl fmt::Debug for SendStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendStream").field("id", &self.id()).finish_non_exhaustive()
    }
}
