//! Servers that QUIC does not reach: they are asked by TCP.

use posthaste::{
    Client, ClientBuilder, ClientEvent, Error, Handle, HttpVersion, Identity, Reply, Request, Roots, Server,
};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A port to which TCP leads as to `server`, and UDP does not; with a `silent` socket UDP leads to somebody who never answers.
fn tcp_alone(server: SocketAddr, is_silent: bool) -> (u16, Option<UdpSocket>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = is_silent.then(|| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let Ok(onward) = TcpStream::connect(server) else { continue };
            let (back, forth) = (onward.try_clone().unwrap(), stream.try_clone().unwrap());
            std::thread::spawn(move || carry(stream, onward));
            std::thread::spawn(move || carry(back, forth));
        }
    });
    (port, silent)
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut bytes = [0; 4096];
    while let Ok(len @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..len]).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A server, and the roots by which it is believed.
fn start(handle: &Handle) -> Result<(Server, Roots), Error> {
    let identity = Identity::development(&["a.example".to_owned()])?;
    let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
    let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*").tcp();
    let server = server.start(handle, async |mut request: Request, reply: Reply| {
        let body = request.body().read_to_end(1 << 20).await?;
        reply.send(200, body).await
    })?;
    Ok((server, roots))
}

fn builder(roots: &Roots, port: u16) -> ClientBuilder {
    Client::builder(roots.clone()).resolve_to("a.example", port, vec![Ipv4Addr::LOCALHOST.into()])
}

/// What it is told, as long as somebody asks.
fn told(builder: ClientBuilder) -> (ClientBuilder, Rc<RefCell<Vec<ClientEvent>>>) {
    let told = Rc::<RefCell<Vec<ClientEvent>>>::default();
    let events = told.clone();
    (builder.on_event(move |event| events.borrow_mut().push(event.clone())), told)
}

#[test]
fn a_server_whose_port_refuses_quic_is_asked_by_tcp_and_why_is_told() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (server, roots) = start(&handle)?;
        let (port, _) = tcp_alone(server.addresses()[0], false);
        let url = format!("https://a.example:{port}/");
        let (client, events) = told(builder(&roots, port).tcp());
        let client = client.build(&handle);
        let connected = client.connect(&url).await?;
        assert_eq!(connected.version, HttpVersion::Http2);
        assert_eq!(connected.remote, Some((Ipv4Addr::LOCALHOST, port).into()));
        let sent = vec![7; 500_000];
        let mut response = client.post(&url).body(sent.clone()).send().await?;
        assert_eq!((response.status().code(), response.version()), (200, HttpVersion::Http2));
        assert_eq!(response.body().read_to_end(1 << 20).await?, sent);
        let [ClientEvent::ByTcp { server, because: Some(because) }] = &events.take()[..] else { panic!() };
        assert_eq!(*server, format!("a.example:{port}"));
        assert!(because.contains("refused"), "{because}");

        let tunnel = client.extended_connect("websocket", &url).tunnel().await;
        assert!(tunnel.unwrap_err().to_string().contains("tunnels go by HTTP/3 alone"));
        Ok(())
    })?
}

#[test]
fn without_being_asked_nobody_goes_by_tcp() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (server, roots) = start(&handle)?;
        let (port, _) = tcp_alone(server.addresses()[0], false);
        let client = builder(&roots, port).build(&handle);
        let failed = client.connect(&format!("https://a.example:{port}/")).await;
        assert!(matches!(failed, Err(Error::Refused { .. })), "{failed:?}");
        Ok(())
    })?
}

/// The second connection does not wait for the head start of QUIC: the first has shown what is to be expected.
#[test]
fn a_server_that_is_silent_by_udp_comes_by_tcp_and_that_is_remembered() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (server, roots) = start(&handle)?;
        let (port, _silent) = tcp_alone(server.addresses()[0], true);
        let url = format!("https://a.example:{port}/");
        let (client, events) = told(builder(&roots, port).tcp().max_idle(Duration::from_millis(20)));
        let client = client.build(&handle);
        let begun = Instant::now();
        assert_eq!(client.get(&url).send().await?.version(), HttpVersion::Http2);
        let first = begun.elapsed();
        assert!(first >= Duration::from_secs(1), "QUIC has a head start: {first:?}");
        while client.open_connections() > 0 {
            handle.sleep(Duration::from_millis(5)).await;
        }
        let begun = Instant::now();
        assert_eq!(client.get(&url).send().await?.version(), HttpVersion::Http2);
        assert!(begun.elapsed() < first, "{:?} and {first:?}", begun.elapsed());
        let because: Vec<bool> =
            events.borrow().iter().map(|event| matches!(event, ClientEvent::ByTcp { because: None, .. })).collect();
        assert_eq!(because, [true, true]);
        Ok(())
    })?
}

#[test]
fn where_both_lead_quic_is_used_and_where_none_does_its_error_is_told() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (server, roots) = start(&handle)?;
        let port = server.addresses()[0].port();
        let client = builder(&roots, port).tcp().build(&handle);
        let response = client.get(&format!("https://a.example:{port}/")).send().await?;
        assert_eq!(response.version(), HttpVersion::Http3);

        let closed = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).unwrap().port();
        let client = builder(&roots, closed).tcp().build(&handle);
        let failed = client.connect(&format!("https://a.example:{closed}/")).await;
        assert!(matches!(failed, Err(Error::Refused { .. })), "{failed:?}");
        Ok(())
    })?
}

/// By TCP the certificate is judged as by QUIC.
#[test]
fn a_server_that_nobody_vouches_for_is_not_believed_by_tcp_either() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        let (server, _) = start(&handle)?;
        let others = Identity::development(&["a.example".to_owned()])?;
        let roots = Roots::from_pem(others.certificate_pem().as_bytes())?;
        let (port, _) = tcp_alone(server.addresses()[0], false);
        let failed = builder(&roots, port).tcp().build(&handle).connect(&format!("https://a.example:{port}/")).await;
        assert!(matches!(failed, Err(Error::Certificate { .. })), "{failed:?}");
        Ok(())
    })?
}
