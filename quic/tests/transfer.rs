//! Bodies of all sizes each way, over links with and without loss: every byte, once, in order.

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, Instant};
use quic::Config;
use sim::LinkConfig;
use support::{Exchange, Pair};

const SIZES: [u64; 3] = [64 << 10, 1 << 20, 100 << 20];

/// One way.
const DELAY: Duration = Duration::from_micros(22_500);
/// Bytes in a second.
const RATE: u64 = 125_000_000;

/// How long a transfer one way may take that begins with a handshake.
///
/// The model: two round trips before the first byte; a window that begins with ten datagrams and doubles in each round trip;
/// then each datagram takes what the rate says, or what loss does to NewReno. There the window swings about the square root of
/// 3/2 by the loss, and a loss that nothing later tells of, in small windows nearly half of them, costs a probe timeout of
/// four round trips (Padhye, Firoiu, Towsley and Kurose, 1998).
///
/// The slack: a half more than the model, for the luck of a long transfer; and where packets are lost, four seconds, for the
/// luck of a short one: a handshake or an end that is lost three times in a row waits for 0.6, 1.2 and 2.4 s.
fn limit(bytes: u64, loss: f64) -> Duration {
    let round_trip = 2.0 * DELAY.as_nanos() as f64 / 1e9;
    let datagrams = bytes as f64 / 1400.0;
    let begin = round_trip * (2.0 + (1.0 + datagrams / 10.0).log2().ceil());
    let by_rate = bytes as f64 / RATE as f64;
    let by_window = round_trip * (2.0 * loss / 3.0).sqrt();
    let by_timeout = 4.0 * round_trip * (3.0 * (3.0 * loss / 8.0).sqrt()).min(1.0) * loss * (1.0 + 32.0 * loss * loss);
    let model = begin + by_rate.max(datagrams * (by_window + by_timeout));
    let slack = if loss > 0.0 { 4.0 } else { 0.0 };
    Duration::from_millis((1000.0 * (1.5 * model + slack)) as u64)
}

/// `bytes` one way, with so much loss, in the time that `limit` gives.
fn transfer(seed: u64, exchange: Exchange, loss: f64) -> Pair {
    let mut link = LinkConfig::new(DELAY);
    link.loss = loss;
    link.rate = Some(RATE);
    link.queue = 2 << 20;
    let mut pair = Pair::new(seed, link, vec![exchange]);
    pair.world.set_step_limit(100_000_000);
    pair.complete(1, limit(exchange.upload + exchange.download, loss));
    pair
}

#[test]
fn downloads_without_loss() {
    for (seed, size) in SIZES.into_iter().enumerate() {
        transfer(seed as u64, Exchange { upload: 0, download: size }, 0.0);
    }
}

#[test]
fn uploads_without_loss() {
    for (seed, size) in SIZES.into_iter().enumerate() {
        transfer(seed as u64, Exchange { upload: size, download: 0 }, 0.0);
    }
}

#[test]
fn both_ways_with_one_percent_loss() {
    for (seed, size) in SIZES.into_iter().enumerate() {
        transfer(seed as u64, Exchange { upload: 0, download: size }, 0.01);
        transfer(seed as u64, Exchange { upload: size, download: 0 }, 0.01);
    }
}

#[test]
fn both_ways_with_five_percent_loss() {
    for (seed, size) in SIZES.into_iter().enumerate() {
        transfer(seed as u64, Exchange { upload: 0, download: size }, 0.05);
        transfer(seed as u64, Exchange { upload: size, download: 0 }, 0.05);
    }
}

/// So near to what transfers take that one that is twice as slow is noticed.
#[test]
fn limits_follow_from_bytes_rate_round_trip_and_loss() {
    let seconds = |bytes, loss| limit(bytes, loss).as_millis() as f64 / 1e3;
    for (bytes, loss, least, most) in [
        (64 << 10, 0.0, 0.3, 0.5),
        (1 << 20, 0.0, 0.6, 0.9),
        (100 << 20, 0.0, 2.0, 3.0),
        (64 << 10, 0.01, 4.0, 5.0),
        (1 << 20, 0.01, 8.0, 10.0),
        (100 << 20, 0.01, 400.0, 600.0),
        (1 << 20, 0.05, 15.0, 22.0),
        (100 << 20, 0.05, 1000.0, 1600.0),
    ] {
        let limit = seconds(bytes, loss);
        assert!((least..most).contains(&limit), "{bytes} bytes at {loss}: {limit} s");
    }
}

