//! Components -> frames -> packets -> datagrams.

use super::budget::{Constraint, Permission, permission};
use super::outgoing::MIN_PACKET_ROOM;
use super::packet_writer::Way;
use super::state::Connection;
use crate::config::{ACK_DELAY_EXPONENT, MIN_DATAGRAM_SIZE};
use crate::lifecycle::Lifecycle;
use crate::packet::OutgoingPacket;
use crate::recovery::SentPacket;
use crate::turn::Turn;
use crate::wire::packet_number::PacketNumberSpace;
use base::{Instant, Random, Side, Transmit};

/// The most bytes of one batch. Above about 65,490 the receiving kernel hands GRO segments over one by one, and a GSO send
/// may not pass 65,535 with its headers.
const MAX_BATCH: usize = 65_000;

/// The most segments of one batch: what the oldest kernels with GSO take.
const MAX_SEGMENTS: usize = 64;

/// By less than this a segment of full size is smaller than what the path carries: what is sealed is whole blocks of the cipher.
const BLOCK: usize = 16;

/// A window of so many datagrams has room for an MTU probe among data.
const WIDE_WINDOW: usize = 64;

const HAS_SPACE: &str = "a packet that was begun has its space";

impl Connection {
    /// Writes the next datagrams, all of one size, to the front of `buffer`.
    pub fn transmit(&mut self, turn: &mut Turn<'_>, buffer: &mut [u8]) -> Option<Transmit> {
        self.streams.begin_turn(&mut turn.scratch.chunks);
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.give_chunks(&mut turn.scratch.chunks);
        }
        self.give_up_forgotten_paths(turn);
        self.recovery.choose_mark();
        match &self.lifecycle {
            Lifecycle::Handshaking { .. } | Lifecycle::Established => {}
            Lifecycle::Closing(_) => {
                return self.transmit_close(turn, buffer).or_else(|| self.transmit_close_to_fallback(turn, buffer));
            }
            // RFC 9000 section 10.2.2-1, 10.2.2-3.
            Lifecycle::Draining { .. } | Lifecycle::Drained => return None,
        }
        if let Some(transmit) = self.transmit_other_path(turn, buffer) {
            return Some(transmit);
        }
        if self.may_probe_mtu_before_data()
            && let Some(transmit) = self.transmit_mtu_probe(turn, buffer)
        {
            return Some(transmit);
        }
        let owed = self.owed_probes();
        let (mut segment_size, most) = match owed {
            0 => (self.segment_size(), MAX_SEGMENTS),
            owed => (Self::probe_size(self.segment_size()), owed),
        };
        let sent = self.datagrams.as_ref().map_or(0, |datagrams| datagrams.sent());
        let mut len = 0;
        for segment in 0..most {
            if len + segment_size > buffer.len().min(MAX_BATCH) {
                break;
            }
            let room = buffer.get_mut(len..len + segment_size).expect("another segment fits");
            let written = self.fill_datagram(turn, room);
            if written == 0 {
                break;
            }
            len += written;
            // Segments of a batch are of one size, so a shorter one is the last; but the first says which size that is, where the
            // application's datagrams leave each packet with the same rest.
            if written < segment_size {
                let is_first = segment == 0;
                segment_size = if is_first { written } else { segment_size };
                if !is_first
                    || owed > 0
                    || !self.datagrams.as_ref().is_some_and(|datagrams| datagrams.goes_on_alike(sent))
                {
                    break;
                }
            }
        }
        if len == 0 {
            // Nothing waits, or it waits for the pacer, who is not to be made to wait longer for something else.
            let is_paced = self.paths.in_use.paced_until.is_some();
            return if is_paced { None } else { self.transmit_mtu_probe(turn, buffer) };
        }
        Some(self.datagrams_sent(turn.now, (self.paths.in_use.four_tuple, Way::InUse), len, segment_size))
    }

    /// Bytes of each datagram of a batch: as many as the path carries, rounded down so that what is sealed is whole blocks of
    /// the cipher. A rest of a block costs more than the bytes it would carry.
    fn segment_size(&self) -> usize {
        // In the handshake datagrams have their full size, or are not sent (RFC 9000 section 14.1).
        let size =
            if self.is_established() { self.paths.in_use.datagram_size() } else { self.paths.in_use.mtu.current() };
        let number = self.spaces.get(PacketNumberSpace::ApplicationData).and_then(|space| {
            let number = space.next_number()?;
            Some(number.encoded_len(space.largest_acknowledged))
        });
        let header_len = 1 + self.peer_ids.active().len() + number.unwrap_or(0);
        Connection::whole_blocks(size, header_len)
    }

    /// What the path allows a datagram of `size` bytes.
    #[inline(always)]
    fn constraint(&mut self, now: Instant, size: usize) -> Constraint {
        // Whatever stands in the way now, the wait for the pacer is over: a deadline in the past would come again and again.
        self.paths.in_use.paced_until = None;
        if self.paths.in_use.amplification.available() < size {
            self.recovery.set_amplification_limited(true);
            return Constraint::Amplification;
        }
        if !self.recovery.can_send(size) {
            return Constraint::Congestion;
        }
        self.paths.in_use.paced_until = self.recovery.pacing_deadline(now, size);
        if self.paths.in_use.paced_until.is_some() { Constraint::Congestion } else { Constraint::None }
    }

    /// One datagram of at most `room.len()` bytes; gives its size, 0 for nothing to send.
    fn fill_datagram(&mut self, turn: &mut Turn<'_>, room: &mut [u8]) -> usize {
        let constraint = self.constraint(turn.now, room.len());
        if self.levels.is_only_one_rtt() {
            // From the confirmation of the handshake on a datagram is one packet.
            let id = PacketNumberSpace::ApplicationData;
            let len = match permission(self.interest(turn.now, id), constraint) {
                Permission::Nothing => 0,
                permission => self.fill_one_rtt_packet(turn, room, permission),
            };
            return self.filled(len, constraint);
        }
        let permissions = PacketNumberSpace::ALL.map(|space| permission(self.interest(turn.now, space), constraint));
        let Some(last) = permissions.iter().rposition(|permission| *permission != Permission::Nothing) else {
            return self.filled(0, constraint);
        };
        // RFC 9000 section 8.1-4, 14.1-1, 14.1-2: some packets make their datagram one of at least 1200 bytes.
        // RFC 9001 section 9.3-1: a ClientHello, too.
        // RFC 9002 section 6.2.2.1-3: a probe, too.
        // And a client's probes: should its address have changed, they are all that lets the server answer (section 8.1).
        let owed = self.owed_probes();
        let mut needs_padding = owed > 0 && self.wire.side == Side::Client;
        let mut len = 0;
        for (index, (space, permission)) in PacketNumberSpace::ALL.into_iter().zip(permissions).enumerate() {
            if permission == Permission::Nothing {
                continue;
            }
            let rest = room.get_mut(len..).expect("a packet is no larger than its room");
            if len > 0 && rest.len() < MIN_PACKET_ROOM {
                break;
            }
            // The datagram's last packet carries its padding. What follows a packet that leaves no room is not begun.
            let padded_len = (index == last).then_some(MIN_DATAGRAM_SIZE.saturating_sub(len));
            len += self.fill_coalesced_packet(turn, rest, space, permission, padded_len, &mut needs_padding);
        }
        if len > 0 {
            self.probes_sent(owed);
            self.acknowledge_again(turn.now);
        }
        self.filled(len, constraint)
    }

    /// A datagram of `len` bytes is complete, or there is none.
    fn filled(&mut self, len: usize, constraint: Constraint) -> usize {
        if len == 0 && constraint == Constraint::None && !self.has_waiting_datagrams() {
            self.recovery.on_application_limited();
        }
        self.paths.in_use.amplification.on_datagram_sent(len);
        len
    }

    /// Whether the application's datagrams wait, for which the last segment of a batch had no room.
    fn has_waiting_datagrams(&self) -> bool {
        self.datagrams.as_ref().is_some_and(|datagrams| datagrams.wants_to_send())
    }

    /// The packet of a datagram that holds no other: nearly all that a connection sends, so it has code of its own, in which
    /// the space is known.
    fn fill_one_rtt_packet(&mut self, turn: &mut Turn<'_>, room: &mut [u8], permission: Permission) -> usize {
        let id = PacketNumberSpace::ApplicationData;
        self.fill_packet::<true>(turn, room, id, permission, Some(MIN_DATAGRAM_SIZE), &mut false)
    }

    /// A packet of a datagram that may hold others.
    #[inline(never)]
    fn fill_coalesced_packet(
        &mut self,
        turn: &mut Turn<'_>,
        room: &mut [u8],
        id: PacketNumberSpace,
        permission: Permission,
        padded_len: Option<usize>,
        needs_padding: &mut bool,
    ) -> usize {
        self.fill_packet::<false>(turn, room, id, permission, padded_len, needs_padding)
    }

    /// One packet at the front of `room`; gives its size, 0 if there was nothing to put into it. `padded_len`: this is the
    /// last packet of the datagram, and with how many bytes the datagram has its least size. `IS_ALONE`: none can follow, so this
    /// is worth more code.
    #[inline(always)]
    fn fill_packet<const IS_ALONE: bool>(
        &mut self,
        turn: &mut Turn<'_>,
        room: &mut [u8],
        id: PacketNumberSpace,
        permission: Permission,
        padded_len: Option<usize>,
        needs_padding: &mut bool,
    ) -> usize {
        // RFC 9000 section 12.2-4: the same for all packets of a datagram.
        let destination = self.peer_ids.active();
        // A segment may be smaller than what the path is known to carry.
        let is_small = IS_ALONE && room.len() + BLOCK <= self.paths.in_use.datagram_size();
        let Some(begun) = self.begin_packet(turn.now, room, id, destination) else { return 0 };
        let Ok(mut packet) = begun.payload(room, &mut turn.scratch.sent) else { return 0 };
        if permission == Permission::All && self.spaces.get(id).expect(HAS_SPACE).probes > 0 {
            self.request_probe_content(turn.now, id);
        }
        *needs_padding |= self.fill_frames(turn.now, turn.random, &mut packet, permission);
        if id == PacketNumberSpace::ApplicationData && packet.remaining() == 0 && !is_small {
            self.paths.in_use.mtu.on_full_datagram();
        }
        let overhead = begun.overhead();
        *needs_padding |= id == PacketNumberSpace::Initial
            && !packet.is_empty()
            && (self.wire.side == Side::Client || packet.is_ack_eliciting());
        // A packet after which no other is begun, because it is the last or leaves no room, carries the padding.
        let target = match padded_len {
            _ if !*needs_padding => 0,
            Some(len) => len,
            None if packet.remaining() < MIN_PACKET_ROOM => overhead + packet.len() + packet.remaining(),
            None => 0,
        };
        // RFC 9000 section 12.4-1: no packet without a frame.
        if packet.is_empty() && target == 0 {
            return 0;
        }
        begun.pad(&mut packet, target.saturating_sub(overhead));
        let sent = begun.completed(turn.now, &packet);
        let finished = if IS_ALONE {
            self.finish_packet(turn, room, &begun, sent, Way::InUse)
        } else {
            self.finish_rare_packet(turn, room, &begun, sent, Way::InUse)
        };
        finished.unwrap_or(0)
    }

    /// Frames in a fixed order: what lets the peer go on first, bulk data last. True if the datagram is to have its least
    /// size.
    #[inline(always)]
    fn fill_frames(
        &mut self,
        now: Instant,
        random: &mut dyn Random,
        packet: &mut OutgoingPacket<'_>,
        permission: Permission,
    ) -> bool {
        let id = packet.space();
        let mut full_size = false;
        if permission == Permission::All && id == PacketNumberSpace::ApplicationData {
            // RFC 9000 section 8.2.1-5, 8.2.2-5: a challenge and its answer show that the path carries datagrams of
            // full size. They come first, because a datagram to an address that is not validated may have room for
            // little else.
            full_size = self.paths.in_use.validation.fill(packet, random);
        }
        let space = self.spaces.get_mut(id).expect(HAS_SPACE);
        // RFC 9000 section 13.2.6-1, 13.2.6-2, 13.2.6-3, 17.2.3-4: what was received in a space is told in it.
        if space.received.has_unsent() {
            space.received.fill(now, packet, ACK_DELAY_EXPONENT, 0);
        }
        if permission != Permission::All {
            return false;
        }
        self.handshake.fill(packet);
        if id == PacketNumberSpace::ApplicationData {
            // RFC 9000 section 12.5-5: these frames are written here only. Early data is what streams have, and no more.
            let is_early = self.sends_early_data();
            if !is_early {
                self.local_ids.fill(packet);
                self.peer_ids.fill(packet);
            }
            if self.datagrams.is_none() {
                self.streams.fill(packet);
            } else {
                self.fill_with_datagrams(now, packet);
            }
        }
        self.spaces.get_mut(id).expect(HAS_SPACE).fill_ping(packet);
        full_size
    }

    /// Datagrams and what streams have, where the application sends both.
    #[inline(never)]
    fn fill_with_datagrams(&mut self, now: Instant, packet: &mut OutgoingPacket<'_>) {
        match (self.max_datagram_size(), &mut self.datagrams) {
            (Some(most), Some(datagrams)) => datagrams.fill(now, packet, most, &mut self.streams),
            _ => self.streams.fill(packet),
        }
    }

    /// Whether an MTU probe may take the place of data that waits for the window. Where the window has room for many
    /// datagrams, one of them costs no round trip, and a transfer that always fills its window would never find the size
    /// otherwise. Where slow start is over, a window that is not wide will not be soon, and larger datagrams are what makes it
    /// grow faster; but a transfer that has sent less than two wide windows may be a short one, and end a round trip later for it.
    /// Not while it makes up for losses.
    fn may_probe_mtu_before_data(&self) -> bool {
        let wide = (WIDE_WINDOW * self.recovery.max_datagram_size()) as u64;
        let is_long = self.stats.bytes_sent >= 2 * wide && !self.recovery.is_slow_start();
        (self.recovery.congestion_window() >= wide || is_long) && !self.streams.has_lost_data()
    }

    /// RFC 8899: a datagram larger than is known to pass, of PADDING and a frame that asks for an
    /// acknowledgment.
    fn transmit_mtu_probe(&mut self, turn: &mut Turn<'_>, buffer: &mut [u8]) -> Option<Transmit> {
        // Not before the handshake is confirmed: until then every byte of the window has better use.
        let id = PacketNumberSpace::ApplicationData;
        if !self.is_confirmed() || !self.paths.in_use.is_proven() {
            return None;
        }
        let size = self.paths.in_use.mtu.probe_size(turn.now)?;
        if self.constraint(turn.now, size) != Constraint::None {
            return None;
        }
        let room = buffer.get_mut(..size)?;
        let begun = self.begin_packet(turn.now, room, id, self.peer_ids.active())?;
        let mut packet = begun.payload(room, &mut turn.scratch.sent).ok()?;
        self.spaces.application().asking_frame().encode(packet.writer()).ok()?;
        packet.record_unremembered();
        begun.pad(&mut packet, usize::MAX);
        let sent = SentPacket { mtu_probe: true, ..begun.completed(turn.now, &packet) };
        let written = self.finish_rare_packet(turn, room, &begun, sent, Way::InUse)?;
        self.paths.in_use.mtu.on_probe_sent();
        self.paths.in_use.amplification.on_datagram_sent(written);
        Some(self.datagrams_sent(turn.now, (self.paths.in_use.four_tuple, Way::InUse), written, written))
    }
}
