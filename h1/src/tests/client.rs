//! A client's end against scripts of what servers send.

use super::{NOW, client, content, events, feed, sent};
use crate::{Closing, Connection, Event, ExchangeId, Violation};
use alloc::vec::Vec;
use base::{Bytes, Demand, StreamMachine};
use http::exchange::{self, Body, Reason, SendError};
use http::{Malformed, Method, RequestHead, ResponseHead, Status};

/// A client that has sent a request.
fn asking(method: Method) -> (Connection, ExchangeId) {
    let mut client = client();
    let head = RequestHead::new(method, "https://a.example/x").unwrap();
    let id = client.send_request(NOW, &head, &mut Bytes::new(), true).unwrap();
    sent(&mut client);
    (client, id)
}

fn response(client: &mut Connection) -> ResponseHead {
    match client.poll_event() {
        Some(Event::Exchange(_, exchange::Event::Response(head))) => head,
        other => panic!("no response: {other:?}"),
    }
}

/// RFC 9112 section 3.2-3, 3.2-4, 3.2.1-1, 3.2.1-2, 3.2.3-1, 3.2.4-1, 6.3-12.
/// RFC 9112 section 2.2-3, 2.2-5, 2.2-8, 6.1-2, 6.2-1, 7.4-3.
/// RFC 9110 section 10.1.4-1.
#[test]
fn requests_in_every_form() {
    let new = |method, uri: &str| RequestHead::new(method, uri).unwrap();
    let get = new(Method::Get, "https://a.example?b").with_field("TE", "trailers").unwrap();
    let sized = new(Method::Put, "https://a/").with_field("content-length", "3").unwrap();
    for (head, data, end, expected) in [
        (get, "", true, "GET /?b HTTP/1.1\r\nhost: a.example\r\nte: trailers\r\nconnection: te\r\n\r\n"),
        (new(Method::Options, "https://a"), "", true, "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n"),
        (new(Method::Post, "https://a/"), "", true, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n"),
        (new(Method::Post, "https://a/"), "abc", true, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"),
        (sized, "abc", false, "PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"),
        (
            new(Method::Post, "https://a/"),
            "abc",
            false,
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ),
        (RequestHead::connect("b:443").unwrap(), "", false, "CONNECT b:443 HTTP/1.1\r\nhost: b:443\r\n\r\n"),
        (
            RequestHead::extended_connect("websocket", "https://a/c").unwrap(),
            "",
            false,
            "GET /c HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        ),
    ] {
        let mut client = client();
        let id = client.send_request(NOW, &head, &mut Bytes::copy_from_slice(data.as_bytes()), end).unwrap();
        if !end && head.method != Method::Connect {
            client.finish(NOW, id).unwrap();
        }
        assert_eq!(sent(&mut client), (expected.into(), false));
    }
}

/// RFC 9112 section 6.1-1, 9.3-6, 9.6-8.
#[test]
fn responses_of_every_length() {
    for (method, wire, expected, goes_on) in [
        (Method::Get, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", "hello", true),
        (Method::Get, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello", true),
        (Method::Get, "HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", "", true),
        (Method::Head, "HTTP/1.1 200 \r\ncontent-length: 5\r\n\r\n", "", true),
        (Method::Get, "HTTP/1.1 204 No\r\n\r\n", "", true),
        (Method::Get, "HTTP/1.1 304 Not\r\ncontent-length: 5\r\n\r\n", "", true),
        (Method::Get, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello", "hello", false),
        (Method::Get, "HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", "hello", false),
        (Method::Get, "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello", "hello", true),
    ] {
        for size in [1, 2, 13, 1000] {
            let (mut client, id) = asking(method.clone());
            assert_eq!(feed(&mut client, wire.as_bytes(), size), b"");
            response(&mut client);
            assert_eq!(content(&mut client, id), (expected.as_bytes().to_vec(), Body::End), "{wire}");
            let told = events(&mut client);
            assert!(told.contains(&Event::Exchange(id, exchange::Event::Finished)), "{wire}: {told:?}");
            assert!(told.contains(&Event::Exchange(id, exchange::Event::Delivered)), "{wire}: {told:?}");
            assert_eq!(client.is_idle(), goes_on, "{wire}");
            assert_eq!(told.contains(&Event::Closed(Closing::Done)), !goes_on, "{wire}");
        }
    }
}

/// RFC 9112 section 6.3-8, 8-2.
#[test]
fn a_response_ends_with_the_connection_only_if_nothing_else_ends_it() {
    let (mut client, id) = asking(Method::Get);
    feed(&mut client, b"HTTP/1.1 200 OK\r\n\r\nhel", 4);
    response(&mut client);
    feed(&mut client, b"lo", 4);
    client.on_end(NOW, b"");
    assert_eq!(content(&mut client, id), (b"hello".to_vec(), Body::End));
    for wire in ["", "HTTP/1.1 100 Continue\r\n\r\n"] {
        let (mut client, _) = asking(Method::Get);
        feed(&mut client, wire.as_bytes(), 9);
        events(&mut client);
        client.on_end(NOW, b"");
        assert_eq!(
            events(&mut client),
            [Event::Closed(Closing::Reset)],
            "nothing of an answer came: it can be asked again"
        );
    }
    for wire in [
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let (mut client, id) = asking(Method::Get);
        feed(&mut client, wire.as_bytes(), 9);
        client.on_end(NOW, b"");
        let told = events(&mut client);
        let end = [Event::Exchange(id, exchange::Event::Reset(Reason::Incomplete)), Event::Closed(Closing::Done)];
        assert!(told.ends_with(&end), "{wire:?}: {told:?}");
    }
}

/// RFC 9110 section 15.2-2.
#[test]
fn informational_responses_come_first_and_are_bounded() {
    let (mut client, id) = asking(Method::Get);
    feed(&mut client, b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 5);
    let told = events(&mut client);
    assert!(
        matches!(&told[0], Event::Exchange(_, exchange::Event::Informational(head)) if head.fields.contains("link"))
    );
    assert!(matches!(&told[1], Event::Exchange(_, exchange::Event::Response(_))));
    assert_eq!(client.read_body(NOW, id, 9), Body::Gone, "it is over");
    let (mut client, _) = asking(Method::Get);
    feed(&mut client, &b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(6), 9);
    let end = Event::Closed(Closing::Violation(Violation::TooManyInformational));
    assert_eq!(events(&mut client).last(), Some(&end));
}

/// RFC 9112 section 5.2-4.
#[test]
fn folded_fields_of_a_response_are_taken_as_one() {
    let (mut client, _) = asking(Method::Get);
    feed(&mut client, b"HTTP/1.1 200 OK\r\na: b\r\n  c\r\n\td \r\ncontent-length: 0\r\n\r\n", 3);
    assert_eq!(response(&mut client).fields.first("a"), Some(&b"b c d"[..]));
    let (mut client, _) = asking(Method::Get);
    feed(&mut client, b"HTTP/1.1 200 OK\r\n x: y\r\n\r\n", 3);
    assert_eq!(events(&mut client).last(), Some(&Event::Closed(Closing::Violation(Violation::FoldedLine))));
}

/// RFC 9112 section 6.3-7, 6.3-15, 9.2-2.
#[test]
fn a_response_that_can_be_read_in_two_ways_fails_and_the_connection_is_cut() {
    for (wire, expected) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
            Violation::Malformed(Malformed::DuplicateContentLength),
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n", Violation::Malformed(Malformed::ContentLength)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", Violation::LengthAndCoding),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", Violation::NotChunkedLast),
        ("HTTP/1.1 200 OK\nx: y\r\n", Violation::LineEnding),
        ("HTTP/2.0 200 OK\r\n", Violation::Version),
        ("HTTP/1.1 20 OK\r\n", Violation::StatusLine),
        ("HTTP/1.1\r\n", Violation::StatusLine),
        ("200 OK\r\n", Violation::StatusLine),
        ("HTTP/1.1 200 O\0K\r\n", Violation::StatusLine),
        ("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", Violation::UnexpectedSwitch),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", Violation::StatusLine),
        (&*alloc::format!("HTTP/1.1 200 {}\r\n", "x".repeat(1000)), Violation::StatusLineTooLong),
    ] {
        let (mut client, id) = asking(Method::Get);
        feed(&mut client, wire.as_bytes(), 3);
        let failed = Event::Exchange(id, exchange::Event::Failed(expected.malformed()));
        assert_eq!(events(&mut client), [failed, Event::Closed(Closing::Violation(expected))], "{wire:?}");
        assert_eq!(client.demand(), Demand::Reset);
    }
    // More than was asked for.
    let (mut client, _) = asking(Method::Get);
    feed(&mut client, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 99);
    assert_eq!(events(&mut client).last(), Some(&Event::Closed(Closing::Violation(Violation::Unasked))));
}

#[test]
fn one_request_at_a_time_and_none_after_the_end() {
    let head = RequestHead::get("https://a/").unwrap();
    let again = |client: &mut Connection| client.send_request(NOW, &head, &mut Bytes::new(), true);
    let (mut client, _) = asking(Method::Get);
    assert_eq!(again(&mut client), Err(SendError::Blocked));
    feed(&mut client, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 99);
    assert!(again(&mut client).is_ok());
    feed(&mut client, b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 99);
    assert_eq!(again(&mut client), Err(SendError::GoingAway));
    let mut idle = super::client();
    idle.on_end(NOW, b"");
    assert_eq!((again(&mut idle), sent(&mut idle).1), (Err(SendError::GoingAway), true));
}

/// RFC 9110 section 7.8-5.
/// RFC 9112 section 6.3-1.
#[test]
fn a_tunnel_opens_with_the_answer_and_not_before() {
    let upgraded = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: WebSocket\r\n\r\nfrom";
    for (head, wire) in [
        (
            RequestHead::connect("b:443").unwrap(),
            &b"HTTP/1.1 200 OK\r\ncontent-length: x\r\ntransfer-encoding: gzip\r\n\r\nfrom"[..],
        ),
        (RequestHead::extended_connect("websocket", "https://a/").unwrap(), upgraded),
    ] {
        let mut client = client();
        let id = client.send_request(NOW, &head, &mut Bytes::new(), false).unwrap();
        let mut early = Bytes::from_static(b"to");
        client.send_body(NOW, id, &mut early).unwrap();
        assert_eq!((early.len(), client.room(id, 5)), (2, Ok(0)));
        assert!(!sent(&mut client).0.contains("\r\n\r\nto"));
        feed(&mut client, wire, 3);
        assert_eq!(response(&mut client).status, Status::OK);
        assert!(events(&mut client).contains(&Event::Exchange(id, exchange::Event::Writable)));
        client.send_body(NOW, id, &mut early).unwrap();
        assert_eq!(sent(&mut client).0, "to");
        assert_eq!(content(&mut client, id).0, b"from");
        client.finish(NOW, id).unwrap();
        client.on_end(NOW, b"");
        assert_eq!((sent(&mut client).1, client.current()), (true, None));
    }
}

#[test]
fn a_tunnel_that_is_not_opened() {
    let connect = RequestHead::connect("b:443").unwrap();
    let websocket = RequestHead::extended_connect("websocket", "https://a/").unwrap();
    for head in [&connect, &websocket] {
        let mut client = client();
        let id = client.send_request(NOW, head, &mut Bytes::new(), false).unwrap();
        feed(&mut client, b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", 99);
        assert_eq!(response(&mut client).status, Status::FORBIDDEN);
        assert!(events(&mut client).contains(&Event::Exchange(id, exchange::Event::Stopped(Reason::NotNeeded))));
        assert_eq!(content(&mut client, id), (b"no".to_vec(), Body::End));
        assert!(client.is_idle());
    }
    for (wire, expected) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Violation::Malformed(Malformed::Protocol)),
        ("HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n", Violation::UnexpectedSwitch),
        ("HTTP/1.1 101 X\r\nupgrade: websocket\r\n\r\n", Violation::UnexpectedSwitch),
    ] {
        let mut client = client();
        client.send_request(NOW, &websocket, &mut Bytes::new(), false).unwrap();
        feed(&mut client, wire.as_bytes(), 99);
        assert_eq!(events(&mut client).last(), Some(&Event::Closed(Closing::Violation(expected))), "{wire}");
    }
}

/// RFC 9112 section 9.5-6.
#[test]
fn a_server_that_answers_early_and_closes_stops_the_upload() {
    let mut client = client();
    let head = RequestHead::new(Method::Post, "https://a/").unwrap();
    let id = client.send_request(NOW, &head, &mut Bytes::from_static(b"abc"), false).unwrap();
    feed(&mut client, b"HTTP/1.1 413 Content Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno", 99);
    response(&mut client);
    assert_eq!(content(&mut client, id), (b"no".to_vec(), Body::End));
    let told: Vec<Event> = events(&mut client);
    assert!(told.contains(&Event::Exchange(id, exchange::Event::Stopped(Reason::NotNeeded))), "{told:?}");
    assert_eq!(told.last(), Some(&Event::Closed(Closing::Done)));
    assert!(sent(&mut client).1);
}

#[test]
fn what_is_not_wanted_is_read_to_its_end_or_cut() {
    for (length, goes_on) in [(500, true), (5000, false)] {
        let (mut client, id) = asking(Method::Get);
        feed(&mut client, alloc::format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes(), 99);
        client.stop_receiving(NOW, id);
        feed(&mut client, &alloc::vec![b'x'; length], 100);
        assert_eq!((client.is_idle(), client.demand() == Demand::Reset), (goes_on, !goes_on));
    }
    let (mut client, id) = asking(Method::Get);
    client.reset(NOW, id, Reason::Cancelled);
    assert_eq!((client.demand(), events(&mut client)), (Demand::Reset, [Event::Closed(Closing::GivenUp)].into()));
    let (mut client, _) = asking(Method::Get);
    client.on_reset(NOW);
    assert_eq!(events(&mut client), [Event::Closed(Closing::Reset)]);
}
