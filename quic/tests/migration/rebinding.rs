//! A translator that forgets its host: what it costs, in time and in rate, whenever it happens.

use crate::support::{CLIENT, Exchange, Pair, SERVER};
use base::{Duration, Instant};
use quic::Config;
use sim::{Forger, LinkConfig, Nat};
use std::net::SocketAddr;

const fn at(milliseconds: u64) -> Instant {
    Instant::from_nanos(milliseconds * 1_000_000)
}

/// 20 Mbit/s, and a queue of at most 20 ms before it.
const fn link(round_trip: u64) -> LinkConfig {
    let mut link = LinkConfig::new(Duration::from_millis(round_trip / 2));
    link.rate = Some(2_500_000);
    link.queue = 50_000;
    link
}

/// A translator that gives its host another port at each of these moments.
fn forgetful(moments: impl IntoIterator<Item = u64>) -> Nat {
    let outside = |number: u16| SocketAddr::from(([198, 51, 100, 1], 10_000 + number));
    let mut nat = Nat::new(CLIENT.parse().unwrap(), outside(0));
    for (moment, number) in moments.into_iter().zip(1..) {
        nat.rebind(at(moment), outside(number));
    }
    nat
}

/// A client whose exchange goes through a translator.
fn through(nat: Nat, exchange: Exchange, round_trip: u64) -> Pair {
    let mut pair = Pair::with(7, link(round_trip), vec![exchange], Config::default(), Config::default());
    pair.world.set_step_limit(10_000_000);
    pair.world.network().add_nat(nat);
    pair
}

/// Milliseconds until its exchange is done.
fn time(pair: &mut Pair) -> u64 {
    pair.complete(1, Duration::from_secs(60));
    (pair.world.now() - Instant::ZERO).as_millis() as u64
}

/// What a change of the port costs at most: a probe timeout, or what stands for it at the end that has nothing in flight; the
/// two round trips until the new port is proved and used; and the datagrams that waited in the queue, for nobody.
const fn most(round_trip: u64) -> u64 {
    let with_queue = round_trip + 20;
    let probe_timeout = with_queue + 4 * (with_queue / 2) + 25;
    probe_timeout + 2 * round_trip + 20
}

/// For how long nothing arrives at least: the client notices that after 5 ms, half a round trip later the server hears of the
/// new port, a whole one later it has an answer from there and may send more than three times what came from it (RFC 9000
/// section 8), and half a one later that arrives.
const fn unheard(round_trip: u64) -> u64 {
    5 + 2 * round_trip
}

#[test]
fn r8_a_port_that_changes_again_and_again_costs_no_rate() {
    for (upload, download) in [(0, 20_000_000), (20_000_000, 0)] {
        let exchange = Exchange { upload, download };
        for round_trip in [10, 20, 40] {
            let undisturbed = time(&mut through(forgetful([]), exchange, round_trip));
            for period in [200, 1000, 5000] {
                let mut pair = through(forgetful((1000..60_000).step_by(period)), exchange, round_trip);
                let disturbed = time(&mut pair);
                let server = pair.world.machine(pair.server).stats();
                let (moves, kept) = (server.migrations, 100 * undisturbed / disturbed);
                println!(
                    "{upload} up, {download} down, {round_trip} ms, another port every {period} ms: {kept} % of the rate, \
                     {moves} moves"
                );
                assert!(moves >= (disturbed - 1000) / period as u64 - 1, "each is followed");
                assert!(disturbed - undisturbed <= moves * most(round_trip), "{disturbed} of {undisturbed}");
                let silent = unheard(round_trip);
                assert!(kept + 2 >= 100 * (period as u64 - silent) / period as u64, "{kept} %");
            }
        }
    }
}

/// The port changes sooner than the loss of a packet in a long queue is noticed. A window that hears of none would grow
/// with each port, and half of all packets would go to waste.
#[test]
fn r8_a_window_does_not_outgrow_a_path_whose_port_changes_again_and_again() {
    let exchange = Exchange { upload: 0, download: 10_000_000 };
    let deep = LinkConfig { queue: 250_000, ..link(40) };
    let mut pair = Pair::with(7, deep, vec![exchange], Config::default(), Config::default());
    pair.world.set_step_limit(10_000_000);
    pair.world.network().add_nat(forgetful((200..60_000).step_by(200)));
    let took = time(&mut pair);
    let stats = pair.world.machine(pair.server).stats();
    let (sent, lost) = (stats.packets_sent, stats.packets_lost);
    println!("{took} ms, {lost} of {sent} packets lost, {} moves", stats.migrations);
    // What is in flight when a port is forgotten is lost: about half of what is sent in the life of one.
    assert!(lost * 5 < sent * 3, "{lost} of {sent} lost");
    assert!(took < 10_000, "{took} ms");
}

/// In the handshake, in the exchange and at its end.
#[test]
fn r8_whenever_a_port_changes_it_costs_a_probe_timeout_at_most() {
    // RFC 9002 section 6.2.2: before there is a sample of the round trip.
    const FIRST: u64 = 999;
    for round_trip in [20, 100] {
        for (upload, download) in [(10, 1000), (100_000, 0), (0, 300_000)] {
            let exchange = Exchange { upload, download };
            let undisturbed = time(&mut through(forgetful([]), exchange, round_trip));
            let mut longest = (0, 0);
            for moment in (1..=undisturbed).step_by(3) {
                let longer = time(&mut through(forgetful([moment]), exchange, round_trip)) - undisturbed;
                let is_before_sample = moment <= round_trip;
                let most = if is_before_sample { FIRST + most(round_trip) } else { most(round_trip) };
                assert!(longer <= most, "{exchange:?} at {moment}: {longer} ms");
                if !is_before_sample {
                    longest = longest.max((longer, moment));
                }
            }
            let (longer, moment) = longest;
            println!(
                "{exchange:?}, {round_trip} ms: {undisturbed} ms, and {longer} more with another port at {moment}"
            );
        }
    }
}

/// The last flight of the client is lost, and its port changes before that flight is repeated.
#[test]
fn r8_a_port_that_changes_under_the_handshake_is_followed() {
    let exchange = Exchange { upload: 10, download: 10 };
    let mut pair = through(forgetful([25]), exchange, 20);
    for (moment, loss) in [(10, 1.0), (25, 0.0)] {
        pair.world.run_until(at(moment), |_| false);
        let (client, server) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        pair.world.network().set_link(client, server, LinkConfig { loss, ..link(20) });
    }
    let took = time(&mut pair);
    assert!(took < 200, "{took}");
    assert_eq!(pair.world.machine(pair.server).stats().migrations, 1);
}

/// Somebody copies the first packets, and the copies come first, from ports where nobody is: the handshake is done as soon as
/// there is a packet that was not copied.
/// RFC 9000 section 8-1.
#[test]
fn a3_copies_of_first_packets_delay_a_handshake_and_do_not_end_it() {
    let exchange = Exchange { upload: 10, download: 10 };
    let client: SocketAddr = CLIENT.parse().unwrap();
    let mut pair = Pair::new(3, link(20), vec![exchange]);
    let mut forger = Forger::new(client, vec![SocketAddr::new(client.ip(), 7)], Duration::from_millis(1));
    forger.span = (at(0), at(500));
    pair.world.network().add_forger(forger);
    let took = time(&mut pair);
    assert!(took < 1500, "{took}");
    assert_eq!(pair.world.machine(pair.server).endpoint.stats().strangers.accepted, 1);
}
