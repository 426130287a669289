//! TLS configurations of both sides, the same in every run: a server and a client that trusts exactly it.

use std::sync::{Arc, OnceLock};
use tls::{ClientConfig, ServerConfig, ServerVerification, WallClock};

/// Both configurations.
pub type Pair = (Arc<ClientConfig>, Arc<ServerConfig>);

struct FixedClock;

impl WallClock for FixedClock {
    fn unix_seconds(&self) -> u64 {
        sim::fixed_clock()
    }
}

/// A pair whose only application protocol is `test`.
pub fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| pair_of(b"test"))
}

/// The same with X25519 alone, for tests about single datagrams: each side's first message is one, where that of the hybrid
/// takes two.
pub fn classical() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let (client, server) = pair().clone();
        let groups = tls::Groups::Only(vec![crypto::NamedGroup::X25519]);
        let client = ClientConfig { groups: groups.clone(), ..ClientConfig::clone(&client) };
        (Arc::new(client), Arc::new(ServerConfig { groups, ..ServerConfig::clone(&server) }))
    })
}

/// A pair of this application protocol.
pub fn pair_of(protocol: &[u8]) -> Pair {
    let provider = sim::seeded_provider();
    let request = x509::IssueRequest {
        names: vec!["localhost".into()],
        not_before_unix: sim::fixed_clock() - 1000,
        lifetime_seconds: 1_000_000,
        serial: [1; 16],
        is_authority: false,
    };
    let identity = x509::issue::self_signed(&provider, sim::SIGNING_KEY, &request).expect("a certificate");
    let mut roots = x509::RootStore::new();
    roots.add_der(&identity.certificate).expect("a root");
    let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &identity.key_pkcs8).expect("a key");
    let certified = tls::CertifiedKey { chain: vec![identity.certificate], key };
    let clock = Arc::new(FixedClock);
    let protocols = vec![protocol.to_vec()];
    let verification = ServerVerification::Roots(Arc::new(roots));
    let client = ClientConfig::new(provider, verification, protocols.clone(), clock.clone());
    let resolver = Arc::new(tls::Single(Arc::new(certified)));
    (Arc::new(client), Arc::new(ServerConfig::new(provider, resolver, protocols, clock)))
}

/// The name in the server's certificate.
pub fn server_name() -> x509::ServerName {
    x509::ServerName::parse("localhost").expect("a name")
}
