//! HTTP datagrams on the wire, and those that wait (RFC 9297 section 2.1): each names its request stream by a quarter of its number.

use crate::violation::Violation;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{Buffer, ByteRing, Bytes, Reader, StreamId, VarInt, Writer};

/// The largest quarter of a stream's number.
const MAX_QUARTER: u64 = (1 << 60) - 1;

/// How many bytes go before the content of a datagram.
pub(crate) fn header_len(id: StreamId) -> usize {
    quarter(id).encoded_len()
}

fn quarter(id: StreamId) -> VarInt {
    VarInt::new(id.value() / 4).expect("a quarter of a number of 62 bits")
}

/// What goes before the content of a datagram in a DATAGRAM frame.
pub(crate) struct Header {
    bytes: [u8; VarInt::MAX_LEN],
    len: usize,
}

impl Header {
    /// Of a datagram that belongs to this request.
    pub(crate) fn new(id: StreamId) -> Header {
        let mut header = Header { bytes: [0; VarInt::MAX_LEN], len: header_len(id) };
        let written = Writer::new(&mut header.bytes).varint(quarter(id).value());
        assert!(written.is_ok(), "eight bytes hold every number");
        header
    }

    /// Its bytes.
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).expect("a header is as long as its number")
    }
}

/// Which request a datagram belongs to, and its content.
/// RFC 9297 section 2.1-1, 2.1-2.
pub(crate) fn decode(datagram: &[u8]) -> Result<(StreamId, &[u8]), Violation> {
    let mut reader = Reader::new(datagram);
    let quarter = reader.varint().ok().filter(|quarter| *quarter <= MAX_QUARTER).ok_or(Violation::Datagram)?;
    let id = VarInt::new(4 * quarter).map(StreamId::from_varint).ok_or(Violation::Datagram)?;
    Ok((id, reader.rest()))
}

/// Bytes of the datagrams of one exchange that wait to be read: as much as a turn of the transport brings.
pub(crate) const MAX_WAITING: usize = 256 << 10;

/// Bytes of datagrams that are handed out one by one, and share memory that was asked for once.
const SHARED: usize = 4096;
/// Memory that is kept whatever waits.
const KEPT: usize = 1024;

/// The datagrams of one exchange that wait to be read. They are copied, so that one that nobody reads holds its own bytes alone.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    /// How many bytes each has.
    lengths: VecDeque<u32>,
    /// The first ones, where they were about to be handed out one by one.
    shared: Bytes,
    /// The same memory, to be written again when nobody reads it any more.
    lent: Bytes,
    /// Those behind them.
    bytes: ByteRing,
    /// Whether one has come since the last look at what is held, and whether that look found some that waited.
    is_in_use: bool,
    is_late: bool,
    /// Whether the application was told, and has not read to the end since.
    is_announced: bool,
    counts: DatagramCounts,
}

/// What has become of the datagrams of one exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramCounts {
    /// Those that have come.
    pub received: u64,
    /// Of them, those that gave way because too many waited to be read.
    pub dropped: u64,
}

impl Inbox {
    /// One more. Of more than `most`, or of more bytes than may wait, the oldest give way, as they would on a network. Whether the
    /// application is to be told.
    pub(crate) fn push(&mut self, content: &[u8], most: usize) -> bool {
        self.counts.received += 1;
        if most == 0 || content.len() > MAX_WAITING {
            self.counts.dropped += 1;
            return false;
        }
        while self.lengths.len() >= most || self.waiting() + content.len() > MAX_WAITING {
            self.drop_oldest();
            self.counts.dropped += 1;
        }
        self.bytes.push(content);
        self.lengths.push_back(content.len() as u32);
        (self.is_in_use, self.is_late) = (true, false);
        !core::mem::replace(&mut self.is_announced, true)
    }

