//! The monotonic clock.

use std::sync::OnceLock;
use std::time::Instant;

/// Nanoseconds since the first call in this process.
pub(crate) fn monotonic() -> u64 {
    static ZERO: OnceLock<Instant> = OnceLock::new();
    let elapsed = ZERO.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
