use super::*;
use crate::violation::Violation;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::packet_number::PacketNumber;
use alloc::vec;
use alloc::vec::Vec;
use base::{Direction, Full, Reader, StreamId, VarInt, Writer};
use core::ops::RangeInclusive;
use proptest::prelude::*;

fn stream_id(value: u64) -> StreamId {
    StreamId::from_varint(VarInt::new(value).unwrap())
}

fn code(value: u64) -> VarInt {
    VarInt::new(value).unwrap()
}

fn decode(bytes: &[u8]) -> Result<Frame<'_>, Violation> {
    Frame::decode(&mut Reader::new(bytes))
}

fn encode(frame: &Frame<'_>) -> Vec<u8> {
    let mut buffer = vec![0; frame.encoded_len()];
    frame.encode(&mut Writer::new(&mut buffer)).unwrap();
    buffer
}

/// At least one of each frame, with `value` wherever any number may stand.
fn frames(value: u64) -> Vec<Frame<'static>> {
    let number = value.min(VarInt::MAX.value());
    let count = number.min(1 << 60);
    let offset = number.min(VarInt::MAX.value() - 4);
    let data = &b"data"[..];
    let (id, error_code) = (stream_id(number), code(number));
    let ack = AckFrame {
        largest: PacketNumber::new(number).unwrap(),
        ack_delay: number,
        first_range: number,
        range_count: 0,
        ranges: &[],
        ecn: None,
    };
    let ecn = Some(EcnCounts { ect0: number, ect1: 0, ce: number });
    let (bidirectional, unidirectional) = (Direction::Bidirectional, Direction::Unidirectional);
    vec![
        Frame::Padding { bytes: 1 },
        Frame::Padding { bytes: 7 },
        Frame::Ping,
        Frame::Ack(ack),
        Frame::Ack(AckFrame { ecn, ..ack }),
        Frame::ResetStream { id, error_code, final_size: number },
        Frame::StopSending { id, error_code },
        Frame::Crypto { offset, data },
        Frame::NewToken { token: data },
        Frame::Stream(StreamFrame { id, offset, data, fin: false }),
        Frame::Stream(StreamFrame { id, offset: 0, data: &[], fin: true }),
        Frame::MaxData { maximum: number },
        Frame::MaxStreamData { id, maximum: number },
        Frame::MaxStreams { direction: bidirectional, maximum: count },
        Frame::MaxStreams { direction: unidirectional, maximum: count },
        Frame::DataBlocked { limit: number },
        Frame::StreamDataBlocked { id, limit: number },
        Frame::StreamsBlocked { direction: bidirectional, limit: count },
        Frame::StreamsBlocked { direction: unidirectional, limit: count },
        Frame::NewConnectionId {
            sequence_number: number,
            retire_prior_to: number,
            connection_id: ConnectionId::new(&[9; 20]).unwrap(),
            reset_token: ResetToken([8; 16]),
        },
        Frame::RetireConnectionId { sequence_number: number },
        Frame::PathChallenge { data: [1; 8] },
        Frame::PathResponse { data: [2; 8] },
        Frame::ConnectionClose { error_code, frame_type: number, reason: data },
        Frame::ApplicationClose { error_code, reason: data },
        Frame::HandshakeDone,
        Frame::ResetStreamAt { id, error_code, final_size: number, reliable_size: number / 2 },
        Frame::Datagram(DatagramFrame { data, with_length: true }),
        Frame::Datagram(DatagramFrame { data: &[], with_length: true }),
        Frame::ImmediateAck,
        Frame::AckFrequency(AckFrequencyFrame {
            sequence_number: number,
            threshold: number,
            max_ack_delay: number,
            reordering_threshold: number,
        }),
    ]
}

const BORDERS: [u64; 9] = [0, 1, 63, 64, 16_383, 16_384, (1 << 30) - 1, 1 << 30, (1 << 62) - 1];

/// RFC 9000 section 12.4-5.
#[test]
fn what_is_encoded_is_decoded_whole() {
    for frame in BORDERS.into_iter().flat_map(frames) {
        let bytes = encode(&frame);
        let mut reader = Reader::new(&bytes);
        assert_eq!(Frame::decode(&mut reader), Ok(frame));
        assert!(reader.is_empty());
        assert_eq!(Reader::new(&bytes).varint(), Ok(frame.frame_type()));
    }
}

#[test]
fn a_frame_is_written_whole_or_not_at_all() {
    for frame in frames(20_000) {
        for room in 0..frame.encoded_len() {
            let mut buffer = vec![0; room];
            let mut writer = Writer::new(&mut buffer);
            assert_eq!((frame.encode(&mut writer), writer.position()), (Err(Full), 0));
        }
    }
}

