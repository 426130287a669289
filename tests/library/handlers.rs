//! What handlers and clients do with requests and responses, whatever carries them. Included by `tests/library.rs`, over real
//! sockets, and by the library's own tests, over a door in memory.

use super::{TELLS_REASONS, with_server};
use posthaste::json::{self, Value};
use posthaste::{Body, BodyWriter, Bytes, Error, Fields, Method, Reason};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

const TEN_MEGABYTES: usize = 10_000_000;

/// Byte `i` of what is sent.
fn byte(place: usize) -> u8 {
    (place % 251) as u8
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(byte).collect()
}

pub(super) async fn write_pattern(mut writer: BodyWriter, len: usize) -> Result<(), Error> {
    let all = Bytes::from(pattern(len));
    for start in (0..len).step_by(50_000) {
        writer.write(all.slice(start..start + 50_000)).await?;
    }
    writer.finish()
}

pub(super) async fn read_pattern(body: &mut Body) -> Result<usize, Error> {
    let mut place = 0;
    while let Some(part) = body.chunk().await? {
        for found in part.iter() {
            assert_eq!(*found, byte(place), "at {place}");
            place += 1;
        }
    }
    Ok(place)
}

#[test]
fn a_request_and_its_answer() -> Result<(), Error> {
    with_server(
        |request, reply| async move {
            let text = format!("{} {} {}", request.method(), request.path(), request.query().unwrap_or("-"));
            assert_eq!(request.fields().first_text("x-own"), Some("v"));
            assert!(request.authority().starts_with("127.0.0.1:"));
            reply.send((200, "text/plain"), text).await
        },
        async |client, base, _| {
            let mut response = client.get(&format!("{base}/a/b?c")).field("X-Own", "v").send().await?;
            assert_eq!(response.status().code(), 200);
            assert_eq!(response.fields().first_text("content-type"), Some("text/plain"));
            assert_eq!(response.fields().first_text("content-length"), Some("10"));
            assert_eq!(response.body().read_to_end(100).await?, b"GET /a/b c");
            assert_eq!(response.body().trailers().await?, None);
            Ok(())
        },
    )
}

#[test]
fn head_and_statuses_without_content() -> Result<(), Error> {
    with_server(
        |request, reply| async move {
            match request.path() {
                "/writer" => {
                    let mut writer = reply.start(200)?;
                    writer.write("dropped for HEAD").await?;
                    writer.finish()
                }
                "/204" => reply.send(204, "").await,
                _ => reply.send(200, "twelve bytes").await,
            }
        },
        async |client, base, _| {
            for (method, path, status, length, body) in [
                (Method::Head, "/", 200, Some("12"), ""),
                (Method::Head, "/writer", 200, None, ""),
                (Method::Get, "/204", 204, None, ""),
                (Method::Get, "/", 200, Some("12"), "twelve bytes"),
            ] {
                let mut response = client.request(method, &format!("{base}{path}")).send().await?;
                assert_eq!(response.status().code(), status, "{path}");
                assert_eq!(response.fields().first_text("content-length"), length, "{path}");
                assert_eq!(response.body().read_to_end(100).await?, body.as_bytes(), "{path}");
            }
            Ok(())
        },
    )
}

