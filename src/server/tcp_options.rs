//! What a server does by TCP beside QUIC: where it listens, and how it speaks HTTP/1.1 and 2.

use crate::error::Error;
use crate::tcp::listen;
use crate::wall_clock::date_now;
use runtime::{TcpListener, TcpOptions, UdpSocket};
use std::io::ErrorKind;
use std::net::SocketAddr;

/// How often ports are drawn that the system chooses until one is free for UDP and for TCP.
pub(super) const ATTEMPTS: usize = 16;

/// The sockets of a worker.
pub(super) struct Sockets {
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: Vec<TcpListener>,
    /// Those without TLS.
    pub(super) plain: Vec<TcpListener>,
}

/// The port of https.
const DEFAULT_PORT: u16 = 443;

/// A listener for each of the first `count` addresses where a server listens by UDP.
pub(super) fn listen_beside(udp: &[UdpSocket], count: usize, options: &TcpOptions) -> Result<Vec<TcpListener>, Error> {
    udp.iter().take(count).map(|socket| listen::bind(socket.local_address(), options)).collect()
}

/// Listeners for those who come without TLS. Where ports are `shared` a successor listens beside this server for a while; another
/// server that is no predecessor is refused all the same.
pub(super) fn listen_plain(
    addresses: &[SocketAddr],
    shared: bool,
    has_predecessor: bool,
) -> Result<Vec<TcpListener>, Error> {
    let listen = |address: &SocketAddr| {
        let is_both = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port() && address.port() != 0;
        let options = TcpOptions { only_ipv6: addresses.iter().any(is_both), ..TcpOptions::default() };
        if shared && !has_predecessor {
            drop(listen::bind(*address, &options)?);
        }
        listen::bind(*address, &TcpOptions { reuse_port: shared, ..options })
    };
    addresses.iter().map(listen).collect()
}

/// The port at which clients are to come by https: the one that no URL names, if the server listens there.
pub(super) fn preferred_port<'a>(addresses: impl Iterator<Item = &'a SocketAddr>) -> u16 {
    let ports: Vec<u16> = addresses.map(SocketAddr::port).collect();
    let first = ports.first().copied().unwrap_or(DEFAULT_PORT);
    if ports.contains(&DEFAULT_PORT) { DEFAULT_PORT } else { first }
}

/// Whether the port is free for UDP, and taken for TCP.
pub(super) fn is_taken(error: &Error) -> bool {
    matches!(error, Error::Listen { error, .. } if error.kind() == ErrorKind::AddrInUse)
}

/// HTTP/1.1 within the limits of HTTP/3.
pub(super) fn http1(http3: &h3::Config) -> h1::Config {
    let mut config = h1::Config { times: http3.times, date: Some(date_now), ..h1::Config::default() };
    config.limits.max_fields = usize::try_from(http3.limits.max_field_section_size).unwrap_or(usize::MAX);
    if http3.extended_connect {
        config.upgrades = &["websocket"];
    }
    config
}

/// HTTP/2 likewise.
pub(super) fn http2(http3: &h3::Config) -> h2::Config {
    let mut config = h2::Config { times: http3.times, date: Some(date_now), ..h2::Config::default() };
    let limits = &mut config.limits;
    limits.max_field_section_size = usize::try_from(http3.limits.max_field_section_size).unwrap_or(usize::MAX);
    let streams = u32::try_from(http3.limits.max_concurrent_requests).unwrap_or(u32::MAX);
    limits.max_concurrent_streams = limits.max_concurrent_streams.min(streams);
    (limits.glitches, limits.glitches_earned) = (http3.limits.glitches, http3.limits.glitches_earned);
    config.extended_connect = http3.extended_connect;
    config
}
