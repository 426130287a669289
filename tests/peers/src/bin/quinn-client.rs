//! quinn with h3, as a client.

use bytes::{Buf, Bytes};
use peers::{Exchange, arguments, check, exchanges, pem, protocol};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// The trailer that is sent and must come back.
const TRAILER: http::HeaderName = http::HeaderName::from_static("x-checksum");

/// How long it is silent at most.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_millis(500);

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() {
    let (arguments, provider) = arguments();
    let [url, ca, case] = &arguments[..] else { panic!("quinn-client [--hybrid] BASE_URL CA_PEM CASE") };
    match run(url, ca, case, provider).await {
        Ok(()) => println!("ok"),
        Err(error) => {
            println!("{error}");
            std::process::exit(1);
        }
    }
}

async fn run(url: &str, ca: &str, case: &str, provider: rustls::crypto::CryptoProvider) -> Result<(), Failure> {
    let authority = url.trim_start_matches("https://").trim_end_matches('/').to_owned();
    let address: SocketAddr = authority.to_socket_addrs()?.find(SocketAddr::is_ipv4).ok_or("no address")?;
    let name = authority.rsplit_once(':').map_or(authority.as_str(), |(name, _)| name).trim_matches(['[', ']']);
    let mut roots = rustls::RootCertStore::empty();
    for der in pem(ca, "CERTIFICATE") {
        roots.add(der.into())?;
    }
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![protocol(case).to_vec()];
    let mut config = quinn::ClientConfig::new(Arc::new(quinn::crypto::rustls::QuicClientConfig::try_from(tls)?));
    // A client that only receives says nothing when its port is forgotten, and no server can find it then.
    let mut transport = quinn::TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    config.transport_config(Arc::new(transport));
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse()?)?;
    endpoint.set_default_client_config(config);
    let connection = endpoint.connect(address, name)?.await?;
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection)).await?;
    let driving = tokio::spawn(async move { std::future::poll_fn(|context| driver.poll_close(context)).await });
    let mut tasks = Vec::new();
    for exchange in exchanges(case).ok_or("unknown case")? {
        let (sender, authority) = (sender.clone(), authority.clone());
        tasks.push(tokio::spawn(async move { exchange_one(sender, &authority, &exchange).await }));
    }
    for task in tasks {
        task.await??;
    }
    drop(sender);
    let _ = driving.await;
    endpoint.wait_idle().await;
    Ok(())
}

async fn exchange_one(
    mut sender: h3::client::SendRequest<h3_quinn::OpenStreams, Bytes>,
    authority: &str,
    exchange: &Exchange,
) -> Result<(), Failure> {
    let uri = format!("https://{authority}{}", exchange.path);
    let request = http::Request::builder().method(exchange.method).uri(uri).body(())?;
    let stream = sender.send_request(request).await?;
    let (mut send, mut receive) = stream.split();
    let body = Bytes::from(exchange.body.clone());
    let trailers = exchange.trailers;
    let sending = tokio::spawn(async move {
        for at in (0..body.len()).step_by(64 * 1024) {
            send.send_data(body.slice(at..body.len().min(at + 64 * 1024))).await?;
        }
        if trailers {
            send.send_trailers(http::HeaderMap::from_iter([(TRAILER, http::HeaderValue::from_static("1"))])).await?;
        }
        send.finish().await
    });
    let response = receive.recv_response().await?;
    let mut received = Vec::new();
    while let Some(mut chunk) = receive.recv_data().await? {
        received.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
    }
    let trailers = receive.recv_trailers().await?.map_or(0, |trailers| trailers.len());
    sending.await??;
    Ok(check(exchange, response.status().as_u16(), &received, trailers)?)
}
