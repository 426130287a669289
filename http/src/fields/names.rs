//! Names that occur in every other message: a field of one of these stores no name of its own.
//!
//! Grouped by length, so that a look-up compares with a handful of candidates, and those that come most are the first of their length.

const BY_LENGTH: [&[&str]; 29] = [
    &[],
    &[],
    &["te"],
    &["age", "dnt", "via"],
    &["date", "etag", "from", "host", "link", "vary"],
    &["allow", "range"],
    &["accept", "cookie", "server", "origin", "expect", "pragma"],
    &["alt-svc", "expires", "purpose", "referer", "refresh", "sec-gpc", "trailer", "upgrade", "warning"],
    &["if-match", "if-range", "location", "priority"],
    &["expect-ct", "forwarded"],
    &["user-agent", "set-cookie", "connection", "early-data", "keep-alive"],
    &["retry-after", "traceparent", "x-client-ip"],
    &["content-type", "x-request-id", "accept-patch", "max-forwards"],
    &["cache-control", "last-modified", "if-none-match", "authorization", "accept-ranges", "content-range"],
    &["content-length", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "sec-fetch-user", "accept-charset"],
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

/// The number of a common name: its length, and its place among those of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Common {
    len: u8,
    place: u8,
}

impl Common {
    /// As one number, below 2^16.
    pub(super) const fn to_u32(self) -> u32 {
        (self.len as u32) << 8 | self.place as u32
    }

    /// The name of this number, which [`to_u32`](Common::to_u32) has given.
    pub(super) const fn from_u32(number: u32) -> Common {
        Common { len: (number >> 8) as u8, place: number as u8 }
    }

    /// How long the name is.
    pub(super) const fn len(self) -> usize {
        self.len as usize
    }

    /// The name.
    pub(super) fn text(self) -> &'static str {
        let names = BY_LENGTH.get(usize::from(self.len));
        names.and_then(|names| names.get(usize::from(self.place))).expect("a number is that of a name")
    }
}

/// Which of the common names it is, if it is one. `name` is in lower case.
pub(super) fn intern(name: &[u8]) -> Option<Common> {
    let is_it = |known: &&str| known.as_bytes().first() == name.first() && known.as_bytes() == name;
    let place = BY_LENGTH.get(name.len())?.iter().position(is_it)?;
    Some(Common { len: name.len() as u8, place: place as u8 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_in_lower_case() {
        for (length, names) in BY_LENGTH.iter().enumerate() {
            for name in *names {
                assert_eq!(name.len(), length, "{name} stands in the wrong row");
                let known = intern(name.as_bytes()).unwrap();
                assert_eq!((known.text(), Common::from_u32(known.to_u32())), (*name, known));
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
