//! Server and client of the library against each other, over real sockets.
#![allow(clippy::unwrap_used)] // a test may

#[path = "library/duties.rs"]
mod duties;
#[path = "library/early_data.rs"]
mod early_data;
#[path = "library/handlers.rs"]
mod handlers;
#[path = "library/origin.rs"]
mod origin;
mod support;
#[path = "library/surface.rs"]
mod surface;
#[path = "library/tickets.rs"]
mod tickets;
#[path = "library/tokens.rs"]
mod tokens;

use handlers::{read_pattern, write_pattern};
use posthaste::{Client, Error, Handle, Identity, Outcome, Reply, Request, Roots, Server};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::UdpSocket;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;
use support::with_server;

/// Whether the reason for which an exchange is given up goes over the wire.
const TELLS_REASONS: bool = true;

const TEN_MEGABYTES: usize = 10_000_000;

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
        first.shutdown(Duration::from_secs(5)).await?;
        let _second = start(&address, "second")?;
        assert_eq!(client.get(&url).send().await?.body().read_to_end(100).await?, b"second");
        Ok(())
    })?
}

/// Of an answer that is given up no more was made than could be sent.
#[test]
fn r6_an_answer_that_is_given_up_costs_what_can_be_sent_of_it() -> Result<(), Error> {
    const ANSWERS: usize = 200;
    let made = Rc::new(Cell::new(0));
    let count = made.clone();
    with_server(
        move |request, reply| {
            let made = count.clone();
            async move {
                if request.path() != "/large" {
                    return reply.send(200, "").await;
                }
                let mut writer = reply.start(200)?;
                for _ in 0..200 {
                    made.set(made.get() + 50_000);
                    writer.write(vec![0; 50_000]).await?;
                }
                writer.finish()
            }
        },
        async |client, base, _| {
            for _ in 0..ANSWERS {
                let response = client.get(&format!("{base}/large")).send().await?;
                assert_eq!(response.status().code(), 200);
                drop(response);
                client.get(&base).send().await?;
            }
            let each = made.get() / ANSWERS;
            assert!(each < 2_000_000, "{each} bytes were made of each answer of ten million");
            Ok(())
        },
    )
}

/// Who has given up some megabytes is sent little of each further answer until it takes some, and has one that it takes whole.
#[test]
fn r6_after_many_answers_that_were_given_up_little_is_made_of_the_next() -> Result<(), Error> {
    const ANSWER: usize = 4 << 20;
    let (begun, made) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let counts = (begun.clone(), made.clone());
    with_server(
        move |_, mut reply| {
            let (begun, made) = counts.clone();
            async move {
                reply.room(ANSWER).await?;
                begun.set(begun.get() + 1);
                let mut writer = reply.start(200)?;
                let mut left = ANSWER;
                while left > 0 {
                    let room = writer.room(left).await?;
                    made.set(made.get() + room);
                    writer.write(vec![0; room]).await?;
                    left -= room;
                }
                writer.finish()
            }
        },
        async |client, base, handle| {
            // What is in flight may be much by then.
            assert_eq!(client.get(&base).send().await?.body().read_to_end(ANSWER).await?.len(), ANSWER);
            let give_up = async |requests: usize| {
                let before = made.get();
                for _ in 0..requests {
                    let all = begun.get() + 1;
                    let _request = client.get(&base).start().await?;
                    let has_begun = poll_fn(|context| {
                        context.waker().wake_by_ref();
                        if begun.get() < all { Poll::Pending } else { Poll::Ready(()) }
                    });
                    handle.timeout(Duration::from_secs(20), has_begun).await.expect("it is answered");
                }
                Ok::<usize, Error>((made.get() - before) / requests)
            };
            let first = give_up(30).await?;
            // So often that the connection is not closed for it.
            let each = give_up(200).await?;
            assert!(each < 50_000, "{each} bytes were made of each answer that was given up, and at first {first}");
            assert_eq!(client.get(&base).send().await?.body().read_to_end(ANSWER).await?.len(), ANSWER);
            Ok(())
        },
    )
}

