//! What a packet number space would like to send: asked of every component that has frames.

use super::budget::Interest;
use super::state::Connection;
use crate::wire::frame::PacketKind;
use crate::wire::packet_number::PacketNumberSpace;
use base::{Instant, Side};

impl Connection {
    /// What the space would like to send. Inlined, as it is asked for every packet, nearly always of the same space.
    #[inline(always)]
    pub(super) fn interest(&self, now: Instant, id: PacketNumberSpace) -> Interest {
        let Some(kind) = self.levels.sealing(id) else { return Interest::default() };
        let space = self.spaces.get(id).expect("a level that has keys has its space");
        let is_application = id == PacketNumberSpace::ApplicationData;
        if is_application && self.wire.side == Side::Client && !self.is_established() && kind != PacketKind::ZeroRtt {
            return Interest::default();
        }
        let data = (is_application && (self.streams.wants_to_send() || self.has_datagrams()))
            || space.ping
            || self.handshake.wants_to_send(id)
            || (is_application
                && kind != PacketKind::ZeroRtt
                // RFC 9000 section 8.2.2-2: an answer waits for nothing but the window.
                && (self.paths.in_use.validation.wants_to_send()
                    || self.local_ids.wants_to_send()
                    || self.peer_ids.wants_to_send()));
        let challenge =
            is_application && self.paths.in_use.validation.wants_challenge() && self.recovery.may_exceed_window();
        Interest { acknowledgment: space.received.is_due(now), data, probe: space.probes > 0 || challenge }
    }

    /// Whether datagrams wait to be sent.
    /// RFC 9221 section 5.4-1.
    #[inline(always)]
    fn has_datagrams(&self) -> bool {
        self.datagrams.as_ref().is_some_and(|datagrams| datagrams.wants_to_send())
    }
}
