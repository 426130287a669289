//! What CUBIC by itself makes of a path that two connections share: RFC 9438 with HyStart++ (RFC 9406) or without, on a link with a queue.
//!
//! There is no transport in it: a packet that arrives is acknowledged at once, a packet counts as lost when one that was sent three
//! later has arrived, and nothing but the window and a pace of 1.25 windows in a round trip (two in slow start) holds a sender back. How many packets
//! are acknowledged together, and how much may leave at once, is of no RFC and counts nearly as much as what is ([`Manner`]).

use crate::Cell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Bytes of a packet.
const PACKET: f64 = 1452.0;
/// RFC 9438 section 4.1: how fast the window grows away from its plateau, and what is left of it after a loss.
const GROWTH: f64 = 0.4;
const LEFT: f64 = 0.7;
/// RFC 9438 section 4.3: what the estimate of NewReno grows by in a round trip.
const RENO_GROWTH: f64 = 3.0 * (1.0 - LEFT) / (1.0 + LEFT);
/// Packets at the beginning (RFC 9002 section 7.2), and the fewest in the queue.
const FIRST_WINDOW: f64 = 10.0;
const SHORTEST_QUEUE: f64 = 4.0;
/// RFC 9002 section 6.1.1.
const OVERTAKEN: u64 = 3;
/// RFC 9406 section 4.3: samples of a round trip, rounds of conservative slow start and what a window grows less by in them.
const SAMPLES: u32 = 8;
const CAREFUL_ROUNDS: u32 = 5;
const CAREFUL_GROWTH: f64 = 0.25;
/// Of a window outside slow start, the part that is acknowledged together at most, and packets in slow start.
const ACKS_PER_WINDOW: f64 = 24.0;
const TOGETHER_IN_SLOW_START: usize = 2;
/// Seconds of the second connection after which the shares are looked at, and until when.
const LOOKED_AT: [f64; 2] = [10.0, 30.0];

/// What a sender and its receiver do that decides how evenly a path is shared.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// Whether slow start looks at round trips (RFC 9406).
    pub uses_hystart: bool,
    /// Packets that are acknowledged together at most.
    pub together: usize,
    /// Seconds before it is due that a packet may leave by the pace.
    pub burst: f64,
}

/// By how much a round trip has to grow to count (RFC 9406 section 4.3).
fn threshold(round_trip: f64) -> f64 {
    (round_trip / 8.0).clamp(0.004, 0.016)
}

/// Slow start that looks at round trips.
struct HyStart {
    round_begun: f64,
    least_before: f64,
    least: f64,
    samples: u32,
    careful_rounds: u32,
    baseline: f64,
}

impl HyStart {
    const fn new() -> HyStart {
        let none = f64::INFINITY;
        HyStart { round_begun: 0.0, least_before: none, least: none, samples: 0, careful_rounds: 0, baseline: none }
    }

    /// A packet has arrived: what the window grows by, and whether slow start is over.
    fn on_arrival(&mut self, now: f64, sent: f64) -> (f64, bool) {
        let mut is_over = false;
        if sent >= self.round_begun {
            self.round_begun = now;
            self.least_before = std::mem::replace(&mut self.least, f64::INFINITY);
            self.samples = 0;
            is_over = self.careful_rounds == 1;
            self.careful_rounds = self.careful_rounds.saturating_sub(1);
        }
        self.least = self.least.min(now - sent);
        self.samples += 1;
        if self.samples >= SAMPLES {
            let is_longer = self.least >= self.least_before + threshold(self.least_before);
            if self.careful_rounds > 0 {
                if self.least < self.baseline {
                    (self.careful_rounds, self.baseline) = (0, f64::INFINITY);
                }
            } else if self.least_before.is_finite() && is_longer {
                (self.careful_rounds, self.baseline) = (CAREFUL_ROUNDS, self.least);
            }
        }
        (if self.careful_rounds > 0 { CAREFUL_GROWTH } else { 1.0 }, is_over)
    }
}

/// Where congestion avoidance is.
struct Avoidance {
    begun: f64,
    seconds_to_plateau: f64,
    reno: f64,
}

