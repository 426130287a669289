//! Where in a namespace one is: bytes and times by number, without an entry for each event.

use crate::broker::record::{MAX_SEQUENCE, put_u64};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{Reader, Truncated};

/// The most marks of a namespace: 48 KiB.
pub const MAX_MARKS: usize = 2048;

/// One event of which is known how many bytes are before it, and when it was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    sequence: u64,
    bytes_before: u64,
    time: u64,
}

/// Marks at every so-many-th event: each one while there are few, and half as many of them whenever there would be too many. What is
/// asked of the events between is answered as of the mark before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    marks: VecDeque<Mark>,
    spacing: u64,
    /// Bytes of all events that ever were.
    written: u64,
    /// When the newest event was published.
    last_time: u64,
}

impl Marks {
    pub(crate) const fn new() -> Marks {
        Marks { marks: VecDeque::new(), spacing: 1, written: 0, last_time: 0 }
    }

    /// The event `sequence` follows all others.
    pub(crate) fn push(&mut self, sequence: u64, bytes: u64, time: u64) {
        if sequence.is_multiple_of(self.spacing) || self.marks.is_empty() {
            self.marks.push_back(Mark { sequence, bytes_before: self.written, time });
        }
        self.written += bytes;
        self.last_time = self.last_time.max(time);
        if self.marks.len() > MAX_MARKS {
            self.spacing *= 2;
            let (first, spacing) = (self.marks.front().map_or(0, |mark| mark.sequence), self.spacing);
            self.marks.retain(|mark| mark.sequence == first || mark.sequence.is_multiple_of(spacing));
        }
    }

    /// Events before `first` are no more; `is_empty` if none is left.
    pub(crate) fn drop_before(&mut self, first: u64, is_empty: bool) {
        if is_empty {
            self.marks.clear();
        }
        while self.marks.get(1).is_some_and(|second| second.sequence <= first) {
            self.marks.pop_front();
        }
        if self.marks.len() < MAX_MARKS / 8 {
            self.spacing = self.spacing.div_ceil(2);
        }
    }

    fn before(&self, sequence: u64) -> Option<&Mark> {
        let after = self.marks.partition_point(|mark| mark.sequence <= sequence);
        self.marks.get(after.checked_sub(1)?)
    }

    /// Bytes from `sequence` to the end.
    pub(crate) fn bytes_from(&self, sequence: u64, next: u64) -> u64 {
        if sequence >= next {
            return 0;
        }
        self.written - self.before(sequence).map_or(0, |mark| mark.bytes_before)
    }

    /// When `sequence` was published, or an event shortly before it.
    pub(crate) fn time_at(&self, sequence: u64) -> Option<u64> {
        self.before(sequence).map(|mark| mark.time)
    }

    /// When the newest event was published.
    pub(crate) const fn last_time(&self) -> u64 {
        self.last_time
    }

    /// An event before which none was published at `time` or later.
    pub(crate) fn before_time(&self, time: u64) -> Option<u64> {
        let after = self.marks.partition_point(|mark| mark.time < time);
        self.marks.get(after.checked_sub(1)?).map(|mark| mark.sequence)
    }

    /// What is kept of events that were published after `time`: the first of them, or one shortly before. `next` is the number after
    /// the last event.
    pub(crate) fn first_younger_than(&self, time: u64, next: u64) -> u64 {
        if self.last_time <= time {
            return next;
        }
        let after = self.marks.partition_point(|mark| mark.time <= time);
        after.checked_sub(1).and_then(|place| self.marks.get(place)).map_or(0, |mark| mark.sequence + 1)
    }

    /// The first event with which at most `bytes` are kept; the newest mark if that is still more.
    pub(crate) fn first_within(&self, bytes: u64) -> u64 {
        let place = self.marks.partition_point(|mark| self.written - mark.bytes_before > bytes);
        self.marks.get(place).or(self.marks.back()).map_or(0, |mark| mark.sequence)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for value in [self.spacing, self.written, self.last_time, self.marks.len() as u64] {
            put_u64(out, value);
        }
        for mark in &self.marks {
            for value in [mark.sequence, mark.bytes_before, mark.time] {
                put_u64(out, value);
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Marks, Truncated> {
        let mut made = Marks { spacing: reader.u64()?.max(1), ..Marks::new() };
        made.written = reader.u64()?;
        made.last_time = reader.u64()?;
        let count = reader.u64()?;
        if count > MAX_MARKS as u64 || made.written > MAX_SEQUENCE || made.spacing > 1 << 40 {
            return Err(Truncated);
        }
        for _ in 0..count {
            let mark = Mark { sequence: reader.u64()?, bytes_before: reader.u64()?, time: reader.u64()? };
            let is_next = made.marks.back().is_none_or(|last| last.sequence < mark.sequence);
            if !is_next || mark.bytes_before > made.written || mark.sequence > MAX_SEQUENCE {
                return Err(Truncated);
            }
            made.marks.push_back(mark);
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_events_are_known_exactly() {
        let mut marks = Marks::new();
        for sequence in 1..=10 {
            marks.push(sequence, 100, sequence * 1000);
        }
        assert_eq!((marks.bytes_from(1, 11), marks.bytes_from(10, 11), marks.bytes_from(11, 11)), (1000, 100, 0));
        assert_eq!((marks.time_at(4), marks.time_at(0), marks.last_time()), (Some(4000), None, 10_000));
        assert_eq!((marks.first_within(1000), marks.first_within(350), marks.first_within(1)), (1, 8, 10));
        let younger = |time| marks.first_younger_than(time, 11);
        assert_eq!((younger(999), younger(1000), younger(9999), younger(10_000)), (0, 2, 10, 11));
        assert_eq!((marks.before_time(1000), marks.before_time(1001)), (None, Some(1)));
        marks.drop_before(4, false);
        assert_eq!((marks.time_at(3), marks.bytes_from(4, 11)), (None, 700));
    }

    #[test]
    fn many_events_take_bounded_memory_and_are_known_nearly() {
        let mut marks = Marks::new();
        const MANY: u64 = 1_000_000;
        for sequence in 1..=MANY {
            marks.push(sequence, 10, sequence);
            assert!(marks.marks.len() <= MAX_MARKS);
        }
        assert!(marks.spacing <= 2 * MANY / MAX_MARKS as u64, "{}", marks.spacing);
        let near = |a: u64, b: u64| a.abs_diff(b) <= marks.spacing;
        assert!(near(marks.bytes_from(500_000, MANY + 1) / 10, MANY - 500_000 + 1));
        assert!(near(marks.first_within(1000), MANY) && near(marks.first_within(5_000_000), 500_000));
        // Nothing that is younger goes.
        let first = marks.first_younger_than(500_000, MANY + 1);
        assert!(first <= 500_001 && near(first, 500_001));
        let mut rest = marks.clone();
        rest.drop_before(MANY, false);
        assert_eq!(rest.marks.len(), 1);
        rest.drop_before(MANY + 1, true);
        assert_eq!((rest.bytes_from(MANY + 1, MANY + 1), rest.time_at(MANY)), (0, None));
    }

    #[test]
    fn marks_come_back_and_truncated_ones_do_not() {
        let mut marks = Marks::new();
        for sequence in 5..20 {
            marks.push(sequence, 7, 3 * sequence);
        }
        let mut out = Vec::new();
        marks.write(&mut out);
        assert_eq!(Marks::read(&mut Reader::new(&out)), Ok(marks));
        for end in 0..out.len() {
            assert_eq!(Marks::read(&mut Reader::new(&out[..end])), Err(Truncated), "{end}");
        }
    }
}
