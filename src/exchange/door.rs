//! What a version of HTTP does for one exchange.
//!
//! Eight calls do all of its work. `open` is a client's, and is asked of its connection
//! ([`Connection`](crate::client::connection::Connection)), because before it there is no exchange; the seven others are
//! here, with two questions about early data. None of them waits: what cannot be done now is told later as an event.

use crate::webtransport::door::SessionDoor;
use base::{Bytes, StreamId};
use http::exchange::{Body, DatagramError, Reason, SendError};
use http::{Fields, Priority, ResponseHead};
use runtime::Handle;
use std::rc::Rc;
use std::task::{Context, Poll};

/// One exchange on its connection, for as long as an `Exchange` is about it. When it is dropped,
/// no task works on the exchange any more.
///
/// If the connection is over, sending fails with [`SendError::Closed`], and the exchange has been told why.
pub(crate) trait Door {
    /// Sends a head, and of `body` as much as fits, which is dropped from its front; with `ends` that is the whole message.
    /// On an error nothing was sent.
    fn respond(&self, head: &ResponseHead, body: &mut Bytes, ends: bool) -> Result<Responded, SendError>;

    /// How many of `wanted` bytes of content can be sent now. After it gave 0,
    /// [`Event::Writable`](http::exchange::Event::Writable) is told once there is room.
    fn room(&self, wanted: usize) -> Result<usize, SendError>;

    /// Sends as much of `data` as fits, and drops that from its front. After it left something,
    /// [`Event::Writable`](http::exchange::Event::Writable) is told once there is room.
    fn write(&self, data: &mut Bytes) -> Result<(), SendError>;

    /// The next content of the peer's message, at most `max` bytes; `None` if the connection is over. The peer may send as
    /// much again.
    fn read(&self, max: usize) -> Option<Body>;

    /// Ends the message, with these fields after it if there are any.
    fn finish(&self, trailers: Option<&Fields>) -> Result<(), SendError>;

    /// Says how urgent the response is from now on: a client to its server, a server to its transport. A version without
    /// priorities does nothing, because they are no more than hints.
    fn prioritize(&self, _priority: Priority) -> Result<(), SendError> {
        Ok(())
    }

    /// Sends a datagram of the exchange.
    fn send_datagram(&self, _content: &[u8]) -> Result<(), DatagramError> {
        Err(DatagramError::Unsupported)
    }

    /// The oldest datagram of the exchange that has come and was not read. After `None`,
    /// [`Event::Datagram`](http::exchange::Event::Datagram) is told when there is another one.
    fn read_datagram(&self) -> Option<Bytes> {
        None
    }

    /// Bytes of the largest datagram that can be sent now.
    fn max_datagram(&self) -> Result<usize, DatagramError> {
        Err(DatagramError::Unsupported)
    }

    /// Whatever the peer is slow with, the exchange is not given up for it.
    fn lift_time_limits(&self);

    /// Whether the other end is known to be there and to speak now, or the connection is over: what came before may be a
    /// repetition of what somebody has recorded.
    fn is_proven(&self) -> bool {
        true
    }

    /// Waits until that is so.
    fn poll_proven(&self, _context: &Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// The connection as one that has sessions, and the number by which one that begins with this exchange is known; `None` where the
    /// version or the connection has none.
    fn session_door(&self) -> Option<(Rc<dyn SessionDoor>, StreamId)> {
        None
    }

    /// The executor that it runs on, for those who have other things to wait for; a door of tests may have none.
    fn executor(&self) -> Option<&Handle> {
        None
    }

    /// Gives up, and says why.
    fn cancel(&self, extent: Extent, reason: Reason);
}

/// How far a response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Responded {
    /// All of it was sent.
    Whole,
    /// The head was sent. More is to follow, or what is left in the body.
    Begun,
    /// The head was sent, and for this reason not all of the rest.
    Broken(SendError),
}

/// What of an exchange is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Exchange,
    /// The rest of the peer's message; this side's goes on.
    Receiving,
}
