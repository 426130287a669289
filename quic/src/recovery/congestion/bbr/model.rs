//! What is known of the path, from acknowledgments and losses (draft-ietf-ccwg-bbr section 5.5).

use super::aggregation::Aggregation;
use super::filter::CycleMax;
use super::full_pipe::FullPipe;
use super::long_term::LongTerm;
use super::round_trip::LeastRoundTrip;
use super::rounds::Rounds;
use super::signals::{INFINITE, Losses, Signals};
use super::state::State;
use crate::recovery::delivery_rate::{DeliveryRate, RateSample, bytes_in};
use base::{Duration, Instant};

/// Datagrams in flight that are always allowed: as many as a receiver needs that acknowledges every other one.
const LEAST_WINDOW_PACKETS: u64 = 4;
/// A burst is what goes in this time,
const QUANTUM: Duration = Duration::from_millis(1);
/// but no more than this
const MAX_QUANTUM: u64 = 65_536;
/// and no less than so many datagrams.
const LEAST_QUANTUM_PACKETS: u64 = 2;
/// The part of the least round trip by which it is longer where a queue stands that this sender does not make alone: a probe of the
/// bandwidth makes half as much.
const STANDING_QUEUE_SHARE: u32 = 2;
/// Datagrams that may be lost by chance in a round trip before more is taken for a full path.
const CHANCE_PACKETS: u64 = 3;

/// One path.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub rate: DeliveryRate,
    /// The newest sample.
    pub sample: RateSample,
    pub rounds: Rounds,
    pub bandwidths: CycleMax,
    /// Bytes per second: the largest of late, within its bound.
    pub bandwidth: u64,
    pub least_rtt: LeastRoundTrip,
    pub aggregation: Aggregation,
    pub signals: Signals,
    pub pipe: FullPipe,
    pub long_term: LongTerm,
    /// Bytes in flight now.
    pub in_flight: u64,
    // A queue of half of what the path holds, or more, as the newest round trip tells: what is lost there is not lost by chance.
    is_queue_standing: bool,
    pub max_datagram_size: u64,
}

impl Model {
    /// Nothing known.
    pub(super) fn new(max_datagram_size: u64) -> Model {
        Model {
            rate: DeliveryRate::new(),
            sample: RateSample::default(),
            rounds: Rounds::default(),
            bandwidths: CycleMax::default(),
            bandwidth: 0,
            least_rtt: LeastRoundTrip::new(),
            aggregation: Aggregation::new(Instant::ZERO),
            signals: Signals::new(),
            pipe: FullPipe::default(),
            long_term: LongTerm::new(),
            in_flight: 0,
            is_queue_standing: false,
            max_datagram_size,
        }
    }

    /// What a new round trip tells of the queue.
    pub(super) fn look_at_queue(&mut self, rtt: Option<Duration>) {
        let Some((rtt, least)) = rtt.zip(self.least_rtt.get()) else { return };
        self.is_queue_standing = rtt > least + least / STANDING_QUEUE_SHARE;
    }

    /// An acknowledgment, first part: until the state is looked at.
    pub(super) fn on_acked(&mut self, now: Instant, sample: RateSample, state: State, window: u64) {
        let delivered = self.rate.delivered();
        self.sample = sample;
        self.signals.on_acked(&sample, delivered);
        self.rounds.on_acked(sample.prior_delivered, delivered);
        if sample.rate > 0 && (sample.rate >= self.bandwidths.get() || !sample.is_application_limited) {
            self.bandwidths.update(sample.rate);
        }
        let is_much_lost = is_too_high(sample.lost, sample.sent_in_flight, self.max_datagram_size);
        let losses = Losses { is_much: is_much_lost, is_congestion: self.is_queue_standing };
        self.signals.adapt(state, self.bandwidths.get(), window, losses);
        let (round, is_full) = (self.rounds.count, self.pipe.is_reached);
        self.aggregation.on_acked(now, sample.newly_acked, self.bandwidth, window, round, is_full);
        self.pipe.on_acked(&sample, self.rounds.is_start);
    }

    /// The last part.
    pub(super) fn advance(&mut self) {
        self.signals.advance(&self.sample);
        self.bound_bandwidth();
    }

    /// The bandwidth within its bound.
    pub(super) fn bound_bandwidth(&mut self) {
        self.bandwidth = self.bandwidths.get().min(self.signals.bandwidth);
    }

    /// Bytes that the path holds at this rate, times so many hundredths. `None` before a round trip was measured.
    pub(super) fn held(&self, bandwidth: u64, gain: u64) -> Option<u64> {
        let held = bytes_in(bandwidth, self.least_rtt.get()?);
        Some(u64::try_from(u128::from(held) * u128::from(gain) / 100).unwrap_or(u64::MAX))
    }

    /// The same, and never less than bursts and acknowledgments of pairs need.
    pub(super) fn in_flight_for(&self, bytes: u64, pacing_rate: u64, state: State) -> u64 {
        let bytes = bytes.max(self.quantum(pacing_rate)).max(self.least_window());
        if state == State::Up { bytes + 2 * self.max_datagram_size } else { bytes }
    }

    /// Bytes that leave at once at most.
    fn quantum(&self, pacing_rate: u64) -> u64 {
        let burst = bytes_in(pacing_rate, QUANTUM).min(MAX_QUANTUM);
        burst.max(LEAST_QUANTUM_PACKETS * self.max_datagram_size)
    }

    /// Bytes.
    pub(super) const fn least_window(&self) -> u64 {
        LEAST_WINDOW_PACKETS * self.max_datagram_size
    }

    /// The long-term bound with room for others.
    pub(super) fn with_headroom(&self) -> u64 {
        self.long_term.with_headroom(self.max_datagram_size, self.least_window())
    }

    /// Bytes in flight that the bounds permit in this state.
    pub(super) fn bound(&self, state: State) -> u64 {
        let long_term = match state {
            State::Cruise | State::ProbeRtt => self.with_headroom(),
            State::Down | State::Refill | State::Up => self.long_term.in_flight,
            State::Startup | State::Drain => INFINITE,
        };
        long_term.min(self.signals.in_flight).max(self.least_window())
    }
}

/// More than one in fifty was lost of what was in flight, and so much more that it is hardly chance: of a hundred packets three are
/// lost now and then where one in a hundred is.
pub(super) fn is_too_high(lost: u64, in_flight: u64, max_datagram_size: u64) -> bool {
    let beyond_chance = lost.saturating_sub(CHANCE_PACKETS * max_datagram_size);
    u128::from(beyond_chance) * 50 > u128::from(in_flight)
}
