//! The cryptography of a handshake and nothing else, by plain calls of ring: key exchange, signature and verifications, and what the
//! key schedule and the packet keys need of hashes and ciphers.

use crate::identity::Identity;
use crate::{Cost, Kind, Side};
use ml_kem::{DecapsulationKey, EncapsulationKey};
use ring::aead::{AES_128_GCM, LessSafeKey, UnboundKey, quic};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, X25519, agree_ephemeral};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use ring::{digest, hmac, signature};
use std::hint::black_box;

/// HMACs of the key schedule on one side: three stages with the salts between them, two times two traffic secrets, the exporter's
/// secret, and two Finished with their keys. A ticket's key, its binder and two new tickets add some.
const SCHEDULE: usize = 14;
const OF_TICKETS: usize = 12;
/// Packet keys on one side: two levels, two directions. Each is three HMACs and two keys.
const PACKET_KEYS: usize = 4;
/// Bytes that both sides hash: hellos, extensions and Finished; and with a certificate.
const TRANSCRIPT: usize = 550;
const CERTIFICATE: usize = 550;

/// Bytes of ML-KEM's key and ciphertext, which both sides hash as well.
const POST_QUANTUM: usize = ml_kem::ENCAPSULATION_KEY_LEN + ml_kem::CIPHERTEXT_LEN;

/// What each side computes for a handshake; a full one with signatures.
pub fn handshakes(identity: &Identity, kind: Kind) -> Box<dyn FnMut() -> Cost> {
    let full = kind != Kind::Resumed;
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &identity.key, &random).expect("a key");
    let public = key.public_key().as_ref().to_vec();
    let certificate = identity.certificate.clone();
    // Of the certificate by the authority, and of the handshake: verifying costs the same whoever has signed.
    let issued = key.sign(&random, &certificate).expect("a signature");
    Box::new(move || {
        let mut cost = Cost::default();
        let generate = || {
            let private = EphemeralPrivateKey::generate(&X25519, &random).expect("random bytes");
            let share = private.compute_public_key().expect("a share");
            (private, share)
        };
        let (of_client, client_share) = cost.time(Side::Client, generate);
        let (of_server, server_share) = cost.time(Side::Server, generate);
        let agree = |private, share: &[u8]| {
            agree_ephemeral(private, &UnparsedPublicKey::new(&X25519, share), |secret| black_box(secret[0]))
                .expect("a secret");
        };
        cost.time(Side::Client, || agree(of_client, server_share.as_ref()));
        cost.time(Side::Server, || agree(of_server, client_share.as_ref()));
        let signed = [7; 130];
        if full {
            let signature = cost.time(Side::Server, || key.sign(&random, &signed).expect("a signature"));
            cost.time(Side::Client, || {
                let verify = |message: &[u8], signature: &signature::Signature| {
                    let public = signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &public);
                    public.verify(message, signature.as_ref()).expect("a signature of this key");
                };
                verify(&certificate, &issued);
                verify(&signed, &signature);
            });
        }
        if kind == Kind::PostQuantum {
            let key = cost.time(Side::Client, || DecapsulationKey::from_seed(black_box(&[5; ml_kem::SEED_LEN])));
            let (ciphertext, _) = cost.time(Side::Server, || {
                let key = EncapsulationKey::from_bytes(key.encapsulation_key()).expect("a key");
                key.encapsulate(black_box(&[6; ml_kem::MESSAGE_LEN]))
            });
            cost.time(Side::Client, || drop(key.decapsulate(&ciphertext).expect("a ciphertext")));
        }
        for side in [Side::Client, Side::Server] {
            cost.time(side, || symmetric(kind));
        }
        cost
    })
}

fn symmetric(kind: Kind) {
    let full = kind != Kind::Resumed;
    let transcript = [0; TRANSCRIPT + CERTIFICATE + POST_QUANTUM];
    let len = match kind {
        Kind::Resumed => TRANSCRIPT,
        Kind::Full => TRANSCRIPT + CERTIFICATE,
        Kind::PostQuantum => transcript.len(),
    };
    black_box(digest::digest(&digest::SHA256, &transcript[..len]));
    let key = |bytes: &[u8; 32]| hmac::Key::new(hmac::HMAC_SHA256, black_box(bytes));
    for number in 0..SCHEDULE + if full { 0 } else { OF_TICKETS } {
        black_box(hmac::sign(&key(&[number as u8; 32]), &[0; 50]));
    }
    for number in 0..PACKET_KEYS {
        let secret = key(&[number as u8; 32]);
        let made = [1, 2, 3].map(|label| hmac::sign(&secret, &[label; 20]));
        let bytes = |place: usize| &made[place].as_ref()[..16];
        black_box(LessSafeKey::new(UnboundKey::new(&AES_128_GCM, bytes(0)).expect("a key of 16 bytes")));
        black_box(quic::HeaderProtectionKey::new(&quic::AES_128, bytes(1)).expect("a key of 16 bytes"));
    }
}
