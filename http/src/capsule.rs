//! Capsules (RFC 9297 section 3): what goes through a tunnel in pieces that each have a type and a length.
//!
//! ```
//! use base::Bytes;
//! use posthaste_http as http;
//! use http::capsule::{self, CapsuleReader};
//!
//! let mut stream = Vec::new();
//! capsule::push(&mut stream, 0x2a, b"nobody knows this type");
//! capsule::push(&mut stream, capsule::DATAGRAM, b"a datagram");
//! let (mut reader, mut input) = (CapsuleReader::new(&[capsule::DATAGRAM], 1200), Bytes::from(stream));
//! let capsule = reader.read(&mut input).expect("the first that is wanted");
//! assert_eq!((capsule.kind, &capsule.payload[..]), (capsule::DATAGRAM, &b"a datagram"[..]));
//! assert!(reader.read(&mut input).is_none() && reader.is_between());
//! ```

use crate::fields::Fields;
use crate::message_rules::Malformed;
use crate::response::ResponseHead;
use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Bytes, Reader, VarInt};

/// The type of a capsule that holds a datagram (section 3.5).
pub const DATAGRAM: u64 = 0x00;

/// The longest header: two integers.
const MAX_HEADER: usize = 2 * VarInt::MAX_LEN;

/// A capsule that has come as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capsule {
    /// Its type.
    pub kind: u64,
    /// What it holds.
    pub payload: Bytes,
}

/// Finds the capsules of a stream whose bytes come in pieces of any size. It holds one capsule at most, of a type that is wanted and
/// no longer than is allowed; all others are skipped as they come, however long they say they are.
#[derive(Debug)]
pub struct CapsuleReader {
    wanted: &'static [u64],
    max_len: usize,
    header: [u8; MAX_HEADER],
    header_len: usize,
    part: Part,
    too_long: Option<u64>,
}

#[derive(Debug)]
enum Part {
    Header,
    Payload { kind: u64, left: usize, payload: Vec<u8> },
    Skip { left: u64 },
}

impl CapsuleReader {
    /// Tells of capsules of these types, of at most `max_len` bytes.
    pub const fn new(wanted: &'static [u64], max_len: usize) -> CapsuleReader {
        CapsuleReader { wanted, max_len, header: [0; MAX_HEADER], header_len: 0, part: Part::Header, too_long: None }
    }

    /// The next capsule that is wanted and ends in `input`, whose bytes are taken off its front; `None` when all were taken.
    pub fn read(&mut self, input: &mut Bytes) -> Option<Capsule> {
        loop {
            match &mut self.part {
                Part::Header => self.read_header(input)?,
                Part::Skip { left } => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    input.advance(taken);
                    *left -= taken as u64;
                    if *left > 0 {
                        return None;
                    }
                    self.part = Part::Header;
                }
                Part::Payload { kind, left, payload } => {
                    let piece = input.split_to((*left).min(input.len()));
                    *left -= piece.len();
                    let kind = *kind;
                    if *left > 0 {
                        payload.extend_from_slice(&piece);
                        return None;
                    }
                    let payload = if payload.is_empty() {
                        // Nearly always it is there as a whole.
                        piece
                    } else {
                        payload.extend_from_slice(&piece);
                        Bytes::from(core::mem::take(payload))
                    };
                    self.part = Part::Header;
                    return Some(Capsule { kind, payload });
                }
            }
        }
    }

    /// The type of a capsule that has begun, is wanted, and is longer than is allowed, so that it is skipped: told once, for those to
    /// whom it is a breach and no mere waste.
    pub const fn take_too_long(&mut self) -> Option<u64> {
        self.too_long.take()
    }

    /// Whether the stream may end here: not within a capsule.
    /// RFC 9297 section 3.3-5.
    pub const fn is_between(&self) -> bool {
        self.header_len == 0 && matches!(self.part, Part::Header)
    }

    fn read_header(&mut self, input: &mut Bytes) -> Option<()> {
        loop {
            let byte = *input.first()?;
            let place = self.header.get_mut(self.header_len)?;
            *place = byte;
            self.header_len += 1;
            input.advance(1);
            if let Some((kind, len)) = parse(self.header.get(..self.header_len)?) {
                self.header_len = 0;
                self.begin(kind, len);
                return Some(());
            }
        }
    }

    /// RFC 9297 section 3.2-3, 3.5-6: what nobody wants, or is too long to be of use, is not kept.
    fn begin(&mut self, kind: u64, len: u64) {
        let is_wanted = self.wanted.contains(&kind);
        let fits = usize::try_from(len).ok().filter(|len| *len <= self.max_len);
        if is_wanted && fits.is_none() {
            self.too_long = Some(kind);
        }
        self.part = match fits.filter(|_| is_wanted) {
            Some(left) => Part::Payload { kind, left, payload: Vec::new() },
            None => Part::Skip { left: len },
        };
    }
}

