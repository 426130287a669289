//! The head of a response (RFC 9110 section 15, RFC 9114 section 4.3.2).

use crate::fields::{Fields, InvalidField};
use crate::status::Status;

/// A status code and fields; informational responses too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The outcome.
    pub status: Status,
    /// All other fields.
    pub fields: Fields,
}

impl ResponseHead {
    /// Without fields.
    pub const fn new(status: Status) -> ResponseHead {
        ResponseHead { status, fields: Fields::new() }
    }

    /// The same with one field more.
    pub fn with_field(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<ResponseHead, InvalidField> {
        self.fields.push(name, value)?;
        Ok(self)
    }

    /// All lines as they go to the wire: `:status` first.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &[u8])> {
        core::iter::once((":status", self.status.as_str().as_bytes())).chain(self.fields.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_comes_first() {
        let head = ResponseHead::new(Status::NOT_FOUND).with_field("server", "x").unwrap();
        assert!(head.lines().eq([(":status", &b"404"[..]), ("server", b"x")]));
    }
}
