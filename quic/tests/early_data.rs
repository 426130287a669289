//! Early data on virtual time: taken, refused at each moment, lost, out of order, repeated by somebody else.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use base::{Bytes, Datagram, Duration, Ecn, FourTuple, Instant, Machine};
use quic::{AddressValidation, CloseReason, Config, DatagramOptions, DatagramRefusal, EndpointConfig};
use quic::{Version, Versions};
use sim::{LinkConfig, LossMask, Nat, World};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use support::{CLIENT, Exchange, Host, SERVER};
use tls::{ClientConfig, EarlyData, FixedTicketKeys, ReplayFilter, ServerConfig, TicketPolicy};
use tls::{Ticket, TicketCache, TicketKeys, TicketOrigin, TicketStore};

/// Half of a round trip.
const DELAY: Duration = Duration::from_millis(20);

struct Store(Mutex<TicketCache>);

impl TicketStore for Store {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().unwrap().take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().unwrap().put(origin, ticket);
    }
}

/// Settings of a client and a server that both allow early data.
#[derive(Clone)]
struct Early {
    client: ClientConfig,
    server: ServerConfig,
    client_config: Config,
    server_config: Config,
    validation: AddressValidation,
    exchanges: Vec<Exchange>,
}

struct Run {
    world: World,
    client: sim::Handle<Host>,
    server: sim::Handle<Host>,
    count: usize,
}

fn filter(name: u8) -> Arc<ReplayFilter> {
    Arc::new(ReplayFilter::new(1000, 10_000, 0).named([name; 32]))
}

impl Early {
    /// With a ticket of a connection that was.
    fn new() -> Early {
        let early = Early::without_ticket();
        early.run(1).complete();
        early
    }

    fn without_ticket() -> Early {
        let (client, server) = adversary::identity::pair();
        let (mut client, mut server) = (ClientConfig::clone(client), ServerConfig::clone(server));
        let store = Arc::new(Store(Mutex::new(TicketCache::new(8, 8))));
        client.tickets = Some(store);
        client.dangerous_offer_early_data_that_may_be_replayed = true;
        let keys = TicketKeys::new(&sim::seeded_provider(), &[[3; 32]]).unwrap();
        let mut policy = TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys))));
        policy.dangerous_accept_early_data_that_may_be_replayed = Some(filter(1));
        server.tickets = Some(policy);
        let seconds = Duration::from_secs;
        let config = Config { handshake_timeout: seconds(120), max_idle_timeout: seconds(120), ..Config::default() };
        let exchanges = vec![Exchange { upload: 10, download: 1000 }];
        let (client_config, validation) = (config.clone(), AddressValidation::Never);
        Early { client, server, client_config, server_config: config, validation, exchanges }
    }

    fn policy(&mut self) -> &mut TicketPolicy {
        self.server.tickets.as_mut().unwrap()
    }

    fn run(&self, seed: u64) -> Run {
        let mut world = World::new(seed);
        let (client, server): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        world.network().set_both(client, server, LinkConfig::new(DELAY));
        let (of_client, of_server) = (world.fork_random(), world.fork_random());
        let at_server = self.server(of_server);
        let client_tls = Arc::new(self.client.clone());
        let exchanges = self.exchanges.clone();
        let at_client = Host::client(Instant::ZERO, of_client, self.client_config.clone(), client_tls, exchanges);
        let server = world.add(&[server], at_server);
        let client = world.add(&[client], at_client);
        Run { world, client, server, count: self.exchanges.len() }
    }

    fn server(&self, random: sim::SeededRandom) -> Host {
        let change = |endpoint: &mut EndpointConfig| endpoint.address_validation = self.validation;
        Host::server_with(Instant::ZERO, random, self.server_config.clone(), Arc::new(self.server.clone()), change)
    }

    /// How long the exchanges of another connection take.
    fn time(&self) -> (Duration, EarlyData) {
        let mut run = self.run(2);
        run.exchange();
        let took = run.world.now() - Instant::ZERO;
        run.complete();
        (took, run.fate())
    }

    /// A client alone, to be driven by hand.
    fn lone_client(&self) -> Host {
        let random = World::new(7).fork_random();
        let (config, tls) = (self.client_config.clone(), Arc::new(self.client.clone()));
        Host::client(Instant::ZERO, random, config, tls, self.exchanges.clone())
    }
}