#[test]
fn every_truncation_is_an_error() {
    for frame in BORDERS.into_iter().flat_map(frames).filter(|frame| !matches!(frame, Frame::Padding { .. })) {
        let bytes = encode(&frame);
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]), Err(Violation::FrameTruncated), "{frame:?} cut at {end}");
        }
    }
}

/// Reads `bytes` as the payload of a packet, and checks that each step goes forward and that each frame can be written.
fn walk(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let before = reader.position();
        let Ok(frame) = Frame::decode(&mut reader) else { return };
        assert!(reader.position() > before);
        let again = encode(&frame);
        assert_eq!(decode(&again), Ok(frame));
        if let Frame::Ack(ack) = frame {
            let ranges = ack.iter().take(bytes.len());
            assert_eq!(ranges.count() as u64, ack.range_count + 1);
        }
    }
}

#[test]
fn every_changed_byte_gives_frames_or_an_error() {
    for frame in frames(20_000) {
        let bytes = encode(&frame);
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[at] = value;
                walk(&changed);
            }
        }
    }
}

#[test]
fn all_short_payloads_give_frames_or_an_error() {
    for first in 0..=255u8 {
        walk(&[first]);
        for second in 0..=255u8 {
            walk(&[first, second]);
            for third in [0, 1, 2, 3, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff] {
                walk(&[first, second, third]);
            }
        }
    }
}

/// `value` in so many bytes.
fn varint_in(value: u64, len: usize) -> Vec<u8> {
    let prefix = [(1, 0x00), (2, 0x40), (4, 0x80), (8, 0xc0)].into_iter().find(|(bytes, _)| *bytes == len).unwrap().1;
    let mut bytes = value.to_be_bytes()[8 - len..].to_vec();
    assert_eq!(bytes[0] & 0xc0, 0);
    bytes[0] |= prefix;
    bytes
}

/// RFC 9000 section 12.4-4.
#[test]
fn p1_unknown_types_in_all_lengths() {
    let types = (0x20..0x200).chain([0x2d32, 1 << 20, (1 << 62) - 1]);
    for frame_type in types.filter(|frame_type| ![0x24, 0x30, 0x31, 0xaf].contains(frame_type)) {
        for len in [1, 2, 4, 8] {
            if frame_type >> (8 * len - 2) != 0 {
                continue;
            }
            let mut bytes = varint_in(frame_type, len);
            bytes.extend_from_slice(&[0; 30]);
            assert_eq!(decode(&bytes), Err(Violation::UnknownFrameType), "{frame_type:#x} in {len}");
        }
    }
}

#[test]
fn known_types_have_to_be_in_their_shortest_form() {
    for frame_type in (0..=0x1f).chain([0x24, 0x30, 0x31, 0xaf]) {
        for len in [2, 4, 8].into_iter().filter(|len| (frame_type, *len) != (0xaf, 2)) {
            let mut bytes = varint_in(frame_type, len);
            bytes.extend_from_slice(&[1; 60]);
            assert_eq!(decode(&bytes), Err(Violation::FrameTypeNotShortest));
        }
    }
}

#[test]
fn p3_a_cut_type_is_not_padding() {
    for last in [0x40, 0x80, 0xc0] {
        let bytes = [0x00, 0x01, last];
        let mut reader = Reader::new(&bytes);
        assert_eq!(Frame::decode(&mut reader), Ok(Frame::Padding { bytes: 1 }));
        assert_eq!(Frame::decode(&mut reader), Ok(Frame::Ping));
        assert_eq!(Frame::decode(&mut reader), Err(Violation::FrameTruncated));
    }
}

/// It is looked through by the piece: whatever follows it, and wherever a piece would end.
#[test]
fn padding_ends_at_the_next_frame() {
    for count in 1..70 {
        for rest in [&[][..], &[0x01], &[0x01, 0x00]] {
            let bytes = [&vec![0; count], rest].concat();
            let mut reader = Reader::new(&bytes);
            assert_eq!(Frame::decode(&mut reader), Ok(Frame::Padding { bytes: count }));
            assert_eq!(reader.peek(), rest);
        }
    }
}

#[test]
fn p9_padding_is_counted_without_wrapping() {
    let bytes = vec![0; 70_000];
    let mut reader = Reader::new(&bytes);
    assert_eq!(Frame::decode(&mut reader), Ok(Frame::Padding { bytes: 70_000 }));
    assert!(reader.is_empty());
}

