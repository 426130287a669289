//! What is passed on, in both directions.

use super::backend::{Heard, answering, field, scripted};
use super::{VERSIONS, proxy_to, with_front};
use crate::{BackendHost, Fields, Forwarded, HttpVersion, Method, ReverseProxy, Status};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

const HELLO: &str =
    "HTTP/1.1 200 OK\r\nserver: behind\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 5\r\n\r\nhello";

#[test]
fn requests_and_answers_of_every_version_are_passed_on() {
    let backend = answering(HELLO);
    with_front(&proxy_to(&[&backend]), async |front| {
        for version in VERSIONS {
            let client = front.client(version);
            let request = client.post(&front.url("/a/b?c=d%20e")).field("x-own", "1").body("content");
            let mut response = request.send().await.unwrap();
            assert_eq!(response.version(), version);
            assert_eq!(response.fields().first_text("server"), Some("behind"));
            assert_eq!(response.fields().first_text("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
            assert_eq!(response.body().read_to_end(10).await.unwrap(), b"hello");
            let heard = backend.request(&front.handle).await;
            assert!(heard.starts_with("POST /a/b?c=d%20e HTTP/1.1\r\nhost: 127.0.0.1"), "{heard}");
            assert!(heard.ends_with("\r\n\r\ncontent"), "{heard}");
            assert_eq!(field(&heard, "host"), Some(&*front.remote.to_string()));
            assert_eq!(field(&heard, "content-length"), Some("7"));
            assert_eq!(field(&heard, "x-own"), Some("1"));
            let forwarded = format!("for=127.0.0.1;host=\"{}\";proto=https", front.remote);
            assert_eq!(field(&heard, "forwarded"), Some(&*forwarded));
            let via = field(&heard, "via").unwrap();
            let number = version.to_string().trim_start_matches("HTTP/").to_owned();
            assert!(via.starts_with(&number) && via.contains(" posthaste-"), "{via}");
            let mut response = client.get(&front.url("/")).send().await.unwrap();
            assert_eq!(response.body().read_to_end(10).await.unwrap(), b"hello");
            let heard = backend.request(&front.handle).await;
            assert_eq!((field(&heard, "content-length"), field(&heard, "transfer-encoding")), (None, None));
        }
        assert_eq!(front.proxy.connections(&front.handle), 1, "one connection was enough");
        assert!(front.events.borrow().is_empty(), "{:?}", front.events.borrow());
    });
}

/// RFC 9110 section 7.6-1, 7.6.1-2.
#[test]
fn fields_of_one_connection_go_no_further() {
    let backend = answering(
        "HTTP/1.1 200 OK\r\nconnection: x-hop\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\nproxy-authenticate: Basic\r\n\
         upgrade: h2c\r\nx-kept: 1\r\ncontent-length: 0\r\n\r\n",
    );
    with_front(&proxy_to(&[&backend]), async |front| {
        let raw = front.raw(b"http/1.1").await;
        raw.say(format!(
            "GET / HTTP/1.1\r\nhost: {}\r\nconnection: x-own, keep-alive\r\nx-own: 1\r\nkeep-alive: 1\r\nproxy-connection: x\r\n\
             te: gzip\r\nupgrade: h2c\r\nproxy-authorization: Basic x\r\nx-forwarded-for: 10.0.0.1\r\nx-kept: 1\r\n\r\n",
            front.remote
        ));
        let answer = raw.until_text("\r\n\r\n").await;
        let heard = backend.request(&front.handle).await;
        let names: HashSet<&str> =
            heard.lines().skip(1).filter_map(|line| line.split_once(':')).map(|line| line.0).collect();
        let expected =
            ["host", "x-kept", "via", "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
        assert_eq!(names, expected.into(), "{heard}");
        assert_eq!(field(&heard, "x-forwarded-for"), Some("127.0.0.1"));
        assert!(answer.contains("x-kept: 1"), "{answer}");
        for name in ["x-hop", "keep-alive", "proxy-authenticate", "upgrade"] {
            assert!(!answer.contains(&format!("\r\n{name}:")), "{name}: {answer}");
        }
    });
}

#[test]
fn settings_change_what_backends_are_told() {
    let backend = answering("HTTP/1.1 302 Found\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n");
    let proxy = proxy_to(&[&backend]).strip("/app").host(BackendHost::OfBackend).forwarded(Forwarded::Append);
    with_front(&proxy, async |front| {
        let request = front.client(HttpVersion::Http2).get(&front.url("/app/x?y")).field("x-forwarded-for", "10.0.0.1");
        let response = request.send().await.unwrap();
        assert_eq!(response.fields().first_text("location"), Some("/app/next"));
        let heard = backend.request(&front.handle).await;
        assert!(heard.starts_with("GET /x?y HTTP/1.1\r\n"), "{heard}");
        assert_eq!(field(&heard, "host"), backend.address.strip_prefix("http://"));
        assert_eq!(field(&heard, "x-forwarded-for"), Some("10.0.0.1, 127.0.0.1"));
        assert_eq!(field(&heard, "x-forwarded-prefix"), Some("/app"));
        let response = front.get(HttpVersion::Http3, "/application").await.unwrap();
        assert_eq!(response.status(), Status::NOT_FOUND);
    });
}

/// RFC 9110 section 7.6.2-1, 7.6.2-2, 7.6.2-3, 7.6-2.
#[test]
fn some_requests_are_not_passed_on() {
    let backend = answering(HELLO);
    with_front(&proxy_to(&[&backend]), async |front| {
        let client = front.client(HttpVersion::Http2);
        let ask = |method: Method, path: &str, hops: &str| {
            client.request(method, &front.url(path)).field("max-forwards", hops).send()
        };
        assert_eq!(ask(Method::Trace, "/", "5").await.unwrap().status().code(), 501);
        assert_eq!(ask(Method::Options, "/", "0").await.unwrap().status().code(), 204);
        assert_eq!(ask(Method::Get, "/a/%2e%2e/b", "5").await.unwrap().status().code(), 400);
        assert!(backend.rest().is_empty());
        ask(Method::Options, "/", "5").await.unwrap();
        let heard = backend.request(&front.handle).await;
        assert_eq!(field(&heard, "max-forwards"), Some("4"));
        let via = field(&heard, "via").unwrap();
        let again = client.get(&front.url("/")).field("via", via).send().await.unwrap();
        assert_eq!(again.status(), Status::LOOP_DETECTED);
    });
    with_front(&ReverseProxy::new([]), async |front| {
        assert_eq!(front.get(HttpVersion::Http1, "/").await.unwrap().status().code(), 502);
    });
}

/// Heads that speak of content that does not come with them.
#[test]
fn answers_without_content_stay_so() {
    for (answer, method, status, length) in [
        ("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n", Method::Head, 200, Some("1000000")),
        ("HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\netag: \"e\"\r\n\r\n", Method::Get, 304, Some("7")),
        ("HTTP/1.1 204 No Content\r\n\r\n", Method::Get, 204, None),
        ("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n", Method::Post, 205, None),
    ] {
        let backend = answering(answer);
        with_front(&proxy_to(&[&backend]), async |front| {
            for version in VERSIONS {
                let client = front.client(version);
                for _ in 0..2 {
                    let mut response = client.request(method.clone(), &front.url("/")).send().await.unwrap();
                    assert_eq!(response.status().code(), status, "{version}");
                    if length.is_some() {
                        assert_eq!(response.fields().first_text("content-length"), length, "{version}");
                    }
                    assert_eq!(response.body().read_to_end(10).await.unwrap(), b"");
                }
            }
        });
    }
}

/// RFC 9110 section 15.2-4.
#[test]
fn answers_ahead_of_the_answer_are_passed_on() {
    let backend = answering(
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    );
    with_front(&proxy_to(&[&backend]), async |front| {
        for version in VERSIONS {
            let mut response = front.get(version, "/").await.unwrap();
            let ahead: Vec<u16> = response.informational().iter().map(|head| head.status.code()).collect();
            assert_eq!(ahead, [102, 103], "{version}");
            assert_eq!(response.informational()[1].fields.first_text("link"), Some("</a>"));
            assert_eq!(response.body().read_to_end(10).await.unwrap(), b"ok");
        }
    });
}

/// RFC 9110 section 10.1.1-15, 10.1.1-17.
#[test]
fn clients_that_wait_for_100_get_that_of_the_backend() {
    let backend = scripted(|connection| {
        let head = connection.head().unwrap();
        assert_eq!(field(&head, "expect"), Some("100-continue"));
        connection.say("HTTP/1.1 100 Continue\r\n\r\n");
        connection.take(7);
        connection.say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
        connection.until_end();
    });
    with_front(&proxy_to(&[&backend]), async |front| {
        let raw = front.raw(b"http/1.1").await;
        raw.say(format!(
            "PUT / HTTP/1.1\r\nhost: {}\r\nexpect: 100-continue\r\ncontent-length: 7\r\n\r\n",
            front.remote
        ));
        let ahead = raw.until_text("\r\n\r\n").await;
        assert!(ahead.starts_with("HTTP/1.1 100 ") && !ahead.contains(" 200 "), "{ahead}");
        raw.say("content");
        raw.until_text("HTTP/1.1 200 ").await;
        assert_eq!(backend.next(&front.handle).await, Heard::Taken(7));
    });
}

/// What a backend refuses by the head alone is never sent.
#[test]
fn content_that_is_refused_is_not_asked_for() {
    let backend = scripted(|connection| {
        connection.head().unwrap();
        connection.say("HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n");
        connection.until_end();
    });
    with_front(&proxy_to(&[&backend]), async |front| {
        let raw = front.raw(b"http/1.1").await;
        raw.say(format!(
            "PUT / HTTP/1.1\r\nhost: {}\r\nexpect: 100-continue\r\ncontent-length: 7\r\n\r\n",
            front.remote
        ));
        let answer = raw.until_text("\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        assert_eq!(backend.next(&front.handle).await, Heard::End, "the connection is of no use any more");
    });
}

/// RFC 9110 section 6.5.1-1.
#[test]
fn trailers_go_both_ways() {
    let backend = answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nx-sum: 7\r\nset-cookie: late\r\n\r\n",
    );
    with_front(&proxy_to(&[&backend]), async |front| {
        for version in VERSIONS {
            let (mut writer, pending) =
                front.client(version).post(&front.url("/")).field("te", "trailers").start().await.unwrap();
            writer.write("content").await.unwrap();
            let mut fields = Fields::new();
            fields.push("x-up", "1").unwrap();
            writer.finish_with_trailers(&fields).unwrap();
            let mut response = pending.response().await.unwrap();
            let trailers = response.body().trailers().await.unwrap().unwrap();
            assert_eq!(trailers.iter().collect::<Vec<_>>(), [("x-sum", &b"7"[..])], "{version}");
            let heard = backend.request(&front.handle).await;
            assert!(heard.ends_with("\r\n\r\ncontentx-up: 1"), "{heard}");
            assert_eq!(field(&heard, "te"), Some("trailers"));
        }
    });
}

#[test]
fn a_backend_at_a_socket_of_the_file_system() {
    let path = std::env::temp_dir().join(format!("posthaste-backend-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut room = [0; 4096];
        for _ in 0..2 {
            let count = stream.read(&mut room).unwrap();
            assert!(room[..count].ends_with(b"\r\n\r\n"));
            stream.write_all(HELLO.as_bytes()).unwrap();
        }
    });
    let backend = format!("unix:{}", path.display()).parse().unwrap();
    with_front(&ReverseProxy::new([backend]), async |front| {
        for _ in 0..2 {
            let mut response = front.get(HttpVersion::Http2, "/").await.unwrap();
            assert_eq!(response.body().read_to_end(10).await.unwrap(), b"hello");
        }
    });
    std::fs::remove_file(path).unwrap();
}

/// More than any buffer, both ways at once.
#[test]
fn long_content_goes_through_whole() {
    let backend = scripted(|connection| {
        while let Some(head) = connection.head() {
            let length = field(&head, "content-length").unwrap();
            connection.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n"));
            connection.echo(length.parse().unwrap());
        }
    });
    with_front(&proxy_to(&[&backend]), async |front| {
        let content: Vec<u8> = (0..3_000_000_u32).flat_map(|number| number.to_le_bytes()).collect();
        for version in VERSIONS {
            let client = front.client(version);
            let mut response = client.post(&front.url("/")).body(content.clone()).send().await.unwrap();
            let echo = response.body().read_to_end(content.len()).await.unwrap();
            assert!(echo == content, "{version}");
        }
    });
}
