//! Memory: every queue that a peer can grow has a number.

use crate::support::{breach, crypto, first_packet, flooded, id, new_id, raw, stream};
use adversary::heap::Meter;
use adversary::http::{POST, Script, frame, headers};
use adversary::{Options, PLAIN, Peer, Stage, Tweak, encode, push, work};
use base::Side::{Client, Server};
use base::{Bytes, Duration, VarInt};
use h3::Limits;
use http::capsule::{self, CapsuleReader};
use quic::TransportErrorCode;
use quic::internals::MAX_SEGMENTS;
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::Frame;
use quic::wire::frame::PacketKind::{Handshake, Initial, OneRtt};
use quic::{Config, Event, StreamEvent, Violation};
use quic::{Read, StreamsConfig};
use std::rc::Rc;
use tls::Level;

/// Frames of a flood are sent by the packet, until the target closes. How many frames that took.
fn flood(peer: &mut Peer, count: u64, mut frame: impl FnMut(u64) -> Vec<u8>) -> u64 {
    let mut number = 0;
    while number < count && peer.is_open() {
        let mut payload = Vec::new();
        while payload.len() < 1100 && number < count {
            payload.extend(frame(number));
            number += 1;
        }
        peer.send(OneRtt, &payload);
        peer.events.retain(|event| matches!(event, Event::Closed(_)));
    }
    number
}

/// RFC 9000 section 5.1.2-7.
#[test]
fn m1_retirements_that_are_never_acknowledged_end_the_connection() {
    for in_one_packet in [false, true] {
        let mut peer = Peer::against(Server, Stage::Established);
        let meter = Meter::start();
        let mut sent = 0;
        while peer.is_open() && sent < 1_000_000 {
            sent += 1;
            if in_one_packet {
                let burst: Vec<u8> = (sent..sent + 30).flat_map(|number| encode(&new_id(number, number))).collect();
                peer.send(OneRtt, &burst);
            } else {
                peer.send_frame(OneRtt, &new_id(sent, sent));
            }
        }
        assert_eq!(peer.violation(), Some((Violation::TooManyRetired, 0x18)));
        assert_eq!(Violation::TooManyRetired.code(), TransportErrorCode::CONNECTION_ID_LIMIT_ERROR);
        // Twice our active_connection_id_limit of four.
        assert!(sent <= 2 * 4 + 1, "closed only after {sent}");
        assert!(meter.held() < 64 << 10);
    }
}

/// Replacing IDs one by one is fine as long as our retirements are acknowledged, and nothing of them is kept.
/// RFC 9000 section 5.1.2-4, 19.15-4, 19.15-8.
#[test]
fn m1_ids_are_replaced_and_what_is_asked_back_is_retired() {
    for target in [Client, Server] {
        let mut peer = Peer::against(target, Stage::Established);
        if target == Client {
            peer.send_frame(OneRtt, &Frame::HandshakeDone);
        }
        let mut meter = Meter::start();
        for number in 1..2000u64 {
            if number == 200 {
                meter = Meter::start();
            }
            peer.send_frame(OneRtt, &new_id(number, number));
            // The pacer may make it wait a little.
            peer.wait(Duration::from_millis(10));
            let retired = peer.frames(|_, frame| match frame {
                Frame::RetireConnectionId { sequence_number } => Some(*sequence_number),
                _ => None,
            });
            assert!(retired.contains(&(number - 1)), "{retired:?}");
            peer.acknowledge_all(OneRtt);
            peer.forget();
            assert!(peer.is_open(), "{number}: {:?}", peer.events);
        }
        assert!(meter.held() < 4096, "{}", meter.held());
        // Repeating an old frame is no harm.
        peer.send_frame(OneRtt, &new_id(1999, 1999));
        peer.send_frame(OneRtt, &new_id(3, 3));
        assert!(peer.is_open());
        // What the target sends goes to the ID that is left.
        peer.forget();
        peer.send(OneRtt, &[1]);
        peer.send(OneRtt, &[1]);
        assert_eq!(peer.datagrams.last().unwrap().1[1..9], (1999 + (1u64 << 32)).to_be_bytes());
    }
}

