//! The trust anchors of a client.

use crate::certificate::Certificate;
use crate::error::Error;
use crate::name::CanonicalName;
use crate::pem;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Trust anchors, as whole certificates, found by their subject.
#[derive(Clone, Debug, Default)]
pub struct RootStore {
    by_subject: BTreeMap<CanonicalName, Vec<CertificateDer<'static>>>,
    len: usize,
}

/// What became of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Certificates that are anchors now.
    pub added: usize,
    /// Sections that are no certificate that can be read.
    pub skipped: usize,
}

impl RootStore {
    /// No anchors: nothing is trusted.
    pub fn new() -> RootStore {
        RootStore::default()
    }

    /// Trusts one certificate. Whether it can serve as an anchor is checked when it is used.
    pub fn add_der(&mut self, der: &[u8]) -> Result<(), Error> {
        let subject = Certificate::parse(der)?.subject().canonical();
        let same = self.by_subject.entry(subject).or_default();
        if !same.iter().any(|anchor| anchor.as_ref() == der) {
            same.push(CertificateDer::from(der.to_vec()));
            self.len += 1;
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

    /// Trusts what can be read of a bundle, as an operating system has one.
    pub fn add_bundle(&mut self, pem: &[u8]) -> Bundle {
        let mut bundle = Bundle { added: 0, skipped: 0 };
        for section in CertificateDer::pem_slice_iter(pem) {
            match section {
                Ok(der) if self.add_der(&der).is_ok() => bundle.added += 1,
                _ => bundle.skipped += 1,
            }
        }
        bundle
    }

    /// Number of anchors.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The anchors of this subject.
    pub(crate) fn of_subject(&self, subject: &CanonicalName) -> &[CertificateDer<'static>] {
        self.by_subject.get(subject).map_or(&[], Vec::as_slice)
    }
}