/// Where the endpoint has no memory to share, a connection has the least window and no more: 64 KiB in each round trip.
#[test]
fn r1_a_window_grows_as_far_as_the_endpoint_has_memory() {
    let upload = 4 << 20;
    let seconds = |receive_memory| {
        let mut link = LinkConfig::new(DELAY);
        link.rate = Some(RATE);
        link.queue = 2 << 20;
        let (exchange, config) = (Exchange { upload, download: 0 }, Config::default);
        let mut pair = Pair::with_server(3, link, vec![exchange], config(), config(), |endpoint| {
            endpoint.receive_memory = receive_memory;
        });
        pair.complete(1, Duration::from_secs(10));
        (pair.world.now() - Instant::ZERO).as_millis() as f64 / 1e3
    };
    let by_window = 2.0 * DELAY.as_nanos() as f64 / 1e9 * upload as f64 / f64::from(64 << 10);
    let (none, enough) = (seconds(0), seconds(64 << 20));
    assert!(none > 0.9 * by_window && none < 1.5 * by_window, "{none} s of {by_window}");
    assert!(enough < 0.75 * none, "{enough} s and {none} s");
}

#[test]
fn many_streams_at_once_beyond_the_limit_on_their_number() {
    let exchanges =
        (0..1000).map(|number| Exchange { upload: number * 7 % 5000, download: number * 13 % 20_000 }).collect();
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.loss = 0.02;
    let mut pair = Pair::new(9, link, exchanges);
    pair.complete(1000, Duration::from_secs(120));
}

#[test]
fn an_idle_connection_times_out_on_both_ends_and_one_kept_alive_does_not() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let mut pair = Pair::new(4, link, vec![]);
    pair.world.run_for(Duration::from_secs(40));
    for host in [pair.client, pair.server] {
        assert!(matches!(pair.world.machine(host).closed[..], [quic::CloseReason::IdleTimeout(_)]));
        assert!(pair.world.machine(host).endpoint.is_empty());
    }
    let alive = Config { keep_alive: Some(Duration::from_secs(10)), ..Config::default() };
    let mut pair = Pair::with(5, link, vec![], alive, Config::default());
    pair.world.run_for(Duration::from_secs(400));
    assert!(pair.world.machine(pair.client).closed.is_empty() && pair.world.machine(pair.server).closed.is_empty());
}

#[test]
fn a_close_is_told_to_the_peer_and_both_ends_forget_the_connection() {
    let mut pair = Pair::new(6, LinkConfig::new(Duration::from_millis(10)), vec![]);
    pair.world.run_for(Duration::from_secs(1));
    let now = pair.world.now();
    pair.world.machine_mut(pair.client).close(now, 77);
    pair.world.run_for(Duration::from_secs(5));
    let (client, server) = (pair.world.machine(pair.client), pair.world.machine(pair.server));
    assert_eq!(client.closed, [quic::CloseReason::Local { code: base::VarInt::from_u32(77) }]);
    let reason = quic::CloseReason::PeerApplication { code: base::VarInt::from_u32(77), reason: "done".into() };
    assert_eq!(server.closed, [reason]);
    assert!(client.endpoint.is_empty() && server.endpoint.is_empty());
}

