//! The client's end against the server's, over connections that end at every moment.

use super::server::Shared;
use super::shelf::Shelf;
use crate::bucket::Rate;
use crate::code::ErrorCode;
use crate::delivery::Operation;
use crate::event::Event;
use crate::frame::Frame;
use crate::messages::*;
use crate::protobuf::Message;
use crate::registry::Registry;
use crate::session::client::{Client, Config, ConsumerId, Output, QueueFull, Source, Told};
use crate::session::server::{Limits, Output as Wanted, Session};
use crate::session::{End as _, ToSend};
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use base::{Duration, Instant, Random};
use sim::SeededRandom;

/// What passes between the two, one piece after the other.
#[derive(Debug)]
enum Piece {
    ToServer(u64, ToSend),
    ToClient(u64, ToSend),
}

/// A client, and servers over one store that come and go.
struct World {
    now: Instant,
    client: Client,
    server: Option<Session<Rc<Shared>>>,
    shared: Rc<Shared>,
    shelf: Shelf,
    sessions: u64,
    wire: VecDeque<Piece>,
    told: Vec<Told>,
    /// Publishes and acknowledgments that the store was asked to keep.
    publishes: u64,
    acknowledgments: u64,
    /// Nobody listens.
    is_down: bool,
    pieces: u64,
    /// The connection is lost after so many pieces.
    cut_at: BTreeSet<u64>,
    max_piece: usize,
}

fn config() -> Config {
    Config::new("both", "both-secret")
}

impl World {
    fn new(config: Config, seed: u64) -> World {
        World {
            now: Instant::ZERO,
            client: Client::new(config, Box::new(SeededRandom::new(seed))),
            server: None,
            shared: Shared::new(Rate { per_second: 0, burst: 0 }),
            shelf: Shelf::default(),
            sessions: 0,
            wire: VecDeque::new(),
            told: Vec::new(),
            publishes: 0,
            acknowledgments: 0,
            is_down: false,
            pieces: 0,
            cut_at: BTreeSet::new(),
            max_piece: 50,
        }
    }

    /// Until nothing moves at this time.
    fn settle(&mut self) {
        while self.step() {}
    }

    fn step(&mut self) -> bool {
        if let Some(told) = self.client.poll_told() {
            self.told.push(told);
            return true;
        }
        if let Some(output) = self.client.poll_output() {
            match output {
                Output::Connect if self.is_down => self.client.on_lost(self.now, "nobody listens"),
                Output::Connect => self.connect(),
                Output::Open(stream) => {
                    if let Some(server) = &mut self.server {
                        server.on_stream(stream);
                    }
                }
                Output::Ready(stream) => {
                    while let Some(to_send) = self.client.poll_send(stream) {
                        self.carry(to_send, |piece| Piece::ToServer(stream, piece));
                    }
                }
                Output::Close { .. } => self.hang_up(),
            }
            return true;
        }
        self.step_server() || self.step_wire()
    }

    fn connect(&mut self) {
        self.sessions += 1;
        self.server = Some(Session::new(self.shared.clone(), Limits::default(), self.sessions, self.now));
        self.client.on_connected(self.now);
    }

    fn step_server(&mut self) -> bool {
        if let Some(((session, ticket), outcome)) = self.shelf.poll_answer() {
            if let Some(server) = self.server.as_mut().filter(|_| session == self.sessions) {
                server.on_answer(self.now, ticket, outcome);
            }
            return true;
        }
        let Some(server) = &mut self.server else { return false };
        let Some(wanted) = server.poll_output() else { return false };
        match wanted {
            Wanted::Submit { ticket, operation } => {
                self.publishes += u64::from(matches!(operation, Operation::Publish { .. }));
                self.acknowledgments += u64::from(matches!(operation, Operation::Acknowledge { .. }));
                self.shelf.submit(ticket.map(|ticket| (self.sessions, ticket)), operation);
            }
            Wanted::Ready(stream) => {
                while let Some(to_send) = self.server.as_mut().and_then(|server| server.poll_send(stream)) {
                    self.carry(to_send, |piece| Piece::ToClient(stream, piece));
                }
            }
            Wanted::Authenticated => {}
            Wanted::Close { reason, .. } => {
                self.hang_up();
                self.client.on_lost(self.now, &reason);
            }
        }
        true
    }

