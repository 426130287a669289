//! TLS, certificates and secrets.

use crate::support::{client_verdict, crypto, der};
use adversary::{Peer, Stage, identity};
use base::Side::{Client, Server};
use crypto::signature::BoxedSigningKey;
use crypto::{
    Aead, KeyKind, OpenError, PrivateKeyFormat, Provider, PublicKeyAlgorithm, SignatureScheme, SigningFailed,
    SigningKey,
};
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, OneRtt};
use quic::{CloseReason, Violation};
use sim::SeededRandom;
use std::sync::Arc;
use tls::{ClientConfig, Level, ServerConfig, ServerVerification, WallClock};

const NOW: u64 = 1_500_000;

struct Clock;

impl WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        NOW
    }
}

struct Authority {
    certificate: rustls_pki_types::CertificateDer<'static>,
    key: crypto::SecretBytes,
}

fn request(name: &str, is_authority: bool, not_before_unix: u64) -> x509::IssueRequest {
    let names = vec![name.into()];
    x509::IssueRequest { names, not_before_unix, lifetime_seconds: 1_000_000, serial: [3; 16], is_authority }
}

fn authority(provider: &Provider) -> Authority {
    let key = (provider.generate_key)(KeyKind::Ed25519).unwrap();
    let certificate = x509::issue::self_signed(provider, &key, &request("test", true, 1_000_000)).unwrap().certificate;
    Authority { certificate, key }
}

/// A client that trusts `roots` and wants `localhost` meets a server with this chain: what becomes of it.
fn meet(
    roots: &[&Authority],
    chain: Vec<rustls_pki_types::CertificateDer<'static>>,
    key: &[u8],
) -> Result<(), tls::Error> {
    meet_signer(roots, chain, (sim::seeded_provider().load_key)(PrivateKeyFormat::Pkcs8, key).unwrap())
}

/// The same with anything that signs.
fn meet_signer(
    roots: &[&Authority],
    chain: Vec<rustls_pki_types::CertificateDer<'static>>,
    key: BoxedSigningKey,
) -> Result<(), tls::Error> {
    let provider = sim::seeded_provider();
    let mut store = x509::RootStore::new();
    roots.iter().for_each(|root| store.add_der(&root.certificate).unwrap());
    let protocols = vec![b"test".to_vec()];
    let verification = ServerVerification::Roots(Arc::new(store));
    let client = ClientConfig::new(provider, verification, protocols.clone(), Arc::new(Clock));
    let resolver = tls::Single(Arc::new(tls::CertifiedKey { chain, key }));
    let server = ServerConfig::new(provider, Arc::new(resolver), protocols, Arc::new(Clock));
    let random = &mut SeededRandom::new(1);
    let mut client = tls::quic::client(Arc::new(client), identity::server_name(), vec![0; 4], random).unwrap();
    let mut server = tls::quic::server(Arc::new(server), vec![0; 4]);
    while let Some((level, bytes)) = client.poll_output() {
        server.read(level, &bytes, random).unwrap();
    }
    while let Some((level, bytes)) = server.poll_output() {
        client.read(level, &bytes, random)?;
    }
    assert!(client.is_complete());
    Ok(())
}

