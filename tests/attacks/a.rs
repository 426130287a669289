//! Amplification, spoofing, and what somebody off the path can do.

use crate::support::{MAX, after, breach, crypto, raw, with_parameters};
use adversary::{Options, PLAIN, Peer, Stage, Tweak, identity};
use base::Side::{Client, Server};
use base::{Duration, Random, Reader};
use quic::TransportErrorCode;
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::PacketKind::{Handshake, Initial, OneRtt};
use quic::wire::frame::{AckFrequencyFrame, Frame};
use quic::wire::header::Header;
use quic::{Admission, CloseReason, Config, EndpointConfig, Incoming, Violation};
use sim::SeededRandom;
use std::rc::Rc;
use std::sync::Arc;
use tls::Level;

fn opened(peer: &mut Peer) -> u64 {
    peer.connection().stats().packets_received
}

/// A packet with a short header to nobody.
fn short(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    SeededRandom::new(seed).fill(&mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x3f | 0x40;
    }
    bytes
}

fn of_version(version: u32, destination: &[u8], source: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = vec![0xc3];
    bytes.extend(version.to_be_bytes());
    bytes.push(destination.len() as u8);
    bytes.extend(destination);
    bytes.push(source.len() as u8);
    bytes.extend(source);
    bytes.resize(len.max(bytes.len()), 0);
    bytes
}

/// A client before its first packet, whose ClientHello fits one datagram.
pub(crate) fn one_datagram() -> Peer {
    Peer::with(Server, Stage::Begun, Options { identity: identity::classical(), ..Options::default() })
}

/// A2: three times what came, counted by datagrams, until a Handshake packet comes.
/// RFC 9000 section 8-1, 8.1-2, 8.1-3, 14.1-6.
#[test]
fn a2_a_server_sends_three_times_what_came() {
    let mut peer = one_datagram();
    let hello = peer.take_crypto(Level::Initial);
    let payload = crypto(0, &hello);
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

/// A5 and RFC 9000 section 14.1-4.
#[test]
fn a5_first_packets_that_are_too_small_begin_nothing() {
    let mut peer = one_datagram();
    let hello = peer.take_crypto(Level::Initial);
    let payload = crypto(0, &hello);
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
        let mut payload = crypto(0, &hello);
        payload.resize(payload.len().max(1200), 0);
        let id = ConnectionId::new(&vec![0xab; len]).unwrap();
        peer.rekey_initial(id);
        let packet = peer.packet(Initial, &payload, Tweak { destination: Some(id), ..PLAIN });
        peer.deliver(packet);
        assert_eq!(peer.target.len(), usize::from(len >= 8), "{len}");
        assert_eq!(peer.datagrams.is_empty(), len < 8);
    }
}

/// Long headers of nobody begin nothing, nor do IDs of more than 20 bytes. None is answered but what can be of a connection that is lost:
/// a Handshake packet to an ID as long as ours, by a reset that is far smaller.
/// RFC 9000 section 5.2.2-8, 17.2-3, 17.2-6.
#[test]
fn a5_long_packets_of_no_connection_are_dropped() {
    let mut peer = Peer::against(Server, Stage::Begun);
    for first in [0xc0, 0xd0, 0xe0, 0xf0, 0x80] {
        for len in [8, 20, 21, 255] {
            let mut packet = of_version(1, &vec![1; len], &[2; 8], 1400);
            packet[0] = first;
            peer.deliver(packet);
            let answers: Vec<usize> = peer.datagrams.drain(..).map(|(_, answer)| answer.len()).collect();
            assert_eq!(answers, if (first, len) == (0xe0, 8) { &[42][..] } else { &[] }, "{first:#x} {len}");
            assert!(peer.target.is_empty());
        }
    }
}

/// A6, A7: the peer has lost the connection.
/// RFC 9000 section 10.3-9, 10.3.1-2, 10.3.1-5, 10.2.2-1.
#[test]
fn a6_a_reset_needs_the_token_and_nothing_else_is_one() {
    for long_form in [false, true] {
        let mut peer = Peer::against(Client, Stage::Established);
        let mut reset = vec![0x5b; 60];
        if long_form {
            reset[0] = 0xdb;
        }
        let len = reset.len();
        reset[len - 16..].copy_from_slice(&[0x5a; 16]);
        for cut in 1..16 {
            // Another token is none.
            let mut other = reset.clone();
            other[len - cut] ^= 1;
            peer.deliver(other);
        }
        peer.deliver(vec![0x5a; 20]);
        assert!(peer.is_open());
        peer.deliver(vec![0; 50]);
        assert!(peer.is_open());
        peer.datagrams.clear();
        peer.deliver(reset);
        assert_eq!(peer.reason(), Some(&CloseReason::StatelessReset));
        peer.send(OneRtt, &[1]);
        assert!(peer.datagrams.is_empty(), "a reset is not answered");
        peer.wait(Duration::from_secs(20));
        assert!(peer.target.is_empty());
    }
}

