//! What waits to be sent: heads, the framing of chunks, and content as the application gave it.

use alloc::collections::VecDeque;
use base::{Buffer, Bytes};
use http::pace::Delivery;

/// Room for a head of ordinary size.
const USUAL_HEAD: usize = 512;
/// The longest frame between chunks: the end of one, sixteen digits, the end of their line.
const MAX_FRAME: usize = 20;

/// Pieces in their order. Content is referred to until it is sent; what is short is held in place.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Piece>,
    len: usize,
    /// Bytes that were ever put in.
    written: u64,
    /// The memory of the head that was sent last.
    spare: Option<Buffer>,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    Frame { bytes: [u8; MAX_FRAME], from: u8, to: u8 },
}

impl Outbox {
    /// Bytes that wait.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How much was put in, and how much of that was sent.
    pub(crate) const fn delivery(&self) -> Delivery {
        Delivery { written: self.written, acknowledged: self.written - self.len as u64 }
    }

    /// Memory for a head.
    pub(crate) fn buffer(&mut self) -> Buffer {
        self.spare.take().unwrap_or_else(|| Buffer::with_capacity(USUAL_HEAD))
    }

    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.count(bytes.len());
            self.pieces.push_back(Piece::Bytes(bytes));
        }
    }

    /// The first line of a chunk of `size` bytes, after the end of the one before it.
    pub(crate) fn push_chunk_header(&mut self, size: usize, is_first: bool) {
        let mut frame = [0; MAX_FRAME];
        let mut from = MAX_FRAME;
        let mut put = |byte| {
            from -= 1;
            if let Some(place) = frame.get_mut(from) {
                *place = byte;
            }
        };
        put(b'\n');
        put(b'\r');
        let mut rest = size;
        loop {
            put(b"0123456789abcdef".get(rest & 15).copied().unwrap_or(b'0'));
            rest >>= 4;
            if rest == 0 {
                break;
            }
        }
        if !is_first {
            put(b'\n');
            put(b'\r');
        }
        self.count(MAX_FRAME - from);
        self.pieces.push_back(Piece::Frame { bytes: frame, from: from as u8, to: MAX_FRAME as u8 });
    }

    /// Moves as much as fits to the front of `buffer`, and says how much.
    pub(crate) fn transmit(&mut self, buffer: &mut [u8]) -> usize {
        let mut written = 0;
        while let Some(piece) = self.pieces.front_mut() {
            let room = buffer.get_mut(written..).unwrap_or_default();
            if room.is_empty() {
                break;
            }
            let bytes = piece.as_slice();
            let count = bytes.len().min(room.len());
            let (to, from) = (room.get_mut(..count), bytes.get(..count));
            to.zip(from).map(|(to, from)| to.copy_from_slice(from)).expect("both are as long as the shorter one");
            written += count;
            if piece.advance(count) {
                let sent = self.pieces.pop_front();
                self.keep(sent);
            }
        }
        self.len -= written;
        written
    }

    /// Throws away what was not sent.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.written -= self.len as u64;
        self.len = 0;
    }

    fn count(&mut self, len: usize) {
        self.len += len;
        self.written += len as u64;
    }

    /// The memory of a head serves the next, if nobody else has it.
    fn keep(&mut self, sent: Option<Piece>) {
        if self.spare.is_none()
            && let Some(Piece::Bytes(bytes)) = sent
            && bytes.capacity_of_last_part() == Some(USUAL_HEAD)
        {
            self.spare = bytes.reclaim().ok();
        }
    }
}

impl Piece {
    fn as_slice(&self) -> &[u8] {
        match self {
            Piece::Bytes(bytes) => bytes.as_slice(),
            Piece::Frame { bytes, from, to } => bytes.get(usize::from(*from)..usize::from(*to)).unwrap_or_default(),
        }
    }

    /// Drops bytes from the front. Says whether that was all.
    fn advance(&mut self, count: usize) -> bool {
        match self {
            Piece::Bytes(bytes) => {
                // The last part is kept whole for its memory.
                if count == bytes.len() {
                    return true;
                }
                bytes.advance(count);
                false
            }
            Piece::Frame { from, to, .. } => {
                *from += count as u8;
                from == to
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    /// All that is sent, by calls with room for `room` bytes.
    fn sent(outbox: &mut Outbox, room: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while !outbox.is_empty() {
            let mut buffer = vec![0; room];
            let count = outbox.transmit(&mut buffer);
            assert!(count > 0 && count <= room);
            all.extend_from_slice(&buffer[..count]);
        }
        all
    }

    #[test]
    fn pieces_are_sent_in_order_whatever_the_room() {
        for room in 1..40 {
            let mut outbox = Outbox::default();
            outbox.push(Bytes::from_static(b"head"));
            outbox.push(Bytes::new());
            for (size, is_first) in [(5, true), (0xabc, false), (usize::MAX, false), (0, false)] {
                outbox.push_chunk_header(size, is_first);
            }
            let expected = b"head5\r\n\r\nabc\r\n\r\nffffffffffffffff\r\n\r\n0\r\n";
            assert_eq!(outbox.len(), expected.len());
            assert_eq!(sent(&mut outbox, room), expected, "{room}");
            let delivery = outbox.delivery();
            assert_eq!((delivery.written, delivery.acknowledged), (expected.len() as u64, expected.len() as u64));
        }
    }

    #[test]
    fn the_memory_of_a_head_serves_the_next() {
        let mut outbox = Outbox::default();
        for round in 0..3 {
            let mut buffer = outbox.buffer();
            buffer.extend_from_slice(b"HTTP/1.1");
            let place = buffer.as_slice().as_ptr();
            outbox.push(buffer.freeze());
            sent(&mut outbox, 3);
            let again = outbox.buffer();
            assert_eq!((again.len(), again.as_slice().as_ptr()), (0, place), "{round}");
            outbox.spare = Some(again);
        }
    }

    #[test]
    fn content_is_referred_to_until_it_is_sent() {
        let mut outbox = Outbox::default();
        let content = Bytes::from(vec![7; 10_000]);
        let place = content.as_slice().as_ptr();
        outbox.push(content);
        outbox.transmit(&mut [0; 4000]);
        let Some(Piece::Bytes(rest)) = outbox.pieces.front() else { panic!("most of it waits") };
        assert_eq!((rest.as_slice().as_ptr(), rest.len()), (place.wrapping_add(4000), 6000));
    }

    #[test]
    fn what_is_thrown_away_was_never_written() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"abc"));
        outbox.transmit(&mut [0; 1]);
        outbox.clear();
        assert!(outbox.is_empty());
        assert_eq!(outbox.delivery(), Delivery { written: 1, acknowledged: 1 });
    }
}
