//! A bad network in user space: between clients and one server, it loses datagrams, holds them back, and gives each client
//! another source port from time to time, as a translator does that forgets.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What the relay does to datagrams.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Of a thousand datagrams so many are lost, each way.
    pub loss_per_mille: u64,
    /// How long each is held back, each way.
    pub delay: Duration,
    /// How long a client keeps its source port.
    pub rebind_every: Duration,
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Datagrams passed on, both ways.
    pub passed: AtomicU64,
    /// Datagrams lost on purpose, both ways.
    pub lost: AtomicU64,
    /// How often a client was given another source port.
    pub rebound: AtomicU64,
}

/// So many datagrams of a client come before it is given another port: its handshake is over by then, during which no
/// address may change (RFC 9000 section 9).
const LEAST_DATAGRAMS: u32 = 100;
/// A client is forgotten after so long without a word of its own.
const FORGET_AFTER: Duration = Duration::from_secs(40);
/// How long a thread that waits for the server's datagrams may not notice that its socket has been replaced.
const NOTICE: Duration = Duration::from_millis(100);

/// Runs for the rest of the process. Clients send to the address that is given.
pub fn start(server: SocketAddr, faults: Faults) -> io::Result<(SocketAddr, Arc<Counts>)> {
    let inside = UdpSocket::bind((server.ip(), 0))?;
    let address = inside.local_addr()?;
    let counts = Arc::new(Counts::default());
    let relay = Relay { inside: Arc::new(inside), server, faults, counts: counts.clone(), chance: 0x9e37_79b9 };
    thread::spawn(move || relay.run());
    Ok((address, counts))
}

struct Relay {
    inside: Arc<UdpSocket>,
    server: SocketAddr,
    faults: Faults,
    counts: Arc<Counts>,
    chance: u64,
}

/// One client as the server sees it.
struct Binding {
    outside: Arc<UdpSocket>,
    /// Cleared when the socket is replaced.
    in_use: Arc<Mutex<bool>>,
    began: Instant,
    heard: Instant,
    /// Datagrams of the client.
    count: u32,
}

impl Relay {
    fn run(mut self) -> io::Result<()> {
        let mut bindings: HashMap<SocketAddr, Binding> = HashMap::new();
        let to_server = line(self.faults.delay);
        let mut buffer = [0; 2048];
        loop {
            let (len, client) = self.inside.recv_from(&mut buffer)?;
            let now = Instant::now();
            if !bindings.contains_key(&client) {
                bindings.retain(|_, known| now - known.heard < FORGET_AFTER || known.release());
            }
            let is_old = bindings
                .get(&client)
                .is_some_and(|known| known.count >= LEAST_DATAGRAMS && now - known.began >= self.faults.rebind_every);
            if is_old && let Some(known) = bindings.remove(&client) {
                known.release();
                self.counts.rebound.fetch_add(1, Ordering::Relaxed);
            }
            let binding = match bindings.entry(client) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(place) => place.insert(self.bind(client, now)?),
            };
            binding.heard = now;
            binding.count = binding.count.saturating_add(1);
            if is_lost(&mut self.chance, &self.faults, &self.counts) {
                continue;
            }
            if let Some(datagram) = buffer.get(..len) {
                let _ = to_server.send((now, binding.outside.clone(), None, datagram.to_vec()));
            }
        }
    }

    /// Another source port for a client, and a thread that brings back what the server sends there.
    fn bind(&mut self, client: SocketAddr, now: Instant) -> io::Result<Binding> {
        let outside = Arc::new(UdpSocket::bind((self.server.ip(), 0))?);
        outside.connect(self.server)?;
        outside.set_read_timeout(Some(NOTICE))?;
        let in_use = Arc::new(Mutex::new(true));
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (mut chance, faults, counts) = (self.chance | 1, self.faults, self.counts.clone());
        let (from, to, still) = (outside.clone(), self.inside.clone(), in_use.clone());
        let to_client = line(faults.delay);
        thread::spawn(move || {
            let mut buffer = [0; 2048];
            while *still.lock().unwrap_or_else(PoisonError::into_inner) {
                let Ok(len) = from.recv(&mut buffer) else { continue };
                if is_lost(&mut chance, &faults, &counts) {
                    continue;
                }
                if let Some(datagram) = buffer.get(..len) {
                    let _ = to_client.send((Instant::now(), to.clone(), Some(client), datagram.to_vec()));
                }
            }
        });
        Ok(Binding { outside, in_use, began: now, heard: now, count: 0 })
    }
}

impl Binding {
    /// Lets the thread end, and with it the socket. Gives false, for `retain`.
    fn release(&self) -> bool {
        *self.in_use.lock().unwrap_or_else(PoisonError::into_inner) = false;
        false
    }
}

type Held = (Instant, Arc<UdpSocket>, Option<SocketAddr>, Vec<u8>);

/// A thread that sends what it is given after `delay`, in order, to the address or to where the socket is connected.
fn line(delay: Duration) -> Sender<Held> {
    let (sender, receiver): (Sender<Held>, Receiver<Held>) = channel();
    thread::spawn(move || {
        let mut held = VecDeque::new();
        while let Some((at, socket, to, datagram)) = held.pop_front().or_else(|| receiver.recv().ok()) {
            held.extend(receiver.try_iter());
            thread::sleep((at + delay).saturating_duration_since(Instant::now()));
            // What the other end refuses is lost, as on any network.
            let _ = match to {
                Some(to) => socket.send_to(&datagram, to),
                None => socket.send(&datagram),
            };
        }
    });
    sender
}

/// Draws whether a datagram is lost, and counts it.
fn is_lost(chance: &mut u64, faults: &Faults, counts: &Counts) -> bool {
    *chance ^= *chance << 13;
    *chance ^= *chance >> 7;
    *chance ^= *chance << 17;
    let lost = *chance % 1000 < faults.loss_per_mille;
    let count = if lost { &counts.lost } else { &counts.passed };
    count.fetch_add(1, Ordering::Relaxed);
    lost
}
