//! Ours in the simulated network.

use crate::{CLIENT, Cell, Control, SERVER, address, end, share, world};
use base::{Bytes, Datagram, Direction, FourTuple, Instant, Machine, StreamId, Transmit};
use quic::{Config, ConnectionHandle, CongestionControl, Endpoint, EndpointConfig, EndpointEvent, Event, Read, StreamEvent};
use std::sync::Arc;

struct Host {
    endpoint: Endpoint,
    is_client: bool,
    block: Bytes,
    received: u64,
}

impl Host {
    fn fill(&mut self, handle: ConnectionHandle, id: StreamId) {
        let Some(connection) = self.endpoint.connection_mut(handle) else { return };
        loop {
            let mut bytes = self.block.clone();
            if connection.write(id, &mut bytes).is_err() || !bytes.is_empty() {
                return;
            }
        }
    }

    fn on_event(&mut self, handle: ConnectionHandle, event: Event) {
        match event {
            Event::Established if self.is_client => {
                let connection = self.endpoint.connection_mut(handle).expect("it is there");
                let id = connection.open(Direction::Bidirectional).expect("a stream");
                connection.write(id, &mut Bytes::from(vec![1u8])).expect("room");
                connection.finish(id).expect("it is open");
            }
            Event::Stream(StreamEvent::Opened(id) | StreamEvent::Writable(id), _) if !self.is_client => {
                self.fill(handle, id);
            }
            Event::Stream(StreamEvent::Readable(id), _) => {
                let connection = self.endpoint.connection_mut(handle).expect("it is there");
                while let Ok(Read::Data(bytes)) = connection.read(id, 1 << 20) {
                    self.received += bytes.len() as u64;
                }
            }
            _ => {}
        }
    }

    fn run(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(|connection| connection.poll_event()) {
                self.on_event(handle, event);
            }
        }
    }
}

impl Machine for Host {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint.receive(now, datagram);
        self.run();
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.run();
        self.endpoint.transmit(now, buffer)
    }

    fn deadline(&self) -> Option<Instant> {
        self.endpoint.deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.endpoint.on_timeout(now);
        self.run();
    }
}

/// The share of the rate that arrives.
pub fn run(seed: u64, cell: &Cell, control: Control) -> f64 {
    let mut config = Config::default();
    config.recovery.congestion_control = match control {
        Control::Cubic => CongestionControl::Cubic,
        Control::Bbr => CongestionControl::Bbr,
    };
    let config = Arc::new(config);
    let mut world = world(seed, cell);
    let (client_tls, server_tls) = adversary::identity::pair().clone();
    let mut host = |tls: Option<Arc<tls::ServerConfig>>| {
        let is_client = tls.is_none();
        let settings = EndpointConfig::new(sim::seeded_provider(), config.clone(), tls);
        let endpoint = Endpoint::new(Instant::ZERO, settings, Box::new(world.fork_random()));
        Host { endpoint, is_client, block: Bytes::from(vec![0u8; 65_536]), received: 0 }
    };
    let (server, mut client) = (host(Some(server_tls)), host(None));
    let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
    let name = x509::ServerName::parse("localhost").expect("a name");
    client.endpoint.connect(Instant::ZERO, client_tls, name, path).expect("a connection");
    world.add(&[address(SERVER)], server);
    let client = world.add(&[address(CLIENT)], client);
    world.run_until(end(cell), |_| false);
    share(cell, world.machine(client).received)
}
