//! Paths of requests that are passed on: which prefix they have, and that they stay below it.

/// Whether `path` is `prefix` or below it, segment by segment. Both begin with a slash.
pub(super) fn is_below(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

/// `path` with its query, without `prefix`, which it is below.
pub(super) fn stripped(path: &str, prefix: &str) -> String {
    let rest = path.strip_prefix(prefix.trim_end_matches('/')).unwrap_or(path);
    if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") }
}

/// Whether the path has a segment that leads up. Clients resolve those before they ask, so it is a trick: a backend that
/// resolves it would answer for a path that was not looked at here. What some servers take for slashes and dots counts.
pub(super) fn climbs(path: &str) -> bool {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    // Most have neither.
    if !path.contains("..") && !path.contains('%') {
        return false;
    }
    let mut plain = path.to_ascii_lowercase().replace('\\', "/");
    // Once more, for a backend that decodes twice.
    for _ in 0..2 {
        for (code, meant) in [("%25", "%"), ("%2f", "/"), ("%5c", "/"), ("%2e", "."), ("%3b", ";")] {
            plain = plain.replace(code, meant);
        }
    }
    // What is behind a semicolon is a parameter to some, and not part of the name.
    plain.split('/').map(|segment| segment.split(';').next().unwrap_or(segment)).any(|segment| segment == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_where_segments_do() {
        for (path, prefix, is_it) in [
            ("/api", "/api", true),
            ("/api/", "/api", true),
            ("/api/x?y", "/api", true),
            ("/api?x", "/api", true),
            ("/apix", "/api", false),
            ("/ap", "/api", false),
            ("/API", "/api", false),
            ("/api/x", "/api/", true),
            ("/api", "/api/", true),
            ("/", "/", true),
            ("/x", "/", true),
            ("/?x", "/", true),
            ("*", "/", false),
        ] {
            assert_eq!(is_below(path, prefix), is_it, "{path} below {prefix}");
        }
    }

    #[test]
    fn what_is_left_without_a_prefix_is_a_path() {
        for (path, prefix, rest) in [
            ("/api", "/api", "/"),
            ("/api/", "/api", "/"),
            ("/api/x/y?z", "/api", "/x/y?z"),
            ("/api?x", "/api", "/?x"),
            ("/api//x", "/api", "//x"),
            ("/x", "/", "/x"),
        ] {
            assert_eq!(stripped(path, prefix), rest, "{path} without {prefix}");
        }
    }

    #[test]
    fn paths_that_lead_up() {
        for path in [
            "/..",
            "/a/../b",
            "/a/..",
            "/a/..?x",
            "/%2e%2e/x",
            "/.%2E/x",
            "/a%2f..%2fb",
            "/a%5C..\\b",
            "/a/..;x=1/b",
            "/%252e%252e/",
            "/%25252e./",
            "/a/..%3bx/",
        ] {
            assert!(climbs(path), "{path}");
        }
        for path in ["/", "/a/b", "/a..b", "/...", "/a/.../b", "/a?x=/../", "/%20..", "/..a/b;..", "*"] {
            assert!(!climbs(path), "{path}");
        }
    }
}
