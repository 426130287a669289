//! Every byte string: each packet of a handshake and of an HTTP/3 exchange cut at every byte and changed at every byte, under
//! the seal, so that it reaches the parsers; and random datagrams without number. Nobody panics, what is closed is closed
//! with a name, and a server serves on with the memory it had.
//!
//! `POSTHASTE_SEEDS=20000 cargo test --release -p posthaste-h3 --test bytes` tries every change (there are fewer);
//! `POSTHASTE_DATAGRAMS=10000000` sends that many.
#![allow(clippy::unwrap_used, reason = "a test that fails here fails")]

extern crate posthaste_h3 as h3;

mod support;

use adversary::rogue::Draft;
use adversary::{Metered, Rogue, SecretLog};
use base::{Datagram, Duration, Ecn, FourTuple, Instant, Machine, Random, Side};
use quic::protection::initial;
use quic::wire::connection_id::ConnectionId;
use quic::wire::header;
use quic::wire::packet_number::PacketNumber;
use quic::wire::version::Version;
use sim::{Handle, LinkConfig, SeededRandom, World};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use support::{Ask, CLIENT, Host, SERVER, address, tls_pair};

#[global_allocator]
static HEAP: adversary::heap::Counting = adversary::heap::Counting;

const COMMAND: &str = "cargo test --release -p posthaste-h3 --test bytes";
const FRESH: &str = "192.0.2.50:5000";
const ASK: Ask = Ask { upload: 100, download: 400 };
/// In each run.
const EXCHANGES: usize = 2;

/// One change of one packet's payload.
#[derive(Clone, Copy, Debug)]
struct Change {
    packet: u64,
    at: usize,
    /// Bits that change; all after `at` is cut off if there are none.
    mask: u8,
}

const MASKS: [u8; 5] = [0, 0x01, 0x40, 0x80, 0xff];

impl Change {
    fn apply(self, draft: &mut Draft) {
        let mut payload = draft.payload();
        match self.mask {
            0 => payload.truncate(self.at),
            mask => payload[self.at] ^= mask,
        }
        draft.frames = vec![payload];
    }
}

/// Every change of what the peer of a target of this side sends.
fn changes(target: Side) -> Vec<Change> {
    let lengths = Rc::new(RefCell::new(Vec::new()));
    let seen = lengths.clone();
    let mut cast = Cast::new(target, move |packet, draft| {
        assert_eq!(packet, seen.borrow().len() as u64);
        seen.borrow_mut().push(draft.payload().len());
    });
    cast.run();
    assert!(cast.is_complete(), "an exchange with nothing changed completes");
    let lengths = lengths.borrow();
    println!("packets of the peer of a {target:?}, by bytes: {lengths:?}");
    assert!(lengths.len() >= 4 && lengths.iter().sum::<usize>() > 2000, "{lengths:?}");
    let positions = (0..).zip(lengths.iter()).flat_map(|(packet, len)| (0..*len).map(move |at| (packet, at)));
    positions.flat_map(|(packet, at)| MASKS.map(|mask| Change { packet, at, mask })).collect()
}

/// The changes in an order in which the first few are of all kinds: every one comes once in as many seeds as there are.
fn change_of(all: &[Change], seed: u64) -> Change {
    const STRIDE: u64 = 1_000_003;
    all[(u128::from(seed) * u128::from(STRIDE) % all.len() as u128) as usize]
}

#[test]
fn a_server_survives_every_change_of_every_packet() {
    check(Side::Server, "a_server_survives");
}

#[test]
fn a_client_survives_every_change_of_every_packet() {
    check(Side::Client, "a_client_survives");
}

fn check(target: Side, name: &str) {
    static ALL: [OnceLock<Vec<Change>>; 2] = [const { OnceLock::new() }; 2];
    let all = ALL[target as usize].get_or_init(|| changes(target));
    let began = std::time::Instant::now();
    sim::check_seeds(&format!("{COMMAND} {name}"), 1500, |seed| {
        let change = change_of(all, seed);
        let mut cast = Cast::new(target, move |packet, draft| {
            if packet == change.packet {
                change.apply(draft);
            }
        });
        cast.run();
        cast.check_closes(change);
        if target == Side::Server {
            cast.check_serves_on(change);
        }
    });
    println!("{} changes are possible; {:.1} s", all.len(), began.elapsed().as_secs_f64());
}

/// A target and the peer whose packets are changed.
struct Cast {
    target_side: Side,
    world: World,
    target: Handle<Host>,
    rogue: Handle<Rogue<Host>>,
    fresh: Handle<Host>,
}

