//! A scripted peer: the other side of a real endpoint's handshake, able to send any frame in any packet at any moment.
//!
//! It keeps no rules. Keys come from a real TLS session, so what it sends is authentic; everything else is by hand.

use crate::support::tls_pair;
use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Reader, Side, VarInt, Writer};
use crypto::aead::TAG_LEN;
use quic::crypto_stream::CryptoStream;
use quic::protection::{OpenKeys, SealKeys, initial};
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::{Frame, PacketKind, encode_ack};
use quic::wire::header::{self, Header};
use quic::wire::packet_number::{PacketNumber, PacketNumberSpace};
use quic::wire::transport_parameters::TransportParameters;
use quic::wire::version::Version;
use quic::{CloseReason, Config, ConnectionHandle, Endpoint, EndpointConfig, Event, Violation};
use sim::SeededRandom;
use std::sync::{Arc, OnceLock};
use tls::{KeyChange, Level, Session};

pub const HERE: &str = "192.0.2.9:40000";
pub const THERE: &str = "192.0.2.1:443";

/// How far the handshake goes before the script takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// A client has sent nothing; a server has the target's ClientHello and has answered nothing.
    Begun,
    /// Both sides have Handshake keys: a client has read the server's flight, a server has sent its ServerHello.
    Keys,
    /// The target is established.
    Established,
}

/// What was sent to the target's connection and how.
#[derive(Clone, Copy, Debug)]
pub struct Tweak {
    pub first_byte: u8,
    pub number: Option<u64>,
    pub source: Option<ConnectionId>,
    pub destination: Option<ConnectionId>,
    pub token: &'static [u8],
}

pub const PLAIN: Tweak = Tweak { first_byte: 0, number: None, source: None, destination: None, token: &[] };

/// A packet from the target, opened.
#[derive(Clone, Debug)]
pub struct Received {
    pub kind: PacketKind,
    pub number: u64,
    pub payload: Vec<u8>,
}

/// What the target closed with: the packet type, the code, the frame type (`None` for type 0x1d), the reason.
pub type Close = (PacketKind, u64, Option<u64>, Vec<u8>);

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
    pub events: Vec<Event>,
    pub now: Instant,
    pub side: Side,
    pub source: ConnectionId,
    pub destination: ConnectionId,
    pub original: ConnectionId,
    pub received: Vec<Received>,
    /// Raw datagrams from the target, with the address they went to.
    pub datagrams: Vec<(FourTuple, Vec<u8>)>,
    /// Handshake bytes TLS wants to send.
    pub output: Vec<(Level, Vec<u8>)>,
    pub four_tuple: FourTuple,
    session: Option<Session>,
    random: SeededRandom,
    spaces: [SpaceState; 3],
}

type Tls = (Arc<tls::ClientConfig>, Arc<tls::ServerConfig>);

pub fn shared_tls() -> &'static Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    TLS.get_or_init(tls_pair)
}

/// What a script may choose before it begins.
pub struct Options {
    pub config: Config,
    pub source: ConnectionId,
    /// Changes the peer's transport parameters as bytes.
    pub parameters: fn(TransportParameters, Side) -> Vec<u8>,
    pub seed: u64,
    /// What the target's reset tokens are made of; drawn if `None`.
    pub reset_secret: Option<crypto::Secret>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            config: Config::default(),
            source: ConnectionId::new(&[0x77; 8]).unwrap(),
            parameters: |parameters, side| parameters.encode(side, 0),
            seed: 1,
            reset_secret: None,
        }
    }
}

/// Generous parameters, so that only what a script does on purpose is refused.
fn parameters(source: ConnectionId) -> TransportParameters {
    TransportParameters {
        initial_max_data: 1 << 20,
        initial_max_stream_data_bidi_local: 1 << 20,
        initial_max_stream_data_bidi_remote: 1 << 20,
        initial_max_stream_data_uni: 1 << 20,
        initial_max_streams_bidi: 100,
        initial_max_streams_uni: 100,
        active_connection_id_limit: 4,
        initial_source_connection_id: Some(source),
        max_idle_timeout: Duration::from_secs(30),
        ..TransportParameters::default()
    }
}

impl Peer {
    /// A peer whose target is of this side.
    pub fn against(target: Side, stage: Stage) -> Peer {
        Peer::with(target, stage, Options::default())
    }

    pub fn with(target: Side, stage: Stage, options: Options) -> Peer {
        let mut peer = match target {
            Side::Server => Peer::client(options),
            Side::Client => Peer::server(options),
        };
        peer.advance_to(stage);
        peer
    }

