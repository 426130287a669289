//! An HTTP/3 connection of either side, with everything that can happen to it in any order: bytes, ends, resets, stops,
//! room, more streams, GOAWAY, and an application that answers, gives up and shuts down when it likes.

use super::input::Input;
use adversary::http::Recorder;
use base::{Bytes, Direction, Duration, Side, StreamId, VarInt};
use h3::{Body, Config, Connection, Event, Limits};
use http::{Fields, Method, RequestHead, ResponseHead, Status};

const MAX_STEPS: usize = 200;

/// Small limits, so that they are reached.
fn config(choice: u8) -> Config {
    let small = Limits {
        max_field_section_size: 500,
        max_header_buffer: 300,
        max_concurrent_requests: 2,
        glitches: 5,
        glitches_earned: 1,
        max_early_priorities: 2,
        max_datagrams: 2,
        max_early_datagrams: 2,
    };
    Config {
        limits: if choice & 2 == 0 { Limits::default() } else { small },
        extended_connect: choice & 4 != 0,
        grease: (choice & 8 != 0).then_some(7),
        date: (choice & 16 != 0).then_some(|| *b"Sun, 06 Nov 1994 08:49:37 GMT"),
        ..Config::default()
    }
}

struct Play {
    connection: Connection,
    transport: Recorder,
    is_closed: bool,
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let side = if choice & 1 == 0 { Side::Server } else { Side::Client };
    let connection = match side {
        Side::Server => Connection::server(config(choice)),
        Side::Client => Connection::client(config(choice)),
    };
    let mut play = Play { connection, transport: Recorder::new(side), is_closed: false };
    if choice & 16 != 0 {
        play.transport.may_open = [1, 1];
    }
    if choice & 32 == 0 {
        play.connection.on_connected(&mut play.transport);
        // An empty SETTINGS frame.
        let control = StreamId::new(side.peer(), Direction::Unidirectional, 0).expect("a stream");
        play.arrive(control, &[0, 4, 0], false);
    }
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        play.step(&mut input);
        play.poll();
    }
    // The transport ends, and with it everything.
    play.connection.on_closed(VarInt::ZERO);
    play.poll();
    assert!(play.is_closed && play.connection.is_drained());
}

impl Play {
    fn step(&mut self, input: &mut Input<'_>) {
        let choice = input.u8();
        let id = any_stream(input, self.transport.side);
        let code = VarInt::new(0x100 + u64::from(choice)).unwrap_or(VarInt::ZERO);
        let (connection, transport) = (&mut self.connection, &mut self.transport);
        match choice % 20 {
            0..=5 => {
                let bytes = input.chunk();
                self.arrive(id, bytes, choice & 0x80 != 0);
            }
            6 => self.arrive(id, &message(input, choice), choice & 0x80 != 0),
            7 if transport.takes(id) && transport.is_open(id) => {
                self.open(id);
                self.transport.reset_by_peer(id, code);
                self.connection.on_stream_reset(&mut self.transport, id, code);
            }
            8 if id.is_sent_by(transport.side)
                && (id.initiator() == transport.side || transport.known.contains(&id)) =>
            {
                transport.stopped.insert(id, code);
                connection.on_stream_stopped(transport, id, code);
            }
            9 => {
                transport.room.insert(id, usize::from(input.u8()));
                connection.on_stream_writable(transport, id);
            }
            10 => {
                transport.may_open[usize::from(choice >> 7)] += 1;
                let direction = if choice >> 7 == 0 { Direction::Bidirectional } else { Direction::Unidirectional };
                connection.on_streams_available(transport, direction);
            }
            11 => {
                let _ = connection.send_request(transport, &request(input), choice & 0x80 != 0);
            }
            12 => {
                let _ = connection.send_response(transport, id, &response(input), choice & 0x80 != 0);
            }
            13 => {
                let mut bytes = Bytes::copy_from_slice(input.chunk());
                let _ = connection.send_body(transport, id, &mut bytes);
            }
            14 => {
                let mut fields = Fields::default();
                if choice & 0x80 != 0 {
                    fields.push("x", "y").expect("a field");
                }
                let _ = connection.send_trailers(transport, id, &fields);
            }
            15 => {
                let _ = connection.finish(transport, id);
            }
            16 => connection.reset(transport, id, h3::error_code::reason(code)),
            17 => connection.stop_sending(transport, id, h3::error_code::reason(code)),
            18 => match connection.read_body(transport, id, usize::from(choice)) {
                Body::Data(bytes) => assert!(!bytes.is_empty() && bytes.len() <= usize::from(choice).max(1)),
                Body::Blocked | Body::End | Body::Gone => {}
            },
            _ => match choice {
                19..60 => connection.shutdown(transport),
                60..80 => connection.close(transport, code, "enough"),
                80..120 => connection.on_connected(transport),
                120..150 => {
                    let _ = connection.send_informational(transport, id, &response(input));
                }
                150..190 => {
                    connection.follow(transport.now);
                    transport.now += Duration::from_secs(u64::from(choice) / 10);
                    connection.on_timeout(transport);
                }
                _ => connection.on_stream_readable(transport, id),
            },
        }
    }

