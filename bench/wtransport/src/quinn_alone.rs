//! quinn: datagrams and streams of a connection.

use crate::{Failure, bind, client_tls, server_tls, transport};
use bytes::Bytes;
use harness::sessions::{self, COUNT, Work};
use harness::work::Measurement;
use harness::{identity, work};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, EndpointConfig, RecvStream, SendStream, TokioRuntime};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

pub async fn serve(folder: &Path) -> Result<(), Failure> {
    let tls = QuicServerConfig::try_from(server_tls(folder, work::BULK)?)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(Arc::new(transport()));
    let endpoint = Endpoint::new(EndpointConfig::default(), Some(config), bind()?, Arc::new(TokioRuntime))?;
    harness::server::announce(endpoint.local_addr()?);
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            // It ends with an error when the client closes.
            let _ = answer_all(connection).await;
        });
    }
    Ok(())
}

async fn answer_all(connection: Connection) -> Result<(), Failure> {
    let (count, reader) = (Arc::new(AtomicU64::new(0)), connection.clone());
    let counter = count.clone();
    tokio::spawn(async move {
        while reader.read_datagram().await.is_ok() {
            counter.fetch_add(1, Relaxed);
        }
    });
    loop {
        let (send, receive) = connection.accept_bi().await?;
        tokio::spawn(answer_one(send, receive, count.clone()));
    }
}

async fn answer_one(mut send: SendStream, mut receive: RecvStream, count: Arc<AtomicU64>) -> Result<(), Failure> {
    let mut header = [0; 16];
    receive.read_exact(&mut header).await?;
    let (coming, wanted) = sessions::numbers(&header).expect("16 bytes");
    if coming == COUNT {
        send.write_all(&count.load(Relaxed).to_be_bytes()).await?;
    } else {
        while receive.read_chunk(usize::MAX, true).await?.is_some() {}
        send_bytes(&mut send, wanted).await?;
    }
    Ok(send.finish()?)
}

async fn send_bytes(send: &mut SendStream, mut count: u64) -> Result<(), Failure> {
    while count > 0 {
        let len = count.min(work::PATTERN_LEN as u64);
        send.write_chunk(Bytes::from_static(&work::pattern()[..len as usize])).await?;
        count -= len;
    }
    Ok(())
}

pub async fn client(folder: &Path, remote: SocketAddr, what: Work) -> Result<(), Failure> {
    let tls = QuicClientConfig::try_from(client_tls(folder, work::BULK)?)?;
    let mut config = quinn::ClientConfig::new(Arc::new(tls));
    config.transport_config(Arc::new(transport()));
    let mut endpoint = Endpoint::new(EndpointConfig::default(), None, bind()?, Arc::new(TokioRuntime))?;
    endpoint.set_default_client_config(config);
    let connect = async || Ok::<_, Failure>(endpoint.connect(remote, identity::NAME)?.await?);
    let first = connect().await?;
    match what {
        Work::Download(_) | Work::Upload(_) => {
            let bulk = what.bulk().expect("bulk");
            exchange(&first, bulk.warm()).await?;
            let measurement = Measurement::begin();
            exchange(&first, bulk).await?;
            measurement.end_with_count(0);
        }
        Work::Datagrams { count, len } => {
            let before = send_datagrams(&first, sessions::WARM_DATAGRAMS, len).await?;
            let measurement = Measurement::begin();
            let after = send_datagrams(&first, count, len).await?;
            measurement.end_with_count(after - before);
        }
        Work::Idle(count) => {
            let measurement = Measurement::begin();
            let mut held = Vec::new();
            for _ in 0..count {
                held.push(connect().await?);
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            measurement.end_with_count(0);
        }
    }
    Ok(())
}

async fn exchange(connection: &Connection, what: work::Work) -> Result<(), Failure> {
    let (up, down) = what.bytes();
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&work::header(what)).await?;
    send_bytes(&mut send, up).await?;
    send.finish()?;
    let mut received = 0;
    while let Some(chunk) = receive.read_chunk(usize::MAX, true).await? {
        received += chunk.bytes.len() as u64;
    }
    if received == down { Ok(()) } else { Err(format!("{received} bytes came, not {down}").into()) }
}

async fn send_datagrams(connection: &Connection, count: u64, len: usize) -> Result<u64, Failure> {
    // Each has bytes of its own, as an application's have.
    let content = &work::pattern()[..len];
    for _ in 0..count {
        connection.send_datagram_wait(Bytes::copy_from_slice(content)).await?;
    }
    let mut known = ask_count(connection).await?;
    loop {
        let now = ask_count(connection).await?;
        if now == known {
            return Ok(now);
        }
        known = now;
    }
}

async fn ask_count(connection: &Connection) -> Result<u64, Failure> {
    let (mut send, mut receive) = connection.open_bi().await?;
    send.write_all(&sessions::count_header()).await?;
    send.finish()?;
    let answer = receive.read_to_end(8).await?;
    Ok(u64::from_be_bytes(answer[..].try_into()?))
}
