//! A client that goes to its servers through a proxy: QUIC by connect-udp, TCP by CONNECT, on good and bad paths, and proxies that
//! refuse, are not there, die or are not believed.

use super::{BAD, PATIENCE};
use posthaste::{
    Client, ClientBuilder, Error, Handle, HttpVersion, Identity, Proxy, ProxyLimits, ProxyTarget, Reply, Request,
    Roots, Server, Session, Status,
};
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

/// A proxy on an executor.
struct Site {
    server: Server,
    relay: relay::Relay,
    proxy: Proxy,
    roots: Roots,
}

impl Site {
    /// One that reaches these targets, over a path like this; with `only_tcp` it knows CONNECT alone.
    fn start(handle: &Handle, settings: &str, allowed: &[SocketAddr], only_tcp: bool) -> Result<Site, Error> {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let allowed = allowed.iter().map(|address| address.to_string().parse::<ProxyTarget>().unwrap());
        let proxy = Proxy::with_limits(allowed, ProxyLimits::default());
        let mut server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*").take_connect();
        server.http.extended_connect = true;
        server.http.datagrams = true;
        let answering = proxy.clone();
        let server = server.start(handle, move |request: Request, reply: Reply| {
            let proxy = answering.clone();
            async move {
                if only_tcp && request.protocol().is_some() {
                    return reply.send(501, "by TCP alone").await;
                }
                proxy.answer(request, reply).await
            }
        })?;
        let path = relay::Path::parse(settings.split(' ').filter(|word| !word.is_empty())).unwrap();
        let relay = relay::Relay::start(server.addresses()[0], path).unwrap();
        Ok(Site { server, relay, proxy, roots })
    }

    fn url(&self) -> String {
        format!("https://{}", self.relay.address())
    }

    /// Who asks it.
    fn asking(&self, handle: &Handle) -> Client {
        let mut builder = Client::builder(self.roots.clone());
        builder.http.datagrams = true;
        builder.build(handle)
    }
}

/// What a client is to be that goes through it.
fn through(site: &Site, handle: &Handle, roots: &Roots) -> ClientBuilder {
    Client::builder(roots.clone()).proxy(&site.asking(handle), &site.url())
}

async fn answer(mut request: Request, reply: Reply) -> Result<(), Error> {
    let version = request.version();
    let came = request.body().read_to_end(10_000_000).await?;
    let mut body = format!("{version} {}\n", request.authority()).into_bytes();
    body.extend(came);
    reply.send(200, body).await
}

/// Runs `test` with the address of a server that is reached by QUIC and by TCP, and those who vouch for it.
fn with_server(test: impl AsyncFnOnce(SocketAddr, Roots, Handle) -> Result<(), Error>) {
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).tcp();
        let server = server.session_protocol("echo/1", |session: Session| async move {
            let (mut send, mut receive) = session.accept_bidirectional().await?;
            send.write_all(receive.read_to_end(1000).await?).await?;
            send.finish()?;
            send.closed().await?;
            session.closed().await.map(drop)
        });
        let server = server.start(&handle, answer)?;
        let testing = test(server.addresses()[0], roots, handle.clone());
        handle.timeout(PATIENCE, testing).await.map_err(|_| "it takes too long").unwrap()
    })
    .unwrap()
    .unwrap();
}

async fn post(client: &Client, at: impl std::fmt::Display, len: usize) -> Result<(HttpVersion, Vec<u8>), Error> {
    let url = format!("https://{at}/");
    let mut response = client.request(posthaste::Method::Post, &url).body(vec![b'x'; len]).send().await?;
    let version = response.version();
    Ok((version, response.body().read_to_end(10_000_000).await?))
}

/// RFC 9298 section 6.1: QUIC within QUIC, also where the path to the proxy loses and changes the order.
#[test]
fn quic_goes_through_a_proxy() {
    for settings in ["", BAD] {
        with_server(async |at, roots, handle| {
            let site = Site::start(&handle, settings, &[at], false)?;
            let client = through(&site, &handle, &roots).build(&handle);
            let (version, body) = post(&client, at, 1_000_000).await?;
            assert_eq!((version, body.len()), (HttpVersion::Http3, 1_000_000 + format!("HTTP/3 {at}\n").len()));
            assert_eq!(site.proxy.tunnels(), 1);
            // The server has met the proxy, and the client a port of its own host.
            let (reached, _) = client.connections()[0];
            assert_ne!(reached, at);
            // Further requests share the way; a session without HTTP has one of its own.
            post(&client, at, 10).await?;
            assert_eq!(site.proxy.tunnels(), 1);
            let session = client.open_session("echo/1", &at.to_string()).await?;
            let (mut send, mut receive) = session.open_bidirectional().await?;
            send.write_all("through").await?;
            send.finish()?;
            assert_eq!(receive.read_to_end(100).await?, b"through");
            assert_eq!(site.proxy.tunnels(), 2);
            client.close().await;
            Ok(())
        });
    }
}

