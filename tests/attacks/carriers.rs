//! The same policies over both carriers of TLS: QUIC and records. What one of them refuses, the other refuses for the same reason.

use base::{Instant, Side};
use crypto::{KeyKind, PrivateKeyFormat, SecretBytes};
use rustls_pki_types::CertificateDer;
use sim::SeededRandom;
use std::sync::Arc;
use tls::record::{Connection, Received, Settings};
use tls::{
    CertifiedKey, ClientAuthentication, ClientConfig, ClientIdentities, ClientRoots, Error, PinnedServers,
    ServerConfig, ServerVerification, Session, Single, WallClock,
};
use x509::{Pins, RootStore, ServerName};

const NOW: u64 = 1_500_000;
/// When certificates begin that are good for a million seconds: those that are good, whose time is over, and whose time comes.
const GOOD: u64 = 1_000_000;
const OVER: u64 = 1000;
const LATER: u64 = 2_000_000;

struct Clock;

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        NOW
    }
}

/// Certificate and key.
struct Pair {
    certificate: CertificateDer<'static>,
    key: SecretBytes,
}

type Issue = fn(
    &crypto::Provider,
    &CertificateDer<'_>,
    &dyn crypto::SigningKey,
    &dyn crypto::SigningKey,
    &x509::IssueRequest,
) -> Result<CertificateDer<'static>, x509::Error>;

fn request(name: &str, not_before_unix: u64, is_authority: bool) -> x509::IssueRequest {
    let names = vec![name.into()];
    x509::IssueRequest { names, not_before_unix, lifetime_seconds: 1_000_000, serial: [3; 16], is_authority }
}

fn key() -> SecretBytes {
    (crypto_ring::PROVIDER.generate_key)(KeyKind::EcP256).unwrap()
}

fn authority(not_before: u64) -> Pair {
    let (key, request) = (key(), request("authority", not_before, true));
    let certificate = x509::issue::self_signed(&crypto_ring::PROVIDER, &key, &request).unwrap().certificate;
    Pair { certificate, key }
}

impl Pair {
    fn issue(&self, issue: Issue, name: &str, not_before: u64) -> Pair {
        let load = |key: &[u8]| (crypto_ring::PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, key).unwrap();
        let (key, request) = (key(), request(name, not_before, false));
        let (by, of) = (load(&self.key), load(&key));
        let certificate = issue(&crypto_ring::PROVIDER, &self.certificate, &*by, &*of, &request).unwrap();
        Pair { certificate, key }
    }

    fn certified(&self) -> CertifiedKey {
        let key = (crypto_ring::PROVIDER.load_key)(PrivateKeyFormat::Pkcs8, &self.key).unwrap();
        CertifiedKey { chain: vec![self.certificate.clone()], key }
    }

    fn roots(&self) -> RootStore {
        let mut roots = RootStore::new();
        roots.add_der(&self.certificate).unwrap();
        roots
    }
}

/// What each side is told.
struct Policies {
    client: ClientConfig,
    server: ServerConfig,
    name: &'static str,
}

/// What became of a handshake: who the server has seen and what was agreed on, or who refused the other for what.
type Verdict = Result<(Option<Vec<u8>>, Option<Vec<u8>>), (Side, Error)>;

fn seen(client: &Session, server: &Session) -> Verdict {
    assert!(client.is_complete() && server.is_complete());
    assert_eq!(client.alpn(), server.alpn());
    let known = server.peer_identity().map(|peer| peer.certificate().to_vec());
    Ok((known, server.alpn().map(<[u8]>::to_vec)))
}

fn over_quic(policies: &Policies) -> Verdict {
    let random = &mut SeededRandom::new(1);
    let (client, name) = (Arc::new(policies.client.clone()), ServerName::parse(policies.name).unwrap());
    let mut client = tls::quic::client(client, name, vec![0; 4], random).unwrap();
    let mut server = tls::quic::server(Arc::new(policies.server.clone()), vec![0; 4]);
    for _ in 0..2 {
        while let Some((level, bytes)) = client.poll_output() {
            server.read(level, &bytes, random).map_err(|error| (Side::Server, error))?;
        }
        while let Some((level, bytes)) = server.poll_output() {
            client.read(level, &bytes, random).map_err(|error| (Side::Client, error))?;
        }
    }
    seen(&client, &server)
}

/// Hands on what one has to say, and gives the reason if the other refuses it.
fn hand_on(from: &mut Connection, to: &mut Connection, random: &mut SeededRandom) -> Result<(), Error> {
    let mut buffer = vec![0; 20_000];
    let len = from.transmit(&mut buffer);
    let mut rest = &mut buffer[..len];
    while !rest.is_empty() {
        match to.receive(rest, random) {
            Ok(Received::Taken(taken)) => rest = &mut rest[taken..],
            Ok(other) => panic!("{other:?} in a handshake"),
            Err(tls::record::Error::Tls(error)) => return Err(error),
            Err(other) => panic!("{other}"),
        }
    }
    Ok(())
}

