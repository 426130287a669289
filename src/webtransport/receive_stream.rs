//! What comes from the other end on a stream of a session.

use crate::error::Error;
use crate::webtransport::door::{SessionDoor, session_error, work};
use base::{Bytes, StreamId};
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use webtransport::ReadStream;

/// The most that one read gives, unless less is asked for.
const MAX_READ: usize = 64 << 10;

/// The receiving half of a stream. What is not read lets the other end wait. Dropping it before the end asks the other end to stop, with
/// code 0.
pub struct ReceiveStream {
    door: Rc<dyn SessionDoor>,
    session: StreamId,
    id: StreamId,
    end: Option<End>,
}

#[derive(Clone, Copy)]
enum End {
    Finished,
    Reset(Option<u32>),
    Stopped,
}

impl ReceiveStream {
    pub(crate) fn new(door: Rc<dyn SessionDoor>, session: StreamId, id: StreamId) -> ReceiveStream {
        ReceiveStream { door, session, id, end: None }
    }

    /// Its number on the connection.
    pub fn id(&self) -> u64 {
        self.id.value()
    }

    /// The next bytes, at least one; `None` at the end. Who stops waiting has lost nothing.
    ///
    /// # Errors
    /// The other end gave the stream up ([`Error::StreamReset`]), this side has stopped it, or the session is over.
    pub async fn read(&mut self) -> Result<Option<Bytes>, Error> {
        self.read_up_to(MAX_READ).await
    }

    /// The same, at most `max` bytes.
    ///
    /// # Errors
    /// As for [`ReceiveStream::read`].
    pub async fn read_up_to(&mut self, max: usize) -> Result<Option<Bytes>, Error> {
        poll_fn(|context| self.poll_read(max, context)).await
    }

    /// The same for those who poll.
    pub fn poll_read(&mut self, max: usize, context: &Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        match self.end {
            Some(End::Finished) => return Poll::Ready(Ok(None)),
            Some(End::Reset(code)) => return Poll::Ready(Err(Error::StreamReset { code })),
            Some(End::Stopped) => return Poll::Ready(Err(Error::Message("this side has stopped the stream".into()))),
            None => {}
        }
        self.door.line().set_reader(self.id, context);
        let id = self.id;
        let read = work(&*self.door, |carrier| carrier.read(id, max));
        if matches!(read, Some(ReadStream::Blocked)) {
            return Poll::Pending;
        }
        self.door.line().clear_reader(self.id);
        Poll::Ready(match read {
            Some(ReadStream::Data(bytes)) => Ok(Some(bytes)),
            Some(ReadStream::Finished) => {
                self.end = Some(End::Finished);
                Ok(None)
            }
            Some(ReadStream::Reset(code)) => {
                self.end = Some(End::Reset(code));
                Err(Error::StreamReset { code })
            }
            Some(ReadStream::Gone | ReadStream::Blocked) | None => Err(session_error(&*self.door, self.session)),
        })
    }

    /// All that is left, at most `limit` bytes.
    ///
    /// # Errors
    /// As for [`ReceiveStream::read`], and [`Error::TooLarge`] as soon as there is more.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut all = Vec::new();
        while let Some(part) = self.read().await? {
            if part.len() > limit - all.len() {
                return Err(Error::TooLarge { limit });
            }
            all.extend_from_slice(&part);
        }
        Ok(all)
    }

    /// Asks the other end to send no more, and says why. What comes all the same is dropped.
    pub fn stop(&mut self, code: u32) {
        if self.end.is_none() {
            let id = self.id;
            work(&*self.door, |carrier| carrier.stop(id, code));
            self.end = Some(End::Stopped);
        }
    }
}

impl Drop for ReceiveStream {
    fn drop(&mut self) {
        self.stop(0);
        self.door.line().remove_half(self.id);
    }
}

impl fmt::Debug for ReceiveStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveStream").field("id", &self.id()).finish_non_exhaustive()
    }
}
