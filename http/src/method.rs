//! Request methods (RFC 9110 section 9).

use crate::characters::is_token;
use alloc::boxed::Box;
use core::fmt;

/// A request method: a case-sensitive token. The standard ones are numbers; others keep their text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Transfer a representation of the resource.
    Get,
    /// As `Get`, without the content.
    Head,
    /// Resource-specific processing of the content.
    Post,
    /// Replace all representations.
    Put,
    /// Remove all representations.
    Delete,
    /// A tunnel to the authority.
    Connect,
    /// Describe the communication options.
    Options,
    /// Loop the message back.
    Trace,
    /// Partial modification (RFC 5789).
    Patch,
    /// Any other token.
    Extension(ExtensionMethod),
}

/// The text of a method that is none of the standard ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExtensionMethod(Box<str>);

/// The bytes are no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidMethod;

impl fmt::Display for InvalidMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a method must be a token")
    }
}

impl core::error::Error for InvalidMethod {}

const STANDARD: [Method; 9] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Delete,
    Method::Connect,
    Method::Options,
    Method::Trace,
    Method::Patch,
];

impl Method {
    /// From its text. Methods are case-sensitive: `get` is an extension, not `GET`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Method, InvalidMethod> {
        if let Some(method) = STANDARD.iter().find(|method| method.as_str().as_bytes() == bytes) {
            return Ok(method.clone());
        }
        let text = core::str::from_utf8(bytes).map_err(|_| InvalidMethod)?;
        if is_token(bytes) { Ok(Method::Extension(ExtensionMethod(text.into()))) } else { Err(InvalidMethod) }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Connect => "CONNECT",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Patch => "PATCH",
            Method::Extension(ExtensionMethod(text)) => text,
        }
    }

    /// Whether it only reads (RFC 9110 section 9.2.1). A method that is not registered is taken for one that does more.
    pub fn is_safe(&self) -> bool {
        match self {
            Method::Get | Method::Head | Method::Options | Method::Trace => true,
            Method::Extension(ExtensionMethod(text)) => SAFE.contains(&&**text),
            _ => false,
        }
    }

    /// Whether sending it twice is as good as once (RFC 9110 section 9.2.2). Of a method that is not registered nobody knows.
    pub fn is_idempotent(&self) -> bool {
        match self {
            Method::Put | Method::Delete => true,
            Method::Extension(ExtensionMethod(text)) => self.is_safe() || IDEMPOTENT.contains(&&**text),
            _ => self.is_safe(),
        }
    }

    /// Whether the registry has it: a server that does not allow it says 405, and 501 to methods that nobody knows.
    pub fn is_registered(&self) -> bool {
        match self {
            Method::Extension(ExtensionMethod(text)) => self.is_idempotent() || NEITHER.contains(&&**text),
            _ => true,
        }
    }
}

/// The registered methods beside the standard ones: those that only read (RFC 3253, 4918, 5323, and QUERY),
const SAFE: [&str; 4] = ["PROPFIND", "QUERY", "REPORT", "SEARCH"];
/// those that change something and can be repeated (RFC 2068, 3253, 3648, 3744, 4437, 4791, 4918, 5842),
const IDEMPOTENT: [&str; 25] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PROPPATCH",
    "REBIND",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];
/// and the others (RFC 4918). PRI and `*` are registered so that nobody uses them.
const NEITHER: [&str; 1] = ["LOCK"];

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        for method in STANDARD {
            assert_eq!(Method::from_bytes(method.as_str().as_bytes()), Ok(method));
        }
        let purge = Method::from_bytes(b"PURGE").unwrap();
        assert!(matches!(purge, Method::Extension(_)));
        assert_eq!(purge.as_str(), "PURGE");
        assert_ne!(Method::from_bytes(b"get"), Ok(Method::Get));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for bytes in [&b""[..], b"GE T", b"GET\r", b"\xff", b"G:T"] {
            assert_eq!(Method::from_bytes(bytes), Err(InvalidMethod));
        }
    }

    #[test]
    fn safe_is_idempotent() {
        assert!(STANDARD.iter().all(|method| !method.is_safe() || method.is_idempotent()));
        assert!(!Method::Post.is_idempotent() && Method::Put.is_idempotent() && !Method::Put.is_safe());
    }

    #[test]
    fn registered_methods_have_their_properties() {
        let properties = |text: &str| {
            let method = Method::from_bytes(text.as_bytes()).unwrap();
            (method.is_safe(), method.is_idempotent(), method.is_registered())
        };
        for text in SAFE {
            assert_eq!(properties(text), (true, true, true), "{text}");
        }
        for text in IDEMPOTENT {
            assert_eq!(properties(text), (false, true, true), "{text}");
        }
        // RFC 9110 section 18.2: safe, idempotent.
        for (text, is_safe, is_idempotent) in [
            ("CONNECT", false, false),
            ("DELETE", false, true),
            ("GET", true, true),
            ("HEAD", true, true),
            ("OPTIONS", true, true),
            ("POST", false, false),
            ("PUT", false, true),
            ("TRACE", true, true),
        ] {
            assert_eq!(properties(text), (is_safe, is_idempotent, true), "{text}");
        }
        assert_eq!(properties("LOCK"), (false, false, true));
        assert_eq!(properties("PATCH"), (false, false, true));
        for text in ["PURGE", "get", "PRI", "*"] {
            assert_eq!(properties(text), (false, false, false), "{text}");
        }
    }
}
