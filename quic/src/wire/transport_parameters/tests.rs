use super::*;
use alloc::vec;

fn id(byte: u8) -> ConnectionId {
    ConnectionId::new(&[byte; 8]).unwrap()
}

fn everything() -> TransportParameters {
    TransportParameters {
        original_destination_connection_id: Some(id(1)),
        max_idle_timeout: Duration::from_secs(30),
        stateless_reset_token: Some(ResetToken([2; 16])),
        max_udp_payload_size: 1472,
        initial_max_data: 1 << 30,
        initial_max_stream_data_bidi_local: 1 << 20,
        initial_max_stream_data_bidi_remote: 70_000,
        initial_max_stream_data_uni: 63,
        initial_max_streams_bidi: 1 << 60,
        initial_max_streams_uni: 3,
        ack_delay_exponent: 20,
        max_ack_delay: Duration::from_millis((1 << 14) - 1),
        disable_active_migration: true,
        preferred_address: Some(PreferredAddress {
            ipv4: Some(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 443)),
            ipv6: Some(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 444, 0, 0)),
            connection_id: id(3),
            stateless_reset_token: ResetToken([4; 16]),
        }),
        active_connection_id_limit: 4,
        initial_source_connection_id: Some(ConnectionId::EMPTY),
        retry_source_connection_id: Some(id(5)),
        max_datagram_frame_size: 65_535,
        reset_stream_at: true,
        version_information: Some(VersionInformation {
            chosen: Version::V1,
            available: vec![Version(0x1a2a_3a4a), Version::V2, Version::V1],
        }),
        grease_quic_bit: true,
        min_ack_delay: Some(Duration::from_micros(1_234)),
    }
}

fn parameter(id: u64, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push_id(&mut out, id, value.len());
    out.extend_from_slice(value);
    out
}

fn decode(bytes: &[u8]) -> Result<TransportParameters, Violation> {
    TransportParameters::decode(bytes, Side::Server)
}

/// RFC 9000 section 7.4-2.
#[test]
fn what_a_server_sends_is_read_back() {
    for grease in [0, 7, u64::MAX, 0x1234_5678_9abc_def5] {
        assert_eq!(decode(&everything().encode(Side::Server, grease)), Ok(everything()));
    }
    let default = TransportParameters::default();
    assert_eq!(decode(&default.encode(Side::Server, 0)), Ok(default));
}

/// RFC 9000 section 18.2-1, 18.2-10, 18.2-11.
#[test]
fn a_client_sends_nothing_of_a_servers() {
    let expected = TransportParameters {
        original_destination_connection_id: None,
        stateless_reset_token: None,
        preferred_address: None,
        retry_source_connection_id: None,
        ..everything()
    };
    let bytes = everything().encode(Side::Client, 5);
    assert_eq!(TransportParameters::decode(&bytes, Side::Client), Ok(expected));
    for (number, value) in [(0x00, &[1; 8][..]), (0x02, &[1; 16]), (0x0d, &[1; 49]), (0x10, &[1; 8])] {
        let result = TransportParameters::decode(&parameter(number, value), Side::Client);
        assert_eq!(result, Err(Violation::TransportParameterOfServer));
    }
}

#[test]
fn p2_every_truncation_is_an_error_or_ends_between_parameters() {
    let bytes = everything().encode(Side::Server, 3);
    let mut whole = 0;
    for end in 0..=bytes.len() {
        match decode(&bytes[..end]) {
            Ok(_) => whole += 1,
            Err(violation) => assert_eq!(violation, Violation::TransportParameters),
        }
    }
    assert_eq!(whole, 24, "22 parameters, the reserved one, and none at all");
}

#[test]
fn p2_every_changed_byte_gives_parameters_or_an_error() {
    let bytes = everything().encode(Side::Server, 3);
    for at in 0..bytes.len() {
        for value in 0..=255 {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = decode(&changed);
            let _ = TransportParameters::decode(&changed, Side::Client);
        }
    }
}

#[test]
fn p2_every_parameter_twice_is_an_error() {
    let values: [(u64, &[u8]); 22] = [
        (0x00, &[]),
        (0x01, &[1]),
        (0x02, &[1; 16]),
        (0x03, &[0x45, 0x00]),
        (0x04, &[1]),
        (0x05, &[1]),
        (0x06, &[1]),
        (0x07, &[1]),
        (0x08, &[1]),
        (0x09, &[1]),
        (0x0a, &[1]),
        (0x0b, &[1]),
        (0x0c, &[]),
        (0x0e, &[2]),
        (0x0f, &[]),
        (0x10, &[]),
        (0x11, &[0, 0, 0, 1]),
        (0x12, &[]),
        (0x1d, &[]),
        (0x20, &[5]),
        (0x2ab2, &[]),
        ((1 << 62) - 1, &[7]),
    ];
    for (number, value) in values {
        let once = parameter(number, value);
        assert!(decode(&once).is_ok(), "{number:#x}");
        assert_eq!(decode(&once.repeat(2)), Err(Violation::TransportParameters), "{number:#x}");
    }
}