/// What is asked is answered, once each, in full datagrams, as far as the window lets it; of a flood the newest (RFC 9000 section
/// 8.2.2-1, 8.2.2-5, 8.2.2-7, 19.17-1).
#[test]
fn m2_a_million_challenges_are_answered_a_little() {
    let mut peer = Peer::against(Server, Stage::Established);
    let challenge = |number: u64| encode(&Frame::PathChallenge { data: number.to_be_bytes() });
    let answers = |peer: &Peer| {
        peer.frames(|_, frame| match frame {
            Frame::PathResponse { data } => Some(u64::from_be_bytes(*data)),
            _ => None,
        })
    };
    peer.forget();
    peer.send(OneRtt, &(0..100).flat_map(challenge).collect::<Vec<u8>>());
    let all: Vec<u64> = (0..100).collect();
    assert_eq!(answers(&peer), all);
    assert_eq!(peer.datagrams.last().unwrap().1.len(), 1200);
    peer.wait(Duration::from_secs(5));
    assert_eq!(answers(&peer), all, "an answer is not repeated");
    // Without acknowledgments the window closes, and still nothing piles up.
    peer.forget();
    peer.keeps = false;
    let meter = Meter::start();
    assert_eq!(flood(&mut peer, 1_000_000, challenge), 1_000_000);
    assert!(peer.is_open());
    assert!(peer.connection().stats().bytes_in_flight <= 20_000);
    assert!(meter.peak() < 64 << 10, "{}", meter.peak());
    // Once the way is free only the newest are answered, and nothing that was asked before.
    peer.keeps = true;
    let largest = peer.largest(OneRtt).unwrap();
    peer.acknowledge(OneRtt, largest, largest);
    peer.wait(Duration::from_secs(1));
    assert!(
        answers(&peer).len() <= 256 && answers(&peer).iter().all(|number| *number >= 999_744),
        "{:?}",
        answers(&peer)
    );
}

/// RFC 9000 section 7.5-3, 19.6-1.
#[test]
fn m3_crypto_data_far_ahead_or_without_end() {
    for bits in 17..62 {
        for (target, stage, kind) in [
            (Server, Stage::Begun, Initial),
            (Server, Stage::Keys, Handshake),
            (Client, Stage::Keys, Handshake),
            (Client, Stage::Established, OneRtt),
            (Server, Stage::Established, OneRtt),
        ] {
            let mut peer = Peer::against(target, stage);
            let payload = crypto((1 << bits) - 1, b"x");
            let datagram = peer.padded_packet(kind, &payload);
            let meter = Meter::start();
            peer.deliver(datagram);
            assert!(meter.peak() <= 64 << 10, "{}", meter.peak());
            let closes = peer.closes();
            assert!(!closes.is_empty() && closes.iter().all(|close| (close.1, close.2) == (0x0d, Some(0x06))));
        }
    }
    // As far ahead as is held: one datagram of 1200 bytes costs no more than what a connection costs.
    let mut peer = Peer::against(Server, Stage::Begun);
    let datagram = peer.padded_packet(Initial, &crypto(65_000, &[7; 500]));
    let meter = Meter::start();
    peer.deliver(datagram);
    assert!(meter.peak() <= 64 << 10, "{}", meter.peak());
    // All that is held, behind a gap that is never filled; then one byte more.
    let mut peer = Peer::against(Server, Stage::Keys);
    peer.keeps = false;
    let meter = Meter::start();
    let mut offset = 1;
    while offset + 1000 <= 65_536 {
        peer.send(Handshake, &crypto(offset, &[7; 1000]));
        offset += 1000;
    }
    // Once, and as much again while a piece grows.
    assert!(meter.peak() <= (2 * 64 + 8) << 10, "{}", meter.peak());
    peer.keeps = true;
    peer.send(Handshake, &crypto(65_536, b"x"));
    assert!(peer.closes().iter().all(|close| close.1 == 0x0d) && !peer.closes().is_empty());
    // Tickets without end.
    let body = [&[0, 0, 0, 9][..], &[1, 2, 3, 4], &[1, 7], &[3, 232], &[5; 1000], &[0, 0]].concat();
    let message = [&[4, 0][..], &(body.len() as u16).to_be_bytes(), &body].concat();
    let mut peer = flooded(Client, Config::default());
    let meter = Meter::start();
    let mut offset = 0;
    while peer.is_open() && offset < 100_000_000 {
        peer.send(OneRtt, &crypto(offset, &message));
        offset += message.len() as u64;
    }
    assert_eq!(breach(&peer), Some(Violation::CryptoAfterHandshakeFlood));
    assert_eq!(Violation::CryptoAfterHandshakeFlood.code(), TransportErrorCode::CRYPTO_BUFFER_EXCEEDED);
    assert!(offset < 300_000 && meter.peak() < 64 << 10, "{offset} {}", meter.peak());
}

