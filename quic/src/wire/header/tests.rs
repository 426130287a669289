use super::*;
use crate::wire::packet_number::PacketNumber;
use alloc::vec;
use alloc::vec::Vec;
use base::Writer;

fn id(len: usize) -> ConnectionId {
    ConnectionId::new(&vec![0xc1; len]).unwrap()
}

/// An Initial with a token, a Handshake, a 0-RTT and a short packet, one after the other, and where each ends.
fn coalesced() -> (Vec<u8>, Vec<usize>) {
    let number = PacketNumber::new(0x1234).unwrap();
    let mut bytes = vec![0; 400];
    let mut ends = Vec::new();
    let mut start = 0;
    for packet in 0..4 {
        let mut writer = Writer::new(&mut bytes[start..]);
        let layout = match packet {
            0 => encode_initial(&mut writer, Version::V1, id(8), id(5), b"token", number, 2),
            1 => encode_handshake(&mut writer, Version::V1, id(8), id(0), number, 4),
            2 => encode_zero_rtt(&mut writer, Version::V1, id(20), id(20), number, 1),
            _ => encode_short(&mut writer, id(8), false, false, number, 3),
        }
        .unwrap();
        assert_eq!(writer.position(), layout.header_len);
        let len = layout.header_len + 30;
        layout.finish(&mut bytes[start..start + len]);
        start += len;
        ends.push(start);
    }
    bytes.truncate(start);
    (bytes, ends)
}

/// RFC 9000 section 12.2-1.
#[test]
fn coalesced_packets_are_read_one_by_one() {
    let (bytes, ends) = coalesced();
    let (mut start, mut seen) = (0, Vec::new());
    while start < bytes.len() {
        let packet = &bytes[start..];
        match Header::decode(packet, 8).unwrap() {
            Header::Initial(long) => {
                assert_eq!((long.destination, long.source, long.version), (id(8), id(5), Version::V1));
                assert_eq!(&packet[long.token.clone()], b"token");
                assert_eq!(packet[long.packet_number_offset..long.packet_number_offset + 2], [0x12, 0x34]);
                start += long.end;
            }
            Header::Handshake(long) => {
                assert!(long.token.is_empty());
                assert_eq!(packet[long.packet_number_offset..long.packet_number_offset + 4], [0, 0, 0x12, 0x34]);
                start += long.end;
            }
            Header::ZeroRtt(long) => {
                assert_eq!((long.destination, long.source), (id(20), id(20)));
                start += long.end;
            }
            Header::OneRtt(short) => {
                assert_eq!((short.destination, short.packet_number_offset), (id(8), 9));
                start = bytes.len();
            }
            other => panic!("{other:?}"),
        }
        seen.push(start);
    }
    assert_eq!(seen, ends);
}

/// RFC 9000 section 10.3-7.
#[test]
fn every_truncation_is_dropped_or_stays_inside() {
    let (bytes, ends) = coalesced();
    for end in 0..ends[0] {
        assert_eq!(Header::decode(&bytes[..end], 8), Err(Discard::TooShort), "cut at {end}");
    }
    for end in 0..9 {
        assert_eq!(Header::decode(&bytes[ends[2]..ends[2] + end], 8), Err(Discard::TooShort));
    }
}

#[test]
fn every_changed_byte_stays_inside() {
    let (bytes, _) = coalesced();
    for at in 0..60 {
        for value in 0..=255 {
            let mut changed = bytes.clone();
            changed[at] = value;
            match Header::decode(&changed, 8) {
                Ok(Header::Initial(long) | Header::ZeroRtt(long) | Header::Handshake(long)) => {
                    assert!(long.end > 0 && long.end <= changed.len() && long.packet_number_offset <= long.end);
                    assert!(changed.get(long.token).is_some());
                }
                Ok(Header::OtherVersion { destination, source, .. }) => {
                    assert!(changed.get(destination).is_some() && changed.get(source).is_some());
                }
                Ok(Header::VersionNegotiation { versions, .. }) => assert!(changed.get(versions).is_some()),
                Ok(Header::Retry { token, integrity_tag, .. }) => {
                    assert_eq!((token.end, integrity_tag + 16), (integrity_tag, changed.len()));
                }
                Ok(Header::OneRtt(_)) | Err(_) => {}
            }
        }
    }
}

/// RFC 9000 section 17.2-2, 17.2-3, 17.2-5, 17.2-6.
#[test]
fn a5_ids_longer_than_20_bytes_are_not_of_version_1() {
    for (destination, source) in [(21, 0), (0, 21), (255, 255)] {
        let mut packet = vec![0xc0, 0, 0, 0, 1, destination as u8];
        packet.extend(vec![0; destination]);
        packet.push(source as u8);
        packet.extend(vec![0; source + 40]);
        assert_eq!(Header::decode(&packet, 8), Err(Discard::ConnectionIdTooLong));
        packet[4] = 2;
        assert_eq!(
            Header::decode(&packet, 8),
            Ok(Header::OtherVersion {
                version: Version(2),
                destination: 6..6 + destination,
                source: 7 + destination..7 + destination + source,
            })
        );
        assert_eq!(destination_connection_id(&packet, 8), Some(&packet[6..6 + destination]));
    }
}

