//! Our own, with the packet keys that QUIC makes of the secrets: rustls makes these itself.

use crate::identity::{self, Identity, NAME};
use crate::{Cost, Kind, Side};
use crypto::{CipherSuite, Secret, hkdf};
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use tls::{CertifiedKey, ClientConfig, FixedTicketKeys, KeyChange, ServerConfig, ServerVerification, Session, Single};
use tls::{Ticket, TicketKeys, TicketOrigin, TicketPolicy, TicketStore, WallClock};

struct Clock;

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        identity::now()
    }
}

/// The latest ticket.
#[derive(Default)]
struct Latest(Mutex<Option<Ticket>>);

impl TicketStore for Latest {
    fn take(&self, _: &TicketOrigin, _: u64) -> Option<Ticket> {
        self.0.lock().expect("one thread").take()
    }

    fn put(&self, _: &TicketOrigin, ticket: Ticket) {
        *self.0.lock().expect("one thread") = Some(ticket);
    }
}

/// Full handshakes, without tickets; or handshakes that resume the one before, with two tickets each.
pub fn handshakes(identity: &Identity, kind: Kind) -> Box<dyn FnMut() -> Cost> {
    let resumes = kind == Kind::Resumed;
    let (client, server) = configs(identity, kind);
    if resumes {
        handshake(&client, &server, false);
    }
    Box::new(move || handshake(&client, &server, resumes))
}

fn configs(identity: &Identity, kind: Kind) -> (Arc<ClientConfig>, Arc<ServerConfig>) {
    let provider = crypto_ring::provider();
    let mut roots = x509::RootStore::new();
    roots.add_der(&identity.authority).expect("a root");
    let verification = ServerVerification::Roots(Arc::new(roots));
    let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &identity.key).expect("a key");
    let chain = vec![identity.certificate.clone().into()];
    let resolver = Arc::new(Single(Arc::new(CertifiedKey { chain, key })));
    let protocols = vec![b"h3".to_vec()];
    let mut client = ClientConfig::new(provider, verification, protocols.clone(), Arc::new(Clock));
    if kind != Kind::PostQuantum {
        client.groups = tls::Groups::Only(vec![crypto::NamedGroup::X25519]);
    }
    let mut server = ServerConfig::new(provider, resolver, protocols, Arc::new(Clock));
    if kind == Kind::Resumed {
        let keys = TicketKeys::new(&provider, &[[7; 32]]).expect("a key");
        server.tickets = Some(TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys)))));
        client.tickets = Some(Arc::new(Latest::default()));
    }
    (Arc::new(client), Arc::new(server))
}

fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>, resumes: bool) -> Cost {
    let mut random = crypto_ring::SystemRandom::new();
    let mut cost = Cost::default();
    let name = x509::ServerName::parse(NAME).expect("a name");
    let mut client = cost
        .time(Side::Client, || tls::quic::client(client.clone(), name, vec![0; 60], &mut random).expect("a client"));
    let mut server = cost.time(Side::Server, || tls::quic::server(server.clone(), vec![0; 60]));
    let mut deliver = |from: &mut Session, to: &mut Session, side| {
        cost.time(side, || {
            while let Some((level, bytes)) = from.poll_output() {
                to.read(level, &bytes, &mut random).expect("an honest peer");
            }
            while let Some(change) = to.poll_keys() {
                packet_keys(&change);
            }
        });
    };
    deliver(&mut client, &mut server, Side::Server);
    deliver(&mut server, &mut client, Side::Client);
    deliver(&mut client, &mut server, Side::Server);
    cost.time(Side::Server, || server.send_tickets(&mut random).expect("a complete handshake"));
    let mut deliver = |from: &mut Session, to: &mut Session| {
        cost.time(Side::Client, || {
            while let Some((level, bytes)) = from.poll_output() {
                to.read(level, &bytes, &mut random).expect("an honest peer");
            }
        });
    };
    deliver(&mut server, &mut client);
    assert!(client.is_complete() && server.is_complete() && server.is_resumed() == resumes);
    cost
}

/// Keys of both directions (RFC 9001 section 5.1).
fn packet_keys(change: &KeyChange) {
    let (suite, local, remote) = match change {
        KeyChange::Handshake { suite, local, remote } | KeyChange::OneRtt { suite, local, remote } => {
            (suite, local, remote)
        }
        KeyChange::EarlyData { .. } => return,
    };
    for secret in [local, remote] {
        packet_key(suite, secret);
    }
}

fn packet_key(suite: &CipherSuite, secret: &Secret) {
    let (mut key, mut header, mut vector) = ([0; 16], [0; 16], [0; 12]);
    let outputs: &mut [(&[u8], &mut [u8])] =
        &mut [(b"quic key", &mut key), (b"quic iv", &mut vector), (b"quic hp", &mut header)];
    hkdf::expand_labels(suite.hash, secret, &[], outputs);
    black_box((suite.aead.key(&key), suite.aead.header_protection_key(&header), vector));
}
