//! Proofs of authentication: values that only a successful check can make and that later states require. No path through
//! the code completes a handshake without them.

use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::certificate_verify::{CertificateVerify, signed_by_server};
use crate::schedule::verify_data;
use crate::server_verification::PresentedByServer;
use crate::violation::Violation;
use alloc::vec::Vec;
use crypto::{CipherSuite, Digest, Provider, PublicKeyAlgorithm, Secret, constant_time};
use rustls_pki_types::CertificateDer;

/// The server's chain ends at a trust anchor and its certificate is for the right name. Holds the public key that the
/// CertificateVerify is checked with.
#[derive(Debug)]
pub(crate) struct ChainAccepted {
    key: (PublicKeyAlgorithm, Vec<u8>),
}

/// The holder of the certificate's private key signed the transcript of this handshake.
#[derive(Debug)]
pub(crate) struct CertificateVerified(());

/// The server is authenticated, in one of the ways of TLS (RFC 9846 section 2). Each variant holds the proof of its way, so
/// a client that reaches WAIT_FINISHED has authenticated its server.
///
/// A ticket is the other way: the proof that the server selected a pre-shared key of the ClientHello becomes a variant here.
/// It is made where the ServerHello is read, and leads from WAIT_EE to WAIT_FINISHED.
#[derive(Debug)]
pub(crate) enum Authenticated {
    /// By an accepted chain and a verified CertificateVerify.
    Certificate(CertificateVerified),
}

/// The peer has the handshake keys and the same transcript.
/// RFC 9000 section 7-1, 7-2, 7-3.
#[derive(Debug)]
pub(crate) struct FinishedVerified(());

impl ChainAccepted {
    /// Checks a server's chain: to a trust anchor, for `name`, at this time.
    pub(crate) fn by_client(
        config: &ClientConfig,
        chain: &[CertificateDer<'_>],
        ocsp_response: Option<&[u8]>,
        name: &x509::ServerName,
    ) -> Result<ChainAccepted, Error> {
        // RFC 9001 section 4.4-1, and RFC 9846 s4.5.1.3: no certificate is no authentication, whatever the configuration trusts.
        let leaf = chain.first().ok_or(Violation::EmptyCertificate)?;
        let (provider, now) = (&config.provider, config.wall_clock.unix_seconds());
        config.roots.verify(&PresentedByServer { provider, chain, name, now, ocsp_response })?;
        let certificate = x509::Certificate::parse(leaf)?;
        let (algorithm, key) = certificate.subject_public_key()?;
        Ok(ChainAccepted { key: (algorithm, key.to_vec()) })
    }
}

impl CertificateVerified {
    /// Checks a server's signature over the transcript up to its Certificate.
    pub(crate) fn by_client(
        config: &ClientConfig,
        chain: &ChainAccepted,
        verify: &CertificateVerify<'_>,
        transcript: &Digest,
    ) -> Result<CertificateVerified, Error> {
        let (algorithm, key) = &chain.key;
        check_signature(&config.provider, (*algorithm, key), verify, &signed_by_server(transcript))?;
        Ok(CertificateVerified(()))
    }
}

/// Checks the signature of a CertificateVerify by the key of the certificate before it.
pub(crate) fn check_signature(
    provider: &Provider,
    (algorithm, key): (PublicKeyAlgorithm, &[u8]),
    verify: &CertificateVerify<'_>,
    signed: &[u8],
) -> Result<(), Violation> {
    // The table has no row with a scheme for PKCS #1 v1.5, which RFC 9846 s4.3.3 leaves to certificates.
    let verifier = provider.verifier_for_scheme(verify.scheme).ok_or(Violation::SignatureSchemeNotOffered)?;
    // RFC 9846 s4.5.2: the scheme names the kind of key too, and it has to be the certificate's.
    if verifier.public_key_algorithm() != algorithm {
        return Err(Violation::SignatureSchemeOfOtherKey);
    }
    verifier.verify(key, signed, verify.signature).map_err(|crypto::BadSignature| Violation::BadSignature)
}

impl FinishedVerified {
    /// Checks the body of the peer's Finished; `transcript` ends just before it.
    pub(crate) fn check(
        suite: &CipherSuite,
        peer_handshake_traffic: &Secret,
        transcript: &Digest,
        body: &[u8],
    ) -> Result<FinishedVerified, Violation> {
        let expected = verify_data(suite, peer_handshake_traffic, transcript);
        // The length is the hash's, which is not always 32.
        if body.len() != expected.len() {
            return Err(Violation::FinishedLength);
        }
        if !constant_time::equal(body, &expected) {
            return Err(Violation::BadFinished);
        }
        Ok(FinishedVerified(()))
    }
}
