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
    /// It is time to measure it on purpose.
    pub is_expired: bool,
}

impl LeastRoundTrip {
    /// Nothing known.
    pub(super) const fn new() -> LeastRoundTrip {
        LeastRoundTrip { least: None, recent: None, is_expired: false }
    }

    /// The least of the last ten seconds.
    pub(super) fn get(&self) -> Option<Duration> {
        self.least.map(|(least, _)| least)
    }

    /// An acknowledgment, with the round trip that it tells.
    pub(super) fn on_acked(&mut self, now: Instant, sample: Option<Duration>) {
        self.is_expired = self.recent.is_some_and(|(_, since)| now > since + PROBE_INTERVAL);
        if let Some(sample) = sample
            && (self.is_expired || self.recent.is_none_or(|(recent, _)| sample < recent))
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
    }

    /// It was measured on purpose just now.
    pub(super) fn on_probed(&mut self, now: Instant) {
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
        for (second, sample, expected, is_expired) in [
            (1, 50, 50, false),
            (2, 40, 40, false),
            (6, 60, 40, false),
            (8, 70, 40, true), // more than five seconds since the least: measured anew
            (9, 65, 40, false),
            (13, 69, 65, false), // more than ten seconds since the least
        ] {
            least.on_acked(at(second), Some(ms(sample)));
            assert_eq!((least.get(), least.is_expired), (Some(ms(expected)), is_expired), "{second}");
        }
        least.on_acked(at(15), None);
        assert!(least.is_expired);
        least.on_probed(at(15));
        least.on_acked(at(19), None);
        assert!(!least.is_expired);
        // Hardly longer: measured as well.
        least.on_acked(at(20), Some(ms(66)));
        least.on_acked(at(25), None);
        assert!(!least.is_expired);
        least.on_acked(at(26), None);
        assert!(least.is_expired);
    }
}
