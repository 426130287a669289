//! A rogue: a well-behaved endpoint inside a wrapper that breaks the rules.
//!
//! The inner endpoint is a real one, with a real application, so transfers go on and complete if they can. All that it
//! sends is opened with its own keys, changed as the [`Habit`]s of the rogue have it, and sealed again under packet
//! numbers of the rogue's; all that its target sends is opened, read, and translated back. So every frame that the
//! target sees is authentic, and both run on a [`sim::World`] beside endpoints that keep the rules.

mod draft;
mod habit;
mod knowledge;
mod line;
mod nonsense;
mod secrets;

pub use draft::{Draft, Ids, split};
pub use habit::Habit;
pub use knowledge::{Knowledge, Sent};
pub use secrets::SecretLog;

use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Reader, Side, Transmit};
use line::Line;
use quic::wire::frame::{Frame, PacketKind};
use quic::wire::header::Header;
use sim::SeededRandom;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// Bytes of all connection IDs here.
const ID_LEN: usize = 8;

/// Changes one packet, given its number among those the rogue's endpoint sent.
type Change = Box<dyn FnMut(u64, &mut Draft)>;

/// An endpoint with one connection, and what stands between it and its target.
pub struct Rogue<M> {
    /// The endpoint that means well.
    pub inner: M,
    /// What the rogue has learned of the connection.
    pub knowledge: Knowledge,
    /// Packets it sent beyond those of its endpoint, by all habits.
    pub extra_packets: u64,
    /// The CONNECTION_CLOSE frames of the target: the code, and the frame type of those of type 0x1c.
    pub closes: Vec<(u64, Option<u64>)>,
    /// Addresses it has beside that of its endpoint, for those that wander.
    pub others: Vec<SocketAddr>,
    /// How often it chose another of them.
    pub moves: u64,
    /// Datagrams as they left, if they are kept.
    pub captured: Option<Vec<Vec<u8>>>,
    side: Side,
    secrets: Arc<SecretLog>,
    lines: [Option<Line>; 3],
    habits: Vec<Habit>,
    change: Option<Change>,
    random: SeededRandom,
    four_tuple: Option<FourTuple>,
    /// Which of the other addresses it sends from.
    is_at: Option<SocketAddr>,
    outbox: VecDeque<Vec<u8>>,
    /// Packets of its endpoint so far.
    packets: u64,
    /// When it acts without its endpoint.
    next_tick: Option<Instant>,
    ticks_left: u32,
    is_silent: bool,
    buffer: Vec<u8>,
}

impl<M: Machine> Rogue<M> {
    /// `inner` is an endpoint of this side with at most one connection, whose TLS configuration logs its secrets to
    /// `secrets`.
    pub fn new(
        inner: M,
        side: Side,
        secrets: Arc<SecretLog>,
        habits: Vec<Habit>,
        mut random: SeededRandom,
    ) -> Rogue<M> {
        let ticks_left = random.below(60) as u32;
        Rogue {
            inner,
            knowledge: Knowledge::new(side),
            extra_packets: 0,
            closes: Vec::new(),
            others: Vec::new(),
            moves: 0,
            captured: None,
            side,
            secrets,
            lines: [None, None, None],
            habits,
            change: None,
            random,
            four_tuple: None,
            is_at: None,
            outbox: VecDeque::new(),
            packets: 0,
            next_tick: Some(Instant::ZERO),
            ticks_left,
            is_silent: false,
            buffer: vec![0; 65_536],
        }
    }

    /// Has each packet of the endpoint changed by `change`, before any habit.
    pub fn change_packets(&mut self, change: impl FnMut(u64, &mut Draft) + 'static) {
        self.change = Some(Box::new(change));
    }

    /// From now on it neither sends nor hears anything.
    pub fn fall_silent(&mut self) {
        self.is_silent = true;
        self.outbox.clear();
    }

    /// Packets its endpoint sent so far.
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    fn learn_keys(&mut self) {
        for (space, local, remote) in self.secrets.take(self.side) {
            self.lines[space as usize].get_or_insert_with(|| Line::of_secrets(&local, &remote));
        }
    }

    /// RFC 9001 section 5.2: the first keys come from the ID that the client's first packet goes to.
    fn learn_initial_keys(&mut self, datagram: &[u8]) {
        if self.lines[0].is_none()
            && let Ok(Header::Initial(long)) = Header::decode_greased(datagram, ID_LEN)
        {
            self.lines[0] = Some(Line::initial(long.destination, self.side));
        }
    }

