//! Two ends in memory: HTTP/3 with sessions on a transport made of queues, which counts bytes as QUIC does. A test can say anything
//! in the name of an end.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

use base::{Bytes, Direction, Instant, Side, StreamId, VarInt};
use h3::{DatagramError, Delivery, Read, Transport, WhenFull, WriteError};
use http::{RequestHead, ResponseHead, Status, exchange};
use posthaste_webtransport::{Config, Event, NoSession, ReadStream, SessionEvent, Sessions, Version};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What one end does to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Data(StreamId, Vec<u8>),
    Finish(StreamId),
    Reset(StreamId, u64, u64),
    Stop(StreamId, u64),
    Datagram(Vec<u8>),
    Close(u64, &'static str),
}

#[derive(Default)]
struct Incoming {
    bytes: VecDeque<u8>,
    received: u64,
    is_finished: bool,
    is_unwanted: bool,
}

/// The transport of one end.
pub struct Wire {
    side: Side,
    opened: [u64; 2],
    pub may_open: [u64; 2],
    incoming: BTreeMap<StreamId, Incoming>,
    sent: BTreeMap<StreamId, u64>,
    ended: BTreeSet<StreamId>,
    /// As in QUIC, what has ended can still be reset.
    resets: BTreeSet<StreamId>,
    stopped: BTreeMap<StreamId, VarInt>,
    /// Bytes that streams take; those that are not in here take everything.
    pub room: BTreeMap<u64, usize>,
    pub acts: Vec<Act>,
    /// All that was ever done.
    pub log: Vec<Act>,
    datagrams: VecDeque<Bytes>,
    pub max_datagram: Option<usize>,
    pub knows_reset_at: bool,
    pub closed: Option<(u64, &'static str)>,
    /// What the window of the connection is, by how much it may be extended, and by how much it is.
    pub window: u64,
    pub most_extended: u64,
    pub extended: u64,
    pub extended_streams: [u64; 2],
}

impl Wire {
    fn new(side: Side) -> Wire {
        Wire {
            side,
            opened: [0; 2],
            may_open: [1 << 40; 2],
            incoming: BTreeMap::new(),
            sent: BTreeMap::new(),
            ended: BTreeSet::new(),
            resets: BTreeSet::new(),
            stopped: BTreeMap::new(),
            room: BTreeMap::new(),
            acts: Vec::new(),
            log: Vec::new(),
            datagrams: VecDeque::new(),
            max_datagram: Some(1200),
            knows_reset_at: true,
            closed: None,
            window: 0,
            most_extended: u64::MAX,
            extended: 0,
            extended_streams: [0; 2],
        }
    }

    /// Nothing of what was sent and came is of interest any more.
    pub fn forget(&mut self) {
        self.log.clear();
        self.incoming.clear();
    }

    fn act(&mut self, act: Act) {
        self.log.push(act.clone());
        self.acts.push(act);
    }
}

impl Transport for Wire {
    fn open(&mut self, direction: Direction) -> Option<StreamId> {
        let index = self.opened[direction as usize];
        if index >= self.may_open[direction as usize] {
            return None;
        }
        self.opened[direction as usize] += 1;
        StreamId::new(self.side, direction, index)
    }

    fn read(&mut self, id: StreamId, max: usize) -> Read {
        let incoming = self.incoming.entry(id).or_default();
        let count = incoming.bytes.len().min(max);
        match (count, incoming.is_finished) {
            (0, true) => Read::Finished,
            (0, false) => Read::Blocked,
            _ => Read::Data(Bytes::from(incoming.bytes.drain(..count).collect::<Vec<u8>>())),
        }
    }

    fn room(&mut self, id: StreamId, wanted: usize) -> Result<usize, WriteError> {
        match self.stopped.get(&id) {
            Some(code) => Err(WriteError::Stopped(*code)),
            None => Ok(self.room.get(&id.value()).map_or(wanted, |room| wanted.min(*room))),
        }
    }

    fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<(), WriteError> {
        let room = self.room(id, data.len())?;
        let piece = data.split_to(room);
        if let Some(left) = self.room.get_mut(&id.value()) {
            *left -= piece.len();
        }
        *self.sent.entry(id).or_default() += piece.len() as u64;
        if !piece.is_empty() {
            self.act(Act::Data(id, piece.to_vec()));
        }
        Ok(())
    }

