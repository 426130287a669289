//! Runs futures on one thread: tasks, timers and descriptors.
//!
//! Nothing is global: spawning, sleeping and watching need a [`Handle`]. Tasks stay on their thread and need not be
//! `Send`; only their wakers cross threads. Each turn fires the timers that are due, polls the tasks that were woken,
//! and takes in events, so that neither busy tasks nor a flood of packets can delay a deadline by more than one turn.
//! A task that panics takes the executor with it.

mod core;
mod crowd;
mod farewells;
mod join;
mod locals;
mod options;
mod patience;
mod ready;
mod sleep;
mod sources;
mod tasks;
mod timers;
mod watched;

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use base::{Duration, Instant};

use crate::clock;
use crate::executor::core::Core;
use crate::executor::ready::{Kind, TaskId, TaskWaker};

pub use crate::executor::core::Stats;
pub use crate::executor::join::{Aborted, JoinHandle};
pub use crate::executor::options::ExecutorOptions;
pub use crate::executor::patience::Patience;
pub use crate::executor::sleep::{Elapsed, Interval, Sleep, Timeout};
pub use crate::executor::watched::Watched;

/// The future that `block_on` was given; no task has this number.
const MAIN: TaskId = TaskId { index: u32::MAX, generation: 0 };
/// How often woken tasks are polled before events are taken in again. More than once, so that a task, the driver it
/// notifies and the task that this wakes do not pay for a system call at each step.
const ROUNDS: usize = 4;
/// In how many parts a round goes if this thread had to wait before it; after each of them the drivers have a turn. The
/// peer works on the first answers while the others are still being made, rather than both ends waiting for each other by
/// turns. Who did not have to wait has nothing to gain by that: its answers leave in fewer, fuller sends.
const PARTS: usize = 2;
/// The fewest tasks of such a part: each turn of a driver costs a system call or two.
const SMALLEST_PART: usize = 4;
/// The most, in any round: acknowledgments and timers have to get their say however many tasks are ready.
const LARGEST_PART: usize = 64;

/// An executor. Dropping it drops its tasks.
pub struct Executor {
    handle: Handle,
}

impl Executor {
    /// No tasks yet.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> io::Result<Executor> {
        Executor::with_options(&ExecutorOptions::default())
    }

    /// No tasks yet.
    ///
    /// # Errors
    /// As for [`Executor::new`].
    pub fn with_options(options: &ExecutorOptions) -> io::Result<Executor> {
        Ok(Executor { handle: Handle { core: Rc::new(Core::new(options)?) } })
    }

    /// To spawn, sleep and watch with.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs `main`, and all tasks beside it, until `main` is ready. Tasks that are not ready by then are kept, and go on
    /// with the next call.
    ///
    /// # Panics
    /// If the system refuses to wait for events, and if a task panics.
    pub fn block_on<F: Future>(&self, main: F) -> F::Output {
        let core = &self.handle.core;
        let mut main = pin!(main);
        let _running = core.ready.run_here();
        let main_waker = TaskWaker::new(MAIN, Kind::Ordinary, core.ready.shared().clone());
        let waker = Waker::from(main_waker.clone());
        core.ready.push(MAIN, Kind::Ordinary);
        let (mut woken, mut drivers) = (VecDeque::new(), VecDeque::new());
        core.read_clock();
        loop {
            core.fire_timers();
            for _ in 0..ROUNDS {
                core.poll_drivers(&mut drivers);
                core.ready.take(Kind::Ordinary, &mut woken);
                if woken.is_empty() {
                    break;
                }
                let parts = if core.was_starved() { PARTS } else { 1 };
                let part = (woken.len() / parts).clamp(SMALLEST_PART, LARGEST_PART);
                let mut left = part;
                while let Some(task) = woken.pop_front() {
                    if left == 0 {
                        core.poll_drivers(&mut drivers);
                        left = part;
                    }
                    left -= 1;
                    if task != MAIN {
                        core.poll_task(task);
                        continue;
                    }
                    main_waker.rearm();
                    core.count(|stats| stats.polls += 1);
                    if let Poll::Ready(output) = main.as_mut().poll(&mut Context::from_waker(&waker)) {
                        core.ready.put_back(&mut woken);
                        return output;
                    }
                }
            }
            core.poll_drivers(&mut drivers);
            if let Err(error) = core.wait_for_events() {
                panic!("waiting for events failed: {error}");
            }
        }
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Tasks hold handles, and handles the table of tasks.
        self.handle.core.close();
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("tasks", &self.handle.core.task_count()).finish_non_exhaustive()
    }
}

