//! An authority, a server's certificate, and a stranger's authority, made for each run.

use base::Random;
use crypto::{KeyKind, PrivateKeyFormat, Provider};
use std::path::{Path, PathBuf};

pub const NAME: &str = "localhost";

/// The certificates and the key as DER, and as files for programs that want these.
pub struct Identity {
    pub authority: Vec<u8>,
    pub stranger: Vec<u8>,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
    /// Of clients: one whom the authority vouches for, and one of the stranger's.
    pub client: ClientIdentity,
    pub stranger_client: ClientIdentity,
    folder: PathBuf,
}

/// Of a client.
pub struct ClientIdentity {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

impl Identity {
    pub fn make(folder: &Path) -> Identity {
        let provider = crypto_ring::provider();
        let (authority, authority_key) = authority(&provider, "authority.example");
        let (stranger, stranger_key) = self::authority(&provider, "stranger.example");
        let key = (provider.generate_key)(KeyKind::EcP256).expect("a key");
        let load = |key: &[u8]| (provider.load_key)(PrivateKeyFormat::Pkcs8, key).expect("a key");
        let request = request(NAME, false);
        let issuer = authority.clone().into();
        let certificate = x509::issue::issued_by(&provider, &issuer, &*load(&authority_key), &*load(&key), &request);
        let certificate = certificate.expect("a certificate").to_vec();
        let (client, stranger_client) = (client(&authority, &authority_key), client(&stranger, &stranger_key));
        let (key, folder_of_files) = (key.to_vec(), folder.to_owned());
        let identity =
            Identity { authority, stranger, certificate, key, client, stranger_client, folder: folder_of_files };
        let write = |name: &str, label: &str, der: &[u8]| {
            std::fs::write(folder.join(name), pem(label, der)).expect("a file can be written");
        };
        write("authority.pem", "CERTIFICATE", &identity.authority);
        write("stranger.pem", "CERTIFICATE", &identity.stranger);
        write("certificate.pem", "CERTIFICATE", &identity.certificate);
        write("key.pem", "PRIVATE KEY", &identity.key);
        for (name, of) in [("client", &identity.client), ("stranger-client", &identity.stranger_client)] {
            write(&format!("{name}.pem"), "CERTIFICATE", &of.certificate);
            write(&format!("{name}-key.pem"), "PRIVATE KEY", &of.key);
        }
        identity
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().expect("UTF-8").to_owned()
    }
}

fn authority(provider: &Provider, name: &str) -> (Vec<u8>, Vec<u8>) {
    let key = (provider.generate_key)(KeyKind::EcP256).expect("a key");
    let identity = x509::issue::self_signed(provider, &key, &request(name, true)).expect("a certificate");
    (identity.certificate.to_vec(), key.to_vec())
}

/// A client that this authority vouches for.
fn client(authority: &[u8], authority_key: &[u8]) -> ClientIdentity {
    let provider = crypto_ring::provider();
    let load = |key: &[u8]| (provider.load_key)(PrivateKeyFormat::Pkcs8, key).expect("a key");
    let key = (provider.generate_key)(KeyKind::EcP256).expect("a key");
    let (issuer, request) = (authority.to_vec().into(), request("client.example", false));
    let certificate = x509::issue::issued_to_client(&provider, &issuer, &*load(authority_key), &*load(&key), &request);
    ClientIdentity { certificate: certificate.expect("a certificate").to_vec(), key: key.to_vec() }
}

fn request(name: &str, is_authority: bool) -> x509::IssueRequest {
    let mut serial = [0; 16];
    crypto_ring::SystemRandom::new().fill(&mut serial);
    x509::IssueRequest {
        names: vec![name.to_owned()],
        not_before_unix: now() - 3600,
        lifetime_seconds: 86_400,
        serial,
        is_authority,
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs()
}

fn pem(label: &str, der: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in der.chunks(3) {
        let value = group.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(value >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
