//! Loss detection and congestion control (RFC 9002): what was sent, what arrived, what is lost, when to probe, and how
//! much may be sent.
//!
//! Three packet number spaces share one path. Frames are kept as plain values and given back in an [`Outcome`]; what they
//! mean is not known here. The timer is not a state: [`Recovery::deadline`] computes it from what is known, so nothing can
//! be forgotten to be rearmed.
//!
//! Invariants: bytes in flight are the sum of the open packets in flight of the current path; each frame of a packet in
//! flight comes back once, acknowledged or lost, or goes with its discarded space.

pub(crate) mod config;
pub(crate) mod congestion;
pub(crate) mod delivery_rate;
pub(crate) mod ecn;
pub(crate) mod loss;
pub(crate) mod lost_packets;
pub(crate) mod outcome;
pub(crate) mod pacer;
pub(crate) mod path_congestion;
pub(crate) mod persistent_congestion;
pub(crate) mod proven;
pub(crate) mod pto;
pub(crate) mod reordering;
pub(crate) mod rtt;
pub(crate) mod sent_packets;
pub(crate) mod spaces;

pub use config::{CongestionControl, RecoveryConfig};
pub(crate) use outcome::{Outcome, Timeout};
pub(crate) use path_congestion::PathCongestion;
pub(crate) use rtt::RttEstimator;
pub(crate) use sent_packets::SentPacket;

use crate::config::Config;
use crate::packet::SentFrame;
use crate::violation::Violation;
use crate::wire::frame::AckFrame;
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use alloc::sync::Arc;
use base::{Duration, Instant, Side};
use congestion::controller::{Acked, Controller, Left};
use path_congestion::Losses;
use persistent_congestion::PersistentCongestion;
use sent_packets::{Entry, Resolved, SentPackets};
use spaces::Spaces;

/// Skipped numbers that are remembered to catch a peer that acknowledges what it cannot have seen (RFC 9000 section
/// 21.4). Such a peer acknowledges all numbers, so the newest few catch it as well as all would.
const MAX_SKIPPED: usize = 8;

/// After so many probe timeouts in a row the two probes of each no longer go together.
const PROBES_TOGETHER: u32 = 2;

/// How long is waited for the acknowledgment of a packet that was declared lost: twice as long as it can take until that.
const LATE_ROUND_TRIPS: u32 = 4;

/// The path number of packets that were sent on a path not in use.
const ELSEWHERE: u16 = u16::MAX;

/// Recovery of one connection.
#[derive(Debug)]
pub(crate) struct Recovery {
    // Shared by all connections: none has a copy.
    config: Arc<Config>,
    spaces: Spaces,
    path: PathCongestion,
    // The number of the path in use, and of the last one that was begun: what was sent on another counts for no window.
    path_number: u16,
    last_path_number: u16,
    // The first number sent on the path: packets before it say nothing about the size it carries.
    path_start: u64,
    max_ack_delay: Duration,
    pto_count: u32,
    // What is due before the probe timer, and when: the second probe of the last expiry, or what the peer seems to lack.
    planned: Option<(Instant, Timeout)>,
    // Since when nothing that asks for an acknowledgment got one, as told by an expiry of the timer.
    unanswered_since: Option<Instant>,
    handshake_confirmed: bool,
    has_handshake_keys: bool,
    peer_validated_address: bool,
    amplification_limited: bool,
    // Whether what is sent now is marked as capable of ECN.
    is_marking: bool,
    // From when a client waits that has nothing in flight (RFC 9002 s6.2.2.1).
    waiting_since: Instant,
}

/// What is kept of a path while another is in use: its estimate and its window.
#[derive(Debug)]
pub(crate) struct LeftPath {
    congestion: PathCongestion,
    number: u16,
}

/// What one ACK frame newly acknowledges.
#[derive(Default)]
struct Newly {
    packets: u64,
    // Bytes in flight on the path, and those of them sent after the recovery period began.
    bytes: u64,
    growing_bytes: u64,
    ack_eliciting: bool,
    // Packets that were marked as capable of ECN, and whether one of them went on this path.
    marked: u32,
    marked_on_path: bool,
    // Whether the largest number is larger than any that was acknowledged before.
    is_larger: bool,
    largest: Option<(u64, Instant, bool)>,
}

impl LeftPath {
    /// What is known of the path.
    pub(crate) const fn congestion(&self) -> &PathCongestion {
        &self.congestion
    }
}

impl Recovery {
    /// Of a connection that has sent nothing.
    pub(crate) fn new(side: Side, config: Arc<Config>) -> Recovery {
        let settings = &config.recovery;
        Recovery {
            spaces: Spaces::new(),
            path: PathCongestion::new(settings, settings.max_datagram_size as u64),
            path_number: 0,
            last_path_number: 0,
            path_start: 0,
            // RFC 9000 s18.2: the default of the transport parameter.
            max_ack_delay: Duration::from_millis(25),
            pto_count: 0,
            planned: None,
            unanswered_since: None,
            handshake_confirmed: false,
            has_handshake_keys: false,
            // RFC 9002 A.8: a client has validated the server's address by the handshake itself.
            peer_validated_address: side == Side::Server,
            amplification_limited: false,
            is_marking: false,
            waiting_since: Instant::ZERO,
            config,
        }
    }

