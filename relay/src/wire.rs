//! One direction of a path: decides of each datagram whether and when it arrives, and sends it then.

use crate::path::Path;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What happened so far, in both directions.
#[derive(Debug, Default)]
pub struct Counts {
    /// Datagrams that were passed on or are on their way.
    pub passed: AtomicU64,
    /// Datagrams that were lost, for whatever reason.
    pub lost: AtomicU64,
    /// How often a client was given another source port.
    pub rebound: AtomicU64,
}

/// A datagram as it comes to the relay.
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    /// Time since the client's first datagram.
    pub(crate) age: Duration,
    /// Datagrams of this client and direction before this one.
    pub(crate) number: u64,
    pub(crate) socket: Arc<UdpSocket>,
    /// Where to; `None` if the socket is connected.
    pub(crate) to: Option<SocketAddr>,
    pub(crate) datagram: Vec<u8>,
}

/// Starts the thread of a direction, which ends when its senders are gone and all is delivered.
pub(crate) fn start(path: Path, first_flight: u64, counts: Arc<Counts>) -> Sender<Arrival> {
    let (sender, arrivals) = channel();
    let chance = path.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let wire = Wire { path, first_flight, counts, chance, free: Instant::now(), held: BinaryHeap::new(), taken: 0 };
    thread::spawn(move || wire.run(&arrivals));
    sender
}

struct Wire {
    path: Path,
    first_flight: u64,
    counts: Arc<Counts>,
    chance: u64,
    /// When the bottleneck has sent all that it was given.
    free: Instant,
    held: BinaryHeap<Reverse<Held>>,
    taken: u64,
}

impl Wire {
    fn run(mut self, arrivals: &Receiver<Arrival>) {
        loop {
            self.deliver(Instant::now());
            let next = match self.held.peek() {
                None => arrivals.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(Reverse(held)) => arrivals.recv_timeout(held.due.saturating_duration_since(Instant::now())),
            };
            match next {
                Ok(arrival) => self.take(arrival),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.deliver_rest(),
            }
        }
    }

    /// Sends what is due.
    fn deliver(&mut self, now: Instant) {
        while self.held.peek().is_some_and(|Reverse(held)| held.due <= now) {
            if let Some(Reverse(held)) = self.held.pop() {
                held.send();
            }
        }
    }

    fn deliver_rest(mut self) {
        while let Some(Reverse(held)) = self.held.pop() {
            thread::sleep(held.due.saturating_duration_since(Instant::now()));
            held.send();
        }
    }

    fn take(&mut self, arrival: Arrival) {
        let Some(due) = self.due(&arrival) else {
            self.counts.lost.fetch_add(1, Relaxed);
            return;
        };
        self.counts.passed.fetch_add(1, Relaxed);
        self.taken += 1;
        self.held.push(Reverse(Held { due, number: self.taken, arrival }));
    }

    /// When a datagram arrives; `None` if it does not.
    fn due(&mut self, arrival: &Arrival) -> Option<Instant> {
        let len = arrival.datagram.len();
        let is_too_large = self.path.narrowing.is_some_and(|narrowing| narrowing.loses(len, arrival.age));
        if arrival.number < self.first_flight || is_too_large || self.draw(1000) < self.path.loss {
            return None;
        }
        let begins = self.free.max(arrival.at);
        if begins.saturating_duration_since(arrival.at) > self.path.queue {
            return None;
        }
        let takes =
            (len as u64 * 1_000_000_000).checked_div(self.path.rate).map_or(Duration::ZERO, Duration::from_nanos);
        self.free = begins + takes;
        let is_late = self.draw(1000) < self.path.reordering;
        let late = if is_late {
            Duration::from_micros(self.draw(self.path.late.as_micros() as u64 + 1))
        } else {
            Duration::ZERO
        };
        Some(self.free + self.path.delay + late)
    }

    /// A number below `end` (xorshift: the draws of a seed are the same in each run, the order of datagrams is not).
    fn draw(&mut self, end: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 16) % end
    }
}

/// A datagram on its way, in the order of arrival.
struct Held {
    due: Instant,
    number: u64,
    arrival: Arrival,
}

impl Held {
    /// What the other end refuses is lost, as on any network.
    fn send(&self) {
        let Arrival { socket, to, datagram, .. } = &self.arrival;
        let _ = match to {
            Some(to) => socket.send_to(datagram, to),
            None => socket.send(datagram),
        };
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Held) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Held) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Held) -> Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}
