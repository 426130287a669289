//! Authenticated encryption in place (RFC 5116), as QUIC packets need it: a 96-bit nonce and a 128-bit tag.

use alloc::boxed::Box;
use core::fmt;

/// The authentication tag. Every AEAD of TLS 1.3 that we speak has one of 16 bytes.
pub type Tag = [u8; 16];

/// Bytes of a [`Tag`].
pub const TAG_LEN: usize = 16;
/// Bytes of a nonce.
pub const NONCE_LEN: usize = 12;

/// An AEAD algorithm and, because QUIC derives both from one secret, its header protection (RFC 9001 section 5.4).
pub trait Aead: Send + Sync {
    /// Bytes of a key; the header-protection key has as many (RFC 9001 section 5.1).
    fn key_len(&self) -> usize;

    /// How many packets one key may seal (RFC 9001 section 6.6).
    fn confidentiality_limit(&self) -> u64;

    /// How many forgeries may be tried against all keys of a connection together (RFC 9001 section 6.6).
    fn integrity_limit(&self) -> u64;

    /// A key of `key_len` bytes.
    ///
    /// # Panics
    /// If `key` has another length: keys come from our own key schedule, never from a peer.
    fn key(&self, key: &[u8]) -> Box<dyn AeadKey>;

    /// A header-protection key of `key_len` bytes.
    ///
    /// # Panics
    /// As for `key`.
    fn header_protection_key(&self, key: &[u8]) -> Box<dyn crate::HeaderProtectionKey>;
}

/// One key of an AEAD.
pub trait AeadKey: Send + Sync {
    /// Encrypts `payload` in place; the tag covers it and `associated_data`.
    ///
    /// The caller never uses a nonce twice with one key.
    fn seal(&self, nonce: [u8; NONCE_LEN], associated_data: &[u8], payload: &mut [u8]) -> Result<Tag, SealError>;

    /// Decrypts `payload`, which ends with the tag, in place, and gives the plaintext's length: that of `payload` less the
    /// tag's. On failure the whole of `payload` is wiped, so that nothing forged can be read by mistake.
    fn open(&self, nonce: [u8; NONCE_LEN], associated_data: &[u8], payload: &mut [u8]) -> Result<usize, OpenError>;
}

/// The payload is longer than the AEAD allows (beyond any packet).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealError;

/// The tag does not match, or the payload is shorter than a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenError;

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the payload is too long to encrypt")
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("decryption failed")
    }
}

impl core::error::Error for SealError {}
impl core::error::Error for OpenError {}
