//! Clients that are asked who they are, and what a server makes of the answer.

use crate::certified_key::CertifiedKey;
use crate::client_authentication::{ClientAuthentication, ClientVerifier, PresentedByClient};
use crate::client_resolver::{CertificateWanted, ClientResolver};
use crate::config::{ClientConfig, ServerConfig};
use crate::error::Error;
use crate::level::Level;
use crate::message::certificate;
use crate::message::certificate_request::CertificateRequest;
use crate::message::framing::HandshakeType;
use crate::quic::error_code;
use crate::resolver::ByName;
use crate::testing::clients::{ClientAuthority, client_with, request, server_asking};
use crate::testing::scripted_server::{ScriptedServer, framed};
use crate::testing::{Counting, Kind, Pair, Speaker, certified, client_config, name, server_config};
use crate::violation::Violation;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use crypto::KeyKind::{EcP256, Ed25519};
use rustls_pki_types::CertificateDer;
use x509::PeerName;

fn meet(client: ClientConfig, server: ServerConfig) -> Result<Pair, (Speaker, Error)> {
    let mut pair = Pair::new(client, server);
    pair.run(usize::MAX, |_, _, _, _| {})?;
    pair.assert_complete();
    Ok(pair)
}

/// What a client shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    Nothing,
    Good,
    OfOther,
    Expired,
    NotYetValid,
    ForServers,
    Authority,
}

/// RFC 9846 section 4.4.2-2, 4.4.2-4, 4.5.1-2, 4.5.1-3, 4.5.1-4, 4.5.1.2-12, 4.5.1.3-2.
#[test]
fn the_table_of_questions_and_answers() {
    let (ours, other) = (ClientAuthority::new("ours"), ClientAuthority::new("other"));
    let identity = |shown| {
        let mut wanted = request("client.example", false);
        match shown {
            Shown::Nothing => return None,
            Shown::Good => {}
            Shown::OfOther => return Some(other.client(EcP256, &wanted)),
            Shown::Expired => (wanted.not_before_unix, wanted.lifetime_seconds) = (1_000_000_000, 1000),
            Shown::NotYetValid => wanted.not_before_unix += 10_000,
            Shown::ForServers => return Some(ours.server(EcP256, &wanted)),
            Shown::Authority => wanted.is_authority = true,
        }
        Some(ours.client(EcP256, &wanted))
    };
    // The alert where it is refused.
    let answers = [
        (Shown::Good, None),
        (Shown::OfOther, Some(48)),
        (Shown::Expired, Some(45)),
        (Shown::NotYetValid, Some(45)),
        (Shown::ForServers, Some(42)),
        (Shown::Authority, Some(42)),
    ];
    for (question, without) in [
        (ClientAuthentication::None, None),
        (ClientAuthentication::Optional(ours.verifier()), None),
        (ours.required(), Some(116)),
    ] {
        let is_asked = !question.is_same(&ClientAuthentication::None);
        for (shown, alert) in answers.into_iter().chain([(Shown::Nothing, without)]) {
            // What does not fit the hints is shown all the same by who does not look at them.
            let client = match identity(shown) {
                Some(identity) => {
                    ClientConfig { identities: Some(Arc::new(Always(Arc::new(identity)))), ..client_config() }
                }
                None => client_config(),
            };
            let outcome = meet(client, server_asking(question.clone()));
            let expected = if is_asked { alert } else { None };
            match (&outcome, expected) {
                (Ok(pair), None) => {
                    let is_known = is_asked && shown == Shown::Good;
                    assert_eq!(pair.server.peer_identity().is_some(), is_known, "{question:?} {shown:?}");
                    assert!(pair.client.peer_identity().is_none());
                }
                (Err((Speaker::Server, error)), Some(alert)) => {
                    assert_eq!((error.alert(), error_code(error)), (alert, 0x0100 + u64::from(alert)), "{error}");
                }
                _ => panic!("{question:?} {shown:?}: {:?}", outcome.err()),
            }
        }
    }
    // A resolver that looks at the hints shows nothing instead.
    let error = meet(client_with(vec![other.client(EcP256, &request("a", false))]), server_asking(ours.required()));
    assert_eq!(error.err().unwrap().1.violation(), Some(Violation::CertificateRequired));
}