/// RFC 9000 section 19.3.1-1.
#[test]
fn p7_ack_ranges_below_zero() {
    for bytes in [
        &[0x02, 5, 0, 0, 6][..],   // the first range is longer than there are numbers
        &[0x02, 5, 0, 1, 1, 3, 0], // 4, then a gap to -1
        &[0x02, 5, 0, 1, 5, 0, 0], // 0, then a gap
        &[0x02, 5, 0, 1, 1, 0, 3], // 4, then 2 down to -1
        &[0x02, 5, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0], // the largest gap there is
    ] {
        assert_eq!(decode(bytes), Err(Violation::AckRangeBelowZero), "{bytes:?}");
    }
    let Ok(Frame::Ack(ack)) = decode(&[0x02, 5, 0, 1, 1, 0, 2]) else { panic!() };
    assert_eq!(ack.iter().collect::<Vec<_>>(), [4..=5, 0..=2]);
}

#[test]
fn c1_a_range_count_that_cannot_be_true_is_refused_before_work() {
    let mut bytes = vec![0x02, 0x3f, 0];
    bytes.extend(varint_in((1 << 62) - 1, 8));
    bytes.extend([0; 39]);
    assert_eq!(bytes.len(), 50);
    assert_eq!(decode(&bytes), Err(Violation::FrameTruncated));
}

/// RFC 9000 section 4.6-1, 19.6-1, 19.7-2, 19.8-2, 19.11-1, 19.14-2, 19.15-1, 19.15-7.
/// draft-ietf-quic-reliable-stream-reset section 4-1.
#[test]
fn checks_of_values() {
    let largest = varint_in((1 << 62) - 1, 8);
    let too_many = varint_in((1 << 60) + 1, 8);
    let with = |head: &[u8], middle: &[u8], tail: &[u8]| [head, middle, tail].concat();
    let new_connection_id = |sequence: u8, prior: u8, len: u8| {
        let mut bytes = vec![0x18, sequence, prior, len];
        bytes.resize(80, 7);
        bytes
    };
    for (bytes, violation) in [
        (with(&[0x0e, 0], &largest, &[1, 9]), Violation::StreamOffsetTooLarge),
        (with(&[0x0c, 0], &largest, &[9]), Violation::StreamOffsetTooLarge),
        (with(&[0x06], &largest, &[1, 9]), Violation::CryptoOffsetTooLarge),
        (vec![0x07, 0], Violation::EmptyToken),
        (with(&[0x12], &too_many, &[]), Violation::MaxStreamsTooLarge),
        (with(&[0x13], &too_many, &[]), Violation::MaxStreamsTooLarge),
        (with(&[0x16], &too_many, &[]), Violation::StreamsBlockedTooLarge),
        (with(&[0x17], &too_many, &[]), Violation::StreamsBlockedTooLarge),
        (vec![0x24, 0, 7, 5, 6], Violation::ReliableSizeTooLarge),
        (new_connection_id(1, 2, 8), Violation::RetirePriorToTooLarge),
        (new_connection_id(1, 1, 0), Violation::ConnectionIdLength),
        (new_connection_id(1, 1, 21), Violation::ConnectionIdLength),
    ] {
        assert_eq!(decode(&bytes), Err(violation));
    }
    assert!(decode(&with(&[0x0e, 0], &largest, &[0])).is_ok());
    assert!(decode(&new_connection_id(1, 1, 20)).is_ok());
}

#[test]
fn datagram_frames_go_to_the_end_of_the_packet_or_have_a_length() {
    let datagram = |data, with_length| Frame::Datagram(DatagramFrame { data, with_length });
    for (bytes, frame, rest) in [
        (&[0x30, 1, 2, 3][..], datagram(&[1, 2, 3], false), 0),
        (&[0x30], datagram(&[], false), 0),
        (&[0x31, 2, 1, 2, 3], datagram(&[1, 2], true), 1),
        (&[0x31, 0, 1], datagram(&[], true), 1),
    ] {
        let mut reader = Reader::new(bytes);
        assert_eq!((Frame::decode(&mut reader), reader.remaining()), (Ok(frame), rest));
        assert_eq!(encode(&frame), bytes[..bytes.len() - rest]);
    }
    assert_eq!(decode(&[0x31, 3, 1, 2]), Err(Violation::FrameTruncated));
}

#[test]
fn stream_frames_of_all_eight_types() {
    for low in 0..8u8 {
        let mut bytes = vec![0x08 | low, 4];
        if low & 4 != 0 {
            bytes.push(9);
        }
        if low & 2 != 0 {
            bytes.push(2);
        }
        bytes.extend_from_slice(b"abc");
        let data = if low & 2 != 0 { &b"ab"[..] } else { b"abc" };
        let offset = if low & 4 != 0 { 9 } else { 0 };
        let stream = StreamFrame { id: stream_id(4), offset, data, fin: low & 1 != 0 };
        assert_eq!(decode(&bytes), Ok(Frame::Stream(stream)));
        let mut buffer = [0; 10];
        let mut writer = Writer::new(&mut buffer);
        encode_stream_header(&mut writer, stream.id, offset, data.len(), stream.fin, low & 2 != 0).unwrap();
        assert_eq!(writer.position(), stream_header_len(stream.id, offset, data.len(), low & 2 != 0));
        assert_eq!(writer.written(), &bytes[..bytes.len() - 3]);
    }
}

