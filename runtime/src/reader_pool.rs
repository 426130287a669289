//! A few threads for calls that may wait for a disk, so that no executor's thread has to.
//!
//! A job that waits has its own thread, and while it does others take the jobs behind it: a thread that has been at one job for
//! [`SLOW`] is not counted among those that work, and another is started in its place, as far as [`MAX_THREADS`]. Each job has
//! an end: after [`PATIENCE`] its task is told that the disk did not answer. The thread of a call that never returns stays with
//! it; it is not waited for, also not at the end of the pool.
//!
//! Threads are started when there is something to do, one at a time, each by the one before it, and end when they have had
//! nothing to do for [`IDLE`].

mod job;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use base::{Duration, Instant};

use crate::clock;
pub use crate::reader_pool::job::JobError;
use crate::reader_pool::job::{Pending, Work, job};

/// Threads of one pool that work. Default 8: what keeps a disk with several queues busy.
const WORKING: usize = 8;
/// Threads of one pool in all, those included whose call does not return. Default 64.
const MAX_THREADS: usize = 64;
/// Jobs of one pool that wait for a thread; more are refused at once. Default 1,024.
const MAX_WAITING: usize = 1024;
/// After so long a call is slow. Default 100 ms: ten times what a disk that turns needs.
const SLOW: Duration = Duration::from_millis(100);
/// After so long a job is given up, waiting included. Default 15 s: a disk that stands still needs up to ten to turn.
const PATIENCE: Duration = Duration::from_secs(15);
/// After so long without anything to do a thread ends.
const IDLE: Duration = Duration::from_secs(10);
/// Room for what the standard library puts on the stack to open a file, several times over.
const STACK: usize = 256 << 10;

/// The threads, and the jobs that wait for one. Clones share them. When the last clone and the last job are gone, idle threads
/// end at once, and the others when their call returns.
#[derive(Clone)]
pub struct ReaderPool {
    owner: Arc<Owner>,
}

/// A call that was handed to the threads: ready with its result. Dropping it before a thread began spares the call.
#[must_use = "dropping a job gives it up"]
pub struct Job<T> {
    pending: Pending<T>,
    /// Whoever waits keeps the time watched.
    _pool: ReaderPool,
}

struct Owner {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// A job came, or the end.
    work: Condvar,
    /// There is something to watch, or the end.
    watch: Condvar,
    limits: Limits,
}

/// The numbers above, which tests choose smaller.
#[derive(Clone, Copy)]
struct Limits {
    working: usize,
    max_threads: usize,
    max_waiting: usize,
    slow: Duration,
    patience: Duration,
    idle: Duration,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Instant, Arc<dyn Work>)>,
    running: Vec<Running>,
    threads: usize,
    /// Threads that wait to be called.
    idle: usize,
    /// A thread was called or started and has not come yet. One at a time: often the first does all before a second is there.
    called: bool,
    watcher: Watcher,
    next: u64,
    closed: bool,
}

struct Running {
    number: u64,
    /// When it was handed over, and when it began.
    since: Instant,
    began: Instant,
    slow: bool,
    work: Arc<dyn Work>,
}

#[derive(Default, PartialEq, Eq)]
enum Watcher {
    #[default]
    None,
    /// It waits until there is a job.
    Asleep,
    Awake,
}

impl ReaderPool {
    /// Without threads as yet.
    pub fn new() -> ReaderPool {
        ReaderPool::with(Limits {
            working: WORKING,
            max_threads: MAX_THREADS,
            max_waiting: MAX_WAITING,
            slow: SLOW,
            patience: PATIENCE,
            idle: IDLE,
        })
    }

    fn with(limits: Limits) -> ReaderPool {
        let shared = Shared { state: Mutex::default(), work: Condvar::new(), watch: Condvar::new(), limits };
        ReaderPool { owner: Arc::new(Owner { shared: Arc::new(shared) }) }
    }

    /// Has a thread make `call`. The result comes to the task that waits for it, on whatever executor.
    pub fn run<T: Send + 'static>(&self, call: impl FnOnce() -> T + Send + 'static) -> Job<T> {
        let (work, pending) = job(call);
        if let Err(error) = self.owner.shared.submit(work.clone()) {
            work.give_up(error);
        }
        Job { pending, _pool: self.clone() }
    }
}

impl<T> Future for Job<T> {
    type Output = Result<T, JobError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.pending.poll(context)
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let abandoned = {
            let mut state = self.shared.lock();
            state.closed = true;
            core::mem::take(&mut state.waiting)
        };
        self.shared.work.notify_all();
        self.shared.watch.notify_all();
        drop(abandoned);
    }
}

