//! Requests that come in, and the responses to them.

use super::script::*;
use crate::{Body, Config, Connection, Event, Limits, SendError, Violation};
use alloc::vec::Vec;
use base::{Bytes, Duration};
use http::exchange::{self, Reason};
use http::{Fields, Malformed, Method, ResponseHead, Status};
use qpack::DecompressionError;

fn ok() -> ResponseHead {
    ResponseHead::new(Status::OK)
}

/// A request stream, whole or dripped, closes the connection for this breach.
#[track_caller]
fn closes(bytes: &[u8], violation: Violation) {
    let mut script = Script::server();
    script.feed(0, bytes);
    script.expect_close(violation);
    let mut script = Script::server();
    script.drip(0, bytes);
    script.expect_close(violation);
}

/// A request that the application never hears of: both directions are given up for this breach, and nothing else happens.
#[track_caller]
fn refused(bytes: &[u8], violation: Violation) {
    for whole in [true, false] {
        let mut script = Script::server();
        if whole {
            script.feed_and_end(0, bytes);
        } else {
            script.drip(0, bytes);
            script.end(0);
        }
        script.expect_refused(0, violation);
        assert_eq!(script.events(), []);
        assert!(script.connection.streams.is_empty());
    }
}

/// RFC 9114 section 4.1-11.
#[test]
fn a_request_and_its_response() {
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET));
    let events = script.events();
    let [Event::Exchange(_, exchange::Event::Request(head)), Event::Exchange(_, exchange::Event::Finished)] =
        &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((head.method.clone(), head.path()), (Method::Get, "/"));
    script.connection.send_response(&mut script.transport, id(0), &ok(), false).unwrap();
    let mut body = Bytes::from_static(b"hello");
    script.connection.send_body(&mut script.transport, id(0), &mut body).unwrap();
    assert!(body.is_empty());
    script.connection.finish(&mut script.transport, id(0)).unwrap();
    let expected = [headers(&[(":status", "200")]), frame(0, b"hello")].concat();
    script.expect(&[Write(0, expected), Finish(0)]);
    assert!(script.connection.streams.is_empty());
    assert_eq!(script.connection.finish(&mut script.transport, id(0)), Err(SendError::Ended));
}

/// RFC 9110 section 5.3-4.
/// RFC 9114 section 7.2.8-2, 9-1.
#[test]
fn one_byte_at_a_time_is_the_same_as_whole() {
    let request = [
        frame(0x21, b"grease"),
        with(&POST, &[("content-length", "7")]),
        frame(0, b""),
        frame(0, b"abc"),
        frame(0x40, &[9; 300]),
        frame(0, b"defg"),
        headers(&[("x-sum", "1")]),
        frame(0x21, b""),
    ]
    .concat();
    let run = |feed: &dyn Fn(&mut Script)| {
        let mut script = Script::server();
        let mut body = Vec::new();
        let mut events = Vec::new();
        feed(&mut script);
        script.end(0);
        while let Some(event) = script.connection.poll_event() {
            if let Event::Exchange(_, exchange::Event::Body) = event {
                body.extend(script.read_all(0).0);
            } else {
                events.push(event);
            }
        }
        script.expect(&[]);
        (body, events)
    };
    let whole = run(&|script| script.feed(0, &request));
    assert_eq!(whole.0, b"abcdefg");
    assert!(matches!(
        whole.1[..],
        [
            Event::Exchange(_, exchange::Event::Request(_)),
            Event::Exchange(_, exchange::Event::Trailers(_)),
            Event::Exchange(_, exchange::Event::Finished)
        ]
    ));
    assert_eq!(run(&|script| script.drip(0, &request)), whole);
    for split in 1..request.len() {
        let halves = run(&|script| {
            script.feed(0, &request[..split]);
            script.feed(0, &request[split..]);
        });
        assert_eq!(halves, whole, "split at {split}");
    }
}

/// RFC 9114 section 7.1-4.
#[test]
fn a_request_cut_anywhere_ends_in_an_error() {
    let request = [with(&POST, &[("content-length", "3")]), frame(0, b"abc")].concat();
    for end in 0..request.len() {
        let mut script = Script::server();
        script.feed(0, &request[..end]);
        script.end(0);
        script.read_all(0);
        let commands = core::mem::take(&mut script.transport.commands);
        let is_error = matches!(commands[..], [Close(0x106)] | [Reset(0, 0x10d | 0x10e), StopSending(..)]);
        assert!(is_error, "{end}: {commands:x?}");
        assert!(!script.events().iter().any(|event| matches!(event, Event::Exchange(_, exchange::Event::Finished))));
    }
}

#[test]
fn no_change_of_a_byte_breaks_anything() {
    let request = [with(&POST, &[("content-length", "3")]), frame(0, b"abc"), headers(&[("x", "y")])].concat();
    for at in 0..request.len() {
        for byte in 0..=255 {
            let mut changed = request.clone();
            changed[at] = byte;
            let mut script = Script::server();
            script.feed_and_end(0, &changed);
            script.read_all(0);
            script.events();
        }
    }
}