/// RFC 9000 section 12.4-3, 12.5-3, 12.5-5, 17.2.4-2.
/// RFC 9001 section 8.3-2.
/// RFC 9221 section 5-3, 6-1.
/// draft-ietf-quic-reliable-stream-reset section 4-4.
/// draft-ietf-quic-ack-frequency section 3-3.
#[test]
fn which_packets_may_hold_which_frames() {
    use PacketKind::{Handshake, Initial, OneRtt, ZeroRtt};
    for frame in frames(1) {
        let allowed = [Initial, Handshake, ZeroRtt, OneRtt].map(|kind| frame.is_allowed_in(kind));
        let expected = match frame {
            Frame::Padding { .. } | Frame::Ping | Frame::ConnectionClose { .. } => [true; 4],
            Frame::Ack(_) | Frame::Crypto { .. } => [true, true, false, true],
            Frame::NewToken { .. } | Frame::PathResponse { .. } | Frame::HandshakeDone => [false, false, false, true],
            Frame::RetireConnectionId { .. } => [false, false, false, true],
            Frame::AckFrequency(_) | Frame::ImmediateAck => [false, false, false, true],
            _ => [false, false, true, true],
        };
        assert_eq!(allowed, expected, "{frame:?}");
        let silent = matches!(frame.frame_type(), 0x00 | 0x02 | 0x03 | 0x1c | 0x1d);
        assert_eq!(frame.is_ack_eliciting(), !silent);
    }
}

/// What `encode_ack` makes of `ranges` in `room` bytes, read back.
fn acknowledged(
    ranges: &[RangeInclusive<u64>],
    ecn: Option<EcnCounts>,
    room: usize,
) -> Option<Vec<RangeInclusive<u64>>> {
    let largest = PacketNumber::new(*ranges[0].end()).unwrap();
    let mut buffer = vec![0; room];
    let mut writer = Writer::new(&mut buffer);
    let Ok(count) = encode_ack(&mut writer, largest, 77, ranges.iter().cloned(), ecn, 0) else {
        assert_eq!(writer.position(), 0);
        return None;
    };
    let len = writer.position();
    let Ok(Frame::Ack(ack)) = decode(&buffer[..len]) else { panic!("{:?}", decode(&buffer[..len])) };
    assert_eq!((ack.largest, ack.ack_delay, ack.ecn), (largest, 77, ecn));
    let read: Vec<_> = ack.iter().collect();
    assert_eq!(read.len(), count);
    Some(read)
}

#[test]
fn as_many_ranges_as_fit_are_written() {
    let ranges: Vec<_> = (0..100u64).rev().map(|index| index * 1000..=index * 1000 + 500).collect();
    let ecn = Some(EcnCounts { ect0: 5, ect1: 6, ce: 70 });
    let mut most = 0;
    for room in 0..600 {
        for ecn in [None, ecn] {
            match acknowledged(&ranges, ecn, room) {
                None => assert!(room < 20),
                Some(read) => {
                    assert_eq!(read, ranges[..read.len()]);
                    most = most.max(read.len());
                }
            }
        }
    }
    assert_eq!(most, MAX_RANGES_SENT);
    assert_eq!(acknowledged(&[0..=0], None, 6), Some(vec![0..=0]));
    assert_eq!(acknowledged(&[3..=4, 1..=1], None, 100), Some(vec![3..=4, 1..=1]));
}

proptest! {
    #[test]
    fn any_bytes_give_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        walk(&bytes);
    }

    #[test]
    fn any_ranges_are_read_back(steps in proptest::collection::vec((0u64..1 << 40, 0u64..1 << 20), 1..40)) {
        let mut ranges = Vec::new();
        let mut next = 0;
        for (gap, count) in steps {
            let start = next + gap;
            ranges.push(start..=start + count);
            next = start + count + 2;
        }
        ranges.reverse();
        prop_assert_eq!(acknowledged(&ranges, None, 1200), Some(ranges));
    }

    #[test]
    fn any_numbers_are_read_back(value in 0u64..1 << 62) {
        for frame in frames(value) {
            let bytes = encode(&frame);
            prop_assert_eq!(decode(&bytes), Ok(frame));
        }
    }
}