/// One connection.
struct Flow {
    window: f64,
    slow_start_until: f64,
    hystart: Option<HyStart>,
    plateau: Option<f64>,
    /// The window before the last loss.
    before_loss: f64,
    avoidance: Option<Avoidance>,
    recovery_begun: f64,
    /// By number, when each packet was sent that is not known to have arrived or to be lost.
    in_flight: BTreeMap<u64, f64>,
    next: u64,
    next_due: f64,
    /// What has arrived and is not acknowledged: number, and when it was sent.
    unacknowledged: Vec<(u64, f64)>,
    wakes: bool,
    round_trip: f64,
    least_round_trip: f64,
    arrived: u64,
    arrived_before: u64,
}

impl Flow {
    fn new(begin: f64, round_trip: f64, uses_hystart: bool) -> Flow {
        Flow {
            window: FIRST_WINDOW,
            slow_start_until: f64::INFINITY,
            hystart: uses_hystart.then(HyStart::new),
            plateau: None,
            before_loss: 0.0,
            avoidance: None,
            recovery_begun: -1.0,
            in_flight: BTreeMap::new(),
            next: 0,
            next_due: begin,
            unacknowledged: Vec::new(),
            wakes: false,
            round_trip,
            least_round_trip: f64::INFINITY,
            arrived: 0,
            arrived_before: 0,
        }
    }

    const fn is_in_slow_start(&self) -> bool {
        self.window < self.slow_start_until
    }

    /// A packet has arrived, and is acknowledged with those before it once they are enough.
    fn on_arrival(&mut self, now: f64, number: u64, sent: f64, together: usize) {
        self.unacknowledged.push((number, sent));
        let part = (self.window / ACKS_PER_WINDOW) as usize;
        let enough = if self.is_in_slow_start() { TOGETHER_IN_SLOW_START } else { part.max(1) }.min(together);
        if self.unacknowledged.len() >= enough.min(self.in_flight.len()) {
            for (number, sent) in std::mem::take(&mut self.unacknowledged) {
                self.on_acknowledged(now, number, sent);
            }
        }
    }

    fn on_acknowledged(&mut self, now: f64, number: u64, sent: f64) {
        self.in_flight.remove(&number);
        self.arrived += 1;
        self.round_trip += (now - sent - self.round_trip) / 8.0;
        self.least_round_trip = self.least_round_trip.min(now - sent);
        let mut any_lost = false;
        while let Some(oldest) = self.in_flight.first_entry().filter(|oldest| *oldest.key() + OVERTAKEN <= number) {
            any_lost = true;
            let lost = oldest.remove();
            if lost > self.recovery_begun {
                self.on_loss(now);
            }
        }
        // A window that is not used does not grow.
        let is_used = self.in_flight.len() as f64 + 2.0 >= self.window / 2.0;
        if any_lost || sent <= self.recovery_begun || !is_used {
            return;
        }
        if self.is_in_slow_start() {
            let (growth, is_over) = self.hystart.as_mut().map_or((1.0, false), |hystart| hystart.on_arrival(now, sent));
            if is_over {
                self.slow_start_until = self.window;
            }
            self.window += growth;
        } else {
            self.grow(now);
        }
    }

    /// RFC 9438 sections 4.6 and 4.7. Who finds no queue makes way for nobody.
    fn on_loss(&mut self, now: f64) {
        let before = self.window;
        self.recovery_begun = now;
        self.window = (before * LEFT).max(2.0);
        self.slow_start_until = self.window;
        self.hystart = None;
        let has_queue = self.round_trip > self.least_round_trip + threshold(self.least_round_trip);
        let makes_way = has_queue && self.plateau.is_some_and(|plateau| before < plateau);
        self.plateau = Some(if makes_way { before * (1.0 + LEFT) / 2.0 } else { before });
        self.before_loss = before;
        self.avoidance = None;
    }

    /// RFC 9438 sections 4.2 to 4.5, and 4.10 where slow start ended without a loss.
    fn grow(&mut self, now: f64) {
        let window = self.window;
        let plateau = *self.plateau.get_or_insert_with(|| {
            self.before_loss = window;
            window
        });
        let avoidance = self.avoidance.get_or_insert_with(|| {
            let seconds_to_plateau = ((plateau - window).max(0.0) / GROWTH).cbrt();
            Avoidance { begun: now, seconds_to_plateau, reno: window }
        });
        let growth = if avoidance.reno >= self.before_loss { 1.0 } else { RENO_GROWTH };
        avoidance.reno += growth / window;
        let since = now - avoidance.begun;
        let cubic = |seconds: f64| plateau + GROWTH * (seconds - avoidance.seconds_to_plateau).powi(3);
        if cubic(since) < avoidance.reno {
            self.window = window.max(avoidance.reno);
        } else {
            let target = cubic(since + self.round_trip).clamp(window, 1.5 * window);
            self.window += (target - window) / window;
        }
    }
}