/// RFC 9000 section 4.6-1, 7.4-1, 18.2-9.
/// draft-ietf-quic-reliable-stream-reset section 3-1.
/// RFC 9287 section 3-1.
#[test]
fn p2_values_out_of_range_or_of_wrong_length_are_errors() {
    let number = |value: u64| {
        let mut out = Vec::new();
        push_varint(&mut out, VarInt::new(value).unwrap());
        out
    };
    let cases = [
        (0x03, number(1199)),
        (0x08, number((1 << 60) + 1)),
        (0x09, number((1 << 60) + 1)),
        (0x0a, number(21)),
        (0x0b, number(1 << 14)),
        (0x0e, number(1)),
        (0x0e, number(0)),
        (0x0c, vec![0]),
        (0x1d, vec![0]),
        (0x02, vec![0; 15]),
        (0x02, vec![0; 17]),
        (0x00, vec![0; 21]),
        (0x0f, vec![0; 21]),
        (0x10, vec![0; 21]),
        (0x0d, vec![0; 41]),
        (0x2ab2, vec![0]),
    ];
    for (id, value) in cases {
        assert_eq!(decode(&parameter(id, &value)), Err(Violation::TransportParameters), "{id:#x}");
    }
    for id in [0x01, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0e, 0x20] {
        for value in [&[][..], &[0x40], &[2, 0], &[0xff; 7]] {
            assert_eq!(decode(&parameter(id, value)), Err(Violation::TransportParameters), "{id:#x} {value:?}");
        }
    }
}

/// RFC 9000 section 18.2-7.
/// draft-ietf-quic-ack-frequency section 3-2.
#[test]
fn the_shortest_delay_of_an_acknowledgment_is_no_longer_than_the_longest() {
    let (shortest, longest) = (0xff04_de1b, 0x0b);
    let both = |micros, bytes: &[u8]| [parameter(shortest, micros), parameter(longest, bytes)].concat();
    let delay = |bytes: &[u8]| decode(bytes).map(|parameters| parameters.min_ack_delay);
    // 25 ms is the default of the longest.
    assert_eq!(delay(&parameter(shortest, &[0x80, 0, 0x61, 0xa8])), Ok(Some(Duration::from_millis(25))));
    assert_eq!(delay(&parameter(shortest, &[0x80, 0, 0x61, 0xa9])), Err(Violation::TransportParameters));
    // Whatever their order is.
    assert_eq!(delay(&both(&[0x4f, 0xa0], &[4])), Ok(Some(Duration::from_millis(4))));
    assert_eq!(delay(&both(&[0x4f, 0xa1], &[4])), Err(Violation::TransportParameters));
    for value in [&[][..], &[0, 0], &[0x40]] {
        assert_eq!(delay(&parameter(shortest, value)), Err(Violation::TransportParameters));
    }
}

#[test]
fn a_preferred_address_has_an_id() {
    let mut address = everything().preferred_address.unwrap();
    address.connection_id = ConnectionId::EMPTY;
    let mut value = Vec::new();
    address.encode(&mut value);
    assert_eq!(decode(&parameter(0x0d, &value)), Err(Violation::TransportParameters));
    address.connection_id = id(1);
    (address.ipv4, address.ipv6) = (None, None);
    value.clear();
    address.encode(&mut value);
    assert_eq!(decode(&parameter(0x0d, &value)).unwrap().preferred_address, Some(address));
    value.push(0);
    assert_eq!(decode(&parameter(0x0d, &value)), Err(Violation::TransportParameters));
}

/// RFC 9368 section 3-2, 4-4, 4-5, 4-6.
#[test]
fn p2_version_information_has_whole_versions_none_of_them_0_and_a_clients_own_among_them() {
    let read = |sender, versions: &[u32], cut: usize| {
        let mut value: Vec<u8> = versions.iter().flat_map(|version| version.to_be_bytes()).collect();
        value.truncate(value.len() - cut);
        TransportParameters::decode(&parameter(0x11, &value), sender).map(|read| read.version_information.unwrap())
    };
    for side in [Side::Client, Side::Server] {
        let whole = read(side, &[2, 1, 2], 0).unwrap();
        assert_eq!((whole.chosen, whole.available), (Version(2), vec![Version(1), Version(2)]));
        for wrong in [&[][..], &[0, 1, 0], &[1, 1, 0], &[0]] {
            assert_eq!(read(side, wrong, 0), Err(Violation::TransportParameters), "{wrong:?}");
        }
        for cut in 1..4 {
            assert_eq!(read(side, &[1, 1], cut), Err(Violation::TransportParameters), "{cut}");
        }
    }
    assert!(read(Side::Server, &[2, 1], 0).is_ok() && read(Side::Server, &[2], 0).is_ok());
    for incomplete in [&[2][..], &[2, 1]] {
        assert_eq!(read(Side::Client, incomplete, 0), Err(Violation::TransportParameters));
    }
}

/// RFC 9000 section 7.4.2-1.
#[test]
fn unknown_parameters_are_ignored_however_many() {
    let mut bytes = Vec::new();
    for number in 0..10_000 {
        bytes.extend(parameter(100 + number, &[]));
    }
    assert_eq!(decode(&bytes), Ok(TransportParameters::default()));
}
