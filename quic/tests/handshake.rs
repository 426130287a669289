//! Handshakes on virtual time.

extern crate posthaste_quic as quic;

mod support;

use adversary::identity;
use base::{Duration, FourTuple, Instant};
use quic::Config;
use sim::{AmplificationChecker, Forger, LinkConfig, LinkStats, LossMask, Nat, World};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use support::{CLIENT, Exchange, Pair, SERVER};

fn link() -> LinkConfig {
    LinkConfig::new(Duration::from_millis(20))
}

fn patient() -> Config {
    let seconds = Duration::from_secs;
    Config { handshake_timeout: seconds(120), max_idle_timeout: seconds(120), ..Config::default() }
}

/// RFC 9000 section 7.2-1, 7.2-5, 13.2.6-1.
/// RFC 9001 section 4.1.2-1.
#[test]
fn a_handshake_takes_one_round_trip_and_is_confirmed_after_two() {
    let mut pair = Pair::new(1, link(), vec![]);
    let (client, server) = (pair.client, pair.server);
    pair.world.run_until(Instant::from_nanos(10_000_000_000), |world| {
        world.machine(client).confirmed && world.machine(server).confirmed
    });
    let now = pair.world.now();
    assert!(pair.world.machine(client).established && pair.world.machine(server).established);
    assert_eq!(now.as_nanos(), 80_000_000, "two round trips of 40 ms");
}

#[test]
fn an_exchange_completes() {
    let mut pair = Pair::new(2, link(), vec![Exchange { upload: 10, download: 100_000 }]);
    pair.complete(1, Duration::from_secs(5));
}

/// RFC 9000 section 8.1-5, 8.1-6, 13.3-3.
/// RFC 9001 section 4-1, 4.9-1, 4.9-2.
/// RFC 9002 section 6.2.4-1, 6.2.4-3, 6.2.2.1-3.
#[test]
fn every_loss_pattern_of_the_first_ten_datagrams_completes() {
    // The tenth datagram goes out after half a minute of doubled timers, so both ends must be that patient.
    for mask in LossMask::all(10) {
        let exchanges = vec![Exchange { upload: 10, download: 1000 }];
        let mut pair = Pair::with(3, link(), exchanges, patient(), patient());
        pair.world.network().set_loss_mask(mask);
        pair.complete(1, Duration::from_secs(120));
    }
}

/// RFC 9002 s6.2.2: the probe timeout of an end that has measured nothing.
const FIRST_TIMEOUT: u64 = 999;

fn downlink(world: &mut World) -> LinkStats {
    *world.network().link(SERVER.parse().expect("an address"), CLIENT.parse().expect("an address")).stats()
}

fn request() -> Vec<Exchange> {
    vec![Exchange { upload: 10, download: 1000 }]
}

/// When, in milliseconds, the handshake was complete at the client, and when the exchange was done, if `lost` of the first
/// datagrams are.
fn with_lost(identity: &identity::Pair, lost: &[u64]) -> (u64, u64) {
    let (client, server) = (Config::default(), Config::default());
    let mut pair = Pair::with_identity(identity, 3, link(), request(), client, server);
    pair.world.network().set_loss_mask(LossMask(lost.iter().fold(0, |mask, number| mask | 1 << number)));
    let (client, server) = (pair.client, pair.server);
    let in_ms = |time: Instant| time.as_nanos() / 1_000_000;
    let mut established = None;
    pair.world.run_until(Instant::ZERO + Duration::from_secs(60), |world| {
        if world.machine(client).established {
            established.get_or_insert(world.now());
        }
        world.machine(client).completed == 1 && world.machine(server).completed == 1
    });
    assert_eq!(pair.world.machine(client).completed, 1);
    (in_ms(established.expect("it was complete before")), in_ms(pair.world.now()))
}

/// What a lost flight costs is a probe timeout, and no round trip beyond.
#[test]
fn r12_a_lost_flight_costs_one_timeout_and_no_round_trip_more() {
    let with_lost = |lost: &[u64]| with_lost(identity::classical(), lost);
    assert_eq!(with_lost(&[]), (40, 80));
    let ends = with_lost(&[0]);
    assert_eq!(ends, (40 + FIRST_TIMEOUT, 80 + FIRST_TIMEOUT), "the ClientHello");
    // The client asks again before the server repeats; both take effect at the same time.
    assert_eq!(with_lost(&[1]), (40 + FIRST_TIMEOUT, 80 + FIRST_TIMEOUT), "the server's flight");
    // The client has measured 40 ms: three times that. Request and Finished go together, so the answer comes at once.
    assert_eq!(with_lost(&[2]), (40, 80 + 120), "Finished and the request");
}

