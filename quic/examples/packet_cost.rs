//! What a packet costs, without a kernel: a sender and a receiver in one process hand each other their datagrams, batch by
//! batch, as a driver would.
//!
//!     cargo run --release -p posthaste-quic --example packet_cost [megabytes] [idle connections] [largest payload]
//!
//! Both ends share a core and its caches, so the figures are for comparing two builds, and for profiles: run it under
//! `perf record` or `valgrind --tool=callgrind` to see where the time goes. With idle connections there are two pairs of ends, one that
//! has no others and one that has them, and they take turns round by round, so that what else happens on the machine concerns both. This
//! counts the instructions of the transfers of one of them, `alone` or `beside`:
//!
//!     valgrind --tool=callgrind --collect-atstart=no --toggle-collect='*round_beside*' packet_cost 20 10000
#![allow(clippy::unwrap_used, reason = "a measurement that fails here fails")]

extern crate posthaste_quic as quic;

use base::{Bytes, Datagram, Direction, Duration, FourTuple, Instant, Machine, StreamId};
use quic::Read;
use quic::{Config, ConnectionHandle, Endpoint, EndpointConfig, EndpointEvent, Event, StreamEvent};
use sim::SeededRandom;
use std::sync::Arc;

const SERVER: &str = "192.0.2.2:443";
/// What the driver receives and sends in one turn.
const BATCH: usize = 65_000;
/// What is measured is measured so many times.
const ROUNDS: u64 = 21;
/// How long a batch takes on the way: less than is paced.
const TRAVEL: Duration = Duration::from_micros(20);

struct FixedClock;

impl tls::WallClock for FixedClock {
    fn unix_seconds(&self) -> u64 {
        sim::fixed_clock()
    }
}

/// Real time spent, in nanoseconds.
#[derive(Clone, Copy, Default)]
struct Spent {
    writing: u128,
    transmitting: u128,
    receiving: u128,
    reading: u128,
    acknowledging: u128,
    acknowledged: u128,
}

struct Pair {
    now: Instant,
    client: Endpoint,
    server: Endpoint,
    buffer: Vec<u8>,
    spent: Spent,
    batches: u64,
}

fn timed<T>(total: &mut u128, work: impl FnOnce() -> T) -> T {
    let began = std::time::Instant::now();
    let result = work();
    *total += began.elapsed().as_nanos();
    result
}

/// Carries one batch from one endpoint to the other. False if there was none.
fn carry(
    now: Instant,
    buffer: &mut [u8],
    (from, sending): (&mut Endpoint, &mut u128),
    (to, receiving): (&mut Endpoint, &mut u128),
) -> bool {
    let Some(transmit) = timed(sending, || from.transmit(now, buffer)) else { return false };
    let path = FourTuple { local: transmit.four_tuple.remote, remote: transmit.four_tuple.local };
    timed(receiving, || {
        for payload in buffer[..transmit.len].chunks_mut(transmit.segment_size) {
            to.receive(now, Datagram { four_tuple: path, ecn: transmit.ecn, payload });
        }
    });
    true
}

impl Pair {
    fn new(largest_payload: u16) -> (Pair, Arc<tls::ClientConfig>) {
        let provider = crypto_ring::provider();
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
        let certified = tls::CertifiedKey { chain: vec![identity.certificate], key };
        let resolver = Arc::new(tls::Single(Arc::new(certified)));
        let (clock, alpn) = (Arc::new(FixedClock), vec![b"cost".to_vec()]);
        let verification = tls::ServerVerification::Roots(Arc::new(roots));
        let client_tls = tls::ClientConfig::new(provider, verification, alpn.clone(), clock.clone());
        let server_tls = Arc::new(tls::ServerConfig::new(provider, resolver, alpn, clock));
        let config = Arc::new(Config {
            max_udp_payload_size: largest_payload,
            max_idle_timeout: Duration::from_secs(1 << 20),
            ..Config::default()
        });
        let endpoint = |server, seed| {
            let mut config = EndpointConfig::new(provider, config.clone(), server);
            config.max_connections = usize::from(u16::MAX) * 16;
            Endpoint::new(Instant::ZERO, config, Box::new(SeededRandom::new(seed)))
        };
        let pair = Pair {
            now: Instant::ZERO,
            client: endpoint(None, 1),
            server: endpoint(Some(server_tls), 2),
            buffer: vec![0; BATCH],
            spent: Spent::default(),
            batches: 0,
        };
        (pair, Arc::new(client_tls))
    }