    fn client(options: Options) -> Peer {
        let provider = sim::seeded_provider();
        let (client, server) = shared_tls().clone();
        let mut config = EndpointConfig::new(provider, Arc::new(options.config), Some(server));
        config.reset_secret = options.reset_secret;
        let target = Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(options.seed)));
        let mut random = SeededRandom::new(options.seed + 1000);
        let bytes = (options.parameters)(parameters(options.source), Side::Client);
        let name = x509::ServerName::parse("localhost").unwrap();
        let session = Session::client(client, name, bytes, &mut random).unwrap();
        let original = ConnectionId::new(&base::random::array::<8>(&mut random)).unwrap();
        let mut peer = Peer::new(target, Side::Client, options.source, original, random);
        peer.session = Some(session);
        peer.take_output();
        peer
    }

    fn server(options: Options) -> Peer {
        let provider = sim::seeded_provider();
        let (client, server) = shared_tls().clone();
        let config = EndpointConfig::new(provider, Arc::new(options.config), None);
        let mut target = Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(options.seed)));
        let path = FourTuple { local: THERE.parse().unwrap(), remote: HERE.parse().unwrap() };
        let name = x509::ServerName::parse("localhost").unwrap();
        let handle = target.connect(Instant::ZERO, client, name, path).unwrap();
        let mut buffer = vec![0; 65_536];
        let sent = target.transmit(Instant::ZERO, &mut buffer).expect("a first packet");
        buffer.truncate(sent.len);
        let Header::Initial(long) = Header::decode(&buffer, 8).unwrap() else { panic!("no Initial") };
        let mut parameters = parameters(options.source);
        parameters.original_destination_connection_id = Some(long.destination);
        parameters.stateless_reset_token = Some(quic::wire::connection_id::ResetToken([0x5a; 16]));
        let session = Session::server(server, (options.parameters)(parameters, Side::Server));
        let random = SeededRandom::new(options.seed + 1000);
        let mut peer = Peer::new(target, Side::Server, options.source, long.destination, random);
        peer.destination = long.source;
        peer.session = Some(session);
        peer.handle = Some(handle);
        peer.take(path, buffer);
        peer.pump();
        peer
    }

    fn new(target: Endpoint, side: Side, source: ConnectionId, original: ConnectionId, random: SeededRandom) -> Peer {
        let space = || SpaceState { keys: None, next: 0, largest: None, crypto: CryptoStream::new(), crypto_sent: 0 };
        let mut spaces = [space(), space(), space()];
        spaces[0].keys = Some(initial::keys(sim::seeded_provider().initial, Version::V1, original, side));
        Peer {
            target,
            handle: None,
            events: Vec::new(),
            now: Instant::ZERO,
            side,
            source,
            destination: original,
            original,
            received: Vec::new(),
            datagrams: Vec::new(),
            output: Vec::new(),
            // As the target sees it.
            four_tuple: FourTuple { local: THERE.parse().unwrap(), remote: HERE.parse().unwrap() },
            session: None,
            random,
            spaces,
        }
    }

    pub fn advance_to(&mut self, stage: Stage) {
        match (self.side, stage) {
            (_, Stage::Begun) => {}
            (Side::Client, Stage::Keys) => self.send_crypto(Level::Initial),
            (Side::Client, Stage::Established) => {
                self.advance_to(Stage::Keys);
                self.send_crypto(Level::Handshake);
                assert!(self.events.contains(&Event::Established), "{:?}", self.events);
            }
            (Side::Server, Stage::Keys) => self.send_crypto(Level::Initial),
            (Side::Server, Stage::Established) => {
                self.advance_to(Stage::Keys);
                self.send_crypto(Level::Handshake);
                assert!(self.events.contains(&Event::Established), "{:?}", self.events);
            }
        }
    }

    /// Sends all handshake bytes of `level` that wait, in CRYPTO frames of a thousand bytes.
    pub fn send_crypto(&mut self, level: Level) {
        let bytes = self.take_crypto(level);
        let kind = kind_of(level);
        for piece in bytes.chunks(1000) {
            let offset = self.crypto_offset(kind, piece.len());
            self.send(kind, &encode(&Frame::Crypto { offset, data: piece }));
        }
    }

    /// Takes the handshake bytes of a level, for a script to send as it likes.
    pub fn take_crypto(&mut self, level: Level) -> Vec<u8> {
        let taken = self.output.iter().filter(|(of, _)| *of == level).flat_map(|(_, bytes)| bytes.clone()).collect();
        self.output.retain(|(of, _)| *of != level);
        taken
    }

    /// Where the next CRYPTO bytes begin, and counts `len` of them.
    pub fn crypto_offset(&mut self, kind: PacketKind, len: usize) -> u64 {
        let state = &mut self.spaces[space_of(kind) as usize];
        state.crypto_sent += len as u64;
        state.crypto_sent - len as u64
    }

    /// One packet with this payload, and nothing else in its datagram but the padding of a client's Initial.
    pub fn send(&mut self, kind: PacketKind, payload: &[u8]) {
        let datagram = self.padded_packet(kind, payload);
        self.deliver(datagram);
    }

    pub fn send_frame(&mut self, kind: PacketKind, frame: &Frame<'_>) {
        self.send(kind, &encode(frame));
    }

    /// A packet that fills a datagram if it is an Initial.
    pub fn padded_packet(&mut self, kind: PacketKind, payload: &[u8]) -> Vec<u8> {
        let mut payload = payload.to_vec();
        if kind == PacketKind::Initial && !payload.is_empty() {
            payload.resize(payload.len().max(1200), 0);
        }
        self.packet(kind, &payload, PLAIN)
    }

    pub fn has_keys(&self, kind: PacketKind) -> bool {
        self.spaces[space_of(kind) as usize].keys.is_some()
    }

    /// Goes on to the next generation of 1-RTT keys.
    pub fn update_keys(&mut self) {
        let (seal, _) = self.spaces[2].keys.as_mut().expect("1-RTT keys");
        seal.update();
    }

    /// A sealed packet.
    pub fn packet(&mut self, kind: PacketKind, payload: &[u8], tweak: Tweak) -> Vec<u8> {
        let mut packet = vec![0; payload.len() + 300];
        let space = &mut self.spaces[space_of(kind) as usize];
        let number = PacketNumber::new(tweak.number.unwrap_or(space.next)).unwrap();
        space.next = number.value() + 1;
        let (destination, source) =
            (tweak.destination.unwrap_or(self.destination), tweak.source.unwrap_or(self.source));
        let mut writer = Writer::new(&mut packet);
        let writer = &mut writer;
        let layout = match kind {
            PacketKind::Initial => {
                header::encode_initial(writer, Version::V1, destination, source, tweak.token, number, 4)
            }
            PacketKind::Handshake => header::encode_handshake(writer, Version::V1, destination, source, number, 4),
            PacketKind::ZeroRtt => header::encode_zero_rtt(writer, Version::V1, destination, source, number, 4),
            PacketKind::OneRtt => {
                let phase = space.keys.as_ref().is_some_and(|(seal, _)| seal.key_phase());
                header::encode_short(writer, destination, phase, false, number, 4)
            }
        };
        let layout = layout.unwrap();
        packet[layout.header_len..layout.header_len + payload.len()].copy_from_slice(payload);
        packet.truncate(layout.header_len + payload.len() + TAG_LEN);
        packet[0] |= tweak.first_byte;
        layout.finish(&mut packet);
        let (seal, _) = space.keys.as_mut().expect("keys for the packet");
        seal.seal(&mut packet, &layout, number).unwrap();
        packet
    }

    /// How long such a packet is, without counting it.
    pub fn packet_len(&mut self, kind: PacketKind, payload: &[u8]) -> usize {
        let next = self.spaces[space_of(kind) as usize].next;
        let len = self.padded_packet(kind, payload).len();
        self.spaces[space_of(kind) as usize].next = next;
        len
    }

    /// Another first destination, and its keys.
    pub fn rekey_initial(&mut self, destination: ConnectionId) {
        let keys = initial::keys(sim::seeded_provider().initial, Version::V1, destination, self.side);
        self.spaces[0].keys = Some(keys);
        self.original = destination;
    }

    /// From both sides having Handshake keys to the end.
    pub fn advance_from_keys(&mut self) {
        self.send_crypto(Level::Handshake);
        assert!(self.events.contains(&Event::Established), "{:?}", self.events);
    }

    /// The target's transport parameters.
    pub fn peer_parameters(&self) -> Vec<u8> {
        self.session.as_ref().unwrap().peer_transport_parameters().unwrap().to_vec()
    }

    /// Gives the target a datagram from this peer's address, and takes what it answers.
    pub fn deliver(&mut self, datagram: Vec<u8>) {
        self.deliver_from(self.four_tuple, datagram);
    }

    pub fn deliver_from(&mut self, four_tuple: FourTuple, mut datagram: Vec<u8>) {
        self.now += Duration::from_millis(1);
        let datagram = Datagram { four_tuple, ecn: Ecn::NotEct, payload: &mut datagram };
        self.target.receive(self.now, datagram);
        self.pump();
    }

    /// Lets time pass, with all that the target does in it.
    pub fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        let mut calls = 0;
        while let Some(deadline) = self.target.deadline().filter(|deadline| *deadline <= end) {
            calls += 1;
            assert!(calls < 100_000, "the target's deadline stays at {deadline:?}");
            self.now = self.now.max(deadline);
            self.target.on_timeout(self.now);
            self.pump();
        }
        self.now = end;
    }

    /// Takes the target's events and datagrams.
    pub fn pump(&mut self) {
        let mut buffer = vec![0; 65_536];
        loop {
            self.poll_events();
            let Some(sent) = self.target.transmit(self.now, &mut buffer) else { break };
            for datagram in buffer[..sent.len].chunks(sent.segment_size) {
                self.take(sent.four_tuple, datagram.to_vec());
            }
        }
        self.poll_events();
    }

    fn poll_events(&mut self) {
        while let Some(handle) = self.target.poll_ready() {
            self.handle.get_or_insert(handle);
            while let Some(event) = self.target.connection_mut(handle).and_then(|connection| connection.poll_event()) {
                self.events.push(event);
            }
        }
    }

    /// Opens what can be opened.
    fn take(&mut self, four_tuple: FourTuple, datagram: Vec<u8>) {
        let mut bytes = datagram.clone();
        self.datagrams.push((four_tuple, datagram));
        let len = bytes.len();
        let mut rest = &mut bytes[..];
        while !rest.is_empty() {
            let before = self.received.len();
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
            // RFC 9000 s14.1.
            if kind == PacketKind::Initial && self.received.get(before).is_some_and(|packet| self.asks_for_room(packet))
            {
                assert!(len >= 1200, "an Initial packet in a datagram of {len} bytes");
            }
        }
    }

    fn open(&mut self, kind: PacketKind, packet: &mut [u8], offset: usize) {
        let state = &mut self.spaces[space_of(kind) as usize];
        let Some((_, open)) = &mut state.keys else { return };
        let Ok(opened) = open.open(packet, offset, state.largest) else { return };
        state.largest = state.largest.max(Some(opened.packet_number));
        let payload = packet[opened.payload].to_vec();
        self.received.push(Received { kind, number: opened.packet_number.value(), payload: payload.clone() });
        let mut reader = Reader::new(&payload);
        while !reader.is_empty() {
            let frame = Frame::decode(&mut reader).expect("the target writes frames well");
            assert!(frame.is_allowed_in(kind), "{frame:?} in {kind:?}");
            if let Frame::Crypto { offset, data } = frame {
                self.on_crypto(kind, offset, data);
            }
        }
    }

    /// Whether an Initial packet has to be in a full datagram: any of a client, and those of a server that are to be
    /// acknowledged.
    fn asks_for_room(&self, packet: &Received) -> bool {
        let mut reader = Reader::new(&packet.payload);
        let mut asks = self.side == Side::Server;
        while !reader.is_empty() {
            asks |= Frame::decode(&mut reader).unwrap().is_ack_eliciting();
        }
        asks
    }

    fn on_crypto(&mut self, kind: PacketKind, offset: u64, data: &[u8]) {
        let level = match kind {
            PacketKind::Initial => Level::Initial,
            PacketKind::Handshake => Level::Handshake,
            _ => Level::OneRtt,
        };
        let state = &mut self.spaces[space_of(kind) as usize];
        state.crypto.on_crypto(offset, data).unwrap();
        let Some(session) = &mut self.session else { return };
        while let Some(bytes) = self.spaces[space_of(kind) as usize].crypto.read() {
            // A script that lied in the handshake may leave TLS with an error, which is its own affair.
            if session.read(level, &bytes, &mut self.random).is_err() {
                break;
            }
        }
        self.take_output();
    }

    fn take_output(&mut self) {
        let session = self.session.as_mut().unwrap();
        while let Some(change) = session.poll_keys() {
            let (space, suite, local, remote) = match change {
                KeyChange::Handshake { suite, local, remote } => (PacketNumberSpace::Handshake, suite, local, remote),
                KeyChange::OneRtt { suite, local, remote } => {
                    (PacketNumberSpace::ApplicationData, suite, local, remote)
                }
            };
            let keys = (SealKeys::new(suite, &local), OpenKeys::new(suite, &remote));
            self.spaces[space as usize].keys = Some(keys);
        }
        while let Some(output) = session.poll_output() {
            self.output.push(output);
        }
    }

    /// Every frame received so far, as `each` likes them.
    pub fn frames<T>(&self, mut each: impl FnMut(PacketKind, &Frame<'_>) -> Option<T>) -> Vec<T> {
        let mut out = Vec::new();
        for packet in &self.received {
            let mut reader = Reader::new(&packet.payload);
            while !reader.is_empty() {
                out.extend(each(packet.kind, &Frame::decode(&mut reader).unwrap()));
            }
        }
        out
    }

    /// All closes received.
    pub fn closes(&self) -> Vec<Close> {
        self.frames(|kind, frame| match frame {
            Frame::ConnectionClose { error_code, frame_type, reason } => {
                Some((kind, error_code.value(), Some(*frame_type), reason.to_vec()))
            }
            Frame::ApplicationClose { error_code, reason } => Some((kind, error_code.value(), None, reason.to_vec())),
            _ => None,
        })
    }

    /// How the target's connection ended, if it did.
    pub fn reason(&self) -> Option<&CloseReason> {
        self.events.iter().find_map(|event| match event {
            Event::Closed(reason) => Some(reason),
            _ => None,
        })
    }

    /// The violation the target closed for, after checking that the peer was told the same.
    #[track_caller]
    pub fn violation(&self) -> Option<(Violation, u64)> {
        match self.reason()? {
            CloseReason::Violation { violation, frame_type } => {
                let closes = self.closes();
                let told = (violation.code().0, Some(*frame_type));
                assert!(!closes.is_empty(), "{violation:?} without a close");
                assert!(closes.iter().all(|close| (close.1, close.2) == told), "{violation:?} but told {closes:?}");
                Some((*violation, *frame_type))
            }
            other => panic!("closed for another reason: {other:?}"),
        }
    }

    /// The code the target closed with because TLS failed, after checking that the peer was told the same.
    #[track_caller]
    pub fn tls_code(&self) -> Option<u64> {
        let Some(CloseReason::Tls(error)) = self.reason() else { return None };
        let closes = self.closes();
        assert!(!closes.is_empty(), "{error:?} without a close");
        assert!(closes.iter().all(|close| (close.1, close.2) == (error.quic_code(), Some(0x06))), "{closes:?}");
        Some(error.quic_code())
    }

    /// The numbers the target sent in a space.
    pub fn numbers(&self, kind: PacketKind) -> Vec<u64> {
        self.received.iter().filter(|packet| packet.kind == kind).map(|packet| packet.number).collect()
    }

    pub fn connection(&mut self) -> &mut quic::Connection {
        self.target.connection_mut(self.handle.expect("a connection")).expect("the connection is there")
    }

    /// Whether the target still has its connection, open.
    pub fn is_open(&self) -> bool {
        self.handle.and_then(|handle| self.target.connection(handle)).is_some_and(|connection| connection.is_open())
    }

    /// Acknowledges everything up to `largest` in one range.
    pub fn acknowledge(&mut self, kind: PacketKind, first: u64, largest: u64) {
        let mut payload = vec![0x02];
        push(&mut payload, largest);
        payload.extend([0, 0]);
        push(&mut payload, largest - first);
        self.send(kind, &payload);
    }
}