/// The hybrid's ClientHello and ServerHello are two datagrams each. The loss of both costs a probe timeout, and that of one
/// less, because the other is acknowledged.
#[test]
fn r12_half_a_flight_that_is_lost_costs_less_than_all_of_it() {
    let with_lost = |lost: &[u64]| with_lost(identity::pair(), lost);
    // A round trip and an eighth, if something later is acknowledged, or else a probe timeout of what was measured.
    let (late, probe) = (45, 120);
    assert_eq!(with_lost(&[]), (40, 80));
    assert_eq!(with_lost(&[0, 1]), (40 + FIRST_TIMEOUT, 80 + FIRST_TIMEOUT), "the ClientHello");
    assert_eq!(with_lost(&[0]), (40 + late, 80 + late), "the first half of the ClientHello");
    assert_eq!(with_lost(&[1]), (40 + probe, 80 + probe), "the second half of the ClientHello");
    assert_eq!(with_lost(&[2, 3]), (40 + FIRST_TIMEOUT, 80 + FIRST_TIMEOUT), "the server's flight");
    // What comes beside the second half of the ServerHello comes before its keys. The client asks for it at once.
    assert_eq!(with_lost(&[2]), (2 * 40, 3 * 40), "the first half of the ServerHello");
    // The first half is acknowledged, and what was beside the second goes again a round trip and a half after it went.
    assert_eq!(with_lost(&[3]), (20 + 60 + 20, 20 + 60 + 60), "the second half of the ServerHello");
}

/// Where nothing is lost, nothing goes again: at every round trip below the first timeout, and where the datagrams of a flight
/// come one after the other, as many datagrams are sent as at the shortest.
#[test]
fn a_path_without_faults_sees_nothing_twice() {
    for identity in [identity::classical(), identity::pair()] {
        let sent = |delay: u64, rate: Option<u64>| {
            let link = LinkConfig { rate, ..LinkConfig::new(Duration::from_millis(delay)) };
            let mut pair = Pair::with_identity(identity, 3, link, vec![], Config::default(), Config::default());
            let (client, server) = (pair.client, pair.server);
            pair.world.run_until(Instant::ZERO + Duration::from_secs(20), |world| {
                world.machine(client).confirmed && world.machine(server).confirmed
            });
            let timeouts: u64 = [client, server].iter().map(|host| stats(&pair, *host).probe_timeouts).sum();
            let crypto: u64 = [client, server].iter().map(|host| stats(&pair, *host).datagrams_sent).sum();
            assert_eq!(timeouts, 0, "{delay} ms, {rate:?}");
            crypto
        };
        let least = sent(1, None);
        for delay in [5, 20, 50, 100, 200, 300, 450] {
            assert_eq!(sent(delay, None), least, "{delay} ms");
            // A megabit a second: ten milliseconds for a datagram.
            let slow = sent(delay, Some(125_000));
            assert!(slow <= least + 2, "{delay} ms: {slow} datagrams instead of {least}");
        }
    }
}

fn stats(pair: &Pair, host: sim::Handle<support::Host>) -> quic::Stats {
    let host = pair.world.machine(host);
    host.endpoint.connection(host.handle.expect("a connection")).expect("it is open").stats()
}

/// Of a server that hears nothing but ClientHellos, and whose first datagrams are all lost: each probe has both packets, so the
/// first that arrives completes the handshake.
#[test]
fn r12_every_probe_carries_initial_and_handshake_packets() {
    let here: SocketAddr = CLIENT.parse().expect("an address");
    for lost in 1..=8 {
        let mut pair = Pair::with_identity(identity::classical(), 3, link(), request(), patient(), patient());
        let (client, server) = (pair.client, pair.server);
        let patience = Instant::ZERO + Duration::from_secs(200);
        pair.set_downlink(LinkConfig { loss: 1.0, ..link() });
        pair.world.run_until(patience, |world| downlink(world).lost >= lost);
        assert!(!pair.world.machine(server).established);
        pair.set_downlink(link());
        // What is smaller is an acknowledgment of what the client repeats.
        let probes = Rc::new(RefCell::new(0));
        let seen = probes.clone();
        pair.world.observe(move |datagram| {
            let is_probe = datagram.is_sent && datagram.four_tuple.remote == here && datagram.payload.len() >= 1200;
            *seen.borrow_mut() += u32::from(is_probe);
        });
        pair.world.run_until(patience, |_| *probes.borrow() > 0);
        let sent = pair.world.now();
        pair.world.run_until(patience, |world| world.machine(client).completed == 1);
        // One way for the probe, one for Finished and the request, one for the answer.
        assert_eq!(pair.world.now() - sent, link().delay * 3, "{lost} lost or more");
    }
}

