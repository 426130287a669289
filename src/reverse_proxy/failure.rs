//! What goes wrong with a backend, and what a client is answered for it.

use http::Status;
use std::fmt;
use std::time::Duration;

/// Why a backend did not answer, or not to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackendFailure {
    /// Its name has no address, or it cannot be connected to; says why.
    Unreachable(String),
    /// It did not take a connection in this time.
    ConnectTimeout(Duration),
    /// All connections that it may have were in use for this long, or too many requests waited for one.
    Busy(Duration),
    /// It has failed just now, and one request at a time is tried until it answers again.
    Paused,
    /// It closed the connection before it had answered.
    BrokenOff,
    /// It had the request, and did not begin to answer in this time.
    Silent(Duration),
    /// In the middle of its answer nothing more came for this long.
    Stalled(Duration),
    /// The whole took longer than this.
    TooLong(Duration),
    /// It closed the connection in the middle of its answer.
    CutShort,
    /// Its answer is none of HTTP/1.1; says why.
    Invalid(String),
}

impl BackendFailure {
    /// What a client is answered, if it was not answered before.
    pub fn status(&self) -> Status {
        match self {
            BackendFailure::ConnectTimeout(_) | BackendFailure::Silent(_) | BackendFailure::TooLong(_) => {
                Status::GATEWAY_TIMEOUT
            }
            BackendFailure::Busy(_) | BackendFailure::Paused => Status::SERVICE_UNAVAILABLE,
            _ => Status::BAD_GATEWAY,
        }
    }

    /// What the client reads: nothing of where the backend is.
    pub(super) fn words(&self) -> &'static str {
        match self.status() {
            Status::GATEWAY_TIMEOUT => "the server behind this one did not answer in time\n",
            Status::SERVICE_UNAVAILABLE => {
                "the server behind this one takes no more requests for now; try again soon\n"
            }
            _ => "the server behind this one did not answer as it should\n",
        }
    }

    /// Whether the backend is not there.
    pub(super) fn is_absence(&self) -> bool {
        matches!(self, BackendFailure::Unreachable(_) | BackendFailure::ConnectTimeout(_))
    }

    /// Whether it was there, and did not answer a request.
    pub(super) fn is_bad_answer(&self) -> bool {
        !self.is_absence()
            && !matches!(self, BackendFailure::Busy(_) | BackendFailure::Paused | BackendFailure::TooLong(_))
    }
}

impl fmt::Display for BackendFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackendFailure::Unreachable(why) => write!(f, "it cannot be reached: {why}"),
            BackendFailure::ConnectTimeout(after) => write!(f, "it took no connection within {after:?}"),
            BackendFailure::Busy(after) => {
                write!(f, "no connection to it was free within {after:?}, or too many requests waited for one")
            }
            BackendFailure::Paused => {
                f.write_str("it has failed just now, and another request tries whether it answers again")
            }
            BackendFailure::BrokenOff => f.write_str("it closed the connection without an answer"),
            BackendFailure::Silent(after) => write!(f, "it did not begin to answer within {after:?}"),
            BackendFailure::Stalled(after) => write!(f, "nothing more of its answer came for {after:?}"),
            BackendFailure::TooLong(after) => write!(f, "the request and its answer took more than {after:?}"),
            BackendFailure::CutShort => f.write_str("it closed the connection in the middle of its answer"),
            BackendFailure::Invalid(why) => write!(f, "its answer is not HTTP/1.1: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_status_and_tells_clients_nothing_of_where() {
        let second = Duration::from_secs(1);
        for (failure, status) in [
            (BackendFailure::Unreachable("10.0.0.7".into()), 502),
            (BackendFailure::ConnectTimeout(second), 504),
            (BackendFailure::Busy(second), 503),
            (BackendFailure::Paused, 503),
            (BackendFailure::BrokenOff, 502),
            (BackendFailure::Silent(second), 504),
            (BackendFailure::Stalled(second), 502),
            (BackendFailure::TooLong(second), 504),
            (BackendFailure::CutShort, 502),
            (BackendFailure::Invalid("10.0.0.7".into()), 502),
        ] {
            assert_eq!(failure.status().code(), status, "{failure}");
            assert!(!failure.words().contains("10.0.0.7") && failure.words().ends_with('\n'), "{failure}");
        }
    }
}
