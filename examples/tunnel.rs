//! Through a proxy to TCP and to UDP: how many bytes and datagrams come back from targets that return what they get.
//!
//! `cargo run --release --example tunnel`, or with a bad network between client and proxy, as the crate `relay` makes one:
//! `cargo run --release --example tunnel -- delay=20 loss=10`.

use posthaste::{Client, Error, Handle, Identity, Proxy, Roots, Server};
use relay::{Path, Relay};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

/// What came back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    pub(crate) bytes: usize,
    pub(crate) megabits_per_second: f64,
    pub(crate) datagrams: usize,
    pub(crate) datagrams_per_second: f64,
}

pub(crate) fn main() -> Result<(), Error> {
    let settings: Vec<String> = std::env::args().skip(1).collect();
    let report = exchange(200_000_000, 50_000, &settings.join(" "))?;
    println!("{report:?}");
    Ok(())
}

/// Sends so many bytes to a target of TCP and datagrams to one of UDP, through a proxy behind such a path.
pub(crate) fn exchange(bytes: usize, datagrams: usize, settings: &str) -> Result<Report, Error> {
    let (tcp, udp) = targets().expect("this host has ports");
    let path = Path::parse(settings.split(' ').filter(|word| !word.is_empty())).expect("settings of a relay");
    posthaste::run(|handle: Handle| async move {
        let identity = Identity::development(&[])?;
        let roots = Roots::from_pem(identity.certificate_pem().as_bytes())?;
        let proxy = Proxy::new([tcp.to_string().parse()?, udp.to_string().parse()?]);
        let mut server =
            Server::builder(identity).listen(SocketAddr::from(([127, 0, 0, 1], 0))).name("*").take_connect();
        (server.http.extended_connect, server.http.datagrams) = (true, true);
        let server = server.start(&handle, move |request, reply| {
            let proxy = proxy.clone();
            async move { proxy.answer(request, reply).await }
        })?;
        let relay = Relay::start(server.addresses()[0], path).expect("this host has ports");
        let mut client = Client::builder(roots);
        client.http.datagrams = true;
        let (client, url) = (client.build(&handle), format!("https://{}", relay.address()));
        let mut report = Report::default();
        let begin = Instant::now();
        report.bytes = bytes_there_and_back(&client, &url, tcp, bytes, &handle).await?;
        report.megabits_per_second = report.bytes as f64 * 8.0 / 1e6 / begin.elapsed().as_secs_f64();
        let begin = Instant::now();
        report.datagrams = datagrams_there_and_back(&client, &url, udp, datagrams, &handle).await?;
        report.datagrams_per_second = report.datagrams as f64 / begin.elapsed().as_secs_f64();
        Ok(report)
    })?
}

async fn bytes_there_and_back(
    client: &Client,
    url: &str,
    target: SocketAddr,
    count: usize,
    handle: &Handle,
) -> Result<usize, Error> {
    let (mut reader, mut writer) = client.connect_through(url, &target.to_string()).tunnel().await?.split();
    let sending = handle.spawn(async move {
        let piece = posthaste::Bytes::from(vec![7; 64 << 10]);
        let mut left = count;
        while left > 0 {
            let len = left.min(piece.len());
            writer.write(piece.slice(0..len)).await?;
            left -= len;
        }
        writer.finish()
    });
    let mut back = 0;
    while let Some(bytes) = reader.chunk().await? {
        back += bytes.len();
    }
    sending.await.expect("it does not panic")?;
    Ok(back)
}

/// Eight are under way at a time, as long as none is lost.
async fn datagrams_there_and_back(
    client: &Client,
    url: &str,
    target: SocketAddr,
    count: usize,
    handle: &Handle,
) -> Result<usize, Error> {
    let mut tunnel = client.connect_udp(url, &target.ip().to_string(), target.port()).await?;
    let mut back = 0;
    for number in 0..count {
        tunnel.send(&[7; 1000]).await?;
        if number >= 8 && handle.timeout(Duration::from_millis(20), tunnel.receive()).await.is_ok() {
            back += 1;
        }
    }
    while let Ok(Ok(Some(_))) = handle.timeout(Duration::from_millis(200), tunnel.receive()).await {
        back += 1;
    }
    tunnel.finish()?;
    Ok(back)
}

/// Two threads that return what they get: from one connection, and from a port.
fn targets() -> std::io::Result<(SocketAddr, SocketAddr)> {
    let (listener, socket) = (TcpListener::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    let addresses = (listener.local_addr()?, socket.local_addr()?);
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut room = vec![0; 64 << 10];
        loop {
            match stream.read(&mut room)? {
                0 => return Ok::<(), std::io::Error>(()),
                count => stream.write_all(&room[..count])?,
            }
        }
    });
    std::thread::spawn(move || {
        let mut room = [0; 2000];
        while let Ok((count, from)) = socket.recv_from(&mut room) {
            let _ = socket.send_to(&room[..count], from);
        }
    });
    Ok(addresses)
}
