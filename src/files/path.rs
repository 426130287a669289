//! From the path of a request to names of files, by its text alone.

/// The names between the slashes, percent-decoded. `None` if one is not a plain name: empty, a dot or two, or with a
/// character that separates names on some system.
pub(super) fn segments(path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix('/')?;
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    if inside.is_empty() {
        // `//` has an empty name in it, `/` has none.
        return if path == "/" { Some(Vec::new()) } else { None };
    }
    inside.split('/').map(|segment| decode(segment).filter(|name| is_plain(name))).collect()
}

/// The path of a folder as it is written: what goes into `location` is made of names that exist, not of what was sent.
pub(super) fn canonical_location(segments: &[String]) -> String {
    let mut location = String::from("/");
    for segment in segments {
        for byte in segment.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => location.push(char::from(byte)),
                _ => location.push_str(&format!("%{byte:02X}")),
            }
        }
        location.push('/');
    }
    location
}

fn is_plain(name: &str) -> bool {
    let bytes = name.as_bytes();
    // `c:` is a drive where there are drives.
    let is_drive = matches!(bytes, [letter, b':', ..] if letter.is_ascii_alphabetic());
    !matches!(name, "" | "." | "..") && !is_drive && !bytes.iter().any(|byte| matches!(byte, 0 | b'/' | b'\\'))
}

fn decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
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
            ("/a", &["a"]),
            ("/a/", &["a"]),
            ("/a/b.txt", &["a", "b.txt"]),
            ("/a%20b/%C3%A4", &["a b", "ä"]),
            ("/...", &["..."]),
            ("/..a", &["..a"]),
            ("/%2525", &["%25"]),
        ] {
            assert_eq!(segments(path).as_deref().unwrap(), names, "{path}");
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
            "/%ff",
            "/%c0%ae%c0%ae/",
        ] {
            assert_eq!(segments(path), None, "{path}");
        }
    }

    #[test]
    fn locations_are_made_of_names() {
        assert_eq!(canonical_location(&["a b".into(), "ä\r\n".into()]), "/a%20b/%C3%A4%0D%0A/");
    }
}
