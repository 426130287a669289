//! The errors of the library, with texts that say what failed, where, and what to do about it.

use crate::codes;
use crate::reverse_proxy::failure::BackendFailure;
use crate::server::cut_request::CutRequest;
use crate::url::BadUrl;
use http::exchange::{Reason, SendError};
use http::{Malformed, Status};
use quic::CloseReason;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use websocket::Closing;

/// Why something of the library failed. Its `Debug` is its text as well, because a `main` that returns an error shows that.
#[derive(Clone)]
#[non_exhaustive]
pub enum Error {
    /// The text is not a URL that can be fetched.
    Url(BadUrl),
    /// A file could not be used.
    File {
        /// Which.
        path: PathBuf,
        /// What could not be done, as in "read".
        action: &'static str,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// The system gives no socket, descriptor or thread.
    System(Arc<io::Error>),
    /// The address cannot be listened on.
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// A certificate or key of this side, or the authorities of its clients, cannot be used; says which and why.
    Identity(String),
    /// Trusted certificates could not be read; says which and why.
    Roots(String),
    /// The name has no address, or that was not known in time.
    Resolve {
        /// The name.
        host: String,
        /// What the system says.
        error: Arc<io::Error>,
    },
    /// None of several addresses could be connected to.
    Unreachable {
        /// The name they belong to.
        host: String,
        /// Each address, and why it failed.
        attempts: Vec<(SocketAddr, Error)>,
    },
    /// There is no route to the address.
    NoRoute {
        /// Which.
        address: SocketAddr,
        /// What the system says.
        error: Arc<io::Error>,
    },
    /// The remote host reported that the port is closed.
    Refused {
        /// Which.
        address: SocketAddr,
    },
    /// Nothing came back.
    NoAnswer {
        /// From where.
        address: SocketAddr,
        /// After how long it was given up.
        after: Duration,
    },
    /// A server that is reached through a proxy did not answer: the proxy, the server or the way between.
    NotInTime {
        /// The server, as host and port.
        server: String,
        /// After how long it was given up.
        after: Duration,
    },
    /// The server's certificate was refused.
    Certificate {
        /// The name that was asked for.
        host: String,
        /// What is wrong with it.
        error: x509::Error,
    },
    /// The WebTransport session is over, because one end has closed it.
    SessionClosed {
        /// The code that was said.
        code: u32,
        /// The message.
        reason: String,
        /// Whether it was the other end.
        by_peer: bool,
    },
    /// The WebTransport session is over, because the other end broke its rules.
    SessionBreach {
        /// What it did.
        what: &'static str,
        /// Where that is forbidden.
        section: &'static str,
    },
    /// The other end gave up a stream of a WebTransport session.
    StreamReset {
        /// Its code; `None` if it was not the application that did.
        code: Option<u32>,
    },
    /// The other end wants no more of a stream of a WebTransport session.
    StreamStopped {
        /// Its code; `None` if it was not the application that said so.
        code: Option<u32>,
    },
    /// The server does not speak HTTP/3.
    NotHttp3 {
        /// Where.
        address: SocketAddr,
    },
    /// The server does not speak the protocol that a session without HTTP was asked for by.
    NotSpoken {
        /// Where.
        address: SocketAddr,
        /// Which.
        protocol: String,
    },
    /// A proxy that the client goes through was not reached or refused, or something went wrong behind it.
    Proxy {
        /// Its URL.
        proxy: String,
        /// What.
        error: Box<Error>,
    },
    /// The connection ended, for a reason that none of the other variants says better.
    Closed {
        /// The other end.
        address: SocketAddr,
        /// Why.
        reason: CloseReason,
    },
    /// A TCP connection was cut, by the other end or on the way, before all was said.
    BrokenOff {
        /// The other end.
        address: SocketAddr,
    },
    /// The server speaks no version of HTTP over TCP that this client does, or TLS failed there.
    Tls {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: tls::record::Error,
    },
    /// The other end broke the rules of the connection, which was closed for it.
    Breach {
        /// The other end.
        address: SocketAddr,
        /// What it did.
        what: &'static str,
        /// The section of the standard that forbids it.
        section: &'static str,
    },
    /// The other end sent a malformed message.
    Malformed {
        /// The other end.
        address: SocketAddr,
        /// What is wrong with it.
        malformed: Malformed,
    },
    /// The other end is about to close the connection and takes no more requests.
    GoingAway,
    /// This side has closed the connection, or was told to.
    ShutDown,
    /// The server ended before it had answered all requests that were under way.
    Unfinished {
        /// How many were cut short.
        requests: usize,
        /// Which they were, if the server was to say that ([`ServerBuilder::name_cut_requests`](crate::ServerBuilder::name_cut_requests)).
        cut: Vec<CutRequest>,
    },
    /// The other end broke the message off.
    Reset {
        /// Why.
        reason: Reason,
    },
    /// The other end does not want the rest of the body.
    Stopped {
        /// Why.
        reason: Reason,
    },
    /// The other end was slower than the server's time limits allow ([`TimeLimits`](crate::TimeLimits)).
    TooSlow {
        /// The other end.
        address: SocketAddr,
        /// With taking what is sent to it, and not with sending.
        is_reader: bool,
    },
    /// The server took longer than this client's [`Timeouts`](crate::Timeouts) allow.
    TimedOut {
        /// Which of them was over.
        waited: Waited,
        /// How long it is.
        after: Duration,
    },
    /// The body of a request could not be read; it was broken off.
    Upload(Arc<io::Error>),
    /// A response sends its client on, and it does not go there.
    NotFollowed {
        /// Where it was sent.
        to: String,
        /// Why it does not go.
        why: NotFollowed,
    },
    /// The body is larger than was allowed for.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body is no JSON, or more of it than was allowed.
    Json(json::Error),
    /// A request should have brought JSON, and does not say that it does.
    NotJson {
        /// What it says that it brings.
        content_type: Option<String>,
    },
    /// The server does not begin the tunnel that was asked for.
    TunnelRefused {
        /// What it has answered.
        status: Status,
    },
    /// A server behind a [`ReverseProxy`](crate::ReverseProxy) did not answer, or not to the end.
    Backend {
        /// Which, as it was named.
        backend: Arc<str>,
        /// What went wrong.
        failure: BackendFailure,
    },
    /// The server takes no extended CONNECT over the version of HTTP that it was reached by.
    NoExtendedConnect,
    /// A WebSocket has ended, and not as both ends wanted.
    WebSocket(Closing),
    /// What was to be sent breaks the rules of HTTP.
    Message(String),
}

/// Why a client does not go where a response sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotFollowed {
    /// It was sent on as often as it may be.
    TooOften {
        /// How often that is.
        limit: u32,
    },
    /// It is no `https` URL.
    Url(BadUrl),
}