#[test]
fn a_body_stays_with_the_peer_until_it_is_read() {
    let mut script = Script::server();
    // A DATA frame of a megabyte, of which the first packet has come.
    script.feed(0, &[&headers(&POST)[..], &[0, 0x80, 0x10, 0, 0]].concat());
    script.feed(0, &[7; 1000]);
    let before = script.transport.credit[&0];
    for _ in 0..50 {
        script.feed(0, &[7; 1000]);
    }
    assert_eq!(script.transport.credit[&0], before, "nothing more is taken than was read to find the frame");
    let events = script.events();
    assert!(
        matches!(
            events[..],
            [Event::Exchange(_, exchange::Event::Request(_)), Event::Exchange(_, exchange::Event::Body)]
        ),
        "told once: {events:?}"
    );
    let (body, rest) = script.read_all(0);
    assert_eq!((body.len(), rest), (51_000, Body::Blocked));
    script.feed(0, &[7; 1000]);
    assert_eq!(script.events(), [Event::Exchange(id(0), exchange::Event::Body)], "told again");
}

/// Requests may overtake the settings of their client, and are served then as ever. Nothing is kept of what nobody reads.
#[test]
fn requests_that_come_before_the_settings_are_served() {
    let mut script = Script::new(Connection::server(Config::default()));
    script.connection.on_connected(&mut script.transport);
    script.transport.commands.clear();
    script.feed_and_end(0, &headers(&GET));
    script.feed(4, &[&headers(&POST)[..], &[0, 0x80, 0x10, 0, 0]].concat());
    let events = script.events();
    assert!(
        matches!(
            events[..],
            [
                Event::Exchange(_, exchange::Event::Request(_)),
                Event::Exchange(_, exchange::Event::Finished),
                Event::Exchange(_, exchange::Event::Request(_)),
                Event::Exchange(_, exchange::Event::Body),
            ]
        ),
        "{events:?}"
    );
    script.connection.send_response(&mut script.transport, id(0), &ok(), true).unwrap();
    script.expect(&[Write(0, headers(&[(":status", "200")])), Finish(0)]);
    let before = script.transport.credit[&4];
    for _ in 0..500 {
        script.feed(4, &[7; 1000]);
    }
    assert_eq!(script.transport.credit[&4], before, "the rest stays with the client");
    assert_eq!(script.events(), [], "it was told that there is content");
    script.feed(2, &[0, 4, 0]);
    let events = script.events();
    assert!(matches!(events[..], [Event::Settings(_)]), "{events:?}");
    assert_eq!(script.read_all(4).0.len(), 500_000);
    assert!(script.violation_free());
}

/// RFC 9114 section 4.1-3, 7.2.3-7, 7.2.4-4, 7.2.5-11, 7.2.6-2, 7.2.7-1, 7.2.8-3.
#[test]
fn frames_out_of_place() {
    closes(&frame(0, b"x"), Violation::FrameOutOfOrder);
    closes(&frame(0, b""), Violation::FrameOutOfOrder);
    let after_trailers = [headers(&GET), headers(&[("a", "b")])].concat();
    closes(&[&after_trailers[..], &headers(&[("a", "b")])].concat(), Violation::FrameOutOfOrder);
    closes(&[&after_trailers[..], &frame(0, b"x")].concat(), Violation::FrameOutOfOrder);
    for (frame_types, violation) in [
        (&[0x02, 0x06, 0x08, 0x09][..], Violation::ReservedFrame),
        (&[0x03, 0x04, 0x07, 0x0d, 0xf0700, 0xf0701], Violation::FrameOnRequestStream),
        (&[0x05], Violation::FrameOfServer),
    ] {
        for frame_type in frame_types {
            closes(&frame(*frame_type, &[0]), violation);
            closes(&[headers(&GET), frame(*frame_type, &[0])].concat(), violation);
        }
    }
}

