//! Records as bytes: a header of 32 bytes with a checksum of its own, then the content.
//!
//! | bytes | little endian |
//! |---|---|
//! | 0..2 | a mark |
//! | 2 | kind |
//! | 3 | 0 |
//! | 4..8 | length of the content |
//! | 8..16 | sequence |
//! | 16..24 | time |
//! | 24..28 | checksum of the content |
//! | 28..32 | checksum of what is before |
//!
//! Both checksums begin with the salt of the segment, and that of the header with the record's place as well. So nothing that
//! a record contains can be taken for a record, wherever reading begins: who writes events does not know the salt.

use crate::checksum::crc32c;

/// Bytes of a header.
pub const HEADER_LEN: usize = 32;
/// The most bytes that a record contains.
pub const MAX_CONTENT: usize = 64 << 20;
/// What every header begins with.
pub(crate) const MARK: [u8; 2] = [0xa7, 0x52];

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is.
    pub kind: u8,
    /// Its number. Those of events grow.
    pub sequence: u64,
    /// When it was appended.
    pub time: u64,
    /// What it says; at most [`MAX_CONTENT`] bytes.
    pub content: &'a [u8],
}

/// A header that was read and is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: u8,
    pub(crate) len: usize,
    pub(crate) sequence: u64,
    pub(crate) time: u64,
    checksum: u32,
}

/// Appends a record that will be at `offset`.
pub(crate) fn write(out: &mut Vec<u8>, record: Record<'_>, salt: u64, offset: u64) {
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&[record.kind, 0]);
    out.extend_from_slice(&u32::try_from(record.content.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(&record.sequence.to_le_bytes());
    out.extend_from_slice(&record.time.to_le_bytes());
    out.extend_from_slice(&content_checksum(record.content, salt).to_le_bytes());
    let checksum = header_checksum(out.get(start..).unwrap_or(&[]), salt, offset);
    out.extend_from_slice(&checksum.to_le_bytes());
    out.extend_from_slice(record.content);
}

fn content_checksum(content: &[u8], salt: u64) -> u32 {
    crc32c(crc32c(0, &salt.to_le_bytes()), content)
}

fn header_checksum(header: &[u8], salt: u64, offset: u64) -> u32 {
    crc32c(crc32c(crc32c(0, &salt.to_le_bytes()), &offset.to_le_bytes()), header)
}

impl Header {
    /// The header at the beginning of `bytes`, which are at `offset`; nothing if it is none.
    pub(crate) fn read(bytes: &[u8], salt: u64, offset: u64) -> Option<Header> {
        let (header, _) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let (body, checksum) = header.split_at(28);
        let u32_at = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
        let u64_at = |at: usize| header.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
        if !header.starts_with(&MARK) || header_checksum(body, salt, offset).to_le_bytes() != checksum {
            return None;
        }
        let len = usize::try_from(u32_at(4)?).ok().filter(|len| *len <= MAX_CONTENT)?;
        Some(Header { kind: header[2], len, sequence: u64_at(8)?, time: u64_at(16)?, checksum: u32_at(24)? })
    }

    /// The record with this content, if it is what was written.
    pub(crate) fn with<'a>(&self, content: &'a [u8], salt: u64) -> Option<Record<'a>> {
        let is_good = content.len() == self.len && content_checksum(content, salt) == self.checksum;
        is_good.then_some(Record { kind: self.kind, sequence: self.sequence, time: self.time, content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_good_at_its_place_only_and_not_when_any_byte_has_changed() {
        let record = Record { kind: 3, sequence: 9, time: 1 << 40, content: b"content" };
        let mut bytes = Vec::new();
        write(&mut bytes, record, 7, 128);
        let read = |bytes: &[u8], salt, offset| -> Option<(u8, u64, u64, Vec<u8>)> {
            let header = Header::read(bytes, salt, offset)?;
            let record = header.with(bytes.get(HEADER_LEN..HEADER_LEN + header.len)?, salt)?;
            Some((record.kind, record.sequence, record.time, record.content.to_vec()))
        };
        assert_eq!(read(&bytes, 7, 128), Some((3, 9, 1 << 40, b"content".to_vec())));
        assert_eq!(read(&bytes, 8, 128), None);
        assert_eq!(read(&bytes, 7, 129), None);
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end], 7, 128), None, "{end}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert_eq!(read(&bytes, 7, 128), None, "byte {at}, bit {bit}");
                bytes[at] ^= 1 << bit;
            }
        }
    }
}
