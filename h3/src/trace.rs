//! What HTTP/3 did, as records among those of its transport, so that the order of both is kept.
//!
//! A transport keeps such a record as bytes that mean nothing to it; [`HttpRecord::decode`] reads them back. Nothing is
//! encoded unless the transport is traced.

use alloc::vec::Vec;
use base::writer::push_varint;
use base::{Reader, Truncated, VarInt};

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpRecord<'a> {
    /// Sent by this side, and not received.
    pub sent: bool,
    /// What it was.
    pub frame: HttpFrame<'a>,
}

/// A frame of HTTP/3 (RFC 9114 section 7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpFrame<'a> {
    /// HEADERS, decoded: a head or trailers.
    Headers(Lines<'a>),
    /// DATA with this many bytes of content.
    Data(u64),
    /// SETTINGS.
    Settings,
    /// GOAWAY with this identifier.
    GoAway(u64),
}

/// Lines of a field section, pseudo-fields included: names and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Lines<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        let mut reader = Reader::new(self.bytes);
        let line = reader.varint_prefixed().and_then(|name| Ok((name, reader.varint_prefixed()?)));
        self.bytes = reader.rest();
        line.ok()
    }
}

const HEADERS: u8 = 0;
const DATA: u8 = 1;
const SETTINGS: u8 = 2;
const GOAWAY: u8 = 3;

impl<'a> HttpRecord<'a> {
    /// Reads what this module has encoded.
    ///
    /// # Errors
    /// The bytes are no such record.
    pub fn decode(bytes: &'a [u8]) -> Result<HttpRecord<'a>, Truncated> {
        let mut reader = Reader::new(bytes);
        let sent = reader.u8()? == 1;
        let frame = match reader.u8()? {
            HEADERS => HttpFrame::Headers(Lines { bytes: reader.rest() }),
            DATA => HttpFrame::Data(reader.varint()?),
            SETTINGS => HttpFrame::Settings,
            GOAWAY => HttpFrame::GoAway(reader.varint()?),
            _ => return Err(Truncated),
        };
        Ok(HttpRecord { sent, frame })
    }
}

/// HEADERS with these lines.
pub(crate) fn headers<'a>(sent: bool, lines: impl Iterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut bytes = begin(sent, HEADERS);
    for (name, value) in lines {
        for part in [name.as_bytes(), value] {
            push_varint(&mut bytes, length(part.len()));
            bytes.extend_from_slice(part);
        }
    }
    bytes
}

/// DATA with `len` bytes of content.
pub(crate) fn data(sent: bool, len: usize) -> Vec<u8> {
    let mut bytes = begin(sent, DATA);
    push_varint(&mut bytes, length(len));
    bytes
}

/// SETTINGS.
pub(crate) fn settings(sent: bool) -> Vec<u8> {
    begin(sent, SETTINGS)
}

/// GOAWAY.
pub(crate) fn goaway(sent: bool, id: VarInt) -> Vec<u8> {
    let mut bytes = begin(sent, GOAWAY);
    push_varint(&mut bytes, id);
    bytes
}

fn begin(sent: bool, frame: u8) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend([u8::from(sent), frame]);
    bytes
}

fn length(len: usize) -> VarInt {
    VarInt::new(len as u64).expect("what is in memory is shorter than 2^62 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_read_back() {
        let lines = [(":method", &b"GET"[..]), ("x", b"")];
        let bytes = headers(true, lines.into_iter());
        let record = HttpRecord::decode(&bytes).unwrap();
        let HttpFrame::Headers(read) = record.frame else { panic!("{record:?}") };
        assert!(record.sent);
        assert!(read.eq(lines.iter().map(|(name, value)| (name.as_bytes(), *value))));
        let decoded = |bytes: Vec<u8>| HttpRecord::decode(&bytes).map(|record| (record.sent, format(record.frame)));
        assert_eq!(decoded(data(false, 7)), Ok((false, (DATA, 7))));
        assert_eq!(decoded(settings(true)), Ok((true, (SETTINGS, 0))));
        assert_eq!(decoded(goaway(true, VarInt::from_u32(8))), Ok((true, (GOAWAY, 8))));
        for bytes in [&[][..], &[1], &[1, 9], &[0, DATA], &[0, GOAWAY, 0x40]] {
            assert!(HttpRecord::decode(bytes).is_err(), "{bytes:?}");
        }
    }

    fn format(frame: HttpFrame<'_>) -> (u8, u64) {
        match frame {
            HttpFrame::Headers(lines) => (HEADERS, lines.count() as u64),
            HttpFrame::Data(len) => (DATA, len),
            HttpFrame::Settings => (SETTINGS, 0),
            HttpFrame::GoAway(id) => (GOAWAY, id),
        }
    }
}
