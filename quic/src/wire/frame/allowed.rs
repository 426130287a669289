//! The type of each frame and which packets may hold it (RFC 9000 section 12.4, table 3).

use crate::wire::frame::types::Frame;
use crate::wire::packet_number::PacketNumberSpace;
use base::Direction;

/// The kinds of packets that hold frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// RFC 9000 section 17.2.2.
    Initial,
    /// RFC 9000 section 17.2.3.
    ZeroRtt,
    /// RFC 9000 section 17.2.4.
    Handshake,
    /// RFC 9000 section 17.3.1.
    OneRtt,
}

impl PacketKind {
    /// Where its numbers are of (RFC 9000 section 12.3): 0-RTT and 1-RTT packets share theirs.
    #[inline]
    pub const fn space(self) -> PacketNumberSpace {
        match self {
            PacketKind::Initial => PacketNumberSpace::Initial,
            PacketKind::Handshake => PacketNumberSpace::Handshake,
            PacketKind::ZeroRtt | PacketKind::OneRtt => PacketNumberSpace::ApplicationData,
        }
    }

    /// This kind's bit in a row of [`ALLOWED`].
    const fn bit(self) -> u8 {
        match self {
            PacketKind::Initial => I,
            PacketKind::Handshake => H,
            PacketKind::ZeroRtt => Z,
            PacketKind::OneRtt => O,
        }
    }
}

/// The largest frame type of RFC 9000.
const LAST_TYPE: u64 = 0x1e;
/// RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset section 4).
pub(crate) const RESET_STREAM_AT: u64 = 0x24;
/// DATAGRAM without a length, and with one (RFC 9221 section 4).
pub(crate) const DATAGRAM: u64 = 0x30;
pub(crate) const DATAGRAM_WITH_LENGTH: u64 = 0x31;

/// IMMEDIATE_ACK and ACK_FREQUENCY (draft-ietf-quic-ack-frequency sections 4 and 5).
pub(crate) const IMMEDIATE_ACK: u64 = 0x1f;
pub(crate) const ACK_FREQUENCY: u64 = 0xaf;

/// Whether a frame type is known.
pub(crate) const fn is_known(frame_type: u64) -> bool {
    matches!(
        frame_type,
        0..=LAST_TYPE | IMMEDIATE_ACK | RESET_STREAM_AT | DATAGRAM | DATAGRAM_WITH_LENGTH | ACK_FREQUENCY
    )
}

const I: u8 = 1;
const H: u8 = 2;
const Z: u8 = 4;
const O: u8 = 8;

/// One row for each frame type from 0 to [`LAST_TYPE`].
/// RFC 9000 section 12.4-3, 12.5-3, 12.5-5, 17.2.4-2.
/// RFC 9001 section 8.3-2.
const ALLOWED: [u8; LAST_TYPE as usize + 1] = [
    I | H | Z | O, // 0x00 PADDING
    I | H | Z | O, // 0x01 PING
    I | H | O,     // 0x02 ACK
    I | H | O,     // 0x03 ACK with ECN counts
    Z | O,         // 0x04 RESET_STREAM
    Z | O,         // 0x05 STOP_SENDING
    I | H | O,     // 0x06 CRYPTO
    O,             // 0x07 NEW_TOKEN
    Z | O,         // 0x08 STREAM, as the next seven
    Z | O,
    Z | O,
    Z | O,
    Z | O,
    Z | O,
    Z | O,
    Z | O,
    Z | O, // 0x10 MAX_DATA
    Z | O, // 0x11 MAX_STREAM_DATA
    Z | O, // 0x12 MAX_STREAMS, bidirectional
    Z | O, // 0x13 MAX_STREAMS, unidirectional
    Z | O, // 0x14 DATA_BLOCKED
    Z | O, // 0x15 STREAM_DATA_BLOCKED
    Z | O, // 0x16 STREAMS_BLOCKED, bidirectional
    Z | O, // 0x17 STREAMS_BLOCKED, unidirectional
    Z | O, // 0x18 NEW_CONNECTION_ID
    // 0x19 RETIRE_CONNECTION_ID. RFC 9000 s12.5: a client cannot have an ID to retire before the server has answered, so
    // the text lets us refuse what the table would let through.
    O,
    Z | O,         // 0x1a PATH_CHALLENGE
    O,             // 0x1b PATH_RESPONSE
    I | H | Z | O, // 0x1c CONNECTION_CLOSE of the transport
    Z | O,         // 0x1d CONNECTION_CLOSE of the application
    O,             // 0x1e HANDSHAKE_DONE
];

