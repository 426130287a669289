//! The dynamic table (RFC 7541 sections 2.3.2 and 4): the lines that came last, as many as fit.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

/// The size of a dynamic table where nothing else was said (RFC 9113 section 6.5.2), as RFC 7541 section 4.1 counts it: name,
/// value and 32 bytes for each entry.
pub const DEFAULT_TABLE_SIZE: usize = 4096;
/// What RFC 7541 section 4.1 adds for each entry.
pub(crate) const ENTRY_OVERHEAD: usize = 32;

/// The newest entry is the first.
#[derive(Debug)]
pub(crate) struct DynamicTable {
    entries: VecDeque<Entry>,
    size: usize,
    max_size: usize,
}

/// A line: its name, and its value behind it.
#[derive(Debug)]
struct Entry {
    text: Box<[u8]>,
    name_len: usize,
    hash: u32,
}

impl Entry {
    fn line(&self) -> (&[u8], &[u8]) {
        self.text.split_at(self.name_len)
    }
}

impl DynamicTable {
    pub(crate) fn new(max_size: usize) -> DynamicTable {
        DynamicTable { entries: VecDeque::new(), size: 0, max_size }
    }

    /// How large it may be.
    pub(crate) const fn max_size(&self) -> usize {
        self.max_size
    }

    /// Entries.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// RFC 7541 section 4.3: what does not fit any more goes.
    pub(crate) fn set_max_size(&mut self, max_size: usize) {
        self.max_size = max_size;
        self.evict(max_size);
    }

    /// The line at a place, 0 for the newest.
    pub(crate) fn get(&self, place: usize) -> Option<(&[u8], &[u8])> {
        self.entries.get(place).map(Entry::line)
    }

    /// Where a line is.
    pub(crate) fn find(&self, name: &[u8], value: &[u8]) -> Option<usize> {
        if self.entries.is_empty() {
            return None;
        }
        let hash = hash(name, value);
        self.entries.iter().position(|entry| entry.hash == hash && entry.line() == (name, value))
    }

    /// Where a line of that name is.
    pub(crate) fn find_name(&self, name: &[u8]) -> Option<usize> {
        self.entries.iter().position(|entry| entry.name_len == name.len() && entry.line().0 == name)
    }

    /// RFC 7541 section 4.4: a line that is larger than the table empties it, and is no error.
    pub(crate) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + ENTRY_OVERHEAD;
        self.evict(self.max_size.saturating_sub(size));
        if size > self.max_size {
            return;
        }
        let text = [name, value].concat().into_boxed_slice();
        self.entries.push_front(Entry { text, name_len: name.len(), hash: hash(name, value) });
        self.size += size;
    }

    fn evict(&mut self, most: usize) {
        while self.size > most {
            let oldest = self.entries.pop_back().expect("a table with a size has entries");
            self.size -= oldest.text.len() + ENTRY_OVERHEAD;
        }
    }
}

/// FNV-1a. It only spares comparisons: lines are compared where it is the same.
fn hash(name: &[u8], value: &[u8]) -> u32 {
    const PRIME: u64 = 0x0100_0193;
    let bytes = name.iter().chain(&[0]).chain(value);
    bytes.fold(0x811c_9dc5, |hash: u32, byte| {
        ((u64::from(hash ^ u32::from(*byte)) * PRIME) & u64::from(u32::MAX)) as u32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_and_a_line_that_is_too_large_empties_it() {
        let mut table = DynamicTable::new(3 * 34);
        for name in [b"a", b"b", b"c", b"d"] {
            table.insert(name, b"1");
        }
        assert_eq!(
            (table.len(), table.get(0), table.get(2)),
            (3, Some((&b"d"[..], &b"1"[..])), Some((&b"b"[..], &b"1"[..])))
        );
        assert_eq!((table.find(b"c", b"1"), table.find(b"a", b"1"), table.find_name(b"b")), (Some(1), None, Some(2)));
        table.set_max_size(67);
        assert_eq!(table.len(), 1);
        table.insert(&[b'x'; 40], b"");
        assert_eq!((table.len(), table.size, table.get(0)), (0, 0, None));
    }
}
