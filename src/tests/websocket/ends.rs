//! How WebSockets end: by either side, by going away, by silence, by a breach.

use super::*;
use crate::{Reason, Tunnel, WebSocketClose, WebSocketClosing, WebSocketTimes};

/// Fast clocks.
fn impatient() -> WebSocketOptions {
    let mut options = WebSocketOptions::new();
    let short = Duration::from_millis(100);
    options.config.times = WebSocketTimes { ping_after: short, patience: short };
    options
}

/// What became of sockets on a server.
type Log = Rc<RefCell<Vec<Result<Option<Message>, Error>>>>;

/// A handler that receives until the end, and notes it.
fn noting(log: &Log, options: WebSocketOptions) -> impl Fn(Request, Reply) -> Noting + Clone + 'static {
    let log = log.clone();
    move |request, reply| {
        let (log, options) = (log.clone(), options.clone());
        Box::pin(async move {
            let mut socket = WebSocket::accept(request, reply, &options).await?;
            loop {
                let received = socket.receive().await;
                let is_end = !matches!(received, Ok(Some(_)));
                log.borrow_mut().push(received);
                if is_end {
                    return Ok(());
                }
            }
        })
    }
}

type Noting = std::pin::Pin<Box<dyn Future<Output = Result<(), Error>>>>;

async fn noted(log: &Log, handle: &Handle) -> Result<Option<Message>, Error> {
    loop {
        if !log.borrow().is_empty() {
            return log.borrow_mut().remove(0);
        }
        handle.sleep(Duration::from_millis(1)).await;
    }
}

/// A tunnel to a server's socket, on which a test writes frames itself.
pub(super) async fn raw(client: &Client, url: &str) -> Tunnel {
    let url = url.replace("wss://", "https://");
    let request = client.extended_connect("websocket", &url).field("sec-websocket-version", "13");
    request.field("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").tunnel().await.unwrap()
}

#[test]
fn a_server_closes_and_says_why() {
    let handler = |request: Request, reply: Reply| async move {
        let mut socket = WebSocket::accept(request, reply, &WebSocketOptions::new()).await?;
        socket.send("last").await?;
        let said = socket.close(CloseCode::RESTART, "back soon").await?;
        assert_eq!(said.code, Some(CloseCode::RESTART), "the code comes back");
        Ok::<(), Error>(())
    };
    over_each(handler, async |client, url, _| {
        let mut socket = client.websocket(&url).connect().await.unwrap();
        assert_eq!(socket.receive().await.unwrap(), Some("last".into()));
        assert_eq!(socket.receive().await.unwrap(), None);
        assert_eq!(socket.closed(), Some(WebSocketClose::new(CloseCode::RESTART, "back soon")));
        let error = socket.send("late").await.unwrap_err();
        assert!(error.to_string().contains("WebSocket is closed"), "{error}");
    });
}

/// RFC 6455 section 7.4.1: a server that is about to end tells all that it goes away, and ends when they have answered.
#[test]
fn a_server_that_ends_goes_away() {
    for version in VERSIONS {
        crate::run(|handle| async move {
            let log = Log::default();
            let identity = Identity::development(&[]).unwrap();
            let builder = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap()).tcp().websockets();
            let server = builder.start(&handle, noting(&log, WebSocketOptions::new())).unwrap();
            let remote = server.addresses()[0];
            let client = client_of(&handle, &identity, remote, version);
            let url = format!("wss://{remote}");
            let (mut reads, mut does_not) =
                (client.websocket(&url).connect().await.unwrap(), client.websocket(&url).connect().await.unwrap());
            reads.send("before").await.unwrap();
            assert_eq!(noted(&log, &handle).await.unwrap(), Some("before".into()), "{version}");
            let ended = handle.spawn(async move { server.shutdown(PATIENCE).await });
            assert_eq!(reads.receive().await.unwrap(), None);
            assert_eq!(reads.closed(), Some(WebSocketClose::new(CloseCode::GOING_AWAY, "")), "{version}");
            assert!(does_not.send("late").await.is_err() || does_not.receive().await.unwrap().is_none());
            let limit = handle.timeout(PATIENCE, ended).await;
            assert_eq!(limit.map(|ended| ended.unwrap().is_ok()).ok(), Some(true), "{version}");
            let ends = [noted(&log, &handle).await, noted(&log, &handle).await];
            assert!(ends.iter().all(|end| matches!(end, Ok(None | Some(_)))), "{ends:?}");
        })
        .unwrap();
    }
}

