//! The heads of messages, as they are sent (RFC 9112 sections 3, 4 and 5).

use alloc::vec::Vec;
use http::{Decimal, Fields, HttpDate, Method, Path, Protocol, RequestHead, ResponseHead, Status};

/// How the content of a message that is sent is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delimiter {
    /// There is none, and the message itself says so.
    NoContent,
    /// By Content-Length, which is one of the fields.
    Length,
    /// By Content-Length, which is to be added.
    Added(u64),
    /// By chunks. Whether one was sent.
    Chunks(bool),
    /// By the end of the connection: a tunnel, or a response to HTTP/1.0.
    End,
    /// A tunnel that the server has not opened yet: nothing may be sent.
    Unopened,
}

/// What is said of the connection in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    /// Nothing: it goes on.
    Unsaid,
    /// It goes on, for a client of HTTP/1.0 that asked for it.
    KeepAlive,
    /// It ends after the message.
    Close,
}

/// What a server adds to a head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Added<'a> {
    pub(crate) date: Option<&'a [u8; HttpDate::LEN]>,
    /// A whole [`line`] of Alt-Svc.
    pub(crate) alternative: Option<&'a [u8]>,
    /// The protocol that the connection changes to.
    pub(crate) upgrade: Option<&'a Protocol>,
}

/// A response.
///
/// RFC 9112 section 2.2-3, 2.2-8, 4-4.
/// RFC 9110 section 7.8-4, 7.8-10.
pub(crate) fn response(
    out: &mut Vec<u8>,
    head: &ResponseHead,
    delimiter: Delimiter,
    persistence: Persistence,
    added: Added<'_>,
) {
    let Added { date, alternative, upgrade } = added;
    let status = if upgrade.is_some() { Status::SWITCHING_PROTOCOLS } else { head.status };
    let [first, second, third] = status.digits();
    // The space behind the digits is there even without words.
    out.extend_from_slice(&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', first, second, third, b' ']);
    out.extend_from_slice(status.reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    fields(out, &head.fields);
    if let Some(date) = date {
        out.extend_from_slice(b"date: ");
        out.extend_from_slice(date);
        out.extend_from_slice(b"\r\n");
    }
    if let Some(alternative) = alternative {
        out.extend_from_slice(alternative);
    }
    match (upgrade, persistence) {
        (Some(protocol), _) => upgrade_fields(out, protocol),
        (None, Persistence::Close) => field(out, b"connection", b"close"),
        (None, Persistence::KeepAlive) => field(out, b"connection", b"keep-alive"),
        (None, Persistence::Unsaid) => {}
    }
    end(out, delimiter);
}

/// A request in the form that an origin server takes (RFC 9112 section 3.2.1). One that asks for another protocol by an extended
/// CONNECT becomes GET with Upgrade.
///
/// RFC 9112 section 3.2-3, 3.2-4, 3.2.1-1, 3.2.1-2, 3.2.3-1, 3.2.4-1.
/// RFC 9112 section 2.2-5, 7.4-3.
/// RFC 9110 section 7.8-10.
pub(crate) fn request(out: &mut Vec<u8>, head: &RequestHead, delimiter: Delimiter, closes: bool) {
    let authority = head.authority.as_ref().map_or("", |authority| authority.as_str());
    let method = if head.protocol.is_some() { &Method::Get } else { &head.method };
    out.extend_from_slice(method.as_str().as_bytes());
    out.extend_from_slice(b" ");
    out.extend_from_slice(head.path.as_ref().map_or(authority, Path::as_str).as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    field(out, b"host", authority.as_bytes());
    fields(out, &head.fields);
    match &head.protocol {
        Some(protocol) => upgrade_fields(out, protocol),
        None if closes => field(out, b"connection", b"close"),
        // RFC 9110 section 10.1.4-1: TE is of this connection.
        None if head.fields.contains("te") => field(out, b"connection", b"te"),
        None => {}
    }
    end(out, delimiter);
}

/// The first line of a chunk of `size` bytes, after the end of the one before it.
pub(crate) fn chunk_header(out: &mut Vec<u8>, size: usize, is_first: bool) {
    if !is_first {
        out.extend_from_slice(b"\r\n");
    }
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef".get(size >> (4 * place) & 15).copied().expect("one of sixteen digits"));
    }
    out.extend_from_slice(b"\r\n");
}

/// The last chunk, and trailers after it (RFC 9112 section 7.1.2).
pub(crate) fn last_chunk(out: &mut Vec<u8>, is_first: bool, trailers: Option<&Fields>) {
    out.extend_from_slice(if is_first { b"0\r\n" } else { b"\r\n0\r\n" });
    if let Some(trailers) = trailers {
        fields(out, trailers);
    }
    out.extend_from_slice(b"\r\n");
}

fn end(out: &mut Vec<u8>, delimiter: Delimiter) {
    match delimiter {
        Delimiter::NoContent | Delimiter::Length | Delimiter::End | Delimiter::Unopened => {}
        Delimiter::Added(length) => {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(Decimal::of(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        Delimiter::Chunks(_) => field(out, b"transfer-encoding", b"chunked"),
    }
    out.extend_from_slice(b"\r\n");
}

/// A line that is said again and again.
pub(crate) fn line(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut line = Vec::new();
    field(&mut line, name, value);
    line
}

fn upgrade_fields(out: &mut Vec<u8>, protocol: &Protocol) {
    field(out, b"connection", b"upgrade");
    field(out, b"upgrade", protocol.as_str().as_bytes());
}

fn fields(out: &mut Vec<u8>, fields: &Fields) {
    for (name, value) in fields.iter() {
        field(out, name.as_bytes(), value);
    }
}

fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    // Room for all four parts at once.
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_chunk_is_hexadecimal() {
        let mut out = Vec::new();
        for (size, is_first) in [(5, true), (0xabc, false), (usize::MAX, false), (16, false), (0, false)] {
            chunk_header(&mut out, size, is_first);
        }
        assert_eq!(out, b"5\r\n\r\nabc\r\n\r\nffffffffffffffff\r\n\r\n10\r\n\r\n0\r\n");
    }
}
