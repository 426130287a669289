//! The shim's own certificates and keys, and which of them a peer is shown.

use crate::failure::Failure;
use crate::options::{IdentityFiles, Options};
use crypto::signature::BoxedSigningKey;
use crypto::{Provider, PublicKeyAlgorithm, SignatureScheme, SigningFailed, SigningKey};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use tls::{CertificateWanted, CertifiedKey, ClientResolver, ClientWishes, Resolver, Selected};

/// Reads a file, and says which one if that fails.
pub fn read_file(path: &[u8]) -> Result<Vec<u8>, Failure> {
    let path = OsString::from_vec(path.to_vec());
    std::fs::read(&path).map_err(|error| Failure::File(format!("{}: {error}", path.display())))
}

/// A key that signs in some of its ways only.
struct Limited {
    key: BoxedSigningKey,
    schemes: Vec<SignatureScheme>,
}

impl SigningKey for Limited {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        self.key.public_key_algorithm()
    }

    fn public_key(&self) -> &[u8] {
        self.key.public_key()
    }

    fn schemes(&self) -> &[SignatureScheme] {
        &self.schemes
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        self.key.sign(scheme, message)
    }
}

/// What the shim can show, and which of it was shown last: its number, or -1 for the one that has none.
#[derive(Debug)]
pub struct Identities {
    identities: Vec<(i32, Arc<CertifiedKey>)>,
    shown: AtomicI32,
}

impl Identities {
    /// Those of the flags: the numbered ones first, then the one without a number.
    pub fn load(provider: &Provider, options: &Options) -> Result<Identities, Failure> {
        let mut identities = Vec::new();
        let (unnumbered, numbered) = options.identities.split_first().map_or((None, &[][..]), |(a, b)| (Some(a), b));
        let all = (0..).zip(numbered).chain(unnumbered.map(|files| (-1, files)));
        for (number, files) in all {
            if let Some(certified) = load(provider, files)? {
                identities.push((number, Arc::new(certified)));
            }
        }
        Ok(Identities { identities, shown: AtomicI32::new(-1) })
    }

    pub fn is_empty(&self) -> bool {
        self.identities.is_empty()
    }

    /// The number of the identity that was shown last.
    pub fn shown(&self) -> i32 {
        self.shown.load(Ordering::Relaxed)
    }

    fn all(&self) -> Vec<Arc<CertifiedKey>> {
        self.identities.iter().map(|(_, certified)| certified.clone()).collect()
    }

    fn note(&self, chosen: Option<Arc<CertifiedKey>>) -> Option<Arc<CertifiedKey>> {
        let chosen = chosen?;
        let number = self.identities.iter().find(|(_, certified)| Arc::ptr_eq(certified, &chosen));
        self.shown.store(number.map_or(-1, |(number, _)| *number), Ordering::Relaxed);
        Some(chosen)
    }
}

impl Resolver for Identities {
    fn resolve(&self, wishes: &ClientWishes<'_>) -> Option<Selected> {
        self.note(wishes.choose(&self.all())).map(Selected::from)
    }
}

impl ClientResolver for Identities {
    fn resolve(&self, wanted: &CertificateWanted<'_>) -> Option<Arc<CertifiedKey>> {
        self.note(wanted.signatures().choose(&self.all()).cloned())
    }

    fn ticket_identity(&self) -> Option<Vec<u8>> {
        // All connections of one process are of one test.
        Some(Vec::new())
    }
}

fn load(provider: &Provider, files: &IdentityFiles) -> Result<Option<CertifiedKey>, Failure> {
    let (Some(certificates), Some(key)) = (&files.certificates, &files.key) else { return Ok(None) };
    let chain = x509::load_certificates_pem(&read_file(certificates)?);
    let chain = chain.map_err(|error| Failure::File(format!("-cert-file: {error}")))?;
    let key = x509::load_private_key_pem(&read_file(key)?);
    let (format, key) = key.map_err(|error| Failure::File(format!("-key-file: {error}")))?;
    // Kinds of keys that are not here are no fault of the file.
    let key = (provider.load_key)(format, &key)
        .map_err(|error| Failure::Unimplemented(format!("this kind of private key: {error:?}")))?;
    let schemes: Vec<_> = files.schemes.iter().map(|number| SignatureScheme(*number)).collect();
    let key: BoxedSigningKey = match schemes.is_empty() {
        true => key,
        false => {
            let schemes: Vec<_> = schemes.into_iter().filter(|scheme| key.schemes().contains(scheme)).collect();
            Box::new(Limited { key, schemes })
        }
    };
    Ok(Some(CertifiedKey { chain, key }))
}
