//! Packet headers (RFC 8999, RFC 9000 section 17): what can be read before header protection is removed.
//!
//! Decoding gives values and offsets, no references, because the datagram is decrypted in place afterwards. Coalesced
//! packets are taken one at a time by the caller, in a loop: each call reads one header and says where its packet ends.
//! This module knows no keys and no connections.

pub(crate) mod encode;

pub use encode::{
    PacketLayout, encode_handshake, encode_initial, encode_retry, encode_short, encode_version_negotiation,
    encode_zero_rtt,
};

use crate::discard::Discard;
use crate::wire::connection_id::ConnectionId;
use crate::wire::version::{LongType, Version};
use base::{Reader, Truncated};
use core::ops::Range;
use crypto::aead::TAG_LEN;

/// Set in the first byte of a long header (RFC 8999 section 5.1).
pub(crate) const LONG_FORM: u8 = 0x80;
/// Set in the first byte of every packet of version 1 but Version Negotiation (RFC 9000 section 17.2).
pub(crate) const FIXED_BIT: u8 = 0x40;

/// The header of one packet. Ranges and offsets count from the first byte that was given to [`Header::decode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// Section 17.2.2.
    Initial(Long),
    /// Section 17.2.3.
    ZeroRtt(Long),
    /// Section 17.2.4.
    Handshake(Long),
    /// Section 17.2.5. It takes all of the datagram.
    Retry {
        /// Which version.
        version: Version,
        /// The client's ID.
        destination: ConnectionId,
        /// The ID to send to from now on.
        source: ConnectionId,
        /// What the next Initial has to carry.
        token: Range<usize>,
        /// Where the 16 bytes of the tag begin: the end of the token.
        integrity_tag: usize,
    },
    /// Section 17.3.1. It takes all of the datagram.
    OneRtt(Short),
    /// Section 17.2.1. It takes all of the datagram.
    VersionNegotiation {
        /// The client's ID.
        destination: ConnectionId,
        /// The ID the client sent to.
        source: ConnectionId,
        /// The versions: four bytes each, at least one.
        versions: Range<usize>,
    },
    /// A long header of a version that is not spoken here: RFC 8999 is all that is known of it.
    OtherVersion {
        /// Which version.
        version: Version,
        /// 0 to 255 bytes.
        destination: Range<usize>,
        /// 0 to 255 bytes.
        source: Range<usize>,
    },
}

/// A long header with a packet number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Long {
    /// Which version.
    pub version: Version,
    /// The receiver's ID.
    pub destination: ConnectionId,
    /// The sender's ID.
    pub source: ConnectionId,
    /// The token of an Initial packet; empty in others.
    pub token: Range<usize>,
    /// Where the protected packet number begins.
    pub packet_number_offset: usize,
    /// Where the packet ends and the next one may begin.
    pub end: usize,
}

/// A short header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Short {
    /// The receiver's ID.
    pub destination: ConnectionId,
    /// Where the protected packet number begins.
    pub packet_number_offset: usize,
}

impl Header {
    /// Reads the header of the first packet in `datagram`. A short header does not say how long its connection ID is:
    /// that is `local_connection_id_len`.
    pub fn decode(datagram: &[u8], local_connection_id_len: usize) -> Result<Header, Discard> {
        Header::decode_with(datagram, local_connection_id_len, false)
    }

    /// The same on an endpoint that has told its peers to set the QUIC bit, which is the fixed bit, as they like (RFC 9287).
    /// RFC 9287 section 3-2.
    pub fn decode_greased(datagram: &[u8], local_connection_id_len: usize) -> Result<Header, Discard> {
        Header::decode_with(datagram, local_connection_id_len, true)
    }

    /// `is_greased` says whether the fixed bit has no meaning.
    pub(crate) fn decode_with(
        datagram: &[u8],
        local_connection_id_len: usize,
        is_greased: bool,
    ) -> Result<Header, Discard> {
        let mut reader = Reader::new(datagram);
        let first_byte = reader.u8()?;
        if let Some(packet_number_offset) = decode_short(datagram, local_connection_id_len, is_greased)? {
            let destination = connection_id(reader.bytes(local_connection_id_len)?)?;
            return Ok(Header::OneRtt(Short { destination, packet_number_offset }));
        }
        let version = Version(reader.u32()?);
        let destination = prefixed_range(&mut reader)?;
        let source = prefixed_range(&mut reader)?;
        let Some(row) = version.row() else {
            // RFC 9000 section 17.2.1-1: whatever the other bits of the first byte are.
            if version == Version::NEGOTIATION {
                return version_negotiation(datagram, destination, source, reader.position());
            }
            return Ok(Header::OtherVersion { version, destination, source });
        };
        check_fixed_bit(first_byte, is_greased)?;
        // RFC 9000 section 17.2-3, 17.2-6: longer IDs may be another version's, never version 1's.
        let destination = connection_id_at(datagram, destination)?;
        let source = connection_id_at(datagram, source)?;
        let long_type = row.long_type(first_byte >> 4);
        if long_type == LongType::Retry {
            return retry(&reader, version, destination, source);
        }
        let mut token = reader.position()..reader.position();
        if long_type == LongType::Initial {
            let token_len = reader.varint_prefixed()?.len();
            token = reader.position() - token_len..reader.position();
        }
        let length = reader.varint()?;
        let packet_number_offset = reader.position();
        let length = usize::try_from(length).map_err(|_| Discard::TooShort)?;
        reader.bytes(length)?;
        let long = Long { version, destination, source, token, packet_number_offset, end: reader.position() };
        Ok(match long_type {
            LongType::Initial => Header::Initial(long),
            LongType::ZeroRtt => Header::ZeroRtt(long),
            _ => Header::Handshake(long),
        })
    }
}