/// More uploads stay open than there are streams at a time, and nobody reads them any more: each is stopped, so the
/// connection goes on.
#[test]
fn r7_uploads_end_with_the_responses_that_nobody_wants() -> Result<(), Error> {
    with_server(
        |request, reply| async move {
            if request.path() != "/endless" {
                return reply.send(200, "").await;
            }
            let mut writer = reply.start(200)?;
            loop {
                writer.write(vec![0; 50_000]).await?;
            }
        },
        async |client, base, _| {
            let mut uploads = Vec::new();
            for _ in 0..1000 {
                let (mut upload, response) = client.post(&format!("{base}/endless")).start().await?;
                upload.write("x").await?;
                assert!(response.response().await?.body().chunk().await?.is_some());
                uploads.push(upload);
            }
            assert_eq!(client.open_connections(), 1);
            for mut upload in uploads {
                let stopped = async {
                    loop {
                        upload.write("x").await?;
                    }
                };
                assert!(matches!(stopped.await, Err::<(), _>(Error::Stopped { .. })));
            }
            assert_eq!(client.get(&base).send().await?.status().code(), 200);
            Ok(())
        },
    )
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
        end.await.expect("not aborted")?;
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
            (stranger, &misnamed, ["127.0.0.1 is refused", "does not make it a CA"]),
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
        assert!(matches!(client.connect(&url).await, Err(Error::Refused { .. })));
        // A hundred that ask at once share the one attempt and its outcome.
        let all: Vec<_> = (0..100).map(|_| handle.spawn(client.get(&url).send())).collect();
        for one in all {
            assert!(matches!(one.await.expect("not aborted"), Err(Error::Refused { .. })));
        }
        // Name servers may take longer to say that there is no such name.
        let patient = Client::builder(Roots::dangerous_accept_any()).build(&handle);
        for (url, part) in [
            ("http://localhost/", "https"),
            ("https://no.such.host.invalid/", "no.such.host.invalid has no address"),
            ("https://1.2.3/", "cannot be the name of a server"),
        ] {
            let error = patient.get(url).send().await.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        Ok(())
    })?
}

#[test]
fn a_connection_is_there_before_it_is_needed() {
    with_server(
        |_: Request, reply: Reply| reply.send(200, "hello"),
        async |client, base, _| {
            for _ in 0..2 {
                client.connect(&base).await.unwrap();
                assert_eq!(client.open_connections(), 1);
            }
            assert_eq!(client.get(&base).send().await.unwrap().status().code(), 200);
            assert_eq!(client.open_connections(), 1);
            assert!(matches!(client.connect("http://localhost/").await, Err(Error::Url(_))));
        },
    );
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
        let certified = Arc::new(tls::CertifiedKey { chain: vec![identity.certificate], key });
        struct Clock;
        impl tls::WallClock for Clock {
            fn unix_seconds(&self) -> u64 {
                0
            }
        }
        let resolver = Arc::new(tls::Single(certified));
        let clock = Arc::new(Clock);
        let tls = tls::ServerConfig::new(crypto_ring::PROVIDER, resolver, vec![b"other".to_vec()], clock);
        let config = quic::EndpointConfig::new(crypto_ring::PROVIDER, Default::default(), Some(Arc::new(tls)));
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
                    assert!(other.as_mut().poll(context).is_pending(), "one at a time");
                    Poll::Ready(())
                })
                .await;
                assert_eq!(one.await.unwrap(), 1);
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

/// A server whose events are collected as text, and a client that trusts it.
async fn with_events<H>(
    handle: &Handle,
    set: impl FnOnce(&mut posthaste::ServerBuilder),
    handler: impl Fn(Request, Reply) -> H + 'static,
) -> (Server, Client, String, Arc<Mutex<Vec<String>>>)
where
    H: Future<Output: Outcome> + 'static,
{
    let identity = Identity::development(&[]).unwrap();
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = told.clone();
    let mut builder = Server::builder(identity)
        .listen("127.0.0.1:0".parse().expect("an address"))
        .on_event(move |event| events.lock().unwrap().push(event.to_string()));
    set(&mut builder);
    let server = builder.start(handle, handler).unwrap();
    let base = format!("https://{}", server.addresses()[0]);
    (server, Client::builder(roots).build(handle), base, told)
}

