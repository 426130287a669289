//! Field lines (RFC 9110 section 5): an order-keeping list of names and values.
//!
//! All of a list stands in one buffer, line behind line, and common names are constants of the program, so a message of ordinary
//! size costs one allocation however many fields it has. Names are tokens in lower case, values hold no control
//! characters: that is checked on the way in, so an encoder need not check again.

mod decimal;
mod names;

pub use decimal::Decimal;
pub(crate) use names::Common;

use crate::characters::{has_uppercase, is_field_value, is_token};
use alloc::vec::Vec;
use core::fmt;

/// A list of field lines. Lookups ignore case; the same name may occur more than once.
#[derive(Clone, Default)]
pub struct Fields {
    /// Of each line its [`LineHead`], the name unless that is a common one, and the value.
    lines: Vec<u8>,
    /// How many there are.
    count: u32,
    /// How long their names are, by [`length_bit`], and perhaps those of lines that were dropped: most of what is looked for is not there, and
    /// few names are as long.
    lengths: u32,
}

/// What stands before the text of a line, in eight bytes.
#[derive(Clone, Copy)]
struct LineHead {
    name: NameForm,
    value_len: u32,
}

/// How a name is kept.
#[derive(Clone, Copy)]
enum NameForm {
    /// Its number, as one of the common ones.
    Common(Common),
    /// In the text, so long.
    Other(u32),
}

/// A name in a list.
#[derive(Clone, Copy)]
enum Name<'a> {
    Common(Common),
    Other(&'a [u8]),
}

/// The lines that are left, in order.
#[derive(Clone)]
struct Lines<'a>(&'a [u8]);

/// A name that is no token, a value with a control character or with space at an end, or more text than fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidField {
    /// The name is empty or has a character that no token has.
    Name,
    /// The value has a control character, or white space at an end.
    Value,
    /// The list would be larger than 4 GiB.
    TooLarge,
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InvalidField::Name => "a field name must be a token",
            InvalidField::Value => "a field value must not hold control characters or begin or end with white space",
            InvalidField::TooLarge => "the fields are too large",
        })
    }
}

impl core::error::Error for InvalidField {}

impl Fields {
    /// What RFC 9114 section 4.2.2 adds to each line when it counts the size of a section.
    pub const LINE_OVERHEAD: usize = 32;

    /// No lines. Allocates nothing.
    pub const fn new() -> Fields {
        Fields { lines: Vec::new(), count: 0, lengths: 0 }
    }

    /// How many lines there are.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends a line. Upper-case letters of the name become lower-case (RFC 9114 section 4.2-1).
    pub fn push(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), InvalidField> {
        let (name, value) = (name.as_ref(), value.as_ref());
        match names::intern(name) {
            Some(known) => self.push_common(known, value),
            None if has_uppercase(name) => self.push(name.to_ascii_lowercase(), value),
            None => self.push_other(name, value),
        }
    }

    /// Appends a line whose value is a number in decimal digits.
    pub fn push_integer(&mut self, name: impl AsRef<[u8]>, value: u64) -> Result<(), InvalidField> {
        self.push(name, Decimal::of(value).as_bytes())
    }

