//! One direction of a path: when a datagram arrives, how often, and in what state.

use crate::random::SeededRandom;
use base::{Duration, Ecn, Instant};

/// What a link does to datagrams that are marked as capable of ECN, as broken networks do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// They arrive as they were sent, unless there is congestion.
    #[default]
    Kept,
    /// The mark is removed.
    Removed,
    /// They are lost.
    Lost,
}

/// What a link does. Probabilities are from 0 to 1, each for one datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinkConfig {
    /// From the last byte sent to the last byte received.
    pub delay: Duration,
    /// Bytes per second; `None` sends everything at once.
    pub rate: Option<u64>,
    /// Bytes that may wait to be sent, if there is a rate; a datagram beyond is lost.
    pub queue: usize,
    /// Lost without a reason.
    pub loss: f64,
    /// Arrives twice.
    pub duplication: f64,
    /// Arrives later than it should, by up to `reorder_by`: those after it overtake.
    pub reorder: f64,
    /// How late at most.
    pub reorder_by: Duration,
    /// One bit is changed on the way.
    pub corruption: f64,
    /// An ECN-capable datagram is marked Congestion Experienced.
    pub marking: f64,
    /// ECN-capable datagrams are also marked while at least as many bytes wait.
    pub mark_from: usize,
    /// What becomes of ECN-capable datagrams otherwise.
    pub marks: Marks,
    /// Bytes of the largest UDP payload that passes; a larger one is lost.
    pub mtu: usize,
}

impl LinkConfig {
    /// A link without faults and without a limit on the rate. Its MTU is that of Ethernet with IPv6: 1452 bytes.
    pub const fn new(delay: Duration) -> LinkConfig {
        LinkConfig {
            delay,
            rate: None,
            queue: usize::MAX,
            loss: 0.0,
            duplication: 0.0,
            reorder: 0.0,
            reorder_by: Duration::ZERO,
            corruption: 0.0,
            marking: 0.0,
            mark_from: usize::MAX,
            marks: Marks::Kept,
            mtu: 1452,
        }
    }
}

impl Default for LinkConfig {
    /// Ten milliseconds and no faults.
    fn default() -> LinkConfig {
        LinkConfig::new(Duration::from_millis(10))
    }
}

/// What has become of the datagrams that were given to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each is named after its fault")]
pub struct LinkStats {
    /// All.
    pub sent: u64,
    /// Arrivals, each copy counted.
    pub delivered: u64,
    pub lost: u64,
    pub too_large: u64,
    pub overflowed: u64,
    pub duplicated: u64,
    pub reordered: u64,
    pub corrupted: u64,
    pub marked: u64,
}

/// One direction between two addresses.
#[derive(Clone, Debug)]
pub struct Link {
    config: LinkConfig,
    random: SeededRandom,
    /// When the last byte that waits will have been sent.
    busy_until: Instant,
    stats: LinkStats,
}

impl Link {
    /// Nothing on its way yet.
    pub fn new(config: LinkConfig, random: SeededRandom) -> Link {
        Link { config, random, busy_until: Instant::ZERO, stats: LinkStats::default() }
    }

    /// Another behaviour from now on; what is under way stays so.
    pub(crate) fn set_config(&mut self, config: LinkConfig) {
        self.config = config;
    }

    /// What it does.
    pub const fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// What it did.
    pub const fn stats(&self) -> &LinkStats {
        &self.stats
    }

    /// Takes one datagram, and gives the moments at which it arrives: none, one or two. Mark and payload are changed to
    /// what will be received.
    pub fn carry(&mut self, now: Instant, ecn: &mut Ecn, payload: &mut [u8]) -> [Option<Instant>; 2] {
        let LinkConfig { delay, loss, duplication, reorder, reorder_by, corruption, marking, .. } = self.config;
        self.stats.sent += 1;
        // Everything is drawn for every datagram: its fate does not shift that of those after it.
        let [lost, duplicated, late, corrupted, marked] =
            [loss, duplication, reorder, corruption, marking].map(|probability| self.random.chance(probability));
        let late_by = self.random.duration(reorder_by);
        let bit = self.random.next_u64();
        let waiting = self.waiting(now);
        if payload.len() > self.config.mtu {
            self.stats.too_large += 1;
            return [None; 2];
        }
        if lost || (self.config.marks == Marks::Lost && *ecn != Ecn::NotEct) {
            self.stats.lost += 1;
            return [None; 2];
        }
        if self.config.marks == Marks::Removed {
            *ecn = Ecn::NotEct;
        }
        let Some(sent) = self.enqueue(now, waiting, payload.len()) else {
            self.stats.overflowed += 1;
            return [None; 2];
        };
        if (marked || waiting >= self.config.mark_from) && matches!(*ecn, Ecn::Ect0 | Ecn::Ect1) {
            *ecn = Ecn::Ce;
            self.stats.marked += 1;
        }
        if corrupted && !payload.is_empty() {
            let bit = (bit % (payload.len() as u64 * 8)) as usize;
            payload[bit / 8] ^= 1 << (bit % 8);
            self.stats.corrupted += 1;
        }
        let mut arrival = sent + delay;
        if late {
            arrival += late_by;
            self.stats.reordered += 1;
        }
        self.stats.duplicated += u64::from(duplicated);
        self.stats.delivered += 1 + u64::from(duplicated);
        [Some(arrival), duplicated.then_some(arrival)]
    }

    /// Bytes that are not sent yet.
    fn waiting(&self, now: Instant) -> usize {
        let rate = self.config.rate.unwrap_or(0);
        let bytes = (self.busy_until - now).as_nanos() * u128::from(rate) / 1_000_000_000;
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// When the last byte will have left; `None` if the queue has no room.
    fn enqueue(&mut self, now: Instant, waiting: usize, len: usize) -> Option<Instant> {
        let Some(rate) = self.config.rate else { return Some(now) };
        if waiting.saturating_add(len) > self.config.queue {
            return None;
        }
        let nanoseconds = len as u128 * 1_000_000_000 / u128::from(rate.max(1));
        let spent = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.busy_until = self.busy_until.max(now) + spent;
        Some(self.busy_until)
    }
}

#[cfg(test)]
mod tests;