/// A reset that carries the connection's own ID looks like a packet that cannot be opened.
/// RFC 9000 section 10.3.1-2.
#[test]
fn a6_a_reset_to_our_own_id_is_recognised() {
    let mut peer = Peer::against(Client, Stage::Established);
    let mut reset = vec![0x41];
    reset.extend(peer.destination.as_slice());
    reset.resize(60, 0x33);
    reset[44..].copy_from_slice(&[0x5a; 16]);
    peer.deliver(reset);
    assert_eq!(peer.reason(), Some(&CloseReason::StatelessReset));
}

/// A7: the token belongs to the ID, and another endpoint with other secrets gives another.
/// RFC 9000 section 10.3.2-1, 10.3.2-5.
#[test]
fn a7_tokens_come_from_the_id_and_a_secret() {
    let reset = |seed, packet: &[u8]| {
        let mut peer = Peer::with(Server, Stage::Begun, Options { seed, ..Options::default() });
        peer.deliver(packet.to_vec());
        peer.datagrams.pop().unwrap().1.last_chunk::<16>().copied().unwrap()
    };
    let packet = short(100, 1);
    let mut same_id = short(100, 2);
    same_id[1..9].copy_from_slice(&packet[1..9]);
    assert_eq!(reset(1, &packet), reset(1, &same_id));
    assert_ne!(reset(1, &packet), reset(1, &short(100, 2)));
    assert_ne!(reset(1, &packet), reset(2, &packet));
}

/// RFC 9000 section 10.3-6, 10.3-8, 10.3.3-1.
#[test]
fn a8_resets_are_one_byte_shorter_than_their_trigger_and_none_for_small_ones() {
    let mut peer = Peer::against(Server, Stage::Begun);
    for len in 0..=1500usize {
        peer.datagrams.clear();
        peer.deliver(short(len, len as u64));
        // Not so many in a second that the limit counts.
        peer.wait(Duration::from_millis(20));
        if len <= 21 {
            assert!(peer.datagrams.is_empty(), "{len}");
            continue;
        }
        let [(_, reset)] = &peer.datagrams[..] else { panic!("{len}: {:?}", peer.datagrams.len()) };
        assert!(reset.len() == len - 1 || (len > 43 && reset.len() == 42), "{} for {len}", reset.len());
        assert_eq!(reset[0] & 0xc0, 0x40);
    }
}

#[test]
fn a8_resets_are_limited_in_rate() {
    let mut peer = Peer::against(Server, Stage::Begun);
    for number in 0..900 {
        peer.deliver(short(100, number));
    }
    assert!((250..=500).contains(&peer.datagrams.len()), "{} in a second", peer.datagrams.len());
    peer.wait(Duration::from_secs(1));
    peer.deliver(short(100, 1));
    assert!(peer.datagrams.len() <= 501);
}

