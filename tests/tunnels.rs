//! Tunnels and their datagrams over real sockets, also where the network loses and changes the order.
#![allow(clippy::unwrap_used)] // a test may

#[path = "../examples/tunnel.rs"]
#[allow(dead_code)] // its `main`
mod example;
#[path = "tunnels/proxy.rs"]
mod proxy;
#[path = "tunnels/through.rs"]
mod through;

use posthaste::{Client, Error, Handle, Identity, Reason, Reply, Request, Roots, Server, ServerBuilder, Tunnel};
use relay::{Path, Relay};
use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(25);

/// What the two ends take.
#[derive(Clone, Copy)]
struct Takes {
    server: bool,
    client: bool,
}

const BOTH: Takes = Takes { server: true, client: true };

/// Runs `test` with a client and the URL of a server behind a path like this.
fn over<H, T>(
    settings: &str,
    takes: Takes,
    adapt: impl FnOnce(ServerBuilder) -> ServerBuilder,
    handler: impl Fn(Request, Reply) -> H + 'static,
    test: impl AsyncFnOnce(Client, String, Handle) -> Result<T, Error>,
) -> Result<T, Error>
where
    H: Future<Output = Result<(), Error>> + 'static,
{
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let mut server = adapt(Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*"));
        server.http.extended_connect = true;
        server.http.datagrams = takes.server;
        let server = server.start(&handle, handler)?;
        let path = Path::parse(settings.split(' ').filter(|word| !word.is_empty())).unwrap();
        let relay = Relay::start(server.addresses()[0], path).unwrap();
        let mut client = Client::builder(roots);
        client.http.datagrams = takes.client;
        let client = client.build(&handle);
        let testing = test(client.clone(), format!("https://{}", relay.address()), handle.clone());
        let result = handle.timeout(PATIENCE, testing).await.map_err(|_| "it takes too long").unwrap();
        client.close().await;
        result
    })?
}

/// Sends back what comes, and ends when the client does; datagrams to those who ask for that.
async fn echo(request: Request, reply: Reply) -> Result<(), Error> {
    match request.protocol() {
        Some("echo") => {
            let mut tunnel = reply.accept(request, 200)?;
            while let Some(bytes) = tunnel.read().await? {
                tunnel.write(bytes).await?;
            }
            tunnel.finish().map(drop)
        }
        Some("echo-datagrams") => {
            let (mut reader, mut writer) = reply.accept(request, 200)?.datagrams()?;
            while let Some(datagram) = reader.read().await? {
                writer.write(&datagram).await?;
            }
            writer.finish()
        }
        Some("typed") => {
            let head = posthaste::ResponseHead::new(posthaste::Status::OK);
            reply.accept(request, head.with_field("content-type", "text/plain").unwrap())?.read().await.map(drop)
        }
        _ => reply.send(501, "").await,
    }
}

const BAD: &str = "delay=5 loss=20 reordering=100";

