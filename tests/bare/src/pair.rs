//! A client and a server that hand each other their datagrams, and a clock that jumps to the next deadline.

use crate::host::Host;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use base::{Datagram, Duration, FourTuple, Instant, Machine};
use core::net::{Ipv4Addr, SocketAddr};

const CLIENT: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 50_000);
const SERVER: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 443);
/// What a datagram takes on its way.
const TRAVEL: Duration = Duration::from_millis(1);
/// Whoever is not done by then never will be.
const PATIENCE: Duration = Duration::from_secs(60);
/// A driver without segmentation offload: one datagram at a time.
const BUFFER: usize = 1_500;

/// Both ends.
pub struct Pair {
    pub now: Instant,
    pub client: Host,
    pub server: Host,
    /// Datagrams carried.
    pub carried: u64,
    buffer: Vec<u8>,
}

impl Pair {
    /// A client that has begun to connect.
    pub fn new(client_tls: Arc<tls::ClientConfig>, server_tls: Arc<tls::ServerConfig>) -> Pair {
        let (mut client, server) = (Host::new(None), Host::new(Some(server_tls)));
        let name = x509::ServerName::parse("localhost").expect("a name");
        let path = FourTuple { local: CLIENT, remote: SERVER };
        let handle = client.endpoint.connect(Instant::ZERO, client_tls, name, path).expect("a first connection");
        client.handle = Some(handle);
        Pair { now: Instant::ZERO, client, server, carried: 0, buffer: vec![0; BUFFER] }
    }

    /// Runs for as long as this, with nothing to do but what the protocol wants.
    pub fn rest(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.run(end, |_| false);
    }

    /// Runs until `is_done`; false if that does not come about.
    pub fn run_until(&mut self, is_done: impl Fn(&Pair) -> bool) -> bool {
        self.run(self.now + PATIENCE, is_done)
    }

    fn run(&mut self, end: Instant, is_done: impl Fn(&Pair) -> bool) -> bool {
        while !is_done(self) {
            let moved = carry(self.now, &mut self.buffer, &mut self.client, &mut self.server)
                + carry(self.now, &mut self.buffer, &mut self.server, &mut self.client);
            self.carried += moved;
            if self.now >= end {
                return false;
            }
            self.now += TRAVEL;
            if moved == 0 {
                let deadlines = [self.client.endpoint.deadline(), self.server.endpoint.deadline()];
                let next = deadlines.into_iter().flatten().min().unwrap_or(end);
                self.now = self.now.max(next.min(end));
            }
            for host in [&mut self.client, &mut self.server] {
                host.endpoint.on_timeout(self.now);
                host.work(self.now);
            }
        }
        true
    }
}

/// What one has to send, to the other. How many datagrams that was.
fn carry(now: Instant, buffer: &mut [u8], from: &mut Host, to: &mut Host) -> u64 {
    let mut count = 0;
    while let Some(transmit) = from.endpoint.transmit(now, buffer) {
        let path = FourTuple { local: transmit.four_tuple.remote, remote: transmit.four_tuple.local };
        for payload in buffer[..transmit.len].chunks_mut(transmit.segment_size) {
            to.endpoint.receive(now, Datagram { four_tuple: path, ecn: transmit.ecn, payload });
            count += 1;
        }
        to.work(now);
    }
    count
}
