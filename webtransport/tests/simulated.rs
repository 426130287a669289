//! Sessions over our own QUIC, on virtual time: two endpoints, a path that loses, and an application on each end that echoes.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

use base::{Bytes, Datagram, Direction, Duration, FourTuple, Instant, Machine, Side, StreamId, Transmit, VarInt};
use h3::{Endpoint, EndpointEvent, OverQuic};
use http::{RequestHead, ResponseHead, Status, exchange};
use posthaste_webtransport::{
    Config, Event, NoSession, ReadStream, SessionEvent, SessionStats, Sessions, StreamEvent, Version,
};
use quic::ConnectionHandle;
use sim::{Handle, LinkConfig, SeededRandom, Stop, World};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

const CLIENT: &str = "192.0.2.1:50000";
const MOVED: &str = "192.0.2.1:50001";
const SERVER: &str = "192.0.2.2:443";
const BOTH: [Direction; 2] = [Direction::Bidirectional, Direction::Unidirectional];

fn at(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// An end with one connection. The server echoes: a bidirectional stream on itself, a unidirectional one on one of its own, and each
/// datagram.
struct Host {
    endpoint: Endpoint<()>,
    sessions: Sessions,
    handle: Option<ConnectionHandle>,
    now: Instant,
    side: Side,
    /// Sessions that are used, in the order in which they began.
    open: Vec<StreamId>,
    /// How many sessions a client asks for, and how many streams of each direction it opens in each.
    asks: usize,
    streams: usize,
    opened: BTreeMap<(StreamId, usize), usize>,
    /// What is to be sent on streams, and whether the end is.
    sending: BTreeMap<StreamId, (Bytes, bool)>,
    /// What has come on streams, and whether the end has.
    received: BTreeMap<StreamId, Vec<u8>>,
    finished: BTreeSet<StreamId>,
    /// Which session a stream belongs to.
    of: BTreeMap<StreamId, StreamId>,
    /// Answers on streams of this end's that could not be opened yet.
    answers: Vec<(StreamId, Vec<u8>)>,
    /// Requests for sessions that came before the settings, with their tokens.
    requests: Vec<(StreamId, String)>,
    datagrams: Vec<(StreamId, Vec<u8>)>,
    moved: usize,
    closed: usize,
    /// What the server does not do, and the client does much of, in the first session.
    stall: Option<Stall>,
    /// Requests that are no sessions: to be made, and answered.
    gets: usize,
    got: usize,
}

/// How an application fails to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stall {
    /// It takes no streams of this direction, of which there are as many as may be.
    Untaken(Direction),
    /// It takes a stream, and does not read it.
    Unread,
    /// It reads no datagrams.
    Datagrams,
}

/// The session that is not read: the first request of a client.
const STALLED: StreamId = StreamId::from_varint(VarInt::from_u32(0));
/// What the client sends on a stream that is not read, and on each of many.
const MUCH: usize = 4 << 20;
const SOME: usize = 20 << 10;

impl Host {
    fn new(side: Side, random: SeededRandom, config: &Config) -> Host {
        Host::saying(side, random, config.settings())
    }

    fn saying(side: Side, random: SeededRandom, settings: h3::WebTransportSettings) -> Host {
        let http = h3::Config {
            extended_connect: true,
            datagrams: true,
            webtransport: Some(settings),
            ..h3::Config::default()
        };
        let mut transport = quic::Config { reset_stream_at: true, ..quic::Config::default() };
        transport.datagrams.max_frame_size = 65_535;
        let server = (side == Side::Server).then(|| adversary::identity::pair_of(b"h3").1);
        let config_of_endpoint =
            quic::EndpointConfig::new(sim::seeded_provider(), std::sync::Arc::new(transport), server);
        let quic = quic::Endpoint::new(Instant::ZERO, config_of_endpoint, Box::new(random));
        Host {
            endpoint: Endpoint::new(quic, http),
            sessions: Sessions::new(side, Config::from(&settings)),
            handle: None,
            now: Instant::ZERO,
            side,
            open: Vec::new(),
            asks: 0,
            streams: 0,
            opened: BTreeMap::new(),
            sending: BTreeMap::new(),
            received: BTreeMap::new(),
            finished: BTreeSet::new(),
            of: BTreeMap::new(),
            answers: Vec::new(),
            requests: Vec::new(),
            datagrams: Vec::new(),
            moved: 0,
            closed: 0,
            stall: None,
            gets: 0,
            got: 0,
        }
    }

