//! Servers and clients of events over real sockets: a server that comes and goes, clients that vanish, a bad network.
#![allow(clippy::unwrap_used)] // a test may

use crypto_ring::hash::SHA256;
use posthaste::events::delivery::{Operation, Outcome, Refusal};
use posthaste::events::messages::{Position, Settings};
use posthaste::events::{
    Answer, ClientConfig, ErrorCode, Event, EventClient, EventClientEvent, EventServer, EventServerEvent, MemoryStore,
    PROTOCOL, Rate, Registry, ServerLimits, Store,
};
use posthaste::{Client, Error, Executor, Handle, Identity, Reply, Request, Roots, Server, WebTransportLimits};
use relay::{Path, Relay};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(50);
/// Longer than any test.
const LONG: Duration = Duration::from_secs(3600);
const REGISTRY: &str = "shop orders publish plain:shop-secret\n\
     bill orders fetch plain:bill-secret\n\
     both * publish,fetch plain:both-secret\n\
     root * all plain:root-secret\n";

/// What sessions are on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Carrier {
    Quic,
    WebTransport,
}

/// One store, and servers before it that come and go at one address.
struct World {
    carrier: Carrier,
    handle: Handle,
    identity: Identity,
    store: Arc<dyn Store>,
    address: Cell<Option<SocketAddr>>,
}

impl World {
    fn new(handle: &Handle, carrier: Carrier) -> World {
        let identity = Identity::development(&[]).unwrap();
        let store = Arc::new(MemoryStore::new(posthaste::events::Settings::default()).unwrap());
        World { carrier, handle: handle.clone(), identity, store, address: Cell::new(None) }
    }

    fn events(&self, rate: Rate) -> EventServer {
        let registry = Registry::parse(REGISTRY, SHA256).unwrap();
        EventServer::new(self.store.clone(), registry, ServerLimits { rate, ..ServerLimits::default() })
    }

    fn start(&self, events: &EventServer) -> Server {
        let address = self.address.get().unwrap_or("127.0.0.1:0".parse().unwrap());
        let mut builder = Server::builder(self.identity.clone()).listen(address).name("*");
        // No test is to end by it.
        builder.transport.max_idle_timeout = LONG;
        let builder = builder.webtransport(&WebTransportLimits::default());
        let of_protocol = events.clone();
        let builder = builder.session_protocol(PROTOCOL, move |session| {
            let events = of_protocol.clone();
            async move { events.serve(session).await }
        });
        let events = events.clone();
        let server = builder.start(&self.handle, move |request, reply| answer(events.clone(), request, reply)).unwrap();
        self.address.set(Some(server.addresses()[0]));
        server
    }

    fn client(&self) -> Client {
        let roots = Roots::from_pem(self.identity.certificate_pem().as_bytes()).unwrap();
        Client::builder(roots).webtransport(&WebTransportLimits::default()).build(&self.handle)
    }

    fn connect(&self, name: &str) -> EventClient {
        self.connect_to(self.address.get().unwrap(), name)
    }

    fn url(&self, address: SocketAddr) -> String {
        match self.carrier {
            Carrier::Quic => format!("quic://{address}"),
            Carrier::WebTransport => format!("https://{address}/events"),
        }
    }

    fn connect_to(&self, address: SocketAddr, name: &str) -> EventClient {
        let config = ClientConfig::new(name, format!("{name}-secret"));
        let url = self.url(address);
        EventClient::connect(&self.client(), &url, config, &self.handle).unwrap()
    }
}

async fn answer(events: EventServer, request: Request, reply: Reply) -> Result<(), Error> {
    match events.take(request, reply) {
        Ok(session) => events.accept(session).await,
        Err((_, reply)) => reply.send(404, "").await,
    }
}

const CARRIERS: [Carrier; 2] = [Carrier::Quic, Carrier::WebTransport];

/// On each carrier.
fn run(test: impl AsyncFn(World)) {
    for carrier in CARRIERS {
        let test = &test;
        posthaste::run(|handle: Handle| async move {
            let world = World::new(&handle, carrier);
            let ended = handle.timeout(PATIENCE, test(world)).await;
            assert!(ended.is_ok(), "it takes too long on {carrier:?}");
        })
        .unwrap();
    }
}

const OPEN: Rate = Rate { per_second: 0, burst: 0 };

