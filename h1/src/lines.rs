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
    #[inline(always)]
    pub(crate) fn take<'a>(
        &'a mut self,
        bytes: &'a mut [u8],
        most: usize,
        too_long: Violation,
    ) -> Result<Taken<'a>, Violation> {
        if self.is_whole {
            self.clear();
        }
        let end = end_of_line(bytes);
        let count = end.map_or(bytes.len(), |end| end.count);
        if self.collected.len() + count > most.saturating_add(2) {
            return Err(too_long);
        }
        match end {
            Some(end) if self.collected.is_empty() => Ok(Taken { count, line: Some(end.cut_off(bytes)?) }),
            end => self.collect(bytes.get(..count).unwrap_or_default(), end.is_some()),
        }
    }

    /// Takes a piece of a line that comes in pieces, perhaps the last of them.
    #[cold]
    fn collect(&mut self, piece: &[u8], is_last: bool) -> Result<Taken<'_>, Violation> {
        self.collected.extend_from_slice(piece);
        self.is_whole = is_last;
        // Its end may have come in two pieces.
        let end = if is_last { end_of_line(&self.collected) } else { None };
        let line = end.map(|end| end.cut_off(&mut self.collected)).transpose()?;
        Ok(Taken { count: piece.len(), line })
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

/// The lowest bit of each of eight bytes, and the highest.
const LOW: u64 = u64::MAX / 0xff;
const HIGH: u64 = LOW << 7;
/// Bytes of an end.
const CRLF: usize = 2;

/// Where a line ends.
#[derive(Clone, Copy)]
struct End {
    /// Bytes up to it, with it.
    count: usize,
    /// It is CRLF, and no CR comes before it.
    is_right: bool,
}

impl End {
    /// The line at the front of `bytes`, without its end.
    /// RFC 9112 section 2.2-2, 2.2-4: a bare LF or CR is a line's end to some recipients and none to others, so neither is taken.
    fn cut_off(self, bytes: &mut [u8]) -> Result<&mut [u8], Violation> {
        let line = if self.is_right { bytes.get_mut(..self.count - CRLF) } else { None };
        line.ok_or(Violation::LineEnding)
    }
}

/// The end of the first line, if it is there. What a line is made of is looked at once: for control characters, of which there is mostly none
/// before its end.
#[inline]
fn end_of_line(bytes: &[u8]) -> Option<End> {
    let place = first_control(bytes)?;
    match bytes.get(place..place + CRLF) {
        Some(b"\r\n") => Some(End { count: place + CRLF, is_right: true }),
        _ => end_behind_control(bytes),
    }
}

/// The same for a line that has a control character, or a wrong end.
#[cold]
fn end_behind_control(bytes: &[u8]) -> Option<End> {
    let (mut start, mut has_bare) = (0, false);
    loop {
        let rest = bytes.get(start..)?;
        let place = first_control(rest)?;
        let count = start + place + 1;
        match (rest.get(place), rest.get(place + 1)) {
            (Some(b'\n'), _) => return Some(End { count, is_right: false }),
            (Some(b'\r'), Some(b'\n')) => return Some(End { count: start + place + CRLF, is_right: !has_bare }),
            (Some(b'\r'), _) => has_bare = true,
            _ => {}
        }
        start = count;
    }
}

/// Where the first byte below the space is. Eight bytes are looked at together: a head has hundreds.
#[inline]
fn first_control(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // The highest bit of a byte is set by itself, or by this sum of seven bits if they are a space or above, which reaches no other byte.
        let from_space = (word & !HIGH) + LOW * (0x80 - b' ' as u64);
        let found = !(word | from_space) & HIGH;
        if found != 0 {
            return Some(place * 8 + (found.trailing_zeros() / 8) as usize);
        }
    }
    rest.iter().position(|byte| *byte < b' ').map(|place| words.len() * 8 + place)
}

/// Where `wanted` is first. Eight bytes are looked at together.
pub(crate) fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
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
    fn a_line_ends_where_it_does_whatever_its_bytes_are() {
        for filling in [0, 9, 11, 0x1f, b' ', b'a', 0x7f, 0x80, 0x8a, 0x8d, 0xa0, 0xff] {
            for len in 0..40 {
                let mut bytes = vec![filling; len];
                assert!(end_of_line(&bytes).is_none());
                bytes.extend_from_slice(b"\r");
                assert!(end_of_line(&bytes).is_none());
                bytes.extend_from_slice(b"\n\n and more\r\n");
                let end = end_of_line(&bytes).unwrap();
                assert_eq!((end.count, end.is_right), (len + 2, true), "{filling:#x} {len}");
                for place in 0..len {
                    for (wrong, count) in [(b'\r', len + 2), (b'\n', place + 1)] {
                        let mut bytes = bytes.clone();
                        bytes[place] = wrong;
                        let end = end_of_line(&bytes).unwrap();
                        assert_eq!((end.count, end.is_right), (count, false), "{filling:#x} {wrong} at {place}");
                    }
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
