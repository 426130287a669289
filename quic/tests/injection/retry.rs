//! A server that answers the first Initial with a Retry (RFC 9000 section 17.2.5), rightly and wrongly.

use adversary::{Options, PLAIN, Peer, Stage, Tweak, encode};
use base::Side::Client;
use base::{Duration, VarInt};
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::Initial;
use quic::wire::header::Header;
use quic::{CloseReason, Event, Violation};
use std::rc::Rc;

const TOKEN: &[u8] = b"who has this is at its address";

fn id(byte: u8) -> ConnectionId {
    ConnectionId::new(&[byte; 8]).unwrap()
}

/// A server that has the client's first Initial, and whose transport parameters will name this as the source of a Retry.
fn server(retry_source: Option<ConnectionId>) -> Peer {
    let parameters =
        Rc::new(move |mut parameters: quic::wire::transport_parameters::TransportParameters, side: base::Side| {
            parameters.retry_source_connection_id = retry_source;
            parameters.encode(side, 0)
        });
    Peer::with(Client, Stage::Begun, Options { parameters, ..Options::default() })
}

/// Destination and token of every Initial packet that came from the client.
fn initials(peer: &Peer) -> Vec<(ConnectionId, Vec<u8>)> {
    let long = |datagram: &Vec<u8>| match Header::decode(datagram, 8) {
        Ok(Header::Initial(long)) => Some((long.destination, datagram[long.token].to_vec())),
        _ => None,
    };
    peer.datagrams.iter().filter_map(|(_, datagram)| long(datagram)).collect()
}

/// The ClientHello, as often as it was sent: its packets are cut where the token leaves room.
fn hellos(peer: &Peer) -> Vec<Vec<u8>> {
    let pieces = peer.frames(|kind, frame| match (kind, frame) {
        (Initial, Frame::Crypto { offset, data }) => Some((*offset, data.to_vec())),
        _ => None,
    });
    let mut hellos: Vec<Vec<u8>> = Vec::new();
    for (offset, data) in pieces {
        match hellos.last_mut() {
            Some(hello) if offset == hello.len() as u64 => hello.extend(data),
            _ => hellos.push(data),
        }
    }
    hellos
}

/// RFC 9000 section 8.1.2-1, 8.1.3-12, 17.2.5.1-3, 17.2.5.2-1, 17.2.5.2-5, 17.2.5.3-1, 17.2.5.3-4.
#[test]
fn a_client_begins_again_with_the_token_the_new_id_and_the_same_words() {
    let mut peer = server(Some(id(0x33)));
    let (first, hello) = (initials(&peer), hellos(&peer));
    assert_eq!(first, vec![(peer.original, Vec::new()); 2], "two datagrams, without a token");
    peer.retry(id(0x33), TOKEN);
    assert_eq!(initials(&peer)[2..], vec![(id(0x33), TOKEN.to_vec()); 2]);
    let again = hellos(&peer);
    assert_eq!((hello.len(), &again[1..]), (1, &hello[..]), "the same ClientHello");
    let numbers: Vec<u64> = peer.received.iter().map(|packet| packet.number).collect();
    assert_eq!(numbers, [0, 1, 2, 3], "numbers go on");
    assert_eq!(peer.connection().stats().bytes_in_flight, 2400, "what was sent before is in no window");
    // Whatever else is sent in Initial packets carries the token, too.
    peer.wait(Duration::from_secs(3));
    let later = initials(&peer);
    assert!(later.len() > 4 && later[2..].iter().all(|initial| *initial == (id(0x33), TOKEN.to_vec())), "{later:?}");
    peer.advance_to(Stage::Established);
    peer.send_frame(quic::wire::frame::PacketKind::OneRtt, &Frame::HandshakeDone);
    assert!(peer.events.contains(&Event::Confirmed));
}

/// RFC 9002 section 6.3: the way to the Retry and back is no sample, and nothing was lost.
#[test]
fn what_was_sent_before_a_retry_says_nothing_about_the_path() {
    let mut peer = server(Some(id(0x33)));
    let window = peer.connection().stats().congestion_window;
    peer.wait(Duration::from_secs(2));
    assert!(peer.connection().stats().probe_timeouts > 0);
    peer.retry(id(0x33), TOKEN);
    let stats = peer.connection().stats();
    assert_eq!((stats.congestion_window, stats.packets_lost), (window, 0));
    let sent = initials(&peer).len();
    peer.wait(Duration::from_millis(900));
    assert_eq!(initials(&peer).len(), sent, "the probe timeout begins anew, not doubled");
    peer.wait(Duration::from_millis(200));
    assert!(initials(&peer).len() > sent);
    peer.advance_to(Stage::Established);
    assert!(peer.connection().stats().smoothed_rtt < Duration::from_secs(2));
}

