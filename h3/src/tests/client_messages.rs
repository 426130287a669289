//! Requests that go out, and the responses that come back.

use super::script::*;
use crate::{Body, Config, Connection, Event, SendError, Violation};
use alloc::vec::Vec;
use base::{Bytes, Direction};
use http::exchange::{self, Reason};
use http::{Malformed, Method, RequestHead};
use qpack::DecompressionError;

fn get() -> RequestHead {
    RequestHead::get("https://a.example/").unwrap()
}

/// A client that has sent a GET on stream 0.
fn asked() -> Script {
    asked_with(&get())
}

fn asked_with(head: &RequestHead) -> Script {
    let mut script = Script::client();
    script.connection.send_request(&mut script.transport, head, true).unwrap();
    script.transport.commands.clear();
    script
}

/// RFC 9114 section 4.1-1, 4.1-9, 4.1-10.
#[test]
fn a_request_goes_out_whole() {
    let mut script = Script::client();
    let stream = script.connection.send_request(&mut script.transport, &get(), true);
    assert_eq!(stream, Ok(id(0)));
    script.expect(&[Open(0), Write(0, headers(&GET)), Finish(0)]);
}

#[test]
fn informational_and_final_responses() {
    let response = [
        with(&[(":status", "103")], &[("link", "x")]),
        headers(&[(":status", "100")]),
        with(&[(":status", "200")], &[("content-length", "5")]),
        frame(0, b"hello"),
        headers(&[("x-sum", "1")]),
    ]
    .concat();
    for dripped in [false, true] {
        let mut script = asked();
        if dripped {
            script.drip(0, &response);
        } else {
            script.feed(0, &response);
        }
        script.end(0);
        let events = script.events();
        assert!(matches!(
            events[..],
            [
                Event::Exchange(_, exchange::Event::Informational(_)),
                Event::Exchange(_, exchange::Event::Informational(_)),
                Event::Exchange(_, exchange::Event::Response(_)),
                Event::Exchange(_, exchange::Event::Body)
            ]
        ));
        assert_eq!(script.read_all(0), (b"hello".to_vec(), Body::End));
        assert!(matches!(
            script.events()[..],
            [Event::Exchange(_, exchange::Event::Trailers(_)), Event::Exchange(_, exchange::Event::Finished)]
        ));
        script.expect(&[]);
        assert!(script.connection.streams.is_empty());
        assert_eq!(script.read_all(0).1, Body::Gone);
    }
}

/// RFC 9114 section 4.1.2-4, 4.3.2-1.
#[test]
fn malformed_responses() {
    let status = (":status", "200");
    for (response, violation) in [
        (headers(&[]), Violation::Malformed(Malformed::Status)),
        (headers(&[("a", "b")]), Violation::Malformed(Malformed::Status)),
        (headers(&[(":status", "20")]), Violation::Malformed(Malformed::Status)),
        (headers(&[(":status", "101")]), Violation::Malformed(Malformed::SwitchingProtocols)),
        (headers(&[status, status]), Violation::Malformed(Malformed::DuplicatePseudoField)),
        (headers(&[status, (":path", "/")]), Violation::Malformed(Malformed::UnknownPseudoField)),
        (headers(&[("a", "b"), status]), Violation::Malformed(Malformed::LatePseudoField)),
        (headers(&[status, ("Upper", "x")]), Violation::Malformed(Malformed::UppercaseName)),
        (headers(&[status, ("connection", "x")]), Violation::Malformed(Malformed::ConnectionSpecificField)),
        (headers(&[status, ("content-length", "1,2")]), Violation::Malformed(Malformed::ContentLength)),
        // A stream that ends with nothing, or with an informational response only.
        (alloc::vec![], Violation::Malformed(Malformed::HeadMissing)),
        (headers(&[(":status", "100")]), Violation::Malformed(Malformed::HeadMissing)),
        (headers(&[status, ("content-length", "5")]), Violation::Malformed(Malformed::BodyTooShort)),
    ] {
        let mut script = asked();
        script.feed(0, &response);
        script.end(0);
        assert_eq!(script.expect_failed(0, violation), []);
    }
}

