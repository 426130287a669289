//! The monotonic clock.

use crate::sys::linux::types::TimeSpec;

mod foreign {
    use super::TimeSpec;

    unsafe extern "C" {
        pub(super) fn clock_gettime(clock: i32, time: *mut TimeSpec) -> i32;
    }
}

/// `CLOCK_MONOTONIC`, which `std::time::Instant` reads as well.
const CLOCK_MONOTONIC: i32 = 1;

/// Nanoseconds since some moment before this process began. A turn of the executor reads it several times, and the standard
/// library's `Instant` has to be subtracted and converted each time: 70 instructions more.
#[inline]
pub(crate) fn monotonic() -> u64 {
    let mut time = TimeSpec { seconds: 0, nanoseconds: 0 };
    // SAFETY: the time is written to a place that lives through the call.
    let result = unsafe { foreign::clock_gettime(CLOCK_MONOTONIC, &raw mut time) };
    assert!(result == 0, "every Linux has a monotonic clock");
    time.seconds as u64 * 1_000_000_000 + time.nanoseconds as u64
}
