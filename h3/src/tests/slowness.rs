//! Clients that are too slow, and those that are slow and keep the limits.

use super::script::*;
use crate::{Body, Config, Connection, Event, TimeLimits, Violation};
use alloc::vec;
use alloc::vec::Vec;
use base::{Bytes, Duration};
use http::exchange::{self, Reason};
use http::{ResponseHead, Status};

const SECOND: Duration = Duration::from_secs(1);

/// That of an exchange.
fn told(stream: u64, event: exchange::Event) -> Event {
    Event::Exchange(id(stream), event)
}

/// A head in part is answered with 408 at its limit, and nothing is left of it.
#[track_caller]
fn expect_408(script: &mut Script, stream: u64) {
    script.expect(&[Write(stream, headers(&[(":status", "408")])), Finish(stream), StopSending(stream, 0x100)]);
    let refused = Event::Refused { id: id(stream), violation: Violation::SlowHead };
    assert_eq!(script.events(), [refused]);
    assert!(script.connection.streams.is_empty());
    assert_eq!((script.connection.shared.in_hand, script.connection.shared.header_buffered), (0, 0));
}

#[test]
fn r4_a_head_that_is_cut_anywhere_ends_after_ten_seconds() {
    let head = headers(&GET);
    for cut in 0..head.len() {
        let mut script = Script::server();
        script.feed(0, &head[..cut]);
        script.wait(SECOND * 10 - Duration::from_millis(1));
        script.expect(&[]);
        script.wait(Duration::from_millis(1));
        expect_408(&mut script, 0);
    }
}

#[test]
fn r4_a_head_that_drips_ends_after_ten_seconds() {
    let mut script = Script::server();
    for byte in &headers(&GET)[..10] {
        script.feed(0, &[*byte]);
        script.wait(SECOND);
    }
    expect_408(&mut script, 0);
    // Frames of no use before it are no head.
    for _ in 0..10 {
        script.feed(4, &frame(0x21, &[]));
        script.wait(SECOND);
    }
    expect_408(&mut script, 4);
}

#[test]
fn a_head_that_is_slow_and_in_time_is_a_request() {
    let mut script = Script::server();
    let head = headers(&GET);
    let (first, last) = head.split_at(5);
    script.feed(0, first);
    script.wait(Duration::from_millis(9_999));
    script.feed(0, last);
    script.end(0);
    script.wait(SECOND * 100);
    script.expect(&[]);
    assert!(matches!(
        script.events()[..],
        [Event::Exchange(_, exchange::Event::Request(_)), Event::Exchange(_, exchange::Event::Finished)]
    ));
}

/// Where the client takes no answer, the stream is reset with the code that says that nothing was done.
#[test]
fn a_slow_head_without_room_for_an_answer_is_rejected() {
    let mut script = Script::server();
    script.feed(0, &headers(&GET)[..5]);
    script.transport.stopped.insert(0, code(0x10c));
    script.wait(SECOND * 10);
    script.expect_refused(0, Violation::SlowHead);
}

#[test]
fn r4_slow_heads_without_end_end_the_connection() {
    let flooded = |each: u64| {
        let (mut script, mut round) = (Script::server(), 0);
        while !script.connection.is_closed {
            (round..round + each).for_each(|request| script.feed(4 * request, &[1]));
            round += each;
            script.wait(SECOND * 10);
            script.transport.commands.retain(|command| matches!(command, Close(_)));
        }
        (script, round)
    };
    let (mut script, round) = flooded(300);
    assert!(round <= 1_200);
    script.expect_close(Violation::Glitches);
    // With few of them it is a connection without requests.
    let (mut script, round) = flooded(1);
    assert_eq!(round, 7);
    assert_eq!(script.events().last(), Some(&Event::Closed { code: code(0x100), violation: None }));
}

/// A server that has been given the head of an upload, and reads.
fn uploading() -> Script {
    let mut script = Script::server();
    script.feed(0, &headers(&POST));
    script.events();
    assert_eq!(script.read_all(0), (vec![], Body::Blocked));
    script
}

/// Content in pieces, each read at once. What the application is told.
fn upload(script: &mut Script, pieces: usize, len: usize, every: Duration) -> Vec<Event> {
    let mut events = Vec::new();
    for _ in 0..pieces {
        script.wait(every);
        script.feed(0, &frame(0, &vec![7; len]));
        events.extend(script.events());
        script.read_all(0);
    }
    events
}

