//! What is said of a message on its way: fields that are of one connection or of the client's imagination are left out, and who
//! asked is added (RFC 9110 section 7.6, RFC 7239).

use super::backend::Backend;
use crate::exchange::version::HttpVersion;
use http::{Authority, Fields, InvalidField, RequestHead, ResponseHead, Status};
use std::net::{IpAddr, SocketAddr};

/// What is passed on of whom the client says that it speaks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// Nothing: anybody can write these fields. The backend learns of the client that is connected here.
    #[default]
    Replace,
    /// All of it, and who is connected here is appended: right behind another proxy, and nowhere else.
    Append,
}

/// As whom a backend is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackendHost {
    /// As the client has asked: Host is the name that the site is known by.
    #[default]
    OfClient,
    /// By the backend's own host and port.
    OfBackend,
}

/// Who has asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker<'a> {
    pub(super) remote: SocketAddr,
    pub(super) version: HttpVersion,
    pub(super) authority: Option<&'a Authority>,
    /// What was taken off the path.
    pub(super) prefix: Option<&'a str>,
}

/// Fields of a request that say who asked, and which this proxy says itself.
const WHO: [&str; 3] = ["forwarded", "x-real-ip", "x-client-ip"];
/// What the names of others of that kind begin with.
const WHO_BEGINS: &str = "x-forwarded-";
/// Fields of a request that go no further: what is for a proxy is for this one, and Proxy has no meaning but to programs that take
/// it for a variable of their environment.
const NOT_PASSED: [&str; 3] = ["proxy-authorization", "proxy", "http2-settings"];
/// Names with an underscore that programs behind a backend cannot tell from these are left out.
const ONLY_WITH_DASHES: [&str; 8] = [
    "content-length",
    "transfer-encoding",
    "content-type",
    "proxy-authorization",
    "proxy-connection",
    "http2-settings",
    "early-data",
    "x-http-method-override",
];

/// Whether a field of a client's request is passed on.
fn is_passed(name: &str, forwarded: Forwarded) -> bool {
    let is_who = |name: &str| WHO.contains(&name) || name.starts_with(WHO_BEGINS);
    if name.contains('_') {
        let dashed = name.replace('_', "-");
        return !is_who(&dashed) && !ONLY_WITH_DASHES.contains(&dashed.as_str());
    }
    !NOT_PASSED.contains(&name) && (forwarded == Forwarded::Append || !is_who(name))
}

/// The fields of the request that a backend is sent. `via` is what this proxy calls itself.
///
/// RFC 9110 section 5.1-1, 7.6.3-1, 7.6.3-2.
pub(super) fn inbound(
    head: &RequestHead,
    asker: Asker<'_>,
    forwarded: Forwarded,
    via: &str,
) -> Result<Fields, InvalidField> {
    let mut fields = Fields::new();
    let mut vias: Vec<u8> = Vec::new();
    for (name, value) in head.fields.iter() {
        if name == "via" {
            vias.extend_from_slice(value);
            vias.extend_from_slice(b", ");
        } else if is_passed(name, forwarded) && !is_pointless(head, name, value) {
            fields.push(name, value)?;
        }
    }
    vias.extend_from_slice(protocol_version(asker.version).as_bytes());
    vias.push(b' ');
    vias.extend_from_slice(via.as_bytes());
    fields.push("via", vias)?;
    say_who(&mut fields, asker)?;
    Ok(fields)
}

/// What a client may not send, and a backend would not heed: it is left out, so that the rest can be passed on.
fn is_pointless(head: &RequestHead, name: &str, value: &[u8]) -> bool {
    match name {
        // RFC 9110 section 13.1.5-1, 13.1.5-4: without a range, or with a tag that never fits one. Then the range goes too.
        "if-range" => !head.fields.contains("range") || value.starts_with(b"W/"),
        "range" => head.fields.all("if-range").any(|value| value.starts_with(b"W/")),
        // RFC 9110 section 10.1.3-1.
        "referer" => value.contains(&b'#') || value.contains(&b'@'),
        _ => false,
    }
}

fn protocol_version(version: HttpVersion) -> &'static str {
    match version {
        HttpVersion::Http1 => "1.1",
        HttpVersion::Http2 => "2.0",
        HttpVersion::Http3 => "3.0",
    }
}

