//! Transport parameters (RFC 9000 sections 7.4 and 18), which TLS carries.
//!
//! Decoding checks what can be checked without knowing the connection: form, ranges, repetitions, and that a client sends
//! none of a server's. Whether the connection IDs are the right ones (section 7.3) is asked elsewhere.

use crate::violation::Violation;
use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::version::Version;
use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Duration, Reader, Side, VarInt};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// What one side tells the other about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportParameters {
    /// The destination of the client's first Initial. Servers only, and always.
    pub original_destination_connection_id: Option<ConnectionId>,
    /// Zero: no timeout. Milliseconds on the wire.
    pub max_idle_timeout: Duration,
    /// Of the ID of the handshake. Servers only.
    pub stateless_reset_token: Option<ResetToken>,
    /// The largest UDP payload this side is willing to receive: at least 1200.
    pub max_udp_payload_size: u64,
    /// Bytes on all streams together.
    pub initial_max_data: u64,
    /// Bytes on each bidirectional stream that this side opens.
    pub initial_max_stream_data_bidi_local: u64,
    /// Bytes on each bidirectional stream that the receiver of the parameters opens.
    pub initial_max_stream_data_bidi_remote: u64,
    /// Bytes on each unidirectional stream that the receiver of the parameters opens.
    pub initial_max_stream_data_uni: u64,
    /// Bidirectional streams the receiver of the parameters may open: at most 2^60.
    pub initial_max_streams_bidi: u64,
    /// Unidirectional streams the receiver of the parameters may open: at most 2^60.
    pub initial_max_streams_uni: u64,
    /// ACK delays are microseconds divided by two to this power: at most 20.
    pub ack_delay_exponent: u8,
    /// How long this side waits with an acknowledgment: less than 2^14 milliseconds.
    pub max_ack_delay: Duration,
    /// Whether the peer must stay with the address of the handshake.
    pub disable_active_migration: bool,
    /// Where a server would rather be. Servers only.
    pub preferred_address: Option<PreferredAddress>,
    /// Connection IDs this side is willing to hold: at least 2.
    pub active_connection_id_limit: u64,
    /// The source ID of this side's first Initial. Always.
    pub initial_source_connection_id: Option<ConnectionId>,
    /// The source ID of a Retry. Servers only, after a Retry.
    pub retry_source_connection_id: Option<ConnectionId>,
    /// Bytes of the largest DATAGRAM frame this side takes; 0 for none (RFC 9221 section 3).
    pub max_datagram_frame_size: u64,
    /// Whether this side takes RESET_STREAM_AT frames (draft-ietf-quic-reliable-stream-reset section 3).
    pub reset_stream_at: bool,
    /// Which versions this side speaks, and which one it takes the connection to be of (RFC 9368 section 3).
    pub version_information: Option<VersionInformation>,
    /// Whether this side takes packets whose QUIC bit is 0 (RFC 9287).
    pub grease_quic_bit: bool,
    /// The shortest delay of an acknowledgment that this side can be asked for, in microseconds on the wire and no longer than
    /// `max_ack_delay`; `None` if it cannot be asked (draft-ietf-quic-ack-frequency section 3).
    pub min_ack_delay: Option<Duration>,
}

/// RFC 9368 section 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInformation {
    /// Of a client: what its first flight is of. Of a server: what the connection goes on with. Never 0.
    pub chosen: Version,
    /// Of a client: what its first flight could be turned into, best first, with the chosen one. Of a server: what it speaks;
    /// perhaps nothing. None is 0.
    pub available: Vec<Version>,
}

/// RFC 9000 section 18.2, figure 22.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreferredAddress {
    /// `None` where the wire has all zeros.
    pub ipv4: Option<SocketAddrV4>,
    /// `None` where the wire has all zeros.
    pub ipv6: Option<SocketAddrV6>,
    /// The ID to use there, of sequence number 1; never empty.
    pub connection_id: ConnectionId,
    /// What resets it.
    pub stateless_reset_token: ResetToken,
}

