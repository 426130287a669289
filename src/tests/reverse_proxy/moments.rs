//! Bad moments: backends that die, are silent or full, clients that leave, servers that end.

use super::backend::{Heard, answering, field, scripted};
use super::{VERSIONS, limits, proxy_to, with_front};
use crate::{HttpVersion, ReverseProxy, Status};
use std::net::TcpListener;
use std::time::Duration;

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn a_backend_that_is_not_there() {
    let address = nobody();
    let proxy = ReverseProxy::new([address.parse().unwrap()]);
    with_front(&proxy, async |front| {
        for version in VERSIONS {
            let mut response = front.get(version, "/x").await.unwrap();
            assert_eq!(response.status(), Status::BAD_GATEWAY);
            let text = response.body().read_to_end(200).await.unwrap();
            assert!(text.starts_with(b"the server behind this one"), "{version}");
            front.told(&format!("GET /x of {}", "127.0.0.1")).await;
            front.told(&format!("the backend {address} failed: it cannot be reached")).await;
        }
    });
    let proxy = ReverseProxy::new(["http://no.such.host.invalid".parse().unwrap()]);
    with_front(&proxy, async |front| {
        assert_eq!(front.get(HttpVersion::Http2, "/").await.unwrap().status(), Status::BAD_GATEWAY);
        front.told("no.such.host.invalid has no address").await;
    });
}

/// Requests are asked of those that answer, and one that has failed is left alone.
#[test]
fn other_backends_answer_for_one_that_is_gone() {
    let (one, other) = (answering(HELLO), answering(HELLO));
    let proxy =
        ReverseProxy::new([nobody(), one.address.clone(), other.address.clone()].map(|text| text.parse().unwrap()));
    with_front(&proxy, async |front| {
        let client = front.client(HttpVersion::Http2);
        for _ in 0..8 {
            let mut response = client.post(&front.url("/")).body("x").send().await.unwrap();
            assert_eq!(response.body().read_to_end(10).await.unwrap(), b"hello");
        }
        let counts = [one.rest().len(), other.rest().len()];
        assert!(counts.iter().sum::<usize>() == 8 && counts.iter().all(|count| *count >= 3), "{counts:?}");
    });
}

/// A connection that its backend has ended while nobody used it costs a request that can be repeated nothing.
/// RFC 9110 section 9.2.2-2.
#[test]
fn a_connection_that_has_ended_is_replaced() {
    let backend = scripted(|connection| {
        // Of each connection the first request is answered, and the second never.
        connection.request();
        connection.say(HELLO);
        connection.request();
    });
    with_front(&proxy_to(&[&backend]), async |front| {
        let client = front.client(HttpVersion::Http2);
        for _ in 0..3 {
            let mut response = client.get(&front.url("/")).send().await.unwrap();
            assert_eq!(response.body().read_to_end(10).await.unwrap(), b"hello");
        }
        // One that cannot be repeated may have been acted upon.
        let response = client.post(&front.url("/")).body("x").send().await.unwrap();
        assert_eq!(response.status(), Status::BAD_GATEWAY);
        front.told("it closed the connection without an answer").await;
        let heard = backend.rest();
        let posts = heard.iter().filter(|heard| matches!(heard, Heard::Request(text) if text.starts_with("POST")));
        assert_eq!(posts.count(), 1);
    });
}

#[test]
fn a_backend_that_says_nothing_is_given_up() {
    let backend = scripted(|connection| {
        connection.request();
        connection.until_end();
    });
    let proxy = proxy_to(&[&backend]).limits(limits(|limits| limits.first_byte = Duration::from_millis(100)));
    with_front(&proxy, async |front| {
        for version in VERSIONS {
            assert_eq!(front.get(version, "/").await.unwrap().status(), Status::GATEWAY_TIMEOUT, "{version}");
            front.told("it did not begin to answer within 100ms").await;
            assert!(matches!(backend.next(&front.handle).await, Heard::Request(_)));
            assert_eq!(backend.next(&front.handle).await, Heard::End, "its work is not waited for");
            // Where nothing of the content was there when the backend was asked, its time runs from when it has all.
            let (mut writer, pending) = front.client(version).post(&front.url("/")).start().await.unwrap();
            front.handle.sleep(Duration::from_millis(150)).await;
            writer.write("late").await.unwrap();
            writer.finish().unwrap();
            assert_eq!(pending.response().await.unwrap().status(), Status::GATEWAY_TIMEOUT, "{version}");
            assert!(backend.request(&front.handle).await.ends_with("late"));
            assert_eq!(backend.next(&front.handle).await, Heard::End);
        }
    });
}

