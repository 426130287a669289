//! Writing DER (X.690): each function gives one whole element.

use crate::der::tag;
use crate::text::Civil;
use alloc::format;
use alloc::vec::Vec;

/// An element of `parts`, one after the other.
pub(crate) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let bytes = length.to_be_bytes();
    let significant = without_leading_zeros(&bytes);
    let mut out = Vec::with_capacity(length + 6);
    out.push(tag);
    if length < 0x80 {
        out.push(length as u8);
    } else {
        // X.690 s8.1.3.5: how many bytes of length follow.
        out.push(0x80 | significant.len() as u8);
        out.extend_from_slice(significant);
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A SEQUENCE of elements.
pub(crate) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(tag::SEQUENCE, parts)
}

/// An OBJECT IDENTIFIER.
pub(crate) fn object_identifier(contents: &[u8]) -> Vec<u8> {
    element(tag::OBJECT_IDENTIFIER, &[contents])
}

/// A BIT STRING of whole bytes.
pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(tag::BIT_STRING, &[&[0], bytes])
}

/// An INTEGER of an unsigned big-endian number, in its shortest form.
pub(crate) fn unsigned(number: &[u8]) -> Vec<u8> {
    let digits = without_leading_zeros(number);
    let needs_zero = digits.first().is_none_or(|byte| byte & 0x80 != 0);
    element(tag::INTEGER, &[if needs_zero { &[0] } else { &[] }, digits])
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// A Time (RFC 5280 s4.1.2.5): the short form through 2049, the long one from then on.
pub(crate) fn time(seconds: i64) -> Vec<u8> {
    let (day, second) = (Civil::from_unix(seconds), seconds.rem_euclid(86_400));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let rest = format!("{:02}{:02}{hour:02}{minute:02}{second:02}Z", day.month, day.day);
    if (1950..2050).contains(&day.year) {
        element(tag::UTC_TIME, &[format!("{:02}", day.year % 100).as_bytes(), rest.as_bytes()])
    } else {
        element(tag::GENERALIZED_TIME, &[format!("{:04}", day.year).as_bytes(), rest.as_bytes()])
    }
}
