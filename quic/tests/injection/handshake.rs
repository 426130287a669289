//! Keys and spaces: what is dropped before and after they are there, and the rules of Initial packets.

use adversary::{Options, PLAIN, Peer, Stage, Tweak, encode, identity};
use base::Duration;
use base::Side::{Client, Server};
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, Initial, OneRtt};
use quic::{Event, Violation};
use tls::Level;

fn opened(peer: &mut Peer) -> u64 {
    peer.connection().stats().packets_received
}

/// RFC 9000 section 14-4, 14.1-4: also later Initial packets need a full datagram.
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

/// RFC 9000 section 17.2.2-1.
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

/// RFC 9001 section 5.7-1, 5.7-2: a server has the keys for 1-RTT packets before it may use them.
/// RFC 9000 section 12.2-1.
#[test]
fn one_rtt_packets_before_the_end_of_the_handshake_are_dropped() {
    let mut peer = Peer::against(Server, Stage::Keys);
    let early = peer.packet(OneRtt, &[0x3f], PLAIN);
    peer.deliver(early.clone());
    assert!(peer.closes().is_empty());
    assert_eq!(peer.events, [Event::CanSend]);
    let finished = peer.take_crypto(Level::Handshake);
    let packet = peer.packet(Handshake, &encode(&Frame::Crypto { offset: 0, data: &finished }), PLAIN);
    // In one datagram the handshake is complete when the second packet is looked at.
    peer.deliver([packet, early].concat());
    assert!(peer.events.contains(&Event::Established));
    assert_eq!(peer.violation(), Some((Violation::UnknownFrameType, 0x3f)));
}

/// A client throws Initial keys away with its first Handshake packet, a server with the first it receives.
/// RFC 9001 section 4.9.1-1, 4.9.1-2.
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

/// RFC 9001 section 6.5: packets of the last generation of keys are good for three PTOs, and no longer.
/// RFC 9001 section 6.1-3.
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

/// How often the peer was sent the first byte of the flight of Handshake packets.
fn flights(peer: &Peer) -> usize {
    peer.frames(|kind, frame| matches!((kind, frame), (Handshake, Frame::Crypto { offset: 0, .. })).then_some(())).len()
}

/// A client that has not acknowledged the flight, and repeats itself without end, is sent it again a few times, and then when
/// the probe timer says so.
#[test]
fn r12_a_peer_that_repeats_itself_is_sent_the_flight_a_few_times() {
    // A PING, and a part of the ClientHello again. The flight is one datagram, and the window has room for ten.
    for repeats_crypto in [false, true] {
        let options = Options { identity: identity::classical(), ..Options::default() };
        let mut peer = Peer::with(Server, Stage::Keys, options);
        assert_eq!(flights(&peer), 1);
        let hello = encode(&Frame::Crypto { offset: 0, data: &[1] });
        for count in 1..=50 {
            peer.send(Initial, if repeats_crypto { &hello } else { &[0x01] });
            assert_eq!(flights(&peer), 1 + count.min(4), "{repeats_crypto}");
        }
        assert!(peer.is_open() && peer.closes().is_empty());
    }
}

/// Nothing goes again to a client that has acknowledged all of it, or that says nothing new of the handshake.
#[test]
fn what_is_no_probe_draws_nothing() {
    let mut peer = Peer::against(Server, Stage::Keys);
    let largest = u8::try_from(peer.largest(Handshake).expect("the flight")).expect("few packets");
    peer.send(Handshake, &[0x02, largest, 0, 0, largest]);
    peer.send(Handshake, &[0x01]);
    peer.wait(Duration::from_millis(600));
    assert_eq!(flights(&peer), 1);
}
