//! The instructions of an encoder stream (RFC 9204 section 4.3): what changes the dynamic table of a decoder.
//!
//! They are read as bytes come in, in pieces of any size. Each byte is looked at once. A number is judged by its first bytes:
//! what is already too large is not waited for, so nothing is held that could not become an entry.

use crate::dynamic_table::{DynamicTable, ENTRY_OVERHEAD};
use crate::error::EncoderStreamError;
use crate::huffman::{self, HuffmanError};
use crate::prefix_integer::{self, Partial, Start};
use crate::static_table;
use crate::string;
use alloc::vec::Vec;

/// The shortest Huffman code has five bits and the longest thirty: so many bits stand for one byte at least.
const LONGEST_CODE: usize = 30;

/// Reads an encoder stream.
#[derive(Debug, Default)]
pub(crate) struct EncoderStream {
    state: State,
    name: Name,
    /// A name that is no reference, until its value has come.
    literal: Vec<u8>,
    /// Scratch space for values.
    value: Vec<u8>,
    /// A string whose bytes have not all come.
    part: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Between two instructions.
    #[default]
    Start,
    Number(Number, Partial),
    /// The length of a value is next.
    Value,
    Text {
        string: Part,
        is_huffman: bool,
        left: usize,
    },
}

/// What a number means.
#[derive(Clone, Copy, Debug)]
enum Number {
    Capacity,
    Duplicate,
    StaticName,
    DynamicName,
    Length { string: Part, is_huffman: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Name,
    Value,
}

#[derive(Clone, Copy, Debug, Default)]
enum Name {
    #[default]
    Literal,
    Static(&'static str),
    /// By its absolute index.
    Dynamic(u64),
}

impl EncoderStream {
    /// More bytes came: they are carried out on `table`, which may grow up to `max_capacity`.
    pub(crate) fn on_bytes(
        &mut self,
        mut input: &[u8],
        table: &mut DynamicTable,
        max_capacity: usize,
    ) -> Result<(), EncoderStreamError> {
        while !input.is_empty() {
            match self.state {
                State::Text { string, is_huffman, left } => {
                    let (piece, rest) = input.split_at(left.min(input.len()));
                    input = rest;
                    self.on_text(piece, string, is_huffman, left, table)?;
                }
                state => {
                    let Some((byte, rest)) = input.split_first() else { break };
                    input = rest;
                    let (number, start) = match state {
                        State::Number(number, partial) => (number, go_on(partial, *byte)?),
                        State::Value => value_length(*byte),
                        _ => first_number(*byte, table)?,
                    };
                    self.on_number(number, start, table, max_capacity)?;
                }
            }
        }
        Ok(())
    }

    fn on_number(
        &mut self,
        number: Number,
        start: Start,
        table: &mut DynamicTable,
        max_capacity: usize,
    ) -> Result<(), EncoderStreamError> {
        match start {
            Start::Continued(partial) => {
                self.judge(number, partial.at_least(), table, max_capacity)?;
                self.state = State::Number(number, partial);
                Ok(())
            }
            Start::Complete(value) => {
                self.judge(number, value, table, max_capacity)?;
                self.on_value(number, value, table)
            }
        }
    }

    /// Whether a number may be as large as this.
    fn judge(
        &self,
        number: Number,
        value: u64,
        table: &DynamicTable,
        max_capacity: usize,
    ) -> Result<(), EncoderStreamError> {
        let error = match number {
            // RFC 9204 section 4.3.1-2.
            Number::Capacity if value > max_capacity as u64 => EncoderStreamError::Capacity,
            // RFC 9204 section 2.2.3-2: evicted, or never inserted.
            Number::Duplicate | Number::DynamicName if value >= table.len() => EncoderStreamError::Reference,
            // RFC 9204 section 3.1-2.
            Number::StaticName if static_table::line(value).is_none() => EncoderStreamError::Reference,
            // RFC 9204 section 3.2.2-2.
            Number::Length { string, is_huffman } => {
                let least =
                    if is_huffman { (value.saturating_mul(8).saturating_sub(7)) / LONGEST_CODE as u64 } else { value };
                return if least > self.room(string, table) as u64 {
                    Err(EncoderStreamError::EntryTooLarge)
                } else {
                    Ok(())
                };
            }
            _ => return Ok(()),
        };
        Err(error)
    }

    /// How long a string may be for its entry to fit in the table.
    fn room(&self, string: Part, table: &DynamicTable) -> usize {
        let name_len = match (string, self.name) {
            (Part::Name, _) => 0,
            (Part::Value, Name::Literal) => self.literal.len(),
            (Part::Value, Name::Static(name)) => name.len(),
            (Part::Value, Name::Dynamic(index)) => table.get(index).map_or(0, |(name, _)| name.len()),
        };
        table.capacity().saturating_sub(ENTRY_OVERHEAD + name_len)
    }

    fn on_value(&mut self, number: Number, value: u64, table: &mut DynamicTable) -> Result<(), EncoderStreamError> {
        self.state = State::Start;
        match number {
            Number::Capacity => table.set_capacity(usize::try_from(value).map_err(|_| EncoderStreamError::Capacity)?),
            Number::Duplicate => table.duplicate(table.inserted() - 1 - value),
            Number::DynamicName => {
                self.name = Name::Dynamic(table.inserted() - 1 - value);
                // Else there is room for the name and not for the overhead of its new entry.
                self.state = State::Value;
            }
            Number::StaticName => {
                let (name, _) = static_table::line(value).ok_or(EncoderStreamError::Reference)?;
                self.name = Name::Static(name);
                self.state = State::Value;
            }
            Number::Length { string, is_huffman } => {
                let left = usize::try_from(value).map_err(|_| EncoderStreamError::EntryTooLarge)?;
                self.state = State::Text { string, is_huffman, left };
                if left == 0 {
                    self.on_text(&[], string, is_huffman, 0, table)?;
                }
            }
        }
        Ok(())
    }