impl Cast {
    fn new(target_side: Side, change: impl FnMut(u64, &mut Draft) + 'static) -> Cast {
        let mut world = World::new(5);
        let secrets = SecretLog::new();
        let (client_tls, server_tls) = shared_tls().clone();
        let patient = quic::Config { max_idle_timeout: Duration::from_secs(5), ..quic::Config::default() };
        let side = target_side.peer();
        let path = FourTuple { local: address(CLIENT), remote: address(SERVER) };
        let (client_random, server_random) = (world.fork_random(), world.fork_random());
        let rogue_tls = match side {
            Side::Client => {
                (Arc::new(tls::ClientConfig { key_log: Some(secrets.clone()), ..(*client_tls).clone() }), server_tls)
            }
            Side::Server => {
                (client_tls, Arc::new(tls::ServerConfig { key_log: Some(secrets.clone()), ..(*server_tls).clone() }))
            }
        };
        let mut client = Host::new(client_random, patient.clone(), None);
        client.connect(Instant::ZERO, rogue_tls.0, path, vec![ASK]);
        let mut server = Host::new(server_random, patient.clone(), Some(rogue_tls.1));
        let (rogue_host, mut target, rogue_address, target_address) = match side {
            Side::Client => {
                client.rogue = Some(address(SERVER));
                (client, server, address(CLIENT), address(SERVER))
            }
            Side::Server => {
                server.rogue = Some(address(CLIENT));
                (server, client, address(SERVER), address(CLIENT))
            }
        };
        target.rogue = Some(rogue_address);
        let mut rogue = Rogue::new(rogue_host, side, secrets, Vec::new(), world.fork_random());
        rogue.change_packets(change);
        let target = world.add(&[target_address], target);
        let rogue = world.add(&[rogue_address], rogue);
        let fresh = Host::new(world.fork_random(), quic::Config::default(), None);
        let fresh = world.add(&[address(FRESH)], fresh);
        Cast { target_side, world, target, rogue, fresh }
    }

    fn is_complete(&self) -> bool {
        let (target, rogue) = (self.world.machine(self.target), &self.world.machine(self.rogue).inner);
        target.completed == EXCHANGES && rogue.completed == EXCHANGES
    }

    /// Two exchanges, one after the other, and the client's close; or until the target closes.
    fn run(&mut self) {
        for count in 1..=EXCHANGES {
            let (target, rogue, limit) = (self.target, self.rogue, self.world.now() + Duration::from_secs(10));
            self.world.run_until(limit, |world| {
                let is_closed = !world.machine(target).closed.is_empty();
                is_closed || (world.machine(target).completed == count && world.machine(rogue).inner.completed == count)
            });
            self.world.run_for(Duration::from_millis(100));
            if count < EXCHANGES {
                self.client().waiting.values_mut().for_each(|waiting| waiting.push(ASK));
            }
        }
        let now = self.world.now();
        let client = self.client();
        client.now = now;
        client.with_latest(|http, transport| http.close(transport, h3::error_code::H3_NO_ERROR, "done"));
        self.world.run_for(Duration::from_millis(300));
    }

    fn client(&mut self) -> &mut Host {
        match self.target_side {
            Side::Client => self.world.machine_mut(self.target),
            Side::Server => &mut self.world.machine_mut(self.rogue).inner,
        }
    }

    fn check_closes(&self, change: Change) {
        for (code, frame_type) in &self.world.machine(self.rogue).closes {
            let is_named = match frame_type {
                // RFC 9000 s20.1 and RFC 9001 s4.8; not INTERNAL_ERROR.
                Some(_) => (0x02..=0x10).contains(code) || (0x100..0x200).contains(code),
                // RFC 9114 s8.1 and RFC 9204 s6; not H3_INTERNAL_ERROR.
                None => ((0x100..=0x110).contains(code) && *code != 0x102) || (0x200..=0x202).contains(code),
            };
            assert!(is_named, "{change:?}: closed with {code:#x} {frame_type:?}");
        }
    }

    fn check_serves_on(&mut self, change: Change) {
        let now = self.world.now();
        let path = FourTuple { local: address(FRESH), remote: address(SERVER) };
        let fresh = self.fresh;
        self.world.machine_mut(fresh).connect(now, shared_tls().0.clone(), path, vec![ASK]);
        self.world.run_until(now + Duration::from_secs(5), |world| world.machine(fresh).completed == 1);
        let fresh = self.world.machine(fresh);
        assert!(fresh.completed == 1 && fresh.closed.is_empty(), "{change:?}: {:?}", fresh.closed);
    }
}

fn shared_tls() -> &'static (Arc<tls::ClientConfig>, Arc<tls::ServerConfig>) {
    static TLS: OnceLock<(Arc<tls::ClientConfig>, Arc<tls::ServerConfig>)> = OnceLock::new();
    TLS.get_or_init(tls_pair)
}

/// Clients that are served while the random datagrams come.
const LIVE: usize = 8;
/// Random datagrams between two looks of the world.
const BATCH: u64 = 1000;
/// How many of them are first packets that can be opened.
const SEALED: f64 = 0.001;
/// How much more than after the first tenth may be held after any other.
const MOST_GROWTH: isize = 4_000;

