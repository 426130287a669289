//! The server's certificate: one P-256 identity for all stacks, made by the parent.

use std::path::Path;

/// The name in the certificate.
pub const NAME: &str = "localhost";

/// Writes `certificate.der` and `key.der`.
pub fn issue(folder: &Path) {
    let mut random = crypto_ring::SystemRandom::new();
    let now = runtime::clock::unix_seconds();
    let identity = x509::issue::development(&crypto_ring::provider(), &[], now, &mut random).expect("a certificate");
    std::fs::write(folder.join("certificate.der"), &identity.certificate).expect("a file for the certificate");
    std::fs::write(folder.join("key.der"), &identity.key_pkcs8).expect("a file for the key");
}

/// The certificate and its key.
pub fn load(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let read = |name| std::fs::read(folder.join(name)).expect("the identity");
    (read("certificate.der"), read("key.der"))
}
