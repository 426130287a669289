//! Packet -> frames.

use super::paths::Receipt;
use super::places::Elsewhere;
use super::state::Connection;
use crate::connection_ids::stateless_reset;
use crate::discard::Discard;
use crate::lifecycle::Lifecycle;
use crate::protection::keys::Opened;
use crate::trace::{Key, Packet, PacketType, Record};
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::{Frame, PacketKind, StreamFrame};
use crate::wire::header;
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use base::{Ecn, Instant, Reader, Side};

/// How a packet came: what is known of its datagram.
pub(super) struct Arrival {
    pub(super) ecn: Ecn,
    /// The datagram is smaller than one with an Initial packet may be.
    pub(super) is_small: bool,
    /// If it did not come on the path in use.
    pub(super) elsewhere: Option<Elsewhere>,
}

/// What a packet's header says.
pub(super) struct Protected {
    pub(super) kind: PacketKind,
    /// The source connection ID of a long header.
    pub(super) source: Option<ConnectionId>,
    pub(super) packet_number_offset: usize,
    pub(super) has_token: bool,
}

/// What a frame makes of its packet.
struct Nature {
    /// One that asks for an acknowledgment.
    ack_eliciting: bool,
    /// One that tries a path, unless another frame speaks against it (RFC 9000 section 9.1).
    is_probe: bool,
}

/// What is known of a packet when its frames are read.
struct Payload {
    /// It asks for an acknowledgment.
    ack_eliciting: bool,
    /// It holds nothing but what a peer tries a path with (RFC 9000 section 9.1). Not looked for on the path in use.
    is_probe: bool,
    /// It holds data of a stream.
    has_data: bool,
}

impl Connection {
    /// One packet whose header is read: what it holds is used, or it is dropped.
    pub(super) fn receive_packet(
        &mut self,
        turn: &mut Turn<'_>,
        arrival: &Arrival,
        protected: &Protected,
        packet: &mut [u8],
    ) -> Result<(), Discard> {
        self.expects(arrival, protected, packet)?;
        self.receive_protected(turn, arrival, protected, packet)
    }

    /// A packet, or the rest of a datagram, is of no use.
    pub(super) fn dropped(&mut self, turn: &Turn<'_>, size: usize, reason: Discard) {
        self.stats.packets_dropped += 1;
        self.trace(turn.now, Record::PacketDropped { size, reason });
    }

    /// RFC 9000 s12.2: packets of another connection in the same datagram are not for us.
    fn accepts_destination(&self, kind: PacketKind, packet: &[u8]) -> bool {
        let id_len = self.local_ids.id_len();
        let destination = match kind {
            PacketKind::OneRtt => header::short_destination(packet, id_len),
            _ => header::destination_connection_id(packet, id_len),
        };
        destination.is_some_and(|id| self.local_ids.contains(id) || self.wire.is_first_destination(id))
    }

