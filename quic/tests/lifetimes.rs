//! The life of a connection in its endpoint, from beginning to end: each end is told once and in order, the value that the
//! layer above keeps comes back, and nothing stays behind. And what the application is told when all it wrote has arrived.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

use base::{Bytes, Datagram, Direction, Duration, Ecn, FourTuple, Instant, Machine, StreamId, VarInt};
use quic::Held;
use quic::Read;
use quic::{CloseReason, Config, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, StreamEvent};
use sim::SeededRandom;
use std::rc::Rc;
use std::sync::Arc;

/// What the layer above keeps: a mark, and something whose owners can be counted.
#[derive(Default)]
struct Kept {
    mark: u32,
    counted: Option<Rc<()>>,
}

/// What an endpoint said of its connections.
#[derive(Debug, PartialEq)]
enum Said {
    Event(ConnectionHandle, Event),
    Drained(ConnectionHandle, u32),
}

/// An endpoint on virtual time, and all that it said.
struct Side {
    endpoint: Endpoint<Kept>,
    said: Vec<Said>,
    buffer: Vec<u8>,
    /// Datagrams to nobody.
    is_cut: bool,
}

impl Side {
    fn new(seed: u64, config: &Config, tls: Option<Arc<tls::ServerConfig>>) -> Side {
        let mut config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config.clone()), tls);
        config.reset_secret = Some(crypto::Secret::new(&[9; 32]));
        let endpoint = Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(seed)));
        Side { endpoint, said: Vec::new(), buffer: vec![0; 65_536], is_cut: false }
    }

    /// Asks for what happened; whether there was something.
    fn listen(&mut self) -> bool {
        let before = self.said.len();
        while let Some(event) = self.endpoint.poll_event() {
            match event {
                EndpointEvent::Ready(handle) => {
                    let connection = self.endpoint.connection_mut(handle).expect("who is ready is there");
                    self.said
                        .extend(std::iter::from_fn(|| connection.poll_event()).map(|event| Said::Event(handle, event)));
                }
                EndpointEvent::Drained(handle, kept) => {
                    assert!(self.endpoint.connection(handle).is_none() && self.endpoint.value(handle).is_none());
                    self.said.push(Said::Drained(handle, kept.mark));
                }
            }
        }
        self.said.len() > before
    }

    /// Gives the other side what there is to send; whether there was something.
    fn carry(&mut self, now: Instant, other: &mut Side) -> bool {
        let mut is_sent = false;
        while let Some(sent) = self.endpoint.transmit(now, &mut self.buffer) {
            is_sent = true;
            let FourTuple { local, remote } = sent.four_tuple;
            for datagram in self.buffer[..sent.len].chunks_mut(sent.segment_size) {
                if !self.is_cut {
                    let four_tuple = FourTuple { local: remote, remote: local };
                    other.endpoint.receive(now, Datagram { four_tuple, ecn: Ecn::NotEct, payload: datagram });
                }
            }
        }
        is_sent
    }

    /// What was said of a connection.
    fn of(&self, handle: ConnectionHandle) -> Vec<&Said> {
        let about = |said: &&Said| matches!(said, Said::Event(of, _) | Said::Drained(of, _) if *of == handle);
        self.said.iter().filter(about).collect()
    }

    /// The end of a connection: told once, then its value, then nothing.
    #[track_caller]
    fn end_of(&self, handle: ConnectionHandle, mark: u32) -> CloseReason {
        let said = self.of(handle);
        let closed = |said: &&&Said| matches!(said, Said::Event(_, Event::Closed(_)));
        assert_eq!(said.iter().filter(closed).count(), 1, "{said:?}");
        match &said[said.len() - 2..] {
            [Said::Event(_, Event::Closed(reason)), Said::Drained(_, known)] if *known == mark => reason.clone(),
            other => panic!("{other:?}"),
        }
    }
}

struct Pair {
    now: Instant,
    client: Side,
    server: Side,
    port: u16,
}

