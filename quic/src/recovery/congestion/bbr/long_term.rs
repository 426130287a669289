//! How much in flight the path is known to bear, and how a probe for more raises that (draft-ietf-ccwg-bbr section 5.3.3.9).

use super::signals::INFINITE;

/// Which packets the acknowledgments tell of that arrive now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feedback {
    /// Of none of a probe.
    Nothing,
    /// Of those that fill the path.
    Refilling,
    /// Not yet of those that try more.
    Starting,
    /// Of those that try more.
    Probing,
    /// Still of those, though no more are sent.
    Stopping,
}

/// The long-term bound, and the probe that may raise it.
#[derive(Clone, Debug)]
pub(super) struct LongTerm {
    /// Bytes in flight that the path is known to bear.
    pub in_flight: u64,
    /// What the acknowledgments tell of.
    pub feedback: Feedback,
    /// A loss now tells that the probe went too far.
    pub is_probe_sample: bool,
    /// The last probe went too far.
    pub was_too_high: bool,
    /// The last probe ended where the one before went too far.
    pub was_precautionary: bool,
    acked: u64,
    acked_per_datagram: u64,
    rounds: u32,
}

impl LongTerm {
    /// No bound known.
    pub(super) const fn new() -> LongTerm {
        LongTerm {
            in_flight: INFINITE,
            feedback: Feedback::Nothing,
            is_probe_sample: false,
            was_too_high: false,
            was_precautionary: false,
            acked: 0,
            acked_per_datagram: INFINITE,
            rounds: 0,
        }
    }

    /// The bound less a seventh, which is for others; at least `least`.
    pub(super) fn with_headroom(&self, max_datagram_size: u64, least: u64) -> u64 {
        if self.in_flight == INFINITE {
            return INFINITE;
        }
        // Fifteen hundredths.
        let headroom = (self.in_flight / 20 * 3).max(max_datagram_size);
        self.in_flight.saturating_sub(headroom).max(least)
    }

    /// The path is filled, and then more is tried.
    pub(super) const fn on_refill(&mut self) {
        self.rounds = 0;
        self.acked = 0;
        self.was_precautionary = false;
        self.feedback = Feedback::Refilling;
    }

    /// The probe is over.
    pub(super) const fn on_down(&mut self) {
        self.acked_per_datagram = INFINITE;
        self.feedback = Feedback::Stopping;
    }

    /// With each round trip of a probe the bound grows by twice as many datagrams.
    pub(super) fn raise_slope(&mut self, window: u64, max_datagram_size: u64) {
        let growth = 1u64 << self.rounds;
        self.rounds = (self.rounds + 1).min(30);
        self.acked_per_datagram = (window / growth).max(max_datagram_size);
    }

    /// `acked` bytes of a probe that uses the bound were acknowledged.
    pub(super) const fn on_probe_acked(&mut self, acked: u64, max_datagram_size: u64) {
        self.acked += acked;
        let datagrams = self.acked / self.acked_per_datagram;
        self.acked -= datagrams * self.acked_per_datagram;
        self.in_flight = self.in_flight.saturating_add(datagrams * max_datagram_size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_raises_the_bound_by_one_two_and_four_datagrams() {
        let mut bound = LongTerm { in_flight: 100_000, ..LongTerm::new() };
        bound.on_refill();
        let mut grown = alloc::vec::Vec::new();
        for _ in 0..4 {
            bound.raise_slope(100_000, 1000);
            let before = bound.in_flight;
            (0..100).for_each(|_| bound.on_probe_acked(1000, 1000));
            grown.push((bound.in_flight - before) / 1000);
        }
        assert_eq!(grown, [1, 2, 4, 8]);
        bound.on_down();
        bound.on_probe_acked(1 << 40, 1000);
        assert_eq!(bound.in_flight, 115_000);
    }

    #[test]
    fn headroom_is_for_others() {
        let of = |in_flight| LongTerm { in_flight, ..LongTerm::new() }.with_headroom(1000, 4000);
        assert_eq!([of(100_000), of(5000), of(4500), of(INFINITE)], [85_000, 4000, 4000, INFINITE]);
    }
}
