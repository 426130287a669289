use super::*;
use crate::message::framing::HEADER_LEN;
use alloc::vec;

fn fields<'a>(protocols: &'a [Vec<u8>], cookie: Option<&'a [u8]>) -> ClientHelloFields<'a> {
    ClientHelloFields {
        random: &[9; 32],
        session_id: &[],
        cipher_suites: &[0x1301, 0x1302],
        server_name: Some("server.example"),
        supported_groups: &[0x001d, 0x0017],
        signature_algorithms: &[0x0403],
        key_shares: &[(NamedGroup::X25519, &[5; 32])],
        application_protocols: protocols,
        carrier_extension: Some((ExtensionType::QUIC_TRANSPORT_PARAMETERS, b"parameters")),
        cookie,
        resumption: ResumptionFields::default(),
        requests_ocsp_response: false,
    }
}

/// RFC 9001 section 4.2-1, 8.2-1, 8.4-1.
/// RFC 9114 section 3.2-2, 3.2-3.
/// RFC 9846 section 4.2.2-12, 4.2.2-20, 4.3.1-1, 9.2-10.
#[test]
fn what_is_written_is_read() {
    let protocols = [b"h3".to_vec(), b"x".to_vec()];
    let bytes = fields(&protocols, Some(b"cookie")).encode().unwrap().0;
    let hello = ClientHello::decode(&bytes[HEADER_LEN..]).unwrap();
    assert_eq!((hello.legacy_version, hello.random), (LEGACY_VERSION, [9; 32]));
    assert_eq!((hello.legacy_session_id, hello.legacy_compression_methods), (&[][..], &[0][..]));
    assert_eq!(hello.cipher_suites.iter().collect::<Vec<_>>(), [0x1301, 0x1302]);
    assert_eq!(hello.server_name, Some(&b"server.example"[..]));
    assert_eq!(hello.supported_versions.unwrap().iter().collect::<Vec<_>>(), [TLS13]);
    assert_eq!(hello.key_shares.unwrap().find(NamedGroup::X25519), Some(&[5; 32][..]));
    assert_eq!(hello.application_protocols.unwrap().iter().collect::<Vec<_>>(), [&b"h3"[..], b"x"]);
    assert_eq!(hello.extensions.find(ExtensionType::QUIC_TRANSPORT_PARAMETERS), Some(&b"parameters"[..]));
    assert_eq!(hello.cookie, Some(&b"cookie"[..]));
    assert!(hello.pre_shared_keys.is_none() && !hello.offers_early_data);
}

/// RFC 6066 section 8.
#[test]
fn a_request_for_an_ocsp_response_is_read() {
    let asked = ClientHelloFields { requests_ocsp_response: true, ..fields(&[], None) }.encode().unwrap().0;
    assert!(ClientHello::decode(&asked[HEADER_LEN..]).unwrap().requests_ocsp_response);
    let not = fields(&[], None).encode().unwrap().0;
    assert!(!ClientHello::decode(&not[HEADER_LEN..]).unwrap().requests_ocsp_response);
    for (data, expected) in [
        (&[1, 0, 0, 0, 0][..], Ok(true)),
        // Responders and extensions of the client's choice.
        (&[1, 0, 3, 0, 1, 7, 0, 1, 9], Ok(true)),
        // Another kind of status, of which nothing is known.
        (&[2], Ok(false)),
        (&[2, 9, 9], Ok(false)),
        (&[], Err(Violation::Malformed)),
        (&[1], Err(Violation::Malformed)),
        (&[1, 0, 0, 0], Err(Violation::Malformed)),
        (&[1, 0, 0, 0, 0, 0], Err(Violation::Malformed)),
        (&[1, 0, 2, 0, 0, 0, 0], Err(Violation::Malformed)),
    ] {
        assert_eq!(decode_status_request(data), expected, "{data:?}");
    }
}

