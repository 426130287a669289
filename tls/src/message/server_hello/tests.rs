use super::*;
use crate::message::framing::HEADER_LEN;

/// As the answer to a client of ours without a session ID.
fn decode(body: &[u8]) -> Result<ServerHelloOrRetry<'_>, Violation> {
    ServerHelloOrRetry::decode(body, &[], &[0, 10, 13, 16, 43, 51].map(ExtensionType).into())
}

fn hello() -> Vec<u8> {
    encode_server_hello(&[7; 32], &[], 0x1301, NamedGroup::X25519, &[5; 32]).unwrap().split_off(HEADER_LEN)
}

fn retry() -> Vec<u8> {
    encode_hello_retry_request(&[], 0x1301, NamedGroup::SECP256R1).unwrap().split_off(HEADER_LEN)
}

/// RFC 9846 section 4.2.3-1, 4.2.3-7, 4.2.3-9, 4.2.3-10, 4.2.3-11, 4.2.4-1, 4.3.1-9, 4.3.1-10.
#[test]
fn what_is_written_is_read() {
    let bytes = hello();
    let Ok(ServerHelloOrRetry::Hello(hello)) = decode(&bytes) else { panic!("no ServerHello") };
    assert_eq!((hello.cipher_suite, hello.key_share), (0x1301, Some((NamedGroup::X25519, &[5; 32][..]))));
    let bytes = retry();
    let Ok(ServerHelloOrRetry::Retry(retry)) = decode(&bytes) else { panic!("no retry") };
    assert_eq!((retry.cipher_suite, retry.selected_group, retry.cookie), (0x1301, Some(NamedGroup::SECP256R1), None));
}

#[test]
fn no_truncation_parses_and_no_change_panics() {
    for bytes in [hello(), retry()] {
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{end}");
        }
        for position in 0..bytes.len() {
            for value in 0..=255 {
                let mut changed = bytes.clone();
                changed[position] = value;
                let _ = decode(&changed);
            }
        }
    }
}

/// RFC 9846 section 4.2.3-15, 4.2.3-17, 4.3.1-11, 4.3.1-12, 9.2-2.
#[test]
fn older_versions_and_their_disguises() {
    // Legacy version, random, session ID, suite, compression: a ServerHello of TLS 1.2 without extensions.
    let older = |version: [u8; 2], end: &[u8; 8]| {
        let mut bytes = version.to_vec();
        bytes.extend_from_slice(&[7; 24]);
        bytes.extend_from_slice(end);
        bytes.extend_from_slice(&[0, 0x13, 1, 0]);
        decode(&bytes).err()
    };
    assert_eq!(older([3, 3], &[7; 8]), Some(Violation::VersionTooOld));
    assert_eq!(older([3, 3], b"DOWNGRD\x01"), Some(Violation::Downgrade));
    assert_eq!(older([3, 3], b"DOWNGRD\x00"), Some(Violation::Downgrade));
    assert_eq!(older([3, 1], b"DOWNGRD\x00"), Some(Violation::Downgrade));
    assert_eq!(older([3, 1], &[7; 8]), Some(Violation::VersionTooOld));
    // The version comes before all that only TLS 1.3 has rules for: session ID, compression and extensions.
    let mut session = [&[3, 3][..], &[7; 32], &[1, 0xaa, 0xc0, 0x2f, 1]].concat();
    assert_eq!(decode(&session).err(), Some(Violation::VersionTooOld));
    session.extend_from_slice(&[0, 5, 0xff, 1, 0, 1, 0]);
    assert_eq!(decode(&session).err(), Some(Violation::VersionTooOld));
    // In TLS 1.3 the end of the random means nothing.
    let mut random = [7; 32];
    random[24..].copy_from_slice(b"DOWNGRD\x01");
    let bytes = encode_server_hello(&random, &[], 0x1301, NamedGroup::X25519, &[5; 32]).unwrap();
    assert!(decode(&bytes[HEADER_LEN..]).is_ok());
}

/// RFC 9846 section 4.2.3-2, 4.2.3-5, 4.2.3-8, 4.2.4-4, 4.2.4-12, 4.3.1-13.
#[test]
fn legacy_fields_are_checked_in_both_forms() {
    for bytes in [hello(), retry()] {
        let changed = |position: usize, value: u8| {
            let mut changed = bytes.clone();
            changed[position] = value;
            decode(&changed).err()
        };
        assert_eq!(changed(1, 4), Some(Violation::LegacyVersion));
        assert_eq!(changed(37, 1), Some(Violation::CompressionMethod));
        // supported_versions is written first: type, length, and the version in the bytes 44 and 45.
        assert_eq!(changed(45, 3), Some(Violation::VersionNotOffered));
        assert_eq!(changed(45, 5), Some(Violation::VersionNotOffered));
        let mut with_session_id = bytes.clone();
        with_session_id.splice(34..35, [1, 0xaa]);
        assert_eq!(decode(&with_session_id).err(), Some(Violation::SessionIdEcho));
        // 32 bytes are the most that a session ID may have.
        with_session_id.splice(34..36, core::iter::once(32).chain([0xaa; 32]));
        assert_eq!(decode(&with_session_id).err(), Some(Violation::SessionIdEcho));
        with_session_id.splice(34..67, core::iter::once(33).chain([0xaa; 33]));
        assert_eq!(decode(&with_session_id).err(), Some(Violation::Malformed));
    }
}
