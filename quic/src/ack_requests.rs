//! What this side asks of its peer's acknowledgments (draft-ietf-quic-ack-frequency), as a sender of much data: fewer of them.
//!
//! A window that is past slow start needs a few acknowledgments in each round trip, and not one for every second packet: so
//! many that losses are known early, samples stay fresh, and what an acknowledgment releases is a small part of the window.
//! Where losses have left a window of few packets, each of them is to be acknowledged at once. In slow start nothing is asked, or what
//! was asked is taken back. What is best in between is what is usual.

use crate::delivery::Latest;
use crate::wire::frame::AckFrequencyFrame;
use base::{Duration, Instant};

/// How acknowledgments are asked for, and given when asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckFrequencyConfig {
    /// The shortest delay of an acknowledgment that a peer may ask for; `None` if it may ask for nothing. Default 1 ms: alarms
    /// are no more exact.
    pub min_ack_delay: Option<Duration>,
    /// Whether a peer that can be asked is asked for fewer acknowledgments while much is sent to it. Default true.
    pub asks: bool,
}

impl Default for AckFrequencyConfig {
    fn default() -> AckFrequencyConfig {
        AckFrequencyConfig { min_ack_delay: Some(Duration::from_millis(1)), asks: true }
    }
}

/// Acknowledgments of a whole window, and of a round trip if less is under way. What waits for its acknowledgment takes as much of the
/// window as if it were still on its way: with 24 of them a window holds a fiftieth less, with 12 it is a twenty-fourth.
const ACKS_PER_WINDOW: u64 = 24;
const ACKS_PER_ROUND_TRIP: u32 = 4;
/// Ten packets are acknowledged together at most: a fifth of the usual acknowledgments is left. Half of that would be left with
/// 25, but BBR, which judges a path by the losses that each acknowledgment shows, then takes 0.5 % of random loss for a full
/// queue, and a tenth of the rate is lost.
const MAX_THRESHOLD: u64 = 9;
/// Without a request every second packet is acknowledged, and disorder at once.
const USUAL_THRESHOLD: u64 = 1;
const USUAL_REORDERING: u64 = 1;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AckRequest {
    threshold: u64,
    max_ack_delay: Duration,
    reordering_threshold: u64,
}

/// What is known of the path and its peer when a request is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    /// The window, in packets of full size; `None` in slow start.
    pub window: Option<u64>,
    /// RFC 9002 section 5.3.
    pub smoothed_rtt: Duration,
    /// Packets after which one sent before them is taken for lost.
    pub packet_threshold: u64,
    /// The shortest delay that the peer can be asked for.
    pub min_ack_delay: Duration,
    /// Its delay if nothing is asked.
    pub max_ack_delay: Duration,
}

impl AckRequest {
    /// As if nothing had ever been asked.
    const fn usual(max_ack_delay: Duration) -> AckRequest {
        AckRequest { threshold: USUAL_THRESHOLD, max_ack_delay, reordering_threshold: USUAL_REORDERING }
    }

    /// What is best now.
    /// draft-ietf-quic-ack-frequency section 9-1.
    pub(crate) fn best(now: &Circumstances) -> AckRequest {
        let usual = AckRequest::usual(now.max_ack_delay);
        let Some(window) = now.window else { return usual };
        let threshold = window / ACKS_PER_WINDOW;
        if threshold == USUAL_THRESHOLD {
            return usual;
        }
        if threshold < USUAL_THRESHOLD {
            // Each packet at once: what waits for a second one, or for the peer's delay, makes the round trip longer by a notable part
            // where a window has so few, and a window that losses hold down grows by round trips.
            return AckRequest { threshold: 0, max_ack_delay: now.min_ack_delay, ..usual };
        }
        let longest = now.max_ack_delay.max(now.min_ack_delay);
        // Where the peer's alarms take longer than a round trip, losses are not known in time by them.
        let is_near = now.smoothed_rtt < now.min_ack_delay;
        AckRequest {
            threshold: threshold.min(MAX_THRESHOLD),
            max_ack_delay: (now.smoothed_rtt / ACKS_PER_ROUND_TRIP).clamp(now.min_ack_delay, longest),
            reordering_threshold: if is_near { USUAL_REORDERING } else { now.packet_threshold },
        }
    }

