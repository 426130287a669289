//! Packet numbers and their spaces (RFC 9000 section 12.3, 17.1, appendix A).

use core::fmt;

/// The three packet number spaces (RFC 9000 section 12.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketNumberSpace {
    /// Initial packets.
    Initial = 0,
    /// Handshake packets.
    Handshake = 1,
    /// 0-RTT and 1-RTT packets.
    ApplicationData = 2,
}

impl PacketNumberSpace {
    /// All three, in the order in which a connection goes through them.
    pub const ALL: [PacketNumberSpace; 3] =
        [PacketNumberSpace::Initial, PacketNumberSpace::Handshake, PacketNumberSpace::ApplicationData];
}

/// The number of a packet within its space: 0 to 2^62 - 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PacketNumber(u64);

impl PacketNumber {
    /// The first packet of a space.
    pub const ZERO: PacketNumber = PacketNumber(0);
    /// 2^62 - 1; a connection that comes here must close (RFC 9000 section 12.3).
    pub const MAX: PacketNumber = PacketNumber((1 << 62) - 1);

    /// `None` above 2^62 - 1.
    pub const fn new(value: u64) -> Option<PacketNumber> {
        if value <= Self::MAX.0 { Some(PacketNumber(value)) } else { None }
    }

    /// The number itself.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// The number after it; `None` after the last.
    pub const fn next(self) -> Option<PacketNumber> {
        PacketNumber::new(self.0 + 1)
    }

    /// As many bytes as a header has for a number at the most.
    pub(crate) const MAX_ENCODED_LEN: usize = 4;

    /// How many bytes (1 to 4) to send so that the receiver finds the number again, given what it acknowledged.
    pub fn encoded_len(self, largest_acknowledged: Option<PacketNumber>) -> usize {
        let distance = match largest_acknowledged {
            Some(largest) => self.0.saturating_sub(largest.0),
            // RFC 9000 section 17.1-1: as if nothing before it had arrived.
            None => self.0 + 1,
        };
        // RFC 9000 section 17.1-2: the bytes span more than twice the distance, because the receiver looks in both
        // directions.
        match distance {
            0..0x80 => 1,
            0x80..0x8000 => 2,
            0x8000..0x80_0000 => 3,
            _ => 4,
        }
    }

    /// The number whose low `len` bytes (1 to 4) are `truncated` and that is nearest to the one expected next
    /// (RFC 9000 appendix A.3).
    pub fn decode(truncated: u32, len: usize, largest_received: Option<PacketNumber>) -> PacketNumber {
        let expected = largest_received.map_or(0, |largest| largest.0 + 1);
        let window = 1u64 << (8 * len.clamp(1, 4));
        let half = window / 2;
        let candidate = (expected & !(window - 1)) | (u64::from(truncated) & (window - 1));
        let number = if candidate + half <= expected && candidate + window <= Self::MAX.0 {
            candidate + window
        } else if candidate > expected + half && candidate >= window {
            candidate - window
        } else {
            candidate
        };
        // Past the last number there is none to find; whatever it is will not authenticate.
        PacketNumber(number.min(Self::MAX.0))
    }
}

impl fmt::Debug for PacketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for PacketNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u64) -> PacketNumber {
        PacketNumber::new(value).unwrap()
    }

    /// RFC 9000 section 17.1-1, 17.1-2.
    #[test]
    fn length_by_appendix_a_2() {
        let acknowledged = Some(number(0xabe8b3));
        assert_eq!(number(0xac5c02).encoded_len(acknowledged), 2);
        assert_eq!(number(0xace8fe).encoded_len(acknowledged), 3);
        assert_eq!(number(0).encoded_len(None), 1);
        assert_eq!(PacketNumber::MAX.encoded_len(None), 4);
    }

    #[test]
    fn decoding_by_appendix_a_3() {
        assert_eq!(PacketNumber::decode(0x9b32, 2, Some(number(0xa82f30ea))), number(0xa82f9b32));
    }

    /// RFC 9000 section 17.1-2.
    #[test]
    fn what_is_encoded_is_found_again() {
        for acknowledged in [None, Some(0), Some(1), Some(200), Some(65_535), Some(1 << 40), Some((1 << 62) - 500)] {
            let base = acknowledged.map_or(0, |largest| largest + 1);
            for ahead in (0..400).chain([0x7fff, 0x8000, 0x8001, 0x7f_ffff, 0x80_0000, 0x3fff_ffff]) {
                let Some(sent) = PacketNumber::new(base + ahead) else { continue };
                let acknowledged = acknowledged.map(number);
                let len = sent.encoded_len(acknowledged);
                let truncated = (sent.value() & ((1u64 << (8 * len)) - 1)) as u32;
                // The receiver may know anything from what it acknowledged to the packet just before.
                for received in [acknowledged, sent.value().checked_sub(1).map(number).max(acknowledged)] {
                    assert_eq!(PacketNumber::decode(truncated, len, received), sent);
                }
            }
        }
    }

    #[test]
    fn the_ends_of_the_number_line_are_kept() {
        assert_eq!(PacketNumber::decode(0xff, 1, None), number(0xff));
        for truncated in [0, 1, 0x7f, 0x80, 0xff] {
            for largest in [PacketNumber::MAX, number((1 << 62) - 2), number(0), number(127), number(128)] {
                for len in 1..=4 {
                    assert!(PacketNumber::decode(truncated, len, Some(largest)) <= PacketNumber::MAX);
                }
            }
        }
    }
}
