//! The largest value of late: of round trips, and of cycles of probing.

/// The largest of the values of a number of round trips. Three candidates are kept, each newer and smaller than the one before, so
/// that there is a second when the largest is too old.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct WindowedMax {
    // Round trip and value.
    candidates: [(u64, u64); 3],
}

impl WindowedMax {
    /// The largest.
    pub(super) const fn get(&self) -> u64 {
        self.candidates[0].1
    }

    /// A value of this round trip; what is older than `window` round trips is forgotten.
    pub(super) fn update(&mut self, round: u64, value: u64, window: u64) {
        let new = (round, value);
        let [first, second, third] = &mut self.candidates;
        if value >= first.1 || round - third.0 > window {
            self.candidates = [new; 3];
            return;
        }
        if value >= second.1 {
            (*second, *third) = (new, new);
        } else if value >= third.1 {
            *third = new;
        }
        self.expire(new, window);
    }

    /// The largest gives way when it is too old; and the others are renewed in time, so that they are not all of one moment.
    fn expire(&mut self, new: (u64, u64), window: u64) {
        let [first, second, third] = self.candidates;
        let age = new.0 - first.0;
        if age > window {
            self.candidates = [second, third, new];
            if new.0 - second.0 > window {
                self.candidates = [third, new, new];
            }
        } else if second.0 == first.0 && age > window / 4 {
            self.candidates = [first, new, new];
        } else if third.0 == second.0 && age > window / 2 {
            self.candidates = [first, second, new];
        }
    }
}

/// The largest rate of this cycle of probing and the one before (draft-ietf-ccwg-bbr section 5.5.6).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CycleMax {
    before: u64,
    now: u64,
}

impl CycleMax {
    /// Bytes per second.
    pub(super) fn get(&self) -> u64 {
        self.before.max(self.now)
    }

    /// A rate of this cycle.
    pub(super) fn update(&mut self, rate: u64) {
        self.now = self.now.max(rate);
    }

    /// Another cycle begins. One in which nothing was measured forgets nothing.
    pub(super) const fn advance(&mut self) {
        if self.now > 0 {
            self.before = self.now;
            self.now = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_the_window() {
        let mut filter = WindowedMax::default();
        let mut values = alloc::vec::Vec::new();
        let mut seed = 1u64;
        for round in 0..2000u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let value = seed >> 44;
            values.push(value);
            filter.update(round, value, 10);
            let exact = values.iter().rev().take(11).max().unwrap();
            assert!(filter.get() <= *exact, "nothing too old");
            assert!(filter.get() >= value);
        }
        // One that is largest stays for its time, and no longer.
        filter.update(2000, 1 << 40, 10);
        (2001..=2010).for_each(|round| filter.update(round, 5, 10));
        assert_eq!(filter.get(), 1 << 40);
        filter.update(2011, 5, 10);
        assert_eq!(filter.get(), 5);
        filter.update(2100, 3, 10);
        assert_eq!(filter.get(), 3);
    }

    #[test]
    fn two_cycles() {
        let mut filter = CycleMax::default();
        [5, 9, 7].iter().for_each(|rate| filter.update(*rate));
        filter.advance();
        filter.update(4);
        assert_eq!(filter.get(), 9);
        filter.advance();
        assert_eq!(filter.get(), 4);
        filter.advance();
        filter.advance();
        assert_eq!(filter.get(), 4, "without a rate nothing is forgotten");
    }
}