/// Whoever drops it says that it goes away, and sends what was to be sent before.
#[test]
fn one_that_is_dropped_goes_away() {
    let log = Log::default();
    over_each(noting(&log, WebSocketOptions::new()), async |client, url, handle| {
        let mut socket = client.websocket(&url).connect().await.unwrap();
        socket.send("first").await.unwrap();
        drop(socket);
        assert_eq!(noted(&log, &handle).await.unwrap(), Some("first".into()));
        assert_eq!(noted(&log, &handle).await.unwrap(), None);
    });
    let dropping = |request: Request, reply: Reply| async move {
        WebSocket::accept(request, reply, &WebSocketOptions::new()).await.map(drop)
    };
    over_each(dropping, async |client, url, _| {
        let mut socket = client.websocket(&url).connect().await.unwrap();
        assert_eq!(socket.receive().await.unwrap(), None);
        assert_eq!(socket.closed().unwrap().code, Some(CloseCode::GOING_AWAY));
    });
}

/// A client that is there for HTTP and does not speak.
#[test]
fn a_peer_that_does_not_answer_is_gone() {
    let log = Log::default();
    over_each(noting(&log, impatient()), async |client, url, handle| {
        let mut tunnel = raw(&client, &url).await;
        assert_eq!(&tunnel.read().await.unwrap().unwrap()[..], [0x89, 0], "it is pinged");
        let end = noted(&log, &handle).await;
        assert!(matches!(end, Err(Error::WebSocket(WebSocketClosing::Silent))), "{end:?}");
        assert!(end.unwrap_err().to_string().contains("does not answer"));
        assert!(tunnel.read().await.is_err(), "and cut off");
    });
}

/// A client that answers stays, however long nothing else is said.
#[test]
fn a_peer_that_answers_stays() {
    let log = Log::default();
    let mut options = WebSocketOptions::new();
    options.config.times.ping_after = Duration::from_millis(10);
    over_each(noting(&log, options), async |client, url, handle| {
        let mut tunnel = raw(&client, &url).await;
        let mut pings = 0;
        while pings < 5 {
            let frames = tunnel.read().await.unwrap().unwrap();
            assert!(frames.chunks(2).all(|frame| frame == [0x89, 0]), "{frames:?}");
            pings += frames.len() / 2;
            tunnel.write(vec![0x8a, 0x80, 0, 0, 0, 0]).await.unwrap();
        }
        tunnel.write(vec![0x81, 0x81, 0, 0, 0, 0, b'a']).await.unwrap();
        assert_eq!(noted(&log, &handle).await.unwrap(), Some("a".into()));
        drop(tunnel);
        assert!(noted(&log, &handle).await.is_err());
    });
}

/// A peer that does not answer a Close.
#[test]
fn closing_has_an_end() {
    let log = Rc::new(RefCell::new(None));
    let results = log.clone();
    let handler = move |request: Request, reply: Reply| {
        let results = results.clone();
        async move {
            let socket = WebSocket::accept(request, reply, &impatient()).await?;
            *results.borrow_mut() = Some(socket.close(CloseCode::NORMAL, "").await);
            Ok::<(), Error>(())
        }
    };
    over_each(handler, async |client, url, handle| {
        let _tunnel = raw(&client, &url).await;
        while log.borrow().is_none() {
            handle.sleep(Duration::from_millis(1)).await;
        }
        let result = log.take().unwrap();
        assert!(matches!(result, Err(Error::WebSocket(WebSocketClosing::Silent))), "{result:?}");
    });
}

