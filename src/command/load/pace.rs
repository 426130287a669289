//! When each request of a run begins: as soon as one is free to make it, or at a time of its own, whatever became of those before.

use crate::command::arguments::Load;
use base::Instant;
use std::cell::Cell;
use std::time::Duration;

/// When a request begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Begin {
    /// Now.
    Now,
    /// At this time, from which it is measured even if it begins later.
    At(Instant),
}

/// The order of a run.
pub struct Pace {
    begun: Instant,
    /// Requests before this are not counted.
    counts_from: Instant,
    /// No request is begun from then on.
    ends: Option<Instant>,
    /// Requests that are still to be begun, of those that are counted.
    left: Cell<u64>,
    /// Requests that had their turn.
    given: Cell<u64>,
    /// Requests in a second.
    rate: Option<f64>,
}

impl Pace {
    /// That of the command line, from now on.
    pub fn new(load: &Load, now: Instant) -> Pace {
        let flags = &load.flags;
        let counts_from = now + flags.warm_up;
        let left = Cell::new(if flags.duration.is_some() { u64::MAX } else { load.requests });
        let ends = flags.duration.map(|duration| counts_from + duration);
        Pace { begun: now, counts_from, ends, left, given: Cell::new(0), rate: flags.rate }
    }

    /// From when on requests are counted.
    pub fn counts_from(&self) -> Instant {
        self.counts_from
    }

    /// When the next request begins; `None` if there is none.
    pub fn next(&self, now: Instant) -> Option<Begin> {
        let given = self.given.get();
        let begin = match self.rate {
            None => Begin::Now,
            Some(rate) => Begin::At(self.begun + Duration::from_secs_f64(given as f64 / rate)),
        };
        let at = match begin {
            Begin::Now => now,
            Begin::At(due) => due,
        };
        if self.ends.is_some_and(|ends| at >= ends || now >= ends) {
            return None;
        }
        if at >= self.counts_from {
            self.left.set(self.left.get().checked_sub(1)?);
        }
        self.given.set(given + 1);
        Some(begin)
    }

    /// Requests that were to begin by the end of the time, and did not, because none was free to make them.
    pub fn missed(&self) -> u64 {
        let (Some(rate), Some(ends)) = (self.rate, self.ends) else { return 0 };
        let due = ((ends - self.begun).as_secs_f64() * rate).ceil() as u64;
        due.saturating_sub(self.given.get())
    }

    /// Nothing more begins. Gives how many requests were left, if their number was said.
    pub fn end(&self) -> u64 {
        let left = self.left.replace(0);
        if self.ends.is_some() { 0 } else { left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::load::flags::Flags;

    fn pace(requests: u64, flags: Flags) -> Pace {
        let arguments = ["load".to_owned(), "https://a/".to_owned(), "--insecure".to_owned()];
        let Ok(crate::command::arguments::Command::Load(load)) = crate::command::arguments::parse(&arguments) else {
            panic!("these are arguments")
        };
        Pace::new(&Load { requests, flags, ..load }, start())
    }

    fn start() -> Instant {
        Instant::from_nanos(1_000_000_000)
    }

    fn after(millis: u64) -> Instant {
        start() + Duration::from_millis(millis)
    }

    #[test]
    fn a_number_of_requests_ends_with_the_last() {
        let pace = pace(2, Flags::default());
        assert_eq!(
            [pace.next(start()), pace.next(start()), pace.next(start())],
            [Some(Begin::Now), Some(Begin::Now), None]
        );
        assert_eq!(pace.end(), 0);
    }

    #[test]
    fn a_rate_says_when_each_begins_however_late_it_is() {
        let pace = pace(4, Flags { rate: Some(10.0), ..Flags::default() });
        let at = |millis| Some(Begin::At(after(millis)));
        assert_eq!([pace.next(start()), pace.next(after(5000)), pace.next(after(5000))], [at(0), at(100), at(200)]);
        assert_eq!(pace.end(), 1);
        assert_eq!(pace.next(start()), None);
    }

    #[test]
    fn a_time_ends_all_and_what_warms_up_is_not_counted() {
        let (duration, warm_up) = (Some(Duration::from_secs(1)), Duration::from_millis(500));
        let timed = pace(9, Flags { duration, warm_up, ..Flags::default() });
        assert_eq!([0, 400, 1499, 1500].map(|millis| timed.next(after(millis)).is_some()), [true, true, true, false]);
        assert_eq!((timed.counts_from(), timed.end()), (after(500), 0));
        let counted = pace(1, Flags { warm_up, ..Flags::default() });
        assert_eq!([0, 499, 500, 501].map(|millis| counted.next(after(millis)).is_some()), [true, true, true, false]);
    }

    /// A server that is slower than the rate: no turn is left out, so that each of them is measured.
    #[test]
    fn a_rate_over_a_time_ends_with_the_time() {
        let pace = pace(9, Flags { rate: Some(10.0), duration: Some(Duration::from_secs(1)), ..Flags::default() });
        let given = std::iter::from_fn(|| pace.next(start())).count();
        assert_eq!((given, pace.missed()), (10, 0));
        let late =
            self::pace(9, Flags { rate: Some(10.0), duration: Some(Duration::from_secs(1)), ..Flags::default() });
        assert_eq!((late.next(start()), late.next(after(1000)), late.missed()), (Some(Begin::At(start())), None, 9));
    }
}
