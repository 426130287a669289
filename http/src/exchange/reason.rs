//! Why an exchange is given up, in terms that every version has.

use core::fmt;

/// The reason that one side tells the other when it breaks off a message, or does not want the rest of one. HTTP/3 and
/// HTTP/2 have a code for each (RFC 9114 section 8.1, RFC 9113 section 7); what only one of them knows is
/// [`Reason::Other`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Nothing is wrong: the rest is not needed.
    NotNeeded,
    /// The request or its response is no longer wanted, or the server has given up after it began.
    Cancelled,
    /// The server did nothing with the request, so it can be sent again.
    Rejected,
    /// The side that says so failed.
    Internal,
    /// The other side causes too much work.
    ExcessiveLoad,
    /// The other side broke the rules of the protocol.
    Protocol,
    /// The message is malformed.
    Malformed,
    /// The message ended before it was complete.
    Incomplete,
    /// The connection behind a CONNECT request failed.
    Connect,
    /// The server wants to be asked over another version of HTTP.
    VersionFallback,
    /// Another code of the version that is spoken. One that its wire cannot hold is sent as [`Reason::Internal`].
    Other(u64),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::NotNeeded => "no error, the rest is not needed",
            Reason::Cancelled => "the exchange was cancelled",
            Reason::Rejected => "the server did not process the request: it can be sent again",
            Reason::Internal => "internal error of the peer",
            Reason::ExcessiveLoad => "the peer detected excessive load",
            Reason::Protocol => "the peer reports a protocol error",
            Reason::Malformed => "the peer reports a malformed message",
            Reason::Incomplete => "the peer reports that the message ended before it was complete",
            Reason::Connect => "the connection behind a CONNECT request failed",
            Reason::VersionFallback => "the server requires another version of HTTP for this request",
            Reason::Other(code) => return write!(f, "code {code:#x}"),
        })
    }
}
