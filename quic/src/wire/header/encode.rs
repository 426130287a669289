//! Writing headers (RFC 9000 section 17). The Length field is written as two bytes that are patched when the packet is
//! complete, and the packet number is left unprotected: `protection` covers it when it seals.

use crate::wire::connection_id::ConnectionId;
use crate::wire::packet_number::PacketNumber;
use crate::wire::version::{LongType, Version};
use base::{Full, Writer};

/// Where things are in a packet whose header is written. Offsets count from the packet's first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketLayout {
    /// Where the packet number begins.
    pub packet_number_offset: usize,
    /// Bytes of the packet number: 1 to 4.
    pub packet_number_len: usize,
    /// Where the payload begins.
    pub header_len: usize,
    /// Where the two bytes of the Length field are; a short header has none.
    pub length_offset: Option<usize>,
}

impl PacketLayout {
    /// Bytes from the start of the packet number that must exist before the tag, so that a sample of ciphertext can be
    /// taken (RFC 9001 section 5.4.2): with fewer frames than this needs, add PADDING.
    pub(crate) const MIN_NUMBER_AND_PAYLOAD: usize = 4;

    /// How many bytes the payload needs at least.
    pub(crate) const fn min_payload_len(&self) -> usize {
        Self::MIN_NUMBER_AND_PAYLOAD.saturating_sub(self.packet_number_len)
    }

    /// Patches the Length field. `packet` is the whole packet with the room for its tag.
    ///
    /// # Panics
    /// If the packet is longer than the two bytes of Length can say (16383): packets are ours.
    pub fn finish(&self, packet: &mut [u8]) {
        let Some(offset) = self.length_offset else { return };
        let length = packet.len() - self.packet_number_offset;
        assert!(length < 1 << 14, "a packet of {length} bytes has no two-byte Length");
        if let Some(place) = packet.get_mut(offset..offset + 2) {
            place.copy_from_slice(&(length as u16 | 0x4000).to_be_bytes());
        }
    }
}

/// Writes the header of an Initial packet (section 17.2.2). A server's `token` is empty.
/// RFC 9000 section 17.2.2-1.
pub fn encode_initial(
    writer: &mut Writer<'_>,
    version: Version,
    destination: ConnectionId,
    source: ConnectionId,
    token: &[u8],
    packet_number: PacketNumber,
    packet_number_len: usize,
) -> Result<PacketLayout, Full> {
    let ids = (destination, source);
    encode_long(writer, version, LongType::Initial, ids, Some(token), packet_number, packet_number_len)
}

/// Writes the header of a 0-RTT packet (section 17.2.3).
pub fn encode_zero_rtt(
    writer: &mut Writer<'_>,
    version: Version,
    destination: ConnectionId,
    source: ConnectionId,
    packet_number: PacketNumber,
    packet_number_len: usize,
) -> Result<PacketLayout, Full> {
    encode_long(writer, version, LongType::ZeroRtt, (destination, source), None, packet_number, packet_number_len)
}

/// Writes the header of a Handshake packet (section 17.2.4).
pub fn encode_handshake(
    writer: &mut Writer<'_>,
    version: Version,
    destination: ConnectionId,
    source: ConnectionId,
    packet_number: PacketNumber,
    packet_number_len: usize,
) -> Result<PacketLayout, Full> {
    encode_long(writer, version, LongType::Handshake, (destination, source), None, packet_number, packet_number_len)
}

/// Writes the header of a 1-RTT packet (section 17.3.1). Inlined, as it is done for every packet: the layout stays in
/// registers.
/// RFC 9000 section 17.3.1-2.
#[inline(always)]
pub fn encode_short(
    writer: &mut Writer<'_>,
    destination: ConnectionId,
    key_phase: bool,
    spin: bool,
    packet_number: PacketNumber,
    packet_number_len: usize,
) -> Result<PacketLayout, Full> {
    let needed = 1 + destination.len() + packet_number_len;
    if writer.remaining() < needed {
        return Err(Full);
    }
    writer.u8(0x40 | u8::from(spin) << 5 | u8::from(key_phase) << 2 | number_len_bits(packet_number_len))?;
    writer.bytes(destination.as_slice())?;
    encode_packet_number(writer, packet_number, packet_number_len)?;
    Ok(PacketLayout {
        packet_number_offset: needed - packet_number_len,
        packet_number_len,
        header_len: needed,
        length_offset: None,
    })
}

