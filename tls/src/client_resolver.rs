//! Which certificate a client shows to a server that asks for one (RFC 9846 sections 4.4.2 and 4.5.1.2).

use crate::certified_key::CertifiedKey;
use crate::message::certificate_request::CertificateRequest;
use crate::signature_wishes::SignatureWishes;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// What a server says about the certificate that it wants. The server is not authenticated yet, but it will be before any
/// certificate is sent.
#[derive(Debug)]
pub struct CertificateWanted<'a> {
    server: &'a x509::ServerName,
    request: CertificateRequest<'a>,
    /// As the server's list has them; `None` if it sent none, or one that does not parse.
    authorities: Option<x509::AuthorityNames>,
}

impl<'a> CertificateWanted<'a> {
    pub(crate) fn new(server: &'a x509::ServerName, request: CertificateRequest<'a>) -> CertificateWanted<'a> {
        let authorities = request.authorities.and_then(|list| x509::AuthorityNames::read(list.iter()).ok());
        CertificateWanted { server, request, authorities }
    }

    /// Which server asks.
    pub fn server(&self) -> &x509::ServerName {
        self.server
    }

    /// Which signatures it can verify.
    pub fn signatures(&self) -> SignatureWishes<'a> {
        self.request.signatures()
    }

    /// Whether an identity is of use: the server can verify its key's signature, the certificate has what the filters
    /// of the request ask for, and one of the authorities that the server named issued it or one of those above it.
    /// RFC 9846 section 4.5.1.2-2, 4.5.1.2-4, 4.5.1.2-5.
    pub fn takes(&self, certified: &CertifiedKey) -> bool {
        let Some(leaf) = certified.chain.first().and_then(|der| x509::Certificate::parse(der).ok()) else {
            return false;
        };
        let mut filters = self.request.filters.into_iter().flat_map(|list| list.iter());
        self.signatures().scheme_of(&*certified.key).is_some()
            && self.authorities.as_ref().is_none_or(|authorities| authorities.issued_one_of(&certified.chain))
            && filters.all(|(extension, values)| leaf.satisfies_filter(extension, values))
    }
}

/// Chooses the certificate of a client.
pub trait ClientResolver: Send + Sync {
    /// What to show to this server; `None` shows nothing, and leaves it to the server what it thinks of that. An identity whose
    /// key signs in no way that the server can verify is not shown either.
    fn resolve(&self, wanted: &CertificateWanted<'_>) -> Option<Arc<CertifiedKey>>;

    /// What tells these identities from others: equal bytes only where both show the same to the same servers, for as long as
    /// tickets are kept. With a ticket a server takes the client for the one that it was, so that tickets are kept by this.
    /// `None`, the default, keeps and uses none.
    fn ticket_identity(&self) -> Option<Vec<u8>> {
        None
    }
}

/// The first of several identities that the server takes; preferably one whose whole chain it can verify.
#[derive(Clone, Debug, Default)]
pub struct ClientIdentities(pub Vec<Arc<CertifiedKey>>);

impl ClientResolver for ClientIdentities {
    fn resolve(&self, wanted: &CertificateWanted<'_>) -> Option<Arc<CertifiedKey>> {
        let fitting: Vec<_> = self.0.iter().filter(|certified| wanted.takes(certified)).cloned().collect();
        wanted.signatures().choose(&fitting).cloned()
    }

    /// The certificates in their order, each with its length.
    fn ticket_identity(&self) -> Option<Vec<u8>> {
        let mut identity = Vec::new();
        for certified in &self.0 {
            let own = certified.chain.first().map_or(&[][..], |certificate| certificate.as_ref());
            identity.extend_from_slice(&(own.len() as u64).to_be_bytes());
            identity.extend_from_slice(own);
        }
        Some(identity)
    }
}

impl fmt::Debug for dyn ClientResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientResolver")
    }
}
