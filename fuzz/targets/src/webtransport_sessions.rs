//! WebTransport sessions on an HTTP/3 connection of either side, with everything that a peer can send and an application can do, in any order:
//! streams ahead of their sessions, capsules in pieces, resets and stops, more than is allowed. What is held stays within the limits, a session
//! that is over is heard of no more, and nothing is left when the connection ends.

use super::input::Input;
use base::writer::push_varint;
use base::{Bytes, Direction, Instant, Side, StreamId, VarInt};
use h3::{Connection, DatagramError, Delivery, Event, Read, Transport, WebTransportSettings, WhenFull, WriteError};
use http::exchange;
use http::{RequestHead, ResponseHead, Status};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use webtransport::{Config, ReadStream, SessionEvent, Sessions, Version};

const MAX_STEPS: usize = 300;
const BOTH: [Direction; 2] = [Direction::Bidirectional, Direction::Unidirectional];

#[derive(Default)]
struct Incoming {
    bytes: VecDeque<u8>,
    received: u64,
    is_finished: bool,
    reset: Option<VarInt>,
    is_unwanted: bool,
}

/// A transport that keeps what arrives, and forgets what is sent.
struct Wire {
    side: Side,
    opened: [u64; 2],
    incoming: BTreeMap<StreamId, Incoming>,
    known: BTreeSet<StreamId>,
    sent: BTreeMap<StreamId, u64>,
    stopped: BTreeMap<StreamId, VarInt>,
    /// How much each stream takes at a time; 0 is everything.
    room: usize,
    datagrams: VecDeque<Bytes>,
    extended: u64,
}

impl Transport for Wire {
    fn open(&mut self, direction: Direction) -> Option<StreamId> {
        let index = self.opened[direction as usize];
        if index >= 40 {
            return None;
        }
        self.opened[direction as usize] += 1;
        StreamId::new(self.side, direction, index)
    }

    fn read(&mut self, id: StreamId, max: usize) -> Read {
        let Some(incoming) = self.incoming.get_mut(&id).filter(|incoming| !incoming.is_unwanted) else {
            return Read::Blocked;
        };
        if let Some(code) = incoming.reset {
            return Read::Reset(code);
        }
        match incoming.bytes.len().min(max) {
            0 if incoming.is_finished => Read::Finished,
            0 => Read::Blocked,
            count => Read::Data(Bytes::from(incoming.bytes.drain(..count).collect::<Vec<u8>>())),
        }
    }

    fn room(&mut self, id: StreamId, wanted: usize) -> Result<usize, WriteError> {
        match self.stopped.get(&id) {
            Some(code) => Err(WriteError::Stopped(*code)),
            None => Ok(if self.room == 0 { wanted } else { wanted.min(self.room) }),
        }
    }

    fn write(&mut self, id: StreamId, data: &mut Bytes) -> Result<(), WriteError> {
        let count = self.room(id, data.len())?;
        *self.sent.entry(id).or_default() += data.split_to(count).len() as u64;
        Ok(())
    }

    fn finish(&mut self, _id: StreamId) {}

    fn reset(&mut self, _id: StreamId, _code: VarInt) {}

    fn can_reset_at(&self) -> bool {
        true
    }

    fn received(&self, id: StreamId) -> Option<u64> {
        self.incoming.get(&id).map(|incoming| incoming.received)
    }

    fn sent(&self, id: StreamId) -> Option<u64> {
        self.sent.get(&id).copied()
    }

    fn ask_to_stop(&mut self, _id: StreamId, _code: VarInt) {}

