//! The dynamic table (RFC 9204 section 3.2): lines in the order in which they were inserted, the oldest evicted first.
//!
//! Both ends have one: the decoder for what the peer inserts, the encoder as a picture of what the peer's decoder has. All
//! names and values stand one after the other in one piece of memory, so an insertion allocates nothing once that piece has
//! grown, and a line is found by its absolute index in one step.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// What the size of an entry has beside its name and its value (RFC 9204 section 3.2.1).
pub(crate) const ENTRY_OVERHEAD: usize = 32;

/// A dynamic table. Entries are named by their absolute indices, which begin at zero and never repeat.
#[derive(Debug, Default)]
pub(crate) struct DynamicTable {
    capacity: usize,
    size: usize,
    /// The absolute index of the oldest entry.
    first: u64,
    entries: VecDeque<Entry>,
    /// Names and values of the entries, and in front of them those of entries that were evicted.
    text: Vec<u8>,
    /// How many bytes of text were dropped from the front of `text` since the beginning.
    dropped: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where its name begins, counted from the beginning of all text.
    at: u64,
    name_len: usize,
    value_len: usize,
}

impl Entry {
    const fn size(&self) -> usize {
        self.name_len + self.value_len + ENTRY_OVERHEAD
    }
}

/// The size of a line as an entry.
pub(crate) const fn entry_size(name: &[u8], value: &[u8]) -> usize {
    name.len().saturating_add(value.len()).saturating_add(ENTRY_OVERHEAD)
}

