//! Clients that are too slow for a server, over real sockets: what they, the handler and the server's listener are told.
#![allow(clippy::unwrap_used)] // a test may

use posthaste::{
    Bytes, Client, Error, Handle, Identity, Outcome, Reply, Request, Roots, Server, ServerBuilder, TimeLimits,
};
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Long enough for a busy machine, short enough for a test.
const SHORT: Duration = Duration::from_millis(300);

type Told = Arc<Mutex<Vec<String>>>;

/// A server whose time limits are short, and a client that gives little credit.
fn slow<H>(
    handle: &Handle,
    set: impl FnOnce(&mut ServerBuilder),
    handler: impl Fn(Request, Reply) -> H + 'static,
) -> (Server, Client, String, Told)
where
    H: Future<Output: Outcome> + 'static,
{
    let identity = Identity::development(&[]).unwrap();
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
    let told = Told::default();
    let events = told.clone();
    let mut builder = Server::builder(identity)
        .listen("127.0.0.1:0".parse().unwrap())
        .on_event(move |event| events.lock().unwrap().push(event.to_string()));
    builder.http.times = TimeLimits { least_rate: 1024, request: SHORT, response: SHORT, ..TimeLimits::OFF };
    set(&mut builder);
    let server = builder.start(handle, handler).unwrap();
    let base = format!("https://{}/", server.addresses()[0]);
    let mut client = Client::builder(roots);
    client.transport.streams.max_stream_data_bidi_local = 10_000;
    client.transport.streams.max_stream_window = 10_000;
    (server, client.build(handle), base, told)
}

/// Waits until the listener was told something with `part` in it.
async fn await_told(handle: &Handle, told: &Told, part: &str) {
    for _ in 0..500 {
        if told.lock().unwrap().iter().any(|event| event.contains(part)) {
            return;
        }
        handle.sleep(Duration::from_millis(20)).await;
    }
    panic!("{part:?} was not told: {:?}", told.lock().unwrap());
}

#[test]
fn an_upload_that_stops_is_answered_with_408_and_told() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let seen = Rc::new(RefCell::new(None));
        let sees = seen.clone();
        let handler = move |mut request: Request, reply: Reply| {
            let sees = sees.clone();
            async move {
                let result = request.body().read_to_end(1 << 20).await;
                *sees.borrow_mut() = result.as_ref().err().map(ToString::to_string);
                reply.send(200, result?).await
            }
        };
        let (_server, client, base, told) = slow(&handle, |_| (), handler);
        let (mut writer, pending) = client.post(&base).start().await?;
        writer.write("a beginning").await?;
        let response = pending.response().await?;
        assert_eq!(response.status().code(), 408);
        assert!(seen.borrow().as_ref().unwrap().contains("did not send its request at the least rate"), "{seen:?}");
        await_told(&handle, &told, "was too slow: the rest of its request was given up").await;
        await_told(&handle, &told, "POST / of 127.0.0.1").await;
        // The connection goes on.
        assert_eq!(client.post(&base).body("whole").send().await?.status().code(), 200);
        Ok(())
    })?
}

#[test]
fn a_response_that_is_not_taken_is_cancelled_and_told() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let seen = Rc::new(RefCell::new(None));
        let sees = seen.clone();
        let handler = move |_: Request, reply: Reply| {
            let sees = sees.clone();
            async move {
                let mut writer = reply.start(200)?;
                let piece = Bytes::from(vec![7; 100_000]);
                let result = loop {
                    if let Err(error) = writer.write(piece.clone()).await {
                        break error;
                    }
                };
                *sees.borrow_mut() = Some(result.to_string());
                Err::<(), _>(result)
            }
        };
        let (_server, client, base, told) = slow(&handle, |_| (), handler);
        let mut response = client.get(&base).send().await?;
        await_told(&handle, &told, "was too slow: the rest of its response was given up").await;
        let error = response.body().read_to_end(usize::MAX).await.unwrap_err();
        assert!(matches!(error, Error::Reset { reason: posthaste::Reason::Cancelled }), "{error:?}");
        await_told(&handle, &told, "GET / of 127.0.0.1").await;
        assert!(seen.borrow().as_ref().unwrap().contains("did not take the response at the least rate"), "{seen:?}");
        Ok(())
    })?
}

