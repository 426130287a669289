//! A server's end against scripts of what clients send.

use super::{NOW, PLAIN, UPGRADES, answer, content, events, feed, request, sent, server};
use crate::{Closing, Config, Connection, Event, Limits};
use alloc::vec::Vec;
use base::{Bytes, Demand, Duplex, Duration, StreamMachine, StreamMemory};
use http::exchange::{self, Body, Reason, SendError};
use http::{Fields, Method, ResponseHead, Scheme, Status};

const GET: &[u8] = b"GET /a?b HTTP/1.1\r\nHost: a.example\r\nAccept:  x \r\nTE: trailers, gzip\r\n\r\n";

/// RFC 9112 section 9.3.2-2.
#[test]
fn requests_one_after_the_other_and_ahead_are_answered_in_order() {
    let mut server = server();
    let two = [GET, GET].concat();
    let left = feed(&mut server, &two, 10);
    let (first, head) = request(&mut server);
    assert_eq!((&head.method, head.path.as_ref().unwrap().as_str()), (&Method::Get, "/a?b"));
    assert_eq!((head.scheme, head.authority.unwrap().as_str()), (Some(Scheme::Https), "a.example"));
    assert_eq!(head.fields.iter().collect::<Vec<_>>(), [("accept", &b"x"[..])]);
    assert_eq!(events(&mut server), [Event::Exchange(first, exchange::Event::Finished)]);
    assert_eq!(left, b"", "a little of what is ahead is taken");
    answer(&mut server, first, Status::OK, b"one");
    let (second, _) = request(&mut server);
    assert!(second > first);
    answer(&mut server, second, Status::NOT_FOUND, b"");
    let expected = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\noneHTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(sent(&mut server), (expected.into(), false));
    assert!(server.is_idle());
}

/// What is more than a little stays in the carrier, and is offered again when there is room.
#[test]
fn of_what_is_sent_ahead_little_is_held() {
    let many = GET.repeat(20);
    for size in [1, 7, 99, many.len()] {
        let mut server = server();
        let mut left = feed(&mut server, &many, size);
        assert_eq!((server.demand(), left.len()), (Demand::Pause, 19 * GET.len() - PLAIN.limits.max_ahead));
        for number in 0..20 {
            let (id, _) = request(&mut server);
            assert_eq!(id.value(), number);
            events(&mut server);
            answer(&mut server, id, Status::OK, b"");
            left = feed(&mut server, &left, many.len());
            sent(&mut server);
        }
        assert!(server.is_idle() && left.is_empty());
    }
    // Content that was sent ahead waits until there is room for it, and what comes meanwhile waits behind it.
    let mut server = server();
    server.config.limits.max_held = 10;
    let post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz";
    feed(&mut server, GET, 99);
    assert_eq!(feed(&mut server, post, 99), b"");
    let (first, _) = request(&mut server);
    events(&mut server);
    answer(&mut server, first, Status::OK, b"");
    let (second, _) = request(&mut server);
    assert_eq!(server.demand(), Demand::Pause);
    let mut all = Vec::new();
    while let Body::Data(bytes) = server.read_body(NOW, second, 7) {
        all.extend_from_slice(&bytes);
    }
    assert_eq!(all, b"abcdefghijklmnopqrstuvwxyz");
    assert!(matches!(events(&mut server).last(), Some(Event::Exchange(_, exchange::Event::Finished))));
}

