//! The interface between the protocols and the cryptography: plain tables of traits, and HKDF on top of them.
//!
//! A [`Provider`] is a value chosen in a configuration, never something global. This crate holds no implementation of a
//! primitive: `posthaste-crypto-ring` fills the tables, and the simulator replaces the key exchange with a seeded one.
//!
//! What is written against a provider works with any:
//!
//! ```
//! use posthaste_crypto as crypto;
//! use crypto::{Provider, Secret, constant_time, hkdf};
//!
//! /// A token for a user, which only who has `key` can make.
//! fn token(provider: &Provider, key: &Secret, user: &[u8]) -> [u8; 16] {
//!     let mut token = [0; 16];
//!     hkdf::expand_label(provider.initial.hash, key, b"token", user, &mut token);
//!     token
//! }
//!
//! fn is_genuine(provider: &Provider, key: &Secret, user: &[u8], shown: &[u8]) -> bool {
//!     constant_time::equal(&token(provider, key, user), shown)
//! }
//! ```
//!
//! Secrets are values that are wiped when they are dropped: [`Secret`], [`SecretBytes`], [`Digest`]. To bring an implementation
//! of your own, fill a [`Provider`]; the tests of `posthaste-crypto-ring` show what each table has to do.
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