    /// Whether this end does not take such streams of this session.
    fn leaves(&self, session: StreamId, direction: Direction) -> bool {
        self.side == Side::Server && session == STALLED && self.stall == Some(Stall::Untaken(direction))
    }

    /// The application reads again.
    fn resume(&mut self, now: Instant) {
        (self.now, self.stall) = (now, None);
        BOTH.into_iter().for_each(|direction| self.take(STALLED, direction));
        let waiting =
            self.of.iter().filter(|(id, of)| **of == STALLED && !self.finished.contains(id)).map(|(id, _)| *id);
        waiting.collect::<Vec<_>>().into_iter().for_each(|id| self.read(id));
        self.read_datagrams(STALLED);
    }

    fn stats(&mut self, session: StreamId) -> SessionStats {
        self.with(|s, http, _| s.stats(http, session)).flatten().unwrap()
    }

    fn take(&mut self, session: StreamId, direction: Direction) {
        while let Some(stream) = self.sessions.accept(session, direction) {
            self.of.insert(stream, session);
            self.read(stream);
        }
    }

    fn read_datagrams(&mut self, session: StreamId) {
        while let Some(datagram) = self.with(|s, http, _| s.read_datagram(http, session)).flatten() {
            if self.side == Side::Server {
                let _ = self.with(|s, http, t| s.send_datagram(http, t, session, &datagram));
            }
            self.datagrams.push((session, datagram.to_vec()));
        }
    }

    /// What a client does in the session that is not read.
    fn fill(&mut self) {
        let (direction, most, len) = match self.stall {
            Some(Stall::Untaken(direction)) => (direction, usize::MAX, SOME),
            Some(Stall::Unread) => (Direction::Bidirectional, 1, MUCH),
            Some(Stall::Datagrams) => {
                while self.with(|s, http, t| s.send_datagram(http, t, STALLED, &[7; 1000])) == Some(Ok(())) {}
                return;
            }
            None => return,
        };
        while self.opened.get(&(STALLED, 2)).copied().unwrap_or(0) < most {
            let Some(Ok(id)) = self.with(|s, http, t| s.open(http, t, STALLED, direction)) else { break };
            *self.opened.entry((STALLED, 2)).or_default() += 1;
            self.sending.insert(id, (Bytes::from(vec![1; len]), true));
        }
    }

