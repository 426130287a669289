//! Prefix integers (RFC 7541 section 5.1): the low bits of a byte, and continuation bytes where these do not suffice.

use alloc::vec::Vec;
use base::{Reader, VarInt};

/// The most bytes an integer may take. Nine continuation bytes hold 63 bits, and RFC 9204 section 4.1.1 asks for 62.
pub(crate) const MAX_LEN: usize = 10;

/// Why there is no integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerError {
    /// The bytes end too early.
    Truncated,
    /// Above 2^62 - 1, or in more than ten bytes.
    TooLarge,
}

/// An integer whose bytes have not all come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    value: u64,
    continuation_bytes: u8,
}

/// What the first byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// All of it.
    Complete(u64),
    /// Continuation bytes follow.
    Continued(Partial),
}

/// Begins with the first byte, of which the low `prefix_bits` (1 to 8) belong to the integer.
pub const fn start(first: u8, prefix_bits: u32) -> Start {
    let mask = (1u64 << prefix_bits) - 1;
    let value = first as u64 & mask;
    if value < mask { Start::Complete(value) } else { Start::Continued(Partial { value, continuation_bytes: 0 }) }
}

impl Partial {
    /// What the whole integer cannot be smaller than.
    pub(crate) const fn at_least(&self) -> u64 {
        self.value
    }

    /// The next byte; the value if it was the last one.
    pub fn push(&mut self, byte: u8) -> Result<Option<u64>, IntegerError> {
        // Zeros in front are legal, endless ones are not.
        if usize::from(self.continuation_bytes) + 1 >= MAX_LEN {
            return Err(IntegerError::TooLarge);
        }
        let bits = u64::from(byte & 0x7f) << (7 * u32::from(self.continuation_bytes));
        self.value = self.value.checked_add(bits).ok_or(IntegerError::TooLarge)?;
        self.continuation_bytes += 1;
        // RFC 9204 section 4.1.1-1, 7.4-2: 62 bits are read, and not one more.
        if self.value > VarInt::MAX.value() {
            return Err(IntegerError::TooLarge);
        }
        Ok((byte & 0x80 == 0).then_some(self.value))
    }
}

/// Reads the rest of an integer whose first byte was read.
pub fn decode(first: u8, prefix_bits: u32, reader: &mut Reader<'_>) -> Result<u64, IntegerError> {
    let mut partial = match start(first, prefix_bits) {
        Start::Complete(value) => return Ok(value),
        Start::Continued(partial) => partial,
    };
    loop {
        let byte = reader.u8().map_err(|_| IntegerError::Truncated)?;
        if let Some(value) = partial.push(byte)? {
            return Ok(value);
        }
    }
}

/// Appends `value`; the bits of `first` above the prefix go along.
pub fn encode(first: u8, prefix_bits: u32, value: u64, out: &mut Vec<u8>) {
    let mask = (1u64 << prefix_bits) - 1;
    debug_assert_eq!(u64::from(first) & mask, 0, "the flags must not reach into the prefix");
    if value < mask {
        out.push(first | value as u8);
        return;
    }
    out.push(first | mask as u8);
    let mut rest = value - mask;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_all(bytes: &[u8], prefix_bits: u32) -> Result<u64, IntegerError> {
        let mut reader = Reader::new(&bytes[1..]);
        decode(bytes[0], prefix_bits, &mut reader)
    }

    #[test]
    fn vectors_of_rfc_7541_c_1() {
        for (value, prefix_bits, flags, bytes) in
            [(10, 5, 0xe0, &[0xea][..]), (1337, 5, 0, &[0x1f, 0x9a, 0x0a]), (42, 8, 0, &[0x2a])]
        {
            let mut out = Vec::new();
            encode(flags, prefix_bits, value, &mut out);
            assert_eq!(out, bytes);
            assert_eq!(decode_all(bytes, prefix_bits), Ok(value));
        }
    }

    /// RFC 9204 section 4.1.1-1.
    #[test]
    fn every_prefix_and_border_value_comes_back() {
        for prefix_bits in 1..=8 {
            let mask = (1u64 << prefix_bits) - 1;
            for value in [0, 1, mask - 1, mask, mask + 1, mask + 127, mask + 128, 1 << 32, VarInt::MAX.value()] {
                let mut out = Vec::new();
                encode(0, prefix_bits, value, &mut out);
                assert_eq!(decode_all(&out, prefix_bits), Ok(value), "{value} in {prefix_bits}");
                for end in 1..out.len() {
                    assert_eq!(decode_all(&out[..end], prefix_bits), Err(IntegerError::Truncated));
                }
            }
        }
    }

    /// RFC 9204 section 7.4-2.
    #[test]
    fn above_62_bits_is_too_large() {
        for value in [1 << 62, u64::MAX] {
            let mut out = Vec::new();
            encode(0, 7, value, &mut out);
            assert_eq!(decode_all(&out, 7), Err(IntegerError::TooLarge));
        }
    }

    #[test]
    fn continuation_ends_at_ten_bytes() {
        let mut bytes = [0x80; 40];
        bytes[0] = 0xff;
        let mut reader = Reader::new(&bytes[1..]);
        assert_eq!(decode(0xff, 7, &mut reader), Err(IntegerError::TooLarge));
        assert_eq!(reader.position(), 10);
        bytes[9] = 0;
        assert_eq!(decode_all(&bytes, 7), Ok(127), "nine continuation bytes are allowed");
    }
}
