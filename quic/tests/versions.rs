//! Connections of two versions on virtual time: a server that goes on with another version than the client's first flight is of,
//! whatever is lost on the way, and a client that begins again because a server does not speak the first one (RFC 9368, 9369).
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine};
use quic::wire::header::Header;
use quic::{AddressValidation, CloseReason, Config, EndpointEvent, Event, Version, Versions, Violation};
use sim::{LinkConfig, LossMask, SeededRandom};
use support::{CLIENT, Exchange, Host, Pair, SERVER};

const V1: Version = Version::V1;
const V2: Version = Version::V2;

/// Both ends wait for as long as it takes when all is lost.
fn patient() -> Config {
    let seconds = Duration::from_secs;
    Config { handshake_timeout: seconds(120), max_idle_timeout: seconds(120), ..Config::default() }
}

fn config(versions: &[Version]) -> Config {
    Config { versions: Versions::new(versions).unwrap(), ..patient() }
}

/// A client that begins with the first of these.
fn beginning(versions: &[Version]) -> Config {
    let versions = Versions::new(versions).unwrap().beginning_with(versions[0]).unwrap();
    Config { versions, ..patient() }
}

fn link() -> LinkConfig {
    LinkConfig::new(Duration::from_millis(20))
}

fn pair(seed: u64, client: Config, server: Config) -> Pair {
    Pair::with(seed, link(), vec![Exchange { upload: 3000, download: 100_000 }], client, server)
}

/// What both ends say they speak.
fn spoken(pair: &mut Pair) -> [Version; 2] {
    let version = |host: &Host| host.endpoint.connection(host.handle.unwrap()).unwrap().version();
    [version(pair.world.machine(pair.client)), version(pair.world.machine(pair.server))]
}

#[track_caller]
fn assert_speaks(client: Config, server: Config, expected: Version) {
    let mut pair = pair(1, client, server);
    pair.complete(1, Duration::from_secs(120));
    assert_eq!(spoken(&mut pair), [expected; 2]);
}

/// RFC 9368 section 2.3-1, 3-1, 4-3, 4-8, 4-18.
/// RFC 9369 section 3-1, 4-2, 4.1-5, 4.1-8.
#[test]
fn both_ends_speak_the_best_of_the_server_that_the_client_has() {
    assert_speaks(patient(), patient(), V1);
    assert_speaks(patient(), config(&[V2, V1]), V2);
    assert_speaks(config(&[V2, V1]), config(&[V2, V1]), V2);
    assert_speaks(config(&[V1]), config(&[V2, V1]), V1);
    assert_speaks(config(&[V2]), patient(), V2);
    assert_speaks(beginning(&[V2, V1]), config(&[V1, V2]), V1);
    for grease in [false, true] {
        let server = Config { grease, ..config(&[V2, V1]) };
        assert_speaks(Config { grease, ..patient() }, server, V2);
    }
}

/// RFC 9369 section 4.1-6, 4.1-7.
#[test]
fn a_change_of_version_survives_every_loss_of_a_handshake() {
    for (identity, datagrams) in [(adversary::identity::pair(), 8), (adversary::identity::classical(), 7)] {
        for mask in LossMask::all(datagrams) {
            let exchanges = vec![Exchange { upload: 10, download: 1000 }];
            let (client, server) = (patient(), config(&[V2, V1]));
            let mut pair = Pair::with_identity(identity, 7, link(), exchanges, client, server);
            pair.world.network().set_loss_mask(mask);
            pair.complete(1, Duration::from_secs(120));
            assert_eq!(spoken(&mut pair), [V2; 2], "{mask:?}");
        }
    }
}

/// RFC 9369 section 4.1-1, 4.1-2, 4.1-4.
#[test]
fn a_retry_is_of_the_first_version_and_the_server_goes_on_with_another_behind_it() {
    for datagrams in LossMask::all(7) {
        let exchanges = vec![Exchange { upload: 10, download: 1000 }];
        let (client, server) = (patient(), config(&[V2, V1]));
        let always = |config: &mut quic::EndpointConfig| config.address_validation = AddressValidation::Always;
        let mut pair = Pair::with_server(3, link(), exchanges, client, server, always);
        pair.world.network().set_loss_mask(datagrams);
        pair.complete(1, Duration::from_secs(120));
        assert_eq!(spoken(&mut pair), [V2; 2]);
        assert!(pair.world.machine(pair.server).endpoint.stats().strangers.retried >= 1);
    }
}