impl Pair {
    fn new(client: &Config, server: &Config) -> Pair {
        let tls = adversary::identity::pair().1.clone();
        Pair {
            now: Instant::ZERO,
            client: Side::new(1, client, None),
            server: Side::new(2, server, Some(tls)),
            port: 999,
        }
    }

    fn connect(&mut self, mark: u32) -> ConnectionHandle {
        self.port += 1;
        let path = FourTuple { local: ([192, 0, 2, 1], self.port).into(), remote: ([192, 0, 2, 2], 443).into() };
        let (tls, name) = (adversary::identity::pair().0.clone(), adversary::identity::server_name());
        let handle = self.client.endpoint.connect(self.now, tls, name, path).unwrap();
        self.client.endpoint.value_mut(handle).unwrap().mark = mark;
        handle
    }

    /// Until nothing happens any more at this moment.
    fn settle(&mut self) {
        loop {
            let sent = self.client.carry(self.now, &mut self.server) | self.server.carry(self.now, &mut self.client);
            if !(self.client.listen() | self.server.listen() | sent) {
                return;
            }
        }
    }

    /// Lets time pass, timer by timer. How many there were.
    fn wait(&mut self, span: Duration) -> usize {
        let (end, mut timers) = (self.now + span, 0);
        self.settle();
        loop {
            let deadlines = [self.client.endpoint.deadline(), self.server.endpoint.deadline()];
            let Some(next) = deadlines.into_iter().flatten().min().filter(|next| *next <= end) else { break };
            timers += 1;
            assert!(timers < 100_000, "a timer goes off again and again at {next:?}");
            self.now = self.now.max(next);
            self.client.endpoint.on_timeout(self.now);
            self.server.endpoint.on_timeout(self.now);
            self.settle();
        }
        self.now = end;
        timers
    }

    /// The server's connection that began last; it gets a mark.
    fn accepted(&mut self, mark: u32) -> ConnectionHandle {
        let latest = self.server.said.iter().rev().find_map(|said| match said {
            Said::Event(handle, Event::Established) => Some(*handle),
            _ => None,
        });
        let handle = latest.expect("the server has a connection");
        self.server.endpoint.value_mut(handle).unwrap().mark = mark;
        handle
    }

    fn established(&mut self) -> (ConnectionHandle, ConnectionHandle) {
        let client = self.connect(7);
        self.settle();
        (client, self.accepted(8))
    }
}

fn code(code: u32) -> VarInt {
    VarInt::from_u32(code)
}

/// Long enough for any connection to be over.
const LONG: Duration = Duration::from_secs(120);

