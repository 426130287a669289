//! Distinguished names (RFC 5280 sections 4.1.2.4 and 7.1): comparison and display.

use crate::der::{Elements, tag};
use crate::error::Error;
use crate::oid;
use crate::text;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// More attributes than any real name has; each costs work whenever names are compared.
const MAX_ATTRIBUTES: usize = 64;
/// Bytes of a name that is written out, after which no attribute begins.
const MAX_WRITTEN: usize = 200;

/// A distinguished name, checked for structure.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a> {
    contents: &'a [u8],
}

/// A name in a form in which equal names have equal bytes: one entry for each relative distinguished name.
pub(crate) type CanonicalName = Vec<Vec<u8>>;

impl<'a> Name<'a> {
    /// From the contents of an RDNSequence.
    pub(crate) fn new(contents: &'a [u8]) -> Result<Name<'a>, Error> {
        let mut sequence = Elements::new(contents);
        let mut count = 0;
        while !sequence.is_empty() {
            let mut set = sequence.nested(tag::SET, "name")?;
            // X.501: a relative distinguished name has at least one attribute.
            if set.is_empty() {
                return Err(Error::Malformed("name"));
            }
            while !set.is_empty() {
                count += 1;
                attribute(&mut set)?;
            }
        }
        if count > MAX_ATTRIBUTES {
            return Err(Error::TooMuchWork);
        }
        Ok(Name { contents })
    }

    /// Whether it has no attribute.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// The contents of the RDNSequence.
    pub(crate) fn contents(&self) -> &'a [u8] {
        self.contents
    }

    /// The form to compare.
    /// RFC 5280 section 4.1.2.4-17, 7.1-1, 7.1-4, 7.1-7, 7.1-9, 4.2.1.10-17.
    pub(crate) fn canonical(&self) -> CanonicalName {
        self.relative_names().map(|name| canonical(name)).collect()
    }

    /// Whether nobody could read this as a name below `subtree`: it is shorter, or at some place both have nothing but ASCII
    /// and differ. Beyond ASCII there is more than one way to write a text, and none of them is preferred here.
    /// RFC 5280 section 4.2.1.10-5, 4.2.1.10-16.
    pub(crate) fn is_surely_outside(&self, subtree: &Name<'_>) -> bool {
        let mut own = self.relative_names();
        subtree.relative_names().any(|wanted| match own.next() {
            None => true,
            Some(own) => {
                let mut both = attributes(own).chain(attributes(wanted));
                both.all(|attribute| attribute.is_ascii()) && canonical(own) != canonical(wanted)
            }
        })
    }

    /// The relative distinguished names in their order: the set that each is.
    fn relative_names(&self) -> impl Iterator<Item = Elements<'a>> + use<'a> {
        let mut sequence = Elements::new(self.contents);
        core::iter::from_fn(move || sequence.nested(tag::SET, "name").ok())
    }

    /// The attributes in their order, across all relative names.
    /// RFC 5280 section 4.1.2.4-5, 4.1.2.4-6, 4.1.2.4-7, 4.1.2.4-8, 4.1.2.4-9, 4.1.2.4-10, 4.1.2.4-11, 4.1.2.4-16.
    /// RFC 5280 section 4.1.2.6-8.
    fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.relative_names().flat_map(attributes)
    }

    /// The common names that are text.
    pub(crate) fn common_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.attributes()
            .filter(|attribute| attribute.kind == oid::COMMON_NAME)
            .filter_map(|attribute| attribute.text())
    }

    /// Whether there is an e-mail address in it (RFC 5280 s4.2.1.10 subjects it to rfc822Name constraints).
    pub(crate) fn has_email_address(&self) -> bool {
        self.attributes().any(|attribute| attribute.kind == oid::EMAIL_ADDRESS)
    }

    /// The whole name for a message, the last part first (RFC 4514 s2): `CN=Example CA, O=Example\, Inc.`. Escaped, and cut
    /// after some hundred characters.
    pub(crate) fn written(&self) -> String {
        let attributes: Vec<_> = self.attributes().collect();
        let mut out = String::new();
        for attribute in attributes.iter().rev() {
            if out.len() > MAX_WRITTEN {
                out.push_str(", ...");
                break;
            }
            let value = attribute.text().map_or_else(|| String::from("(no text)"), text::escaped);
            // A comma in a value begins no other attribute.
            let value = value.replace(',', "\\,").replace('+', "\\+");
            let comma = if out.is_empty() { "" } else { ", " };
            out.push_str(&format!("{comma}{}={value}", keyword(attribute.kind)));
        }
        if out.is_empty() { String::from("(unnamed)") } else { out }
    }

    /// Something to call it in a message: the common name, or the last attribute that is text. Escaped and bounded.
    pub fn label(&self) -> String {
        let last = || self.attributes().filter_map(|attribute| attribute.text()).last();
        match self.common_names().next().or_else(last) {
            Some(label) => text::escaped(label),
            None => String::from("(unnamed)"),
        }
    }
}