    /// A packet left (RFC 9002 appendix A.5). Numbers of a space increase.
    /// RFC 9002 section 7.5-2.
    #[inline]
    pub(crate) fn on_sent(&mut self, now: Instant, space: PacketNumberSpace, packet: SentPacket, frames: &[SentFrame]) {
        let state = &mut self.spaces[space];
        state.sent.on_sent(&packet, self.path_number, frames);
        state.largest_used = Some(packet.number.value());
        if packet.marked {
            state.ecn.on_sent();
        }
        if packet.ack_eliciting {
            state.last_ack_eliciting = now;
            self.waiting_since = now;
        }
        if packet.in_flight {
            self.path.on_sent(now, packet.size as u64);
            if packet.marked {
                self.path.ecn.on_sent();
            }
        }
    }

    /// A packet left on a path that is not in use (RFC 9000 section 9.1). It counts for no window and gives no sample,
    /// and no timer waits for its acknowledgment: path validation has one of its own (section 9.4).
    pub(crate) fn on_sent_elsewhere(&mut self, space: PacketNumberSpace, packet: SentPacket) {
        let packet = SentPacket { ack_eliciting: false, in_flight: false, mtu_probe: false, marked: false, ..packet };
        let state = &mut self.spaces[space];
        state.sent.on_sent(&packet, ELSEWHERE, &[]);
        state.largest_used = Some(packet.number.value());
    }

    /// The number will never be sent (RFC 9000 section 21.4).
    pub(crate) fn on_skipped(&mut self, space: PacketNumberSpace, number: PacketNumber) {
        let state = &mut self.spaces[space];
        if state.skipped.len() == MAX_SKIPPED {
            state.skipped.pop_front();
        }
        state.skipped.push_back(number.value());
        state.largest_used = Some(number.value());
    }

    /// An ACK frame arrived (RFC 9002 appendix A.7). `ack_delay` is the field times the peer's exponent, as it was sent:
    /// the rules of section 5.3 are applied here. `out` is added to.
    pub(crate) fn on_ack(
        &mut self,
        now: Instant,
        space: PacketNumberSpace,
        ack: &AckFrame<'_>,
        ack_delay: Duration,
        out: &mut Outcome,
    ) -> Result<(), Violation> {
        let bytes_in_flight = self.path.bytes_in_flight();
        let newly = self.take_acked(now, space, ack, out)?;
        let Some((largest, time_sent, on_this_path)) = newly.largest else {
            return Ok(());
        };
        // RFC 9002 section 5.1-2: only the largest of the frame gives a sample, and only if something asked for the
        // acknowledgment.
        let gives_sample = largest == ack.largest.value() && newly.ack_eliciting && on_this_path;
        if gives_sample {
            let ack_delay = self.plausible_delay(space, ack_delay);
            self.path.rtt.on_sample(now, now - time_sent, ack_delay);
        }
        let is_marked = self.read_marks(now, space, ack, &newly);
        let shrunk = self.detect_lost(now, space, out) || is_marked;
        // Whatever this frame acknowledges was sent before the recovery period that it may have begun.
        if newly.bytes > 0 {
            self.path.on_clocked();
            let acked = Acked {
                now,
                bytes: if shrunk { 0 } else { newly.growing_bytes },
                newest_time_sent: time_sent,
                bytes_in_flight,
                in_flight_now: self.path.bytes_in_flight(),
                application_limited: self.path.is_application_limited(),
                smoothed_rtt: self.path.rtt.smoothed(),
                min_rtt: self.path.rtt.min(),
                sample: gives_sample.then(|| self.path.rtt.latest()),
            };
            self.path.controller_mut().on_acked(&acked);
        }
        if space == PacketNumberSpace::Handshake {
            // RFC 9002 A.8: the server read a Handshake packet, so it knows where the client is.
            self.peer_validated_address = true;
        }
        self.planned = None;
        if newly.ack_eliciting {
            self.unanswered_since = None;
        }
        if space == PacketNumberSpace::Initial {
            self.expect_handshake_ack();
        }
        // RFC 9002 s6.2.1: not while the server may still be held back by the amplification limit.
        if self.peer_validated_address {
            self.pto_count = 0;
        }
        self.waiting_since = now;
        Ok(())
    }