/// The end of a client's side is behind what it has sent ahead: all of that is answered, and the last answer says that it is the last.
#[test]
fn a_client_that_ends_its_side_is_answered_as_often_as_it_has_asked() {
    for (asked, size) in [(1, 9), (2, 9), (3, 500)] {
        let mut server = server();
        server.config.limits.max_ahead = 1000;
        feed(&mut server, &GET.repeat(asked), size);
        server.on_end(NOW, b"");
        let mut all = alloc::string::String::new();
        for number in 1..=asked {
            let (id, _) = request(&mut server);
            assert_eq!(server.poll_event(), Some(Event::Exchange(id, exchange::Event::Finished)));
            answer(&mut server, id, Status::OK, b"x");
            let (text, is_end) = sent(&mut server);
            assert_eq!(is_end, number == asked);
            all += &text;
        }
        assert_eq!(all.matches("HTTP/1.1 200 OK").count(), asked);
        assert_eq!(
            (all.matches("connection: close").count(), all.ends_with("close\r\ncontent-length: 1\r\n\r\nx")),
            (1, true)
        );
        assert_eq!(events(&mut server), [Event::Closed(Closing::Done)]);
    }
    // What is cut off behind a request is none.
    let mut server = server();
    feed(&mut server, &[GET, b"GET / HT"].concat(), 99);
    server.on_end(NOW, b"");
    let (id, _) = request(&mut server);
    events(&mut server);
    answer(&mut server, id, Status::OK, b"");
    assert_eq!(events(&mut server), [Event::Closed(Closing::Done)]);
}

/// A tunnel is open, or not, when the server says so: an end that came before is that of what goes through it.
#[test]
fn the_end_of_a_client_that_waits_for_a_tunnel_is_the_end_of_the_tunnel() {
    let ask = b"GET / HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
    for (ahead, status) in
        [(&b""[..], Status::OK), (b"abc", Status::OK), (b"", Status::FORBIDDEN), (GET, Status::FORBIDDEN)]
    {
        let mut server = Connection::server(UPGRADES, Scheme::Https, NOW);
        feed(&mut server, ask, 99);
        feed(&mut server, ahead, 99);
        server.on_end(NOW, b"");
        let (id, _) = request(&mut server);
        assert_eq!(events(&mut server), []);
        let head = ResponseHead::new(status);
        server.send_response(NOW, id, &head, &mut Bytes::new(), status != Status::OK).unwrap().unwrap();
        if status == Status::OK {
            assert_eq!(content(&mut server, id), (ahead.to_vec(), Body::End));
            assert_eq!(events(&mut server).last(), Some(&Event::Exchange(id, exchange::Event::Finished)));
            server.on_timeout(NOW + PLAIN.limits.after_end);
            assert_eq!(events(&mut server), [], "it goes on in the other direction");
            server.finish(NOW, id).unwrap();
        } else if ahead == GET {
            let next = events(&mut server).into_iter().find_map(|event| match event {
                Event::Exchange(next, exchange::Event::Request(_)) => Some(next),
                _ => None,
            });
            answer(&mut server, next.unwrap(), Status::OK, b"");
        }
        assert_eq!(events(&mut server).last(), Some(&Event::Closed(Closing::Done)), "{ahead:?} {status}");
        assert!(sent(&mut server).1);
    }
}

/// RFC 9112 section 2.2-7, 3.2.2-5, 3.2.2-6.
#[test]
fn targets_in_every_form() {
    for (line, host, method, authority, path) in [
        ("\r\nGET /x HTTP/1.1", "a", "GET", "a", Some("/x")),
        ("GET http://b:80/x?y HTTP/1.1", "a", "GET", "b:80", Some("/x?y")),
        ("GET https://b HTTP/1.7", "a", "GET", "b", Some("/")),
        ("OPTIONS * HTTP/1.1", "a", "OPTIONS", "a", Some("*")),
        ("CONNECT b:443 HTTP/1.1", "a", "CONNECT", "b:443", None),
        ("BREW / HTTP/1.1", "a", "BREW", "a", Some("/")),
    ] {
        let mut server = server();
        feed(&mut server, alloc::format!("{line}\r\nhost: {host}\r\n\r\n").as_bytes(), 3);
        let (_, head) = request(&mut server);
        let found =
            (head.method.as_str(), head.authority.as_ref().unwrap().as_str(), head.path.as_ref().map(|p| p.as_str()));
        assert_eq!(found, (method, authority, path), "{line}");
    }
}

