//! The other parts of a request's target: scheme, path with query, and the protocol of an extended CONNECT
//! (RFC 9114 section 4.3.1, RFC 9220).

use crate::characters::{is_path, is_token};
use crate::method::Method;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A URI scheme (RFC 3986 section 3.1), in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `https`.
    Https,
    /// `http`.
    Http,
    /// Any other.
    Other(OtherScheme),
}

/// The text of a scheme that is neither `https` nor `http`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherScheme(Box<str>);

/// A path and its query, visible ASCII without a fragment; or `*` for OPTIONS.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Path(Box<str>);

/// The value of `:protocol` in an extended CONNECT: a token such as `websocket`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Protocol(Box<str>);

/// A scheme, path or protocol that is not well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTarget;

impl fmt::Display for InvalidTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the scheme, path or protocol is not well-formed")
    }
}

impl core::error::Error for InvalidTarget {}

impl Scheme {
    /// From its text; letters of either case are the same.
    pub fn from_bytes(bytes: &[u8]) -> Result<Scheme, InvalidTarget> {
        match bytes {
            b"https" => return Ok(Scheme::Https),
            b"http" => return Ok(Scheme::Http),
            _ => {}
        }
        let (first, rest) = bytes.split_first().ok_or(InvalidTarget)?;
        let is_rest = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
        if !first.is_ascii_alphabetic() || !rest.iter().all(is_rest) {
            return Err(InvalidTarget);
        }
        let lower = core::str::from_utf8(bytes).map_err(|_| InvalidTarget)?.to_ascii_lowercase();
        Ok(match lower.as_str() {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => Scheme::Other(OtherScheme(lower.into_boxed_str())),
        })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        match self {
            Scheme::Https => "https",
            Scheme::Http => "http",
            Scheme::Other(OtherScheme(text)) => text,
        }
    }

    /// Whether URIs of this scheme must name an authority and a path.
    pub(crate) const fn needs_authority(&self) -> bool {
        matches!(self, Scheme::Https | Scheme::Http)
    }
}

impl Path {
    /// From the text as it is in the request; `method` and `scheme` decide what it may be.
    pub fn from_bytes(bytes: &[u8], method: &Method, scheme: &Scheme) -> Result<Path, InvalidTarget> {
        Path::from_vec(bytes.to_vec(), method, scheme)
    }

    /// The same without a copy, if the vector is as long as its memory.
    pub(crate) fn from_vec(bytes: Vec<u8>, method: &Method, scheme: &Scheme) -> Result<Path, InvalidTarget> {
        // RFC 9114 section 4.3.1-5: never empty where the scheme needs a path.
        let starts_well = match bytes.first() {
            Some(b'/') => true,
            // RFC 9110 section 7.1-1.
            // RFC 9114 s4.3.1: the asterisk asks about the server as a whole, and only OPTIONS can do that.
            Some(b'*') => bytes.len() == 1 && *method == Method::Options,
            // Other schemes have paths of their own form.
            _ => !scheme.needs_authority(),
        };
        // A fragment stays with the client (RFC 9110 s7.1), and the grammar leaves no room for spaces or raw UTF-8.
        if !starts_well || !is_path(&bytes) {
            return Err(InvalidTarget);
        }
        String::from_utf8(bytes).map(|text| Path(text.into_boxed_str())).map_err(|_| InvalidTarget)
    }

    /// Path and query, as received.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is before the question mark.
    pub fn path(&self) -> &str {
        self.0.split_once('?').map_or(&*self.0, |(path, _)| path)
    }

    /// What is after the question mark.
    pub fn query(&self) -> Option<&str> {
        self.0.split_once('?').map(|(_, query)| query)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Protocol {
    /// From a token.
    pub fn from_bytes(bytes: &[u8]) -> Result<Protocol, InvalidTarget> {
        if !is_token(bytes) {
            return Err(InvalidTarget);
        }
        core::str::from_utf8(bytes).map(|text| Protocol(text.into())).map_err(|_| InvalidTarget)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes() {
        assert_eq!(Scheme::from_bytes(b"HTTPS"), Ok(Scheme::Https));
        assert_eq!(Scheme::from_bytes(b"coap+tcp").unwrap().as_str(), "coap+tcp");
        for bytes in [&b""[..], b"1a", b"a:", b"a b", b"+a", b"\xff"] {
            assert_eq!(Scheme::from_bytes(bytes), Err(InvalidTarget));
        }
    }

    /// RFC 9114 section 4.3.1-5.
    #[test]
    fn paths() {
        let path = |text: &str, method| Path::from_bytes(text.as_bytes(), &method, &Scheme::Https);
        let parsed = path("/a/b?c=d?e", Method::Get).unwrap();
        assert_eq!((parsed.path(), parsed.query()), ("/a/b", Some("c=d?e")));
        assert_eq!(path("/", Method::Get).unwrap().query(), None);
        assert!(path("*", Method::Options).is_ok());
        for text in ["", "*", "a", "?x", "/a b", "/a#b", "/\r\n", "/\0", "/é", "**", "https://a/"] {
            assert_eq!(path(text, Method::Get), Err(InvalidTarget), "{text:?}");
        }
        let other = Scheme::from_bytes(b"foo").unwrap();
        assert!(Path::from_bytes(b"", &Method::Get, &other).is_ok());
    }

    #[test]
    fn protocols_are_tokens() {
        assert_eq!(Protocol::from_bytes(b"websocket").unwrap().as_str(), "websocket");
        assert_eq!(Protocol::from_bytes(b""), Err(InvalidTarget));
        assert_eq!(Protocol::from_bytes(b"a b"), Err(InvalidTarget));
    }
}
