//! Whether a request is to be acted on (RFC 9110 section 13.2).

use super::entity_tag::{Named, named};
use super::validators::Validators;
use crate::date::HttpDate;
use crate::fields::Fields;
use crate::method::Method;

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The request is acted on as if it had none.
    Proceed,
    /// 304: the client's copy is still good.
    NotModified,
    /// 412: nothing is done.
    Failed,
}

/// Judges the conditions of a request that would succeed without them; to be called just before it is acted on. `current` is
/// the version that is there, `None` if there is none; `now` is the time of the server.
/// RFC 9110 section 13.2.2-1: in this order.
pub fn precondition(method: &Method, fields: &Fields, current: Option<&Validators<'_>>, now: HttpDate) -> Precondition {
    // RFC 9110 section 13.2.1-4: these select nothing.
    if matches!(method, Method::Connect | Method::Options | Method::Trace) {
        return Precondition::Proceed;
    }
    if !is_still_what_it_was(fields, current, now) {
        return Precondition::Failed;
    }
    let is_read = matches!(method, Method::Get | Method::Head);
    match is_news(fields, current, now, is_read) {
        true => Precondition::Proceed,
        // RFC 9110 section 13.1.2-4, 13.2.2-10, 13.2.2-11, 13.2.2-14.
        false if is_read => Precondition::NotModified,
        false => Precondition::Failed,
    }
}

/// Steps 1 and 2: the version is the one that the client thinks it is.
/// RFC 9110 section 13.1.1-2, 13.1.1-3, 13.2.2-2, 13.2.2-3, 13.2.2-4.
fn is_still_what_it_was(fields: &Fields, current: Option<&Validators<'_>>, now: HttpDate) -> bool {
    let tag = current.and_then(|current| current.entity_tag);
    // RFC 9110 section 13.1.1-1: to the byte.
    match named(fields, "if-match", |known| tag.is_some_and(|tag| tag.is_strongly(known))) {
        Named::Any => current.is_some(),
        Named::Tags { fits } => fits,
        // RFC 9110 section 13.1.4-1, 13.1.4-5, 13.1.4-6, 13.2.2-5, 13.2.2-6, 13.2.2-7.
        Named::Nothing => match compared(fields, "if-unmodified-since", current, now) {
            Some((modified, known)) => modified <= known,
            None => true,
        },
    }
}

/// Steps 3 and 4: the client does not have the version already.
/// RFC 9110 section 13.1.2-3, 13.2.2-8, 13.2.2-9, 13.2.2-12, 13.2.2-13.
fn is_news(fields: &Fields, current: Option<&Validators<'_>>, now: HttpDate, is_read: bool) -> bool {
    let tag = current.and_then(|current| current.entity_tag);
    // RFC 9110 section 13.1.2-1: as good as the same is enough.
    match named(fields, "if-none-match", |known| tag.is_some_and(|tag| tag.is_weakly(known))) {
        Named::Any => current.is_none(),
        Named::Tags { fits } => !fits,
        // RFC 9110 section 13.1.3-1, 13.1.3-2: without tags, and only where something is read.
        Named::Nothing if is_read => match compared(fields, "if-modified-since", current, now) {
            Some((modified, known)) => modified > known,
            None => true,
        },
        Named::Nothing => true,
    }
}

/// When the version was modified, and the date that the field names; `None` if the field says nothing, or cannot be compared.
/// RFC 9110 section 13.1.3-2, 13.1.3-3, 13.1.4-2, 13.1.4-3: no date, or several, or nothing to compare it with.
/// RFC 9110 section 13.1.3-4, 13.1.4-4: both are dates that this server gave, by its own clock.
fn compared(
    fields: &Fields,
    name: &str,
    current: Option<&Validators<'_>>,
    now: HttpDate,
) -> Option<(HttpDate, HttpDate)> {
    let known = only_line(fields, name)?;
    Some((current?.last_modified?, HttpDate::parse(known, now)?))
}

