//! Servers of several workers, each with an endpoint, who share the layout of their connection IDs: what comes out at the wrong
//! one is handed over. And connection IDs of every length.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

use base::{Bytes, Datagram, Direction, Duration, Ecn, FourTuple, Instant, Machine, PREDECESSOR, Random, VarInt};
use quic::Read;
use quic::{
    CloseReason, Config, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, IdLayout, IdLayoutError,
    LoadBalancing, StreamEvent,
};
use sim::SeededRandom;
use std::sync::Arc;

const SERVER: ([u8; 4], u16) = ([192, 0, 2, 2], 443);

fn key() -> crypto::Secret {
    crypto::Secret::new(&[1; 32])
}

fn endpoint(seed: u64, ids: IdLayout, is_server: bool) -> Endpoint {
    let tls = is_server.then(|| adversary::identity::pair().1.clone());
    let mut config = EndpointConfig::new(sim::seeded_provider(), Arc::new(Config::default()), tls);
    config.ids = ids;
    config.max_connections = 1000;
    config.reset_secret = Some(crypto::Secret::new(&[2; 32]));
    Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(seed)))
}

/// One client, and workers behind one address.
struct Site {
    now: Instant,
    client: Endpoint,
    workers: Vec<Endpoint>,
    /// Where the system sends what comes from the client.
    chosen: usize,
    /// The client's port as the network shows it.
    port: u16,
    handle: ConnectionHandle,
    /// What the workers received on streams, and were told at last.
    received: Vec<u8>,
    closed: Vec<CloseReason>,
    client_closed: Vec<CloseReason>,
    /// Datagrams for the server before.
    given_back: usize,
}

impl Site {
    fn new(layouts: Vec<IdLayout>, of_client: IdLayout) -> Site {
        let mut client = endpoint(1, of_client, false);
        let (tls, name) = (adversary::identity::pair().0.clone(), adversary::identity::server_name());
        let path = FourTuple { local: ([192, 0, 2, 1], 5000).into(), remote: SERVER.into() };
        let handle = client.connect(Instant::ZERO, tls, name, path).unwrap();
        let workers = layouts.into_iter().zip(10..).map(|(layout, seed)| endpoint(seed, layout, true)).collect();
        Site {
            now: Instant::ZERO,
            client,
            workers,
            chosen: 0,
            port: 5000,
            handle,
            received: Vec::new(),
            closed: Vec::new(),
            client_closed: Vec::new(),
            given_back: 0,
        }
    }

    fn send_to_worker(&mut self, payload: &mut [u8]) {
        let four_tuple = FourTuple { local: SERVER.into(), remote: ([192, 0, 2, 1], self.port).into() };
        self.workers[self.chosen].receive(self.now, Datagram { four_tuple, ecn: Ecn::NotEct, payload });
    }

    /// Until nothing happens any more at this moment.
    fn settle(&mut self) {
        let mut buffer = vec![0; 65_536];
        loop {
            let mut is_quiet = true;
            while let Some(sent) = self.client.transmit(self.now, &mut buffer) {
                is_quiet = false;
                for datagram in buffer[..sent.len].chunks_mut(sent.segment_size) {
                    self.send_to_worker(datagram);
                }
            }
            for worker in 0..self.workers.len() {
                while let Some((to, mut datagram)) = self.workers[worker].poll_handover() {
                    if to == PREDECESSOR {
                        self.given_back += 1;
                        continue;
                    }
                    assert_ne!(to as usize, worker, "nobody hands over to itself");
                    self.workers[to as usize].receive(self.now, datagram.borrow());
                }
            }
            for worker in &mut self.workers {
                while let Some(sent) = worker.transmit(self.now, &mut buffer) {
                    is_quiet = false;
                    let four_tuple = FourTuple { local: ([192, 0, 2, 1], 5000).into(), remote: SERVER.into() };
                    assert_eq!(sent.four_tuple.remote.ip(), four_tuple.local.ip());
                    for payload in buffer[..sent.len].chunks_mut(sent.segment_size) {
                        self.client.receive(self.now, Datagram { four_tuple, ecn: Ecn::NotEct, payload });
                    }
                }
            }
            self.listen();
            if is_quiet {
                return;
            }
        }
    }

