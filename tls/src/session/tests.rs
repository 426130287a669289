//! Whole handshakes, and how bytes, levels and states fit together. What each side refuses is in the files below.

mod client_authentication;
mod client_refuses;
mod early_data;
mod groups;
mod resumption;
mod server_refuses;
mod stapling;
mod tampering;
mod tickets_and_trust;

use super::*;
use crate::certified_key::CertifiedKey;
use crate::message::certificate;
use crate::message::framing::HandshakeType;
use crate::quic;
use crate::resolver::{ByName, Single};
use crate::server_verification::ServerVerification;
use crate::testing::clients::{ClientAuthority, request, server_asking};
use crate::testing::scripted_server::{ScriptedServer, framed};
use crate::testing::{
    Clock, Counting, KINDS, Kind, Log, NOW, Pair, Speaker, certified, client_config, identities, name, provider, roots,
    secrets, server_config,
};
use alloc::string::ToString;
use alloc::vec;
use crypto::KeyKind;
use crypto::NamedGroup;
use std::sync::LazyLock;

const SUITES: [u16; 3] =
    [CipherSuite::AES_128_GCM_SHA256, CipherSuite::AES_256_GCM_SHA384, CipherSuite::CHACHA20_POLY1305_SHA256];
const GROUPS: [NamedGroup; 4] =
    [NamedGroup::X25519, NamedGroup::SECP256R1, NamedGroup::SECP384R1, NamedGroup::X25519MLKEM768];

/// RFC 9846 section 2-1, 4.2.1-3, 4.2.4-7, 4.3.8-15, 4-1, 4.4.1-1, 4.5.1-1, 4.5.2-1, 9.1-1, 9.1-3, 4.2.4-9, 9.2-9.
/// RFC 9846 section 9.2-12, 9.2-13, 4.2.2-3, 4.3.8-14.
#[test]
fn every_suite_group_and_key_with_and_without_retry() {
    for suite in SUITES {
        for group in GROUPS {
            for kind in KINDS {
                for retry in [false, true] {
                    // With another group first, its share is of no use to the server, which has only the one.
                    let other = GROUPS.into_iter().find(|other| *other != group).unwrap();
                    let groups = if retry { vec![other, group] } else { vec![group] };
                    let mut client = client_config();
                    client.provider = provider(&SUITES, &groups);
                    let mut server = server_config();
                    server.provider = provider(&[suite], &[group]);
                    server.resolver = Arc::new(Single(certified(kind)));
                    let pair = Pair::complete(client, server);
                    assert_eq!(pair.client.cipher_suite().unwrap().id, suite);
                    assert_eq!(pair.client.key_exchange_group(), Some(group));
                    assert_eq!(pair.client.signature_scheme(), Some(certified(kind).key.schemes()[0]));
                    assert_eq!((pair.client.is_retried(), pair.client.is_in_compatibility_mode()), (retry, false));
                    assert_eq!(pair.server.server_name(), Some("server.example"));
                    assert_eq!(pair.client.alpn(), Some(&b"h3"[..]));
                    assert_eq!(pair.said.len(), if retry { 6 } else { 4 }, "{suite:x} {group:?} {kind:?}");
                }
            }
        }
    }
}

#[test]
fn the_server_prefers_by_its_own_order() {
    let mut client = client_config();
    client.provider = provider(&SUITES, &GROUPS);
    client.alpn = vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()];
    let mut server = server_config();
    server.provider = provider(&[SUITES[2], SUITES[0]], &[GROUPS[2], GROUPS[0]]);
    server.alpn = vec![b"x".to_vec(), b"c".to_vec(), b"a".to_vec()];
    let pair = Pair::complete(client, server);
    assert_eq!(pair.server.cipher_suite().unwrap().id, SUITES[2]);
    assert_eq!(pair.client.alpn(), Some(&b"c"[..]));
    // A share that is there already saves the round trip of a better group.
    assert_eq!(pair.said.len(), 4);
}