    /// The oldest.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let Some(len) = self.lengths.pop_front() else {
            self.is_announced = false;
            return None;
        };
        if self.shared.is_empty() && len > 0 {
            self.share(len as usize);
        }
        let content = if len > 0 { self.shared.split_to(len as usize) } else { Bytes::new() };
        self.look_for_end();
        Some(content)
    }

    /// Gives each to `take`, the oldest first, until that is false.
    pub(crate) fn take_each(&mut self, mut take: impl FnMut([&[u8]; 2]) -> bool) {
        let mut goes_on = true;
        while goes_on && let Some(len) = self.lengths.pop_front() {
            let len = len as usize;
            if self.shared.is_empty() {
                goes_on = take(self.bytes.front(len));
                self.bytes.skip(len);
            } else {
                let content = self.shared.split_to(len);
                goes_on = take([&content, &[]]);
            }
        }
        self.is_announced &= !goes_on;
        self.look_for_end();
    }

    /// Moves the next ones to shared memory: the first, which was just taken out and has `first` bytes, and what fits beside it.
    fn share(&mut self, first: usize) {
        let mut len = first;
        for next in &self.lengths {
            if len + *next as usize > SHARED {
                break;
            }
            len += *next as usize;
        }
        let lent = core::mem::take(&mut self.lent).reclaim().ok().filter(|memory| memory.capacity() >= len);
        let mut memory = lent.unwrap_or_else(|| Buffer::with_capacity(len));
        self.bytes.front(len).iter().for_each(|part| memory.extend_from_slice(part));
        self.shared = memory.freeze();
        if len <= SHARED {
            self.lent = self.shared.clone();
        }
        self.bytes.skip(len);
    }

    fn drop_oldest(&mut self) {
        let Some(len) = self.lengths.pop_front() else { return };
        if self.shared.is_empty() {
            self.bytes.skip(len as usize);
        } else {
            self.shared.advance(len as usize);
        }
    }

    fn waiting(&self) -> usize {
        self.shared.len() + self.bytes.len()
    }

    /// Whether it holds so much memory that it is to be looked at later.
    pub(crate) fn holds_much(&self) -> bool {
        self.bytes.capacity().max(self.lengths.capacity() * size_of::<u32>()) > KEPT
    }

    /// It is some time since the last look: where nothing has come, memory is given back, now or when what waits was read. Whether it is
    /// to be looked at again.
    pub(crate) fn rest(&mut self) -> bool {
        if core::mem::take(&mut self.is_in_use) {
            return self.holds_much();
        }
        self.is_late = true;
        self.look_for_end();
        false
    }

    /// Read late, it keeps nothing.
    fn look_for_end(&mut self) {
        if self.is_late && self.lengths.is_empty() {
            self.bytes.release_memory();
            self.lengths = VecDeque::new();
            self.lent = Bytes::new();
        }
    }

    /// What has become of them.
    pub(crate) const fn counts(&self) -> DatagramCounts {
        self.counts
    }
}

/// Datagrams whose requests have not come: the network may have changed the order.
#[derive(Debug, Default)]
pub(crate) struct Early {
    waiting: Vec<(StreamId, Bytes)>,
}

impl Early {
    /// One more, copied, because it may wait long. Of more than `most` the oldest gives way.
    pub(crate) fn push(&mut self, id: StreamId, content: &[u8], most: usize) {
        if most == 0 {
            return;
        }
        if self.waiting.len() >= most {
            self.waiting.remove(0);
        }
        self.waiting.push((id, Bytes::copy_from_slice(content)));
    }

