//! Rogues against HTTP/3 endpoints: peers that break the rules of QUIC under an honest HTTP/3, and peers that keep the rules
//! of QUIC and say anything on its streams. Whatever they do, the target holds a bounded amount of memory, sends a bounded
//! amount, closes with a name if it closes, forgets them in the end, and serves the others as if nothing were.
//!
//! `POSTHASTE_SEEDS=10000 cargo test --release -p posthaste-h3 --test rogues` runs that many; see `sim::seeds`.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_h3 as h3;

#[path = "rogues/talker.rs"]
mod talker;

mod support;

use adversary::{Habit, Metered, Rogue, SecretLog};
use base::{Duration, FourTuple, Instant, Machine, Side};
use quic::CloseReason;
use quic::StreamsConfig;
use sim::oracle::Traffic;
use sim::{Handle, LinkConfig, SeededRandom, Stop, TrafficChecker, World, draw_faults};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use support::{Ask, CLIENT, Host, SERVER, address, tls_pair};
use talker::Talker;

#[global_allocator]
static HEAP: adversary::heap::Counting = adversary::heap::Counting;

const COMMAND: &str = "cargo test --release -p posthaste-h3 --test rogues";

/// The other peer of the target, who keeps the rules.
const NEIGHBOUR: &str = "192.0.2.77:7777";
/// Exchanges of the neighbour.
const NEIGHBOURS: usize = 3;

/// What the target may hold at any moment with both its connections: windows of 64 KiB each way and connection, 256 requests
/// in the application's hands with up to 4 kB of each response, header sections in part, and what connections are made of.
const MOST_HELD: isize = 1_000_000;
/// What is left when all connections are gone: tables that grew.
const MOST_LEFT: isize = 100_000;

#[test]
fn rude_peers_below_http_are_served() {
    for side in [Side::Server, Side::Client] {
        sim::check_seeds(&format!("{COMMAND} rude_peers"), 30, |seed| below(seed, side, false));
    }
}

#[test]
fn hostile_peers_below_http_do_no_harm() {
    for side in [Side::Server, Side::Client] {
        sim::check_seeds(&format!("{COMMAND} hostile_peers"), 80, |seed| below(seed, side, true));
    }
}

#[test]
fn talkers_do_a_server_no_harm() {
    sim::check_seeds(&format!("{COMMAND} talkers_do_a_server"), 150, |seed| talk(seed, Side::Server));
}

#[test]
fn talkers_do_a_client_no_harm() {
    sim::check_seeds(&format!("{COMMAND} talkers_do_a_client"), 150, |seed| talk(seed, Side::Client));
}

fn shared_tls() -> &'static (Arc<tls::ClientConfig>, Arc<tls::ServerConfig>) {
    static TLS: OnceLock<(Arc<tls::ClientConfig>, Arc<tls::ServerConfig>)> = OnceLock::new();
    TLS.get_or_init(tls_pair)
}

/// Breaks the rules of QUIC.
fn below(seed: u64, target_side: Side, is_hostile: bool) {
    let mut random = SeededRandom::new(seed ^ 0x0bad_0bad);
    let mut habits: Vec<Habit> = (0..1 + random.below(2)).map(|_| Habit::draw_rude(&mut random)).collect();
    if is_hostile {
        habits.push(Habit::draw_hostile(&mut random));
    }
    let asks = draw_asks(&mut random);
    let (count, words) = (asks.len(), format!("{habits:?}"));
    let secrets = SecretLog::new();
    let config = quic::Config { max_idle_timeout: patience(is_hostile), ..quic::Config::default() };
    let (client_tls, server_tls) = shared_tls().clone();
    let mut cast = Cast::new(seed, target_side, is_hostile, &mut random, asks.clone(), |random| {
        let mut inner = match target_side {
            Side::Server => {
                let tls = tls::ClientConfig { key_log: Some(secrets.clone()), ..(*client_tls).clone() };
                let mut inner = Host::new(random.fork(), config, None);
                let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
                inner.connect(Instant::ZERO, Arc::new(tls), path, asks);
                inner
            }
            Side::Client => {
                let tls = tls::ServerConfig { key_log: Some(secrets.clone()), ..(*server_tls).clone() };
                Host::new(random.fork(), config, Some(Arc::new(tls)))
            }
        };
        inner.rogue = is_hostile.then(|| address(SERVER));
        Rogue::new(inner, target_side.peer(), secrets, habits, random.fork())
    });
    cast.run(&words, |rogue| rogue.inner.completed == count || !rogue.inner.closed.is_empty());
    let rogue = cast.world.machine(cast.rogue);
    let (closed, closes) = (&rogue.inner.closed, &rogue.closes);
    assert!(is_hostile || (rogue.inner.completed == count && closed.is_empty()), "{words}: {closed:?}");
    for (code, frame_type) in closes {
        // INTERNAL_ERROR has one meaning here: a stream in more pieces than are held.
        let is_fragmented = *code == 0x01 && frame_type.is_some_and(|frame| (0x08..=0x0f).contains(&frame));
        assert!(
            is_fragmented || is_named(*code, frame_type.is_none()),
            "{words}: closed with {code:#x} {frame_type:?}"
        );
    }
    cast.world.machine_mut(cast.rogue).fall_silent();
    cast.end(&words);
}

