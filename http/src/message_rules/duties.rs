//! What a sender owes beyond a well-formed message (RFC 9110): a peer does not refuse such a message, but it would say something
//! that is not so, or more than it should.

use super::malformed::Malformed;
use crate::conditions::EntityTag;
use crate::fields::Fields;
use crate::method::Method;
use crate::request::RequestHead;

/// Whether a client may send the request. `has_content`: content follows, or may follow.
pub fn check_client_duties(head: &RequestHead, has_content: bool) -> Result<(), Malformed> {
    match head.method {
        // RFC 9110 section 9.3.8-4.
        Method::Trace if has_content => return Err(Malformed::ContentOfTrace),
        // RFC 9110 section 9.3.7-4.
        Method::Options if has_content && !head.fields.contains("content-type") => {
            return Err(Malformed::ContentTypeMissing);
        }
        _ => {}
    }
    head.fields.iter().try_for_each(|(name, value)| check_field(head, name, value, has_content))
}

fn check_field(head: &RequestHead, name: &str, value: &[u8], has_content: bool) -> Result<(), Malformed> {
    let (is_wrong, malformed) = match name {
        // RFC 9110 section 10.1.1-2.
        "expect" => (!has_content && value.eq_ignore_ascii_case(b"100-continue"), Malformed::ExpectWithoutContent),
        // RFC 9110 section 13.1.5-1, 13.1.5-4.
        "if-range" => {
            let is_weak = EntityTag::parse(value).is_some_and(EntityTag::is_weak);
            (is_weak || !head.fields.contains("range"), Malformed::IfRange)
        }
        // RFC 9110 section 10.1.3-1.
        "referer" => (value.contains(&b'#') || names_user(value), Malformed::Referer),
        // RFC 9110 section 9.3.8-2: the server would send them back.
        "authorization" | "proxy-authorization" | "cookie" => (head.method == Method::Trace, Malformed::SecretInTrace),
        _ => return Ok(()),
    };
    if is_wrong { Err(malformed) } else { Ok(()) }
}

/// Whether a URI has user information in its authority, which stands between the first two slashes and the next mark.
fn names_user(uri: &[u8]) -> bool {
    let mut parts = uri.split(|byte| *byte == b'/');
    let (before, between, authority) = (parts.next(), parts.next(), parts.next());
    let has_authority = before.is_some_and(|scheme| !scheme.contains(&b'?')) && between == Some(b"");
    let mut ends = authority.unwrap_or_default().split(|byte| *byte == b'?');
    has_authority && ends.next().is_some_and(|authority| authority.contains(&b'@'))
}

/// Whether the fields may stand in trailers: what says how to take the message, or whether to, comes too late there.
/// RFC 9110 section 6.5.1-1.
pub fn check_trailer_duties(fields: &Fields) -> Result<(), Malformed> {
    let is_late = |name: &str| BEFORE_CONTENT.binary_search(&name).is_ok();
    if fields.iter().any(|(name, _)| is_late(name)) { Err(Malformed::NoTrailer) } else { Ok(()) }
}

/// Fields of RFC 9110 and its neighbours that stand before the content or nowhere, in the order of the alphabet.
const BEFORE_CONTENT: [&str; 34] = [
    "age",
    "authorization",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "from",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "range",
    "referer",
    "retry-after",
    "set-cookie",
    "trailer",
    "user-agent",
    "vary",
    "via",
    "warning",
    "www-authenticate",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: Method, lines: &[(&str, &str)], has_content: bool) -> Result<(), Malformed> {
        let mut head = RequestHead::new(method, "https://a.example/").unwrap();
        lines.iter().for_each(|(name, value)| head.fields.push(name, value).unwrap());
        check_client_duties(&head, has_content)
    }

    /// RFC 9110 section 10.1.1-2, 9.3.8-4, 9.3.7-4.
    #[test]
    fn what_needs_content_or_may_have_none() {
        let expect = [("expect", "100-Continue")];
        assert_eq!(check(Method::Post, &expect, false), Err(Malformed::ExpectWithoutContent));
        assert_eq!(check(Method::Post, &expect, true), Ok(()));
        assert_eq!(check(Method::Trace, &[], true), Err(Malformed::ContentOfTrace));
        assert_eq!(check(Method::Trace, &[], false), Ok(()));
        assert_eq!(check(Method::Options, &[], true), Err(Malformed::ContentTypeMissing));
        assert_eq!(check(Method::Options, &[("content-type", "text/plain")], true), Ok(()));
        assert_eq!(check(Method::Options, &[], false), Ok(()));
    }

    /// RFC 9110 section 9.3.8-2.
    #[test]
    fn trace_carries_no_secrets() {
        for name in ["authorization", "proxy-authorization", "cookie"] {
            assert_eq!(check(Method::Trace, &[(name, "x")], false), Err(Malformed::SecretInTrace), "{name}");
            assert_eq!(check(Method::Get, &[(name, "x")], false), Ok(()));
        }
    }

    /// RFC 9110 section 13.1.5-1, 13.1.5-4.
    #[test]
    fn if_range_needs_a_range_and_a_strong_validator() {
        let range = ("range", "bytes=0-1");
        for (known, expected) in [("\"e\"", Ok(())), ("W/\"e\"", Err(Malformed::IfRange))] {
            assert_eq!(check(Method::Get, &[range, ("if-range", known)], false), expected, "{known}");
            assert_eq!(check(Method::Get, &[("if-range", known)], false), Err(Malformed::IfRange));
        }
    }

    /// RFC 9110 section 10.1.3-1.
    #[test]
    fn referers_tell_neither_fragment_nor_user() {
        for (value, is_allowed) in [
            ("https://a.example/x@y?z@", true),
            ("/x", true),
            ("//a.example/x@y", true),
            ("about:blank", true),
            ("https://a.example/x#y", false),
            ("https://user@a.example/", false),
            ("https://user:password@a.example", false),
            ("//user@a.example/", false),
        ] {
            assert_eq!(check(Method::Get, &[("referer", value)], false).is_ok(), is_allowed, "{value}");
        }
    }

    /// RFC 9110 section 6.5.1-1.
    #[test]
    fn fields_that_come_too_late_in_trailers() {
        assert!(BEFORE_CONTENT.windows(2).all(|pair| pair[0] < pair[1]), "looked up by bisection");
        for name in BEFORE_CONTENT {
            let mut fields = Fields::new();
            fields.push("x-sum", "1").unwrap();
            assert_eq!(check_trailer_duties(&fields), Ok(()));
            fields.push(name, "x").unwrap();
            assert_eq!(check_trailer_duties(&fields), Err(Malformed::NoTrailer), "{name}");
        }
    }
}
