//! Every frame at every wrong moment, in every wrong form.

use super::{GET, POST, PREFACE, Rogue, ends};
use crate::error_code::PROTOCOL_ERROR;
use crate::frame::{ACK, END_HEADERS, Kind};
use crate::{Event, Violation};
use alloc::vec::Vec;
use base::StreamMachine;
use hpack::CompressionError;
use http::{Malformed, Status, exchange};

const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// RFC 9113 section 3.2-2, 3.4-1, 3.4-2, 3.4-3, 3.4-4, 6.5-1, 6.5-3, 6.5.3-4.
/// RFC 9218 section 2.1-3.
#[test]
fn a_connection_begins_with_the_preface_and_settings() {
    for wrong in [&b"GET / HTTP/1.1\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\n", b"\0"] {
        let mut rogue = Rogue::new();
        rogue.send(wrong);
        rogue.assert_failed(Violation::Preface);
    }
    for (kind, flags, payload) in [(Kind::Ping, 0, &[0; 8][..]), (Kind::Settings, ACK, &[]), (Kind::Unknown, 0, &[])] {
        let mut rogue = Rogue::new();
        rogue.send(PREFACE);
        rogue.frame(kind, flags, 0, payload);
        rogue.assert_failed(Violation::SettingsMissing);
    }
    let mut rogue = Rogue::new();
    let first = rogue.seen();
    assert_eq!((first[0].kind, first[0].flags, first[1].kind), (Kind::Settings, 0, Kind::WindowUpdate));
    assert!(first[0].payload.chunks(6).any(|setting| setting == [0, 9, 0, 0, 0, 1]));
    rogue.send(PREFACE);
    rogue.frame(Kind::Settings, 0, 0, &[]);
    let answer = rogue.seen();
    assert_eq!((answer[0].kind, answer[0].flags, answer.len()), (Kind::Settings, ACK, 1));
}

