//! Time that is handed in. An [`Instant`] counts from an arbitrary zero; only differences mean something.

pub use core::time::Duration;

use core::ops::{Add, AddAssign, Sub};

/// A moment: nanoseconds since a zero that the driver chose. 64 bits last 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The driver's zero.
    pub const ZERO: Instant = Instant(0);
    /// Later than anything that will happen.
    pub const MAX: Instant = Instant(u64::MAX);

    /// The moment `nanoseconds` after zero.
    pub const fn from_nanos(nanoseconds: u64) -> Instant {
        Instant(nanoseconds)
    }

    /// Nanoseconds since zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Zero if `earlier` is in fact later.
    pub const fn saturating_duration_since(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
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
        Instant(self.0.saturating_sub(nanos(duration)))
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
    fn arithmetic_stops_at_the_ends() {
        let moment = Instant::from_nanos(5);
        assert_eq!(moment - Duration::from_secs(1), Instant::ZERO);
        assert_eq!(moment + Duration::MAX, Instant::MAX);
        assert_eq!(Instant::ZERO - moment, Duration::ZERO);
        assert_eq!(moment + Duration::from_micros(2) - moment, Duration::from_nanos(2000));
    }
}
