//! A token bucket: so many in a second, and so many at once.

use base::{Duration, Instant};

/// How fast something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In each second; 0 for any number.
    pub per_second: u32,
    /// At once, after a pause.
    pub burst: u32,
}

/// What is left of a [`Rate`]. It counts in nanoseconds of credit, so that nothing is lost by rounding.
#[derive(Clone, Debug)]
pub struct Bucket {
    rate: Rate,
    /// Tokens times the nanoseconds of a second.
    credit: u64,
    at: Instant,
}

const SECOND: u64 = 1_000_000_000;

impl Bucket {
    /// Full.
    pub fn new(rate: Rate, now: Instant) -> Bucket {
        Bucket { rate, credit: u64::from(rate.burst) * SECOND, at: now }
    }

    /// Whether nothing is missing: a bucket that is full need not be kept.
    pub fn is_full(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.rate.per_second == 0 || self.credit == u64::from(self.rate.burst) * SECOND
    }

    /// Takes `count` tokens. More than the burst are taken when the bucket is full, and paid for later: nothing waits for ever.
    ///
    /// # Errors
    /// They are not there: after how long they will be. Nothing was taken.
    pub fn take(&mut self, count: u32, now: Instant) -> Result<(), Duration> {
        if self.rate.per_second == 0 {
            return Ok(());
        }
        self.fill(now);
        let wanted = u64::from(count) * SECOND;
        let needed = wanted.min(u64::from(self.rate.burst.max(1)) * SECOND);
        if self.credit < needed {
            return Err(Duration::from_nanos((needed - self.credit).div_ceil(u64::from(self.rate.per_second))));
        }
        if wanted <= self.credit {
            self.credit -= wanted;
        } else {
            // What is beyond the burst is paid for in time.
            let debt = (wanted - self.credit) / u64::from(self.rate.per_second);
            self.credit = 0;
            self.at = now + Duration::from_nanos(debt);
        }
        Ok(())
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        if passed.is_zero() {
            return;
        }
        let gained = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX).saturating_mul(self.rate.per_second.into());
        self.credit = self.credit.saturating_add(gained).min(u64::from(self.rate.burst.max(1)) * SECOND);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut bucket = Bucket::new(Rate { per_second: 10, burst: 5 }, at(0));
        for _ in 0..5 {
            assert_eq!(bucket.take(1, at(0)), Ok(()));
        }
        assert_eq!(bucket.take(1, at(0)), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(1, at(99)), Err(Duration::from_millis(1)));
        assert_eq!(bucket.take(1, at(100)), Ok(()));
        assert_eq!(bucket.take(3, at(100)), Err(Duration::from_millis(300)));
        assert_eq!(bucket.take(3, at(400)), Ok(()));
        assert!(!bucket.is_full(at(899)) && bucket.is_full(at(900)), "five come in half a second");
    }

    #[test]
    fn over_a_long_time_it_is_the_rate_and_no_more() {
        let mut bucket = Bucket::new(Rate { per_second: 1000, burst: 10 }, at(0));
        let mut taken = 0u32;
        // Every 7 microseconds one is asked for, for ten seconds.
        for step in 0..10_000_000u64 / 7 {
            let now = Instant::ZERO + Duration::from_micros(7 * step);
            taken += u32::from(bucket.take(1, now).is_ok());
        }
        assert!((9_999..=10_010).contains(&taken), "{taken}");
    }

    #[test]
    fn more_than_the_burst_is_paid_for_afterwards() {
        let mut bucket = Bucket::new(Rate { per_second: 10, burst: 5 }, at(0));
        assert_eq!(bucket.take(25, at(0)), Ok(()));
        assert_eq!(bucket.take(1, at(0)).map_err(|wait| wait.as_millis()), Err(100));
        assert!(bucket.take(1, at(2000)).is_err(), "twenty were lent");
        assert_eq!(bucket.take(1, at(2100)), Ok(()));
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut bucket = Bucket::new(Rate { per_second: 0, burst: 0 }, at(0));
        assert_eq!(bucket.take(u32::MAX, at(0)), Ok(()));
        assert!(bucket.is_full(at(0)));
    }
}