    /// Appends a line in place of all lines of that name.
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), InvalidField> {
        check(name.as_ref(), value.as_ref())?;
        self.remove(&name);
        self.push(name, value)
    }

    /// Drops all lines of that name, and says how many there were.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) -> usize {
        let name = name.as_ref();
        if !self.may_have(name) {
            return 0;
        }
        let (before, mut start, mut kept) = (self.len(), 0, 0);
        let next = |lines: &[u8], start| {
            let (found, end) = Lines(lines.get(start..)?).next_with_end(start)?;
            Some((found.is(name), end))
        };
        while let Some((is_dropped, end)) = next(&self.lines, start) {
            if is_dropped {
                self.count -= 1;
            } else {
                // Each line is moved once at most, however many are dropped before it.
                if kept < start {
                    self.lines.copy_within(start..end, kept);
                }
                kept += end - start;
            }
            start = end;
        }
        self.lines.truncate(kept);
        before - self.len()
    }

    /// The value of the first line of that name.
    #[inline]
    pub fn first(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        if self.may_have(name) { self.find(name) } else { None }
    }

    fn find(&self, name: &[u8]) -> Option<&[u8]> {
        Lines(&self.lines).find(|(of_line, _)| of_line.is(name)).map(|(_, value)| value)
    }

    /// Whether there may be a line of that name.
    #[inline]
    const fn may_have(&self, name: &[u8]) -> bool {
        self.lengths & length_bit(name.len()) != 0
    }

    /// The value of the first line of that name, if it is text.
    pub fn first_text(&self, name: impl AsRef<[u8]>) -> Option<&str> {
        self.first(name).and_then(|value| core::str::from_utf8(value).ok())
    }

    /// The value of the first line of that name, if it is a number in decimal digits, below 2^64.
    pub fn first_integer(&self, name: impl AsRef<[u8]>) -> Option<u64> {
        let (first, rest) = self.first(name)?.split_first()?;
        let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
        let mut sum = digit(*first)?;
        for byte in rest {
            sum = sum.checked_mul(10)?.checked_add(digit(*byte)?)?;
        }
        Some(sum)
    }

    /// The values of all lines of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let lines: &[u8] = if self.may_have(name.as_bytes()) { &self.lines } else { &[] };
        let of_name = Lines(lines).filter(|(of_line, _)| of_line.is(name.as_bytes()));
        of_name.map(|(_, value)| value)
    }

    /// Whether there is a line of that name.
    #[inline]
    pub fn contains(&self, name: impl AsRef<[u8]>) -> bool {
        self.first(name).is_some()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        Lines(&self.lines).map(|(name, value)| (name.text(), value))
    }

    /// The size as RFC 9114 section 4.2.2 counts it: name, value and 32 bytes for each line.
    pub fn section_size(&self) -> u64 {
        self.iter().map(|(name, value)| (name.len() + value.len() + Self::LINE_OVERHEAD) as u64).sum()
    }

    /// The number of a name, if it is one of the common ones, which are in lower case.
    pub(crate) fn common_name(name: &[u8]) -> Option<Common> {
        names::intern(name)
    }

    /// Appends a line whose name is one of the common ones, which all are tokens.
    pub(crate) fn push_common(&mut self, name: Common, value: &[u8]) -> Result<(), InvalidField> {
        check_value(value)?;
        self.push_line(NameForm::Common(name), &[], value)
    }

    /// Appends a line whose name is in lower case already.
    pub(crate) fn push_other(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        check(name, value)?;
        let name_len = u32::try_from(name.len()).map_err(|_| InvalidField::TooLarge)?;
        self.push_line(NameForm::Other(name_len), name, value)
    }

    fn push_line(&mut self, form: NameForm, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        let value_len = u32::try_from(value.len()).map_err(|_| InvalidField::TooLarge)?;
        let head = LineHead { name: form, value_len }.encode().ok_or(InvalidField::TooLarge)?;
        let added = head.len() + name.len() + value.len();
        let end = self.lines.len().checked_add(added);
        end.and_then(|end| u32::try_from(end).ok()).ok_or(InvalidField::TooLarge)?;
        if self.lines.capacity() == 0 {
            // Made, and not made larger: that is half the work.
            self.lines = Vec::with_capacity(USUAL.max(added));
        }
        self.lines.extend_from_slice(&head);
        if !name.is_empty() {
            self.lines.extend_from_slice(name);
        }
        self.lines.extend_from_slice(value);
        self.count += 1;
        self.lengths |= length_bit(form.name_len());
        Ok(())
    }
}

/// The bit of [`Fields::lengths`] for names that are so long: longer ones share theirs with shorter ones.
const fn length_bit(name_len: usize) -> u32 {
    1 << (name_len % 32)
}

/// Room for a message of ordinary size, so that it does not grow line by line.
const USUAL: usize = 256;

/// RFC 9114 section 4.3-3, 10.3-1, 10.3-2.
/// RFC 9110 section 2.2-1, 5.5-4.
fn check(name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
    if !is_token(name) {
        return Err(InvalidField::Name);
    }
    check_value(value)
}

