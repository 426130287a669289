//! Challenges and answers on the paths that are not in use (RFC 9000 section 9.1): single packets that hold nothing else, so
//! that the peer does not take them for a migration.

use super::packet_writer::Way;
use super::state::Connection;
use crate::config::MIN_DATAGRAM_SIZE;
use crate::turn::Turn;
use crate::wire::packet_number::PacketNumberSpace;
use base::Transmit;
use crypto::aead::TAG_LEN;

/// First byte, packet number, a challenge or an answer, and the tag.
const LEAST_WITHOUT_ID: usize = 1 + 4 + 9 + TAG_LEN;

impl Connection {
    /// The next of them. They wait for no congestion window: their number is bounded by timers, and answers by the newest few
    /// of what was asked since the last call. The amplification limit of their path holds.
    pub(super) fn transmit_other_path(&mut self, turn: &mut Turn<'_>, buffer: &mut [u8]) -> Option<Transmit> {
        if self.paths.others.is_empty() {
            return None;
        }
        let (mut written, in_use) = (None, self.paths.in_use.local_id);
        for other in self.paths.others.iter_mut().filter(|other| other.path.validation.wants_to_send()) {
            // RFC 9000 s5.1.2: an ID that was asked back is not used, nor is another path's. One may have come since.
            let kept = other.peer_id.filter(|id| self.peer_ids.contains(*id));
            let fresh = || if other.path.local_id == in_use { None } else { self.peer_ids.take_unused() };
            other.peer_id = kept.or_else(fresh);
            let size = other.path.datagram_size().min(MIN_DATAGRAM_SIZE);
            if let Some(destination) = other.peer_id
                // RFC 9000 section 8.2.2-3, 8.2.2-6: on its own path, within its limit.
                && size <= other.path.amplification.available().min(buffer.len())
                && size >= LEAST_WITHOUT_ID + destination.len()
            {
                written = Some((other.path.four_tuple, destination, size, other.path.spin.bit(destination)));
                break;
            }
        }
        let (four_tuple, destination, size, spin) = written?;
        let id = PacketNumberSpace::ApplicationData;
        let room = buffer.get_mut(..size)?;
        let begun = self.begin_packet_on(turn.now, room, id, destination, (spin, Way::Elsewhere))?;
        let mut packet = begun.payload(room, &mut turn.scratch.sent).ok()?;
        let other = self.paths.others.position(&four_tuple).and_then(|index| self.paths.others.get_mut(index))?;
        let is_full = other.path.validation.fill(&mut packet, turn.random);
        begun.pad(&mut packet, if is_full { usize::MAX } else { 0 });
        let sent = begun.completed(turn.now, &packet);
        other.path.amplification.on_datagram_sent(sent.size);
        let len = self.finish_rare_packet(turn, room, &begun, sent, Way::Elsewhere)?;
        Some(self.datagrams_sent(turn.now, (four_tuple, Way::Elsewhere), len, len))
    }
}
