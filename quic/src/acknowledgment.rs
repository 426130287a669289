//! What was received in one packet number space, and when to say so (RFC 9000 section 13.2).
//!
//! A driver hands in a batch of datagrams and transmits afterwards, so that many packets share an ACK frame although
//! every second one makes it due.

mod late;
mod requested;

pub(crate) use requested::Requested;

use crate::packet::OutgoingPacket;
use crate::ranges::RangeSet;
use crate::wire::frame::{EcnCounts, MAX_RANGES_SENT, encode_ack};
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use alloc::boxed::Box;
use base::{Duration, Ecn, Instant};
use late::{Late, MAX_LATE, NEWEST};
use requested::{Arrived, MAX_UNTOLD_GAPS};

/// Ranges remembered of one space (RFC 9000 section 13.2.3): a path of 1 Gbit/s has as many gaps at a time where one packet in twenty
/// is late by up to a tenth of a second. Where there are more, the oldest packets are sent again.
pub const MAX_RANGES: usize = 256;
const _: () =
    assert!(NEWEST + MAX_LATE <= MAX_RANGES_SENT && MAX_RANGES_SENT <= MAX_RANGES, "a frame has room for all of them");
const _: () = assert!((MAX_UNTOLD_GAPS as usize) < MAX_RANGES, "gaps are told before their ranges are dropped");
/// Gaps that are remembered when everything around them was told and is forgotten: each is most often one packet on another
/// path, or one that was lost.
const MAX_MISSING: usize = 16;
/// RFC 9000 s13.2.2: an ACK frame is due after this many ack-eliciting packets.
const PACKETS_PER_ACK: u32 = 2;
/// An ACK frame with its first range and ECN counts is at most this long: a type, a count and six integers.
const LONGEST_HEAD: usize = 1 + 1 + 6 * 8;
/// A further range is at most this long.
const LONGEST_RANGE: usize = 16;

/// What is kept of packets that come in no order.
#[derive(Debug, Default)]
struct Disorder {
    /// The newest gaps below the floor: what is still on a slower path than the one in use.
    missing: RangeSet,
    /// Where an ACK frame does not tell all ranges.
    late: Late,
}

/// The packets received in one space.
#[derive(Debug)]
pub(crate) struct ReceivedPackets {
    space: PacketNumberSpace,
    ranges: RangeSet,
    // Numbers below are taken for received, but for those that are missing; their ranges are forgotten.
    floor: u64,
    // `None` while packets come in their order, more or less.
    disorder: Option<Box<Disorder>>,
    largest: Option<PacketNumber>,
    largest_received_at: Instant,
    // The number after the largest that asked for an acknowledgment; 0 before the first.
    after_ack_eliciting: u64,
    // Ack-eliciting packets since the last ACK frame.
    unacknowledged: u32,
    due: bool,
    deadline: Option<Instant>,
    ecn: EcnCounts,
    // `None`: the peer has asked for nothing.
    requested: Option<Box<Requested>>,
}

impl ReceivedPackets {
    /// None.
    pub(crate) const fn new(space: PacketNumberSpace) -> ReceivedPackets {
        ReceivedPackets {
            space,
            ranges: RangeSet::new(),
            floor: 0,
            disorder: None,
            largest: None,
            largest_received_at: Instant::ZERO,
            after_ack_eliciting: 0,
            unacknowledged: 0,
            due: false,
            deadline: None,
            ecn: EcnCounts { ect0: 0, ect1: 0, ce: 0 },
            requested: None,
        }
    }

    /// Gives back the memory of ranges that have grown together.
    pub(crate) fn release_memory(&mut self) {
        self.ranges.release_memory();
        // Nothing has come for so long that nothing is on its way any more.
        self.disorder = None;
    }

    /// Whether the number was received before, or is so old that it is not known any more (RFC 9000 section 12.3).
    pub(crate) fn is_duplicate(&self, number: PacketNumber) -> bool {
        let number = number.value();
        if number < self.floor { !self.is_missing(number) } else { self.ranges.contains(number) }
    }

    fn is_missing(&self, number: u64) -> bool {
        // What came late has its range until that was told.
        self.disorder.as_ref().is_some_and(|disorder| disorder.missing.contains(number))
    }