#[test]
fn m4_one_byte_at_every_other_offset() {
    // On one stream: a cap, and the close.
    let mut peer = flooded(Server, Config::default());
    let meter = Meter::start();
    let sent = flood(&mut peer, 250_000, |number| encode(&stream(0, 2 * number + 1, b"x", false)));
    assert_eq!(breach(&peer), Some(Violation::StreamTooFragmented));
    assert!(sent < 2 * MAX_SEGMENTS as u64 && meter.peak() < 512 << 10, "{sent} {}", meter.peak());
    // On as many streams as are allowed, each below its cap: a cap over all.
    let mut peer = flooded(Server, Config::default());
    let meter = Meter::start();
    let sent =
        flood(&mut peer, 1_000_000, |number| encode(&stream(4 * (number % 256), 2 * (number / 256) + 1, b"x", false)));
    assert_eq!(breach(&peer), Some(Violation::StreamTooFragmented));
    assert!(sent < 8192, "{sent}");
    // 100 bytes of overhead a piece, and what 256 streams take themselves.
    assert!(meter.peak() < 1 << 20, "{}", meter.peak());
    // In CRYPTO.
    let mut peer = Peer::against(Server, Stage::Keys);
    peer.keeps = false;
    let meter = Meter::start();
    for packet in 0..40u64 {
        let pieces: Vec<u8> = (0..100).flat_map(|piece| crypto(2 * (100 * packet + piece) + 1, b"x")).collect();
        peer.send(Handshake, &pieces);
    }
    assert!(meter.peak() < 512 << 10, "{}", meter.peak());
    peer.wait(Duration::from_millis(1));
    peer.advance_is_refused();
}

/// A script that wants to know that the handshake is over.
trait Refused {
    fn advance_is_refused(&mut self);
}

impl Refused for Peer {
    fn advance_is_refused(&mut self) {
        self.send_crypto(Level::Handshake);
        assert!(!self.events.contains(&Event::Established));
    }
}

/// Pieces in the worst order cost a search and a copy of themselves: four times as many, four times as much.
#[test]
fn m5_pieces_out_of_order_cost_in_proportion_to_their_number() {
    let orders: [fn(u64, u64) -> u64; 4] = [
        |number, count| 2 * (count - number),
        |number, _| 2 * number + 1,
        // Neighbours of what is there, from far and near, which are merged.
        |number, count| 1 + number * 7919 % count,
        |number, count| count - number,
    ];
    for (place, order) in orders.iter().enumerate() {
        let taken = |count: u64| {
            let mut peer = flooded(Server, Config::default());
            let meter = Meter::start();
            let sent = flood(&mut peer, count, |number| encode(&stream(0, order(number, count), b"x", false)));
            assert!(sent == count && peer.is_open(), "{:?}", peer.reason());
            meter.taken()
        };
        // Merging copies up to 2 KiB for a piece, so it takes more pieces than that to see what it costs in the long run.
        let few = if place == 3 { 10_000 } else { 200 };
        let (of_few, of_many) = (taken(few), taken(4 * few));
        assert!(of_many <= 6 * of_few, "order {place}: {of_few} bytes for {few}, {of_many} for {}", 4 * few);
    }
}

