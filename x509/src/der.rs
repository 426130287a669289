//! The distinguished encoding rules (X.690), as far as certificates use them, over a checked cursor.
//!
//! Only the one encoding that DER allows is read: definite lengths in their shortest form, minimal integers, TRUE as 0xff.
//! Tags above 30 do not occur in certificates and are refused. Nothing here recurses: each call reads one level.

use crate::error::Error;
use base::Reader;

/// Identifier octets.
pub(crate) mod tag {
    pub(crate) const BOOLEAN: u8 = 0x01;
    pub(crate) const INTEGER: u8 = 0x02;
    pub(crate) const BIT_STRING: u8 = 0x03;
    pub(crate) const OCTET_STRING: u8 = 0x04;
    pub(crate) const NULL: u8 = 0x05;
    pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
    pub(crate) const ENUMERATED: u8 = 0x0a;
    pub(crate) const UTF8_STRING: u8 = 0x0c;
    pub(crate) const NUMERIC_STRING: u8 = 0x12;
    pub(crate) const PRINTABLE_STRING: u8 = 0x13;
    pub(crate) const TELETEX_STRING: u8 = 0x14;
    pub(crate) const IA5_STRING: u8 = 0x16;
    pub(crate) const UTC_TIME: u8 = 0x17;
    pub(crate) const GENERALIZED_TIME: u8 = 0x18;
    pub(crate) const VISIBLE_STRING: u8 = 0x1a;
    pub(crate) const UNIVERSAL_STRING: u8 = 0x1c;
    pub(crate) const BMP_STRING: u8 = 0x1e;
    pub(crate) const SEQUENCE: u8 = 0x30;
    pub(crate) const SET: u8 = 0x31;

    /// A context-specific tag around a primitive value.
    pub(crate) const fn context(number: u8) -> u8 {
        0x80 | number
    }

    /// A context-specific tag around other elements.
    pub(crate) const fn context_constructed(number: u8) -> u8 {
        0xa0 | number
    }
}

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    /// Its identifier octet.
    pub(crate) tag: u8,
    /// Its contents.
    pub(crate) value: &'a [u8],
    /// All of it.
    pub(crate) encoded: &'a [u8],
}

/// Reads elements that follow one another. Each method takes the name of what it reads, for the error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elements<'a> {
    reader: Reader<'a>,
}

impl<'a> Elements<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Elements<'a> {
        Elements { reader: Reader::new(bytes) }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.reader.is_empty()
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self, what: &'static str) -> Result<Element<'a>, Error> {
        let all = self.reader.peek();
        let mut reader = self.reader;
        let tag = reader.u8().map_err(|_| Error::Malformed(what))?;
        if tag & 0x1f == 0x1f {
            return Err(Error::Malformed(what));
        }
        let length = length(&mut reader).ok_or(Error::Malformed(what))?;
        let value = reader.bytes(length).map_err(|_| Error::Malformed(what))?;
        let (encoded, _) = all.split_at(all.len() - reader.remaining());
        self.reader = reader;
        Ok(Element { tag, value, encoded })
    }

