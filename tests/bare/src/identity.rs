//! An authority and a server's certificate, made on the spot, and TLS configurations of both sides.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use crypto::{KeyKind, PrivateKeyFormat, Provider};
use tls::{CertifiedKey, ClientConfig, ServerConfig, ServerVerification, WallClock};

/// A device without a clock would take the time from its certificate's issuer; here it is 2026-01-01.
const NOW: u64 = 1_767_225_600;
const PROTOCOL: &[u8] = b"h3";

struct FixedClock;

impl WallClock for FixedClock {
    fn unix_seconds(&self) -> u64 {
        NOW
    }
}

/// A fresh authority of this name.
fn authority(provider: &Provider, name: &str) -> x509::Identity {
    let key = (provider.generate_key)(KeyKind::EcP256).expect("a key can be made");
    x509::issue::self_signed(provider, &key, &request(name, true)).expect("an authority can be made")
}

fn request(name: &str, is_authority: bool) -> x509::IssueRequest {
    x509::IssueRequest {
        names: vec![String::from(name)],
        not_before_unix: NOW - 3_600,
        lifetime_seconds: 86_400,
        serial: base::random::array(&mut crypto_ring::SystemRandom::new()),
        is_authority,
    }
}

/// A server's key, and a certificate for it by this authority.
fn certified(provider: &Provider, authority: &x509::Identity) -> CertifiedKey {
    let load = |pkcs8: &[u8]| (provider.load_key)(PrivateKeyFormat::Pkcs8, pkcs8).expect("a key of ours can be read");
    let key = load(&(provider.generate_key)(KeyKind::EcP256).expect("a key can be made"));
    let by = load(&authority.key_pkcs8);
    let request = request("localhost", false);
    let certificate = x509::issue::issued_by(provider, &authority.certificate, &*by, &*key, &request);
    CertifiedKey { chain: vec![certificate.expect("a certificate can be made")], key }
}

/// Configurations of a client and a server. The client trusts the authority that vouches for the server, or another one.
pub fn configurations(is_trusted: bool) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let provider = crypto_ring::provider();
    let home = authority(&provider, "home");
    let certified = certified(&provider, &home);
    let trusted = if is_trusted { home } else { authority(&provider, "elsewhere") };
    let mut roots = x509::RootStore::new();
    roots.add_der(&trusted.certificate).expect("an authority of ours can be a root");
    let resolver = Arc::new(tls::Single(Arc::new(certified)));
    let protocols = vec![PROTOCOL.to_vec()];
    let verification = ServerVerification::Roots(Arc::new(roots));
    let client = ClientConfig::new(provider, verification, protocols.clone(), Arc::new(FixedClock));
    let server = ServerConfig::new(provider, resolver, protocols, Arc::new(FixedClock));
    (Arc::new(client), Arc::new(server))
}