    /// Marks what `ack` acknowledges, and gives its frames out.
    fn take_acked(
        &mut self,
        now: Instant,
        space: PacketNumberSpace,
        ack: &AckFrame<'_>,
        out: &mut Outcome,
    ) -> Result<Newly, Violation> {
        let state = &mut self.spaces[space];
        let largest = ack.largest.value();
        if state.largest_used.is_none_or(|used| largest > used) {
            return Err(Violation::AckOfUnsentPacket);
        }
        // Ranges below what is still of interest are not even decoded: a long history costs nothing.
        let floor = state.sent.floor();
        let of_interest = || ack.iter().take_while(|range| *range.end() >= floor || *range.end() == largest);
        if of_interest().any(|range| state.skipped.iter().any(|number| range.contains(number))) {
            return Err(Violation::AckOfSkippedPacket);
        }
        let largest_before = state.largest_acked;
        let largest_acked = largest_before.map_or(largest, |before| before.max(largest));
        state.largest_acked = Some(largest_acked);
        let recovery_start = self.path.controller().recovery_start();
        let (path, path_number, path_start) = (&mut self.path, self.path_number, self.path_start);
        let config = &self.config;
        let is_larger = largest_before.is_none_or(|before| largest > before);
        let mut newly = Newly { is_larger, ..Newly::default() };
        for range in of_interest() {
            state.sent.on_late(range.clone(), |packet| {
                out.late_packets += 1;
                // The size of a probe is what took it away, and it was counted for no window.
                if packet.path == path_number && !packet.mtu_probe {
                    path.on_late(now, packet.time_sent, largest_acked.saturating_sub(packet.number));
                }
            });
            let mut newest = None;
            state.sent.on_acked(range, &mut out.acked, |packet| {
                newly.packets += 1;
                newly.ack_eliciting |= packet.ack_eliciting;
                newly.marked += u32::from(packet.marked);
                newly.marked_on_path |= packet.marked && packet.path == path_number;
                newest = Some((packet.number, packet.time_sent, packet.path == path_number));
                if packet.in_flight && packet.path == path_number {
                    if let Some(overtaken) = largest_before.and_then(|before| before.checked_sub(packet.number)) {
                        path.on_overtaken(&config.recovery, now, packet.time_sent, overtaken);
                    }
                    let (time_sent, bytes, number) = (packet.time_sent, u64::from(packet.size), packet.number);
                    path.on_packet_acked(&Left { now, time_sent, bytes, number });
                    newly.bytes += bytes;
                    if packet.number >= path_start {
                        out.largest_acked_size = out.largest_acked_size.max(usize::from(packet.size));
                    }
                    if recovery_start.is_none_or(|start| packet.time_sent > start) {
                        newly.growing_bytes += u64::from(packet.size);
                    }
                }
                if packet.mtu_probe && packet.number >= path_start {
                    out.acked_mtu_probe = Some(usize::from(packet.size));
                }
            });
            newly.largest = newly.largest.or(newest);
        }
        self.path.on_acked(now, newly.bytes);
        out.acked_packets += newly.packets;
        out.newly_acked_ack_eliciting |= newly.ack_eliciting;
        out.largest_newly_acked =
            newly.largest.and_then(|(number, ..)| PacketNumber::new(number)).or(out.largest_newly_acked);
        Ok(newly)
    }

    /// What the ACK frame says of marks. Tells whether congestion control reacted.
    fn read_marks(&mut self, now: Instant, space: PacketNumberSpace, ack: &AckFrame<'_>, newly: &Newly) -> bool {
        // RFC 9000 section 13.4.2.1-1: counts of frames that come out of order say nothing.
        if !newly.is_larger {
            return false;
        }
        match self.spaces[space].ecn.on_ack(ack.ecn.as_ref(), newly.marked) {
            Err(ecn::Invalid) => {
                self.path.ecn.on_invalid();
                false
            }
            Ok(ce) => {
                if newly.marked_on_path {
                    self.path.ecn.on_validated();
                }
                let newest = newly.largest.filter(|(_, _, on_this_path)| *on_this_path);
                let newest = newest.filter(|_| ce > 0 && self.path.ecn.is_capable());
                newest.is_some_and(|(_, time_sent, _)| {
                    let start = self.last_sent().min(now);
                    self.path.on_congestion_mark(start, time_sent)
                })
            }
        }
    }

    /// When the newest packet was sent that asks for an acknowledgment. A recovery period is for what was sent until then, and not until
    /// the loss is found: what is sent at that very moment, in the same turn, is sent because of it. RFC 9002 section 7.3.2 has the
    /// period end with the acknowledgment of such a packet.
    fn last_sent(&self) -> Instant {
        PacketNumberSpace::ALL
            .into_iter()
            .map(|space| self.spaces[space].last_ack_eliciting)
            .max()
            .unwrap_or(Instant::ZERO)
    }

    /// Whether the datagrams that are made now are marked as capable of ECN.
    pub(crate) const fn choose_mark(&mut self) {
        self.is_marking = self.path.ecn.marks();
    }

    /// What was chosen last.
    pub(crate) const fn is_marking(&self) -> bool {
        self.is_marking
    }

    /// Whether marks are known to arrive on the path.
    pub(crate) fn is_ecn_capable(&self) -> bool {
        self.path.ecn.is_capable()
    }

    /// Packets that arrived with the mark of congestion, as the peer counts them.
    pub(crate) fn congestion_marks(&self) -> u64 {
        u64::from(self.spaces[PacketNumberSpace::ApplicationData].ecn.ce())
    }

