//! What the workers of a server have counted, asked from another thread: each answers on its own, between its other work.

use quic::{EndpointStats, Stats};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// How long each worker is waited for. Default 1 s: it answers within microseconds, unless a handler keeps its thread.
const PATIENCE: Duration = Duration::from_secs(1);

/// What one worker has counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count {
    pub(crate) stats: EndpointStats,
    pub(crate) connections: Vec<(SocketAddr, Stats)>,
    /// By TCP.
    pub(crate) tcp_connections: usize,
    pub(crate) requests: usize,
}

/// The question to all workers, and their answers.
pub(crate) struct Census {
    state: Mutex<State>,
    is_told: Condvar,
}

struct State {
    /// Which question it is.
    round: u64,
    workers: Vec<Worker>,
}

#[derive(Default)]
struct Worker {
    /// The newest question that it answered.
    answered: u64,
    count: Count,
    waiting: Option<Waker>,
    is_over: bool,
}

impl Census {
    /// Nobody has asked so many workers anything.
    pub(crate) fn new(workers: usize) -> Census {
        let workers = (0..workers).map(|_| Worker::default()).collect();
        Census { state: Mutex::new(State { round: 0, workers }), is_told: Condvar::new() }
    }

    /// What each has counted; those that have ended as they were then.
    ///
    /// # Errors
    /// The number of one that did not answer in time.
    pub(crate) fn ask(&self) -> Result<Vec<Count>, usize> {
        let (round, waiting) = {
            let mut state = self.lock();
            state.round += 1;
            let waiting: Vec<Waker> = state.workers.iter_mut().filter_map(|worker| worker.waiting.take()).collect();
            (state.round, waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
        let is_missing = |worker: &Worker| worker.answered < round && !worker.is_over;
        let waits = |state: &mut State| state.workers.iter().any(is_missing);
        let answered = self.is_told.wait_timeout_while(self.lock(), PATIENCE, waits);
        let (state, _) = answered.unwrap_or_else(PoisonError::into_inner);
        match state.workers.iter().position(is_missing) {
            Some(number) => Err(number),
            None => Ok(state.workers.iter().map(|worker| worker.count.clone()).collect()),
        }
    }

    /// Waits for a question that worker `number` has not answered.
    pub(crate) async fn question(&self, number: usize) {
        poll_fn(|context| {
            let mut state = self.lock();
            let round = state.round;
            let worker = &mut state.workers[number];
            if worker.answered < round {
                return Poll::Ready(());
            }
            worker.waiting = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// The answer of worker `number` to all that was asked so far.
    pub(crate) fn answer(&self, number: usize, count: Count) {
        let mut state = self.lock();
        let round = state.round;
        let worker = &mut state.workers[number];
        (worker.answered, worker.count) = (round, count);
        self.is_told.notify_all();
    }

    /// Worker `number` answers nothing more. Of what it held last nothing is left.
    pub(crate) fn end(&self, number: usize) {
        let mut state = self.lock();
        let worker = &mut state.workers[number];
        worker.is_over = true;
        let stats = EndpointStats { held: Default::default(), ..worker.count.stats };
        worker.count = Count { stats, ..Count::default() };
        self.is_told.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Executor;
    use std::sync::Arc;

    fn count(requests: usize) -> Count {
        Count { requests, ..Count::default() }
    }

    #[test]
    fn each_worker_answers_each_question_and_those_that_ended_as_they_were() {
        let census = Arc::new(Census::new(2));
        let (may_end, ends) = std::sync::mpsc::channel::<()>();
        let asked = census.clone();
        let worker = std::thread::spawn(move || {
            Executor::new().unwrap().block_on(async {
                for requests in [3, 4] {
                    asked.question(0).await;
                    asked.answer(0, count(requests));
                }
            });
            ends.recv().unwrap();
            asked.end(0);
        });
        let mut ended = count(7);
        ended.stats.strangers.accepted = 5;
        ended.stats.held.connections = 2;
        census.answer(1, ended);
        census.end(1);
        let ask = |requests| {
            let counts = census.ask().unwrap();
            assert_eq!((counts[0].requests, counts[1].requests), (requests, 0));
            assert_eq!((counts[1].stats.strangers.accepted, counts[1].stats.held.connections), (5, 0));
        };
        ask(3);
        ask(4);
        may_end.send(()).unwrap();
        worker.join().unwrap();
        ask(0);
    }

    #[test]
    fn one_that_does_not_answer_is_named() {
        let census = Census::new(2);
        census.end(0);
        assert_eq!(census.ask().map(|counts| counts.len()), Err(1));
    }
}
