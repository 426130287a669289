//! A peer whose QUIC is honest and whose HTTP/3 is drawn from a seed: streams of any type, frames of any type and length,
//! field sections good and bad, ends, resets and stops at any moment, reading or not.

use base::writer::push_varint;
use base::{
    Bytes, Datagram, Direction, Duration, FourTuple, Instant, Machine, Random, Side, StreamId, Transmit, VarInt,
};
use quic::Read;
use quic::{CloseReason, Config, ConnectionHandle, Endpoint, EndpointConfig, Event, StreamEvent};
use sim::SeededRandom;
use std::sync::Arc;

/// How often it says something.
const MAX_TICKS: u32 = 150;

pub(crate) struct Talker {
    endpoint: Endpoint,
    random: SeededRandom,
    handle: Option<ConnectionHandle>,
    side: Side,
    /// Streams it can write to.
    writable: Vec<StreamId>,
    /// Streams it can read from.
    readable: Vec<StreamId>,
    /// How often it reads.
    reads: f64,
    /// How often what it says is in order.
    good: f64,
    /// How much it says at a time.
    haste: u64,
    next_tick: Option<Instant>,
    ticks_left: u32,
    is_established: bool,
    pub(crate) closed: Option<CloseReason>,
}

impl Talker {
    pub(crate) fn client(mut random: SeededRandom, tls: Arc<tls::ClientConfig>, path: FourTuple) -> Talker {
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(Config::default()), None);
        let mut endpoint = Endpoint::new(Instant::ZERO, config, Box::new(random.fork()));
        let handle = endpoint.connect(Instant::ZERO, tls, adversary::identity::server_name(), path).unwrap();
        Talker { handle: Some(handle), ..Talker::new(endpoint, Side::Client, random) }
    }

    pub(crate) fn server(mut random: SeededRandom, tls: Arc<tls::ServerConfig>) -> Talker {
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(Config::default()), Some(tls));
        let endpoint = Endpoint::new(Instant::ZERO, config, Box::new(random.fork()));
        Talker::new(endpoint, Side::Server, random)
    }

    fn new(endpoint: Endpoint, side: Side, mut random: SeededRandom) -> Talker {
        let reads = [0.0, 0.1, 1.0][random.below(3) as usize];
        let good = [0.3, 0.8, 0.97, 1.0][random.below(4) as usize];
        Talker {
            endpoint,
            handle: None,
            side,
            writable: Vec::new(),
            readable: Vec::new(),
            reads,
            good,
            haste: [3, 10, 60][random.below(3) as usize],
            next_tick: None,
            ticks_left: 10 + random.below(u64::from(MAX_TICKS)) as u32,
            is_established: false,
            closed: None,
            random,
        }
    }

    /// Whether it has said all it had to say, or cannot go on.
    pub(crate) fn is_done(&self) -> bool {
        self.closed.is_some() || (self.is_established && self.ticks_left == 0)
    }

    /// It goes away.
    pub(crate) fn fall_silent(&mut self, now: Instant) {
        self.ticks_left = 0;
        self.next_tick = None;
        if let Some(connection) = self.handle.and_then(|handle| self.endpoint.connection_mut(handle)) {
            connection.close(now, VarInt::from_u32(0x100), b"");
        }
    }

    fn run(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            let quic::EndpointEvent::Ready(handle) = event else { continue };
            self.handle = Some(handle);
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(quic::Connection::poll_event) {
                self.on_event(now, event);
            }
        }
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Established => {
                self.is_established = true;
                self.begin();
                self.next_tick = Some(now);
            }
            Event::Closed(reason) => self.closed = Some(reason),
            Event::Stream(StreamEvent::Opened(id), _) => {
                self.readable.push(id);
                if id.direction() == Direction::Bidirectional {
                    self.writable.push(id);
                }
            }
            Event::Stream(StreamEvent::Readable(id), _) if self.random.chance(self.reads) => self.read(id),
            Event::CanSend
            | Event::Confirmed
            | Event::Datagram(_)
            | Event::Flushed
            | Event::Migrated(_)
            | Event::MigrationFailed(_)
            | Event::PeerMoved(_)
            | Event::PreferredAddressFailed(_)
            | Event::Stream(..) => {}
        }
    }

    /// The streams that every connection begins with, in most runs.
    fn begin(&mut self) {
        for first in [&[0x00, 0x04, 0x00][..], &[0x02], &[0x03]] {
            if self.random.chance(0.9)
                && let Some(id) = self.open(Direction::Unidirectional)
            {
                self.write(id, first);
            }
        }
    }

    fn connection(&mut self) -> Option<&mut quic::Connection> {
        self.endpoint.connection_mut(self.handle?)
    }

    fn open(&mut self, direction: Direction) -> Option<StreamId> {
        let id = self.connection()?.open(direction)?;
        self.writable.push(id);
        if direction == Direction::Bidirectional {
            self.readable.push(id);
        }
        Some(id)
    }

    fn write(&mut self, id: StreamId, bytes: &[u8]) {
        let mut bytes = Bytes::copy_from_slice(bytes);
        if let Some(connection) = self.connection() {
            // What does not fit is not said.
            let _ = connection.write(id, &mut bytes);
        }
    }

    fn read(&mut self, id: StreamId) {
        while let Some(Ok(Read::Data(_))) = self.connection().map(|connection| connection.read(id, 10_000)) {}
    }

    fn any_of(&mut self, ids: &[StreamId]) -> Option<StreamId> {
        if ids.is_empty() { None } else { Some(ids[self.random.below(ids.len() as u64) as usize]) }
    }

    fn act(&mut self) {
        let writable = self.writable.clone();
        let readable = self.readable.clone();
        let code = VarInt::from_u32(0x100 + self.random.below(20) as u32);
        match self.random.below(20) {
            0..=5 if self.side == Side::Client => self.request(),
            0..=5 => self.respond(),
            6..=9 => {
                let is_good = self.random.chance(self.good);
                let message = self.frame(is_good);
                let is_fit = |id: &StreamId| !is_good || id.direction() == Direction::Bidirectional;
                let fit: Vec<StreamId> = writable.into_iter().filter(is_fit).collect();
                if let Some(id) = self.any_of(&fit) {
                    self.write(id, &message);
                }
            }
            10 if !self.random.chance(self.good) => {
                let mut noise = vec![0; self.random.below(300) as usize];
                self.random.fill(&mut noise);
                if let Some(id) = self.any_of(&writable) {
                    self.write(id, &noise);
                }
            }
            11 if !self.random.chance(self.good) => self.open_anything(),
            12..=13 => {
                if let Some(id) = self.any_of(&writable).filter(|id| self.may_end(*id)) {
                    let _ = self.connection().map(|connection| connection.finish(id));
                }
            }
            14 => {
                if let Some(id) = self.any_of(&writable).filter(|id| self.may_end(*id)) {
                    self.connection().into_iter().for_each(|connection| connection.reset(id, code));
                }
            }
            15 => {
                if let Some(id) = self.any_of(&readable).filter(|id| self.may_end(*id)) {
                    self.connection().into_iter().for_each(|connection| connection.stop_sending(id, code));
                }
            }
            16..=17 => {
                if let Some(id) = self.any_of(&readable) {
                    self.read(id);
                }
            }
            _ => {}
        }
    }

    /// Whether ending this stream is in order, or the rules are to be broken.
    fn may_end(&mut self, id: StreamId) -> bool {
        id.direction() == Direction::Bidirectional || !self.random.chance(self.good)
    }

    /// A unidirectional stream of any type; a client's or server's bidirectional one with nothing on it.
    fn open_anything(&mut self) {
        let direction = if self.random.chance(0.7) { Direction::Unidirectional } else { Direction::Bidirectional };
        let Some(id) = self.open(direction) else { return };
        let stream_type = match self.random.below(3) {
            0 => self.random.below(4),
            1 => 0x21 + 0x1f * self.random.below(1000),
            _ => self.random.next_u64() >> 3,
        };
        let mut bytes = Vec::new();
        push_varint(&mut bytes, VarInt::new(stream_type).unwrap());
        self.write(id, &bytes);
    }

    fn request(&mut self) {
        let Some(id) = self.open(Direction::Bidirectional) else { return };
        let mut section = vec![0, 0, 0xd4, 0xd7, 0xc1, 0x50, 9];
        section.extend(b"localhost");
        self.spoil(&mut section);
        let mut message = Vec::new();
        push_frame(&mut message, 1, &section);
        if self.random.chance(0.5) {
            let content = vec![7; self.random.below(2000) as usize];
            push_frame(&mut message, 0, &content);
        }
        self.cut(&mut message);
        self.write(id, &message);
        if self.random.chance(0.7) {
            let _ = self.connection().map(|connection| connection.finish(id));
        }
    }

    fn respond(&mut self) {
        let readable: Vec<StreamId> =
            self.readable.iter().copied().filter(|id| id.direction() == Direction::Bidirectional).collect();
        let Some(id) = self.any_of(&readable) else { return };
        let mut message = Vec::new();
        for status in [0xd8, 0xd9] {
            if self.random.chance(0.7) {
                let mut section = vec![0, 0, status];
                self.spoil(&mut section);
                push_frame(&mut message, 1, &section);
            }
        }
        let content = vec![7; self.random.below(2000) as usize];
        push_frame(&mut message, 0, &content);
        self.cut(&mut message);
        self.write(id, &message);
    }

    /// Adds lines to a field section, mostly good ones, or breaks it.
    fn spoil(&mut self, section: &mut Vec<u8>) {
        for number in 0..self.random.below(20) as u8 {
            // A literal line with a literal name.
            section.extend([0x22, b'x', b'a' + number, 3, b'y', b'e', b's']);
        }
        if self.random.chance(self.good) {
            return;
        }
        match self.random.below(5) {
            0 => {
                let index = self.random.below(section.len() as u64) as usize;
                section[index] = self.random.next_u64() as u8;
            }
            1 => section.truncate(self.random.below(section.len() as u64) as usize),
            // A large line, and the same static line again and again.
            2 => {
                section.extend([0x22, b'x', b'z', 0x7f, 0x81, 0x9c, 0x01]);
                section.extend(vec![b'v'; 20_096]);
            }
            3 => section.extend(vec![0xc4; self.random.below(40_000) as usize]),
            // Lines of a dynamic table that there is not.
            _ => section.splice(0..2, [0x05, 0x81]).for_each(drop),
        }
    }

    fn cut(&mut self, message: &mut Vec<u8>) {
        if !self.random.chance(self.good) && !message.is_empty() {
            message.truncate(self.random.below(message.len() as u64) as usize);
        }
    }

    /// A frame that may come between others of a message if it `is_good`; else of any type, and its length may be a lie.
    fn frame(&mut self, is_good: bool) -> Vec<u8> {
        let mut payload = vec![0; self.random.below(60) as usize];
        self.random.fill(&mut payload);
        let mut message = Vec::new();
        if is_good {
            // DATA, where a request's head has been said before, or a type that means nothing.
            let is_data = self.side == Side::Client && self.random.chance(0.5);
            let frame_type = if is_data { 0 } else { 0x21 + 0x1f * self.random.below(100) };
            push_frame(&mut message, frame_type, &payload);
            return message;
        }
        let frame_type = match self.random.below(4) {
            0 => self.random.next_u64() >> 2,
            1 => [0xf0700, 0xf0701][self.random.below(2) as usize],
            _ => self.random.below(0x10),
        };
        if self.random.chance(0.5) {
            // One or two small numbers, as settings and identifiers are.
            payload = vec![self.random.below(16) as u8, self.random.below(64) as u8];
            payload.truncate(1 + self.random.below(2) as usize);
        }
        push_frame(&mut message, frame_type, &payload);
        if self.random.chance(0.2) {
            message.clear();
            push_varint(&mut message, VarInt::new(frame_type).unwrap());
            let length = self.random.next_u64() >> (2 + self.random.below(60));
            push_varint(&mut message, VarInt::new(length).unwrap());
            message.extend(payload);
        }
        message
    }
}

fn push_frame(out: &mut Vec<u8>, frame_type: u64, payload: &[u8]) {
    push_varint(out, VarInt::new(frame_type).unwrap());
    push_varint(out, VarInt::new(payload.len() as u64).unwrap());
    out.extend(payload);
}

impl Machine for Talker {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint.receive(now, datagram);
        self.run(now);
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.run(now);
        self.endpoint.transmit(now, buffer)
    }

    fn deadline(&self) -> Option<Instant> {
        [self.endpoint.deadline(), self.next_tick].into_iter().flatten().min()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.endpoint.on_timeout(now);
        self.run(now);
        if self.next_tick.is_some_and(|tick| tick <= now) {
            self.next_tick = None;
            if self.ticks_left > 0 && self.closed.is_none() {
                self.ticks_left -= 1;
                self.next_tick = Some(now + Duration::from_millis(1) + self.random.duration(Duration::from_millis(50)));
                for _ in 0..1 + self.random.below(self.haste) {
                    self.act();
                }
            }
        }
    }
}