fn event(id: &str) -> Event {
    Event { id: id.into(), kind: "test".into(), ..Event::default() }
}

#[test]
fn h6_what_one_client_publishes_another_consumes() {
    run(async |world| {
        let _server = world.start(&world.events(OPEN));
        let (shop, bill) = (world.connect("shop"), world.connect("bill"));
        let subscription = bill.subscribe("orders", "billing", Settings::default());
        let data = (0..=255).collect::<Vec<u8>>();
        let published = Event { data: data.into(), message: "grüße".into(), ..event("a") };
        let receipt = shop.publish("orders", &published).await.unwrap();
        assert_eq!((receipt.sequence, receipt.is_duplicate), (1, false));
        assert!(shop.is_connected() && shop.unpublished() == 0);
        assert!(shop.publish("orders", &published).await.unwrap().is_duplicate);
        let received = subscription.next().await.unwrap().unwrap();
        assert_eq!(received.event().unwrap(), published);
        received.acknowledge();
        assert_eq!(bill.close(PATIENCE).await, Ok(()));
        assert_eq!(shop.close(PATIENCE).await, Ok(()));
        let root = world.connect("root");
        let description = root.describe("orders").await.unwrap();
        let figures = &description.namespaces[0];
        assert_eq!((figures.depth, figures.published, figures.duplicates), (1, 1, 1));
        let billing = &figures.subscriptions[0];
        assert_eq!((billing.pending, billing.delivered, billing.acknowledged), (0, 1, 1));
    });
}

#[test]
fn h3_who_has_no_right_is_told() {
    run(async |world| {
        let _server = world.start(&world.events(OPEN));
        let bill = world.connect("bill");
        let refused = bill.publish("orders", &event("a")).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Forbidden);
        assert!(refused.message.contains("publish"), "{refused}");
        let subscription = bill.subscribe("secrets", "s", Settings::default());
        let refused = subscription.next().await.unwrap().unwrap_err();
        assert_eq!(refused.code, ErrorCode::Forbidden);
        let stranger = {
            let config = ClientConfig::new("bill", "another-secret");
            let url = world.url(world.address.get().unwrap());
            EventClient::connect(&world.client(), &url, config, &world.handle).unwrap()
        };
        assert_eq!(stranger.connected().await.unwrap_err().code, ErrorCode::Unauthenticated);
        assert_eq!(stranger.publish("orders", &event("a")).await.unwrap_err().code, ErrorCode::Unauthenticated);
    });
}

#[test]
fn h7_a_client_that_vanishes_before_it_acknowledges_loses_nothing() {
    run(async |world| {
        let _server = world.start(&world.events(OPEN));
        let both = world.connect("both");
        for id in ["a", "b", "c"] {
            both.publish("orders", &event(id)).await.unwrap();
        }
        {
            let gone = world.connect("bill");
            let subscription = gone.subscribe("orders", "s", Settings::default());
            let first = subscription.next().await.unwrap().unwrap();
            assert_eq!(first.event().unwrap().id, "a");
            subscription.next().await.unwrap().unwrap();
            // Dropped without a word.
        }
        let other = world.connect("bill");
        let subscription = other.subscribe("orders", "s", Settings::default());
        let mut seen = BTreeSet::new();
        while seen.len() < 3 {
            let received = subscription.next().await.unwrap().unwrap();
            seen.insert(received.event().unwrap().id);
            received.acknowledge();
        }
        other.close(PATIENCE).await.unwrap();
        let root = world.connect("root");
        assert_eq!(root.describe("orders").await.unwrap().namespaces[0].subscriptions[0].pending, 0);
    });
}

