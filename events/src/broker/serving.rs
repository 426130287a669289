//! Events for those who wait for them, and the timers of subscriptions.

use crate::broker::batch;
use crate::broker::log::Log;
use crate::broker::marks::Marks;
use crate::broker::state::Broker;
use crate::broker::subscription::{Fetching, Subscription};
use crate::delivery::Outcome;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Instant;

impl<L: Log> Broker<L> {
    pub(super) fn serve_all(&mut self, now: Instant, namespace: &str) {
        let Some(queue) = self.queues.get(namespace) else { return };
        let waiting = queue.subscriptions.iter().filter(|(_, one)| !one.fetching.is_empty() || one.armed.is_none());
        let names: Vec<String> = waiting.map(|(name, _)| name.clone()).collect();
        for name in names {
            self.serve(now, namespace, &name);
        }
    }

    /// Gives events to the fetches that wait, in turn, and sets the timer.
    pub(super) fn serve(&mut self, now: Instant, namespace: &str, name: &str) {
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
    pub(super) fn arm(&mut self, namespace: &str, name: &str) {
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
}

/// Whether a fetch is to be answered: there are events, and it does not wait for more of them.
fn is_ready(subscription: &Subscription, marks: &Marks, durable: u64, fetching: &mut Fetching, now: Instant) -> bool {
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
