//! The static table (RFC 9204 Appendix A): 99 lines known to both ends from the start.
//!
//! The decoder looks up by index. The encoder looks up by name: the length of the name leaves a handful of candidates, so
//! a line costs a few comparisons and never a walk through the table.

/// Names and values by index.
const LINES: [(&str, &str); 99] = [
    (":authority", ""),
    (":path", "/"),
    ("age", "0"),
    ("content-disposition", ""),
    ("content-length", "0"),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("referer", ""),
    ("set-cookie", ""),
    (":method", "CONNECT"),
    (":method", "DELETE"),
    (":method", "GET"),
    (":method", "HEAD"),
    (":method", "OPTIONS"),
    (":method", "POST"),
    (":method", "PUT"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "103"),
    (":status", "200"),
    (":status", "304"),
    (":status", "404"),
    (":status", "503"),
    ("accept", "*/*"),
    ("accept", "application/dns-message"),
    ("accept-encoding", "gzip, deflate, br"),
    ("accept-ranges", "bytes"),
    ("access-control-allow-headers", "cache-control"),
    ("access-control-allow-headers", "content-type"),
    ("access-control-allow-origin", "*"),
    ("cache-control", "max-age=0"),
    ("cache-control", "max-age=2592000"),
    ("cache-control", "max-age=604800"),
    ("cache-control", "no-cache"),
    ("cache-control", "no-store"),
    ("cache-control", "public, max-age=31536000"),
    ("content-encoding", "br"),
    ("content-encoding", "gzip"),
    ("content-type", "application/dns-message"),
    ("content-type", "application/javascript"),
    ("content-type", "application/json"),
    ("content-type", "application/x-www-form-urlencoded"),
    ("content-type", "image/gif"),
    ("content-type", "image/jpeg"),
    ("content-type", "image/png"),
    ("content-type", "text/css"),
    ("content-type", "text/html; charset=utf-8"),
    ("content-type", "text/plain"),
    ("content-type", "text/plain;charset=utf-8"),
    ("range", "bytes=0-"),
    ("strict-transport-security", "max-age=31536000"),
    ("strict-transport-security", "max-age=31536000; includesubdomains"),
    ("strict-transport-security", "max-age=31536000; includesubdomains; preload"),
    ("vary", "accept-encoding"),
    ("vary", "origin"),
    ("x-content-type-options", "nosniff"),
    ("x-xss-protection", "1; mode=block"),
    (":status", "100"),
    (":status", "204"),
    (":status", "206"),
    (":status", "302"),
    (":status", "400"),
    (":status", "403"),
    (":status", "421"),
    (":status", "425"),
    (":status", "500"),
    ("accept-language", ""),
    ("access-control-allow-credentials", "FALSE"),
    ("access-control-allow-credentials", "TRUE"),
    ("access-control-allow-headers", "*"),
    ("access-control-allow-methods", "get"),
    ("access-control-allow-methods", "get, post, options"),
    ("access-control-allow-methods", "options"),
    ("access-control-expose-headers", "content-length"),
    ("access-control-request-headers", "content-type"),
    ("access-control-request-method", "get"),
    ("access-control-request-method", "post"),
    ("alt-svc", "clear"),
    ("authorization", ""),
    ("content-security-policy", "script-src 'none'; object-src 'none'; base-uri 'none'"),
    ("early-data", "1"),
    ("expect-ct", ""),
    ("forwarded", ""),
    ("if-range", ""),
    ("origin", ""),
    ("purpose", "prefetch"),
    ("server", ""),
    ("timing-allow-origin", "*"),
    ("upgrade-insecure-requests", "1"),
    ("user-agent", ""),
    ("x-forwarded-for", ""),
    ("x-frame-options", "deny"),
    ("x-frame-options", "sameorigin"),
];