    /// A datagram of the target: opened, read, and given to the endpoint as if nothing had been changed.
    fn take(&mut self, datagram: &[u8]) -> Vec<u8> {
        self.learn_initial_keys(datagram);
        let mut translated = Vec::new();
        let mut rest = datagram.to_vec();
        let mut rest = &mut rest[..];
        while let Some((kind, _, offset, end)) = parts(rest) {
            let (packet, after) = rest.split_at_mut(end);
            match self.take_packet(kind, packet, offset) {
                Some(packet) => translated.extend(packet),
                // What the rogue cannot open its endpoint may know what to do with: a stateless reset.
                None => translated.extend(packet.iter()),
            }
            rest = after;
        }
        translated.extend(rest.iter());
        translated
    }

    fn take_packet(&mut self, kind: PacketKind, packet: &[u8], offset: usize) -> Option<Vec<u8>> {
        let line = self.lines[crate::space_of(kind) as usize].as_mut()?;
        let (number, payload) = line.open_from_target(packet, offset)?;
        let mut frames = Vec::new();
        let mut reader = Reader::new(&payload);
        while !reader.is_empty() {
            let frame = Frame::decode(&mut reader).expect("the target writes frames well");
            assert!(frame.is_allowed_in(kind), "{frame:?} in {kind:?}");
            self.knowledge.on_frame_of_target(kind, &frame);
            match frame {
                Frame::Ack(ack) => frames.extend(line.translate(&ack)),
                Frame::ConnectionClose { error_code, frame_type, .. } => {
                    self.closes.push((error_code.value(), Some(frame_type)));
                    frames.extend(crate::encode(&frame));
                }
                Frame::ApplicationClose { error_code, .. } => {
                    self.closes.push((error_code.value(), None));
                    frames.extend(crate::encode(&frame));
                }
                _ if self.knowledge.is_strange_to_endpoint(&frame) => {}
                _ => frames.extend(crate::encode(&frame)),
            }
        }
        if frames.is_empty() {
            // What is left still has to be received.
            frames.push(0x00);
        }
        self.knowledge.on_packet_of_target(kind, number.value());
        Some(line.seal_to_inner(kind, packet, &frames, number))
    }

    /// What the endpoint wants to send, changed.
    fn pull(&mut self, now: Instant) {
        let mut buffer = std::mem::take(&mut self.buffer);
        while let Some(transmit) = self.inner.transmit(now, &mut buffer) {
            self.learn_keys();
            self.four_tuple = Some(transmit.four_tuple);
            for datagram in buffer[..transmit.len].chunks(transmit.segment_size) {
                self.learn_initial_keys(datagram);
                self.resend(now, datagram);
            }
        }
        self.buffer = buffer;
        self.learn_keys();
    }

    fn resend(&mut self, now: Instant, datagram: &[u8]) {
        let (mut out, mut extra) = (Vec::new(), Vec::new());
        let mut rest = datagram.to_vec();
        let mut rest = &mut rest[..];
        let is_full = datagram.len() >= 1200;
        while let Some((kind, ids, offset, end)) = parts(rest) {
            let (packet, after) = rest.split_at_mut(end);
            rest = after;
            let Some(line) = self.lines[crate::space_of(kind) as usize].as_mut() else {
                out.extend(packet.iter());
                continue;
            };
            let Some((number, payload)) = line.open_from_inner(packet, offset) else {
                out.extend(packet.iter());
                continue;
            };
            let mut draft = Draft::new(kind, ids, &payload);
            self.knowledge.on_packet_of_endpoint(&draft);
            if let Some(change) = &mut self.change {
                change(self.packets, &mut draft);
            }
            self.packets += 1;
            for habit in &self.habits {
                habit.spoil(now, &mut draft, &self.knowledge, &mut self.random);
            }
            out.extend(line.seal_to_target(&draft, Some(number)));
            extra.append(&mut draft.extra);
        }
        if is_full && out.len() < 1200 && out.first().is_some_and(|first| first & 0xf0 == 0xc0) {
            // RFC 9000 s14.1: what was cut is filled up, so that the datagram is looked at.
            out.resize(1200, 0);
        }
        self.post(now, out);
        for draft in extra {
            self.post_extra(now, draft);
        }
    }