/// RFC 9000 section 17.2-1, 17.2.1-1, 17.3.1-1.
#[test]
fn the_fixed_bit_is_asked_of_version_1_only() {
    let (mut bytes, ends) = coalesced();
    bytes[0] &= !FIXED_BIT;
    assert_eq!(Header::decode(&bytes, 8), Err(Discard::FixedBit));
    assert!(matches!(Header::decode_greased(&bytes, 8), Ok(Header::Initial(_))), "RFC 9287");
    bytes[ends[2]] &= !FIXED_BIT;
    assert_eq!(Header::decode(&bytes[ends[2]..], 8), Err(Discard::FixedBit));
    assert!(matches!(Header::decode_greased(&bytes[ends[2]..], 8), Ok(Header::OneRtt(_))));
    bytes[4] = 9;
    assert!(matches!(Header::decode(&bytes, 8), Ok(Header::OtherVersion { .. })));
}

#[test]
fn a_length_of_any_size_is_checked() {
    for length in [[0xff; 8], [0xc0, 0, 0, 0, 0, 0, 0, 41]] {
        let mut packet = vec![0xe0, 0, 0, 0, 1, 0, 0];
        packet.extend_from_slice(&length);
        packet.extend_from_slice(&[0; 40]);
        assert_eq!(Header::decode(&packet, 8), Err(Discard::TooShort));
    }
}

/// RFC 9000 section 17.2.5.2-4.
#[test]
fn p5_a_retry_too_short_for_its_tag_is_dropped() {
    let mut buffer = [0; 100];
    let mut writer = Writer::new(&mut buffer);
    encode_retry(&mut writer, Version::V1, 0, id(8), id(8), b"t").unwrap();
    let end = writer.position() + 16;
    for len in 0..end {
        assert_eq!(Header::decode(&buffer[..len], 8), Err(Discard::TooShort));
    }
    let expected = Header::Retry {
        version: Version::V1,
        destination: id(8),
        source: id(8),
        token: end - 17..end - 16,
        integrity_tag: end - 16,
    };
    assert_eq!(Header::decode(&buffer[..end], 8), Ok(expected));
}

#[test]
fn p6_a_datagram_full_of_minimal_packets_takes_one_step_each() {
    // A Handshake packet of empty IDs and a Length of 0 is 8 bytes: the shortest that has an end.
    let packet = [0xe0, 0, 0, 0, 1, 0, 0, 0];
    let datagram = packet.repeat(8192);
    let (mut start, mut steps) = (0, 0);
    while let Ok(Header::Handshake(long)) = Header::decode(&datagram[start..], 8) {
        start += long.end;
        steps += 1;
    }
    assert_eq!((start, steps), (datagram.len(), 8192));
}

/// RFC 9000 section 17.2.1-3.
#[test]
fn version_negotiation_both_ways() {
    let mut buffer = [0; 100];
    let mut writer = Writer::new(&mut buffer);
    encode_version_negotiation(&mut writer, 0x15, &[1; 3], &[2; 20], &[Version::V1, Version(0x1a2a_3a4a)]).unwrap();
    let len = writer.position();
    let Ok(Header::VersionNegotiation { destination, source, versions }) = Header::decode(&buffer[..len], 8) else {
        panic!("{:?}", Header::decode(&buffer[..len], 8));
    };
    assert_eq!((destination.as_slice(), source.as_slice()), (&[1; 3][..], &[2; 20][..]));
    assert_eq!(buffer[versions], [0, 0, 0, 1, 0x1a, 0x2a, 0x3a, 0x4a]);
    for cut in 1..8 {
        let expected = if cut == 4 { None } else { Some(Discard::VersionList) };
        assert_eq!(Header::decode(&buffer[..len - cut], 8).err(), expected);
    }
    assert_eq!(Header::decode(&buffer[..len - 8], 8), Err(Discard::VersionList));
}

#[test]
fn a_header_is_written_whole_or_not_at_all() {
    let number = PacketNumber::ZERO;
    let full = |room: usize, packet: usize| {
        let mut buffer = [0; 100];
        let mut writer = Writer::new(&mut buffer[..room]);
        let result = match packet {
            0 => encode_initial(&mut writer, Version::V1, id(8), id(8), b"token", number, 2).map(|_| ()),
            1 => encode_handshake(&mut writer, Version::V1, id(8), id(8), number, 2).map(|_| ()),
            2 => encode_short(&mut writer, id(8), false, false, number, 2).map(|_| ()),
            3 => encode_retry(&mut writer, Version::V1, 0, id(8), id(8), b"token"),
            _ => encode_version_negotiation(&mut writer, 0, &[1; 8], &[2; 8], &[Version::V1]),
        };
        assert_eq!(result.is_err(), writer.position() == 0);
        result.is_err()
    };
    for packet in 0..5 {
        let first_fit = (0..100).find(|room| !full(*room, packet)).unwrap();
        assert!((first_fit..100).all(|room| !full(room, packet)));
    }
}

#[test]
fn invariants_alone_find_the_destination() {
    let (bytes, ends) = coalesced();
    assert_eq!(destination_connection_id(&bytes, 4), Some(id(8).as_slice()));
    assert_eq!(destination_connection_id(&bytes[ends[2]..], 8), Some(id(8).as_slice()));
    assert_eq!(destination_connection_id(&bytes[ends[2]..ends[2] + 8], 8), None);
    for end in 0..14 {
        assert_eq!(destination_connection_id(&bytes[..end], 8), None);
    }
}
