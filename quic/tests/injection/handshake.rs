//! Keys and spaces: what is dropped before and after they are there, and the rules of Initial packets.

use adversary::{PLAIN, Peer, Stage, Tweak, encode};
use base::Duration;
use base::Side::{Client, Server};
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, Initial, OneRtt};
use quic::{Event, Violation};
use tls::Level;

fn opened(peer: &mut Peer) -> u64 {
    peer.connection().stats().packets_received
}

/// A5 and RFC 9000 section 14.1.
#[test]
fn a5_first_packets_that_are_too_small_begin_nothing() {
    let mut peer = Peer::against(Server, Stage::Begun);
    let hello = peer.take_crypto(Level::Initial);
    let payload = encode(&Frame::Crypto { offset: 0, data: &hello });
    let small = peer.packet(Initial, &payload, PLAIN);
    assert!(small.len() < 1200);
    peer.deliver(small.clone());
    assert!(peer.target.is_empty() && peer.datagrams.is_empty());
    // Padding after the packet makes the datagram large enough: that is what counts.
    let mut padded = small;
    padded.resize(1199, 0);
    peer.deliver(padded.clone());
    assert!(peer.target.is_empty());
    padded.push(0);
    peer.deliver(padded);
    assert_eq!(peer.target.len(), 1);
}

#[test]
fn a5_first_packets_to_short_ids_begin_nothing() {
    for len in 0..=20 {
        let mut peer = Peer::against(Server, Stage::Begun);
        let hello = peer.take_crypto(Level::Initial);
        let mut payload = encode(&Frame::Crypto { offset: 0, data: &hello });
        payload.resize(1200, 0);
        let id = ConnectionId::new(&vec![0xab; len]).unwrap();
        peer.rekey_initial(id);
        let packet = peer.packet(Initial, &payload, Tweak { destination: Some(id), ..PLAIN });
        peer.deliver(packet);
        assert_eq!(peer.target.len(), usize::from(len >= 8), "{len}");
        assert_eq!(peer.datagrams.is_empty(), len < 8);
    }
}

/// RFC 9000 section 14.1: also later Initial packets need a full datagram.
#[test]
fn later_small_initials_are_dropped_by_a_server() {
    let mut peer = Peer::against(Server, Stage::Keys);
    let before = opened_by_server(&mut peer);
    let small = peer.packet(Initial, &[0x01; 30], PLAIN);
    peer.deliver(small);
    assert_eq!(opened_by_server(&mut peer), before);
    peer.send(Initial, &[0x01]);
    assert_eq!(opened_by_server(&mut peer), before + 1);
}

/// A server's connection has no handle before it has events: its effect is seen in what it acknowledges.
fn opened_by_server(peer: &mut Peer) -> u64 {
    peer.wait(Duration::from_millis(1));
    peer.frames(|kind, frame| matches!((kind, frame), (Initial, Frame::Ack(_))).then_some(())).len() as u64
}

/// RFC 9000 section 17.2.2.
#[test]
fn a_client_drops_an_initial_with_a_token() {
    let mut peer = Peer::against(Client, Stage::Begun);
    let before = opened(&mut peer);
    let with_token = peer.packet(Initial, &[0x01; 1200], Tweak { token: b"token", ..PLAIN });
    peer.deliver(with_token);
    assert_eq!(opened(&mut peer), before);
    peer.send(Initial, &[0x01]);
    assert_eq!(opened(&mut peer), before + 1);
}

/// A12 and RFC 9000 section 7.2: the source of the first packet stays.
#[test]
fn a12_a_changed_source_is_dropped() {
    let other = ConnectionId::new(&[0x99; 8]);
    let mut peer = Peer::against(Client, Stage::Begun);
    peer.send(Initial, &[0x01]);
    let before = opened(&mut peer);
    let packet = peer.packet(Initial, &[0x01; 1200], Tweak { source: other, ..PLAIN });
    peer.deliver(packet);
    assert_eq!(opened(&mut peer), before);
    let packet = peer.packet(Initial, &[0x01; 1200], Tweak { destination: other, ..PLAIN });
    peer.deliver(packet);
    assert_eq!(opened(&mut peer), before);
    peer.advance_to(Stage::Established);
}

/// RFC 9001 section 5.7: a server has the keys for 1-RTT packets before it may use them.
#[test]
fn one_rtt_packets_before_the_end_of_the_handshake_are_dropped() {
    let mut peer = Peer::against(Server, Stage::Keys);
    let early = peer.packet(OneRtt, &[0x3f], PLAIN);
    peer.deliver(early.clone());
    assert!(peer.closes().is_empty() && peer.events.is_empty());
    let finished = peer.take_crypto(Level::Handshake);
    let packet = peer.packet(Handshake, &encode(&Frame::Crypto { offset: 0, data: &finished }), PLAIN);
    // In one datagram the handshake is complete when the second packet is looked at.
    peer.deliver([packet, early].concat());
    assert!(peer.events.contains(&Event::Established));
    assert_eq!(peer.violation(), Some((Violation::UnknownFrameType, 0x3f)));
}

/// A client throws Initial keys away with its first Handshake packet, a server with the first it receives.
#[test]
fn initial_keys_go_when_handshake_keys_are_used() {
    let mut peer = Peer::against(Client, Stage::Established);
    let before = opened(&mut peer);
    peer.send(Initial, &[0x3f]);
    assert_eq!(opened(&mut peer), before);
    assert!(peer.is_open());
    let mut peer = Peer::against(Server, Stage::Keys);
    peer.send(Handshake, &[0x01]);
    peer.send(Initial, &[0x3f]);
    assert!(peer.closes().is_empty());
    peer.send_crypto(Level::Handshake);
    assert!(peer.is_open());
}

/// A2: three times what came, counted by datagrams, until a Handshake packet comes.
#[test]
fn a2_a_server_sends_three_times_what_came() {
    let mut peer = Peer::against(Server, Stage::Begun);
    let hello = peer.take_crypto(Level::Initial);
    let payload = encode(&Frame::Crypto { offset: 0, data: &hello });
    let first = peer.packet(Initial, &payload, PLAIN);
    let second = peer.packet(Initial, &[0x01; 300], PLAIN);
    let mut datagram = [first, second].concat();
    datagram.resize(1200, 0);
    peer.deliver(datagram);
    let sent = |peer: &Peer| peer.datagrams.iter().map(|(_, datagram)| datagram.len()).sum::<usize>();
    for _ in 0..12 {
        assert!(sent(&peer) <= 3600, "{}", sent(&peer));
        peer.wait(Duration::from_millis(700));
    }
    assert!(sent(&peer) >= 1200);
    peer.send(Handshake, &[0x01]);
    peer.wait(Duration::from_secs(1));
    assert!(sent(&peer) > 3600, "validated by a Handshake packet: {}", sent(&peer));
}

/// RFC 9001 section 6.5: packets of the last generation of keys are good for three PTOs, and no longer.
#[test]
fn late_packets_of_the_last_keys_are_opened_for_a_while() {
    for (wait, counts) in [(Duration::ZERO, 1), (Duration::from_secs(8), 0)] {
        let mut peer = Peer::against(Server, Stage::Established);
        let late = peer.packet(OneRtt, &[0x01; 30], PLAIN);
        peer.update_keys();
        peer.send(OneRtt, &[0x01; 30]);
        assert_eq!(peer.connection().stats().key_updates, 1);
        peer.wait(wait);
        let before = opened(&mut peer);
        peer.deliver(late);
        assert_eq!(opened(&mut peer), before + counts, "after {wait:?}");
        assert!(peer.is_open());
    }
}