/// A client checks by default, and each thing that is wrong ends the handshake.
/// RFC 9000 section 7-2, 7-3.
/// RFC 9001 section 4.4-1.
/// RFC 9110 section 4.3.4-1, 4.3.4-5.
/// RFC 9114 section 3.1-1, 3.1-2.
#[test]
fn t1_servers_that_are_not_who_they_should_be() {
    let provider = crypto_ring::provider();
    let (ours, other) = (authority(&provider), authority(&provider));
    let key = (provider.generate_key)(KeyKind::EcP256).unwrap();
    let load = |key: &[u8]| (provider.load_key)(PrivateKeyFormat::Pkcs8, key).unwrap();
    let issue = |by: &Authority, request: &x509::IssueRequest| {
        x509::issue::issued_by(&provider, &by.certificate, &*load(&by.key), &*load(&key), request).unwrap()
    };
    let good = issue(&ours, &request("localhost", false, 1_000_000));
    assert!(meet(&[&ours], vec![good.clone()], &key).is_ok());
    let refused = |what: &str, roots: &[&Authority], chain: Vec<rustls_pki_types::CertificateDer<'static>>| {
        let error = meet(roots, chain, &key).expect_err(what);
        // bad_certificate to unknown_ca, of RFC 9846 section 6.2.
        assert!((42..=48).contains(&error.alert()), "{what}: {error}");
    };
    refused("another authority", &[&other], vec![good.clone()]);
    refused("no authority at all", &[], vec![good.clone()]);
    refused("another name", &[&ours], vec![issue(&ours, &request("example.com", false, 1_000_000))]);
    refused("expired", &[&ours], vec![issue(&ours, &request("localhost", false, 1000))]);
    refused("not yet valid", &[&ours], vec![issue(&ours, &request("localhost", false, 2_000_000))]);
    let own = x509::issue::self_signed(&provider, &key, &request("localhost", false, 1_000_000)).unwrap();
    refused("self-signed", &[&ours], vec![own.certificate.clone()]);
    refused("an authority as a server", &[&ours], vec![issue(&ours, &request("localhost", true, 1_000_000))]);
    // A server's certificate that issues others.
    let leaf = Authority { certificate: good.clone(), key: key.clone() };
    let by_leaf = issue(&leaf, &request("localhost", false, 1_000_000));
    refused("a server as an authority", &[&ours], vec![by_leaf, good.clone()]);
    // The same certificate trusted as it is: it still vouches for nobody but itself.
    let vouched = issue(&leaf, &request("localhost", false, 1_000_000));
    refused("a trusted server as an authority", &[&leaf], vec![vouched]);
    assert!(meet(&[&leaf], vec![good.clone()], &key).is_ok());
    // For clients, or for code, by extKeyUsage; and once more for servers, so that it is not the new signature that counts.
    let purpose = |last: u8| {
        const SERVER_AUTHENTICATION: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 3, 1];
        let changed = |der: &mut Vec<u8>| {
            let at = der.windows(8).position(|window| window == SERVER_AUTHENTICATION).unwrap();
            der[at + 7] = last;
        };
        resigned(&good, &*load(&ours.key), changed)
    };
    refused("a client's certificate", &[&ours], vec![purpose(2)]);
    refused("a certificate for code", &[&ours], vec![purpose(3)]);
    assert!(meet(&[&ours], vec![purpose(1)], &key).is_ok());
    // The right certificate, and somebody else's key.
    let other_key = (provider.generate_key)(KeyKind::EcP256).unwrap();
    let error = meet(&[&ours], vec![good], &other_key).expect_err("another key");
    assert_eq!(error.alert(), 51, "decrypt_error: {error}");
}

/// A certificate changed and signed anew with an Ed25519 key, whose signatures have one length and are the end of it.
fn resigned(
    certificate: &[u8],
    key: &dyn SigningKey,
    change: impl FnOnce(&mut Vec<u8>),
) -> rustls_pki_types::CertificateDer<'static> {
    let mut der = certificate.to_vec();
    change(&mut der);
    // Before what is signed the header of the whole, and after it the algorithm and the signature with their headers.
    let end = der.len() - 64;
    let signature = key.sign(SignatureScheme::ED25519, &der[4..end - 3 - 7]).unwrap();
    der[end..].copy_from_slice(&signature);
    der.into()
}

