//! The five bytes before each record, and the lengths that a record may have (RFC 9846 section 5.1, 5.2).

use crate::violation::Violation;

/// Bytes of a header: type, legacy_record_version, length.
pub(crate) const HEADER_LEN: usize = 5;
/// The most content of a record.
pub(crate) const MAX_CONTENT_LEN: usize = 1 << 14;
/// The longest TLSInnerPlaintext: content, its type, and padding.
pub(crate) const MAX_INNER_LEN: usize = MAX_CONTENT_LEN + 1;
/// The longest record under protection, without its header.
pub(crate) const MAX_PROTECTED_LEN: usize = MAX_CONTENT_LEN + 256;
/// The longest record that may come, with its header: what a reader needs room for.
pub const MAX_RECORD_LEN: usize = HEADER_LEN + MAX_PROTECTED_LEN;

/// legacy_record_version of every record but the first.
pub(crate) const VERSION: u16 = 0x0303;
/// legacy_record_version of the first ClientHello, for the sake of old servers.
pub(crate) const FIRST_VERSION: u16 = 0x0301;

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentType {
    ChangeCipherSpec,
    Alert,
    Handshake,
    ApplicationData,
}

impl ContentType {
    /// Reads the number.
    /// RFC 9846 section 5-5: any other is unexpected.
    pub(crate) const fn from_byte(byte: u8) -> Result<ContentType, Violation> {
        match byte {
            20 => Ok(ContentType::ChangeCipherSpec),
            21 => Ok(ContentType::Alert),
            22 => Ok(ContentType::Handshake),
            23 => Ok(ContentType::ApplicationData),
            _ => Err(Violation::RecordType),
        }
    }

    /// The number.
    pub(crate) const fn byte(self) -> u8 {
        match self {
            ContentType::ChangeCipherSpec => 20,
            ContentType::Alert => 21,
            ContentType::Handshake => 22,
            ContentType::ApplicationData => 23,
        }
    }
}

/// A header that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// What is written outside: ApplicationData for everything under protection.
    pub kind: ContentType,
    /// Bytes behind the header.
    pub len: usize,
}

impl Header {
    /// Reads a header; none if it is not there yet. What cannot be the beginning of a record is refused by its first byte.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Header>, Violation> {
        let Some(first) = bytes.first() else { return Ok(None) };
        let kind = ContentType::from_byte(*first)?;
        // RFC 9846 section 5.1-14: the version says nothing.
        let Some([_, _, _, high, low]) = bytes.first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        // RFC 9846 section 5.1-15, 5.1-16, 5.2-1, 5.2-2, 5.2-5: only what is protected is of this type.
        let most = if kind == ContentType::ApplicationData { MAX_PROTECTED_LEN } else { MAX_CONTENT_LEN };
        if len > most {
            return Err(Violation::RecordTooLong);
        }
        Ok(Some(Header { kind, len }))
    }
}

/// The bytes of a header.
pub(crate) fn encode(kind: ContentType, version: u16, len: usize) -> [u8; HEADER_LEN] {
    let [high, low] = u16::try_from(len).expect("a record is cut to its greatest length").to_be_bytes();
    let [major, minor] = version.to_be_bytes();
    [kind.byte(), major, minor, high, low]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [ContentType; 4] =
        [ContentType::ChangeCipherSpec, ContentType::Alert, ContentType::Handshake, ContentType::ApplicationData];

    /// RFC 9846 section 5.1-14.
    #[test]
    fn a_header_is_read_whatever_version_it_names() {
        for kind in KINDS {
            for version in [0, 0x0300, 0x0301, VERSION, 0x0304, 0xffff] {
                let bytes = encode(kind, version, 300);
                assert_eq!(Header::decode(&bytes), Ok(Some(Header { kind, len: 300 })));
                for end in 0..HEADER_LEN {
                    assert_eq!(Header::decode(&bytes[..end]), Ok(None));
                }
            }
        }
    }

    /// RFC 9846 section 5-5.
    #[test]
    fn what_is_no_record_is_refused_by_its_first_byte() {
        for byte in (0..=19).chain(24..=255) {
            assert_eq!(Header::decode(&[byte]), Err(Violation::RecordType));
        }
    }

    /// RFC 9846 section 5.1-16, 5.2-2, 5.2-5.
    #[test]
    fn lengths_at_and_over_the_limit() {
        for kind in KINDS {
            let most = if kind == ContentType::ApplicationData { 16_640 } else { 16_384 };
            for len in [0, 1, most - 1, most, most + 1, 65_535] {
                let result = Header::decode(&encode(kind, VERSION, len));
                let expected = if len <= most { Ok(Some(Header { kind, len })) } else { Err(Violation::RecordTooLong) };
                assert_eq!(result, expected, "{kind:?} {len}");
            }
        }
    }
}
