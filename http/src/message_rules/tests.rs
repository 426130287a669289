//! One test per rule, and the attacks that each rule is there for.

use super::*;
use crate::{Fields, Method, RequestHead, ResponseHead, Scheme, Status};
use alloc::vec::Vec;

type Line = (&'static str, &'static str);

const GET: [Line; 4] = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

fn request_with(extended_connect: bool, lines: &[Line]) -> Result<RequestHead, Malformed> {
    let mut decoder = RequestDecoder::new(extended_connect);
    for (name, value) in lines {
        decoder.push(name.as_bytes(), value.as_bytes())?;
    }
    decoder.finish()
}

fn request(lines: &[Line]) -> Result<RequestHead, Malformed> {
    request_with(false, lines)
}

fn get_with(more: &[Line]) -> Result<RequestHead, Malformed> {
    request(&[&GET, more].concat())
}

fn response(lines: &[Line]) -> Result<ResponseHead, Malformed> {
    let mut decoder = ResponseDecoder::new();
    for (name, value) in lines {
        decoder.push(name.as_bytes(), value.as_bytes())?;
    }
    decoder.finish()
}

fn trailers(lines: &[Line]) -> Result<Fields, Malformed> {
    let mut decoder = TrailersDecoder::new();
    for (name, value) in lines {
        decoder.push(name.as_bytes(), value.as_bytes())?;
    }
    Ok(decoder.finish())
}

/// RFC 9114 section 4.3-1, 4.3-5.
#[test]
fn a_request_goes_out_as_it_came_in() {
    let head = get_with(&[("accept", "*/*"), ("x-own", "1"), ("te", "Trailers")]).unwrap();
    let mut decoder = RequestDecoder::new(false);
    for (name, value) in head.lines() {
        decoder.push(name.as_bytes(), value).unwrap();
    }
    assert_eq!(decoder.finish(), Ok(head.clone()));
    check_request(&head).unwrap();
}

#[test]
fn one_decoder_takes_one_head_after_the_other_and_they_share_what_they_name() {
    let mut decoder = RequestDecoder::new(false);
    let heads = [Some("a=b"), None].map(|cookie| {
        decoder.push_target(b"GET", &Scheme::Https, b"/x").unwrap();
        decoder.push(b"host", b"a.example").unwrap();
        cookie.into_iter().for_each(|cookie| decoder.push(b"cookie", cookie.as_bytes()).unwrap());
        decoder.finish().unwrap()
    });
    assert_eq!(heads.each_ref().map(|head| head.fields.first("cookie")), [Some(&b"a=b"[..]), None]);
    assert!(heads.iter().all(|head| (&head.method, head.path()) == (&Method::Get, "/x")));
    let [first, second] = heads.each_ref().map(|head| head.authority.as_ref().unwrap().as_str());
    assert!(first == "a.example" && core::ptr::eq(first, second));
    for (name, value) in [("host", "b.example"), ("cookie", "a=b"), ("accept", "*/*")] {
        let mut decoder = RequestDecoder::new(false);
        decoder.push(name.as_bytes(), value.as_bytes()).unwrap();
        let late = decoder.push_target(b"GET", &Scheme::Https, b"/x");
        assert_eq!(late, Err(Malformed::LatePseudoField), "{name}");
    }
}

/// RFC 9114 section 4.3-6, 4.3.1-6, 4.3.1-7.
#[test]
fn each_pseudo_field_is_required_once_and_before_the_others() {
    for index in 0..GET.len() {
        let mut lines = GET.to_vec();
        let removed = lines.remove(index);
        let expected =
            if removed.0 == ":authority" { Malformed::MissingAuthority } else { Malformed::MissingPseudoField };
        assert_eq!(request(&lines), Err(expected), "{removed:?}");
        assert_eq!(request(&[&GET[..], &[removed]].concat()), Err(Malformed::DuplicatePseudoField));
        lines.extend([("accept", "a"), removed]);
        assert_eq!(request(&lines), Err(Malformed::LatePseudoField));
    }
    for late in [("cookie", "a=b"), ("host", "a.example")] {
        assert_eq!(request(&[GET[0], GET[1], GET[2], late, GET[3]]), Err(Malformed::LatePseudoField));
    }
    assert_eq!(request(&[]), Err(Malformed::MissingPseudoField));
}

