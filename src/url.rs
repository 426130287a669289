//! The URLs that can be fetched: `https://host[:port]/path[?query]` (RFC 3986, as far as HTTP uses it).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An `https` URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
    path: String,
}

/// Why a text is not a URL that can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadUrl {
    /// There is no `https://` at its beginning.
    Scheme(String),
    /// There is no host, or one that no name can be.
    Host(String),
    /// The port is not a number from 1 to 65535.
    Port(String),
    /// There is a user name, which would not be sent but might be believed to be.
    UserInfo,
    /// There is a character that a URL cannot hold as it is.
    Character(char),
}

/// The port of `https` where none is given.
const HTTPS: u16 = 443;

impl Url {
    /// Takes a text apart. A fragment is dropped: it is never sent (RFC 9110 section 4.2.5).
    pub fn parse(text: &str) -> Result<Url, BadUrl> {
        if let Some(character) =
            text.chars().find(|c| c.is_control() || c.is_whitespace() || "\"<>\\^`{|}".contains(*c))
        {
            return Err(BadUrl::Character(character));
        }
        if let Some(character) = text.chars().find(|c| !c.is_ascii()) {
            return Err(BadUrl::Character(character));
        }
        let scheme_end = text.find("://").ok_or_else(|| BadUrl::Scheme(text.to_owned()))?;
        let (scheme, rest) = text.split_at(scheme_end);
        // RFC 9114 section 3.1.2-1: no other scheme is asked for.
        if !scheme.eq_ignore_ascii_case("https") {
            return Err(BadUrl::Scheme(scheme.to_owned()));
        }
        let rest = rest.strip_prefix("://").unwrap_or(rest);
        let rest = rest.split('#').next().unwrap_or("");
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(authority_end);
        let (host, port) = split_authority(authority)?;
        // RFC 9114 section 4.3.1-5: a path that is not there is "/".
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Url { host, port, path })
    }

    /// What a reference means that stands in an answer to this URL, such as the value of Location (RFC 3986 section 5.2). A fragment
    /// is dropped.
    ///
    /// # Errors
    /// It leads to another scheme than `https`, or is no reference.
    pub fn join(&self, reference: &str) -> Result<Url, BadUrl> {
        let reference = reference.split('#').next().unwrap_or("");
        if let Some(scheme) = scheme(reference) {
            let rest = reference.get(scheme.len() + 1..).unwrap_or("");
            return if rest.starts_with("//") { Url::parse(reference) } else { Err(BadUrl::Scheme(scheme.to_owned())) };
        }
        if reference.starts_with("//") {
            return Url::parse(&format!("https:{reference}"));
        }
        let (base, _) = self.path.split_at(self.path.find('?').unwrap_or(self.path.len()));
        let path = match reference.bytes().next() {
            None => self.path.clone(),
            Some(b'?') => format!("{base}{reference}"),
            _ => {
                let (path, query) = reference.split_at(reference.find('?').unwrap_or(reference.len()));
                let folder = base.rfind('/').map_or("/", |end| &base[..=end]);
                let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}{path}") };
                format!("{}{query}", without_dots(&whole))
            }
        };
        // What the reference holds is looked at as the whole is.
        Url::parse(&format!("https://{}{path}", self.authority()))
    }

    /// Whether both are of one origin: the scheme is always the same, so host and port decide (RFC 9110 section 4.3.1).
    pub fn is_of_same_origin(&self, other: &Url) -> bool {
        self.host == other.host && self.port == other.port
    }

    /// The host, lower-case; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Path and query, as they go into the request; begins with a slash.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and port as they go into the request: without the port if it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == HTTPS { host } else { format!("{host}:{}", self.port) }
    }

    /// The last part of the path, for a file to be named after; `index.html` where it is empty.
    pub fn file_name(&self) -> &str {
        let path = self.path.split('?').next().unwrap_or("");
        match path.rsplit('/').next() {
            Some(name) if !name.is_empty() && name != "." && name != ".." => name,
            _ => "index.html",
        }
    }
}

/// The scheme that a reference begins with, if any (RFC 3986 section 3.1).
fn scheme(reference: &str) -> Option<&str> {
    let end = reference.find([':', '/', '?'])?;
    let (scheme, rest) = reference.split_at(end);
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_letter);
    (rest.starts_with(':') && is_scheme).then_some(scheme)
}

/// A path without segments `.` and `..` (RFC 3986 section 5.2.4). It begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn split_authority(authority: &str) -> Result<(String, u16), BadUrl> {
    if authority.contains('@') {
        return Err(BadUrl::UserInfo);
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(|| BadUrl::Host(authority.to_owned()))?;
            host.parse::<Ipv6Addr>().map_err(|_| BadUrl::Host(authority.to_owned()))?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_name = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if host.is_empty() || !(is_name(host) || host.parse::<IpAddr>().is_ok()) {
        return Err(BadUrl::Host(host.to_owned()));
    }
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => HTTPS,
        None => return Err(BadUrl::Host(authority.to_owned())),
        Some("") => HTTPS,
        Some(digits) => match digits.parse() {
            Ok(port) if port > 0 && digits.bytes().all(|byte| byte.is_ascii_digit()) => port,
            _ => return Err(BadUrl::Port(digits.to_owned())),
        },
    };
    Ok((host.to_ascii_lowercase(), port))
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority(), self.path)
    }
}

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadUrl::Scheme(scheme) if scheme.eq_ignore_ascii_case("http") => {
                f.write_str("HTTP/3 is spoken over https only: write https:// instead of http://")
            }
            BadUrl::Scheme(_) => f.write_str("a URL begins with https://, as in https://localhost:4433/"),
            BadUrl::Host(host) if host.is_empty() => f.write_str("the URL has no host, as in https://localhost:4433/"),
            BadUrl::Host(host) => write!(f, "{:?} is not a host name or address", host),
            BadUrl::Port(port) => write!(f, "{port:?} is not a port: a number from 1 to 65535"),
            BadUrl::UserInfo => f.write_str("user names in URLs are not supported: send a header instead"),
            BadUrl::Character(character) => {
                write!(f, "{character:?} is not allowed in a URL: it must be percent-encoded")
            }
        }
    }
}

