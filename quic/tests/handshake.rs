//! Handshakes on virtual time.

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, Instant};
use quic::Config;
use sim::{LinkConfig, LossMask};
use support::{Exchange, Pair};

fn link() -> LinkConfig {
    LinkConfig::new(Duration::from_millis(20))
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
    let patient = || Config {
        handshake_timeout: Duration::from_secs(120),
        max_idle_timeout: Duration::from_secs(120),
        ..Config::default()
    };
    for mask in LossMask::all(10) {
        let exchanges = vec![Exchange { upload: 10, download: 1000 }];
        let mut pair = Pair::with(3, link(), exchanges, patient(), patient());
        pair.world.network().set_loss_mask(mask);
        pair.complete(1, Duration::from_secs(120));
    }
}
