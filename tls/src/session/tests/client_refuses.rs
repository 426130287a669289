//! Every way in which a server's answer can be wrong, one thing at a time, under keys that are right.

use super::{GROUPS, SUITES};
use crate::error::Error;
use crate::level::Level;
use crate::message::certificate_verify::{CertificateVerify, signed_by_server};
use crate::message::client_hello::ClientHello;
use crate::message::extension::{ExtensionType as E, push_extension};
use crate::message::framing::{HEADER_LEN, HandshakeType as H, push_u16_block};
use crate::message::server_hello::{encode_hello_retry_request, encode_server_hello};
use crate::quic;
use crate::schedule::verify_data;
use crate::session::Session;
use crate::testing::scripted_server::{ScriptedServer, certificate_body, framed, good_extensions};
use crate::testing::{Counting, KINDS, Kind, certified, client_config, name, provider};
use crate::violation::Violation;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use crypto::{NamedGroup, SignatureScheme};

fn client() -> Session {
    quic::client(Arc::new(client_config()), name("server.example"), vec![], &mut Counting(0)).unwrap()
}

fn violation(result: Result<(), Error>) -> Option<Violation> {
    result.err().map(|error| error.violation().unwrap())
}

/// An extension block.
fn block(extensions: &[(E, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    push_u16_block(&mut out, |out| {
        extensions.iter().try_for_each(|(kind, data)| {
            push_extension(out, *kind, |out| {
                out.extend_from_slice(data);
                Ok(())
            })
        })
    })
    .unwrap();
    out
}

/// A ServerHello or HelloRetryRequest with these extensions.
fn hello(retry: bool, suite: u16, extensions: &[(E, &[u8])]) -> Vec<u8> {
    let random = if retry { crate::message::server_hello::RETRY_RANDOM } else { [3; 32] };
    let mut body = vec![3, 3];
    body.extend_from_slice(&random);
    body.push(0);
    body.extend_from_slice(&suite.to_be_bytes());
    body.push(0);
    body.extend(block(extensions));
    framed(H::SERVER_HELLO, &body)
}

const VERSION: (E, &[u8]) = (E::SUPPORTED_VERSIONS, &[3, 4]);

/// RFC 9001 section 4.2-2.
/// RFC 9846 section 4.2.3-6, 4.3.8-15, 4.3-6.
#[test]
fn server_hellos() {
    let read = |bytes: &[u8]| violation(client().read(Level::Initial, bytes, &mut Counting(0)));
    let share = |group: u8, len: usize| [vec![0, group, 0, len as u8], vec![9; len]].concat();
    let x25519 = share(0x1d, 32);
    let good = [VERSION, (E::KEY_SHARE, &x25519[..])];
    assert_eq!(read(&hello(false, 0x1301, &good)), None);
    assert_eq!(read(&hello(false, 0x1304, &good)), Some(Violation::CipherSuiteNotOffered));
    assert_eq!(read(&hello(false, 0x1301, &good[..1])), Some(Violation::MissingKeyShare));
    assert_eq!(read(&hello(false, 0x1301, &good[1..])), Some(Violation::VersionTooOld));
    let with = |kind: E, data: &[u8]| read(&hello(false, 0x1301, &[good[0], good[1], (kind, data)]));
    assert_eq!(with(E::PRE_SHARED_KEY, &[0, 0]), Some(Violation::ExtensionNotOffered));
    assert_eq!(with(E(0x1a1a), &[]), Some(Violation::ExtensionNotOffered));
    assert_eq!(with(E::ALPN, &[0, 3, 2, b'h', b'3']), Some(Violation::ExtensionNotAllowed));
    assert_eq!(with(E::COOKIE, &[0, 1, 1]), Some(Violation::ExtensionNotAllowed));
    assert_eq!(with(E::SUPPORTED_VERSIONS, &[3, 4]), Some(Violation::DuplicateExtension));
    let with_share = |share: &[u8]| read(&hello(false, 0x1301, &[VERSION, (E::KEY_SHARE, share)]));
    assert_eq!(with_share(&share(0x17, 65)), Some(Violation::KeyShareGroup));
    assert_eq!(with_share(&share(0x1d, 0)), Some(Violation::Malformed));
    assert_eq!(with_share(&[0, 0x1d, 0, 1, 9, 9]), Some(Violation::Malformed));
    for len in [1, 31, 33, 64] {
        assert_eq!(with_share(&share(0x1d, len)), Some(Violation::BadKeyShare), "{len}");
    }
    let zero = [vec![0, 0x1d, 0, 32], vec![0; 32]].concat();
    assert_eq!(with_share(&zero), Some(Violation::BadKeyShare));
}

/// RFC 9846 section 4.3.3: all schemes that a certificate may be signed with, those of PKCS #1 v1.5 behind the others
/// because no CertificateVerify may use them.
/// RFC 9846 section 4.3.3-2, 4.3.3-20, 4.3.3-21, 9.1-2, 9.3-4.
#[test]
fn the_signatures_that_a_client_can_verify_are_offered() {
    let hello = client().poll_output().unwrap().1;
    let hello = ClientHello::decode(&hello[HEADER_LEN..]).unwrap();
    let schemes: Vec<u16> = hello.signature_algorithms.unwrap().iter().collect();
    let pkcs1 = [0x0401, 0x0501, 0x0601];
    assert_eq!(schemes[schemes.len() - 3..], pkcs1);
    let others = &schemes[..schemes.len() - 3];
    for scheme in [0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0807] {
        assert!(others.contains(&scheme), "{scheme:04x}");
    }
    assert!(!pkcs1.iter().any(|scheme| others.contains(scheme)));
    assert_eq!(others.len(), 6, "no others: none over MD5, SHA-1 or SHA-224");
}

/// GHSA-pmc3-p9hx-jq96, as the next test: a retry must change something, and comes once.
/// RFC 9846 section 4.2.4-3, 4.2.4-5, 4.2.4-8, 4.3.8-12, 4.3.8-13.
#[test]
fn retries() {
    let group = |group: u8| [0, group];
    let p256 = group(0x17);
    let read = |bytes: &[u8]| violation(client().read(Level::Initial, bytes, &mut Counting(0)));
    let retry = |extensions: &[(E, &[u8])]| read(&hello(true, 0x1301, extensions));
    assert_eq!(retry(&[VERSION, (E::KEY_SHARE, &p256)]), None);
    assert_eq!(retry(&[VERSION, (E::COOKIE, &[0, 1, 1])]), None);
    assert_eq!(retry(&[VERSION]), Some(Violation::RetryChangesNothing));
    assert_eq!(retry(&[VERSION, (E::KEY_SHARE, &group(0x1d))]), Some(Violation::RetryGroup));
    assert_eq!(retry(&[VERSION, (E::KEY_SHARE, &group(0x1d)), (E::COOKIE, &[0, 1, 1])]), Some(Violation::RetryGroup));
    assert_eq!(retry(&[VERSION, (E::KEY_SHARE, &group(0x19))]), Some(Violation::RetryGroup));
    assert_eq!(retry(&[VERSION, (E::COOKIE, &[0, 0])]), Some(Violation::Malformed));
    assert_eq!(retry(&[(E::KEY_SHARE, &p256)]), Some(Violation::VersionTooOld));
    assert_eq!(retry(&[VERSION, (E::KEY_SHARE, &[0, 0x17, 0])]), Some(Violation::Malformed));
    assert_eq!(retry(&[VERSION, (E::ALPN, &[])]), Some(Violation::ExtensionNotAllowed));
    assert_eq!(retry(&[VERSION, (E(0x1a1a), &[])]), Some(Violation::ExtensionNotOffered));
    assert_eq!(read(&hello(true, 0x1304, &[VERSION, (E::KEY_SHARE, &p256)])), Some(Violation::CipherSuiteNotOffered));
    let cookie = |len: usize| [(len as u16).to_be_bytes().to_vec(), vec![7; len]].concat();
    assert_eq!(retry(&[VERSION, (E::COOKIE, &cookie(8192))]), None);
    assert_eq!(retry(&[VERSION, (E::COOKIE, &cookie(8193))]), Some(Violation::CookieTooLong));
    assert_eq!(retry(&[VERSION, (E::COOKIE, &cookie(60_000))]), Some(Violation::CookieTooLong));
}

/// RFC 9846 section 4.2.2-2, 4.2.2-5, 4.2.4-6, 4.2.4-10, 4.3.2-2, 4.3.8-17, 4.3.8-18, 9.2-3.
#[test]
fn after_a_retry() {
    let retried = || {
        let mut client = client();
        let first = client.poll_output().unwrap().1;
        let request = hello(true, 0x1302, &[VERSION, (E::KEY_SHARE, &[0, 0x17]), (E::COOKIE, &[0, 2, 0xc0, 0x0c])]);
        client.read(Level::Initial, &request, &mut Counting(0)).unwrap();
        (client, first)
    };
    // The second hello is the first, with another share and the cookie.
    let (mut client, first) = retried();
    let second = client.poll_output().unwrap().1;
    let (first, second) = (ClientHello::decode(&first[HEADER_LEN..]), ClientHello::decode(&second[HEADER_LEN..]));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.random, second.cookie), (second.random, Some(&[0xc0, 0x0c][..])));
    assert_eq!(second.key_shares.unwrap().iter().map(|(group, _)| group).collect::<Vec<_>>(), [GROUPS[1]]);
    let others = |hello: &ClientHello<'_>| {
        let kept = |(kind, _): &(E, &[u8])| *kind != E::KEY_SHARE && *kind != E::COOKIE;
        hello.extensions.iter().filter(kept).map(|(kind, data)| (kind, data.to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(others(&first), others(&second));

    let again = encode_hello_retry_request(&[], 0x1302, NamedGroup::SECP384R1).unwrap();
    let error = client.read(Level::Initial, &again, &mut Counting(0)).unwrap_err();
    assert_eq!((error.violation(), error.alert()), (Some(Violation::SecondRetry), 10));

    let p256 = crypto_ring::PROVIDER.key_exchange(NamedGroup::SECP256R1).unwrap().offer(&mut Counting(0)).unwrap();
    let answer = |suite: u16, group: NamedGroup| {
        let hello = encode_server_hello(&[3; 32], &[], suite, group, p256.share()).unwrap();
        violation(retried().0.read(Level::Initial, &hello, &mut Counting(0)))
    };
    assert_eq!(answer(0x1302, NamedGroup::SECP256R1), None);
    assert_eq!(answer(0x1301, NamedGroup::SECP256R1), Some(Violation::CipherSuiteChanged));
    assert_eq!(answer(0x1302, NamedGroup::X25519), Some(Violation::KeyShareGroup));
}

/// RFC 9000 section 7-9.
/// RFC 9001 section 8.1-2, 8.1-3, 8.1-7, 8.2-1.
/// RFC 9846 section 4.3-6, 4.3-7, 4.4.1-2.
#[test]
fn encrypted_extensions() {
    let with = |asked: &str, body: &[u8]| {
        let mut client = quic::client(Arc::new(client_config()), name(asked), vec![], &mut Counting(0)).unwrap();
        let mut server = ScriptedServer::answer(&mut client, SUITES[0]);
        violation(server.say(&mut client, H::ENCRYPTED_EXTENSIONS, body))
    };
    let alpn: (E, &[u8]) = (E::ALPN, &[0, 3, 2, b'h', b'3']);
    let parameters: (E, &[u8]) = (E::QUIC_TRANSPORT_PARAMETERS, b"p");
    let read = |extensions: &[(E, &[u8])]| with("server.example", &block(extensions));
    assert_eq!(read(&[alpn, parameters]), None);
    assert_eq!(read(&[alpn, parameters, (E::SERVER_NAME, &[]), (E::SUPPORTED_GROUPS, &[0, 2, 0x3a, 0x3a])]), None);
    // RFC 9846 s4.3.7: groups that matter later only, but a list all the same.
    for groups in [&[][..], &[0], &[0, 0], &[0, 1, 0x3a], &[0, 2, 0x3a], &[0, 2, 0x3a, 0x3a, 0]] {
        assert_eq!(read(&[alpn, parameters, (E::SUPPORTED_GROUPS, groups)]), Some(Violation::Malformed), "{groups:?}");
    }
    assert_eq!(read(&[alpn]), Some(Violation::MissingTransportParameters));
    assert_eq!(read(&[parameters]), Some(Violation::NoApplicationProtocol));
    assert_eq!(read(&[parameters, (E::ALPN, &[0, 3, 2, b'h', b'2'])]), Some(Violation::ProtocolNotOffered));
    assert_eq!(read(&[parameters, (E::ALPN, &[0, 6, 2, b'h', b'3', 2, b'h', b'3'])]), Some(Violation::Malformed));
    assert_eq!(read(&[parameters, (E::ALPN, &[0, 0])]), Some(Violation::Malformed));
    assert_eq!(read(&[alpn, parameters, (E::SERVER_NAME, &[0])]), Some(Violation::Malformed));
    assert_eq!(read(&[alpn, parameters, alpn]), Some(Violation::DuplicateExtension));
    assert_eq!(read(&[alpn, parameters, (E::KEY_SHARE, &[])]), Some(Violation::ExtensionNotAllowed));
    assert_eq!(read(&[alpn, parameters, (E::PADDING, &[])]), Some(Violation::ExtensionNotAllowed));
    assert_eq!(read(&[alpn, parameters, (E::EARLY_DATA, &[])]), Some(Violation::ExtensionNotOffered));
    assert_eq!(read(&[alpn, parameters, (E(0x1a1a), &[])]), Some(Violation::ExtensionNotOffered));
    assert_eq!(with("127.0.0.1", &block(&[alpn, parameters])), None);
    assert_eq!(with("127.0.0.1", &good_extensions()), Some(Violation::ExtensionNotOffered));
    let good = good_extensions();
    for end in 0..good.len() {
        assert_eq!(with("server.example", &good[..end]), Some(Violation::Malformed), "{end}");
    }
}

/// RFC 9846 section 4.5.1.3-1, 4.5.1-15.
#[test]
fn certificates() {
    let read = |body: &[u8]| {
        let mut client = client();
        let mut server = ScriptedServer::answer(&mut client, SUITES[0]);
        server.say_extensions(&mut client);
        server.say(&mut client, H::CERTIFICATE, body)
    };
    let good = certificate_body(Kind::EcP256);
    assert_eq!(read(&good), Ok(()));
    let empty = read(&[0, 0, 0, 0]).unwrap_err();
    assert_eq!((empty.violation(), empty.alert()), (Some(Violation::EmptyCertificate), 50));
    assert_eq!(violation(read(&[1, 9, 0, 0, 0])), Some(Violation::RequestContext));
    // An entry without a certificate; one with an extension that was not asked for.
    assert_eq!(violation(read(&[0, 0, 0, 5, 0, 0, 0, 0, 0])), Some(Violation::Malformed));
    let extended = [&[0, 0, 0, 10, 0, 0, 1, 7, 0, 4, 0, 5, 0, 0][..]].concat();
    assert_eq!(violation(read(&extended)), Some(Violation::ExtensionNotOffered));
    for end in 0..good.len() {
        assert_eq!(violation(read(&good[..end])), Some(Violation::Malformed), "{end}");
    }
    // A certificate that is none, and as many and as long ones as fit.
    assert!(matches!(read(&[0, 0, 0, 6, 0, 0, 1, 0x30, 0, 0]), Err(Error::Certificate(_))));
    let entries: Vec<u8> = [0, 0, 1, 0x30, 0, 0].into_iter().cycle().take(60_000).collect();
    assert!(matches!(read(&[&[0, 0, 0xea, 0x60][..], &entries].concat()), Err(Error::Certificate(_))));
    let long = [&[0, 0, 0xea, 0x60, 0, 0xea, 0x5b][..], &[0x30; 59_995], &[0, 0]].concat();
    assert!(matches!(read(&long), Err(Error::Certificate(_))));
}

/// RFC 9846 section 4.5.2-7.
#[test]
fn signatures() {
    // What is signed, with which key and scheme.
    let sign = |kind: Kind, scheme: SignatureScheme, content: &[u8]| {
        let signature = certified(kind).key.sign(scheme, content).unwrap();
        let mut out = Vec::new();
        CertificateVerify { scheme, signature: &signature }.encode(&mut out).unwrap();
        out.split_off(HEADER_LEN)
    };
    for kind in KINDS {
        let read = |body: &dyn Fn(&ScriptedServer) -> Vec<u8>| {
            let mut client = client();
            let mut server = ScriptedServer::answer(&mut client, SUITES[1]);
            server.say_extensions(&mut client);
            server.say_certificate(&mut client, kind);
            let body = body(&server);
            violation(server.say(&mut client, H::CERTIFICATE_VERIFY, &body))
        };
        assert_eq!(read(&|server| server.verify_body(kind)), None);
        let other = if kind == Kind::EcP256 { Kind::Ed25519 } else { Kind::EcP256 };
        assert_eq!(read(&|server| server.verify_body(other)), Some(Violation::SignatureSchemeOfOtherKey));
        let scheme = certified(kind).key.schemes()[0];
        let digest = |server: &ScriptedServer| signed_by_server(&server.transcript.current());
        let client_context = |server: &ScriptedServer| {
            let mut content = digest(server).to_vec();
            content[64 + 9..64 + 15].copy_from_slice(b"client");
            sign(kind, scheme, &content)
        };
        assert_eq!(read(&client_context), Some(Violation::BadSignature), "{kind:?}");
        assert_eq!(read(&|server| sign(kind, scheme, &digest(server)[1..])), Some(Violation::BadSignature));
        assert_eq!(read(&|_| sign(kind, scheme, b"")), Some(Violation::BadSignature));
        let good = |server: &ScriptedServer| server.verify_body(kind);
        let with_scheme = |number: u16| {
            read(&|server| {
                let mut body = good(server);
                body[..2].copy_from_slice(&number.to_be_bytes());
                body
            })
        };
        // PKCS #1 v1.5, SHA-1 and GREASE.
        for never in [0x0401, 0x0501, 0x0601, 0x0201, 0x0203, 0x1a1a] {
            assert_eq!(with_scheme(never), Some(Violation::SignatureSchemeNotOffered), "{never:x}");
        }
        let empty = [scheme.0.to_be_bytes().to_vec(), vec![0, 0]].concat();
        assert_eq!(read(&|_| empty.clone()), Some(Violation::BadSignature));
        let long = [scheme.0.to_be_bytes().to_vec(), vec![0xff, 0], vec![7; 0xff00]].concat();
        assert_eq!(read(&|_| long.clone()), Some(Violation::BadSignature));
        assert_eq!(read(&|server| [good(server), vec![0]].concat()), Some(Violation::Malformed));
        assert_eq!(read(&|_| vec![8]), Some(Violation::Malformed));
    }
}

/// RFC 9001 section 4.4-1.
#[test]
fn no_message_can_be_left_out() {
    // An impostor without the key goes straight on from each point.
    let state = |steps: usize| {
        let mut client = client();
        let mut server = ScriptedServer::answer(&mut client, SUITES[0]);
        if steps > 0 {
            server.say_extensions(&mut client);
        }
        if steps > 1 {
            server.say_certificate(&mut client, Kind::EcP256);
        }
        (client, server)
    };
    for steps in 0..3 {
        let (mut client, mut server) = state(steps);
        let finished = server.finished_body();
        assert_eq!(violation(server.say(&mut client, H::FINISHED, &finished)), Some(Violation::UnexpectedMessage));
        assert!(!client.is_complete());
    }
    let (mut client, mut server) = state(1);
    assert_eq!(violation(server.say(&mut client, H::CERTIFICATE_VERIFY, &[])), Some(Violation::UnexpectedMessage));
}

/// RFC 9846 section 4.5.3-1.
#[test]
fn a_finished_of_every_length_for_every_suite() {
    for suite in SUITES {
        for len in 0..=64 {
            let mut config = client_config();
            config.provider = provider(&[suite], &GROUPS);
            let mut client = quic::client(Arc::new(config), name("server.example"), vec![], &mut Counting(0)).unwrap();
            let mut server = ScriptedServer::answer(&mut client, suite);
            server.say_extensions(&mut client);
            server.say_certificate(&mut client, Kind::EcP256);
            let verify = server.verify_body(Kind::EcP256);
            server.say(&mut client, H::CERTIFICATE_VERIFY, &verify).unwrap();
            let mut finished = server.finished_body();
            let right = finished.len() == len;
            finished.resize(len, 0);
            let result = server.say(&mut client, H::FINISHED, &finished);
            assert_eq!(violation(result), (!right).then_some(Violation::FinishedLength), "{suite:x} {len}");
            assert_eq!(client.is_complete(), right);
        }
    }
}

#[test]
fn a_request_for_a_certificate_is_answered_with_none() {
    let request =
        [vec![0], block(&[(E::SIGNATURE_ALGORITHMS, &[0, 2, 4, 3]), (E(0x1a1a), &[1]), (E::SERVER_NAME, &[])])];
    let mut client = client();
    let mut server = ScriptedServer::answer(&mut client, SUITES[1]);
    server.say_extensions(&mut client);
    server.say(&mut client, H::CERTIFICATE_REQUEST, &request.concat()).unwrap();
    server.finish(&mut client, Kind::EcP384);
    assert!(client.is_complete());
    let (level, flight) = client.poll_output().unwrap();
    let certificate = framed(H::CERTIFICATE, &[0, 0, 0, 0]);
    server.transcript.add(&certificate);
    let data = verify_data(server.suite, &server.client_traffic, &server.transcript.current());
    assert_eq!((level, flight), (Level::Handshake, [certificate, framed(H::FINISHED, &data)].concat()));
}

#[test]
fn requests_for_a_certificate() {
    let read = |body: &[u8]| {
        let mut client = client();
        let mut server = ScriptedServer::answer(&mut client, SUITES[0]);
        server.say_extensions(&mut client);
        violation(server.say(&mut client, H::CERTIFICATE_REQUEST, body))
    };
    let algorithms = block(&[(E::SIGNATURE_ALGORITHMS, &[0, 2, 4, 3])]);
    let good = [&[0][..], &algorithms].concat();
    assert_eq!(read(&good), None);
    assert_eq!(read(&[&[1, 7][..], &algorithms].concat()), Some(Violation::RequestContext));
    assert_eq!(read(&[0, 0, 0]), Some(Violation::MissingSignatureAlgorithms));
    let misplaced = block(&[(E::SIGNATURE_ALGORITHMS, &[0, 2, 4, 3]), (E::ALPN, &[])]);
    assert_eq!(read(&[&[0][..], &misplaced].concat()), Some(Violation::ExtensionNotAllowed));
    for end in 0..good.len() {
        assert_eq!(read(&good[..end]), Some(Violation::Malformed), "{end}");
    }
}

/// CVE-2025-61730: what follows ServerHello at its level was not under the handshake's keys.
#[test]
fn encrypted_messages_in_the_clear() {
    for split in [false, true] {
        let mut client = client();
        let (_, bytes) = client.poll_output().unwrap();
        let hello = ClientHello::decode(&bytes[HEADER_LEN..]).unwrap();
        let (group, share) = hello.key_shares.unwrap().iter().next().unwrap();
        let accepted = crypto_ring::PROVIDER.key_exchange(group).unwrap().accept(share, &mut Counting(1)).unwrap();
        let server_hello = encode_server_hello(&[3; 32], &[], 0x1301, group, &accepted.share).unwrap();
        let extensions = framed(H::ENCRYPTED_EXTENSIONS, &good_extensions());
        let error = if split {
            client.read(Level::Initial, &server_hello, &mut Counting(0)).unwrap();
            client.read(Level::Initial, &extensions, &mut Counting(0)).unwrap_err()
        } else {
            let both = [server_hello, extensions].concat();
            client.read(Level::Initial, &both, &mut Counting(0)).unwrap_err()
        };
        let expected = if split { Violation::WrongLevel } else { Violation::MessageAcrossKeyChange };
        assert_eq!((error.violation(), error.alert()), (Some(expected), 10));
        assert!(client.peer_parameters().is_none());
    }
}

/// RFC 9846 section 4.5.1-6, 4.5.1.1-1: a response is asked for, or refused; its bytes are given as they are.
#[test]
fn stapled_responses() {
    use crate::config::ClientConfig;
    use crate::server_verification::{PresentedByServer, ServerVerification, ServerVerifier};
    struct Stapled(Option<Vec<u8>>);
    impl ServerVerifier for Stapled {
        fn verify(&self, presented: &PresentedByServer<'_>) -> Result<(), x509::Error> {
            assert_eq!(presented.ocsp_response, self.0.as_deref());
            Ok(())
        }
    }
    let certificate = certified(Kind::EcP256).chain[0].to_vec();
    // The message with this extension block, for the one certificate.
    let body = |block: &[u8]| {
        let entry = [&[0][..], &(certificate.len() as u16).to_be_bytes(), &certificate, &[0, block.len() as u8], block]
            .concat();
        [&[0, 0][..], &(entry.len() as u16).to_be_bytes(), &entry].concat()
    };
    let outcome = |asks: bool, block: &[u8], expected: Option<&[u8]>| {
        let roots = ServerVerification::Custom(Arc::new(Stapled(expected.map(<[u8]>::to_vec))));
        let config =
            ClientConfig { roots, request_ocsp_response: asks, keep_peer_certificates: true, ..client_config() };
        let mut client = quic::client(Arc::new(config), name("server.example"), vec![], &mut Counting(0)).unwrap();
        let mut server = ScriptedServer::answer(&mut client, 0x1301);
        server.say_extensions(&mut client);
        server.say(&mut client, H::CERTIFICATE, &body(block)).map_err(|error| error.violation())?;
        assert_eq!(client.peer_identity().unwrap().ocsp_response(), expected);
        Ok(())
    };
    let response = [0, 5, 0, 6, 1, 0, 0, 2, 7, 8];
    assert_eq!(outcome(true, &response, Some(&[7, 8])), Ok(()));
    assert_eq!(outcome(true, &[], None), Ok(()));
    assert_eq!(outcome(false, &response, None), Err(Some(Violation::ExtensionNotOffered)));
    for malformed in
        [&[0, 5, 0, 4, 1, 0, 0, 0][..], &[0, 5, 0, 5, 2, 0, 0, 1, 7], &[0, 5, 0, 5, 1, 0, 0, 2, 7], &[0, 5, 0, 0]]
    {
        assert_eq!(outcome(true, malformed, None), Err(Some(Violation::Malformed)), "{malformed:?}");
    }
}
