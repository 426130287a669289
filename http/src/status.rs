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

impl Status {
    /// 100: go on with the content.
    pub const CONTINUE: Status = Status(100);
    /// 103: fields that the final response will likely have (RFC 8297).
    pub const EARLY_HINTS: Status = Status(103);
    /// 200.
    pub const OK: Status = Status(200);
    /// 204: no content follows, whatever the fields say.
    pub const NO_CONTENT: Status = Status(204);
    /// 206: a part, as asked for by Range.
    pub const PARTIAL_CONTENT: Status = Status(206);
    /// 301.
    pub const MOVED_PERMANENTLY: Status = Status(301);
    /// 304: the client's copy is still good.
    pub const NOT_MODIFIED: Status = Status(304);
    /// 400.
    pub const BAD_REQUEST: Status = Status(400);
    /// 403.
    pub const FORBIDDEN: Status = Status(403);
    /// 404.
    pub const NOT_FOUND: Status = Status(404);
    /// 405.
    pub const METHOD_NOT_ALLOWED: Status = Status(405);
    /// 408.
    pub const REQUEST_TIMEOUT: Status = Status(408);
    /// 413: the content is larger than the server takes.
    pub const CONTENT_TOO_LARGE: Status = Status(413);
    /// 416: none of the asked ranges exist.
    pub const RANGE_NOT_SATISFIABLE: Status = Status(416);
    /// 421: the server does not answer for this authority.
    pub const MISDIRECTED_REQUEST: Status = Status(421);
    /// 425: not in early data (RFC 8470).
    pub const TOO_EARLY: Status = Status(425);
    /// 431: the request's fields are too large (RFC 6585).
    pub const REQUEST_HEADER_FIELDS_TOO_LARGE: Status = Status(431);
    /// 500.
    pub const INTERNAL_SERVER_ERROR: Status = Status(500);
    /// 501.
    pub const NOT_IMPLEMENTED: Status = Status(501);
    /// 503.
    pub const SERVICE_UNAVAILABLE: Status = Status(503);

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

    /// 1xx: another response follows.
    pub const fn is_informational(self) -> bool {
        self.0 < 200
    }

    /// 2xx.
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

    #[test]
    fn every_code_and_back() {
        for code in 0..=1100u16 {
            let status = Status::new(code);
            assert_eq!(status.is_ok(), (100..=999).contains(&code));
            if let Ok(status) = status {
                assert_eq!(status.as_str(), code.to_string());
                assert_eq!(Status::from_bytes(status.as_str().as_bytes()), Ok(status));
            }
        }
    }

    #[test]
    fn what_is_not_three_digits_is_refused() {
        for bytes in [&b""[..], b"20", b"2000", b"+20", b"2 0", b"099", b"2\xb20"] {
            assert_eq!(Status::from_bytes(bytes), Err(InvalidStatus));
        }
    }
}
