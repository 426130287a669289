//! A certificate on P-256, and the authority that issued it and that clients trust.

use crypto::{KeyKind, PrivateKeyFormat};
use std::time::SystemTime;
use x509::issue::{self, IssueRequest};

/// As DER, and the key as PKCS #8.
pub struct Identity {
    pub authority: Vec<u8>,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

/// The name in the certificate.
pub const NAME: &str = "localhost";

/// The time of day.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// A fresh one.
pub fn issue() -> Identity {
    let provider = crypto_ring::provider();
    let generate = || (provider.generate_key)(KeyKind::EcP256).expect("a key");
    let (authority_key, key) = (generate(), generate());
    let authority = issue::self_signed(&provider, &authority_key, &request("bench", true)).expect("an authority");
    let load = |key: &[u8]| (provider.load_key)(PrivateKeyFormat::Pkcs8, key).expect("a key");
    let (by, of) = (load(&authority_key), load(&key));
    let request = request(NAME, false);
    let certificate = issue::issued_by(&provider, &authority.certificate, &*by, &*of, &request).expect("a certificate");
    Identity { authority: authority.certificate.to_vec(), certificate: certificate.to_vec(), key: key.to_vec() }
}

fn request(name: &str, is_authority: bool) -> IssueRequest {
    IssueRequest {
        names: vec![name.into()],
        not_before_unix: now().saturating_sub(3_600),
        lifetime_seconds: issue::DEFAULT_LIFETIME_SECONDS,
        serial: [if is_authority { 1 } else { 2 }; 16],
        is_authority,
    }
}
