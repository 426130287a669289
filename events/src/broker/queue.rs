//! The events of one namespace, by number, and its subscriptions.

use crate::broker::log::{Record, Records, kind};
use crate::broker::marks::Marks;
use crate::broker::recent::Recent;
use crate::broker::record::{
    MAX_SEQUENCE, event_len, put_settings, put_text, put_u32, put_u64, read_event, settings, text, write_event,
};
use crate::broker::settings::{Overflow, QueueSettings};
use crate::broker::subscription::Subscription;
use crate::delivery::{EncodedEvent, NamespaceDescription, Published, Refusal, Start, SubscriptionDescription};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::{Reader, Truncated};

/// The version of snapshots.
const VERSION: u8 = 1;

/// A namespace's queue. It knows numbers, not events: these are in the log.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) name: Arc<str>,
    pub(crate) settings: QueueSettings,
    /// The number of the first event that is kept.
    pub(crate) first: u64,
    /// The number of the next event.
    pub(crate) next: u64,
    /// Events before this number are durable: those that may be seen.
    pub(crate) durable: u64,
    pub(crate) marks: Marks,
    pub(crate) recent: Recent,
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    /// Why it cannot be used, until it can be opened anew.
    pub(crate) failure: Option<Refusal>,
    duplicates: u64,
    expired: u64,
}

impl Queue {
    pub(crate) fn new(name: &str, settings: QueueSettings) -> Queue {
        Queue {
            name: Arc::from(name),
            settings,
            first: 1,
            next: 1,
            durable: 1,
            marks: Marks::new(),
            recent: Recent::default(),
            subscriptions: BTreeMap::new(),
            failure: None,
            duplicates: 0,
            expired: 0,
        }
    }

    /// The time to record: never before that of an earlier event.
    pub(crate) fn time(&self, unix_ms: u64) -> u64 {
        self.marks.last_time().max(unix_ms)
    }

    /// What publishing these events means: their records, and what to answer. Nothing is changed yet.
    pub(crate) fn prepare(&mut self, events: &[EncodedEvent], unix_ms: u64) -> (Records, Vec<Published>) {
        let (time, window) = (self.time(unix_ms), self.window());
        let bytes = events.iter().map(event_len).sum();
        let (mut records, mut published) =
            (Records::with_capacity(events.len(), bytes), Vec::with_capacity(events.len()));
        let mut here: BTreeMap<&str, u64> = BTreeMap::new();
        let mut next = self.next;
        for event in events {
            let earlier = here.get(&*event.id).copied().or_else(|| self.recent.find(&event.id, time, window));
            if let Some(sequence) = earlier {
                published.push(Published { sequence, is_duplicate: true });
                continue;
            }
            records.push(kind::EVENT, next, time, |out| write_event(out, event));
            published.push(Published { sequence: next, is_duplicate: false });
            if !event.id.is_empty() && self.settings.max_remembered_ids > 0 {
                here.insert(&event.id, next);
            }
            next += 1;
        }
        (records, published)
    }

    fn window(&self) -> u64 {
        u64::try_from(self.settings.duplicate_window.as_millis()).unwrap_or(u64::MAX)
    }

    /// These events were appended.
    pub(crate) fn published(&mut self, events: &[EncodedEvent], published: &[Published], time: u64) {
        for (event, published) in events.iter().zip(published) {
            if published.is_duplicate {
                self.duplicates += 1;
                continue;
            }
            assert_eq!(published.sequence, self.next, "numbers have no gaps");
            self.marks.push(self.next, event.bytes.len() as u64, time);
            self.recent.insert(&event.id, self.next, time, self.settings.max_remembered_ids);
            self.next += 1;
        }
    }

    /// Whether a namespace that drops nothing has room for so many events more. What every subscription has settled goes first.
    pub(crate) fn has_room(&mut self, count: u64, bytes: u64) -> bool {
        if self.settings.overflow == Overflow::DropOldest {
            return true;
        }
        let floor = self.subscriptions.values().map(Subscription::floor).min().unwrap_or(self.first).max(self.first);
        let events = self.next - floor + count;
        let kept = self.marks.bytes_from(floor, self.next) + bytes;
        self.settings.max_events.is_none_or(|most| events <= most)
            && self.settings.max_bytes.is_none_or(|most| kept <= most)
    }