/// An entry that is larger than the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl DynamicTable {
    /// How many bytes the entries may take.
    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many bytes they take.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    /// How many entries were inserted since the beginning: the absolute index of the next one.
    pub(crate) fn inserted(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The absolute index of the oldest entry, or of the next one if there is none.
    pub(crate) const fn first(&self) -> u64 {
        self.first
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    /// RFC 9204 section 3.2.2: evicts what has no room any more.
    pub(crate) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.evict_down_to(capacity);
        self.compact();
    }

    /// Name and value of the entry with this absolute index; `None` if it was evicted or never inserted.
    pub(crate) fn get(&self, index: u64) -> Option<(&[u8], &[u8])> {
        let entry = self.entry(index)?;
        let start = usize::try_from(entry.at - self.dropped).ok()?;
        let line = self.text.get(start..start + entry.name_len + entry.value_len)?;
        line.split_at_checked(entry.name_len)
    }

    /// How many bytes of entries were inserted from this one on.
    pub(crate) fn size_from(&self, index: u64) -> usize {
        let Some(entry) = self.entry(index) else { return 0 };
        let text = self.dropped + self.text.len() as u64 - entry.at;
        text as usize + (self.inserted() - index) as usize * ENTRY_OVERHEAD
    }

    /// The oldest entry that stays if one of `size` bytes is inserted; `None` if that is larger than the table.
    pub(crate) fn first_after(&self, size: usize) -> Option<u64> {
        let room = self.capacity.checked_sub(size)?;
        let (mut left, mut first) = (self.size, self.first);
        for entry in &self.entries {
            if left <= room {
                break;
            }
            left -= entry.size();
            first += 1;
        }
        Some(first)
    }

    /// RFC 9204 section 3.2-1: whether the same line is there already makes no difference.
    pub(crate) fn insert(&mut self, name: &[u8], value: &[u8]) -> Result<(), TooLarge> {
        self.check(entry_size(name, value))?;
        self.text.extend_from_slice(name);
        self.text.extend_from_slice(value);
        self.push(name.len(), value.len());
        Ok(())
    }

    /// Inserts an entry with the name of the one at `index`, which there is. That one may be evicted by it (RFC 9204 section
    /// 3.2.2).
    pub(crate) fn insert_with_name_of(&mut self, index: u64, value: &[u8]) -> Result<(), TooLarge> {
        let name_len = self.get(index).map_or(0, |(name, _)| name.len());
        self.check(name_len.saturating_add(value.len()).saturating_add(ENTRY_OVERHEAD))?;
        self.copy(index, name_len);
        self.text.extend_from_slice(value);
        self.push(name_len, value.len());
        Ok(())
    }

    /// Inserts the entry at `index`, which there is, once more.
    pub(crate) fn duplicate(&mut self, index: u64) {
        let Some((name, value)) = self.get(index) else { return };
        let (name_len, value_len) = (name.len(), value.len());
        self.copy(index, name_len + value_len);
        self.push(name_len, value_len);
    }

    fn entry(&self, index: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(index.checked_sub(self.first)?).ok()?)
    }

    const fn check(&self, size: usize) -> Result<(), TooLarge> {
        if size > self.capacity { Err(TooLarge) } else { Ok(()) }
    }

    /// Copies the first bytes of an entry behind all text.
    fn copy(&mut self, index: u64, len: usize) {
        let start = self.entry(index).map_or(0, |entry| (entry.at - self.dropped) as usize);
        self.text.extend_from_within(start..start + len);
    }

    /// The text of a new entry stands behind all other. What has no room beside it is evicted only now, because its name
    /// may have come from there.
    fn push(&mut self, name_len: usize, value_len: usize) {
        let at = self.dropped + (self.text.len() - name_len - value_len) as u64;
        let entry = Entry { at, name_len, value_len };
        debug_assert!(entry.size() <= self.capacity, "what is larger than the table was refused");
        self.evict_down_to(self.capacity.saturating_sub(entry.size()));
        self.size += entry.size();
        self.entries.push_back(entry);
        self.compact();
    }

    fn evict_down_to(&mut self, size: usize) {
        while self.size > size {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.size -= oldest.size();
            self.first += 1;
        }
    }

    /// Drops the text of evicted entries once it is as much as that of the others: no more is moved than was dropped, and
    /// the text is never more than twice as long as the table is large.
    fn compact(&mut self) {
        let live = self.size - self.entries.len() * ENTRY_OVERHEAD;
        let dead = self.text.len() - live;
        if dead > live {
            self.text.drain(..dead);
            self.dropped += dead as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque as Deque;

    type Line = (Vec<u8>, Vec<u8>);

    /// The table as the RFC tells it, without a thought of speed.
    #[derive(Default)]
    struct Naive {
        capacity: usize,
        first: u64,
        lines: Deque<Line>,
    }

    impl Naive {
        fn size(&self) -> usize {
            self.lines.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
        }

        fn evict(&mut self, room: usize) {
            while self.size() + room > self.capacity && self.lines.pop_front().is_some() {
                self.first += 1;
            }
        }

        fn insert(&mut self, line: Line) -> Result<(), TooLarge> {
            let size = line.0.len() + line.1.len() + 32;
            if size > self.capacity {
                return Err(TooLarge);
            }
            self.evict(size);
            self.lines.push_back(line);
            Ok(())
        }
    }

    fn next(state: &mut u64, below: u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) % below.max(1)
    }

    fn assert_same(table: &DynamicTable, naive: &Naive) {
        assert_eq!((table.size(), table.first(), table.len()), (naive.size(), naive.first, naive.lines.len() as u64));
        for (place, (name, value)) in naive.lines.iter().enumerate() {
            assert_eq!(table.get(naive.first + place as u64), Some((&name[..], &value[..])));
        }
        assert_eq!(table.get(table.inserted()), None);
        assert_eq!(naive.first.checked_sub(1).and_then(|index| table.get(index)), None);
        assert!(table.text.len() <= 2 * table.capacity.max(1), "{} bytes of text", table.text.len());
    }

    /// RFC 9204 section 3.2-1, 3.2.2-2.
    #[test]
    fn random_operations_leave_what_the_naive_table_has() {
        for seed in 0..200u64 {
            let (mut table, mut naive) = (DynamicTable::default(), Naive::default());
            let mut state = seed;
            for _ in 0..300 {
                let length = next(&mut state, 40) as usize;
                let text = alloc::vec![next(&mut state, 256) as u8; length];
                match next(&mut state, 10) {
                    0 => {
                        let capacity = next(&mut state, 300) as usize;
                        table.set_capacity(capacity);
                        naive.capacity = capacity;
                        naive.evict(0);
                    }
                    1..=3 if table.len() > 0 => {
                        let place = next(&mut state, table.len());
                        let line = naive.lines[place as usize].clone();
                        table.duplicate(table.first() + place);
                        naive.insert(line).unwrap();
                    }
                    4..=6 if table.len() > 0 => {
                        let place = next(&mut state, table.len());
                        let name = naive.lines[place as usize].0.clone();
                        let result = table.insert_with_name_of(table.first() + place, &text);
                        assert_eq!(result, naive.insert((name, text)));
                    }
                    _ => {
                        let (name, value) = text.split_at(length / 3);
                        let after = table.first_after(entry_size(name, value));
                        let result = table.insert(name, value);
                        assert_eq!(result, naive.insert((name.to_vec(), value.to_vec())));
                        assert_eq!(after, result.ok().map(|()| table.first()));
                    }
                }
                assert_same(&table, &naive);
            }
        }
    }

    #[test]
    fn the_size_from_an_entry_on() {
        let mut table = DynamicTable::default();
        table.set_capacity(100);
        for value in [&b"1"[..], b"22", b"333", b"4444"] {
            table.insert(b"n", value).unwrap();
        }
        assert_eq!([1, 2, 3, 4].map(|index| table.size_from(index)), [0, 36 + 37, 37, 0]);
    }
}
