//! WebTransport sessions over real sockets, also where the network loses and changes the order.
#![allow(clippy::unwrap_used)] // a test may

#[path = "webtransport/raw.rs"]
mod raw;
#[path = "webtransport/rows.rs"]
mod rows;
mod support;

use posthaste::{
    Bytes, Client, Error, Handle, Identity, ReceiveStream, Reply, Request, Roots, SendStream, Server, Session,
    SessionEnd, SessionRequest, WebTransportLimits,
};
use relay::{Path, Relay};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(50);

/// Echoes everything: streams of both directions on themselves, others on a stream of this end's, datagrams, and what the path asks for.
async fn serve(request: Request, reply: Reply) -> Result<(), Error> {
    let request = match SessionRequest::new(request, reply) {
        Ok(request) => request,
        Err((_, reply)) => return reply.send(200, "plain").await,
    };
    let path = request.request().path().to_owned();
    match path.as_str() {
        "/missing" => return request.reject(404).await,
        "/moved" => return request.reject(301).await,
        "/chat" => {
            let session = request.accept_with("chat-2").await?;
            return session.closed().await.map(drop);
        }
        "/anybody" => {
            let session = request.allow_any_origin().accept().await?;
            return session.closed().await.map(drop);
        }
        "/friends" => {
            let session = request.allow_origin("https://friend.example").accept().await?;
            return session.closed().await.map(drop);
        }
        "/holds" => return hold_all(request.accept().await?).await,
        "/count" => return count_all(request.accept().await?).await,
        "/exports" => return export_all(request.accept().await?).await,
        "/late" => {
            let session = request.accept().await?;
            // The stop has come by the time that the stream is taken.
            session.read_datagram().await?;
            let (mut send, _receive) = session.accept_bidirectional().await?;
            let told = match (send.closed().await, send.write_all("x").await) {
                (
                    Err(Error::StreamStopped { code: Some(closed) }),
                    Err(Error::StreamStopped { code: Some(written) }),
                ) => closed + written,
                other => panic!("{other:?}"),
            };
            session.close(told, "");
            return session.closed().await.map(drop);
        }
        "/drains" => {
            let session = request.accept().await?;
            session.drain();
            return session.closed().await.map(drop);
        }
        "/closes" => {
            let session = request.accept().await?;
            session.close(4_000_000_000, "as asked");
            return session.closed().await.map(drop);
        }
        "/opens" => {
            let session = request.accept().await?;
            let mut stream = session.open_unidirectional().await?;
            stream.write_all("from the server").await?;
            stream.finish()?;
            let (mut send, mut receive) = session.open_bidirectional().await?;
            send.write_all("ping").await?;
            send.finish()?;
            let answer = receive.read_to_end(100).await?;
            session.send_datagram(&answer).map_err(|error| Error::Message(error.to_string()))?;
            return session.closed().await.map(drop);
        }
        _ => {}
    }
    echo_all(request.accept().await?).await
}

/// Says on each stream what has become of the datagrams by then: those that have come, each of them another and as it was sent; those that
/// gave way to newer ones; and what the transport has received, and dropped of that.
async fn count_all(session: Session) -> Result<(), Error> {
    let (reader, seen) = (session.clone(), Rc::new(RefCell::new(BTreeSet::new())));
    let all = seen.clone();
    session.executor().spawn_detached(async move {
        while let Ok(datagram) = reader.read_datagram().await {
            let bytes = datagram.to_vec();
            assert!(bytes.len() == 100 && bytes.chunks(4).all(|chunk| chunk == &bytes[..4]));
            assert!(all.borrow_mut().insert(bytes[..4].to_vec()), "none comes twice");
        }
    });
    while let Ok((mut send, mut receive)) = session.accept_bidirectional().await {
        receive.read_to_end(100).await?;
        let (Some(stats), Some(of_all)) = (session.stats(), session.datagram_stats()) else { break };
        let counts = [
            seen.borrow().len() as u64,
            stats.datagrams_received,
            stats.datagrams_read,
            stats.datagrams_dropped,
            of_all.received,
            of_all.dropped_unread,
        ];
        send.write_all(counts.map(|count| count.to_string()).join(" ")).await?;
        send.finish()?;
    }
    Ok(())
}

