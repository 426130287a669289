//! Frames (RFC 9000 section 19): one enum that borrows the datagram. A value of it can always be encoded, and decoding
//! what was encoded gives the same value.

use crate::wire::connection_id::{ConnectionId, ResetToken};
use crate::wire::packet_number::PacketNumber;
use base::varint::encoded_len;
use base::{Direction, StreamId, VarInt};

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A run of PADDING frames (section 19.1): `bytes` of them.
    Padding {
        /// How many.
        bytes: usize,
    },
    /// PING (section 19.2).
    Ping,
    /// ACK (section 19.3).
    Ack(AckFrame<'a>),
    /// RESET_STREAM (section 19.4).
    ResetStream {
        /// Which stream.
        id: StreamId,
        /// Why, in the application's codes.
        error_code: VarInt,
        /// Bytes the stream had in all.
        final_size: u64,
    },
    /// STOP_SENDING (section 19.5).
    StopSending {
        /// Which stream.
        id: StreamId,
        /// Why, in the application's codes.
        error_code: VarInt,
    },
    /// CRYPTO (section 19.6).
    Crypto {
        /// Where `data` begins.
        offset: u64,
        /// Handshake bytes.
        data: &'a [u8],
    },
    /// NEW_TOKEN (section 19.7).
    NewToken {
        /// For the next connection; never empty.
        token: &'a [u8],
    },
    /// STREAM (section 19.8).
    Stream(StreamFrame<'a>),
    /// MAX_DATA (section 19.9).
    MaxData {
        /// Bytes that may be sent on all streams together.
        maximum: u64,
    },
    /// MAX_STREAM_DATA (section 19.10).
    MaxStreamData {
        /// Which stream.
        id: StreamId,
        /// Bytes that may be sent on it.
        maximum: u64,
    },
    /// MAX_STREAMS (section 19.11).
    MaxStreams {
        /// Which kind.
        direction: Direction,
        /// How many in all; at most 2^60.
        maximum: u64,
    },
    /// DATA_BLOCKED (section 19.12).
    DataBlocked {
        /// The limit at which it happened.
        limit: u64,
    },
    /// STREAM_DATA_BLOCKED (section 19.13).
    StreamDataBlocked {
        /// Which stream.
        id: StreamId,
        /// The limit at which it happened.
        limit: u64,
    },
    /// STREAMS_BLOCKED (section 19.14).
    StreamsBlocked {
        /// Which kind.
        direction: Direction,
        /// The limit at which it happened; at most 2^60.
        limit: u64,
    },
    /// NEW_CONNECTION_ID (section 19.15).
    NewConnectionId {
        /// Its number.
        sequence_number: u64,
        /// All below this number are to be retired.
        retire_prior_to: u64,
        /// 1 to 20 bytes.
        connection_id: ConnectionId,
        /// What resets it.
        reset_token: ResetToken,
    },
    /// RETIRE_CONNECTION_ID (section 19.16).
    RetireConnectionId {
        /// Its number.
        sequence_number: u64,
    },
    /// PATH_CHALLENGE (section 19.17).
    PathChallenge {
        /// To be sent back.
        data: [u8; 8],
    },
    /// PATH_RESPONSE (section 19.18).
    PathResponse {
        /// Of the challenge.
        data: [u8; 8],
    },
    /// CONNECTION_CLOSE of the transport (section 19.19, type 0x1c).
    ConnectionClose {
        /// A code of section 20.1.
        error_code: VarInt,
        /// The frame type that provoked it; 0 if none.
        frame_type: u64,
        /// For humans; not necessarily UTF-8.
        reason: &'a [u8],
    },
    /// CONNECTION_CLOSE of the application (section 19.19, type 0x1d).
    ApplicationClose {
        /// In the application's codes.
        error_code: VarInt,
        /// For humans; not necessarily UTF-8.
        reason: &'a [u8],
    },
    /// HANDSHAKE_DONE (section 19.20).
    HandshakeDone,
    /// RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset section 4).
    ResetStreamAt {
        /// Which stream.
        id: StreamId,
        /// Why, in the application's codes.
        error_code: VarInt,
        /// Bytes the stream had in all.
        final_size: u64,
        /// Bytes from the first on that are delivered all the same; at most `final_size`.
        reliable_size: u64,
    },
    /// DATAGRAM (RFC 9221 section 4).
    Datagram(DatagramFrame<'a>),
    /// ACK_FREQUENCY (draft-ietf-quic-ack-frequency section 4).
    AckFrequency(AckFrequencyFrame),
    /// IMMEDIATE_ACK (draft-ietf-quic-ack-frequency section 5).
    ImmediateAck,
}

/// An ACK_FREQUENCY frame: how the sender of data would like to hear of its arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckFrequencyFrame {
    /// Grows from one request to the next.
    pub sequence_number: u64,
    /// Packets that ask for an acknowledgment and may come without one.
    pub threshold: u64,
    /// How long an acknowledgment may wait, in microseconds.
    pub max_ack_delay: u64,
    /// By how many packets one may be overtaken before that is told at once; 0 for any number.
    pub reordering_threshold: u64,
}

/// A DATAGRAM frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramFrame<'a> {
    /// The bytes; there may be none.
    pub data: &'a [u8],
    /// Whether the length is written; without it the frame goes to the end of its packet.
    pub with_length: bool,
}

impl DatagramFrame<'_> {
    /// Bytes of the whole frame with its length in the shortest form: what `max_datagram_frame_size` limits.
    pub fn encoded_len(&self) -> usize {
        let len = self.data.len();
        1 + if self.with_length { encoded_len(len as u64) } else { 0 } + len
    }
}

/// A STREAM frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFrame<'a> {
    /// Which stream.
    pub id: StreamId,
    /// Where `data` begins; `offset + data.len()` is at most 2^62 - 1.
    pub offset: u64,
    /// The bytes.
    pub data: &'a [u8],
    /// Whether the stream ends with `data`.
    pub fin: bool,
}

/// An ACK frame that was checked when it was decoded: its ranges never run below zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckFrame<'a> {
    /// The largest number acknowledged.
    pub largest: PacketNumber,
    /// As on the wire, before the peer's exponent is applied.
    pub ack_delay: u64,
    /// Packets of the first range below `largest`.
    pub first_range: u64,
    /// How many further ranges.
    pub range_count: u64,
    /// The further ranges as they are on the wire: pairs of gap and length.
    pub ranges: &'a [u8],
    /// ECN counts, if the frame had them (type 0x03).
    pub ecn: Option<EcnCounts>,
}

/// The totals of an ACK frame of type 0x03.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct EcnCounts {
    /// Packets that arrived with ECT(0).
    pub ect0: u64,
    /// Packets that arrived with ECT(1).
    pub ect1: u64,
    /// Packets that arrived with CE.
    pub ce: u64,
}