impl std::error::Error for BadUrl {}

/// Host and port as one text, with the brackets that an IPv6 address needs (RFC 3986 section 3.2.2).
pub(crate) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9114 section 4.3.1-5.
    #[test]
    fn parts() {
        let table = [
            ("https://localhost:4433/a/b?c=d#e", "localhost", 4433, "/a/b?c=d", "localhost:4433"),
            ("https://EXAMPLE.org", "example.org", 443, "/", "example.org"),
            ("HTTPS://example.org?q", "example.org", 443, "/?q", "example.org"),
            ("https://[::1]:8443/", "::1", 8443, "/", "[::1]:8443"),
            ("https://127.0.0.1:/x", "127.0.0.1", 443, "/x", "127.0.0.1"),
            ("https://example.org:443/", "example.org", 443, "/", "example.org"),
        ];
        for (text, host, port, path, authority) in table {
            let url = Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((url.host(), url.port(), url.path()), (host, port, path), "{text}");
            assert_eq!(url.authority(), authority);
        }
    }

    /// RFC 9114 section 3.1.2-1, 4.3.1-1.
    #[test]
    fn what_is_refused() {
        let table = [
            ("http://localhost/", BadUrl::Scheme("http".into())),
            ("localhost", BadUrl::Scheme("localhost".into())),
            ("https:///x", BadUrl::Host(String::new())),
            ("https://a:b:c/", BadUrl::Port("b:c".into())),
            ("https://a:0/", BadUrl::Port("0".into())),
            ("https://a:65536/", BadUrl::Port("65536".into())),
            ("https://a:+5/", BadUrl::Port("+5".into())),
            ("https://user@a/", BadUrl::UserInfo),
            ("https://[::1/", BadUrl::Host("[::1".into())),
            ("https://a/b c", BadUrl::Character(' ')),
            ("https://a/\r\n", BadUrl::Character('\r')),
            ("https://ä/", BadUrl::Character('ä')),
            ("https://a$b/", BadUrl::Host("a$b".into())),
        ];
        for (text, error) in table {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }

    /// RFC 3986 section 5.4, as far as it is about `https`.
    #[test]
    fn references_are_resolved_against_the_url_that_they_came_for() {
        let base = Url::parse("https://a/b/c/d;p?q").unwrap();
        for (reference, path) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            (";x", "/b/c/;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("..g", "/b/c/..g"),
            ("./g/.", "/b/c/g/"),
            ("g/../h", "/b/c/h"),
            ("g?y/../x", "/b/c/g?y/../x"),
            ("?u=a:b", "/b/c/d;p?u=a:b"),
            ("./a:b", "/b/c/a:b"),
        ] {
            let joined = base.join(reference).unwrap_or_else(|error| panic!("{reference}: {error}"));
            assert_eq!((joined.host(), joined.path()), ("a", path), "{reference}");
        }
        assert_eq!(base.join("//g:1/x").unwrap().to_string(), "https://g:1/x");
        assert_eq!(base.join("HTTPS://g").unwrap().to_string(), "https://g/");
        for (reference, error) in [
            ("http://a/", BadUrl::Scheme("http".into())),
            ("https:g", BadUrl::Scheme("https".into())),
            ("javascript:alert(1)", BadUrl::Scheme("javascript".into())),
            ("//user@g/", BadUrl::UserInfo),
            ("a b", BadUrl::Character(' ')),
            ("/x\r\ny: z", BadUrl::Character('\r')),
            ("//", BadUrl::Host(String::new())),
        ] {
            assert_eq!(base.join(reference), Err(error), "{reference}");
        }
        let other = |text| Url::parse(text).unwrap();
        assert!(base.is_of_same_origin(&other("https://A:443/z")));
        assert!(!base.is_of_same_origin(&other("https://a:444/")) && !base.is_of_same_origin(&other("https://b/")));
    }

    #[test]
    fn no_truncation_and_no_changed_byte_panics() {
        let text = "https://[2001:db8::1]:4433/a?b#c";
        for end in 0..text.len() {
            let _ = Url::parse(&text[..end]);
            for byte in 0..128u8 {
                let mut changed = text.as_bytes().to_vec();
                changed[end] = byte;
                let _ = Url::parse(std::str::from_utf8(&changed).unwrap());
            }
        }
    }

    #[test]
    fn an_address_of_ipv6_has_brackets_before_a_port() {
        assert_eq!([authority("2001:db8::1", 443), authority("a", 1)], ["[2001:db8::1]:443", "a:1"]);
    }

    #[test]
    fn file_names() {
        for (text, name) in [
            ("https://a/", "index.html"),
            ("https://a/x/", "index.html"),
            ("https://a/x.txt?y/z", "x.txt"),
            ("https://a/..", "index.html"),
        ] {
            assert_eq!(Url::parse(text).unwrap().file_name(), name);
        }
    }
}
