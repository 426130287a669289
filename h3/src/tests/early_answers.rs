//! Requests whose answers are complete before they are: what still comes of them is held to the rules.

use super::script::*;
use crate::request_stream::MAX_REST;
use crate::{Body, Config, Connection, Event, Limits, Violation};
use alloc::vec;
use alloc::vec::Vec;
use base::{Bytes, Duration};
use http::exchange::{self, Reason};
use http::{Malformed, ResponseHead, Status};
use qpack::DecompressionError;

/// How bytes come.
type Feed = fn(&mut Script, u64, &[u8]);

/// All at once, and one at a time.
const FEEDS: [Feed; 2] =
    [|script, stream, bytes| script.feed(stream, bytes), |script, stream, bytes| script.drip(stream, bytes)];

fn answer(script: &mut Script, stream: u64) {
    script.connection.send_response(&mut script.transport, id(stream), &ResponseHead::new(Status::OK), true).unwrap();
}

/// Answers at each moment at which a request may be incomplete: `rest` comes after `content`, before the answer or after it.
/// What `check` gets has had all of it, and heard all events before.
#[track_caller]
fn at_each_moment(head: &[u8], content: &[u8], rest: &[u8], mut check: impl FnMut(&str, Script)) {
    let all = [content, rest].concat();
    for feed in FEEDS {
        for cut in 0..=all.len() {
            for is_read in [false, true] {
                let mut script = Script::server();
                feed(&mut script, 0, &[head, &all[..cut]].concat());
                if is_read {
                    script.read_all(0);
                }
                if !script.connection.is_closed {
                    answer(&mut script, 0);
                }
                feed(&mut script, 0, &all[cut..]);
                check("answered after a part of it", script);
            }
        }
        let mut script = Script::server();
        feed(&mut script, 0, head);
        script.connection.stop_sending(&mut script.transport, id(0), Reason::NotNeeded);
        feed(&mut script, 0, &all);
        check("the answer is still being made", script);
    }
}

fn closes(head: &[u8], content: &[u8], rest: &[u8], violation: Violation) {
    at_each_moment(head, content, rest, |moment, mut script| {
        assert!(script.connection.is_closed, "{moment}: {violation:?}");
        script.expect_close(violation);
        assert_eq!(script.connection.rests.len(), 0);
    });
}

/// Each request with content, and one without, with what comes before the breach.
fn requests() -> [(Vec<u8>, Vec<u8>); 4] {
    [
        (headers(&GET), vec![]),
        (headers(&POST), vec![]),
        (headers(&POST), [frame(0, b"abc"), frame(0x21, b"x")].concat()),
        (with(&POST, &[("content-length", "9")]), frame(0, b"abc")),
    ]
}

/// RFC 9114 section 4.1-3, 7.2.3-7, 7.2.4-4, 7.2.5-11, 7.2.6-2, 7.2.7-1, 7.2.8-3.
#[test]
fn frames_out_of_place_after_an_early_answer() {
    for (head, content) in requests() {
        for (frame_types, violation) in [
            (&[0x02, 0x06, 0x08, 0x09][..], Violation::ReservedFrame),
            (&[0x03, 0x04, 0x07, 0x0d, 0xf0700, 0xf0701], Violation::FrameOnRequestStream),
            (&[0x05], Violation::FrameOfServer),
        ] {
            for frame_type in frame_types {
                closes(&head, &content, &frame(*frame_type, &[0]), violation);
            }
        }
        let trailed = [&content[..], &headers(&[("a", "b")])].concat();
        closes(&head, &trailed, &headers(&[("a", "b")]), Violation::FrameOutOfOrder);
        closes(&head, &trailed, &frame(0, b"x"), Violation::FrameOutOfOrder);
        let undecodable = frame(1, &[0, 0, 0xff, 99 - 63]);
        closes(&head, &content, &undecodable, Violation::Decompression(DecompressionError::StaticIndex));
    }
    let connect = headers(&[(":method", "CONNECT"), (":authority", "a.example:443")]);
    closes(&connect, &frame(0, b"up"), &headers(&[("a", "b")]), Violation::FrameInTunnel);
}

/// RFC 9114 section 7.1-4.
#[test]
fn an_end_within_a_frame_after_an_early_answer() {
    for (head, content) in requests() {
        for cut in [&[0][..], &[0, 5, b'1'], &[1, 5, 0, 0], &[0x21, 5, 0]] {
            at_each_moment(&head, &content, cut, |moment, mut script| {
                script.end(0);
                script.read_all(0);
                assert!(script.connection.is_closed, "{moment}: {cut:?}");
                script.expect_close(Violation::FrameTruncated);
            });
        }
    }
}