    /// The number that the first event to be kept has, by age, size and count.
    pub(crate) fn due_first(&self, unix_ms: u64) -> u64 {
        let mut first = self.first;
        let (most_events, most_bytes) = (self.settings.max_events, self.settings.max_bytes);
        if let Some(most) = most_events.filter(|most| self.next - first > *most) {
            first = self.next - most;
        }
        if let Some(most) = most_bytes.filter(|most| self.marks.bytes_from(first, self.next) > *most) {
            first = first.max(self.marks.first_within(most));
        }
        if let Some(age) = self.settings.max_age {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            if let Some(time) = unix_ms.checked_sub(age) {
                first = first.max(self.marks.first_younger_than(time, self.next));
            }
        }
        // What is not durable yet is nobody's to drop.
        first.min(self.durable)
    }

    /// Events before `first` are no more.
    pub(crate) fn drop_before(&mut self, first: u64) {
        self.expired += first.saturating_sub(self.first);
        self.first = self.first.max(first);
        self.marks.drop_before(self.first, self.first == self.next);
        for subscription in self.subscriptions.values_mut() {
            subscription.expire(first);
        }
    }

    /// Where to begin; `Err` with an event before it and a time, where only the events themselves say more.
    pub(crate) fn start(&self, start: Start) -> Result<u64, (u64, u64)> {
        match start {
            Start::Earliest => Ok(self.first),
            Start::Latest => Ok(self.durable),
            Start::Sequence(sequence) => Ok(sequence.clamp(self.first, self.durable)),
            Start::Time(time) if time > self.marks.last_time() => Ok(self.durable),
            Start::Time(time) => Err((self.marks.before_time(time).unwrap_or(0).max(self.first), time)),
        }
    }

    /// All that it knows.
    pub(crate) fn snapshot(&self) -> Records {
        let mut records = Records::new();
        records.push(kind::SNAPSHOT, self.next, self.marks.last_time(), |out| {
            out.push(VERSION);
            put_u64(out, self.first);
            put_u64(out, self.next);
            self.marks.write(out);
            put_u64(out, self.subscriptions.len() as u64);
            for (name, subscription) in &self.subscriptions {
                put_text(out, name);
                subscription.write(out);
            }
        });
        records
    }

    /// Takes up what a record says, when the log is opened anew. Whether it was understood.
    pub(crate) fn replay(&mut self, record: Record<'_>) -> bool {
        if record.sequence > MAX_SEQUENCE {
            return false;
        }
        match record.kind {
            kind::EVENT => self.replay_event(record),
            kind::EXPIRED => {
                if record.sequence > self.next {
                    self.next = record.sequence;
                }
                self.drop_before(record.sequence);
                true
            }
            kind::UNUSED => {
                self.next = self.next.max(record.sequence);
                true
            }
            kind::SNAPSHOT => match self.read_snapshot(&mut Reader::new(record.content)) {
                Ok(read) => {
                    *self = read;
                    true
                }
                Err(Truncated) => false,
            },
            _ => self.replay_subscription(record).is_ok(),
        }
    }

    fn replay_event(&mut self, record: Record<'_>) -> bool {
        let Some(event) = read_event(record.content) else { return false };
        if record.sequence < self.next {
            return false;
        }
        if self.marks.last_time() == 0 && self.next == 1 {
            // The records before it are gone, and so is what they said.
            self.first = record.sequence;
        }
        self.marks.push(record.sequence, event.bytes.len() as u64, record.time);
        self.next = record.sequence + 1;
        true
    }

    fn replay_subscription(&mut self, record: Record<'_>) -> Result<(), Truncated> {
        let mut reader = Reader::new(record.content);
        let name = text(&mut reader)?;
        match record.kind {
            kind::SUBSCRIBED => {
                let (settings, position) = (settings(&mut reader)?, reader.u64()?);
                self.subscriptions.insert(name.to_string(), Subscription::new(settings, position));
            }
            kind::UNSUBSCRIBED => drop(self.subscriptions.remove(name)),
            kind::SETTLED => {
                let subscription = self.subscriptions.get_mut(name).ok_or(Truncated)?;
                while !reader.is_empty() {
                    let sequence = reader.u64()?;
                    if sequence < self.next && subscription.may_have_delivered(sequence) {
                        subscription.take_up_to(sequence);
                        subscription.pending.settle(sequence);
                    }
                }
            }
            kind::FAILED => {
                let subscription = self.subscriptions.get_mut(name).ok_or(Truncated)?;
                let (sequence, attempts) = (reader.u64()?, reader.u32()?);
                if sequence < self.next && subscription.may_have_delivered(sequence) {
                    subscription.take_up_to(sequence);
                }
                subscription.pending.set_attempts(sequence, attempts);
            }
            _ => return Err(Truncated),
        }
        Ok(())
    }

