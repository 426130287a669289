//! What the last round trip told of congestion, and the bounds that follow until the next probe (draft-ietf-ccwg-bbr section
//! 5.5.10.3).

use super::state::{PACING_MARGIN, State, beta};
use crate::recovery::delivery_rate::RateSample;

/// No bound.
pub(super) const INFINITE: u64 = u64::MAX;

/// What the losses of a round trip are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Losses {
    /// They are more than chance explains.
    pub is_much: bool,
    /// They are no chance, however few: a queue stands.
    pub is_congestion: bool,
}

/// The round trip that runs, and the short-term bounds.
#[derive(Clone, Debug)]
pub(super) struct Signals {
    /// Bytes per second at most until the next probe.
    pub bandwidth: u64,
    /// Bytes in flight at most until then.
    pub in_flight: u64,
    /// The largest of the round trip.
    latest_bandwidth: u64,
    latest_in_flight: u64,
    is_loss_in_round: bool,
    // The application held back some of what the round trip tells of.
    is_held_back: bool,
    round_delivered: u64,
    /// Whether the newest acknowledgment ends a round trip, as losses count them.
    pub is_round_start: bool,
}

impl Signals {
    /// No loss so far.
    pub(super) const fn new() -> Signals {
        Signals {
            bandwidth: INFINITE,
            in_flight: INFINITE,
            latest_bandwidth: 0,
            latest_in_flight: 0,
            is_loss_in_round: false,
            is_held_back: false,
            round_delivered: 0,
            is_round_start: false,
        }
    }

    /// The most bytes that were delivered of late between the sending and the acknowledgment of a packet.
    pub(super) const fn latest_in_flight(&self) -> u64 {
        self.latest_in_flight
    }

    /// Something was lost, or marked. The first time in a round trip that round trip begins here.
    pub(super) const fn on_lost(&mut self, delivered: u64) {
        if !self.is_loss_in_round {
            self.round_delivered = delivered;
        }
        self.is_loss_in_round = true;
    }

    /// It was no loss.
    pub(super) const fn forgive(&mut self) {
        self.is_loss_in_round = false;
    }

    /// First with each acknowledgment.
    pub(super) fn on_acked(&mut self, sample: &RateSample, delivered: u64) {
        self.latest_bandwidth = self.latest_bandwidth.max(sample.rate);
        self.latest_in_flight = self.latest_in_flight.max(sample.delivered);
        self.is_held_back |= sample.is_application_limited;
        self.is_round_start = sample.prior_delivered >= self.round_delivered;
        if self.is_round_start {
            self.round_delivered = delivered;
        }
    }

    /// Once in a round trip the bounds follow what was lost in it, unless more was tried on purpose. Little is delivered as well where
    /// little was sent, for the application had no more or the peer gave no credit: then the bounds follow only if much was lost.
    ///
    /// Where a queue stands the bounds are what was delivered, as the draft has them. Flows that share a path would otherwise be
    /// allowed more than it has between two probes, keep its queue full, and come together slowly.
    pub(super) fn adapt(&mut self, state: State, max_bandwidth: u64, window: u64, losses: Losses) {
        if !self.is_round_start {
            return;
        }
        let tells = losses.is_much || !core::mem::take(&mut self.is_held_back);
        if self.is_loss_in_round && tells && !state.is_accelerating() {
            let before = |bound, initial| if bound == INFINITE { initial } else { bound };
            let bandwidth = before(self.bandwidth, max_bandwidth);
            let in_flight = before(self.in_flight, window);
            let delivered = if losses.is_congestion {
                (self.latest_bandwidth, self.latest_in_flight)
            } else {
                (self.allowing_for_chance(state), with_chance(self.latest_in_flight))
            };
            self.bandwidth = delivered.0.min(bandwidth).max(beta(bandwidth));
            self.in_flight = delivered.1.min(in_flight).max(beta(in_flight));
        }
        self.is_loss_in_round = false;
    }

    /// The rate that was delivered, and what may have been lost by chance. Not what was sent slower on purpose counts, but what of it did
    /// not arrive.
    fn allowing_for_chance(&self, state: State) -> u64 {
        let sent_slower = u128::from(state.pacing_gain() * PACING_MARGIN);
        let delivered = u128::from(self.latest_bandwidth) * 10_000 / sent_slower;
        with_chance(u64::try_from(delivered).unwrap_or(u64::MAX))
    }

    /// Last with each acknowledgment.
    pub(super) const fn advance(&mut self, sample: &RateSample) {
        if self.is_round_start {
            self.latest_bandwidth = sample.rate;
            self.latest_in_flight = sample.delivered;
        }
    }

    /// Another cycle: what was delivered in the last one no longer counts.
    pub(super) const fn reset_round(&mut self) {
        self.is_loss_in_round = false;
        self.latest_bandwidth = 0;
        self.latest_in_flight = 0;
    }

