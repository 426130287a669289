//! Many seeds of mixed faults in both directions: every exchange completes, every byte arrives, nothing is held or sent
//! beyond its limit.

mod support;

use base::{Duration, Instant};
use quic::Config;
use sim::{AmplificationChecker, LinkConfig, SeededRandom, draw_faults};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use support::{CLIENT, Exchange, Pair, SERVER};

const SEEDS: u64 = 1000;

fn patient() -> Config {
    // A bad link needs many doubled timers in a row now and then.
    Config {
        handshake_timeout: Duration::from_secs(300),
        max_idle_timeout: Duration::from_secs(300),
        ..Config::default()
    }
}

fn run(seed: u64) {
    let mut random = SeededRandom::new(seed);
    let (there, back) = (draw_faults(&mut random), draw_faults(&mut random));
    let exchanges: Vec<Exchange> = (0..1 + random.below(5))
        .map(|_| Exchange { upload: random.below(300_001), download: random.below(300_001) })
        .collect();
    run_with(seed, there, back, exchanges);
}

fn run_with(seed: u64, there: LinkConfig, back: LinkConfig, exchanges: Vec<Exchange>) {
    let count = exchanges.len();
    let mut pair = Pair::with(seed, there, exchanges, patient(), patient());
    let (client_address, server_address) = (CLIENT.parse().expect("an address"), SERVER.parse().expect("an address"));
    pair.world.network().set_link(client_address, server_address, there);
    pair.world.network().set_link(server_address, client_address, back);
    // What the server was sent and sends, until it is done with the handshake: it cannot be before a Handshake packet
    // of the client arrived, and then nothing is limited.
    let amplification = Arc::new(Mutex::new(AmplificationChecker::new()));
    let checker = amplification.clone();
    pair.world.observe(move |seen| {
        let mut checker = checker.lock().expect("no panic before");
        if seen.is_sent && seen.four_tuple.local == server_address {
            checker.on_sent(seen.four_tuple.remote, seen.payload.len());
        } else if seen.is_sent {
            // RFC 9000 s14.1: a client's datagram with an Initial packet has its least size.
            let is_initial = seen.payload.first().is_some_and(|first| first & 0xf0 == 0xc0);
            assert!(!is_initial || seen.payload.len() >= 1200);
        } else if !seen.is_sent && seen.four_tuple.local == server_address {
            checker.on_received(seen.four_tuple.remote, seen.payload.len());
            let first = seen.payload.first().copied().unwrap_or(0);
            let has_handshake_packet = first & 0xf0 == 0xe0 || first & 0x80 == 0 || coalesced(seen.payload);
            if has_handshake_packet {
                checker.on_validated(seen.four_tuple.remote);
            }
        }
    });
    let (client, server) = (pair.client, pair.server);
    let limit = quic::stream::StreamsConfig::default();
    let most = limit.connection_send_buffer + limit.max_connection_window;
    let done = |world: &mut sim::World| {
        for host in [client, server] {
            let host = world.machine(host);
            if let Some(connection) = host.handle.and_then(|handle| host.endpoint.connection(handle)) {
                assert!(connection.stats().buffered <= most);
            }
        }
        world.machine(client).completed == count && world.machine(server).completed == count
    };
    pair.world.run_until(Instant::ZERO + Duration::from_secs(3000), done);
    pair.complete(count, Duration::from_secs(3000));
    assert!(pair.world.machine(client).closed.is_empty() && pair.world.machine(server).closed.is_empty());
}

/// Whether a further packet follows an Initial in the datagram: then it may be one of the handshake.
fn coalesced(payload: &[u8]) -> bool {
    use quic::wire::header::Header;
    let Ok(Header::Initial(long)) = Header::decode(payload, 8) else { return true };
    payload.get(long.end).is_some_and(|first| first & 0xf0 == 0xe0)
}

#[test]
fn a_thousand_seeds_of_mixed_faults_complete() {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let failed: Mutex<Vec<u64>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS || failed.lock().expect("no panic before").len() > 20 {
                        break;
                    }
                    if std::panic::catch_unwind(|| run(seed)).is_err() {
                        eprintln!("seed {seed} failed");
                        failed.lock().expect("no panic before").push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic before");
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
}
