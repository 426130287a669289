//! Tunnels with datagrams, and responses by their priority, from end to end on virtual time.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_h3 as h3;

mod support;

use base::{Bytes, Datagram, Duration, FourTuple, Instant, Machine, StreamId, Transmit};
use h3::{Body, Config, Endpoint, EndpointEvent, Event, Priority};
use http::exchange;
use http::{RequestHead, ResponseHead, Status};
use quic::ConnectionHandle;
use sim::{Handle, LinkConfig, Stop, World};
use std::collections::BTreeMap;
use support::{CLIENT, SERVER, address, tls_pair};

/// An endpoint and a small application: a server that echoes tunnels and sends a megabyte to everyone else, and a client that asks.
struct Host {
    endpoint: Endpoint,
    handle: Option<ConnectionHandle>,
    asks: Vec<RequestHead>,
    /// What is still to be sent on each stream.
    unsent: BTreeMap<StreamId, Bytes>,
    datagrams: Vec<Vec<u8>>,
    read: BTreeMap<StreamId, usize>,
    /// Streams in the order in which they ended.
    finished: Vec<StreamId>,
    opened: Vec<StreamId>,
    is_client: bool,
    now: Instant,
}

const LEN: usize = 300_000;

impl Host {
    fn with<R>(&mut self, call: impl FnOnce(&mut h3::Connection, &mut h3::OverQuic<'_>) -> R) -> Option<R> {
        self.endpoint.with(self.now, self.handle?, call)
    }

    fn run(&mut self, now: Instant) {
        self.now = now;
        while let Some(event) = self.endpoint.poll_event(now) {
            match event {
                EndpointEvent::Established(handle) => self.handle = Some(handle),
                EndpointEvent::Http(_, Event::Exchange(id, event)) => self.on_event(id, event),
                EndpointEvent::Closed(_, reason) => panic!("{reason:?}"),
                _ => {}
            }
        }
        while let Some(head) = self.asks.first().cloned() {
            let ends = head.protocol.is_none();
            match self.with(|http, transport| http.send_request(transport, &head, ends)) {
                Some(Ok(id)) => self.opened.push(id),
                _ => break,
            }
            self.asks.remove(0);
        }
        for id in self.unsent.keys().copied().collect::<Vec<_>>() {
            self.write(id);
        }
    }

    fn on_event(&mut self, id: StreamId, event: exchange::Event) {
        match event {
            exchange::Event::Request(head) => {
                self.handle = self.endpoint.quic().handles().next();
                let answer = ResponseHead::new(Status::OK);
                self.with(|http, transport| http.send_response(transport, id, &answer, false)).unwrap().unwrap();
                if head.protocol.is_none() {
                    self.unsent.insert(id, Bytes::from(vec![7; LEN]));
                }
            }
            exchange::Event::Body => {
                while let Some(Body::Data(bytes)) = self.with(|http, transport| http.read_body(transport, id, 30_000)) {
                    *self.read.entry(id).or_default() += bytes.len();
                }
            }
            exchange::Event::Datagram => {
                while let Some(Some(datagram)) = self.with(|http, _| http.read_datagram(id)) {
                    if !self.is_client {
                        let sent = self.with(|http, transport| http.send_datagram(transport, id, &datagram));
                        assert!(sent.unwrap().is_ok());
                    }
                    self.datagrams.push(datagram.to_vec());
                }
            }
            exchange::Event::Finished => self.finished.push(id),
            _ => {}
        }
    }

    fn write(&mut self, id: StreamId) {
        let Some(mut data) = self.unsent.remove(&id) else { return };
        self.with(|http, transport| http.send_body(transport, id, &mut data)).unwrap().unwrap();
        if data.is_empty() {
            self.with(|http, transport| http.finish(transport, id)).unwrap().unwrap();
        } else {
            self.unsent.insert(id, data);
        }
    }
}

impl Machine for Host {
    fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint.receive(now, datagram);
        self.run(now);
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
        self.run(now);
    }
}

/// A client that asks for these, and a server, with a path like this between them.
fn pair(seed: u64, link: LinkConfig, asks: Vec<RequestHead>) -> (World, Handle<Host>, Handle<Host>) {
    let mut world = World::new(seed);
    world.network().set_both(address(CLIENT), address(SERVER), link);
    let (client_tls, server_tls) = tls_pair();
    let mut transport = quic::Config::default();
    transport.datagrams.max_frame_size = 65_535;
    let http = Config { extended_connect: true, datagrams: true, ..Config::default() };
    let mut make = |tls, asks| {
        let is_client = Option::is_none(&tls);
        let config = quic::EndpointConfig::new(sim::seeded_provider(), std::sync::Arc::new(transport.clone()), tls);
        let quic = quic::Endpoint::new(Instant::ZERO, config, Box::new(world.fork_random()));
        let endpoint = Endpoint::new(quic, http.clone());
        let (handle, now) = (None, Instant::ZERO);
        let (unsent, read) = (BTreeMap::new(), BTreeMap::new());
        let (datagrams, finished, opened) = (Vec::new(), Vec::new(), Vec::new());
        Host { endpoint, handle, asks, unsent, datagrams, read, finished, opened, is_client, now }
    };
    let server = make(Some(server_tls), Vec::new());
    let mut client = make(None, asks);
    let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
    client.endpoint.connect(Instant::ZERO, client_tls, adversary::identity::server_name(), path).unwrap();
    let server = world.add(&[address(SERVER)], server);
    let client = world.add(&[address(CLIENT)], client);
    (world, client, server)
}

