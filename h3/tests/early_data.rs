//! Requests as early data, on virtual time: what goes, what waits, and which settings hold.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_h3 as h3;

use base::{Datagram, Duration, FourTuple, Instant, Machine, Transmit};
use h3::{Config, Endpoint, EndpointEvent, Event, SendError, Violation};
use http::exchange;
use http::{Method, RequestHead, ResponseHead, Status};
use quic::{CloseReason, ConnectionHandle, EndpointConfig};
use sim::{LinkConfig, LossMask, SeededRandom, World};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tls::{ClientConfig, EarlyData, FixedTicketKeys, ReplayFilter, ServerConfig, TicketPolicy};
use tls::{Ticket, TicketCache, TicketKeys, TicketOrigin, TicketStore};

const CLIENT: &str = "192.0.2.1:50000";
const SERVER: &str = "192.0.2.2:443";
/// Half of a round trip.
const DELAY: Duration = Duration::from_millis(20);

struct Store(Mutex<TicketCache>);

impl TicketStore for Store {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.0.lock().unwrap().take(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.0.lock().unwrap().put(origin, ticket);
    }
}

/// Settings of both sides.
#[derive(Clone)]
struct Settings {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
    http: Config,
    /// What the server promises, if it is not what its settings say.
    promise: Option<Vec<u8>>,
    asks: Vec<RequestHead>,
}

/// What happened at one end.
#[derive(Clone, Debug, PartialEq)]
enum Happened {
    CanSendEarly,
    Established,
    Sent(Method),
    NotSent(Method, SendError),
    /// A request, and whether the handshake was complete.
    Request(Method, bool),
    Response(Status, Duration),
    Breach(Violation),
    Closed(CloseReason),
}

struct End {
    endpoint: Endpoint<()>,
    handle: Option<ConnectionHandle>,
    asks: Vec<RequestHead>,
    happened: Vec<Happened>,
}

impl End {
    fn run(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event(now) {
            match event {
                EndpointEvent::CanSendEarly(handle) => {
                    self.handle = Some(handle);
                    self.happened.push(Happened::CanSendEarly);
                    self.ask(now);
                }
                EndpointEvent::Established(handle) => {
                    self.handle = Some(handle);
                    self.happened.push(Happened::Established);
                    self.ask(now);
                }
                EndpointEvent::Http(_, Event::RequestsAvailable) => self.ask(now),
                EndpointEvent::Http(handle, Event::Exchange(id, exchange::Event::Request(head))) => {
                    let is_complete = self.endpoint.quic().connection(handle).unwrap().is_handshake_complete();
                    self.happened.push(Happened::Request(head.method, is_complete));
                    let response = ResponseHead::new(Status::OK);
                    self.endpoint.with(now, handle, |http, transport| {
                        http.send_response(transport, id, &response, true).unwrap();
                    });
                }
                EndpointEvent::Http(_, Event::Exchange(_, exchange::Event::Response(head))) => {
                    self.happened.push(Happened::Response(head.status, now - Instant::ZERO));
                }
                EndpointEvent::Http(_, Event::Closed { violation: Some(violation), .. }) => {
                    self.happened.push(Happened::Breach(violation));
                }
                EndpointEvent::Closed(_, reason) => self.happened.push(Happened::Closed(reason)),
                _ => {}
            }
        }
    }

    /// Sends what can be sent now.
    fn ask(&mut self, now: Instant) {
        let handle = self.handle.unwrap();
        for head in core::mem::take(&mut self.asks) {
            let ends = !head.method.is_registered() || head.method.is_safe();
            let sent = self.endpoint.with(now, handle, |http, transport| http.send_request(transport, &head, ends));
            match sent.unwrap() {
                Ok(_) => self.happened.push(Happened::Sent(head.method)),
                Err(error) => {
                    self.happened.push(Happened::NotSent(head.method.clone(), error));
                    self.asks.push(head);
                }
            }
        }
    }
}

impl Machine for End {
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

fn get() -> RequestHead {
    RequestHead::new(Method::Get, "https://localhost/").unwrap()
}

impl Settings {
    /// With tickets of a connection that was.
    fn new(http: Config) -> Settings {
        let (client, server) = adversary::identity::pair_of(b"h3");
        let (mut client, mut server) = (ClientConfig::clone(&client), ServerConfig::clone(&server));
        client.tickets = Some(Arc::new(Store(Mutex::new(TicketCache::new(8, 8)))));
        client.dangerous_offer_early_data_that_may_be_replayed = true;
        let keys = TicketKeys::new(&sim::seeded_provider(), &[[3; 32]]).unwrap();
        let mut policy = TicketPolicy::new(Arc::new(FixedTicketKeys(Arc::new(keys))));
        let filter = ReplayFilter::new(1000, 10_000, 0).named([1; 32]);
        policy.dangerous_accept_early_data_that_may_be_replayed = Some(Arc::new(filter));
        server.tickets = Some(policy);
        let (client, server) = (Arc::new(client), Arc::new(server));
        let mut settings = Settings { client, server, http, promise: None, asks: vec![get()] };
        settings.promise = Some(b"constant".to_vec());
        settings.run(None);
        settings
    }