/// RFC 9112 section 6.1-1, 7.1-2, 7.1.2-2.
#[test]
fn chunked_content_and_trailers_come_in() {
    let wire = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nSum: 7\r\n\r\nGET";
    for size in 1..wire.len() {
        let mut server = server();
        let left = feed(&mut server, wire, size);
        let (id, _) = request(&mut server);
        assert_eq!(content(&mut server, id), (b"hello world".to_vec(), Body::End));
        let mut trailers = Fields::new();
        trailers.push("sum", "7").unwrap();
        let told = [exchange::Event::Body, exchange::Event::Trailers(trailers), exchange::Event::Finished];
        assert_eq!(events(&mut server), told.map(|event| Event::Exchange(id, event)), "{size}");
        assert_eq!((left.as_slice(), &*server.ahead.bytes()), (&b""[..], &b"GET"[..]));
    }
}

/// RFC 9112 section 6.1-2, 6.1-11, 6.2-1, 6.3-9.
/// RFC 9110 section 15.2-1.
#[test]
fn content_of_unknown_length_goes_out_in_chunks_and_to_old_clients_until_the_end() {
    let head = ResponseHead::new(Status::OK);
    let mut trailers = Fields::new();
    trailers.push("sum", "7").unwrap();
    for (version, expected, ends) in [
        (
            1,
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nyou\r\n0\r\nsum: 7\r\n\r\n",
            false,
        ),
        (0, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhelloyou", true),
    ] {
        let mut server = server();
        feed(
            &mut server,
            alloc::format!("GET / HTTP/1.{version}\r\nhost: a\r\nconnection: keep-alive\r\n\r\n").as_bytes(),
            99,
        );
        let (id, _) = request(&mut server);
        let hello = server.send_response(NOW, id, &head, &mut Bytes::from_static(b"hello"), false);
        assert_eq!(hello, Ok(Ok(false)));
        server.send_body(NOW, id, &mut Bytes::from_static(b"you")).unwrap();
        server.send_body(NOW, id, &mut Bytes::new()).unwrap();
        server.send_trailers(NOW, id, &trailers).unwrap();
        assert_eq!(server.send_body(NOW, id, &mut Bytes::from_static(b"x")), Err(SendError::Ended));
        assert_eq!(sent(&mut server), (expected.into(), ends));
    }
    // A length that is known suits both, and an old client that asks may go on.
    let mut server = server();
    feed(&mut server, b"GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n", 99);
    let (id, _) = request(&mut server);
    answer(&mut server, id, Status::OK, b"x");
    assert_eq!(
        sent(&mut server),
        ("HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx".into(), false)
    );
    // It is sent no informational response, which it would take for the final one.
    feed(&mut server, b"GET / HTTP/1.0\r\nhost: a\r\n\r\n", 99);
    events(&mut server);
    let id = server.current().unwrap();
    server.send_informational(id, &ResponseHead::new(Status::EARLY_HINTS)).unwrap();
    assert_eq!(sent(&mut server).0, "");
}

/// RFC 9112 section 4-4, 6.1-7.
/// RFC 9110 section 6-1, 15.3.6-1.
#[test]
fn responses_that_have_no_content_say_so() {
    for (method, status, expected) in [
        ("HEAD", Status::OK, "HTTP/1.1 200 OK\r\n\r\n"),
        ("GET", Status::NO_CONTENT, "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", Status::NOT_MODIFIED, "HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("GET", Status::RESET_CONTENT, "HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n"),
    ] {
        let mut server = server();
        feed(&mut server, alloc::format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n").as_bytes(), 99);
        let (id, _) = request(&mut server);
        let whole = server.send_response(NOW, id, &ResponseHead::new(status), &mut Bytes::new(), true);
        assert_eq!(whole, Ok(Ok(true)));
        assert_eq!(sent(&mut server), (expected.into(), false));
        assert!(server.is_idle());
    }
}

/// RFC 9110 section 10.1.1-14.
#[test]
fn a_client_that_waits_for_100_gets_it_or_the_end() {
    let wire = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-Continue\r\n\r\n";
    let mut server = server();
    feed(&mut server, wire, 99);
    let (id, _) = request(&mut server);
    server.send_informational(id, &ResponseHead::new(Status::CONTINUE)).unwrap();
    assert_eq!(sent(&mut server).0, "HTTP/1.1 100 Continue\r\n\r\n");
    feed(&mut server, b"hello", 2);
    assert_eq!(content(&mut server, id), (b"hello".to_vec(), Body::End));
    answer(&mut server, id, Status::OK, b"");
    assert_eq!(sent(&mut server), ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into(), false));
    // Refused: whether the content comes all the same is not known, so the connection ends.
    feed(&mut server, wire, 99);
    events(&mut server);
    let id = server.current().unwrap();
    answer(&mut server, id, Status::FORBIDDEN, b"");
    server.stop_receiving(NOW, id);
    let expected = "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(sent(&mut server), (expected.into(), true));
}

/// RFC 9112 section 9.3-5.
#[test]
fn content_that_nobody_reads_is_thrown_away_if_it_is_little_and_ends_the_connection_if_it_is_much() {
    for (length, chunked, goes_on) in [(500, false, true), (5000, false, false), (500, true, true), (5000, true, false)]
    {
        let mut server = server();
        let framing =
            if chunked { "transfer-encoding: chunked".into() } else { alloc::format!("content-length: {length}") };
        feed(&mut server, alloc::format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n").as_bytes(), 99);
        let (id, _) = request(&mut server);
        server.stop_receiving(NOW, id);
        assert_eq!(server.read_body(NOW, id, 9), Body::Gone);
        answer(&mut server, id, Status::OK, b"x");
        let body = "y".repeat(length);
        let body = if chunked { alloc::format!("{length:x}\r\n{body}\r\n0\r\n\r\n") } else { body };
        let left = feed(&mut server, body.as_bytes(), 100);
        let (text, ended) = sent(&mut server);
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
        assert_eq!(ended, !goes_on, "{length} {chunked}");
        assert_eq!(left, b"", "what still comes is read, so that the answer is not lost");
        if goes_on {
            feed(&mut server, GET, 9);
            request(&mut server);
        }
    }
}

/// RFC 9112 section 9.6-3, 9.6-4, 9.6-5, 9.6-6, 9.6-7.
#[test]
fn close_is_said_and_kept() {
    let mut server = server();
    let wire = [b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", GET].concat();
    feed(&mut server, &wire, 99);
    let (id, _) = request(&mut server);
    answer(&mut server, id, Status::OK, b"");
    assert_eq!(sent(&mut server), ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into(), true));
    let told = events(&mut server);
    assert_eq!(told, [Event::Exchange(id, exchange::Event::Finished), Event::Closed(Closing::Done)]);
    assert_eq!(feed(&mut server, GET, 9), b"", "nothing more is a request");
    assert_eq!(events(&mut server), []);
}

#[test]
fn a_drained_server_answers_what_has_begun_and_ends() {
    const ANSWERED: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    // Nothing was asked yet: there is time to.
    let mut server = server();
    server.drain(NOW);
    assert_eq!(sent(&mut server), ("".into(), false));
    assert_eq!(server.deadline(), Some(NOW + Duration::from_secs(1)));
    feed(&mut server, GET, 99);
    let (id, _) = request(&mut server);
    answer(&mut server, id, Status::OK, b"");
    assert_eq!(sent(&mut server), (ANSWERED.into(), true));
    // It was not asked in time; whoever has begun by then is heard out.
    for begun in ["", "GET"] {
        let mut server = self::server();
        server.drain(NOW);
        feed(&mut server, begun.as_bytes(), 99);
        server.on_timeout(NOW + Duration::from_secs(1));
        assert_eq!(sent(&mut server), ("".into(), begun.is_empty()));
    }
    // On a connection that was used a client knows that it may be gone.
    let mut server = self::server();
    feed(&mut server, GET, 99);
    let (id, _) = request(&mut server);
    answer(&mut server, id, Status::OK, b"");
    assert!(!sent(&mut server).1);
    server.drain(NOW);
    assert_eq!(sent(&mut server), ("".into(), true));
    let mut server = self::server();
    feed(&mut server, &GET[..10], 99);
    server.drain(NOW);
    feed(&mut server, &GET[10..], 99);
    let (id, _) = request(&mut server);
    answer(&mut server, id, Status::OK, b"");
    assert_eq!(sent(&mut server), (ANSWERED.into(), true));
}

/// RFC 9110 section 7.8-4, 7.8-10, 7.8-11.
#[test]
fn an_upgrade_is_an_extended_connect() {
    let wire =
        b"GET /chat HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\nx: y\r\n\r\nearly";
    let mut server = Connection::server(UPGRADES, Scheme::Https, NOW);
    let left = feed(&mut server, wire, 99);
    let (id, head) = request(&mut server);
    assert_eq!((head.method.clone(), head.protocol.as_ref().unwrap().as_str()), (Method::Connect, "WebSocket"));
    assert_eq!((head.path(), left.as_slice()), ("/chat", &b""[..]));
    let whole = server.send_response(NOW, id, &ResponseHead::new(Status::OK), &mut Bytes::new(), false);
    assert_eq!(whole, Ok(Ok(false)));
    assert_eq!(content(&mut server, id), (b"early".to_vec(), Body::Blocked));
    server.send_body(NOW, id, &mut Bytes::from_static(b"\0raw")).unwrap();
    let expected = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: WebSocket\r\n\r\n\0raw";
    assert_eq!(sent(&mut server), (expected.into(), false));
    server.finish(NOW, id).unwrap();
    assert_eq!(sent(&mut server), ("".into(), true));
    feed(&mut server, b"late", 99);
    server.on_end(NOW, b"");
    assert_eq!(content(&mut server, id), (b"late".to_vec(), Body::End));
    assert_eq!(server.current(), None);
    // Refused, and one that the server does not know: the connection goes on as it was.
    let mut server = Connection::server(UPGRADES, Scheme::Https, NOW);
    feed(&mut server, &wire[..wire.len() - 5], 99);
    let (id, _) = request(&mut server);
    answer(&mut server, id, Status::FORBIDDEN, b"no");
    assert_eq!(sent(&mut server), ("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno".into(), false));
    for fields in ["connection: upgrade\r\nupgrade: h2c", "upgrade: websocket", "connection: upgrade"] {
        events(&mut server);
        feed(&mut server, alloc::format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n").as_bytes(), 99);
        let (id, head) = request(&mut server);
        assert_eq!((head.method, head.protocol), (Method::Get, None), "{fields}");
        answer(&mut server, id, Status::OK, b"");
    }
}

/// RFC 9112 section 6.1-8.
#[test]
fn connect_opens_a_tunnel_and_a_refusal_ends_the_connection() {
    let wire = b"CONNECT b:443 HTTP/1.1\r\nhost: b:443\r\n\r\n";
    let mut server = server();
    feed(&mut server, wire, 99);
    let (id, _) = request(&mut server);
    let opened = server.send_response(NOW, id, &ResponseHead::new(Status::OK), &mut Bytes::from_static(b"x"), false);
    assert_eq!(opened, Ok(Ok(false)));
    assert_eq!(sent(&mut server).0, "HTTP/1.1 200 OK\r\n\r\nx");
    let mut server = self::server();
    feed(&mut server, &[&wire[..], GET].concat(), 99);
    let (id, _) = request(&mut server);
    answer(&mut server, id, Status::FORBIDDEN, b"");
    assert!(sent(&mut server).1);
    assert_eq!(events(&mut server).last(), Some(&Event::Closed(Closing::Done)));
}

#[test]
fn a_client_that_leaves_in_the_middle_is_told_and_one_that_has_said_all_is_answered() {
    let mut server = server();
    feed(&mut server, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhel", 99);
    let (id, _) = request(&mut server);
    server.on_end(NOW, b"");
    let told = events(&mut server);
    assert_eq!(told.last(), Some(&Event::Exchange(id, exchange::Event::Reset(Reason::Incomplete))));
    answer(&mut server, id, Status::BAD_REQUEST, b"");
    assert!(sent(&mut server).1);
    let mut server = self::server();
    feed(&mut server, GET, 99);
    let (id, _) = request(&mut server);
    server.on_end(NOW, b"");
    answer(&mut server, id, Status::OK, b"x");
    assert_eq!(sent(&mut server), ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx".into(), true));
    let mut server = self::server();
    feed(&mut server, &GET[..5], 99);
    server.on_end(NOW, b"");
    assert_eq!((events(&mut server), sent(&mut server)), ([Event::Closed(Closing::Done)].into(), ("".into(), true)));
}

#[test]
fn a_handler_that_fails_is_answered_for_and_one_that_breaks_off_cuts_the_connection() {
    for (reason, status) in [(Reason::Internal, "500"), (Reason::Rejected, "503"), (Reason::Connect, "502")] {
        let mut server = server();
        feed(&mut server, GET, 99);
        let (id, _) = request(&mut server);
        server.reset(NOW, id, reason);
        let (text, ended) = sent(&mut server);
        assert!(text.starts_with(&alloc::format!("HTTP/1.1 {status} ")) && ended, "{text}");
    }
    let mut server = server();
    feed(&mut server, GET, 99);
    let (id, _) = request(&mut server);
    server.send_response(NOW, id, &ResponseHead::new(Status::OK), &mut Bytes::new(), false).unwrap().unwrap();
    server.reset(NOW, id, Reason::Internal);
    assert_eq!(server.demand(), Demand::Reset, "the end of what was sent must not look like the end of the message");
    assert_eq!(server.poll_event(), Some(Event::Exchange(id, exchange::Event::Finished)));
    assert_eq!(server.poll_event(), Some(Event::Closed(Closing::GivenUp)));
}

#[test]
fn what_is_held_is_bounded_and_goes_on_as_it_is_read_and_sent() {
    let mut server = server();
    let body = [b'x'; 5000];
    let wire = [&b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5000\r\n\r\n"[..], &body].concat();
    let mut left = feed(&mut server, &wire, 300);
    let (id, _) = request(&mut server);
    assert_eq!((server.demand(), left.len()), (Demand::Pause, 4000), "as much as may be held");
    let mut read = 0;
    while let Body::Data(bytes) = server.read_body(NOW, id, 700) {
        read += bytes.len();
        left = feed(&mut server, &left, 300);
    }
    assert_eq!((read, left.len()), (5000, 0));
    events(&mut server);
    let mut data = Bytes::from(alloc::vec![b'y'; 3000]);
    let head = ResponseHead::new(Status::OK).with_field("content-length", "3000").unwrap();
    server.send_response(NOW, id, &head, &mut data, false).unwrap().unwrap();
    assert_eq!(server.room(id, 10), Ok(0));
    let mut all = alloc::string::String::new();
    while !data.is_empty() {
        all.push_str(&sent(&mut server).0);
        assert_eq!(events(&mut server), [Event::Exchange(id, exchange::Event::Writable)]);
        server.send_body(NOW, id, &mut data).unwrap();
    }
    server.finish(NOW, id).unwrap();
    all.push_str(&sent(&mut server).0);
    assert!(all.ends_with(&"y".repeat(3000)));
    assert!(server.is_idle());
}

/// Of a peer that takes nothing the carrier holds one buffer, and nothing waits behind that: who reads content from elsewhere is told
/// of room when the carrier asks for more, and not when it has been given what there was.
#[test]
fn nothing_waits_behind_what_a_carrier_cannot_send() {
    let config = Config { limits: Limits::default(), ..PLAIN };
    let mut server = Connection::server(config, Scheme::Https, NOW);
    let (mut duplex, mut memory) = (Duplex::default(), StreamMemory::default());
    feed(&mut server, GET, 99);
    let (id, _) = request(&mut server);
    server.send_response(NOW, id, &ResponseHead::new(Status::OK), &mut Bytes::new(), false).unwrap().unwrap();
    let (mut pieces, mut carried) = (Vec::new(), 0);
    for round in 0..100 {
        while let room @ 1.. = server.room(id, 64 << 10).unwrap() {
            pieces.push(room);
            server.send_body(NOW, id, &mut Bytes::from(alloc::vec![b'x'; room])).unwrap();
        }
        assert!(duplex.transmit(NOW, &mut server, &mut memory));
        assert_eq!(server.unsent(), 0, "all of it goes into one buffer");
        assert!(!events(&mut server).contains(&Event::Exchange(id, exchange::Event::Writable)), "round {round}");
        // The carrier takes half of it and then nothing for a while.
        let half = duplex.to_send().len() / 2;
        duplex.on_sent(half);
        assert!(duplex.transmit(NOW, &mut server, &mut memory));
        assert_eq!((server.room(id, 64 << 10), server.poll_event()), (Ok(63 << 10), None), "nobody is told of it yet");
        carried += half + duplex.to_send().len();
        duplex.on_sent(duplex.to_send().len());
        assert!(!duplex.transmit(NOW, &mut server, &mut memory) && duplex.has_sent_all());
        assert_eq!(server.poll_event(), Some(Event::Exchange(id, exchange::Event::Writable)));
    }
    assert!(pieces.iter().skip(1).all(|len| *len > 60 << 10), "large pieces: {pieces:?}");
    assert!(carried > pieces.iter().sum());
}

#[test]
fn a_message_is_as_long_as_it_says() {
    let mut server = server();
    feed(&mut server, GET, 99);
    let (id, _) = request(&mut server);
    let head = ResponseHead::new(Status::OK).with_field("content-length", "3").unwrap();
    let short = server.send_response(NOW, id, &head, &mut Bytes::new(), true);
    assert!(matches!(short, Err(SendError::Malformed(_))), "{short:?}");
    server.send_response(NOW, id, &head, &mut Bytes::from_static(b"ab"), false).unwrap().unwrap();
    assert!(matches!(server.finish(NOW, id), Err(SendError::Malformed(_))));
    assert!(matches!(server.send_body(NOW, id, &mut Bytes::from_static(b"cd")), Err(SendError::Malformed(_))));
    server.send_body(NOW, id, &mut Bytes::from_static(b"c")).unwrap();
    server.finish(NOW, id).unwrap();
    assert_eq!(sent(&mut server).0, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc");
}

/// A length that is said because all of the content was there, and what did not fit.
#[test]
fn what_is_left_of_a_message_is_as_long_as_was_said_for_it() {
    let mut server = server();
    server.config.limits.max_unsent = 1;
    feed(&mut server, GET, 99);
    let (id, _) = request(&mut server);
    let mut data = Bytes::from_static(b"abc");
    assert_eq!(server.send_response(NOW, id, &ResponseHead::new(Status::OK), &mut data, true), Ok(Ok(false)));
    assert_eq!((data.len(), sent(&mut server).0.as_str()), (3, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"));
    server.config.limits.max_unsent = 100;
    assert!(matches!(server.finish(NOW, id), Err(SendError::Malformed(_))), "a client would wait for the rest");
    let more = server.send_body(NOW, id, &mut Bytes::from_static(b"abcd"));
    assert!(matches!(more, Err(SendError::Malformed(_))), "a client would take that for the next response");
    server.send_body(NOW, id, &mut data).unwrap();
    server.finish(NOW, id).unwrap();
    assert_eq!(sent(&mut server).0, "abc");
}

#[test]
fn a_date_is_added_where_there_is_none() {
    let config = Config { date: Some(|| *b"Sun, 06 Nov 1994 08:49:37 GMT"), ..PLAIN };
    let mut server = Connection::server(config, Scheme::Https, NOW);
    feed(&mut server, b"nonsense\r\n", 99);
    assert!(sent(&mut server).0.contains("\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"), "errors have one too");
    let mut server = Connection::server(config, Scheme::Https, NOW);
    feed(&mut server, GET, 99);
    let (id, _) = request(&mut server);
    let head = ResponseHead::new(Status::OK).with_field("date", "x").unwrap();
    server.send_response(NOW, id, &head, &mut Bytes::new(), true).unwrap().unwrap();
    assert_eq!(sent(&mut server).0.matches("date:").count(), 1);
}

/// A request whose content is broken is told before its failure is, however much of it came at once.
#[test]
fn nobody_hears_of_the_end_of_a_request_that_never_began() {
    let wire = b"PUT /b HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\rX\n";
    for size in [1, 7, wire.len()] {
        let mut server = server();
        feed(&mut server, wire, size);
        let (id, _) = request(&mut server);
        let told = events(&mut server);
        let failed = |event: &Event| matches!(event, Event::Exchange(of, exchange::Event::Failed(_)) if *of == id);
        assert!(told.iter().any(failed), "{size}: {told:?}");
        assert!(sent(&mut server).0.starts_with("HTTP/1.1 400 "));
    }
}