/// RFC 9113 section 4.2-2, 4.2-3, 4.3-2, 4.3-3, 5.1-1, 5.1.1-1, 5.1.1-3, 5.4.1-1, 5.4.1-2, 5.5-3, 6.1-5, 6.1-7.
/// RFC 9113 section 6.2-4, 6.2-6, 6.2-7, 6.3-1, 6.4-4, 6.4-6, 6.4-7, 6.5-4, 6.5-6, 6.5-8, 6.5.2-3, 6.5.2-9.
/// RFC 9113 section 6.5.2-11, 6.7-6, 6.7-7, 6.8-4, 6.9-6, 6.9.1-4, 6.10-4, 6.10-6.
/// RFC 8441 section 3-3.
/// RFC 9218 section 2.1-2, 7.1-2, 7.1-8, 7.1-9.
#[test]
fn frames_that_break_the_connection() {
    let one = |value: u32| value.to_be_bytes().to_vec();
    let setting = |id: u16, value: u32| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    for (kind, flags, stream, payload, expected) in [
        (Kind::Data, 0, 0, one(1), Violation::StreamZero),
        (Kind::Data, 0, 1, one(1), Violation::IdleStream),
        (Kind::Data, 0, 2, one(1), Violation::IdleStream),
        (Kind::Data, PADDED, 1, alloc::vec![], Violation::Padding),
        (Kind::Data, PADDED, 1, alloc::vec![4, 1, 2, 3], Violation::Padding),
        (Kind::Headers, END_HEADERS, 0, alloc::vec![0x82], Violation::StreamZero),
        (Kind::Headers, END_HEADERS, 2, alloc::vec![0x82], Violation::StreamNumber),
        (Kind::Headers, END_HEADERS | PADDED, 1, alloc::vec![2, 0x82], Violation::Padding),
        (Kind::Headers, END_HEADERS | PRIORITY, 1, one(1), Violation::Padding),
        (Kind::Headers, END_HEADERS, 1, alloc::vec![0x80], Violation::Compression(CompressionError::Index)),
        (Kind::Headers, END_HEADERS, 1, alloc::vec![0x40], Violation::Compression(CompressionError::Truncated)),
        (Kind::Priority, 0, 0, alloc::vec![0; 5], Violation::StreamZero),
        (Kind::RstStream, 0, 0, one(8), Violation::StreamZero),
        (Kind::RstStream, 0, 1, one(8), Violation::IdleStream),
        (Kind::RstStream, 0, 1, alloc::vec![0; 3], Violation::FrameLength),
        (Kind::RstStream, 0, 1, alloc::vec![0; 5], Violation::FrameLength),
        (Kind::Settings, 0, 1, alloc::vec![], Violation::NotStreamZero),
        (Kind::Settings, ACK, 0, setting(1, 0), Violation::FrameLength),
        (Kind::Settings, 0, 0, alloc::vec![0; 5], Violation::FrameLength),
        (Kind::Settings, 0, 0, alloc::vec![0; 7], Violation::FrameLength),
        (Kind::Settings, 0, 0, setting(2, 2), Violation::SettingValue),
        (Kind::Settings, 0, 0, setting(4, 1 << 31), Violation::SettingWindow),
        (Kind::Settings, 0, 0, setting(9, 2), Violation::SettingValue),
        (Kind::Settings, 0, 0, [setting(8, 1), setting(8, 0)].concat(), Violation::SettingValue),
        (Kind::Settings, 0, 0, setting(5, 16_383), Violation::SettingValue),
        (Kind::Settings, 0, 0, setting(5, 1 << 24), Violation::SettingValue),
        (Kind::PushPromise, END_HEADERS, 1, alloc::vec![0, 0, 0, 2, 0x82], Violation::Push),
        (Kind::Ping, 0, 1, alloc::vec![0; 8], Violation::NotStreamZero),
        (Kind::Ping, 0, 0, alloc::vec![0; 7], Violation::FrameLength),
        (Kind::Ping, ACK, 0, alloc::vec![0; 9], Violation::FrameLength),
        (Kind::GoAway, 0, 1, alloc::vec![0; 8], Violation::NotStreamZero),
        (Kind::GoAway, 0, 0, alloc::vec![0; 7], Violation::FrameLength),
        (Kind::WindowUpdate, 0, 0, one(0), Violation::ZeroConnectionIncrement),
        (Kind::WindowUpdate, 0, 0, one(0x7fff_ffff), Violation::ConnectionWindowOverflow),
        (Kind::WindowUpdate, 0, 0, alloc::vec![0; 3], Violation::FrameLength),
        (Kind::WindowUpdate, 0, 1, one(1), Violation::IdleStream),
        (Kind::Continuation, END_HEADERS, 1, alloc::vec![0x82], Violation::StrayContinuation),
        (Kind::Continuation, END_HEADERS, 0, alloc::vec![0x82], Violation::StrayContinuation),
        (Kind::PriorityUpdate, 0, 1, alloc::vec![0, 0, 0, 1], Violation::NotStreamZero),
        (Kind::PriorityUpdate, 0, 0, alloc::vec![0, 0, 0], Violation::FrameLength),
        (Kind::PriorityUpdate, 0, 0, alloc::vec![0, 0, 0, 0], Violation::PriorityStream),
        (Kind::PriorityUpdate, 0, 0, alloc::vec![0, 0, 0, 2], Violation::PriorityStream),
        (Kind::Ping, 0, 0, alloc::vec![0; 16_385], Violation::FrameTooLarge),
        (Kind::Unknown, 0, 0, alloc::vec![0; 16_385], Violation::FrameTooLarge),
    ] {
        let mut rogue = Rogue::client();
        rogue.frame(kind, flags, stream, &payload);
        rogue.assert_failed(expected);
    }
}

/// RFC 9113 section 5.5-3, 6.2-4, 6.10-2.
#[test]
fn nothing_stands_between_the_parts_of_a_block() {
    for (kind, stream, payload) in [
        (Kind::Data, 1, &[0; 4][..]),
        (Kind::Headers, 3, &[0x82]),
        (Kind::Priority, 1, &[0; 5]),
        (Kind::RstStream, 1, &[0; 4]),
        (Kind::Settings, 0, &[]),
        (Kind::Ping, 0, &[0; 8]),
        (Kind::WindowUpdate, 1, &[0, 0, 0, 1]),
        (Kind::Unknown, 1, &[]),
        (Kind::Continuation, 3, &[0x82]),
    ] {
        let mut rogue = Rogue::client();
        rogue.frame(Kind::Headers, 0, 1, &[0x82]);
        rogue.frame(kind, END_HEADERS, stream, payload);
        rogue.assert_failed(Violation::BlockInterrupted);
    }
}

