//! Where a backend is: an HTTP/1.1 server in clear text, at a TCP port or at a socket of the file system.

use crate::error::Error;
use http::Authority;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// A server behind a [`ReverseProxy`](crate::ReverseProxy).
///
/// ```
/// use posthaste::Backend;
///
/// # fn main() -> Result<(), posthaste::Error> {
/// let _by_tcp: Backend = "http://127.0.0.1:8080".parse()?;
/// let _on_this_machine: Backend = "unix:/run/app.sock".parse()?;
/// assert!("https://127.0.0.1".parse::<Backend>().is_err(), "TLS ends here");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Backend {
    text: Arc<str>,
    place: Place,
    authority: Authority,
}

/// How it is connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp { host: Box<str>, port: u16 },
    Unix(PathBuf),
}

/// The port of `http` where none is said.
const PORT: u16 = 80;
/// What a backend at a socket of the file system is called where the client's name for it is not passed on.
const LOCAL: &[u8] = b"localhost";
/// Bytes of the path of a socket that every system takes.
const MAX_SOCKET_PATH: usize = 103;

impl Backend {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// What it calls itself.
    pub(super) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// As it was written.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.text
    }
}

impl FromStr for Backend {
    type Err = Error;

    fn from_str(text: &str) -> Result<Backend, Error> {
        let (place, authority) = parse(text).map_err(|why| {
            Error::Message(format!("{text:?} is no backend: {why}; write http://HOST:PORT or unix:/PATH"))
        })?;
        Ok(Backend { text: text.into(), place, authority })
    }
}

fn parse(text: &str) -> Result<(Place, Authority), &'static str> {
    let socket = text.strip_prefix("http+unix:").or_else(|| text.strip_prefix("unix:"));
    if let Some(path) = socket {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') || path.contains('\0') {
            return Err("the path of a socket begins with a slash");
        }
        if path.len() > MAX_SOCKET_PATH {
            return Err("the path of a socket has at most 103 bytes");
        }
        let authority = Authority::from_bytes(LOCAL).expect("a host that is well-formed");
        return Ok((Place::Unix(path.into()), authority));
    }
    let Some(rest) = text.strip_prefix("http://") else {
        return Err(match text.split_once("://") {
            Some(("https", _)) => "backends are spoken with in clear text, without TLS",
            _ => "it does not begin with http:// or unix:",
        });
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#']) {
        return Err("it has a path, and requests keep theirs");
    }
    let authority = Authority::from_bytes(rest.as_bytes()).map_err(|_| "its host or port is not well-formed")?;
    let port = authority.port().unwrap_or(PORT);
    if port == 0 {
        return Err("its port is 0");
    }
    let host = authority.host().trim_matches(['[', ']']).into();
    Ok((Place::Tcp { host, port }, authority))
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_backends_are() {
        let tcp = |host: &str, port| Place::Tcp { host: host.into(), port };
        for (text, place, authority) in [
            ("http://127.0.0.1:8080", tcp("127.0.0.1", 8080), "127.0.0.1:8080"),
            ("http://app.internal/", tcp("app.internal", 80), "app.internal"),
            ("http://[::1]:81", tcp("::1", 81), "[::1]:81"),
            ("unix:/run/a.sock", Place::Unix("/run/a.sock".into()), "localhost"),
            ("http+unix:///run/a.sock", Place::Unix("/run/a.sock".into()), "localhost"),
        ] {
            let backend: Backend = text.parse().unwrap();
            assert_eq!((backend.place(), backend.authority().as_str()), (&place, authority), "{text}");
            assert_eq!(backend.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_backend_says_why() {
        for (text, why) in [
            ("", "does not begin"),
            ("127.0.0.1:8080", "does not begin"),
            ("https://a", "without TLS"),
            ("http://", "not well-formed"),
            ("http://a:0", "port is 0"),
            ("http://a:70000", "not well-formed"),
            ("http://u@a", "not well-formed"),
            ("http://a/b", "has a path"),
            ("http://a?b", "has a path"),
            ("unix:run/a", "begins with a slash"),
            ("unix:", "begins with a slash"),
        ] {
            let error = text.parse::<Backend>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("http://HOST:PORT"), "{text}: {error}");
        }
        let long = format!("unix:/{}", "a".repeat(103));
        assert!(long.parse::<Backend>().unwrap_err().to_string().contains("at most 103 bytes"));
    }
}