impl Run {
    /// Until the client has all its answers.
    fn exchange(&mut self) {
        let (client, count) = (self.client, self.count);
        self.world
            .run_until(Instant::ZERO + Duration::from_secs(120), |world| world.machine(client).completed == count);
    }

    /// Until all is done and confirmed, and a second more.
    fn complete(&mut self) {
        let (client, server, count) = (self.client, self.server, self.count);
        self.world.run_until(Instant::ZERO + Duration::from_secs(120), |world| {
            let is_done = |host: &Host| host.completed == count && host.confirmed;
            is_done(world.machine(client)) && is_done(world.machine(server))
        });
        let now = self.world.now();
        self.world.run_until(now + Duration::from_secs(1), |_| false);
        for host in [client, server] {
            let host = self.world.machine(host);
            assert!(host.completed == count && host.closed.is_empty(), "{} {:?}", host.completed, host.closed);
        }
    }

    /// What both sides say.
    fn fate(&mut self) -> EarlyData {
        let fates = [self.client, self.server].map(|host| {
            let host = self.world.machine(host);
            host.endpoint.connection(host.handle.unwrap()).unwrap().early_data()
        });
        assert_eq!(fates[0], fates[1]);
        fates[0]
    }
}

/// RFC 9001 section 4.6.1-1. RFC 9000 section 13.2.6-3: what was sent early is acknowledged, since all of the exchange is done.
#[test]
fn an_early_request_is_answered_a_round_trip_earlier() {
    let early = Early::new();
    assert_eq!(early.time(), (DELAY * 2, EarlyData::Accepted));
}

/// RFC 9000 section 7.4.1-4. RFC 9001 section 5.6-1.
#[test]
fn t7_both_sides_have_to_want_it() {
    let mut early = Early::without_ticket();
    early.policy().dangerous_accept_early_data_that_may_be_replayed = None;
    early.run(1).complete();
    assert_eq!(early.time(), (DELAY * 4, EarlyData::NotOffered));
    let mut early = Early::new();
    early.client.dangerous_offer_early_data_that_may_be_replayed = false;
    assert_eq!(early.time(), (DELAY * 4, EarlyData::NotOffered), "the ticket allows it, and the client does not");
    let mut early = Early::without_ticket();
    early.client.dangerous_offer_early_data_that_may_be_replayed = false;
    early.run(1).complete();
    early.client.dangerous_offer_early_data_that_may_be_replayed = true;
    let (took, fate) = early.time();
    assert_eq!((took, fate), (DELAY * 4, EarlyData::Accepted), "the client remembers no limits, so it sends nothing");
}

/// RFC 9001 section 4.6.2-3, RFC 8470 section 4-2: what is refused is sent again in 1-RTT packets, and costs no more time than if it had not been sent.
#[test]
fn what_is_refused_is_sent_again_and_nobody_notices() {
    let early = Early::new();
    // A filter that knows nothing of the ticket.
    let mut refusing = early.clone();
    refusing.policy().dangerous_accept_early_data_that_may_be_replayed = Some(filter(2));
    assert_eq!(refusing.time(), (DELAY * 4, EarlyData::Refused));
    // Another key: no resumption at all.
    let early = Early::new();
    let mut refusing = early.clone();
    let keys = TicketKeys::new(&sim::seeded_provider(), &[[4; 32]]).unwrap();
    refusing.policy().keys = Arc::new(FixedTicketKeys(Arc::new(keys)));
    assert_eq!(refusing.time(), (DELAY * 4, EarlyData::Refused));
    // RFC 9000 section 7.4.1-9: other limits than were promised, larger or smaller.
    for max_data in [700 << 10, 800 << 10] {
        let mut refusing = Early::new();
        refusing.server_config.streams.max_data = max_data;
        assert_eq!(refusing.time(), (DELAY * 4, EarlyData::Refused));
    }
}

/// RFC 9846 section 4.3.10: a server that wants another key share asks for a second ClientHello, and takes no early data.
#[test]
fn a_hello_retry_request_refuses_early_data() {
    let early = Early::new();
    let mut refusing = early.clone();
    refusing.server.groups = tls::Groups::Only(vec![crypto::NamedGroup::SECP256R1]);
    let (took, fate) = refusing.time();
    assert_eq!((took, fate), (DELAY * 6, EarlyData::Refused));
}

