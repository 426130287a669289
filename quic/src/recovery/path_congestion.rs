//! What belongs to the path and not to a space: round trip, window, pacing, bytes in flight (RFC 9002 section 2, 7).

use super::config::RecoveryConfig;
use super::congestion::controller::{Controller, Left, Sent};
use super::congestion::{AnyController, Saved};
use super::ecn::PathEcn;
use super::loss;
use super::pacer::{Pace, Pacer};
use super::proven::Proven;
use super::reordering::Reordering;
use super::rtt::RttEstimator;
use alloc::boxed::Box;
use base::{Duration, Instant};

/// By how much the round trip is longer where a queue stands: by this share of it, but so long at least and at most (the values of
/// RFC 9406 section 4.3).
const QUEUE_SHARE: u32 = 8;
const LEAST_QUEUE: Duration = Duration::from_millis(4);
const MOST_QUEUE: Duration = Duration::from_millis(16);

/// One path. Another path begins with a new one (RFC 9000 section 9.4), or with a copy where only a port differs.
#[derive(Clone, Debug)]
pub(crate) struct PathCongestion {
    /// The estimate of the round trip.
    pub rtt: RttEstimator,
    controller: AnyController,
    // If the newest recovery period may have begun for nothing.
    undo: Option<Box<Undo>>,
    pacer: Pacer,
    proven: Proven,
    bytes_in_flight: u64,
    max_datagram_size: u32,
    application_limited: bool,
    one_more: OneMore,
    reordering: Reordering,
    /// Whether marks arrive.
    pub ecn: PathEcn,
}

/// Whether one packet may exceed the window, because a recovery period began: what was lost can be sent again at once (RFC 9002 section
/// 7.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OneMore {
    No,
    /// With the next acknowledgment: a timer found the loss, and since the last acknowledgment nothing has left the path. If that is full,
    /// the packet would be lost as well, and begin another period.
    AfterAck,
    Now,
}

/// What there was before a recovery period began. If all packets that were lost in it were only late, it should not have begun.
#[derive(Clone, Debug)]
struct Undo {
    before: Saved,
    /// When the recovery period before began: what was sent until then was lost in an earlier one.
    after: Option<Instant>,
    /// When the first of its packets were declared lost.
    declared: Instant,
    /// Packets that were lost in it and have not arrived yet.
    missing: u64,
}

/// Packets in flight that one look at the open ones declared lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Losses {
    /// How many.
    pub count: u64,
    /// When the last of them was sent.
    pub last_sent: Instant,
}

impl PathCongestion {
    /// Nothing sent, nothing known.
    pub(crate) fn new(config: &RecoveryConfig, max_datagram_size: u64) -> PathCongestion {
        // More than that is no window of a beginning (RFC 9002 section 7.2).
        let packets = u32::try_from(config.initial_window_packets).unwrap_or(u32::MAX);
        PathCongestion {
            rtt: RttEstimator::new(config.initial_rtt),
            controller: AnyController::new(config.congestion_control, max_datagram_size, packets),
            undo: None,
            pacer: Pacer::new(),
            proven: Proven::default(),
            bytes_in_flight: 0,
            max_datagram_size: datagram_size(max_datagram_size),
            application_limited: false,
            one_more: OneMore::No,
            reordering: Reordering::default(),
            ecn: PathEcn::new(config.ecn),
        }
    }

    /// A packet in flight was sent.
    pub(crate) fn on_sent(&mut self, now: Instant, bytes: u64) {
        self.bytes_in_flight += bytes;
        self.controller.on_sent(&Sent { now, bytes, bytes_in_flight: self.bytes_in_flight });
        self.one_more = OneMore::No;
        self.application_limited = false;
        self.pacer.on_sent(bytes);
    }

    /// A packet in flight was acknowledged; [`PathCongestion::on_acked`] follows for all of the acknowledgment.
    #[inline]
    pub(crate) fn on_packet_acked(&mut self, packet: &Left) {
        self.controller.on_packet_acked(packet);
    }

