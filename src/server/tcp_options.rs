//! What a server does by TCP beside QUIC: where it listens, and how it speaks HTTP/1.1 and 2.

use super::ServerBuilder;
use crate::error::Error;
use crate::tcp::listen;
use crate::wall_clock::date_now;
use runtime::{TcpListener, TcpOptions, UdpSocket};
use std::io::ErrorKind;
use std::net::SocketAddr;

/// How often ports are drawn that the system chooses until one is free for UDP and for TCP.
const ATTEMPTS: usize = 16;

/// The sockets of a worker.
pub(super) struct Sockets {
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: Vec<TcpListener>,
}

impl ServerBuilder {
    /// Binds for a server without workers.
    pub(super) fn bind_both(&mut self) -> Result<Sockets, Error> {
        self.bind_both_for(1)
    }

    /// Binds all sockets of one of so many workers. A port that the system chooses is chosen anew if it is not free for TCP.
    pub(super) fn bind_both_for(&mut self, workers: usize) -> Result<Sockets, Error> {
        let is_drawn = self.listen.iter().any(|address| address.port() == 0);
        let mut attempts = if is_drawn { ATTEMPTS } else { 1 };
        loop {
            let udp = self.bind()?;
            attempts -= 1;
            match self.listen_beside(&udp, workers) {
                Ok(tcp) => return Ok(Sockets { udp, tcp }),
                Err(Error::Listen { error, .. }) if error.kind() == ErrorKind::AddrInUse && attempts > 0 => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A listener for each address where it listens by UDP.
    fn listen_beside(&self, udp: &[UdpSocket], workers: usize) -> Result<Vec<TcpListener>, Error> {
        if !self.tcp {
            return Ok(Vec::new());
        }
        let addresses = udp.iter().map(UdpSocket::local_address).take(self.listen.len());
        let listen = |address: SocketAddr| {
            let only_ipv6 = self.options_at(address).only_ipv6;
            // A successor listens beside this one for a while.
            let reuse_port = workers > 1 || self.takeover.is_some();
            listen::bind(address, &TcpOptions { only_ipv6, reuse_port, ..TcpOptions::default() })
        };
        addresses.map(listen).collect()
    }

    /// HTTP/1.1 within the limits of HTTP/3.
    pub(super) fn http1(&self) -> h1::Config {
        let mut config = h1::Config { times: self.http.times, date: Some(date_now), ..h1::Config::default() };
        config.limits.max_fields = usize::try_from(self.http.limits.max_field_section_size).unwrap_or(usize::MAX);
        if self.http.extended_connect {
            config.upgrades = &["websocket"];
        }
        config
    }

    /// HTTP/2 likewise.
    pub(super) fn http2(&self) -> h2::Config {
        let mut config = h2::Config { times: self.http.times, date: Some(date_now), ..h2::Config::default() };
        let (limits, of_http3) = (&mut config.limits, &self.http.limits);
        limits.max_field_section_size = usize::try_from(of_http3.max_field_section_size).unwrap_or(usize::MAX);
        let streams = u32::try_from(of_http3.max_concurrent_requests).unwrap_or(u32::MAX);
        limits.max_concurrent_streams = limits.max_concurrent_streams.min(streams);
        (limits.glitches, limits.glitches_earned) = (of_http3.glitches, of_http3.glitches_earned);
        config.extended_connect = self.http.extended_connect;
        config
    }
}