#[test]
fn each_way_to_end_is_told_once_and_gives_the_value_back() {
    // Closed by one side: it closes, the other drains.
    let mut pair = Pair::new(&Config::default(), &Config::default());
    let (client, server) = pair.established();
    pair.client.endpoint.connection_mut(client).unwrap().close(pair.now, code(5), b"enough");
    pair.settle();
    let told_at_once = pair.client.of(client);
    assert_eq!(told_at_once.last(), Some(&&Said::Event(client, Event::Closed(CloseReason::Local { code: code(5) }))));
    assert!(pair.client.endpoint.value(client).is_some(), "it is kept while it closes");
    pair.wait(LONG);
    assert_eq!(pair.client.end_of(client, 7), CloseReason::Local { code: code(5) });
    let by_peer = CloseReason::PeerApplication { code: code(5), reason: "enough".into() };
    assert_eq!(pair.server.end_of(server, 8), by_peer);
    assert!(pair.client.endpoint.is_empty() && pair.server.endpoint.is_empty());
    assert!(pair.client.endpoint.deadline().is_none() && pair.server.endpoint.deadline().is_none());

    // Silence on both sides.
    let (client, server) = pair.established();
    (pair.client.is_cut, pair.server.is_cut) = (true, true);
    pair.wait(LONG);
    assert!(matches!(pair.client.end_of(client, 7), CloseReason::IdleTimeout(_)));
    assert!(matches!(pair.server.end_of(server, 8), CloseReason::IdleTimeout(_)));

    // A handshake without an answer.
    let client = pair.connect(9);
    pair.wait(LONG);
    assert!(matches!(pair.client.end_of(client, 9), CloseReason::HandshakeTimeout(_)));

    // Closed before it was established.
    let client = pair.connect(10);
    pair.client.endpoint.connection_mut(client).unwrap().close(pair.now, code(1), b"");
    pair.wait(LONG);
    assert_eq!(pair.client.end_of(client, 10), CloseReason::Local { code: code(1) });
    (pair.client.is_cut, pair.server.is_cut) = (false, false);

    // A handshake that fails: the client does not know who signed the server's certificate.
    let trusting_nobody = adversary::identity::pair_of(b"other").0;
    let path = FourTuple { local: ([192, 0, 2, 1], 9).into(), remote: ([192, 0, 2, 2], 443).into() };
    let name = adversary::identity::server_name();
    let client = pair.client.endpoint.connect(pair.now, trusting_nobody, name, path).unwrap();
    let before = pair.server.said.len();
    pair.wait(LONG);
    assert!(matches!(pair.client.end_of(client, 0), CloseReason::PeerTransport { .. } | CloseReason::Tls(_)));
    // The server's handle is not known before; what it says of it is an end and a value.
    let ends = pair.server.said[before..].iter().filter(|said| matches!(said, Said::Drained(_, 0))).count();
    assert_eq!(ends, 1, "{:?}", &pair.server.said[before..]);

    // The peer has lost everything, and resets.
    let (client, _) = pair.established();
    pair.server = Side::new(2, &Config::default(), Some(adversary::identity::pair().1.clone()));
    let connection = pair.client.endpoint.connection_mut(client).unwrap();
    let id = connection.open(Direction::Bidirectional).unwrap();
    connection.write(id, &mut Bytes::from(vec![1; 100])).unwrap();
    pair.wait(LONG);
    assert!(matches!(pair.client.end_of(client, 7), CloseReason::StatelessReset));
    assert!(pair.client.endpoint.is_empty() && pair.server.endpoint.is_empty());
}

/// The server has lost a connection whose handshake the client has completed and the server has not: it was started anew, or it has given
/// the handshake up while nothing of the client came through. All that the client sends then begins with a Handshake packet.
/// RFC 9000 section 10.3.
#[test]
fn a_handshake_that_only_the_client_has_completed_is_reset() {
    let seconds = Duration::from_secs;
    for is_started_anew in [true, false] {
        let mut pair = Pair::new(&Config::default(), &Config::default());
        let client = pair.connect(7);
        pair.client.carry(pair.now, &mut pair.server);
        pair.server.carry(pair.now, &mut pair.client);
        pair.client.listen();
        assert!(pair.client.of(client).contains(&&Said::Event(client, Event::Established)));
        pair.client.is_cut = true;
        pair.wait(seconds(11));
        let server = Config::default().handshake_timeout;
        assert!(server == seconds(10) && pair.server.endpoint.is_empty(), "it has given up");
        if is_started_anew {
            pair.server = Side::new(2, &Config::default(), Some(adversary::identity::pair().1.clone()));
        }
        pair.client.is_cut = false;
        // The next probe is at most as far away as the one before.
        pair.wait(seconds(12));
        assert_eq!(pair.client.end_of(client, 7), CloseReason::StatelessReset);
        assert!(pair.client.endpoint.is_empty() && pair.server.endpoint.is_empty());
    }
}

