//! One packet, from its header to its place in the books. Everything that this end sends under a key goes through here,
//! whatever it holds and wherever it goes, so that all of it ends at the limit of the key, leaves out numbers, is known to
//! loss recovery, is counted and is traced the same way.
//!
//! The way of a packet: [`begin`](PacketWriter::begin) takes its number and writes the header;
//! [`BegunPacket::payload`] is filled by whoever has frames; [`BegunPacket::pad`] completes it;
//! [`finish`](PacketWriter::finish) seals and books it. Between the first step and the last nothing is changed, so a packet
//! that turns out to hold nothing is simply left.

use crate::idle::Idle;
use crate::packet::{OutgoingPacket, SentFrame};
use crate::protection::Levels;
use crate::recovery::{Recovery, SentPacket};
use crate::space::Spaces;
use crate::stats::Counters;
use crate::trace::{Key, Packet, PacketType, Record, Tracer};
use crate::turn::Turn;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::PacketKind;
use crate::wire::header::{self, PacketLayout};
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use crate::wire_identity::WireIdentity;
use alloc::vec::Vec;
use base::{Ecn, Instant, Writer};
use crypto::aead::TAG_LEN;

/// A packet is so much longer than our connection IDs, at least: a stateless reset that answers it is a byte shorter, and has
/// no less than a packet to us (RFC 9000 section 10.3).
const RESET_MARGIN: usize = 22;

/// The parts of a connection that a packet has to do with.
pub(super) struct PacketWriter<'a> {
    pub(super) wire: &'a WireIdentity,
    pub(super) levels: &'a mut Levels,
    pub(super) spaces: &'a mut Spaces,
    pub(super) recovery: &'a mut Recovery,
    pub(super) idle: &'a mut Idle,
    pub(super) counters: &'a mut Counters,
    pub(super) tracer: Option<&'a mut Tracer>,
}

/// A packet whose header is written.
#[derive(Debug)]
pub(super) struct BegunPacket {
    kind: PacketKind,
    space: PacketNumberSpace,
    number: PacketNumber,
    layout: PacketLayout,
    /// How many bytes its frames have at least, together.
    least_len: usize,
}

/// Why there is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// Nothing protects packets of this space, not yet or no longer.
    NoKeys,
    /// There is no room for a packet.
    NoRoom,
    /// RFC 9000 section 12.3: every number of the space was used.
    NumbersExhausted,
    /// RFC 9001 section 6.6: the key may seal nothing more.
    KeyExhausted,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On the path in use.
    InUse,
    /// On another path: it counts for no window there, and nobody waits for its acknowledgment (RFC 9000 section 9.4).
    Elsewhere,
}

impl PacketWriter<'_> {
    /// Writes the header of the next packet of the space to the front of `room`. `update_after`: after how many packets
    /// 1-RTT keys are updated, if they may be (RFC 9001 section 6.1), and the time; `spin` is the spin bit of the path, `way` which
    /// path it is.
    #[inline(always)]
    pub(super) fn begin(
        &mut self,
        room: &mut [u8],
        id: PacketNumberSpace,
        destination: ConnectionId,
        update_after: Option<(u64, Instant)>,
        (spin, way): (bool, Way),
    ) -> Result<BegunPacket, Unwritable> {
        let kind = self.levels.sealing(id).ok_or(Unwritable::NoKeys)?;
        let space = self.spaces.get(id).expect("a level that has keys has its space");
        let acknowledged = space.largest_acknowledged;
        if kind == PacketKind::OneRtt
            // RFC 9001 section 6.1-1: none before the handshake is confirmed.
            && let Some((packets, now)) = update_after
            && self.levels.one_rtt().update_after(packets, acknowledged, space.next())
            && let Some(tracer) = &mut self.tracer
        {
            // The peer is one generation behind: otherwise we could not go first.
            let phase = self.counters.key_updates + 1;
            let key = Key { packet_type: PacketType::OneRtt, of: self.wire.side, phase };
            tracer.record(now, Record::KeyInstalled(key), &[]);
        }
        // RFC 9000 section 17.2.3-2: one number for each packet of the space, whatever protects it.
        let number = space.next_number().ok_or(Unwritable::NumbersExhausted)?;
        let len = match way {
            Way::InUse => number.encoded_len(acknowledged),
            // Any number of packets may overtake it on the path in use, and it must be found again all the same.
            Way::Elsewhere => PacketNumber::MAX_ENCODED_LEN,
        };
        let WireIdentity { version, local_source: source, .. } = *self.wire;
        let mut writer = Writer::new(room);
        let layout = match kind {
            PacketKind::OneRtt => {
                let phase = self.levels.seal(kind).expect("a level that seals has keys").key_phase();
                header::encode_short(&mut writer, destination, phase, spin, number, len)
            }
            PacketKind::Initial => {
                header::encode_initial(&mut writer, version, destination, source, self.wire.token(), number, len)
            }
            PacketKind::ZeroRtt => {
                header::encode_zero_rtt(&mut writer, self.wire.first_flight(), destination, source, number, len)
            }
            PacketKind::Handshake => header::encode_handshake(&mut writer, version, destination, source, number, len),
        };
        let layout = layout.map_err(|_| Unwritable::NoRoom)?;
        // RFC 9000 s10.3: no shorter than what the peer may send to any ID of ours, and a byte more, so that a stateless reset
        // of the peer's could be a packet.
        let least = (RESET_MARGIN - TAG_LEN + source.len()).saturating_sub(layout.header_len);
        Ok(BegunPacket { kind, space: id, number, layout, least_len: least.max(layout.min_payload_len()) })
    }

    /// Seals the packet at the front of `room`, whose frames are in `turn.scratch.sent`, and books it; gives its size.
    ///
    /// # Errors
    /// [`Unwritable::KeyExhausted`]: nothing was sealed, and the connection has to end.
    #[inline(always)]
    pub(super) fn finish(
        &mut self,
        turn: &mut Turn<'_>,
        room: &mut [u8],
        begun: &BegunPacket,
        sent: SentPacket,
        way: Way,
    ) -> Result<usize, Unwritable> {
        let sent = SentPacket { marked: way == Way::InUse && self.recovery.is_marking(), ..sent };
        let (kind, id) = (begun.kind, begun.space);
        let seal = self.levels.seal(kind).expect("a packet that was begun has its keys");
        let space = self.spaces.get_mut(id).expect("a packet that was begun has its space");
        let packet = room.get_mut(..sent.size).expect("a packet is no larger than its room");
        begun.layout.finish(packet);
        // RFC 9287 section 3.1-1.
        if self.wire.greases_quic_bit && !turn.scratch.quic_bits.next(turn.random) {
            header::clear_fixed_bit(packet);
        }
        if let Some(tracer) = &mut self.tracer
            && !seal.is_used_up()
        {
            let frames = packet.get(begun.layout.header_len..sent.size - TAG_LEN);
            let frames = frames.expect("a packet has its header and its tag");
            tracer.record(turn.now, Record::PacketSent(begun.traced(self.wire, packet, &sent)), frames);
        }
        // RFC 9001 section 6.6-4: a key that is used up seals nothing more, and the connection ends.
        seal.seal(packet, &begun.layout, sent.number).map_err(|_| Unwritable::KeyExhausted)?;
        space.advance();
        if kind == PacketKind::OneRtt && matches!(turn.scratch.sent.first(), Some(SentFrame::Ack { .. })) {
            self.levels.one_rtt().on_ack_sent();
        }
        if sent.ack_eliciting {
            self.idle.on_sent(turn.now);
        }
        let (size, ack_eliciting) = (sent.size, sent.ack_eliciting);
        match way {
            Way::InUse => {
                if ack_eliciting {
                    space.on_ack_eliciting_sent();
                }
                self.recovery.on_sent(turn.now, id, sent, &turn.scratch.sent);
            }
            Way::Elsewhere => self.recovery.on_sent_elsewhere(id, sent),
        }
        if let Some(skipped) = space.skip_number(turn.random) {
            self.recovery.on_skipped(id, skipped);
        }
        self.counters.packets_sent += 1;
        Ok(size)
    }
}

