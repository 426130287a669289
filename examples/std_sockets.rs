//! HTTP/3 in a loop of one's own: the protocol crates, one socket of the standard library, and no runtime of ours or anybody's.
//!
//! `cargo run --example std_sockets -- 127.0.0.1:4433 cert.pem` fetches `/` of `localhost` from a server at that address.

use base::{Datagram, Ecn, FourTuple, Machine};
use h3::{Endpoint, EndpointEvent, Event};
use http::exchange::{Body, Event as Exchange};
use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What `url` holds, of the server `host` at `remote`; `tls` says whom to believe.
pub(crate) fn fetch(
    remote: SocketAddr,
    tls: Arc<tls::ClientConfig>,
    host: &str,
    url: &str,
) -> Result<Vec<u8>, Box<dyn Error>> {
    let socket = UdpSocket::bind(if remote.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.connect(remote)?;
    let four_tuple = FourTuple { local: socket.local_addr()?, remote };
    let begun = Instant::now();
    let now = || base::Instant::from_nanos(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1));
    let config = quic::EndpointConfig::new(crypto_ring::PROVIDER, Arc::default(), None);
    let random = Box::new(crypto_ring::SystemRandom::new());
    let mut endpoint: Endpoint = Endpoint::new(quic::Endpoint::new(now(), config, random), h3::Config::default());
    endpoint.connect(now(), tls, x509::ServerName::parse(host)?, four_tuple)?;
    let head = http::RequestHead::get(url)?;
    let (mut content, mut incoming, mut outgoing) = (Vec::new(), vec![0; 65_536], vec![0; 1500]);
    loop {
        // What has happened, and what the application does about it.
        while let Some(event) = endpoint.poll_event(now()) {
            match event {
                EndpointEvent::Established(connection) => {
                    endpoint.with(now(), connection, |http, quic| http.send_request(quic, &head, true)).transpose()?;
                }
                EndpointEvent::Http(connection, Event::Exchange(id, event)) => match event {
                    Exchange::Body => {
                        let read =
                            |http: &mut h3::Connection, quic: &mut h3::OverQuic<'_>| http.read_body(quic, id, 65_536);
                        while let Some(Body::Data(part)) = endpoint.with(now(), connection, read) {
                            content.extend_from_slice(&part);
                        }
                    }
                    Exchange::Finished => {
                        let bye = |http: &mut h3::Connection, quic: &mut h3::OverQuic<'_>| {
                            http.close(quic, base::VarInt::from_u32(0x100), "");
                        };
                        endpoint.with(now(), connection, bye);
                    }
                    Exchange::Reset(reason) => {
                        return Err(format!("the server broke the response off: {reason}").into());
                    }
                    _ => {}
                },
                EndpointEvent::Closed(_, quic::CloseReason::Local { .. }) => {
                    send(&mut endpoint, &socket, &mut outgoing, now())?;
                    return Ok(content);
                }
                EndpointEvent::Closed(_, reason) => return Err(reason.to_string().into()),
                _ => {}
            }
        }
        // What there is to send, and then a wait for a datagram or the next deadline.
        send(&mut endpoint, &socket, &mut outgoing, now())?;
        let wait = endpoint.deadline().map_or(Duration::from_secs(1), |at| at.saturating_duration_since(now()));
        socket.set_read_timeout(Some(wait.max(Duration::from_micros(100))))?;
        match socket.recv(&mut incoming) {
            Ok(len) => {
                let payload = incoming.get_mut(..len).ok_or("a datagram is longer than its buffer")?;
                endpoint.receive(now(), Datagram { four_tuple, ecn: Ecn::NotEct, payload });
            }
            Err(error) if [std::io::ErrorKind::WouldBlock, std::io::ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(error) => return Err(error.into()),
        }
        endpoint.on_timeout(now());
    }
}

fn send(
    endpoint: &mut Endpoint,
    socket: &UdpSocket,
    buffer: &mut [u8],
    now: base::Instant,
) -> Result<(), Box<dyn Error>> {
    while let Some(transmit) = endpoint.transmit(now, buffer) {
        for datagram in buffer.get(..transmit.len).ok_or("more than the buffer")?.chunks(transmit.segment_size) {
            socket.send(datagram)?;
        }
    }
    Ok(())
}

struct Clock;

impl tls::WallClock for Clock {
    fn unix_seconds(&self) -> u64 {
        std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
    }
}

/// Whoever these certificates vouch for is believed.
pub(crate) fn trusting(pem: &[u8]) -> Result<Arc<tls::ClientConfig>, Box<dyn Error>> {
    let mut roots = x509::RootStore::new();
    roots.add_pem(pem)?;
    let verification = tls::ServerVerification::Roots(Arc::new(roots));
    Ok(Arc::new(tls::ClientConfig::new(crypto_ring::PROVIDER, verification, vec![b"h3".to_vec()], Arc::new(Clock))))
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(pem)) = (arguments.next(), arguments.next()) else {
        return Err("call it with an address and a file of certificates".into());
    };
    let (remote, tls) = (address.parse()?, trusting(&std::fs::read(pem)?)?);
    let content = fetch(remote, tls, "localhost", &format!("https://localhost:{}/", SocketAddr::port(&remote)))?;
    std::io::Write::write_all(&mut std::io::stdout(), &content)?;
    Ok(())
}
