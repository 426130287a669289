//! Commits: what was appended becomes durable, or is taken back.

use crate::broker::log::Log;
use crate::broker::queue;
use crate::broker::state::{Broker, Dying};
use crate::delivery::{Outcome, Refusal};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use base::Instant;

impl<L: Log> Broker<L> {
    /// Whether something waits for a commit.
    pub fn wants_commit(&self) -> bool {
        !self.dying.is_empty() || !self.uncommitted.is_empty() || !self.dirty.is_empty()
    }

    /// When [`commit`](Broker::commit) is to be called at the latest, if something waits for it. The sooner of several is what counts.
    pub fn commit_deadline(&self) -> Option<Instant> {
        if !self.wants_commit() {
            return None;
        }
        // What follows from a death is not put off.
        Some(self.commit_at.filter(|_| self.dying.is_empty()).unwrap_or(Instant::ZERO))
    }

    /// Makes durable what was appended, answers what waited for it, and delivers what can be seen now:
    /// [`make_durable`](Broker::make_durable) and [`deliver`](Broker::deliver).
    pub fn commit(&mut self, now: Instant, unix_ms: u64) {
        self.make_durable(now, unix_ms);
        self.deliver(now, unix_ms);
    }

    /// Makes durable what was appended, and answers what waited for it. Then [`deliver`](Broker::deliver) is due.
    pub fn make_durable(&mut self, now: Instant, unix_ms: u64) {
        self.commit_at = None;
        let dying = core::mem::take(&mut self.dying);
        let moved: Vec<(Dying, Option<String>)> =
            dying.into_iter().filter_map(|one| self.move_dead(now, unix_ms, one)).collect();
        let failed = self.commit_all(now, unix_ms);
        for (dying, to) in moved {
            // Only once the copy is durable does the original go.
            if to.is_none_or(|to| !failed.iter().any(|name| **name == *to)) {
                self.bury(now, &dying);
            } else {
                self.try_later(now, &dying);
            }
        }
        self.commit_all(now, unix_ms);
        self.uncommitted.drain(..).for_each(|(_, ticket, outcome)| self.answers.push_back((ticket, outcome)));
    }

    /// The names of those that failed.
    fn commit_all(&mut self, now: Instant, unix_ms: u64) -> Vec<Arc<str>> {
        let dirty = core::mem::take(&mut self.dirty);
        if dirty.is_empty() {
            return Vec::new();
        }
        let failed = self.log.commit(&dirty);
        for name in &dirty {
            match failed.iter().find(|(of, _)| of == name) {
                None => {
                    if let Some(queue) = self.queues.get_mut(&**name) {
                        queue.durable = queue.next;
                        self.committed.insert(Arc::clone(name));
                    }
                }
                Some((_, refusal)) => {
                    self.committed.remove(name);
                    self.lost(now, unix_ms, name, refusal);
                }
            }
        }
        failed.into_iter().map(|(name, _)| name).collect()
    }

    /// What follows from what has become durable: who waits for events is given them, what is too much goes, and what is to be replayed is
    /// kept short. Who waited for the commit need not wait for this: their answers are there before it.
    pub fn deliver(&mut self, now: Instant, unix_ms: u64) {
        for name in core::mem::take(&mut self.committed) {
            let Some(queue) = self.queues.get(&*name) else { continue };
            // A snapshot says what is durable, and no more.
            if !self.dirty.contains(&name) && self.log.wants_snapshot(&name) {
                // Without one a replay takes longer, and that is all.
                let _ = self.log.keep_snapshot(&name, &queue.snapshot());
            }
            self.retain(&name, unix_ms);
            self.serve_all(now, &name);
        }
    }

    /// What was appended since the last commit is gone, and so is what followed from it.
    fn lost(&mut self, now: Instant, unix_ms: u64, name: &str, refusal: &Refusal) {
        for (_, ticket, _) in self.uncommitted.extract_if(.., |(of, _, _)| of == name) {
            self.answers.push_back((ticket, Outcome::Refused(refusal.clone())));
        }
        if let Some(queue) = self.queues.get_mut(name) {
            queue.failure = Some(refusal.clone());
        }
        if self.reopen(unix_ms, name).is_ok() {
            self.serve_all(now, name);
        }
    }

    /// Lets go what is too old or too much.
    pub(super) fn retain(&mut self, name: &str, unix_ms: u64) {
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
}
