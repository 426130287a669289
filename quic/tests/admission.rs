//! A server that decides who may begin a connection: it accepts, asks for the address, refuses and ignores; and the tokens of
//! its Retry packets, shown by a client that is made by hand.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

use adversary::{Options, PLAIN, Peer, Stage, Tweak, encode};
use base::{Duration, FourTuple, Side};
use quic::Strangers;
use quic::protection::retry_integrity;
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::Initial;
use quic::wire::header::Header;
use quic::wire::transport_parameters::TransportParameters;
use quic::wire::version::Version;
use quic::{Admission, EndpointConfig, Event, Incoming};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use tls::Level;

/// A client before its first packet, whose server decides like this.
fn client(on_incoming: impl Fn(&Incoming) -> Admission + Send + Sync + Clone + 'static) -> Peer {
    client_with(on_incoming, |_| {})
}

fn client_with(
    on_incoming: impl Fn(&Incoming) -> Admission + Send + Sync + Clone + 'static,
    change: impl Fn(&mut EndpointConfig) + 'static,
) -> Peer {
    let endpoint = move |config: &mut EndpointConfig| {
        config.on_incoming = Some(Arc::new(on_incoming.clone()));
        change(config);
    };
    Peer::with(Side::Server, Stage::Begun, Options { endpoint: Rc::new(endpoint), ..Options::default() })
}

/// The payload of a first packet.
fn hello(peer: &mut Peer) -> Vec<u8> {
    let bytes = peer.take_crypto(Level::Initial);
    let mut payload = encode(&Frame::Crypto { offset: 0, data: &bytes });
    // The hybrid's would be two packets; the decision is about one.
    payload.resize(payload.len().max(1200), 0);
    payload
}

fn with_token(token: &[u8]) -> Tweak {
    Tweak { token: Box::leak(token.to_vec().into_boxed_slice()), ..PLAIN }
}

/// The Retry packet that the server answers with: the ID it gives, and its token.
#[track_caller]
fn retry(peer: &mut Peer, hello: &[u8]) -> (ConnectionId, Vec<u8>) {
    let original = peer.original;
    let first = peer.packet(Initial, hello, PLAIN);
    peer.deliver(first);
    let (four_tuple, answer) = peer.datagrams.pop().expect("an answer");
    assert!(peer.datagrams.is_empty() && peer.target.is_empty(), "one packet, and nothing is kept");
    assert_eq!(four_tuple, peer.four_tuple);
    let Ok(Header::Retry { version, destination, source, token, integrity_tag }) = Header::decode(&answer, 8) else {
        panic!("no Retry packet: {answer:?}")
    };
    assert_eq!((version, destination), (Version::V1, peer.source));
    // RFC 9000 s17.2.5.1: not the ID that the client sent to.
    assert_ne!(source, original);
    let suite = sim::seeded_provider().initial;
    let (packet, tag) = answer.split_at(integrity_tag);
    assert!(retry_integrity::is_valid(suite, version, original, packet, tag));
    (source, answer[token].to_vec())
}

/// Goes on as a client does that was asked to come back.
fn follow(peer: &mut Peer, source: ConnectionId) {
    peer.rekey_initial(source);
    peer.destination = source;
}

fn strangers(peer: &Peer) -> Strangers {
    peer.target.stats().strangers
}

#[test]
fn what_is_known_of_a_first_packet_is_what_it_says() {
    let seen: Arc<Mutex<Vec<Incoming>>> = Arc::default();
    let sees = seen.clone();
    let mut peer = client(move |incoming| {
        sees.lock().unwrap().push(*incoming);
        Admission::Accept
    });
    let hello = hello(&mut peer);
    let first = peer.packet(Initial, &hello, PLAIN);
    let size = first.len();
    peer.deliver(first);
    let expected = Incoming {
        four_tuple: peer.four_tuple,
        version: Version::V1,
        destination: peer.original,
        source: peer.source,
        is_validated: false,
        size,
        open: 0,
        handshaking: 0,
        handshaking_of_network: 0,
    };
    assert_eq!(seen.lock().unwrap()[..], [expected]);
    // Another one, from elsewhere in the same network.
    let four_tuple = FourTuple { remote: "192.0.2.77:1".parse().unwrap(), ..peer.four_tuple };
    let other = ConnectionId::new(&[9; 20]).unwrap();
    let mut spaces = Peer::against(Side::Server, Stage::Begun);
    spaces.rekey_initial(other);
    spaces.destination = other;
    let second = spaces.packet(Initial, &hello, PLAIN);
    let destination = peer.destination;
    peer.deliver_from(four_tuple, second);
    // What the server answers to the other one is of no interest here.
    peer.destination = destination;
    let expected = Incoming {
        four_tuple,
        destination: other,
        size: seen.lock().unwrap()[1].size,
        open: 1,
        handshaking: 1,
        handshaking_of_network: 1,
        ..expected
    };
    assert_eq!(seen.lock().unwrap()[1], expected);
    peer.advance_from_keys();
    assert_eq!(strangers(&peer), Strangers { accepted: 2, ..Strangers::default() });
    assert_eq!(seen.lock().unwrap().len(), 2, "packets of a connection that is there are nothing to decide about");
}

