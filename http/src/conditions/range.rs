//! Which part of a representation is asked for (RFC 9110 section 14).

use super::entity_tag::EntityTag;
use super::precondition::only_line;
use super::validators::Validators;
use crate::date::HttpDate;
use crate::fields::Fields;
use crate::method::Method;
use core::ops::Range;

/// What of a representation is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: 200.
    All,
    /// Bytes, at least one, that are there: 206.
    Range(Range<u64>),
    /// There are no such bytes: 416.
    OutOfRange,
}

/// The part of `len` bytes that a request asks for, after [`precondition`](super::precondition) let it proceed. One range is
/// served; several are answered with all, which RFC 9110 section 14.2 leaves to the server.
/// RFC 9110 section 13.2.2-15, 13.2.2-16, 13.2.2-17, 13.2.2-18.
pub fn requested_part(method: &Method, fields: &Fields, len: u64, current: &Validators<'_>, now: HttpDate) -> Part {
    // RFC 9110 section 14.2-2: ranges are defined for GET only.
    if *method != Method::Get {
        return Part::All;
    }
    // RFC 9110 section 13.1.5-2: without Range, If-Range says nothing.
    let Some(range) = only_line(fields, "range") else { return Part::All };
    // RFC 9110 section 13.1.5-6, 13.1.5-7.
    if is_of_other_version(fields, current, now) {
        return Part::All;
    }
    // RFC 9110 section 14.2-3: what is not understood is not asked.
    only_range(range, len).unwrap_or(Part::All)
}

/// Whether the client has a part of another version, or cannot know that it is this one.
fn is_of_other_version(fields: &Fields, current: &Validators<'_>, now: HttpDate) -> bool {
    if !fields.contains("if-range") {
        return false;
    }
    let Some(known) = only_line(fields, "if-range") else { return true };
    if let Some(known) = EntityTag::parse(known) {
        return !current.entity_tag.is_some_and(|tag| tag.is_strongly(known));
    }
    let is_same = current.last_modified.is_some() && HttpDate::parse(known, now) == current.last_modified;
    !(is_same && current.is_date_strong(now))
}

