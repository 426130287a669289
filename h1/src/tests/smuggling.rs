//! Requests that two servers might read differently, and everything else that is no request: each is answered with an error and
//! the connection ends, so that nothing behind it is read.

use super::{events, feed, request, sent, server};
use crate::{Closing, Event, Violation};
use alloc::format;
use alloc::string::String;
use base::StreamMachine;
use http::Malformed;

/// What comes behind in each case: it must never be taken for a request.
const BEHIND: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

/// The violation that these bytes are, in pieces of every size.
fn violation(bytes: &str) -> Violation {
    let all = format!("{bytes}{BEHIND}");
    let mut seen = None;
    for size in [1, 2, 3, 7, all.len()] {
        let mut server = server();
        let left = feed(&mut server, all.as_bytes(), size);
        assert_eq!(left, b"", "{bytes:?}: what is behind is read and thrown away");
        let told = events(&mut server);
        let [.., Event::Refused(violation), Event::Closed(Closing::Violation(again))] = *told.as_slice() else {
            panic!("{bytes:?} in pieces of {size}: {told:?}");
        };
        assert_eq!(violation, again);
        let is_new = |event: &Event| matches!(event, Event::Exchange(_, http::exchange::Event::Request(_)));
        assert!(!told.iter().any(is_new), "{bytes:?}: a request was told");
        let (answer, has_ended) = sent(&mut server);
        assert!(has_ended, "{bytes:?}");
        let begin = format!("HTTP/1.1 {} ", violation.status());
        assert!(answer.starts_with(&begin) && answer.contains("connection: close\r\n"), "{bytes:?}: {answer}");
        assert!(answer.contains(violation.section()), "the answer says which rule was broken: {answer}");
        assert_eq!(*seen.get_or_insert(violation), violation, "{bytes:?} in pieces of {size}");
    }
    seen.expect("every size was tried")
}

fn with_fields(fields: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n")
}

/// RFC 9112 section 6.1-13, 6.1-14, 6.3-3, 6.3-4, 6.3-5.
#[test]
fn where_a_request_ends_is_said_in_one_way() {
    let bad_length = Violation::Malformed(Malformed::ContentLength);
    for (fields, expected) in [
        ("content-length: 5\r\ntransfer-encoding: chunked", Violation::LengthAndCoding),
        ("transfer-encoding: chunked\r\ncontent-length: 5", Violation::LengthAndCoding),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity", Violation::NotChunkedLast),
        ("transfer-encoding: xchunked", Violation::NotChunkedLast),
        ("transfer-encoding: chunked, chunked", Violation::NotChunkedLast),
        ("transfer-encoding: identity", Violation::NotChunkedLast),
        ("transfer-encoding:", Violation::NotChunkedLast),
        ("transfer-encoding: \x0bchunked", Violation::Malformed(Malformed::FieldValue)),
        ("transfer-encoding: gzip, chunked", Violation::UnknownCoding),
        ("content-length: 5\r\ncontent-length: 6", Violation::Malformed(Malformed::DuplicateContentLength)),
        ("content-length: 5\r\ncontent-length: 5", Violation::Malformed(Malformed::DuplicateContentLength)),
        ("content-length: 5, 5", bad_length),
        ("content-length: +5", bad_length),
        ("content-length: -5", bad_length),
        ("content-length: 0x5", bad_length),
        ("content-length: 5 5", bad_length),
        ("content-length: 5.0", bad_length),
        ("content-length:", bad_length),
        ("content-length: 18446744073709551616", bad_length),
        ("content-length : 5", Violation::FieldLine),
        ("transfer-encoding : chunked", Violation::FieldLine),
        ("transfer-encoding\t: chunked", Violation::FieldLine),
        ("transfer-encoding: cow\r\ntransfer-encoding: chunked", Violation::UnknownCoding),
        ("transfer-encoding: chunked\0", Violation::Malformed(Malformed::FieldValue)),
        ("transfer-encoding\x0b: chunked", Violation::Malformed(Malformed::FieldName)),
        ("\0transfer-encoding: chunked", Violation::Malformed(Malformed::FieldName)),
        ("content-length: 5\x0b", Violation::Malformed(Malformed::FieldValue)),
        ("content-length: 5_0", bad_length),
        ("content-length: \u{a0}5", bad_length),
        ("content-length: 5;", bad_length),
    ] {
        assert_eq!(violation(&with_fields(fields)), expected, "{fields:?}");
    }
    let old = "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(violation(old), Violation::CodingInOldVersion);
}