impl Default for TransportParameters {
    /// What holds for parameters that are absent.
    fn default() -> TransportParameters {
        TransportParameters {
            original_destination_connection_id: None,
            max_idle_timeout: Duration::ZERO,
            stateless_reset_token: None,
            max_udp_payload_size: 65_527,
            initial_max_data: 0,
            initial_max_stream_data_bidi_local: 0,
            initial_max_stream_data_bidi_remote: 0,
            initial_max_stream_data_uni: 0,
            initial_max_streams_bidi: 0,
            initial_max_streams_uni: 0,
            ack_delay_exponent: 3,
            max_ack_delay: Duration::from_millis(25),
            disable_active_migration: false,
            preferred_address: None,
            active_connection_id_limit: 2,
            initial_source_connection_id: None,
            retry_source_connection_id: None,
            max_datagram_frame_size: 0,
            reset_stream_at: false,
            version_information: None,
            grease_quic_bit: false,
            min_ack_delay: None,
        }
    }
}

// RFC 9000 s18.2.
const ORIGINAL_DESTINATION_CONNECTION_ID: u64 = 0x00;
const MAX_IDLE_TIMEOUT: u64 = 0x01;
const STATELESS_RESET_TOKEN: u64 = 0x02;
const MAX_UDP_PAYLOAD_SIZE: u64 = 0x03;
const INITIAL_MAX_DATA: u64 = 0x04;
const INITIAL_MAX_STREAM_DATA_BIDI_LOCAL: u64 = 0x05;
const INITIAL_MAX_STREAM_DATA_BIDI_REMOTE: u64 = 0x06;
const INITIAL_MAX_STREAM_DATA_UNI: u64 = 0x07;
const INITIAL_MAX_STREAMS_BIDI: u64 = 0x08;
const INITIAL_MAX_STREAMS_UNI: u64 = 0x09;
const ACK_DELAY_EXPONENT: u64 = 0x0a;
const MAX_ACK_DELAY: u64 = 0x0b;
const DISABLE_ACTIVE_MIGRATION: u64 = 0x0c;
const PREFERRED_ADDRESS: u64 = 0x0d;
const ACTIVE_CONNECTION_ID_LIMIT: u64 = 0x0e;
const INITIAL_SOURCE_CONNECTION_ID: u64 = 0x0f;
const RETRY_SOURCE_CONNECTION_ID: u64 = 0x10;
// draft-ietf-quic-reliable-stream-reset section 3.
const RESET_STREAM_AT: u64 = 0x1d;
// RFC 9221 section 3.
const MAX_DATAGRAM_FRAME_SIZE: u64 = 0x20;

/// Whether the repetition of a parameter is noticed by a bit of its own.
const fn has_bit(id: u64) -> bool {
    matches!(id, 0..=VERSION_INFORMATION | RESET_STREAM_AT | MAX_DATAGRAM_FRAME_SIZE)
}
/// RFC 9368 section 10.1.
const VERSION_INFORMATION: u64 = 0x11;
/// RFC 9287 section 3.
const GREASE_QUIC_BIT: u64 = 0x2ab2;
/// draft-ietf-quic-ack-frequency section 3.
const MIN_ACK_DELAY: u64 = 0xff04_de1b;

/// Unknown parameters whose repetition is noticed. Beyond, they are still ignored, but no longer compared: the work for
/// what means nothing to us stays bounded.
const MAX_UNKNOWN_REMEMBERED: usize = 64;

impl TransportParameters {
    /// Reads what `sender` sent.
    pub fn decode(bytes: &[u8], sender: Side) -> Result<TransportParameters, Violation> {
        let mut parameters = TransportParameters::default();
        let mut reader = Reader::new(bytes);
        let mut known = 0u64;
        let (mut unknown, mut unknown_count) = ([0; MAX_UNKNOWN_REMEMBERED], 0);
        while !reader.is_empty() {
            let id = reader.varint().map_err(|_| Violation::TransportParameters)?;
            let value = reader.varint_prefixed().map_err(|_| Violation::TransportParameters)?;
            let repeated = if has_bit(id) {
                let bit = 1u64 << id;
                let before = known;
                known |= bit;
                before & bit != 0
            } else if unknown.iter().take(unknown_count).any(|known| *known == id) {
                true
            } else {
                if let Some(place) = unknown.get_mut(unknown_count) {
                    *place = id;
                    unknown_count += 1;
                }
                false
            };
            if repeated {
                return Err(Violation::TransportParameters);
            }
            if sender == Side::Client && is_of_server(id) {
                // RFC 9000 section 18.2-11.
                return Err(Violation::TransportParameterOfServer);
            }
            // RFC 9000 section 7.4-1.
            parameters.decode_one(sender, id, value).ok_or(Violation::TransportParameters)?;
        }
        // draft-ietf-quic-ack-frequency section 3-2.
        if parameters.min_ack_delay.is_some_and(|shortest| shortest > parameters.max_ack_delay) {
            return Err(Violation::TransportParameters);
        }
        Ok(parameters)
    }