/// CVE-2024-11738: a fragmented ClientHello.
#[test]
fn bytes_in_pieces_of_any_size() {
    for piece in [1, 2, 3, 5, 100, 1000] {
        for groups in [&GROUPS[..1], &GROUPS[1..2]] {
            let mut server = server_config();
            server.provider = provider(&SUITES, groups);
            let mut pair = Pair::new(client_config(), server);
            pair.run(piece, |_, _, _, _| {}).unwrap();
            pair.assert_complete();
        }
    }
}

/// RFC 9001 section 4.9-2.
#[test]
fn keys_come_with_the_output_that_needs_them() {
    let mut random = Counting(0);
    let mut client = quic::client(Arc::new(client_config()), name("server.example"), vec![1], &mut random).unwrap();
    let mut server = quic::server(Arc::new(server_config()), vec![2]);
    assert!(client.poll_keys().is_none());
    let (level, hello) = client.poll_output().unwrap();
    assert_eq!((level, client.poll_output()), (Level::Initial, None));

    assert_eq!(server.peer_parameters(), None);
    server.read(level, &hello, &mut random).unwrap();
    assert_eq!(server.peer_parameters(), Some(&[1][..]));
    assert!(matches!(server.poll_keys(), Some(KeyChange::Handshake { .. })));
    assert!(matches!(server.poll_keys(), Some(KeyChange::OneRtt { .. })));
    assert!(server.poll_keys().is_none() && !server.is_complete());
    let (first, server_hello) = server.poll_output().unwrap();
    let (second, flight) = server.poll_output().unwrap();
    assert_eq!((first, second, server.poll_output()), (Level::Initial, Level::Handshake, None));

    client.read(first, &server_hello, &mut random).unwrap();
    assert!(matches!(client.poll_keys(), Some(KeyChange::Handshake { .. })));
    assert!(client.poll_keys().is_none() && client.peer_parameters().is_none());
    client.read(second, &flight, &mut random).unwrap();
    assert!(matches!(client.poll_keys(), Some(KeyChange::OneRtt { .. })) && client.is_complete());
    assert_eq!(client.take_peer_parameters(), Some(vec![2]));
    assert_eq!(server.export(b"EXPORTER", &[], &mut [0; 4]), Err(LocalError::NotComplete.into()));

    let (level, finished) = client.poll_output().unwrap();
    assert_eq!((level, finished.len()), (Level::Handshake, 36));
    server.read(level, &finished, &mut random).unwrap();
    assert!(server.is_complete());
    assert_eq!(server.export(&[b'x'; 250], &[], &mut [0; 4]), Err(LocalError::ExporterArguments.into()));
    assert_eq!(server.export(&[b'x'; 249], &[], &mut [0; 4]), Ok(()));
    assert_eq!(server.export(b"x", &[], &mut vec![0; 255 * 32 + 1]), Err(LocalError::ExporterArguments.into()));
    assert_eq!(server.export(b"x", &[], &mut vec![0; 255 * 32]), Ok(()));
}

/// RFC 9846 section 7.5: label, context and length are all hashed in, and so is the connection.
/// RFC 9846 section 7.5-1.
#[test]
fn what_is_exported_depends_on_all_that_it_is_made_of() {
    let pair = Pair::complete(client_config(), server_config());
    let export = |label: &[u8], context: &[u8], len: usize| {
        let mut out = vec![0; len];
        pair.client.export(label, context, &mut out).unwrap();
        out
    };
    let one = export(b"EXPORTER-one", b"context", 32);
    assert_eq!(one, export(b"EXPORTER-one", b"context", 32));
    assert_ne!(one, [0; 32]);
    assert_ne!(one, export(b"EXPORTER-two", b"context", 32));
    assert_ne!(one, export(b"EXPORTER-one", b"", 32));
    assert_ne!(one, export(b"EXPORTER-one", b"context", 33)[..32]);
    // Another connection has other secrets.
    let mut other = Pair::new(client_config(), server_config());
    other.client = quic::client(Arc::new(client_config()), name("localhost"), vec![], &mut Counting(3)).unwrap();
    other.run(usize::MAX, |_, _, _, _| {}).unwrap();
    let mut out = [0; 32];
    other.client.export(b"EXPORTER-one", b"context", &mut out).unwrap();
    assert_ne!(one, out);
}