/// The server's flight without a certificate, with a huge one, without CertificateVerify, with a bad one and with one that
/// signs something else: no client goes on.
/// RFC 9000 section 7-3.
/// RFC 9001 section 4.4-1.
#[test]
fn t2_no_handshake_without_a_certificate_and_its_signature() {
    type Flight = Vec<(u8, Vec<u8>)>;
    fn place(flight: &Flight, kind: u8) -> usize {
        flight.iter().position(|message| message.0 == kind).unwrap()
    }
    let alert = |change: fn(&mut Flight)| client_verdict(change);
    // EncryptedExtensions, Certificate, CertificateVerify, Finished.
    assert_eq!(alert(|_| {}), None);
    assert_eq!(alert(|flight| flight[1].1 = vec![0, 0, 0, 0]), Some(0x100 + 50), "decode_error for an empty list");
    assert!(alert(|flight| drop(flight.remove(1))).is_some());
    assert_eq!(alert(|flight| drop(flight.remove(place(flight, 15)))), Some(0x100 + 10));
    assert!(alert(|flight| flight.retain(|message| ![11, 15].contains(&message.0))).is_some());
    for at in [4, 5, 20] {
        let change = move |flight: &mut Flight| {
            let verify = place(flight, 15);
            flight[verify].1[at] ^= 1;
        };
        assert_eq!(client_verdict(change), Some(0x100 + 51), "decrypt_error for a changed signature");
    }
    // Of the client's context; empty; of another scheme.
    assert!(alert(|flight| flight[2].1.truncate(2)).is_some());
    assert!(alert(|flight| flight[2].1 = vec![8, 7, 0, 0]).is_some());
    assert!(alert(|flight| flight[2].1[..2].copy_from_slice(&[2, 1])).is_some());
    // A key of 20 KiB.
    let key = der(0x30, &[&der(0x30, &[&der(6, &[&[0x2b, 0x65, 0x70]])]), &der(3, &[&[0], &[7; 20_000]])]);
    let certificate = der(0x30, &[&der(0x30, &[&key]), &key]);
    let entry = [&(certificate.len() as u32).to_be_bytes()[1..], &certificate, &[0, 0]].concat();
    let list = [&[0][..], &(entry.len() as u32).to_be_bytes()[1..], &entry].concat();
    assert!(client_verdict(move |flight: &mut Flight| flight[1].1.clone_from(&list)).is_some());
    // An impostor is consistent: all that follows a wrong signature fits it, and only the signature gives him away.
    let provider = crypto_ring::provider();
    let ours = authority(&provider);
    let key = (provider.generate_key)(KeyKind::EcP256).unwrap();
    let load = |key: &[u8]| (provider.load_key)(PrivateKeyFormat::Pkcs8, key).unwrap();
    let leaf = request("localhost", false, 1_000_000);
    let leaf = x509::issue::issued_by(&provider, &ours.certificate, &*load(&ours.key), &*load(&key), &leaf).unwrap();
    let meets = |lie: fn(&[u8]) -> Vec<u8>, slip: fn(&mut Vec<u8>)| {
        meet_signer(&[&ours], vec![leaf.clone()], Box::new(Liar { key: load(&key), lie, slip }))
    };
    assert!(meets(<[u8]>::to_vec, |_| {}).is_ok());
    let refused = |outcome: Result<(), tls::Error>| assert_eq!(outcome.unwrap_err().alert(), 51, "decrypt_error");
    refused(meets(of_a_client, |_| {}));
    refused(meets(|_| Vec::new(), |_| {}));
    refused(meets(<[u8]>::to_vec, |signature| *signature.last_mut().unwrap() ^= 1));
    refused(meets(<[u8]>::to_vec, Vec::clear));
}

/// Signs something else than it is asked to, or does not sign well.
struct Liar {
    key: BoxedSigningKey,
    lie: fn(&[u8]) -> Vec<u8>,
    slip: fn(&mut Vec<u8>),
}

impl SigningKey for Liar {
    fn public_key_algorithm(&self) -> PublicKeyAlgorithm {
        self.key.public_key_algorithm()
    }

    fn public_key(&self) -> &[u8] {
        self.key.public_key()
    }

    fn schemes(&self) -> &[SignatureScheme] {
        self.key.schemes()
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let mut signature = self.key.sign(scheme, &(self.lie)(message))?;
        (self.slip)(&mut signature);
        Ok(signature)
    }
}

/// What a client would sign, in the place of what a server signs (RFC 9846 section 4.5.2).
fn of_a_client(message: &[u8]) -> Vec<u8> {
    let (server, client) = (b"TLS 1.3, server CertificateVerify", b"TLS 1.3, client CertificateVerify");
    let at = message.windows(server.len()).position(|window| window == server).unwrap();
    let mut changed = message.to_vec();
    changed[at..at + client.len()].copy_from_slice(client);
    changed
}

