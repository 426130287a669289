//! Datagrams that were received and wait to be read.
//!
//! Their bytes are copied once, out of the packet, one behind the other into chunks that the reader gets parts of. A datagram
//! never crosses the end of a chunk. What there is no room for pushes out what is oldest: new datagrams are worth more than old
//! ones, and a sender gets no sign to slow down from either.

use super::config::DatagramsConfig;
use crate::stream::chunks::{CHUNK, Chunks, Lent};
use alloc::collections::VecDeque;
use base::{Buffer, Bytes};

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct ReceiveQueue {
    // Of each datagram, how many bytes it has.
    lengths: VecDeque<u32>,
    chunks: VecDeque<Bytes>,
    // The last bytes, still growing, and how many of them were taken out again.
    open: Buffer,
    open_taken: usize,
    unread: usize,
    // Bytes that came since the reader last caught up, and the time before that.
    run: usize,
    last_run: usize,
}

impl ReceiveQueue {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Bytes that wait.
    pub(crate) const fn unread(&self) -> usize {
        self.unread
    }

    /// A datagram arrived. How many were dropped for it, or instead of it.
    /// RFC 9221 section 5.3-1.
    pub(crate) fn push(&mut self, config: &DatagramsConfig, data: &[u8], memory: &mut Chunks) -> u64 {
        if data.len() > config.max_unread.min(CHUNK) || config.max_unread_count == 0 {
            return 1;
        }
        let mut dropped = 0;
        while self.unread + data.len() > config.max_unread || self.lengths.len() >= config.max_unread_count {
            self.pop();
            dropped += 1;
        }
        self.append(data, memory);
        dropped
    }

    /// The oldest.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let len = self.lengths.pop_front()? as usize;
        self.unread -= len;
        let bytes = self.take(len);
        if self.lengths.is_empty() {
            self.last_run = core::mem::take(&mut self.run);
        }
        Some(bytes)
    }

    /// Gives each to `take`, the oldest first, until that is false. Chunks that were read to their end go to `lent`, to be written again.
    pub(crate) fn take_each(&mut self, mut take: impl FnMut(&[u8]) -> bool, lent: &mut Lent) {
        let mut goes_on = true;
        while goes_on && let Some(len) = self.lengths.pop_front() {
            let len = len as usize;
            self.unread -= len;
            goes_on = match self.chunks.front_mut().filter(|_| len > 0) {
                Some(chunk) => {
                    let goes_on = take(part(chunk, 0, len));
                    if chunk.len() == len {
                        lent.lend(chunk);
                        self.chunks.pop_front();
                    } else {
                        chunk.advance(len);
                    }
                    goes_on
                }
                None => {
                    self.open_taken += len;
                    take(part(self.open.as_slice(), self.open_taken - len, len))
                }
            };
        }
        if self.lengths.is_empty() {
            self.last_run = core::mem::take(&mut self.run);
            // Nobody else has seen it: it is written from its beginning again.
            self.open.clear();
            self.open_taken = 0;
        }
    }

    /// Gives back what the queue has grown to and does not use.
    pub(crate) fn release_memory(&mut self) {
        if self.lengths.is_empty() {
            *self = ReceiveQueue { last_run: self.last_run, ..ReceiveQueue::default() };
        }
    }

    fn take(&mut self, len: usize) -> Bytes {
        if len == 0 {
            return Bytes::new();
        }
        if self.chunks.is_empty() {
            self.seal();
        }
        let front = self.chunks.front_mut().expect("what waits has its bytes here");
        let bytes = front.split_to(len);
        assert!(bytes.len() == len, "a datagram is whole in its chunk");
        if front.is_empty() {
            self.chunks.pop_front();
        }
        bytes
    }

    fn append(&mut self, data: &[u8], memory: &mut Chunks) {
        if self.open.capacity().min(CHUNK) - self.open.len() < data.len() {
            self.seal();
            // By bytes received: as much again as is unread, or as came last time.
            self.open = memory.take(self.unread.max(self.last_run).clamp(data.len(), CHUNK));
        }
        self.open.extend_from_slice(data);
        self.lengths.push_back(data.len() as u32);
        self.unread += data.len();
        self.run += data.len();
    }

    /// Closes the open chunk.
    fn seal(&mut self) {
        let mut bytes = core::mem::take(&mut self.open).freeze();
        bytes.advance(core::mem::take(&mut self.open_taken));
        if !bytes.is_empty() {
            self.chunks.push_back(bytes);
        }
    }
}