#[test]
fn content_at_the_least_rate_is_taken_for_as_long_as_it_takes() {
    let mut script = uploading();
    upload(&mut script, 1000, 1024, SECOND);
    upload(&mut script, 100, 30 * 1024, Duration::from_millis(29_990));
    script.expect(&[]);
    script.end(0);
    assert_eq!(script.events().last(), Some(&told(0, exchange::Event::Finished)));
}

#[test]
fn content_that_stops_or_drips_is_given_up_and_the_answer_can_be_sent() {
    for (pieces, every) in [(0, SECOND), (29, SECOND), (1_000, SECOND / 10)] {
        let mut script = uploading();
        let mut events = upload(&mut script, pieces, 1, every);
        script.wait(SECOND * 31);
        script.expect(&[StopSending(0, 0x100)]);
        events.extend(script.events());
        assert_eq!(events.last(), Some(&told(0, exchange::Event::SlowSender)));
        assert_eq!(script.read_all(0).1, Body::Gone);
        let head = ResponseHead::new(Status::REQUEST_TIMEOUT);
        script.connection.send_response(&mut script.transport, id(0), &head, true).unwrap();
        script.expect(&[Write(0, headers(&[(":status", "408")])), Finish(0)]);
        assert!(script.connection.streams.is_empty() && script.connection.shared.in_hand == 0);
    }
}

#[test]
fn an_answer_that_has_begun_goes_on_without_the_content() {
    let mut script = uploading();
    script.connection.send_response(&mut script.transport, id(0), &ResponseHead::new(Status::OK), false).unwrap();
    script.transport.commands.clear();
    script.wait(SECOND * 30);
    script.expect(&[StopSending(0, 0x10c)]);
    script.connection.send_body(&mut script.transport, id(0), &mut Bytes::from_static(b"x")).unwrap();
    script.connection.finish(&mut script.transport, id(0)).unwrap();
    script.expect(&[Write(0, frame(0, b"x")), Finish(0)]);
}

/// Only waiting counts: not the time in which content lies there, nor the time before the application asks.
#[test]
fn an_application_may_take_its_time() {
    let mut script = Script::server();
    script.feed(0, &headers(&POST));
    script.wait(SECOND * 1000);
    script.feed(0, &frame(0, &[7; 10]));
    script.wait(SECOND * 1000);
    script.read_all(0);
    script.wait(SECOND * 29);
    script.feed(0, &frame(0, &[7; 10]));
    script.wait(SECOND * 1000);
    script.read_all(0);
    script.expect(&[]);
    script.wait(SECOND * 2);
    script.expect(&[StopSending(0, 0x100)]);
}

#[test]
fn an_exchange_without_time_limits_may_be_slow() {
    let mut script = uploading();
    script.connection.lift_time_limits(id(0));
    let mut head = Bytes::from_static(b"event");
    script.connection.send_response(&mut script.transport, id(0), &ResponseHead::new(Status::OK), false).unwrap();
    script.transport.acknowledged.insert(0, 0);
    script.connection.send_body(&mut script.transport, id(0), &mut head).unwrap();
    script.transport.commands.clear();
    script.wait(SECOND * 10_000);
    script.expect(&[]);
    assert!(script.events().iter().all(|event| !matches!(event, Event::Closed { .. })));
}

/// A request whose answer is complete, and whose end never comes.
#[test]
fn the_rest_of_a_request_that_nobody_wants_is_given_up() {
    let mut script = Script::server();
    script.feed(0, &headers(&GET));
    script.connection.send_response(&mut script.transport, id(0), &ResponseHead::new(Status::OK), true).unwrap();
    script.transport.commands.clear();
    script.events();
    assert_eq!(script.connection.shared.in_hand, 1);
    script.wait(SECOND * 30);
    script.expect(&[StopSending(0, 0x100)]);
    assert!(script.connection.streams.is_empty() && script.connection.shared.in_hand == 0);
    assert_eq!(script.events(), []);
}