    /// `None` if the value is malformed or out of range.
    fn decode_one(&mut self, sender: Side, id: u64, value: &[u8]) -> Option<()> {
        match id {
            ORIGINAL_DESTINATION_CONNECTION_ID => {
                self.original_destination_connection_id = Some(ConnectionId::new(value)?);
            }
            MAX_IDLE_TIMEOUT => self.max_idle_timeout = Duration::from_millis(number(value)?),
            STATELESS_RESET_TOKEN => self.stateless_reset_token = Some(ResetToken(value.try_into().ok()?)),
            MAX_UDP_PAYLOAD_SIZE => {
                self.max_udp_payload_size = number(value).filter(|size| *size >= 1200)?;
            }
            INITIAL_MAX_DATA => self.initial_max_data = number(value)?,
            INITIAL_MAX_STREAM_DATA_BIDI_LOCAL => self.initial_max_stream_data_bidi_local = number(value)?,
            INITIAL_MAX_STREAM_DATA_BIDI_REMOTE => self.initial_max_stream_data_bidi_remote = number(value)?,
            INITIAL_MAX_STREAM_DATA_UNI => self.initial_max_stream_data_uni = number(value)?,
            INITIAL_MAX_STREAMS_BIDI => {
                // RFC 9000 section 4.6-1: more streams than 2^60 would have no IDs.
                self.initial_max_streams_bidi = number(value).filter(|count| *count <= 1 << 60)?;
            }
            INITIAL_MAX_STREAMS_UNI => {
                self.initial_max_streams_uni = number(value).filter(|count| *count <= 1 << 60)?;
            }
            ACK_DELAY_EXPONENT => {
                self.ack_delay_exponent = number(value).filter(|exponent| *exponent <= 20)? as u8;
            }
            MAX_ACK_DELAY => {
                self.max_ack_delay = Duration::from_millis(number(value).filter(|delay| *delay < 1 << 14)?);
            }
            DISABLE_ACTIVE_MIGRATION => {
                self.disable_active_migration = value.is_empty().then_some(true)?;
            }
            PREFERRED_ADDRESS => self.preferred_address = Some(PreferredAddress::decode(value)?),
            ACTIVE_CONNECTION_ID_LIMIT => {
                // RFC 9000 section 18.2-9: at least two.
                self.active_connection_id_limit = number(value).filter(|limit| *limit >= 2)?;
            }
            INITIAL_SOURCE_CONNECTION_ID => self.initial_source_connection_id = Some(ConnectionId::new(value)?),
            RETRY_SOURCE_CONNECTION_ID => self.retry_source_connection_id = Some(ConnectionId::new(value)?),
            MAX_DATAGRAM_FRAME_SIZE => self.max_datagram_frame_size = number(value)?,
            RESET_STREAM_AT if value.is_empty() => self.reset_stream_at = true,
            // draft-ietf-quic-reliable-stream-reset section 3-1.
            RESET_STREAM_AT => return None,
            VERSION_INFORMATION => self.version_information = Some(VersionInformation::decode(value, sender)?),
            // RFC 9287 section 3-1.
            GREASE_QUIC_BIT => self.grease_quic_bit = value.is_empty().then_some(true)?,
            MIN_ACK_DELAY => self.min_ack_delay = Some(Duration::from_micros(number(value)?)),
            // RFC 9000 section 7.4.2-1: what is not known is ignored.
            _ => {}
        }
        Some(())
    }

