//! wtransport: one session on each connection.

use crate::{Failure, bind, client_tls, server_tls, transport};
use harness::sessions::{self, COUNT, Work};
use harness::work::{self, Measurement};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use wtransport::{ClientConfig, Connection, Endpoint, RecvStream, SendStream, ServerConfig};

/// The most that is taken by one read.
const READ: usize = 1 << 20;
/// What it puts before a datagram, and some more.
const OVERHEAD: usize = 16;

pub async fn serve(folder: &Path) -> Result<(), Failure> {
    let tls = server_tls(folder, work::HTTP)?;
    let config = ServerConfig::builder().with_bind_socket(bind()?).with_custom_tls_and_transport(tls, transport());
    let endpoint = Endpoint::server(config.build())?;
    harness::server::announce(endpoint.local_addr()?);
    loop {
        let incoming = endpoint.accept().await;
        tokio::spawn(async move {
            // It ends with an error when the client closes.
            answer_all(incoming.await?.accept().await?).await
        });
    }
}

async fn answer_all(session: Connection) -> Result<(), Failure> {
    let (count, session) = (Arc::new(AtomicU64::new(0)), Arc::new(session));
    let (counter, reader) = (count.clone(), session.clone());
    tokio::spawn(async move {
        while reader.receive_datagram().await.is_ok() {
            counter.fetch_add(1, Relaxed);
        }
    });
    loop {
        let (send, receive) = session.accept_bi().await?;
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
        read_all(receive).await?;
        send_bytes(&mut send, wanted).await?;
    }
    Ok(send.finish().await?)
}

async fn read_all(mut receive: RecvStream) -> Result<u64, Failure> {
    let (mut received, mut buffer) = (0, vec![0; READ]);
    while let Some(len) = receive.read(&mut buffer).await? {
        received += len as u64;
    }
    Ok(received)
}

async fn send_bytes(send: &mut SendStream, mut count: u64) -> Result<(), Failure> {
    while count > 0 {
        let len = count.min(work::PATTERN_LEN as u64);
        send.write_all(&work::pattern()[..len as usize]).await?;
        count -= len;
    }
    Ok(())
}

pub async fn client(folder: &Path, remote: SocketAddr, what: Work) -> Result<(), Failure> {
    let tls = client_tls(folder, work::HTTP)?;
    let config = ClientConfig::builder().with_bind_socket(bind()?).with_custom_tls_and_transport(tls, transport());
    let endpoint = Endpoint::client(config.build())?;
    let url = format!("https://localhost:{}/", remote.port());
    let first = endpoint.connect(&url).await?;
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
                held.push(endpoint.connect(&url).await?);
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            measurement.end_with_count(0);
        }
    }
    Ok(())
}

async fn exchange(session: &Connection, what: work::Work) -> Result<(), Failure> {
    let (up, down) = what.bytes();
    let (mut send, receive) = session.open_bi().await?.await?;
    send.write_all(&work::header(what)).await?;
    send_bytes(&mut send, up).await?;
    send.finish().await?;
    let received = read_all(receive).await?;
    if received == down { Ok(()) } else { Err(format!("{received} bytes came, not {down}").into()) }
}

/// It takes any number, and drops the oldest that wait: quinn is asked whether there is room.
async fn send_datagrams(session: &Connection, count: u64, len: usize) -> Result<u64, Failure> {
    let content = &work::pattern()[..len];
    for _ in 0..count {
        while session.quic_connection().datagram_send_buffer_space() < len + OVERHEAD {
            tokio::task::yield_now().await;
        }
        session.send_datagram(content)?;
    }
    let mut known = ask_count(session).await?;
    loop {
        let now = ask_count(session).await?;
        if now == known {
            return Ok(now);
        }
        known = now;
    }
}

async fn ask_count(session: &Connection) -> Result<u64, Failure> {
    let (mut send, mut receive) = session.open_bi().await?.await?;
    send.write_all(&sessions::count_header()).await?;
    send.finish().await?;
    let mut answer = [0; 8];
    receive.read_exact(&mut answer).await?;
    Ok(u64::from_be_bytes(answer))
}
