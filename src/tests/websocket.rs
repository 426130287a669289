//! WebSockets of the library over each version of HTTP, over real sockets: the same bodies for all.

mod cases;
mod ends;
mod handshake;

use super::tcp;
use crate::{
    Client, Error, Handle, HttpVersion, Identity, Outcome, Reply, Request, Roots, Server, WebSocket, WebSocketConfig,
    WebSocketLimits, WebSocketMessage as Message, WebSocketOptions,
};
use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use websocket::CloseCode;

const VERSIONS: [HttpVersion; 3] = [HttpVersion::Http1, HttpVersion::Http2, HttpVersion::Http3];
/// More than any test takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `test` over each version, with a client and the URL of a server that answers with `handler`.
pub(super) fn over_each<H: Future<Output: Outcome> + 'static>(
    handler: impl Fn(Request, Reply) -> H + Clone + 'static,
    test: impl AsyncFn(Client, String, Handle),
) {
    for version in VERSIONS {
        over(version, handler.clone(), &test);
    }
}

pub(super) fn over<H: Future<Output: Outcome> + 'static>(
    version: HttpVersion,
    handler: impl Fn(Request, Reply) -> H + 'static,
    test: &impl AsyncFn(Client, String, Handle),
) {
    crate::run(|handle| async move {
        let identity = Identity::development(&[]).unwrap();
        let builder = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap()).tcp().websockets();
        let server = builder.start(&handle, handler).unwrap();
        let remote = server.addresses()[0];
        let client = client_of(&handle, &identity, remote, version);
        let testing = test(client, format!("wss://{remote}"), handle.clone());
        handle.timeout(PATIENCE, testing).await.unwrap_or_else(|_| panic!("{version}: it takes too long"));
        drop(server);
    })
    .unwrap();
}

fn client_of(handle: &Handle, identity: &Identity, remote: SocketAddr, version: HttpVersion) -> Client {
    match version {
        HttpVersion::Http1 => tcp::client(handle, identity, remote, b"http/1.1"),
        HttpVersion::Http2 => tcp::client(handle, identity, remote, b"h2"),
        HttpVersion::Http3 => {
            Client::builder(Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap()).build(handle)
        }
    }
}

/// Limits that let some megabytes through.
fn roomy() -> WebSocketConfig {
    let limits = WebSocketLimits { max_message: 16 << 20, max_frame: 16 << 20, ..WebSocketLimits::default() };
    WebSocketConfig { limits, ..WebSocketConfig::default() }
}

/// Sends back what comes.
async fn echo(request: Request, reply: Reply) -> Result<(), Error> {
    let mut options = WebSocketOptions::new().protocol("echo").protocol("other");
    options.config = roomy();
    let mut socket = WebSocket::accept(request, reply, &options).await?;
    while let Some(message) = socket.receive().await? {
        socket.send(message).await?;
    }
    Ok(())
}

#[test]
fn messages_go_both_ways_over_each_version() {
    over_each(echo, async |client, url, _| {
        let opening = client.websocket(&format!("{url}/chat?room=1")).protocol("unknown").protocol("echo");
        let mut socket = opening.config(roomy()).connect().await.unwrap();
        assert_eq!(socket.protocol(), Some("echo"));
        assert!(VERSIONS.contains(&socket.version()) && url.ends_with(&socket.remote().port().to_string()));
        let long: Vec<u8> = (0..3_000_000).map(|place: u32| (place % 251) as u8).collect();
        let messages = [
            Message::from("Grüße 🦀"),
            Message::from(""),
            Message::from(Vec::new()),
            Message::from(vec![0, 255]),
            Message::from("x".repeat(70_000)),
            Message::from(long),
        ];
        for message in messages {
            socket.send(message.clone()).await.unwrap();
            let back = socket.receive().await.unwrap();
            assert!(back == Some(message), "{} bytes", back.map_or(0, |back| back.len()));
        }
        assert_eq!(socket.closed(), None);
        let said = socket.close(CloseCode::NORMAL, "done").await.unwrap();
        assert_eq!(said.code, Some(CloseCode::NORMAL));
        // The connection is as good as before for the next.
        let mut next = client.websocket(&url).connect().await.unwrap();
        assert_eq!(next.protocol(), None);
        next.send("again").await.unwrap();
        assert_eq!(next.receive().await.unwrap(), Some("again".into()));
    });
}

/// Both directions at once, each in a task of its own: neither waits for the other.
#[test]
fn the_two_halves_work_by_themselves() {
    const COUNT: usize = 300;
    over_each(echo, async |client, url, handle| {
        let socket = client.websocket(&url).connect().await.unwrap();
        let (mut reader, writer) = socket.split();
        let sending = handle.spawn(async move {
            for number in 0..COUNT {
                writer.send(vec![number as u8; number * 10]).await?;
            }
            writer.close(CloseCode::NORMAL, "all");
            Ok::<(), Error>(())
        });
        for number in 0..COUNT {
            assert_eq!(reader.receive().await.unwrap(), Some(vec![number as u8; number * 10].into()));
        }
        assert_eq!(reader.receive().await.unwrap(), None);
        assert_eq!(reader.closed().and_then(|close| close.code), Some(CloseCode::NORMAL));
        assert_eq!(reader.receive().await.unwrap(), None, "and it stays so");
        sending.await.unwrap().unwrap();
    });
}

/// A receive that is given up at every wait loses nothing.
#[test]
fn receiving_may_be_given_up() {
    over_each(echo, async |client, url, handle| {
        let mut socket = client.websocket(&url).connect().await.unwrap();
        for number in 0..50_u8 {
            socket.send(vec![number]).await.unwrap();
        }
        let mut next = 0;
        while next < 50 {
            let waited = handle.timeout(Duration::from_micros(50), socket.receive()).await;
            if let Ok(message) = waited {
                assert_eq!(message.unwrap(), Some(vec![next].into()));
                next += 1;
            }
        }
    });
}

/// A server that sends without end to a client that fetches nothing: what it has made is what buffers hold, and it goes on when there is
/// room.
#[test]
fn who_is_not_read_waits() {
    let made = Rc::new(RefCell::new(0_usize));
    let count = made.clone();
    let handler = move |request: Request, reply: Reply| {
        let count = count.clone();
        async move {
            let mut socket = WebSocket::accept(request, reply, &WebSocketOptions::new()).await?;
            loop {
                socket.send(vec![0; 20_000]).await?;
                *count.borrow_mut() += 1;
                if false {
                    return Ok::<(), Error>(());
                }
            }
        }
    };
    over_each(handler, async |client, url, handle| {
        made.replace(0);
        let mut socket = client.websocket(&url).connect().await.unwrap();
        let mut before = usize::MAX;
        // Until no more is made for a while.
        while *made.borrow() != before {
            before = *made.borrow();
            handle.sleep(Duration::from_millis(200)).await;
        }
        assert!(before < 1_000, "{before} messages were made for nobody");
        for _ in 0..before + 100 {
            assert_eq!(socket.receive().await.unwrap().map(|message| message.len()), Some(20_000));
        }
        assert!(*made.borrow() > before);
    });
}
