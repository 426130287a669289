//! What the application is told of sessions and their streams.

use alloc::string::String;
use base::{Direction, StreamId};

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// To a session, which is named by the stream of its request.
    Session(StreamId, SessionEvent),
    /// To a stream of a session.
    Stream(StreamId, StreamEvent),
}

/// Something about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The other end opened a stream ([`Sessions::accept`](crate::Sessions::accept)).
    Incoming(Direction),
    /// A stream can be opened again, after one could not.
    CanOpen(Direction),
    /// A datagram has come.
    Datagram,
    /// More or other datagrams can be sent than before: there is room after one was refused, or the largest has changed.
    DatagramsChanged,
    /// The other end, or the end of the connection, asks for the session to end soon. It may still be used.
    Draining,
    /// It is over. Of it nothing follows but [`Settled`](SessionEvent::Settled), and of its streams nothing.
    Closed(Closed),
    /// Nothing of it is left: a close of this side was answered, or the request broken off.
    Settled,
}

/// Something about a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// There is something to read, or the end, or a reset.
    Readable,
    /// There is room to write again.
    Writable,
    /// The other end does not read any more, for this reason if it is one of an application.
    Stopped(Option<u32>),
    /// All that was written, and the end, has arrived.
    Delivered,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// This side closed it.
    Here {
        /// The code that was said.
        code: u32,
        /// The message.
        reason: String,
    },
    /// The other end did.
    There {
        /// The code that it said; 0 if it said none.
        code: u32,
        /// Its message.
        reason: String,
    },
    /// The other end broke it off with this code of HTTP/3.
    Reset(u64),
    /// The other end broke the rules.
    Breach(crate::Violation),
    /// The connection is over.
    Connection,
}
