//! Whether the client has the file already, and which part of it is asked for (RFC 9110 sections 13.1 and 14).

use http::{Fields, Method};
use std::ops::Range;

/// What is to be sent.
#[derive(Debug, PartialEq)]
pub(super) enum Part {
    All,
    /// Not empty, and within the file.
    Range(Range<u64>),
    /// There is no such part.
    OutOfRange,
}

/// Whether the copy that the client has is still good.
pub(super) fn is_unchanged(fields: &Fields, etag: &str, last_modified: &str) -> bool {
    // RFC 9110 s13.1.3: with If-None-Match the date says nothing.
    if fields.contains("if-none-match") {
        let values = fields.all("if-none-match").filter_map(|value| std::str::from_utf8(value).ok());
        return values.flat_map(|value| value.split(',')).any(|known| {
            let known = known.trim();
            // RFC 9110 s13.1.2: whether a tag is weak does not matter here.
            known == "*" || opaque(known) == opaque(etag)
        });
    }
    // A date other than the one we gave would have to be compared; clients send back the one they got.
    fields.first_text("if-modified-since") == Some(last_modified)
}

/// A tag without the mark of a weak one.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Which part a request asks for. One range is served; several are answered with all (RFC 9110 section 14.2 leaves that to
/// the server).
pub(super) fn part(method: &Method, fields: &Fields, len: u64, etag: &str, last_modified: &str) -> Part {
    if *method != Method::Get {
        return Part::All;
    }
    let still_the_same = fields.first_text("if-range").is_none_or(|known| {
        // RFC 9110 s13.1.5: here only a strong tag matches.
        known == etag && !etag.starts_with("W/") || known == last_modified
    });
    match fields.first_text("range") {
        Some(range) if still_the_same => parse(range, len),
        _ => Part::All,
    }
}

fn parse(text: &str, len: u64) -> Part {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::All;
    };
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().unwrap_or(u64::MAX))
    };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(len),
        (Some(first), None) if last.is_empty() => first..len,
        // The last so many bytes.
        (None, Some(count)) if first.is_empty() => len.saturating_sub(count)..len,
        // Not understood, and so not asked.
        _ => return Part::All,
    };
    if range.is_empty() { Part::OutOfRange } else { Part::Range(range) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, part) in [
            ("bytes=0-0", Part::Range(0..1)),
            ("bytes=2-", Part::Range(2..10)),
            ("bytes=2-99", Part::Range(2..10)),
            ("bytes=-3", Part::Range(7..10)),
            ("bytes=-99", Part::Range(0..10)),
            ("bytes=0-99999999999999999999", Part::Range(0..10)),
            ("bytes=10-", Part::OutOfRange),
            ("bytes=-0", Part::OutOfRange),
            ("bytes=3-2", Part::All),
            ("bytes=-", Part::All),
            ("bytes=0-1,3-4", Part::All),
            ("bytes=+1-2", Part::All),
            ("lines=0-1", Part::All),
            ("", Part::All),
        ] {
            assert_eq!(parse(text, 10), part, "{text}");
        }
        assert_eq!(parse("bytes=0-", 0), Part::OutOfRange);
    }

    #[test]
    fn a_part_goes_only_with_a_strong_tag() {
        let part_of = |tag: &str, etag: &str| {
            let mut fields = Fields::new();
            fields.push("range", "bytes=0-0").unwrap();
            fields.push("if-range", tag).unwrap();
            part(&Method::Get, &fields, 10, etag, "date")
        };
        assert_eq!(part_of("\"e\"", "\"e\""), Part::Range(0..1));
        assert_eq!(part_of("\"e\"", "\"f\""), Part::All);
        assert_eq!(part_of("W/\"e\"", "W/\"e\""), Part::All);
        assert_eq!(part_of("\"e\"", "W/\"e\""), Part::All);
    }

    #[test]
    fn copies_that_are_still_good() {
        let with = |name: &str, value: &str| {
            let mut fields = Fields::new();
            fields.push(name, value).unwrap();
            fields
        };
        assert!(is_unchanged(&with("if-none-match", "\"x\", W/\"e\""), "\"e\"", "date"));
        assert!(is_unchanged(&with("if-none-match", "*"), "\"e\"", "date"));
        assert!(is_unchanged(&with("if-none-match", "\"e\""), "W/\"e\"", "date"));
        assert!(!is_unchanged(&with("if-none-match", "\"x\""), "\"e\"", "date"));
        assert!(!is_unchanged(&with("if-none-match", "W/W/\"e\""), "\"e\"", "date"), "no tag at all");
        assert!(is_unchanged(&with("if-modified-since", "date"), "\"e\"", "date"));
        assert!(!is_unchanged(&with("if-modified-since", "other"), "\"e\"", "date"));
        let mut both = with("if-modified-since", "date");
        both.push("if-none-match", "\"x\"").unwrap();
        assert!(!is_unchanged(&both, "\"e\"", "date"));
    }
}
