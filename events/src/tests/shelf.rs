//! A store for tests: what it promises and no more, without a clock. Fetches that find nothing wait until something comes.

use crate::delivery::{
    ConsumerId, Delivery, DeliveryId, EncodedEvent, NamespaceDescription, Operation, Outcome, Published, Refusal,
    Start, StoredEvent, SubscriptionId,
};
use crate::session::server::Ticket;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

/// Whose answer it is: a session's number and its ticket.
pub(super) type Whose = (u64, Ticket);

#[derive(Default)]
struct Subscription {
    next: u64,
    again: BTreeSet<u64>,
    attempts: BTreeMap<u64, u32>,
    held: BTreeMap<u64, ConsumerId>,
    acknowledged: BTreeSet<u64>,
}

struct Waiting {
    whose: Whose,
    subscription: SubscriptionId,
    consumer: ConsumerId,
    count: usize,
    bytes: usize,
}

#[derive(Default)]
pub(super) struct Shelf {
    namespaces: BTreeMap<String, Vec<EncodedEvent>>,
    subscriptions: BTreeMap<SubscriptionId, Subscription>,
    waiting: Vec<Waiting>,
    answers: VecDeque<(Whose, Outcome)>,
    /// Refuses the next operations so often.
    pub(super) refuse: VecDeque<Refusal>,
    pub(super) delivered: Vec<(u64, u32)>,
}

impl Shelf {
    pub(super) fn events(&self, namespace: &str) -> &[EncodedEvent] {
        self.namespaces.get(namespace).map_or(&[], Vec::as_slice)
    }

    pub(super) fn unacknowledged(&self, namespace: &str, name: &str) -> usize {
        let id = SubscriptionId { namespace: namespace.into(), name: name.into() };
        let acknowledged = self.subscriptions.get(&id).map_or(0, |one| one.acknowledged.len());
        self.events(namespace).len() - acknowledged
    }

    pub(super) fn poll_answer(&mut self) -> Option<(Whose, Outcome)> {
        self.answers.pop_front()
    }

    pub(super) fn submit(&mut self, whose: Option<Whose>, operation: Operation) {
        if let (Some(whose), Some(refusal)) = (whose, self.refuse.pop_front()) {
            self.answers.push_back((whose, Outcome::Refused(refusal)));
            return;
        }
        let outcome = match operation {
            Operation::Fetch { subscription, consumer, limits } => {
                let whose = whose.expect("a fetch has an answer");
                self.waiting.push(Waiting { whose, subscription, consumer, count: limits.count, bytes: limits.bytes });
                return self.serve();
            }
            Operation::Publish { namespace, events } => Outcome::Published(self.publish(namespace, events)),
            Operation::Subscribe { subscription, .. } => {
                let is_new = !self.subscriptions.contains_key(&subscription);
                let next = self.subscriptions.entry(subscription).or_default().next + 1;
                Outcome::Subscribed { is_new, next }
            }
            Operation::Acknowledge { subscription, deliveries } => {
                let one = self.subscriptions.entry(subscription).or_default();
                for delivery in &deliveries {
                    one.acknowledged.insert(delivery.sequence);
                    one.again.remove(&delivery.sequence);
                    one.held.remove(&delivery.sequence);
                }
                Outcome::Done { unknown: 0 }
            }
            Operation::Refuse { subscription, deliveries, .. } => {
                let one = self.subscriptions.entry(subscription).or_default();
                for delivery in &deliveries {
                    if one.held.remove(&delivery.sequence).is_some() {
                        one.again.insert(delivery.sequence);
                    }
                }
                Outcome::Done { unknown: 0 }
            }
            Operation::Leave { consumer } => {
                self.leave(consumer);
                Outcome::Done { unknown: 0 }
            }
            Operation::Read { namespace, from, limits } => {
                let first = if let Start::Sequence(first) = from { first.max(1) } else { 1 };
                let events = self.events(&namespace).iter().zip(1u64..).filter(|(_, sequence)| *sequence >= first);
                let stored = |(event, sequence): (&EncodedEvent, u64)| StoredEvent {
                    sequence,
                    published_at: 0,
                    bytes: event.bytes.clone(),
                };
                let events: Vec<StoredEvent> = events.take(limits.count).map(stored).collect();
                let next = events.last().map_or(first, |last| last.sequence + 1);
                Outcome::Events { events, next }
            }
            Operation::Describe { .. } => {
                let of = |(name, events): (&String, &Vec<EncodedEvent>)| NamespaceDescription {
                    name: name.clone(),
                    first: 1,
                    next: events.len() as u64 + 1,
                    ..NamespaceDescription::default()
                };
                Outcome::Description(self.namespaces.iter().map(of).collect())
            }
            Operation::Unsubscribe { .. } | Operation::Extend { .. } => Outcome::Done { unknown: 0 },
        };
        if let Some(whose) = whose {
            self.answers.push_back((whose, outcome));
        }
        self.serve();
    }

    fn publish(&mut self, namespace: String, events: Vec<EncodedEvent>) -> Vec<Published> {
        let there = self.namespaces.entry(namespace).or_default();
        let mut published = Vec::new();
        for event in events {
            let known = there.iter().position(|other| other.id == event.id);
            let sequence = known.unwrap_or(there.len()) as u64 + 1;
            if known.is_none() {
                there.push(event);
            }
            published.push(Published { sequence, is_duplicate: known.is_some() });
        }
        published
    }

    fn leave(&mut self, consumer: ConsumerId) {
        for one in self.subscriptions.values_mut() {
            let held: Vec<u64> = one.held.iter().filter(|(_, who)| **who == consumer).map(|(at, _)| *at).collect();
            for sequence in held {
                one.held.remove(&sequence);
                one.again.insert(sequence);
            }
        }
        let (gone, left) = core::mem::take(&mut self.waiting).into_iter().partition(|one| one.consumer == consumer);
        self.waiting = left;
        let gone: Vec<Waiting> = gone;
        self.answers.extend(gone.into_iter().map(|one| (one.whose, Outcome::Batch(Vec::new()))));
    }

    fn serve(&mut self) {
        for waiting in core::mem::take(&mut self.waiting) {
            let one = self.subscriptions.entry(waiting.subscription.clone()).or_default();
            let events = self.namespaces.get(&waiting.subscription.namespace).map_or(&[][..], Vec::as_slice);
            let (mut batch, mut bytes_of_batch) = (Vec::new(), 0);
            while batch.len() < waiting.count && bytes_of_batch < waiting.bytes {
                let sequence = match one.again.pop_first() {
                    Some(sequence) => sequence,
                    None if one.next < events.len() as u64 => {
                        one.next += 1;
                        one.next
                    }
                    None => break,
                };
                let attempt = one.attempts.entry(sequence).or_default();
                *attempt += 1;
                one.held.insert(sequence, waiting.consumer);
                self.delivered.push((sequence, *attempt));
                let id = DeliveryId { sequence, attempt: *attempt };
                let bytes = events[sequence as usize - 1].bytes.clone();
                bytes_of_batch += bytes.len();
                batch.push(Delivery { id, bytes, published_at: 0 });
            }
            if batch.is_empty() {
                self.waiting.push(waiting);
            } else {
                self.answers.push_back((waiting.whose, Outcome::Batch(batch)));
            }
        }
    }
}
