//! Whether a process's memory stays flat.

use std::time::{Duration, Instant};

/// Samples of resident memory, in KiB, with the moment of each.
pub struct Memory {
    began: Instant,
    samples: Vec<(Duration, u64)>,
}

/// Growth that is no growth: the allocator's own coming and going.
const SLACK_PERCENT: u64 = 10;
const SLACK_KIB: u64 = 2048;

impl Memory {
    /// None yet.
    pub fn new() -> Memory {
        Memory { began: Instant::now(), samples: Vec::new() }
    }

    /// Looks at a process; false if it is not there.
    pub fn sample(&mut self, process: u32) -> bool {
        let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else { return false };
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = resident.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse().ok());
        self.samples.extend(kib.map(|kib| (self.began.elapsed(), kib)));
        kib.is_some()
    }

    /// The newest sample, in KiB.
    pub fn last(&self) -> u64 {
        self.samples.last().map_or(0, |(_, kib)| *kib)
    }

    /// The rule: what remains after the first minute is cut into thirds, and the median of the last third is not above that
    /// of the first by more than a tenth and two mebibytes. Medians, because what is resident in one moment follows the load
    /// of that moment. Gives both, in KiB, and whether the rule holds; `None` if there is too little to judge.
    pub fn verdict(&self) -> Option<(u64, u64, bool)> {
        let steady: Vec<u64> =
            self.samples.iter().filter(|(at, _)| *at >= Duration::from_secs(60)).map(|(_, kib)| *kib).collect();
        let third = steady.len() / 3;
        let first = median(steady.get(..third)?)?;
        let last = median(steady.get(steady.len() - third..)?)?;
        Some((first, last, last <= first + first * SLACK_PERCENT / 100 + SLACK_KIB))
    }
}

fn median(samples: &[u64]) -> Option<u64> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}
