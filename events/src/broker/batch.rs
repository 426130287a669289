//! Which events a consumer gets next: those to be delivered again, then new ones.

use crate::broker::log::{Log, Record};
use crate::broker::record::read_event;
use crate::broker::subscription::{Fetching, Subscription};
use crate::delivery::{Delivery, DeliveryId, Refusal};
use alloc::vec::Vec;
use base::{Bytes, Instant};
use core::ops::ControlFlow;

/// How many events that are not wanted are passed by, before the log is asked for another place.
const PASSED_BY: u64 = 64;

/// A batch that is being put together.
struct Batch<'a> {
    subscription: &'a mut Subscription,
    fetching: Fetching,
    now: Instant,
    /// The events, one after the other, so that they share memory.
    content: Vec<u8>,
    taken: Vec<Taken>,
}

/// An event of a batch, and where it ends in its content.
struct Taken {
    id: DeliveryId,
    published_at: u64,
    end: usize,
}

/// Takes up events for a fetch and marks them as under way. `end`: the number of the first event that may not be seen yet.
pub(crate) fn fill<L: Log>(
    log: &mut L,
    namespace: &str,
    end: u64,
    subscription: &mut Subscription,
    fetching: Fetching,
    now: Instant,
) -> Result<Vec<Delivery>, Refusal> {
    let mut batch = Batch { subscription, fetching, now, content: Vec::new(), taken: Vec::new() };
    batch.again(log, namespace)?;
    batch.anew(log, namespace, end)?;
    Ok(batch.finish())
}

impl Batch<'_> {
    fn finish(self) -> Vec<Delivery> {
        let (content, mut begin) = (Bytes::from(self.content), 0);
        let delivery = |Taken { id, published_at, end }| {
            let bytes = content.slice(begin..end);
            begin = end;
            Delivery { id, bytes, published_at }
        };
        self.taken.into_iter().map(delivery).collect()
    }

    fn is_full(&self) -> bool {
        self.taken.len() >= self.fetching.limits.count || self.content.len() >= self.fetching.limits.bytes
    }

    /// Whether an event of so many bytes would be too much. The first one never is.
    fn is_too_much(&self, bytes: usize) -> bool {
        !self.taken.is_empty() && self.content.len() + bytes > self.fetching.limits.bytes
    }

    /// The event goes to the consumer, unless another of its key is before it.
    fn deliver(&mut self, record: Record<'_>, key: &str, bytes: &[u8]) {
        let settings = &self.subscription.settings;
        let until = self.now + settings.acknowledgment_deadline;
        let key = if settings.is_ordered_by_key { key } else { "" };
        let Some(id) = self.subscription.pending.deliver(record.sequence, key, self.fetching.consumer, until) else {
            return;
        };
        self.subscription.counters.delivered += 1;
        self.subscription.counters.redelivered += u64::from(id.attempt > 1);
        self.content.extend_from_slice(bytes);
        self.taken.push(Taken { id, published_at: record.time, end: self.content.len() });
    }

    /// Those that were delivered before.
    fn again<L: Log>(&mut self, log: &mut L, namespace: &str) -> Result<(), Refusal> {
        while !self.is_full() {
            let Some(from) = self.subscription.pending.ready().next() else { return Ok(()) };
            let (mut wanted, mut is_enough) = (Some(from), false);
            log.read(namespace, from, &mut |record| {
                wanted = self.next_ready_from(record.sequence);
                match wanted {
                    Some(sequence) if sequence == record.sequence => {}
                    Some(sequence) if sequence - record.sequence <= PASSED_BY => return ControlFlow::Continue(()),
                    _ => return ControlFlow::Break(()),
                }
                let Some(event) = read_event(record.content) else {
                    self.subscription.pending.settle(record.sequence);
                    return ControlFlow::Continue(());
                };
                is_enough = self.is_too_much(event.bytes.len());
                if is_enough {
                    return ControlFlow::Break(());
                }
                self.deliver(record, event.key, event.bytes);
                if self.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            if is_enough {
                return Ok(());
            }
            if self.subscription.pending.ready().next() == Some(from) {
                // The log does not have it any more.
                self.subscription.counters.expired += 1;
                self.subscription.pending.settle(from);
            }
        }
        Ok(())
    }

    /// The next one to be delivered again, from this number on. Those before it that the log has passed by are not there any more.
    fn next_ready_from(&mut self, sequence: u64) -> Option<u64> {
        loop {
            let ready = self.subscription.pending.ready().next()?;
            if ready >= sequence {
                return Some(ready);
            }
            self.subscription.counters.expired += 1;
            self.subscription.pending.settle(ready);
        }
    }

    /// Those that were never taken up.
    fn anew<L: Log>(&mut self, log: &mut L, namespace: &str, end: u64) -> Result<(), Refusal> {
        if self.is_full() || self.subscription.room() == 0 || self.subscription.position >= end {
            return Ok(());
        }
        let mut reached = end;
        let from = self.subscription.position;
        log.read(namespace, from, &mut |record| {
            if record.sequence >= end {
                return ControlFlow::Break(());
            }
            let event = read_event(record.content);
            if event.is_some_and(|event| self.is_too_much(event.bytes.len())) {
                reached = record.sequence;
                return ControlFlow::Break(());
            }
            if let Some(event) = event {
                self.subscription.pending.insert(record.sequence, 0);
                self.deliver(record, event.key, event.bytes);
            }
            if self.is_full() || self.subscription.room() == 0 {
                reached = record.sequence + 1;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })?;
        self.subscription.position = reached.max(from);
        Ok(())
    }
}
