use super::{der, generate_key, load_key};
use crate::hex::hex;
use crate::provider;
use alloc::vec::Vec;
use crypto::{KeyKind, KeyRejected, PrivateKeyFormat, PublicKeyAlgorithm, SignatureScheme, SigningFailed, SigningKey};

const P256_SEC1: &[u8] = include_bytes!("../test_data/p256.sec1.der");
const P256_PKCS8: &[u8] = include_bytes!("../test_data/p256.pkcs8.der");
const P384_SEC1: &[u8] = include_bytes!("../test_data/p384.sec1.der");
const P384_PKCS8: &[u8] = include_bytes!("../test_data/p384.pkcs8.der");
const P521_SEC1: &[u8] = include_bytes!("../test_data/p521.sec1.der");
const ED25519_PKCS8: &[u8] = include_bytes!("../test_data/ed25519.pkcs8.der");
const RSA_PKCS1: &[u8] = include_bytes!("../test_data/rsa2048.pkcs1.der");
const RSA_2047_PKCS1: &[u8] = include_bytes!("../test_data/rsa2047.pkcs1.der");

fn rsa_pkcs8() -> Vec<u8> {
    let algorithm = hex("300d06092a864886f70d0101010500");
    der(0x30, &[&[2, 1, 0], &algorithm, &der(0x04, &[RSA_PKCS1]).unwrap()]).unwrap().to_vec()
}

fn sample_keys() -> Vec<(PrivateKeyFormat, Vec<u8>, PublicKeyAlgorithm)> {
    alloc::vec![
        (PrivateKeyFormat::Sec1, P256_SEC1.to_vec(), PublicKeyAlgorithm::EcP256),
        (PrivateKeyFormat::Pkcs8, P256_PKCS8.to_vec(), PublicKeyAlgorithm::EcP256),
        (PrivateKeyFormat::Sec1, P384_SEC1.to_vec(), PublicKeyAlgorithm::EcP384),
        (PrivateKeyFormat::Pkcs8, P384_PKCS8.to_vec(), PublicKeyAlgorithm::EcP384),
        (PrivateKeyFormat::Pkcs8, ED25519_PKCS8.to_vec(), PublicKeyAlgorithm::Ed25519),
        (PrivateKeyFormat::Pkcs1, RSA_PKCS1.to_vec(), PublicKeyAlgorithm::Rsa),
        (PrivateKeyFormat::Pkcs8, rsa_pkcs8(), PublicKeyAlgorithm::Rsa),
    ]
}

fn signs_what_verifies(key: &dyn SigningKey) {
    for scheme in key.schemes() {
        let row = provider().verifier_for_scheme(*scheme).unwrap();
        assert_eq!(row.public_key_algorithm(), key.public_key_algorithm());
        let signature = key.sign(*scheme, b"transcript").unwrap();
        assert_eq!(row.verify(key.public_key(), b"transcript", &signature), Ok(()));
        assert!(row.verify(key.public_key(), b"Transcript", &signature).is_err());
    }
    for scheme in [SignatureScheme::RSA_PKCS1_SHA256, SignatureScheme(0), SignatureScheme(0x0603)] {
        assert_eq!(key.sign(scheme, b"transcript"), Err(SigningFailed));
    }
}

#[test]
fn t18_every_format_loads_and_signs() {
    for (format, bytes, algorithm) in sample_keys() {
        let key = load_key(format, &bytes).unwrap();
        assert_eq!(key.public_key_algorithm(), algorithm);
        signs_what_verifies(&*key);
    }
}

#[test]
fn the_same_key_in_two_formats_is_the_same_key() {
    for (sec1, pkcs8) in [(P256_SEC1, P256_PKCS8), (P384_SEC1, P384_PKCS8)] {
        let one = load_key(PrivateKeyFormat::Sec1, sec1).unwrap();
        let other = load_key(PrivateKeyFormat::Pkcs8, pkcs8).unwrap();
        assert_eq!(one.public_key(), other.public_key());
    }
}

#[test]
fn made_keys_load() {
    for (kind, algorithm) in
        [(KeyKind::EcP256, PublicKeyAlgorithm::EcP256), (KeyKind::Ed25519, PublicKeyAlgorithm::Ed25519)]
    {
        let key = load_key(PrivateKeyFormat::Pkcs8, &generate_key(kind).unwrap()).unwrap();
        let other = load_key(PrivateKeyFormat::Pkcs8, &generate_key(kind).unwrap()).unwrap();
        assert_eq!(key.public_key_algorithm(), algorithm);
        assert_ne!(key.public_key(), other.public_key());
        signs_what_verifies(&*key);
    }
}

/// RFC 8032 section 7.1, test 1, in version 1 of PKCS #8 (RFC 8410 section 7).
#[test]
fn ed25519_signs_deterministically() {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let mut pkcs8 = hex("302e020100300506032b657004220420");
    pkcs8.extend_from_slice(&hex(seed));
    let key = load_key(PrivateKeyFormat::Pkcs8, &pkcs8).unwrap();
    assert_eq!(key.public_key(), hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
    let signature = hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b
        46bd25bf5f0595bbe24655141438e7a100b");
    assert_eq!(key.sign(SignatureScheme::ED25519, b""), Ok(signature));
}

#[test]
fn keys_in_the_wrong_format_or_of_other_kinds_are_rejected() {
    for (format, bytes, _) in sample_keys() {
        for other in [PrivateKeyFormat::Pkcs8, PrivateKeyFormat::Sec1, PrivateKeyFormat::Pkcs1] {
            assert_eq!(load_key(other, &bytes).is_ok(), other == format);
        }
    }
    assert_eq!(load_key(PrivateKeyFormat::Sec1, P521_SEC1).err(), Some(KeyRejected));
    assert_eq!(load_key(PrivateKeyFormat::Pkcs1, RSA_2047_PKCS1).err(), Some(KeyRejected));
    assert_eq!(load_key(PrivateKeyFormat::Sec1, &alloc::vec![0; 70_000]).err(), Some(KeyRejected));
}

/// Whoever truncates a key file learns it from an error. RSA is left out of the changed bytes: ring does not look at `d`.
#[test]
fn damaged_keys_are_rejected() {
    for (format, bytes, algorithm) in sample_keys() {
        for len in 0..bytes.len() {
            assert!(load_key(format, &bytes[..len]).is_err());
        }
        if matches!(algorithm, PublicKeyAlgorithm::EcP256 | PublicKeyAlgorithm::EcP384) {
            for position in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[position] ^= 1;
                assert!(load_key(format, &changed).is_err(), "byte {position}");
            }
        }
    }
}
