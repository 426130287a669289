//! CONNECTION_CLOSE (RFC 9000 section 10.2): what a connection that is closing still says.

use super::outgoing::MIN_PACKET_ROOM;
use super::packet_writer::Way;
use super::state::Connection;
use crate::config::MIN_DATAGRAM_SIZE;
use crate::lifecycle::{CloseFrame, Lifecycle};
use crate::packet::OutgoingPacket;
use crate::turn::Turn;
use crate::violation::TransportErrorCode;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::{Frame, PacketKind};
use crate::wire::packet_number::PacketNumberSpace;
use base::{Side, Transmit, VarInt};

impl Connection {
    /// RFC 9000 section 10.2.3: the close goes out under every key the peer may have.
    pub(super) fn transmit_close(&mut self, turn: &mut Turn<'_>, buffer: &mut [u8]) -> Option<Transmit> {
        let Lifecycle::Closing(closing) = &self.lifecycle else { return None };
        if !closing.is_pending() {
            return None;
        }
        // RFC 9000 section 10.2.1-7: a close, too, keeps to the limit of its path.
        let limit = buffer.len().min(self.paths.in_use.amplification.available());
        let len = self.fill_closes(turn, buffer.get_mut(..limit)?, self.peer_ids.active(), Way::InUse);
        // One that the amplification limit holds back stays to be sent.
        if len == 0 {
            return None;
        }
        if let Lifecycle::Closing(closing) = &mut self.lifecycle {
            closing.on_sent();
        }
        self.paths.in_use.amplification.on_datagram_sent(len);
        Some(self.datagrams_sent(turn.now, (self.paths.in_use.four_tuple, Way::InUse), len, len))
    }

    /// While the address in use is not validated, the peer may still be where it was before, and would wait there for
    /// the end of a connection that is over.
    pub(super) fn transmit_close_to_fallback(&mut self, turn: &mut Turn<'_>, buffer: &mut [u8]) -> Option<Transmit> {
        let Lifecycle::Closing(closing) = &self.lifecycle else { return None };
        if !closing.is_fallback_pending() || !self.paths.needs_fallback() {
            return None;
        }
        let fallback = self.paths.fallback()?;
        let four_tuple = fallback.path.four_tuple;
        let destination = fallback.peer_id.filter(|id| self.peer_ids.contains(*id))?;
        let len = self.fill_closes(turn, buffer, destination, Way::Elsewhere);
        if len == 0 {
            return None;
        }
        if let Lifecycle::Closing(closing) = &mut self.lifecycle {
            closing.on_sent_to_fallback();
        }
        Some(self.datagrams_sent(turn.now, (four_tuple, Way::Elsewhere), len, len))
    }

    /// A datagram of closes at the front of `buffer`; gives its size, 0 if there is no room.
    /// RFC 9000 section 10.2.3-1.
    fn fill_closes(&mut self, turn: &mut Turn<'_>, buffer: &mut [u8], destination: ConnectionId, way: Way) -> usize {
        let Lifecycle::Closing(closing) = &self.lifecycle else { unreachable!("only who closes says so") };
        let frame = closing.frame().clone();
        if self.completes_handshake(PacketNumberSpace::Handshake) {
            // RFC 9001 s4.9.1: as for every first Handshake packet.
            self.discard_keys(turn.now, PacketKind::Initial);
        }
        let limit = MIN_DATAGRAM_SIZE.min(buffer.len());
        let last = PacketNumberSpace::ALL.into_iter().rfind(|id| self.levels.sealing(*id).is_some());
        // RFC 9000 s14.1: a client's datagram with an Initial packet has its least size.
        let is_full = self.wire.side == Side::Client && self.levels.sealing(PacketNumberSpace::Initial).is_some();
        let mut len = 0;
        for id in PacketNumberSpace::ALL {
            let room = buffer.get_mut(len..limit).expect("a packet is no larger than its room");
            if room.len() >= MIN_PACKET_ROOM {
                let target = if is_full && last == Some(id) { room.len() } else { 0 };
                len += self.fill_close(turn, room, id, (destination, way), &frame, target).unwrap_or(0);
            }
        }
        len
    }

    /// Whether a client's last word of the handshake waits to be sent in this space, and the application closes. Without
    /// it the server would see a handshake that failed, and could not read what the application says of the close (RFC 9000
    /// section 10.2.3). So it comes first, in place of the close in Handshake packets.
    fn completes_handshake(&self, id: PacketNumberSpace) -> bool {
        let is_of_application = match &self.lifecycle {
            Lifecycle::Closing(closing) => matches!(closing.frame(), CloseFrame::Application { .. }),
            _ => false,
        };
        let is_last = self.wire.side == Side::Client && id == PacketNumberSpace::Handshake;
        is_last && is_of_application && self.handshake.wants_to_send(id)
    }

    fn fill_close(
        &mut self,
        turn: &mut Turn<'_>,
        room: &mut [u8],
        id: PacketNumberSpace,
        (destination, way): (ConnectionId, Way),
        frame: &CloseFrame,
        target: usize,
    ) -> Option<usize> {
        let completes_handshake = self.completes_handshake(id);
        let begun = self.begin_packet(turn.now, room, id, destination)?;
        let mut packet = begun.payload(room, &mut turn.scratch.sent).ok()?;
        // RFC 9000 section 10.2.3-6, 10.2.3-7: the application's reason is not for packets that anyone on the path can
        // read.
        let hidden = CloseFrame::Transport { code: TransportErrorCode::APPLICATION_ERROR, frame_type: 0, reason: "" };
        let said = match (frame, id) {
            (CloseFrame::Application { .. }, PacketNumberSpace::Initial | PacketNumberSpace::Handshake) => &hidden,
            _ => frame,
        };
        if completes_handshake {
            self.handshake.fill(&mut packet);
        } else {
            encode_close(said, &mut packet).ok()?;
        }
        begun.pad(&mut packet, target.saturating_sub(begun.overhead()));
        let sent = begun.completed(turn.now, &packet);
        self.finish_rare_packet(turn, room, &begun, sent, way)
    }
}

fn encode_close(frame: &CloseFrame, packet: &mut OutgoingPacket<'_>) -> Result<(), base::Full> {
    let room = packet.remaining().saturating_sub(32);
    let frame = match frame {
        CloseFrame::Transport { code, frame_type, reason } => Frame::ConnectionClose {
            error_code: VarInt::new(code.0).expect("a code of ours is a variable-length integer"),
            frame_type: *frame_type,
            reason: cut(reason.as_bytes(), room),
        },
        CloseFrame::Application { code, reason } => {
            Frame::ApplicationClose { error_code: *code, reason: cut(reason, room) }
        }
    };
    frame.encode(packet.writer())
}

/// As much of a reason as there is room for.
fn cut(reason: &[u8], room: usize) -> &[u8] {
    reason.split_at_checked(room).map_or(reason, |(fits, _)| fits)
}
