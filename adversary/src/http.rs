//! The same for HTTP/3: a connection under test on a transport made of queues, and a script that says what arrives on it.
//!
//! The transport holds the connection to the rules: nothing is written to a stream that was not opened or has ended, and
//! the connection is closed once.

use base::{Bytes, Direction, Instant, Side, StreamId, VarInt};
use h3::{Body, Connection, Delivery, Event, Read, Transport, Violation, WriteError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a connection asked for, in order; writes to one stream that follow each other are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A stream was opened.
    Open(u64),
    /// Bytes were written to a stream.
    Write(u64, Vec<u8>),
    /// A stream was ended.
    Finish(u64),
    /// A stream was given up, with this code.
    Reset(u64, u64),
    /// The peer was asked to stop, with this code.
    StopSending(u64, u64),
    /// The connection was closed, with this code.
    Close(u64),
}

#[derive(Default)]
struct Incoming {
    bytes: VecDeque<Bytes>,
    is_finished: bool,
    reset: Option<VarInt>,
}

/// The transport.
pub struct Recorder {
    /// Of the connection on it.
    pub side: Side,
    /// What was asked for.
    pub commands: Vec<Command>,
    /// Streams that may still be opened, by direction.
    pub may_open: [u64; 2],
    opened: [u64; 2],
    incoming: BTreeMap<StreamId, Incoming>,
    /// Streams the peer opened.
    pub known: BTreeSet<StreamId>,
    /// Bytes that fit, where a limit was set.
    pub room: BTreeMap<StreamId, usize>,
    /// Streams the peer does not read any more, and why.
    pub stopped: BTreeMap<StreamId, VarInt>,
    /// The present.
    pub now: Instant,
    ended: BTreeSet<StreamId>,
    is_closed: bool,
}

impl Recorder {
    /// For a connection of this side.
    pub fn new(side: Side) -> Recorder {
        Recorder {
            side,
            commands: Vec::new(),
            may_open: [1 << 40; 2],
            opened: [0; 2],
            incoming: BTreeMap::new(),
            known: BTreeSet::new(),
            room: BTreeMap::new(),
            stopped: BTreeMap::new(),
            now: Instant::ZERO,
            ended: BTreeSet::new(),
            is_closed: false,
        }
    }

    /// Whether the peer can send on this stream, so that it makes sense to feed it.
    pub fn takes(&self, id: StreamId) -> bool {
        let exists = id.initiator() != self.side || id.index() < self.opened[id.direction() as usize];
        exists && id.is_received_by(self.side)
    }

    /// Bytes arrive.
    pub fn feed(&mut self, id: StreamId, bytes: &[u8]) {
        let incoming = self.incoming.entry(id).or_default();
        if !bytes.is_empty() && !incoming.is_finished {
            incoming.bytes.push_back(Bytes::copy_from_slice(bytes));
        }
    }

    /// The end of a stream arrives.
    pub fn end(&mut self, id: StreamId) {
        self.incoming.entry(id).or_default().is_finished = true;
    }

    /// The peer gives a stream up.
    pub fn reset_by_peer(&mut self, id: StreamId, code: VarInt) {
        let incoming = self.incoming.entry(id).or_default();
        incoming.bytes.clear();
        incoming.reset = Some(code);
    }

    /// Whether the peer may still say something on the stream.
    pub fn is_open(&self, id: StreamId) -> bool {
        self.incoming.get(&id).is_none_or(|incoming| !incoming.is_finished && incoming.reset.is_none())
    }

    /// Forgets a stream that is over, so that a long script does not fill the heap.
    pub fn forget(&mut self, id: StreamId) {
        self.incoming.remove(&id);
        self.known.remove(&id);
        self.stopped.remove(&id);
        self.ended.remove(&id);
    }

    fn check_own(&self, id: StreamId) {
        assert!(!self.is_closed, "nothing is said after the close");
        let exists = match id.initiator() == self.side {
            true => id.index() < self.opened[id.direction() as usize],
            false => self.known.contains(&id),
        };
        assert!(exists && id.is_sent_by(self.side), "{id:?} cannot be sent on");
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
        self.commands.push(Command::Open(id.value()));
        Some(id)
    }

