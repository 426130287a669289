//! All tables together.

use crate::cipher_suite::{AES_128_GCM_SHA256, AES_256_GCM_SHA384, CHACHA20_POLY1305_SHA256};
use crate::hybrid::X25519MLKEM768;
use crate::key_exchange::{P256, P384, X25519};
use crate::signature::VERIFIERS;
use crate::signing_key::{generate_key, load_key};
use crypto::Provider;

/// What ring offers, and the hybrid of its X25519 and ML-KEM-768, best first. AES comes before ChaCha20, because most machines
/// have instructions for it.
/// RFC 9846 section 9.1-1, 9.1-3.
pub static PROVIDER: Provider = Provider {
    initial: &AES_128_GCM_SHA256,
    cipher_suites: &[&AES_128_GCM_SHA256, &AES_256_GCM_SHA384, &CHACHA20_POLY1305_SHA256],
    key_exchanges: &[&X25519MLKEM768, X25519, P256, P384],
    verifiers: VERIFIERS,
    load_key,
    generate_key,
};

/// A copy of [`PROVIDER`], which is small: a few references.
pub fn provider() -> Provider {
    PROVIDER
}