    fn listen(&mut self) {
        for worker in &mut self.workers {
            while let Some(event) = worker.poll_event() {
                let EndpointEvent::Ready(handle) = event else { continue };
                let connection = worker.connection_mut(handle).unwrap();
                while let Some(event) = connection.poll_event() {
                    match event {
                        Event::Stream(StreamEvent::Readable(id), _) => {
                            while let Ok(Read::Data(bytes)) = connection.read(id, usize::MAX) {
                                self.received.extend(bytes.iter());
                            }
                        }
                        Event::Closed(reason) => self.closed.push(reason),
                        _ => {}
                    }
                }
            }
        }
        while let Some(event) = self.client.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            let connection = self.client.connection_mut(handle).unwrap();
            while let Some(event) = connection.poll_event() {
                if let Event::Closed(reason) = event {
                    self.client_closed.push(reason);
                }
            }
        }
    }

    fn wait(&mut self, span: Duration) {
        let end = self.now + span;
        self.settle();
        loop {
            let deadlines = self.workers.iter().chain([&self.client]).filter_map(|endpoint| endpoint.deadline());
            let Some(next) = deadlines.min().filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            for endpoint in self.workers.iter_mut().chain([&mut self.client]) {
                endpoint.on_timeout(self.now);
            }
            self.settle();
        }
        self.now = end;
    }

    /// The client sends so many bytes, and the workers have them.
    #[track_caller]
    fn upload(&mut self, count: usize) {
        self.received.clear();
        let connection = self.client.connection_mut(self.handle).expect("the connection lives");
        let id = connection.open(Direction::Unidirectional).expect("the handshake is complete");
        assert_eq!(connection.write(id, &mut Bytes::from(vec![7; count])), Ok(count));
        connection.finish(id).unwrap();
        self.wait(Duration::from_secs(5));
        assert_eq!(self.received.len(), count);
    }
}

fn shared(len: usize, workers: u32) -> Vec<IdLayout> {
    let layout = |worker| IdLayout::new(len).unwrap().with_workers(workers, worker, key()).unwrap();
    (0..workers).map(layout).collect()
}

/// The client's address changes, and the system gives its packets to one worker after the other, none of which has the
/// connection: it lives on, and nobody else hears of it.
#[test]
fn a_connection_survives_when_its_packets_come_out_at_other_workers() {
    let mut site = Site::new(shared(8, 3), IdLayout::default());
    site.wait(Duration::from_secs(1));
    site.upload(50_000);
    assert!(site.workers.iter().all(|worker| worker.stats().handed_over == 0), "nothing is handed over without need");
    for (chosen, port) in [(1, 6000), (2, 6001), (1, 6001), (0, 7000), (2, 7000)] {
        (site.chosen, site.port) = (chosen, port);
        site.upload(50_000);
        let remote = site.workers[0].len();
        assert_eq!((remote, site.workers[1].len(), site.workers[2].len()), (1, 0, 0));
    }
    let handed_over = [0, 1, 2].map(|worker| site.workers[worker].stats().handed_over);
    assert!(handed_over[0] == 0 && handed_over[1] > 30 && handed_over[2] > 30, "{handed_over:?}");
    assert!(site.workers.iter().all(|worker| worker.stats().handover_dropped == 0));
    assert!(site.closed.is_empty() && site.client_closed.is_empty());
    // The end finds its way, too.
    site.client.connection_mut(site.handle).unwrap().close(site.now, VarInt::from_u32(3), b"");
    site.wait(Duration::from_secs(60));
    assert!(matches!(site.closed[..], [CloseReason::PeerApplication { .. }]));
    assert!(site.workers.iter().all(Endpoint::is_empty));
}

/// The same with IDs that load balancers read, with a key of theirs and without.
#[test]
fn ids_that_load_balancers_read_are_handed_over_as_well() {
    for is_sealed in [false, true] {
        let plain = LoadBalancing::new(5, &[1, 2, 3], 7).unwrap();
        let balancing = if is_sealed { plain.with_key(&[9; 16]) } else { plain };
        let layout = |worker| {
            let layout = IdLayout::for_load_balancers(balancing.clone());
            layout.with_workers(2, worker, key()).unwrap()
        };
        let mut site = Site::new(vec![layout(0), layout(1)], IdLayout::default());
        site.wait(Duration::from_secs(1));
        for (chosen, port) in [(1, 6000), (0, 6001), (1, 6001)] {
            (site.chosen, site.port) = (chosen, port);
            site.upload(50_000);
            assert_eq!((site.workers[0].len(), site.workers[1].len()), (1, 0));
        }
        assert!(site.workers[1].stats().handed_over > 30 && site.closed.is_empty());
    }
}

/// Whose connection is lost is told so by the worker that it was at, whichever got the packet.
#[test]
fn the_worker_that_has_lost_a_connection_resets_it() {
    let mut site = Site::new(shared(8, 2), IdLayout::default());
    site.wait(Duration::from_secs(1));
    let lost = &shared(8, 2)[0];
    site.workers[0] = endpoint(99, lost.clone(), true);
    site.chosen = 1;
    let connection = site.client.connection_mut(site.handle).unwrap();
    let id = connection.open(Direction::Unidirectional).unwrap();
    connection.write(id, &mut Bytes::from(vec![7; 100])).unwrap();
    site.wait(Duration::from_secs(5));
    assert_eq!(site.client_closed, [CloseReason::StatelessReset]);
    assert!(site.workers[1].stats().handed_over > 0);
}

