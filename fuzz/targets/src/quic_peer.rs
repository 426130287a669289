//! The other side of a real endpoint's connection: keys from a real TLS session, so that what it sends is authentic, and
//! no rules but those of its script.
//!
//! It holds the endpoint to what must never happen whatever a peer does: frames that cannot be read or are in the wrong
//! packets, packet numbers that do not increase, more than three times what an address that is not validated has sent, a
//! deadline that stays, a call that does not end.

use super::tls_identity;
use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Reader, Side, Writer};
use crypto::aead::TAG_LEN;
use quic::crypto_stream::CryptoStream;
use quic::protection::{OpenKeys, SealKeys, initial};
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::{Frame, PacketKind};
use quic::wire::header::{self, Header};
use quic::wire::packet_number::{PacketNumber, PacketNumberSpace};
use quic::wire::transport_parameters::TransportParameters;
use quic::wire::version::Version;
use quic::{Config, ConnectionHandle, Endpoint, EndpointConfig, Event, StreamEvent};
use sim::SeededRandom;
use std::collections::BTreeSet;
use std::sync::Arc;
use tls::{KeyChange, Level, Session};

const HERE: &str = "192.0.2.9:40000";
const THERE: &str = "192.0.2.1:443";
const SOURCE: [u8; 8] = [0x77; 8];

struct SpaceState {
    keys: Option<(SealKeys, OpenKeys)>,
    next: u64,
    largest: Option<PacketNumber>,
    crypto: CryptoStream,
    crypto_sent: u64,
}

pub struct Peer {
    pub target: Endpoint,
    pub handle: Option<ConnectionHandle>,
    pub now: Instant,
    pub side: Side,
    pub four_tuple: FourTuple,
    pub source: ConnectionId,
    pub destination: ConnectionId,
    /// Streams of the target that it may write to or read from.
    pub streams: BTreeSet<base::StreamId>,
    pub is_closed: bool,
    output: Vec<(Level, Vec<u8>)>,
    session: Session,
    random: SeededRandom,
    spaces: [SpaceState; 3],
    /// Bytes to and from the address until it is validated.
    to_target: usize,
    from_target: usize,
}

impl Peer {
    /// A peer whose target is of this side. Nothing has been said but a client's first packet.
    pub fn against(target: Side, config: Config) -> Peer {
        let parameters = TransportParameters {
            initial_max_data: 1 << 14,
            initial_max_stream_data_bidi_local: 1 << 12,
            initial_max_stream_data_bidi_remote: 1 << 12,
            initial_max_stream_data_uni: 1 << 12,
            initial_max_streams_bidi: 8,
            initial_max_streams_uni: 8,
            active_connection_id_limit: 4,
            initial_source_connection_id: ConnectionId::new(&SOURCE),
            max_idle_timeout: Duration::from_secs(30),
            ..TransportParameters::default()
        };
        match target {
            Side::Server => Peer::client(config, &parameters),
            Side::Client => Peer::server(config, parameters),
        }
    }