    fn carry(&mut self, to_send: ToSend, piece: impl Fn(ToSend) -> Piece) {
        match to_send {
            ToSend::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    let part = bytes.split_to(bytes.len().min(self.max_piece));
                    self.wire.push_back(piece(ToSend::Bytes(part)));
                }
            }
            end => self.wire.push_back(piece(end)),
        }
    }

    fn step_wire(&mut self) -> bool {
        let Some(piece) = self.wire.pop_front() else { return false };
        self.pieces += 1;
        if self.cut_at.contains(&self.pieces) {
            self.hang_up();
            self.client.on_lost(self.now, "cut off");
            return true;
        }
        let (now, client) = (self.now, &mut self.client);
        let Some(server) = &mut self.server else { return true };
        match piece {
            Piece::ToServer(stream, ToSend::Bytes(bytes)) => server.receive(now, stream, bytes),
            Piece::ToServer(stream, ToSend::Finish) => server.on_finished(now, stream),
            Piece::ToServer(stream, _) => server.on_gone(now, stream, ErrorCode::None),
            Piece::ToClient(stream, ToSend::Bytes(bytes)) => client.receive(now, stream, bytes),
            Piece::ToClient(stream, ToSend::Finish) => client.on_finished(now, stream),
            Piece::ToClient(stream, ToSend::Refuse(code) | ToSend::Reset(code)) => client.on_gone(now, stream, code),
        }
        true
    }

    /// The connection is gone, with what was under way; the server's end hears of it.
    fn hang_up(&mut self) {
        self.wire.clear();
        if let Some(mut server) = self.server.take() {
            server.on_lost();
            while let Some(wanted) = server.poll_output() {
                if let Wanted::Submit { ticket, operation } = wanted {
                    self.shelf.submit(ticket.map(|ticket| (self.sessions, ticket)), operation);
                }
            }
        }
    }

    /// Goes on to the next deadline of either, but not beyond `until`.
    fn advance(&mut self, until: Instant) -> bool {
        self.settle();
        let of_server = self.server.as_ref().and_then(Session::deadline);
        let next = [self.client.deadline(), of_server].into_iter().flatten().min().unwrap_or(Instant::MAX);
        if next > until {
            self.now = until;
            return false;
        }
        self.now = self.now.max(next);
        self.client.on_timeout(self.now);
        if let Some(server) = &mut self.server {
            server.on_timeout(self.now);
        }
        self.settle();
        true
    }

    fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.advance(until) {}
    }

    fn publish(&mut self, namespace: &str, id: &str) {
        let event = Event { id: id.into(), ..Event::default() };
        self.client.publish(self.now, namespace, &event).unwrap();
    }

    fn subscribe(&mut self) -> ConsumerId {
        let (namespace, name) = ("orders".to_string(), "s".to_string());
        self.client.consume(Source::Subscription { namespace, name, settings: Settings::default() })
    }

    /// Takes all there is, and acknowledges it.
    fn handle_all(&mut self, consumer: ConsumerId) -> Vec<String> {
        let mut ids = Vec::new();
        while let Some(delivery) = self.client.take(consumer) {
            ids.push(Event::parse(&delivery.event).unwrap().id);
            let handle = Handle { sequence: delivery.sequence, attempt: delivery.attempt };
            self.client.acknowledge(self.now, consumer, handle);
        }
        ids
    }

    fn published(&self) -> usize {
        self.told.iter().filter(|told| matches!(told, Told::Published { .. })).count()
    }

    fn connections(&self) -> usize {
        self.told.iter().filter(|told| matches!(told, Told::Connected(_))).count()
    }
}

