//! The least round trip of late, and when it has to be measured anew (draft-ietf-ccwg-bbr sections 5.3.4.3 and 5.5.7).

use base::{Duration, Instant};

/// For how long the least round trip counts.
const MIN_RTT_WINDOW: Duration = Duration::from_secs(10);
/// After so long without a new least one the queue is emptied to measure it.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);
/// The share of the least round trip by which another may be longer and still counts for it.
const CLOSE: u32 = 32;

/// What is known of it.
#[derive(Clone, Debug)]
pub(super) struct LeastRoundTrip {
    least: Option<(Duration, Instant)>,
    // The least since it was last measured on purpose.
    recent: Option<(Duration, Instant)>,
    /// It is time to measure it on purpose: there was no new least one for long, and none that is hardly longer since.
    pub is_due: bool,
}

impl LeastRoundTrip {
    /// Nothing known.
    pub(super) const fn new() -> LeastRoundTrip {
        LeastRoundTrip { least: None, recent: None, is_due: false }
    }

    /// The least of the last ten seconds.
    pub(super) fn get(&self) -> Option<Duration> {
        self.least.map(|(least, _)| least)
    }

    /// An acknowledgment, with the round trip that it tells.
    pub(super) fn on_acked(&mut self, now: Instant, sample: Option<Duration>) {
        let is_expired = self.recent.is_some_and(|(_, since)| now > since + PROBE_INTERVAL);
        self.is_due |= is_expired;
        if let Some(sample) = sample
            && (is_expired || self.recent.is_none_or(|(recent, _)| sample < recent))
        {
            self.recent = Some((sample, now));
        }
        let Some(recent) = &mut self.recent else { return };
        // A round trip that is hardly longer shows the path without a queue as well: no need to empty it on purpose.
        if sample.is_some_and(|sample| sample <= recent.0 + recent.0 / CLOSE) {
            recent.1 = now;
        }
        let recent = *recent;
        if self.least.is_none_or(|(least, since)| recent.0 < least || now > since + MIN_RTT_WINDOW) {
            self.least = Some(recent);
        }
        let is_seen = |(least, _): (Duration, Instant)| sample.is_some_and(|sample| sample <= least + least / CLOSE);
        self.is_due &= !self.least.is_some_and(is_seen);
    }

    /// It was measured on purpose just now.
    pub(super) fn on_probed(&mut self, now: Instant) {
        self.is_due = false;
        if let Some((_, since)) = &mut self.recent {
            *since = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_of_ten_seconds() {
        let (ms, at) = (Duration::from_millis, |seconds: u64| Instant::from_nanos(seconds * 1_000_000_000));
        let mut least = LeastRoundTrip::new();
        for (second, sample, expected, is_due) in [
            (1, 50, 50, false),
            (2, 40, 40, false),
            (6, 60, 40, false),
            (8, 70, 40, true), // more than five seconds since the least: to be measured anew
            (9, 65, 40, true),
            (10, 41, 40, false), // a queue is gone meanwhile
            (13, 69, 41, false), // more than ten seconds since the least
        ] {
            least.on_acked(at(second), Some(ms(sample)));
            assert_eq!((least.get(), least.is_due), (Some(ms(expected)), is_due), "{second}");
        }
        least.on_acked(at(16), None);
        assert!(least.is_due);
        least.on_probed(at(16));
        least.on_acked(at(19), None);
        assert!(!least.is_due);
        // Hardly longer: measured as well.
        least.on_acked(at(20), Some(ms(42)));
        least.on_acked(at(25), None);
        assert!(!least.is_due);
        least.on_acked(at(26), None);
        assert!(least.is_due);
    }
}
