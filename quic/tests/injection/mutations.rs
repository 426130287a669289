//! Every truncation and every single-byte change of every datagram of a handshake, as it is on the wire and under the
//! seal; random datagrams; and a server that serves on.

use adversary::{Options, Peer, Stage};
use base::Side::{self, Client, Server};
use base::{Duration, Random};
use quic::wire::frame::PacketKind::{self, Handshake, Initial, OneRtt};
use sim::SeededRandom;
use tls::Level;

/// What the peer would send in each step, before it is sealed: packet types and payloads.
fn payloads(target: Side, stage: Stage) -> Vec<(PacketKind, Vec<u8>)> {
    let mut peer = Peer::against(target, stage);
    let levels = [(Level::Initial, Initial), (Level::Handshake, Handshake), (Level::OneRtt, OneRtt)];
    let mut out = Vec::new();
    for (level, kind) in levels {
        let bytes = peer.take_crypto(level);
        if bytes.is_empty() || !peer.has_keys(kind) {
            continue;
        }
        let frame = quic::wire::frame::Frame::Crypto { offset: 0, data: &bytes };
        let mut payload = vec![0x02, 0, 0, 0, 0];
        payload.extend(adversary::encode(&frame));
        out.push((kind, payload));
    }
    out
}

#[test]
fn resealed_changes_reach_the_parsers_and_do_no_harm() {
    for (target, stage) in
        [(Server, Stage::Begun), (Server, Stage::Keys), (Client, Stage::Begun), (Client, Stage::Keys)]
    {
        for (kind, payload) in payloads(target, stage) {
            // The handshake takes long with a real server in each try, so long payloads are changed at every third byte
            // past their beginning; their beginning in every bit.
            for index in (0..payload.len()).filter(|index| *index < 80 || index % 3 == 0) {
                let masks: &[u8] = if index < 24 { &[1, 2, 4, 8, 16, 32, 64, 128, 255] } else { &[1, 255] };
                for mask in masks {
                    let mut changed = payload.clone();
                    changed[index] ^= mask;
                    try_payload(target, stage, kind, &changed);
                }
                try_payload(target, stage, kind, &payload[..index]);
            }
        }
    }
}

fn try_payload(target: Side, stage: Stage, kind: PacketKind, payload: &[u8]) {
    let mut peer = Peer::against(target, stage);
    if peer.has_keys(kind) {
        peer.send(kind, payload);
        peer.wait(Duration::from_secs(1));
    }
    // Closed or not: if it was told to the peer, then with a code of the standard.
    for (_, code, ..) in peer.closes() {
        assert!(code <= 0x10 || (0x100..0x200).contains(&code), "{code:#x}");
    }
}

/// The datagrams of the peer in a whole handshake.
fn datagrams(target: Side) -> Vec<Vec<u8>> {
    let mut peer = Peer::against(target, Stage::Begun);
    let mut out = Vec::new();
    for (level, kind) in [(Level::Initial, Initial), (Level::Handshake, Handshake)] {
        let bytes = peer.take_crypto(level);
        for piece in bytes.chunks(1000) {
            let offset = peer.crypto_offset(kind, piece.len());
            let payload = adversary::encode(&quic::wire::frame::Frame::Crypto { offset, data: piece });
            let datagram = peer.padded_packet(kind, &payload);
            out.push(datagram.clone());
            peer.deliver(datagram);
        }
    }
    assert!(peer.is_open());
    out
}

#[test]
fn unsealed_changes_are_dropped_and_the_handshake_goes_on() {
    for target in [Server, Client] {
        let mut peer = Peer::against(target, Stage::Begun);
        for (level, kind) in [(Level::Initial, Initial), (Level::Handshake, Handshake)] {
            let bytes = peer.take_crypto(level);
            for piece in bytes.chunks(1000) {
                let offset = peer.crypto_offset(kind, piece.len());
                let payload = adversary::encode(&quic::wire::frame::Frame::Crypto { offset, data: piece });
                let datagram = peer.padded_packet(kind, &payload);
                disturb(&mut peer, &datagram);
                assert!(peer.reason().is_none(), "{target:?} closed in {kind:?}: {:?}", peer.events);
                peer.deliver(datagram.clone());
                // Duplicates of what was right are dropped, too.
                peer.deliver(datagram.clone());
                disturb(&mut peer, &datagram);
            }
        }
        assert!(peer.events.contains(&quic::Event::Established), "{target:?}: {:?}", peer.events);
        assert!(peer.is_open() && peer.target.len() == 1);
    }
}

