//! HTTP/3 from application to application over our own QUIC, on virtual time and a bad network.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

use base::{Bytes, Datagram, Duration, FourTuple, Instant, Machine, StreamId, Transmit, VarInt};
use h3::{Body, Config, Endpoint, EndpointEvent, Event, SendError};
use http::{Fields, Method, RequestHead, ResponseHead, Status};
use quic::{CloseReason, ConnectionHandle};
use sim::oracle::fill_pattern;
use sim::{ByteStreamChecker, Handle, LinkConfig, World};
use std::collections::BTreeMap;
use std::sync::Arc;

const CLIENT: &str = "192.0.2.1:50000";
const SERVER: &str = "192.0.2.2:443";

struct FixedClock;

impl tls::config::WallClock for FixedClock {
    fn unix_seconds(&self) -> u64 {
        sim::fixed_clock()
    }
}

fn tls_pair() -> (Arc<tls::ClientConfig>, Arc<tls::ServerConfig>) {
    let provider = sim::seeded_provider();
    let request = x509::issue::IssueRequest {
        names: vec!["localhost".into()],
        not_before_unix: sim::fixed_clock() - 1000,
        lifetime_seconds: 1_000_000,
        serial: [1; 16],
        is_authority: false,
    };
    let identity = x509::issue::self_signed(&provider, sim::SIGNING_KEY, &request).unwrap();
    let mut roots = x509::RootStore::new();
    roots.add_der(&identity.certificate).unwrap();
    let key = (provider.load_key)(crypto::PrivateKeyFormat::Pkcs8, &identity.key_pkcs8).unwrap();
    let certified = Arc::new(tls::resolver::CertifiedKey { chain: vec![identity.certificate], key });
    let (clock, alpn) = (Arc::new(FixedClock), vec![b"h3".to_vec()]);
    let roots = tls::config::ServerVerification::Roots(Arc::new(roots));
    let client = tls::ClientConfig::new(provider, roots, alpn.clone(), clock.clone());
    let resolver = Arc::new(tls::resolver::Single(certified));
    (Arc::new(client), Arc::new(tls::ServerConfig::new(provider, resolver, alpn, clock)))
}

/// What the client asks for.
#[derive(Clone, Copy)]
struct Ask {
    upload: u64,
    download: u64,
}

/// Both ends' state of one message.
struct Exchange {
    ask: Ask,
    seed: u64,
    checker: ByteStreamChecker,
    sent: u64,
    to_send: u64,
    pending: Bytes,
    send_done: bool,
    receive_done: bool,
    trailers: bool,
    informational: bool,
    status: Option<Status>,
}

impl Exchange {
    fn new(id: StreamId, ask: Ask, to_send: u64, to_receive: u64, offset: u64) -> Exchange {
        Exchange {
            ask,
            seed: id.value() * 2 + offset,
            checker: ByteStreamChecker::new(id.value() * 2 + (1 - offset), to_receive),
            sent: 0,
            to_send,
            pending: Bytes::new(),
            send_done: false,
            receive_done: false,
            trailers: false,
            informational: false,
            status: None,
        }
    }
}

struct Host {
    endpoint: Endpoint,
    handle: Option<ConnectionHandle>,
    waiting: Vec<Ask>,
    exchanges: BTreeMap<StreamId, Exchange>,
    completed: usize,
    refused: usize,
    closed: Option<CloseReason>,
    now: Instant,
    is_client: bool,
    going_away: bool,
    /// Content is left where it is.
    is_lazy: bool,
}

impl Host {
    fn run(&mut self, now: Instant) {
        self.now = now;
        while let Some(event) = self.endpoint.poll_event(now) {
            match event {
                EndpointEvent::Established(handle) => self.handle = Some(handle),
                EndpointEvent::Closed(_, reason) => self.closed = Some(reason),
                EndpointEvent::Http(_, event) => self.on_event(event),
                EndpointEvent::Migrated(_) | EndpointEvent::MigrationFailed(_) => panic!("nobody migrates"),
            }
        }
        if self.is_client && self.handle.is_some() {
            self.ask();
        }
    }

