//! How a command fails, with a hint where one helps.

use crate::command::arguments::Usage;
use posthaste::{CloseReason, Error};
use std::io;

/// 0x100 and the alert (RFC 9001 section 4.8, RFC 9846 section 6.2).
const CERTIFICATE_REQUIRED: u64 = 0x174;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense: status 2.
    Usage(String),
    /// Something did not work: status 1.
    Failed(String),
    /// The same with a status of its own.
    Coded(u8, String),
    /// It was already reported, with this status.
    Reported(u8),
    /// The same as `Failed`, but it was already reported, or its reader is gone.
    Quiet,
    /// The signal of this number asked for the end: status 128 and the number.
    Signal(u8),
}

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Failure {
        Failure::Usage(usage.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::Url(_) => Failure::Usage(error.to_string()),
            error => Failure::Failed(explain(&error)),
        }
    }
}

/// What the system says, without the number that the standard library appends.
pub fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The error, and what can be done about it from the command line.
pub fn explain(error: &Error) -> String {
    match hint(error) {
        Some(hint) => format!("{error}\n  {hint}"),
        None => error.to_string(),
    }
}

fn hint(error: &Error) -> Option<&'static str> {
    match error {
        Error::Certificate { error, .. } => Some(match error {
            x509::Error::UnknownIssuer { .. } | x509::Error::BadSignature { .. } => {
                "if the server is yours, trust its certificate with --ca FILE (posthaste serve prints where it is)"
            }
            x509::Error::Rule { rule: x509::Rule::NotAnAuthority, .. } => {
                "a server with a development certificate makes a new one each time it starts: is the file the latest?"
            }
            x509::Error::Expired { .. } => "the server needs a new certificate, or this machine's clock is wrong",
            x509::Error::NotYetValid { .. } => "is this machine's clock right?",
            x509::Error::RevocationUnknown { .. } => {
                "give that list with --crl FILE, or without --crl nothing is looked up"
            }
            x509::Error::NameMismatch { .. } => "ask for a name that the certificate is for",
            _ => return None,
        }),
        Error::Closed { reason: CloseReason::PeerTransport { code, .. }, .. } if code.0 == CERTIFICATE_REQUIRED => {
            Some("show one with --cert FILE --key FILE")
        }
        Error::Roots(_) => Some("name the certificates to trust with --ca FILE"),
        _ => None,
    }
}
