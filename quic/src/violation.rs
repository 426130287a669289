//! Each violation of the protocol that a peer can commit, in one table: variant, code, section of the RFC.
//!
//! A violation closes the connection. A packet that is only dropped is a different type, `discard::Discard`.

/// A code of RFC 9000 section 20.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TransportErrorCode(pub u64);

impl TransportErrorCode {
    /// Closing without an error.
    pub const NO_ERROR: TransportErrorCode = TransportErrorCode(0x00);
    /// This side failed.
    pub const INTERNAL_ERROR: TransportErrorCode = TransportErrorCode(0x01);
    /// The server refuses the connection.
    pub const CONNECTION_REFUSED: TransportErrorCode = TransportErrorCode(0x02);
    /// More data than was allowed.
    pub const FLOW_CONTROL_ERROR: TransportErrorCode = TransportErrorCode(0x03);
    /// More streams than were allowed.
    pub const STREAM_LIMIT_ERROR: TransportErrorCode = TransportErrorCode(0x04);
    /// A frame for a stream in a state that does not allow it.
    pub const STREAM_STATE_ERROR: TransportErrorCode = TransportErrorCode(0x05);
    /// A final size changed or was passed.
    pub const FINAL_SIZE_ERROR: TransportErrorCode = TransportErrorCode(0x06);
    /// A badly formed frame.
    pub const FRAME_ENCODING_ERROR: TransportErrorCode = TransportErrorCode(0x07);
    /// Badly formed or missing transport parameters.
    pub const TRANSPORT_PARAMETER_ERROR: TransportErrorCode = TransportErrorCode(0x08);
    /// More connection IDs than were allowed.
    pub const CONNECTION_ID_LIMIT_ERROR: TransportErrorCode = TransportErrorCode(0x09);
    /// Any other breach.
    pub const PROTOCOL_VIOLATION: TransportErrorCode = TransportErrorCode(0x0a);
    /// An Initial with a bad token.
    pub const INVALID_TOKEN: TransportErrorCode = TransportErrorCode(0x0b);
    /// The application closes during the handshake.
    pub const APPLICATION_ERROR: TransportErrorCode = TransportErrorCode(0x0c);
    /// More CRYPTO data than can be held.
    pub const CRYPTO_BUFFER_EXCEEDED: TransportErrorCode = TransportErrorCode(0x0d);
    /// A bad key update.
    pub const KEY_UPDATE_ERROR: TransportErrorCode = TransportErrorCode(0x0e);
    /// The AEAD's limit is reached.
    pub const AEAD_LIMIT_REACHED: TransportErrorCode = TransportErrorCode(0x0f);
    /// No path is left.
    pub const NO_VIABLE_PATH: TransportErrorCode = TransportErrorCode(0x10);
    /// What the ends know of each other's versions does not agree (RFC 9368 section 10.2).
    pub const VERSION_NEGOTIATION_ERROR: TransportErrorCode = TransportErrorCode(0x11);
}

