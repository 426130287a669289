//! quinn, with h3 for HTTP/3, on one thread: 16 MiB windows, 4 MiB socket buffers, 1452-byte packets from the first one.

mod tickets;

use bytes::Bytes;
use harness::asynchronous::{self, Dial, Failure, Held, runtime};
use harness::measure::socket_buffers;
use harness::program::{self, Stack};
use harness::work::{self, Work};
use harness::{http3, identity};
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{Connection, Endpoint, EndpointConfig, TokioRuntime, TransportConfig, VarInt};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tickets::Tickets;

fn main() {
    program::run(&Stack { serve, client });
}

fn transport() -> Arc<TransportConfig> {
    let idle = VarInt::from_u32(work::IDLE_TIMEOUT.as_millis() as u32);
    let mut transport = TransportConfig::default();
    transport
        .stream_receive_window(work::WINDOW.into())
        .receive_window(work::WINDOW.into())
        .send_window(work::WINDOW.into())
        .initial_mtu(1452)
        .max_idle_timeout(Some(idle.into()))
        .max_concurrent_bidi_streams(work::MAX_STREAMS.into());
    Arc::new(transport)
}

fn bind() -> std::io::Result<std::net::UdpSocket> {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0")?;
    socket_buffers(&socket, work::SOCKET_BUFFER);
    Ok(socket)
}

fn alpn(http: bool) -> Vec<Vec<u8>> {
    vec![if http { work::HTTP } else { work::BULK }.to_vec()]
}

fn serve(identity: &Path, http: bool) {
    runtime().block_on(async {
        let endpoint = listen(identity, http).expect("an endpoint");
        harness::server::announce(endpoint.local_addr().expect("an address"));
        while let Some(incoming) = endpoint.accept().await {
            tokio::spawn(async move {
                let Ok(connection) = incoming.await else { return };
                // They end with an error when the client closes.
                if http {
                    let _ = http3::serve(h3_quinn::Connection::new(connection)).await;
                } else {
                    let _ = serve_bulk(connection).await;
                }
            });
        }
    });
}

fn listen(identity: &Path, http: bool) -> Result<Endpoint, Failure> {
    let (certificate, key) = identity::load(identity);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())?;
    tls.alpn_protocols = alpn(http);
    tls.send_tls13_tickets = 0;
    if work::with_tickets() {
        tls.send_tls13_tickets = work::TICKETS_EACH;
        tls.ticketer = rustls::crypto::ring::Ticketer::new()?;
    }
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(transport());
    Ok(Endpoint::new(EndpointConfig::default(), Some(config), bind()?, Arc::new(TokioRuntime))?)
}

async fn serve_bulk(connection: Connection) -> Result<(), Failure> {
    loop {
        let (mut send, mut receive) = connection.accept_bi().await?;
        tokio::spawn(async move {
            let mut header = [0; 16];
            receive.read_exact(&mut header).await?;
            let wanted = u64::from_be_bytes(header[8..].try_into()?);
            while receive.read_chunk(usize::MAX, true).await?.is_some() {}
            send_bytes(&mut send, wanted).await?;
            send.finish()?;
            Ok::<(), Failure>(())
        });
    }
}

async fn send_bytes(send: &mut quinn::SendStream, mut count: u64) -> Result<(), Failure> {
    while count > 0 {
        let len = count.min(work::PATTERN_LEN as u64);
        send.write_chunk(Bytes::from_static(&work::pattern()[..len as usize])).await?;
        count -= len;
    }
    Ok(())
}

fn client(identity: &Path, remote: SocketAddr, http: bool, what: Work) {
    runtime().block_on(async {
        let tickets = work::with_tickets().then(Arc::<Tickets>::default);
        let endpoint = dial(identity, http, tickets.clone()).expect("an endpoint");
        let dialer = Dialer { endpoint, remote, tickets };
        let result = if http {
            let connect = async || http3::Client::new(h3_quinn::Connection::new(dialer.connect().await?.0)).await;
            http3::client(connect, what).await
        } else {
            asynchronous::client(dialer, what).await
        };
        result.expect("success");
    });
}

fn dial(identity: &Path, http: bool, tickets: Option<Arc<Tickets>>) -> Result<Endpoint, Failure> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(identity::authority(identity).into())?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.resumption = match tickets {
        Some(tickets) => rustls::client::Resumption::store(tickets),
        None => rustls::client::Resumption::disabled(),
    };
    tls.alpn_protocols = alpn(http);
    let mut config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(transport());
    let mut endpoint = Endpoint::new(EndpointConfig::default(), None, bind()?, Arc::new(TokioRuntime))?;
    endpoint.set_default_client_config(config);
    Ok(endpoint)
}

#[derive(Clone)]
struct Dialer {
    endpoint: Endpoint,
    remote: SocketAddr,
    tickets: Option<Arc<Tickets>>,
}

struct Dialed(Connection);

impl Dial for Dialer {
    type Connection = Dialed;

    async fn connect(&self) -> Result<Dialed, Failure> {
        Ok(Dialed(self.endpoint.connect(self.remote, identity::NAME)?.await?))
    }

    fn resumed(&self) -> Option<u64> {
        self.tickets.as_ref().map(|tickets| tickets.used())
    }
}

impl Held for Dialed {
    async fn exchange(&self, header: [u8; 16], up: u64) -> Result<u64, Failure> {
        let (mut send, mut receive) = self.0.open_bi().await?;
        send.write_all(&header).await?;
        send_bytes(&mut send, up).await?;
        send.finish()?;
        let mut received = 0;
        while let Some(chunk) = receive.read_chunk(usize::MAX, true).await? {
            received += chunk.bytes.len() as u64;
        }
        Ok(received)
    }

    fn close(&self) {
        self.0.close(VarInt::from_u32(0), b"");
    }
}
