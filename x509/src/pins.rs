//! Servers that are known by a hash of their certificate or key, and not by who vouches for them.

use crate::certificate::Certificate;
use crate::error::{Error, Rule};
use crate::profile::{check_time, check_usage, demand};
use crate::purpose::Purpose;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use crypto::{Provider, PublicKeyAlgorithm};

/// SHA-256 of something.
pub type Sha256 = [u8; 32];

/// The longest life of a certificate that is known by its hash alone, in seconds: two weeks.
const MAX_LIFETIME_SECONDS: i64 = 14 * 86_400;

/// The certificates and keys that are believed. Whoever holds the key of one of them is the server: names and authorities
/// count for nothing, because the hash says more. Time and usage do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    certificates: Vec<Sha256>,
    public_keys: Vec<Sha256>,
}

impl Pins {
    /// None: nobody is believed.
    pub fn new() -> Pins {
        Pins::default()
    }

    /// Believes one certificate, by the SHA-256 of its DER.
    pub fn add_certificate(&mut self, hash: Sha256) {
        self.certificates.push(hash);
    }

    /// Believes every certificate with one key, by the SHA-256 of its SubjectPublicKeyInfo.
    pub fn add_public_key(&mut self, hash: Sha256) {
        self.public_keys.push(hash);
    }

    /// The hashes of certificates, as they were added.
    pub fn certificates(&self) -> &[Sha256] {
        &self.certificates
    }

    /// The hashes of keys, as they were added.
    pub fn public_keys(&self) -> &[Sha256] {
        &self.public_keys
    }

    /// Whether a server's own certificate is one of them.
    pub fn verify(&self, provider: &Provider, certificate: &[u8], now_unix_seconds: u64) -> Result<(), Error> {
        let leaf = Certificate::parse(certificate)?;
        let (own, key) = (sha256(provider, certificate), sha256(provider, leaf.spki_der()));
        if !self.certificates.contains(&own) && !self.public_keys.contains(&key) {
            return Err(not_pinned(&leaf, &own));
        }
        check_time(&leaf, seconds(now_unix_seconds))?;
        check_usage(&leaf, Purpose::Server)?;
        leaf.subject_public_key().map(|_| ())
    }
}

/// Whether a server's own certificate is one that a page of the web may name by its hash (serverCertificateHashes of WebTransport):
/// of version 3, with a key on P-256, valid now and for two weeks at most, and with one of these hashes of its DER. A certificate
/// that is known by a hash cannot be revoked, which is why it may not live for long.
pub fn verify_certificate_hash(
    provider: &Provider,
    hashes: &[Sha256],
    certificate: &[u8],
    now_unix_seconds: u64,
) -> Result<(), Error> {
    let leaf = Certificate::parse(certificate)?;
    let own = sha256(provider, certificate);
    if !hashes.contains(&own) {
        return Err(not_pinned(&leaf, &own));
    }
    demand(&leaf, leaf.version() == 3, Rule::Version)?;
    let (algorithm, _) = leaf.subject_public_key()?;
    demand(&leaf, algorithm == PublicKeyAlgorithm::EcP256, Rule::KeyByHash)?;
    let validity = leaf.validity();
    let lifetime = validity.not_after.saturating_sub(validity.not_before);
    demand(&leaf, lifetime <= MAX_LIFETIME_SECONDS, Rule::LifetimeByHash)?;
    check_time(&leaf, seconds(now_unix_seconds))
}

fn not_pinned(leaf: &Certificate<'_>, own: &Sha256) -> Error {
    let found: String = own.iter().map(|byte| format!("{byte:02x}")).collect();
    Error::NotPinned { subject: leaf.label(), found }
}

fn sha256(provider: &Provider, bytes: &[u8]) -> Sha256 {
    let digest = provider.initial.hash.digest(&[bytes]);
    *digest.first_chunk().expect("the hash of the initial suite is SHA-256")
}

