//! The delivery logic: operations become records and answers.
//!
//! A [`Broker`] has one queue for each namespace, over a [`Log`] that keeps what is durable. It reads no clock and starts no thread:
//! whoever runs it hands in operations with the time, calls [`commit`](Broker::commit) after some of them (one commit serves all that
//! came before it), sends the answers, and calls [`on_timeout`](Broker::on_timeout) at the [`deadline`](Broker::deadline).
//!
//! An event is delivered only after it is durable: otherwise a crash could give its number to another event, which a late
//! acknowledgment would settle. Deliveries themselves are not recorded. What was delivered and not acknowledged before a crash is
//! delivered again after it.

mod batch;
mod commits;
mod dead;
pub mod log;
pub mod marks;
mod memory_log;
mod pending;
mod queue;
mod recent;
pub mod record;
mod serving;
pub mod settings;
mod state;
mod subscription;

pub use dead::dead_letter;
pub use memory_log::MemoryLog;
pub use settings::{Overflow, QueueSettings, Settings};
pub use state::{AGE_INTERVAL, Broker};

use crate::delivery::{
    BatchLimits, ConsumerId, DeliveryId, EncodedEvent, Operation, Outcome, Refusal, Start, StoredEvent, SubscriptionId,
    SubscriptionSettings, is_name,
};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Bytes, Duration, Instant};
use core::ops::ControlFlow;
use log::Log;
use queue::Queue;
use subscription::{Fetching, Subscription};

/// How long an acknowledgment may wait for a commit that something else needs: a sync for it alone would hold up what is published next.
pub const ACKNOWLEDGMENT_LINGER: Duration = Duration::from_millis(2);
/// The most bytes of an event's id and key.
const MAX_TEXT: usize = u16::MAX as usize;

/// Why an attempt has failed.
const LATE: &str = "not acknowledged in time";
const REFUSED: &str = "refused by its consumer";
const LEFT: &str = "its consumer left";

impl<L: Log> Broker<L> {
    /// Does an operation. Its answer comes from [`poll_answer`](Broker::poll_answer), some only after [`commit`](Broker::commit).
    pub fn handle(&mut self, now: Instant, unix_ms: u64, ticket: u64, operation: Operation) {
        let patience = match &operation {
            Operation::Acknowledge { .. } | Operation::Refuse { .. } => ACKNOWLEDGMENT_LINGER,
            _ => Duration::ZERO,
        };
        let waited = self.wants_commit();
        let done = match operation {
            Operation::Publish { namespace, events } => self.publish(unix_ms, ticket, namespace, &events),
            Operation::Subscribe { subscription, settings } => self.subscribe(unix_ms, ticket, subscription, settings),
            Operation::Unsubscribe { subscription } => self.unsubscribe(ticket, subscription),
            Operation::Fetch { subscription, consumer, limits } => {
                let fetching = Fetching { ticket, consumer, limits, until: now + limits.wait, lingers_until: None };
                self.fetch(now, &subscription, fetching)
            }
            Operation::Acknowledge { subscription, deliveries } => {
                self.acknowledge(now, ticket, subscription, &deliveries)
            }
            Operation::Refuse { subscription, deliveries, delay } => {
                self.refuse(now, ticket, subscription, &deliveries, delay)
            }
            Operation::Extend { subscription, deliveries, by } => {
                self.extend(now, ticket, &subscription, &deliveries, by)
            }
            Operation::Leave { consumer } => {
                self.leave(now, ticket, consumer);
                Ok(())
            }
            Operation::Describe { namespace } => self.describe(ticket, namespace),
            Operation::Read { namespace, from, limits } => self.read(ticket, &namespace, from, limits),
        };
        if let Err(refusal) = done {
            self.answers.push_back((ticket, Outcome::Refused(refusal)));
        }
        // What only reads leaves it as it is.
        let is_of_this = !waited || self.uncommitted.last().is_some_and(|(_, of, _)| *of == ticket);
        if is_of_this && self.wants_commit() {
            let at = now + patience;
            self.commit_at = Some(self.commit_at.map_or(at, |before| before.min(at)));
        }
    }

    /// What happens by itself: deliveries that were not acknowledged in time, attempts that are due, fetches whose wait is over, and
    /// events that are too old.
    pub fn on_timeout(&mut self, now: Instant, unix_ms: u64) {
        while let Some((at, namespace, name)) = self.timers.first().cloned().filter(|(at, _, _)| *at <= now) {
            self.timers.remove(&(at, Arc::clone(&namespace), Arc::clone(&name)));
            if let Some(subscription) = self.subscription_mut(&namespace, &name) {
                subscription.armed = None;
            }
            self.on_subscription_timeout(now, &namespace, &name);
            self.serve(now, &namespace, &name);
        }
        if self.ages_at.is_some_and(|at| at <= now) {
            self.ages_at = Some(now + AGE_INTERVAL);
            let names: Vec<String> = self.queues.keys().cloned().collect();
            for name in names {
                self.retain(&name, unix_ms);
            }
        }
    }

