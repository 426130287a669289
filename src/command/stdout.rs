//! Standard output, written by a thread of its own: a reader that takes its time lets the transfer wait, but not the
//! connection's timers.

use crate::command::failure::Failure;
use crate::command::output;
use posthaste::Bytes;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;

/// What may wait to be written. More would only be memory.
const MAX_QUEUED: usize = 1 << 20;

/// Writes in the order it is told. [`Stdout::finish`] says whether everything was written.
pub struct Stdout {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    backlog: Mutex<Backlog>,
    more: Condvar,
}

#[derive(Default)]
struct Backlog {
    queue: VecDeque<Bytes>,
    queued: usize,
    ended: bool,
    failure: Option<Failure>,
    failed: bool,
    waker: Option<Waker>,
}

impl Stdout {
    /// Starts the thread.
    pub fn start() -> Result<Stdout, Failure> {
        let shared = Arc::new(Shared::default());
        let writing = shared.clone();
        let thread = std::thread::Builder::new().name("posthaste-stdout".into()).spawn(move || writing.run());
        let thread = thread.map_err(|error| Failure::Failed(format!("a thread could not be started: {error}")))?;
        Ok(Stdout { shared, thread: Some(thread) })
    }

    /// Hands over bytes, once there is room for them.
    pub async fn write(&self, bytes: Bytes) -> Result<(), Failure> {
        poll_fn(|context| {
            let mut backlog = self.shared.lock();
            if backlog.failed {
                return Poll::Ready(Err(backlog.failure.take().unwrap_or(Failure::Quiet)));
            }
            if backlog.queued >= MAX_QUEUED {
                backlog.waker = Some(context.waker().clone());
                return Poll::Pending;
            }
            backlog.queued += bytes.len();
            backlog.queue.push_back(bytes.clone());
            self.shared.more.notify_one();
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Waits until everything is written.
    pub fn finish(mut self) -> Result<(), Failure> {
        self.end();
        let mut backlog = self.shared.lock();
        if backlog.failed { Err(backlog.failure.take().unwrap_or(Failure::Quiet)) } else { Ok(()) }
    }

    fn end(&mut self) {
        self.shared.lock().ended = true;
        self.shared.more.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Stdout {
    /// What was received before a failure is still written.
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut backlog = self.lock();
        loop {
            let Some(bytes) = backlog.queue.pop_front() else {
                if backlog.ended {
                    return;
                }
                backlog = self.more.wait(backlog).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            drop(backlog);
            let result = output::write(&bytes);
            backlog = self.lock();
            backlog.queued -= bytes.len();
            let waker = backlog.waker.take();
            if let Err(failure) = result {
                backlog.failure = Some(failure);
                backlog.failed = true;
            }
            if let Some(waker) = waker {
                waker.wake();
            }
            if backlog.failed {
                return;
            }
        }
    }
}
