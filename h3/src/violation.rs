//! Each violation of the protocol that a peer can commit, in one table: variant, scope, code, section of the RFC.

use crate::error_code;
use base::VarInt;
use http::Malformed;
use qpack::{DecoderStreamError, DecompressionError, EncoderStreamError};

/// What a violation brings down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The connection.
    Connection,
    /// Only the request at hand.
    Stream,
}

base::violations! {
    /// A breach of the protocol by the peer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Violation (scope: Scope = Scope, code: VarInt = error_code)
    [
        /// A malformed message (RFC 9114 section 4.1.2).
        /// RFC 9114 section 4.1.2-2.
        Malformed(malformed: Malformed), Stream, H3_MESSAGE_ERROR => malformed.section(), malformed.reason();
        /// A field section that cannot be decoded (RFC 9204 section 2.2.3).
        Decompression(error: DecompressionError), Connection, QPACK_DECOMPRESSION_FAILED =>
            "RFC 9204 2.2.3", "a field section that cannot be decoded";
        /// A bad instruction on the peer's encoder stream (RFC 9204 section 4.3).
        EncoderStream(error: EncoderStreamError), Connection, QPACK_ENCODER_STREAM_ERROR =>
            "RFC 9204 4.3", "a bad instruction on the QPACK encoder stream";
        /// A bad instruction on the peer's decoder stream (RFC 9204 section 4.4).
        DecoderStream(error: DecoderStreamError), Connection, QPACK_DECODER_STREAM_ERROR =>
            "RFC 9204 4.4", "a bad instruction on the QPACK decoder stream";
    ]
    // Streams.
    ServerBidirectionalStream, Connection, H3_STREAM_CREATION_ERROR, "RFC 9114 6.1", "a bidirectional stream opened by the server";
    DuplicateCriticalStream, Connection, H3_STREAM_CREATION_ERROR, "RFC 9114 6.2.1", "a second control, encoder or decoder stream";
    PushStreamOfClient, Connection, H3_STREAM_CREATION_ERROR, "RFC 9114 6.2.2", "a push stream from a client";
    PushStreamNotAllowed, Connection, H3_ID_ERROR, "RFC 9114 4.6", "a push stream, but no push was allowed";
    ClosedCriticalStream, Connection, H3_CLOSED_CRITICAL_STREAM, "RFC 9114 6.2.1", "a control, encoder or decoder stream was closed";
    // Frames.
    FrameTruncated, Connection, H3_FRAME_ERROR, "RFC 9114 7.1", "a stream ended inside a frame";
    FrameLength, Connection, H3_FRAME_ERROR, "RFC 9114 7.1", "a frame whose length does not fit its fields";
    ReservedFrame, Connection, H3_FRAME_UNEXPECTED, "RFC 9114 7.2.8", "a frame type that is reserved because of HTTP/2";
    FrameOnControlStream, Connection, H3_FRAME_UNEXPECTED, "RFC 9114 7.2", "a frame that may not be on the control stream";
    FrameOnRequestStream, Connection, H3_FRAME_UNEXPECTED, "RFC 9114 7.2", "a frame that may not be on a request stream";
    FrameOutOfOrder, Connection, H3_FRAME_UNEXPECTED, "RFC 9114 4.1", "frames of a message in the wrong order";
    FrameOfServer, Connection, H3_FRAME_UNEXPECTED, "RFC 9114 7.2.5", "a frame that only a server may send";
    FrameOfClient, Connection, H3_FRAME_UNEXPECTED, "RFC 9114 7.2.7", "a frame that only a client may send";
    FrameInTunnel, Connection, H3_FRAME_UNEXPECTED, "RFC 9114 4.4", "a frame other than DATA after CONNECT";
    // The control stream.
    MissingSettings, Connection, H3_MISSING_SETTINGS, "RFC 9114 6.2.1", "the control stream does not begin with SETTINGS";
    SecondSettings, Connection, H3_FRAME_UNEXPECTED, "RFC 9114 7.2.4", "a second SETTINGS frame";
    ReservedSetting, Connection, H3_SETTINGS_ERROR, "RFC 9114 7.2.4.1", "a setting that is reserved because of HTTP/2";
    DuplicateSetting, Connection, H3_SETTINGS_ERROR, "RFC 9114 7.2.4", "a setting occurs twice";
    SettingsReduced, Connection, H3_SETTINGS_ERROR, "RFC 9114 7.2.4.2", "the server has taken early data, and its settings are not good for it";
    SettingValue, Connection, H3_SETTINGS_ERROR, "RFC 9220 3", "a setting with a value other than 0 and 1";
    ControlFrameTooLarge, Connection, H3_EXCESSIVE_LOAD, "RFC 9114 10.5", "a frame on the control stream that is too large";
    GoAwayIncreased, Connection, H3_ID_ERROR, "RFC 9114 5.2", "a GOAWAY with a larger identifier than before";
    GoAwayStream, Connection, H3_ID_ERROR, "RFC 9114 7.2.6", "a GOAWAY with a stream ID that is not of a request stream";
    MaxPushIdDecreased, Connection, H3_ID_ERROR, "RFC 9114 7.2.7", "a MAX_PUSH_ID smaller than before";
    PushNotAllowed, Connection, H3_ID_ERROR, "RFC 9114 7.2.5", "a push that was not allowed or not promised";
    PriorityId, Connection, H3_ID_ERROR, "RFC 9218 7.2", "a PRIORITY_UPDATE for an element that cannot be prioritized";
    // Datagrams.
    Datagram, Connection, H3_DATAGRAM_ERROR, "RFC 9297 2.1", "a datagram that names no stream";
    DatagramStream, Connection, H3_ID_ERROR, "RFC 9297 2.1", "a datagram for a request beyond the limit of streams";
    DatagramNotTaken, Stream, H3_DATAGRAM_ERROR, "RFC 9297 2", "a datagram for a request that has none";
    // Streams that belong to requests.
    DataStreamRequest, Connection, H3_ID_ERROR, "draft-ietf-webtrans-http3 4", "a stream that belongs to what cannot be a request";
    SignalMisplaced, Connection, H3_FRAME_ERROR, "draft-ietf-webtrans-http3 4.3", "the signal of a stream that belongs to a request, elsewhere than at its beginning";
    // Messages.
    RequestIncomplete, Stream, H3_REQUEST_INCOMPLETE, "RFC 9114 4.1", "a request stream ended before the request was complete";
    FieldSectionTooLarge, Stream, H3_MESSAGE_ERROR, "RFC 9114 4.2.2", "the fields are larger than allowed";
    SlowHead, Stream, H3_REQUEST_REJECTED, "RFC 9114 10.5", "the head of a request did not come in time";
    RequestsInHand, Stream, H3_REQUEST_REJECTED, "RFC 9114 4.1.1", "more requests than are accepted at once";
    // Load.
    Glitches, Connection, H3_EXCESSIVE_LOAD, "RFC 9114 10.5", "too much useless activity";
    ResponsesNotTaken, Connection, H3_EXCESSIVE_LOAD, "RFC 9114 10.5", "responses are not taken at the least rate";
    AcknowledgmentsNotTaken, Connection, H3_EXCESSIVE_LOAD, "RFC 9204 7.3", "acknowledgments on the QPACK decoder stream are not taken";
    HeaderBuffer, Connection, H3_EXCESSIVE_LOAD, "RFC 9114 10.5", "too many field sections in transit at once";
}

impl Violation {
    /// What it means for a message that the application has begun to receive; `None` if it is more than that, or cannot
    /// happen by then.
    pub const fn malformed(self) -> Option<Malformed> {
        match self {
            Violation::Malformed(malformed) => Some(malformed),
            Violation::FieldSectionTooLarge => Some(Malformed::FieldsTooLarge),
            Violation::DatagramNotTaken => Some(Malformed::Datagram),
            _ => None,
        }
    }
}