    /// What happens on another connection: to the client and to the server, and what became of early data.
    fn run(&self, mask: Option<LossMask>) -> (Vec<Happened>, Vec<Happened>, Option<EarlyData>) {
        let mut world = World::new(1);
        let (at_client, at_server): (SocketAddr, SocketAddr) = (CLIENT.parse().unwrap(), SERVER.parse().unwrap());
        world.network().set_both(at_client, at_server, LinkConfig::new(DELAY));
        if let Some(mask) = mask {
            world.network().set_loss_mask(mask);
        }
        let end = |random: SeededRandom, server, http: &Config, asks| {
            let mut config = EndpointConfig::new(sim::seeded_provider(), Arc::new(quic::Config::default()), server);
            config.early_data_context = self.promise.clone().unwrap_or_else(|| h3::early_data_context(http));
            let quic = quic::Endpoint::new(Instant::ZERO, config, Box::new(random));
            End { endpoint: Endpoint::new(quic, http.clone()), handle: None, asks, happened: Vec::new() }
        };
        let (of_client, of_server) = (world.fork_random(), world.fork_random());
        let server = end(of_server, Some(self.server.clone()), &self.http, Vec::new());
        let mut client = end(of_client, None, &Config::default(), self.asks.clone());
        let path = FourTuple { local: at_client, remote: at_server };
        let name = adversary::identity::server_name();
        let handle = client.endpoint.connect(Instant::ZERO, self.client.clone(), name, path).unwrap();
        let server = world.add(&[at_server], server);
        let client = world.add(&[at_client], client);
        world.run_for(Duration::from_secs(9));
        let fate = world.machine(client).endpoint.quic().connection(handle).map(|connection| connection.early_data());
        (world.machine(client).happened.clone(), world.machine(server).happened.clone(), fate)
    }
}

fn post() -> RequestHead {
    RequestHead::new(Method::Post, "https://localhost/").unwrap()
}

/// RFC 8470 section 4-1. RFC 9114 section 10.9-1. T8: what is not safe waits for the end of the handshake, and then goes by itself.
#[test]
fn t8_safe_requests_go_early_and_others_wait() {
    let mut settings = Settings::new(Config::default());
    settings.asks = vec![post(), get()];
    let (client, server, fate) = settings.run(None);
    assert_eq!(fate, Some(EarlyData::Accepted));
    let expected = [
        Happened::CanSendEarly,
        Happened::NotSent(Method::Post, SendError::Blocked),
        Happened::Sent(Method::Get),
        Happened::Established,
        Happened::Sent(Method::Post),
    ];
    assert_eq!(client[..5], expected);
    assert!(client.contains(&Happened::Response(Status::OK, DELAY * 2)), "{client:?}");
    assert_eq!(server[..2], [Happened::Request(Method::Get, false), Happened::Established]);
    assert!(server.contains(&Happened::Request(Method::Post, true)));
}

/// RFC 9114 section 7.2.4.2-5, 7.2.4.2-6: what the server said then holds now, before it has said anything.
#[test]
fn settings_that_were_remembered_are_obeyed() {
    let mut config = Config::default();
    config.limits.max_field_section_size = 1000;
    let mut settings = Settings::new(config);
    let mut large = get();
    large.fields.push("x", "x".repeat(2000)).unwrap();
    settings.asks = vec![large.clone(), get()];
    let (client, ..) = settings.run(None);
    let too_large = Happened::NotSent(Method::Get, SendError::TooLarge);
    assert_eq!(client[..3], [Happened::CanSendEarly, too_large, Happened::Sent(Method::Get)]);
    // A server that has other settings by now refuses early data, and the client learns them with its Finished.
    settings.http.limits.max_field_section_size = 10_000;
    settings.promise = None;
    settings.asks = vec![get()];
    let (client, server, fate) = settings.run(None);
    assert_eq!(fate, Some(EarlyData::Refused));
    assert_eq!(server, [Happened::Established, Happened::Request(Method::Get, true)]);
    assert!(client.contains(&Happened::Response(Status::OK, DELAY * 4)), "{client:?}");
}

/// RFC 9114 section 7.2.4.2-12, 7.2.4.2-13: a server that takes early data and has settings that are less.
#[test]
fn settings_that_break_the_promise_end_the_connection() {
    let mut config = Config { extended_connect: true, ..Config::default() };
    config.limits.max_field_section_size = 1000;
    let less = Config { extended_connect: false, ..config.clone() };
    let mut smaller = config.clone();
    smaller.limits.max_field_section_size = 999;
    let mut more = config.clone();
    more.limits.max_field_section_size = 1001;
    for (other, is_breach) in [(less, true), (smaller, true), (more, false), (config.clone(), false)] {
        let mut settings = Settings::new(config.clone());
        settings.http = other;
        let (client, _, _) = settings.run(None);
        assert_eq!(client.contains(&Happened::Breach(Violation::SettingsReduced)), is_breach, "{client:?}");
    }
}

/// Whatever is lost: every request is answered once.
#[test]
fn every_loss_pattern_of_the_first_seven_datagrams_is_answered() {
    for mask in LossMask::all(7) {
        let mut settings = Settings::new(Config::default());
        settings.asks = vec![get(), get(), get()];
        let (client, server, _) = settings.run(Some(mask));
        let responses = client.iter().filter(|happened| matches!(happened, Happened::Response(Status::OK, _))).count();
        let requests = server.iter().filter(|happened| matches!(happened, Happened::Request(..))).count();
        assert_eq!((responses, requests), (3, 3), "{mask:?}: {client:?}");
    }
}
