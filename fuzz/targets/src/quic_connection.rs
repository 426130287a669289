//! QUIC connections of either side, with a peer that sends any frames in any packets at any moment, an application that
//! does what it likes, and time that passes.

use super::input::Input;
use adversary::{Options, PLAIN, Peer, Stage, Tweak};
use base::writer::push_varint;
use base::{Direction, Duration, Side, StreamId, VarInt};
use quic::wire::connection_id::ConnectionId;
use quic::wire::frame::PacketKind;
use quic::wire::transport_parameters::TransportParameters;
use quic::wire::version::Version;
use quic::{Config, Event, StreamEvent};
use std::collections::BTreeSet;
use std::rc::Rc;
use tls::Level;

const MAX_STEPS: usize = 60;
/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(200_000);

pub fn server(data: &[u8]) {
    run(data, Side::Server);
}

pub fn client(data: &[u8]) {
    run(data, Side::Client);
}

/// Small windows, so that they are reached.
fn config(choice: u8) -> Config {
    let mut config = Config::default();
    if choice & 8 != 0 {
        config.streams.max_segments = 4;
    }
    if choice & 16 != 0 {
        config.keep_alive = Some(Duration::from_secs(5));
    }
    config
}

/// A peer that has said nothing yet, or what it begins with.
fn against(side: Side, config: Config) -> Peer {
    let parameters = |mut parameters: TransportParameters, side| {
        parameters.initial_max_data = 1 << 14;
        parameters.initial_max_stream_data_bidi_local = 1 << 12;
        parameters.initial_max_stream_data_bidi_remote = 1 << 12;
        parameters.initial_max_stream_data_uni = 1 << 12;
        parameters.initial_max_streams_bidi = 8;
        parameters.initial_max_streams_uni = 8;
        parameters.encode(side, 0)
    };
    Peer::with(side, Stage::Begun, Options { config, parameters: Rc::new(parameters), ..Options::default() })
}

/// One packet in a datagram of its own, if there are keys. `skip` packet numbers are left out; `first_byte` is put into
/// the unprotected header.
fn send(peer: &mut Peer, kind: PacketKind, payload: &[u8], skip: u64, first_byte: u8) {
    if let Some(datagram) = packet(peer, kind, payload, skip, first_byte) {
        peer.deliver(datagram);
    }
}

fn packet(peer: &mut Peer, kind: PacketKind, payload: &[u8], skip: u64, first_byte: u8) -> Option<Vec<u8>> {
    if !peer.has_keys(kind) {
        return None;
    }
    let mut payload = payload.to_vec();
    let fill = if kind == PacketKind::Initial { 1200 } else { 4 };
    payload.resize(payload.len().max(fill), 0);
    let number = Some(peer.next_number(kind) + skip);
    let first_byte = first_byte & if kind == PacketKind::OneRtt { 0x18 } else { 0x0c };
    Some(peer.packet(kind, &payload, Tweak { number, first_byte, ..PLAIN }))
}

fn is_closed(peer: &Peer) -> bool {
    peer.reason().is_some()
}

fn run(data: &[u8], side: Side) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let mut peer = against(side, config(choice));
    match choice & 3 {
        0 | 1 => peer.advance_to(Stage::Established),
        2 => peer.send_crypto(Level::Initial),
        _ => {}
    }
    let mut streams = BTreeSet::new();
    for _ in 0..MAX_STEPS {
        if input.is_empty() {
            break;
        }
        step(&mut peer, &mut streams, &mut input);
    }
    // The peer says nothing more, so the connection comes to an end. A peer that answered late has made the connection
    // believe in a long way, which it then waits for.
    peer.wait(LONG);
    assert!(peer.handle.is_none() || is_closed(&peer));
    peer.wait(LONG);
    assert!(peer.target.is_empty(), "the endpoint forgets what is over");
}

