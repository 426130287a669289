//! wtransport: the same in a session.

use crate::quinn::{Result, runtime};
use crate::{DATAGRAM, Round, Work};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;
use wtransport::{ClientConfig, Connection, Endpoint, Identity, ServerConfig, VarInt};

fn serve() -> SocketAddr {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        runtime().block_on(async {
            let identity = Identity::self_signed(["localhost", "127.0.0.1"]).expect("an identity");
            let address = "127.0.0.1:0".parse().expect("an address");
            let config = ServerConfig::builder().with_bind_address(address).with_identity(identity).build();
            let endpoint = Endpoint::server(config).expect("a socket");
            tell.send(endpoint.local_addr().expect("an address")).expect("somebody waits");
            let request = endpoint.accept().await.await.expect("a request");
            let _ = answer(request.accept().await.expect("a session")).await;
        });
    });
    told.recv().expect("a server")
}

async fn answer(session: Connection) -> Result<()> {
    let (count, session) = (Arc::new(AtomicU64::new(0)), Arc::new(session));
    let (counted, reader) = (count.clone(), session.clone());
    tokio::spawn(async move {
        while reader.receive_datagram().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    loop {
        let (mut send, mut receive) = session.accept_bi().await?;
        let mut piece = vec![0; 1 << 20];
        while receive.read(&mut piece).await?.is_some() {}
        send.write_all(&count.load(Ordering::Relaxed).to_be_bytes()).await?;
        send.finish().await?;
    }
}

async fn upload(session: &Connection, bytes: usize) -> Result<u64> {
    let (mut send, mut receive) = session.open_bi().await?.await?;
    let piece = vec![7; 1 << 20];
    for at in (0..bytes).step_by(piece.len()) {
        send.write_all(&piece[..piece.len().min(bytes - at)]).await?;
    }
    send.finish().await?;
    let mut said = [0; 8];
    receive.read_exact(&mut said).await?;
    Ok(u64::from_be_bytes(said))
}

pub fn round(work: Work) -> Round {
    let at = serve();
    let round = async {
        let config = ClientConfig::builder().with_bind_default().with_no_cert_validation().build();
        let endpoint = Endpoint::client(config)?;
        let session = endpoint.connect(format!("https://{at}/")).await?;
        let begun = Instant::now();
        upload(&session, work.megabytes * 1_000_000).await?;
        let bulk = begun.elapsed();
        let begun = Instant::now();
        // Its own call drops what does not fit; this one waits, with the number of the session in front.
        let datagram = Bytes::from([&[0][..], &[7; DATAGRAM]].concat());
        let quic = session.quic_connection();
        for _ in 0..work.datagrams {
            quic.send_datagram_wait(datagram.clone()).await?;
        }
        let most = quic.datagram_send_buffer_space();
        upload(&session, 1).await?;
        while quic.datagram_send_buffer_space() < most {
            upload(&session, 1).await?;
        }
        let came = upload(&session, 1).await? as usize;
        let datagrams = begun.elapsed();
        session.close(VarInt::from_u32(0), b"");
        Result::Ok(Round { bulk, datagrams, came })
    };
    runtime().block_on(round).expect("a round")
}
