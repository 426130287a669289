//! What several letters need: frames by hand, and connections of different configurations.

use adversary::{Options, PLAIN, Peer, Stage, Tweak, push};
use base::{Reader, Side, StreamId, VarInt};
use quic::wire::connection_id::{ConnectionId, ResetToken};
use quic::wire::frame::{Frame, PacketKind, StreamFrame};
use quic::wire::transport_parameters::TransportParameters;
use quic::{CloseReason, Config, Violation};
use std::rc::Rc;
use tls::Level;

/// The largest number there is.
pub(crate) const MAX: u64 = (1 << 62) - 1;

/// A stream by its number.
pub(crate) fn id(value: u64) -> StreamId {
    StreamId::from_varint(VarInt::new(value).unwrap())
}

/// A frame type and integers.
pub(crate) fn raw(frame_type: u8, values: &[u64]) -> Vec<u8> {
    let mut bytes = vec![frame_type];
    values.iter().for_each(|value| push(&mut bytes, *value));
    bytes
}

/// A STREAM frame.
pub(crate) fn stream(value: u64, offset: u64, data: &[u8], fin: bool) -> Frame<'_> {
    Frame::Stream(StreamFrame { id: id(value), offset, data, fin })
}

/// A NEW_CONNECTION_ID frame whose ID and token are its number.
pub(crate) fn new_id(number: u64, retire_prior_to: u64) -> Frame<'static> {
    let mut token = [0x55; 16];
    token[..8].copy_from_slice(&number.to_be_bytes());
    Frame::NewConnectionId {
        sequence_number: number,
        retire_prior_to,
        connection_id: ConnectionId::new(&(number + (1 << 32)).to_be_bytes()).unwrap(),
        reset_token: ResetToken(token),
    }
}

/// An established connection that was sent one packet.
pub(crate) fn after(target: Side, payload: &[u8]) -> Peer {
    let mut peer = Peer::against(target, Stage::Established);
    peer.send(PacketKind::OneRtt, payload);
    peer
}

/// An established connection with a configuration, whose packets are not kept: for floods.
pub(crate) fn flooded(target: Side, config: Config) -> Peer {
    let mut peer = Peer::with(target, Stage::Established, Options { config, ..Options::default() });
    peer.forget();
    peer.keeps = false;
    peer
}

/// As far as a handshake goes in which the peer's transport parameters are changed.
pub(crate) fn with_parameters(
    target: Side,
    parameters: impl Fn(TransportParameters, Side) -> Vec<u8> + 'static,
) -> Peer {
    let options = Options { parameters: Rc::new(parameters), ..Options::default() };
    let mut peer = Peer::with(target, Stage::Begun, options);
    peer.send_crypto(Level::Initial);
    if peer.has_keys(PacketKind::Handshake) {
        peer.send_crypto(Level::Handshake);
    }
    peer
}

/// What the target closed for, whether or not its close was kept.
pub(crate) fn breach(peer: &Peer) -> Option<Violation> {
    match peer.reason() {
        Some(CloseReason::Violation { violation, .. }) => Some(*violation),
        _ => None,
    }
}

/// A CRYPTO frame.
pub(crate) fn crypto(offset: u64, data: &[u8]) -> Vec<u8> {
    adversary::encode(&Frame::Crypto { offset, data })
}

/// A client's first packet, to an ID of its own.
pub(crate) fn first_packet(peer: &mut Peer, number: u64, payload: &[u8]) -> Vec<u8> {
    let id = ConnectionId::new(&(number + (1 << 40)).to_be_bytes()).unwrap();
    peer.rekey_initial(id);
    let mut payload = payload.to_vec();
    payload.resize(payload.len().max(1200), 0);
    peer.packet(PacketKind::Initial, &payload, Tweak { destination: Some(id), ..PLAIN })
}

/// A handshake message.
pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

/// Changes the server's messages under Handshake keys, each a type and a body: the code that the client closes with, or
/// `None` if it is established.
#[track_caller]
pub(crate) fn client_verdict(change: impl FnOnce(&mut Vec<(u8, Vec<u8>)>)) -> Option<u64> {
    let mut peer = Peer::against(Side::Client, Stage::Keys);
    let bytes = peer.take_crypto(Level::Handshake);
    let mut messages = Vec::new();
    let mut reader = Reader::new(&bytes);
    while !reader.is_empty() {
        messages.push((reader.u8().unwrap(), reader.u24_prefixed().unwrap().to_vec()));
    }
    change(&mut messages);
    let flight: Vec<u8> = messages.iter().flat_map(|(kind, body)| message(*kind, body)).collect();
    for (number, piece) in flight.chunks(1100).enumerate() {
        peer.send(PacketKind::Handshake, &crypto(1100 * number as u64, piece));
    }
    let code = peer.closes().first().map(|close| close.1);
    let is_established = peer.events.contains(&quic::Event::Established);
    assert!(code.is_some() != is_established, "{code:x?}: {:?}", peer.events);
    assert!(code.is_none_or(|code| (0x100..0x200).contains(&code) || code == 0x08), "{code:x?}");
    code
}

/// One element of DER: its tag and its contents.
pub(crate) fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let mut out = vec![tag];
    if contents.len() < 0x80 {
        out.push(contents.len() as u8);
    } else {
        let bytes = contents.len().to_be_bytes();
        let significant: Vec<u8> = bytes.into_iter().skip_while(|byte| *byte == 0).collect();
        out.push(0x80 | significant.len() as u8);
        out.extend(significant);
    }
    out.extend(contents);
    out
}
