//! Many seeds of mixed faults in both directions, of mixed settings on both sides, some with a client whose address changes:
//! every exchange completes, every byte arrives, nothing is held or sent beyond its limit, and in the end nothing is left.
//!
//! `POSTHASTE_SEEDS=100000 cargo test --release -p posthaste-quic --test faults` runs that many; see `sim::seeds`.

extern crate posthaste_quic as quic;

mod support;

use base::{Duration, Instant, VarInt};
use quic::wire::header::Header;
use quic::{CloseReason, Config, MigrateError, StreamsConfig, Version, Versions};
use sim::oracle::Traffic;
use sim::{AmplificationChecker, LinkConfig, Nat, SeededRandom, Stop, TrafficChecker, World, draw_faults};
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use support::{CLIENT, Exchange, Host, Pair, SECOND, SERVER};

const COMMAND: &str = "cargo test --release -p posthaste-quic --test faults";

/// RFC 9000 section 8.1-4, 14.1-1, 14.1-2, 8-1, 12.4-1, 2.2-1.
/// RFC 9001 section 9.3-1.
#[test]
fn every_seed_of_mixed_faults_completes_within_bounds() {
    sim::check_seeds(COMMAND, 600, run);
}

fn run(seed: u64) {
    let mut random = SeededRandom::new(seed);
    let (there, back) = (draw_faults(&mut random), draw_faults(&mut random));
    let exchanges: Vec<Exchange> = (0..1 + random.below(5))
        .map(|_| Exchange { upload: random.below(300_001), download: random.below(300_001) })
        .collect();
    let (client, server) = (draw_config(&mut random), draw_config(&mut random));
    let client_closes = random.chance(0.5);
    let moves = if random.chance(0.3) { draw_moves(&mut random) } else { Vec::new() };
    Run { seed, there, back, exchanges, client, server, client_closes, moves }.check();
}

/// The client appears under another address.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Move {
    /// A translator before it forgets it, and it does not know.
    Rebound(SocketAddr),
    /// It migrates to its other address, or back.
    Own,
}

/// Changes of address, and how long after the one before, the first after the handshake is confirmed (RFC 9000 section 9).
fn draw_moves(random: &mut SeededRandom) -> Vec<(Duration, Move)> {
    let within = Duration::from_millis(1 << random.below(13));
    let is_translated = random.chance(0.7);
    let count = 1 + random.below(if is_translated { 12 } else { 3 });
    let draw = |number| {
        // Another port, or another host.
        let host = if random.chance(0.5) { 1 } else { number as u8 };
        let outside = SocketAddr::from(([198, 51, 100, host], 10_000 + number as u16));
        (random.duration(within), if is_translated { Move::Rebound(outside) } else { Move::Own })
    };
    (1..=count).map(draw).collect()
}

/// Settings of one side, of which each is the default for half of all seeds.
fn draw_config(random: &mut SeededRandom) -> Config {
    let mut draw = |default: u64, least: u64, most: u64| {
        let (is_default, value) = (random.chance(0.5), least + random.below(most - least));
        if is_default { default } else { value }
    };
    let streams = StreamsConfig::default();
    let mut config = Config {
        // A bad link needs many doubled timers in a row now and then.
        handshake_timeout: Duration::from_secs(300),
        max_idle_timeout: Duration::from_secs(300),
        max_ack_delay: Duration::from_micros(draw(25_000, 0, 200_000)),
        active_connection_id_limit: draw(4, 2, 9),
        max_udp_payload_size: draw(1452, 1200, 1500) as u16,
        key_update_packets: draw(1 << 22, 10, 1000),
        ..Config::default()
    };
    config.streams = StreamsConfig {
        max_data: draw(streams.max_data, 2_000, 100_000),
        max_stream_data_bidi_local: draw(streams.max_stream_data_bidi_local, 2_000, 100_000),
        max_stream_data_bidi_remote: draw(streams.max_stream_data_bidi_remote, 2_000, 100_000),
        max_streams_bidi: draw(streams.max_streams_bidi, 1, 5),
        max_stream_window: draw(streams.max_stream_window, 2_000, 100_000),
        max_connection_window: draw(streams.max_connection_window, 2_000, 100_000),
        stream_send_buffer: draw(streams.stream_send_buffer, 2_000, 100_000),
        connection_send_buffer: draw(streams.connection_send_buffer, 2_000, 100_000),
        ..streams
    };
    (config.versions, config.grease) = (draw_versions(random), random.chance(0.5));
    config
}

