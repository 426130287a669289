//! A cursor over a text, which says where it stands when something else was expected.

use crate::error::{Error, ErrorKind};

/// A text and a place in it, which is always between two characters.
pub(crate) struct Text<'a> {
    text: &'a str,
    place: usize,
}

impl<'a> Text<'a> {
    pub(crate) fn new(text: &'a str) -> Text<'a> {
        Text { text, place: 0 }
    }

    pub(crate) fn place(&self) -> usize {
        self.place
    }

    /// The next byte.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.place).copied()
    }

    /// Goes on, if this is the next character.
    pub(crate) fn take(&mut self, ascii: u8) -> bool {
        debug_assert!(ascii.is_ascii());
        let is_next = self.peek() == Some(ascii);
        self.place += usize::from(is_next);
        is_next
    }

    /// Goes on over this word, if it is next.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let is_next = self.text[self.place..].starts_with(word);
        self.place += if is_next { word.len() } else { 0 };
        is_next
    }

    /// Goes on over white space (RFC 8259 section 2).
    pub(crate) fn skip_space(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// Goes on over digits, and says how many there were.
    pub(crate) fn skip_digits(&mut self) -> usize {
        self.skip(|byte| byte.is_ascii_digit())
    }

    /// Goes on over what stands for itself within a string, and gives it. All bytes at which it ends are ASCII.
    pub(crate) fn take_plain(&mut self) -> &'a str {
        let start = self.place;
        self.skip(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\');
        self.since(start)
    }

    /// The value of the next four characters as a number in hexadecimal digits.
    pub(crate) fn take_hex(&mut self) -> Result<u16, Error> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else { return Err(self.expected("four hexadecimal digits")) };
            value = value << 4 | digit as u16;
            self.place += 1;
        }
        Ok(value)
    }

    /// From a place to the cursor.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        &self.text[start..self.place]
    }

    /// An error at the cursor.
    pub(crate) fn expected(&self, what: &'static str) -> Error {
        self.error_at(self.place, ErrorKind::Expected { what, found: self.text[self.place..].chars().next() })
    }

    /// An error at a place.
    pub(crate) fn error_at(&self, place: usize, kind: ErrorKind) -> Error {
        Error::at(kind, self.text.as_bytes(), place)
    }

    fn skip(&mut self, belongs: impl Fn(u8) -> bool) -> usize {
        let rest = &self.text.as_bytes()[self.place..];
        let count = rest.iter().position(|byte| !belongs(*byte)).unwrap_or(rest.len());
        self.place += count;
        count
    }
}
