//! The keys of all that is signed here: always the same, so that a seed determines a chain.

use crate::der::{element, identifier, sequence};
use crypto::signature::BoxedSigningKey;
use crypto::{PrivateKeyFormat, PublicKeyAlgorithm, SignatureScheme};

/// A key and how it is written in a certificate.
pub struct Key {
    signing: BoxedSigningKey,
    scheme: SignatureScheme,
    /// The AlgorithmIdentifier of its signatures.
    pub algorithm: Vec<u8>,
    /// Its SubjectPublicKeyInfo.
    pub public: Vec<u8>,
}

impl Key {
    /// # Panics
    /// Signing failed.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signing.sign(self.scheme, message).expect("a signature")
    }
}

/// Eight keys: of RSA, P-256 and P-384, and the others of Ed25519.
///
/// # Panics
/// A key cannot be read.
pub fn keys() -> Vec<Key> {
    let load = |format, bytes: &[u8]| new((crypto_ring::PROVIDER.load_key)(format, bytes).expect("a key"));
    let mut keys = vec![
        load(PrivateKeyFormat::Pkcs1, include_bytes!("../../../crypto-ring/src/test_data/rsa2048.pkcs1.der")),
        load(PrivateKeyFormat::Pkcs8, include_bytes!("../../../crypto-ring/src/test_data/p256.pkcs8.der")),
        load(PrivateKeyFormat::Pkcs8, include_bytes!("../../../crypto-ring/src/test_data/p384.pkcs8.der")),
    ];
    // RFC 8410 section 7: a seed is a private key.
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    keys.extend((1..6).map(|seed: u8| load(PrivateKeyFormat::Pkcs8, &[&head[..], &[seed; 32]].concat())));
    keys
}

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const MGF1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8];
const SHA256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
const CURVE: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 34];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const ECDSA_SHA384: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

fn new(signing: BoxedSigningKey) -> Key {
    let plain = |id: &[u8]| sequence(&[&identifier(id)]);
    let curve = |curve: &[u8]| sequence(&[&identifier(CURVE), &identifier(curve)]);
    let (scheme, algorithm, kind) = match signing.public_key_algorithm() {
        PublicKeyAlgorithm::EcP256 => (SignatureScheme::ECDSA_SECP256R1_SHA256, plain(ECDSA_SHA256), curve(P256)),
        PublicKeyAlgorithm::EcP384 => (SignatureScheme::ECDSA_SECP384R1_SHA384, plain(ECDSA_SHA384), curve(P384)),
        PublicKeyAlgorithm::Ed25519 => (SignatureScheme::ED25519, plain(ED25519), plain(ED25519)),
        PublicKeyAlgorithm::Rsa => {
            (SignatureScheme::RSA_PSS_RSAE_SHA256, pss(), sequence(&[&identifier(RSA), &element(5, &[])]))
        }
    };
    let public = sequence(&[&kind, &element(3, &[&[0], signing.public_key()])]);
    Key { signing, scheme, algorithm, public }
}

/// RSA-PSS with SHA-256, as RFC 4055 section 3.1 writes it.
fn pss() -> Vec<u8> {
    let hash = sequence(&[&identifier(SHA256), &element(5, &[])]);
    let mask = sequence(&[&identifier(MGF1), &hash]);
    let parameters =
        sequence(&[&element(0xa0, &[&hash]), &element(0xa1, &[&mask]), &element(0xa2, &[&element(2, &[&[32]])])]);
    sequence(&[&identifier(RSA_PSS), &parameters])
}