    /// Removes protection, then gives the frames to their owners.
    fn receive_protected(
        &mut self,
        turn: &mut Turn<'_>,
        arrival: &Arrival,
        protected: &Protected,
        packet: &mut [u8],
    ) -> Result<(), Discard> {
        let (kind, ecn) = (protected.kind, arrival.ecn);
        let opened = match self.open_packet(turn.now, protected, packet) {
            Ok(opened) => opened,
            Err(discard) => {
                self.on_unreadable(turn.now, kind, discard);
                return Err(discard);
            }
        };
        if let Some(elsewhere) = &arrival.elsewhere
            && self.has_left_address(elsewhere, opened.packet_number)
        {
            return Err(Discard::OtherAddress);
        }
        self.stats.packets_received += 1;
        if self.tracer.is_some() {
            self.trace_received(turn.now, ecn, protected, packet, &opened);
        }
        let (header, payload) = packet.split_at(opened.payload.start);
        let payload = payload.get(..opened.payload.len()).expect("a packet holds its payload");
        if kind == PacketKind::OneRtt {
            self.on_spin(arrival.elsewhere.as_ref(), opened.packet_number, opened.spin());
        }
        if !self.lifecycle.is_open() {
            self.on_packet_after_end(turn.now, payload);
            return Ok(());
        }
        if let Err(violation) = self.accept_opened(turn.now, &opened) {
            self.on_violation(turn.now, violation, 0);
            return Ok(());
        }
        if let Some(source) = protected.source {
            self.on_source(source);
        }
        let receipt = Receipt { header, id_len: self.local_ids.id_len(), elsewhere: arrival.elsewhere.as_ref() };
        match self.on_payload(turn, kind, receipt, payload) {
            Ok(payload) => {
                let is_newest = self.record_received(turn.now, kind.space(), ecn, opened.packet_number, &payload);
                self.after_packet(turn, kind);
                if is_newest && !payload.is_probe {
                    self.follow_peer(turn, kind, receipt);
                }
                self.idle.on_received(turn.now);
                if payload.has_data || self.recovery.bytes_in_flight() > 0 {
                    self.on_heard(turn.now);
                }
            }
            // RFC 9000 section 5.2-2: whatever was done of the packet, the connection ends.
            Err((violation, frame_type)) => self.on_violation(turn.now, violation, frame_type),
        }
        Ok(())
    }

    /// Opens a packet that is no duplicate, in place.
    fn open_packet(&mut self, now: Instant, protected: &Protected, packet: &mut [u8]) -> Result<Opened, Discard> {
        let kind = protected.kind;
        if kind == PacketKind::OneRtt {
            self.levels.one_rtt().expire(now);
        }
        let space = self.spaces.get(kind.space()).ok_or(Discard::NoKey)?;
        // Opening wipes what it cannot authenticate, so a token has to be read before.
        let token = stateless_reset::token_of(packet).filter(|_| kind == PacketKind::OneRtt);
        match self.levels.open_packet(kind, packet, protected.packet_number_offset, space.received.largest()) {
            // RFC 9000 section 12.3-4, 12.3-5: known only now, when the number is authenticated.
            Ok(opened) if space.received.is_duplicate(opened.packet_number) => Err(Discard::Duplicate),
            Ok(opened) => Ok(opened),
            Err(discard) => {
                if let Some(token) = token {
                    // RFC 9000 section 10.3.1-2: what cannot be decrypted may be a reset.
                    self.on_stateless_reset(now, &token);
                }
                if discard == Discard::IntegrityLimit {
                    self.on_violation(now, Violation::AeadLimit, 0);
                }
                Err(discard)
            }
        }
    }

    #[cold]
    fn trace_received(&mut self, now: Instant, ecn: Ecn, protected: &Protected, packet: &[u8], opened: &Opened) {
        let destination =
            header::destination_connection_id(packet, self.local_ids.id_len()).and_then(ConnectionId::new);
        let received = Packet {
            packet_type: PacketType::of(protected.kind),
            number: Some(opened.packet_number),
            destination: destination.expect("an accepted packet has an ID of ours"),
            source: protected.source,
            size: packet.len(),
            ecn,
            is_mtu_probe: false,
        };
        let frames = packet.get(opened.payload.clone()).expect("a packet holds its payload");
        if let Some(tracer) = &mut self.tracer {
            tracer.record(now, Record::PacketReceived(received), frames);
        }
    }

    /// What only an authentic packet can say with its header: that the peer has updated its keys, and what it must not say.
    fn accept_opened(&mut self, now: Instant, opened: &Opened) -> Result<(), Violation> {
        if opened.is_key_update {
            self.on_key_update(now)?;
        }
        opened.check_reserved_bits()
    }

