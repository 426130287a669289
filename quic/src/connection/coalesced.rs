//! Datagram -> packets (RFC 9000 section 12.2).

use super::receive::{Arrival, Protected};
use super::retry::Retry;
use super::state::Connection;
use crate::config::MIN_DATAGRAM_SIZE;
use crate::discard::Discard;
use crate::error::CloseReason;
use crate::lifecycle::Lifecycle;
use crate::trace::{Packet, PacketType, Record};
use crate::turn::Turn;
use crate::wire::connection_id::ConnectionId;
use crate::wire::frame::PacketKind;
use crate::wire::header::{self, Header, Long};
use crate::wire::version::Version;
use alloc::vec::Vec;
use base::{Datagram, Ecn};

/// Packets of one datagram that cost a key's use for nothing: forged, or received before. After so many the rest of the
/// datagram is dropped. No datagram that fits an Ethernet frame holds more, so there all are looked at (RFC 9000 section
/// 12.2); but the 64 KiB of a larger one would buy thousands of failed decryptions.
const MAX_USELESS: usize = 64;

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
        let mut arrival = Arrival { ecn, is_small: payload.len() < MIN_DATAGRAM_SIZE, elsewhere };
        // After the handshake a datagram is one packet with a short header, and this is all.
        match header::decode_short(payload, self.local_ids.id_len(), self.config.grease) {
            Ok(Some(packet_number_offset)) => {
                if let Err(discard) = self.receive_packet(turn, &arrival, &short(packet_number_offset), payload) {
                    self.dropped(turn, payload.len(), discard);
                }
            }
            _ => self.receive_long(turn, &mut arrival, payload),
        }
    }

    /// RFC 9000 section 12.2-1, 12.2-6, 12.2-7: one after the other, each by itself. If one is of no use, those after it are
    /// still looked at.
    fn receive_packets(&mut self, turn: &mut Turn<'_>, arrival: &mut Arrival, payload: &mut [u8]) {
        let (mut rest, mut useless) = (payload, 0);
        let mut destination = None;
        while !rest.is_empty() && useless < MAX_USELESS {
            let (end, result) = match self.receive_next(turn, arrival, destination, rest) {
                Ok(next) => next,
                // Nobody knows where the next one begins.
                Err(discard) => return self.dropped(turn, rest.len(), discard),
            };
            if let Err(discard) = result {
                useless += usize::from(discard.is_forgery() || discard == Discard::Duplicate);
                self.dropped(turn, end, discard);
            }
            if end == rest.len() {
                return;
            }
            let (packet, after) = rest.split_at_mut(end);
            destination = destination.or_else(|| self.destination(packet));
            rest = after;
            // The packet may have moved the connection to where it came from.
            arrival.elsewhere = arrival.elsewhere.filter(|elsewhere| !self.paths.in_use.is_at(&elsewhere.four_tuple));
        }
        if !rest.is_empty() {
            self.dropped(turn, rest.len(), Discard::TooManyUseless);
        }
    }

    /// What the ClientHello decided of early data that came before it is done once its datagram is read.
    fn receive_long(&mut self, turn: &mut Turn<'_>, arrival: &mut Arrival, payload: &mut [u8]) {
        self.receive_packets(turn, arrival, payload);
        if self.has_early_verdict() {
            self.release_early_packets(turn);
        }
    }

    /// What the packet at the front of these bytes is sent to.
    fn destination(&self, bytes: &[u8]) -> Option<ConnectionId> {
        header::destination_connection_id(bytes, self.local_ids.id_len()).and_then(ConnectionId::new)
    }

    /// The first packet of `bytes`; gives where it ends, and what became of it, or why the rest of the datagram is of no
    /// use. `destination`: what the first packet of the datagram was sent to.
    fn receive_next(
        &mut self,
        turn: &mut Turn<'_>,
        arrival: &Arrival,
        destination: Option<ConnectionId>,
        bytes: &mut [u8],
    ) -> Result<(usize, Result<(), Discard>), Discard> {
        let len = bytes.len();
        let (protected, end, version) = match header::decode_short(bytes, self.local_ids.id_len(), self.config.grease)?
        {
            Some(packet_number_offset) => (short(packet_number_offset), len, self.wire.version),
            None => match self.read_long(turn, bytes)? {
                Some(read) => read,
                None => return Ok((len, Ok(()))),
            },
        };
        let packet = bytes.get_mut(..end).expect("a packet that was read lies in its datagram");
        // RFC 9000 s12.2: all packets of a datagram are sent to the same ID.
        if destination.is_some() && destination != self.destination(packet) {
            return Ok((end, Err(Discard::OtherDestination)));
        }
        let kind = protected.kind;
        if kind != PacketKind::OneRtt && !self.expects_version(kind, version) {
            return Ok((end, Err(Discard::OtherVersion)));
        }
        if kind == PacketKind::Initial && version != self.wire.version {
            return Ok((end, self.receive_other_version(turn, arrival, &protected, version, packet)));
        }
        if self.hold_early_packet(arrival, &protected, packet) {
            return Ok((end, Ok(())));
        }
        Ok((end, self.receive_packet(turn, arrival, &protected, packet)))
    }

    /// A long header: what it says of a protected packet, where that ends, and of which version it is. A packet without protection is dealt with here,
    /// and gives `None`.
    fn read_long(
        &mut self,
        turn: &mut Turn<'_>,
        bytes: &mut [u8],
    ) -> Result<Option<(Protected, usize, Version)>, Discard> {
        let len = bytes.len();
        Ok(match Header::decode_with(bytes, self.local_ids.id_len(), self.config.grease)? {
            Header::Initial(long) => Some(protected(PacketKind::Initial, &long)),
            Header::ZeroRtt(long) => Some(protected(PacketKind::ZeroRtt, &long)),
            Header::Handshake(long) => Some(protected(PacketKind::Handshake, &long)),
            Header::VersionNegotiation { destination, source, versions } => {
                self.trace_unnumbered(turn, PacketType::VersionNegotiation, destination, source, len);
                let versions = bytes.get(versions).expect("what a header names lies in its packet");
                self.on_version_negotiation(turn, destination, source, versions)?;
                None
            }
            Header::Retry { version, destination, source, token, integrity_tag } => {
                self.trace_unnumbered(turn, PacketType::Retry, destination, source, len);
                let retry = Retry { version, destination, source, token, integrity_tag };
                self.on_retry(turn, retry, bytes)?;
                None
            }
            // RFC 9000 section 5.2.1-2: none of this version, or none of this side.
            Header::OneRtt(_) | Header::OtherVersion { .. } => {
                return Err(Discard::UnexpectedPacketType);
            }
        })
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

    /// RFC 9368 section 2.1-4, 4-1: the connection begins again in a version that both speak, or ends.
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
        let spoken: Vec<Version> = offered.iter().map(|version| Version(*version)).collect();
        self.begin_again_in(turn.now, &spoken);
        self.end_silently(turn.now, CloseReason::VersionNegotiation { offered });
        Ok(())
    }
}

const fn short(packet_number_offset: usize) -> Protected {
    Protected { kind: PacketKind::OneRtt, source: None, packet_number_offset, has_token: false }
}

fn protected(kind: PacketKind, long: &Long) -> (Protected, usize, Version) {
    let protected = Protected {
        kind,
        source: Some(long.source),
        packet_number_offset: long.packet_number_offset,
        has_token: !long.token.is_empty(),
    };
    (protected, long.end, long.version)
}
