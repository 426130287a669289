//! Which ranges an ACK frame tells where there are more than it may have: the newest, and those that hold what came late.
//!
//! On a fast and long path that reorders, hundreds of gaps are open at the same time. A packet that fills one lies among ranges that
//! no frame of the newest would reach, and its sender would send it again.

use crate::ranges::RangeSet;
use core::ops::RangeInclusive;

/// Ranges that a frame tells in any case, if there are so many.
pub(super) const NEWEST: usize = 48;
/// Packets that came late and are told of in the next frame. Such a packet makes a frame due, so these are those of one batch.
pub(super) const MAX_LATE: usize = 16;

/// Packets that came late, and of which no frame has told.
#[derive(Debug, Default)]
pub(super) struct Late {
    /// In ascending order.
    numbers: [u64; MAX_LATE],
    count: usize,
}

impl Late {
    /// A packet was received. Only where the newest ranges do not reach it has it to be kept in mind.
    pub(super) fn on_received(&mut self, number: u64, ranges: &RangeSet) {
        let is_among_newest = ranges.iter().rev().nth(NEWEST - 1).is_none_or(|range| number >= range.start);
        if is_among_newest || self.count == MAX_LATE {
            return;
        }
        let place = self.numbers[..self.count].partition_point(|late| *late < number);
        self.numbers.copy_within(place..self.count, place + 1);
        self.numbers[place] = number;
        self.count += 1;
    }

    /// A frame tells of them.
    pub(super) const fn on_told(&mut self) {
        self.count = 0;
    }

    /// The ranges to tell, descending.
    pub(super) fn choose(&self, ranges: &RangeSet) -> impl Iterator<Item = RangeInclusive<u64>> {
        let mut late = self.numbers[..self.count].iter().rev().copied().peekable();
        let mut is_told = move |place: usize, start: u64, end: u64| {
            if place < NEWEST {
                return true;
            }
            while late.next_if(|number| *number >= end).is_some() {}
            late.peek().is_some_and(|number| *number >= start)
        };
        let numbered = ranges.iter().rev().enumerate();
        numbered.filter_map(move |(place, range)| {
            is_told(place, range.start, range.end).then_some(range.start..=range.end - 1)
        })
    }
}