/// One byte at the edge of the window, again and again, and then all of it: credit is for what was read.
/// RFC 9000 section 4.2-2.
#[test]
fn m6_what_arrives_earns_no_credit() {
    let mut peer = Peer::against(Server, Stage::Established);
    let window = StreamsConfig::default().max_stream_data_bidi_remote;
    let credit = |peer: &Peer| {
        peer.frames(|_, frame| match frame {
            Frame::MaxData { .. } | Frame::MaxStreamData { .. } => Some(()),
            _ => None,
        })
    };
    peer.forget();
    for _ in 0..1000 {
        peer.send_frame(OneRtt, &stream(0, window - 1, b"x", false));
    }
    for offset in (0..window - 1000).step_by(1000) {
        peer.send_frame(OneRtt, &stream(0, offset, &[7; 1000], false));
        if offset % 50_000 == 0 {
            peer.acknowledge_all(OneRtt);
            assert!(credit(&peer).is_empty());
            peer.forget();
        }
    }
    assert!(credit(&peer).is_empty());
    peer.forget();
    let mut read = 0;
    while let Ok(Read::Data(bytes)) = peer.connection().read(id(0), 100_000) {
        read += bytes.len() as u64;
    }
    peer.pump();
    // Some of its packets were never acknowledged: it may have to wait for its probes.
    peer.wait(Duration::from_secs(5));
    let limits = peer.frames(|_, frame| match frame {
        Frame::MaxStreamData { maximum, .. } => Some(*maximum),
        _ => None,
    });
    assert!(read >= window - 2000 && !limits.is_empty() && limits[0] > window, "{read} {limits:?}");
}

#[test]
fn m7_no_more_is_held_than_the_connection_allows() {
    let limit = StreamsConfig::default().max_data;
    let mut peer = flooded(Server, Config::default());
    let meter = Meter::start();
    // Many streams, none of which is read; half of them reset, with all that the peer claims to have sent on them.
    let mut sent = 0;
    for number in 0..200u64 {
        for piece in 0..3 {
            if sent + 1000 > limit {
                break;
            }
            peer.send_frame(OneRtt, &stream(4 * number, 1000 * piece, &[7; 1000], false));
            sent += 1000;
        }
        assert!(peer.is_open() && peer.connection().stats().buffered <= limit);
    }
    assert!(meter.peak() < 2 * limit as isize, "{}", meter.peak());
    // Beyond it, on a stream whose own limit is far.
    peer.keeps = true;
    let mut offset = 3000;
    while peer.is_open() && offset < 2 * limit {
        peer.send_frame(OneRtt, &stream(0, offset, &[7; 1000], false));
        offset += 1000;
        if offset >= 500_000 {
            peer.send_frame(OneRtt, &stream(4, offset - 497_000, &[7; 1000], false));
        }
    }
    let over = breach(&peer).unwrap();
    assert_eq!(over.code(), TransportErrorCode::FLOW_CONTROL_ERROR);
    assert!(meter.peak() < 2 * limit as isize, "{}", meter.peak());
}

/// RFC 9000 section 4.1-2, 4.5-1, 19.9-1, 19.9-2.
#[test]
fn m8_the_connection_s_limit_counts_for_data_and_final_sizes() {
    let first = StreamsConfig::default().max_stream_data_bidi_remote - 1;
    let at = |frame: Frame<'_>| {
        let mut peer = Peer::against(Server, Stage::Established);
        // Claims nearly all of one stream's window, which is more than half of the connection's.
        peer.send_frame(OneRtt, &stream(0, first, b"x", false));
        assert!(peer.is_open());
        peer.send_frame(OneRtt, &frame);
        peer.violation()
    };
    let reset = |stream, final_size| Frame::ResetStream { id: id(stream), error_code: VarInt::ZERO, final_size };
    let closed = |frame_type| Some((Violation::ConnectionFlowControl, frame_type));
    assert_eq!(at(stream(4, first, b"x", false)), closed(0x0e));
    assert_eq!(at(stream(2, first, b"x", true)), closed(0x0f));
    assert_eq!(at(reset(4, first + 1)), closed(0x04));
    assert_eq!(at(reset(4, 1 << 62 >> 1)), Some((Violation::StreamFlowControl, 0x04)));
    assert_eq!(at(reset(4, 100)), None);
    for violation in [Violation::ConnectionFlowControl, Violation::StreamFlowControl] {
        assert_eq!(violation.code(), TransportErrorCode::FLOW_CONTROL_ERROR);
    }
}

