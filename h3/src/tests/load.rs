//! Peers that obey every rule and mean harm: each ends at a number.

use super::script::*;
use crate::{Body, Config, Connection, Event, Limits, Violation};
use http::exchange::{self, Reason};
use http::{ResponseHead, Status};

/// Feeds until the connection closes, and says how often.
fn rounds(script: &mut Script, max: u64, mut round: impl FnMut(&mut Script, u64)) -> u64 {
    for count in 0..max {
        round(script, count);
        if script.connection.is_closed {
            script.expect_close(Violation::Glitches);
            return count;
        }
        script.transport.commands.clear();
    }
    panic!("never ends");
}

/// The head on this stream was over the limit: the client is told so, nothing more of it is read, and nothing is left.
#[track_caller]
fn expect_answer_431(script: &mut Script, stream: u64) {
    let answer = headers(&[(":status", "431")]);
    script.expect(&[Write(stream, answer), Finish(stream), StopSending(stream, 0x100)]);
    let refused = Event::Refused { id: id(stream), violation: Violation::FieldSectionTooLarge };
    assert_eq!(script.events(), [refused]);
    assert!(script.connection.streams.is_empty());
    assert_eq!((script.connection.shared.in_hand, script.connection.shared.header_buffered), (0, 0));
}

#[test]
fn an_answer_that_cannot_be_given_is_a_reset() {
    let too_large = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    // The client takes no fields at all.
    let mut script = Script::new(Connection::server(Config::default()));
    script.feed(2, &[0, 4, 2, 6, 0]);
    script.events();
    script.feed(0, &too_large);
    script.expect_refused(0, Violation::FieldSectionTooLarge);
    // The client reads no response.
    let mut script = Script::server();
    script.transport.stopped.insert(0, code(0x10c));
    script.feed(0, &too_large);
    script.expect_refused(0, Violation::FieldSectionTooLarge);
    // The transport is full: the answer waits, and is counted like any other refusal.
    let mut script = Script::server();
    script.transport.room.insert(0, 0);
    script.feed(0, &too_large);
    script.expect(&[StopSending(0, 0x100)]);
    script.transport.room.remove(&0);
    script.connection.on_stream_writable(&mut script.transport, id(0));
    script.expect(&[Write(0, headers(&[(":status", "431")])), Finish(0)]);
    assert!(script.connection.streams.is_empty());
}

