//! Whole transfers over a network that changes addresses under them.

use crate::support::{CLIENT, Exchange, Host, Pair, SERVER};
use adversary::identity;
use base::{Duration, FourTuple, Instant};
use quic::{Config, Event, MigrateError};
use sim::oracle::AmplificationChecker;
use sim::{Forger, Handle, LinkConfig, Nat, World};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

const BOTH_WAYS: Exchange = Exchange { upload: 10_000_000, download: 10_000_000 };
const DOWN: Exchange = Exchange { upload: 0, download: 10_000_000 };
const UP: Exchange = Exchange { upload: 10_000_000, download: 0 };

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn at(milliseconds: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(milliseconds)
}

pub(super) fn link(loss: f64) -> LinkConfig {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    // Ten megabytes take about two seconds.
    link.rate = Some(5_000_000);
    link.loss = loss;
    link
}

/// The outside addresses of a translator: another port each time, or another host.
fn outside(number: u16, same_host: bool) -> SocketAddr {
    let host = if same_host { 1 } else { (number % 200) as u8 + 1 };
    SocketAddr::from(([198, 51, 100, host], 10_000 + number))
}

pub(super) fn migrations(pair: &Pair, host: Handle<Host>) -> u64 {
    pair.world.machine(host).stats().migrations
}

/// A transfer through a translator that forgets its host at these moments.
fn rebound(seed: u64, exchange: Exchange, link: LinkConfig, moments: &[u64], same_host: bool) -> Pair {
    // A client that says nothing cannot be found again: only its packets open the translator.
    let client = Config { keep_alive: Some(Duration::from_secs(1)), ..Config::default() };
    let mut pair = Pair::with(seed, link, vec![exchange], client, Config::default());
    pair.world.set_step_limit(10_000_000);
    let mut nat = Nat::new(address(CLIENT), outside(0, same_host));
    for (moment, number) in moments.iter().zip(1..) {
        nat.rebind(at(*moment), outside(number, same_host));
    }
    for number in 0..=moments.len() {
        pair.world.network().set_both(outside(number as u16, same_host), address(SERVER), link);
    }
    pair.world.network().add_nat(nat);
    pair.complete(1, Duration::from_secs(600));
    pair
}

#[test]
fn a_translator_forgets_its_host_in_the_middle_of_a_transfer() {
    for (seed, exchange) in [DOWN, UP, BOTH_WAYS].into_iter().enumerate() {
        for same_host in [true, false] {
            let mut pair = rebound(seed as u64, exchange, link(0.0), &[500], same_host);
            // It came through in little more than the time it takes without.
            assert!(pair.world.now() < at(8_000), "{:?}", pair.world.now());
            assert_eq!(migrations(&pair, pair.server), 1);
            assert_eq!(migrations(&pair, pair.client), 0, "the client does not know");
            pair.world.run_for(Duration::from_secs(5));
            let server = pair.world.machine(pair.server);
            let connection = server.endpoint.connection(server.handle.unwrap()).unwrap();
            assert_eq!(connection.four_tuple().remote, outside(1, same_host));
        }
    }
}

/// RFC 9000 section 9.4-2.
#[test]
fn a_port_of_the_peer_that_changes_leaves_the_window_and_another_host_does_not() {
    // A window that no loss ends is not one to keep.
    let link = LinkConfig { queue: 100_000, ..link(0.0) };
    let window = |same_host| {
        let mut pair = Pair::new(3, link, vec![DOWN]);
        let mut nat = Nat::new(address(CLIENT), outside(0, same_host));
        nat.rebind(at(1000), outside(1, same_host));
        for number in 0..2 {
            pair.world.network().set_both(outside(number, same_host), address(SERVER), link);
        }
        pair.world.network().add_nat(nat);
        let server = pair.server;
        pair.world.run_until(at(999), |_| false);
        let mut before = pair.world.machine(server).stats();
        pair.world.run_until(at(3000), |world| {
            let stats = world.machine(server).stats();
            let has_moved = stats.migrations == 1;
            if !has_moved {
                before = stats;
            }
            has_moved
        });
        (before, pair.world.machine(server).stats())
    };
    let (before, after) = window(true);
    assert!(before.congestion_window > 50_000, "{before:?}");
    // The datagram that tells of the port acknowledges two packets at the most.
    let kept = before.congestion_window..=before.congestion_window + 2 * 1452;
    assert!(kept.contains(&after.congestion_window), "{} is not in {kept:?}", after.congestion_window);
    assert!(after.smoothed_rtt < before.smoothed_rtt * 2);
    let (_, after) = window(false);
    assert_eq!((after.congestion_window, after.mtu), (12_000, 1200));
    assert_eq!(after.smoothed_rtt, Duration::from_millis(333));
}

