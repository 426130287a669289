//! ML-KEM-768 itself (FIPS 203 sections 6 and 7): keys, encapsulation, and decapsulation with implicit rejection.

use crate::encoding::VECTOR_LEN;
use crate::encryption;
use crate::error::Rejected;
use crate::keccak::{Shake256, sha3_256, sha3_512};
use crate::lengths::{
    CIPHERTEXT_LEN, DECAPSULATION_KEY_LEN, ENCAPSULATION_KEY_LEN, MESSAGE_LEN, SEED_LEN, SHARED_SECRET_LEN,
};
use crate::wipe::Wiped;
use alloc::boxed::Box;
use core::fmt;

/// The secret that both sides have in the end, wiped when it is dropped.
pub struct SharedSecret {
    /// On the heap, so that no copy stays behind where the value was moved.
    bytes: Box<Wiped<[u8; SHARED_SECRET_LEN]>>,
}

impl SharedSecret {
    fn zero() -> SharedSecret {
        SharedSecret { bytes: Box::new(Wiped([0; SHARED_SECRET_LEN])) }
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8; SHARED_SECRET_LEN] {
        &self.bytes
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(..)")
    }
}

/// The published key of the other side, checked.
#[derive(Clone, Copy, Debug)]
pub struct EncapsulationKey<'a> {
    bytes: &'a [u8; ENCAPSULATION_KEY_LEN],
}

impl<'a> EncapsulationKey<'a> {
    /// Reads a key, with the checks of FIPS 203 section 7.2.
    ///
    /// # Errors
    /// [`Rejected::Length`], [`Rejected::Coefficient`].
    pub fn from_bytes(bytes: &'a [u8]) -> Result<EncapsulationKey<'a>, Rejected> {
        let bytes = exactly(bytes)?;
        if encryption::is_well_formed(bytes) { Ok(EncapsulationKey { bytes }) } else { Err(Rejected::Coefficient) }
    }

    /// A ciphertext and the secret in it (algorithm 17), both decided by the random bytes `message`.
    pub fn encapsulate(&self, message: &[u8; MESSAGE_LEN]) -> ([u8; CIPHERTEXT_LEN], SharedSecret) {
        let (mut secret, mut randomness) = (SharedSecret::zero(), Wiped([0; 32]));
        sha3_512(&[message, &sha3_256(&[self.bytes])], &mut secret.bytes, &mut randomness);
        let mut ciphertext = [0; CIPHERTEXT_LEN];
        encryption::encrypt(self.bytes, message, &randomness, &mut ciphertext);
        (ciphertext, secret)
    }
}

/// A private key, wiped when it is dropped.
pub struct DecapsulationKey {
    /// As in FIPS 203 section 7.1, one after the other. On the heap, so that no copy stays behind where the value was moved.
    parts: Box<Parts>,
}

struct Parts {
    decryption_key: Wiped<[u8; VECTOR_LEN]>,
    encapsulation_key: [u8; ENCAPSULATION_KEY_LEN],
    /// SHA3-256 of the encapsulation key.
    hash: [u8; 32],
    /// The value z: what the secret of a rejected ciphertext is made of.
    rejection: Wiped<[u8; 32]>,
}

impl DecapsulationKey {
    fn zero() -> DecapsulationKey {
        DecapsulationKey {
            parts: Box::new(Parts {
                decryption_key: Wiped([0; VECTOR_LEN]),
                encapsulation_key: [0; ENCAPSULATION_KEY_LEN],
                hash: [0; 32],
                rejection: Wiped([0; 32]),
            }),
        }
    }

    /// Makes the key that these random bytes, d and z of FIPS 203, decide (algorithm 16).
    pub fn from_seed(seed: &[u8; SEED_LEN]) -> DecapsulationKey {
        let mut key = DecapsulationKey::zero();
        let parts = &mut *key.parts;
        let (d, z) = seed.split_first_chunk().expect("a seed has two halves");
        encryption::generate(d, &mut parts.encapsulation_key, &mut parts.decryption_key);
        parts.hash = sha3_256(&[&parts.encapsulation_key]);
        parts.rejection.copy_from_slice(z);
        key
    }