#[test]
fn a_key_log_gets_every_secret_of_both_sides() {
    let (client_log, server_log) = (Arc::new(Log::default()), Arc::new(Log::default()));
    let mut client = client_config();
    client.key_log = Some(client_log.clone());
    let mut server = server_config();
    server.key_log = Some(server_log.clone());
    let pair = Pair::complete(client, server);
    let lines = client_log.0.lock().unwrap();
    assert_eq!(*lines, *server_log.0.lock().unwrap());
    let (handshake, application) = (secrets(&pair.client_keys[0]), secrets(&pair.client_keys[1]));
    let expected = [
        ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", handshake.0),
        ("SERVER_HANDSHAKE_TRAFFIC_SECRET", handshake.1),
        ("CLIENT_TRAFFIC_SECRET_0", application.0),
        ("SERVER_TRAFFIC_SECRET_0", application.1),
    ];
    // Type and length, version: then the random.
    let random = &pair.said[0].2[6..38];
    let found: Vec<_> = lines.iter().map(|(label, _, secret)| (label.as_str(), secret.as_slice())).collect();
    assert_eq!(found, expected);
    assert!(lines.iter().all(|(_, client_random, _)| client_random == random));
}

#[test]
fn certificates_are_kept_only_if_wanted() {
    let pair = Pair::complete(client_config(), server_config());
    assert!(pair.client.peer_identity().is_none() && pair.server.peer_identity().is_none());
    let mut client = client_config();
    client.keep_peer_certificates = true;
    let pair = Pair::complete(client, server_config());
    assert_eq!(pair.client.peer_identity().unwrap().certificates(), certified(Kind::EcP256).chain);
}

/// CVE-2026-49457: authority, name and time each count.
#[test]
fn a_server_is_refused_for_its_certificate() {
    let with = |verification: ServerVerification, now: u64| {
        let mut client = client_config();
        client.roots = verification;
        client.wall_clock = Arc::new(Clock(now));
        let mut pair = Pair::new(client, server_config());
        let (who, error) = pair.run(usize::MAX, |_, _, _, _| {}).unwrap_err();
        assert_eq!(who, Speaker::Client);
        assert!(!pair.client.is_complete() && pair.client.poll_output().is_none());
        error
    };
    let authority = || roots(identities::AUTHORITY);
    let error = with(roots(identities::OTHER_AUTHORITY), NOW);
    assert!(matches!(error, Error::Certificate(x509::Error::UnknownIssuer { .. })), "{error}");
    assert_eq!((error.alert(), quic::error_code(&error)), (48, 0x0130));
    let error = with(ServerVerification::Roots(Arc::new(x509::RootStore::new())), NOW);
    assert!(matches!(error, Error::Certificate(x509::Error::UnknownIssuer { .. })), "{error}");
    let error = with(authority(), 2_100_000_000);
    assert!(matches!(error, Error::Certificate(x509::Error::Expired { .. })), "{error}");
    assert_eq!(error.alert(), 45);
    let error = with(authority(), 1_600_000_000);
    assert!(matches!(error, Error::Certificate(x509::Error::NotYetValid { .. })), "{error}");

    for (asked, good) in [("localhost", true), ("127.0.0.1", true), ("elsewhere.example", false), ("127.0.0.2", false)]
    {
        let mut pair = Pair::new(client_config(), server_config());
        let config = Arc::new(client_config());
        pair.client = quic::client(config, name(asked), vec![], &mut Counting(0)).unwrap();
        match pair.run(usize::MAX, |_, _, _, _| {}) {
            Ok(()) => assert!(good && pair.client.is_complete(), "{asked}"),
            Err((_, error)) => {
                assert!(!good && matches!(error, Error::Certificate(x509::Error::NameMismatch { .. })), "{error}");
                assert_eq!(error.alert(), 42);
            }
        }
    }
}

