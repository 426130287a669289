//! The dynamic tables of QPACK: sections that wait, what the peer is told, and what it must not make us hold.

use super::script::*;
use crate::connection::MOST_UNSENT;
use crate::{Config, Connection, Event, Limits, Violation};
use alloc::vec::Vec;
use base::{Duration, Side};
use http::exchange;
use http::{RequestHead, ResponseHead, Status};
use qpack::DecompressionError;

/// A section of a GET for `/` at `a.example`, whose agent is the first entry ever inserted.
const NEEDS_ONE: [u8; 15] = [2, 0, 0xc0 | 17, 0xc0 | 23, 0x50, 9, b'a', b'.', b'e', b'x', b'a', b'm', b'p', b'l', b'e'];
const INSERT: [u8; 6] = [0xc0 | 63, 95 - 63, 3, b'o', b'n', b'e'];
/// Set Dynamic Table Capacity, of 220 bytes.
const CAPACITY: [u8; 3] = [0x3f, 0xbd, 0x01];

fn needs_one() -> Vec<u8> {
    frame(1, &[&NEEDS_ONE[..], &[0xc0 | 1, 0x80]].concat())
}

fn config() -> Config {
    let limits = Limits { qpack_table_capacity: 220, qpack_blocked_streams: 2, ..Limits::default() };
    Config { limits, ..Config::default() }
}

/// A server whose client has opened its encoder stream.
fn server() -> Script {
    let mut script = Script::started(Connection::server(config()));
    script.feed(6, &[0x02]);
    script.feed(6, &CAPACITY);
    script
}

fn agents(script: &mut Script) -> Vec<(u64, Option<alloc::string::String>)> {
    let agent = |event| match event {
        Event::Exchange(id, exchange::Event::Request(head)) => {
            Some((id.value(), head.fields.first_text("user-agent").map(Into::into)))
        }
        _ => None,
    };
    script.events().into_iter().filter_map(agent).collect()
}

/// RFC 9204 section 2.2.2.1-1; RFC 9204 s2.2.1.
#[test]
fn a_request_waits_for_insertions_and_no_other_does() {
    let mut script = server();
    script.feed_and_end(0, &[needs_one(), frame(0x21, &[0; 10_000])].concat());
    script.feed_and_end(4, &headers(&GET));
    assert_eq!(agents(&mut script), [(4, None)]);
    assert!(script.transport.credit[&0] <= 2048, "what follows a section that waits is not read");
    script.feed(6, &INSERT[..4]);
    assert_eq!(agents(&mut script), []);
    script.feed(6, &INSERT[4..]);
    assert_eq!(agents(&mut script), [(0, Some("one".into()))]);
    script.connection.acknowledge(&mut script.transport);
    script.expect(&[Write(11, alloc::vec![0x80])]);
    script.connection.acknowledge(&mut script.transport);
    script.expect(&[]);
}

#[test]
fn insertions_that_nothing_needs_are_told_at_once_in_one_number() {
    let mut script = server();
    for _ in 0..5 {
        script.feed(6, &INSERT);
    }
    script.connection.acknowledge(&mut script.transport);
    script.expect(&[Write(11, alloc::vec![5])]);
}

/// RFC 9204 section 2.1.2-2.
#[test]
fn no_more_streams_wait_than_are_allowed() {
    let mut script = server();
    for stream in [0, 4] {
        script.feed(stream, &needs_one());
    }
    assert!(script.events().is_empty());
    script.feed(8, &needs_one());
    script.expect_close(Violation::Decompression(DecompressionError::BlockedStreams));
}

#[test]
fn bytes_of_sections_that_wait_are_counted() {
    let limits = Limits { max_header_buffer: 100, ..config().limits };
    let mut script = Script::started(Connection::server(Config { limits, ..config() }));
    script.feed(6, &[&[2][..], &CAPACITY].concat());
    let large = frame(1, &[&NEEDS_ONE[..], &[0x80; 50]].concat());
    script.feed(0, &large);
    assert!(script.violation_free());
    script.feed(4, &large);
    script.expect_close(Violation::HeaderBuffer);
}