    /// A packet was opened and read, and is no duplicate. `max_ack_delay` is what this side advertised.
    pub(crate) fn on_received(
        &mut self,
        now: Instant,
        number: PacketNumber,
        ack_eliciting: bool,
        ecn: Ecn,
        max_ack_delay: Duration,
    ) {
        let value = number.value();
        if value < self.floor && !self.take_missing(value) {
            return;
        }
        if !self.ranges.insert(value..value + 1) {
            return;
        }
        self.limit_ranges();
        if self.is_scattered() {
            self.disorder.get_or_insert_default().late.on_received(value, &self.ranges);
        }
        // RFC 9000 section 13.2.3-5: kept whatever becomes of the ranges.
        if self.largest.is_none_or(|largest| number > largest) {
            self.largest = Some(number);
            self.largest_received_at = now;
        }
        match ecn {
            Ecn::NotEct => {}
            // RFC 9000 section 13.4.1-1: reported, though nothing of ours is marked.
            Ecn::Ect0 => self.ecn.ect0 += 1,
            Ecn::Ect1 => self.ecn.ect1 += 1,
            Ecn::Ce => self.ecn.ce += 1,
        }
        // RFC 9000 section 13.2.1-4: a packet that does not ask for an acknowledgment must not cause one.
        if ack_eliciting {
            self.on_ack_eliciting(now, value, ecn, max_ack_delay);
        }
    }

    /// A packet came that was missing below the floor: whether it did.
    fn take_missing(&mut self, number: u64) -> bool {
        let Some(disorder) = &mut self.disorder else { return false };
        let is_taken = disorder.missing.remove(number..number + 1) > 0;
        if disorder.missing.is_empty() && !self.is_scattered() {
            self.disorder = None;
        }
        is_taken
    }

    /// Whether there are more ranges than a frame may have.
    fn is_scattered(&self) -> bool {
        self.ranges.len() > MAX_RANGES_SENT
    }

    fn on_ack_eliciting(&mut self, now: Instant, number: u64, ecn: Ecn, max_ack_delay: Duration) {
        self.unacknowledged = self.unacknowledged.saturating_add(1);
        // RFC 9000 s13.2.1: out of order, or after a gap, so that the sender hears of a loss soon.
        let expected = self.after_ack_eliciting;
        let last_start = self.ranges.iter().next_back().map_or(0, |range| range.start);
        let out_of_order = expected > 0 && (number < expected - 1 || last_start > expected);
        self.after_ack_eliciting = expected.max(number + 1);
        self.due |= match &mut self.requested {
            None => {
                out_of_order
                    || ecn == Ecn::Ce
                    // RFC 9000 section 13.2.1-2.
                    || self.space != PacketNumberSpace::ApplicationData
                    || self.unacknowledged >= PACKETS_PER_ACK
            }
            Some(requested) => {
                let (unacknowledged, floor) = (self.unacknowledged, self.floor);
                let largest = self.after_ack_eliciting - 1;
                let packet = Arrived { number, ecn, largest, out_of_order, unacknowledged, floor };
                requested.is_urgent(&packet, &self.ranges)
            }
        };
        if self.due {
            self.deadline = None;
        } else {
            let max_ack_delay = self.requested.as_ref().map_or(max_ack_delay, |requested| requested.max_ack_delay());
            // RFC 9000 section 13.2.1-1: no later than was promised.
            // RFC 9221 section 5.2-1: whatever the packet holds.
            self.deadline.get_or_insert(now + max_ack_delay);
        }
    }

    /// The peer asks to hear of what it sends in another way than before.
    pub(crate) fn on_request(&mut self, request: Requested) {
        match &mut self.requested {
            Some(before) => request.replace(before),
            None => self.requested = Some(Box::new(request)),
        }
    }

    /// The packet that is being read is to be acknowledged at once.
    /// draft-ietf-quic-ack-frequency section 5-1.
    pub(crate) const fn on_immediate_request(&mut self) {
        self.due = true;
    }

    /// Forgets the oldest range when there are too many. What is forgotten can no longer be told from a duplicate, so
    /// nothing of it is accepted any more (RFC 9000 section 12.3-4, 13.2.3-4).
    fn limit_ranges(&mut self) {
        if self.ranges.len() > MAX_RANGES
            && let Some(oldest) = self.ranges.pop_first()
        {
            self.floor = self.floor.max(oldest.end);
        }
    }

    /// The largest number received.
    pub(crate) const fn largest(&self) -> Option<PacketNumber> {
        self.largest
    }