/// A clock that is beyond all dates is after all of them.
fn seconds(unix: u64) -> i64 {
    i64::try_from(unix).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::{self, IssueRequest};
    use alloc::vec;
    use crypto::KeyKind;
    use crypto_ring::PROVIDER;
    use rustls_pki_types::CertificateDer;

    const NOW: u64 = 1_795_000_000;

    fn certificate(kind: KeyKind, lifetime_seconds: u64) -> CertificateDer<'static> {
        let key = crypto_ring::generate_key(kind).expect("a key");
        let request = IssueRequest {
            names: vec!["a.example".into()],
            not_before_unix: NOW - 1000,
            lifetime_seconds,
            serial: [7; 16],
            is_authority: false,
        };
        issue::self_signed(&PROVIDER, &key, &request).expect("a certificate").certificate
    }

    #[test]
    fn a_pin_is_of_one_certificate_or_of_one_key() {
        let (one, other) = (certificate(KeyKind::EcP256, 100_000), certificate(KeyKind::EcP256, 100_000));
        let hash = |der: &[u8]| sha256(&PROVIDER, der);
        let spki = |der: &[u8]| hash(Certificate::parse(der).expect("a certificate").spki_der());
        let (mut by_certificate, mut by_key) = (Pins::new(), Pins::new());
        by_certificate.add_certificate(hash(&one));
        by_key.add_public_key(spki(&one));
        for pins in [&by_certificate, &by_key] {
            assert_eq!(pins.verify(&PROVIDER, &one, NOW), Ok(()));
            let refused = pins.verify(&PROVIDER, &other, NOW).expect_err("another");
            let found: String = hash(&other).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(refused, Error::NotPinned { subject: "Posthaste development".into(), found });
            assert!(matches!(pins.verify(&PROVIDER, &one, NOW + 100_000), Err(Error::Expired { .. })));
            assert!(matches!(pins.verify(&PROVIDER, &one, 1), Err(Error::NotYetValid { .. })));
            assert!(matches!(pins.verify(&PROVIDER, b"none", NOW), Err(Error::Malformed(_))));
        }
        // One kind of hash does not stand for the other.
        let mut mixed = Pins::new();
        mixed.add_public_key(hash(&one));
        mixed.add_certificate(spki(&one));
        assert!(mixed.verify(&PROVIDER, &one, NOW).is_err() && Pins::new().verify(&PROVIDER, &one, NOW).is_err());
    }

    #[test]
    fn what_the_web_knows_by_a_hash_lives_for_two_weeks_and_has_a_key_on_p256() {
        const DAYS_14: u64 = 14 * 86_400;
        let verify = |der: &[u8], now| verify_certificate_hash(&PROVIDER, &[sha256(&PROVIDER, der)], der, now);
        let rule = |result: Result<(), Error>| match result {
            Err(Error::Rule { rule, .. }) => Some(rule),
            _ => None,
        };
        assert_eq!(verify(&certificate(KeyKind::EcP256, DAYS_14), NOW), Ok(()));
        assert_eq!(rule(verify(&certificate(KeyKind::EcP256, DAYS_14 + 1), NOW)), Some(Rule::LifetimeByHash));
        assert_eq!(rule(verify(&certificate(KeyKind::Ed25519, DAYS_14), NOW)), Some(Rule::KeyByHash));
        assert!(matches!(verify(&certificate(KeyKind::EcP256, 100), NOW), Err(Error::Expired { .. })));
        let (one, other) = (certificate(KeyKind::EcP256, 1000), certificate(KeyKind::EcP256, 1000));
        let hashes = [sha256(&PROVIDER, &other)];
        let refused = verify_certificate_hash(&PROVIDER, &hashes, &one, NOW);
        assert!(matches!(refused, Err(Error::NotPinned { .. })));
        assert!(verify_certificate_hash(&PROVIDER, &[], &one, NOW).is_err());
    }
}