/// RFC 9000 sections 17.2.5.1 and 17.2.5.2, RFC 9001 section 5.8: what is no right answer changes nothing.
/// RFC 9000 section 17.2.5.1-2, 17.2.5.2-3, 17.2.5.2-4.
#[test]
fn a_retry_that_is_wrong_is_dropped() {
    let changed = |at: usize| {
        move |peer: &Peer| {
            let mut packet = peer.retry_packet(id(0x33), TOKEN);
            let at = at.min(packet.len() - 1);
            packet[at] ^= 1;
            packet
        }
    };
    type Make = Box<dyn Fn(&Peer) -> Vec<u8>>;
    let elsewhere = |peer: &mut Peer, destination| std::mem::replace(&mut peer.destination, destination);
    let rows: Vec<(&str, Make)> = vec![
        ("the tag", Box::new(changed(usize::MAX))),
        ("a bit without meaning, which the tag covers all the same", Box::new(changed(0))),
        ("the source", Box::new(changed(17))),
        ("the token", Box::new(changed(30))),
        ("the version", Box::new(changed(4))),
        ("no token", Box::new(|peer| peer.retry_packet(id(0x33), b""))),
        ("a token that leaves no room", Box::new(|peer| peer.retry_packet(id(0x33), &[7; 1001]))),
        ("the ID that the client has chosen", Box::new(|peer| peer.retry_packet(peer.original, TOKEN))),
        ("no tag", Box::new(|peer| peer.retry_packet(id(0x33), TOKEN)[..40].to_vec())),
    ];
    for (name, make) in rows {
        let mut peer = server(None);
        let dropped = peer.connection().stats().packets_dropped;
        let packet = make(&peer);
        peer.deliver(packet);
        assert_eq!(initials(&peer).len(), 2, "{name}: the client does not begin again");
        assert!(peer.connection().stats().packets_dropped > dropped || name == "the version", "{name}");
        peer.advance_to(Stage::Established);
    }
    // To another ID of a client.
    let mut peer = server(None);
    let ours = elsewhere(&mut peer, id(0x44));
    let packet = peer.retry_packet(id(0x33), TOKEN);
    elsewhere(&mut peer, ours);
    peer.deliver(packet);
    assert_eq!(initials(&peer).len(), 2);
    peer.advance_to(Stage::Established);
}

#[test]
fn the_longest_token_leaves_room_for_the_client_hello() {
    let mut peer = server(Some(ConnectionId::new(&[0x33; 20]).unwrap()));
    peer.retry(ConnectionId::new(&[0x33; 20]).unwrap(), &[7; 1000]);
    assert!(initials(&peer).len() > 4, "the ClientHello takes more datagrams");
    peer.advance_to(Stage::Established);
}

/// RFC 9000 section 17.2.5.2-2: at most one Retry is taken.
#[test]
fn a_second_retry_is_dropped() {
    let mut peer = server(Some(id(0x33)));
    peer.retry(id(0x33), TOKEN);
    let sent = initials(&peer).len();
    // Its tag is right for the first Initial, and for the one after the Retry.
    for original in [peer.original, id(0x33)] {
        let before = std::mem::replace(&mut peer.original, original);
        let packet = peer.retry_packet(id(0x55), b"another");
        peer.original = before;
        peer.deliver(packet);
    }
    assert_eq!(initials(&peer).len(), sent);
    peer.advance_to(Stage::Established);
}

/// RFC 9000 section 17.2.5.2-2: nor is one after an Initial packet of the server, however little that says.
#[test]
fn a_retry_after_an_initial_is_dropped() {
    let mut peer = server(None);
    peer.send(Initial, &[0x01]);
    let sent = initials(&peer).len();
    let packet = peer.retry_packet(id(0x33), TOKEN);
    peer.deliver(packet);
    assert!(initials(&peer)[sent..].iter().all(|(_, token)| token.is_empty()));
    peer.advance_to(Stage::Established);
    // Nor once the handshake is over.
    let packet = peer.retry_packet(id(0x33), TOKEN);
    peer.deliver(packet);
    assert!(peer.is_open());
}

fn refusal(code: u32) -> Vec<u8> {
    encode(&Frame::ConnectionClose { error_code: VarInt::from_u32(code), frame_type: 0, reason: b"" })
}