    /// RFC 9002 section 5.3-5.
    fn plausible_delay(&self, space: PacketNumberSpace, ack_delay: Duration) -> Duration {
        match space {
            PacketNumberSpace::Initial => Duration::ZERO,
            _ if self.handshake_confirmed => ack_delay.min(self.max_ack_delay),
            _ => ack_delay,
        }
    }

    /// RFC 9002 appendix A.10 and B.8. Tells whether congestion control reacted.
    fn detect_lost(&mut self, now: Instant, space: PacketNumberSpace, out: &mut Outcome) -> bool {
        let state = &mut self.spaces[space];
        state.loss_time = None;
        let Some(largest_acked) = state.largest_acked else { return false };
        // Where nothing was overtaken, nothing is to be measured by a threshold.
        let entered = state.sent.has_open_up_to(largest_acked) && self.detect_overtaken(now, space, largest_acked, out);
        let sent = &mut self.spaces[space].sent;
        if sent.awaits_lost() {
            sent.forget_lost_before(now - loss::round_trip(&self.path.rtt) * LATE_ROUND_TRIPS);
        }
        let persistent = self.release_resolved(space, out);
        entered || persistent
    }

    /// Packets up to `largest_acked` are open: whether they are lost. Tells whether congestion control reacted.
    fn detect_overtaken(
        &mut self,
        now: Instant,
        space: PacketNumberSpace,
        largest_acked: u64,
        out: &mut Outcome,
    ) -> bool {
        let state = &mut self.spaces[space];
        let delay = self.path.time_threshold(&self.config.recovery);
        let packet_threshold = self.path.packet_threshold(&self.config.recovery);
        let below = loss::lost_below(packet_threshold, largest_acked, &state.skipped);
        let (mut losses, mut is_mark_dropped) = (None::<Losses>, false);
        let (path, path_number) = (&mut self.path, self.path_number);
        let path_start = self.path_start;
        // RFC 9002 section 7.4-2: every packet below what was acknowledged is judged alike.
        let is_lost = |packet: &Entry| packet.number < below || packet.time_sent + delay <= now;
        let (frames, lost_probe, lost_packets) = (&mut out.lost, &mut out.lost_mtu_probe, &mut out.lost_packets);
        let lost_numbers = &mut out.lost_numbers;
        let largest_lost_size = &mut out.largest_lost_size;
        let waiting = state.sent.on_lost(largest_acked, frames, is_lost, |packet| {
            if !packet.in_flight {
                return;
            }
            *lost_packets += 1;
            lost_numbers.push(PacketNumber::new(packet.number).expect("a number that was sent"));
            if packet.path == path_number {
                let (time_sent, bytes, number) = (packet.time_sent, u64::from(packet.size), packet.number);
                path.on_packet_lost(&Left { now, time_sent, bytes, number }, packet.mtu_probe);
                is_mark_dropped |= packet.marked && path.ecn.on_lost();
            }
            // RFC 9000 s14.4: a probe that was too large says nothing about congestion.
            if packet.mtu_probe {
                if packet.number >= path_start {
                    *lost_probe = Some(usize::from(packet.size));
                }
                return;
            }
            if packet.path == path_number {
                *largest_lost_size = usize::from(packet.size).max(*largest_lost_size);
                let count = losses.map_or(0, |losses| losses.count) + 1;
                losses = Some(Losses { count, last_sent: packet.time_sent });
            }
        });
        state.loss_time = waiting.map(|packet| packet.time_sent + delay);
        let entered = losses.is_some_and(|losses| {
            let start = self.last_sent().min(now);
            self.path.on_lost(now, start, &losses)
        });
        if space != PacketNumberSpace::ApplicationData {
            // In a handshake there may be no acknowledgment to wait for: the peer may lack the keys to read what else is in flight.
            self.path.on_clocked();
        }
        if is_mark_dropped {
            // What is dropped for its mark says nothing about congestion.
            self.path.undo_recovery();
        }
        entered
    }

    /// Lets resolved packets go, and tells whether they establish persistent congestion.
    fn release_resolved(&mut self, space: PacketNumberSpace, out: &mut Outcome) -> bool {
        let (rtt, config, max_ack_delay) = (&self.path.rtt, &self.config.recovery, self.max_ack_delay);
        // RFC 9002 s7.6.1: with the peer's delay whatever the space.
        let duration = || pto::period(rtt, config.granularity, max_ack_delay) * config.persistent_congestion_threshold;
        let state = &mut self.spaces[space];
        let (persistent, path_number) = (&mut state.persistent, self.path_number);
        let mut declared = false;
        state.sent.release_resolved(|resolved| match resolved {
            Resolved::Acked => persistent.on_acked(),
            // RFC 9002 section 7.6.2-1.
            Resolved::Lost(packet) if packet.ack_eliciting && !packet.mtu_probe && packet.path == path_number => {
                declared |= persistent.on_lost(packet.time_sent, duration(), rtt.first_sample());
            }
            Resolved::Lost(_) => {}
        });
        if declared {
            self.path.on_persistent_congestion();
            out.persistent_congestion = true;
        }
        declared
    }

