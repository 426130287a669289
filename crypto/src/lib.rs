//! The interface between the protocols and the cryptography: plain tables of traits, and HKDF on top of them.
//!
//! A [`Provider`] is a value chosen in a configuration, never something global. This crate holds no implementation of a
//! primitive: `crypto-ring` fills the tables, and the simulator replaces the key exchange with a seeded one.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod aead;
mod cipher_suite;
pub mod constant_time;
mod hash;
pub mod header_protection;
pub mod hkdf;
mod key_exchange;
mod provider;
pub mod secret;
pub mod signature;

pub use aead::{Aead, AeadKey, OpenError, SealError, Tag};
pub use cipher_suite::CipherSuite;
pub use hash::{Digest, Hash, HashContext, Hmac};
pub use header_protection::HeaderProtectionKey;
pub use key_exchange::{Accepted, KeyExchange, KeyExchangeError, NamedGroup, Offer};
pub use provider::Provider;
pub use secret::{Secret, SecretBytes};
pub use signature::{
    BadSignature, KeyKind, KeyRejected, PrivateKeyFormat, PublicKeyAlgorithm, SignatureAlgorithm, SignatureScheme,
    SigningFailed, SigningKey, Verifier,
};
