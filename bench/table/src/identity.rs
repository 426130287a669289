//! The server's certificate: one P-256 identity for all stacks, as DER and as PEM.

use std::path::Path;

/// Writes `certificate.der`, `key.der`, and both as `.pem`.
pub fn issue(folder: &Path) {
    let mut random = crypto_ring::SystemRandom::new();
    let now = runtime::clock::unix_seconds();
    let identity = x509::issue::development(&crypto_ring::provider(), &[], now, &mut random).expect("a certificate");
    write(folder, "certificate", "CERTIFICATE", &identity.certificate);
    write(folder, "key", "PRIVATE KEY", &identity.key_pkcs8);
}

fn write(folder: &Path, name: &str, label: &str, der: &[u8]) {
    let pem = format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(der));
    std::fs::write(folder.join(format!("{name}.der")), der).expect("a file for the identity");
    std::fs::write(folder.join(format!("{name}.pem")), pem).expect("a file for the identity");
}

/// In lines of 64 characters.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for (at, group) in bytes.chunks(3).enumerate() {
        if at > 0 && at % 16 == 0 {
            text.push('\n');
        }
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for place in 0..4 {
            let symbol = ALPHABET[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { symbol.into() } else { '=' });
        }
    }
    text
}