#[test]
fn events_go_out_and_come_in() {
    let mut world = World::new(config(), 1);
    let consumer = world.subscribe();
    for n in 0..20 {
        world.publish("orders", &format!("e{n}"));
    }
    world.settle();
    assert_eq!(world.published(), 20);
    let ids = world.handle_all(consumer);
    assert_eq!(ids, (0..20).map(|n| format!("e{n}")).collect::<Vec<_>>());
    world.settle();
    assert_eq!(world.shelf.unacknowledged("orders", "s"), 0);
    assert_eq!(world.client.unpublished(), 0);
}

/// Each acknowledgment costs the store a record and an answer, and those that wait for the same answer go together.
#[test]
fn acknowledgments_go_together_while_others_are_under_way() {
    let mut world = World::new(config(), 1);
    let consumer = world.subscribe();
    for n in 0..200 {
        world.publish("orders", &format!("e{n}"));
    }
    world.settle();
    assert_eq!(world.handle_all(consumer).len(), 200);
    world.settle();
    assert_eq!((world.shelf.unacknowledged("orders", "s"), world.acknowledgments), (0, 3));
}

/// Small ones cost a frame, an operation and an answer each, and what is large is not to wait for answers from far away.
#[test]
fn small_events_go_together_while_others_are_under_way_and_large_ones_do_not_wait() {
    for (size, publishes) in [(10, 3), (20_000, 6)] {
        let mut world = World::new(config(), 1);
        world.max_piece = 100_000;
        world.settle();
        for n in 0..6 {
            let event = Event { id: format!("e{n}"), data: alloc::vec![b'x'; size].into(), ..Event::default() };
            world.client.publish(world.now, "orders", &event).unwrap();
        }
        world.settle();
        assert_eq!((world.published(), world.publishes), (6, publishes), "{size} bytes");
    }
}

/// How many pieces pass in the exchange that is cut at each.
fn exchange(cuts: &[u64]) -> u64 {
    let mut world = World::new(config(), 7);
    world.cut_at = cuts.iter().copied().collect();
    let consumer = world.subscribe();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for round in 0..4 {
        for n in 0..5 {
            world.publish("orders", &format!("e{}", 5 * round + n));
        }
        world.run_for(Duration::from_secs(2));
        for id in world.handle_all(consumer) {
            *seen.entry(id).or_default() += 1;
        }
    }
    for _ in 0..20 {
        world.run_for(Duration::from_secs(2));
        for id in world.handle_all(consumer) {
            *seen.entry(id).or_default() += 1;
        }
    }
    world.settle();
    let ids: Vec<&str> = world.shelf.events("orders").iter().map(|event| &*event.id).collect();
    let expected: Vec<String> = (0..20).map(|n| format!("e{n}")).collect();
    assert_eq!(ids, expected, "cut at {cuts:?}: each is stored once, in order");
    assert_eq!(world.published(), 20, "cut at {cuts:?}: each is told once");
    assert_eq!(seen.len(), 20, "cut at {cuts:?}: each is delivered");
    assert_eq!(world.shelf.unacknowledged("orders", "s"), 0, "cut at {cuts:?}: each is acknowledged");
    assert_eq!(world.client.unpublished(), 0);
    world.pieces
}

#[test]
fn h10_nothing_is_lost_wherever_the_connection_is() {
    let pieces = exchange(&[]);
    assert!(pieces > 60, "{pieces}");
    for cut in 1..=pieces {
        exchange(&[cut]);
    }
    // Twice, with some pieces between.
    for cut in 1..=pieces {
        for between in [1, 2, 3, 7, 20] {
            exchange(&[cut, cut + between]);
        }
    }
}

