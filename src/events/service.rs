//! A broker on a thread of its own, and the queue of operations before it.
//!
//! All operations that wait are done in one round, which ends with one commit: while a disk writes, the next round fills. Nothing of
//! this waits on the threads that submit. Where operations come one soon after the other the thread looks for the next one before it
//! sleeps, as executors do: to wake it takes both threads longer than most operations.

use super::store::Answer;
use events::broker::Broker;
use events::broker::log::Log;
use events::delivery::{Operation, Outcome, Refusal};
use runtime::ExecutorOptions;
use runtime::executor::Patience;
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The most operations that wait. Beyond it they are refused: who publishes tries again, or waits for answers first.
pub(crate) const MAX_WAITING: usize = 16_384;
/// The most bytes of events that wait: as many as a fast disk writes in a tenth of a second.
pub(crate) const MAX_WAITING_BYTES: usize = 64 << 20;
/// The most operations of one round, so that the first answers do not wait for the last operations.
const ROUND: usize = 4096;

/// Operations that are done together, each with who hears of its outcome.
type Round = Vec<(Operation, Answer)>;

/// A broker's thread. It ends with this value.
#[derive(Debug)]
pub(crate) struct Service {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

#[derive(Default)]
struct Inbox {
    waiting: VecDeque<(Operation, Answer)>,
    bytes: usize,
    is_ending: bool,
    /// The thread waits, and nobody has woken it: a wake is a call of the system, and each operation after the first is found anyway.
    is_asleep: bool,
    /// The thread is gone, and nobody will answer.
    is_over: bool,
}

impl Inbox {
    /// Whether there is something for the thread.
    fn has_news(&self) -> bool {
        !self.waiting.is_empty() || self.is_ending
    }

    /// What is done next of what waits.
    fn take_round(&mut self) -> Round {
        let count = self.waiting.len().min(ROUND);
        let round: Round = self.waiting.drain(..count).collect();
        self.bytes -= round.iter().map(|(operation, _)| operation.size()).sum::<usize>();
        round
    }
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inbox")
            .field("waiting", &self.waiting.len())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Starts the thread.
    pub(crate) fn start<L: Log + Send + 'static>(broker: Broker<L>) -> Result<Service, Refusal> {
        Service::with(broker, Patience::new(ExecutorOptions::default().look))
    }

    fn with<L: Log + Send + 'static>(broker: Broker<L>, patience: Patience) -> Result<Service, Refusal> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let run = move || {
            // A panic is a fault of the broker. What it answered is durable; everything else is refused.
            let mut worker = Worker { broker, answers: BTreeMap::new(), ticket: 0, patience, shared: of_thread };
            let _ = catch_unwind(AssertUnwindSafe(|| worker.run()));
            worker.end();
        };
        let started = std::thread::Builder::new().name("posthaste-events".into()).spawn(run);
        let thread =
            started.map_err(|error| Refusal::Failed { reason: format!("no thread for the store: {error}") })?;
        Ok(Service { shared, thread: Mutex::new(Some(thread)) })
    }

    /// See [`Store::submit`](super::store::Store::submit).
    pub(crate) fn submit(&self, operation: Operation, answer: Answer) {
        let size = operation.size();
        let mut inbox = self.shared.inbox();
        let is_full = inbox.waiting.len() >= MAX_WAITING || inbox.bytes + size > MAX_WAITING_BYTES;
        let refusal = match () {
            () if inbox.is_ending || inbox.is_over => Refusal::Ending,
            () if is_full && !inbox.waiting.is_empty() => Refusal::Busy,
            () => {
                inbox.bytes += size;
                inbox.waiting.push_back((operation, answer));
                let is_asleep = std::mem::take(&mut inbox.is_asleep);
                drop(inbox);
                if is_asleep {
                    self.shared.changed.notify_one();
                }
                return;
            }
        };
        drop(inbox);
        answer(Outcome::Refused(refusal));
    }

    /// Does what waits, commits it, refuses the rest, and ends the thread. Returns when it has ended.
    pub(crate) fn end(&self) {
        self.shared.inbox().is_ending = true;
        self.shared.changed.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != std::thread::current().id()) {
            // The thread catches its own panics.
            let _ = thread.join();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.end();
    }
}

/// What runs on the thread.
struct Worker<L> {
    broker: Broker<L>,
    answers: BTreeMap<u64, Answer>,
    ticket: u64,
    patience: Patience,
    shared: Arc<Shared>,
}

impl<L: Log> Worker<L> {
    fn run(&mut self) {
        while let Some(round) = self.next_round() {
            let (now, unix_ms) = (runtime::clock::now(), runtime::clock::unix_millis());
            for (operation, answer) in round {
                self.ticket += 1;
                self.answers.insert(self.ticket, answer);
                self.broker.handle(now, unix_ms, self.ticket, operation);
            }
            if self.broker.deadline().is_some_and(|at| at <= now) {
                self.broker.on_timeout(now, unix_ms);
            }
            // What needs no commit does not wait for it.
            self.answer();
            if self.broker.commit_deadline().is_some_and(|at| at <= runtime::clock::now()) {
                self.commit();
            }
        }
        if self.broker.wants_commit() {
            self.commit();
        }
    }

