//! Whether a peer keeps up: for how long it may keep this side waiting, and what it earns by what it sends or takes.
//!
//! Patience is a supply that waiting uses up and bytes fill again, each as much time as it may take at the least rate. So a
//! peer that is faster than the rate is never given up, one that is slower is some day, and one that pauses is when its
//! pause is as long as the patience.

use base::{Duration, Instant};

/// The least rate, averaged over the time for which a peer may fall short of it.
#[derive(Clone, Copy, Debug)]
pub struct LeastRate {
    /// Bytes in a second; 0 for any.
    pub bytes_per_second: u32,
    /// How long the peer may fall short of it.
    pub patience: Duration,
}

impl LeastRate {
    /// How long these bytes may take. No rate is no demand: then each byte earns all of the patience.
    pub fn earned(self, bytes: u64) -> Duration {
        let second = Duration::from_secs(1).as_nanos();
        let nanos = (u128::from(bytes) * second).checked_div(u128::from(self.bytes_per_second));
        let most = self.patience.as_nanos();
        let nanos = nanos.map_or(if bytes > 0 { most } else { 0 }, |nanos| nanos.min(most));
        u64::try_from(nanos).map_or(self.patience, Duration::from_nanos)
    }
}

/// What of the patience is used up with a peer whose bytes are waited for: exact, because each wait begins and ends with a
/// call.
#[derive(Clone, Copy, Debug, Default)]
pub struct Waiting {
    spent: Duration,
    since: Option<Instant>,
}

impl Waiting {
    /// The application has read all that came, and wants more.
    pub fn begin(&mut self, now: Instant) {
        self.since.get_or_insert(now);
    }

    /// Something came.
    pub fn pause(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            self.spent += now - since;
        }
    }

    /// Content was read.
    pub fn earn(&mut self, rate: LeastRate, bytes: usize) {
        self.spent = self.spent.saturating_sub(rate.earned(bytes as u64));
    }

    /// When the patience is at its end, if something is waited for.
    pub fn due(&self, rate: LeastRate) -> Option<Instant> {
        self.since.map(|since| since + rate.patience.saturating_sub(self.spent))
    }
}

/// How much of what was written has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Bytes that the transport was given.
    pub written: u64,
    /// Those of them that the peer has acknowledged, up to the first that it has not.
    pub acknowledged: u64,
}

/// The same for a peer that is to take bytes. It is looked at from time to time, so that what flows costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taking {
    spent: Duration,
    seen: Option<Seen>,
}

/// What was seen when it was looked at last.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    acknowledged: u64,
    /// What has to be acknowledged until all that was waited for then has arrived.
    wanted: u64,
}

/// How a peer that is to take bytes does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// There is nothing to take.
    AtRest,
    /// It takes, or may still begin to.
    Waiting,
    /// Patience is at its end.
    TooSlow,
}

impl Taking {
    /// Looks. `has_more`: beyond what was written there is more to be.
    pub fn look(&mut self, now: Instant, rate: LeastRate, delivery: Delivery, has_more: bool) -> Pace {
        let Delivery { written, acknowledged } = delivery;
        self.spent = match self.seen {
            // A peer that took all of it may be slow with the next: that is another wait.
            Some(seen) if acknowledged < seen.wanted => {
                let earned = rate.earned(acknowledged.saturating_sub(seen.acknowledged));
                (self.spent + (now - seen.at)).saturating_sub(earned)
            }
            _ => Duration::ZERO,
        };
        if acknowledged >= written && !has_more {
            *self = Taking::default();
            return Pace::AtRest;
        }
        self.seen = Some(Seen { at: now, acknowledged, wanted: written + u64::from(has_more) });
        if self.spent >= rate.patience { Pace::TooSlow } else { Pace::Waiting }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: LeastRate = LeastRate { bytes_per_second: 1000, patience: Duration::from_secs(30) };

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    /// Content that comes in pieces of `bytes` every `millis`: after how long it is given up.
    fn given_up(millis: u64, bytes: usize) -> Option<u64> {
        let mut waiting = Waiting::default();
        for round in 0..10_000 {
            let now = round * millis;
            waiting.begin(at(now));
            let due = waiting.due(RATE).unwrap();
            if due <= at(now + millis) {
                return Some((due - Instant::ZERO).as_millis() as u64);
            }
            waiting.pause(at(now + millis));
            waiting.earn(RATE, bytes);
        }
        None
    }

    #[test]
    fn who_keeps_the_rate_is_never_given_up_and_who_does_not_is() {
        assert_eq!(given_up(100, 100), None);
        assert_eq!(given_up(29_999, 30_000), None, "a pause is made up for");
        assert_eq!(given_up(30_000, 1 << 30), Some(30_000), "a surplus is not saved");
        assert_eq!(given_up(1000, 0), Some(30_000));
        // A byte in a second earns a millisecond of it.
        assert_eq!(given_up(1000, 1), Some(30_030));
        assert_eq!(given_up(1000, 500), Some(59_000));
    }

    #[test]
    fn what_the_application_takes_its_time_for_is_not_the_peers() {
        let mut waiting = Waiting::default();
        waiting.begin(at(0));
        waiting.pause(at(20_000));
        assert_eq!(waiting.due(RATE), None);
        waiting.begin(at(500_000));
        assert_eq!(waiting.due(RATE), Some(at(510_000)));
    }

    #[test]
    fn no_rate_demands_a_byte_in_each_span() {
        let any = LeastRate { bytes_per_second: 0, ..RATE };
        let mut waiting = Waiting::default();
        waiting.begin(at(0));
        waiting.pause(at(29_000));
        waiting.earn(any, 0);
        waiting.begin(at(29_000));
        assert_eq!(waiting.due(any), Some(at(30_000)));
        waiting.pause(at(29_500));
        waiting.earn(any, 1);
        waiting.begin(at(29_500));
        assert_eq!(waiting.due(any), Some(at(59_500)));
    }

    /// A response of `size` bytes of which the transport takes `window` ahead, looked at every 7 s: when it is given up.
    fn taken(size: u64, window: u64, rate: u64) -> Option<u64> {
        let mut taking = Taking::default();
        for second in (0..100_000).step_by(7) {
            let acknowledged = size.min(second * rate);
            let written = size.min(acknowledged + window);
            match taking.look(at(second * 1000), RATE, Delivery { written, acknowledged }, written < size) {
                Pace::AtRest => return None,
                Pace::Waiting => {}
                Pace::TooSlow => return Some(second),
            }
        }
        panic!("neither taken nor given up");
    }

    #[test]
    fn a_response_is_taken_or_given_up_whatever_the_transport_holds() {
        for window in [0, 1, 5_000, 1_000_000] {
            assert_eq!(taken(1_000_000, window, 1_001), None, "{window}");
            assert_eq!(taken(1_000_000, window, 0), Some(35), "{window}");
        }
        assert_eq!(taken(1_000_000, 1_000_000, 500), Some(63));
        assert_eq!(taken(10, 1_000, 1), None, "small ones may be slow within the patience");
        assert_eq!(taken(0, 0, 0), None);
    }

    /// Small pieces now and then, each taken before the next look: whatever happens to be under way when it is looked at.
    #[test]
    fn an_application_that_says_little_is_not_a_slow_peer() {
        let mut taking = Taking::default();
        for round in 0..100 {
            let delivery = Delivery { written: 10 * (round + 1), acknowledged: 10 * round };
            assert_eq!(taking.look(at(30_000 * round), RATE, delivery, false), Pace::Waiting);
        }
    }
}
