//! Versions of QUIC, and all that differs between them on the wire (RFC 9000 section 15, RFC 9001 section 5): one row of
//! a table each, so that a further version is a further row.

use core::fmt;

/// A version number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl Version {
    /// What a Version Negotiation packet has in place of a version (RFC 8999 section 6).
    pub(crate) const NEGOTIATION: Version = Version(0);
    /// RFC 9000.
    pub const V1: Version = Version(1);

    /// What is particular to it; `None` if it is not spoken here.
    pub fn row(self) -> Option<&'static VersionRow> {
        ROWS.iter().find(|row| row.version == self)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The types of packets with a long header (RFC 9000 section 17.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LongType {
    /// Section 17.2.2.
    Initial,
    /// Section 17.2.3.
    ZeroRtt,
    /// Section 17.2.4.
    Handshake,
    /// Section 17.2.5.
    Retry,
}

/// What a version has of its own.
#[derive(Debug)]
pub struct VersionRow {
    /// Which.
    pub version: Version,
    /// The packet type of each value of the two type bits.
    pub long_types: [LongType; 4],
    /// Turns a client's first destination connection ID into the secret of Initial packets (RFC 9001 section 5.2).
    pub initial_salt: [u8; 20],
    /// HKDF label of a packet key (RFC 9001 section 5.1).
    pub key_label: &'static [u8],
    /// HKDF label of an initialisation vector.
    pub iv_label: &'static [u8],
    /// HKDF label of a header-protection key.
    pub header_protection_label: &'static [u8],
    /// HKDF label of the next secret (RFC 9001 section 6.1).
    pub key_update_label: &'static [u8],
    /// Key of the Retry integrity tag (RFC 9001 section 5.8).
    pub retry_key: [u8; 16],
    /// Nonce of the Retry integrity tag.
    pub retry_nonce: [u8; 12],
}

impl VersionRow {
    /// The type that these two bits (0 to 3) stand for.
    pub(crate) const fn long_type(&self, bits: u8) -> LongType {
        let [first, second, third, fourth] = self.long_types;
        match bits & 0b11 {
            0 => first,
            1 => second,
            2 => third,
            _ => fourth,
        }
    }

    /// The two bits of a type.
    pub(crate) fn type_bits(&self, long_type: LongType) -> u8 {
        (0..4).find(|bits| self.long_type(*bits) == long_type).unwrap_or_default()
    }
}

static ROWS: [VersionRow; 1] = [VersionRow {
    version: Version::V1,
    long_types: [LongType::Initial, LongType::ZeroRtt, LongType::Handshake, LongType::Retry],
    initial_salt: [
        0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb,
        0x7f, 0x0a,
    ],
    key_label: b"quic key",
    iv_label: b"quic iv",
    header_protection_label: b"quic hp",
    key_update_label: b"quic ku",
    retry_key: [0xbe, 0x0c, 0x69, 0x0b, 0x9f, 0x66, 0x57, 0x5a, 0x1d, 0x76, 0x6b, 0x54, 0xe3, 0x68, 0xc8, 0x4e],
    retry_nonce: [0x46, 0x15, 0x99, 0xd3, 0x5d, 0x63, 0x2b, 0xf2, 0x23, 0x98, 0x25, 0xbb],
}];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_versions_and_negotiation_are_not_spoken() {
        for version in [0, 0x0a0a_0a0a, 0x1a2a_3a4a, 0xfafa_fafa, 0x6b33_43cf] {
            assert!(Version(version).row().is_none());
        }
        assert!(Version::V1.row().is_some());
    }

    #[test]
    fn type_bits_are_those_of_the_table() {
        let row = Version::V1.row().unwrap();
        let types = [LongType::Initial, LongType::ZeroRtt, LongType::Handshake, LongType::Retry];
        for (bits, long_type) in (0u8..).zip(types) {
            assert_eq!((row.long_type(bits), row.type_bits(long_type)), (long_type, bits));
        }
    }
}