#[test]
fn h10_a_server_that_is_away_for_five_seconds_loses_no_event() {
    let mut world = World::new(config(), 3);
    let consumer = world.subscribe();
    world.publish("orders", "before");
    world.settle();
    world.is_down = true;
    world.hang_up();
    world.client.on_lost(world.now, "reset");
    for n in 0..10 {
        world.publish("orders", &format!("meanwhile{n}"));
        world.run_for(Duration::from_millis(500));
    }
    assert!(!world.client.is_ready());
    world.is_down = false;
    world.run_for(Duration::from_secs(10));
    assert_eq!((world.published(), world.connections()), (11, 2));
    assert_eq!(world.handle_all(consumer).len(), 11);
}

#[test]
fn h10_attempts_wait_longer_each_time_at_random_up_to_a_cap() {
    let waits = |seed| {
        let mut world = World::new(config(), seed);
        world.is_down = true;
        world.run_for(Duration::from_secs(300));
        let retry = |told: &Told| match told {
            Told::Disconnected { retry_in, .. } => Some(*retry_in),
            _ => None,
        };
        world.told.iter().filter_map(retry).collect::<Vec<Duration>>()
    };
    let one = waits(1);
    for (attempt, wait) in one.iter().enumerate() {
        let whole = Duration::from_millis(100 << attempt.min(20)).min(Duration::from_secs(30));
        assert!((whole / 2..=whole).contains(wait), "{attempt}: {wait:?}");
    }
    assert!((15..30).contains(&one.len()), "{} attempts in five minutes", one.len());
    assert_ne!(one, waits(2), "two clients do not come back together");
}

#[test]
fn h10_who_is_not_let_in_does_not_try_again() {
    let mut world = World::new(Config::new("both", "wrong-secret"), 1);
    world.run_for(Duration::from_secs(100));
    let Some(Told::Closed { code: ErrorCode::Unauthenticated, reason }) = world.told.last() else {
        panic!("{:?}", world.told)
    };
    assert_eq!((reason.as_str(), world.sessions), ("no client of this name has this token", 1));
    assert!(world.client.is_closed() && world.client.deadline().is_none());
    assert_eq!(world.client.publish(world.now, "orders", &Event::default()), Err(QueueFull));
}

#[test]
fn h9_missed_pongs_make_it_connect_again() {
    let mut world = World::new(config(), 1);
    world.run_for(Duration::from_secs(30));
    assert_eq!((world.connections(), world.client.round_trip()), (1, Some(Duration::ZERO)));
    // The server's end is there and says nothing.
    let mut silent = Session::new(world.shared.clone(), Limits::default(), 99, world.now);
    core::mem::swap(world.server.as_mut().unwrap(), &mut silent);
    let lost = world.now;
    while world.connections() == 1 {
        assert!(world.advance(lost + Duration::from_secs(60)), "it takes too long");
    }
    let took = world.now - lost;
    assert!((Duration::from_secs(10)..=Duration::from_secs(21)).contains(&took), "{took:?}");
}

#[test]
fn what_waits_to_be_published_is_bounded() {
    let mut world = World::new(Config { max_queue: 3, ..config() }, 1);
    for n in 0..3 {
        world.publish("orders", &format!("e{n}"));
    }
    let event = Event { id: "x".into(), ..Event::default() };
    assert_eq!(world.client.publish(world.now, "orders", &event), Err(QueueFull));
    world.settle();
    assert!(world.client.publish(world.now, "orders", &event).is_ok());
    let mut world = World::new(Config { max_queue_bytes: 100, ..config() }, 1);
    let large = Event { id: "x".into(), data: alloc::vec![0; 90].into(), ..Event::default() };
    assert!(world.client.publish(world.now, "orders", &large).is_ok());
    assert_eq!(world.client.publish(world.now, "orders", &event).err(), None);
    assert_eq!(world.client.publish(world.now, "orders", &large), Err(QueueFull));
}