    /// Writes what `sender` sends; a client's leaves out what only servers send, and defaults need not be said. `grease`
    /// is random: it makes a reserved parameter, so that peers stay used to unknown ones (RFC 9000 section 18.1). `None` makes none.
    /// RFC 9000 section 7.4-2: each once, and the reserved one is none of the known.
    pub fn encode(&self, sender: Side, grease: impl Into<Option<u64>>) -> Vec<u8> {
        let mut out = Vec::with_capacity(160);
        let default = TransportParameters::default();
        let mut number = |id: u64, value: u64, default: u64| {
            if value != default {
                // RFC 9000 s16: a limit of our own above 2^62 - 1 says no more than 2^62 - 1.
                let value = VarInt::new(value).unwrap_or(VarInt::MAX);
                push_id(&mut out, id, value.encoded_len());
                push_varint(&mut out, value);
            }
        };
        number(MAX_IDLE_TIMEOUT, millis(self.max_idle_timeout), 0);
        number(MAX_UDP_PAYLOAD_SIZE, self.max_udp_payload_size, default.max_udp_payload_size);
        number(INITIAL_MAX_DATA, self.initial_max_data, 0);
        number(INITIAL_MAX_STREAM_DATA_BIDI_LOCAL, self.initial_max_stream_data_bidi_local, 0);
        number(INITIAL_MAX_STREAM_DATA_BIDI_REMOTE, self.initial_max_stream_data_bidi_remote, 0);
        number(INITIAL_MAX_STREAM_DATA_UNI, self.initial_max_stream_data_uni, 0);
        number(INITIAL_MAX_STREAMS_BIDI, self.initial_max_streams_bidi, 0);
        number(INITIAL_MAX_STREAMS_UNI, self.initial_max_streams_uni, 0);
        number(ACK_DELAY_EXPONENT, self.ack_delay_exponent.into(), default.ack_delay_exponent.into());
        number(MAX_ACK_DELAY, millis(self.max_ack_delay), millis(default.max_ack_delay));
        number(ACTIVE_CONNECTION_ID_LIMIT, self.active_connection_id_limit, default.active_connection_id_limit);
        number(MAX_DATAGRAM_FRAME_SIZE, self.max_datagram_frame_size, 0);
        if self.reset_stream_at {
            push_id(&mut out, RESET_STREAM_AT, 0);
        }
        if let Some(shortest) = self.min_ack_delay {
            let micros = VarInt::new(micros(shortest)).unwrap_or(VarInt::MAX);
            push_id(&mut out, MIN_ACK_DELAY, micros.encoded_len());
            push_varint(&mut out, micros);
        }
        if self.disable_active_migration {
            push_id(&mut out, DISABLE_ACTIVE_MIGRATION, 0);
        }
        push_connection_id(&mut out, INITIAL_SOURCE_CONNECTION_ID, self.initial_source_connection_id);
        if let Some(versions) = &self.version_information {
            push_id(&mut out, VERSION_INFORMATION, 4 + 4 * versions.available.len());
            versions.encode(&mut out);
        }
        if self.grease_quic_bit {
            push_id(&mut out, GREASE_QUIC_BIT, 0);
        }
        // RFC 9000 section 18.2-1, 18.2-10: a client has none of these.
        if sender == Side::Server {
            self.encode_of_server(&mut out);
        }
        // RFC 9000 s18.1: numbers of the form 31 * N + 27 are reserved and never assigned.
        if let Some(grease) = grease.into() {
            let value = grease.to_be_bytes();
            let value = value.get(..(grease & 7) as usize).unwrap_or(&[]);
            push_id(&mut out, 31 * (grease >> 8) + 27, value.len());
            out.extend_from_slice(value);
        }
        out
    }

    fn encode_of_server(&self, out: &mut Vec<u8>) {
        push_connection_id(out, ORIGINAL_DESTINATION_CONNECTION_ID, self.original_destination_connection_id);
        push_connection_id(out, RETRY_SOURCE_CONNECTION_ID, self.retry_source_connection_id);
        if let Some(token) = self.stateless_reset_token {
            push_id(out, STATELESS_RESET_TOKEN, ResetToken::LEN);
            out.extend_from_slice(&token.0);
        }
        if let Some(address) = &self.preferred_address {
            push_id(out, PREFERRED_ADDRESS, PreferredAddress::FIXED_LEN + address.connection_id.len());
            address.encode(out);
        }
    }
}

