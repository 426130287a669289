//! What an endpoint does all the time, whoever its peer is: which packets it reads, under which keys and IDs it sends, and
//! what it says of itself.

use adversary::{Options, PLAIN, Peer, Stage, Tweak, encode};
use base::Side::{Client, Server};
use base::{Duration, Side};
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, Initial, OneRtt, ZeroRtt};
use quic::wire::header::{self, Header};
use quic::wire::transport_parameters::TransportParameters;
use quic::{Config, Event, Violation};
use std::collections::BTreeSet;
use tls::Level;

const BOTH: [Side; 2] = [Client, Server];

fn opened(peer: &mut Peer) -> u64 {
    peer.connection().stats().packets_received
}

/// A packet of another version to an ID of this connection, whole and coalesced with one that counts.
/// RFC 9000 section 5.2.1-2.
#[test]
fn packets_of_another_version_are_dropped() {
    for target in BOTH {
        let mut peer = Peer::against(target, Stage::Established);
        let before = opened(&mut peer);
        let mut other = vec![0xc3, 0x6b, 0x33, 0x43, 0xcf, 8];
        other.extend(peer.destination.as_slice());
        other.push(8);
        other.extend(peer.source.as_slice());
        other.resize(1200, 0);
        peer.deliver(other);
        assert_eq!(opened(&mut peer), before);
        assert!(peer.is_open());
        peer.send(OneRtt, &[1]);
        assert_eq!(opened(&mut peer), before + 1);
    }
}

/// Sealed under keys that would open it, were it of the right type: early data is accepted by nobody who was not told to.
/// RFC 9001 section 4.6.2-1, 5.6-6.
#[test]
fn early_data_is_dropped_unopened() {
    for target in BOTH {
        let mut peer = Peer::against(target, Stage::Established);
        let before = opened(&mut peer);
        for payload in [&[1; 30][..], &[0x3f; 30]] {
            let packet = peer.packet(ZeroRtt, payload, PLAIN);
            peer.deliver(packet);
        }
        assert_eq!(opened(&mut peer), before);
        assert!(peer.is_open());
    }
}

/// Lost first packets are repeated to the ID that the first one went to, until the server has chosen its own.
/// RFC 9000 section 7.2-2, 7.2-4.
#[test]
fn a_client_keeps_its_first_destination_until_the_server_speaks() {
    let mut peer = Peer::against(Client, Stage::Begun);
    peer.wait(Duration::from_secs(8));
    assert!(peer.datagrams.len() >= 3, "repeated: {}", peer.datagrams.len());
    let destinations = |peer: &Peer| -> BTreeSet<Vec<u8>> {
        let all = peer.datagrams.iter().map(|(_, datagram)| header::destination_connection_id(datagram, 8).unwrap());
        all.map(<[u8]>::to_vec).collect()
    };
    assert_eq!(destinations(&peer), BTreeSet::from([peer.original.as_slice().to_vec()]));
    peer.forget();
    peer.send(Initial, &[1]);
    peer.wait(Duration::from_secs(1));
    assert_eq!(destinations(&peer), BTreeSet::from([peer.source.as_slice().to_vec()]));
}

/// All packets of a datagram go to one ID, also where the handshake changes it.
/// RFC 9000 section 12.2-4.
#[test]
fn a_datagram_goes_to_one_id() {
    let mut coalesced = 0;
    for target in BOTH {
        for stage in [Stage::Begun, Stage::Keys, Stage::Established] {
            let mut peer = Peer::against(target, stage);
            peer.wait(Duration::from_secs(3));
            for (_, datagram) in &peer.datagrams {
                let first = header::destination_connection_id(datagram, 8).unwrap();
                let mut rest = &datagram[..];
                let mut packets = 0;
                while let Ok(Header::Initial(long) | Header::Handshake(long)) = Header::decode(rest, 8) {
                    assert_eq!(long.destination.as_slice(), first, "{target:?} {stage:?}");
                    rest = &rest[long.end..];
                    packets += 1;
                }
                if !rest.is_empty() {
                    assert_eq!(header::destination_connection_id(rest, 8), Some(first), "{target:?} {stage:?}");
                    packets += 1;
                }
                coalesced += usize::from(packets > 1);
            }
        }
    }
    assert!(coalesced >= 2, "there are datagrams of several packets");
}

