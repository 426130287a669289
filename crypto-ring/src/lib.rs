//! The tables of `crypto`, implemented with ring, and with ML-KEM beside it. No other crate depends on ring.
//!
//! ```
//! use posthaste_crypto_ring as crypto_ring;
//! let provider = crypto_ring::provider();
//! assert!(provider.cipher_suite(crypto::CipherSuite::AES_128_GCM_SHA256).is_some());
//! ```
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
mod signature;
mod signing_key;

#[cfg(test)]
mod hex;

pub use hybrid::Hybrid;
pub use provider::{PROVIDER, provider};
pub use random::SystemRandom;
pub use signing_key::{generate_key, load_key};
