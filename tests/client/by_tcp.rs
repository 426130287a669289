//! Servers that QUIC does not reach: they are asked by TCP.

use posthaste::{
    Client, ClientBuilder, ClientEvent, Error, Handle, HttpVersion, Identity, Reply, Request, Roots, Server,
};
use std::cell::RefCell;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Of QUIC before TCP, where nothing is known yet.
const HEAD_START: Duration = Duration::from_secs(1);

/// A port to which TCP leads as to `server`, and UDP does not; with a `silent` socket UDP leads to somebody who never answers.
fn tcp_alone(server: SocketAddr, is_silent: bool) -> (u16, Option<UdpSocket>) {
    let (port, silent, _) = tcp_alone_until_cut(server, is_silent);
    (port, silent)
}

/// The same, and the streams to the server, for whoever wants to end them.
fn tcp_alone_until_cut(server: SocketAddr, is_silent: bool) -> (u16, Option<UdpSocket>, Arc<Mutex<Vec<TcpStream>>>) {
    let streams = Arc::new(Mutex::new(Vec::new()));
    let known = streams.clone();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let silent = is_silent.then(|| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let Ok(onward) = TcpStream::connect(server) else { continue };
            known.lock().unwrap().push(onward.try_clone().unwrap());
            let (back, forth) = (onward.try_clone().unwrap(), stream.try_clone().unwrap());
            std::thread::spawn(move || carry(stream, onward));
            std::thread::spawn(move || carry(back, forth));
        }
    });
    (port, silent, streams)
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
        assert!(tunnel.unwrap_err().to_string().contains("extended CONNECT"));
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
        let mut took = Vec::new();
        // The first waits for that, and so may others of a machine that is busy for as long; but not all.
        while took.len() < 2 || took.last().is_some_and(|took| *took >= HEAD_START) {
            let begun = Instant::now();
            assert_eq!(client.get(&url).send().await?.version(), HttpVersion::Http2);
            took.push(begun.elapsed());
            assert!(took.len() <= 10, "{took:?}");
            while client.open_connections() > 0 {
                handle.sleep(Duration::from_millis(5)).await;
            }
        }
        assert!(took[0] >= HEAD_START, "{took:?}");
        let because: Vec<bool> =
            events.borrow().iter().map(|event| matches!(event, ClientEvent::ByTcp { because: None, .. })).collect();
        assert_eq!(because, vec![true; took.len()]);
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

/// Many clients close the stream between messages without a word; that is no failure. In the middle of a request it is one.
#[test]
fn a_stream_that_ends_without_close_notify_fails_only_where_something_is_missing() -> Result<(), Error> {
    posthaste::run(|handle| async move {
        for is_under_way in [false, true] {
            let identity = Identity::development(&["a.example".to_owned()])?;
            let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
            let told = Arc::new(Mutex::new(Vec::new()));
            let events = told.clone();
            let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*").tcp();
            let server = server.on_event(move |event| events.lock().unwrap().push(event.to_string()));
            let server = server.start(&handle, async |mut request: Request, reply: Reply| {
                let body = request.body().read_to_end(100).await?;
                reply.send(200, body).await
            })?;
            let (port, _, streams) = tcp_alone_until_cut(server.addresses()[0], false);
            let url = format!("https://a.example:{port}/");
            let client = builder(&roots, port).tcp().build(&handle);
            client.get(&url).send().await?.body().read_to_end(100).await?;
            let upload = if is_under_way { Some(client.post(&url).start().await?) } else { None };
            while is_under_way && server.requests_under_way() == 0 {
                handle.sleep(Duration::from_millis(1)).await;
            }
            for stream in streams.lock().unwrap().iter() {
                stream.shutdown(Shutdown::Both).unwrap();
            }
            while !server.tcp_clients().is_empty() {
                handle.sleep(Duration::from_millis(1)).await;
            }
            let is_told = told.lock().unwrap().iter().any(|event| event.contains("without close_notify"));
            assert_eq!(is_told, is_under_way, "{told:?}");
            drop(upload);
        }
        Ok(())
    })?
}

/// The command goes by TCP by itself, says so where that is asked for, and does not where it is not wanted.
#[test]
fn get_goes_by_tcp_and_says_why() {
    let (send, receive) = std::sync::mpsc::channel();
    // It serves until the process ends.
    std::thread::spawn(move || {
        posthaste::run(|handle| async move {
            let identity = Identity::development(&["a.example".to_owned()]).unwrap();
            let certificate = identity.certificate_pem();
            let server = Server::builder(identity).listen("127.0.0.1:0".parse().unwrap()).name("*").tcp();
            let server = server.start(&handle, |_, reply: Reply| reply.send(200, "here")).unwrap();
            send.send((server.addresses()[0], certificate)).unwrap();
            std::future::pending::<()>().await;
        })
        .unwrap();
    });
    let (address, certificate) = receive.recv().unwrap();
    let (port, _) = tcp_alone(address, false);
    let file = std::env::temp_dir().join(format!("posthaste-by-tcp-{}.pem", std::process::id()));
    std::fs::write(&file, certificate).unwrap();
    let get = |options: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_posthaste"));
        command.args(["get", "--ca"]).arg(&file).args(["--resolve", &format!("a.example:{port}:127.0.0.1")]);
        let output = command.args(options).arg(format!("https://a.example:{port}/")).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, out, said) = get(&["-v", "-w", " by %{http_version}"]);
    assert_eq!((status, &*out), (Some(0), "here by 2"), "{said}");
    assert!(said.contains(&format!("* a.example:{port} is asked by TCP, as HTTP/3 failed: ")), "{said}");
    assert!(said.contains("by HTTP/2") && said.contains("< HTTP/2 200 OK"), "{said}");
    assert_eq!(get(&["-i"]).1.lines().next(), Some("HTTP/2 200"));
    let (status, out, said) = get(&["--http3-only"]);
    assert_eq!((status, &*out), (Some(7), ""), "{said}");
    std::fs::remove_file(&file).unwrap();
}
