//! Cases by the sections of RFC 9113 and RFC 7541, in the manner of h2spec and in words of our own: a client that does one thing, and what
//! a server has to do then. Each is a test of its own. What may be an error of a stream or of the connection is here what this
//! server does, and nothing else.
//!
//! The client writes every byte by itself, compressed fields included, so nothing of ours stands between a case and the server. The
//! application behind the server answers a request when all of it has come, with as many bytes as its path says; a
//! request for `/open` is never answered.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_h2 as h2;

use base::{Bytes, Duration, Instant, Outgoing, StreamMachine};
use h2::{Config, Connection, Event, StreamNumber};
use hpack::Decoder;
use http::exchange::{self, Body};
use http::{RequestHead, ResponseHead, Status, TimeLimits};
use std::collections::BTreeMap;
use std::convert::Infallible;

const NOW: Instant = Instant::ZERO;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Frames (section 6), flags, settings (section 6.5.2) and codes (section 7).
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const PRIORITY: u8 = 0x2;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const PUSH_PROMISE: u8 = 0x5;
const PING: u8 = 0x6;
const GOAWAY: u8 = 0x7;
const WINDOW_UPDATE: u8 = 0x8;
const CONTINUATION: u8 = 0x9;
const UNKNOWN: u8 = 0xbb;

const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const HAS_PRIORITY: u8 = 0x20;
const WHOLE: u8 = END_HEADERS | END_STREAM;

const HEADER_TABLE_SIZE: u16 = 0x1;
const ENABLE_PUSH: u16 = 0x2;
const INITIAL_WINDOW_SIZE: u16 = 0x4;
const MAX_FRAME_SIZE: u16 = 0x5;

const NO_ERROR: u32 = 0x0;
const PROTOCOL_ERROR: u32 = 0x1;
const FLOW_CONTROL_ERROR: u32 = 0x3;
const STREAM_CLOSED: u32 = 0x5;
const FRAME_SIZE_ERROR: u32 = 0x6;
const REFUSED_STREAM: u32 = 0x7;
const CANCEL: u32 = 0x8;
const COMPRESSION_ERROR: u32 = 0x9;
const ENHANCE_YOUR_CALM: u32 = 0xb;

const LARGEST_FRAME: usize = 1 << 14;
const LARGEST_WINDOW: u32 = (1 << 31) - 1;