impl Peer {
    /// Acknowledges all that was received, as an honest peer does.
    pub fn acknowledge_all(&mut self, kind: PacketKind) {
        let mut numbers = self.numbers(kind);
        numbers.sort_unstable();
        numbers.dedup();
        let Some(largest) = numbers.last().copied() else { return };
        let ranges = numbers.chunk_by(|one, next| next - one == 1).rev().map(|run| run[0]..=run[run.len() - 1]);
        let ranges: Vec<_> = ranges.take(64).collect();
        let mut payload = vec![0; 1000];
        let mut writer = Writer::new(&mut payload);
        encode_ack(&mut writer, PacketNumber::new(largest).unwrap(), 0, ranges.into_iter(), None).unwrap();
        let len = writer.position();
        self.send(kind, &payload[..len]);
    }
}

pub fn space_of(kind: PacketKind) -> PacketNumberSpace {
    match kind {
        PacketKind::Initial => PacketNumberSpace::Initial,
        PacketKind::Handshake => PacketNumberSpace::Handshake,
        PacketKind::ZeroRtt | PacketKind::OneRtt => PacketNumberSpace::ApplicationData,
    }
}

fn kind_of(level: Level) -> PacketKind {
    match level {
        Level::Initial => PacketKind::Initial,
        Level::Handshake => PacketKind::Handshake,
        Level::EarlyData | Level::OneRtt => PacketKind::OneRtt,
    }
}

pub fn encode(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = vec![0; frame.encoded_len()];
    frame.encode(&mut Writer::new(&mut bytes)).unwrap();
    bytes
}

/// Appends a variable-length integer.
pub fn push(bytes: &mut Vec<u8>, value: u64) {
    base::writer::push_varint(bytes, VarInt::new(value).unwrap());
}