/// RFC 9114 section 4.4: a proxy without connect-udp, for a client that has TCP.
#[test]
fn tcp_goes_through_a_proxy_that_has_connect_alone() {
    for settings in ["", BAD] {
        with_server(async |at, roots, handle| {
            let site = Site::start(&handle, settings, &[at], true)?;
            let client = through(&site, &handle, &roots).tcp().build(&handle);
            let (version, body) = post(&client, at, 500_000).await?;
            assert_eq!((version, body.len()), (HttpVersion::Http2, 500_000 + format!("HTTP/2 {at}\n").len()));
            assert_eq!(site.proxy.tunnels(), 1);
            let without = through(&site, &handle, &roots).build(&handle);
            let error = post(&without, at, 1).await.unwrap_err();
            assert!(error.to_string().contains("refuses the way to the server with 501"), "{error}");
            client.close().await;
            Ok(())
        });
    }
}

#[test]
fn proxies_refuse_are_not_there_and_are_not_believed() {
    with_server(async |at, roots, handle| {
        // Not allowed.
        let site = Site::start(&handle, "", &["192.0.2.1:443".parse().unwrap()], false)?;
        for by_tcp in [false, true] {
            let builder = through(&site, &handle, &roots);
            let client = if by_tcp { builder.tcp() } else { builder }.build(&handle);
            let error = post(&client, at, 1).await.unwrap_err();
            let Error::Proxy { proxy, error: inner } = &error else { panic!("{error}") };
            assert_eq!(*proxy, site.url());
            assert!(matches!(**inner, Error::TunnelRefused { status } if status == Status::FORBIDDEN), "{error}");
        }
        // Behind a proxy that is there: a server that is not, and one that is not believed.
        let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        // And one that takes connections and says nothing, by either way.
        let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = mute.local_addr().unwrap();
        let _deaf = std::net::UdpSocket::bind(silent).unwrap();
        let site = Site::start(&handle, "", &[at, nobody, silent], false)?;
        for by_tcp in [false, true] {
            let patience = std::time::Duration::from_millis(400);
            let builder = through(&site, &handle, &roots).connect_timeout(patience);
            let client = if by_tcp { builder.tcp() } else { builder }.build(&handle);
            let error = post(&client, silent, 1).await.unwrap_err();
            let Error::Proxy { error: inner, .. } = &error else { panic!("{error}") };
            let Error::NotInTime { server, after } = &**inner else { panic!("{error}") };
            assert_eq!((server.as_str(), *after), (silent.to_string().as_str(), patience), "{by_tcp}");
        }
        let quick = through(&site, &handle, &roots).connect_timeout(std::time::Duration::from_millis(500));
        let error = post(&quick.build(&handle), nobody, 1).await.unwrap_err();
        assert!(matches!(error, Error::Proxy { .. }), "{error}");
        let client = through(&site, &handle, &site.roots).build(&handle);
        let error = post(&client, at, 1).await.unwrap_err();
        let Error::Proxy { error: inner, .. } = &error else { panic!("{error}") };
        assert!(matches!(**inner, Error::Certificate { .. }), "{error}");
        // The proxy itself is not believed, or not there, or its URL is none.
        let mut builder = Client::builder(roots.clone());
        builder.http.datagrams = true;
        let doubting = builder.build(&handle);
        let client = Client::builder(roots.clone()).proxy(&doubting, &site.url()).build(&handle);
        let error = post(&client, at, 1).await.unwrap_err();
        let Error::Proxy { error: inner, .. } = &error else { panic!("{error}") };
        assert!(matches!(**inner, Error::Certificate { .. }), "{error}");
        for (url, said) in
            [(format!("https://{nobody}"), "through the proxy"), ("http://a".into(), "through the proxy")]
        {
            let client = Client::builder(roots.clone()).proxy(&site.asking(&handle), &url).build(&handle);
            let error = post(&client, at, 1).await.unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        Ok(())
    });
}

/// A proxy that dies, with the tunnel that it had: the request fails in time, and the next finds the proxy that took its place.
#[test]
fn a_proxy_that_dies_is_told_of() {
    with_server(async |at, roots, handle| {
        let site = Site::start(&handle, "", &[at], false)?;
        let mut builder = through(&site, &handle, &roots);
        builder.transport.max_idle_timeout = std::time::Duration::from_secs(1);
        let client = builder.repetitions(0).build(&handle);
        assert_eq!(post(&client, at, 10).await?.0, HttpVersion::Http3);
        drop(site.server);
        let failed = Rc::new(Cell::new(false));
        let error = post(&client, at, 10).await;
        failed.set(error.is_err());
        assert!(failed.get(), "nobody is there any more");
        Ok(())
    });
}
