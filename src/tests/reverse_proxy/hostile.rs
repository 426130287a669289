//! Backends that answer wrongly: a client never takes a part for the whole, and no answer is given to another request.

use super::backend::{answering, scripted};
use super::{VERSIONS, proxy_to, with_front};
use crate::HttpVersion;

/// What becomes of an answer.
enum Expected {
    /// The client is told that the backend failed, by this status.
    Status(u16),
    /// It gets this much and then an error, or the error at once.
    Broken,
    /// It gets this.
    Whole(&'static str),
}

#[test]
fn wrong_answers_are_never_taken_for_whole_ones() {
    use Expected::{Broken, Status, Whole};
    let flood = Box::leak(
        format!("{}HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(101)).into_boxed_str(),
    );
    let fields = Box::leak(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(70_000)).into_boxed_str());
    for (answer, expected) in [
        ("", Status(502)),
        ("HTTP/1.1 2", Status(502)),
        ("HTTP/1.1 200 OK\r\ncontent-le", Status(502)),
        ("SSH-2.0-OpenSSH\r\n", Status(502)),
        ("HTTP/2.0 200 OK\r\n\r\n", Status(502)),
        ("HTTP/1.1 200 OK\ncontent-length: 0\n\n", Status(502)),
        ("HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n", Status(502)),
        ("HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 0\r\n\r\n", Status(502)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", Status(502)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Status(502)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Status(502)),
        ("HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na", Status(502)),
        ("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", Status(502)),
        ("HTTP/1.1 999999 OK\r\n\r\n", Status(502)),
        (&*flood, Status(502)),
        (&*fields, Status(502)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell", Broken),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", Broken),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhell", Broken),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", Broken),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", Broken),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhelloX", Broken),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", Broken),
        ("HTTP/1.1 200 OK\r\n\r\nhello", Whole("hello")),
        ("HTTP/1.0 200 OK\r\n\r\nhello", Whole("hello")),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n", Whole("hello")),
        ("HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 5\r\n\r\nhello", Whole("hello")),
    ] {
        let backend = scripted(move |connection| {
            connection.request();
            connection.say(answer);
            connection.end();
            connection.until_end();
        });
        with_front(&proxy_to(&[&backend]), async |front| {
            for version in VERSIONS {
                let got = front.get(version, "/").await;
                match expected {
                    Status(code) => assert_eq!(got.unwrap().status().code(), code, "{version} {answer:?}"),
                    Broken => {
                        let got = match got {
                            // Nothing of it was passed on.
                            Ok(response) if response.status().code() == 502 => continue,
                            Ok(mut response) => response.body().read_to_end(100).await.map(drop),
                            Err(error) => Err(error),
                        };
                        assert!(got.is_err(), "{version} {answer:?}");
                    }
                    Whole(text) => {
                        let body = got.unwrap().body().read_to_end(100).await.unwrap();
                        assert_eq!(body, text.as_bytes(), "{version} {answer:?}");
                    }
                }
                if !matches!(expected, Whole(_)) {
                    front.told("failed: the backend http://127.0.0.1:").await;
                    front.events.borrow_mut().clear();
                }
            }
        });
    }
}

/// What stands behind an answer is no answer to the next request.
#[test]
fn bytes_behind_an_answer_answer_nobody() {
    let backend =
        answering("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngoodHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
    with_front(&proxy_to(&[&backend]), async |front| {
        for version in VERSIONS {
            let client = front.client(version);
            for _ in 0..5 {
                let mut response = client.get(&front.url("/")).send().await.unwrap();
                assert_eq!(response.body().read_to_end(100).await.unwrap(), b"good", "{version}");
            }
        }
    });
}

/// Content where none belongs is not passed on, nor taken for the next answer.
#[test]
fn content_of_answers_that_have_none_goes_nowhere() {
    for (answer, status) in [
        ("HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", 304),
        ("HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\nevil", 204),
        ("HTTP/1.1 205 Reset Content\r\ncontent-length: 4\r\n\r\nevil", 205),
    ] {
        let backend = answering(answer);
        with_front(&proxy_to(&[&backend]), async |front| {
            let client = front.client(HttpVersion::Http2);
            for _ in 0..3 {
                let mut response = client.get(&front.url("/")).send().await.unwrap();
                assert_eq!(response.status().code(), status);
                assert_eq!(response.body().read_to_end(100).await.unwrap(), b"");
            }
        });
    }
}