    fn with<R>(&mut self, call: impl FnOnce(&mut Sessions, &mut h3::Connection, &mut OverQuic<'_>) -> R) -> Option<R> {
        let sessions = &mut self.sessions;
        self.endpoint.with(self.now, self.handle?, |http, transport| call(sessions, http, transport))
    }

    fn run(&mut self, now: Instant) {
        self.now = now;
        while let Some(event) = self.endpoint.poll_event(now) {
            match event {
                EndpointEvent::Established(handle) => self.handle = Some(handle),
                EndpointEvent::Http(_, event) => self.on_http(event),
                EndpointEvent::Closed(..) => self.closed += 1,
                EndpointEvent::Migrated(_) | EndpointEvent::PeerMoved(_) => self.moved += 1,
                _ => {}
            }
            self.hear();
        }
        self.work();
        self.hear();
    }

    fn on_http(&mut self, event: h3::Event) {
        match event {
            h3::Event::Settings(settings) => self.sessions.on_settings(settings),
            h3::Event::DataStream(id, event) => _ = self.with(|s, http, t| s.on_data_stream(http, t, id, event)),
            h3::Event::StreamsAvailable(direction) => self.sessions.on_streams_available(direction),
            h3::Event::DatagramsChanged => self.sessions.on_datagrams_changed(),
            h3::Event::Exchange(id, exchange::Event::Request(head)) if head.protocol.is_none() => {
                let answered = self.with(|_, http, t| http.send_response(t, id, &ResponseHead::new(Status::OK), true));
                answered.unwrap().unwrap();
            }
            h3::Event::Exchange(id, exchange::Event::Response(_)) if !self.sessions.contains(id) => self.got += 1,
            h3::Event::Exchange(id, exchange::Event::Request(head)) => {
                assert!(Version::is_request(&head));
                self.with(|s, http, t| s.on_request(http, t, id, true));
                self.requests.push((id, head.protocol.unwrap().as_str().to_owned()));
            }
            h3::Event::Exchange(id, exchange::Event::Response(head)) => {
                assert_eq!(head.status, Status::OK);
                self.with(|s, http, t| s.on_accepted(http, t, id));
                self.open.push(id);
            }
            h3::Event::Exchange(id, event) if self.sessions.contains(id) => {
                self.with(|s, http, t| s.on_exchange(http, t, id, &event));
            }
            _ => {}
        }
    }

    fn hear(&mut self) {
        while let Some(event) = self.sessions.poll_event() {
            match event {
                Event::Session(id, SessionEvent::Incoming(direction)) if !self.leaves(id, direction) => {
                    self.take(id, direction);
                }
                Event::Session(STALLED, SessionEvent::Datagram)
                    if self.side == Side::Server && self.stall == Some(Stall::Datagrams) => {}
                Event::Session(id, SessionEvent::Datagram) => self.read_datagrams(id),
                Event::Stream(id, StreamEvent::Readable) => self.read(id),
                _ => {}
            }
        }
    }

    fn read(&mut self, id: StreamId) {
        let Some(of) = self.of.get(&id).copied() else { return };
        if self.side == Side::Server && of == STALLED && self.stall == Some(Stall::Unread) {
            return;
        }
        loop {
            match self.with(|s, http, t| s.read(http, t, id, 1 << 16)) {
                Some(ReadStream::Data(bytes)) => self.received.entry(id).or_default().extend_from_slice(&bytes),
                Some(ReadStream::Finished) => break,
                Some(ReadStream::Blocked) | None => return,
                Some(other) => panic!("{other:?}"),
            }
        }
        if self.finished.insert(id) && self.side == Side::Server {
            let bytes = self.received.remove(&id).unwrap_or_default();
            match id.direction() {
                Direction::Bidirectional => _ = self.sending.insert(id, (Bytes::from(bytes), true)),
                Direction::Unidirectional => self.answers.push((of, bytes)),
            }
        }
    }

    /// What there is to ask for, to open and to send.
    fn work(&mut self) {
        if self.handle.is_none() {
            return;
        }
        while self.asks > 0 {
            let asked = self.with(|s, http, t| {
                let version = s.may_ask(t).ok()?;
                let head = RequestHead::extended_connect(version.token(), "https://localhost/wt").unwrap();
                let id = http.send_request(t, &head, false).ok()?;
                s.on_asked(id, version);
                Some(id)
            });
            if asked.flatten().is_none() {
                break;
            }
            self.asks -= 1;
        }
        let requests = std::mem::take(&mut self.requests);
        for (id, token) in requests {
            self.accept(id, token);
        }
        for session in self.open.clone() {
            if session != STALLED || self.stall.is_none() {
                self.open_streams(session);
            } else if self.side == Side::Client {
                self.fill();
            }
        }
        while self.gets > 0 {
            self.gets -= 1;
            let head = RequestHead::get("https://localhost/").unwrap();
            self.with(|_, http, t| http.send_request(t, &head, true)).unwrap().unwrap();
        }
        let answers = std::mem::take(&mut self.answers);
        for (session, bytes) in answers {
            match self.with(|s, http, t| s.open(http, t, session, Direction::Unidirectional)) {
                Some(Ok(id)) => _ = self.sending.insert(id, (Bytes::from(bytes), true)),
                _ => self.answers.push((session, bytes)),
            }
        }
        for (id, (mut bytes, ends)) in std::mem::take(&mut self.sending) {
            let written = self.with(|s, http, t| s.write(http, t, id, &mut bytes));
            written.unwrap().unwrap();
            if bytes.is_empty() && ends {
                self.with(|s, http, t| s.finish_stream(http, t, id)).unwrap().unwrap();
            } else {
                self.sending.insert(id, (bytes, ends));
            }
        }
    }

    /// A server accepts, when the client's settings have come.
    fn accept(&mut self, id: StreamId, token: String) {
        let accepted = self.with(|s, http, t| match s.may_accept(t, &token) {
            Ok(version) => {
                http.send_response(t, id, &ResponseHead::new(Status::OK), false).unwrap();
                s.accept_session(http, t, id, version);
                true
            }
            Err(why) => {
                assert_eq!(why, NoSession::NotYet);
                false
            }
        });
        if accepted == Some(true) { self.open.push(id) } else { self.requests.push((id, token)) }
    }

    fn open_streams(&mut self, session: StreamId) {
        for direction in BOTH {
            let key = (session, direction as usize);
            while self.opened.get(&key).copied().unwrap_or(0) < self.streams {
                let Some(Ok(id)) = self.with(|s, http, t| s.open(http, t, session, direction)) else { break };
                let number = self.opened.entry(key).or_default();
                let bytes = vec![*number as u8; 1 + *number * 7 % 3000];
                *number += 1;
                self.of.insert(id, session);
                self.sending.insert(id, (Bytes::from(bytes), true));
            }
        }
    }

    /// How many streams of a session have ended here, which the other end had something to say on.
    fn ended(&self, session: StreamId) -> usize {
        self.finished.iter().filter(|id| self.of.get(id) == Some(&session)).count()
    }
}

impl Machine for Host {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint.receive(now, datagram);
        self.run(now);
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.run(now);
        self.endpoint.transmit(now, buffer)
    }

