//! Connections that are resumed by tickets, on virtual time: whatever is lost on the way, and at what cost in memory.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_quic as quic;

mod support;

use adversary::heap::Meter;
use base::{Duration, Instant};
use quic::{Config, Version, Versions};
use sim::{LinkConfig, LossMask, World};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use support::{CLIENT, Exchange, Host, SERVER};
use tls::{ClientConfig, FixedTicketKeys, ServerConfig, TicketPolicy};
use tls::{Ticket, TicketCache, TicketKeys, TicketOrigin, TicketStore};

#[global_allocator]
static HEAP: adversary::heap::Counting = adversary::heap::Counting;

struct Store(Mutex<TicketCache>);

impl Store {
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl TicketStore for Store {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().unwrap().take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().unwrap().put(origin, ticket);
    }
}

/// Settings of a client and a server that resume.
struct Resuming {
    client: ClientConfig,
    server: ServerConfig,
    store: Arc<Store>,
}

/// One connection of the two.
struct Run {
    world: World,
    client: sim::Handle<Host>,
    server: sim::Handle<Host>,
}

impl Resuming {
    fn new() -> Resuming {
        let (client, server) = adversary::identity::pair();
        let (mut client, mut server) = (ClientConfig::clone(client), ServerConfig::clone(server));
        let store = Arc::new(Store(Mutex::new(TicketCache::new(8, 8))));
        client.tickets = Some(store.clone());
        let keys = TicketKeys::new(&sim::seeded_provider(), &[[3; 32]]).unwrap();
        server.tickets = Some(TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys)))));
        Resuming { client, server, store }
    }

    fn connect(&self, seed: u64, mask: Option<LossMask>, config: &Config) -> Run {
        self.connect_of(seed, mask, config, config)
    }

    /// With settings of its own on each side.
    fn connect_of(&self, seed: u64, mask: Option<LossMask>, ours: &Config, theirs: &Config) -> Run {
        let mut world = World::new(seed);
        let (client, server): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        world.network().set_both(client, server, LinkConfig::new(Duration::from_millis(20)));
        if let Some(mask) = mask {
            world.network().set_loss_mask(mask);
        }
        let exchanges = vec![Exchange { upload: 10, download: 1000 }];
        let (of_client, of_server) = (world.fork_random(), world.fork_random());
        let (client_tls, server_tls) = (Arc::new(self.client.clone()), Arc::new(self.server.clone()));
        let at_server = Host::server(Instant::ZERO, of_server, theirs.clone(), server_tls);
        let at_client = Host::client(Instant::ZERO, of_client, ours.clone(), client_tls, exchanges);
        let server = world.add(&[server], at_server);
        let client = world.add(&[client], at_client);
        Run { world, client, server }
    }
}

impl Run {
    /// Until the exchange is done and the handshake confirmed on both sides, and a second more.
    fn complete(&mut self) {
        let (client, server) = (self.client, self.server);
        self.world.run_until(Instant::ZERO + Duration::from_secs(120), |world| {
            let is_done = |host: &Host| host.completed == 1 && host.confirmed;
            is_done(world.machine(client)) && is_done(world.machine(server))
        });
        let now = self.world.now();
        self.world.run_until(now + Duration::from_secs(1), |_| false);
        for host in [client, server] {
            let host = self.world.machine(host);
            assert!(host.completed == 1 && host.closed.is_empty(), "{:?}", host.closed);
        }
    }

    /// What both sides say.
    fn is_resumed(&mut self) -> bool {
        let resumed = [self.client, self.server].map(|host| self.world.machine(host).stats().is_resumed);
        assert_eq!(resumed[0], resumed[1]);
        resumed[0]
    }
}

#[test]
fn a_second_connection_resumes_and_nothing_is_signed() {
    let resuming = Resuming::new();
    let mut first = resuming.connect(1, None, &Config::default());
    first.complete();
    assert!(!first.is_resumed());
    assert_eq!(resuming.store.len(), 2);
    let mut second = resuming.connect(2, None, &Config::default());
    second.complete();
    assert!(second.is_resumed());
    assert_eq!(resuming.store.len(), 3, "one was used, two came");
    let signed = [&mut first, &mut second].map(|run| {
        let host = run.world.machine(run.server);
        let connection = host.endpoint.connection(host.handle.unwrap()).unwrap();
        connection.session().signature_scheme().is_some()
    });
    assert_eq!(signed, [true, false]);
}

