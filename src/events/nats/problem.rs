//! Why something that was asked of NATS was not done.

use events::delivery::Refusal;
use std::fmt;

/// Why a request has no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The connection was lost before the answer came, or there is none.
    Lost,
    /// Nobody is there for it: no stream, or for a moment no leader.
    NoResponders,
    TimedOut,
    /// What the server says of it: code, its own finer code, and words.
    Api(u64, u64, String),
    /// The answer was not understood.
    Strange(String),
    /// The store is ending.
    Ending,
}

impl Problem {
    /// Whether the same request may succeed soon.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Problem::Lost | Problem::NoResponders | Problem::TimedOut | Problem::Api(503, ..))
    }

    /// Whether what was asked for is not there.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Problem::Api(404, ..))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Lost => f.write_str("there is no connection to a NATS server"),
            Problem::NoResponders => f.write_str("no server answers for it: is JetStream on (`nats-server -js`)?"),
            Problem::TimedOut => f.write_str("no answer came in time"),
            Problem::Api(code, _, words) => write!(f, "the NATS server says: {words} ({code})"),
            Problem::Strange(what) => write!(f, "the NATS server sent what is not understood: {what}"),
            Problem::Ending => f.write_str("the store is ending"),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Refusal {
        match problem {
            Problem::Ending => Refusal::Ending,
            // No room for a stream, or on the disk.
            Problem::Api(_, 10_023 | 10_047 | 10_028, _) => Refusal::DiskFull,
            Problem::Api(..) | Problem::Strange(_) => Refusal::Failed { reason: problem.to_string() },
            _ => Refusal::Unreachable { reason: problem.to_string() },
        }
    }
}
