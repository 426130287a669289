//! The trust anchors of a client.

use crate::anchor;
use crate::certificate::Certificate;
use crate::encode::sequence;
use crate::error::Error;
use crate::fingerprint::number_of;
use crate::name::CanonicalName;
use crate::pem;
use crate::revocation::Revocation;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Trust anchors, as whole certificates, found by their subject.
#[derive(Clone, Debug, Default)]
pub struct RootStore {
    by_subject: BTreeMap<CanonicalName, Vec<CertificateDer<'static>>>,
    len: usize,
    /// The sum of a number for each anchor, so that the order does not matter.
    fingerprint: u64,
    /// Why there is no anchor of a subject that a bundle has, so that a chain that ends there can be told the reason.
    refused: BTreeMap<CanonicalName, Error>,
    /// What has been revoked, if that is checked.
    revocation: Option<Arc<Revocation>>,
}

/// What became of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Certificates that are anchors now.
    pub added: usize,
    /// Those that are not.
    pub refused: Vec<Refused>,
}

/// A section of a bundle that is no anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which section of its text, from 1.
    pub number: usize,
    /// Why not.
    pub error: Error,
}

impl RootStore {
    /// No anchors: nothing is trusted.
    pub fn new() -> RootStore {
        RootStore::default()
    }

    /// Trusts one certificate, whatever the time: an authority's to vouch for servers, or that of one server.
    ///
    /// # Errors
    /// It cannot be read, or it is of no use as either.
    pub fn add_der(&mut self, der: &[u8]) -> Result<(), Error> {
        let certificate = Certificate::parse(der)?;
        anchor::check_either(&certificate)?;
        let subject = certificate.subject().canonical();
        let same = self.by_subject.entry(subject).or_default();
        if !same.iter().any(|anchor| anchor.as_ref() == der) {
            same.push(CertificateDer::from(der.to_vec()));
            self.len += 1;
            self.fingerprint ^= number_of(der);
        }
        Ok(())
    }

    /// Trusts all certificates of a PEM text or none of them; gives their number.
    pub fn add_pem(&mut self, pem: &[u8]) -> Result<usize, Error> {
        let certificates = pem::load_certificates_pem(pem)?;
        let mut extended = self.clone();
        for certificate in &certificates {
            extended.add_der(certificate)?;
        }
        *self = extended;
        Ok(certificates.len())
    }

    /// Trusts what can be trusted of a bundle, as an operating system has one, and tells what cannot.
    pub fn add_bundle(&mut self, pem: &[u8]) -> Bundle {
        let mut bundle = Bundle { added: 0, refused: Vec::new() };
        for (section, number) in CertificateDer::pem_slice_iter(pem).zip(1..) {
            match section.map_err(|_| Error::Pem("a section is damaged")).and_then(|der| self.add_or_note(&der)) {
                Ok(()) => bundle.added += 1,
                Err(error) => bundle.refused.push(Refused { number, error }),
            }
        }
        bundle
    }

    fn add_or_note(&mut self, der: &[u8]) -> Result<(), Error> {
        self.add_der(der).inspect_err(|error| {
            if let Ok(certificate) = Certificate::parse(der) {
                self.refused.insert(certificate.subject().canonical(), error.clone());
            }
        })
    }

    /// Has every chain that ends at one of these anchors checked for revocation. Without this none is.
    pub fn check_revocation(&mut self, revocation: Revocation) {
        self.revocation = Some(Arc::new(revocation));
    }

    /// What has been revoked, if that is checked.
    pub(crate) fn revocation(&self) -> Option<&Revocation> {
        self.revocation.as_deref()
    }

    /// The subjects of the anchors, each once, as the DER of a distinguished name.
    pub fn subjects_der(&self) -> Vec<Vec<u8>> {
        let first = |same: &Vec<CertificateDer<'static>>| {
            let certificate = Certificate::parse(same.first()?).ok()?;
            Some(sequence(&[certificate.subject().contents()]))
        };
        self.by_subject.values().filter_map(first).collect()
    }

    /// Number of anchors.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A number that is the same for the same anchors, in whatever order they were added, and another for others, or where
    /// revocation is checked by other lists. It tells one's own sets of anchors apart; somebody who chooses anchors to that end
    /// can make two sets that have the same.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint ^ self.revocation().map_or(0, Revocation::fingerprint)
    }

    /// Why the certificate of this subject is no anchor, if a bundle had one.
    pub(crate) fn refusal(&self, subject: &CanonicalName) -> Option<&Error> {
        self.refused.get(subject)
    }

    /// The anchors of this subject.
    pub(crate) fn of_subject(&self, subject: &CanonicalName) -> &[CertificateDer<'static>] {
        self.by_subject.get(subject).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::{IssueRequest, self_signed};
    use alloc::string::String;
    use alloc::{format, vec};

    fn certificate(name: &str, serial: u8) -> CertificateDer<'static> {
        let key = crypto_ring::generate_key(crypto::KeyKind::Ed25519).expect("a key");
        let request = IssueRequest {
            names: vec![String::from(name)],
            not_before_unix: 1_795_000_000,
            lifetime_seconds: 1000,
            serial: [serial; 16],
            is_authority: true,
        };
        self_signed(&crypto_ring::PROVIDER, &key, &request).expect("a certificate").certificate
    }

    fn pem(der: &[u8]) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut text = String::new();
        for chunk in der.chunks(3) {
            let bits = (0..3).fold(0, |bits, index| bits << 8 | u32::from(chunk.get(index).copied().unwrap_or(0)));
            for index in 0..4 {
                let digit = ALPHABET[(bits >> (18 - 6 * index) & 63) as usize];
                text.push(if index > chunk.len() { '=' } else { char::from(digit) });
            }
        }
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    }

    #[test]
    fn each_anchor_counts_once() {
        let mut roots = RootStore::new();
        assert_eq!((roots.len(), roots.is_empty()), (0, true));
        let (one, other, namesake) = (certificate("One", 1), certificate("Other", 2), certificate("One", 3));
        for (der, len) in [(&one, 1), (&one, 1), (&other, 2), (&namesake, 3), (&namesake, 3), (&one, 3)] {
            roots.add_der(der).expect("a certificate");
            assert_eq!((roots.len(), roots.is_empty()), (len, false));
        }
        let subject = Certificate::parse(&one).expect("a certificate").subject().canonical();
        assert_eq!(roots.of_subject(&subject), [one, namesake]);
        assert!(roots.add_der(b"none").is_err() && roots.len() == 3);
    }

    #[test]
    fn a_text_is_taken_whole_or_not_at_all_and_a_bundle_as_far_as_it_goes() {
        let (one, other) = (pem(&certificate("One", 1)), pem(&certificate("Other", 2)));
        let mut roots = RootStore::new();
        assert_eq!(roots.add_pem(format!("{one}{other}").as_bytes()), Ok(2));
        assert_eq!(roots.len(), 2);
        // The first is new and good, the second is no certificate.
        let mixed = format!("{}{}{one}", pem(&certificate("Third", 3)), pem(&[1, 2, 3, 4]));
        assert!(roots.add_pem(mixed.as_bytes()).is_err() && roots.len() == 2);
        assert!(roots.add_pem(b"nothing").is_err());
        assert_eq!(
            roots.add_bundle(mixed.as_bytes()),
            Bundle { added: 2, refused: vec![Refused { number: 2, error: Error::Malformed("certificate") }] }
        );
        assert_eq!(roots.len(), 3, "one of them was known");
        assert_eq!(roots.add_bundle(b"nothing"), Bundle { added: 0, refused: vec![] });
    }
}
