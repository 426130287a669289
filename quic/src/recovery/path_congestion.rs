//! What belongs to the path and not to a space: round trip, window, pacing, bytes in flight (RFC 9002 section 2, 7).

use super::config::RecoveryConfig;
use super::congestion::AnyController;
use super::congestion::controller::Controller;
use super::congestion::new_reno::NewReno;
use super::pacer::{Pace, Pacer};
use super::proven::Proven;
use super::rtt::RttEstimator;
use base::Instant;

/// One path. Another path begins with a new one (RFC 9000 section 9.4), or with a copy where only a port differs.
#[derive(Clone, Debug)]
pub(crate) struct PathCongestion {
    /// The estimate of the round trip.
    pub rtt: RttEstimator,
    controller: AnyController,
    pacer: Pacer,
    proven: Proven,
    bytes_in_flight: u64,
    max_datagram_size: u32,
    application_limited: bool,
    // RFC 9002 s7.3.2: one packet may exceed the window when a recovery period begins.
    one_more: bool,
}

impl PathCongestion {
    /// Nothing sent, nothing known.
    pub(crate) fn new(config: &RecoveryConfig, max_datagram_size: u64) -> PathCongestion {
        // More than that is no window of a beginning (RFC 9002 section 7.2).
        let packets = u32::try_from(config.initial_window_packets).unwrap_or(u32::MAX);
        PathCongestion {
            rtt: RttEstimator::new(config.initial_rtt),
            controller: AnyController::NewReno(NewReno::new(max_datagram_size, packets)),
            pacer: Pacer::new(),
            proven: Proven::default(),
            bytes_in_flight: 0,
            max_datagram_size: datagram_size(max_datagram_size),
            application_limited: false,
            one_more: false,
        }
    }

    /// A packet in flight was sent.
    pub(crate) fn on_sent(&mut self, bytes: u64) {
        self.bytes_in_flight += bytes;
        self.one_more = false;
        self.application_limited = false;
        self.pacer.on_sent(bytes);
    }

    /// So many bytes in flight were acknowledged.
    pub(crate) fn on_acked(&mut self, now: Instant, bytes: u64) {
        self.on_left_flight(bytes);
        self.proven.on_acked(now, bytes, self.rtt.min());
    }

    /// The path before, which goes on under another port of the peer's: as much of its window as it has proven.
    pub(crate) fn on_rebound(&self) -> PathCongestion {
        let mut path = self.clone();
        path.controller.limit_window(path.proven.on_rebound(self.controller.window()));
        path
    }

    /// A packet in flight was acknowledged, lost or discarded.
    pub(crate) fn on_left_flight(&mut self, bytes: u64) {
        self.bytes_in_flight = self.bytes_in_flight.checked_sub(bytes).expect("what leaves was in flight");
    }

    /// The path is in use again, and so much of what was sent on it is still open.
    pub(crate) const fn set_bytes_in_flight(&mut self, bytes: u64) {
        self.bytes_in_flight = bytes;
    }

    /// A packet sent at `time_sent` was lost. Tells whether a recovery period begins.
    pub(crate) fn on_congestion_event(&mut self, now: Instant, time_sent: Instant) -> bool {
        let entered = self.controller.on_congestion_event(now, time_sent);
        self.one_more |= entered;
        entered
    }

    /// Nothing went through for long.
    pub(crate) fn on_persistent_congestion(&mut self) {
        self.controller.on_persistent_congestion();
        self.rtt.on_persistent_congestion();
    }

    /// See [`Recovery::max_datagram_size`](super::Recovery::max_datagram_size).
    pub(crate) const fn max_datagram_size(&self) -> usize {
        self.max_datagram_size as usize
    }

    /// See [`Controller::is_slow_start`].
    pub(crate) fn is_slow_start(&self) -> bool {
        self.controller.is_slow_start()
    }

    /// See [`Controller::recovery_start`].
    pub(crate) fn recovery_start(&self) -> Option<Instant> {
        self.controller.recovery_start()
    }

    /// Nothing more is there to send although the window is open (RFC 9002 section 7.8).
    pub(crate) const fn on_application_limited(&mut self) {
        self.application_limited = true;
    }

    /// Whether that is so since the last packet in flight.
    pub(crate) const fn is_application_limited(&self) -> bool {
        self.application_limited
    }

    /// The algorithm.
    pub(crate) const fn controller(&self) -> &AnyController {
        &self.controller
    }

    /// The algorithm, to tell it of acknowledgments.
    pub(crate) const fn controller_mut(&mut self) -> &mut AnyController {
        &mut self.controller
    }

    /// Bytes sent whose fate is open.
    pub(crate) const fn bytes_in_flight(&self) -> u64 {
        self.bytes_in_flight
    }

    /// Whether a packet of `bytes` fits the window (RFC 9002 section 7-3). Pacing is asked separately.
    pub(crate) fn can_send(&self, bytes: u64) -> bool {
        self.one_more || self.bytes_in_flight.saturating_add(bytes) <= self.controller.window()
    }

    /// `None` if `bytes` may be sent now.
    pub(crate) fn pacing_deadline(&mut self, now: Instant, bytes: u64) -> Option<Instant> {
        let pace = Pace {
            window: self.controller.window(),
            slow_start: self.controller.is_slow_start(),
            smoothed_rtt: self.rtt.smoothed(),
            max_datagram_size: u64::from(self.max_datagram_size),
        };
        self.pacer.deadline(now, bytes, &pace)
    }

    /// Path MTU discovery found another size.
    pub(crate) fn set_max_datagram_size(&mut self, bytes: u64) {
        self.max_datagram_size = datagram_size(bytes);
        self.controller.set_max_datagram_size(bytes);
    }
}

fn datagram_size(bytes: u64) -> u32 {
    u32::try_from(bytes).expect("a datagram is shorter than 64 KiB")
}
