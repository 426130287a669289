//! The inputs of a script, and how its events are written.

use crate::bytes::{code, fields, hexadecimal, parse};
use crate::recorder::Recorder;
use base::{Bytes, Duration, Side, StreamId, VarInt};
use http::exchange::{self, Body, Reason};
use http::{Fields, Method, RequestHead, ResponseHead, Status};
use posthaste_h3::{Connection, Event};
use std::collections::BTreeSet;
use std::fmt::Display;

/// Milliseconds of one wait.
const MOST_WAITING: u64 = 86_400_000;
/// How often a connection is called within one wait.
const MOST_CALLS: u32 = 1_000_000;

/// A connection and its transport.
pub(crate) struct Stage {
    connection: Connection,
    recorder: Recorder,
    known: BTreeSet<StreamId>,
    /// What the application's calls gave.
    answers: Vec<String>,
}

/// The first word, and what stands behind it.
fn word(text: &str) -> (&str, &str) {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    (first, rest.trim())
}

fn stream(text: &str) -> Result<StreamId, String> {
    Ok(StreamId::from_varint(varint(text)?))
}

fn varint(text: &str) -> Result<VarInt, String> {
    VarInt::new(code(text)?).ok_or_else(|| format!("{text}: larger than 2^62 - 1"))
}

/// `[end] [FIELDS]`, which may both be missing.
fn end_and_fields(text: &str) -> Result<(bool, Fields), String> {
    let rest = text.strip_prefix("end").map(str::trim);
    let (is_end, text) = rest.map_or((false, text), |rest| (true, rest));
    if text.is_empty() {
        return Ok((is_end, Fields::new()));
    }
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let mut all = Fields::new();
    for (name, value) in fields(inner.ok_or_else(|| format!("{text}: fields stand in brackets"))?)? {
        all.push(&name, &value).map_err(|error| format!("{name}={value}: {error}"))?;
    }
    Ok((is_end, all))
}

impl Stage {
    pub(crate) fn new(side: Side) -> Stage {
        let mut config = posthaste_h3::Config::default();
        (config.extended_connect, config.datagrams) = (true, true);
        let connection = if side == Side::Client { Connection::client(config) } else { Connection::server(config) };
        Stage { connection, recorder: Recorder::new(side), known: BTreeSet::new(), answers: Vec::new() }
    }

    /// Does what a line says, and gives the lines that have to follow.
    ///
    /// # Errors
    /// The line says nothing that can be done.
    pub(crate) fn input(&mut self, line: &str) -> Result<Vec<String>, String> {
        let (first, rest) = word(line);
        match first {
            "connected" => self.connection.on_connected(&mut self.recorder),
            "peer" => self.peer(rest)?,
            "app" => self.application(rest)?,
            "wait" => self.wait(code(rest)?)?,
            "room" => {
                let (id, room) = word(rest);
                let (id, room) = (stream(id)?, usize::try_from(code(room)?).map_err(|error| error.to_string())?);
                self.recorder.room.insert(id, room);
                self.connection.on_stream_writable(&mut self.recorder, id);
            }
            _ => return Err(format!("{first}: no input; there are connected, peer, app, room and wait")),
        }
        let mut lines = self.recorder.take();
        lines.append(&mut self.answers);
        lines.extend(std::iter::from_fn(|| self.connection.poll_event()).map(|event| words_of(&event)));
        Ok(lines)
    }

    /// A stream that the peer opens by this.
    fn open(&mut self, id: StreamId) {
        if id.initiator() != self.recorder.side && self.known.insert(id) {
            self.connection.on_stream_opened(&mut self.recorder, id);
        }
    }