    fn read(&mut self, id: StreamId, max: usize) -> Read {
        assert!(max > 0);
        let Some(incoming) = self.incoming.get_mut(&id) else { return Read::Blocked };
        if let Some(code) = incoming.reset {
            return Read::Reset(code);
        }
        match incoming.bytes.front_mut() {
            Some(front) => {
                let piece = front.split_to(max);
                if front.is_empty() {
                    incoming.bytes.pop_front();
                }
                Read::Data(piece)
            }
            None if incoming.is_finished => Read::Finished,
            None => Read::Blocked,
        }
    }

    fn room(&mut self, id: StreamId, wanted: usize) -> Result<usize, WriteError> {
        self.check_own(id);
        match self.stopped.get(&id) {
            Some(code) => Err(WriteError::Stopped(*code)),
            None => Ok(self.room.get(&id).map_or(wanted, |room| wanted.min(*room))),
        }
    }

    fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<(), WriteError> {
        self.check_own(id);
        assert!(!self.ended.contains(&id), "{id:?} has ended");
        if let Some(code) = self.stopped.get(&id) {
            return Err(WriteError::Stopped(*code));
        }
        let piece = match self.room.get_mut(&id) {
            Some(room) => {
                let piece = data.split_to(*room);
                *room -= piece.len();
                piece
            }
            None => core::mem::take(data),
        };
        match self.commands.last_mut() {
            _ if piece.is_empty() => {}
            Some(Command::Write(last, bytes)) if *last == id.value() => bytes.extend_from_slice(&piece),
            _ => self.commands.push(Command::Write(id.value(), piece.to_vec())),
        }
        Ok(())
    }

    fn finish(&mut self, id: StreamId) {
        self.check_own(id);
        self.ended.insert(id);
        self.commands.push(Command::Finish(id.value()));
    }

    fn reset(&mut self, id: StreamId, code: VarInt) {
        self.check_own(id);
        self.ended.insert(id);
        self.commands.push(Command::Reset(id.value(), code.value()));
    }

    fn ask_to_stop(&mut self, id: StreamId, code: VarInt) {
        self.stop_sending(id, code);
    }

    fn stop_sending(&mut self, id: StreamId, code: VarInt) {
        assert!(!self.is_closed, "nothing is said after the close");
        self.commands.push(Command::StopSending(id.value(), code.value()));
    }

    fn now(&self) -> Instant {
        self.now
    }

    /// All that is written arrives.
    fn delivery(&self, _id: StreamId) -> Option<Delivery> {
        None
    }

    fn unacknowledged(&self) -> u64 {
        0
    }

    fn close(&mut self, code: VarInt, _reason: &'static str) {
        assert!(!core::mem::replace(&mut self.is_closed, true), "closed twice");
        self.commands.push(Command::Close(code.value()));
    }
}

/// A connection under test and its transport.
pub struct Script {
    /// The connection.
    pub connection: Connection,
    /// What it is on.
    pub transport: Recorder,
}

impl Script {
    /// Nothing has happened yet.
    pub fn new(side: Side, config: h3::Config) -> Script {
        let connection = match side {
            Side::Client => Connection::client(config),
            Side::Server => Connection::server(config),
        };
        Script { connection, transport: Recorder::new(side) }
    }

    /// Connected, with an empty SETTINGS frame from the peer; the commands and events of that are dropped.
    pub fn started(side: Side) -> Script {
        Script::started_with(side, h3::Config::default())
    }

    /// The same, with a choice.
    pub fn started_with(side: Side, config: h3::Config) -> Script {
        let mut script = Script::connected(side, config);
        script.feed(script.control(), &[0, 4, 0]);
        script.events();
        script
    }

    /// Connected, and the peer has said nothing.
    pub fn connected(side: Side, config: h3::Config) -> Script {
        let mut script = Script::new(side, config);
        script.connection.on_connected(&mut script.transport);
        script.transport.commands.clear();
        script
    }

