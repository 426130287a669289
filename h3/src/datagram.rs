//! HTTP datagrams on the wire, and those that wait (RFC 9297 section 2.1): each names its request stream by a quarter of its number.

use crate::violation::Violation;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Bytes, Reader, StreamId, VarInt};

/// The largest quarter of a stream's number.
const MAX_QUARTER: u64 = (1 << 60) - 1;

/// How many bytes go before the content of a datagram.
pub(crate) fn header_len(id: StreamId) -> usize {
    quarter(id).encoded_len()
}

fn quarter(id: StreamId) -> VarInt {
    VarInt::new(id.value() / 4).expect("a quarter of a number of 62 bits")
}

/// A datagram as it goes into a DATAGRAM frame.
pub(crate) fn encode(id: StreamId, content: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(header_len(id) + content.len());
    push_varint(&mut out, quarter(id));
    out.extend_from_slice(content);
    Bytes::from(out)
}

/// Which request a datagram belongs to; its content is left in `datagram`.
/// RFC 9297 section 2.1-1, 2.1-2.
pub(crate) fn decode(datagram: &mut Bytes) -> Result<StreamId, Violation> {
    let mut reader = Reader::new(datagram);
    let quarter = reader.varint().ok().filter(|quarter| *quarter <= MAX_QUARTER).ok_or(Violation::Datagram)?;
    let len = reader.position();
    datagram.advance(len);
    VarInt::new(4 * quarter).map(StreamId::from_varint).ok_or(Violation::Datagram)
}

/// Bytes of the datagrams of one exchange that wait to be read: as much as a turn of the transport brings.
pub(crate) const MAX_WAITING: usize = 128 << 10;

/// The datagrams of one exchange that wait to be read.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    waiting: VecDeque<Bytes>,
    /// Their bytes.
    bytes: usize,
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
    pub(crate) fn push(&mut self, content: Bytes, most: usize) -> bool {
        self.counts.received += 1;
        if most == 0 {
            self.counts.dropped += 1;
            return false;
        }
        while self.waiting.len() >= most || self.bytes + content.len() > MAX_WAITING && !self.waiting.is_empty() {
            self.take();
            self.counts.dropped += 1;
        }
        self.bytes += content.len();
        self.waiting.push_back(content);
        !core::mem::replace(&mut self.is_announced, true)
    }

    /// The oldest.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let content = self.take();
        self.is_announced &= content.is_some();
        content
    }

    fn take(&mut self) -> Option<Bytes> {
        let content = self.waiting.pop_front()?;
        self.bytes -= content.len();
        Some(content)
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
            let mut datagram = encode(id, b"abc");
            assert_eq!(datagram.len(), header_len(id) + 3);
            assert_eq!(decode(&mut datagram), Ok(id));
            assert_eq!(*datagram, *b"abc");
        }
        for bad in [&[][..], &[0x40], &[0xc0, 0, 0, 0, 0, 0, 0], &[0xd0, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(decode(&mut Bytes::copy_from_slice(bad)), Err(Violation::Datagram));
        }
    }

    /// draft-ietf-webtrans-http3 section 4.6-5.
    #[test]
    fn what_waits_is_bounded_and_the_newest_stay() {
        let mut inbox = Inbox::default();
        let told: Vec<bool> = (0..5).map(|byte| inbox.push(Bytes::from(alloc::vec![byte]), 3)).collect();
        assert_eq!(told, [true, false, false, false, false]);
        let kept: Vec<u8> = core::iter::from_fn(|| inbox.pop()).map(|bytes| bytes[0]).collect();
        assert_eq!(kept, [2, 3, 4]);
        assert_eq!(inbox.counts(), DatagramCounts { received: 5, dropped: 2 });
        // Nor do few large ones hold more than so many bytes.
        let mut large = Inbox::default();
        (0..100).for_each(|byte| _ = large.push(Bytes::from(alloc::vec![byte; MAX_WAITING / 4 + 1]), 1000));
        let kept: Vec<u8> = core::iter::from_fn(|| large.pop()).map(|bytes| bytes[0]).collect();
        assert_eq!((kept, large.counts().dropped, large.bytes), (alloc::vec![97, 98, 99], 97, 0));
        assert!(inbox.push(Bytes::from_static(b"x"), 3), "told again after it was read to the end");
        let mut none = Inbox::default();
        assert!(!none.push(Bytes::from_static(b"x"), 0));
        assert_eq!(none.counts(), DatagramCounts { received: 1, dropped: 1 });
        let id = |value| StreamId::from_varint(VarInt::from_u32(value));
        let mut early = Early::default();
        (0..6u8).for_each(|byte| early.push(id(u32::from(byte % 2) * 4), &[byte], 4));
        assert_eq!(early.take(id(4)).iter().map(|bytes| bytes[0]).collect::<Vec<_>>(), [3, 5]);
        assert_eq!((early.take(id(0)).len(), early.take(id(0)).len()), (2, 0));
    }
}
