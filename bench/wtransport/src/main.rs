//! wtransport, and the quinn that is under it alone (`quinn`), on one thread of tokio: 16 MiB windows, 4 MiB socket buffers, 1452-byte
//! packets from the first one, as bench-quinn has them, and a mebibyte of datagrams that wait.

mod quinn_alone;
mod webtransport;

use harness::measure::socket_buffers;
use harness::sessions::{self, Stack, Work};
use harness::work;
use quinn::{TransportConfig, VarInt};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Bytes of datagrams that wait, on either side: its own default for what was received.
const WAITING: usize = 1 << 20;

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("the only provider");
    sessions::run(&Stack { serve, client });
}

fn serve(folder: &Path, protocol: &str) {
    runtime().block_on(async {
        if protocol == "quinn" { quinn_alone::serve(folder).await } else { webtransport::serve(folder).await }
            .expect("a server");
    });
}

fn client(folder: &Path, remote: SocketAddr, protocol: &str, what: Work) {
    runtime().block_on(async {
        if protocol == "quinn" {
            quinn_alone::client(folder, remote, what).await
        } else {
            webtransport::client(folder, remote, what).await
        }
        .expect("success");
    });
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(work::WINDOW.into())
        .receive_window(work::WINDOW.into())
        .send_window(work::WINDOW.into())
        .initial_mtu(1452)
        .datagram_receive_buffer_size(Some(WAITING))
        .datagram_send_buffer_size(WAITING)
        .max_idle_timeout(Some(VarInt::from_u32(work::IDLE_TIMEOUT.as_millis() as u32).into()));
    transport
}

fn bind() -> std::io::Result<std::net::UdpSocket> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    socket_buffers(&socket, work::SOCKET_BUFFER);
    Ok(socket)
}

fn server_tls(folder: &Path, alpn: &[u8]) -> Result<rustls::ServerConfig, Failure> {
    let (certificate, key) = harness::identity::load(folder);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())?;
    tls.alpn_protocols = vec![alpn.to_vec()];
    Ok(tls)
}

fn client_tls(folder: &Path, alpn: &[u8]) -> Result<rustls::ClientConfig, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(harness::identity::authority(folder).into())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![alpn.to_vec()];
    Ok(tls)
}