    /// Who waits for the commit is answered before anybody's events are read.
    fn commit(&mut self) {
        let (now, unix_ms) = (runtime::clock::now(), runtime::clock::unix_millis());
        self.broker.make_durable(now, unix_ms);
        self.answer();
        self.broker.deliver(now, unix_ms);
        self.answer();
    }

    /// The operations that wait, as soon as there are some or the broker has something to do; nothing when it is over.
    fn next_round(&mut self) -> Option<Round> {
        let start = runtime::clock::now();
        let looks = self.look();
        let mut inbox = self.shared.inbox();
        let mut has_slept = false;
        loop {
            if !inbox.waiting.is_empty() {
                // Who has looked has learnt from that already.
                if has_slept && !looks {
                    self.patience.on_woken(runtime::clock::now() - start);
                }
                return Some(inbox.take_round());
            }
            if inbox.is_ending {
                return None;
            }
            let wait = self.until_deadline();
            inbox.is_asleep = wait.is_none_or(|wait| !wait.is_zero());
            inbox = match wait {
                Some(wait) if wait.is_zero() => return Some(Round::new()),
                Some(wait) => {
                    let waited = self.shared.changed.wait_timeout(inbox, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.shared.changed.wait(inbox).unwrap_or_else(PoisonError::into_inner),
            };
            inbox.is_asleep = false;
            has_slept = true;
        }
    }

    /// Looks for operations for as long as that seems to pay, and not beyond what the broker has to do. Whether it did.
    fn look(&mut self) -> bool {
        let budget = self.patience.budget();
        if budget.is_zero() || self.shared.inbox().has_news() {
            return false;
        }
        let start = runtime::clock::now();
        let until_deadline = self.until_deadline().unwrap_or(Duration::MAX);
        loop {
            std::thread::yield_now();
            let idle = runtime::clock::now() - start;
            if self.shared.inbox().has_news() {
                self.patience.on_found(idle);
                return true;
            }
            if idle >= budget {
                self.patience.on_missed();
                return true;
            }
            if idle >= until_deadline {
                return true;
            }
        }
    }

    /// How long until the broker has something to do by itself.
    fn until_deadline(&self) -> Option<Duration> {
        let until = self.broker.commit_deadline().into_iter().chain(self.broker.deadline()).min();
        until.map(|until| until.saturating_duration_since(runtime::clock::now()))
    }

    fn answer(&mut self) {
        while let Some((ticket, outcome)) = self.broker.poll_answer() {
            if let Some(answer) = self.answers.remove(&ticket) {
                give(answer, outcome);
            }
        }
    }

    /// Refuses what was not done.
    fn end(&mut self) {
        let left = {
            let mut inbox = self.shared.inbox();
            inbox.is_over = true;
            inbox.bytes = 0;
            std::mem::take(&mut inbox.waiting)
        };
        let waiting = std::mem::take(&mut self.answers).into_values();
        for answer in waiting.chain(left.into_iter().map(|(_, answer)| answer)) {
            give(answer, Outcome::Refused(Refusal::Ending));
        }
    }
}

/// A panic of who asked is not the store's.
fn give(answer: Answer, outcome: Outcome) {
    let _ = catch_unwind(AssertUnwindSafe(|| answer(outcome)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::broker::{MemoryLog, Settings};
    use std::sync::mpsc::channel;
    use std::time::Instant;

    fn service(patience: Patience) -> Service {
        let (now, unix_ms) = (runtime::clock::now(), runtime::clock::unix_millis());
        Service::with(Broker::new(Settings::default(), MemoryLog::new(), now, unix_ms).unwrap(), patience).unwrap()
    }

    /// Whether the thread is asleep, or comes to be within that time.
    fn sleeps_within(service: &Service, time: Duration) -> bool {
        let until = Instant::now() + time;
        while !service.shared.inbox().is_asleep {
            if Instant::now() >= until {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    fn ask(service: &Service) {
        let (send, receive) = channel();
        let operation = Operation::Describe { namespace: None };
        service.submit(operation, Box::new(move |outcome| send.send(outcome).unwrap()));
        receive.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    /// Nobody pays for a wake then. Whatever it does, its end comes at once.
    #[test]
    fn a_thread_to_which_operations_come_soon_does_not_sleep_before_the_next() {
        let (at_once, long) = (Duration::from_millis(20), Duration::from_secs(60));
        for (longest, looks) in [(Duration::ZERO, false), (long, true)] {
            let service = service(Patience::new(longest));
            // It begins to look once it has seen so many come soon.
            for _ in 0..16 {
                assert!(sleeps_within(&service, long), "nothing comes that would make it look");
                ask(&service);
            }
            assert_eq!(sleeps_within(&service, if looks { at_once } else { long }), !looks);
            ask(&service);
            service.end();
        }
    }
}
