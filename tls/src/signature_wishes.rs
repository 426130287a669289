//! Which signatures a side can verify (RFC 9846 section 4.3.3), and which certificates fit that.

use crate::certified_key::CertifiedKey;
use crate::message::list::Numbers;
use alloc::sync::Arc;
use alloc::vec::Vec;
use crypto::{SignatureAlgorithm, SignatureScheme, SigningKey};
use rustls_pki_types::CertificateDer;

/// What a peer can verify: in the handshake, and in certificates.
#[derive(Clone, Copy, Debug)]
pub struct SignatureWishes<'a> {
    handshake: Numbers<'a>,
    certificates: Numbers<'a>,
}

impl<'a> SignatureWishes<'a> {
    /// From signature_algorithms, and signature_algorithms_cert if it was sent: without it the first stands for both.
    pub(crate) fn new(handshake: Numbers<'a>, certificates: Option<Numbers<'a>>) -> SignatureWishes<'a> {
        SignatureWishes { handshake, certificates: certificates.unwrap_or(handshake) }
    }

    /// The best scheme of a key that the peer can verify in the handshake; `None` if there is none.
    pub fn scheme_of(&self, key: &dyn SigningKey) -> Option<SignatureScheme> {
        key.schemes().iter().copied().find(|scheme| self.handshake.contains(scheme.0))
    }

    /// Whether the peer can verify the signatures of a chain. A certificate that issued itself is trusted or not, whatever its
    /// signature (RFC 9846 section 4.5.1.2).
    pub fn take_chain(&self, chain: &[CertificateDer<'_>]) -> bool {
        chain.iter().all(|der| match x509::Certificate::parse(der) {
            Ok(certificate) if certificate.is_self_issued() => true,
            Ok(certificate) => certificate.signature_algorithm().is_some_and(|algorithm| self.takes(algorithm)),
            Err(_) => false,
        })
    }

    fn takes(&self, algorithm: SignatureAlgorithm) -> bool {
        schemes_in_certificates(algorithm).iter().any(|scheme| self.certificates.contains(*scheme))
    }

    /// The first of several whose key the peer can verify and whose chain as well; or else whose key it can verify; or else
    /// the first, which then cannot be used. `None` if there is none at all.
    /// RFC 9846 section 4.5.1.2-2, 4.5.1.2-7, 4.5.1.2-9.
    pub fn choose<'c>(&self, identities: &'c [Arc<CertifiedKey>]) -> Option<&'c Arc<CertifiedKey>> {
        // One is all there is to choose from, and its chain need not be read for that.
        if let [only] = identities {
            return Some(only);
        }
        let fitting = || identities.iter().filter(|certified| self.scheme_of(&*certified.key).is_some());
        fitting()
            .find(|certified| self.take_chain(&certified.chain))
            .or_else(|| fitting().next())
            .or_else(|| identities.first())
    }
}

/// The numbers that stand for a signature in a certificate. Those of ECDSA name a curve, too, which the certificate below does
/// not show: the one that goes with the hash is meant.
fn schemes_in_certificates(algorithm: SignatureAlgorithm) -> &'static [u16] {
    match algorithm {
        SignatureAlgorithm::EcdsaSha256 => &[SignatureScheme::ECDSA_SECP256R1_SHA256.0],
        SignatureAlgorithm::EcdsaSha384 => &[SignatureScheme::ECDSA_SECP384R1_SHA384.0],
        SignatureAlgorithm::Ed25519 => &[SignatureScheme::ED25519.0],
        SignatureAlgorithm::RsaPkcs1Sha256 => &[SignatureScheme::RSA_PKCS1_SHA256.0],
        SignatureAlgorithm::RsaPkcs1Sha384 => &[SignatureScheme::RSA_PKCS1_SHA384.0],
        SignatureAlgorithm::RsaPkcs1Sha512 => &[SignatureScheme::RSA_PKCS1_SHA512.0],
        // rsa_pss_rsae and rsa_pss_pss.
        SignatureAlgorithm::RsaPssSha256 => &[SignatureScheme::RSA_PSS_RSAE_SHA256.0, 0x0809],
        SignatureAlgorithm::RsaPssSha384 => &[SignatureScheme::RSA_PSS_RSAE_SHA384.0, 0x080a],
        SignatureAlgorithm::RsaPssSha512 => &[SignatureScheme::RSA_PSS_RSAE_SHA512.0, 0x080b],
    }
}

/// What this side asks for: the schemes for CertificateVerify, then those of PKCS #1 v1.5, which stand for signatures in
/// certificates only (RFC 9846 section 4.3.3).
/// RFC 9846 section 4.3.3-20, 4.3.3-21, 4.5.2-7, 9.3-4.
pub(crate) fn offered_schemes(provider: &crypto::Provider) -> Vec<u16> {
    // A row has one number at most: one piece of memory is enough.
    let mut schemes = Vec::with_capacity(provider.verifiers.len());
    schemes.extend(provider.verifiers.iter().filter_map(|row| row.scheme()).map(|scheme| scheme.0));
    for row in provider.verifiers {
        let scheme = match row.signature_algorithm() {
            SignatureAlgorithm::RsaPkcs1Sha256 => SignatureScheme::RSA_PKCS1_SHA256,
            SignatureAlgorithm::RsaPkcs1Sha384 => SignatureScheme::RSA_PKCS1_SHA384,
            SignatureAlgorithm::RsaPkcs1Sha512 => SignatureScheme::RSA_PKCS1_SHA512,
            _ => continue,
        };
        schemes.push(scheme.0);
    }
    schemes
}
