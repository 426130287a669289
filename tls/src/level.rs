//! Encryption levels (RFC 9001 section 2.1): which keys protect a piece of the handshake, over any carrier.

use core::fmt;

/// An encryption level, in the order in which they are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// No keys, or keys that any observer can derive, as QUIC's from the client's first destination connection ID.
    Initial,
    /// 0-RTT keys.
    EarlyData,
    /// Keys of the handshake.
    Handshake,
    /// Keys of the application data.
    OneRtt,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Initial => "Initial",
            Level::EarlyData => "0-RTT",
            Level::Handshake => "Handshake",
            Level::OneRtt => "1-RTT",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// As RFC 9001 section 2.1 calls them.
    #[test]
    fn levels_have_the_names_of_the_standard() {
        let names = [Level::Initial, Level::EarlyData, Level::Handshake, Level::OneRtt].map(|level| level.to_string());
        assert_eq!(names, ["Initial", "0-RTT", "Handshake", "1-RTT"]);
    }
}