#[test]
fn accepting_any_certificate_still_wants_a_signature() {
    let config = || {
        let mut client = client_config();
        client.roots = ServerVerification::DangerousAcceptAny;
        client.wall_clock = Arc::new(Clock(0));
        client
    };
    let pair = Pair::complete(config(), server_config());
    assert!(pair.client.is_complete());
    // The certificate of one server with the key of another.
    let mut stolen = Arc::into_inner(certified(Kind::EcP256)).unwrap();
    stolen.key = (crypto_ring::PROVIDER.load_key)(
        crypto::PrivateKeyFormat::Pkcs8,
        &(crypto_ring::PROVIDER.generate_key)(KeyKind::EcP256).unwrap(),
    )
    .unwrap();
    let mut server = server_config();
    server.resolver = Arc::new(Single(Arc::new(stolen)));
    let (who, error) = Pair::new(config(), server).run(usize::MAX, |_, _, _, _| {}).unwrap_err();
    assert_eq!((who, error.violation()), (Speaker::Client, Some(Violation::BadSignature)));
    assert_eq!(
        error.to_string(),
        "the signature in the CertificateVerify does not verify (RFC 9846 4.5.2) in state WAIT_CV"
    );
}

/// RFC 9114 section 3.2-2, 3.2-3.
/// RFC 9846 section 9.2-8, 9.2-20.
#[test]
fn certificates_by_name() {
    let mut names = ByName::new();
    names.insert("server.example", certified(Kind::Ed25519));
    let mut server = server_config();
    server.resolver = Arc::new(names);
    let mut client = client_config();
    client.keep_peer_certificates = true;
    let pair = Pair::complete(client.clone(), server.clone());
    assert_eq!(pair.client.peer_identity().unwrap().certificates(), certified(Kind::Ed25519).chain);
    for unknown in ["localhost", "127.0.0.1"] {
        let mut pair = Pair::new(client.clone(), server.clone());
        pair.client = quic::client(Arc::new(client.clone()), name(unknown), vec![], &mut Counting(0)).unwrap();
        let (who, error) = pair.run(usize::MAX, |_, _, _, _| {}).unwrap_err();
        assert_eq!((who, error.violation()), (Speaker::Server, Some(Violation::ServerNameUnknown)));
    }
}

#[test]
fn a_configuration_that_cannot_work() {
    let with = |change: fn(&mut ClientConfig)| {
        let mut config = client_config();
        change(&mut config);
        quic::client(Arc::new(config), name("server.example"), vec![], &mut Counting(0)).err()
    };
    let protocols = Some(Error::Local(LocalError::ApplicationProtocols));
    assert_eq!(with(|config| config.alpn.clear()), protocols);
    assert_eq!(with(|config| config.alpn.push(vec![])), protocols);
    assert_eq!(with(|config| config.alpn.push(vec![b'a'; 256])), protocols);
    assert_eq!(with(|config| config.alpn.push(vec![b'a'; 255])), None);
    let empty = Some(Error::Local(LocalError::EmptyProvider));
    assert_eq!(with(|config| config.provider = provider(&[], &GROUPS)), empty);
    assert_eq!(with(|config| config.provider = provider(&SUITES, &[])), empty);
    let long = quic::client(Arc::new(client_config()), name("a.example"), vec![0; 70_000], &mut Counting(0));
    assert_eq!(long.err(), Some(Error::Local(LocalError::TooLong)));
}

/// A message that has no place is refused by its first byte: nobody makes us gather 64 KiB of it.
#[test]
fn a_message_without_a_place_is_not_gathered() {
    let mut random = Counting(0);
    let first = |session: &mut Session, level: Level, kind: HandshakeType, random: &mut Counting| {
        session.read(level, &[kind.0], random).err().and_then(|error| error.violation())
    };
    let server = || quic::server(Arc::new(server_config()), vec![]);
    for kind in [HandshakeType::FINISHED, HandshakeType::SERVER_HELLO, HandshakeType::CERTIFICATE] {
        assert_eq!(first(&mut server(), Level::Initial, kind, &mut random), Some(Violation::UnexpectedMessage));
    }
    assert_eq!(first(&mut server(), Level::Initial, HandshakeType::CLIENT_HELLO, &mut random), None);
    let mut pair = Pair::new(client_config(), server_config());
    let (level, hello) = pair.client.poll_output().unwrap();
    pair.server.read(level, &hello, &mut random).unwrap();
    let again = first(&mut pair.server, Level::Handshake, HandshakeType::CLIENT_HELLO, &mut random);
    assert_eq!(again, Some(Violation::UnexpectedMessage));
}

