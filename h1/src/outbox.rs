//! What waits to be sent: heads, the framing of chunks, and content as the application gave it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::Bytes;
use http::pace::Delivery;

/// Memory for text that is kept when all of it was sent: room for a head of ordinary size.
const USUAL_TEXT: usize = 512;

/// Pieces in their order. Content is referred to until it is sent; heads and the framing of chunks are written into one memory, which
/// serves the next again.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Piece>,
    /// The text of all pieces that are no content, and what was sent of it.
    text: Vec<u8>,
    text_sent: usize,
    len: usize,
    /// Bytes that were ever put in.
    written: u64,
}

#[derive(Debug)]
enum Piece {
    /// So many bytes of the text, behind that of the pieces before.
    Text(usize),
    Content(Bytes),
}

impl Outbox {
    /// Bytes that wait.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How much was put in, and how much of that was sent.
    pub(crate) const fn delivery(&self) -> Delivery {
        Delivery { written: self.written, acknowledged: self.written - self.len as u64 }
    }

    /// Text, which `write` appends to what it is given.
    pub(crate) fn push_text(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.text.len();
        write(&mut self.text);
        let added = self.text.len().checked_sub(before).expect("text is appended");
        self.count(added);
        match self.pieces.back_mut() {
            Some(Piece::Text(len)) => *len += added,
            _ if added > 0 => self.pieces.push_back(Piece::Text(added)),
            _ => {}
        }
    }

    /// Content.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.count(bytes.len());
            self.pieces.push_back(Piece::Content(bytes));
        }
    }

    /// Moves as much as fits to the front of `buffer`, and says how much.
    pub(crate) fn transmit(&mut self, buffer: &mut [u8]) -> usize {
        let mut written = 0;
        while let Some(piece) = self.pieces.front_mut() {
            let room = buffer.get_mut(written..).unwrap_or_default();
            if room.is_empty() {
                break;
            }
            let bytes = match piece {
                Piece::Text(len) => self
                    .text
                    .get(self.text_sent..self.text_sent + *len)
                    .expect("text is kept as long as its piece waits"),
                Piece::Content(bytes) => bytes.as_slice(),
            };
            let count = bytes.len().min(room.len());
            let (to, from) = (room.get_mut(..count), bytes.get(..count));
            to.zip(from).map(|(to, from)| to.copy_from_slice(from)).expect("both are as long as the shorter one");
            let is_all = count == bytes.len();
            match piece {
                Piece::Text(len) => (*len, self.text_sent) = (*len - count, self.text_sent + count),
                Piece::Content(bytes) if !is_all => bytes.advance(count),
                Piece::Content(_) => {}
            }
            written += count;
            if is_all {
                self.pieces.pop_front();
            }
        }
        self.len -= written;
        self.forget_sent();
        written
    }

    /// Throws away what was not sent.
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        (self.text, self.text_sent) = (Vec::new(), 0);
        self.written -= self.len as u64;
        self.len = 0;
    }

    fn count(&mut self, len: usize) {
        self.len += len;
        self.written += len as u64;
    }

    /// Makes room where text was sent, once that is half of all: what is moved is no more than what was sent since.
    fn forget_sent(&mut self) {
        if self.text_sent == self.text.len() {
            self.text.clear();
            self.text.shrink_to(USUAL_TEXT);
        } else if self.text_sent * 2 < self.text.len() {
            return;
        } else {
            self.text.drain(..self.text_sent);
        }
        self.text_sent = 0;
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
            outbox.push_text(|text| text.extend_from_slice(b"head"));
            outbox.push_text(|_| {});
            outbox.push(Bytes::from_static(b"content"));
            outbox.push(Bytes::new());
            outbox.push_text(|text| text.extend_from_slice(b"more "));
            outbox.push_text(|text| text.extend_from_slice(b"text"));
            let expected = b"headcontentmore text";
            assert_eq!(outbox.len(), expected.len());
            assert_eq!(sent(&mut outbox, room), expected, "{room}");
            let delivery = outbox.delivery();
            assert_eq!((delivery.written, delivery.acknowledged), (expected.len() as u64, expected.len() as u64));
        }
    }

    #[test]
    fn the_memory_of_a_head_serves_the_next_and_that_of_a_long_one_is_given_back() {
        let mut outbox = Outbox::default();
        let mut places = Vec::new();
        for _ in 0..3 {
            outbox.push_text(|text| text.extend_from_slice(&[b'h'; 300]));
            places.push(outbox.text.as_ptr());
            sent(&mut outbox, 7);
        }
        assert!(places.iter().all(|place| *place == places[0]));
        outbox.push_text(|text| text.extend_from_slice(&[b'h'; 10_000]));
        sent(&mut outbox, 7);
        assert!(outbox.text.is_empty() && outbox.text.capacity() <= USUAL_TEXT);
    }

    #[test]
    fn text_that_was_sent_is_not_held_while_more_of_it_waits() {
        let mut outbox = Outbox::default();
        outbox.push_text(|text| text.extend_from_slice(b"head"));
        for _ in 0..1000 {
            outbox.push_text(|text| text.extend_from_slice(b"5\r\n"));
            outbox.push(Bytes::from_static(b"hello"));
            outbox.push_text(|text| text.extend_from_slice(b"\r\n"));
            assert_eq!((outbox.transmit(&mut [0; 10]), outbox.len()), (10, 4));
            assert!(outbox.text.len() <= 2 * 10 && outbox.text.capacity() <= 64, "{}", outbox.text.len());
        }
    }

    #[test]
    fn content_is_referred_to_until_it_is_sent() {
        let mut outbox = Outbox::default();
        let content = Bytes::from(vec![7; 10_000]);
        let place = content.as_slice().as_ptr();
        outbox.push(content);
        outbox.transmit(&mut [0; 4000]);
        let Some(Piece::Content(rest)) = outbox.pieces.front() else { panic!("most of it waits") };
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
