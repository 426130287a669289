//! A server and a client that trusts it, on one executor and a port of the system's choice; and identities of any kind.
#![allow(dead_code)] // each of the tests uses a part

use posthaste::{Client, ClientBuilder, Handle, Identity, Outcome, Reply, Request, Roots, Server};
use std::future::Future;
use std::time::Duration;

/// Runs `test` with a client and the URL of a server that answers with `handler`.
pub(crate) fn with_server<H, T>(
    handler: impl Fn(Request, Reply) -> H + 'static,
    test: impl AsyncFnOnce(Client, String, Handle) -> T,
) -> T
where
    H: Future<Output: Outcome> + 'static,
{
    with_server_of(handler, |client| client, test)
}

/// The same with a client of the test's own.
pub(crate) fn with_server_of<H, T>(
    handler: impl Fn(Request, Reply) -> H + 'static,
    client: impl FnOnce(ClientBuilder) -> ClientBuilder,
    test: impl AsyncFnOnce(Client, String, Handle) -> T,
) -> T
where
    H: Future<Output: Outcome> + 'static,
{
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[]).unwrap();
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::builder(identity).listen(address).start(&handle, handler).unwrap();
        let base = format!("https://{}", server.addresses()[0]);
        let client = client(Client::builder(roots)).build(&handle);
        test(client, base, handle).await
    })
    .unwrap()
}

/// Repeats `attempt` until what it measures takes less than `limit` once. A machine that is busy makes any of them slow; waiting for a
/// time limit makes all of them so.
pub(crate) fn quick_once(
    limit: Duration,
    attempt: impl FnMut() -> Result<Duration, posthaste::Error>,
) -> Result<(), posthaste::Error> {
    let mut took = Vec::new();
    for one in std::iter::repeat_with(attempt).take(10) {
        took.push(one?);
        if took.last().is_some_and(|took| *took < limit) {
            return Ok(());
        }
    }
    panic!("none takes less than {limit:?}: {took:?}");
}

/// A self-signed identity.
pub(crate) fn identity(names: &[&str], not_before_unix: u64, lifetime_seconds: u64) -> Identity {
    let (certificate, key) = identity_pem(names, not_before_unix, lifetime_seconds);
    Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
}

/// Certificate and key of an identity for 127.0.0.1 that is no longer valid.
pub(crate) fn expired_identity_pem() -> (String, String) {
    identity_pem(&["127.0.0.1"], 1_000_000_000, 1000)
}

/// A private key of no certificate.
pub(crate) fn fresh_key_pem() -> String {
    identity_pem(&["localhost"], 0, 1000).1
}

/// Certificate and key of a self-signed identity.
pub(crate) fn identity_pem(names: &[&str], not_before_unix: u64, lifetime_seconds: u64) -> (String, String) {
    let key = (crypto_ring::PROVIDER.generate_key)(crypto::KeyKind::EcP256).unwrap();
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    let request = x509::IssueRequest { names, not_before_unix, lifetime_seconds, serial: [7; 16], is_authority: false };
    let identity = x509::issue::self_signed(&crypto_ring::PROVIDER, &key, &request).unwrap();
    (pem("CERTIFICATE", &identity.certificate), pem("PRIVATE KEY", &identity.key_pkcs8))
}

pub(crate) fn pem(label: &str, bytes: &[u8]) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let value = group.iter().fold(0u32, |value, byte| value << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = alphabet[(value >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { char::from(digit) } else { '=' });
        }
    }
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// An authority that vouches for clients and servers.
pub(crate) struct Authority {
    certificate: posthaste::CertificateDer<'static>,
    key: crypto::SecretBytes,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let key = (crypto_ring::PROVIDER.generate_key)(crypto::KeyKind::EcP256).unwrap();
        let identity = x509::issue::self_signed(&crypto_ring::PROVIDER, &key, &wanted(name, true, false)).unwrap();
        Authority { certificate: identity.certificate, key }
    }

    /// What those who believe it read.
    pub(crate) fn pem(&self) -> String {
        pem("CERTIFICATE", &self.certificate)
    }

    /// Certificate and key of a client, which may have expired.
    pub(crate) fn client_pem(&self, name: &str, is_expired: bool) -> (String, String) {
        self.issue(x509::issue::issued_to_client, name, is_expired)
    }

    /// Certificate and key of a server.
    pub(crate) fn server_pem(&self, name: &str) -> (String, String) {
        self.issue(x509::issue::issued_by, name, false)
    }

    pub(crate) fn client(&self, name: &str, is_expired: bool) -> Identity {
        let (certificate, key) = self.client_pem(name, is_expired);
        Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap()
    }

    /// A revocation list that is good now; certificates that are made here have one serial number.
    pub(crate) fn list_pem(&self, is_revoked: bool) -> String {
        pem("X509 CRL", &self.list_der(is_revoked, 1000))
    }

    /// The same in DER, good for this many seconds from now on; negative if it is no longer.
    pub(crate) fn list_der(&self, is_revoked: bool, seconds: i64) -> Vec<u8> {
        let key = (crypto_ring::PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, &self.key).unwrap();
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut serial = vec![7; 16];
        // As issuing makes it.
        serial[0] |= 0x40;
        let revoked = if is_revoked { vec![serial] } else { vec![] };
        let next_update_unix = now.saturating_add_signed(seconds);
        let request = x509::ListRequest { revoked, this_update_unix: now - 1000, next_update_unix };
        x509::revocation_list(&self.certificate, &*key, &request).unwrap()
    }

    /// What it says of a certificate that it has issued, for this many seconds from now on; negative if that is over.
    pub(crate) fn ocsp_response(&self, certificate_pem: &str, is_revoked: bool, seconds: i64) -> Vec<u8> {
        let key = (crypto_ring::PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, &self.key).unwrap();
        let certificate = &x509::load_certificates_pem(certificate_pem.as_bytes()).unwrap()[0];
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let request = x509::ResponseRequest {
            revoked_unix: is_revoked.then_some(now - 1000),
            this_update_unix: now - 1000,
            next_update_unix: now.saturating_add_signed(seconds),
        };
        x509::ocsp_response(&crypto_ring::PROVIDER, &self.certificate, &*key, certificate, &request).unwrap()
    }

    fn issue(&self, issue: Issue, name: &str, is_expired: bool) -> (String, String) {
        let provider = crypto_ring::PROVIDER;
        let load = |key: &[u8]| (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, key).unwrap();
        let key = (provider.generate_key)(crypto::KeyKind::EcP256).unwrap();
        let request = wanted(name, false, is_expired);
        let certificate = issue(&provider, &self.certificate, &*load(&self.key), &*load(&key), &request).unwrap();
        (pem("CERTIFICATE", &certificate), pem("PRIVATE KEY", &key))
    }
}

type Issue = fn(
    &crypto::Provider,
    &posthaste::CertificateDer<'_>,
    &dyn crypto::SigningKey,
    &dyn crypto::SigningKey,
    &x509::IssueRequest,
) -> Result<posthaste::CertificateDer<'static>, x509::Error>;

fn wanted(name: &str, is_authority: bool, is_expired: bool) -> x509::IssueRequest {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let not_before_unix = if is_expired { now - 100_000 } else { now - 1000 };
    let lifetime_seconds = if is_expired { 1000 } else { 1_000_000 };
    x509::IssueRequest { names: vec![name.into()], not_before_unix, lifetime_seconds, serial: [7; 16], is_authority }
}