/// CVE-2023-39321: an incomplete message after the handshake.
#[test]
fn tickets_are_read_in_any_pieces_and_nothing_else_follows() {
    // Lifetime, age, nonce, ticket, and early_data with QUIC's one value.
    let ticket = [0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 2, 8, 9, 0, 8, 0, 42, 0, 4, 0xff, 0xff, 0xff, 0xff];
    let message = framed(HandshakeType::NEW_SESSION_TICKET, &ticket);
    for cut in 0..=message.len() {
        let mut client = Pair::complete(client_config(), server_config()).client;
        let (front, back) = message.split_at(cut);
        for piece in [front, back, &message[..], &[4]] {
            client.read(Level::OneRtt, piece, &mut Counting(0)).unwrap();
        }
        assert!(client.is_complete());
    }
    for cut in 0..ticket.len() {
        let mut client = Pair::complete(client_config(), server_config()).client;
        let cut = framed(HandshakeType::NEW_SESSION_TICKET, &ticket[..cut]);
        let error = client.read(Level::OneRtt, &cut, &mut Counting(0)).unwrap_err();
        assert_eq!(error.violation(), Some(Violation::Malformed));
    }
    let mut limited = ticket;
    limited[23] = 0;
    let mut no_ticket = ticket.to_vec();
    no_ticket.splice(10..14, [0, 0]);
    let cases = [
        (HandshakeType::NEW_SESSION_TICKET, &limited[..], Violation::TicketEarlyData, 0x0a),
        (HandshakeType::NEW_SESSION_TICKET, &no_ticket, Violation::Malformed, 0x0132),
        (HandshakeType::CERTIFICATE_REQUEST, &[0, 0, 0], Violation::PostHandshakeCertificateRequest, 0x0a),
        (HandshakeType::KEY_UPDATE, &[0], Violation::KeyUpdate, 0x010a),
        (HandshakeType::FINISHED, &[0; 32], Violation::UnexpectedMessage, 0x010a),
    ];
    for (kind, body, violation, code) in cases {
        let mut client = Pair::complete(client_config(), server_config()).client;
        let error = client.read(Level::OneRtt, &framed(kind, body), &mut Counting(0)).unwrap_err();
        assert_eq!((error.violation(), quic::error_code(&error)), (Some(violation), code));
        // It stays failed.
        assert_eq!(client.read(Level::OneRtt, &[], &mut Counting(0)), Err(error));
    }
}

/// An authority, and a client that it vouches for, made once.
static CLIENT: LazyLock<(ClientAuthority, CertifiedKey)> = LazyLock::new(|| {
    let ours = ClientAuthority::new("ours");
    let identity = ours.client(KeyKind::EcP256, &request("client.example", false));
    (ours, identity)
});

/// Each state of each side, freshly reached.
fn every_state() -> Vec<(&'static str, Session)> {
    let client = || quic::client(Arc::new(client_config()), name("server.example"), vec![], &mut Counting(0)).unwrap();
    let mut states = vec![("WAIT_SH", client())];
    for steps in 0..5 {
        let mut session = client();
        let mut server = ScriptedServer::answer(&mut session, SUITES[0]);
        if steps > 0 {
            server.say_extensions(&mut session);
        }
        if steps == 2 {
            server.say(&mut session, HandshakeType::CERTIFICATE_REQUEST, &[0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]).unwrap();
        }
        if steps > 2 {
            server.say_certificate(&mut session, Kind::EcP256);
        }
        if steps > 3 {
            let verify = server.verify_body(Kind::EcP256);
            server.say(&mut session, HandshakeType::CERTIFICATE_VERIFY, &verify).unwrap();
        }
        let name = ["WAIT_EE", "WAIT_CERT_CR", "WAIT_CERT", "WAIT_CV", "WAIT_FINISHED"][steps];
        states.push((name, session));
    }
    states.push(("CONNECTED", Pair::complete(client_config(), server_config()).client));
    states.push(("START", quic::server(Arc::new(server_config()), vec![])));
    let mut pair = Pair::new(client_config(), server_config());
    let (level, hello) = pair.client.poll_output().unwrap();
    pair.server.read(level, &hello, &mut Counting(0)).unwrap();
    states.push(("WAIT_FINISHED", pair.server));
    for has_certificate in [false, true] {
        let (ours, identity) = &*CLIENT;
        let mut pair = Pair::new(client_config(), server_asking(ours.required()));
        let (level, hello) = pair.client.poll_output().unwrap();
        pair.server.read(level, &hello, &mut Counting(0)).unwrap();
        if has_certificate {
            let mut shown = Vec::new();
            certificate::encode(&mut shown, &identity.chain, None).unwrap();
            pair.server.read(Level::Handshake, &shown, &mut Counting(0)).unwrap();
        }
        states.push((if has_certificate { "WAIT_CV" } else { "WAIT_CERT" }, pair.server));
    }
    states.push(("CONNECTED", Pair::complete(client_config(), server_config()).server));
    states
}