/// What was opened and written within limits that the server no longer gives waits for it to give more.
/// RFC 9000 section 7.4.1: the limits of this connection hold, not those remembered.
#[test]
fn what_is_refused_keeps_to_limits_that_shrank() {
    for (streams, data, of_stream) in [(2, 100_000, 100_000), (1, 2_000, 1_000), (40, 5_000, 2_000), (3, 0, 0)] {
        let mut early = Early::without_ticket();
        early.exchanges = vec![Exchange { upload: 3_000, download: 3_000 }; 30];
        early.run(1).complete();
        let limits = &mut early.server_config.streams;
        limits.max_streams_bidi = streams;
        limits.max_data = data.max(1);
        limits.max_stream_data_bidi_remote = of_stream.max(1);
        let mut run = early.run(5);
        run.complete();
        assert_eq!(run.fate(), EarlyData::Refused, "{streams} streams");
    }
}

/// Whatever is lost: the exchange is complete, and every byte of it came once and in order.
/// RFC 9000 section 17.2.3-1.
#[test]
fn every_loss_pattern_of_the_first_nine_datagrams_completes() {
    let early = Early::new();
    let mut refusing = early.clone();
    refusing.policy().dangerous_accept_early_data_that_may_be_replayed = Some(filter(2));
    for early in [early, refusing] {
        for mask in LossMask::all(9) {
            let mut run = early.run(3);
            run.world.network().set_loss_mask(mask);
            run.complete();
            assert_ne!(run.fate(), EarlyData::NotOffered, "{mask:?}");
        }
    }
}

/// Large uploads over a bad path, taken or refused.
#[test]
fn uploads_that_begin_early_arrive_over_bad_paths() {
    let mut early = Early::without_ticket();
    early.exchanges = vec![Exchange { upload: 60_000, download: 20_000 }; 3];
    early.run(1).complete();
    let mut refusing = early.clone();
    refusing.policy().dangerous_accept_early_data_that_may_be_replayed = Some(filter(2));
    for early in [early, refusing] {
        for seed in 0..40 {
            let mut run = early.run(seed);
            let link =
                LinkConfig { loss: 0.1, duplication: 0.1, reorder: 0.3, reorder_by: DELAY, ..LinkConfig::new(DELAY) };
            run.world.network().set_both(CLIENT.parse().unwrap(), SERVER.parse().unwrap(), link);
            run.complete();
        }
    }
}

/// RFC 9000 section 17.2.3-2, 17.2.5.3-3: after a Retry early data goes to the new ID, under the same keys.
#[test]
fn early_data_goes_on_after_a_retry() {
    let mut early = Early::new();
    early.validation = AddressValidation::Always;
    assert_eq!(early.time(), (DELAY * 4, EarlyData::Accepted));
}

/// The token is lost, and then the client is at another port: it begins anew without a token, and its early data with it. Its
/// streams hear nothing of that.
#[test]
fn early_data_goes_on_after_a_refused_token() {
    let mut early = Early::new();
    early.validation = AddressValidation::Always;
    let mut run = early.run(2);
    let (client, server): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    let mut nat = Nat::new(client, "198.51.100.1:1".parse().unwrap());
    nat.rebind(Instant::ZERO + Duration::from_millis(500), "198.51.100.1:2".parse().unwrap());
    run.world.network().add_nat(nat);
    run.world.run_until(Instant::ZERO + DELAY * 2 - Duration::from_millis(1), |_| false);
    run.world.network().set_link(client, server, LinkConfig { loss: 1.0, ..LinkConfig::new(DELAY) });
    run.world.run_for(Duration::from_millis(2));
    run.world.network().set_link(client, server, LinkConfig::new(DELAY));
    run.complete();
    assert_eq!(run.fate(), EarlyData::Accepted);
    assert!(run.world.machine(run.server).endpoint.stats().strangers.invalid_tokens > 0);
}

/// The datagrams that a machine sends now.
fn sent(machine: &mut Host, now: Instant) -> Vec<(FourTuple, Vec<u8>)> {
    let mut all = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Some(transmit) = machine.transmit(now, &mut buffer) {
        for segment in buffer[..transmit.len].chunks(transmit.segment_size) {
            all.push((transmit.four_tuple, segment.to_vec()));
        }
    }
    all
}

fn deliver(machine: &mut Host, now: Instant, datagrams: &[(FourTuple, Vec<u8>)]) {
    for (four_tuple, payload) in datagrams {
        let four_tuple = FourTuple { local: four_tuple.remote, remote: four_tuple.local };
        machine.receive(now, Datagram { four_tuple, ecn: Ecn::NotEct, payload: &mut payload.clone() });
    }
}

