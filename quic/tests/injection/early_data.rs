//! Early data of a peer that keeps no rule.

use adversary::{Options, PLAIN, Peer, Stage, Tweak, encode};
use base::Side::{Client, Server};
use base::{StreamId, VarInt};
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, OneRtt, ZeroRtt};
use quic::{Event, Violation};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use tls::{ClientConfig, EarlyData, FixedTicketKeys, Level, ReplayFilter, ServerConfig, TicketPolicy};
use tls::{Ticket, TicketCache, TicketKeys, TicketOrigin, TicketStore};

struct Store(Mutex<TicketCache>);

impl TicketStore for Store {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().unwrap().take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().unwrap().put(origin, ticket);
    }
}

/// Both sides allow early data, and the client has a ticket of a connection that was.
fn resuming(target: base::Side) -> Options {
    let (client, server) = adversary::identity::pair();
    let (mut client, mut server) = (ClientConfig::clone(client), ServerConfig::clone(server));
    client.tickets = Some(Arc::new(Store(Mutex::new(TicketCache::new(8, 8)))));
    client.dangerous_offer_early_data_that_may_be_replayed = true;
    let keys = TicketKeys::new(&sim::seeded_provider(), &[[3; 32]]).unwrap();
    let mut policy = TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys))));
    let filter = ReplayFilter::new(1000, 10_000, 0).named([1; 32]);
    policy.dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
    server.tickets = Some(policy);
    let identity = Box::leak(Box::new((Arc::new(client), Arc::new(server))));
    let options = Options { identity, ..Options::default() };
    let mut first = Peer::with(target, Stage::Established, options.clone());
    if target == Client {
        first.send_tickets();
    }
    options
}

/// A client with the keys of early data, whose ClientHello the server has.
fn early_client() -> Peer {
    let mut peer = Peer::with(Server, Stage::Begun, resuming(Server));
    peer.send_crypto(Level::Initial);
    assert!(peer.has_keys(ZeroRtt));
    peer
}

fn stream(data: &[u8]) -> Vec<u8> {
    let id = StreamId::from_varint(VarInt::ZERO);
    encode(&Frame::Stream(quic::wire::frame::StreamFrame { id, offset: 0, data, fin: false }))
}

fn is_told_of_a_stream(peer: &Peer) -> bool {
    peer.events.iter().any(|event| matches!(event, Event::Stream(..)))
}

/// RFC 9000 section 12.4-3, 12.5-6: what makes no sense before the server has spoken.
#[test]
fn frames_that_early_data_may_not_hold() {
    let rows: [(u64, Vec<u8>); 6] = [
        (0x02, vec![0x02, 0, 0, 0, 0]),
        (0x06, encode(&Frame::Crypto { offset: 0, data: b"x" })),
        (0x07, encode(&Frame::NewToken { token: b"token" })),
        (0x19, encode(&Frame::RetireConnectionId { sequence_number: 0 })),
        (0x1b, encode(&Frame::PathResponse { data: [0; 8] })),
        (0x1e, encode(&Frame::HandshakeDone)),
    ];
    for (frame_type, frame) in rows {
        let mut peer = early_client();
        peer.send(ZeroRtt, &frame);
        assert_eq!(peer.violation(), Some((Violation::FrameInWrongPacket, frame_type)));
    }
}

/// What may be in it is used at once, and answered under the keys of 1-RTT packets.
/// RFC 9000 section 7-6. RFC 9001 section 5.6-5.
#[test]
fn early_data_is_used_before_the_handshake_is_complete() {
    let mut peer = early_client();
    peer.send(ZeroRtt, &stream(b"early"));
    assert!(is_told_of_a_stream(&peer) && !peer.events.contains(&Event::Established), "{:?}", peer.events);
    assert_eq!(peer.connection().early_data(), EarlyData::Accepted);
    peer.advance_from_keys();
    assert!(peer.is_open());
    // Of the early data there is one packet, and of the handshake none in this space.
    assert_eq!(peer.next_number(ZeroRtt), 1);
    let acknowledged = peer.frames(|kind, frame| matches!((kind, frame), (OneRtt, Frame::Ack(_))).then_some(()));
    assert!(!acknowledged.is_empty());
}