/// As long as the server before is there, what is of no connection is given back to it, whichever worker got it, and nobody is reset. Nor
/// by a server that ends: it may be given what is another's.
#[test]
fn who_has_a_predecessor_gives_back_and_does_not_reset() {
    for (has_predecessor, is_ending) in [(true, false), (true, true), (false, true), (false, false)] {
        let mut site = Site::new(shared(8, 2), IdLayout::default());
        site.wait(Duration::from_secs(1));
        for (number, layout) in shared(8, 2).into_iter().enumerate() {
            site.workers[number] = endpoint(99 + number as u64, layout, true);
            site.workers[number].set_predecessor(has_predecessor);
            if is_ending {
                site.workers[number].stop_accepting();
            }
        }
        site.chosen = 1;
        let connection = site.client.connection_mut(site.handle).unwrap();
        let id = connection.open(Direction::Unidirectional).unwrap();
        connection.write(id, &mut Bytes::from(vec![7; 100])).unwrap();
        site.wait(Duration::from_secs(5));
        let is_reset = site.client_closed == [CloseReason::StatelessReset];
        assert_eq!((is_reset, site.given_back > 0), (!has_predecessor && !is_ending, has_predecessor));
        // It is gone, and this server answers for its clients.
        site.workers.iter_mut().for_each(|worker| worker.set_predecessor(false));
        site.wait(Duration::from_secs(20));
        assert_eq!(site.client_closed.contains(&CloseReason::StatelessReset), !is_ending);
    }
}

/// A stateless reset looks like a packet to anybody. It ends the connection that it is for, and is not handed over.
#[test]
fn a_reset_of_our_own_connection_is_not_handed_over() {
    let layout = |worker| IdLayout::default().with_workers(2, worker, key()).unwrap();
    for seed in 0..20 {
        // The client is one of two workers as well.
        let mut site = Site::new(vec![layout(0)], layout(0));
        site.wait(Duration::from_secs(1));
        site.workers[0] = endpoint(99 + seed, layout(0), true);
        let connection = site.client.connection_mut(site.handle).unwrap();
        let id = connection.open(Direction::Unidirectional).unwrap();
        connection.write(id, &mut Bytes::from(vec![7; 100])).unwrap();
        site.wait(Duration::from_secs(5));
        assert_eq!(site.client_closed, [CloseReason::StatelessReset]);
        assert_eq!(site.client.stats().handed_over + site.client.stats().held.queued as u64, 0);
    }
}

/// First packets stay where they come out, whatever their IDs seem to name.
#[test]
fn first_packets_begin_connections_where_they_arrive() {
    let mut site = Site::new(shared(8, 4), IdLayout::default());
    for port in 0..64 {
        let (tls, name) = (adversary::identity::pair().0.clone(), adversary::identity::server_name());
        let path = FourTuple { local: ([192, 0, 2, 1], 5001 + port).into(), remote: SERVER.into() };
        site.client.connect(site.now, tls, name, path).unwrap();
    }
    let mut buffer = vec![0; 1500];
    while let Some(sent) = site.client.transmit(site.now, &mut buffer) {
        site.send_to_worker(&mut buffer[..sent.len]);
    }
    assert!(site.workers[0].poll_handover().is_none());
    assert!(site.workers[0].len() >= 65);
}

/// Garbage that seems to be of another worker is handed over up to a bound, and the rest is dropped and counted.
#[test]
fn a_flood_for_another_worker_has_an_end() {
    let mut worker = endpoint(5, shared(8, 256).remove(0), true);
    let mut random = SeededRandom::new(3);
    for _ in 0..2000 {
        let mut payload = vec![0; 100];
        random.fill(&mut payload);
        payload[0] = 0x40;
        let four_tuple = FourTuple { local: SERVER.into(), remote: ([192, 0, 2, 1], 5000).into() };
        worker.receive(Instant::ZERO, Datagram { four_tuple, ecn: Ecn::NotEct, payload: &mut payload });
    }
    let (stats, mut count) = (worker.stats(), 0);
    while worker.poll_handover().is_some() {
        count += 1;
    }
    assert_eq!(count, 256);
    assert!((1700..=1744).contains(&stats.handover_dropped), "nearly all of them name another: {stats:?}");
}

/// IDs of every length, on both sides, with a change of address in between.
#[test]
fn ids_of_every_length_carry_a_connection() {
    for len in 4..=20 {
        let of_client = IdLayout::new(24 - len).unwrap();
        let mut site = Site::new(vec![IdLayout::new(len).unwrap()], of_client);
        site.wait(Duration::from_secs(1));
        site.upload(20_000);
        site.port = 6000;
        site.upload(20_000);
        assert!(site.closed.is_empty() && site.client_closed.is_empty(), "{len}");
    }
}

#[test]
fn a_layout_that_cannot_hold_the_connections_is_an_error() {
    let mut config = EndpointConfig::new(sim::seeded_provider(), Arc::new(Config::default()), None);
    config.ids = IdLayout::new(4).unwrap();
    assert_eq!(config.check(), Err(IdLayoutError::Capacity { capacity: 65_536, connections: 100_000 }));
    config.max_connections = 65_536;
    assert_eq!(config.check(), Ok(()));
}