/// A translator on the way gives the client another port while the handshake goes on: whenever that is, it costs one probe
/// timeout at most, and a round trip in which the server asks whether the client is there.
/// RFC 9000 section 8.1-2, 9-4.
#[test]
fn another_port_at_any_moment_of_the_handshake_costs_one_probe_timeout() {
    for moment in (0..130).step_by(3) {
        for exchange in
            [None, Some(Exchange { upload: 10, download: 1000 }), Some(Exchange { upload: 50_000, download: 10 })]
        {
            let mut pair = Pair::new(3, link(), exchange.into_iter().collect());
            let outside = |port| SocketAddr::from(([198, 51, 100, 1], port));
            let mut nat = Nat::new(CLIENT.parse().expect("an address"), outside(1000));
            nat.rebind(Instant::ZERO + Duration::from_millis(moment), outside(2000));
            pair.world.network().add_nat(nat);
            let (client, server, count) = (pair.client, pair.server, usize::from(exchange.is_some()));
            let is_done = |world: &mut World| {
                [client, server]
                    .iter()
                    .all(|host| world.machine(*host).confirmed && world.machine(*host).completed == count)
            };
            pair.world.run_until(Instant::ZERO + Duration::from_secs(60), is_done);
            let now = pair.world.now();
            let closed = &pair.world.machine(client).closed;
            assert!(
                now <= Instant::ZERO + Duration::from_millis(FIRST_TIMEOUT + 4 * 40 + 40),
                "{moment} ms, {exchange:?}: {now:?} {closed:?}"
            );
        }
    }
}

/// Somebody on the path copies what the client sends, with the source address of a victim, and faster than the original: the
/// victim is sent no more than three times what came in its name, and the handshake is done soon after it has ended.
/// RFC 9000 section 8.1-2.
#[test]
fn a3_copies_of_the_handshake_draw_nothing_away() {
    let here: SocketAddr = CLIENT.parse().expect("an address");
    let cases = [(1, 0, 1), (1, 20, 1), (1, 50, 1), (2, 0, 1), (2, 0, 9), (3, 0, 1), (3, 20, 2), (5, 0, 5)];
    let cases = cases.map(|case| (identity::classical(), case));
    // With two datagrams in each first flight, somebody on the path can be the first with one of them from another host, and then
    // the handshake is with that host; so all victims are ports of the client's.
    let hybrid = [(1, 0, 1), (1, 20, 1), (1, 50, 1), (2, 0, 1), (3, 0, 1), (4, 0, 1), (5, 0, 1), (5, 50, 1)];
    for (identity, (every, begin, victims)) in cases.into_iter().chain(hybrid.map(|case| (identity::pair(), case))) {
        let (client, server) = (Config::default(), Config::default());
        let mut pair = Pair::with_identity(identity, 3, link(), request(), client, server);
        // Of another host, and of the client's: only there the server may take it for the client.
        let victim = |number| SocketAddr::from(([[198, 51, 100, 7], [192, 0, 2, 1]][usize::from(number) % 2], number));
        let mut forger = Forger::new(here, (1..=victims).map(victim).collect(), Duration::from_millis(1));
        forger.every = every;
        forger.span = (Instant::ZERO + Duration::from_millis(begin), Instant::ZERO + Duration::from_secs(2));
        pair.world.network().add_forger(forger);
        let oracle = Rc::new(RefCell::new(AmplificationChecker::new()));
        let seen = oracle.clone();
        pair.world.observe(move |seen_now| match (seen_now.is_sent, seen_now.four_tuple) {
            (_, FourTuple { local, remote }) if local == here || remote == here => {}
            (true, FourTuple { remote, .. }) => seen.borrow_mut().on_sent(remote, seen_now.payload.len()),
            (false, FourTuple { remote, .. }) => seen.borrow_mut().on_received(remote, seen_now.payload.len()),
        });
        pair.complete(1, Duration::from_secs(8));
    }
}
