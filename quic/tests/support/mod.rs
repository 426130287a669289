//! Two endpoints and a small application on each, for tests on virtual time.
//!
//! The client opens bidirectional streams. On each it sends a header (bytes it will send, bytes it wants) and then a
//! pattern; the server checks the pattern and answers with one of its own, which the client checks. A peer that is known to
//! be a rogue is served like any other, but whatever comes of it is taken.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

pub mod bulk;

use base::{Bytes, Datagram, Direction, Duration, FourTuple, Instant, Machine, StreamId, Transmit, VarInt};
use quic::Read;
use quic::{CloseReason, Config, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, StreamEvent};
use sim::oracle::fill_pattern;
use sim::{ByteStreamChecker, Handle, LinkConfig, SeededRandom, World};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

pub const CLIENT: &str = "192.0.2.1:50000";
/// The client's other address.
pub const SECOND: &str = "203.0.113.1:60000";
pub const SERVER: &str = "192.0.2.2:443";
const HEADER: usize = 16;

/// What a rogue gets at most on one stream, whatever it asks for.
const ROGUE_DOWNLOAD: u64 = 200_000;

/// What the client asks of the server on one stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exchange {
    /// Bytes from client to server.
    pub upload: u64,
    /// Bytes from server to client.
    pub download: u64,
}

/// The application's state of one stream.
struct Stream {
    header: Vec<u8>,
    checker: Option<ByteStreamChecker>,
    to_send: u64,
    sent: u64,
    seed: u64,
    finished: bool,
    pending: Bytes,
    /// The peer keeps the rules, so that anything unexpected is a failure.
    is_strict: bool,
}

/// An endpoint and its application.
pub struct Host {
    pub endpoint: Endpoint,
    pub handle: Option<ConnectionHandle>,
    pub established: bool,
    pub confirmed: bool,
    pub closed: Vec<CloseReason>,
    /// Moves of either end, and what became of those that the client asked for.
    pub migrations: Vec<Event>,
    /// Streams whose whole exchange is done.
    pub completed: usize,
    /// A peer on this host need not keep any rule.
    pub rogue: Option<IpAddr>,
    waiting: BTreeMap<ConnectionHandle, Vec<Exchange>>,
    streams: BTreeMap<(ConnectionHandle, StreamId), Stream>,
    is_client: bool,
}

impl Host {
    pub fn client(
        now: Instant,
        random: SeededRandom,
        config: Config,
        tls: Arc<tls::ClientConfig>,
        exchanges: Vec<Exchange>,
    ) -> Host {
        let mut host = Host::idle_client(now, random, config);
        let path = FourTuple { local: CLIENT.parse().unwrap(), remote: SERVER.parse().unwrap() };
        host.connect(now, tls, path, exchanges);
        host
    }

    /// A client without connections.
    pub fn idle_client(now: Instant, random: SeededRandom, config: Config) -> Host {
        Host::idle_client_with(now, random, config, |_| {})
    }

