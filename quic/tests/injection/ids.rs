//! Connection IDs, challenges and acknowledgments of an authenticated peer that means harm (attacks M1, M2, M3, A11).

use adversary::{PLAIN, Peer, Stage, Tweak, push};
use base::Duration;
use base::Side::{Client, Server};
use quic::Violation;
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::OneRtt;

fn new_id(number: u64, retire_prior_to: u64) -> Frame<'static> {
    Frame::NewConnectionId {
        sequence_number: number,
        retire_prior_to,
        connection_id: ConnectionId::new(&[number as u8 + 1; 8]).unwrap(),
        reset_token: ResetToken([number as u8 + 1; 16]),
    }
}

/// M1: replacing IDs one by one is fine as long as our retirements are acknowledged.
#[test]
fn m1_ids_are_replaced_and_what_is_asked_back_is_retired() {
    for target in [Client, Server] {
        let mut peer = Peer::against(target, Stage::Established);
        if target == Client {
            peer.send_frame(OneRtt, &Frame::HandshakeDone);
        }
        for number in 1..200u64 {
            peer.send_frame(OneRtt, &new_id(number, number));
            // The pacer may make it wait a little.
            peer.wait(Duration::from_millis(10));
            let retired = peer.frames(|_, frame| match frame {
                Frame::RetireConnectionId { sequence_number } => Some(*sequence_number),
                _ => None,
            });
            assert!(retired.contains(&(number - 1)), "{retired:?}");
            peer.acknowledge_all(OneRtt);
            assert!(peer.is_open(), "{number}: {:?}", peer.events);
        }
        // Repeating an old frame is no harm.
        peer.send_frame(OneRtt, &new_id(199, 199));
        peer.send_frame(OneRtt, &new_id(3, 3));
        assert!(peer.is_open());
        // What the target sends goes to the ID that is left.
        peer.datagrams.clear();
        peer.send(OneRtt, &[1]);
        peer.send(OneRtt, &[1]);
        assert_eq!(peer.datagrams.last().unwrap().1[1..9], [200; 8]);
    }
}

/// The peer retires ours: it is given others, never more than its limit at a time.
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
    // The first ID was retired: nothing is found by it.
    let before = peer.connection().stats().packets_received;
    peer.send(OneRtt, &[1]);
    assert_eq!(peer.connection().stats().packets_received, before);
}

/// M2: an answer or two, each once, whatever was asked; full datagrams (RFC 9000 section 8.2.2).
#[test]
fn m2_a_flood_of_challenges_is_answered_a_little() {
    let mut peer = Peer::against(Server, Stage::Established);
    let mut payload = Vec::new();
    for number in 0..100u64 {
        payload.push(0x1a);
        payload.extend(number.to_be_bytes());
    }
    let answers = |peer: &Peer| {
        peer.frames(|_, frame| match frame {
            Frame::PathResponse { data } => Some(u64::from_be_bytes(*data)),
            _ => None,
        })
    };
    peer.datagrams.clear();
    peer.send(OneRtt, &payload);
    assert_eq!(answers(&peer), [98, 99]);
    assert_eq!(peer.datagrams.last().unwrap().1.len(), 1200);
    peer.wait(Duration::from_secs(5));
    assert_eq!(answers(&peer), [98, 99], "an answer is not repeated");
    // Without acknowledgments the window closes, and still nothing piles up.
    for _ in 0..2000 {
        peer.send(OneRtt, &payload);
    }
    assert!(peer.connection().stats().bytes_in_flight <= 20_000);
}

/// A11: an ACK of everything that could have been sent is found out by the number that was left out.
#[test]
fn a11_optimistic_acknowledgments_are_found_out() {
    for target in [Client, Server] {
        let mut peer = Peer::against(target, Stage::Established);
        let mut rounds = 0;
        while peer.is_open() && rounds < 2000 {
            rounds += 1;
            peer.send(OneRtt, &[1]);
            peer.send(OneRtt, &[1]);
            let Some(last) = peer.numbers(OneRtt).last().copied() else { continue };
            peer.acknowledge(OneRtt, 0, last);
        }
        assert_eq!(peer.violation(), Some((Violation::AckOfSkippedPacket, 0x02)), "after {rounds} rounds");
        assert!(rounds < 200);
    }
}

/// An honest peer never notices.
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

/// M9: who asks and never acknowledges makes us remember nothing.
#[test]
fn m9_a_peer_that_never_acknowledges_costs_nothing() {
    let mut peer = Peer::against(Server, Stage::Established);
    for _ in 0..20_000 {
        peer.send(OneRtt, &[1]);
        peer.datagrams.clear();
        peer.received.clear();
    }
    assert!(peer.is_open());
    assert!(peer.connection().stats().bytes_in_flight <= 20_000);
}

/// C1, P7: an ACK whose ranges are many or reach below zero.
#[test]
fn c1_acknowledgments_with_absurd_counts() {
    for (range_count, expected) in [((1u64 << 62) - 1, Violation::FrameTruncated), (40, Violation::FrameTruncated)] {
        let mut peer = Peer::against(Server, Stage::Established);
        let mut payload = vec![0x02, 0, 0];
        push(&mut payload, range_count);
        payload.push(0);
        peer.send(OneRtt, &payload);
        assert_eq!(peer.violation(), Some((expected, 0x02)));
    }
}

/// RFC 9000 section 5.1.1: the ID of a preferred address is number 1, also for a client that does not go there.
#[test]
fn the_id_of_a_preferred_address_can_be_asked_back() {
    use adversary::Options;
    use quic::wire::transport_parameters::PreferredAddress;
    let parameters = |mut parameters: quic::wire::transport_parameters::TransportParameters, side| {
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