/// A response of which the transport takes `room` bytes and the peer acknowledges none.
fn responding(room: usize) -> Script {
    let mut script = Script::server();
    script.feed(0, &headers(&GET));
    script.end(0);
    script.events();
    script.transport.room.insert(0, room);
    script.transport.acknowledged.insert(0, 0);
    script.connection.send_response(&mut script.transport, id(0), &ResponseHead::new(Status::OK), false).unwrap();
    let mut content = Bytes::from(vec![7; 1 << 20]);
    script.connection.send_body(&mut script.transport, id(0), &mut content).unwrap();
    script.transport.commands.clear();
    script
}

#[test]
fn a_response_that_is_not_taken_is_cancelled() {
    for room in [0, 100, 1 << 30] {
        let mut script = responding(room);
        script.wait(SECOND * 120);
        script.expect(&[]);
        script.wait(SECOND * 61);
        script.expect(&[Reset(0, 0x10c)]);
        assert_eq!(script.events(), [told(0, exchange::Event::SlowReceiver)]);
        assert!(script.connection.streams.is_empty() && script.connection.shared.in_hand == 0);
        // Which the application may not have heard yet.
        let late = script.connection.send_body(&mut script.transport, id(0), &mut Bytes::from_static(b"x"));
        assert_eq!(late, Err(exchange::SendError::Ended));
        script.connection.reset(&mut script.transport, id(0), Reason::Internal);
        script.expect(&[]);
    }
}

#[test]
fn a_response_that_is_taken_at_the_least_rate_goes_on() {
    let mut script = responding(1 << 30);
    for second in 0..1000 {
        script.transport.acknowledged.insert(0, 1025 * second);
        script.wait(SECOND);
    }
    // A pause of a minute and a half.
    script.wait(SECOND * 90);
    script.transport.acknowledged.insert(0, 1 << 20);
    script.wait(SECOND * 30);
    script.expect(&[]);
    assert_eq!(script.events(), []);
}

#[test]
fn a_connection_without_requests_ends() {
    let mut script = Script::server();
    script.wait(SECOND * 60 - Duration::from_millis(1));
    script.expect(&[]);
    script.wait(Duration::from_millis(1));
    // GOAWAY, so that a request on its way is still answered.
    assert!(matches!(&script.transport.commands[..], [Write(_, goaway)] if goaway[0] == 7));
    script.transport.commands.clear();
    script.wait(SECOND);
    script.expect(&[Close(0x100)]);
    assert_eq!(script.events(), [Event::Closed { code: code(0x100), violation: None }]);
}

#[test]
fn a_connection_with_requests_stays() {
    let mut script = Script::server();
    for round in 0..20 {
        script.feed_and_end(4 * round, &headers(&GET));
        script.wait(SECOND * 100);
        script
            .connection
            .send_response(&mut script.transport, id(4 * round), &ResponseHead::new(Status::OK), true)
            .unwrap();
        script.wait(SECOND * 59);
    }
    assert!(!script.connection.is_closed);
    assert_eq!(script.transport.commands.len(), 40);
}

/// Responses that are all written and lie in the transport.
#[test]
fn a_connection_whose_client_takes_nothing_of_the_last_response_ends() {
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET));
    script.transport.acknowledged.insert(0, 0);
    script.connection.send_response(&mut script.transport, id(0), &ResponseHead::new(Status::OK), true).unwrap();
    script.events();
    script.transport.commands.clear();
    script.wait(SECOND * 120);
    script.expect(&[]);
    script.wait(SECOND * 120);
    script.expect_close(Violation::ResponsesNotTaken);
}

#[test]
fn limits_that_are_off_give_nothing_up() {
    let config = Config { times: TimeLimits::OFF, ..Config::default() };
    let mut script = Script::started(Connection::server(config));
    script.feed(0, &headers(&GET)[..3]);
    script.feed(4, &headers(&POST));
    script.read_all(4);
    script.transport.acknowledged.insert(8, 0);
    script.feed(8, &headers(&GET));
    script.connection.send_response(&mut script.transport, id(8), &ResponseHead::new(Status::OK), false).unwrap();
    script.transport.commands.clear();
    assert_eq!(script.connection.deadline(), None);
    script.wait(SECOND * 1_000_000);
    script.expect(&[]);
    assert_eq!(script.connection.streams.len(), 3);
}

/// A client waits for as long as its application does.
#[test]
fn a_client_has_no_such_limits() {
    let mut script = Script::client();
    script.wait(SECOND * 1_000_000);
    assert_eq!(script.connection.deadline(), None);
    script.expect(&[]);
}