/// RFC 9204 s2.2.2.2.
#[test]
fn a_stream_that_is_given_up_is_cancelled() {
    // The client resets it; the server's application does; it had been told nothing of it.
    let mut script = server();
    script.feed(0, &needs_one());
    script.reset(0, 0x10c);
    script.connection.acknowledge(&mut script.transport);
    script.expect(&[Reset(0, 0x10b), Write(11, alloc::vec![0x40])]);
    assert_eq!(script.connection.shared.decoder.held(), 0);
    // What comes for it later wakes nobody.
    script.feed(6, &INSERT);
    assert_eq!(agents(&mut script), []);
    // A request that was read to its end needs none.
    script.transport.commands.clear();
    script.feed_and_end(4, &headers(&GET));
    let head = ResponseHead::new(Status::OK);
    script.connection.send_response(&mut script.transport, id(4), &head, true).unwrap();
    script.transport.commands.clear();
    script.connection.acknowledge(&mut script.transport);
    script.expect(&[Write(11, alloc::vec![1])]);
    // One whose application gives up in the middle.
    script.feed(8, &headers(&POST));
    script.connection.reset(&mut script.transport, id(8), exchange::Reason::Internal);
    script.transport.commands.clear();
    script.connection.acknowledge(&mut script.transport);
    script.expect(&[Write(11, alloc::vec![0x48])]);
}

#[test]
fn a_head_that_waits_too_long_is_answered() {
    let mut script = server();
    script.feed(0, &needs_one());
    script.wait(Duration::from_secs(11));
    assert_eq!(script.events(), [Event::Refused { id: id(0), violation: Violation::SlowHead }]);
    script.transport.commands.clear();
    script.connection.acknowledge(&mut script.transport);
    script.expect(&[Write(11, alloc::vec![0x40])]);
    assert_eq!(script.connection.shared.decoder.held(), 0);
}

/// A section that is passed over is never acknowledged, so what follows on its stream must not be either.
#[test]
fn trailers_that_nobody_wants_are_not_waited_for() {
    let mut script = server();
    script.feed(0, &[headers(&POST), frame(0, b"x")].concat());
    script.read_all(0);
    let head = ResponseHead::new(Status::OK);
    script.connection.send_response(&mut script.transport, id(0), &head, true).unwrap();
    script.feed_and_end(0, &[frame(0, b"y"), frame(1, &[2, 0, 0x80])].concat());
    assert_eq!(script.connection.shared.decoder.blocked_streams(), 0);
    script.transport.commands.clear();
    script.connection.acknowledge(&mut script.transport);
    script.expect(&[Write(11, alloc::vec![0x40])]);
    assert!(script.violation_free());
}

#[test]
fn trailers_wait_and_come_with_the_end() {
    let mut script = server();
    script.feed_and_end(0, &[headers(&POST), frame(0, b"x"), frame(1, &[2, 0, 0x80])].concat());
    script.read_all(0);
    let before = script.events();
    assert!(!before.iter().any(|event| matches!(event, Event::Exchange(_, exchange::Event::Finished))));
    script.feed(6, &INSERT);
    let events = script.events();
    assert!(
        matches!(
            &events[..],
            [Event::Exchange(_, exchange::Event::Trailers(fields)), Event::Exchange(_, exchange::Event::Finished)]
                if fields.first_text("user-agent") == Some("one")
        ),
        "{events:?}"
    );
}

#[test]
fn acknowledgments_that_are_not_taken_end_the_connection() {
    let mut script = server();
    script.feed(6, &INSERT);
    script.transport.room.insert(11, 0);
    let response = ResponseHead::new(Status::OK);
    for number in 0.. {
        assert!(number < 3 * MOST_UNSENT as u64, "nothing is done about it");
        script.feed_and_end(4 * number, &needs_one());
        let _ = script.connection.send_response(&mut script.transport, id(4 * number), &response, true);
        script.connection.acknowledge(&mut script.transport);
        let unsent = script.connection.shared.decoder.unsent();
        assert!(unsent <= MOST_UNSENT + 16, "{unsent}");
        if script.connection.is_closed {
            break;
        }
    }
    script.expect_close(Violation::AcknowledgmentsNotTaken);
}

