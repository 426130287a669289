//! Reading frame headers and small integers that may come in pieces of any size.

use crate::frame::{FrameHeader, FrameType};
use base::{Bytes, Reader, VarInt};

/// Collects the two integers of a frame header. Nothing is held but these, at most sixteen bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FrameHeaderReader {
    bytes: [u8; 2 * VarInt::MAX_LEN],
    len: usize,
    last_len: usize,
}

impl FrameHeaderReader {
    pub(crate) const fn new() -> FrameHeaderReader {
        FrameHeaderReader { bytes: [0; 2 * VarInt::MAX_LEN], len: 0, last_len: 0 }
    }

    /// Whether a header has begun.
    pub(crate) const fn is_inside(&self) -> bool {
        self.len > 0
    }

    /// How many bytes the last header had.
    pub(crate) const fn last_len(&self) -> usize {
        self.last_len
    }

    /// Takes the header's bytes off the front of `input`; `None` if they are not all there, and then all of `input` was
    /// taken.
    pub(crate) fn read(&mut self, input: &mut Bytes) -> Option<FrameHeader> {
        if self.len == 0 {
            // Nearly always the header is there as a whole.
            if let Some((header, len)) = parse(input) {
                input.advance(len);
                self.last_len = len;
                return Some(header);
            }
        }
        loop {
            let byte = *input.first()?;
            let place = self.bytes.get_mut(self.len)?;
            *place = byte;
            self.len += 1;
            input.advance(1);
            if let Some((header, len)) = parse(self.bytes.get(..self.len)?) {
                (self.len, self.last_len) = (0, len);
                return Some(header);
            }
        }
    }
}

fn parse(bytes: &[u8]) -> Option<(FrameHeader, usize)> {
    let mut reader = Reader::new(bytes);
    let frame_type = FrameType::from_value(reader.varint().ok()?);
    let length = reader.varint().ok()?;
    Some((FrameHeader { frame_type, length }, reader.position()))
}

/// Collects one variable-length integer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VarIntReader {
    bytes: [u8; VarInt::MAX_LEN],
    len: usize,
}

impl VarIntReader {
    /// How many bytes were taken.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn new() -> VarIntReader {
        VarIntReader { bytes: [0; VarInt::MAX_LEN], len: 0 }
    }

    /// Takes the integer's bytes off the front of `input`; `None` if they are not all there.
    pub(crate) fn read(&mut self, input: &mut Bytes) -> Option<u64> {
        loop {
            let byte = *input.first()?;
            let place = self.bytes.get_mut(self.len)?;
            *place = byte;
            self.len += 1;
            input.advance(1);
            if let Ok(value) = Reader::new(self.bytes.get(..self.len)?).varint() {
                return Some(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::Writer;

    /// All lengths of both integers, also longer ones than needed.
    #[test]
    fn headers_split_at_every_byte() {
        for type_len in [1usize, 2, 4, 8] {
            for length_len in [1usize, 2, 4, 8] {
                let mut bytes = alloc::vec::Vec::new();
                for (value, len) in [(1u64, type_len), (42, length_len)] {
                    let prefix = (len.trailing_zeros() as u8) << 6;
                    let mut integer = value.to_be_bytes()[8 - len..].to_vec();
                    integer[0] |= prefix;
                    bytes.extend_from_slice(&integer);
                }
                bytes.push(0xee);
                let expected = FrameHeader { frame_type: FrameType::Headers, length: 42 };
                for split in 0..bytes.len() {
                    let mut reader = FrameHeaderReader::new();
                    let mut first = Bytes::copy_from_slice(&bytes[..split]);
                    let mut rest = Bytes::copy_from_slice(&bytes[split..]);
                    let got = reader.read(&mut first).or_else(|| reader.read(&mut rest));
                    assert_eq!(got, Some(expected));
                    assert_eq!(first.len() + rest.len(), 1, "the payload was left alone");
                    assert!(!reader.is_inside());
                }
            }
        }
    }

    #[test]
    fn an_integer_byte_by_byte() {
        let mut buffer = [0; 8];
        Writer::new(&mut buffer).varint(1 << 40).unwrap();
        let mut reader = VarIntReader::new();
        for (at, byte) in buffer.iter().enumerate() {
            let value = reader.read(&mut Bytes::copy_from_slice(&[*byte]));
            assert_eq!(value, (at == 7).then_some(1 << 40));
        }
    }
}