    fn publish(
        &mut self,
        unix_ms: u64,
        ticket: u64,
        namespace: String,
        events: &[EncodedEvent],
    ) -> Result<(), Refusal> {
        if events.len() > self.settings.max_count {
            return Err(Refusal::TooMany { what: "events at once", most: self.settings.max_count });
        }
        for event in events {
            let parts =
                [(event.bytes.len(), self.settings.max_event), (event.id.len(), MAX_TEXT), (event.key.len(), MAX_TEXT)];
            if let Some((size, most)) = parts.into_iter().find(|(size, most)| size > most) {
                return Err(Refusal::TooLarge { size, most });
            }
        }
        self.queue_for(unix_ms, &namespace)?;
        let queue = self.queue(&namespace)?;
        let bytes = events.iter().map(|event| event.bytes.len() as u64).sum();
        if !queue.has_room(events.len() as u64, bytes) {
            return Err(Refusal::NamespaceFull { namespace });
        }
        let published = self.append_events(unix_ms, &namespace, events)?;
        self.uncommitted.push((namespace, ticket, Outcome::Published(published)));
        Ok(())
    }

    fn subscribe(
        &mut self,
        unix_ms: u64,
        ticket: u64,
        id: SubscriptionId,
        settings: SubscriptionSettings,
    ) -> Result<(), Refusal> {
        check(&id, &settings)?;
        self.queue_for(unix_ms, &id.namespace)?;
        let most = self.settings.max_subscriptions;
        let queue = self.queue(&id.namespace)?;
        if let Some(there) = queue.subscriptions.get(&id.name) {
            if let Some(setting) = difference(&there.settings, &settings) {
                return Err(Refusal::OtherSettings { subscription: id, setting });
            }
            let outcome = Outcome::Subscribed { is_new: false, next: there.position };
            self.uncommitted.push((id.namespace, ticket, outcome));
            return Ok(());
        }
        if queue.subscriptions.len() >= most {
            return Err(Refusal::TooMany { what: "subscriptions of a namespace", most });
        }
        let next = self.start(&id.namespace, settings.start)?;
        let subscription = Subscription::new(SubscriptionSettings { start: Start::Earliest, ..settings }, next);
        let records = queue::subscribed(self.queue(&id.namespace)?, &id.name, &subscription);
        self.append(&id.namespace, &records)?;
        self.queue(&id.namespace)?.subscriptions.insert(id.name, subscription);
        self.uncommitted.push((id.namespace, ticket, Outcome::Subscribed { is_new: true, next }));
        Ok(())
    }

    /// The number of the event to begin with.
    fn start(&mut self, namespace: &str, start: Start) -> Result<u64, Refusal> {
        let queue = self.queue(namespace)?;
        let durable = queue.durable;
        match queue.start(start) {
            Ok(sequence) => Ok(sequence),
            Err((from, time)) => {
                let mut found = durable;
                self.log.read(namespace, from, &mut |record| {
                    if record.sequence < durable && record.time < time {
                        return ControlFlow::Continue(());
                    }
                    found = record.sequence.min(durable);
                    ControlFlow::Break(())
                })?;
                Ok(found)
            }
        }
    }

    fn unsubscribe(&mut self, ticket: u64, id: SubscriptionId) -> Result<(), Refusal> {
        self.subscription(&id)?;
        let records = queue::unsubscribed(self.queue(&id.namespace)?, &id.name);
        self.append(&id.namespace, &records)?;
        if let Some(mut gone) = self.queue(&id.namespace)?.subscriptions.remove(&id.name) {
            if let Some(at) = gone.armed {
                self.timers.remove(&(at, Arc::from(id.namespace.as_str()), Arc::from(id.name.as_str())));
            }
            self.dying.retain(|dying| dying.subscription != id);
            self.refuse_fetches(&mut gone, &id.namespace, &id.name);
        }
        self.uncommitted.push((id.namespace, ticket, Outcome::Done { unknown: 0 }));
        Ok(())
    }

    fn fetch(&mut self, now: Instant, id: &SubscriptionId, mut fetching: Fetching) -> Result<(), Refusal> {
        let (most, count, bytes) = (self.settings.max_fetching, self.settings.max_count, self.settings.max_bytes);
        let subscription = self.subscription(id)?;
        if subscription.fetching.len() >= most {
            return Err(Refusal::TooMany { what: "fetches that wait in a subscription", most });
        }
        fetching.limits.count = fetching.limits.count.clamp(1, count);
        fetching.limits.bytes = fetching.limits.bytes.clamp(1, bytes);
        subscription.fetching.push_back(fetching);
        self.note_consumer(fetching.consumer, id);
        self.serve(now, &id.namespace, &id.name);
        Ok(())
    }

