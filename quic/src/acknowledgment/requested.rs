//! What the peer has asked of our acknowledgments (draft-ietf-quic-ack-frequency): how many packets may come without one, how
//! long one may wait, and how much disorder is worth one.
//!
//! A request costs the one that makes it and nobody else: the peer hears later of its own packets. What this side holds does
//! not grow with it, since ranges are bounded (`MAX_RANGES`) and told before they are dropped.

use crate::ranges::RangeSet;
use crate::wire::frame::AckFrequencyFrame;
use base::{Duration, Ecn};

/// Delays of this length and longer are invalid (RFC 9000 section 18.2).
const TOO_LONG: Duration = Duration::from_millis(1 << 14);
/// Gaps that may open between two ACK frames: each is a range of the next one, and all of them have to be told before the oldest
/// is dropped (section 6).
pub(super) const MAX_UNTOLD_GAPS: u32 = 32;

/// The newest request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requested {
    sequence_number: u64,
    threshold: u64,
    max_ack_delay: Duration,
    reordering_threshold: u64,
    // The largest number of the last ACK frame that was sent since the first request.
    largest_told: Option<u64>,
    untold_gaps: u32,
    // Whether the ack-eliciting packet before was marked Congestion Experienced.
    was_marked: bool,
}

/// A packet that asks for an acknowledgment, as far as it matters when to give one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    pub number: u64,
    pub ecn: Ecn,
    /// The largest number of such packets, this one included.
    pub largest: u64,
    /// It came late, or left a gap.
    pub out_of_order: bool,
    /// Such packets since the last ACK frame, this one included.
    pub unacknowledged: u32,
    /// Numbers below count as received.
    pub floor: u64,
}

impl Requested {
    /// The request in `frame`; `None` if its delay is shorter than `min_ack_delay`, the shortest that this side has offered, or
    /// too long for a delay.
    /// draft-ietf-quic-ack-frequency section 4-4.
    pub(crate) fn new(frame: &AckFrequencyFrame, min_ack_delay: Duration) -> Option<Requested> {
        let max_ack_delay = Duration::from_micros(frame.max_ack_delay);
        (max_ack_delay >= min_ack_delay && max_ack_delay < TOO_LONG).then_some(Requested {
            sequence_number: frame.sequence_number,
            threshold: frame.threshold,
            max_ack_delay,
            reordering_threshold: frame.reordering_threshold,
            largest_told: None,
            untold_gaps: 0,
            was_marked: false,
        })
    }

    /// Takes the place of `before`, unless that is as new.
    /// draft-ietf-quic-ack-frequency section 4-5.
    pub(super) fn replace(self, before: &mut Requested) {
        if self.sequence_number > before.sequence_number {
            let Requested { largest_told, untold_gaps, was_marked, .. } = *before;
            *before = Requested { largest_told, untold_gaps, was_marked, ..self };
        }
    }

    /// How long an acknowledgment may wait.
    /// draft-ietf-quic-ack-frequency section 4-3.
    pub(super) const fn max_ack_delay(&self) -> Duration {
        self.max_ack_delay
    }

    /// An ACK frame was sent that tells of everything up to `largest`.
    pub(super) const fn on_told(&mut self, largest: u64) {
        self.largest_told = Some(largest);
        self.untold_gaps = 0;
    }

    /// Whether a packet is to be acknowledged at once. `ranges` holds it.
    pub(super) fn is_urgent(&mut self, packet: &Arrived, ranges: &RangeSet) -> bool {
        self.untold_gaps = self.untold_gaps.saturating_add(packet.out_of_order.into());
        let is_new_mark = self.is_new_mark(packet.ecn);
        // draft-ietf-quic-ack-frequency section 4-2.
        u64::from(packet.unacknowledged) > self.threshold
            || is_new_mark
            || self.untold_gaps >= MAX_UNTOLD_GAPS
            || self.is_beyond_reordering(packet, ranges)
    }

    /// Whether a mark of congestion is news. Where packets are told of two by two or sooner, every mark is.
    /// draft-ietf-quic-ack-frequency section 6.3-1.
    fn is_new_mark(&mut self, ecn: Ecn) -> bool {
        let is_marked = ecn == Ecn::Ce;
        let was_marked = core::mem::replace(&mut self.was_marked, is_marked);
        is_marked && (!was_marked || self.threshold <= 1)
    }

    /// Whether the packet shows that another one is missing for longer than the peer takes for disorder, or is one that the peer
    /// has given up.
    /// draft-ietf-quic-ack-frequency section 6.2-1, 6.2-2.
    fn is_beyond_reordering(&self, packet: &Arrived, ranges: &RangeSet) -> bool {
        match self.reordering_threshold {
            0 => false,
            1 => packet.out_of_order,
            threshold => {
                let reported = self.largest_told.and_then(|told| told.checked_sub(threshold));
                let first_unreported = reported.map_or(0, |reported| reported + 1).max(packet.floor);
                reported.is_some_and(|reported| packet.number <= reported)
                    || smallest_missing(ranges, first_unreported)
                        .is_some_and(|missing| packet.largest.saturating_sub(missing) >= threshold)
            }
        }
    }
}

/// The smallest number at or above `from` that has not come although a larger one has.
fn smallest_missing(ranges: &RangeSet, from: u64) -> Option<u64> {
    let mut next = from;
    for range in ranges.iter().filter(|range| range.end > from) {
        if range.start > next {
            return Some(next);
        }
        next = range.end;
    }
    None
}

#[cfg(test)]
mod tests;