#[test]
fn what_is_refused_is_told_and_what_came_too_soon_is_sent_again() {
    let mut world = World::new(config(), 1);
    let large = Event { id: "x".into(), data: alloc::vec![0; 300_000].into(), ..Event::default() };
    world.client.publish(world.now, "orders", &large).unwrap();
    world.settle();
    assert!(
        matches!(world.told.last(), Some(Told::NotPublished { code: ErrorCode::TooLarge, .. })),
        "{:?}",
        world.told.last()
    );
    world.shared = Rc::new(match Rc::into_inner(Shared::new(Rate { per_second: 10, burst: 1 })) {
        Some(shared) => shared,
        None => unreachable!("it is new"),
    });
    let mut limited = World::new(config(), 1);
    limited.shared = world.shared.clone();
    for n in 0..20 {
        limited.publish("orders", &format!("e{n}"));
        limited.settle();
    }
    assert!(limited.published() < 20);
    limited.run_for(Duration::from_secs(5));
    assert_eq!(limited.published(), 20);
    assert_eq!(limited.shelf.events("orders").len(), 20);
}

#[test]
fn a_consumer_is_not_sent_more_than_it_takes() {
    let mut world = World::new(Config { max_unread: 4, ..config() }, 1);
    let consumer = world.subscribe();
    world.settle();
    for n in 0..10 {
        world.publish("orders", &format!("e{n}"));
        world.settle();
    }
    assert_eq!(world.client.unread(consumer), 10, "nothing is lost that has come");
    let stream = 2;
    assert!(!world.client.wants_bytes(stream) && world.client.wants_bytes(1), "but no more is read");
    assert_eq!(world.handle_all(consumer).len(), 10);
    assert!(world.client.wants_bytes(stream));
}

#[test]
fn a_delivery_that_is_refused_comes_again() {
    let mut world = World::new(config(), 1);
    let consumer = world.subscribe();
    world.publish("orders", "a");
    world.settle();
    let first = world.client.take(consumer).unwrap();
    let handle = Handle { sequence: first.sequence, attempt: first.attempt };
    world.client.extend(consumer, handle.clone(), Duration::from_secs(9));
    world.client.refuse(world.now, consumer, handle, Duration::ZERO);
    world.settle();
    let second = world.client.take(consumer).unwrap();
    assert_eq!((second.sequence, second.attempt), (1, 2));
    world.client.end_consumer(consumer);
    world.settle();
    let other = world.subscribe();
    world.settle();
    assert_eq!(
        world.client.take(other).map(|delivery| delivery.attempt),
        Some(3),
        "the end of a consumer gives it back"
    );
}

#[test]
fn what_is_stored_is_read_on_after_a_lost_connection() {
    for cut in 1..40 {
        let mut world = World::new(config(), 1);
        for n in 0..30 {
            world.publish("orders", &format!("e{n}"));
        }
        world.settle();
        world.cut_at.insert(world.pieces + cut);
        let start = Position { kind: 2, sequence: 5, unix_ms: 0 };
        let consumer = world.client.consume(Source::Stored { namespace: "orders".into(), start, max_events: 20 });
        world.run_for(Duration::from_secs(3));
        let mut read = Vec::new();
        while let Some(delivery) = world.client.take(consumer) {
            read.push(delivery.sequence);
        }
        assert_eq!(read, (5..25).collect::<Vec<_>>(), "cut at {cut}");
        assert!(world.told.contains(&Told::Ended { consumer, refused: None }), "{:?}", world.told);
    }
}

#[test]
fn requests_are_answered_once_also_when_the_connection_is_lost() {
    let mut world = World::new(config(), 1);
    world.settle();
    let ask = || Frame::from(Unsubscribe { namespace: "orders".into(), name: "s".into(), request: 0 });
    let id = world.client.request(world.now, ask()).unwrap();
    world.settle();
    assert!(matches!(world.told.last(), Some(Told::Answer(of, Frame::Done(_))) if *of == id));
    world.cut_at.insert(world.pieces + 1);
    let id = world.client.request(world.now, ask()).unwrap();
    world.settle();
    let is_answer = |told: &&Told| matches!(told, Told::Answer(of, Frame::Failure(_)) if *of == id);
    assert_eq!(world.told.iter().filter(is_answer).count(), 1);
    let denied = world.client.request(world.now, Describe::default().into()).unwrap();
    world.run_for(Duration::from_secs(1));
    let is_refused =
        |told: &Told| matches!(told, Told::Answer(of, Frame::Failure(failure)) if *of == denied && failure.code == 6);
    assert!(world.told.iter().any(is_refused), "{:?}", world.told);
}