/// Who asks and never acknowledges makes us remember nothing.
#[test]
fn m9_a_million_pings_never_acknowledged() {
    let mut peer = flooded(Server, Config::default());
    for _ in 0..1000 {
        peer.send(OneRtt, &[1]);
    }
    let meter = Meter::start();
    for number in 0..1_000_000u32 {
        let packet = peer.packet(OneRtt, &[1; 4], PLAIN);
        peer.deliver(packet);
        if number % 50_000 == 0 {
            assert!(peer.is_open() && meter.held() < 16 << 10, "{number}: {}", meter.held());
        }
    }
    assert!(peer.is_open() && meter.peak() < 64 << 10, "{}", meter.peak());
    assert!(peer.connection().stats().bytes_in_flight <= 20_000);
}

/// One byte of a stream in a full packet, unread: what is kept is the byte, not the packet.
#[test]
fn m10_a_small_frame_does_not_keep_its_packet() {
    let mut peer = flooded(Server, Config::default());
    peer.send_frame(OneRtt, &stream(0, 0, b"x", false));
    let meter = Meter::start();
    for number in 1..10_000u64 {
        let mut payload = encode(&stream(0, number, b"x", false));
        payload.resize(1400, 0);
        peer.send(OneRtt, &payload);
        peer.events.clear();
    }
    assert!(peer.is_open());
    assert!(meter.peak() < 64 << 10, "{}", meter.peak());
    // On many streams, one byte each.
    let mut peer = flooded(Server, Config::default());
    let meter = Meter::start();
    for number in 0..256 {
        let mut payload = encode(&stream(4 * number, 0, b"x", false));
        payload.resize(1400, 0);
        peer.send(OneRtt, &payload);
    }
    assert!(peer.is_open() && meter.held() < 256 * 1024, "{}", meter.held());
}

/// First packets of many clients that do not exist, in a table that is small.
#[test]
fn m11_first_packets_of_nobody_fill_a_table_of_fixed_size() {
    const PLACES: usize = 64;
    let full = |config: &mut quic::EndpointConfig| {
        config.max_handshaking = PLACES;
        config.address_validation = quic::AddressValidation::Never;
    };
    let options = Options { endpoint: Rc::new(full), ..Options::default() };
    let mut peer = Peer::with(Server, Stage::Begun, options);
    peer.keeps = false;
    let hello = crypto(0, &peer.take_crypto(Level::Initial)[..100]);
    for number in 0..PLACES as u64 {
        let packet = first_packet(&mut peer, number, &hello);
        peer.deliver(packet);
    }
    assert_eq!(peer.target.len(), PLACES);
    let meter = Meter::start();
    for number in 0..20_000 {
        let packet = first_packet(&mut peer, 1000 + number, &hello);
        let ((), work) = work::of(|| peer.deliver(packet));
        assert_eq!(work, work::Work::default(), "dropped before any cryptography");
    }
    assert_eq!(peer.target.len(), PLACES);
    assert!(meter.held() < 4096 && meter.peak() < 16 << 10, "{} {}", meter.held(), meter.peak());
    assert!(peer.events.is_empty(), "the application hears of none of them");
    // And they are forgotten.
    peer.wait(Duration::from_secs(11));
    assert!(peer.target.is_empty());
}