#[test]
fn a_hundred_rebindings_under_loss() {
    for (seed, same_host) in [(1, true), (2, false)] {
        let moments: Vec<u64> = (1..=100).map(|number| number * 350).collect();
        let mut slow = link(0.05);
        slow.rate = Some(400_000);
        let pair = rebound(seed, Exchange { upload: 5_000_000, download: 5_000_000 }, slow, &moments, same_host);
        let moves = migrations(&pair, pair.server);
        assert!((70..200).contains(&moves), "{moves} by {:?}", pair.world.now());
        assert_eq!(migrations(&pair, pair.client), 0);
    }
}

#[test]
fn the_size_of_datagrams_is_found_anew_on_another_path() {
    let mut pair = Pair::new(5, link(0.0), vec![DOWN]);
    let narrow = LinkConfig { mtu: 1300, ..link(0.0) };
    pair.world.network().set_both(outside(0, false), address(SERVER), link(0.0));
    pair.world.network().set_both(outside(1, false), address(SERVER), narrow);
    let mut nat = Nat::new(address(CLIENT), outside(0, false));
    nat.rebind(at(500), outside(1, false));
    pair.world.network().add_nat(nat);
    // Links are by true addresses.
    pair.world.run_until(at(500), |_| false);
    assert_eq!(pair.world.machine(pair.server).stats().mtu, 1452);
    pair.world.network().set_both(address(CLIENT), address(SERVER), narrow);
    pair.complete(1, Duration::from_secs(60));
    // Data goes before what looks for the size. Each size that does not fit then costs a probe timeout, and the queue that the
    // transfer has filled made that long.
    pair.world.run_for(Duration::from_secs(8));
    let mtu = pair.world.machine(pair.server).stats().mtu;
    assert!((1280..=1300).contains(&mtu), "{mtu}");
}

/// Whenever the path is left, also while it is being asked for its size: the search goes on when it is taken up again.
#[test]
fn the_size_of_datagrams_is_still_found_after_a_return() {
    for moment in (40..80).step_by(4) {
        let mut pair = Pair::new(6, link(0.0), vec![Exchange { upload: 1_000_000, download: 1_000_000 }]);
        let mut nat = Nat::new(address(CLIENT), outside(0, false));
        nat.rebind(at(moment), outside(1, false));
        nat.rebind(at(moment + 100), outside(0, false));
        for number in 0..2 {
            pair.world.network().set_both(outside(number, false), address(SERVER), link(0.0));
        }
        pair.world.network().add_nat(nat);
        pair.complete(1, Duration::from_secs(60));
        let stats = pair.world.machine(pair.server).stats();
        assert_eq!(stats.mtu, 1452, "{moment}: {stats:?}");
    }
}

