//! Time that is handed in. An [`Instant`] counts from an arbitrary zero; only differences mean something.

pub use core::time::Duration;

use core::fmt;
use core::num::NonZeroU64;
use core::ops::{Add, AddAssign, Sub};

/// A moment: nanoseconds since a zero that the driver chose. 64 bits last 584 years.
///
/// What is kept is one more than the nanoseconds, so that `Option<Instant>` takes no more memory than an `Instant`: most timers
/// of a connection are not set most of the time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(NonZeroU64);

impl Instant {
    /// The driver's zero.
    pub const ZERO: Instant = Instant(NonZeroU64::MIN);
    /// Later than anything that will happen.
    pub const MAX: Instant = Instant(NonZeroU64::MAX);

    /// The moment `nanoseconds` after zero; [`Instant::MAX`] for `u64::MAX`, which is one nanosecond later.
    pub const fn from_nanos(nanoseconds: u64) -> Instant {
        Instant(NonZeroU64::MIN.saturating_add(nanoseconds))
    }

    /// Nanoseconds since zero.
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - NonZeroU64::MIN.get()
    }

    /// The earlier of two deadlines that may not be set.
    #[inline]
    pub fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// Zero if `earlier` is in fact later.
    pub const fn saturating_duration_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Default for Instant {
    fn default() -> Instant {
        Instant::ZERO
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Instant").field(&self.as_nanos()).finish()
    }
}

/// The nanoseconds of a duration, at most `u64::MAX`: a span longer than 584 years counts as infinite.
const fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}

impl Add<Duration> for Instant {
    type Output = Instant;

    /// Stops at [`Instant::MAX`].
    fn add(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_add(nanos(duration)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;

    /// Stops at [`Instant::ZERO`].
    fn sub(self, duration: Duration) -> Instant {
        NonZeroU64::new(self.0.get().saturating_sub(nanos(duration))).map_or(Instant::ZERO, Instant)
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// The same as [`Instant::saturating_duration_since`].
    fn sub(self, earlier: Instant) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_there_and_back() {
        for nanoseconds in [0, 1, 2, 1 << 32, u64::MAX - 1] {
            assert_eq!(Instant::from_nanos(nanoseconds).as_nanos(), nanoseconds);
        }
        assert_eq!(Instant::from_nanos(u64::MAX), Instant::MAX);
        assert_eq!(Instant::from_nanos(1) - Duration::from_nanos(1), Instant::ZERO);
        assert_eq!(Instant::from_nanos(1) - Duration::from_nanos(2), Instant::ZERO);
        assert_eq!(Instant::from_nanos(7) - Instant::from_nanos(4), Duration::from_nanos(3));
        assert_eq!(alloc::format!("{:?}", Instant::from_nanos(5)), "Instant(5)");
    }

    #[test]
    fn the_earlier_of_two_deadlines_is_one_that_is_set() {
        let (soon, late) = (Some(Instant::from_nanos(1)), Some(Instant::from_nanos(2)));
        for (one, other, earlier) in [(soon, late, soon), (None, late, late), (None, None, None)] {
            assert_eq!((Instant::earlier(one, other), Instant::earlier(other, one)), (earlier, earlier));
        }
    }

    #[test]
    fn a_moment_that_may_be_missing_takes_no_more_memory() {
        assert_eq!(size_of::<Option<Instant>>(), size_of::<u64>());
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let moment = Instant::from_nanos(5);
        assert_eq!(moment - Duration::from_secs(1), Instant::ZERO);
        assert_eq!(moment + Duration::MAX, Instant::MAX);
        assert_eq!(Instant::ZERO - moment, Duration::ZERO);
        assert_eq!(moment + Duration::from_micros(2) - moment, Duration::from_nanos(2000));
    }
}
