//! Which part of a representation is asked for (RFC 9110 section 14).

use super::entity_tag::EntityTag;
use super::precondition::only_line;
use super::validators::Validators;
use crate::date::HttpDate;
use crate::fields::Fields;
use crate::method::Method;
use alloc::vec::Vec;
use core::ops::Range;

/// The most ranges that are looked at; who asks for more gets all of it. Default 16.
const MAX_RANGES: usize = 16;
/// A gap of at most so many bytes between two ranges is sent along: it is less than what a part of its own takes. Default 80.
const MAX_GAP: u64 = 80;

/// What of a representation is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it: 200.
    All,
    /// Bytes, at least one, that are there: 206.
    Range(Range<u64>),
    /// Two or more such parts, apart from each other, in the order that they were asked for: 206 with `multipart/byteranges`.
    Ranges(Vec<Range<u64>>),
    /// There are no such bytes: 416.
    OutOfRange,
}

/// The part of `len` bytes that a request asks for, after [`precondition`](super::precondition) let it proceed. Ranges that
/// overlap, or nearly touch, become one: whatever is asked, no byte is sent twice. Those that are not there are left out, and
/// more than 16 are not looked at: the answer is all of it, which RFC 9110 section 14.2 leaves to the server.
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
    several(range, len).unwrap_or(Part::All)
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

/// The ranges of `bytes=first-last, first-last`, whatever the case of their unit; nothing where one of them makes no sense.
/// RFC 9110 section 5.6.1.2-1: empty elements mean nothing.
fn several(text: &[u8], len: u64) -> Option<Part> {
    let (unit, set) = core::str::from_utf8(text).ok()?.split_once('=')?;
    unit.eq_ignore_ascii_case("bytes").then_some(())?;
    let elements = set.split(',').map(|range| range.trim_matches([' ', '\t'])).filter(|range| !range.is_empty());
    let (mut apart, mut count) = (Vec::new(), 0);
    for range in elements {
        count += 1;
        if count > MAX_RANGES {
            return None;
        }
        let range = one_range(range, len)?;
        if !range.is_empty() {
            insert(&mut apart, range);
        }
    }
    match (count, apart.len()) {
        (0, _) => None,
        (_, 0) => Some(Part::OutOfRange),
        // RFC 9110 section 15.3.7.2-6: one range is one part.
        (_, 1) => apart.pop().map(Part::Range),
        _ => Some(Part::Ranges(apart)),
    }
}

/// One of them, which may be empty; nothing if it makes no sense.
fn one_range(range: &str, len: u64) -> Option<Range<u64>> {
    let (first, last) = range.split_once('-')?;
    match (position(first), position(last)) {
        (Some(first), Some(last)) if first <= last => Some(first..last.saturating_add(1).min(len)),
        (Some(first), None) if last.is_empty() => Some(first..len),
        // The last so many bytes.
        (None, Some(count)) if first.is_empty() => Some(len.saturating_sub(count)..len),
        _ => None,
    }
}

/// Adds a range to those that are apart from each other: it takes in those that it meets, in the place of the first of them.
fn insert(apart: &mut Vec<Range<u64>>, mut range: Range<u64>) {
    let mut place = apart.len();
    // What it has taken in makes it longer, so that it may meet another.
    while let Some(met) = apart.iter().position(|other| meet(other, &range)) {
        let other = apart.remove(met);
        range = range.start.min(other.start)..range.end.max(other.end);
        place = place.min(met);
    }
    // RFC 9110 section 15.3.7.2-9: otherwise in the order of the request.
    apart.insert(place.min(apart.len()), range);
}

/// Whether two ranges overlap, or have next to nothing between them.
fn meet(one: &Range<u64>, other: &Range<u64>) -> bool {
    one.start <= other.end.saturating_add(MAX_GAP) && other.start <= one.end.saturating_add(MAX_GAP)
}

/// RFC 9110 section 14.1.2-1: what is too large for a number is beyond every end.
fn position(digits: &str) -> Option<u64> {
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::{format, vec};

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
            ("bytes=0-1,3-4", Part::Range(0..5)),
            ("bytes=3-4,99-,x", Part::All),
            ("bytes=3-4,10-", Part::Range(3..5)),
            ("bytes=20-,10-", Part::OutOfRange),
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

    fn of_thousand(text: &str) -> Part {
        several(text.as_bytes(), 1000).unwrap_or(Part::All)
    }

    /// RFC 9110 section 15.3.7.2-6, 15.3.7.2-9.
    #[test]
    fn several_ranges_stay_in_order_and_no_byte_is_asked_for_twice() {
        for (text, expected) in [
            ("bytes=0-9,900-909", Part::Ranges(vec![0..10, 900..910])),
            ("bytes=900-909,0-9", Part::Ranges(vec![900..910, 0..10])),
            ("bytes=-10,0-9,,", Part::Ranges(vec![990..1000, 0..10])),
            ("bytes=0-9,5-20", Part::Range(0..21)),
            ("bytes=0-9,90-99", Part::Range(0..100)),
            ("bytes=0-9,91-99", Part::Ranges(vec![0..10, 91..100])),
            ("bytes=0-9,500-509,5-20", Part::Ranges(vec![0..21, 500..510])),
            ("bytes=400-409,0-9,800-809,9-799", Part::Range(0..810)),
            ("bytes=0-,0-,0-,0-", Part::Range(0..1000)),
            ("bytes=0-9,2000-", Part::Range(0..10)),
            ("bytes=0-9,9-2", Part::All),
        ] {
            assert_eq!(of_thousand(text), expected, "{text}");
        }
    }

    /// Many small ranges cost their sender little, and the server a part each.
    #[test]
    fn ranges_beyond_the_limit_are_not_looked_at() {
        let many = |count: u64| {
            let all: Vec<String> = (0..count).map(|at| format!("{}-{}", at * 100_000, at * 100_000)).collect();
            several(format!("bytes={}", all.join(",")).as_bytes(), u64::MAX).unwrap_or(Part::All)
        };
        assert!(matches!(many(16), Part::Ranges(all) if all.len() == 16));
        assert_eq!(many(17), Part::All);
        assert_eq!(many(100_000), Part::All);
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
