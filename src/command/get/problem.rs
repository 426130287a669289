//! Why a transfer failed: in words, and as an exit status that programs of its kind have in common.

use crate::command::failure::{Failure, explain};
use posthaste::{CloseReason, Error, NotFollowed};
use tls::record;

/// A status below 200 or above 299 that was not what was asked for.
pub const ANSWERED: u8 = 22;
/// A part that is not the one that was asked for.
pub const RANGE: u8 = 33;
/// A body that the server did not take.
pub const NOT_TAKEN: u8 = 55;
/// What arrived is less than there is.
pub const INCOMPLETE: u8 = 18;

/// A failure of one transfer.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The exit status.
    pub status: u8,
    /// What is told.
    pub text: String,
    /// The same request may do better later.
    pub is_transient: bool,
    /// The server has seen nothing of the request.
    pub is_before: bool,
    /// All further transfers would fail as well, and it was told already or nobody reads it.
    pub ends_all: bool,
}

impl Problem {
    /// Of this status.
    pub fn new(status: u8, text: impl Into<String>) -> Problem {
        Problem { status, text: text.into(), is_transient: false, is_before: false, ends_all: false }
    }

    /// Before the request was sent: the server was not reached.
    pub fn of_connecting(error: Error) -> Problem {
        let may_help = is_late(&error);
        let mut problem = Problem::from(error);
        if may_help {
            problem.text.push_str("\n  --connect-timeout SECONDS waits longer");
        }
        problem.is_before = true;
        problem
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        let status = status(&error);
        let is_transient = matches!(status, 6 | 7 | 18 | 28 | 56 | 95) || is_cut_in_handshake(&error);
        Problem { is_transient, is_before: error.is_unprocessed(), ..Problem::new(status, explain(&error)) }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Problem {
        match failure {
            Failure::Usage(text) => Problem::new(2, text),
            Failure::Failed(text) => Problem::new(1, text),
            Failure::Coded(status, text) => Problem { is_transient: status == 28, ..Problem::new(status, text) },
            Failure::Reported(status) => Problem { ends_all: true, ..Problem::new(status, "") },
            Failure::Quiet => Problem { ends_all: true, ..Problem::new(1, "") },
            Failure::Signal(number) => Problem { ends_all: true, ..Problem::new(128 + number, "") },
        }
    }
}

/// Whether the server was not reached, though somebody took the connection: another time it may be.
fn is_cut_in_handshake(error: &Error) -> bool {
    use record::Error::{ClosedInHandshake, Reset, Truncated};
    match error {
        Error::Proxy { error, .. } => is_cut_in_handshake(error),
        error => matches!(error, Error::Tls { error: ClosedInHandshake | Reset | Truncated, .. }),
    }
}

/// Whether more time might have helped.
fn is_late(error: &Error) -> bool {
    match error {
        Error::Unreachable { attempts, .. } => attempts.iter().any(|(_, error)| is_late(error)),
        Error::Proxy { error, .. } => is_late(error),
        Error::NoAnswer { .. } | Error::NotInTime { .. } => true,
        error => matches!(error, Error::Tls { error: record::Error::HandshakeTimeout, .. }),
    }
}

fn status(error: &Error) -> u8 {
    match error {
        Error::Url(_) => 2,
        Error::Proxy { error, .. } if matches!(**error, Error::TunnelRefused { .. }) => 97,
        Error::Proxy { error, .. } => status(error),
        Error::Resolve { .. } => 6,
        Error::Unreachable { .. } | Error::NoRoute { .. } | Error::Refused { .. } => 7,
        Error::NoAnswer { .. } | Error::NotInTime { .. } | Error::TimedOut { .. } => 28,
        Error::Tls { error: record::Error::HandshakeTimeout, .. } => 28,
        Error::Tls { .. } => 35,
        Error::Certificate { .. } => 60,
        Error::Identity(_) => 58,
        Error::Roots(_) => 77,
        Error::Upload(_) => 26,
        Error::NotFollowed { why: NotFollowed::TooOften { .. }, .. } => 47,
        Error::Closed { reason: CloseReason::PeerTransport { code, .. }, .. } if (0x100..0x200).contains(&code.0) => 35,
        Error::Closed { .. } | Error::BrokenOff { .. } | Error::GoingAway | Error::ShutDown => 56,
        Error::Reset { .. }
        | Error::Stopped { .. }
        | Error::Breach { .. }
        | Error::Malformed { .. }
        | Error::NotHttp3 { .. } => 95,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A handshake over TCP that is cut or late, and a connection that breaks off before an answer, have the statuses that the help names,
    /// and are worth another try.
    #[test]
    fn what_fails_over_tcp_has_a_status_of_its_own() {
        let address = ([192, 0, 2, 1], 443).into();
        let of = |error| Problem::of_connecting(Error::Tls { address, error });
        for error in [record::Error::Reset, record::Error::Truncated, record::Error::ClosedInHandshake] {
            let problem = of(error);
            assert_eq!((problem.status, problem.is_transient, problem.is_before), (35, true, true), "{problem:?}");
        }
        let late = of(record::Error::HandshakeTimeout);
        assert_eq!((late.status, late.is_transient), (28, true));
        assert!(late.text.contains("--connect-timeout"), "{late:?}");
        let inside =
            Box::new(Error::NotInTime { server: "a.example:443".into(), after: std::time::Duration::from_secs(10) });
        let late = Problem::of_connecting(Error::Proxy { proxy: "https://b.example".into(), error: inside });
        assert_eq!((late.status, late.is_transient), (28, true));
        assert!(late.text.contains("a.example:443 within 10 s") && late.text.contains("--connect-timeout"), "{late:?}");
        let refused = of(record::Error::PeerAlert(tls::Alert::USER_CANCELED));
        assert_eq!((refused.status, refused.is_transient), (35, false));
        assert_eq!(Problem::from(Error::BrokenOff { address }).status, 56);
    }
}