type Line = (&'static str, &'static str);
const GET: [Line; 4] = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/5")];
const POST: [Line; 4] = [(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/5")];
const OPEN: [Line; 4] = [(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/open")];

/// A frame of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Frame {
    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A client without rules, and the server opposite.
struct Peer {
    server: Connection,
    decoder: Decoder,
    /// What the server sent and no case has looked at.
    seen: Vec<Frame>,
    requests: BTreeMap<StreamNumber, RequestHead>,
    has_ended: bool,
}

impl Peer {
    /// Before the preface.
    fn new() -> Peer {
        let config = Config { times: TimeLimits::OFF, ..Config::default() };
        let server = Connection::server(config, NOW);
        Peer { server, decoder: Decoder::new(), seen: Vec::new(), requests: BTreeMap::new(), has_ended: false }
    }

    /// After the preface, and with the settings of both sides acknowledged.
    fn open() -> Peer {
        let mut peer = Peer::new();
        peer.bytes(PREFACE);
        peer.frame(SETTINGS, 0, 0, &[]);
        peer.frame(SETTINGS, ACK, 0, &[]);
        peer.frames();
        peer
    }

    /// With a request on stream 1 that has come whole and is not answered.
    fn half_closed() -> Peer {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &OPEN);
        peer
    }

    /// With a request on stream 1 that has been answered.
    fn closed() -> Peer {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &GET);
        assert_eq!(peer.status(1), "200");
        peer
    }

    /// With a request on stream 1 of which more may come.
    fn receiving() -> Peer {
        let mut peer = Peer::open();
        peer.headers(1, END_HEADERS, &POST);
        peer
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let mut offered = bytes.to_vec();
        while !offered.is_empty() {
            let taken = self.server.receive(NOW, &mut offered);
            offered.drain(..taken);
            self.work();
            if taken == 0 {
                break;
            }
        }
        // A frame that is too large is refused by its header.
        assert!(offered.is_empty() || self.has_ended, "{} bytes are left", offered.len());
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.bytes(&frame(kind, flags, stream, payload));
    }

    fn headers(&mut self, stream: u32, flags: u8, lines: &[Line]) {
        self.frame(HEADERS, flags, stream, &block(lines));
    }

    fn settings(&mut self, settings: &[(u16, u32)]) {
        let payload: Vec<u8> =
            settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        self.frame(SETTINGS, 0, 0, &payload);
    }

    fn window_update(&mut self, stream: u32, increment: u32) {
        self.frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes());
    }

    /// The application, and what the server sends for it.
    fn work(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Exchange(number, exchange::Event::Request(head)) => {
                    self.requests.insert(number, *head);
                }
                Event::Exchange(number, exchange::Event::Body) => {
                    while let Body::Data(_) = self.server.read_body(NOW, number, 1 << 16) {}
                }
                Event::Exchange(number, exchange::Event::Finished) => self.answer(number),
                _ => {}
            }
        }
        let mut room = vec![0; base::STREAM_UNIT];
        let mut sent = Vec::new();
        loop {
            match self.server.transmit(NOW, &mut room) {
                Outgoing::Bytes(count) => sent.extend_from_slice(&room[..count]),
                Outgoing::Nothing => break,
                Outgoing::End => {
                    self.has_ended = true;
                    break;
                }
            }
        }
        let mut rest = &sent[..];
        while let Some((header, behind)) = rest.split_first_chunk::<9>() {
            let len = usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2]);
            let stream = u32::from_be_bytes(header[5..].try_into().unwrap());
            self.seen.push(Frame { kind: header[3], flags: header[4], stream, payload: behind[..len].to_vec() });
            rest = &behind[len..];
        }
        assert!(rest.is_empty(), "frames are whole");
    }

    fn answer(&mut self, number: StreamNumber) {
        let Ok(len) = self.requests[&number].path()[1..].parse() else { return };
        let mut content = Bytes::from(vec![b'x'; len]);
        let head = ResponseHead::new(Status::OK);
        let sent = self.server.send_response(NOW, number, &head, &mut content, true);
        assert_eq!(sent, Ok(Ok(true)), "what a case asks for fits");
    }

    fn frames(&mut self) -> Vec<Frame> {
        std::mem::take(&mut self.seen)
    }

    /// The lines of a block that the server sent.
    fn lines(&mut self, block: &[u8]) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let decoded = self.decoder.decode(block, 1 << 16, |name, value| {
            lines.push((text(name), text(value)));
            Ok::<(), Infallible>(())
        });
        decoded.unwrap();
        lines
    }

    /// The status of the answer on a stream, which is there.
    #[track_caller]
    fn status(&mut self, stream: u32) -> String {
        let frames = self.frames();
        let is_answer = |frame: &&Frame| frame.kind == HEADERS && frame.stream == stream;
        let answer = frames.iter().find(is_answer).unwrap_or_else(|| panic!("no answer on {stream}: {frames:?}"));
        self.lines(&answer.payload)[0].1.clone()
    }

    /// Bytes of content that came on a stream.
    fn content(&mut self, stream: u32) -> usize {
        let frames = self.frames();
        let content = frames.iter().filter(|frame| frame.kind == DATA && frame.stream == stream);
        content.map(|frame| frame.payload.len()).sum()
    }

    /// The request that the application was given on a stream.
    #[track_caller]
    fn request(&self, stream: u32) -> &RequestHead {
        let found = self.requests.iter().find(|(number, _)| number.value() == stream);
        found.unwrap_or_else(|| panic!("no request on {stream}")).1
    }

    /// The connection goes on, and no stream was reset.
    #[track_caller]
    fn goes_on(&mut self) {
        let errors: Vec<Frame> =
            self.seen.iter().filter(|frame| matches!(frame.kind, RST_STREAM | GOAWAY)).cloned().collect();
        assert_eq!(errors, []);
        self.is_alive();
    }

    #[track_caller]
    fn is_alive(&mut self) {
        self.frame(PING, 0, 0, b"are you?");
        let pong = Frame { kind: PING, flags: ACK, stream: 0, payload: b"are you?".to_vec() };
        assert_eq!(self.seen.last(), Some(&pong));
        self.seen.pop();
    }

    /// The request on this stream is answered, and nothing is wrong.
    #[track_caller]
    fn answers(&mut self, stream: u32) {
        self.goes_on();
        assert_eq!(self.status(stream), "200");
    }

    /// The stream was reset with this code, and the connection goes on.
    #[track_caller]
    fn resets(&mut self, stream: u32, code: u32) {
        let frames = self.seen.clone();
        let resets: Vec<(u32, u32)> = frames
            .iter()
            .filter(|frame| frame.kind == RST_STREAM)
            .map(|frame| (frame.stream, frame.number(0)))
            .collect();
        assert_eq!(resets, [(stream, code)], "{frames:?}");
        assert!(frames.iter().all(|frame| frame.kind != GOAWAY), "{frames:?}");
        self.is_alive();
    }

    /// The connection was ended with this code, and says for which streams.
    #[track_caller]
    fn ends(&mut self, code: u32) {
        let frames = self.frames();
        let goaway = frames.last().filter(|frame| frame.kind == GOAWAY);
        let goaway = goaway.unwrap_or_else(|| panic!("no GOAWAY at the end: {frames:?}"));
        assert_eq!((goaway.stream, goaway.number(4)), (0, code), "{frames:?}");
        assert!(self.has_ended, "the server ends its side");
        self.frame(PING, 0, 0, &[0; 8]);
        assert_eq!(self.frames(), [], "nothing is answered any more");
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u32).to_be_bytes();
    [&len[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// RFC 7541 section 6.2.2, with a new name and without Huffman codes.
fn line(name: &str, value: &str) -> Vec<u8> {
    let (name_len, value_len) = (name.len() as u8, value.len() as u8);
    assert!(name_len < 127 && value_len < 127 && name.len() < 127 && value.len() < 127);
    [&[0, name_len], name.as_bytes(), &[value_len], value.as_bytes()].concat()
}

fn block(lines: &[Line]) -> Vec<u8> {
    lines.iter().flat_map(|(name, value)| line(name, value)).collect()
}

fn with<'a>(lines: &'a [Line], more: &'a [Line]) -> Vec<Line> {
    [lines, more].concat()
}

fn without(lines: &[Line], name: &str) -> Vec<Line> {
    lines.iter().filter(|line| line.0 != name).copied().collect()
}

/// A request with this line behind the others is malformed.
#[track_caller]
fn malformed(more: &[Line]) {
    malformed_as(&with(&GET, more));
}

#[track_caller]
fn malformed_as(lines: &[Line]) {
    let mut peer = Peer::open();
    peer.headers(1, WHOLE, lines);
    assert!(peer.requests.is_empty(), "nobody is given {lines:?}");
    peer.resets(1, PROTOCOL_ERROR);
}

/// A request with this block behind its lines breaks the compression of the connection.
#[track_caller]
fn broken_block(rest: &[u8]) {
    let mut peer = Peer::open();
    peer.frame(HEADERS, WHOLE, 1, &[&block(&GET), rest].concat());
    peer.ends(COMPRESSION_ERROR);
}

/// A request with this block before or behind its lines is one.
#[track_caller]
fn good_block(first: &[u8], rest: &[u8]) {
    let mut peer = Peer::open();
    peer.frame(HEADERS, WHOLE, 1, &[first, &block(&GET), rest].concat());
    peer.answers(1);
}

/// Each case is a test of its own, named by its section.
macro_rules! cases {
    ($($(#[$doc:meta])* $name:ident: $run:expr;)*) => {$(
        $(#[$doc])*
        #[test]
        fn $name() {
            let run: fn() = $run;
            run();
        }
    )*};
}

// Section 3: the beginning.
cases! {
    s3_4_the_server_begins_with_its_settings: || {
        let mut peer = Peer::new();
        peer.work();
        let first = peer.frames().remove(0);
        assert_eq!((first.kind, first.flags & ACK, first.stream), (SETTINGS, 0, 0));
    };
    s3_4_the_clients_settings_are_acknowledged: || {
        let mut peer = Peer::new();
        peer.bytes(PREFACE);
        peer.settings(&[(INITIAL_WINDOW_SIZE, 100)]);
        assert!(peer.frames().contains(&Frame { kind: SETTINGS, flags: ACK, stream: 0, payload: Vec::new() }));
    };
    s3_4_a_request_need_not_wait_for_the_servers_settings: || {
        let mut peer = Peer::new();
        peer.bytes(&[PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, WHOLE, 1, &block(&GET))].concat());
        peer.answers(1);
    };
    s3_4_the_beginning_may_come_byte_by_byte: || {
        let mut peer = Peer::new();
        let whole = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, WHOLE, 1, &block(&GET))].concat();
        let mut offered = Vec::new();
        for byte in whole {
            offered.push(byte);
            let taken = peer.server.receive(NOW, &mut offered);
            offered.drain(..taken);
            peer.work();
        }
        peer.answers(1);
    };
    s3_4_another_preface_is_refused: || {
        let mut peer = Peer::new();
        peer.bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX");
        peer.ends(PROTOCOL_ERROR);
    };
    s3_4_a_request_of_http_1_is_refused: || {
        let mut peer = Peer::new();
        peer.bytes(b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n");
        peer.ends(PROTOCOL_ERROR);
    };
    s3_4_the_first_frame_is_settings: || {
        let mut peer = Peer::new();
        peer.bytes(PREFACE);
        peer.frame(PING, 0, 0, &[0; 8]);
        peer.ends(PROTOCOL_ERROR);
    };
    s3_4_the_first_frame_is_no_acknowledgment: || {
        let mut peer = Peer::new();
        peer.bytes(PREFACE);
        peer.frame(SETTINGS, ACK, 0, &[]);
        peer.ends(PROTOCOL_ERROR);
    };
}

// Section 4: frames.
cases! {
    s4_1_a_frame_of_an_unknown_type_is_ignored: || {
        let mut peer = Peer::open();
        peer.frame(UNKNOWN, 0xff, 0, b"anything");
        peer.frame(UNKNOWN, 0, 77, b"");
        peer.goes_on();
    };
    s4_1_flags_without_a_meaning_are_ignored: || {
        let mut peer = Peer::open();
        peer.frame(PING, 0xfe, 0, b"12345678");
        assert_eq!(peer.frames(), [Frame { kind: PING, flags: ACK, stream: 0, payload: b"12345678".to_vec() }]);
    };
    s4_1_the_reserved_bit_is_ignored: || {
        let mut peer = Peer::open();
        peer.frame(HEADERS, WHOLE, 1 << 31 | 1, &block(&GET));
        peer.answers(1);
    };
    s4_2_a_frame_of_the_largest_size_is_taken: || {
        let mut peer = Peer::receiving();
        peer.frame(DATA, END_STREAM, 1, &[0; LARGEST_FRAME]);
        peer.answers(1);
    };
    s4_2_data_beyond_the_largest_size: || {
        let mut peer = Peer::receiving();
        peer.frame(DATA, 0, 1, &[0; LARGEST_FRAME + 1]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s4_2_fields_beyond_the_largest_size: || {
        let mut peer = Peer::open();
        peer.frame(HEADERS, WHOLE, 1, &[0; LARGEST_FRAME + 1]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s4_2_settings_beyond_the_largest_size: || {
        let mut peer = Peer::open();
        peer.frame(SETTINGS, 0, 0, &[0; 6 * 2731]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s4_2_an_unknown_frame_beyond_the_largest_size: || {
        let mut peer = Peer::open();
        peer.frame(UNKNOWN, 0, 0, &[0; LARGEST_FRAME + 1]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s4_3_a_block_in_many_parts: || {
        let mut peer = Peer::open();
        let block = block(&GET);
        peer.frame(HEADERS, END_STREAM, 1, &block[..1]);
        let parts = block[1..].chunks(block.len() / 20).count();
        for (at, part) in block[1..].chunks(block.len() / 20).enumerate() {
            let flags = if at + 1 == parts { END_HEADERS } else { 0 };
            peer.frame(CONTINUATION, flags, 1, part);
        }
        peer.answers(1);
    };
    s4_3_a_block_that_ends_in_the_middle_of_a_line: || {
        let mut peer = Peer::open();
        let block = block(&GET);
        peer.frame(HEADERS, WHOLE, 1, &block[..block.len() - 1]);
        peer.ends(COMPRESSION_ERROR);
    };
    s4_3_a_refused_request_does_not_spoil_the_table: || {
        let mut peer = Peer::open();
        // It enters the table, and the request is malformed.
        let entry = [&[0x40, 3][..], b"x-a", &[1], b"1"].concat();
        peer.frame(HEADERS, WHOLE, 1, &[&block(&GET)[..], &entry, &line("Upper", "x")].concat());
        peer.resets(1, PROTOCOL_ERROR);
        peer.frames();
        peer.frame(HEADERS, WHOLE, 3, &[&block(&GET)[..], &[0x80 | 62]].concat());
        peer.answers(3);
        assert_eq!(peer.request(3).fields.first_text("x-a"), Some("1"));
    };
    s4_3_data_between_the_parts_of_a_block: || interrupted(DATA, 1, b"x");
    s4_3_fields_of_another_stream_between_the_parts: || interrupted(HEADERS, 3, &block(&GET));
    s4_3_fields_of_the_same_stream_between_the_parts: || interrupted(HEADERS, 1, &block(&GET));
    s4_3_priority_between_the_parts: || interrupted(PRIORITY, 1, &[0, 0, 0, 0, 1]);
    s4_3_a_reset_between_the_parts: || interrupted(RST_STREAM, 1, &CANCEL.to_be_bytes());
    s4_3_settings_between_the_parts: || interrupted(SETTINGS, 0, b"");
    s4_3_a_ping_between_the_parts: || interrupted(PING, 0, &[0; 8]);
    s4_3_goaway_between_the_parts: || interrupted(GOAWAY, 0, &[0; 8]);
    s4_3_a_window_between_the_parts: || interrupted(WINDOW_UPDATE, 0, &[0, 0, 0, 1]);
    s4_3_an_unknown_frame_between_the_parts: || interrupted(UNKNOWN, 0, b"x");
}

/// A block whose parts do not follow each other.
#[track_caller]
fn interrupted(kind: u8, stream: u32, payload: &[u8]) {
    let mut peer = Peer::open();
    let block = block(&GET);
    peer.frame(HEADERS, END_STREAM, 1, &block[..10]);
    peer.frame(kind, if kind == HEADERS { WHOLE } else { 0 }, stream, payload);
    peer.ends(PROTOCOL_ERROR);
}

// Section 5.1: the states of a stream.
cases! {
    s5_1_idle_data: || {
        let mut peer = Peer::open();
        peer.frame(DATA, END_STREAM, 1, b"x");
        peer.ends(PROTOCOL_ERROR);
    };
    s5_1_idle_reset: || {
        let mut peer = Peer::open();
        peer.frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
        peer.ends(PROTOCOL_ERROR);
    };
    s5_1_idle_window: || {
        let mut peer = Peer::open();
        peer.window_update(1, 100);
        peer.ends(PROTOCOL_ERROR);
    };
    s5_1_idle_continuation: || {
        let mut peer = Peer::open();
        peer.frame(CONTINUATION, END_HEADERS, 1, &block(&GET));
        peer.ends(PROTOCOL_ERROR);
    };
    s5_1_idle_priority_is_no_breach: || {
        let mut peer = Peer::open();
        peer.frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]);
        peer.headers(1, WHOLE, &GET);
        peer.answers(1);
    };
    s5_1_half_closed_data: || {
        let mut peer = Peer::half_closed();
        peer.frame(DATA, END_STREAM, 1, b"x");
        peer.resets(1, STREAM_CLOSED);
    };
    s5_1_half_closed_fields: || {
        let mut peer = Peer::half_closed();
        peer.headers(1, WHOLE, &[("x-a", "1")]);
        peer.resets(1, STREAM_CLOSED);
    };
    s5_1_half_closed_continuation: || {
        let mut peer = Peer::half_closed();
        peer.frame(CONTINUATION, END_HEADERS, 1, &block(&[("x-a", "1")]));
        peer.ends(PROTOCOL_ERROR);
    };
    s5_1_half_closed_window_and_priority_are_taken: || {
        let mut peer = Peer::half_closed();
        peer.window_update(1, 100);
        peer.frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]);
        peer.goes_on();
    };
    s5_1_half_closed_reset_is_taken: || {
        let mut peer = Peer::half_closed();
        peer.frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
        peer.goes_on();
        assert_eq!(peer.server.exchange_count(), 0);
    };
    s5_1_closed_data: || {
        let mut peer = Peer::closed();
        peer.frame(DATA, END_STREAM, 1, b"x");
        peer.ends(STREAM_CLOSED);
    };
    s5_1_closed_fields: || {
        let mut peer = Peer::closed();
        peer.headers(1, WHOLE, &GET);
        peer.ends(STREAM_CLOSED);
    };
    s5_1_closed_continuation: || {
        let mut peer = Peer::closed();
        peer.frame(CONTINUATION, END_HEADERS, 1, &block(&GET));
        peer.ends(PROTOCOL_ERROR);
    };
    s5_1_closed_window_is_late_and_no_breach: || {
        let mut peer = Peer::closed();
        peer.window_update(1, 100);
        peer.goes_on();
    };
    s5_1_closed_priority_is_no_breach: || {
        let mut peer = Peer::closed();
        peer.frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1]);
        peer.goes_on();
    };
    s5_1_data_after_the_clients_own_reset: || {
        let mut peer = Peer::receiving();
        peer.frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
        peer.frame(DATA, 0, 1, b"x");
        peer.ends(STREAM_CLOSED);
    };
    s5_1_fields_after_the_clients_own_reset: || {
        let mut peer = Peer::receiving();
        peer.frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
        peer.headers(1, WHOLE, &[("x-a", "1")]);
        peer.ends(STREAM_CLOSED);
    };
    s5_1_frames_on_their_way_when_the_server_resets_are_ignored: || {
        let mut peer = Peer::open();
        peer.headers(1, END_HEADERS, &with(&POST, &[("connection", "close")]));
        peer.resets(1, PROTOCOL_ERROR);
        peer.frames();
        peer.frame(DATA, 0, 1, b"x");
        peer.headers(1, WHOLE, &[("x-a", "1")]);
        peer.window_update(1, 5);
        peer.frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
        peer.goes_on();
    };
    s5_1_1_a_stream_of_an_even_number: || {
        let mut peer = Peer::open();
        peer.headers(2, WHOLE, &GET);
        peer.ends(PROTOCOL_ERROR);
    };
    s5_1_1_a_lower_number_than_before: || {
        let mut peer = Peer::open();
        peer.headers(5, WHOLE, &GET);
        peer.answers(5);
        peer.headers(3, WHOLE, &GET);
        peer.ends(STREAM_CLOSED);
    };
    s5_1_1_numbers_that_are_left_out_are_closed: || {
        let mut peer = Peer::open();
        peer.headers(5, WHOLE, &OPEN);
        peer.frame(DATA, 0, 1, b"x");
        peer.ends(STREAM_CLOSED);
    };
    s5_1_1_the_largest_number: || {
        let mut peer = Peer::open();
        peer.headers(LARGEST_WINDOW, WHOLE, &GET);
        peer.answers(LARGEST_WINDOW);
    };
    s5_1_1_fields_on_stream_0: || {
        let mut peer = Peer::open();
        peer.headers(0, WHOLE, &GET);
        peer.ends(PROTOCOL_ERROR);
    };
    s5_1_2_one_stream_more_than_allowed: || {
        let mut peer = Peer::open();
        for number in 0..100 {
            peer.headers(2 * number + 1, WHOLE, &OPEN);
        }
        peer.goes_on();
        peer.headers(201, WHOLE, &OPEN);
        peer.resets(201, REFUSED_STREAM);
    };
    s5_1_2_a_stream_that_has_ended_makes_room: || {
        let mut peer = Peer::open();
        for number in 0..100 {
            peer.headers(2 * number + 1, WHOLE, &OPEN);
        }
        peer.frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
        peer.headers(201, WHOLE, &GET);
        peer.answers(201);
    };
}

// Sections 5.2 to 5.5: windows, priorities, errors, extensions.
cases! {
    s5_2_other_streams_go_on_while_one_has_no_window: || {
        let mut peer = Peer::open();
        peer.settings(&[(INITIAL_WINDOW_SIZE, 0)]);
        peer.headers(1, WHOLE, &GET);
        peer.headers(3, WHOLE, &GET);
        peer.frames();
        peer.window_update(3, 5);
        assert_eq!(peer.content(3), 5);
    };
    s5_2_what_is_no_content_needs_no_window: || {
        let mut peer = Peer::open();
        peer.settings(&[(INITIAL_WINDOW_SIZE, 0)]);
        peer.headers(1, WHOLE, &GET);
        peer.answers(1);
    };
    s5_3_a_stream_that_depends_on_itself_is_no_breach: || {
        let mut peer = Peer::open();
        let payload = [&1u32.to_be_bytes()[..], &[15], &block(&GET)].concat();
        peer.frame(HEADERS, WHOLE | HAS_PRIORITY, 1, &payload);
        peer.frame(PRIORITY, 0, 3, &[0, 0, 0, 3, 1]);
        peer.answers(1);
    };
    s5_4_1_goaway_names_the_last_stream_that_was_looked_at: || {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &OPEN);
        peer.headers(7, WHOLE, &OPEN);
        peer.frame(PING, 0, 1, &[0; 8]);
        let goaway = peer.seen.last().unwrap().clone();
        assert_eq!((goaway.kind, goaway.number(0), goaway.number(4)), (GOAWAY, 7, PROTOCOL_ERROR));
        peer.ends(PROTOCOL_ERROR);
    };
    s5_4_2_an_error_of_a_stream_leaves_the_others: || {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &OPEN);
        peer.headers(3, END_HEADERS, &POST);
        peer.window_update(3, 0);
        peer.resets(3, PROTOCOL_ERROR);
        peer.frames();
        peer.headers(5, WHOLE, &GET);
        peer.answers(5);
        assert_eq!(peer.server.exchange_count(), 1, "the first is still under way");
    };
    s5_4_2_a_reset_is_not_answered_by_a_reset: || {
        let mut peer = Peer::receiving();
        peer.frame(RST_STREAM, 0, 1, &STREAM_CLOSED.to_be_bytes());
        assert_eq!(peer.frames(), []);
        peer.goes_on();
    };
    s5_4_3_a_client_that_ends_is_followed: || {
        let mut peer = Peer::open();
        peer.server.on_end(NOW, &[]);
        peer.work();
        assert!(peer.has_ended);
    };
    s5_5_an_unknown_setting_is_ignored: || {
        let mut peer = Peer::open();
        peer.settings(&[(0xff, 1), (INITIAL_WINDOW_SIZE, 3), (0xfe, u32::MAX)]);
        peer.frames();
        peer.headers(1, WHOLE, &GET);
        assert_eq!(peer.content(1), 3, "those beside it count");
    };
}

// Sections 6.1 to 6.4.
cases! {
    s6_1_data_on_stream_0: || {
        let mut peer = Peer::open();
        peer.frame(DATA, 0, 0, b"x");
        peer.ends(PROTOCOL_ERROR);
    };
    s6_1_padding_is_no_content: || {
        let mut peer = Peer::open();
        peer.headers(1, END_HEADERS, &with(&POST, &[("content-length", "2")]));
        peer.frame(DATA, PADDED | END_STREAM, 1, b"\x05ab\0\0\0\0\0");
        peer.answers(1);
    };
    s6_1_a_frame_may_be_all_padding: || {
        let mut peer = Peer::receiving();
        peer.frame(DATA, PADDED | END_STREAM, 1, b"\x03\0\0\0");
        peer.answers(1);
    };
    s6_1_padding_as_long_as_the_frame: || {
        let mut peer = Peer::receiving();
        peer.frame(DATA, PADDED, 1, b"\x04abc");
        peer.ends(PROTOCOL_ERROR);
    };
    s6_1_no_length_of_padding: || {
        let mut peer = Peer::receiving();
        peer.frame(DATA, PADDED, 1, b"");
        peer.ends(PROTOCOL_ERROR);
    };
    s6_1_padding_uses_the_window: || {
        let mut peer = Peer::receiving();
        for _ in 0..200 {
            peer.frame(DATA, PADDED, 1, &[&[255][..], &[0; 255]].concat());
        }
        // What was padding is given back like what was read.
        peer.frame(DATA, END_STREAM, 1, b"x");
        peer.answers(1);
    };
    s6_1_an_empty_end: || {
        let mut peer = Peer::receiving();
        peer.frame(DATA, 0, 1, b"x");
        peer.frame(DATA, END_STREAM, 1, b"");
        peer.answers(1);
    };
    s6_2_padded_fields_with_a_priority: || {
        let mut peer = Peer::open();
        let payload = [&[4][..], &[0, 0, 0, 0, 16], &block(&GET), &[0; 4]].concat();
        peer.frame(HEADERS, WHOLE | PADDED | HAS_PRIORITY, 1, &payload);
        peer.answers(1);
    };
    s6_2_padding_longer_than_the_fields: || {
        let mut peer = Peer::open();
        peer.frame(HEADERS, WHOLE | PADDED, 1, &[&[200][..], &block(&GET)].concat());
        peer.ends(PROTOCOL_ERROR);
    };
    s6_2_a_priority_that_is_cut_off: || {
        let mut peer = Peer::open();
        peer.frame(HEADERS, WHOLE | HAS_PRIORITY, 1, &[0; 4]);
        peer.ends(PROTOCOL_ERROR);
    };
    s6_2_no_length_of_padding: || {
        let mut peer = Peer::open();
        peer.frame(HEADERS, WHOLE | PADDED, 1, b"");
        peer.ends(PROTOCOL_ERROR);
    };
    s6_3_priority_on_stream_0: || {
        let mut peer = Peer::open();
        peer.frame(PRIORITY, 0, 0, &[0, 0, 0, 0, 1]);
        peer.ends(PROTOCOL_ERROR);
    };
    s6_3_a_priority_of_four_bytes: || {
        let mut peer = Peer::half_closed();
        peer.frame(PRIORITY, 0, 1, &[0; 4]);
        peer.resets(1, FRAME_SIZE_ERROR);
    };
    s6_3_a_priority_of_six_bytes: || {
        let mut peer = Peer::half_closed();
        peer.frame(PRIORITY, 0, 1, &[0; 6]);
        peer.resets(1, FRAME_SIZE_ERROR);
    };
    s6_4_a_reset_on_stream_0: || {
        let mut peer = Peer::open();
        peer.frame(RST_STREAM, 0, 0, &CANCEL.to_be_bytes());
        peer.ends(PROTOCOL_ERROR);
    };
    s6_4_a_reset_of_three_bytes: || {
        let mut peer = Peer::half_closed();
        peer.frame(RST_STREAM, 0, 1, &[0; 3]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s6_4_a_reset_of_five_bytes: || {
        let mut peer = Peer::half_closed();
        peer.frame(RST_STREAM, 0, 1, &[0; 5]);
        peer.ends(FRAME_SIZE_ERROR);
    };
}

// Sections 6.5 to 6.8.
cases! {
    s6_5_an_acknowledgment_with_content: || {
        let mut peer = Peer::open();
        peer.frame(SETTINGS, ACK, 0, &[0; 6]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s6_5_settings_on_a_stream: || {
        let mut peer = Peer::half_closed();
        peer.frame(SETTINGS, 0, 1, &[]);
        peer.ends(PROTOCOL_ERROR);
    };
    s6_5_settings_that_are_cut_off: || {
        let mut peer = Peer::open();
        peer.frame(SETTINGS, 0, 0, &[0; 5]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s6_5_2_push_is_neither_on_nor_off: || setting(ENABLE_PUSH, 2, PROTOCOL_ERROR);
    s6_5_2_a_window_beyond_the_largest: || setting(INITIAL_WINDOW_SIZE, LARGEST_WINDOW + 1, FLOW_CONTROL_ERROR);
    s6_5_2_the_largest_window: || setting_is_fine(INITIAL_WINDOW_SIZE, LARGEST_WINDOW);
    s6_5_2_frames_smaller_than_the_least: || setting(MAX_FRAME_SIZE, (1 << 14) - 1, PROTOCOL_ERROR);
    s6_5_2_frames_beyond_the_largest: || setting(MAX_FRAME_SIZE, 1 << 24, PROTOCOL_ERROR);
    s6_5_2_the_largest_frames: || setting_is_fine(MAX_FRAME_SIZE, (1 << 24) - 1);
    s6_5_2_no_table: || setting_is_fine(HEADER_TABLE_SIZE, 0);
    s6_5_2_a_table_beyond_reason: || setting_is_fine(HEADER_TABLE_SIZE, u32::MAX);
    s6_5_2_no_push_though_it_is_allowed: || {
        let mut peer = Peer::open();
        peer.settings(&[(ENABLE_PUSH, 1)]);
        peer.headers(1, WHOLE, &GET);
        assert!(peer.seen.iter().all(|frame| frame.kind != PUSH_PROMISE));
        peer.answers(1);
    };
    s6_5_3_settings_are_taken_in_their_order: || {
        let mut peer = Peer::open();
        peer.settings(&[(INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1)]);
        peer.frames();
        peer.headers(1, WHOLE, &GET);
        assert_eq!(peer.content(1), 1);
    };
    s6_5_3_each_is_acknowledged: || {
        let mut peer = Peer::open();
        for _ in 0..3 {
            peer.settings(&[]);
        }
        let acknowledgment = Frame { kind: SETTINGS, flags: ACK, stream: 0, payload: Vec::new() };
        assert_eq!(peer.frames(), [acknowledgment.clone(), acknowledgment.clone(), acknowledgment]);
    };
    s6_6_a_client_that_pushes: || {
        let mut peer = Peer::half_closed();
        peer.frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2][..], &block(&GET)].concat());
        peer.ends(PROTOCOL_ERROR);
    };
    s6_7_a_ping_comes_back: || {
        let mut peer = Peer::open();
        peer.frame(PING, 0, 0, b"h2spec!!");
        assert_eq!(peer.frames(), [Frame { kind: PING, flags: ACK, stream: 0, payload: b"h2spec!!".to_vec() }]);
    };
    s6_7_an_answer_is_not_answered: || {
        let mut peer = Peer::open();
        peer.frame(PING, ACK, 0, b"invalid!");
        assert_eq!(peer.frames(), []);
        peer.goes_on();
    };
    s6_7_a_ping_on_a_stream: || {
        let mut peer = Peer::half_closed();
        peer.frame(PING, 0, 1, &[0; 8]);
        peer.ends(PROTOCOL_ERROR);
    };
    s6_7_a_ping_of_six_bytes: || {
        let mut peer = Peer::open();
        peer.frame(PING, 0, 0, &[0; 6]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s6_7_a_ping_of_nine_bytes: || {
        let mut peer = Peer::open();
        peer.frame(PING, 0, 0, &[0; 9]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s6_8_goaway_on_a_stream: || {
        let mut peer = Peer::half_closed();
        peer.frame(GOAWAY, 0, 1, &[0; 8]);
        peer.ends(PROTOCOL_ERROR);
    };
    s6_8_goaway_that_is_cut_off: || {
        let mut peer = Peer::open();
        peer.frame(GOAWAY, 0, 0, &[0; 7]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s6_8_what_is_under_way_is_answered_after_goaway: || {
        let mut peer = Peer::receiving();
        peer.frame(GOAWAY, 0, 0, &[&[0; 8][..], b"why not"].concat());
        peer.frame(DATA, END_STREAM, 1, b"x");
        assert_eq!(peer.status(1), "200");
        assert!(peer.has_ended, "then nothing is left");
    };
    s6_8_a_last_stream_that_grows: || {
        let mut peer = Peer::half_closed();
        peer.frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
        peer.frame(GOAWAY, 0, 0, &[0, 0, 0, 3, 0, 0, 0, 0]);
        peer.ends(PROTOCOL_ERROR);
    };
    s6_8_a_server_that_ends_takes_what_is_on_its_way_and_refuses_later: || {
        let mut peer = Peer::open();
        peer.server.drain(NOW);
        peer.work();
        let notice = peer.frames().pop().unwrap();
        assert_eq!((notice.kind, notice.number(0), notice.number(4)), (GOAWAY, LARGEST_WINDOW, NO_ERROR));
        peer.headers(1, WHOLE, &OPEN);
        peer.server.on_timeout(NOW + Duration::from_secs(1));
        peer.work();
        let last = peer.frames().pop().unwrap();
        assert_eq!((last.kind, last.number(0), last.number(4)), (GOAWAY, 1, NO_ERROR));
        peer.headers(3, WHOLE, &GET);
        peer.resets(3, REFUSED_STREAM);
    };
}

#[track_caller]
fn setting(id: u16, value: u32, code: u32) {
    let mut peer = Peer::open();
    peer.settings(&[(id, value)]);
    peer.ends(code);
}

#[track_caller]
fn setting_is_fine(id: u16, value: u32) {
    let mut peer = Peer::open();
    peer.settings(&[(id, value)]);
    peer.headers(1, WHOLE, &GET);
    peer.answers(1);
}

// Sections 6.9 and 6.10.
cases! {
    s6_9_a_window_of_nothing_for_the_connection: || {
        let mut peer = Peer::open();
        peer.window_update(0, 0);
        peer.ends(PROTOCOL_ERROR);
    };
    s6_9_a_window_of_nothing_for_a_stream: || {
        let mut peer = Peer::half_closed();
        peer.window_update(1, 0);
        peer.resets(1, PROTOCOL_ERROR);
    };
    s6_9_a_window_of_three_bytes: || {
        let mut peer = Peer::open();
        peer.frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s6_9_a_window_of_five_bytes_on_a_stream: || {
        let mut peer = Peer::half_closed();
        peer.frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 0, 1]);
        peer.ends(FRAME_SIZE_ERROR);
    };
    s6_9_the_reserved_bit_is_ignored: || {
        let mut peer = Peer::open();
        peer.settings(&[(INITIAL_WINDOW_SIZE, 0)]);
        peer.headers(1, WHOLE, &GET);
        peer.frames();
        peer.window_update(1, 1 << 31 | 2);
        assert_eq!(peer.content(1), 2);
    };
    s6_9_1_no_more_content_than_the_window: || {
        let mut peer = Peer::open();
        peer.settings(&[(INITIAL_WINDOW_SIZE, 1)]);
        peer.frames();
        peer.headers(1, WHOLE, &GET);
        assert_eq!(peer.content(1), 1);
        peer.window_update(1, 1);
        assert_eq!(peer.content(1), 1);
        peer.window_update(1, 100);
        assert_eq!(peer.content(1), 3);
    };
    s6_9_1_no_more_content_than_the_window_of_the_connection: || {
        let mut peer = Peer::open();
        peer.settings(&[(INITIAL_WINDOW_SIZE, 1 << 20)]);
        let large = [GET[0], GET[1], GET[2], (":path", "/50000")];
        peer.frames();
        peer.headers(1, WHOLE, &large);
        peer.headers(3, WHOLE, &large);
        let sent: usize = peer.frames().iter().filter(|frame| frame.kind == DATA).map(|frame| frame.payload.len()).sum();
        assert_eq!(sent, 65_535);
        peer.window_update(0, 100);
        let sent: usize = peer.frames().iter().filter(|frame| frame.kind == DATA).map(|frame| frame.payload.len()).sum();
        assert_eq!(sent, 100);
    };
    s6_9_1_a_window_of_the_connection_that_overflows: || {
        let mut peer = Peer::open();
        peer.window_update(0, LARGEST_WINDOW);
        peer.ends(FLOW_CONTROL_ERROR);
    };
    s6_9_1_a_window_of_a_stream_that_overflows: || {
        let mut peer = Peer::half_closed();
        peer.window_update(1, LARGEST_WINDOW);
        peer.resets(1, FLOW_CONTROL_ERROR);
    };
    s6_9_1_the_largest_window_of_the_connection: || {
        let mut peer = Peer::open();
        peer.window_update(0, LARGEST_WINDOW - 65_535);
        peer.goes_on();
    };
    s6_9_1_more_content_than_our_window: || {
        let mut peer = Peer::open();
        // It is answered at once, and nobody reads what comes.
        peer.headers(1, END_HEADERS, &OPEN);
        let number = *peer.requests.keys().next().unwrap();
        let window = Config::default().limits.stream_window as usize;
        // The application of this case reads nothing.
        for _ in 0..window / LARGEST_FRAME {
            let mut bytes = frame(DATA, 0, 1, &[0; LARGEST_FRAME]);
            assert_eq!(peer.server.receive(NOW, &mut bytes), bytes.len());
        }
        let mut one_more = frame(DATA, 0, 1, b"x");
        peer.server.receive(NOW, &mut one_more);
        assert_eq!(number.value(), 1);
        peer.work();
        peer.resets(1, FLOW_CONTROL_ERROR);
    };
    s6_9_2_a_smaller_window_counts_for_open_streams: || {
        let mut peer = Peer::open();
        peer.settings(&[(INITIAL_WINDOW_SIZE, 3)]);
        peer.frames();
        peer.headers(1, WHOLE, &GET);
        assert_eq!(peer.content(1), 3);
        peer.settings(&[(INITIAL_WINDOW_SIZE, 2)]);
        // It is below zero now.
        peer.window_update(1, 1);
        assert_eq!(peer.content(1), 0);
        peer.window_update(1, 1);
        assert_eq!(peer.content(1), 1);
    };
    s6_9_2_a_larger_window_lets_open_streams_go_on: || {
        let mut peer = Peer::open();
        peer.settings(&[(INITIAL_WINDOW_SIZE, 0)]);
        peer.headers(1, WHOLE, &GET);
        peer.frames();
        peer.settings(&[(INITIAL_WINDOW_SIZE, 4)]);
        assert_eq!(peer.content(1), 4);
    };
    s6_9_2_settings_by_which_a_window_overflows: || {
        let mut peer = Peer::half_closed();
        peer.window_update(1, 100);
        peer.settings(&[(INITIAL_WINDOW_SIZE, LARGEST_WINDOW)]);
        peer.ends(FLOW_CONTROL_ERROR);
    };
    s6_10_a_continuation_on_stream_0: || {
        let mut peer = Peer::open();
        peer.frame(HEADERS, END_STREAM, 1, &block(&GET)[..5]);
        peer.frame(CONTINUATION, END_HEADERS, 0, &block(&GET)[5..]);
        peer.ends(PROTOCOL_ERROR);
    };
    s6_10_a_continuation_on_another_stream: || {
        let mut peer = Peer::open();
        peer.frame(HEADERS, END_STREAM, 1, &block(&GET)[..5]);
        peer.frame(CONTINUATION, END_HEADERS, 3, &block(&GET)[5..]);
        peer.ends(PROTOCOL_ERROR);
    };
    s6_10_a_continuation_of_what_has_ended: || {
        let mut peer = Peer::half_closed();
        peer.frame(CONTINUATION, END_HEADERS, 1, b"");
        peer.ends(PROTOCOL_ERROR);
    };
    s6_10_a_continuation_of_content: || {
        let mut peer = Peer::receiving();
        peer.frame(DATA, 0, 1, b"x");
        peer.frame(CONTINUATION, END_HEADERS, 1, b"");
        peer.ends(PROTOCOL_ERROR);
    };
    s6_10_empty_continuations_are_taken_and_counted: || {
        let mut peer = Peer::open();
        peer.frame(HEADERS, END_STREAM, 1, &block(&GET));
        peer.frame(CONTINUATION, 0, 1, b"");
        peer.frame(CONTINUATION, END_HEADERS, 1, b"");
        peer.answers(1);
        peer.frame(HEADERS, END_STREAM, 3, &block(&GET));
        for _ in 0..32 {
            peer.frame(CONTINUATION, 0, 3, b"");
        }
        peer.ends(ENHANCE_YOUR_CALM);
    };
}

// Section 7: codes.
cases! {
    s7_an_unknown_code_in_a_reset: || {
        let mut peer = Peer::half_closed();
        peer.frame(RST_STREAM, 0, 1, &0xffu32.to_be_bytes());
        peer.goes_on();
    };
    s7_an_unknown_code_in_goaway: || {
        let mut peer = Peer::half_closed();
        peer.frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 0xff]);
        peer.goes_on();
    };
}

// Section 8.1: messages.
cases! {
    s8_1_trailers_end_a_request: || {
        let mut peer = Peer::receiving();
        peer.frame(DATA, 0, 1, b"x");
        peer.headers(1, WHOLE, &[("x-sum", "1")]);
        peer.answers(1);
    };
    s8_1_trailers_that_do_not_end_it: || {
        let mut peer = Peer::receiving();
        peer.frame(DATA, 0, 1, b"x");
        peer.headers(1, END_HEADERS, &[("x-sum", "1")]);
        peer.resets(1, PROTOCOL_ERROR);
    };
    s8_1_trailers_with_a_pseudo_field: || {
        let mut peer = Peer::receiving();
        peer.headers(1, WHOLE, &[(":path", "/x")]);
        peer.resets(1, PROTOCOL_ERROR);
    };
    s8_1_a_second_head: || {
        let mut peer = Peer::receiving();
        peer.headers(1, WHOLE, &POST);
        peer.resets(1, PROTOCOL_ERROR);
    };
    s8_1_1_less_content_than_said: || sized("5", &[b"abcd"], false);
    s8_1_1_more_content_than_said: || sized("3", &[b"abcd"], false);
    s8_1_1_more_content_in_several_frames: || sized("5", &[b"abc", b"def"], false);
    s8_1_1_as_much_content_as_said: || sized("6", &[b"abc", b"", b"def"], true);
    s8_1_1_content_is_said_and_none_comes: || malformed(&[("content-length", "1")]);
    s8_1_1_no_content_is_said_and_none_comes: || {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &with(&POST, &[("content-length", "0")]));
        peer.answers(1);
    };
    s8_1_1_a_length_that_is_no_number: || malformed_as(&with(&POST, &[("content-length", "+1")]));
    s8_1_1_two_lengths: || malformed_as(&with(&POST, &[("content-length", "0"), ("content-length", "1")]));
    s8_1_1_less_than_said_in_front_of_trailers: || {
        let mut peer = Peer::open();
        peer.headers(1, END_HEADERS, &with(&POST, &[("content-length", "2")]));
        peer.frame(DATA, 0, 1, b"x");
        peer.headers(1, WHOLE, &[("x-sum", "1")]);
        peer.resets(1, PROTOCOL_ERROR);
    };
}

/// A request of this length with this content.
#[track_caller]
fn sized(length: &'static str, content: &[&[u8]], is_good: bool) {
    let mut peer = Peer::open();
    peer.headers(1, END_HEADERS, &with(&POST, &[("content-length", length)]));
    for (at, piece) in content.iter().enumerate() {
        peer.frame(DATA, if at + 1 == content.len() { END_STREAM } else { 0 }, 1, piece);
    }
    if is_good { peer.answers(1) } else { peer.resets(1, PROTOCOL_ERROR) }
}

// Section 8.2: fields.
cases! {
    s8_2_1_a_name_in_upper_case: || malformed(&[("X-Test", "ok")]);
    s8_2_1_a_name_with_a_space: || malformed(&[("x test", "ok")]);
    s8_2_1_a_name_with_a_control: || malformed(&[("x\u{1}test", "ok")]);
    s8_2_1_a_name_with_a_colon: || malformed(&[("x:test", "ok")]);
    s8_2_1_a_name_beyond_ascii: || malformed(&[("xé", "ok")]);
    s8_2_1_no_name: || malformed(&[("", "ok")]);
    s8_2_1_a_value_with_a_line_feed: || malformed(&[("x-test", "a\nb")]);
    s8_2_1_a_value_with_a_carriage_return: || malformed(&[("x-test", "a\rb")]);
    s8_2_1_a_value_with_nul: || malformed(&[("x-test", "a\0b")]);
    s8_2_1_a_value_that_begins_with_a_space: || malformed(&[("x-test", " a")]);
    s8_2_1_a_value_that_ends_with_a_tab: || malformed(&[("x-test", "a\t")]);
    s8_2_1_an_empty_value: || {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &with(&GET, &[("x-test", "")]));
        peer.answers(1);
    };
    s8_2_2_connection: || malformed(&[("connection", "close")]);
    s8_2_2_keep_alive: || malformed(&[("keep-alive", "timeout=5")]);
    s8_2_2_proxy_connection: || malformed(&[("proxy-connection", "keep-alive")]);
    s8_2_2_transfer_encoding: || malformed(&[("transfer-encoding", "chunked")]);
    s8_2_2_upgrade: || malformed(&[("upgrade", "h2c")]);
    s8_2_2_te_for_a_coding: || malformed(&[("te", "trailers, deflate;q=0.5")]);
    s8_2_2_te_for_trailers: || {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &with(&GET, &[("te", "trailers")]));
        peer.answers(1);
    };
    s8_2_3_crumbs_of_cookies_are_one: || {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &with(&GET, &[("cookie", "a=1"), ("x-a", "b"), ("cookie", "b=2")]));
        peer.answers(1);
        assert_eq!(peer.request(1).fields.first_text("cookie"), Some("a=1; b=2"));
    };
}

// Section 8.3: pseudo-header fields.
cases! {
    s8_3_a_pseudo_field_that_nobody_knows: || malformed_as(&with(&[(":test", "ok")], &GET));
    s8_3_a_pseudo_field_of_responses: || malformed_as(&with(&[(":status", "200")], &GET));
    s8_3_a_pseudo_field_behind_another_field: || malformed_as(&with(&[("x-test", "ok")], &GET));
    s8_3_1_the_method_twice: || malformed_as(&with(&[(":method", "GET")], &GET));
    s8_3_1_the_scheme_twice: || malformed_as(&with(&[(":scheme", "https")], &GET));
    s8_3_1_the_path_twice: || malformed_as(&with(&[(":path", "/5")], &GET));
    s8_3_1_the_authority_twice: || malformed_as(&with(&[(":authority", "a.example")], &GET));
    s8_3_1_no_method: || malformed_as(&without(&GET, ":method"));
    s8_3_1_no_scheme: || malformed_as(&without(&GET, ":scheme"));
    s8_3_1_no_path: || malformed_as(&without(&GET, ":path"));
    s8_3_1_no_host_at_all: || malformed_as(&without(&GET, ":authority"));
    s8_3_1_an_empty_path: || malformed_as(&with(&without(&GET, ":path"), &[(":path", "")]));
    s8_3_1_a_path_without_a_slash: || malformed_as(&with(&without(&GET, ":path"), &[(":path", "5")]));
    s8_3_1_an_empty_method: || malformed_as(&with(&without(&GET, ":method"), &[(":method", "")]));
    s8_3_1_an_asterisk_for_another_method: || malformed_as(&with(&without(&GET, ":path"), &[(":path", "*")]));
    s8_3_1_an_asterisk_for_options: || {
        let mut peer = Peer::open();
        let lines = [(":method", "OPTIONS"), (":scheme", "https"), (":authority", "a.example"), (":path", "*")];
        peer.headers(1, WHOLE, &lines);
        peer.goes_on();
        assert_eq!(peer.request(1).path(), "*");
    };
    s8_3_1_user_information_in_the_authority: || {
        malformed_as(&with(&without(&GET, ":authority"), &[(":authority", "me@a.example")]));
    };
    s8_3_1_a_host_that_is_another: || malformed(&[("host", "b.example")]);
    s8_3_1_a_host_that_is_the_same: || {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &with(&GET, &[("host", "a.example")]));
        peer.answers(1);
    };
    s8_3_1_a_host_instead_of_the_authority: || {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &with(&without(&GET, ":authority"), &[("host", "a.example")]));
        peer.answers(1);
    };
    s8_3_2_the_answer_begins_with_its_status: || {
        let mut peer = Peer::open();
        peer.headers(1, WHOLE, &GET);
        let frames = peer.frames();
        let answer = frames.iter().find(|frame| frame.kind == HEADERS).unwrap();
        let lines = peer.lines(&answer.payload.clone());
        assert_eq!(lines[0], (":status".to_owned(), "200".to_owned()));
        assert!(lines[1..].iter().all(|(name, _)| !name.starts_with(':') && *name == name.to_lowercase()));
    };
}

// Sections 8.4 to 8.7.
cases! {
    s8_5_connect_with_a_path: || {
        malformed_as(&[(":method", "CONNECT"), (":authority", "a.example:443"), (":path", "/")]);
    };
    s8_5_connect_with_a_scheme: || {
        malformed_as(&[(":method", "CONNECT"), (":authority", "a.example:443"), (":scheme", "https")]);
    };
    s8_5_connect_without_an_authority: || malformed_as(&[(":method", "CONNECT")]);
    s8_5_connect_is_given_to_the_application: || {
        let mut peer = Peer::open();
        peer.headers(1, END_HEADERS, &[(":method", "CONNECT"), (":authority", "a.example:443")]);
        peer.goes_on();
        assert_eq!(peer.request(1).method, http::Method::Connect);
    };
    s8_5_extended_connect_where_it_was_not_offered: || malformed_as(&[
        (":method", "CONNECT"), (":scheme", "https"), (":authority", "a.example"), (":path", "/5"), (":protocol", "websocket"),
    ]);
    s8_7_a_refused_stream_may_be_asked_for_again: || {
        let mut peer = Peer::open();
        for number in 0..101 {
            peer.headers(2 * number + 1, WHOLE, &OPEN);
        }
        peer.resets(201, REFUSED_STREAM);
        peer.frames();
        peer.frame(RST_STREAM, 0, 1, &CANCEL.to_be_bytes());
        peer.headers(203, WHOLE, &GET);
        peer.answers(203);
    };
}

// RFC 7541.
cases! {
    hpack_2_3_3_an_index_beyond_both_tables: || broken_block(&[0x80 | 62]);
    hpack_2_3_3_a_name_beyond_both_tables: || broken_block(&[0x40 | 62, 1, b'x']);
    hpack_2_3_3_an_index_that_was_evicted: || {
        let mut peer = Peer::open();
        let entry = [&[0x40, 3][..], b"x-a", &[1], b"1"].concat();
        peer.frame(HEADERS, WHOLE, 1, &[&block(&GET)[..], &entry].concat());
        peer.answers(1);
        // The table is emptied, and then as large as before.
        peer.frame(HEADERS, WHOLE, 3, &[&[0x20, 0x3f, 0xe1, 0x1f][..], &block(&GET), &[0x80 | 62]].concat());
        peer.ends(COMPRESSION_ERROR);
    };
    hpack_2_3_2_an_entry_is_found_in_the_next_request: || {
        let mut peer = Peer::open();
        let entry = [&[0x40, 3][..], b"x-a", &[1], b"1"].concat();
        peer.frame(HEADERS, WHOLE, 1, &[&block(&GET)[..], &entry].concat());
        peer.answers(1);
        peer.frame(HEADERS, WHOLE, 3, &[&block(&GET)[..], &[0x80 | 62]].concat());
        peer.answers(3);
        assert_eq!(peer.request(3).fields.first_text("x-a"), Some("1"));
    };
    hpack_4_2_a_size_within_a_block: || {
        let mut peer = Peer::open();
        let lines = block(&GET);
        peer.frame(HEADERS, WHOLE, 1, &[&lines[..line(":method", "GET").len()], &[0x20], &lines[14..]].concat());
        peer.ends(COMPRESSION_ERROR);
    };
    hpack_4_2_a_size_at_the_end_of_a_block: || broken_block(&[0x20]);
    hpack_4_2_two_sizes_in_front: || good_block(&[0x20, 0x3f, 0xe1, 0x1f], &[]);
    hpack_4_2_the_server_makes_its_table_smaller_when_told: || {
        let mut peer = Peer::open();
        peer.settings(&[(HEADER_TABLE_SIZE, 0)]);
        peer.frames();
        peer.headers(1, WHOLE, &GET);
        let frames = peer.frames();
        let answer = frames.iter().find(|frame| frame.kind == HEADERS).unwrap();
        assert_eq!(answer.payload[0], 0x20, "a size of nothing stands first");
    };
    hpack_5_1_a_number_that_overflows: || broken_block(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
    hpack_5_1_a_number_that_does_not_end: || broken_block(&[0xff, 0x80]);
    hpack_5_1_a_number_with_needless_zeros: || good_block(&[], &[&[0x00, 1, b'a', 0x7f, 0x80, 0x00][..], &[b'b'; 127]].concat());
    hpack_5_2_a_string_that_is_cut_off: || broken_block(&[0x00, 0x05, b'x']);
    hpack_5_2_huffman_padding_of_a_byte: || broken_block(&[0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff]);
    hpack_5_2_huffman_padding_of_zeros: || broken_block(&[0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90]);
    hpack_5_2_huffman_with_the_end_of_string: || {
        broken_block(&[0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x87, 0x49, 0x51, 0xff, 0xff, 0xff, 0xfa, 0x7f]);
    };
    hpack_5_2_a_string_by_huffman: || {
        // "x-test" and "test".
        let mut peer = Peer::open();
        let line = [0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x9f];
        peer.frame(HEADERS, WHOLE, 1, &[&block(&GET)[..], &line].concat());
        peer.answers(1);
        assert_eq!(peer.request(1).fields.first_text("x-test"), Some("test"));
    };
    hpack_6_1_the_index_0: || broken_block(&[0x80]);
    hpack_6_1_an_index_of_the_static_table: || good_block(&[], &[0x80 | 16]);
    hpack_6_2_1_a_line_that_enters_the_table: || good_block(&[], &[0x40, 1, b'a', 1, b'b']);
    hpack_6_2_1_a_line_larger_than_the_table_empties_it: || {
        let mut peer = Peer::open();
        let entry = [&[0x40, 3][..], b"x-a", &[1], b"1"].concat();
        let large = [&[0x40, 1, b'y', 0x7f, 0xa1, 0x1f][..], &[b'z'; 4128]].concat();
        peer.frame(HEADERS, WHOLE, 1, &[&block(&GET)[..], &entry, &large].concat());
        peer.answers(1);
        peer.frame(HEADERS, WHOLE, 3, &[&block(&GET)[..], &[0x80 | 62]].concat());
        peer.ends(COMPRESSION_ERROR);
    };
    hpack_6_2_2_a_line_with_a_name_of_the_static_table: || good_block(&[], &[0x0f, 0x04, 1, b'x']);
    hpack_6_2_3_a_line_that_never_enters_a_table: || good_block(&[], &[0x10, 1, b'a', 1, b'b']);
    hpack_6_3_a_size_beyond_the_setting: || {
        let mut peer = Peer::open();
        peer.frame(HEADERS, WHOLE, 1, &[&[0x3f, 0xe2, 0x1f][..], &block(&GET)].concat());
        peer.ends(COMPRESSION_ERROR);
    };
    hpack_6_3_the_size_of_the_setting: || good_block(&[0x3f, 0xe1, 0x1f], &[]);
}