/// RFC 9001 section 6.1 with the labels of version 2.
#[test]
fn keys_are_updated_in_the_version_that_was_chosen() {
    let frequent = |versions: &[Version]| Config { key_update_packets: 50, ..config(versions) };
    let mut pair = pair(5, frequent(&[V1, V2]), frequent(&[V2, V1]));
    pair.complete(1, Duration::from_secs(120));
    assert_eq!(spoken(&mut pair), [V2; 2]);
    assert!(pair.world.machine(pair.client).stats().key_updates > 0);
}

/// RFC 9368 section 2.1-1, 2.1-2, 2.1-3, 2.1-5, 8-1.
/// RFC 9000 section 6.2-1.
#[test]
fn a_client_begins_again_in_a_version_that_the_server_names() {
    for datagrams in LossMask::all(6) {
        let exchanges = vec![Exchange { upload: 10, download: 1000 }];
        let mut pair = Pair::with(9, link(), exchanges, beginning(&[V2, V1]), config(&[V1]));
        let handle = pair.world.machine(pair.client).handle;
        pair.world.network().set_loss_mask(datagrams);
        pair.complete(1, Duration::from_secs(120));
        assert_eq!(spoken(&mut pair), [V1; 2]);
        let client = pair.world.machine(pair.client);
        assert!(client.closed.is_empty() && client.handle == handle, "the application hears nothing of it");
        assert_eq!(client.endpoint.len(), 1);
        let held = client.endpoint.stats().held;
        assert_eq!((held.connections, held.handshaking), (1, 0));
    }
}

/// RFC 9368 section 2.1-4.
#[test]
fn without_a_version_in_common_the_attempt_ends_and_says_what_was_offered() {
    let mut pair = pair(2, config(&[V2]), Config { grease: false, ..config(&[V1]) });
    let client = pair.client;
    pair.world.run_until(Instant::from_nanos(5_000_000_000), |world| !world.machine(client).closed.is_empty());
    let client = pair.world.machine(client);
    assert_eq!(client.closed, [CloseReason::VersionNegotiation { offered: vec![1] }]);
    assert!(client.closed[0].to_string().contains("0x00000001"));
}

/// Endpoints without a network: what one sends is seen, and may be answered by somebody else.
struct ByHand {
    client: Host,
    server: Host,
    path: FourTuple,
    now: Instant,
}

impl ByHand {
    fn new(client: Config, server: Config) -> ByHand {
        let (of_client, of_server) = adversary::identity::classical().clone();
        let path = FourTuple { local: CLIENT.parse().unwrap(), remote: SERVER.parse().unwrap() };
        ByHand {
            client: Host::client(Instant::ZERO, SeededRandom::new(1), client, of_client, Vec::new()),
            server: Host::server(Instant::ZERO, SeededRandom::new(2), server, of_server),
            path,
            now: Instant::ZERO,
        }
    }

    fn sent(host: &mut Host, now: Instant) -> Vec<Vec<u8>> {
        let mut buffer = vec![0; 65_536];
        let mut sent = Vec::new();
        while let Some(transmit) = host.transmit(now, &mut buffer) {
            sent.extend(buffer[..transmit.len].chunks(transmit.segment_size).map(<[u8]>::to_vec));
        }
        sent
    }

    fn reach_client(&mut self, mut datagram: Vec<u8>) {
        let payload = &mut datagram;
        self.client.receive(self.now, Datagram { four_tuple: self.path, ecn: Ecn::NotEct, payload });
    }

    fn reach_server(&mut self, mut datagram: Vec<u8>) {
        let FourTuple { local, remote } = self.path;
        let four_tuple = FourTuple { local: remote, remote: local };
        self.server.receive(self.now, Datagram { four_tuple, ecn: Ecn::NotEct, payload: &mut datagram });
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
        for host in [&mut self.client, &mut self.server] {
            if host.deadline().is_some_and(|deadline| deadline <= self.now) {
                host.on_timeout(self.now);
            }
        }
    }