    fn finish(&mut self, id: StreamId) {
        if self.ended.insert(id) {
            self.act(Act::Finish(id));
        }
    }

    fn reset(&mut self, id: StreamId, code: VarInt) {
        if self.resets.insert(id) {
            self.ended.insert(id);
            let size = self.sent.get(&id).copied().unwrap_or(0);
            self.act(Act::Reset(id, code.value(), size));
        }
    }

    fn reset_at(&mut self, id: StreamId, code: VarInt, reliable_size: u64) {
        assert!(reliable_size <= self.sent.get(&id).copied().unwrap_or(0), "what is delivered was written");
        self.reset(id, code);
    }

    fn can_reset_at(&self) -> bool {
        self.knows_reset_at
    }

    fn received(&self, id: StreamId) -> Option<u64> {
        self.incoming.get(&id).map(|incoming| incoming.received)
    }

    fn sent(&self, id: StreamId) -> Option<u64> {
        self.sent.get(&id).copied()
    }

    fn ask_to_stop(&mut self, id: StreamId, code: VarInt) {
        self.act(Act::Stop(id, code.value()));
    }

    fn stop_sending(&mut self, id: StreamId, code: VarInt) {
        let incoming = self.incoming.entry(id).or_default();
        incoming.is_unwanted = true;
        incoming.bytes.clear();
        self.act(Act::Stop(id, code.value()));
    }

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn delivery(&self, _id: StreamId) -> Option<Delivery> {
        None
    }

    fn unacknowledged(&self) -> u64 {
        0
    }

    fn send_datagram(&mut self, parts: [&[u8]; 2], _: WhenFull) -> Result<(), DatagramError> {
        self.act(Act::Datagram(parts.concat()));
        Ok(())
    }

    fn take_datagrams(&mut self, take: &mut dyn FnMut(&[u8]) -> bool) {
        while self.datagrams.pop_front().is_some_and(|datagram| take(&datagram)) {}
    }

    fn max_datagram_size(&self) -> Option<usize> {
        self.max_datagram
    }

    fn extend_credit(&mut self, more: u64) -> u64 {
        let granted = more.min(self.most_extended - self.extended);
        self.extended += granted;
        granted
    }

    fn extend_streams(&mut self, direction: Direction, more: u64) {
        self.extended_streams[direction as usize] += more;
    }

    fn receive_window(&self) -> u64 {
        self.window + self.extended
    }

    fn close(&mut self, code: VarInt, reason: &'static str) {
        self.closed = Some((code.value(), reason));
        self.act(Act::Close(code.value(), reason));
    }
}

/// One end.
pub struct End {
    pub http: h3::Connection,
    pub sessions: Sessions,
    pub wire: Wire,
    side: Side,
    known: BTreeSet<StreamId>,
    pub requests: Vec<(StreamId, RequestHead)>,
    pub responses: Vec<(StreamId, ResponseHead)>,
    pub events: Vec<Event>,
    /// Sessions of which nothing is left.
    pub settled: Vec<StreamId>,
    /// Events of requests that are no sessions.
    pub others: Vec<(StreamId, exchange::Event)>,
}

impl End {
    pub fn new(side: Side, config: Config, http: h3::Config) -> End {
        let http = match side {
            Side::Client => h3::Connection::client(http),
            Side::Server => h3::Connection::server(http),
        };
        End {
            http,
            sessions: Sessions::new(side, config),
            wire: Wire::new(side),
            side,
            known: BTreeSet::new(),
            requests: Vec::new(),
            responses: Vec::new(),
            events: Vec::new(),
            settled: Vec::new(),
            others: Vec::new(),
        }
    }

