//! Recovery from loss as BBR sees it: when it began, and what to go back to if nothing was lost (draft-ietf-ccwg-bbr sections 5.3.1.3
//! and 5.5.11).

use super::state::State;
use base::Instant;

/// The newest recovery.
#[derive(Clone, Debug, Default)]
pub(super) struct Episode {
    /// When it began: packets sent until then belong to it.
    pub start: Option<Instant>,
    /// Whether nothing has arrived yet that was sent since.
    pub is_active: bool,
    /// The round trip in which it began.
    pub round: u64,
    /// What there was before.
    pub saved: Option<Saved>,
    is_begun: bool,
    // Runs of lost packets in the round trip that runs, and the last number of the last one.
    runs: u32,
    last_lost: Option<u64>,
}

/// What there was before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Saved {
    /// Of the episode before.
    start: Option<Instant>,
    /// The state that the losses ended, if they did.
    pub state: Option<State>,
    /// The bounds.
    pub short_term_bandwidth: u64,
    /// Bytes.
    pub short_term_in_flight: u64,
    /// Bytes.
    pub long_term_in_flight: u64,
}

impl Episode {
    /// A packet is lost; the bounds are what they were before anything follows from that.
    pub(super) fn on_packet_lost(&mut self, time_sent: Instant, number: u64, bounds: [u64; 3]) {
        if !self.is_begun && self.start.is_none_or(|start| time_sent > start) {
            self.is_begun = true;
            let [short_term_bandwidth, short_term_in_flight, long_term_in_flight] = bounds;
            let start = self.start;
            self.saved =
                Some(Saved { start, state: None, short_term_bandwidth, short_term_in_flight, long_term_in_flight });
        }
        if self.last_lost.is_none_or(|last| number != last + 1) {
            self.runs += 1;
        }
        self.last_lost = Some(number);
    }

    /// It begins, unless the packet that was sent at `time_sent` belongs to the one before. Tells whether it does.
    pub(super) fn begin(&mut self, now: Instant, time_sent: Instant, round: u64) -> bool {
        if self.start.is_some_and(|start| time_sent <= start) {
            return false;
        }
        self.is_begun = false;
        self.start = Some(now);
        if !core::mem::replace(&mut self.is_active, true) {
            self.round = round;
        }
        true
    }

    /// Something has arrived that was sent at `time_sent`. Tells whether recovery ends with it.
    pub(super) fn on_acked(&mut self, time_sent: Instant) -> bool {
        let ends = self.is_active && self.start.is_some_and(|start| time_sent > start);
        self.is_active &= !ends;
        ends
    }

    /// It was none. Gives what to go back to.
    pub(super) fn undo(&mut self) -> Option<Saved> {
        let saved = self.saved.take()?;
        (self.start, self.is_active, self.is_begun) = (saved.start, false, false);
        Some(saved)
    }

    /// The losses have ended this state.
    pub(super) const fn note_ended(&mut self, state: State) {
        if let Some(saved) = &mut self.saved {
            saved.state = Some(state);
        }
    }

    /// How many runs of packets were lost in the round trip that ends now.
    pub(super) const fn take_runs(&mut self) -> u32 {
        core::mem::replace(&mut self.runs, 0)
    }
}
