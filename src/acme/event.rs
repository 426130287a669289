//! What happens while certificates are got, for whoever runs the server.

use crate::files::date;
use std::fmt;
use std::time::Duration;

/// Something that is worth a line in a log, which it is when it is displayed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AcmeEvent {
    /// There is an account now.
    Registered {
        /// Its URL.
        account: String,
        /// The terms that were agreed to with it.
        terms: Option<String>,
    },
    /// There is a new certificate.
    Obtained {
        /// The names in it.
        names: Vec<String>,
        /// Until when it is good, since 1970.
        until: u64,
        /// When it is renewed, if nothing else is said.
        renewed_at: u64,
    },
    /// The authority was not reached. It is asked again for a while, before that counts as a failure.
    NotReached {
        /// Why.
        error: String,
    },
    /// There is none, for now.
    NotObtained {
        /// Why.
        error: String,
        /// When it is tried again.
        again: Duration,
        /// Until when the one in use is good, if there is one.
        until: Option<u64>,
    },
    /// The authority wants it to be renewed at another time.
    Moved {
        /// When that is, since 1970.
        renewed_at: u64,
    },
    /// Something could not be written to the folder of the state, and will be missing after a restart.
    NotKept {
        /// Why.
        error: String,
    },
}

impl AcmeEvent {
    /// Whether somebody should look after it.
    pub fn is_warning(&self) -> bool {
        matches!(self, AcmeEvent::NotReached { .. } | AcmeEvent::NotObtained { .. } | AcmeEvent::NotKept { .. })
    }
}

impl fmt::Display for AcmeEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcmeEvent::Registered { account, terms: Some(terms) } => {
                write!(f, "acme: registered as {account}, which agrees to {terms}")
            }
            AcmeEvent::Registered { account, terms: None } => write!(f, "acme: registered as {account}"),
            AcmeEvent::Obtained { names, until, renewed_at } => write!(
                f,
                "acme: a certificate for {} is there, good until {}, to be renewed {}",
                names.join(", "),
                date::http_date(*until),
                date::http_date(*renewed_at)
            ),
            AcmeEvent::NotReached { error } => {
                write!(f, "acme: the authority was not reached, and is asked again: {error}")
            }
            AcmeEvent::NotObtained { error, again, until } => {
                write!(f, "acme: no certificate: {error}; it is tried again in {} s", again.as_secs())?;
                match until {
                    Some(until) => write!(f, "; the one in use is good until {}", date::http_date(*until)),
                    None => f.write_str("; until then clients are shown one that they do not trust"),
                }
            }
            AcmeEvent::Moved { renewed_at } => {
                write!(f, "acme: the authority wants the certificate to be renewed {}", date::http_date(*renewed_at))
            }
            AcmeEvent::NotKept { error } => write!(f, "acme: not kept for the next start: {error}"),
        }
    }
}