/// RFC 9114 section 4.1.2-2, 4.2-2, 4.2-3, 4.2-4, 4.3-2, 4.3-4, 4.3-6, 4.3.1-1, 4.3.1-5, 4.3.1-6, 4.3.1-7, 4.3.1-8.
/// RFC 9114 section 4.3.1-9, 4.4-4, 10.3-1, 10.3-2.
#[test]
fn malformed_requests() {
    let get_without =
        |name: &str| headers(&GET.iter().copied().filter(|(known, _)| *known != name).collect::<Vec<_>>());
    for (bytes, malformed) in [
        // The cases of an outside list: a second :method, no authority at all, :foo and a misspelling, a late :path,
        // user information, an empty path.
        (with(&GET, &[(":method", "GET")]), Malformed::DuplicatePseudoField),
        (with(&GET, &[("a", "b"), (":method", "GET")]), Malformed::LatePseudoField),
        (get_without(":authority"), Malformed::MissingAuthority),
        (with(&GET, &[(":foo", "x")]), Malformed::UnknownPseudoField),
        (with(&GET, &[(":autority", "x")]), Malformed::UnknownPseudoField),
        (with(&GET[..3], &[("a", "b"), (":path", "/")]), Malformed::LatePseudoField),
        (with(&[GET[0], GET[1], (":authority", "u@a.example"), GET[3]], &[]), Malformed::Authority),
        (with(&[GET[0], GET[1], (":authority", ""), GET[3]], &[]), Malformed::Authority),
        (with(&GET[..3], &[(":path", "")]), Malformed::Path),
        (get_without(":method"), Malformed::MissingPseudoField),
        (get_without(":scheme"), Malformed::MissingPseudoField),
        (get_without(":path"), Malformed::MissingPseudoField),
        (with(&GET[1..], &[(":method", "G T")]), Malformed::Method),
        (with(&[GET[0], (":scheme", "1"), GET[2], GET[3]], &[]), Malformed::Scheme),
        (with(&GET, &[(":status", "200")]), Malformed::UnknownPseudoField),
        (with(&GET, &[("Upper", "x")]), Malformed::UppercaseName),
        (with(&GET, &[("a b", "x")]), Malformed::FieldName),
        (with(&GET, &[("a", "x\r\ny: z")]), Malformed::FieldValue),
        (with(&GET, &[("connection", "close")]), Malformed::ConnectionSpecificField),
        (with(&GET, &[("transfer-encoding", "chunked")]), Malformed::ConnectionSpecificField),
        (with(&GET, &[("te", "gzip")]), Malformed::Te),
        (with(&GET, &[("host", "b.example")]), Malformed::HostDiffersFromAuthority),
        (with(&GET, &[("host", "a.example"), ("host", "a.example")]), Malformed::DuplicateHost),
        (with(&GET, &[("content-length", "+5")]), Malformed::ContentLength),
        (with(&GET, &[("content-length", "5"), ("content-length", "5")]), Malformed::DuplicateContentLength),
        (headers(&[(":method", "CONNECT"), (":authority", "a.example")]), Malformed::Connect),
    ] {
        refused(&bytes, Violation::Malformed(malformed));
    }
}

#[test]
fn content_length_on_every_way_to_end() {
    let head = with(&POST, &[("content-length", "5")]);
    // The end right after the head, alone or with it; an empty frame; too little.
    for body in [&b""[..], &frame(0, b""), &frame(0, b"1234")] {
        let mut script = Script::server();
        script.feed_and_end(0, &[&head[..], body].concat());
        let (_, rest) = script.read_all(0);
        assert_ne!(rest, Body::Data(Bytes::new()));
        assert_eq!(script.expect_failed(0, Violation::Malformed(Malformed::BodyTooShort)), []);
    }
    // Too much, before the end comes.
    let mut script = Script::server();
    script.feed(0, &[&head[..], &frame(0, b"123456")].concat());
    let (body, _) = script.read_all(0);
    assert!(body.len() <= 5);
    assert_eq!(script.expect_failed(0, Violation::Malformed(Malformed::BodyTooLong)), []);
    // A declared frame that does not come: what is missing is never reported.
    let mut script = Script::server();
    script.feed(0, &[&head[..], &[0, 5, b'1']].concat());
    assert_eq!(script.read_all(0), (b"1".to_vec(), Body::Blocked));
    script.end(0);
    let _ = script.read_all(0);
    script.expect_close(Violation::FrameTruncated);
    // Exactly.
    let mut script = Script::server();
    script.feed_and_end(0, &[&head[..], &frame(0, b"12"), &frame(0, b"345")].concat());
    assert_eq!(script.read_all(0), (b"12345".to_vec(), Body::End));
}

/// RFC 9110 section 6.5.1-2.
/// RFC 9114 section 4.1-2, 4.3-3.
#[test]
fn trailers_are_held_to_the_rules() {
    for (line, malformed) in [
        ((":path", "/"), Malformed::PseudoFieldInTrailers),
        (("Upper", "x"), Malformed::UppercaseName),
        (("connection", "x"), Malformed::ConnectionSpecificField),
        (("content-length", "0"), Malformed::ConnectionSpecificField),
    ] {
        let mut script = Script::server();
        script.feed_and_end(0, &[headers(&POST), headers(&[line])].concat());
        assert_eq!(script.expect_failed(0, Violation::Malformed(malformed)), []);
    }
}

#[test]
fn a_response_that_waits_for_the_transport_goes_when_nobody_wants_it() {
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET));
    script.transport.room.insert(0, 1);
    script.connection.send_response(&mut script.transport, id(0), &ok(), true).unwrap();
    assert_eq!(script.connection.shared.in_hand, 1);
    script.stop(0, 0x10c);
    assert!(script.connection.streams.is_empty());
    assert_eq!(script.connection.shared.in_hand, 0);
    assert!(!script.events().iter().any(|event| matches!(event, Event::Exchange(_, exchange::Event::Stopped(_)))));
}

