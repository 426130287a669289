//! Records of a segment one after the other, and what to make of bytes that are none.
//!
//! Where a header is good and the content is not, one record is passed by. Where the header is not good, the next place at which one
//! is good is looked for, byte by byte. If there is none up to the end, everything from there on is torn. Where only zeros are left, the
//! records have ended: they were written ahead of records that never came, and no header begins with a zero.

use crate::files::{JournalFile, read_full};
use crate::record::{HEADER_LEN, Header, MARK, Record};
use std::io;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// What is at the place where a scan stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a> {
    /// A record that begins there.
    Record(u64, Record<'a>),
    /// No record: from there, so many bytes. Another one follows.
    Broken { offset: u64, bytes: u64, sequence: Option<u64> },
    /// No record, up to the end or the zeros before it.
    Torn { offset: u64, bytes: u64 },
    /// The end.
    End,
}

/// Reads a segment from a place on.
pub(crate) struct Scan<'a, F> {
    file: &'a F,
    salt: u64,
    /// Where it stands.
    offset: u64,
    /// Where the segment ends.
    end: u64,
    buffer: &'a mut Vec<u8>,
    /// Where in the file the buffer begins, and how much of it is filled.
    start: u64,
    filled: usize,
}

impl<'a, F: JournalFile> Scan<'a, F> {
    pub(crate) fn new(file: &'a F, salt: u64, offset: u64, end: u64, buffer: &'a mut Vec<u8>) -> Scan<'a, F> {
        Scan { file, salt, offset, end, buffer, start: offset, filled: 0 }
    }

    /// Where it stands; at the end, where the records have ended.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// At least `count` bytes from `offset` on are in the buffer, or all up to the end.
    fn fill(&mut self, offset: u64, count: usize) -> io::Result<()> {
        let has = (self.start + self.filled as u64).saturating_sub(offset);
        if offset >= self.start && (has >= count as u64 || self.start + self.filled as u64 >= self.end) {
            return Ok(());
        }
        let left = usize::try_from(self.end - offset.min(self.end)).unwrap_or(usize::MAX);
        let want = count.max(CHUNK).min(left);
        if self.buffer.len() < want {
            self.buffer.resize(want, 0);
        }
        self.start = offset;
        self.filled = read_full(self.file, self.buffer.get_mut(..want).unwrap_or(&mut []), offset)?;
        if self.filled < want {
            // The file is shorter than it was.
            self.end = self.start + self.filled as u64;
        }
        Ok(())
    }

    /// What the buffer has from `offset` on.
    fn at(&self, offset: u64) -> &[u8] {
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        self.buffer.get(..self.filled).and_then(|filled| filled.get(from..)).unwrap_or(&[])
    }

    /// Goes on to the next place.
    pub(crate) fn next(&mut self) -> io::Result<Found<'_>> {
        let offset = self.offset;
        if offset >= self.end {
            return Ok(Found::End);
        }
        self.fill(offset, HEADER_LEN)?;
        let Some(header) = Header::read(self.at(offset), self.salt, offset) else { return self.look_for_next(offset) };
        let whole = (HEADER_LEN + header.len) as u64;
        if whole > self.end - offset {
            return self.torn(offset);
        }
        self.fill(offset, HEADER_LEN + header.len)?;
        if offset + whole > self.end {
            return self.torn(offset);
        }
        self.offset = offset + whole;
        let is_good = self.content(offset, header.len).is_some_and(|content| header.with(content, self.salt).is_some());
        if is_good {
            let content = self.content(offset, header.len).unwrap_or(&[]);
            let record = Record { kind: header.kind, sequence: header.sequence, time: header.time, content };
            return Ok(Found::Record(offset, record));
        }
        if self.is_zero_from(self.offset)? {
            return self.torn(offset);
        }
        Ok(Found::Broken { offset, bytes: whole, sequence: Some(header.sequence) })
    }

    fn content(&self, offset: u64, len: usize) -> Option<&[u8]> {
        self.at(offset).get(HEADER_LEN..HEADER_LEN + len)
    }

    /// There is no record from `offset` to the end.
    fn torn(&mut self, offset: u64) -> io::Result<Found<'_>> {
        let Some(last) = self.last_written(offset)? else {
            (self.offset, self.end) = (offset, offset);
            return Ok(Found::End);
        };
        self.offset = self.end;
        Ok(Found::Torn { offset, bytes: last + 1 - offset })
    }

    /// Where the last byte is that is no zero, from `place` on.
    fn last_written(&mut self, mut place: u64) -> io::Result<Option<u64>> {
        let mut last = None;
        while place < self.end {
            self.fill(place, 1)?;
            let bytes = self.at(place);
            last = bytes.iter().rposition(|byte| *byte != 0).map(|at| place + at as u64).or(last);
            place += bytes.len() as u64;
        }
        Ok(last)
    }

    /// Whether there is nothing else up to the end.
    fn is_zero_from(&mut self, mut place: u64) -> io::Result<bool> {
        while place < self.end {
            self.fill(place, 1)?;
            let bytes = self.at(place);
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            place += bytes.len() as u64;
        }
        Ok(true)
    }

    /// The next good header after a bad one.
    fn look_for_next(&mut self, offset: u64) -> io::Result<Found<'_>> {
        let mut place = offset + 1;
        while place + HEADER_LEN as u64 <= self.end {
            self.fill(place, HEADER_LEN)?;
            let bytes = self.at(place);
            if bytes.starts_with(&MARK) && Header::read(bytes, self.salt, place).is_some() {
                self.offset = place;
                return Ok(Found::Broken { offset, bytes: place - offset, sequence: None });
            }
            // To the next byte that can begin a header.
            let next = bytes.iter().skip(1).position(|byte| *byte == MARK[0]).map_or(bytes.len(), |at| at + 1);
            place += next.max(1) as u64;
        }
        self.torn(offset)
    }
}
