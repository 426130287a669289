//! HTTP semantics and smuggling: what two readers of one message could take for two things is refused.

use crate::support::id;
use adversary::http::{Command, GET, POST, Script, frame, headers, with};
use base::Side::{Client, Server};
use h3::{Body, Event, Violation};
use http::exchange;
use http::{Malformed, RequestHead};

/// A request of these lines is refused before the application hears of it, with H3_MESSAGE_ERROR on its stream.
#[track_caller]
fn refused(lines: &[(&[u8], &[u8])]) -> Malformed {
    let mut script = Script::started(Server);
    script.feed_and_end(0, &headers(lines.iter().copied()));
    expect_message_error(&mut script);
    let events = script.events();
    let [Event::Refused { violation: Violation::Malformed(malformed), .. }] = events[..] else {
        panic!("{lines:?}: {events:?}")
    };
    malformed
}

#[track_caller]
fn expect_message_error(script: &mut Script) {
    let code = h3::error_code::H3_MESSAGE_ERROR.value();
    assert_eq!(script.transport.commands, [Command::Reset(0, code), Command::StopSending(0, code)]);
}

/// A request with more lines.
fn get<'a>(more: &[(&'a [u8], &'a [u8])]) -> Vec<(&'a [u8], &'a [u8])> {
    let head = GET.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
    head.chain(more.iter().copied()).collect()
}

/// The same lines as the head of a response, to a client.
#[track_caller]
fn refused_in_response(more: &[(&[u8], &[u8])]) -> Malformed {
    let mut script = Script::started(Client);
    let head = RequestHead::get("https://a.example/").unwrap();
    script.connection.send_request(&mut script.transport, &head, true).unwrap();
    let lines: Vec<(&[u8], &[u8])> = [(&b":status"[..], &b"200"[..])].into_iter().chain(more.iter().copied()).collect();
    script.feed(0, &headers(lines));
    let events = script.events();
    let Some(Event::Exchange(_, exchange::Event::Failed(malformed))) = events.last() else { panic!("{events:?}") };
    *malformed
}

/// RFC 9114 section 4.2-2, 4.3-4, 10.3-1.
#[test]
fn x1_invalid_field_names() {
    let mut names: Vec<Vec<u8>> = vec![b"".to_vec(), b" ".to_vec(), b"a b".to_vec(), b"a:b".to_vec(), b"a:".to_vec()];
    names.extend(
        (0..=255u8)
            .filter(|byte| !is_lower_token(*byte))
            .flat_map(|byte| [vec![byte], vec![b'a', byte], vec![b'a', byte, b'b'], vec![byte, b'b']]),
    );
    for name in &names {
        let malformed = refused(&get(&[(name, b"v")]));
        let pseudo = [Malformed::UnknownPseudoField, Malformed::LatePseudoField];
        let expected = match name.first() {
            Some(b':') => pseudo.contains(&malformed),
            _ => [Malformed::FieldName, Malformed::UppercaseName].contains(&malformed),
        };
        assert!(expected, "{name:x?}: {malformed:?}");
        refused_in_response(&[(name, b"v")]);
    }
}

