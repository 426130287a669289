//! Endpoints that send as much as the path takes, to see what a congestion controller makes of the path.

use super::{CLIENT, SERVER};
use base::{Bytes, Datagram, Direction, Duration, FourTuple, Instant, Machine, StreamId, Transmit};
use quic::{Config, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, Read, StreamEvent};
use sim::{Handle, LinkConfig, SeededRandom, World};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// The client asks with one byte on each connection, and the server answers with bytes without end.
pub struct Bulk {
    pub endpoint: Endpoint,
    /// Bytes that arrived, by connection.
    pub received: BTreeMap<ConnectionHandle, u64>,
    /// Connections in the order in which they were established.
    pub established: Vec<ConnectionHandle>,
    /// Bytes that the server still may write on each stream: an application that has no more for now.
    pub allowance: u64,
    streams: BTreeMap<ConnectionHandle, StreamId>,
    block: Bytes,
    is_client: bool,
}

impl Bulk {
    fn new(random: SeededRandom, config: Config, tls: Option<Arc<tls::ServerConfig>>) -> Bulk {
        let is_client = tls.is_none();
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config), tls);
        Bulk {
            endpoint: Endpoint::new(Instant::ZERO, config, Box::new(random)),
            received: BTreeMap::new(),
            established: Vec::new(),
            allowance: u64::MAX,
            streams: BTreeMap::new(),
            block: Bytes::from(vec![0u8; 65_536]),
            is_client,
        }
    }

    fn fill(&mut self, handle: ConnectionHandle, id: StreamId) {
        while self.allowance > 0 {
            let mut bytes = self.block.clone();
            if self.allowance < bytes.len() as u64 {
                bytes = Bytes::from(vec![0u8; self.allowance as usize]);
            }
            let before = bytes.len();
            let Some(connection) = self.endpoint.connection_mut(handle) else { return };
            if connection.write(id, &mut bytes).is_err() {
                return;
            }
            self.allowance -= (before - bytes.len()) as u64;
            if !bytes.is_empty() {
                return;
            }
        }
    }

    /// The application has more to send.
    pub fn allow(&mut self, bytes: u64) {
        self.allowance = bytes;
        for (handle, id) in self.streams.clone() {
            self.fill(handle, id);
        }
    }

    fn run(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(|connection| connection.poll_event())
            {
                self.on_event(handle, event);
            }
        }
    }

    fn on_event(&mut self, handle: ConnectionHandle, event: Event) {
        match event {
            Event::Established => {
                self.established.push(handle);
                if self.is_client {
                    let connection = self.endpoint.connection_mut(handle).unwrap();
                    let id = connection.open(Direction::Bidirectional).unwrap();
                    connection.write(id, &mut Bytes::from(vec![1u8])).unwrap();
                    connection.finish(id).unwrap();
                    self.streams.insert(handle, id);
                }
            }
            Event::Stream(StreamEvent::Opened(id), _) => {
                self.streams.insert(handle, id);
                self.fill(handle, id);
            }
            Event::Stream(StreamEvent::Writable(id), _) => self.fill(handle, id),
            Event::Stream(StreamEvent::Readable(id), _) => {
                let connection = self.endpoint.connection_mut(handle).unwrap();
                let mut count = 0;
                while let Ok(Read::Data(bytes)) = connection.read(id, 1 << 20) {
                    count += bytes.len() as u64;
                }
                *self.received.entry(handle).or_default() += count;
            }
            Event::Closed(reason) => panic!("a connection closed: {reason:?}"),
            _ => {}
        }
    }
}

impl Machine for Bulk {
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

/// A client and a server with connections between them, all through one bottleneck.
pub struct Path {
    pub world: World,
    pub client: Handle<Bulk>,
    pub server: Handle<Bulk>,
    /// The client's.
    pub connections: Vec<ConnectionHandle>,
    down: LinkConfig,
}

impl Path {
    /// No connection yet. `down` is the way from the server, where the queue is.
    pub fn new(seed: u64, down: LinkConfig, config: Config) -> Path {
        let mut world = World::new(seed);
        world.set_step_limit(2_000_000_000);
        let (client, server): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        let up = LinkConfig { rate: down.rate, ..LinkConfig::new(down.delay) };
        world.network().set_link(client, server, up);
        world.network().set_link(server, client, down);
        let (_, server_tls) = adversary::identity::pair().clone();
        let (client_random, server_random) = (world.fork_random(), world.fork_random());
        let server = world.add(&[server], Bulk::new(server_random, config.clone(), Some(server_tls)));
        let client = world.add(&[client], Bulk::new(client_random, config, None));
        Path { world, client, server, connections: Vec::new(), down }
    }

    /// One more connection, from now on.
    pub fn connect(&mut self) {
        let path = FourTuple { local: CLIENT.parse().unwrap(), remote: SERVER.parse().unwrap() };
        let (tls, _) = adversary::identity::pair().clone();
        let name = x509::ServerName::parse("localhost").unwrap();
        let now = self.world.now();
        let endpoint = &mut self.world.machine_mut(self.client).endpoint;
        self.connections.push(endpoint.connect(now, tls, name, path).unwrap());
    }

    /// Lets time go on, until so many milliseconds after the beginning.
    pub fn run_until(&mut self, milliseconds: u64) {
        self.world.run_until(Instant::ZERO + Duration::from_millis(milliseconds), |_| false);
    }

    /// Bytes that have arrived so far, by connection.
    pub fn received(&self) -> Vec<u64> {
        let received = &self.world.machine(self.client).received;
        self.connections.iter().map(|handle| received.get(handle).copied().unwrap_or(0)).collect()
    }

    /// What the server knows of the connection that was established as this one.
    pub fn stats(&self, index: usize) -> quic::Stats {
        let server = self.world.machine(self.server);
        server.endpoint.connection(server.established[index]).expect("it is open").stats()
    }

    /// Another way from the server to the client, from now on.
    pub fn set_down(&mut self, change: impl FnOnce(&mut LinkConfig)) {
        change(&mut self.down);
        self.world.network().set_link(SERVER.parse().unwrap(), CLIENT.parse().unwrap(), self.down);
    }

    /// The share of the rate that arrives between two times in milliseconds, by connection.
    pub fn shares(&mut self, from: u64, to: u64) -> Vec<f64> {
        self.run_until(from);
        let before = self.received();
        self.run_until(to);
        let rate = self.down.rate.expect("a bottleneck") as f64 * (to - from) as f64 / 1000.0;
        self.received().iter().zip(before).map(|(after, before)| (after - before) as f64 / rate).collect()
    }
}
