//! Why a handshake fails: the peer violated the protocol, its certificate was refused, or this side failed.

use crate::alert::Alert;
use crate::violation::Violation;
use core::fmt;

/// Why the handshake, or what follows it, failed. It fails for good: nothing can be read any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer violated the protocol, or requires something that this side does not have.
    Peer {
        /// The violation.
        violation: Violation,
        /// In which state of RFC 9846 appendix A this side was.
        state: &'static str,
    },
    /// The peer's certificate was refused, for this reason.
    Certificate(x509::Error),
    /// This side failed or is badly configured.
    Local(LocalError),
}

/// A failure that is not the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalError {
    /// The provider has no cipher suite or no key exchange.
    EmptyProvider,
    /// No application protocol is configured although the carrier demands one, as QUIC does (RFC 9001 section 8.1), or one
    /// is empty or longer than 255 bytes.
    ApplicationProtocols,
    /// The configured values do not fit into a handshake message.
    TooLong,
    /// The key exchange failed.
    KeyExchange,
    /// The private key could not sign.
    Signing,
    /// The handshake is not complete, so nothing can be exported.
    NotComplete,
    /// Keys have protected as many records as they may, and cannot be replaced any more.
    KeysUsedUp,
    /// The exporter's label is longer than 249 bytes, or its output than 255 digests.
    ExporterArguments,
}

impl Error {
    /// The alert of RFC 9846 section 6.2.
    pub fn alert(&self) -> u8 {
        match self {
            Error::Peer { violation, .. } => violation.alert(),
            Error::Certificate(error) => certificate_alert(error),
            Error::Local(_) => Alert::INTERNAL_ERROR,
        }
        .0
    }

    /// What the peer violated, if it did.
    pub fn violation(&self) -> Option<Violation> {
        match self {
            Error::Peer { violation, .. } => Some(*violation),
            _ => None,
        }
    }

    /// Notes in which state this side was, for the reader of the error.
    pub(crate) fn in_state(self, state: &'static str) -> Error {
        match self {
            Error::Peer { violation, .. } => Error::Peer { violation, state },
            other => other,
        }
    }
}

/// RFC 9846 section 6.2: the closest of the certificate alerts.
/// RFC 9846 section 4.5.1.2-12.
fn certificate_alert(error: &x509::Error) -> Alert {
    match error {
        x509::Error::Expired { .. } | x509::Error::NotYetValid { .. } => Alert::CERTIFICATE_EXPIRED,
        x509::Error::Revoked { .. } => Alert::CERTIFICATE_REVOKED,
        x509::Error::UnknownIssuer { .. } => Alert::UNKNOWN_CA,
        x509::Error::UnsupportedKey { .. }
        | x509::Error::UnsupportedSignature { .. }
        | x509::Error::UnacceptableKey { .. } => Alert::UNSUPPORTED_CERTIFICATE,
        // RFC 9846 s4.5.1.3: bad_certificate for MD5.
        x509::Error::BrokenHash { .. }
        | x509::Error::Malformed(_)
        | x509::Error::BadSignature { .. }
        | x509::Error::NameMismatch { .. }
        | x509::Error::ChainTooLong { .. }
        | x509::Error::NotPinned { .. }
        | x509::Error::Rule { .. } => Alert::BAD_CERTIFICATE,
        _ => Alert::CERTIFICATE_UNKNOWN,
    }
}

impl From<Violation> for Error {
    fn from(violation: Violation) -> Error {
        Error::Peer { violation, state: "" }
    }
}

impl From<base::Truncated> for Error {
    fn from(_: base::Truncated) -> Error {
        Violation::Malformed.into()
    }
}

impl From<x509::Error> for Error {
    fn from(error: x509::Error) -> Error {
        Error::Certificate(error)
    }
}

impl From<LocalError> for Error {
    fn from(error: LocalError) -> Error {
        Error::Local(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Peer { violation, state: "" } => violation.fmt(f),
            Error::Peer { violation, state } => write!(f, "{violation} in state {state}"),
            Error::Certificate(error) => error.fmt(f),
            Error::Local(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LocalError::EmptyProvider => "the provider has no cipher suite or no key-exchange group",
            LocalError::ApplicationProtocols => {
                "each application protocol needs 1 to 255 bytes, and QUIC needs at least one protocol"
            }
            LocalError::TooLong => "the configured values do not fit into a handshake message",
            LocalError::KeyExchange => "the key exchange failed on this side",
            LocalError::Signing => "the private key could not sign the handshake",
            LocalError::NotComplete => "the handshake is not complete",
            LocalError::KeysUsedUp => "the keys have protected as many records as they may; open a new connection",
            LocalError::ExporterArguments => "the exporter's label or output is too long",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quic::error_code;
    use alloc::string::{String, ToString};

    /// RFC 9846 section 6.2: each certificate alert says what kind of wrong it is.
    /// RFC 9846 section 4.5.1.3-4.
    #[test]
    fn each_refusal_of_a_certificate_has_its_alert() {
        let subject = || String::from("somebody");
        for (error, alert) in [
            (x509::Error::Expired { subject: subject(), not_after: 0, now: 1 }, 45),
            (x509::Error::NotYetValid { subject: subject(), not_before: 1, now: 0 }, 45),
            (x509::Error::UnknownIssuer { issuer: subject(), unreadable: None }, 48),
            (x509::Error::UnsupportedKey { subject: subject(), kind: subject() }, 43),
            (x509::Error::UnsupportedSignature { subject: subject(), algorithm: subject() }, 43),
            (x509::Error::BrokenHash { subject: subject(), algorithm: subject() }, 42),
            (x509::Error::UnacceptableKey { subject: subject(), found: subject() }, 43),
            (x509::Error::Malformed("all of it"), 42),
            (x509::Error::BadSignature { subject: subject() }, 42),
            (x509::Error::Rule { subject: subject(), rule: x509::error::Rule::Version }, 42),
            (x509::Error::ChainTooLong { subject: subject(), limit: 8 }, 42),
            (x509::Error::NotPinned { subject: subject(), found: subject() }, 42),
            (x509::Error::Revoked { subject: subject(), date: 0, reason: "superseded" }, 44),
            (x509::Error::RevocationUnknown { subject: subject(), issuer: subject(), why: subject() }, 46),
            (x509::Error::TooMuchWork, 46),
        ] {
            let error = Error::Certificate(error);
            // RFC 9001 s4.8: an alert is an error of QUIC with this offset.
            assert_eq!((error.alert(), error_code(&error)), (alert, 0x0100 + u64::from(alert)), "{error}");
            assert_eq!(error.violation(), None);
        }
    }

    #[test]
    fn errors_say_whose_fault_it_was() {
        assert_eq!(Error::Local(LocalError::Signing).to_string(), "the private key could not sign the handshake");
        let refused = Error::Certificate(x509::Error::TooMuchWork);
        assert_eq!(refused.to_string(), x509::Error::TooMuchWork.to_string());
        let violation = Violation::UnexpectedMessage;
        let peer = Error::from(violation);
        assert_eq!(peer.to_string(), violation.to_string());
        assert_eq!(peer.in_state("START").to_string(), alloc::format!("{violation} in state START"));
    }
}
