//! Frame types and frame headers (RFC 9114 section 7).

use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Bytes, VarInt};

/// A frame type as far as this side knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameType {
    Data,
    Headers,
    CancelPush,
    Settings,
    PushPromise,
    GoAway,
    MaxPushId,
    PriorityUpdateRequest,
    PriorityUpdatePush,
    /// Means something in HTTP/2 only (RFC 9114 section 7.2.8).
    Reserved,
    /// Means nothing here, and is skipped (RFC 9114 section 9).
    Unknown,
}

impl FrameType {
    pub(crate) const fn from_value(value: u64) -> FrameType {
        match value {
            0x00 => FrameType::Data,
            0x01 => FrameType::Headers,
            0x03 => FrameType::CancelPush,
            0x04 => FrameType::Settings,
            0x05 => FrameType::PushPromise,
            0x07 => FrameType::GoAway,
            0x0d => FrameType::MaxPushId,
            0xf0700 => FrameType::PriorityUpdateRequest,
            0xf0701 => FrameType::PriorityUpdatePush,
            0x02 | 0x06 | 0x08 | 0x09 => FrameType::Reserved,
            _ => FrameType::Unknown,
        }
    }
}

/// DATA.
pub(crate) const DATA: VarInt = VarInt::from_u32(0x00);
/// HEADERS.
pub(crate) const HEADERS: VarInt = VarInt::from_u32(0x01);
/// SETTINGS.
pub(crate) const SETTINGS: VarInt = VarInt::from_u32(0x04);
/// GOAWAY.
pub(crate) const GOAWAY: VarInt = VarInt::from_u32(0x07);

/// Type and length of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) frame_type: FrameType,
    /// Bytes of the payload.
    pub(crate) length: u64,
}

/// Appends a frame header.
pub(crate) fn push_header(out: &mut Vec<u8>, frame_type: VarInt, length: usize) {
    push_varint(out, frame_type);
    push_varint(out, VarInt::new(length as u64).expect("what is in memory is shorter than 2^62 bytes"));
}

/// Headers of DATA frames. Most bodies go out in frames of one length, so the last one made is kept and shared.
#[derive(Debug, Default)]
pub(crate) struct DataHeaders {
    length: usize,
    header: Bytes,
}

impl DataHeaders {
    /// The header of a frame of `length` bytes.
    pub(crate) fn of(&mut self, length: usize) -> Bytes {
        if self.header.is_empty() || self.length != length {
            let mut header = Vec::with_capacity(DATA.encoded_len() + VarInt::MAX_LEN);
            push_header(&mut header, DATA, length);
            *self = DataHeaders { length, header: Bytes::from(header) };
        }
        self.header.clone()
    }
}

/// The `number`-th identifier that means nothing (RFC 9114 section 7.2.8): 0x1f * N + 0x21.
pub(crate) const fn grease(number: u32) -> VarInt {
    match VarInt::new(0x1f * number as u64 + 0x21) {
        Some(value) => value,
        None => VarInt::from_u32(0x21),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grease_never_is_a_known_type() {
        for number in (0..0x2_0000).chain([u32::MAX]) {
            let value = grease(number).value();
            assert_eq!((value - 0x21) % 0x1f, 0);
            assert_eq!(FrameType::from_value(value), FrameType::Unknown);
        }
    }

    #[test]
    fn headers_of_data_frames_in_any_order() {
        let mut headers = DataHeaders::default();
        for length in [0, 0, 5, 5, 63, 64, 5, 0, 65_536, 65_536, 0] {
            let mut expected = Vec::new();
            push_header(&mut expected, DATA, length);
            let mut header = headers.of(length);
            assert_eq!(header[..], expected[..], "{length}");
            // Whoever takes it off the front of what is to be sent leaves the kept one as it is.
            header.advance(1);
        }
    }

    #[test]
    fn types_of_http_2_are_reserved() {
        for value in 0..=0x0f {
            let reserved = matches!(value, 2 | 6 | 8 | 9);
            assert_eq!(FrameType::from_value(value) == FrameType::Reserved, reserved);
        }
    }
}