#[test]
fn h10_a_server_that_is_started_again_loses_no_event() {
    run(async |world| {
        let events = RefCell::new(world.events(OPEN));
        let server = RefCell::new(Some(world.start(&events.borrow())));
        let disconnected = Rc::new(Cell::new(0));
        let config = ClientConfig::new("both", "both-secret");
        let url = world.url(world.address.get().unwrap());
        let counting = disconnected.clone();
        let hear = move |event: &EventClientEvent| {
            if let EventClientEvent::Disconnected { .. } = event {
                counting.set(counting.get() + 1);
            }
        };
        let both = EventClient::connect_with_log(&world.client(), &url, config, &world.handle, hear).unwrap();
        // What a session held that has ended is not waited for.
        let settings = Settings { acknowledgment_deadline_ms: 3_600_000, ..Settings::default() };
        let subscription = both.subscribe("orders", "s", settings);
        let mut open = Vec::new();
        let mut seen = BTreeSet::new();
        for round in 0..3 {
            for n in 0..200 {
                open.push(both.publish_soon("orders", &event(&format!("{round}-{n}"))).await.unwrap());
            }
            while seen.len() < 200 * (round + 1) {
                let received = subscription.next().await.unwrap().unwrap();
                seen.insert(received.event().unwrap().id);
                received.acknowledge();
            }
            // Once in good order, once without.
            let old = server.take().unwrap();
            let patience = if round == 1 { Duration::ZERO } else { Duration::from_secs(5) };
            let ended = old.shutdown(patience).await;
            assert_eq!(ended.is_err(), round == 1, "without time a session is not finished: {ended:?}");
            while events.borrow().sessions() > 0 {
                world.handle.sleep(Duration::from_millis(1)).await;
            }
            events.replace(world.events(OPEN));
            server.replace(Some(world.start(&events.borrow())));
        }
        for receipt in open {
            receipt.await.unwrap();
        }
        assert!(disconnected.get() >= 2, "{}", disconnected.get());
        assert_eq!(seen.len(), 600);
        both.close(PATIENCE).await.unwrap();
        let root = world.connect("root");
        let description = root.describe("orders").await.unwrap();
        assert_eq!((description.namespaces[0].published, description.namespaces[0].subscriptions[0].pending), (600, 0));
    });
}

/// QUIC would go on asking until its idle timeout, and over WebTransport the next session would be asked for on the same connection.
#[test]
fn h9_a_server_that_is_silent_is_given_up_with_its_connection() {
    for carrier in CARRIERS {
        let (hang, is_to_hang) = mpsc::channel::<()>();
        let (end, is_to_end) = mpsc::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let hanging = thread::spawn(move || {
            let executor = Executor::new().unwrap();
            let world = World::new(executor.handle(), carrier);
            let server = world.start(&world.events(OPEN));
            ready.send((world.url(world.address.get().unwrap()), world.identity.certificate_pem())).unwrap();
            executor.block_on(async {
                while is_to_hang.try_recv().is_err() {
                    world.handle.sleep(Duration::from_millis(1)).await;
                }
            });
            // Nothing is answered from now on, and nothing is closed.
            let _ = is_to_end.recv();
            drop(server);
        });
        let (url, certificate) = is_ready.recv().unwrap();
        posthaste::run(|handle: Handle| async move {
            let roots = Roots::from_pem(certificate.as_bytes()).unwrap();
            let connect = || {
                let mut builder = Client::builder(roots.clone()).webtransport(&WebTransportLimits::default());
                builder.transport.max_idle_timeout = LONG;
                let client = builder.build(&handle);
                let config = ClientConfig {
                    ping: Duration::from_millis(50),
                    backoff_first: LONG,
                    backoff_most: LONG,
                    ..ClientConfig::new("both", "both-secret")
                };
                let events = EventClient::connect(&client, &url, config, &handle).unwrap();
                (client, events)
            };
            // Three pings are soon over on a busy machine: who has given the server up before is of no use here.
            let connecting = async {
                loop {
                    let (client, events) = connect();
                    if events.connected().await.is_ok() && events.is_connected() {
                        break (client, events);
                    }
                }
            };
            let (client, events) = handle.timeout(PATIENCE, connecting).await.expect("one is not given up");
            assert_eq!(client.connections().len(), 1);
            hang.send(()).unwrap();
            let given_up = async {
                while events.is_connected() || !client.connections().is_empty() {
                    handle.sleep(Duration::from_millis(1)).await;
                }
            };
            handle.timeout(PATIENCE, given_up).await.unwrap_or_else(|_| panic!("on {carrier:?} it is kept"));
        })
        .unwrap();
        end.send(()).unwrap();
        hanging.join().unwrap();
    }
}

