//! Rogues: peers with real keys that break rules at random, against both sides. Whatever they do, the target holds a bounded
//! amount of memory, sends a bounded amount, either finishes or says what was wrong, forgets them in the end, and serves
//! the others on the same endpoint as if nothing were.
//!
//! `POSTHASTE_SEEDS=10000 cargo test --release -p posthaste-quic --test rogues` runs that many; see `sim::seeds`.

extern crate posthaste_quic as quic;

mod support;

use adversary::identity;
use adversary::{Habit, Metered, Rogue, SecretLog};
use base::{Duration, FourTuple, Instant, Side};
use quic::StreamsConfig;
use quic::{CloseReason, Config};
use sim::oracle::Traffic;
use sim::{Handle, LinkConfig, SeededRandom, Stop, TrafficChecker, World, draw_faults};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use support::{CLIENT, Exchange, Host, SERVER};

#[global_allocator]
static HEAP: adversary::heap::Counting = adversary::heap::Counting;

const COMMAND: &str = "cargo test --release -p posthaste-quic --test rogues";

/// The other peer of the target, who keeps the rules.
const NEIGHBOUR: &str = "192.0.2.77:7777";

/// What the target may hold at any moment with both its connections, its application included. Windows are of 64 KiB each
/// way and connection; the rest is what a connection is made of, packets in flight among it.
const MOST_HELD: isize = 650_000;
/// What is left when all connections are gone: tables that grew.
const MOST_LEFT: isize = 100_000;

#[test]
fn rude_peers_of_a_server_are_served() {
    sim::check_seeds(&format!("{COMMAND} rude_peers_of_a_server"), 60, |seed| {
        Run::new(seed, Side::Server, false).check();
    });
}

#[test]
fn rude_servers_are_put_up_with() {
    sim::check_seeds(&format!("{COMMAND} rude_servers"), 60, |seed| Run::new(seed, Side::Client, false).check());
}

#[test]
fn hostile_peers_of_a_server_do_no_harm() {
    sim::check_seeds(&format!("{COMMAND} hostile_peers_of_a_server"), 150, |seed| {
        Run::new(seed, Side::Server, true).check();
    });
}