/// RFC 9113 section 4.1-2, 4.1-3, 4.3-1, 5.5-1, 5.5-2, 6.1-7, 6.7-1, 6.7-2, 6.7-4, 6.7-5, 6.5.3-1.
#[test]
fn what_looks_odd_and_is_allowed() {
    let mut rogue = Rogue::client();
    let block = rogue.block(&POST);
    // Padding and a priority, parts of a byte each and of none, an unknown frame, a priority of a stream to come.
    let first = [&[3, 0x80, 0, 0, 5, 200][..], &block[..1], &[0; 3]].concat();
    rogue.frame(Kind::Unknown, 0xff, 77, b"whatever");
    rogue.frame(Kind::Priority, 0, 9, &[0, 0, 0, 3, 7]);
    rogue.frame(Kind::Headers, PADDED | PRIORITY, 1, &first);
    rogue.frame(Kind::Continuation, 0, 1, &[]);
    rogue.frame(Kind::Continuation, 0, 1, &block[1..3]);
    rogue.frame(Kind::Continuation, END_HEADERS, 1, &block[3..]);
    let (number, head) = rogue.request();
    assert_eq!((number.value(), head.path()), (1, "/x"));
    rogue.frame(Kind::Data, PADDED, 1, &[2, b'h', b'i', 0, 0]);
    rogue.frame(Kind::Data, PADDED | ends(), 1, &[0]);
    assert_eq!(rogue.content(number), b"hi");
    rogue.frame(Kind::Settings, 0, 0, &[0x7a, 0x7a, 1, 2, 3, 4]);
    rogue.frame(Kind::Settings, ACK, 0, &[]);
    rogue.frame(Kind::Ping, ACK, 0, &[9; 8]);
    rogue.answer(number, Status::OK, b"");
    let frames = rogue.seen();
    let kinds: Vec<Kind> = frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [Kind::Settings, Kind::Headers], "a PING that is an answer is not answered");
}

