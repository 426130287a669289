//! The misbehaviours of a rogue: some within the rules but abusive, some against them.

use super::draft::Draft;
use super::knowledge::Knowledge;
use super::nonsense;
use crate::frames::encode;
use base::{Duration, Instant, Random, Reader, VarInt};
use quic::wire::frame::{Frame, PacketKind, StreamFrame};
use sim::SeededRandom;

/// One way to behave badly. Probabilities are for each packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Habit {
    // Within the rules.
    /// Acknowledges nothing before this moment.
    LateAcknowledgment(Instant),
    /// Grants nothing beyond the transport parameters before this moment.
    LateCredit(Instant),
    /// So many PINGs with each packet.
    Pings(u32),
    /// So many PATH_CHALLENGEs with each packet.
    Challenges(u32),
    /// Says again and again what credit there was, and that it is blocked.
    StaleCredit(u32),
    /// Cuts stream data into pieces of so many bytes, and mixes them up.
    TinyFrames(u64),
    /// Says stream data again, in other pieces.
    Repeats(f64),
    /// Leaves out packet numbers, up to so many.
    Skips(u64),
    /// Sends datagrams twice.
    Duplicates(f64),
    /// Sends earlier datagrams again.
    Replays(f64),
    /// Sends packets that cannot be opened.
    Forgeries(f64),
    /// Sends datagrams of random bytes.
    Noise(f64),
    /// Fills packets with PADDING.
    Padding(u32),
    /// Sends from another of its addresses, as if a translator had forgotten it.
    Wanders(f64),
    // Against them.
    /// Sends from any of its addresses, and does not wait for the end of the handshake.
    Strays(f64),
    /// Acknowledges nothing at all.
    NoAcknowledgment,
    /// Grants nothing at all beyond the transport parameters.
    NoCredit,
    /// Lies about what it received.
    Lies(f64),
    /// So many drawn frames in an extra packet.
    Nonsense(f64, u32),
    /// Other bytes where there were some.
    OtherContent(f64),
    /// Goes on to new keys when it likes.
    KeyUpdates(f64),
    /// Changes header bits.
    HeaderBits(f64),
    /// Changes bytes of the payload.
    Garbles(f64),
    /// Cuts the payload.
    Cuts(f64),
    /// Puts frames into packets of the other types.
    WrongPackets(f64),
    /// New connection IDs without end, each of which retires what is so far behind it.
    ConnectionIds(u32, u64),
    /// Stream data in pieces of so many bytes with gaps of so many, without end and whatever the credit.
    Overflow(u32, u64),
    /// Opens streams and breaks them off.
    RapidReset(u32),
    /// Opens streams with nothing on them.
    EmptyStreams(u32),
}

/// Extra packets per packet at most, so that a run ends.
const MAX_EXTRA: u32 = 6;

impl Habit {
    /// A habit within the rules: with any number of these, transfers complete.
    pub fn draw_rude(random: &mut SeededRandom) -> Habit {
        let until = Instant::ZERO + random.duration(Duration::from_secs(5));
        let often = 0.01 + random.below(500) as f64 / 1000.0;
        let count = 1 + random.below(60) as u32;
        match random.below(14) {
            0 => Habit::LateAcknowledgment(until),
            1 => Habit::LateCredit(until),
            2 => Habit::Pings(count),
            3 => Habit::Challenges(count),
            4 => Habit::StaleCredit(count),
            5 => Habit::TinyFrames(1 + random.below(30)),
            6 => Habit::Repeats(often),
            7 => Habit::Skips(1 + random.below(20)),
            8 => Habit::Duplicates(often),
            9 => Habit::Replays(often),
            10 => Habit::Forgeries(often),
            11 => Habit::Noise(often),
            12 => Habit::Wanders(often / 10.0),
            _ => Habit::Padding(count * 20),
        }
    }

