//! Receivers that read late or not at all, on virtual time: what their sender holds for them, and how long it waits.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

use base::{Bytes, Datagram, Direction, Duration, FourTuple, Instant, Machine, StreamId, Transmit};
use quic::{CloseReason, Config, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, Read};
use quic::{StreamEvent, StreamsConfig};
use sim::{Handle, LinkConfig, SeededRandom, World};
use std::net::SocketAddr;
use std::sync::Arc;

#[global_allocator]
static HEAP: adversary::heap::Counting = adversary::heap::Counting;

const CLIENT: &str = "192.0.2.1:50000";
const SERVER: &str = "192.0.2.2:443";
/// What is sent on each stream.
const FILE: u64 = 10_000_000;

/// An endpoint whose server sends a file on every stream that is opened, and whose client reads it if it is told to.
struct Host {
    endpoint: Endpoint,
    is_client: bool,
    reads: bool,
    streams: Vec<(ConnectionHandle, StreamId, u64)>,
    finished: usize,
    closed: Vec<CloseReason>,
    block: Bytes,
}

impl Host {
    fn new(random: SeededRandom, config: Config, tls: Option<Arc<tls::ServerConfig>>) -> Host {
        let is_client = tls.is_none();
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config), tls);
        Host {
            endpoint: Endpoint::new(Instant::ZERO, config, Box::new(random)),
            is_client,
            reads: !is_client,
            streams: Vec::new(),
            finished: 0,
            closed: Vec::new(),
            block: Bytes::from(vec![7; 64 << 10]),
        }
    }

    fn run(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(|connection| connection.poll_event())
            {
                match event {
                    Event::Established if self.is_client => {
                        let connection = self.endpoint.connection_mut(handle).unwrap();
                        let id = connection.open(Direction::Bidirectional).unwrap();
                        connection.finish(id).unwrap();
                        self.streams.push((handle, id, FILE));
                    }
                    Event::Stream(StreamEvent::Opened(id), _) => {
                        self.streams.push((handle, id, FILE));
                        self.write(self.streams.len() - 1);
                    }
                    Event::Stream(StreamEvent::Writable(id), _) => {
                        let place = self.streams.iter().position(|(of, stream, _)| (*of, *stream) == (handle, id));
                        self.write(place.unwrap());
                    }
                    Event::Stream(StreamEvent::Readable(_), _) => self.read(),
                    Event::Closed(reason) => self.closed.push(reason),
                    _ => {}
                }
            }
        }
    }

    fn write(&mut self, place: usize) {
        let (handle, id, left) = &mut self.streams[place];
        let connection = self.endpoint.connection_mut(*handle).unwrap();
        while *left > 0 {
            let room = connection.room(*id, (*left).min(self.block.len() as u64) as usize).unwrap();
            if room == 0 {
                return;
            }
            let written = connection.write(*id, &mut self.block.slice(0..room)).unwrap();
            assert_eq!(written, room, "what there is room for is taken");
            *left -= written as u64;
        }
        connection.finish(*id).unwrap();
    }

    /// Reads what has come, on every stream.
    fn read(&mut self) {
        if !self.reads {
            return;
        }
        self.streams.retain_mut(|(handle, id, left)| {
            let Some(connection) = self.endpoint.connection_mut(*handle) else { return true };
            while let Ok(read) = connection.read(*id, 1 << 20) {
                match read {
                    Read::Data(bytes) => *left -= bytes.len() as u64,
                    Read::Blocked => return true,
                    Read::Finished => {
                        assert!(!self.is_client || *left == 0, "the file is whole");
                        self.finished += 1;
                        return !self.is_client;
                    }
                }
            }
            true
        });
    }

    fn buffered(&self) -> u64 {
        self.endpoint.handles().map(|handle| self.endpoint.connection(handle).unwrap().stats().buffered).sum()
    }
}

impl Machine for Host {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint.receive(now, datagram);
        self.run();
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.run();
        self.endpoint.transmit(now, buffer)
    }

    fn deadline(&self) -> Option<Instant> {
        self.endpoint.deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.endpoint.on_timeout(now);
        self.run();
    }
}

struct Pair {
    world: World,
    client: Handle<Host>,
    server: Handle<Host>,
}

impl Pair {
    /// A server, and a client whose windows are `window` bytes for a stream.
    fn new(seed: u64, window: u64) -> Pair {
        let mut world = World::new(seed);
        world.set_step_limit(100_000_000);
        let streams =
            StreamsConfig { max_stream_data_bidi_local: window, max_stream_window: window, ..StreamsConfig::default() };
        let (of_client, of_server) = (world.fork_random(), world.fork_random());
        let config = Config { streams, ..Config::default() };
        let client = world.add(&[address(CLIENT)], Host::new(of_client, config, None));
        let tls = adversary::identity::pair().1.clone();
        let server = world.add(&[address(SERVER)], Host::new(of_server, Config::default(), Some(tls)));
        let mut pair = Pair { world, client, server };
        pair.set_loss(0.0);
        pair
    }

    fn set_loss(&mut self, loss: f64) {
        let link = LinkConfig { loss, ..LinkConfig::new(Duration::from_millis(20)) };
        self.world.network().set_both(address(CLIENT), address(SERVER), link);
    }

    fn connect(&mut self) {
        let now = self.world.now();
        let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
        let name = x509::ServerName::parse("localhost").unwrap();
        let tls = adversary::identity::pair().0.clone();
        self.world.machine_mut(self.client).endpoint.connect(now, tls, name, path).unwrap();
    }

    fn run_for(&mut self, seconds: u64) {
        self.world.run_for(Duration::from_secs(seconds));
    }

