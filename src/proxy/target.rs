//! What a client asks a proxy for (RFC 9114 section 4.4, RFC 9298 section 3).

use http::{Method, RequestHead};

/// Where UDP proxies are found if nothing else was agreed on (RFC 9298 section 2).
const WELL_KNOWN: &str = "/.well-known/masque/udp/";

/// A host and a port, and how they are to be spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) is_udp: bool,
    /// A name or an address; one of IPv6 may have brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

/// What is asked for; `None` if it is no request for a proxy. Within, `None` if it is one, and names no target.
pub(super) fn of(head: &RequestHead) -> Option<Option<Target>> {
    if head.method != Method::Connect {
        return None;
    }
    // RFC 8441 section 4-3: a request with a protocol is for the resource that it names.
    match head.protocol.as_ref().map(http::Protocol::as_str) {
        None => {
            let authority = head.authority.as_ref()?;
            let port = authority.port().filter(|port| *port > 0);
            Some(port.map(|port| Target { is_udp: false, host: authority.host().to_owned(), port }))
        }
        Some("connect-udp") => Some(from_path(head.path.as_ref()?.as_str())),
        Some(_) => None,
    }
}

/// RFC 9298 section 3-1, 3-2, 3-4.
fn from_path(path: &str) -> Option<Target> {
    let (host, rest) = path.strip_prefix(WELL_KNOWN)?.split_once('/')?;
    let port = rest.strip_suffix('/')?;
    let is_number = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| is_number && *port > 0)?;
    let host = decode(host)?;
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_host)).then_some(Target { is_udp: true, host, port })
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' { digit(rest.next()?)? << 4 | digit(rest.next()?)? } else { byte });
    }
    String::from_utf8(bytes).ok()
}

/// The path by which a client asks for a target. An address of IPv6 has no brackets here.
/// RFC 9298 section 3-3, 3-5, 3.4-5.
pub(crate) fn path_of(host: &str, port: u16) -> String {
    let mut path = String::from(WELL_KNOWN);
    for byte in host.trim_matches(['[', ']']).bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(byte)),
            _ => path.push_str(&format!("%{byte:02X}")),
        }
    }
    path.push_str(&format!("/{port}/"));
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9298 section 3-1, 3-2, 3-3, 3-4, 3-5, 3.4-5.
    #[test]
    fn paths_there_and_back() {
        for (host, port, path) in [
            ("192.0.2.6", 443, "/.well-known/masque/udp/192.0.2.6/443/"),
            ("example.org", 1, "/.well-known/masque/udp/example.org/1/"),
            ("2001:db8::42", 65_535, "/.well-known/masque/udp/2001%3Adb8%3A%3A42/65535/"),
        ] {
            assert_eq!(path_of(host, port), path);
            assert_eq!(from_path(path), Some(Target { is_udp: true, host: host.into(), port }));
        }
        assert_eq!(path_of("[::1]", 7), path_of("::1", 7));
        for wrong in [
            "", "/", "a/", "/1/", "a/0/", "a/65536/", "a/+1/", "a/1", "a/1/x", "a%2Fb/1/", "a%/1/", "a%00/1/", "%20/1/",
        ] {
            assert_eq!(from_path(&format!("{WELL_KNOWN}{wrong}")), None, "{wrong}");
        }
        assert_eq!(from_path("/other/a/1/"), None);
    }

    /// RFC 8441 section 4-3.
    #[test]
    fn requests_for_proxies_and_others() {
        let tunnel = RequestHead::connect("a.example:22").unwrap();
        assert_eq!(of(&tunnel), Some(Some(Target { is_udp: false, host: "a.example".into(), port: 22 })));
        assert_eq!(of(&RequestHead::connect("a.example:0").unwrap()), Some(None));
        let uri = format!("https://proxy.example{}", path_of("a.example", 53));
        let udp = RequestHead::extended_connect("connect-udp", &uri).unwrap();
        assert_eq!(of(&udp), Some(Some(Target { is_udp: true, host: "a.example".into(), port: 53 })));
        assert_eq!(of(&RequestHead::extended_connect("connect-udp", "https://proxy.example/").unwrap()), Some(None));
        assert_eq!(of(&RequestHead::extended_connect("websocket", "https://proxy.example/").unwrap()), None);
        assert_eq!(of(&RequestHead::get("https://proxy.example/").unwrap()), None);
    }
}
