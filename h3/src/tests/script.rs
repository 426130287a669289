//! The harness: a transport that records, and a connection on top of it.

use crate::connection::Connection;
use crate::event::Event;
use crate::transport::{Read, Transport, WriteError};
use crate::violation::{Scope, Violation};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use base::{Bytes, Direction, Duration, Instant, Side, StreamId, VarInt};
use http::exchange;
use http::pace::Delivery;
use quic::WhenFull;

/// What a connection asked of its transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Open(u64),
    /// Writes to the same stream that follow each other are one.
    Write(u64, Vec<u8>),
    Finish(u64),
    Reset(u64, u64),
    /// Whether what comes all the same is read makes no difference to the peer.
    StopSending(u64, u64),
    /// What comes from now on is not read.
    Discard(u64),
    Close(u64),
}

pub(super) use Command::*;

/// A transport made of queues.
pub(super) struct Recorder {
    pub(super) side: Side,
    pub(super) commands: Vec<Command>,
    /// What the close was explained with.
    close_reason: Option<&'static str>,
    /// Streams of each direction that may still be opened.
    pub(super) may_open: [u64; 2],
    opened: [u64; 2],
    input: BTreeMap<StreamId, Input>,
    /// Bytes that fit; streams that are not in here take everything.
    pub(super) room: BTreeMap<u64, usize>,
    pub(super) stopped: BTreeMap<u64, VarInt>,
    /// Streams of the peer that it was asked to end.
    asked: BTreeSet<u64>,
    /// Bytes that were read, by stream: the credit that went back to the peer.
    pub(super) credit: BTreeMap<u64, usize>,
    /// The present.
    pub(super) now: Instant,
    written: BTreeMap<u64, u64>,
    /// What streams are sent by, newest last.
    pub(super) priorities: Vec<(u64, u8, bool)>,
    /// Datagrams that were sent, and that have come.
    pub(super) datagrams: [VecDeque<Bytes>; 2],
    /// How many may wait to be sent.
    pub(super) most_datagrams: usize,
    /// Bytes of the largest datagram.
    pub(super) max_datagram: Option<usize>,
    /// How many requests the peer may have made.
    pub(super) allowed: Option<u64>,
    /// How much of a stream the peer has acknowledged, where it is not all.
    pub(super) acknowledged: BTreeMap<u64, u64>,
}

#[derive(Default)]
struct Input {
    bytes: VecDeque<Bytes>,
    is_finished: bool,
}

impl Recorder {
    pub(super) fn new(side: Side) -> Recorder {
        Recorder {
            side,
            commands: Vec::new(),
            close_reason: None,
            may_open: [1 << 40; 2],
            opened: [0; 2],
            input: BTreeMap::new(),
            room: BTreeMap::new(),
            stopped: BTreeMap::new(),
            asked: BTreeSet::new(),
            credit: BTreeMap::new(),
            now: Instant::ZERO,
            written: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            priorities: Vec::new(),
            allowed: None,
            datagrams: Default::default(),
            most_datagrams: usize::MAX,
            max_datagram: Some(1200),
        }
    }
}

impl Transport for Recorder {
    fn open(&mut self, direction: Direction) -> Option<StreamId> {
        let index = self.opened[direction as usize];
        if index >= self.may_open[direction as usize] {
            return None;
        }
        self.opened[direction as usize] += 1;
        let id = StreamId::new(self.side, direction, index)?;
        self.commands.push(Open(id.value()));
        Some(id)
    }

    fn read(&mut self, id: StreamId, max: usize) -> Read {
        assert!(max > 0);
        let input = self.input.entry(id).or_default();
        match input.bytes.front_mut() {
            Some(front) => {
                let piece = front.split_to(max);
                if front.is_empty() {
                    input.bytes.pop_front();
                }
                *self.credit.entry(id.value()).or_default() += piece.len();
                Read::Data(piece)
            }
            None if input.is_finished => Read::Finished,
            None => Read::Blocked,
        }
    }

    fn read_with_end(&mut self, id: StreamId, max: usize) -> (Read, bool) {
        let read = self.read(id, max);
        (read, self.input.get(&id).is_some_and(|input| input.bytes.is_empty() && input.is_finished))
    }

    fn room(&mut self, id: StreamId, wanted: usize) -> Result<usize, WriteError> {
        match self.stopped.get(&id.value()) {
            Some(code) => Err(WriteError::Stopped(*code)),
            None => Ok(self.room.get(&id.value()).map_or(wanted, |room| wanted.min(*room))),
        }
    }

    fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<(), WriteError> {
        if let Some(code) = self.stopped.get(&id.value()) {
            return Err(WriteError::Stopped(*code));
        }
        let piece = match self.room.get_mut(&id.value()) {
            Some(room) => {
                let piece = data.split_to(*room);
                *room -= piece.len();
                piece
            }
            None => core::mem::take(data),
        };
        *self.written.entry(id.value()).or_default() += piece.len() as u64;
        match self.commands.last_mut() {
            _ if piece.is_empty() => {}
            Some(Write(last, bytes)) if *last == id.value() => bytes.extend_from_slice(&piece),
            _ => self.commands.push(Write(id.value(), piece.to_vec())),
        }
        Ok(())
    }

