//! Many datagrams of an application's, handed over together.

use alloc::vec::Vec;

/// Datagrams, one behind the other in memory that is used again: what was filled once and cleared takes the next ones without
/// asking for memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatagramBatch {
    bytes: Vec<u8>,
    // Where each ends.
    ends: Vec<usize>,
}

impl DatagramBatch {
    /// None yet.
    pub const fn new() -> DatagramBatch {
        DatagramBatch { bytes: Vec::new(), ends: Vec::new() }
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Copies one to the end.
    #[inline]
    pub fn push(&mut self, datagram: &[u8]) {
        self.push_parts(&[datagram]);
    }

    /// Copies one to the end whose bytes stand in several places.
    #[inline]
    pub fn push_parts(&mut self, parts: &[&[u8]]) {
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.ends.push(self.bytes.len());
    }

    /// The one at this place, from 0 on.
    pub fn get(&self, place: usize) -> Option<&[u8]> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..end)
    }

    /// All, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| &self.bytes[core::mem::replace(&mut start, *end)..*end])
    }

    /// Forgets all of them, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_apart_from_each_other() {
        let mut batch = DatagramBatch::new();
        assert!(batch.is_empty() && batch.get(0).is_none());
        for _ in 0..2 {
            batch.push(b"");
            batch.push(b"first");
            batch.push_parts(&[b"sec", b"", b"ond"]);
            batch.push(b"");
            let expected: [&[u8]; 4] = [b"", b"first", b"second", b""];
            assert_eq!(batch.iter().collect::<Vec<_>>(), expected);
            assert_eq!((0..5).map_while(|place| batch.get(place)).collect::<Vec<_>>(), expected);
            assert_eq!((batch.len(), batch.iter().len()), (4, 4));
            let memory = batch.bytes.capacity();
            batch.clear();
            assert_eq!((batch.len(), batch.get(0), batch.bytes.capacity()), (0, None, memory));
        }
    }
}
