//! What became of each request, for a log.

use crate::exchange::version::HttpVersion;
use http::{Method, Status};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// One request, and what the server sent for it. See `ServerBuilder::on_answer`.
///
/// Its text is one line: address, method, target, status, bytes and milliseconds, separated by spaces. Whatever a client may
/// have put into it is visible ASCII.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Answer<'a> {
    /// Who asked.
    pub remote: SocketAddr,
    /// What it came by.
    pub version: HttpVersion,
    /// What was to be done.
    pub method: &'a Method,
    /// With what: path and query as they were sent; host and port of a CONNECT.
    pub target: &'a str,
    /// Host and port that were asked for; empty if none were named.
    pub authority: &'a str,
    /// What led the client here, as it says (RFC 9110 section 10.1.3).
    pub referer: Option<&'a str>,
    /// What the client is, as it says (RFC 9110 section 10.1.5).
    pub user_agent: Option<&'a str>,
    /// The status of the response; `None` if none began.
    pub status: Option<Status>,
    /// Bytes of content that the transport took.
    pub bytes: u64,
    /// Whether the transport took the whole response. False if the client or the handler broke it off.
    pub is_complete: bool,
    /// From the arrival of the head until nobody worked on the request any more.
    pub duration: Duration,
}

/// Who is told.
pub(crate) type OnAnswer = dyn Fn(&Answer<'_>);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Methods are tokens and targets visible ASCII by the rules of HTTP. A log does not depend on that.
        let (method, target) = (self.method.as_str().escape_default(), self.target.escape_default());
        write!(f, "{} {method} {target} ", self.remote)?;
        match self.status {
            Some(status) => write!(f, "{}", status.code())?,
            None => f.write_str("-")?,
        }
        write!(f, " {} {:.3} ms", self.bytes, self.duration.as_secs_f64() * 1000.0)?;
        if self.is_complete { Ok(()) } else { f.write_str(" broken off") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_one_line_whatever_was_asked() {
        let answer = Answer {
            remote: "[::1]:50000".parse().unwrap(),
            version: HttpVersion::Http3,
            method: &Method::Get,
            target: "/a?b",
            authority: "a.example",
            referer: None,
            user_agent: None,
            status: Some(Status::OK),
            bytes: 1234,
            is_complete: true,
            duration: Duration::from_micros(1500),
        };
        assert_eq!(answer.to_string(), "[::1]:50000 GET /a?b 200 1234 1.500 ms");
        let broken = Answer { target: "/\r\n\x1b[2J\u{202e}", status: None, is_complete: false, ..answer };
        assert_eq!(broken.to_string(), "[::1]:50000 GET /\\r\\n\\u{1b}[2J\\u{202e} - 1234 1.500 ms broken off");
    }
}
