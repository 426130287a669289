//! Datagram -> packets -> frames.

use super::paths::{Elsewhere, Receipt};
use super::retry::Retry;
use super::state::Connection;
use crate::config::MIN_DATAGRAM_SIZE;
use crate::connection_ids::stateless_reset;
use crate::discard::Discard;
use crate::error::CloseReason;
use crate::lifecycle::Lifecycle;
use crate::protection::keys::Opened;
use crate::trace::{Key, Packet, PacketType, Record};
use crate::turn::Turn;
use crate::violation::Violation;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::{Frame, PacketKind, StreamFrame};
use crate::wire::header::{self, Header, Long};
use crate::wire::packet_number::{PacketNumber, PacketNumberSpace};
use alloc::vec::Vec;
use base::{Datagram, Ecn, Instant, Reader, Side};

/// The most packets that are looked at in one datagram. A handshake coalesces at most three or four; without a bound a
/// datagram of tiny packets would buy thousands of failed decryptions.
const MAX_COALESCED: usize = 8;

/// A packet's place in the datagram and what its header says.
struct Protected {
    kind: PacketKind,
    /// The source connection ID of a long header.
    source: Option<ConnectionId>,
    packet_number_offset: usize,
    has_token: bool,
    /// If its datagram did not come on the path in use.
    elsewhere: Option<Elsewhere>,
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
    /// Takes in one datagram that the endpoint found to be of this connection.
    pub fn receive(&mut self, turn: &mut Turn<'_>, datagram: Datagram<'_>) {
        let Datagram { four_tuple, ecn, payload } = datagram;
        self.stats.datagrams_received += 1;
        self.stats.bytes_received += payload.len() as u64;
        let elsewhere = if self.paths.in_use.is_at(&four_tuple) {
            // RFC 9000 section 8.1-3: what may be sent is counted by datagrams, once each, however many packets they
            // hold.
            self.paths.in_use.amplification.on_datagram_received(payload.len());
            self.recovery.set_amplification_limited(false);
            None
        } else {
            match self.on_elsewhere(four_tuple, payload.len()) {
                Ok(elsewhere) => Some(elsewhere),
                Err(discard) => return self.dropped(turn, payload.len(), discard),
            }
        };
        self.rest.on_activity(turn.now);
        let is_small = payload.len() < MIN_DATAGRAM_SIZE;
        let mut rest = payload;
        // RFC 9000 section 12.2-1: one after the other, each by itself.
        for _ in 0..MAX_COALESCED {
            if rest.is_empty() {
                break;
            }
            // The packet before it may have moved the connection here.
            let elsewhere = elsewhere.filter(|elsewhere| !self.paths.in_use.is_at(&elsewhere.four_tuple));
            let end = match self.receive_packet(turn, ecn, rest, is_small, elsewhere) {
                Ok(end) => end,
                Err(discard) => {
                    self.dropped(turn, rest.len(), discard);
                    break;
                }
            };
            rest = rest.split_at_mut_checked(end).map_or(&mut [], |(_, rest)| rest);
        }
    }

    /// The first packet of `bytes`; gives where it ends, or why the rest of the datagram is of no use.
    /// `is_small`: the datagram is smaller than one with an Initial packet may be.
    fn receive_packet(
        &mut self,
        turn: &mut Turn<'_>,
        ecn: Ecn,
        bytes: &mut [u8],
        is_small: bool,
        elsewhere: Option<Elsewhere>,
    ) -> Result<usize, Discard> {
        let len = bytes.len();
        if let Some(packet_number_offset) = header::decode_short(bytes, self.local_ids.id_len())? {
            let kind = PacketKind::OneRtt;
            let protected = Protected { kind, source: None, packet_number_offset, has_token: false, elsewhere };
            self.receive_expected(turn, ecn, &protected, bytes, is_small);
            return Ok(len);
        }
        let (mut protected, end) = match Header::decode(bytes, self.local_ids.id_len())? {
            Header::Initial(long) => Self::long(PacketKind::Initial, &long),
            Header::ZeroRtt(long) => Self::long(PacketKind::ZeroRtt, &long),
            Header::Handshake(long) => Self::long(PacketKind::Handshake, &long),
            Header::VersionNegotiation { destination, source, versions } => {
                self.trace_unnumbered(turn, PacketType::VersionNegotiation, destination, source, len);
                let versions = bytes.get(versions).expect("what a header names lies in its packet");
                return self.on_version_negotiation(turn, destination, source, versions).map(|()| len);
            }
            Header::Retry { version, destination, source, token, integrity_tag } => {
                self.trace_unnumbered(turn, PacketType::Retry, destination, source, len);
                let retry = Retry { version, destination, source, token, integrity_tag };
                return self.on_retry(turn, retry, bytes).map(|()| len);
            }
            // RFC 9000 section 5.2.1-2: none of this version, or none of this side.
            Header::OneRtt(_) | Header::OtherVersion { .. } => {
                return Err(Discard::UnexpectedPacketType);
            }
        };
        protected.elsewhere = elsewhere;
        let packet = bytes.get_mut(..end).expect("a packet that was read lies in its datagram");
        self.receive_expected(turn, ecn, &protected, packet, is_small);
        Ok(end)
    }

    /// One packet whose header is read. RFC 9000 section 12.2-6, 12.2-7: if it is of no use, the packets after it are
    /// still looked at.
    fn receive_expected(
        &mut self,
        turn: &mut Turn<'_>,
        ecn: Ecn,
        protected: &Protected,
        packet: &mut [u8],
        is_small: bool,
    ) {
        let result = match self.expects(protected, packet, is_small) {
            Ok(()) => self.receive_protected(turn, ecn, protected, packet),
            Err(discard) => Err(discard),
        };
        if let Err(discard) = result {
            self.dropped(turn, packet.len(), discard);
        }
    }