/// Says anything on streams.
fn talk(seed: u64, target_side: Side) {
    let mut random = SeededRandom::new(seed ^ 0x7a1c);
    let asks = draw_asks(&mut random);
    let words = "a talker";
    let mut cast = Cast::new(seed, target_side, true, &mut random, asks, |random| {
        let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
        let (client, server) = shared_tls().clone();
        match target_side {
            Side::Server => Talker::client(random.fork(), client, path),
            Side::Client => Talker::server(random.fork(), server),
        }
    });
    cast.run(words, |talker| talker.is_done());
    if let Some(reason) = &cast.world.machine(cast.rogue).closed {
        let is_named = match reason {
            CloseReason::PeerApplication { code, .. } => is_named(code.value(), true),
            CloseReason::PeerTransport { code, .. } => is_named(code.0, false),
            // What the target said may have been lost, and then it has nothing more to say.
            CloseReason::IdleTimeout(_) | CloseReason::StatelessReset => true,
            _ => false,
        };
        assert!(is_named, "closed with {reason:?}");
    }
    let now = cast.world.now();
    cast.world.machine_mut(cast.rogue).fall_silent(now);
    cast.end(words);
}

fn draw_asks(random: &mut SeededRandom) -> Vec<Ask> {
    (0..1 + random.below(6)).map(|_| Ask { upload: random.below(20_000), download: random.below(40_000) }).collect()
}

/// Whether a code says what the peer did; not that something went wrong at this side.
fn is_named(code: u64, is_application: bool) -> bool {
    match is_application {
        // RFC 9114 s8.1 and RFC 9204 s6.
        true => ((0x100..=0x110).contains(&code) && code != 0x102) || (0x200..=0x202).contains(&code),
        // RFC 9000 s20.1 and RFC 9001 s4.8.
        false => (0x02..=0x10).contains(&code) || (0x100..0x200).contains(&code),
    }
}

/// How long a peer may be silent that keeps the rules: on a bad link, many doubled timers in a row.
fn patience(is_hostile: bool) -> Duration {
    Duration::from_secs(if is_hostile { 30 } else { 300 })
}

