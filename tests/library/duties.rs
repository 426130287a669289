//! What an origin server and its client owe each other (RFC 9110), whatever carries the messages. Included by `tests/library.rs`,
//! over real sockets, and by the library's own tests, over a door in memory.

use super::with_server;
use posthaste::{Error, Method, Reason, ResponseHead, Status};
use std::cell::Cell;
use std::rc::Rc;

/// RFC 9110 section 10.1.1-9, 10.1.1-11, 10.1.1-13, 10.1.1-14, 15.2-2.
#[test]
fn r13_a_client_that_waits_gets_100_when_the_handler_reads() -> Result<(), Error> {
    with_server(
        |mut request, reply| async move {
            let body = request.body().read_to_end(100).await?;
            reply.send(200, body).await
        },
        async |client, base, _| {
            for expectation in ["100-continue", "100-Continue"] {
                let request = client.post(&base).field("expect", expectation).field("content-length", "4");
                let (mut writer, mut pending) = request.start().await?;
                let interim = pending.informational().await?.expect("the handler reads");
                assert_eq!(interim.status, Status::CONTINUE);
                writer.write("four").await?;
                writer.finish()?;
                assert_eq!(pending.informational().await?, None);
                let mut response = pending.response().await?;
                assert_eq!(response.body().read_to_end(100).await?, b"four");
                response.uploaded().await?;
            }
            Ok(())
        },
    )
}

/// RFC 9110 section 10.1.1-12, 10.1.1-11.
#[test]
fn r13_a_client_that_waits_is_refused_without_its_content() -> Result<(), Error> {
    let read = Rc::new(Cell::new(0));
    let seen = read.clone();
    with_server(
        move |request, reply| {
            let seen = seen.clone();
            async move {
                reply.send(403, "no").await?;
                seen.set(seen.get() + request.into_parts().1.received());
                Ok::<(), Error>(())
            }
        },
        async |client, base, _| {
            let request = client.post(&base).field("expect", "100-continue").field("content-length", "9000000");
            let (mut writer, mut pending) = request.start().await?;
            assert_eq!(pending.informational().await?, None, "no 100 where nobody reads");
            let mut response = pending.response().await?;
            assert_eq!(response.status(), Status::FORBIDDEN);
            assert_eq!(response.body().read_to_end(100).await?, b"no");
            assert!(matches!(response.uploaded().await, Err(Error::Stopped { reason: Reason::NotNeeded })));
            let error = writer.write(vec![0; 9_000_000]).await.unwrap_err();
            assert!(matches!(error, Error::Stopped { reason: Reason::NotNeeded }), "{error:?}");
            assert_eq!(read.get(), 0);
            Ok(())
        },
    )
}

/// RFC 9110 section 10.1.1-13.
#[test]
fn no_100_where_nobody_waits_for_it() -> Result<(), Error> {
    with_server(
        |mut request, reply| async move {
            request.body().invite();
            let body = request.body().read_to_end(100).await?;
            reply.send(200, body).await
        },
        async |client, base, _| {
            for (fields, interim) in [
                (&[("expect", "100-continue")][..], true),
                (&[], false),
                (&[("expect", "100-continue"), ("content-length", "0")], false),
            ] {
                let mut request = client.post(&base);
                for (name, value) in fields {
                    request = request.field(name, value);
                }
                let (writer, mut pending) = request.start().await?;
                if interim {
                    let head = pending.informational().await?.expect("it is invited");
                    assert_eq!(head.status, Status::CONTINUE);
                }
                writer.finish()?;
                let response = pending.response().await?;
                assert!(response.informational().is_empty(), "{fields:?}");
                assert_eq!(response.status(), Status::OK);
            }
            Ok(())
        },
    )
}

/// RFC 9110 section 10.1.1-11, 10.1.1-12.
#[test]
fn other_expectations_fail_before_the_handler() -> Result<(), Error> {
    with_server(
        |_request, reply| async move {
            drop(reply);
            panic!("no handler is asked");
            #[allow(unreachable_code)]
            ()
        },
        async |client, base, _| {
            let mut response = client.post(&base).field("expect", "miracles").body("x").send().await?;
            assert_eq!(response.status(), Status::EXPECTATION_FAILED);
            assert!(response.body().read_to_end(200).await?.starts_with(b"this server knows no expectation"));
            Ok(())
        },
    )
}