#[test]
fn an_answer_that_stands_still_is_broken_off() {
    let backend = scripted(|connection| {
        connection.request();
        connection.say("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe");
        connection.until_end();
    });
    let proxy = proxy_to(&[&backend]).limits(limits(|limits| limits.idle = Duration::from_millis(100)));
    with_front(&proxy, async |front| {
        for version in VERSIONS {
            let mut response = front.get(version, "/").await.unwrap();
            assert!(response.body().read_to_end(10).await.is_err(), "{version}");
            front.told("nothing more of its answer came for 100ms").await;
        }
    });
}

#[test]
fn the_whole_has_a_limit() {
    let backend = scripted(|connection| {
        connection.request();
        connection.until_end();
    });
    let proxy = proxy_to(&[&backend]).limits(limits(|limits| limits.whole = Duration::from_millis(100)));
    with_front(&proxy, async |front| {
        assert_eq!(front.get(HttpVersion::Http2, "/").await.unwrap().status(), Status::GATEWAY_TIMEOUT);
        front.told("took more than 100ms").await;
    });
}

/// More requests than connections wait, and not for ever; more than may wait are refused.
#[test]
fn a_backend_has_no_more_connections_than_it_may() {
    let backend = scripted(|connection| {
        connection.request();
        connection.until_end();
    });
    let few = limits(|limits| {
        (limits.connections, limits.waiting, limits.wait) = (2, 1, Duration::from_millis(200));
    });
    with_front(&proxy_to(&[&backend]).limits(few), async |front| {
        let client = front.client(HttpVersion::Http2);
        let ask = || {
            let request = client.get(&front.url("/"));
            front.handle.spawn(async move { request.send().await })
        };
        let held = [ask(), ask()];
        for _ in &held {
            backend.request(&front.handle).await;
        }
        for refused in [ask(), ask()] {
            let response = refused.await.unwrap().unwrap();
            assert_eq!(response.status(), Status::SERVICE_UNAVAILABLE);
            assert_eq!(response.fields().first_text("retry-after"), Some("1"));
        }
        assert_eq!(front.proxy.connections(&front.handle), 2);
        front.told("no connection to it was free within 200ms").await;
        drop(held);
    });
}

/// Those that wait are served when others are.
#[test]
fn requests_that_wait_are_served_in_the_end() {
    let backend = answering(HELLO);
    let one = limits(|limits| limits.connections = 1);
    with_front(&proxy_to(&[&backend]).limits(one), async |front| {
        let client = front.client(HttpVersion::Http2);
        let asked: Vec<_> = (0..50)
            .map(|_| {
                let request = client.get(&front.url("/"));
                front.handle.spawn(async move { request.send().await?.body().read_to_end(10).await })
            })
            .collect();
        for answer in asked {
            assert_eq!(answer.await.unwrap().unwrap(), b"hello");
        }
        assert_eq!(front.proxy.connections(&front.handle), 1);
    });
}

/// A client that leaves takes its request with it: before the answer, and in the middle of it.
#[test]
fn nobody_works_for_a_client_that_is_gone() {
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello"] {
        let backend = scripted(move |connection| {
            connection.request();
            connection.say(answer);
            connection.until_end();
        });
        with_front(&proxy_to(&[&backend]), async |front| {
            for version in VERSIONS {
                let client = front.client(version);
                let request = client.get(&front.url("/"));
                let asked = front.handle.spawn(async move { request.send().await?.body().read_to_end(100).await });
                backend.request(&front.handle).await;
                asked.abort();
                client.close().await;
                drop((asked, client));
                assert_eq!(backend.next(&front.handle).await, Heard::End, "{version}");
            }
            let raw = front.raw(b"http/1.1").await;
            raw.say(format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", front.remote));
            backend.request(&front.handle).await;
            raw.cut();
        });
    }
}

