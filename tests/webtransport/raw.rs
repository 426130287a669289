//! Sessions without HTTP: a protocol of the application's own over QUIC, with the same streams and datagrams.

use crate::support::Authority;
use crate::{PATIENCE, echo_all, there_and_back};
use posthaste::{
    Client, ClientTrust, CloseReason, Error, Handle, Identity, Reply, Roots, Server, ServerBuilder, Session, SessionEnd,
};
use relay::{Path, Relay};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PROTOCOL: &str = "echo/1";

/// A server, and a client that believes it.
fn both(handle: &Handle) -> Result<(ServerBuilder, Client), Error> {
    let identity = Identity::development(&[])?;
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
    let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).session_protocol(PROTOCOL, echo_all);
    Ok((server, Client::builder(roots).build(handle)))
}

/// Runs `test` with a client, and where an echo is served behind a path like this.
fn over<T>(settings: &str, test: impl AsyncFnOnce(Client, String, Handle) -> Result<T, Error>) -> T {
    let run = |handle: Handle| async move {
        let (server, client) = both(&handle)?;
        let server = server.start_sessions(&handle)?;
        let path = Path::parse(settings.split(' ').filter(|word| !word.is_empty())).unwrap();
        let relay = Relay::start(server.addresses()[0], path).unwrap();
        let testing = test(client.clone(), relay.address().to_string(), handle.clone());
        let result = handle.timeout(PATIENCE, testing).await.map_err(|_| "it takes too long").unwrap();
        client.close().await;
        result
    };
    posthaste::run(run).unwrap().unwrap()
}

/// W-16: streams of both kinds and both openers, 64 at a time, on a path that loses five of a hundred packets.
#[test]
fn w16_a_thousand_streams_without_http_on_a_bad_network() {
    over("delay=2 loss=50 reordering=50 late=5", async |client, at, handle| {
        let session = client.open_session(PROTOCOL, &at).await?;
        assert_eq!((session.protocol(), session.url()), (Some(PROTOCOL), &*format!("quic://{at}")));
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
        let (stats, transport) = (session.stats().unwrap(), session.transport_stats().unwrap());
        assert_eq!((stats.opened, stats.accepted), (2000, 1000));
        assert!(stats.written == stats.read && transport.packets_lost > 0 && transport.packets_sent > 1000);
        Ok(())
    });
}

