//! A server of quinn and h3, on one thread of tokio: adds up for whoever asks for `/sum?a=1&b=2`, and serves the files of a folder.
//! `bench-h3 ADDRESS CERTIFICATE KEY FOLDER`. What `bench-tcp` and `posthaste serve` are of ours; `tests/peers/run --http3-load` has
//! them asked in turn.

use bytes::Bytes;
use h3::server::RequestResolver;
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, Incoming, ServerConfig, TransportConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

type Failure = Box<dyn Error + Send + Sync>;

fn sum(query: &str) -> i64 {
    let number =
        |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok());
    number("a").unwrap_or(0_i64) + number("b").unwrap_or(0)
}

fn answer(folder: &Path, uri: &http::Uri) -> Option<Bytes> {
    match uri.path() {
        "/sum" => Some(sum(uri.query().unwrap_or("")).to_string().into()),
        path if path.contains("..") => None,
        path => std::fs::read(folder.join(path.trim_start_matches('/'))).ok().map(Bytes::from),
    }
}

async fn respond(resolver: RequestResolver<h3_quinn::Connection, Bytes>, folder: Arc<PathBuf>) -> Result<(), Failure> {
    let (request, mut stream) = resolver.resolve_request().await?;
    let body = answer(&folder, request.uri());
    let head = http::Response::builder().status(if body.is_some() { 200 } else { 404 });
    let body = body.unwrap_or_default();
    stream.send_response(head.header("content-length", body.len()).body(())?).await?;
    stream.send_data(body).await?;
    Ok(stream.finish().await?)
}

async fn serve(incoming: Incoming, folder: Arc<PathBuf>) -> Result<(), Failure> {
    let mut http = h3::server::Connection::<_, Bytes>::new(h3_quinn::Connection::new(incoming.await?)).await?;
    while let Some(resolver) = http.accept().await? {
        // Those that were given up end with an error.
        tokio::spawn(respond(resolver, folder.clone()));
    }
    Ok(())
}

fn config(certificate: &str, key: &str) -> ServerConfig {
    let chain =
        CertificateDer::pem_file_iter(certificate).expect("a certificate").map(|one| one.expect("a certificate"));
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let versions = rustls::ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13]);
    let mut tls = versions.with_no_client_auth().with_single_cert(chain.collect(), key).expect("an identity");
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let mut transport = TransportConfig::default();
    transport.max_concurrent_bidi_streams(1000_u32.into()).initial_mtu(1452);
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).expect("TLS 1.3")));
    config.transport_config(Arc::new(transport));
    config
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, certificate, key, folder] = &words[..] else {
        eprintln!("bench-h3 ADDRESS CERTIFICATE KEY FOLDER");
        std::process::exit(2);
    };
    let folder = Arc::new(PathBuf::from(folder));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let address = address.parse().expect("an address with a port");
        let endpoint = Endpoint::server(config(certificate, key), address).expect("an address that is free");
        while let Some(incoming) = endpoint.accept().await {
            let folder = folder.clone();
            tokio::spawn(async move {
                // It ends with an error when the client leaves.
                let _ended = serve(incoming, folder).await;
            });
        }
    });
}
