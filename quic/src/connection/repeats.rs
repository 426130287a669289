//! Handshake bytes that the peer is seen to lack go again before the probe timer asks for it (RFC 9002 section 6.2.3).
//!
//! In a handshake the timer has no sample of the round trip, or only one, and waits a second or three round trips. What the peer
//! sends tells more: who repeats itself has not heard the answer, and who sends what nobody can read yet has been heard in
//! part. All of it is bounded by a number of times, by the window and by what an unproven address may be sent.

use super::state::Connection;
use crate::discard::Discard;
use crate::wire::frame::PacketKind;
use crate::wire::packet_number::PacketNumberSpace;
use base::{Duration, Instant, Side};

/// After so long a server repeats the acknowledgment of a part of a ClientHello. It is all that the client hears of it, and with
/// it the client learns the round trip, and what is missing; without it, it waits for a second.
const ACKNOWLEDGED_AGAIN: Duration = Duration::from_millis(25);

impl Connection {
    /// Handshake bytes that are not acknowledged, though they could be, go again.
    pub(super) fn repeat_handshake(&mut self, now: Instant) {
        let recovery = &self.recovery;
        if self.handshake.repeat(|space| recovery.could_be_answered(now, space)) {
            self.recovery.on_repeated(now);
        }
    }

    /// A PING came, or a CRYPTO frame that was read before: a probe of a peer that waits for what was said, or does not know
    /// that it was heard.
    pub(super) fn on_handshake_probe(&mut self, now: Instant, space: PacketNumberSpace) {
        if space == PacketNumberSpace::ApplicationData {
            return;
        }
        if self.handshake.waits_to_send() && self.handshake.may_repeat() {
            // The answer goes now. On a path that made the peer probe, it may be lost, too.
            self.recovery.expect_answer(now);
        }
        self.repeat_handshake(now);
    }

    /// A packet was dropped. If a client had no keys for it yet, the server's first packet is missing, and with it the
    /// acknowledgment of ours.
    pub(super) fn on_unreadable(&mut self, now: Instant, kind: PacketKind, discard: Discard) {
        let is_early = kind == PacketKind::Handshake && discard == Discard::NoKey && !self.handshake.has_left_initial();
        if is_early && self.wire.side == Side::Client {
            self.repeat_handshake(now);
        }
    }

    /// A server has answered a part of a ClientHello, and the rest may be lost, or the answer.
    pub(super) fn acknowledge_again(&mut self, now: Instant) {
        if self.wire.side != Side::Server || self.handshake.has_left_initial() {
            return;
        }
        if let Some(space) = self.spaces.get_mut(PacketNumberSpace::Initial)
            && core::mem::take(&mut space.acknowledge_again)
        {
            space.received.repeat_at(now + ACKNOWLEDGED_AGAIN);
        }
    }
}