#[test]
fn the_path_is_found_to_carry_large_datagrams() {
    // Who has nothing to fill them with does not look for larger ones.
    let mtu_after = |upload, download| {
        let exchange = Exchange { upload, download };
        let mut pair = Pair::new(7, LinkConfig::new(Duration::from_millis(10)), vec![exchange]);
        pair.world.run_for(Duration::from_secs(2));
        [pair.client, pair.server].map(|host| pair.world.machine(host).stats().mtu)
    };
    assert_eq!(mtu_after(100, 1_000), [1200, 1200]);
    assert_eq!(mtu_after(100_000, 1_000), [1452, 1200]);
    assert_eq!(mtu_after(100, 100_000), [1200, 1452]);
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.mtu = 1300;
    let mut pair = Pair::new(8, link, vec![Exchange { upload: 1_000_000, download: 1_000_000 }]);
    pair.complete(1, Duration::from_secs(60));
    pair.world.run_for(Duration::from_secs(5));
    let mtu = pair.world.machine(pair.client).stats().mtu;
    assert!((1280..=1300).contains(&mtu), "{mtu}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_at_the_same_moments() {
    let run = |seed| {
        let mut link = LinkConfig::new(Duration::from_millis(10));
        link.loss = 0.05;
        let mut pair = Pair::new(seed, link, vec![Exchange { upload: 300_000, download: 300_000 }]);
        pair.complete(1, Duration::from_secs(100));
        (pair.world.trace_hash(), pair.world.now())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).0, run(2).0);
    assert!(run(1).1 > Instant::ZERO);
}

/// RFC 9001 section 5.3-3, 6.1-2, 6.2-1, 6.2-2, 6.4-1.
#[test]
fn keys_are_updated_again_and_again_under_loss_and_reordering() {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.loss = 0.05;
    link.reorder = 0.1;
    link.reorder_by = Duration::from_millis(30);
    let often = |packets| Config { key_update_packets: packets, ..Config::default() };
    // The client alone, the server alone, both, and as often as is allowed.
    for (seed, (client, server)) in [(20, u64::MAX), (u64::MAX, 20), (30, 20), (1, 1)].into_iter().enumerate() {
        let exchange = Exchange { upload: 1_000_000, download: 1_000_000 };
        let mut pair = Pair::with(seed as u64, link, vec![exchange], often(client), often(server));
        pair.complete(1, Duration::from_secs(300));
        for host in [pair.client, pair.server] {
            let updates = pair.world.machine(host).stats().key_updates;
            assert!(updates > 5, "{updates} updates");
        }
    }
}

/// Either application asks for new keys in the middle of a transfer, twice before the first update can be made, then again: each
/// time that counts makes one update of both sides, and no byte is hurt, on a path that loses and reorders.
/// RFC 9001 section 6.1-1, 6.1-2.
#[test]
fn a14_an_application_of_either_side_has_the_keys_updated_at_any_time() {
    for by_client in [true, false] {
        let mut link = LinkConfig::new(Duration::from_millis(10));
        (link.loss, link.reorder, link.reorder_by) = (0.05, 0.1, Duration::from_millis(30));
        let exchange = Exchange { upload: 500_000, download: 500_000 };
        let mut pair = Pair::new(7, link, vec![exchange, exchange]);
        let (asking, other) = if by_client { (pair.client, pair.server) } else { (pair.server, pair.client) };
        let ask = |pair: &mut Pair| {
            let host = pair.world.machine_mut(asking);
            let handle = host.handle.unwrap();
            host.endpoint.connection_mut(handle).unwrap().update_keys();
        };
        let updates = |world: &sim::World| {
            [asking, other]
                .map(|host| world.machine(host))
                .map(|host| host.handle.map_or(0, |_| host.stats().key_updates))
        };
        let limit = Instant::ZERO + Duration::from_secs(60);
        // As soon as there is a connection at all, which is before its handshake is confirmed at the client's end.
        pair.world.run_until(limit, |world| world.machine(asking).handle.is_some());
        ask(&mut pair);
        ask(&mut pair);
        pair.world.run_until(limit, |world| updates(world) == [1, 1]);
        assert_eq!(updates(&pair.world), [1, 1], "by the client: {by_client}");
        ask(&mut pair);
        pair.world.run_until(limit, |world| updates(world) == [2, 2]);
        assert_eq!(updates(&pair.world), [2, 2], "by the client: {by_client}");
        // Whenever anything happens: no more than the peer can follow.
        pair.world.run_until(limit, |world| {
            let host = world.machine_mut(asking);
            let handle = host.handle.unwrap();
            host.endpoint.connection_mut(handle).unwrap().update_keys();
            host.completed == 2
        });
        pair.complete(2, Duration::from_secs(60));
        let [ours, theirs] = updates(&pair.world);
        assert!(ours > 3 && ours.abs_diff(theirs) <= 1, "{ours} and {theirs} updates, by the client: {by_client}");
    }
}