/// Which of a client's timeouts was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// [`Timeouts::first_byte`](crate::Timeouts::first_byte).
    FirstByte,
    /// [`Timeouts::idle`](crate::Timeouts::idle).
    Idle,
    /// [`Timeouts::whole`](crate::Timeouts::whole).
    Whole,
}

impl Error {
    /// A file could not be `action` ("read").
    pub(crate) fn file(path: &Path, action: &'static str, error: io::Error) -> Error {
        Error::File { path: path.to_owned(), action, error: Arc::new(error) }
    }

    /// The system refuses something.
    pub(crate) fn system(error: io::Error) -> Error {
        Error::System(Arc::new(error))
    }

    /// Something of HTTP that is not well-formed.
    pub(crate) fn message(error: impl fmt::Display) -> Error {
        Error::Message(error.to_string())
    }

    /// A request did not go.
    pub(crate) fn not_sent(error: SendError) -> Error {
        match error {
            SendError::NoExtendedConnect => Error::NoExtendedConnect,
            error => Error::message(error),
        }
    }

    /// A connection ended. `host` is what the application calls the other end.
    pub(crate) fn closed(host: Option<&str>, address: SocketAddr, reason: &CloseReason) -> Error {
        match reason {
            CloseReason::Tls(tls::Error::Certificate(error)) => {
                let host = host.map_or_else(|| address.ip().to_string(), str::to_owned);
                Error::Certificate { host, error: error.clone() }
            }
            CloseReason::Tls(error) if error.violation() == Some(tls::Violation::NoApplicationProtocol) => {
                Error::NotHttp3 { address }
            }
            CloseReason::PeerTransport { code, .. } if code.0 == NO_APPLICATION_PROTOCOL => Error::NotHttp3 { address },
            CloseReason::HandshakeTimeout(after) => Error::NoAnswer { address, after: *after },
            CloseReason::Local { code } if code.value() == codes::NO_ERROR => Error::ShutDown,
            reason => Error::Closed { address, reason: reason.clone() },
        }
    }

    /// Whether nothing was done with the request, so that it can be sent again whatever its method (RFC 9114 sections 4.1.1
    /// and 5.2).
    pub fn is_unprocessed(&self) -> bool {
        match self {
            Error::GoingAway => true,
            Error::Reset { reason } => *reason == Reason::Rejected,
            _ => false,
        }
    }

