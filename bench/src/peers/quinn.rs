//! quinn, with h3 for HTTP/3, on one thread: 16 MiB windows, 4 MiB socket buffers, 1452-byte packets from the first one.

use crate::measure::socket_buffers;
use crate::work::{self, Measurement, Work};
use ::quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use ::quinn::{Connection, Endpoint, EndpointConfig, TokioRuntime, TransportConfig, VarInt};
use bytes::{Buf, Bytes};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;
const BULK: &[u8] = b"bulk";
const HTTP: &[u8] = b"h3";
const WINDOW: u32 = 16 << 20;

fn transport() -> Arc<TransportConfig> {
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(WINDOW.into())
        .receive_window(WINDOW.into())
        .send_window(WINDOW.into())
        .initial_mtu(1452)
        .max_idle_timeout(Some(VarInt::from_u32(120_000).into()))
        .max_concurrent_bidi_streams(1_000_u32.into());
    Arc::new(transport)
}

fn bind() -> std::io::Result<std::net::UdpSocket> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    socket_buffers(&socket, 4 << 20);
    Ok(socket)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Serves until the parent is gone.
pub fn serve(identity: &Path, http: bool) {
    runtime().block_on(async {
        let endpoint = listen(identity, http).expect("an endpoint");
        crate::server::announce(endpoint.local_addr().expect("an address"));
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(async move {
                let Ok(connection) = incoming.await else { return };
                // They end with an error when the client closes.
                if http {
                    let _ = serve_http(connection).await;
                } else {
                    let _ = serve_bulk(connection).await;
                }
            });
        }
    });
}

fn listen(identity: &Path, http: bool) -> Result<Endpoint, Failure> {
    let (certificate, key) = crate::identity::load(identity);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())?;
    tls.alpn_protocols = vec![if http { HTTP } else { BULK }.to_vec()];
    // As ours has none yet.
    tls.send_tls13_tickets = 0;
    let mut config = ::quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport());
    Ok(Endpoint::new(EndpointConfig::default(), Some(config), bind()?, Arc::new(TokioRuntime))?)
}

async fn serve_bulk(connection: Connection) -> Result<(), Failure> {
    loop {
        let (mut send, mut receive) = connection.accept_bi().await?;
        tokio::spawn(async move {
            let mut header = [0; 16];
            receive.read_exact(&mut header).await?;
            let wanted = u64::from_be_bytes(header[8..].try_into()?);
            while receive.read_chunk(usize::MAX, true).await?.is_some() {}
            send_bytes(&mut send, wanted).await?;
            send.finish()?;
            Ok::<(), Failure>(())
        });
    }
}

async fn send_bytes(send: &mut ::quinn::SendStream, mut count: u64) -> Result<(), Failure> {
    while count > 0 {
        let len = count.min(work::PATTERN_LEN as u64);
        send.write_chunk(Bytes::from_static(&work::pattern()[..len as usize])).await?;
        count -= len;
    }
    Ok(())
}

async fn serve_http(connection: Connection) -> Result<(), Failure> {
    let mut http = ::h3::server::Connection::<_, Bytes>::new(h3_quinn::Connection::new(connection)).await?;
    while let Some(resolver) = http.accept().await? {
        tokio::spawn(async move {
            let (request, mut stream) = resolver.resolve_request().await?;
            while let Some(mut chunk) = stream.recv_data().await? {
                chunk.advance(chunk.remaining());
            }
            let mut len = request.uri().path().strip_prefix("/bytes/").and_then(|n| n.parse().ok()).unwrap_or(0_u64);
            let response = ::http::Response::builder().status(200).header("content-length", len).body(())?;
            stream.send_response(response).await?;
            while len > 0 {
                let part = len.min(work::PATTERN_LEN as u64);
                stream.send_data(Bytes::from_static(&work::pattern()[..part as usize])).await?;
                len -= part;
            }
            stream.finish().await?;
            Ok::<(), Failure>(())
        });
    }
    Ok(())
}

/// Does its work and tells.
pub fn client(identity: &Path, remote: SocketAddr, http: bool, what: Work) {
    runtime().block_on(async {
        let endpoint = dial(identity, http).expect("an endpoint");
        if http {
            client_http(endpoint, remote, what).await.expect("success");
        } else {
            client_bulk(endpoint, remote, what).await.expect("success");
        }
    });
}

fn dial(identity: &Path, http: bool) -> Result<Endpoint, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(crate::identity::load(identity).0.into())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.resumption = rustls::client::Resumption::disabled();
    tls.alpn_protocols = vec![if http { HTTP } else { BULK }.to_vec()];
    let mut config = ::quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport());
    let mut endpoint = Endpoint::new(EndpointConfig::default(), None, bind()?, Arc::new(TokioRuntime))?;
    endpoint.set_default_client_config(config);
    Ok(endpoint)
}

