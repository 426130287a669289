//! Which certificate a server presents for which name (RFC 6066 section 3).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use crypto::SigningKey;
use rustls_pki_types::CertificateDer;

/// A certificate chain, the server's own first, and the key of the first.
pub struct CertifiedKey {
    /// The chain, the server's own certificate first; the trust anchor may be left out.
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
    /// A chain, the server's own certificate first, and the key of that certificate. Whether clients will trust the chain
    /// is for them to say.
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

/// Chooses a certificate.
pub trait Resolver: Send + Sync {
    /// The certificate for `server_name`, which is in lower case and without a trailing dot; `None` if the client sent
    /// no name. No certificate refuses the connection.
    fn resolve(&self, server_name: Option<&str>) -> Option<Arc<CertifiedKey>>;
}

/// One certificate for whatever name is asked for: a client checks the name itself.
#[derive(Debug)]
pub struct Single(pub Arc<CertifiedKey>);

impl Resolver for Single {
    fn resolve(&self, _server_name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// Certificates by exact name, or by a wildcard for one leftmost label; and one for clients that send no name.
#[derive(Debug, Default)]
pub struct ByName {
    names: alloc::collections::BTreeMap<String, Arc<CertifiedKey>>,
    nameless: Option<Arc<CertifiedKey>>,
}

impl ByName {
    /// No certificates: every client is refused.
    pub fn new() -> ByName {
        ByName::default()
    }

    /// Shows `certified` for `name`, in any case; "*.example.org" stands for one label in place of the star.
    pub fn insert(&mut self, name: &str, certified: Arc<CertifiedKey>) {
        self.names.insert(name.trim_end_matches('.').to_ascii_lowercase(), certified);
    }

    /// Shows `certified` to clients that send no name.
    pub fn set_nameless(&mut self, certified: Arc<CertifiedKey>) {
        self.nameless = Some(certified);
    }
}

impl Resolver for ByName {
    fn resolve(&self, server_name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let Some(name) = server_name else { return self.nameless.clone() };
        if let Some(exact) = self.names.get(name) {
            return Some(exact.clone());
        }
        let (_, parent) = name.split_once('.')?;
        self.names.get(&alloc::format!("*.{parent}")).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct NoKey;

    impl SigningKey for NoKey {
        fn public_key_algorithm(&self) -> crypto::PublicKeyAlgorithm {
            crypto::PublicKeyAlgorithm::Ed25519
        }
        fn public_key(&self) -> &[u8] {
            &[]
        }
        fn schemes(&self) -> &[crypto::SignatureScheme] {
            &[]
        }
        fn sign(&self, _: crypto::SignatureScheme, _: &[u8]) -> Result<Vec<u8>, crypto::SigningFailed> {
            Err(crypto::SigningFailed)
        }
    }

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

    #[test]
    fn names_match_exactly_or_by_one_label() {
        let key = || Arc::new(CertifiedKey { chain: Vec::new(), key: Box::new(NoKey) });
        let (exact, wildcard, nameless) = (key(), key(), key());
        let mut names = ByName::new();
        assert!(names.resolve(None).is_none());
        names.insert("WWW.example.org.", exact.clone());
        names.insert("*.example.org", wildcard.clone());
        names.set_nameless(nameless.clone());
        let same = |name: Option<&str>, key: &Arc<CertifiedKey>| {
            names.resolve(name).is_some_and(|found| Arc::ptr_eq(&found, key))
        };
        assert!(same(Some("www.example.org"), &exact));
        assert!(same(Some("mail.example.org"), &wildcard));
        assert!(same(None, &nameless));
        for unknown in ["example.org", "a.b.example.org", "org", "", "example.com"] {
            assert!(names.resolve(Some(unknown)).is_none(), "{unknown}");
        }
    }
}
