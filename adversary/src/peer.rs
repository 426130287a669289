//! The scripted peer: the handshake as far as it is wanted, packets of any content, and the target's answers.

use crate::frames::encode;
use crate::identity;
use crate::options::{HERE, Options, PLAIN, Stage, THERE, Tweak};
use crate::spaces::{Received, Spaces};
use crate::work;
use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Reader, Side, Writer};
use quic::protection::retry_integrity;
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::{Frame, PacketKind};
use quic::wire::header::{self, Header};
use quic::wire::version::Version;
use quic::{ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event};
use sim::SeededRandom;
use std::sync::Arc;
use tls::{Level, Session};

/// Calls of `transmit` at one moment, each giving up to 64 KiB. More than any window here, and than a server has handshakes in
/// progress, each of which may have something to say at the same moment.
const MAX_TRANSMITS: usize = 5_000;
const MAX_TIMEOUTS: usize = 100_000;

/// A peer and its target.
pub struct Peer {
    /// The endpoint under test.
    pub target: Endpoint,
    /// The target's connection with this peer, once the target has spoken of it.
    pub handle: Option<ConnectionHandle>,
    /// What the target told its application about this connection.
    pub events: Vec<Event>,
    /// Each datagram takes a millisecond.
    pub now: Instant,
    /// The peer's own.
    pub side: Side,
    /// The peer's connection ID.
    pub source: ConnectionId,
    /// The target's connection ID.
    pub destination: ConnectionId,
    /// The client's first Destination Connection ID.
    pub original: ConnectionId,
    /// Packets from the target, opened.
    pub received: Vec<Received>,
    /// Raw datagrams from the target, with the address they went to.
    pub datagrams: Vec<(FourTuple, Vec<u8>)>,
    /// The path, as the target sees it.
    pub four_tuple: FourTuple,
    /// Whether `received` and `datagrams` grow.
    pub keeps: bool,
    /// The target knows the peer's address, because of a token.
    pub is_known: bool,
    /// Handshake bytes TLS wants to send.
    output: Vec<(Level, Vec<u8>)>,
    session: Session,
    random: SeededRandom,
    spaces: Spaces,
    buffer: Vec<u8>,
    /// Bytes to and from the target, for as long as the peer's address is not validated.
    to_target: usize,
    from_target: usize,
}

impl Peer {
    /// A peer whose target is of this side.
    pub fn against(target: Side, stage: Stage) -> Peer {
        Peer::with(target, stage, Options::default())
    }

    /// The same, with a choice.
    #[allow(clippy::needless_pass_by_value, reason = "most scripts write their options in place")]
    pub fn with(target: Side, stage: Stage, options: Options) -> Peer {
        let mut peer = match target {
            Side::Server => Peer::client(&options),
            Side::Client => Peer::server(&options),
        };
        peer.advance_to(stage);
        peer
    }