#[test]
fn h11_a_thousand_events_come_in_few_frames() {
    run(async |world| {
        let _server = world.start(&world.events(OPEN));
        let both = world.connect("both");
        let mut open = Vec::new();
        for n in 0..1000 {
            open.push(both.publish_soon("orders", &event(&n.to_string())).await.unwrap());
        }
        for (place, receipt) in open.into_iter().enumerate() {
            assert_eq!(receipt.await.unwrap().sequence, place as u64 + 1, "in their order");
        }
        let reader = both.read("orders", Position::default(), 0);
        let mut read = 0;
        while let Some(delivery) = reader.next().await {
            read += 1;
            assert_eq!(delivery.unwrap().sequence, read);
        }
        assert_eq!(read, 1000);
    });
}

#[test]
fn h12_who_publishes_too_fast_is_held_back_and_loses_nothing() {
    run(async |world| {
        let _server = world.start(&world.events(Rate { per_second: 100, burst: 10 }));
        let both = world.connect("both");
        let mut open = Vec::new();
        for n in 0..60 {
            open.push(both.publish_soon("orders", &event(&n.to_string())).await.unwrap());
        }
        let begun = world.handle.read_clock();
        for receipt in open {
            receipt.await.unwrap();
        }
        // However they went together: what is beyond the burst is paid for before the next one.
        both.publish("orders", &event("one more")).await.unwrap();
        let took = world.handle.read_clock() - begun;
        assert!(took >= Duration::from_millis(490), "{took:?}: fifty are beyond the burst");
    });
}

#[test]
fn h15_the_figures_are_those_of_prometheus() {
    run(async |world| {
        let events = world.events(OPEN);
        let _server = world.start(&events);
        let both = world.connect("both");
        let subscription = both.subscribe("orders", "s", Settings::default());
        both.publish("orders", &event("a")).await.unwrap();
        both.publish("orders", &event("b")).await.unwrap();
        let first = subscription.next().await.unwrap().unwrap();
        first.refuse(Duration::ZERO);
        let mut acknowledged = 0;
        while acknowledged < 2 {
            subscription.next().await.unwrap().unwrap().acknowledge();
            acknowledged += 1;
        }
        both.close(PATIENCE).await.unwrap();
        let text = events.metrics().unwrap();
        for line in [
            "posthaste_events_queue_depth{namespace=\"orders\"} 2",
            "posthaste_events_published_total{namespace=\"orders\"} 2",
            "posthaste_events_delivered_total{namespace=\"orders\",subscription=\"s\"} 3",
            "posthaste_events_acknowledged_total{namespace=\"orders\",subscription=\"s\"} 2",
            "posthaste_events_redelivered_total{namespace=\"orders\",subscription=\"s\"} 1",
            "posthaste_events_dead_total{namespace=\"orders\",subscription=\"s\"} 0",
            "posthaste_events_clients_admitted_total 1",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is missing in:\n{text}");
        }
        let mut named = BTreeSet::new();
        for line in text.lines() {
            // Each figure has its kind before it.
            match line.strip_prefix("# TYPE ") {
                Some(of) => assert!(named.insert(of.split(' ').next().unwrap()), "{line} twice"),
                None if line.starts_with('#') => {}
                None => {
                    let name = line.split(['{', ' ']).next().unwrap();
                    assert!(named.contains(name), "{line}");
                    line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
                }
            }
        }
    });
}

#[test]
fn h18_a_server_that_ends_waits_for_acknowledgments() {
    run(async |world| {
        let server = world.start(&world.events(OPEN));
        let both = world.connect("both");
        let subscription = both.subscribe("orders", "s", Settings::default());
        both.publish("orders", &event("a")).await.unwrap();
        let held = subscription.next().await.unwrap().unwrap();
        let ending = world.handle.spawn(async move { server.shutdown(Duration::from_secs(20)).await });
        // Published after the word that the server ends: it waits for the next one.
        let next = both.publish_soon("orders", &event("b")).await.unwrap();
        world.handle.sleep(Duration::from_millis(50)).await;
        assert!(!ending.is_finished(), "one event is in a client's hands");
        held.acknowledge();
        ending.await.unwrap().unwrap();
        let _server = world.start(&world.events(OPEN));
        next.await.unwrap();
        let second = subscription.next().await.unwrap().unwrap();
        assert_eq!((second.event().unwrap().id.as_str(), second.delivery().attempt), ("b", 1));
    });
}