fn fate(host: &Host) -> Option<EarlyData> {
    Some(host.endpoint.connection(host.handle?)?.early_data())
}

/// RFC 9000 section 5.2.2-6: datagrams in any order, so that early data comes before its ClientHello, in part or as a whole.
#[test]
fn early_data_that_overtakes_the_client_hello_waits_for_it() {
    let mut early = Early::without_ticket();
    early.exchanges = vec![Exchange { upload: 4_000, download: 1_000 }];
    early.run(1).complete();
    let mut client = early.lone_client();
    let flight = sent(&mut client, Instant::ZERO);
    assert!(flight.len() >= 4, "{}", flight.len());
    for first in 0..flight.len() {
        // Each filter takes the ticket once.
        let mut early = early.clone();
        early.policy().dangerous_accept_early_data_that_may_be_replayed = Some(filter(1));
        let mut server = early.server(World::new(8).fork_random());
        let mut order = flight.clone();
        order.rotate_left(first);
        if first % 2 == 1 {
            order.reverse();
        }
        deliver(&mut server, Instant::ZERO, &order);
        assert_eq!(fate(&server), Some(EarlyData::Accepted), "{first}");
        let stats = server.stats();
        assert_eq!((stats.packets_dropped, server.completed), (0, 1), "{first}: all of the request is there");
    }
}

/// T8: who records a first flight and sends it again, to the same server or to another that opens the same tickets, does not have
/// it acted upon again.
/// RFC 9001 section 9.2-1. RFC 8470 section 6.2-1.
#[test]
fn t8_a_first_flight_that_is_sent_again_is_not_taken_as_early_data() {
    let early = Early::new();
    let mut client = early.lone_client();
    let flight = sent(&mut client, Instant::ZERO);
    let mut server = early.server(World::new(8).fork_random());
    deliver(&mut server, Instant::ZERO, &flight);
    assert_eq!((fate(&server), server.completed), (Some(EarlyData::Accepted), 1));
    // To the connection that it began it is a duplicate.
    deliver(&mut server, Instant::ZERO, &flight);
    assert_eq!((server.endpoint.len(), server.completed), (1, 1));
    // To the same server from elsewhere, when that connection is over.
    server.close(Instant::ZERO, 0);
    let later = Instant::ZERO + Duration::from_secs(8);
    for second in 1..=7 {
        let now = Instant::ZERO + Duration::from_secs(second);
        server.on_timeout(now);
        drop(sent(&mut server, now));
    }
    assert!(server.endpoint.is_empty());
    deliver(&mut server, later, &flight);
    assert_eq!(server.endpoint.len(), 1);
    assert_eq!((fate(&server), server.completed), (Some(EarlyData::Refused), 1));
    // To a sibling: the same keys, and a filter of its own.
    let mut sibling = early.clone();
    sibling.policy().dangerous_accept_early_data_that_may_be_replayed = Some(filter(2));
    let mut sibling = sibling.server(World::new(9).fork_random());
    deliver(&mut sibling, Instant::ZERO, &flight);
    assert_eq!((fate(&sibling), sibling.completed), (Some(EarlyData::Refused), 0));
}

/// T6: until the client has shown that it receives what is sent to its address, the address means nothing.
#[test]
fn t6_early_data_comes_from_an_address_that_is_not_validated() {
    let early = Early::new();
    let mut client = early.lone_client();
    let flight = sent(&mut client, Instant::ZERO);
    let mut server = early.server(World::new(8).fork_random());
    deliver(&mut server, Instant::ZERO, &flight);
    let is_validated =
        |server: &Host| server.endpoint.connection(server.handle.unwrap()).unwrap().is_peer_address_validated();
    assert!(server.completed == 1 && !is_validated(&server));
    let answer = sent(&mut server, Instant::ZERO);
    deliver(&mut client, Instant::ZERO, &answer);
    let proof = sent(&mut client, Instant::ZERO);
    deliver(&mut server, Instant::ZERO, &proof);
    assert!(is_validated(&server) && server.established);
}

/// The keys of early data go when they are of no use any more: at once on a client, three probe timeouts later on a server.
/// RFC 9001 section 4.9.3-1, 4.9.3-4.
#[test]
fn nothing_of_it_is_kept() {
    let early = Early::new();
    let mut run = early.run(2);
    run.complete();
    for host in [run.client, run.server] {
        let host = run.world.machine(host);
        assert!(!host.endpoint.connection(host.handle.unwrap()).unwrap().has_early_data_state());
    }
}