/// RFC 9114 section 4.1.1-5.
#[test]
fn work_that_was_begun_is_never_called_rejected() {
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET));
    script.stop(0, 0x10b);
    script.expect(&[Reset(0, 0x10c)]);
}

/// RFC 9114 section 7.1-4.
#[test]
fn incomplete_requests() {
    let mut script = Script::server();
    script.end(0);
    script.expect_refused(0, Violation::RequestIncomplete);
    let mut script = Script::server();
    script.feed_and_end(0, &frame(0x21, b""));
    script.expect_refused(0, Violation::RequestIncomplete);
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET)[..5]);
    script.expect_close(Violation::FrameTruncated);
}

/// RFC 9204 section 2.2.3-1, 3.1-1, 4.5.1.1-1.
#[test]
fn undecodable_sections_close_the_connection() {
    for (section, error) in [
        // Entry 99 of the static table; a dynamic reference; a truncated section; an empty one.
        (&[0, 0, 0xff, 99 - 63][..], DecompressionError::StaticIndex),
        (&[2, 0, 0x80], DecompressionError::InsertCount),
        (&[0, 0, 0x51, 9], DecompressionError::Truncated),
        (&[], DecompressionError::Truncated),
    ] {
        closes(&frame(1, section), Violation::Decompression(error));
        closes(&[headers(&GET), frame(1, section)].concat(), Violation::Decompression(error));
    }
}

/// RFC 9114 section 4.4-6.
#[test]
fn connect_is_a_tunnel() {
    let mut script = Script::server();
    script.feed(0, &headers(&[(":method", "CONNECT"), (":authority", "a.example:443")]));
    script.feed(0, &frame(0, b"up"));
    assert_eq!(script.read_all(0).0, b"up");
    script.connection.send_response(&mut script.transport, id(0), &ok(), false).unwrap();
    let trailers = script.connection.send_trailers(&mut script.transport, id(0), &Fields::new());
    assert_eq!(trailers, Err(SendError::WrongOrder));
    script.events();
    script.feed(0, &headers(&[("a", "b")]));
    script.expect_close(Violation::FrameInTunnel);
}

/// RFC 9110 section 6.6.1-2, 6.6.1-3, 5.4-1.
#[test]
fn final_responses_have_a_date_where_there_is_a_clock() {
    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let clock: fn() -> [u8; 29] = || *b"Sun, 06 Nov 1994 08:49:37 GMT";
    let limits = Limits { max_field_section_size: 300, ..Limits::default() };
    let mut script = Script::started(Connection::server(Config { date: Some(clock), limits, ..Config::default() }));
    script.feed_and_end(0, &headers(&GET));
    let early = ResponseHead::new(Status::EARLY_HINTS);
    script.connection.send_informational(&mut script.transport, id(0), &early).unwrap();
    script.connection.send_response(&mut script.transport, id(0), &ok(), true).unwrap();
    let dated = headers(&[(":status", "200"), ("date", NOW)]);
    script.expect(&[Write(0, [headers(&[(":status", "103")]), dated].concat()), Finish(0)]);
    // One that the application gave stays.
    script.feed_and_end(4, &headers(&GET));
    let own = ok().with_field("date", "Mon, 07 Nov 1994 08:49:37 GMT").unwrap();
    script.connection.send_response(&mut script.transport, id(4), &own, true).unwrap();
    let own = headers(&[(":status", "200"), ("date", "Mon, 07 Nov 1994 08:49:37 GMT")]);
    script.expect(&[Write(4, own), Finish(4)]);
    // What is refused before any application hears of it, too.
    script.feed(8, &with(&GET, &[("x", &"a".repeat(300))]));
    let refused = headers(&[(":status", "431"), ("date", NOW)]);
    assert!(script.transport.commands.contains(&Write(8, refused)), "{:?}", script.transport.commands);
    // Without a clock there is none.
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET));
    script.connection.send_response(&mut script.transport, id(0), &ok(), true).unwrap();
    script.expect(&[Write(0, headers(&[(":status", "200")])), Finish(0)]);
}

#[test]
fn extended_connect_only_where_announced() {
    let lines = [(":method", "CONNECT"), GET[1], GET[2], GET[3], (":protocol", "websocket")];
    refused(&headers(&lines), Violation::Malformed(Malformed::Protocol));
    let mut script = Script::started(Connection::server(Config { extended_connect: true, ..Config::default() }));
    script.feed(0, &headers(&lines));
    assert!(
        matches!(&script.events()[..], [Event::Exchange(_, exchange::Event::Request(head))] if head.protocol.is_some())
    );
}