#[test]
fn content_where_none_may_be() {
    let response = [with(&[(":status", "200")], &[("content-length", "5")]), frame(0, b"hello")].concat();
    let mut head = get();
    head.method = Method::Head;
    let mut script = asked_with(&head);
    script.feed_and_end(0, &response);
    script.read_all(0);
    let failed = Event::Exchange(id(0), exchange::Event::Failed(Malformed::BodyTooLong));
    assert_eq!(script.events(), [failed]);
    let mut script = asked_with(&head);
    script.feed_and_end(0, &with(&[(":status", "200")], &[("content-length", "5")]));
    assert!(matches!(
        script.events()[..],
        [Event::Exchange(_, exchange::Event::Response(_)), Event::Exchange(_, exchange::Event::Finished)]
    ));
    for status in ["204", "304"] {
        let mut script = asked();
        script.feed_and_end(0, &[headers(&[(":status", status)]), frame(0, b"x")].concat());
        script.read_all(0);
        assert_eq!(script.expect_failed(0, Violation::Malformed(Malformed::BodyTooLong)), []);
    }
}

/// RFC 9114 section 7.2.5-2, 7.2.6-2, 4.1-3, 7.2.4-4.
#[test]
fn frames_out_of_place() {
    for (bytes, violation) in [
        (frame(0, b"x"), Violation::FrameOutOfOrder),
        ([headers(&[(":status", "100")]), frame(0, b"x")].concat(), Violation::FrameOutOfOrder),
        (frame(4, &[]), Violation::FrameOnRequestStream),
        (frame(7, &[0]), Violation::FrameOnRequestStream),
        (frame(8, &[0]), Violation::ReservedFrame),
        (frame(5, &[0, 0, 0]), Violation::PushNotAllowed),
        ([headers(&[(":status", "200")]), frame(5, &[0, 0, 0])].concat(), Violation::PushNotAllowed),
        (frame(1, &[0, 0, 0xff, 36]), Violation::Decompression(DecompressionError::StaticIndex)),
        (headers(&[(":status", "200")])[..4].to_vec(), Violation::FrameTruncated),
    ] {
        let mut script = asked();
        script.drip(0, &bytes);
        script.end(0);
        script.expect_close(violation);
    }
}

/// RFC 9114 section 4.1-7, 4.2-3, 9-4.
#[test]
fn requests_that_cannot_be_sent() {
    let mut script = Script::client();
    let Script { connection, transport, .. } = &mut script;
    let smuggling = get().with_field("transfer-encoding", "chunked").unwrap();
    let expected = Err(SendError::Malformed(Malformed::ConnectionSpecificField));
    assert_eq!(connection.send_request(transport, &smuggling, true), expected);
    let length = get().with_field("content-length", "5").unwrap();
    let expected = Err(SendError::Malformed(Malformed::BodyTooShort));
    assert_eq!(connection.send_request(transport, &length, true), expected);
    let websocket = RequestHead::extended_connect("websocket", "https://a.example/").unwrap();
    assert_eq!(connection.send_request(transport, &websocket, false), Err(SendError::NoExtendedConnect));
    transport.may_open[0] = 0;
    assert_eq!(connection.send_request(transport, &get(), true), Err(SendError::Blocked));
    script.expect(&[]);
    assert_eq!(script.events(), []);
    script.transport.may_open[0] = 1;
    script.connection.on_streams_available(&mut script.transport, Direction::Bidirectional);
    assert_eq!(script.events(), [Event::RequestsAvailable]);
    script.connection.send_request(&mut script.transport, &get(), true).unwrap();
}

/// RFC 9114 section 7.2.4.2-1, 7.2.4.2-7, 9-4.
#[test]
fn the_servers_settings_are_kept() {
    let mut script = Script::new(Connection::client(Config::default()));
    script.connection.on_connected(&mut script.transport);
    script.feed(3, &[&[0][..], &frame(4, &[6, 0x40, 100, 8, 1])].concat());
    let Script { connection, transport, .. } = &mut script;
    assert_eq!(connection.send_request(transport, &get(), true), Err(SendError::TooLarge));
    script.feed(7, &[]);
    let mut script = Script::new(Connection::client(Config::default()));
    script.connection.on_connected(&mut script.transport);
    script.feed(3, &[&[0][..], &frame(4, &[8, 1])].concat());
    let websocket = RequestHead::extended_connect("websocket", "https://a.example/").unwrap();
    assert!(script.connection.send_request(&mut script.transport, &websocket, false).is_ok());
}

