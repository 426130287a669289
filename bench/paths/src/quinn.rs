//! quinn-proto in the simulated network.

use crate::{CLIENT, Cell, Control, SERVER, address, end, foreign_identity, share, shares_of_two, world};
use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Transmit};
use bytes::{Bytes, BytesMut};
use quinn_proto::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig, Event, ServerConfig,
    StreamEvent, StreamId, TransportConfig, VarInt,
};
use sim::{Handle, World};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant as Real;

/// Windows large enough that none of the paths is held back by them: its own are for 100 Mbit/s at 100 ms.
const WINDOW: u32 = 256 << 20;

struct Host {
    endpoint: Endpoint,
    connections: BTreeMap<ConnectionHandle, Connection>,
    /// What the endpoint itself answers.
    answers: VecDeque<(SocketAddr, Vec<u8>)>,
    local: SocketAddr,
    is_client: bool,
    streams: Vec<(ConnectionHandle, StreamId)>,
    block: Bytes,
    received: u64,
    /// Of each connection.
    each: BTreeMap<ConnectionHandle, u64>,
    scratch: Vec<u8>,
    /// The earliest of all connections, looked up whenever nothing more is to be sent.
    deadline: Option<Instant>,
}

/// The zero of simulated time.
fn epoch() -> Real {
    static EPOCH: OnceLock<Real> = OnceLock::new();
    *EPOCH.get_or_init(Real::now)
}

fn real(now: Instant) -> Real {
    epoch() + (now - Instant::ZERO)
}

impl Host {
    fn new(local: SocketAddr, server: Option<Arc<ServerConfig>>, seed: u64) -> Host {
        let is_client = server.is_none();
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&(2 * seed + u64::from(is_client)).to_be_bytes());
        Host {
            endpoint: Endpoint::new(Arc::new(EndpointConfig::default()), server, true, Some(bytes)),
            connections: BTreeMap::new(),
            answers: VecDeque::new(),
            local,
            is_client,
            streams: Vec::new(),
            block: Bytes::from(vec![0u8; 65_536]),
            received: 0,
            each: BTreeMap::new(),
            scratch: Vec::new(),
            deadline: None,
        }
    }

    /// One connection to the server more.
    fn connect(&mut self, now: Instant, settings: ClientConfig) {
        let (handle, connection) =
            self.endpoint.connect(real(now), settings, address(SERVER), "localhost").expect("a connection");
        self.connections.insert(handle, connection);
    }

    fn on_datagram(&mut self, now: Instant, from: SocketAddr, payload: &[u8]) {
        let mut answer = Vec::new();
        let event = self.endpoint.handle(real(now), from, None, None, BytesMut::from(payload), &mut answer);
        match event {
            Some(DatagramEvent::ConnectionEvent(handle, event)) => {
                if let Some(connection) = self.connections.get_mut(&handle) {
                    connection.handle_event(event);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                if let Ok((handle, connection)) = self.endpoint.accept(incoming, real(now), &mut answer, None) {
                    self.connections.insert(handle, connection);
                }
            }
            Some(DatagramEvent::Response(transmit)) => {
                answer.truncate(transmit.size);
                self.answers.push_back((transmit.destination, answer));
            }
            None => {}
        }
    }

    fn run(&mut self) {
        let handles: Vec<ConnectionHandle> = self.connections.keys().copied().collect();
        for handle in handles {
            let connection = self.connections.get_mut(&handle).expect("its key is there");
            while let Some(event) = connection.poll_endpoint_events() {
                if let Some(event) = self.endpoint.handle_event(handle, event) {
                    connection.handle_event(event);
                }
            }
            while let Some(event) = connection.poll() {
                match event {
                    Event::Connected if self.is_client => {
                        let id = connection.streams().open(Dir::Bi).expect("a stream");
                        connection.send_stream(id).write(&[1]).expect("room");
                        connection.send_stream(id).finish().expect("it is open");
                        self.streams.push((handle, id));
                    }
                    Event::Stream(StreamEvent::Opened { dir }) => {
                        while let Some(id) = connection.streams().accept(dir) {
                            self.streams.push((handle, id));
                        }
                    }
                    // What has arrived until then counts; who reads the table has to know that it is not the whole time.
                    Event::ConnectionLost { reason } => {
                        eprintln!("quinn's connection of the next row ended: {reason}");
                        self.streams.clear();
                    }
                    _ => {}
                }
            }
        }
        for (handle, id) in self.streams.clone() {
            if self.is_client { self.read(handle, id) } else { self.write(handle, id) }
        }
    }

    fn write(&mut self, handle: ConnectionHandle, id: StreamId) {
        let connection = self.connections.get_mut(&handle).expect("it is there");
        let mut stream = connection.send_stream(id);
        while stream.write(&self.block).is_ok() {}
    }

    fn read(&mut self, handle: ConnectionHandle, id: StreamId) {
        let connection = self.connections.get_mut(&handle).expect("it is there");
        let mut stream = connection.recv_stream(id);
        let Ok(mut chunks) = stream.read(true) else { return };
        while let Ok(Some(chunk)) = chunks.next(usize::MAX) {
            self.received += chunk.bytes.len() as u64;
            *self.each.entry(handle).or_default() += chunk.bytes.len() as u64;
        }
        let _ = chunks.finalize();
    }
}