fn part(bytes: &[u8], start: usize, len: usize) -> &[u8] {
    bytes.get(start..start + len).expect("a datagram is whole in its chunk")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn config(max_unread: usize, max_unread_count: usize) -> DatagramsConfig {
        DatagramsConfig { max_unread, max_unread_count, ..DatagramsConfig::default() }
    }

    fn all(queue: &mut ReceiveQueue) -> Vec<Vec<u8>> {
        core::iter::from_fn(|| queue.pop()).map(|bytes| bytes.to_vec()).collect()
    }

    #[test]
    fn datagrams_come_out_whole_and_in_order() {
        let (mut queue, mut memory) = (ReceiveQueue::default(), Chunks::default());
        let config = config(1 << 20, 1000);
        for round in 0..20 {
            let sent: Vec<Vec<u8>> =
                (0..100).map(|number| vec![number as u8; (number * 7919 * (round + 1)) % 1500]).collect();
            // Read late, and in the middle.
            let mut read = Vec::new();
            for (number, datagram) in sent.iter().enumerate() {
                assert_eq!(queue.push(&config, datagram, &mut memory), 0);
                if number % (round + 3) == 0 {
                    read.extend(queue.pop().map(|bytes| bytes.to_vec()));
                }
            }
            read.extend(all(&mut queue));
            assert_eq!(read, sent);
            assert_eq!((queue.is_empty(), queue.unread()), (true, 0));
        }
    }

    /// By both ways of reading in turns, and stopping in the middle.
    #[test]
    fn datagrams_are_taken_together_as_they_are_one_by_one() {
        let (mut queue, mut memory, mut lent) = (ReceiveQueue::default(), Chunks::default(), Lent::default());
        let config = config(1 << 20, 10_000);
        for round in 0..60usize {
            let sent: Vec<Vec<u8>> =
                (0..100).map(|number| vec![number as u8; (number * 7919 * round) % 1500]).collect();
            let mut read: Vec<Vec<u8>> = Vec::new();
            for (number, datagram) in sent.iter().enumerate() {
                assert_eq!(queue.push(&config, datagram, &mut memory), 0);
                if number % 17 == round % 5 {
                    let most = read.len() + number % 13 + 1;
                    let take = |datagram: &[u8]| {
                        read.push(datagram.to_vec());
                        read.len() < most
                    };
                    queue.take_each(take, &mut lent);
                }
                if number % 19 == round % 7 {
                    read.extend(queue.pop().map(|bytes| bytes.to_vec()));
                }
            }
            let take = |datagram: &[u8]| {
                read.push(datagram.to_vec());
                true
            };
            queue.take_each(take, &mut lent);
            assert_eq!(read, sent);
            assert_eq!((queue.is_empty(), queue.unread(), queue.chunks.len(), queue.open.len()), (true, 0, 0, 0));
            memory.gather(&mut lent);
        }
    }

    /// RFC 9221 section 5.3-1.
    #[test]
    fn the_oldest_give_way() {
        let (mut queue, mut memory) = (ReceiveQueue::default(), Chunks::default());
        let by_count = config(1000, 3);
        let dropped: Vec<u64> = (0..5u8).map(|byte| queue.push(&by_count, &[byte], &mut memory)).collect();
        assert_eq!((dropped, all(&mut queue)), (vec![0, 0, 0, 1, 1], vec![vec![2], vec![3], vec![4]]));
        let by_bytes = config(10, 1000);
        let dropped: Vec<u64> = [4, 4, 2, 9, 11].map(|len| queue.push(&by_bytes, &vec![1; len], &mut memory)).into();
        assert_eq!((dropped, all(&mut queue)), (vec![0, 0, 0, 3, 1], vec![vec![1; 9]]));
        assert_eq!(queue.push(&config(10, 0), &[1], &mut memory), 1);
    }

    #[test]
    fn what_is_held_follows_what_waits() {
        let (mut queue, mut memory) = (ReceiveQueue::default(), Chunks::default());
        let config = config(100_000, 1000);
        for number in 0..10_000u32 {
            queue.push(&config, &number.to_be_bytes().repeat(300), &mut memory);
            let held: usize = queue.chunks.iter().map(|chunk| chunk.len()).sum();
            let held = held + queue.open.capacity();
            assert!(held <= queue.unread + CHUNK, "{held} bytes for {}", queue.unread);
        }
        assert_eq!(queue.pop().unwrap()[..4], (10_000u32 - 83).to_be_bytes());
        while queue.pop().is_some() {}
        queue.release_memory();
        assert_eq!((queue.open.capacity(), queue.lengths.capacity(), queue.chunks.capacity()), (0, 0, 0));
    }
}