    /// A packet in flight is lost. `is_probe`: of the MTU, whose loss says nothing about congestion (RFC 9000 section 14.4).
    pub(crate) fn on_packet_lost(&mut self, packet: &Left, is_probe: bool) {
        self.on_left_flight(packet.bytes);
        if is_probe {
            self.controller.on_packet_discarded(packet.time_sent);
        } else {
            self.controller.on_packet_lost(packet);
        }
    }

    /// A packet in flight that was sent then is not waited for any longer.
    pub(crate) fn on_discarded(&mut self, time_sent: Instant, bytes: u64) {
        self.on_left_flight(bytes);
        self.controller.on_packet_discarded(time_sent);
    }

    /// So many bytes in flight were acknowledged.
    pub(crate) fn on_acked(&mut self, now: Instant, bytes: u64) {
        self.on_left_flight(bytes);
        self.proven.on_acked(now, bytes, self.rtt.min());
    }

    /// The path before, which goes on under another port of the peer's: as much of its window as it has proven.
    pub(crate) fn on_rebound(&self) -> PathCongestion {
        let mut path = PathCongestion { undo: None, ..self.clone() };
        path.controller.limit_window(path.proven.on_rebound(self.controller.window()));
        path
    }

    /// Packets in flight were acknowledged, lost or discarded.
    fn on_left_flight(&mut self, bytes: u64) {
        self.bytes_in_flight = self.bytes_in_flight.checked_sub(bytes).expect("what leaves was in flight");
    }

    /// The path is in use again, and so much of what was sent on it is still open.
    pub(crate) fn on_taken_up(&mut self, bytes: u64) {
        self.bytes_in_flight = bytes;
        self.controller.on_path_taken_up();
    }

    /// Packets were lost. Tells whether a recovery period begins, for what was sent until `start`.
    pub(crate) fn on_lost(&mut self, now: Instant, start: Instant, losses: &Losses) -> bool {
        let is_known = self.controller.recovery_start().is_some_and(|start| losses.last_sent <= start);
        if is_known {
            if let Some(undo) = &mut self.undo {
                undo.missing += losses.count;
            }
            return false;
        }
        let (before, after) = (self.controller.save(), self.controller.recovery_start());
        let is_queued = self.is_queued();
        assert!(
            self.controller.on_congestion_event(start, losses.last_sent, is_queued),
            "a packet sent since begins another period"
        );
        self.undo = Some(Box::new(Undo { before, after, declared: now, missing: losses.count }));
        self.reordering.on_recovery();
        self.one_more = OneMore::AfterAck;
        true
    }

    /// Something has left the path: what may exceed the window takes its place.
    pub(crate) fn on_clocked(&mut self) {
        if self.one_more == OneMore::AfterAck {
            self.one_more = OneMore::Now;
        }
    }

    /// Whether the round trip is longer than the least one by more than it varies without a queue: by as much as ends slow start.
    fn is_queued(&self) -> bool {
        let least = self.rtt.min();
        self.rtt.smoothed() > least + (least / QUEUE_SHARE).clamp(LEAST_QUEUE, MOST_QUEUE)
    }

    /// A router has marked packets, of which the newest was sent at `time_sent`, instead of dropping them. Tells whether a recovery
    /// period begins, for what was sent until `start`.
    /// RFC 9002 s7.1.
    pub(crate) fn on_congestion_mark(&mut self, start: Instant, time_sent: Instant) -> bool {
        let entered = self.controller.on_congestion_mark(start, time_sent);
        if entered {
            // What a router says of itself is never undone.
            self.undo = None;
        }
        entered
    }

    /// A packet that was declared lost has arrived: `overtaken` packets sent later are known to have arrived before it.
    pub(crate) fn on_late(&mut self, now: Instant, time_sent: Instant, overtaken: u64) {
        self.reordering.on_late(overtaken, now - time_sent, loss::round_trip(&self.rtt));
        self.on_not_lost(time_sent);
    }

