//! Proxies: to TCP and to UDP, to what is allowed and to nothing else.

use super::{BAD, BOTH, Takes, over};
use posthaste::{
    Client, Error, Handle, Identity, Proxy, ProxyLimits, ProxyTarget, Reason, Roots, Server, UdpReader, UdpWriter,
};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// A target that reads to the end, says how much that was, and gives it back. So many times.
fn tcp_target(connections: usize) -> (SocketAddr, Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (said, heard) = channel();
    std::thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).unwrap();
            let _ = said.send(all.len());
            stream.write_all(&all).unwrap();
        }
    });
    (address, heard)
}

/// A target that sends back what comes, to the end of the process.
fn udp_target() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut room = [0; 2000];
        while let Ok((count, from)) = socket.recv_from(&mut room) {
            socket.send_to(&room[..count], from).unwrap();
        }
    });
    address
}

fn targets(addresses: &[SocketAddr]) -> Vec<ProxyTarget> {
    addresses.iter().map(|address| address.to_string().parse().unwrap()).collect()
}

/// Runs `test` with a client and the URL of a proxy that allows these targets.
fn with_proxy<T>(
    settings: &str,
    takes: Takes,
    allowed: Vec<ProxyTarget>,
    limits: ProxyLimits,
    test: impl AsyncFnOnce(Client, String, Handle) -> Result<T, Error>,
) -> Result<T, Error> {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let proxy = Proxy::with_limits(allowed, limits);
        let mut server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*").take_connect();
        server.http.extended_connect = true;
        server.http.datagrams = takes.server;
        let server = server.start(&handle, move |request, reply| {
            let proxy = proxy.clone();
            async move { proxy.answer(request, reply).await }
        })?;
        let path = relay::Path::parse(settings.split(' ').filter(|word| !word.is_empty())).unwrap();
        let relay = relay::Relay::start(server.addresses()[0], path).unwrap();
        let mut client = Client::builder(roots);
        client.http.datagrams = takes.client;
        let client = client.build(&handle);
        let testing = test(client.clone(), format!("https://{}", relay.address()), handle.clone());
        handle.timeout(super::PATIENCE, testing).await.map_err(|_| "it takes too long").unwrap()
    })?
}

fn status(error: &Error) -> u16 {
    let Error::TunnelRefused { status } = error else { panic!("{error}") };
    status.code()
}

/// RFC 9110 section 9.3.6-4.
#[test]
fn bytes_to_tcp_and_back_and_each_direction_ends_by_itself() -> Result<(), Error> {
    for settings in ["", BAD] {
        let (target, heard) = tcp_target(1);
        with_proxy(settings, BOTH, targets(&[target]), ProxyLimits::default(), async |client, url, _| {
            let mut tunnel = client.connect_through(&url, &target.to_string()).tunnel().await?;
            for byte in 0..100_u8 {
                tunnel.write(vec![byte; 3000]).await?;
            }
            let back = tunnel.finish()?.read_to_end(300_000).await?;
            assert_eq!((heard.recv().unwrap(), back.len()), (300_000, 300_000));
            assert!(back.iter().enumerate().all(|(place, byte)| place / 3000 == usize::from(*byte)));
            Ok(())
        })?;
    }
    Ok(())
}

/// RFC 9114 section 4.4-8, 4.4-9.
#[test]
fn a_tunnel_that_is_broken_off_closes_tcp() -> Result<(), Error> {
    let (target, heard) = tcp_target(2);
    with_proxy("", BOTH, targets(&[target]), ProxyLimits::default(), async |client, url, handle| {
        let mut tunnel = client.connect_through(&url, &target.to_string()).tunnel().await?;
        tunnel.write("abc").await?;
        tunnel.reset(Reason::Cancelled);
        // Another request takes the executor to where the target can have heard of it.
        while heard.try_recv().is_err() {
            client.get(&url).send().await?;
        }
        let mut tunnel = client.connect_through(&url, &target.to_string()).tunnel().await?;
        tunnel.write("abc").await?;
        client.close().await;
        while heard.try_recv().is_err() {
            handle.sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    })
}

/// RFC 9298 section 3.1-5, 3.4-1, 3.4-2, 3.4-3, 3.4-4, 3.5-1, 3.5-2, 3.5-3.
#[test]
fn datagrams_to_udp_and_back_beside_the_stream_or_on_it() -> Result<(), Error> {
    for (settings, takes) in [("", BOTH), (BAD, BOTH), ("", Takes { server: true, client: false })] {
        let target = udp_target();
        with_proxy(settings, takes, targets(&[target]), ProxyLimits::default(), async |client, url, handle| {
            let tunnel = client.connect_udp(&url, "127.0.0.1", target.port()).await?;
            let (mut reader, mut writer): (UdpReader, UdpWriter) = tunnel.split();
            let mut back = 0;
            for number in 0..10_000_u32 {
                writer.send(&[&number.to_be_bytes()[..], &[7; 800]].concat()).await?;
                while let Ok(payload) = handle.timeout(Duration::from_millis(2), reader.receive()).await {
                    assert_eq!(payload?.unwrap()[4..], [7; 800]);
                    back += 1;
                }
                if back >= 30 {
                    break;
                }
            }
            assert!(back >= 30, "{back} came back");
            assert_eq!(writer.max_size().is_some(), takes.client);
            writer.finish()
        })?;
    }
    Ok(())
}

/// What the server of a tunnelled connection says first is as large as QUIC's datagrams must be at least, and the path from the proxy to
/// the client is known to carry it by then.
#[test]
fn the_first_datagrams_of_quic_s_least_size_are_not_dropped() -> Result<(), Error> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let target = socket.local_addr().unwrap();
    // To the end of the process.
    std::thread::spawn(move || {
        let mut room = [0; 2000];
        while let Ok((count, from)) = socket.recv_from(&mut room) {
            match &room[..count] {
                b"all" => (0..10).for_each(|number| assert_eq!(socket.send_to(&[number; 1200], from).unwrap(), 1200)),
                other => assert_eq!(socket.send_to(other, from).unwrap(), count),
            }
        }
    });
    let limits = ProxyLimits::default();
    with_proxy("delay=20", BOTH, targets(&[target]), limits, async |client, url, handle| {
        let (mut reader, mut writer) = client.connect_udp(&url, "127.0.0.1", target.port()).await?.split();
        // A round trip, as the one after which the client of a connection within has found its own direction ready.
        writer.send(b"ready").await?;
        assert_eq!(reader.receive().await?.unwrap()[..], b"ready"[..]);
        writer.send(b"all").await?;
        for number in 0..10 {
            let payload = handle.timeout(Duration::from_secs(10), reader.receive()).await.expect("it was dropped")?;
            assert_eq!(payload.unwrap()[..], [number; 1200]);
        }
        writer.finish()
    })
}

