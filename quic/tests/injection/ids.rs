//! Connection IDs, challenges and acknowledgments of an authenticated peer that means harm (attacks M1, M2, M3, A11).

use adversary::{Options, PLAIN, Peer, Stage, Tweak, encode, push};
use base::Side::{Client, Server};
use quic::Violation;
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, OneRtt};
use quic::wire::transport_parameters::TransportParameters;

fn new_id(number: u64, retire_prior_to: u64) -> Frame<'static> {
    Frame::NewConnectionId {
        sequence_number: number,
        retire_prior_to,
        connection_id: ConnectionId::new(&[number as u8 + 1; 8]).unwrap(),
        reset_token: ResetToken([number as u8 + 1; 16]),
    }
}

/// The peer retires ours: it is given others, never more than its limit at a time.
/// RFC 9000 section 5.1.1-2, 5.1.1-4.
#[test]
fn retired_ids_are_replaced() {
    let mut peer = Peer::against(Server, Stage::Established);
    for retired in 0..100 {
        let given = peer.frames(|_, frame| match frame {
            Frame::NewConnectionId { sequence_number, connection_id, .. } => Some((*sequence_number, *connection_id)),
            _ => None,
        });
        let (newest, id) = given.into_iter().max_by_key(|(number, _)| *number).expect("an ID");
        assert!(newest - retired < 4, "{newest} is out while only those before {retired} are retired");
        let mut payload = vec![0x19];
        push(&mut payload, retired);
        let packet = peer.packet(OneRtt, &payload, Tweak { destination: Some(id), ..PLAIN });
        peer.deliver(packet);
        assert!(peer.is_open());
    }
    // The first ID was retired: nothing is found by it, and a connection that lives needs no reset.
    let before = peer.connection().stats().packets_received;
    peer.datagrams.clear();
    peer.send(OneRtt, &[1; 50]);
    assert_eq!(peer.connection().stats().packets_received, before);
    assert!(peer.datagrams.is_empty());
}

/// RFC 9000 section 11-4.
#[test]
fn a_late_packet_to_a_retired_id_is_no_reason_for_a_reset() {
    let mut peer = Peer::against(Server, Stage::Established);
    let ids = peer.frames(|_, frame| match frame {
        Frame::NewConnectionId { connection_id, .. } => Some(*connection_id),
        _ => None,
    });
    let first = peer.destination;
    let retire = [0x19, 0];
    let packet = peer.packet(OneRtt, &retire, Tweak { destination: Some(ids[0]), ..PLAIN });
    peer.deliver(packet);
    let elsewhere = base::FourTuple { remote: "198.51.100.7:7".parse().unwrap(), ..peer.four_tuple };
    for four_tuple in [peer.four_tuple, elsewhere] {
        peer.datagrams.clear();
        let late = peer.packet(OneRtt, &[1; 50], Tweak { destination: Some(first), ..PLAIN });
        peer.deliver_from(four_tuple, late);
        assert!(peer.datagrams.is_empty() && peer.is_open());
    }
    // An ID that nobody retired, as of a connection that was lost: then there is one.
    let mut lost = first;
    for byte in 0..=u8::MAX {
        lost = ConnectionId::new(&[&[byte], &first.as_slice()[1..]].concat()).unwrap();
        if lost != first && !ids.contains(&lost) {
            break;
        }
    }
    let packet = peer.packet(OneRtt, &[1; 50], Tweak { destination: Some(lost), ..PLAIN });
    peer.deliver(packet);
    assert_eq!(peer.datagrams.len(), 1);
}

/// RFC 9000 section 18.2-8.
#[test]
fn the_limit_of_ids_that_is_advertised_is_the_one_that_is_kept() {
    for (wanted, limit) in [(0, 2), (1, 2), (2, 2), (5, 5), (16, 16), (1000, 16)] {
        let config = quic::Config { active_connection_id_limit: wanted, ..quic::Config::default() };
        let mut peer = Peer::with(Server, Stage::Established, Options { config, ..Options::default() });
        let parameters = TransportParameters::decode(&peer.peer_parameters(), Server).unwrap();
        assert_eq!(parameters.active_connection_id_limit, limit);
        for number in 1..limit {
            peer.send(OneRtt, &encode(&new_id(number, 0)));
            assert!(peer.is_open(), "{number} of {limit}");
        }
        peer.send(OneRtt, &encode(&new_id(limit, 0)));
        assert_eq!(peer.violation().map(|(violation, _)| violation), Some(Violation::ConnectionIdLimit));
    }
}