/// By length of the name: each name with the indices of its lines, lowest first.
const BY_NAME_LENGTH: [&[(&str, &[u8])]; 33] = [
    &[],
    &[],
    &[],
    &[("age", &[2])],
    &[("date", &[6]), ("etag", &[7]), ("link", &[11]), ("vary", &[59, 60])],
    &[(":path", &[1]), ("range", &[55])],
    &[("accept", &[29, 30]), ("cookie", &[5]), ("origin", &[90]), ("server", &[92])],
    &[
        (":method", &[15, 16, 17, 18, 19, 20, 21]),
        (":scheme", &[22, 23]),
        (":status", &[24, 25, 26, 27, 28, 63, 64, 65, 66, 67, 68, 69, 70, 71]),
        ("alt-svc", &[83]),
        ("purpose", &[91]),
        ("referer", &[13]),
    ],
    &[("if-range", &[89]), ("location", &[12])],
    &[("expect-ct", &[87]), ("forwarded", &[88])],
    &[(":authority", &[0]), ("early-data", &[86]), ("set-cookie", &[14]), ("user-agent", &[95])],
    &[],
    &[("content-type", &[44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54])],
    &[
        ("accept-ranges", &[32]),
        ("authorization", &[84]),
        ("cache-control", &[36, 37, 38, 39, 40, 41]),
        ("if-none-match", &[9]),
        ("last-modified", &[10]),
    ],
    &[("content-length", &[4])],
    &[
        ("accept-encoding", &[31]),
        ("accept-language", &[72]),
        ("x-forwarded-for", &[96]),
        ("x-frame-options", &[97, 98]),
    ],
    &[("content-encoding", &[42, 43]), ("x-xss-protection", &[62])],
    &[("if-modified-since", &[8])],
    &[],
    &[("content-disposition", &[3]), ("timing-allow-origin", &[93])],
    &[],
    &[],
    &[("x-content-type-options", &[61])],
    &[("content-security-policy", &[85])],
    &[],
    &[("strict-transport-security", &[56, 57, 58]), ("upgrade-insecure-requests", &[94])],
    &[],
    &[("access-control-allow-origin", &[35])],
    &[("access-control-allow-headers", &[33, 34, 75]), ("access-control-allow-methods", &[76, 77, 78])],
    &[("access-control-expose-headers", &[79]), ("access-control-request-method", &[81, 82])],
    &[("access-control-request-headers", &[80])],
    &[],
    &[("access-control-allow-credentials", &[73, 74])],
];

/// What the table has for a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// Name and value.
    Line(u8),
    /// The name only.
    Name(u8),
    /// Nothing.
    Nothing,
}

/// The line at `index`; `None` past the end.
pub(crate) fn line(index: u64) -> Option<(&'static str, &'static str)> {
    LINES.get(usize::try_from(index).ok()?).copied()
}

/// The best the table has for a line.
pub(crate) fn find(name: &[u8], value: &[u8]) -> Match {
    let candidates = BY_NAME_LENGTH.get(name.len()).copied().unwrap_or(&[]);
    let Some((_, indices)) = candidates.iter().find(|(known, _)| known.as_bytes() == name) else {
        return Match::Nothing;
    };
    let has_value = |index: &u8| LINES.get(usize::from(*index)).is_some_and(|(_, known)| known.as_bytes() == value);
    match (indices.iter().copied().find(has_value), indices.first()) {
        (Some(index), _) => Match::Line(index),
        (None, Some(index)) => Match::Name(*index),
        (None, None) => Match::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_at_its_index() {
        for (index, (name, value)) in LINES.iter().enumerate() {
            assert_eq!(line(index as u64), Some((*name, *value)));
            assert_eq!(find(name.as_bytes(), value.as_bytes()), Match::Line(index as u8));
            let first = LINES.iter().position(|(known, _)| known == name).unwrap();
            assert_eq!(find(name.as_bytes(), b"no such value"), Match::Name(first as u8));
        }
        assert_eq!(line(99), None);
        assert_eq!(line(u64::MAX), None);
    }

    #[test]
    fn other_names_are_not_found() {
        for name in [&b""[..], b"x", b":metho", b"accepT", &[b'a'; 400]] {
            assert_eq!(find(name, b""), Match::Nothing);
        }
    }

    #[test]
    fn landmarks_of_appendix_a() {
        assert_eq!(line(0), Some((":authority", "")));
        assert_eq!(line(17), Some((":method", "GET")));
        assert_eq!(line(25), Some((":status", "200")));
        assert_eq!(line(52), Some(("content-type", "text/html; charset=utf-8")));
        assert_eq!(line(54), Some(("content-type", "text/plain;charset=utf-8")));
        assert_eq!(line(58), Some(("strict-transport-security", "max-age=31536000; includesubdomains; preload")));
        assert_eq!(line(98), Some(("x-frame-options", "sameorigin")));
    }
}
