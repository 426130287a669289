//! rustls on ring, by its interface for QUIC.

use crate::identity::{Identity, NAME};
use crate::{Cost, Side};
use rustls::HandshakeKind;
use rustls::pki_types::{PrivatePkcs8KeyDer, ServerName};
use rustls::quic::{ClientConnection, Connection, ServerConnection, Version};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use std::hint::black_box;
use std::sync::Arc;

/// As [`ours`](crate::ours::handshakes).
pub fn handshakes(identity: &Identity, resumes: bool) -> Box<dyn FnMut() -> Cost> {
    let (client, server) = configs(identity, resumes);
    if resumes {
        handshake(&client, &server, false);
    }
    Box::new(move || handshake(&client, &server, resumes))
}

fn configs(identity: &Identity, resumes: bool) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let mut provider = rustls::crypto::ring::default_provider();
    provider.kx_groups = vec![rustls::crypto::ring::kx_group::X25519];
    // Ours chooses this one.
    provider.cipher_suites = vec![rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256];
    let provider = Arc::new(provider);
    let mut roots = RootCertStore::empty();
    roots.add(identity.authority.clone().into()).expect("a root");
    let mut client = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("a provider of TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h3".to_vec()];
    let key = PrivatePkcs8KeyDer::from(identity.key.clone());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("a provider of TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone().into()], key.into())
        .expect("an identity");
    server.alpn_protocols = vec![b"h3".to_vec()];
    if resumes {
        server.ticketer = rustls::crypto::ring::Ticketer::new().expect("a ticketer");
    } else {
        server.send_tls13_tickets = 0;
        client.resumption = rustls::client::Resumption::disabled();
    }
    (Arc::new(client), Arc::new(server))
}

fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, resumes: bool) -> Cost {
    let mut cost = Cost::default();
    let name = ServerName::try_from(NAME).expect("a name");
    let mut client: Connection = cost.time(Side::Client, || {
        ClientConnection::new(client.clone(), Version::V1, name, vec![0; 60]).expect("a client").into()
    });
    let mut server: Connection = cost.time(Side::Server, || {
        ServerConnection::new(server.clone(), Version::V1, vec![0; 60]).expect("a server").into()
    });
    let mut is_to_server = true;
    loop {
        let (from, to, of_from, of_to) = match is_to_server {
            true => (&mut client, &mut server, Side::Client, Side::Server),
            false => (&mut server, &mut client, Side::Server, Side::Client),
        };
        // Each call gives what belongs to one level.
        let mut flight = Vec::new();
        cost.time(of_from, || {
            loop {
                let mut bytes = Vec::new();
                let keys = from.write_hs(&mut bytes);
                let is_done = keys.is_none() && bytes.is_empty();
                black_box(keys);
                if is_done {
                    break;
                }
                flight.push(bytes);
            }
        });
        if flight.iter().all(Vec::is_empty) && !from.is_handshaking() && !to.is_handshaking() {
            break;
        }
        cost.time(of_to, || flight.iter().for_each(|bytes| to.read_hs(bytes).expect("an honest peer")));
        is_to_server = !is_to_server;
    }
    let kind = if resumes { HandshakeKind::Resumed } else { HandshakeKind::Full };
    assert!(client.handshake_kind() == Some(kind) && server.handshake_kind() == Some(kind));
    cost
}
