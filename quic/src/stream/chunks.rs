//! Memory of chunks that the application has read and dropped, used again for the next ones.
//!
//! A chunk that goes back to the allocator tends to go back to the system from there, and comes again page by page:
//! that costs more than everything else that is done to the packets in it. A small one, of about a packet, does not go so far, but
//! an allocator that keeps pieces at hand keeps none of its size: 400 instructions for each response of a kilobyte. So chunks lent to
//! the application are remembered, and those without another reference are written again. One pool serves all connections of an
//! endpoint.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{Buffer, Bytes};

/// The largest chunk handed to a reader at once.
pub(crate) const CHUNK: usize = 64 * 1024;
/// The most of a small chunk, which is more than half as long: about a packet, or two. It is as long as what came first in it, so that
/// nothing of it stays empty where an application keeps what it reads. Of the sizes between the two kinds, and of those below, none
/// is kept.
const SMALL: usize = 2048;
/// Chunks remembered for all connections of an endpoint together: a mebibyte, two turns of a driver that receives as fast as
/// it can.
const MAX_LENT: usize = 16;
/// Small ones: 8 KiB at the most, so that a small system that keeps what it reads does not pay for them.
const MAX_SMALL: usize = 4;
/// Small ones that are looked at again where they were found in use. 3: an application that keeps what it reads is not to have
/// what it drops kept by the pool.
const MAX_IN_USE: usize = 3;

/// The most of a tiny chunk: heads of requests. They are kept where they were given back.
const TINY: usize = 256;
/// Tiny ones: 16 KiB at the most, as many as most often come with one turn of a driver.
const MAX_TINY: usize = 64;

/// The pool.
#[derive(Debug, Default)]
pub struct Chunks {
    // The newest last; those on top are most likely still in the cache.
    lent: Vec<Bytes>,
    // The oldest first, which is read and dropped first.
    small: VecDeque<Bytes>,
    tiny: Vec<Bytes>,
}

/// Chunks of one connection that its application was handed since they were gathered last. A word, where it is handed none.
#[derive(Debug, Default)]
pub struct Lent(Option<Box<Handed>>);

#[derive(Debug, Default)]
struct Handed {
    /// What may still be in use.
    lent: Vec<Bytes>,
    /// Tiny ones that nobody needs any more.
    given_back: Vec<Bytes>,
}

impl Chunks {
    /// Memory for at least `capacity` bytes, and for no more than twice as many.
    pub fn take(&mut self, capacity: usize) -> Buffer {
        if capacity <= TINY {
            return self.take_tiny(capacity);
        }
        if is_small(capacity) {
            return self.take_small(capacity);
        }
        if capacity <= CHUNK / 2 || capacity > CHUNK {
            return Buffer::with_capacity(capacity);
        }
        let unused = self.lent.iter().rposition(Bytes::is_unique);
        let reclaimed = unused.and_then(|index| self.lent.swap_remove(index).reclaim().ok());
        reclaimed.unwrap_or_else(|| Buffer::with_capacity(CHUNK))
    }

    /// What comes in a row is mostly of one size; one that is too short, or much too long, is not kept.
    fn take_tiny(&mut self, capacity: usize) -> Buffer {
        match self.tiny.pop().map(Bytes::reclaim) {
            Some(Ok(buffer)) if (capacity..=2 * capacity).contains(&buffer.capacity()) => buffer,
            _ => Buffer::with_capacity(capacity),
        }
    }

    /// One look: where the oldest is still being read, most are, and a search would take longer than an allocation. It is forgotten
    /// then, unless there are few. What comes in a row is mostly of one size; one that is too short is not kept.
    fn take_small(&mut self, capacity: usize) -> Buffer {
        match self.small.pop_front().map(Bytes::reclaim) {
            Some(Ok(buffer)) if buffer.capacity() >= capacity => return buffer,
            Some(Err(in_use)) if self.small.len() < MAX_IN_USE => self.small.push_back(in_use),
            Some(Ok(_) | Err(_)) | None => {}
        }
        Buffer::with_capacity(capacity)
    }

    /// Remembers what was lent, which then remembers nothing.
    pub fn gather(&mut self, lent: &mut Lent) {
        let Some(handed) = &mut lent.0 else { return };
        for bytes in handed.lent.drain(..) {
            match bytes.capacity_of_last_part() {
                Some(CHUNK) if self.lent.len() < MAX_LENT => self.lent.push(bytes),
                Some(size) if is_small(size) && self.small.len() < MAX_SMALL => self.small.push_back(bytes),
                _ => {}
            }
        }
        let room = MAX_TINY - self.tiny.len();
        self.tiny.extend(handed.given_back.drain(..).take(room));
    }
}