/// RFC 9000 section 9.3.2: copies that arrive before the originals, from addresses where nobody can answer. No such address
/// is sent more than three times what came from it, and the transfer goes on.
/// RFC 9000 section 9.3-2, 9.3.3-1.
#[test]
fn a3_copied_packets_draw_nothing_away() {
    let here = address(CLIENT);
    for (seed, every, names) in [(1, 1, 1), (2, 1, 50), (3, 7, 1), (4, 50, 1000)] {
        for exchange in [DOWN, UP] {
            let mut pair = Pair::new(seed, link(0.01), vec![exchange]);
            pair.world.set_step_limit(10_000_000);
            let names = (0..names).map(|number| outside(number, number % 2 == 0)).collect();
            let mut forger = Forger::new(here, names, Duration::from_millis(1));
            forger.every = every;
            forger.span = (at(300), at(2300));
            pair.world.network().add_forger(forger);
            let oracle = Rc::new(RefCell::new(AmplificationChecker::new()));
            let seen = oracle.clone();
            pair.world.observe(move |seen_now| match (seen_now.is_sent, seen_now.four_tuple) {
                (_, FourTuple { remote, .. }) if remote == here => {}
                (true, FourTuple { local, remote }) if local == address(SERVER) => {
                    seen.borrow_mut().on_sent(remote, seen_now.payload.len());
                }
                (false, FourTuple { local, remote }) if local == address(SERVER) => {
                    seen.borrow_mut().on_received(remote, seen_now.payload.len());
                }
                _ => {}
            });
            pair.complete(1, Duration::from_secs(120));
            // There, and back when nobody answered there or the client was faster.
            assert!(migrations(&pair, pair.server) >= 2);
            pair.world.run_for(Duration::from_secs(8));
            let server = pair.world.machine(pair.server);
            let connection = server.endpoint.connection(server.handle.unwrap()).unwrap();
            assert_eq!(connection.four_tuple().remote, here, "it is back where the client is");
        }
    }
}

/// The copy is the last packet that comes for a while: nobody contradicts it until the client says something again, and yet
/// the answer to what it asked before reaches it, because validation fails.
/// RFC 9000 section 9.3.2-1, 9.3.3-1.
#[test]
fn a_single_copied_packet_costs_a_timeout_at_most() {
    let mut pair = Pair::new(9, link(0.0), vec![Exchange { upload: 100, download: 3_000_000 }]);
    let mut forger = Forger::new(address(CLIENT), vec![outside(1, false)], Duration::from_millis(1));
    forger.span = (at(200), at(300));
    pair.world.network().add_forger(forger);
    pair.complete(1, Duration::from_secs(20));
    assert!(pair.world.now() < at(8_000), "{:?}", pair.world.now());
}

pub(super) fn two_homed(seed: u64, link: LinkConfig, exchanges: Vec<Exchange>, second: SocketAddr) -> Pair {
    many_homed(seed, link, exchanges, &[second])
}

/// A client with other addresses beside its first.
pub(super) fn many_homed(seed: u64, link: LinkConfig, exchanges: Vec<Exchange>, others: &[SocketAddr]) -> Pair {
    let mut world = World::new(seed);
    world.set_step_limit(10_000_000);
    let addresses = [&[address(CLIENT)], others].concat();
    for client in &addresses {
        world.network().set_both(*client, address(SERVER), link);
    }
    let (client_tls, server_tls) = identity::pair().clone();
    let (client_random, server_random) = (world.fork_random(), world.fork_random());
    let server = Host::server(Instant::ZERO, server_random, Config::default(), server_tls);
    let client = Host::client(Instant::ZERO, client_random, Config::default(), client_tls, exchanges);
    let server = world.add(&[address(SERVER)], server);
    let client = world.add(&addresses, client);
    Pair { world, client, server }
}

pub(super) fn migrate(pair: &mut Pair, to: SocketAddr) -> Result<(), MigrateError> {
    let now = pair.world.now();
    let host = pair.world.machine_mut(pair.client);
    host.endpoint.connection_mut(host.handle.unwrap()).unwrap().migrate(now, to)
}

