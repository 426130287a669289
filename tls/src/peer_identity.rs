//! Who the other end proved to be.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::CertificateDer;
use x509::PeerName;

/// The certificates that the other end is known by, its own first. There is at least one.
///
/// On a server this is the path that was verified, from the client's certificate to the trust anchor: whatever else the client
/// sent is not in it. On a client these are the certificates as the server sent them, of which the first is the server's and
/// the others may be of no use.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerIdentity {
    certificates: Vec<CertificateDer<'static>>,
    ocsp_response: Option<Vec<u8>>,
}

impl PeerIdentity {
    /// # Panics
    /// If there is no certificate: nobody is known by none.
    pub(crate) fn new(certificates: Vec<CertificateDer<'static>>) -> PeerIdentity {
        assert!(!certificates.is_empty(), "an identity begins with a certificate");
        PeerIdentity { certificates, ocsp_response: None }
    }

    pub(crate) fn with_ocsp_response(self, ocsp_response: Option<Vec<u8>>) -> PeerIdentity {
        PeerIdentity { ocsp_response, ..self }
    }

    /// The OCSP response that a server stapled to its certificate, if it was asked for one: DER of RFC 6960, which nobody has
    /// checked.
    pub fn ocsp_response(&self) -> Option<&[u8]> {
        self.ocsp_response.as_deref()
    }

    /// All certificates, the other end's own first.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// Its own certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.certificates.first().expect("an identity begins with a certificate")
    }

    /// The names of its own certificate, from subjectAltName (RFC 5280 section 4.2.1.6). May be none.
    pub fn names(&self) -> Vec<PeerName> {
        x509::Certificate::parse(self.certificate()).map_or(Vec::new(), |certificate| certificate.peer_names())
    }

    /// Something to call it in a log: the common name of its own certificate, or another part of its subject; escaped and
    /// bounded. What it may do should hang on [`names`](PeerIdentity::names) or on the certificate itself: several authorities
    /// may give the same common name.
    pub fn label(&self) -> String {
        x509::Certificate::parse(self.certificate()).map_or(String::new(), |certificate| certificate.label())
    }
}

impl fmt::Debug for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerIdentity")
            .field("label", &self.label())
            .field("certificates", &self.certificates.len())
            .finish()
    }
}