#[test]
fn a_client_that_only_has_its_end_left_to_send_is_not_told_to_stop() {
    for what_follows in ["the end", "an unknown frame and the end", "content", "trailers", "a reset"] {
        let mut script = Script::server();
        script.feed(0, &headers(&GET));
        script.connection.send_response(&mut script.transport, id(0), &ok(), true).unwrap();
        script.expect(&[Write(0, headers(&[(":status", "200")])), Finish(0)]);
        script.events();
        match what_follows {
            "the end" => script.end(0),
            "a reset" => script.reset(0, 0x10c),
            "trailers" => script.feed(0, &headers(&[("x", "y")])),
            "an unknown frame and the end" => {
                script.drip(0, &frame(0x21, b"grease"));
                script.end(0);
            }
            _ => script.feed(0, &frame(0, b"abc")),
        }
        let is_unwanted = ["content", "trailers"].contains(&what_follows);
        let expected: &[Command] = if is_unwanted { &[StopSending(0, 0x100)] } else { &[] };
        script.expect(expected);
        assert!(script.connection.streams.is_empty() && script.events().is_empty(), "{what_follows}");
    }
}

#[test]
fn a_server_that_wants_no_content_says_so_only_when_some_comes() {
    for comes in [false, true] {
        let mut script = Script::server();
        script.feed(0, &headers(&GET));
        script.events();
        script.connection.stop_sending(&mut script.transport, id(0), Reason::NotNeeded);
        script.expect(&[]);
        if comes {
            script.feed(0, &frame(0, b"abc"));
            script.expect(&[StopSending(0, 0x100)]);
        } else {
            script.end(0);
            script.expect(&[]);
        }
        script.connection.send_response(&mut script.transport, id(0), &ok(), true).unwrap();
        script.expect(&[Write(0, headers(&[(":status", "200")])), Finish(0)]);
        assert!(script.connection.streams.is_empty() && script.events().is_empty());
    }
}

#[test]
fn an_early_response_says_that_the_rest_is_not_needed() {
    let mut script = Script::server();
    script.feed(0, &[headers(&POST), frame(0, b"abc")].concat());
    script.connection.send_response(&mut script.transport, id(0), &ok(), true).unwrap();
    script.expect(&[Write(0, headers(&[(":status", "200")])), Finish(0), StopSending(0, 0x100)]);
    assert!(script.connection.streams.is_empty());
    script.reset(0, 0x100);
    script.feed(0, b"x");
    script.expect(&[]);
}

/// Who has content left to send is told with the answer, whatever has come of it: until then its stream is not free.
#[test]
fn r7_an_upload_that_nobody_reads_is_stopped_at_once() {
    let with_length = |length| with(&POST, &[("content-length", length)]);
    for (request, is_told) in [(with(&POST, &[]), true), (with_length("3"), true), (with_length("0"), false)] {
        let mut script = Script::server();
        script.feed(0, &request);
        script.connection.send_response(&mut script.transport, id(0), &ok(), true).unwrap();
        let stop = StopSending(0, 0x100);
        let answer = [Write(0, headers(&[(":status", "200")])), Finish(0)];
        script.expect(&answer.into_iter().chain(is_told.then_some(stop)).collect::<Vec<_>>());
        assert_eq!(script.connection.streams.is_empty(), is_told);
    }
}

#[test]
fn r7_a_stopped_response_stops_the_upload_in_turn() {
    for what_is_left in ["the application's part", "what waits for the transport"] {
        let mut script = Script::server();
        for round in 0..1000 {
            let stream = 4 * round;
            script.feed(stream, &headers(if round % 2 == 0 { &POST } else { &GET }));
            script.connection.send_response(&mut script.transport, id(stream), &ok(), false).unwrap();
            script.expect(&[Write(stream, headers(&[(":status", "200")]))]);
            if what_is_left == "what waits for the transport" {
                script.transport.room.insert(stream, 1);
                let Script { connection, transport, .. } = &mut script;
                connection.send_body(transport, id(stream), &mut Bytes::from_static(b"abc")).unwrap();
                connection.finish(transport, id(stream)).unwrap();
                script.stop(stream, 0x10c);
            } else {
                script.stop(stream, 0x10c);
                script.connection.finish(&mut script.transport, id(stream)).unwrap();
            }
            let told = |command: &Command| matches!(command, StopSending(of, _) if *of == stream);
            assert_eq!(script.transport.commands.iter().filter(|command| told(command)).count(), 1, "{round}");
            script.transport.commands.clear();
            assert!(script.connection.streams.is_empty());
            script.events();
        }
        assert!(!script.connection.is_closed, "{what_is_left}");
    }
}

/// Ends that never come keep few streams.
#[test]
fn r7_of_requests_that_never_end_few_are_waited_for() {
    let mut script = Script::server();
    for round in 0..100 {
        script.feed(4 * round, &headers(&GET));
        script.connection.send_response(&mut script.transport, id(4 * round), &ok(), true).unwrap();
        script.events();
    }
    assert_eq!(script.connection.streams.len(), 16);
    let stopped = script.transport.commands.iter().filter(|command| matches!(command, StopSending(_, 0x100)));
    assert_eq!(stopped.count(), 100 - 16);
    // Those that have ended are not among them.
    for round in 84..100 {
        script.end(4 * round);
    }
    assert!(script.connection.streams.is_empty());
}

