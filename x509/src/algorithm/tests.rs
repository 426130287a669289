use super::*;
use alloc::vec::Vec;

fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let element = |tag: u8, value: &[u8]| {
        let length = u16::try_from(value.len()).expect("short");
        let head = match length {
            0..0x80 => [&[tag][..], &[length as u8]].concat(),
            0x80..0x100 => [&[tag, 0x81][..], &[length as u8]].concat(),
            _ => [&[tag, 0x82][..], &length.to_be_bytes()].concat(),
        };
        [&head[..], value].concat()
    };
    element(0x30, &[element(2, modulus), element(2, exponent)].concat())
}

fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = alloc::vec![0xff; bits / 8 + 1];
    bytes[0] = (1u16 << (bits % 8)).wrapping_sub(1) as u8;
    if bytes[0] != 0 && bytes[0] & 0x80 != 0 {
        bytes.insert(0, 0);
    }
    bytes
}

#[test]
fn c10_rsa_keys_of_accepted_lengths_only() {
    let accepted = |bits, exponent: &[u8]| is_acceptable_rsa(&rsa(&modulus(bits), exponent)).unwrap_or(false);
    let usual = [1, 0, 1];
    assert!(accepted(2048, &usual) && accepted(3072, &usual) && accepted(8192, &usual) && accepted(2048, &[3]));
    for bits in [0, 1024, 2040, 2047, 2052, 8193, 8200, 16384] {
        assert!(!accepted(bits, &usual), "{bits}");
    }
    for exponent in [&[1][..], &[0], &[2], &[0x83], &[1, 0, 0, 0, 0, 1]] {
        assert!(!accepted(2048, exponent), "{exponent:?}");
    }
    let mut even = modulus(2048);
    *even.last_mut().expect("bytes") = 0;
    assert!(!is_acceptable_rsa(&rsa(&even, &usual)).unwrap_or(false));
    assert!(is_acceptable_rsa(&[]).is_err() && is_acceptable_rsa(&[0x30, 0]).is_err());
}

/// RFC 9846 section 4.3.3-7, 4.3.3-8, 4.3.3-11.
/// RFC 5280 section 1-2.
#[test]
fn algorithm_identifiers_with_their_parameters() {
    let identifier = |oid: &[u8], rest: &[u8]| [&[6, oid.len() as u8][..], oid, rest].concat();
    let signature = |oid, rest: &[u8]| signature_algorithm(&identifier(oid, rest));
    assert_eq!(signature(oid::ECDSA_SHA256, &[]), Some(SignatureAlgorithm::EcdsaSha256));
    assert_eq!(signature(oid::ECDSA_SHA256, &[5, 0]), None);
    assert_eq!(signature(oid::RSA_SHA256, &[5, 0]), Some(SignatureAlgorithm::RsaPkcs1Sha256));
    assert_eq!(signature(oid::RSA_SHA256, &[]), Some(SignatureAlgorithm::RsaPkcs1Sha256));
    assert_eq!(signature(oid::RSA_SHA384, &[5, 0]), Some(SignatureAlgorithm::RsaPkcs1Sha384));
    assert_eq!(signature(oid::RSA_SHA512, &[5, 0]), Some(SignatureAlgorithm::RsaPkcs1Sha512));
    assert_eq!(signature(oid::RSA_SHA256, &[4, 0]), None);
    assert_eq!(signature(oid::ED25519, &[]), Some(SignatureAlgorithm::Ed25519));
    assert_eq!(signature(oid::SHA256, &[]), None);
    assert_eq!(signature_algorithm(&[]), None);

    let hash = |oid: &[u8]| [&[0x30, 13, 6, 9][..], oid, &[5, 0]].concat();
    let pss = |message: &[u8], mask: &[u8], salt: u8| {
        let mask = [&[0x30, 26, 6, 9][..], oid::MGF1, &hash(mask)].concat();
        let parameters = [&[0xa0, 15][..], &hash(message), &[0xa1, 28], &mask, &[0xa2, 3, 2, 1, salt]].concat();
        signature(oid::RSA_PSS, &[&[0x30, parameters.len() as u8][..], &parameters].concat())
    };
    assert_eq!(pss(oid::SHA256, oid::SHA256, 32), Some(SignatureAlgorithm::RsaPssSha256));
    assert_eq!(pss(oid::SHA384, oid::SHA384, 48), Some(SignatureAlgorithm::RsaPssSha384));
    assert_eq!(pss(oid::SHA512, oid::SHA512, 64), Some(SignatureAlgorithm::RsaPssSha512));
    // A hash may come with NULL or without anything, not with a NULL that holds something nor with more behind it.
    let hash_with = |rest: &[u8]| {
        let contents = identifier(oid::SHA256, rest);
        let sequence = [&[0x30, contents.len() as u8][..], &contents].concat();
        hash_of(&mut Elements::new(&sequence)).map(<[u8]>::to_vec)
    };
    assert_eq!(hash_with(&[]).as_deref(), Some(oid::SHA256));
    assert_eq!(hash_with(&[5, 0]).as_deref(), Some(oid::SHA256));
    for rest in [&[5, 1, 0][..], &[5, 0, 5, 0], &[4, 0]] {
        assert_eq!(hash_with(rest), None, "{rest:?}");
    }
    assert_eq!(pss(oid::SHA256, oid::SHA384, 32), None);
    assert_eq!(pss(oid::SHA256, oid::SHA256, 20), None);
    assert_eq!(signature(oid::RSA_PSS, &[]), None);

    let key = |oid, rest: &[u8]| key_algorithm(&identifier(oid, rest));
    assert_eq!(key(oid::RSA_ENCRYPTION, &[5, 0]), Some(PublicKeyAlgorithm::Rsa));
    assert_eq!(key(oid::EC_PUBLIC_KEY, &identifier(oid::P384, &[])), Some(PublicKeyAlgorithm::EcP384));
    assert_eq!(key(oid::EC_PUBLIC_KEY, &[0x30, 0]), None, "explicit parameters");
    assert_eq!(key(oid::EC_PUBLIC_KEY, &[]), None);
    assert_eq!(public_key(&identifier(oid::ED25519, &[]), &[0; 31]), Err(BadKey::Unacceptable));
    // RFC 5480 s2.2: a point is written in full, and as long as its curve has it.
    for (curve, length, kind) in
        [(oid::P256, 65, PublicKeyAlgorithm::EcP256), (oid::P384, 97, PublicKeyAlgorithm::EcP384)]
    {
        let point = |first: u8, length: usize| {
            let mut key = alloc::vec![7; length];
            key[0] = first;
            public_key(&identifier(oid::EC_PUBLIC_KEY, &identifier(curve, &[])), &key)
        };
        assert_eq!(point(4, length), Ok(kind));
        for (first, length) in [(4, length - 1), (4, length + 1), (2, length), (3, length / 2 + 1), (6, length)] {
            assert_eq!(point(first, length), Err(BadKey::Unacceptable), "{first}, {length}");
        }
    }
    assert_eq!(public_key(&identifier(oid::SHA256, &[]), &[0; 31]), Err(BadKey::Unsupported));
}