/// RFC 9112 section 2.2-2, 2.2-4, 2.2-9, 5.1-1, 5.2-2.
#[test]
fn lines_end_and_begin_in_one_way() {
    for (bytes, expected) in [
        ("GET / HTTP/1.1\nhost: a\n\n", Violation::LineEnding),
        ("GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", Violation::LineEnding),
        ("GET / HTTP/1.1\r\nhost: a\rx: y\r\n\r\n", Violation::LineEnding),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: y\r\r\n\r\n", Violation::LineEnding),
        ("GET / HTTP/1.1\r\n host: a\r\n\r\n", Violation::FoldedLine),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n", Violation::FoldedLine),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n\tcontent-length: 5\r\n\r\n", Violation::FoldedLine),
        ("GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n", Violation::FieldLine),
        ("GET / HTTP/1.1\r\nhost: a\r\n: empty\r\n\r\n", Violation::FieldLine),
        ("GET / HTTP/1.1\r\nhost: a\r\na b: c\r\n\r\n", Violation::Malformed(Malformed::FieldName)),
        ("GET / HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n", Violation::Malformed(Malformed::FieldValue)),
        ("GET / HTTP/1.1\r\nhost: a\r\n\u{e9}: b\r\n\r\n", Violation::Malformed(Malformed::FieldName)),
    ] {
        assert_eq!(violation(bytes), expected, "{bytes:?}");
    }
}

/// RFC 9112 section 3.2-1, 3.2-2, 3.2-6, 2.2-10.
#[test]
fn the_first_line_and_the_host_have_one_form() {
    let host = Violation::Malformed(Malformed::Authority);
    for (bytes, expected) in [
        ("GET /\r\n\r\n", Violation::RequestLine),
        ("GET  / HTTP/1.1\r\nhost: a\r\n\r\n", Violation::RequestLine),
        ("GET / HTTP/1.1 \r\nhost: a\r\n\r\n", Violation::RequestLine),
        (" GET / HTTP/1.1\r\nhost: a\r\n\r\n", Violation::RequestLine),
        ("GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n", Violation::RequestLine),
        ("GET / HTTP/1.1 x\r\nhost: a\r\n\r\n", Violation::RequestLine),
        ("GET / http/1.1\r\nhost: a\r\n\r\n", Violation::RequestLine),
        ("GET / HTTP/1.10\r\nhost: a\r\n\r\n", Violation::RequestLine),
        ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", Violation::Version),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Violation::Version),
        ("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n", Violation::RequestLine),
        ("GE:T / HTTP/1.1\r\nhost: a\r\n\r\n", Violation::Malformed(Malformed::Method)),
        ("GET a HTTP/1.1\r\nhost: a\r\n\r\n", Violation::Target),
        ("GET http:/a HTTP/1.1\r\nhost: a\r\n\r\n", Violation::Target),
        ("GET http://a?b HTTP/1.1\r\nhost: a\r\n\r\n", Violation::Target),
        ("GET /#x HTTP/1.1\r\nhost: a\r\n\r\n", Violation::Malformed(Malformed::Path)),
        ("GET * HTTP/1.1\r\nhost: a\r\n\r\n", Violation::Malformed(Malformed::Path)),
        ("CONNECT a HTTP/1.1\r\nhost: a\r\n\r\n", Violation::Malformed(Malformed::Connect)),
        ("CONNECT / HTTP/1.1\r\nhost: a\r\n\r\n", Violation::Target),
        ("CONNECT a:1 HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n", Violation::Malformed(Malformed::Connect)),
        ("GET / HTTP/1.1\r\n\r\n", Violation::HostMissing),
        ("GET / HTTP/1.0\r\n\r\n", Violation::Malformed(Malformed::MissingAuthority)),
        ("GET https://a/ HTTP/1.1\r\n\r\n", Violation::HostMissing),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", Violation::Malformed(Malformed::DuplicateHost)),
        ("GET / HTTP/1.1\r\nhost: a\r\nHost: b\r\n\r\n", Violation::Malformed(Malformed::DuplicateHost)),
        ("GET https://a/ HTTP/1.1\r\nhost: b\r\nhost: a\r\n\r\n", Violation::Malformed(Malformed::DuplicateHost)),
        ("GET / HTTP/1.1\r\nhost: a b\r\n\r\n", host),
        ("GET / HTTP/1.1\r\nhost: a@b\r\n\r\n", host),
        ("GET / HTTP/1.1\r\nhost:\r\n\r\n", host),
        ("GET https://a/ HTTP/1.1\r\nhost: a/b\r\n\r\n", host),
    ] {
        assert_eq!(violation(bytes), expected, "{bytes:?}");
    }
}