async fn client_bulk(endpoint: Endpoint, remote: SocketAddr, what: Work) -> Result<(), Failure> {
    let connect = || endpoint.connect(remote, crate::identity::NAME);
    match what {
        Work::Download(_) | Work::Upload(_) => {
            let connection = connect()?.await?;
            exchange(&connection, crate::warm(what)).await?;
            let count = || {
                let stats = connection.stats();
                (stats.path.sent_packets, stats.udp_rx.datagrams)
            };
            let before = count();
            let measurement = Measurement::begin();
            exchange(&connection, what).await?;
            let after = count();
            measurement.end((after.0 - before.0, after.1 - before.1), Vec::new());
            if std::env::var_os("BENCH_STATS").is_some() {
                eprintln!("{:?}", connection.stats());
            }
        }
        Work::Handshakes(count) => {
            let one = async || {
                let began = Instant::now();
                let connection = connect()?.await?;
                let taken = began.elapsed().as_nanos() as u64;
                connection.close(VarInt::from_u32(0), b"");
                Ok::<u64, Failure>(taken)
            };
            for _ in 0..100 {
                one().await?;
            }
            let measurement = Measurement::begin();
            let mut latencies = Vec::new();
            for _ in 0..count {
                latencies.push(one().await?);
            }
            measurement.end((0, 0), latencies);
        }
        Work::Idle(count) => {
            let mut held = vec![connect()?.await?];
            let measurement = Measurement::begin();
            for _ in 0..count {
                held.push(connect()?.await?);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            measurement.end((0, 0), Vec::new());
        }
        Work::Requests { .. } => panic!("no requests on bare streams"),
    }
    Ok(())
}

async fn exchange(connection: &Connection, what: Work) -> Result<(), Failure> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&work::header(what)).await?;
    if let Work::Upload(bytes) = what {
        send_bytes(&mut send, bytes).await?;
    }
    send.finish()?;
    while receive.read_chunk(usize::MAX, true).await?.is_some() {}
    Ok(())
}

type Sender = ::h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>;

async fn client_http(endpoint: Endpoint, remote: SocketAddr, what: Work) -> Result<(), Failure> {
    let connection = endpoint.connect(remote, crate::identity::NAME)?.await?;
    let quic = connection.clone();
    let (mut driver, mut sender) = ::h3::client::new(h3_quinn::Connection::new(connection)).await?;
    tokio::spawn(async move { std::future::poll_fn(|context| driver.poll_close(context)).await });
    let count_packets = || {
        let stats = quic.stats();
        (stats.path.sent_packets, stats.udp_rx.datagrams)
    };
    match what {
        Work::Download(_) | Work::Upload(_) => {
            let both = |what| match what {
                Work::Upload(bytes) => (bytes, 0),
                Work::Download(bytes) => (0, bytes),
                _ => (0, 0),
            };
            let (up, down) = both(crate::warm(what));
            request(&mut sender, up, down).await?;
            let (up, down) = both(what);
            let before = count_packets();
            let measurement = Measurement::begin();
            request(&mut sender, up, down).await?;
            let after = count_packets();
            measurement.end((after.0 - before.0, after.1 - before.1), Vec::new());
        }
        Work::Requests { count, in_flight, body } => {
            many(&sender, work::WARM_REQUESTS, in_flight, body).await?;
            let before = count_packets();
            let measurement = Measurement::begin();
            let latencies = many(&sender, count, in_flight, body).await?;
            let after = count_packets();
            measurement.end((after.0 - before.0, after.1 - before.1), latencies);
        }
        Work::Handshakes(_) | Work::Idle(_) => panic!("measured on bare QUIC"),
    }
    Ok(())
}

async fn many(sender: &Sender, count: u64, in_flight: usize, body: usize) -> Result<Vec<u64>, Failure> {
    let mut tasks = Vec::new();
    for place in 0..in_flight as u64 {
        let mut sender = sender.clone();
        let own = count / in_flight as u64 + u64::from(place < count % in_flight as u64);
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(own as usize);
            for _ in 0..own {
                let began = Instant::now();
                request(&mut sender, 0, body as u64).await?;
                latencies.push(began.elapsed().as_nanos() as u64);
            }
            Ok::<Vec<u64>, Failure>(latencies)
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok(latencies)
}

async fn request(sender: &mut Sender, mut up: u64, down: u64) -> Result<(), Failure> {
    let method = if up > 0 { "POST" } else { "GET" };
    let uri = format!("https://{}/bytes/{down}", crate::identity::NAME);
    let request = ::http::Request::builder().method(method).uri(uri).body(())?;
    let mut stream = sender.send_request(request).await?;
    while up > 0 {
        let part = up.min(work::PATTERN_LEN as u64);
        stream.send_data(Bytes::from_static(&work::pattern()[..part as usize])).await?;
        up -= part;
    }
    stream.finish().await?;
    let response = stream.recv_response().await?;
    let mut received = 0;
    while let Some(mut chunk) = stream.recv_data().await? {
        received += chunk.remaining() as u64;
        chunk.advance(chunk.remaining());
    }
    if response.status() != 200 || received != down {
        return Err(format!("status {} with {received} bytes", response.status()).into());
    }
    Ok(())
}