/// Whoever waits for events, or uploads them as they happen, says so.
#[test]
fn a_handler_can_lift_the_limits_of_its_exchange() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let handler = |mut request: Request, reply: Reply| async move {
            request.lift_time_limits();
            let mut writer = reply.start(200)?;
            while let Some(part) = request.body().chunk().await? {
                writer.write(part).await?;
            }
            writer.finish()
        };
        let (_server, client, base, told) = slow(&handle, |_| (), handler);
        let (mut writer, pending) = client.post(&base).start().await?;
        writer.write("one ").await?;
        let mut response = pending.response().await?;
        handle.sleep(SHORT * 5).await;
        writer.write("two").await?;
        writer.finish()?;
        assert_eq!(response.body().read_to_end(100).await?, b"one two");
        assert!(told.lock().unwrap().is_empty(), "{told:?}");
        Ok(())
    })?
}

/// Waits until `is_so`, for half as long as a handshake may take that nothing was set for.
async fn soon(handle: &Handle, what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..250 {
        if is_so() {
            return;
        }
        handle.sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} within five seconds");
}

/// A client that begins a handshake and goes no further, by QUIC and by TCP: what the server keeps of it goes when the server says so.
#[test]
fn a_handshake_that_stops_is_given_up_after_the_time_that_is_set() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity)
            .listen("127.0.0.1:0".parse().unwrap())
            .tcp()
            .handshake_timeout(SHORT)
            .start(&handle, |_: Request, reply: Reply| reply.send(200, "hello"))?;
        let address = server.addresses()[0];
        // All but the first datagram of the client is lost.
        let path = relay::Path { lost_to_server: Some((2, u64::MAX)), ..relay::Path::default() };
        let relay = relay::Relay::start(address, path).unwrap();
        let client = Client::builder(roots.clone()).build(&handle);
        let url = format!("https://127.0.0.1:{}/", relay.address().port());
        let asking = handle.spawn(async move { client.get(&url).send().await.map(drop) });
        soon(&handle, "the server hears of it", || server.stats().strangers.accepted == 1).await;
        soon(&handle, "the server forgets it", || server.connections().is_empty()).await;
        asking.abort();
        // By TCP, with not even a first byte.
        let silent = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            std::io::Read::read_to_end(&mut stream, &mut Vec::new())
        });
        soon(&handle, "the server ends it", || silent.is_finished()).await;
        let ended = silent.join().unwrap();
        let is_timeout = |error: &std::io::Error| error.kind() == std::io::ErrorKind::WouldBlock;
        assert!(!ended.as_ref().is_err_and(is_timeout), "the server says nothing: {ended:?}");
        // Who completes it in time stays for as long as it likes. A machine that is busy for so long lets it be tried again.
        let base = format!("https://{address}/");
        let mut answered = None;
        for _ in 0..20 {
            let client = Client::builder(roots.clone()).build(&handle);
            if let Ok(mut response) = client.get(&base).send().await {
                assert_eq!(response.body().read_to_end(100).await?, b"hello");
                answered = Some(client);
                break;
            }
        }
        let client = answered.expect("one of them is in time");
        handle.sleep(SHORT * 2).await;
        assert_eq!(server.connections().len(), 1);
        assert_eq!(client.get(&base).send().await?.body().read_to_end(100).await?, b"hello");
        Ok(())
    })?
}

/// A connection without requests ends, and the client makes its next request on another one without noticing.
#[test]
fn a_connection_without_requests_is_closed_and_the_client_connects_again() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let quiet = |builder: &mut ServerBuilder| builder.http.times.without_requests = SHORT;
        let (server, client, base, told) = slow(&handle, quiet, |_: Request, reply: Reply| reply.send(200, "hello"));
        for _ in 0..2 {
            assert_eq!(client.get(&base).send().await?.body().read_to_end(100).await?, b"hello");
            handle.sleep(SHORT + Duration::from_millis(1_500)).await;
        }
        assert!(told.lock().unwrap().is_empty(), "it is no failure: {told:?}");
        assert_eq!(server.requests_under_way(), 0);
        Ok(())
    })?
}
