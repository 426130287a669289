//! Versions of QUIC, and all that differs between them on the wire (RFC 9000 section 15, RFC 9001 section 5): one row of
//! a table each, so that a further version is a further row.

use core::fmt;

/// A version number. The default is none.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

impl Version {
    /// What a Version Negotiation packet has in place of a version (RFC 8999 section 6).
    pub(crate) const NEGOTIATION: Version = Version(0);
    /// RFC 9000.
    pub const V1: Version = Version(1);
    /// RFC 9369.
    pub const V2: Version = Version(0x6b33_43cf);

    /// What is particular to it; `None` if it is not spoken here.
    pub fn row(self) -> Option<&'static VersionRow> {
        ROWS.iter().find(|row| row.version == self)
    }

    /// One of the versions that are reserved for peers to pass over (RFC 9000 section 15): `random` says which.
    pub(crate) const fn reserved(random: u32) -> Version {
        Version(random & 0xf0f0_f0f0 | 0x0a0a_0a0a)
    }

    /// Whether the first flight of this version is one of `other` as well (RFC 9368 section 2.2). Versions 1 and 2 are
    /// compatible with each other (RFC 9369 section 4), and of others nothing is known.
    /// RFC 9368 section 2.2-1.
    pub(crate) fn is_compatible_with(self, other: Version) -> bool {
        self.row().is_some() && other.row().is_some()
    }
}

/// The versions that an endpoint speaks, best first, and the one that its clients begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    /// The first `len` count.
    by_preference: [Version; ROWS.len()],
    len: usize,
    first_flight: Version,
}

impl Default for Versions {
    /// Version 1, then version 2.
    fn default() -> Versions {
        Versions { by_preference: [Version::V1, Version::V2], len: 2, first_flight: Version::V1 }
    }
}

impl Versions {
    /// These, best first. A client begins with version 1 if it is among them, because every server speaks it (RFC 9368 section
    /// 2.5), and lets a server that speaks a better one go on with that. `None` if there is none, one twice, or one that is
    /// not spoken here.
    /// RFC 9368 section 2.5-1.
    pub fn new(by_preference: &[Version]) -> Option<Versions> {
        let mut versions = Versions { len: 0, ..Versions::default() };
        for version in by_preference {
            if version.row().is_none() || versions.contains(*version) {
                return None;
            }
            *versions.by_preference.get_mut(versions.len)? = *version;
            versions.len += 1;
        }
        versions.first_flight = if versions.contains(Version::V1) { Version::V1 } else { *by_preference.first()? };
        Some(versions)
    }

    /// The same, and clients begin with `version`. `None` if it is not among them.
    #[must_use]
    pub fn beginning_with(self, version: Version) -> Option<Versions> {
        self.contains(version).then_some(Versions { first_flight: version, ..self })
    }

    /// What the first packet of a client is of.
    pub(crate) const fn first_flight(&self) -> Version {
        self.first_flight
    }

    /// All, best first.
    pub fn as_slice(&self) -> &[Version] {
        self.by_preference.get(..self.len).expect("there are as many as were taken")
    }

    /// Whether it is one of them.
    pub fn contains(&self, version: Version) -> bool {
        self.as_slice().contains(&version)
    }

    /// The best of them that is among `offered`.
    pub(crate) fn best_of(&self, offered: &[Version]) -> Option<Version> {
        self.best(|version| offered.contains(&version))
    }

    /// The best of them that can be.
    pub(crate) fn best(&self, can_be: impl Fn(Version) -> bool) -> Option<Version> {
        self.as_slice().iter().copied().find(|version| can_be(*version))
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

static ROWS: [VersionRow; 2] = [V1, V2];

const V1: VersionRow = VersionRow {
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
};

/// RFC 9369 section 3: whatever is not named here is as in version 1.
/// RFC 9369 section 3-1.
const V2: VersionRow = VersionRow {
    version: Version::V2,
    long_types: [LongType::Retry, LongType::Initial, LongType::ZeroRtt, LongType::Handshake],
    initial_salt: [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd,
        0x2e, 0xd9,
    ],
    key_label: b"quicv2 key",
    iv_label: b"quicv2 iv",
    header_protection_label: b"quicv2 hp",
    key_update_label: b"quicv2 ku",
    retry_key: [0x8f, 0xb4, 0xb0, 0x1b, 0x56, 0xac, 0x48, 0xe2, 0x60, 0xfb, 0xcb, 0xce, 0xad, 0x7c, 0xcc, 0x92],
    retry_nonce: [0xd8, 0x69, 0x69, 0xbc, 0x2d, 0x7c, 0x6d, 0x99, 0x90, 0xef, 0xb0, 0x4a],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_versions_and_negotiation_are_not_spoken() {
        for version in [0, 2, 0x0a0a_0a0a, 0x1a2a_3a4a, 0xfafa_fafa, 0xff00_001d] {
            assert!(Version(version).row().is_none());
        }
        for random in [0, 1, 0x1234_5678, u32::MAX] {
            let reserved = Version::reserved(random);
            assert!(reserved.row().is_none() && reserved.0 & 0x0f0f_0f0f == 0x0a0a_0a0a, "{reserved}");
        }
        assert!(Version::V1.row().is_some() && Version::V2.row().is_some());
    }

    /// RFC 9368 section 2.5-1.
    #[test]
    fn a_list_of_versions_names_each_that_is_spoken_once() {
        let new = |versions: &[Version]| Versions::new(versions).map(|versions| versions.first_flight());
        assert_eq!(new(&[Version::V1, Version::V2]), Some(Version::V1));
        assert_eq!(new(&[Version::V2, Version::V1]), Some(Version::V1), "every server speaks it");
        assert_eq!(new(&[Version::V2]), Some(Version::V2));
        for wrong in [&[][..], &[Version(0x0a0a_0a0a)], &[Version::V1, Version::V1], &[Version::V1; 3]] {
            assert_eq!(new(wrong), None, "{wrong:?}");
        }
        let both = Versions::new(&[Version::V2, Version::V1]).unwrap();
        assert_eq!(both.beginning_with(Version::V2).map(|both| both.first_flight()), Some(Version::V2));
        assert_eq!(Versions::new(&[Version::V2]).unwrap().beginning_with(Version::V1), None);
        assert_eq!(both.best_of(&[Version(7), Version::V1, Version::V2]), Some(Version::V2));
        assert_eq!(both.best_of(&[Version(7)]), None);
    }

    /// RFC 9368 section 2.2-1.
    #[test]
    fn only_versions_that_are_known_are_compatible() {
        assert!(Version::V1.is_compatible_with(Version::V2) && Version::V2.is_compatible_with(Version::V1));
        assert!(!Version::V1.is_compatible_with(Version(0x0a0a_0a0a)));
        assert!(!Version(0xff00_001d).is_compatible_with(Version::V1));
    }

    #[test]
    fn type_bits_are_those_of_the_table() {
        let types = [LongType::Initial, LongType::ZeroRtt, LongType::Handshake, LongType::Retry];
        // RFC 9369 section 3.2: each has the value that follows its value in version 1.
        for (version, first) in [(Version::V1, 0), (Version::V2, 1)] {
            let row = version.row().unwrap();
            for (bits, long_type) in (first..).zip(types) {
                let bits = bits % 4;
                assert_eq!((row.long_type(bits), row.type_bits(long_type)), (long_type, bits), "{version}");
            }
        }
    }
}
