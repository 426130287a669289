//! A server of the library on a TCP port, and a client that comes by TCP alone, with one version of HTTP.

use crate::client::Client;
use crate::client::connection::{Connect, Connection, Task};
use crate::client::pool::Limits;
use crate::error::Error;
use crate::exchange::reply::Reply;
use crate::exchange::request::Request;
use crate::server::handler::Outcome;
use crate::tcp::client::TcpDial;
use crate::wall_clock::SystemClock;
use crate::websocket::connecting::Connecting;
use crate::{Handle, Identity, Roots, Server, WebSocket, WebSocketOptions};
use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use x509::ServerName;

/// Connects to one address whatever the host is.
struct ByTcp {
    dial: Rc<TcpDial>,
    remote: SocketAddr,
}

impl Connect for ByTcp {
    fn connect(&self, host: Rc<str>, _port: u16, _early: bool) -> Task<'_, Result<Rc<dyn Connection>, Error>> {
        Box::pin(async move {
            let name = ServerName::parse(&host).map_err(Error::message)?;
            self.dial.attempt(&host, &name, self.remote, Duration::from_secs(5), Duration::ZERO).await
        })
    }

    fn close_all(&self) -> Task<'_, ()> {
        self.dial.close_all();
        Box::pin(async {})
    }
}

/// A client of this server that comes by TCP and speaks this protocol.
pub(super) fn client(handle: &Handle, identity: &Identity, remote: SocketAddr, protocol: &[u8]) -> Client {
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
    let (provider, protocols) = (crypto_ring::PROVIDER, vec![protocol.to_vec()]);
    let tls = tls::ClientConfig::new(provider, roots.verification(), protocols, Arc::new(SystemClock));
    let connecting = Rc::new(Connecting::new(true));
    let connect = ByTcp { dial: TcpDial::new(handle.clone(), tls, connecting.clone()), remote };
    let mut client = Client::over(handle, Box::new(connect), Limits::default());
    client.connecting = connecting;
    client
}

/// Runs `test` with a client that speaks `protocol`, and the URL of a server that answers with `handler`.
pub(super) fn with_server<H, T>(
    protocol: &[u8],
    handler: impl Fn(Request, Reply) -> H + 'static,
    test: impl AsyncFnOnce(Client, String, Handle) -> T,
) -> T
where
    H: Future<Output: Outcome> + 'static,
{
    let protocol = protocol.to_vec();
    crate::run(|handle| async move {
        let identity = Identity::development(&[]).unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        let server = Server::builder(identity.clone()).listen(listen).tcp().start(&handle, handler).unwrap();
        let remote = server.addresses()[0];
        let client = client(&handle, &identity, remote, &protocol);
        let result = test(client, format!("https://{remote}"), handle.clone()).await;
        drop(server);
        result
    })
    .unwrap()
}

/// A server with these settings, and a client of it that speaks HTTP/2.
async fn started<H: Future<Output: Outcome> + 'static>(
    handle: &Handle,
    change: impl FnOnce(crate::ServerBuilder) -> crate::ServerBuilder,
    handler: impl Fn(Request, Reply) -> H + 'static,
) -> (Server, Identity, SocketAddr) {
    let identity = Identity::development(&[]).unwrap();
    let builder = Server::builder(identity.clone()).listen("127.0.0.1:0".parse().unwrap()).tcp();
    let server = change(builder).start(handle, handler).unwrap();
    let remote = server.addresses()[0];
    (server, identity, remote)
}

#[test]
fn all_versions_come_to_one_handler_and_are_told_of_the_other_port() {
    crate::run(|handle| async move {
        let handler = |request: Request, reply: Reply| reply.send(200, request.version().to_string());
        let (server, identity, remote) = started(&handle, |builder| builder, handler).await;
        let url = format!("https://{remote}/");
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        let by_udp = Client::builder(roots).build(&handle);
        let expected = format!("h3=\":{}\"; ma=86400", remote.port());
        for (client, version, alternative) in [
            (client(&handle, &identity, remote, b"http/1.1"), "HTTP/1.1", Some(&*expected)),
            (client(&handle, &identity, remote, b"h2"), "HTTP/2", Some(&*expected)),
            (by_udp, "HTTP/3", None),
        ] {
            let mut response = client.get(&url).send().await.unwrap();
            assert_eq!(response.fields().first_text("alt-svc"), alternative, "{version}");
            assert_eq!(response.body().read_to_end(100).await.unwrap(), version.as_bytes());
        }
        drop(server);
    })
    .unwrap();
}