fn parse(bytes: &[u8]) -> Option<(u64, u64)> {
    let mut reader = Reader::new(bytes);
    let kind = reader.varint().ok()?;
    Some((kind, reader.varint().ok()?))
}

/// Appends a capsule. A type of more than 62 bits counts as the largest that there is.
pub fn push(out: &mut Vec<u8>, kind: u64, payload: &[u8]) {
    push_varint(out, VarInt::new(kind).unwrap_or(VarInt::MAX));
    push_varint(out, VarInt::new(payload.len() as u64).expect("what is in memory is shorter than 2^62 bytes"));
    out.extend_from_slice(payload);
}

/// Whether the fields may stand in a message with capsules.
///
/// # Errors
/// [`Malformed::CapsuleField`].
/// RFC 9297 section 3.2-5, 3.2-7.
pub fn check_fields(fields: &Fields) -> Result<(), Malformed> {
    let is_wrong = ["content-length", "content-type", "transfer-encoding"].iter().any(|name| fields.contains(name));
    if is_wrong { Err(Malformed::CapsuleField) } else { Ok(()) }
}

/// Whether a response may have capsules behind it.
///
/// # Errors
/// [`Malformed::CapsuleField`].
/// RFC 9297 section 3.2-6, 3.4-4.
pub fn check_response(head: &ResponseHead) -> Result<(), Malformed> {
    if !head.status.is_successful() || matches!(head.status.code(), 204..=206) {
        return Err(Malformed::CapsuleField);
    }
    check_fields(&head.fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Status;

    fn read_all(reader: &mut CapsuleReader, bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut told = Vec::new();
        for piece in bytes.chunks(size.max(1)) {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(capsule) = reader.read(&mut input) {
                told.push(capsule.payload.to_vec());
            }
            assert!(input.is_empty());
        }
        told
    }

    /// RFC 9297 section 3.2-3, 3.5-6.
    #[test]
    fn capsules_in_pieces_of_any_size() {
        let mut stream = Vec::new();
        push(&mut stream, DATAGRAM, b"");
        push(&mut stream, 0x1f * 7 + 0x17, &[7; 300]);
        push(&mut stream, DATAGRAM, b"first");
        push(&mut stream, DATAGRAM, &[1; 101]);
        push(&mut stream, u64::MAX, b"x");
        push(&mut stream, DATAGRAM, &[2; 100]);
        for size in 1..stream.len() {
            let mut reader = CapsuleReader::new(&[DATAGRAM], 100);
            let told = read_all(&mut reader, &stream, size);
            assert_eq!(told, [&b""[..], b"first", &[2; 100]], "{size}");
            assert!(reader.is_between());
        }
    }

    /// RFC 9297 section 3.3-5.
    #[test]
    fn an_end_within_a_capsule_is_seen() {
        let mut stream = Vec::new();
        push(&mut stream, DATAGRAM, &[7; 70]);
        push(&mut stream, 9, b"abc");
        let ends = [0, 73, stream.len()];
        for cut in 0..=stream.len() {
            let mut reader = CapsuleReader::new(&[DATAGRAM], 100);
            read_all(&mut reader, &stream[..cut], 1);
            assert_eq!(reader.is_between(), ends.contains(&cut), "{cut}");
        }
    }

    #[test]
    fn lengths_that_nobody_keeps() {
        for kind in [DATAGRAM, 1 << 40] {
            let mut reader = CapsuleReader::new(&[DATAGRAM], 1 << 16);
            let mut header = Vec::new();
            push_varint(&mut header, VarInt::new(kind).unwrap());
            push_varint(&mut header, VarInt::MAX);
            read_all(&mut reader, &header, 3);
            assert!(matches!(reader.part, Part::Skip { .. }) && !reader.is_between());
            let too_long = (kind == DATAGRAM).then_some(DATAGRAM);
            assert_eq!([reader.take_too_long(), reader.take_too_long()], [too_long, None]);
            read_all(&mut reader, &[0; 10_000], 999);
            assert!(matches!(reader.part, Part::Skip { left } if left == VarInt::MAX.value() - 10_000));
        }
    }

    /// RFC 9297 section 3.2-5, 3.2-6, 3.2-7, 3.4-4.
    #[test]
    fn what_no_message_with_capsules_has() {
        for (status, field, is_good) in [
            (200, "x-any", true),
            (200, "content-length", false),
            (200, "content-type", false),
            (200, "transfer-encoding", false),
            (299, "x-any", true),
            (204, "x-any", false),
            (205, "x-any", false),
            (206, "x-any", false),
            (404, "x-any", false),
        ] {
            let mut head = ResponseHead::new(Status::new(status).unwrap());
            head.fields.push(field, "1").unwrap();
            assert_eq!(check_response(&head).is_ok(), is_good, "{status} {field}");
        }
    }
}