    /// The same, and its endpoint has settings of its own.
    pub fn idle_client_with(
        now: Instant,
        random: SeededRandom,
        config: Config,
        change: impl FnOnce(&mut EndpointConfig),
    ) -> Host {
        let mut config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config), None);
        change(&mut config);
        Host { is_client: true, ..Host::new(Endpoint::new(now, config, Box::new(random))) }
    }

    /// One more connection of a client.
    pub fn connect(
        &mut self,
        now: Instant,
        tls: Arc<tls::ClientConfig>,
        path: FourTuple,
        exchanges: Vec<Exchange>,
    ) -> ConnectionHandle {
        let name = x509::ServerName::parse("localhost").unwrap();
        let handle = self.endpoint.connect(now, tls, name, path).expect("a connection");
        self.handle = Some(handle);
        self.waiting.insert(handle, exchanges);
        handle
    }

    /// What the connection of a client that has just begun is for.
    pub fn wait_for(&mut self, exchanges: Vec<Exchange>) {
        self.waiting.insert(self.handle.unwrap(), exchanges);
    }

    pub fn server(now: Instant, random: SeededRandom, config: Config, tls: Arc<tls::ServerConfig>) -> Host {
        Host::server_with(now, random, config, tls, |_| {})
    }

    /// A server whose endpoint has settings of its own.
    pub fn server_with(
        now: Instant,
        random: SeededRandom,
        config: Config,
        tls: Arc<tls::ServerConfig>,
        change: impl FnOnce(&mut EndpointConfig),
    ) -> Host {
        let mut config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config), Some(tls));
        change(&mut config);
        Host::new(Endpoint::new(now, config, Box::new(random)))
    }

    fn new(endpoint: Endpoint) -> Host {
        Host {
            endpoint,
            handle: None,
            established: false,
            confirmed: false,
            closed: Vec::new(),
            migrations: Vec::new(),
            completed: 0,
            rogue: None,
            waiting: BTreeMap::new(),
            streams: BTreeMap::new(),
            is_client: false,
        }
    }

    pub fn stats(&self) -> quic::Stats {
        self.endpoint.connection(self.handle.unwrap()).expect("the connection is there").stats()
    }

    pub fn close(&mut self, now: Instant, code: u32) {
        let handle = self.handle.unwrap();
        self.endpoint.connection_mut(handle).unwrap().close(now, VarInt::from_u32(code), b"done");
    }

    fn run(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            self.handle = Some(handle);
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(|connection| connection.poll_event())
            {
                match event {
                    Event::Established => {
                        self.established = true;
                        self.open_streams(handle);
                    }
                    Event::Confirmed => self.confirmed = true,
                    // A client that may send early data does.
                    Event::CanSend => self.open_streams(handle),
                    Event::Migrated(_)
                    | Event::MigrationFailed(_)
                    | Event::PeerMoved(_)
                    | Event::PreferredAddressFailed(_) => {
                        // A peer may move without end.
                        self.migrations.truncate(99);
                        self.migrations.push(event);
                    }
                    Event::Closed(reason) => {
                        self.closed.push(reason);
                        self.streams.retain(|(of, _), _| *of != handle);
                    }
                    Event::Flushed => panic!("nobody asked"),
                    Event::Datagram(_) => {}
                    Event::Stream(event, _) => self.on_stream_event(handle, event),
                }
            }
        }
    }

    fn on_stream_event(&mut self, handle: ConnectionHandle, event: StreamEvent) {
        match event {
            StreamEvent::Opened(id) => {
                let stream = Stream::new(id, None, self.is_strict(handle));
                self.streams.insert((handle, id), stream);
            }
            StreamEvent::Readable(id) => self.read(handle, id),
            StreamEvent::Writable(id) => self.write(handle, id),
            StreamEvent::StreamsAvailable(_) => self.open_streams(handle),
            StreamEvent::Finished(_) => {}
            StreamEvent::Stopped { id, code } | StreamEvent::Reset { id, code, .. } => {
                assert!(!self.is_strict(handle), "stream {id} was stopped or reset with {code}");
                self.give_up(handle, id);
            }
        }
    }

    /// Whether the peer of this connection keeps the rules.
    fn is_strict(&self, handle: ConnectionHandle) -> bool {
        let remote = self.endpoint.connection(handle).map(|connection| connection.four_tuple().remote.ip());
        self.rogue.is_none() || remote != self.rogue
    }

    /// What an application does with a stream of which nothing good will come.
    fn give_up(&mut self, handle: ConnectionHandle, id: StreamId) {
        self.streams.remove(&(handle, id));
        if let Some(connection) = self.endpoint.connection_mut(handle) {
            connection.reset(id, VarInt::from_u32(1));
            connection.stop_sending(id, VarInt::from_u32(2));
        }
    }

    fn open_streams(&mut self, handle: ConnectionHandle) {
        let is_strict = self.is_strict(handle);
        while let Some(exchange) = self.waiting.get(&handle).and_then(|waiting| waiting.last()).copied() {
            let Some(id) = self.endpoint.connection_mut(handle).unwrap().open(Direction::Bidirectional) else { break };
            self.waiting.get_mut(&handle).unwrap().pop();
            self.streams.insert((handle, id), Stream::new(id, Some(exchange), is_strict));
            self.write(handle, id);
        }
    }

    fn read(&mut self, handle: ConnectionHandle, id: StreamId) {
        loop {
            let Some(stream) = self.streams.get_mut(&(handle, id)) else { return };
            let Some(connection) = self.endpoint.connection_mut(handle) else { return };
            match connection.read(id, 100_000) {
                Ok(Read::Data(bytes)) => stream.on_bytes(&bytes),
                Ok(Read::Blocked) => break,
                Ok(Read::Finished) => {
                    stream.on_end();
                    stream.finished = true;
                    break;
                }
                Err(error) => {
                    assert!(!stream.is_strict, "reading {id}: {error:?}");
                    return self.give_up(handle, id);
                }
            }
        }
        if !self.is_client {
            self.write(handle, id);
        }
        self.complete(handle, id);
    }

    fn write(&mut self, handle: ConnectionHandle, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&(handle, id)) else { return };
        if stream.checker.is_none() {
            return;
        }
        let Some(connection) = self.endpoint.connection_mut(handle) else { return };
        loop {
            if stream.pending.is_empty() {
                if stream.sent == stream.to_send {
                    let _ = connection.finish(id);
                    break;
                }
                let len = (stream.to_send - stream.sent).min(50_000);
                let mut bytes = vec![0; len as usize];
                fill_pattern(stream.seed, stream.sent, &mut bytes);
                stream.sent += len;
                stream.pending = Bytes::from(bytes);
            }
            if let Err(error) = connection.write(id, &mut stream.pending) {
                assert!(!stream.is_strict, "writing {id}: {error:?}");
                return self.give_up(handle, id);
            }
            if !stream.pending.is_empty() {
                break;
            }
        }
        self.complete(handle, id);
    }

    fn complete(&mut self, handle: ConnectionHandle, id: StreamId) {
        let Some(stream) = self.streams.get(&(handle, id)) else { return };
        if stream.finished && stream.sent == stream.to_send && stream.pending.is_empty() {
            self.streams.remove(&(handle, id));
            self.completed += 1;
        }
    }
}