#[test]
fn random_datagrams_leave_a_server_as_it_was() {
    let count = std::env::var("POSTHASTE_DATAGRAMS").map_or(100_000, |text| text.replace('_', "").parse().unwrap());
    let began = std::time::Instant::now();
    let mut crowd = Crowd::new();
    crowd.serve_everyone();
    let (mut held, mut strangers) = (Vec::new(), 0);
    for tenth in 0..10 {
        for batch in 0..count / 10 / BATCH {
            crowd.disturb();
            if batch % 100 == 0 {
                crowd.serve_everyone();
            }
        }
        // What a well-sealed first packet of nonsense has begun ends by itself.
        crowd.world.run_for(Duration::from_secs(15));
        crowd.serve_everyone();
        // How those ended is all that an application keeps of them.
        strangers += crowd.world.machine_mut(crowd.server).call(|host| std::mem::take(&mut host.closed).len());
        held.push(crowd.world.machine(crowd.server).held());
        let (first, last) = (held[0], held[tenth]);
        assert!(last <= first + MOST_GROWTH, "{last} bytes are held after tenth {tenth}, {first} after the first");
    }
    assert_eq!(crowd.world.machine(crowd.server).machine.endpoint.quic().len(), LIVE);
    assert!(strangers > 10, "first packets of nonsense were among them: {strangers}");
    crowd.serve_a_fresh_client();
    let peak = crowd.world.machine(crowd.server).peak();
    println!(
        "{count} datagrams in {:.1} s; held after each tenth: {held:?}; at most {peak}; {strangers} connections of strangers",
        began.elapsed().as_secs_f64()
    );
}

/// A datagram, and where it came from.
type Captured = (SocketAddr, Vec<u8>);

/// A server with live connections, and somebody who sends it anything.
struct Crowd {
    world: World,
    server: Handle<Metered<Host>>,
    clients: Vec<Handle<Host>>,
    fresh: Handle<Host>,
    /// Latest datagrams of the clients, with their sources.
    captured: Rc<RefCell<VecDeque<Captured>>>,
    random: SeededRandom,
    served: usize,
}

impl Crowd {
    fn new() -> Crowd {
        let mut world = World::new(11);
        world.set_step_limit(u64::MAX);
        let random = world.fork_random();
        let (client_tls, server_tls) = tls_pair();
        let server_random = world.fork_random();
        let server = Metered::new(|| Host::new(server_random, quic::Config::default(), Some(server_tls)));
        let server = world.add(&[address(SERVER)], server);
        let mut clients = Vec::new();
        for number in 0..=LIVE as u16 {
            let local = SocketAddr::from(([192, 0, 2, 100], 1000 + number));
            let alive = quic::Config { keep_alive: Some(Duration::from_secs(5)), ..quic::Config::default() };
            let mut client = Host::new(world.fork_random(), alive, None);
            if usize::from(number) < LIVE {
                let path = FourTuple { local, remote: address(SERVER) };
                client.connect(Instant::ZERO, client_tls.clone(), path, Vec::new());
            }
            world.network().set_both(local, address(SERVER), LinkConfig::new(Duration::from_millis(2)));
            clients.push(world.add(&[local], client));
        }
        let fresh = clients.pop().unwrap();
        let captured = Rc::new(RefCell::new(VecDeque::new()));
        let kept = captured.clone();
        world.observe(move |seen| {
            if !seen.is_sent && seen.four_tuple.local == address(SERVER) {
                let mut kept = kept.borrow_mut();
                if kept.len() == 64 {
                    kept.pop_front();
                }
                kept.push_back((seen.four_tuple.remote, seen.payload.to_vec()));
            }
        });
        Crowd { world, server, clients, fresh, captured, random, served: 0 }
    }

    /// Every live client makes one more exchange.
    fn serve_everyone(&mut self) {
        self.served += 1;
        for client in &self.clients {
            let ask = Ask { upload: 3000, download: 5000 };
            self.world.machine_mut(*client).waiting.values_mut().for_each(|waiting| waiting.push(ask));
        }
        let (clients, served, limit) = (self.clients.clone(), self.served, self.world.now() + Duration::from_secs(10));
        self.world.run_until(limit, |world| clients.iter().all(|one| world.machine(*one).completed == served));
        for client in &self.clients {
            let client = self.world.machine(*client);
            assert!(client.completed == served && client.closed.is_empty(), "{:?}", client.closed);
        }
    }