/// Every byte changed in three ways, and the datagram cut at every byte.
fn disturb(peer: &mut Peer, datagram: &[u8]) {
    for index in 0..datagram.len() {
        for mask in [1, 0x80, 0xff] {
            let mut changed = datagram.to_vec();
            changed[index] ^= mask;
            peer.deliver(changed);
        }
        peer.deliver(datagram[..index].to_vec());
    }
    peer.datagrams.clear();
}

/// M12 and random bytes: nothing is kept of what begins no connection.
#[test]
fn a_server_keeps_nothing_of_a_hundred_thousand_random_datagrams() {
    let mut peer = Peer::against(Server, Stage::Begun);
    let mut random = SeededRandom::new(3);
    for number in 0..100_000u64 {
        let mut bytes = vec![0; 1 + random.below(1400) as usize];
        random.fill(&mut bytes);
        if number % 2 == 0 {
            // A long header of version 1, often with plausible IDs.
            bytes.resize(1200, 0);
            bytes[0] |= 0xc0;
            bytes[1..6].copy_from_slice(&[0, 0, 0, 1, 8]);
            bytes[14] = 8;
            bytes[23] = 0;
            bytes[24] = 0x44;
        }
        peer.deliver(bytes);
        assert!(peer.target.is_empty());
        peer.datagrams.clear();
    }
    peer.advance_to(Stage::Established);
}

/// A late copy of the first packet, after the handshake, begins no second connection.
#[test]
fn a_late_first_packet_begins_no_second_connection() {
    let datagrams = datagrams(Server);
    let mut peer = Peer::against(Server, Stage::Begun);
    for datagram in &datagrams {
        peer.deliver(datagram.clone());
    }
    assert!(peer.events.contains(&quic::Event::Established));
    for datagram in &datagrams {
        peer.deliver(datagram.clone());
    }
    assert_eq!(peer.target.len(), 1);
}

/// Random sequences of frames, mostly well formed, in random packets, against both sides at every stage.
#[test]
fn random_frames_do_no_harm() {
    let mut random = SeededRandom::new(11);
    for round in 0..3000u64 {
        let target = if round % 2 == 0 { Server } else { Client };
        let stage = [Stage::Begun, Stage::Keys, Stage::Established, Stage::Established][random.below(4) as usize];
        let mut peer = Peer::with(target, stage, Options { seed: round, ..Options::default() });
        let rows = crate::frames::all(target);
        for _ in 0..20 {
            let kind = [Initial, Handshake, OneRtt, OneRtt, OneRtt][random.below(5) as usize];
            if !peer.has_keys(kind) {
                continue;
            }
            let mut payload = Vec::new();
            for _ in 0..1 + random.below(4) {
                let row = &rows[random.below(rows.len() as u64) as usize].1;
                let mut frame = row.clone();
                if random.chance(0.3) {
                    let index = random.below(frame.len() as u64) as usize;
                    frame[index] = random.next_u64() as u8;
                }
                payload.extend(frame);
            }
            peer.send(kind, &payload);
            if random.chance(0.2) {
                peer.wait(random.duration(Duration::from_secs(2)));
            }
            if let Some(handle) = peer.handle
                && let Some(connection) = peer.target.connection(handle)
            {
                let stats = connection.stats();
                assert!(stats.buffered <= 768 << 10 && stats.open_streams <= 200, "round {round}: {stats:?}");
            }
        }
        peer.wait(Duration::from_secs(100));
        assert!(peer.target.is_empty(), "round {round}: the connection outlives its peer");
    }
}