    /// A habit against the rules.
    pub fn draw_hostile(random: &mut SeededRandom) -> Habit {
        // Most are rare, so that a connection gets somewhere before it is closed for them.
        let rarely = 0.002 + random.below(100) as f64 / 1000.0;
        let count = 1 + random.below(60) as u32;
        match random.below(17) {
            0 => Habit::NoAcknowledgment,
            1 => Habit::NoCredit,
            2 => Habit::Lies(rarely),
            3..=4 => Habit::Nonsense(rarely, count),
            5 => Habit::OtherContent(rarely),
            6 => Habit::KeyUpdates(rarely),
            7 => Habit::HeaderBits(rarely),
            8 => Habit::Garbles(rarely),
            9 => Habit::Cuts(rarely),
            10 => Habit::WrongPackets(rarely),
            11 => Habit::ConnectionIds(count, if random.chance(0.5) { u64::MAX } else { random.below(6) }),
            16 => Habit::Strays(rarely * 10.0),
            14..=15 => Habit::Overflow(1 + random.below(1300) as u32, random.below(3)),
            12 => Habit::RapidReset(count),
            _ => Habit::EmptyStreams(count),
        }
    }

    /// Changes a packet. With no frames in it, the rogue only asks what there is to add.
    pub(super) fn spoil(self, now: Instant, draft: &mut Draft, knowledge: &Knowledge, random: &mut SeededRandom) {
        let is_one_rtt = draft.kind == PacketKind::OneRtt;
        match self {
            Habit::LateAcknowledgment(until) if now < until && is_one_rtt => drop_frames(draft, is_acknowledgment),
            Habit::NoAcknowledgment if is_one_rtt => drop_frames(draft, is_acknowledgment),
            Habit::LateCredit(until) if now < until => drop_frames(draft, is_credit),
            Habit::NoCredit => drop_frames(draft, is_credit),
            Habit::Pings(count) => draft.frames.push(vec![0x01; count as usize]),
            Habit::Challenges(count) if is_one_rtt => {
                let challenge = |_| encode(&Frame::PathChallenge { data: base::random::array(random) });
                draft.frames.extend((0..count).map(challenge));
            }
            Habit::StaleCredit(count) if is_one_rtt => stale_credit(draft, knowledge, random, count),
            Habit::TinyFrames(len) => tiny_frames(draft, random, len),
            Habit::Repeats(often) if is_one_rtt && random.chance(often) => {
                let again = repeat(knowledge, random, false);
                draft.frames.extend(again);
            }
            Habit::Skips(most) if random.chance(0.2) => draft.skip = random.below(most + 1),
            Habit::Forgeries(often) if random.chance(often) => {
                let mut forged = draft.another(vec![vec![0x01; 50]]);
                forged.forge = 1 << random.below(8);
                draft.extra.push(forged);
            }
            Habit::Padding(bytes) => draft.frames.push(vec![0; bytes as usize]),
            _ => self.break_rules(draft, knowledge, random),
        }
    }

