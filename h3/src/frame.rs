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
    /// The beginning of a stream that belongs to a request, with that in the place of the length: no frame at all
    /// (draft-ietf-webtrans-http3 section 4.3). Where no such streams are taken, it means nothing.
    Signal,
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
            // draft-ietf-webtrans-http3 section 4.3-3.
            0x41 => FrameType::Signal,
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

/// PRIORITY_UPDATE for a request.
pub(crate) const PRIORITY_UPDATE_REQUEST: VarInt = VarInt::from_u32(0xf0700);

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

/// The longest DATA frame that is sent.
pub(crate) const MAX_DATA_FRAME: usize = 64 << 10;
/// A DATA frame that ends where the room ends, and not the content, is as long as a multiple of this: the header of such a frame is
/// in the program. What is left of the room, at most so much, is the next frame's.
pub(crate) const DATA_FRAME_STEP: usize = 256;
/// What a DATA frame has before its content, at most.
pub(crate) const DATA_FRAME_HEADER: usize = 5;

/// The headers of DATA frames of 1, 2, 3 and more steps: the type, and the length in four bytes (RFC 9000 section 16 leaves the
/// number of bytes free).
static STEPPED: [[u8; DATA_FRAME_HEADER]; MAX_DATA_FRAME / DATA_FRAME_STEP] = stepped();

const fn stepped() -> [[u8; DATA_FRAME_HEADER]; MAX_DATA_FRAME / DATA_FRAME_STEP] {
    let mut headers = [[0; DATA_FRAME_HEADER]; MAX_DATA_FRAME / DATA_FRAME_STEP];
    let mut index = 0;
    while index < headers.len() {
        let length = ((index + 1) * DATA_FRAME_STEP) as u32;
        let [first, second, third, fourth] = (0b10 << 30 | length).to_be_bytes();
        headers[index] = [DATA.value() as u8, first, second, third, fourth];
        index += 1;
    }
    headers
}

/// Headers of DATA frames. Where a body has no room to go in frames of full length, their headers are in the program. Others of
/// one length follow each other often, so the last one made is kept and shared.
#[derive(Debug, Default)]
pub(crate) struct DataHeaders {
    length: usize,
    header: Bytes,
}

impl DataHeaders {
    /// The header of a frame of `length` bytes.
    pub(crate) fn of(&mut self, length: usize) -> Bytes {
        if let Some(header) = stepped_header(length) {
            return Bytes::from_static(header);
        }
        if self.header.is_empty() || self.length != length {
            let mut header = Vec::with_capacity(DATA.encoded_len() + VarInt::MAX_LEN);
            push_header(&mut header, DATA, length);
            *self = DataHeaders { length, header: Bytes::from(header) };
        }
        self.header.clone()
    }
}

fn stepped_header(length: usize) -> Option<&'static [u8]> {
    let steps = length.is_multiple_of(DATA_FRAME_STEP).then_some(length / DATA_FRAME_STEP)?;
    STEPPED.get(steps.checked_sub(1)?).map(|header| &header[..])
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
    fn headers_of_frames_that_end_with_the_room_are_in_the_program() {
        let mut headers = DataHeaders::default();
        for length in (DATA_FRAME_STEP..=MAX_DATA_FRAME).step_by(DATA_FRAME_STEP) {
            let header = headers.of(length);
            let mut reader = base::Reader::new(&header);
            assert_eq!([reader.varint(), reader.varint()], [Ok(DATA.value()), Ok(length as u64)]);
            assert!(reader.is_empty() && header.capacity_of_last_part().is_none(), "{length}");
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
