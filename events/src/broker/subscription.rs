//! A durable reader of one namespace: its position, what is not settled, and who waits for events.

use crate::broker::pending::Pending;
use crate::broker::record::{put_settings, put_u64, settings};
use crate::delivery::{BatchLimits, ConsumerId, SubscriptionDescription, SubscriptionSettings};
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{Duration, Instant, Reader, Truncated};

/// A subscription.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) settings: SubscriptionSettings,
    /// The number of the first event that was not taken up.
    pub(crate) position: u64,
    pub(crate) pending: Pending,
    pub(crate) fetching: VecDeque<Fetching>,
    /// For when the broker's timer is set.
    pub(crate) armed: Option<Instant>,
    pub(crate) counters: SubscriptionDescription,
}

/// A fetch that waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fetching {
    pub(crate) ticket: u64,
    pub(crate) consumer: ConsumerId,
    pub(crate) limits: BatchLimits,
    pub(crate) until: Instant,
    /// Since there are events: until when to wait for more.
    pub(crate) lingers_until: Option<Instant>,
}

impl Subscription {
    pub(crate) fn new(settings: SubscriptionSettings, position: u64) -> Subscription {
        Subscription {
            settings,
            position,
            pending: Pending::default(),
            fetching: VecDeque::new(),
            armed: None,
            counters: SubscriptionDescription::default(),
        }
    }

    /// How many events may be taken up now.
    pub(crate) fn room(&self) -> usize {
        let most = self.settings.max_in_flight as usize;
        let under_way = self.pending.len() - self.pending.held();
        // Events that are held back are in memory too: as many of them as of the others.
        most.saturating_sub(under_way).min(most.saturating_sub(self.pending.held()))
    }

    /// The most events before `sequence` that can be unsettled without its having been recorded.
    const fn most_unrecorded(&self) -> u64 {
        2 * self.settings.max_in_flight as u64
    }

    /// Whether `sequence` can have been delivered. After a restart the position is that of the last record, and consumers may
    /// still hold what was delivered after it.
    pub(crate) fn may_have_delivered(&self, sequence: u64) -> bool {
        self.pending.contains(sequence)
            || (sequence >= self.position && sequence - self.position <= self.most_unrecorded())
    }

    /// All events up to `sequence` were taken up.
    pub(crate) fn take_up_to(&mut self, sequence: u64) {
        while self.position <= sequence {
            self.pending.insert(self.position, 0);
            self.position += 1;
        }
    }

    /// Events before `first` are no more.
    pub(crate) fn expire(&mut self, first: u64) {
        let mut gone = self.pending.expire(first);
        gone += first.saturating_sub(self.position);
        self.position = self.position.max(first);
        self.counters.expired += gone;
    }

    /// The number of the first event that is not settled.
    pub(crate) fn floor(&self) -> u64 {
        self.pending.first().unwrap_or(self.position)
    }

    /// When something happens by itself.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let until = |one: &Fetching| one.lingers_until.map_or(one.until, |lingers| lingers.min(one.until));
        self.fetching.iter().map(until).chain(self.pending.deadline()).min()
    }

    /// When an event is to be delivered after this attempt.
    pub(crate) fn next_attempt(&self, sequence: u64, delay: Duration, now: Instant) -> Instant {
        now + delay.max(self.settings.backoff.after(self.pending.attempts(sequence)))
    }

    /// Whether the event has had all its attempts.
    pub(crate) fn is_exhausted(&self, sequence: u64) -> bool {
        self.settings.max_deliveries.is_some_and(|most| self.pending.attempts(sequence) >= most)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put_settings(out, &self.settings);
        put_u64(out, self.position);
        self.pending.write(out);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Subscription, Truncated> {
        let mut made = Subscription::new(settings(reader)?, reader.u64()?);
        made.pending = Pending::read(reader)?;
        Ok(made)
    }
}