#[test]
fn t10_text_of_a_peer_is_escaped_and_cut() {
    let evil = b"\x1b[2J\r\n\0\"\\\x7f\xff\xc3\xa4<script>";
    let is_plain = |text: &str| text.chars().all(|character| character.is_ascii_graphic() || character == ' ');
    for target in [Client, Server] {
        for frame in [
            Frame::ApplicationClose { error_code: base::VarInt::ZERO, reason: evil },
            Frame::ConnectionClose { error_code: base::VarInt::ZERO, frame_type: 0, reason: evil },
            Frame::ConnectionClose { error_code: base::VarInt::MAX, frame_type: u64::MAX >> 2, reason: &[0x1b; 1000] },
        ] {
            let mut peer = Peer::against(target, Stage::Established);
            peer.send_frame(OneRtt, &frame);
            let reason = peer.reason().unwrap();
            let (CloseReason::PeerApplication { reason: text, .. } | CloseReason::PeerTransport { reason: text, .. }) =
                reason
            else {
                panic!("{reason:?}")
            };
            assert!(is_plain(text) && text.len() <= 4 * 256, "{text}");
            assert!(is_plain(&reason.to_string()));
        }
    }
    // Names in a certificate, as an error tells them.
    let provider = crypto_ring::provider();
    let key = (provider.generate_key)(KeyKind::Ed25519).unwrap();
    let certificate = x509::issue::self_signed(&provider, &key, &request("aaaaaaaaaaaaaaaa.example", false, 1_000_000));
    let mut changed = certificate.unwrap().certificate.to_vec();
    // Names are ASCII, or there is no certificate.
    let ascii = b"\x1b[2J\r\n\0\"\\\x7f<scrip";
    while let Some(at) = changed.windows(16).position(|window| window == b"aaaaaaaaaaaaaaaa") {
        changed[at..at + 16].copy_from_slice(ascii);
    }
    let name = x509::ServerName::parse("localhost").unwrap();
    let error = x509::verify_server(&provider, &x509::RootStore::new(), &[changed.into()], &name, NOW).unwrap_err();
    assert!(matches!(&error, x509::Error::NameMismatch { presented, .. } if !presented.is_empty()), "{error:?}");
    assert!(is_plain(&error.to_string()), "{error}");
    // The server's name and protocol: what is not plain is refused, and no error repeats it.
    for (from, to) in [(&b"localhost"[..], &b"loc\x1b[2Jtt"[..]), (b"\x04test", b"\x04\x1b[2J")] {
        let mut peer = Peer::against(Server, Stage::Begun);
        let mut hello = peer.take_crypto(Level::Initial);
        let at = hello.windows(from.len()).position(|window| window == from).unwrap();
        hello[at..at + from.len()].copy_from_slice(to);
        peer.send(quic::wire::frame::PacketKind::Initial, &crypto(0, &hello));
        for (.., reason) in peer.closes() {
            assert!(reason.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' '));
        }
        assert!(!peer.closes().is_empty() || to[0] != 4);
    }
}

/// Finished of every length but the right one, to both sides; the suites of other hashes are in the table.
#[test]
fn t13_finished_of_every_length() {
    let alerts = [0x100 + 50, 0x100 + 51];
    for len in 0..=64usize {
        let mut peer = Peer::against(Server, Stage::Keys);
        let finished = peer.take_crypto(Level::Handshake);
        assert_eq!(finished[..4], [20, 0, 0, 32]);
        let mut body = finished[4..].to_vec();
        body.resize(len, 0);
        let message = [&[20, 0, 0, len as u8][..], &body].concat();
        peer.send(Handshake, &crypto(0, &message));
        let codes: Vec<u64> = peer.closes().iter().map(|close| close.1).collect();
        match len {
            32 => assert!(codes.is_empty()),
            _ => assert!(!codes.is_empty() && codes.iter().all(|code| alerts.contains(code)), "{len}: {codes:x?}"),
        }
        let verdict = client_verdict(move |flight| flight[3].1.resize(len, 0));
        assert_eq!(verdict.is_none(), len == 32);
        assert!(verdict.is_none_or(|code| alerts.contains(&code)), "{len}: {verdict:x?}");
    }
    // Of the right length, and wrong.
    for at in [0, 31] {
        assert_eq!(client_verdict(move |flight| flight[3].1[at] ^= 1), Some(0x100 + 51));
    }
}

