//! What people type: server names, URLs, command lines; and what strangers ask for: names of files, and parts of them.

use super::{arguments, file_path, url::Url};
use http::conditions::{EntityTag, Part, Precondition, Validators, precondition, requested_part};
use http::{Fields, HttpDate, Method, RequestHead};
use x509::ServerName;

pub fn server_name(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Ok(name) = ServerName::parse(text) else { return };
    let again = ServerName::parse(&name.to_string()).expect("a name is a name");
    assert_eq!(again, name);
    if let ServerName::Dns(name) = name {
        assert!(name.len() <= 253 && !name.ends_with('.') && !name.bytes().any(|byte| byte.is_ascii_uppercase()));
        assert!(name.split('.').all(|label| (1..=63).contains(&label.len())));
        assert!(name.parse::<std::net::IpAddr>().is_err());
    }
}

pub fn url(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Ok(url) = Url::parse(text) else { return };
    assert_eq!(Url::parse(&url.to_string()).as_ref(), Ok(&url), "what is printed can be parsed");
    assert!(url.path().starts_with('/') && url.port() > 0 && !url.host().is_empty());
    let file = url.file_name();
    assert!(!file.contains('/') && !file.is_empty() && file != "." && file != "..");
    // The request that would be sent is one.
    let head = RequestHead::new(Method::Get, &url.to_string()).expect("a URL that can be fetched");
    assert_eq!(head.authority.as_ref().map(|authority| authority.as_str()), Some(&*url.authority()));
    http::message_rules::check_request(&head).expect("a request that a server takes");
}

/// One argument a line.
pub fn arguments(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let arguments: Vec<String> = text.split('\n').map(String::from).collect();
    // The same text as a configuration file: whatever is wrong is said with its place.
    if let Err(wrong) = arguments::parse_with_file("file", text, &[]) {
        assert!(wrong.0.starts_with("file:") || wrong.0.starts_with("--"), "{wrong}");
    }
    match arguments::parse(&arguments) {
        Ok(command) => assert_eq!(arguments::parse(&arguments), Ok(command)),
        Err(usage) => assert!(!usage.to_string().is_empty()),
    }
}

/// What a request's path says of files, by its text alone: names that stay where they are looked for.
pub fn path(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let Some(segments) = file_path::segments(text) else { return };
    let mut place = std::path::PathBuf::from("/root");
    for (depth, segment) in segments.iter().enumerate() {
        assert!(!segment.contains(&b'\\') && !segment.contains(&0));
        place.push(std::os::unix::ffi::OsStrExt::from_bytes(segment.as_slice()) as &std::ffi::OsStr);
        let inside: Vec<_> = place.strip_prefix("/root").expect("it stays inside").components().collect();
        assert_eq!(inside.len(), depth + 1, "one name is one step down");
        assert!(inside.iter().all(|part| matches!(part, std::path::Component::Normal(_))));
    }
    let dotted = segments.iter().any(|name| name.first() == Some(&b'.') && name != b".well-known");
    assert!(!dotted || file_path::is_hidden(&segments), "a dot hides a name");
    let location = file_path::canonical_location(&segments);
    assert!(location.starts_with('/') && !location.starts_with("//") && location.ends_with('/'));
    assert!(location.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(file_path::segments(&location), Some(segments), "where we send people is where they were");
}

/// A length of the file, then a field a line: which part of it is asked for, and whether the client has it already.
pub fn conditions(data: &[u8]) {
    const ETAG: &str = "\"5-1994\"";
    let Some((len, lines)) = data.split_first_chunk().map(|(len, lines)| (u64::from_be_bytes(*len), lines)) else {
        return;
    };
    let names = ["range", "if-range", "if-none-match", "if-modified-since", "if-match", "if-unmodified-since"];
    let mut fields = Fields::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some((number, value)) = line.split_first() else { continue };
        // What the fields refuse does not reach the files.
        let _ = fields.push(names[usize::from(*number) % names.len()], value);
    }
    let (modified, now) = (HttpDate::from_unix(784_111_777), HttpDate::from_unix(1_000_000_000));
    let current = Validators { entity_tag: EntityTag::parse(ETAG.as_bytes()), last_modified: Some(modified) };
    let part = |method, fields: &Fields| requested_part(method, fields, len, &current, now);
    let asked = part(&Method::Get, &fields);
    if let Part::Range(range) = &asked {
        assert!(range.start < range.end && range.end <= len, "{range:?} is a part of {len} bytes");
        // Said plainly it is the same part, whatever else was said; and of another file it is none.
        let mut plain = Fields::new();
        plain.push("range", format!("bytes={}-{}", range.start, range.end - 1)).expect("a field");
        assert_eq!(part(&Method::Get, &plain), asked);
        plain.push("if-range", "\"other\"").expect("a field");
        assert_eq!(part(&Method::Get, &plain), Part::All);
    }
    if let Part::Ranges(ranges) = &asked {
        assert!((2..=16).contains(&ranges.len()));
        for (place, range) in ranges.iter().enumerate() {
            assert!(range.start < range.end && range.end <= len, "{range:?} is a part of {len} bytes");
            let others = ranges.iter().skip(place + 1);
            assert!(others.into_iter().all(|other| other.end < range.start || range.end < other.start), "{ranges:?}");
        }
    }
    assert!(asked == Part::All || fields.contains("range"));
    assert_eq!(part(&Method::Head, &fields), Part::All);
    judged(&fields, &current, now, ETAG);
}

fn judged(fields: &Fields, current: &Validators<'_>, now: HttpDate, tag: &str) {
    let says = |name: &str, text: &str| {
        fields.all(name).any(|value| value.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    let names_it = |name: &str| says(name, tag) || says(name, "*");
    let date = |name: &str| fields.first(name).and_then(|value| HttpDate::parse(value, now));
    let get = precondition(&Method::Get, fields, Some(current), now);
    match get {
        Precondition::NotModified if fields.contains("if-none-match") => assert!(names_it("if-none-match")),
        Precondition::NotModified => assert!(date("if-modified-since") >= current.last_modified, "who has it said so"),
        Precondition::Failed if fields.contains("if-match") => {}
        Precondition::Failed => assert!(date("if-unmodified-since") < current.last_modified),
        Precondition::Proceed => {
            assert!(!fields.contains("if-match") || names_it("if-match"), "only who knows it");
        }
    }
    assert_eq!(precondition(&Method::Head, fields, Some(current), now), get);
    assert_ne!(precondition(&Method::Put, fields, Some(current), now), Precondition::NotModified);
    assert_eq!(precondition(&Method::Options, fields, Some(current), now), Precondition::Proceed);
}