    /// Both go on until neither has anything to say.
    fn run(&mut self) {
        loop {
            let (up, down) = (ByHand::sent(&mut self.client, self.now), ByHand::sent(&mut self.server, self.now));
            if up.is_empty() && down.is_empty() {
                return;
            }
            up.into_iter().for_each(|datagram| self.reach_server(datagram));
            down.into_iter().for_each(|datagram| self.reach_client(datagram));
        }
    }
}

fn initial(datagram: &[u8]) -> quic::wire::header::Long {
    let Ok(Header::Initial(long)) = Header::decode_greased(datagram, 8) else { panic!("no Initial packet") };
    long
}

/// A Version Negotiation packet that answers a client's first one.
fn negotiation(first: &[u8], versions: &[Version]) -> Vec<u8> {
    let long = initial(first);
    let mut packet = vec![0x80, 0, 0, 0, 0];
    for id in [long.source, long.destination] {
        packet.push(id.len() as u8);
        packet.extend(id.as_slice());
    }
    packet.extend(versions.iter().flat_map(|version| version.0.to_be_bytes()));
    packet
}

/// A15: somebody on the way answers in the place of a server that speaks the version.
/// RFC 9368 section 4-1, 4-2, 4-15, 4-16.
#[test]
fn a15_a_forged_list_of_versions_ends_the_connection_it_leads_to() {
    let mut both = ByHand::new(beginning(&[V2, V1]), config(&[V1, V2]));
    let first = ByHand::sent(&mut both.client, both.now).remove(0);
    assert_eq!(initial(&first).version, V2);
    // With the version in use in it, it is void.
    both.reach_client(negotiation(&first, &[V1, V2]));
    assert!(ByHand::sent(&mut both.client, both.now).is_empty());
    both.reach_client(negotiation(&first, &[V1]));
    let second = ByHand::sent(&mut both.client, both.now).remove(0);
    assert_eq!(initial(&second).version, V1);
    assert_ne!(initial(&second).destination, initial(&first).destination);
    // A second one changes nothing.
    both.reach_client(negotiation(&second, &[V2]));
    both.reach_client(negotiation(&first, &[V2]));
    assert!(ByHand::sent(&mut both.client, both.now).is_empty() && both.client.closed.is_empty());
    both.reach_server(second);
    both.run();
    assert_eq!(
        both.client.closed,
        [CloseReason::Violation { violation: Violation::VersionNegotiation, frame_type: 6 }]
    );
    let told = CloseReason::PeerTransport {
        code: quic::TransportErrorCode::VERSION_NEGOTIATION_ERROR,
        frame_type: 6,
        reason: Violation::VersionNegotiation.reason().to_owned(),
    };
    assert_eq!(both.server.closed, [told]);
}

/// A server is no client, and nor is a client a server.
/// RFC 9368 section 2.1-6.
#[test]
fn lists_of_versions_to_a_server_are_ignored() {
    let mut both = ByHand::new(patient(), patient());
    let first = ByHand::sent(&mut both.client, both.now).remove(0);
    let mut list = negotiation(&first, &[V1]);
    both.reach_server(list.clone());
    list.resize(1200, 0);
    both.reach_server(list);
    assert!(ByHand::sent(&mut both.server, both.now).is_empty() && both.server.endpoint.is_empty());
}

/// What a server sends in the first version after it has gone on is nothing to a client that has followed, and the other way
/// round what a client sends in another version than its first is nothing to a server that has not gone on.
/// RFC 9369 section 4.1-9.
#[test]
fn packets_of_another_version_are_dropped() {
    let mut both = ByHand::new(Config { grease: false, ..patient() }, patient());
    let first = ByHand::sent(&mut both.client, both.now).remove(0);
    both.reach_server(first);
    let answer = ByHand::sent(&mut both.server, both.now);
    // The version of each packet is changed on the way: none opens, and the client stays where it was.
    for datagram in &answer {
        let mut changed = datagram.clone();
        changed[1..5].copy_from_slice(&V2.0.to_be_bytes());
        both.reach_client(changed);
    }
    let connection = both.client.endpoint.connection(both.client.handle.unwrap()).unwrap();
    assert_eq!((connection.version(), connection.stats().packets_received), (V1, 0));
    answer.into_iter().for_each(|datagram| both.reach_client(datagram));
    both.run();
    assert!(both.client.confirmed && both.server.established);
}