    fn serve_a_fresh_client(&mut self) {
        let (now, fresh) = (self.world.now(), self.fresh);
        let local = SocketAddr::from(([192, 0, 2, 100], 1000 + LIVE as u16));
        let path = FourTuple { local, remote: address(SERVER) };
        self.world.machine_mut(fresh).connect(now, shared_tls().0.clone(), path, vec![ASK]);
        self.world.run_until(now + Duration::from_secs(5), |world| world.machine(fresh).completed == 1);
        assert_eq!(self.world.machine(fresh).completed, 1, "{:?}", self.world.machine(fresh).closed);
    }

    /// A batch of random datagrams, and a moment for everybody.
    fn disturb(&mut self) {
        for _ in 0..BATCH {
            let (remote, mut payload) = self.draw();
            let (now, server) = (self.world.now(), self.server);
            let four_tuple = FourTuple { local: address(SERVER), remote };
            let datagram = Datagram { four_tuple, ecn: Ecn::NotEct, payload: &mut payload };
            self.world.machine_mut(server).receive(now, datagram);
        }
        self.world.run_for(Duration::from_millis(10));
    }

    fn draw(&mut self) -> (SocketAddr, Vec<u8>) {
        let captured = self.captured.borrow();
        let random = &mut self.random;
        let (source, copy) = captured[random.below(captured.len() as u64) as usize].clone();
        let stranger = SocketAddr::from(([198, 51, 100, random.below(256) as u8], 1 + random.below(60_000) as u16));
        let remote = if random.chance(0.7) { source } else { stranger };
        if random.chance(SEALED) {
            return (stranger, sealed_nonsense(random));
        }
        let payload = match random.below(6) {
            0 => noise(random, 1500),
            1 => long_header(random),
            // The ID of a live connection, and anything behind it.
            2 => {
                let mut bytes = noise(random, 1400);
                let len = bytes.len().min(copy.len()).min(9);
                bytes[..len].copy_from_slice(&copy[..len]);
                bytes
            }
            3 | 4 => changed(random, copy),
            _ => copy,
        };
        (remote, payload)
    }
}

fn noise(random: &mut SeededRandom, most: u64) -> Vec<u8> {
    let mut bytes = vec![0; random.below(most) as usize];
    random.fill(&mut bytes);
    bytes
}

/// A plausible long header of any version and type, before random bytes.
fn long_header(random: &mut SeededRandom) -> Vec<u8> {
    let mut bytes = vec![0x80 | random.next_u64() as u8];
    let version = [1u32, 1, 1, 0, 0x0a0a_0a0a, 0x6b33_43cf][random.below(6) as usize];
    bytes.extend(version.to_be_bytes());
    for _ in 0..2 {
        let len = if random.chance(0.8) { 8 } else { random.below(256) as usize };
        bytes.push(len as u8);
        let mut id = vec![0; len];
        random.fill(&mut id);
        bytes.extend(id);
    }
    if bytes[0] & 0x30 == 0 {
        bytes.push(if random.chance(0.8) { 0 } else { random.below(64) as u8 });
    }
    let rest = if random.chance(0.5) { 1200 } else { random.below(1300) };
    bytes.extend((0x4000 | rest as u16).to_be_bytes());
    let mut payload = vec![0; rest as usize];
    random.fill(&mut payload);
    bytes.extend(payload);
    bytes
}

/// A datagram of a live connection with a few bytes changed, cut, or with something behind it.
fn changed(random: &mut SeededRandom, mut bytes: Vec<u8>) -> Vec<u8> {
    match random.below(4) {
        0 => bytes.truncate(random.below(bytes.len() as u64 + 1) as usize),
        1 => bytes.extend(noise(random, 300)),
        _ => {
            for _ in 0..1 + random.below(4) {
                let index = random.below(bytes.len().max(1) as u64) as usize;
                if let Some(byte) = bytes.get_mut(index) {
                    *byte = random.next_u64() as u8;
                }
            }
        }
    }
    bytes
}

/// A first packet that opens, as anybody can make one, of which nothing good comes: random bytes where frames should be.
fn sealed_nonsense(random: &mut SeededRandom) -> Vec<u8> {
    let id = |random: &mut SeededRandom| ConnectionId::new(&base::random::array::<8>(random)).unwrap();
    let (destination, source) = (id(random), id(random));
    let (mut seal, _) = initial::keys(sim::seeded_provider().initial, Version::V1, destination, Side::Client);
    let mut packet = vec![0; 1250];
    let writer = &mut base::Writer::new(&mut packet);
    let number = PacketNumber::new(0).unwrap();
    let layout = header::encode_initial(writer, Version::V1, destination, source, &[], number, 4).unwrap();
    let mut payload = vec![0; 1180];
    let len = random.below(200) as usize;
    random.fill(&mut payload[..len]);
    packet[layout.header_len..layout.header_len + payload.len()].copy_from_slice(&payload);
    packet.truncate(layout.header_len + payload.len() + 16);
    layout.finish(&mut packet);
    seal.seal(&mut packet, &layout, number).unwrap();
    packet
}
