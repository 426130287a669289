//! The conductor against frames that a test writes by hand, and against itself.

mod attacks;
mod exchanges;
mod frames;
mod pairs;
mod slowness;

use crate::frame::{ACK, END_HEADERS, END_STREAM, Header, Kind};
use crate::{Config, Connection, Event, StreamNumber, Violation};
use alloc::string::String;
use alloc::vec::Vec;
use base::{Bytes, Demand, Duration, Instant, Outgoing, StreamMachine};
use hpack::{Decoder, Encoder};
use http::exchange::{self, Body};
use http::{RequestHead, ResponseHead, Status, TimeLimits};
use std::convert::Infallible;

const NOW: Instant = Instant::ZERO;
const CONFIG: Config = Config {
    limits: crate::Limits {
        max_concurrent_streams: 5,
        max_field_section_size: 40_000,
        stream_window: 100_000,
        connection_window: 200_000,
        max_unsent: 30_000,
        max_unsent_together: 60_000,
        max_discarded: 150_000,
        max_control: 2000,
        glitches: 50,
        glitches_earned: 4,
        linger: Duration::from_secs(2),
        notice: Duration::from_secs(1),
    },
    times: TimeLimits {
        head: Duration::from_secs(10),
        least_rate: 100,
        request: Duration::from_secs(30),
        response: Duration::from_secs(120),
        without_requests: Duration::from_secs(60),
    },
    extended_connect: true,
    date: None,
};
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/x")];
const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/x")];

/// A peer that writes whatever a test wants, and reads frames.
struct Rogue {
    machine: Connection,
    encoder: Encoder,
    decoder: Decoder,
}

/// What the machine sends. That it has nothing to send is true whenever it says so.
fn transmit(machine: &mut Connection, buffer: &mut [u8]) -> Outgoing {
    let has_output = machine.has_output();
    let outgoing = machine.transmit(NOW, buffer);
    assert!(has_output || outgoing == Outgoing::Nothing, "it said that it had nothing to send");
    outgoing
}

/// A frame that the machine sent.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    kind: Kind,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Rogue {
    /// Opposite of a server, before the preface.
    fn new() -> Rogue {
        Rogue { machine: Connection::server(CONFIG, NOW), encoder: Encoder::new(), decoder: Decoder::new() }
    }

    /// Opposite of a server, after preface and settings.
    fn client() -> Rogue {
        let mut rogue = Rogue::new();
        rogue.send(PREFACE);
        rogue.frame(Kind::Settings, 0, 0, &[]);
        rogue.seen();
        rogue
    }

    /// Opposite of a client.
    fn server() -> Rogue {
        let mut rogue = Rogue { machine: Connection::client(CONFIG), ..Rogue::new() };
        rogue.frame(Kind::Settings, 0, 0, &[]);
        rogue.seen();
        rogue
    }

    /// Bytes, in pieces that do not fit frames.
    fn send(&mut self, bytes: &[u8]) {
        let mut offered = Vec::new();
        for piece in bytes.chunks(97) {
            offered.extend_from_slice(piece);
            assert_eq!(self.machine.demand(), Demand::More);
            let taken = self.machine.receive(NOW, &mut offered);
            offered.drain(..taken);
        }
        assert!(offered.len() < base::STREAM_UNIT);
    }

    fn frame(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
        let mut bytes = Vec::new();
        crate::frame::push(&mut bytes, kind, flags, stream, payload);
        self.send(&bytes);
    }

    fn block(&mut self, lines: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        self.encoder.encode(lines.iter().copied(), &mut block);
        block
    }

    /// HEADERS in one frame.
    fn headers(&mut self, stream: u32, lines: &[(&str, &str)], flags: u8) {
        let block = self.block(lines);
        self.frame(Kind::Headers, END_HEADERS | flags, stream, &block);
    }

    /// All frames that the machine sends now.
    fn seen(&mut self) -> Vec<Seen> {
        let (mut bytes, mut buffer) = (Vec::new(), alloc::vec![0; base::STREAM_UNIT]);
        while let Outgoing::Bytes(count) = transmit(&mut self.machine, &mut buffer) {
            bytes.extend_from_slice(&buffer[..count]);
        }
        let mut rest = bytes.strip_prefix(PREFACE).unwrap_or(&bytes);
        let mut frames = Vec::new();
        while let Some(header) = Header::read(rest) {
            let Header { len, kind, flags, stream } = header;
            frames.push(Seen { kind, flags, stream, payload: rest[9..9 + len].to_vec() });
            rest = &rest[9 + len..];
        }
        assert!(rest.is_empty(), "frames are whole");
        frames
    }

    /// The lines of a HEADERS frame.
    fn lines(&mut self, seen: &Seen) -> Vec<(String, String)> {
        assert_eq!((seen.kind, seen.flags & END_HEADERS), (Kind::Headers, END_HEADERS));
        let mut lines = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let decoded = self.decoder.decode(&seen.payload, 100_000, |name, value| {
            lines.push((text(name), text(value)));
            Ok::<(), Infallible>(())
        });
        decoded.unwrap();
        lines
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.machine.poll_event()).collect()
    }

    /// The request that the server was told of.
    fn request(&mut self) -> (StreamNumber, RequestHead) {
        match self.machine.poll_event() {
            Some(Event::Exchange(number, exchange::Event::Request(head))) => (number, *head),
            other => panic!("no request: {other:?}"),
        }
    }

    fn answer(&mut self, number: StreamNumber, status: Status, text: &[u8]) {
        let mut data = Bytes::copy_from_slice(text);
        let whole = self.machine.send_response(NOW, number, &ResponseHead::new(status), &mut data, true);
        assert_eq!(whole, Ok(Ok(true)));
    }

    fn content(&mut self, number: StreamNumber) -> Vec<u8> {
        let mut all = Vec::new();
        while let Body::Data(bytes) = self.machine.read_body(NOW, number, 5000) {
            all.extend_from_slice(&bytes);
        }
        all
    }

    /// The connection has ended with this violation, and said so.
    fn assert_failed(&mut self, expected: Violation) {
        let told = self.events();
        let closed = told.iter().find(|event| matches!(event, Event::Closed(_)));
        assert_eq!(closed, Some(&Event::Closed(crate::Closing::Violation(expected))), "{told:?}");
        let frames = self.seen();
        let goaway = frames.last().unwrap_or_else(|| panic!("{expected:?}: no GOAWAY"));
        assert_eq!((goaway.kind, &goaway.payload[4..8]), (Kind::GoAway, &expected.code().to_be_bytes()[..]));
        assert_eq!(&goaway.payload[8..], expected.reason().as_bytes());
        self.frame(Kind::Ping, 0, 0, &[0; 8]);
        assert!(self.seen().is_empty(), "nothing is answered any more");
    }

    /// A stream was reset with this code, and the connection goes on.
    fn assert_reset(&mut self, stream: u32, code: u32) {
        let frames = self.seen();
        let reset = Seen { kind: Kind::RstStream, flags: 0, stream, payload: code.to_be_bytes().to_vec() };
        assert!(frames.contains(&reset), "{frames:?}");
        self.frame(Kind::Ping, 0, 0, b"12345678");
        let pong = Seen { kind: Kind::Ping, flags: ACK, stream: 0, payload: b"12345678".to_vec() };
        assert_eq!(self.seen(), [pong]);
    }
}

fn ends() -> u8 {
    END_STREAM
}
