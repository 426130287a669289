//! The two calls of a kernel queue, as a trait: so that tests can play the kernel.

use std::io;
use std::time::Duration;

use crate::sys::bsd::system::KernelEvent;
use crate::sys::bsd::types::{EV_RECEIPT, TimeSpec};

/// The longest wait that is asked for, some three years: both systems refuse numbers that are much greater.
const LONGEST_WAIT: i64 = 100_000_000;

/// A kernel queue.
pub(crate) trait Kernel {
    /// Makes changes, each with [`EV_RECEIPT`], in their order and whatever becomes of the others. In the place of each it leaves
    /// a receipt, whose `data` is an error number, or zero.
    fn change(&self, changes: &mut [KernelEvent]) -> io::Result<()>;

    /// Waits for events, without a change; gives how many there are. `None` waits for ever.
    fn wait(&self, events: &mut [KernelEvent], timeout: Option<Duration>) -> io::Result<usize>;

    /// The same queue once more, for another thread.
    fn second(&self) -> io::Result<Self>
    where
        Self: Sized;
}

/// A change of one filter.
pub(crate) fn change(ident: usize, filter: i16, flags: u16, key: u64) -> KernelEvent {
    KernelEvent { ident, filter, flags: flags | EV_RECEIPT, key, ..KernelEvent::default() }
}

/// As the kernel takes times, never shorter than asked unless that is years.
pub(crate) fn time_spec(timeout: Duration) -> TimeSpec {
    match i64::try_from(timeout.as_secs()) {
        Ok(seconds) if seconds < LONGEST_WAIT => TimeSpec { seconds, nanoseconds: i64::from(timeout.subsec_nanos()) },
        _ => TimeSpec { seconds: LONGEST_WAIT, nanoseconds: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_up_to_years() {
        let longest = TimeSpec { seconds: LONGEST_WAIT, nanoseconds: 0 };
        for (timeout, expected) in [
            (Duration::ZERO, TimeSpec { seconds: 0, nanoseconds: 0 }),
            (Duration::new(3, 999_999_999), TimeSpec { seconds: 3, nanoseconds: 999_999_999 }),
            (Duration::new(LONGEST_WAIT as u64, 1), longest),
            (Duration::MAX, longest),
        ] {
            assert_eq!(time_spec(timeout), expected);
        }
    }
}
