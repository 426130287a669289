//! Bytes that wait in a ring: written behind, read in front. What waits is not moved, and memory is asked for only where more waits
//! than ever did.

use alloc::vec::Vec;

/// The least memory.
const LEAST: usize = 256;

/// The ring. It bounds nothing: whoever writes to it counts.
#[derive(Debug, Default)]
pub struct ByteRing {
    // As long as a power of two, or empty.
    memory: Vec<u8>,
    first: usize,
    len: usize,
}

impl ByteRing {
    /// How many bytes wait.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of its memory: no more than twice as many as have waited at a time, or 256.
    pub const fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Copies `bytes` to the end.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.memory.len() - self.len < bytes.len() {
            self.grow(self.len + bytes.len());
        }
        if bytes.is_empty() {
            return;
        }
        let start = (self.first + self.len) & (self.memory.len() - 1);
        let until_end = self.memory.len() - start;
        if let Some(place) = self.memory.get_mut(start..start + bytes.len()) {
            place.copy_from_slice(bytes);
        } else {
            let (before, behind) = bytes.split_at(until_end);
            self.memory[start..].copy_from_slice(before);
            self.memory[..behind.len()].copy_from_slice(behind);
        }
        self.len += bytes.len();
    }

    /// The first `count` bytes in two parts: the second has some where they go round the end of the memory.
    ///
    /// # Panics
    /// If fewer wait.
    #[inline]
    pub fn front(&self, count: usize) -> [&[u8]; 2] {
        assert!(count <= self.len, "so many bytes wait");
        let end = self.first + count;
        match self.memory.get(self.first..end) {
            Some(whole) => [whole, &[]],
            None => [&self.memory[self.first..], &self.memory[..end - self.memory.len()]],
        }
    }

    /// Drops the first `count` bytes.
    ///
    /// # Panics
    /// If fewer wait.
    #[inline]
    pub fn skip(&mut self, count: usize) {
        assert!(count <= self.len, "so many bytes wait");
        if count == self.len {
            (self.first, self.len) = (0, 0);
        } else {
            self.first = (self.first + count) & (self.memory.len() - 1);
            self.len -= count;
        }
    }

    /// Gives its memory back where nothing waits.
    pub fn release_memory(&mut self) {
        if self.is_empty() {
            *self = ByteRing::default();
        }
    }

    #[cold]
    fn grow(&mut self, needed: usize) {
        let capacity = needed.max(LEAST).next_power_of_two();
        let mut memory = Vec::with_capacity(capacity);
        self.front(self.len).iter().for_each(|part| memory.extend_from_slice(part));
        memory.resize(capacity, 0);
        (self.memory, self.first) = (memory, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let (mut ring, mut model, mut next) = (ByteRing::default(), VecDeque::new(), 0u8);
        for step in 0..5000usize {
            let pushed: Vec<u8> = (0..step * 31 % 97)
                .map(|_| {
                    next = next.wrapping_add(1);
                    next
                })
                .collect();
            ring.push(&pushed);
            model.extend(&pushed);
            let taken = (step * 17 % 101).min(model.len());
            let [before, behind] = ring.front(taken);
            let expected: Vec<u8> = model.drain(..taken).collect();
            assert_eq!([before, behind].concat(), expected);
            ring.skip(taken);
            assert_eq!((ring.len(), ring.is_empty()), (model.len(), model.is_empty()));
        }
    }

    #[test]
    #[should_panic(expected = "so many bytes wait")]
    fn more_than_wait_cannot_be_looked_at() {
        let mut ring = ByteRing::default();
        ring.push(&[1; 10]);
        ring.front(11);
    }

    #[test]
    fn memory_follows_what_waits_at_a_time() {
        let mut ring = ByteRing::default();
        ring.push(&[]);
        assert_eq!((ring.capacity(), ring.front(0)), (0, [&[][..], &[]]));
        for _ in 0..10_000 {
            ring.push(&[7; 100]);
            ring.push(&[8; 100]);
            ring.skip(150);
            ring.skip(50);
        }
        assert_eq!(ring.capacity(), LEAST);
        ring.push(&[1; 1000]);
        ring.release_memory();
        assert_eq!((ring.len(), ring.capacity()), (1000, 1024));
        ring.skip(1000);
        ring.release_memory();
        assert_eq!((ring.len(), ring.capacity()), (0, 0));
    }
}
