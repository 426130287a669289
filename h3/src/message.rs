//! Message heads and trailers to and from field sections: where `qpack` meets `http`.

use crate::frame;
use crate::violation::Violation;
use alloc::vec::Vec;
use base::{StreamId, VarInt, Writer};
use http::{
    Authority, Fields, HttpDate, Malformed, RequestDecoder, RequestHead, ResponseDecoder, ResponseHead, TrailersDecoder,
};
use qpack::{DecodeError, Decoder, Encoder};

/// Room in front of a section for its frame header: one byte of type, and one of a length below 64. Where it is longer, the section is
/// moved.
const HEADER_ROOM: usize = 2;
const ROOM_IS_MADE: &str = "the room in front of a section is as long as its header";
/// Room for a section of ordinary size.
const USUAL: usize = 256;

impl From<DecodeError<Malformed>> for Violation {
    fn from(error: DecodeError<Malformed>) -> Violation {
        match error {
            DecodeError::Decompression(error) => Violation::Decompression(error),
            DecodeError::TooLarge => Violation::FieldSectionTooLarge,
            DecodeError::Refused(malformed) => Violation::Malformed(malformed),
        }
    }
}

/// The head of a request. It shares the text of `known` if it names the same authority; else that is the one that it names.
pub(crate) fn decode_request(
    decoder: &mut Decoder,
    id: StreamId,
    section: &[u8],
    max_size: u64,
    extended_connect: bool,
    known: &mut Option<Authority>,
) -> Result<RequestHead, Violation> {
    let mut request = RequestDecoder::new(extended_connect).with_known(known.take());
    decoder.decode_from(id.value(), section, max_size, |name, value| request.push(name, value))?;
    let head = request.finish().map_err(Violation::Malformed)?;
    *known = request.into_known();
    Ok(head)
}

/// The head of a response, final or informational.
pub(crate) fn decode_response(
    decoder: &mut Decoder,
    id: StreamId,
    section: &[u8],
    max_size: u64,
) -> Result<ResponseHead, Violation> {
    let mut response = ResponseDecoder::new();
    decoder.decode_from(id.value(), section, max_size, |name, value| response.push(name, value))?;
    response.finish().map_err(Violation::Malformed)
}

/// Trailers.
pub(crate) fn decode_trailers(
    decoder: &mut Decoder,
    id: StreamId,
    section: &[u8],
    max_size: u64,
) -> Result<Fields, Violation> {
    let mut trailers = TrailersDecoder::new();
    decoder.decode_from(id.value(), section, max_size, |name, value| trailers.push(name, value))?;
    Ok(trailers.finish())
}

/// The lines of a response, and the date if it is one that is to be added.
pub(crate) fn dated<'a>(
    head: &'a ResponseHead,
    date: Option<&'a [u8; HttpDate::LEN]>,
) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
    head.lines().chain(date.map(|date| ("date", &date[..])))
}

/// An encoder with a dynamic table, and what it has to know of a section.
pub(crate) struct WithTable<'e> {
    pub(crate) encoder: &'e mut Encoder,
    /// The stream, if it has had a section before.
    pub(crate) stream: Option<StreamId>,
    /// How many bytes of instructions the peer takes.
    pub(crate) room: usize,
}

/// A whole HEADERS frame in `memory`, which is empty, or `None` if its fields are larger than `max_size`.
pub(crate) fn headers_frame<'a>(
    table: Option<WithTable<'_>>,
    lines: impl Iterator<Item = (&'a str, &'a [u8])>,
    max_size: Option<u64>,
    memory: Vec<u8>,
) -> Option<Vec<u8>> {
    let mut size = 0u64;
    let counted = lines.inspect(|(name, value)| size += (name.len() + value.len() + Fields::LINE_OVERHEAD) as u64);
    // The length goes in front of the section and is known after it.
    let mut section = memory;
    section.reserve(USUAL);
    section.resize(HEADER_ROOM, 0);
    match table {
        None => qpack::encode(counted, &mut section),
        Some(WithTable { encoder, stream, room }) => {
            encoder.encode(stream.map(StreamId::value), counted, room, &mut section);
        }
    }
    if max_size.is_some_and(|max_size| size > max_size) {
        return None;
    }
    let length =
        VarInt::new((section.len() - HEADER_ROOM) as u64).expect("what is in memory is shorter than 2^62 bytes");
    let header_len = frame::HEADERS.encoded_len() + length.encoded_len();
    if header_len > HEADER_ROOM {
        let end = section.len();
        section.resize(end + header_len - HEADER_ROOM, 0);
        section.copy_within(HEADER_ROOM..end, header_len);
    }
    let mut header = Writer::new(section.get_mut(..header_len).expect(ROOM_IS_MADE));
    header.varint(frame::HEADERS.value()).and_then(|()| header.varint(length.value())).expect(ROOM_IS_MADE);
    Some(section)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Status;

    #[test]
    fn a_head_there_and_back() {
        let head = RequestHead::get("https://a.example/x").unwrap().with_field("x-own", [b'a'; 100]).unwrap();
        let frame = headers_frame(None, head.lines(), None, Vec::new()).unwrap();
        assert_eq!((frame[0], frame[1] >> 6), (1, 1));
        assert_eq!(usize::from(frame[1] & 0x3f) << 8 | usize::from(frame[2]), frame.len() - 3);
        let (mut decoder, id) = (Decoder::new(), StreamId::from_varint(VarInt::ZERO));
        assert_eq!(decode_request(&mut decoder, id, &frame[3..], 1000, false, &mut None), Ok(head));
        let head = ResponseHead::new(Status::OK);
        let frame = headers_frame(None, head.lines(), None, Vec::new()).unwrap();
        assert_eq!(*frame, [1, 3, 0, 0, 0xc0 | 25]);
        assert_eq!(decode_response(&mut decoder, id, &frame[2..], 1000), Ok(head));
    }

    #[test]
    fn the_peers_limit_is_kept() {
        let head = ResponseHead::new(Status::OK);
        assert!(headers_frame(None, head.lines(), Some(42), Vec::new()).is_some());
        assert!(headers_frame(None, head.lines(), Some(41), Vec::new()).is_none());
    }
}
