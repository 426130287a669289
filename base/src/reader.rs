//! A cursor over received bytes that cannot panic: every read says whether the bytes were there.

use core::fmt;

/// Fewer bytes were left than the read needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes end too early")
    }
}

impl core::error::Error for Truncated {}

/// Reads from the front of a byte slice. A failed read consumes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    start: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub const fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, start: bytes.len() }
    }

    /// Bytes read so far.
    pub const fn position(&self) -> usize {
        self.start - self.bytes.len()
    }

    /// Bytes left.
    pub const fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All that is left, without consuming it.
    pub const fn peek(&self) -> &'a [u8] {
        self.bytes
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        core::mem::take(&mut self.bytes)
    }

    /// The next `count` bytes.
    #[inline]
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// The next `N` bytes as an array.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(Truncated)?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        let (first, rest) = self.bytes.split_first().ok_or(Truncated)?;
        self.bytes = rest;
        Ok(*first)
    }

    /// Two bytes, big endian.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_be_bytes)
    }

    /// Three bytes, big endian.
    pub fn u24(&mut self) -> Result<u32, Truncated> {
        let [a, b, c] = self.array()?;
        Ok(u32::from_be_bytes([0, a, b, c]))
    }

    /// Four bytes, big endian.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes, big endian.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, Truncated> {
        self.array().map(u64::from_be_bytes)
    }

    /// A variable-length integer (RFC 9000 section 16) in any of its four lengths.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, Truncated> {
        let first = *self.bytes.first().ok_or(Truncated)?;
        match first >> 6 {
            0 => self.u8().map(u64::from),
            1 => self.u16().map(|value| u64::from(value & 0x3fff)),
            2 => self.u32().map(|value| u64::from(value & 0x3fff_ffff)),
            _ => self.u64().map(|value| value & 0x3fff_ffff_ffff_ffff),
        }
    }

    /// A variable-length integer, then that many bytes.
    pub fn varint_prefixed(&mut self) -> Result<&'a [u8], Truncated> {
        self.prefixed(|reader| reader.varint())
    }

    /// A one-byte length, then that many bytes.
    pub fn u8_prefixed(&mut self) -> Result<&'a [u8], Truncated> {
        self.prefixed(|reader| reader.u8().map(u64::from))
    }

    /// A two-byte length, then that many bytes.
    pub fn u16_prefixed(&mut self) -> Result<&'a [u8], Truncated> {
        self.prefixed(|reader| reader.u16().map(u64::from))
    }

    /// A three-byte length, then that many bytes.
    pub fn u24_prefixed(&mut self) -> Result<&'a [u8], Truncated> {
        self.prefixed(|reader| reader.u24().map(u64::from))
    }

    fn prefixed(
        &mut self,
        length: impl FnOnce(&mut Reader<'a>) -> Result<u64, Truncated>,
    ) -> Result<&'a [u8], Truncated> {
        let mut ahead = *self;
        let count = usize::try_from(length(&mut ahead)?).map_err(|_| Truncated)?;
        let taken = ahead.bytes(count)?;
        *self = ahead;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_read_consumes_nothing() {
        let mut reader = Reader::new(&[3, 1, 2]);
        assert_eq!(reader.u8_prefixed(), Err(Truncated));
        assert_eq!(reader.position(), 0);
        assert_eq!(reader.u32(), Err(Truncated));
        assert_eq!(reader.bytes(4), Err(Truncated));
        assert_eq!(reader.u24(), Ok(0x03_01_02));
        assert_eq!((reader.position(), reader.remaining()), (3, 0));
    }

    #[test]
    fn a_length_beyond_the_address_space_is_truncation() {
        assert_eq!(Reader::new(&[0xff; 9]).varint_prefixed(), Err(Truncated));
    }

    #[test]
    fn prefixed_reads_take_what_the_length_says() {
        let bytes = [1, 9, 0, 2, 8, 7, 0, 0, 1, 6, 0x40, 1, 5];
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.u8_prefixed(), Ok(&[9][..]));
        assert_eq!(reader.u16_prefixed(), Ok(&[8, 7][..]));
        assert_eq!(reader.u24_prefixed(), Ok(&[6][..]));
        assert_eq!(reader.varint_prefixed(), Ok(&[5][..]));
        assert!(reader.is_empty());
    }
}
