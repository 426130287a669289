//! Streams that belong to a request and carry no HTTP (draft-ietf-webtrans-http3 sections 4.2 and 4.3).

use super::datagrams::TUNNEL;
use super::script::*;
use crate::{Config, Connection, DataStreamEvent, Event, Violation, WebTransportSettings};
use alloc::vec::Vec;
use base::Bytes;

fn config() -> Config {
    let webtransport = Some(WebTransportSettings { enabled: true, ..WebTransportSettings::default() });
    Config { extended_connect: true, datagrams: true, webtransport, ..Config::default() }
}

fn server() -> Script {
    Script::started(Connection::server(config()))
}

fn client() -> Script {
    Script::started(Connection::client(config()))
}

fn opened(stream: u64, request: u64, header_len: usize, ahead: &[u8]) -> Event {
    let ahead = Bytes::copy_from_slice(ahead);
    Event::DataStream(id(stream), DataStreamEvent::Opened { request: id(request), header_len, ahead })
}

/// A number in eight bytes, as nobody needs it.
fn long(value: u64) -> Vec<u8> {
    (value | 0b11 << 62).to_be_bytes().to_vec()
}

/// draft-ietf-webtrans-http3 section 4.2-1, 4.2-2, 4.3-3: in pieces of any size, and with numbers of any length.
#[test]
fn streams_of_both_kinds_are_handed_over() {
    for (server_opens, stream, signal) in [(false, 4, 0x41), (false, 6, 0x54), (true, 1, 0x41), (true, 7, 0x54)] {
        for beginning in [alloc::vec![0x40, signal, 0], [long(signal.into()), long(0)].concat()] {
            let mut all = beginning.clone();
            all.extend_from_slice(b"body");
            for cut in 0..=all.len() {
                let mut script = if server_opens { client() } else { server() };
                script.feed(stream, &all[..cut]);
                script.feed(stream, &all[cut..]);
                let events = script.events();
                let Some(Event::DataStream(_, DataStreamEvent::Opened { ahead, .. })) = events.first() else {
                    panic!("{events:?}");
                };
                let ahead = ahead.to_vec();
                assert_eq!(events[0], opened(stream, 0, beginning.len(), &ahead));
                assert!(script.violation_free() && b"body".starts_with(&ahead[..]));
                assert_eq!(script.connection.data_stream_count(), 1);
                script.expect(&[]);
            }
        }
    }
}

/// A stop may be faster than the beginning of its stream: it is told behind it. Of a request it is told as ever.
#[test]
fn stops_that_come_first() {
    for (mut script, stream) in [(server(), 4), (client(), 1)] {
        script.stop(stream, 7);
        script.feed(stream, &[0x40, 0x41]);
        assert!(script.events().is_empty());
        script.feed(stream, &[0]);
        let stopped = Event::DataStream(id(stream), DataStreamEvent::Stopped(code(7)));
        assert_eq!(script.events(), [opened(stream, 0, 3, b""), stopped]);
        script.expect(&[]);
    }
    let mut script = server();
    script.stop(0, 7);
    script.feed(0, &headers(&GET));
    script.expect(&[Reset(0, 7)]);
    let told: Vec<Event> = script.events();
    assert!(matches!(
        told[..],
        [Event::Exchange(_, http::exchange::Event::Request(_)), Event::Exchange(_, http::exchange::Event::Stopped(_))]
    ));
    // One that never begins leaves nothing.
    script.stop(4, 7);
    script.reset(4, 7);
    assert!(script.connection.streams.get(id(4)).is_none());
}

/// What happens to one that was handed over is told, until it is released.
#[test]
fn what_happens_to_them_is_told() {
    let mut script = server();
    for stream in [4, 6] {
        let signal = if stream == 4 { 0x41 } else { 0x54 };
        script.feed(stream, &[0x40, signal, 0]);
        script.events();
        script.feed(stream, b"more");
        script.stop(stream, 7);
        let Script { connection, transport, .. } = &mut script;
        connection.on_stream_writable(transport, id(stream));
        connection.on_stream_delivered(id(stream));
        assert!(connection.on_data_stream_reset(id(stream), code(9), 70));
        let told = [
            DataStreamEvent::Readable,
            DataStreamEvent::Stopped(code(7)),
            DataStreamEvent::Writable,
            DataStreamEvent::Delivered,
            DataStreamEvent::Reset { code: code(9), size: 70 },
        ];
        assert_eq!(script.events(), told.map(|event| Event::DataStream(id(stream), event)));
        script.connection.release_data_stream(id(stream));
        assert!(!script.connection.on_data_stream_reset(id(stream), code(9), 70));
        script.feed(stream, b"late");
        script.reset(stream, 3);
        script.stop(stream, 3);
        assert_eq!((script.events(), script.connection.data_stream_count()), (Vec::new(), 0));
    }
    script.expect(&[]);
}

