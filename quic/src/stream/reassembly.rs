//! Bytes that arrive in any order, handed out in order (RFC 9000 section 2.2).
//!
//! What arrives is copied once, from the datagram, so that a small frame never keeps a datagram alive. Data in order is
//! appended to an open chunk, which is handed to the reader without a copy. Data out of order waits in segments; large
//! ones are handed out as they are.
//!
//! Memory is bounded by the bytes received: a chunk is at most twice as large as what is unread or as what came since the
//! reader had caught up the last time, a segment grows at most twofold, and the number of segments is limited (section 21.7). Inserting costs a search among segments and a copy of the new
//! bytes plus at most `MERGE` old ones. Knows nothing of flow control: the caller bounds offsets.

use super::chunks::{CHUNK, Chunks};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use base::{Buffer, Bytes};

/// A segment up to this size is copied to merge it with its neighbour: one packet's worth of work for one packet.
const MERGE: usize = 2048;
/// Pieces of a stream that may wait beside those that full packets make: a path that loses one packet in ten of a
/// 16 MiB window makes about as many gaps.
pub const MAX_SEGMENTS: usize = 1024;
/// Merging leaves segments of half this size at worst, so that waiting bytes divided by it is no fragmentation.
const BYTES_PER_SEGMENT: usize = MERGE / 2;

/// The stream is in more pieces than are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFragmented;

/// The buffer.
#[derive(Debug, Default)]
pub struct Reassembly {
    // Closed chunks, next to be read first; never empty ones.
    chunks: VecDeque<Bytes>,
    // The open chunk after them, of which nothing was read.
    open: Buffer,
    // Everything below was handed out; everything below `contiguous` is here.
    read: u64,
    // Where the reader had last read all there was, and how much came between that and the time before.
    caught_up: u64,
    last_run: usize,
    contiguous: u64,
    segments: BTreeMap<u64, Vec<u8>>,
    waiting: usize,
}

impl Reassembly {
    /// An empty buffer. Allocates nothing.
    pub fn new() -> Reassembly {
        Reassembly::default()
    }

    /// An empty buffer whose bytes before `offset` were read.
    pub(crate) fn at(offset: u64) -> Reassembly {
        Reassembly { read: offset, caught_up: offset, contiguous: offset, ..Reassembly::default() }
    }

    /// The offset of the next byte to be handed out.
    pub const fn read_offset(&self) -> u64 {
        self.read
    }

    /// The end of what can be handed out.
    pub const fn contiguous_end(&self) -> u64 {
        self.contiguous
    }

    /// Whether there is something to hand out.
    pub const fn is_readable(&self) -> bool {
        self.read < self.contiguous
    }

    /// How many pieces wait out of order.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }

    /// How many pieces wait out of order beyond those that full packets make, one for each KiB.
    pub(crate) fn small_segments(&self) -> usize {
        self.segments.len().saturating_sub(self.waiting / BYTES_PER_SEGMENT)
    }

    /// Bytes that wait for others before them.
    pub(crate) const fn waiting(&self) -> u64 {
        self.waiting as u64
    }

    /// Bytes held.
    pub const fn held(&self) -> usize {
        (self.contiguous - self.read) as usize + self.waiting
    }

    /// Adds `data`, which belongs at `offset`. What is here already is cut off.
    pub fn insert(&mut self, offset: u64, data: &[u8], memory: &mut Chunks) -> Result<(), TooFragmented> {
        let known = self.contiguous.saturating_sub(offset);
        let Some(fresh) =
            usize::try_from(known).ok().and_then(|known| data.get(known..)).filter(|data| !data.is_empty())
        else {
            return Ok(());
        };
        if offset > self.contiguous {
            return self.insert_segment(offset, fresh);
        }
        self.append(fresh, memory);
        if !self.segments.is_empty() {
            self.absorb(memory);
        }
        Ok(())
    }