/// Coalesced packets, some of others and some of nobody.
/// RFC 9000 section 12.2-1, 12.2-6, 12.2-7.
#[test]
fn m12_what_is_coalesced_with_garbage_is_skipped_and_leaves_nothing() {
    let other = ConnectionId::new(&[0x99; 8]);
    let received = |peer: &mut Peer| peer.connection().stats().packets_received;
    let mut peer = Peer::against(Client, Stage::Keys);
    let before = received(&mut peer);
    let mut forged = peer.packet(Handshake, &[0x01; 10], PLAIN);
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let foreign = peer.packet(Handshake, &[0x01; 10], Tweak { destination: other, ..PLAIN });
    let good = peer.packet(Handshake, &[0x01; 10], PLAIN);
    peer.deliver([forged.clone(), foreign.clone(), good.clone()].concat());
    assert_eq!(received(&mut peer), before + 1);
    // The same again is a duplicate, in any number.
    peer.deliver(good.repeat(60));
    assert_eq!(received(&mut peer), before + 1);
    let many: Vec<u8> = (0..100).flat_map(|_| peer.packet(Handshake, &[0x01; 10], PLAIN)).collect();
    peer.deliver(many);
    assert_eq!(received(&mut peer), before + 101, "each is good");
    // As many as an Ethernet frame holds, of no use, and one behind them.
    let mut useless = forged.repeat((1452 - good.len()) / forged.len());
    useless.extend(peer.packet(Handshake, &[0x01; 10], PLAIN));
    assert!(useless.len() <= 1452);
    peer.deliver(useless);
    assert_eq!(received(&mut peer), before + 102);
    // Far more: the rest is not looked at.
    let mut useless = forged.repeat(64);
    useless.extend(peer.packet(Handshake, &[0x01; 10], PLAIN));
    peer.deliver(useless);
    assert_eq!(received(&mut peer), before + 102);
    // A million, before and after a handshake.
    let mut server = Peer::against(Server, Stage::Begun);
    server.keeps = false;
    let initial = server.packet(Initial, &[0x01; 60], Tweak { destination: other, ..PLAIN });
    for (peer, rounds) in [(&mut server, 900_000), (&mut peer, 100_000)] {
        peer.keeps = false;
        let datagram = [&forged[..], &initial, &foreign, &[0xc0, 0, 0, 0, 1], &forged].concat();
        let large = [&initial[..], &forged, &foreign, &forged, &forged, &foreign, &forged, &forged, &foreign].concat();
        let full = [&large[..], &vec![0xc3; 1200_usize.saturating_sub(large.len())]].concat();
        peer.deliver(datagram.clone());
        let meter = Meter::start();
        for number in 0..rounds {
            let datagram = if number % 100 == 0 { &full } else { &datagram };
            peer.deliver(datagram.clone());
        }
        assert!(meter.held() <= 1024 && meter.peak() < 64 << 10, "{} {}", meter.held(), meter.peak());
        assert!(peer.reason().is_none());
    }
    server.advance_to(Stage::Established);
}

/// Good packets of one connection, each from another place.
#[test]
fn m13_packets_from_a_million_ports() {
    let mut peer = flooded(Server, Config::default());
    let mut meter = Meter::start();
    for number in 0..1_000_000u32 {
        if number == 1000 {
            meter = Meter::start();
        }
        let mut from = peer.four_tuple;
        let ip = std::net::Ipv4Addr::from(0xc612_0000 | number >> 14);
        from.remote = (ip, 1024 + (number & 0x3fff) as u16).into();
        let packet = peer.packet(OneRtt, &[1; 4], PLAIN);
        peer.deliver_from(from, packet);
    }
    assert!(peer.is_open() && peer.events.len() < 100, "{}", peer.events.len());
    assert!(meter.peak() < 64 << 10, "{}", meter.peak());
}

