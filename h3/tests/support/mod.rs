//! HTTP/3 endpoints with a small application on each, for tests on virtual time: the client posts a pattern and asks for
//! another one; both check every byte, the trailers, and what comes before them. A peer that is known to be a rogue is served
//! like any other, but whatever comes of it is taken.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

use base::{Bytes, Datagram, Duration, FourTuple, Instant, Machine, StreamId, Transmit};
use h3::OverQuic;
use h3::{Body, Config, Endpoint, EndpointEvent, Event, SendError};
use http::exchange;
use http::{Fields, Method, RequestHead, ResponseHead, Status};
use quic::{CloseReason, ConnectionHandle};
use sim::oracle::fill_pattern;
use sim::{ByteStreamChecker, Handle, LinkConfig, SeededRandom, World};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub const CLIENT: &str = "192.0.2.1:50000";
pub const SERVER: &str = "192.0.2.2:443";
/// What a rogue gets at most in one response, whatever it asks for.
const ROGUE_DOWNLOAD: u64 = 200_000;

/// TLS configurations of both sides, for HTTP/3.
pub fn tls_pair() -> (Arc<tls::ClientConfig>, Arc<tls::ServerConfig>) {
    adversary::identity::pair_of(b"h3")
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What the client asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Bytes of the request's content.
    pub upload: u64,
    /// Bytes of the response's.
    pub download: u64,
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
    /// The peer keeps the rules, so that anything unexpected is a failure.
    is_strict: bool,
}

impl Exchange {
    fn new(id: StreamId, ask: Ask, to_send: u64, to_receive: u64, offset: u64, is_strict: bool) -> Exchange {
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
            is_strict,
        }
    }
}

/// Which stream of which connection.
type Place = (ConnectionHandle, StreamId);

/// An endpoint and its application.
pub struct Host {
    /// Each connection is given a mark.
    pub endpoint: Endpoint<u32>,
    /// Of the connection that was made or accepted last.
    pub handle: Option<ConnectionHandle>,
    /// What the client still asks for, on each connection.
    pub waiting: BTreeMap<ConnectionHandle, Vec<Ask>>,
    exchanges: BTreeMap<Place, Exchange>,
    /// What was handed on where HTTP/3 is not spoken.
    pub transport: Vec<quic::Event>,
    /// Exchanges that are done, on both halves.
    pub completed: usize,
    /// Requests that could not be made because the server goes away.
    pub refused: usize,
    pub closed: Vec<CloseReason>,
    pub flushed: Vec<ConnectionHandle>,
    pub drained: Vec<(ConnectionHandle, u32)>,
    /// How often it was asked what happened, and something had.
    pub events: usize,
    pub now: Instant,
    is_client: bool,
    pub going_away: bool,
    /// When the peer's settings came.
    pub settings_at: Option<Instant>,
    /// Content is left where it is.
    pub is_lazy: bool,
    /// A peer at this address need not keep any rule.
    pub rogue: Option<SocketAddr>,
}

impl Host {
    pub fn new(random: SeededRandom, config: quic::Config, server: Option<Arc<tls::ServerConfig>>) -> Host {
        Host::with_http(random, config, Config::default(), server)
    }

    /// One with settings of HTTP/3 of its own.
    pub fn with_http(
        random: SeededRandom,
        config: quic::Config,
        http: Config,
        server: Option<Arc<tls::ServerConfig>>,
    ) -> Host {
        let is_client = server.is_none();
        let config = quic::EndpointConfig::new(sim::seeded_provider(), Arc::new(config), server);
        let quic = quic::Endpoint::new(Instant::ZERO, config, Box::new(random));
        Host {
            endpoint: Endpoint::new(quic, http),
            handle: None,
            waiting: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            transport: Vec::new(),
            completed: 0,
            refused: 0,
            closed: Vec::new(),
            flushed: Vec::new(),
            drained: Vec::new(),
            events: 0,
            now: Instant::ZERO,
            is_client,
            going_away: false,
            settings_at: None,
            is_lazy: false,
            rogue: None,
        }
    }

