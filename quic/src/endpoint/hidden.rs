//! A few bytes hidden behind a nonce: XORed with a mask that a key makes of it.

use alloc::boxed::Box;
use base::Random;
use crypto::header_protection::SAMPLE_LEN;
use crypto::{CipherSuite, HeaderProtectionKey};

/// Hides numbers of up to five bytes.
pub(super) struct Hidden {
    key: Box<dyn HeaderProtectionKey>,
    pub(super) nonce_len: usize,
}

impl Hidden {
    /// For `len` bytes, of which the last `hidden_len`, at most five, are the number. The key is as long as the suite's.
    pub(super) fn new(suite: &CipherSuite, key: &[u8], len: usize, hidden_len: usize) -> Hidden {
        Hidden { key: suite.aead.header_protection_key(key), nonce_len: len - hidden_len }
    }

    /// Writes a fresh nonce, and the number behind it.
    #[inline]
    pub(super) fn seal(&self, value: u64, bytes: &mut [u8], random: &mut dyn Random) {
        let (nonce, hidden) = bytes.split_at_mut(self.nonce_len);
        random.fill(nonce);
        let mask = self.mask(nonce);
        let count = hidden.len();
        for ((place, byte), mask) in hidden.iter_mut().rev().zip(value.to_le_bytes()).zip(mask[..count].iter().rev()) {
            *place = byte ^ mask;
        }
    }

    /// The number that is hidden in as many bytes. Any bytes say one.
    #[inline]
    pub(super) fn open(&self, bytes: &[u8]) -> u64 {
        let (nonce, hidden) = bytes.split_at(self.nonce_len);
        hidden.iter().zip(self.mask(nonce)).fold(0, |value, (byte, mask)| value << 8 | u64::from(byte ^ mask))
    }

    /// A nonce longer than a sample is folded, so that all of it counts.
    fn mask(&self, nonce: &[u8]) -> [u8; 5] {
        let mut sample = [0; SAMPLE_LEN];
        for piece in nonce.chunks(SAMPLE_LEN) {
            for (place, byte) in sample.iter_mut().zip(piece) {
                *place ^= *byte;
            }
        }
        self.key.mask(&sample)
    }
}
