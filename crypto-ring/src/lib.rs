//! The tables of `posthaste-crypto`, implemented with ring, and with ML-KEM beside it. No other crate depends on ring.
//!
//! It is no interface to ring: what a protocol needs and nothing else, by the names of the protocol.
//!
//! ```
//! use posthaste_crypto_ring as crypto_ring;
//! let provider = crypto_ring::provider();
//! let suite = provider.cipher_suite(crypto::CipherSuite::AES_128_GCM_SHA256).expect("QUIC cannot do without it");
//! let digest = suite.hash.digest(&[b"parts of ", b"a message"]);
//! assert_eq!(digest.len(), 32);
//! ```
//!
//! [`PROVIDER`] is the same as a constant, and [`SystemRandom`] the randomness of the system: what a configuration of
//! `posthaste-tls` or `posthaste-quic` is given.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod aead;
mod cipher_suite;
pub mod hash;
mod header_protection;
mod hybrid;
mod key_exchange;
pub mod provider;
mod random;
mod sha1;
mod signature;
mod signing_key;

#[cfg(test)]
mod hex;

pub use hybrid::Hybrid;
pub use provider::{PROVIDER, provider};
pub use random::SystemRandom;
pub use sha1::sha1_for_websocket;
pub use signing_key::{generate_key, load_key};