/// RFC 9110 section 15.3.6-1, 8.6-3, 8.6-5, 9.3.2-1.
#[test]
fn answers_say_of_their_content_what_is_so() -> Result<(), Error> {
    with_server(
        |request, reply| async move {
            let head = |length: &str| ResponseHead::new(Status::OK).with_field("content-length", length).unwrap();
            match request.path() {
                "/205" => reply.send(205, "").await,
                "/205-text" => reply.send(205, "text").await,
                "/204-text" => reply.send(204, "text").await,
                "/304-text" => reply.send(304, "text").await,
                "/205-writer" => {
                    let mut writer = reply.start(205)?;
                    assert!(writer.write("text").await.is_err(), "205 has no content");
                    writer.finish()
                }
                "/long" => reply.send(head("3"), "four").await,
                "/short" => reply.send(head("5"), "four").await,
                "/no-body" => reply.send(200, "").await,
                _ => reply.send(200, "twelve bytes").await,
            }
        },
        async |client, base, _| {
            for (method, path, status, length) in [
                (Method::Get, "/205", 205, None),
                (Method::Get, "/205-writer", 205, None),
                (Method::Get, "/205-text", 500, Some("0")),
                (Method::Get, "/204-text", 500, Some("0")),
                (Method::Get, "/304-text", 500, Some("0")),
                (Method::Get, "/long", 500, Some("0")),
                (Method::Get, "/short", 500, Some("0")),
                (Method::Get, "/no-body", 200, Some("0")),
                (Method::Head, "/no-body", 200, None),
                (Method::Head, "/", 200, Some("12")),
            ] {
                let mut response = client.request(method.clone(), &format!("{base}{path}")).send().await?;
                assert_eq!(response.status().code(), status, "{method} {path}");
                assert_eq!(response.fields().first_text("content-length"), length, "{method} {path}");
                assert_eq!(response.body().read_to_end(100).await?, b"", "{method} {path}");
            }
            Ok(())
        },
    )
}

/// RFC 9114 section 4.1-16: a response is kept, and what became of the upload is told.
#[test]
fn an_upload_is_whole_or_known_not_to_be() -> Result<(), Error> {
    with_server(
        |mut request, reply| async move {
            match request.path() {
                "/all" => {
                    let mut count = 0;
                    while let Some(part) = request.body().chunk().await? {
                        count += part.len();
                    }
                    reply.send(200, count.to_string()).await
                }
                _ => reply.send(200, "early").await,
            }
        },
        async |client, base, _| {
            let body = vec![0; 5_000_000];
            let mut response = client.post(&format!("{base}/all")).body(body.clone()).send().await?;
            assert_eq!(response.body().read_to_end(100).await?, b"5000000");
            response.uploaded().await?;
            let mut response = client.post(&format!("{base}/none")).body(body).send().await?;
            assert_eq!(response.body().read_to_end(100).await?, b"early");
            let error = response.uploaded().await.unwrap_err();
            assert!(matches!(error, Error::Stopped { reason: Reason::NotNeeded }), "{error:?}");
            // Nothing to upload is nothing to wait for.
            client.get(&base).send().await?.uploaded().await
        },
    )
}

/// RFC 9110 section 10.1.1-2, 9.3.7-4, 9.3.8-4, 9.3.8-2, 13.1.5-1, 13.1.5-4, 6.5.1-1.
#[test]
fn a_client_does_not_send_what_it_may_not() -> Result<(), Error> {
    with_server(
        |_request, reply| reply.send(200, ""),
        async |client, base, _| {
            for (method, body, name, value, why) in [
                (Method::Post, "", "expect", "100-continue", "without content"),
                (Method::Trace, "x", "x-own", "1", "TRACE request with content"),
                (Method::Trace, "", "authorization", "x", "TRACE request with credentials"),
                (Method::Options, "x", "x-own", "1", "without Content-Type"),
                (Method::Get, "", "if-range", "\"e\"", "If-Range"),
            ] {
                let request = client.request(method.clone(), &base).field(name, value).body(body);
                let error = request.send().await.unwrap_err().to_string();
                assert!(error.contains(why), "{method} with {name}: {error}");
            }
            let mut late = posthaste::Fields::new();
            late.push("content-type", "text/plain")?;
            let (writer, _pending) = client.post(&base).start().await?;
            let error = writer.finish_with_trailers(&late).unwrap_err().to_string();
            assert!(error.contains("may not stand in trailers"), "{error}");
            Ok(())
        },
    )
}