/// RFC 9000 section 7.2-1.
#[test]
fn a_client_whose_token_is_refused_begins_anew_without_one() {
    let mut peer = server(Some(id(0x33)));
    peer.retry(id(0x33), TOKEN);
    let (sent, hello) = (initials(&peer).len(), hellos(&peer));
    peer.send(Initial, &[&[0x01][..], &refusal(0x0b)].concat());
    assert!(peer.events.is_empty() && peer.is_open());
    let anew = initials(&peer).split_off(sent);
    let (destination, _) = anew[0];
    assert!(destination.len() == 8 && ![peer.original, id(0x33)].contains(&destination));
    assert_eq!(anew, vec![(destination, Vec::new()); 2]);
    // Nothing of this can be read by who has the keys of the attempt before.
    assert_eq!(hellos(&peer), hello);
    assert_eq!(peer.connection().stats().bytes_in_flight, 2400);
    // What comes of that attempt is nothing.
    let dropped = peer.connection().stats().packets_dropped;
    peer.send(Initial, &refusal(0x0b));
    assert_eq!(peer.connection().stats().packets_dropped, dropped + 1);
    assert!(peer.is_open());
}

#[test]
fn a_refusal_that_is_no_plain_one_ends_the_connection() {
    let crypto = encode(&Frame::Crypto { offset: 0, data: &[2, 0, 0] });
    let cases = [
        ("another reason", true, refusal(0x02)),
        ("no token was shown", false, refusal(0x0b)),
        ("behind an answer", true, [&crypto[..], &refusal(0x0b)].concat()),
        ("in front of an answer", true, [&refusal(0x0b)[..], &crypto].concat()),
    ];
    for (case, shows_token, payload) in cases {
        let mut peer = server(Some(id(0x33)));
        if shows_token {
            peer.retry(id(0x33), TOKEN);
        }
        let sent = initials(&peer).len();
        peer.send(Initial, &payload);
        assert!(matches!(peer.events[..], [Event::Closed(CloseReason::PeerTransport { .. })]), "{case}");
        peer.wait(Duration::from_secs(20));
        assert_eq!(initials(&peer).len(), sent, "{case}");
    }
}

/// RFC 9000 section 7.3-1, 7.3-5, 7.3-7.
#[test]
fn a12_the_source_of_a_retry_is_authenticated() {
    let wrong = Some((Violation::TransportParameterConnectionId, 0x06));
    for (named, comes, violation) in [
        (Some(id(0x33)), true, None),
        (Some(id(0x34)), true, wrong),
        (Some(ConnectionId::EMPTY), true, wrong),
        (None, true, wrong),
        (Some(id(0x33)), false, wrong),
        (None, false, None),
    ] {
        let mut peer = server(named);
        if comes {
            peer.retry(id(0x33), TOKEN);
        }
        peer.advance_to(Stage::Keys);
        peer.send_crypto(tls::Level::Handshake);
        assert_eq!(peer.violation(), violation, "{named:?} {comes}");
    }
}

/// RFC 9000 section 6.2: a server that asks for a token speaks our version.
#[test]
fn version_negotiation_after_a_retry_is_not_believed() {
    let mut peer = server(Some(id(0x33)));
    peer.retry(id(0x33), TOKEN);
    for destination in [peer.original, id(0x33)] {
        let mut packet = vec![0; 100];
        let mut writer = base::Writer::new(&mut packet);
        let (to, from) = (peer.destination, destination);
        let versions = [quic::wire::version::Version(0x6b33_43cf)];
        quic::wire::header::encode_version_negotiation(&mut writer, 0, to.as_slice(), from.as_slice(), &versions)
            .unwrap();
        let len = writer.position();
        packet.truncate(len);
        peer.deliver(packet);
        assert!(peer.is_open());
    }
    peer.advance_to(Stage::Established);
}

/// RFC 9000 section 17.2.5.2: until the server has named itself, its Initial may come from any ID, and then from no other.
/// RFC 9000 section 7.2-4.
#[test]
fn the_server_names_itself_after_a_retry() {
    let mut peer = server(Some(id(0x33)));
    peer.retry(id(0x33), TOKEN);
    peer.advance_to(Stage::Keys);
    let before = peer.connection().stats().packets_received;
    let packet = peer.packet(Initial, &[0x01; 1200], Tweak { source: Some(id(0x99)), ..PLAIN });
    peer.deliver(packet);
    assert_eq!(peer.connection().stats().packets_received, before);
    peer.advance_from_keys();
}
