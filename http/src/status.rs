//! Status codes (RFC 9110 section 15).

use core::fmt;

/// A status code: 100 to 999. Codes from 600 on have no meaning, but are well-formed (RFC 9110 section 15).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

/// Not three digits, or below 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidStatus;

impl fmt::Display for InvalidStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status code must be a number from 100 to 999")
    }
}

impl core::error::Error for InvalidStatus {}

/// All codes as text one after the other, so that a code's text needs no memory of its own.
const DIGITS: [u8; 2700] = {
    let mut digits = [0; 2700];
    let mut code = 100;
    while code < 1000 {
        let place = (code - 100) * 3;
        digits[place] = b'0' + (code / 100) as u8;
        digits[place + 1] = b'0' + (code / 10 % 10) as u8;
        digits[place + 2] = b'0' + (code % 10) as u8;
        code += 1;
    }
    digits
};

macro_rules! registered {
    ($($name:ident, $code:literal, $reason:literal, $text:literal;)*) => {
        /// The registry of status codes, without those that stand for nothing (306 and 418).
        impl Status {
            $(#[doc = concat!($code, ": ", $text, ".")] pub const $name: Status = Status($code);)*

            /// The words that the registry has for the code; `None` if it does not have the code. For people: HTTP/3 does not
            /// send them.
            pub const fn reason(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($reason),)*
                    _ => None,
                }
            }
        }
    };
}