fn slow() -> LinkConfig {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.rate = Some(1_000_000);
    link
}

fn until(world: &mut World, is_done: impl FnMut(&mut World) -> bool) {
    assert_eq!(world.run_until(Instant::ZERO + Duration::from_secs(60), is_done), Stop::Condition);
}

#[test]
fn datagrams_reach_the_tunnel_that_they_belong_to() {
    for loss in [0.0, 0.1] {
        let mut link = LinkConfig::new(Duration::from_millis(10));
        link.loss = loss;
        let ask = RequestHead::extended_connect("echo", "https://localhost/").unwrap();
        let (mut world, client, server) = pair(31, link, vec![ask]);
        until(&mut world, |world| world.machine(client).opened.len() == 1);
        let id = world.machine(client).opened[0];
        for number in 0..100_u8 {
            world.machine_mut(client).with(|http, transport| http.send_datagram(transport, id, &[number; 600]));
            world.run_for(Duration::from_millis(5));
        }
        world.run_for(Duration::from_secs(1));
        let (there, back) = (&world.machine(server).datagrams, &world.machine(client).datagrams);
        assert!(there.len() > 60 && back.len() > 40 && back.len() <= there.len(), "{} {}", there.len(), back.len());
        assert!(loss > 0.0 || back.len() == 100, "{}", back.len());
        assert!(back.iter().all(|datagram| datagram.len() == 600 && datagram.iter().all(|byte| *byte == datagram[0])));
    }
}

/// RFC 9218 section 10.
#[test]
fn responses_come_by_their_urgency() {
    let ask = |urgency| {
        let head = RequestHead::get("https://localhost/").unwrap();
        head.with_field("priority", Priority::new(urgency, false).to_field()).unwrap()
    };
    let (mut world, client, _) = pair(32, slow(), vec![ask(6), ask(3), ask(0), ask(3)]);
    until(&mut world, |world| world.machine(client).finished.len() == 4);
    let host = world.machine(client);
    let order: Vec<u64> = host.finished.iter().map(|id| id.index()).collect();
    assert_eq!(order, [2, 1, 3, 0]);
    assert!(host.read.values().all(|len| *len == LEN));
}

#[test]
fn a_client_changes_its_mind() {
    let ask = |urgency| {
        let head = RequestHead::get("https://localhost/").unwrap();
        head.with_field("priority", Priority::new(urgency, false).to_field()).unwrap()
    };
    let (mut world, client, _) = pair(33, slow(), vec![ask(3), ask(3), ask(3)]);
    until(&mut world, |world| world.machine(client).read.values().sum::<usize>() > LEN / 4);
    let ids = world.machine(client).opened.clone();
    let changed = world.machine_mut(client).with(|http, transport| {
        http.prioritize(transport, ids[2], Priority::new(0, false))?;
        http.prioritize(transport, ids[0], Priority::new(7, true))
    });
    assert_eq!(changed, Some(Ok(())));
    until(&mut world, |world| world.machine(client).finished.len() == 3);
    let order: Vec<u64> = world.machine(client).finished.iter().map(|id| id.index()).collect();
    assert_eq!(order, [2, 1, 0]);
}

/// What never ends leaves a sixteenth to those who wait.
#[test]
fn nobody_is_starved() {
    let ask = |urgency| {
        let head = RequestHead::get("https://localhost/").unwrap();
        head.with_field("priority", Priority::new(urgency, false).to_field()).unwrap()
    };
    let (mut world, client, server) = pair(34, slow(), vec![ask(0), ask(7)]);
    until(&mut world, |world| !world.machine(server).unsent.is_empty());
    let first = *world.machine(server).unsent.keys().next().unwrap();
    world.machine_mut(server).unsent.insert(first, Bytes::from(vec![7; 20_000_000]));
    world.run_for(Duration::from_secs(5));
    let host = world.machine(client);
    let last = host.read.get(&host.opened[1]).copied().unwrap_or(0);
    let urgent = host.read.get(&host.opened[0]).copied().unwrap_or(0);
    assert!(last > urgent / 24 && last < urgent / 10, "{last} beside {urgent}");
}