    /// RFC 9001 section 6.2: a packet came under the peer's next key.
    fn on_key_update(&mut self, now: Instant) -> Result<(), Violation> {
        self.stats.key_updates += 1;
        let id = PacketNumberSpace::ApplicationData;
        // RFC 9001 s6.5: three PTOs are long enough for what was sent before.
        let until = now + self.recovery.pto(id).saturating_mul(3);
        let next = self.spaces.application().next();
        let follows = self.levels.one_rtt().on_key_update(until, next)?;
        let phase = self.stats.key_updates;
        let key = Key { packet_type: PacketType::OneRtt, of: self.wire.side.peer(), phase };
        self.trace(now, Record::KeyInstalled(key));
        if follows {
            self.trace(now, Record::KeyInstalled(Key { of: self.wire.side, ..key }));
        }
        Ok(())
    }

    /// Every frame of a packet was read; gives whether it is the newest of its space.
    fn record_received(
        &mut self,
        now: Instant,
        id: PacketNumberSpace,
        ecn: Ecn,
        number: PacketNumber,
        payload: &Payload,
    ) -> bool {
        // A frame of the packet may have ended its space: then nothing is acknowledged in it any more, and nothing in it is
        // newer.
        let Some(space) = self.spaces.get_mut(id) else { return true };
        let is_newest = space.received.largest() < Some(number);
        // RFC 9000 section 13.1-1: only now that all frames were read.
        space.received.on_received(now, number, payload.ack_eliciting, ecn, self.config.max_ack_delay);
        space.acknowledge_again = id == PacketNumberSpace::Initial && payload.ack_eliciting;
        is_newest
    }

    /// Whether a packet of this kind and with these IDs means something now.
    pub(super) fn expects(&self, arrival: &Arrival, protected: &Protected, packet: &[u8]) -> Result<(), Discard> {
        if !self.accepts_destination(protected.kind, packet) {
            return Err(Discard::WrongConnectionId);
        }
        if protected.kind == PacketKind::Initial {
            match self.wire.side {
                // RFC 9000 section 14.1-4, 14-4: not only the first one, or later ones would buy bytes of ours for
                // less.
                Side::Server if arrival.is_small => return Err(Discard::InitialTooSmall),
                // RFC 9000 section 17.2.2-1: a server has no token to send.
                Side::Client if protected.has_token => return Err(Discard::InvalidToken),
                Side::Server | Side::Client => {}
            }
        }
        // RFC 9001 section 5.7-1, 5.7-2, 5.7-5: a server does not use 1-RTT data before the handshake is complete,
        // whatever keys it has.
        if protected.kind == PacketKind::OneRtt && matches!(self.lifecycle, Lifecycle::Handshaking { .. }) {
            return Err(Discard::NoKey);
        }
        // RFC 9000 section 7.2-3, 7.2-6: after the first Initial the peer's source connection ID stays what it is.
        if protected.source.is_some_and(|source| !self.wire.accepts_source(source)) {
            return Err(Discard::WrongConnectionId);
        }
        Ok(())
    }

    /// A long header was authenticated: a client now knows what the server calls itself.
    /// RFC 9000 section 7.2-2, 7.2-4.
    fn on_source(&mut self, source: ConnectionId) {
        if self.wire.on_source(source) {
            self.peer_ids.replace_handshake_id(source);
        }
    }

    /// RFC 9000 section 9.3-1: the newest packet that is more than a probe says where the peer is, and to which ID it
    /// sends.
    fn follow_peer(&mut self, turn: &mut Turn<'_>, kind: PacketKind, receipt: Receipt<'_>) {
        if !self.lifecycle.is_open() {
            return;
        }
        match receipt.elsewhere {
            None if kind != PacketKind::OneRtt || receipt.is_to(&self.paths.in_use.local_id) => {}
            None => self.paths.in_use.local_id = receipt.destination(),
            Some(elsewhere) if self.is_handshaking() => self.on_peer_rebound(turn, elsewhere),
            Some(elsewhere) if self.wire.side == Side::Server => {
                self.on_peer_moved(turn.now, elsewhere, receipt.destination());
                self.give_up_forgotten_paths(turn);
            }
            Some(_) => {}
        }
    }

