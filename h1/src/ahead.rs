//! What a client has sent ahead of the answer to the request before (RFC 9112 section 9.3.2).
//!
//! It is taken from the carrier so that the end of the carrier, which stands behind it, is seen while an answer is being made. What
//! is more than fits here stays where it is.

use alloc::vec::Vec;

/// Bytes in their order, of which the first were used.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    bytes: Vec<u8>,
    used: usize,
}

impl Ahead {
    /// Bytes that were not used.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.used
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.used..).unwrap_or_default()
    }

    /// Keeps bytes from the front of `bytes` until there are `max`, and says how many.
    pub(crate) fn push(&mut self, bytes: &[u8], max: usize) -> usize {
        let room = max.saturating_sub(self.len());
        let piece = bytes.get(..room).unwrap_or(bytes);
        if self.used > 0 && !piece.is_empty() {
            self.bytes.drain(..self.used);
            self.used = 0;
        }
        self.bytes.extend_from_slice(piece);
        piece.len()
    }

    /// So many were used. Memory is held only as long as there is something in it.
    pub(crate) fn advance(&mut self, count: usize) {
        assert!(count <= self.len(), "{count} bytes were used of {}", self.len());
        self.used += count;
        if self.is_empty() {
            *self = Ahead::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_as_much_as_it_may_and_no_memory_when_it_is_empty() {
        let mut ahead = Ahead::default();
        assert_eq!((ahead.push(b"abcdef", 4), &*ahead.bytes()), (4, &b"abcd"[..]));
        assert_eq!(ahead.push(b"x", 4), 0);
        ahead.advance(3);
        assert_eq!((ahead.push(b"efghij", 4), ahead.len(), &*ahead.bytes()), (3, 4, &b"defg"[..]));
        ahead.advance(4);
        assert!(ahead.is_empty());
        assert_eq!(ahead.bytes.capacity(), 0);
    }
}