/// A connection that begins in version 1 and goes on with version 2 brings tickets for version 2.
/// RFC 9369 section 5-1, 5-2.
#[test]
fn a_ticket_is_for_the_version_of_the_connection_that_it_came_by() {
    let of = |list: &[Version]| Config { versions: Versions::new(list).unwrap(), ..Config::default() };
    let (one, two) = (of(&[Version::V1, Version::V2]), of(&[Version::V2, Version::V1]));
    let resuming = Resuming::new();
    for (seed, ours, theirs, resumed, tickets) in [
        (1, &one, &two, false, 2),
        // Those are of no use for a first flight of version 1.
        (2, &of(&[Version::V1]), &two, false, 4),
        (3, &one, &one, true, 5),
        (4, &of(&[Version::V2]), &two, true, 6),
    ] {
        let mut run = resuming.connect_of(seed, None, ours, theirs);
        run.complete();
        assert_eq!((run.is_resumed(), resuming.store.len()), (resumed, tickets), "{seed}");
    }
}

/// A client that has tickets of the version it was taken to, and none of the one it would begin with, begins with theirs.
#[test]
fn a_connection_begins_with_the_version_of_a_ticket() {
    let of = |list: &[Version]| Config { versions: Versions::new(list).unwrap(), ..Config::default() };
    let (one, two) = (of(&[Version::V1, Version::V2]), of(&[Version::V2, Version::V1]));
    let resuming = Resuming::new();
    for (seed, theirs, resumed, tickets) in [(1, &two, false, 2), (2, &two, true, 3), (3, &one, true, 4)] {
        let mut run = resuming.connect_of(seed, None, &one, theirs);
        run.complete();
        assert_eq!((run.is_resumed(), resuming.store.len()), (resumed, tickets), "{seed}");
    }
}

/// Tickets are CRYPTO data of 1-RTT packets: sent again when lost, and taken once.
#[test]
fn every_loss_pattern_of_the_first_nine_datagrams_resumes_and_brings_tickets() {
    let resuming = Resuming::new();
    resuming.connect(1, None, &Config::default()).complete();
    let seconds = Duration::from_secs;
    let patient = Config { handshake_timeout: seconds(120), max_idle_timeout: seconds(120), ..Config::default() };
    for mask in LossMask::all(9) {
        let before = resuming.store.len();
        let mut run = resuming.connect(3, Some(mask), &patient);
        run.complete();
        assert!(run.is_resumed(), "{mask:?}");
        assert_eq!(resuming.store.len(), (before + 1).min(8), "{mask:?}");
    }
}

/// A server that has other keys by now: the first flight is as good as any, and no round trip is lost.
#[test]
fn a_ticket_of_no_use_costs_no_round_trip() {
    let mut resuming = Resuming::new();
    let mut first = resuming.connect(1, None, &Config::default());
    first.complete();
    let keys = TicketKeys::new(&sim::seeded_provider(), &[[4; 32]]).unwrap();
    resuming.server.tickets.as_mut().unwrap().keys = Arc::new(FixedTicketKeys(Arc::new(keys)));
    let mut second = resuming.connect(1, None, &Config::default());
    second.complete();
    assert!(!second.is_resumed());
    assert_eq!(first.world.now(), second.world.now());
    let mut third = resuming.connect(1, None, &Config::default());
    third.complete();
    assert!(third.is_resumed());
}

/// What is kept of a connection at rest is what it was without tickets.
#[test]
fn tickets_leave_nothing_on_an_idle_connection() {
    let held = |resuming: &Resuming| {
        // What is made once is made before.
        resuming.connect(1, None, &Config::default()).complete();
        resuming.store.0.lock().unwrap().clear();
        let meter = Meter::start();
        let mut run = resuming.connect(1, None, &Config::default());
        run.complete();
        resuming.store.0.lock().unwrap().clear();
        meter.held()
    };
    let with = held(&Resuming::new());
    let mut without = Resuming::new();
    without.client.tickets = None;
    without.server.tickets = None;
    let without = held(&without);
    assert!(with <= without + 64, "{with} bytes with tickets, {without} without");
}
