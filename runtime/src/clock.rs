//! The only place where time is read.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use base::{Duration, Instant};

use crate::sys;

/// Now, on the monotonic clock, counted from the first call in this process. All threads count from the same zero.
#[inline]
pub fn now() -> Instant {
    static ZERO: OnceLock<u64> = OnceLock::new();
    let zero = *ZERO.get_or_init(sys::monotonic);
    // One tick after zero: `Instant::ZERO` is often taken for "never".
    Instant::from_nanos(sys::monotonic().saturating_sub(zero) + 1)
}

/// Seconds since 1970, for certificates and log lines. It may jump; nothing that measures a span may use it.
pub fn unix_seconds() -> u64 {
    since_1970().as_secs()
}

/// The same in milliseconds, for the age of tickets.
pub fn unix_millis() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// Nothing, if the clock is set to a time before 1970.
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_decreases_across_threads() {
        let before = now();
        let elsewhere = std::thread::spawn(now).join().unwrap();
        assert!(Instant::ZERO < before && before <= elsewhere && elsewhere <= now());
    }

    #[test]
    fn the_wall_clock_is_past_the_day_this_was_written() {
        assert!(unix_seconds() > 1_750_000_000);
    }
}
