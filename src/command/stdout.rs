//! Standard output, written by a thread of its own: a reader that takes its time lets the transfer wait, but not the
//! connection's timers.

use crate::command::failure::Failure;
use crate::command::output;
use posthaste::Bytes;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What may wait to be written. More would only be memory.
const MAX_QUEUED: usize = 1 << 20;

/// Writes in the order it is told. [`Stdout::finish`] says whether everything was written; who drops it before does not wait
/// for a reader that pauses.
pub struct Stdout {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    backlog: Mutex<Backlog>,
    more: Condvar,
}

#[derive(Default)]
struct Backlog {
    queue: VecDeque<Bytes>,
    /// Bytes that wait or are just being written.
    queued: usize,
    /// Nothing more will come.
    ended: bool,
    failure: Option<Failure>,
    failed: bool,
    /// Who wants to know of a failure, whatever is to be written.
    watcher: Option<Waker>,
    /// Several may wait: fetches into files print what was answered.
    wakers: Vec<Waker>,
}

impl Stdout {
    /// Starts the thread.
    pub fn start() -> Result<Stdout, Failure> {
        let shared = Arc::new(Shared::default());
        let writing = shared.clone();
        let thread = std::thread::Builder::new().name("posthaste-stdout".into()).spawn(move || writing.run());
        thread.map_err(|error| Failure::Failed(format!("a thread could not be started: {error}")))?;
        Ok(Stdout { shared })
    }

    /// Hands over bytes, once there is room for them.
    pub async fn write(&self, bytes: Bytes) -> Result<(), Failure> {
        poll_fn(|context| {
            let mut backlog = self.shared.lock();
            if backlog.wait_for(MAX_QUEUED, context)?.is_pending() {
                return Poll::Pending;
            }
            backlog.queued += bytes.len();
            backlog.queue.push_back(bytes.clone());
            self.shared.more.notify_one();
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Whether nothing can be written any more.
    pub fn has_failed(&self) -> bool {
        self.shared.lock().failed
    }

    /// Waits until nothing can be written any more. One task at a time waits for this.
    pub fn poll_failed(&self, context: &Context<'_>) -> Poll<()> {
        let mut backlog = self.shared.lock();
        if backlog.failed {
            return Poll::Ready(());
        }
        backlog.watcher = Some(context.waker().clone());
        Poll::Pending
    }

    /// Waits until everything is written.
    pub async fn finish(&self) -> Result<(), Failure> {
        poll_fn(|context| self.shared.lock().wait_for(1, context)).await
    }
}

impl Drop for Stdout {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.more.notify_one();
    }
}

impl Backlog {
    /// Waits until fewer than so many bytes are left to be written.
    fn wait_for(&mut self, fewer_than: usize, context: &Context<'_>) -> Poll<Result<(), Failure>> {
        if self.failed {
            return Poll::Ready(Err(self.failure.take().unwrap_or(Failure::Quiet)));
        }
        if self.queued >= fewer_than {
            self.wakers.push(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
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
            let mut wakers = std::mem::take(&mut backlog.wakers);
            if let Err(failure) = result {
                backlog.failure = Some(failure);
                backlog.failed = true;
                wakers.extend(backlog.watcher.take());
            }
            wakers.into_iter().for_each(Waker::wake);
            if backlog.failed {
                return;
            }
        }
    }
}