    /// One more connection of a client.
    pub fn connect(&mut self, now: Instant, tls: Arc<tls::ClientConfig>, path: FourTuple, asks: Vec<Ask>) {
        let name = adversary::identity::server_name();
        let handle = self.endpoint.connect(now, tls, name, path).unwrap();
        self.handle = Some(handle);
        self.waiting.insert(handle, asks);
    }

    /// Whether the peer of this connection keeps the rules.
    fn is_strict(&self, handle: ConnectionHandle) -> bool {
        let remote = self.endpoint.quic().connection(handle).map(|connection| connection.four_tuple().remote);
        self.rogue.is_none() || remote != self.rogue
    }

    /// Exchanges that are not done.
    pub fn under_way(&self) -> usize {
        self.exchanges.len()
    }

    fn run(&mut self, now: Instant) {
        self.now = now;
        while let Some(event) = self.endpoint.poll_event(now) {
            self.events += 1;
            match event {
                EndpointEvent::CanSendEarly(handle) | EndpointEvent::Established(handle) => {
                    self.handle = Some(handle);
                    self.ask(handle);
                }
                EndpointEvent::Closed(handle, reason) => {
                    self.closed.push(reason);
                    self.exchanges.retain(|(of, _), _| *of != handle);
                }
                EndpointEvent::Http(handle, event) => self.on_event(handle, event),
                EndpointEvent::Transport(_, event) => self.transport.push(event),
                EndpointEvent::Flushed(handle) => self.flushed.push(handle),
                EndpointEvent::Drained(handle, mark) => self.drained.push((handle, mark)),
                EndpointEvent::Migrated(handle)
                | EndpointEvent::MigrationFailed(handle)
                | EndpointEvent::PreferredAddressFailed(handle) => {
                    assert!(!self.is_strict(handle), "nobody migrates");
                }
                // A translator may have.
                EndpointEvent::PeerMoved(_) => {}
            }
        }
        for handle in self.waiting.keys().copied().collect::<Vec<_>>() {
            self.ask(handle);
        }
    }

