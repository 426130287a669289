//! Declared against real length of a body (RFC 9114 section 4.1.2).

use super::malformed::Malformed;
use super::rules;
use crate::method::Method;
use crate::request::RequestHead;
use crate::response::ResponseHead;
use crate::status::Status;

/// Counts a body as it passes. Ask [`on_end`](ContentLengthCheck::on_end) on every way a message can end, also when no
/// body byte ever came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLengthCheck {
    expected: Option<u64>,
    counted: u64,
}

impl ContentLengthCheck {
    /// For a request. Fails if Content-Length is not one number.
    /// RFC 9110 section 8.6-8.
    pub(crate) fn for_request(head: &RequestHead) -> Result<ContentLengthCheck, Malformed> {
        let declared = rules::content_length(&head.fields)?;
        // What follows CONNECT is a tunnel, not content.
        let expected = if head.method == Method::Connect { None } else { declared };
        Ok(ContentLengthCheck { expected, counted: 0 })
    }

    /// For a final response to a request with `method`. Fails if Content-Length is not one number.
    /// RFC 9110 section 6-1, 9.3.2-1.
    pub(crate) fn for_response(head: &ResponseHead, method: &Method) -> Result<ContentLengthCheck, Malformed> {
        // RFC 9110 section 9.3.6-7: whatever it says of the length.
        if *method == Method::Connect && head.status.is_successful() {
            return Ok(ContentLengthCheck { expected: None, counted: 0 });
        }
        let declared = rules::content_length(&head.fields)?;
        let expected = if *method == Method::Head || matches!(head.status, Status::NO_CONTENT | Status::NOT_MODIFIED) {
            // RFC 9110 s6.4.1: never content; Content-Length then speaks of what another request would have got.
            Some(0)
        } else {
            declared
        };
        Ok(ContentLengthCheck { expected, counted: 0 })
    }

    /// For a message that has no content, whatever its fields say.
    pub(super) const fn of_nothing() -> ContentLengthCheck {
        ContentLengthCheck { expected: Some(0), counted: 0 }
    }

    /// The message says so beside its fields: that is how long it has to be.
    pub const fn declare(&mut self, length: u64) {
        self.expected = Some(length);
    }

    /// How many bytes are still to come; `None` if the message did not say.
    pub fn remaining(&self) -> Option<u64> {
        self.expected.map(|expected| expected.saturating_sub(self.counted))
    }

    /// `count` more bytes of the body. Fails on the first byte too many.
    pub fn on_body(&mut self, count: u64) -> Result<(), Malformed> {
        let counted = self.counted.checked_add(count).ok_or(Malformed::BodyTooLong)?;
        if self.expected.is_some_and(|expected| counted > expected) {
            return Err(Malformed::BodyTooLong);
        }
        self.counted = counted;
        Ok(())
    }

    /// The message ends here.
    pub fn on_end(&self) -> Result<(), Malformed> {
        match self.expected {
            Some(expected) if expected != self.counted => Err(Malformed::BodyTooShort),
            _ => Ok(()),
        }
    }
}
