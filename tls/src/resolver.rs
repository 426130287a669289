//! Which certificate a server presents for which name (RFC 6066 section 3), and what it asks its clients for.

use crate::certified_key::CertifiedKey;
use crate::client_authentication::ClientAuthentication;
use crate::message::certificate_request::Authorities;
use crate::signature_wishes::SignatureWishes;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use x509::{AuthorityNames, Staple};

/// What a client says that decides about the identity it is shown.
#[derive(Clone, Copy, Debug)]
pub struct ClientWishes<'a> {
    /// The name it asks for, in lower case and without a trailing dot; `None` if it sent no name, or an address.
    pub server_name: Option<&'a str>,
    /// Which signatures it can verify; `None` where no client stands behind the question, and only the name counts.
    pub signatures: Option<SignatureWishes<'a>>,
    /// The authorities that it trusts, if it names any: one of them should have issued the certificate.
    pub authorities: Option<Authorities<'a>>,
    /// The protocol that will be spoken (ALPN, RFC 7301), if both sides name one: an authority that looks whose server this is asks for
    /// one of its own (RFC 8737).
    pub protocol: Option<&'a [u8]>,
}

impl<'a> ClientWishes<'a> {
    /// Only a name counts.
    pub fn of_name(server_name: Option<&'a str>) -> ClientWishes<'a> {
        ClientWishes { server_name, signatures: None, authorities: None, protocol: None }
    }

    /// The first of several identities that the client can verify; if there is none, the first of all. `None` if there is none.
    /// Where the client names authorities, those that one of them issued and that it can verify come before the others.
    /// RFC 9846 section 4.3.4-1, 4.5.1.2-4.
    pub fn choose(&self, identities: &[Arc<CertifiedKey>]) -> Option<Arc<CertifiedKey>> {
        // One is all there is to choose from, and the names need not be read for that.
        match identities {
            [_, _, ..] => self.of_named_authorities(identities).or_else(|| self.first_of(identities)),
            _ => identities.first().cloned(),
        }
    }

    /// Among those that an authority of the client's list issued, the first that it can verify.
    fn of_named_authorities(&self, identities: &[Arc<CertifiedKey>]) -> Option<Arc<CertifiedKey>> {
        // Of a list that is not all names nothing is known.
        let names = AuthorityNames::read(self.authorities?.iter()).ok()?;
        let issued: Vec<_> =
            identities.iter().filter(|certified| names.issued_one_of(&certified.chain)).cloned().collect();
        // RFC 9846 section 4.5.1.2-7: what it can verify counts for more than who issued it.
        let is_verified = |certified: &Arc<CertifiedKey>| {
            self.signatures.is_none_or(|signatures| {
                signatures.scheme_of(&*certified.key).is_some() && signatures.take_chain(&certified.chain)
            })
        };
        self.first_of(&issued).filter(is_verified)
    }

    fn first_of(&self, identities: &[Arc<CertifiedKey>]) -> Option<Arc<CertifiedKey>> {
        let chosen = match self.signatures {
            Some(signatures) => signatures.choose(identities),
            None => identities.first(),
        };
        chosen.cloned()
    }
}

/// What a server is towards one client.
#[derive(Clone, Debug)]
pub struct Selected {
    /// The identity that is shown.
    pub certified: Arc<CertifiedKey>,
    /// What an OCSP responder said of its certificate, for clients that ask for it; sent only while it is current.
    pub staple: Option<Arc<Staple>>,
    /// What the client is asked for; `None` leaves it to [`ServerConfig::client_authentication`].
    ///
    /// [`ServerConfig::client_authentication`]: crate::ServerConfig::client_authentication
    pub client_authentication: Option<ClientAuthentication>,
    /// Counts the changes of what a resolver selects from. What one number vouched for, such as a ticket, is not good under
    /// another: clients may have to prove anew who they are, to others.
    pub generation: u64,
}

impl From<Arc<CertifiedKey>> for Selected {
    /// Nothing but an identity.
    fn from(certified: Arc<CertifiedKey>) -> Selected {
        Selected { certified, staple: None, client_authentication: None, generation: 0 }
    }
}

/// Chooses a certificate.
pub trait Resolver: Send + Sync {
    /// What this client gets. `None` refuses the connection. The same name always gets the same client authentication, or
    /// clients could come around it by asking differently.
    fn resolve(&self, wishes: &ClientWishes<'_>) -> Option<Selected>;
}

/// One certificate for whatever name is asked for: a client checks the name itself.
#[derive(Debug)]
pub struct Single(pub Arc<CertifiedKey>);

impl Resolver for Single {
    fn resolve(&self, _wishes: &ClientWishes<'_>) -> Option<Selected> {
        Some(self.0.clone().into())
    }
}

/// Certificates by exact name, or by a wildcard for one leftmost label; for clients that send no name; and for all others. Each
/// may have several, with keys of different kinds: a client gets the first that it can verify.
///
/// What clients are asked for is found in the same order, each name by itself: that of the exact name, of the wildcard, of all
/// others.
#[derive(Clone, Debug, Default)]
pub struct ByName {
    names: BTreeMap<String, Entry>,
    nameless: Entry,
    others: Entry,
    /// What is sent with some of the identities.
    staples: Vec<(Arc<CertifiedKey>, Arc<Staple>)>,
    generation: u64,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    identities: Vec<Arc<CertifiedKey>>,
    client_authentication: Option<ClientAuthentication>,
}

impl ByName {
    /// No certificates: every client is refused.
    pub fn new() -> ByName {
        ByName::default()
    }

