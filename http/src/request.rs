//! The head of a request (RFC 9110 section 7, RFC 9114 section 4.3.1).

use crate::authority::Authority;
use crate::fields::{Fields, InvalidField};
use crate::method::Method;
use crate::target::{Path, Protocol, Scheme};
use core::fmt;

/// What a request asks for, and its fields. The parts are well-formed each on its own;
/// [`check_request`](crate::message_rules::check_request) says whether they belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// What is to be done.
    pub method: Method,
    /// Of the target URI. `None` only for a plain CONNECT.
    pub scheme: Option<Scheme>,
    /// Of the target URI. A received head has it here even if it came as a Host field.
    pub authority: Option<Authority>,
    /// Path and query of the target URI. `None` only for a plain CONNECT.
    pub path: Option<Path>,
    /// The protocol an extended CONNECT asks for (RFC 9220).
    pub protocol: Option<Protocol>,
    /// All other fields. Never holds Host in a received head: `authority` is the one place to look.
    pub fields: Fields,
}

/// A URI this crate cannot make a request from: not absolute, with user information, or not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRequest;

impl fmt::Display for InvalidRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the URI must be absolute and well-formed, without user information")
    }
}

impl core::error::Error for InvalidRequest {}

impl RequestHead {
    /// A request to an absolute `http` or `https` URI such as `https://example.com/a?b`. A fragment is left out, as it
    /// never goes to the server (RFC 9110 section 7.1).
    pub fn new(method: Method, uri: &str) -> Result<RequestHead, InvalidRequest> {
        let (scheme, rest) = uri.split_once("://").ok_or(InvalidRequest)?;
        let scheme = Scheme::from_bytes(scheme.as_bytes()).map_err(|_| InvalidRequest)?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let authority = Authority::from_bytes(authority.as_bytes()).map_err(|_| InvalidRequest)?;
        // RFC 9114 s4.3.1: a URI without a path asks for `/`, or with OPTIONS for the server as a whole.
        let path = match path.bytes().next() {
            None if method == Method::Options => Path::from_bytes(b"*", &method, &scheme),
            Some(b'/') => Path::from_bytes(path.as_bytes(), &method, &scheme),
            _ => Path::from_bytes(alloc::format!("/{path}").as_bytes(), &method, &scheme),
        };
        let path = Some(path.map_err(|_| InvalidRequest)?);
        if method == Method::Connect || !scheme.needs_authority() {
            return Err(InvalidRequest);
        }
        let (scheme, authority) = (Some(scheme), Some(authority));
        Ok(RequestHead { method, scheme, authority, path, protocol: None, fields: Fields::new() })
    }

    /// GET of an absolute URI.
    pub fn get(uri: &str) -> Result<RequestHead, InvalidRequest> {
        RequestHead::new(Method::Get, uri)
    }

    /// CONNECT: a tunnel to `authority`, which needs a port (RFC 9114 section 4.4).
    pub fn connect(authority: &str) -> Result<RequestHead, InvalidRequest> {
        let authority = Authority::from_bytes(authority.as_bytes()).map_err(|_| InvalidRequest)?;
        // RFC 9114 section 4.4-4: host and port.
        authority.port().ok_or(InvalidRequest)?;
        Ok(RequestHead {
            method: Method::Connect,
            scheme: None,
            authority: Some(authority),
            path: None,
            protocol: None,
            fields: Fields::new(),
        })
    }

    /// Extended CONNECT (RFC 9220): speaks `protocol` with the resource at `uri`.
    pub fn extended_connect(protocol: &str, uri: &str) -> Result<RequestHead, InvalidRequest> {
        let mut head = RequestHead::get(uri)?;
        head.method = Method::Connect;
        head.protocol = Some(Protocol::from_bytes(protocol.as_bytes()).map_err(|_| InvalidRequest)?);
        Ok(head)
    }

    /// The same with one field more.
    pub fn with_field(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<RequestHead, InvalidField> {
        self.fields.push(name, value)?;
        Ok(self)
    }

    /// The path without the query; empty for a plain CONNECT.
    pub fn path(&self) -> &str {
        self.path.as_ref().map_or("", Path::path)
    }

    /// All lines as they go to the wire: pseudo-header fields first (RFC 9114 section 4.3).
    /// RFC 9114 section 4.3-1, 4.3-5, 4.3.1-10, 4.4-1, 4.4-2.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let pseudo = [
            Some((":method", self.method.as_str())),
            self.scheme.as_ref().map(|scheme| (":scheme", scheme.as_str())),
            self.authority.as_ref().map(|authority| (":authority", authority.as_str())),
            self.path.as_ref().map(|path| (":path", path.as_str())),
            self.protocol.as_ref().map(|protocol| (":protocol", protocol.as_str())),
        ];
        pseudo.into_iter().flatten().map(|(name, value)| (name, value.as_bytes())).chain(self.fields.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// RFC 9114 section 4.3-5, 4.3.1-5, 4.3-1.
    /// RFC 9110 section 7.2-1.
    #[test]
    fn uris_become_pseudo_header_fields() {
        for (uri, authority, path) in [
            ("https://example.com", "example.com", "/"),
            ("https://example.com?a", "example.com", "/?a"),
            ("https://[::1]:4433/a/b?c#d", "[::1]:4433", "/a/b?c"),
        ] {
            let head = RequestHead::get(uri).unwrap().with_field("Accept", "*/*").unwrap();
            let lines: Vec<_> =
                head.lines().map(|(name, value)| (name, core::str::from_utf8(value).unwrap())).collect();
            let expected = [
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", authority),
                (":path", path),
                ("accept", "*/*"),
            ];
            assert_eq!(lines, expected);
        }
    }

    #[test]
    fn options_without_a_path_asks_about_the_server() {
        for (uri, path) in [("https://a.example", "*"), ("https://a.example/", "/"), ("https://a.example?x", "/?x")] {
            let head = RequestHead::new(Method::Options, uri).unwrap();
            assert_eq!(head.path.as_ref().map(Path::as_str), Some(path), "{uri}");
        }
    }

    /// RFC 9114 section 4.3.1-10, 4.4-1, 4.4-2, 4.4-3.
    /// RFC 9110 section 9.3.6-1.
    #[test]
    fn connect_in_both_forms() {
        let head = RequestHead::connect("example.com:443").unwrap();
        assert_eq!(head.lines().map(|(name, _)| name).collect::<Vec<_>>(), [":method", ":authority"]);
        assert_eq!(RequestHead::connect("example.com"), Err(InvalidRequest));
        let head = RequestHead::extended_connect("websocket", "https://example.com/chat").unwrap();
        let names: Vec<_> = head.lines().map(|(name, _)| name).collect();
        assert_eq!(names, [":method", ":scheme", ":authority", ":path", ":protocol"]);
    }

    #[test]
    fn what_is_no_absolute_uri_is_refused() {
        for uri in ["", "/", "example.com", "https:///", "https://u@h/", "https://h/ ", "foo://h/", "https://h\r\n/"] {
            assert_eq!(RequestHead::get(uri), Err(InvalidRequest), "{uri:?}");
        }
    }
}
