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
pub mod settings;
mod subscription;

pub use dead::dead_letter;
pub use memory_log::MemoryLog;
pub use settings::{Overflow, QueueSettings, Settings};

use crate::delivery::{
    BatchLimits, ConsumerId, DeliveryId, EncodedEvent, Operation, Outcome, Refusal, Start, StoredEvent, SubscriptionId,
    SubscriptionSettings, is_name,
};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Bytes, Duration, Instant};
use core::ops::ControlFlow;
use dead::Dying;
use log::{Log, Records};
use queue::Queue;
use subscription::{Fetching, Subscription};

/// How often ages are looked at.
pub const AGE_INTERVAL: Duration = Duration::from_secs(1);
/// How long an acknowledgment may wait for a commit that something else needs: a sync for it alone would hold up what is published next.
pub const ACKNOWLEDGMENT_LINGER: Duration = Duration::from_millis(2);
/// The most bytes of an event's id and key.
const MAX_TEXT: usize = u16::MAX as usize;

/// Queues, subscriptions and what is under way, over a log.
#[derive(Debug)]
pub struct Broker<L> {
    log: L,
    settings: Settings,
    queues: BTreeMap<String, Queue>,
    /// When subscriptions have something to do: namespace and name.
    timers: BTreeSet<(Instant, Arc<str>, Arc<str>)>,
    /// Namespaces to which something was appended since the last commit.
    dirty: BTreeSet<Arc<str>>,
    /// When the next commit is due, where something is known to wait for it.
    commit_at: Option<Instant>,
    /// Who has asked for events, and of which subscriptions: namespace and name.
    consumers: BTreeMap<ConsumerId, BTreeSet<(Arc<str>, Arc<str>)>>,
    /// Answers that wait for the commit of this namespace.
    uncommitted: Vec<(String, u64, Outcome)>,
    answers: VecDeque<(u64, Outcome)>,
    dying: Vec<Dying>,
    ages_at: Option<Instant>,
    /// What was read and not understood, since the store was opened.
    unreadable: u64,
}

/// Why an attempt has failed.
const LATE: &str = "not acknowledged in time";
const REFUSED: &str = "refused by its consumer";
const LEFT: &str = "its consumer left";

impl<L: Log> Broker<L> {
    /// Over the logs that there are: each is read from its last snapshot on.
    ///
    /// # Errors
    /// The logs cannot be listed, or one cannot be read.
    pub fn new(settings: Settings, mut log: L, now: Instant, unix_ms: u64) -> Result<Broker<L>, Refusal> {
        let names = log.namespaces()?;
        let mut made = Broker {
            log,
            settings,
            queues: BTreeMap::new(),
            timers: BTreeSet::new(),
            dirty: BTreeSet::new(),
            commit_at: None,
            consumers: BTreeMap::new(),
            uncommitted: Vec::new(),
            answers: VecDeque::new(),
            dying: Vec::new(),
            ages_at: None,
            unreadable: 0,
        };
        for name in names {
            let queue = made.open(&name, unix_ms)?;
            made.queues.insert(name, queue);
        }
        made.ages_at = made.has_ages().then(|| now + AGE_INTERVAL);
        Ok(made)
    }

    fn has_ages(&self) -> bool {
        let all = self.settings.namespaces.values().chain([&self.settings.queue]);
        all.into_iter().any(|queue| queue.max_age.is_some())
    }

    fn queue_settings(&self, name: &str) -> QueueSettings {
        self.settings.namespaces.get(name).unwrap_or(&self.settings.queue).clone()
    }

