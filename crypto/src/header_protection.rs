//! Header protection (RFC 9001 section 5.4): a mask made of a sample of the ciphertext.

/// Bytes of ciphertext that a mask is made of.
pub const SAMPLE_LEN: usize = 16;
/// Bytes of a mask: one for the first byte, up to four for the packet number.
pub const MASK_LEN: usize = 5;

/// A header-protection key.
pub trait HeaderProtectionKey: Send + Sync {
    /// The mask for a sample.
    fn mask(&self, sample: &[u8; SAMPLE_LEN]) -> [u8; MASK_LEN];
}
