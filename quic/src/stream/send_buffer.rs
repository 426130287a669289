//! Bytes to send, from the moment they are handed over until they are acknowledged.
//!
//! The buffer refers to the application's bytes and copies them once, into the packet. Lost bytes go first. The
//! acknowledged prefix is freed, and so is each chunk behind it that has arrived whole: a packet that is lost three times would
//! otherwise hold four round trips of what arrived behind it. Small writes are gathered in one open chunk. The buffer knows
//! nothing of streams or flow control.
//!
//! Invariants: `base <= next <= end`; `lost` and `acked` lie within `base..next` and do not overlap; a chunk without bytes has arrived,
//! and `freed` is what such chunks had.

use super::short_queue::ShortQueue;
use crate::ranges::RangeSet;
use alloc::vec::Vec;
use base::Bytes;
use core::ops::Range;

/// Small writes are gathered up to this size, three packets' worth: larger gains nothing, smaller costs an allocation
/// more often.
const OPEN_CHUNK: usize = 4096;

/// What is counted for a chunk that has arrived behind a gap: its entry, without its bytes. 64 bytes, so that a peer that acknowledges
/// all but one packet has no more held for it than any other.
const ENTRY: u64 = 64;

/// A chunk and the offset of its first byte. It ends where the next one begins.
#[derive(Debug)]
struct Chunk {
    start: u64,
    // None, if all of it has arrived.
    bytes: Bytes,
}

/// The buffer.
#[derive(Debug, Default)]
pub(crate) struct SendBuffer {
    chunks: ShortQueue<Chunk>,
    // The last bytes, still growing: `end - open.len()..end`.
    open: Vec<u8>,
    base: u64,
    next: u64,
    end: u64,
    acked: RangeSet,
    lost: RangeSet,
    // Bytes behind the base that are no longer held.
    freed: u64,
    // Where reading goes on if it is sequential, without a search: a chunk, or the open one after them.
    cursor: usize,
}

impl SendBuffer {
    /// An empty buffer. Allocates nothing.
    pub(crate) fn new() -> SendBuffer {
        SendBuffer::default()
    }

    /// An empty buffer whose bytes before `offset` were sent and acknowledged.
    pub(crate) fn at(offset: u64) -> SendBuffer {
        SendBuffer { base: offset, next: offset, end: offset, ..SendBuffer::default() }
    }

    /// The offset after the last byte handed over.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// The offset after the last byte ever sent.
    pub(crate) const fn sent_end(&self) -> u64 {
        self.next
    }

    /// Bytes held: not acknowledged, or in one chunk with such.
    pub(crate) const fn held(&self) -> u64 {
        self.end - self.base - self.freed
    }

    /// The offset up to which all is acknowledged.
    pub(crate) const fn acked_end(&self) -> u64 {
        self.base
    }

    /// Bytes never sent.
    pub(crate) const fn unsent(&self) -> u64 {
        self.end - self.next
    }

    /// Whether something is to be sent again.
    pub(crate) fn has_lost(&self) -> bool {
        !self.lost.is_empty()
    }

    /// Whether the peer has all of it.
    pub(crate) const fn is_acked(&self) -> bool {
        self.base == self.end
    }