    /// Where nothing waits and `data`, which belongs at `offset`, leaves no gap: what of it is new, which counts as read. It need
    /// not be kept then. `None` if it has to be inserted.
    pub(crate) fn pass<'a>(&mut self, offset: u64, data: &'a [u8]) -> Option<&'a [u8]> {
        if self.held() > 0 || offset > self.read {
            return None;
        }
        let known = usize::try_from(self.read - offset).unwrap_or(usize::MAX);
        let fresh = data.get(known..).unwrap_or_default();
        self.contiguous += fresh.len() as u64;
        self.on_read(fresh.len());
        Some(fresh)
    }

    /// The next bytes in order, at most `max`, without a copy.
    /// RFC 9000 section 2.2-1.
    pub fn read(&mut self, max: usize) -> Option<Bytes> {
        if max == 0 || !self.is_readable() {
            return None;
        }
        let bytes = match self.chunks.front_mut() {
            Some(front) => {
                let bytes = front.split_to(max);
                if front.is_empty() {
                    self.chunks.pop_front();
                }
                bytes
            }
            // Mostly all there is is read at once: then it stands in no queue.
            None => {
                let mut open = self.take_open();
                let bytes = open.split_to(max);
                if !open.is_empty() {
                    self.chunks.push_back(open);
                }
                bytes
            }
        };
        self.on_read(bytes.len());
        Some(bytes)
    }

    fn on_read(&mut self, count: usize) {
        self.read += count as u64;
        if self.read == self.contiguous {
            self.last_run = usize::try_from(self.read - self.caught_up).unwrap_or(CHUNK);
            self.caught_up = self.read;
        }
    }

    /// Forgets what lies behind `end`, but not what was handed out.
    pub(crate) fn truncate(&mut self, end: u64) {
        let end = end.max(self.read);
        let beyond = self.segments.split_off(&end);
        self.waiting -= beyond.values().map(Vec::len).sum::<usize>();
        if let Some((start, segment)) = self.segments.iter_mut().next_back() {
            let kept = usize::try_from(end - start).unwrap_or(usize::MAX).min(segment.len());
            self.waiting -= segment.len() - kept;
            segment.truncate(kept);
        }
        if end >= self.contiguous {
            return;
        }
        self.seal();
        let mut excess = usize::try_from(self.contiguous - end).unwrap_or(usize::MAX);
        while let Some(chunk) = self.chunks.pop_back() {
            if chunk.len() > excess {
                self.chunks.push_back(chunk.slice(0..chunk.len() - excess));
                break;
            }
            excess -= chunk.len();
        }
        self.contiguous = end;
    }

    /// Forgets all data.
    pub fn clear(&mut self) {
        let end = self.contiguous;
        *self = Reassembly { read: end, contiguous: end, caught_up: end, ..Reassembly::default() };
    }

    /// Appends bytes in order. A chunk that is full is closed rather than moved, so that no byte is copied twice.
    fn append(&mut self, mut data: &[u8], memory: &mut Chunks) {
        self.contiguous += data.len() as u64;
        while !data.is_empty() {
            let room = self.open.capacity().min(CHUNK) - self.open.len();
            if room == 0 {
                self.seal();
                // By bytes received, never by what the peer promises: as much again as is unread, or as came last time.
                let unread = usize::try_from(self.contiguous - self.read).unwrap_or(CHUNK);
                self.open = memory.take(unread.max(self.last_run).clamp(data.len().min(CHUNK), CHUNK));
                continue;
            }
            let (now, later) = data.split_at(room.min(data.len()));
            self.open.extend_from_slice(now);
            data = later;
        }
    }

    /// Closes the open chunk.
    fn seal(&mut self) {
        let bytes = self.take_open();
        if !bytes.is_empty() {
            self.chunks.push_back(bytes);
        }
    }

    /// What the open chunk holds; then there is none.
    fn take_open(&mut self) -> Bytes {
        if self.open.is_empty() {
            return Bytes::new();
        }
        core::mem::take(&mut self.open).freeze()
    }

    /// Moves segments that became contiguous to the chunks.
    fn absorb(&mut self, memory: &mut Chunks) {
        while let Some(entry) = self.segments.first_entry()
            && *entry.key() <= self.contiguous
        {
            let (start, segment) = entry.remove_entry();
            self.waiting -= segment.len();
            let known = usize::try_from(self.contiguous - start).unwrap_or(usize::MAX);
            let Some(fresh) = segment.len().checked_sub(known) else { continue };
            if fresh <= MERGE {
                self.append(segment.split_at(known).1, memory);
            } else {
                self.seal();
                let mut bytes = Bytes::from(segment);
                bytes.advance(known);
                self.chunks.push_back(bytes);
                self.contiguous += fresh as u64;
            }
        }
    }

    /// Keeps bytes that are out of order: of `data`, what no segment holds yet.
    fn insert_segment(&mut self, mut offset: u64, mut data: &[u8]) -> Result<(), TooFragmented> {
        while !data.is_empty() {
            // What the segment before holds is known already.
            if let Some((start, segment)) = self.segments.range(..=offset).next_back() {
                let known = (start + segment.len() as u64).saturating_sub(offset);
                let known = usize::try_from(known).unwrap_or(usize::MAX).min(data.len());
                offset += known as u64;
                (_, data) = data.split_at(known);
                if data.is_empty() {
                    break;
                }
            }
            // Up to the next segment, all is new.
            let gap = self.segments.range(offset..).next().map_or(u64::MAX, |(start, _)| start - offset);
            let (now, later) = data.split_at(usize::try_from(gap).unwrap_or(usize::MAX).min(data.len()));
            self.fill_gap(offset, now)?;
            offset += now.len() as u64;
            data = later;
        }
        Ok(())
    }

    /// Adds bytes of which no segment holds any, and merges them with their neighbours as far as that is cheap.
    fn fill_gap(&mut self, offset: u64, data: &[u8]) -> Result<(), TooFragmented> {
        let end = offset + data.len() as u64;
        let follower = match self.segments.get(&end) {
            Some(next) if next.len() <= MERGE => self.segments.remove(&end),
            _ => None,
        };
        let follower = follower.as_deref().unwrap_or(&[]);
        self.waiting += data.len();
        if let Some((start, segment)) = self.segments.range_mut(..offset).next_back()
            && start + segment.len() as u64 == offset
            && segment.len() + data.len() + follower.len() <= CHUNK
        {
            segment.extend_from_slice(data);
            segment.extend_from_slice(follower);
            return Ok(());
        }
        if self.segments.len() >= MAX_SEGMENTS + self.waiting / BYTES_PER_SEGMENT {
            return Err(TooFragmented);
        }
        let mut segment = Vec::with_capacity(data.len() + follower.len());
        segment.extend_from_slice(data);
        segment.extend_from_slice(follower);
        self.segments.insert(offset, segment);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: &mut u64, below: u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed % below.max(1)
    }

    fn byte_at(offset: u64) -> u8 {
        (offset.wrapping_mul(0x9e37_79b9) >> 13) as u8
    }

    fn data(range: core::ops::Range<u64>) -> Vec<u8> {
        range.map(byte_at).collect()
    }

    #[test]
    fn in_order_data_is_handed_out_in_whole_chunks() {
        let mut buffer = Reassembly::new();
        buffer.insert(0, b"abc", &mut Chunks::default()).unwrap();
        assert_eq!(buffer.read(0), None);
        assert_eq!(*buffer.read(usize::MAX).unwrap(), *b"abc");
        buffer.insert(3, b"defg", &mut Chunks::default()).unwrap();
        assert_eq!(*buffer.read(2).unwrap(), *b"de");
        assert_eq!(*buffer.read(9).unwrap(), *b"fg");
        assert_eq!(buffer.read(9), None);
    }

    #[test]
    fn duplicates_and_overlaps_are_cut_off() {
        let mut buffer = Reassembly::new();
        for range in [5..10, 2..7, 8..20, 0..3, 0..20, 4..6, 19..21] {
            buffer.insert(range.start, &data(range), &mut Chunks::default()).unwrap();
        }
        assert_eq!((buffer.contiguous_end(), buffer.segments(), buffer.held()), (21, 0, 21));
        let all: Vec<u8> = core::iter::from_fn(|| buffer.read(30)).flat_map(|bytes| bytes.to_vec()).collect();
        assert_eq!(all, data(0..21));
    }

    /// Any order, any overlap, any mix of reads: the bytes come out once and in order.
    /// RFC 9000 section 2.2-1.
    #[test]
    fn model() {
        let mut seed = 0x1234_5678_9abc_def1;
        for round in 0..60 {
            let total = 1 + random(&mut seed, 200_000);
            let largest = if round % 2 == 0 { 3000 } else { 70_000 };
            let mut buffer = Reassembly::new();
            let mut read = 0;
            let mut step = 0;
            while read < total {
                let near = buffer.contiguous_end().saturating_sub(500);
                let start = (near + random(&mut seed, 60_000)).min(total);
                let start = if step % 4 == 0 { buffer.contiguous_end() } else { start };
                let end = (start + random(&mut seed, largest)).min(total);
                step += 1;
                buffer.insert(start, &data(start..end), &mut Chunks::default()).unwrap();
                let max = random(&mut seed, 20_000) as usize;
                let got = buffer.read(max).map(|bytes| bytes.to_vec()).unwrap_or_default();
                assert_eq!(got, data(read..read + got.len() as u64));
                read += got.len() as u64;
                assert_eq!(read, buffer.read_offset());
                let waiting: usize = buffer.segments.values().map(Vec::len).sum();
                assert_eq!(buffer.waiting, waiting);
                let here: usize = buffer.chunks.iter().map(|chunk| chunk.len()).sum();
                assert_eq!(here + buffer.open.len(), (buffer.contiguous - read) as usize);
                let mut before = buffer.contiguous;
                for (start, segment) in &buffer.segments {
                    assert!(*start >= before && !segment.is_empty());
                    before = start + segment.len() as u64;
                }
            }
            assert_eq!((buffer.held(), buffer.segments()), (0, 0));
        }
    }

    /// A path that loses one packet leaves one gap, and what waits behind it costs no more than its bytes.
    #[test]
    fn what_waits_behind_a_gap_is_one_piece_per_chunk() {
        const PACKET: u64 = 1200;
        let insert = |buffer: &mut Reassembly, index: u64| {
            let range = index * PACKET..(index + 1) * PACKET;
            buffer.insert(range.start, &data(range), &mut Chunks::default()).unwrap();
        };
        let whole = CHUNK / PACKET as usize;
        let mut buffer = Reassembly::new();
        (1..=whole as u64).for_each(|index| insert(&mut buffer, index));
        assert_eq!(buffer.segments(), 1);
        insert(&mut buffer, whole as u64 + 1);
        assert_eq!((buffer.segments(), buffer.small_segments()), (2, 0));
        assert!(buffer.segments.values().all(|segment| segment.len() <= CHUNK));
        // What joins its neighbours makes one piece of three.
        let mut buffer = Reassembly::new();
        [1, 3, 2].into_iter().for_each(|index| insert(&mut buffer, index));
        assert_eq!((buffer.segments(), buffer.held()), (1, 3 * PACKET as usize));
    }

    /// Whoever reads gets many small pieces at once, and large ones without a copy.
    #[test]
    fn pieces_that_become_contiguous_are_gathered_if_they_are_small() {
        // After a first run two pieces, each behind a gap, which is filled then.
        let runs = |one: u64, two: u64| {
            let mut buffer = Reassembly::new();
            let pieces = [0..4000, 4010..4010 + one, 4011 + one..4011 + one + two, 4000..4010, 4010 + one..4011 + one];
            for piece in pieces {
                buffer.insert(piece.start, &data(piece), &mut Chunks::default()).unwrap();
            }
            let runs = core::iter::from_fn(|| buffer.read(usize::MAX)).map(|bytes| bytes.len());
            runs.collect::<Vec<_>>()
        };
        assert_eq!(runs(100, 1200), [4000, 10 + 100 + 1 + 1200]);
        assert_eq!(runs(100, 20_000), [4000, 10 + 100 + 1, 20_000]);
        assert_eq!(runs(20_000, 20_000), [4000, 10, 20_000, 1, 20_000]);
    }

    /// M4, M5: one byte at every even offset ends in an error; packets in reverse do not.
    #[test]
    fn the_number_of_pieces_is_bounded() {
        let mut buffer = Reassembly::new();
        let failed = (1..).find(|index| buffer.insert(index * 2, &[0], &mut Chunks::default()).is_err()).unwrap();
        assert!(failed <= 2 + MAX_SEGMENTS as u64, "{failed}");
        for size in [1, 100, 1200] {
            let mut buffer = Reassembly::new();
            let count = 1_000_000 / size;
            for index in (0..count).rev() {
                buffer.insert(index * size, &data(index * size..index * size + size), &mut Chunks::default()).unwrap();
            }
            let mut read = 0;
            while let Some(bytes) = buffer.read(usize::MAX) {
                assert_eq!(*bytes, *data(read..read + bytes.len() as u64));
                read += bytes.len() as u64;
            }
            assert_eq!(read, count * size);
        }
    }

    /// M10, M16: what is allocated follows what was received.
    #[test]
    fn memory_follows_bytes_received() {
        let mut buffer = Reassembly::new();
        for offset in 0..100_000 {
            buffer.insert(offset, &[1], &mut Chunks::default()).unwrap();
            assert!(buffer.open.capacity() <= 8 + 2 * (offset as usize + 1));
        }
        buffer.insert(200_000, &[1], &mut Chunks::default()).unwrap();
        assert!(buffer.segments.values().all(|segment| segment.capacity() <= 8));
        buffer.clear();
        assert_eq!((buffer.held(), buffer.is_readable(), buffer.open.capacity()), (0, false, 0));
        // What was never read is no hint of how much comes at once.
        for _ in 0..3 {
            buffer.insert(buffer.contiguous_end(), &[1], &mut Chunks::default()).unwrap();
            assert!(buffer.open.capacity() <= 8);
            assert_eq!(buffer.read(9).map(|bytes| bytes.len()), Some(1));
        }
    }

    #[test]
    fn the_last_offsets_do_not_overflow() {
        let mut buffer = Reassembly::new();
        let last = (1 << 62) - 1;
        buffer.insert(last - 1, &[7], &mut Chunks::default()).unwrap();
        buffer.insert(last, &[], &mut Chunks::default()).unwrap();
        assert_eq!((buffer.segments(), buffer.held()), (1, 1));
    }
}