/// Handshake packets to an ID that cannot be the server's are not answered, and neither are those that a client gets.
#[test]
fn handshake_packets_of_nobody_are_not_answered() {
    let server = Side::new(2, &Config::default(), Some(adversary::identity::pair().1.clone()));
    let client = Side::new(1, &Config::default(), None);
    for (mut side, id_len, is_answered) in [(server, 8, true), (client, 8, false)] {
        for id_len in [id_len, id_len - 1, id_len + 1] {
            let mut payload = vec![0; 100];
            payload[..6].copy_from_slice(&[0xe0, 0, 0, 0, 1, id_len]);
            let length = 6 + usize::from(id_len) + 1;
            let rest = (100 - length - 2) as u8;
            payload[length..length + 2].copy_from_slice(&[0x40, rest]);
            let four_tuple = FourTuple { local: ([192, 0, 2, 2], 443).into(), remote: ([192, 0, 2, 1], 999).into() };
            let datagram = Datagram { four_tuple, ecn: Ecn::NotEct, payload: &mut payload };
            side.endpoint.receive(Instant::ZERO, datagram);
            let answer = side.endpoint.transmit(Instant::ZERO, &mut side.buffer);
            assert_eq!(answer.map(|sent| sent.len), (is_answered && id_len == 8).then_some(42));
        }
    }
}

/// A client that begins and says no more, and one that goes on asking and never completes: a server keeps either of them for as long as
/// its own setting says, whatever the client's is, and tells of the end like of any other.
#[test]
fn a_handshake_that_stops_is_kept_for_as_long_as_the_server_has_set() {
    let seconds = Duration::from_secs;
    for (timeout, goes_on) in [(1, false), (3, false), (3, true), (20, true)] {
        let patient = Config { handshake_timeout: seconds(60), max_idle_timeout: seconds(60), ..Config::default() };
        let server = Config { handshake_timeout: seconds(timeout), max_idle_timeout: seconds(60), ..Config::default() };
        let mut pair = Pair::new(&patient, &server);
        pair.connect(1);
        pair.client.carry(pair.now, &mut pair.server);
        // The server's answers are lost; so is all that the client says from now on, or it says the first thing again and again.
        (pair.server.is_cut, pair.client.is_cut) = (true, !goes_on);
        pair.wait(seconds(timeout) - Duration::from_millis(1));
        assert_eq!(pair.server.endpoint.len(), 1, "{timeout} s: it is kept until then");
        let is_over = |said: &Said| matches!(said, Said::Event(_, Event::Closed(_)) | Said::Drained(..));
        assert!(!pair.server.said.iter().any(is_over), "{timeout} s: {:?}", pair.server.said);
        // Nothing of the client comes any more; what it says later begins another connection.
        pair.client.is_cut = true;
        pair.wait(Duration::from_millis(1));
        assert_eq!((pair.server.endpoint.len(), pair.server.endpoint.deadline()), (0, None), "{timeout} s");
        let reason = CloseReason::HandshakeTimeout(seconds(timeout));
        let is_end = |said: &Said| matches!(said, Said::Event(_, Event::Closed(told)) if *told == reason);
        assert_eq!(pair.server.said.iter().filter(|said| is_end(said)).count(), 1, "{:?}", pair.server.said);
    }
}

/// Ten thousand connections, ended in turn by each side: no place, timer, entry or value stays.
#[test]
fn nothing_is_left_of_ten_thousand_connections() {
    let mut pair = Pair::new(&Config::default(), &Config::default());
    let counted = Rc::new(());
    let (mut drained, mut highest) = (0, 0);
    for number in 0..10_000_u32 {
        let client = pair.connect(number);
        pair.client.endpoint.value_mut(client).unwrap().counted = Some(counted.clone());
        pair.settle();
        let server = pair.accepted(number);
        pair.server.endpoint.value_mut(server).unwrap().counted = Some(counted.clone());
        let (side, handle) = if number % 2 == 0 { (&mut pair.client, client) } else { (&mut pair.server, server) };
        side.endpoint.connection_mut(handle).unwrap().close(pair.now, code(0), b"");
        pair.wait(Duration::from_millis(500));
        highest = highest.max(client.index()).max(server.index());
        for side in [&mut pair.client, &mut pair.server] {
            drained +=
                side.said.drain(..).filter(|said| matches!(said, Said::Drained(_, mark) if *mark == number)).count();
        }
    }
    assert_eq!((drained, highest), (20_000, 0), "each place is free before the next connection begins");
    assert_eq!(Rc::strong_count(&counted), 1);
    for side in [&pair.client, &pair.server] {
        assert!(side.endpoint.is_empty() && side.endpoint.deadline().is_none());
        assert_eq!(side.endpoint.stats().held, Held::default());
    }
}