fn check_value(value: &[u8]) -> Result<(), InvalidField> {
    if is_field_value(value) { Ok(()) } else { Err(InvalidField::Value) }
}

impl NameForm {
    const fn name_len(self) -> usize {
        match self {
            NameForm::Common(number) => number.len(),
            NameForm::Other(len) => len as usize,
        }
    }
}

impl LineHead {
    const LEN: usize = 8;
    /// Marks the number of a common name; the length of another is below it.
    const COMMON: u32 = 1 << 31;

    fn encode(self) -> Option<[u8; LineHead::LEN]> {
        let name = match self.name {
            NameForm::Common(number) => LineHead::COMMON | number.to_u32(),
            NameForm::Other(len) if len < LineHead::COMMON => len,
            NameForm::Other(_) => return None,
        };
        Some((u64::from(name) << 32 | u64::from(self.value_len)).to_le_bytes())
    }

    fn decode(bytes: [u8; LineHead::LEN]) -> LineHead {
        let both = u64::from_le_bytes(bytes);
        let (name, value_len) = ((both >> 32) as u32, both as u32);
        let is_common = name & LineHead::COMMON != 0;
        let name = if is_common {
            NameForm::Common(Common::from_u32(name & !LineHead::COMMON))
        } else {
            NameForm::Other(name)
        };
        LineHead { name, value_len }
    }
}

impl<'a> Lines<'a> {
    /// The name of the next line, and where that ends if this begins at `start`.
    fn next_with_end(mut self, start: usize) -> Option<(Name<'a>, usize)> {
        let before = self.0.len();
        let (name, _) = self.next()?;
        Some((name, start + (before - self.0.len())))
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = (Name<'a>, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(Name<'a>, &'a [u8])> {
        let (head, text) = self.0.split_first_chunk()?;
        let LineHead { name, value_len } = LineHead::decode(*head);
        let (name, rest) = match name {
            NameForm::Common(number) => (Name::Common(number), text),
            NameForm::Other(len) => {
                let (name, rest) = text.split_at(len as usize);
                (Name::Other(name), rest)
            }
        };
        let (value, rest) = rest.split_at(value_len as usize);
        self.0 = rest;
        Some((name, value))
    }
}

impl<'a> Name<'a> {
    /// Whether it is `name`, in whatever case. Most names of a message differ in length already.
    #[inline]
    fn is(self, name: &[u8]) -> bool {
        let is = |own: &[u8]| own == name || own.eq_ignore_ascii_case(name);
        match self {
            Name::Common(number) => number.len() == name.len() && is(number.text().as_bytes()),
            Name::Other(own) => own.len() == name.len() && is(own),
        }
    }

    fn text(self) -> &'a str {
        match self {
            Name::Common(number) => number.text(),
            Name::Other(name) => core::str::from_utf8(name).expect("a name was found to be a token, which is ASCII"),
        }
    }
}

impl PartialEq for Fields {
    fn eq(&self, other: &Fields) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

impl fmt::Debug for Fields {
    /// Values that carry credentials are left out: debug output ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_secret = |name| matches!(name, "authorization" | "proxy-authorization" | "cookie" | "set-cookie");
        f.debug_map()
            .entries(self.iter().map(|(name, value)| {
                let shown = if is_secret(name) { &b"(not shown)"[..] } else { value };
                (name, alloc::format!("{}", shown.escape_ascii()))
            }))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9114 section 4.2-1.
    #[test]
    fn order_is_kept_and_case_does_not_matter() {
        let mut fields = Fields::new();
        fields.push("Accept", "a").unwrap();
        fields.push("x-own", "b").unwrap();
        fields.push("ACCEPT", "c").unwrap();
        let lines: Vec<_> = fields.iter().collect();
        assert_eq!(lines, [("accept", &b"a"[..]), ("x-own", b"b"), ("accept", b"c")]);
        assert_eq!(fields.all("accept").collect::<Vec<_>>(), [b"a", b"c"]);
        assert_eq!(fields.first("X-Own"), Some(&b"b"[..]));
        assert_eq!(fields.section_size(), 6 + 5 + 6 + 3 + 3 * 32);
    }

