//! Challenges and answers on the paths that are not in use (RFC 9000 section 9.1): single packets that hold nothing else, so
//! that the peer does not take them for a migration.

use super::state::Connection;
use super::transmit::pad;
use crate::config::MIN_DATAGRAM_SIZE;
use crate::packet::OutgoingPacket;
use crate::recovery::SentPacket;
use crate::trace::Trace;
use crate::turn::Turn;
use crate::wire::packet_number::PacketNumberSpace;
use base::{Ecn, Transmit};
use crypto::aead::TAG_LEN;

/// First byte, packet number, a challenge or an answer, and the tag.
const LEAST_WITHOUT_ID: usize = 1 + 4 + 9 + TAG_LEN;

impl Connection {
    /// The next of them. They wait for no congestion window: their number is bounded by timers, and answers by the newest few
    /// of what was asked since the last call. The amplification limit of their path holds.
    pub(super) fn transmit_other_path(&mut self, turn: &mut Turn<'_>, buffer: &mut [u8]) -> Option<Transmit> {
        if self.others.is_empty() {
            return None;
        }
        let mut written = None;
        for other in self.others.iter_mut().filter(|other| other.path.validation.wants_to_send()) {
            // RFC 9000 s5.1.2: an ID that was asked back is not used, nor is another path's.
            other.peer_id = other.peer_id.filter(|id| self.peer_ids.contains(*id));
            let size = other.path.datagram_size().min(MIN_DATAGRAM_SIZE);
            if let Some(destination) = other.peer_id
                && size <= other.path.amplification.available().min(buffer.len())
                && size >= LEAST_WITHOUT_ID + destination.len()
            {
                written = Some((other.path.four_tuple, destination, size));
                break;
            }
        }
        let (four_tuple, destination, size) = written?;
        let id = PacketNumberSpace::ApplicationData;
        let place = buffer.get_mut(..size)?;
        let (number, layout) = self.begin_packet(turn.now, place, id, destination)?;
        let payload = place.get_mut(layout.header_len..size - TAG_LEN)?;
        let mut packet = OutgoingPacket::new(id, payload, &mut turn.scratch.sent);
        let other = self.others.position(&four_tuple).and_then(|index| self.others.get_mut(index))?;
        let is_full = other.path.validation.fill(&mut packet, turn.random);
        let target = if is_full { packet.len() + packet.remaining() } else { 0 };
        pad(&mut packet, &layout, target);
        let size = layout.header_len + packet.len() + TAG_LEN;
        other.path.amplification.on_datagram_sent(size);
        let place = buffer.get_mut(..size)?;
        layout.finish(place);
        let space = self.spaces.get_mut(id)?;
        space.seal.seal(place, &layout, number).ok()?;
        space.advance();
        let sent =
            SentPacket { number, time_sent: turn.now, size, ack_eliciting: false, in_flight: false, mtu_probe: false };
        self.recovery.on_sent_elsewhere(id, sent);
        self.rest.on_activity(turn.now);
        self.stats.packets_sent += 1;
        self.stats.datagrams_sent += 1;
        self.stats.bytes_sent += size as u64;
        self.trace(turn.now, Trace::PacketSent { space: id, number, size, ack_eliciting: true });
        Some(Transmit { four_tuple, ecn: Ecn::NotEct, len: size, segment_size: size })
    }
}
