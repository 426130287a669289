//! A broker on virtual time, over logs that lose what was not committed.
#![allow(dead_code)] // each test program uses a part of it

use base::{Bytes, Duration, Instant};
use posthaste_events::broker::log::{Log, Record, Records, kind};
use posthaste_events::broker::{Broker, Settings};
use posthaste_events::delivery::{
    BatchLimits, Delivery, DeliveryId, EncodedEvent, Operation, Outcome, Published, Refusal, SubscriptionId,
    SubscriptionSettings,
};
use sim::SeededRandom;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Kept {
    kind: u8,
    sequence: u64,
    time: u64,
    content: Vec<u8>,
}

#[derive(Clone, Debug, Default)]
struct OneLog {
    records: Vec<Kept>,
    /// How many are durable.
    committed: usize,
    /// Where the last snapshot is.
    snapshot: usize,
    dropped_before: u64,
}

/// Logs that a crash takes back to what was committed, or to anything between that and what was appended.
#[derive(Clone, Debug)]
pub(crate) struct FaultyLog {
    logs: BTreeMap<String, OneLog>,
    pub(crate) random: SeededRandom,
    /// One in so many appends and commits fails.
    pub(crate) failures: Option<u64>,
    pub(crate) is_full: bool,
    pub(crate) snapshot_every: usize,
}

impl FaultyLog {
    pub(crate) fn new(seed: u64) -> FaultyLog {
        FaultyLog {
            logs: BTreeMap::new(),
            random: SeededRandom::new(seed),
            failures: None,
            is_full: false,
            snapshot_every: 30,
        }
    }

    /// Records that are kept of a namespace.
    pub(crate) fn len(&self, namespace: &str) -> usize {
        self.logs.get(namespace).map_or(0, |log| log.records.len())
    }

    /// What was not committed goes, from anywhere on.
    pub(crate) fn crash(&mut self) {
        for log in self.logs.values_mut() {
            let open = log.records.len() - log.committed;
            let left = log.committed + self.random.below(open as u64 + 1) as usize;
            log.records.truncate(left);
            log.committed = left;
            log.snapshot = log.records.iter().rposition(|record| record.kind == kind::SNAPSHOT).unwrap_or(0);
        }
    }

    fn fails(&mut self) -> bool {
        self.failures.is_some_and(|one_in| self.random.one_in(one_in))
    }
}

impl Log for FaultyLog {
    fn namespaces(&mut self) -> Result<Vec<String>, Refusal> {
        Ok(self.logs.keys().cloned().collect())
    }

    fn create(&mut self, namespace: &str) -> Result<(), Refusal> {
        self.logs.entry(namespace.to_owned()).or_default();
        Ok(())
    }