/// RFC 9112 section 3-3.
#[test]
fn lines_and_fields_are_bounded() {
    let long = "a".repeat(1000);
    assert_eq!(violation(&format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n")), Violation::RequestLineTooLong);
    assert_eq!(violation(&with_fields(&format!("a: {long}\r\nb: {long}"))), Violation::FieldsTooLarge);
    assert_eq!(violation(&with_fields(&format!("a: {long}{long}"))), Violation::FieldsTooLarge);
    assert_eq!(violation(&with_fields(&"a:\r\n".repeat(60))), Violation::FieldsTooLarge, "each line has a price");
}

/// A head is good, and what follows is no chunk: the request has begun, and fails before it is answered.
#[test]
fn chunks_that_are_none_end_the_request() {
    for (chunks, expected) in [
        ("5 \r\nhello\r\n0\r\n\r\n", Violation::ChunkSize),
        ("0x5\r\nhello\r\n0\r\n\r\n", Violation::ChunkSize),
        ("+5\r\nhello\r\n0\r\n\r\n", Violation::ChunkSize),
        ("5\nhello\r\n0\r\n\r\n", Violation::LineEnding),
        // An extension that ends before its line does, for whoever takes a line feed for the end.
        ("5;\nhello\r\n0\r\n\r\n", Violation::LineEnding),
        ("5;x\ry\r\nhello\r\n0\r\n\r\n", Violation::LineEnding),
        // Content whose end is taken for granted, by whoever skips two bytes or one.
        ("5\r\nhello\n0\r\n\r\n", Violation::LineEnding),
        ("5\r\nhelloXX0\r\n\r\n", Violation::ChunkEnd),
        ("5\r\nhello\r\r\n0\r\n\r\n", Violation::ChunkEnd),
        ("\r\n5\r\nhello\r\n0\r\n\r\n", Violation::ChunkSize),
        (";x\r\nhello\r\n0\r\n\r\n", Violation::ChunkSize),
        ("-0\r\n\r\n", Violation::ChunkSize),
        ("5_\r\nhello\r\n0\r\n\r\n", Violation::ChunkSize),
        ("5\r\nhello0\r\n\r\n", Violation::ChunkEnd),
        ("ffffffffffffffff\r\n", Violation::ChunkSize),
        ("10000000000000005\r\nhello\r\n0\r\n\r\n", Violation::ChunkSize),
        ("0\r\ncontent-length: 5\r\n\r\n", Violation::Malformed(Malformed::ConnectionSpecificField)),
        ("0\r\ntransfer-encoding: chunked\r\n\r\n", Violation::Malformed(Malformed::ConnectionSpecificField)),
        ("0\r\n x: y\r\n\r\n", Violation::FoldedLine),
        ("0\r\nx : y\r\n\r\n", Violation::FieldLine),
    ] {
        for size in [1, 5, 500] {
            let mut server = server();
            let head = with_fields("transfer-encoding: chunked");
            feed(&mut server, head.as_bytes(), size);
            let (id, _) = request(&mut server);
            let left = feed(&mut server, format!("{chunks}{BEHIND}").as_bytes(), size);
            let told = events(&mut server);
            assert_eq!(left, b"");
            let malformed = expected.malformed();
            assert_eq!(
                told,
                [
                    Event::Exchange(id, http::exchange::Event::Failed(malformed)),
                    Event::Refused(expected),
                    Event::Closed(Closing::Violation(expected)),
                ],
                "{chunks:?}"
            );
            let (answer, has_ended) = sent(&mut server);
            assert!(answer.starts_with("HTTP/1.1 400 ") && has_ended, "{chunks:?}: {answer}");
        }
    }
}

/// The same once the answer has begun: nothing but the end of the connection can tell then.
#[test]
fn what_is_wrong_after_the_answer_has_begun_breaks_the_connection_off() {
    let mut server = server();
    feed(&mut server, with_fields("transfer-encoding: chunked").as_bytes(), 9);
    let (id, _) = request(&mut server);
    let head = http::ResponseHead::new(http::Status::OK);
    let sent = server.send_response(super::NOW, id, &head, &mut base::Bytes::from_static(b"a"), false);
    assert_eq!(sent, Ok(Ok(false)));
    feed(&mut server, b"x", 1);
    feed(&mut server, b"\r\n", 1);
    assert_eq!(server.demand(), base::Demand::Reset);
    assert_eq!(super::sent(&mut server), (String::new(), false), "an answer that is cut off must not look whole");
}
