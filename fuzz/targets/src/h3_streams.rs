//! Bytes on the streams of an HTTP/3 connection, whole and one by one: both ways mean the same.

use super::input::Input;
use adversary::http::{Command, Recorder};
use base::{Side, StreamId, VarInt};
use h3::{Body, Config, Connection, Event};
use http::RequestHead;
use http::exchange;
use std::collections::BTreeMap;

/// One arrival: on which stream, what, and whether the stream ends with it.
struct Arrival<'a> {
    stream: u64,
    bytes: &'a [u8],
    ends: bool,
}

pub fn server(data: &[u8]) {
    run(data, Side::Server, &[2, 0, 6, 10, 4, 14, 0, 8]);
}

pub fn client(data: &[u8]) {
    run(data, Side::Client, &[3, 0, 7, 11, 4, 15, 0, 8]);
}

fn run(data: &[u8], side: Side, streams: &[u64; 8]) {
    let mut input = Input::new(data);
    let mut arrivals = Vec::new();
    while !input.is_empty() && arrivals.len() < 40 {
        let choice = input.u8();
        let bytes = if choice & 0x10 == 0 { input.chunk() } else { input.bytes(usize::MAX) };
        arrivals.push(Arrival { stream: streams[usize::from(choice & 7)], bytes, ends: choice & 8 != 0 });
    }
    let whole = play(side, &arrivals, false);
    let dripped = play(side, &arrivals, true);
    assert_eq!(whole.0, dripped.0);
    assert_eq!(whole.2, dripped.2);
    // Of a message that fails, more or less may have been read before: bytes that come with the fault are not given out.
    for id in whole.1.keys().chain(dripped.1.keys()) {
        let body = |outcome: &Outcome| outcome.1.get(id).cloned().unwrap_or_default();
        let (whole_body, dripped_body) = (body(&whole), body(&dripped));
        let fails = |event: &Event| match event {
            Event::Exchange(failed, exchange::Event::Failed(_)) => failed.value() == *id,
            event => matches!(event, Event::Closed { .. }),
        };
        let failed = whole.0.iter().any(fails);
        assert!(whole_body == dripped_body || failed && dripped_body.starts_with(&whole_body));
    }
}

type Outcome = (Vec<Event>, BTreeMap<u64, Vec<u8>>, Vec<Command>);

fn play(side: Side, arrivals: &[Arrival<'_>], one_by_one: bool) -> Outcome {
    let mut transport = Recorder::new(side);
    let config = Config { extended_connect: true, ..Config::default() };
    let mut connection = match side {
        Side::Server => Connection::server(config),
        Side::Client => Connection::client(config),
    };
    connection.on_connected(&mut transport);
    if side == Side::Client {
        for method in [http::Method::Get, http::Method::Head, http::Method::Post] {
            let head = RequestHead::new(method, "https://a.example/").expect("a URL");
            connection.send_request(&mut transport, &head, true).expect("a request");
        }
    }
    let mut outcome = Outcome::default();
    for arrival in arrivals {
        let id = StreamId::from_varint(VarInt::from_u32(arrival.stream as u32));
        if !transport.takes(id) || !transport.is_open(id) {
            continue;
        }
        if id.initiator() != side && transport.known.insert(id) {
            connection.on_stream_opened(&mut transport, id);
        }
        // An arrival without bytes and end is none.
        let pieces = if one_by_one { arrival.bytes.chunks(1) } else { arrival.bytes.chunks(usize::MAX) };
        for piece in pieces {
            transport.feed(id, piece);
            connection.on_stream_readable(&mut transport, id);
        }
        if arrival.ends {
            transport.end(id);
            connection.on_stream_readable(&mut transport, id);
        }
        drain(&mut connection, &mut transport, &mut outcome);
    }
    outcome.2 = transport.commands;
    outcome
}

fn drain(connection: &mut Connection, transport: &mut Recorder, outcome: &mut Outcome) {
    while let Some(event) = connection.poll_event() {
        assert!(!matches!(outcome.0.last(), Some(Event::Closed { .. })), "nothing happens after the close");
        let Event::Exchange(id, exchange::Event::Body) = event else {
            outcome.0.push(event);
            continue;
        };
        while let Body::Data(bytes) = connection.read_body(transport, id, 100) {
            assert!(!bytes.is_empty());
            outcome.1.entry(id.value()).or_default().extend_from_slice(&bytes);
        }
    }
}
