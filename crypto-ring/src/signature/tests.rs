use super::{RSA_MAX_BITS, VERIFIERS, rsa_modulus_bits, rsa_size_is_acceptable};
use crate::hex::hex;
use crate::provider;
use alloc::vec::Vec;
use crypto::{BadSignature, PrivateKeyFormat, PublicKeyAlgorithm, SignatureAlgorithm, SignatureScheme};

/// Keys and signatures over this were made with another implementation.
const MESSAGE: &[u8] = b"posthaste";

fn public_key(format: PrivateKeyFormat, key: &[u8]) -> Vec<u8> {
    crate::load_key(format, key).unwrap().public_key().to_vec()
}

fn cases() -> Vec<(PublicKeyAlgorithm, SignatureAlgorithm, Vec<u8>, &'static [u8])> {
    let p256 = public_key(PrivateKeyFormat::Sec1, include_bytes!("../test_data/p256.sec1.der"));
    let p384 = public_key(PrivateKeyFormat::Sec1, include_bytes!("../test_data/p384.sec1.der"));
    let ed25519 = public_key(PrivateKeyFormat::Pkcs8, include_bytes!("../test_data/ed25519.pkcs8.der"));
    let rsa = public_key(PrivateKeyFormat::Pkcs1, include_bytes!("../test_data/rsa2048.pkcs1.der"));
    use PublicKeyAlgorithm as Key;
    use SignatureAlgorithm as Signature;
    alloc::vec![
        (Key::EcP256, Signature::EcdsaSha256, p256.clone(), include_bytes!("../test_data/p256-sha256.signature")),
        (Key::EcP256, Signature::EcdsaSha384, p256, include_bytes!("../test_data/p256-sha384.signature")),
        (Key::EcP384, Signature::EcdsaSha256, p384.clone(), include_bytes!("../test_data/p384-sha256.signature")),
        (Key::EcP384, Signature::EcdsaSha384, p384, include_bytes!("../test_data/p384-sha384.signature")),
        (Key::Ed25519, Signature::Ed25519, ed25519, include_bytes!("../test_data/ed25519.signature")),
        (Key::Rsa, Signature::RsaPkcs1Sha256, rsa.clone(), include_bytes!("../test_data/rsa-pkcs1-sha256.signature")),
        (Key::Rsa, Signature::RsaPkcs1Sha384, rsa.clone(), include_bytes!("../test_data/rsa-pkcs1-sha384.signature")),
        (Key::Rsa, Signature::RsaPkcs1Sha512, rsa.clone(), include_bytes!("../test_data/rsa-pkcs1-sha512.signature")),
        (Key::Rsa, Signature::RsaPssSha256, rsa.clone(), include_bytes!("../test_data/rsa-pss-sha256.signature")),
        (Key::Rsa, Signature::RsaPssSha384, rsa.clone(), include_bytes!("../test_data/rsa-pss-sha384.signature")),
        (Key::Rsa, Signature::RsaPssSha512, rsa, include_bytes!("../test_data/rsa-pss-sha512.signature")),
    ]
}

/// RFC 9846 section 4.3.3-1.
#[test]
fn each_row_verifies_its_own_signature_and_no_other() {
    let cases = cases();
    assert_eq!(cases.len(), VERIFIERS.len());
    for (key, algorithm, public_key, signature) in &cases {
        let row = provider().verifier(*key, *algorithm).unwrap();
        assert_eq!(row.verify(public_key, MESSAGE, signature), Ok(()));
        assert_eq!(row.verify(public_key, b"Posthaste", signature), Err(BadSignature));
        for (other_key, other_algorithm, other_public_key, other_signature) in &cases {
            if (key, algorithm) != (other_key, other_algorithm) {
                assert_eq!(row.verify(public_key, MESSAGE, other_signature), Err(BadSignature));
            }
            if key != other_key {
                assert_eq!(row.verify(other_public_key, MESSAGE, signature), Err(BadSignature));
            }
        }
    }
}

