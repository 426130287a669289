//! A server's identity: a certificate chain and the private key of its first certificate.

use crate::client::roots::Roots;
use crate::error::Error;
use crate::server::base64;
use crypto::SecretBytes;
use crypto_ring::PROVIDER;
use rustls_pki_types::CertificateDer;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use tls::{CertifiedKey, CertifiedKeyError, ClientWishes, PresentedByServer, Resolver, Selected};
use x509::general_name::GeneralName;
use x509::{Certificate, OcspProblem, OcspResponse, ServerName, Staple};

/// A certificate chain, leaf first, and its private key. Cheap to clone.
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    staple: Option<Arc<Staple>>,
}

impl Identity {
    /// Reads the chain and the key from PEM files.
    ///
    /// # Errors
    /// A file cannot be read, holds no certificate or key, or the key is another certificate's.
    pub fn from_pem_files(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Identity, Error> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let (chain, key_bytes) = (read(certificate)?, SecretBytes::from(read(key)?));
        let names = (certificate.display().to_string(), key.display().to_string());
        Identity::new(&chain, &key_bytes, &names.0, &names.1)
    }

    /// From PEM text.
    ///
    /// # Errors
    /// There is no certificate or key, or the key is another certificate's.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Identity, Error> {
        Identity::new(certificate, key, "the certificate", "the key")
    }

    /// From a chain as PEM and a key as PKCS #8.
    pub(crate) fn from_issued(chain_pem: &[u8], key_pkcs8: &[u8]) -> Result<Identity, Error> {
        let key = SecretBytes::from(base64::pem("PRIVATE KEY", key_pkcs8).into_bytes());
        Identity::new(chain_pem, &key, "the certificate of the authority", "its key")
    }

    /// A fresh, self-signed identity for `localhost`, `127.0.0.1`, `::1` and `names`, valid for 13 days. Nobody trusts it
    /// who is not told to: see [`Identity::certificate_pem`].
    ///
    /// # Errors
    /// A name is not one that a certificate can hold.
    pub fn development(names: &[String]) -> Result<Identity, Error> {
        let now = runtime::clock::unix_seconds();
        let mut random = crypto_ring::SystemRandom::new();
        let identity = x509::issue::development(&PROVIDER, names, now, &mut random)
            .map_err(|error| Error::Identity(format!("no development certificate could be made: {error}")))?;
        let key = (PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, &identity.key_pkcs8)
            .map_err(|error| Error::Identity(format!("the development key cannot be used: {error}")))?;
        Ok(Identity::from_certified(Arc::new(CertifiedKey { chain: vec![identity.certificate], key })))
    }

    fn new(chain: &[u8], key: &[u8], chain_name: &str, key_name: &str) -> Result<Identity, Error> {
        let refused = |name: &str, why: &dyn fmt::Display| Error::Identity(format!("{name} cannot be used: {why}"));
        let not_pem = |name: &str, text: &[u8], error| refused(name, &format!("{error}{}", looks_like(text)));
        let chain = x509::load_certificates_pem(chain).map_err(|error| not_pem(chain_name, chain, error))?;
        let (format, key) = x509::load_private_key_pem(key).map_err(|error| not_pem(key_name, key, error))?;
        let key = (PROVIDER.load_key)(format, &key).map_err(|error| refused(key_name, &error))?;
        let certified = CertifiedKey::new(chain, key).map_err(|error| match error {
            CertifiedKeyError::Certificate(error) => refused(chain_name, &error),
            CertifiedKeyError::OtherKey => Error::Identity(format!(
                "the key in {key_name} does not belong to the first certificate in {chain_name}: \
                 give the key it was made with, and the server's own certificate first"
            )),
        })?;
        Ok(Identity::from_certified(Arc::new(certified)))
    }

    /// The chain, leaf first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.chain
    }

    /// The chain as PEM, to be written to a file that clients are told to trust.
    pub fn certificate_pem(&self) -> String {
        self.chain().iter().map(|der| base64::pem("CERTIFICATE", der)).collect()
    }

    /// SHA-256 of the first certificate: what WebTransport calls its hash.
    pub fn certificate_sha256(&self) -> [u8; 32] {
        sha256(self.leaf())
    }

    /// SHA-256 of the first certificate's public key, in base64: what Chromium's
    /// `--ignore-certificate-errors-spki-list` takes.
    pub fn public_key_sha256_base64(&self) -> String {
        let spki = Certificate::parse(self.leaf()).map_or(&[][..], |certificate| certificate.spki_der());
        base64::encode(&sha256(spki))
    }

    /// Seconds since 1970 from which and up to which the first certificate is valid.
    pub fn validity(&self) -> (i64, i64) {
        Certificate::parse(self.leaf()).map_or((0, 0), |certificate| {
            let validity = certificate.validity();
            (validity.not_before, validity.not_after)
        })
    }

    /// The hosts that the first certificate is for: DNS names, perhaps with a star in front, and addresses.
    pub fn names(&self) -> Vec<String> {
        let Ok(certificate) = Certificate::parse(self.leaf()) else { return Vec::new() };
        let Some(alternative) = &certificate.extensions().subject_alternative_name else { return Vec::new() };
        let text = |name| match name {
            GeneralName::Dns(name) => Some(std::str::from_utf8(name).ok()?.to_owned()),
            GeneralName::IpAddress(&[a, b, c, d]) => Some(IpAddr::from([a, b, c, d]).to_string()),
            GeneralName::IpAddress(bytes) => Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()),
            _ => None,
        };
        alternative.names.iter().filter_map(text).collect()
    }

    /// Whether a client that trusts `roots` and asks for `host` will accept this identity now: what a server can find out
    /// before its clients do.
    ///
    /// # Errors
    /// [`Error::Certificate`]: what the client will say.
    pub fn check(&self, roots: &Roots, host: &str) -> Result<(), Error> {
        let now = runtime::clock::unix_seconds();
        let checked = ServerName::parse(host).and_then(|name| {
            let (provider, chain) = (&PROVIDER, self.chain());
            let presented = PresentedByServer { provider, chain, name: &name, now, ocsp_response: None };
            roots.verification().verify(&presented)
        });
        checked.map_err(|error| Error::Certificate { host: host.to_owned(), error })
    }

    /// From a chain and a key of a program's own: one that signs elsewhere, say.
    pub fn from_certified(certified: Arc<CertifiedKey>) -> Identity {
        Identity { certified, staple: None }
    }

    /// The same with an OCSP response (RFC 6960, DER) about its certificate, which clients that ask for one are sent with it (RFC
    /// 6066 section 8) until its nextUpdate. To send a newer one while the server runs, replace the identity by way of an
    /// [`IdentityHandle`](crate::IdentityHandle). The responder's signature is for clients to check.
    ///
    /// # Errors
    /// It is no successful response, is about another certificate as far as can be told, says that the certificate is not
    /// good, or is not current.
    pub fn with_ocsp_response(self, der: &[u8]) -> Result<Identity, OcspProblem> {
        let now = runtime::clock::unix_seconds();
        let staple = OcspResponse::read(der)?.staple(&PROVIDER, self.chain(), now)?;
        Ok(Identity { staple: Some(Arc::new(staple)), ..self })
    }

    /// The OCSP response that is sent with the certificate.
    pub fn ocsp_response(&self) -> Option<&Arc<Staple>> {
        self.staple.as_ref()
    }

    /// What TLS shows to clients: what a [`Resolver`](crate::Resolver) gives.
    pub fn certified(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }

    fn leaf(&self) -> &[u8] {
        self.chain().first().map_or(&[], |der| der.as_ref())
    }
}

