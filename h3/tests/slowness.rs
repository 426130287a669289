//! A client that is slow on purpose, with a transport that is honest and pings: heads cut at every byte, and nothing after.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_h3 as h3;

mod support;

use adversary::Metered;
use adversary::heap::Counting;
use adversary::http::{GET, headers};
use base::{Datagram, Direction, Duration, FourTuple, Instant, Machine, StreamId, Transmit};
use h3::TimeLimits;
use quic::{CloseReason, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, Read, StreamEvent};
use sim::{Handle, LinkConfig, SeededRandom, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use support::{CLIENT, Host, SERVER, address, tls_pair};

#[global_allocator]
static HEAP: Counting = Counting;

/// The client.
struct Slow {
    endpoint: Endpoint,
    handle: ConnectionHandle,
    /// What it sends, each on a request stream of its own.
    heads: Vec<Vec<u8>>,
    streams: Vec<StreamId>,
    begun: Option<Instant>,
    answers: BTreeMap<StreamId, Vec<u8>>,
    /// When the answer was complete.
    ended: BTreeMap<StreamId, Instant>,
    closed: Option<(Instant, CloseReason)>,
}

impl Slow {
    fn new(random: SeededRandom, heads: Vec<Vec<u8>>) -> Slow {
        let config = quic::Config { keep_alive: Some(Duration::from_secs(1)), ..quic::Config::default() };
        let config = EndpointConfig::new(sim::seeded_provider(), Arc::new(config), None);
        let mut endpoint = Endpoint::new(Instant::ZERO, config, Box::new(random));
        let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
        let (tls, name) = (tls_pair().0, adversary::identity::server_name());
        let handle = endpoint.connect(Instant::ZERO, tls, name, path).unwrap();
        Slow {
            endpoint,
            handle,
            heads,
            streams: Vec::new(),
            begun: None,
            answers: BTreeMap::new(),
            ended: BTreeMap::new(),
            closed: None,
        }
    }

    fn run(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            let EndpointEvent::Ready(handle) = event else { continue };
            while let Some(event) = self.endpoint.connection_mut(handle).and_then(|connection| connection.poll_event())
            {
                match event {
                    Event::Established => self.begin(now),
                    Event::Stream(StreamEvent::Readable(id), _) => self.read(now, id),
                    Event::Closed(reason) => self.closed = Some((now, reason)),
                    _ => {}
                }
            }
        }
    }

    fn begin(&mut self, now: Instant) {
        self.begun = Some(now);
        let connection = self.endpoint.connection_mut(self.handle).unwrap();
        let control = connection.open(Direction::Unidirectional).unwrap();
        connection.write_slice(control, &[0, 4, 0]).unwrap();
        for head in &self.heads {
            let id = connection.open(Direction::Bidirectional).unwrap();
            connection.write_slice(id, head).unwrap();
            self.streams.push(id);
        }
    }

    fn read(&mut self, now: Instant, id: StreamId) {
        let connection = self.endpoint.connection_mut(self.handle).unwrap();
        loop {
            match connection.read(id, 1000) {
                Ok(Read::Data(bytes)) => self.answers.entry(id).or_default().extend_from_slice(&bytes),
                Ok(Read::Finished) => {
                    self.ended.insert(id, now);
                    return;
                }
                _ => return,
            }
        }
    }
}

impl Machine for Slow {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint.receive(now, datagram);
    }

    fn transmit(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        self.run(now);
        self.endpoint.transmit(now, buffer)
    }

    fn deadline(&self) -> Option<Instant> {
        self.endpoint.deadline()
    }

    fn on_timeout(&mut self, now: Instant) {
        self.endpoint.on_timeout(now);
    }
}

fn world(heads: Vec<Vec<u8>>) -> (World, Handle<Metered<Host>>, Handle<Slow>) {
    world_with(heads, TimeLimits::default())
}

fn world_with(heads: Vec<Vec<u8>>, times: TimeLimits) -> (World, Handle<Metered<Host>>, Handle<Slow>) {
    let mut world = World::new(7);
    let (server_random, client_random) = (world.fork_random(), world.fork_random());
    let server_tls = tls_pair().1;
    let http = h3::Config { times, ..h3::Config::default() };
    let make = || Host::with_http(server_random, quic::Config::default(), http, Some(server_tls));
    let mut server = Metered::new(make);
    server.machine.rogue = Some(address(CLIENT));
    let server = world.add(&[address(SERVER)], server);
    let client = world.add(&[address(CLIENT)], Slow::new(client_random, heads));
    world.network().set_both(address(CLIENT), address(SERVER), LinkConfig::new(Duration::from_millis(20)));
    (world, server, client)
}

#[test]
fn r4_heads_cut_at_every_byte_and_pings_end_by_the_time_limits() {
    let head = headers(GET);
    let cut = |at: usize| head[..at].to_vec();
    let heads: Vec<Vec<u8>> = (1..head.len()).map(cut).collect();
    let (mut world, server, client) = world(heads.clone());
    world.run_for(Duration::from_millis(9_900));
    assert_eq!(world.machine(client).ended.len(), 0);
    let waiting = world.machine(server).held();
    world.run_for(Duration::from_millis(500));
    let slow = world.machine(client);
    assert_eq!(slow.ended.len(), heads.len());
    let answer = headers([(":status", "408")]);
    assert!(slow.answers.iter().filter(|(id, _)| slow.streams.contains(id)).all(|(_, bytes)| *bytes == answer));
    let begun = slow.begun.unwrap();
    let spans = slow.ended.values().map(|at| *at - begun);
    assert!(spans.min().unwrap() >= Duration::from_secs(10));
    // Memory, as long as they wait, and after that: what a connection has, and some hundred bytes for each request.
    let answered = world.machine(server).held();
    assert!(waiting < 200_000 && answered < waiting, "{waiting} {answered}");
    world.run_for(Duration::from_secs(120));
    let (at, reason) = world.machine(client).closed.clone().expect("it was closed");
    assert!(
        matches!(reason, CloseReason::PeerApplication { code, .. } if code == h3::error_code::H3_NO_ERROR),
        "{reason:?}"
    );
    let span = at - begun;
    assert!(span >= Duration::from_secs(60) && span < Duration::from_secs(62), "{span:?}");
    let server = world.machine(server);
    assert!(server.machine.endpoint.quic().is_empty() && server.machine.endpoint.quic().stats().held.timers == 0);
}

/// The connection of a client that only pings.
#[test]
fn r4_a_connection_without_a_request_ends_whatever_it_pings() {
    let (mut world, server, client) = world(Vec::new());
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.machine(server).machine.endpoint.quic().len(), 1);
    world.run_for(Duration::from_secs(2));
    assert!(world.machine(client).closed.is_some());
}

/// Timers are one for a connection, whatever its requests.
#[test]
fn a_connection_has_one_timer_for_all_its_time_limits() {
    let (mut world, server, _) = world((0..100).map(|_| vec![1]).collect());
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.machine(server).machine.endpoint.quic().stats().held.timers, 2, "the transport's and this one");
}

/// What the limits are there for: without them the same client holds what it holds for as long as it likes.
#[test]
fn without_time_limits_heads_in_part_and_pings_go_on() {
    let (mut world, server, client) = world_with(vec![vec![1], vec![1, 20]], TimeLimits::OFF);
    world.run_for(Duration::from_secs(600));
    assert!(world.machine(client).closed.is_none() && world.machine(client).ended.is_empty());
    assert_eq!(world.machine(server).machine.endpoint.quic().len(), 1);
}