    /// What a client is to be answered whose request could not be read: 400, 408, 413 or 415 where it is the client's doing, and
    /// 500 otherwise.
    pub fn status(&self) -> u16 {
        match self {
            Error::Json(_) | Error::Malformed { .. } => 400,
            Error::TooSlow { is_reader: false, .. } => 408,
            Error::TooLarge { .. } => 413,
            Error::NotJson { .. } => 415,
            _ => 500,
        }
    }

    /// Whether the connection is gone, and another may do better.
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Error::Closed { reason, .. } => !is_refusal(reason),
            error => matches!(error, Error::GoingAway | Error::BrokenOff { .. }),
        }
    }
}

/// Whether one side has refused the other's handshake, as it would the next one: its certificate, say, or that there is none.
fn is_refusal(reason: &CloseReason) -> bool {
    match reason {
        CloseReason::Tls(_) | CloseReason::VersionNegotiation { .. } => true,
        CloseReason::PeerTransport { code, .. } => TLS_ALERTS.contains(&code.0) && code.0 != INTERNAL_ERROR,
        _ => false,
    }
}

/// 0x100 and an alert (RFC 9001 section 4.8).
const TLS_ALERTS: std::ops::RangeInclusive<u64> = 0x100..=0x1ff;
/// The alert that says nothing about the other side (RFC 9846 section 6.2).
const INTERNAL_ERROR: u64 = 0x150;

/// 0x100 and the alert (RFC 9001 section 4.8, RFC 7301 section 3.2).
const NO_APPLICATION_PROTOCOL: u64 = 0x178;

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Url(error) => error.fmt(f),
            Error::File { path, action, error } => {
                write!(f, "{} could not be {action}: {}", path.display(), plain(error))
            }
            Error::System(error) => write!(f, "the operating system refused: {}", plain(error)),
            Error::Listen { address, error } => write_listen(f, *address, error),
            Error::Identity(text) | Error::Roots(text) | Error::Message(text) => f.write_str(text),
            Error::Resolve { host, error } if error.kind() == io::ErrorKind::TimedOut => {
                write!(f, "{host} could not be looked up: {}; are the name servers reachable?", plain(error))
            }
            Error::Resolve { host, error } => write!(f, "{host} has no address: {}", plain(error)),
            Error::Unreachable { host, attempts } => {
                write!(f, "{host} could not be reached at any of its addresses")?;
                attempts.iter().try_for_each(|(_, error)| write!(f, "\n  {error}"))
            }
            Error::NoRoute { address, error } => write!(f, "no route to {address}: {}", plain(error)),
            Error::Refused { address } => write!(
                f,
                "connection refused: UDP port {} of {} is closed; is the server running?",
                address.port(),
                address.ip()
            ),
            Error::NoAnswer { address, after } => write!(
                f,
                "no answer from {address} within {}: is an HTTP/3 server running there, and is UDP blocked on the way?",
                seconds(*after)
            ),
            Error::NotInTime { server, after } => write!(f, "no answer from {server} within {}", seconds(*after)),
            Error::Certificate { host, error } => write!(f, "the certificate of {host} is refused: {error}"),
            Error::NotHttp3 { address } => {
                write!(f, "{address} speaks QUIC but not HTTP/3: it does not accept the protocol \"h3\"")
            }
            Error::NotSpoken { address, protocol } => write_not_spoken(f, *address, protocol),
            Error::Proxy { proxy, error } => write_proxy(f, proxy, error),
            Error::Closed { address, reason } => write_closed(f, *address, reason),
            Error::BrokenOff { address } => write!(f, "the connection with {address} broke off"),
            Error::Tls { address, error } => write!(f, "TLS with {address} failed: {error}"),
            Error::Breach { address, what, section } => {
                write!(f, "{address} violated HTTP: {what} ({section})")
            }
            Error::Malformed { address, malformed } => write!(f, "{address} sent a malformed message: {malformed}"),
            Error::GoingAway => {
                f.write_str("the server is shutting down and takes no more requests; send the request again")
            }
            Error::ShutDown => f.write_str("this side closed the connection"),
            Error::Unfinished { requests, cut } => write_unfinished(f, *requests, cut),
            Error::Reset { reason } => write_reason(f, "the peer reset the stream", *reason),
            Error::Stopped { reason } => write_reason(f, "the other end does not want the rest of the body", *reason),
            Error::TooSlow { address, is_reader } => write_too_slow(f, *address, *is_reader),
            Error::Json(error) => write!(f, "the body is no JSON that is taken here: {error}"),
            Error::NotJson { content_type } => write_not_json(f, content_type.as_deref()),
            Error::TunnelRefused { status } => {
                write!(f, "the server refuses the tunnel: it answered {status}")
            }
            Error::SessionClosed { .. } | Error::SessionBreach { .. } => write_of_session(f, self),
            Error::StreamReset { .. } | Error::StreamStopped { .. } => write_of_session(f, self),
            Error::NoExtendedConnect => f.write_str(NO_EXTENDED_CONNECT),
            Error::WebSocket(closing) => closing.fmt(f),
            Error::Upload(error) => {
                write!(f, "the body could not be read, so the request was broken off: {}", plain(error))
            }
            Error::TimedOut { waited, after } => write_timed_out(f, *waited, *after),
            Error::NotFollowed { to, why } => write_not_followed(f, to, why),
            Error::Backend { backend, failure } => write!(f, "the backend {backend} failed: {failure}"),
            Error::TooLarge { limit } => write!(f, "the body is larger than the limit of {limit} bytes"),
        }
    }
}