const fn is_small(capacity: usize) -> bool {
    capacity > SMALL / 2 && capacity <= SMALL
}

impl Lent {
    /// The application was handed `bytes`. Of a chunk that is handed out in parts the last part is remembered, and no other:
    /// two views of one chunk here would each keep the other from ever being the only one.
    pub fn lend(&mut self, bytes: &Bytes) {
        let is_kept = bytes.capacity_of_last_part().is_some_and(|size| size == CHUNK || is_small(size));
        if is_kept && self.0.as_ref().is_none_or(|handed| handed.lent.len() < MAX_LENT + MAX_SMALL) {
            self.0.get_or_insert_default().lent.push(bytes.clone());
        }
    }

    /// Nobody needs `bytes` any more, which were handed out whole. Only tiny ones are kept: others were remembered when they were lent.
    pub(crate) fn give_back(&mut self, bytes: Bytes) {
        let is_kept = bytes.capacity_of_last_part().is_some_and(|size| size <= TINY);
        if is_kept && self.0.as_ref().is_none_or(|handed| handed.given_back.len() < MAX_TINY) {
            self.0.get_or_insert_default().given_back.push(bytes);
        }
    }

    /// Gives back what it has grown to.
    pub(crate) fn release_memory(&mut self) {
        self.0.take_if(|handed| handed.lent.is_empty() && handed.given_back.is_empty());
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |handed| handed.lent.len() + handed.given_back.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(mut buffer: Buffer) -> Bytes {
        buffer.extend_from_slice(&[7; CHUNK]);
        buffer.freeze()
    }

    fn filled_small(mut buffer: Buffer) -> Bytes {
        buffer.extend_from_slice(&[7; SMALL][..SMALL / 2 + 1]);
        buffer.freeze()
    }

    /// The oldest that nobody reads; one that is read goes behind the others.
    #[test]
    fn small_memory_comes_back_in_the_order_in_which_it_was_lent() {
        let (mut pool, mut connection) = (Chunks::default(), Lent::default());
        let mut lend = |pool: &mut Chunks, bytes: &Bytes| {
            connection.lend(bytes);
            pool.gather(&mut connection);
        };
        let [first, second, third] = [1, 2, 3].map(|_| filled_small(pool.take(SMALL / 2 + 1)));
        let places = [&first, &second, &third].map(|bytes| bytes.as_slice().as_ptr());
        [&first, &second, &third].into_iter().for_each(|bytes| lend(&mut pool, bytes));
        drop((second, third));
        let other = filled_small(pool.take(SMALL));
        assert!(!places.contains(&other.as_slice().as_ptr()), "the oldest is being read");
        let again = [1, 2].map(|_| filled_small(pool.take(SMALL / 2 + 1)).as_slice().as_ptr());
        assert_eq!(again, [places[1], places[2]]);
        drop(first);
        assert_eq!(filled_small(pool.take(SMALL / 2 + 1)).as_slice().as_ptr(), places[0]);
        assert!(pool.small.is_empty() && pool.take(SMALL / 2).capacity() == SMALL / 2);
    }

    #[test]
    fn of_an_application_that_keeps_what_it_reads_little_is_remembered() {
        let (mut pool, mut connection) = (Chunks::default(), Lent::default());
        let mut kept = Vec::new();
        for _ in 0..1000 {
            let bytes = filled_small(pool.take(SMALL / 2 + 1));
            connection.lend(&bytes);
            pool.gather(&mut connection);
            kept.push(bytes);
            assert!(pool.small.len() <= MAX_IN_USE + 1);
        }
        // A batch of packets that are read and dropped before the next comes.
        kept.clear();
        for _ in 0..3 {
            let batch: Vec<Bytes> = (0..MAX_SMALL).map(|_| filled_small(pool.take(SMALL / 2 + 1))).collect();
            batch.iter().for_each(|bytes| connection.lend(bytes));
            pool.gather(&mut connection);
            assert_eq!(pool.small.len(), MAX_SMALL);
        }
    }

    #[test]
    fn small_memory_is_as_long_as_was_asked_for_and_not_used_for_more() {
        let (mut pool, mut connection) = (Chunks::default(), Lent::default());
        let bytes = filled_small(pool.take(SMALL / 2 + 1));
        assert_eq!(bytes.capacity_of_last_part(), Some(SMALL / 2 + 1));
        connection.lend(&bytes);
        pool.gather(&mut connection);
        drop(bytes);
        assert_eq!(pool.take(SMALL).capacity(), SMALL);
        assert!(pool.small.is_empty());
    }

    #[test]
    fn memory_comes_back_when_nobody_reads_it() {
        let (mut pool, mut connection) = (Chunks::default(), Lent::default());
        let bytes = filled(pool.take(CHUNK - 1));
        let place = bytes.as_slice().as_ptr();
        connection.lend(&bytes);
        pool.gather(&mut connection);
        assert!(!core::ptr::eq(filled(pool.take(CHUNK)).as_slice().as_ptr(), place), "it is being read");
        drop(bytes);
        assert!(core::ptr::eq(filled(pool.take(CHUNK)).as_slice().as_ptr(), place));
        assert!(pool.lent.is_empty() && connection.len() == 0);
    }

    /// Frames of HTTP/3 end anywhere in a chunk, so it is mostly read in parts.
    #[test]
    fn a_chunk_that_is_read_in_parts_comes_back_after_the_last() {
        let (mut pool, mut connection) = (Chunks::default(), Lent::default());
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

    /// The head of a request is read, and its memory is that of the next one.
    #[test]
    fn tiny_memory_that_is_given_back_is_used_again() {
        let (mut pool, mut connection) = (Chunks::default(), Lent::default());
        let filled = |mut buffer: Buffer| {
            buffer.extend_from_slice(b"head");
            buffer.freeze()
        };
        let (first, second) = (filled(pool.take(40)), filled(pool.take(40)));
        let (place, other) = (first.as_slice().as_ptr(), second.clone());
        connection.give_back(first);
        connection.give_back(second);
        pool.gather(&mut connection);
        assert!(
            !core::ptr::eq(filled(pool.take(40)).as_slice().as_ptr(), other.as_slice().as_ptr()),
            "it is being read"
        );
        let again = filled(pool.take(30));
        assert!(core::ptr::eq(again.as_slice().as_ptr(), place));
        connection.give_back(again);
        pool.gather(&mut connection);
        assert_eq!((pool.take(19).capacity(), pool.tiny.len()), (19, 0), "it is more than twice as long");
        for _ in 0..10 {
            (0..100).for_each(|_| connection.give_back(filled(Buffer::with_capacity(TINY))));
            connection.give_back(filled(Buffer::with_capacity(TINY + 1)));
            assert_eq!(connection.len(), MAX_TINY);
            pool.gather(&mut connection);
        }
        assert_eq!(pool.tiny.len(), MAX_TINY);
    }

    /// Pieces that came out of order are handed out in memory of any size.
    #[test]
    fn only_memory_of_a_chunk_is_kept() {
        let mut connection = Lent::default();
        for capacity in [100, SMALL / 2, SMALL + 1, CHUNK - 1, CHUNK + 1, 4 * CHUNK] {
            let mut buffer = Buffer::with_capacity(capacity);
            buffer.extend_from_slice(&alloc::vec![7; capacity]);
            connection.lend(&buffer.freeze());
        }
        assert!(connection.len() == 0);
    }

    #[test]
    fn only_whole_chunks_are_remembered() {
        let mut connection = Lent::default();
        for capacity in [1, CHUNK / 4 + 1, CHUNK / 2, CHUNK - 1] {
            let mut buffer = Buffer::with_capacity(capacity);
            buffer.extend_from_slice(&[7; CHUNK][..capacity]);
            connection.lend(&buffer.freeze());
            assert!(connection.len() == 0, "{capacity}");
        }
        connection.lend(&filled(Buffer::with_capacity(CHUNK)));
        assert_eq!(connection.len(), 1);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut pool, mut connection) = (Chunks::default(), Lent::default());
        for _ in 0..3 {
            for _ in 0..MAX_LENT + 3 {
                connection.lend(&filled(Buffer::with_capacity(CHUNK)));
                connection.lend(&Bytes::from_static(b"small"));
            }
            for _ in 0..MAX_SMALL + 30 {
                connection.lend(&filled_small(Buffer::with_capacity(SMALL)));
            }
            assert_eq!(connection.len(), MAX_LENT + MAX_SMALL);
            pool.gather(&mut connection);
            assert_eq!((pool.lent.len(), connection.len()), (MAX_LENT, 0));
            connection.release_memory();
            assert!(connection.0.is_none());
        }
        for _ in 0..3 {
            (0..MAX_SMALL).for_each(|_| connection.lend(&filled_small(Buffer::with_capacity(SMALL))));
            pool.gather(&mut connection);
            assert_eq!(pool.small.len(), MAX_SMALL);
        }
    }

    #[test]
    fn small_chunks_are_as_large_as_asked_for() {
        let (mut pool, mut connection) = (Chunks::default(), Lent::default());
        connection.lend(&filled(Buffer::with_capacity(CHUNK)));
        pool.gather(&mut connection);
        assert_eq!(pool.take(100).capacity(), 100);
        assert_eq!(pool.take(CHUNK / 2 + 1).capacity(), CHUNK);
    }
}