    fn client(config: Config, parameters: &TransportParameters) -> Peer {
        let (client, server) = tls_identity::pair().clone();
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config), Some(server));
        let target = Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(1)));
        let mut random = SeededRandom::new(1000);
        let bytes = parameters.encode(Side::Client, 0);
        let session = Session::client(client, tls_identity::server_name(), bytes, &mut random).expect("a client");
        let original = ConnectionId::new(&base::random::array::<8>(&mut random)).expect("an ID");
        let mut peer = Peer::new(target, Side::Client, original, session, random);
        peer.take_output();
        peer
    }

    fn server(config: Config, mut parameters: TransportParameters) -> Peer {
        let (client, server) = tls_identity::pair().clone();
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config), None);
        let mut target = Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(1)));
        let path = FourTuple { local: THERE.parse().expect("an address"), remote: HERE.parse().expect("an address") };
        let handle = target.connect(Instant::ZERO, client, tls_identity::server_name(), path).expect("a connection");
        let mut buffer = vec![0; 65_536];
        let sent = target.transmit(Instant::ZERO, &mut buffer).expect("a first packet");
        buffer.truncate(sent.len);
        let Ok(Header::Initial(long)) = Header::decode(&buffer, SOURCE.len()) else { panic!("no Initial") };
        parameters.original_destination_connection_id = Some(long.destination);
        parameters.stateless_reset_token = Some(ResetToken([0x5a; 16]));
        let session = Session::server(server, parameters.encode(Side::Server, 0));
        let mut peer = Peer::new(target, Side::Server, long.destination, session, SeededRandom::new(1000));
        peer.destination = long.source;
        peer.handle = Some(handle);
        peer.take(&buffer);
        peer.pump();
        peer
    }

    fn new(target: Endpoint, side: Side, original: ConnectionId, session: Session, random: SeededRandom) -> Peer {
        let space = || SpaceState { keys: None, next: 0, largest: None, crypto: CryptoStream::new(), crypto_sent: 0 };
        let mut spaces = [space(), space(), space()];
        spaces[0].keys = Some(initial::keys(sim::seeded_provider().initial, Version::V1, original, side));
        Peer {
            target,
            handle: None,
            now: Instant::ZERO,
            side,
            four_tuple: FourTuple {
                local: THERE.parse().expect("an address"),
                remote: HERE.parse().expect("an address"),
            },
            source: ConnectionId::new(&SOURCE).expect("an ID"),
            destination: original,
            streams: BTreeSet::new(),
            is_closed: false,
            output: Vec::new(),
            session,
            random,
            spaces,
            to_target: 0,
            from_target: 0,
        }
    }

    /// Sends the handshake bytes that wait at this level.
    pub fn send_crypto(&mut self, level: Level) {
        let bytes: Vec<u8> =
            self.output.iter().filter(|(of, _)| *of == level).flat_map(|(_, bytes)| bytes.clone()).collect();
        self.output.retain(|(of, _)| *of != level);
        let kind = match level {
            Level::Initial => PacketKind::Initial,
            Level::Handshake => PacketKind::Handshake,
            _ => PacketKind::OneRtt,
        };
        for piece in bytes.chunks(1000) {
            let state = &mut self.spaces[space_of(kind) as usize];
            let offset = state.crypto_sent;
            state.crypto_sent += piece.len() as u64;
            self.send(kind, &encode(&Frame::Crypto { offset, data: piece }), 0, 0);
        }
    }

    /// Until both sides are done.
    pub fn establish(&mut self) {
        self.send_crypto(Level::Initial);
        self.send_crypto(Level::Handshake);
    }

    /// The largest packet number that came from the target in this space.
    pub fn largest(&self, kind: PacketKind) -> Option<u64> {
        self.spaces[space_of(kind) as usize].largest.map(PacketNumber::value)
    }

    /// One packet in a datagram of its own. `skip` packet numbers are left out; `first_byte` is put into the unprotected
    /// header.
    pub fn send(&mut self, kind: PacketKind, payload: &[u8], skip: u64, first_byte: u8) {
        if let Some(datagram) = self.packet(kind, payload, skip, first_byte) {
            self.deliver(datagram);
        }
    }

    /// A sealed packet, if there are keys.
    pub fn packet(&mut self, kind: PacketKind, payload: &[u8], skip: u64, first_byte: u8) -> Option<Vec<u8>> {
        let mut payload = payload.to_vec();
        let fill = if kind == PacketKind::Initial { 1200 } else { 4 };
        if payload.len() < fill {
            payload.resize(fill, 0);
        }
        let space = &mut self.spaces[space_of(kind) as usize];
        let (seal, _) = space.keys.as_mut()?;
        let number = PacketNumber::new(space.next + skip)?;
        space.next = number.value() + 1;
        let mut packet = vec![0; payload.len() + 100];
        let writer = &mut Writer::new(&mut packet);
        let (destination, source) = (self.destination, self.source);
        let layout = match kind {
            PacketKind::Initial => header::encode_initial(writer, Version::V1, destination, source, &[], number, 4),
            PacketKind::Handshake => header::encode_handshake(writer, Version::V1, destination, source, number, 4),
            PacketKind::ZeroRtt => header::encode_zero_rtt(writer, Version::V1, destination, source, number, 4),
            PacketKind::OneRtt => header::encode_short(writer, destination, false, false, number, 4),
        };
        let layout = layout.expect("room for a header");
        packet[layout.header_len..layout.header_len + payload.len()].copy_from_slice(&payload);
        packet.truncate(layout.header_len + payload.len() + TAG_LEN);
        packet[0] |= first_byte & if kind == PacketKind::OneRtt { 0x18 } else { 0x0c };
        layout.finish(&mut packet);
        seal.seal(&mut packet, &layout, number).expect("few packets");
        Some(packet)
    }

    /// Gives the target a datagram, and takes what it answers.
    pub fn deliver(&mut self, mut datagram: Vec<u8>) {
        self.now += Duration::from_millis(1);
        self.to_target += datagram.len();
        let payload = &mut datagram[..];
        self.target.receive(self.now, Datagram { four_tuple: self.four_tuple, ecn: Ecn::NotEct, payload });
        self.pump();
    }

    /// Lets time pass.
    pub fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        let mut calls = 0;
        while let Some(deadline) = self.target.deadline().filter(|deadline| *deadline <= end) {
            calls += 1;
            assert!(calls < 10_000, "the target's deadline stays at {deadline:?}");
            self.now = self.now.max(deadline);
            self.target.on_timeout(self.now);
            self.pump();
        }
        self.now = end;
    }

    /// Takes the target's events and datagrams.
    pub fn pump(&mut self) {
        let mut buffer = vec![0; 65_536];
        for calls in 0.. {
            assert!(calls < 1000, "the target always has something to say");
            self.poll_events();
            let Some(sent) = self.target.transmit(self.now, &mut buffer) else { break };
            for datagram in buffer[..sent.len].chunks(sent.segment_size) {
                self.from_target += datagram.len();
                // RFC 9000 s8.1: a Handshake packet that opened shows that the address is the client's.
                let validated = self.side == Side::Server || self.spaces[1].next > 0;
                assert!(validated || self.from_target <= 3 * self.to_target, "amplification");
                self.take(datagram);
            }
        }
        self.poll_events();
    }

    fn poll_events(&mut self) {
        while let Some(handle) = self.target.poll_ready() {
            let ours = *self.handle.get_or_insert(handle) == handle;
            while let Some(event) = self.target.connection_mut(handle).and_then(|connection| connection.poll_event()) {
                if !ours {
                    continue;
                }
                assert!(!self.is_closed, "nothing happens after the close: {event:?}");
                match event {
                    Event::Closed(_) => self.is_closed = true,
                    Event::Stream(StreamEvent::Opened(id) | StreamEvent::Readable(id)) => {
                        self.streams.insert(id);
                    }
                    _ => {}
                }
            }
        }
    }

    /// Opens what can be opened of a datagram from the target.
    fn take(&mut self, datagram: &[u8]) {
        let mut bytes = datagram.to_vec();
        let mut rest = &mut bytes[..];
        while !rest.is_empty() {
            let Ok(decoded) = Header::decode(rest, self.source.len()) else { return };
            let (kind, offset, end) = match decoded {
                Header::Initial(long) => {
                    if self.side == Side::Client {
                        self.destination = long.source;
                    }
                    (PacketKind::Initial, long.packet_number_offset, long.end)
                }
                Header::Handshake(long) => (PacketKind::Handshake, long.packet_number_offset, long.end),
                Header::OneRtt(short) => (PacketKind::OneRtt, short.packet_number_offset, rest.len()),
                _ => return,
            };
            let (packet, after) = rest.split_at_mut(end);
            self.open(kind, packet, offset);
            rest = after;
        }
    }

    fn open(&mut self, kind: PacketKind, packet: &mut [u8], offset: usize) {
        let state = &mut self.spaces[space_of(kind) as usize];
        let Some((_, open)) = &mut state.keys else { return };
        let Ok(opened) = open.open(packet, offset, state.largest) else { return };
        assert!(state.largest < Some(opened.packet_number), "packet numbers increase");
        state.largest = Some(opened.packet_number);
        let payload = packet[opened.payload].to_vec();
        assert!(!payload.is_empty(), "a packet has frames");
        let mut reader = Reader::new(&payload);
        while !reader.is_empty() {
            let frame = Frame::decode(&mut reader).expect("the target writes frames well");
            assert!(frame.is_allowed_in(kind), "{frame:?} in {kind:?}");
            if let Frame::Crypto { offset, data } = frame {
                self.on_crypto(kind, offset, data);
            }
        }
    }

    fn on_crypto(&mut self, kind: PacketKind, offset: u64, data: &[u8]) {
        let level = match kind {
            PacketKind::Initial => Level::Initial,
            PacketKind::Handshake => Level::Handshake,
            _ => Level::OneRtt,
        };
        let state = &mut self.spaces[space_of(kind) as usize];
        state.crypto.on_crypto(offset, data).expect("the target's CRYPTO frames are in order");
        while let Some(bytes) = state.crypto.read() {
            // A script that lied may leave TLS with an error, which is its own affair.
            if self.session.read(level, &bytes, &mut self.random).is_err() {
                break;
            }
        }
        self.take_output();
    }

    fn take_output(&mut self) {
        while let Some(change) = self.session.poll_keys() {
            let (space, suite, local, remote) = match change {
                KeyChange::Handshake { suite, local, remote } => (PacketNumberSpace::Handshake, suite, local, remote),
                KeyChange::OneRtt { suite, local, remote } => {
                    (PacketNumberSpace::ApplicationData, suite, local, remote)
                }
                #[allow(unreachable_patterns)]
                _ => continue,
            };
            let keys = (SealKeys::new(suite, &local), OpenKeys::new(suite, &remote));
            self.spaces[space as usize].keys = Some(keys);
        }
        while let Some(output) = self.session.poll_output() {
            self.output.push(output);
        }
    }
}

fn space_of(kind: PacketKind) -> PacketNumberSpace {
    match kind {
        PacketKind::Initial => PacketNumberSpace::Initial,
        PacketKind::Handshake => PacketNumberSpace::Handshake,
        PacketKind::ZeroRtt | PacketKind::OneRtt => PacketNumberSpace::ApplicationData,
    }
}

pub fn encode(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = vec![0; frame.encoded_len()];
    frame.encode(&mut Writer::new(&mut bytes)).expect("a frame fits its own length");
    bytes
}