    /// When to call [`Recovery::on_timeout`]: the loss time, or else the probe timeout (RFC 9002 appendix A.8).
    /// RFC 9002 section 6.2.1-6.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let probe = || [self.planned().map(|(time, _)| time), self.probe_deadline().map(|(time, ..)| time)];
        self.loss_deadline().map(|(time, _)| time).or_else(|| probe().into_iter().flatten().min())
    }

    fn loss_deadline(&self) -> Option<(Instant, PacketNumberSpace)> {
        PacketNumberSpace::ALL
            .into_iter()
            .filter_map(|space| Some((self.spaces[space].loss_time?, space)))
            .min_by_key(|(time, _)| *time)
    }

    /// What is due before the probe timer, and when.
    fn planned(&self) -> Option<(Instant, Timeout)> {
        self.planned.filter(|_| !self.amplification_limited)
    }

    /// An Initial packet was acknowledged, and Handshake packets that left with it were not: half a round trip later than they
    /// could have been, they are taken for lost. The probe timer would wait three round trips, for all it knows is one sample.
    /// RFC 9002 s6.2.3.
    fn expect_handshake_ack(&mut self) {
        let state = &self.spaces[PacketNumberSpace::Handshake];
        if self.path.rtt.first_sample().is_some() && state.sent.has_ack_eliciting() {
            self.expect_answer(state.last_ack_eliciting);
        }
    }

    /// What was sent at this time is seen to be worth a repetition, if it is not acknowledged in a round trip and a half.
    pub(crate) fn expect_answer(&mut self, time_sent: Instant) {
        self.planned = Some((time_sent + self.path.rtt.smoothed() * 3 / 2, Timeout::Unanswered));
    }

    /// Handshake bytes go again before the probe timer says so, and once more if that is lost as well. What vanished may have
    /// vanished for its mark, as at a probe timeout.
    pub(crate) fn on_repeated(&mut self, now: Instant) {
        self.path.ecn.on_probe_timeout(self.pto_count);
        self.expect_answer(now);
    }

    /// Whether what was sent last in the space and asks for an acknowledgment could have been answered by now. Before the
    /// first sample nobody knows.
    pub(crate) fn could_be_answered(&self, now: Instant, space: PacketNumberSpace) -> bool {
        let rtt = &self.path.rtt;
        rtt.first_sample().is_none() || self.spaces[space].last_ack_eliciting + rtt.smoothed() <= now
    }

    /// When to probe, where, and with how many packets.
    fn probe_deadline(&self) -> Option<(Instant, PacketNumberSpace, u8)> {
        // RFC 9002 section 6.2.2.1-1: a probe that may not be sent is not waited for.
        if self.amplification_limited {
            return None;
        }
        if !self.spaces.iter().any(|state| state.sent.has_ack_eliciting()) {
            return self.anti_deadlock();
        }
        PacketNumberSpace::ALL
            .into_iter()
            .filter(|space| self.spaces[*space].sent.has_ack_eliciting())
            // RFC 9002 section 6.2.1-3: before confirmation the peer may be unable to read 1-RTT packets.
            .filter(|space| *space != PacketNumberSpace::ApplicationData || self.handshake_confirmed)
            .map(|space| {
                let after = pto::backed_off(self.pto(space), self.pto_count);
                (self.spaces[space].last_ack_eliciting + after, space, 2)
            })
            // RFC 9002 section 6.2.1-2: the earliest of the spaces that may be probed.
            .min_by_key(|(time, ..)| *time)
            // With only 0-RTT or 1-RTT packets in flight before confirmation, a client must still unblock the server.
            .or_else(|| self.anti_deadlock())
    }

    /// RFC 9002 section 6.2.2.1-2, 6.2.2.1-3: the server may wait for a datagram of the client to be allowed to send.
    fn anti_deadlock(&self) -> Option<(Instant, PacketNumberSpace, u8)> {
        if self.peer_validated_address {
            return None;
        }
        let space = if self.has_handshake_keys { PacketNumberSpace::Handshake } else { PacketNumberSpace::Initial };
        Some((self.waiting_since + pto::backed_off(self.pto(space), self.pto_count), space, 1))
    }

    /// The deadline may have passed (RFC 9002 appendix A.9). `out` is added to.
    pub(crate) fn on_timeout(&mut self, now: Instant, out: &mut Outcome) -> Timeout {
        if let Some((time, space)) = self.loss_deadline() {
            if time > now {
                return Timeout::Nothing;
            }
            self.detect_lost(now, space, out);
            return Timeout::Lost { space };
        }
        if let Some((_, what)) = self.planned.take_if(|(time, _)| *time <= now && !self.amplification_limited) {
            return what;
        }
        match self.probe_deadline() {
            Some((time, space, packets)) if time <= now => {
                // RFC 9002 section 6.2-1, 6.2.1-5: nothing is declared lost; only the next timeout is twice as long.
                self.assert_flight();
                self.pto_count = self.pto_count.saturating_add(1);
                self.path.ecn.on_probe_timeout(self.pto_count);
                self.unanswered_since.get_or_insert(self.waiting_since);
                self.waiting_since = now;
                self.planned.take_if(|(_, what)| *what != Timeout::Unanswered);
                Timeout::Probe { space, packets: self.probes_now(now, space, packets) }
            }
            _ => Timeout::Nothing,
        }
    }

    /// How many of the probes of an expiry go at once. After a few expiries in a row the path is most likely silent, and not
    /// a single packet lost: then the second one waits for half of the period, so that a path that works again is found in
    /// half the time. RFC 9002 s6.2.4 permits two datagrams, and with each the timer begins anew (s6.2.1).
    fn probes_now(&mut self, now: Instant, space: PacketNumberSpace, packets: u8) -> u8 {
        if packets < 2 || self.pto_count <= PROBES_TOGETHER {
            return packets;
        }
        let half = pto::backed_off(self.pto(space), self.pto_count) / 2;
        self.planned = Some((now + half, Timeout::SecondProbe { space }));
        packets - 1
    }

    /// Since when nothing was acknowledged that asked for it, if the probe timer has expired since.
    pub(crate) const fn unanswered_since(&self) -> Option<Instant> {
        self.unanswered_since
    }

    /// Bytes of the largest packet whose fate is open, of those sent on the path in use since it was taken up: what is not
    /// answered may be too large. MTU probes, which are expected to be, are left out.
    pub(crate) fn largest_in_flight(&self) -> usize {
        let sent = &self.spaces[PacketNumberSpace::ApplicationData].sent;
        let of_path = |packet: &&Entry| packet.path == self.path_number && packet.number >= self.path_start;
        let sizes = sent.open().filter(of_path).filter(|packet| packet.ack_eliciting && !packet.mtu_probe);
        sizes.map(|packet| usize::from(packet.size)).max().unwrap_or(0)
    }

    /// The keys of the space are gone, and with them its packets (RFC 9002 section 6.4-1).
    ///
    /// They go when the peer has shown that all bytes of the space's CRYPTO stream are there. If that is so less than a round trip
    /// after some were declared lost, it is not because they were sent again: they were only late, and no acknowledgment will say so.
    pub(crate) fn discard_space(&mut self, now: Instant, space: PacketNumberSpace) {
        let state = self.spaces.discard(space);
        if self.path.has_just_lost(now) {
            for packet in state.sent.lost().filter(|packet| packet.path == self.path_number) {
                self.path.on_not_lost(packet.time_sent);
            }
        }
        Self::discard_in_flight(&mut self.path, self.path_number, &state.sent);
        let marked = state.sent.open().filter(|p| p.marked && p.in_flight && p.path == self.path_number);
        if marked.fold(false, |is_dropped, _| self.path.ecn.on_discarded() || is_dropped) {
            self.path.undo_recovery();
        }
        // RFC 9002 section 6.2.2-4: progress was made.
        self.restart_backoff();
    }

    /// Gives back what the rings have grown to, as far as they are empty.
    pub(crate) fn release_memory(&mut self) {
        self.assert_flight();
        self.path.release_memory();
        self.spaces.iter_mut().for_each(|state| state.sent.release_memory());
    }

    /// The open packets of the space were never read: after a Retry, or when 0-RTT is rejected. Their frames come out as
    /// lost, without a word to congestion control.
    pub(crate) fn abandon(&mut self, space: PacketNumberSpace, out: &mut Outcome) {
        Self::discard_in_flight(&mut self.path, self.path_number, &self.spaces[space].sent);
        let state = &mut self.spaces[space];
        state.sent.on_lost(u64::MAX, &mut out.lost, |_| true, |_| {});
        state.sent.release_resolved(|_| {});
        state.loss_time = None;
        state.persistent = PersistentCongestion::new();
        self.restart_backoff();
    }

    /// The same for packets that the peer has said that it does not read: an acknowledgment of one is a lie, as of a number that was
    /// skipped.
    pub(crate) fn refuse(&mut self, space: PacketNumberSpace, out: &mut Outcome) {
        let refused: alloc::vec::Vec<u64> = self.spaces[space].sent.open().map(|packet| packet.number).collect();
        self.abandon(space, out);
        let skipped = &mut self.spaces[space].skipped;
        // The newest of both are kept, in ascending order.
        for number in refused.into_iter().rev().take(MAX_SKIPPED) {
            let place = skipped.partition_point(|before| *before < number);
            skipped.insert(place, number);
        }
        skipped.drain(..skipped.len().saturating_sub(MAX_SKIPPED));
    }

    const fn restart_backoff(&mut self) {
        self.pto_count = 0;
        self.planned = None;
        self.unanswered_since = None;
    }

    /// Bytes in flight are the packets that are open. Asserted where time is not short: when a timer has expired.
    fn assert_flight(&self) {
        let open: u64 = self.spaces.iter().map(|state| self.in_flight_on_path(&state.sent)).sum();
        assert_eq!(self.path.bytes_in_flight(), open, "bytes in flight sum up");
    }

    /// What is open of it on the path in use does not count any longer.
    fn discard_in_flight(path: &mut PathCongestion, path_number: u16, sent: &SentPackets) {
        for packet in sent.open().filter(|packet| packet.in_flight && packet.path == path_number) {
            path.on_discarded(packet.time_sent, u64::from(packet.size));
        }
    }

    fn in_flight_on_path(&self, sent: &SentPackets) -> u64 {
        sent.open().filter(|p| p.in_flight && p.path == self.path_number).map(|p| u64::from(p.size)).sum()
    }

    /// The connection moved to another path (RFC 9000 section 9.4): its estimate and window begin anew, or go on as they were
    /// when it was left. What is under way on the path before no longer counts; what is known of that comes out.
    pub(crate) fn on_path_changed(&mut self, to: Option<LeftPath>, max_datagram_size: usize) -> LeftPath {
        let anew = PathCongestion::new(&self.config.recovery, max_datagram_size as u64);
        let to = to.unwrap_or_else(|| self.number_path(anew));
        self.take_up(to, max_datagram_size)
    }

    /// The peer's port changed and nothing else, most likely because a translator on the way forgot it: the estimate and the
    /// window stay (RFC 9000 section 9.4), as far as it is proven; what is known of the size does not. Still it is another path: what was sent to
    /// the port before may be lost for no other reason than that nobody is there any more.
    pub(crate) fn on_rebound(&mut self, to: Option<LeftPath>, max_datagram_size: usize) -> LeftPath {
        let kept = self.path.on_rebound();
        let to = to.unwrap_or_else(|| self.number_path(kept));
        self.take_up(to, max_datagram_size)
    }

    /// A path of its own: what is sent on it from now on can be told from everything before.
    const fn number_path(&mut self, congestion: PathCongestion) -> LeftPath {
        self.last_path_number = if self.last_path_number >= ELSEWHERE - 1 { 0 } else { self.last_path_number + 1 };
        LeftPath { congestion, number: self.last_path_number }
    }

    /// RFC 9000 section 9.4-1: from now on only what is sent on this path counts for it.
    fn take_up(&mut self, to: LeftPath, max_datagram_size: usize) -> LeftPath {
        let left = LeftPath {
            congestion: core::mem::replace(&mut self.path, to.congestion),
            number: core::mem::replace(&mut self.path_number, to.number),
        };
        // Counted rather than remembered: some of what was under way may have resolved since, and numbers of paths come
        // again after some time.
        let bytes = self.spaces.iter().map(|state| self.in_flight_on_path(&state.sent)).sum();
        self.path.on_taken_up(bytes);
        self.spaces.iter_mut().for_each(|state| state.persistent = PersistentCongestion::new());
        let largest = self.spaces[PacketNumberSpace::ApplicationData].largest_used;
        self.path_start = largest.map_or(0, |largest| largest + 1);
        self.path.set_max_datagram_size(max_datagram_size as u64);
        // What went unanswered went to the address before.
        self.restart_backoff();
        left
    }

    /// A path that was left is forgotten: what was sent on it and is open comes out as lost, without a word to congestion
    /// control. Else a peer that never acknowledges could have a window's worth remembered for each of its addresses.
    pub(crate) fn on_path_forgotten(&mut self, left: &LeftPath, out: &mut Outcome) {
        let sent = &mut self.spaces[PacketNumberSpace::ApplicationData].sent;
        let count = sent.give_up(left.number, &mut out.lost);
        sent.release_resolved(|_| {});
        out.lost_packets += count;
    }

    /// Whether a challenge may go although the window is full. There are few, at times of our own choice; but a peer whose
    /// address changes with every packet asks for one each time, so they end at twice the window.
    pub(crate) fn may_exceed_window(&self) -> bool {
        self.bytes_in_flight() < self.congestion_window().saturating_mul(2)
    }

    /// Whether the peer has acknowledged a packet that was sent since the last move. Everything older counts as acknowledged
    /// or lost soon after.
    pub(crate) fn is_answered_since_move(&self) -> bool {
        self.spaces[PacketNumberSpace::ApplicationData].largest_acked.is_some_and(|largest| largest >= self.path_start)
    }

    /// The probe timeout of a path that nothing is known of.
    pub(crate) fn initial_pto(&self) -> Duration {
        pto::period(
            &RttEstimator::new(self.config.recovery.initial_rtt),
            self.config.recovery.granularity,
            self.max_ack_delay,
        )
    }

    /// The longest that the peer may take for an acknowledgment.
    pub(crate) const fn max_ack_delay(&self) -> Duration {
        self.max_ack_delay
    }

    /// Packets that have to be acknowledged for one sent before them to be lost.
    pub(crate) fn packet_threshold(&self) -> u64 {
        self.path.packet_threshold(&self.config.recovery)
    }

    /// The peer's transport parameter, or what it was asked for since.
    pub(crate) const fn set_max_ack_delay(&mut self, max_ack_delay: Duration) {
        self.max_ack_delay = max_ack_delay;
    }

    /// RFC 9001 section 4.1.2.
    pub(crate) const fn set_handshake_confirmed(&mut self) {
        self.handshake_confirmed = true;
        self.peer_validated_address = true;
    }

    /// Handshake packets can be sent.
    pub(crate) const fn set_has_handshake_keys(&mut self) {
        self.has_handshake_keys = true;
    }

    /// The peer knows this side's address (RFC 9002 section 6.2.2.1). Noticed without being told when a Handshake packet
    /// is acknowledged; a server need not call it.
    pub(crate) const fn set_peer_completed_address_validation(&mut self) {
        self.peer_validated_address = true;
    }

    /// Whether the amplification limit stops all sending now.
    pub(crate) const fn set_amplification_limited(&mut self, limited: bool) {
        self.amplification_limited = limited;
    }

    /// Path MTU discovery found another size.
    pub(crate) fn set_max_datagram_size(&mut self, bytes: usize) {
        self.path.set_max_datagram_size(bytes as u64);
    }

    /// The largest datagram that congestion control reckons with, in bytes.
    pub(crate) const fn max_datagram_size(&self) -> usize {
        self.path.max_datagram_size()
    }

    /// Whether the window still doubles with every round trip (RFC 9002 section 7.3.1).
    pub(crate) fn is_slow_start(&self) -> bool {
        self.path.is_slow_start()
    }

    /// When the newest recovery period began (RFC 9002 section 7.3.2).
    pub(crate) fn recovery_start(&self) -> Option<Instant> {
        self.path.recovery_start()
    }

    /// Whether a packet in flight of `bytes` fits the window. Probes are not asked for.
    pub(crate) fn can_send(&self, bytes: usize) -> bool {
        self.path.can_send(bytes as u64)
    }

    /// Bytes that may be in flight.
    pub(crate) fn congestion_window(&self) -> u64 {
        self.path.controller().window()
    }

    /// Bytes in flight on the path.
    pub(crate) const fn bytes_in_flight(&self) -> u64 {
        self.path.bytes_in_flight()
    }

    /// Bytes per second at which packets are spread.
    pub(crate) fn pacing_rate(&self) -> u64 {
        self.path.pacing_rate()
    }

    /// `None` if `bytes` may be sent now, else when to ask again. Not for packets of ACK frames alone, nor for probes.
    #[inline]
    pub(crate) fn pacing_deadline(&mut self, now: Instant, bytes: usize) -> Option<Instant> {
        self.path.pacing_deadline(now, bytes as u64)
    }

    /// To be called when nothing is left to send although window and pacing would permit it (RFC 9002 section 7.8). The
    /// next packet in flight ends it.
    pub(crate) fn on_application_limited(&mut self) {
        self.path.on_application_limited();
    }

    /// The probe timeout of the space without backoff (RFC 9002 section 6.2.1).
    pub(crate) fn pto(&self, space: PacketNumberSpace) -> Duration {
        let delay = if space == PacketNumberSpace::ApplicationData { self.max_ack_delay } else { Duration::ZERO };
        pto::period(&self.path.rtt, self.config.recovery.granularity, delay)
    }

    /// What is known of the path in use.
    pub(crate) const fn congestion(&self) -> &PathCongestion {
        &self.path
    }

    /// The round trip.
    pub(crate) const fn rtt(&self) -> &RttEstimator {
        &self.path.rtt
    }

    /// Probe timeouts in a row.
    pub(crate) const fn pto_count(&self) -> u32 {
        self.pto_count
    }

    /// Packets of the space whose fate is open.
    #[cfg(test)]
    pub(crate) fn open_packets(&self, space: PacketNumberSpace) -> usize {
        self.spaces[space].sent.open().count()
    }

    /// Whether the space has ack-eliciting packets in flight.
    pub(crate) fn has_ack_eliciting(&self, space: PacketNumberSpace) -> bool {
        self.spaces[space].sent.has_ack_eliciting()
    }

    /// What ack-eliciting packets in flight carried that were sent before `now`, for a probe to carry again: of `count` such
    /// packets, the oldest after the first `older`.
    pub(crate) fn unacked_frames(
        &self,
        now: Instant,
        space: PacketNumberSpace,
        older: usize,
        count: usize,
    ) -> impl Iterator<Item = SentFrame> + '_ {
        let sent = &self.spaces[space].sent;
        // A lost MTU probe is not repeated as a probe: it holds nothing to repeat.
        let repeated = move |packet: &&Entry| packet.ack_eliciting && !packet.mtu_probe && packet.time_sent < now;
        sent.open().filter(repeated).skip(older).take(count).flat_map(|packet| sent.frames_of(packet))
    }
}

#[cfg(test)]
mod tests;
