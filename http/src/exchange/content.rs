//! Content that has come and was not read.

use alloc::vec::Vec;
use base::Bytes;

/// Content that waits for the application. Bytes that come in small pieces are put together, so that what is held is what was sent and no more.
#[derive(Debug, Default)]
pub struct Content {
    ready: Bytes,
    held: Vec<u8>,
}

impl Content {
    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.ready.len() + self.held.len()
    }

    /// Whether none do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// These have come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next bytes, at most `max` and at least one; `None` if there are none.
    pub fn take(&mut self, max: usize) -> Option<Bytes> {
        if self.ready.is_empty() {
            self.ready = Bytes::from(core::mem::take(&mut self.held));
        }
        let bytes = self.ready.split_to(max.max(1));
        (!bytes.is_empty()).then_some(bytes)
    }

    /// The application wants none of them.
    pub fn clear(&mut self) {
        *self = Content::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_their_order() {
        let mut content = Content::default();
        content.push(b"ab");
        content.push(b"c");
        assert_eq!(content.take(2).as_deref(), Some(&b"ab"[..]));
        content.push(b"de");
        assert_eq!((content.len(), content.is_empty()), (3, false));
        assert_eq!(content.take(9).as_deref(), Some(&b"c"[..]));
        assert_eq!(content.take(9).as_deref(), Some(&b"de"[..]));
        assert_eq!(content.take(9), None);
    }
}