    /// A queue as its log has it.
    fn open(&mut self, name: &str, unix_ms: u64) -> Result<Queue, Refusal> {
        let mut queue = Queue::new(name, self.queue_settings(name));
        let mut unreadable = 0;
        self.log.replay(name, &mut |record| unreadable += u64::from(!queue.replay(record)))?;
        self.unreadable += unreadable;
        queue.durable = queue.next;
        let (from, most) = (queue.first_to_remember(unix_ms), queue.settings.max_remembered_ids);
        if most > 0 && from < queue.next {
            let recent = &mut queue.recent;
            self.log.read(name, from, &mut |record| {
                if let Some(event) = record::read_event(record.content) {
                    recent.insert(event.id, record.sequence, record.time, most);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(queue)
    }

    /// Records that were read and not understood.
    pub const fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// What it stands on.
    pub const fn log(&self) -> &L {
        &self.log
    }

    /// What it stands on, when it is not needed any more.
    pub fn into_log(self) -> L {
        self.log
    }

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

    /// The next answer: the ticket of the operation, and what became of it.
    pub fn poll_answer(&mut self) -> Option<(u64, Outcome)> {
        self.answers.pop_front()
    }

    /// When [`on_timeout`](Broker::on_timeout) is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _, _)| *at);
        timer.into_iter().chain(self.ages_at).min()
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

    fn refuse_fetches(&mut self, subscription: &mut Subscription, namespace: &str, name: &str) {
        let id = SubscriptionId { namespace: namespace.to_string(), name: name.to_string() };
        for fetching in subscription.fetching.drain(..) {
            let refusal = Refusal::NoSuchSubscription { subscription: id.clone() };
            self.answers.push_back((fetching.ticket, Outcome::Refused(refusal)));
        }
    }

    /// The queue, made if it is not there, and opened anew if it has failed.
    fn queue_for(&mut self, unix_ms: u64, name: &str) -> Result<(), Refusal> {
        if let Some(queue) = self.queues.get(name) {
            return if queue.failure.is_some() { self.reopen(unix_ms, name) } else { Ok(()) };
        }
        if !is_name(name) {
            return Err(Refusal::BadName { name: name.to_string() });
        }
        if self.queues.len() >= self.settings.max_namespaces {
            return Err(Refusal::TooMany { what: "namespaces", most: self.settings.max_namespaces });
        }
        self.log.create(name)?;
        let queue = Queue::new(name, self.queue_settings(name));
        self.queues.insert(name.to_string(), queue);
        Ok(())
    }

    fn queue(&mut self, name: &str) -> Result<&mut Queue, Refusal> {
        match self.queues.get_mut(name) {
            Some(Queue { failure: Some(refusal), .. }) => Err(refusal.clone()),
            Some(queue) => Ok(queue),
            None => Err(Refusal::NoSuchNamespace { namespace: name.to_string() }),
        }
    }

    fn subscription_mut(&mut self, namespace: &str, name: &str) -> Option<&mut Subscription> {
        self.queues.get_mut(namespace)?.subscriptions.get_mut(name)
    }

    /// The subscription, or why there is none.
    fn subscription(&mut self, id: &SubscriptionId) -> Result<&mut Subscription, Refusal> {
        let subscriptions = &mut self.queue(&id.namespace)?.subscriptions;
        subscriptions.get_mut(&id.name).ok_or_else(|| Refusal::NoSuchSubscription { subscription: id.clone() })
    }

    /// Appends records of a namespace that is there.
    fn append(&mut self, namespace: &str, records: &Records) -> Result<(), Refusal> {
        if records.is_empty() {
            return Ok(());
        }
        // Also where it fails: a log that takes nothing any more says so when it is committed, and is opened anew.
        if !self.dirty.contains(namespace) {
            self.dirty.insert(Arc::from(namespace));
        }
        self.log.append(namespace, records)
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

    fn append_events(
        &mut self,
        unix_ms: u64,
        namespace: &str,
        events: &[EncodedEvent],
    ) -> Result<Vec<crate::delivery::Published>, Refusal> {
        let queue = self.queue(namespace)?;
        let time = queue.time(unix_ms);
        let (records, published) = queue.prepare(events, unix_ms);
        self.append(namespace, &records)?;
        self.queue(namespace)?.published(events, &published, time);
        Ok(published)
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

    fn serve_all(&mut self, now: Instant, namespace: &str) {
        let Some(queue) = self.queues.get(namespace) else { return };
        let waiting = queue.subscriptions.iter().filter(|(_, one)| !one.fetching.is_empty() || one.armed.is_none());
        let names: Vec<String> = waiting.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.serve(now, namespace, &name);
        }
    }

    /// Gives events to the fetches that wait, in turn, and sets the timer.
    fn serve(&mut self, now: Instant, namespace: &str, name: &str) {
        let Some(queue) = self.queues.get_mut(namespace) else { return };
        let Some(subscription) = queue.subscriptions.get_mut(name) else { return };
        let mut left = VecDeque::new();
        while let Some(mut fetching) = subscription.fetching.pop_front() {
            let is_over = fetching.until <= now;
            let is_due = is_over || is_ready(subscription, &queue.marks, queue.durable, &mut fetching, now);
            let batch = match is_due {
                true => batch::fill(&mut self.log, namespace, queue.durable, subscription, fetching, now),
                false => Ok(Vec::new()),
            };
            match batch {
                Ok(batch) if batch.is_empty() && !is_over => left.push_back(fetching),
                Ok(batch) => self.answers.push_back((fetching.ticket, Outcome::Batch(batch))),
                Err(refusal) => self.answers.push_back((fetching.ticket, Outcome::Refused(refusal))),
            }
        }
        subscription.fetching = left;
        self.arm(namespace, name);
    }

    /// Sets the subscription's timer.
    fn arm(&mut self, namespace: &str, name: &str) {
        let Some(subscription) = self.queues.get_mut(namespace).and_then(|queue| queue.subscriptions.get_mut(name))
        else {
            return;
        };
        let deadline = subscription.deadline();
        if deadline == subscription.armed {
            return;
        }
        let (namespace, name): (Arc<str>, Arc<str>) = (Arc::from(namespace), Arc::from(name));
        if let Some(at) = core::mem::replace(&mut subscription.armed, deadline) {
            self.timers.remove(&(at, Arc::clone(&namespace), Arc::clone(&name)));
        }
        if let Some(at) = deadline {
            self.timers.insert((at, namespace, name));
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

    /// The next attempt, or the end.
    fn attempt_failed(&mut self, now: Instant, id: &SubscriptionId, sequence: u64, delay: Duration, why: &'static str) {
        let Some(subscription) = self.subscription_mut(&id.namespace, &id.name) else { return };
        if subscription.is_exhausted(sequence) {
            subscription.pending.die(sequence);
            self.dying.push(Dying { subscription: id.clone(), sequence, why });
        } else {
            let at = subscription.next_attempt(sequence, delay, now);
            subscription.pending.retry(sequence, at, now);
        }
    }

    /// Lets go what is too old or too much.
    fn retain(&mut self, name: &str, unix_ms: u64) {
        let Some(queue) = self.queues.get(name) else { return };
        let first = queue.due_first(unix_ms);
        if first <= queue.first || queue.failure.is_some() {
            return;
        }
        let records = queue::expired(queue, first);
        // Without the record the events come back with a restart, and go again.
        let _ = self.log.append(name, &records);
        if let Some(queue) = self.queues.get_mut(name) {
            queue.drop_before(first);
        }
        self.log.drop_before(name, first);
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

/// Whether a fetch is to be answered: there are events, and it does not wait for more of them.
fn is_ready(
    subscription: &Subscription,
    marks: &marks::Marks,
    durable: u64,
    fetching: &mut Fetching,
    now: Instant,
) -> bool {
    let room = subscription.room() as u64;
    let new = durable.saturating_sub(subscription.position).min(room);
    let count = subscription.pending.ready_count() as u64 + new;
    if count == 0 {
        return false;
    }
    let limits = fetching.limits;
    if limits.linger.is_zero() || count >= limits.count as u64 {
        return true;
    }
    let bytes = marks.bytes_from(subscription.position, durable);
    let until = *fetching.lingers_until.get_or_insert(now + limits.linger);
    until <= now || bytes >= limits.bytes as u64 || count >= room.max(1)
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
