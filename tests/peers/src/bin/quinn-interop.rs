//! quinn, as an endpoint of the interop runner: told by the same variables as `examples/interop` of this project.

use peers::http3::{self, Failure};
use peers::interop::{Contract, NOT_SUPPORTED, Url, answer_path};
use peers::pem;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const CASES: &str = "handshake transfer longrtt chacha20 multiplexing retry resumption multiconnect http3 blackhole keyupdate \
                     ecn amplificationlimit transferloss transfercorruption ipv6 rebind-port rebind-addr goodput";
/// How long a client is silent at most: one that only receives could not be found any more when its port is forgotten.
const KEEP_ALIVE: Duration = Duration::from_millis(500);
/// The longest request, and the longest file.
const MOST: usize = 32 << 20;

#[tokio::main]
async fn main() -> ExitCode {
    let contract = Contract::read();
    if !CASES.split_whitespace().any(|case| case == contract.case) {
        return ExitCode::from(NOT_SUPPORTED);
    }
    let done = if contract.is_client { fetch(&contract).await } else { serve(contract).await };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quinn: {error}");
            ExitCode::FAILURE
        }
    }
}

fn provider(contract: &Contract) -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::ring::default_provider();
    if contract.case == "chacha20" && contract.is_client {
        provider.cipher_suites = vec![rustls::crypto::ring::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
    }
    Arc::new(provider)
}

/// Its own verifier follows no more than six authorities to a root, and a case has eight.
#[derive(Debug)]
struct TrustsAny(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustsAny {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("there is no QUIC over TLS 1.2".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn transport() -> Arc<quinn::TransportConfig> {
    let mut transport = quinn::TransportConfig::default();
    transport.keep_alive_interval(Some(KEEP_ALIVE));
    Arc::new(transport)
}

async fn fetch(contract: &Contract) -> Result<(), Failure> {
    let provider = provider(contract);
    let mut tls = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TrustsAny(provider)))
        .with_no_client_auth();
    tls.alpn_protocols = vec![contract.protocol().into()];
    tls.key_log = Arc::new(rustls::KeyLogFile::new());
    // Initial packets want AES, whatever is offered.
    let initial = rustls::crypto::ring::default_provider().cipher_suites.into_iter().find_map(|suite| {
        (suite.suite() == rustls::CipherSuite::TLS13_AES_128_GCM_SHA256).then(|| suite.tls13()?.quic_suite()).flatten()
    });
    let initial = initial.ok_or("no suite for Initial packets")?;
    let mut config = quinn::ClientConfig::new(Arc::new(quinn::crypto::rustls::QuicClientConfig::with_initial(
        Arc::new(tls),
        initial,
    )?));
    config.transport_config(transport());
    let urls = contract.urls()?;
    let local: SocketAddr = if urls[0].address.is_ipv4() { "127.0.0.1:0".parse()? } else { "[::1]:0".parse()? };
    let mut endpoint = quinn::Endpoint::client(local)?;
    endpoint.set_default_client_config(config);
    let groups: Vec<&[Url]> = match contract.case.as_str() {
        "multiconnect" => urls.chunks(1).collect(),
        "resumption" => vec![&urls[..1], &urls[1..]],
        _ => vec![&urls],
    };
    for group in groups {
        fetch_group(contract, &endpoint, group).await?;
    }
    endpoint.wait_idle().await;
    Ok(())
}

/// Some files on one connection.
async fn fetch_group(contract: &Contract, endpoint: &quinn::Endpoint, urls: &[Url]) -> Result<(), Failure> {
    let connection = endpoint.connect(urls[0].address, &urls[0].host)?.await?;
    if contract.protocol() == "h3" {
        return http3::fetch(h3_quinn::Connection::new(connection), contract, urls).await;
    }
    let mut tasks = Vec::new();
    for url in urls {
        let (connection, path, file) = (connection.clone(), url.path.clone(), contract.saved(&url.path));
        tasks.push(tokio::spawn(async move {
            let (mut send, mut receive) = connection.open_bi().await?;
            send.write_all(format!("GET {path}\r\n").as_bytes()).await?;
            send.finish()?;
            std::fs::write(file, receive.read_to_end(MOST).await?)?;
            Ok::<(), Failure>(())
        }));
    }
    if contract.case == "keyupdate" {
        // After a round trip at least, so that the handshake is confirmed.
        tokio::time::sleep(Duration::from_millis(200)).await;
        connection.force_key_update();
    }
    for task in tasks {
        task.await??;
    }
    connection.close(0u32.into(), b"");
    Ok(())
}

async fn serve(contract: Contract) -> Result<(), Failure> {
    let file = |name: &str| contract.certs.join(name).to_string_lossy().into_owned();
    let chain = pem(&file("cert.pem"), "CERTIFICATE").into_iter().map(Into::into).collect();
    let key = pem(&file("priv.key"), "PRIVATE KEY").remove(0);
    let mut tls = rustls::ServerConfig::builder_with_provider(provider(&contract))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())?;
    tls.alpn_protocols = vec![contract.protocol().into()];
    tls.key_log = Arc::new(rustls::KeyLogFile::new());
    let mut config =
        quinn::ServerConfig::with_crypto(Arc::new(quinn::crypto::rustls::QuicServerConfig::try_from(tls)?));
    config.transport_config(transport());
    let endpoint = quinn::Endpoint::server(config, contract.listen.ok_or("SERVER_PARAMS says no address")?)?;
    println!("listening on {}", endpoint.local_addr()?);
    let (is_http3, retries) = (contract.protocol() == "h3", contract.case == "retry");
    while let Some(incoming) = endpoint.accept().await {
        if retries && !incoming.remote_address_validated() {
            let _ = incoming.retry();
            continue;
        }
        let folder = contract.www.clone();
        tokio::spawn(async move {
            let done = if is_http3 { answer_http3(incoming, folder).await } else { answer(incoming, folder).await };
            if let Err(error) = done {
                eprintln!("connection: {error}");
            }
        });
    }
    Ok(())
}

async fn answer(incoming: quinn::Incoming, folder: PathBuf) -> Result<(), Failure> {
    let connection = incoming.await?;
    loop {
        let (mut send, mut receive) = connection.accept_bi().await?;
        let folder = folder.clone();
        tokio::spawn(async move {
            let request = receive.read_to_end(MOST).await?;
            match read(&folder, &request) {
                Some(bytes) => {
                    send.write_all(&bytes).await?;
                    send.finish()?;
                }
                None => send.reset(1u32.into())?,
            }
            // The stream is not to be dropped before all has arrived.
            let _ = send.stopped().await;
            Ok::<(), Failure>(())
        });
    }
}

fn read(folder: &Path, request: &[u8]) -> Option<Vec<u8>> {
    let path = std::str::from_utf8(request).ok()?.strip_prefix("GET ")?.trim_end();
    std::fs::read(answer_path(folder, path)?).ok()
}

async fn answer_http3(incoming: quinn::Incoming, folder: PathBuf) -> Result<(), Failure> {
    http3::serve_files(h3_quinn::Connection::new(incoming.await?), folder).await
}