/// RFC 9000 section 10.3: packets to a peer with short IDs are long enough for its resets to look like packets, and what only
/// acknowledges counts no more for that.
#[test]
fn packets_to_short_ids_are_no_shorter_than_a_packet_to_ours() {
    for len in 0..=9 {
        let source = ConnectionId::new(&[0x77; 20][..len]).unwrap();
        let mut peer = Peer::with(Server, Stage::Established, Options { source, ..Options::default() });
        peer.acknowledge_all(OneRtt);
        peer.datagrams.clear();
        for _ in 0..10 {
            peer.send(OneRtt, &[1]);
        }
        let now = peer.now;
        peer.connection().close(now, base::VarInt::from_u32(7), b"");
        assert_eq!(peer.connection().stats().bytes_in_flight, 0, "{len}");
        peer.pump();
        assert!(peer.datagrams.len() >= 6);
        for (_, datagram) in &peer.datagrams {
            assert!(datagram.len() >= 22 + peer.destination.len(), "{} bytes to {len}", datagram.len());
        }
    }
}

/// RFC 9000 section 12.2: what follows in a datagram goes to the same ID.
#[test]
fn the_packets_of_a_datagram_are_sent_to_one_id() {
    let mut peer = Peer::against(Server, Stage::Keys);
    let received = |peer: &Peer| {
        let handle = peer.target.handles().next().unwrap();
        peer.target.connection(handle).unwrap().stats().packets_received
    };
    let original = Tweak { destination: Some(peer.original), ..PLAIN };
    for (second, count) in [(original, 1), (PLAIN, 2)] {
        let before = received(&peer);
        let first = peer.packet(Handshake, &[1], PLAIN);
        let second = peer.packet(Handshake, &[1], second);
        peer.deliver([first, second].concat());
        assert_eq!(received(&peer) - before, count);
    }
}

/// An honest peer never notices.
/// RFC 9000 section 12.3-1, 12.3-2.
#[test]
fn honest_acknowledgments_of_many_packets_are_fine() {
    let mut peer = Peer::against(Server, Stage::Established);
    for _ in 0..3000 {
        peer.send(OneRtt, &[1]);
        peer.send(OneRtt, &[1]);
        let last = *peer.numbers(OneRtt).last().unwrap();
        peer.acknowledge(OneRtt, last, last);
        assert!(peer.is_open(), "{:?}", peer.events);
        peer.datagrams.clear();
    }
    let numbers = peer.numbers(OneRtt);
    let skipped = numbers.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
    assert!((3..20).contains(&skipped), "{skipped} of {}", numbers.len());
}

/// RFC 9000 section 5.1.1: the ID of a preferred address is number 1, also for a client that does not go there.
#[test]
fn the_id_of_a_preferred_address_can_be_asked_back() {
    use adversary::Options;
    use quic::wire::transport_parameters::PreferredAddress;
    let parameters = |mut parameters: TransportParameters, side| {
        parameters.preferred_address = Some(PreferredAddress {
            ipv4: None,
            ipv6: None,
            connection_id: ConnectionId::new(&[2; 8]).unwrap(),
            stateless_reset_token: ResetToken([2; 16]),
        });
        parameters.encode(side, 0)
    };
    let mut peer = Peer::with(
        Client,
        Stage::Established,
        Options { parameters: std::rc::Rc::new(parameters), ..Options::default() },
    );
    peer.send_frame(OneRtt, &new_id(2, 2));
    let mut retired = peer.frames(|_, frame| match frame {
        Frame::RetireConnectionId { sequence_number } => Some(*sequence_number),
        _ => None,
    });
    retired.sort();
    assert_eq!(retired, [0, 1]);
    assert!(peer.is_open());
}