#[test]
fn no_truncation_parses_and_no_change_panics() {
    let bytes = fields(&[b"h3".to_vec()], Some(b"cookie")).encode().unwrap().0;
    let body = &bytes[HEADER_LEN..];
    // Up to the compression methods it is a whole hello of an older version.
    let without_extensions = 2 + 32 + 1 + 2 + 4 + 2;
    for end in 0..body.len() {
        assert_eq!(ClientHello::decode(&body[..end]).is_ok(), end == without_extensions, "{end}");
    }
    let mut longer = body.to_vec();
    longer.push(0);
    assert_eq!(ClientHello::decode(&longer).err(), Some(Violation::Malformed));
    for position in 0..body.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff, body[position] ^ 1] {
            let mut changed = body.to_vec();
            changed[position] = value;
            let _ = ClientHello::decode(&changed);
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error_of_ours() {
    let long = [vec![b'a'; 256]];
    assert_eq!(fields(&long, None).encode().err(), Some(LocalError::TooLong));
    let many = vec![vec![b'a'; 255]; 300];
    assert_eq!(fields(&many, None).encode().err(), Some(LocalError::TooLong));
    let cookie = vec![1; 65_000];
    let protocols = [vec![b'a'; 255], vec![b'b'; 255]];
    assert_eq!(fields(&protocols, Some(&cookie)).encode().err(), Some(LocalError::TooLong));
}

/// A hello with one extension.
fn decode_with(kind: ExtensionType, data: &[u8]) -> Option<Violation> {
    let mut body = vec![3, 3];
    body.extend_from_slice(&[9; 32]);
    body.extend_from_slice(&[0, 0, 2, 0x13, 1, 1, 0]);
    push_u16_block(&mut body, |out| {
        crate::message::extension::push_extension(out, kind, |out| {
            out.extend_from_slice(data);
            Ok(())
        })
    })
    .unwrap();
    ClientHello::decode(&body).err()
}

/// RFC 9846 section 4.3-1, 4.3-2, 9.2-1.
#[test]
fn each_extension_is_read_to_its_end_and_not_further() {
    use ExtensionType as E;
    type Case = (E, &'static [u8], &'static [&'static [u8]]);
    let cases: &[Case] = &[
        (E::SERVER_NAME, &[0, 4, 0, 0, 1, b'a'], &[&[0, 0], &[0, 3, 0, 0, 0]]),
        (E::SUPPORTED_GROUPS, &[0, 2, 0, 0x1d], &[&[0, 0], &[0, 1, 0]]),
        (E::SIGNATURE_ALGORITHMS, &[0, 2, 4, 3], &[&[0, 0], &[0, 3, 4, 3, 4]]),
        (E::SIGNATURE_ALGORITHMS_CERT, &[0, 2, 4, 3], &[&[0, 0]]),
        (E::CERTIFICATE_AUTHORITIES, &[0, 5, 0, 3, 0x30, 1, 0], &[&[0, 0], &[0, 2, 0, 0]]),
        (E::SUPPORTED_VERSIONS, &[2, 3, 4], &[&[0], &[1, 3]]),
        (E::KEY_SHARE, &[0, 5, 0, 0x1d, 0, 1, 7], &[&[0, 4, 0, 0x1d, 0, 0]]),
        (E::ALPN, &[0, 3, 2, b'h', b'3'], &[&[0, 0], &[0, 1, 0]]),
        (E::COOKIE, &[0, 1, 9], &[&[0, 0]]),
        (E::PSK_KEY_EXCHANGE_MODES, &[1, 1], &[&[0]]),
    ];
    for (kind, whole, bad) in cases {
        assert_eq!(decode_with(*kind, whole), None, "{kind:?}");
        for end in 0..whole.len() {
            assert_eq!(decode_with(*kind, &whole[..end]), Some(Violation::Malformed), "{kind:?} cut at {end}");
        }
        let mut longer = whole.to_vec();
        longer.push(0);
        assert_eq!(decode_with(*kind, &longer), Some(Violation::Malformed), "{kind:?} with a byte too many");
        for data in *bad {
            assert_eq!(decode_with(*kind, data), Some(Violation::Malformed), "{kind:?} {data:?}");
        }
    }
    for kind in [E::EARLY_DATA, E::POST_HANDSHAKE_AUTH] {
        assert_eq!(decode_with(kind, &[]), None);
        assert_eq!(decode_with(kind, &[0]), Some(Violation::Malformed));
    }
    // An empty list of key shares asks for a HelloRetryRequest.
    assert_eq!(decode_with(E::KEY_SHARE, &[0, 0]), None);
    assert_eq!(
        decode_with(E::KEY_SHARE, &[0, 10, 0, 0x1d, 0, 1, 7, 0, 0x1d, 0, 1, 8]),
        Some(Violation::DuplicateKeyShare)
    );
    assert_eq!(
        decode_with(E::SERVER_NAME, &[0, 8, 0, 0, 1, b'a', 0, 0, 1, b'b']),
        Some(Violation::ServerNameMalformed)
    );
}

/// RFC 9846 section 4.3.11-15.
#[test]
fn binders_of_every_length() {
    let psk = |binders: &[&[u8]]| {
        let mut data = vec![0, 7, 0, 1, 9, 0, 0, 0, 0];
        push_u16_block(&mut data, |out| {
            binders.iter().try_for_each(|binder| push_u8_prefixed(out, |out| out.extend_from_slice(binder)))
        })
        .unwrap();
        decode_with(ExtensionType::PRE_SHARED_KEY, &data)
    };
    for len in 0..=64 {
        let expected = (len < 32).then_some(Violation::Malformed);
        assert_eq!(psk(&[&vec![1; len]]), expected, "{len}");
    }
    assert_eq!(psk(&[]), Some(Violation::Malformed));
    assert_eq!(psk(&[&[1; 32], &[2; 32]]), Some(Violation::PreSharedKeyBinders));
    assert_eq!(
        decode_with(ExtensionType::PRE_SHARED_KEY, &[0, 14, 0, 1, 9, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0]),
        Some(Violation::Malformed)
    );
}