    /// Runs until there is nothing to carry in either direction.
    fn settle(&mut self) {
        let mut ignored = (0, 0);
        while carry(self.now, &mut self.buffer, (&mut self.client, &mut ignored.0), (&mut self.server, &mut ignored.1))
            || carry(self.now, &mut self.buffer, (&mut self.server, &mut ignored.0), (&mut self.client, &mut ignored.1))
        {
            self.now += TRAVEL;
        }
    }

    /// A connection, its handshake confirmed.
    fn connect(&mut self, tls: &Arc<tls::ClientConfig>, port: u16) -> ConnectionHandle {
        let name = x509::ServerName::parse("localhost").unwrap();
        let path = FourTuple { local: ([192, 0, 2, 1], port).into(), remote: SERVER.parse().unwrap() };
        let handle = self.client.connect(self.now, tls.clone(), name, path).unwrap();
        self.settle();
        // The last acknowledgments wait for their time.
        for _ in 0..4 {
            self.now += Duration::from_millis(30);
            self.client.on_timeout(self.now);
            self.server.on_timeout(self.now);
            self.settle();
        }
        while let Some(EndpointEvent::Ready(ready)) = self.client.poll_event() {
            while self.client.connection_mut(ready).unwrap().poll_event().is_some() {}
        }
        while let Some(EndpointEvent::Ready(ready)) = self.server.poll_event() {
            while self.server.connection_mut(ready).unwrap().poll_event().is_some() {}
        }
        handle
    }

    /// Bytes from client to server over one stream.
    #[inline(never)] // so that a profiler finds it
    fn upload(&mut self, handle: ConnectionHandle, id: StreamId, mut bytes: u64) {
        let content = Bytes::from((0..1 << 20).map(|at| at as u8).collect::<Vec<u8>>());
        let (mut pending, mut left, mut wants) = (Bytes::new(), bytes, true);
        while bytes > 0 {
            timed(&mut self.spent.writing, || {
                while let Some(EndpointEvent::Ready(ready)) = self.client.poll_event() {
                    while let Some(event) = self.client.connection_mut(ready).unwrap().poll_event() {
                        wants |= matches!(event, Event::Stream(StreamEvent::Writable(_), _));
                    }
                }
                while std::mem::take(&mut wants) && left > 0 {
                    if pending.is_empty() {
                        pending = content.slice(0..left.min(1 << 20) as usize);
                    }
                    let taken = self.client.connection_mut(handle).unwrap().write(id, &mut pending).unwrap();
                    left -= taken as u64;
                    wants = pending.is_empty();
                }
            });
            let spent = &mut self.spent;
            for _ in 0..4 {
                let from = (&mut self.client, &mut spent.transmitting);
                self.batches +=
                    u64::from(carry(self.now, &mut self.buffer, from, (&mut self.server, &mut spent.receiving)));
            }
            self.now += TRAVEL;
            timed(&mut spent.reading, || {
                while let Some(EndpointEvent::Ready(ready)) = self.server.poll_event() {
                    let connection = self.server.connection_mut(ready).unwrap();
                    while let Some(event) = connection.poll_event() {
                        let Event::Stream(StreamEvent::Readable(id), _) = event else { continue };
                        while let Ok(Read::Data(data)) = connection.read(id, 1 << 20) {
                            bytes -= data.len() as u64;
                        }
                    }
                }
            });
            let from = (&mut self.server, &mut spent.acknowledging);
            carry(self.now, &mut self.buffer, from, (&mut self.client, &mut spent.acknowledged));
            self.now += TRAVEL;
            self.client.on_timeout(self.now);
            self.server.on_timeout(self.now);
        }
    }
}

/// What was counted of one measurement.
struct Measured {
    packets: u64,
    batches: u64,
    spent: Spent,
}

/// A pair of ends and the stream over which they transfer.
struct Transfer {
    pair: Pair,
    tls: Arc<tls::ClientConfig>,
    handle: ConnectionHandle,
    id: StreamId,
}

impl Transfer {
    fn new(largest_payload: u16) -> Transfer {
        let (mut pair, tls) = Pair::new(largest_payload);
        let handle = pair.connect(&tls, 1000);
        let id = pair.client.connection_mut(handle).unwrap().open(Direction::Bidirectional).unwrap();
        Transfer { pair, tls, handle, id }
    }