fn small(is_hostile: bool) -> quic::Config {
    let mut config = quic::Config { max_idle_timeout: patience(is_hostile), ..quic::Config::default() };
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
struct Cast<M> {
    world: World,
    target: Handle<Metered<Host>>,
    rogue: Handle<M>,
    neighbour: Handle<Host>,
    traffic: Rc<RefCell<TrafficChecker>>,
    wanted: u64,
}

impl<M: Machine + 'static> Cast<M> {
    fn new(
        seed: u64,
        target_side: Side,
        is_hostile: bool,
        random: &mut SeededRandom,
        asks: Vec<Ask>,
        rogue: impl FnOnce(&mut SeededRandom) -> M,
    ) -> Cast<M> {
        let mut world = World::new(seed);
        let mut link = LinkConfig::new(Duration::from_millis(10));
        if random.chance(0.3) {
            link = draw_faults(random);
        }
        link.mtu = 65_000;
        world.network().set_both(address(CLIENT), address(SERVER), link);
        let wanted = asks.iter().map(|ask| ask.upload + ask.download + 1000).sum();
        let traffic = Rc::new(RefCell::new(TrafficChecker::new()));
        let counted = traffic.clone();
        world.observe(move |seen| {
            let is_between = [seen.four_tuple.local, seen.four_tuple.remote].contains(&address(CLIENT));
            if seen.is_sent && is_between {
                counted.borrow_mut().on_sent(seen.four_tuple.local, seen.payload.len());
            }
        });
        let (client_tls, server_tls) = shared_tls().clone();
        let (target_random, neighbour_random) = (world.fork_random(), world.fork_random());
        // The neighbour outlives the rogue, however long that takes, and has no requests meanwhile.
        let times = h3::TimeLimits { without_requests: Duration::ZERO, ..h3::TimeLimits::default() };
        let lasting = h3::Config { times, ..h3::Config::default() };
        let patient = quic::Config { keep_alive: Some(Duration::from_secs(10)), ..quic::Config::default() };
        let path = |local, remote| FourTuple { local: address(local), remote: address(remote) };
        let neighbours = vec![Ask { upload: 20_000, download: 20_000 }; NEIGHBOURS];
        let (mut target, neighbour);
        match target_side {
            Side::Server => {
                target = Metered::new(|| Host::with_http(target_random, small(is_hostile), lasting, Some(server_tls)));
                let mut host = Host::new(neighbour_random, patient, None);
                host.connect(Instant::ZERO, client_tls, path(NEIGHBOUR, SERVER), neighbours);
                neighbour = host;
            }
            Side::Client => {
                target = Metered::new(|| {
                    let mut target = Host::new(target_random, small(is_hostile), None);
                    target.connect(Instant::ZERO, client_tls.clone(), path(SERVER, CLIENT), asks);
                    target.connect(Instant::ZERO, client_tls, path(SERVER, NEIGHBOUR), neighbours);
                    target
                });
                neighbour = Host::with_http(neighbour_random, patient, lasting, Some(server_tls));
            }
        }
        target.machine.rogue = is_hostile.then(|| address(CLIENT));
        let target = world.add(&[address(SERVER)], target);
        let rogue = rogue(random);
        let rogue = world.add(&[address(CLIENT)], rogue);
        let neighbour = world.add(&[address(NEIGHBOUR)], neighbour);
        Cast { world, target, rogue, neighbour, traffic, wanted }
    }

    /// Until the neighbour is served and the rogue `is_done`, within all bounds.
    fn run(&mut self, words: &str, is_done: impl Fn(&M) -> bool) {
        let (target, rogue, neighbour) = (self.target, self.rogue, self.neighbour);
        self.world.run_until(Instant::ZERO + Duration::from_secs(2000), |world| {
            let held = world.machine(target).held();
            assert!(held <= MOST_HELD, "{held} bytes are held at {:?}, against {words}", world.now());
            world.machine(neighbour).completed == NEIGHBOURS && is_done(world.machine(rogue))
        });
        let served = self.world.machine(neighbour);
        assert!(served.completed == NEIGHBOURS && served.closed.is_empty(), "{words}: {:?}", served.closed);
        let peak = self.world.machine(target).peak();
        assert!(peak <= MOST_HELD, "{peak} bytes are held for a moment, against {words}");
        self.check_traffic(words);
    }

    /// The target answers what it gets and no more: the largest answer to a request of a few bytes is what the application
    /// says to it, which is 1000 bytes here, and what of HTTP is around it.
    fn check_traffic(&self, words: &str) {
        let traffic = self.traffic.borrow();
        let (received, sent) = (traffic.sent(address(CLIENT)), traffic.sent(address(SERVER)));
        let seconds = (self.world.now() - Instant::ZERO).as_nanos() as u64 / 1_000_000_000;
        let bound = Traffic {
            datagrams: 150 + received.datagrams * 2 + self.wanted / 500 + 3 * seconds,
            bytes: 60_000 + received.bytes * 8 + self.wanted * 2 + 2000 * seconds,
        };
        let is_within = sent.datagrams <= bound.datagrams && sent.bytes <= bound.bytes;
        assert!(is_within, "{words}: sent {sent:?} for {received:?}, and {bound:?} would be enough");
    }

    /// The rogue has fallen silent, the neighbour closes, and the target forgets both.
    fn end(&mut self, words: &str) {
        let now = self.world.now();
        let host = self.world.machine_mut(self.neighbour);
        host.now = now;
        host.with_latest(|http, transport| http.close(transport, h3::error_code::H3_NO_ERROR, "done"));
        let stop = self.world.run_until(now + Duration::from_secs(1000), |_| false);
        assert_eq!(stop, Stop::Idle, "{words}");
        let target = self.world.machine(self.target);
        assert!(target.machine.endpoint.quic().is_empty(), "{words}");
        let left = target.held();
        assert!(left <= MOST_LEFT, "{left} bytes are left after {words}");
    }
}