    /// Whether nothing waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Those of a request that comes now, in order.
    pub(crate) fn take(&mut self, id: StreamId) -> Vec<Bytes> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let all = core::mem::take(&mut self.waiting);
        let (of_request, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(other, _)| *other == id);
        self.waiting = others;
        of_request.into_iter().map(|(_, content)| content).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9297 section 2.1-1, 2.1-2.
    #[test]
    fn numbers_of_any_size_and_those_that_are_none() {
        for quarter in [0, 1, 63, 64, 1 << 30, MAX_QUARTER] {
            let id = StreamId::from_varint(VarInt::new(4 * quarter).unwrap());
            let datagram = [Header::new(id).as_slice(), b"abc"].concat();
            assert_eq!(datagram.len(), header_len(id) + 3);
            assert_eq!(decode(&datagram), Ok((id, &b"abc"[..])));
        }
        for bad in [&[][..], &[0x40], &[0xc0, 0, 0, 0, 0, 0, 0], &[0xd0, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(decode(bad), Err(Violation::Datagram));
        }
    }

    /// draft-ietf-webtrans-http3 section 4.6-5.
    #[test]
    fn what_waits_is_bounded_and_the_newest_stay() {
        let mut inbox = Inbox::default();
        let told: Vec<bool> = (0..5).map(|byte| inbox.push(&[byte], 3)).collect();
        assert_eq!(told, [true, false, false, false, false]);
        let kept: Vec<u8> = core::iter::from_fn(|| inbox.pop()).map(|bytes| bytes[0]).collect();
        assert_eq!(kept, [2, 3, 4]);
        assert_eq!(inbox.counts(), DatagramCounts { received: 5, dropped: 2 });
        // Nor do few large ones hold more than so many bytes.
        let mut large = Inbox::default();
        (0..100).for_each(|byte| _ = large.push(&alloc::vec![byte; MAX_WAITING / 4 + 1], 1000));
        let kept: Vec<u8> = core::iter::from_fn(|| large.pop()).map(|bytes| bytes[0]).collect();
        assert_eq!((kept, large.counts().dropped, large.waiting()), (alloc::vec![97, 98, 99], 97, 0));
        assert!(inbox.push(b"x", 3), "told again after it was read to the end");
        let mut none = Inbox::default();
        assert!(!none.push(b"x", 0));
        assert_eq!(none.counts(), DatagramCounts { received: 1, dropped: 1 });
        let id = |value| StreamId::from_varint(VarInt::from_u32(value));
        let mut early = Early::default();
        (0..6u8).for_each(|byte| early.push(id(u32::from(byte % 2) * 4), &[byte], 4));
        assert_eq!(early.take(id(4)).iter().map(|bytes| bytes[0]).collect::<Vec<_>>(), [3, 5]);
        assert_eq!((early.take(id(0)).len(), early.take(id(0)).len()), (2, 0));
    }

    /// One by one and together, in turns, in any sizes.
    #[test]
    fn both_ways_of_reading_give_the_same() {
        let (mut inbox, mut model, mut step) = (Inbox::default(), VecDeque::new(), 0_usize);
        for round in 0..200 {
            for _ in 0..round * 7 % 40 {
                step += 1;
                let content = alloc::vec![step as u8; step * 311 % 1300 * usize::from(step % 5 > 0)];
                inbox.push(&content, 60);
                model.push_back(content);
            }
            while model.len() > inbox.lengths.len() {
                model.pop_front();
            }
            for _ in 0..round % 4 {
                assert_eq!(inbox.pop().map(|content| content.to_vec()), model.pop_front());
            }
            let mut most: usize = round % 11;
            inbox.take_each(|parts| {
                assert_eq!(Some(parts.concat()), model.pop_front());
                most = most.saturating_sub(1);
                most > 0
            });
            assert_eq!(inbox.waiting(), model.iter().map(Vec::len).sum::<usize>());
        }
    }

    /// Memory that was handed out is written again when it was read, and not before.
    #[test]
    fn one_by_one_asks_for_no_memory_either() {
        let mut inbox = Inbox::default();
        let mut pop = || {
            (0..4).for_each(|byte| _ = inbox.push(&[byte; 1000], 1000));
            [(); 4].map(|()| inbox.pop().unwrap())
        };
        let place = pop()[0].as_slice().as_ptr();
        assert!((0..9).all(|_| pop()[0].as_slice().as_ptr() == place));
        let kept = pop();
        let next = pop();
        assert!(next[0].as_slice().as_ptr() != place);
        assert!(kept.iter().chain(&next).enumerate().all(|(number, bytes)| **bytes == [number as u8 % 4; 1000]));
    }

    /// Few small ones that nobody reads hold little, whatever else came between them; and what was held once is given back when less comes.
    #[test]
    fn what_is_held_is_what_waits() {
        let mut inbox = Inbox::default();
        (0..100).for_each(|byte| _ = inbox.push(&[byte], 1000));
        assert_eq!(inbox.bytes.capacity(), 256);
        (0..120).for_each(|byte| _ = inbox.push(&[byte; 1000], 1000));
        assert_eq!(inbox.bytes.capacity(), 128 << 10);
        assert!(inbox.rest(), "some have just come");
        inbox.take_each(|_| true);
        inbox.push(&[1; 1000], 1000);
        assert!(inbox.rest() && !inbox.rest(), "nobody need look before more comes");
        assert_eq!(inbox.bytes.capacity(), 128 << 10);
        assert_eq!(inbox.pop().as_deref(), Some(&[1; 1000][..]));
        assert_eq!((inbox.bytes.capacity(), inbox.lengths.capacity(), inbox.lent.len()), (0, 0, 0));
        inbox.push(&[1; 3000], 1000);
        inbox.take_each(|_| true);
        assert!(inbox.rest() && !inbox.rest());
        assert_eq!(inbox.bytes.capacity(), 0);
        // Nor does the number of those that have no bytes.
        (0..1000).for_each(|_| _ = inbox.push(&[], 1000));
        inbox.take_each(|_| true);
        assert!(inbox.holds_much() && inbox.rest() && !inbox.rest());
        assert_eq!(inbox.lengths.capacity(), 0);
    }
}