    #[test]
    fn integers_are_written_in_decimal() {
        for value in [0, 1, 9, 10, 1000, 99_999, u64::MAX] {
            let mut fields = Fields::new();
            fields.push_integer("content-length", value).unwrap();
            assert_eq!(fields.first_text("content-length"), Some(alloc::format!("{value}").as_str()));
            assert_eq!(fields.first_integer("Content-Length"), Some(value));
        }
    }

    /// What is not there is mostly told by how long its name is; a name that is as long as one that is, or was, there is not taken for it.
    #[test]
    fn names_of_any_length_are_found_and_others_of_that_length_are_not() {
        let (mut fields, name_of) = (Fields::new(), |filling: &str, len| filling.repeat(len));
        for len in 1..100 {
            assert!(!fields.contains(name_of("a", len)), "{len}");
            fields.push_integer(name_of("a", len), len as u64).unwrap();
            assert_eq!(fields.first_integer(name_of("A", len)), Some(len as u64));
            assert!(!fields.contains(name_of("b", len)) && fields.all(&name_of("b", len)).next().is_none());
            assert_eq!((fields.remove(name_of("b", len)), fields.len()), (0, len));
        }
        assert_eq!((fields.remove(name_of("a", 7)), fields.contains(name_of("a", 7))), (1, false));
        fields.push("accept", "b").unwrap();
        assert_eq!((fields.first("ACCEPT"), fields.first("expect")), (Some(&b"b"[..]), None));
    }

    #[test]
    fn integers_are_read_in_decimal_and_nothing_else_is() {
        let read = |value: &str| {
            let mut fields = Fields::new();
            fields.push("age", value).unwrap();
            fields.first_integer("age")
        };
        assert_eq!((read("007"), read("18446744073709551615")), (Some(7), Some(u64::MAX)));
        for value in ["", "+1", "-1", "1 2", "1,2", "0x1", "18446744073709551616", "99999999999999999999"] {
            assert_eq!(read(value), None, "{value}");
        }
        assert_eq!(Fields::new().first_integer("age"), None);
    }

    #[test]
    fn set_and_remove() {
        let mut fields = Fields::new();
        fields.push("a", "1").unwrap();
        fields.push("b", "2").unwrap();
        fields.push("a", "3").unwrap();
        fields.set("A", "4").unwrap();
        assert_eq!(fields.iter().collect::<Vec<_>>(), [("b", &b"2"[..]), ("a", b"4")]);
        assert_eq!(fields.set("b", "\n"), Err(InvalidField::Value));
        assert!(fields.contains("b"), "a refused value must not remove the old one");
        assert_eq!(fields.remove("b"), 1);
        assert_eq!(fields.remove("b"), 0);
        for (name, value) in [("x", "1"), ("via", "2"), ("x", "3"), ("x", "4"), ("a-name-of-its-own", "5"), ("x", "6")]
        {
            fields.push(name, value).unwrap();
        }
        assert_eq!((fields.remove("X"), fields.len()), (4, 3));
        let left = [("a", &b"4"[..]), ("via", b"2"), ("a-name-of-its-own", b"5")];
        assert_eq!(fields.iter().collect::<Vec<_>>(), left);
    }

    /// RFC 9114 section 10.3-1, 10.3-2.
    /// RFC 9110 section 2.2-1, 5.5-4.
    #[test]
    fn names_and_values_are_checked() {
        let mut fields = Fields::new();
        for name in ["", "a b", "a:", ":path", "a\n", "é"] {
            assert_eq!(fields.push(name, "v"), Err(InvalidField::Name), "{name:?}");
        }
        for value in ["a\r\nb", "\0", "\n", " a", "a\t", "\x7f"] {
            assert_eq!(fields.push("n", value), Err(InvalidField::Value), "{value:?}");
        }
        assert!(fields.is_empty());
        fields.push("n", "").unwrap();
        fields.push("n", "a\tb \u{e9}").unwrap();
    }

    #[test]
    fn debug_output_hides_credentials() {
        let mut fields = Fields::new();
        fields.push("cookie", "secret=1").unwrap();
        fields.push("accept", "*/*").unwrap();
        let text = alloc::format!("{fields:?}");
        assert!(text.contains("*/*") && !text.contains("secret"));
    }
}