/// What handlers do with JSON: values come and go, and what is none is answered with what is wrong, and where.
#[test]
fn values_of_json_both_ways() -> Result<(), Error> {
    with_server(
        |mut request, reply| async move {
            match request.json(100).await {
                Ok(value) if request.path() == "/problem" => {
                    reply.json((400, "application/problem+json"), &Value::object([("about", value)])).await
                }
                Ok(value) => reply.json(200, &Value::object([("got", value)])).await,
                Err(error) => reply.send((error.status(), "text/plain"), error.to_string()).await,
            }
        },
        async |client, base, _| {
            let post = |path: &str, kind: &str, body: &str| {
                client.post(&format!("{base}{path}")).field("content-type", kind).body(body.to_owned())
            };
            let mut answer = post("/", "application/json", "{\"price\": 12.90}").send().await?;
            assert_eq!(answer.fields().first_text("content-type"), Some("application/json"));
            assert_eq!(answer.body().json(100).await?.to_string(), "{\"got\":{\"price\":12.90}}");
            let mut answer = post("/problem", "Application/LD+JSON ; charset=utf-8", " 1 ").send().await?;
            assert_eq!(answer.status().code(), 400);
            assert_eq!(answer.fields().first_text("content-type"), Some("application/problem+json"));
            assert_eq!(answer.body().json(100).await?.get("about").and_then(Value::as_u64), Some(1));
            let longest = format!("\"{}\"", "x".repeat(98));
            assert_eq!(post("/", "application/json", &longest).send().await?.status().code(), 200);
            for (kind, body, status, text) in [
                ("application/json", "[1,", 400, "line 1, column 4 (byte 3): expected a value, and the text ends"),
                ("application/json", "", 400, "line 1, column 1 (byte 0): expected a value, and the text ends"),
                ("application/json", &format!("{longest} "), 413, "larger than the limit of 100 bytes"),
                ("text/plain", "1", 415, "the content type is text/plain, and has to be application/json"),
                ("application/jsonx", "1", 415, "application/jsonx"),
                ("text/x+json", "1", 415, "text/x+json"),
            ] {
                let mut answer = post("/", kind, body).send().await?;
                let found = String::from_utf8(answer.body().read_to_end(1000).await?).expect("a text");
                assert_eq!(answer.status().code(), status, "{found}");
                assert!(found.contains(text), "{found}");
            }
            let mut answer = client.post(&base).body("1").send().await?;
            assert_eq!(answer.status().code(), 415);
            // What a client reads is judged in the same way, whatever its type.
            let refused = answer.body().json(1000).await.expect_err("a text");
            assert!(matches!(&refused, Error::Json(json::Error { offset: 0, .. })), "{refused}");
            let mut answer = post("/", "application/json", "[10000]").send().await?;
            assert!(matches!(answer.body().json(14).await, Err(Error::TooLarge { limit: 14 })));
            Ok(())
        },
    )
}

#[test]
fn ten_megabytes_up_down_and_both_ways_at_a_time() -> Result<(), Error> {
    with_server(
        |mut request, reply| async move {
            match request.path() {
                "/up" => {
                    let count = read_pattern(request.body()).await?;
                    reply.send(200, count.to_string()).await
                }
                "/down" => write_pattern(reply.start(200)?, TEN_MEGABYTES).await,
                _ => {
                    let mut writer = reply.start(200)?;
                    while let Some(part) = request.body().chunk().await? {
                        writer.write(part).await?;
                    }
                    writer.finish()
                }
            }
        },
        async |client, base, _| {
            let body = Bytes::from(pattern(TEN_MEGABYTES));
            let mut up = client.post(&format!("{base}/up")).body(body.clone()).send().await?;
            assert_eq!(up.body().read_to_end(100).await?, TEN_MEGABYTES.to_string().as_bytes());
            let mut down = client.get(&format!("{base}/down")).send().await?;
            assert_eq!(read_pattern(down.body()).await?, TEN_MEGABYTES);
            assert_eq!(down.body().received(), TEN_MEGABYTES as u64);
            let mut echo = client.post(&format!("{base}/echo")).body(body).send().await?;
            assert_eq!(echo.body().length(), None);
            assert_eq!(read_pattern(echo.body()).await?, TEN_MEGABYTES);
            Ok(())
        },
    )
}

#[test]
fn a_writer_waits_for_a_reader_that_does_not_read() -> Result<(), Error> {
    let written = Rc::new(Cell::new(0));
    let count = written.clone();
    with_server(
        move |request, reply| {
            let count = count.clone();
            async move {
                if request.path() != "/slow" {
                    return reply.send(200, "").await;
                }
                let mut writer = reply.start(200)?;
                while count.get() < 100_000_000 {
                    writer.write(vec![0; 50_000]).await?;
                    count.set(count.get() + 50_000);
                }
                writer.finish()
            }
        },
        async |client, base, _| {
            let mut slow = client.get(&format!("{base}/slow")).send().await?;
            // Other requests go on meanwhile; after so many, the first had all the time it needed.
            for _ in 0..1000 {
                client.get(&base).send().await?;
            }
            let before = written.get();
            assert!(before < 50_000_000, "{before} bytes were written that nobody read");
            assert!(slow.body().chunk().await?.is_some());
            Ok(())
        },
    )
}