    fn finish(&mut self, id: StreamId) {
        self.commands.push(Finish(id.value()));
    }

    fn reset(&mut self, id: StreamId, code: VarInt) {
        self.commands.push(Reset(id.value(), code.value()));
    }

    fn ask_to_stop(&mut self, id: StreamId, code: VarInt) {
        assert!(self.asked.insert(id.value()), "nobody is asked twice");
        self.commands.push(StopSending(id.value(), code.value()));
    }

    fn stop_sending(&mut self, id: StreamId, code: VarInt) {
        let is_new = self.asked.insert(id.value());
        self.commands.push(if is_new { StopSending(id.value(), code.value()) } else { Discard(id.value()) });
    }

    fn now(&self) -> Instant {
        self.now
    }

    fn delivery(&self, id: StreamId) -> Option<Delivery> {
        let written = self.written.get(&id.value()).copied().unwrap_or(0);
        let acknowledged = self.acknowledged.get(&id.value()).copied().unwrap_or(written);
        Some(Delivery { written, acknowledged })
    }

    fn unacknowledged(&self) -> u64 {
        let left = |(id, acknowledged): (&u64, &u64)| self.written.get(id).copied().unwrap_or(0) - acknowledged;
        self.acknowledged.iter().map(left).sum()
    }

    fn prioritize(&mut self, id: StreamId, urgency: u8, incremental: bool) {
        self.priorities.push((id.value(), urgency, incremental));
    }

    fn send_datagram(&mut self, parts: [&[u8]; 2], _: WhenFull) -> Result<(), exchange::DatagramError> {
        if self.datagrams[0].len() >= self.most_datagrams {
            return Err(exchange::DatagramError::Full);
        }
        self.datagrams[0].push_back(Bytes::from(parts.concat()));
        Ok(())
    }

    fn take_datagrams(&mut self, take: &mut dyn FnMut(&[u8]) -> bool) {
        while self.datagrams[1].pop_front().is_some_and(|datagram| take(&datagram)) {}
    }

    fn max_datagram_size(&self) -> Option<usize> {
        self.max_datagram
    }

    fn requests_allowed(&self) -> Option<u64> {
        self.allowed
    }

    fn close(&mut self, code: VarInt, reason: &'static str) {
        self.close_reason = Some(reason);
        self.commands.push(Close(code.value()));
    }
}

/// A connection under test.
pub(super) struct Script {
    pub(super) connection: Connection,
    pub(super) transport: Recorder,
    known: Vec<u64>,
}

pub(super) fn id(value: u64) -> StreamId {
    StreamId::from_varint(VarInt::new(value).unwrap())
}

pub(super) fn code(value: u64) -> VarInt {
    VarInt::new(value).unwrap()
}

impl Script {
    /// Nothing has happened yet.
    pub(super) fn new(connection: Connection) -> Script {
        let transport = Recorder::new(connection.shared.side);
        Script { connection, transport, known: Vec::new() }
    }

    /// Connected, with an empty SETTINGS frame from the peer; the commands and events of that are dropped.
    pub(super) fn started(connection: Connection) -> Script {
        let mut script = Script::new(connection);
        script.connection.on_connected(&mut script.transport);
        let control = if script.transport.side == Side::Server { 2 } else { 3 };
        script.feed(control, &[0, 4, 0]);
        script.transport.commands.clear();
        script.events();
        script
    }

    pub(super) fn server() -> Script {
        Script::started(Connection::server(crate::Config::default()))
    }

    pub(super) fn client() -> Script {
        Script::started(Connection::client(crate::Config::default()))
    }

    fn open(&mut self, stream: u64) {
        if id(stream).initiator() != self.transport.side && !self.known.contains(&stream) {
            self.known.push(stream);
            self.connection.on_stream_opened(&mut self.transport, id(stream));
        }
    }

    /// Bytes arrive.
    pub(super) fn feed(&mut self, stream: u64, bytes: &[u8]) {
        self.open(stream);
        if !bytes.is_empty() {
            self.transport.input.entry(id(stream)).or_default().bytes.push_back(Bytes::copy_from_slice(bytes));
        }
        self.connection.on_stream_readable(&mut self.transport, id(stream));
    }

    /// Bytes arrive one at a time.
    pub(super) fn drip(&mut self, stream: u64, bytes: &[u8]) {
        for byte in bytes {
            self.feed(stream, &[*byte]);
        }
    }

    /// A datagram arrives.
    pub(super) fn datagram(&mut self, bytes: &[u8]) {
        self.transport.datagrams[1].push_back(Bytes::copy_from_slice(bytes));
        self.connection.on_datagrams(&mut self.transport);
    }

    /// The end of a stream arrives.
    pub(super) fn end(&mut self, stream: u64) {
        self.open(stream);
        self.transport.input.entry(id(stream)).or_default().is_finished = true;
        self.connection.on_stream_readable(&mut self.transport, id(stream));
    }