/// RFC 9114 section 4.3-2, 4.3-3, 4.3-4.
/// RFC 9110 section 2.2-2.
#[test]
fn undefined_pseudo_fields_are_refused() {
    for name in [":foo", ":autority", ":", ":status", ":Method"] {
        let mut lines = GET.to_vec();
        lines.push((name, "x"));
        assert_eq!(request(&lines), Err(Malformed::UnknownPseudoField), "{name}");
    }
    for name in [":method", ":path", ":foo"] {
        assert_eq!(response(&[(":status", "200"), (name, "x")]), Err(Malformed::UnknownPseudoField));
    }
    assert_eq!(trailers(&[(":path", "/")]), Err(Malformed::PseudoFieldInTrailers));
    assert_eq!(trailers(&[(":status", "200")]), Err(Malformed::PseudoFieldInTrailers));
}

/// RFC 9114 section 4.2-2, 10.3-1.
#[test]
fn names_that_are_no_lower_case_tokens() {
    for (name, expected) in [
        ("", Malformed::FieldName),
        ("Accept", Malformed::UppercaseName),
        ("a b", Malformed::FieldName),
        ("a:", Malformed::FieldName),
        ("a\0", Malformed::FieldName),
        ("\u{80}", Malformed::FieldName),
        ("\u{ff}", Malformed::FieldName),
    ] {
        assert_eq!(get_with(&[(name, "v")]), Err(expected), "{name:?}");
        assert_eq!(response(&[(":status", "200"), (name, "v")]), Err(expected));
        assert_eq!(trailers(&[(name, "v")]), Err(expected));
    }
}

/// RFC 9114 section 10.3-2.
/// RFC 9110 section 5.5-4.
#[test]
fn control_characters_in_any_value() {
    for value in ["a\r\nb", "a\nb", "a\rb", "a\0b", "\x7f", " a", "a "] {
        assert_eq!(get_with(&[("x", value)]), Err(Malformed::FieldValue));
        assert_eq!(get_with(&[("cookie", value)]), Err(Malformed::FieldValue));
        assert_eq!(response(&[(":status", "200"), ("x", value)]), Err(Malformed::FieldValue));
        assert_eq!(trailers(&[("x", value)]), Err(Malformed::FieldValue));
        for index in 0..GET.len() {
            let mut lines = GET.to_vec();
            lines[index].1 = value;
            assert!(request(&lines).is_err(), "{value:?} in {}", GET[index].0);
        }
        assert_eq!(response(&[(":status", value)]), Err(Malformed::Status));
        assert_eq!(get_with(&[("host", value)]), Err(Malformed::Authority));
    }
}

/// RFC 9114 section 4.1-7, 4.2-3, 4.2-4.
#[test]
fn connection_specific_fields() {
    for name in ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"] {
        assert_eq!(get_with(&[(name, "x")]), Err(Malformed::ConnectionSpecificField), "{name}");
        assert_eq!(response(&[(":status", "200"), (name, "x")]), Err(Malformed::ConnectionSpecificField));
        assert_eq!(trailers(&[(name, "x")]), Err(Malformed::ConnectionSpecificField));
    }
    assert!(get_with(&[("te", "trailers")]).is_ok());
    for value in ["gzip", "trailers, gzip", "chunked", ""] {
        assert_eq!(get_with(&[("te", value)]), Err(Malformed::Te));
    }
    assert_eq!(response(&[(":status", "200"), ("te", "trailers")]), Err(Malformed::Te));
}

/// RFC 9114 section 4.3.1-1, 4.3.1-7, 4.3.1-8, 4.3.1-9.
#[test]
fn host_and_authority_agree() {
    let head = request(&[GET[0], GET[1], GET[3], ("host", "b.example:1")]).unwrap();
    assert_eq!(head.authority.as_ref().map(|authority| authority.as_str()), Some("b.example:1"));
    assert!(!head.fields.contains("host"));
    assert!(get_with(&[("host", "a.example")]).is_ok());
    assert_eq!(get_with(&[("host", "b.example")]), Err(Malformed::HostDiffersFromAuthority));
    assert_eq!(get_with(&[("host", "")]), Err(Malformed::Authority));
    assert_eq!(get_with(&[("host", "a.example"), ("host", "a.example")]), Err(Malformed::DuplicateHost));
    for value in ["", "user@a.example", "a.example/x"] {
        let lines = [GET[0], GET[1], (":authority", value), GET[3]];
        assert_eq!(request(&lines), Err(Malformed::Authority));
    }
}

/// RFC 9114 section 4.3.1-5.
/// RFC 9110 section 7.1-1.
#[test]
fn paths() {
    for value in ["", "x", "*", "/a b", "/a#b"] {
        assert_eq!(request(&[GET[0], GET[1], GET[2], (":path", value)]), Err(Malformed::Path));
    }
    assert!(request(&[(":method", "OPTIONS"), GET[1], GET[2], (":path", "*")]).is_ok());
}

