//! One measurement.

use harness::measure::Usage;

/// What came of one run of a client and a server.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// Seconds.
    pub time: f64,
    /// Nanoseconds: half of the requests, and 99 of a hundred, took no longer.
    pub latency: (u64, u64),
    /// What each side used.
    pub client: Usage,
    pub server: Usage,
}

impl Measured {
    /// From the client's last line.
    pub fn new(line: &str, server: Usage) -> Option<Measured> {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        let [time, half, most, usage] = words[..] else { return None };
        Some(Measured {
            time: time.parse::<f64>().ok()? / 1e9,
            latency: (half.parse().ok()?, most.parse().ok()?),
            client: Usage::decode(usage)?,
            server,
        })
    }
}

/// The one in the middle.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
