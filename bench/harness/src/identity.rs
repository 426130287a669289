//! The server's certificate: one P-256 identity for all stacks, issued by an authority that clients trust; as DER and as PEM.

use std::path::{Path, PathBuf};

/// The name in the certificate.
pub const NAME: &str = "localhost";

/// The certificate and its key (PKCS #8), as DER.
pub fn load(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let read = |name| std::fs::read(folder.join(name)).expect("the identity");
    (read("certificate.der"), read("key.der"))
}

/// The same as PEM: where it is.
pub fn pem(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("certificate.pem"), folder.join("key.pem"))
}

/// What clients trust, as DER.
pub fn authority(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("authority.der")).expect("the authority")
}

/// The same as PEM: where it is.
pub fn authority_pem(folder: &Path) -> PathBuf {
    folder.join("authority.pem")
}