/// RFC 9000 section 19.16-2.
#[test]
fn a_client_moves_to_another_address_and_back_again_and_again() {
    let second = address("203.0.113.7:1234");
    // Two challenges in a row are lost with one seed in some.
    for (seed, loss) in [(1, 0.0), (4, 0.05)] {
        let mut pair = two_homed(seed, link(loss), vec![BOTH_WAYS], second);
        pair.world.run_until(at(300), |_| false);
        let mut moved = 0;
        for number in 0..8 {
            let to = if number % 2 == 0 { second } else { address(CLIENT) };
            match migrate(&mut pair, to) {
                Ok(()) => moved += 1,
                Err(error) => assert_eq!(error, MigrateError::InUse),
            }
            pair.world.run_for(Duration::from_secs(4));
        }
        pair.complete(1, Duration::from_secs(120));
        let client = pair.world.machine(pair.client);
        let done = client.migrations.iter().filter(|event| matches!(event, Event::Migrated(_))).count();
        assert!(moved >= 4 && done == client.migrations.len() && done == moved, "{moved}: {:?}", client.migrations);
        let Some(Event::Migrated(last)) = client.migrations.last().cloned() else { panic!("it moved") };
        pair.world.run_for(Duration::from_secs(5));
        let server = pair.world.machine(pair.server);
        let connection = server.endpoint.connection(server.handle.unwrap()).unwrap();
        assert_eq!(connection.four_tuple().remote, last.local);
    }
}

/// RFC 9000 section 5.1-1, 9.5-2, 9.5-3: no ID is used from two addresses, and none is used to two.
#[test]
fn a_client_that_moves_cannot_be_recognized_by_its_ids() {
    let second = address("203.0.113.7:1234");
    let mut pair = two_homed(3, link(0.0), vec![BOTH_WAYS], second);
    let ids = Rc::new(RefCell::new(Vec::<(Vec<u8>, SocketAddr)>::new()));
    let seen = ids.clone();
    pair.world.observe(move |now| {
        // Short headers only: the handshake's IDs are no secret.
        if now.is_sent && now.payload[0] & 0x80 == 0 {
            let FourTuple { local, remote } = now.four_tuple;
            let client = if local == address(SERVER) { remote } else { local };
            let entry = (now.payload[1..9].to_vec(), client);
            let mut seen = seen.borrow_mut();
            if !seen.contains(&entry) {
                seen.push(entry);
            }
        }
    });
    pair.world.run_until(at(300), |_| false);
    migrate(&mut pair, second).unwrap();
    pair.complete(1, Duration::from_secs(20));
    let ids = ids.borrow();
    for (id, client) in &*ids {
        assert!(ids.iter().all(|(other, at)| other != id || at == client), "{id:?}");
    }
    assert!(ids.len() >= 4, "one each way on each path");
}

#[test]
fn a_way_that_does_not_work_is_not_taken() {
    let second = address("203.0.113.7:1234");
    let mut pair = two_homed(4, link(0.0), vec![DOWN], second);
    let mut dead = link(0.0);
    dead.loss = 1.0;
    pair.world.network().set_link(address(SERVER), second, dead);
    pair.world.run_until(at(300), |_| false);
    migrate(&mut pair, second).unwrap();
    assert_eq!(migrate(&mut pair, second), Err(MigrateError::InUse));
    // Told after three times the probe timeout of a path that nothing is known of (RFC 9000 s8.2.4).
    let client = pair.client;
    pair.world.run_until(at(10_000), |world| !world.machine(client).migrations.is_empty());
    assert!(pair.world.now() <= at(300 + 3 * 1025), "{:?}", pair.world.now());
    pair.complete(1, Duration::from_secs(20));
    pair.world.run_for(Duration::from_secs(5));
    let four_tuple = FourTuple { local: second, remote: address(SERVER) };
    assert_eq!(pair.world.machine(pair.client).migrations, [Event::MigrationFailed(four_tuple)]);
    assert_eq!((migrations(&pair, pair.client), migrations(&pair, pair.server)), (0, 0));
    // What the server tried there came to nothing, either.
    assert!(pair.world.machine(pair.client).closed.is_empty());
    assert_eq!(pair.world.machine(pair.server).stats().bytes_in_flight, 0);
}

