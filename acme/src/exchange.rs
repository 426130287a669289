//! Requests to an authority, and what is read of their answers.

use alloc::string::String;
use alloc::vec::Vec;
use base::Duration;

/// A request that is to be sent. One with a body is a POST of `application/jose+json` (RFC 8555 section 6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// GET, HEAD or POST.
    pub method: &'static str,
    /// Where.
    pub url: String,
    /// What; empty for none.
    pub body: String,
}

/// What came of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The field Location.
    pub location: Option<String>,
    /// The field Replay-Nonce (RFC 8555 section 6.5.1).
    pub nonce: Option<String>,
    /// The field Retry-After, from now on.
    pub retry_after: Option<Duration>,
    /// The content.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether it may be better later: the server says so of itself.
    pub(crate) fn is_server_error(&self) -> bool {
        (500..600).contains(&self.status)
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
