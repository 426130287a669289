//! So many in each second and no more.

use base::{Duration, Instant};

/// Counts what was done in the second that runs.
#[derive(Debug)]
pub(super) struct PerSecond {
    most: u32,
    began: Option<Instant>,
    done: u32,
}

impl PerSecond {
    /// At most so many.
    pub(super) const fn new(most: u32) -> PerSecond {
        PerSecond { most, began: None, done: 0 }
    }

    /// Whether one more may be done now; if so, it is counted.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        if self.began.is_none_or(|began| now - began >= Duration::from_secs(1)) {
            self.began = Some(now);
            self.done = 0;
        }
        let may = self.done < self.most;
        self.done += u32::from(may);
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_share() {
        let mut limit = PerSecond::new(3);
        let begin = Instant::from_nanos(5_000_000_000);
        let taken = |limit: &mut PerSecond, millis| {
            let now = begin + Duration::from_millis(millis);
            (0..10).filter(|_| limit.take(now)).count()
        };
        assert_eq!([0, 999, 1000, 1500, 2000].map(|millis| taken(&mut limit, millis)), [3, 0, 3, 0, 3]);
    }
}
