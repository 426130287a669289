//! Header protection (RFC 9001 sections 5.4.3 and 5.4.4).

use crypto::HeaderProtectionKey;
use crypto::header_protection::{MASK_LEN, SAMPLE_LEN};
use ring::aead::quic;

/// What is put in the place of a key: as long as the longest.
pub(crate) const ZEROS: [u8; 32] = [0; 32];

pub(crate) struct RingHeaderProtectionKey(quic::HeaderProtectionKey);

impl RingHeaderProtectionKey {
    /// # Panics
    /// If `key` has another length than the algorithm's keys.
    pub(crate) fn new(algorithm: &'static quic::Algorithm, key: &[u8]) -> RingHeaderProtectionKey {
        let key = quic::HeaderProtectionKey::new(algorithm, key);
        RingHeaderProtectionKey(key.expect("the key schedule gives keys of the right length"))
    }
}

/// ring wipes nothing, and its memory cannot be reached; so a key of zeros is put in the place of this one. It is of the same
/// algorithm and so of the same form.
impl Drop for RingHeaderProtectionKey {
    fn drop(&mut self) {
        let algorithm = self.0.algorithm();
        let zeros = ZEROS.get(..algorithm.key_len());
        if let Some(Ok(zeros)) = zeros.map(|zeros| quic::HeaderProtectionKey::new(algorithm, zeros)) {
            self.0 = zeros;
            core::hint::black_box(&mut self.0);
        }
    }
}

impl HeaderProtectionKey for RingHeaderProtectionKey {
    fn mask(&self, sample: &[u8; SAMPLE_LEN]) -> [u8; MASK_LEN] {
        self.0.new_mask(sample).expect("a sample has the one length that there is")
    }
}

#[cfg(test)]
mod tests {
    use crate::aead::{AES_128_GCM, AES_256_GCM, CHACHA20_POLY1305};
    use crate::hex::{array, hex};

    const AES_KEY: &str = "9f50449e04a0e810283a1e9933adedd2";
    const CHACHA_KEY: &str = "25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4";

    /// RFC 9001 appendices A.2, A.3 and A.5.
    /// RFC 9001 section 5.3-1.
    #[test]
    fn masks_of_the_rfc() {
        for (aead, key, sample, mask) in [
            (AES_128_GCM, AES_KEY, "d1b1c98dd7689fb8ec11d242b123dc9b", "437b9aec36"),
            (AES_128_GCM, "c206b8d9b9f0f37644430b490eeaa314", "2cd0991cd25b0aac406a5816b6394100", "2ec0d8356a"),
            (CHACHA20_POLY1305, CHACHA_KEY, "5e5cd55c41f69080575d7999c25a5bfb", "aefefe7d03"),
        ] {
            let key = aead.header_protection_key(&hex(key));
            assert_eq!(key.mask(&array(sample)), array(mask));
        }
    }

    /// A sample is the sender's choice. All ones make the largest counter of ChaCha20, on which an addition can overflow.
    /// The masks were computed with another implementation.
    #[test]
    fn a_sample_of_all_ones_is_like_any_other() {
        for (aead, key, mask) in [
            (AES_128_GCM, AES_KEY, "5b5a27d696"),
            (AES_256_GCM, CHACHA_KEY, "2d2b42781b"),
            (CHACHA20_POLY1305, CHACHA_KEY, "5537fd9cea"),
        ] {
            assert_eq!(aead.header_protection_key(&hex(key)).mask(&[0xff; 16]), array(mask));
        }
    }

    #[test]
    #[should_panic(expected = "right length")]
    fn a_key_of_another_length_is_our_mistake() {
        AES_128_GCM.header_protection_key(&[0; 15]);
    }
}