    /// Whether packets were declared lost so recently that nothing can have come of what was sent in their place.
    pub(crate) fn has_just_lost(&self, now: Instant) -> bool {
        self.undo.as_ref().is_some_and(|undo| now < undo.declared + self.rtt.min())
    }

    /// A packet that was declared lost was not.
    pub(crate) fn on_not_lost(&mut self, time_sent: Instant) {
        let is_of_period = self.controller.recovery_start().is_some_and(|start| time_sent <= start);
        let is_counted = |undo: &&mut Box<Undo>| is_of_period && undo.after.is_none_or(|after| time_sent > after);
        let Some(undo) = self.undo.as_mut().filter(is_counted) else { return };
        // After persistent congestion the period before is not known, and one of its packets may count here.
        undo.missing = undo.missing.saturating_sub(1);
        if undo.missing == 0 {
            self.undo_recovery();
        }
    }

    /// A packet has arrived before it was declared lost, after so many that were sent later.
    pub(crate) fn on_overtaken(&mut self, config: &RecoveryConfig, now: Instant, time_sent: Instant, overtaken: u64) {
        self.reordering.on_overtaken(config, overtaken, now - time_sent, loss::round_trip(&self.rtt));
    }

    /// What was lost in the newest recovery period was not lost by congestion.
    pub(crate) fn undo_recovery(&mut self) {
        let Some(undo) = self.undo.take() else { return };
        self.controller.restore(undo.before);
        self.controller.set_max_datagram_size(u64::from(self.max_datagram_size));
        self.one_more = OneMore::No;
    }

    /// How many packets sent later have to be acknowledged for one to be lost.
    pub(crate) fn packet_threshold(&self, config: &RecoveryConfig) -> u64 {
        self.reordering.packet_threshold(config)
    }

    /// The age at which a packet is lost when one sent later is acknowledged.
    pub(crate) fn time_threshold(&self, config: &RecoveryConfig) -> Duration {
        self.reordering.time_threshold(config, loss::round_trip(&self.rtt))
    }

    /// Gives back what is not needed while nothing is in flight.
    pub(crate) fn release_memory(&mut self) {
        self.undo = None;
        self.controller.release_memory();
    }

    /// Nothing went through for long.
    pub(crate) fn on_persistent_congestion(&mut self) {
        self.controller.on_persistent_congestion();
        self.undo = None;
        self.rtt.on_persistent_congestion();
    }

    /// See [`Recovery::max_datagram_size`](super::Recovery::max_datagram_size).
    pub(crate) const fn max_datagram_size(&self) -> usize {
        self.max_datagram_size as usize
    }

    /// Bytes that may be in flight.
    pub(crate) fn window(&self) -> u64 {
        self.controller.window()
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
    pub(crate) fn on_application_limited(&mut self) {
        self.application_limited = true;
        self.controller.on_application_limited(self.bytes_in_flight);
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
        self.one_more == OneMore::Now || self.bytes_in_flight.saturating_add(bytes) <= self.controller.window()
    }

    /// `None` if `bytes` may be sent now. The packets of a batch are asked for at one time, and ask the pacer itself once.
    #[inline]
    pub(crate) fn pacing_deadline(&mut self, now: Instant, bytes: u64) -> Option<Instant> {
        if self.pacer.has(now, bytes) { None } else { self.new_pacing_deadline(now, bytes) }
    }

    #[inline(never)]
    fn new_pacing_deadline(&mut self, now: Instant, bytes: u64) -> Option<Instant> {
        let pace = self.pace();
        self.pacer.deadline(now, bytes, &pace)
    }

    /// Bytes per second at which packets are spread.
    pub(crate) fn pacing_rate(&self) -> u64 {
        self.pace().bytes_in(Duration::from_secs(1))
    }

    fn pace(&self) -> Pace {
        Pace {
            window: self.controller.window(),
            rate: self.controller.pacing_rate(),
            slow_start: self.controller.is_slow_start(),
            smoothed_rtt: self.rtt.smoothed(),
            max_datagram_size: u64::from(self.max_datagram_size),
        }
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