/// What happens next.
#[derive(Clone, Copy)]
enum Happening {
    /// A connection may send again by its pace.
    Due,
    /// The acknowledgment of a packet, which was sent then.
    Arrival(u64, f64),
}

/// The link, and what happens on it in the order of time.
struct Path {
    round_trip: f64,
    /// Packets a second, and as many in the queue.
    rate: f64,
    queue: f64,
    burst: f64,
    /// Until when it is busy.
    busy_until: f64,
    /// By nanoseconds and in the order of becoming known.
    happenings: BinaryHeap<Reverse<(u64, u64)>>,
    known: BTreeMap<u64, (usize, Happening)>,
    count: u64,
}

impl Path {
    fn new(cell: &Cell, burst: f64) -> Path {
        let (rate, round_trip) = (cell.rate as f64 * 125_000.0 / PACKET, cell.round_trip as f64 / 1000.0);
        let queue = (cell.queue as f64 / 100.0 * rate * round_trip).max(SHORTEST_QUEUE);
        let (happenings, known) = (BinaryHeap::new(), BTreeMap::new());
        Path { round_trip, rate, queue, burst, busy_until: 0.0, happenings, known, count: 0 }
    }

    fn add(&mut self, at: f64, flow: usize, happening: Happening) {
        self.count += 1;
        self.happenings.push(Reverse(((at * 1e9) as u64, self.count)));
        self.known.insert(self.count, (flow, happening));
    }

    fn next(&mut self) -> Option<(f64, usize, Happening)> {
        let Reverse((nanoseconds, number)) = self.happenings.pop()?;
        let (flow, happening) = self.known.remove(&number)?;
        Some((nanoseconds as f64 / 1e9, flow, happening))
    }

    /// Has a connection send what its window and its pace let it.
    fn send(&mut self, now: f64, place: usize, flow: &mut Flow) {
        while (flow.in_flight.len() as f64) < flow.window.floor() {
            if flow.next_due > now + 1e-9 {
                if !std::mem::replace(&mut flow.wakes, true) {
                    self.add(flow.next_due, place, Happening::Due);
                }
                return;
            }
            let gain = if flow.is_in_slow_start() { 2.0 } else { 1.25 };
            flow.next_due = flow.next_due.max(now - self.burst) + flow.round_trip / (gain * flow.window);
            let number = flow.next;
            flow.next += 1;
            flow.in_flight.insert(number, now);
            if (self.busy_until - now).max(0.0) * self.rate > self.queue {
                continue;
            }
            self.busy_until = self.busy_until.max(now) + 1.0 / self.rate;
            self.add(self.busy_until + self.round_trip, place, Happening::Arrival(number, now));
        }
    }
}

/// Jain's index of two connections of which the second begins after so many milliseconds, from its tenth second to its thirtieth, and what
/// they use of the rate.
pub fn fairness(cell: &Cell, begin: u64, manner: Manner) -> (f64, f64) {
    let begin = begin as f64 / 1000.0;
    let [first_look, last_look] = LOOKED_AT.map(|seconds| begin + seconds);
    let mut path = Path::new(cell, manner.burst);
    let mut flows = [0.0, begin].map(|begin| Flow::new(begin, path.round_trip, manner.uses_hystart));
    for (place, at) in [0.0, begin].into_iter().enumerate() {
        path.add(at, place, Happening::Due);
    }
    let mut was_looked_at = false;
    while let Some((now, place, happening)) = path.next().filter(|(now, ..)| *now <= last_look) {
        if now >= first_look && !std::mem::replace(&mut was_looked_at, true) {
            flows.iter_mut().for_each(|flow| flow.arrived_before = flow.arrived);
        }
        let flow = &mut flows[place];
        match happening {
            Happening::Due => flow.wakes = false,
            Happening::Arrival(number, sent) => flow.on_arrival(now, number, sent, manner.together),
        }
        path.send(now, place, flow);
    }
    let shares = flows.map(|flow| (flow.arrived - flow.arrived_before) as f64);
    let (sum, squares) = (shares.iter().sum::<f64>(), shares.iter().map(|share| share * share).sum::<f64>());
    (sum * sum / (2.0 * squares), sum / (path.rate * (last_look - first_look)))
}
