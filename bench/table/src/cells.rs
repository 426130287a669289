//! What is told of each kind of row.

use crate::result::{Measured, median};
use harness::measure::Usage;
use harness::work::Work;

/// The head of each cell.
pub fn heads(work: Work) -> &'static [&'static str] {
    match work {
        Work::Download(_) | Work::Upload(_) | Work::Beside { .. } => &[
            "Gbit/s",
            "best",
            "of the limit",
            "CPU s/GB",
            "of it kernel",
            "CPU ns/datagram",
            "datagrams/send",
            "datagrams/receive",
            "allocations/datagram",
            "sleeps",
        ],
        Work::Requests { .. } => &[
            "/s",
            "best",
            "p50 us",
            "p99 us",
            "CPU us each",
            "of it kernel",
            "datagrams sent each",
            "datagrams/send",
            "receives each",
            "allocations each",
            "sleeps each",
        ],
        Work::Handshakes { .. } | Work::Resumptions { .. } => &[
            "/s",
            "best",
            "p50 us",
            "p99 us",
            "CPU us each",
            "of it kernel",
            "datagrams sent each",
            "allocations each",
        ],
        Work::Idle(_) => &["KiB each", "seconds to open"],
    }
}

/// The cells of one line; `limit` is what the data path alone reaches, in Gbit/s.
pub fn cells(work: Work, results: &[Measured], limit: f64) -> Vec<String> {
    let of = Of(results);
    match work {
        Work::Download(bytes) | Work::Upload(bytes) | Work::Beside { bytes, .. } => {
            let gigabytes = bytes as f64 / 1e9;
            let speed = |result: &Measured| gigabytes * 8.0 / result.time;
            vec![
                format!("{:.2}", of.median(speed)),
                format!("{:.2}", of.best(speed)),
                if limit.is_nan() { "-".into() } else { format!("{:.0} %", of.median(speed) / limit * 100.0) },
                of.both(3, |usage| usage.cpu as f64 / 1e6 / gigabytes),
                of.both(3, |usage| usage.system as f64 / 1e6 / gigabytes),
                of.both(0, |usage| usage.cpu as f64 * 1e3 / datagrams(usage)),
                of.both(1, |usage| ratio(usage.sent, usage.sends)),
                of.both(1, |usage| ratio(usage.received, usage.receives)),
                of.both(3, |usage| usage.allocations as f64 / datagrams(usage)),
                of.both(0, |usage| usage.sleeps as f64),
            ]
        }
        Work::Requests { count, .. } => {
            let count = count as f64;
            let mut cells = each(&of, count);
            cells.extend([
                of.both(2, |usage| usage.sent as f64 / count),
                of.both(1, |usage| ratio(usage.sent, usage.sends)),
                of.both(2, |usage| usage.receives as f64 / count),
                of.both(1, |usage| usage.allocations as f64 / count),
                of.both(3, |usage| usage.sleeps as f64 / count),
            ]);
            cells
        }
        Work::Handshakes { count, .. } | Work::Resumptions { count, .. } => {
            let count = count as f64;
            let mut cells = each(&of, count);
            cells.extend([
                of.both(1, |usage| usage.sent as f64 / count),
                of.both(0, |usage| usage.allocations as f64 / count),
            ]);
            cells
        }
        Work::Idle(count) => vec![
            of.both(1, |usage| usage.resident as f64 / count as f64),
            format!("{:.1}", of.median(|result| result.time)),
        ],
    }
}

/// What requests and handshakes have in common.
fn each(of: &Of<'_>, count: f64) -> Vec<String> {
    vec![
        format!("{:.0}", of.median(|result| count / result.time)),
        format!("{:.0}", of.best(|result| count / result.time)),
        format!("{:.0}", of.median(|result| result.latency.0 as f64 / 1e3)),
        format!("{:.0}", of.median(|result| result.latency.1 as f64 / 1e3)),
        of.both(2, |usage| usage.cpu as f64 / count),
        of.both(2, |usage| usage.system as f64 / count),
    ]
}

/// Sent and received.
fn datagrams(usage: &Usage) -> f64 {
    ((usage.sent + usage.received) as f64).max(1.0)
}

fn ratio(datagrams: u64, calls: u64) -> f64 {
    datagrams as f64 / (calls as f64).max(1.0)
}

struct Of<'a>(&'a [Measured]);

impl Of<'_> {
    fn median(&self, value: impl Fn(&Measured) -> f64) -> f64 {
        median(self.0.iter().map(value))
    }

    fn best(&self, value: impl Fn(&Measured) -> f64) -> f64 {
        self.0.iter().map(value).fold(0.0, f64::max)
    }

    /// Client and server.
    fn both(&self, digits: usize, value: impl Fn(&Usage) -> f64) -> String {
        let (client, server) =
            (self.median(|result| value(&result.client)), self.median(|result| value(&result.server)));
        format!("{client:.digits$} / {server:.digits$}")
    }
}