    fn deadline(&self) -> Option<Instant> {
        self.endpoint.deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.endpoint.on_timeout(now);
        self.run(now);
    }
}

fn pair(
    seed: u64,
    link: LinkConfig,
    config: &Config,
    sessions: usize,
    streams: usize,
) -> (World, Handle<Host>, Handle<Host>) {
    pair_saying(seed, link, config, config.settings(), sessions, streams)
}

/// The same, with a client that says `settings`.
fn pair_saying(
    seed: u64,
    link: LinkConfig,
    config: &Config,
    settings: h3::WebTransportSettings,
    sessions: usize,
    streams: usize,
) -> (World, Handle<Host>, Handle<Host>) {
    let mut world = World::new(seed);
    for client in [CLIENT, MOVED] {
        world.network().set_both(at(client), at(SERVER), link);
    }
    let server = Host::new(Side::Server, world.fork_random(), config);
    let mut client = Host::saying(Side::Client, world.fork_random(), settings);
    (client.asks, client.streams) = (sessions, streams);
    let path = FourTuple { local: at(CLIENT), remote: at(SERVER) };
    let tls = adversary::identity::pair_of(b"h3").0;
    client.endpoint.connect(Instant::ZERO, tls, adversary::identity::server_name(), path).unwrap();
    let server = world.add(&[at(SERVER)], server);
    let client = world.add(&[at(CLIENT), at(MOVED)], client);
    (world, client, server)
}

fn losing(loss: f64) -> LinkConfig {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.loss = loss;
    link
}

fn until(world: &mut World, limit: Duration, what: &str, is_done: impl Fn(&World) -> bool) {
    let end = world.now() + limit;
    assert_eq!(world.run_until(end, |world: &mut World| is_done(world)), Stop::Condition, "{what}");
}

/// W-1: a thousand streams of each kind and of either end, on a path that loses five of a hundred packets.
#[test]
fn w1_a_thousand_streams_of_each_kind() {
    let (mut world, client, server) = pair(1, losing(0.05), &Config::default(), 1, 1000);
    until(&mut world, Duration::from_secs(120), "all echoes", |world| {
        let host = world.machine(client);
        host.open.first().is_some_and(|session| host.ended(*session) == 2000)
    });
    let host = world.machine(client);
    let lens = |direction: Direction| {
        let of = host.received.iter().filter(move |(id, _)| id.direction() == direction);
        let mut lens = of.map(|(_, bytes)| (bytes[0], bytes.len())).collect::<Vec<_>>();
        lens.sort_unstable();
        lens
    };
    let mut sent = (0..1000_usize).map(|number| (number as u8, 1 + number * 7 % 3000)).collect::<Vec<_>>();
    sent.sort_unstable();
    assert!(lens(Direction::Bidirectional) == sent && lens(Direction::Unidirectional) == sent);
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.machine(client).sessions.counts(), (1, 0, 0));
    assert_eq!(world.machine(server).sessions.counts(), (1, 0, 0));
}

/// W-2: of datagrams most arrive on a path that loses five of a hundred, each as it was and in its session.
#[test]
fn w2_datagrams_at_five_percent_loss() {
    let (mut world, client, _) = pair(3, losing(0.05), &Config::default(), 2, 0);
    until(&mut world, Duration::from_secs(10), "the sessions", |world| world.machine(client).open.len() == 2);
    let mut sent = 0;
    for round in 0..100_u8 {
        let now = world.now();
        let host = world.machine_mut(client);
        host.now = now;
        for session in host.open.clone() {
            for number in 0..5 {
                let content = [session.value() as u8, round, number].repeat(100);
                sent +=
                    usize::from(host.with(|s, http, t| s.send_datagram(http, t, session, &content)) == Some(Ok(())));
            }
        }
        world.run_for(Duration::from_millis(30));
    }
    let host = world.machine(client);
    assert_eq!(sent, 1000);
    assert!(host.datagrams.len() > 820, "{} of 1000 came back, of 902 that are to be expected", host.datagrams.len());
    for (session, datagram) in &host.datagrams {
        assert!(datagram.len() == 300 && u64::from(datagram[0]) == session.value());
        assert!(datagram.chunks(3).all(|chunk| chunk == &datagram[..3]));
    }
    let all = host.datagrams.iter().map(|(_, datagram)| &datagram[..3]).collect::<BTreeSet<_>>();
    assert_eq!(all.len(), host.datagrams.len(), "none comes twice");
}