/// More than any chain of certificates has. A device that gives bytes without an end is not read for ever.
const MAX_FILE: u64 = 1 << 20;

/// The whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |error| Error::file(path, "read", error);
    // All of it at once: a buffer that grows leaves pieces of a key behind.
    let mut bytes = Vec::with_capacity(MAX_FILE as usize + 1);
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if read as u64 > MAX_FILE {
        return Err(Error::Identity(format!(
            "{} cannot be used: it has more than 1 MiB, and is no file of certificates or keys",
            path.display()
        )));
    }
    Ok(bytes)
}

/// What somebody may have meant with a file in which the right thing was not found.
fn looks_like(text: &[u8]) -> &'static str {
    let has = |label: &[u8]| text.windows(label.len()).any(|part| part == label);
    match (has(b"PRIVATE KEY-----"), has(b"CERTIFICATE-----"), text.first()) {
        (true, false, _) => "; it holds a private key: are certificate and key swapped?",
        (false, true, _) => "; it holds certificates: are certificate and key swapped?",
        // The tag of a SEQUENCE.
        (false, false, Some(0x30)) => "; it may be DER: PEM is needed, as `openssl x509` and `openssl pkey` make it",
        _ => "",
    }
}

impl Resolver for Identity {
    /// Whatever name is asked for: a client checks the name itself.
    fn resolve(&self, _wishes: &ClientWishes<'_>) -> Option<Selected> {
        Some(Selected { staple: self.staple.clone(), ..self.certified().into() })
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain().len()).finish_non_exhaustive()
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = PROVIDER.initial.hash.digest(&[bytes]);
    *digest.first_chunk().expect("SHA-256 gives 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_development_identity_is_for_localhost_and_fits_its_key() {
        let identity = Identity::development(&["box.example".into()]).unwrap();
        let (from, to) = identity.validity();
        let now = runtime::clock::unix_seconds() as i64;
        assert!(from <= now && now < to && to - from <= 14 * 86_400);
        assert_eq!(identity.certified.key.public_key(), {
            let leaf = Certificate::parse(identity.leaf()).unwrap();
            leaf.subject_public_key().unwrap().1
        });
        assert_eq!(identity.public_key_sha256_base64().len(), 44);
        assert!(Identity::development(&["no name".into()]).is_err());
    }

