//! Two endpoints and a small application on each, for tests on virtual time.
//!
//! The client opens bidirectional streams. On each it sends a header (bytes it will send, bytes it wants) and then a
//! pattern; the server checks the pattern and answers with one of its own, which the client checks.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

use base::{Bytes, Datagram, Direction, Duration, FourTuple, Instant, Machine, StreamId, Transmit, VarInt};
use quic::stream::Read;
use quic::{CloseReason, Config, ConnectionHandle, Endpoint, EndpointConfig, Event, StreamEvent};
use sim::oracle::fill_pattern;
use sim::{ByteStreamChecker, Handle, LinkConfig, SeededRandom, World};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub const CLIENT: &str = "192.0.2.1:50000";
pub const SERVER: &str = "192.0.2.2:443";
const HEADER: usize = 16;

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
}

/// An endpoint and its application.
pub struct Host {
    pub endpoint: Endpoint,
    pub handle: Option<ConnectionHandle>,
    pub established: bool,
    pub confirmed: bool,
    pub closed: Vec<CloseReason>,
    /// How migrations ended that the client asked for.
    pub migrations: Vec<Event>,
    /// Streams whose whole exchange is done.
    pub completed: usize,
    waiting: Vec<Exchange>,
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
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config), None);
        let mut endpoint = Endpoint::new(now, config, Box::new(random));
        let path = FourTuple { local: CLIENT.parse().unwrap(), remote: SERVER.parse().unwrap() };
        let name = x509::ServerName::parse("localhost").unwrap();
        let handle = endpoint.connect(now, tls, name, path).expect("a connection");
        Host { handle: Some(handle), waiting: exchanges, is_client: true, ..Host::new(endpoint) }
    }

    pub fn server(now: Instant, random: SeededRandom, config: Config, tls: Arc<tls::ServerConfig>) -> Host {
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config), Some(tls));
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
            waiting: Vec::new(),
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
        while let Some(handle) = self.endpoint.poll_ready() {
            self.handle = Some(handle);
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(|connection| connection.poll_event())
            {
                match event {
                    Event::Established => {
                        self.established = true;
                        self.open_streams(handle);
                    }
                    Event::Confirmed => self.confirmed = true,
                    Event::Migrated(_) | Event::MigrationFailed(_) => self.migrations.push(event),
                    Event::Closed(reason) => self.closed.push(reason),
                    Event::Stream(event) => self.on_stream_event(handle, event),
                }
            }
        }
    }

    fn on_stream_event(&mut self, handle: ConnectionHandle, event: StreamEvent) {
        match event {
            StreamEvent::Opened(id) => {
                self.streams.insert((handle, id), Stream::new(id, None));
            }
            StreamEvent::Readable(id) => self.read(handle, id),
            StreamEvent::Writable(id) => self.write(handle, id),
            StreamEvent::StreamsAvailable(_) => self.open_streams(handle),
            StreamEvent::Finished(_) => {}
            StreamEvent::Stopped { id, code } => panic!("stream {id} was stopped with {code}"),
            StreamEvent::Reset { id, code } => panic!("stream {id} was reset with {code}"),
        }
    }

    fn open_streams(&mut self, handle: ConnectionHandle) {
        while let Some(exchange) = self.waiting.last().copied() {
            let Some(id) = self.endpoint.connection_mut(handle).unwrap().open(Direction::Bidirectional) else { break };
            self.waiting.pop();
            self.streams.insert((handle, id), Stream::new(id, Some(exchange)));
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
                    stream.checker.as_ref().expect("the header came").on_end();
                    stream.finished = true;
                    break;
                }
                Err(error) => panic!("reading {id}: {error:?}"),
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
            connection.write(id, &mut stream.pending).expect("the stream takes data");
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
    fn new(id: StreamId, exchange: Option<Exchange>) -> Stream {
        let mut stream = Stream {
            header: Vec::new(),
            checker: None,
            to_send: 0,
            sent: 0,
            seed: id.value() * 2,
            finished: false,
            pending: Bytes::new(),
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
                self.to_send = number(8..16);
                self.seed += 1;
            }
        }
        if !bytes.is_empty() {
            self.checker.as_mut().expect("data follows the header").on_bytes(bytes);
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
        let mut world = World::new(seed);
        let (client_address, server_address): (SocketAddr, SocketAddr) =
            (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        world.network().set_both(client_address, server_address, link);
        let (client_tls, server_tls) = adversary::identity::pair().clone();
        let (client_random, server_random) = (world.fork_random(), world.fork_random());
        let server = Host::server(Instant::ZERO, server_random, server, server_tls);
        let client = Host::client(Instant::ZERO, client_random, client, client_tls, exchanges);
        let server = world.add(&[server_address], server);
        let client = world.add(&[client_address], client);
        Pair { world, client, server }
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
