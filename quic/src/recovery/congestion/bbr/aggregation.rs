//! How much more is acknowledged at once than the rate explains (draft-ietf-ccwg-bbr section 5.5.9): networks and receivers collect
//! acknowledgments, and the window has to bridge the silence between.

use super::filter::WindowedMax;
use crate::recovery::delivery_rate::bytes_in;
use base::Instant;

/// Round trips for which it is remembered once the path was full.
const ROUNDS: u64 = 10;

/// What was seen of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Aggregation {
    start: Instant,
    delivered: u64,
    most: WindowedMax,
}

impl Aggregation {
    /// From the beginning of the connection.
    pub(super) fn new(now: Instant) -> Aggregation {
        Aggregation { start: now, ..Aggregation::default() }
    }

    /// After silence the interval begins anew.
    pub(super) const fn restart(&mut self, now: Instant) {
        self.start = now;
    }

    /// Bytes by which the window is larger for it.
    pub(super) const fn bytes(&self) -> u64 {
        self.most.get()
    }

    /// `acked` bytes are acknowledged in this round trip, at a rate of `bandwidth`; never more than the window comes of it.
    pub(super) fn on_acked(
        &mut self,
        now: Instant,
        acked: u64,
        bandwidth: u64,
        window: u64,
        round: u64,
        is_full: bool,
    ) {
        let mut expected = bytes_in(bandwidth, now - self.start);
        if self.delivered <= expected {
            (self.start, self.delivered, expected) = (now, 0, 0);
        }
        self.delivered += acked;
        let extra = (self.delivered - expected).min(window);
        self.most.update(round, extra, if is_full { ROUNDS } else { 1 });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Instant {
        Instant::from_nanos(milliseconds * 1_000_000)
    }

    /// Ten milliseconds' worth at once, every ten milliseconds: that much more has to be in flight.
    #[test]
    fn heaps_are_measured_and_forgotten() {
        let mut aggregation = Aggregation::new(at(0));
        for step in 1..=100 {
            aggregation.on_acked(at(step * 10), 10_000, 1_000_000, 100_000, step / 10, true);
        }
        assert_eq!(aggregation.bytes(), 10_000);
        for step in 1..=200 {
            aggregation.on_acked(at(1000 + step * 10), 1000, 1_000_000, 100_000, 10 + step / 10, true);
        }
        assert_eq!(aggregation.bytes(), 1000);
        aggregation.on_acked(at(4000), 1 << 40, 1_000_000, 100_000, 40, true);
        assert_eq!(aggregation.bytes(), 100_000, "never more than the window");
    }
}
