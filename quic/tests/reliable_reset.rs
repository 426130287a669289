//! Resets behind a part that is delivered (draft-ietf-quic-reliable-stream-reset), between two endpoints over a bad path.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

use base::{Datagram, Direction, Duration, FourTuple, Instant, Machine, StreamId, Transmit, VarInt};
use quic::{Config, Connection, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, Read, ReadError};
use quic::{ResetAtUnsupported, StreamEvent};
use sim::{Handle, LinkConfig, World};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

const WRITTEN: usize = 20_000;
const STREAMS: u64 = 40;

/// The client writes streams and resets each behind another part; the server reads.
struct Host {
    endpoint: Endpoint,
    handle: Option<ConnectionHandle>,
    is_client: bool,
    /// What the client was answered.
    answer: Option<Result<(), ResetAtUnsupported>>,
    /// What it wrote, and what it promised of that.
    written: BTreeMap<StreamId, (usize, usize)>,
    read: BTreeMap<StreamId, usize>,
    resets: BTreeMap<StreamId, VarInt>,
    closed: usize,
}

impl Host {
    fn connection(&mut self) -> &mut Connection {
        self.endpoint.connection_mut(self.handle.unwrap()).unwrap()
    }

    fn run(&mut self) {
        while let Some(event) = self.endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            self.handle = Some(handle);
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(Connection::poll_event) {
                match event {
                    Event::Established if self.is_client => (0..STREAMS).for_each(|number| self.begin(number)),
                    Event::Stream(StreamEvent::Readable(id), _) => self.read(id),
                    Event::Stream(StreamEvent::Reset { id, code, .. }, _) => {
                        assert!(self.resets.insert(id, code).is_none(), "told once");
                    }
                    Event::Closed(_) => self.closed += 1,
                    _ => {}
                }
            }
        }
    }

    fn begin(&mut self, number: u64) {
        let connection = self.connection();
        let id = connection.open(Direction::Unidirectional).unwrap();
        let written = connection.write_slice(id, &[7; WRITTEN]).unwrap() as u64;
        let code = VarInt::from_u32(5);
        let mut promised = written * number / STREAMS;
        let answer = connection.reset_at(id, code, promised);
        if number % 4 == 3 {
            promised = promised.min(written / 8);
            let _ = connection.reset_at(id, code, promised);
        }
        assert_eq!(connection.can_reset_at(), answer.is_ok());
        self.answer = Some(answer);
        self.written.insert(id, (written as usize, promised as usize));
    }

    fn read(&mut self, id: StreamId) {
        loop {
            match self.connection().read(id, 1000) {
                Ok(Read::Data(bytes)) => *self.read.entry(id).or_default() += bytes.len(),
                Ok(Read::Blocked) | Err(ReadError::Unknown) => return,
                Ok(Read::Finished) => panic!("{id} did not end"),
                Err(ReadError::Reset(code)) => {
                    assert!(self.resets.insert(id, code).is_none(), "told once");
                    return;
                }
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

/// Both after ten seconds over a bad path; only the server's setting counts for what the client may do.
fn run(seed: u64, server_knows: bool) -> (World, Handle<Host>, Handle<Host>) {
    let mut world = World::new(seed);
    let [here, there]: [SocketAddr; 2] = ["192.0.2.1:50000", "192.0.2.2:443"].map(|text| text.parse().unwrap());
    let mut link = LinkConfig::new(Duration::from_millis(20));
    (link.loss, link.reorder, link.reorder_by) = (0.1, 0.2, Duration::from_millis(15));
    world.network().set_both(here, there, link);
    let (client_tls, server_tls) = adversary::identity::pair().clone();
    let mut make = |knows, tls: Option<Arc<tls::ServerConfig>>| {
        let is_client = tls.is_none();
        let config = Arc::new(Config { reset_stream_at: knows, ..Config::default() });
        let config = EndpointConfig::new(sim::seeded_provider(), config, tls);
        let endpoint = Endpoint::new(Instant::ZERO, config, Box::new(world.fork_random()));
        let (read, resets) = (BTreeMap::new(), BTreeMap::new());
        Host { endpoint, handle: None, is_client, answer: None, written: BTreeMap::new(), read, resets, closed: 0 }
    };
    let (mut client, server) = (make(false, None), make(server_knows, Some(server_tls)));
    let path = FourTuple { local: here, remote: there };
    let name = x509::ServerName::parse("localhost").unwrap();
    client.handle = Some(client.endpoint.connect(Instant::ZERO, client_tls, name, path).unwrap());
    let (server, client) = (world.add(&[there], server), world.add(&[here], client));
    world.run_for(Duration::from_secs(10));
    (world, client, server)
}

/// What is promised arrives, and behind it the reset, once.
#[test]
fn over_a_bad_path_each_stream_is_read_up_to_its_part_and_then_reset() {
    for seed in 1..6 {
        let (mut world, client, server) = run(seed, true);
        assert_eq!(world.machine(client).answer, Some(Ok(())));
        let written = world.machine(client).written.clone();
        let host = world.machine_mut(server);
        assert_eq!((host.resets.len() as u64, host.closed), (STREAMS, 0));
        assert!(host.resets.values().all(|code| *code == VarInt::from_u32(5)));
        for (id, (written, promised)) in written {
            // What was read before the reset came is no loss.
            let read = host.read.get(&id).copied().unwrap_or(0);
            assert!((promised..=written).contains(&read), "{id}: {read} of {promised}");
        }
        assert_eq!(host.connection().stats().open_streams, 0);
        let stats = world.machine_mut(client).connection().stats();
        assert_eq!((stats.open_streams, stats.buffered), (0, 0), "all of it is acknowledged");
    }
}

#[test]
fn a_peer_that_does_not_know_it_gets_none() {
    let (world, client, server) = run(1, false);
    assert_eq!(world.machine(client).answer, Some(Err(ResetAtUnsupported)));
    let host = world.machine(server);
    assert_eq!((host.resets.len(), host.closed), (0, 0));
    // Nothing was done to the streams.
    let written = world.machine(client).written.iter().map(|(id, (written, _))| (*id, *written));
    assert_eq!(host.read, written.collect::<BTreeMap<_, _>>());
}