/// A stream that ends, or is broken off, at any byte of a message: it is never taken for a clean end.
#[test]
fn a_stream_that_ends_is_no_close() {
    let log = Log::default();
    let whole = [0x81, 0x83, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, b'c' ^ 3];
    over_each(noting(&log, WebSocketOptions::new()), async |client, url, handle| {
        for end in 0..=whole.len() {
            let mut tunnel = raw(&client, &url).await;
            tunnel.write(whole[..end].to_vec()).await.unwrap();
            let mut rest = tunnel.finish().unwrap();
            if end == whole.len() {
                assert_eq!(noted(&log, &handle).await.unwrap(), Some("abc".into()));
            }
            let ended = noted(&log, &handle).await;
            assert!(matches!(ended, Err(Error::WebSocket(WebSocketClosing::BrokenOff))), "{end}: {ended:?}");
            let said = rest.read_to_end(200).await.unwrap();
            assert_eq!(said[..1], [0x88], "who still reads is told");
        }
    });
}

/// A handler is told when its client breaks off, whether it receives or waits for something else.
#[test]
fn a_client_that_breaks_off_ends_its_handler() {
    let running = Rc::new(());
    let held = running.clone();
    let handler = move |request: Request, reply: Reply| {
        let held = held.clone();
        async move {
            let request_path = request.path().to_owned();
            let mut socket = WebSocket::accept(request, reply, &WebSocketOptions::new()).await?;
            match request_path.as_str() {
                "/receives" => assert!(socket.receive().await.is_err()),
                _ => socket.split().0.ended().await,
            }
            drop(held);
            Ok::<(), Error>(())
        }
    };
    over_each(handler, async |client, url, handle| {
        let before = Rc::strong_count(&running);
        for path in ["/receives", "/waits"] {
            let tunnel = raw(&client, &format!("{url}{path}")).await;
            while Rc::strong_count(&running) == before {
                handle.sleep(Duration::from_millis(1)).await;
            }
            tunnel.reset(Reason::Cancelled);
            while Rc::strong_count(&running) > before {
                handle.sleep(Duration::from_millis(1)).await;
            }
        }
    });
}

/// A server that breaks the protocol, and one that ends without a word.
#[test]
fn a_client_notices_a_server_that_breaks_off_or_breaks_the_protocol() {
    let handler = |request: Request, reply: Reply| async move {
        let mut head = crate::ResponseHead::new(crate::Status::OK);
        if let Some(key) = request.fields().first_text("sec-websocket-key") {
            let accept = websocket::handshake::accept(key, crypto_ring::sha1_for_websocket);
            head = head.with_field("sec-websocket-accept", accept)?;
        }
        let (path, mut tunnel) = (request.path().to_owned(), reply.accept(request, head)?);
        match path.as_str() {
            "/masked" => tunnel.write(vec![0x81, 0x81, 0, 0, 0, 0, b'a']).await?,
            "/part" => tunnel.write(vec![0x81, 5, b'a']).await?,
            _ => {
                tunnel.reset(Reason::Internal);
                return Ok(());
            }
        }
        if path == "/masked" {
            let close = tunnel.read().await?.unwrap();
            assert_eq!((close[0], close[1] & 0x80), (0x88, 0x80));
        }
        tunnel.finish().map(drop)
    };
    over_each(handler, async |client, url, _| {
        let end = async |path: &str| {
            let opening = client.websocket(&format!("{url}{path}")).connect().await;
            match opening {
                Ok(mut socket) => socket.receive().await.unwrap_err(),
                // A reset may overtake the answer.
                Err(error) => error,
            }
        };
        let masked = end("/masked").await;
        assert!(masked.to_string().contains("a server's frame that is masked (RFC 6455 5.1)"), "{masked}");
        let part = end("/part").await;
        assert!(matches!(part, Error::WebSocket(WebSocketClosing::BrokenOff)), "{part}");
        let reset = end("/reset").await;
        assert!(!matches!(reset, Error::WebSocket(_)), "the reason of the stream is told: {reset}");
    });
}
