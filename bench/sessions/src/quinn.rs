//! quinn: the same on a bare connection.

use crate::{DATAGRAM, Round, Work};
use bytes::Bytes;
use quinn::{ClientConfig, Connection, Endpoint, ServerConfig};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;
use tokio::runtime::{Builder, Runtime};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn serve() -> (SocketAddr, CertificateDer<'static>) {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let identity = wtransport::Identity::self_signed(["localhost"]).expect("an identity");
        let certificate = CertificateDer::from(identity.certificate_chain().as_slice()[0].der().to_vec());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.private_key().secret_der().to_vec()));
        runtime().block_on(async {
            let config = ServerConfig::with_single_cert(vec![certificate.clone()], key).expect("a configuration");
            let endpoint = Endpoint::server(config, "127.0.0.1:0".parse().expect("an address")).expect("a socket");
            tell.send((endpoint.local_addr().expect("an address"), certificate)).expect("somebody waits");
            let connection = endpoint.accept().await.expect("a client").await.expect("a connection");
            let _ = answer(connection).await;
            endpoint.wait_idle().await;
        });
    });
    told.recv().expect("a server")
}

async fn answer(connection: Connection) -> Result<()> {
    let (count, reader) = (Arc::new(AtomicU64::new(0)), connection.clone());
    let counted = count.clone();
    tokio::spawn(async move {
        while reader.read_datagram().await.is_ok() {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    loop {
        let (mut send, mut receive) = connection.accept_bi().await?;
        while receive.read_chunk(1 << 20, true).await?.is_some() {}
        send.write_all(&count.load(Ordering::Relaxed).to_be_bytes()).await?;
        send.finish()?;
    }
}

async fn upload(connection: &Connection, bytes: usize) -> Result<u64> {
    let (mut send, mut receive) = connection.open_bi().await?;
    let piece = Bytes::from(vec![7; 1 << 20]);
    for at in (0..bytes).step_by(piece.len()) {
        send.write_chunk(piece.slice(..piece.len().min(bytes - at))).await?;
    }
    send.finish()?;
    let said = receive.read_to_end(8).await?;
    Ok(u64::from_be_bytes(said.as_slice().try_into()?))
}

pub fn round(work: Work) -> Round {
    let (at, certificate) = serve();
    let round = async {
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let mut endpoint = Endpoint::client("127.0.0.1:0".parse()?)?;
        endpoint.set_default_client_config(ClientConfig::with_root_certificates(Arc::new(roots))?);
        let connection = endpoint.connect(at, "localhost")?.await?;
        let begun = Instant::now();
        upload(&connection, work.megabytes * 1_000_000).await?;
        let bulk = begun.elapsed();
        let begun = Instant::now();
        let datagram = Bytes::from(vec![7; DATAGRAM]);
        for _ in 0..work.datagrams {
            connection.send_datagram_wait(datagram.clone()).await?;
        }
        let most = connection.datagram_send_buffer_space();
        upload(&connection, 1).await?;
        while connection.datagram_send_buffer_space() < most {
            upload(&connection, 1).await?;
        }
        let came = upload(&connection, 1).await? as usize;
        let datagrams = begun.elapsed();
        connection.close(0_u32.into(), b"");
        endpoint.wait_idle().await;
        Result::Ok(Round { bulk, datagrams, came })
    };
    runtime().block_on(round).expect("a round")
}
