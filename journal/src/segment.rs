//! Segments: their names, and their beginnings.
//!
//! A segment begins with two copies of its header, so that no single spoiled sector takes all of it. A header has 36 bytes, little
//! endian: eight that say what it is and in which version, the segment's ordinal, the number of the first event that can be in it, the
//! salt, and a checksum of these.

use crate::checksum::crc32c;

/// Where records begin. The second copy of the header is at the half.
pub const DATA_START: u64 = 128;

const MAGIC: [u8; 8] = *b"PHjrnl\x001";
const SECOND: usize = 64;

/// What a segment's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) ordinal: u64,
    /// The number of the first event that can be in it.
    pub(crate) base: u64,
    pub(crate) salt: u64,
}

impl Segment {
    /// The name of its file.
    pub(crate) fn name(&self) -> String {
        name(self.ordinal)
    }

    /// All bytes before the first record.
    pub(crate) fn to_bytes(self) -> [u8; DATA_START as usize] {
        let mut header = [0; 36];
        header[..8].copy_from_slice(&MAGIC);
        header[8..16].copy_from_slice(&self.ordinal.to_le_bytes());
        header[16..24].copy_from_slice(&self.base.to_le_bytes());
        header[24..32].copy_from_slice(&self.salt.to_le_bytes());
        let checksum = crc32c(0, &header[..32]);
        header[32..].copy_from_slice(&checksum.to_le_bytes());
        let mut bytes = [0; DATA_START as usize];
        bytes[..36].copy_from_slice(&header);
        bytes[SECOND..SECOND + 36].copy_from_slice(&header);
        bytes
    }

    /// From one of the two copies.
    pub(crate) fn read(bytes: &[u8]) -> Option<Segment> {
        let copy = |at: usize| -> Option<Segment> {
            let header = bytes.get(at..at + 36)?;
            let u64_at = |at: usize| header.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
            let is_good = header.starts_with(&MAGIC) && crc32c(0, &header[..32]).to_le_bytes() == header[32..];
            is_good.then_some(Segment { ordinal: u64_at(8)?, base: u64_at(16)?, salt: u64_at(24)? })
        };
        copy(0).or_else(|| copy(SECOND))
    }
}

/// The name of the file of the segment with this ordinal.
pub(crate) fn name(ordinal: u64) -> String {
    format!("{ordinal:020}.segment")
}

/// The ordinal of the segment that has this name; nothing if no segment has.
pub(crate) fn ordinal(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".segment").filter(|digits| digits.len() == 20)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_ordinals() {
        assert_eq!(name(17), "00000000000000000017.segment");
        assert_eq!(ordinal(&name(u64::MAX)), Some(u64::MAX));
        for other in
            ["17.segment", "00000000000000000017", "+0000000000000000017.segment", "99999999999999999999.segment"]
        {
            assert_eq!(ordinal(other), None, "{other}");
        }
    }

    #[test]
    fn a_spoiled_copy_leaves_the_other() {
        let segment = Segment { ordinal: 3, base: 100, salt: 77 };
        let bytes = segment.to_bytes();
        for at in 0..bytes.len() {
            let mut other = bytes;
            other[at] ^= 0x10;
            assert_eq!(Segment::read(&other), Some(segment), "{at}");
            // One byte of each copy.
            other[(at + 64) % 128] ^= 1;
            assert_eq!(Segment::read(&other), (at % 64 >= 36).then_some(segment), "{at}");
        }
        for end in 0..36 {
            assert_eq!(Segment::read(&bytes[..end]), None);
        }
    }
}