    fn post_extra(&mut self, now: Instant, mut draft: Draft) {
        let ids = if draft.kind == PacketKind::OneRtt { self.knowledge.ids } else { self.knowledge.long_ids };
        draft.ids = ids.unwrap_or(draft.ids);
        let Some(line) = self.lines[crate::space_of(draft.kind) as usize].as_mut() else { return };
        self.extra_packets += 1;
        let mut packet = line.seal_to_target(&draft, None);
        if draft.kind == PacketKind::Initial {
            packet.resize(packet.len().max(1200), 0);
        }
        self.post(now, packet);
    }

    fn post(&mut self, now: Instant, datagram: Vec<u8>) {
        if let Some(captured) = &mut self.captured {
            captured.push(datagram.clone());
        }
        let mut datagrams = vec![datagram];
        for habit in &self.habits {
            habit.spoil_datagrams(now, &mut datagrams, &mut self.knowledge, &mut self.random);
        }
        self.outbox.extend(datagrams);
    }

    /// The addresses of the next datagram. They may change when the handshake is behind it (RFC 9000 section 9).
    fn next_four_tuple(&mut self) -> Option<FourTuple> {
        let four_tuple = self.four_tuple?;
        let (is_confirmed, random) = (self.knowledge.is_confirmed, &mut self.random);
        let changes = |habit: &Habit| match habit {
            Habit::Wanders(often) => is_confirmed && random.chance(*often),
            Habit::Strays(often) => random.chance(*often),
            _ => false,
        };
        if !self.others.is_empty() && self.habits.iter().any(changes) {
            let index = self.random.below(self.others.len() as u64 + 1) as usize;
            self.is_at = self.others.get(index).copied();
            self.moves += 1;
        }
        Some(FourTuple { local: self.is_at.unwrap_or(four_tuple.local), ..four_tuple })
    }

    /// The rogue acts although its endpoint has nothing to say.
    fn tick(&mut self, now: Instant) {
        self.next_tick = None;
        if self.ticks_left == 0 || self.is_silent {
            return;
        }
        self.ticks_left -= 1;
        self.next_tick = Some(now + Duration::from_millis(1) + self.random.duration(Duration::from_millis(400)));
        let Some(ids) = self.knowledge.ids else { return };
        let Some(kind) = self.knowledge.best_kind.filter(|kind| self.lines[crate::space_of(*kind) as usize].is_some())
        else {
            return;
        };
        let mut draft = Draft::new(kind, ids, &[]);
        for habit in &self.habits {
            habit.spoil(now, &mut draft, &self.knowledge, &mut self.random);
        }
        let extra = std::mem::take(&mut draft.extra);
        if !draft.frames.is_empty() {
            self.post_extra(now, draft);
        }
        for draft in extra {
            self.post_extra(now, draft);
        }
    }
}

/// Type, connection IDs (destination, source), where the packet number begins and where the packet ends, of the first
/// packet; `None` for what has no keys.
fn parts(datagram: &[u8]) -> Option<(PacketKind, Ids, usize, usize)> {
    match Header::decode_greased(datagram, ID_LEN).ok()? {
        Header::Initial(long) => {
            Some((PacketKind::Initial, (long.destination, long.source), long.packet_number_offset, long.end))
        }
        Header::Handshake(long) => {
            Some((PacketKind::Handshake, (long.destination, long.source), long.packet_number_offset, long.end))
        }
        Header::OneRtt(short) => Some((
            PacketKind::OneRtt,
            (short.destination, quic::wire::connection_id::ConnectionId::EMPTY),
            short.packet_number_offset,
            datagram.len(),
        )),
        _ => None,
    }
}

impl<M: Machine> Machine for Rogue<M> {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        if self.is_silent {
            return;
        }
        let mut translated = self.take(datagram.payload);
        // Its endpoint knows nothing of other addresses.
        let four_tuple = self.four_tuple.unwrap_or(datagram.four_tuple);
        self.inner.receive(now, Datagram { payload: &mut translated, four_tuple, ..datagram });
        self.learn_keys();
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        if self.is_silent {
            return None;
        }
        self.pull(now);
        let datagram = self.outbox.pop_front()?;
        let len = datagram.len().min(buffer.len());
        buffer[..len].copy_from_slice(&datagram[..len]);
        Some(Transmit { four_tuple: self.next_four_tuple()?, ecn: Ecn::NotEct, len, segment_size: len.max(1) })
    }

    fn deadline(&self) -> Option<Instant> {
        if self.is_silent { None } else { [self.inner.deadline(), self.next_tick].into_iter().flatten().min() }
    }

    fn on_timeout(&mut self, now: Instant) {
        self.inner.on_timeout(now);
        if self.next_tick.is_some_and(|tick| tick <= now) {
            self.tick(now);
        }
    }
}