#[test]
fn every_changed_byte_and_every_truncation_is_refused() {
    for (key, algorithm, public_key, signature) in cases() {
        let row = provider().verifier(key, algorithm).unwrap();
        for position in 0..signature.len() {
            let mut forged = signature.to_vec();
            forged[position] ^= 1;
            assert_eq!(row.verify(&public_key, MESSAGE, &forged), Err(BadSignature));
            assert_eq!(row.verify(&public_key, MESSAGE, &signature[..position]), Err(BadSignature));
        }
        for len in 0..public_key.len() {
            assert_eq!(row.verify(&public_key[..len], MESSAGE, signature), Err(BadSignature));
        }
    }
}

/// RFC 8032 section 7.1, test 1: an empty message.
#[test]
fn ed25519_vector() {
    let row = provider().verifier_for_scheme(SignatureScheme::ED25519).unwrap();
    let key = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    let signature = hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b
        46bd25bf5f0595bbe24655141438e7a100b");
    assert_eq!(row.verify(&key, b"", &signature), Ok(()));
    assert_eq!(row.verify(&key, b"x", &signature), Err(BadSignature));
}

#[test]
fn a_handshake_is_signed_only_by_the_pairs_of_tls_1_3() {
    let schemes: Vec<_> = VERIFIERS.iter().filter_map(|row| row.scheme()).collect();
    let expected = [
        SignatureScheme::ECDSA_SECP256R1_SHA256,
        SignatureScheme::ED25519,
        SignatureScheme::ECDSA_SECP384R1_SHA384,
        SignatureScheme::RSA_PSS_RSAE_SHA256,
        SignatureScheme::RSA_PSS_RSAE_SHA384,
        SignatureScheme::RSA_PSS_RSAE_SHA512,
    ];
    assert_eq!(schemes, expected);
    assert!(provider().verifier_for_scheme(SignatureScheme::RSA_PKCS1_SHA256).is_none());
    let ed25519 = provider().verifier_for_scheme(SignatureScheme::ED25519).unwrap();
    assert_eq!(ed25519.public_key_algorithm(), PublicKeyAlgorithm::Ed25519);
}

/// A modulus of this many bits, all ones, and the exponent 65537.
fn rsa_key(bits: usize) -> Vec<u8> {
    let mut modulus = alloc::vec![0xff; bits.div_ceil(8)];
    modulus[0] >>= modulus.len() * 8 - bits;
    if modulus[0] & 0x80 != 0 {
        modulus.insert(0, 0);
    }
    let mut body = alloc::vec![0x02, 0x82];
    body.extend_from_slice(&(modulus.len() as u16).to_be_bytes());
    body.extend_from_slice(&modulus);
    body.extend_from_slice(&[0x02, 3, 1, 0, 1]);
    let mut key = alloc::vec![0x30, 0x82];
    key.extend_from_slice(&(body.len() as u16).to_be_bytes());
    key.extend_from_slice(&body);
    key
}

#[test]
fn c10_rsa_sizes_are_counted_in_bits() {
    for bits in [2040, 2041, 2047, 2048, 2049, 3072, 4096, RSA_MAX_BITS, RSA_MAX_BITS + 1, 16_384] {
        let key = rsa_key(bits);
        assert_eq!(rsa_modulus_bits(&key), Ok(bits));
        assert_eq!(rsa_size_is_acceptable(&key), (2048..=8192).contains(&bits));
        for len in 0..key.len() {
            assert!(!rsa_size_is_acceptable(&key[..len]));
        }
    }
    assert!(!rsa_size_is_acceptable(&hex("3003020100")));
    assert!(!rsa_size_is_acceptable(&hex("30020200")));
    assert!(!rsa_size_is_acceptable(&hex("3083010000")));
}

/// The signature is right, and the modulus one bit too short.
#[test]
fn a_modulus_of_2047_bits_is_refused() {
    let public_key = include_bytes!("../test_data/rsa2047.public.der");
    let signature = include_bytes!("../test_data/rsa2047-pkcs1-sha256.signature");
    let algorithm = &ring::signature::RSA_PKCS1_2048_8192_SHA256;
    assert!(ring::signature::UnparsedPublicKey::new(algorithm, public_key).verify(MESSAGE, signature).is_ok());
    let row = provider().verifier(PublicKeyAlgorithm::Rsa, SignatureAlgorithm::RsaPkcs1Sha256).unwrap();
    assert_eq!(row.verify(public_key, MESSAGE, signature), Err(BadSignature));
}

