//! What servers ask clients for, what clients show, and what has to come of it.

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use std::sync::Arc;
use tls::{CertificateWanted, CertifiedKey, ClientAuthentication, ClientResolver, ClientRoots, WallClock};
use tls_peers::{Authority, Clock, Identity, World};

pub const UNSUPPORTED_CERTIFICATE: u8 = 43;
pub const EXPIRED: u8 = 45;
pub const UNKNOWN_CA: u8 = 48;
pub const REQUIRED: u8 = 116;

/// What a server wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    Nothing,
    Optionally,
    Strictly,
}

/// What a client shows, whatever the server says that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    Nothing,
    Good,
    OfStranger,
    Expired,
    OfServer,
}

/// What comes of it: whether the server knows the client then, or the alert that it ends the handshake with, here and at rustls.
pub const TABLE: [(Asks, Shows, Result<bool, [u8; 2]>); 13] = [
    (Asks::Nothing, Shows::Nothing, Ok(false)),
    (Asks::Nothing, Shows::Good, Ok(false)),
    (Asks::Nothing, Shows::OfStranger, Ok(false)),
    (Asks::Optionally, Shows::Nothing, Ok(false)),
    (Asks::Optionally, Shows::Good, Ok(true)),
    (Asks::Optionally, Shows::OfStranger, Err([UNKNOWN_CA; 2])),
    (Asks::Optionally, Shows::Expired, Err([EXPIRED; 2])),
    (Asks::Optionally, Shows::OfServer, Err(OF_SERVER)),
    (Asks::Strictly, Shows::Nothing, Err([REQUIRED; 2])),
    (Asks::Strictly, Shows::Good, Ok(true)),
    (Asks::Strictly, Shows::OfStranger, Err([UNKNOWN_CA; 2])),
    (Asks::Strictly, Shows::Expired, Err([EXPIRED; 2])),
    (Asks::Strictly, Shows::OfServer, Err(OF_SERVER)),
];

/// A certificate whose extKeyUsage has no clientAuth.
pub const OF_SERVER: [u8; 2] = [42, UNSUPPORTED_CERTIFICATE];

pub struct Clients {
    pub authority: Authority,
    pub stranger: Authority,
}

impl Clients {
    pub fn new() -> Clients {
        Clients { authority: Authority::new("clients"), stranger: Authority::new("strangers") }
    }

    pub fn identity(&self, shows: Shows) -> Option<Identity> {
        let now = Clock.unix_seconds() - 1000;
        Some(match shows {
            Shows::Nothing => return None,
            Shows::Good => self.authority.client("client.example", now),
            Shows::OfStranger => self.stranger.client("client.example", now),
            Shows::Expired => self.authority.client("client.example", now - 200_000),
            Shows::OfServer => self.authority.server("client.example", now),
        })
    }

    #[allow(dead_code)] // over sockets the library asks
    pub fn ours_ask(&self, asks: Asks) -> ClientAuthentication {
        let mut roots = x509::RootStore::new();
        roots.add_der(&self.authority.certificate).unwrap();
        let verifier = Arc::new(ClientRoots::new(crypto_ring::PROVIDER, roots));
        match asks {
            Asks::Nothing => ClientAuthentication::None,
            Asks::Optionally => ClientAuthentication::Optional(verifier),
            Asks::Strictly => ClientAuthentication::Required(verifier),
        }
    }

    /// A server of rustls that asks for this.
    pub fn theirs_ask(&self, asks: Asks, world: &World, own: &Identity) -> Arc<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.certificate.clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = match asks {
            Asks::Nothing => WebPkiClientVerifier::no_client_auth(),
            Asks::Optionally => verifier.allow_unauthenticated().build().unwrap(),
            Asks::Strictly => verifier.build().unwrap(),
        };
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(own.chain.clone(), own.their_key())
            .unwrap();
        config.alpn_protocols = world.their_server.alpn_protocols.clone();
        Arc::new(config)
    }

    /// A client of rustls that shows this.
    pub fn theirs_show(&self, shows: Shows, world: &World) -> Arc<rustls::ClientConfig> {
        let Some(identity) = self.identity(shows) else { return Arc::new(world.their_client.clone()) };
        let mut roots = RootCertStore::empty();
        roots.add(world.authority.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(identity.chain.clone(), identity.their_key())
            .unwrap();
        config.alpn_protocols = world.their_client.alpn_protocols.clone();
        Arc::new(config)
    }
}

/// Shows this, whatever is asked for.
pub struct Always(pub Arc<CertifiedKey>);

impl ClientResolver for Always {
    fn resolve(&self, _: &CertificateWanted<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn ticket_identity(&self) -> Option<Vec<u8>> {
        Some(self.0.chain[0].to_vec())
    }
}