/// What an attribute is called in a name that is written out (RFC 4514 section 3, and two that are seen often).
fn keyword(kind: &[u8]) -> String {
    let known = match kind {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x55, 4, 5] => "serialNumber",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        oid::EMAIL_ADDRESS => "emailAddress",
        other => return crate::registry::name(other),
    };
    String::from(known)
}

/// An AttributeTypeAndValue.
#[derive(Clone, Copy, Debug)]
struct Attribute<'a> {
    kind: &'a [u8],
    tag: u8,
    value: &'a [u8],
}

/// The form to compare of a relative distinguished name. Folding may change the order that DER gave the set.
fn canonical(name: Elements<'_>) -> Vec<u8> {
    let mut parts = attributes(name).map(|attribute| attribute.canonical());
    // Nearly all have one attribute.
    let first = parts.next().unwrap_or_default();
    let Some(second) = parts.next() else { return first };
    let mut parts: Vec<_> = [first, second].into_iter().chain(parts).collect();
    parts.sort_unstable();
    parts.concat()
}

/// The attributes of a relative distinguished name, as DER orders them.
fn attributes<'a>(mut name: Elements<'a>) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
    core::iter::from_fn(move || attribute(&mut name).ok())
}

fn attribute<'a>(set: &mut Elements<'a>) -> Result<Attribute<'a>, Error> {
    let mut pair = set.nested(tag::SEQUENCE, "name")?;
    let kind = pair.value(tag::OBJECT_IDENTIFIER, "name")?;
    let value = pair.any("name")?;
    pair.end("name")?;
    Ok(Attribute { kind, tag: value.tag, value: value.value })
}

impl<'a> Attribute<'a> {
    fn text(&self) -> Option<&'a str> {
        match self.tag {
            tag::UTF8_STRING | tag::PRINTABLE_STRING | tag::IA5_STRING => core::str::from_utf8(self.value).ok(),
            _ => None,
        }
    }

    /// The value if it is text of any type: also of those that only old authorities use (RFC 5280 s4.1.2.4), since a reader of
    /// another make understands them, and what is excluded must not hide in one.
    fn any_text(&self) -> Option<Cow<'a, str>> {
        let whole = |width: usize| self.value.len().is_multiple_of(width);
        match self.tag {
            // Nearly all who write the first meant Latin-1 (RFC 5280 appendix B).
            tag::TELETEX_STRING | tag::VISIBLE_STRING | tag::NUMERIC_STRING => {
                Some(self.value.iter().map(|byte| char::from(*byte)).collect())
            }
            tag::BMP_STRING if whole(2) => {
                let units = self.value.chunks_exact(2).map(|unit| u16::from_be_bytes([unit[0], unit[1]]));
                char::decode_utf16(units).collect::<Result<String, _>>().ok().map(Cow::Owned)
            }
            tag::UNIVERSAL_STRING if whole(4) => {
                let units = self.value.chunks_exact(4);
                let units = units.map(|unit| u32::from_be_bytes([unit[0], unit[1], unit[2], unit[3]]));
                units.map(char::from_u32).collect::<Option<String>>().map(Cow::Owned)
            }
            _ => self.text().map(Cow::Borrowed),
        }
    }

    fn is_ascii(&self) -> bool {
        self.any_text().is_some_and(|text| text.is_ascii())
    }

    /// Type and value with their lengths, so that no two attributes run into each other.
    fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 * LENGTH + self.kind.len() + 1 + self.value.len());
        out.extend_from_slice(&length(self.kind.len()));
        out.extend_from_slice(self.kind);
        // RFC 5280 s7.1: texts that differ in case, outer or repeated space or string type are the same.
        let text = self.any_text();
        out.push(if text.is_some() { tag::UTF8_STRING } else { self.tag });
        let start = out.len() + LENGTH;
        out.extend_from_slice(&[0; LENGTH]);
        match text {
            Some(text) => push_folded(&mut out, &text),
            None => out.extend_from_slice(self.value),
        }
        let value_len = length(out.len() - start);
        out[start - LENGTH..start].copy_from_slice(&value_len);
        out
    }
}

/// Bytes of a length in the form to compare.
const LENGTH: usize = size_of::<u64>();

fn length(len: usize) -> [u8; LENGTH] {
    (len as u64).to_be_bytes()
}

