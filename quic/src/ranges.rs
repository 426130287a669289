//! A set of numbers kept as sorted ranges that neither overlap nor touch.
//!
//! Packet numbers received and stream bytes acknowledged mostly come in order, so a set is mostly one range that grows
//! at its end: that costs a comparison. Anything else is a binary search and, at worst, a shift of the ranges behind it.
//! The set does not limit how many ranges it holds; its owner does, since only the owner knows what to give up.

use alloc::collections::VecDeque;
use core::ops::Range;

/// A set of `u64`, as half-open ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RangeSet {
    // Ascending, none empty, and between two neighbours at least one number is missing.
    ranges: VecDeque<Range<u64>>,
}

impl RangeSet {
    /// The empty set. Allocates nothing.
    pub(crate) const fn new() -> RangeSet {
        RangeSet { ranges: VecDeque::new() }
    }

    /// Gives back what is not used of the memory.
    pub(crate) fn release_memory(&mut self) {
        self.ranges.shrink_to_fit();
    }

    /// Adds all of `range`, and tells whether any of it was new.
    pub(crate) fn insert(&mut self, range: Range<u64>) -> bool {
        if range.is_empty() {
            return false;
        }
        match self.ranges.back_mut() {
            Some(last) if range.start > last.end => {}
            Some(last) if range.start >= last.start => {
                let grows = range.end > last.end;
                last.end = last.end.max(range.end);
                return grows;
            }
            Some(_) => return self.insert_within(range),
            None => {}
        }
        self.ranges.push_back(range);
        true
    }

    /// The general case of [`RangeSet::insert`].
    fn insert_within(&mut self, range: Range<u64>) -> bool {
        // All that overlaps or touches: from the first range that ends at or after the start, ...
        let from = self.ranges.partition_point(|held| held.end < range.start);
        // ... to before the first that begins after the end.
        let to = self.ranges.partition_point(|held| held.start <= range.end);
        if from == to {
            self.ranges.insert(from, range);
            return true;
        }
        let start = self.ranges[from].start.min(range.start);
        let end = self.ranges[to - 1].end.max(range.end);
        let grows = to - from > 1 || self.ranges[from] != (start..end);
        self.ranges[from] = start..end;
        self.ranges.drain(from + 1..to);
        grows
    }

    /// Takes all of `range` out, and tells how many numbers of it were held.
    pub(crate) fn remove(&mut self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let from = self.ranges.partition_point(|held| held.end <= range.start);
        let to = self.ranges.partition_point(|held| held.start < range.end);
        if from >= to {
            return 0;
        }
        let before = self.ranges[from].start..range.start;
        let after = range.end..self.ranges[to - 1].end;
        let held: u64 = self.ranges.range(from..to).map(|held| held.end - held.start).sum();
        let mut kept = 0;
        let mut at = from;
        if !before.is_empty() {
            kept += before.end - before.start;
            self.ranges[at] = before;
            at += 1;
        }
        if !after.is_empty() {
            kept += after.end - after.start;
            if at < to {
                self.ranges[at] = after;
            } else {
                self.ranges.insert(at, after);
            }
            at += 1;
        }
        if at < to {
            self.ranges.drain(at..to);
        }
        held - kept
    }

    /// Takes all numbers below `floor` out.
    pub(crate) fn remove_below(&mut self, floor: u64) {
        while let Some(first) = self.ranges.front_mut() {
            if first.end > floor {
                first.start = first.start.max(floor);
                return;
            }
            self.ranges.pop_front();
        }
    }

    /// Takes the range of the smallest numbers out.
    pub(crate) fn pop_first(&mut self) -> Option<Range<u64>> {
        self.ranges.pop_front()
    }

    /// Whether `number` is held.
    pub(crate) fn contains(&self, number: u64) -> bool {
        // The last range is the likely one.
        if let Some(last) = self.ranges.back()
            && number >= last.start
        {
            return number < last.end;
        }
        let at = self.ranges.partition_point(|held| held.end <= number);
        self.ranges.get(at).is_some_and(|held| held.contains(&number))
    }

    /// The ranges, ascending; `.rev()` for descending.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + ExactSizeIterator + '_ {
        self.ranges.iter().cloned()
    }

    /// The ranges that have numbers in common with `range`, ascending and whole. A binary search.
    pub(crate) fn overlapping(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let from = self.ranges.partition_point(|held| held.end <= range.start);
        self.ranges.range(from..).take_while(move |held| held.start < range.end).cloned()
    }

    /// How many ranges there are.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether no number is held.
    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The smallest number held.
    #[cfg(test)]
    pub(crate) fn min(&self) -> Option<u64> {
        self.ranges.front().map(|first| first.start)
    }

    /// The largest number held.
    pub(crate) fn max(&self) -> Option<u64> {
        self.ranges.back().map(|last| last.end - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    /// A small generator, so that a run can be repeated.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state >> 33
    }

    fn ranges_of(model: &BTreeSet<u64>) -> Vec<Range<u64>> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for &number in model {
            match ranges.last_mut() {
                Some(last) if last.end == number => last.end += 1,
                _ => ranges.push(number..number + 1),
            }
        }
        ranges
    }

    #[test]
    fn agrees_with_a_plain_set() {
        for seed in 0..40 {
            let mut state = seed;
            let mut set = RangeSet::new();
            let mut model = BTreeSet::new();
            for _ in 0..400 {
                let start = next(&mut state) % 96;
                let range = start..start + next(&mut state) % 12;
                match next(&mut state) % 8 {
                    0..=3 => {
                        let grows = range.clone().fold(false, |grows, number| model.insert(number) | grows);
                        assert_eq!(set.insert(range), grows);
                    }
                    4 | 5 => {
                        let held = range.clone().filter(|number| model.remove(number)).count();
                        assert_eq!(set.remove(range), held as u64);
                    }
                    6 => {
                        let floor = start / 8;
                        model = model.split_off(&floor);
                        set.remove_below(floor);
                    }
                    _ => {
                        let first = ranges_of(&model).first().cloned();
                        assert_eq!(set.pop_first(), first);
                        first.into_iter().flatten().for_each(|number| assert!(model.remove(&number)));
                    }
                }
                let expected = ranges_of(&model);
                assert!(set.iter().eq(expected.iter().cloned()));
                assert!(set.iter().rev().eq(expected.iter().rev().cloned()));
                let (from, to) = (next(&mut state) % 96, next(&mut state) % 96);
                let common = expected.iter().filter(|held| held.start < to && from < held.end);
                assert!(from >= to || set.overlapping(from..to).eq(common.cloned()));
                assert_eq!((set.len(), set.is_empty()), (expected.len(), expected.is_empty()));
                assert_eq!((set.min(), set.max()), (model.first().copied(), model.last().copied()));
                (0..110).for_each(|number| assert_eq!(set.contains(number), model.contains(&number)));
            }
        }
    }

    #[test]
    fn the_ends_of_the_numbers_are_safe() {
        let mut set = RangeSet::new();
        assert!(set.insert(u64::MAX - 1..u64::MAX));
        assert!(set.insert(0..1));
        assert!(set.insert(0..u64::MAX));
        assert_eq!((set.len(), set.max()), (1, Some(u64::MAX - 1)));
        assert_eq!(set.remove(0..u64::MAX), u64::MAX);
    }
}