#[test]
fn heads_over_the_limit_without_end() {
    let mut script = Script::server();
    let too_large = [1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert!(rounds(&mut script, 1_000_000, |script, round| script.feed(4 * round, &too_large)) <= 1000);
}

#[test]
fn farewells_without_end() {
    let mut script = Script::client();
    let count = rounds(&mut script, 1_000_000, |script, round| {
        let goaway = ((3 << 62) + (1 << 40) - 4 * round).to_be_bytes();
        script.feed(3, &frame(7, &goaway));
    });
    assert!(count <= 1001);
}

#[test]
fn requests_after_the_farewell_are_counted() {
    let mut script = Script::server();
    script.connection.shutdown(&mut script.transport);
    script.connection.shutdown(&mut script.transport);
    assert!(rounds(&mut script, 1_000_000, |script, round| script.feed(4 * round, &headers(&GET))) <= 1000);
}

#[test]
fn rapid_reset() {
    // The application never gets to answer; each request is cancelled as soon as it was sent.
    let mut script = Script::server();
    let get = headers(&GET);
    let mut most = 0;
    let count = rounds(&mut script, 1_000_000, |script, round| {
        script.feed(4 * round, &get);
        script.reset(4 * round, 0x10c);
        most = most.max(script.connection.shared.in_hand);
    });
    let limits = Limits::default();
    assert!(count <= u64::from(limits.glitches));
    assert_eq!(most, limits.max_concurrent_requests);
}

#[test]
fn rapid_reset_against_an_application_that_gives_up_at_once() {
    let mut script = Script::server();
    let get = headers(&GET);
    let count = rounds(&mut script, 1_000_000, |script, round| {
        script.feed(4 * round, &get);
        script.reset(4 * round, 0x10c);
        script.connection.reset(&mut script.transport, id(4 * round), Reason::Cancelled);
        assert!(script.connection.streams.is_empty());
    });
    assert!(count <= 1000);
}

#[test]
fn provoked_resets() {
    let mut script = Script::server();
    let malformed = with(&GET, &[("connection", "x")]);
    assert!(rounds(&mut script, 1_000_000, |script, round| script.feed(4 * round, &malformed)) <= 1000);
}

#[test]
fn stop_sending_of_every_response() {
    let mut script = Script::server();
    let get = headers(&GET);
    let count = rounds(&mut script, 1_000_000, |script, round| {
        script.feed_and_end(4 * round, &get);
        script.stop(4 * round, 0x10c);
        script.connection.reset(&mut script.transport, id(4 * round), Reason::Cancelled);
    });
    assert!(count <= 1000);
}

#[test]
fn honest_cancellations_are_forgiven() {
    let mut script = Script::server();
    for round in 0..5000 {
        script.feed_and_end(4 * round, &headers(&GET));
        if round % 3 == 0 {
            script.reset(4 * round, 0x10c);
            script.stop(4 * round, 0x10c);
            script.connection.reset(&mut script.transport, id(4 * round), Reason::Cancelled);
        } else {
            let head = ResponseHead::new(Status::OK);
            script.connection.send_response(&mut script.transport, id(4 * round), &head, true).unwrap();
        }
        script.events();
    }
    assert!(!script.connection.is_closed);
}

#[test]
fn requests_beyond_what_is_taken_at_once_are_rejected() {
    let limits = Limits { max_concurrent_requests: 2, ..Limits::default() };
    let mut script = Script::started(Connection::server(Config { limits, ..Config::default() }));
    for stream in [0, 4, 8] {
        script.feed_and_end(stream, &headers(&GET));
    }
    script.expect_refused(8, Violation::RequestsInHand);
    script.connection.send_response(&mut script.transport, id(0), &ResponseHead::new(Status::OK), true).unwrap();
    script.feed_and_end(12, &headers(&GET));
    assert!(matches!(
        script.events()[..],
        [Event::Exchange(_, exchange::Event::Request(_)), Event::Exchange(_, exchange::Event::Finished)]
    ));
}

#[test]
fn empty_data_frames() {
    let mut script = Script::server();
    script.feed(0, &headers(&POST));
    assert!(rounds(&mut script, 1_000_000, |script, _| script.feed(0, &[0, 0])) <= 1000);
}

#[test]
fn unknown_frames_on_request_and_control_streams() {
    for stream in [0, 2] {
        let mut script = Script::server();
        assert!(rounds(&mut script, 1_000_000, |script, _| script.feed(stream, &[0x21, 0])) <= 1000);
    }
}

#[test]
fn unknown_streams() {
    let mut script = Script::server();
    assert!(rounds(&mut script, 1_000_000, |script, round| script.feed(6 + 4 * round, &[0x21])) <= 1000);
    assert!(script.connection.streams.is_empty());
}

#[test]
fn informational_responses_without_end() {
    let mut script = Script::client();
    let head = http::RequestHead::get("https://a.example/").unwrap();
    script.connection.send_request(&mut script.transport, &head, true).unwrap();
    let early = headers(&[(":status", "103")]);
    assert!(rounds(&mut script, 1_000_000, |script, _| script.feed(0, &early)) <= 1000);
}

#[test]
fn sections_that_unfold_into_more_than_allowed() {
    // 4 KiB that stand for 170 KB, as head, as trailers, as a final and as an informational response.
    let many = frame(1, &[&[0, 0][..], &[0xc0 | 29; 4096]].concat());
    let mut script = Script::server();
    script.feed(0, &many);
    expect_answer_431(&mut script, 0);
    for first in [headers(&GET), [headers(&POST), frame(0, b"x")].concat()] {
        let mut script = Script::server();
        script.feed(0, &[first, many.clone()].concat());
        script.read_all(0);
        assert_eq!(script.expect_failed(0, Violation::FieldSectionTooLarge), []);
    }
    let mut script = Script::client();
    let head = http::RequestHead::get("https://a.example/").unwrap();
    script.connection.send_request(&mut script.transport, &head, true).unwrap();
    script.transport.commands.clear();
    script.feed(0, &many);
    assert_eq!(script.expect_failed(0, Violation::FieldSectionTooLarge), []);
}

#[test]
fn a_declared_length_is_not_believed() {
    // HEADERS of 2^62 - 1 bytes: refused by its header.
    let mut script = Script::server();
    script.feed(0, &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    expect_answer_431(&mut script, 0);
    // An unknown frame and a DATA frame of that length: read as they come, and nothing is kept.
    let mut script = Script::server();
    script.feed(0, &[0x21, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    script.feed(0, &[0; 100_000]);
    script.expect(&[]);
    let mut script = Script::server();
    script.feed(0, &headers(&POST));
    script.feed(0, &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2]);
    assert_eq!(script.read_all(0), ([1, 2].to_vec(), Body::Blocked));
}

#[test]
fn sections_in_transit_are_charged() {
    let limits = Limits { max_header_buffer: 10_000, ..Limits::default() };
    let mut script = Script::started(Connection::server(Config { limits, ..Config::default() }));
    let part = [&[1, 0x80, 0, 0x40, 0][..], &[0; 4000]].concat();
    script.feed(0, &part);
    script.feed(4, &part);
    assert_eq!(script.connection.shared.header_buffered, 8000);
    script.reset(0, 0x10c);
    assert_eq!(script.connection.shared.header_buffered, 4000);
    script.feed(8, &part);
    script.transport.commands.clear();
    script.feed(12, &part);
    script.expect_close(Violation::HeaderBuffer);
}

#[test]
fn a_million_requests_leave_nothing_behind() {
    let mut script = Script::server();
    let get = headers(&GET);
    let head = ResponseHead::new(Status::OK);
    for round in 0..20_000 {
        script.connection.on_stream_opened(&mut script.transport, id(4 * round));
        script.feed_and_end(4 * round, &get);
        script.connection.send_response(&mut script.transport, id(4 * round), &head, true).unwrap();
        script.events();
        script.transport.commands.clear();
    }
    assert!(script.connection.streams.is_empty());
    assert_eq!((script.connection.shared.in_hand, script.connection.shared.header_buffered), (0, 0));
}