#[test]
fn bytes_go_both_ways_and_each_direction_ends_by_itself() -> Result<(), Error> {
    for settings in ["", BAD] {
        over(
            settings,
            BOTH,
            |server| server,
            echo,
            async |client, url, handle| {
                let tunnel = client.extended_connect("echo", &url).tunnel().await?;
                let (mut reader, mut writer) = tunnel.split();
                let sending = handle.spawn(async move {
                    for byte in 0..200_u8 {
                        writer.write(vec![byte; 5_000]).await?;
                    }
                    writer.finish()
                });
                let back = reader.read_to_end(1_000_000).await?;
                sending.await.unwrap()?;
                assert_eq!(back.len(), 1_000_000);
                assert!(back.iter().enumerate().all(|(place, byte)| usize::from(*byte) == place / 5_000));
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// A server that ends first still reads: what it waits for comes after its end.
#[test]
fn a_server_may_end_first() -> Result<(), Error> {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let handler = move |request: Request, reply: Reply| {
        let heard = heard.clone();
        async move {
            if request.protocol().is_none() {
                return reply.send(200, heard.take()).await;
            }
            let mut body = reply.accept(request, 200)?.finish()?;
            *heard.borrow_mut() = body.read_to_end(1000).await?;
            Ok(())
        }
    };
    over(
        "delay=5",
        BOTH,
        |server| server,
        handler,
        async |client, url, _| {
            let mut tunnel = client.extended_connect("late", &url).tunnel().await?;
            assert_eq!(tunnel.read().await?, None);
            tunnel.write("after the end").await?;
            let _body = tunnel.finish()?;
            loop {
                let heard = client.get(&url).send().await?.body().read_to_end(1000).await?;
                if !heard.is_empty() {
                    assert_eq!(heard, b"after the end");
                    return Ok(());
                }
            }
        },
    )
}

#[test]
fn what_is_refused_is_told_by_its_status() -> Result<(), Error> {
    over(
        "",
        BOTH,
        |server| server,
        echo,
        async |client, url, _| {
            let error = client.extended_connect("unknown", &url).tunnel().await.unwrap_err();
            assert!(matches!(error, Error::TunnelRefused { status } if status.code() == 501), "{error}");
            assert!(error.to_string().contains("501"), "{error}");
            // Plain CONNECT is nothing that this server gives to its handler.
            let error = client.connect_through(&url, "192.0.2.1:22").tunnel().await.unwrap_err();
            assert!(matches!(error, Error::TunnelRefused { status } if status.code() == 501), "{error}");
            assert!(client.connect_through(&url, "no-port").tunnel().await.is_err());
            assert!(client.get(&url).tunnel().await.is_err());
            Ok(())
        },
    )
}

#[test]
fn a_server_that_takes_no_extended_connect_is_not_asked() -> Result<(), Error> {
    support_plain(async |client, url| {
        let error = client.extended_connect("echo", &url).tunnel().await.unwrap_err();
        assert!(error.to_string().contains("extended CONNECT"), "{error}");
        Ok(())
    })
}

/// A server with the settings that every server has.
fn support_plain(test: impl AsyncFnOnce(Client, String) -> Result<(), Error>) -> Result<(), Error> {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).start(&handle, echo)?;
        test(Client::builder(roots).build(&handle), format!("https://{}", server.addresses()[0])).await
    })?
}

/// Sends numbered datagrams until so many have come back, and gives the bytes of the largest that may go beside the stream.
async fn exchange_datagrams(tunnel: Tunnel, handle: &Handle, wanted: usize) -> Result<Option<usize>, Error> {
    let (mut reader, mut writer) = tunnel.datagrams()?;
    let mut back = 0;
    for number in 0..10_000_u32 {
        let content = [&number.to_be_bytes()[..], &vec![7; 500]].concat();
        writer.write(&content).await?;
        while let Ok(datagram) = handle.timeout(Duration::from_millis(2), reader.read()).await {
            let datagram = datagram?.expect("the server ends after this");
            assert_eq!((datagram.len(), &datagram[4..]), (504, &vec![7; 500][..]));
            back += 1;
        }
        if back >= wanted {
            break;
        }
    }
    assert!(back >= wanted, "{back} came back");
    let most = writer.max_size();
    writer.finish()?;
    while reader.read().await?.is_some() {}
    Ok(most)
}

#[test]
fn datagrams_go_beside_the_stream_where_both_ends_take_them() -> Result<(), Error> {
    for settings in ["", BAD] {
        over(
            settings,
            BOTH,
            |server| server,
            echo,
            async |client, url, handle| {
                let tunnel = client.extended_connect("echo-datagrams", &url).tunnel().await?;
                let most = exchange_datagrams(tunnel, &handle, 50).await?;
                assert!(most.is_some_and(|most| most > 1000), "{most:?}");
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// What is larger than the path takes is dropped, and what belongs to another tunnel is not mixed in.
#[test]
fn each_tunnel_has_its_own_datagrams() -> Result<(), Error> {
    over(
        "",
        BOTH,
        |server| server,
        echo,
        async |client, url, _| {
            let mut tunnels = Vec::new();
            for _ in 0..3 {
                tunnels.push(client.extended_connect("echo-datagrams", &url).tunnel().await?.datagrams()?);
            }
            assert!(!tunnels[0].1.write(&[0; 20_000]).await?);
            for (number, (_, writer)) in tunnels.iter_mut().enumerate() {
                assert!(writer.write_in_turn(&[number as u8]).await?);
            }
            for (number, (reader, _)) in tunnels.iter_mut().enumerate() {
                assert_eq!(reader.read().await?.as_deref(), Some(&[number as u8][..]));
            }
            Ok(())
        },
    )
}

/// RFC 9297 section 3.5: where one end takes none, they go in capsules, and nothing else changes.
#[test]
fn datagrams_go_in_capsules_where_one_end_takes_none() -> Result<(), Error> {
    for takes in [Takes { server: false, client: true }, Takes { server: true, client: false }] {
        over(
            "delay=2 loss=20",
            takes,
            |server| server,
            echo,
            async |client, url, handle| {
                let tunnel = client.extended_connect("echo-datagrams", &url).tunnel().await?;
                assert_eq!(exchange_datagrams(tunnel, &handle, 50).await?, None);
                Ok(())
            },
        )?;
    }
    Ok(())
}

/// RFC 9297 section 3.2-3, 3.2-7, 3.3-1, 3.3-5.
#[test]
fn capsules_of_other_types_are_skipped_and_one_that_is_cut_breaks_the_tunnel() -> Result<(), Error> {
    over(
        "",
        Takes { server: false, client: false },
        |server| server,
        echo,
        async |client, url, _| {
            let mut tunnel = client.extended_connect("echo-datagrams", &url).tunnel().await?;
            // A type that nobody knows, a datagram, and a capsule that ends too early.
            tunnel.write(vec![0x17, 3, 1, 2, 3, 0x00, 2, b'o', b'k']).await?;
            assert_eq!(tunnel.read().await?.as_deref(), Some(&[0, 2, b'o', b'k'][..]));
            tunnel.write(vec![0x00, 9, 1]).await?;
            let mut body = tunnel.finish()?;
            let error = body.chunk().await.unwrap_err();
            assert!(matches!(error, Error::Reset { reason: Reason::Malformed }), "{error:?}");
            // A field that no message with capsules has.
            let error = client.extended_connect("typed", &url).tunnel().await?.datagrams().unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }), "{error}");
            Ok(())
        },
    )
}

#[test]
fn the_example_gets_everything_back() {
    let report = example::exchange(1_000_000, 200, "").unwrap();
    assert!(report.bytes == 1_000_000 && report.datagrams >= 100, "{report:?}");
    let report = example::exchange(300_000, 100, BAD).unwrap();
    assert!(report.bytes == 300_000 && report.datagrams >= 40, "{report:?}");
}