/// A handle means its connection and no other, whatever becomes of its place.
#[test]
fn a_handle_of_the_past_means_nothing() {
    let mut pair = Pair::new(&Config::default(), &Config::default());
    let (client, _) = pair.established();
    pair.client.endpoint.connection_mut(client).unwrap().close(pair.now, code(0), b"");
    pair.wait(LONG);
    let (next, _) = pair.established();
    assert!(next.index() == client.index() && next != client);
    let endpoint = &mut pair.client.endpoint;
    assert!(endpoint.connection(client).is_none() && endpoint.connection_mut(client).is_none());
    assert!(endpoint.value_mut(client).is_none() && endpoint.parts_mut(client).is_none());
    endpoint.hold(client, true);
    endpoint.mark_ready(client);
    assert!(endpoint.poll_event().is_none());
}

/// What the layer above has asked to be kept stays until it lets go, however long that takes.
#[test]
fn a_connection_that_is_held_is_not_drained() {
    let mut pair = Pair::new(&Config::default(), &Config::default());
    let (client, server) = pair.established();
    let connection = pair.server.endpoint.connection_mut(server).unwrap();
    let id = connection.open(Direction::Unidirectional).unwrap();
    connection.write(id, &mut Bytes::from(vec![1; 100])).unwrap();
    connection.finish(id).unwrap();
    pair.settle();
    pair.client.endpoint.hold(client, true);
    pair.server.endpoint.connection_mut(server).unwrap().close(pair.now, code(0), b"");
    pair.wait(LONG);
    assert!(matches!(pair.client.of(client).last(), Some(Said::Event(_, Event::Closed(_)))));
    let connection = pair.client.endpoint.connection_mut(client).unwrap();
    assert!(matches!(connection.read(id, 1000), Ok(Read::Data(bytes)) if bytes.len() == 100));
    pair.settle();
    assert!(pair.client.endpoint.value(client).is_some());
    pair.client.endpoint.hold(client, false);
    pair.settle();
    assert_eq!(pair.client.of(client).last(), Some(&&Said::Drained(client, 7)));
}

fn flushes(side: &Side, handle: ConnectionHandle) -> usize {
    side.of(handle).iter().filter(|said| matches!(said, Said::Event(_, Event::Flushed))).count()
}

#[test]
fn flushed_is_told_once_when_the_peer_has_everything() {
    let mut pair = Pair::new(&Config::default(), &Config::default());
    let (client, _) = pair.established();
    pair.wait(Duration::from_secs(1));
    // Nothing was written: at once.
    pair.client.endpoint.connection_mut(client).unwrap().request_flushed();
    pair.settle();
    assert_eq!(flushes(&pair.client, client), 1);
    pair.wait(Duration::from_secs(1));
    assert_eq!(flushes(&pair.client, client), 1, "asked once, told once");

    // Bytes, then an end on its own, then a reset: each has to be acknowledged.
    let steps: [fn(&mut quic::Connection, StreamId); 3] = [
        |connection, id| assert_eq!(connection.write(id, &mut Bytes::from(vec![1; 5000])), Ok(5000)),
        |connection, id| connection.finish(id).unwrap(),
        |connection, _| {
            let id = connection.open(Direction::Bidirectional).unwrap();
            connection.write_slice(id, b"of no use").unwrap();
            connection.reset(id, VarInt::from_u32(1));
        },
    ];
    let id = pair.client.endpoint.connection_mut(client).unwrap().open(Direction::Bidirectional).unwrap();
    for (number, step) in steps.into_iter().enumerate() {
        let connection = pair.client.endpoint.connection_mut(client).unwrap();
        step(connection, id);
        connection.request_flushed();
        pair.client.is_cut = true;
        pair.settle();
        assert_eq!(flushes(&pair.client, client), number + 1, "it was sent, and nobody has it");
        pair.client.is_cut = false;
        pair.wait(Duration::from_secs(5));
        assert_eq!(flushes(&pair.client, client), number + 2);
    }
}