#[test]
fn h18_clients_that_are_sent_away_come_back_and_those_that_work_finish_first() {
    run(async |world| {
        let events = world.events(OPEN);
        let _server = world.start(&events);
        let both = world.connect("both");
        let subscription = both.subscribe("orders", "s", Settings::default());
        both.publish("orders", &event("a")).await.unwrap();
        let held = subscription.next().await.unwrap().unwrap();
        events.go_away("another server is nearer");
        let next = both.publish_soon("orders", &event("b")).await.unwrap();
        held.acknowledge();
        next.await.unwrap();
        let second = subscription.next().await.unwrap().unwrap();
        assert_eq!((second.event().unwrap().id.as_str(), second.delivery().attempt), ("b", 1));
        let metrics = events.metrics().unwrap();
        assert!(metrics.contains("posthaste_events_clients_admitted_total 2\n"), "{metrics}");
    });
}

#[test]
fn on_a_bad_network_all_events_arrive_and_are_acknowledged() {
    run(async |world| {
        let _server = world.start(&world.events(OPEN));
        let words = ["loss=50", "delay=5", "reordering=50", "late=5"];
        let path = Path::parse(words).unwrap();
        let relay = Relay::start(world.address.get().unwrap(), path).unwrap();
        let both = world.connect_to(relay.address(), "both");
        let subscription = both.subscribe("orders", "s", Settings::default());
        let mut open = Vec::new();
        for n in 0..500 {
            open.push(both.publish_soon("orders", &event(&n.to_string())).await.unwrap());
        }
        for n in 0..500 {
            let received = subscription.next().await.unwrap().unwrap();
            assert_eq!(received.event().unwrap().id, n.to_string(), "in their order");
            received.acknowledge();
        }
        for receipt in open {
            receipt.await.unwrap();
        }
        both.close(PATIENCE).await.unwrap();
    });
}

/// A memory store, until its disk is full.
struct Filling {
    store: MemoryStore,
    is_full: Arc<AtomicBool>,
}

impl Store for Filling {
    fn submit(&self, operation: Operation, answer: Answer) {
        match operation {
            Operation::Publish { .. } if self.is_full.load(Ordering::Relaxed) => {
                answer(Outcome::Refused(Refusal::DiskFull));
            }
            operation => self.store.submit(operation, answer),
        }
    }
}

/// Both ends tell of it once, and what was published meanwhile is stored when there is room.
#[test]
fn a_full_disk_is_told_of_and_holds_back_who_publishes() {
    run(async |world| {
        let is_full = Arc::new(AtomicBool::new(true));
        let store = MemoryStore::new(posthaste::events::Settings::default()).unwrap();
        let store = Arc::new(Filling { store, is_full: is_full.clone() });
        let (said, log) = (Arc::new(Mutex::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
        let of_server = said.clone();
        let hear = move |event: &EventServerEvent<'_>| {
            if let EventServerEvent::StoreFails { .. } | EventServerEvent::StoreWorks = event {
                of_server.lock().unwrap().push(event.to_string());
            }
        };
        let registry = Registry::parse(REGISTRY, SHA256).unwrap();
        let _server = world.start(&EventServer::with_log(store, registry, ServerLimits::default(), hear));
        let of_client = log.clone();
        let hear = move |event: &EventClientEvent| {
            if let EventClientEvent::HeldBack { code, reason } = event {
                of_client.borrow_mut().push((*code, reason.clone()));
            }
        };
        let config = ClientConfig::new("both", "both-secret");
        let url = world.url(world.address.get().unwrap());
        let both = EventClient::connect_with_log(&world.client(), &url, config, &world.handle, hear).unwrap();
        let waiting = both.publish_soon("orders", &event("a")).await.unwrap();
        while log.borrow().is_empty() {
            world.handle.sleep(Duration::from_millis(5)).await;
        }
        // It is tried again meanwhile, of which nobody hears.
        world.handle.sleep(Duration::from_millis(350)).await;
        is_full.store(false, Ordering::Relaxed);
        assert_eq!(waiting.await.unwrap().sequence, 1);
        assert_eq!(log.borrow().len(), 1);
        assert_eq!(log.borrow()[0].0, ErrorCode::Full);
        let said = said.lock().unwrap().clone();
        assert!(said.len() == 2 && said[0].contains("hold back") && said[1].contains("again"), "{said:?}");
    });
}
