//! What a broker consists of: queues over their logs, and how these are opened, found and appended to.

use crate::broker::log::{Log, Records};
use crate::broker::queue::Queue;
use crate::broker::record;
use crate::broker::settings::{QueueSettings, Settings};
use crate::broker::subscription::Subscription;
use crate::delivery::{ConsumerId, EncodedEvent, Outcome, Published, Refusal, SubscriptionId, is_name};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Duration, Instant};
use core::ops::ControlFlow;

/// How often ages are looked at.
pub const AGE_INTERVAL: Duration = Duration::from_secs(1);

/// A subscription: its namespace, and its name.
pub(super) type Place = (Arc<str>, Arc<str>);

/// Queues, subscriptions and what is under way, over a log.
#[derive(Debug)]
pub struct Broker<L> {
    pub(super) log: L,
    pub(super) settings: Settings,
    pub(super) queues: BTreeMap<String, Queue>,
    /// When subscriptions have something to do: namespace and name.
    pub(super) timers: BTreeSet<(Instant, Arc<str>, Arc<str>)>,
    /// Namespaces to which something was appended since the last commit.
    pub(super) dirty: BTreeSet<Arc<str>>,
    /// Namespaces that were committed, and of which the durable events were not delivered yet.
    pub(super) committed: BTreeSet<Arc<str>>,
    /// When the next commit is due, where something is known to wait for it.
    pub(super) commit_at: Option<Instant>,
    /// Who has asked for events, and of which subscriptions.
    pub(super) consumers: BTreeMap<ConsumerId, BTreeSet<Place>>,
    /// Answers that wait for the commit of this namespace.
    pub(super) uncommitted: Vec<(String, u64, Outcome)>,
    pub(super) answers: VecDeque<(u64, Outcome)>,
    pub(super) dying: Vec<Dying>,
    pub(super) ages_at: Option<Instant>,
    /// What was read and not understood, since the store was opened.
    pub(super) unreadable: u64,
}

/// An event that was delivered too often.
#[derive(Clone, Debug)]
pub(super) struct Dying {
    pub(super) subscription: SubscriptionId,
    pub(super) sequence: u64,
    pub(super) why: &'static str,
}

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
            committed: BTreeSet::new(),
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

    pub(super) fn has_ages(&self) -> bool {
        let all = self.settings.namespaces.values().chain([&self.settings.queue]);
        all.into_iter().any(|queue| queue.max_age.is_some())
    }

    pub(super) fn queue_settings(&self, name: &str) -> QueueSettings {
        self.settings.namespaces.get(name).unwrap_or(&self.settings.queue).clone()
    }

    /// A queue as its log has it.
    pub(super) fn open(&mut self, name: &str, unix_ms: u64) -> Result<Queue, Refusal> {
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
                    recent.insert(&event.id.into(), record.sequence, record.time, most);
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

    /// The next answer: the ticket of the operation, and what became of it.
    pub fn poll_answer(&mut self) -> Option<(u64, Outcome)> {
        self.answers.pop_front()
    }

    /// When [`on_timeout`](Broker::on_timeout) is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _, _)| *at);
        timer.into_iter().chain(self.ages_at).min()
    }

    /// Opens a queue anew that has failed. Fetches go on waiting.
    pub(super) fn reopen(&mut self, unix_ms: u64, name: &str) -> Result<(), Refusal> {
        let mut queue = self.open(name, unix_ms)?;
        self.timers.retain(|(_, namespace, _)| **namespace != *name);
        let Some(old) = self.queues.remove(name) else { return Ok(()) };
        self.dying.retain(|dying| dying.subscription.namespace != name);
        for (subscription, mut old) in old.subscriptions {
            match queue.subscriptions.get_mut(&subscription) {
                Some(new) => {
                    new.fetching = core::mem::take(&mut old.fetching);
                    new.counters = old.counters;
                }
                None => self.refuse_fetches(&mut old, name, &subscription),
            }
        }
        self.queues.insert(name.to_string(), queue);
        Ok(())
    }

    pub(super) fn refuse_fetches(&mut self, subscription: &mut Subscription, namespace: &str, name: &str) {
        let id = SubscriptionId { namespace: namespace.to_string(), name: name.to_string() };
        for fetching in subscription.fetching.drain(..) {
            let refusal = Refusal::NoSuchSubscription { subscription: id.clone() };
            self.answers.push_back((fetching.ticket, Outcome::Refused(refusal)));
        }
    }

    /// The queue, made if it is not there, and opened anew if it has failed.
    pub(super) fn queue_for(&mut self, unix_ms: u64, name: &str) -> Result<(), Refusal> {
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

    pub(super) fn queue(&mut self, name: &str) -> Result<&mut Queue, Refusal> {
        match self.queues.get_mut(name) {
            Some(Queue { failure: Some(refusal), .. }) => Err(refusal.clone()),
            Some(queue) => Ok(queue),
            None => Err(Refusal::NoSuchNamespace { namespace: name.to_string() }),
        }
    }

    pub(super) fn subscription_mut(&mut self, namespace: &str, name: &str) -> Option<&mut Subscription> {
        self.queues.get_mut(namespace)?.subscriptions.get_mut(name)
    }

    /// The subscription, or why there is none.
    pub(super) fn subscription(&mut self, id: &SubscriptionId) -> Result<&mut Subscription, Refusal> {
        let subscriptions = &mut self.queue(&id.namespace)?.subscriptions;
        subscriptions.get_mut(&id.name).ok_or_else(|| Refusal::NoSuchSubscription { subscription: id.clone() })
    }

    /// Appends records of a namespace that is there.
    pub(super) fn append(&mut self, namespace: &str, records: &Records) -> Result<(), Refusal> {
        if records.is_empty() {
            return Ok(());
        }
        // Also where it fails: a log that takes nothing any more says so when it is committed, and is opened anew.
        if !self.dirty.contains(namespace) {
            self.dirty.insert(Arc::from(namespace));
        }
        self.log.append(namespace, records)
    }

    pub(super) fn append_events(
        &mut self,
        unix_ms: u64,
        namespace: &str,
        events: &[EncodedEvent],
    ) -> Result<Vec<Published>, Refusal> {
        let queue = self.queue(namespace)?;
        let time = queue.time(unix_ms);
        let (records, published) = queue.prepare(events, unix_ms);
        self.append(namespace, &records)?;
        self.queue(namespace)?.published(events, &published, time);
        Ok(published)
    }
}