    fn read_snapshot(&self, reader: &mut Reader<'_>) -> Result<Queue, Truncated> {
        if reader.u8()? != VERSION {
            return Err(Truncated);
        }
        let mut made = Queue::new(&self.name, self.settings.clone());
        made.first = reader.u64()?;
        made.next = reader.u64()?;
        if made.first == 0 || made.first > made.next || made.next > MAX_SEQUENCE {
            return Err(Truncated);
        }
        made.marks = Marks::read(reader)?;
        for _ in 0..reader.u64()? {
            let name = text(reader)?.to_string();
            made.subscriptions.insert(name, Subscription::read(reader)?);
        }
        if reader.is_empty() { Ok(made) } else { Err(Truncated) }
    }

    /// Ids that are to be remembered are those of events from this number on.
    pub(crate) fn first_to_remember(&self, unix_ms: u64) -> u64 {
        let by_count = self.next.saturating_sub(self.settings.max_remembered_ids as u64);
        let by_time = self.marks.before_time(unix_ms.saturating_sub(self.window())).unwrap_or(0);
        by_count.max(by_time).max(self.first)
    }

    pub(crate) fn describe(&self) -> NamespaceDescription {
        let is_empty = self.first >= self.durable;
        NamespaceDescription {
            name: self.name.to_string(),
            first: self.first,
            next: self.durable,
            bytes: self.marks.bytes_from(self.first, self.next),
            oldest_at: if is_empty { None } else { self.marks.time_at(self.first) },
            published: self.durable - 1,
            duplicates: self.duplicates,
            expired: self.expired,
            subscriptions: self.subscriptions.iter().map(|(name, one)| self.describe_subscription(name, one)).collect(),
        }
    }

    fn describe_subscription(&self, name: &str, one: &Subscription) -> SubscriptionDescription {
        let depth = one.pending.len() as u64 + self.durable.saturating_sub(one.position);
        SubscriptionDescription {
            name: name.to_string(),
            depth,
            oldest_at: if depth == 0 { None } else { self.marks.time_at(one.floor()) },
            next: one.position,
            in_flight: one.pending.in_flight() as u64,
            waiting: one.pending.waiting() as u64,
            held_back: one.pending.held() as u64,
            fetching: one.fetching.len() as u64,
            ..one.counters.clone()
        }
    }
}

/// The record of a subscription that was made.
pub(crate) fn subscribed(queue: &Queue, name: &str, subscription: &Subscription) -> Records {
    about(kind::SUBSCRIBED, queue, name, |out| {
        put_settings(out, &subscription.settings);
        put_u64(out, subscription.position);
    })
}

/// The record of a subscription that has ended.
pub(crate) fn unsubscribed(queue: &Queue, name: &str) -> Records {
    about(kind::UNSUBSCRIBED, queue, name, |_| ())
}

/// The record of events that are settled.
pub(crate) fn settled(queue: &Queue, name: &str, sequences: &[u64]) -> Records {
    about(kind::SETTLED, queue, name, |out| sequences.iter().for_each(|sequence| put_u64(out, *sequence)))
}

/// The records of attempts that have failed: the event, and how many there were.
pub(crate) fn failed(queue: &Queue, name: &str, failures: &[(u64, u32)]) -> Records {
    let mut records = Records::new();
    for (sequence, attempts) in failures {
        records.push(kind::FAILED, queue.next, queue.marks.last_time(), |out| {
            put_text(out, name);
            put_u64(out, *sequence);
            put_u32(out, *attempts);
        });
    }
    records
}

/// The record of events that are no more: its number is that of the first that is left.
pub(crate) fn expired(queue: &Queue, first: u64) -> Records {
    let mut records = Records::new();
    records.push(kind::EXPIRED, first, queue.marks.last_time(), |_| ());
    records
}

fn about(kind: u8, queue: &Queue, name: &str, write: impl FnOnce(&mut Vec<u8>)) -> Records {
    let mut records = Records::new();
    records.push(kind, queue.next, queue.marks.last_time(), |out| {
        put_text(out, name);
        write(out);
    });
    records
}