/// Says on each stream what it exports for the label, the context and the length that it is told there, with spaces between them.
async fn export_all(session: Session) -> Result<(), Error> {
    while let Ok((mut send, mut receive)) = session.accept_bidirectional().await {
        let asked = String::from_utf8(receive.read_to_end(1000).await?).unwrap();
        let [label, context, len] = asked.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let mut out = vec![0; len.parse().unwrap()];
        session.export(label.as_bytes(), context.as_bytes(), &mut out)?;
        send.write_all(out).await?;
        send.finish()?;
    }
    Ok(())
}

/// Takes a stream, and reads nothing.
async fn hold_all(session: Session) -> Result<(), Error> {
    let _held = session.accept_bidirectional().await;
    session.closed().await.map(drop)
}

/// Echoes everything in a session.
async fn echo_all(session: Session) -> Result<(), Error> {
    let handle = session.executor().clone();
    let (uni, datagrams) = (session.clone(), session.clone());
    let streams = handle.clone();
    handle.spawn_detached(async move {
        while let Ok(mut receive) = uni.accept_unidirectional().await {
            let session = uni.clone();
            streams.spawn_detached(async move {
                let Ok(bytes) = receive.read_to_end(10_000_000).await else { return };
                let Ok(mut send) = session.open_unidirectional().await else { return };
                if send.write_all(bytes).await.is_ok() {
                    let _ = send.finish();
                }
            });
        }
    });
    handle.spawn_detached(async move {
        while let Ok(datagram) = datagrams.read_datagram().await {
            let _ = datagrams.send_datagram(&datagram);
        }
    });
    while let Ok((send, receive)) = session.accept_bidirectional().await {
        handle.spawn_detached(async move {
            let _ = echo(send, receive).await;
        });
    }
    Ok(())
}

