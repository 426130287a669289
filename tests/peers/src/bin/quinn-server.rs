//! quinn with h3, as a server.

use bytes::{Buf, Bytes};
use peers::{Answer, answer, arguments, body, pem};
use std::sync::Arc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

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
    let mut http = h3::server::Connection::<_, Bytes>::new(h3_quinn::Connection::new(connection)).await?;
    while let Some(resolver) = http.accept().await? {
        tokio::spawn(async move {
            if let Err(error) = respond(resolver).await {
                eprintln!("request: {error}");
            }
        });
    }
    Ok(())
}

async fn respond(resolver: h3::server::RequestResolver<h3_quinn::Connection, Bytes>) -> Result<(), Failure> {
    let (request, mut stream) = resolver.resolve_request().await?;
    let head = request.method() == http::Method::HEAD;
    let mut fields = http::HeaderMap::new();
    let (status, bytes) = match answer(request.uri().path()) {
        Answer::Bytes(len) => (200, body(len)),
        Answer::Echo => {
            let mut received = Vec::new();
            while let Some(mut chunk) = stream.recv_data().await? {
                received.extend_from_slice(&chunk.copy_to_bytes(chunk.remaining()));
            }
            fields.extend(stream.recv_trailers().await?.unwrap_or_default());
            (200, received)
        }
        Answer::Trailers => {
            fields.insert("x-checksum", "1".parse()?);
            (200, b"short".to_vec())
        }
        Answer::NotFound => (404, b"not found".to_vec()),
    };
    let response = http::Response::builder().status(status).header("content-length", bytes.len()).body(())?;
    stream.send_response(response).await?;
    if !head && !bytes.is_empty() {
        stream.send_data(Bytes::from(bytes)).await?;
    }
    if !fields.is_empty() {
        stream.send_trailers(fields).await?;
    }
    Ok(stream.finish().await?)
}
