//! The rules on single ordinary fields, the same for requests, responses and trailers.

use super::malformed::Malformed;
use crate::characters::has_uppercase;
use crate::fields::{Fields, InvalidField};

/// Where a field stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Request,
    Response,
    Trailers,
}

/// Whether a line is a pseudo-header field. Everything else is an ordinary one, well-formed or not.
pub(super) fn is_pseudo(name: &[u8]) -> bool {
    name.first() == Some(&b':')
}

/// Checks an ordinary line and appends it.
pub(super) fn push(fields: &mut Fields, section: Section, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
    let known = Fields::common_name(name);
    // RFC 9114 section 4.2-2. Common names are in lower case.
    if known.is_none() && has_uppercase(name) {
        return Err(Malformed::UppercaseName);
    }
    check_connection_specific(section, name, value)?;
    let pushed = match known {
        Some(known) => fields.push_common(known, value),
        None => fields.push_other(name, value),
    };
    pushed.map_err(|error| match error {
        InvalidField::Name => Malformed::FieldName,
        InvalidField::Value => Malformed::FieldValue,
        InvalidField::TooLarge => Malformed::FieldsTooLarge,
    })
}

/// RFC 9114 section 4.1-7, 4.2-3, 4.2-4: fields about one HTTP/1.1 connection have no place where frames delimit
/// messages; a peer that forwards them to HTTP/1.1 would be telling its next hop where the message ends. `name` is in
/// lower case.
pub(super) fn check_connection_specific(section: Section, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
    match name.len() {
        2 if name == b"te" => {
            let allowed = section == Section::Request && value.eq_ignore_ascii_case(b"trailers");
            if allowed { Ok(()) } else { Err(Malformed::Te) }
        }
        7 if name == b"upgrade" => Err(Malformed::ConnectionSpecificField),
        10 if name == b"connection" || name == b"keep-alive" => Err(Malformed::ConnectionSpecificField),
        16 if name == b"proxy-connection" => Err(Malformed::ConnectionSpecificField),
        17 if name == b"transfer-encoding" => Err(Malformed::ConnectionSpecificField),
        _ => Ok(()),
    }
}

/// RFC 9110 s8.6: digits only. A sign, a list, white space or a number beyond 64 bits is a trick, or as good as one.
pub(super) fn parse_content_length(value: &[u8]) -> Result<u64, Malformed> {
    if value.is_empty() {
        return Err(Malformed::ContentLength);
    }
    let mut sum = 0u64;
    for byte in value {
        if !byte.is_ascii_digit() {
            return Err(Malformed::ContentLength);
        }
        let next = sum.checked_mul(10).and_then(|sum| sum.checked_add(u64::from(byte - b'0')));
        sum = next.ok_or(Malformed::ContentLength)?;
    }
    Ok(sum)
}

/// The declared length, from the fields of one message.
///
/// Two lines are refused even if they agree: RFC 9110 s8.6 leaves the choice, and no honest sender sends both.
pub(super) fn content_length(fields: &Fields) -> Result<Option<u64>, Malformed> {
    let mut values = fields.all("content-length");
    let Some(first) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Malformed::DuplicateContentLength);
    }
    parse_content_length(first).map(Some)
}