    /// When an ACK frame that may wait is due.
    pub(crate) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether an ACK frame must be sent now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.due || self.deadline.is_some_and(|deadline| deadline <= now)
    }

    /// Whether an ACK frame is worth its bytes in a packet that is sent anyway.
    pub(crate) const fn has_unsent(&self) -> bool {
        self.unacknowledged > 0
    }

    /// What was said may not have arrived, or not have been enough: it is said again, though nothing new has come.
    pub(crate) fn repeat(&mut self) {
        if !self.ranges.is_empty() {
            self.due = true;
            self.unacknowledged = self.unacknowledged.max(1);
        }
    }

    /// The same at a later time, unless something that is sent before then says it.
    pub(crate) fn repeat_at(&mut self, time: Instant) {
        if !self.ranges.is_empty() && !self.due {
            self.deadline.get_or_insert(time);
            self.unacknowledged = self.unacknowledged.max(1);
        }
    }

    /// The deadline may have passed.
    pub(crate) fn on_timeout(&mut self, now: Instant) {
        if self.is_due(now) {
            self.due = true;
            self.deadline = None;
        }
    }

    /// Writes an ACK frame of as many ranges as fit, and leaves at least `least_room_left` bytes of the packet for other
    /// frames. Tells whether one was written: not if nothing is known or there is no room.
    pub(crate) fn fill(
        &mut self,
        now: Instant,
        packet: &mut OutgoingPacket<'_>,
        ack_delay_exponent: u8,
        least_room_left: usize,
    ) -> bool {
        let (Some(last), Some(room)) = (self.ranges.max(), packet.remaining().checked_sub(least_room_left)) else {
            return false;
        };
        let Some(largest) = PacketNumber::new(last) else { return false };
        // With room to keep, no range is written that could take it; else the writer's end is the limit.
        let count = match least_room_left {
            0 => MAX_RANGES_SENT,
            _ if room < LONGEST_HEAD => return false,
            _ => 1 + (room - LONGEST_HEAD) / LONGEST_RANGE,
        };
        // RFC 9000 section 13.2.5-1: only the time this side let pass; for the largest number.
        let waited = (now - self.largest_received_at).as_micros() >> ack_delay_exponent.min(20);
        let ack_delay = u64::try_from(waited).unwrap_or(u64::MAX).min(PacketNumber::MAX.value());
        let ecn = (self.ecn != EcnCounts::default()).then_some(self.ecn);
        let least_len = packet.least_len();
        let is_scattered = self.is_scattered();
        let written = match self.disorder.as_mut().filter(|_| is_scattered) {
            Some(disorder) => {
                let ranges = disorder.late.choose(&self.ranges).take(count);
                encode_ack(packet.writer(), largest, ack_delay, ranges, ecn, least_len)
            }
            None => {
                let ranges = self.ranges.iter().rev().map(|range| range.start..=range.end - 1).take(count);
                encode_ack(packet.writer(), largest, ack_delay, ranges, ecn, least_len)
            }
        };
        if written.is_err() {
            return false;
        }
        if let Some(disorder) = &mut self.disorder {
            disorder.late.on_told();
        }
        packet.record_ack(largest);
        if let Some(requested) = &mut self.requested {
            requested.on_told(last);
        }
        // RFC 9000 section 13.2.1-3: told once.
        self.unacknowledged = 0;
        self.due = false;
        self.deadline = None;
        true
    }

    /// The peer has an ACK frame that told of everything up to `largest`, so that need not be told again (RFC 9000 section
    /// 13.2.4).
    pub(crate) fn on_ack_acked(&mut self, largest: PacketNumber) {
        let floor = self.floor.max(largest.value() + 1);
        self.keep_missing(floor);
        self.floor = floor;
        self.ranges.remove_below(floor);
    }

    /// The floor rises: what has not come below it may still come by a slower path, as the probes of a migration do.
    fn keep_missing(&mut self, floor: u64) {
        let mut next = self.floor;
        for received in self.ranges.iter().take_while(|received| received.start < floor) {
            if received.start > next {
                let missing = &mut self.disorder.get_or_insert_default().missing;
                missing.insert(next..received.start);
                while missing.len() > MAX_MISSING {
                    missing.pop_first();
                }
            }
            next = next.max(received.end);
        }
    }
}

#[cfg(test)]
mod tests;