    fn long(kind: PacketKind, long: &Long) -> (Protected, usize) {
        let protected = Protected {
            kind,
            source: Some(long.source),
            packet_number_offset: long.packet_number_offset,
            has_token: !long.token.is_empty(),
            elsewhere: None,
        };
        (protected, long.end)
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

    fn dropped(&mut self, turn: &Turn<'_>, size: usize, reason: Discard) {
        self.stats.packets_dropped += 1;
        self.trace(turn.now, Record::PacketDropped { size, reason });
    }

    /// A packet of a type that has neither number nor frames.
    fn trace_unnumbered(
        &mut self,
        turn: &Turn<'_>,
        packet_type: PacketType,
        destination: ConnectionId,
        source: ConnectionId,
        size: usize,
    ) {
        let (source, ecn) = (Some(source), Ecn::NotEct);
        let packet = Packet { packet_type, number: None, destination, source, size, ecn, is_mtu_probe: false };
        self.trace(turn.now, Record::PacketReceived(packet));
    }

    /// Removes protection, then gives the frames to their owners.
    fn receive_protected(
        &mut self,
        turn: &mut Turn<'_>,
        ecn: Ecn,
        protected: &Protected,
        packet: &mut [u8],
    ) -> Result<(), Discard> {
        let kind = protected.kind;
        let opened = self.open_packet(turn.now, protected, packet)?;
        self.stats.packets_received += 1;
        if self.tracer.is_some() {
            self.trace_received(turn.now, ecn, protected, packet, &opened);
        }
        let (header, payload) = packet.split_at(opened.payload.start);
        let payload = payload.get(..opened.payload.len()).expect("a packet holds its payload");
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
        let receipt = Receipt { header, id_len: self.local_ids.id_len(), elsewhere: protected.elsewhere };
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
        // RFC 9001 section 4.6.2-1, 5.6-6: there are no keys for early data, so it is never opened, by either side.
        let keys = self.levels.open(kind).ok_or(Discard::NoKey)?;
        let space = self.spaces.get(kind.space()).expect("a level that has keys has its space");
        // Opening wipes what it cannot authenticate, so a token has to be read before.
        let token = stateless_reset::token_of(packet).filter(|_| kind == PacketKind::OneRtt);
        match keys.open(packet, protected.packet_number_offset, space.received.largest()) {
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
        self.levels.one_rtt().on_key_update(until, next)?;
        let key = Key { packet_type: PacketType::OneRtt, of: self.wire.side.peer(), phase: self.stats.key_updates };
        self.trace(now, Record::KeyInstalled(key));
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
        is_newest
    }

    /// Whether a packet of this kind and with these IDs means something now.
    fn expects(&self, protected: &Protected, packet: &[u8], is_small: bool) -> Result<(), Discard> {
        if !self.accepts_destination(protected.kind, packet) {
            return Err(Discard::WrongConnectionId);
        }
        if protected.kind == PacketKind::Initial {
            match self.wire.side {
                // RFC 9000 section 14.1-4, 14-4: not only the first one, or later ones would buy bytes of ours for
                // less.
                Side::Server if is_small => return Err(Discard::InitialTooSmall),
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
        let space = kind.space();
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
                    Ok(None) => {}
                    Err(violation) => return Err(blame(violation)),
                }
            }
            let frame = Frame::decode(&mut reader).map_err(blame)?;
            if !frame.is_allowed_in(kind) {
                // RFC 9000 section 12.4-3, 17.2.4-2.
                return Err(blame(Violation::FrameInWrongPacket));
            }
            ack_eliciting |= frame.is_ack_eliciting();
            is_probe = is_probe && frame.is_probing();
            self.dispatch(turn, space, receipt, &frame).map_err(blame)?;
            if !self.lifecycle.is_open() {
                break;
            }
        }
        Ok(Payload { ack_eliciting, is_probe, has_data })
    }

    /// What a packet means by having arrived.
    fn after_packet(&mut self, turn: &Turn<'_>, kind: PacketKind) {
        if self.wire.side == Side::Server && kind == PacketKind::Handshake {
            // RFC 9000 s8.1: only who received our Initial can send this, so the address that it went to is the peer's.
            self.paths.in_use.amplification.validate();
            // RFC 9001 section 4.9.1-1, 4.9.1-2: and the client has no further use for Initial packets.
            self.discard_keys(turn.now, PacketKind::Initial);
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

    /// RFC 9000 section 6.2-1, 6.2-2, 6.2-3: the server does not speak our version. Only believed before anything else
    /// arrived from it, and only if it answers what we sent.
    fn on_version_negotiation(
        &mut self,
        turn: &Turn<'_>,
        destination: ConnectionId,
        source: ConnectionId,
        versions: &[u8],
    ) -> Result<(), Discard> {
        let ours =
            self.wire.may_be_negotiated(destination, source) && matches!(self.lifecycle, Lifecycle::Handshaking { .. });
        let offered: Vec<u32> = versions.as_chunks::<4>().0.iter().map(|bytes| u32::from_be_bytes(*bytes)).collect();
        if !ours || offered.contains(&self.wire.version.0) {
            return Err(Discard::UnexpectedVersionNegotiation);
        }
        self.end_silently(turn.now, CloseReason::VersionNegotiation { offered });
        Ok(())
    }
}

/// RFC 9000 section 19.19: the type that is to blame is told even if the rest of the frame cannot be read.
fn frame_type(frame: &[u8]) -> u64 {
    Reader::new(frame).varint().unwrap_or(0)
}
