//! What a handshake of TLS costs each side without QUIC and without a kernel: ours, that of rustls on ring, and the cryptography
//! alone, in turn in one run. `bench-tls [rounds=N] [only=WORD]`.

mod alone;
mod identity;
mod ours;
mod rustls_ring;

use std::time::{Duration, Instant};

/// Time in the calls of the client and of the server.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    client: Duration,
    server: Duration,
}

/// Whose calls are timed.
#[derive(Clone, Copy, PartialEq)]
pub enum Side {
    Client,
    Server,
}

impl Cost {
    /// Adds the time that `work` takes to a side's.
    pub fn time<T>(&mut self, side: Side, work: impl FnOnce() -> T) -> T {
        let since = Instant::now();
        let result = work();
        *match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        } += since.elapsed();
        result
    }
}

/// Which handshakes.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// With a certificate, and X25519.
    Full,
    /// The same with X25519MLKEM768.
    PostQuantum,
    /// With a ticket, and X25519.
    Resumed,
}

/// A way to make one handshake after the other.
struct Row {
    name: &'static str,
    handshake: Box<dyn FnMut() -> Cost>,
    costs: Vec<Cost>,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    if let Some(word) = words.iter().find(|word| !["rounds=", "only="].iter().any(|key| word.starts_with(key))) {
        eprintln!("{word}: neither rounds=N nor only=WORD");
        std::process::exit(2);
    }
    let rounds: usize = value("rounds").map_or(4_000, |word| word.parse().expect("a number"));
    let identity = identity::issue();
    let mut rows: Vec<Row> = all(&identity)
        .into_iter()
        .filter(|(name, _)| value("only").is_none_or(|word| name.contains(word)))
        .map(|(name, handshake)| Row { name, handshake, costs: Vec::with_capacity(rounds) })
        .collect();
    for _ in 0..rounds {
        for row in &mut rows {
            row.costs.push((row.handshake)());
        }
    }
    println!(
        "| us, of {rounds} handshakes the tenth part that was fastest, and the mean | client | server | client | server |"
    );
    println!("|---|---:|---:|---:|---:|");
    for Row { name, costs, .. } in &rows {
        let (client, server) = (micros(costs, |cost| cost.client), micros(costs, |cost| cost.server));
        println!("| {name} | {:.1} | {:.1} | {:.1} | {:.1} |", client.0, server.0, client.1, server.1);
    }
}

/// Where the tenth part that was fastest ends, and the mean: what a process takes for many is to be compared with this.
fn micros(costs: &[Cost], of: fn(&Cost) -> Duration) -> (f64, f64) {
    let mut times: Vec<f64> = costs.iter().map(|cost| of(cost).as_secs_f64() * 1e6).collect();
    times.sort_unstable_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len().max(1) as f64;
    (times.get(times.len() / 10).copied().unwrap_or_default(), mean)
}

type Handshakes = Vec<(&'static str, Box<dyn FnMut() -> Cost>)>;

fn all(identity: &identity::Identity) -> Handshakes {
    vec![
        ("full, cryptography alone", alone::handshakes(identity, Kind::Full)),
        ("full, ours", ours::handshakes(identity, Kind::Full)),
        ("full, rustls on ring", rustls_ring::handshakes(identity, false)),
        ("full with X25519MLKEM768, cryptography alone", alone::handshakes(identity, Kind::PostQuantum)),
        ("full with X25519MLKEM768, ours", ours::handshakes(identity, Kind::PostQuantum)),
        ("resumed, cryptography alone", alone::handshakes(identity, Kind::Resumed)),
        ("resumed, ours", ours::handshakes(identity, Kind::Resumed)),
        ("resumed, rustls on ring", rustls_ring::handshakes(identity, true)),
    ]
}