impl Stream {
    fn new(id: StreamId, exchange: Option<Exchange>, is_strict: bool) -> Stream {
        let mut stream = Stream {
            header: Vec::new(),
            checker: None,
            to_send: 0,
            sent: 0,
            seed: id.value() * 2,
            finished: false,
            pending: Bytes::new(),
            is_strict,
        };
        if let Some(Exchange { upload, download }) = exchange {
            let mut header = upload.to_be_bytes().to_vec();
            header.extend(download.to_be_bytes());
            stream.pending = Bytes::from(header);
            stream.to_send = upload;
            stream.checker = Some(ByteStreamChecker::new(id.value() * 2 + 1, download));
        }
        stream
    }

    fn on_bytes(&mut self, mut bytes: &[u8]) {
        if self.checker.is_none() {
            let taken = bytes.len().min(HEADER - self.header.len());
            self.header.extend(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.header.len() == HEADER {
                let number = |range: std::ops::Range<usize>| u64::from_be_bytes(self.header[range].try_into().unwrap());
                self.checker = Some(ByteStreamChecker::new(self.seed, number(0..8)));
                self.to_send = number(8..16).min(if self.is_strict { u64::MAX } else { ROGUE_DOWNLOAD });
                self.seed += 1;
            }
        }
        if !bytes.is_empty() && self.is_strict {
            self.checker.as_mut().expect("data follows the header").on_bytes(bytes);
        }
    }

    fn on_end(&self) {
        if self.is_strict {
            self.checker.as_ref().expect("the header came").on_end();
        }
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

/// A world with one client and one server.
pub struct Pair {
    pub world: World,
    pub client: Handle<Host>,
    pub server: Handle<Host>,
}

impl Pair {
    pub fn new(seed: u64, link: LinkConfig, exchanges: Vec<Exchange>) -> Pair {
        Pair::with(seed, link, exchanges, Config::default(), Config::default())
    }

    pub fn with(seed: u64, link: LinkConfig, exchanges: Vec<Exchange>, client: Config, server: Config) -> Pair {
        let identity = adversary::identity::pair();
        Pair::with_settings(identity, seed, link, exchanges, client, server, |_| {})
    }

    /// The server's endpoint has settings of its own.
    pub fn with_server(
        seed: u64,
        link: LinkConfig,
        exchanges: Vec<Exchange>,
        client: Config,
        server: Config,
        change: impl FnOnce(&mut EndpointConfig),
    ) -> Pair {
        Pair::with_settings(adversary::identity::pair(), seed, link, exchanges, client, server, change)
    }

    /// As [`with`](Pair::with), with other TLS configurations.
    pub fn with_identity(
        identity: &adversary::identity::Pair,
        seed: u64,
        link: LinkConfig,
        exchanges: Vec<Exchange>,
        client: Config,
        server: Config,
    ) -> Pair {
        Pair::with_settings(identity, seed, link, exchanges, client, server, |_| {})
    }

    fn with_settings(
        identity: &adversary::identity::Pair,
        seed: u64,
        link: LinkConfig,
        exchanges: Vec<Exchange>,
        client: Config,
        server: Config,
        change: impl FnOnce(&mut EndpointConfig),
    ) -> Pair {
        let mut world = World::new(seed);
        let (client_address, server_address): (SocketAddr, SocketAddr) =
            (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        world.network().set_both(client_address, server_address, link);
        let (client_tls, server_tls) = identity.clone();
        let (client_random, server_random) = (world.fork_random(), world.fork_random());
        let server = Host::server_with(Instant::ZERO, server_random, server, server_tls, change);
        let client = Host::client(Instant::ZERO, client_random, client, client_tls, exchanges);
        let server = world.add(&[server_address], server);
        let client = world.add(&[client_address, SECOND.parse().unwrap()], client);
        Pair { world, client, server }
    }

    /// Both directions between the client's first address and the server behave so from now on.
    pub fn set_link(&mut self, link: LinkConfig) {
        self.world.network().set_both(CLIENT.parse().unwrap(), SERVER.parse().unwrap(), link);
    }

    /// As [`set_link`](Pair::set_link), for what the server sends.
    pub fn set_downlink(&mut self, link: LinkConfig) {
        self.world.network().set_link(SERVER.parse().unwrap(), CLIENT.parse().unwrap(), link);
    }

    /// Runs until the client has completed `count` exchanges, or fails after `limit` of virtual time.
    pub fn complete(&mut self, count: usize, limit: Duration) {
        let (client, server) = (self.client, self.server);
        let done =
            |world: &mut World| world.machine(client).completed == count && world.machine(server).completed == count;
        self.world.run_until(Instant::ZERO + limit, done);
        let (client, server) = (self.world.machine(self.client), self.world.machine(self.server));
        assert!(
            client.completed == count && server.completed == count,
            "{} and {} of {count} exchanges are complete; closed: {:?} {:?}",
            client.completed,
            server.completed,
            client.closed,
            server.closed,
        );
    }
}