registered! {
    CONTINUE, 100, "Continue", "go on with the content";
    SWITCHING_PROTOCOLS, 101, "Switching Protocols", "of HTTP/1.1 alone";
    PROCESSING, 102, "Processing", "the server is at work (RFC 2518)";
    EARLY_HINTS, 103, "Early Hints", "fields that the final response will likely have (RFC 8297)";
    UPLOAD_RESUMPTION_SUPPORTED, 104, "Upload Resumption Supported", "an upload that breaks off can be resumed";
    OK, 200, "OK", "it is done";
    CREATED, 201, "Created", "there is something new, at Location";
    ACCEPTED, 202, "Accepted", "it will perhaps be done later";
    NON_AUTHORITATIVE_INFORMATION, 203, "Non-Authoritative Information", "a proxy has changed what the server said";
    NO_CONTENT, 204, "No Content", "no content follows, whatever the fields say";
    RESET_CONTENT, 205, "Reset Content", "the form is to be emptied; no content follows";
    PARTIAL_CONTENT, 206, "Partial Content", "a part, as asked for by Range";
    MULTI_STATUS, 207, "Multi-Status", "several outcomes, in the content (RFC 4918)";
    ALREADY_REPORTED, 208, "Already Reported", "told before, in the same answer (RFC 5842)";
    IM_USED, 226, "IM Used", "a difference to another version (RFC 3229)";
    MULTIPLE_CHOICES, 300, "Multiple Choices", "there are several representations";
    MOVED_PERMANENTLY, 301, "Moved Permanently", "it is at Location for good";
    FOUND, 302, "Found", "it is at Location for now";
    SEE_OTHER, 303, "See Other", "GET what is at Location";
    NOT_MODIFIED, 304, "Not Modified", "the client's copy is still good";
    USE_PROXY, 305, "Use Proxy", "not used any more";
    TEMPORARY_REDIRECT, 307, "Temporary Redirect", "the same request to Location, for now";
    PERMANENT_REDIRECT, 308, "Permanent Redirect", "the same request to Location, for good";
    BAD_REQUEST, 400, "Bad Request", "the request makes no sense";
    UNAUTHORIZED, 401, "Unauthorized", "credentials are needed, as WWW-Authenticate says";
    PAYMENT_REQUIRED, 402, "Payment Required", "it costs money";
    FORBIDDEN, 403, "Forbidden", "the server will not do it";
    NOT_FOUND, 404, "Not Found", "there is nothing here, or nothing to be shown";
    METHOD_NOT_ALLOWED, 405, "Method Not Allowed", "other methods are allowed here: Allow names them";
    NOT_ACCEPTABLE, 406, "Not Acceptable", "no representation is what was asked for";
    PROXY_AUTHENTICATION_REQUIRED, 407, "Proxy Authentication Required", "the proxy needs credentials";
    REQUEST_TIMEOUT, 408, "Request Timeout", "the request took too long to arrive";
    CONFLICT, 409, "Conflict", "the state of the resource does not allow it";
    GONE, 410, "Gone", "there was something here and never will be again";
    LENGTH_REQUIRED, 411, "Length Required", "Content-Length is missing";
    PRECONDITION_FAILED, 412, "Precondition Failed", "a condition of the request is not met";
    CONTENT_TOO_LARGE, 413, "Content Too Large", "the content is larger than the server takes";
    URI_TOO_LONG, 414, "URI Too Long", "the target is longer than the server takes";
    UNSUPPORTED_MEDIA_TYPE, 415, "Unsupported Media Type", "the server does not take content of this type";
    RANGE_NOT_SATISFIABLE, 416, "Range Not Satisfiable", "none of the asked ranges exist";
    EXPECTATION_FAILED, 417, "Expectation Failed", "the server cannot do what Expect says";
    MISDIRECTED_REQUEST, 421, "Misdirected Request", "the server does not answer for this scheme and authority";
    UNPROCESSABLE_CONTENT, 422, "Unprocessable Content", "the content is well-formed and means nothing here";
    LOCKED, 423, "Locked", "the resource is locked (RFC 4918)";
    FAILED_DEPENDENCY, 424, "Failed Dependency", "another request that this one needs has failed (RFC 4918)";
    TOO_EARLY, 425, "Too Early", "not in early data (RFC 8470)";
    UPGRADE_REQUIRED, 426, "Upgrade Required", "not in this protocol";
    PRECONDITION_REQUIRED, 428, "Precondition Required", "only with a condition (RFC 6585)";
    TOO_MANY_REQUESTS, 429, "Too Many Requests", "the client asks too often (RFC 6585)";
    REQUEST_HEADER_FIELDS_TOO_LARGE, 431, "Request Header Fields Too Large", "the fields are too large (RFC 6585)";
    UNAVAILABLE_FOR_LEGAL_REASONS, 451, "Unavailable For Legal Reasons", "it may not be shown (RFC 7725)";
    INTERNAL_SERVER_ERROR, 500, "Internal Server Error", "the server failed";
    NOT_IMPLEMENTED, 501, "Not Implemented", "the server cannot do this at all";
    BAD_GATEWAY, 502, "Bad Gateway", "the server behind the gateway answered badly";
    SERVICE_UNAVAILABLE, 503, "Service Unavailable", "not now";
    GATEWAY_TIMEOUT, 504, "Gateway Timeout", "the server behind the gateway did not answer";
    HTTP_VERSION_NOT_SUPPORTED, 505, "HTTP Version Not Supported", "not in this version";
    VARIANT_ALSO_NEGOTIATES, 506, "Variant Also Negotiates", "a negotiation goes in a circle (RFC 2295)";
    INSUFFICIENT_STORAGE, 507, "Insufficient Storage", "there is no room (RFC 4918)";
    LOOP_DETECTED, 508, "Loop Detected", "an endless loop (RFC 5842)";
    NOT_EXTENDED, 510, "Not Extended", "not used any more (RFC 2774)";
    NETWORK_AUTHENTICATION_REQUIRED, 511, "Network Authentication Required", "the network needs a login (RFC 6585)";
}

impl Status {
    /// `InvalidStatus` outside 100 to 999.
    pub const fn new(code: u16) -> Result<Status, InvalidStatus> {
        if code >= 100 && code <= 999 { Ok(Status(code)) } else { Err(InvalidStatus) }
    }

    /// From exactly three digits.
    pub fn from_bytes(bytes: &[u8]) -> Result<Status, InvalidStatus> {
        let &[a, b, c] = bytes else { return Err(InvalidStatus) };
        if ![a, b, c].iter().all(u8::is_ascii_digit) {
            return Err(InvalidStatus);
        }
        let digit = |byte: u8| u16::from(byte - b'0');
        Status::new(digit(a) * 100 + digit(b) * 10 + digit(c))
    }

