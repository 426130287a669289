//! Why something was not done.

use crate::error::Error;
use events::ErrorCode;
use std::fmt;

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