/// A server that ends lets what is under way finish, takes nothing more, and says that the other port is no alternative any more.
#[test]
fn a_server_that_ends_answers_what_is_under_way() {
    for protocol in [&b"http/1.1"[..], b"h2"] {
        crate::run(|handle| async move {
            let gate = Rc::new(Cell::new(false));
            let (open, waker) = (gate.clone(), handle.clone());
            let handler = move |_, reply: Reply| {
                let (open, handle) = (open.clone(), waker.clone());
                async move {
                    while !open.get() {
                        handle.sleep(Duration::from_millis(1)).await;
                    }
                    reply.send(200, "late").await
                }
            };
            let (server, identity, remote) = started(&handle, |builder| builder, handler).await;
            let url = format!("https://{remote}/");
            let client = client(&handle, &identity, remote, protocol);
            let asked = client.get(&url);
            let answer = handle.spawn(async move { asked.send().await });
            while server.requests_under_way() == 0 {
                handle.sleep(Duration::from_millis(1)).await;
            }
            assert_eq!(server.tcp_clients().len(), 1);
            let end = handle.spawn(async move { server.shutdown(Duration::from_secs(10)).await });
            handle.sleep(Duration::from_millis(5)).await;
            gate.set(true);
            let mut response = answer.await.unwrap().unwrap();
            assert_eq!(response.fields().first_text("alt-svc"), Some("clear"));
            assert_eq!(response.body().read_to_end(100).await.unwrap(), b"late");
            end.await.unwrap().unwrap();
            let error = client.get(&url).send().await.map(drop).unwrap_err();
            assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        })
        .unwrap();
    }
}

/// A server that is full cuts further clients off at once, and takes others when there is room again.
#[test]
fn a_server_takes_no_more_connections_than_it_may() {
    crate::run(|handle| async move {
        let handler = |_, reply: Reply| reply.send(200, "");
        let (server, identity, remote) = started(&handle, |builder| builder.max_connections(1), handler).await;
        let url = format!("https://{remote}/");
        let first = client(&handle, &identity, remote, b"h2");
        first.get(&url).send().await.unwrap();
        let second = client(&handle, &identity, remote, b"h2");
        let error = second.get(&url).send().await.map(drop).unwrap_err();
        assert!(matches!(error, Error::BrokenOff { .. } | Error::Tls { .. }), "{error:?}");
        drop(first);
        while !server.tcp_clients().is_empty() {
            handle.sleep(Duration::from_millis(1)).await;
        }
        second.get(&url).send().await.unwrap();
    })
    .unwrap();
}

/// Over HTTP/1.1 a client wants several connections. A server, or something on the way to it, that lets in one and no more is not
/// asked again and again while that one is in use.
#[test]
fn a_server_that_takes_one_connection_is_not_asked_for_others_without_end() {
    crate::run(|handle| async move {
        let (may_end, has_begun) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let (waits, begins, waiting) = (may_end.clone(), has_begun.clone(), handle.clone());
        let handler = move |_, reply: Reply| {
            begins.set(true);
            let (may_end, handle) = (waits.clone(), waiting.clone());
            async move {
                while !may_end.get() {
                    handle.sleep(Duration::from_millis(1)).await;
                }
                reply.send(200, "").await
            }
        };
        let (_server, identity, remote) = started(&handle, |builder| builder, handler).await;
        let (front, refused) = lets_one_in(remote);
        let client = client(&handle, &identity, front, b"http/1.1");
        let url = format!("https://{front}/");
        let ask = || {
            let (client, url) = (client.clone(), url.clone());
            handle.spawn(async move { client.get(&url).send().await.map(drop) })
        };
        let first = ask();
        while !has_begun.get() {
            handle.sleep(Duration::from_millis(1)).await;
        }
        let others = [ask(), ask(), ask()];
        while refused.load(Ordering::Relaxed) == 0 {
            handle.sleep(Duration::from_millis(1)).await;
        }
        handle.sleep(Duration::from_millis(100)).await;
        may_end.set(true);
        first.await.unwrap().unwrap();
        for other in others {
            other.await.unwrap().unwrap();
        }
        assert!(refused.load(Ordering::Relaxed) <= 5, "{refused:?} were refused");
    })
    .unwrap();
}

