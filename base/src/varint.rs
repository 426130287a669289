//! Variable-length integers (RFC 9000 section 16).
//!
//! The two most significant bits of the first byte say how many bytes follow, so a value holds at most 62 bits.

use core::fmt;

/// An integer that QUIC can write: 0 to 2^62 - 1.
///
/// Application error codes are of this type, so that a code that has no encoding cannot be asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VarInt(u64);

impl VarInt {
    /// 2^62 - 1.
    pub const MAX: VarInt = VarInt((1 << 62) - 1);
    /// Zero.
    pub const ZERO: VarInt = VarInt(0);
    /// The most bytes an encoding takes.
    pub const MAX_LEN: usize = 8;

    /// `None` above 2^62 - 1.
    pub const fn new(value: u64) -> Option<VarInt> {
        if value <= Self::MAX.0 { Some(VarInt(value)) } else { None }
    }

    /// Every `u32` has an encoding.
    pub const fn from_u32(value: u32) -> VarInt {
        VarInt(value as u64)
    }

    /// The number itself.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Bytes of the shortest encoding: 1, 2, 4 or 8.
    pub const fn encoded_len(self) -> usize {
        encoded_len(self.0)
    }
}

/// Bytes of the shortest encoding of `value`: 1, 2, 4 or 8. A value above 2^62 - 1 has none; it is counted as 8, and
/// [`Writer::varint`](crate::Writer::varint) refuses it.
pub const fn encoded_len(value: u64) -> usize {
    if value < 1 << 6 {
        1
    } else if value < 1 << 14 {
        2
    } else if value < 1 << 30 {
        4
    } else {
        8
    }
}

impl From<u32> for VarInt {
    fn from(value: u32) -> VarInt {
        VarInt::from_u32(value)
    }
}

impl From<VarInt> for u64 {
    fn from(value: VarInt) -> u64 {
        value.0
    }
}

impl fmt::Debug for VarInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for VarInt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reader, Truncated, Writer};

    /// RFC 9000 appendix A.1.
    const VECTORS: [(&[u8], u64); 5] = [
        (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
        (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
        (&[0x7b, 0xbd], 15_293),
        (&[0x25], 37),
        (&[0x40, 0x25], 37),
    ];

    #[test]
    fn vectors_decode() {
        for (bytes, value) in VECTORS {
            let mut reader = Reader::new(bytes);
            assert_eq!(reader.varint(), Ok(value));
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn vectors_encode_in_the_shortest_form() {
        for (bytes, value) in VECTORS.iter().take(4) {
            let mut buffer = [0; 8];
            let mut writer = Writer::new(&mut buffer);
            writer.varint(*value).unwrap();
            assert_eq!(writer.written(), *bytes);
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        for (bytes, _) in VECTORS {
            for end in 0..bytes.len() {
                assert_eq!(Reader::new(&bytes[..end]).varint(), Err(Truncated));
            }
        }
    }

    #[test]
    fn borders_of_each_length() {
        for (value, len) in
            [(0, 1), (63, 1), (64, 2), (16_383, 2), (16_384, 4), ((1 << 30) - 1, 4), (1 << 30, 8), ((1 << 62) - 1, 8)]
        {
            assert_eq!(encoded_len(value), len);
            let mut buffer = [0; 8];
            let mut writer = Writer::new(&mut buffer);
            writer.varint(value).unwrap();
            assert_eq!(writer.position(), len);
            assert_eq!(Reader::new(&buffer[..len]).varint(), Ok(value));
        }
    }

    #[test]
    fn above_62_bits_has_no_encoding() {
        assert_eq!(VarInt::new(1 << 62), None);
        let mut buffer = [0; 8];
        assert!(Writer::new(&mut buffer).varint(1 << 62).is_err());
    }
}
