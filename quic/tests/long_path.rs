//! A path of 1 Gbit/s and 200 ms, under the settings that a program has that says nothing about it.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use base::Duration;
use quic::Config;
use sim::LinkConfig;
use support::{Exchange, Pair};

/// Bytes in a second.
const RATE: u64 = 125_000_000;
const ONE_WAY: Duration = Duration::from_millis(100);

/// The path, which holds 25 MB. Its queue holds what a window may have beyond that, so nothing is lost, and nothing but flow
/// control could limit.
fn link() -> LinkConfig {
    let mut link = LinkConfig::new(ONE_WAY);
    link.rate = Some(RATE);
    link.queue = 48 << 20;
    link
}

/// Flow control does not limit: once a transfer has had the time to find out what the path carries, the path is full.
#[test]
fn a_gigabit_over_200_ms_is_filled_under_the_default_settings() {
    for exchange in [Exchange { upload: 0, download: 1 << 40 }, Exchange { upload: 1 << 40, download: 0 }] {
        let mut pair = Pair::with(1, link(), vec![exchange], Config::default(), Config::default());
        pair.world.set_step_limit(100_000_000);
        let receiver = if exchange.download > 0 { pair.client } else { pair.server };
        let mut received = Vec::new();
        for _ in 0..9 {
            pair.world.run_for(Duration::from_millis(500));
            received.push(pair.world.machine(receiver).stats().bytes_received);
        }
        let rates: Vec<u64> = received.windows(2).map(|pair| (pair[1] - pair[0]) * 2 * 100 / RATE).collect();
        println!("{rates:?}");
        assert!(rates[6..].iter().all(|rate| *rate >= 97), "percent of the path in each half second: {rates:?}");
    }
}