fn over_records(policies: &Policies) -> Verdict {
    let (random, settings) = (&mut SeededRandom::new(1), Settings::default());
    let (client, name) = (Arc::new(policies.client.clone()), ServerName::parse(policies.name).unwrap());
    let mut client = Connection::client(client, name, &settings, Instant::ZERO, random).unwrap();
    let mut server = Connection::server(Arc::new(policies.server.clone()), &settings, Instant::ZERO);
    for _ in 0..3 {
        hand_on(&mut client, &mut server, random).map_err(|error| (Side::Server, error))?;
        hand_on(&mut server, &mut client, random).map_err(|error| (Side::Client, error))?;
    }
    seen(client.session(), server.session())
}

/// A client that trusts `verification` and asks for `name`, and a server that shows this.
fn policies(verification: ServerVerification, name: &'static str, shown: &Pair) -> Policies {
    let protocols = vec![b"test".to_vec()];
    let resolver = Arc::new(Single(Arc::new(shown.certified())));
    let client = ClientConfig::new(crypto_ring::PROVIDER, verification, protocols.clone(), Arc::new(Clock));
    let server = ServerConfig::new(crypto_ring::PROVIDER, resolver, protocols, Arc::new(Clock));
    Policies { client, server, name }
}

/// A server's certificate, names, addresses, pins, protocols, and what clients show.
#[test]
fn t3_both_carriers_give_the_same_verdicts() {
    let (ours, other, over) = (authority(GOOD), authority(GOOD), authority(OVER));
    let server = |by: &Pair, name: &str, from: u64| by.issue(x509::issue::issued_by, name, from);
    let client = |by: &Pair, from: u64| by.issue(x509::issue::issued_to_client, "client.example", from);
    let trust = |of: &Pair| ServerVerification::Roots(Arc::new(of.roots()));
    let good = server(&ours, "localhost", GOOD);
    let address = server(&ours, "192.0.2.1", GOOD);
    let pinned = |of: &Pair| {
        let mut pins = Pins::new();
        pins.add_certificate(crypto_ring::PROVIDER.initial.hash.digest(&[&of.certificate])[..].try_into().unwrap());
        ServerVerification::Custom(Arc::new(PinnedServers(pins)))
    };
    let verdict = |what: &str, policies: &Policies| {
        let (quic, records) = (over_quic(policies), over_records(policies));
        assert_eq!(quic, records, "{what}");
        quic
    };
    for (what, verification, name, shown, is_good) in [
        ("good", trust(&ours), "localhost", &good, true),
        ("another authority", trust(&other), "localhost", &good, false),
        ("an authority that is over", trust(&over), "localhost", &server(&over, "localhost", GOOD), false),
        ("another name", trust(&ours), "example.com", &good, false),
        ("over", trust(&ours), "localhost", &server(&ours, "localhost", OVER), false),
        ("not yet", trust(&ours), "localhost", &server(&ours, "localhost", LATER), false),
        ("a client's", trust(&ours), "localhost", &client(&ours, GOOD), false),
        ("an address", trust(&ours), "192.0.2.1", &address, true),
        ("another address", trust(&ours), "192.0.2.2", &address, false),
        ("an address with a certificate for a name", trust(&ours), "192.0.2.1", &good, false),
        ("pinned", pinned(&good), "localhost", &good, true),
        ("another is pinned", pinned(&address), "localhost", &good, false),
    ] {
        let verdict = verdict(what, &policies(verification, name, shown));
        match verdict {
            Ok(seen) => assert!(is_good && seen == (None, Some(b"test".to_vec())), "{what}"),
            Err((side, _)) => assert!(!is_good && side == Side::Client, "{what}"),
        }
    }
    let clients = ClientRoots::new(crypto_ring::PROVIDER, ours.roots());
    let required = ClientAuthentication::Required(Arc::new(clients));
    for (what, shown, is_good) in [
        ("a client", Some(client(&ours, GOOD)), true),
        ("a client of another authority", Some(client(&other, GOOD)), false),
        ("a client whose time is over", Some(client(&ours, OVER)), false),
        ("a server as a client", Some(server(&ours, "localhost", GOOD)), false),
        ("nobody", None, false),
    ] {
        let mut policies = policies(trust(&ours), "localhost", &good);
        policies.server.client_authentication = required.clone();
        policies.client.identities =
            shown.as_ref().map(|shown| Arc::new(ClientIdentities(vec![Arc::new(shown.certified())])) as Arc<_>);
        let certificate = shown.map(|shown| shown.certificate.to_vec());
        match verdict(what, &policies) {
            Ok((known, _)) => assert!(is_good && known == certificate, "{what}"),
            Err((side, _)) => assert!(!is_good && side == Side::Server, "{what}"),
        }
    }
    let mut policies = policies(trust(&ours), "localhost", &good);
    policies.client.alpn = vec![b"other".to_vec()];
    assert!(matches!(verdict("no common protocol", &policies), Err((Side::Server, _))));
}