/// Where the packet number of a short header begins, which is all there is to know of one besides its connection ID; `None`
/// for a long header.
#[inline]
pub(crate) fn decode_short(
    datagram: &[u8],
    local_connection_id_len: usize,
    is_greased: bool,
) -> Result<Option<usize>, Discard> {
    // RFC 9000 section 10.3-7: and so at each step.
    let first_byte = *datagram.first().ok_or(Discard::TooShort)?;
    if first_byte & LONG_FORM != 0 {
        return Ok(None);
    }
    check_fixed_bit(first_byte, is_greased)?;
    let packet_number_offset = 1 + local_connection_id_len;
    if datagram.len() < packet_number_offset { Err(Discard::TooShort) } else { Ok(Some(packet_number_offset)) }
}

/// The destination connection ID of a datagram's first packet, by what is the same in all versions (RFC 8999 section 5),
/// to find the connection before anything else is looked at. In a long header it may have up to 255 bytes.
pub fn destination_connection_id(datagram: &[u8], local_connection_id_len: usize) -> Option<&[u8]> {
    let mut reader = Reader::new(datagram);
    if reader.u8().ok()? & LONG_FORM == 0 {
        return reader.bytes(local_connection_id_len).ok();
    }
    reader.u32().ok()?;
    reader.u8_prefixed().ok()
}

/// The destination connection ID of a short header, if the datagram has as many bytes.
#[inline]
pub(crate) fn short_destination(datagram: &[u8], local_connection_id_len: usize) -> Option<&[u8]> {
    let (first_byte, rest) = datagram.split_first()?;
    if first_byte & LONG_FORM == 0 { rest.get(..local_connection_id_len) } else { None }
}

#[inline(always)]
fn check_fixed_bit(first_byte: u8, is_greased: bool) -> Result<(), Discard> {
    // RFC 9000 section 17.2-1, 17.3.1-1: the bit tells QUIC from other protocols on the same port, unless it was given up for
    // later use (RFC 9287).
    if first_byte & FIXED_BIT == 0 && !is_greased { Err(Discard::FixedBit) } else { Ok(()) }
}

/// Clears the fixed bit of a packet that is about to be sealed (RFC 9287 section 3.1).
pub(crate) fn clear_fixed_bit(packet: &mut [u8]) {
    if let Some(first_byte) = packet.first_mut() {
        *first_byte &= !FIXED_BIT;
    }
}

/// Whether the fixed bit of a datagram's first packet is set.
pub(crate) fn has_fixed_bit(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first_byte| first_byte & FIXED_BIT != 0)
}

/// A length of one byte and a connection ID, whose place is the result.
fn prefixed_range(reader: &mut Reader<'_>) -> Result<Range<usize>, Truncated> {
    let len = reader.u8_prefixed()?.len();
    Ok(reader.position() - len..reader.position())
}

fn connection_id(bytes: &[u8]) -> Result<ConnectionId, Discard> {
    ConnectionId::new(bytes).ok_or(Discard::ConnectionIdTooLong)
}

fn connection_id_at(datagram: &[u8], range: Range<usize>) -> Result<ConnectionId, Discard> {
    connection_id(datagram.get(range).ok_or(Discard::TooShort)?)
}

fn version_negotiation(
    datagram: &[u8],
    destination: Range<usize>,
    source: Range<usize>,
    start: usize,
) -> Result<Header, Discard> {
    // The packet echoes our own IDs, so longer ones than ours cannot be an answer.
    let destination = connection_id_at(datagram, destination)?;
    let source = connection_id_at(datagram, source)?;
    let versions = start..datagram.len();
    // RFC 8999 s6: an empty or a cut list makes the whole packet void.
    if versions.is_empty() || versions.len() % 4 != 0 {
        return Err(Discard::VersionList);
    }
    Ok(Header::VersionNegotiation { destination, source, versions })
}

fn retry(
    reader: &Reader<'_>,
    version: Version,
    destination: ConnectionId,
    source: ConnectionId,
) -> Result<Header, Discard> {
    let start = reader.position();
    let token_len = reader.remaining().checked_sub(TAG_LEN).ok_or(Discard::TooShort)?;
    // RFC 9000 section 17.2.5.2-4: a Retry without a token is dropped.
    if token_len == 0 {
        return Err(Discard::TooShort);
    }
    let integrity_tag = start + token_len;
    Ok(Header::Retry { version, destination, source, token: start..integrity_tag, integrity_tag })
}

impl From<Truncated> for Discard {
    fn from(_: Truncated) -> Discard {
        Discard::TooShort
    }
}

#[cfg(test)]
mod tests;