    /// The peer's first unidirectional stream.
    pub fn control(&self) -> u64 {
        if self.transport.side == Side::Server { 2 } else { 3 }
    }

    fn open(&mut self, stream: u64) -> StreamId {
        let id = id(stream);
        if id.initiator() != self.transport.side && self.transport.known.insert(id) {
            self.connection.on_stream_opened(&mut self.transport, id);
        }
        id
    }

    /// Bytes arrive.
    pub fn feed(&mut self, stream: u64, bytes: &[u8]) {
        let id = self.open(stream);
        self.transport.feed(id, bytes);
        self.connection.on_stream_readable(&mut self.transport, id);
    }

    /// Bytes arrive one at a time.
    pub fn drip(&mut self, stream: u64, bytes: &[u8]) {
        for byte in bytes {
            self.feed(stream, &[*byte]);
        }
    }

    /// The end of a stream arrives.
    pub fn end(&mut self, stream: u64) {
        self.feed_and_end(stream, &[]);
    }

    /// Bytes and the end arrive together.
    pub fn feed_and_end(&mut self, stream: u64, bytes: &[u8]) {
        let id = self.open(stream);
        self.transport.feed(id, bytes);
        self.transport.end(id);
        self.connection.on_stream_readable(&mut self.transport, id);
    }

    /// The peer gives a stream up.
    pub fn reset(&mut self, stream: u64, code: u64) {
        let id = self.open(stream);
        self.transport.reset_by_peer(id, varint(code));
        self.connection.on_stream_reset(&mut self.transport, id, varint(code));
    }

    /// The peer does not read a stream any more.
    pub fn stop(&mut self, stream: u64, code: u64) {
        let id = self.open(stream);
        self.transport.stopped.insert(id, varint(code));
        self.connection.on_stream_stopped(&mut self.transport, id, varint(code));
    }

    /// All events so far.
    pub fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    /// Reads content until there is no more for now.
    pub fn read_all(&mut self, stream: u64) -> (Vec<u8>, Body) {
        let mut all = Vec::new();
        loop {
            match self.connection.read_body(&mut self.transport, id(stream), 1000) {
                Body::Data(bytes) => all.extend_from_slice(&bytes),
                other => return (all, other),
            }
        }
    }

    /// What the connection was closed for, after checking that the peer was told the same code, and last; takes the
    /// events.
    #[track_caller]
    pub fn violation(&mut self) -> Option<Violation> {
        let events = self.events();
        let Some(Event::Closed { code, violation }) = events.last() else { return None };
        let told = self.transport.commands.last();
        assert_eq!(told, Some(&Command::Close(code.value())), "{violation:?}");
        assert_eq!(violation.map(Violation::code), Some(*code));
        *violation
    }

    /// Forgets what was asked for so far.
    pub fn forget(&mut self) {
        self.transport.commands.clear();
    }
}

/// A stream by its number.
pub fn id(value: u64) -> StreamId {
    StreamId::from_varint(varint(value))
}

fn varint(value: u64) -> VarInt {
    VarInt::new(value).expect("62 bits")
}

/// A frame of HTTP/3.
pub fn frame(frame_type: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    crate::push(&mut out, frame_type);
    crate::push(&mut out, payload.len() as u64);
    out.extend_from_slice(payload);
    out
}

/// A HEADERS frame of lines that need not be well-formed.
pub fn headers<N: AsRef<[u8]>, V: AsRef<[u8]>>(lines: impl IntoIterator<Item = (N, V)>) -> Vec<u8> {
    let mut section = Vec::new();
    qpack::encode(lines, &mut section);
    frame(1, &section)
}

/// A line of a field section.
pub type Line<'a> = (&'a str, &'a str);

/// A request without content.
pub const GET: [Line<'_>; 4] = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

/// A request with content.
pub const POST: [Line<'_>; 4] =
    [(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

/// A head with more lines.
pub fn with(head: &[Line<'_>], more: &[Line<'_>]) -> Vec<u8> {
    headers([head, more].concat())
}