/// RFC 9114 section 4.1.2-2, 4.1-2, 4.3-3.
#[test]
fn a_message_that_is_malformed_after_its_answer_is_dropped() {
    let trailers = |name| headers(&[(name, "x")]);
    let post = headers(&POST);
    let with_length = with(&POST, &[("content-length", "5")]);
    for (head, rest) in [
        (&post, trailers(":path")),
        (&post, trailers("Upper")),
        (&post, trailers("connection")),
        (&post, [0x01, 0x80, 0x10, 0, 0].to_vec()),
        (&with_length, frame(0, b"123456")),
        (&with_length, [frame(0, b"123"), frame(0, b"456")].concat()),
    ] {
        for feed in FEEDS {
            for before in [0, rest.len() / 2] {
                let mut script = Script::server();
                script.feed(0, &[&head[..], &rest[..before]].concat());
                answer(&mut script, 0);
                let answered = [Write(0, headers(&[(":status", "200")])), Finish(0), StopSending(0, 0x100)];
                script.expect(&answered);
                script.events();
                feed(&mut script, 0, &rest[before..]);
                script.expect(&[Discard(0)]);
                assert_eq!((script.events(), script.connection.rests.len()), (vec![], 0), "{rest:?}");
                assert_eq!(script.connection.shared.header_buffered, 0);
                // Nothing more is looked at.
                script.feed(0, &frame(4, b""));
                script.expect(&[]);
            }
        }
    }
}

#[test]
fn what_was_malformed_before_the_answer_is_called_so() {
    let mut script = Script::server();
    script.feed(0, &[with(&POST, &[("content-length", "5")]), frame(0, b"123456")].concat());
    answer(&mut script, 0);
    script.expect(&[Write(0, headers(&[(":status", "200")])), Finish(0), StopSending(0, 0x10e)]);
    assert!(script.connection.streams.is_empty());
}

#[test]
fn a_message_that_is_malformed_while_its_answer_is_made_fails() {
    let mut script = Script::server();
    script.feed(0, &with(&POST, &[("content-length", "5")]));
    script.connection.stop_sending(&mut script.transport, id(0), Reason::NotNeeded);
    script.connection.send_response(&mut script.transport, id(0), &ResponseHead::new(Status::OK), false).unwrap();
    script.expect(&[StopSending(0, 0x100), Write(0, headers(&[(":status", "200")]))]);
    script.events();
    script.feed(0, &frame(0, b"123456"));
    script.expect(&[Reset(0, 0x10e), Discard(0)]);
    let failed = exchange::Event::Failed(Malformed::BodyTooLong);
    assert_eq!(script.events(), [Event::Exchange(id(0), failed)]);
    assert!(script.connection.streams.is_empty());
    assert_eq!((script.connection.rests.len(), script.connection.shared.in_hand), (0, 0));
}

#[test]
fn malformed_rests_without_end() {
    let mut script = Script::server();
    let head = with(&POST, &[("content-length", "5")]);
    for stream in (0..).step_by(4) {
        script.feed(stream, &head);
        script.connection.stop_sending(&mut script.transport, id(stream), Reason::NotNeeded);
        script.feed(stream, &frame(0, b"123456"));
        script.events();
        script.transport.commands.retain(|command| matches!(command, Close(_)));
        assert!(stream < 4 * 1010);
        if script.connection.is_closed {
            break;
        }
    }
    script.expect(&[Close(0x107)]);
}

#[test]
fn a_rest_that_keeps_the_rules_ends_in_silence() {
    let rest = [frame(0, b"defg"), frame(0x21, b"grease"), headers(&[("x-sum", "1")])].concat();
    for ends in ["with the stream", "with a reset"] {
        for feed in FEEDS {
            let mut script = Script::server();
            feed(&mut script, 0, &[with(&POST, &[("content-length", "7")]), frame(0, b"abc")].concat());
            answer(&mut script, 0);
            script.expect(&[Write(0, headers(&[(":status", "200")])), Finish(0), StopSending(0, 0x100)]);
            script.events();
            feed(&mut script, 0, &rest);
            match ends {
                "with a reset" => script.reset(0, 0x100),
                _ => script.end(0),
            }
            script.expect(&[]);
            assert_eq!((script.events(), script.connection.rests.len()), (vec![], 0));
            script.feed(0, &frame(4, b""));
            assert!(!script.connection.is_closed, "nothing is read after the end");
        }
    }
}

/// Of a request that has come as a whole, nothing is asked.
#[test]
fn a_rest_that_was_there_needs_no_question() {
    let mut script = Script::server();
    script.feed_and_end(0, &[headers(&POST), frame(0, b"abc"), headers(&[("x", "y")])].concat());
    answer(&mut script, 0);
    script.expect(&[Write(0, headers(&[(":status", "200")])), Finish(0)]);
    assert_eq!((script.connection.streams.is_empty(), script.connection.rests.len()), (true, 0));
}

/// RFC 9114 section 7.2.4-4, 7.2.8-3.
#[test]
fn the_rest_after_a_head_that_was_too_large() {
    let limits = Limits { max_field_section_size: 100, ..Limits::default() };
    let large = with(&GET, &[("x", core::str::from_utf8(&[b'a'; 200]).unwrap())]);
    for feed in FEEDS {
        for (rest, breach) in [
            (frame(4, b""), Some(Violation::FrameOnRequestStream)),
            ([frame(0, b"abc"), frame(2, b"")].concat(), Some(Violation::ReservedFrame)),
            ([frame(0, b"abc"), headers(&[("a", "b")])].concat(), None),
        ] {
            let mut script = Script::started(Connection::server(Config { limits, ..Config::default() }));
            feed(&mut script, 0, &large);
            script.expect(&[Write(0, headers(&[(":status", "431")])), Finish(0), StopSending(0, 0x100)]);
            feed(&mut script, 0, &rest);
            match breach {
                Some(violation) => script.expect_close(violation),
                None => script.expect(&[]),
            }
        }
    }
}