#[test]
fn a8_two_endpoints_that_do_not_know_each_other_fall_silent() {
    let mut one = Peer::against(Server, Stage::Begun);
    let mut other = Peer::with(Server, Stage::Begun, Options { seed: 5, ..Options::default() });
    let mut datagram = short(1400, 3);
    let mut exchanged = 0;
    loop {
        one.deliver(datagram);
        let Some((_, answer)) = one.datagrams.pop() else { break };
        other.deliver(answer);
        let Some((_, answer)) = other.datagrams.pop() else { break };
        datagram = answer;
        exchanged += 1;
        assert!(exchanged < 30);
    }
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

/// A12 and RFC 9000 section 7.2-3, 7.2-4, 7.2-6: the source of the first packet stays.
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

/// Tokens of IDs that are retired, of slots that were never filled, and of IDs that were not used yet.
/// RFC 9000 section 10.3.1-3.
#[test]
fn a6_stale_and_empty_tokens_reset_nothing() {
    let mut peer = Peer::against(Client, Stage::Established);
    peer.send_frame(OneRtt, &crate::support::new_id(1, 1));
    // The token of the handshake's ID is stale, and sixteen zeros are no token.
    for token in [[0x5a; 16], [0; 16], [0xff; 16]] {
        for len in [21, 22, 40, 1200] {
            let mut packet = short(len, 3);
            packet[len - 16..].copy_from_slice(&token);
            peer.deliver(packet);
            assert!(peer.is_open(), "{token:x?} {len}");
        }
    }
    // A server that gave no token at all.
    let mut peer = Peer::against(Server, Stage::Established);
    for len in [21, 43, 100] {
        let mut packet = short(len, 3);
        packet[len - 16..].fill(0);
        peer.deliver(packet);
    }
    assert!(peer.is_open());
}

#[test]
fn a11_acknowledgments_of_what_was_never_sent() {
    for numbers in [&[1000u64, 0, 0, 0][..], &[(1 << 62) - 1, 0, 0, 0], &[1000, 0, 0, 1000]] {
        let peer = after(Server, &raw(0x02, numbers));
        assert_eq!(peer.violation(), Some((Violation::AckOfUnsentPacket, 0x02)));
    }
    for violation in [Violation::AckOfUnsentPacket, Violation::AckOfSkippedPacket] {
        assert_eq!(violation.code(), TransportErrorCode::PROTOCOL_VIOLATION);
    }
    for kind in [Initial, Handshake] {
        let mut peer = Peer::against(Client, Stage::Keys);
        peer.send(kind, &raw(0x02, &[77, 0, 0, 0]));
        assert_eq!(peer.violation(), Some((Violation::AckOfUnsentPacket, 0x02)));
    }
}

/// RFC 9000 section 7.3-1, 7.3-2, 7.3-3, 7.3-4, 7.3-6, 7.3-7: the connection IDs in the transport parameters, wrong,
/// missing and too many.
#[test]
fn a12_connection_ids_of_the_handshake_are_authenticated() {
    type Set = fn(&mut quic::wire::transport_parameters::TransportParameters, Option<ConnectionId>);
    let (wrong, none) = (ConnectionId::new(&[9; 8]), None);
    let rows: &[(base::Side, Set, Option<ConnectionId>)] = &[
        (Client, |p, id| p.original_destination_connection_id = id, wrong),
        (Client, |p, id| p.original_destination_connection_id = id, none),
        (Client, |p, id| p.original_destination_connection_id = id, Some(ConnectionId::EMPTY)),
        (Client, |p, id| p.initial_source_connection_id = id, wrong),
        (Client, |p, id| p.initial_source_connection_id = id, none),
        (Client, |p, id| p.retry_source_connection_id = id, wrong),
        (Client, |p, id| p.retry_source_connection_id = id, Some(ConnectionId::EMPTY)),
        (Server, |p, id| p.initial_source_connection_id = id, wrong),
        (Server, |p, id| p.initial_source_connection_id = id, none),
    ];
    for (row, (target, set, id)) in rows.iter().enumerate() {
        let (set, id) = (*set, *id);
        let peer = with_parameters(*target, move |mut parameters, side| {
            set(&mut parameters, id);
            parameters.encode(side, 0)
        });
        assert_eq!(peer.violation(), Some((Violation::TransportParameterConnectionId, 0x06)), "row {row}");
    }
    assert_eq!(Violation::TransportParameterConnectionId.code(), TransportErrorCode::TRANSPORT_PARAMETER_ERROR);
}

/// Forgeries are counted to the last one allowed, and keys are renewed before their limit.
#[test]
fn a14_limits_of_the_aead_are_kept_exactly() {
    for limit in [1, 2, 10] {
        let config = Config { max_forged_packets: limit, ..Config::default() };
        let mut peer = Peer::with(Server, Stage::Established, Options { config, ..Options::default() });
        for number in 1..=limit {
            assert!(peer.is_open(), "closed before {number} of {limit}");
            let mut packet = peer.packet(OneRtt, &[0x01; 30], PLAIN);
            let last = packet.len() - 1;
            packet[last] ^= 1;
            peer.deliver(packet);
        }
        assert_eq!(peer.violation(), Some((Violation::AeadLimit, 0)));
        assert_eq!(Violation::AeadLimit.code(), TransportErrorCode::AEAD_LIMIT_REACHED);
    }
    // Without a limit of our own it is the AEAD's, and a few forgeries are nothing.
    let mut peer = Peer::against(Server, Stage::Established);
    for _ in 0..1000 {
        let mut packet = peer.packet(OneRtt, &[0x01; 30], PLAIN);
        packet[20] ^= 1;
        peer.deliver(packet);
    }
    assert!(peer.is_open());
}

/// A13: the token of a Retry packet is good for the client that got it, for its attempt, at the servers that share a key, for a
/// short time; used again in that time it leads to the connection that it began.
#[test]
fn a13_a_token_is_of_use_to_nobody_else_and_not_for_long() {
    let asks_back = |secret: u8| {
        let endpoint = Rc::new(move |config: &mut EndpointConfig| {
            config.on_incoming = Some(Arc::new(|_: &Incoming| Admission::Retry));
            config.token_secret = Some(crypto::Secret::new(&[secret; 32]));
        });
        Peer::with(Server, Stage::Begun, Options { endpoint, ..Options::default() })
    };
    for (port, address, seconds, secret, is_good) in [
        (40_000, 9, 0, 1, true),
        (40_000, 9, 9, 1, true),
        (40_001, 9, 0, 1, false),
        (40_000, 8, 0, 1, false),
        (40_000, 9, 11, 1, false),
        (40_000, 9, 0, 2, false),
    ] {
        let mut peer = asks_back(1);
        let payload = crypto(0, &peer.take_crypto(Level::Initial));
        let first = peer.padded_packet(Initial, &payload);
        peer.deliver(first);
        let (_, retry) = peer.datagrams.pop().expect("an answer");
        let Ok(Header::Retry { source, token, .. }) = Header::decode(&retry, 8) else { panic!("no Retry packet") };
        peer.rekey_initial(source);
        peer.destination = source;
        let mut padded = payload.clone();
        padded.resize(1200, 0);
        let second = peer.packet(Initial, &padded, Tweak { token: retry[token].to_vec().leak(), ..PLAIN });
        if secret != 1 {
            peer.target = asks_back(secret).target;
        }
        peer.wait(Duration::from_secs(seconds));
        let mut four_tuple = peer.four_tuple;
        four_tuple.remote = ([192, 0, 2, address], port).into();
        // Three times the same.
        for _ in 0..3 {
            // A refusal is the same packet each time, because nothing is kept that could tell them apart.
            peer.rekey_initial(source);
            peer.deliver_from(four_tuple, second.clone());
        }
        assert_eq!(peer.target.len(), usize::from(is_good), "{four_tuple:?} {seconds} {secret}");
        let refused = peer.target.stats().strangers.invalid_tokens;
        assert_eq!(refused, if is_good { 0 } else { 3 });
    }
}

fn request(sequence_number: u64, threshold: u64, max_ack_delay: u64, reordering_threshold: u64) -> Frame<'static> {
    Frame::AckFrequency(AckFrequencyFrame { sequence_number, threshold, max_ack_delay, reordering_threshold })
}

