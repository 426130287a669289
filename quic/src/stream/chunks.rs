//! Memory of chunks that the application has read and dropped, used again for the next ones.
//!
//! A chunk that goes back to the allocator tends to go back to the system from there, and comes again page by page:
//! that costs more than everything else that is done to the packets in it. So chunks lent to the application are
//! remembered, and those without another reference are written again. One pool serves all connections of an endpoint.

use alloc::vec::Vec;
use base::{Buffer, Bytes};

/// The largest chunk handed to a reader at once. Only chunks of this size are kept: smaller ones an allocator keeps itself.
pub(crate) const CHUNK: usize = 64 * 1024;
/// Chunks remembered for all connections of an endpoint together: a mebibyte, two turns of a driver that receives as fast as
/// it can.
const MAX_LENT: usize = 16;

/// The pool.
#[derive(Debug, Default)]
pub struct Chunks {
    // The newest last; those on top are most likely still in the cache.
    lent: Vec<Bytes>,
}

impl Chunks {
    /// Memory for at least `capacity` bytes, and for no more than twice as many.
    pub fn take(&mut self, capacity: usize) -> Buffer {
        if capacity <= CHUNK / 2 || capacity > CHUNK {
            return Buffer::with_capacity(capacity);
        }
        let unused = self.lent.iter().rposition(Bytes::is_unique);
        let reclaimed = unused.and_then(|index| self.lent.swap_remove(index).reclaim().ok());
        reclaimed.unwrap_or_else(|| Buffer::with_capacity(CHUNK))
    }

    /// The application was handed `bytes`. Of a chunk that is handed out in parts the last part is remembered, and no other:
    /// two views of one chunk here would each keep the other from ever being the only one.
    pub fn lend(&mut self, bytes: &Bytes) {
        if bytes.capacity_of_last_part() == Some(CHUNK) && self.lent.len() < MAX_LENT {
            self.lent.push(bytes.clone());
        }
    }

    /// Takes over what `other` remembers, which then remembers nothing.
    pub(crate) fn gather(&mut self, other: &mut Chunks) {
        if !other.lent.is_empty() {
            let room = MAX_LENT.saturating_sub(self.lent.len());
            self.lent.extend(other.lent.drain(..).take(room));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(mut buffer: Buffer) -> Bytes {
        buffer.extend_from_slice(&[7; CHUNK]);
        buffer.freeze()
    }

    #[test]
    fn memory_comes_back_when_nobody_reads_it() {
        let (mut pool, mut connection) = (Chunks::default(), Chunks::default());
        let bytes = filled(pool.take(CHUNK - 1));
        let place = bytes.as_slice().as_ptr();
        connection.lend(&bytes);
        pool.gather(&mut connection);
        assert!(!core::ptr::eq(filled(pool.take(CHUNK)).as_slice().as_ptr(), place), "it is being read");
        drop(bytes);
        assert!(core::ptr::eq(filled(pool.take(CHUNK)).as_slice().as_ptr(), place));
        assert!(pool.lent.is_empty() && connection.lent.is_empty());
    }

    /// Frames of HTTP/3 end anywhere in a chunk, so it is mostly read in parts.
    #[test]
    fn a_chunk_that_is_read_in_parts_comes_back_after_the_last() {
        let (mut pool, mut connection) = (Chunks::default(), Chunks::default());
        for parts in [1, 2, 3, 5, 64] {
            let mut rest = filled(pool.take(CHUNK));
            let place = rest.as_slice().as_ptr();
            for _ in 0..parts {
                let part = rest.split_to(CHUNK.div_ceil(parts));
                connection.lend(&part);
                pool.gather(&mut connection);
            }
            assert!(rest.is_empty() && pool.lent.len() == 1);
            let again = filled(pool.take(CHUNK));
            assert!(core::ptr::eq(again.as_slice().as_ptr(), place), "in {parts} parts");
            connection.lend(&again);
            pool.gather(&mut connection);
        }
    }

    /// Pieces that came out of order are handed out in memory of any size.
    #[test]
    fn only_memory_of_a_chunk_is_kept() {
        let mut pool = Chunks::default();
        for capacity in [100, CHUNK - 1, CHUNK + 1, 4 * CHUNK] {
            let mut buffer = Buffer::with_capacity(capacity);
            buffer.extend_from_slice(&alloc::vec![7; capacity]);
            pool.lend(&buffer.freeze());
        }
        assert!(pool.lent.is_empty());
    }

    #[test]
    fn only_whole_chunks_are_remembered() {
        let mut connection = Chunks::default();
        for capacity in [1, CHUNK / 4 + 1, CHUNK / 2, CHUNK - 1] {
            let mut buffer = Buffer::with_capacity(capacity);
            buffer.extend_from_slice(&[7; CHUNK][..capacity]);
            connection.lend(&buffer.freeze());
            assert!(connection.lent.is_empty(), "{capacity}");
        }
        connection.lend(&filled(Buffer::with_capacity(CHUNK)));
        assert_eq!(connection.lent.len(), 1);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut pool, mut connection) = (Chunks::default(), Chunks::default());
        for _ in 0..3 {
            for _ in 0..MAX_LENT + 3 {
                connection.lend(&filled(Buffer::with_capacity(CHUNK)));
                connection.lend(&Bytes::from_static(b"small"));
            }
            assert_eq!(connection.lent.len(), MAX_LENT);
            pool.gather(&mut connection);
            assert_eq!((pool.lent.len(), connection.lent.len()), (MAX_LENT, 0));
        }
    }

    #[test]
    fn small_chunks_are_as_large_as_asked_for() {
        let mut pool = Chunks::default();
        pool.lend(&filled(Buffer::with_capacity(CHUNK)));
        assert_eq!(pool.take(100).capacity(), 100);
        assert_eq!(pool.take(CHUNK / 2 + 1).capacity(), CHUNK);
    }
}
