//! Each way in which a peer can break WebSocket, in one table: variant, the code that it is told with, section, words.

use crate::close_code::CloseCode;

base::violations! {
    /// A breach of the protocol by the peer. It is told by a Close frame with the code, and nothing more of the peer is read
    /// (RFC 6455 section 7.1.7).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Violation (code: CloseCode = CloseCode)
    // The first two bytes of a frame.
    ReservedBits, PROTOCOL_ERROR, "RFC 6455 5.2", "a frame with a reserved bit, and no extension that gives it a meaning";
    UnknownOpcode, PROTOCOL_ERROR, "RFC 6455 5.2", "a frame with a reserved opcode";
    FragmentedControl, PROTOCOL_ERROR, "RFC 6455 5.5", "a control frame that is a fragment";
    LongControl, PROTOCOL_ERROR, "RFC 6455 5.5", "a control frame with more than 125 bytes";
    NotMasked, PROTOCOL_ERROR, "RFC 6455 5.1", "a client's frame that is not masked";
    Masked, PROTOCOL_ERROR, "RFC 6455 5.1", "a server's frame that is masked";
    // Its length.
    LengthNotMinimal, PROTOCOL_ERROR, "RFC 6455 5.2", "a length in more bytes than it needs";
    LengthOutOfRange, PROTOCOL_ERROR, "RFC 6455 5.2", "a length of 64 bits whose first is set";
    FrameTooBig, TOO_BIG, "RFC 6455 10.4", "a frame that is larger than allowed";
    MessageTooBig, TOO_BIG, "RFC 6455 10.4", "a message that is larger than allowed";
    // Its place.
    NothingToContinue, PROTOCOL_ERROR, "RFC 6455 5.4", "a continuation frame outside of a message";
    Interleaved, PROTOCOL_ERROR, "RFC 6455 5.4", "a message that begins within another one";
    // Its content.
    NotText, INVALID_DATA, "RFC 6455 8.1", "a text message that is not UTF-8";
    CloseLength, PROTOCOL_ERROR, "RFC 6455 5.5.1", "a Close frame with half a code";
    CloseNumber, PROTOCOL_ERROR, "RFC 6455 7.4.1", "a Close frame with a code that none may have";
    CloseReason, INVALID_DATA, "RFC 6455 5.5.1", "a Close frame whose reason is not UTF-8";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cites_its_section_and_has_a_code_that_a_frame_may_have() {
        for violation in Violation::ROWS {
            assert!(violation.section().starts_with("RFC 6455 "), "{violation:?}");
            assert_eq!(CloseCode::new(violation.code().number()), Some(violation.code()), "{violation:?}");
        }
    }
}