/// A packet whose last frame breaks the rules is not acknowledged by what is said of it.
/// RFC 9000 section 13.1-1, 5.2-2.
#[test]
fn a_packet_that_breaks_the_rules_is_not_acknowledged() {
    for target in BOTH {
        let mut peer = Peer::against(target, Stage::Established);
        let number = peer.next_number(OneRtt);
        peer.send(OneRtt, &[1, 1, 0x3f]);
        assert_eq!(peer.violation(), Some((Violation::UnknownFrameType, 0x3f)));
        peer.wait(Duration::from_secs(5));
        let acknowledged = peer.frames(|kind, frame| match frame {
            Frame::Ack(ack) if kind == OneRtt => Some(ack.largest.value()),
            _ => None,
        });
        assert!(acknowledged.iter().all(|largest| *largest < number), "{number}: {acknowledged:?}");
    }
}

/// 1-RTT packets are acknowledged in 1-RTT packets, also while there are Handshake keys.
/// RFC 9000 section 13.2.6-1, 13.2.6-2, 17.2.3-4.
#[test]
fn packets_are_acknowledged_in_their_own_space() {
    for target in BOTH {
        let mut peer = Peer::against(target, Stage::Established);
        for _ in 0..40 {
            peer.send(OneRtt, &[1]);
        }
        peer.wait(Duration::from_secs(1));
        let acknowledged = peer.frames(|kind, frame| match frame {
            Frame::Ack(ack) => Some((kind, ack.largest.value())),
            _ => None,
        });
        let largest = |of| acknowledged.iter().filter(|(kind, _)| *kind == of).map(|(_, largest)| *largest).max();
        assert!(largest(OneRtt) >= Some(39), "{target:?}: {acknowledged:?}");
        // What was sent in the handshake takes no more than a few packets.
        for kind in [Initial, Handshake] {
            assert!(largest(kind) < Some(20), "{target:?}: {acknowledged:?}");
        }
    }
}

/// The bit that observers measure round trips by: a server sends it back and a client turns it over, in 15 of 16 connections;
/// in the others, and where the administrator wants none, it follows nothing.
/// RFC 9000 section 17.4-3, 17.4-4, 17.4-5.
#[test]
fn the_spin_bit_shows_a_round_trip_unless_it_is_disabled() {
    // Whether each answer has the bit of what it answers, or the other.
    let follows = |target, spin_bit, seed| {
        let config = Config { spin_bit, ..Config::default() };
        let mut peer = Peer::with(target, Stage::Established, Options { seed, config, ..Options::default() });
        peer.acknowledge_all(OneRtt);
        let turned = u8::from(target == Client);
        let mut follows = true;
        for round in [0, 1, 1, 0, 0, 1, 0, 1] {
            peer.datagrams.clear();
            for _ in 0..2 {
                let packet = peer.packet(OneRtt, &[1], Tweak { first_byte: round << 5, ..PLAIN });
                peer.deliver(packet);
            }
            let (_, datagram) = peer.datagrams.last().expect("an acknowledgment");
            follows &= datagram[0] >> 5 & 1 == round ^ turned;
        }
        assert!(peer.is_open());
        follows
    };
    for target in BOTH {
        let enabled = (0..200).filter(|seed| follows(target, true, *seed)).count();
        assert!((170..198).contains(&enabled), "{target:?}: {enabled} of 200");
        assert_eq!((0..20).filter(|seed| follows(target, false, *seed)).count(), 0, "{target:?}");
    }
}

/// RFC 9000 section 19.20-1.
#[test]
fn a_server_says_that_the_handshake_is_done_when_it_is() {
    let said = |peer: &Peer| peer.frames(|_, frame| matches!(frame, Frame::HandshakeDone).then_some(())).len();
    let mut peer = Peer::against(Server, Stage::Keys);
    peer.wait(Duration::from_secs(3));
    assert_eq!(said(&peer), 0);
    peer.send_crypto(Level::Handshake);
    assert!(peer.events.contains(&Event::Established) && said(&peer) == 1);
}