    /// Remembers where a consumer may hold events, until it leaves.
    fn note_consumer(&mut self, consumer: ConsumerId, id: &SubscriptionId) {
        let of = self.consumers.entry(consumer).or_default();
        if !of.iter().any(|(namespace, name)| **namespace == *id.namespace && **name == *id.name) {
            of.insert((Arc::from(id.namespace.as_str()), Arc::from(id.name.as_str())));
        }
    }

    fn acknowledge(
        &mut self,
        now: Instant,
        ticket: u64,
        id: SubscriptionId,
        deliveries: &[DeliveryId],
    ) -> Result<(), Refusal> {
        self.subscription(&id)?;
        let queue = self.queue(&id.namespace)?;
        let (durable, first) = (queue.durable, queue.first);
        let subscription = self.subscription(&id)?;
        let mut sequences: Vec<u64> = deliveries.iter().map(|delivery| delivery.sequence).collect();
        sequences.sort_unstable();
        sequences.dedup();
        let named = sequences.len();
        sequences.retain(|sequence| (first..durable).contains(sequence) && subscription.may_have_delivered(*sequence));
        let unknown = named - sequences.len();
        if !sequences.is_empty() {
            let records = queue::settled(self.queue(&id.namespace)?, &id.name, &sequences);
            self.append(&id.namespace, &records)?;
            let subscription = self.subscription(&id)?;
            for sequence in sequences {
                subscription.take_up_to(sequence);
                subscription.counters.acknowledged += u64::from(subscription.pending.settle(sequence));
            }
            self.serve(now, &id.namespace, &id.name);
        }
        self.uncommitted.push((id.namespace, ticket, Outcome::Done { unknown }));
        Ok(())
    }

    fn refuse(
        &mut self,
        now: Instant,
        ticket: u64,
        id: SubscriptionId,
        deliveries: &[DeliveryId],
        delay: Duration,
    ) -> Result<(), Refusal> {
        let subscription = self.subscription(&id)?;
        let known: Vec<u64> = deliveries
            .iter()
            .filter(|delivery| subscription.pending.is_in_flight(**delivery))
            .map(|delivery| delivery.sequence)
            .collect();
        let failures: Vec<(u64, u32)> =
            known.iter().map(|sequence| (*sequence, subscription.pending.attempts(*sequence))).collect();
        let records = queue::failed(self.queue(&id.namespace)?, &id.name, &failures);
        self.append(&id.namespace, &records)?;
        for sequence in &known {
            self.subscription(&id)?.counters.refused += 1;
            self.attempt_failed(now, &id, *sequence, delay, REFUSED);
        }
        self.serve(now, &id.namespace, &id.name);
        let unknown = deliveries.len() - known.len();
        self.uncommitted.push((id.namespace, ticket, Outcome::Done { unknown }));
        Ok(())
    }

    fn extend(
        &mut self,
        now: Instant,
        ticket: u64,
        id: &SubscriptionId,
        deliveries: &[DeliveryId],
        by: Duration,
    ) -> Result<(), Refusal> {
        let subscription = self.subscription(id)?;
        let mut unknown = 0;
        for delivery in deliveries {
            if subscription.pending.is_in_flight(*delivery) {
                subscription.pending.extend(delivery.sequence, now + by);
            } else {
                unknown += 1;
            }
        }
        self.arm(&id.namespace, &id.name);
        self.answers.push_back((ticket, Outcome::Done { unknown }));
        Ok(())
    }

    fn leave(&mut self, now: Instant, ticket: u64, consumer: u64) {
        let mut touched = Vec::new();
        for (namespace, name) in self.consumers.remove(&consumer).unwrap_or_default() {
            let queue = self.queues.get_mut(&*namespace);
            let Some(subscription) = queue.and_then(|queue| queue.subscriptions.get_mut(&*name)) else { continue };
            let held = subscription.pending.of_consumer(consumer);
            let before = subscription.fetching.len();
            let answers = &mut self.answers;
            subscription.fetching.retain(|fetching| {
                if fetching.consumer == consumer {
                    answers.push_back((fetching.ticket, Outcome::Batch(Vec::new())));
                }
                fetching.consumer != consumer
            });
            if !held.is_empty() || before != subscription.fetching.len() {
                let id = SubscriptionId { namespace: namespace.to_string(), name: name.to_string() };
                touched.push((id, held));
            }
        }
        for (id, held) in touched {
            for sequence in held {
                match self.subscription_mut(&id.namespace, &id.name) {
                    Some(one) if !one.is_exhausted(sequence) => one.pending.retry(sequence, now, now),
                    _ => self.attempt_failed(now, &id, sequence, Duration::ZERO, LEFT),
                }
            }
            self.serve(now, &id.namespace, &id.name);
        }
        self.answers.push_back((ticket, Outcome::Done { unknown: 0 }));
    }

