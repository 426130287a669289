//! Results, medians, and the table.

use crate::measure::Usage;
use crate::run::{Row, Settings};
use crate::work::Work;

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Result {
    /// Seconds.
    pub time: f64,
    /// Nanoseconds: half of the requests, and 99 of a hundred, took no longer.
    pub latency: (u64, u64),
    /// Packets the client sent and received.
    pub packets: (u64, u64),
    pub client: Usage,
    pub server: Usage,
}

impl Result {
    /// From the client's last line.
    pub fn new(line: &str, server: Usage) -> Option<Result> {
        let words: Vec<&str> = line.splitn(6, ' ').collect();
        let [time, half, most, sent, received, usage] = words[..] else { return None };
        Some(Result {
            time: time.parse::<f64>().ok()? / 1e9,
            latency: (half.parse().ok()?, most.parse().ok()?),
            packets: (sent.parse().ok()?, received.parse().ok()?),
            client: Usage::decode(usage)?,
            server,
        })
    }
}

/// Says how it is measured.
pub fn print_head(settings: &Settings) {
    println!(
        "medians of {} rounds, stacks in turn; loopback, GSO; client on core {}, server on core {}; {} MB bulk, {} requests at 1 in flight",
        settings.rounds,
        settings.cores.0,
        settings.cores.1,
        settings.bytes / 1_000_000,
        settings.requests
    );
    if std::env::var_os("POSTHASTE_LIMIT").is_none() {
        println!("(set POSTHASTE_LIMIT to a command that measures the machine's own limit, and it is run in turn)");
    }
}

fn median(results: &[Result], value: impl Fn(&Result) -> f64) -> f64 {
    let mut values: Vec<f64> = results.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    if values.is_empty() { f64::NAN } else { values[values.len() / 2] }
}

/// One line: a stack at a row.
pub fn print_row(row: &Row, (client, server): (&str, &str), results: &[Result]) {
    let label = if client == server { client.to_owned() } else { format!("{client} -> {server}") };
    print!("{:<28} {label:<30}", row.name);
    if results.is_empty() {
        println!(" failed");
        return;
    }
    let mut packets = median(results, |result| (result.packets.0 + result.packets.1) as f64);
    if let (Work::Download(bytes) | Work::Upload(bytes), true) = (row.work, packets < 1.0) {
        // The stack does not tell: full packets one way.
        packets = bytes as f64 / 1420.0;
    }
    let allocations = |count: fn(&Result) -> u64, of: f64| median(results, |result| count(result) as f64) / of.max(1.0);
    match row.work {
        Work::Download(bytes) | Work::Upload(bytes) => {
            let gigabytes = bytes as f64 / 1e9;
            println!(
                " {:6.2} Gbit/s (best {:5.2})  CPU s/GB client {:.3} server {:.3} (kernel {:.3} {:.3})  allocations/packet {:.2} {:.2}  sleeps {:.0} {:.0}",
                median(results, |result| gigabytes * 8.0 / result.time),
                results.iter().map(|result| gigabytes * 8.0 / result.time).fold(0.0, f64::max),
                median(results, |result| result.client.cpu as f64 / 1e6 / gigabytes),
                median(results, |result| result.server.cpu as f64 / 1e6 / gigabytes),
                median(results, |result| result.client.system as f64 / 1e6 / gigabytes),
                median(results, |result| result.server.system as f64 / 1e6 / gigabytes),
                allocations(|result| result.client.allocations, packets),
                allocations(|result| result.server.allocations, packets),
                median(results, |result| result.client.sleeps as f64),
                median(results, |result| result.server.sleeps as f64),
            );
        }
        Work::Requests { count, .. } | Work::Handshakes(count) => {
            println!(
                " {:8.0} /s  p50 {:.1} us p99 {:.1} us  CPU us each client {:.2} server {:.2}  allocations each {:.1} {:.1}",
                median(results, |result| count as f64 / result.time),
                median(results, |result| result.latency.0 as f64 / 1e3),
                median(results, |result| result.latency.1 as f64 / 1e3),
                median(results, |result| result.client.cpu as f64 / count as f64),
                median(results, |result| result.server.cpu as f64 / count as f64),
                allocations(|result| result.client.allocations, count as f64),
                allocations(|result| result.server.allocations, count as f64),
            );
        }
        Work::Idle(count) => {
            println!(
                " KiB each client {:.1} server {:.1}",
                median(results, |result| result.client.resident as f64 / count as f64),
                median(results, |result| result.server.resident as f64 / count as f64),
            );
        }
    }
}

/// What the user's program said.
pub fn print_limit(lines: &[String]) {
    for line in lines {
        println!("{:<28} {line}", "  limit of the machine");
    }
}
