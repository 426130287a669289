//! Priorities (RFC 9218): what is said by whom, and what the transport is told of it.

use super::script::*;
use crate::{Connection, Limits, Priority, SendError, Violation};
use alloc::vec::Vec;
use http::{RequestHead, ResponseHead, Status};

fn update(stream: u8, value: &str) -> Vec<u8> {
    let payload = [&[stream][..], value.as_bytes()].concat();
    // The type takes four bytes.
    [&[0x80, 0x0f, 0x07, 0x00, payload.len() as u8][..], &payload].concat()
}

fn ask(script: &mut Script, stream: u64, priority: &str) {
    script.feed_and_end(stream, &with(&GET, &[("priority", priority)]));
}

#[track_caller]
fn expect(script: &mut Script, priorities: &[(u64, u8, bool)]) {
    assert_eq!(core::mem::take(&mut script.transport.priorities), priorities);
}

#[test]
fn the_field_of_a_request_is_heard() {
    let mut script = Script::server();
    script.feed_and_end(0, &headers(&GET));
    expect(&mut script, &[]);
    for (stream, value, urgency, incremental) in
        [(4, "u=1", 1, false), (8, "i", 3, true), (12, "u=7, i", 7, true), (16, "nonsense=", 3, false)]
    {
        ask(&mut script, stream, value);
        expect(&mut script, &[(stream, urgency, incremental)]);
    }
    // Who knows priorities means the default where nothing is said.
    script.feed_and_end(20, &headers(&GET));
    expect(&mut script, &[(20, 3, false)]);
}

#[test]
fn the_server_goes_first_and_says_only_what_it_says() {
    let mut script = Script::server();
    ask(&mut script, 0, "u=6, i");
    expect(&mut script, &[(0, 6, true)]);
    let head = ResponseHead { status: Status::OK, ..ResponseHead::new(Status::OK) };
    let mut head_with = head.clone();
    head_with.fields.push("priority", "u=0").unwrap();
    let Script { connection, transport, .. } = &mut script;
    connection.send_response(transport, id(0), &head_with, false).unwrap();
    expect(&mut script, &[(0, 0, true)]);
    // The client changes what is left to it.
    script.feed(2, &update(0, "u=2, i=?0"));
    expect(&mut script, &[(0, 0, false)]);
    let Script { connection, transport, .. } = &mut script;
    connection.prioritize(transport, id(0), Priority { urgency: Some(5), incremental: None }).unwrap();
    expect(&mut script, &[(0, 5, false)]);
    let Script { connection, transport, .. } = &mut script;
    assert_eq!(connection.prioritize(transport, id(4), Priority::new(1, true)), Err(SendError::Ended));
}

#[test]
fn an_update_goes_before_the_request_and_may_come_before_it() {
    let mut script = Script::server();
    script.feed(2, &[update(4, "u=5"), update(4, "u=1, i"), update(8, "u=2")].concat());
    ask(&mut script, 4, "u=6");
    expect(&mut script, &[(4, 1, true)]);
    // The stream is there, and its head is not.
    script.feed(0, &[]);
    script.feed(2, &update(0, "u=0"));
    ask(&mut script, 0, "u=6");
    assert_eq!(script.transport.priorities.last(), Some(&(0, 0, false)));
    assert!(script.connection.shared.pending.take(id(8)).is_some() && script.connection.shared.pending.is_empty());
}

/// RFC 9218 section 4-2.
#[test]
fn what_cannot_be_read_is_the_default() {
    let mut script = Script::server();
    ask(&mut script, 0, "u=1, i");
    for value in ["", "u=9", "u=1,", "\u{0}", "u=\"1\", x;y=(1 2)"] {
        script.transport.priorities.clear();
        script.feed(2, &update(0, value));
        expect(&mut script, &[(0, 3, false)]);
    }
    script.expect(&[]);
}

/// RFC 9218 section 7.2-5, 7.2-6.
#[test]
fn an_update_beyond_the_streams_that_are_allowed_closes() {
    let mut script = Script::server();
    script.transport.allowed = Some(10);
    script.feed(2, &update(36, "u=1"));
    script.expect(&[]);
    script.feed(2, &update(40, "u=1"));
    script.expect_close(Violation::PriorityId);
}

#[test]
fn updates_ahead_of_their_requests_are_few() {
    let mut script = Script::server();
    let most = Limits::default().max_early_priorities;
    for stream in 0..most as u64 + 10 {
        script.connection.shared.budget.earn();
        script.feed(2, &update(4 * (stream % 16) as u8, "u=1"));
    }
    let mut pending = crate::priority::Pending::default();
    (0..100).for_each(|index| pending.insert(id(4 * index), Priority::new(1, true), most));
    assert!(pending.take(id(4 * 67)).is_none() && pending.take(id(4 * 68)).is_some());
    pending.insert(id(0), Priority::new(1, true), 0);
    assert!(pending.take(id(0)).is_none());
}

/// RFC 9114 section 10.5.
#[test]
fn a_flood_of_updates_ends() {
    let mut script = Script::server();
    for _ in 0..Limits::default().glitches {
        script.feed(2, &update(0, "u=1"));
        script.expect(&[]);
    }
    script.feed(2, &update(0, "u=1"));
    script.expect_close(Violation::Glitches);
}

/// RFC 9218 section 7.2-1, 7.2-3.
#[test]
fn a_client_tells_on_its_control_stream() {
    let mut script = Script::client();
    let Script { connection, transport, .. } = &mut script;
    let head = RequestHead::get("https://a.example/").unwrap().with_field("priority", "u=1").unwrap();
    let stream = connection.send_request(transport, &head, true).unwrap();
    transport.commands.clear();
    connection.prioritize(transport, stream, Priority::new(6, true)).unwrap();
    script.expect(&[Write(2, update(0, "u=6, i"))]);
    // Where the server takes none, none is kept.
    script.transport.room.insert(2, 3);
    let Script { connection, transport, .. } = &mut script;
    connection.prioritize(transport, stream, Priority::new(6, true)).unwrap();
    assert_eq!(connection.prioritize(transport, stream, Priority::new(5, true)), Err(SendError::Blocked));
}

/// RFC 9218 section 7.2-2, 7.2-10.
#[test]
fn updates_elsewhere_close() {
    let mut script = Script::server();
    script.feed(0, &update(0, "u=1"));
    script.expect_close(Violation::FrameOnRequestStream);
    let mut script = Script::client();
    script.feed(3, &update(0, "u=1"));
    script.expect_close(Violation::FrameOfClient);
    let mut script = Script::started(Connection::client(crate::Config::default()));
    script.feed(3, &[0x80, 0x0f, 0x07, 0x01, 1, 0]);
    script.expect_close(Violation::FrameOfClient);
}