    fn client(&mut self) -> &mut Host {
        self.world.machine_mut(self.client)
    }

    fn server(&mut self) -> &mut Host {
        self.world.machine_mut(self.server)
    }

    /// The client reads from now on. After how long all files have arrived.
    fn read_all(&mut self, files: usize) -> Duration {
        let began = self.world.now();
        self.client().reads = true;
        self.client().read();
        let client = self.client;
        self.world.run_until(began + Duration::from_secs(60), |world| world.machine(client).finished == files);
        assert_eq!(self.client().finished, files);
        self.world.now().saturating_duration_since(began)
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A server holds nothing that its clients did not ask for by credit, and whoever reads is served at once.
#[test]
fn r1_readers_that_do_not_read_cost_the_sender_nothing_that_they_gave_no_credit_for() {
    let mut pair = Pair::new(1, 16 << 10);
    (0..300).for_each(|_| pair.connect());
    pair.run_for(5);
    assert_eq!(pair.client().endpoint.len(), 300);
    assert_eq!(pair.client().buffered(), 300 * (16 << 10), "all that they gave credit for has come");
    assert_eq!(pair.server().buffered(), 0, "and nothing else was taken from the application");
    pair.connect();
    pair.client().reads = true;
    pair.run_for(1);
    assert!(pair.client().streams.iter().any(|(_, _, left)| *left < FILE - (200 << 10)), "a reader is served at once");
}

/// RFC 9000 section 4.1-5.
#[test]
fn a_reader_that_pauses_for_long_keeps_its_connection() {
    for seed in 0..8 {
        let mut pair = Pair::new(seed, 64 << 10);
        pair.connect();
        pair.run_for(2);
        pair.set_loss(0.2);
        pair.run_for(200);
        let sent = pair.world.network().sent();
        pair.run_for(60);
        let reminders = pair.world.network().sent() - sent;
        assert!((8..60).contains(&reminders), "{reminders} datagrams in a minute");
        pair.set_loss(0.0);
        pair.read_all(1);
        assert!(pair.client().closed.is_empty() && pair.server().closed.is_empty());
    }
}

/// Waiting for credit does not keep a connection whose peer is gone.
#[test]
fn a_peer_that_is_gone_while_credit_is_awaited_is_noticed() {
    let mut pair = Pair::new(1, 64 << 10);
    pair.connect();
    pair.run_for(35);
    assert!(pair.server().closed.is_empty());
    pair.set_loss(1.0);
    pair.run_for(40);
    assert!(matches!(pair.server().closed[..], [CloseReason::IdleTimeout(_)]), "{:?}", pair.server().closed);
}

/// A window that is as large as the path fills it: what a sender waits for credit is no more than a small part of the time.
/// RFC 9000 section 4.2.
#[test]
fn the_whole_of_a_window_serves() {
    const RATE: u64 = 2_500_000;
    let mut pair = Pair::new(1, RATE / 10);
    let link = LinkConfig { rate: Some(RATE), queue: 250_000, ..LinkConfig::new(Duration::from_millis(50)) };
    pair.world.network().set_both(address(CLIENT), address(SERVER), link);
    pair.client().reads = true;
    pair.connect();
    let (client, received) = (pair.client, |host: &Host| host.streams.first().map_or(0, |(_, _, left)| FILE - left));
    let began = pair.world.now();
    pair.world.run_until(began + Duration::from_secs(60), |world| received(world.machine(client)) > FILE / 10);
    let (before, from) = (pair.world.now(), received(pair.client()));
    pair.world.run_until(began + Duration::from_secs(60), |world| world.machine(client).finished == 1);
    let taken = pair.world.now().saturating_duration_since(before);
    let share = (FILE - from) as f64 / taken.as_secs_f64() / RATE as f64;
    assert!(share > 0.92, "{share:.3} of what the window and the path allow");
}

/// What a peak of connections has left behind is given back, and the handles of that time stay invalid.
#[test]
fn r9_places_of_connections_that_are_gone_are_given_back() {
    let mut pair = Pair::new(1, 16 << 10);
    pair.connect();
    pair.run_for(5);
    let meter = adversary::heap::Meter::start();
    (0..300).for_each(|_| pair.connect());
    pair.run_for(5);
    assert!(meter.held() > 4 << 20);
    let now = pair.world.now();
    let old: Vec<ConnectionHandle> = pair.server().endpoint.handles().collect();
    let keeps = old[9];
    for handle in old.iter().filter(|handle| **handle != keeps) {
        pair.server().endpoint.connection_mut(*handle).unwrap().close(now, base::VarInt::ZERO, b"");
    }
    pair.run_for(10);
    assert_eq!((pair.server().endpoint.len(), pair.client().endpoint.len()), (1, 1));
    for host in [pair.client, pair.server] {
        let host = pair.world.machine_mut(host);
        host.endpoint.release_memory();
        (host.streams, host.closed) = (Vec::new(), Vec::new());
    }
    assert!(meter.held() < 64 << 10, "{} bytes are left", meter.held());
    assert!(pair.server().endpoint.connection(keeps).is_some());
    assert!(
        old.iter().filter(|handle| **handle != keeps).all(|handle| pair
            .server()
            .endpoint
            .connection(*handle)
            .is_none())
    );
    (0..300).for_each(|_| pair.connect());
    pair.run_for(5);
    let new: Vec<ConnectionHandle> = pair.server().endpoint.handles().collect();
    assert_eq!(new.len(), 301);
    assert!(new.iter().all(|handle| *handle == keeps || !old.contains(handle)), "no old handle means a new connection");
    assert!(new.iter().all(|handle| handle.index() <= 300), "places are used again");
}