/// RFC 9114 section 4.1-16.
#[test]
fn a_response_survives_that_the_server_reads_no_more() {
    let mut script = Script::client();
    let head = RequestHead::new(Method::Post, "https://a.example/").unwrap();
    script.connection.send_request(&mut script.transport, &head, false).unwrap();
    script.transport.commands.clear();
    script.stop(0, 0x100);
    script.expect(&[Reset(0, 0x100)]);
    let mut more = Bytes::from_static(b"x");
    let sent = script.connection.send_body(&mut script.transport, id(0), &mut more);
    assert_eq!(sent, Err(SendError::Ended));
    script.feed_and_end(0, &[headers(&[(":status", "413")]), frame(0, b"no")].concat());
    assert!(matches!(
        script.events()[..],
        [
            Event::Exchange(_, exchange::Event::Stopped(_)),
            Event::Exchange(_, exchange::Event::Response(_)),
            Event::Exchange(_, exchange::Event::Body)
        ]
    ));
    assert_eq!(script.read_all(0), (b"no".to_vec(), Body::End));
}

#[test]
fn a_reset_response_ends_the_exchange() {
    let mut script = Script::client();
    let head = RequestHead::new(Method::Post, "https://a.example/").unwrap();
    script.connection.send_request(&mut script.transport, &head, false).unwrap();
    script.transport.commands.clear();
    script.feed(0, &[headers(&[(":status", "200")]), frame(0, b"part")].concat());
    script.reset(0, 0x10b);
    script.expect(&[Reset(0, 0x10c)]);
    assert_eq!(script.events().last(), Some(&Event::Exchange(id(0), exchange::Event::Reset(Reason::Rejected))));
    assert!(script.connection.streams.is_empty());
    // Whoever reads only now must not take the part for the whole.
    assert_eq!(script.read_all(0), (Vec::new(), Body::Gone));
}

#[test]
fn the_end_is_told_with_the_last_content_to_those_who_look() {
    let response = [headers(&[(":status", "200")]), frame(0, b"one"), frame(0, b"two")].concat();
    let mut script = asked();
    script.feed_and_end(0, &response);
    script.events();
    for (max, expected, is_last) in [(2, &b"on"[..], false), (9, b"e", false), (9, b"two", true)] {
        let part = script.connection.read_body(&mut script.transport, id(0), max);
        assert_eq!(part, Body::Data(Bytes::copy_from_slice(expected)));
        assert_eq!(script.connection.look_for_end(&mut script.transport, id(0)), is_last);
        assert_eq!(script.events(), []);
    }
    assert!(script.connection.streams.is_empty());
    // What is to be told before the end is told first, and so the end as well.
    let mut script = asked();
    script.feed_and_end(0, &[response.clone(), headers(&[("x-sum", "1")])].concat());
    script.events();
    assert!(matches!(script.connection.read_body(&mut script.transport, id(0), 9), Body::Data(_)));
    assert!(!script.connection.look_for_end(&mut script.transport, id(0)));
    assert!(matches!(script.connection.read_body(&mut script.transport, id(0), 9), Body::Data(_)));
    assert!(!script.connection.look_for_end(&mut script.transport, id(0)));
    assert!(matches!(
        script.events()[..],
        [Event::Exchange(_, exchange::Event::Trailers(_)), Event::Exchange(_, exchange::Event::Finished)]
    ));
    // Before a response has come there is nothing to look at.
    let mut script = asked();
    assert!(!script.connection.look_for_end(&mut script.transport, id(0)));
    assert_eq!(script.events(), []);
    script.feed(0, &response);
    assert!(matches!(
        script.events()[..],
        [Event::Exchange(_, exchange::Event::Response(_)), Event::Exchange(_, exchange::Event::Body)]
    ));
}

/// RFC 9114 section 4.1.2-4.
#[test]
fn a_failed_response_never_reads_as_complete() {
    let mut script = asked();
    script.feed_and_end(0, &[with(&[(":status", "200")], &[("content-length", "5")]), frame(0, b"abc")].concat());
    let (body, rest) = script.read_all(0);
    assert_eq!((&body[..], rest), (&b"abc"[..], Body::Blocked));
    assert_eq!(script.read_all(0), (Vec::new(), Body::Gone));
    script.expect_failed(0, Violation::Malformed(Malformed::BodyTooShort));
}

/// RFC 9114 section 4.1.1-9.
#[test]
fn a_client_can_change_its_mind() {
    let mut script = asked();
    script.feed(0, &[headers(&[(":status", "200")]), frame(0, b"part")].concat());
    // Only servers reject.
    script.connection.reset(&mut script.transport, id(0), Reason::Rejected);
    script.expect(&[StopSending(0, 0x10c)]);
    script.feed(0, b"x");
    script.end(0);
    assert_eq!(script.events(), []);
}