    /// Appends `bytes` without a copy.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        self.seal();
        let start = self.end;
        self.end += bytes.len() as u64;
        self.chunks.push_back(Chunk { start, bytes });
    }

    /// Appends a copy of `bytes`, together with other small writes.
    pub(crate) fn push_slice(&mut self, bytes: &[u8]) {
        if bytes.len() >= OPEN_CHUNK {
            self.push(Bytes::copy_from_slice(bytes));
            return;
        }
        if self.open.len() + bytes.len() > OPEN_CHUNK {
            self.seal();
        }
        self.open.extend_from_slice(bytes);
        self.end += bytes.len() as u64;
    }

    /// Appends the first `count` bytes of `data`, in its memory, and gives back the others.
    pub(crate) fn push_own(&mut self, mut data: Vec<u8>, count: usize) -> Bytes {
        if count == 0 {
            return Bytes::from(data);
        }
        let rest = if count < data.len() { Bytes::from(data.split_off(count)) } else { Bytes::new() };
        self.seal();
        self.end += data.len() as u64;
        self.open = data;
        rest
    }

    /// The memory of the open chunk, of which all has arrived.
    pub(crate) fn take_memory(&mut self) -> Vec<u8> {
        debug_assert!(self.open.is_empty(), "what has not arrived is held");
        core::mem::take(&mut self.open)
    }

    /// The next bytes to send: the first that were lost, else new ones, at most `new` of those.
    pub(crate) fn next_range(&self, new: u64) -> Option<Range<u64>> {
        if let Some(lost) = self.lost.iter().next() {
            return Some(lost);
        }
        let end = self.end.min(self.next.saturating_add(new));
        (self.next < end).then_some(self.next..end)
    }

    /// Copies the bytes from `offset` on into `place`, none of which may have arrived.
    /// RFC 9000 section 2.2-3.
    pub(crate) fn copy(&mut self, mut offset: u64, mut place: &mut [u8]) {
        assert!(offset >= self.base && offset + place.len() as u64 <= self.end, "only what is held is read");
        let mut index = self.find(offset);
        while !place.is_empty() {
            let (start, bytes) = match self.chunks.get(index) {
                Some(chunk) => (chunk.start, chunk.bytes.as_slice()),
                None => (self.open_start(), self.open.as_slice()),
            };
            let part = bytes.get((offset - start) as usize..).filter(|part| !part.is_empty());
            let part = part.expect("the chunk that was found holds the offset");
            let count = part.len().min(place.len());
            let (now, later) = place.split_at_mut(count);
            now.copy_from_slice(part.split_at(count).0);
            place = later;
            offset += count as u64;
            index += usize::from(count == part.len());
        }
        self.cursor = index;
    }

    /// `range` was written into a packet.
    pub(crate) fn on_sent(&mut self, range: Range<u64>) {
        if self.has_lost() {
            self.lost.remove(range.clone());
        }
        self.next = self.next.max(range.end);
    }

    /// `range` arrived. How many bytes are held less.
    pub(crate) fn on_acked(&mut self, range: Range<u64>) -> u64 {
        let range = range.start.max(self.base)..range.end.min(self.next);
        if range.is_empty() {
            return 0;
        }
        self.lost.remove(range.clone());
        let before = self.held();
        if range.start > self.base {
            self.acked.insert(range.clone());
            self.free_behind_gap(range);
            return before - self.held();
        }
        self.base = range.end;
        if !self.acked.is_empty() {
            // It may close the gap to what arrived before.
            self.acked.insert(range);
            let first = self.acked.iter().next();
            if let Some(first) = first {
                self.base = first.end;
                self.acked.remove(first);
            }
        }
        self.free();
        before - self.held()
    }

    /// `range`, which was sent as one, is given up for lost: what of it did not arrive otherwise goes again.
    pub(crate) fn on_lost(&mut self, range: Range<u64>) {
        let range = range.start.max(self.base)..range.end.min(self.next);
        if range.is_empty() {
            return;
        }
        self.lost.insert(range.clone());
        for arrived in self.acked.overlapping(range) {
            self.lost.remove(arrived);
        }
    }

    /// Nothing was sent, and so nothing arrived: all of it goes again.
    ///
    /// # Panics
    /// If something was acknowledged.
    pub(crate) fn rewind(&mut self) {
        assert!(self.base == 0 && self.acked.is_empty(), "what the peer has acknowledged was sent");
        self.next = 0;
        self.lost = RangeSet::default();
    }

    /// Forgets what lies behind `end` and was not acknowledged: it is not sent, and not sent again. How many bytes are held less.
    pub(crate) fn truncate(&mut self, end: u64) -> u64 {
        let end = end.max(self.base);
        if end >= self.end {
            return 0;
        }
        let before = self.held();
        self.seal();
        let mut chunk_end = self.end;
        while let Some(mut back) = self.chunks.pop_back() {
            let is_freed = back.bytes.is_empty();
            self.freed -= if is_freed { freed(&(back.start..chunk_end)) } else { 0 };
            chunk_end = back.start;
            if back.start < end {
                self.freed += if is_freed { freed(&(back.start..end)) } else { 0 };
                let left = usize::try_from(end - back.start).unwrap_or(usize::MAX);
                back.bytes = back.bytes.slice(0..left.min(back.bytes.len()));
                self.chunks.push_back(back);
                break;
            }
        }
        self.cursor = self.cursor.min(self.chunks.len());
        self.lost.remove(end..self.end);
        self.acked.remove(end..self.end);
        (self.next, self.end) = (self.next.min(end), end);
        before - self.held()
    }

    /// Forgets all data: the stream is abandoned. How many bytes were held. What was sent stays counted.
    pub(crate) fn clear(&mut self) -> u64 {
        let held = self.held();
        *self = SendBuffer::at(self.next);
        held
    }

    /// The offset of the first byte of the open chunk.
    const fn open_start(&self) -> u64 {
        self.end - self.open.len() as u64
    }

    /// Closes the open chunk.
    fn seal(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let start = self.open_start();
        let bytes = Bytes::from(core::mem::take(&mut self.open));
        self.chunks.push_back(Chunk { start, bytes });
    }

    /// The chunk that holds `offset`, or the number of chunks for the open one.
    fn find(&self, offset: u64) -> usize {
        if self.range_of(self.cursor).contains(&offset) {
            return self.cursor;
        }
        if offset >= self.open_start() {
            return self.chunks.len();
        }
        self.chunks.partition_point(|chunk| chunk.start <= offset).saturating_sub(1)
    }

    /// The bytes of a chunk, or of the open one behind them.
    fn range_of(&self, index: usize) -> Range<u64> {
        let start_of = |index: usize| self.chunks.get(index).map(|chunk| chunk.start);
        match start_of(index) {
            Some(start) => start..start_of(index + 1).unwrap_or(self.open_start()),
            None => self.open_start()..self.end,
        }
    }

    /// `range` has arrived, and something before it has not: lets go of chunks that have arrived whole with it.
    fn free_behind_gap(&mut self, range: Range<u64>) {
        for index in self.find(range.start)..self.chunks.len() {
            let of = self.range_of(index);
            if of.start >= range.end {
                return;
            }
            let arrived = self.acked.overlapping(of.clone()).next();
            let is_whole = arrived.is_some_and(|arrived| arrived.start <= of.start && of.end <= arrived.end);
            if let Some(chunk) = self.chunks.get_mut(index).filter(|chunk| is_whole && !chunk.bytes.is_empty()) {
                chunk.bytes = Bytes::new();
                self.freed += freed(&of);
            }
        }
    }

    /// Drops chunks that are acknowledged whole.
    fn free(&mut self) {
        while let Some(front) = self.chunks.front()
            && let of = self.range_of(0)
            && of.end <= self.base
        {
            self.freed -= if front.bytes.is_empty() { freed(&of) } else { 0 };
            self.chunks.pop_front();
            self.cursor = self.cursor.saturating_sub(1);
        }
        if self.base == self.end {
            self.open.clear();
        }
    }
}

