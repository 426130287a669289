//! Field lines to a field section (RFC 9204 section 4.5), from the static table alone: what is left where there is no dynamic
//! table, or nothing of it can be used.
//!
//! There is no state, so a peer that never acknowledges costs nothing, and lines of different requests never meet.

use crate::prefix_integer;
use crate::section_prefix;
use crate::static_table::{self, Match};
use crate::string;
use alloc::vec::Vec;

/// Appends the section of `lines` without a dynamic table; names are in lower case, pseudo-header fields first.
pub fn encode<N: AsRef<[u8]>, V: AsRef<[u8]>>(lines: impl IntoIterator<Item = (N, V)>, out: &mut Vec<u8>) {
    // RFC 9204 section 2.1-2: in the order they are given, one representation each.
    out.extend_from_slice(&section_prefix::STATIC);
    // Not a `for` loop: lines are chains of iterators, which are walked faster from within.
    lines.into_iter().for_each(|(name, value)| encode_line(name.as_ref(), value.as_ref(), out));
}

pub(crate) fn encode_line(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    let never_indexed = is_sensitive(name, value);
    match static_table::find(name, value) {
        // RFC 9204 s4.5.2: 1, T = 1, index.
        Match::Line(index) if !never_indexed => prefix_integer::encode(0b1100_0000, 6, index.into(), out),
        // RFC 9204 section 4.5.4-1: 01, N, T = 1, index of the name; then the value.
        Match::Line(index) | Match::Name(index) => {
            prefix_integer::encode(0b0101_0000 | u8::from(never_indexed) << 5, 4, index.into(), out);
            // Every response has a date. The Huffman code takes 6 or 7 bytes off it, and in a small response as many instructions
            // of both ends as all other lines together.
            let put = if name == b"date" { string::encode_plain } else { string::encode };
            put(0, 7, value, out);
        }
        // RFC 9204 s4.5.6: 001, N, then name and value.
        Match::Nothing => {
            string::encode(0b0010_0000 | u8::from(never_indexed) << 4, 3, name, out);
            string::encode(0, 7, value, out);
        }
    }
}

/// Whether a line must not enter a table (RFC 9204 s7.1.3, RFC 7541 s7.1.3): what could be guessed byte by byte through its compressed size is marked, so that no later hop puts
/// it in a table. A long cookie cannot be guessed as a whole.
pub fn is_sensitive(name: &[u8], value: &[u8]) -> bool {
    const GUESSABLE: usize = 20;
    match name {
        b"authorization" | b"proxy-authorization" | b"set-cookie" => !value.is_empty(),
        b"cookie" => !value.is_empty() && value.len() < GUESSABLE,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(name: &str, value: &str) -> Vec<u8> {
        let mut out = Vec::new();
        encode([(name, value)], &mut out);
        out
    }

    #[test]
    fn the_shortest_representation_is_chosen() {
        assert_eq!(encoded(":method", "GET"), [0, 0, 0xc0 | 17]);
        assert_eq!(encoded("x-frame-options", "sameorigin"), [0, 0, 0xff, 98 - 63]);
        assert_eq!(encoded(":path", "x")[..3], [0, 0, 0x51]);
        assert_eq!(encoded("x", "\x01")[..], [0, 0, 0x21, b'x', 1, 1]);
    }

    #[test]
    fn a_date_is_written_as_it_is() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(encoded("date", date), [&[0, 0, 0x56, 29], date.as_bytes()].concat());
        // The same text elsewhere is coded.
        assert_eq!(encoded("last-modified", date)[3], 0x80 | 23);
    }

    /// RFC 9204 section 4.5.4-1.
    #[test]
    fn secrets_are_never_indexed() {
        assert_eq!(encoded("authorization", "Basic x")[2..4], [0x70 | 15, 84 - 15]);
        assert_eq!(encoded("cookie", "a=b")[2], 0x70 | 5);
        // A cookie of twenty bytes is the shortest that cannot be guessed.
        assert_eq!(encoded("cookie", "a=01234567890123456")[2], 0x70 | 5);
        assert_eq!(encoded("cookie", "a=012345678901234567")[2], 0x50 | 5);
        assert_eq!(encoded("proxy-authorization", "x")[2] & 0xf0, 0x30);
    }
}
