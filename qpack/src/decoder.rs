//! A field section to field lines (RFC 9204 section 4.5).
//!
//! The section's size is counted line by line while it is decoded, so that a few bytes cannot unfold into many: decoding
//! stops at the limit, and a string is never unfolded beyond it.

use crate::error::DecompressionError;
use crate::prefix_integer;
use crate::section_prefix;
use crate::static_table;
use crate::string::{self, StringError};
use alloc::vec::Vec;
use base::Reader;

/// What RFC 9114 section 4.2.2 adds to the size of each line.
const LINE_OVERHEAD: u64 = 32;

/// Decodes sections one after the other. Its scratch space, at most as large as the largest allowed string, is all it
/// keeps.
#[derive(Debug, Default)]
pub struct Decoder {
    name: Vec<u8>,
    value: Vec<u8>,
}

/// Why a section was not decoded to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError<E> {
    /// QPACK_DECOMPRESSION_FAILED.
    Decompression(DecompressionError),
    /// The lines are larger than allowed; the section itself may be fine.
    TooLarge,
    /// The caller refused a line.
    Refused(E),
}

impl<E> From<DecompressionError> for DecodeError<E> {
    fn from(error: DecompressionError) -> DecodeError<E> {
        DecodeError::Decompression(error)
    }
}

impl<E> From<StringError> for DecodeError<E> {
    fn from(error: StringError) -> DecodeError<E> {
        match error {
            StringError::Decompression(error) => DecodeError::Decompression(error),
            StringError::TooLong => DecodeError::TooLarge,
        }
    }
}

/// What the first bits of a line say it is.
enum Representation {
    Indexed,
    NameReference,
    Literal,
    /// Refers to the dynamic table, after the base.
    PostBase,
}

impl Representation {
    const fn of(first: u8) -> Representation {
        match first {
            0x80.. => Representation::Indexed,
            0x40..=0x7f => Representation::NameReference,
            0x20..=0x3f => Representation::Literal,
            0x00..=0x1f => Representation::PostBase,
        }
    }
}

impl Decoder {
    /// Allocates nothing yet.
    pub const fn new() -> Decoder {
        Decoder { name: Vec::new(), value: Vec::new() }
    }

    /// Gives each line of `section` to `sink`, in order. `max_size` is SETTINGS_MAX_FIELD_SECTION_SIZE: names, values and
    /// 32 bytes for each line (RFC 9114 section 4.2.2).
    pub fn decode<E>(
        &mut self,
        section: &[u8],
        max_size: u64,
        mut sink: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        let mut reader = Reader::new(section);
        section_prefix::decode(&mut reader)?;
        let mut left = max_size;
        // RFC 9204 section 2.2-1: each line is given out before the next one is read.
        while let Ok(first) = reader.u8() {
            left = left.checked_sub(LINE_OVERHEAD).ok_or(DecodeError::TooLarge)?;
            let (name, value) = self.line(first, &mut reader, left)?;
            left = left.checked_sub((name.len() + value.len()) as u64).ok_or(DecodeError::TooLarge)?;
            sink(name, value).map_err(DecodeError::Refused)?;
        }
        Ok(())
    }

    fn line<'a, 'i: 'a>(
        &'a mut self,
        first: u8,
        reader: &mut Reader<'i>,
        left: u64,
    ) -> Result<(&'a [u8], &'a [u8]), StringError> {
        let max_len = usize::try_from(left).unwrap_or(usize::MAX);
        match Representation::of(first) {
            // RFC 9204 s4.5.2: 1, T, index.
            Representation::Indexed => {
                let (name, value) = static_line(first & 0x40 != 0, first, 6, reader)?;
                Ok((name.as_bytes(), value.as_bytes()))
            }
            // RFC 9204 s4.5.4: 01, N, T, index of the name; then the value.
            Representation::NameReference => {
                let (name, _) = static_line(first & 0x10 != 0, first, 4, reader)?;
                let value = string_with_own_byte(reader, &mut self.value, max_len)?;
                Ok((name.as_bytes(), value))
            }
            // RFC 9204 s4.5.6: 001, N, then name and value.
            Representation::Literal => {
                let name = string::decode(first, 3, reader, &mut self.name, max_len)?;
                let value = string_with_own_byte(reader, &mut self.value, max_len)?;
                Ok((name, value))
            }
            // RFC 9204 s4.5.3 and s4.5.5.
            // RFC 9204 section 2.2.1-2, 2.2.3-1: with no entries inserted, every reference is to one that is not there.
            Representation::PostBase => Err(DecompressionError::DynamicReference.into()),
        }
    }
}

/// RFC 9204 section 2.2.3-1, 3.1-1: an index past the static table, or into the dynamic one.
fn static_line(
    is_static: bool,
    first: u8,
    index_bits: u32,
    reader: &mut Reader<'_>,
) -> Result<(&'static str, &'static str), DecompressionError> {
    let index = prefix_integer::decode(first, index_bits, reader)?;
    if !is_static {
        return Err(DecompressionError::DynamicReference);
    }
    static_table::line(index).ok_or(DecompressionError::StaticIndex)
}

fn string_with_own_byte<'a, 'i: 'a>(
    reader: &mut Reader<'i>,
    scratch: &'a mut Vec<u8>,
    max_len: usize,
) -> Result<&'a [u8], StringError> {
    let first = reader.u8().map_err(|_| DecompressionError::Truncated)?;
    string::decode(first, 7, reader, scratch, max_len)
}

#[cfg(test)]
mod tests;