    /// What HTTP/3 tells goes to the sessions, and what those tell is kept.
    pub fn pump(&mut self) {
        while let Some(event) = self.http.poll_event() {
            let End { http, sessions, wire, .. } = self;
            match event {
                h3::Event::Settings(settings) => sessions.on_settings(settings),
                h3::Event::DataStream(id, event) => sessions.on_data_stream(http, wire, id, event),
                h3::Event::StreamsAvailable(direction) => sessions.on_streams_available(direction),
                h3::Event::DatagramsChanged => sessions.on_datagrams_changed(),
                h3::Event::GoAway { .. } => sessions.on_going_away(),
                h3::Event::Closed { .. } => sessions.on_connection_over(),
                h3::Event::Exchange(id, exchange::Event::Request(head)) => {
                    sessions.on_request(http, wire, id, Version::is_request(&head));
                    self.requests.push((id, *head));
                }
                h3::Event::Exchange(id, exchange::Event::Response(head)) => self.responses.push((id, head)),
                h3::Event::Exchange(id, event) if sessions.contains(id) => sessions.on_exchange(http, wire, id, &event),
                h3::Event::Exchange(id, event) => self.others.push((id, event)),
                h3::Event::RequestsAvailable | h3::Event::Refused { .. } => {}
            }
        }
        while let Some(event) = self.sessions.poll_event() {
            match event {
                Event::Session(id, SessionEvent::Settled) => self.settled.push(id),
                event => self.events.push(event),
            }
        }
    }

    /// Something that the other end did arrives.
    pub fn hear(&mut self, act: &Act) {
        let id = match act {
            Act::Data(id, _) | Act::Finish(id) | Act::Reset(id, ..) => Some(*id),
            Act::Stop(..) | Act::Datagram(_) | Act::Close(..) => None,
        };
        if let Some(id) = id.filter(|id| id.initiator() != self.side && self.known.insert(*id)) {
            self.http.on_stream_opened(&mut self.wire, id);
        }
        match act {
            Act::Data(id, bytes) => {
                let incoming = self.wire.incoming.entry(*id).or_default();
                incoming.received += bytes.len() as u64;
                if !incoming.is_unwanted {
                    incoming.bytes.extend(bytes);
                    self.http.on_stream_readable(&mut self.wire, *id);
                }
            }
            Act::Finish(id) => {
                let incoming = self.wire.incoming.entry(*id).or_default();
                incoming.is_finished = true;
                if !incoming.is_unwanted {
                    self.http.on_stream_readable(&mut self.wire, *id);
                }
            }
            Act::Reset(id, code, size) => {
                let incoming = self.wire.incoming.entry(*id).or_default();
                incoming.received = *size;
                let code = VarInt::new(*code).unwrap();
                // What was to arrive in any case was there before: here nothing is lost.
                if !incoming.is_unwanted && !self.http.on_data_stream_reset(*id, code, *size) {
                    self.http.on_stream_reset(&mut self.wire, *id, code);
                }
            }
            Act::Stop(id, code) => {
                let code = VarInt::new(*code).unwrap();
                self.wire.stopped.insert(*id, code);
                if !self.wire.ended.contains(id) {
                    self.wire.reset(*id, code);
                }
                self.http.on_stream_stopped(&mut self.wire, *id, code);
            }
            Act::Datagram(bytes) => {
                self.wire.datagrams.push_back(Bytes::copy_from_slice(bytes));
                self.http.on_datagrams(&mut self.wire);
            }
            Act::Close(code, _) => self.http.on_closed(VarInt::new(*code).unwrap()),
        }
        self.pump();
    }

    /// Works with the sessions.
    pub fn with<R>(&mut self, call: impl FnOnce(&mut Sessions, &mut h3::Connection, &mut Wire) -> R) -> R {
        let result = call(&mut self.sessions, &mut self.http, &mut self.wire);
        self.pump();
        result
    }

    pub fn open(&mut self, session: StreamId, direction: Direction) -> StreamId {
        self.with(|sessions, http, wire| sessions.open(http, wire, session, direction)).unwrap()
    }

    /// Writes as much as is taken, and gives what is left.
    pub fn write(&mut self, id: StreamId, data: &[u8]) -> usize {
        let mut bytes = Bytes::copy_from_slice(data);
        self.with(|sessions, http, wire| sessions.write(http, wire, id, &mut bytes)).unwrap();
        bytes.len()
    }

    pub fn finish(&mut self, id: StreamId) {
        self.with(|sessions, http, wire| sessions.finish_stream(http, wire, id)).unwrap();
    }

