//! What a program is told: receipts, errors, and what happens to the connection.

use crate::error::Error;
use events::ErrorCode;
use std::fmt;
use std::time::Duration;

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventError {
    /// The protocol's code.
    pub code: ErrorCode,
    /// What, where, and what to do about it.
    pub message: String,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() { write!(f, "{}", self.code) } else { f.write_str(&self.message) }
    }
}

impl std::error::Error for EventError {}

impl From<EventError> for Error {
    fn from(error: EventError) -> Error {
        Error::Message(error.to_string())
    }
}

pub(super) fn failed(code: ErrorCode, message: impl Into<String>) -> EventError {
    EventError { code, message: message.into() }
}

/// What happens to a client, for a log.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventClientEvent {
    /// The server has answered the first ping of a connection: it is there.
    Answered {
        /// The ping went as early data, and the server took it.
        is_early: bool,
    },
    /// The server has let it in.
    Connected,
    /// The server refuses publishes for now, because its disk is full or it has too much to do. They are tried again until they are
    /// stored; this is told once, and again after one was stored.
    HeldBack {
        /// Why.
        code: ErrorCode,
        /// The same for people.
        reason: String,
    },
    /// The connection is gone, or there was none to be had.
    Disconnected {
        /// Why.
        reason: String,
        /// After how long it is tried again.
        retry_in: Duration,
    },
    /// The server ends the session, and the client will connect again.
    GoingAway(String),
    /// It is over.
    Closed {
        /// Why.
        code: ErrorCode,
        /// The same for people.
        reason: String,
    },
}

/// Where an event is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in its namespace.
    pub sequence: u64,
    /// It had been stored before.
    pub is_duplicate: bool,
}