/// A client that breaks its request off: the backend never has a message that looks whole.
#[test]
fn a_request_that_breaks_off_is_never_whole() {
    let backend = scripted(|connection| {
        connection.request();
    });
    with_front(&proxy_to(&[&backend]), async |front| {
        for version in VERSIONS {
            for length in ["", "100"] {
                let mut request = front.client(version).post(&front.url("/"));
                if !length.is_empty() {
                    request = request.field("content-length", length);
                }
                let (mut writer, pending) = request.start().await.unwrap();
                writer.write("content").await.unwrap();
                while front.proxy.connections(&front.handle) == 0 {
                    front.handle.sleep(Duration::from_millis(1)).await;
                }
                drop((writer, pending));
                assert_eq!(backend.next(&front.handle).await, Heard::End, "{version} {length}");
                while front.proxy.connections(&front.handle) > 0 {
                    front.handle.sleep(Duration::from_millis(1)).await;
                }
            }
        }
    });
}

/// A backend that goes in the middle of a request, and one that has answered before it has all of it.
#[test]
fn a_backend_that_takes_only_a_part() {
    let gone = scripted(|connection| {
        connection.head();
        connection.take(1000);
    });
    with_front(&proxy_to(&[&gone]), async |front| {
        for version in VERSIONS {
            let response = front.client(version).post(&front.url("/")).body(vec![0; 5_000_000]).send().await.unwrap();
            assert_eq!(response.status(), Status::BAD_GATEWAY, "{version}");
            front.told("it closed the connection without an answer").await;
        }
    });
    let early = scripted(|connection| {
        connection.head();
        connection.say("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno");
        connection.until_end();
    });
    with_front(&proxy_to(&[&early]), async |front| {
        for version in [HttpVersion::Http2, HttpVersion::Http3] {
            let mut response =
                front.client(version).post(&front.url("/")).body(vec![0; 5_000_000]).send().await.unwrap();
            assert_eq!(response.status(), Status::FORBIDDEN, "{version}");
            assert_eq!(response.body().read_to_end(10).await.unwrap(), b"no");
        }
    });
}

/// A client that takes nothing: the backend is held back as well, and little is kept in between.
#[test]
fn a_slow_client_holds_its_backend_back() {
    const LENGTH: usize = 200 << 20;
    let backend = scripted(|connection| {
        connection.request();
        connection.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n"));
        let sent = connection.pour(LENGTH);
        connection.report(sent);
    });
    with_front(&proxy_to(&[&backend]), async |front| {
        for version in VERSIONS {
            let client = front.client(version);
            let mut response = client.get(&front.url("/")).send().await.unwrap();
            response.body().chunk().await.unwrap().unwrap();
            backend.request(&front.handle).await;
            // The backend waits for room when it has been given none for a while: then it reports.
            let Heard::Taken(sent) = backend.next(&front.handle).await else { panic!("it reports") };
            // What the system holds between this process and itself, and a few windows.
            assert!(sent < 40 << 20, "{version}: {sent} bytes were taken of a backend for a client that reads nothing");
            drop(response);
            client.close().await;
        }
    });
}

/// A server that ends lets what it passes on come to its end.
#[test]
fn a_server_that_ends_waits_for_its_backends() {
    let backend = scripted(|connection| {
        let head = connection.head().unwrap();
        assert!(field(&head, "host").is_some());
        connection.say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello");
        connection.take(5);
        connection.say("again");
        connection.until_end();
    });
    for version in VERSIONS {
        let proxy = proxy_to(&[&backend]);
        crate::run(|handle| async move {
            let front = super::Front::start(&handle, &proxy);
            let client = front.client(version);
            let (mut writer, pending) =
                client.post(&front.url("/")).field("content-length", "5").start().await.unwrap();
            let mut response = pending.response().await.unwrap();
            let server = front.server;
            let end = handle.spawn(async move { server.shutdown(Duration::from_secs(20)).await });
            writer.write("again").await.unwrap();
            writer.finish().unwrap();
            assert_eq!(response.body().read_to_end(10).await.unwrap(), b"helloagain", "{version}");
            end.await.unwrap().unwrap();
        })
        .unwrap();
    }
}
