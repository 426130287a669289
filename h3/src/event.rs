//! What the application is told, and what its calls answer.

use crate::settings::PeerSettings;
use crate::transport::WriteError;
use crate::violation::Violation;
use base::{Bytes, StreamId, VarInt};
use core::fmt;
use http::{Fields, Malformed, RequestHead, ResponseHead};

/// Something happened. After `Finished`, `Reset` or `Failed` there is nothing more to receive on that stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A server got a request. It is in hand until the application ends its response with `finish` or `reset`.
    Request {
        /// Its stream.
        id: StreamId,
        /// What is asked for.
        head: RequestHead,
    },
    /// A client got a final response.
    Response {
        /// The stream of the request.
        id: StreamId,
        /// The outcome.
        head: ResponseHead,
    },
    /// A client got an informational response; the final one is still to come.
    Informational {
        /// The stream of the request.
        id: StreamId,
        /// What is told ahead.
        head: ResponseHead,
    },
    /// Content has come: call `read_body` until it says `Blocked` or `End`.
    Body {
        /// Its stream.
        id: StreamId,
    },
    /// Trailers have come, after all of the content.
    Trailers {
        /// Their stream.
        id: StreamId,
        /// The trailer fields.
        fields: Fields,
    },
    /// The message is complete, and as long as it said it was.
    Finished {
        /// Its stream.
        id: StreamId,
    },
    /// A stream that left data with the application takes more.
    Writable {
        /// The stream.
        id: StreamId,
    },
    /// The peer gave up sending its message. A client gets `H3_REQUEST_REJECTED` also for what a GOAWAY left out.
    Reset {
        /// The stream.
        id: StreamId,
        /// Its reason.
        code: VarInt,
    },
    /// The peer does not read our message any more. A response that still comes is as good as any.
    Stopped {
        /// The stream.
        id: StreamId,
        /// Its reason.
        code: VarInt,
    },
    /// The peer's message is malformed; both directions of the stream were given up and the stream is gone. Earlier events
    /// about it that were not polled are dropped, so a server may hear of a stream here for the first time.
    Failed {
        /// The stream.
        id: StreamId,
        /// What is wrong.
        violation: Violation,
    },
    /// The peer will take no new requests. Of a client's requests, those from `id` on were not processed.
    GoAway {
        /// The first that is not processed; of a client's GOAWAY, a push ID.
        id: u64,
    },
    /// The peer allows a request that had to wait (`SendError::Blocked`).
    RequestsAvailable,
    /// The peer's settings.
    Settings(PeerSettings),
    /// The connection is over. No event follows.
    Closed {
        /// The code it was closed with.
        code: VarInt,
        /// What this side found, if it was this side that closed for a breach.
        violation: Option<Violation>,
    },
}

impl Event {
    /// The stream it is about.
    pub const fn stream(&self) -> Option<StreamId> {
        match self {
            Event::Request { id, .. }
            | Event::Response { id, .. }
            | Event::Informational { id, .. }
            | Event::Body { id }
            | Event::Trailers { id, .. }
            | Event::Finished { id }
            | Event::Writable { id }
            | Event::Reset { id, .. }
            | Event::Stopped { id, .. }
            | Event::Failed { id, .. } => Some(*id),
            Event::GoAway { .. } | Event::RequestsAvailable | Event::Settings(_) | Event::Closed { .. } => None,
        }
    }
}

/// A piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Bytes, at least one.
    Data(Bytes),
    /// Nothing for now; `Event::Body` will follow, or the event that ends the message.
    Blocked,
    /// There is no more: the message was complete.
    End,
    /// The stream is not read any more. Whether its message was complete was told by its last event, and only by that.
    Gone,
}

/// Why something was not sent. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The peer allows no more streams for now.
    Blocked,
    /// The connection takes no new requests: one side said GOAWAY.
    GoingAway,
    /// The connection is closed.
    Closed,
    /// No such stream, or its sending side has ended.
    NoStream,
    /// The peer does not read this message any more, for this reason.
    Stopped(VarInt),
    /// Not the moment for this part of a message.
    WrongOrder,
    /// The peer would have to refuse it.
    Malformed(Malformed),
    /// The fields are larger than the peer takes.
    TooLarge,
    /// The peer does not take extended CONNECT.
    NoExtendedConnect,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Blocked => "the peer allows no more streams for now",
            SendError::GoingAway => "the connection takes no new requests",
            SendError::Closed => "the connection is closed",
            SendError::NoStream => "the stream has ended",
            SendError::Stopped(_) => "the peer does not read this message any more",
            SendError::WrongOrder => "not the moment for this part of a message",
            SendError::Malformed(malformed) => malformed.reason(),
            SendError::TooLarge => "the fields are larger than the peer takes",
            SendError::NoExtendedConnect => "the peer does not take extended CONNECT",
        })
    }
}

impl core::error::Error for SendError {}

impl From<WriteError> for SendError {
    fn from(error: WriteError) -> SendError {
        match error {
            WriteError::Stopped(code) => SendError::Stopped(code),
            WriteError::Closed => SendError::NoStream,
        }
    }
}

impl From<Malformed> for SendError {
    fn from(malformed: Malformed) -> SendError {
        SendError::Malformed(malformed)
    }
}