    fn stop_sending(&mut self, id: StreamId, _code: VarInt) {
        let incoming = self.incoming.entry(id).or_default();
        incoming.is_unwanted = true;
        incoming.bytes.clear();
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

    fn send_datagram(&mut self, _: [&[u8]; 2], _: WhenFull) -> Result<(), DatagramError> {
        if self.room == 0 { Ok(()) } else { Err(DatagramError::Full) }
    }

    fn take_datagrams(&mut self, take: &mut dyn FnMut(&[u8]) -> bool) {
        while self.datagrams.pop_front().is_some_and(|datagram| take(&datagram)) {}
    }

    fn max_datagram_size(&self) -> Option<usize> {
        Some(1200)
    }

    fn extend_credit(&mut self, more: u64) -> u64 {
        self.extended += more;
        more
    }

    fn receive_window(&self) -> u64 {
        1500 + self.extended
    }

    fn close(&mut self, _code: VarInt, _reason: &'static str) {}
}

struct Play {
    http: Connection,
    sessions: Sessions,
    wire: Wire,
    config: Config,
    /// Whether both ends want limits.
    is_limited: bool,
    /// Requests, with their tokens.
    requests: Vec<(StreamId, String)>,
    over: BTreeSet<StreamId>,
    is_closed: bool,
}

fn config(choice: u8) -> Config {
    match choice >> 1 & 3 {
        0 => Config::default(),
        1 => Config { max_data: 0, max_streams_uni: 0, max_streams_bidi: 0, ..Config::default() },
        _ => Config {
            max_sessions: 2,
            max_streams_uni: 2,
            max_streams_bidi: 2,
            initial_max_data: 300,
            max_data: 1000,
            max_early_streams: 2,
            max_early_data: 100,
        },
    }
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let side = if choice & 1 == 0 { Side::Server } else { Side::Client };
    let config = config(choice);
    let http = h3::Config {
        extended_connect: true,
        datagrams: true,
        webtransport: Some(config.settings()),
        ..h3::Config::default()
    };
    let said = said(choice);
    let wants = |settings: &WebTransportSettings| settings.wants_flow_control();
    let mut play = Play {
        http: if side == Side::Server { Connection::server(http) } else { Connection::client(http) },
        sessions: Sessions::new(side, config.clone()),
        wire: Wire {
            side,
            opened: [0; 2],
            incoming: BTreeMap::new(),
            known: BTreeSet::new(),
            sent: BTreeMap::new(),
            stopped: BTreeMap::new(),
            room: 0,
            datagrams: VecDeque::new(),
            extended: 0,
        },
        is_limited: wants(&said) && wants(&config.settings()),
        config,
        requests: Vec::new(),
        over: BTreeSet::new(),
        is_closed: false,
    };
    play.http.on_connected(&mut play.wire);
    let control = StreamId::new(side.peer(), Direction::Unidirectional, 0).expect("a stream");
    play.arrive(control, &settings(&said), false);
    play.poll();
    for _ in 0..MAX_STEPS {
        if input.is_empty() || play.is_closed {
            break;
        }
        play.step(&mut input);
        play.poll();
        play.check();
    }
    play.http.on_closed(VarInt::ZERO);
    play.poll();
    assert_eq!(play.sessions.counts(), (0, 0, 0), "nothing is left");
}

/// What the other end says that it takes.
fn said(choice: u8) -> WebTransportSettings {
    let all = Config { max_streams_uni: 3, max_streams_bidi: 3, max_data: 500, ..Config::default() }.settings();
    match choice >> 3 & 3 {
        0 => all,
        1 => WebTransportSettings { enabled: false, max_sessions_13: 0, ..all },
        2 => WebTransportSettings { enabled: false, max_sessions_13: 0, max_sessions_7: 0, ..all },
        _ => {
            WebTransportSettings { initial_max_data: 0, initial_max_streams_uni: 0, initial_max_streams_bidi: 0, ..all }
        }
    }
}

/// The control stream's beginning, with SETTINGS that say so.
fn settings(said: &WebTransportSettings) -> Vec<u8> {
    let all = [
        (0x08, 1),
        (0x33, 1),
        (0x2c7c_f000, u64::from(said.enabled)),
        (0x14e9_cd29, said.max_sessions_13),
        (0xc671_706a, said.max_sessions_7),
        (0x2b60_3742, u64::from(said.enabled_2)),
        (0x2b61, said.initial_max_data),
        (0x2b64, said.initial_max_streams_uni),
        (0x2b65, said.initial_max_streams_bidi),
    ];
    let mut payload = Vec::new();
    all.iter().for_each(|(identifier, value)| numbers(&mut payload, &[*identifier, *value]));
    let mut out = Vec::new();
    numbers(&mut out, &[0, 4, payload.len() as u64]);
    out.extend(payload);
    out
}

fn numbers(out: &mut Vec<u8>, values: &[u64]) {
    for value in values {
        push_varint(out, VarInt::new(*value).expect("62 bits"));
    }
}

impl Play {
    fn step(&mut self, input: &mut Input<'_>) {
        let choice = input.u8();
        let (session, id) = (request_of(input), any_stream(input, self.wire.side));
        let (sessions, http, wire) = (&mut self.sessions, &mut self.http, &mut self.wire);
        match choice % 24 {
            0..=2 => self.arrive(id, input.chunk(), choice & 0x80 != 0),
            3..=5 => {
                let bytes = said_of_session(input, wire.side);
                self.arrive(session, &bytes, choice & 0x80 != 0);
            }
            6..=8 => {
                // The beginning of a stream of a session, and something on it.
                let mut bytes = Vec::new();
                let signal = if id.direction() == Direction::Bidirectional { 0x41 } else { 0x54 };
                numbers(&mut bytes, &[signal, session.value()]);
                bytes.extend_from_slice(input.chunk());
                self.arrive(id, &bytes, choice & 0x80 != 0);
            }
            9 => self.reset_by_peer(id, input),
            10 => {
                let code = VarInt::from_u32(u32::from(choice));
                if wire.stopped.insert(id, code).is_none() && id.is_sent_by(wire.side) && wire.exists(id) {
                    http.on_stream_stopped(wire, id, code);
                }
            }
            11 => {
                let mut datagram = Vec::new();
                numbers(&mut datagram, &[session.value() / 4]);
                datagram.extend_from_slice(input.chunk());
                wire.datagrams.push_back(Bytes::from(datagram));
                http.on_datagrams(wire);
            }
            12 => wire.room = usize::from(input.u8()),
            13 => self.begin(session),
            14 => {
                let direction = BOTH[usize::from(choice >> 7)];
                if let Ok(id) = sessions.open(http, wire, session, direction) {
                    let mut bytes = Bytes::copy_from_slice(input.chunk());
                    let _ = sessions.write(http, wire, id, &mut bytes);
                }
            }
            15 => {
                let mut bytes = Bytes::copy_from_slice(input.chunk());
                let _ = sessions.write(http, wire, id, &mut bytes);
            }
            16 => _ = sessions.finish_stream(http, wire, id),
            17 => sessions.reset_stream(http, wire, id, u32::from(choice)),
            18 => match sessions.read(http, wire, id, usize::from(input.u8())) {
                ReadStream::Data(bytes) => assert!(!bytes.is_empty()),
                ReadStream::Finished | ReadStream::Reset(_) | ReadStream::Blocked | ReadStream::Gone => {}
            },
            19 => sessions.stop_stream(http, wire, id, u32::from(choice)),
            20 => BOTH.iter().for_each(|direction| _ = sessions.accept(session, *direction)),
            21 => {
                let (chunk, when_full) = (input.chunk(), WhenFull::DropOldest);
                let mut both = [chunk, &chunk[..chunk.len() / 2]].into_iter().peekable();
                let _ = sessions.send_datagrams(http, wire, session, &mut both, when_full);
                if choice & 0x40 == 0 {
                    let _ = sessions.read_datagram(http, session);
                } else {
                    sessions.take_datagrams(http, session, |_| choice & 0x80 == 0);
                }
            }
            22 => sessions.close(http, wire, session, u32::from(choice), "enough"),
            _ if choice & 0x40 == 0 => sessions.drain(http, wire, session),
            _ if choice & 0x80 == 0 => sessions.abandon_session(http, wire, session),
            _ => sessions.on_refused(http, wire, session),
        }
    }

    /// A client asks for a session; a server takes one that was asked for.
    fn begin(&mut self, id: StreamId) {
        let (sessions, http, wire) = (&mut self.sessions, &mut self.http, &mut self.wire);
        if wire.side == Side::Client {
            let Ok(version) = sessions.may_ask(wire) else { return };
            let head = RequestHead::extended_connect(version.token(), "https://a.example/").expect("a request");
            if let Ok(id) = http.send_request(wire, &head, false) {
                sessions.on_asked(id, version);
            }
            return;
        }
        let Some(place) = self.requests.iter().position(|(of, _)| *of == id) else { return };
        let (id, token) = self.requests.remove(place);
        if let Ok(version) = sessions.may_accept(wire, &token)
            && http.send_response(wire, id, &ResponseHead::new(Status::OK), false).is_ok()
        {
            sessions.accept_session(http, wire, id, version);
        }
    }

    fn open(&mut self, id: StreamId) {
        if id.initiator() != self.wire.side && self.wire.known.insert(id) {
            self.http.on_stream_opened(&mut self.wire, id);
        }
    }

    fn arrive(&mut self, id: StreamId, bytes: &[u8], ends: bool) {
        if !id.is_received_by(self.wire.side) || id.initiator() == self.wire.side && !self.wire.exists(id) {
            return;
        }
        let incoming = self.wire.incoming.entry(id).or_default();
        if incoming.is_finished || incoming.reset.is_some() {
            return;
        }
        incoming.received += bytes.len() as u64;
        incoming.is_finished = ends;
        if incoming.is_unwanted {
            return;
        }
        incoming.bytes.extend(bytes);
        self.open(id);
        self.http.on_stream_readable(&mut self.wire, id);
    }

    fn reset_by_peer(&mut self, id: StreamId, input: &mut Input<'_>) {
        let code = VarInt::new(input.number()).expect("62 bits");
        if !id.is_received_by(self.wire.side) || id.initiator() == self.wire.side && !self.wire.exists(id) {
            return;
        }
        let incoming = self.wire.incoming.entry(id).or_default();
        if incoming.is_finished || incoming.reset.is_some() {
            return;
        }
        incoming.reset = Some(code);
        incoming.bytes.clear();
        // What was sent and never came counts.
        incoming.received += u64::from(input.u8());
        let (size, is_unwanted) = (incoming.received, incoming.is_unwanted);
        self.open(id);
        if !is_unwanted && !self.http.on_data_stream_reset(id, code, size) {
            self.http.on_stream_reset(&mut self.wire, id, code);
        }
    }

    fn poll(&mut self) {
        while let Some(event) = self.http.poll_event() {
            let Play { http, sessions, wire, .. } = self;
            match event {
                Event::Settings(settings) => sessions.on_settings(settings),
                Event::DataStream(id, event) => sessions.on_data_stream(http, wire, id, event),
                Event::StreamsAvailable(direction) => sessions.on_streams_available(direction),
                Event::DatagramsChanged => sessions.on_datagrams_changed(),
                Event::GoAway { .. } => sessions.on_going_away(),
                Event::Closed { .. } => {
                    sessions.on_connection_over();
                    self.is_closed = true;
                }
                Event::Exchange(id, exchange::Event::Request(head)) => {
                    sessions.on_request(http, wire, id, Version::is_request(&head));
                    if let Some(protocol) = head.protocol {
                        self.requests.push((id, protocol.as_str().to_owned()));
                    }
                }
                Event::Exchange(id, exchange::Event::Response(head)) if head.status == Status::OK => {
                    sessions.on_accepted(http, wire, id);
                }
                Event::Exchange(id, event) if sessions.contains(id) => sessions.on_exchange(http, wire, id, &event),
                Event::Exchange(..) | Event::RequestsAvailable | Event::Refused { .. } => {}
            }
        }
        while let Some(event) = self.sessions.poll_event() {
            let webtransport::Event::Session(id, event) = event else { continue };
            let is_over = self.over.contains(&id);
            assert!(!is_over || event == SessionEvent::Settled, "{id:?} is over, and is heard of: {event:?}");
            if matches!(event, SessionEvent::Closed(_)) {
                self.over.insert(id);
            }
        }
    }

    /// No more is held than the limits say.
    fn check(&self) {
        let (_, streams, early) = self.sessions.counts();
        assert!(early <= self.config.max_early_streams, "{early} streams wait");
        if self.is_limited {
            let theirs = self.config.max_streams_bidi.saturating_add(self.config.max_streams_uni);
            // And forty of each kind that this end may open.
            let most = theirs.saturating_mul(self.config.max_sessions as u64) + 80;
            assert!(streams as u64 <= most, "{streams} streams");
        }
        assert!(self.wire.extended <= self.config.max_data.saturating_mul(4).max(self.config.initial_max_data * 16));
    }
}

impl Wire {
    fn exists(&self, id: StreamId) -> bool {
        match id.initiator() == self.side {
            true => id.index() < self.opened[id.direction() as usize],
            false => self.known.contains(&id),
        }
    }
}

fn request_of(input: &mut Input<'_>) -> StreamId {
    let id = StreamId::new(Side::Client, Direction::Bidirectional, u64::from(input.u8() & 3));
    id.expect("a small number")
}

fn any_stream(input: &mut Input<'_>, side: Side) -> StreamId {
    let choice = input.u8();
    let initiator = if choice & 1 == 0 { side.peer() } else { side };
    let index = u64::from(choice >> 2 & 15);
    StreamId::new(initiator, BOTH[usize::from(choice >> 1 & 1)], index).expect("a small number")
}

/// What is said on the stream of a session's request: its head or the answer, or capsules.
fn said_of_session(input: &mut Input<'_>, side: Side) -> Vec<u8> {
    const KINDS: [u64; 8] =
        [0x2843, 0x78ae, 0x190b_4d3d, 0x190b_4d3f, 0x190b_4d40, 0x190b_4d41, 0x190b_4d43, 0x190b_4d3e];
    let mut payload = Vec::new();
    let frame_type = match (input.below(3), side) {
        (0, Side::Server) => {
            let token = input.pick(&["webtransport-h3", "webtransport", "webtransport", "websocket"]);
            let head = RequestHead::extended_connect(token, "https://a.example/").expect("a request");
            qpack::encode(head.lines(), &mut payload);
            1
        }
        (0, Side::Client) => {
            qpack::encode(ResponseHead::new(Status::OK).lines(), &mut payload);
            1
        }
        (1, _) => {
            let kind = input.pick(&KINDS);
            let mut value = Vec::new();
            numbers(&mut value, &[input.number()]);
            value.extend_from_slice(input.chunk());
            http::capsule::push(&mut payload, kind, &value);
            0
        }
        _ => {
            let kind = input.pick(&KINDS);
            let mut value = Vec::new();
            numbers(&mut value, &[input.number()]);
            http::capsule::push(&mut payload, kind, &value);
            0
        }
    };
    let mut out = Vec::new();
    numbers(&mut out, &[frame_type, payload.len() as u64]);
    out.extend_from_slice(&payload);
    out
}
