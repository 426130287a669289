//! AES-GCM and ChaCha20-Poly1305 (RFC 5116, RFC 8439), with the limits that QUIC sets them.

use crate::header_protection::{RingHeaderProtectionKey, ZEROS};
use alloc::boxed::Box;
use crypto::aead::{NONCE_LEN, TAG_LEN};
use crypto::{Aead, AeadKey, HeaderProtectionKey, OpenError, SealError, Tag};
use ring::aead::{Aad, Algorithm, LessSafeKey, Nonce, UnboundKey, quic};

/// AEAD_AES_128_GCM. Limits: RFC 9001 section 6.6.
pub(crate) static AES_128_GCM: &dyn Aead = &RingAead {
    algorithm: &ring::aead::AES_128_GCM,
    header_protection: &quic::AES_128,
    confidentiality_limit: 1 << 23,
    integrity_limit: 1 << 52,
};

/// AEAD_AES_256_GCM. Limits: RFC 9001 section 6.6.
pub(crate) static AES_256_GCM: &dyn Aead = &RingAead {
    algorithm: &ring::aead::AES_256_GCM,
    header_protection: &quic::AES_256,
    confidentiality_limit: 1 << 23,
    integrity_limit: 1 << 52,
};

/// AEAD_CHACHA20_POLY1305. It may seal every packet that has a number (RFC 9001 section 6.6).
pub(crate) static CHACHA20_POLY1305: &dyn Aead = &RingAead {
    algorithm: &ring::aead::CHACHA20_POLY1305,
    header_protection: &quic::CHACHA20,
    confidentiality_limit: 1 << 62,
    integrity_limit: 1 << 36,
};

struct RingAead {
    algorithm: &'static Algorithm,
    header_protection: &'static quic::Algorithm,
    confidentiality_limit: u64,
    integrity_limit: u64,
}

impl Aead for RingAead {
    fn key_len(&self) -> usize {
        self.algorithm.key_len()
    }

    fn confidentiality_limit(&self) -> u64 {
        self.confidentiality_limit
    }

    fn integrity_limit(&self) -> u64 {
        self.integrity_limit
    }

    fn key(&self, key: &[u8]) -> Box<dyn AeadKey> {
        let key = UnboundKey::new(self.algorithm, key).expect("the key schedule gives keys of the right length");
        Box::new(RingAeadKey(LessSafeKey::new(key)))
    }

    fn header_protection_key(&self, key: &[u8]) -> Box<dyn HeaderProtectionKey> {
        Box::new(RingHeaderProtectionKey::new(self.header_protection, key))
    }
}

/// "Less safe", because nonces are the caller's: they are made of packet numbers (RFC 9001 section 5.3).
struct RingAeadKey(LessSafeKey);

/// As for [`RingHeaderProtectionKey`].
impl Drop for RingAeadKey {
    fn drop(&mut self) {
        let algorithm = self.0.algorithm();
        if let Some(Ok(zeros)) = ZEROS.get(..algorithm.key_len()).map(|zeros| UnboundKey::new(algorithm, zeros)) {
            self.0 = LessSafeKey::new(zeros);
            core::hint::black_box(&mut self.0);
        }
    }
}

impl AeadKey for RingAeadKey {
    fn seal(&self, nonce: [u8; NONCE_LEN], associated_data: &[u8], payload: &mut [u8]) -> Result<Tag, SealError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(associated_data), payload);
        tag.ok().and_then(|tag| Tag::try_from(tag.as_ref()).ok()).ok_or(SealError)
    }

    fn open(&self, nonce: [u8; NONCE_LEN], associated_data: &[u8], payload: &mut [u8]) -> Result<usize, OpenError> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(associated_data), payload).map(|plaintext| plaintext.len());
        debug_assert!(opened.is_err() || opened == Ok(payload.len() - TAG_LEN));
        opened.map_err(|_| {
            payload.fill(0);
            OpenError
        })
    }
}

#[cfg(test)]
mod tests;