/// Access to an executor from its own thread; cheap to clone.
#[derive(Clone)]
pub struct Handle {
    core: Rc<Core>,
}

impl Handle {
    /// Starts a task. Once the executor is gone the future is dropped instead.
    pub fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        JoinHandle::spawn(&self.core, Kind::Ordinary, future)
    }

    /// Starts a task without a handle to wait for it: that costs a little less.
    pub fn spawn_detached(&self, future: impl Future<Output = ()> + 'static) {
        let _ = self.core.spawn(Kind::Ordinary, future);
    }

    /// The same for a future that has a place already, and is not moved from there: one that is large.
    pub fn spawn_boxed(&self, future: Pin<Box<dyn Future<Output = ()>>>) {
        let _ = self.core.spawn_boxed(Kind::Ordinary, future);
    }

    /// Starts a task that carries what others make to the outside world, such as a [`Driver`](crate::Driver). When many
    /// tasks are ready it may be polled among them as well, not only before the first and after the last.
    pub fn spawn_driver<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        JoinHandle::spawn(&self.core, Kind::Driver, future)
    }

    /// Starts a task that has something to finish when all else is over, such as to tell peers that it is. It has to end by
    /// itself, and soon.
    pub fn spawn_farewell(&self, future: impl Future<Output = ()> + 'static) {
        self.spawn_detached(self.core.farewells.count(future));
    }

    /// Ready when no such task is left.
    pub fn farewells_over(&self) -> impl Future<Output = ()> + use<> {
        let farewells = self.core.farewells.clone();
        std::future::poll_fn(move |context| farewells.poll_over(context))
    }

    /// Watches a descriptor.
    ///
    /// # Errors
    /// It is watched already, or cannot be (a file).
    pub fn watch<T: AsFd>(&self, inner: T) -> io::Result<Watched<T>> {
        Watched::new(self.core.clone(), inner)
    }

    /// The time as it was last read, by the executor when its turn began or by a later reader: no clock is read. It is
    /// behind by the time that tasks have worked since, and never before the time that a machine was given.
    pub fn now(&self) -> Instant {
        self.core.now()
    }

    /// Reads the clock, for everybody.
    pub fn read_clock(&self) -> Instant {
        self.core.read_clock()
    }

    /// Waits until `deadline`.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep::new(self.core.clone(), deadline)
    }

    /// Waits for `duration` from now on.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(clock::now() + duration)
    }

    /// Every `period`, the first time one period from now.
    pub fn interval(&self, period: Duration) -> Interval {
        Interval::new(self.core.clone(), clock::now(), period)
    }

    /// `future`, or [`Elapsed`] if it is not ready by `deadline`. Allocates room for the future.
    pub fn timeout_at<F: Future>(&self, deadline: Instant, future: F) -> Timeout<F> {
        Timeout::new(future, self.sleep_until(deadline))
    }

    /// `future`, or [`Elapsed`] if it is not ready within `duration`.
    pub fn timeout<F: Future>(&self, duration: Duration, future: F) -> Timeout<F> {
        self.timeout_at(clock::now() + duration, future)
    }

    /// What is kept on this executor for `owner`, which may be shared by several threads: a value of its own on each of them, made by
    /// `make` when it is asked for first. It lives as long as the executor, or until other values are kept after the owner is gone.
    pub fn local<O, T>(&self, owner: &Arc<O>, make: impl FnOnce() -> T) -> Rc<T>
    where
        O: Any + Send + Sync,
        T: 'static,
    {
        self.core.locals.get(owner, make)
    }

    /// What the executor has done so far.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("tasks", &self.core.task_count()).finish_non_exhaustive()
    }
}

/// Lets all other tasks that are ready run first.
pub fn yield_now() -> impl Future<Output = ()> {
    struct Yield(bool);
    impl Future for Yield {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if std::mem::replace(&mut self.0, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
    Yield(false)
}

#[cfg(test)]
mod tests;