    /// Works with the connection of `handle`.
    pub fn with<R>(
        &mut self,
        handle: ConnectionHandle,
        call: impl FnOnce(&mut h3::Connection, &mut OverQuic<'_>) -> R,
    ) -> Option<R> {
        self.endpoint.with(self.now, handle, call)
    }

    /// The same with the latest connection.
    pub fn with_latest<R>(&mut self, call: impl FnOnce(&mut h3::Connection, &mut OverQuic<'_>) -> R) -> Option<R> {
        self.with(self.handle?, call)
    }

    fn ask(&mut self, handle: ConnectionHandle) {
        let is_strict = self.is_strict(handle);
        while let Some(ask) = self.waiting.get(&handle).and_then(|waiting| waiting.last()).copied() {
            let mut head = RequestHead::new(Method::Post, "https://localhost/").unwrap();
            head.fields.push("content-length", ask.upload.to_string()).unwrap();
            head.fields.push("x-download", ask.download.to_string()).unwrap();
            match self.with(handle, |http, transport| http.send_request(transport, &head, false)) {
                Some(Ok(id)) => {
                    self.waiting.get_mut(&handle).unwrap().pop();
                    let exchange = Exchange::new(id, ask, ask.upload, ask.download, 0, is_strict);
                    self.exchanges.insert((handle, id), exchange);
                    self.write((handle, id));
                }
                Some(Err(SendError::GoingAway)) => {
                    self.refused += 1;
                    self.waiting.get_mut(&handle).unwrap().pop();
                }
                Some(Err(SendError::Blocked)) | None => break,
                Some(Err(error)) => {
                    assert!(!is_strict, "a request cannot be sent: {error}");
                    self.waiting.get_mut(&handle).unwrap().pop();
                }
            }
        }
    }

    fn on_event(&mut self, handle: ConnectionHandle, event: Event) {
        let is_strict = self.is_strict(handle);
        match event {
            Event::Exchange(id, exchange::Event::Request(head)) => self.answer(handle, id, &head),
            Event::Exchange(id, exchange::Event::Informational(head)) => {
                assert!(!is_strict || head.fields.first_text("x-early") == Some("1"));
                self.change((handle, id), |exchange| exchange.informational = true);
            }
            Event::Exchange(id, exchange::Event::Response(head)) => {
                self.change((handle, id), |exchange| exchange.status = Some(head.status));
            }
            Event::Exchange(_, exchange::Event::Body) if self.is_lazy => {}
            Event::Exchange(id, exchange::Event::Body) => self.read((handle, id)),
            Event::Exchange(id, exchange::Event::Trailers(fields)) => {
                assert!(!is_strict || fields.first_text("x-end") == Some("yes"));
                self.change((handle, id), |exchange| exchange.trailers = true);
            }
            Event::Exchange(id, exchange::Event::Finished) => {
                self.change((handle, id), |exchange| {
                    if exchange.is_strict {
                        exchange.checker.on_end();
                    }
                    exchange.receive_done = true;
                });
                self.write((handle, id));
                self.complete((handle, id));
            }
            Event::Exchange(id, exchange::Event::Writable) => self.write((handle, id)),
            Event::GoAway { .. } => self.going_away = true,
            Event::Settings(_) => self.settings_at = Some(self.now),
            Event::Exchange(_, exchange::Event::Delivered) | Event::RequestsAvailable | Event::Closed { .. } => {}
            other => {
                assert!(!is_strict, "unexpected: {other:?}");
                if let Event::Exchange(id, _) = other {
                    self.give_up((handle, id));
                }
            }
        }
    }

    /// What there is to say about a stream that a rogue need not have kept.
    fn change(&mut self, place: Place, change: impl FnOnce(&mut Exchange)) {
        match self.exchanges.get_mut(&place) {
            Some(exchange) => change(exchange),
            None => assert!(!self.is_strict(place.0), "nothing is known of {place:?}"),
        }
    }

    /// What an application does with an exchange of which nothing good will come.
    fn give_up(&mut self, place: Place) {
        self.exchanges.remove(&place);
        self.with(place.0, |http, transport| {
            http.reset(transport, place.1, h3::Reason::Cancelled);
            http.stop_sending(transport, place.1, h3::Reason::Cancelled);
        });
    }

    fn answer(&mut self, handle: ConnectionHandle, id: StreamId, head: &RequestHead) {
        let is_strict = self.is_strict(handle);
        assert!(!is_strict || (head.method == Method::Post && head.path() == "/"));
        let number = |name| head.fields.first_text(name).and_then(|text| text.parse::<u64>().ok());
        let (upload, download) = (number("content-length"), number("x-download"));
        assert!(!is_strict || (upload.is_some() && download.is_some()));
        let most = if is_strict { u64::MAX } else { ROGUE_DOWNLOAD };
        let ask = Ask { upload: upload.unwrap_or(0), download: download.unwrap_or(1000).min(most) };
        self.exchanges.insert((handle, id), Exchange::new(id, ask, ask.download, ask.upload, 1, is_strict));
        let early = ResponseHead::new(Status::EARLY_HINTS).with_field("x-early", "1").unwrap();
        let head = ResponseHead::new(Status::OK).with_field("x-served", "1").unwrap();
        let sent = self.with(handle, |http, transport| {
            http.send_informational(transport, id, &early)?;
            http.send_response(transport, id, &head, false)
        });
        match sent {
            Some(Ok(())) => self.write((handle, id)),
            error => {
                assert!(!is_strict, "a response cannot be sent: {error:?}");
                self.give_up((handle, id));
            }
        }
    }

    pub fn read_all(&mut self) {
        for place in self.exchanges.keys().copied().collect::<Vec<_>>() {
            self.read(place);
        }
    }

    fn read(&mut self, place: Place) {
        let (handle, id) = place;
        while let Some(Body::Data(bytes)) = self.with(handle, |http, transport| http.read_body(transport, id, 30_000)) {
            self.change(place, |exchange| {
                if exchange.is_strict {
                    exchange.checker.on_bytes(&bytes);
                }
            });
        }
    }

    fn write(&mut self, place: Place) {
        let (handle, id) = place;
        loop {
            let Some(exchange) = self.exchanges.get_mut(&place).filter(|exchange| !exchange.send_done) else { return };
            let is_strict = exchange.is_strict;
            if exchange.pending.is_empty() {
                if exchange.sent == exchange.to_send {
                    if !self.is_client && !exchange.receive_done {
                        // A server that ends its response early tells the client to stop sending.
                        return;
                    }
                    exchange.send_done = true;
                    let mut fields = Fields::new();
                    fields.push("x-end", "yes").unwrap();
                    let sent = self.with(handle, |http, transport| {
                        let sent = http.send_trailers(transport, id, &fields);
                        // Of a stream that trailers have ended there is nothing left to end.
                        let _ = http.finish(transport, id);
                        sent
                    });
                    assert!(!is_strict || matches!(sent, Some(Ok(()))), "{sent:?}");
                    return self.complete(place);
                }
                let most = if is_strict { 40_000 } else { 4_000 };
                let mut bytes = vec![0; (exchange.to_send - exchange.sent).min(most) as usize];
                fill_pattern(exchange.seed, exchange.sent, &mut bytes);
                exchange.sent += bytes.len() as u64;
                exchange.pending = Bytes::from(bytes);
            }
            let mut pending = std::mem::take(&mut exchange.pending);
            let sent = self.with(handle, |http, transport| http.send_body(transport, id, &mut pending).map(|_| ()));
            if !matches!(sent, Some(Ok(()))) {
                assert!(!is_strict, "content cannot be sent: {sent:?}");
                return self.give_up(place);
            }
            let blocked = !pending.is_empty();
            self.change(place, |exchange| exchange.pending = pending);
            if blocked {
                return;
            }
        }
    }

    fn complete(&mut self, place: Place) {
        let Some(exchange) = self.exchanges.get(&place).filter(|one| one.send_done && one.receive_done) else { return };
        if exchange.is_strict {
            assert!(exchange.trailers, "trailers came, whatever was asked: {}", exchange.ask.download);
            assert!(!self.is_client || (exchange.informational && exchange.status == Some(Status::OK)));
        }
        self.exchanges.remove(&place);
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

/// A world with a client and a server.
pub fn pair(seed: u64, link: LinkConfig, asks: Vec<Ask>) -> (World, Handle<Host>, Handle<Host>) {
    pair_with(seed, link, asks, &Config::default())
}

/// The same, with settings of HTTP/3 of their own.
pub fn pair_with(seed: u64, link: LinkConfig, asks: Vec<Ask>, http: &Config) -> (World, Handle<Host>, Handle<Host>) {
    let mut world = World::new(seed);
    world.network().set_both(address(CLIENT), address(SERVER), link);
    let (client_tls, server_tls) = tls_pair();
    let server = Host::with_http(world.fork_random(), quic::Config::default(), http.clone(), Some(server_tls));
    let mut client = Host::with_http(world.fork_random(), quic::Config::default(), http.clone(), None);
    let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
    client.connect(Instant::ZERO, client_tls, path, asks);
    let server = world.add(&[address(SERVER)], server);
    let client = world.add(&[address(CLIENT)], client);
    (world, client, server)
}

/// Runs until both hosts have completed `count` exchanges.
pub fn complete(world: &mut World, hosts: [Handle<Host>; 2], count: usize, limit: Duration) {
    let is_done = |world: &mut World| hosts.into_iter().all(|host| world.machine(host).completed == count);
    world.run_until(Instant::ZERO + limit, is_done);
    for host in hosts {
        let host = world.machine(host);
        assert_eq!(host.completed, count, "closed: {:?}", host.closed);
    }
}
