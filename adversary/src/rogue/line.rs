//! One packet number space between the inner endpoint of a rogue and its target: the keys towards both, and the packet
//! numbers under which the target knows the endpoint's packets.

use super::draft::Draft;
use base::{Side, Writer};
use crypto::Secret;
use crypto::aead::TAG_LEN;
use quic::protection::{OpenKeys, SealKeys, initial};
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::{AckFrame, PacketKind, encode_ack};
use quic::wire::header::{self, Header};
use quic::wire::packet_number::PacketNumber;
use quic::wire::version::Version;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Keys and numbers of one space.
pub(super) struct Line {
    from_inner: OpenKeys,
    to_target: SealKeys,
    from_target: OpenKeys,
    to_inner: SealKeys,
    inner_largest: Option<PacketNumber>,
    target_largest: Option<PacketNumber>,
    /// The next number towards the target.
    next: u64,
    /// The endpoint's packets by the numbers under which they went out.
    sent: BTreeMap<u64, u64>,
}

impl Line {
    /// `local` protects what the endpoint sends.
    pub(super) fn of_secrets(local: &Secret, remote: &Secret) -> Line {
        let suite = sim::seeded_provider().cipher_suites[0];
        let seal = |secret: &Secret| SealKeys::new(suite, Version::V1, secret.clone());
        let open = |secret: &Secret| OpenKeys::new(suite, Version::V1, secret.clone());
        Line::new(open(local), seal(local), open(remote), seal(remote))
    }

    /// Of Initial packets, for an endpoint of `side`.
    pub(super) fn initial(original: ConnectionId, side: Side) -> Line {
        let keys = |side| initial::keys(sim::seeded_provider().initial, Version::V1, original, side);
        let ((to_target, from_target), (to_inner, from_inner)) = (keys(side), keys(side.peer()));
        Line::new(from_inner, to_target, from_target, to_inner)
    }

    fn new(from_inner: OpenKeys, to_target: SealKeys, from_target: OpenKeys, to_inner: SealKeys) -> Line {
        let (inner_largest, target_largest) = (None, None);
        let sent = BTreeMap::new();
        Line { from_inner, to_target, from_target, to_inner, inner_largest, target_largest, next: 0, sent }
    }

    pub(super) fn open_from_inner(&mut self, packet: &mut [u8], offset: usize) -> Option<(u64, Vec<u8>)> {
        let opened = self.from_inner.open(packet, offset, self.inner_largest).ok()?;
        self.inner_largest = self.inner_largest.max(Some(opened.packet_number));
        Some((opened.packet_number.value(), packet[opened.payload].to_vec()))
    }

    pub(super) fn open_from_target(&mut self, packet: &[u8], offset: usize) -> Option<(PacketNumber, Vec<u8>)> {
        let mut packet = packet.to_vec();
        let opened = self.from_target.open(&mut packet, offset, self.target_largest).ok()?;
        self.target_largest = self.target_largest.max(Some(opened.packet_number));
        Some((opened.packet_number, packet[opened.payload].to_vec()))
    }

    /// An ACK frame of the target in the endpoint's numbers; nothing if it is about packets of the rogue alone.
    pub(super) fn translate(&self, ack: &AckFrame<'_>) -> Vec<u8> {
        // Numbers as they go out are in the order of the endpoint's own.
        let mut numbers: Vec<u64> = Vec::new();
        for range in ack {
            numbers.extend(self.sent.range(range).rev().map(|(_, inner)| *inner));
        }
        let Some(largest) = numbers.first().copied() else { return Vec::new() };
        let ranges = numbers.chunk_by(|one, next| one - next == 1);
        let ranges: Vec<RangeInclusive<u64>> = ranges.map(|run| run[run.len() - 1]..=run[0]).take(64).collect();
        let mut bytes = vec![0; 2000];
        let mut writer = Writer::new(&mut bytes);
        let largest = PacketNumber::new(largest).expect("a number of the endpoint's");
        encode_ack(&mut writer, largest, ack.ack_delay, ranges.into_iter(), None, 0).expect("room for 64 ranges");
        let len = writer.position();
        bytes.truncate(len);
        bytes
    }

    /// `original` is the packet as the target sealed it.
    pub(super) fn seal_to_inner(
        &mut self,
        kind: PacketKind,
        original: &[u8],
        payload: &[u8],
        number: PacketNumber,
    ) -> Vec<u8> {
        let ids = match Header::decode_greased(original, 8) {
            Ok(Header::Initial(long) | Header::Handshake(long)) => (long.destination, long.source),
            Ok(Header::OneRtt(short)) => (short.destination, ConnectionId::EMPTY),
            _ => unreachable!("it was opened"),
        };
        seal(&mut self.to_inner, kind, ids, payload, number, 0)
    }

    /// `inner` is the number under which the endpoint knows the packet, if it does.
    pub(super) fn seal_to_target(&mut self, draft: &Draft, inner: Option<u64>) -> Vec<u8> {
        if draft.updates_keys {
            self.to_target.update();
        }
        self.next += draft.skip;
        let number = PacketNumber::new(self.next).expect("few packets");
        self.next += 1;
        if let Some(inner) = inner {
            self.sent.insert(number.value(), inner);
        }
        let mut packet = seal(&mut self.to_target, draft.kind, draft.ids, &draft.payload(), number, draft.first_byte);
        if let Some(last) = packet.last_mut() {
            *last ^= draft.forge;
        }
        packet
    }
}

fn seal(
    keys: &mut SealKeys,
    kind: PacketKind,
    (destination, source): (ConnectionId, ConnectionId),
    payload: &[u8],
    number: PacketNumber,
    first_byte: u8,
) -> Vec<u8> {
    let mut packet = vec![0; payload.len() + 100];
    let writer = &mut Writer::new(&mut packet);
    let layout = match kind {
        PacketKind::Initial => header::encode_initial(writer, Version::V1, destination, source, &[], number, 4),
        PacketKind::Handshake | PacketKind::ZeroRtt => {
            header::encode_handshake(writer, Version::V1, destination, source, number, 4)
        }
        PacketKind::OneRtt => header::encode_short(writer, destination, keys.key_phase(), false, number, 4),
    };
    let layout = layout.expect("room for a header");
    packet[layout.header_len..layout.header_len + payload.len()].copy_from_slice(payload);
    packet.truncate(layout.header_len + payload.len() + TAG_LEN);
    packet[0] ^= first_byte;
    layout.finish(&mut packet);
    keys.seal(&mut packet, &layout, number).expect("few packets");
    packet
}
