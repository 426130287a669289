//! quinn with h3, as a server.

use peers::http3::{self, Failure};
use peers::{arguments, pem};
use std::sync::Arc;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let (arguments, provider) = arguments();
    let [certificate, key, ..] = &arguments[..] else { panic!("quinn-server [--hybrid] CERT_PEM KEY_PEM [ALPN]") };
    let protocol = arguments.get(2).map_or("h3", String::as_str);
    let chain = pem(certificate, "CERTIFICATE").into_iter().map(Into::into).collect();
    let key = pem(key, "PRIVATE KEY").remove(0);
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())?;
    tls.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let config = quinn::ServerConfig::with_crypto(Arc::new(quinn::crypto::rustls::QuicServerConfig::try_from(tls)?));
    let endpoint = quinn::Endpoint::server(config, "127.0.0.1:0".parse()?)?;
    println!("ready {}", endpoint.local_addr()?.port());
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            if let Err(error) = serve(incoming).await {
                eprintln!("connection: {error}");
            }
        });
    }
    Ok(())
}

async fn serve(incoming: quinn::Incoming) -> Result<(), Failure> {
    let connection = incoming.await?;
    println!("connection");
    http3::serve(h3_quinn::Connection::new(connection)).await
}