/// RFC 7239 section 4, and the fields that were before it.
fn say_who(fields: &mut Fields, asker: Asker<'_>) -> Result<(), InvalidField> {
    let ip = asker.remote.ip().to_canonical();
    let host = asker.authority.map(Authority::as_str);
    let mut element = match ip {
        IpAddr::V4(ip) => format!("for={ip}"),
        // RFC 7239 section 6.1: with brackets, and so in quotes.
        IpAddr::V6(ip) => format!("for=\"[{ip}]\""),
    };
    if let Some(host) = host {
        element.push_str(&format!(";host=\"{host}\""));
    }
    element.push_str(";proto=https");
    append(fields, "forwarded", &element)?;
    append(fields, "x-forwarded-for", &ip.to_string())?;
    // The first proxy knows what the client has asked.
    if !fields.contains("x-forwarded-proto") {
        fields.push("x-forwarded-proto", "https")?;
    }
    if let Some(host) = host.filter(|_| !fields.contains("x-forwarded-host")) {
        fields.push("x-forwarded-host", host)?;
    }
    match asker.prefix {
        Some(prefix) => append(fields, "x-forwarded-prefix", prefix),
        None => Ok(()),
    }
}

/// Adds a member to a list, in one line: of two lines many programs see one.
fn append(fields: &mut Fields, name: &str, member: &str) -> Result<(), InvalidField> {
    let mut all: Vec<u8> = Vec::new();
    for value in fields.all(name) {
        all.extend_from_slice(value);
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(member.as_bytes());
    fields.set(name, all)
}

/// Whether the request has been here before.
///
/// RFC 9110 section 7.6-2.
pub(super) fn is_loop(fields: &Fields, via: &str) -> bool {
    let is_ours = |member: &[u8]| member.trim_ascii().rsplit(|byte| *byte == b' ').next() == Some(via.as_bytes());
    fields.all("via").any(|value| value.split(|byte| *byte == b',').any(is_ours))
}

/// Makes of a backend's answer what its client is sent. Date stays, for it is of whoever made the answer.
///
/// RFC 9110 section 8.6-5, 15.3.6-1.
pub(super) fn outbound(head: &mut ResponseHead, backend: &Backend, asker: Asker<'_>) -> Result<(), InvalidField> {
    // Of this connection, and of where the backend could be reached as well.
    for name in ["proxy-authenticate", "proxy-authentication-info", "alt-svc"] {
        head.fields.remove(name);
    }
    if matches!(head.status, Status::NO_CONTENT | Status::RESET_CONTENT) || head.status.is_informational() {
        head.fields.remove("content-length");
    }
    let place = head.fields.first_text("location").and_then(|place| location(place, backend, asker));
    match place {
        Some(place) => head.fields.set("location", place),
        None => Ok(()),
    }
}

/// Where a client finds what a backend calls by its own name, or by the name it was asked for and a scheme that is only spoken
/// behind this server; `None` if there is nothing to change.
fn location(place: &str, backend: &Backend, asker: Asker<'_>) -> Option<String> {
    let host = asker.authority?.as_str();
    let prefix = asker.prefix.unwrap_or("").trim_end_matches('/');
    if place.starts_with('/') && !place.starts_with("//") {
        return (!prefix.is_empty()).then(|| format!("{prefix}{place}"));
    }
    let rest = place.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let is_ours = authority.eq_ignore_ascii_case(host) || authority.eq_ignore_ascii_case(backend.authority().as_str());
    is_ours.then(|| format!("https://{host}{prefix}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker<'a>(authority: Option<&'a Authority>, prefix: Option<&'a str>) -> Asker<'a> {
        Asker { remote: "192.0.2.7:4711".parse().unwrap(), version: HttpVersion::Http2, authority, prefix }
    }

    fn passed(lines: &[(&str, &str)], forwarded: Forwarded) -> Vec<(String, String)> {
        let mut head = RequestHead::get("https://a.example/x").unwrap();
        lines.iter().for_each(|(name, value)| head.fields.push(name, value).unwrap());
        let fields = inbound(&head, asker(head.authority.as_ref(), None), forwarded, "me").unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        fields.iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
    }

    const WHO_ASKED: [(&str, &str); 5] = [
        ("via", "2.0 me"),
        ("forwarded", "for=192.0.2.7;host=\"a.example\";proto=https"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.example"),
    ];

    fn owned(lines: &[(&str, &str)]) -> Vec<(String, String)> {
        lines.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// RFC 9110 section 5.1-1, 7.6.3-1, 7.6.3-2.
    #[test]
    fn who_asks_is_said_and_what_clients_say_of_it_is_not_believed() {
        let sent = [
            ("accept", "*/*"),
            ("forwarded", "for=10.0.0.1"),
            ("X-Forwarded-For", "10.0.0.1"),
            ("x-forwarded-port", "1"),
            ("x_forwarded_for", "10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("x_real-ip", "10.0.0.1"),
            ("content_length", "7"),
            ("transfer_encoding", "chunked"),
            ("proxy", "http://evil"),
            ("proxy-authorization", "Basic x"),
            ("x_own", "kept"),
        ];
        let mut expected = owned(&[("accept", "*/*"), ("x_own", "kept")]);
        expected.extend(owned(&WHO_ASKED));
        assert_eq!(passed(&sent, Forwarded::Replace), expected);
    }

    #[test]
    fn behind_another_proxy_its_words_are_kept() {
        let sent = [
            ("forwarded", "for=10.0.0.1;proto=http"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "b.example"),
            ("x_forwarded_for", "10.0.0.9"),
            ("via", "1.1 other"),
        ];
        let expected = [
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "b.example"),
            ("via", "1.1 other, 2.0 me"),
            ("forwarded", "for=10.0.0.1;proto=http, for=192.0.2.7;host=\"a.example\";proto=https"),
            ("x-forwarded-for", "10.0.0.1, 10.0.0.2, 192.0.2.7"),
        ];
        assert_eq!(passed(&sent, Forwarded::Append), owned(&expected));
    }

    /// RFC 9110 section 13.1.5-1, 13.1.5-4, 10.1.3-1.
    #[test]
    fn what_a_client_should_not_have_sent_does_not_keep_the_rest() {
        let sent = [("if-range", "\"e\""), ("referer", "https://a/#x")];
        assert_eq!(passed(&sent, Forwarded::Replace), owned(&WHO_ASKED));
        let sent = [("if-range", "W/\"e\""), ("range", "bytes=0-1")];
        assert_eq!(passed(&sent, Forwarded::Replace), owned(&WHO_ASKED));
        let sent = [("if-range", "\"e\""), ("range", "bytes=0-1")];
        assert_eq!(passed(&sent, Forwarded::Replace)[..2], owned(&sent));
    }

    #[test]
    fn addresses_of_ipv6_stand_in_quotes_and_those_of_ipv4_as_they_are() {
        for (remote, element, ip) in [
            ("[2001:db8::7]:1", "for=\"[2001:db8::7]\";proto=https", "2001:db8::7"),
            ("[::ffff:192.0.2.7]:1", "for=192.0.2.7;proto=https", "192.0.2.7"),
        ] {
            let mut fields = Fields::new();
            say_who(&mut fields, Asker { remote: remote.parse().unwrap(), ..asker(None, None) }).unwrap();
            assert_eq!(fields.first_text("forwarded"), Some(element));
            assert_eq!(fields.first_text("x-forwarded-for"), Some(ip));
        }
    }

    /// RFC 9110 section 7.6-2.
    #[test]
    fn a_request_that_comes_again_is_known() {
        let mut fields = Fields::new();
        fields.push("via", "1.1 other, 2.0 mee").unwrap();
        assert!(!is_loop(&fields, "me"));
        fields.push("via", "1.1 x, HTTP/3.0 me").unwrap();
        assert!(is_loop(&fields, "me"));
    }

    /// RFC 9110 section 8.6-5, 15.3.6-1.
    #[test]
    fn answers_are_what_clients_can_use() {
        let authority = Authority::from_bytes(b"a.example").unwrap();
        let backend: Backend = "http://127.0.0.1:8080".parse().unwrap();
        for (place, prefix, expected) in [
            ("http://127.0.0.1:8080/x", None, "https://a.example/x"),
            ("http://A.example/x?y", None, "https://a.example/x?y"),
            ("http://a.example", Some("/api"), "https://a.example/api"),
            ("/x", Some("/api/"), "/api/x"),
            ("/x", None, "/x"),
            ("//other/x", Some("/api"), "//other/x"),
            ("https://a.example/x", None, "https://a.example/x"),
            ("http://other.example/x", None, "http://other.example/x"),
            ("x", Some("/api"), "x"),
        ] {
            let mut head = ResponseHead::new(Status::NO_CONTENT);
            for (name, value) in
                [("location", place), ("content-length", "0"), ("alt-svc", "h3=\":1\""), ("proxy-authenticate", "x")]
            {
                head.fields.push(name, value).unwrap();
            }
            outbound(&mut head, &backend, asker(Some(&authority), prefix)).unwrap();
            assert_eq!(head.fields.iter().collect::<Vec<_>>(), [("location", expected.as_bytes())], "{place}");
        }
    }
}
