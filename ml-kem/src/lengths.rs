//! How long everything is that goes in and out (FIPS 203 section 8, the row of ML-KEM-768).

/// Bytes of an encapsulation key: three polynomials and the seed of the matrix.
pub const ENCAPSULATION_KEY_LEN: usize = 1184;
/// Bytes of a decapsulation key as FIPS 203 writes it, which includes the encapsulation key.
pub const DECAPSULATION_KEY_LEN: usize = 2400;
/// Bytes of a ciphertext.
pub const CIPHERTEXT_LEN: usize = 1088;
/// Bytes of a shared secret.
pub const SHARED_SECRET_LEN: usize = 32;
/// Bytes that a decapsulation key is made from: the values d and z of FIPS 203, one after the other.
pub const SEED_LEN: usize = 64;
/// Random bytes that an encapsulation takes: the value m of FIPS 203.
pub const MESSAGE_LEN: usize = 32;
