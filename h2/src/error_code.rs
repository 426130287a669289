//! Error codes (RFC 9113 section 7), and the reasons they stand for.

use http::exchange::Reason;

macro_rules! codes {
    ($($name:ident, $code:literal, $text:literal;)*) => {
        $(#[doc = $text] pub const $name: u32 = $code;)*
    };
}

codes! {
    NO_ERROR, 0x0, "Nothing is wrong.";
    PROTOCOL_ERROR, 0x1, "A rule of the protocol was broken for which there is no other code.";
    INTERNAL_ERROR, 0x2, "The side that says so failed.";
    FLOW_CONTROL_ERROR, 0x3, "A window was exceeded.";
    SETTINGS_TIMEOUT, 0x4, "Settings were not acknowledged in time.";
    STREAM_CLOSED, 0x5, "A frame for a stream that is closed.";
    FRAME_SIZE_ERROR, 0x6, "A frame with a length that it cannot have.";
    REFUSED_STREAM, 0x7, "Nothing was done with the request.";
    CANCEL, 0x8, "The stream is not needed any more.";
    COMPRESSION_ERROR, 0x9, "A block of fields cannot be decoded.";
    CONNECT_ERROR, 0xa, "The connection behind a CONNECT request failed.";
    ENHANCE_YOUR_CALM, 0xb, "Too much load.";
    INADEQUATE_SECURITY, 0xc, "The transport is not secure enough.";
    HTTP_1_1_REQUIRED, 0xd, "The request should be made over HTTP/1.1.";
}

/// What a code means for an exchange. RFC 9113 section 7-1: an unknown one is like INTERNAL_ERROR or nothing special.
pub(crate) const fn reason(code: u32) -> Reason {
    match code {
        NO_ERROR => Reason::NotNeeded,
        PROTOCOL_ERROR | FLOW_CONTROL_ERROR | STREAM_CLOSED | FRAME_SIZE_ERROR | COMPRESSION_ERROR => Reason::Protocol,
        INTERNAL_ERROR => Reason::Internal,
        REFUSED_STREAM => Reason::Rejected,
        CANCEL => Reason::Cancelled,
        CONNECT_ERROR => Reason::Connect,
        ENHANCE_YOUR_CALM => Reason::ExcessiveLoad,
        HTTP_1_1_REQUIRED => Reason::VersionFallback,
        other => Reason::Other(other as u64),
    }
}

/// The code that says so.
pub(crate) fn code(reason: Reason) -> u32 {
    match reason {
        Reason::NotNeeded => NO_ERROR,
        Reason::Cancelled | Reason::Incomplete => CANCEL,
        Reason::Rejected => REFUSED_STREAM,
        Reason::Internal => INTERNAL_ERROR,
        Reason::ExcessiveLoad => ENHANCE_YOUR_CALM,
        Reason::Protocol | Reason::Malformed => PROTOCOL_ERROR,
        Reason::Connect => CONNECT_ERROR,
        Reason::VersionFallback => HTTP_1_1_REQUIRED,
        Reason::Other(code) => u32::try_from(code).unwrap_or(INTERNAL_ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9113 section 7-1.
    #[test]
    fn reasons_come_back_as_they_went() {
        for reason in [
            Reason::NotNeeded,
            Reason::Cancelled,
            Reason::Rejected,
            Reason::Internal,
            Reason::ExcessiveLoad,
            Reason::Protocol,
            Reason::Connect,
            Reason::VersionFallback,
            Reason::Other(99),
        ] {
            assert_eq!(super::reason(code(reason)), reason);
        }
        assert_eq!(code(Reason::Other(1 << 40)), INTERNAL_ERROR);
    }
}