/// Shows one identity, whatever is asked for.
struct Always(Arc<CertifiedKey>);

impl ClientResolver for Always {
    fn resolve(&self, _: &CertificateWanted<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

/// The path that was verified, and nothing that the client has put beside it.
/// RFC 9846 section 4.5.1-9, 4.5.1-12.
#[test]
fn the_server_learns_who_the_client_is() {
    let root = ClientAuthority::new("root");
    let middle = root.below("middle");
    for kind in [EcP256, Ed25519] {
        let mut wanted = request("client.example", false);
        wanted.names.extend(["192.0.2.7".into(), "*.b.example".into()]);
        let mut identity = middle.client(kind, &wanted);
        let stranger = ClientAuthority::new("stranger").certificate;
        identity.chain.extend([stranger, middle.certificate.clone()]);
        let leaf = identity.chain[0].clone();
        let pair = meet(client_with(vec![identity]), server_asking(root.required())).unwrap();
        let known = pair.server.peer_identity().unwrap();
        assert_eq!(known.certificates(), [leaf.clone(), middle.certificate.clone(), root.certificate.clone()]);
        let signed = if kind == EcP256 { crypto::SignatureScheme(0x0403) } else { crypto::SignatureScheme(0x0807) };
        assert_eq!(pair.server.client_signature_scheme(), Some(signed));
        assert_eq!(pair.client.client_signature_scheme(), None, "a client knows how it signed");
        assert_eq!((known.certificate(), known.label()), (&leaf, "Posthaste client client.example".into()));
        let names: Vec<_> = known.names().iter().map(PeerName::to_string).collect();
        assert_eq!(names, ["client.example", "192.0.2.7", "*.b.example"]);
    }
}

/// Nothing is known of a client until its Finished has shown that nobody changed what was said.
#[test]
fn nobody_is_known_before_the_handshake_is_complete() {
    let ours = ClientAuthority::new("ours");
    let client = client_with(vec![ours.client(EcP256, &request("client.example", false))]);
    let mut pair = Pair::new(client, server_asking(ours.required()));
    let spoiled = pair.run(usize::MAX, |_, speaker, level, bytes| {
        if speaker == Speaker::Client && level == Level::Handshake {
            *bytes.last_mut().unwrap() ^= 1;
        }
    });
    assert_eq!(spoiled.unwrap_err().1.violation(), Some(Violation::BadFinished));
    assert!(pair.server.peer_identity().is_none());
    let client = client_with(vec![ours.client(EcP256, &request("client.example", false))]);
    let mut pair = Pair::new(client, server_asking(ours.required()));
    let cut = pair.run(usize::MAX, |_, speaker, level, bytes| {
        if speaker == Speaker::Client && level == Level::Handshake {
            // Type and length of a Finished, and 32 bytes.
            bytes.truncate(bytes.len() - 36);
        }
    });
    assert!(cut.is_ok() && !pair.server.is_complete() && pair.server.peer_identity().is_none());
}

/// RFC 9846 section 4.5.1-5, 4.5.1-7, 4.5.2-2, 4.5.2-3, 4.5.2-6, 4.5.2-8, 4.5.2-9.
#[test]
fn a_certificate_without_its_key_is_worth_nothing() {
    let ours = ClientAuthority::new("ours");
    let good = ours.client(EcP256, &request("victim.example", false));
    let own = ours.client(EcP256, &request("client.example", false));
    let stolen = CertifiedKey { chain: good.chain.clone(), key: own.key };
    let error = meet(client_with(vec![stolen]), server_asking(ours.required())).err().unwrap().1;
    assert_eq!((error.alert(), error.violation()), (51, Some(Violation::BadSignature)));
    assert_eq!(
        error.to_string(),
        "the signature in the CertificateVerify does not verify (RFC 9846 4.5.2) in state WAIT_CV"
    );
    let stolen = CertifiedKey { chain: good.chain.clone(), key: ours.client(Ed25519, &request("a", false)).key };
    let error = meet(client_with(vec![stolen]), server_asking(ours.required())).err().unwrap().1;
    assert_eq!(error.violation(), Some(Violation::SignatureSchemeOfOtherKey));
    // The signature left out, and Finished in its place.
    let mut flight = Vec::new();
    certificate::encode(&mut flight, &good.chain, None).unwrap();
    for (body, next, violation) in [
        (&flight[4..], HandshakeType::FINISHED, Violation::UnexpectedMessage),
        (&[1, 7, 0, 0, 0], HandshakeType::FINISHED, Violation::RequestContext),
        // An empty list is no certificate, so nothing is signed either.
        (&[0, 0, 0, 0], HandshakeType::CERTIFICATE_VERIFY, Violation::CertificateRequired),
        // An extension that nobody asked for: status_request.
        (&[0, 0, 0, 10, 0, 0, 1, 7, 0, 4, 0, 5, 0, 0], HandshakeType::FINISHED, Violation::ExtensionNotOffered),
    ] {
        let mut pair = Pair::new(client_config(), server_asking(ours.required()));
        let (level, hello) = pair.client.poll_output().unwrap();
        pair.server.read(level, &hello, &mut Counting(0)).unwrap();
        let said = [framed(HandshakeType::CERTIFICATE, body), framed(next, &[0; 32])].concat();
        let error = pair.server.read(Level::Handshake, &said, &mut Counting(0)).unwrap_err();
        assert_eq!(error.violation(), Some(violation));
    }
}

/// A server's signature is none of a client's: the context tells them apart.
#[test]
fn who_signs_is_part_of_what_is_signed() {
    let digest = crypto_ring::PROVIDER.initial.hash.digest(&[b"transcript"]);
    let server = crate::message::certificate_verify::signed_by_server(&digest);
    let client = crate::message::certificate_verify::signed_by_client(&digest);
    assert_eq!(&client[64..98], b"TLS 1.3, client CertificateVerify\0");
    assert!(client[..64].iter().all(|byte| *byte == b' ') && client[98..] == *digest);
    assert_ne!(server, client);
}

/// T4: however the name is written, the question is the same, and a client without a name gets none that asks for less.
#[test]
fn the_name_decides_what_is_asked() {
    let (ours, other) = (ClientAuthority::new("ours"), ClientAuthority::new("other"));
    let mut names = ByName::new();
    names.insert_default(certified(Kind::EcP256));
    names.set_client_authentication("Server.EXAMPLE.", other.required());
    names.set_nameless_client_authentication(ours.required());
    let mut server = server_config();
    server.resolver = Arc::new(names);
    let client = |authority: &ClientAuthority| client_with(vec![authority.client(EcP256, &request("c", false))]);
    assert!(meet(client(&other), server.clone()).is_ok());
    assert!(meet(client(&ours), server.clone()).is_err());
    // The default is the server's own, here none.
    let at = |asked: &str, client: ClientConfig, server: &ServerConfig| {
        let mut pair = Pair::new(client.clone(), server.clone());
        pair.client = crate::quic::client(Arc::new(client), name(asked), vec![], &mut Counting(0)).unwrap();
        pair.run(usize::MAX, |_, _, _, _| {}).map(|()| pair.server.peer_identity().is_some())
    };
    assert_eq!(at("localhost", client(&ours), &server), Ok(false));
    assert_eq!(at("127.0.0.1", client(&ours), &server), Ok(true), "no name");
    server.client_authentication = ours.required();
    assert_eq!(at("localhost", client(&ours), &server), Ok(true));
    assert!(at("localhost", client_config(), &server).is_err());
}

/// RFC 9846 section 4.3.5-2, 4.3.5-3, 4.3.5-4, 4.4.2-6, 4.4.2-7, 4.5.1.2-2, 4.5.1.2-4, 4.5.1.2-5, 4.5.2-5.
#[test]
fn a_client_shows_what_the_server_can_use() {
    let (ours, other) = (ClientAuthority::new("ours"), ClientAuthority::new("other"));
    let of = |authority: &ClientAuthority, kind| authority.client(kind, &request("client.example", false));
    // The second fits the authorities.
    let client = client_with(vec![of(&other, EcP256), of(&ours, Ed25519), of(&ours, EcP256)]);
    let chosen = client.identities.clone().unwrap();
    let pair = meet(client, server_asking(ours.required())).unwrap();
    let identity = pair.server.peer_identity().unwrap();
    let leaf = x509::Certificate::parse(identity.certificate()).unwrap();
    assert_eq!(leaf.subject_public_key().unwrap().0, crypto::PublicKeyAlgorithm::Ed25519);
    // By schemes, filters and authorities of requests that are written by hand.
    let extension =
        |kind: u16, data: &[u8]| [&kind.to_be_bytes()[..], &(data.len() as u16).to_be_bytes(), data].concat();
    let list = |data: &[u8]| [&(data.len() as u16).to_be_bytes()[..], data].concat();
    let schemes = |scheme: u16| extension(13, &list(&scheme.to_be_bytes()));
    let body = |extensions: &[Vec<u8>]| [vec![0], list(&extensions.concat())].concat();
    let kind = |extensions: &[Vec<u8>]| {
        let body = body(extensions);
        let server = name("server.example");
        let wanted = CertificateWanted::new(&server, CertificateRequest::decode(&body).unwrap());
        assert_eq!(wanted.server(), &server);
        chosen.resolve(&wanted).map(|certified| certified.key.public_key_algorithm())
    };
    use crypto::PublicKeyAlgorithm as Key;
    assert_eq!(kind(&[schemes(0x0403)]), Some(Key::EcP256));
    assert_eq!(kind(&[schemes(0x0807)]), Some(Key::Ed25519));
    assert_eq!(kind(&[schemes(0x0804)]), None, "no RSA key");
    // signature_algorithms_cert: the authorities sign with ECDSA, so that nothing is ruled out, but nothing preferred either.
    assert_eq!(kind(&[schemes(0x0807), extension(50, &list(&[4, 1]))]), Some(Key::Ed25519));
    let filter = |identifier: &[u8], values: &[u8]| {
        let entry = [&[identifier.len() as u8][..], identifier, &list(values)].concat();
        extension(48, &list(&entry))
    };
    let (key_usage, purposes) = ([6, 3, 0x55, 0x1d, 15], [6, 3, 0x55, 0x1d, 37]);
    let purpose = |last: u8| [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, last];
    for (filter, fits) in [
        (filter(&key_usage, &[3, 2, 7, 0x80]), true),
        (filter(&key_usage, &[3, 2, 5, 0xa0]), false),
        (filter(&key_usage, &[3, 3, 0, 0x80, 0x80]), false),
        (filter(&key_usage, &[]), false),
        (filter(&purposes, &purpose(2)), true),
        (filter(&purposes, &purpose(1)), false),
        (filter(&[6, 3, 0x55, 0x1d, 99], &[1, 2, 3]), true),
    ] {
        assert_eq!(kind(&[schemes(0x0403), filter]), fits.then_some(Key::EcP256));
    }
    assert_eq!(kind(&[extension(0x7777, &[1, 2]), schemes(0x0403)]), Some(Key::EcP256), "what is not known is ignored");
    let missing = body(&[extension(0x7777, &[1, 2])]);
    assert_eq!(CertificateRequest::decode(&missing).err(), Some(Violation::MissingSignatureAlgorithms));
    let unknown = extension(47, &list(&list(&[0x30, 0])));
    assert_eq!(kind(&[schemes(0x0403), unknown]), None, "an authority that issued none of them");
    // What is malformed is said, and no more is known of this server than that.
    for malformed in [extension(47, &list(&[])), extension(47, &list(&list(&[]))), extension(48, &list(&[0, 0, 0]))] {
        let body = body(&[schemes(0x0403), malformed]);
        assert_eq!(CertificateRequest::decode(&body).err(), Some(Violation::Malformed));
    }
}

/// An empty Certificate is sent where a key has no scheme that the server can verify, even if a resolver insists.
#[test]
fn a_key_that_the_server_cannot_verify_is_not_used() {
    let ours = ClientAuthority::new("ours");
    let identity = ours.client(Ed25519, &request("client.example", false));
    let client = ClientConfig { identities: Some(Arc::new(Always(Arc::new(identity)))), ..client_config() };
    let mut session = crate::quic::client(Arc::new(client), name("server.example"), vec![], &mut Counting(0)).unwrap();
    let mut server = ScriptedServer::answer(&mut session, 0x1301);
    server.say_extensions(&mut session);
    // ecdsa_secp256r1_sha256 alone.
    server.say(&mut session, HandshakeType::CERTIFICATE_REQUEST, &[0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]).unwrap();
    server.finish(&mut session, Kind::EcP256);
    let (_, flight) = session.poll_output().unwrap();
    assert_eq!(flight[..8], [11, 0, 0, 4, 0, 0, 0, 0], "a Certificate without certificates");
    assert_eq!(flight[8], 20, "Finished");
}

/// A verifier of a program's own, whose path does not even begin with the client's certificate.
struct Anybody;

impl ClientVerifier for Anybody {
    fn verify(&self, presented: &PresentedByClient<'_>) -> Result<Vec<CertificateDer<'static>>, x509::Error> {
        assert_eq!((presented.server_name, presented.now), (Some("server.example"), crate::testing::NOW));
        if presented.chain.len() > 1 { Err(x509::Error::TooMuchWork) } else { Ok(Vec::new()) }
    }
}

#[test]
fn a_program_judges_clients_by_its_own_rules() {
    let ours = ClientAuthority::new("ours");
    let identity = || ours.client(EcP256, &request("client.example", false));
    let leaf = identity();
    let first = leaf.chain[0].clone();
    let server = server_asking(ClientAuthentication::Required(Arc::new(Anybody)));
    let pair = meet(client_with(vec![leaf]), server.clone()).unwrap();
    assert_eq!(pair.server.peer_identity().unwrap().certificates(), [first]);
    let mut long = identity();
    long.chain.push(ours.certificate.clone());
    let error = meet(client_with(vec![long]), server).err().unwrap().1;
    assert_eq!(error.alert(), 46, "certificate_unknown");
}

/// Names that would not fit the first flight are left out, and the client chooses without them.
#[test]
fn long_lists_of_authorities_are_not_sent() {
    struct Many(Vec<Vec<u8>>, Arc<crate::client_authentication::ClientRoots>);
    impl ClientVerifier for Many {
        fn verify(&self, presented: &PresentedByClient<'_>) -> Result<Vec<CertificateDer<'static>>, x509::Error> {
            self.1.verify(presented)
        }
        fn authorities(&self) -> &[Vec<u8>] {
            &self.0
        }
    }
    let ours = ClientAuthority::new("ours");
    // The names are of authorities that issued nothing: with them nothing is shown.
    let name = vec![0x30, 0];
    for (count, is_shown) in [(1, false), (1024, false), (1025, true)] {
        let verifier = Arc::new(Many(vec![name.clone(); count], ours.verifier()));
        let client = client_with(vec![ours.client(EcP256, &request("client.example", false))]);
        let outcome = meet(client, server_asking(ClientAuthentication::Required(verifier)));
        assert_eq!(outcome.is_ok(), is_shown, "{count}");
    }
}