/// A hundred connection IDs, as the peer uses up one after the other: of one length, each another, none asked back.
/// RFC 9000 section 5.1-2, 5.1.1-1, 10.3.2-2, 10.3.2-5, 19.15-6.
#[test]
fn every_connection_id_is_another() {
    let mut peer = Peer::against(Server, Stage::Established);
    for retired in 0..100 {
        let newest = peer.frames(|_, frame| match frame {
            Frame::NewConnectionId { sequence_number, connection_id, .. } => Some((*sequence_number, *connection_id)),
            _ => None,
        });
        let (_, newest) = newest.into_iter().max_by_key(|(number, _)| *number).expect("an ID");
        let mut payload = vec![0x19];
        adversary::push(&mut payload, retired);
        let packet = peer.packet(OneRtt, &payload, Tweak { destination: Some(newest), ..PLAIN });
        peer.deliver(packet);
        assert!(peer.is_open(), "{:?}", peer.events);
    }
    let given: BTreeSet<(u64, Vec<u8>, [u8; 16])> = peer
        .frames(|_, frame| match frame {
            Frame::NewConnectionId { sequence_number, retire_prior_to, connection_id, reset_token } => {
                assert_eq!((*retire_prior_to, connection_id.len()), (0, 8));
                Some((*sequence_number, connection_id.as_slice().to_vec(), reset_token.0))
            }
            _ => None,
        })
        .into_iter()
        .collect();
    assert!(given.len() > 100, "{}", given.len());
    let numbers: Vec<u64> = given.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=given.len() as u64).collect::<Vec<_>>());
    let ids: BTreeSet<&[u8]> = given.iter().map(|(_, id, _)| &id[..]).collect();
    let tokens: BTreeSet<[u8; 16]> = given.iter().map(|(.., token)| *token).collect();
    assert_eq!((ids.len(), tokens.len()), (given.len(), given.len()));
}

/// RFC 9000 section 17.2.1-7, 5.2.2-3.
#[test]
fn a_datagram_of_several_unknown_packets_is_answered_once() {
    let mut peer = Peer::against(Server, Stage::Begun);
    let mut packet = vec![0xc3, 0x0a, 0x0a, 0x0a, 0x0a, 8];
    packet.extend([1; 8]);
    packet.push(8);
    packet.extend([2; 8]);
    packet.resize(300, 0);
    peer.deliver(packet.repeat(5));
    assert_eq!(peer.datagrams.len(), 1);
}

/// The first keys are kept until both sides know that the handshake is done, however soon they are to be changed.
/// RFC 9001 section 6.1-1, 6.1-2.
#[test]
fn keys_are_not_updated_before_the_handshake_is_confirmed() {
    let config = Config { key_update_packets: 1, ..Config::default() };
    let mut peer = Peer::with(Client, Stage::Established, Options { config, ..Options::default() });
    let mut sent = 0;
    // Each is opened by a peer that knows the first keys only, and acknowledged.
    for _ in 0..20 {
        peer.send(OneRtt, &[1]);
        peer.send(OneRtt, &[1]);
        peer.acknowledge_all(OneRtt);
        let numbers = peer.numbers(OneRtt);
        assert!(numbers.len() > sent, "packets under other keys are not opened");
        sent = numbers.len();
    }
    assert!(peer.is_open());
}

/// As many unidirectional streams as HTTP/3 needs, and connection IDs enough for a move.
/// RFC 9114 section 6.2-1.
#[test]
fn what_is_offered_is_enough_for_http() {
    for target in BOTH {
        let peer = Peer::against(target, Stage::Established);
        let parameters = TransportParameters::decode(&peer.peer_parameters(), target).unwrap();
        assert!(parameters.initial_max_streams_uni >= 3 && parameters.active_connection_id_limit >= 2);
        assert!(parameters.initial_source_connection_id.is_some_and(|id| id != ConnectionId::EMPTY));
    }
}

/// Keys are updated well before any cipher suite forbids another packet.
/// RFC 9001 section 5.3-3, 6.6-3.
#[test]
fn the_usual_time_for_new_keys_is_before_the_limit_of_every_suite() {
    let packets = Config::default().key_update_packets;
    for suite in crypto_ring::PROVIDER.cipher_suites {
        assert!(2 * packets <= suite.aead.confidentiality_limit(), "{suite:?}");
    }
}

/// An answer to a challenge is in the next datagram, without a wait.
/// RFC 9000 section 8.2.2-2.
#[test]
fn challenges_are_answered_at_once() {
    for target in BOTH {
        let mut peer = Peer::against(target, Stage::Established);
        peer.forget();
        peer.send(OneRtt, &encode(&Frame::PathChallenge { data: [9; 8] }));
        let answers = peer.frames(|_, frame| matches!(frame, Frame::PathResponse { data: [9, ..] }).then_some(()));
        assert_eq!(answers.len(), 1, "{target:?}");
    }
}
