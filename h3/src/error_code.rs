//! The error codes of HTTP/3 and QPACK (RFC 9114 section 8.1, RFC 9204 section 6, RFC 9297 section 5.2).

use base::VarInt;
use http::exchange::Reason;

macro_rules! codes {
    ($($name:ident, $value:literal, $text:literal;)*) => {
        $(#[doc = $text] pub const $name: VarInt = VarInt::from_u32($value);)*

        /// The name of a code, for humans.
        pub const fn name(code: VarInt) -> Option<&'static str> {
            match code.value() {
                $($value => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

codes! {
    H3_DATAGRAM_ERROR, 0x33, "A datagram or capsule breaks the rules.";
    H3_NO_ERROR, 0x100, "Nothing is wrong.";
    H3_GENERAL_PROTOCOL_ERROR, 0x101, "A breach without a code of its own.";
    H3_INTERNAL_ERROR, 0x102, "This side failed.";
    H3_STREAM_CREATION_ERROR, 0x103, "A stream of a type that is not accepted.";
    H3_CLOSED_CRITICAL_STREAM, 0x104, "A stream the connection needs was closed.";
    H3_FRAME_UNEXPECTED, 0x105, "A frame that is not allowed there or then.";
    H3_FRAME_ERROR, 0x106, "A badly formed frame.";
    H3_EXCESSIVE_LOAD, 0x107, "The peer causes too much work.";
    H3_ID_ERROR, 0x108, "A stream or push ID that is out of place.";
    H3_SETTINGS_ERROR, 0x109, "A bad SETTINGS frame.";
    H3_MISSING_SETTINGS, 0x10a, "The control stream did not begin with SETTINGS.";
    H3_REQUEST_REJECTED, 0x10b, "The request was not processed at all.";
    H3_REQUEST_CANCELLED, 0x10c, "The request, or the response, is no longer wanted.";
    H3_REQUEST_INCOMPLETE, 0x10d, "The stream ended before the request was complete.";
    H3_MESSAGE_ERROR, 0x10e, "A malformed message.";
    H3_CONNECT_ERROR, 0x10f, "The connection behind a CONNECT failed.";
    H3_VERSION_FALLBACK, 0x110, "Try again over HTTP/1.1.";
    QPACK_DECOMPRESSION_FAILED, 0x200, "A field section cannot be decoded.";
    QPACK_ENCODER_STREAM_ERROR, 0x201, "A bad instruction on the encoder stream.";
    QPACK_DECODER_STREAM_ERROR, 0x202, "A bad instruction on the decoder stream.";
}

macro_rules! reasons {
    ($($reason:ident, $code:ident;)*) => {
        /// What a code says of an exchange.
        pub const fn reason(code: VarInt) -> Reason {
            match code {
                $($code => Reason::$reason,)*
                other => Reason::Other(other.value()),
            }
        }

        /// The code by which a reason is told. A number that is no code, because it has more than 62 bits, is told as a
        /// failure of this side.
        pub fn code(reason: Reason) -> VarInt {
            match reason {
                $(Reason::$reason => $code,)*
                Reason::Other(other) => VarInt::new(other).unwrap_or(H3_INTERNAL_ERROR),
            }
        }
    };
}

reasons! {
    NotNeeded, H3_NO_ERROR;
    Cancelled, H3_REQUEST_CANCELLED;
    Rejected, H3_REQUEST_REJECTED;
    Internal, H3_INTERNAL_ERROR;
    ExcessiveLoad, H3_EXCESSIVE_LOAD;
    Protocol, H3_GENERAL_PROTOCOL_ERROR;
    Malformed, H3_MESSAGE_ERROR;
    Incomplete, H3_REQUEST_INCOMPLETE;
    Connect, H3_CONNECT_ERROR;
    VersionFallback, H3_VERSION_FALLBACK;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_reason_and_comes_back_from_it() {
        for number in (0..0x300).map(VarInt::from_u32).chain([VarInt::MAX]) {
            assert_eq!(code(reason(number)), number);
        }
        assert_eq!(reason(H3_REQUEST_REJECTED), Reason::Rejected);
        assert_eq!(reason(H3_FRAME_ERROR), Reason::Other(0x106));
        assert_eq!(code(Reason::Other(u64::MAX)), H3_INTERNAL_ERROR);
    }
}
