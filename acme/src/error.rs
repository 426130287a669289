//! Why there is no certificate.

use crate::problem::Problem;
use alloc::boxed::Box;
use alloc::string::String;
use base::Duration;
use core::fmt;

/// Why an authority has given none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// It refuses a request.
    Refused {
        /// What was asked for.
        what: String,
        /// Its status.
        status: u16,
        /// Why.
        problem: Box<Problem>,
        /// When it may be asked again, if it says so.
        retry_after: Option<Duration>,
    },
    /// It could not be asked.
    Unreachable {
        /// What was to be asked for.
        what: String,
        /// Why not.
        why: String,
    },
    /// It answers what makes no sense here.
    Unexpected {
        /// What was asked for.
        what: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// It has looked, and did not find what shows that a name leads here.
    NotShown {
        /// The name.
        name: String,
        /// The challenge, such as `tls-alpn-01`.
        kind: &'static str,
        /// What it says.
        problem: Box<Problem>,
    },
    /// It offers no way to show whose a name is that this side has.
    NoWay {
        /// The name.
        name: String,
        /// What it offers.
        offered: String,
    },
    /// The account can be used no more.
    AccountOver {
        /// `deactivated` or `revoked`, or what the authority says instead.
        status: String,
    },
    /// It took too long.
    TooLong {
        /// What was waited for.
        what: String,
        /// After how long it was given up.
        after: Duration,
    },
    /// This side's key or names are of no use.
    Own(&'static str),
}

impl Error {
    /// How long the authority does not want to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Refused { what, problem, .. } if problem.is("externalAccountRequired") => write!(
                f,
                "the authority refuses {what}: {problem}; it takes only accounts that are bound to a customer, which is not supported"
            ),
            Error::Refused { what, status, problem, .. } => {
                write!(f, "the authority refuses {what} with {status}: {problem}")
            }
            Error::Unreachable { what, why } => write!(f, "the authority could not be asked for {what}: {why}"),
            Error::Unexpected { what, why } => write!(f, "the authority's answer about {what} is of no use: {why}"),
            Error::NotShown { name, kind, problem } => {
                let port = if *kind == "http-01" { 80 } else { 443 };
                write!(
                    f,
                    "the authority is not convinced that {name} is this server, by {kind}: {problem}; does {name} lead here, and is \
                     TCP port {port} open from outside?"
                )
            }
            Error::NoWay { name, offered } => write!(
                f,
                "the authority asks for a proof that {name} is this server which cannot be given here: it takes {offered}, and there is \
                 tls-alpn-01 (by TCP) and http-01 (with --http)"
            ),
            Error::AccountOver { status } => {
                write!(f, "the account is {status}: remove its file to register another")
            }
            Error::TooLong { what, after } => {
                write!(f, "{what} was waited for {} s, and is not there", after.as_secs())
            }
            Error::Own(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for Error {}
