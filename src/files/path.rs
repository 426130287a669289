//! From the path of a request to names of files, by its text alone.
//!
//! A name is a sequence of bytes, as it is to the file system: it need not be UTF-8.

/// The one name with a dot in front that is meant for everybody, at the top of a site (RFC 8615).
const WELL_KNOWN: &[u8] = b".well-known";

/// The names between the slashes, percent-decoded. `None` if one is not a plain name: empty, a dot or two, or with a
/// character that separates names on some system.
pub(super) fn segments(path: &str) -> Option<Vec<Vec<u8>>> {
    let inside = path.strip_prefix('/')?;
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    if inside.is_empty() {
        // `//` has an empty name in it, `/` has none.
        return if path == "/" { Some(Vec::new()) } else { None };
    }
    inside.split('/').map(|segment| decode(segment).filter(|name| is_plain(name))).collect()
}

/// Whether a name among them begins with a dot. Such files are their owner's: keys, histories, what editors and version control
/// leave behind.
pub(super) fn is_hidden(segments: &[Vec<u8>]) -> bool {
    let mut names = segments.iter().enumerate();
    names.any(|(place, name)| name.first() == Some(&b'.') && (place > 0 || name != WELL_KNOWN))
}

/// The path of a folder as it is written: what goes into `location` is made of names that exist, not of what was sent.
pub(super) fn canonical_location(segments: &[Vec<u8>]) -> String {
    segments.iter().fold(String::from("/"), |location, segment| format!("{location}{}/", written(segment)))
}

/// A name as it is written in a path: percent-encoded, but for what never means anything else.
pub(super) fn written(name: &[u8]) -> String {
    let mut text = String::new();
    for byte in name {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

fn is_plain(name: &[u8]) -> bool {
    // `c:` is a drive where there are drives.
    let is_drive = matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic());
    !matches!(name, b"" | b"." | b"..") && !is_drive && !name.iter().any(|byte| matches!(byte, 0 | b'/' | b'\\'))
}

fn decode(segment: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            byte => byte,
        });
    }
    Some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_pass() {
        for (path, names) in [
            ("/", &[][..]),
            ("/a", &[&b"a"[..]]),
            ("/a/", &[b"a"]),
            ("/a/b.txt", &[b"a", b"b.txt"]),
            ("/a%20b/%C3%A4", &[b"a b", "ä".as_bytes()]),
            ("/...", &[b"..."]),
            ("/..a", &[b"..a"]),
            ("/%2525", &[b"%25"]),
            ("/%ff%FE", &[b"\xff\xfe"]),
            // Another way to write a dot in some decoders; here it is two bytes of a name.
            ("/%c0%ae%c0%ae/", &[b"\xc0\xae\xc0\xae"]),
        ] {
            assert_eq!(segments(path).as_deref().unwrap(), names, "{path}");
        }
    }

    #[test]
    fn names_with_a_dot_in_front_are_hidden() {
        for (path, hidden) in [
            ("/", false),
            ("/a.b/c.", false),
            ("/.git/config", true),
            ("/a/.htaccess", true),
            ("/%2eenv", true),
            ("/...", true),
            ("/.well-known/acme-challenge/x", false),
            ("/.well-known/.x", true),
            ("/.well-known.bak", true),
            ("/a/.well-known/x", true),
        ] {
            assert_eq!(is_hidden(&segments(path).unwrap()), hidden, "{path}");
        }
    }

    #[test]
    fn all_else_is_nothing() {
        for path in [
            "",
            "a",
            "*",
            "//",
            "//host/",
            "///",
            "/a//b",
            "/.",
            "/..",
            "/../",
            "/a/../b",
            "/%2e%2e/x",
            "/..%2f",
            "/a%2fb",
            "/..%5c",
            "/a\\b",
            "/%00",
            "/a%00.txt",
            "/x/c:/win",
            "/C:",
            "/%",
            "/%a",
            "/%zz",
        ] {
            assert_eq!(segments(path), None, "{path}");
        }
    }

    #[test]
    fn locations_are_made_of_names() {
        assert_eq!(canonical_location(&["a b".into(), "ä\r\n\"".into(), vec![255]]), "/a%20b/%C3%A4%0D%0A%22/%FF/");
    }
}