/// An ECDSA signature is a sequence of two positive integers in the one form of DER, each from 1 to below the group's order:
/// a signature has one encoding, and numbers that fit by chance are none.
#[test]
fn ecdsa_signatures_have_one_form() {
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
    let key = crate::generate_key(crypto::KeyKind::EcP256).unwrap();
    let key = crate::load_key(PrivateKeyFormat::Pkcs8, &key).unwrap();
    let row = provider().verifier(PublicKeyAlgorithm::EcP256, SignatureAlgorithm::EcdsaSha256).unwrap();
    let verify = |signature: &[u8]| row.verify(key.public_key(), MESSAGE, signature);
    let good = key.sign(SignatureScheme::ECDSA_SECP256R1_SHA256, MESSAGE).unwrap();
    assert_eq!(verify(&good), Ok(()));
    // The contents of the two integers, with what DER puts before them.
    let (first, second) = good[2..].split_at(2 + usize::from(good[3]));
    let element = |tag: u8, parts: &[&[u8]]| {
        let contents = parts.concat();
        [&[tag, contents.len() as u8][..], &contents].concat()
    };
    let (r, s) = (&first[2..], &second[2..]);
    assert_eq!(element(0x30, &[&element(2, &[r]), &element(2, &[s])]), good);
    let pair = |r: &[u8], s: &[u8]| element(0x30, &[&element(2, &[r]), &element(2, &[s])]);
    let order = [&[0][..], &hex(ORDER)].concat();
    // The same value again, beyond the order.
    let beyond = |number: &[u8]| {
        let mut sum = order.clone();
        let mut carry = 0;
        let padded = [&alloc::vec![0; order.len() - number.len()][..], number].concat();
        for (place, byte) in sum.iter_mut().zip(padded).rev() {
            let total = u16::from(*place) + u16::from(byte) + carry;
            (*place, carry) = (total as u8, total >> 8);
        }
        sum
    };
    let negative = |number: &[u8]| [&[number[0] | 0x80][..], &number[1..]].concat();
    let zero_before = |number: &[u8]| [&[0][..], number].concat();
    for (what, signature) in [
        ("nothing", Vec::new()),
        ("no integers", element(0x30, &[])),
        ("one integer", element(0x30, &[first])),
        ("three integers", element(0x30, &[first, second, second])),
        ("bytes behind", [&good[..], &[0]].concat()),
        ("bytes behind, inside", element(0x30, &[first, second, &[5, 0]])),
        ("a set", [&[0x31], &good[1..]].concat()),
        ("a long length", [&[0x30, 0x81, good[1]], &good[2..]].concat()),
        ("an indefinite length", [&[0x30, 0x80], &good[2..], &[0, 0]].concat()),
        ("a length too small", [&[0x30, good[1] - 1], &good[2..]].concat()),
        ("a length too large", [&[0x30, good[1] + 1], &good[2..]].concat()),
        ("a zero before r", pair(&zero_before(&zero_before(r)), s)),
        ("a zero before s", pair(r, &zero_before(&zero_before(s)))),
        ("a negative r", pair(&negative(r), s)),
        ("a negative s", pair(r, &negative(s))),
        ("r of 0", pair(&[0], s)),
        ("s of 0", pair(r, &[0])),
        ("both 0", pair(&[0], &[0])),
        ("both 1", pair(&[1], &[1])),
        ("r empty", pair(&[], s)),
        ("r the order", pair(&order, s)),
        ("s the order", pair(r, &order)),
        ("r beyond the order", pair(&beyond(r), s)),
        ("s beyond the order", pair(r, &beyond(s))),
        ("r and s changed", pair(s, r)),
        ("an octet string for r", element(0x30, &[&element(4, &[r]), second])),
    ] {
        assert_eq!(verify(&signature), Err(BadSignature), "{what}");
    }
}