    fn replay(&mut self, namespace: &str, visit: &mut dyn FnMut(Record<'_>)) -> Result<(), Refusal> {
        let log = self.logs.get_mut(namespace).expect("it was made");
        log.records.truncate(log.committed);
        for Kept { kind, sequence, time, content } in log.records.iter().skip(log.snapshot) {
            visit(Record { kind: *kind, sequence: *sequence, time: *time, content });
        }
        Ok(())
    }

    fn append(&mut self, namespace: &str, records: &Records) -> Result<(), Refusal> {
        if self.is_full || self.fails() {
            return Err(Refusal::DiskFull);
        }
        let log = self.logs.get_mut(namespace).expect("it was made");
        log.records.extend(records.iter().map(|record| Kept {
            kind: record.kind,
            sequence: record.sequence,
            time: record.time,
            content: record.content.to_vec(),
        }));
        Ok(())
    }

    fn commit(&mut self, namespaces: &BTreeSet<Arc<str>>) -> Vec<(Arc<str>, Refusal)> {
        let mut failed = Vec::new();
        for name in namespaces {
            let fails = self.fails();
            let log = self.logs.get_mut(&**name).expect("it was made");
            if fails {
                log.records.truncate(log.committed);
                failed.push((name.clone(), Refusal::Failed { reason: "fsync: input/output error".to_owned() }));
            } else {
                log.committed = log.records.len();
            }
        }
        failed
    }

    fn read(
        &mut self,
        namespace: &str,
        from: u64,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<(), Refusal> {
        let log = self.logs.get(namespace).expect("it was made");
        let events = log.records.iter().filter(|one| one.kind == kind::EVENT);
        for Kept { kind, sequence, time, content } in events.filter(|one| one.sequence >= from.max(log.dropped_before))
        {
            if visit(Record { kind: *kind, sequence: *sequence, time: *time, content }).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn wants_snapshot(&self, namespace: &str) -> bool {
        let log = &self.logs[namespace];
        log.records.len() - log.snapshot > self.snapshot_every
    }

    fn keep_snapshot(&mut self, namespace: &str, snapshot: &Records) -> Result<(), Refusal> {
        self.append(namespace, snapshot)?;
        let log = self.logs.get_mut(namespace).expect("it was made");
        log.committed = log.records.len();
        log.snapshot = log.records.len() - 1;
        Ok(())
    }

    fn drop_before(&mut self, namespace: &str, sequence: u64) {
        self.logs.get_mut(namespace).expect("it was made").dropped_before = sequence;
    }
}

/// A broker whose every operation is followed by a commit, on virtual time.
pub(crate) struct Store<L> {
    pub(crate) broker: Broker<L>,
    pub(crate) now: Instant,
    pub(crate) unix_ms: u64,
    ticket: u64,
    answers: BTreeMap<u64, Outcome>,
}

pub(crate) const EPOCH: u64 = 1_700_000_000_000;

impl<L: Log> Store<L> {
    pub(crate) fn new(settings: Settings, log: L) -> Store<L> {
        Store::at(settings, log, Instant::ZERO, EPOCH)
    }

    pub(crate) fn at(settings: Settings, log: L, now: Instant, unix_ms: u64) -> Store<L> {
        let broker = Broker::new(settings, log, now, unix_ms).expect("the logs can be read");
        Store { broker, now, unix_ms, ticket: 0, answers: BTreeMap::new() }
    }

    /// Without a commit.
    pub(crate) fn submit(&mut self, operation: Operation) -> u64 {
        self.ticket += 1;
        self.broker.handle(self.now, self.unix_ms, self.ticket, operation);
        self.collect();
        self.ticket
    }

    pub(crate) fn commit(&mut self) {
        while self.broker.wants_commit() {
            self.broker.commit(self.now, self.unix_ms);
        }
        self.collect();
    }

    fn collect(&mut self) {
        while let Some((ticket, outcome)) = self.broker.poll_answer() {
            assert!(self.answers.insert(ticket, outcome).is_none(), "one answer for each operation");
        }
    }

    pub(crate) fn answer(&mut self, ticket: u64) -> Option<Outcome> {
        self.answers.remove(&ticket)
    }

    /// Submits, commits, and expects an answer.
    pub(crate) fn ask(&mut self, operation: Operation) -> Outcome {
        let ticket = self.submit(operation);
        self.commit();
        self.answer(ticket).expect("an answer at once")
    }

    /// Time goes on, from deadline to deadline.
    pub(crate) fn sleep(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.broker.deadline().filter(|at| *at <= end) {
            self.advance(at.max(self.now));
            self.broker.on_timeout(self.now, self.unix_ms);
            self.commit();
        }
        self.advance(end);
    }

    fn advance(&mut self, to: Instant) {
        let from_ms = self.now.as_nanos() / 1_000_000;
        self.unix_ms += to.as_nanos() / 1_000_000 - from_ms;
        self.now = to;
    }

    pub(crate) fn publish(&mut self, namespace: &str, events: Vec<EncodedEvent>) -> Vec<Published> {
        match self.ask(Operation::Publish { namespace: namespace.to_owned(), events }) {
            Outcome::Published(published) => published,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn subscribe(&mut self, id: &SubscriptionId, settings: SubscriptionSettings) -> u64 {
        match self.ask(Operation::Subscribe { subscription: id.clone(), settings }) {
            Outcome::Subscribed { next, .. } => next,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn fetch(&mut self, id: &SubscriptionId, count: usize) -> Vec<Delivery> {
        self.fetch_as(1, id, count)
    }

    pub(crate) fn fetch_as(&mut self, consumer: u64, id: &SubscriptionId, count: usize) -> Vec<Delivery> {
        let limits = BatchLimits { count, ..BatchLimits::default() };
        match self.ask(Operation::Fetch { subscription: id.clone(), consumer, limits }) {
            Outcome::Batch(batch) => batch,
            other => panic!("{other:?}"),
        }
    }

    /// How many were unknown.
    pub(crate) fn acknowledge(&mut self, id: &SubscriptionId, deliveries: &[Delivery]) -> usize {
        let deliveries = deliveries.iter().map(|one| one.id).collect();
        match self.ask(Operation::Acknowledge { subscription: id.clone(), deliveries }) {
            Outcome::Done { unknown } => unknown,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn refuse(&mut self, id: &SubscriptionId, deliveries: Vec<DeliveryId>, delay: Duration) -> usize {
        match self.ask(Operation::Refuse { subscription: id.clone(), deliveries, delay }) {
            Outcome::Done { unknown } => unknown,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn subscription(namespace: &str, name: &str) -> SubscriptionId {
    SubscriptionId { namespace: namespace.to_owned(), name: name.to_owned() }
}

pub(crate) fn event(id: &str) -> EncodedEvent {
    keyed(id, "")
}

pub(crate) fn keyed(id: &str, key: &str) -> EncodedEvent {
    let bytes = Bytes::from(id.as_bytes().to_vec());
    EncodedEvent { id: id.into(), key: key.to_owned(), timestamp: 1, bytes }
}

pub(crate) fn events(range: std::ops::Range<u64>) -> Vec<EncodedEvent> {
    range.map(|number| event(&format!("e{number}"))).collect()
}

/// The contents of deliveries.
pub(crate) fn texts(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|one| String::from_utf8_lossy(&one.bytes).into_owned()).collect()
}

/// The numbers of deliveries and of their attempts.
pub(crate) fn ids(deliveries: &[Delivery]) -> Vec<(u64, u32)> {
    deliveries.iter().map(|one| (one.id.sequence, one.id.attempt)).collect()
}
