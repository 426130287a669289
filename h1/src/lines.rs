//! Lines out of bytes that come in pieces (RFC 9112 section 2.2).

use crate::violation::Violation;
use alloc::vec::Vec;

/// Finds one line after the other. One that is whole in what is offered is taken where it lies; one that comes in pieces is collected, in
/// memory that is used again for the next. So feeding byte by byte is the same as feeding whole.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// The pieces of a line, and its end once that has come.
    collected: Vec<u8>,
    is_whole: bool,
}

/// What was found at the front of what was offered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken<'a> {
    /// So many bytes were taken.
    pub(crate) count: usize,
    /// The line without its end, if all of it is there now.
    pub(crate) line: Option<&'a mut [u8]>,
}

/// Memory for a line that is kept from one to the next.
const USUAL: usize = 1 << 10;

impl Lines {
    /// Takes bytes from the front of `bytes` up to the end of the line. The line may have `most` bytes without its end; one that has more
    /// is answered with `too_long`.
    /// RFC 9112 section 2.2-1.
    pub(crate) fn take<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        most: usize,
        too_long: Violation,
    ) -> Result<Taken<'a>, Violation> {
        if self.is_whole {
            self.clear();
        }
        let end = position(bytes, b'\n');
        let count = end.map_or(bytes.len(), |end| end + 1);
        if self.collected.len() + count > most.saturating_add(2) {
            return Err(too_long);
        }
        let piece = bytes.get_mut(..count).unwrap_or_default();
        if end.is_some() && self.collected.is_empty() {
            return Ok(Taken { count, line: Some(without_end(piece)?) });
        }
        self.collected.extend_from_slice(piece);
        self.is_whole = end.is_some();
        let line = if self.is_whole { Some(without_end(&mut self.collected)?) } else { None };
        Ok(Taken { count, line })
    }

    /// Whether something of a line has come that is not whole.
    pub(crate) fn has_part(&self) -> bool {
        !self.is_whole && !self.collected.is_empty()
    }

    /// Gives back the memory of a long line.
    pub(crate) fn clear(&mut self) {
        self.collected.clear();
        self.collected.shrink_to(USUAL);
        self.is_whole = false;
    }
}

/// RFC 9112 section 2.2-2, 2.2-4: a bare LF or CR is a line's end to some recipients and none to others, so neither is taken.
fn without_end(line: &mut [u8]) -> Result<&mut [u8], Violation> {
    match line {
        [line @ .., b'\r', b'\n'] if position(line, b'\r').is_none() => Ok(line),
        _ => Err(Violation::LineEnding),
    }
}

/// Where `wanted` is first. Eight bytes are looked at together: a head has hundreds.
pub(crate) fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    const LOW: u64 = u64::MAX / 0xff;
    const HIGH: u64 = LOW << 7;
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        // A byte that is zero in this is the only kind whose highest bit is set in `found`: no sum of seven bits reaches the next byte.
        let differs = u64::from_le_bytes(*word) ^ (LOW * u64::from(wanted));
        let found = !(((differs & !HIGH) + !HIGH) | differs) & HIGH;
        if found != 0 {
            return Some(place * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|byte| *byte == wanted).map(|place| words.len() * 8 + place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    const LONG: Violation = Violation::RequestLineTooLong;

    /// All lines of `bytes`, which come in pieces of `size`.
    fn lines(bytes: &[u8], size: usize, most: usize) -> Result<Vec<Vec<u8>>, Violation> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in bytes.to_vec().chunks_mut(size) {
            let mut start = 0;
            while start < piece.len() {
                let Taken { count, line } = lines.take(&mut piece[start..], most, LONG)?;
                found.extend(line.map(|line| line.to_vec()));
                start += count;
            }
        }
        Ok(found)
    }

    #[test]
    fn a_byte_is_found_wherever_it_is_and_whatever_surrounds_it() {
        for len in 0..40 {
            for filling in [0, 1, 9, 10, 11, 0x8a, 0x7f, 0xff] {
                let mut bytes = vec![filling; len];
                assert_eq!(position(&bytes, b'\n'), bytes.iter().position(|byte| *byte == b'\n'), "{filling} {len}");
                for place in 0..len {
                    let before = core::mem::replace(&mut bytes[place], b'\n');
                    assert_eq!(
                        position(&bytes, b'\n'),
                        bytes.iter().position(|byte| *byte == b'\n'),
                        "{filling} {place}"
                    );
                    bytes[place] = before;
                }
            }
        }
    }

    #[test]
    fn a_line_that_is_whole_is_not_copied() {
        let (mut lines, mut bytes) = (Lines::default(), b"ab\r\nc".to_vec());
        let place = bytes.as_ptr();
        let line = lines.take(&mut bytes, 9, LONG).unwrap().line.unwrap();
        assert!(core::ptr::eq(line.as_ptr(), place) && line == b"ab");
        assert!(!lines.has_part() && lines.collected.capacity() == 0);
        assert_eq!(lines.take(&mut bytes[4..], 9, LONG), Ok(Taken { count: 1, line: None }));
        assert!(lines.has_part());
    }

    /// RFC 9112 section 2.2-1.
    #[test]
    fn pieces_of_every_size_give_the_same_lines() {
        for size in 1..12 {
            assert_eq!(lines(b"ab\r\n\r\nc\r\nd", size, 2), Ok(vec![b"ab".to_vec(), vec![], b"c".to_vec()]), "{size}");
        }
    }

    /// RFC 9112 section 2.2-2, 2.2-4.
    #[test]
    fn no_other_ending_is_taken() {
        for size in 1..6 {
            for bytes in [&b"ab\n"[..], b"a\rb\r\n", b"\r\r\n", b"\n"] {
                assert_eq!(lines(bytes, size, 9), Err(Violation::LineEnding), "{bytes:?}");
            }
        }
    }

    #[test]
    fn a_line_is_bounded_before_it_ends() {
        for size in 1..6 {
            assert_eq!(lines(b"abc\r\n", size, 3).map(|lines| lines.len()), Ok(1));
            assert_eq!(lines(b"abcd\r\n", size, 3), Err(LONG));
            assert_eq!(lines(b"abcdef", size, 3), Err(LONG));
        }
    }
}
