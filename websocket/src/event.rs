//! What an application is told.

use crate::message::{Close, Message};
use crate::violation::Violation;
use core::fmt;

/// Something that concerns the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message has come. No further one is read until this was polled.
    Message(Message),
    /// There is room again for messages that are to be sent, after it was asked for.
    Room,
    /// No message comes any more, and none is sent.
    Closed(Closing),
}

/// How a connection has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Both ends have said so. This is what the peer said.
    Clean(Close),
    /// The stream ended without a Close frame: what was sent last may be lost.
    BrokenOff,
    /// The peer answered nothing, or took nothing, for as long as it may.
    Silent,
    /// The peer broke the protocol, and was told.
    Violation(Violation),
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closing::Clean(Close { code: Some(code), reason }) if reason.is_empty() => {
                write!(f, "the other end closed the WebSocket with code {code}")
            }
            Closing::Clean(Close { code: Some(code), reason }) => {
                write!(f, "the other end closed the WebSocket with code {code}: {}", reason.escape_debug())
            }
            Closing::Clean(_) => f.write_str("the other end closed the WebSocket"),
            Closing::BrokenOff => f.write_str("the WebSocket broke off without a Close frame"),
            Closing::Silent => f.write_str("the other end of the WebSocket does not answer"),
            Closing::Violation(violation) => write!(f, "the other end broke the WebSocket protocol: {violation}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CloseCode;
    use alloc::string::ToString;

    #[test]
    fn words_for_each_end() {
        let of = |code, reason: &str| Closing::Clean(Close { code, reason: reason.into() }).to_string();
        assert_eq!(of(Some(CloseCode::NORMAL), ""), "the other end closed the WebSocket with code 1000");
        assert!(of(Some(CloseCode::POLICY), "a\n").ends_with("1008: a\\n"));
        assert_eq!(of(None, ""), "the other end closed the WebSocket");
        let breach = Closing::Violation(Violation::NotText).to_string();
        assert!(breach.ends_with("a text message that is not UTF-8 (RFC 6455 8.1)"), "{breach}");
    }
}