#[test]
fn h18_a_client_that_ends_has_said_all_and_what_it_holds_it_may_still_acknowledge() {
    let mut world = World::new(config(), 1);
    let consumer = world.subscribe();
    world.publish("orders", "a");
    world.publish("orders", "b");
    world.settle();
    let held = world.client.take(consumer).unwrap();
    world.publish("orders", "c");
    world.client.close(world.now);
    world.settle();
    assert_eq!(world.client.take(consumer), None, "nothing new is delivered");
    assert_eq!(world.published(), 3, "what was given is published");
    assert!(!world.client.is_closed(), "one is in its hands");
    world.client.acknowledge(world.now, consumer, Handle { sequence: held.sequence, attempt: held.attempt });
    world.settle();
    assert!(world.client.is_closed());
    assert!(matches!(world.told.last(), Some(Told::Closed { code: ErrorCode::None, .. })));
    assert_eq!(world.shelf.unacknowledged("orders", "s"), 2);
}

#[test]
fn h18_when_a_server_goes_away_the_client_finishes_and_comes_back() {
    let mut world = World::new(config(), 1);
    let consumer = world.subscribe();
    world.publish("orders", "a");
    world.settle();
    let held = world.client.take(consumer).unwrap();
    let now = world.now;
    world.server.as_mut().unwrap().go_away(now, "a new version", Duration::from_secs(20));
    world.settle();
    assert!(world.told.contains(&Told::GoingAway("a new version".into())));
    world.publish("orders", "b");
    world.run_for(Duration::from_secs(1));
    assert_eq!((world.connections(), world.published()), (1, 1), "what is new waits");
    world.client.acknowledge(world.now, consumer, Handle { sequence: held.sequence, attempt: held.attempt });
    world.run_for(Duration::from_secs(1));
    assert_eq!((world.connections(), world.published()), (2, 2));
    assert_eq!(world.handle_all(consumer), ["b"], "what was acknowledged does not come again");
}

#[test]
fn a_registry_that_has_changed_ends_the_session_and_then_the_client() {
    let mut world = World::new(config(), 1);
    world.settle();
    *world.shared.registry.borrow_mut() = Registry::default();
    let now = world.now;
    world.server.as_mut().unwrap().recheck(now);
    world.run_for(Duration::from_secs(10));
    assert!(world.client.is_closed());
    assert_eq!(world.sessions, 2);
}

