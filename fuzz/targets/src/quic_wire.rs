//! QUIC's parsers: headers, packet numbers, frames, transport parameters.

use super::input::Input;
use base::{Reader, Side, Writer};
use quic::wire::frame::Frame;
use quic::wire::header::{self, Header};
use quic::wire::packet_number::PacketNumber;
use quic::wire::transport_parameters::TransportParameters;

/// The first byte chooses how long our own connection IDs are.
pub fn packet_header(data: &[u8]) {
    let Some((len, datagram)) = data.split_first() else { return };
    let own_len = usize::from(len % 21);
    let mut rest = datagram;
    while !rest.is_empty() {
        let by_invariants = header::destination_connection_id(rest, own_len);
        let Ok(decoded) = Header::decode(rest, own_len) else { return };
        let destination = match &decoded {
            Header::Initial(long) | Header::ZeroRtt(long) | Header::Handshake(long) => {
                assert!(long.token.end <= long.packet_number_offset && long.packet_number_offset <= long.end);
                assert!(long.token.start <= long.token.end && long.end <= rest.len());
                long.destination.as_slice()
            }
            Header::Retry { destination, token, integrity_tag, .. } => {
                assert!(!token.is_empty() && token.end == *integrity_tag && integrity_tag + 16 == rest.len());
                destination.as_slice()
            }
            Header::OneRtt(short) => {
                assert_eq!(short.packet_number_offset, 1 + own_len);
                short.destination.as_slice()
            }
            Header::VersionNegotiation { destination, versions, .. } => {
                assert!(!versions.is_empty() && versions.len() % 4 == 0 && versions.end == rest.len());
                destination.as_slice()
            }
            Header::OtherVersion { destination, source, .. } => {
                assert!(rest.get(source.clone()).is_some());
                &rest[destination.clone()]
            }
        };
        assert_eq!(by_invariants, Some(destination));
        let end = match &decoded {
            Header::Initial(long) | Header::ZeroRtt(long) | Header::Handshake(long) => long.end,
            _ => return,
        };
        assert!(end > 0);
        rest = &rest[end..];
    }
}

/// The payload of a packet.
pub fn frame(data: &[u8]) {
    let mut reader = Reader::new(data);
    while !reader.is_empty() {
        let before = reader.position();
        let Ok(frame) = Frame::decode(&mut reader) else { return };
        assert!(reader.position() > before, "every frame takes bytes");
        if let Frame::Ack(ack) = &frame {
            let mut below = None;
            let mut count = 0;
            for range in ack {
                assert!(range.start() <= range.end());
                assert!(below.is_none_or(|below| *range.end() + 1 < below), "downwards, with gaps");
                below = Some(*range.start());
                count += 1;
            }
            assert_eq!(count, ack.range_count + 1);
        }
        let mut bytes = vec![0; frame.encoded_len()];
        let mut writer = Writer::new(&mut bytes);
        frame.encode(&mut writer).expect("a frame fits its own length");
        assert_eq!(writer.remaining(), 0, "{frame:?}");
        let mut again = Reader::new(&bytes);
        assert_eq!(Frame::decode(&mut again), Ok(frame));
        assert!(again.is_empty());
    }
}

/// The first byte chooses who sent them.
pub fn transport_parameters(data: &[u8]) {
    let Some((side, bytes)) = data.split_first() else { return };
    let side = if side & 1 == 0 { Side::Client } else { Side::Server };
    let Ok(parameters) = TransportParameters::decode(bytes, side) else { return };
    for grease in [0, 1, u64::MAX, u64::from(bytes.len() as u32) << 17] {
        let encoded = parameters.encode(side, grease);
        assert_eq!(TransportParameters::decode(&encoded, side).as_ref(), Ok(&parameters));
    }
}

/// The number nearest to the one expected, by looking at it from below: of all that end in what was sent, the first above
/// the lower end of the window (RFC 9000 appendix A.3).
pub fn packet_number(data: &[u8]) {
    let mut input = Input::new(data);
    let (len, largest, truncated) = (1 + input.below(4), input.number(), input.number() as u32);
    let largest = PacketNumber::new(largest);
    let found = PacketNumber::decode(truncated, len, largest);
    let window = 1i128 << (8 * len);
    let expected = largest.map_or(0, |largest| i128::from(largest.value()) + 1);
    let above = expected - window / 2 + 1;
    let mut nearest = above + (i128::from(truncated) - above).rem_euclid(window);
    let last = i128::from(PacketNumber::MAX.value());
    if nearest < 0 {
        nearest += window;
    } else if nearest > last {
        nearest -= window;
    }
    assert!((0..=last).contains(&nearest));
    // Above the last number there is none, whatever was meant.
    if expected + window <= last {
        assert_eq!(i128::from(found.value()), nearest);
    }
    // What is sent in as many bytes as are asked for is found by whoever has received what was acknowledged, or more.
    let acknowledged = largest.filter(|_| input.u8() & 1 == 0);
    let next = acknowledged.map_or(0, |acknowledged| acknowledged.value() + 1);
    let Some(sent) = PacketNumber::new(next + input.number() % (1 << 24)) else { return };
    let len = sent.encoded_len(acknowledged);
    let received = match sent.value() - next {
        0 => acknowledged,
        between => PacketNumber::new(next + input.number() % between),
    };
    let sent_bytes = (sent.value() & ((1 << (8 * len)) - 1)) as u32;
    assert_eq!(PacketNumber::decode(sent_bytes, len, received), sent, "{len} bytes after {received:?}");
}
