//! Proofs of who a client is: values that only a check by the server can make. CONNECTED on a server requires one, so that no
//! path through the code completes a handshake without the answer that the server asked for.

use crate::client_authentication::{ClientAuthentication, ClientVerifier, PresentedByClient};
use crate::error::Error;
use crate::message::certificate_verify::{CertificateVerify, signed_by_client};
use crate::peer_identity::PeerIdentity;
use crate::proof::{BinderVerified, check_signature};
use crate::ticket_content::TicketClient;
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use crypto::{Digest, Provider, PublicKeyAlgorithm};
use rustls_pki_types::CertificateDer;

/// The most bytes of names of authorities that a CertificateRequest holds: the server's flight waits until the client has
/// shown its address, and hints are not worth that.
const MAX_AUTHORITIES_LEN: usize = 4096;

/// What the server knows of the client's identity is all that it asked for.
#[derive(Debug)]
pub(crate) struct ClientAuthenticated {
    way: Way,
    /// What it asked for.
    policy: ClientAuthentication,
}

#[derive(Debug)]
enum Way {
    /// Nobody asked.
    NotAsked,
    /// The client showed nothing, and may do so.
    Declined,
    /// By an accepted chain and a verified CertificateVerify.
    Certificate(Arc<PeerIdentity>),
    /// By the key of a ticket that was given to the client after one of the other ways, and by its certificates, which are
    /// still accepted.
    Ticket(Arc<PeerIdentity>),
}

/// The client is asked for a certificate.
#[derive(Debug)]
pub(crate) struct Asked {
    verifier: Verifier,
    policy: ClientAuthentication,
}

/// The one that the policy names.
struct Verifier(Arc<dyn ClientVerifier>);

/// The client's chain is trusted. Holds the public key that the CertificateVerify is checked with.
#[derive(Debug)]
pub(crate) struct ClientChainAccepted {
    key: (PublicKeyAlgorithm, Vec<u8>),
    identity: PeerIdentity,
    policy: ClientAuthentication,
}

impl ClientAuthenticated {
    /// Who it is, if it showed a certificate.
    pub(crate) fn identity(&self) -> Option<Arc<PeerIdentity>> {
        match &self.way {
            Way::Certificate(identity) | Way::Ticket(identity) => Some(identity.clone()),
            Way::NotAsked | Way::Declined => None,
        }
    }

    /// What a ticket says of it; `None` if it gets none, because it would not be known by that again.
    pub(crate) fn for_ticket(&self) -> Option<TicketClient> {
        let path = match &self.way {
            Way::NotAsked => return Some(TicketClient::NotAsked),
            Way::Declined => &[][..],
            Way::Certificate(identity) | Way::Ticket(identity) => identity.certificates(),
        };
        let kept = self.policy.verifier()?.ticket_path(path)?;
        if path.is_empty() { Some(TicketClient::Declined) } else { TicketClient::known(kept) }
    }

    /// A client that nobody asks, and that a ticket says nothing of.
    pub(crate) fn unasked_by_ticket(&self, client: &TicketClient) -> Option<ClientAuthenticated> {
        let is_unasked = matches!((&self.way, client), (Way::NotAsked, TicketClient::NotAsked));
        is_unasked.then(|| ClientAuthenticated { way: Way::NotAsked, policy: self.policy.clone() })
    }

    /// What it was asked for.
    pub(crate) fn policy(&self) -> &ClientAuthentication {
        &self.policy
    }

    /// Without a question there is nothing to prove; otherwise what is asked.
    pub(crate) fn by_policy(policy: &ClientAuthentication) -> Result<ClientAuthenticated, Asked> {
        let policy = policy.clone();
        match &policy {
            ClientAuthentication::None => Ok(ClientAuthenticated { way: Way::NotAsked, policy }),
            ClientAuthentication::Optional(verifier) | ClientAuthentication::Required(verifier) => {
                let verifier = Verifier(verifier.clone());
                Err(Asked { verifier, policy })
            }
        }
    }

    /// Checks the client's signature over the transcript up to its Certificate.
    /// RFC 9846 section 4.5.2-5, 4.5.2-6, 4.5.2-8, 4.5.2-9.
    pub(crate) fn by_signature(
        provider: &Provider,
        chain: ClientChainAccepted,
        verify: &CertificateVerify<'_>,
        transcript: &Digest,
    ) -> Result<ClientAuthenticated, Error> {
        let (algorithm, key) = &chain.key;
        check_signature(provider, (*algorithm, key), verify, &signed_by_client(transcript))?;
        Ok(ClientAuthenticated { way: Way::Certificate(Arc::new(chain.identity)), policy: chain.policy })
    }
}

impl Asked {
    /// The names of authorities to tell the client: all, or none if they are too long.
    pub(crate) fn authorities(&self) -> &[Vec<u8>] {
        let all = self.verifier.0.authorities();
        let len: usize = all.iter().map(|name| name.len() + 2).sum();
        if len <= MAX_AUTHORITIES_LEN { all } else { &[] }
    }

    /// A client that has shown by a ticket that it is the one that the ticket is about. What the ticket says of it has to do for
    /// what it is asked now: it is judged anew, so that it may have been revoked, or have lost the trust in it, since.
    pub(crate) fn by_ticket(
        &self,
        client: &TicketClient,
        _has_key: &BinderVerified,
        server_name: Option<&str>,
        now: u64,
    ) -> Option<ClientAuthenticated> {
        let way = match (client, &self.policy) {
            (TicketClient::Declined, ClientAuthentication::Optional(_)) => Way::Declined,
            (TicketClient::Known(chain), _) => {
                let path = self.verifier.0.verify(&PresentedByClient { chain, server_name, now }).ok()?;
                Way::Ticket(Arc::new(PeerIdentity::new(with_leaf(path, chain.first()?))))
            }
            _ => return None,
        };
        Some(ClientAuthenticated { way, policy: self.policy.clone() })
    }

    /// The client's Certificate holds none.
    /// RFC 9846 section 4.5.1.3-2: whether that will do is the server's to say.
    pub(crate) fn declined(self) -> Result<ClientAuthenticated, Violation> {
        match self.policy {
            ClientAuthentication::Required(_) => Err(Violation::CertificateRequired),
            policy => Ok(ClientAuthenticated { way: Way::Declined, policy }),
        }
    }

    /// Checks the client's chain.
    pub(crate) fn check(self, presented: &PresentedByClient<'_>) -> Result<ClientChainAccepted, Error> {
        let path: Vec<CertificateDer<'static>> = self.verifier.0.verify(presented)?;
        // The key is that of the certificate that was sent, whatever the verifier has given for the path.
        let leaf = presented.chain.first().ok_or(x509::Error::NoCertificate)?;
        let certificate = x509::Certificate::parse(leaf)?;
        let (algorithm, key) = certificate.subject_public_key()?;
        let (key, identity) = ((algorithm, key.to_vec()), PeerIdentity::new(with_leaf(path, leaf)));
        Ok(ClientChainAccepted { key, identity, policy: self.policy })
    }
}

/// A path that begins with the certificate that was shown, whatever a verifier has given.
fn with_leaf(mut path: Vec<CertificateDer<'static>>, leaf: &CertificateDer<'_>) -> Vec<CertificateDer<'static>> {
    if path.first().map(AsRef::as_ref) != Some(leaf.as_ref()) {
        path.insert(0, leaf.clone().into_owned());
    }
    path
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier")
    }
}
