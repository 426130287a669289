//! Several threads, each with an executor of its own and sharing nothing.
//!
//! Servers bind one socket in each with [`UdpOptions::reuse_port`](crate::UdpOptions): the kernel sends each pair of
//! addresses to the same one. The packets of a connection that changes its address may arrive at another worker; the
//! protocol above has to notice that.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread::JoinHandle;

use crate::executor::Executor;

/// Running worker threads.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// Starts `count` threads that each call `run` with their number, from 0, and their executor.
///
/// # Errors
/// A thread cannot be started. Those that were are left to end by themselves.
pub fn spawn_workers<F>(count: usize, run: F) -> io::Result<Workers>
where
    F: Fn(usize, &Executor) -> io::Result<()> + Send + Sync + 'static,
{
    let run = Arc::new(run);
    let mut threads = Vec::with_capacity(count);
    for number in 0..count {
        let run = run.clone();
        let thread = std::thread::Builder::new()
            .name(format!("posthaste-{number}"))
            .spawn(move || Executor::new().and_then(|executor| run(number, &executor)))?;
        threads.push(thread);
    }
    Ok(Workers { threads })
}

impl Workers {
    /// Waits for all of them to end.
    ///
    /// # Errors
    /// The first error that one ended with; a panic counts as one.
    pub fn join(self) -> io::Result<()> {
        let mut result = Ok(());
        for thread in self.threads {
            let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("a worker panicked")));
            result = result.and(ended);
        }
        result
    }
}

/// Tells tasks on any number of threads to stop. Clones belong together.
#[derive(Clone, Default)]
pub struct Shutdown {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    triggered: bool,
    next: u64,
    /// Who waits, under a number.
    waiting: Vec<(u64, Waker)>,
}

impl Shutdown {
    /// Not triggered.
    pub fn new() -> Shutdown {
        Shutdown::default()
    }

    /// Wakes all who wait, and all who will.
    pub fn trigger(&self) {
        let waiting = {
            let mut state = self.lock();
            state.triggered = true;
            core::mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Whether it was triggered.
    pub fn is_triggered(&self) -> bool {
        self.lock().triggered
    }

    /// Waits for it.
    pub async fn wait(&self) {
        let place = Place { shutdown: self, number: Cell::new(None) };
        std::future::poll_fn(|context| {
            let mut state = self.lock();
            if state.triggered {
                return Poll::Ready(());
            }
            let number = place.number.get().unwrap_or(state.next);
            match state.waiting.iter_mut().find(|(waiting, _)| *waiting == number) {
                Some((_, waker)) => waker.clone_from(context.waker()),
                None => {
                    state.next += 1;
                    state.waiting.push((number, context.waker().clone()));
                    place.number.set(Some(number));
                }
            }
            Poll::Pending
        })
        .await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shutdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shutdown").field("triggered", &self.is_triggered()).finish()
    }
}

/// Keeps no waker of a future that is gone.
struct Place<'a> {
    shutdown: &'a Shutdown,
    number: Cell<Option<u64>>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number.get() {
            self.shutdown.lock().waiting.retain(|(waiting, _)| *waiting != number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn each_worker_has_its_number_and_all_stop_when_told() {
        let shutdown = Shutdown::new();
        let seen = Arc::new(AtomicUsize::new(0));
        let workers = {
            let (shutdown, seen) = (shutdown.clone(), seen.clone());
            spawn_workers(3, move |number, executor| {
                executor.block_on(async {
                    // The last to arrive stops all; whoever waits already sleeps in its poller.
                    if seen.fetch_add(1 << (8 * number), Ordering::SeqCst).count_ones() == 2 {
                        shutdown.trigger();
                    }
                    shutdown.wait().await;
                });
                Ok(())
            })
            .unwrap()
        };
        workers.join().unwrap();
        assert_eq!(seen.load(Ordering::SeqCst), 0x01_01_01);
        assert!(shutdown.is_triggered() && shutdown.lock().waiting.is_empty());
    }

    #[test]
    fn a_future_that_is_given_up_leaves_no_waker() {
        let shutdown = Shutdown::new();
        let executor = Executor::new().unwrap();
        executor.block_on(async {
            let result = executor.handle().timeout_at(base::Instant::ZERO, shutdown.wait()).await;
            assert!(result.is_err());
        });
        assert!(shutdown.lock().waiting.is_empty());
    }

    #[test]
    fn the_first_error_is_reported_and_a_panic_is_one() {
        let workers =
            spawn_workers(2, |number, _| if number == 0 { Ok(()) } else { Err(io::ErrorKind::AddrInUse.into()) });
        assert_eq!(workers.unwrap().join().unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let workers = spawn_workers(1, |_, _| panic!("on purpose"));
        assert!(workers.unwrap().join().is_err());
    }
}
