//! One call that may wait, between the task that wants its result and the thread that makes it.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Why a call gave no result.
#[derive(Debug)]
pub enum JobError {
    /// Too many calls wait already.
    Full,
    /// The system did not answer in time; it may still be at it.
    Late,
    /// No thread could be started for it.
    NoThread(io::Error),
    /// It panicked.
    Panicked,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Full => f.write_str("too many calls wait for the disk"),
            JobError::Late => f.write_str("the disk did not answer in time"),
            JobError::NoThread(error) => write!(f, "no thread to read with: {error}"),
            JobError::Panicked => f.write_str("the reading thread panicked"),
        }
    }
}

impl std::error::Error for JobError {}

/// The side of the threads.
pub(crate) trait Work: Send + Sync {
    /// Makes the call, if anybody still wants it.
    fn run(&self);
    /// Lets the task go on without a result.
    fn give_up(&self, error: JobError);
}

/// The side of the task.
trait Wanted<T>: Send + Sync {
    fn poll(&self, context: &Context<'_>) -> Poll<Result<T, JobError>>;
    fn abandon(&self);
}

/// The result to come. Dropping it before a thread began spares the call.
pub(crate) struct Pending<T>(Arc<dyn Wanted<T>>);

impl<T> Pending<T> {
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Result<T, JobError>> {
        self.0.poll(context)
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// Both sides of a call that is yet to be made.
pub(crate) fn job<F, T>(call: F) -> (Arc<dyn Work>, Pending<T>)
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let slot = Arc::new(Slot(Mutex::new(State { stage: Stage::Waits(call), waker: None })));
    (slot.clone(), Pending(slot))
}

struct Slot<F, T>(Mutex<State<F, T>>);

struct State<F, T> {
    stage: Stage<F, T>,
    waker: Option<Waker>,
}

enum Stage<F, T> {
    Waits(F),
    Runs,
    Done(Result<T, JobError>),
    /// The result was taken, or nobody wants it.
    Over,
}

impl<F, T> Slot<F, T> {
    /// Everything under the lock is one step.
    fn lock(&self) -> MutexGuard<'_, State<F, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first result counts.
    fn finish(&self, result: Result<T, JobError>) {
        let mut state = self.lock();
        if !matches!(state.stage, Stage::Waits(_) | Stage::Runs) {
            return;
        }
        let before = core::mem::replace(&mut state.stage, Stage::Done(result));
        let waker = state.waker.take();
        drop(state);
        // What a call holds may take time to be dropped.
        drop(before);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<F: FnOnce() -> T + Send, T: Send> Work for Slot<F, T> {
    fn run(&self) {
        let call = {
            let mut state = self.lock();
            match core::mem::replace(&mut state.stage, Stage::Runs) {
                Stage::Waits(call) => call,
                other => {
                    state.stage = other;
                    return;
                }
            }
        };
        self.finish(catch_unwind(AssertUnwindSafe(call)).map_err(|_| JobError::Panicked));
    }

    fn give_up(&self, error: JobError) {
        self.finish(Err(error));
    }
}

impl<F: Send, T: Send> Wanted<T> for Slot<F, T> {
    fn poll(&self, context: &Context<'_>) -> Poll<Result<T, JobError>> {
        let mut state = self.lock();
        if let Stage::Done(_) = state.stage
            && let Stage::Done(result) = core::mem::replace(&mut state.stage, Stage::Over)
        {
            return Poll::Ready(result);
        }
        assert!(!matches!(state.stage, Stage::Over), "a job is not polled after it gave its result");
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn abandon(&self) {
        let before = core::mem::replace(&mut *self.lock(), State { stage: Stage::Over, waker: None });
        drop(before);
    }
}
