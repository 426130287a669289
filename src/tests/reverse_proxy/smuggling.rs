//! Requests that two servers might read differently: what reaches a backend is one message, or none.

use super::backend::{Heard, answering, field};
use super::{proxy_to, with_front};
use base::Instant;
use std::time::Duration;

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// Each is sent with a request for `/smuggled` where a server that reads it in another way would look for one.
/// Z-30, X1 to X4.
const ATTEMPTS: &[(&str, &str)] = &[
    (
        "both",
        "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nSMUGGLED",
    ),
    (
        "both, the other way",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n8\r\nabc\r\nSMUGGLED",
    ),
    ("two lengths", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0\r\ncontent-length: 44\r\n\r\nSMUGGLED"),
    ("two equal lengths", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\nSMUGGLED"),
    ("a list of lengths", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0, 44\r\n\r\nSMUGGLED"),
    ("a length with a sign", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: +44\r\n\r\nSMUGGLED"),
    ("a hexadecimal length", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 0x10\r\n\r\nSMUGGLED"),
    ("a length in words", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 1e1\r\n\r\nSMUGGLED"),
    ("a length beyond all", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: 18446744073709551660\r\n\r\nSMUGGLED"),
    ("a negative length", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: -1\r\n\r\nSMUGGLED"),
    ("no length", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length:\r\n\r\nSMUGGLED"),
    ("bare line feeds", "GET / HTTP/1.1\nhost: HOST\n\nSMUGGLED"),
    ("one bare line feed", "GET / HTTP/1.1\r\nhost: HOST\r\nx: y\ncontent-length: 44\r\n\r\nSMUGGLED"),
    ("a bare carriage return", "GET / HTTP/1.1\r\nhost: HOST\r\nx: y\rcontent-length: 44\r\n\r\nSMUGGLED"),
    ("a zero in a value", "GET / HTTP/1.1\r\nhost: HOST\r\nx: y\0\r\n\r\nSMUGGLED"),
    (
        "a folded coding",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding:\r\n chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\nSMUGGLED",
    ),
    ("a folded line", "POST / HTTP/1.1\r\nhost: HOST\r\nx: y\r\n content-length: 44\r\n\r\nSMUGGLED"),
    ("a space before the colon", "POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length : 44\r\n\r\nSMUGGLED"),
    (
        "a space before the coding's colon",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\nSMUGGLED",
    ),
    ("a space before a name", "POST / HTTP/1.1\r\nhost: HOST\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\nSMUGGLED"),
    ("an unknown coding", "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\nSMUGGLED"),
    ("chunked twice", "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\nSMUGGLED"),
    (
        "chunked in two lines",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\nSMUGGLED",
    ),
    (
        "chunked before another",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\nSMUGGLED",
    ),
    (
        "another before chunked",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\nSMUGGLED",
    ),
    ("chunked in quotes", "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: \"chunked\"\r\n\r\n0\r\n\r\nSMUGGLED"),
    ("a vertical tab", "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\nSMUGGLED"),
    (
        "a parameter of chunked",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked;x\r\n\r\n0\r\n\r\nSMUGGLED",
    ),
    ("an empty coding", "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding:\r\n\r\nSMUGGLED"),
    ("a coding of HTTP/1.0", "POST / HTTP/1.0\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nSMUGGLED"),
    ("a chunk with a sign", "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n+0\r\n\r\nSMUGGLED"),
    ("a chunk with 0x", "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0x0\r\n\r\nSMUGGLED"),
    ("a chunk with a space", "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0 1\r\n\r\nSMUGGLED"),
    ("a chunk of line feeds", "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0\n\nSMUGGLED"),
    (
        "a chunk that ends elsewhere",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\nSMUGGLED",
    ),
    (
        "a chunk beyond all",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n10000000000000000\r\nSMUGGLED",
    ),
    (
        "a line feed in an extension",
        "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n0;x\n\r\nSMUGGLED",
    ),
    ("two hosts", "GET / HTTP/1.1\r\nhost: HOST\r\nhost: other\r\n\r\nSMUGGLED"),
    ("no host", "GET / HTTP/1.1\r\n\r\nSMUGGLED"),
    ("a host that is none", "GET / HTTP/1.1\r\nhost: HOST/x\r\n\r\nSMUGGLED"),
    ("another host in the target", "GET http://other/ HTTP/1.1\r\nhost: HOST\r\nconnection: close\r\n\r\n"),
    ("a space in the target", "GET / HTTP/1.1 HTTP/1.1\r\nhost: HOST\r\n\r\nSMUGGLED"),
    ("two spaces", "GET  / HTTP/1.1\r\nhost: HOST\r\n\r\nSMUGGLED"),
    ("a tab", "GET\t/ HTTP/1.1\r\nhost: HOST\r\n\r\nSMUGGLED"),
    ("another version", "GET / HTTP/1.1x\r\nhost: HOST\r\n\r\nSMUGGLED"),
    ("HTTP/2's first words", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nSMUGGLED"),
    ("no colon", "GET / HTTP/1.1\r\nhost: HOST\r\nx\r\n\r\nSMUGGLED"),
    ("an empty name", "GET / HTTP/1.1\r\nhost: HOST\r\n: y\r\n\r\nSMUGGLED"),
    ("a name that is none", "GET / HTTP/1.1\r\nhost: HOST\r\nx y: z\r\n\r\nSMUGGLED"),
    ("a name beyond ASCII", "GET / HTTP/1.1\r\nhost: HOST\r\ntransfer\u{e9}: z\r\n\r\nSMUGGLED"),
];

/// Whatever is sent over HTTP/1.1, a backend sees no request that it was not, and the connection ends.
#[test]
fn z30_what_can_be_read_in_two_ways_reaches_no_backend() {
    let backend = answering(EMPTY);
    with_front(&proxy_to(&[&backend]), async |front| {
        let host = front.remote.to_string();
        for (name, attempt) in ATTEMPTS {
            let smuggled = format!("GET /smuggled HTTP/1.1\r\nhost: {host}\r\n\r\n");
            let raw = front.raw(b"http/1.1").await;
            raw.say(attempt.replace("HOST", &host).replace("SMUGGLED", &smuggled));
            let answer = raw.until(|_| false).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5"), "{name}: {answer}");
            assert_eq!(answer.matches("\r\ndate: ").count(), 1, "{name}: one answer: {answer}");
            // Some are found out when their content is read, and then their head was passed on. It is never complete.
            let whole: Vec<Heard> = backend.rest().into_iter().filter(|heard| *heard != Heard::End).collect();
            assert!(whole.is_empty(), "{name}: {whole:?}");
        }
    });
}

/// What is well-formed, if odd, is one message, whose length the backend reads as it was meant.
#[test]
fn what_is_meant_in_one_way_arrives_in_one_way() {
    let backend = answering(EMPTY);
    with_front(&proxy_to(&[&backend]), async |front| {
        let smuggled = "GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
        let length = smuggled.len();
        for (attempt, content) in [
            (format!("POST / HTTP/1.1\r\nhost: HOST\r\ncontent-length: {length}\r\n\r\n{smuggled}"), smuggled),
            (format!("GET / HTTP/1.1\r\nhost: HOST\r\ncontent-length: {length}\r\n\r\n{smuggled}"), smuggled),
            (
                format!(
                    "POST / HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: chunked\r\n\r\n{length:x};x=\"\\\"\r\n{smuggled}\r\n0\r\n\r\n"
                ),
                smuggled,
            ),
            (
                "POST / HTTP/1.1\r\nHOST: HOST\r\nTransfer-Encoding: CHUNKED\r\n\r\n003\r\nabc\r\n000\r\n\r\n".into(),
                "abc",
            ),
            (
                "POST / HTTP/1.1\r\nhost: HOST\r\nconnection: content-length\r\ncontent-length: 3\r\n\r\nabc".into(),
                "abc",
            ),
            ("POST / HTTP/1.1\r\nhost: HOST\r\ncontent_length: 9\r\ncontent-length: 3\r\n\r\nabc".into(), "abc"),
            ("GET https://HOST/ HTTP/1.1\r\nhost: elsewhere\r\n\r\n".into(), ""),
        ] {
            let raw = front.raw(b"http/1.1").await;
            raw.say(attempt.replace("HOST:", "host:").replace("HOST", &front.remote.to_string()));
            let answer = raw.until_text("\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{attempt}: {answer}");
            let heard = backend.request(&front.handle).await;
            let (head, got) = heard.split_once("\r\n\r\n").unwrap();
            assert_eq!(got, content, "{attempt}: {heard}");
            assert_eq!(
                head.matches("\r\ncontent-length").count() + head.matches("\r\ntransfer-encoding").count(),
                usize::from(!content.is_empty()),
                "{head}"
            );
            assert_eq!(field(&heard, "host"), Some(&*front.remote.to_string()));
            assert!(!head.contains("content_length"), "{head}");
        }
        assert!(backend.rest().is_empty());
    });
}

/// Lines of a request head in HTTP/2 that would be others in HTTP/1.1.
#[test]
fn z30_fields_of_http2_that_would_be_more_in_http1_reach_no_backend() {
    let backend = answering(EMPTY);
    with_front(&proxy_to(&[&backend]), async |front| {
        let host = front.remote.to_string();
        let smuggled = "\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
        let usual = [(":method", "GET"), (":scheme", "https"), (":authority", &*host), (":path", "/")];
        let in_path = format!("/ HTTP/1.1{smuggled}");
        let in_method = format!("GET / HTTP/1.1{smuggled}");
        for (name, value) in [
            ("x", &*format!("y{smuggled}")),
            ("x", "y\ncontent-length: 9"),
            ("x", "y\rz"),
            ("x", "y\0z"),
            ("x\r\ncontent-length", "9"),
            ("x: y\r\nz", "1"),
            ("x y", "1"),
            ("X", "1"),
            ("transfer-encoding", "chunked"),
            ("connection", "close"),
            ("keep-alive", "1"),
            ("proxy-connection", "x"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("content-length", "5"),
            ("content-length", "+0"),
            ("content-length", "0, 0"),
            ("host", "other"),
            (":path", &in_path),
            (":path", "/ x"),
            (":path", "x"),
            (":path", "/#x"),
            (":method", &in_method),
            (":method", "G ET"),
            (":authority", "a b"),
            (":authority", "user@a"),
            (":authority", "a\r\nx: y"),
            (":scheme", "https\r\nx"),
            (":protocol", "websocket"),
            (":unknown", "x"),
        ] {
            let mut lines: Vec<(&str, &str)> = usual.iter().copied().filter(|(of, _)| *of != name).collect();
            let place = if name.starts_with(':') { 0 } else { lines.len() };
            lines.insert(place, (name, value));
            let raw = front.raw(b"h2").await;
            raw.say(http2_request(&lines, true));
            // A reset of the stream, the end of the connection, or an answer.
            raw.until(|bytes| frames(bytes).iter().any(|(kind, _)| matches!(*kind, RST_STREAM | GOAWAY | HEADERS)))
                .await;
            front.handle.sleep(Duration::from_millis(1)).await;
            assert!(backend.rest().is_empty(), "{name}: {value:?}");
        }
        // The same way of writing is understood, where nothing is wrong.
        let raw = front.raw(b"h2").await;
        raw.say(http2_request(&usual, true));
        let heard = backend.request(&front.handle).await;
        assert!(heard.starts_with("GET / HTTP/1.1\r\n"), "{heard}");
    });
}

/// Content of HTTP/2 that is longer or shorter than its length: no backend has a message that looks whole.
#[test]
fn z30_lengths_of_http2_that_are_wrong_reach_no_backend_as_a_message() {
    let backend = answering(EMPTY);
    with_front(&proxy_to(&[&backend]), async |front| {
        let host = front.remote.to_string();
        for length in ["3", "5", "0", "100"] {
            let lines = [
                (":method", "POST"),
                (":scheme", "https"),
                (":authority", &*host),
                (":path", "/"),
                ("content-length", length),
            ];
            let raw = front.raw(b"h2").await;
            raw.say(http2_request(&lines, false));
            raw.say(frame(DATA, END_STREAM, b"four"));
            raw.until(|bytes| frames(bytes).iter().any(|(kind, _)| *kind == RST_STREAM || *kind == GOAWAY)).await;
            let end = front.handle.now() + Duration::from_millis(20);
            wait_until(front, end).await;
            let whole: Vec<Heard> = backend.rest().into_iter().filter(|heard| *heard != Heard::End).collect();
            assert!(whole.is_empty(), "{length}: {whole:?}");
        }
    });
}

async fn wait_until(front: &super::Front, end: Instant) {
    front.handle.sleep_until(end).await;
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let stream = u8::from(kind != SETTINGS);
    let mut bytes = vec![0, (payload.len() >> 8) as u8, payload.len() as u8, kind, flags, 0, 0, 0, stream];
    bytes.extend_from_slice(payload);
    bytes
}

/// The start of a connection, and a request of these lines as they are: literals without indexing (RFC 7541 section 6.2.2).
fn http2_request(lines: &[(&str, &str)], ends: bool) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in lines {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127);
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend_from_slice(&frame(SETTINGS, 0, b""));
    bytes.extend_from_slice(&frame(HEADERS, END_HEADERS | if ends { END_STREAM } else { 0 }, &block));
    bytes
}

/// The frames that have come whole: kind and payload.
fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    while bytes.len() >= 9 {
        let length = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
        let Some(payload) = bytes.get(9..9 + length) else { break };
        all.push((bytes[3], payload.to_vec()));
        bytes = &bytes[9 + length..];
    }
    all
}
