//! A server of TLS over records, and a client that trusts it.

use std::sync::Arc;
use tls::{CertifiedKey, ClientConfig, ServerConfig, ServerVerification, Single, WallClock};

/// The server's name.
pub(crate) const NAME: &str = "localhost";

struct Clock;

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        1_000_500
    }
}

/// The configurations of both, with an identity that is made for them.
pub(crate) fn configs() -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let provider = crypto_ring::provider();
    let key = (provider.generate_key)(crypto::KeyKind::EcP256).expect("a key");
    let request = x509::IssueRequest {
        names: vec![NAME.to_owned()],
        not_before_unix: 1_000_000,
        lifetime_seconds: 1000,
        serial: [7; 16],
        is_authority: false,
    };
    let identity = x509::issue::self_signed(&provider, &key, &request).expect("a certificate");
    let mut roots = x509::RootStore::new();
    roots.add_der(&identity.certificate).expect("a root");
    let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &identity.key_pkcs8).expect("a key");
    let resolver = Arc::new(Single(Arc::new(CertifiedKey { chain: vec![identity.certificate], key })));
    let (protocols, clock) = (vec![b"test".to_vec()], Arc::new(Clock));
    let verification = ServerVerification::Roots(Arc::new(roots));
    let client = ClientConfig::new(provider, verification, protocols.clone(), clock.clone());
    (Arc::new(client), Arc::new(ServerConfig::new(provider, resolver, protocols, clock)))
}