#[test]
fn responses_in_order_only() {
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&POST));
    let Script { connection, transport, .. } = &mut script;
    let mut body = Bytes::from_static(b"x");
    assert_eq!(connection.send_body(transport, id(0), &mut body), Err(SendError::WrongOrder));
    assert_eq!(connection.finish(transport, id(0)), Err(SendError::WrongOrder));
    let hints = ResponseHead::new(Status::EARLY_HINTS).with_field("link", "x").unwrap();
    assert_eq!(connection.send_response(transport, id(0), &hints, false), Err(SendError::WrongOrder));
    connection.send_informational(transport, id(0), &hints).unwrap();
    assert_eq!(connection.send_informational(transport, id(0), &ok()), Err(SendError::WrongOrder));
    let length = ok().with_field("content-length", "3").unwrap();
    let too_short = Err(SendError::Malformed(Malformed::BodyTooShort));
    assert_eq!(connection.send_response(transport, id(0), &length, true), too_short);
    connection.send_response(transport, id(0), &length, false).unwrap();
    assert_eq!(connection.send_response(transport, id(0), &ok(), false), Err(SendError::WrongOrder));
    assert_eq!(connection.finish(transport, id(0)), too_short);
    let mut long = Bytes::from_static(b"1234");
    let too_long = Err(SendError::Malformed(Malformed::BodyTooLong));
    assert_eq!(connection.send_body(transport, id(0), &mut long), too_long);
    assert_eq!(long.len(), 4);
    connection.send_body(transport, id(0), &mut Bytes::from_static(b"123")).unwrap();
    let mut trailers = Fields::new();
    trailers.push("x-sum", "1").unwrap();
    connection.send_trailers(transport, id(0), &trailers).unwrap();
    let expected = [
        headers(&[(":status", "103"), ("link", "x")]),
        headers(&[(":status", "200"), ("content-length", "3")]),
        frame(0, b"123"),
        headers(&[("x-sum", "1")]),
    ];
    script.expect(&[Write(0, expected.concat()), Finish(0)]);
}

/// Whatever room the transport has, and however long the content is: head and content together are what they are one by one.
/// Small content is taken with its head even where that waits for room itself.
#[test]
fn a_head_with_its_content_is_the_same_as_one_after_the_other() {
    for (len, room) in
        [0, 1, 3, 4096, 4097, 70_000].into_iter().flat_map(|len| [0, 1, 5, 9, 5000, 80_000].map(|room| (len, room)))
    {
        let [together, apart] = [true, false].map(|is_together| {
            let mut script = Script::server();
            script.feed_and_end(0, &headers(&GET));
            script.events();
            script.transport.room.insert(0, room);
            let Script { connection, transport, .. } = &mut script;
            let mut body = Bytes::from(alloc::vec![7; len]);
            if is_together {
                connection.send_response_with(transport, id(0), &ok(), &mut body, false).unwrap().unwrap();
            } else {
                connection.send_response(transport, id(0), &ok(), false).unwrap();
                connection.send_body(transport, id(0), &mut body).unwrap();
            }
            let left = body.len();
            script.transport.room.remove(&0);
            script.connection.on_stream_writable(&mut script.transport, id(0));
            script.connection.send_body(&mut script.transport, id(0), &mut body).unwrap();
            script.connection.finish(&mut script.transport, id(0)).unwrap();
            (left, core::mem::take(&mut script.transport.commands))
        });
        assert_eq!(together.1, apart.1, "{len} bytes, room for {room}");
        assert_eq!(together.0, if len <= 4096 { 0 } else { apart.0 }, "{len} bytes, room for {room}");
    }
}

/// The end goes with it where all of the content was taken, and else is said when the rest was.
#[test]
fn a_head_with_its_content_and_its_end_is_the_same_as_one_after_the_other() {
    for (len, room) in
        [0, 1, 3, 4096, 4097, 70_000].into_iter().flat_map(|len| [0, 1, 5, 9, 5000, 80_000].map(|room| (len, room)))
    {
        let [together, apart] = [true, false].map(|is_together| {
            let mut script = Script::server();
            script.feed_and_end(0, &headers(&GET));
            script.events();
            script.transport.room.insert(0, room);
            let Script { connection, transport, .. } = &mut script;
            let mut body = Bytes::from(alloc::vec![7; len]);
            connection.send_response_with(transport, id(0), &ok(), &mut body, is_together).unwrap().unwrap();
            if !is_together && body.is_empty() {
                connection.finish(transport, id(0)).unwrap();
            }
            let is_whole = body.is_empty();
            script.transport.room.remove(&0);
            script.connection.on_stream_writable(&mut script.transport, id(0));
            if !is_whole {
                script.connection.send_body(&mut script.transport, id(0), &mut body).unwrap();
                script.connection.finish(&mut script.transport, id(0)).unwrap();
            }
            assert_eq!(script.connection.finish(&mut script.transport, id(0)), Err(SendError::Ended));
            core::mem::take(&mut script.transport.commands)
        });
        assert_eq!(together, apart, "{len} bytes, room for {room}");
        assert!(matches!(together.last(), Some(Finish(0))), "{len} bytes, room for {room}");
    }
    // One that is shorter than it says does not end.
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET));
    let Script { connection, transport, .. } = &mut script;
    let length = ok().with_field("content-length", "9").unwrap();
    let sent = connection.send_response_with(transport, id(0), &length, &mut Bytes::from_static(b"123"), true);
    assert_eq!(sent, Ok(Err(SendError::Malformed(Malformed::BodyTooShort))));
    assert!(!script.transport.commands.contains(&Finish(0)));
}

