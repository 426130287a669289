//! How much of a path's window is proven: what was acknowledged within a round trip.
//!
//! A window that goes on when only the peer's port changed (RFC 9000 section 9.4) has to be judged without the packets in
//! flight: nobody knows which of them the network dropped and which went to a port where nobody was. If the port changes
//! sooner than a full queue is noticed, the window would hear of no loss at all, and grow with each port. So one that is far
//! beyond what went through in a round trip goes on with what that proves.

use base::{Duration, Instant};

/// A window of so many times what went through is beyond what slow start can have from it: it doubles with each round trip,
/// and a round trip may begin and end in the middle of two that are counted here.
const TOO_MANY_TIMES: u64 = 4;
/// What is left of it then: what went through, and as much again for a queue.
const SO_MANY_TIMES: u64 = 2;

/// The most that was acknowledged within a round trip.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proven {
    /// When the round trip began that is counted now.
    since: Instant,
    bytes: u32,
    /// Of the round trips before.
    most: u32,
}

impl Proven {
    /// So many bytes were acknowledged. `round_trip` is the least there was.
    #[inline]
    pub(crate) fn on_acked(&mut self, now: Instant, bytes: u64, round_trip: Duration) {
        if now - self.since >= round_trip {
            self.most = self.most.max(self.bytes);
            self.since = now;
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// The path goes on under another port: the window that it may have there, of `window` now. What an earlier port proved
    /// counts half as much with each one after it, so that a path that has become slower is noticed, and one port of which
    /// nothing is known yet is no reason to begin anew.
    pub(crate) fn on_rebound(&mut self, window: u64) -> u64 {
        let most = self.most.max(self.bytes);
        *self = Proven { since: Instant::ZERO, bytes: 0, most: most / 2 };
        let proven = u64::from(most);
        if window > proven * TOO_MANY_TIMES { proven * SO_MANY_TIMES } else { window }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(40);

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    #[test]
    fn the_best_round_trip_counts() {
        let mut proven = Proven::default();
        // 100 in 10 ms, for ten round trips, with a pause between them.
        for time in (1000..1200).chain(1600..1800).step_by(10) {
            proven.on_acked(at(time), 100, ROUND_TRIP);
        }
        assert_eq!(proven.clone().on_rebound(1600), 1600);
        assert_eq!(proven.on_rebound(1601), 800);
        // The round trip under way counts as well, although it has not ended.
        proven.on_acked(at(1900), 700, ROUND_TRIP);
        assert_eq!(proven.on_rebound(10_000), 1400);
    }

    #[test]
    fn what_was_proven_before_counts_half_with_each_port() {
        let mut proven = Proven::default();
        proven.on_acked(at(1000), 1000, ROUND_TRIP);
        assert_eq!(core::array::from_fn(|_| proven.on_rebound(10_000)), [2000, 1000, 500, 250]);
        proven.on_acked(at(1050), 10, ROUND_TRIP);
        assert_eq!(proven.on_rebound(10_000), 124);
        assert_eq!((Proven::default().on_rebound(100), Proven::default().on_rebound(0)), (0, 0));
    }

    /// Slow start: what is acknowledged doubles with each round trip, wherever the counted ones begin.
    #[test]
    fn a_window_that_doubles_is_not_too_large() {
        for first in 0..40 {
            let (mut proven, mut window) = (Proven::default(), 10_000);
            proven.on_acked(at(1000 - first), 100, ROUND_TRIP);
            for round_trip in 0..8 {
                // The acknowledgments of a window come in the first half of the round trip.
                for time in 0..20 {
                    let bytes = (10_000 << round_trip) / 20;
                    window += bytes;
                    proven.on_acked(at(1000 + 40 * round_trip + time), bytes, ROUND_TRIP);
                    assert_eq!(proven.clone().on_rebound(window).max(24_000), window.max(24_000), "{first} {time}");
                }
            }
        }
    }
}
