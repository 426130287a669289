//! Why a part of a message was not sent.

use super::reason::Reason;
use crate::message_rules::Malformed;
use core::fmt;

/// Why something was not sent. Nothing of it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The peer allows no more exchanges for now.
    Blocked,
    /// The connection takes no new requests: one side said that it is about to end.
    GoingAway,
    /// The connection is closed.
    Closed,
    /// No such exchange, or its sending side has ended.
    Ended,
    /// The peer does not read this message any more, for this reason.
    Stopped(Reason),
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
            SendError::Blocked => "the peer's limit on requests is reached",
            SendError::GoingAway => "the connection takes no new requests",
            SendError::Closed => "the connection is closed",
            SendError::Ended => "the message has ended",
            SendError::Stopped(_) => "the peer has stopped reading this message",
            SendError::WrongOrder => {
                "this part of a message cannot be sent now: head first, then content, then trailers"
            }
            SendError::Malformed(malformed) => malformed.reason(),
            SendError::TooLarge => "the fields are larger than the peer accepts",
            SendError::NoExtendedConnect => "the peer does not support extended CONNECT",
        })
    }
}

impl core::error::Error for SendError {}

impl From<Malformed> for SendError {
    fn from(malformed: Malformed) -> SendError {
        SendError::Malformed(malformed)
    }
}