#[test]
fn hostile_servers_do_no_harm() {
    sim::check_seeds(&format!("{COMMAND} hostile_servers"), 150, |seed| Run::new(seed, Side::Client, true).check());
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// How long a peer may be silent that keeps the rules: on a bad link, many doubled timers in a row.
fn patience(is_hostile: bool) -> Duration {
    Duration::from_secs(if is_hostile { 30 } else { 300 })
}

fn small(is_hostile: bool) -> Config {
    let mut config = Config { max_idle_timeout: patience(is_hostile), ..Config::default() };
    config.streams = StreamsConfig {
        max_data: 64 << 10,
        max_stream_data_bidi_local: 64 << 10,
        max_stream_data_bidi_remote: 64 << 10,
        max_stream_data_uni: 64 << 10,
        max_stream_window: 64 << 10,
        max_connection_window: 64 << 10,
        stream_send_buffer: 64 << 10,
        connection_send_buffer: 64 << 10,
        ..StreamsConfig::default()
    };
    config
}

/// One rogue, one neighbour, and their target.
struct Run {
    seed: u64,
    target_side: Side,
    is_hostile: bool,
    habits: Vec<Habit>,
    link: LinkConfig,
    exchanges: Vec<Exchange>,
    random: SeededRandom,
}

struct Cast {
    world: World,
    target: Handle<Metered<Host>>,
    rogue: Handle<Rogue<Host>>,
    neighbour: Handle<Host>,
    traffic: Rc<RefCell<TrafficChecker>>,
}

impl Run {
    fn new(seed: u64, target_side: Side, is_hostile: bool) -> Run {
        let mut random = SeededRandom::new(seed ^ 0x0bad_0bad);
        let mut habits: Vec<Habit> = (0..random.below(3)).map(|_| Habit::draw_rude(&mut random)).collect();
        let count = 1 + random.below(2);
        habits.extend(
            (0..count).map(
                |_| {
                    if is_hostile { Habit::draw_hostile(&mut random) } else { Habit::draw_rude(&mut random) }
                },
            ),
        );
        if !is_hostile && target_side == Side::Client {
            // RFC 9000 s9: a server stays where it is.
            habits.retain(|habit| !matches!(habit, Habit::Wanders(_)));
        }
        let mut link = LinkConfig::new(Duration::from_millis(10));
        if random.chance(0.3) {
            link = draw_faults(&mut random);
        }
        link.mtu = 65_000;
        let exchanges = (0..1 + random.below(4))
            .map(|_| Exchange { upload: random.below(60_000), download: random.below(60_000) })
            .collect();
        Run { seed, target_side, is_hostile, habits, link, exchanges, random }
    }

    fn check(mut self) {
        let count = self.exchanges.len();
        let wanted: u64 = self.exchanges.iter().map(|exchange| exchange.upload + exchange.download + 16).sum();
        let mut cast = self.cast();
        let (target, rogue, neighbour) = (cast.target, cast.rogue, cast.neighbour);
        let habits = self.habits.clone();
        cast.world.run_until(Instant::ZERO + Duration::from_secs(2000), |world| {
            let held = world.machine(target).held();
            assert!(held <= MOST_HELD, "{held} bytes are held at {:?}, against {habits:?}", world.now());
            let rogue = world.machine(rogue);
            world.machine(neighbour).completed == NEIGHBOURS
                && (rogue.inner.completed == count || !rogue.inner.closed.is_empty())
        });
        // Others on the same endpoint are served, and exactly.
        let served = cast.world.machine(neighbour);
        assert!(served.completed == NEIGHBOURS && served.closed.is_empty(), "{habits:?}: {:?}", served.closed);
        self.check_rogue(&cast, count);
        let peak = cast.world.machine(target).peak();
        assert!(peak <= MOST_HELD, "{peak} bytes are held for a moment, against {habits:?}");
        self.check_traffic(&cast, wanted);
        self.end(&mut cast);
    }

    /// What became of the rogue's own connection.
    fn check_rogue(&self, cast: &Cast, count: usize) {
        let rogue = cast.world.machine(cast.rogue);
        let habits = &self.habits;
        if !self.is_hostile {
            let inner = &rogue.inner;
            assert!(inner.completed == count && inner.closed.is_empty(), "{habits:?}: {:?}", inner.closed);
            assert!(rogue.closes.is_empty(), "{habits:?}: {:?}", rogue.closes);
        }
        for (code, frame_type) in &rogue.closes {
            // RFC 9000 s20.1: a code of the standard. INTERNAL_ERROR has one meaning here: a stream in more pieces than are
            // held, for which there is no other code.
            let is_fragmented = *code == 0x01 && frame_type.is_some_and(|frame| (0x08..=0x0f).contains(&frame));
            let is_named = is_fragmented || (0x02..=0x10).contains(code) || (0x100..0x200).contains(code);
            assert!(is_named && frame_type.is_some(), "{habits:?}: closed with {code:#x} {frame_type:?}");
        }
    }

    /// The target answers what it gets and no more.
    fn check_traffic(&self, cast: &Cast, wanted: u64) {
        let (traffic, habits) = (cast.traffic.borrow(), &self.habits);
        let (received, sent) = (traffic.sent(address(ROGUE)), traffic.sent(address(TARGET_TO_ROGUE)));
        let seconds = (cast.world.now() - Instant::ZERO).as_nanos() as u64 / 1_000_000_000;
        // Where it has moved to it gets what was under way again, ten datagrams if it never acknowledges any (RFC 9002
        // section 7.2), twice as many probes until their timer is a long one again, and challenges.
        let moves = cast.world.machine(cast.rogue).moves;
        let bound = Traffic {
            datagrams: 150 + received.datagrams + wanted / 400 + 3 * seconds + 30 * moves,
            bytes: 60_000 + received.bytes + wanted * 2 + 2000 * seconds + 36_000 * moves,
        };
        let is_within = sent.datagrams <= bound.datagrams && sent.bytes <= bound.bytes;
        assert!(is_within, "{habits:?}: sent {sent:?} for {received:?}, and {bound:?} would be enough");
    }

    /// The rogue falls silent, the neighbour closes, and the target forgets both.
    fn end(&self, cast: &mut Cast) {
        cast.world.machine_mut(cast.rogue).fall_silent();
        let now = cast.world.now();
        cast.world.machine_mut(cast.neighbour).close(now, 1);
        let stop = cast.world.run_until(now + Duration::from_secs(1000), |_| false);
        assert_eq!(stop, Stop::Idle, "{:?}", self.habits);
        let target = cast.world.machine(cast.target);
        assert!(target.machine.endpoint.is_empty(), "{:?}", self.habits);
        // A first packet that comes again when all is forgotten may begin one more.
        assert!(target.machine.closed.len() >= 2, "{:?}: {:?}", self.habits, target.machine.closed);
        let is_ours = |reason: &CloseReason| matches!(reason, CloseReason::Local { .. });
        assert!(!target.machine.closed.iter().any(is_ours), "{:?}: {:?}", self.habits, target.machine.closed);
        let left = target.held();
        assert!(left <= MOST_LEFT, "{left} bytes are left after {:?}", self.habits);
    }

    fn cast(&mut self) -> Cast {
        let mut world = World::new(self.seed);
        let (target_address, rogue_address) = (address(TARGET_TO_ROGUE), address(ROGUE));
        for rogue_address in rogue_addresses() {
            world.network().set_both(target_address, rogue_address, self.link);
        }
        let traffic = Rc::new(RefCell::new(TrafficChecker::new()));
        let counted = traffic.clone();
        world.observe(move |seen| {
            let FourTuple { local, remote } = seen.four_tuple;
            if seen.is_sent && is_rogue(&local) {
                counted.borrow_mut().on_sent(address(ROGUE), seen.payload.len());
            } else if seen.is_sent && is_rogue(&remote) {
                counted.borrow_mut().on_sent(local, seen.payload.len());
            }
        });
        let secrets = SecretLog::new();
        let (client_tls, server_tls) = identity::pair().clone();
        let (mut rogue_client, mut rogue_server) = ((*client_tls).clone(), (*server_tls).clone());
        rogue_client.key_log = Some(secrets.clone());
        rogue_server.key_log = Some(secrets.clone());
        let exchanges = std::mem::take(&mut self.exchanges);
        let (target_random, rogue_random) = (world.fork_random(), world.fork_random());
        let (neighbour_random, own_random) = (world.fork_random(), self.random.fork());
        let (habits, side) = (self.habits.clone(), self.target_side.peer());
        let path = |local, remote| FourTuple { local, remote };
        let neighbours = || vec![Exchange { upload: 40_000, download: 40_000 }; NEIGHBOURS];
        let client = |random, config| Host::idle_client(Instant::ZERO, random, config);
        let server = |random, config, tls| Host::server(Instant::ZERO, random, config, tls);
        // The neighbour outlives the rogue, however long that takes.
        let patient = Config { keep_alive: Some(Duration::from_secs(10)), ..Config::default() };
        let own = Config { max_idle_timeout: patience(self.is_hostile), ..Config::default() };
        let (target, mut rogue, neighbour);
        match self.target_side {
            Side::Server => {
                target = Metered::new(|| server(target_random, small(self.is_hostile), server_tls));
                let mut inner = client(rogue_random, own);
                inner.connect(Instant::ZERO, Arc::new(rogue_client), path(rogue_address, target_address), exchanges);
                inner.rogue = self.is_hostile.then_some(target_address.ip());
                rogue = Rogue::new(inner, side, secrets, habits, own_random);
                let mut host = client(neighbour_random, patient);
                host.connect(Instant::ZERO, client_tls, path(address(NEIGHBOUR), target_address), neighbours());
                neighbour = host;
            }
            Side::Client => {
                target = Metered::new(|| {
                    let mut target = client(target_random, small(self.is_hostile));
                    let to_rogue = path(target_address, rogue_address);
                    target.connect(Instant::ZERO, client_tls.clone(), to_rogue, exchanges);
                    target.connect(Instant::ZERO, client_tls, path(target_address, address(NEIGHBOUR)), neighbours());
                    target
                });
                let mut inner = server(rogue_random, own, Arc::new(rogue_server));
                inner.rogue = self.is_hostile.then_some(target_address.ip());
                rogue = Rogue::new(inner, side, secrets, habits, own_random);
                neighbour = server(neighbour_random, patient, server_tls);
            }
        }
        let mut target = target;
        target.machine.rogue = self.is_hostile.then_some(rogue_address.ip());
        rogue.others = rogue_addresses().into_iter().skip(1).collect();
        let target = world.add(&[target_address], target);
        let rogue = world.add(&rogue_addresses(), rogue);
        let neighbour = world.add(&[address(NEIGHBOUR)], neighbour);
        Cast { world, target, rogue, neighbour, traffic }
    }
}

const ROGUE: &str = CLIENT;
const TARGET_TO_ROGUE: &str = SERVER;

/// Where the rogue is, and where it may appear as well.
fn rogue_addresses() -> Vec<SocketAddr> {
    let first = address(ROGUE);
    (0..40).map(|number| SocketAddr::new(first.ip(), first.port() + number)).collect()
}

fn is_rogue(other: &SocketAddr) -> bool {
    other.ip() == address(ROGUE).ip()
}

/// Exchanges of the neighbour.
const NEIGHBOURS: usize = 3;
