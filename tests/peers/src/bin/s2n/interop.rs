//! s2n-quic, as an endpoint of the interop runner: told by the same variables as `examples/interop` of this project.

use bytes::Bytes;
use peers::http3::{self, Failure};
use peers::interop::{Contract, NOT_SUPPORTED, Url, answer_path};
use peers::{s2n, s2n_http3};
use s2n_quic::client::Connect;
use s2n_quic::connection::Handle;
use s2n_quic::provider::endpoint_limits::{ConnectionAttempt, Limiter, Outcome};
use s2n_quic::provider::limits::Limits;
use s2n_quic::stream::{BidirectionalStream, ReceiveStream};
use s2n_quic::{Client, Connection, Server};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const CASES: &str = "handshake transfer longrtt multiplexing retry resumption multiconnect http3 blackhole ecn \
                     amplificationlimit transferloss transfercorruption ipv6 rebind-port rebind-addr goodput";
/// No less than a case may take: of some handshakes one packet in three is lost.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(300);
const IDLE_TIMEOUT: Duration = Duration::from_secs(180);
/// How long a client is silent at most: one that only receives could not be found any more when its port is forgotten.
const KEEP_ALIVE: Duration = Duration::from_millis(500);
/// Streams at the same time: a server has to allow no more than a thousand.
const STREAMS: u64 = 100;

pub async fn main() -> ExitCode {
    let contract = Contract::read();
    // It takes chacha20 from a client, and asks for it with no policy that could be chosen here.
    let is_supported = CASES.split_whitespace().any(|case| case == contract.case);
    if !is_supported && (contract.is_client || contract.case != "chacha20") {
        return ExitCode::from(NOT_SUPPORTED);
    }
    let done = if contract.is_client { fetch(&contract).await } else { serve(contract).await };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("s2n: {error}");
            ExitCode::FAILURE
        }
    }
}

fn limits() -> Result<Limits, Failure> {
    Ok(Limits::new()
        .with_max_handshake_duration(HANDSHAKE_TIMEOUT)?
        .with_max_idle_timeout(IDLE_TIMEOUT)?
        .with_max_keep_alive_period(KEEP_ALIVE)?
        .with_max_open_remote_bidirectional_streams(STREAMS)?)
}

async fn fetch(contract: &Contract) -> Result<(), Failure> {
    let urls = contract.urls()?;
    let local: SocketAddr = if urls[0].address.is_ipv4() { "127.0.0.1:0".parse()? } else { "[::1]:0".parse()? };
    let tls = s2n::client_tls(&contract.certs.join("ca.pem"), contract.protocol())?;
    let client = Client::builder().with_tls(tls)?.with_io(local)?.with_limits(limits()?)?.start()?;
    let groups: Vec<&[Url]> = match contract.case.as_str() {
        "multiconnect" => urls.chunks(1).collect(),
        "resumption" => vec![&urls[..1], &urls[1..]],
        _ => vec![&urls],
    };
    for group in groups {
        fetch_group(contract, &client, group).await?;
    }
    // What was said last has to leave.
    Ok(tokio::time::timeout(HANDSHAKE_TIMEOUT, async move { client.clone().wait_idle().await }).await??)
}

/// Some files on one connection.
async fn fetch_group(contract: &Contract, client: &Client, urls: &[Url]) -> Result<(), Failure> {
    let mut connection = client.connect(Connect::new(urls[0].address).with_server_name(urls[0].host.as_str())).await?;
    connection.keep_alive(true)?;
    if contract.protocol() == "h3" {
        return http3::fetch(s2n_http3::Connection::new(connection), contract, urls).await;
    }
    let mut tasks = Vec::new();
    for url in urls {
        let (handle, path, file) = (connection.handle(), url.path.clone(), contract.saved(&url.path));
        tasks.push(tokio::spawn(async move { fetch_one(handle, &path, &file).await }));
    }
    for task in tasks {
        task.await??;
    }
    connection.close(0u32.into());
    Ok(())
}

async fn fetch_one(mut handle: Handle, path: &str, file: &Path) -> Result<(), Failure> {
    let (receive, mut send) = handle.open_bidirectional_stream().await?.split();
    send.send(Bytes::from(format!("GET {path}\r\n"))).await?;
    send.finish()?;
    Ok(std::fs::write(file, read_to_end(receive).await?)?)
}

async fn read_to_end(mut receive: ReceiveStream) -> Result<Vec<u8>, Failure> {
    let mut received = Vec::new();
    while let Some(chunk) = receive.receive().await? {
        received.extend_from_slice(&chunk);
    }
    Ok(received)
}

/// Answers each first packet with Retry, or none.
struct Retries(bool);

impl Limiter for Retries {
    fn on_connection_attempt(&mut self, _attempt: &ConnectionAttempt<'_>) -> Outcome {
        if self.0 { Outcome::retry() } else { Outcome::allow() }
    }
}

async fn serve(contract: Contract) -> Result<(), Failure> {
    let tls = s2n::server_tls(&contract.certs.join("cert.pem"), &contract.certs.join("priv.key"), contract.protocol())?;
    let mut server = Server::builder()
        .with_tls(tls)?
        .with_io(contract.listen.ok_or("SERVER_PARAMS says no address")?)?
        .with_limits(limits()?)?
        .with_endpoint_limits(Retries(contract.case == "retry"))?
        .start()?;
    println!("listening on {}", server.local_addr()?);
    let is_http3 = contract.protocol() == "h3";
    while let Some(connection) = server.accept().await {
        let folder = contract.www.clone();
        tokio::spawn(async move {
            let done = if is_http3 {
                http3::serve_files(s2n_http3::Connection::new(connection), folder).await
            } else {
                answer(connection, folder).await
            };
            if let Err(error) = done {
                eprintln!("connection: {error}");
            }
        });
    }
    Ok(())
}

async fn answer(mut connection: Connection, folder: PathBuf) -> Result<(), Failure> {
    while let Some(stream) = connection.accept_bidirectional_stream().await? {
        let folder = folder.clone();
        tokio::spawn(async move {
            if let Err(error) = answer_one(stream, &folder).await {
                eprintln!("stream: {error}");
            }
        });
    }
    Ok(())
}

async fn answer_one(stream: BidirectionalStream, folder: &Path) -> Result<(), Failure> {
    let (receive, mut send) = stream.split();
    let request = read_to_end(receive).await?;
    let path = std::str::from_utf8(&request)?.strip_prefix("GET ").map(str::trim_end);
    match path.and_then(|path| std::fs::read(answer_path(folder, path)?).ok()) {
        Some(bytes) => {
            send.send(Bytes::from(bytes)).await?;
            Ok(send.close().await?)
        }
        None => Ok(send.reset(1u32.into())?),
    }
}