#[test]
fn many_requests_wait_for_the_stream_limit() -> Result<(), Error> {
    with_server(
        |request, reply| async move { reply.send(200, request.path().to_owned()).await },
        async |client, base, handle| {
            let ask = |number: usize| {
                let request = client.get(&format!("{base}/{number}"));
                handle.spawn(async move { request.send().await?.body().read_to_end(100).await })
            };
            let tasks: Vec<_> = (0..1000).map(ask).collect();
            for (number, task) in tasks.into_iter().enumerate() {
                assert_eq!(task.await.expect("not aborted")?, format!("/{number}").as_bytes());
            }
            Ok(())
        },
    )
}

/// RFC 9114 section 4.1.1-6.
#[test]
fn handlers_that_panic_or_forget_to_answer() -> Result<(), Error> {
    with_server(
        |request, reply| {
            // Before there is a future, too.
            assert_ne!(request.path(), "/early");
            async move {
                match request.path() {
                    "/panic" => panic!("a handler may panic"),
                    "/drop" => drop(reply),
                    "/begin" => {
                        let mut writer = reply.start(200)?;
                        writer.write("not all").await?;
                    }
                    "/short" => {
                        let head =
                            posthaste::ResponseHead::new(posthaste::Status::OK).with_field("content-length", "9")?;
                        let mut writer = reply.start(head)?;
                        writer.write("less").await?;
                        assert!(writer.finish().is_err());
                    }
                    _ => reply.send(200, "fine").await?,
                }
                Ok::<(), Error>(())
            }
        },
        async |client, base, _| {
            for path in ["/panic", "/drop", "/early"] {
                assert_eq!(client.get(&format!("{base}{path}")).send().await?.status().code(), 500, "{path}");
            }
            for path in ["/begin", "/short"] {
                let result = match client.get(&format!("{base}{path}")).send().await {
                    Ok(mut response) => response.body().read_to_end(100).await.map(|_| ()),
                    Err(error) => Err(error),
                };
                let is_told = matches!(result, Err(Error::Reset { reason: Reason::Cancelled }));
                assert!(is_told || (!TELLS_REASONS && result.is_err()), "{path}: {result:?}");
            }
            assert_eq!(client.get(&base).send().await?.status().code(), 200);
            Ok(())
        },
    )
}

/// Tells when it is dropped.
struct Flag(Rc<RefCell<(bool, Option<Waker>)>>);

impl Drop for Flag {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.0 = true;
        if let Some(waker) = state.1.take() {
            waker.wake();
        }
    }
}

