//! Messages, and what is said at the end.

use crate::close_code::CloseCode;
use alloc::string::String;
use alloc::vec::Vec;
use base::Bytes;

/// A message: what one end sends in one or more frames, and the other receives as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Any bytes.
    Binary(Bytes),
}

impl Message {
    /// Bytes of its content.
    pub fn len(&self) -> usize {
        match self {
            Message::Text(text) => text.len(),
            Message::Binary(bytes) => bytes.len(),
        }
    }

    /// Whether there is no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Message::Text(text) => Some(text),
            Message::Binary(_) => None,
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Message {
        Message::Text(text)
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Message {
        Message::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Message {
        Message::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Message {
        Message::Binary(bytes.into())
    }
}

/// What a Close frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Why; `None` if it does not say so.
    pub code: Option<CloseCode>,
    /// More of it, for whoever looks for a fault: at most 123 bytes, and not for users (RFC 6455 section 5.5.1).
    pub reason: String,
}

impl Close {
    /// Bytes of the longest reason: a control frame has 125, and two are the code.
    pub const MAX_REASON: usize = 123;

    /// With a code, and as much of the reason as a frame holds.
    pub fn new(code: CloseCode, reason: &str) -> Close {
        let most = reason.len().min(Close::MAX_REASON);
        let end = (0..=most).rev().find(|end| reason.is_char_boundary(*end)).expect("0 is a boundary");
        Close { code: Some(code), reason: reason[..end].into() }
    }

    /// Without a word.
    pub const fn unsaid() -> Close {
        Close { code: None, reason: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_too_long_is_cut_between_characters() {
        let long = "é".repeat(100);
        let close = Close::new(CloseCode::NORMAL, &long);
        assert_eq!(close.reason.len(), 122);
        assert_eq!(Close::new(CloseCode::NORMAL, "short").reason, "short");
        assert_eq!(Close::unsaid(), Close { code: None, reason: String::new() });
    }

    #[test]
    fn what_becomes_a_message() {
        assert_eq!(Message::from("a").as_text(), Some("a"));
        assert_eq!(Message::from(String::from("ab")).len(), 2);
        let bytes = Message::from(Vec::from([1, 2, 3]));
        assert_eq!((bytes.len(), bytes.as_text(), bytes.is_empty()), (3, None, false));
        assert!(Message::from(Bytes::new()).is_empty());
    }
}
