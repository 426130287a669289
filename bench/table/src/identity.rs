//! The server's certificate: one P-256 identity for all stacks, issued by an authority that all clients trust, as DER and as PEM.

use crypto::{KeyKind, PrivateKeyFormat};
use std::path::Path;
use x509::issue::{self, IssueRequest};

/// Writes `authority`, `certificate` and `key`, each as `.der` and as `.pem`.
pub fn issue(folder: &Path) {
    let provider = crypto_ring::provider();
    let generate = || (provider.generate_key)(KeyKind::EcP256).expect("a key");
    let (authority_key, key) = (generate(), generate());
    let authority = issue::self_signed(&provider, &authority_key, &request("bench", true)).expect("an authority");
    let load = |key: &[u8]| (provider.load_key)(PrivateKeyFormat::Pkcs8, key).expect("a key");
    let (by, of) = (load(&authority_key), load(&key));
    let request = request("localhost", false);
    let certificate = issue::issued_by(&provider, &authority.certificate, &*by, &*of, &request).expect("a certificate");
    write(folder, "authority", "CERTIFICATE", &authority.certificate);
    write(folder, "certificate", "CERTIFICATE", &certificate);
    write(folder, "key", "PRIVATE KEY", &key);
}

fn request(name: &str, is_authority: bool) -> IssueRequest {
    IssueRequest {
        names: vec![name.into()],
        not_before_unix: runtime::clock::unix_seconds().saturating_sub(3_600),
        lifetime_seconds: issue::DEFAULT_LIFETIME_SECONDS,
        serial: [if is_authority { 1 } else { 2 }; 16],
        is_authority,
    }
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
