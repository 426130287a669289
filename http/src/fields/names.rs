//! Names that occur in every other message: a field of one of these stores no name of its own.
//!
//! Grouped by length, so that a look-up compares with a handful of candidates.

const BY_LENGTH: [&[&str]; 29] = [
    &[],
    &[],
    &["te"],
    &["age", "dnt", "via"],
    &["date", "etag", "from", "host", "link", "vary"],
    &["allow", "range"],
    &["accept", "cookie", "expect", "origin", "pragma", "server"],
    &["alt-svc", "expires", "purpose", "referer", "refresh", "sec-gpc", "trailer", "upgrade", "warning"],
    &["if-match", "if-range", "location", "priority"],
    &["expect-ct", "forwarded"],
    &["connection", "early-data", "keep-alive", "set-cookie", "user-agent"],
    &["retry-after", "traceparent", "x-client-ip"],
    &["accept-patch", "content-type", "max-forwards", "x-request-id"],
    &["accept-ranges", "authorization", "cache-control", "content-range", "if-none-match", "last-modified"],
    &["accept-charset", "content-length", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user"],
    &["accept-encoding", "accept-language", "x-forwarded-for", "x-frame-options"],
    &[
        "capsule-protocol",
        "content-encoding",
        "content-language",
        "content-location",
        "www-authenticate",
        "x-xss-protection",
    ],
    &["if-modified-since", "transfer-encoding", "x-forwarded-proto"],
    &["proxy-authenticate", "sec-ch-ua-platform"],
    &["content-disposition", "if-unmodified-since", "proxy-authorization", "timing-allow-origin"],
    &[],
    &[],
    &["access-control-max-age", "x-content-type-options"],
    &["content-security-policy"],
    &[],
    &["strict-transport-security", "upgrade-insecure-requests"],
    &[],
    &["access-control-allow-origin"],
    &["access-control-allow-headers", "access-control-allow-methods"],
];

/// The same name as a constant of the program, if it is one of the common ones. `name` is in lower case.
pub(super) fn intern(name: &[u8]) -> Option<&'static str> {
    BY_LENGTH.get(name.len())?.iter().copied().find(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_in_lower_case() {
        for (length, names) in BY_LENGTH.iter().enumerate() {
            for name in *names {
                assert_eq!(name.len(), length, "{name} stands in the wrong row");
                assert_eq!(intern(name.as_bytes()), Some(*name));
                assert_eq!(name.to_ascii_lowercase(), *name);
            }
        }
    }

    #[test]
    fn others_are_not() {
        assert_eq!(intern(b""), None);
        assert_eq!(intern(b"x-unknown"), None);
        assert_eq!(intern(&[b'a'; 300]), None);
    }
}