/// Writes a Version Negotiation packet (section 17.2.1): the IDs of the packet it answers, exchanged. They are raw bytes,
/// because another version's may be longer than ours. `random` greases the bits that mean nothing.
/// RFC 9000 section 17.2.1-3.
pub fn encode_version_negotiation(
    writer: &mut Writer<'_>,
    random: u8,
    destination: &[u8],
    source: &[u8],
    versions: &[Version],
) -> Result<(), Full> {
    let destination_len = u8::try_from(destination.len()).map_err(|_| Full)?;
    let source_len = u8::try_from(source.len()).map_err(|_| Full)?;
    if writer.remaining() < 7 + destination.len() + source.len() + 4 * versions.len() {
        return Err(Full);
    }
    // RFC 9000 s17.2.1: the fixed bit is set for the sake of those who tell protocols apart by it.
    writer.u8(0xc0 | random)?;
    writer.u32(Version::NEGOTIATION.0)?;
    writer.u8(destination_len)?;
    writer.bytes(destination)?;
    writer.u8(source_len)?;
    writer.bytes(source)?;
    versions.iter().try_for_each(|version| writer.u32(version.0))
}

/// Writes a Retry packet (section 17.2.5) up to its integrity tag, which `protection::retry_integrity` makes.
/// `random` greases the four bits that mean nothing.
pub fn encode_retry(
    writer: &mut Writer<'_>,
    version: Version,
    random: u8,
    destination: ConnectionId,
    source: ConnectionId,
    token: &[u8],
) -> Result<(), Full> {
    if writer.remaining() < long_prefix_len(destination, source) + token.len() {
        return Err(Full);
    }
    encode_long_prefix(writer, version, LongType::Retry, random & 0x0f, destination, source)?;
    writer.bytes(token)
}

/// RFC 9000 section 17.2-8.
fn encode_long(
    writer: &mut Writer<'_>,
    version: Version,
    long_type: LongType,
    (destination, source): (ConnectionId, ConnectionId),
    token: Option<&[u8]>,
    packet_number: PacketNumber,
    packet_number_len: usize,
) -> Result<PacketLayout, Full> {
    let token_len = token.map_or(0, |token| base::varint::encoded_len(token.len() as u64) + token.len());
    let length_offset = long_prefix_len(destination, source) + token_len;
    let packet_number_offset = length_offset + 2;
    let header_len = packet_number_offset + packet_number_len;
    if writer.remaining() < header_len {
        return Err(Full);
    }
    encode_long_prefix(writer, version, long_type, number_len_bits(packet_number_len), destination, source)?;
    if let Some(token) = token {
        writer.varint(token.len() as u64)?;
        writer.bytes(token)?;
    }
    writer.varint_in_two_bytes(0)?;
    encode_packet_number(writer, packet_number, packet_number_len)?;
    Ok(PacketLayout { packet_number_offset, packet_number_len, header_len, length_offset: Some(length_offset) })
}

/// First byte, version and both connection IDs with their lengths.
const fn long_prefix_len(destination: ConnectionId, source: ConnectionId) -> usize {
    7 + destination.len() + source.len()
}

fn encode_long_prefix(
    writer: &mut Writer<'_>,
    version: Version,
    long_type: LongType,
    low_bits: u8,
    destination: ConnectionId,
    source: ConnectionId,
) -> Result<(), Full> {
    let row = version.row().expect("packets are written in versions that are spoken here");
    writer.u8(0xc0 | row.type_bits(long_type) << 4 | low_bits)?;
    writer.u32(version.0)?;
    writer.u8(destination.len() as u8)?;
    writer.bytes(destination.as_slice())?;
    writer.u8(source.len() as u8)?;
    writer.bytes(source.as_slice())
}

/// The low bits of a first byte: length of the packet number less one. The reserved bits stay 0.
fn number_len_bits(packet_number_len: usize) -> u8 {
    assert!((1..=4).contains(&packet_number_len), "a packet number of {packet_number_len} bytes");
    packet_number_len as u8 - 1
}

fn encode_packet_number(
    writer: &mut Writer<'_>,
    packet_number: PacketNumber,
    packet_number_len: usize,
) -> Result<(), Full> {
    let [.., third, second, first, last] = packet_number.value().to_be_bytes();
    // Each length by itself: to copy a number of bytes that is not known before costs more than to write them.
    match packet_number_len {
        1 => writer.bytes(&[last]),
        2 => writer.bytes(&[first, last]),
        3 => writer.bytes(&[second, first, last]),
        _ => writer.bytes(&[third, second, first, last]),
    }
}
