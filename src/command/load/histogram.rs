//! Times, counted by their size: any number of them in the same memory, each known to within a hundredth.

/// Buckets of each power of two. With 128 none is wider than 1/128 of what is in it.
const FINE: u64 = 128;
const FINE_BITS: u32 = FINE.trailing_zeros();
/// Powers of two above the finest: in microseconds up to more than a year.
const POWERS: usize = 40;

/// How many times there were of each size, in microseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    sum: u128,
    shortest: u64,
    longest: u64,
}

impl Histogram {
    /// None yet.
    pub fn new() -> Histogram {
        let counts = vec![0; FINE as usize * (POWERS + 1)];
        Histogram { counts, total: 0, sum: 0, shortest: u64::MAX, longest: 0 }
    }

    /// One more.
    pub fn add(&mut self, microseconds: u64) {
        let place = place(microseconds).min(self.counts.len() - 1);
        self.counts[place] += 1;
        self.total += 1;
        self.sum += u128::from(microseconds);
        self.shortest = self.shortest.min(microseconds);
        self.longest = self.longest.max(microseconds);
    }

    /// How many.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The shortest; 0 if there is none.
    pub fn shortest(&self) -> u64 {
        if self.total == 0 { 0 } else { self.shortest }
    }

    /// The longest.
    pub fn longest(&self) -> u64 {
        self.longest
    }

    /// The mean; 0 of none.
    pub fn mean(&self) -> u64 {
        u64::try_from(self.sum / u128::from(self.total.max(1))).unwrap_or(u64::MAX)
    }

    /// The smallest time that so many percent do not exceed, to within a hundredth of it.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = (self.total as f64 * percent / 100.0).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (place, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= wanted {
                // What is in the last bucket may be any length.
                let is_last = place + 1 == self.counts.len();
                return if is_last { self.longest } else { last(place).clamp(self.shortest(), self.longest) };
            }
        }
        self.longest
    }

    /// How many there are up to each of these times, which rise, and above the time before.
    pub fn between(&self, bounds: &[u64]) -> Vec<u64> {
        let mut counts = vec![0; bounds.len()];
        let mut at = 0;
        for (place, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let time = last(place).clamp(self.shortest(), self.longest);
            while at + 1 < bounds.len() && bounds[at] < time {
                at += 1;
            }
            if let Some(of) = counts.get_mut(at) {
                *of += count;
            }
        }
        counts
    }
}

/// The bucket of a time: those below `FINE` have one each; above, each power of two has `FINE`.
fn place(time: u64) -> usize {
    if time < FINE {
        return time as usize;
    }
    let power = 63 - time.leading_zeros() - FINE_BITS;
    let within = (time >> power) - FINE;
    ((u64::from(power) + 1) * FINE + within) as usize
}

/// The longest time of a bucket.
fn last(place: usize) -> u64 {
    let (block, within) = (place as u64 / FINE, place as u64 % FINE);
    if block == 0 { within } else { ((FINE + within + 1) << (block - 1)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_and_none_is_wide() {
        for place_of in 0..(FINE as usize * (POWERS + 1)) {
            assert_eq!(place(last(place_of)), place_of);
            assert_eq!(place(last(place_of) + 1), place_of + 1);
        }
        for time in [0u64, 1, 127, 128, 255, 256, 1000, 123_456, 987_654_321] {
            let end = last(place(time));
            assert!(end >= time && end - time <= time / FINE, "{time} {end}");
        }
    }

    #[test]
    fn percentiles_of_a_known_set() {
        let mut histogram = Histogram::new();
        (1..=10_000u64).for_each(|time| histogram.add(time * 10));
        for (percent, exact) in [(50.0, 50_000u64), (90.0, 90_000), (99.0, 99_000), (99.9, 99_900), (100.0, 100_000)] {
            let found = histogram.percentile(percent);
            assert!(found >= exact && found - exact <= exact / 100, "{percent}: {found}");
        }
        assert_eq!((histogram.shortest(), histogram.longest(), histogram.mean()), (10, 100_000, 50_005));
        let counts = histogram.between(&[25_000, 50_000, 75_000, u64::MAX]);
        assert_eq!(counts.iter().sum::<u64>(), 10_000);
        assert!(counts.iter().all(|count| (2400..=2600).contains(count)), "{counts:?}");
    }

    #[test]
    fn none_one_and_those_beyond_all_bounds() {
        let empty = Histogram::new();
        assert_eq!((empty.percentile(50.0), empty.shortest(), empty.mean(), empty.total()), (0, 0, 0, 0));
        let mut one = Histogram::new();
        one.add(777);
        assert_eq!([0.0, 50.0, 100.0].map(|percent| one.percentile(percent)), [777; 3]);
        let mut far = Histogram::new();
        far.add(u64::MAX);
        far.add(0);
        assert_eq!((far.percentile(100.0), far.percentile(1.0), far.total()), (u64::MAX, 0, 2));
    }
}
