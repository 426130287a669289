//! Server and client of the library against each other, over real sockets.
#![allow(clippy::unwrap_used)] // a test may

mod support;

use posthaste::{
    Body, BodyWriter, Bytes, Client, Error, Fields, Handle, Identity, Method, Reply, Request, Roots, Server,
};
use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::net::UdpSocket;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;
use support::with_server;

const TEN_MEGABYTES: usize = 10_000_000;

/// Byte `i` of what is sent.
fn byte(place: usize) -> u8 {
    (place % 251) as u8
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(byte).collect()
}

async fn write_pattern(mut writer: BodyWriter, len: usize) -> Result<(), Error> {
    let all = Bytes::from(pattern(len));
    for start in (0..len).step_by(50_000) {
        writer.write(all.slice(start..start + 50_000)).await?;
    }
    writer.finish()
}

async fn read_pattern(body: &mut Body) -> Result<usize, Error> {
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
                assert!(matches!(result, Err(Error::Reset { code: 0x102 })), "{path}: {result:?}");
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
            assert_eq!(count.get(), 2);
            let error = response.body().read_to_end(5).await.unwrap_err();
            assert!(matches!(error, Error::TooLarge { limit: 5 }), "{error:?}");
            Ok(())
        },
    )
}

#[test]
fn a_client_connects_again_when_the_server_was_replaced() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let client = Client::builder(Roots::from_pem(identity.certificate_pem().as_bytes())?).build(&handle);
        let start = |address: &str, text: &'static str| {
            let address = address.parse().expect("an address");
            Server::builder(identity.clone())
                .listen(address)
                .start(&handle, move |_, reply: Reply| reply.send(200, text))
        };
        let first = start("127.0.0.1:0", "first")?;
        let address = first.addresses()[0].to_string();
        let url = format!("https://{address}/");
        assert_eq!(client.get(&url).send().await?.body().read_to_end(100).await?, b"first");
        first.shutdown(Duration::from_secs(5)).await;
        let _second = start(&address, "second")?;
        assert_eq!(client.get(&url).send().await?.body().read_to_end(100).await?, b"second");
        Ok(())
    })?
}

#[test]
fn a_shutdown_lets_what_is_under_way_finish() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let client = Client::builder(Roots::from_pem(identity.certificate_pem().as_bytes())?).build(&handle);
        let server = Server::builder(identity)
            .listen("127.0.0.1:0".parse().expect("an address"))
            .start(&handle, |_: Request, reply: Reply| async move {
                write_pattern(reply.start(200)?, TEN_MEGABYTES).await
            })?;
        let url = format!("https://{}/", server.addresses()[0]);
        let mut response = client.get(&url).send().await?;
        let end = handle.spawn(server.shutdown(Duration::from_secs(60)));
        assert_eq!(read_pattern(response.body()).await?, TEN_MEGABYTES);
        end.await.expect("not aborted");
        Ok(())
    })?
}

#[test]
fn errors_name_what_failed() -> Result<(), Error> {
    let make = support::identity;
    let now = runtime::clock::unix_seconds();
    posthaste::run(|handle| async move {
        let expired = make(&["127.0.0.1"], now - 1000, 500);
        let misnamed = make(&["www.example", "example.org"], now - 1000, 5000);
        let stranger = make(&["127.0.0.1"], now - 1000, 5000);
        for (identity, roots, parts) in [
            (expired.clone(), &expired, ["127.0.0.1 is refused", "expired on"]),
            (misnamed.clone(), &misnamed, ["www.example, example.org", "not 127.0.0.1"]),
            (stranger, &misnamed, ["127.0.0.1 is refused", "not an authority's"]),
        ] {
            let client = Client::builder(Roots::from_pem(roots.certificate_pem().as_bytes())?).build(&handle);
            let server = Server::builder(identity)
                .listen("127.0.0.1:0".parse().expect("an address"))
                .start(&handle, |_, reply: Reply| reply.send(200, ""))?;
            let error = client.get(&format!("https://{}/", server.addresses()[0])).send().await.unwrap_err();
            let text = error.to_string();
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
        Ok(())
    })?
}

#[test]
fn nobody_there_and_nobody_who_answers() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let patience = Duration::from_millis(200);
        let client = Client::builder(Roots::dangerous_accept_any()).connect_timeout(patience).build(&handle);
        let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = silent.local_addr().expect("an address");
        let url = format!("https://{address}/");
        let error = client.get(&url).send().await.unwrap_err();
        assert!(
            matches!(error, Error::NoAnswer { address: asked, after } if asked == address && after == patience),
            "{error}"
        );
        drop(silent);
        let error = client.get(&url).send().await.unwrap_err();
        assert!(matches!(error, Error::Refused { address: asked } if asked == address), "{error}");
        // A hundred that ask at once share the one attempt and its outcome.
        let all: Vec<_> = (0..100).map(|_| handle.spawn(client.get(&url).send())).collect();
        for one in all {
            assert!(matches!(one.await.expect("not aborted"), Err(Error::Refused { .. })));
        }
        for (url, part) in [
            ("http://localhost/", "https"),
            ("https://no.such.host.invalid/", "no.such.host.invalid has no address"),
            ("https://1.2.3/", "cannot be the name of a server"),
        ] {
            let error = client.get(url).send().await.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        Ok(())
    })?
}

