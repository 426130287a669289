//! The validity period (RFC 5280 section 4.1.2.5), in seconds since 1970. Both ends belong to it.

use crate::der::{Element, Elements, tag};
use crate::error::Error;
use crate::text::Civil;

/// First and last second of a certificate's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// notBefore.
    pub not_before: i64,
    /// notAfter.
    pub not_after: i64,
    /// A year before 2050 is written in the long form, which only old anchors do (RFC 5280 s4.1.2.5).
    pub has_long_early_year: bool,
}

impl Validity {
    /// From the contents of the sequence.
    pub(crate) fn read(elements: &mut Elements<'_>) -> Result<Validity, Error> {
        let mut pair = elements.nested(tag::SEQUENCE, "validity")?;
        let (first, last) = (pair.any("notBefore")?, pair.any("notAfter")?);
        pair.end("validity")?;
        let not_before = time(first).ok_or(Error::Malformed("notBefore"))?;
        let not_after = time(last).ok_or(Error::Malformed("notAfter"))?;
        let is_long_early = |element: Element<'_>, seconds| {
            element.tag == tag::GENERALIZED_TIME && Civil::from_unix(seconds).year < FIRST_LONG_YEAR
        };
        let has_long_early_year = is_long_early(first, not_before) || is_long_early(last, not_after);
        Ok(Validity { not_before, not_after, has_long_early_year })
    }
}

/// The first year that is written with four digits (RFC 5280 s4.1.2.5).
const FIRST_LONG_YEAR: i64 = 2050;

/// The next element, which is a time: seconds since 1970.
/// RFC 5280 section 5.1.2.4-3, 5.1.2.4-4, 5.1.2.4-5, 5.1.2.5-6, 5.1.2.5-7, 5.1.2.5-8, 5.1.2.6-2.
pub(crate) fn read_time(elements: &mut Elements<'_>, what: &'static str) -> Result<i64, Error> {
    time(elements.any(what)?).ok_or(Error::Malformed(what))
}

/// Only the one form of each type that RFC 5280 s4.1.2.5.1 and s4.1.2.5.2 allow: seconds, no fraction, `Z`.
/// RFC 5280 section 4.1.2.5-2, 4.1.2.5.1-1, 4.1.2.5.1-2, 4.1.2.5.1-3, 4.1.2.5.1-4, 4.1.2.5.2-1, 4.1.2.5.2-2.
fn time(element: Element<'_>) -> Option<i64> {
    let (year, rest) = match element.tag {
        tag::UTC_TIME => {
            let (digits, rest) = element.value.split_at_checked(2)?;
            let year = number(digits)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        tag::GENERALIZED_TIME => {
            let (digits, rest) = element.value.split_at_checked(4)?;
            (number(digits)?, rest)
        }
        _ => return None,
    };
    let (digits, [b'Z']) = rest.split_at_checked(10)? else { return None };
    let mut fields = [0; 5];
    for (field, digits) in fields.iter_mut().zip(digits.chunks(2)) {
        *field = number(digits)?;
    }
    let [month, day, hour, minute, second] = fields;
    if !(1..=12).contains(&month) || !(1..=days_of_month(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(Civil { year, month, day }.days() * 86_400 + hour * 3600 + minute * 60 + second)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// RFC 5280 section 4.1.2.5-2, 4.1.2.5.1-1, 4.1.2.5.1-2, 4.1.2.5.1-3, 4.1.2.5.1-4, 4.1.2.5.2-1, 4.1.2.5.2-2.
    /// RFC 5280 section 5.1.2.4-3, 5.1.2.4-4, 5.1.2.4-5, 5.1.2.5-6, 5.1.2.5-7, 5.1.2.5-8.
    #[test]
    fn the_table_of_times() {
        let parse = |tag, text: &str| time(Element { tag, value: text.as_bytes(), encoded: &[] });
        assert_eq!(parse(tag::UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(parse(tag::UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(parse(tag::UTC_TIME, "500101000000Z"), Some(-631_152_000));
        assert_eq!(parse(tag::GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        assert_eq!(parse(tag::GENERALIZED_TIME, "99991231235959Z"), Some(253_402_300_799));
        assert_eq!(parse(tag::UTC_TIME, "240229000000Z"), Some(1_709_164_800));
        // Every fourth year is longer, but of the last years of centuries only every fourth.
        assert_eq!(parse(tag::GENERALIZED_TIME, "20000229000000Z"), Some(951_782_400));
        assert_eq!(parse(tag::UTC_TIME, "960229000000Z"), Some(825_552_000));
        for year in ["1900", "2100", "2200", "2023", "2026"] {
            assert_eq!(parse(tag::GENERALIZED_TIME, &alloc::format!("{year}0229000000Z")), None, "{year}");
            assert!(parse(tag::GENERALIZED_TIME, &alloc::format!("{year}0228000000Z")).is_some(), "{year}");
        }
        for text in [
            "",
            "Z",
            "2401010000Z",
            "240101000000",
            "240101000000+0000",
            "240101000000z",
            "241301000000Z",
            "240001000000Z",
            "230229000000Z",
            "240431000000Z",
            "240100000000Z",
            "240101240000Z",
            "240101006000Z",
            "240101000060Z",
            "24010100000aZ",
            "240101000000ZZ",
            "240101000000.5Z",
        ] {
            assert_eq!(parse(tag::UTC_TIME, text), None, "{text}");
        }
        let encoded = |tag, text: &str| crate::encode::element(tag, &[text.as_bytes()]);
        let is_odd = |first: Vec<u8>| {
            let pair = crate::encode::sequence(&[&first, &encoded(tag::GENERALIZED_TIME, "20500101000000Z")]);
            Validity::read(&mut Elements::new(&pair)).expect("a pair").has_long_early_year
        };
        assert!(is_odd(encoded(tag::GENERALIZED_TIME, "20491231235959Z")));
        assert!(!is_odd(encoded(tag::UTC_TIME, "491231235959Z")));
        assert_eq!(parse(tag::GENERALIZED_TIME, "20500101000000.0Z"), None);
        assert_eq!(parse(tag::INTEGER, "240101000000Z"), None);
    }
}
