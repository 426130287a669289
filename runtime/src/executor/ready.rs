//! The tasks that are ready to be polled: the only part of an executor that other threads touch.
//!
//! Drivers have a queue of their own, so that they need not wait for every task that is ready.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use crate::waker::ThreadWaker;

/// A task: its place, and which of the tasks that had this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// What a task is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One of many.
    Ordinary,
    /// It brings what the others made to the outside world, and is polled while some of them still wait.
    Driver,
}

/// Tasks in the order in which they were woken.
#[derive(Debug)]
pub(crate) struct ReadyQueue {
    state: Mutex<State>,
    thread: ThreadWaker,
}

#[derive(Debug)]
struct State {
    ordinary: VecDeque<TaskId>,
    drivers: VecDeque<TaskId>,
    /// The executor sleeps, or is about to without looking here again: who adds a task must wake the thread.
    asleep: bool,
}

impl State {
    fn is_empty(&self) -> bool {
        self.ordinary.is_empty() && self.drivers.is_empty()
    }
}

impl ReadyQueue {
    /// Empty, of the executor that `thread` wakes.
    pub(crate) fn new(thread: ThreadWaker) -> ReadyQueue {
        let state = State { ordinary: VecDeque::new(), drivers: VecDeque::new(), asleep: false };
        ReadyQueue { state: Mutex::new(state), thread }
    }

    pub(crate) fn push(&self, task: TaskId, kind: Kind) {
        let mut state = self.lock();
        match kind {
            Kind::Ordinary => state.ordinary.push_back(task),
            Kind::Driver => state.drivers.push_back(task),
        }
        let was_asleep = core::mem::take(&mut state.asleep);
        drop(state);
        if was_asleep {
            self.thread.wake();
        }
    }

    /// Moves the ordinary tasks that are ready now to `out`, which is empty: those woken meanwhile wait for the next round.
    pub(crate) fn take(&self, out: &mut VecDeque<TaskId>) {
        debug_assert!(out.is_empty());
        core::mem::swap(&mut self.lock().ordinary, out);
    }

    /// The same for drivers.
    pub(crate) fn take_drivers(&self, out: &mut VecDeque<TaskId>) {
        debug_assert!(out.is_empty());
        core::mem::swap(&mut self.lock().drivers, out);
    }

    /// Puts back what was taken and not polled.
    pub(crate) fn put_back(&self, tasks: &mut VecDeque<TaskId>) {
        let mut state = self.lock();
        for task in tasks.drain(..).rev() {
            state.ordinary.push_front(task);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// True if nothing is ready; from then on a new task wakes the thread, until [`ReadyQueue::awake`].
    pub(crate) fn try_sleep(&self) -> bool {
        let mut state = self.lock();
        state.asleep = state.is_empty();
        state.asleep
    }

    pub(crate) fn awake(&self) {
        self.lock().asleep = false;
    }

    /// Nothing that runs under the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one task, from any thread.
#[derive(Debug)]
pub(crate) struct TaskWaker {
    task: TaskId,
    kind: Kind,
    /// In the queue already: waking a task twice polls it once.
    queued: AtomicBool,
    ready: Arc<ReadyQueue>,
}

impl TaskWaker {
    /// Of a task that is in the queue, or about to be pushed to it.
    pub(crate) fn new(task: TaskId, kind: Kind, ready: Arc<ReadyQueue>) -> Arc<TaskWaker> {
        Arc::new(TaskWaker { task, kind, queued: AtomicBool::new(true), ready })
    }

    /// From now on it wakes another task, in the queue as a new one is. There must be no other reference to it.
    pub(crate) fn rename(&mut self, task: TaskId, kind: Kind) {
        self.task = task;
        self.kind = kind;
        self.queued = AtomicBool::new(true);
    }

    /// The task is about to be polled: what wakes it from now on counts anew.
    pub(crate) fn rearm(&self) {
        self.queued.swap(false, Ordering::AcqRel);
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.ready.push(self.task, self.kind);
        }
    }
}