    /// Further connections that do nothing.
    fn connect_idle(&mut self, count: u64) {
        for number in 0..count {
            self.pair.connect(&self.tls, 2000 + (number % 60_000) as u16);
        }
        assert_eq!(self.pair.server.len() as u64, count + 1, "every connection is open");
    }

    fn round(&mut self, bytes: u64) -> Measured {
        (self.pair.spent, self.pair.batches) = (Spent::default(), 0);
        let before = self.packets();
        self.pair.upload(self.handle, self.id, bytes);
        Measured { packets: self.packets() - before, batches: self.pair.batches, spent: self.pair.spent }
    }

    fn packets(&self) -> u64 {
        self.pair.client.connection(self.handle).unwrap().stats().packets_sent
    }
}

/// The same with names that a profiler finds.
#[inline(never)]
fn round_alone(transfer: &mut Transfer, bytes: u64) -> Measured {
    transfer.round(bytes)
}

#[inline(never)]
fn round_beside(transfer: &mut Transfer, bytes: u64) -> Measured {
    transfer.round(bytes)
}

/// The round that cost least: the one that was disturbed least by others on the machine.
fn cheapest(rounds: impl Iterator<Item = Measured>) -> Measured {
    rounds.min_by(|one, other| one.each().total_cmp(&other.each())).expect("there are rounds")
}

impl Measured {
    /// Nanoseconds for each packet, of both ends.
    fn each(&self) -> f64 {
        let Spent { writing, transmitting, receiving, reading, acknowledging, acknowledged } = self.spent;
        (writing + transmitting + receiving + reading + acknowledging + acknowledged) as f64 / self.packets as f64
    }

    /// The same, and what they were spent on.
    fn print(&self, mtu: usize) {
        let each = |spent: u128| spent as f64 / self.packets as f64;
        println!(
            "{} packets of {mtu} bytes, {:.1} to a batch",
            self.packets,
            self.packets as f64 / self.batches as f64
        );
        let Spent { writing, transmitting, receiving, reading, acknowledging, acknowledged } = self.spent;
        let sender = [("write", writing), ("transmit", transmitting), ("take acknowledgments", acknowledged)];
        let receiver = [("receive", receiving), ("read", reading), ("acknowledge", acknowledging)];
        for (name, parts) in [("sender", sender), ("receiver", receiver)] {
            let words: Vec<String> = parts.iter().map(|(part, spent)| format!("{part} {:.1}", each(*spent))).collect();
            let total = each(parts.iter().map(|(_, spent)| spent).sum());
            println!("{name}: {total:.1} ns a packet ({})", words.join(", "));
        }
    }
}

/// Bytes of memory in use, where Linux tells.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}

fn main() {
    let argument = |place: usize, default: u64| {
        std::env::args().nth(place).map_or(default, |word| word.parse().expect("a number"))
    };
    let (megabytes, idle, largest) = (argument(1, 500), argument(2, 0), argument(3, 1452));
    let bytes = megabytes * 1_000_000 / ROUNDS;
    let largest = u16::try_from(largest).expect("a size of a datagram");
    let mut alone = Transfer::new(largest);
    // The first round warms the caches.
    round_alone(&mut alone, bytes);
    let mtu = alone.pair.client.connection(alone.handle).unwrap().stats().mtu;
    if idle == 0 {
        return cheapest((0..ROUNDS).map(|_| round_alone(&mut alone, bytes))).print(mtu);
    }
    let mut beside = Transfer::new(largest);
    let resident_before = resident();
    beside.connect_idle(idle);
    let resident = resident().saturating_sub(resident_before);
    round_beside(&mut beside, bytes);
    let (mut ratios, mut rounds) = (Vec::new(), (Vec::new(), Vec::new()));
    for _ in 0..ROUNDS {
        let (one, other) = (round_alone(&mut alone, bytes), round_beside(&mut beside, bytes));
        ratios.push(other.each() / one.each());
        rounds.0.push(one);
        rounds.1.push(other);
    }
    let (one, other) = (cheapest(rounds.0.into_iter()), cheapest(rounds.1.into_iter()));
    one.print(mtu);
    println!("beside {idle} idle connections of {} resident bytes each, both ends together:", resident / idle);
    other.print(mtu);
    ratios.sort_by(f64::total_cmp);
    println!(
        "a packet beside them costs {:.3} times as much in the cheapest rounds, {:.3} in the median of pairs, {:.3} to {:.3} in all",
        other.each() / one.each(),
        ratios[ratios.len() / 2],
        ratios[0],
        ratios[ratios.len() - 1]
    );
}