/// A client that does not heed the question is read up to a number of bytes.
#[test]
fn r7_what_comes_after_the_question_is_read_up_to_a_number() {
    for head in [headers(&POST), headers(&GET)] {
        let mut script = Script::server();
        script.feed(0, &head);
        answer(&mut script, 0);
        script.feed(0, &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        script.transport.commands.clear();
        let mut rounds = 0;
        while script.transport.commands.is_empty() {
            script.feed(0, &[7; 1000]);
            rounds += 1;
            assert!(rounds < 10_000);
        }
        script.expect(&[Discard(0)]);
        assert!(script.transport.credit[&0] <= MAX_REST + head.len() && rounds > MAX_REST / 1000);
        assert_eq!((script.connection.streams.is_empty(), script.connection.rests.len()), (true, 0));
        let read = script.transport.credit[&0];
        script.feed(0, &[7; 1000]);
        assert_eq!(script.transport.credit[&0], read);
    }
    // A frame of an unknown type is no content, and has no more room.
    let mut script = Script::server();
    script.feed(0, &headers(&GET));
    answer(&mut script, 0);
    script.feed(0, &[0x21, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    script.transport.commands.clear();
    script.feed(0, &vec![7; 2 * MAX_REST]);
    script.expect(&[StopSending(0, 0x100)]);
    assert!(script.connection.streams.is_empty());
}

/// One that sends nothing more is forgotten after the time that content has.
#[test]
fn r7_what_does_not_come_after_the_question_is_awaited_for_a_time() {
    let mut script = Script::server();
    script.feed(0, &headers(&POST));
    answer(&mut script, 0);
    script.transport.commands.clear();
    script.wait(Duration::from_secs(20));
    // What drips earns nothing.
    script.drip(0, &[0, 60, 7, 7]);
    script.wait(Duration::from_millis(9_999));
    script.expect(&[]);
    assert_eq!(script.connection.rests.len(), 1);
    script.wait(Duration::from_millis(1));
    script.expect(&[Discard(0)]);
    assert_eq!(script.connection.rests.len(), 0);
}

/// Parts of trailers count with those of all streams, and are given back at each end.
#[test]
fn r7_trailers_in_part_after_the_question_are_charged() {
    let limits = Limits { max_header_buffer: 10_000, ..Limits::default() };
    let part = [&[1, 0x80, 0, 0x40, 0][..], &[0; 4000]].concat();
    let asked = || {
        let mut script = Script::started(Connection::server(Config { limits, ..Config::default() }));
        for stream in [0, 4] {
            script.feed(stream, &[headers(&POST), part.clone()].concat());
            answer(&mut script, stream);
        }
        assert_eq!((script.connection.rests.len(), script.connection.shared.header_buffered), (2, 8000));
        script
    };
    let mut script = asked();
    script.reset(0, 0x100);
    assert_eq!(script.connection.shared.header_buffered, 4000);
    script.wait(Duration::from_secs(30));
    assert_eq!(script.connection.shared.header_buffered, 0);
    let mut script = asked();
    script.transport.commands.clear();
    script.feed(8, &[headers(&POST), part].concat());
    script.expect_close(Violation::HeaderBuffer);
}

/// An exchange that is given up takes its rest along.
#[test]
fn a_rest_goes_with_its_exchange() {
    let mut script = Script::server();
    script.feed(0, &headers(&POST));
    script.connection.stop_sending(&mut script.transport, id(0), Reason::NotNeeded);
    assert_eq!(script.read_all(0), (vec![], Body::Gone));
    script.connection.reset(&mut script.transport, id(0), Reason::Cancelled);
    script.expect(&[StopSending(0, 0x100), Reset(0, 0x10c), Discard(0)]);
    assert_eq!((script.connection.streams.is_empty(), script.connection.rests.len()), (true, 0));
    script.feed(0, &frame(4, b""));
    script.expect(&[]);
}

/// What waits for the transport is a complete answer, too.
#[test]
fn an_answer_that_waits_for_the_transport_is_complete() {
    let mut script = Script::server();
    script.feed(0, &with(&POST, &[("content-length", "5")]));
    script.transport.room.insert(0, 1);
    answer(&mut script, 0);
    script.feed(0, &frame(0, b"123456"));
    script.transport.room.remove(&0);
    script.connection.on_stream_writable(&mut script.transport, id(0));
    assert_eq!(script.transport.commands.last(), Some(&Finish(0)));
    assert!(script.transport.commands.contains(&Discard(0)));
    assert!(script.connection.streams.is_empty());
    let mut body = Bytes::from_static(b"x");
    assert!(script.connection.send_body(&mut script.transport, id(0), &mut body).is_err());
}