    pub fn reset(&mut self, id: StreamId, code: u32) {
        self.with(|sessions, http, wire| sessions.reset_stream(http, wire, id, code));
    }

    pub fn stop(&mut self, id: StreamId, code: u32) {
        self.with(|sessions, http, wire| sessions.stop_stream(http, wire, id, code));
    }

    /// Reads all that there is, and how that ends.
    pub fn read(&mut self, id: StreamId) -> (Vec<u8>, ReadStream) {
        let mut all = Vec::new();
        loop {
            match self.with(|sessions, http, wire| sessions.read(http, wire, id, 1000)) {
                ReadStream::Data(bytes) => all.extend_from_slice(&bytes),
                end => return (all, end),
            }
        }
    }

    pub fn accept(&mut self, session: StreamId, direction: Direction) -> Option<StreamId> {
        self.sessions.accept(session, direction)
    }

    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    pub fn close(&mut self, session: StreamId, code: u32, reason: &str) {
        self.with(|sessions, http, wire| sessions.close(http, wire, session, code, reason));
    }

    /// A server answers a request for a session with 200.
    pub fn accept_session(&mut self, id: StreamId) -> Result<Version, NoSession> {
        let token = self.requests.iter().find(|(of, _)| *of == id).unwrap().1.protocol.clone().unwrap();
        let version = self.sessions.may_accept(&self.wire, token.as_str())?;
        self.with(|sessions, http, wire| {
            http.send_response(wire, id, &ResponseHead::new(Status::OK), false).unwrap();
            sessions.accept_session(http, wire, id, version);
        });
        Ok(version)
    }

    /// A client asks for a session.
    pub fn ask(&mut self) -> Result<StreamId, NoSession> {
        let version = self.sessions.may_ask(&self.wire)?;
        let mut head = RequestHead::extended_connect(version.token(), "https://a.example/wt").unwrap();
        version.on_request(&mut head.fields);
        let id = self.with(|sessions, http, wire| {
            let id = http.send_request(wire, &head, false).unwrap();
            sessions.on_asked(id, version);
            id
        });
        Ok(id)
    }
}

/// Both ends.
pub struct Pair {
    pub client: End,
    pub server: End,
}

/// What HTTP/3 is told for sessions of these limits.
pub fn http(config: &Config) -> h3::Config {
    h3::Config {
        extended_connect: true,
        datagrams: true,
        webtransport: Some(config.settings()),
        ..h3::Config::default()
    }
}

impl Pair {
    pub fn new(config: &Config) -> Pair {
        Pair::with_http(config, http(config), http(config))
    }

    pub fn with_http(config: &Config, client: h3::Config, server: h3::Config) -> Pair {
        let client = End::new(Side::Client, config.clone(), client);
        let server = End::new(Side::Server, config.clone(), server);
        let mut pair = Pair { client, server };
        pair.client.http.on_connected(&mut pair.client.wire);
        pair.server.http.on_connected(&mut pair.server.wire);
        pair.run();
        pair
    }

    /// Carries everything there and back until nothing is left.
    pub fn run(&mut self) {
        loop {
            let is_any = carry(&mut self.client, &mut self.server) | carry(&mut self.server, &mut self.client);
            if !is_any {
                return;
            }
        }
    }

    /// One more session that is used.
    pub fn session(&mut self) -> StreamId {
        let id = self.client.ask().unwrap();
        self.run();
        self.server.accept_session(id).unwrap();
        self.run();
        self.client.with(|sessions, http, wire| sessions.on_accepted(http, wire, id));
        self.run();
        id
    }

    /// Both ends, the one that does something first.
    pub fn ends(&mut self, side: Side) -> (&mut End, &mut End) {
        match side {
            Side::Client => (&mut self.client, &mut self.server),
            Side::Server => (&mut self.server, &mut self.client),
        }
    }
}

fn carry(from: &mut End, to: &mut End) -> bool {
    let acts = std::mem::take(&mut from.wire.acts);
    for act in &acts {
        to.hear(act);
        if let Act::Finish(id) = act {
            from.http.on_stream_delivered(*id);
            from.pump();
        }
    }
    !acts.is_empty()
}
