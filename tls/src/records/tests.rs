//! Whole handshakes over records, and what differs from QUIC: extensions, session IDs, application protocols, KeyUpdate.

use super::*;
use crate::alert::Alert;
use crate::config::{ClientConfig, ServerConfig};
use crate::key_change::KeyChange;
use crate::level::Level;
use crate::message::client_hello::ClientHello;
use crate::message::extension::push_extension;
use crate::message::framing::{HEADER_LEN, HandshakeType};
use crate::message::server_hello::encode_server_hello;
use crate::testing::hello_parts::HelloParts;
use crate::testing::scripted_server::{ScriptedServer, framed};
use crate::testing::{Counting, Pair, Speaker, client_config, name, provider, server_config};
use alloc::vec;
use crypto::NamedGroup;

fn start(of_client: ClientConfig, of_server: ServerConfig, compatibility_mode: bool) -> Pair {
    let name = name("server.example");
    let session = client(Arc::new(of_client), name, compatibility_mode, 1000, &mut Counting(7)).unwrap();
    Pair::of(session, server(Arc::new(of_server), 2000))
}

fn complete(client: ClientConfig, server: ServerConfig, compatibility_mode: bool) -> Pair {
    let mut pair = start(client, server, compatibility_mode);
    pair.run(usize::MAX, |_, _, _, _| {}).unwrap();
    pair.assert_complete();
    pair
}

/// The session ID of a ClientHello or of the answer to one, which stands at the same place.
fn session_id(hello: &[u8]) -> &[u8] {
    let (len, rest) = hello[HEADER_LEN + 2 + 32..].split_first().unwrap();
    &rest[..usize::from(*len)]
}

#[test]
fn handshakes_with_and_without_compatibility_mode_and_retry() {
    for compatibility_mode in [false, true] {
        for retry in [false, true] {
            let mut server = server_config();
            if retry {
                server.provider = provider(&[0x1301], &[NamedGroup::SECP256R1]);
            }
            let pair = complete(client_config(), server, compatibility_mode);
            assert_eq!((pair.client.is_in_compatibility_mode(), pair.client.is_retried()), (compatibility_mode, retry));
            assert_eq!(pair.client.alpn(), Some(&b"h3"[..]));
            // RFC 8449 section 4: each knows how long the records are that the other takes.
            assert_eq!(pair.client.peer_parameters(), Some(&2000_u16.to_be_bytes()[..]));
            assert_eq!(pair.server.peer_parameters(), Some(&1000_u16.to_be_bytes()[..]));
            // Every hello of both sides holds the same session ID.
            let hellos = pair.said.iter().filter(|(_, level, _)| *level == Level::Initial);
            let ids: Vec<&[u8]> = hellos.map(|(_, _, bytes)| session_id(bytes)).collect();
            assert_eq!(ids.len(), if retry { 4 } else { 2 });
            assert!(ids.iter().all(|id| *id == ids[0] && id.len() == if compatibility_mode { 32 } else { 0 }));
            // RFC 9001 section 8.2-2.
            let ours = ClientHello::decode(&pair.said[0].2[HEADER_LEN..]).unwrap();
            assert_eq!(ours.extensions.find(ExtensionType::QUIC_TRANSPORT_PARAMETERS), None);
        }
    }
}

/// RFC 9846 section 6.2: no_application_protocol is for servers. Over QUIC a client says it as well (RFC 9001 section 8.1).
#[test]
fn a_protocol_that_was_not_offered_is_an_illegal_parameter() {
    let name = name("server.example");
    let mut client = client(Arc::new(client_config()), name, false, 1000, &mut Counting(7)).unwrap();
    let mut server = ScriptedServer::answer(&mut client, 0x1301);
    let mut extensions = Vec::new();
    push_extension(&mut extensions, ExtensionType::ALPN, |out| {
        out.extend_from_slice(&[0, 3, 2, b'h', b'2']);
        Ok(())
    })
    .unwrap();
    let body = [&(extensions.len() as u16).to_be_bytes()[..], &extensions].concat();
    let error = server.say(&mut client, HandshakeType::ENCRYPTED_EXTENSIONS, &body).unwrap_err();
    assert_eq!(error.violation(), Some(Violation::ProtocolNotOfferedOutsideQuic));
    assert_eq!(error.alert(), Alert::ILLEGAL_PARAMETER.0);
}