/// RFC 9000 section 9-1.
#[test]
fn who_may_migrate_and_when() {
    let second = address("203.0.113.7:1234");
    let at_port = |port| SocketAddr::new(second.ip(), port);
    let mut pair = many_homed(5, link(0.0), vec![], &[at_port(1), at_port(2), second]);
    assert_eq!(migrate(&mut pair, second), Err(MigrateError::NotConfirmed));
    pair.world.run_until(at(300), |_| false);
    assert_eq!(migrate(&mut pair, address(CLIENT)), Err(MigrateError::InUse));
    let now = pair.world.now();
    let host = pair.world.machine_mut(pair.server);
    let server = host.endpoint.connection_mut(host.handle.unwrap()).unwrap();
    assert_eq!(server.migrate(now, address(SERVER)), Err(MigrateError::Server));
    // The server gave four IDs, of which one is in use.
    for port in [1, 2, second.port()] {
        assert_eq!(migrate(&mut pair, at_port(port)), Ok(()));
    }
    let Err(MigrateError::NoConnectionId { after: Some(after) }) = migrate(&mut pair, at_port(4)) else {
        panic!("no ID is left")
    };
    assert!(after > Duration::from_secs(1) && after < Duration::from_secs(5), "{after:?}");
    // What is refused takes nothing back.
    pair.world.run_for(Duration::from_secs(5));
    let four_tuple = FourTuple { local: second, remote: address(SERVER) };
    assert_eq!(pair.world.machine(pair.client).migrations, [Event::Migrated(four_tuple)]);
}

/// A client may move as fast as paths that were left are forgotten, and is told how long that takes: here three moves in three
/// probe timeouts and a round trip, where both ends know the way.
#[test]
fn a_client_that_has_no_id_left_is_told_when_to_try_again() {
    let others: Vec<SocketAddr> = (1..=30).map(|port| SocketAddr::new(address(CLIENT).ip(), port)).collect();
    let mut pair = many_homed(9, link(0.0), vec![], &others);
    pair.world.run_until(at(300), |_| false);
    let mut waits = Vec::new();
    for (number, other) in others.iter().enumerate() {
        while let Err(error) = migrate(&mut pair, *other) {
            let MigrateError::NoConnectionId { after: Some(after) } = error else { panic!("{error}") };
            assert!(after <= Duration::from_secs(4), "{after:?}");
            waits.push(after);
            assert!(waits.len() < 40, "{waits:?}");
            pair.world.run_for(after);
        }
        pair.world.run_for(Duration::from_millis(100));
        assert_eq!(pair.world.machine(pair.client).migrations.len(), number + 1);
    }
    let done = |event: &Event| matches!(event, Event::Migrated(_));
    assert!(pair.world.machine(pair.client).migrations.iter().all(done));
    println!("30 moves in {:?}, {} waits, the longest {:?}", pair.world.now(), waits.len(), waits.iter().max());
    assert!(pair.world.now() < at(30_000), "{:?}", pair.world.now());
}

/// RFC 9000 section 9-2, 9-3, 18.2-3.
#[test]
fn a_server_that_forbids_migration_is_obeyed_but_follows_a_translator() {
    let asks = Config { disable_active_migration: true, ..Config::default() };
    let mut pair = Pair::with(6, link(0.0), vec![DOWN], Config::default(), asks);
    let mut nat = Nat::new(address(CLIENT), outside(0, true));
    nat.rebind(at(500), outside(1, true));
    pair.world.network().add_nat(nat);
    pair.world.run_until(at(300), |_| false);
    assert_eq!(migrate(&mut pair, address("203.0.113.7:1234")), Err(MigrateError::Disabled));
    pair.complete(1, Duration::from_secs(20));
    assert_eq!(migrations(&pair, pair.server), 1);
}