base::violations! {
    /// A breach of the protocol by the peer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Violation (code: TransportErrorCode = TransportErrorCode)
    // Parsing.
    FrameTruncated, FRAME_ENCODING_ERROR, "RFC 9000 12.4", "a frame ends too early";
    UnknownFrameType, FRAME_ENCODING_ERROR, "RFC 9000 12.4", "a frame of unknown type";
    FrameTypeNotShortest, PROTOCOL_VIOLATION, "RFC 9000 12.4", "a frame type that is not in its shortest encoding";
    EmptyPacket, PROTOCOL_VIOLATION, "RFC 9000 12.4", "a packet without frames";
    FrameInWrongPacket, PROTOCOL_VIOLATION, "RFC 9000 12.4", "a frame in a packet type that may not hold it";
    AckRangeBelowZero, FRAME_ENCODING_ERROR, "RFC 9000 19.3.1", "an ACK range below packet number 0";
    StreamOffsetTooLarge, FRAME_ENCODING_ERROR, "RFC 9000 19.8", "stream data past 2^62 - 1";
    CryptoOffsetTooLarge, FRAME_ENCODING_ERROR, "RFC 9000 19.6", "CRYPTO data past 2^62 - 1";
    EmptyToken, FRAME_ENCODING_ERROR, "RFC 9000 19.7", "a NEW_TOKEN frame without a token";
    MaxStreamsTooLarge, FRAME_ENCODING_ERROR, "RFC 9000 19.11", "a MAX_STREAMS frame above 2^60";
    StreamsBlockedTooLarge, FRAME_ENCODING_ERROR, "RFC 9000 19.14", "a STREAMS_BLOCKED frame above 2^60";
    ConnectionIdLength, FRAME_ENCODING_ERROR, "RFC 9000 19.15", "a new connection ID of 0 or more than 20 bytes";
    RetirePriorToTooLarge, FRAME_ENCODING_ERROR, "RFC 9000 19.15", "retire_prior_to above the sequence number";
    ReliableSizeTooLarge, FRAME_ENCODING_ERROR, "reliable-stream-reset 4", "a reliable size above the final size";
    ReservedBits, PROTOCOL_VIOLATION, "RFC 9000 17.2", "reserved header bits are set";
    TransportParameters, TRANSPORT_PARAMETER_ERROR, "RFC 9000 7.4", "a transport parameter is malformed, repeated or out of range";
    TransportParameterConnectionId, TRANSPORT_PARAMETER_ERROR, "RFC 9000 7.3", "a connection ID in the transport parameters is wrong or missing";
    EarlyLimitsReduced, PROTOCOL_VIOLATION, "RFC 9000 7.4.1", "the server accepts early data, and a limit is lower than the one it was sent under";
    TransportParameterOfServer, TRANSPORT_PARAMETER_ERROR, "RFC 9000 18.2", "a transport parameter that only a server may send";
    VersionNegotiation, VERSION_NEGOTIATION_ERROR, "RFC 9368 4", "the version in use is not the one that both ends would have chosen";
    // Acknowledgments.
    AckOfUnsentPacket, PROTOCOL_VIOLATION, "RFC 9000 13.1", "an acknowledgment of a packet that was not sent";
    AckOfSkippedPacket, PROTOCOL_VIOLATION, "RFC 9000 21.4", "an acknowledgment of a packet number that was skipped";
    RequestedAckDelay, PROTOCOL_VIOLATION, "ack-frequency 4", "a requested acknowledgment delay that is out of range";
    // Streams.
    StreamNotSendable, STREAM_STATE_ERROR, "RFC 9000 19.8", "data on a stream that only this side sends on";
    StreamNotReceivable, STREAM_STATE_ERROR, "RFC 9000 19.10", "credit or STOP_SENDING for a stream that only the peer sends on";
    StreamNotOpened, STREAM_STATE_ERROR, "RFC 9000 19.8", "a frame for a stream of this side that is not open";
    StreamLimit, STREAM_LIMIT_ERROR, "RFC 9000 4.6", "more streams than allowed";
    StreamFlowControl, FLOW_CONTROL_ERROR, "RFC 9000 4.1", "more data on a stream than allowed";
    ConnectionFlowControl, FLOW_CONTROL_ERROR, "RFC 9000 4.1", "more data on the connection than allowed";
    FinalSizeChanged, FINAL_SIZE_ERROR, "RFC 9000 4.5", "the final size of a stream changed";
    DataPastFinalSize, FINAL_SIZE_ERROR, "RFC 9000 4.5", "stream data past its final size";
    FinalSizeBelowData, FINAL_SIZE_ERROR, "RFC 9000 4.5", "a final size below data already received";
    ResetCodeChanged, STREAM_STATE_ERROR, "reliable-stream-reset 5.2", "the error code of a reset changed";
    StreamTooFragmented, INTERNAL_ERROR, "RFC 9000 2.2", "a stream in more pieces than are buffered";
    CryptoBufferExceeded, CRYPTO_BUFFER_EXCEEDED, "RFC 9000 7.5", "more CRYPTO data than is buffered";
    // Connection IDs and paths.
    ConnectionIdLimit, CONNECTION_ID_LIMIT_ERROR, "RFC 9000 5.1.1", "more connection IDs than allowed";
    ConnectionIdReused, PROTOCOL_VIOLATION, "RFC 9000 19.15", "a connection ID or sequence number issued twice with different values";
    ConnectionIdNotUsed, PROTOCOL_VIOLATION, "RFC 9000 19.15", "a NEW_CONNECTION_ID frame from a peer with zero-length connection IDs";
    RetiredUnknown, PROTOCOL_VIOLATION, "RFC 9000 19.16", "retirement of a connection ID that was not issued";
    RetiredInUse, PROTOCOL_VIOLATION, "RFC 9000 19.16", "retirement of the connection ID the packet was sent to";
    TooManyRetired, CONNECTION_ID_LIMIT_ERROR, "RFC 9000 5.1.2", "more connection IDs to retire than are remembered";
    // Datagrams.
    DatagramNotSupported, PROTOCOL_VIOLATION, "RFC 9221 3", "a DATAGRAM frame that was not asked for";
    DatagramTooLarge, PROTOCOL_VIOLATION, "RFC 9221 3", "a DATAGRAM frame larger than allowed";
    // Handshake and lifecycle.
    HandshakeDoneByClient, PROTOCOL_VIOLATION, "RFC 9000 19.20", "a HANDSHAKE_DONE frame from a client";
    NewTokenByClient, PROTOCOL_VIOLATION, "RFC 9000 19.7", "a NEW_TOKEN frame from a client";
    AeadLimit, AEAD_LIMIT_REACHED, "RFC 9001 6.6", "too many packets failed authentication";
    KeyUpdate, KEY_UPDATE_ERROR, "RFC 9001 6.2", "a second key update before the first was answered";
    CryptoAtOldLevel, PROTOCOL_VIOLATION, "RFC 9001 4.1.3", "new CRYPTO data at an encryption level that is complete";
    CryptoAfterHandshakeFlood, CRYPTO_BUFFER_EXCEEDED, "RFC 9000 7.5", "endless CRYPTO data after the handshake";
}
