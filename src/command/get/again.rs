//! Whether a transfer that failed is made again, and when.

use crate::command::get::flags::Retry;
use crate::command::get::problem::Problem;
use posthaste::Method;
use std::time::Duration;

/// The first wait, where none is said, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

/// What is known of a transfer that failed.
pub struct Failed<'a> {
    /// Why.
    pub problem: &'a Problem,
    /// Of the request.
    pub method: &'a Method,
    /// Its body can be had again, or there is none.
    pub is_repeatable: bool,
    /// Something of the answer is on standard output already.
    pub is_written: bool,
    /// What the server says of when to come back.
    pub retry_after: Option<Duration>,
    /// How often it was made again.
    pub times: u32,
    /// How long all of it took by now.
    pub elapsed: Duration,
}

/// How long to wait before it is made again; `None` if it is not.
pub fn wait(retry: &Retry, failed: &Failed<'_>) -> Option<Duration> {
    let Failed { problem, method, .. } = failed;
    let is_safe = problem.is_before || method.is_idempotent() || retry.all_errors;
    let is_worth = problem.is_transient || retry.all_errors;
    let may_be = is_safe && is_worth && failed.is_repeatable && !failed.is_written && !problem.ends_all;
    if !may_be || failed.times >= retry.times {
        return None;
    }
    let doubled = FIRST.saturating_mul(1 << failed.times.min(16)).min(LONGEST);
    let wait = retry.delay.unwrap_or(doubled).max(failed.retry_after.unwrap_or_default()).min(LONGEST);
    (failed.elapsed.saturating_add(wait) < retry.within).then_some(wait)
}

/// Whether an answer with this status may be another one later.
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_and_worth_it_is_made_again() {
        let seconds = Duration::from_secs;
        let retry = |times| Retry { times, delay: None, within: Duration::MAX, all_errors: false };
        let problem = |is_transient, is_before| Problem { is_transient, is_before, ..Problem::new(7, "") };
        let (late, lasting) = (problem(true, false), problem(false, false));
        let of = |problem, method, times| Failed {
            problem,
            method,
            is_repeatable: true,
            is_written: false,
            retry_after: None,
            times,
            elapsed: seconds(5),
        };
        let waits: Vec<_> = (0..4).map(|times| wait(&retry(3), &of(&late, &Method::Get, times))).collect();
        assert_eq!(waits, [Some(seconds(1)), Some(seconds(2)), Some(seconds(4)), None]);
        assert_eq!(wait(&retry(99), &of(&late, &Method::Put, 20)), Some(LONGEST));
        assert_eq!(wait(&retry(3), &of(&lasting, &Method::Get, 0)), None);
        assert_eq!(wait(&retry(3), &of(&late, &Method::Post, 0)), None);
        let all = Retry { all_errors: true, ..retry(3) };
        assert_eq!(wait(&all, &of(&lasting, &Method::Post, 0)), Some(seconds(1)));
        let before = problem(true, true);
        assert_eq!(wait(&retry(3), &of(&before, &Method::Post, 0)), Some(seconds(1)));
        let get = of(&late, &Method::Get, 0);
        assert_eq!(wait(&retry(3), &Failed { is_written: true, ..get }), None);
        assert_eq!(wait(&all, &Failed { is_repeatable: false, ..of(&late, &Method::Get, 0) }), None);
        let after = |retry_after| Failed { retry_after: Some(retry_after), ..of(&late, &Method::Get, 0) };
        assert_eq!(wait(&retry(3), &after(seconds(30))), Some(seconds(30)));
        assert_eq!(wait(&retry(3), &after(seconds(99_999))), Some(LONGEST));
        let delay = Retry { delay: Some(seconds(9)), ..retry(3) };
        assert_eq!(wait(&delay, &after(seconds(1))), Some(seconds(9)));
        let within = Retry { within: seconds(6), ..retry(3) };
        assert_eq!(wait(&within, &of(&late, &Method::Get, 0)), None);
    }
}
