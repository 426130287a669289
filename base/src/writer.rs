//! Writing: a cursor over a fixed buffer, for packets, and the same integers appended to a growing vector, for messages.

use crate::varint::{VarInt, encoded_len};
use alloc::vec::Vec;
use core::fmt;

/// The buffer has too little room left, or the value has no encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the buffer has no room for this")
    }
}

impl core::error::Error for Full {}

/// Writes to the front of a byte slice. A failed write changes nothing.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    position: usize,
}

impl<'a> Writer<'a> {
    /// Starts at the first byte of `buffer`.
    pub const fn new(buffer: &'a mut [u8]) -> Writer<'a> {
        Writer { buffer, position: 0 }
    }

    /// Bytes written so far.
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Bytes of room left.
    pub const fn remaining(&self) -> usize {
        self.buffer.len() - self.position
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        self.buffer.get(..self.position).unwrap_or(&[])
    }

    /// What was written so far, to patch a length that was not known before.
    pub fn written_mut(&mut self) -> &mut [u8] {
        self.buffer.get_mut(..self.position).unwrap_or(&mut [])
    }

    /// The next `count` bytes of the buffer, counted as written; the caller fills them.
    #[inline]
    pub fn reserve(&mut self, count: usize) -> Result<&mut [u8], Full> {
        let end = self.position.checked_add(count).ok_or(Full)?;
        let place = self.buffer.get_mut(self.position..end).ok_or(Full)?;
        self.position = end;
        Ok(place)
    }

    /// Copies `bytes`.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.reserve(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self, value: u8) -> Result<(), Full> {
        self.bytes(&[value])
    }

    /// Two bytes, big endian.
    #[inline]
    pub fn u16(&mut self, value: u16) -> Result<(), Full> {
        self.bytes(&value.to_be_bytes())
    }

    /// Four bytes, big endian.
    #[inline]
    pub fn u32(&mut self, value: u32) -> Result<(), Full> {
        self.bytes(&value.to_be_bytes())
    }

    /// Eight bytes, big endian.
    #[inline]
    pub fn u64(&mut self, value: u64) -> Result<(), Full> {
        self.bytes(&value.to_be_bytes())
    }

    /// A variable-length integer in its shortest form; `Full` above 2^62 - 1.
    #[inline]
    pub fn varint(&mut self, value: u64) -> Result<(), Full> {
        match encoded_len(value) {
            1 => self.u8(value as u8),
            2 => self.u16(value as u16 | 0x4000),
            4 => self.u32(value as u32 | 0x8000_0000),
            _ if value <= VarInt::MAX.value() => self.u64(value | 0xc000_0000_0000_0000),
            _ => Err(Full),
        }
    }

    /// A variable-length integer in two bytes, for a length that is patched later; `Full` above 16383.
    pub fn varint_in_two_bytes(&mut self, value: u64) -> Result<(), Full> {
        if value < 1 << 14 { self.u16(value as u16 | 0x4000) } else { Err(Full) }
    }
}

/// Appends a variable-length integer in its shortest form. The type says that the value has an encoding.
pub fn push_varint(out: &mut Vec<u8>, value: VarInt) {
    let mut buffer = [0; VarInt::MAX_LEN];
    let mut writer = Writer::new(&mut buffer);
    let result = writer.varint(value.value());
    debug_assert!(result.is_ok(), "eight bytes hold every VarInt");
    out.extend_from_slice(writer.written());
}

/// Appends a one-byte length and what `body` appends. `Full`, and `out` as before, if the body is longer than 255 bytes.
pub fn push_u8_prefixed(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) -> Result<(), Full> {
    push_prefixed::<1>(out, body)
}

/// Appends a two-byte length and what `body` appends. `Full`, and `out` as before, if the body is longer than 65535 bytes.
pub fn push_u16_prefixed(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) -> Result<(), Full> {
    push_prefixed::<2>(out, body)
}

/// Appends a three-byte length and what `body` appends. `Full`, and `out` as before, if the body is longer than 2^24 - 1.
pub fn push_u24_prefixed(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) -> Result<(), Full> {
    push_prefixed::<3>(out, body)
}

fn push_prefixed<const N: usize>(out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) -> Result<(), Full> {
    let start = out.len();
    out.extend_from_slice(&[0; N]);
    body(out);
    let len = (out.len() - start - N) as u64;
    if len >= 1 << (8 * N) {
        out.truncate(start);
        return Err(Full);
    }
    let bytes = len.to_be_bytes();
    for (place, byte) in out.iter_mut().skip(start).zip(bytes.iter().skip(8 - N)) {
        *place = *byte;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_changes_nothing() {
        let mut buffer = [0; 3];
        let mut writer = Writer::new(&mut buffer);
        writer.u8(7).unwrap();
        assert_eq!(writer.u32(1), Err(Full));
        assert_eq!(writer.varint(1 << 40), Err(Full));
        assert_eq!(writer.varint_in_two_bytes(16_384), Err(Full));
        assert_eq!((writer.position(), writer.remaining()), (1, 2));
        writer.varint_in_two_bytes(5).unwrap();
        assert_eq!(writer.written(), [7, 0x40, 5]);
    }

    #[test]
    fn prefixes_hold_the_length_of_what_follows() {
        let mut out = Vec::new();
        push_u8_prefixed(&mut out, |out| out.extend_from_slice(&[1, 2])).unwrap();
        push_u16_prefixed(&mut out, |out| push_u24_prefixed(out, |out| out.push(9)).unwrap()).unwrap();
        assert_eq!(out, [2, 1, 2, 0, 4, 0, 0, 1, 9]);
    }

    #[test]
    fn a_body_too_long_for_its_prefix_leaves_nothing_behind() {
        let mut out = alloc::vec![5];
        assert_eq!(push_u8_prefixed(&mut out, |out| out.resize(out.len() + 256, 0)), Err(Full));
        assert_eq!(out, [5]);
        assert!(push_u8_prefixed(&mut out, |out| out.resize(out.len() + 255, 0)).is_ok());
    }
}
