//! Connection IDs, challenges and acknowledgments of an authenticated peer that means harm (attacks M1, M2, M3, A11).

use adversary::{PLAIN, Peer, Stage, Tweak, push};
use base::Side::{Client, Server};
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
    // The first ID was retired: nothing is found by it.
    let before = peer.connection().stats().packets_received;
    peer.send(OneRtt, &[1]);
    assert_eq!(peer.connection().stats().packets_received, before);
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