    /// The next element, which has this tag.
    pub(crate) fn element(&mut self, tag: u8, what: &'static str) -> Result<Element<'a>, Error> {
        let element = self.any(what)?;
        if element.tag == tag { Ok(element) } else { Err(Error::Malformed(what)) }
    }

    /// The contents of the next element, which has this tag.
    pub(crate) fn value(&mut self, tag: u8, what: &'static str) -> Result<&'a [u8], Error> {
        self.element(tag, what).map(|element| element.value)
    }

    /// The elements in the next element, which has this tag.
    pub(crate) fn nested(&mut self, tag: u8, what: &'static str) -> Result<Elements<'a>, Error> {
        self.value(tag, what).map(Elements::new)
    }

    /// The tag of the next element.
    pub(crate) fn peek_tag(&self) -> Option<u8> {
        self.reader.peek().first().copied()
    }

    /// The contents of the next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8, what: &'static str) -> Result<Option<&'a [u8]>, Error> {
        if self.reader.peek().first() == Some(&tag) { self.value(tag, what).map(Some) } else { Ok(None) }
    }

    /// A BOOLEAN DEFAULT FALSE: DER leaves FALSE out, so what is there is TRUE.
    pub(crate) fn default_false(&mut self, what: &'static str) -> Result<bool, Error> {
        match self.optional(tag::BOOLEAN, what)? {
            None => Ok(false),
            Some([0xff]) => Ok(true),
            Some(_) => Err(Error::Malformed(what)),
        }
    }

    /// An INTEGER's contents, in its shortest form.
    pub(crate) fn integer(&mut self, what: &'static str) -> Result<&'a [u8], Error> {
        let value = self.value(tag::INTEGER, what)?;
        if is_minimal_integer(value) { Ok(value) } else { Err(Error::Malformed(what)) }
    }

    /// A BIT STRING of whole bytes, at least one.
    pub(crate) fn whole_bytes(&mut self, what: &'static str) -> Result<&'a [u8], Error> {
        match self.value(tag::BIT_STRING, what)? {
            [0, bytes @ ..] if !bytes.is_empty() => Ok(bytes),
            _ => Err(Error::Malformed(what)),
        }
    }

    /// Nothing follows.
    pub(crate) fn end(&self, what: &'static str) -> Result<(), Error> {
        if self.is_empty() { Ok(()) } else { Err(Error::Malformed(what)) }
    }
}

/// Whether these are the contents of an INTEGER in its shortest form (X.690 s8.3.2).
pub(crate) fn is_minimal_integer(value: &[u8]) -> bool {
    match value {
        [] => false,
        [first, second, ..] => !matches!((first, second >> 7), (0, 0) | (0xff, 1)),
        [_] => true,
    }
}

/// The length octets, in their shortest form (X.690 s10.1); `None` for any other.
fn length(reader: &mut Reader<'_>) -> Option<usize> {
    let first = reader.u8().ok()?;
    let (length, shortest) = match first {
        ..=0x7f => return Some(usize::from(first)),
        0x81 => (u32::from(reader.u8().ok()?), 0x80),
        0x82 => (u32::from(reader.u16().ok()?), 0x100),
        0x83 => (reader.u24().ok()?, 0x1_0000),
        // More than 16 MiB is no certificate.
        _ => return None,
    };
    if length < shortest { None } else { usize::try_from(length).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(bytes: &[u8]) -> Option<usize> {
        let mut elements = Elements::new(bytes);
        let element = elements.any("x").ok()?;
        elements.end("x").ok()?;
        Some(element.value.len())
    }

    #[test]
    fn lengths_have_one_form() {
        assert_eq!(value(&[4, 0]), Some(0));
        assert_eq!(value(&[&[4, 0x7f][..], &[0; 0x7f]].concat()), Some(0x7f));
        assert_eq!(value(&[&[4, 0x81, 0x80][..], &[0; 0x80]].concat()), Some(0x80));
        assert_eq!(value(&[&[4, 0x82, 1, 0][..], &[0; 0x100]].concat()), Some(0x100));
        assert_eq!(value(&[&[4, 0x83, 1, 0, 0][..], &[0; 0x1_0000]].concat()), Some(0x1_0000));
        assert_eq!(value(&[&[4, 0x81, 0x7f][..], &[0; 0x7f]].concat()), None);
        assert_eq!(value(&[&[4, 0x82, 0, 0x80][..], &[0; 0x80]].concat()), None);
        assert_eq!(value(&[0x30, 0x80, 0, 0]), None, "indefinite");
        assert_eq!(value(&[4, 0x84, 0, 0, 0, 1, 0]), None);
        assert_eq!(value(&[4, 2, 0]), None, "truncated");
        assert_eq!(value(&[4, 1, 0, 0]), None, "trailing");
        assert_eq!(value(&[0x1f, 1, 0]), None, "long tag");
        assert_eq!(value(&[]), None);
        assert_eq!(value(&[4]), None);
    }

    #[test]
    fn integers_booleans_and_bit_strings_have_one_form() {
        let integer = |bytes: &[u8]| Elements::new(bytes).integer("x").is_ok();
        assert!(integer(&[2, 1, 0]) && integer(&[2, 2, 0, 0x80]) && integer(&[2, 1, 0xff]));
        assert!(!integer(&[2, 0]) && !integer(&[2, 2, 0, 1]) && !integer(&[2, 2, 0xff, 0x80]));
        let boolean = |bytes| Elements::new(bytes).default_false("x").ok();
        assert_eq!(boolean(&[1, 1, 0xff]), Some(true));
        assert_eq!(boolean(&[]), Some(false));
        assert_eq!(boolean(&[1, 1, 0]), None);
        assert_eq!(boolean(&[1, 1, 1]), None);
        assert_eq!(boolean(&[1, 0]), None);
        let bits = |bytes| Elements::new(bytes).whole_bytes("x").ok();
        assert_eq!(bits(&[3, 2, 0, 9]), Some(&[9][..]));
        assert_eq!(bits(&[3, 2, 1, 8]), None);
        assert_eq!(bits(&[3, 1, 0]), None);
        assert_eq!(bits(&[3, 0]), None);
    }
}
