//! quinn with h3, as a client.

use peers::http3::{self, Failure};
use peers::{arguments, pem, protocol};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// How long it is silent at most.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_millis(500);

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
    http3::run_case(h3_quinn::Connection::new(connection), &authority, case).await?;
    endpoint.wait_idle().await;
    Ok(())
}
