//! Why a connection over records ends before its time.

use crate::alert::Alert;
use core::fmt;

/// What ended a connection. It ends for good: nothing is read or written any more, and all keys are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The handshake failed, or the peer broke the rules of TLS; it is told by an alert.
    Tls(crate::Error),
    /// The peer gave up, with this alert (RFC 9846 section 6.2).
    PeerAlert(Alert),
    /// The stream ended without close_notify: somebody may have cut off what the peer sent (RFC 9846 section 6.1).
    Truncated,
    /// The stream was cut: the peer or the system has given it up.
    Reset,
    /// The peer closed before the handshake was complete.
    ClosedInHandshake,
    /// This side closed before the handshake was complete.
    Canceled,
    /// The handshake took too long.
    HandshakeTimeout,
}

impl Error {
    /// The alert that tells the peer of it, if it has to be told.
    pub fn alert(&self) -> Option<Alert> {
        match self {
            Error::Tls(error) => Some(Alert(error.alert())),
            // RFC 9846 s6.1: close_notify follows.
            Error::HandshakeTimeout | Error::Canceled => Some(Alert::USER_CANCELED),
            // RFC 9846 section 6.2-1: an alert is not answered.
            Error::PeerAlert(_) | Error::Truncated | Error::Reset | Error::ClosedInHandshake => None,
        }
    }
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Error {
        Error::Tls(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Tls(error) => error.fmt(f),
            Error::PeerAlert(Alert(number)) => write!(f, "the peer ended the connection with alert {number}"),
            Error::Truncated => f.write_str("the stream ended without close_notify, so that data may be missing"),
            Error::Reset => f.write_str("the stream was cut"),
            Error::ClosedInHandshake => f.write_str("the peer closed before the handshake was complete"),
            Error::Canceled => f.write_str("this side closed before the handshake was complete"),
            Error::HandshakeTimeout => f.write_str("the handshake was not complete in time"),
        }
    }
}

impl core::error::Error for Error {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Error::Tls(error) => Some(error),
            _ => None,
        }
    }
}
