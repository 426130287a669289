//! Blocks to lines (RFC 7541 section 3.2).

use crate::dynamic_table::{DEFAULT_TABLE_SIZE, DynamicTable, ENTRY_OVERHEAD};
use crate::error::{CompressionError, DecodeError};
use crate::static_table;
use alloc::vec::Vec;
use base::Reader;
use qpack::huffman::{self, HuffmanError};
use qpack::prefix_integer::{self, IntegerError};

/// Decodes the blocks of one direction of a connection.
#[derive(Debug)]
pub struct Decoder {
    pub(crate) table: DynamicTable,
    /// What this side has allowed.
    allowed: usize,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl From<IntegerError> for CompressionError {
    fn from(error: IntegerError) -> CompressionError {
        match error {
            IntegerError::Truncated => CompressionError::Truncated,
            IntegerError::TooLarge => CompressionError::Integer,
        }
    }
}

/// Gives lines to the caller as long as it takes them and they are not too large.
struct Sink<F, E> {
    each: F,
    left: usize,
    end: Option<DecodeError<E>>,
}

impl<F: FnMut(&[u8], &[u8]) -> Result<(), E>, E> Sink<F, E> {
    fn give(&mut self, name: &[u8], value: &[u8]) {
        if self.end.is_some() {
            return;
        }
        let size = name.len() + value.len() + ENTRY_OVERHEAD;
        match self.left.checked_sub(size) {
            None => self.end = Some(DecodeError::TooLarge),
            Some(left) => {
                self.left = left;
                self.end = (self.each)(name, value).err().map(DecodeError::Refused);
            }
        }
    }
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

impl Decoder {
    /// With a table of [`DEFAULT_TABLE_SIZE`].
    pub fn new() -> Decoder {
        Decoder::with_table(DEFAULT_TABLE_SIZE)
    }

    /// With a table of at most so many bytes, which this side announces before the first block
    /// (SETTINGS_HEADER_TABLE_SIZE, RFC 9113 section 6.5.2).
    pub fn with_table(allowed: usize) -> Decoder {
        let table = DynamicTable::new(allowed.min(DEFAULT_TABLE_SIZE));
        Decoder { table, allowed: allowed.max(DEFAULT_TABLE_SIZE), name: Vec::new(), value: Vec::new() }
    }

    /// Gives each line of a block to `each`, in their order, as long as that takes them. `max_size` bounds them together: name, value
    /// and 32 bytes for each. A string that is longer than that is not even unfolded.
    /// RFC 7541 section 2.1-2, 3.2-1.
    pub fn decode<E>(
        &mut self,
        block: &[u8],
        max_size: usize,
        each: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        let mut reader = Reader::new(block);
        let mut sink = Sink { each, left: max_size, end: None };
        // What is longer than the table cannot enter it either, and empties it: its length is all that matters.
        let longest = max_size.max(self.allowed);
        let mut has_begun = false;
        while !reader.is_empty() {
            let first = reader.u8().map_err(|_| CompressionError::Truncated)?;
            has_begun |= first & 0xe0 != 0x20;
            match first {
                0x80.. => self.indexed(first, &mut reader, &mut sink)?,
                0x40.. => self.literal(first, 6, true, &mut reader, longest, &mut sink)?,
                0x20.. => self.table_size(first, has_begun, &mut reader)?,
                // Without indexing, and never indexed: to a recipient the same.
                _ => self.literal(first, 4, false, &mut reader, longest, &mut sink)?,
            }
        }
        sink.end.map_or(Ok(()), Err)
    }

    fn indexed<F: FnMut(&[u8], &[u8]) -> Result<(), E>, E>(
        &mut self,
        first: u8,
        reader: &mut Reader<'_>,
        sink: &mut Sink<F, E>,
    ) -> Result<(), CompressionError> {
        let index = prefix_integer::decode(first, 7, reader)?;
        let (name, value) = line(&self.table, index)?;
        sink.give(name, value);
        Ok(())
    }

    fn literal<F: FnMut(&[u8], &[u8]) -> Result<(), E>, E>(
        &mut self,
        first: u8,
        index_bits: u32,
        enters_table: bool,
        reader: &mut Reader<'_>,
        longest: usize,
        sink: &mut Sink<F, E>,
    ) -> Result<(), CompressionError> {
        let index = prefix_integer::decode(first, index_bits, reader)?;
        let mut is_too_long = false;
        self.name.clear();
        if index == 0 {
            is_too_long |= !string(reader, &mut self.name, longest)?;
        } else {
            self.name.extend_from_slice(line(&self.table, index)?.0);
        }
        self.value.clear();
        is_too_long |= !string(reader, &mut self.value, longest)?;
        if is_too_long {
            sink.end.get_or_insert(DecodeError::TooLarge);
            if enters_table {
                // RFC 7541 section 4.4: it would not fit, and all others go for it.
                let size = self.table.max_size();
                self.table.set_max_size(0);
                self.table.set_max_size(size);
            }
            return Ok(());
        }
        if enters_table {
            self.table.insert(&self.name, &self.value);
        }
        sink.give(&self.name, &self.value);
        Ok(())
    }

    /// RFC 7541 section 4.2-2, 6.3-1, 6.3-2.
    fn table_size(&mut self, first: u8, has_begun: bool, reader: &mut Reader<'_>) -> Result<(), CompressionError> {
        let size = prefix_integer::decode(first, 5, reader)?;
        if has_begun {
            return Err(CompressionError::LateTableSize);
        }
        let size = usize::try_from(size).ok().filter(|size| *size <= self.allowed);
        self.table.set_max_size(size.ok_or(CompressionError::TableSize)?);
        Ok(())
    }
}

/// The line under an index of both tables. RFC 7541 section 2.3.3-1, 6.1-1.
fn line(table: &DynamicTable, index: u64) -> Result<(&[u8], &[u8]), CompressionError> {
    let place = usize::try_from(index).ok().and_then(|index| index.checked_sub(1)).ok_or(CompressionError::Index)?;
    match static_table::TABLE.get(place) {
        Some((name, value)) => Ok((name.as_bytes(), value.as_bytes())),
        None => table.get(place - static_table::TABLE.len()).ok_or(CompressionError::Index),
    }
}

/// Appends a string to `out`. False if it is longer than `most`; then it was passed over.
/// RFC 7541 section 5.1-1, 5.2-1, 5.2-2, 5.2-3.
fn string(reader: &mut Reader<'_>, out: &mut Vec<u8>, most: usize) -> Result<bool, CompressionError> {
    let first = reader.u8().map_err(|_| CompressionError::Truncated)?;
    let len = usize::try_from(prefix_integer::decode(first, 7, reader)?).map_err(|_| CompressionError::Truncated)?;
    let bytes = reader.bytes(len).map_err(|_| CompressionError::Truncated)?;
    if first & 0x80 == 0 {
        let is_taken = bytes.len() <= most;
        if is_taken {
            out.extend_from_slice(bytes);
        }
        return Ok(is_taken);
    }
    match huffman::decode(bytes, out, most) {
        Ok(()) => Ok(true),
        Err(HuffmanError::TooLong) => Ok(false),
        Err(HuffmanError::Invalid) => Err(CompressionError::Huffman),
    }
}