    fn break_rules(self, draft: &mut Draft, knowledge: &Knowledge, random: &mut SeededRandom) {
        let is_one_rtt = draft.kind == PacketKind::OneRtt;
        match self {
            Habit::Lies(often) if random.chance(often) => {
                draft.frames.push(nonsense::acknowledgment(random, knowledge));
            }
            Habit::Nonsense(often, count) if random.chance(often) => {
                for _ in 0..1 + random.below(u64::from(MAX_EXTRA)) {
                    let mut frames = Vec::new();
                    for _ in 0..1 + random.below(u64::from(count)) {
                        let frame = nonsense::frame(random, knowledge);
                        if is_one_rtt || random.chance(0.05) || is_allowed(&frame, draft.kind) {
                            frames.push(frame);
                        }
                    }
                    let extra = draft.another(frames);
                    draft.extra.push(extra);
                }
            }
            Habit::OtherContent(often) if is_one_rtt && random.chance(often) => {
                let other = repeat(knowledge, random, true);
                draft.frames.extend(other);
            }
            Habit::KeyUpdates(often) if is_one_rtt && random.chance(often) => draft.updates_keys = true,
            Habit::HeaderBits(often) if random.chance(often) => {
                // Not the form, nor the length of the packet number, which is what is sealed.
                draft.first_byte = random.next_u64() as u8 & if is_one_rtt { 0x7c } else { 0x0c };
            }
            Habit::Garbles(often) if random.chance(often) => {
                garble(&mut draft.frames, random);
            }
            Habit::Cuts(often) if random.chance(often) => {
                let mut payload = draft.payload();
                payload.truncate(random.below(payload.len() as u64 + 1) as usize);
                draft.frames = vec![payload];
            }
            Habit::WrongPackets(often) if random.chance(often) => {
                for kind in [PacketKind::Initial, PacketKind::Handshake, PacketKind::OneRtt] {
                    let mut extra = draft.another(vec![nonsense::frame(random, knowledge)]);
                    extra.kind = kind;
                    draft.extra.push(extra);
                }
            }
            Habit::ConnectionIds(count, behind) if is_one_rtt => {
                let first = knowledge.own_id + knowledge.next(u64::from(count));
                let numbers = first..first + u64::from(count);
                let frames =
                    numbers.map(|number| nonsense::new_connection_id(random, number, number.saturating_sub(behind)));
                let extra = draft.another(frames.collect());
                draft.extra.push(extra);
            }
            Habit::Overflow(len, gap) if is_one_rtt => {
                for _ in 0..MAX_EXTRA {
                    let frames = overflow(knowledge, len, gap);
                    let extra = draft.another(frames);
                    draft.extra.push(extra);
                }
            }
            Habit::RapidReset(count) | Habit::EmptyStreams(count) if is_one_rtt => {
                let frames = open_streams(knowledge, random, count, matches!(self, Habit::RapidReset(_)));
                let extra = draft.another(frames);
                draft.extra.push(extra);
            }
            _ => {}
        }
    }

    /// Changes what leaves: datagrams, not packets.
    pub(super) fn spoil_datagrams(
        self,
        _now: Instant,
        datagrams: &mut Vec<Vec<u8>>,
        knowledge: &mut Knowledge,
        random: &mut SeededRandom,
    ) {
        match self {
            Habit::Duplicates(often) if random.chance(often) => datagrams.extend(datagrams.clone()),
            Habit::Replays(often) => {
                if let Some(datagram) = datagrams.first() {
                    knowledge.on_datagram(datagram);
                }
                if random.chance(often) {
                    let index = random.below(knowledge.datagrams.len() as u64) as usize;
                    datagrams.extend(knowledge.datagrams.get(index).cloned());
                }
            }
            Habit::Noise(often) if random.chance(often) => {
                let mut noise = vec![0; random.below(1400) as usize];
                random.fill(&mut noise);
                // Half of it looks like a packet of this connection.
                if let Some(datagram) = datagrams.first().filter(|_| random.chance(0.5)) {
                    let len = noise.len().min(datagram.len()).min(9);
                    noise[..len].copy_from_slice(&datagram[..len]);
                }
                datagrams.push(noise);
            }
            _ => {}
        }
    }
}

/// Another byte in about half of the frames.
fn garble(frames: &mut [Vec<u8>], random: &mut SeededRandom) {
    for bytes in frames {
        if random.chance(0.5) && !bytes.is_empty() {
            let index = random.below(bytes.len() as u64) as usize;
            bytes[index] = random.next_u64() as u8;
        }
    }
}