/// The one range of `bytes=first-last`, whatever the case of its unit.
/// RFC 9110 section 5.6.1.2-1: empty elements mean nothing.
fn only_range(text: &[u8], len: u64) -> Option<Part> {
    let (unit, set) = core::str::from_utf8(text).ok()?.split_once('=')?;
    unit.eq_ignore_ascii_case("bytes").then_some(())?;
    let mut ranges = set.split(',').map(|range| range.trim_matches([' ', '\t'])).filter(|range| !range.is_empty());
    let (range, more) = (ranges.next()?, ranges.next());
    more.is_none().then_some(())?;
    let (first, last) = range.split_once('-')?;
    let range = match (position(first), position(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        (Some(first), None) if last.is_empty() => first..len,
        // The last so many bytes.
        (None, Some(count)) if first.is_empty() => len.saturating_sub(count)..len,
        _ => return None,
    };
    Some(if range.is_empty() { Part::OutOfRange } else { Part::Range(range) })
}

/// RFC 9110 section 14.1.2-1: what is too large for a number is beyond every end.
fn position(digits: &str) -> Option<u64> {
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn asked(method: &Method, lines: &[(&str, &str)], tag: &str, age: u64) -> Part {
        let mut fields = Fields::new();
        lines.iter().for_each(|(name, value)| fields.push(name, value).unwrap());
        let current =
            Validators { entity_tag: EntityTag::parse(tag.as_bytes()), last_modified: Some(HttpDate::SUNDAY) };
        let now = HttpDate::from_unix(HttpDate::SUNDAY.unix_seconds() as u64 + age);
        requested_part(method, &fields, 10, &current, now)
    }

    fn get(lines: &[(&str, &str)]) -> Part {
        asked(&Method::Get, lines, "\"e\"", 3600)
    }

    /// RFC 9110 section 14.1.2-1, 14.2-3, 5.6.1.2-1.
    #[test]
    fn ranges() {
        for (text, part) in [
            ("bytes=0-0", Part::Range(0..1)),
            ("bytes=2-", Part::Range(2..10)),
            ("bytes=2-99", Part::Range(2..10)),
            ("bytes=-3", Part::Range(7..10)),
            ("bytes=-99", Part::Range(0..10)),
            ("bytes=0-99999999999999999999", Part::Range(0..10)),
            ("Bytes=1-2", Part::Range(1..3)),
            ("BYTES=1-2", Part::Range(1..3)),
            ("bytes= ,1-2, ,", Part::Range(1..3)),
            ("bytes=10-", Part::OutOfRange),
            ("bytes=99999999999999999999-", Part::OutOfRange),
            ("bytes=-0", Part::OutOfRange),
            ("bytes=3-2", Part::All),
            ("bytes=-", Part::All),
            ("bytes=", Part::All),
            ("bytes=,", Part::All),
            ("bytes", Part::All),
            ("bytes=0-1,3-4", Part::All),
            ("bytes=+1-2", Part::All),
            ("bytes=1-2-3", Part::All),
            ("bytes =1-2", Part::All),
            ("lines=0-1", Part::All),
            ("", Part::All),
        ] {
            assert_eq!(get(&[("range", text)]), part, "{text}");
        }
        let empty = Validators::default();
        let mut fields = Fields::new();
        fields.push("range", "bytes=0-").unwrap();
        assert_eq!(requested_part(&Method::Get, &fields, 0, &empty, HttpDate::SUNDAY), Part::OutOfRange);
        assert_eq!(get(&[("range", "bytes=0-1"), ("range", "bytes=2-3")]), Part::All);
        assert_eq!(get(&[]), Part::All);
    }

    /// RFC 9110 section 14.2-2, 13.1.5-2.
    #[test]
    fn only_get_has_ranges_and_if_range_alone_says_nothing() {
        for method in [Method::Head, Method::Post, Method::Put, Method::from_bytes(b"FETCH").unwrap()] {
            assert_eq!(asked(&method, &[("range", "bytes=0-1")], "\"e\"", 3600), Part::All, "{method}");
        }
        assert_eq!(get(&[("if-range", "\"e\"")]), Part::All);
    }

    /// RFC 9110 section 13.1.5-6, 13.1.5-7, 13.2.2-15, 13.2.2-16, 13.2.2-17, 13.2.2-18.
    #[test]
    fn if_range_takes_what_is_the_same_for_sure() {
        let part = Part::Range(0..2);
        for (known, expected) in [
            ("\"e\"", &part),
            ("\"x\"", &Part::All),
            ("W/\"e\"", &Part::All),
            (DATE, &part),
            ("Sunday, 06-Nov-94 08:49:37 GMT", &part),
            ("Sun Nov  6 08:49:37 1994", &part),
            ("Sun, 06 Nov 1994 08:49:36 GMT", &Part::All),
            ("Sun, 06 Nov 1994 08:49:38 GMT", &Part::All),
            ("e", &Part::All),
            ("", &Part::All),
        ] {
            assert_eq!(get(&[("range", "bytes=0-1"), ("if-range", known)]), *expected, "{known}");
        }
        let weak = asked(&Method::Get, &[("range", "bytes=0-1"), ("if-range", "W/\"e\"")], "W/\"e\"", 3600);
        assert_eq!(weak, Part::All, "a weak tag is not to the byte");
        assert_eq!(get(&[("range", "bytes=0-1"), ("if-range", "\"e\""), ("if-range", "\"e\"")]), Part::All);
    }

    /// RFC 9110 section 13.1.5-6, 13.1.5-7: the second version of a second has the date of the first.
    #[test]
    fn r14_a_date_within_its_own_second_is_weak() {
        let lines = [("range", "bytes=0-1"), ("if-range", DATE)];
        assert_eq!(asked(&Method::Get, &lines, "\"e\"", 0), Part::All);
        assert_eq!(asked(&Method::Get, &lines, "\"e\"", 1), Part::Range(0..2));
    }
}
