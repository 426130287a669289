//! How a connection ended, and the errors that the application's calls can return.

use crate::violation::{TransportErrorCode, Violation};
use alloc::string::String;
use alloc::vec::Vec;
use base::{Duration, VarInt};
use core::fmt;

/// Why a connection is over. It is told once, in the last event of the connection.
#[derive(Clone, Debug, PartialEq)]
pub enum CloseReason {
    /// This side's application closed it.
    Local {
        /// In the application's codes.
        code: VarInt,
    },
    /// The peer's application closed it (CONNECTION_CLOSE of type 0x1d).
    PeerApplication {
        /// In the application's codes.
        code: VarInt,
        /// What the peer says of it, made printable.
        reason: String,
    },
    /// The peer's transport closed it (CONNECTION_CLOSE of type 0x1c).
    PeerTransport {
        /// A code of RFC 9000 section 20.1.
        code: TransportErrorCode,
        /// The frame type that provoked it; 0 if none.
        frame_type: u64,
        /// What the peer says of it, made printable.
        reason: String,
    },
    /// The peer broke the protocol, and this side closed.
    Violation {
        /// What it did.
        violation: Violation,
        /// The frame type that did it; 0 if none.
        frame_type: u64,
    },
    /// The TLS handshake failed on this side.
    Tls(tls::Error),
    /// Nothing was heard for this long (RFC 9000 section 10.1).
    IdleTimeout(Duration),
    /// The peer was heard, but acknowledged nothing for this long: the path has lost one direction, or carries too little (RFC 9002
    /// section 6.2.1, RFC 9000 section 14.2).
    Unanswered(Duration),
    /// The handshake was not done after this long.
    HandshakeTimeout(Duration),
    /// All packet numbers are used (RFC 9000 section 12.3).
    PacketNumbersExhausted,
    /// The peer has no state of this connection any more (RFC 9000 section 10.3).
    StatelessReset,
    /// The server speaks none of our versions but these (RFC 9000 section 6.2).
    VersionNegotiation {
        /// What the server offers.
        offered: Vec<u32>,
    },
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Local { code } => write!(f, "closed by this side with code {:#x}", code.value()),
            CloseReason::PeerApplication { code, reason } => {
                write!(f, "closed by the peer with application code {:#x}", code.value())?;
                quoted(f, reason)
            }
            CloseReason::PeerTransport { code, frame_type, reason } => {
                write!(f, "closed by the peer with transport error {:#x}", code.0)?;
                if *frame_type != 0 {
                    write!(f, " for a frame of type {frame_type:#x}")?;
                }
                quoted(f, reason)
            }
            CloseReason::Violation { violation, .. } => write!(f, "the peer violated the protocol: {violation}"),
            CloseReason::Tls(error) => write!(f, "the TLS handshake failed: {error}"),
            CloseReason::IdleTimeout(after) => write!(f, "idle timeout: no packet from the peer for {after:?}"),
            CloseReason::Unanswered(after) => {
                write!(
                    f,
                    "the peer acknowledged nothing for {after:?}, although its packets came: does the path carry 1200 bytes?"
                )
            }
            CloseReason::HandshakeTimeout(after) => write!(f, "handshake timeout: not complete after {after:?}"),
            CloseReason::PacketNumbersExhausted => f.write_str("no packet numbers are left"),
            CloseReason::StatelessReset => f.write_str("the peer has lost the connection (stateless reset)"),
            CloseReason::VersionNegotiation { offered } => {
                f.write_str("the server speaks no version of QUIC that is spoken here; it offers")?;
                // Those that mean nothing say nothing (RFC 9000 section 15).
                let meant = offered.iter().filter(|version| *version & 0x0f0f_0f0f != 0x0a0a_0a0a);
                meant.into_iter().try_for_each(|version| write!(f, " {version:#010x}"))
            }
        }
    }
}

impl core::error::Error for CloseReason {}

fn quoted(f: &mut fmt::Formatter<'_>, reason: &str) -> fmt::Result {
    if reason.is_empty() { Ok(()) } else { write!(f, ": \"{reason}\"") }
}

/// The most bytes of a peer's reason phrase that are kept.
const MAX_REASON: usize = 256;

/// A peer's reason phrase, cut to a bounded length and with everything unprintable escaped, so that it can be logged.
pub(crate) fn printable_reason(reason: &[u8]) -> String {
    let kept = reason.get(..reason.len().min(MAX_REASON)).unwrap_or(&[]);
    alloc::format!("{}", kept.escape_ascii())
}

/// A connection could not be opened.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectError {
    /// The endpoint holds as many connections as its limit allows.
    TooManyConnections,
    /// TLS could not start: a mistake in the configuration.
    Tls(tls::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::TooManyConnections => {
                f.write_str("the endpoint has reached its maximum number of connections")
            }
            ConnectError::Tls(error) => write!(f, "TLS cannot start: {error}"),
        }
    }
}

impl core::error::Error for ConnectError {}

/// A client cannot migrate now (RFC 9000 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrateError {
    /// Only clients migrate.
    Server,
    /// The handshake is not confirmed yet, or the connection is over.
    NotConfirmed,
    /// The server asks its clients not to (disable_active_migration, section 18.2).
    Disabled,
    /// The server has given no connection ID that was not used before (section 9.5). It gives another for each that is given
    /// back, which is when an earlier path is forgotten.
    NoConnectionId {
        /// After how long one may be there; `None` if none was given back or will be, so that a server that keeps the rules
        /// has no reason to give another.
        after: Option<Duration>,
    },
    /// The address is in use already, or was a moment ago.
    InUse,
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MigrateError::Server => f.write_str("only a client can migrate"),
            MigrateError::NotConfirmed => {
                f.write_str("the handshake is not confirmed yet, or the connection is closed: try again when it is")
            }
            MigrateError::Disabled => f.write_str("the server has disabled active migration"),
            MigrateError::NoConnectionId { after: Some(after) } => {
                write!(f, "no unused connection ID from the server: try again in {after:?}")
            }
            MigrateError::NoConnectionId { after: None } => {
                f.write_str("the server has given no connection ID to migrate with, and owes none")
            }
            MigrateError::InUse => f.write_str("the address is in use already, or was a moment ago: take another port"),
        }
    }
}

impl core::error::Error for MigrateError {}

/// The peer does not take resets behind a part that is delivered (draft-ietf-quic-reliable-stream-reset section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetAtUnsupported;

impl fmt::Display for ResetAtUnsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer takes no reset that delivers a part of the stream: reset it whole, or let it end")
    }
}

impl core::error::Error for ResetAtUnsupported {}
