//! The server's preferred address (RFC 9000 section 9.6): whole connections over a network on which it works or does not.

use crate::support::{Exchange, Host, Pair};
use adversary::identity;
use base::{Duration, FourTuple, Instant};
use quic::{Config, Event, MigrateError, PreferredAddresses};
use sim::oracle::AmplificationChecker;
use sim::{Handle, LinkConfig, World};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;

const BOTH_WAYS: Exchange = Exchange { upload: 2_000_000, download: 2_000_000 };

/// Where everybody is, in one address family.
#[derive(Clone, Copy)]
struct Places {
    client: SocketAddr,
    second: SocketAddr,
    server: SocketAddr,
    preferred: SocketAddr,
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ipv4() -> Places {
    Places {
        client: address("192.0.2.1:50000"),
        second: address("203.0.113.7:1234"),
        server: address("192.0.2.2:443"),
        preferred: address("198.51.100.2:4443"),
    }
}

fn ipv6() -> Places {
    Places {
        client: address("[2001:db8:1::1]:50000"),
        second: address("[2001:db8:7::7]:1234"),
        server: address("[2001:db8::2]:443"),
        preferred: address("[2001:db8:2::2]:4443"),
    }
}

/// The server prefers an address of each family.
fn preferred() -> PreferredAddresses {
    let (SocketAddr::V4(one), SocketAddr::V6(other)) = (ipv4().preferred, ipv6().preferred) else { unreachable!() };
    PreferredAddresses { ipv4: Some(one), ipv6: Some(other) }
}

fn prefers() -> Config {
    Config { preferred_address: preferred(), ..Config::default() }
}

fn at(milliseconds: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(milliseconds)
}

fn link(loss: f64) -> LinkConfig {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.rate = Some(2_000_000);
    link.loss = loss;
    link
}

fn dead() -> LinkConfig {
    link(1.0)
}

fn pair(seed: u64, places: Places, loss: f64, client: Config, server: Config) -> Pair {
    let mut world = World::new(seed);
    world.set_step_limit(10_000_000);
    for from in [places.client, places.second] {
        for to in [places.server, places.preferred] {
            world.network().set_both(from, to, link(loss));
        }
    }
    let (client_tls, server_tls) = identity::pair().clone();
    let (client_random, server_random) = (world.fork_random(), world.fork_random());
    let server = Host::server(Instant::ZERO, server_random, server, server_tls);
    let mut client = Host::idle_client(Instant::ZERO, client_random, client);
    let path = FourTuple { local: places.client, remote: places.server };
    client.connect(Instant::ZERO, client_tls, path, vec![BOTH_WAYS]);
    let server = world.add(&[places.server, places.preferred], server);
    let client = world.add(&[places.client, places.second], client);
    Pair { world, client, server }
}

fn four_tuple(pair: &Pair, host: Handle<Host>) -> FourTuple {
    let host = pair.world.machine(host);
    host.endpoint.connection(host.handle.unwrap()).unwrap().four_tuple()
}

fn events(pair: &Pair) -> Vec<Event> {
    pair.world.machine(pair.client).migrations.clone()
}

fn migrate(pair: &mut Pair, to: SocketAddr) -> Result<(), MigrateError> {
    let now = pair.world.now();
    let host = pair.world.machine_mut(pair.client);
    host.endpoint.connection_mut(host.handle.unwrap()).unwrap().migrate(now, to)
}

/// Runs until the handshake is confirmed at the client.
fn confirm(pair: &mut Pair) {
    let client = pair.client;
    pair.world.run_until(at(5_000), |world| world.machine(client).confirmed);
}

/// Nothing failed, and all that was sent was acknowledged.
fn assert_sound(pair: &mut Pair) {
    pair.world.run_for(Duration::from_secs(8));
    for host in [pair.client, pair.server] {
        let host = pair.world.machine(host);
        assert!(host.closed.is_empty(), "{:?}", host.closed);
        assert_eq!(host.stats().bytes_in_flight, 0);
    }
}

/// RFC 9000 section 9.6.2-1, 9.6.2-3.
#[test]
fn a_client_goes_to_the_preferred_address_of_its_family_whatever_is_lost() {
    for (places, loss) in [(ipv4(), 0.0), (ipv6(), 0.0), (ipv4(), 0.05), (ipv6(), 0.1)] {
        for seed in 1..=4 {
            let mut pair = pair(seed, places, loss, Config::default(), prefers());
            pair.complete(1, Duration::from_secs(60));
            assert_sound(&mut pair);
            let path = FourTuple { local: places.client, remote: places.preferred };
            if loss == 0.0 {
                assert_eq!(events(&pair), [Event::PeerMoved(path)], "{seed}");
            }
            match &events(&pair)[..] {
                [Event::PeerMoved(arrived)] => {
                    assert_eq!((*arrived, four_tuple(&pair, pair.client)), (path, path), "{seed}");
                    assert_eq!(four_tuple(&pair, pair.server).local, places.preferred, "{seed}");
                }
                // Four challenges or their answers in a row were lost.
                [Event::PreferredAddressFailed(missed)] => {
                    assert_eq!((*missed, four_tuple(&pair, pair.server).local), (path, places.server), "{seed}");
                }
                other => panic!("{seed}: {other:?}"),
            }
            // The client's address is what it was, so there is nothing to tell of it.
            assert_eq!(pair.world.machine(pair.server).migrations, [], "{seed}");
        }
    }
}

/// The server has chosen that address, and may have named somebody else's: it is sent one datagram at first, as it is by a server
/// that follows.
#[test]
fn an_address_that_a_server_names_is_asked_once_at_first() {
    let places = ipv4();
    let mut pair = pair(1, places, 0.0, Config::default(), prefers());
    pair.world.network().set_both(places.client, places.preferred, dead());
    let times = Rc::new(RefCell::new(Vec::new()));
    let seen = times.clone();
    pair.world.observe(move |now| {
        if now.is_sent && now.four_tuple == (FourTuple { local: places.client, remote: places.preferred }) {
            seen.borrow_mut().push(now.now);
        }
    });
    pair.complete(1, Duration::from_secs(60));
    assert_sound(&mut pair);
    let times = times.borrow();
    let [first, second, third, fourth] = times[..] else { panic!("{times:?}") };
    let interval = second - first;
    assert!(interval > Duration::from_millis(990) && third == second, "{times:?}");
    assert_eq!(fourth - second, interval);
}

/// What is seen on the wire: the server sends nothing but probes from the preferred address before the client has come there
/// and the server has proved it, no more than three times what came until then, and nothing from the address before afterwards.
/// No ID is used on two paths (section 9.5).
/// RFC 9000 section 5.1-1, 9.5-2, 9.5-3, 9.6.2-2.
#[test]
fn what_an_observer_sees_of_the_way_to_the_preferred_address() {
    for (seed, loss) in [(1, 0.0), (2, 0.02), (3, 0.05)] {
        let places = ipv4();
        let mut pair = pair(seed, places, loss, Config::default(), prefers());
        let oracle = Rc::new(RefCell::new(AmplificationChecker::new()));
        let ids = Rc::new(RefCell::new(BTreeMap::<Vec<u8>, FourTuple>::new()));
        let last_from_before = Rc::new(RefCell::new(Instant::ZERO));
        let (checked, known, late) = (oracle.clone(), ids.clone(), last_from_before.clone());
        // Whether the client has heard of the preferred address, and has said something after that: its answer.
        let (mut has_heard, mut has_answered) = (false, false);
        pair.world.observe(move |seen| {
            let FourTuple { local, remote } = seen.four_tuple;
            let path =
                if local == places.client { seen.four_tuple } else { FourTuple { local: remote, remote: local } };
            if seen.is_sent && seen.payload[0] & 0x80 == 0 {
                let id = seen.payload[1..9].to_vec();
                assert_eq!(*known.borrow_mut().entry(id).or_insert(path), path, "an ID on two paths");
            }
            has_heard |= !seen.is_sent && remote == places.preferred;
            has_answered |= has_heard && seen.is_sent && remote == places.preferred;
            match (seen.is_sent, local) {
                (true, local) if local == places.preferred => {
                    checked.borrow_mut().on_sent(remote, seen.payload.len());
                }
                (false, local) if local == places.preferred => {
                    let mut checked = checked.borrow_mut();
                    checked.on_received(remote, seen.payload.len());
                    if has_answered {
                        checked.on_validated(remote);
                    }
                }
                (true, local) if local == places.server => *late.borrow_mut() = seen.now,
                _ => {}
            }
        });
        pair.complete(1, Duration::from_secs(60));
        assert_eq!(four_tuple(&pair, pair.server).local, places.preferred);
        let end = pair.world.now();
        assert!(*last_from_before.borrow() + Duration::from_millis(400) < end, "{seed}: it stayed where it was");
        let paths: std::collections::BTreeSet<_> = ids.borrow().values().map(|path| path.remote).collect();
        assert_eq!(paths.len(), 2, "{seed}");
    }
}

/// RFC 9000 section 9.6.1-4.
#[test]
fn a_preferred_address_that_does_not_work_changes_nothing() {
    for places in [ipv4(), ipv6()] {
        for (there, back) in [(dead(), link(0.0)), (link(0.0), dead()), (dead(), dead())] {
            let mut pair = pair(1, places, 0.0, Config::default(), prefers());
            pair.world.network().set_link(places.client, places.preferred, there);
            pair.world.network().set_link(places.preferred, places.client, back);
            pair.complete(1, Duration::from_secs(20));
            assert_sound(&mut pair);
            let missed = FourTuple { local: places.client, remote: places.preferred };
            assert_eq!(events(&pair), [Event::PreferredAddressFailed(missed)]);
            assert_eq!(four_tuple(&pair, pair.client).remote, places.server);
            assert_eq!(four_tuple(&pair, pair.server).local, places.server);
            // Its ID was given back, and another one is there to move with, again and again.
            for to in [places.second, places.client, places.second] {
                migrate(&mut pair, to).unwrap();
                pair.world.run_for(Duration::from_secs(5));
                assert_eq!(four_tuple(&pair, pair.client), FourTuple { local: to, remote: places.server });
            }
        }
    }
}

#[test]
fn who_does_not_want_it_stays_and_may_use_its_id() {
    let places = ipv4();
    for (client, server) in [
        (Config { use_preferred_address: false, ..Config::default() }, prefers()),
        (
            Config::default(),
            Config { preferred_address: PreferredAddresses { ipv4: None, ..preferred() }, ..prefers() },
        ),
    ] {
        let mut pair = pair(2, places, 0.0, client, server);
        pair.world.observe(move |seen| assert!(seen.four_tuple.remote != places.preferred, "nobody goes there"));
        confirm(&mut pair);
        pair.world.run_for(Duration::from_millis(100));
        // RFC 9000 s9.6.3.
        migrate(&mut pair, places.second).unwrap();
        pair.complete(1, Duration::from_secs(20));
        let moved = FourTuple { local: places.second, remote: places.server };
        assert_eq!(events(&pair), [Event::Migrated(moved)]);
        assert_sound(&mut pair);
        // The server's application is told where its client is, once.
        let told = FourTuple { local: places.server, remote: places.second };
        assert_eq!(pair.world.machine(pair.server).migrations, [Event::PeerMoved(told)]);
    }
}

/// RFC 9000 section 9-2, 18.2-3: what the server asks of its clients concerns the address of the handshake.
#[test]
fn a_server_that_forbids_migration_is_moved_from_at_its_preferred_address() {
    let places = ipv4();
    let server = Config { disable_active_migration: true, ..prefers() };
    let mut pair = pair(3, places, 0.0, Config::default(), server);
    confirm(&mut pair);
    assert_eq!(migrate(&mut pair, places.second), Err(MigrateError::Disabled));
    let client = pair.client;
    pair.world.run_until(at(5_000), |world| !world.machine(client).migrations.is_empty());
    assert_eq!(migrate(&mut pair, places.second), Ok(()));
    pair.complete(1, Duration::from_secs(20));
    let path = |local| FourTuple { local, remote: places.preferred };
    let expected = [Event::PeerMoved(path(places.client)), Event::Migrated(path(places.second))];
    assert_eq!(events(&pair), expected);
    assert_sound(&mut pair);
    assert_eq!(four_tuple(&pair, pair.server), FourTuple { local: places.preferred, remote: places.second });
}

/// RFC 9000 section 9.6.3-2, 9.6.3-4.
#[test]
fn a_client_that_moves_at_once_tries_both_ways_from_where_it_goes() {
    let places = ipv4();
    let path = |remote| FourTuple { local: places.second, remote };
    // After so many milliseconds from the confirmation, with these links from the new address to the server and to its preferred
    // address.
    for wait in [0, 5, 15] {
        for (to_server, to_preferred, expected) in [
            (
                link(0.0),
                link(0.0),
                vec![Event::Migrated(path(places.preferred)), Event::PeerMoved(path(places.preferred))],
            ),
            (
                dead(),
                link(0.0),
                vec![Event::Migrated(path(places.preferred)), Event::PeerMoved(path(places.preferred))],
            ),
            (
                link(0.0),
                dead(),
                vec![Event::Migrated(path(places.server)), Event::PreferredAddressFailed(path(places.preferred))],
            ),
        ] {
            let mut pair = pair(4, places, 0.0, Config::default(), prefers());
            pair.world.network().set_both(places.second, places.server, to_server);
            pair.world.network().set_both(places.second, places.preferred, to_preferred);
            confirm(&mut pair);
            pair.world.run_for(Duration::from_millis(wait));
            assert_eq!(events(&pair), [], "{wait}: too late for this test");
            migrate(&mut pair, places.second).unwrap();
            pair.complete(1, Duration::from_secs(20));
            assert_sound(&mut pair);
            let told = events(&pair);
            // The way to the server may answer first; then the client goes on to where the server would rather be.
            let also = [Event::Migrated(path(places.server)), Event::PeerMoved(path(places.preferred))];
            assert!(told == expected || (to_server.loss == 0.0 && told == also), "{wait}: {told:?}");
            let last = if to_preferred.loss == 0.0 { places.preferred } else { places.server };
            assert_eq!(four_tuple(&pair, pair.client), path(last), "{wait}");
            assert_eq!(four_tuple(&pair, pair.server), FourTuple { local: last, remote: places.second }, "{wait}");
        }
    }
}

/// Either end has so few IDs to give that nothing is left for the preferred address at first.
#[test]
fn the_preferred_address_needs_no_more_than_two_ids() {
    let places = ipv4();
    let few = || Config { active_connection_id_limit: 2, ..Config::default() };
    for (client, server) in
        [(few(), prefers()), (Config::default(), Config { preferred_address: preferred(), ..few() })]
    {
        let mut pair = pair(5, places, 0.0, client, server);
        pair.complete(1, Duration::from_secs(20));
        assert_sound(&mut pair);
        assert_eq!(four_tuple(&pair, pair.client).remote, places.preferred);
        assert_eq!(four_tuple(&pair, pair.server).local, places.preferred);
    }
}

/// Thousands of packets overtake the probes, and what tells of those is acknowledged and forgotten before the probes come: they are
/// found and taken all the same.
#[test]
fn a_way_that_is_a_hundred_times_slower_than_the_one_in_use_is_found_to_work() {
    let places = ipv4();
    let fast = LinkConfig { rate: Some(60_000_000), queue: 1_000_000, ..LinkConfig::new(Duration::from_micros(200)) };
    let mut pair = pair(6, places, 0.0, Config::default(), prefers());
    pair.world.network().set_both(places.client, places.server, fast);
    pair.world.network().set_both(places.client, places.preferred, LinkConfig::new(Duration::from_millis(20)));
    let client = pair.client;
    pair.world.run_until(at(2_000), |world| !world.machine(client).migrations.is_empty());
    let path = FourTuple { local: places.client, remote: places.preferred };
    assert_eq!(events(&pair), [Event::PeerMoved(path)]);
    assert!(pair.world.now() < at(60), "at the first try: {:?}", pair.world.now());
    pair.complete(1, Duration::from_secs(20));
    assert_sound(&mut pair);
}