    /// More of a string, of which `left` bytes were missing. A string that comes in one piece is not copied on the way.
    fn on_text(
        &mut self,
        piece: &[u8],
        string: Part,
        is_huffman: bool,
        left: usize,
        table: &mut DynamicTable,
    ) -> Result<(), EncoderStreamError> {
        if piece.len() < left {
            self.part.extend_from_slice(piece);
            self.state = State::Text { string, is_huffman, left: left - piece.len() };
            return Ok(());
        }
        if self.part.is_empty() {
            return self.on_string(piece, string, is_huffman, table);
        }
        let mut whole = core::mem::take(&mut self.part);
        whole.extend_from_slice(piece);
        self.on_string(&whole, string, is_huffman, table)
    }

    fn on_string(
        &mut self,
        bytes: &[u8],
        string: Part,
        is_huffman: bool,
        table: &mut DynamicTable,
    ) -> Result<(), EncoderStreamError> {
        let room = self.room(string, table);
        let scratch = if string == Part::Name { &mut self.literal } else { &mut self.value };
        scratch.clear();
        if is_huffman {
            huffman::decode(bytes, scratch, room).map_err(|error| match error {
                HuffmanError::Invalid => EncoderStreamError::Huffman,
                HuffmanError::TooLong => EncoderStreamError::EntryTooLarge,
            })?;
        } else if string == Part::Name {
            scratch.extend_from_slice(bytes);
        }
        if string == Part::Name {
            self.name = Name::Literal;
            self.state = State::Value;
            return Ok(());
        }
        self.state = State::Start;
        let value = if is_huffman { &self.value[..] } else { bytes };
        let inserted = match self.name {
            Name::Literal => table.insert(&self.literal, value),
            Name::Static(name) => table.insert(name.as_bytes(), value),
            Name::Dynamic(index) => table.insert_with_name_of(index, value),
        };
        inserted.map_err(|_| EncoderStreamError::EntryTooLarge)
    }
}

fn go_on(mut partial: Partial, byte: u8) -> Result<Start, EncoderStreamError> {
    let value = partial.push(byte).map_err(|_| EncoderStreamError::IntegerTooLarge)?;
    Ok(value.map_or(Start::Continued(partial), Start::Complete))
}

const fn value_length(byte: u8) -> (Number, Start) {
    let length = Number::Length { string: Part::Value, is_huffman: byte & 0x80 != 0 };
    (length, prefix_integer::start(byte, 7))
}

/// The first byte of an instruction.
fn first_number(byte: u8, table: &DynamicTable) -> Result<(Number, Start), EncoderStreamError> {
    // RFC 9204 section 3.2.2-2: where not even an empty line fits, no insertion is waited for.
    if byte >= 0b0100_0000 && table.capacity() < ENTRY_OVERHEAD {
        return Err(EncoderStreamError::EntryTooLarge);
    }
    Ok(match byte {
        // RFC 9204 s4.3.2: 1, T, index of the name.
        0b1100_0000.. => (Number::StaticName, prefix_integer::start(byte, 6)),
        0b1000_0000..=0b1011_1111 => (Number::DynamicName, prefix_integer::start(byte, 6)),
        // RFC 9204 s4.3.3: 01, then name and value.
        0b0100_0000..=0b0111_1111 => {
            let length = Number::Length { string: Part::Name, is_huffman: byte & 0x20 != 0 };
            (length, prefix_integer::start(byte, 5))
        }
        // RFC 9204 s4.3.1: 001, capacity.
        0b0010_0000..=0b0011_1111 => (Number::Capacity, prefix_integer::start(byte, 5)),
        // RFC 9204 s4.3.4: 000, index.
        0b0000_0000..=0b0001_1111 => (Number::Duplicate, prefix_integer::start(byte, 5)),
    })
}

/// Set Dynamic Table Capacity.
pub(crate) fn push_capacity(capacity: usize, out: &mut Vec<u8>) {
    prefix_integer::encode(0b0010_0000, 5, capacity as u64, out);
}

/// Duplicate, of the entry that was inserted `relative` before the last one.
pub(crate) fn push_duplicate(relative: u64, out: &mut Vec<u8>) {
    prefix_integer::encode(0, 5, relative, out);
}

/// Insert with Name Reference, to the static table.
pub(crate) fn push_static_name(index: u8, value: &[u8], out: &mut Vec<u8>) {
    prefix_integer::encode(0b1100_0000, 6, index.into(), out);
    string::encode(0, 7, value, out);
}

/// Insert with Name Reference, to the entry that was inserted `relative` before the last one.
pub(crate) fn push_dynamic_name(relative: u64, value: &[u8], out: &mut Vec<u8>) {
    prefix_integer::encode(0b1000_0000, 6, relative, out);
    string::encode(0, 7, value, out);
}

/// Insert with Literal Name.
pub(crate) fn push_literal(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    string::encode(0b0100_0000, 5, name, out);
    string::encode(0, 7, value, out);
}

#[cfg(test)]
mod tests;