    /// Shows `certified` for `name`, in any case, if the client can verify none of those that the name has already;
    /// "*.example.org" stands for one label in place of the star.
    pub fn insert(&mut self, name: &str, certified: Arc<CertifiedKey>) {
        self.entry(name).identities.push(certified);
    }

    /// Shows `certified` to clients that send no name, likewise.
    pub fn insert_nameless(&mut self, certified: Arc<CertifiedKey>) {
        self.nameless.identities.push(certified);
    }

    /// Shows `certified` to clients that send no name or one that is not here, likewise. Without one they are refused.
    pub fn insert_default(&mut self, certified: Arc<CertifiedKey>) {
        self.others.identities.push(certified);
    }

    /// Sends this OCSP response with `certified`, for whatever name it is shown, to clients that ask for one. Whether it is about
    /// that certificate was found out when it was made.
    pub fn set_staple(&mut self, certified: &Arc<CertifiedKey>, staple: Arc<Staple>) {
        self.staples.retain(|(of, _)| !Arc::ptr_eq(of, certified));
        self.staples.push((certified.clone(), staple));
    }

    /// Asks clients of `name`, which may be a wildcard, for this. Names without an answer of their own have the server's.
    pub fn set_client_authentication(&mut self, name: &str, wanted: ClientAuthentication) {
        self.entry(name).client_authentication = Some(wanted);
    }

    /// Asks clients that send no name for this.
    pub fn set_nameless_client_authentication(&mut self, wanted: ClientAuthentication) {
        self.nameless.client_authentication = Some(wanted);
    }

    /// Asks clients for this wherever nothing closer says otherwise, whatever name they send.
    pub fn set_default_client_authentication(&mut self, wanted: ClientAuthentication) {
        self.others.client_authentication = Some(wanted);
    }

    /// Says that this differs from what was there before ([`Selected::generation`]).
    pub fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }

    fn entry(&mut self, name: &str) -> &mut Entry {
        self.names.entry(name.trim_end_matches('.').to_ascii_lowercase()).or_default()
    }

    /// What there is for a name, closest first.
    fn entries(&self, server_name: Option<&str>) -> [Option<&Entry>; 3] {
        let Some(name) = server_name else { return [Some(&self.nameless), None, Some(&self.others)] };
        let wildcard = name.split_once('.').and_then(|(_, parent)| self.names.get(&alloc::format!("*.{parent}")));
        [self.names.get(name), wildcard, Some(&self.others)]
    }
}

impl Resolver for ByName {
    fn resolve(&self, wishes: &ClientWishes<'_>) -> Option<Selected> {
        let entries = || self.entries(wishes.server_name).into_iter().flatten();
        let certified = entries().find_map(|entry| wishes.choose(&entry.identities))?;
        let client_authentication = entries().find_map(|entry| entry.client_authentication.clone());
        let staple = self.staples.iter().find(|(of, _)| Arc::ptr_eq(of, &certified)).map(|(_, staple)| staple.clone());
        Some(Selected { certified, staple, client_authentication, generation: self.generation })
    }
}

#[cfg(test)]
mod tests;