/// W-2: where the path loses nothing, each of ten thousand datagrams was read, or gave way to newer ones and is counted for that; none is
/// anywhere else.
#[test]
fn w2_of_ten_thousand_datagrams_each_is_accounted_for() {
    let (mut world, client, server) = pair(4, losing(0.0), &Config::default(), 1, 0);
    until(&mut world, Duration::from_secs(10), "the session", |world| world.machine(client).open.len() == 1);
    let mut sent = 0;
    for round in 0.. {
        // Most of them find an application that does not read.
        world.machine_mut(server).stall = (round % 6 != 5).then_some(Stall::Datagrams);
        let now = world.now();
        let host = world.machine_mut(client);
        host.now = now;
        while sent < 10_000 && host.with(|s, http, t| s.send_datagram(http, t, STALLED, &[1; 200])) == Some(Ok(())) {
            sent += 1;
        }
        if sent == 10_000 {
            break;
        }
        world.run_for(Duration::from_millis(100));
        let now = world.now();
        if round % 6 == 5 {
            world.machine_mut(server).resume(now);
        }
    }
    world.run_for(Duration::from_secs(5));
    let now = world.now();
    world.machine_mut(server).resume(now);
    world.run_for(Duration::from_secs(5));
    let (here, there) = (world.machine_mut(client).stats(STALLED), world.machine_mut(server).stats(STALLED));
    assert_eq!((here.datagrams_sent, there.datagrams_received), (10_000, 10_000));
    assert_eq!(there.datagrams_read + there.datagrams_dropped, 10_000);
    assert!(there.datagrams_dropped > 100 && there.datagrams_read > 1000, "{there:?}");
    // What the server sent back is accounted for as well.
    let back = world.machine_mut(server).stats(STALLED).datagrams_sent;
    assert_eq!((here.datagrams_received, here.datagrams_read + here.datagrams_dropped), (back, back));
}

/// W-14: a session that is not read, in whatever way, holds what it may and nothing of what others need: two other sessions have 600 echoes,
/// and a request is answered. It goes on when it is read.
///
/// draft-ietf-webtrans-http3 section 5.1-1, 8-1.
#[test]
fn w14_a_session_that_is_not_read_holds_up_nothing_else() {
    let ways = BOTH.map(Stall::Untaken).into_iter().chain([Stall::Unread, Stall::Datagrams]);
    for (seed, stall) in ways.enumerate() {
        // On many streams it may hold more than the connection allows by itself; one stream alone has less.
        let initial_max_data = match stall {
            Stall::Untaken(_) => 2 * quic::StreamsConfig::default().max_data,
            Stall::Unread | Stall::Datagrams => Config::default().initial_max_data,
        };
        let config = Config { initial_max_data, ..Config::default() };
        let (mut world, client, server) = pair(10 + seed as u64, losing(0.01), &config, 3, 0);
        world.machine_mut(server).stall = Some(stall);
        world.machine_mut(client).stall = Some(stall);
        until(&mut world, Duration::from_secs(10), "the sessions", |world| world.machine(client).open.len() == 3);
        world.run_for(Duration::from_secs(2));
        let stats = |world: &mut World, host| world.machine_mut::<Host>(host).stats(STALLED);
        let expected = match stall {
            Stall::Untaken(_) => (config.max_streams_bidi, config.initial_max_data),
            Stall::Unread => (1, config.initial_max_data),
            Stall::Datagrams => (0, 0),
        };
        let (here, there) = (stats(&mut world, client), stats(&mut world, server));
        assert_eq!((here.opened, here.written, there.accepted), (expected.0, expected.1, expected.0), "{stall:?}");
        let kept = there.datagrams_received - there.datagrams_dropped;
        assert_eq!(
            (kept, there.datagrams_read),
            (if stall == Stall::Datagrams { (256 << 10) / 1000 } else { 0 }, 0),
            "{stall:?}"
        );
        let host = world.machine_mut(client);
        (host.streams, host.gets) = (150, 1);
        let others: Vec<StreamId> = host.open.iter().copied().filter(|session| *session != STALLED).collect();
        until(&mut world, Duration::from_secs(60), &format!("what is beside {stall:?}"), |world| {
            let host = world.machine(client);
            host.got == 1 && others.iter().all(|session| host.ended(*session) == 300)
        });
        assert_eq!(stats(&mut world, client).written, expected.1, "it has what it had: {stall:?}");
        // All that it sends arrives once it is read.
        let now = world.now();
        world.machine_mut(server).resume(now);
        let count = expected.0 as usize;
        until(&mut world, Duration::from_secs(120), &format!("the rest of {stall:?}"), |world| {
            world.machine(server).ended(STALLED) >= count
        });
        assert_eq!(world.machine(client).closed + world.machine(server).closed, 0);
    }
}

