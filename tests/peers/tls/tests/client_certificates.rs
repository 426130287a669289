//! Clients that are asked for certificates: by our server and by that of rustls, of our client and of that of rustls. Who ends a
//! handshake says so by an alert, which QUIC carries as a number.

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use std::sync::Arc;
use tls::{CertificateWanted, CertifiedKey, ClientAuthentication, ClientResolver, ClientRoots, Session, WallClock};
use tls_peers::{Authority, Clock, Identity, Party, Theirs, World, talk};

const UNSUPPORTED_CERTIFICATE: u8 = 43;
const EXPIRED: u8 = 45;
const UNKNOWN_CA: u8 = 48;
const REQUIRED: u8 = 116;

/// What a server wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    Nothing,
    Optionally,
    Strictly,
}

/// What a client shows, whatever the server says that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Nothing,
    Good,
    OfStranger,
    Expired,
    OfServer,
}

/// What comes of it: whether the server knows the client then, or the alert that it ends the handshake with, here and at rustls.
const TABLE: [(Asks, Shows, Result<bool, [u8; 2]>); 13] = [
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
const OF_SERVER: [u8; 2] = [42, UNSUPPORTED_CERTIFICATE];

struct Clients {
    authority: Authority,
    stranger: Authority,
}

impl Clients {
    fn new() -> Clients {
        Clients { authority: Authority::new("clients"), stranger: Authority::new("strangers") }
    }

    fn identity(&self, shows: Shows) -> Option<Identity> {
        let now = Clock.unix_seconds() - 1000;
        Some(match shows {
            Shows::Nothing => return None,
            Shows::Good => self.authority.client("client.example", now),
            Shows::OfStranger => self.stranger.client("client.example", now),
            Shows::Expired => self.authority.client("client.example", now - 200_000),
            Shows::OfServer => self.authority.server("client.example", now),
        })
    }

    fn ours_ask(&self, asks: Asks) -> ClientAuthentication {
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
    fn theirs_ask(&self, asks: Asks, world: &World, own: &Identity) -> Arc<rustls::ServerConfig> {
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
    fn theirs_show(&self, shows: Shows, world: &World) -> Arc<rustls::ClientConfig> {
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
struct Always(Arc<CertifiedKey>);

impl ClientResolver for Always {
    fn resolve(&self, _: &CertificateWanted<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn ticket_identity(&self) -> Option<Vec<u8>> {
        Some(self.0.chain[0].to_vec())
    }
}

fn our_server(world: &World) -> Session {
    tls::quic::server(Arc::new(world.our_server.clone()), b"server".to_vec())
}

fn our_client(world: &World) -> Session {
    let name = x509::ServerName::parse("localhost").unwrap();
    let random = &mut crypto_ring::SystemRandom::new();
    tls::quic::client(Arc::new(world.our_client.clone()), name, b"client".to_vec(), random).unwrap()
}

#[test]
fn our_server_asks_their_client() {
    let clients = Clients::new();
    for (asks, shows, outcome) in TABLE {
        let mut world = World::new(crypto_ring::PROVIDER);
        world.our_server.client_authentication = clients.ours_ask(asks);
        let (mut server, mut client) = (our_server(&world), Theirs::client(&clients.theirs_show(shows, &world)));
        let talked = talk(&mut server, &mut client).map(drop);
        match outcome {
            Ok(is_known) => {
                assert_eq!(talked, Ok(()), "{asks:?} {shows:?}");
                assert_eq!(server.peer_identity().is_some(), is_known, "{asks:?} {shows:?}");
            }
            Err([alert, _]) => {
                let refusal = talked.unwrap_err();
                assert_eq!((refusal.by, refusal.alert), (Party::Ours, Some(alert)), "{asks:?} {shows:?}: {refusal:?}");
            }
        }
    }
}

#[test]
fn their_server_asks_our_client() {
    let clients = Clients::new();
    for (asks, shows, outcome) in TABLE {
        let mut world = World::new(crypto_ring::PROVIDER);
        let own = world.authority.server("localhost", Clock.unix_seconds() - 1000);
        let identity = clients.identity(shows).map(|identity| identity.ours());
        world.our_client.identities = identity.map(|identity| Arc::new(Always(identity)) as Arc<dyn ClientResolver>);
        let (mut client, mut server) = (our_client(&world), Theirs::server(&clients.theirs_ask(asks, &world, &own)));
        let talked = talk(&mut client, &mut server).map(drop);
        match outcome {
            Ok(is_known) => {
                assert_eq!(talked, Ok(()), "{asks:?} {shows:?}");
                assert_eq!(!server.peer_certificates().is_empty(), is_known, "{asks:?} {shows:?}");
            }
            Err([_, alert]) => {
                let refusal = talked.unwrap_err();
                assert_eq!(
                    (refusal.by, refusal.alert),
                    (Party::Theirs, Some(alert)),
                    "{asks:?} {shows:?}: {refusal:?}"
                );
            }
        }
    }
}

/// Tickets stand in for what the client has shown, at either server.
#[test]
fn a_client_that_comes_back_is_known() {
    let clients = Clients::new();
    for asks in [Asks::Optionally, Asks::Strictly] {
        let mut world = World::new(crypto_ring::PROVIDER);
        world.our_server.client_authentication = clients.ours_ask(asks);
        let config = clients.theirs_show(Shows::Good, &world);
        let mut known = None;
        for round in 0..3 {
            let (mut server, mut client) = (our_server(&world), Theirs::client(&config));
            talk(&mut server, &mut client).unwrap();
            assert_eq!((server.is_resumed(), client.is_resumed()), (round > 0, round > 0), "{asks:?} {round}");
            let identity = server.peer_identity().cloned().expect("it has shown who it is");
            assert_eq!(*known.get_or_insert_with(|| identity.clone()), identity);
        }
        let own = world.authority.server("localhost", Clock.unix_seconds() - 1000);
        let identity = clients.identity(Shows::Good).unwrap().ours();
        world.our_client.identities = Some(Arc::new(Always(identity.clone())));
        let config = clients.theirs_ask(asks, &world, &own);
        for round in 0..3 {
            let (mut client, mut server) = (our_client(&world), Theirs::server(&config));
            talk(&mut client, &mut server).unwrap();
            assert_eq!((client.is_resumed(), server.is_resumed()), (round > 0, round > 0), "{asks:?} {round}");
            assert_eq!(server.peer_certificates().first(), identity.chain.first());
        }
    }
}