/// A target that is not allowed is not even connected to, whatever its client has sent ahead.
#[test]
fn x8_nothing_goes_to_a_target_before_it_is_accepted() -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let target = listener.local_addr().unwrap();
    let other = ["192.0.2.1:443".parse().unwrap(), SocketAddr::new(target.ip(), target.port() ^ 1)];
    with_proxy("", BOTH, targets(&other), ProxyLimits::default(), async |client, url, _| {
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            let error = client.connect_through(&url, &format!("{host}:{}", target.port())).tunnel().await.unwrap_err();
            assert_eq!(status(&error), 403, "{host}");
            assert_eq!(status(&client.connect_udp(&url, host, target.port()).await.unwrap_err()), 403, "{host}");
        }
        Ok(())
    })?;
    assert!(listener.accept().is_err(), "nobody came");
    // A name that is allowed does not lead behind the proxy.
    let names = vec![format!("localhost:{}", target.port()).parse().unwrap()];
    with_proxy("", BOTH, names, ProxyLimits::default(), async |client, url, _| {
        let error = client.connect_through(&url, &format!("localhost:{}", target.port())).tunnel().await.unwrap_err();
        assert_eq!(status(&error), 403);
        Ok(())
    })?;
    assert!(listener.accept().is_err(), "nobody came");
    Ok(())
}

/// RFC 9298 section 3.1-1, 3.1-2, 3.1-9, 3.5-4.
#[test]
fn what_names_no_target_or_none_that_answers_is_told() -> Result<(), Error> {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let allowed = [targets(&[closed]), vec!["no.such.host.invalid:7".parse().unwrap()]].concat();
    with_proxy("", BOTH, allowed, ProxyLimits::default(), async |client, url, _| {
        let error = client.connect_through(&url, &closed.to_string()).tunnel().await.unwrap_err();
        assert_eq!(status(&error), 502);
        let error = client.extended_connect("connect-udp", &format!("{url}/elsewhere")).tunnel().await.unwrap_err();
        assert_eq!(status(&error), 400);
        assert_eq!(status(&client.connect_udp(&url, "no.such.host.invalid", 7).await.unwrap_err()), 502);
        let error = client.extended_connect("websocket", &url).tunnel().await.unwrap_err();
        assert_eq!(status(&error), 501);
        assert_eq!(client.get(&url).send().await?.status().code(), 501);
        Ok(())
    })
}

#[test]
fn a_client_has_so_many_tunnels_at_a_time() -> Result<(), Error> {
    let target = udp_target();
    let mut limits = ProxyLimits::default();
    limits.tunnels_per_client = 2;
    with_proxy("", BOTH, targets(&[target]), limits, async |client, url, _| {
        let first = client.connect_udp(&url, "127.0.0.1", target.port()).await?;
        let _second = client.connect_udp(&url, "127.0.0.1", target.port()).await?;
        let error = client.connect_udp(&url, "127.0.0.1", target.port()).await.unwrap_err();
        assert_eq!(status(&error), 429);
        drop(first);
        // The proxy learns of it a moment later.
        while client.connect_udp(&url, "127.0.0.1", target.port()).await.is_err() {}
        Ok(())
    })
}

/// RFC 9298 section 3.1-7.
#[test]
fn a_tunnel_without_use_ends() -> Result<(), Error> {
    let udp = udp_target();
    let (tcp, _heard) = tcp_target(1);
    let mut limits = ProxyLimits::default();
    (limits.idle_udp, limits.idle_tcp) = (Duration::from_millis(100), Duration::from_millis(100));
    with_proxy("", BOTH, targets(&[udp, tcp]), limits, async |client, url, _| {
        let mut tunnel = client.connect_udp(&url, "127.0.0.1", udp.port()).await?;
        assert!(matches!(tunnel.receive().await, Err(Error::Reset { .. })));
        let mut tunnel = client.connect_through(&url, &tcp.to_string()).tunnel().await?;
        assert!(matches!(tunnel.read().await, Err(Error::Reset { .. })));
        Ok(())
    })
}

/// Who is no proxy is asked in vain.
#[test]
fn a_server_is_no_proxy_unless_it_is_told() -> Result<(), Error> {
    over(
        "",
        BOTH,
        |server| server,
        super::echo,
        async |client, url, _| {
            let error = client.connect_through(&url, "127.0.0.1:22").tunnel().await.unwrap_err();
            assert_eq!(status(&error), 501);
            assert_eq!(status(&client.connect_udp(&url, "127.0.0.1", 53).await.unwrap_err()), 501);
            Ok(())
        },
    )
}
