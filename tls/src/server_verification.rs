//! How a client judges a server: policies as values.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use crypto::Provider;
use rustls_pki_types::CertificateDer;
use x509::{Pins, RootStore, Sha256};

/// How a client checks that the server is who it says. In every case the server proves to hold the key of its certificate; that
/// is no part of the policy.
#[derive(Clone)]
pub enum ServerVerification {
    /// The chain must end at one of these, and the certificate must be for the name that was asked for.
    Roots(Arc<RootStore>),
    /// Rules of their own: [`PinnedServers`], [`CertificateHashes`], or a program's.
    Custom(Arc<dyn ServerVerifier>),
    /// Any certificate whose key signs the handshake. Anybody can pretend to be the server: for tests on one machine only.
    DangerousAcceptAny,
}

/// What a server presents, to be judged.
#[derive(Clone, Copy)]
pub struct PresentedByServer<'a> {
    /// The client's cryptography.
    pub provider: &'a Provider,
    /// The certificates as they were sent, the server's own first; at least one.
    pub chain: &'a [CertificateDer<'a>],
    /// The server that was asked for.
    pub name: &'a x509::ServerName,
    /// Seconds since 1970.
    pub now: u64,
    /// The OCSP response that the server has stapled to its certificate, if it was asked for one and had one: DER of RFC 6960. It
    /// is not checked here.
    pub ocsp_response: Option<&'a [u8]>,
}

/// Judges servers.
pub trait ServerVerifier: Send + Sync {
    /// Whether the certificates prove who the server is, once it has proved to hold the key of the first of them, which is
    /// checked after this.
    ///
    /// # Errors
    /// What is wrong with them. It decides about the alert.
    fn verify(&self, presented: &PresentedByServer<'_>) -> Result<(), x509::Error>;

    /// What tells these rules from others: equal bytes only where both believe the same servers, for as long as tickets are kept.
    /// With a ticket a server is believed without being judged again, so that tickets are kept by this. `None`, the default,
    /// keeps and uses none.
    fn ticket_trust(&self) -> Option<Vec<u8>> {
        None
    }
}

impl ServerVerification {
    /// Judges a server.
    ///
    /// # Errors
    /// What is wrong with its certificates.
    pub fn verify(&self, presented: &PresentedByServer<'_>) -> Result<(), x509::Error> {
        let PresentedByServer { provider, chain, name, now, .. } = presented;
        match self {
            // RFC 9114 section 3.1-1, 3.1-2: the name is the host of the URI, and without this proof no handshake ends.
            ServerVerification::Roots(roots) => x509::verify_server(provider, roots, chain, name, *now),
            ServerVerification::Custom(verifier) => verifier.verify(presented),
            ServerVerification::DangerousAcceptAny => Ok(()),
        }
    }

    /// What tells it from others, for the tickets of servers that it believed; `None` if nobody knows. Each kind begins with a
    /// number of its own.
    pub(crate) fn ticket_trust(&self) -> Option<Vec<u8>> {
        let (kind, what) = match self {
            ServerVerification::Roots(roots) => (0, roots.fingerprint().to_be_bytes().to_vec()),
            ServerVerification::DangerousAcceptAny => (1, Vec::new()),
            ServerVerification::Custom(verifier) => (2, verifier.ticket_trust()?),
        };
        Some([&[kind], &what[..]].concat())
    }
}

/// What tells lists of hashes of one kind apart, in whatever order they are.
fn of_hashes(kind: &[u8], lists: &[&[Sha256]]) -> Vec<u8> {
    let mut trust = kind.to_vec();
    for list in lists {
        let mut sorted = list.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        trust.extend_from_slice(&(sorted.len() as u64).to_be_bytes());
        trust.extend_from_slice(sorted.as_flattened());
    }
    trust
}

/// Believes servers whose own certificate or key is pinned, whatever their name and whoever vouches for them.
#[derive(Clone, Debug)]
pub struct PinnedServers(pub Pins);

impl ServerVerifier for PinnedServers {
    fn verify(&self, presented: &PresentedByServer<'_>) -> Result<(), x509::Error> {
        self.0.verify(presented.provider, own(presented)?, presented.now)
    }

    fn ticket_trust(&self) -> Option<Vec<u8>> {
        Some(of_hashes(b"pinned", &[self.0.certificates(), self.0.public_keys()]))
    }
}

/// Believes servers by the hashes that a page of the web names (serverCertificateHashes of WebTransport): [`Pins`] of certificates
/// that live for two weeks at most and have keys on P-256.
#[derive(Clone, Debug)]
pub struct CertificateHashes(pub Vec<Sha256>);

impl ServerVerifier for CertificateHashes {
    fn verify(&self, presented: &PresentedByServer<'_>) -> Result<(), x509::Error> {
        x509::verify_certificate_hash(presented.provider, &self.0, own(presented)?, presented.now)
    }

    fn ticket_trust(&self) -> Option<Vec<u8>> {
        Some(of_hashes(b"hashes", &[&self.0]))
    }
}

fn own<'a>(presented: &PresentedByServer<'a>) -> Result<&'a [u8], x509::Error> {
    presented.chain.first().map(AsRef::as_ref).ok_or(x509::Error::NoCertificate)
}

impl fmt::Debug for ServerVerification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ServerVerification::Roots(_) => "Roots(..)",
            ServerVerification::Custom(_) => "Custom(..)",
            ServerVerification::DangerousAcceptAny => "DangerousAcceptAny",
        })
    }
}

impl fmt::Debug for PresentedByServer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedByServer").field("name", &self.name).field("certificates", &self.chain.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_tells_policies_apart_does_not_look_at_the_order() {
        let pins = |certificates: &[u8], keys: &[u8]| {
            let mut pins = Pins::new();
            certificates.iter().for_each(|byte| pins.add_certificate([*byte; 32]));
            keys.iter().for_each(|byte| pins.add_public_key([*byte; 32]));
            ServerVerification::Custom(Arc::new(PinnedServers(pins))).ticket_trust().unwrap()
        };
        let hashes = |bytes: &[u8]| {
            let hashes = bytes.iter().map(|byte| [*byte; 32]).collect();
            ServerVerification::Custom(Arc::new(CertificateHashes(hashes))).ticket_trust().unwrap()
        };
        assert_eq!(pins(&[1, 2, 1], &[3]), pins(&[2, 1], &[3, 3]));
        assert_eq!(hashes(&[1, 2]), hashes(&[2, 1]));
        let mut all = vec![
            pins(&[], &[]),
            pins(&[1], &[]),
            pins(&[], &[1]),
            pins(&[1], &[2]),
            pins(&[1, 2], &[]),
            hashes(&[]),
            hashes(&[1]),
            hashes(&[1, 2]),
            ServerVerification::DangerousAcceptAny.ticket_trust().unwrap(),
            ServerVerification::Roots(Arc::new(RootStore::new())).ticket_trust().unwrap(),
        ];
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
