//! The static table (RFC 7541 appendix A).

/// Names and values, the first under index 1. Lines of one name stand together.
pub(crate) const TABLE: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Where a line, or at least its name, is in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Match {
    /// The line.
    Line(usize),
    /// A line of the same name.
    Name(usize),
    Nothing,
}

/// Looks a line up. The first byte and the length of a name decide most comparisons.
pub(crate) fn find(name: &[u8], value: &[u8]) -> Match {
    let mut found = Match::Nothing;
    for (place, (known, known_value)) in TABLE.iter().enumerate() {
        if known.len() != name.len() || known.as_bytes() != name {
            if found == Match::Nothing { continue } else { break }
        }
        if known_value.as_bytes() == value {
            return Match::Line(place + 1);
        }
        if found == Match::Nothing {
            found = Match::Name(place + 1);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_found_and_others_by_their_names() {
        for (place, (name, value)) in TABLE.iter().enumerate() {
            assert_eq!(find(name.as_bytes(), value.as_bytes()), Match::Line(place + 1), "{name}");
        }
        assert_eq!(find(b":status", b"418"), Match::Name(8));
        assert_eq!(find(b":path", b"/x"), Match::Name(4));
        assert_eq!(find(b"x-unknown", b""), Match::Nothing);
    }
}
