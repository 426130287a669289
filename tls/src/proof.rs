//! Proofs of authentication: values that only a successful check can make and that later states require. No path through
//! the code completes a handshake without them.

use crate::config::ClientConfig;
use crate::error::Error;
use crate::message::certificate_verify::{CertificateVerify, signed_by_server};
use crate::schedule::{Early, verify_data};
use crate::server_verification::{PresentedByServer, ServerVerification};
use crate::ticket::Ticket;
use crate::violation::Violation;
use alloc::boxed::Box;
use crypto::{CipherSuite, Digest, Provider, PublicKeyAlgorithm, Secret, constant_time};
use rustls_pki_types::CertificateDer;

/// The server's chain ends at a trust anchor and its certificate is for the right name. Holds the public key that the
/// CertificateVerify is checked with.
#[derive(Debug)]
pub(crate) struct ChainAccepted {
    key: (PublicKeyAlgorithm, Box<[u8]>),
    expires: u64,
}

/// The holder of the certificate's private key signed the transcript of this handshake.
#[derive(Debug)]
pub(crate) struct CertificateVerified {
    expires: u64,
}

/// The server selected the ticket that it was offered, with a suite of its hash. That it has the ticket's key shows in its
/// Finished, which is made with it.
#[derive(Debug)]
pub(crate) struct TicketAccepted {
    expires: u64,
}

/// The client has the key of the ticket that it shows: its binder covers this very ClientHello.
#[derive(Debug)]
pub(crate) struct BinderVerified(());

/// The server is authenticated, in one of the ways of TLS (RFC 9846 section 2). Each variant holds the proof of its way, so
/// a client that reaches WAIT_FINISHED has authenticated its server.
#[derive(Debug)]
pub(crate) enum Authenticated {
    /// By an accepted chain and a verified CertificateVerify.
    Certificate(CertificateVerified),
    /// By a ticket of a connection on which the server had shown who it is.
    Ticket(TicketAccepted),
}

/// The peer has the handshake keys and the same transcript.
/// RFC 9000 section 7-1, 7-2, 7-3.
#[derive(Debug)]
pub(crate) struct FinishedVerified(());

impl ChainAccepted {
    /// Checks a server's chain: to a trust anchor, for `name`, at this time.
    /// RFC 9846 section 4.5.1.3-1.
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
        Ok(ChainAccepted { key: (algorithm, key.into()), expires: expires(config, chain) })
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
        Ok(CertificateVerified { expires: chain.expires })
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

/// When the first certificate of the chain expires, in seconds since 1970; never, if nobody looks or there are no tickets to keep.
fn expires(config: &ClientConfig, chain: &[CertificateDer<'_>]) -> u64 {
    if config.tickets.is_none() || matches!(config.roots, ServerVerification::DangerousAcceptAny) {
        return u64::MAX;
    }
    // What does not parse was not needed for the chain.
    let parsed = chain.iter().filter_map(|der| x509::Certificate::parse(der).ok());
    parsed.map(|certificate| u64::try_from(certificate.validity().not_after).unwrap_or(0)).min().unwrap_or(0)
}

impl TicketAccepted {
    /// Checks what a server selected against the one ticket that it was offered.
    /// RFC 9846 section 4.3.11.
    pub(crate) fn by_client(
        ticket: &Ticket,
        ticket_suite: &CipherSuite,
        selected_identity: u16,
        suite: &CipherSuite,
    ) -> Result<TicketAccepted, Violation> {
        if selected_identity != 0 {
            return Err(Violation::SelectedIdentity);
        }
        if suite.hash.output_len() != ticket_suite.hash.output_len() {
            return Err(Violation::SuiteOfOtherHash);
        }
        Ok(TicketAccepted { expires: ticket.certificate_expires })
    }
}

impl Authenticated {
    /// When the certificates expire that the server is known by, in seconds since 1970.
    pub(crate) fn expires(&self) -> u64 {
        match self {
            Authenticated::Certificate(proof) => proof.expires,
            Authenticated::Ticket(proof) => proof.expires,
        }
    }
}

impl BinderVerified {
    /// Checks a client's binder against the key of the ticket that it belongs to; `transcript` ends where the binders begin.
    /// RFC 9846 section 4.3.11.
    pub(crate) fn check(early: &Early, transcript: &Digest, binder: &[u8]) -> Result<BinderVerified, Violation> {
        // A binder of another length is unequal: the hash, not the peer, says how long it is.
        if !constant_time::equal(binder, &early.binder(transcript)) {
            return Err(Violation::BadBinder);
        }
        Ok(BinderVerified(()))
    }
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