/// RFC 9114 section 4.2.1-2.
#[test]
fn cookies_become_one() {
    let head = get_with(&[("cookie", "a=1"), ("accept", "x"), ("cookie", "b=2"), ("cookie", "c=3")]).unwrap();
    assert_eq!(head.fields.all("cookie").collect::<Vec<_>>(), [b"a=1; b=2; c=3"]);
    let head = get_with(&[("cookie", ""), ("cookie", "a=1"), ("cookie", "")]).unwrap();
    assert_eq!(head.fields.all("cookie").collect::<Vec<_>>(), [b"a=1"]);
    // A line between others is held to the same rules as one that stands alone.
    for bad in [" b", "b ", "b\t"] {
        let lines = [("cookie", "a"), ("cookie", bad), ("cookie", "c")];
        assert_eq!(get_with(&lines), Err(Malformed::FieldValue), "{bad:?}");
    }
}

/// RFC 9114 section 4.4-1, 4.4-2, 4.4-3, 4.4-4.
/// RFC 9110 section 9.3.6-2.
#[test]
fn connect() {
    let connect = (":method", "CONNECT");
    let head = request(&[connect, (":authority", "a.example:443")]).unwrap();
    assert_eq!((head.scheme, head.path), (None, None));
    assert_eq!(request(&[connect, (":authority", "a.example")]), Err(Malformed::Connect));
    assert_eq!(request(&[connect]), Err(Malformed::MissingAuthority));
    for more in [(":scheme", "https"), (":path", "/")] {
        assert_eq!(request(&[connect, (":authority", "a.example:443"), more]), Err(Malformed::Connect));
    }
}

/// RFC 8441 section 4-2.
#[test]
fn extended_connect_only_where_offered() {
    let lines = [(":method", "CONNECT"), GET[1], GET[2], GET[3], (":protocol", "websocket")];
    assert_eq!(request(&lines), Err(Malformed::Protocol));
    let head = request_with(true, &lines).unwrap();
    assert_eq!(head.protocol.as_ref().map(|protocol| protocol.as_str()), Some("websocket"));
    check_request(&head).unwrap();
    let not_connect = [GET[0], GET[1], GET[2], GET[3], (":protocol", "websocket")];
    assert_eq!(request_with(true, &not_connect), Err(Malformed::Protocol));
    for missing in 1..4 {
        let mut lines = lines.to_vec();
        lines.remove(missing);
        assert!(request_with(true, &lines).is_err());
    }
}

/// RFC 9114 section 4.3-6, 4.3.2-1.
#[test]
fn status_is_three_digits_and_not_101() {
    assert_eq!(response(&[(":status", "200")]).map(|head| head.status), Ok(Status::OK));
    for value in ["", "20", "2000", "+20", "099", "abc"] {
        assert_eq!(response(&[(":status", value)]), Err(Malformed::Status));
    }
    assert_eq!(response(&[]), Err(Malformed::Status));
    assert_eq!(response(&[(":status", "200"), (":status", "200")]), Err(Malformed::DuplicatePseudoField));
    assert_eq!(response(&[("x", "y"), (":status", "200")]), Err(Malformed::LatePseudoField));
    assert_eq!(response(&[(":status", "101")]), Err(Malformed::SwitchingProtocols));
}

/// RFC 9110 section 8.6-8.
#[test]
fn content_length_is_one_number() {
    for value in ["", "+5", "-1", "5,6", "5, 5", "0x10", "5 5", "18446744073709551616", "1e3"] {
        assert_eq!(get_with(&[("content-length", value)]), Err(Malformed::ContentLength), "{value}");
        assert_eq!(response(&[(":status", "200"), ("content-length", value)]), Err(Malformed::ContentLength));
    }
    for value in ["5", "6"] {
        let lines = [("content-length", "5"), ("content-length", value)];
        assert_eq!(get_with(&lines), Err(Malformed::DuplicateContentLength));
    }
    assert!(get_with(&[("content-length", "18446744073709551615")]).is_ok());
    assert_eq!(trailers(&[("content-length", "5")]), Err(Malformed::ConnectionSpecificField));
}

#[test]
fn content_length_against_the_body_on_every_end() {
    let head = get_with(&[("content-length", "5")]).unwrap();
    let check = || ContentLengthCheck::for_request(&head).unwrap();
    assert_eq!(check().on_end(), Err(Malformed::BodyTooShort));
    let mut short = check();
    short.on_body(4).unwrap();
    assert_eq!(short.on_end(), Err(Malformed::BodyTooShort));
    assert_eq!(short.remaining(), Some(1));
    short.on_body(1).unwrap();
    assert_eq!(short.on_end(), Ok(()));
    assert_eq!(short.on_body(1), Err(Malformed::BodyTooLong));
    assert_eq!(check().on_body(u64::MAX), Err(Malformed::BodyTooLong));

    let mut unknown = ContentLengthCheck::for_request(&get_with(&[]).unwrap()).unwrap();
    unknown.on_body(7).unwrap();
    assert_eq!((unknown.on_end(), unknown.remaining()), (Ok(()), None));
}

