//! Frames as bytes, and which packets belong to which packet number space.

use base::{VarInt, Writer};
use quic::wire::frame::{Frame, PacketKind};
use quic::wire::packet_number::PacketNumberSpace;

/// A frame as it is on the wire.
pub fn encode(frame: &Frame<'_>) -> Vec<u8> {
    let mut bytes = vec![0; frame.encoded_len()];
    frame.encode(&mut Writer::new(&mut bytes)).expect("a frame fits its own length");
    bytes
}

/// Appends a variable-length integer.
pub fn push(bytes: &mut Vec<u8>, value: u64) {
    base::writer::push_varint(bytes, VarInt::new(value).expect("62 bits"));
}

/// RFC 9000 section 12.3.
pub fn space_of(kind: PacketKind) -> PacketNumberSpace {
    match kind {
        PacketKind::Initial => PacketNumberSpace::Initial,
        PacketKind::Handshake => PacketNumberSpace::Handshake,
        PacketKind::ZeroRtt | PacketKind::OneRtt => PacketNumberSpace::ApplicationData,
    }
}
