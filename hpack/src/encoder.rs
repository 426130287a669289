//! Lines to blocks (RFC 7541 section 6).
//!
//! A line enters the table if it is likely to come again: its value is not one of a kind, it is no secret that could be guessed,
//! and it takes no more than a quarter of the table.

use crate::dynamic_table::{DEFAULT_TABLE_SIZE, DynamicTable, ENTRY_OVERHEAD};
use crate::static_table::{self, Match, TABLE};
use alloc::vec::Vec;
use qpack::{huffman, prefix_integer};

/// Encodes the blocks of one direction of a connection.
#[derive(Debug)]
pub struct Encoder {
    pub(crate) table: DynamicTable,
    /// The most that is used, whatever the peer allows.
    wanted: usize,
    /// The sizes to be told at the beginning of the next block: the smallest since the last one, and the present one.
    untold: Option<(usize, usize)>,
}

impl Default for Encoder {
    fn default() -> Encoder {
        Encoder::new()
    }
}

impl Encoder {
    /// With a table of [`DEFAULT_TABLE_SIZE`], as far as the peer allows.
    pub fn new() -> Encoder {
        Encoder::with_table(DEFAULT_TABLE_SIZE)
    }

    /// With a table of at most so many bytes; 0 for none.
    pub fn with_table(wanted: usize) -> Encoder {
        let mut encoder = Encoder { table: DynamicTable::new(DEFAULT_TABLE_SIZE), wanted, untold: None };
        if wanted < DEFAULT_TABLE_SIZE {
            encoder.resize(wanted);
        }
        encoder
    }

    /// The peer allows a table of so many bytes from now on (SETTINGS_HEADER_TABLE_SIZE, RFC 9113 section 6.5.2).
    pub fn allow_table(&mut self, allowed: usize) {
        let size = allowed.min(self.wanted);
        if size != self.table.max_size() {
            self.resize(size);
        }
    }

    /// RFC 7541 section 4.2-1, 4.2-3.
    fn resize(&mut self, size: usize) {
        self.table.set_max_size(size);
        let smallest = self.untold.map_or(size, |(smallest, _)| smallest.min(size));
        self.untold = Some((smallest, size));
    }

    /// Appends the block of `lines`; names are in lower case, pseudo-header fields first.
    /// RFC 7541 section 2.1-1, 4.2-2.
    pub fn encode<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        lines: impl IntoIterator<Item = (N, V)>,
        out: &mut Vec<u8>,
    ) {
        if let Some((smallest, size)) = self.untold.take() {
            if smallest < size {
                prefix_integer::encode(0x20, 5, smallest as u64, out);
            }
            prefix_integer::encode(0x20, 5, size as u64, out);
        }
        for (name, value) in lines {
            self.encode_line(name.as_ref(), value.as_ref(), out);
        }
    }

    fn encode_line(&mut self, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let is_secret = qpack::is_sensitive(name, value);
        let known = static_table::find(name, value);
        if let (Match::Line(index), false) = (known, is_secret) {
            return prefix_integer::encode(0x80, 7, index as u64, out);
        }
        if let (Some(place), false) = (self.table.find(name, value), is_secret) {
            return prefix_integer::encode(0x80, 7, (TABLE.len() + 1 + place) as u64, out);
        }
        let of_name = match known {
            Match::Line(index) | Match::Name(index) => Some(index),
            Match::Nothing => self.table.find_name(name).map(|place| TABLE.len() + 1 + place),
        };
        let enters_table = !is_secret && self.is_worth_it(name, value);
        let (flags, bits) = match (is_secret, enters_table) {
            // RFC 7541 section 6.2.3-2.
            (true, _) => (0x10, 4),
            (false, true) => (0x40, 6),
            (false, false) => (0, 4),
        };
        prefix_integer::encode(flags, bits, of_name.unwrap_or(0) as u64, out);
        if of_name.is_none() {
            string(name, out);
        }
        string(value, out);
        if enters_table {
            self.table.insert(name, value);
        }
    }

    fn is_worth_it(&self, name: &[u8], value: &[u8]) -> bool {
        let is_one_of_a_kind = matches!(
            name,
            b":path"
                | b"content-length"
                | b"content-range"
                | b"range"
                | b"etag"
                | b"last-modified"
                | b"age"
                | b"location"
                | b"if-none-match"
                | b"if-modified-since"
                | b"set-cookie"
                | b"date"
                | b"expires"
                | b"traceparent"
                | b"x-request-id"
        );
        !is_one_of_a_kind && name.len() + value.len() + ENTRY_OVERHEAD <= self.table.max_size() / 4
    }
}

/// In the Huffman code where that is shorter.
fn string(text: &[u8], out: &mut Vec<u8>) {
    let coded = huffman::encoded_len(text);
    if coded < text.len() {
        prefix_integer::encode(0x80, 7, coded as u64, out);
        huffman::encode(text, out);
    } else {
        prefix_integer::encode(0, 7, text.len() as u64, out);
        out.extend_from_slice(text);
    }
}
