//! Each way in which a peer can break HTTP/2, in one table: variant, scope, code, section, words.

use crate::error_code;
use hpack::CompressionError;
use http::Malformed;

/// What a violation brings down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The connection.
    Connection,
    /// Only the stream at hand.
    Stream,
}

base::violations! {
    /// A breach of the protocol by the peer.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Violation (scope: Scope = Scope, code: u32 = error_code)
    [
        /// A malformed message (RFC 9113 section 8.1.1).
        Malformed(malformed: Malformed), Stream, PROTOCOL_ERROR => malformed.section(), malformed.reason();
        /// A block of fields that cannot be decoded (RFC 9113 section 4.3).
        Compression(error: CompressionError), Connection, COMPRESSION_ERROR => "RFC 9113 4.3", "a block of fields that cannot be decoded";
    ]
    // The beginning.
    Preface, Connection, PROTOCOL_ERROR, "RFC 9113 3.4", "a connection that does not begin with the preface";
    SettingsMissing, Connection, PROTOCOL_ERROR, "RFC 9113 3.4", "the first frame is not SETTINGS";
    // Frames.
    FrameTooLarge, Connection, FRAME_SIZE_ERROR, "RFC 9113 4.2", "a frame that is larger than allowed";
    FrameLength, Connection, FRAME_SIZE_ERROR, "RFC 9113 4.2", "a frame whose length does not fit its fields";
    PriorityLength, Stream, FRAME_SIZE_ERROR, "RFC 9113 6.3", "a PRIORITY frame that does not have five bytes";
    Padding, Connection, PROTOCOL_ERROR, "RFC 9113 6.1", "padding as long as the frame";
    StreamZero, Connection, PROTOCOL_ERROR, "RFC 9113 5.1.1", "a frame on stream 0 that needs a stream";
    NotStreamZero, Connection, PROTOCOL_ERROR, "RFC 9113 6.5", "a frame on a stream that is about the connection";
    BlockInterrupted, Connection, PROTOCOL_ERROR, "RFC 9113 6.2", "a frame between the parts of a block of fields";
    StrayContinuation, Connection, PROTOCOL_ERROR, "RFC 9113 6.10", "a CONTINUATION frame that continues nothing";
    Push, Connection, PROTOCOL_ERROR, "RFC 9113 8.4", "a PUSH_PROMISE that was not allowed";
    // Streams.
    IdleStream, Connection, PROTOCOL_ERROR, "RFC 9113 5.1", "a frame on a stream that was not opened";
    StreamNumber, Connection, PROTOCOL_ERROR, "RFC 9113 5.1.1", "a stream number that the peer cannot open, or that goes back";
    ClosedStream, Connection, STREAM_CLOSED, "RFC 9113 5.1", "a frame on a stream that is closed";
    HalfClosedStream, Stream, STREAM_CLOSED, "RFC 9113 5.1", "a frame on a stream that the peer had ended";
    TooManyStreams, Stream, REFUSED_STREAM, "RFC 9113 5.1.2", "more streams than are allowed at once";
    // Settings and windows.
    SettingValue, Connection, PROTOCOL_ERROR, "RFC 9113 6.5.2", "a setting with a value that it cannot have";
    SettingWindow, Connection, FLOW_CONTROL_ERROR, "RFC 9113 6.5.2", "an initial window above 2^31 - 1";
    ZeroIncrement, Stream, PROTOCOL_ERROR, "RFC 9113 6.9", "a WINDOW_UPDATE of nothing";
    ZeroConnectionIncrement, Connection, PROTOCOL_ERROR, "RFC 9113 6.9", "a WINDOW_UPDATE of nothing for the connection";
    WindowOverflow, Stream, FLOW_CONTROL_ERROR, "RFC 9113 6.9.1", "a window above 2^31 - 1";
    ConnectionWindowOverflow, Connection, FLOW_CONTROL_ERROR, "RFC 9113 6.9.1", "a window of the connection above 2^31 - 1";
    WindowExceeded, Stream, FLOW_CONTROL_ERROR, "RFC 9113 6.9", "more content than the window of the stream";
    ConnectionWindowExceeded, Connection, FLOW_CONTROL_ERROR, "RFC 9113 6.9", "more content than the window of the connection";
    GoAwayIncreased, Connection, PROTOCOL_ERROR, "RFC 9113 6.8", "a GOAWAY with a larger stream number than before";
    PriorityStream, Connection, PROTOCOL_ERROR, "RFC 9218 7.1", "a PRIORITY_UPDATE for a stream that cannot have one, or for more than may be open";
    // Messages.
    TrailersNotLast, Stream, PROTOCOL_ERROR, "RFC 9113 8.1", "fields after the content that do not end the stream";
    FrameInTunnel, Stream, PROTOCOL_ERROR, "RFC 9113 8.5", "a frame other than DATA in a tunnel";
    FieldsTooLarge, Stream, PROTOCOL_ERROR, "RFC 9113 10.5.1", "the fields are larger than allowed";
    RequestIncomplete, Stream, PROTOCOL_ERROR, "RFC 9113 8.1.1", "a stream that ended before its message was complete";
    // Load and time.
    BlockTooLarge, Connection, ENHANCE_YOUR_CALM, "RFC 9113 10.5.1", "a block of fields that goes on without an end";
    Glitches, Connection, ENHANCE_YOUR_CALM, "RFC 9113 10.5", "too much useless activity";
    NotTaken, Connection, ENHANCE_YOUR_CALM, "RFC 9113 10.5", "answers to control frames that are not taken";
    SlowHead, Connection, ENHANCE_YOUR_CALM, "RFC 9113 10.5", "a block of fields that did not come in time";
}

impl Violation {
    /// What it means for a message that the application has begun to receive.
    pub(crate) const fn malformed(self) -> Option<Malformed> {
        match self {
            Violation::Malformed(malformed) => Some(malformed),
            Violation::FieldsTooLarge => Some(Malformed::FieldsTooLarge),
            Violation::RequestIncomplete => Some(Malformed::HeadMissing),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cites_its_section() {
        for violation in Violation::ROWS {
            assert!(violation.section().starts_with("RFC ") && violation.code() <= 0xd, "{violation:?}");
        }
    }
}