    fn client(options: &Options) -> Peer {
        let (client, server) = options.identity.clone();
        let mut config = EndpointConfig::new(work::provider(), Arc::new(options.config.clone()), Some(server));
        (options.endpoint)(&mut config);
        let target = Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(options.seed)));
        let mut random = SeededRandom::new(options.seed + 1000);
        let bytes = (options.parameters)(options.generous_parameters(), Side::Client);
        let session = tls::quic::client_with_early_data(client, identity::server_name(), bytes, &mut random);
        let session = session.unwrap();
        let original = ConnectionId::new(&base::random::array::<8>(&mut random)).unwrap();
        let mut peer = Peer::new(target, Side::Client, original, session, random, options);
        peer.take_output();
        peer
    }

    fn server(options: &Options) -> Peer {
        let (client, server) = options.identity.clone();
        let mut config = EndpointConfig::new(work::provider(), Arc::new(options.config.clone()), None);
        (options.endpoint)(&mut config);
        let mut target = Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(options.seed)));
        let handle = target.connect(Instant::ZERO, client, identity::server_name(), path()).unwrap();
        let mut buffer = vec![0; 65_536];
        let sent = target.transmit(Instant::ZERO, &mut buffer).expect("a first packet");
        buffer.truncate(sent.len);
        let Ok(Header::Initial(long)) = Header::decode_greased(&buffer, options.source.len()) else {
            panic!("no Initial")
        };
        let mut parameters = options.generous_parameters();
        parameters.original_destination_connection_id = Some(long.destination);
        parameters.stateless_reset_token = Some(ResetToken([0x5a; 16]));
        let parameters = (options.parameters)(parameters, Side::Server);
        // Early data is taken whatever was promised, and whatever the parameters are.
        let session = tls::quic::server_with_early_data(server, parameters, b"");
        let random = SeededRandom::new(options.seed + 1000);
        let mut peer = Peer::new(target, Side::Server, long.destination, session, random, options);
        peer.destination = long.source;
        peer.handle = Some(handle);
        buffer.chunks(sent.segment_size).for_each(|datagram| peer.take(path(), datagram));
        peer.pump();
        peer
    }

    fn new(
        target: Endpoint,
        side: Side,
        original: ConnectionId,
        session: Session,
        random: SeededRandom,
        options: &Options,
    ) -> Peer {
        Peer {
            target,
            handle: None,
            events: Vec::new(),
            now: Instant::ZERO,
            side,
            source: options.source,
            destination: original,
            original,
            received: Vec::new(),
            datagrams: Vec::new(),
            four_tuple: path(),
            keeps: options.keeps,
            is_known: false,
            output: Vec::new(),
            session,
            random,
            spaces: Spaces::new(side, original),
            buffer: vec![0; 65_536],
            to_target: 0,
            from_target: 0,
        }
    }

    /// Sends what an honest peer would, up to this stage.
    #[track_caller]
    pub fn advance_to(&mut self, stage: Stage) {
        if stage >= Stage::Keys {
            self.send_crypto(Level::Initial);
        }
        if stage == Stage::Established {
            self.advance_from_keys();
        }
    }

    /// From both sides having Handshake keys to the end.
    #[track_caller]
    pub fn advance_from_keys(&mut self) {
        self.send_crypto(Level::Handshake);
        assert!(self.events.contains(&Event::Established), "{:?}", self.events);
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

    /// Of a server whose target is established: gives its tickets.
    pub fn send_tickets(&mut self) {
        self.session.send_tickets(&mut self.random).unwrap();
        self.take_output();
        self.send_crypto(Level::OneRtt);
    }

    /// Takes the handshake bytes of a level, for a script to send as it likes.
    pub fn take_crypto(&mut self, level: Level) -> Vec<u8> {
        let taken = self.output.iter().filter(|(of, _)| *of == level).flat_map(|(_, bytes)| bytes.clone()).collect();
        self.output.retain(|(of, _)| *of != level);
        taken
    }

    /// Where the next CRYPTO bytes begin, and counts `len` of them.
    pub fn crypto_offset(&mut self, kind: PacketKind, len: usize) -> u64 {
        self.spaces.crypto_offset(kind, len)
    }

    /// One packet with this payload, and nothing else in its datagram but the padding of an Initial.
    pub fn send(&mut self, kind: PacketKind, payload: &[u8]) {
        let datagram = self.padded_packet(kind, payload);
        self.deliver(datagram);
    }

    /// A packet of one frame.
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

    /// A sealed packet, counted as sent.
    pub fn packet(&mut self, kind: PacketKind, payload: &[u8], tweak: Tweak) -> Vec<u8> {
        let ids = (tweak.destination.unwrap_or(self.destination), tweak.source.unwrap_or(self.source));
        self.spaces.seal(kind, ids, payload, tweak)
    }

    /// How long such a packet is, without counting it.
    pub fn packet_len(&mut self, kind: PacketKind, payload: &[u8]) -> usize {
        let next = self.spaces.next(kind);
        let len = self.padded_packet(kind, payload).len();
        self.spaces.set_next(kind, next);
        len
    }

    /// Whether packets of this type can be sealed and opened.
    pub fn has_keys(&self, kind: PacketKind) -> bool {
        self.spaces.has_keys(kind)
    }

    /// Goes on to the next generation of 1-RTT keys.
    pub fn update_keys(&mut self) {
        self.spaces.update_keys();
    }

    /// Another first destination, and its keys.
    pub fn rekey_initial(&mut self, destination: ConnectionId) {
        self.spaces.rekey_initial(self.side, destination);
        self.original = destination;
    }

    /// A Retry packet that answers the target's first Initial, with the tag that belongs to it (RFC 9001 section 5.8).
    pub fn retry_packet(&self, source: ConnectionId, token: &[u8]) -> Vec<u8> {
        let mut packet = vec![0; 100 + token.len()];
        let mut writer = Writer::new(&mut packet);
        header::encode_retry(&mut writer, Version::V1, 0x0f, self.destination, source, token)
            .expect("room for a Retry");
        let len = writer.position();
        packet.truncate(len);
        let tag = retry_integrity::tag(sim::seeded_provider().initial, Version::V1, self.original, &packet);
        packet.extend(tag);
        packet
    }

    /// Asks the target to begin again, with another ID of this peer and a token, and goes on with the keys of that ID.
    pub fn retry(&mut self, source: ConnectionId, token: &[u8]) {
        let packet = self.retry_packet(source, token);
        self.spaces.on_retry(self.side, source);
        self.deliver(packet);
    }

    /// The packet number that the next packet of this type has.
    pub fn next_number(&self, kind: PacketKind) -> u64 {
        self.spaces.next(kind)
    }

    /// The largest packet number that came from the target.
    pub fn largest(&self, kind: PacketKind) -> Option<u64> {
        self.spaces.largest(kind)
    }

    /// The target's transport parameters.
    pub fn peer_parameters(&self) -> Vec<u8> {
        self.session.peer_parameters().unwrap().to_vec()
    }

    /// Gives the target a datagram from this peer's address, and takes what it answers.
    pub fn deliver(&mut self, datagram: Vec<u8>) {
        self.deliver_from(self.four_tuple, datagram);
    }

    /// The same, from any address.
    pub fn deliver_from(&mut self, four_tuple: FourTuple, mut datagram: Vec<u8>) {
        self.now += Duration::from_millis(1);
        self.to_target += datagram.len();
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
            assert!(calls < MAX_TIMEOUTS, "the target's deadline stays at {deadline:?}");
            self.now = self.now.max(deadline);
            self.target.on_timeout(self.now);
            self.pump();
        }
        self.now = end;
    }

    /// Takes the target's events and datagrams, and holds it to what must stand whatever a peer does: its frames can be
    /// read and are in packets that may have them, packet numbers increase, an address that is not validated gets no more
    /// than three times what came from it, nothing happens after the close, and it comes to an end.
    pub fn pump(&mut self) {
        let mut buffer = core::mem::take(&mut self.buffer);
        for calls in 0.. {
            assert!(calls < MAX_TRANSMITS, "the target always has something to say");
            self.poll_events();
            let Some(sent) = self.target.transmit(self.now, &mut buffer) else { break };
            for datagram in buffer[..sent.len].chunks(sent.segment_size) {
                self.take(sent.four_tuple, datagram);
            }
        }
        self.poll_events();
        self.buffer = buffer;
    }

    fn poll_events(&mut self) {
        while let Some(event) = self.target.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            let ours = *self.handle.get_or_insert(handle) == handle;
            while let Some(event) = self.target.connection_mut(handle).and_then(|connection| connection.poll_event()) {
                if ours {
                    let is_closed = matches!(self.events.last(), Some(Event::Closed(_)));
                    assert!(!is_closed, "nothing happens after the close: {event:?}");
                    self.events.push(event);
                }
            }
        }
    }

    /// Opens what can be opened.
    fn take(&mut self, four_tuple: FourTuple, datagram: &[u8]) {
        self.from_target += datagram.len();
        // RFC 9000 s8.1: a Handshake packet that opened shows that the address is the client's.
        let is_validated = self.is_known || self.side == Side::Server || self.spaces.next(PacketKind::Handshake) > 0;
        assert!(is_validated || self.from_target <= 3 * self.to_target, "amplification");
        if self.keeps {
            self.datagrams.push((four_tuple, datagram.to_vec()));
        }
        let mut bytes = datagram.to_vec();
        let mut rest = &mut bytes[..];
        while !rest.is_empty() {
            let Ok(decoded) = Header::decode_greased(rest, self.source.len()) else { return };
            let (kind, offset, end) = match decoded {
                Header::Initial(long) => {
                    if self.side == Side::Client {
                        self.destination = long.source;
                    }
                    (PacketKind::Initial, long.packet_number_offset, long.end)
                }
                Header::ZeroRtt(long) => (PacketKind::ZeroRtt, long.packet_number_offset, long.end),
                Header::Handshake(long) => (PacketKind::Handshake, long.packet_number_offset, long.end),
                Header::OneRtt(short) => (PacketKind::OneRtt, short.packet_number_offset, rest.len()),
                _ => return,
            };
            let (packet, after) = rest.split_at_mut(end);
            if let Some(received) = self.spaces.open(kind, packet, offset) {
                self.on_packet(received, datagram.len());
            }
            rest = after;
        }
    }

    fn on_packet(&mut self, received: Received, datagram_len: usize) {
        let kind = received.kind;
        // Those of a server have to fill a datagram only if they are to be acknowledged.
        let mut asks_for_room = self.side == Side::Server;
        let mut reader = Reader::new(&received.payload);
        while !reader.is_empty() {
            let frame = Frame::decode(&mut reader).expect("the target writes frames well");
            assert!(frame.is_allowed_in(kind), "{frame:?} in {kind:?}");
            asks_for_room |= frame.is_ack_eliciting();
            if let Frame::Crypto { offset, data } = frame {
                self.on_crypto(kind, offset, data);
            }
        }
        // RFC 9000 s14.1.
        let is_small = kind == PacketKind::Initial && asks_for_room && datagram_len < 1200;
        assert!(!is_small, "an Initial packet in a datagram of {datagram_len} bytes");
        if self.keeps {
            self.received.push(received);
        }
    }

    fn on_crypto(&mut self, kind: PacketKind, offset: u64, data: &[u8]) {
        let level = match kind {
            PacketKind::Initial => Level::Initial,
            PacketKind::Handshake => Level::Handshake,
            _ => Level::OneRtt,
        };
        let bytes = self.spaces.on_crypto(kind, offset, data);
        // A script that lied in the handshake may leave TLS with an error, which is its own affair.
        let _ = self.session.read(level, &bytes, &mut self.random);
        self.take_output();
    }

    fn take_output(&mut self) {
        while let Some(change) = self.session.poll_keys() {
            self.spaces.install(change);
        }
        while let Some(output) = self.session.poll_output() {
            self.output.push(output);
        }
    }

    /// The target's connection.
    #[track_caller]
    pub fn connection(&mut self) -> &mut quic::Connection {
        self.target.connection_mut(self.handle.expect("a connection")).expect("the connection is there")
    }

    /// Whether the target still has its connection, open.
    pub fn is_open(&self) -> bool {
        self.handle.and_then(|handle| self.target.connection(handle)).is_some_and(|connection| connection.is_open())
    }
}

fn path() -> FourTuple {
    FourTuple { local: THERE.parse().unwrap(), remote: HERE.parse().unwrap() }
}

fn kind_of(level: Level) -> PacketKind {
    match level {
        Level::Initial => PacketKind::Initial,
        Level::Handshake => PacketKind::Handshake,
        Level::EarlyData | Level::OneRtt => PacketKind::OneRtt,
    }
}