fn take(told: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut told.lock().unwrap())
}

#[test]
fn what_a_handler_says_and_its_panics_are_told_once() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let handler = |request: Request, reply: Reply| async move {
            match request.path() {
                "/error" => Err("the disk is full".to_owned()),
                "/panic" => panic!("on purpose"),
                _ => reply.send(200, "").await.map_err(|error| error.to_string()),
            }
        };
        let (_server, client, base, told) = with_events(&handle, |_| (), handler).await;
        for (path, status, parts) in [
            ("/error?x", 500, &["GET /error of 127.0.0.1:", "failed: the disk is full"][..]),
            ("/panic", 500, &["GET /panic of 127.0.0.1:", "panicked: on purpose"]),
            ("/fine", 200, &[]),
        ] {
            assert_eq!(client.get(&format!("{base}{path}")).send().await?.status().code(), status, "{path}");
            let told = take(&told);
            assert_eq!(told.len(), usize::from(!parts.is_empty()), "{told:?}");
            assert!(parts.iter().all(|part| told[0].contains(part)), "{told:?}");
        }
        Ok(())
    })?
}

#[test]
fn refused_requests_and_connections_that_fail_are_told() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (gate, opened) = (Rc::new(Cell::new(false)), Rc::new(RefCell::new(None::<Waker>)));
        let (is_open, waiting) = (gate.clone(), opened.clone());
        let handler = move |_: Request, reply: Reply| {
            let (is_open, waiting) = (is_open.clone(), waiting.clone());
            async move {
                poll_fn(|context| {
                    *waiting.borrow_mut() = Some(context.waker().clone());
                    if is_open.get() { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                reply.send(200, "").await
            }
        };
        let one = |builder: &mut posthaste::ServerBuilder| builder.http.limits.max_concurrent_requests = 1;
        let (_server, client, base, told) = with_events(&handle, one, handler).await;
        let first = handle.spawn(client.get(&base).send());
        while opened.borrow().is_none() {
            handle.sleep(Duration::from_millis(1)).await;
        }
        let refused = client.get(&base).send().await.unwrap_err();
        assert!(refused.is_unprocessed(), "{refused}");
        let lines = take(&told);
        assert!(
            lines.len() > 1 && lines.iter().all(|line| line.contains("more requests than are accepted")),
            "{lines:?}"
        );
        gate.set(true);
        opened.take().expect("the handler waits").wake();
        assert_eq!(first.await.expect("not aborted")?.status().code(), 200);
        // A client that does not trust the server says so, and the server's owner learns it.
        let stranger = Roots::from_pem(Identity::development(&[])?.certificate_pem().as_bytes())?;
        let error = Client::builder(stranger).build(&handle).get(&base).send().await.unwrap_err();
        assert!(matches!(error, Error::Certificate { .. }), "{error}");
        while told.lock().unwrap().is_empty() {
            handle.sleep(Duration::from_millis(1)).await;
        }
        let lines = take(&told);
        assert!(lines[0].starts_with("the connection with 127.0.0.1:") && lines[0].contains("failed"), "{lines:?}");
        // A client that ends well is none of these.
        client.close().await;
        handle.sleep(Duration::from_millis(50)).await;
        assert_eq!(take(&told), Vec::<String>::new());
        Ok(())
    })?
}