    /// The number.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Its three digits.
    pub fn as_str(self) -> &'static str {
        let place = usize::from(self.0 - 100) * 3;
        let digits = DIGITS.get(place..place + 3).and_then(|digits| core::str::from_utf8(digits).ok());
        digits.expect("a status has three digits")
    }

    /// Its three digits, as text.
    pub fn digits(self) -> [u8; 3] {
        let digit = |value: u16| b'0' + (value % 10) as u8;
        [digit(self.0 / 100), digit(self.0 / 10), digit(self.0)]
    }

    /// 1xx: another response follows.
    pub const fn is_informational(self) -> bool {
        self.0 < 200
    }

    /// Whether a response with it never has content, whatever the request was (RFC 9110 section 6.4.1).
    pub const fn is_without_content(self) -> bool {
        matches!(self, Status::NO_CONTENT | Status::RESET_CONTENT | Status::NOT_MODIFIED) || self.is_informational()
    }

    /// 2xx.
    /// RFC 9110 section 15-1: by the first digit, whatever the others are.
    pub const fn is_successful(self) -> bool {
        self.0 / 100 == 2
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// RFC 9110 section 15-1.
    #[test]
    fn every_code_and_back() {
        for code in 0..=1100u16 {
            let status = Status::new(code);
            assert_eq!(status.is_ok(), (100..=999).contains(&code));
            if let Ok(status) = status {
                assert_eq!(status.as_str(), code.to_string());
                let class = (status.is_informational(), status.is_successful());
                assert_eq!(class, ((100..=199).contains(&code), (200..=299).contains(&code)));
                assert_eq!(Status::from_bytes(status.as_str().as_bytes()), Ok(status));
            }
        }
    }

    #[test]
    fn every_registered_code_has_its_words() {
        let registered: [&[u16]; 5] = [
            &[100, 101, 102, 103, 104],
            &[200, 201, 202, 203, 204, 205, 206, 207, 208, 226],
            &[300, 301, 302, 303, 304, 305, 307, 308],
            &[
                400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422,
                423, 424, 425, 426, 428, 429, 431, 451,
            ],
            &[500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
        ];
        let registered = registered.concat();
        for code in 100..=999 {
            let reason = Status::new(code).unwrap().reason();
            assert_eq!(reason.is_some(), registered.contains(&code), "{code}");
            assert!(reason.is_none_or(|reason| !reason.is_empty() && reason.is_ascii()), "{code}");
        }
    }

    /// The words as RFC 9110 section 18.3 and RFC 8470 section 7 register them; 306 and 418 are reserved there, and mean nothing.
    #[test]
    fn the_words_are_those_of_the_registry() {
        let words = [
            (100, "Continue"),
            (101, "Switching Protocols"),
            (200, "OK"),
            (201, "Created"),
            (202, "Accepted"),
            (203, "Non-Authoritative Information"),
            (204, "No Content"),
            (205, "Reset Content"),
            (206, "Partial Content"),
            (300, "Multiple Choices"),
            (301, "Moved Permanently"),
            (302, "Found"),
            (303, "See Other"),
            (304, "Not Modified"),
            (305, "Use Proxy"),
            (307, "Temporary Redirect"),
            (308, "Permanent Redirect"),
            (400, "Bad Request"),
            (401, "Unauthorized"),
            (402, "Payment Required"),
            (403, "Forbidden"),
            (404, "Not Found"),
            (405, "Method Not Allowed"),
            (406, "Not Acceptable"),
            (407, "Proxy Authentication Required"),
            (408, "Request Timeout"),
            (409, "Conflict"),
            (410, "Gone"),
            (411, "Length Required"),
            (412, "Precondition Failed"),
            (413, "Content Too Large"),
            (414, "URI Too Long"),
            (415, "Unsupported Media Type"),
            (416, "Range Not Satisfiable"),
            (417, "Expectation Failed"),
            (421, "Misdirected Request"),
            (422, "Unprocessable Content"),
            (425, "Too Early"),
            (426, "Upgrade Required"),
            (500, "Internal Server Error"),
            (501, "Not Implemented"),
            (502, "Bad Gateway"),
        ];
        for (code, reason) in words {
            assert_eq!(Status::new(code).unwrap().reason(), Some(reason));
        }
        for reserved in [306, 418] {
            assert_eq!(Status::new(reserved).unwrap().reason(), None);
        }
    }

    #[test]
    fn what_is_not_three_digits_is_refused() {
        for bytes in [&b""[..], b"20", b"2000", b"+20", b"2 0", b"099", b"2\xb20"] {
            assert_eq!(Status::from_bytes(bytes), Err(InvalidStatus));
        }
    }
}
