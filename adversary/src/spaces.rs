//! The peer's keys and packet numbers, and packets sealed and opened with them.

use crate::frames::space_of;
use crate::options::Tweak;
use base::{Side, Writer};
use crypto::aead::TAG_LEN;
use quic::internals::CryptoStream;
use quic::protection::{OpenKeys, SealKeys, initial};
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::PacketKind;
use quic::wire::header;
use quic::wire::packet_number::{PacketNumber, PacketNumberSpace};
use quic::wire::version::Version;
use tls::KeyChange;

/// A packet from the target, opened.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its type.
    pub kind: PacketKind,
    /// Its packet number.
    pub number: u64,
    /// Its frames.
    pub payload: Vec<u8>,
}

struct Space {
    keys: Option<(SealKeys, OpenKeys)>,
    next: u64,
    largest: Option<PacketNumber>,
    crypto: CryptoStream,
    crypto_sent: u64,
}

/// All three packet number spaces, and the keys of early data: a client seals with them, a server opens.
pub(crate) struct Spaces([Space; 3], Option<(SealKeys, OpenKeys)>);

impl Spaces {
    /// With Initial keys of the client's first Destination Connection ID (RFC 9001 section 5.2).
    pub(crate) fn new(side: Side, original: ConnectionId) -> Spaces {
        let space = || Space { keys: None, next: 0, largest: None, crypto: CryptoStream::new(), crypto_sent: 0 };
        let mut spaces = Spaces([space(), space(), space()], None);
        spaces.rekey_initial(side, original);
        spaces
    }

    fn of(&self, kind: PacketKind) -> &Space {
        &self.0[space_of(kind) as usize]
    }

    fn of_mut(&mut self, kind: PacketKind) -> &mut Space {
        &mut self.0[space_of(kind) as usize]
    }

    pub(crate) fn rekey_initial(&mut self, side: Side, destination: ConnectionId) {
        self.on_retry(side, destination);
        self.0[0].largest = None;
    }

    /// Initial keys of another destination. Packet numbers have to go on.
    pub(crate) fn on_retry(&mut self, side: Side, destination: ConnectionId) {
        self.0[0].keys = Some(initial::keys(sim::seeded_provider().initial, Version::V1, destination, side));
    }

    /// Keys that TLS has just made.
    pub(crate) fn install(&mut self, change: KeyChange) {
        let (space, suite, local, remote) = match change {
            KeyChange::EarlyData { suite, secret } => {
                let seal = SealKeys::new(suite, Version::V1, secret.clone());
                self.1 = Some((seal, OpenKeys::new(suite, Version::V1, secret)));
                return;
            }
            KeyChange::Handshake { suite, local, remote } => (PacketNumberSpace::Handshake, suite, local, remote),
            KeyChange::OneRtt { suite, local, remote } => (PacketNumberSpace::ApplicationData, suite, local, remote),
        };
        let keys = (SealKeys::new(suite, Version::V1, local), OpenKeys::new(suite, Version::V1, remote));
        self.0[space as usize].keys = Some(keys);
    }

    pub(crate) fn has_keys(&self, kind: PacketKind) -> bool {
        if kind == PacketKind::ZeroRtt { self.1.is_some() } else { self.of(kind).keys.is_some() }
    }

    /// Goes on to the next generation of 1-RTT keys.
    pub(crate) fn update_keys(&mut self) {
        let (seal, _) = self.0[2].keys.as_mut().expect("1-RTT keys");
        seal.update();
    }

    /// The next packet number.
    pub(crate) fn next(&self, kind: PacketKind) -> u64 {
        self.of(kind).next
    }

    pub(crate) fn set_next(&mut self, kind: PacketKind, next: u64) {
        self.of_mut(kind).next = next;
    }

    /// The largest packet number that came from the target.
    pub(crate) fn largest(&self, kind: PacketKind) -> Option<u64> {
        self.of(kind).largest.map(PacketNumber::value)
    }

    /// Counts `len` bytes of CRYPTO frames as sent, and gives the offset of the first.
    pub(crate) fn crypto_offset(&mut self, kind: PacketKind, len: usize) -> u64 {
        let space = self.of_mut(kind);
        space.crypto_sent += len as u64;
        space.crypto_sent - len as u64
    }

    /// Takes in a CRYPTO frame, and gives the bytes that are in order.
    pub(crate) fn on_crypto(&mut self, kind: PacketKind, offset: u64, data: &[u8]) -> Vec<u8> {
        let space = self.of_mut(kind);
        let fresh = space.crypto.on_crypto(offset, data).expect("the target's CRYPTO frames are within bounds");
        let mut bytes = fresh.to_vec();
        while let Some(piece) = space.crypto.read() {
            bytes.extend_from_slice(&piece);
        }
        bytes
    }

    /// A sealed packet.
    pub(crate) fn seal(
        &mut self,
        kind: PacketKind,
        (destination, source): (ConnectionId, ConnectionId),
        payload: &[u8],
        tweak: Tweak,
    ) -> Vec<u8> {
        let mut packet = vec![0; payload.len() + 100 + tweak.token.len()];
        let Spaces(spaces, early) = self;
        let space = &mut spaces[space_of(kind) as usize];
        let number = PacketNumber::new(tweak.number.unwrap_or(space.next)).unwrap();
        space.next = number.value() + 1;
        // A script without early data seals such packets with the keys that it has.
        let is_early = kind == PacketKind::ZeroRtt && early.is_some();
        let keys = if is_early { early } else { &mut space.keys };
        let (seal, _) = keys.as_mut().expect("keys for the packet");
        let writer = &mut Writer::new(&mut packet);
        let layout = match kind {
            PacketKind::Initial => {
                header::encode_initial(writer, Version::V1, destination, source, tweak.token, number, 4)
            }
            PacketKind::Handshake => header::encode_handshake(writer, Version::V1, destination, source, number, 4),
            PacketKind::ZeroRtt => header::encode_zero_rtt(writer, Version::V1, destination, source, number, 4),
            PacketKind::OneRtt => header::encode_short(writer, destination, seal.key_phase(), false, number, 4),
        };
        let layout = layout.expect("room for a header");
        packet[layout.header_len..layout.header_len + payload.len()].copy_from_slice(payload);
        packet.truncate(layout.header_len + payload.len() + TAG_LEN);
        packet[0] |= tweak.first_byte;
        layout.finish(&mut packet);
        seal.seal(&mut packet, &layout, number).expect("few packets");
        packet
    }

    /// Opens a packet of the target, if the keys are there and fit.
    pub(crate) fn open(
        &mut self,
        kind: PacketKind,
        packet: &mut [u8],
        packet_number_offset: usize,
    ) -> Option<Received> {
        let Spaces(spaces, early) = self;
        let space = &mut spaces[space_of(kind) as usize];
        let keys = if kind == PacketKind::ZeroRtt { early } else { &mut space.keys };
        let (_, open) = keys.as_mut()?;
        let opened = open.open(packet, packet_number_offset, space.largest).ok()?;
        // RFC 9000 s12.3: a number is used once, and each is above the ones before.
        assert!(space.largest < Some(opened.packet_number), "packet numbers increase");
        space.largest = Some(opened.packet_number);
        let payload = packet[opened.payload].to_vec();
        // RFC 9000 s12.4.
        assert!(!payload.is_empty(), "a packet has frames");
        Some(Received { kind, number: opened.packet_number.value(), payload })
    }
}
