//! Floods of first packets from forged addresses, and what honest clients get meanwhile; and a server that has as many
//! connections as it may have.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use adversary::{FirstPackets, Options, Peer, Stage, identity, work};
use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Side, Transmit};
use quic::wire::header::Header;
use quic::{AddressValidation, CloseReason, Config, EndpointConfig, Strangers, TransportErrorCode};
use sim::{Handle, World};
use std::net::SocketAddr;
use std::rc::Rc;
use support::{Host, SERVER};

/// First packets of an attacker.
const RATE: u64 = 4_500;
/// Addresses that it forges, each in a network of its own.
const ADDRESSES: u64 = 1_000;

/// Sends first packets that are well-formed in all but their address, and hears no answer.
struct Flood {
    packets: FirstPackets,
    sent: u64,
    /// How many it sends in all.
    most: u64,
    waiting: Option<Transmit>,
    datagram: Vec<u8>,
}

/// One of the addresses that are forged.
fn forged(number: u64) -> SocketAddr {
    let [.., high, low] = (number % ADDRESSES).to_be_bytes();
    ([10, high, low, 7], 1024).into()
}

impl Machine for Flood {
    fn receive(&mut self, _now: Instant, _datagram: Datagram<'_>) {}

    fn transmit(&mut self, _now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        let transmit = self.waiting.take()?;
        buffer[..transmit.len].copy_from_slice(&self.datagram);
        Some(transmit)
    }

    fn deadline(&self) -> Option<Instant> {
        (self.sent < self.most).then(|| Instant::from_nanos(self.sent * 1_000_000_000 / RATE))
    }

    fn on_timeout(&mut self, _now: Instant) {
        self.datagram = self.packets.make();
        let four_tuple = FourTuple { local: forged(self.sent), remote: SERVER.parse().unwrap() };
        let len = self.datagram.len();
        self.waiting = Some(Transmit { four_tuple, ecn: Ecn::NotEct, len, segment_size: len });
        self.sent += 1;
    }
}

/// A server under a flood of so many seconds.
fn flooded(seconds: u64, change: impl FnOnce(&mut EndpointConfig)) -> (World, Handle<Host>) {
    let mut world = World::new(4);
    world.set_step_limit(10_000_000);
    let random = world.fork_random();
    let tls = identity::pair().1.clone();
    let server = Host::server_with(Instant::ZERO, random, Config::default(), tls, change);
    let server = world.add(&[SERVER.parse().unwrap()], server);
    let addresses: Vec<SocketAddr> = (0..ADDRESSES).map(forged).collect();
    let packets = FirstPackets::new(b"test");
    let flood = Flood { packets, sent: 0, most: RATE * seconds, waiting: None, datagram: Vec::new() };
    world.add(&addresses, flood);
    (world, server)
}

/// A client that comes now: after how long its handshake is complete, if it is within `patience`.
fn arrive(world: &mut World, number: u16, patience: Duration) -> Option<Duration> {
    let address: SocketAddr = ([192, 0, 2, 77], 50_000 + number).into();
    let (begin, random) = (world.now(), world.fork_random());
    let mut client = Host::idle_client(begin, random, Config::default());
    let path = FourTuple { local: address, remote: SERVER.parse().unwrap() };
    client.connect(begin, identity::pair().0.clone(), path, Vec::new());
    let client = world.add(&[address], client);
    world.run_until(begin + patience, |world| world.machine(client).established);
    world.machine(client).established.then(|| world.now() - begin)
}

/// 90,000 first packets in 20 s, from a thousand networks.
#[test]
fn r3_honest_clients_get_in_within_a_second_under_a_flood_of_forged_first_packets() {
    let (mut world, server) = flooded(20, |_| {});
    for number in 0..20 {
        world.run_until(Instant::from_nanos(u64::from(number) * 1_000_000_000 + 900_000_000), |_| false);
        let took = arrive(&mut world, number, Duration::from_millis(1000));
        assert!(took.is_some(), "client {number} waits after {:?}", world.now());
    }
    let stats = world.machine(server).endpoint.stats();
    let Strangers { accepted, retried, at_limits, unanswered, .. } = stats.strangers;
    // The places of those who may be forged, and as often again as they come free: after ten seconds.
    assert!(accepted <= 2 * 1_024 + 20 && retried > 85_000, "{:?}", stats.strangers);
    assert_eq!((at_limits, unanswered), (0, 0), "nobody is left without an answer");
    assert!(stats.held.unvalidated <= 1_024 && stats.held.handshaking < 1_100, "{:?}", stats.held);
}

/// The same flood at a server that asks nobody shows what the places that are kept are good for.
#[test]
fn without_address_validation_a_flood_takes_every_place() {
    let (mut world, server) = flooded(4, |config| config.address_validation = AddressValidation::Never);
    world.run_until(Instant::from_nanos(2_000_000_000), |_| false);
    assert_eq!(arrive(&mut world, 0, Duration::from_millis(1000)), None);
    assert_eq!(world.machine(server).endpoint.stats().held.handshaking, 4_096);
}

/// What a forged first packet costs once the places of its kind are taken: the token and the tag of a Retry packet, no
/// handshake, no signature and no memory.
#[test]
fn r3_a_forged_first_packet_costs_a_retry_and_leaves_nothing() {
    let mut peer = Peer::with(Side::Server, Stage::Begun, Options { keeps: false, ..Options::default() });
    let mut packets = FirstPackets::new(b"test");
    let mut send = |number: u64| {
        let packet = packets.make();
        let mut four_tuple = peer.four_tuple;
        four_tuple.remote = forged(number);
        let ((), work) = work::of(|| peer.deliver_from(four_tuple, packet));
        (work, peer.target.stats())
    };
    let first = (0..1_024).map(&mut send).last().unwrap();
    assert_eq!((first.1.held.unvalidated, first.1.strangers.retried), (1_024, 0));
    let held = first.1.held;
    for number in 1_024..11_000 {
        let (work, stats) = send(number);
        // The salt's key and the token's seal, and the key and the tag of the integrity of a Retry (RFC 9001 section 5.8).
        assert!(work.packets <= 2 && work.keys <= 2 && work.hashes <= 2, "{work:?}");
        assert_eq!(work.signatures, 0);
        if stats.held.connections == held.connections {
            assert_eq!(stats.held.chosen_by_clients, held.chosen_by_clients);
        }
    }
}

/// The three choices, with one place for those who have not shown their address.
#[test]
fn who_is_asked_for_the_address_is_as_configured() {
    let retried = |choice: AddressValidation| {
        let endpoint = move |config: &mut EndpointConfig| {
            config.address_validation = choice;
            config.max_unvalidated = 1;
        };
        let options = Options { endpoint: Rc::new(endpoint), keeps: false, ..Options::default() };
        let mut peer = Peer::with(Side::Server, Stage::Begun, options);
        let mut packets = FirstPackets::new(b"test");
        (0..3).for_each(|_| peer.deliver(packets.make()));
        let Strangers { accepted, retried, .. } = peer.target.stats().strangers;
        (accepted, retried)
    };
    assert_eq!(retried(AddressValidation::Always), (0, 3));
    assert_eq!(retried(AddressValidation::UnderLoad), (1, 2));
    assert_eq!(retried(AddressValidation::Never), (3, 0));
}

/// Who has shown its address does not need a place of those who have not, and one that has not never gets one of the
/// others, however few there are in all.
#[test]
fn places_of_those_who_have_shown_their_address_are_theirs() {
    let endpoint = |config: &mut EndpointConfig| config.max_handshaking = 8;
    let options = Options { endpoint: Rc::new(endpoint), ..Options::default() };
    let mut peer = Peer::with(Side::Server, Stage::Begun, options);
    let mut packets = FirstPackets::new(b"test");
    (0..20).for_each(|_| peer.deliver(packets.make()));
    assert_eq!(peer.target.stats().held.unvalidated, 4, "half of the places");
    let (_, answer) = peer.datagrams.last().unwrap().clone();
    let Ok(Header::Retry { source, token, .. }) = Header::decode(&answer, 8) else { panic!("no Retry packet") };
    let token: &'static [u8] = Box::leak(answer[token].to_vec().into_boxed_slice());
    peer.is_known = true;
    peer.deliver(packets.make_with_token(source, token));
    let held = peer.target.stats().held;
    assert_eq!((held.handshaking, held.unvalidated), (5, 4));
}

/// RFC 9000 section 5.2.2: a client of a server that is full learns it within a round trip.
#[test]
fn a_server_that_is_full_refuses() {
    let mut world = World::new(5);
    let random = world.fork_random();
    let tls = identity::pair().1.clone();
    let full = |config: &mut EndpointConfig| config.max_connections = 1;
    let server = Host::server_with(Instant::ZERO, random, Config::default(), tls, full);
    let server = world.add(&[SERVER.parse().unwrap()], server);
    assert!(arrive(&mut world, 0, Duration::from_secs(1)).is_some());
    let (begin, random) = (world.now(), world.fork_random());
    let mut client = Host::idle_client(begin, random, Config::default());
    let path = FourTuple { local: "192.0.2.78:1".parse().unwrap(), remote: SERVER.parse().unwrap() };
    client.connect(begin, identity::pair().0.clone(), path, Vec::new());
    let client = world.add(&[path.local], client);
    world.run_until(begin + Duration::from_secs(1), |world| !world.machine(client).closed.is_empty());
    let closed = &world.machine(client).closed;
    let refused = TransportErrorCode::CONNECTION_REFUSED;
    assert!(
        matches!(&closed[..], [CloseReason::PeerTransport { code, reason, .. }]
            if *code == refused && reason.contains("as many connections")),
        "{closed:?}"
    );
    assert!(world.now() - begin < Duration::from_millis(200), "after a round trip");
    assert_eq!(world.machine(server).endpoint.stats().strangers.refused, 2, "each datagram of the ClientHello");
}

/// A flood at a server that is full buys a number of refusals in a second, each much smaller than what it answers; the rest
/// costs no cryptography.
#[test]
fn a_full_server_refuses_a_number_in_each_second() {
    let full = |config: &mut EndpointConfig| config.max_connections = 1;
    let mut peer = Peer::with(Side::Server, Stage::Begun, Options { endpoint: Rc::new(full), ..Options::default() });
    let mut packets = FirstPackets::new(b"test");
    peer.deliver(packets.make());
    peer.datagrams.clear();
    let mut idle = 0;
    let begin = peer.now;
    for number in 1..=3_000 {
        peer.keeps = number <= 100;
        let packet = packets.make();
        // Three thousand in the same second.
        peer.now = begin;
        let ((), work) = work::of(|| peer.deliver(packet));
        idle += u64::from(work == work::Work::default());
    }
    let Strangers { refused, unanswered, .. } = peer.target.stats().strangers;
    assert_eq!((refused, unanswered, idle), (1_000, 2_000, 2_000));
    assert!(peer.datagrams.len() >= 100 && peer.datagrams.iter().all(|(_, answer)| answer.len() < 400));
    assert_eq!(peer.target.len(), 1);
    // And as many in the next.
    peer.now = begin + Duration::from_secs(2);
    peer.deliver(packets.make());
    assert_eq!(peer.target.stats().strangers.refused, 1_001);
}