impl Frame<'_> {
    /// The type as it is written.
    pub fn frame_type(&self) -> u64 {
        match self {
            Frame::Padding { .. } => 0x00,
            Frame::Ping => 0x01,
            Frame::Ack(ack) => 0x02 | u64::from(ack.ecn.is_some()),
            Frame::ResetStream { .. } => 0x04,
            Frame::StopSending { .. } => 0x05,
            Frame::Crypto { .. } => 0x06,
            Frame::NewToken { .. } => 0x07,
            // RFC 9000 s19.8: OFF, LEN, FIN. We always write LEN here; OFF where there is something to write.
            Frame::Stream(stream) => 0x0a | u64::from(stream.offset > 0) << 2 | u64::from(stream.fin),
            Frame::MaxData { .. } => 0x10,
            Frame::MaxStreamData { .. } => 0x11,
            Frame::MaxStreams { direction: Direction::Bidirectional, .. } => 0x12,
            Frame::MaxStreams { direction: Direction::Unidirectional, .. } => 0x13,
            Frame::DataBlocked { .. } => 0x14,
            Frame::StreamDataBlocked { .. } => 0x15,
            Frame::StreamsBlocked { direction: Direction::Bidirectional, .. } => 0x16,
            Frame::StreamsBlocked { direction: Direction::Unidirectional, .. } => 0x17,
            Frame::NewConnectionId { .. } => 0x18,
            Frame::RetireConnectionId { .. } => 0x19,
            Frame::PathChallenge { .. } => 0x1a,
            Frame::PathResponse { .. } => 0x1b,
            Frame::ConnectionClose { .. } => 0x1c,
            Frame::ApplicationClose { .. } => 0x1d,
            Frame::HandshakeDone => 0x1e,
            Frame::ResetStreamAt { .. } => RESET_STREAM_AT,
            Frame::Datagram(datagram) => DATAGRAM | u64::from(datagram.with_length),
            Frame::AckFrequency(_) => ACK_FREQUENCY,
            Frame::ImmediateAck => IMMEDIATE_ACK,
        }
    }

    /// Whether a packet of this kind may hold it.
    pub fn is_allowed_in(&self, kind: PacketKind) -> bool {
        // RFC 9221 section 5-3, 6-1: DATAGRAM frames come under the keys of application data only, and frames that reset
        // streams with them. A row that is missing is one of theirs.
        // draft-ietf-quic-ack-frequency section 3-3: what asks for acknowledgments is never early.
        let row = match self {
            Frame::AckFrequency(_) | Frame::ImmediateAck => O,
            _ => ALLOWED.get(self.frame_type() as usize).copied().unwrap_or(Z | O),
        };
        row & kind.bit() != 0
    }

    /// Whether a peer may send it to try a path without moving there (section 9.1).
    pub const fn is_probing(&self) -> bool {
        matches!(
            self,
            Frame::PathChallenge { .. }
                | Frame::PathResponse { .. }
                | Frame::NewConnectionId { .. }
                | Frame::Padding { .. }
        )
    }

    /// Whether the receiver has to acknowledge it (section 13.2): all but ACK, PADDING and CONNECTION_CLOSE.
    pub const fn is_ack_eliciting(&self) -> bool {
        !matches!(
            self,
            Frame::Ack(_) | Frame::Padding { .. } | Frame::ConnectionClose { .. } | Frame::ApplicationClose { .. }
        )
    }
}
