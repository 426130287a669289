//! A handshake in the simulator whose Initial keys change in the middle: the server asks for a token by a Retry, keeps
//! nothing, and goes on with whoever brings it (RFC 9000 section 8.1.2). The server's side is a bare connection, so that
//! nothing here depends on how an endpoint decides whom to ask.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Side, Transmit, Writer};
use quic::internals::NewConnection;
use quic::internals::{Scratch, Turn};
use quic::protection::retry_integrity;
use quic::wire::connection_id::ConnectionId;
use quic::wire::header::{self, Header};
use quic::wire::transport_parameters::TransportParameters;
use quic::wire::version::Version;
use quic::{Admission, CloseReason, Config, Connection, Event};
use sim::{Handle, LinkConfig, LossMask, SeededRandom, World};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use support::{CLIENT, Exchange, Host, SERVER};

/// What the Retry names as its source.
const RETRY_SOURCE: [u8; 12] = [0x33; 12];
/// What the server names itself.
const SERVER_ID: [u8; 8] = [0x44; 8];

/// The token of a client that sent its first Initial to `original`: that ID, twice, so that a change on the way is seen.
fn token_of(original: ConnectionId) -> Vec<u8> {
    [original.as_slice(), original.as_slice()].concat()
}

fn original_of(token: &[u8]) -> Option<ConnectionId> {
    let original = ConnectionId::new(token.get(..token.len() / 2)?)?;
    (!token.is_empty() && token_of(original) == token).then_some(original)
}

/// A server of one client, which it asks for a token first.
struct AskingServer {
    config: Arc<Config>,
    tls: Arc<tls::ServerConfig>,
    random: SeededRandom,
    retries: VecDeque<(FourTuple, Vec<u8>)>,
    connection: Option<Connection>,
    scratch: Scratch,
    events: Vec<Event>,
    asked: usize,
    /// Whether an Initial of the connection came without its token.
    forgotten: bool,
}

impl AskingServer {
    fn new(config: Config, random: SeededRandom) -> AskingServer {
        AskingServer {
            config: Arc::new(config),
            tls: adversary::identity::pair().1.clone(),
            random,
            retries: VecDeque::new(),
            connection: None,
            scratch: Scratch::default(),
            events: Vec::new(),
            asked: 0,
            forgotten: false,
        }
    }

    fn ask(&mut self, four_tuple: FourTuple, long: &header::Long) {
        let mut packet = vec![0; 200];
        let source = ConnectionId::new(&RETRY_SOURCE).unwrap();
        let mut writer = Writer::new(&mut packet);
        header::encode_retry(&mut writer, Version::V1, 5, long.source, source, &token_of(long.destination)).unwrap();
        let len = writer.position();
        packet.truncate(len);
        let suite = sim::seeded_provider().initial;
        packet.extend(retry_integrity::tag(suite, Version::V1, long.destination, &packet));
        self.retries.push_back((four_tuple, packet));
        self.asked += 1;
    }

    /// A client that has brought its token is where it says.
    fn accept(&self, now: Instant, four_tuple: FourTuple, client: ConnectionId, original: ConnectionId) -> Connection {
        let local_id = ConnectionId::new(&SERVER_ID).unwrap();
        let retry_source = ConnectionId::new(&RETRY_SOURCE);
        let mut parameters = TransportParameters {
            original_destination_connection_id: Some(original),
            initial_source_connection_id: Some(local_id),
            retry_source_connection_id: retry_source,
            max_idle_timeout: self.config.max_idle_timeout,
            ..TransportParameters::default()
        };
        let receive_share = quic::ReceiveMemory::new(1 << 30).begin(self.config.streams.max_data);
        self.config.streams.advertise(&mut parameters, receive_share.first());
        let session = tls::quic::server(self.tls.clone(), parameters.encode(Side::Server, 0));
        let new = NewConnection {
            side: Side::Server,
            config: self.config.clone(),
            session,
            initial_suite: sim::seeded_provider().initial,
            version: Version::V1,
            follows_negotiation: false,
            token: Vec::new(),
            original_destination: original,
            retry_source,
            is_validated: true,
            send_memory: quic::SendMemory::new(1 << 20),
            receive_share,
            local_id,
            preferred_id: None,
            peer_id: client,
            four_tuple,
        };
        Connection::new(now, new)
    }
}

impl Machine for AskingServer {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        if let Ok(Header::Initial(long)) = Header::decode(datagram.payload, SERVER_ID.len()) {
            let token = &datagram.payload[long.token.clone()];
            let is_of_us = [&RETRY_SOURCE[..], &SERVER_ID].contains(&long.destination.as_slice());
            match (&self.connection, original_of(token)) {
                (None, None) if token.is_empty() => return self.ask(datagram.four_tuple, &long),
                (None, Some(original)) => {
                    self.connection = Some(self.accept(now, datagram.four_tuple, long.source, original));
                }
                // One that was sent before the Retry may come late; one that was changed on the way is nothing.
                (_, None) => {
                    self.forgotten |= token.is_empty() && is_of_us;
                    return;
                }
                (Some(_), Some(_)) => {}
            }
        }
        let Some(connection) = &mut self.connection else { return };
        let mut turn = Turn { now, random: &mut self.random, scratch: &mut self.scratch };
        connection.receive(&mut turn, datagram);
        self.events.extend(std::iter::from_fn(|| connection.poll_event()));
        if connection.stats().packets_received == 0 {
            self.connection = None;
        }
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if let Some((four_tuple, packet)) = self.retries.pop_front() {
            buffer[..packet.len()].copy_from_slice(&packet);
            return Some(Transmit { four_tuple, ecn: Ecn::NotEct, len: packet.len(), segment_size: packet.len() });
        }
        let mut turn = Turn { now, random: &mut self.random, scratch: &mut self.scratch };
        self.connection.as_mut()?.transmit(&mut turn, buffer)
    }

    fn deadline(&self) -> Option<Instant> {
        self.connection.as_ref()?.deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        let mut turn = Turn { now, random: &mut self.random, scratch: &mut self.scratch };
        if let Some(connection) = &mut self.connection {
            connection.on_timeout(&mut turn);
            self.events.extend(std::iter::from_fn(|| connection.poll_event()));
        }
    }
}

