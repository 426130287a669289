//! The trust anchors of a client.

use crate::error::Error;
use std::path::Path;
use std::sync::Arc;
use tls::ServerVerification;
use x509::RootStore;

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

/// The certificates that a client trusts to vouch for servers. Cheap to clone.
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
