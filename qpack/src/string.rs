//! String literals (RFC 9204 section 4.1.2): a flag for the Huffman code, a length, the bytes.

use crate::error::DecompressionError;
use crate::huffman::{self, HuffmanError};
use crate::prefix_integer::{self, IntegerError};
use alloc::vec::Vec;
use base::Reader;

/// Why there is no string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringError {
    /// It is not well-formed.
    Decompression(DecompressionError),
    /// It is longer than the caller takes.
    TooLong,
}

impl From<IntegerError> for DecompressionError {
    fn from(error: IntegerError) -> DecompressionError {
        match error {
            IntegerError::Truncated => DecompressionError::Truncated,
            IntegerError::TooLarge => DecompressionError::IntegerTooLarge,
        }
    }
}

impl From<DecompressionError> for StringError {
    fn from(error: DecompressionError) -> StringError {
        StringError::Decompression(error)
    }
}

/// Reads the rest of a string whose first byte was read: `length_bits` of it are the length, the bit above is the Huffman
/// flag. The text is in the input itself, or decoded into `scratch`.
pub(crate) fn decode<'a, 'i: 'a>(
    first: u8,
    length_bits: u32,
    reader: &mut Reader<'i>,
    scratch: &'a mut Vec<u8>,
    max_len: usize,
) -> Result<&'a [u8], StringError> {
    let len = prefix_integer::decode(first, length_bits, reader).map_err(DecompressionError::from)?;
    let len = usize::try_from(len).map_err(|_| DecompressionError::Truncated)?;
    let bytes = reader.bytes(len).map_err(|_| DecompressionError::Truncated)?;
    if first & 1 << length_bits == 0 {
        return if len > max_len { Err(StringError::TooLong) } else { Ok(bytes) };
    }
    scratch.clear();
    match huffman::decode(bytes, scratch, max_len) {
        Ok(()) => Ok(scratch),
        Err(HuffmanError::Invalid) => Err(DecompressionError::Huffman.into()),
        Err(HuffmanError::TooLong) => Err(StringError::TooLong),
    }
}

/// Appends `text`, in the Huffman code where that is shorter. The bits of `first` above flag and length go along.
pub(crate) fn encode(first: u8, length_bits: u32, text: &[u8], out: &mut Vec<u8>) {
    if text.len() < 1 << length_bits {
        return encode_short(first, length_bits, text, out);
    }
    let coded_len = huffman::encoded_len(text);
    if coded_len < text.len() {
        prefix_integer::encode(first | 1 << length_bits, length_bits, coded_len as u64, out);
        huffman::encode(text, out);
    } else {
        encode_plain(first, length_bits, text, out);
    }
}

/// The same of a text so short that one byte tells the length of whatever is shorter still. It is coded without being measured
/// first, because mostly the code is shorter.
fn encode_short(first: u8, length_bits: u32, text: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.push(0);
    huffman::encode(text, out);
    let coded_len = out.len() - start - 1;
    match out.get_mut(start) {
        Some(place) if coded_len < text.len() => *place = first | 1 << length_bits | coded_len as u8,
        _ => {
            out.truncate(start);
            encode_plain(first, length_bits, text, out);
        }
    }
}

/// Appends `text` as it is.
pub(crate) fn encode_plain(first: u8, length_bits: u32, text: &[u8], out: &mut Vec<u8>) {
    prefix_integer::encode(first, length_bits, text.len() as u64, out);
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_all(bytes: &[u8], max_len: usize) -> Result<Vec<u8>, StringError> {
        let mut scratch = Vec::new();
        let mut reader = Reader::new(&bytes[1..]);
        decode(bytes[0], 7, &mut reader, &mut scratch, max_len).map(<[u8]>::to_vec)
    }

    /// Lengths on both sides of what one byte tells, of texts that the code makes shorter and of texts that it does not.
    #[test]
    fn every_length_is_written_in_the_shorter_form() {
        for (byte, length_bits, len) in [b'a', b'&', b'\\']
            .into_iter()
            .flat_map(|byte| [3, 7].map(|bits| (0..300).map(move |len| (byte, bits, len))))
            .flatten()
        {
            let text = alloc::vec![byte; len];
            let (mut written, mut coded) = (alloc::vec![9], Vec::new());
            encode(0, length_bits, &text, &mut written);
            huffman::encode(&text, &mut coded);
            let mut expected = alloc::vec![9];
            if coded.len() < len {
                prefix_integer::encode(1 << length_bits, length_bits, coded.len() as u64, &mut expected);
                expected.extend_from_slice(&coded);
            } else {
                encode_plain(0, length_bits, &text, &mut expected);
            }
            assert_eq!(written, expected, "{len} times {byte} behind {length_bits} bits");
        }
    }

    #[test]
    fn the_shorter_form_is_written_and_both_are_read() {
        for (text, coded) in [(&b"www.example.com"[..], true), (b"", false), (b"\x00\x01\x02", false)] {
            let mut out = Vec::new();
            encode(0, 7, text, &mut out);
            assert_eq!(out[0] & 0x80 != 0, coded);
            assert_eq!(decode_all(&out, text.len()).as_deref(), Ok(text));
            if !text.is_empty() {
                assert_eq!(decode_all(&out, text.len() - 1), Err(StringError::TooLong));
            }
            for end in 1..out.len() {
                assert_eq!(decode_all(&out[..end], 100), Err(DecompressionError::Truncated.into()));
            }
        }
    }

    #[test]
    fn a_length_beyond_the_input_is_refused_before_anything_is_held() {
        for first in [0x7f, 0xff] {
            let mut bytes = Vec::new();
            bytes.extend_from_slice(&[first, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20]);
            assert_eq!(decode_all(&bytes, usize::MAX), Err(DecompressionError::Truncated.into()));
        }
        assert_eq!(decode_all(&[0x83, 0xff, 0xff], 100), Err(DecompressionError::Truncated.into()));
    }
}