struct Asked {
    world: World,
    client: Handle<Host>,
    server: Handle<AskingServer>,
}

fn patient() -> Config {
    Config {
        handshake_timeout: Duration::from_secs(120),
        max_idle_timeout: Duration::from_secs(120),
        ..Config::default()
    }
}

fn world(seed: u64, link: LinkConfig) -> Asked {
    let mut world = World::new(seed);
    let (here, there): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    world.network().set_both(here, there, link);
    let (client_random, server_random) = (world.fork_random(), world.fork_random());
    let tls = adversary::identity::pair().0.clone();
    let server = world.add(&[there], AskingServer::new(patient(), server_random));
    let client = world.add(&[here], Host::client(Instant::ZERO, client_random, patient(), tls, vec![]));
    Asked { world, client, server }
}

impl Asked {
    /// Runs until both ends know that the handshake is done.
    fn confirm(&mut self, limit: Duration) {
        let (client, server) = (self.client, self.server);
        self.world.run_until(Instant::ZERO + limit, |world| {
            world.machine(client).confirmed && world.machine(server).events.contains(&Event::Confirmed)
        });
        let (client, server) = (self.world.machine(client), self.world.machine(server));
        assert!(
            client.confirmed && server.events.contains(&Event::Confirmed),
            "{:?} {:?}",
            client.closed,
            server.events
        );
        assert!(!server.forgotten, "every Initial after the Retry carries the token");
    }
}

#[test]
fn a_connection_whose_initial_keys_are_swapped_in_mid_handshake() {
    let mut asked = world(1, LinkConfig::new(Duration::from_millis(20)));
    asked.confirm(Duration::from_secs(10));
    assert_eq!(asked.world.now().as_nanos(), 120_000_000, "one round trip of 40 ms more than without");
    // Once for each datagram of the ClientHello; the client follows the first, and drops the second.
    assert_eq!(asked.world.machine(asked.server).asked, 2);
    let stats = asked.world.machine(asked.client).stats();
    assert_eq!((stats.packets_lost, stats.probe_timeouts), (0, 0));
    assert_eq!(stats.min_rtt, Duration::from_millis(40));
}

/// Whatever gets lost: the first Initial, the Retry, the Initial with the token, what follows.
#[test]
fn a_retry_completes_whatever_is_lost_of_the_first_ten_datagrams() {
    for mask in LossMask::all(10) {
        let mut asked = world(2, LinkConfig::new(Duration::from_millis(20)));
        asked.world.network().set_loss_mask(mask);
        asked.confirm(Duration::from_secs(120));
    }
}

#[test]
fn a_retry_in_a_network_of_many_faults() {
    sim::check_seeds("cargo test -p posthaste-quic --test retry", 50, |seed| {
        let mut random = SeededRandom::new(seed);
        let mut asked = world(seed, sim::draw_faults(&mut random));
        asked.confirm(Duration::from_secs(120));
    });
}

/// The server closes before it has anything but the client's Initial: the client can read it under the keys of the Retry.
#[test]
fn a_server_that_refuses_after_a_retry_is_heard() {
    let mut asked = world(3, LinkConfig::new(Duration::from_millis(20)));
    let (client, server) = (asked.client, asked.server);
    asked.world.run_until(Instant::ZERO + Duration::from_secs(1), |world| world.machine(server).connection.is_some());
    let now = asked.world.now();
    let connection = asked.world.machine_mut(server).connection.as_mut().unwrap();
    connection.close(now, base::VarInt::from_u32(7), b"no");
    asked.world.run_until(Instant::ZERO + Duration::from_secs(5), |world| !world.machine(client).closed.is_empty());
    let closed = &asked.world.machine(client).closed;
    assert!(matches!(closed[..], [CloseReason::PeerTransport { .. }]), "{closed:?}");
}

/// Our client and our endpoint, which asks every client for its address.
#[test]
fn an_endpoint_that_asks_everybody_is_reached_whatever_is_lost() {
    for mask in LossMask::all(5) {
        let mut world = World::new(4);
        let (here, there): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        world.network().set_both(here, there, LinkConfig::new(Duration::from_millis(20)));
        world.network().set_loss_mask(mask);
        let (client_random, server_random) = (world.fork_random(), world.fork_random());
        let (client_tls, server_tls) = adversary::identity::pair().clone();
        let ask = |config: &mut quic::EndpointConfig| config.on_incoming = Some(Arc::new(|_| Admission::Retry));
        let server = Host::server_with(Instant::ZERO, server_random, patient(), server_tls, ask);
        let server = world.add(&[there], server);
        let exchanges = vec![Exchange { upload: 10, download: 1000 }];
        let client = world.add(&[here], Host::client(Instant::ZERO, client_random, patient(), client_tls, exchanges));
        world.run_until(Instant::ZERO + Duration::from_secs(120), |world| world.machine(client).completed == 1);
        let (client, server) = (world.machine(client), world.machine(server));
        assert_eq!(client.completed, 1, "{:?} {:?}", client.closed, server.closed);
        assert!(server.endpoint.stats().strangers.retried > 0);
    }
}