    fn with<R>(&mut self, call: impl FnOnce(&mut h3::Connection, &mut h3::over_quic::OverQuic<'_>) -> R) -> Option<R> {
        self.endpoint.with(self.now, self.handle?, call)
    }

    fn ask(&mut self) {
        while let Some(ask) = self.waiting.last().copied() {
            let mut head = RequestHead::new(Method::Post, "https://localhost/").unwrap();
            head.fields.push("content-length", ask.upload.to_string()).unwrap();
            head.fields.push("x-download", ask.download.to_string()).unwrap();
            match self.with(|http, transport| http.send_request(transport, &head, false)) {
                Some(Ok(id)) => {
                    self.waiting.pop();
                    self.exchanges.insert(id, Exchange::new(id, ask, ask.upload, ask.download, 0));
                    self.write(id);
                }
                Some(Err(SendError::GoingAway)) => {
                    self.refused += 1;
                    self.waiting.pop();
                }
                Some(Err(SendError::Blocked)) | None => break,
                Some(Err(error)) => panic!("a request cannot be sent: {error}"),
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Request { id, head } => {
                assert_eq!((head.method.clone(), head.path()), (Method::Post, "/"));
                let number = |name| head.fields.first_text(name).unwrap().parse().unwrap();
                let ask = Ask { upload: number("content-length"), download: number("x-download") };
                self.exchanges.insert(id, Exchange::new(id, ask, ask.download, ask.upload, 1));
                let early = ResponseHead::new(Status::EARLY_HINTS).with_field("x-early", "1").unwrap();
                let head = ResponseHead::new(Status::OK).with_field("x-served", "1").unwrap();
                self.with(|http, transport| {
                    http.send_informational(transport, id, &early).unwrap();
                    http.send_response(transport, id, &head, false).unwrap();
                });
                self.write(id);
            }
            Event::Informational { id, head } => {
                assert_eq!(head.fields.first_text("x-early"), Some("1"));
                self.exchanges.get_mut(&id).unwrap().informational = true;
            }
            Event::Response { id, head } => self.exchanges.get_mut(&id).unwrap().status = Some(head.status),
            Event::Body { .. } if self.is_lazy => {}
            Event::Body { id } => self.read(id),
            Event::Trailers { id, fields } => {
                assert_eq!(fields.first_text("x-end"), Some("yes"));
                self.exchanges.get_mut(&id).unwrap().trailers = true;
            }
            Event::Finished { id } => {
                self.exchanges.get_mut(&id).unwrap().checker.on_end();
                self.exchanges.get_mut(&id).unwrap().receive_done = true;
                self.write(id);
                self.complete(id);
            }
            Event::Writable { id } => self.write(id),
            Event::GoAway { .. } => self.going_away = true,
            Event::RequestsAvailable | Event::Settings(_) | Event::Closed { .. } => {}
            other => panic!("unexpected: {other:?}"),
        }
    }

    fn read(&mut self, id: StreamId) {
        while let Some(Body::Data(bytes)) = self.with(|http, transport| http.read_body(transport, id, 30_000)) {
            self.exchanges.get_mut(&id).unwrap().checker.on_bytes(&bytes);
        }
    }

    fn write(&mut self, id: StreamId) {
        loop {
            let Some(exchange) = self.exchanges.get_mut(&id).filter(|exchange| !exchange.send_done) else { return };
            if exchange.pending.is_empty() {
                if exchange.sent == exchange.to_send {
                    if !self.is_client && !exchange.receive_done {
                        // A server that ends its response early tells the client to stop sending.
                        return;
                    }
                    exchange.send_done = true;
                    let mut fields = Fields::new();
                    fields.push("x-end", "yes").unwrap();
                    self.with(|http, transport| {
                        http.send_trailers(transport, id, &fields).unwrap();
                        http.finish(transport, id)
                    });
                    return self.complete(id);
                }
                let mut bytes = vec![0; (exchange.to_send - exchange.sent).min(40_000) as usize];
                fill_pattern(exchange.seed, exchange.sent, &mut bytes);
                exchange.sent += bytes.len() as u64;
                exchange.pending = Bytes::from(bytes);
            }
            let mut pending = std::mem::take(&mut exchange.pending);
            self.with(|http, transport| http.send_body(transport, id, &mut pending).unwrap());
            let blocked = !pending.is_empty();
            self.exchanges.get_mut(&id).unwrap().pending = pending;
            if blocked {
                return;
            }
        }
    }

    fn complete(&mut self, id: StreamId) {
        let Some(exchange) = self.exchanges.get(&id).filter(|one| one.send_done && one.receive_done) else { return };
        assert!(exchange.trailers, "trailers came, whatever was asked: {}", exchange.ask.download);
        if self.is_client {
            assert!(exchange.informational && exchange.status == Some(Status::OK));
        }
        self.exchanges.remove(&id);
        self.completed += 1;
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

fn pair(seed: u64, link: LinkConfig, asks: Vec<Ask>) -> (World, Handle<Host>, Handle<Host>) {
    let mut world = World::new(seed);
    let (client_address, server_address) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
    world.network().set_both(client_address, server_address, link);
    let (client_tls, server_tls) = tls_pair();
    let mut host = |server, waiting: Vec<Ask>, is_client| {
        let config = quic::EndpointConfig::new(sim::seeded_provider(), Arc::new(quic::Config::default()), server);
        let quic = quic::Endpoint::new(Instant::ZERO, config, Box::new(world.fork_random()));
        let endpoint = Endpoint::new(quic, Config::default());
        let (handle, closed, now) = (None, None, Instant::ZERO);
        let exchanges = BTreeMap::new();
        Host {
            endpoint,
            handle,
            waiting,
            exchanges,
            completed: 0,
            refused: 0,
            closed,
            now,
            is_client,
            going_away: false,
            is_lazy: false,
        }
    };
    let server = host(Some(server_tls), Vec::new(), false);
    let mut client = host(None, asks, true);
    let name = x509::ServerName::parse("localhost").unwrap();
    let path = FourTuple { local: client_address, remote: server_address };
    client.endpoint.connect(Instant::ZERO, client_tls, name, path).unwrap();
    let server = world.add(&[server_address], server);
    let client = world.add(&[client_address], client);
    (world, client, server)
}

fn complete(world: &mut World, hosts: [Handle<Host>; 2], count: usize, limit: Duration) {
    world
        .run_until(Instant::ZERO + limit, |world| hosts.into_iter().all(|host| world.machine(host).completed == count));
    for host in hosts {
        let host = world.machine(host);
        assert_eq!(host.completed, count, "closed: {:?}", host.closed);
    }
}

#[test]
fn one_exchange_with_everything_in_it() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(1, link, vec![Ask { upload: 100_000, download: 300_000 }]);
    complete(&mut world, [client, server], 1, Duration::from_secs(10));
}

#[test]
fn three_hundred_exchanges_at_once_with_five_percent_loss() {
    let mut link = LinkConfig::new(Duration::from_millis(10));
    link.loss = 0.05;
    let asks = (0..300).map(|number| Ask { upload: number * 37 % 9000, download: number * 91 % 30_000 }).collect();
    let (mut world, client, server) = pair(2, link, asks);
    complete(&mut world, [client, server], 300, Duration::from_secs(120));
}

#[test]
fn a_hundred_seeds_of_mixed_faults() {
    for seed in 0..100 {
        let link = sim::draw_faults(&mut sim::SeededRandom::new(seed));
        let asks = vec![Ask { upload: 20_000, download: 50_000 }, Ask { upload: 0, download: 1 }];
        let (mut world, client, server) = pair(seed, link, asks);
        complete(&mut world, [client, server], 2, Duration::from_secs(300));
    }
}

#[test]
fn shutting_down_finishes_what_was_begun_and_takes_nothing_new() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(3, link, vec![Ask { upload: 1000, download: 4_000_000 }]);
    world.run_for(Duration::from_millis(100));
    for _ in 0..2 {
        world.machine_mut(server).with(|http, transport| http.shutdown(transport));
        world.run_for(Duration::from_millis(50));
    }
    assert!(world.machine(client).going_away);
    world.machine_mut(client).waiting.push(Ask { upload: 1, download: 1 });
    complete(&mut world, [client, server], 1, Duration::from_secs(10));
    assert_eq!(world.machine(client).refused, 1);
    let drained = world.machine_mut(server).with(|http, _| http.is_drained());
    assert_eq!(drained, Some(true));
    world.machine_mut(server).with(|http, transport| http.close(transport, VarInt::from_u32(0x100), "done"));
    world.run_for(Duration::from_secs(5));
    assert!(matches!(world.machine(client).closed, Some(CloseReason::PeerApplication { .. })));
    assert!(world.machine(client).endpoint.quic().is_empty() && world.machine(server).endpoint.quic().is_empty());
}

#[test]
fn what_arrived_before_a_close_can_still_be_read() {
    let link = LinkConfig::new(Duration::from_millis(10));
    let (mut world, client, server) = pair(4, link, vec![Ask { upload: 0, download: 100_000 }]);
    world.machine_mut(client).is_lazy = true;
    world.run_for(Duration::from_secs(1));
    assert_eq!((world.machine(server).completed, world.machine(client).completed), (1, 0));
    world.machine_mut(server).with(|http, transport| http.close(transport, VarInt::from_u32(0x100), "done"));
    world.run_for(Duration::from_secs(5));
    assert!(world.machine(client).closed.is_none(), "not before all is read");
    let (now, host) = (world.now(), world.machine_mut(client));
    host.now = now;
    host.read(host.exchanges.first_key_value().map(|(id, _)| *id).unwrap());
    world.run_for(Duration::from_secs(1));
    let host = world.machine_mut(client);
    host.run(now);
    assert_eq!(host.completed, 1);
    assert!(matches!(host.closed, Some(CloseReason::PeerApplication { .. })));
    // The endpoint lets go of the connection with the next turn of its driver.
    host.endpoint.transmit(now, &mut [0; 1500]);
    assert!(host.endpoint.quic().is_empty());
}