fn step(peer: &mut Peer, streams: &mut BTreeSet<StreamId>, input: &mut Input<'_>) {
    let choice = input.u8();
    let kind = match choice >> 4 {
        0 => PacketKind::Initial,
        1 => PacketKind::Handshake,
        2 => PacketKind::ZeroRtt,
        _ => PacketKind::OneRtt,
    };
    match choice & 15 {
        0..=6 => {
            let mut payload = Vec::new();
            for _ in 0..=(choice & 3) {
                push_frame(&mut payload, peer, kind, input);
            }
            payload.truncate(1300);
            send(peer, kind, &payload, 0, 0);
        }
        7 => {
            let payload = input.chunk().to_vec();
            send(peer, kind, &payload, 0, 0);
        }
        8 => {
            let (skip, first_byte) = (input.number(), input.u8());
            let payload = [1];
            // Far enough for any window, and the numbers do not end.
            send(peer, kind, &payload, skip.min(1 << 20), first_byte);
        }
        9 => peer.wait(Duration::from_millis(input.number().min(40_000))),
        10 => peer.send_crypto([Level::Initial, Level::Handshake, Level::OneRtt][usize::from(choice >> 4) % 3]),
        11 => {
            // A packet with a byte changed, and once more as it was.
            if let Some(packet) = packet(peer, kind, &[1, 1, 1, 1], 0, 0) {
                let (at, value) = (input.u8(), input.u8());
                let mut changed = packet.clone();
                let at = usize::from(at) % changed.len();
                changed[at] ^= value;
                peer.deliver(changed);
                peer.deliver(packet);
            }
        }
        12 => peer.deliver(input.chunk().to_vec()),
        13 => {
            // Two packets in one datagram.
            let mut datagram = Vec::new();
            for kind in [kind, PacketKind::OneRtt] {
                datagram.extend(packet(peer, kind, &[1], 0, 0).unwrap_or_default());
            }
            peer.deliver(datagram);
        }
        _ => {
            application(peer, streams, input);
            peer.pump();
        }
    }
}

/// `streams` are those of the target that its application knows.
fn application(peer: &mut Peer, streams: &mut BTreeSet<StreamId>, input: &mut Input<'_>) {
    let choice = input.u8();
    if choice & 7 == 7 && choice < 0xe0 {
        return oddity(peer, choice >> 5, input);
    }
    let now = peer.now;
    streams.extend(peer.events.iter().filter_map(|event| match event {
        Event::Stream(StreamEvent::Opened(id) | StreamEvent::Readable(id), _) => Some(*id),
        _ => None,
    }));
    let known: Vec<StreamId> = streams.iter().copied().collect();
    let Some(connection) = peer.handle.and_then(|handle| peer.target.connection_mut(handle)) else { return };
    let id = known.get(input.below(16).min(known.len().saturating_sub(1))).copied();
    let code = VarInt::from_u32(u32::from(choice));
    match (choice & 7, id) {
        (0, _) => {
            let direction = if choice & 8 == 0 { Direction::Bidirectional } else { Direction::Unidirectional };
            if let Some(id) = connection.open(direction) {
                let _ = connection.write_slice(id, &vec![7; usize::from(input.u16()) % 5000]);
                streams.insert(id);
            }
        }
        (1, Some(id)) if id.is_sent_by(connection.side()) => {
            let _ = connection.write_slice(id, &vec![7; usize::from(input.u16())]);
        }
        (2, Some(id)) if id.is_sent_by(connection.side()) => drop(connection.finish(id)),
        (3, Some(id)) if id.is_sent_by(connection.side()) => connection.reset(id, code),
        (4 | 5, Some(id)) if id.is_received_by(connection.side()) => {
            let _ = connection.read(id, 1 + usize::from(input.u16()));
        }
        (6, Some(id)) if id.is_received_by(connection.side()) => connection.stop_sending(id, code),
        (7, _) => connection.close(now, code, b"enough"),
        _ => {}
    }
}

/// What a peer may do that is no frame: new keys, another address, honest acknowledgments, packets that need no keys.
fn oddity(peer: &mut Peer, choice: u8, input: &mut Input<'_>) {
    match choice {
        0 if peer.has_keys(PacketKind::OneRtt) => {
            peer.update_keys();
            send(peer, PacketKind::OneRtt, &[1], 0, 0);
        }
        1 => {
            peer.four_tuple.remote.set_port(40_000 + u16::from(input.u8() & 3));
            send(peer, PacketKind::OneRtt, &[1], 0, 0);
        }
        2 | 3 => {
            for kind in [PacketKind::Initial, PacketKind::Handshake, PacketKind::OneRtt] {
                peer.acknowledge_all(kind);
            }
            peer.forget();
        }
        // RFC 9000 s17.2.1, s17.2.5, s10.3.
        4 => {
            let mut packet = without_keys(peer, 0xc0, 0, peer.original.as_slice());
            packet.extend_from_slice(&input.u16().to_be_bytes());
            packet.extend_from_slice(&[0x1a, 0x2a, 0, 0, 0, input.u8()]);
            peer.deliver(packet);
        }
        5 => {
            let source = [input.u8(); 8];
            let mut packet = without_keys(peer, 0xf0, 1, &source);
            packet.extend_from_slice(input.chunk());
            let suite = sim::seeded_provider().initial;
            let tag = quic::protection::retry_integrity::tag(suite, Version::V1, peer.original, &packet);
            packet.extend_from_slice(&tag);
            peer.deliver(packet);
            if input.u8() & 1 == 0 {
                peer.rekey_initial(ConnectionId::new(&source).expect("eight bytes"));
            }
        }
        _ => {
            let mut packet = vec![0x40 | input.u8() >> 2; 5 + input.below(40)];
            packet.extend([if input.u8() & 1 == 0 { 0x5a } else { 0 }; 16]);
            peer.deliver(packet);
        }
    }
}

