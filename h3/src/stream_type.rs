//! Types of unidirectional streams (RFC 9114 section 6.2, RFC 9204 section 4.2).

use base::VarInt;

/// The control stream.
pub(crate) const CONTROL: VarInt = VarInt::from_u32(0x00);
/// The QPACK encoder stream.
pub(crate) const QPACK_ENCODER: VarInt = VarInt::from_u32(0x02);
/// The QPACK decoder stream.
pub(crate) const QPACK_DECODER: VarInt = VarInt::from_u32(0x03);

/// A stream type as far as this side knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamType {
    Control,
    Push,
    QpackEncoder,
    QpackDecoder,
    /// Belongs to a request (draft-ietf-webtrans-http3 section 4.2). Where no such streams are taken, it means nothing.
    Data,
    /// Means nothing here; its data is not wanted (RFC 9114 section 9).
    Unknown,
}

impl StreamType {
    pub(crate) const fn from_value(value: u64) -> StreamType {
        match value {
            0x00 => StreamType::Control,
            0x01 => StreamType::Push,
            0x02 => StreamType::QpackEncoder,
            0x03 => StreamType::QpackDecoder,
            0x54 => StreamType::Data,
            _ => StreamType::Unknown,
        }
    }
}