impl BegunPacket {
    /// What it is.
    pub(super) const fn kind(&self) -> PacketKind {
        self.kind
    }

    /// The packet in a trace.
    fn traced(&self, wire: &WireIdentity, packet: &[u8], sent: &SentPacket) -> Packet {
        // In a short header it is all that stands before the packet number.
        let destination = header::destination_connection_id(packet, self.layout.packet_number_offset - 1);
        Packet {
            packet_type: PacketType::of(self.kind),
            number: Some(sent.number),
            destination: destination.and_then(ConnectionId::new).expect("it was just written"),
            source: (self.kind != PacketKind::OneRtt).then_some(wire.local_source),
            size: sent.size,
            ecn: if sent.marked { Ecn::Ect0 } else { Ecn::NotEct },
            is_mtu_probe: sent.mtu_probe,
        }
    }

    /// Bytes of header and tag.
    pub(super) const fn overhead(&self) -> usize {
        self.layout.header_len + TAG_LEN
    }

    /// The room for its frames in `room`, which it takes to the end at most. What is recorded of them goes to `sent`.
    #[inline]
    pub(super) fn payload<'p>(
        &self,
        room: &'p mut [u8],
        sent: &'p mut Vec<SentFrame>,
    ) -> Result<OutgoingPacket<'p>, Unwritable> {
        let end = room.len().checked_sub(TAG_LEN).ok_or(Unwritable::NoRoom)?;
        let payload = room.get_mut(self.layout.header_len..end).ok_or(Unwritable::NoRoom)?;
        Ok(OutgoingPacket::new(self.space, payload, sent).with_least_len(self.least_len))
    }

    /// Fills the packet with PADDING up to `target` bytes of payload, and up to the least that it has.
    #[inline]
    pub(super) fn pad(&self, packet: &mut OutgoingPacket<'_>, target: usize) {
        let missing = target.saturating_sub(packet.len()).min(packet.remaining());
        let missing = missing.max(self.least_len.saturating_sub(packet.len()));
        if missing > 0 {
            let padding = packet.writer().reserve(missing).expect("there is room for the least that a packet has");
            padding.fill(0);
            packet.record_padding();
        }
    }

    /// What recovery has to know of the packet, now that it is complete.
    #[inline]
    pub(super) fn completed(&self, now: Instant, packet: &OutgoingPacket<'_>) -> SentPacket {
        SentPacket {
            number: self.number,
            time_sent: now,
            size: self.overhead() + packet.len(),
            ack_eliciting: packet.is_ack_eliciting(),
            in_flight: packet.is_in_flight(),
            mtu_probe: false,
            marked: false,
        }
    }
}

#[cfg(test)]
mod tests;