#[test]
fn who_is_refused_is_told_and_who_is_ignored_is_not() {
    for is_draining in [false, true] {
        let mut peer = client(move |_| if is_draining { Admission::Accept } else { Admission::Refuse });
        if is_draining {
            peer.target.stop_accepting();
        }
        let hello = hello(&mut peer);
        let first = peer.packet(Initial, &hello, PLAIN);
        let len = first.len();
        peer.deliver(first);
        let closes = peer.closes();
        assert_eq!(closes, [(Initial, 0x02, Some(0), b"no new connections are accepted".to_vec())]);
        assert!(peer.datagrams.len() == 1 && peer.datagrams[0].1.len() < len / 3);
        assert!(peer.target.is_empty() && base::Machine::deadline(&peer.target).is_none());
        assert_eq!(strangers(&peer), Strangers { refused: 1, ..Strangers::default() });
    }
    for has_successor in [false, true] {
        let mut peer = client(move |_| if has_successor { Admission::Accept } else { Admission::Ignore });
        if has_successor {
            peer.target.ignore_newcomers();
        }
        let hello = hello(&mut peer);
        let first = peer.packet(Initial, &hello, PLAIN);
        peer.deliver(first);
        assert!(peer.datagrams.is_empty() && peer.target.is_empty());
        assert_eq!(strangers(&peer), Strangers { ignored: 1, ..Strangers::default() });
    }
}

/// A draining server goes on with the connections that it has.
#[test]
fn a_server_that_accepts_no_more_goes_on_with_those_it_has() {
    let mut peer = Peer::against(Side::Server, Stage::Keys);
    peer.target.stop_accepting();
    peer.advance_from_keys();
    assert!(peer.is_open());
}

/// RFC 9000 section 8.1.2: the client comes back with the token, the handshake names both IDs, and the address is known.
/// RFC 9000 section 7.3-1, 8.1.3-14, 17.2.5.1-1, 17.2.5.1-5.
#[test]
fn a_client_that_comes_back_with_its_token_is_accepted_and_known() {
    let mut peer = client(|_| Admission::Retry);
    let original = peer.original;
    let hello = hello(&mut peer);
    let (source, token) = retry(&mut peer, &hello);
    follow(&mut peer, source);
    peer.is_known = true;
    let second = peer.packet(Initial, &hello, with_token(&token));
    let len = second.len();
    peer.deliver(second);
    // Nobody acknowledges: the server sends its flight again and again, beyond three times what it got.
    peer.wait(Duration::from_secs(5));
    let sent: usize = peer.datagrams.iter().map(|(_, datagram)| datagram.len()).sum();
    assert!(sent > 3 * len, "{sent} bytes were sent to an address that is known");
    let parameters = TransportParameters::decode(&peer.peer_parameters(), Side::Server).unwrap();
    assert_eq!(parameters.original_destination_connection_id, Some(original));
    assert_eq!(parameters.retry_source_connection_id, Some(source));
    assert_eq!(parameters.initial_source_connection_id, Some(peer.destination));
    peer.advance_from_keys();
    assert_eq!(strangers(&peer), Strangers { retried: 1, accepted: 1, ..Strangers::default() });
}

/// Without a Retry packet there is no such parameter, and the address is not known.
/// RFC 9000 section 8.1-2.
#[test]
fn a_client_that_was_not_asked_back_is_not_known() {
    let mut peer = Peer::against(Side::Server, Stage::Begun);
    let hello = hello(&mut peer);
    let first = peer.packet(Initial, &hello, PLAIN);
    let len = first.len();
    peer.deliver(first);
    peer.wait(Duration::from_secs(5));
    let sent: usize = peer.datagrams.iter().map(|(_, datagram)| datagram.len()).sum();
    assert!(sent <= 3 * len);
    let parameters = TransportParameters::decode(&peer.peer_parameters(), Side::Server).unwrap();
    assert_eq!(parameters.retry_source_connection_id, None);
}

