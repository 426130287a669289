//! Events that were delivered too often: a copy goes to the namespace of dead events, and then the original is settled.

use crate::broker::log::Log;
use crate::broker::state::{Broker, Dying};
use crate::broker::{queue, record};
use crate::delivery::{EncodedEvent, SubscriptionId};
use alloc::string::{String, ToString};
use base::{Bytes, Duration, Instant};
use core::ops::ControlFlow;

/// How long a dead event waits whose namespace of dead events does not take it.
const DEAD_RETRY: Duration = Duration::from_secs(1);

impl<L: Log> Broker<L> {
    /// The next attempt, or the end.
    pub(super) fn attempt_failed(
        &mut self,
        now: Instant,
        id: &SubscriptionId,
        sequence: u64,
        delay: Duration,
        why: &'static str,
    ) {
        let Some(subscription) = self.subscription_mut(&id.namespace, &id.name) else { return };
        if subscription.is_exhausted(sequence) {
            subscription.pending.die(sequence);
            self.dying.push(Dying { subscription: id.clone(), sequence, why });
        } else {
            let at = subscription.next_attempt(sequence, delay, now);
            subscription.pending.retry(sequence, at, now);
        }
    }

    /// Copies a dead event to where such go. What is to be settled once that is durable, and the namespace that it went to.
    pub(super) fn move_dead(&mut self, now: Instant, unix_ms: u64, dying: Dying) -> Option<(Dying, Option<String>)> {
        let Dying { subscription: id, sequence, why } = &dying;
        let subscription = self.subscription_mut(&id.namespace, &id.name)?;
        let attempts = subscription.pending.attempts(*sequence);
        let Some(to) = subscription.settings.dead_letter.clone() else { return Some((dying, None)) };
        let mut copy = None;
        let read = self.log.read(&id.namespace, *sequence, &mut |record| {
            if let Some(event) = record::read_event(record.content).filter(|_| record.sequence == *sequence) {
                let copied = dead_letter(id, *sequence, attempts, why, &to, event.bytes);
                copy = Some(EncodedEvent { key: event.key.to_string(), timestamp: event.timestamp, ..copied });
            }
            ControlFlow::Break(())
        });
        let moved = read.and_then(|()| {
            self.queue_for(unix_ms, &to)?;
            let Some(copy) = copy else { return Ok(()) };
            self.append_events(unix_ms, &to, core::slice::from_ref(&copy)).map(drop)
        });
        match moved {
            Ok(()) => Some((dying, Some(to))),
            Err(_) => {
                self.try_later(now, &dying);
                None
            }
        }
    }

    /// A dead event is where it belongs: it is settled here.
    pub(super) fn bury(&mut self, now: Instant, dying: &Dying) {
        let Dying { subscription: id, sequence, .. } = dying;
        let Some(queue) = self.queues.get(&id.namespace) else { return };
        let records = queue::settled(queue, &id.name, &[*sequence]);
        if self.append(&id.namespace, &records).is_err() {
            self.try_later(now, dying);
            return;
        }
        if let Some(subscription) = self.subscription_mut(&id.namespace, &id.name) {
            subscription.counters.dead += u64::from(subscription.pending.settle(*sequence));
        }
        self.serve(now, &id.namespace, &id.name);
    }

    /// The event is delivered once more, as nothing else can be done with it now.
    pub(super) fn try_later(&mut self, now: Instant, dying: &Dying) {
        let id = &dying.subscription;
        if let Some(subscription) = self.subscription_mut(&id.namespace, &id.name) {
            let wait = subscription.settings.backoff.most.max(DEAD_RETRY);
            subscription.pending.retry(dying.sequence, now + wait, now);
            self.arm(&id.namespace, &id.name);
        }
    }
}

/// The copy of an event that was delivered too often, for the namespace `to` of dead events: its bytes, and behind them why it is there.
/// It has no key and no time yet.
pub fn dead_letter(
    id: &SubscriptionId,
    sequence: u64,
    attempts: u32,
    why: &str,
    to: &str,
    bytes: &[u8],
) -> EncodedEvent {
    let reasons = [
        ("dead-letter-attempts", attempts.to_string()),
        ("dead-letter-namespace", id.namespace.clone()),
        ("dead-letter-reason", why.to_string()),
        ("dead-letter-sequence", sequence.to_string()),
        ("dead-letter-subscription", id.name.clone()),
    ];
    EncodedEvent {
        id: alloc::format!("dead/{}/{}/{sequence}", id.namespace, id.name).into(),
        key: String::new(),
        timestamp: 0,
        bytes: Bytes::from(record::dead_event(bytes, to, &reasons)),
    }
}
