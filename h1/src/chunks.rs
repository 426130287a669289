//! Chunked content (RFC 9112 section 7.1): where its data, and where its trailers are.

use crate::lines::{Lines, Taken};
use crate::violation::Violation;

/// Bytes of a chunk's first line: a size of sixteen digits, and extensions, which nobody uses.
const MAX_SIZE_LINE: usize = 4 << 10;
/// Bytes of overhead that each byte of content may have: a chunk of one byte has five.
const OVERHEAD_PER_BYTE: u64 = 16;

/// Content that is being received in chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunks {
    place: Place,
    /// Bytes that were no content, and those that were.
    overhead: u64,
    content: u64,
    max_overhead: u64,
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The line with the size of a chunk.
    Size,
    /// So many bytes of data.
    Data(u64),
    /// The end of a line after the data.
    DataEnd,
    /// The trailers.
    Trailers,
}

/// What was found at the front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// So many bytes are framing, and were taken.
    Framing(usize),
    /// Up to so many bytes are data: tell what was taken of them by [`Chunks::on_data`].
    Data(u64),
    /// The last chunk was there: lines of trailers follow, up to an empty one.
    Last,
}

impl Chunks {
    /// At the beginning. `max_overhead` bytes beside the content are taken in any case.
    pub(crate) const fn new(max_overhead: u64) -> Chunks {
        Chunks { place: Place::Size, overhead: 0, content: 0, max_overhead }
    }

    /// What is at the front of `bytes`, of which there is one at least.
    pub(crate) fn next(&mut self, lines: &mut Lines, bytes: &mut [u8]) -> Result<Chunk, Violation> {
        match self.place {
            Place::Data(left) => return Ok(Chunk::Data(left)),
            Place::Trailers => return Ok(Chunk::Last),
            Place::Size | Place::DataEnd => {}
        }
        let is_size = self.place == Place::Size;
        let (most, too_long) =
            if is_size { (MAX_SIZE_LINE, Violation::ChunkOverhead) } else { (0, Violation::ChunkEnd) };
        let Taken { count, line } = lines.take(bytes, most, too_long)?;
        self.count_overhead(count)?;
        if let Some(line) = line {
            self.place = match is_size.then(|| size(line)).transpose()? {
                None => Place::Size,
                Some(0) => Place::Trailers,
                Some(size) => Place::Data(size),
            };
        }
        Ok(Chunk::Framing(count))
    }

    /// So many bytes of data were taken, at most as many as there are of this chunk.
    pub(crate) fn on_data(&mut self, count: u64) {
        let Place::Data(left) = self.place else { panic!("data is taken within a chunk") };
        let left = left.checked_sub(count).expect("no more is taken than the chunk has");
        self.content = self.content.saturating_add(count);
        self.place = if left == 0 { Place::DataEnd } else { Place::Data(left) };
    }

    /// RFC 9112 s7.1.1: extensions are bounded, and so is what tiny chunks cost.
    fn count_overhead(&mut self, taken: usize) -> Result<(), Violation> {
        self.overhead = self.overhead.saturating_add(taken as u64);
        let allowed = self.content.saturating_mul(OVERHEAD_PER_BYTE).saturating_add(self.max_overhead);
        if self.overhead > allowed { Err(Violation::ChunkOverhead) } else { Ok(()) }
    }
}

/// The size that a chunk's first line says. Extensions are ignored (RFC 9112 section 7.1.1-1).
/// RFC 9112 section 7.1-2, 7.1-3: anything but digits, and a number beyond 63 bits, is refused, so that no two recipients see
/// different sizes.
fn size(line: &[u8]) -> Result<u64, Violation> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (number, extensions) = line.split_at(digits);
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t');
    let first = extensions.iter().find(|byte| !is_space(byte));
    let is_well_formed = extensions.is_empty() || first == Some(&b';');
    let has_control = extensions.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t');
    if number.is_empty() || number.len() > 16 || !is_well_formed || has_control {
        return Err(Violation::ChunkSize);
    }
    let digit = |byte: u8| u64::from((byte as char).to_digit(16).expect("these are hexadecimal digits"));
    let size = number.iter().fold(0u64, |sum, byte| sum << 4 | digit(*byte));
    if size >> 63 == 0 { Ok(size) } else { Err(Violation::ChunkSize) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The content of chunks that come in pieces of `piece`, and what is left after the last chunk.
    fn decode(bytes: &[u8], piece: usize, max_overhead: u64) -> Result<(Vec<u8>, bool), Violation> {
        let (mut chunks, mut lines) = (Chunks::new(max_overhead), Lines::default());
        let mut content = Vec::new();
        for bytes in bytes.to_vec().chunks_mut(piece) {
            let mut bytes = &mut *bytes;
            while !bytes.is_empty() {
                let taken = match chunks.next(&mut lines, bytes)? {
                    Chunk::Framing(taken) => taken,
                    Chunk::Data(left) => {
                        let taken = bytes.len().min(left as usize);
                        content.extend_from_slice(&bytes[..taken]);
                        chunks.on_data(taken as u64);
                        taken
                    }
                    Chunk::Last => return Ok((content, true)),
                };
                bytes = &mut bytes[taken..];
            }
        }
        Ok((content, false))
    }

    /// RFC 9112 section 7.1-2, 7.1.1-1.
    #[test]
    fn chunks_in_pieces_of_every_size() {
        let wire = b"5\r\nhello\r\n001;a=b;c=\"d\"\r\n,\r\nA \t;x\r\n0123456789\r\n0\r\n.";
        for piece in 1..20 {
            assert_eq!(decode(wire, piece, 100), Ok((b"hello,0123456789".to_vec(), true)), "{piece}");
        }
    }

    /// RFC 9112 section 7.1-3.
    #[test]
    fn what_is_no_size_is_refused() {
        for line in
            ["", "x", "-1", "+5", "0x5", "5 ", "5 x", " 5", "5,5", "00000000000000005", "8000000000000000", "5;\u{1}"]
        {
            let wire = [line.as_bytes(), b"\r\nhello\r\n0\r\n\r\n"].concat();
            assert_eq!(decode(&wire, 1, 100), Err(Violation::ChunkSize), "{line:?}");
        }
        assert_eq!(decode(b"5\nhello", 3, 100), Err(Violation::LineEnding));
        assert_eq!(decode(b"5\r\nhelloX", 3, 100), Err(Violation::ChunkEnd).or(Ok((b"hello".to_vec(), false))));
        assert_eq!(decode(b"5\r\nhelloXYZ", 3, 100), Err(Violation::ChunkEnd));
        assert_eq!(decode(b"5\r\nhello\n0\r\n", 3, 100), Err(Violation::LineEnding));
    }

    /// RFC 9112 s7.1.1.
    #[test]
    fn extensions_and_tiny_chunks_are_bounded() {
        let tiny = b"1\r\nx\r\n".repeat(10_000);
        assert_eq!(decode(&tiny, 4096, 10).map(|(content, _)| content.len()), Ok(10_000));
        let extended = [&b"1;"[..], &[b'a'; 100], b"\r\nx\r\n"].concat().repeat(100);
        assert_eq!(decode(&extended, 4096, 1000), Err(Violation::ChunkOverhead));
        let endless = [&b"1;"[..], &[b'a'; 10_000]].concat();
        assert_eq!(decode(&endless, 100, 1 << 20), Err(Violation::ChunkOverhead));
    }
}