    fn open(&mut self, id: StreamId) {
        if id.initiator() != self.transport.side && self.transport.known.insert(id) {
            self.connection.on_stream_opened(&mut self.transport, id);
        }
    }

    fn arrive(&mut self, id: StreamId, bytes: &[u8], ends: bool) {
        if !self.transport.takes(id) || !self.transport.is_open(id) {
            return;
        }
        self.open(id);
        self.transport.feed(id, bytes);
        if ends {
            self.transport.end(id);
        }
        self.connection.on_stream_readable(&mut self.transport, id);
    }

    fn poll(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            assert!(!self.is_closed, "nothing happens after the close: {event:?}");
            self.is_closed = matches!(event, Event::Closed { .. });
        }
    }
}

fn any_stream(input: &mut Input<'_>, side: Side) -> StreamId {
    let choice = input.u8();
    let initiator = if choice & 1 == 0 { Side::Client } else { Side::Server };
    // Mostly requests.
    let (initiator, direction) = match choice & 6 {
        0 => (side.peer(), Direction::Unidirectional),
        2 => (initiator, Direction::Unidirectional),
        _ => (Side::Client, Direction::Bidirectional),
    };
    StreamId::new(initiator, direction, u64::from(choice >> 3 & 7)).expect("a small number")
}

/// A frame with a header section that is often well-formed, or any frame.
fn message(input: &mut Input<'_>, choice: u8) -> Vec<u8> {
    let mut payload = Vec::new();
    let frame_type = match choice >> 5 & 3 {
        0 => {
            qpack::encode(request(input).lines(), &mut payload);
            1
        }
        1 => {
            qpack::encode(response(input).lines(), &mut payload);
            1
        }
        2 => {
            payload.extend_from_slice(input.chunk());
            0
        }
        _ => {
            payload.extend_from_slice(input.chunk());
            input.number()
        }
    };
    let mut out = Vec::new();
    for value in [frame_type, payload.len() as u64] {
        base::writer::push_varint(&mut out, VarInt::new(value).expect("62 bits"));
    }
    out.extend_from_slice(&payload);
    out
}

fn with_length(fields: &mut Fields, input: &mut Input<'_>) {
    let choice = input.u8();
    if choice & 1 != 0 {
        fields.push("content-length", (choice >> 1).to_string()).expect("a field");
    }
}

fn request(input: &mut Input<'_>) -> RequestHead {
    let head = match input.below(6) {
        0 => RequestHead::connect("a.example:443"),
        1 => RequestHead::extended_connect("websocket", "https://a.example/chat"),
        2 => RequestHead::new(Method::Head, "https://a.example/"),
        3 => RequestHead::new(Method::Post, "https://a.example/"),
        _ => RequestHead::get("https://a.example/x?y"),
    };
    let mut head = head.expect("a request");
    with_length(&mut head.fields, input);
    head
}

fn response(input: &mut Input<'_>) -> ResponseHead {
    let status = input.pick(&[&b"200"[..], b"204", b"304", b"100", b"103", b"404", b"200", b"101"]);
    let mut head = ResponseHead::new(Status::from_bytes(status).expect("a status"));
    with_length(&mut head.fields, input);
    head
}