    /// A probe begins: no bounds.
    pub(super) const fn lift_bounds(&mut self) {
        self.bandwidth = INFINITE;
        self.in_flight = INFINITE;
    }
}

/// What arrived, and the one in fifty that may be lost without being a sign of congestion.
const fn with_chance(delivered: u64) -> u64 {
    delivered.saturating_add(delivered / 49)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANCE: Losses = Losses { is_much: false, is_congestion: false };

    const fn sample(rate: u64, delivered: u64, prior_delivered: u64) -> RateSample {
        RateSample {
            rate,
            delivered,
            prior_delivered,
            lost: 0,
            sent_in_flight: 0,
            is_application_limited: false,
            newly_acked: 0,
        }
    }

    /// A path that loses one in a hundred, round trip after round trip: what a bound of the last one let through must not become the next
    /// one less a hundredth.
    #[test]
    fn one_in_fifty_lowers_no_bound_however_often() {
        let mut signals = Signals::new();
        for round in 1..100 {
            let sent = if signals.bandwidth == INFINITE { 100_000 } else { signals.bandwidth } * PACING_MARGIN / 100;
            let (rate, delivered) = (sent * 98 / 100, 98_000);
            signals.on_lost(round * 100);
            signals.on_acked(&sample(rate, delivered, round * 100), round * 100 + 99);
            signals.adapt(State::Cruise, 100_000, 100_000, CHANCE);
            signals.advance(&sample(rate, delivered, round * 100));
        }
        assert!(
            signals.bandwidth > 99_000 && signals.in_flight > 99_000,
            "{} {}",
            signals.bandwidth,
            signals.in_flight
        );
    }

    /// Where a queue stands nothing is allowed for: flows that share the path are allowed what it delivers, and no more.
    #[test]
    fn where_a_queue_stands_no_loss_is_chance() {
        for (is_congestion, expected) in [(false, (1110, 102)), (true, (970, 100))] {
            let mut signals = Signals::new();
            signals.on_lost(1000);
            signals.on_acked(&sample(970, 100, 1000), 1100);
            signals.adapt(State::Down, 1300, 110, Losses { is_congestion, ..CHANCE });
            assert_eq!((signals.bandwidth, signals.in_flight), expected, "{is_congestion}");
        }
    }

    /// What the peer gave no credit for was not lost.
    #[test]
    fn little_that_was_sent_is_no_sign_of_a_slow_path() {
        for (is_application_limited, is_much_lost, expected) in
            [(false, false, 700), (true, false, INFINITE), (true, true, 700)]
        {
            let mut signals = Signals::new();
            signals.on_lost(1000);
            signals.on_acked(&RateSample { is_application_limited, ..sample(100, 10, 1000) }, 1100);
            signals.adapt(State::Cruise, 1000, 200, Losses { is_much: is_much_lost, ..CHANCE });
            assert_eq!(signals.bandwidth, expected, "{is_application_limited} {is_much_lost}");
        }
    }

    #[test]
    fn bounds_follow_what_is_delivered_and_by_three_tenths_at_most() {
        let mut signals = Signals::new();
        signals.on_lost(1000);
        signals.on_acked(&sample(950, 90, 900), 1100);
        signals.adapt(State::Cruise, 1000, 200, CHANCE);
        assert_eq!((signals.bandwidth, signals.in_flight), (INFINITE, INFINITE), "only once the round trip is over");
        signals.on_acked(&sample(940, 95, 1000), 1200);
        assert!(signals.is_round_start);
        signals.adapt(State::Cruise, 1000, 200, CHANCE);
        signals.advance(&sample(940, 95, 1000));
        // Of what was sent a hundredth slower than the path, 950 of 990, and one in fifty is chance.
        assert_eq!((signals.bandwidth, signals.in_flight), (978, 140));
        // Much slower now: step by step.
        signals.on_lost(1200);
        signals.on_acked(&sample(100, 10, 1200), 1300);
        signals.adapt(State::Cruise, 1000, 200, CHANCE);
        assert_eq!((signals.bandwidth, signals.in_flight), (968, 98), "the round trip began with the last one's");
        signals.advance(&sample(100, 10, 1200));
        signals.on_lost(1300);
        signals.on_acked(&sample(100, 10, 1300), 1400);
        signals.adapt(State::Cruise, 1000, 200, CHANCE);
        assert_eq!((signals.bandwidth, signals.in_flight), (677, 68));
        // While more is tried nothing follows, and a probe lifts the bounds.
        signals.on_lost(1400);
        signals.on_acked(&sample(100, 10, 1400), 1500);
        signals.adapt(State::Up, 1000, 200, CHANCE);
        assert_eq!(signals.bandwidth, 677);
        signals.lift_bounds();
        assert_eq!((signals.bandwidth, signals.in_flight), (INFINITE, INFINITE));
    }
}