fn acks(peer: &Peer) -> usize {
    let frames = |payload: &[u8]| {
        let (mut reader, mut count) = (Reader::new(payload), 0);
        while !reader.is_empty() {
            count += usize::from(matches!(Frame::decode(&mut reader).unwrap(), Frame::Ack(_)));
        }
        count
    };
    peer.received.iter().map(|received| frames(&received.payload)).sum()
}

/// A16: a request costs the target no more than what comes with it: one ACK frame for each packet at most, whatever is asked.
#[test]
fn a16_requests_of_any_size_and_number_cost_an_ack_frame_each_at_most() {
    for side in [Server, Client] {
        let mut peer = Peer::against(side, Stage::Established);
        let before = acks(&peer);
        for number in 0..2_000 {
            match number % 4 {
                0 => peer.send_frame(OneRtt, &request(number, 0, 1_000, 1)),
                1 => peer.send_frame(OneRtt, &request(number, (1 << 62) - 1, 16_383_999, (1 << 62) - 1)),
                2 => peer.send_frame(OneRtt, &request(number, 0, 16_383_999, 0)),
                _ => peer.send_frame(OneRtt, &Frame::ImmediateAck),
            }
        }
        let told = acks(&peer) - before;
        assert!(peer.is_open() && told <= 2_000, "{told} of 2000");
        assert!(told >= 900, "what asks for acknowledgments gets them: {told}");
    }
}

/// A16: sooner than was offered, or later than any acknowledgment may be.
/// draft-ietf-quic-ack-frequency section 4-4.
#[test]
fn a16_a_delay_that_cannot_be_kept_closes_the_connection() {
    for (delay, is_taken) in
        [(0, false), (999, false), (1_000, true), (16_383_999, true), (16_384_000, false), (MAX, false)]
    {
        let mut peer = Peer::against(Server, Stage::Established);
        peer.send_frame(OneRtt, &request(1, 1, delay, 1));
        let expected = (!is_taken).then_some(Violation::RequestedAckDelay);
        assert_eq!(breach(&peer), expected, "{delay}");
    }
}
