//! Frames (RFC 9113 sections 4.1 and 6): headers, types and flags.

use alloc::vec::Vec;

/// Bytes of a frame's header.
pub(crate) const HEADER_LEN: usize = 9;
/// SETTINGS_MAX_FRAME_SIZE where nothing else was said, and the least value that it can have. What we take is no more: then every
/// frame is in one piece of what a carrier offers.
pub(crate) const MAX_FRAME_LEN: usize = 16 << 10;
/// The greatest stream number, and the greatest window.
pub(crate) const MAX_31: u32 = (1 << 31) - 1;

/// A type that this stack knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// RFC 9218 section 7.1.
    PriorityUpdate,
    Unknown,
}

impl Kind {
    const fn from_byte(byte: u8) -> Kind {
        match byte {
            0x0 => Kind::Data,
            0x1 => Kind::Headers,
            0x2 => Kind::Priority,
            0x3 => Kind::RstStream,
            0x4 => Kind::Settings,
            0x5 => Kind::PushPromise,
            0x6 => Kind::Ping,
            0x7 => Kind::GoAway,
            0x8 => Kind::WindowUpdate,
            0x9 => Kind::Continuation,
            0x10 => Kind::PriorityUpdate,
            _ => Kind::Unknown,
        }
    }

    const fn byte(self) -> u8 {
        match self {
            Kind::Data => 0x0,
            Kind::Headers => 0x1,
            Kind::Priority => 0x2,
            Kind::RstStream => 0x3,
            Kind::Settings => 0x4,
            Kind::PushPromise => 0x5,
            Kind::Ping => 0x6,
            Kind::GoAway => 0x7,
            Kind::WindowUpdate => 0x8,
            Kind::Continuation => 0x9,
            Kind::PriorityUpdate => 0x10,
            Kind::Unknown => 0xff,
        }
    }
}

/// END_STREAM of DATA and HEADERS, ACK of SETTINGS and PING.
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) len: usize,
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Header {
    pub(crate) fn new(kind: Kind, flags: u8, stream: u32, len: usize) -> Header {
        Header { len, kind, flags, stream }
    }

    /// Of a frame at the front of `bytes`; `None` if they are too few. RFC 9113 section 4.1-4: the reserved bit is ignored.
    pub(crate) fn read(bytes: &[u8]) -> Option<Header> {
        let (header, _) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let [len_0, len_1, len_2, kind, flags, stream @ ..] = *header;
        let len = u32::from_be_bytes([0, len_0, len_1, len_2]) as usize;
        let stream = u32::from_be_bytes(stream) & MAX_31;
        Some(Header { len, kind: Kind::from_byte(kind), flags, stream })
    }

    pub(crate) fn bytes(self) -> [u8; HEADER_LEN] {
        let [_, len_0, len_1, len_2] = (self.len as u32).to_be_bytes();
        let [stream_0, stream_1, stream_2, stream_3] = self.stream.to_be_bytes();
        [len_0, len_1, len_2, self.kind.byte(), self.flags, stream_0, stream_1, stream_2, stream_3]
    }

    pub(crate) const fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The payload without padding, and without the priority in front of a block of fields; `None` if it does not have those.
    pub(crate) fn content(self, payload: &[u8]) -> Option<&[u8]> {
        let mut content = payload;
        if self.has(PADDED) {
            let (len, rest) = payload.split_first()?;
            content = rest.get(..rest.len().checked_sub(usize::from(*len))?)?;
        }
        if self.kind == Kind::Headers && self.has(PRIORITY) {
            content = content.get(5..)?;
        }
        Some(content)
    }
}

/// Appends a frame.
pub(crate) fn push(out: &mut Vec<u8>, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&Header::new(kind, flags, stream, payload.len()).bytes());
    out.extend_from_slice(payload);
}

/// The number that is all of a payload.
pub(crate) fn number(payload: &[u8]) -> Option<u32> {
    payload.try_into().ok().map(u32::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9113 section 4.1-4.
    #[test]
    fn headers_of_every_type_come_back() {
        for byte in 0..=255 {
            let bytes = [0, 1, 2, byte, 0x25, 0x80, 0, 0, 7];
            let header = Header::read(&bytes).unwrap();
            assert_eq!((header.len, header.flags, header.stream), (258, 0x25, 7));
            if header.kind != Kind::Unknown {
                assert_eq!(header.bytes()[..5], bytes[..5]);
            }
        }
        assert_eq!(Header::read(&[0; 8]), None);
    }

    #[test]
    fn content_is_what_padding_and_priority_leave() {
        let padded = Header::new(Kind::Data, PADDED, 1, 0);
        assert_eq!(padded.content(&[2, b'a', b'b', 0, 0]), Some(&b"ab"[..]));
        assert_eq!(padded.content(&[2, 0, 0]), Some(&b""[..]));
        assert_eq!(padded.content(&[3, 0, 0]), None);
        assert_eq!(padded.content(&[]), None);
        let both = Header::new(Kind::Headers, PADDED | PRIORITY, 1, 0);
        assert_eq!(both.content(&[1, 0, 0, 0, 3, 16, b'x', 0]), Some(&b"x"[..]));
        assert_eq!(both.content(&[1, 0, 0, 0, 3, 0]), None);
    }
}
