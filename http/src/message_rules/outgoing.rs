//! The same rules for outgoing messages: one that a peer would have to refuse is refused here, with a reason.

use super::content_length::ContentLengthCheck;
use super::malformed::Malformed;
use super::rules::{Section, check_connection_specific};
use crate::fields::Fields;
use crate::method::Method;
use crate::request::RequestHead;
use crate::response::ResponseHead;
use crate::status::Status;

/// Whether the request is well-formed as a whole. Gives the counter its body is held to.
/// RFC 9110 section 2.2-2, 7.2-1, 9.3.6-1.
pub fn check_request(head: &RequestHead) -> Result<ContentLengthCheck, Malformed> {
    let is_plain_connect = head.method == Method::Connect && head.protocol.is_none();
    if is_plain_connect {
        // RFC 9114 section 4.4-3, 4.4-4.
        let has_port = head.authority.as_ref().ok_or(Malformed::MissingAuthority)?.port().is_some();
        if head.scheme.is_some() || head.path.is_some() || !has_port {
            return Err(Malformed::Connect);
        }
    } else {
        let scheme = head.scheme.as_ref().ok_or(Malformed::MissingPseudoField)?;
        if head.path.is_none() {
            return Err(Malformed::MissingPseudoField);
        }
        // RFC 9114 section 4.3.1-7.
        if scheme.needs_authority() && head.authority.is_none() {
            return Err(Malformed::MissingAuthority);
        }
        if head.protocol.is_some() && head.method != Method::Connect {
            return Err(Malformed::Protocol);
        }
    }
    // `authority` is the place for the host; a second one could only disagree.
    if head.fields.contains("host") {
        return Err(Malformed::DuplicateHost);
    }
    check_fields(&head.fields, Section::Request)?;
    ContentLengthCheck::for_request(head)
}

/// Whether the response to a request with `method` is well-formed as a whole. Gives the counter its body is held to.
/// RFC 9110 section 8.6-5, 8.6-6, 9.3.6-6.
pub fn check_response(head: &ResponseHead, method: &Method) -> Result<ContentLengthCheck, Malformed> {
    if head.status.code() == 101 {
        return Err(Malformed::SwitchingProtocols);
    }
    check_fields(&head.fields, Section::Response)?;
    // RFC 9110 s8.6: responses that never have content do not speak of its length either. HEAD and 304 do.
    let is_tunnel = *method == Method::Connect && head.status.is_successful();
    let has_no_length = head.status.is_informational() || head.status == Status::NO_CONTENT || is_tunnel;
    if has_no_length && head.fields.contains("content-length") {
        return Err(Malformed::ContentLength);
    }
    let check = ContentLengthCheck::for_response(head, method)?;
    // RFC 9110 section 15.3.6-1: and a length, if there is one, of zero. A peer is not held to it.
    if head.status == Status::RESET_CONTENT && !is_tunnel {
        let says_none = head.fields.first("content-length").is_none_or(|length| length == b"0");
        return if says_none { Ok(ContentLengthCheck::of_nothing()) } else { Err(Malformed::ContentLength) };
    }
    Ok(check)
}

/// Whether the trailers are well-formed.
pub fn check_trailers(fields: &Fields) -> Result<(), Malformed> {
    check_fields(fields, Section::Trailers)?;
    // RFC 9110 s6.5.1: what frames or routes a message comes before it.
    let is_late = fields.contains("content-length") || fields.contains("host");
    if is_late { Err(Malformed::ConnectionSpecificField) } else { Ok(()) }
}

/// RFC 9114 section 4.1-7, 4.2-3, 4.2-4.
fn check_fields(fields: &Fields, section: Section) -> Result<(), Malformed> {
    fields.iter().try_for_each(|(name, value)| check_connection_specific(section, name.as_bytes(), value))
}