/// A connection that ends before has not delivered everything, and does not say so.
#[test]
fn an_end_is_no_flush() {
    let mut pair = Pair::new(&Config::default(), &Config::default());
    let (client, _) = pair.established();
    let connection = pair.client.endpoint.connection_mut(client).unwrap();
    let id = connection.open(Direction::Bidirectional).unwrap();
    connection.write_slice(id, b"lost").unwrap();
    connection.request_flushed();
    connection.close(pair.now, code(0), b"");
    pair.wait(LONG);
    assert_eq!(flushes(&pair.client, client), 0);
    pair.client.end_of(client, 7);
}

/// The peer stops a stream: the reset that answers it has to be acknowledged, too.
#[test]
fn a_stream_that_the_peer_stopped_is_flushed_with_its_reset() {
    let mut pair = Pair::new(&Config::default(), &Config::default());
    let (client, server) = pair.established();
    let connection = pair.client.endpoint.connection_mut(client).unwrap();
    let id = connection.open(Direction::Bidirectional).unwrap();
    connection.write_slice(id, b"not wanted").unwrap();
    pair.settle();
    pair.server.endpoint.connection_mut(server).unwrap().stop_sending(id, code(4));
    pair.settle();
    pair.client.endpoint.connection_mut(client).unwrap().request_flushed();
    pair.wait(Duration::from_secs(5));
    assert_eq!(flushes(&pair.client, client), 1);
}

/// The layer above finds its record of a stream by the word it gave.
#[test]
fn the_word_of_a_stream_comes_with_each_of_its_events() {
    let mut pair = Pair::new(&Config::default(), &Config::default());
    let (client, server) = pair.established();
    let connection = pair.client.endpoint.connection_mut(client).unwrap();
    let ids = [0, 1, 2].map(|_| connection.open(Direction::Bidirectional).unwrap());
    for (id, word) in ids.into_iter().zip([40, 41, 42]) {
        connection.set_stream_word(id, word);
        connection.write_slice(id, b"request").unwrap();
        connection.finish(id).unwrap();
    }
    pair.settle();
    let opened = |said: &Said| matches!(said, Said::Event(_, Event::Stream(StreamEvent::Opened(_), 0)));
    assert_eq!(pair.server.said.iter().filter(|said| opened(said)).count(), 3);
    let connection = pair.server.endpoint.connection_mut(server).unwrap();
    for (id, word) in ids.into_iter().zip([50, 51, 52]) {
        connection.set_stream_word(id, word);
        connection.write_slice(id, b"response").unwrap();
        connection.finish(id).unwrap();
    }
    // Nothing happens to what is not there.
    connection.set_stream_word(StreamId::from_varint(code(400)), 99);
    pair.wait(Duration::from_secs(1));
    for (side, words) in [(&pair.client, [40, 41, 42]), (&pair.server, [50, 51, 52])] {
        let mut finished = Vec::new();
        for said in &side.said {
            if let Said::Event(_, Event::Stream(StreamEvent::Finished(id), word)) = said {
                finished.push((*id, *word));
            }
        }
        finished.sort_unstable();
        assert_eq!(finished, ids.into_iter().zip(words).collect::<Vec<_>>());
    }
    let readable = |said: &Said| matches!(said, Said::Event(_, Event::Stream(StreamEvent::Readable(_), 40..=42)));
    assert!(pair.client.said.iter().filter(|said| readable(said)).count() >= 3);
}
