//! Key material that is wiped when it is dropped and never printed.
//!
//! It lies on the heap from the beginning, so that moving a value that holds it moves a pointer. What is moved in memory leaves
//! its bytes behind, in a box that is freed or in a queue that something was taken from, and nobody wipes those.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

/// A secret of at most 64 bytes: the output of a key exchange or of the key schedule.
#[derive(Clone)]
pub struct Secret {
    bytes: Box<[u8]>,
}

impl Secret {
    /// Room for a hybrid key exchange (two times 32) and for the longest hash.
    pub const MAX_LEN: usize = 64;

    /// A copy of `secret`.
    ///
    /// # Panics
    /// If it is longer than 64 bytes: secrets come from our own primitives, never from a peer.
    pub fn new(secret: &[u8]) -> Secret {
        assert!(secret.len() <= Self::MAX_LEN, "a secret of {} bytes", secret.len());
        Secret { bytes: secret.into() }
    }

    /// `len` zero bytes, for the steps of the key schedule that have no input.
    pub fn zeros(len: usize) -> Secret {
        assert!(len <= Self::MAX_LEN, "a secret of {len} bytes");
        Secret { bytes: alloc::vec![0; len].into() }
    }

    /// Puts `secret` into the place of this one: into its memory if it is as long, so that a chain of secrets that follow from each
    /// other is wiped step by step and takes memory once.
    ///
    /// # Panics
    /// As for [`new`](Self::new).
    pub fn replace(&mut self, secret: &[u8]) {
        if secret.len() == self.bytes.len() {
            self.bytes.copy_from_slice(secret);
        } else {
            *self = Secret::new(secret);
        }
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.bytes);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Key material of any length: a private key as a file has it.
#[derive(Clone)]
pub struct SecretBytes {
    bytes: Vec<u8>,
}

impl SecretBytes {
    /// A copy of `secret`.
    pub fn new(secret: &[u8]) -> SecretBytes {
        SecretBytes { bytes: secret.to_vec() }
    }

    /// Takes `len` bytes of memory, once, for what `fill` appends.
    ///
    /// # Panics
    /// If `fill` appends more: memory would have to be moved, and what was there would stay behind.
    pub fn with_capacity(len: usize, fill: impl FnOnce(&mut Vec<u8>)) -> SecretBytes {
        let mut new = SecretBytes { bytes: Vec::with_capacity(len) };
        let place = new.bytes.as_ptr();
        fill(&mut new.bytes);
        assert_eq!(place, new.bytes.as_ptr(), "a secret of more than {len} bytes");
        new
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> SecretBytes {
        SecretBytes { bytes }
    }
}

impl Deref for SecretBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        // What lies beyond the length was written once, perhaps; this much room is there already.
        self.bytes.clear();
        self.bytes.resize(self.bytes.capacity(), 0);
        wipe(&mut self.bytes);
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(..)")
    }
}

/// Overwrites `bytes` with zeros. The compiler must believe that the zeros are looked at, so it cannot leave the writes
/// out; that is as far as safe code reaches.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    core::hint::black_box(bytes);
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_of_the_same_length_takes_the_place_of_the_one_before() {
        let mut secret = Secret::new(&[1; 32]);
        let place = secret.as_bytes().as_ptr();
        secret.replace(&[2; 32]);
        assert_eq!((secret.as_bytes(), secret.as_bytes().as_ptr()), (&[2; 32][..], place));
        for len in [0, 31, 33, Secret::MAX_LEN] {
            secret.replace(&[3; Secret::MAX_LEN][..len]);
            assert_eq!(secret.as_bytes(), &[3; Secret::MAX_LEN][..len]);
        }
    }
}