    /// Whether it differs by so much that it is worth a frame.
    fn is_news_after(&self, before: &AckRequest) -> bool {
        let (threshold, delay) = (self.threshold, self.max_ack_delay);
        let is_other_threshold = threshold * 3 < before.threshold * 2 || threshold * 2 > before.threshold * 3;
        let is_other_delay = delay.saturating_mul(2) < before.max_ack_delay || delay > before.max_ack_delay * 2;
        let is_usual = self.threshold == USUAL_THRESHOLD;
        self.reordering_threshold != before.reordering_threshold
            || is_other_threshold
            || is_other_delay
            || (is_usual && self != before)
    }
}

/// The requests of one connection, once there was one.
#[derive(Debug)]
pub(crate) struct AckRequests {
    // Of the newest request; the numbers before it were used by others.
    sequence_number: u64,
    newest: AckRequest,
    delivery: Latest<u64>,
    // The delay that the peer keeps to without a request, and the one that it is known to keep to now.
    usual_delay: Duration,
    delay_in_effect: Duration,
    next_review: Instant,
}

impl AckRequests {
    /// Nothing was asked of a peer that delays its acknowledgments for so long.
    pub(crate) const fn new(max_ack_delay: Duration) -> AckRequests {
        AckRequests {
            sequence_number: 0,
            newest: AckRequest::usual(max_ack_delay),
            delivery: Latest::new(),
            usual_delay: max_ack_delay,
            delay_in_effect: max_ack_delay,
            next_review: Instant::ZERO,
        }
    }

    /// Whether it is time to think of another request: at most once in a round trip, and when the peer has the last one.
    pub(crate) fn is_due_for_review(&self, now: Instant) -> bool {
        now >= self.next_review && self.delivery.is_settled()
    }

    /// Asks for `best`, if that is news; the next review is due when `wait` has passed.
    /// draft-ietf-quic-ack-frequency section 4-1.
    pub(crate) fn review(&mut self, now: Instant, best: AckRequest, wait: Duration) {
        self.next_review = now + wait;
        if best.is_news_after(&self.newest) {
            self.newest = best;
            self.sequence_number += 1;
            self.delivery.set(self.sequence_number);
        }
    }

    /// The longest that the peer may take for an acknowledgment: it may have read what was asked last, or not.
    /// draft-ietf-quic-ack-frequency section 7-1, 7-2.
    pub(crate) fn max_ack_delay(&self) -> Duration {
        self.delay_in_effect.max(self.newest.max_ack_delay)
    }

    /// The peer's delay where nothing is asked.
    pub(crate) const fn usual_delay(&self) -> Duration {
        self.usual_delay
    }

    /// Whether a frame is to be written.
    pub(crate) const fn is_due(&self) -> bool {
        self.delivery.is_due()
    }

    /// The frame to be written, if there is one.
    pub(crate) fn frame(&self) -> Option<AckFrequencyFrame> {
        self.delivery.needs_sending().map(|sequence_number| AckFrequencyFrame {
            sequence_number,
            threshold: self.newest.threshold,
            max_ack_delay: u64::try_from(self.newest.max_ack_delay.as_micros()).unwrap_or(u64::MAX),
            reordering_threshold: self.newest.reordering_threshold,
        })
    }

    /// The frame of this number was written.
    pub(crate) fn on_sent(&mut self, sequence_number: u64) {
        self.delivery.on_sent(sequence_number);
    }

    /// The peer has read it.
    pub(crate) fn on_acked(&mut self, sequence_number: u64) {
        self.delivery.on_acked(sequence_number);
        if sequence_number == self.sequence_number {
            self.delay_in_effect = self.newest.max_ack_delay;
        }
    }

    /// A packet with it was lost.
    pub(crate) fn on_lost(&mut self, sequence_number: u64) {
        self.delivery.on_lost(sequence_number);
    }
}

#[cfg(test)]
mod tests;