/// Keys to try it with are made of the ID that the client has chosen, and a Retry gives it another.
#[test]
fn a_packet_of_another_version_before_a_retry_does_not_keep_the_client_from_following_to_it() {
    let mut both = ByHand::new(patient(), config(&[V2, V1]));
    let tls = adversary::identity::classical().1.clone();
    let always = |config: &mut quic::EndpointConfig| config.address_validation = AddressValidation::Always;
    both.server = Host::server_with(Instant::ZERO, SeededRandom::new(2), config(&[V2, V1]), tls, always);
    let first = ByHand::sent(&mut both.client, both.now);
    let long = initial(&first[0]);
    let mut forged = vec![0xd0];
    forged.extend(V2.0.to_be_bytes());
    for id in [long.source, long.destination] {
        forged.push(id.len() as u8);
        forged.extend(id.as_slice());
    }
    forged.extend([0, 0x44, 0x00]);
    forged.resize(forged.len() + 0x400, 7);
    forged.resize(1200, 0);
    both.reach_client(forged);
    first.into_iter().for_each(|datagram| both.reach_server(datagram));
    both.run();
    let connection = both.client.endpoint.connection(both.client.handle.unwrap()).unwrap();
    assert!(both.client.confirmed && connection.version() == V2);
    assert!(both.server.endpoint.stats().strangers.retried > 0);
}

/// RFC 9287 section 3-2, 3.1-1, 3.1-4, 3.1-6.
#[test]
fn the_quic_bit_is_random_where_the_peer_takes_that_and_set_elsewhere() {
    for (client, server) in [(true, true), (true, false), (false, true), (false, false)] {
        let config = |grease| Config { grease, ..patient() };
        let mut both = ByHand::new(config(client), config(server));
        let exchange = Exchange { upload: 100_000, download: 100_000 };
        both.client.wait_for(vec![exchange; 4]);
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for round in 0..1000 {
            let is_clear = |datagram: &[u8]| datagram[0] & 0x40 == 0;
            let sent = ByHand::sent(&mut both.client, both.now);
            up.extend(sent.iter().map(|datagram| (round, is_clear(datagram))));
            sent.into_iter().for_each(|datagram| both.reach_server(datagram));
            let sent = ByHand::sent(&mut both.server, both.now);
            down.extend(sent.iter().map(|datagram| (round, is_clear(datagram))));
            sent.into_iter().for_each(|datagram| both.reach_client(datagram));
            both.wait(Duration::from_millis(2));
        }
        assert!(both.client.confirmed && both.client.completed == 4);
        assert!(up.iter().all(|(round, is_clear)| *round > 0 || !is_clear), "not before the server's word");
        for packets in [&up, &down] {
            let cleared = packets.iter().filter(|(_, is_clear)| *is_clear).count();
            let expected = if client && server { packets.len() / 3..packets.len() * 2 / 3 } else { 0..1 };
            assert!(packets.len() > 100 && expected.contains(&cleared), "{cleared} of {}", packets.len());
        }
    }
}

/// Both ends' events name no version, and need not: this is what an application sees of a change.
#[test]
fn an_application_sees_nothing_of_it_but_the_version() {
    let mut both = ByHand::new(patient(), config(&[V2, V1]));
    both.run();
    assert!(both.client.confirmed && both.client.closed.is_empty());
    while let Some(event) = both.client.endpoint.poll_event() {
        let EndpointEvent::Ready(handle) = event else { panic!("the connection is there") };
        let next = both.client.endpoint.connection_mut(handle).unwrap().poll_event();
        assert_eq!(next.filter(|event| *event != Event::Confirmed), None);
    }
    assert_eq!(both.client.endpoint.connection(both.client.handle.unwrap()).unwrap().version(), V2);
}