/// W-16: as over HTTP/3, with a code of 32 bits and a message that need not be ASCII.
#[test]
fn w16_closes_go_both_ways_with_code_and_message() {
    posthaste::run(|handle: Handle| async move {
        let (server, client) = both(&handle)?;
        let ended = Arc::new(Mutex::new(Vec::new()));
        let told = ended.clone();
        let server = server
            .session_protocol("close/1", |session: Session| async move {
                session.close(u32::MAX, "wie gew\u{fc}nscht: \"so\" \\ \t");
                session.closed().await.map(drop)
            })
            .session_protocol("wait/1", move |session: Session| {
                let told = told.clone();
                async move {
                    let end = session.closed().await?;
                    told.lock().unwrap().push(end);
                    Ok::<(), Error>(())
                }
            })
            .start_sessions(&handle)?;
        let at = server.addresses()[0].to_string();
        let session = client.open_session("close/1", &at).await?;
        let end = session.closed().await?;
        let reason = "wie gew\u{fc}nscht: \"so\" \\ \t".to_owned();
        assert_eq!(end, SessionEnd { code: u32::MAX, reason, by_peer: true });
        assert!(matches!(session.open_unidirectional().await, Err(Error::SessionClosed { by_peer: true, .. })));
        assert!(session.stats().is_none() && session.send_datagram(b"x").is_err());

        let session = client.open_session("wait/1", &at).await?;
        let (mut send, mut receive) = session.open_bidirectional().await?;
        send.write_all("x").await?;
        session.close(7, "enough");
        assert_eq!(session.closed().await?, SessionEnd { code: 7, reason: "enough".into(), by_peer: false });
        assert!(matches!(receive.read().await, Err(Error::SessionClosed { code: 7, by_peer: false, .. })));
        assert!(matches!(send.write_all("y").await, Err(Error::SessionClosed { code: 7, by_peer: false, .. })));

        // The last that holds it is gone: a stream does not keep it.
        let session = client.open_session("wait/1", &at).await?;
        let (_send, _receive) = session.open_bidirectional().await?;
        let other = session.clone();
        drop(session);
        assert!(other.stats().is_some());
        drop(other);
        let both_told = async {
            while ended.lock().unwrap().len() < 2 {
                runtime::executor::yield_now().await;
            }
        };
        handle.timeout(PATIENCE, both_told).await.map_err(|_| "it is never told").unwrap();
        let by_peer = |code, reason: &str| SessionEnd { code, reason: reason.into(), by_peer: true };
        assert_eq!(*ended.lock().unwrap(), [by_peer(7, "enough"), by_peer(0, "")]);
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}

/// W-16: codes of streams, both ways, and what is dropped.
#[test]
fn w16_resets_and_stops_have_codes() {
    over("delay=1", async |client, at, _| {
        let session = client.open_session(PROTOCOL, &at).await?;
        let (mut send, mut receive) = session.open_bidirectional().await?;
        send.write_all("to be given up").await?;
        send.reset(u32::MAX - 1);
        let error = loop {
            match receive.read().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("it has no end"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::StreamReset { code: Some(u32::MAX) }), "{error}");
        let (mut send, mut receive) = session.open_bidirectional().await?;
        receive.stop(9);
        let error = loop {
            match send.write_all(vec![0; 10_000]).await {
                Ok(()) => {}
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::StreamStopped { code: Some(0) }), "{error}");
        assert!(send.closed().await.is_err());
        let (mut send, _receive) = session.open_bidirectional().await?;
        send.prioritize(0, false);
        send.write_all("all of it").await?;
        send.finish()?;
        send.closed().await
    });
}

/// W-16: a stop that came before its stream was taken is told to who takes it.
#[test]
fn w16_a_stop_that_came_before_its_stream_was_taken_is_told() {
    posthaste::run(|handle: Handle| async move {
        let (server, client) = both(&handle)?;
        let server = server.session_protocol("late/1", |session: Session| async move {
            session.read_datagram().await?;
            let (send, _receive) = session.accept_bidirectional().await?;
            let code = match send.closed().await {
                Err(Error::StreamStopped { code: Some(code) }) => code,
                other => panic!("{other:?}"),
            };
            session.close(code, "");
            Ok::<(), Error>(())
        });
        let server = server.start_sessions(&handle)?;
        let session = client.open_session("late/1", &server.addresses()[0].to_string()).await?;
        let (mut send, mut receive) = session.open_bidirectional().await?;
        send.write_all("begun").await?;
        receive.stop(9);
        send.finish()?;
        send.closed().await?;
        session.send_datagram(b"now").unwrap();
        let ended = handle.timeout(PATIENCE, session.closed()).await.map_err(|_| "no end").unwrap();
        assert_eq!(ended?.code, 9);
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}

/// W-16: datagrams, up to the largest.
#[test]
fn w16_datagrams_go_both_ways() {
    over("delay=1 loss=20", async |client, at, _| {
        let session = client.open_session(PROTOCOL, &at).await?;
        let largest = session.max_datagram().unwrap();
        assert!(largest > 1000 && session.send_datagram(&vec![1; largest + 1]).is_err());
        let (mut sent, mut read) = (0_u32, 0);
        while read < 200 {
            session.send_datagram(&vec![sent as u8; largest]).unwrap();
            sent += 1;
            let echo = session.read_datagram();
            if let Ok(echo) = session.executor().timeout(Duration::from_millis(100), echo).await {
                let echo = echo?;
                assert!(echo.len() == largest && echo.iter().all(|byte| *byte == echo[0]));
                read += 1;
            }
            assert!(sent < 1000, "{read} of {sent} came back");
        }
        assert!(session.stats().unwrap().datagrams_sent == u64::from(sent));
        Ok(())
    });
}

/// W-16: on the port of HTTP/3, and of several threads; the certificate of the client is known, and what one end does not speak is said.
#[test]
fn w16_beside_http_and_on_several_threads() {
    let identity = Identity::development(&[]).unwrap();
    let authority = Authority::new("ours");
    let guest = authority.client("guest.example", false);
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
    let trust = ClientTrust::from_pem(authority.pem().as_bytes()).unwrap();
    let workers = Server::builder(identity)
        .listen("127.0.0.1:0".parse().unwrap())
        .client_authentication(trust.optional())
        .session_protocol(PROTOCOL, echo_all)
        .session_protocol("who/1", |session: Session| async move {
            let mut send = session.open_unidirectional().await?;
            let is_known = session.peer_identity().is_some();
            send.write_all(format!("{} {is_known}", session.url())).await?;
            send.finish()?;
            send.closed().await?;
            session.closed().await.map(drop)
        })
        .start_workers(2, |_, reply: Reply| reply.send(200, "by HTTP"))
        .unwrap();
    let at = workers.addresses()[0];
    posthaste::run(|handle: Handle| async move {
        let client = Client::builder(roots.clone()).identity(&guest).build(&handle);
        let mut response = client.get(&format!("https://{at}/")).send().await?;
        assert_eq!(response.body().read_to_end(100).await?, b"by HTTP");
        let mut sessions = Vec::new();
        for number in 0..16_u8 {
            let session = client.open_session(PROTOCOL, &at.to_string()).await?;
            assert_eq!(there_and_back(&session, vec![number; 1000]).await?, [number; 1000]);
            sessions.push(session);
        }
        let who = async |client: &Client, at: String| {
            let session = client.open_session("who/1", &at).await?;
            session.accept_unidirectional().await?.read_to_end(100).await
        };
        assert_eq!(who(&client, format!("localhost:{}", at.port())).await?, b"quic://localhost true");
        let stranger = Client::builder(roots).build(&handle);
        assert_eq!(who(&stranger, at.to_string()).await?, format!("quic://{at} false").into_bytes());

        let error = client.open_session("chess/1", &at.to_string()).await.unwrap_err();
        assert!(matches!(&error, Error::NotSpoken { protocol, .. } if protocol == "chess/1"), "{error}");
        for (protocol, authority) in [("", "localhost:1"), ("h3", "localhost:1"), ("a", "localhost"), ("a", "x y:1")] {
            let error = client.open_session(protocol, authority).await.unwrap_err();
            assert!(matches!(error, Error::Message(_)), "{error}");
        }
        client.close().await;
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
    workers.close();
    // What a client had not acknowledged by then is cut.
    let ended = workers.join();
    assert!(matches!(ended, Ok(()) | Err(Error::Unfinished { .. })), "{ended:?}");
}

/// W-16: a server that ends tells its sessions, and waits for them; what does not speak HTTP says so; a handler that fails is told of.
#[test]
fn w16_servers_wait_for_sessions_and_tell_of_handlers_that_fail() {
    posthaste::run(|handle: Handle| async move {
        let (server, client) = both(&handle)?;
        let told = Arc::new(Mutex::new(Vec::new()));
        let events = told.clone();
        let server = server
            .on_event(move |event| events.lock().unwrap().push(event.to_string()))
            .session_protocol("drain/1", |session: Session| async move {
                session.send_datagram(b"ready").unwrap();
                session.draining().await;
                let mut send = session.open_unidirectional().await?;
                send.write_all("the last words").await?;
                send.finish()?;
                send.closed().await
            })
            .session_protocol("fail/1", |_: Session| async { Err::<(), _>("on purpose") })
            .session_protocol("panic/1", |_: Session| async {
                if true {
                    panic!("by mistake")
                }
            })
            .start_sessions(&handle)?;
        let at = server.addresses()[0].to_string();
        for protocol in ["fail/1", "panic/1"] {
            let end = client.open_session(protocol, &at).await?.closed().await?;
            assert_eq!((end.code, end.by_peer), (0, true), "{protocol}");
        }
        let error = client.get(&format!("https://{at}/")).send().await.unwrap_err();
        assert!(matches!(error, Error::NotHttp3 { .. }), "{error}");

        let session = client.open_session("drain/1", &at).await?;
        assert_eq!(session.read_datagram().await?.to_vec(), b"ready");
        assert_eq!(server.requests_under_way(), 1);
        let reading = handle.spawn(async move {
            let words = session.accept_unidirectional().await?.read_to_end(100).await;
            session.close(0, "");
            words
        });
        server.shutdown(PATIENCE).await?;
        let words = handle.timeout(PATIENCE, reading).await.map_err(|_| "they do not come").unwrap();
        assert_eq!(words.unwrap()?, b"the last words");
        let told = told.lock().unwrap().join("\n");
        assert!(told.contains("by fail/1 failed: on purpose"), "{told}");
        assert!(told.contains("by panic/1 panicked: by mistake"), "{told}");
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}

/// W-16: several threads that speak no HTTP, until they are told to end.
#[test]
fn w16_servers_without_http_on_several_threads() {
    let identity = Identity::development(&[]).unwrap();
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
    let server = || Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap());
    let workers = server().session_protocol(PROTOCOL, echo_all).start_session_workers(2).unwrap();
    let at = workers.addresses()[0].to_string();
    posthaste::run(|handle: Handle| async move {
        let client = Client::builder(roots).build(&handle);
        for number in 0..8 {
            let session = client.open_session(PROTOCOL, &at).await?;
            assert_eq!(there_and_back(&session, vec![number; 500]).await?, [number; 500]);
        }
        client.close().await;
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
    workers.shutdown();
    workers.join().unwrap();
    // Where there is nothing to serve, nothing runs.
    assert!(server().run_sessions(2).is_err());
}

#[test]
fn w16_servers_of_nothing_are_not_started() {
    posthaste::run(|handle: Handle| async move {
        let local =
            || Ok::<_, Error>(Server::builder(Identity::development(&[])?).listen("127.0.0.1:0".parse().unwrap()));
        let nothing = |_: Session| async {};
        for (builder, why) in [
            (local()?, "nothing to serve"),
            (local()?.session_protocol("h3", nothing), "version of HTTP"),
            (local()?.session_protocol("", nothing), "empty"),
            (local()?.session_protocol("a/1", nothing).session_protocol("a/1", nothing), "twice"),
            (local()?.session_protocol("a/1", nothing).tcp(), "TCP"),
        ] {
            let Err(error) = builder.start_sessions(&handle) else { panic!("it has started: {why}") };
            assert!(error.to_string().contains(why), "{error}");
        }
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}

/// Two that begin at once are both let in, and one of them is too much for its network when its handshake is complete: it learns that by a
/// word of the transport, because the codes of the application mean something else.
/// RFC 9000 section 20.1.
#[test]
fn who_is_too_much_for_its_network_is_told_so_in_no_code_of_the_application() {
    posthaste::run(|handle: Handle| async move {
        let (server, client) = both(&handle)?;
        let server = server.max_connections_per_network(1).start_sessions(&handle)?;
        let at = server.addresses()[0].to_string();
        let begin = || {
            let (client, at) = (client.clone(), at.clone());
            handle.spawn(async move {
                let session = client.open_session(PROTOCOL, &at).await?;
                there_and_back(&session, vec![1; 10]).await?;
                Ok::<_, Error>(session)
            })
        };
        let ends = [begin(), begin()];
        let mut told = Vec::new();
        let mut held = Vec::new();
        for end in ends {
            match handle.timeout(PATIENCE, end).await.unwrap().unwrap() {
                Ok(session) => held.push(session),
                Err(error) => told.push(error),
            }
        }
        assert_eq!((held.len(), told.len()), (1, 1));
        let refused = |code: &CloseReason| matches!(code, CloseReason::PeerTransport { code, .. } if code.0 == 2);
        assert!(matches!(&told[0], Error::Closed { reason, .. } if refused(reason)), "{told:?}");
        client.close().await;
        Ok::<(), Error>(())
    })
    .unwrap()
    .unwrap();
}