/// What a chunk of these bytes no longer holds once it has arrived.
const fn freed(range: &Range<u64>) -> u64 {
    (range.end - range.start).saturating_sub(ENTRY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(buffer: &mut SendBuffer, range: Range<u64>) -> Vec<u8> {
        let mut out = alloc::vec![0; (range.end - range.start) as usize];
        buffer.copy(range.start, &mut out);
        out
    }

    #[test]
    fn lost_first_then_new() {
        let mut buffer = SendBuffer::new();
        buffer.push(Bytes::from_static(b"0123456789"));
        assert_eq!(buffer.next_range(4), Some(0..4));
        buffer.on_sent(0..4);
        buffer.on_sent(4..8);
        assert_eq!(buffer.on_acked(4..8), 0);
        buffer.on_lost(0..8);
        assert_eq!(buffer.next_range(9), Some(0..4));
        assert_eq!(read(&mut buffer, 0..4), b"0123");
        buffer.on_sent(0..3);
        assert_eq!(buffer.next_range(9), Some(3..4));
        // It arrived after all.
        assert_eq!(buffer.on_acked(0..4), 8);
        assert_eq!(buffer.next_range(9), Some(8..10));
        assert_eq!(buffer.next_range(0), None);
        assert_eq!(buffer.held(), 2);
        // Neither fate of what is gone means anything.
        buffer.on_lost(0..8);
        assert_eq!(buffer.on_acked(0..8), 0);
        assert!(!buffer.has_lost());
    }

    #[test]
    fn an_acknowledged_prefix_is_freed() {
        let mut buffer = SendBuffer::new();
        for _ in 0..10 {
            buffer.push(Bytes::from(alloc::vec![7; 100]));
        }
        buffer.on_sent(0..1000);
        for index in (1..10).rev() {
            assert_eq!(buffer.on_acked(index * 100..index * 100 + 50), 0);
            assert_eq!(buffer.on_acked(index * 100..index * 100 + 100), 100 - ENTRY, "its bytes, and not its entry");
        }
        assert_eq!((buffer.chunks.len(), buffer.held()), (10, 100 + 9 * ENTRY));
        assert_eq!(buffer.on_acked(0..100), 100 + 9 * ENTRY);
        assert!(buffer.is_acked() && buffer.chunks.len() == 0 && buffer.acked.is_empty());
    }

    /// What is cut off may have arrived, and so may what is left of its chunk.
    #[test]
    fn what_arrived_behind_a_gap_is_cut_off_as_well() {
        let mut buffer = SendBuffer::new();
        (0..4).for_each(|_| buffer.push(Bytes::from(alloc::vec![7; 1000])));
        buffer.on_sent(0..4000);
        assert_eq!(buffer.on_acked(1500..4000), 2 * (1000 - ENTRY));
        assert_eq!(buffer.held(), 2000 + 2 * ENTRY);
        assert_eq!(buffer.truncate(2030), 98, "one entry of 64 bytes, and 34 of the other");
        assert_eq!(buffer.held(), 2030);
        assert_eq!(buffer.on_acked(0..1500), 2030);
        assert!(buffer.is_acked() && buffer.chunks.len() == 0 && buffer.freed == 0);
    }

    #[test]
    fn small_writes_share_a_chunk() {
        let mut buffer = SendBuffer::new();
        for byte in 0..=255_u8 {
            buffer.push_slice(&[byte; 100]);
        }
        buffer.push(Bytes::from_static(b"end"));
        assert_eq!(buffer.chunks.len(), 256 * 100 / OPEN_CHUNK + 2);
        let all = read(&mut buffer, 0..25_603);
        assert!((0..=255_u8).all(|byte| all[usize::from(byte) * 100..][..100] == [byte; 100]));
        assert_eq!(all[25_600..], *b"end");
    }

    /// An allocation is used to its last byte.
    #[test]
    fn a_chunk_of_small_writes_is_filled() {
        let mut buffer = SendBuffer::new();
        for _ in 0..8 {
            buffer.push_slice(&[1; OPEN_CHUNK / 4]);
        }
        buffer.push(Bytes::from_static(b"end"));
        assert_eq!(buffer.chunks.len(), 3);
    }

    /// RFC 9000 section 13.3-1.
    #[test]
    fn what_is_abandoned_is_freed_and_what_was_sent_stays_counted() {
        let mut buffer = SendBuffer::new();
        buffer.push(Bytes::from_static(b"0123456789"));
        buffer.push_slice(b"abc");
        buffer.on_sent(0..6);
        assert_eq!(buffer.on_acked(0..2), 2);
        assert_eq!(buffer.clear(), 11);
        assert_eq!((buffer.held(), buffer.sent_end(), buffer.unsent(), buffer.next_range(9)), (0, 6, 0, None));
    }

    /// Against a plain vector: random writes, sends, fates and reads.
    /// RFC 9000 section 2.2-3.
    #[test]
    fn model() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below.max(1)
        };
        for _ in 0..50 {
            let mut buffer = SendBuffer::new();
            let mut model = Vec::new();
            let mut arrived = Vec::new();
            let mut flying = Vec::new();
            let mut held = 0;
            for _ in 0..400 {
                match random(6) {
                    0 => {
                        let bytes: Vec<u8> = (0..random(900)).map(|_| random(256) as u8).collect();
                        model.extend_from_slice(&bytes);
                        arrived.resize(model.len(), false);
                        held += bytes.len() as u64;
                        if random(2) == 0 { buffer.push(Bytes::from(bytes)) } else { buffer.push_slice(&bytes) }
                    }
                    1..=3 => {
                        if let Some(range) = buffer.next_range(random(2000)) {
                            let range = range.start..range.end.min(range.start + 1 + random(300));
                            assert!(!arrived[range.start as usize..range.end as usize].iter().all(|byte| *byte));
                            assert_eq!(
                                read(&mut buffer, range.clone()),
                                model[range.start as usize..range.end as usize]
                            );
                            buffer.on_sent(range.clone());
                            flying.push(range);
                        }
                    }
                    fate if !flying.is_empty() => {
                        let range = flying.swap_remove(random(flying.len() as u64) as usize);
                        if fate == 4 {
                            buffer.on_lost(range.clone());
                            // Some losses are no losses.
                            if random(3) == 0 {
                                flying.push(range);
                            }
                        } else {
                            arrived[range.start as usize..range.end as usize].fill(true);
                            held -= buffer.on_acked(range);
                        }
                    }
                    _ => {}
                }
                let prefix = arrived.iter().take_while(|byte| **byte).count();
                assert_eq!(buffer.base, prefix as u64);
                assert_eq!(buffer.held(), held);
                let has_arrived = |index: &usize| buffer.chunks.get(*index).unwrap().bytes.is_empty();
                let of = (0..buffer.chunks.len()).filter(has_arrived).map(|index| freed(&buffer.range_of(index)));
                assert_eq!(buffer.freed, of.sum::<u64>());
            }
            while let Some(range) = flying.pop() {
                buffer.on_lost(range);
            }
            while let Some(range) = buffer.next_range(u64::MAX) {
                buffer.on_sent(range.clone());
                buffer.on_acked(range);
            }
            assert!(buffer.is_acked() && buffer.chunks.len() == 0);
        }
    }
}