#[test]
fn application_protocols_are_an_offer() {
    let protocols = |names: &[&str]| -> Vec<Vec<u8>> { names.iter().map(|name| name.as_bytes().to_vec()).collect() };
    let agreed = |ours: &[&str], theirs: &[&str]| {
        let (mut client, mut server) = (client_config(), server_config());
        (client.alpn, server.alpn) = (protocols(ours), protocols(theirs));
        let mut pair = start(client, server, false);
        match pair.run(usize::MAX, |_, _, _, _| {}) {
            Ok(()) => {
                pair.assert_complete();
                Ok(pair.client.alpn().map(<[u8]>::to_vec))
            }
            Err((speaker, error)) => Err((speaker, error.violation().unwrap())),
        }
    };
    assert_eq!(agreed(&["h2", "http/1.1"], &["http/1.1"]), Ok(Some(b"http/1.1".to_vec())));
    assert_eq!(agreed(&["h2"], &[]), Ok(None));
    assert_eq!(agreed(&[], &["h2"]), Ok(None));
    assert_eq!(agreed(&[], &[]), Ok(None));
    // RFC 7301 section 3.2: an offer of which nothing can be chosen ends the handshake.
    assert_eq!(agreed(&["h2"], &["h3"]), Err((Speaker::Server, Violation::NoApplicationProtocol)));
    let mut config = client_config();
    config.alpn.push(vec![]);
    assert!(client(Arc::new(config), name("server.example"), false, 1000, &mut Counting(0)).is_err());
}

/// RFC 9001 section 8.2-3.
#[test]
fn transport_parameters_are_refused_on_both_sides() {
    let fresh = || server(Arc::new(server_config()), 2000);
    let mut hello = HelloParts::good();
    let error = fresh().read(Level::Initial, &hello.encode(), &mut Counting(0)).unwrap_err();
    assert_eq!((error.violation(), error.alert()), (Some(Violation::TransportParametersOutsideQuic), 110));
    hello.remove(ExtensionType::QUIC_TRANSPORT_PARAMETERS);
    fresh().read(Level::Initial, &hello.encode(), &mut Counting(0)).unwrap();
    // An answer to what a client has not offered.
    let mut pair = Pair::of(start(client_config(), server_config(), false).client, fresh());
    let (who, error) = pair
        .run(usize::MAX, |_, speaker, level, bytes| {
            if (speaker, level) == (Speaker::Server, Level::Handshake) {
                *bytes = framed(HandshakeType::ENCRYPTED_EXTENSIONS, &[0, 5, 0, 57, 0, 1, 7]);
            }
        })
        .unwrap_err();
    assert_eq!((who, error.violation(), error.alert()), (Speaker::Client, Some(Violation::ExtensionNotOffered), 110));
}

/// RFC 9846 s4.2.3.
#[test]
fn the_echo_of_the_session_id_is_compared() {
    for (compatibility_mode, echo, right) in
        [(true, 32, true), (true, 31, false), (true, 0, false), (false, 0, true), (false, 32, false)]
    {
        let mut client = start(client_config(), server_config(), compatibility_mode).client;
        let (_, hello) = client.poll_output().unwrap();
        let mut id = session_id(&hello).to_vec();
        id.resize(echo, 0);
        let answer = encode_server_hello(&[3; 32], &id, 0x1301, NamedGroup::X25519, &[9; 32]).unwrap();
        let violation = client.read(Level::Initial, &answer, &mut Counting(0)).err().map(|error| error.violation());
        assert_eq!(violation, (!right).then_some(Some(Violation::SessionIdEcho)), "{compatibility_mode} {echo}");
    }
    // The last byte counts too.
    let mut client = start(client_config(), server_config(), true).client;
    let mut id = session_id(&client.poll_output().unwrap().1).to_vec();
    id[31] ^= 1;
    let answer = encode_server_hello(&[3; 32], &id, 0x1301, NamedGroup::X25519, &[9; 32]).unwrap();
    let error = client.read(Level::Initial, &answer, &mut Counting(0)).unwrap_err();
    assert_eq!(error.violation(), Some(Violation::SessionIdEcho));
}