#[test]
fn a_handler_ends_when_its_client_gives_up() -> Result<(), Error> {
    let state = Rc::new(RefCell::new((false, None)));
    let shared = state.clone();
    with_server(
        move |_request, reply| {
            let flag = Flag(shared.clone());
            async move {
                let mut writer = reply.start(200)?;
                writer.write("first").await?;
                pending::<()>().await;
                drop(flag);
                writer.finish()
            }
        },
        async |client, base, _| {
            let mut response = client.get(&base).send().await?;
            assert_eq!(response.body().chunk().await?.as_deref(), Some(&b"first"[..]));
            assert!(!state.borrow().0);
            drop(response);
            poll_fn(|context| {
                let mut state = state.borrow_mut();
                state.1 = Some(context.waker().clone());
                if state.0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            Ok(())
        },
    )
}

#[test]
fn an_answer_before_the_upload_is_complete() -> Result<(), Error> {
    with_server(
        |_request, reply| reply.send(413, "too much"),
        async |client, base, _| {
            let mut response = client.post(&base).body(vec![0; 50_000_000]).send().await?;
            assert_eq!(response.status().code(), 413);
            assert_eq!(response.body().read_to_end(100).await?, b"too much");
            Ok(())
        },
    )
}

#[test]
fn a_rejected_request_is_sent_again_and_a_limit_is_kept() -> Result<(), Error> {
    let count = Rc::new(Cell::new(0));
    let seen = count.clone();
    with_server(
        move |_request, reply| {
            seen.set(seen.get() + 1);
            let first = seen.get() == 1;
            async move {
                if first {
                    reply.reject();
                    return Ok(());
                }
                reply.send(200, "second").await
            }
        },
        async |client, base, _| {
            let mut response = client.post(&base).body("x").send().await?;
            if !TELLS_REASONS {
                assert_eq!((count.get(), response.status().code()), (1, 503));
                return Ok(());
            }
            assert_eq!(count.get(), 2);
            let error = response.body().read_to_end(5).await.unwrap_err();
            assert!(matches!(error, Error::TooLarge { limit: 5 }), "{error:?}");
            Ok(())
        },
    )
}

#[test]
fn what_breaks_the_rules_is_not_sent() -> Result<(), Error> {
    with_server(
        |_request, reply| reply.send(99, ""),
        async |client, base, _| {
            for (name, value) in [("a b", "c"), ("a", "b\r\nc: d"), ("connection", "close")] {
                let error = client.get(&base).field(name, value).send().await.unwrap_err();
                assert!(matches!(error, Error::Message(_)), "{error:?}");
            }
            let (mut writer, _pending) = client.post(&base).field("content-length", "3").start().await?;
            assert!(matches!(writer.write("four").await, Err(Error::Message(_))));
            let mut trailers = Fields::new();
            trailers.push("content-length", "3")?;
            let (writer, _pending) = client.post(&base).start().await?;
            assert!(matches!(writer.finish_with_trailers(&trailers), Err(Error::Message(_))));
            // 99 is no status: the handler fails, and the client is told.
            assert_eq!(client.get(&base).send().await?.status().code(), 500);
            Ok(())
        },
    )
}

/// A handler that asks for room first reads nothing for a client that takes nothing, and no more than is taken.
#[test]
fn r1_a_body_is_read_from_elsewhere_only_as_the_client_takes_it() -> Result<(), Error> {
    let (read, took) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let (count, limit) = (read.clone(), took.clone());
    with_server(
        move |_, mut reply| {
            let (read, took) = (count.clone(), limit.clone());
            async move {
                assert!(reply.room(1000).await? > 0);
                let mut writer = reply.start(200)?;
                while read.get() < TEN_MEGABYTES {
                    let room = writer.room(50_000.min(TEN_MEGABYTES - read.get())).await?;
                    assert!(room > 0 && room <= 50_000);
                    let part: Vec<u8> = (read.get()..read.get() + room).map(byte).collect();
                    read.set(read.get() + room);
                    assert!(read.get() - took.get() < TEN_MEGABYTES / 2, "far ahead of the client");
                    writer.write(part).await?;
                }
                writer.finish()
            }
        },
        async move |client, base, _| {
            let mut response = client.get(&base).send().await?;
            let body = response.body();
            let mut place = 0;
            while let Some(part) = body.chunk().await? {
                assert!(part.iter().enumerate().all(|(at, found)| *found == byte(place + at)));
                place += part.len();
                took.set(place);
            }
            assert_eq!(place, TEN_MEGABYTES);
            Ok(())
        },
    )
}

/// Who gives up one half of an exchange gives up all of it, and whoever waits for the other half learns that.
#[test]
fn who_waits_for_one_half_learns_that_the_other_was_given_up() -> Result<(), Error> {
    with_server(
        |request, reply| async move {
            let _unanswered = (request, reply);
            pending::<()>().await;
        },
        async |client, base, handle| {
            let is_told = |error: Error| error.to_string().contains("given the request up");
            let (upload, response) = client.post(&base).start().await?;
            drop(upload);
            assert!(is_told(response.response().await.unwrap_err()));
            let (upload, response) = client.post(&base).start().await?;
            let answer = handle.spawn(async move { response.response().await.map(drop) });
            let (mut other_upload, other_response) = client.post(&base).start().await?;
            let written = handle.spawn(async move { other_upload.write(vec![0; 4 << 20]).await });
            // Both have their turn, and begin to wait.
            let mut has_waited = false;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut has_waited, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            upload.reset(Reason::Cancelled);
            assert!(is_told(answer.await.expect("it does not panic").unwrap_err()));
            drop(other_response);
            assert!(written.await.expect("it does not panic").is_err());
            Ok(())
        },
    )
}
