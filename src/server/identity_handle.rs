//! Identities that can be replaced while a server runs.

use crate::server::identity::Identity;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use tls::{ByName, ClientWishes, Resolver, Selected};
use x509::{Certificate, PeerName};

/// What a server shows to its clients and asks of them, in one value that is replaced as a whole: a handshake sees all of the old
/// one or all of the new one. Connections under way keep what they have. Clones are about the same value.
///
/// It is given to [`ServerBuilder::resolver`](crate::ServerBuilder::resolver).
#[derive(Clone)]
pub struct IdentityHandle {
    current: Arc<RwLock<Arc<ByName>>>,
    /// Kept apart, so that it only ever rises.
    generation: Arc<RwLock<u64>>,
}

impl IdentityHandle {
    /// Begins with these, as generation 1.
    pub fn new(mut names: ByName) -> IdentityHandle {
        names.set_generation(1);
        IdentityHandle { current: Arc::new(RwLock::new(Arc::new(names))), generation: Arc::new(RwLock::new(1)) }
    }

    /// Has every handshake from now on see `names`, and gives the number of their generation. What was bound to an earlier one,
    /// such as a ticket, is not good any more: clients prove anew who they are, to those who are trusted now.
    pub fn replace(&self, mut names: ByName) -> u64 {
        // Held until the value is there, so that of two at the same time the later one has the higher number.
        let mut generation = self.generation.write().unwrap_or_else(PoisonError::into_inner);
        *generation += 1;
        names.set_generation(*generation);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(names);
        *generation
    }

    /// The number of the generation that is shown: how often it was replaced, and one.
    pub fn generation(&self) -> u64 {
        *self.generation.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Arc<ByName> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Resolver for IdentityHandle {
    fn resolve(&self, wishes: &ClientWishes<'_>) -> Option<Selected> {
        self.current().resolve(wishes)
    }
}

impl fmt::Debug for IdentityHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityHandle").field("generation", &self.generation()).finish_non_exhaustive()
    }
}

impl Identity {
    /// Each of these for the names in its certificate, in this order; the first for all other names too, and for clients that send
    /// none, together with those that have all of its names: the same server by keys of other kinds.
    pub fn by_name(identities: &[Identity]) -> ByName {
        let mut names = ByName::new();
        let Some(first) = identities.first() else { return names };
        let of_first = first.dns_names();
        for identity in identities {
            if let Some(staple) = identity.ocsp_response() {
                names.set_staple(&identity.certified(), staple.clone());
            }
            let own = identity.dns_names();
            own.iter().for_each(|name| names.insert(name, identity.certified()));
            if of_first.iter().all(|name| own.contains(name)) && (identity.is(first) || !of_first.is_empty()) {
                names.insert_default(identity.certified());
            }
        }
        names
    }

    fn is(&self, other: &Identity) -> bool {
        Arc::ptr_eq(&self.certified(), &other.certified())
    }

    /// In lower case, each once.
    fn dns_names(&self) -> Vec<String> {
        let leaf = self.chain().first().and_then(|der| Certificate::parse(der).ok());
        let names = leaf.map(|certificate| certificate.peer_names()).unwrap_or_default();
        let mut names: Vec<String> = names
            .into_iter()
            .filter_map(|name| match name {
                PeerName::Dns(name) => Some(name.to_ascii_lowercase()),
                _ => None,
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(resolver: &dyn Resolver, name: Option<&str>) -> Option<(Identity, u64)> {
        let selected = resolver.resolve(&ClientWishes::of_name(name))?;
        Some((Identity::from_certified(selected.certified), selected.generation))
    }

    fn development(name: &str) -> Identity {
        Identity::development(&[name.into()]).unwrap()
    }

    #[test]
    fn each_identity_is_for_its_names_and_the_first_for_all_others() {
        let (one, other) = (development("one.example"), development("*.Other.example"));
        let names = Identity::by_name(&[one.clone(), other.clone()]);
        let is = |name, identity: &Identity| shown(&names, name).is_some_and(|(found, _)| found.is(identity));
        assert!(is(Some("one.example"), &one) && is(Some("a.other.example"), &other));
        assert!(is(Some("third.example"), &one) && is(None, &one));
        assert!(shown(&Identity::by_name(&[]), None).is_none());
    }

    #[test]
    fn what_is_replaced_is_replaced_at_once_and_as_a_whole() {
        let (one, other) = (development("one.example"), development("one.example"));
        let handle = IdentityHandle::new(Identity::by_name(std::slice::from_ref(&one)));
        let theirs = handle.clone();
        let before = shown(&theirs, Some("one.example")).unwrap();
        assert!(before.0.is(&one) && before.1 == 1 && handle.generation() == 1);
        assert_eq!(handle.replace(Identity::by_name(std::slice::from_ref(&other))), 2);
        let after = shown(&theirs, Some("one.example")).unwrap();
        assert!(after.0.is(&other) && after.1 == 2 && theirs.generation() == 2);
        assert!(before.0.is(&one), "who has it keeps it");
    }
}
