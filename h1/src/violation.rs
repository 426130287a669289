//! Each way in which a peer can break HTTP/1.1, in one table: variant, the status that a server answers with, section, words.

use http::{Malformed, Status};

base::violations! {
    /// A breach of the protocol by the peer. A server answers it with the status if it still can, and closes the connection in any
    /// case: where the next message begins is not known any more (RFC 9112 section 11.2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Violation (status: Status = Status)
    [
        /// A malformed message (RFC 9110 and the rules that all versions share).
        Malformed(malformed: Malformed), BAD_REQUEST => malformed.section(), malformed.reason();
    ]
    // Lines.
    LineEnding, BAD_REQUEST, "RFC 9112 2.2", "a line that does not end in CRLF, or has a CR within";
    RequestLineTooLong, URI_TOO_LONG, "RFC 9112 3", "a request line that is longer than allowed";
    StatusLineTooLong, BAD_REQUEST, "RFC 9112 4", "a status line that is longer than allowed";
    FieldsTooLarge, REQUEST_HEADER_FIELDS_TOO_LARGE, "RFC 9110 5.4", "the fields are larger, or more, than allowed";
    // The start line.
    RequestLine, BAD_REQUEST, "RFC 9112 3", "a request line that is not a method, a target and a version with a space between each";
    Target, BAD_REQUEST, "RFC 9112 3.2", "a request target in a form that its method does not have";
    StatusLine, BAD_REQUEST, "RFC 9112 4", "a status line that is not a version and a status with a space between";
    Version, HTTP_VERSION_NOT_SUPPORTED, "RFC 9110 2.5", "a version that is not HTTP/1";
    UnexpectedSwitch, BAD_REQUEST, "RFC 9110 15.2.2", "101 to another protocol than the one that was asked for";
    // Fields.
    FieldLine, BAD_REQUEST, "RFC 9112 5.1", "a field line without a colon, or with white space before it";
    FoldedLine, BAD_REQUEST, "RFC 9112 5.2", "a line that begins with white space";
    HostMissing, BAD_REQUEST, "RFC 9112 3.2", "a request of HTTP/1.1 without a Host field";
    // Where the message ends.
    LengthAndCoding, BAD_REQUEST, "RFC 9112 6.1", "both Content-Length and Transfer-Encoding";
    CodingInOldVersion, BAD_REQUEST, "RFC 9112 6.1", "Transfer-Encoding in a message of HTTP/1.0";
    UnknownCoding, NOT_IMPLEMENTED, "RFC 9112 6.1", "a transfer coding other than chunked";
    NotChunkedLast, BAD_REQUEST, "RFC 9112 6.3", "a Transfer-Encoding that does not end in chunked, or says it twice";
    ChunkSize, BAD_REQUEST, "RFC 9112 7.1", "a chunk size that is not hexadecimal digits, or too large";
    ChunkEnd, BAD_REQUEST, "RFC 9112 7.1", "a chunk that does not end where its size says";
    ChunkOverhead, BAD_REQUEST, "RFC 9112 7.1.1", "chunk extensions or tiny chunks that cost more than their content";
    // Where nothing may come.
    Unasked, BAD_REQUEST, "RFC 9112 9.2", "bytes of a response that no request asked for";
    TooManyInformational, BAD_REQUEST, "RFC 9110 15.2", "more informational responses than allowed";
    // Time.
    SlowHead, REQUEST_TIMEOUT, "RFC 9110 15.5.9", "the head of a request did not come in time";
}

impl Violation {
    /// What it means for a message that the application has begun to receive.
    pub(crate) const fn malformed(self) -> Malformed {
        match self {
            Violation::Malformed(malformed) => malformed,
            Violation::FieldsTooLarge => Malformed::FieldsTooLarge,
            _ => Malformed::Chunk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_answered_with_an_error_and_cites_its_section() {
        for violation in Violation::ROWS {
            assert!((400..600).contains(&violation.status().code()), "{violation:?}");
            assert!(violation.section().starts_with("RFC "), "{violation:?}");
        }
        assert_eq!(Violation::Malformed(Malformed::Te).malformed(), Malformed::Te);
        assert_eq!(Violation::FieldsTooLarge.malformed(), Malformed::FieldsTooLarge);
    }
}