    fn on_subscription_timeout(&mut self, now: Instant, namespace: &str, name: &str) {
        let id = SubscriptionId { namespace: namespace.to_string(), name: name.to_string() };
        let mut failures = Vec::new();
        while let Some(subscription) = self.subscription_mut(namespace, name) {
            let Some((sequence, is_late)) = subscription.pending.pop_due(now) else { break };
            if is_late {
                subscription.counters.late += 1;
                failures.push((sequence, subscription.pending.attempts(sequence)));
                self.attempt_failed(now, &id, sequence, Duration::ZERO, LATE);
            }
        }
        let Some(queue) = self.queues.get(namespace) else { return };
        let records = queue::failed(queue, name, &failures);
        // Attempts that are not recorded are not counted after a restart: one more is made then.
        let _ = self.append(namespace, &records);
    }

    fn describe(&mut self, ticket: u64, namespace: Option<String>) -> Result<(), Refusal> {
        let described = match namespace {
            Some(name) => Vec::from([self.queue(&name)?.describe()]),
            None => self.queues.values().map(Queue::describe).collect(),
        };
        self.answers.push_back((ticket, Outcome::Description(described)));
        Ok(())
    }

    fn read(&mut self, ticket: u64, namespace: &str, from: Start, limits: BatchLimits) -> Result<(), Refusal> {
        let from = self.start(namespace, from)?;
        let end = self.queue(namespace)?.durable;
        let count = limits.count.clamp(1, self.settings.max_count);
        let most = limits.bytes.clamp(1, self.settings.max_bytes);
        let (mut events, mut bytes, mut next) = (Vec::new(), 0, end.max(from));
        self.log.read(namespace, from, &mut |record| {
            let Some(event) = record::read_event(record.content) else { return ControlFlow::Continue(()) };
            if record.sequence >= end {
                return ControlFlow::Break(());
            }
            if events.len() >= count || (!events.is_empty() && bytes + event.bytes.len() > most) {
                next = record.sequence;
                return ControlFlow::Break(());
            }
            bytes += event.bytes.len();
            let content = Bytes::copy_from_slice(event.bytes);
            events.push(StoredEvent { sequence: record.sequence, published_at: record.time, bytes: content });
            ControlFlow::Continue(())
        })?;
        self.answers.push_back((ticket, Outcome::Events { events, next }));
        Ok(())
    }
}

/// Whether names and settings are what they may be: for stores that have no broker.
///
/// # Errors
/// Which is not.
pub fn check(id: &SubscriptionId, settings: &SubscriptionSettings) -> Result<(), Refusal> {
    let names = [Some(&id.namespace), Some(&id.name), settings.dead_letter.as_ref()];
    if let Some(name) = names.into_iter().flatten().find(|name| !is_name(name)) {
        return Err(Refusal::BadName { name: name.clone() });
    }
    let deadline = settings.acknowledgment_deadline;
    let what = if !(1..=record::MAX_IN_FLIGHT).contains(&settings.max_in_flight) {
        "max_in_flight is a number from 1 to 100,000"
    } else if deadline < Duration::from_millis(10) || deadline > Duration::from_secs(24 * 3600) {
        "acknowledgment_deadline is a time from 10 ms to 24 h"
    } else if settings.backoff.most > Duration::from_secs(24 * 3600) {
        "backoff.most is at most 24 h"
    } else if settings.max_deliveries == Some(0) {
        "max_deliveries is at least 1: a subscription without deliveries is none"
    } else if settings.dead_letter.as_ref() == Some(&id.namespace) {
        "dead_letter is another namespace: dead events would come back to their own subscription"
    } else {
        return Ok(());
    };
    Err(Refusal::BadSetting { what })
}

/// The first setting in which the two differ. Where a subscription begins only matters when it is made.
pub fn difference(there: &SubscriptionSettings, asked: &SubscriptionSettings) -> Option<&'static str> {
    let differs = [
        (there.max_in_flight != asked.max_in_flight, "max_in_flight"),
        (there.acknowledgment_deadline != asked.acknowledgment_deadline, "acknowledgment_deadline"),
        (there.backoff != asked.backoff, "backoff"),
        (there.max_deliveries != asked.max_deliveries, "max_deliveries"),
        (there.dead_letter != asked.dead_letter, "dead_letter"),
        (there.is_ordered_by_key != asked.is_ordered_by_key, "is_ordered_by_key"),
    ];
    differs.into_iter().find(|(differs, _)| *differs).map(|(_, name)| name)
}
