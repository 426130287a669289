//! Each way in which the other end can break the rules of a session, in one table: variant, code, section. A breach brings down its
//! session and nothing else.

use crate::codes::{ALPN_ERROR, FLOW_CONTROL_ERROR};
use base::VarInt;
use h3::error_code;

/// The codes, in one place.
struct Code;

impl Code {
    const MESSAGE: VarInt = error_code::H3_MESSAGE_ERROR;
    const FLOW_CONTROL: VarInt = FLOW_CONTROL_ERROR;
    const ALPN: VarInt = ALPN_ERROR;
}

base::violations! {
    /// A breach of the rules by the other end of a session.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Violation (code: VarInt = Code)
    CloseTooLong, MESSAGE, "draft-ietf-webtrans-http3 6", "a WT_CLOSE_SESSION capsule whose message is longer than 1024 bytes";
    CloseMalformed, MESSAGE, "draft-ietf-webtrans-http3 6", "a WT_CLOSE_SESSION capsule without a code, or whose message is no UTF-8";
    AfterClose, MESSAGE, "draft-ietf-webtrans-http3 6", "something behind a WT_CLOSE_SESSION capsule";
    CapsuleTruncated, MESSAGE, "RFC 9297 3.3", "the stream of a session ends within a capsule";
    CapsuleMalformed, MESSAGE, "RFC 9297 3.3", "a capsule whose length does not fit what it holds";
    StreamDataCapsule, MESSAGE, "draft-ietf-webtrans-http3 5.4", "a capsule about the data of one stream, which QUIC limits";
    TooManyStreams, FLOW_CONTROL, "draft-ietf-webtrans-http3 5.6.2", "more streams in a session than were allowed";
    TooMuchData, FLOW_CONTROL, "draft-ietf-webtrans-http3 5.6.4", "more data in a session than was allowed";
    LimitTooLarge, FLOW_CONTROL, "draft-ietf-webtrans-http3 5.6.2", "a number of streams above 2^60";
    LimitNotRaised, FLOW_CONTROL, "draft-ietf-webtrans-http3 5.6.2", "a limit that is no higher than the one before";
    ProtocolNotOffered, ALPN, "draft-ietf-webtrans-http3 3.3", "the server chose a protocol that was not offered";
    RequirementsNotMet, MESSAGE, "draft-ietf-webtrans-http3 3.1", "the client asked for a session and lacks a setting or transport parameter for it";
}