    fn peer(&mut self, line: &str) -> Result<(), String> {
        let (verb, rest) = word(line);
        let (about, rest) = word(rest);
        match verb {
            "sends" => {
                let (bytes, is_end) = rest.strip_suffix("end").map_or((rest, false), |rest| (rest, true));
                self.receive(stream(about)?, parse(bytes)?, is_end);
            }
            "ends" => self.receive(stream(about)?, Vec::new(), true),
            "resets" => {
                let id = stream(about)?;
                self.open(id);
                self.connection.on_stream_reset(&mut self.recorder, id, varint(rest)?);
            }
            "stops" => {
                let (id, code) = (stream(about)?, varint(rest)?);
                self.open(id);
                self.recorder.stopped.insert(id, code);
                self.connection.on_stream_stopped(&mut self.recorder, id, code);
            }
            "acknowledges" => self.connection.on_stream_delivered(stream(about)?),
            "closes" => self.connection.on_closed(varint(about)?),
            "datagram" => {
                self.recorder.datagrams.push_back(Bytes::from(parse(&format!("{about} {rest}"))?));
                self.connection.on_datagrams(&mut self.recorder);
            }
            _ => return Err(format!("{verb}: a peer sends, ends, resets, stops, acknowledges, datagram or closes")),
        }
        Ok(())
    }

    fn receive(&mut self, id: StreamId, bytes: Vec<u8>, is_end: bool) {
        self.open(id);
        let input = self.recorder.input.entry(id).or_default();
        if !bytes.is_empty() {
            input.bytes.push_back(Bytes::from(bytes));
        }
        input.is_finished |= is_end;
        self.connection.on_stream_readable(&mut self.recorder, id);
    }

    /// The connection is called whenever it has asked for that.
    fn wait(&mut self, milliseconds: u64) -> Result<(), String> {
        if milliseconds > MOST_WAITING {
            return Err(format!("{milliseconds}: a script waits for {MOST_WAITING} milliseconds at most, a day"));
        }
        let end = self.recorder.now + Duration::from_millis(milliseconds);
        self.connection.follow(self.recorder.now);
        for _ in 0..MOST_CALLS {
            let due = self.connection.deadline().filter(|deadline| *deadline <= end);
            self.recorder.now = self.recorder.now.max(due.unwrap_or(end));
            if due.is_none() {
                return Ok(());
            }
            self.connection.on_timeout(&mut self.recorder);
            self.connection.follow(self.recorder.now);
        }
        Err(format!("{milliseconds}: the connection is still due after {MOST_CALLS} calls"))
    }

    fn application(&mut self, line: &str) -> Result<(), String> {
        let (verb, rest) = word(line);
        match verb {
            "request" => return self.request(rest),
            "connect" => return self.connect(rest),
            "shutdown" => self.connection.shutdown(&mut self.recorder),
            "close" => self.connection.close(&mut self.recorder, varint(rest)?, "closed by the script"),
            _ => {
                let (id, rest) = word(rest);
                return self.of_exchange(verb, stream(id)?, rest);
            }
        }
        Ok(())
    }

