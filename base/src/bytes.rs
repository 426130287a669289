//! Immutable bytes that several owners share: what an application hands over is referred to until it is acknowledged,
//! never copied on the way to the packet.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};

/// A cheap-to-clone view of immutable bytes. A slice of it shares the same memory, and keeps all of it alive.
#[derive(Clone, Default)]
pub struct Bytes {
    storage: Storage,
    range: Range<usize>,
}

#[derive(Clone)]
enum Storage {
    Static(&'static [u8]),
    Shared(Arc<Vec<u8>>),
}

impl Default for Storage {
    fn default() -> Storage {
        Storage::Static(&[])
    }
}

impl Bytes {
    /// No bytes.
    pub const fn new() -> Bytes {
        Bytes::from_static(&[])
    }

    /// Bytes of the program itself: nothing is allocated.
    pub const fn from_static(bytes: &'static [u8]) -> Bytes {
        Bytes { storage: Storage::Static(bytes), range: 0..bytes.len() }
    }

    /// A copy of `bytes`.
    pub fn copy_from_slice(bytes: &[u8]) -> Bytes {
        Bytes::from(bytes.to_vec())
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.range.end - self.range.start
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes themselves.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        let all = match &self.storage {
            Storage::Static(bytes) => bytes,
            Storage::Shared(bytes) => bytes.as_slice(),
        };
        all.get(self.range.clone()).unwrap_or(&[])
    }

    /// A part of these bytes, in the same memory. What lies outside is cut off rather than a panic.
    pub fn slice(&self, range: Range<usize>) -> Bytes {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        Bytes { storage: self.storage.clone(), range: self.range.start + start..self.range.start + end }
    }

    /// Drops the first `count` bytes, or all if there are fewer.
    pub fn advance(&mut self, count: usize) {
        self.range.start += count.min(self.len());
        self.release_if_empty();
    }

    /// Splits off the first `count` bytes, or all if there are fewer.
    pub fn split_to(&mut self, count: usize) -> Bytes {
        if count >= self.len() {
            return core::mem::take(self);
        }
        let front = self.slice(0..count);
        self.advance(count);
        front
    }

    /// The capacity of the memory if this goes to the end of what was written there: of the parts that a value was split
    /// into, that is the last one only.
    pub fn capacity_of_last_part(&self) -> Option<usize> {
        match &self.storage {
            Storage::Shared(home) if self.range.end == home.len() => Some(home.capacity()),
            Storage::Shared(_) | Storage::Static(_) => None,
        }
    }

    /// Whether no other value refers to this memory, so that [`reclaim`](Bytes::reclaim) would return it.
    pub fn is_unique(&self) -> bool {
        matches!(&self.storage, Storage::Shared(home) if Arc::strong_count(home) == 1)
    }

    /// The memory, emptied so that it can be written again; the bytes unchanged if another value refers to it.
    pub fn reclaim(self) -> Result<Buffer, Bytes> {
        let Storage::Shared(mut home) = self.storage else { return Err(self) };
        match Arc::get_mut(&mut home) {
            Some(place) => {
                let mut bytes = core::mem::take(place);
                bytes.clear();
                Ok(Buffer { bytes, home: Some(home) })
            }
            None => Err(Bytes { storage: Storage::Shared(home), range: self.range }),
        }
    }

    /// An empty view must not keep memory alive.
    fn release_if_empty(&mut self) {
        if self.is_empty() {
            *self = Bytes::new();
        }
    }
}

/// Memory that bytes are appended to before they are shared: [`freeze`](Buffer::freeze) makes them [`Bytes`], and when these
/// are read, [`Bytes::reclaim`] gives the memory back for the next ones.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    // What owned the memory when it was shared before, empty until it does again: sharing then allocates nothing.
    home: Option<Arc<Vec<u8>>>,
}

