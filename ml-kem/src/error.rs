//! Why a key or a ciphertext is not accepted.

use core::fmt;

/// Why bytes are no key, or no ciphertext (FIPS 203 sections 7.2 and 7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The wrong number of bytes.
    Length {
        /// What it should be.
        expected: usize,
        /// What it is.
        found: usize,
    },
    /// A coefficient of an encapsulation key is not below 3329, so nobody made the key by the standard.
    Coefficient,
    /// A decapsulation key does not hold the hash of its encapsulation key: it is damaged.
    Hash,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejected::Length { expected, found } => write!(f, "{found} bytes instead of {expected}"),
            Rejected::Coefficient => f.write_str("a coefficient of the encapsulation key is not below 3329"),
            Rejected::Hash => f.write_str("the decapsulation key does not hold the hash of its encapsulation key"),
        }
    }
}

impl core::error::Error for Rejected {}