/// RFC 9846 section 4.2.2: a second ClientHello keeps its session ID.
#[test]
fn a_session_id_that_changes_after_a_retry() {
    let with_another_group = || {
        let mut config = server_config();
        config.provider = provider(&[0x1301], &[NamedGroup::SECP256R1]);
        config
    };
    for (position, right) in [(None, true), (Some(0), false), (Some(31), false)] {
        let mut pair = start(client_config(), with_another_group(), true);
        let result = pair.run(usize::MAX, |number, _, _, bytes| {
            if let (2, Some(position)) = (number, position) {
                bytes[HEADER_LEN + 2 + 32 + 1 + position] ^= 1;
            }
        });
        let violation = result.err().map(|(who, error)| (who, error.violation().unwrap()));
        assert_eq!(violation, (!right).then_some((Speaker::Server, Violation::ClientHelloChanged)));
    }
}

/// The secrets that one side seals and opens with, as a layer of records keeps them.
struct Secrets {
    local: Secret,
    remote: Secret,
}

fn application_secrets(keys: &[KeyChange]) -> Secrets {
    let Some(KeyChange::OneRtt { local, remote, .. }) = keys.last() else { panic!("no application secrets") };
    Secrets { local: local.clone(), remote: remote.clone() }
}

/// RFC 9846 sections 4.7.3 and 7.2: either side updates, and both stay in step.
#[test]
fn keys_are_updated_by_either_side() {
    let mut pair = complete(client_config(), server_config(), false);
    let suite = pair.client.cipher_suite().unwrap();
    let mut client = application_secrets(&pair.client_keys);
    let mut server = application_secrets(&pair.server_keys);
    for request in [KeyUpdate::Requested, KeyUpdate::NotRequested, KeyUpdate::Requested] {
        for from_client in [true, false] {
            let (sender, receiver, session) = if from_client {
                (&mut client, &mut server, &mut pair.server)
            } else {
                (&mut server, &mut client, &mut pair.client)
            };
            session.read(Level::OneRtt, &encode_key_update(request), &mut Counting(0)).unwrap();
            assert_eq!(session.poll_key_update(), Some(request));
            assert_eq!(session.poll_key_update(), None);
            let before = sender.local.clone();
            sender.local = next_traffic_secret(suite, &sender.local);
            receiver.remote = next_traffic_secret(suite, &receiver.remote);
            assert_eq!(sender.local.as_bytes(), receiver.remote.as_bytes());
            assert_ne!(sender.local.as_bytes(), before.as_bytes());
        }
    }
    // Written out (RFC 9846 section 7.1): HKDF-Expand of the label, of one block.
    let next = next_traffic_secret(suite, &client.local);
    let label = [&[0, 32, 17][..], b"tls13 traffic upd", &[0, 1]].concat();
    assert_eq!(next.as_bytes(), &suite.hash.hmac(client.local.as_bytes(), &[&label])[..]);
}