/// RFC 9113 section 5.1-8, 5.1-11, 5.1.2-2, 5.4.2-1, 6.1-6, 6.3-2, 6.4-2, 6.9-3, 6.9.1-4, 8.1-5.
#[test]
fn frames_that_break_one_stream() {
    let half_closed = |rogue: &mut Rogue| rogue.headers(1, &GET, ends());
    let open = |rogue: &mut Rogue| rogue.headers(1, &POST, 0);
    type Begin<'a> = &'a dyn Fn(&mut Rogue);
    let cases: [(Begin<'_>, Kind, u8, &[u8], Violation); 8] = [
        (&half_closed, Kind::Data, 0, b"x", Violation::HalfClosedStream),
        (&half_closed, Kind::Headers, END_HEADERS, &[0x82], Violation::HalfClosedStream),
        (&open, Kind::Priority, 0, &[0; 4], Violation::PriorityLength),
        (&open, Kind::WindowUpdate, 0, &[0; 4], Violation::ZeroIncrement),
        (&open, Kind::WindowUpdate, 0, &[0x7f, 0xff, 0xff, 0xff], Violation::WindowOverflow),
        (&open, Kind::Headers, END_HEADERS, &[], Violation::TrailersNotLast),
        (&open, Kind::Headers, END_HEADERS | 1, &[0x82], Violation::Malformed(Malformed::PseudoFieldInTrailers)),
        (&open, Kind::Data, 1, b"123", Violation::Malformed(Malformed::BodyTooLong)),
    ];
    let open_of = |rogue: &mut Rogue| {
        let lines: Vec<_> = POST.iter().copied().chain([("content-length", "2")]).collect();
        rogue.headers(1, &lines, 0);
    };
    for (begin, kind, flags, payload, violation) in cases {
        let mut rogue = Rogue::client();
        if violation == Violation::Malformed(Malformed::BodyTooLong) {
            open_of(&mut rogue);
        } else {
            begin(&mut rogue);
        }
        let (number, _) = rogue.request();
        rogue.frame(kind, flags, 1, payload);
        rogue.assert_reset(1, violation.code());
        let told = rogue.events();
        let is_end =
            |event: &Event| matches!(event, Event::Exchange(_, exchange::Event::Reset(_) | exchange::Event::Failed(_)));
        assert!(told.iter().any(is_end), "{kind:?}: {told:?}");
        assert_eq!(rogue.machine.exchange_count(), 0);
        // What was on its way is no breach, and neither is what the application still does.
        rogue.frame(Kind::Data, 0, 1, b"x");
        rogue.frame(Kind::RstStream, 0, 1, &[0; 4]);
        assert_eq!(rogue.machine.read_body(super::NOW, number, 9), exchange::Body::Gone);
        assert!(rogue.seen().is_empty());
    }
    let mut rogue = Rogue::client();
    for number in 0..6 {
        rogue.headers(2 * number + 1, &GET, ends());
    }
    rogue.assert_reset(11, Violation::TooManyStreams.code());
    assert_eq!(rogue.machine.exchange_count(), 5);
}

/// RFC 9113 section 5.1-9, 5.1-11, 5.1.1-2, 5.4.2-1, 5.4.2-4, 6.4-1, 6.4-2, 6.9-4.
#[test]
fn frames_on_streams_that_are_over() {
    let over = || {
        let mut rogue = Rogue::client();
        rogue.headers(1, &GET, ends());
        rogue.headers(3, &GET, ends());
        for _ in 0..2 {
            let (number, _) = rogue.request();
            rogue.events();
            rogue.answer(number, Status::OK, b"");
            rogue.seen();
            if rogue.machine.exchange_count() > 0 {
                rogue.machine.reset(super::NOW, crate::StreamNumber(3), exchange::Reason::Cancelled);
                break;
            }
        }
        rogue.seen();
        rogue.events();
        rogue
    };
    for (kind, flags, payload, expected) in [
        (Kind::Data, 0, &b"x"[..], Some(Violation::ClosedStream)),
        (Kind::Headers, END_HEADERS, &[0x82], Some(Violation::ClosedStream)),
        (Kind::RstStream, 0, &[0; 4], Some(Violation::ClosedStream)),
        (Kind::WindowUpdate, 0, &[0, 0, 0, 1], None),
        (Kind::Priority, 0, &[0; 5], None),
    ] {
        let mut rogue = over();
        rogue.frame(kind, flags, 1, payload);
        match expected {
            Some(violation) => rogue.assert_failed(violation),
            None => assert!(rogue.seen().is_empty()),
        }
        // On one that this side has reset all of it may still have been on its way.
        let mut rogue = over();
        rogue.frame(kind, flags, 3, payload);
        assert!(rogue.seen().is_empty(), "{kind:?}");
        rogue.headers(5, &GET, ends());
        assert_eq!(rogue.request().0.value(), 5);
    }
}

/// RFC 9113 section 8.1-3, 8.1-4, 8.1.1-3, 8.2.1-2, 8.2.1-3, 8.2.1-4, 8.2.1-5, 8.2.1-6, 8.2.1-7, 8.2.2-2, 8.2.2-3.
/// RFC 9113 section 8.3-2, 8.3-3, 8.3-4, 8.3-5, 8.3-6, 8.3-7, 8.3-8, 8.3.1-1, 8.3.1-12, 8.5-1.
#[test]
fn malformed_requests_end_their_stream() {
    let without = |name: &str| GET.iter().copied().filter(|(other, _)| *other != name).collect::<Vec<_>>();
    let with = |line: (&'static str, &'static str)| GET.iter().copied().chain([line]).collect::<Vec<_>>();
    for (lines, expected) in [
        (without(":method"), Malformed::MissingPseudoField),
        (without(":scheme"), Malformed::MissingPseudoField),
        (without(":path"), Malformed::MissingPseudoField),
        (without(":authority"), Malformed::MissingAuthority),
        (with((":method", "GET")), Malformed::DuplicatePseudoField),
        (with((":path", "/")), Malformed::DuplicatePseudoField),
        (with((":status", "200")), Malformed::UnknownPseudoField),
        (with((":unknown", "x")), Malformed::UnknownPseudoField),
        (with(("Upper", "x")), Malformed::UppercaseName),
        (with(("connection", "close")), Malformed::ConnectionSpecificField),
        (with(("keep-alive", "x")), Malformed::ConnectionSpecificField),
        (with(("proxy-connection", "x")), Malformed::ConnectionSpecificField),
        (with(("transfer-encoding", "chunked")), Malformed::ConnectionSpecificField),
        (with(("upgrade", "x")), Malformed::ConnectionSpecificField),
        (with(("te", "gzip")), Malformed::Te),
        (with(("host", "other")), Malformed::HostDiffersFromAuthority),
        (with(("", "x")), Malformed::FieldName),
        (with(("a b", "x")), Malformed::FieldName),
        (with(("a", "x\ny")), Malformed::FieldValue),
        (with(("a", "x\0")), Malformed::FieldValue),
        (with(("a", " x")), Malformed::FieldValue),
        (with(("content-length", "5")), Malformed::BodyTooShort),
        (with(("content-length", "+0")), Malformed::ContentLength),
        ([("a", "b")].into_iter().chain(GET).collect(), Malformed::LatePseudoField),
        (alloc::vec![(":method", "CONNECT"), (":scheme", "https"), (":authority", "a:1")], Malformed::Connect),
        (alloc::vec![(":method", "CONNECT"), (":authority", "a")], Malformed::Connect),
        (with((":protocol", "websocket")), Malformed::Protocol),
    ] {
        let mut rogue = Rogue::client();
        rogue.headers(1, &lines, ends());
        let told = rogue.events();
        match told.as_slice() {
            [Event::Refused(violation)] => assert_eq!(*violation, Violation::Malformed(expected)),
            [Event::Exchange(_, exchange::Event::Failed(malformed))] => assert_eq!(*malformed, expected),
            other => panic!("{lines:?}: {other:?}"),
        }
        rogue.assert_reset(1, PROTOCOL_ERROR);
    }
    for (data, expected) in [(&b"123456"[..], Malformed::BodyTooLong), (b"1234", Malformed::BodyTooShort)] {
        let mut rogue = Rogue::client();
        rogue.headers(1, &POST.iter().copied().chain([("content-length", "5")]).collect::<Vec<_>>(), 0);
        rogue.frame(Kind::Data, ends(), 1, data);
        let failed = exchange::Event::Failed(expected);
        assert!(rogue.events().iter().any(|event| matches!(event, Event::Exchange(_, end) if *end == failed)));
        rogue.assert_reset(1, PROTOCOL_ERROR);
    }
    for trailer in [(":path", "/"), ("connection", "x"), ("content-length", "1")] {
        let mut rogue = Rogue::client();
        rogue.headers(1, &POST, 0);
        rogue.headers(1, &[trailer], ends());
        rogue.assert_reset(1, PROTOCOL_ERROR);
    }
}

/// RFC 9113 section 8.4-7, 6.5.2-2, 6.5.2-6, 5.1.1-3, 5.1-2.
/// RFC 9218 section 7.1-11.
#[test]
fn what_only_a_server_can_do_wrong() {
    let get = http::RequestHead::get("https://a.example/").unwrap();
    let asking = || {
        let mut rogue = Rogue::server();
        rogue.machine.send_request(super::NOW, &get, &mut base::Bytes::new(), true).unwrap();
        rogue.seen();
        rogue
    };
    for (kind, flags, stream, payload, expected) in [
        (Kind::PushPromise, END_HEADERS, 1, &[0, 0, 0, 2, 0x82][..], Violation::Push),
        (Kind::Headers, END_HEADERS, 2, &[0x88], Violation::StreamNumber),
        (Kind::Headers, END_HEADERS, 3, &[0x88], Violation::StreamNumber),
        (Kind::Data, 0, 3, b"x", Violation::IdleStream),
        (Kind::Settings, 0, 0, &[0, 2, 0, 0, 0, 1], Violation::SettingValue),
        (Kind::PriorityUpdate, 0, 0, &[0, 0, 0, 1], Violation::PriorityStream),
    ] {
        let mut rogue = asking();
        rogue.frame(kind, flags, stream, payload);
        rogue.assert_failed(expected);
    }
    let mut rogue = asking();
    rogue.headers(1, &[(":status", "103")], ends());
    rogue.assert_reset(1, PROTOCOL_ERROR);
    let mut rogue = asking();
    rogue.frame(Kind::Data, 0, 1, b"x");
    rogue.assert_reset(1, PROTOCOL_ERROR);
    let mut rogue = asking();
    rogue.headers(1, &[(":status", "200"), (":path", "/")], ends());
    rogue.assert_reset(1, PROTOCOL_ERROR);
    let mut rogue = asking();
    rogue.frame(Kind::GoAway, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    rogue.frame(Kind::GoAway, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]);
    rogue.assert_failed(Violation::GoAwayIncreased);
}

/// Fields that are too large are answered in a form that a browser shows.
/// RFC 9113 section 10.5.1-2, 6.8-9.
#[test]
fn fields_that_are_too_large_are_answered_with_431() {
    let mut rogue = Rogue::client();
    let value = "x".repeat(15_000);
    let lines: Vec<(&str, &str)> = GET.iter().copied().chain((0..3).map(|_| ("a", &*value))).collect();
    let block = rogue.block(&lines);
    let mut parts = block.chunks(16_000);
    rogue.frame(Kind::Headers, ends(), 1, parts.next().unwrap());
    let rest: Vec<&[u8]> = parts.collect();
    for (place, part) in rest.iter().enumerate() {
        let flags = if place + 1 == rest.len() { END_HEADERS } else { 0 };
        rogue.frame(Kind::Continuation, flags, 1, part);
    }
    assert_eq!(rogue.events(), [Event::Refused(Violation::FieldsTooLarge)]);
    let frames = rogue.seen();
    let lines = rogue.lines(&frames[0].clone());
    assert_eq!(lines, [(":status".into(), "431".into())]);
    assert_eq!(frames[1].kind, Kind::RstStream);
    // The tables are alike all the same.
    rogue.headers(3, &GET, ends());
    assert_eq!(rogue.request().1.path(), "/x");
}

/// Every prefix of a conversation, and every change of one byte of it: no panic, and an end.
#[test]
fn no_prefix_and_no_change_of_a_byte_does_harm() {
    let mut script = PREFACE.to_vec();
    let mut encoder = hpack::Encoder::new();
    let mut push = |kind, flags, stream, payload: &[u8]| crate::frame::push(&mut script, kind, flags, stream, payload);
    let mut block = |lines: &[(&str, &str)]| {
        let mut block = Vec::new();
        encoder.encode(lines.iter().copied(), &mut block);
        block
    };
    push(Kind::Settings, 0, 0, &[0, 4, 0, 0, 4, 0]);
    push(Kind::Headers, END_HEADERS | 1, 1, &block(&GET));
    push(Kind::Headers, 0, 3, &block(&POST));
    push(Kind::Continuation, END_HEADERS, 3, &block(&[("a", "b")]));
    push(Kind::Data, PADDED, 3, &[1, b'h', b'i', 0]);
    push(Kind::Ping, 0, 0, &[7; 8]);
    push(Kind::WindowUpdate, 0, 3, &[0, 0, 1, 0]);
    push(Kind::PriorityUpdate, 0, 0, &[0, 0, 0, 3, b'u', b'=', b'1']);
    push(Kind::Headers, END_HEADERS | 1, 3, &block(&[("sum", "1")]));
    push(Kind::RstStream, 0, 1, &[0, 0, 0, 8]);
    push(Kind::GoAway, 0, 0, &[0; 8]);
    let run = |bytes: &[u8]| {
        let mut rogue = Rogue::new();
        let mut offered = bytes.to_vec();
        let mut taken = 1;
        while taken > 0 {
            taken = rogue.machine.receive(super::NOW, &mut offered);
            offered.drain(..taken);
            for event in rogue.events() {
                if let Event::Exchange(number, event) = event {
                    if let exchange::Event::Request(_) = event {
                        let head = http::ResponseHead::new(Status::OK);
                        let mut data = base::Bytes::from(alloc::vec![0; 3000]);
                        let _ = rogue.machine.send_response(super::NOW, number, &head, &mut data, true);
                    }
                    let _ = rogue.machine.read_body(super::NOW, number, 1);
                }
            }
            rogue.seen();
        }
        rogue.machine.on_end(super::NOW, &offered);
        rogue.machine.close(super::NOW);
        rogue.seen();
        while let Some(deadline) = rogue.machine.deadline() {
            rogue.machine.on_timeout(deadline);
        }
        let told = rogue.events();
        assert!(told.is_empty() || matches!(told.last(), Some(Event::Closed(_))), "{told:?}");
    };
    for end in 0..=script.len() {
        run(&script[..end]);
    }
    for place in 0..script.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, script[place] ^ 1, script[place] ^ 4, script[place] ^ 0x20] {
            let mut bytes = script.clone();
            bytes[place] = value;
            run(&bytes);
        }
    }
}
