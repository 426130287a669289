//! What sessions cost: bulk over one stream and datagrams, of a session over HTTP/3 and of one without, beside quinn and wtransport, each
//! client and server a thread of this process; and the memory of a session at rest.
//!
//! `bench-sessions [rounds=5] [megabytes=200] [datagrams=100000]`; rounds take turns, so that all see the same machine. Ratios are of medians.

mod memory;
mod ours;
mod quinn;
mod wtransport;

use std::time::Duration;

#[global_allocator]
static COUNTED: memory::Counted = memory::Counted;

/// Bytes of a datagram.
const DATAGRAM: usize = 1000;

/// How much is to be done in a round.
#[derive(Clone, Copy)]
struct Work {
    megabytes: usize,
    datagrams: usize,
}

/// What a round took: the bulk, and the datagrams with how many of them came.
struct Round {
    bulk: Duration,
    datagrams: Duration,
    came: usize,
}

fn main() {
    let named = |name: &str, default: usize| {
        let value = std::env::args().find_map(|argument| argument.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
        value.unwrap_or(default)
    };
    let work = Work { megabytes: named("megabytes", 200), datagrams: named("datagrams", 100_000) };
    rustls::crypto::ring::default_provider().install_default().expect("the first provider");
    let ways: [(&str, fn(Work) -> Round); 4] = [
        ("posthaste, QUIC alone", |work| ours::round(work, false)),
        ("posthaste, WebTransport", |work| ours::round(work, true)),
        ("quinn", quinn::round),
        ("wtransport", wtransport::round),
    ];
    let mut all: Vec<Vec<Round>> = ways.iter().map(|_| Vec::new()).collect();
    for _ in 0..named("rounds", 5) {
        for (way, rounds) in ways.iter().zip(&mut all) {
            rounds.push((way.1)(work));
        }
    }
    println!("{:26}{:>10}{:>16}{:>12}", "", "MB/s", "datagrams/s", "came");
    for ((name, _), rounds) in ways.iter().zip(&all) {
        let bulk = median(rounds.iter().map(|round| work.megabytes as f64 / round.bulk.as_secs_f64()));
        let rate = median(rounds.iter().map(|round| round.came as f64 / round.datagrams.as_secs_f64()));
        let came = median(rounds.iter().map(|round| 100.0 * round.came as f64 / work.datagrams as f64));
        println!("{name:26}{bulk:>10.0}{rate:>16.0}{came:>11.1}%");
    }
    ours::memory();
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