#[test]
fn a_key_update_ends_its_record() {
    let update = encode_key_update(KeyUpdate::NotRequested);
    let ticket = framed(HandshakeType::NEW_SESSION_TICKET, &[0, 0, 0, 9, 1, 2, 3, 4, 0, 0, 1, 8, 0, 0]);
    let client = || complete(client_config(), server_config(), false).client;
    let read = |record: &[u8]| client().read(Level::OneRtt, record, &mut Counting(0)).err();
    assert_eq!(read(&[&ticket[..], &update].concat()), None);
    for behind in [&ticket[..], &update, &[4]] {
        let error = read(&[&update[..], behind].concat()).unwrap();
        assert_eq!((error.violation(), error.alert()), (Some(Violation::MessageAcrossKeyChange), 10));
    }
    // In pieces it is no update until it is whole.
    let mut client = client();
    for byte in &update[..4] {
        client.read(Level::OneRtt, &[*byte], &mut Counting(0)).unwrap();
        assert_eq!(client.poll_key_update(), None);
    }
    client.read(Level::OneRtt, &update[4..], &mut Counting(0)).unwrap();
    assert_eq!(client.poll_key_update(), Some(KeyUpdate::NotRequested));
}

/// RFC 9846 section 4.7.3-4, 6-7.
/// RFC 9846 section 4.7.2-6.
#[test]
fn what_may_follow_a_handshake() {
    // A ticket that limits early data, which QUIC does not allow.
    let limited = [0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 2, 8, 9, 0, 8, 0, 42, 0, 4, 0, 0, 4, 0];
    // Type and body, and what a client and a server find wrong with it.
    let cases = [
        (HandshakeType::NEW_SESSION_TICKET, &limited[..], None, Some(Violation::UnexpectedMessage)),
        (HandshakeType::KEY_UPDATE, &[0], None, None),
        (HandshakeType::KEY_UPDATE, &[1], None, None),
        (HandshakeType::KEY_UPDATE, &[2], Some(Violation::KeyUpdateRequest), Some(Violation::KeyUpdateRequest)),
        (HandshakeType::KEY_UPDATE, &[], Some(Violation::Malformed), Some(Violation::Malformed)),
        (HandshakeType::KEY_UPDATE, &[0, 0], Some(Violation::Malformed), Some(Violation::Malformed)),
        (
            HandshakeType::CERTIFICATE_REQUEST,
            &[0, 0, 0],
            Some(Violation::UnexpectedMessage),
            Some(Violation::UnexpectedMessage),
        ),
        (HandshakeType::END_OF_EARLY_DATA, &[], Some(Violation::UnexpectedMessage), Some(Violation::UnexpectedMessage)),
    ];
    for (kind, body, by_client, by_server) in cases {
        let pair = complete(client_config(), server_config(), false);
        for (mut session, expected) in [(pair.client, by_client), (pair.server, by_server)] {
            let error = session.read(Level::OneRtt, &framed(kind, body), &mut Counting(0)).err();
            assert_eq!(error.map(|error| error.violation().unwrap()), expected, "{kind:?} {body:?}");
        }
    }
}

/// RFC 9846 section 4.7.3-1: before Finished there are no keys to update. And nobody has accepted early data.
#[test]
fn no_key_update_before_finished() {
    let update = encode_key_update(KeyUpdate::NotRequested);
    let refused = |session: &mut Session, level: Level, expected: Violation| {
        let error = session.read(level, &update, &mut Counting(0)).unwrap_err();
        assert_eq!((error.violation(), error.alert()), (Some(expected), 10));
        assert_eq!(session.poll_key_update(), None);
    };
    let fresh = || start(client_config(), server_config(), false);
    refused(&mut fresh().client, Level::Initial, Violation::UnexpectedMessage);
    refused(&mut fresh().server, Level::Initial, Violation::UnexpectedMessage);
    refused(&mut fresh().server, Level::EarlyData, Violation::WrongLevel);
    let mut pair = fresh();
    let hello = pair.client.poll_output().unwrap().1;
    pair.server.read(Level::Initial, &hello, &mut Counting(0)).unwrap();
    refused(&mut pair.server, Level::Handshake, Violation::UnexpectedMessage);
    let mut pair = fresh();
    let hello = pair.client.poll_output().unwrap().1;
    pair.server.read(Level::Initial, &hello, &mut Counting(0)).unwrap();
    refused(&mut pair.server, Level::OneRtt, Violation::WrongLevel);
}