impl PreferredAddress {
    /// All but the connection ID.
    const FIXED_LEN: usize = 4 + 2 + 16 + 2 + 1 + ResetToken::LEN;

    fn decode(value: &[u8]) -> Option<PreferredAddress> {
        let mut reader = Reader::new(value);
        let ipv4 = SocketAddrV4::new(Ipv4Addr::from(reader.array::<4>().ok()?), reader.u16().ok()?);
        let ipv6 = SocketAddrV6::new(Ipv6Addr::from(reader.array::<16>().ok()?), reader.u16().ok()?, 0, 0);
        let connection_id = ConnectionId::new(reader.u8_prefixed().ok()?)?;
        let stateless_reset_token = ResetToken(reader.array().ok()?);
        // RFC 9000 section 18.2-7: an empty ID there is an error.
        if connection_id.is_empty() || !reader.is_empty() {
            return None;
        }
        Some(PreferredAddress {
            ipv4: (!ipv4.ip().is_unspecified() || ipv4.port() != 0).then_some(ipv4),
            ipv6: (!ipv6.ip().is_unspecified() || ipv6.port() != 0).then_some(ipv6),
            connection_id,
            stateless_reset_token,
        })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ipv4.map_or([0; 4], |address| address.ip().octets()));
        out.extend_from_slice(&self.ipv4.map_or(0, |address| address.port()).to_be_bytes());
        out.extend_from_slice(&self.ipv6.map_or([0; 16], |address| address.ip().octets()));
        out.extend_from_slice(&self.ipv6.map_or(0, |address| address.port()).to_be_bytes());
        out.push(self.connection_id.len() as u8);
        out.extend_from_slice(self.connection_id.as_slice());
        out.extend_from_slice(&self.stateless_reset_token.0);
    }
}

impl VersionInformation {
    /// RFC 9368 section 4-3, 4-4, 4-5, 4-6.
    fn decode(value: &[u8], sender: Side) -> Option<VersionInformation> {
        let (versions, []) = value.as_chunks::<4>() else { return None };
        let mut versions = versions.iter().map(|bytes| Version(u32::from_be_bytes(*bytes)));
        let chosen = versions.next()?;
        let available: Vec<Version> = versions.collect();
        let has_zero = chosen == Version::NEGOTIATION || available.contains(&Version::NEGOTIATION);
        // RFC 9368 section 3-2: of a client the chosen one is among them.
        let is_whole = sender == Side::Server || available.contains(&chosen);
        (is_whole && !has_zero).then_some(VersionInformation { chosen, available })
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let versions = core::iter::once(&self.chosen).chain(&self.available);
        versions.for_each(|version| out.extend_from_slice(&version.0.to_be_bytes()));
    }
}

/// What a client must not send (RFC 9000 section 18.2).
const fn is_of_server(id: u64) -> bool {
    matches!(
        id,
        ORIGINAL_DESTINATION_CONNECTION_ID | STATELESS_RESET_TOKEN | PREFERRED_ADDRESS | RETRY_SOURCE_CONNECTION_ID
    )
}

/// A variable-length integer that is all of a value.
fn number(value: &[u8]) -> Option<u64> {
    let mut reader = Reader::new(value);
    let number = reader.varint().ok()?;
    reader.is_empty().then_some(number)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn push_id(out: &mut Vec<u8>, id: u64, len: usize) {
    push_varint(out, VarInt::new(id).unwrap_or(VarInt::MAX));
    push_varint(out, VarInt::from_u32(len as u32));
}

fn push_connection_id(out: &mut Vec<u8>, id: u64, connection_id: Option<ConnectionId>) {
    if let Some(connection_id) = connection_id {
        push_id(out, id, connection_id.len());
        out.extend_from_slice(connection_id.as_slice());
    }
}

#[cfg(test)]
mod tests;
