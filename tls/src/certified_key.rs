//! A certificate and its private key: what a server or a client shows who it is with.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use crypto::SigningKey;
use rustls_pki_types::CertificateDer;

/// A certificate chain, its owner's first, and the key of the first.
pub struct CertifiedKey {
    /// The chain, its owner's certificate first; the trust anchor may be left out.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key of the first certificate.
    pub key: Box<dyn SigningKey>,
}

/// Why a chain and a key make no [`CertifiedKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertifiedKeyError {
    /// There is no certificate, or the first one cannot be used.
    Certificate(x509::Error),
    /// The key belongs to another certificate than the first.
    OtherKey,
}

impl CertifiedKey {
    /// A chain, its owner's certificate first, and the key of that certificate. Whether the peer will trust the chain
    /// is for the peer to say.
    ///
    /// # Errors
    /// The chain is empty, its first certificate does not parse or has a key of no use here, or `key` is not its key.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: Box<dyn SigningKey>,
    ) -> Result<CertifiedKey, CertifiedKeyError> {
        let leaf = chain.first().ok_or(CertifiedKeyError::Certificate(x509::Error::NoCertificate))?;
        let leaf = x509::Certificate::parse(leaf).map_err(CertifiedKeyError::Certificate)?;
        let (kind, public_key) = leaf.subject_public_key().map_err(CertifiedKeyError::Certificate)?;
        if kind != key.public_key_algorithm() || public_key != key.public_key() {
            return Err(CertifiedKeyError::OtherKey);
        }
        Ok(CertifiedKey { chain, key })
    }
}

impl fmt::Display for CertifiedKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertifiedKeyError::Certificate(error) => error.fmt(f),
            CertifiedKeyError::OtherKey => f.write_str("the key does not belong to the first certificate of the chain"),
        }
    }
}

impl core::error::Error for CertifiedKeyError {}

impl fmt::Debug for CertifiedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertifiedKey").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NoKey;
    use alloc::sync::Arc;

    #[test]
    fn a_key_belongs_to_the_first_certificate() {
        use crate::testing::{KINDS, certified};
        let own = |kind| Arc::into_inner(certified(kind)).unwrap();
        for kind in KINDS {
            let CertifiedKey { chain, key } = own(kind);
            assert!(CertifiedKey::new(chain, key).is_ok(), "{kind:?}");
            for other in KINDS.into_iter().filter(|other| *other != kind) {
                let mixed = CertifiedKey::new(own(kind).chain, own(other).key).err();
                assert_eq!(mixed, Some(CertifiedKeyError::OtherKey));
            }
        }
        // Of the same kind, but another.
        let generated = (crypto_ring::PROVIDER.generate_key)(crypto::KeyKind::EcP256).unwrap();
        let key = (crypto_ring::PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, &generated).unwrap();
        let mixed = CertifiedKey::new(own(crate::testing::Kind::EcP256).chain, key).err();
        assert_eq!(mixed, Some(CertifiedKeyError::OtherKey));
        let none = CertifiedKey::new(Vec::new(), Box::new(NoKey)).err();
        assert_eq!(none, Some(CertifiedKeyError::Certificate(x509::Error::NoCertificate)));
        let broken = CertifiedKey::new(alloc::vec![CertificateDer::from(alloc::vec![0x30])], Box::new(NoKey)).err();
        assert!(matches!(broken, Some(CertifiedKeyError::Certificate(x509::Error::Malformed(_)))));
    }
}
