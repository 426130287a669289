//! Strings as they are written (RFC 8259 section 7).

use core::fmt::{self, Write};

/// A character as it stands within quotes. Beside what has to be escaped, so is what ends a line elsewhere or turns what is shown
/// around: what is written may be looked at in a terminal, or be part of a page.
pub fn push_escaped(out: &mut impl Write, character: char) -> fmt::Result {
    match character {
        '"' => out.write_str("\\\""),
        '\\' => out.write_str("\\\\"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        character if character.is_control() || is_treacherous(character) => {
            // All of them are in the basic plane.
            write!(out, "\\u{:04x}", u32::from(character))
        }
        character => out.write_char(character),
    }
}

/// Separators of lines and paragraphs, and marks of direction.
fn is_treacherous(character: char) -> bool {
    matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A string with its quotes.
pub(crate) fn push_string(out: &mut impl Write, value: impl fmt::Display) -> fmt::Result {
    out.write_char('"')?;
    write!(Escaped(out), "{value}")?;
    out.write_char('"')
}

/// Escapes what is written through it.
struct Escaped<'a, W>(&'a mut W);

impl<W: Write> Write for Escaped<'_, W> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        part.chars().try_for_each(|character| push_escaped(self.0, character))
    }
}