/// RFC 9001 section 4.9.3-3, 4.9.3-4: keys of early data are good for three probe timeouts after the end of the handshake, and no longer.
#[test]
fn early_data_that_comes_late_is_taken_for_a_while() {
    for (wait, is_taken) in [(base::Duration::ZERO, true), (base::Duration::from_secs(8), false)] {
        let mut peer = early_client();
        let late = peer.packet(ZeroRtt, &stream(b"late"), PLAIN);
        peer.advance_from_keys();
        peer.wait(wait);
        peer.deliver(late);
        assert_eq!((is_told_of_a_stream(&peer), peer.is_open()), (is_taken, true), "after {wait:?}");
    }
}

/// Early data that arrives twice counts once. RFC 9000 section 12.3-4.
#[test]
fn a_packet_number_counts_once_for_both_kinds_of_packets() {
    let mut peer = early_client();
    peer.send(ZeroRtt, &stream(b"early"));
    let number = peer.next_number(ZeroRtt) - 1;
    peer.advance_from_keys();
    let before = peer.connection().stats().packets_received;
    let again = peer.packet(OneRtt, &[0x3f], Tweak { number: Some(number), ..PLAIN });
    peer.deliver(again);
    assert_eq!(peer.connection().stats().packets_received, before);
    assert!(peer.is_open(), "it is dropped, whatever is in it");
}

/// A server that accepts early data and gives less than it promised.
pub(super) fn server_that_reduces_a_limit() -> Peer {
    let options = resuming(Client);
    let parameters = Rc::new(|mut parameters: quic::wire::transport_parameters::TransportParameters, side| {
        parameters.initial_max_data -= 1;
        parameters.encode(side, 0)
    });
    let mut peer = Peer::with(Client, Stage::Keys, Options { parameters, ..options });
    peer.send_crypto(Level::Handshake);
    peer
}

#[test]
fn a_server_that_keeps_its_promises_is_established() {
    let mut peer = Peer::with(Client, Stage::Established, resuming(Client));
    assert_eq!(peer.connection().early_data(), EarlyData::Accepted);
    assert_eq!(peer.events.iter().filter(|event| **event == Event::CanSend).count(), 1);
}

/// A server that allows more than it did: that is for 1-RTT packets.
/// RFC 9000 section 7.4.1-10.
#[test]
fn larger_limits_count_from_the_end_of_the_handshake_on() {
    let options = resuming(Client);
    let parameters = Rc::new(|mut parameters: quic::wire::transport_parameters::TransportParameters, side| {
        parameters.initial_max_streams_bidi = 150;
        parameters.encode(side, 0)
    });
    let mut peer = Peer::with(Client, Stage::Keys, Options { parameters, ..options });
    let open = |peer: &mut Peer| std::iter::from_fn(|| peer.connection().open(base::Direction::Bidirectional)).count();
    assert_eq!(open(&mut peer), 100);
    // All of EncryptedExtensions, and a part of Finished.
    let flight = peer.take_crypto(Level::Handshake);
    let (most, rest) = flight.split_at(flight.len() - 1);
    peer.send_frame(Handshake, &Frame::Crypto { offset: 0, data: most });
    assert_eq!((peer.connection().early_data(), open(&mut peer)), (EarlyData::Accepted, 0));
    peer.send_frame(Handshake, &Frame::Crypto { offset: most.len() as u64, data: rest });
    assert!(peer.events.contains(&Event::Established));
    assert_eq!(open(&mut peer), 50);
}

/// RFC 9001 section 4.6.2-2: a server that refuses early data has not read it.
#[test]
fn an_acknowledgment_of_early_data_that_was_refused_is_a_lie() {
    let options = resuming(Client);
    let (client, server) = options.identity.clone();
    let refusing = ServerConfig {
        tickets: server.tickets.clone().map(|mut policy| {
            policy.dangerous_accept_early_data_that_may_be_replayed = None;
            policy
        }),
        ..ServerConfig::clone(&server)
    };
    let identity = Box::leak(Box::new((client, Arc::new(refusing))));
    let mut peer = Peer::with(Client, Stage::Begun, Options { identity, ..options });
    let id = peer.connection().open(base::Direction::Bidirectional).unwrap();
    peer.connection().write_slice(id, b"early").unwrap();
    peer.pump();
    peer.advance_to(Stage::Established);
    assert_eq!(peer.connection().early_data(), EarlyData::Refused);
    assert!(peer.is_open());
    peer.send(OneRtt, &[0x02, 0, 0, 0, 0]);
    assert_eq!(peer.violation(), Some((Violation::AckOfSkippedPacket, 0x02)));
}