/// The one connection that a server lets in became a WebSocket's: there is none for a request, and that is told at once.
#[test]
fn a_request_beside_the_only_connection_that_a_websocket_has_fails_at_once() {
    crate::run(|handle| async move {
        let handler = async |request: Request, reply: Reply| {
            let mut socket = WebSocket::accept(request, reply, &WebSocketOptions::new()).await?;
            while socket.receive().await?.is_some() {}
            Ok::<(), Error>(())
        };
        let (_server, identity, remote) = started(&handle, |builder| builder.websockets(), handler).await;
        let (front, refused) = lets_one_in(remote);
        let client = client(&handle, &identity, front, b"http/1.1");
        let socket = client.websocket(&format!("wss://{front}/")).connect().await.unwrap();
        let asked = [client.get(&format!("https://{front}/")).send(), client.get(&format!("https://{front}/")).send()];
        for response in asked {
            let response = handle.timeout(Duration::from_secs(20), response).await.expect("it is told");
            let error = response.map(drop).unwrap_err();
            assert!(matches!(error, Error::BrokenOff { .. } | Error::Tls { .. }), "{error:?}");
        }
        assert!(refused.load(Ordering::Relaxed) <= 6, "{refused:?} were refused");
        drop(socket);
    })
    .unwrap();
}

/// Who gives an upload up because its connection is cut is told of the connection, and not that the request was given up.
#[test]
fn an_upload_that_is_cut_off_fails_for_that_reason() {
    crate::run(|handle| async move {
        let handler = async |mut request: Request, _reply: Reply| {
            request.body().read_to_end(usize::MAX).await?;
            Ok::<(), Error>(())
        };
        for protocol in [&b"http/1.1"[..], b"h2"] {
            let (_server, identity, remote) = started(&handle, |builder| builder, handler).await;
            let front = cuts_after(remote, 300_000);
            let client = client(&handle, &identity, front, protocol);
            let (mut writer, pending) = client.post(&format!("https://{front}/")).start().await.unwrap();
            while writer.write(vec![7; 50_000]).await.is_ok() {}
            drop(writer);
            let error = pending.response().await.map(drop).unwrap_err();
            assert!(matches!(error, Error::BrokenOff { .. } | Error::Tls { .. }), "{error:?}");
        }
    })
    .unwrap();
}

/// An address that leads to this server once, and cuts the connection when the client has sent so many bytes.
fn cuts_after(server: SocketAddr, bytes: u64) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (inside, outside) = (listener.accept().unwrap().0, TcpStream::connect(server).unwrap());
        let (mut from, mut to) = (outside.try_clone().unwrap(), inside.try_clone().unwrap());
        std::thread::spawn(move || io::copy(&mut from, &mut to));
        let _ = io::copy(&mut io::Read::take(&inside, bytes), &mut &outside);
        for end in [inside, outside] {
            let _ = end.shutdown(std::net::Shutdown::Both);
        }
    });
    address
}