async fn echo(mut send: SendStream, mut receive: ReceiveStream) -> Result<(), Error> {
    loop {
        match receive.read().await {
            Ok(Some(bytes)) => send.write_all(bytes).await?,
            Ok(None) => return send.finish(),
            Err(Error::StreamReset { code }) => {
                send.reset(code.unwrap_or(0) + 1);
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Runs `test` with a client and the URL of a server behind a path like this.
fn over<T>(
    settings: &str,
    limits: &WebTransportLimits,
    test: impl AsyncFnOnce(Client, String, Handle) -> Result<T, Error>,
) -> Result<T, Error> {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*").webtransport(limits);
        let server = server.start(&handle, serve)?;
        let path = Path::parse(settings.split(' ').filter(|word| !word.is_empty())).unwrap();
        let relay = Relay::start(server.addresses()[0], path).unwrap();
        let client = Client::builder(roots).webtransport(limits).build(&handle);
        let testing = test(client.clone(), format!("https://{}", relay.address()), handle.clone());
        let result = handle.timeout(PATIENCE, testing).await.map_err(|_| "it takes too long").unwrap();
        client.close().await;
        result
    })?
}

fn default() -> WebTransportLimits {
    WebTransportLimits::default()
}

/// Sends on a stream of both directions and gives what comes back.
async fn there_and_back(session: &Session, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    let (mut send, mut receive) = session.open_bidirectional().await?;
    let mut sending = pin!(async move {
        send.write_all(bytes).await?;
        send.finish()?;
        send.closed().await
    });
    let mut reading = pin!(receive.read_to_end(100_000_000));
    // Whoever is sent back what it sends has to read meanwhile.
    let mut is_sent = false;
    poll_fn(|context| {
        if !is_sent && let Poll::Ready(sent) = sending.as_mut().poll(context) {
            sent?;
            is_sent = true;
        }
        reading.as_mut().poll(context)
    })
    .await
}

/// A thousand streams of each kind, 64 at a time, on a path that loses five of a hundred packets and changes their order.
#[test]
fn a_thousand_streams_of_each_kind_on_a_bad_network() {
    over("delay=2 loss=50 reordering=50 late=5", &default(), async |client, url, handle| {
        let session = client.webtransport(&url).connect().await?;
        let done = Rc::new(RefCell::new(0));
        let workers = (0..64).map(|worker: usize| {
            let (session, done) = (session.clone(), done.clone());
            handle.spawn(async move {
                for number in (worker..1000).step_by(64) {
                    let bytes = vec![number as u8; number * 7 % 3000 + 1];
                    assert_eq!(there_and_back(&session, bytes.clone()).await.unwrap(), bytes);
                    let mut send = session.open_unidirectional().await.unwrap();
                    send.write_all(bytes.clone()).await.unwrap();
                    send.finish().unwrap();
                    let back = session.accept_unidirectional().await.unwrap().read_to_end(10_000).await.unwrap();
                    assert!(!back.is_empty());
                    *done.borrow_mut() += 1;
                }
            })
        });
        for worker in workers.collect::<Vec<_>>() {
            let _ = worker.await;
        }
        assert_eq!(*done.borrow(), 1000);
        Ok(())
    })
    .unwrap();
}

/// What is sent is limited by the session's own window, which moves on.
#[test]
fn large_streams_through_a_small_window() {
    let limits = WebTransportLimits { max_data: 20_000, ..default() };
    over("delay=1", &limits, async |client, url, _| {
        let session = client.webtransport(&url).connect().await?;
        let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
        assert!(there_and_back(&session, bytes.clone()).await? == bytes);
        let stats = session.stats().unwrap();
        assert_eq!((stats.opened, stats.written, stats.read), (1, 1_000_000, 1_000_000));
        Ok(())
    })
    .unwrap();
}

#[test]
fn closes_go_both_ways_with_code_and_message() {
    over("delay=1 loss=30", &default(), async |client, url, _| {
        let session = client.webtransport(&format!("{url}/closes")).connect().await?;
        let end = session.closed().await?;
        assert_eq!(end, SessionEnd { code: 4_000_000_000, reason: "as asked".into(), by_peer: true });
        assert!(matches!(session.open_unidirectional().await, Err(Error::SessionClosed { by_peer: true, .. })));
        let session = client.webtransport(&url).connect().await?;
        let (mut send, mut receive) = session.open_bidirectional().await?;
        send.write_all("x").await?;
        session.close(7, "enough");
        assert_eq!(session.closed().await?, SessionEnd { code: 7, reason: "enough".into(), by_peer: false });
        assert!(matches!(receive.read().await, Err(Error::SessionClosed { code: 7, by_peer: false, .. })));
        assert!(matches!(send.write_all("y").await, Err(Error::SessionClosed { code: 7, by_peer: false, .. })));
        Ok(())
    })
    .unwrap();
}

#[test]
fn resets_and_stops_have_codes() {
    over("delay=1", &default(), async |client, url, _| {
        let session = client.webtransport(&url).connect().await?;
        let (mut send, mut receive) = session.open_bidirectional().await?;
        send.write_all("to be given up").await?;
        send.reset(41);
        let error = loop {
            match receive.read().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it has no end"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::StreamReset { code: Some(42) }), "{error}");
        let (mut send, mut receive) = session.open_bidirectional().await?;
        receive.stop(9);
        // The echo is not wanted: the server's half learns it, and gives up this one's by being dropped.
        let error = loop {
            match send.write_all(vec![0; 10_000]).await {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::StreamStopped { code: Some(0) }), "{error}");
        assert!(send.closed().await.is_err());
        let (mut send, _receive) = session.open_bidirectional().await?;
        send.write_all("all of it").await?;
        send.finish()?;
        send.closed().await
    })
    .unwrap();
}

#[test]
fn a_server_opens_streams_and_sends_datagrams() {
    over("delay=1", &default(), async |client, url, _| {
        let session = client.webtransport(&format!("{url}/opens")).connect().await?;
        let mut receive = session.accept_unidirectional().await?;
        assert_eq!(receive.read_to_end(100).await?, b"from the server");
        let (mut send, mut receive) = session.accept_bidirectional().await?;
        assert_eq!(receive.read_to_end(100).await?, b"ping");
        send.write_all("pong").await?;
        send.finish()?;
        assert_eq!(session.read_datagram().await?.to_vec(), b"pong");
        Ok(())
    })
    .unwrap();
}

/// Who polls gets as much as there is, and as much as is asked for.
#[test]
fn streams_can_be_polled() {
    over("delay=1", &default(), async |client, url, _| {
        let session = client.webtransport(&url).connect().await?;
        let (mut send, mut receive) = session.open_bidirectional().await?;
        let mut data = Bytes::from(vec![7; 5000]);
        while !data.is_empty() {
            poll_fn(|context| send.poll_write(&mut data, context)).await?;
        }
        send.finish()?;
        assert_eq!(receive.read_up_to(3).await?.unwrap().len(), 3);
        let mut left = 4997;
        while let Some(bytes) = poll_fn(|context| receive.poll_read(1000, context)).await? {
            assert!(bytes.len() <= 1000);
            left -= bytes.len();
        }
        assert_eq!(left, 0);
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_stop_that_came_before_its_stream_was_taken_is_told() {
    over("delay=1", &default(), async |client, url, _| {
        let session = client.webtransport(&format!("{url}/late")).connect().await?;
        let (mut send, mut receive) = session.open_bidirectional().await?;
        receive.stop(9);
        send.write_all("begun").await?;
        send.finish()?;
        send.closed().await?;
        session.send_datagram(b"now").unwrap();
        assert_eq!(session.closed().await?.code, 18);
        Ok(())
    })
    .unwrap();
}

#[test]
fn who_is_asked_to_end_learns_it() {
    over("", &default(), async |client, url, _| {
        let session = client.webtransport(&format!("{url}/drains")).connect().await?;
        session.draining().await;
        assert!(session.stats().is_some(), "it goes on until it is closed");
        session.close(0, "");
        session.closed().await.map(drop)
    })
    .unwrap();
}

/// Datagrams are not sent again: of many, most arrive, each as it was. The largest that is said to go does go.
#[test]
fn datagrams_on_a_path_that_loses_some() {
    over("delay=1 loss=50", &default(), async |client, url, handle| {
        let session = client.webtransport(&url).connect().await?;
        let largest = session.max_datagram().unwrap();
        assert!(largest > 1000);
        assert!(session.send_datagram(&vec![1; largest + 1]).is_err());
        let reader = session.clone();
        let read = Rc::new(RefCell::new(0));
        let count = read.clone();
        handle.spawn_detached(async move {
            while let Ok(datagram) = reader.read_datagram().await {
                assert!(datagram.len() == 200 && datagram.iter().all(|byte| *byte == datagram[0]));
                *count.borrow_mut() += 1;
            }
        });
        let mut sent = 0;
        while *read.borrow() < 500 {
            // The path has a round trip; so many wait for nobody.
            for number in 0..20_u32 {
                sent += usize::from(session.send_datagram(&[number as u8; 200]).is_ok());
            }
            assert!(there_and_back(&session, vec![1]).await? == [1]);
            assert!(sent < 5000, "{} of {sent} came back", read.borrow());
        }
        Ok(())
    })
    .unwrap();
}

/// draft-ietf-webtrans-http3 section 3.2-2, 3.2-3, 3.2-7, 3.2-8, 3.2-9.
#[test]
fn requests_are_rejected_and_origins_are_looked_at() {
    over("", &default(), async |client, url, _| {
        let refused = |result: Result<Session, Error>| match result {
            Err(Error::TunnelRefused { status }) => status.code(),
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(client.webtransport(&format!("{url}/missing")).connect().await), 404);
        assert_eq!(refused(client.webtransport(&format!("{url}/moved")).connect().await), 301);
        let evil = client.webtransport(&url).field("origin", "https://evil.example").connect().await;
        assert_eq!(refused(evil), 403);
        client.webtransport(&url).field("origin", &url).connect().await?;
        let friends = format!("{url}/friends");
        client.webtransport(&friends).field("origin", "https://Friend.example").connect().await?;
        let evil = client.webtransport(&friends).field("origin", "https://evil.example").connect().await;
        assert_eq!(refused(evil), 403);
        let anybody = format!("{url}/anybody");
        client.webtransport(&anybody).field("origin", "https://evil.example").connect().await?;
        assert_eq!(client.get(&url).send().await?.status().code(), 200);
        Ok(())
    })
    .unwrap();
}

/// draft-ietf-webtrans-http3 section 3.3-3, 3.3-8.
#[test]
fn protocols_are_agreed_upon() {
    over("", &default(), async |client, url, _| {
        let chat = format!("{url}/chat");
        let session = client.webtransport(&chat).protocol("chat-3").protocol("chat-2").connect().await?;
        assert_eq!(session.protocol(), Some("chat-2"));
        let other = client.webtransport(&chat).protocol("chat-9").connect().await;
        assert!(matches!(&other, Err(Error::TunnelRefused { status }) if status.code() == 400), "{other:?}");
        let none = client.webtransport(&url).protocol("chat-9").connect().await;
        assert!(matches!(none, Err(Error::Message(_))));
        assert_eq!(client.webtransport(&url).connect().await?.protocol(), None);
        Ok(())
    })
    .unwrap();
}

/// Sessions on one connection do not hold each other up: one whose streams nobody reads, and one that goes on, beside plain requests.
#[test]
fn sessions_share_a_connection() {
    let limits = WebTransportLimits { max_data: 50_000, ..default() };
    over("delay=1", &limits, async |client, url, handle| {
        let idle = client.webtransport(&format!("{url}/anybody")).connect().await?;
        let busy = client.webtransport(&url).connect().await?;
        assert_eq!(client.open_connections(), 1);
        let mut unread = idle.open_unidirectional().await?;
        let stuck = handle.timeout(Duration::from_millis(200), unread.write_all(vec![0; 1_000_000])).await;
        assert!(stuck.is_err(), "nobody reads it");
        assert!(there_and_back(&busy, vec![5; 300_000]).await? == vec![5; 300_000]);
        assert_eq!(client.get(&url).send().await?.status().code(), 200);
        drop(idle);
        assert!(there_and_back(&busy, vec![6; 100_000]).await? == vec![6; 100_000]);
        Ok(())
    })
    .unwrap();
}

/// Where nothing says how much a session may hold, each has a connection of its own, also where two are asked for at the same time.
///
/// draft-ietf-webtrans-http3 section 5.1-2, 5.1-3.
#[test]
fn sessions_without_flow_control_have_a_connection_each() {
    let limits = WebTransportLimits { max_data: 0, max_streams_uni: 0, max_streams_bidi: 0, ..default() };
    over("delay=1", &limits, async |client, url, handle| {
        let ask = |path: &str| {
            let asked = client.webtransport(&format!("{url}{path}"));
            handle.spawn(async move { asked.connect().await })
        };
        let stalled = ask("/anybody").await.unwrap()?;
        let mut unread = stalled.open_unidirectional().await?;
        let stuck = handle.timeout(Duration::from_millis(200), unread.write_all(vec![0; 10_000_000])).await;
        assert!(stuck.is_err(), "nobody reads it");
        let both = [ask(""), ask("")];
        for session in both {
            let session = session.await.unwrap()?;
            assert!(there_and_back(&session, vec![5; 300_000]).await? == vec![5; 300_000]);
        }
        Ok(())
    })
    .unwrap();
}

/// A session moves with its connection.
#[test]
fn a_session_survives_a_move() {
    over("", &default(), async |client, url, _| {
        let session = client.webtransport(&url).connect().await?;
        assert_eq!(there_and_back(&session, b"before".to_vec()).await?, b"before");
        client.migrate().await?;
        assert_eq!(there_and_back(&session, b"after".to_vec()).await?, b"after");
        Ok(())
    })
    .unwrap();
}

/// A server that knows no sessions, and a client that was not built for them.
#[test]
fn ends_that_take_no_sessions() {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*");
        let server = server.start(&handle, |_, reply: Reply| reply.send(200, "plain"))?;
        let url = format!("https://{}", server.addresses()[0]);
        let client = Client::builder(roots.clone()).webtransport(&default()).build(&handle);
        let error = client.webtransport(&url).connect().await.unwrap_err();
        assert!(error.to_string().contains("WebTransport"), "{error}");
        let client = Client::builder(roots).build(&handle);
        let error = client.webtransport(&url).connect().await.unwrap_err();
        assert!(!error.to_string().is_empty());
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}