impl Machine for Host {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.on_datagram(now, datagram.four_tuple.remote, datagram.payload);
        self.run();
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.run();
        let local = self.local;
        if let Some((remote, answer)) = self.answers.pop_front() {
            buffer[..answer.len()].copy_from_slice(&answer);
            let four_tuple = FourTuple { local, remote };
            return Some(Transmit { four_tuple, ecn: Ecn::NotEct, len: answer.len(), segment_size: answer.len() });
        }
        for connection in self.connections.values_mut() {
            self.scratch.clear();
            if let Some(transmit) = connection.poll_transmit(real(now), 10, &mut self.scratch) {
                buffer[..transmit.size].copy_from_slice(&self.scratch[..transmit.size]);
                let segment_size = transmit.segment_size.unwrap_or(transmit.size);
                let four_tuple = FourTuple { local, remote: transmit.destination };
                return Some(Transmit { four_tuple, ecn: Ecn::NotEct, len: transmit.size, segment_size });
            }
        }
        let timeouts = self.connections.values_mut().filter_map(|connection| connection.poll_timeout());
        self.deadline = timeouts.min().map(|time| Instant::ZERO + time.saturating_duration_since(epoch()));
        None
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn on_timeout(&mut self, now: Instant) {
        for connection in self.connections.values_mut() {
            connection.handle_timeout(real(now));
        }
        self.run();
    }
}

fn transport(control: Control) -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(VarInt::from_u32(WINDOW)).send_window(u64::from(WINDOW));
    if control == Control::Bbr {
        transport.congestion_controller_factory(Arc::new(quinn_proto::congestion::BbrConfig::default()));
    }
    Arc::new(transport)
}

/// A server's settings and a client's that believes it.
fn settings(control: Control) -> (Arc<ServerConfig>, ClientConfig) {
    let identity = foreign_identity(sim::SIGNING_KEY);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = rustls::pki_types::CertificateDer::from(identity.certificate.to_vec());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(identity.key_pkcs8.to_vec());
    let server = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key.into())
        .expect("a pair");
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(server).expect("ciphers of QUIC")));
    server.transport_config(transport(control));
    let mut client = ClientConfig::new(Arc::new(QuicClientConfig::try_from(client).expect("ciphers of QUIC")));
    client.transport_config(transport(control));
    (Arc::new(server), client)
}

/// A server and a client of quinn-proto in a world with this link.
fn pair(seed: u64, cell: &Cell, control: Control) -> (World, Handle<Host>, Handle<Host>) {
    let mut world = world(seed, cell);
    let (server_settings, client_settings) = settings(control);
    let server = Host::new(address(SERVER), Some(server_settings), seed);
    let mut client = Host::new(address(CLIENT), None, seed);
    client.connect(Instant::ZERO, client_settings);
    let server = world.add(&[address(SERVER)], server);
    let client = world.add(&[address(CLIENT)], client);
    (world, client, server)
}

/// The share of the rate that arrives.
pub fn run(seed: u64, cell: &Cell, control: Control) -> f64 {
    let (mut world, client, _) = pair(seed, cell, control);
    world.run_until(end(cell), |_| false);
    share(cell, world.machine(client).received)
}

/// [`ours::fairness`](crate::ours::fairness), of two connections of quinn-proto.
pub fn fairness(seed: u64, cell: &Cell, control: Control, begin: u64) -> (f64, f64) {
    let (mut world, client, _) = pair(seed, cell, control);
    let begin = Instant::ZERO + Duration::from_millis(begin);
    world.run_until(begin, |_| false);
    world.machine_mut(client).connect(begin, settings(control).1);
    world.run_until(begin + Duration::from_secs(10), |_| false);
    let before = world.machine(client).each.clone();
    world.run_until(begin + Duration::from_secs(30), |_| false);
    shares_of_two(cell, &before, &world.machine(client).each)
}

/// What the server knows, again and again.
pub fn watch(seed: u64, cell: &Cell, control: Control, every: u64) {
    let (mut world, client, server) = pair(seed, cell, control);
    let mut before = 0;
    for time in (every..=cell.time()).step_by(every as usize) {
        world.run_until(Instant::ZERO + Duration::from_millis(time), |_| false);
        let received = world.machine(client).received;
        let Some(connection) = world.machine(server).connections.values().next() else { continue };
        let stats = connection.stats().path;
        println!(
            "{time:6} window {:9} rtt {:7.1} lost {:5} congestion {:4} share {:.3}",
            stats.cwnd,
            stats.rtt.as_secs_f64() * 1000.0,
            stats.lost_packets,
            stats.congestion_events,
            (received - before) as f64 / (cell.rate * 125 * every) as f64,
        );
        before = received;
    }
}