    /// Reads a key that [`to_bytes`](Self::to_bytes) wrote, here or elsewhere, with the checks of FIPS 203 section 7.3.
    ///
    /// # Errors
    /// [`Rejected::Length`], [`Rejected::Hash`].
    pub fn from_bytes(bytes: &[u8]) -> Result<DecapsulationKey, Rejected> {
        let bytes: &[u8; DECAPSULATION_KEY_LEN] = exactly(bytes)?;
        let mut key = DecapsulationKey::zero();
        let parts = &mut *key.parts;
        let (decryption_key, rest) = bytes.split_at(VECTOR_LEN);
        let (encapsulation_key, rest) = rest.split_at(ENCAPSULATION_KEY_LEN);
        let (hash, rejection) = rest.split_at(32);
        parts.decryption_key.copy_from_slice(decryption_key);
        parts.encapsulation_key.copy_from_slice(encapsulation_key);
        parts.hash.copy_from_slice(hash);
        parts.rejection.copy_from_slice(rejection);
        if parts.hash == sha3_256(&[encapsulation_key]) { Ok(key) } else { Err(Rejected::Hash) }
    }

    /// Writes the key over `out`, which is then as secret as the key.
    pub fn to_bytes(&self, out: &mut [u8; DECAPSULATION_KEY_LEN]) {
        let Parts { decryption_key, encapsulation_key, hash, rejection } = &*self.parts;
        let parts: [&[u8]; 4] = [&decryption_key[..], encapsulation_key, hash, &rejection[..]];
        let bytes = parts.into_iter().flatten();
        out.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    }

    /// What is published.
    pub fn encapsulation_key(&self) -> &[u8; ENCAPSULATION_KEY_LEN] {
        &self.parts.encapsulation_key
    }

    /// The secret in a ciphertext (algorithm 18). A ciphertext that nobody encapsulated for this key has one too, which nobody
    /// else knows; only the length can be wrong.
    ///
    /// # Errors
    /// [`Rejected::Length`].
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<SharedSecret, Rejected> {
        let ciphertext: &[u8; CIPHERTEXT_LEN] = exactly(ciphertext)?;
        let Parts { decryption_key, encapsulation_key, hash, rejection } = &*self.parts;
        let mut message = Wiped([0; MESSAGE_LEN]);
        encryption::decrypt(decryption_key, ciphertext, &mut message);
        let (mut secret, mut randomness) = (SharedSecret::zero(), Wiped([0; 32]));
        sha3_512(&[&message[..], hash], &mut secret.bytes, &mut randomness);

        let mut rejected = Wiped([0; SHARED_SECRET_LEN]);
        Shake256::extendable(&[&rejection[..], ciphertext]).squeeze(&mut rejected[..]);
        let mut again = Wiped([0; CIPHERTEXT_LEN]);
        encryption::encrypt(encapsulation_key, &message, &randomness, &mut again);
        replace_unless_equal(&mut secret.bytes, &rejected, &again, ciphertext);
        Ok(secret)
    }
}

impl fmt::Debug for DecapsulationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DecapsulationKey(..)")
    }
}

/// Puts `other` in the place of `secret` if `a` and `b` differ. Which of them it is stays hidden from the compiler, which could
/// otherwise branch, and so from whoever measures time.
fn replace_unless_equal(
    secret: &mut [u8; SHARED_SECRET_LEN],
    other: &[u8; SHARED_SECRET_LEN],
    a: &[u8; CIPHERTEXT_LEN],
    b: &[u8; CIPHERTEXT_LEN],
) {
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b));
    // One if no bit differs, and zero for a number from 1 to 255.
    let is_equal = (0x100 - u16::from(core::hint::black_box(difference))) >> 8;
    // Zero if no bit differs, or else all ones.
    let mask = core::hint::black_box(is_equal + 0xff) as u8;
    for (place, other) in secret.iter_mut().zip(other) {
        *place ^= (*place ^ other) & mask;
    }
}

fn exactly<const LEN: usize>(bytes: &[u8]) -> Result<&[u8; LEN], Rejected> {
    bytes.try_into().map_err(|_| Rejected::Length { expected: LEN, found: bytes.len() })
}

#[cfg(test)]
mod tests;
