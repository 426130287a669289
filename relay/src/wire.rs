//! One direction of a path: decides of each datagram whether and when it arrives, and sends it then.

use crate::capture::{Capture, Fate};
use crate::path::{Heading, Path};
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};
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
    /// Those among the passed that arrive twice.
    pub doubled: AtomicU64,
    /// Datagrams that were lost, for whatever reason.
    pub lost: AtomicU64,
    /// Those among the passed that had a byte changed.
    pub changed: AtomicU64,
    /// How often a client was given another source port.
    pub rebound: AtomicU64,
}

/// A datagram as it comes to the relay.
#[derive(Clone)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    /// Time since the client's first datagram.
    pub(crate) age: Duration,
    /// Datagrams of this client and direction before this one.
    pub(crate) number: u64,
    pub(crate) socket: Arc<UdpSocket>,
    /// Where the server sees the client.
    pub(crate) outside: SocketAddr,
    /// Where to; `None` if the socket is connected.
    pub(crate) to: Option<SocketAddr>,
    pub(crate) datagram: Vec<u8>,
}

/// Starts the thread of a direction, which ends when its senders are gone and all is delivered.
pub(crate) fn start(
    path: Path,
    heading: Heading,
    counts: Arc<Counts>,
    capture: Option<Arc<Capture>>,
) -> Sender<Arrival> {
    let (sender, arrivals) = channel();
    let wire = Wire {
        path,
        heading,
        counts,
        capture,
        chance: path.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        free: Instant::now(),
        waiting: VecDeque::new(),
        held: BinaryHeap::new(),
        taken: 0,
        lost_in_a_row: 0,
        changed_in_a_row: 0,
    };
    thread::spawn(move || wire.run(&arrivals));
    sender
}

struct Wire {
    path: Path,
    heading: Heading,
    counts: Arc<Counts>,
    capture: Option<Arc<Capture>>,
    chance: u64,
    /// When the bottleneck has sent all that it was given.
    free: Instant,
    /// When the bottleneck begins with each datagram that waits for it.
    waiting: VecDeque<Instant>,
    held: BinaryHeap<Reverse<Held>>,
    taken: u64,
    /// By chance.
    lost_in_a_row: u64,
    changed_in_a_row: u64,
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

    fn take(&mut self, mut arrival: Arrival) {
        let due = self.due(&arrival);
        let changed = due.and_then(|_| self.change(&arrival));
        if let Some(capture) = &self.capture {
            let fate = match (due, changed) {
                (None, _) => Fate::Lost,
                (_, Some(_)) => Fate::Changed,
                _ => Fate::Passed,
            };
            capture.write(arrival.at, self.heading, arrival.outside, fate, &arrival.datagram);
        }
        let Some(due) = due else {
            self.counts.lost.fetch_add(1, Relaxed);
            return;
        };
        if let Some(byte) = changed.and_then(|place| arrival.datagram.get_mut(place)) {
            *byte = !*byte;
            self.counts.changed.fetch_add(1, Relaxed);
        }
        self.counts.passed.fetch_add(1, Relaxed);
        if let Some(later) = self.draw_copy() {
            self.counts.doubled.fetch_add(1, Relaxed);
            self.hold(due + later, arrival.clone());
        }
        self.hold(due, arrival);
    }

    fn hold(&mut self, due: Instant, arrival: Arrival) {
        self.taken += 1;
        self.held.push(Reverse(Held { due, number: self.taken, arrival }));
    }

    /// How long after a datagram its copy arrives, if there is one.
    fn draw_copy(&mut self) -> Option<Duration> {
        // Without this nothing is drawn, as for changes.
        if self.path.duplication == 0 || self.draw(1000) >= self.path.duplication {
            return None;
        }
        Some(Duration::from_micros(self.draw(self.path.late.as_micros() as u64 + 1)))
    }

    /// When a datagram arrives; `None` if it does not.
    fn due(&mut self, arrival: &Arrival) -> Option<Instant> {
        if self.is_lost_by_rule(arrival) || self.is_lost_by_chance() {
            return None;
        }
        let begins = self.free.max(arrival.at);
        while self.waiting.front().is_some_and(|begin| *begin <= arrival.at) {
            self.waiting.pop_front();
        }
        let is_full = self.path.queue_datagrams > 0 && self.waiting.len() as u64 >= self.path.queue_datagrams;
        if is_full || begins.saturating_duration_since(arrival.at) > self.path.queue {
            return None;
        }
        if self.path.queue_datagrams > 0 && begins > arrival.at {
            self.waiting.push_back(begins);
        }
        let len = arrival.datagram.len() as u64;
        let takes = (len * 1_000_000_000).checked_div(self.path.rate).map_or(Duration::ZERO, Duration::from_nanos);
        self.free = begins + takes;
        let is_late = self.draw(1000) < self.path.reordering;
        let late = if is_late {
            Duration::from_micros(self.draw(self.path.late.as_micros() as u64 + 1))
        } else {
            Duration::ZERO
        };
        Some(self.free + self.path.delay + late)
    }

    /// What is lost whatever is drawn.
    fn is_lost_by_rule(&self, arrival: &Arrival) -> bool {
        let Arrival { age, number, datagram, .. } = arrival;
        let is_chosen = match self.heading {
            Heading::Client => *number < self.path.first_flight,
            Heading::Server => self.path.lost_to_server.is_some_and(|(from, to)| (from..=to).contains(&(number + 1))),
        };
        let is_too_large = self.path.narrowing.is_some_and(|narrowing| narrowing.loses(datagram.len(), *age));
        let is_dead = self.path.dead.is_some_and(|dead| dead.loses(self.heading, *age));
        is_chosen || is_too_large || is_dead || self.path.is_off(*age)
    }

    fn is_lost_by_chance(&mut self) -> bool {
        let is_lost = self.draw(1000) < self.path.loss && may_go_on(self.lost_in_a_row, self.path.burst);
        self.lost_in_a_row = if is_lost { self.lost_in_a_row + 1 } else { 0 };
        is_lost
    }

    /// The byte of a datagram that is changed, if one is.
    fn change(&mut self, arrival: &Arrival) -> Option<usize> {
        // Without this nothing is drawn, so that the draws of other paths stay what they are.
        if self.path.corruption == 0 || arrival.datagram.is_empty() {
            return None;
        }
        let is_changed = self.draw(1000) < self.path.corruption && may_go_on(self.changed_in_a_row, self.path.burst);
        self.changed_in_a_row = if is_changed { self.changed_in_a_row + 1 } else { 0 };
        is_changed.then(|| self.draw(arrival.datagram.len() as u64) as usize)
    }

    /// A number below `end` (xorshift: the draws of a seed are the same in each run, the order of datagrams is not).
    fn draw(&mut self, end: u64) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 16) % end
    }
}

/// Whether what has happened so often in a row may happen once more.
const fn may_go_on(in_a_row: u64, burst: u64) -> bool {
    burst == 0 || in_a_row < burst
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
