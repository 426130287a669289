//! The tables of one implementation.

use crate::signature::BoxedSigningKey;
use crate::{
    CipherSuite, KeyExchange, KeyKind, KeyRejected, NamedGroup, PrivateKeyFormat, PublicKeyAlgorithm, SecretBytes,
    SignatureAlgorithm, SignatureScheme, Verifier,
};

/// Everything a protocol needs of cryptography, best first in each table.
#[derive(Clone, Copy)]
pub struct Provider {
    /// What protects QUIC's Initial packets, and hashes and keys that are ours alone: AES-128-GCM and SHA-256.
    pub initial: &'static CipherSuite,
    /// The suites to offer and to accept.
    pub cipher_suites: &'static [&'static CipherSuite],
    /// The key exchanges to offer and to accept.
    pub key_exchanges: &'static [&'static dyn KeyExchange],
    /// The signatures that can be verified.
    pub verifiers: &'static [&'static dyn Verifier],
    /// Reads a private key.
    pub load_key: fn(PrivateKeyFormat, &[u8]) -> Result<BoxedSigningKey, KeyRejected>,
    /// Makes a private key, as PKCS #8.
    pub generate_key: fn(KeyKind) -> Result<SecretBytes, KeyRejected>,
}

impl Provider {
    /// The suite of this number.
    pub fn cipher_suite(&self, id: u16) -> Option<&'static CipherSuite> {
        self.cipher_suites.iter().copied().find(|suite| suite.id == id)
    }

    /// The key exchange of this number.
    pub fn key_exchange(&self, group: NamedGroup) -> Option<&'static dyn KeyExchange> {
        self.key_exchanges.iter().copied().find(|exchange| exchange.group() == group)
    }

    /// The row for a signature in a certificate.
    pub fn verifier(&self, key: PublicKeyAlgorithm, signature: SignatureAlgorithm) -> Option<&'static dyn Verifier> {
        self.verifiers
            .iter()
            .copied()
            .find(|row| row.public_key_algorithm() == key && row.signature_algorithm() == signature)
    }

    /// The row for a CertificateVerify of this scheme.
    pub fn verifier_for_scheme(&self, scheme: SignatureScheme) -> Option<&'static dyn Verifier> {
        self.verifiers.iter().copied().find(|row| row.scheme() == Some(scheme))
    }
}

impl core::fmt::Debug for Provider {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Provider").field("cipher_suites", &self.cipher_suites).finish_non_exhaustive()
    }
}
