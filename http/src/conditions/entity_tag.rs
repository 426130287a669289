//! Entity tags (RFC 9110 section 8.8.3): names of versions of a representation.

use crate::fields::Fields;

/// A tag as it is written: `"x"` is strong, `W/"x"` weak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntityTag<'a> {
    is_weak: bool,
    /// With its quotes.
    opaque: &'a [u8],
}

impl<'a> EntityTag<'a> {
    /// From the text of one tag; `None` if it is not one.
    pub fn parse(text: &'a [u8]) -> Option<EntityTag<'a>> {
        let (tag, rest) = EntityTag::first(text)?;
        rest.is_empty().then_some(tag)
    }

    /// The tag at the beginning of a text, and what follows it.
    fn first(text: &'a [u8]) -> Option<(EntityTag<'a>, &'a [u8])> {
        let (is_weak, quoted) = text.strip_prefix(b"W/").map_or((false, text), |rest| (true, rest));
        let inside = quoted.strip_prefix(b"\"")?;
        // RFC 9110 section 8.8.3: anything visible but the quote; a backslash is nothing special.
        let len = inside.iter().position(|byte| !matches!(byte, 0x21 | 0x23..=0x7e | 0x80..))?;
        (inside.get(len) == Some(&b'"')).then_some(())?;
        let (opaque, rest) = quoted.split_at_checked(len + 2)?;
        Some((EntityTag { is_weak, opaque }, rest))
    }

    /// Whether it may stand for several versions that mean the same.
    pub(crate) const fn is_weak(self) -> bool {
        self.is_weak
    }

    /// Whether both stand for the same bytes (RFC 9110 section 8.8.3.2).
    pub(super) fn is_strongly(self, other: EntityTag<'_>) -> bool {
        !self.is_weak && !other.is_weak && self.opaque == other.opaque
    }

    /// Whether one may stand for the other (RFC 9110 section 8.8.3.2).
    pub(super) fn is_weakly(self, other: EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

/// What `If-Match` or `If-None-Match` names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The field is not there.
    Nothing,
    /// `*`: any version.
    Any,
    /// Tags, of which one fits or none does.
    Tags { fits: bool },
}

/// Looks in all lines of a field for a tag that `fits`. What follows something that is no tag is not looked at.
/// RFC 9110 section 5.6.1.2-1, 5.6.1.2-2: empty elements mean nothing.
pub(super) fn named(fields: &Fields, name: &str, fits: impl Fn(EntityTag<'_>) -> bool) -> Named {
    let mut lines = fields.all(name).peekable();
    if lines.peek().is_none() {
        return Named::Nothing;
    }
    let mut found = false;
    for line in lines {
        if line == b"*" {
            return Named::Any;
        }
        let mut rest = after_empty_elements(line);
        while let Some((tag, behind)) = EntityTag::first(rest) {
            found |= fits(tag);
            let next = after_empty_elements(behind);
            // Two tags have a comma between them.
            let is_separated = behind.iter().take(behind.len() - next.len()).any(|byte| *byte == b',');
            rest = if is_separated { next } else { &[] };
        }
    }
    Named::Tags { fits: found }
}

fn after_empty_elements(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b',')).unwrap_or(text.len());
    text.split_at(start).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> EntityTag<'_> {
        EntityTag::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn strong_and_weak_comparison() {
        // The table of RFC 9110 section 8.8.3.2.
        for (one, other, strongly, weakly) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            let (one, other) = (tag(one), tag(other));
            assert_eq!((one.is_strongly(other), one.is_weakly(other)), (strongly, weakly), "{one:?} {other:?}");
            assert_eq!((other.is_strongly(one), other.is_weakly(one)), (strongly, weakly), "{other:?} {one:?}");
        }
    }

    #[test]
    fn what_is_no_tag() {
        for text in ["", "x", "\"", "\"a", "a\"", "w/\"a\"", "W/a", "W/W/\"a\"", "\"a b\"", "\"a\"b\"", "\"a\" ", "*"] {
            assert_eq!(EntityTag::parse(text.as_bytes()), None, "{text:?}");
        }
        assert!(EntityTag::parse(b"\"\"").is_some() && EntityTag::parse(b"\"a,b\\\xff\"").is_some());
    }

    /// RFC 9110 section 5.6.1.2-1, 5.6.1.2-2.
    #[test]
    fn lists_of_tags_over_any_number_of_lines() {
        let named = |lines: &[&str]| {
            let mut fields = Fields::new();
            lines.iter().for_each(|line| fields.push("if-match", line).unwrap());
            named(&fields, "if-match", |tag| tag.opaque == b"\"e,\"")
        };
        assert_eq!(named(&[]), Named::Nothing);
        assert_eq!(named(&["*"]), Named::Any);
        assert_eq!(named(&["\"x\"", "*"]), Named::Any);
        for fitting in [
            &["\"e,\""][..],
            &["\"x\", \"e,\""],
            &["\"x\",\"e,\",\"y\""],
            &["\"x\"", "W/\"e,\""],
            &[", ,,\"x\" ,, \"e,\",,"],
        ] {
            assert_eq!(named(fitting), Named::Tags { fits: true }, "{fitting:?}");
        }
        for other in
            [&[""][..], &[",,"], &["\"x\""], &["e,"], &["\"e\""], &["x, \"e,\""], &["\"x\" \"e,\""], &["\"x\"\"e,\""]]
        {
            assert_eq!(named(other), Named::Tags { fits: false }, "{other:?}");
        }
    }
}
