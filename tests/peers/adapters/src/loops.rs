//! Our protocol on `tokio`: a machine that is told of datagrams and of the time, in a loop over a socket and a timer of theirs.

use base::{Datagram, Ecn, FourTuple, Machine, VarInt};
use h3::{Connection, Endpoint, EndpointEvent, Event, OverQuic};
use ours::RequestHead;
use ours::exchange::{Body, Event as Exchange};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

type Problem = Box<dyn std::error::Error>;

/// What `url` holds, of the server `host` at `remote`; `tls` says whom to believe.
///
/// # Errors
/// The server cannot be reached, is another one, or breaks off.
pub async fn fetch(remote: SocketAddr, tls: Arc<tls::ClientConfig>, host: &str, url: &str) -> Result<Vec<u8>, Problem> {
    let socket = UdpSocket::bind(if remote.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).await?;
    socket.connect(remote).await?;
    let four_tuple = FourTuple { local: socket.local_addr()?, remote };
    let begun = Instant::now();
    let now = || base::Instant::from_nanos(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1));
    let config = quic::EndpointConfig::new(crypto_ring::PROVIDER, Arc::default(), None);
    let random = Box::new(crypto_ring::SystemRandom::new());
    let mut endpoint: Endpoint = Endpoint::new(quic::Endpoint::new(now(), config, random), h3::Config::default());
    endpoint.connect(now(), tls, x509::ServerName::parse(host)?, four_tuple)?;
    let head = RequestHead::get(url)?;
    let (mut content, mut incoming, mut outgoing) = (Vec::new(), vec![0; 65_536], vec![0; 1500]);
    loop {
        let mut is_over = None;
        while let Some(event) = endpoint.poll_event(now()) {
            match event {
                EndpointEvent::Established(connection) => {
                    endpoint.with(now(), connection, |http, quic| http.send_request(quic, &head, true)).transpose()?;
                }
                EndpointEvent::Http(connection, Event::Exchange(id, Exchange::Body)) => {
                    let read = |http: &mut Connection, quic: &mut OverQuic<'_>| http.read_body(quic, id, 65_536);
                    while let Some(Body::Data(part)) = endpoint.with(now(), connection, read) {
                        content.extend_from_slice(&part);
                    }
                }
                EndpointEvent::Http(connection, Event::Exchange(_, Exchange::Finished)) => {
                    let bye =
                        |http: &mut Connection, quic: &mut OverQuic<'_>| http.close(quic, VarInt::from_u32(0x100), "");
                    endpoint.with(now(), connection, bye);
                }
                EndpointEvent::Http(_, Event::Exchange(_, Exchange::Reset(reason))) => {
                    return Err(reason.to_string().into());
                }
                EndpointEvent::Closed(_, reason) => is_over = Some(reason),
                _ => {}
            }
        }
        while let Some(transmit) = endpoint.transmit(now(), &mut outgoing) {
            for datagram in outgoing[..transmit.len].chunks(transmit.segment_size) {
                socket.send(datagram).await?;
            }
        }
        match is_over {
            Some(quic::CloseReason::Local { .. }) => return Ok(content),
            Some(reason) => return Err(reason.to_string().into()),
            None => {}
        }
        let wait = endpoint.deadline().map_or(Duration::MAX, |at| at.saturating_duration_since(now()));
        if let Ok(received) = tokio::time::timeout(wait, socket.recv(&mut incoming)).await {
            let payload = &mut incoming[..received?];
            endpoint.receive(now(), Datagram { four_tuple, ecn: Ecn::NotEct, payload });
        }
        endpoint.on_timeout(now());
    }
}