/// draft-ietf-webtrans-http3 section 4-2, 4-3: they belong to a request stream, and to one that there can be.
#[test]
fn numbers_that_are_of_no_request() {
    for request in [1, 2, 3, 5, 63] {
        for (stream, signal) in [(4, 0x41), (6, 0x54)] {
            let mut script = server();
            script.feed(stream, &[0x40, signal, request]);
            script.expect_close(Violation::DataStreamRequest);
        }
        for (stream, signal) in [(1, 0x41), (7, 0x54)] {
            let mut script = client();
            script.feed(stream, &[0x40, signal, request]);
            script.expect_close(Violation::DataStreamRequest);
        }
    }
    let mut script = server();
    script.transport.allowed = Some(2);
    script.feed(6, &[0x40, 0x54, 4]);
    assert_eq!(script.events(), [opened(6, 4, 3, b"")]);
    script.feed(10, &[0x40, 0x54, 8]);
    script.expect_close(Violation::DataStreamRequest);
}

/// draft-ietf-webtrans-http3 section 4.3-5.
#[test]
fn the_signal_is_nowhere_but_at_the_beginning() {
    let request = headers(&TUNNEL);
    for before in [request.clone(), frame(0x21, b""), [request, frame(0, b"x")].concat()] {
        let mut script = server();
        script.feed(0, &[&before[..], &[0x40, 0x41, 0]].concat());
        let (rest, _) = script.read_all(0);
        assert!(rest.is_empty() || rest == b"x");
        script.expect_close(Violation::SignalMisplaced);
    }
    let mut script = server();
    script.feed(2, &[0x40, 0x41, 0]);
    script.expect_close(Violation::SignalMisplaced);
    let mut script = client();
    let head = http::RequestHead::new(http::Method::Get, "https://a.example/").unwrap();
    script.connection.send_request(&mut script.transport, &head, true).unwrap();
    script.feed(0, &[0x40, 0x41, 0]);
    script.expect_close(Violation::SignalMisplaced);
    // What is not wanted of a request is held to it as well.
    let mut script = server();
    script.feed(0, &headers(&GET));
    let Script { connection, transport, .. } = &mut script;
    connection.send_response(transport, id(0), &http::ResponseHead::new(http::Status::OK), true).unwrap();
    script.feed(0, &[0x40, 0x41, 0]);
    script.expect_close(Violation::SignalMisplaced);
}

/// RFC 9114 section 9-1, 9-2: where nothing is said of WebTransport, both mean nothing.
#[test]
fn they_mean_nothing_where_they_are_not_taken() {
    let mut script = Script::server();
    script.feed(0, &frame(0x41, b"abc"));
    script.feed(2, &frame(0x41, b"abc"));
    script.feed(6, &[0x40, 0x54, 0]);
    script.expect(&[StopSending(6, 0x103)]);
    assert!(script.violation_free() && script.events().is_empty());
    let mut script = Script::client();
    script.feed(1, &[]);
    script.expect_close(Violation::ServerBidirectionalStream);
}

#[test]
fn that_streams_can_be_opened_is_told_where_they_are_taken() {
    use base::Direction::{Bidirectional, Unidirectional};
    for mut script in [server(), client()] {
        for direction in [Unidirectional, Bidirectional] {
            script.connection.on_streams_available(&mut script.transport, direction);
            assert_eq!(script.events(), [Event::StreamsAvailable(direction)]);
        }
    }
    let mut script = Script::server();
    script.connection.on_streams_available(&mut script.transport, Unidirectional);
    assert!(script.events().is_empty());
}

/// RFC 9114 section 6.1-3.
#[test]
fn a_server_opens_no_requests_even_so() {
    let mut script = client();
    script.feed(1, &headers(&GET));
    script.expect_close(Violation::ServerBidirectionalStream);
}

/// After GOAWAY there are no new requests, and still streams of those before.
#[test]
fn after_goaway_streams_still_come() {
    let mut script = server();
    script.feed(0, &headers(&TUNNEL));
    let Script { connection, transport, .. } = &mut script;
    connection.shutdown(transport);
    connection.shutdown(transport);
    script.transport.commands.clear();
    script.events();
    script.feed(4, &[0x40, 0x41, 0, b'a']);
    assert_eq!(script.events(), [opened(4, 0, 3, b"")]);
    script.expect(&[]);
    script.feed(8, &headers(&GET));
    script.expect(&[Reset(8, 0x10b), StopSending(8, 0x10b)]);
    script.end(12);
    script.expect(&[Reset(12, 0x10b), StopSending(12, 0x10b)]);
    script.feed(16, &[0x40]);
    script.reset(16, 1);
    script.expect(&[Reset(16, 0x10b)]);
    assert!(script.events().is_empty() && script.violation_free());
    assert_eq!(script.connection.data_stream_count(), 1);
}

/// Whatever is cut off at whatever byte leaves nothing behind.
#[test]
fn beginnings_that_end_early() {
    for (stream, signal) in [(4u64, 0x41), (6, 0x54)] {
        for cut in 0..3 {
            let mut script = server();
            script.feed(stream, &[0x40, signal, 0][..cut]);
            script.reset(stream, 5);
            assert!(script.violation_free());
            assert_eq!(script.connection.data_stream_count() + script.connection.streams.len(), 0);
        }
    }
    for cut in 0..3 {
        let mut script = client();
        script.feed(1, &[0x40, 0x41, 0][..cut]);
        script.end(1);
        assert!(script.violation_free() && script.connection.data_stream_count() == 0);
    }
}