    /// Every frame of a packet.
    fn on_payload(
        &mut self,
        turn: &mut Turn<'_>,
        kind: PacketKind,
        receipt: Receipt<'_>,
        payload: &[u8],
    ) -> Result<Payload, (Violation, u64)> {
        let mut reader = Reader::new(payload);
        if reader.is_empty() {
            // RFC 9000 section 12.4-2.
            return Err((Violation::EmptyPacket, 0));
        }
        let (mut ack_eliciting, mut has_data) = (false, false);
        let mut is_probe = receipt.elsewhere.is_some();
        while !reader.is_empty() {
            let bytes = reader.peek();
            let blame = |violation| (violation, frame_type(bytes));
            if kind == PacketKind::OneRtt {
                match StreamFrame::decode_next(&mut reader) {
                    Ok(Some(stream)) => {
                        (ack_eliciting, has_data, is_probe) = (true, true, false);
                        self.on_stream(turn, &stream).map_err(blame)?;
                        continue;
                    }
                    Ok(None) if matches!(bytes.first(), Some(0x30 | 0x31)) => {
                        (ack_eliciting, is_probe) = (true, false);
                        self.on_datagrams(turn, &mut reader)?;
                        continue;
                    }
                    Ok(None) => {}
                    Err(violation) => return Err(blame(violation)),
                }
            }
            let read = self.on_other_frame(turn, kind, receipt, &mut reader).map_err(blame)?;
            ack_eliciting |= read.ack_eliciting;
            is_probe = is_probe && read.is_probe;
            if !self.lifecycle.is_open() {
                break;
            }
        }
        Ok(Payload { ack_eliciting, is_probe, has_data })
    }

    /// A frame that is not one of the STREAM frames which fill 1-RTT packets. Apart from those, whose way stays short: not
    /// inlined, or every packet would prepare what all frames together need.
    #[inline(never)]
    fn on_other_frame(
        &mut self,
        turn: &mut Turn<'_>,
        kind: PacketKind,
        receipt: Receipt<'_>,
        reader: &mut Reader<'_>,
    ) -> Result<Nature, Violation> {
        let frame = Frame::decode(reader)?;
        if !frame.is_allowed_in(kind) {
            // RFC 9000 section 12.4-3, 17.2.4-2.
            return Err(Violation::FrameInWrongPacket);
        }
        let nature = Nature { ack_eliciting: frame.is_ack_eliciting(), is_probe: frame.is_probing() };
        self.dispatch(turn, kind.space(), receipt, &frame)?;
        Ok(nature)
    }

    /// What a packet means by having arrived.
    fn after_packet(&mut self, turn: &mut Turn<'_>, kind: PacketKind) {
        if self.wire.side == Side::Server && kind == PacketKind::Handshake {
            self.on_handshake_packet(turn.now);
            // RFC 9001 section 4.9.1-1, 4.9.1-2: and the client has no further use for Initial packets.
            self.discard_keys(turn.now, PacketKind::Initial);
        }
        if kind == PacketKind::Initial && self.wire.is_token_refused() {
            self.begin_without_token(turn);
        }
    }

    /// RFC 9000 s10.2.1: while closing, each packet may earn another close, and a CONNECTION_CLOSE of the peer ends the
    /// exchange.
    fn on_packet_after_end(&mut self, now: Instant, payload: &[u8]) {
        let Lifecycle::Closing(closing) = &mut self.lifecycle else { return };
        closing.on_packet();
        let mut reader = Reader::new(payload);
        while !reader.is_empty() {
            match Frame::decode(&mut reader) {
                Ok(Frame::ConnectionClose { .. } | Frame::ApplicationClose { .. }) => {
                    return self.on_closed_by_both(now);
                }
                Ok(_) => {}
                // What cannot be read closes nothing that is not closing already.
                Err(_) => return,
            }
        }
    }
}

/// RFC 9000 section 19.19: the type that is to blame is told even if the rest of the frame cannot be read.
fn frame_type(frame: &[u8]) -> u64 {
    Reader::new(frame).varint().unwrap_or(0)
}