/// RFC 9000 section 8.1.2: a token that is not good is told at once, whatever is wrong with it.
/// RFC 9000 section 8.1.4-2, 8.1.4-6.
#[test]
fn a_token_that_is_changed_or_late_or_of_somebody_else_is_refused() {
    type Spoil = fn(&mut Peer, &mut Vec<u8>);
    let spoils: [(&str, Spoil); 6] = [
        ("changed", |_, token| *token.last_mut().unwrap() ^= 1),
        ("cut", |_, token| token.truncate(token.len() - 1)),
        ("late", |peer, _| peer.wait(Duration::from_secs(11))),
        ("from another port", |peer, _| peer.four_tuple.remote.set_port(1)),
        ("from another address", |peer, _| peer.four_tuple.remote.set_ip([192, 0, 2, 10].into())),
        ("to another ID", |peer, _| follow(peer, ConnectionId::new(&[8; 8]).unwrap())),
    ];
    for (what, spoil) in spoils {
        let mut peer = client(|_| Admission::Retry);
        let hello = hello(&mut peer);
        let (source, mut token) = retry(&mut peer, &hello);
        follow(&mut peer, source);
        spoil(&mut peer, &mut token);
        let second = peer.packet(Initial, &hello, with_token(&token));
        peer.deliver(second);
        let reason = b"the token is invalid or expired".to_vec();
        assert_eq!(peer.closes(), [(Initial, 0x0b, Some(0), reason)], "{what}");
        assert!(peer.target.is_empty(), "{what}");
        assert_eq!(strangers(&peer), Strangers { retried: 1, invalid_tokens: 1, ..Strangers::default() });
    }
}

/// A token that is not of ours is no reason to refuse anybody (RFC 9000 section 8.1.3-14): it may be of another server.
#[test]
fn a_token_of_nobody_is_as_good_as_none() {
    let mut peer = client(|incoming| if incoming.is_validated { Admission::Ignore } else { Admission::Accept });
    let hello = hello(&mut peer);
    let first = peer.packet(Initial, &hello, with_token(b"\x00of another server"));
    peer.deliver(first);
    peer.advance_from_keys();
    assert!(peer.events.contains(&Event::Established));
}

/// Servers that share the secret know each other's clients; others do not.
#[test]
fn a_token_is_good_at_every_server_with_the_same_secret() {
    for (secret, is_good) in [(1, true), (2, false)] {
        let share = |secret: u8| {
            move |config: &mut EndpointConfig| {
                config.token_secret = Some(crypto::Secret::new(&[secret; 32]));
            }
        };
        let mut peer = client_with(|_| Admission::Retry, share(1));
        let hello = hello(&mut peer);
        let (source, token) = retry(&mut peer, &hello);
        follow(&mut peer, source);
        peer.target = client_with(|_| Admission::Retry, share(secret)).target;
        let second = peer.packet(Initial, &hello, with_token(&token));
        peer.deliver(second);
        assert_eq!(peer.target.len(), usize::from(is_good));
    }
}

/// A policy that asks everybody back needs no room in the tables: the limits are for those who have come back.
#[test]
fn a_full_table_still_asks_back_and_still_holds_its_limit() {
    let policy = |incoming: &Incoming| if incoming.handshaking > 0 { Admission::Retry } else { Admission::Accept };
    let mut peer = client_with(policy, |config| config.max_handshaking = 1);
    let hello = hello(&mut peer);
    let first = peer.packet(Initial, &hello, PLAIN);
    peer.deliver(first);
    assert_eq!(peer.target.len(), 1);
    let held = peer.target.stats().held;
    // A second client, whose own keys are those of its first ID.
    let original = ConnectionId::new(&[5; 8]).unwrap();
    follow(&mut peer, original);
    peer.datagrams.clear();
    let first = peer.packet(Initial, &hello, PLAIN);
    peer.deliver(first);
    let (_, answer) = peer.datagrams.pop().expect("a Retry packet");
    let Ok(Header::Retry { source, token, .. }) = Header::decode(&answer, 8) else { panic!("no Retry packet") };
    follow(&mut peer, source);
    let second = peer.packet(Initial, &hello, with_token(&answer[token]));
    peer.deliver(second);
    assert_eq!(strangers(&peer), Strangers { accepted: 1, retried: 1, at_limits: 1, ..Strangers::default() });
    assert_eq!(peer.target.stats().held.connections, held.connections);
}

/// However many come at once: what waits to be sent has an end, and nothing else is kept.
#[test]
fn a_flood_of_first_packets_is_answered_in_part_and_leaves_nothing() {
    for admission in [Admission::Retry, Admission::Refuse] {
        let mut peer = client(move |_| admission);
        let hello = hello(&mut peer);
        let first = peer.packet(Initial, &hello, PLAIN);
        for _ in 0..1000 {
            let datagram =
                base::Datagram { four_tuple: peer.four_tuple, ecn: base::Ecn::NotEct, payload: &mut first.clone() };
            base::Machine::receive(&mut peer.target, peer.now, datagram);
        }
        let held = peer.target.stats().held;
        assert!(held.queued <= 64 && held.connections == 0, "{held:?}");
        let Strangers { retried, refused, unanswered, .. } = strangers(&peer);
        assert_eq!((retried + refused, unanswered), (64, 936));
        peer.keeps = false;
        let mut answers = 0;
        let mut buffer = vec![0; 1500];
        while base::Machine::transmit(&mut peer.target, peer.now, &mut buffer).is_some() {
            answers += 1;
        }
        assert_eq!(answers, 64);
        assert_eq!(peer.target.stats().held, quic::Held::default());
    }
}
