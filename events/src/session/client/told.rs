//! What passes between a client and the program that has it.

use crate::code::ErrorCode;
use crate::frame::Frame;
use crate::messages::{AuthAck, Position, Settings};
use alloc::string::String;
use base::Duration;

/// An event that was given to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublishId(pub(super) u64);

/// Something that consumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConsumerId(pub(super) u64);

/// A request of which the program waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(super) u64);

/// What is consumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A subscription, which is made if it is not there.
    Subscription {
        /// Of which namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// How it delivers.
        settings: Settings,
    },
    /// What is stored in a namespace, once.
    Stored {
        /// Which.
        namespace: String,
        /// From where.
        start: Position,
        /// Events at most; 0 for all that there are.
        max_events: u64,
    },
}

/// What the client wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Connect, and tell how it went by [`Client::on_connected`](super::Client::on_connected) or [`Client::on_lost`](super::Client::on_lost).
    Connect,
    /// Open a stream of both directions, which has this number here.
    Open(u64),
    /// This stream may have something to send, or want bytes again.
    Ready(u64),
    /// Close the connection; [`Client::on_lost`](super::Client::on_lost) is not called for it.
    Close {
        /// By this code.
        code: ErrorCode,
        /// And this reason.
        reason: String,
    },
}

/// What the program is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The server has answered the first Ping of a connection: it is there, and so far away.
    Answered {
        /// The Ping went as early data.
        is_early: bool,
    },
    /// The server has let the client in.
    Connected(AuthAck),
    /// The connection is gone; another one is tried after so long.
    Disconnected {
        /// Why.
        reason: String,
        /// After how long.
        retry_in: Duration,
    },
    /// An event is stored.
    Published {
        /// Which.
        id: PublishId,
        /// Its place in its namespace.
        sequence: u64,
        /// It had been stored before.
        is_duplicate: bool,
    },
    /// Publishes are refused for now, and tried again until they are stored: told with the first, and again after one was stored.
    HeldBack {
        /// Why.
        code: ErrorCode,
        /// The same for people.
        message: String,
    },
    /// An event was refused, and is not tried again.
    NotPublished {
        /// Which.
        id: PublishId,
        /// Why.
        code: ErrorCode,
        /// The same for people.
        message: String,
    },
    /// A consumer has deliveries to take.
    Deliveries(ConsumerId),
    /// A consumer has come to its end: all that was stored was read, or it was refused.
    Ended {
        /// Which.
        consumer: ConsumerId,
        /// Why, if it was refused.
        refused: Option<(ErrorCode, String)>,
    },
    /// The answer to a request, which is a `Failure` also where the connection was lost.
    Answer(RequestId, Frame),
    /// The server ends the session; what is under way is finished first.
    GoingAway(String),
    /// The client is not let in, or has ended. Nothing comes after it.
    Closed {
        /// Why.
        code: ErrorCode,
        /// The same for people.
        reason: String,
    },
}

/// Nothing more can be given to publish until something is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueFull;