/// A transport that has room for a part of the content gets frames of few lengths, whose headers nothing is allocated for.
#[test]
fn a_frame_that_ends_where_the_room_ends_is_as_long_as_a_multiple_of_256() {
    for (room, expected) in [(4096, 4096), (5000, 4864), (8197, 8192), (8196, 7936), (40_000, 39_936), (65_540, 65_280)]
    {
        let mut script = Script::server();
        script.feed_and_end(0, &headers(&GET));
        script.connection.send_response(&mut script.transport, id(0), &ok(), false).unwrap();
        script.transport.commands.clear();
        script.transport.room.insert(0, room);
        let Script { connection, transport, .. } = &mut script;
        connection.send_body(transport, id(0), &mut Bytes::from(alloc::vec![7; 100_000])).unwrap();
        let Some(Write(0, bytes)) = script.transport.commands.first() else { panic!("nothing was written") };
        let mut reader = base::Reader::new(bytes);
        assert_eq!([reader.varint(), reader.varint()], [Ok(0), Ok(expected)], "room for {room}");
    }
}

/// RFC 9114 section 4.1.2: the head is out, and content that is not as long as it says does not follow.
#[test]
fn content_of_another_length_does_not_go_with_its_head() {
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET));
    let Script { connection, transport, .. } = &mut script;
    let mut body = Bytes::from_static(b"1234");
    let hints = ResponseHead::new(Status::EARLY_HINTS);
    let refused = connection.send_response_with(transport, id(0), &hints, &mut body, false);
    assert_eq!(refused, Err(SendError::WrongOrder));
    let length = ok().with_field("content-length", "3").unwrap();
    let sent = connection.send_response_with(transport, id(0), &length, &mut body, false);
    assert_eq!(sent, Ok(Err(SendError::Malformed(Malformed::BodyTooLong))));
    assert_eq!(body.len(), 4);
    let again = connection.send_response_with(transport, id(0), &length, &mut body, false);
    assert_eq!(again, Err(SendError::WrongOrder));
    connection.send_body(transport, id(0), &mut Bytes::from_static(b"123")).unwrap();
    connection.finish(transport, id(0)).unwrap();
    let expected = [headers(&[(":status", "200"), ("content-length", "3")]), frame(0, b"123")];
    script.expect(&[Write(0, expected.concat()), Finish(0)]);
}

#[test]
fn a_response_to_head_has_no_content() {
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&[(":method", "HEAD"), GET[1], GET[2], GET[3]]));
    let Script { connection, transport, .. } = &mut script;
    let length = ok().with_field("content-length", "3").unwrap();
    connection.send_response(transport, id(0), &length, false).unwrap();
    let body = connection.send_body(transport, id(0), &mut Bytes::from_static(b"123"));
    assert_eq!(body, Err(SendError::Malformed(Malformed::BodyTooLong)));
    connection.finish(transport, id(0)).unwrap();
}

#[test]
fn back_pressure_leaves_what_does_not_fit() {
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET));
    script.events();
    script.transport.room.insert(0, 100_000);
    let mut body = Bytes::from(alloc::vec![7; 300_000]);
    let Script { connection, transport, .. } = &mut script;
    connection.send_response(transport, id(0), &ok(), false).unwrap();
    connection.send_body(transport, id(0), &mut body).unwrap();
    let left = body.len();
    assert!(left > 0 && left < 300_000 - 95_000 && left > 300_000 - 200_000);
    connection.send_body(transport, id(0), &mut body).unwrap();
    assert_eq!(body.len(), left, "nothing fits");
    assert_eq!(script.events(), []);
    while !body.is_empty() {
        script.transport.room.insert(0, 50_000);
        script.connection.on_stream_writable(&mut script.transport, id(0));
        for event in script.events() {
            assert_eq!(event, Event::Exchange(id(0), exchange::Event::Writable));
            script.connection.send_body(&mut script.transport, id(0), &mut body).unwrap();
        }
    }
    script.connection.finish(&mut script.transport, id(0)).unwrap();
    assert_eq!(script.events(), []);
    script.transport.room.remove(&0);
    script.connection.on_stream_writable(&mut script.transport, id(0));
    assert_eq!(script.transport.commands.last(), Some(&Finish(0)));
    // All of it arrives, in DATA frames that are never empty.
    let mut client = Script::client();
    let head = http::RequestHead::get("https://a.example/").unwrap();
    client.connection.send_request(&mut client.transport, &head, true).unwrap();
    for command in core::mem::take(&mut script.transport.commands) {
        if let Write(0, bytes) = command {
            client.feed(0, &bytes);
        }
    }
    client.end(0);
    assert_eq!(client.read_all(0), (alloc::vec![7; 300_000], Body::End));
}

