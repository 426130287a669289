//! The authority of a request: `host` or `host:port` (RFC 3986 section 3.2, RFC 9110 section 4.2).

use alloc::sync::Arc;
use core::fmt;
use core::net::Ipv6Addr;

/// A host and perhaps a port, as they were written. User information is refused.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// Shared: one name stands in request after request.
    text: Arc<str>,
    /// Bytes of the host, brackets included.
    host_len: u32,
    port: Option<u16>,
}

/// Not a host with an optional port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAuthority;

impl fmt::Display for InvalidAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an authority must be a host with an optional port")
    }
}

impl core::error::Error for InvalidAuthority {}

impl Authority {
    /// Checks the text: a name, an IPv4 address or a bracketed IPv6 address, not empty, and a port that fits 16 bits.
    /// RFC 9110 section 4.2.1-1, 4.2.1-2, 4.2.2-1, 4.2.2-2, 4.2.4-1.
    pub fn from_bytes(bytes: &[u8]) -> Result<Authority, InvalidAuthority> {
        let text = core::str::from_utf8(bytes).map_err(|_| InvalidAuthority)?;
        let host_len = if text.starts_with('[') {
            let (literal, _) = text.split_once(']').ok_or(InvalidAuthority)?;
            check_ip_literal(literal.strip_prefix('[').ok_or(InvalidAuthority)?)?;
            literal.len() + 1
        } else {
            let (name, _) = text.split_once(':').unwrap_or((text, ""));
            check_name(name.as_bytes())?;
            name.len()
        };
        let port = match text.split_at(host_len).1 {
            "" => None,
            // RFC 3986 s3.2.3: the port may be empty; it then stands for the default one.
            ":" => None,
            rest => Some(parse_port(rest.strip_prefix(':').ok_or(InvalidAuthority)?)?),
        };
        let host_len = u32::try_from(host_len).map_err(|_| InvalidAuthority)?;
        Ok(Authority { text: text.into(), host_len, port })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host without the port; an IPv6 address keeps its brackets.
    pub fn host(&self) -> &str {
        self.text.split_at(self.host_len as usize).0
    }

    /// The port, if one was written.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }
}

/// RFC 3986 section 3.2.2, reg-name: unreserved, percent-encoded and sub-delims. `@` is not among them: RFC 9114 section
/// 4.3.1 refuses user information.
/// RFC 9114 section 4.3.1-1, 4.3.1-8.
fn check_name(bytes: &[u8]) -> Result<(), InvalidAuthority> {
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        let valid = match byte {
            b'%' => rest.next().is_some_and(u8::is_ascii_hexdigit) && rest.next().is_some_and(u8::is_ascii_hexdigit),
            b'-' | b'.' | b'_' | b'~' => true,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if !valid {
            return Err(InvalidAuthority);
        }
    }
    if bytes.is_empty() { Err(InvalidAuthority) } else { Ok(()) }
}

/// Only IPv6 addresses: no future address format was ever defined, and zone identifiers mean nothing to the peer.
fn check_ip_literal(text: &str) -> Result<(), InvalidAuthority> {
    text.parse::<Ipv6Addr>().map(|_| ()).map_err(|_| InvalidAuthority)
}

fn parse_port(digits: &str) -> Result<u16, InvalidAuthority> {
    // `parse` alone would take a plus sign.
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(InvalidAuthority);
    }
    digits.parse().map_err(|_| InvalidAuthority)
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for (text, host, port) in [
            ("example.com", "example.com", None),
            ("example.com:8443", "example.com", Some(8443)),
            ("example.com:", "example.com", None),
            ("127.0.0.1:0", "127.0.0.1", Some(0)),
            ("[::1]", "[::1]", None),
            ("[2001:db8::1]:443", "[2001:db8::1]", Some(443)),
            ("caf%C3%A9", "caf%C3%A9", None),
        ] {
            let authority = Authority::from_bytes(text.as_bytes()).unwrap();
            assert_eq!((authority.as_str(), authority.host(), authority.port()), (text, host, port));
        }
    }

    /// RFC 9114 section 4.3.1-1, 4.3.1-8.
    /// RFC 9110 section 4.2.1-1, 4.2.1-2, 4.2.2-1, 4.2.2-2, 4.2.4-1.
    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            ":443",
            "user@example.com",
            "user:password@example.com",
            "a:+1",
            "a:65536",
            "a:1:2",
            "a/b",
            "a b",
            "a?b",
            "a#b",
            "[::1",
            "[::1]x",
            "[fe80::1%eth0]",
            "[127.0.0.1]",
            "::1",
            "a%2",
            "a%zz",
            "a\r\nb",
            "a\\b",
            "é",
        ] {
            assert_eq!(Authority::from_bytes(text.as_bytes()), Err(InvalidAuthority), "{text:?}");
        }
    }
}
