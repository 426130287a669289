//! Whom a server believes who they are.

use crate::error::Error;
use crate::server::identity::read;
use crypto_ring::PROVIDER;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use tls::{ClientAuthentication, ClientRoots, ClientVerifier};
use x509::{Revocation, RootStore};

/// The authorities that a server believes when they vouch for clients. Cheap to clone, and clones are the same: a client that is
/// known by one is known by the other.
#[derive(Clone)]
pub struct ClientTrust {
    verifier: Arc<dyn ClientVerifier>,
    /// What it is made of, unless it is a program's own.
    roots: Option<Arc<RootStore>>,
    /// The text it was read from, if that is all it is made of.
    pem: Option<Arc<[u8]>>,
}

impl ClientTrust {
    /// All certificates in a PEM file, and no others: of authorities, or of single clients. System roots vouch for servers, and
    /// are not meant here.
    ///
    /// # Errors
    /// The file cannot be read, holds none, or one that cannot be used.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<ClientTrust, Error> {
        let path = path.as_ref();
        ClientTrust::new(&read(path)?, &path.display().to_string())
    }

    /// Reads the file that this was read from again: gives the same as this if it has not changed, so that connections under way
    /// are as good as new ones.
    ///
    /// # Errors
    /// As for [`ClientTrust::from_pem_file`]; this is made of more than the file.
    pub fn again_from_pem_file(&self, path: impl AsRef<Path>) -> Result<ClientTrust, Error> {
        let path = path.as_ref();
        let Some(before) = &self.pem else {
            let why = "the trust in clients is made of more than a file, and has to be put together anew";
            return Err(Error::Identity(why.into()));
        };
        let pem = read(path)?;
        if **before == *pem { Ok(self.clone()) } else { ClientTrust::new(&pem, &path.display().to_string()) }
    }

    /// All certificates in PEM text, and no others.
    ///
    /// # Errors
    /// It holds none, or one that cannot be used.
    pub fn from_pem(pem: &[u8]) -> Result<ClientTrust, Error> {
        ClientTrust::new(pem, "the authorities of clients")
    }

    /// Rules of a program's own.
    pub fn custom(verifier: impl ClientVerifier + 'static) -> ClientTrust {
        ClientTrust { verifier: Arc::new(verifier), roots: None, pem: None }
    }

    /// Clients are asked for a certificate, and may show none.
    pub fn optional(&self) -> ClientAuthentication {
        ClientAuthentication::Optional(self.verifier.clone())
    }

    /// Clients have to show a certificate.
    pub fn required(&self) -> ClientAuthentication {
        ClientAuthentication::Required(self.verifier.clone())
    }

    fn new(pem: &[u8], name: &str) -> Result<ClientTrust, Error> {
        let mut roots = RootStore::new();
        roots.add_pem(pem).map_err(|error| Error::Identity(format!("{name} cannot be used: {error}")))?;
        Ok(ClientTrust { pem: Some(pem.into()), ..ClientTrust::of_roots(roots) })
    }

    fn of_roots(roots: RootStore) -> ClientTrust {
        let kept = Some(Arc::new(roots.clone()));
        ClientTrust { verifier: Arc::new(ClientRoots::new(PROVIDER, roots)), roots: kept, pem: None }
    }

    /// Has the chains of clients checked for revocation, too: by lists that the program gives, and has to keep up to date
    /// ([`IdentityHandle`](crate::IdentityHandle)). Where none is current that speaks for a certificate, the client is refused unless
    /// the lists are told otherwise.
    ///
    /// # Errors
    /// Clients are judged by rules of a program's own.
    pub fn check_revocation(self, revocation: Revocation) -> Result<ClientTrust, Error> {
        let why = "revocation cannot be checked beside rules of a program's own for clients";
        let mut roots = Arc::unwrap_or_clone(self.roots.ok_or_else(|| Error::Identity(why.into()))?);
        roots.check_revocation(revocation);
        Ok(ClientTrust::of_roots(roots))
    }
}

impl fmt::Debug for ClientTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTrust").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_said_and_clones_are_the_same() {
        let error = ClientTrust::from_pem_file("/nowhere").unwrap_err().to_string();
        assert!(error.contains("/nowhere could not be read"), "{error}");
        let error = ClientTrust::from_pem(b"hello").unwrap_err().to_string();
        assert!(error.contains("authorities of clients cannot be used"), "{error}");
        let pem = crate::server::identity::Identity::development(&[]).unwrap().certificate_pem();
        let (one, other) =
            (ClientTrust::from_pem(pem.as_bytes()).unwrap(), ClientTrust::from_pem(pem.as_bytes()).unwrap());
        assert!(one.required().is_same(&one.clone().required()));
        assert!(!one.required().is_same(&other.required()) && !one.required().is_same(&one.optional()));
    }
}