/// RFC 9000 section 3.2-1, 4.6-3, 19.11-4.
#[test]
fn m15_streams_at_and_over_the_limit() {
    for (direction, limit) in
        [(0, StreamsConfig::default().max_streams_bidi), (2, StreamsConfig::default().max_streams_uni)]
    {
        let frames = |number: u64| {
            let id = id(4 * number + direction);
            let mut frames = vec![
                encode(&Frame::ResetStream { id, error_code: VarInt::ZERO, final_size: 0 }),
                encode(&stream(id.value(), 0, b"", true)),
                encode(&stream(id.value(), 0, b"x", false)),
                encode(&Frame::StreamDataBlocked { id, limit: 0 }),
            ];
            if direction == 0 {
                frames.push(encode(&Frame::StopSending { id, error_code: VarInt::ZERO }));
                frames.push(encode(&Frame::MaxStreamData { id, maximum: 9 }));
            }
            frames
        };
        for frame in frames(limit - 1) {
            let mut peer = Peer::against(Server, Stage::Established);
            peer.send(OneRtt, &frame);
            assert!(peer.is_open());
        }
        for number in [limit, limit + 1, 1000 * limit, (1 << 60) - 1] {
            for frame in frames(number) {
                let mut peer = Peer::against(Server, Stage::Established);
                let packet = peer.packet(OneRtt, &frame, PLAIN);
                peer.keeps = false;
                let meter = Meter::start();
                peer.deliver(packet);
                assert!(meter.held() < 2048, "{}", meter.held());
                assert_eq!(breach(&peer), Some(Violation::StreamLimit), "{frame:x?}");
                assert_eq!(Violation::StreamLimit.code(), TransportErrorCode::STREAM_LIMIT_ERROR);
            }
        }
    }
}

/// Every stream there may be says that much will come, and one byte does: memory follows what came, and time ends it.
#[test]
fn m16_streams_that_promise_much_and_send_one_byte() {
    let mut peer = flooded(Server, Config::default());
    let per_stream = 2048;
    let meter = Meter::start();
    let (bidi, uni) = (StreamsConfig::default().max_streams_bidi, StreamsConfig::default().max_streams_uni);
    for number in 0..bidi {
        peer.send_frame(OneRtt, &stream(4 * number, 0, &[0xff], false));
    }
    for number in 0..uni {
        peer.send_frame(OneRtt, &stream(4 * number + 2, 0, &[0xff], false));
    }
    assert!(peer.is_open() && peer.connection().stats().open_streams == (bidi + uni) as usize);
    assert!(meter.held() < (bidi + uni) as isize * per_stream, "{}", meter.held());
    let held = meter.held();
    // In HTTP/3: requests of a declared length of 2^62 - 1.
    let mut script = Script::started(Server);
    let meter = Meter::start();
    for number in 0..bidi {
        script.feed(4 * number, &headers(POST));
        script.feed(4 * number, &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 7]);
    }
    assert!(script.violation().is_none());
    assert!(meter.held() < bidi as isize * 4096, "{}", meter.held());
    // Nothing more comes: the idle timeout ends them all.
    let meter = Meter::start();
    peer.wait(Duration::from_secs(31));
    assert!(!peer.is_open());
    peer.wait(Duration::from_secs(31));
    assert!(peer.target.is_empty());
    peer.events = Vec::new();
    assert!(meter.held() < -held / 2, "{} of {held}", meter.held());
}