    /// Bytes and the end arrive together.
    pub(super) fn feed_and_end(&mut self, stream: u64, bytes: &[u8]) {
        self.open(stream);
        let input = self.transport.input.entry(id(stream)).or_default();
        input.bytes.push_back(Bytes::copy_from_slice(bytes));
        input.is_finished = true;
        self.connection.on_stream_readable(&mut self.transport, id(stream));
    }

    pub(super) fn reset(&mut self, stream: u64, reason: u64) {
        self.open(stream);
        self.connection.on_stream_reset(&mut self.transport, id(stream), code(reason));
    }

    pub(super) fn stop(&mut self, stream: u64, reason: u64) {
        self.open(stream);
        self.transport.stopped.insert(stream, code(reason));
        self.connection.on_stream_stopped(&mut self.transport, id(stream), code(reason));
    }

    /// Time passes, and the connection is called when it asked to be.
    pub(super) fn wait(&mut self, span: Duration) {
        let end = self.transport.now + span;
        self.connection.follow(self.transport.now);
        for calls in 0.. {
            assert!(calls < 10_000, "it is looked at without end");
            let Some(deadline) = self.connection.deadline().filter(|deadline| *deadline <= end) else { break };
            self.transport.now = self.transport.now.max(deadline);
            self.connection.on_timeout(&mut self.transport);
            self.connection.follow(self.transport.now);
        }
        self.transport.now = end;
    }

    /// All events so far.
    pub(super) fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// Nothing was wrong so far.
    pub(super) fn violation_free(&self) -> bool {
        !self.connection.is_closed
    }

    /// Exactly these commands were given since the last time.
    #[track_caller]
    pub(super) fn expect(&mut self, commands: &[Command]) {
        assert_eq!(core::mem::take(&mut self.transport.commands), commands);
    }

    /// The connection was closed for exactly this breach, the peer was told its code and reason, and the application
    /// which one it was; nothing follows.
    #[track_caller]
    pub(super) fn expect_close(&mut self, violation: Violation) {
        assert_eq!(violation.scope(), Scope::Connection);
        let events = self.events();
        let closed = Event::Closed { code: violation.code(), violation: Some(violation) };
        assert_eq!(events.last(), Some(&closed), "{events:?}");
        let commands = core::mem::take(&mut self.transport.commands);
        assert_eq!(commands.last(), Some(&Close(violation.code().value())), "{commands:x?}");
        assert_eq!(commands.iter().filter(|command| matches!(command, Close(_))).count(), 1);
        assert_eq!(self.transport.close_reason, Some(violation.reason()));
    }

    /// Both directions of a stream were given up for exactly this breach, and nothing else was done.
    #[track_caller]
    fn expect_given_up(&mut self, stream: u64, violation: Violation) {
        assert_eq!(violation.scope(), Scope::Stream);
        let code = violation.code().value();
        self.expect(&[Reset(stream, code), StopSending(stream, code)]);
        assert!(!self.connection.streams.contains(id(stream)));
    }

    /// A message failed for exactly this breach, and that is the last the application hears. Gives what it heard before.
    #[track_caller]
    pub(super) fn expect_failed(&mut self, stream: u64, violation: Violation) -> Vec<Event> {
        self.expect_given_up(stream, violation);
        let malformed = violation.malformed().expect("a message is malformed");
        let mut events = self.events();
        assert_eq!(
            events.pop(),
            Some(Event::Exchange(id(stream), exchange::Event::Failed(malformed))),
            "after {events:?}"
        );
        events
    }

    /// A request was refused for exactly this breach before the application heard of it.
    #[track_caller]
    pub(super) fn expect_refused(&mut self, stream: u64, violation: Violation) {
        self.expect_given_up(stream, violation);
        let events = self.events();
        let about: Vec<&Event> = events.iter().filter(|event| is_about(event, id(stream))).collect();
        assert_eq!(about, [&Event::Refused { id: id(stream), violation }], "{events:?}");
    }

    /// Reads content until there is no more for now.
    pub(super) fn read_all(&mut self, stream: u64) -> (Vec<u8>, crate::Body) {
        let mut all = Vec::new();
        loop {
            match self.connection.read_body(&mut self.transport, id(stream), 1000) {
                crate::Body::Data(bytes) => all.extend_from_slice(&bytes),
                other => return (all, other),
            }
        }
    }
}

fn is_about(event: &Event, stream: StreamId) -> bool {
    matches!(event, Event::Exchange(id, _) | Event::Refused { id, .. } if *id == stream)
}

/// A frame.
pub(super) fn frame(frame_type: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::frame::push_header(&mut out, VarInt::from_u32(frame_type), payload.len());
    out.extend_from_slice(payload);
    out
}

/// A HEADERS frame of lines that need not be well-formed.
pub(super) fn headers(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut section = Vec::new();
    qpack::encode(lines.iter().copied(), &mut section);
    frame(1, &section)
}

pub(super) const GET: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

pub(super) const POST: [(&str, &str); 4] =
    [(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

/// A head with more lines.
pub(super) fn with<'a>(head: &[(&'a str, &'a str)], more: &[(&'a str, &'a str)]) -> Vec<u8> {
    headers(&[head, more].concat())
}