impl Shared {
    fn submit(self: &Arc<Shared>, work: Arc<dyn Work>) -> Result<(), JobError> {
        let mut state = self.lock();
        if state.waiting.len() >= self.limits.max_waiting {
            return Err(JobError::Full);
        }
        self.watch_over(&mut state).map_err(JobError::NoThread)?;
        state.waiting.push_back((clock::now(), work));
        match self.call(&mut state) {
            // Others are at work, and come to it when they are done.
            Err(error) if state.threads == 0 => {
                state.waiting.pop_back();
                Err(JobError::NoThread(error))
            }
            _ => Ok(()),
        }
    }

    /// Calls a thread to the jobs that wait, if one is needed and there may be one more.
    fn call(self: &Arc<Shared>, state: &mut State) -> io::Result<()> {
        if state.waiting.is_empty() || state.called {
            return Ok(());
        }
        if state.idle > 0 {
            state.called = true;
            self.work.notify_one();
            return Ok(());
        }
        let slow = state.running.iter().filter(|running| running.slow).count();
        if state.threads - slow >= self.limits.working || state.threads >= self.limits.max_threads {
            return Ok(());
        }
        let shared = self.clone();
        start("posthaste-read", move || shared.work())?;
        state.threads += 1;
        state.called = true;
        Ok(())
    }

    /// Makes sure that somebody looks at the time while there are jobs.
    fn watch_over(self: &Arc<Shared>, state: &mut State) -> io::Result<()> {
        match state.watcher {
            Watcher::Awake => {}
            Watcher::Asleep => self.watch.notify_one(),
            Watcher::None => {
                let shared = self.clone();
                start("posthaste-watch", move || shared.watch())?;
            }
        }
        state.watcher = Watcher::Awake;
        Ok(())
    }

    /// The life of a thread.
    fn work(self: &Arc<Shared>) {
        let mut state = self.lock();
        loop {
            state.called = false;
            while let Some((since, work)) = state.waiting.pop_front() {
                state = self.work_at(state, since, &work);
            }
            state.idle += 1;
            let is_idle = |state: &mut State| !state.called && !state.closed;
            let waited = self.work.wait_timeout_while(state, self.limits.idle, is_idle);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
            if !state.called {
                break;
            }
        }
        state.threads -= 1;
    }

    fn work_at<'a>(
        self: &'a Arc<Shared>,
        mut state: MutexGuard<'a, State>,
        since: Instant,
        work: &Arc<dyn Work>,
    ) -> MutexGuard<'a, State> {
        let number = state.next;
        state.next += 1;
        state.running.push(Running { number, since, began: clock::now(), slow: false, work: work.clone() });
        // To what waits behind it. If there is no thread to be had, this one comes to that later.
        let _ = self.call(&mut state);
        drop(state);
        work.run();
        let mut state = self.lock();
        state.running.retain(|running| running.number != number);
        state
    }

    /// The life of the thread that looks at the time.
    fn watch(self: &Arc<Shared>) {
        let mut state = self.lock();
        while !state.closed {
            if state.waiting.is_empty() && state.running.is_empty() {
                state.watcher = Watcher::Asleep;
                let nothing = |state: &mut State| state.watcher == Watcher::Asleep && !state.closed;
                state = self.watch.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let is_open = |state: &mut State| !state.closed;
            let waited = self.watch.wait_timeout_while(state, self.limits.slow, is_open);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let late = self.look(&mut state);
            drop(state);
            late.into_iter().for_each(|work| work.give_up(JobError::Late));
            state = self.lock();
        }
    }

    /// Finds the calls that are slow, has others take their place, and gives those jobs that are to be given up.
    fn look(self: &Arc<Shared>, state: &mut State) -> Vec<Arc<dyn Work>> {
        let (now, limits) = (clock::now(), self.limits);
        let mut late = Vec::new();
        for running in &mut state.running {
            running.slow = now - running.began >= limits.slow;
            if now - running.since >= limits.patience {
                late.push(running.work.clone());
            }
        }
        while let Some((since, _)) = state.waiting.front()
            && now - *since >= limits.patience
        {
            late.extend(state.waiting.pop_front().map(|(_, work)| work));
        }
        let _ = self.call(state);
        late
    }

    /// Everything under the lock is one step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts a thread that nobody waits for.
fn start(name: &str, life: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.into()).stack_size(STACK).spawn(life).map(drop)
}

impl fmt::Debug for ReaderPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.owner.shared.lock();
        let (waiting, running) = (state.waiting.len(), state.running.len());
        f.debug_struct("ReaderPool")
            .field("threads", &state.threads)
            .field("waiting", &waiting)
            .field("running", &running)
            .finish()
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