/// What a connection of these settings may hold in its streams' buffers.
fn most_buffered(config: &Config) -> u64 {
    let streams = &config.streams;
    // A window that is advertised larger than it may grow to stays.
    streams.connection_send_buffer + streams.max_connection_window.max(streams.max_data)
}

struct Run {
    seed: u64,
    there: LinkConfig,
    back: LinkConfig,
    exchanges: Vec<Exchange>,
    client: Config,
    server: Config,
    client_closes: bool,
    moves: Vec<(Duration, Move)>,
}

impl Run {
    fn check(mut self) {
        let count = self.exchanges.len();
        let (client_address, server_address) = (address(CLIENT), address(SERVER));
        let sent_by_client: u64 = self.exchanges.iter().map(|exchange| exchange.upload + 16).sum();
        let sent_by_server: u64 = self.exchanges.iter().map(|exchange| exchange.download).sum();
        let most = [most_buffered(&self.client), most_buffered(&self.server)];
        if !self.moves.is_empty() {
            // A client that says nothing cannot be found again: only its packets open the translator.
            self.client.keep_alive = Some(Duration::from_secs(1));
        }
        let mut pair = Pair::with(self.seed, self.there, self.exchanges, self.client, self.server);
        for client in [client_address, address(SECOND)] {
            pair.world.network().set_link(client, server_address, self.there);
            pair.world.network().set_link(server_address, client, self.back);
        }
        let traffic = watch(&mut pair);
        let hosts = [pair.client, pair.server];
        let limit = Instant::ZERO + Duration::from_secs(3000);
        let mut moves = Moves { client: pair.client, left: self.moves.clone(), last: None };
        pair.world.run_until(limit, |world| {
            moves.make(world);
            for (host, most) in hosts.into_iter().zip(most) {
                let host = world.machine(host);
                if let Some(connection) = host.handle.and_then(|handle| host.endpoint.connection(handle)) {
                    let stats = connection.stats();
                    assert!(stats.buffered <= most && stats.open_streams <= count, "{stats:?}, and {most} bytes");
                }
            }
            hosts.into_iter().all(|host| world.machine(host).completed == count)
        });
        pair.complete(count, Duration::from_secs(3000));
        assert!(hosts.into_iter().all(|host| pair.world.machine(host).closed.is_empty()));
        let took = pair.world.now() - Instant::ZERO;
        end(&mut pair, self.client_closes);
        let traffic = traffic.borrow();
        let moves = self.moves.len() as u64;
        traffic.check(client_address, enough(sent_by_client, sent_by_server, took, moves));
        traffic.check(server_address, enough(sent_by_server, sent_by_client, took, moves));
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

/// How much an end may send that has `own` bytes to bring over and takes `peers` bytes: with up to a fifth of it lost one
/// way or another, acknowledgments for what comes, credit in small windows, and probes as long as nothing gets through.
/// With each move what was under way may be lost, and other paths are asked.
fn enough(own: u64, peers: u64, took: Duration, moves: u64) -> Traffic {
    let seconds = took.as_nanos() as u64 / 1_000_000_000;
    let datagrams = 120 + own / 400 + peers / 800 + 3 * seconds + 60 * moves;
    Traffic { datagrams, bytes: 30_000 + own * 2 + peers / 8 + 1_000 * seconds + 60_000 * moves }
}

/// Moves that are still to come.
struct Moves {
    client: sim::Handle<Host>,
    left: Vec<(Duration, Move)>,
    /// When the one before was made.
    last: Option<Instant>,
}

impl Moves {
    /// Those that are due.
    fn make(&mut self, world: &mut World) {
        let now = world.now();
        if self.last.is_none() {
            if !world.machine(self.client).confirmed {
                return;
            }
            self.last = Some(now);
            self.translate(world, now);
        }
        while let (Some(last), Some((after, Move::Own))) = (self.last, self.left.first().copied())
            && last + after <= now
        {
            self.left.remove(0);
            self.last = Some(now);
            migrate(world.machine_mut(self.client), now);
        }
    }

    /// A translator that shows the client under its own address so far.
    fn translate(&mut self, world: &mut World, now: Instant) {
        let client = address(CLIENT);
        let (mut nat, mut at) = (Nat::new(client, client), now);
        while let Some((after, Move::Rebound(outside))) = self.left.first().copied() {
            self.left.remove(0);
            at += after;
            nat.rebind(at, outside);
        }
        world.network().add_nat(nat);
    }
}

/// To where it is not.
fn migrate(client: &mut Host, now: Instant) {
    let Some(connection) = client.handle.and_then(|handle| client.endpoint.connection_mut(handle)) else { return };
    let here = connection.four_tuple().local;
    let [first, second] = [address(CLIENT), address(SECOND)];
    let result = connection.migrate(now, if here == first { second } else { first });
    // The move before may still be under way, or have taken the last connection ID.
    assert!(
        matches!(
            result,
            Ok(()) | Err(MigrateError::InUse | MigrateError::NoConnectionId { .. } | MigrateError::NotConfirmed)
        ),
        "{result:?}"
    );
}

/// Watches what is on the wire: amplification, sizes, amounts.
fn watch(pair: &mut Pair) -> Rc<RefCell<TrafficChecker>> {
    let server_address = address(SERVER);
    let traffic = Rc::new(RefCell::new(TrafficChecker::new()));
    let (counted, mut amplification) = (traffic.clone(), AmplificationChecker::new());
    pair.world.observe(move |seen| {
        let (local, remote) = (seen.four_tuple.local, seen.four_tuple.remote);
        let header = Header::decode_greased(seen.payload, 8);
        if seen.is_sent {
            let local = if local == address(SECOND) { address(CLIENT) } else { local };
            counted.borrow_mut().on_sent(local, seen.payload.len());
        }
        if seen.is_sent && local == server_address {
            amplification.on_sent(remote, seen.payload.len());
        } else if seen.is_sent {
            // RFC 9000 s14.1: a client's datagram with an Initial packet has its least size.
            assert!(!matches!(header, Ok(Header::Initial(_))) || seen.payload.len() >= 1200);
        } else if local == server_address {
            amplification.on_received(remote, seen.payload.len());
            // The server cannot be done with the handshake before a Handshake packet of the client arrived, and then
            // nothing is limited.
            if follows_initial(&header, seen.payload) {
                amplification.on_validated(remote);
            }
        }
    });
    traffic
}

/// One end closes; both forget the connection, and nothing is left that would ever happen.
fn end(pair: &mut Pair, client_closes: bool) {
    let (closes, other) = if client_closes { (pair.client, pair.server) } else { (pair.server, pair.client) };
    let now = pair.world.now();
    pair.world.machine_mut(closes).close(now, 77);
    let stop = pair.world.run_until(now + Duration::from_secs(2000), |_| false);
    assert_eq!(stop, Stop::Idle, "something goes on after the end");
    assert_eq!(pair.world.machine(closes).closed, [CloseReason::Local { code: VarInt::from_u32(77) }]);
    // All copies of the close may be lost, and then its silence says the same.
    let is_told = |reason: &CloseReason| match reason {
        CloseReason::PeerApplication { code, .. } => code.value() == 77,
        CloseReason::IdleTimeout(_) | CloseReason::StatelessReset => true,
        _ => false,
    };
    let told = &pair.world.machine(other).closed;
    assert!(told.len() == 1 && told.iter().all(is_told), "{told:?}");
    let is_empty = |host: sim::Handle<Host>| pair.world.machine(host).endpoint.is_empty();
    assert!(is_empty(closes) && is_empty(other));
}

/// Whether a datagram holds more than Initial packets, which may be a packet of the handshake.
fn follows_initial(header: &Result<Header, quic::Discard>, payload: &[u8]) -> bool {
    match header {
        Ok(Header::Initial(long)) if long.end < payload.len() => {
            let rest = &payload[long.end..];
            follows_initial(&Header::decode_greased(rest, 8), rest)
        }
        Ok(Header::Initial(_)) => false,
        _ => true,
    }
}

/// Both ends speak version 1, and perhaps version 2 as well, which perhaps they like better.
fn draw_versions(random: &mut SeededRandom) -> Versions {
    let (both, better) = ([Version::V1, Version::V2], [Version::V2, Version::V1]);
    let list: &[Version] = [&both[..], &better, &both[..1]][random.below(3) as usize];
    let versions = Versions::new(list).expect("versions that are spoken");
    let first = list[random.below(list.len() as u64) as usize];
    versions.beginning_with(first).expect("one of the list")
}