impl std::error::Error for Error {}

/// How many of the requests that were cut short are named in one message.
const MOST_NAMED: usize = 16;

fn write_unfinished(f: &mut fmt::Formatter<'_>, requests: usize, cut: &[CutRequest]) -> fmt::Result {
    let (what, were) = if requests == 1 { ("request", "was") } else { ("requests", "were") };
    write!(f, "the server ended with {requests} {what} under way, which {were} cut short")?;
    cut.iter().take(MOST_NAMED).try_for_each(|request| write!(f, "\n  {request}"))?;
    if cut.len() > MOST_NAMED { write!(f, "\n  and {} more", cut.len() - MOST_NAMED) } else { Ok(()) }
}

fn write_not_spoken(f: &mut fmt::Formatter<'_>, address: SocketAddr, protocol: &str) -> fmt::Result {
    write!(f, "{address} speaks QUIC but does not accept the protocol \"{protocol}\"")
}

fn write_proxy(f: &mut fmt::Formatter<'_>, proxy: &str, error: &Error) -> fmt::Result {
    match error {
        Error::TunnelRefused { status } => {
            write!(f, "the proxy {proxy} refuses the way to the server with {status}")
        }
        error => write!(f, "through the proxy {proxy}: {error}"),
    }
}

fn write_too_slow(f: &mut fmt::Formatter<'_>, address: SocketAddr, is_reader: bool) -> fmt::Result {
    let what = if is_reader { "take the response" } else { "send its request" };
    write!(f, "{address} did not {what} at the least rate that the server's time limits ask for")
}

fn write_of_session(f: &mut fmt::Formatter<'_>, error: &Error) -> fmt::Result {
    match error {
        Error::SessionClosed { code, reason, by_peer } => write_session_closed(f, *code, reason, *by_peer),
        Error::SessionBreach { what, section } => write!(f, "the session is over: {what} ({section})"),
        Error::StreamReset { code: Some(code) } => write!(f, "the other end gave the stream up (code {code})"),
        Error::StreamReset { code: None } => f.write_str("the other end gave the stream up"),
        Error::StreamStopped { code: Some(code) } => {
            write!(f, "the other end wants no more of the stream (code {code})")
        }
        _ => f.write_str("the other end wants no more of the stream"),
    }
}

fn write_session_closed(f: &mut fmt::Formatter<'_>, code: u32, reason: &str, by_peer: bool) -> fmt::Result {
    let who = if by_peer { "the other end" } else { "this side" };
    write!(f, "{who} has closed the session (code {code})")?;
    if reason.is_empty() { Ok(()) } else { write!(f, ": {reason:?}") }
}

const NO_EXTENDED_CONNECT: &str = "the server does not support extended CONNECT over the version of HTTP that it was reached by, so it begins no tunnel";

fn write_not_followed(f: &mut fmt::Formatter<'_>, to: &str, why: &NotFollowed) -> fmt::Result {
    write!(f, "the redirect to {to:?} is not followed: ")?;
    match why {
        NotFollowed::TooOften { limit } => write!(f, "it would be more than {limit} in a row"),
        NotFollowed::Url(error) => write!(f, "{error}"),
    }
}

impl From<BadUrl> for Error {
    fn from(error: BadUrl) -> Error {
        Error::Url(error)
    }
}

impl From<http::InvalidField> for Error {
    fn from(error: http::InvalidField) -> Error {
        Error::message(error)
    }
}