/// An address that leads to this server once, and how often it refused.
fn lets_one_in(server: SocketAddr) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (address, refused) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let count = refused.clone();
    std::thread::spawn(move || {
        let (mut first, _) = listener.accept().unwrap();
        let mut onward = TcpStream::connect(server).unwrap();
        let (mut back, mut forth) = (onward.try_clone().unwrap(), first.try_clone().unwrap());
        std::thread::spawn(move || io::copy(&mut first, &mut onward));
        std::thread::spawn(move || io::copy(&mut back, &mut forth));
        for other in listener.incoming() {
            drop(other);
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    (address, refused)
}

/// A client whose request does not come is answered with 408, and one that says nothing is let go.
#[test]
fn a_client_that_is_silent_is_let_go() {
    crate::run(|handle| async move {
        let times = crate::TimeLimits { without_requests: Duration::from_millis(50), ..crate::TimeLimits::OFF };
        let handler = |_, reply: Reply| reply.send(200, "");
        let change = |mut builder: crate::ServerBuilder| {
            builder.http.times = times;
            builder
        };
        let (server, identity, remote) = started(&handle, change, handler).await;
        for protocol in [&b"http/1.1"[..], b"h2"] {
            let client = client(&handle, &identity, remote, protocol);
            client.get(&format!("https://{remote}/")).send().await.unwrap();
            while !server.tcp_clients().is_empty() {
                handle.sleep(Duration::from_millis(1)).await;
            }
        }
    })
    .unwrap();
}

/// A handler whose client is cut off is stopped.
#[test]
fn a_client_that_vanishes_ends_its_handler() {
    for protocol in [&b"http/1.1"[..], b"h2"] {
        crate::run(|handle| async move {
            let running = Rc::new(());
            let held = running.clone();
            let handler = move |_, reply: Reply| {
                let held = held.clone();
                async move {
                    let writer = reply.start(200)?;
                    std::future::pending::<()>().await;
                    drop(held);
                    writer.finish()
                }
            };
            let (_server, identity, remote) = started(&handle, |builder| builder, handler).await;
            let client = client(&handle, &identity, remote, protocol);
            let response = client.get(&format!("https://{remote}/")).send().await.unwrap();
            assert_eq!(Rc::strong_count(&running), 3, "the handler has one");
            drop(client);
            drop(response);
            while Rc::strong_count(&running) > 2 {
                handle.sleep(Duration::from_millis(1)).await;
            }
        })
        .unwrap();
    }
}

/// The same for one that has not begun to answer, and of whose client nothing is heard but the end: it closes in order, behind a request
/// that it has sent ahead, too.
#[test]
fn a_client_that_closes_ends_a_handler_that_has_said_nothing() {
    for asked in [1, 2] {
        crate::run(|handle| async move {
            let running = Rc::new(());
            let held = running.clone();
            let handler = move |_, reply: Reply| {
                let held = held.clone();
                async move {
                    std::future::pending::<()>().await;
                    drop(held);
                    reply.send(200, "").await
                }
            };
            let (server, identity, remote) = started(&handle, |builder| builder, handler).await;
            let raw = super::reverse_proxy::raw::Raw::connect(&handle, &identity, remote, b"http/1.1").await;
            raw.say(format!("GET / HTTP/1.1\r\nhost: {remote}\r\n\r\n").repeat(asked));
            // The request is there before its handler is called, which then has one.
            while Rc::strong_count(&running) < 3 {
                handle.sleep(Duration::from_millis(1)).await;
            }
            raw.end();
            while Rc::strong_count(&running) > 2 {
                handle.sleep(Duration::from_millis(1)).await;
            }
            drop(server);
        })
        .unwrap();
    }
}

/// Connections of a network are counted together, whatever they come by. Who is refused learns it at once, and the owner is told once.
#[test]
fn a_network_has_no_more_connections_than_it_may_by_udp_and_tcp_together() {
    crate::run(|handle| async move {
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let events = told.clone();
        let change = |builder: crate::ServerBuilder| {
            builder.max_connections_per_network(2).on_event(move |event| events.lock().unwrap().push(event.to_string()))
        };
        let (server, identity, remote) = started(&handle, change, |_, reply: Reply| reply.send(200, "")).await;
        let url = format!("https://{remote}/");
        let by_udp = || {
            let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
            Client::builder(roots).build(&handle)
        };
        let by_tcp = |protocol| client(&handle, &identity, remote, protocol);
        let mut held = vec![by_udp(), by_tcp(b"h2")];
        for client in &held {
            client.get(&url).send().await.unwrap();
        }
        for further in [by_udp(), by_tcp(b"h2"), by_tcp(b"http/1.1"), by_udp()] {
            assert!(further.get(&url).send().await.is_err());
        }
        let full = |all: &[String]| all.iter().filter(|line| line.contains("its network")).count();
        assert_eq!(full(&told.lock().unwrap()), 1, "{told:?}");
        // Each that leaves makes room for one, by the same way or the other.
        for (place, further) in [(0, by_tcp(b"http/1.1")), (1, by_udp())] {
            held.remove(place).close().await;
            while server.connections().len() + server.tcp_clients().len() > 1 {
                handle.sleep(Duration::from_millis(1)).await;
            }
            further.get(&url).send().await.unwrap();
            held.insert(place, further);
            assert!(by_tcp(b"h2").get(&url).send().await.is_err());
        }
    })
    .unwrap();
}

/// Requests under way are counted together, whatever they come by. Who comes beyond them is told to come again, and the owner once.
#[test]
fn a_server_has_no_more_requests_under_way_than_it_may_in_all_versions_together() {
    crate::run(|handle| async move {
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let events = told.clone();
        let change = |builder: crate::ServerBuilder| {
            builder.max_requests(3).on_event(move |event| events.lock().unwrap().push(event.to_string()))
        };
        // An answer that goes on for as long as its request does.
        let handler = |mut request: Request, reply: Reply| async move {
            let writer = reply.start(200)?;
            request.body().read_to_end(100).await?;
            writer.finish()
        };
        let (_server, identity, remote) = started(&handle, change, handler).await;
        let url = format!("https://{remote}/");
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        let by_udp = Client::builder(roots).build(&handle);
        let clients =
            [by_udp, client(&handle, &identity, remote, b"h2"), client(&handle, &identity, remote, b"http/1.1")];
        let mut under_way = Vec::new();
        for client in &clients {
            let (writer, pending) = client.post(&url).start().await.unwrap();
            under_way.push((writer, pending.response().await.unwrap()));
        }
        for client in &clients {
            let response = client.get(&url).send().await.unwrap();
            assert_eq!(response.status().code(), 503);
            assert_eq!(response.fields().first_text("retry-after"), Some("1"));
        }
        let full = || told.lock().unwrap().iter().filter(|line| line.contains("3 requests under way")).count();
        assert_eq!(full(), 1, "{told:?}");
        // Each that is over makes room for one, in whichever version.
        for ended in [0, 1, 2] {
            let (writer, mut response) = under_way.remove(0);
            writer.finish().unwrap();
            response.body().read_to_end(0).await.unwrap();
            let client = &clients[2 - ended];
            let (writer, pending) = loop {
                let (writer, pending) = client.post(&url).start().await.unwrap();
                let response = pending.response().await.unwrap();
                // The answer is here before the server has done with the request.
                if response.status().code() == 200 {
                    break (writer, response);
                }
            };
            under_way.push((writer, pending));
        }
        for client in &clients {
            assert_eq!(client.get(&url).send().await.unwrap().status().code(), 503);
        }
    })
    .unwrap();
}

/// What waits to be sent is counted together, whatever it goes by: readers that take nothing leave those who come later the least, and
/// get no more themselves.
#[test]
fn what_waits_to_be_sent_is_bounded_for_all_versions_together() {
    /// A fifth of it is for what is sent: less than 64 KiB for each reader, which is what one alone may have.
    const MEMORY: u64 = 5 << 20;
    const READERS: usize = 60;
    /// What a client takes in of a response that nobody reads.
    const WINDOW: usize = 256 << 10;
    /// What a connection may hold in any case.
    const LEAST: usize = 32 << 10;
    crate::run(|handle| async move {
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let (events, written) = (told.clone(), Rc::new([const { Cell::new(0) }; READERS]));
        let change = |builder: crate::ServerBuilder| {
            builder.memory(MEMORY).on_event(move |event| events.lock().unwrap().push(event.to_string()))
        };
        let (counts, begun) = (written.clone(), Cell::new(0));
        let handler = move |request: Request, reply: Reply| {
            let counts = counts.clone();
            let number = begun.replace(begun.get() + 1);
            async move {
                if request.path() == "/small" {
                    return reply.send(200, vec![0; 10_000]).await;
                }
                let mut writer = reply.start(200)?;
                loop {
                    let room = writer.room(1 << 20).await?;
                    writer.write(vec![0; room]).await?;
                    counts[number].set(counts[number].get() + room);
                }
            }
        };
        let (_server, identity, remote) = started(&handle, change, handler).await;
        let url = |path: &str| format!("https://{remote}{path}");
        let mut held = Vec::new();
        for _ in 0..READERS {
            let client = client(&handle, &identity, remote, b"h2");
            held.push((client.get(&url("/large")).send().await.unwrap(), client));
        }
        while written.iter().any(|written| written.get() < WINDOW + LEAST / 2) {
            handle.sleep(Duration::from_millis(1)).await;
        }
        let waiting = written.iter().map(Cell::get).sum::<usize>() - READERS * WINDOW;
        assert!(waiting <= (MEMORY / 5) as usize + READERS * LEAST, "{waiting}");
        let short = || told.lock().unwrap().iter().filter(|line| line.contains("hold all that may wait")).count();
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        for client in [
            Client::builder(roots).build(&handle),
            client(&handle, &identity, remote, b"h2"),
            client(&handle, &identity, remote, b"http/1.1"),
        ] {
            let mut response = client.get(&url("/small")).send().await.unwrap();
            assert_eq!(response.body().read_to_end(20_000).await.unwrap().len(), 10_000);
        }
        assert_eq!(short(), 1, "{told:?}");
    })
    .unwrap();
}

/// ten thousand requests, one after the other, and a thousand at once whose senders are slow: none is lost, and each has its answer.
#[test]
fn no_request_is_lost_one_after_the_other_or_all_at_once() {
    const IN_SEQUENCE: usize = 5_000;
    const AT_ONCE: usize = 500;
    let handler = |mut request: Request, reply: Reply| async move {
        let text = request.body().read_to_end(100).await?;
        reply.send(200, text).await
    };
    for protocol in [&b"http/1.1"[..], b"h2"] {
        with_server(protocol, handler, async |client, url, handle| {
            for number in 0..IN_SEQUENCE {
                let text = number.to_string();
                let mut response = client.post(&url).body(text.clone()).send().await.unwrap();
                assert_eq!(response.body().read_to_end(100).await.unwrap(), text.as_bytes());
            }
            let begun = Rc::new(Cell::new(0));
            let asked = (0..AT_ONCE).map(|number| {
                let (client, url, begun) = (client.clone(), url.clone(), begun.clone());
                handle.spawn(async move {
                    let (mut writer, pending) = client.post(&url).start().await?;
                    begun.set(begun.get() + 1);
                    // Each piece goes when all others had their turn: those who wait for a connection wait for slow senders.
                    for piece in 0..4 {
                        writer.write(format!("{number}.{piece} ")).await?;
                        runtime::executor::yield_now().await;
                    }
                    writer.finish()?;
                    pending.response().await?.body().read_to_end(100).await
                })
            });
            let asked: Vec<_> = asked.collect();
            for (number, answer) in asked.into_iter().enumerate() {
                let expected = format!("{number}.0 {number}.1 {number}.2 {number}.3 ");
                assert_eq!(answer.await.unwrap().unwrap(), expected.as_bytes());
            }
            assert_eq!(begun.get(), AT_ONCE);
        });
    }
}

/// RFC 6797 section 7.1: in every version, once, and what a handler says of it itself is left as it is.
#[test]
fn answers_by_tls_say_that_the_host_is_for_https_alone() {
    crate::run(|handle| async move {
        let handler = |request: Request, reply: Reply| {
            let own = (request.path() == "/own").then_some("max-age=0");
            let mut head = crate::ResponseHead::new(crate::Status::OK);
            if let Some(value) = own {
                head.fields.push("strict-transport-security", value).unwrap();
            }
            reply.send(head, "")
        };
        let change = |builder: crate::ServerBuilder| builder.strict_transport_security(Duration::from_secs(300), true);
        let (_server, identity, remote) = started(&handle, change, handler).await;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes()).unwrap();
        let by_tcp = [&b"http/1.1"[..], b"h2"].map(|protocol| client(&handle, &identity, remote, protocol));
        for client in by_tcp.into_iter().chain([Client::builder(roots).build(&handle)]) {
            for (path, expected) in [("/", "max-age=300; includeSubDomains"), ("/own", "max-age=0")] {
                let response = client.get(&format!("https://{remote}{path}")).send().await.unwrap();
                let said: Vec<&[u8]> = response.fields().all("strict-transport-security").collect();
                assert_eq!(said, [expected.as_bytes()], "{path}");
            }
        }
    })
    .unwrap();
}
