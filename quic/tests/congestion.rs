//! Whole connections through one bottleneck: what each congestion controller makes of loss, of queues, and of one another.

extern crate posthaste_quic as quic;

mod support;

use base::Duration;
use quic::{Config, CongestionControl};
use sim::LinkConfig;
use support::bulk::Path;

/// Megabits a second, milliseconds there and back, and room in the queue for so many hundredths of what is under way.
fn bottleneck(rate: u64, round_trip: u64, queue: u64) -> LinkConfig {
    let mut link = LinkConfig::new(Duration::from_micros(round_trip * 500));
    link.rate = Some(rate * 125_000);
    link.queue = ((rate * 125 * round_trip * queue / 100) as usize).max(3000);
    link
}

fn with(control: CongestionControl) -> Config {
    let mut config = Config::default();
    config.recovery.congestion_control = control;
    config
}

/// Goodput of one connection, as a share of the rate, between two times in milliseconds.
fn goodput(seed: u64, control: CongestionControl, link: LinkConfig, from: u64, to: u64) -> f64 {
    let mut path = Path::new(seed, link, with(control));
    path.connect();
    path.shares(from, to)[0]
}

#[test]
#[ignore = "a table to look at"]
fn table() {
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2);
    for (rate, rtt) in [(10, 20), (10, 100), (100, 40), (10, 600), (100, 600)] {
        for queue in [25, 100, 400] {
            for loss in [0.0, 0.01, 0.02, 0.05] {
                let link = LinkConfig { loss, ..bottleneck(rate, rtt, queue) };
                let (from, to) = (3000 + 20 * rtt, 13_000 + 40 * rtt);
                let mut line = String::new();
                for control in [CongestionControl::Cubic, CongestionControl::Bbr] {
                    let all: Vec<f64> = (1..=seeds).map(|seed| goodput(seed, control, link, from, to)).collect();
                    let early = goodput(1, control, link, 0, 2000 + 5 * rtt);
                    line += &format!("  {control:?}: {all:.3?} early {early:.3}");
                }
                println!("{rate} Mbit/s {rtt} ms queue {queue} loss {:.0}%{line}", loss * 100.0);
            }
        }
    }
}