/// Seeds: publishes, acknowledgments, cuts and restarts in any order, against what must hold.
#[test]
fn anything_in_any_order_loses_nothing() {
    for seed in 0..300 {
        let mut random = SeededRandom::new(seed);
        let mut below = |most: u64| u64::from_be_bytes(base::random::array(&mut random)) % most;
        let mut world = World::new(config(), seed);
        world.max_piece = 1 + below(200) as usize;
        let consumer = world.subscribe();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut acknowledged: BTreeSet<u64> = BTreeSet::new();
        let mut published = 0;
        for _ in 0..60 {
            match below(10) {
                0..4 => {
                    world.publish("orders", &format!("e{published}"));
                    published += 1;
                }
                4 => {
                    world.cut_at.insert(world.pieces + below(30));
                }
                5 => world.is_down = !world.is_down,
                6 | 7 => seen.extend(world.handle_all(consumer)),
                8 => {
                    if let Some(delivery) = world.client.take(consumer) {
                        assert!(!acknowledged.contains(&delivery.sequence), "seed {seed}");
                        let handle = Handle { sequence: delivery.sequence, attempt: delivery.attempt };
                        world.client.refuse(world.now, consumer, handle, Duration::ZERO);
                    }
                }
                _ => world.run_for(Duration::from_millis(below(3000))),
            }
            if below(2) == 0 {
                world.settle();
            }
            if world.shelf.unacknowledged("orders", "s") == 0 {
                acknowledged.extend(1..=world.shelf.events("orders").len() as u64);
            }
        }
        world.is_down = false;
        for _ in 0..10 {
            world.run_for(Duration::from_secs(40));
            seen.extend(world.handle_all(consumer));
        }
        world.settle();
        assert_eq!(world.published(), published, "seed {seed}");
        assert_eq!(world.shelf.events("orders").len(), published, "seed {seed}");
        assert_eq!(seen.len(), published, "seed {seed}");
        assert_eq!(world.shelf.unacknowledged("orders", "s"), 0, "seed {seed}");
    }
}

#[test]
fn random_bytes_from_a_server_are_no_more_than_a_lost_connection() {
    for seed in 0..2000u64 {
        let mut random = SeededRandom::new(seed);
        let mut client = Client::new(config(), Box::new(SeededRandom::new(seed)));
        client.on_connected(Instant::ZERO);
        let mut bytes = [0; 64];
        random.fill(&mut bytes);
        bytes[0] = 1;
        bytes[1] %= 0x42;
        let len = u32::from(bytes[6] % 60);
        bytes[2..6].copy_from_slice(&len.to_be_bytes());
        client.receive(Instant::ZERO, 1, base::Bytes::copy_from_slice(&bytes));
        client.on_finished(Instant::ZERO, 1);
        assert!(!client.is_ready());
    }
}

/// Who waits for a server whose disk is full learns why, and not each time that it is tried again.
#[test]
fn a_server_that_stores_nothing_for_now_is_told_of_once() {
    let mut client = Client::new(config(), Box::new(SeededRandom::new(1)));
    let (mut now, mut reader) = (Instant::ZERO, crate::frame::FrameReader::new(1 << 20));
    client.on_connected(now);
    let mut sent = |client: &mut Client| {
        while let Some(output) = client.poll_output() {
            let Output::Ready(stream) = output else { continue };
            while let Some(ToSend::Bytes(bytes)) = client.poll_send(stream) {
                if stream == 2 {
                    reader.push(bytes);
                }
            }
        }
        core::iter::from_fn(|| reader.next_frame().unwrap()).last()
    };
    let ack = AuthAck { max_frame: 1 << 20, max_requests: 8, ..AuthAck::default() };
    client.receive(now, 1, Frame::from(ack).encoded());
    let mut told = Vec::new();
    for is_stored in [false, false, true, false] {
        if client.unpublished() == 0 {
            client.publish(now, "orders", &Event { id: "a".into(), ..Event::default() }).unwrap();
        }
        let Some(Frame::Publish(publish)) = sent(&mut client) else { panic!("it is sent, and sent again") };
        let answer: Frame = if is_stored {
            let published = Vec::from([Stored { sequence: 1, is_duplicate: false }]);
            PublishAck { request: publish.request, published }.into()
        } else {
            let code = ErrorCode::Full.number();
            Failure { request: publish.request, code, message: "the disk is full".into() }.into()
        };
        client.receive(now, 2, answer.encoded());
        let news = core::iter::from_fn(|| client.poll_told());
        told.extend(news.filter_map(|told| match told {
            Told::HeldBack { code, message } => Some(format!("{code:?}: {message}")),
            Told::Published { .. } => Some("stored".to_string()),
            _ => None,
        }));
        now += Duration::from_millis(200);
        client.on_timeout(now);
    }
    assert_eq!(told, ["Full: the disk is full", "stored", "Full: the disk is full"]);
}