impl From<http::InvalidStatus> for Error {
    fn from(error: http::InvalidStatus) -> Error {
        Error::message(error)
    }
}

fn write_listen(f: &mut fmt::Formatter<'_>, address: SocketAddr, error: &io::Error) -> fmt::Result {
    write!(f, "cannot listen on {address}: ")?;
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            write!(f, "UDP port {} is taken by another program; stop it or choose another port", address.port())
        }
        io::ErrorKind::AddrNotAvailable => f.write_str("this machine does not have the address"),
        io::ErrorKind::PermissionDenied => f.write_str("ports below 1024 need privileges; choose another port"),
        _ => f.write_str(&plain(error)),
    }
}

fn write_timed_out(f: &mut fmt::Formatter<'_>, waited: Waited, after: Duration) -> fmt::Result {
    let after = seconds(after);
    match waited {
        Waited::FirstByte => write!(f, "no response within {after} of the request (Timeouts::first_byte)"),
        Waited::Idle => write!(f, "the server has sent nothing more of the body for {after} (Timeouts::idle)"),
        Waited::Whole => write!(f, "the request was not complete within {after} (Timeouts::whole)"),
    }
}

fn write_closed(f: &mut fmt::Formatter<'_>, address: SocketAddr, reason: &CloseReason) -> fmt::Result {
    let (code, words, text) = match reason {
        CloseReason::PeerApplication { code, reason } => (code.value(), codes::of_http(code.value()), reason),
        CloseReason::PeerTransport { code, reason, .. } => (code.0, codes::of_transport(code.0), reason),
        reason => return write!(f, "the connection with {address} ended: {reason}"),
    };
    write!(f, "{address} closed the connection: {} ({code:#x})", words.unwrap_or("unknown code"))?;
    if text.is_empty() { Ok(()) } else { write!(f, ": \"{text}\"") }
}

fn write_not_json(f: &mut fmt::Formatter<'_>, content_type: Option<&str>) -> fmt::Result {
    match content_type {
        Some(content_type) => write!(f, "the content type is {content_type}, and has to be application/json"),
        None => f.write_str("the request has no content type, and has to say that it brings application/json"),
    }
}

fn write_reason(f: &mut fmt::Formatter<'_>, what: &str, reason: Reason) -> fmt::Result {
    match reason {
        Reason::Other(code) => write!(f, "{what}: {} ({code:#x})", codes::of_http(code).unwrap_or("unknown code")),
        reason => write!(f, "{what}: {reason}"),
    }
}

/// What the system says, without the number that Rust appends.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn seconds(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_and_where() {
        let address: SocketAddr = "127.0.0.1:4433".parse().unwrap();
        let taken = Arc::new(io::Error::from(io::ErrorKind::AddrInUse));
        for (error, parts) in [
            (Error::Listen { address, error: taken }, ["port 4433", "choose another port"]),
            (Error::Refused { address }, ["refused", "port 4433 of 127.0.0.1"]),
            (Error::NoAnswer { address, after: Duration::from_millis(2500) }, ["2.5 s", "127.0.0.1:4433"]),
            (Error::Reset { reason: Reason::Rejected }, ["reset the stream", "sent again"]),
            (Error::Stopped { reason: Reason::Other(0x106) }, ["malformed frame", "0x106"]),
            (Error::Stopped { reason: Reason::Other(0x7777) }, ["unknown code", "0x7777"]),
            (
                Error::file(Path::new("/x"), "read", io::Error::from_raw_os_error(2)),
                ["/x", "No such file or directory"],
            ),
        ] {
            let text = error.to_string();
            assert_eq!(format!("{error:?}"), text, "what a `main` that fails shows");
            for part in parts {
                assert!(text.contains(part), "{text}");
            }
            assert!(!text.contains("os error"), "{text}");
        }
    }

    #[test]
    fn the_end_of_a_connection_is_told_by_its_cause() {
        let address: SocketAddr = "[::1]:1".parse().unwrap();
        let certificate = x509::Error::UnknownIssuer { issuer: "X".into(), unreadable: None };
        let reason = CloseReason::Tls(tls::Error::Certificate(certificate));
        assert!(
            Error::closed(Some("a"), address, &reason)
                .to_string()
                .contains("certificate of a is refused: issuer not found: X")
        );
        let reason = CloseReason::PeerApplication { code: base::VarInt::from_u32(0x102), reason: "oh".into() };
        let text = Error::closed(Some("a"), address, &reason).to_string();
        assert!(text.contains("internal error of the peer (0x102): \"oh\""), "{text}");
    }
}
