//! The codes of Close frames (RFC 6455 section 7.4).

use core::fmt;

/// Why a connection is closed, as a Close frame says it: one of the registered codes, or one of a library's (3000 to 3999) or an
/// application's own (4000 to 4999).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// What the connection was for is done.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// The server goes down, or the user has left the page.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// The other end broke the protocol.
    pub const PROTOCOL_ERROR: CloseCode = CloseCode(1002);
    /// A kind of data that this end does not take, such as binary where it expects text.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// Data that is not what its kind says, such as text that is not UTF-8.
    pub const INVALID_DATA: CloseCode = CloseCode(1007);
    /// A message that this end's rules forbid.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// A message that is larger than this end takes.
    pub const TOO_BIG: CloseCode = CloseCode(1009);
    /// The server cannot do what was asked for.
    pub const INTERNAL: CloseCode = CloseCode(1011);
    /// The server restarts: come back.
    pub const RESTART: CloseCode = CloseCode(1012);
    /// The server has too much to do: come back later.
    pub const TRY_AGAIN: CloseCode = CloseCode(1013);

    /// The code with this number; `None` if no Close frame may have it: it is not registered, or is for what is told when there was
    /// no such frame.
    ///
    /// RFC 6455 section 7.4.1-3, 7.4.1-4, 7.4.1-6.
    pub const fn new(number: u16) -> Option<CloseCode> {
        match number {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(CloseCode(number)),
            _ => None,
        }
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// RFC 6455 section 7.4.1-3, 7.4.1-4, 7.4.1-6.
    #[test]
    fn the_codes_that_a_frame_may_have() {
        let taken = (0..=u16::MAX).filter(|number| CloseCode::new(*number).is_some()).count();
        assert_eq!(taken, 4 + 8 + 2000);
        for number in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            assert_eq!(CloseCode::new(number), None, "{number}");
        }
        for code in [CloseCode::NORMAL, CloseCode::TOO_BIG, CloseCode::INTERNAL, CloseCode::TRY_AGAIN] {
            assert_eq!(CloseCode::new(code.number()), Some(code));
        }
        assert_eq!(CloseCode::POLICY.to_string(), "1008");
    }
}
