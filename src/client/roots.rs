//! How a client decides whom to believe.

use crate::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tls::{CertificateHashes, PinnedServers, PresentedByServer, ServerVerification, ServerVerifier};
use x509::{Pins, Revocation, RootStore};

/// Where systems keep the certificates they trust, as one file of PEM: Debian and its kin, Fedora and its kin, SUSE,
/// Alpine and the BSDs, macOS.
const PLACES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
    "/usr/local/etc/openssl/cert.pem",
];

/// How a client decides whether a server is who it says: by the certificates that it trusts to vouch for servers, by hashes, or by
/// rules of a program's own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Roots {
    verification: ServerVerification,
}

impl Roots {
    /// Those of the system. The variable `SSL_CERT_FILE` may name another file.
    ///
    /// # Errors
    /// None of the usual files can be read.
    pub fn system() -> Result<Roots, Error> {
        if let Some(file) = std::env::var_os("SSL_CERT_FILE").filter(|file| !file.is_empty()) {
            return Roots::bundle(Path::new(&file));
        }
        match PLACES.iter().map(Path::new).find(|path| path.is_file()) {
            Some(path) => Roots::bundle(path),
            None => Err(Error::Roots(
                "the system's trusted certificates were not found in any of the usual places; \
                 install them (ca-certificates), or name a file of them"
                    .into(),
            )),
        }
    }

    /// All certificates in a PEM file, and no others.
    ///
    /// # Errors
    /// The file cannot be read, holds none, or one that cannot be parsed.
    pub fn from_pem_file(path: impl AsRef<Path>) -> Result<Roots, Error> {
        let path = path.as_ref();
        let pem = std::fs::read(path).map_err(|error| Error::file(path, "read", error))?;
        let mut store = RootStore::new();
        store.add_pem(&pem).map_err(|error| Error::Roots(format!("{} cannot be used: {error}", path.display())))?;
        Ok(Roots { verification: ServerVerification::Roots(Arc::new(store)) })
    }

    /// All certificates in PEM text, and no others.
    ///
    /// # Errors
    /// It holds none, or one that cannot be parsed.
    pub fn from_pem(pem: &[u8]) -> Result<Roots, Error> {
        let mut store = RootStore::new();
        store.add_pem(pem).map_err(|error| Error::Roots(format!("the certificates cannot be used: {error}")))?;
        Ok(Roots { verification: ServerVerification::Roots(Arc::new(store)) })
    }

    /// Servers whose own certificate or public key is one of these, whatever their name and whoever vouches for them.
    pub fn pinned(pins: Pins) -> Roots {
        Roots::custom(PinnedServers(pins))
    }

    /// Servers whose own certificate has one of these SHA-256 hashes, by the rules that WebTransport has for them
    /// (serverCertificateHashes): its key is on P-256, and it is valid for 14 days at most.
    pub fn certificate_hashes(hashes: Vec<[u8; 32]>) -> Roots {
        Roots::custom(CertificateHashes(hashes))
    }

    /// Rules of a program's own. Connections to servers that they accept are resumed only if the verifier says what tells it from
    /// others ([`ServerVerifier::ticket_trust`]).
    pub fn custom(verifier: impl ServerVerifier + 'static) -> Roots {
        Roots { verification: ServerVerification::Custom(Arc::new(verifier)) }
    }

    /// Has the chains of servers checked for revocation, too: by lists that the program gives, and has to keep up to date
    /// ([`RootsHandle`]). Where none is current that speaks for a certificate, the server is refused unless the lists are told
    /// otherwise.
    ///
    /// # Errors
    /// Servers are not believed for the certificates that vouch for them, so that no authority's list says anything of them.
    pub fn check_revocation(self, revocation: Revocation) -> Result<Roots, Error> {
        let ServerVerification::Roots(store) = self.verification else {
            let why = "revocation can be checked only where certificates are trusted to vouch for servers";
            return Err(Error::Roots(why.into()));
        };
        let mut store = Arc::unwrap_or_clone(store);
        store.check_revocation(revocation);
        Ok(Roots { verification: ServerVerification::Roots(Arc::new(store)) })
    }

    /// Any server is believed to be who it says. Anybody on the way can read and change everything: for tests only.
    pub fn dangerous_accept_any() -> Roots {
        Roots { verification: ServerVerification::DangerousAcceptAny }
    }

    /// As TLS wants it.
    pub(crate) fn verification(&self) -> ServerVerification {
        self.verification.clone()
    }

    fn bundle(path: &Path) -> Result<Roots, Error> {
        let pem = std::fs::read(path).map_err(|error| Error::file(path, "read", error))?;
        let mut store = RootStore::new();
        let bundle = store.add_bundle(&pem);
        if bundle.added == 0 {
            let why = bundle.refused.first().map_or("it holds none".into(), |refused| refused.error.to_string());
            return Err(Error::Roots(format!("{} contains no certificate that can be trusted: {why}", path.display())));
        }
        Ok(Roots { verification: ServerVerification::Roots(Arc::new(store)) })
    }
}

/// [`Roots`] that can be replaced while clients use them: each handshake sees all of the old ones or all of the new ones, and
/// connections under way go on. Clones are about the same value.
#[derive(Clone)]
pub struct RootsHandle {
    current: Arc<RwLock<Roots>>,
}

impl RootsHandle {
    /// Begins with these.
    pub fn new(roots: Roots) -> RootsHandle {
        RootsHandle { current: Arc::new(RwLock::new(roots)) }
    }

    /// Has every handshake from now on judged by `roots`, which are not to hold this handle.
    pub fn replace(&self, roots: Roots) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = roots;
    }

    /// What a client is given: whatever the handle holds at each handshake. No connection is resumed: with a ticket, servers would
    /// be believed by roots that have been replaced.
    pub fn roots(&self) -> Roots {
        Roots::custom(self.clone())
    }
}

impl ServerVerifier for RootsHandle {
    fn verify(&self, presented: &PresentedByServer<'_>) -> Result<(), x509::Error> {
        // Not under the lock: to judge takes its time.
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).verification();
        current.verify(presented)
    }
}

impl fmt::Debug for RootsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootsHandle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_trusted_is_said() {
        assert!(Roots::from_pem_file("/nowhere").unwrap_err().to_string().contains("/nowhere could not be read"));
        assert!(Roots::from_pem(b"").unwrap_err().to_string().contains("no certificate"));
        let identity = crate::server::identity::Identity::development(&[]).unwrap();
        assert!(Roots::from_pem(identity.certificate_pem().as_bytes()).is_ok());
    }
}
