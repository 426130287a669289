//! HTTP/3 over many seeds of mixed faults: every exchange completes, every byte arrives, little more is sent than needed,
//! and in the end nothing is left.
//!
//! `POSTHASTE_SEEDS=10000 cargo test --release -p posthaste-h3 --test faults` runs that many; see `sim::seeds`.

extern crate posthaste_h3 as h3;

mod support;

use base::{Duration, Instant, VarInt};
use h3::Config;
use quic::CloseReason;
use sim::oracle::Traffic;
use sim::{SeededRandom, Stop, TrafficChecker, draw_faults};
use std::cell::RefCell;
use std::rc::Rc;
use support::{Ask, CLIENT, SERVER, address, complete, pair_with};

const COMMAND: &str = "cargo test --release -p posthaste-h3 --test faults";

#[test]
fn every_seed_of_mixed_faults_completes_within_bounds() {
    sim::check_seeds(COMMAND, 150, |seed| run(seed, &Config::default()));
}

/// Small tables, so that lines are evicted, and few streams that may wait.
#[test]
fn every_seed_completes_with_dynamic_tables() {
    sim::check_seeds(COMMAND, 150, |seed| {
        let mut config = Config::default();
        config.set_dynamic_table([128, 300, 4096][seed as usize % 3]);
        config.limits.qpack_blocked_streams = [0, 2, 100][seed as usize / 3 % 3];
        run(seed, &config);
    });
}

fn run(seed: u64, config: &Config) {
    let mut random = SeededRandom::new(seed);
    let (there, back) = (draw_faults(&mut random), draw_faults(&mut random));
    let asks: Vec<Ask> = (0..1 + random.below(12))
        .map(|_| Ask { upload: random.below(40_001), download: random.below(60_001) })
        .collect();
    let count = asks.len();
    let wanted: u64 = asks.iter().map(|ask| ask.upload + ask.download + 500).sum();
    let (mut world, client, server) = pair_with(seed, there, asks, config);
    world.network().set_link(address(CLIENT), address(SERVER), there);
    world.network().set_link(address(SERVER), address(CLIENT), back);
    let traffic = Rc::new(RefCell::new(TrafficChecker::new()));
    let counted = traffic.clone();
    world.observe(move |seen| {
        if seen.is_sent {
            counted.borrow_mut().on_sent(seen.four_tuple.local, seen.payload.len());
        }
    });
    complete(&mut world, [client, server], count, Duration::from_secs(300));
    let seconds = (world.now() - Instant::ZERO).as_nanos() as u64 / 1_000_000_000;
    let enough = Traffic { datagrams: 120 + wanted / 300 + 3 * seconds, bytes: 30_000 + wanted * 2 + 1_000 * seconds };
    traffic.borrow().check(address(CLIENT), enough);
    traffic.borrow().check(address(SERVER), enough);
    let now = world.now();
    let host = world.machine_mut(client);
    host.now = now;
    host.with_latest(|http, transport| http.close(transport, VarInt::from_u32(0x100), "done"));
    assert_eq!(world.run_until(now + Duration::from_secs(300), |_| false), Stop::Idle);
    let (client, server) = (world.machine(client), world.machine(server));
    assert!(matches!(client.closed[..], [CloseReason::Local { .. }]), "{:?}", client.closed);
    let is_told = matches!(
        server.closed[..],
        [CloseReason::PeerApplication { .. } | CloseReason::IdleTimeout(_) | CloseReason::StatelessReset]
    );
    assert!(is_told, "{:?}", server.closed);
    assert!(client.endpoint.quic().is_empty() && server.endpoint.quic().is_empty());
}