fn is_lower_token(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9') || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9114 section 4.1.2-2, 10.3-2.
#[test]
fn x2_control_bytes_in_values() {
    for byte in (0..0x20u8).filter(|byte| *byte != b'\t').chain([0x7f]) {
        for value in [vec![byte], vec![b'a', byte], vec![byte, b'a'], vec![b'a', byte, b'b']] {
            assert_eq!(refused(&get(&[(b"x", &value)])), Malformed::FieldValue, "{value:x?}");
            let expected = Malformed::FieldValue;
            assert_eq!(refused_in_response(&[(b"x", &value)]), expected);
            for place in 0..GET.len() {
                let mut lines = get(&[]);
                lines[place].1 = &value;
                refused(&lines);
            }
            let mut script = Script::started(Server);
            script.feed(0, &[headers(POST), headers([(&b"x"[..], &value[..])])].concat());
            assert_eq!(script.events().last(), Some(&Event::Exchange(id(0), exchange::Event::Failed(expected))));
        }
    }
    // CR and LF as they would split a message of HTTP/1.1.
    for value in [&b"a\r\nhost: b"[..], b"a\n\nGET / HTTP/1.1", b"a\r"] {
        assert_eq!(refused(&get(&[(b"x", value)])), Malformed::FieldValue);
    }
    for value in [&b" a"[..], b"a ", b"\ta"] {
        assert_eq!(refused(&get(&[(b"x", value)])), Malformed::FieldValue);
    }
}

/// RFC 9114 section 4.1.2-2.
#[test]
fn x3_content_length_on_every_way_to_end() {
    let head = with(&POST, &[("content-length", "5")]);
    let too_short = Malformed::BodyTooShort;
    // The end with the head, alone after it, after an empty frame, after four bytes, after trailers.
    let trailers = headers([("x", "y")]);
    for body in [Vec::new(), frame(0, b""), frame(0, b"1234"), [frame(0, b"1234"), trailers].concat()] {
        for at_once in [true, false] {
            let mut script = Script::started(Server);
            if at_once {
                script.feed_and_end(0, &[&head[..], &body].concat());
            } else {
                script.feed(0, &head);
                script.feed(0, &body);
                script.end(0);
            }
            let (read, rest) = script.read_all(0);
            assert!(read.len() <= 4 && !matches!(rest, Body::End), "{rest:?}");
            let events = script.events();
            assert_eq!(events.last(), Some(&Event::Exchange(id(0), exchange::Event::Failed(too_short))), "{body:?}");
            assert!(!events.iter().any(|event| matches!(
                event,
                Event::Exchange(_, exchange::Event::Finished | exchange::Event::Trailers(_))
            )));
            expect_message_error(&mut script);
        }
    }
    // One byte too many, in one frame and in two.
    for body in [frame(0, b"123456"), [frame(0, b"12345"), frame(0, b"6")].concat()] {
        let mut script = Script::started(Server);
        script.feed(0, &[&head[..], &body].concat());
        let (read, _) = script.read_all(0);
        assert!(read.len() <= 5);
        let violation = Malformed::BodyTooLong;
        assert_eq!(script.events().last(), Some(&Event::Exchange(id(0), exchange::Event::Failed(violation))));
    }
    // Exactly.
    let mut script = Script::started(Server);
    script.feed_and_end(0, &[&head[..], &frame(0, b"12"), &frame(0, b"345")].concat());
    assert_eq!(script.read_all(0), (b"12345".to_vec(), Body::End));
    assert!(script.events().iter().any(|event| matches!(event, Event::Exchange(_, exchange::Event::Finished))));
}

/// RFC 9114 section 7.1-4.
#[test]
fn x4_declared_content_is_not_content() {
    let mut script = Script::started(Server);
    script.feed(0, &[&headers(POST)[..], &[0, 0x40, 100], &[7; 10]].concat());
    assert_eq!(script.read_all(0), (vec![7; 10], Body::Blocked));
    script.end(0);
    let (rest, end) = script.read_all(0);
    assert!(rest.is_empty() && !matches!(end, Body::End), "{end:?}");
    assert_eq!(script.violation(), Some(Violation::FrameTruncated));
    assert_eq!(Violation::FrameTruncated.code(), h3::error_code::H3_FRAME_ERROR);
}

/// RFC 9114 section 4.3.1-1, 4.3.1-7, 4.3.1-8, 4.3.1-9.
#[test]
fn x5_authority_and_host_agree() {
    for (host, expected) in [
        (&b"b.example"[..], Malformed::HostDiffersFromAuthority),
        (b"", Malformed::Authority),
        (b"a.example.", Malformed::HostDiffersFromAuthority),
        (b"a.example:8443", Malformed::HostDiffersFromAuthority),
    ] {
        assert_eq!(refused(&get(&[(b"host", host)])), expected, "{host:?}");
    }
    assert_eq!(refused(&get(&[(b"host", b"a.example"), (b"host", b"b.example")])), Malformed::DuplicateHost);
    assert_eq!(refused(&get(&[(b"host", b"a.example"), (b"host", b"a.example")])), Malformed::DuplicateHost);
    // An empty or a forged authority; none at all, without and with an empty Host.
    for authority in [&b""[..], b"user@a.example", b"a.example/x", b"a b", b"a.example:x"] {
        let mut lines = get(&[]);
        lines[2].1 = authority;
        assert_eq!(refused(&lines), Malformed::Authority, "{authority:?}");
    }
    let mut without = get(&[]);
    without.remove(2);
    assert_eq!(refused(&without), Malformed::MissingAuthority);
    without.push((b"host", b""));
    refused(&without);
    // The same, in both: fine.
    let mut script = Script::started(Server);
    script.feed_and_end(0, &headers(get(&[(b"host", b"a.example")])));
    assert!(matches!(
        script.events()[..],
        [Event::Exchange(_, exchange::Event::Request(_)), Event::Exchange(_, exchange::Event::Finished)]
    ));
}

/// RFC 9114 section 4.1-7, 4.2-3, 4.2-4.
#[test]
fn x6_fields_of_http1_connections() {
    let names: [&[u8]; 5] = [b"connection", b"transfer-encoding", b"upgrade", b"keep-alive", b"proxy-connection"];
    for name in names {
        for value in [&b"close"[..], b"", b"chunked", b"x"] {
            assert_eq!(refused(&get(&[(name, value)])), Malformed::ConnectionSpecificField);
            let expected = Malformed::ConnectionSpecificField;
            assert_eq!(refused_in_response(&[(name, value)]), expected);
            let mut script = Script::started(Server);
            script.feed(0, &[headers(POST), headers([(name, value)])].concat());
            assert_eq!(script.events().last(), Some(&Event::Exchange(id(0), exchange::Event::Failed(expected))));
        }
    }
    for value in [&b"gzip"[..], b"", b"trailers, gzip", b"Trailers,"] {
        assert_eq!(refused(&get(&[(b"te", value)])), Malformed::Te, "{value:?}");
    }
    assert_eq!(refused_in_response(&[(b"te", b"trailers")]), Malformed::Te);
    let mut script = Script::started(Server);
    script.feed_and_end(0, &with(&GET, &[("te", "trailers")]));
    assert!(matches!(
        script.events()[..],
        [Event::Exchange(_, exchange::Event::Request(_)), Event::Exchange(_, exchange::Event::Finished)]
    ));
}

#[test]
fn x7_content_length_is_one_decimal_number() {
    for value in [
        &b"+5"[..],
        b"-5",
        b"5,6",
        b"5,5",
        b"5 ",
        b" 5",
        b"",
        b"0x5",
        b"5.0",
        b"5e1",
        b"\xd9\xa5",
        b"18446744073709551616",
        b"99999999999999999999999999",
    ] {
        let malformed = refused(&get(&[(b"content-length", value)]));
        assert!([Malformed::ContentLength, Malformed::FieldValue].contains(&malformed), "{value:?}: {malformed:?}");
        refused_in_response(&[(b"content-length", value)]);
    }
    for second in [&b"5"[..], b"6"] {
        let lines: [(&[u8], &[u8]); 2] = [(b"content-length", b"5"), (b"content-length", second)];
        assert_eq!(refused(&get(&lines)), Malformed::DuplicateContentLength);
        assert_eq!(refused_in_response(&lines), Malformed::DuplicateContentLength);
    }
}

/// What leads out of a folder, to a drive, to another host or through a link leads nowhere.
#[test]
fn x9_paths_stay_in_their_folder_and_redirects_on_their_host() {
    let folder = std::env::temp_dir().join(format!("posthaste-x9-{}", std::process::id()));
    let root = folder.join("root");
    std::fs::create_dir_all(root.join("sub")).unwrap();
    std::fs::create_dir_all(root.join("x")).unwrap();
    std::fs::write(folder.join("secret"), b"secret").unwrap();
    std::fs::write(root.join("file"), b"public").unwrap();
    std::fs::write(root.join("sub/index.html"), b"index").unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.join("secret"), root.join("link")).unwrap();
        std::os::unix::fs::symlink(&folder, root.join("out")).unwrap();
    }
    let outcome = posthaste::run(|handle| {
        let root = root.clone();
        async move {
            let identity = posthaste::Identity::development(&[]).unwrap();
            let roots = posthaste::Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
            let files = std::rc::Rc::new(posthaste::Files::new(&root).unwrap());
            let server = posthaste::Server::builder(identity)
                .listen("127.0.0.1:0".parse().unwrap())
                .start(&handle, move |request, reply| {
                    let files = files.clone();
                    async move { files.serve(&request, reply).await }
                })
                .unwrap();
            let base = format!("https://{}", server.addresses()[0]);
            let client = posthaste::Client::builder(roots).build(&handle);
            let mut seen = Vec::new();
            for path in PATHS {
                let response = client.get(&format!("{base}{path}")).send().await.unwrap();
                let location = response.head().fields.first_text("location").map(str::to_owned);
                seen.push((*path, response.status().code(), location));
            }
            seen
        }
    });
    std::fs::remove_dir_all(&folder).unwrap();
    for (path, status, location) in outcome.unwrap() {
        match path {
            "/file" => assert_eq!(status, 200),
            "/sub" => {
                assert!((300..400).contains(&status), "{status}");
                let location = location.unwrap();
                assert!(location.starts_with('/') && !location.starts_with("//"), "{location}");
            }
            _ => {
                assert_eq!(status, 404, "{path}");
                assert!(location.is_none(), "{path}: {location:?}");
            }
        }
    }
}

const PATHS: &[&str] = &[
    "/file",
    "/sub",
    "/x/c:/win",
    "/c:/windows",
    "/..%2fsecret",
    "/%2e%2e/secret",
    "/sub/..%2f..%2fsecret",
    "/..%5csecret",
    "//host/",
    "//sub",
    "///sub",
    "/%2fsub",
    "/file%00",
    "/file%00.html",
    "/link",
    "/out/secret",
    "/out",
];
