//! The options of an executor.

use std::fs;
use std::thread;

use base::Duration;

/// How an executor behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutorOptions {
    /// How long to look again and again for what is expected at once, before sleeping: a sleeping thread is back some 35
    /// microseconds after its packet. It looks only where the last packets came that soon, and now and then, up to four
    /// times as long, where they came nearly so soon. An idle process does not look at all, nor one whose last packets came
    /// to many streams; and it lets others who want the processor go first. Zero: it never looks.
    ///
    /// Default 50 us, a little more than a sleep costs; zero on a machine with one processor, where looking for a packet
    /// keeps from running who would send it.
    pub look: Duration,
}

impl Default for ExecutorOptions {
    fn default() -> ExecutorOptions {
        let look = if has_many_processors() { Duration::from_micros(50) } else { Duration::ZERO };
        ExecutorOptions { look }
    }
}

/// Whether the machine has more than one processor. Not how many this thread may use: servers are often bound to one each,
/// and what they wait for comes from another.
fn has_many_processors() -> bool {
    match fs::read_to_string("/sys/devices/system/cpu/online") {
        Ok(ranges) => is_many(&ranges),
        Err(_) => thread::available_parallelism().is_ok_and(|count| count.get() > 1),
    }
}

/// Reads a list such as `0-3,5`.
fn is_many(ranges: &str) -> bool {
    ranges.contains(['-', ','])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors() {
        assert!(!is_many("0\n") && !is_many("12\n"));
        assert!(is_many("0-1\n") && is_many("0,2\n") && is_many("0-3,5-7\n"));
    }
}