fn expected(session: &Session) -> (Level, Vec<u8>) {
    let permits = |kind: &u8| session.rules.check_message(HandshakeType(*kind), session.is_complete()).is_ok();
    let kinds = (0..=255).filter(permits);
    match session.state() {
        State::Client(state) => (state.level(), kinds.filter(|kind| state.expects(HandshakeType(*kind))).collect()),
        State::Server(state) => (state.level(), kinds.filter(|kind| state.expects(HandshakeType(*kind))).collect()),
        State::Failed(_) => panic!("already failed"),
    }
}

/// RFC 9001 section 6-3.
/// RFC 9846 section 4-2, 4.2.2-9, 4.6-3.
#[test]
fn every_message_in_every_state_at_every_level() {
    for index in 0..every_state().len() {
        let (name, session) = every_state().swap_remove(index);
        assert_eq!(session.state_name(), name);
        let (right_level, expects) = expected(&session);
        for kind in 0..=255u8 {
            for level in [Level::Initial, Level::EarlyData, Level::Handshake, Level::OneRtt] {
                if level != right_level && kind > 25 || level == right_level && expects.contains(&kind) {
                    continue;
                }
                let (_, mut session) = every_state().swap_remove(index);
                // One byte is enough: nothing is gathered for a message that will be refused.
                let error = session.read(level, &[kind], &mut Counting(0)).unwrap_err();
                assert_eq!(error.alert(), 10, "{name} {kind} {level}");
                let violation = match (level, kind) {
                    (Level::EarlyData, _) => Violation::CryptoInEarlyData,
                    (_, 24) => Violation::KeyUpdate,
                    _ if level != right_level => Violation::WrongLevel,
                    (_, 5) => Violation::EndOfEarlyData,
                    (_, 13) if name == "CONNECTED" => Violation::PostHandshakeCertificateRequest,
                    _ => Violation::UnexpectedMessage,
                };
                assert_eq!(error, Error::Peer { violation, state: name });
            }
        }
    }
}

/// CVE-2024-32650: an alert, which has no place in QUIC, must not be waited out.
/// RFC 9001 section 4.8-1.
#[test]
fn an_alert_record_ends_the_handshake_at_once() {
    for index in 0..every_state().len() {
        let (name, mut session) = every_state().swap_remove(index);
        let (level, _) = expected(&session);
        let record = [21, 3, 3, 0, 2, 1, 0];
        assert!(session.read(level, &record, &mut Counting(0)).is_err(), "{name}");
        assert!(session.poll_output().is_none() && session.poll_keys().is_none() && !session.is_complete());
    }
}

#[test]
fn sessions_can_move_between_threads() {
    fn is_send<T: Send + Sync>() {}
    is_send::<Session>();
    is_send::<Error>();
}

#[test]
fn an_idle_session_is_small() {
    let pair = Pair::complete(client_config(), server_config());
    for session in [&pair.client, &pair.server] {
        assert!(session.inbox.is_empty());
        assert_eq!((session.effects.output.capacity(), session.effects.keys.capacity()), (0, 0));
    }
    assert!(size_of::<Session>() <= 512, "{}", size_of::<Session>());
}
