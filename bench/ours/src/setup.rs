//! Configurations and sockets, with defaults wherever there is one.

use base::{Duration, FourTuple, Instant};
use quic::{Config, Endpoint, EndpointConfig};
use runtime::{UdpSocket, clock};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

struct SystemClock;

impl tls::WallClock for SystemClock {
    fn unix_seconds(&self) -> u64 {
        clock::unix_seconds()
    }
}

/// The loopback, any port.
pub fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn config() -> Arc<Config> {
    // Idle connections have to last as long as a measurement.
    let mut config =
        Config { max_idle_timeout: Duration::from_secs(harness::work::IDLE_TIMEOUT.as_secs()), ..Config::default() };
    // To try others than the default, in KiB.
    if let Some(window) = std::env::var("BENCH_WINDOW").ok().and_then(|word| word.parse::<u64>().ok()) {
        config.streams.max_stream_window = window << 10;
        config.streams.max_connection_window = (window + window / 2) << 10;
    }
    Arc::new(config)
}

/// An endpoint that accepts.
pub fn server(identity: &Path, alpn: &[u8]) -> Endpoint {
    let (certificate, key) = harness::identity::load(identity);
    let provider = crypto_ring::provider();
    let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &key).expect("a key");
    let certified = tls::CertifiedKey { chain: vec![certificate.into()], key };
    let resolver = Arc::new(tls::Single(Arc::new(certified)));
    let mut tls = tls::ServerConfig::new(provider, resolver, vec![alpn.to_vec()], Arc::new(SystemClock));
    if harness::work::with_tickets() {
        let mut random = crypto_ring::SystemRandom::new();
        let keys = tls::TicketKeys::random(&provider, clock::unix_seconds(), &mut random);
        let mut policy = tls::TicketPolicy::new(Arc::new(tls::FixedTicketKeys(Arc::new(keys))));
        policy.count = harness::work::TICKETS_EACH as u8;
        tls.tickets = Some(policy);
    }
    let config = EndpointConfig::new(provider, config(), Some(Arc::new(tls)));
    Endpoint::new(clock::now(), config, Box::new(crypto_ring::SystemRandom::new()))
}

/// An endpoint that connects.
pub fn client() -> Endpoint {
    let config = EndpointConfig::new(crypto_ring::provider(), config(), None);
    Endpoint::new(clock::now(), config, Box::new(crypto_ring::SystemRandom::new()))
}

/// What a client trusts.
pub fn client_tls(identity: &Path, alpn: &[u8]) -> Arc<tls::ClientConfig> {
    let mut roots = x509::RootStore::new();
    roots.add_der(&harness::identity::authority(identity)).expect("a root");
    let roots = tls::ServerVerification::Roots(Arc::new(roots));
    let clock = Arc::new(SystemClock);
    let mut tls = tls::ClientConfig::new(crypto_ring::provider(), roots, vec![alpn.to_vec()], clock);
    // As the others have it. With BENCH_HYBRID the default, which has a post-quantum share.
    if std::env::var_os("BENCH_HYBRID").is_none() {
        tls.groups = tls::Groups::Only(vec![crypto::NamedGroup::X25519]);
    }
    if harness::work::with_tickets() {
        tls.tickets = Some(Arc::new(Tickets::default()));
    }
    Arc::new(tls)
}

/// The tickets of one server, the newest last.
#[derive(Default)]
struct Tickets(Mutex<Vec<tls::Ticket>>);

impl tls::TicketStore for Tickets {
    fn take(&self, _: &tls::TicketOrigin, _: u64) -> Option<tls::Ticket> {
        self.0.lock().expect("one thread").pop()
    }

    fn put(&self, _: &tls::TicketOrigin, ticket: tls::Ticket) {
        let mut kept = self.0.lock().expect("one thread");
        if kept.len() < harness::work::MAX_TICKETS {
            kept.push(ticket);
        }
    }
}

/// The name to ask for.
pub fn name() -> x509::ServerName {
    x509::ServerName::parse(harness::identity::NAME).expect("a name")
}

/// A path from a socket of ours.
pub fn path(socket: &UdpSocket, remote: SocketAddr) -> FourTuple {
    FourTuple { local: socket.local_address(), remote }
}

/// Now.
pub fn now() -> Instant {
    clock::now()
}
