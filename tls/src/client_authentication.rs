//! Whether a server asks its clients for a certificate, and whom it believes (RFC 9846 section 4.4.2).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rustls_pki_types::CertificateDer;

/// Whether clients are asked to show who they are.
#[derive(Clone, Default)]
pub enum ClientAuthentication {
    /// Clients stay unknown.
    #[default]
    None,
    /// They are asked, and may decline by showing no certificate. One that is shown must be good: a bad one ends the handshake.
    Optional(Arc<dyn ClientVerifier>),
    /// They are asked, and a handshake without a good certificate ends with certificate_required.
    Required(Arc<dyn ClientVerifier>),
}

/// The certificates that a client presents, to be judged.
#[derive(Clone, Copy, Debug)]
pub struct PresentedByClient<'a> {
    /// As they were sent, the client's own first; at least one.
    pub chain: &'a [CertificateDer<'a>],
    /// The name of the server that the client asked for, in lower case and without a trailing dot.
    pub server_name: Option<&'a str>,
    /// Seconds since 1970.
    pub now: u64,
}

/// Judges clients.
pub trait ClientVerifier: Send + Sync {
    /// Whether the certificates prove who the client is, once it has proved to hold the key of the first of them, which
    /// is checked after this. Gives the path that was verified, the client's own certificate first: what the application
    /// will know of the client.
    ///
    /// # Errors
    /// What is wrong with them. It decides about the alert.
    fn verify(&self, presented: &PresentedByClient<'_>) -> Result<Vec<CertificateDer<'static>>, x509::Error>;

    /// The authorities that a client's certificate should be issued by, each the DER of a distinguished name; none says
    /// nothing. Clients choose by them (RFC 9846 section 4.3.4). Lists of more than 4,096 bytes are not sent, because they would
    /// fill the server's first flight.
    fn authorities(&self) -> &[Vec<u8>] {
        &[]
    }

    /// Whether a client that these rules have believed may come back with a ticket, and what of its verified path the ticket holds:
    /// its own certificate first. An empty path stands for a client that has declined. When it comes back, [`verify`] is asked
    /// about these certificates as they are judged then, so that a client that was revoked, or is not trusted any more, has to
    /// show who it is. `None`, the default, gives no ticket.
    ///
    /// [`verify`]: ClientVerifier::verify
    fn ticket_path<'a>(&self, path: &'a [CertificateDer<'static>]) -> Option<&'a [CertificateDer<'static>]> {
        let _ = path;
        None
    }
}

/// Believes clients whose certificates are issued by one of these authorities, for clients (extKeyUsage); or whose certificate is
/// itself among the anchors.
pub struct ClientRoots {
    provider: crypto::Provider,
    roots: x509::RootStore,
    authorities: Vec<Vec<u8>>,
}

impl ClientRoots {
    /// These, and no others.
    pub fn new(provider: crypto::Provider, roots: x509::RootStore) -> ClientRoots {
        let authorities = roots.subjects_der();
        ClientRoots { provider, roots, authorities }
    }
}

impl ClientVerifier for ClientRoots {
    fn verify(&self, presented: &PresentedByClient<'_>) -> Result<Vec<CertificateDer<'static>>, x509::Error> {
        x509::verify_client(&self.provider, &self.roots, presented.chain, presented.now)
    }

    fn authorities(&self) -> &[Vec<u8>] {
        &self.authorities
    }

    /// All but the anchor, which is here.
    fn ticket_path<'a>(&self, path: &'a [CertificateDer<'static>]) -> Option<&'a [CertificateDer<'static>]> {
        match path {
            [] | [_] => Some(path),
            [sent @ .., _anchor] => Some(sent),
        }
    }
}

impl ClientAuthentication {
    /// Who judges clients, if they are asked.
    pub(crate) fn verifier(&self) -> Option<&Arc<dyn ClientVerifier>> {
        match self {
            ClientAuthentication::None => None,
            ClientAuthentication::Optional(verifier) | ClientAuthentication::Required(verifier) => Some(verifier),
        }
    }

    /// Whether both ask for the same, of the same clients: a client that is known under one is known under the other.
    pub fn is_same(&self, other: &ClientAuthentication) -> bool {
        match (self, other) {
            (ClientAuthentication::None, ClientAuthentication::None) => true,
            (ClientAuthentication::Optional(one), ClientAuthentication::Optional(other))
            | (ClientAuthentication::Required(one), ClientAuthentication::Required(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl fmt::Debug for ClientAuthentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClientAuthentication::None => "None",
            ClientAuthentication::Optional(_) => "Optional(..)",
            ClientAuthentication::Required(_) => "Required(..)",
        })
    }
}

impl fmt::Debug for ClientRoots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRoots").field("anchors", &self.roots.len()).finish_non_exhaustive()
    }
}
