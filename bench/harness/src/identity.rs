//! The server's certificate: one P-256 identity for all stacks, made by the parent as DER and as PEM.

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
