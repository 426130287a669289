//! ML-KEM-768, the key-encapsulation mechanism of FIPS 203, with the hash functions of FIPS 202 that it is made of.
//!
//! One side makes a [`DecapsulationKey`] and publishes its encapsulation key. The other side reads that as an
//! [`EncapsulationKey`] and encapsulates: it gets a shared secret and a ciphertext. The first side decapsulates the
//! ciphertext and has the same secret. A ciphertext that was changed gives another secret, not an error (implicit
//! rejection), so that nobody can ask questions about the key with ciphertexts of his own.
//!
//! Randomness is an argument. It has to come from a generator that an attacker cannot predict, and to be used once.
//!
//! ```
//! use posthaste_ml_kem::{DecapsulationKey, EncapsulationKey};
//! # let (seed, message) = ([7; 64], [9; 32]); // stands for random bytes
//! let decapsulation_key = DecapsulationKey::from_seed(&seed);
//! let published = decapsulation_key.encapsulation_key();
//!
//! let (ciphertext, sent) = EncapsulationKey::from_bytes(published)?.encapsulate(&message);
//! let received = decapsulation_key.decapsulate(&ciphertext)?;
//! assert_eq!(sent.as_bytes(), received.as_bytes());
//! # Ok::<(), posthaste_ml_kem::Rejected>(())
//! ```
//!
//! **Time** depends on nothing secret: no branch, no index and no division has a secret operand. What is sampled by rejection
//! (the matrix) comes from a public seed. **Memory** that held secrets is wiped.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod compression;
mod encoding;
mod encryption;
mod error;
mod field;
mod keccak;
mod lengths;
mod mechanism;
mod polynomial;
mod product;
mod sampling;
mod transform;
mod wipe;

pub use error::Rejected;
pub use lengths::{
    CIPHERTEXT_LEN, DECAPSULATION_KEY_LEN, ENCAPSULATION_KEY_LEN, MESSAGE_LEN, SEED_LEN, SHARED_SECRET_LEN,
};
pub use mechanism::{DecapsulationKey, EncapsulationKey, SharedSecret};