#[test]
fn a_server_of_another_protocol() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let key = (crypto_ring::PROVIDER.generate_key)(crypto::KeyKind::EcP256).expect("a key");
        let request = x509::IssueRequest {
            names: vec!["127.0.0.1".into()],
            not_before_unix: 0,
            lifetime_seconds: 1 << 33,
            serial: [7; 16],
            is_authority: false,
        };
        let identity = x509::issue::self_signed(&crypto_ring::PROVIDER, &key, &request).expect("an identity");
        let key = (crypto_ring::PROVIDER.load_key)(crypto::PrivateKeyFormat::Pkcs8, &key).expect("the key");
        let certified = std::sync::Arc::new(tls::CertifiedKey { chain: vec![identity.certificate], key });
        struct Clock;
        impl tls::WallClock for Clock {
            fn unix_seconds(&self) -> u64 {
                0
            }
        }
        let resolver = std::sync::Arc::new(tls::resolver::Single(certified));
        let clock = std::sync::Arc::new(Clock);
        let tls = tls::ServerConfig::new(crypto_ring::PROVIDER, resolver, vec![b"other".to_vec()], clock);
        let config =
            quic::EndpointConfig::new(crypto_ring::PROVIDER, Default::default(), Some(std::sync::Arc::new(tls)));
        let random = Box::new(crypto_ring::SystemRandom::new());
        let endpoint: quic::Endpoint = quic::Endpoint::new(runtime::clock::now(), config, random);
        let endpoint = Rc::new(RefCell::new(endpoint));
        let socket = runtime::UdpSocket::bind("127.0.0.1:0".parse().expect("an address")).expect("a socket");
        let address = socket.local_address();
        let (driver, _notice) = runtime::Driver::new(&handle, vec![socket], endpoint, |_, _| {}).expect("a driver");
        handle.spawn(driver);
        let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
        let error = client.get(&format!("https://{address}/")).send().await.unwrap_err();
        assert!(matches!(error, Error::NotHttp3 { address: asked } if asked == address), "{error}");
        Ok(())
    })?
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

#[test]
fn a_client_moves_to_another_port_between_and_during_requests() {
    with_server(
        async |request, reply| {
            let _ = reply.send(200, request.remote().to_string()).await;
        },
        async |client, base, handle| {
            let ask = async || {
                let mut response = client.get(&base).send().await.unwrap();
                String::from_utf8(response.body().read_to_end(100).await.unwrap()).unwrap()
            };
            let mut seen = vec![ask().await];
            for _ in 0..3 {
                client.migrate().await.unwrap();
                // The server has moved when it has heard the client from there and proved it.
                let before = seen.last().unwrap().clone();
                let mut now = ask().await;
                while now == before {
                    handle.sleep(Duration::from_millis(5)).await;
                    now = ask().await;
                }
                assert!(!seen.contains(&now));
                seen.push(now);
            }
            client.close().await;
        },
    );
}

/// Whether no socket is bound there; waits for that.
async fn is_closed(handle: &Handle, address: &str) -> bool {
    for _ in 0..1000 {
        if UdpSocket::bind(address).is_ok() {
            return true;
        }
        handle.sleep(Duration::from_millis(5)).await;
    }
    false
}

/// Two at once, and one that nobody waits for: no socket stays but the one in use and the one before.
#[test]
fn a_client_is_moved_by_one_call_at_a_time_and_none_leaves_a_socket_behind() {
    with_server(
        async |request, reply| {
            let _ = reply.send(200, request.remote().to_string()).await;
        },
        async |client, base, handle| {
            let moved_from = async |before: &str| loop {
                let mut response = client.get(&base).send().await.unwrap();
                let now = String::from_utf8(response.body().read_to_end(100).await.unwrap()).unwrap();
                if now != before {
                    break now;
                }
                handle.sleep(Duration::from_millis(5)).await;
            };
            let first = moved_from("").await;
            {
                let (mut one, mut other) = (Box::pin(client.migrate()), Box::pin(client.migrate()));
                poll_fn(|context| {
                    assert!(one.as_mut().poll(context).is_pending());
                    let Poll::Ready(Err(refused)) = other.as_mut().poll(context) else { panic!("both are moving") };
                    assert!(refused.to_string().contains("is moving already"), "{refused}");
                    Poll::Ready(())
                })
                .await;
                one.await.unwrap();
            }
            let second = moved_from(&first).await;
            assert!(UdpSocket::bind(&first).is_err(), "the one before stays");
            // Nobody waits for this one.
            let mut forgotten = Box::pin(client.migrate());
            let is_pending = poll_fn(|context| Poll::Ready(forgotten.as_mut().poll(context).is_pending())).await;
            assert!(is_pending);
            drop(forgotten);
            let third = moved_from(&second).await;
            assert!(is_closed(&handle, &first).await);
            client.migrate().await.unwrap();
            let fourth = moved_from(&third).await;
            assert!(is_closed(&handle, &second).await);
            assert!(UdpSocket::bind(&third).is_err() && UdpSocket::bind(&fourth).is_err());
            client.close().await;
        },
    );
}