/// RFC 9114 section 4.1.1-5.
#[test]
fn cancelled_requests() {
    // Before the application heard of it: rejected.
    let mut script = Script::server();
    script.feed(0, &headers(&GET)[..4]);
    script.reset(0, 0x10c);
    script.expect(&[Reset(0, 0x10b)]);
    assert_eq!(script.events(), []);
    // After: the application decides.
    let mut script = Script::server();
    script.feed(0, &headers(&POST));
    script.reset(0, 0x10c);
    script.stop(0, 0x10c);
    script.expect(&[Reset(0, 0x10c)]);
    let events = script.events();
    assert!(
        matches!(
            events[1..],
            [Event::Exchange(_, exchange::Event::Reset(_)), Event::Exchange(_, exchange::Event::Stopped(_))]
        ),
        "{events:?}"
    );
    assert_eq!(script.connection.shared.in_hand, 1);
    let response = script.connection.send_response(&mut script.transport, id(0), &ok(), true);
    assert_eq!(response, Err(SendError::Stopped(Reason::Cancelled)));
    script.connection.reset(&mut script.transport, id(0), Reason::Cancelled);
    assert_eq!(script.connection.shared.in_hand, 0);
}

/// Head, reset, stop, response and close in every order: no event about a stream that was given up, and no panic.
#[test]
fn no_event_after_the_end_in_any_order() {
    fn permutations(items: &mut Vec<u8>, at: usize, visit: &mut dyn FnMut(&[u8])) {
        if at == items.len() {
            return visit(items);
        }
        for other in at..items.len() {
            items.swap(at, other);
            permutations(items, at + 1, visit);
            items.swap(at, other);
        }
    }
    permutations(&mut alloc::vec![0, 1, 2, 3, 4, 5], 0, &mut |order| {
        let mut script = Script::server();
        let mut is_gone = false;
        for step in order {
            match step {
                0 => script.feed(0, &headers(&POST)),
                1 => script.reset(0, 0x10c),
                2 => script.stop(0, 0x10c),
                3 => drop(script.connection.send_response(&mut script.transport, id(0), &ok(), false)),
                4 => {
                    script.connection.reset(&mut script.transport, id(0), Reason::Cancelled);
                    is_gone = script.connection.streams.is_empty() && order[0] == 0;
                }
                _ => script.connection.on_closed(code(0x100)),
            }
            if is_gone {
                assert!(script.events().iter().all(|event| !matches!(event, Event::Exchange(..))), "{order:?}");
            }
        }
        let events = script.events();
        assert!(events.iter().filter(|event| matches!(event, Event::Closed { .. })).count() <= 1);
    });
}

/// Places of requests that are over are used for the next ones, and none is kept once no request has come for a while.
#[test]
fn places_of_requests_are_used_again_for_a_while() {
    let mut script = Script::server();
    let places = |script: &Script| script.connection.spare.len();
    for round in 0..5 {
        for number in 0..20 {
            let stream = 80 * round + 4 * number;
            script.feed(stream, &headers(&GET));
            script.end(stream);
        }
        assert_eq!(places(&script), 0);
        for number in 0..20 {
            let stream = 80 * round + 4 * number;
            let sent = script.connection.send_response(
                &mut script.transport,
                id(stream),
                &ResponseHead::new(Status::NO_CONTENT),
                true,
            );
            assert_eq!(sent, Ok(()));
        }
        assert_eq!((places(&script), script.connection.streams.len()), (20, 0));
    }
    script.feed(400, &headers(&GET));
    assert_eq!(places(&script), 19);
    script.wait(Duration::from_millis(150));
    assert_eq!(places(&script), 19, "requests have come a moment ago");
    script.wait(Duration::from_millis(200));
    assert_eq!(places(&script), 0);
    let soon = script.transport.now + Duration::from_secs(1);
    assert!(script.connection.deadline().is_none_or(|deadline| deadline > soon), "one under way is no reason to look");
    script.end(400);
    let head = ResponseHead::new(Status::NO_CONTENT);
    script.connection.send_response(&mut script.transport, id(400), &head, true).unwrap();
    assert_eq!(places(&script), 0, "it was alone");
}