/// The beginning of a long header that is protected by nothing.
fn without_keys(peer: &Peer, first: u8, version: u32, source: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    packet.extend_from_slice(&version.to_be_bytes());
    for id in [peer.destination.as_slice(), source] {
        packet.push(id.len() as u8);
        packet.extend_from_slice(id);
    }
    packet
}

/// A frame of any type, with small numbers more often than not.
fn push_frame(out: &mut Vec<u8>, peer: &Peer, kind: PacketKind, input: &mut Input<'_>) {
    let frame_type = input.u8();
    let stream = |input: &mut Input<'_>| u64::from(input.u8() & 0x1f);
    out.push(frame_type & 0x1f);
    let mut push = |value: u64| push_varint(out, VarInt::new(value).unwrap_or(VarInt::MAX));
    match frame_type & 0x1f {
        0x00 | 0x01 | 0x1e => {}
        0x02 | 0x03 => {
            // Mostly of what was sent.
            let largest = peer.largest(kind).unwrap_or(0);
            let choice = input.u8();
            push(if choice & 0x80 == 0 { largest.saturating_sub(u64::from(choice & 3)) } else { input.number() });
            push(input.number());
            let count = u64::from(choice >> 2 & 3);
            push(count);
            push(if choice & 0x10 == 0 { 0 } else { input.number() });
            for _ in 0..count * 2 {
                push(u64::from(input.u8() & 3));
            }
            if frame_type & 1 == 1 {
                (0..3).for_each(|_| push(input.number()));
            }
        }
        0x04 => {
            push(stream(input));
            push(input.number());
            push(input.number());
        }
        0x05 | 0x11 | 0x15 => {
            push(stream(input));
            push(input.number());
        }
        0x06 => {
            push(input.number());
            let data = input.chunk();
            push(data.len() as u64);
            out.extend_from_slice(data);
        }
        0x07 => {
            let data = input.chunk();
            push(data.len() as u64);
            out.extend_from_slice(data);
        }
        0x08..=0x0f => {
            push(stream(input));
            if frame_type & 4 != 0 {
                push(input.number());
            }
            let len = usize::from(input.u8());
            if frame_type & 2 != 0 {
                push(len as u64);
            }
            out.extend(core::iter::repeat_n(7, len));
        }
        0x18 => {
            let (sequence, retire) = (input.number(), input.number());
            push(sequence);
            push(retire);
            let choice = input.u8();
            let len = if choice & 0x80 == 0 { 8 } else { choice & 0x1f };
            out.push(len);
            out.extend(core::iter::repeat_n(choice, usize::from(len)));
            out.extend([choice & 0x0f; 16]);
        }
        0x1a | 0x1b => out.extend([input.u8(); 8]),
        0x1c | 0x1d => {
            push(input.number());
            if frame_type & 1 == 0 {
                push(input.number());
            }
            let data = input.chunk();
            push(data.len() as u64);
            out.extend_from_slice(data);
        }
        _ => push(input.number()),
    }
}

/// Datagrams from anybody to a server's endpoint, with and without a connection that is under way.
pub fn datagrams(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let mut peer = against(if choice & 1 == 0 { Side::Server } else { Side::Client }, Config::default());
    if choice & 2 != 0 {
        peer.send_crypto(Level::Initial);
    }
    for _ in 0..32 {
        if input.is_empty() {
            break;
        }
        let choice = input.u8();
        let mut datagram = input.chunk().to_vec();
        if choice & 1 != 0 {
            datagram.resize(1200, choice);
        }
        if choice & 2 != 0 {
            // To the connection that is there.
            let ids = [peer.destination, peer.source];
            let at = if datagram.first().is_some_and(|first| first & 0x80 != 0) { 6 } else { 1 };
            for (place, byte) in datagram.iter_mut().skip(at).zip(ids[0].as_slice()) {
                *place = *byte;
            }
        }
        if choice & 4 != 0 {
            let port = 40_000 + u16::from(choice >> 4);
            peer.four_tuple.remote.set_port(port);
        }
        peer.deliver(datagram);
        if choice & 8 != 0 {
            peer.wait(Duration::from_millis(u64::from(choice)));
        }
    }
    peer.wait(LONG);
    assert!(peer.target.is_empty(), "the endpoint forgets what is over");
}