fn drop_frames(draft: &mut Draft, is_dropped: fn(&Frame<'_>) -> bool) {
    draft.frames.retain(|bytes| !Frame::decode(&mut Reader::new(bytes)).is_ok_and(|frame| is_dropped(&frame)));
    if draft.frames.is_empty() {
        // RFC 9000 s12.4: a packet has a frame.
        draft.frames.push(vec![0x00]);
    }
}

const fn is_acknowledgment(frame: &Frame<'_>) -> bool {
    matches!(frame, Frame::Ack(_))
}

const fn is_credit(frame: &Frame<'_>) -> bool {
    matches!(frame, Frame::MaxData { .. } | Frame::MaxStreamData { .. } | Frame::MaxStreams { .. })
}

fn is_allowed(bytes: &[u8], kind: PacketKind) -> bool {
    Frame::decode(&mut Reader::new(bytes)).is_ok_and(|frame| frame.is_allowed_in(kind))
}

fn stale_credit(draft: &mut Draft, knowledge: &Knowledge, random: &mut SeededRandom, count: u32) {
    let streams: Vec<_> = knowledge.streams.iter().collect();
    for _ in 0..count {
        let (limit, maximum) = (random.below(1 << 40), random.below(1000));
        draft.frames.push(encode(&Frame::DataBlocked { limit }));
        draft.frames.push(encode(&Frame::MaxData { maximum }));
        if let Some((id, sent)) = (!streams.is_empty()).then(|| streams[random.below(streams.len() as u64) as usize]) {
            draft.frames.push(encode(&Frame::StreamDataBlocked { id: *id, limit: sent.end }));
        }
    }
}

/// Pieces of what the packet has of streams, in another order.
fn tiny_frames(draft: &mut Draft, random: &mut SeededRandom, len: u64) {
    let mut frames = Vec::new();
    for bytes in std::mem::take(&mut draft.frames) {
        match Frame::decode(&mut Reader::new(&bytes)) {
            Ok(Frame::Stream(frame)) if !frame.data.is_empty() => {
                let pieces = frame.data.chunks(len as usize).enumerate();
                let last = frame.data.chunks(len as usize).len() - 1;
                frames.extend(pieces.map(|(number, data)| {
                    let offset = frame.offset + number as u64 * len;
                    encode(&Frame::Stream(StreamFrame { offset, data, fin: frame.fin && number == last, ..frame }))
                }));
            }
            _ => frames.push(bytes),
        }
    }
    for index in (1..frames.len()).rev() {
        frames.swap(index, random.below(index as u64 + 1) as usize);
    }
    draft.frames = frames;
}

/// A part of what some stream had, as it was or with one byte changed.
fn repeat(knowledge: &Knowledge, random: &mut SeededRandom, is_changed: bool) -> Option<Vec<u8>> {
    let streams: Vec<_> = knowledge.streams.iter().filter(|(_, sent)| !sent.first.is_empty()).collect();
    if streams.is_empty() {
        return None;
    }
    let (id, sent) = streams[random.below(streams.len() as u64) as usize];
    let start = random.below(sent.first.len() as u64) as usize;
    let end = start + 1 + random.below((sent.first.len() - start) as u64) as usize;
    let mut data = sent.first[start..end].to_vec();
    if is_changed {
        let index = random.below(data.len() as u64) as usize;
        data[index] ^= 1 + random.below(255) as u8;
    }
    Some(encode(&Frame::Stream(StreamFrame { id: *id, offset: start as u64, data: &data, fin: false })))
}

/// A packet full of data behind all that was sent on the first stream.
fn overflow(knowledge: &Knowledge, len: u32, gap: u64) -> Vec<Vec<u8>> {
    let Some((id, sent)) = knowledge.streams.first_key_value() else { return Vec::new() };
    let (data, step) = (vec![0x55; len as usize], u64::from(len) + gap);
    let frame = |_| {
        let offset = sent.end + knowledge.next(step);
        encode(&Frame::Stream(StreamFrame { id: *id, offset, data: &data, fin: false }))
    };
    (0..1 + 1200 / (len as usize + 6)).map(frame).collect()
}

/// That many streams that serve no purpose, mostly within the limit.
fn open_streams(knowledge: &Knowledge, random: &mut SeededRandom, count: u32, resets: bool) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let first = random.below(200);
    for index in first..first + u64::from(count) {
        let direction = base::Direction::Bidirectional;
        let id = base::StreamId::new(knowledge.side, direction, index).expect("below 2^60");
        let error_code = VarInt::from_u32(random.below(1000) as u32);
        frames.push(encode(&Frame::Stream(StreamFrame { id, offset: 0, data: &[], fin: false })));
        if resets {
            frames.push(encode(&Frame::ResetStream { id, error_code, final_size: 0 }));
            frames.push(encode(&Frame::StopSending { id, error_code }));
        }
    }
    frames
}