/// Appends a text in lower case, with one space between its words and none around them.
fn push_folded(out: &mut Vec<u8>, text: &str) {
    let mut is_first = true;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if !core::mem::take(&mut is_first) {
            out.push(b' ');
        }
        for character in word.chars().flat_map(char::to_lowercase) {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common_name(kind: u8, text: &str) -> Vec<u8> {
        let length = |plus: usize| u8::try_from(text.len() + plus).expect("short");
        let head = [0x31, length(9), 0x30, length(7), 6, 3, 0x55, 4, 3, kind, length(0)];
        [&head[..], text.as_bytes()].concat()
    }

    /// RFC 5280 section 7.1-1, 7.1-4, 7.1-7, 4.1.2.4-17, 4.2.1.10-17.
    #[test]
    fn case_space_and_string_type_do_not_count() {
        let canonical = |kind, text| {
            let contents = common_name(kind, text);
            Name::new(&contents).expect("a name").canonical()
        };
        let want = canonical(tag::UTF8_STRING, "example ca");
        assert_eq!(canonical(tag::PRINTABLE_STRING, " Example  CA "), want);
        assert_ne!(canonical(tag::UTF8_STRING, "exampleca"), want);
        for kind in [tag::TELETEX_STRING, tag::VISIBLE_STRING] {
            assert_eq!(canonical(kind, "Example CA"), want);
        }
        assert_eq!(canonical(tag::BMP_STRING, "\0E\0x\0a\0m\0p\0l\0e\0 \0C\0A"), want);
        assert_eq!(canonical(tag::UNIVERSAL_STRING, "\0\0\0a"), canonical(tag::UTF8_STRING, "A"));
        for (kind, text) in [(tag::BMP_STRING, "abc"), (tag::UNIVERSAL_STRING, "abcd"), (0x04, "example ca")] {
            assert_ne!(canonical(kind, text), canonical(tag::UTF8_STRING, text), "no text of its type");
        }
    }

    #[test]
    fn labels_are_escaped() {
        let contents = common_name(tag::UTF8_STRING, "a\0\u{1b}");
        assert_eq!(Name::new(&contents).expect("a name").label(), "a\\0\\u{1b}");
        assert_eq!(Name::new(&[]).expect("a name").label(), "(unnamed)");
        assert_eq!(Name::new(&[]).expect("a name").written(), "(unnamed)");
    }

    /// RFC 5280 section 4.1.2.4-5, 4.1.2.4-11.
    #[test]
    fn names_are_written_out_with_their_kinds_and_are_bounded() {
        let part = |kind: u8, text: &str| {
            let mut part = common_name(tag::UTF8_STRING, text);
            part[8] = kind;
            part
        };
        let contents = [part(6, "CH"), part(10, "Example, Inc."), part(99, "x"), part(3, "A\u{7}+CN=b")].concat();
        let name = Name::new(&contents).expect("a name");
        assert_eq!(name.written(), "CN=A\\u{7}\\+CN=b, 2.5.4.99=x, O=Example\\, Inc., C=CH");
        assert_eq!(Name::new(&common_name(0x1e, "ab")).expect("a name").written(), "CN=(no text)");
        let long = part(10, &"a".repeat(90)).repeat(64);
        let text = Name::new(&long).expect("a name").written();
        assert!(text.len() < 400 && text.ends_with(", ..."), "{text}");
    }

    /// RFC 5280 section 4.1.2.4-6, 4.1.2.4-7, 4.1.2.4-8, 4.1.2.4-9, 4.1.2.4-10, 4.1.2.4-16, 4.1.2.6-8, 7.1-9.
    #[test]
    fn the_attributes_that_names_are_made_of_are_read_and_compared() {
        let of_kind = |kind: &[u8], text: &str| {
            let pair =
                [&[6, kind.len() as u8][..], kind, &[tag::UTF8_STRING, text.len() as u8], text.as_bytes()].concat();
            [&[0x31, pair.len() as u8 + 2, 0x30, pair.len() as u8][..], &pair].concat()
        };
        let domain_component = [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25];
        // Country, organization and its unit, qualifier, state, common name, serial number.
        let standard = [6, 10, 11, 46, 8, 3, 5].map(|number| [0x55, 4, number]);
        for kind in standard.iter().map(|kind| &kind[..]).chain([&domain_component[..]]) {
            let name = of_kind(kind, "Value");
            let name = Name::new(&name).expect("a name");
            assert!(name.written().ends_with("=Value"), "{}", name.written());
            let same = of_kind(kind, "vALUE ");
            let other = of_kind(kind, "values");
            assert_eq!(Name::new(&same).expect("a name").canonical(), name.canonical());
            assert_ne!(Name::new(&other).expect("a name").canonical(), name.canonical());
        }
        assert!(Name::new(&of_kind(&domain_component, "example")).expect("a name").written().starts_with("DC="));
    }

    /// RFC 5280 section 4.1.2.6-5.
    #[test]
    fn structure_and_size_are_checked() {
        assert!(Name::new(&[0x31, 0]).is_err());
        assert!(Name::new(&[0x30, 0]).is_err());
        let one = common_name(tag::UTF8_STRING, "a");
        assert!(Name::new(&one.repeat(64)).is_ok());
        assert_eq!(Name::new(&one.repeat(65)).map(|_| ()), Err(Error::TooMuchWork));
    }
}
