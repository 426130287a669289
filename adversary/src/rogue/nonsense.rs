//! Frames drawn from a seed: well formed for the most part, about streams, packets and connection IDs that mostly exist.

use super::knowledge::Knowledge;
use crate::frames::{encode, push};
use base::{Direction, Random, Side, StreamId, VarInt};
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::{AckFrequencyFrame, DatagramFrame, Frame, StreamFrame};
use sim::SeededRandom;

/// A number of any magnitude.
pub(super) fn any(random: &mut SeededRandom) -> u64 {
    let bits = random.below(63);
    random.next_u64() & ((1 << bits) - 1)
}

/// A number about as large as `around`, or of any magnitude.
fn near(random: &mut SeededRandom, around: u64) -> u64 {
    match random.below(6) {
        0 => any(random),
        1 => around,
        2 => around.saturating_sub(1 + random.below(5)),
        3 => around + 1 + random.below(5),
        4 => random.below(around + 2),
        _ => around + random.below(100_000),
    }
    .min(VarInt::MAX.value())
}

fn stream(random: &mut SeededRandom, knowledge: &Knowledge) -> StreamId {
    let known: Vec<StreamId> = knowledge.streams.keys().copied().collect();
    if !known.is_empty() && random.chance(0.6) {
        return known[random.below(known.len() as u64) as usize];
    }
    let side = if random.chance(0.6) { knowledge.side } else { knowledge.side.peer() };
    let direction = if random.chance(0.5) { Direction::Bidirectional } else { Direction::Unidirectional };
    let index = if random.chance(0.9) { random.below(300) } else { any(random) >> 3 };
    StreamId::new(side, direction, index).expect("below 2^60")
}

fn direction(random: &mut SeededRandom) -> Direction {
    if random.chance(0.5) { Direction::Bidirectional } else { Direction::Unidirectional }
}

/// Any frame.
pub(super) fn frame(random: &mut SeededRandom, knowledge: &Knowledge) -> Vec<u8> {
    let mut data = vec![0; random.below(200) as usize];
    random.fill(&mut data);
    let id = stream(random, knowledge);
    let end = knowledge.streams.get(&id).map_or(0, |sent| sent.end);
    let code = VarInt::new(any(random)).expect("62 bits");
    let frame = match random.below(27) {
        0 => Frame::Padding { bytes: 1 + random.below(50) as usize },
        1 => Frame::Ping,
        2 => return acknowledgment(random, knowledge),
        3 => Frame::ResetStream { id, error_code: code, final_size: near(random, end) },
        4 => Frame::StopSending { id, error_code: code },
        5 => Frame::Crypto { offset: near(random, 0), data: &data },
        6 => Frame::NewToken { token: if data.is_empty() { b"t" } else { &data } },
        7..=9 => {
            let offset = near(random, end).min(VarInt::MAX.value() - data.len() as u64);
            Frame::Stream(StreamFrame { id, offset, data: &data, fin: random.chance(0.2) })
        }
        10 => Frame::MaxData { maximum: any(random) },
        11 => Frame::MaxStreamData { id, maximum: any(random) },
        12 => Frame::MaxStreams { direction: direction(random), maximum: any(random) >> 2 },
        13 => Frame::DataBlocked { limit: any(random) },
        14 => Frame::StreamDataBlocked { id, limit: any(random) },
        15 => Frame::StreamsBlocked { direction: direction(random), limit: any(random) >> 2 },
        16 => {
            let sequence_number = knowledge.own_id + random.below(4);
            let retire_prior_to = random.below(sequence_number + 1);
            return new_connection_id(random, sequence_number, retire_prior_to);
        }
        17 => Frame::RetireConnectionId { sequence_number: random.below(8) },
        18 => Frame::PathChallenge { data: base::random::array(random) },
        19 => Frame::PathResponse { data: base::random::array(random) },
        22 | 23 => Frame::Datagram(DatagramFrame { data: &data, with_length: true }),
        24 => Frame::AckFrequency(AckFrequencyFrame {
            sequence_number: near(random, 0),
            threshold: any(random),
            max_ack_delay: if random.chance(0.8) { 1_000 + random.below(16_000_000) } else { any(random) },
            reordering_threshold: any(random),
        }),
        25 => Frame::ImmediateAck,
        26 => Frame::ResetStreamAt { id, error_code: code, final_size: near(random, end).max(9), reliable_size: 9 },
        20 if random.chance(0.1) => Frame::ConnectionClose { error_code: code, frame_type: 0, reason: &data },
        21 if knowledge.side == Side::Server || random.chance(0.2) => Frame::HandshakeDone,
        _ => Frame::PathChallenge { data: [0; 8] },
    };
    encode(&frame)
}

/// A new connection ID of the rogue's.
pub(super) fn new_connection_id(random: &mut SeededRandom, sequence_number: u64, retire_prior_to: u64) -> Vec<u8> {
    let length = if random.chance(0.9) { 8 } else { 1 + random.below(20) as usize };
    let bytes: [u8; 20] = base::random::array(random);
    encode(&Frame::NewConnectionId {
        sequence_number,
        retire_prior_to,
        connection_id: ConnectionId::new(&bytes[..length]).expect("at most 20 bytes"),
        reset_token: ResetToken(base::random::array(random)),
    })
}

/// An acknowledgment that is a lie in one way or another.
pub(super) fn acknowledgment(random: &mut SeededRandom, knowledge: &Knowledge) -> Vec<u8> {
    let largest = knowledge.largest();
    let mut out = vec![0x02 | u8::from(random.chance(0.2))];
    let (acknowledged, first_range, ranges): (u64, u64, Vec<(u64, u64)>) = match random.below(6) {
        // All there ever were, those left out on purpose included.
        0 => (largest, largest, Vec::new()),
        // What was not sent yet.
        1 => (largest + 1 + random.below(20), 0, Vec::new()),
        2 => (any(random), any(random), Vec::new()),
        // Every other packet.
        3 => (largest, 0, vec![(0, 0); (largest / 2).min(600) as usize]),
        // One of long ago.
        4 => (random.below(largest + 1), 0, Vec::new()),
        _ => {
            (largest, random.below(3), (0..random.below(100)).map(|_| (any(random) >> 50, any(random) >> 50)).collect())
        }
    };
    push(&mut out, acknowledged);
    let delay = if random.chance(0.3) { any(random) } else { random.below(10_000) };
    push(&mut out, delay);
    push(&mut out, if random.chance(0.05) { any(random) } else { ranges.len() as u64 });
    push(&mut out, first_range);
    for (gap, length) in ranges {
        push(&mut out, gap);
        push(&mut out, length);
    }
    if out[0] == 0x03 {
        (0..3).for_each(|_| push(&mut out, any(random)));
    }
    out
}
