//! What every outgoing datagram has in common: its packets are begun and finished with the parts of this connection, and it
//! is counted. Below whoever has something to send: `transmit`, `transmit_close` and `transmit_path`.

use super::packet_writer::{BegunPacket, PacketWriter, Unwritable, Way};
use super::state::Connection;
use crate::error::CloseReason;
use crate::recovery::SentPacket;
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::PacketKind;
use crate::wire::packet_number::PacketNumberSpace;
use base::{Ecn, FourTuple, Instant, Side, Transmit};

/// Room below which a further packet is not begun in a datagram: header, tag and a frame worth the trouble.
pub(super) const MIN_PACKET_ROOM: usize = 128;

impl Connection {
    /// What writes packets, with the parts of the connection that it needs.
    #[inline(always)]
    fn writer(&mut self) -> PacketWriter<'_> {
        PacketWriter {
            wire: &self.wire,
            levels: &mut self.levels,
            spaces: &mut self.spaces,
            recovery: &mut self.recovery,
            idle: &mut self.idle,
            counters: &mut self.stats,
            tracer: self.tracer.as_deref_mut(),
        }
    }

    /// Begins the next packet of the space on the path in use; `None` if there can be none.
    #[inline(always)]
    pub(super) fn begin_packet(
        &mut self,
        now: Instant,
        room: &mut [u8],
        id: PacketNumberSpace,
        destination: ConnectionId,
    ) -> Option<BegunPacket> {
        let spin = self.paths.in_use.spin.bit(destination);
        self.begin_packet_on(now, room, id, destination, (spin, Way::InUse))
    }

    /// The same on a path with this spin bit, which may be another one.
    #[inline(always)]
    pub(super) fn begin_packet_on(
        &mut self,
        now: Instant,
        room: &mut [u8],
        id: PacketNumberSpace,
        destination: ConnectionId,
        spin_and_way: (bool, Way),
    ) -> Option<BegunPacket> {
        let update_after = self.is_confirmed().then_some((self.config.key_update_packets, now));
        match self.writer().begin(room, id, destination, update_after, spin_and_way) {
            Ok(begun) => Some(begun),
            Err(why) => self.on_unwritable(now, why),
        }
    }

    /// Seals and books the packet at the front of `room`; gives its size, or `None` if there is none. Inlined for the sake of
    /// what carries data.
    #[inline(always)]
    pub(super) fn finish_packet(
        &mut self,
        turn: &mut Turn<'_>,
        room: &mut [u8],
        begun: &BegunPacket,
        sent: SentPacket,
        way: Way,
    ) -> Option<usize> {
        match self.writer().finish(turn, room, begun, sent, way) {
            Ok(size) => {
                if self.wire.side == Side::Client && begun.kind() == PacketKind::Handshake {
                    // RFC 9001 section 4.9.1-1, 4.9.1-2: a client that sends its first Handshake packet needs no
                    // Initial keys any more.
                    self.discard_keys(turn.now, PacketKind::Initial);
                }
                Some(size)
            }
            Err(why) => self.on_unwritable(turn.now, why),
        }
    }

    /// The same for packets that are not sent often.
    #[inline(never)]
    pub(super) fn finish_rare_packet(
        &mut self,
        turn: &mut Turn<'_>,
        room: &mut [u8],
        begun: &BegunPacket,
        sent: SentPacket,
        way: Way,
    ) -> Option<usize> {
        self.finish_packet(turn, room, begun, sent, way)
    }

    #[cold]
    fn on_unwritable<T>(&mut self, now: Instant, why: Unwritable) -> Option<T> {
        match why {
            // RFC 9000 section 12.3-3: without a number there is no packet to say so in.
            Unwritable::NumbersExhausted => self.end_silently(now, CloseReason::PacketNumbersExhausted),
            Unwritable::KeyExhausted => self.on_violation(now, Violation::AeadLimit, 0),
            Unwritable::NoKeys | Unwritable::NoRoom => {}
        }
        None
    }

    /// Datagrams are complete: they are counted, and marked as their packets were.
    pub(super) fn datagrams_sent(
        &mut self,
        now: Instant,
        (four_tuple, way): (FourTuple, Way),
        len: usize,
        segment_size: usize,
    ) -> Transmit {
        self.rest.on_activity(now);
        let is_marked = way == Way::InUse && self.recovery.is_marking();
        let ecn = if is_marked { Ecn::Ect0 } else { Ecn::NotEct };
        let transmit = Transmit { four_tuple, ecn, len, segment_size };
        self.stats.datagrams_sent += transmit.segments() as u64;
        self.stats.bytes_sent += len as u64;
        transmit
    }
}
