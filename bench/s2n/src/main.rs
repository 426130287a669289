//! s2n-quic, with h3 for HTTP/3 through our own adapter, on one thread: 16 MiB windows and send buffers, 4 MiB socket
//! buffers, 1452-byte packets from the first one.

mod adapter;
mod tickets;

use bytes::Bytes;
use harness::asynchronous::{self, Dial, Failure, Held, runtime};
use harness::program::{self, Stack};
use harness::work::{self, Work};
use harness::{http3, identity};
use s2n_quic::client::Connect;
use s2n_quic::connection::Handle;
use s2n_quic::provider::io::tokio::Builder;
use s2n_quic::provider::limits::Limits;
use s2n_quic::provider::{io, tls};
use s2n_quic::stream::SendStream;
use s2n_quic::{Client, Connection, Server};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tickets::Tickets;

fn main() {
    program::run(&Stack { serve, client });
}

/// Of an IP packet, such that a datagram carries 1452 bytes.
const MTU: u16 = 1452 + 28;

fn limits() -> Result<Limits, Failure> {
    let (window, streams) = (u64::from(work::WINDOW), u64::from(work::MAX_STREAMS));
    Ok(Limits::new()
        .with_data_window(window)?
        .with_bidirectional_local_data_window(window)?
        .with_bidirectional_remote_data_window(window)?
        .with_unidirectional_data_window(window)?
        .with_max_send_buffer_size(work::WINDOW)?
        .with_max_open_local_bidirectional_streams(streams)?
        .with_max_open_remote_bidirectional_streams(streams)?
        .with_max_idle_timeout(work::IDLE_TIMEOUT)?)
}

fn sockets() -> Result<Builder, Failure> {
    Ok(io::tokio::Builder::default()
        .with_receive_address("127.0.0.1:0".parse()?)?
        .with_send_buffer_size(work::SOCKET_BUFFER as usize)?
        .with_recv_buffer_size(work::SOCKET_BUFFER as usize)?
        .with_max_mtu(MTU)?
        .with_initial_mtu(MTU)?)
}

fn alpn(http: bool) -> [&'static [u8]; 1] {
    [if http { work::HTTP } else { work::BULK }]
}

fn serve(identity: &Path, http: bool) {
    runtime().block_on(async {
        let mut server = listen(identity, http).expect("an endpoint");
        harness::server::announce(server.local_addr().expect("an address"));
        while let Some(connection) = server.accept().await {
            tokio::spawn(async move {
                // They end with an error when the client closes.
                if http {
                    let _ = http3::serve(adapter::Connection::new(connection)).await;
                } else {
                    let _ = serve_bulk(connection).await;
                }
            });
        }
    });
}

fn listen(identity: &Path, http: bool) -> Result<Server, Failure> {
    let (certificate, key) = identity::pem(identity);
    let mut tls = tls::default::Server::builder()
        .with_certificate(certificate.as_path(), key.as_path())?
        .with_application_protocols(alpn(http).iter())?;
    if work::with_tickets() {
        tickets::give(tls.config_mut())?;
    }
    Ok(Server::builder().with_tls(tls.build()?)?.with_io(sockets()?.build()?)?.with_limits(limits()?)?.start()?)
}

async fn serve_bulk(mut connection: Connection) -> Result<(), Failure> {
    while let Some(stream) = connection.accept_bidirectional_stream().await? {
        tokio::spawn(async move {
            let (mut receive, mut send) = stream.split();
            let mut header = Vec::new();
            while let Some(chunk) = receive.receive().await? {
                let missing = 16_usize.saturating_sub(header.len());
                header.extend_from_slice(&chunk[..chunk.len().min(missing)]);
            }
            let wanted = u64::from_be_bytes(header.get(8..16).ok_or("a short header")?.try_into()?);
            send_bytes(&mut send, wanted).await?;
            send.finish()?;
            Ok::<(), Failure>(())
        });
    }
    Ok(())
}

async fn send_bytes(send: &mut SendStream, mut count: u64) -> Result<(), Failure> {
    while count > 0 {
        let len = count.min(work::PATTERN_LEN as u64);
        send.send(Bytes::from_static(&work::pattern()[..len as usize])).await?;
        count -= len;
    }
    Ok(())
}

fn client(identity: &Path, remote: SocketAddr, http: bool, what: Work) {
    runtime().block_on(async {
        let tickets = work::with_tickets().then(Arc::<Tickets>::default);
        let client = dial(identity, http, tickets.clone()).expect("an endpoint");
        let dialer = Dialer { client, remote, tickets };
        let result = if http {
            let connect = async || http3::Client::new(adapter::Connection::new(dialer.dial().await?)).await;
            http3::client(connect, what).await
        } else {
            asynchronous::client(dialer, what).await
        };
        result.expect("success");
    });
}

fn dial(identity: &Path, http: bool, tickets: Option<Arc<Tickets>>) -> Result<Client, Failure> {
    let mut tls = tls::default::Client::builder()
        .with_certificate(identity::authority_pem(identity).as_path())?
        .with_application_protocols(alpn(http).iter())?;
    if let Some(tickets) = tickets {
        tickets.keep(tls.config_mut())?;
    }
    Ok(Client::builder().with_tls(tls.build()?)?.with_io(sockets()?.build()?)?.with_limits(limits()?)?.start()?)
}

#[derive(Clone)]
struct Dialer {
    client: Client,
    remote: SocketAddr,
    tickets: Option<Arc<Tickets>>,
}

impl Dialer {
    async fn dial(&self) -> Result<Connection, Failure> {
        Ok(self.client.connect(Connect::new(self.remote).with_server_name(identity::NAME)).await?)
    }
}

impl Dial for Dialer {
    type Connection = Dialed;

    async fn connect(&self) -> Result<Dialed, Failure> {
        let connection = self.dial().await?;
        self.tickets.as_ref().inspect(|tickets| tickets.on_connected());
        Ok(Dialed { handle: connection.handle(), _connection: connection })
    }

    fn resumed(&self) -> Option<u64> {
        self.tickets.as_ref().map(|tickets| tickets.resumed())
    }
}

struct Dialed {
    handle: Handle,
    _connection: Connection,
}

impl Held for Dialed {
    async fn exchange(&self, header: [u8; 16], up: u64) -> Result<u64, Failure> {
        let (mut receive, mut send) = self.handle.clone().open_bidirectional_stream().await?.split();
        send.send(Bytes::copy_from_slice(&header)).await?;
        send_bytes(&mut send, up).await?;
        send.finish()?;
        let mut received = 0;
        while let Some(chunk) = receive.receive().await? {
            received += chunk.len() as u64;
        }
        Ok(received)
    }

    fn close(&self) {
        self.handle.close(0_u8.into());
    }
}
