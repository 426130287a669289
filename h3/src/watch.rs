//! When a server's connection is to be looked at, and whether it is of any use as a whole.
//!
//! There is one moment for all that may become too slow. Whatever begins to be waited for makes it earlier; nothing makes it
//! later but the look itself, so that requests that are quick cost a comparison.

use base::{Duration, Instant};
use http::TimeLimits;
use http::pace::{Delivery, LeastRate, Pace, Taking};

/// Between the notice that a connection without requests is about to end and its end: a request that is on its way still
/// comes (RFC 9114 section 5.2). Default 1 s, more than most round trips.
const NOTICE: Duration = Duration::from_secs(1);
/// How often, within the patience with a peer that takes a response, it is looked at. Default 4: it is given up after the
/// patience, or a quarter of it later.
pub(crate) const LOOKS: u32 = 4;
/// A number of bytes that no connection sends.
const ALL: u64 = 1 << 62;

/// The moment, and what was seen last.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    next: Option<Instant>,
    /// Since when no request is in hand.
    quiet_since: Option<Instant>,
    /// Since when that was so at the last look, and how what is left of the last responses was taken.
    tail: (Option<Instant>, Taking),
    noticed: Option<Instant>,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It goes on.
    Open,
    /// The client is to be told that it ends soon.
    Notice,
    /// It was told, and has made no request.
    Over,
    /// All responses were written, and the client does not take what is left of them.
    NotTaken,
}

impl Watch {
    /// When to look.
    pub(crate) const fn next(&self) -> Option<Instant> {
        self.next
    }

    /// To look then at the latest.
    pub(crate) fn at(&mut self, moment: Instant) {
        if self.next.is_none_or(|next| moment < next) {
            self.next = Some(moment);
        }
    }

    /// It is looked now. What is still to be waited for sets the next moment.
    pub(crate) fn on_look(&mut self) {
        self.next = None;
    }

    /// To be called after all that changes whether a request is in hand.
    pub(crate) fn follow(&mut self, now: Instant, is_quiet: bool, times: &TimeLimits) {
        if !is_quiet {
            self.quiet_since = None;
            self.noticed = None;
        } else if self.quiet_since.is_none() {
            self.quiet_since = Some(now);
            if let Some(end) = times.end_of_quiet(now) {
                self.at(end);
            }
        }
    }

    /// Looks at the connection as a whole. `unacknowledged`: bytes that the peer has not acknowledged.
    pub(crate) fn look(&mut self, now: Instant, times: &TimeLimits, unacknowledged: u64) -> Use {
        let Some(since) = self.quiet_since else { return Use::Open };
        let Some(rate) = times.response().filter(|_| unacknowledged > 0) else {
            return self.look_at_quiet(now, since, times);
        };
        self.at(now + rate.patience / LOOKS);
        let (seen_since, mut taking) = self.tail;
        if seen_since != Some(since) {
            taking = Taking::default();
        }
        let pace = look_at_tail(&mut taking, now, rate, unacknowledged);
        self.tail = (Some(since), taking);
        if pace == Pace::TooSlow { Use::NotTaken } else { Use::Open }
    }

    fn look_at_quiet(&mut self, now: Instant, since: Instant, times: &TimeLimits) -> Use {
        let Some(end) = times.end_of_quiet(since) else { return Use::Open };
        let end = self.noticed.map_or(end, |noticed| end.max(noticed + NOTICE));
        if now < end {
            self.at(end);
            return Use::Open;
        }
        if self.noticed.is_some() {
            return Use::Over;
        }
        self.noticed = Some(now);
        self.at(now + NOTICE);
        Use::Notice
    }
}

/// No request has come since, so nothing was written, and what is held less was taken.
fn look_at_tail(taking: &mut Taking, now: Instant, rate: LeastRate, unacknowledged: u64) -> Pace {
    taking.look(now, rate, Delivery { written: ALL, acknowledged: ALL - unacknowledged.min(ALL) }, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: TimeLimits = TimeLimits {
        head: Duration::from_secs(10),
        least_rate: 1000,
        request: Duration::from_secs(30),
        response: Duration::from_secs(40),
        without_requests: Duration::from_secs(60),
    };

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    /// Looks whenever it is time to, until something becomes of the connection: when, and what.
    fn run(watch: &mut Watch, mut unacknowledged: impl FnMut(Instant) -> u64) -> (Instant, Use) {
        loop {
            let now = watch.next().unwrap();
            watch.on_look();
            match watch.look(now, &TIMES, unacknowledged(now)) {
                Use::Open => {}
                end => return (now, end),
            }
        }
    }

    #[test]
    fn a_connection_without_requests_is_noticed_and_then_over() {
        let mut watch = Watch::default();
        watch.follow(at(5), true, &TIMES);
        assert_eq!(run(&mut watch, |_| 0), (at(65), Use::Notice));
        assert_eq!(run(&mut watch, |_| 0), (at(66), Use::Over));
    }

    #[test]
    fn a_request_begins_it_anew_even_after_the_notice() {
        let mut watch = Watch::default();
        watch.follow(at(0), true, &TIMES);
        assert_eq!(run(&mut watch, |_| 0).1, Use::Notice);
        watch.follow(at(60), false, &TIMES);
        let now = watch.next().unwrap();
        watch.on_look();
        assert_eq!((watch.look(now, &TIMES, 0), watch.next()), (Use::Open, None));
        watch.follow(at(70), true, &TIMES);
        assert_eq!(run(&mut watch, |_| 0), (at(130), Use::Notice));
    }

    #[test]
    fn what_is_left_of_responses_keeps_it_while_it_is_taken() {
        let mut watch = Watch::default();
        watch.follow(at(0), true, &TIMES);
        let left = |now: Instant| 500_000_u64.saturating_sub((now - Instant::ZERO).as_millis() as u64 * 2);
        let (end, what) = run(&mut watch, left);
        assert!(what == Use::Notice && end >= at(250), "{end:?}");
        let mut watch = Watch::default();
        watch.follow(at(0), true, &TIMES);
        assert_eq!(run(&mut watch, |_| 500_000), (at(100), Use::NotTaken));
    }

    #[test]
    fn limits_that_are_off_give_nothing_up() {
        let off = TimeLimits { response: Duration::ZERO, without_requests: Duration::ZERO, ..TIMES };
        let mut watch = Watch::default();
        watch.follow(at(0), true, &off);
        assert_eq!((watch.next(), watch.look(at(100_000), &off, 5)), (None, Use::Open));
        assert_eq!(watch.next(), None);
    }
}