/// A ticket of a server that takes datagrams of 1200 bytes.
fn with_datagrams() -> Early {
    let mut early = Early::without_ticket();
    early.client_config.datagrams.max_frame_size = 1200;
    early.server_config.datagrams.max_frame_size = 1200;
    early.run(1).complete();
    early
}

/// The next connection, on which the client has sent a datagram of so many bytes at once: what became of it.
fn early_datagram(early: &Early, len: usize) -> (Run, Result<(), DatagramRefusal>) {
    let mut run = early.run(2);
    let host = run.world.machine_mut(run.client);
    let connection = host.endpoint.connection_mut(host.handle.unwrap()).unwrap();
    let options = DatagramOptions { tells_fate: true, ..DatagramOptions::default() };
    let sent = connection.send_datagram(Bytes::from(vec![7; len]), options);
    (run, sent.map(|_| ()).map_err(|refused| refused.reason))
}

fn datagrams_received(run: &Run) -> u64 {
    let server = run.world.machine(run.server);
    server.handle.map_or(0, |handle| server.endpoint.connection(handle).unwrap().datagram_stats().received)
}

/// RFC 9221 section 3-7, 5-3.
#[test]
fn a_datagram_goes_with_the_first_flight_within_the_size_that_was_remembered() {
    let early = with_datagrams();
    let (mut run, sent) = early_datagram(&early, 500);
    assert_eq!(sent, Ok(()));
    run.world.run_until(Instant::ZERO + DELAY + Duration::from_millis(1), |_| false);
    assert_eq!(datagrams_received(&run), 1, "before the client has heard anything");
    run.complete();
    assert_eq!((datagrams_received(&run), run.fate()), (1, EarlyData::Accepted));
    assert!(matches!(early_datagram(&early, 1300).1, Err(DatagramRefusal::TooLarge { .. })));
    // One that fits no packet with a long header waits for the handshake.
    let (mut run, sent) = early_datagram(&early, 1150);
    assert_eq!(sent, Ok(()));
    run.complete();
    assert_eq!(datagrams_received(&run), 1);
    // Without a ticket nothing is known.
    assert_eq!(early_datagram(&Early::without_ticket(), 500).1, Err(DatagramRefusal::Unsupported));
}

/// RFC 9221 section 3-8: a server that takes less than before takes no early data, and the datagram is lost like any other.
#[test]
fn a_server_that_takes_smaller_datagrams_refuses_and_the_client_goes_on() {
    for most in [0, 100, 1100] {
        let mut early = with_datagrams();
        early.server_config.datagrams.max_frame_size = most;
        let (mut run, sent) = early_datagram(&early, 500);
        assert_eq!(sent, Ok(()));
        run.complete();
        assert_eq!((datagrams_received(&run), run.fate()), (0, EarlyData::Refused), "{most}");
        let host = run.world.machine_mut(run.client);
        let connection = host.endpoint.connection_mut(host.handle.unwrap()).unwrap();
        let again = connection.send_datagram(Bytes::from(vec![7; 90]), DatagramOptions::default());
        assert_eq!(again.is_ok(), most > 0, "{most}");
        assert_eq!(connection.datagram_stats().unsent, if most > 0 { 90 } else { 0 }, "nothing waits for ever");
    }
}

/// A client that has tickets of version 2, with which it sends early data, and a server that speaks it no longer: one connection
/// fails, because what its application has said early cannot be taken back, and not one for each ticket.
#[test]
fn tickets_of_a_version_that_the_server_speaks_no_longer_are_forgotten() {
    let versions = |list: &[Version]| Versions::new(list).unwrap();
    let mut early = Early::without_ticket();
    early.client_config.versions = versions(&[Version::V1, Version::V2]);
    early.server_config.versions = versions(&[Version::V2, Version::V1]);
    early.run(1).complete();
    early.server_config.versions = versions(&[Version::V1]);
    let mut run = early.run(2);
    run.world.run_until(Instant::ZERO + Duration::from_secs(10), |_| false);
    let closed = &run.world.machine(run.client).closed;
    assert!(matches!(closed[..], [CloseReason::VersionNegotiation { .. }]), "{closed:?}");
    early.run(3).complete();
    assert_eq!(early.time(), (DELAY * 2, EarlyData::Accepted), "with a ticket of version 1");
}
