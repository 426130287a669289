//! The name a client wants to reach (RFC 9525 section 2: the reference identity).

use crate::error::Error;
use alloc::string::String;
use core::fmt;
use core::net::IpAddr;

/// A DNS name or an IP address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServerName {
    /// A DNS name: lower case, no trailing dot, syntactically valid.
    Dns(String),
    /// An address. It is compared with addresses only, never with text (RFC 9525 s6.5).
    Ip(IpAddr),
}

impl ServerName {
    /// Reads `example.com`, `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`; one trailing dot of a DNS name is dropped.
    pub fn parse(text: &str) -> Result<ServerName, Error> {
        let address = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = address.parse() {
            return Ok(ServerName::Ip(address));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if !crate::dns::is_reference_name(name.as_bytes()) {
            return Err(Error::InvalidServerName);
        }
        Ok(ServerName::Dns(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ServerName::Dns(name) => f.write_str(name),
            ServerName::Ip(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn names_and_addresses() {
        for (text, want) in [
            ("Example.COM", "example.com"),
            ("localhost", "localhost"),
            ("a-b.c_d.example.", "a-b.c_d.example"),
            ("xn--628h.example.com", "xn--628h.example.com"),
            ("192.0.2.1", "192.0.2.1"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("::1", "::1"),
            ("1.example", "1.example"),
        ] {
            assert_eq!(ServerName::parse(text).map(|name| name.to_string()).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_is_neither() {
        let long_label = "a".repeat(64);
        let long_name = "abcdefg.".repeat(32) + "example";
        for text in [
            "",
            ".",
            "..",
            ".a",
            "a..b",
            "-a.b",
            "a-.b",
            "*.example.com",
            "a b",
            "a\0.b",
            "1.2.3",
            "1.2.3.256",
            "0x7f.1",
            "01.02.03.04",
            "fe80::1%eth0",
            "[::1",
            "münchen.example",
            "example.com:443",
            &long_label,
            &long_name,
        ] {
            assert_eq!(ServerName::parse(text), Err(Error::InvalidServerName), "{text}");
        }
    }
}
