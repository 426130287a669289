//! The reasons why a message is malformed, one variant each.

use core::fmt;

macro_rules! malformed {
    ($($variant:ident, $section:literal, $text:literal;)*) => {
        /// Why a message is malformed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Malformed {
            $(#[doc = $text] $variant,)*
        }

        impl Malformed {
            /// The section of the standard that says so.
            pub const fn section(self) -> &'static str {
                match self { $(Malformed::$variant => $section,)* }
            }

            /// What is wrong, for humans.
            pub const fn reason(self) -> &'static str {
                match self { $(Malformed::$variant => $text,)* }
            }

            /// All of them.
            pub const ALL: &'static [Malformed] = &[$(Malformed::$variant,)*];
        }
    };
}

malformed! {
    FieldName, "RFC 9114 10.3", "a field name is not a token";
    UppercaseName, "RFC 9114 4.2", "a field name has an upper-case letter";
    FieldValue, "RFC 9114 10.3", "a field value has a control character, or begins or ends with white space";
    FieldsTooLarge, "RFC 9114 4.2.2", "the fields are too large";
    ConnectionSpecificField, "RFC 9114 4.2", "a connection-specific field of HTTP/1.1";
    Te, "RFC 9114 4.2", "TE with a value other than trailers, or outside a request";
    UnknownPseudoField, "RFC 9114 4.3", "a pseudo-header field that is not defined here";
    DuplicatePseudoField, "RFC 9114 4.3", "a pseudo-header field occurs twice";
    LatePseudoField, "RFC 9114 4.3", "a pseudo-header field after an ordinary field";
    PseudoFieldInTrailers, "RFC 9114 4.3", "a pseudo-header field in trailers";
    MissingPseudoField, "RFC 9114 4.3.1", "a required pseudo-header field is missing";
    Method, "RFC 9110 9.1", "the method is not a token";
    Scheme, "RFC 3986 3.1", "the scheme is not well-formed";
    Authority, "RFC 9114 4.3.1", "the authority is empty, not well-formed, or holds user information";
    MissingAuthority, "RFC 9114 4.3.1", "neither an authority nor a Host field";
    HostDiffersFromAuthority, "RFC 9114 4.3.1", "the Host field differs from the authority";
    DuplicateHost, "RFC 9110 7.2", "more than one Host field";
    Path, "RFC 9114 4.3.1", "the path is empty or not well-formed";
    Connect, "RFC 9114 4.4", "a CONNECT request with a scheme or path, or without a port";
    Protocol, "RFC 9220 3", "a :protocol that is not a token, not in a CONNECT request, or was not offered";
    Datagram, "RFC 9297 2", "a datagram for a request that has none";
    Capsule, "RFC 9297 3.3", "a capsule that is cut off, or that does not hold what its type says";
    CapsuleField, "RFC 9297 3.2", "a field or a status that no message with capsules has";
    Status, "RFC 9114 4.3.2", "the status is missing or not a three-digit number";
    SwitchingProtocols, "RFC 9114 4.5", "status 101, which only HTTP/1.1 has";
    ContentLength, "RFC 9110 8.6", "Content-Length is not one decimal number";
    DuplicateContentLength, "RFC 9110 8.6", "more than one Content-Length";
    HeadMissing, "RFC 9114 4.1", "a message that ended before its head was there";
    BodyTooLong, "RFC 9114 4.1.2", "more content than Content-Length says, or than the message may have";
    BodyTooShort, "RFC 9114 4.1.2", "less content than Content-Length says";
    Chunk, "RFC 9112 7.1", "chunked content that is not well-formed";
    NoTrailer, "RFC 9110 6.5.1", "a field that may not stand in trailers";
    ExpectWithoutContent, "RFC 9110 10.1.1", "Expect: 100-continue in a request without content";
    ContentOfTrace, "RFC 9110 9.3.8", "a TRACE request with content";
    SecretInTrace, "RFC 9110 9.3.8", "a TRACE request with credentials, which the server would send back";
    ContentTypeMissing, "RFC 9110 9.3.7", "an OPTIONS request with content and without Content-Type";
    IfRange, "RFC 9110 13.1.5", "If-Range with a weak tag, or without Range";
    Referer, "RFC 9110 10.1.3", "a Referer with a fragment or with user information";
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason(), self.section())
    }
}

impl core::error::Error for Malformed {}
