//! Key material that is wiped when it is dropped and never printed.

use core::fmt;

/// A secret of at most 64 bytes: the output of a key exchange or of the key schedule.
#[derive(Clone)]
pub struct Secret {
    bytes: [u8; Secret::MAX_LEN],
    len: u8,
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
        let mut bytes = [0; Self::MAX_LEN];
        for (place, byte) in bytes.iter_mut().zip(secret) {
            *place = *byte;
        }
        Secret { bytes, len: secret.len() as u8 }
    }

    /// `len` zero bytes, for the steps of the key schedule that have no input.
    pub fn zeros(len: usize) -> Secret {
        assert!(len <= Self::MAX_LEN, "a secret of {len} bytes");
        Secret { bytes: [0; Self::MAX_LEN], len: len as u8 }
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
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

/// Overwrites `bytes` with zeros. The compiler must believe that the zeros are looked at, so it cannot leave the writes
/// out; that is as far as safe code reaches.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    core::hint::black_box(bytes);
}