impl Buffer {
    /// With room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Buffer {
        Buffer { bytes: Vec::with_capacity(capacity), home: None }
    }

    /// For how many bytes there is room, those that are here included.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// How many bytes are here.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    /// Copies `bytes` to the end.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Forgets the bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The bytes, to be shared.
    pub fn freeze(self) -> Bytes {
        let range = 0..self.bytes.len();
        let mut home = self.home.unwrap_or_default();
        match Arc::get_mut(&mut home) {
            Some(place) => *place = self.bytes,
            None => home = Arc::new(self.bytes),
        }
        let mut bytes = Bytes { storage: Storage::Shared(home), range };
        bytes.release_if_empty();
        bytes
    }
}

impl From<Vec<u8>> for Bytes {
    /// Takes the vector over without a copy.
    fn from(bytes: Vec<u8>) -> Bytes {
        if bytes.is_empty() {
            return Bytes::new();
        }
        let range = 0..bytes.len();
        Bytes { storage: Storage::Shared(Arc::new(bytes)), range }
    }
}

impl From<&'static str> for Bytes {
    fn from(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }
}

impl From<alloc::string::String> for Bytes {
    fn from(text: alloc::string::String) -> Bytes {
        Bytes::from(text.into_bytes())
    }
}

impl<const N: usize> From<&'static [u8; N]> for Bytes {
    fn from(bytes: &'static [u8; N]) -> Bytes {
        Bytes::from_static(bytes)
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Bytes) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Bytes {}

impl PartialEq<[u8]> for Bytes {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_slice() == other
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.as_slice().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_slice_of_a_slice_shares_memory() {
        let bytes = Bytes::from(vec![0, 1, 2, 3, 4, 5]);
        let middle = bytes.slice(1..5).slice(1..3);
        assert_eq!(*middle, [2, 3]);
        assert!(core::ptr::eq(&bytes[2], &middle[0]));
    }

    #[test]
    fn splitting_and_advancing_lose_nothing() {
        let mut bytes = Bytes::from(vec![0, 1, 2, 3]);
        assert_eq!(*bytes.split_to(1), [0]);
        bytes.advance(1);
        assert_eq!(*bytes, [2, 3]);
        assert_eq!(*bytes.split_to(9), [2, 3]);
        assert!(bytes.is_empty());
        bytes.advance(3);
        assert!(bytes.is_empty());
    }

    #[test]
    fn memory_that_nobody_refers_to_is_written_again() {
        let mut buffer = Buffer::with_capacity(100);
        buffer.extend_from_slice(b"abc");
        let place = buffer.as_slice().as_ptr();
        let bytes = buffer.freeze();
        let part = bytes.slice(1..2);
        assert!(!bytes.is_unique());
        let bytes = bytes.reclaim().unwrap_err();
        assert_eq!(*bytes, *b"abc");
        drop(part);
        assert!(bytes.is_unique());
        let mut again = bytes.reclaim().unwrap();
        assert!(again.is_empty() && again.capacity() >= 100);
        again.extend_from_slice(b"defg");
        assert!(core::ptr::eq(again.as_slice().as_ptr(), place));
        assert_eq!(*again.freeze(), *b"defg");
        assert!(Bytes::from_static(b"x").reclaim().is_err());
        assert!(Buffer::default().freeze().is_empty());
    }

    #[test]
    fn one_part_is_the_last() {
        let mut buffer = Buffer::with_capacity(100);
        buffer.extend_from_slice(b"abcdef");
        let mut rest = buffer.freeze();
        assert!(rest.capacity_of_last_part().is_some_and(|capacity| capacity >= 100));
        let first = rest.split_to(2);
        let second = rest.split_to(2);
        let parts = [first, second, rest].map(|part| part.capacity_of_last_part().is_some());
        assert_eq!(parts, [false, false, true]);
        assert_eq!(Bytes::from_static(b"x").capacity_of_last_part(), None);
    }

    #[test]
    fn out_of_range_is_cut_off() {
        let bytes = Bytes::from_static(b"abc");
        assert_eq!(*bytes.slice(2..9), *b"c");
        assert!(bytes.slice(7..9).is_empty());
    }

    #[test]
    fn an_empty_view_keeps_nothing_alive() {
        let memory = Arc::new(vec![1, 2, 3]);
        let mut bytes = Bytes { storage: Storage::Shared(memory.clone()), range: 0..3 };
        bytes.advance(3);
        assert_eq!(Arc::strong_count(&memory), 1);
    }
}