/// A client whose server allows a table, and that uses it.
fn client() -> Script {
    let mut script = Script::new(Connection::client(Config { qpack_encoder_capacity: 4096, ..Config::default() }));
    script.connection.on_connected(&mut script.transport);
    // QPACK_MAX_TABLE_CAPACITY of 4096, QPACK_BLOCKED_STREAMS of 16.
    script.feed(3, &[0, 4, 5, 0x01, 0x50, 0x00, 0x07, 0x10]);
    script.transport.commands.clear();
    script
}

fn request() -> RequestHead {
    RequestHead::get("https://a.example/").unwrap().with_field("user-agent", "an agent of some kind").unwrap()
}

/// RFC 9204 section 3.2.3-1; RFC 9204 s2.1.3.
#[test]
fn insertions_go_out_ahead_of_what_needs_them() {
    let mut script = client();
    script.connection.send_request(&mut script.transport, &request(), true).unwrap();
    let [Write(6, instructions), Open(0), Write(0, first), Finish(0)] = &script.transport.commands[..] else {
        panic!("{:x?}", script.transport.commands)
    };
    assert_eq!(instructions[..3], [0x3f, 0xe1, 0x1f], "first the capacity");
    assert_eq!(first[..2], [1, first.len() as u8 - 2]);
    assert_eq!(first[2..4], [3, 0x81], "two insertions are needed, counted from none");
    let first = first.len();
    script.transport.commands.clear();
    script.connection.send_request(&mut script.transport, &request(), true).unwrap();
    let [Open(4), Write(4, second), Finish(4)] = &script.transport.commands[..] else {
        panic!("{:x?}", script.transport.commands)
    };
    assert!(second.len() <= first);
    assert_eq!(script.connection.shared.encoder.progress(), (2, 2));
    // The server has read one, and will not read the other.
    script.feed(7, &[3, 0x80, 0x44]);
    assert_eq!(script.connection.shared.encoder.progress(), (2, 0));
}

/// RFC 9204 s2.1.3.
#[test]
fn nothing_is_inserted_where_the_peer_gives_no_credit() {
    let mut script = client();
    script.transport.room.insert(6, 0);
    script.connection.send_request(&mut script.transport, &request(), true).unwrap();
    assert!(!script.transport.commands.iter().any(|command| matches!(command, Write(6, _))));
    assert_eq!(script.connection.shared.encoder.progress(), (0, 0));
}

/// What the settings do not allow, or our own do not want, is not used.
/// RFC 9204 section 3.2.3-4.
#[test]
fn without_a_table_nothing_is_inserted() {
    for (wanted, allowed) in [(0, 0x50), (4096, 0x40)] {
        let mut script =
            Script::new(Connection::client(Config { qpack_encoder_capacity: wanted, ..Config::default() }));
        script.connection.on_connected(&mut script.transport);
        script.feed(3, &[0, 4, 5, 0x01, allowed, 0x00, 0x07, 0x10]);
        script.transport.commands.clear();
        for _ in 0..3 {
            script.connection.send_request(&mut script.transport, &request(), true).unwrap();
        }
        assert!(!script.transport.commands.iter().any(|command| matches!(command, Write(6 | 10, _))));
        assert_eq!(script.transport.side, Side::Client);
    }
}

/// Cancellations of what is not waited for cost a peer its budget.
#[test]
fn cancellations_without_end_are_too_much() {
    let mut script = client();
    script.feed(7, &[3]);
    script.feed(7, &[0x44; 1000]);
    assert!(script.violation_free());
    script.feed(7, &[0x44]);
    script.expect_close(Violation::Glitches);
}