/// Names with NUL, white space and more than ASCII in the certificate that a client trusts: they match nothing.
#[test]
fn t14_names_with_nul_or_white_space_match_nothing() {
    let provider = crypto_ring::provider();
    let key = (provider.generate_key)(KeyKind::Ed25519).unwrap();
    let certificate = x509::issue::self_signed(&provider, &key, &request("localhostaaaaaaa", false, 1_000_000));
    let certificate = certificate.unwrap().certificate.to_vec();
    let at = certificate.windows(16).position(|window| window == b"localhostaaaaaaa").unwrap();
    let verdict = |text: &[u8; 16], wanted: &str| {
        let name = x509::ServerName::parse(wanted).unwrap();
        let mut changed = certificate.clone();
        changed[at..at + 16].copy_from_slice(text);
        let mut roots = x509::RootStore::new();
        if roots.add_der(&changed).is_err() {
            return false;
        }
        x509::verify_server(&provider, &roots, &[changed.into()], &name, NOW).is_ok()
    };
    // A name that is changed in the same way, and is one, matches itself and nothing else.
    assert!(verdict(b"localhostaaaaaaa", "localhostaaaaaaa"));
    for text in [b"localhost.exampl", b"local-host.examp", b"local_host.examp"] {
        assert!(verdict(text, core::str::from_utf8(text).unwrap()), "{}", text.escape_ascii());
        assert!(!verdict(text, "localhost"), "{}", text.escape_ascii());
    }
    for text in [
        b"localhost\0aaaaaa",
        b"localhost\0\0\0\0\0\0\0",
        b"localhost       ",
        b"       localhost",
        b"localhost\t\t\t\t\t\t\t",
        b"localhost\r\n.evil",
        b"localhost.......",
        b"localhost\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\0\0\0\0localhost",
    ] {
        assert!(!verdict(text, "localhost"), "{}", text.escape_ascii());
    }
    for text in ["localhost\0", "local host", "localhost\r", "localhöst"] {
        assert!(x509::ServerName::parse(text).is_err(), "{text:?}");
    }
}

/// What was not authentic is gone from the buffer.
#[test]
fn t15_a_forgery_is_wiped() {
    for suite in crypto_ring::PROVIDER.cipher_suites {
        let aead: &dyn Aead = suite.aead;
        let key = aead.key(&vec![7; aead.key_len()]);
        for len in [1, 15, 16, 17, 1000] {
            let mut packet = vec![0x55; len];
            let tag = key.seal([1; 12], b"header", &mut packet).unwrap();
            packet.extend(tag);
            for at in [0, len - 1, len, len + 15] {
                let mut forged = packet.clone();
                forged[at] ^= 1;
                assert_eq!(key.open([1; 12], b"header", &mut forged), Err(OpenError));
                assert!(forged.iter().all(|byte| *byte == 0), "{} {len} {at}", suite.name);
            }
            let mut moved = packet.clone();
            assert_eq!(key.open([1; 12], b"other", &mut moved), Err(OpenError));
            assert!(moved.iter().all(|byte| *byte == 0));
        }
    }
}

/// Packets of nothing but a tag; and tags are compared in constant time (tests/tidy.rs).
#[test]
fn t16_forgeries_without_a_payload() {
    for suite in crypto_ring::PROVIDER.cipher_suites {
        let key = suite.aead.key(&vec![7; suite.aead.key_len()]);
        for len in 0..16 {
            assert_eq!(key.open([1; 12], b"header", &mut vec![0; len]), Err(OpenError), "shorter than a tag");
        }
        let tag = key.seal([1; 12], b"header", &mut []).unwrap();
        assert_eq!(key.open([1; 12], b"header", &mut tag.to_vec()), Ok(0));
        for bit in 0..128 {
            let mut forged = tag.to_vec();
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open([1; 12], b"header", &mut forged), Err(OpenError), "{} bit {bit}", suite.name);
        }
        assert_eq!(key.open([1; 12], b"header", &mut [0; 16]), Err(OpenError));
    }
    // On the wire: authentic and empty is a breach, forged and empty is nothing.
    let mut peer = Peer::against(Server, Stage::Established);
    let mut packet = peer.packet(OneRtt, &[], adversary::PLAIN);
    let last = packet.len() - 1;
    packet[last] ^= 1;
    peer.deliver(packet);
    assert!(peer.is_open());
    peer.send(OneRtt, &[]);
    assert_eq!(peer.violation(), Some((Violation::EmptyPacket, 0)));
}