/// The value of a field that may be there once.
pub(super) fn only_line<'a>(fields: &'a Fields, name: &'a str) -> Option<&'a [u8]> {
    let mut lines = fields.all(name);
    let first = lines.next()?;
    lines.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::super::entity_tag::EntityTag;
    use super::Precondition::{Failed, NotModified, Proceed};
    use super::*;

    const MODIFIED: HttpDate = HttpDate::SUNDAY;
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const SAME: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const IN_OLD_FORMS: [&str; 2] = ["Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"];

    fn judge(method: &Method, tag: Option<&str>, lines: &[(&str, &str)]) -> Precondition {
        let mut fields = Fields::new();
        lines.iter().for_each(|(name, value)| fields.push(name, value).unwrap());
        let entity_tag = tag.map(|tag| EntityTag::parse(tag.as_bytes()).unwrap());
        let current = Validators { entity_tag, last_modified: Some(MODIFIED) };
        precondition(method, &fields, Some(&current), HttpDate::from_unix(1_000_000_000))
    }

    fn get(lines: &[(&str, &str)]) -> Precondition {
        judge(&Method::Get, Some("\"e\""), lines)
    }

    /// RFC 9110 section 13.1.1-1, 13.1.1-2, 13.1.1-3, 13.2.2-2, 13.2.2-3, 13.2.2-4.
    #[test]
    fn if_match_is_compared_strongly_and_first() {
        for method in [Method::Get, Method::Head, Method::Put, Method::Delete] {
            for (value, expected) in [
                ("\"e\"", Proceed),
                ("\"x\", \"e\"", Proceed),
                ("*", Proceed),
                ("W/\"e\"", Failed),
                ("\"x\"", Failed),
                ("", Failed),
                ("e", Failed),
            ] {
                assert_eq!(judge(&method, Some("\"e\""), &[("if-match", value)]), expected, "{method} {value}");
            }
        }
        assert_eq!(judge(&Method::Put, Some("W/\"e\""), &[("if-match", "W/\"e\"")]), Failed);
        assert_eq!(judge(&Method::Put, None, &[("if-match", "\"e\"")]), Failed);
        assert_eq!(get(&[("if-match", "\"x\""), ("if-none-match", "\"e\"")]), Failed);
        assert_eq!(get(&[("if-match", "\"e\""), ("if-none-match", "\"e\"")]), NotModified);
    }

    /// RFC 9110 section 13.1.4-1, 13.1.4-2, 13.1.4-4, 13.1.4-5, 13.1.4-6, 13.2.2-5, 13.2.2-6, 13.2.2-7.
    #[test]
    fn if_unmodified_since() {
        for (value, expected) in [(BEFORE, Failed), (SAME, Proceed), (LATER, Proceed), ("yesterday", Proceed)] {
            for method in [Method::Get, Method::Post] {
                assert_eq!(judge(&method, Some("\"e\""), &[("if-unmodified-since", value)]), expected, "{value}");
            }
        }
        let two = [("if-unmodified-since", BEFORE), ("if-unmodified-since", BEFORE)];
        assert_eq!(get(&two), Proceed, "more than one date is none");
        assert_eq!(get(&[("if-unmodified-since", BEFORE), ("if-match", "\"e\"")]), Proceed);
        assert_eq!(get(&[("if-unmodified-since", LATER), ("if-match", "\"x\"")]), Failed);
    }

    /// RFC 9110 section 13.1.2-1, 13.1.2-3, 13.1.2-4, 13.2.2-8, 13.2.2-9, 13.2.2-10, 13.2.2-11.
    #[test]
    fn if_none_match_is_compared_weakly() {
        for (value, is_known) in [
            ("\"e\"", true),
            ("W/\"e\"", true),
            ("\"x\", W/\"e\"", true),
            ("*", true),
            ("\"x\"", false),
            ("W/W/\"e\"", false),
        ] {
            let lines = [("if-none-match", value)];
            assert_eq!(get(&lines), if is_known { NotModified } else { Proceed }, "{value}");
            assert_eq!(judge(&Method::Head, Some("W/\"e\""), &lines), if is_known { NotModified } else { Proceed });
            assert_eq!(judge(&Method::Put, Some("\"e\""), &lines), if is_known { Failed } else { Proceed });
        }
    }

    /// RFC 9110 section 13.1.3-1, 13.1.3-2, 13.1.3-4, 13.2.2-12, 13.2.2-13, 13.2.2-14.
    #[test]
    fn if_modified_since_takes_later_dates_and_all_forms() {
        for value in [SAME, LATER, IN_OLD_FORMS[0], IN_OLD_FORMS[1], "Fri, 31 Dec 9999 23:59:59 GMT"] {
            assert_eq!(get(&[("if-modified-since", value)]), NotModified, "{value}");
            assert_eq!(judge(&Method::Head, None, &[("if-modified-since", value)]), NotModified);
            assert_eq!(judge(&Method::Put, None, &[("if-modified-since", value)]), Proceed, "nothing is read");
        }
        for value in [BEFORE, "", "now", "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT"] {
            assert_eq!(get(&[("if-modified-since", value)]), Proceed, "{value}");
        }
        assert_eq!(get(&[("if-modified-since", SAME), ("if-modified-since", SAME)]), Proceed);
        assert_eq!(get(&[("if-modified-since", SAME), ("if-none-match", "\"x\"")]), Proceed);
        assert_eq!(get(&[("if-modified-since", BEFORE), ("if-none-match", "\"e\"")]), NotModified);
    }

    /// RFC 9110 section 13.1.3-3, 13.1.4-3.
    #[test]
    fn what_has_no_date_is_not_compared_by_date() {
        let mut fields = Fields::new();
        fields.push("if-unmodified-since", BEFORE).unwrap();
        fields.push("if-modified-since", LATER).unwrap();
        let current = Validators::default();
        assert_eq!(precondition(&Method::Get, &fields, Some(&current), MODIFIED), Proceed);
    }

    #[test]
    fn what_is_not_there_can_be_made_and_not_changed() {
        for (name, value, expected) in [
            ("if-match", "*", Failed),
            ("if-match", "\"e\"", Failed),
            ("if-none-match", "*", Proceed),
            ("if-none-match", "\"e\"", Proceed),
        ] {
            let mut fields = Fields::new();
            fields.push(name, value).unwrap();
            assert_eq!(precondition(&Method::Put, &fields, None, MODIFIED), expected, "{name}: {value}");
        }
    }

    /// RFC 9110 section 13.2.1-4.
    #[test]
    fn methods_that_select_nothing_have_no_conditions() {
        for method in [Method::Connect, Method::Options, Method::Trace] {
            assert_eq!(judge(&method, Some("\"e\""), &[("if-match", "\"x\""), ("if-none-match", "*")]), Proceed);
        }
    }
}