    #[test]
    fn an_identity_knows_its_names_and_who_accepts_it() {
        let identity = Identity::development(&["box.example".into(), "192.0.2.1".into()]).unwrap();
        assert_eq!(identity.names(), ["localhost", "127.0.0.1", "::1", "box.example", "192.0.2.1"]);
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        for host in identity.names() {
            assert!(identity.check(&roots, &host).is_ok(), "{host}");
        }
        let refused = identity.check(&roots, "other.example").unwrap_err().to_string();
        assert!(refused.contains("certificate of other.example is refused"), "{refused}");
        let other = Identity::development(&[]).unwrap();
        assert!(other.check(&roots, "localhost").is_err());
        assert!(other.check(&Roots::dangerous_accept_any(), "anything").is_ok());
    }

    #[test]
    fn a_key_of_another_certificate_is_refused_and_so_is_what_is_neither() {
        let make = || x509::issue::development(&PROVIDER, &[], 1, &mut crypto_ring::SystemRandom::new()).unwrap();
        let (one, other) = (make(), make());
        let certificate = base64::pem("CERTIFICATE", &one.certificate);
        let key = |identity: &x509::Identity| base64::pem("PRIVATE KEY", &identity.key_pkcs8);
        assert!(Identity::from_pem(certificate.as_bytes(), key(&one).as_bytes()).is_ok());
        let error = Identity::from_pem(certificate.as_bytes(), key(&other).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("does not belong"), "{error}");
        let error = Identity::from_pem(key(&one).as_bytes(), certificate.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("no certificate"), "{error}");
        assert!(error.to_string().contains("holds a private key: are certificate and key swapped"), "{error}");
        let error = Identity::from_pem(certificate.as_bytes(), certificate.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("holds certificates: are certificate and key swapped"), "{error}");
        let error = Identity::from_pem(&one.certificate, key(&one).as_bytes()).unwrap_err();
        assert!(error.to_string().contains("may be DER"), "{error}");
        let error = Identity::from_pem_files("/dev/zero", "/dev/zero").unwrap_err();
        assert!(error.to_string().contains("/dev/zero cannot be used: it has more than 1 MiB"), "{error}");
        let error = Identity::from_pem_files("/", "/").unwrap_err();
        assert!(error.to_string().contains("could not be read: Is a directory"), "{error}");
        let error = Identity::from_pem_files("/nowhere.pem", "/nowhere.key").unwrap_err();
        assert!(error.to_string().contains("/nowhere.pem could not be read"), "{error}");
    }
}