    fn request(&mut self, line: &str) -> Result<(), String> {
        let (method, rest) = word(line);
        let (uri, rest) = word(rest);
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| format!("{method}: no method"))?;
        let mut head = RequestHead::new(method, uri).map_err(|error| format!("{uri}: {error}"))?;
        let (is_end, fields) = end_and_fields(rest)?;
        head.fields = fields;
        let sent = self.connection.send_request(&mut self.recorder, &head, is_end);
        self.note(sent);
        Ok(())
    }

    fn connect(&mut self, line: &str) -> Result<(), String> {
        let (protocol, uri) = word(line);
        let head = RequestHead::extended_connect(protocol, uri).map_err(|error| format!("{uri}: {error}"))?;
        let sent = self.connection.send_request(&mut self.recorder, &head, false);
        self.note(sent);
        Ok(())
    }

    fn response(&mut self, id: StreamId, line: &str) -> Result<(), String> {
        let (status, rest) = word(line);
        let status = Status::from_bytes(status.as_bytes()).map_err(|_| format!("{status}: no status"))?;
        let (is_end, fields) = end_and_fields(rest)?;
        let head = ResponseHead { status, fields };
        let sent = if status.is_informational() {
            self.connection.send_informational(&mut self.recorder, id, &head)
        } else {
            self.connection.send_response(&mut self.recorder, id, &head, is_end)
        };
        self.note(sent);
        Ok(())
    }

    fn of_exchange(&mut self, verb: &str, id: StreamId, rest: &str) -> Result<(), String> {
        match verb {
            "response" => self.response(id, rest)?,
            "content" => self.content(id, rest)?,
            "trailers" => {
                let sent = self.connection.send_trailers(&mut self.recorder, id, &end_and_fields(rest)?.1);
                self.note(sent);
            }
            "finish" => {
                let sent = self.connection.finish(&mut self.recorder, id);
                self.note(sent);
            }
            "read" => self.read(id),
            "datagram" => {
                let sent = self.connection.send_datagram(&mut self.recorder, id, &parse(rest)?);
                self.note(sent);
            }
            "read-datagram" => {
                let read = self.connection.read_datagram(id);
                let line = read.map_or("no datagram".to_owned(), |read| format!("datagram {}", hexadecimal(&read)));
                self.answers.push(line);
            }
            "cancel" => {
                self.connection.reset(&mut self.recorder, id, Reason::Cancelled);
                self.connection.stop_sending(&mut self.recorder, id, Reason::Cancelled);
            }
            _ => return Err(format!("{verb}: no call of an application")),
        }
        Ok(())
    }

    fn content(&mut self, id: StreamId, rest: &str) -> Result<(), String> {
        let mut data = Bytes::from(parse(rest)?);
        let sent = self.connection.send_body(&mut self.recorder, id, &mut data);
        self.note(sent);
        if !data.is_empty() {
            self.answers.push(format!("left {}", data.len()));
        }
        Ok(())
    }

    fn read(&mut self, id: StreamId) {
        let body = self.connection.read_body(&mut self.recorder, id, usize::MAX);
        self.answers.push(match body {
            Body::Data(bytes) => format!("content {}", hexadecimal(&bytes)),
            Body::Blocked => "blocked".to_owned(),
            Body::End => "end".to_owned(),
            Body::Gone => "gone".to_owned(),
        });
    }

    fn note<T, E: Display>(&mut self, result: Result<T, E>) {
        if let Err(error) = result {
            self.answers.push(format!("error {error}"));
        }
    }
}

fn lines<'a>(pairs: impl Iterator<Item = (&'a str, &'a [u8])>) -> String {
    let pairs = pairs.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)));
    pairs.collect::<Vec<_>>().join("; ")
}

/// An event as a script writes it.
fn words_of(event: &Event) -> String {
    match event {
        Event::Exchange(id, event) => of_exchange(id.value(), event),
        Event::DataStream(id, event) => format!("stream {} {event:?}", id.value()),
        Event::Refused { id, violation } => format!("refused {} {violation:?}", id.value()),
        Event::GoAway { id } => format!("goaway {id}"),
        Event::RequestsAvailable => "requests available".to_owned(),
        Event::StreamsAvailable(direction) => format!("streams available {direction:?}"),
        Event::DatagramsChanged => "datagrams changed".to_owned(),
        Event::Settings(_) => "settings".to_owned(),
        Event::Closed { code, violation: Some(violation) } => format!("closed {:#x} {violation:?}", code.value()),
        Event::Closed { code, violation: None } => format!("closed {:#x}", code.value()),
    }
}

fn of_exchange(id: u64, event: &exchange::Event) -> String {
    match event {
        exchange::Event::Request(head) => format!("request {id} {}", lines(head.lines())),
        exchange::Event::Response(head) => format!("response {id} {}", lines(head.lines())),
        exchange::Event::Informational(head) => format!("informational {id} {}", lines(head.lines())),
        exchange::Event::Body => format!("readable {id}"),
        exchange::Event::Datagram => format!("datagrams {id}"),
        exchange::Event::Trailers(fields) => format!("trailers {id} {}", lines(fields.iter())),
        exchange::Event::Finished => format!("finished {id}"),
        exchange::Event::Writable => format!("writable {id}"),
        exchange::Event::Delivered => format!("delivered {id}"),
        exchange::Event::Reset(reason) => format!("was reset {id}: {reason}"),
        exchange::Event::Stopped(reason) => format!("was stopped {id}: {reason}"),
        exchange::Event::SlowSender => format!("slow sender {id}"),
        exchange::Event::SlowReceiver => format!("slow receiver {id}"),
        exchange::Event::Failed(malformed) => format!("failed {id}: {malformed}"),
    }
}