/// Frames of HTTP/3 that declare the largest length there is, and come in small pieces.
#[test]
fn m17_declared_lengths_are_not_believed() {
    let longest = [0xff; 8];
    // Skipped as they come: reserved types, on either kind of stream.
    for stream in [0, 2] {
        let mut script = Script::started(Server);
        let meter = Meter::start();
        script.feed(stream, &[&[0x21], &longest[..]].concat());
        for _ in 0..10_000 {
            script.feed(stream, &[7; 1000]);
        }
        assert!(script.violation().is_none() && meter.peak() < 16 << 10, "{}", meter.peak());
    }
    // Refused by their length: SETTINGS, GOAWAY, MAX_PUSH_ID and PRIORITY_UPDATE on the control stream.
    for (kind, expected) in [
        (vec![4], h3::Violation::ControlFrameTooLarge),
        (vec![7], h3::Violation::FrameLength),
        (vec![13], h3::Violation::FrameLength),
        (vec![0x80, 0x0f, 0x07, 0x00], h3::Violation::ControlFrameTooLarge),
    ] {
        let mut script = Script::connected(Server, h3::Config::default());
        script.feed(2, if kind == [4] { &[0] } else { &[0, 4, 0] });
        script.drip(2, &[&kind[..], &longest].concat());
        assert_eq!(script.violation(), Some(expected), "{kind:x?}");
    }
    // HEADERS: the one request is refused at once.
    let mut script = Script::started(Server);
    let meter = Meter::start();
    script.feed(0, &[&[1], &longest[..]].concat());
    let refused = h3::Event::Refused { id: id(0), violation: h3::Violation::FieldSectionTooLarge };
    assert_eq!(script.events(), [refused]);
    for _ in 0..1000 {
        script.feed(0, &[7; 1000]);
    }
    // What the transport of the test keeps of it is its own.
    script.transport.forget(id(0));
    assert!(meter.held() < 16 << 10, "{}", meter.held());
    // As long as is taken, on every stream there is: charged to one budget.
    let mut script = Script::started(Server);
    let mut streams = 0;
    let part = [&[1, 0x80, 0, 0xf0, 0][..], &vec![0; 61_000]].concat();
    let meter = Meter::start();
    let violation = loop {
        script.feed(4 * streams, &part);
        streams += 1;
        if let Some(violation) = script.violation() {
            break violation;
        }
    };
    let limit = Limits::default().max_header_buffer;
    assert_eq!(violation, h3::Violation::HeaderBuffer);
    assert_eq!(violation.code(), h3::error_code::H3_EXCESSIVE_LOAD);
    assert!(streams <= limit as u64 / 61_000 + 1 && meter.peak() < 3 * limit as isize, "{streams} {}", meter.peak());
}

#[test]
fn m21_empty_frames_without_end() {
    // STREAM frames of no bytes: nothing of them is kept, and the application is not woken.
    let mut peer = flooded(Server, Config::default());
    peer.send_frame(OneRtt, &stream(0, 0, b"", false));
    assert!(peer.events.contains(&Event::Stream(StreamEvent::Opened(id(0)), 0)));
    peer.events.clear();
    let meter = Meter::start();
    let mut payload = Vec::new();
    for number in 0..1_000_000u32 {
        payload.extend(raw(0x0a, &[0, 0]));
        if number % 300 == 299 {
            peer.send(OneRtt, &payload);
            payload.clear();
        }
    }
    assert!(peer.is_open() && peer.events.is_empty());
    assert!(meter.peak() < 64 << 10, "{}", meter.peak());
    // DATA frames of no bytes count as abuse.
    let mut script = Script::started(Server);
    script.feed(0, &headers(POST));
    let mut frames = 0;
    let violation = loop {
        script.feed(0, &frame(0, b""));
        frames += 1;
        if let Some(violation) = script.violation() {
            break violation;
        }
        assert!(frames < 1_000_000);
    };
    assert_eq!(violation, h3::Violation::Glitches);
    assert_eq!(violation.code(), h3::error_code::H3_EXCESSIVE_LOAD);
    assert!(frames <= Limits::default().glitches + 1);
}

/// Capsules whose length nobody would keep, of the type that is known and of others: skipped as they come.
#[test]
fn m18_capsules_are_not_kept_for_their_lengths() {
    for (kind, most) in [(capsule::DATAGRAM, 65_535), (1 << 40, usize::MAX)] {
        for declared in [1 << 20, (1 << 62) - 1] {
            let mut bytes = Vec::new();
            push(&mut bytes, kind);
            push(&mut bytes, declared);
            let mut reader = CapsuleReader::new(&[capsule::DATAGRAM], most);
            let meter = Meter::start();
            assert_eq!(reader.read(&mut Bytes::from(bytes)), None);
            for _ in 0..(1 << 20) / 1024 {
                assert_eq!(reader.read(&mut Bytes::from(vec![7; 1024])), None);
            }
            assert!(meter.held() < 16 << 10, "{kind:#x}: {}", meter.held());
            assert_eq!(reader.is_between(), declared == 1 << 20);
        }
    }
}