/// Without flow control nothing says how much a session may hold: it is alone, and has what the connection allows.
///
/// draft-ietf-webtrans-http3 section 5.1-2, 5.1-3.
#[test]
fn w14_a_session_without_limits_is_alone_and_holds_no_more_than_its_connection() {
    let config = Config::default();
    let settings = h3::WebTransportSettings {
        initial_max_data: 0,
        initial_max_streams_uni: 0,
        initial_max_streams_bidi: 0,
        ..config.settings()
    };
    let (mut world, client, server) = pair_saying(20, losing(0.0), &config, settings, 1, 0);
    let stall = Some(Stall::Untaken(Direction::Bidirectional));
    (world.machine_mut(server).stall, world.machine_mut(client).stall) = (stall, stall);
    world.run_for(Duration::from_secs(5));
    world.machine_mut(client).asks = 1;
    world.run_for(Duration::from_secs(5));
    let limits = quic::StreamsConfig::default();
    let stats = world.machine_mut(client).stats(STALLED);
    assert_eq!((stats.opened, world.machine(client).asks), (limits.max_streams_bidi - 1, 1), "its request is one");
    // HTTP/3 has read 2 KiB of each stream, to see what it is.
    let most = limits.max_data + 2048 * stats.opened;
    assert!(stats.written <= most && stats.written > limits.max_data / 2, "{}", stats.written);
    assert_eq!(world.machine(server).open, [STALLED]);
    let now = world.now();
    world.machine_mut(server).resume(now);
    until(&mut world, Duration::from_secs(300), "the rest", |world| {
        world.machine(server).ended(STALLED) as u64 >= limits.max_streams_bidi - 1
    });
}

/// A session that is read may hold more and more, as much as its connection beside it; what one has left is used by the next.
#[test]
fn the_window_of_a_session_grows_as_it_is_read() {
    let config = Config::default();
    let (mut world, client, server) = pair(21, losing(0.0), &config, 1, 0);
    until(&mut world, Duration::from_secs(5), "the session", |world| world.machine(client).open.len() == 1);
    let host = world.machine_mut(client);
    host.stall = Some(Stall::Unread);
    until(&mut world, Duration::from_secs(60), "a large stream", |world| world.machine(server).ended(STALLED) == 1);
    let took = world.now();
    world.machine_mut(server).stall = Some(Stall::Unread);
    // A second one stops where the window of the session does.
    world.machine_mut(client).opened.clear();
    world.run_for(Duration::from_secs(5));
    let held = world.machine_mut(client).stats(STALLED).written - MUCH as u64;
    assert!(held > config.initial_max_data && held <= config.max_data, "{held} after {took:?}");
}

/// A session goes on while its connection moves to another address, on a path that loses.
#[test]
fn a_session_moves_with_its_connection() {
    let (mut world, client, server) = pair(4, losing(0.02), &Config::default(), 2, 400);
    until(&mut world, Duration::from_secs(10), "some echoes", |world| world.machine(client).finished.len() > 50);
    let now = world.now();
    let host = world.machine_mut(client);
    let handle = host.handle.unwrap();
    host.endpoint.quic_mut().connection_mut(handle).unwrap().migrate(now, at(MOVED)).unwrap();
    until(&mut world, Duration::from_secs(60), "all echoes", |world| {
        let host = world.machine(client);
        host.open.len() == 2 && host.open.iter().all(|session| host.ended(*session) == 800)
    });
    assert_eq!((world.machine(client).moved, world.machine(server).moved), (1, 1));
    assert_eq!((world.machine(client).closed, world.machine(server).closed), (0, 0));
}