/// RFC 9110 section 6-1, 9.3.2-1, 9.3.6-7.
#[test]
fn responses_that_never_have_content() {
    let with_length = |status| response(&[(":status", status), ("content-length", "5")]).unwrap();
    for (status, method) in [("200", Method::Head), ("204", Method::Get), ("304", Method::Get)] {
        let mut check = ContentLengthCheck::for_response(&with_length(status), &method).unwrap();
        assert_eq!(check.on_end(), Ok(()), "{status} {method}");
        assert_eq!(check.on_body(1), Err(Malformed::BodyTooLong));
    }
    let mut tunnel = ContentLengthCheck::for_response(&with_length("200"), &Method::Connect).unwrap();
    tunnel.on_body(99).unwrap();
    assert_eq!(tunnel.on_end(), Ok(()));
    let refused = ContentLengthCheck::for_response(&with_length("403"), &Method::Connect).unwrap();
    assert_eq!(refused.on_end(), Err(Malformed::BodyTooShort));
}

/// RFC 9114 section 4.1-7, 4.2-3, 4.2-4, 4.3.1-7, 4.4-3.
/// RFC 9110 section 2.2-2, 7.2-1, 8.6-5, 8.6-6, 9.3.6-6.
#[test]
fn outgoing_messages_obey_the_same_rules() {
    let head = RequestHead::get("https://a.example/").unwrap();
    assert!(check_request(&head).is_ok());
    for (name, expected) in
        [("connection", Malformed::ConnectionSpecificField), ("host", Malformed::DuplicateHost), ("te", Malformed::Te)]
    {
        let head = head.clone().with_field(name, "x").unwrap();
        assert_eq!(check_request(&head), Err(expected));
    }
    let mut no_authority = head.clone();
    no_authority.authority = None;
    assert_eq!(check_request(&no_authority), Err(Malformed::MissingAuthority));
    let mut connect = head;
    connect.method = Method::Connect;
    assert_eq!(check_request(&connect), Err(Malformed::Connect));

    let response = ResponseHead::new(Status::OK).with_field("transfer-encoding", "chunked").unwrap();
    assert_eq!(check_response(&response, &Method::Get), Err(Malformed::ConnectionSpecificField));
    let switching = ResponseHead::new(Status::new(101).unwrap());
    assert_eq!(check_response(&switching, &Method::Get), Err(Malformed::SwitchingProtocols));
    let mut trailers = Fields::new();
    trailers.push("content-length", "1").unwrap();
    assert_eq!(check_trailers(&trailers), Err(Malformed::ConnectionSpecificField));
    let mut trailers = Fields::new();
    trailers.push("host", "a.example").unwrap();
    assert_eq!(check_trailers(&trailers), Err(Malformed::ConnectionSpecificField));
    // Responses without content and without a length.
    for (code, method, expected) in [
        (103, Method::Get, false),
        (204, Method::Get, false),
        (200, Method::Connect, false),
        (304, Method::Get, true),
        (200, Method::Head, true),
        (404, Method::Connect, true),
    ] {
        let head = ResponseHead::new(Status::new(code).unwrap()).with_field("content-length", "0").unwrap();
        assert_eq!(check_response(&head, &method).is_ok(), expected, "{code} to {method}");
    }
}

/// RFC 9110 section 15.3.6-1.
#[test]
fn reset_content_is_sent_without_content() {
    let head = ResponseHead::new(Status::RESET_CONTENT);
    let mut check = check_response(&head, &Method::Post).unwrap();
    assert_eq!((check.on_body(1), check.on_end()), (Err(Malformed::BodyTooLong), Ok(())));
    for (length, expected) in [("0", Ok(())), ("1", Err(Malformed::ContentLength))] {
        let head = head.clone().with_field("content-length", length).unwrap();
        assert_eq!(check_response(&head, &Method::Post).map(drop), expected, "{length}");
    }
    // Who gets one with content has still a whole message.
    let received = response(&[(":status", "205"), ("content-length", "1")]).unwrap();
    let mut check = ContentLengthCheck::for_response(&received, &Method::Post).unwrap();
    assert_eq!((check.on_body(1), check.on_end()), (Ok(()), Ok(())));
}

#[test]
fn every_reason_cites_a_section() {
    for malformed in Malformed::ALL {
        assert!(malformed.section().starts_with("RFC ") && !malformed.reason().is_empty());
    }
}