/// A shutdown while a request is answered: it is woken by what it waits for, and never looks for itself.
#[test]
fn a_server_that_drains_is_told_and_does_not_ask() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let gate = Rc::new((Cell::new(false), RefCell::new(None::<Waker>)));
        let opened = gate.clone();
        let handler = move |request: Request, reply: Reply| {
            let gate = opened.clone();
            async move {
                poll_fn(|context| {
                    *gate.1.borrow_mut() = Some(context.waker().clone());
                    if gate.0.get() || request.path() == "/" { Poll::Ready(()) } else { Poll::Pending }
                })
                .await;
                reply.send(200, "done").await
            }
        };
        let (server, client, base, _) = with_events(&handle, |_| (), handler).await;
        // Others that are idle meanwhile, and have to be told, too.
        let mut others = Vec::new();
        for _ in 0..20 {
            others.push(Client::builder(Roots::dangerous_accept_any()).build(&handle));
            others.last().unwrap().get(&base).send().await?;
        }
        let answered = handle.spawn(client.get(&format!("{base}/held")).send());
        while server.requests_under_way() == 0 {
            handle.sleep(Duration::from_millis(1)).await;
        }
        let polls = Rc::new(Cell::new(0));
        let counted = polls.clone();
        let mut shutdown = Box::pin(server.shutdown(Duration::from_secs(60)));
        let end = handle.spawn(poll_fn(move |context| {
            counted.set(counted.get() + 1);
            shutdown.as_mut().poll(context)
        }));
        handle.sleep(Duration::from_millis(300)).await;
        let (before, opened) = (polls.get(), gate.1.take());
        gate.0.set(true);
        opened.expect("the handler waits").wake();
        assert_eq!(answered.await.expect("not aborted")?.body().read_to_end(100).await?, b"done");
        end.await.expect("not aborted")?;
        // Its beginning, its ports, and the end of its notice; the end of the last exchange, the last acknowledgment, the last
        // datagram.
        assert!(before <= 3 && polls.get() <= 7, "{before} and then {} polls", polls.get());
        Ok(())
    })?
}

/// The word of one host does not concern the connections to others.
#[test]
fn a_refusal_is_for_the_connection_it_is_about() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let client = Client::builder(Roots::dangerous_accept_any()).build(&handle);
        let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let gone = UdpSocket::bind("127.0.0.1:0").expect("a socket").local_addr().expect("an address");
        let waiting = handle.spawn(client.get(&format!("https://{}/", silent.local_addr().unwrap())).send());
        for _ in 0..3 {
            let error = client.get(&format!("https://{gone}/")).send().await.unwrap_err();
            assert!(matches!(error, Error::Refused { address } if address == gone), "{error}");
        }
        handle.sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        Ok(())
    })?
}

#[test]
fn a_client_has_so_many_connections_and_gives_up_the_one_idle_the_longest() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let asked = seen.clone();
        let gate = Rc::new((Cell::new(false), RefCell::new(Vec::<Waker>::new())));
        let opened = gate.clone();
        let server = Server::builder(Identity::development(&[])?)
            .listen("0.0.0.0:0".parse().expect("an address"))
            .name("*")
            .start(&handle, move |request: Request, reply: Reply| {
                asked.borrow_mut().push(request.remote());
                let gate = opened.clone();
                async move {
                    poll_fn(|context| {
                        gate.1.borrow_mut().push(context.waker().clone());
                        let is_held = request.path() == "/held" && !gate.0.get();
                        if is_held { Poll::Pending } else { Poll::Ready(()) }
                    })
                    .await;
                    reply.send(200, "").await
                }
            })?;
        let port = server.addresses()[0].port();
        let client = Client::builder(Roots::dangerous_accept_any()).max_connections(2).build(&handle);
        let get = |host: u8, path: &str| client.get(&format!("https://127.0.0.{host}:{port}{path}")).send();
        for host in [1, 2, 1, 3] {
            get(host, "/").await?;
            handle.sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(client.open_connections(), 2);
        // The first is still the one there was, the second had to go.
        let held = [handle.spawn(get(1, "/held")), handle.spawn(get(3, "/held"))];
        while server.requests_under_way() < 2 {
            handle.sleep(Duration::from_millis(1)).await;
        }
        let full = get(2, "/").await.unwrap_err().to_string();
        assert!(full.contains("all 2 connections") && full.contains("max_connections"), "{full}");
        gate.0.set(true);
        gate.1.take().into_iter().for_each(Waker::wake);
        for response in held {
            assert_eq!(response.await.expect("not aborted")?.status().code(), 200);
        }
        get(2, "/").await?;
        assert_eq!(client.open_connections(), 2);
        let seen = seen.borrow();
        assert!(seen.iter().all(|remote| remote.port() == seen[0].port()), "one socket: {seen:?}");
        Ok(())
    })?
}
