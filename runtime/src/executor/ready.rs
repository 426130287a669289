//! The tasks that are ready to be polled.
//!
//! Those that were woken on the executor's own thread stand in a queue of that thread, and take no lock; others wake by a queue that is
//! shared: the only part of an executor that other threads touch. Drivers have a queue of their own in either, so that they need not wait
//! for every task that is ready.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
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
#[derive(Debug, Default)]
struct Queues {
    ordinary: VecDeque<TaskId>,
    drivers: VecDeque<TaskId>,
}

impl Queues {
    fn of(&mut self, kind: Kind) -> &mut VecDeque<TaskId> {
        match kind {
            Kind::Ordinary => &mut self.ordinary,
            Kind::Driver => &mut self.drivers,
        }
    }

    fn is_empty(&self) -> bool {
        self.ordinary.is_empty() && self.drivers.is_empty()
    }
}

/// The queues of one executor: those of its thread, and the shared ones.
#[derive(Debug)]
pub(crate) struct Ready {
    own: Rc<RefCell<Queues>>,
    shared: Arc<SharedQueue>,
}

impl Ready {
    /// Empty, of the executor that `thread` wakes.
    pub(crate) fn new(thread: ThreadWaker) -> Ready {
        Ready { own: Rc::default(), shared: Arc::new(SharedQueue::new(thread)) }
    }

    /// What the wakers of its tasks push to.
    pub(crate) fn shared(&self) -> &Arc<SharedQueue> {
        &self.shared
    }

    /// A task is ready.
    pub(crate) fn push(&self, task: TaskId, kind: Kind) {
        self.own.borrow_mut().of(kind).push_back(task);
    }

    /// Moves the tasks of this kind that are ready now to `out`, which is empty: those woken meanwhile wait for the next round.
    pub(crate) fn take(&self, kind: Kind, out: &mut VecDeque<TaskId>) {
        debug_assert!(out.is_empty());
        core::mem::swap(self.own.borrow_mut().of(kind), out);
        self.shared.take(kind, out);
    }

    /// Puts back what was taken and not polled.
    pub(crate) fn put_back(&self, tasks: &mut VecDeque<TaskId>) {
        let mut own = self.own.borrow_mut();
        for task in tasks.drain(..).rev() {
            own.ordinary.push_front(task);
        }
    }

    /// Whether no task is known to be ready. One that another thread adds just now may be missed.
    pub(crate) fn is_empty(&self) -> bool {
        self.own.borrow().is_empty() && !self.shared.has_tasks.load(Ordering::Relaxed)
    }

    /// True if nothing is ready; from then on a task that another thread adds wakes this one, until [`Ready::awake`].
    pub(crate) fn try_sleep(&self) -> bool {
        self.own.borrow().is_empty() && self.shared.try_sleep()
    }

    /// This thread sleeps no more.
    pub(crate) fn awake(&self) {
        self.shared.lock().asleep = false;
    }

    /// From now on, until the value is dropped, tasks that are woken on this thread stand in its own queue.
    pub(crate) fn run_here(&self) -> Running {
        let here = Here { shared: Arc::as_ptr(&self.shared), own: self.own.clone() };
        // A thread that ends has dropped the place: there all wakes take the way of other threads.
        Running { before: HERE.try_with(|place| place.replace(Some(here))).ok().flatten() }
    }
}

/// The executor that runs on a thread.
struct Here {
    /// Which one that is.
    shared: *const SharedQueue,
    own: Rc<RefCell<Queues>>,
}

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// An executor runs on this thread. One that was running before it, of which a task runs this one, goes on afterwards.
pub(crate) struct Running {
    before: Option<Here>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let ended = HERE.try_with(|place| place.replace(self.before.take()));
        drop(ended);
    }
}

/// The tasks that other threads have woken.
#[derive(Debug)]
pub(crate) struct SharedQueue {
    state: Mutex<State>,
    /// Changed under the lock, so that who finds nothing need not take it.
    has_tasks: AtomicBool,
    thread: ThreadWaker,
}

#[derive(Debug)]
struct State {
    queues: Queues,
    /// The executor sleeps, or is about to without looking here again: who adds a task must wake the thread.
    asleep: bool,
}

impl SharedQueue {
    fn new(thread: ThreadWaker) -> SharedQueue {
        let state = State { queues: Queues::default(), asleep: false };
        SharedQueue { state: Mutex::new(state), has_tasks: AtomicBool::new(false), thread }
    }

    fn push(&self, task: TaskId, kind: Kind) {
        let mut state = self.lock();
        state.queues.of(kind).push_back(task);
        self.has_tasks.store(true, Ordering::Relaxed);
        let was_asleep = core::mem::take(&mut state.asleep);
        drop(state);
        if was_asleep {
            self.thread.wake();
        }
    }

    /// Adds those of this kind to `out`.
    fn take(&self, kind: Kind, out: &mut VecDeque<TaskId>) {
        if self.has_tasks.load(Ordering::Relaxed) {
            let mut state = self.lock();
            out.append(state.queues.of(kind));
            self.has_tasks.store(!state.queues.is_empty(), Ordering::Relaxed);
        }
    }

    fn try_sleep(&self) -> bool {
        let mut state = self.lock();
        state.asleep = state.queues.is_empty();
        state.asleep
    }

    /// Nothing that runs under the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one task, from any thread.
#[derive(Debug)]
pub(crate) struct TaskWaker {
    index: u32,
    /// This and the kind change when another task gets the place. Who has the waker of one before may wake that for nothing.
    generation: AtomicU32,
    is_driver: AtomicBool,
    /// In the queue of the executor's thread already: waking a task twice polls it once. Only that thread touches it, for which no
    /// locked operation is needed.
    queued_here: AtomicBool,
    /// The same for the shared queue.
    queued_elsewhere: AtomicBool,
    shared: Arc<SharedQueue>,
}

impl TaskWaker {
    /// Of a task that is in the queue of its thread, or about to be pushed to it.
    pub(crate) fn new(task: TaskId, kind: Kind, shared: Arc<SharedQueue>) -> Arc<TaskWaker> {
        Arc::new(TaskWaker {
            index: task.index,
            generation: AtomicU32::new(task.generation),
            is_driver: AtomicBool::new(kind == Kind::Driver),
            queued_here: AtomicBool::new(true),
            queued_elsewhere: AtomicBool::new(false),
            shared,
        })
    }

    /// From now on it wakes another task of the same place, which is in the queue as a new one is.
    pub(crate) fn rename(&self, task: TaskId, kind: Kind) {
        debug_assert_eq!(task.index, self.index);
        self.generation.store(task.generation, Ordering::Relaxed);
        self.is_driver.store(kind == Kind::Driver, Ordering::Relaxed);
        self.queued_here.store(true, Ordering::Relaxed);
    }

    /// The task is about to be polled: what wakes it from now on counts anew.
    pub(crate) fn rearm(&self) {
        self.queued_here.store(false, Ordering::Relaxed);
        // Who has set it has done what the task is to see. Who sets it after this look has added the task to the queue once more.
        if self.queued_elsewhere.load(Ordering::Relaxed) {
            self.queued_elsewhere.swap(false, Ordering::AcqRel);
        }
    }

    fn task(&self) -> TaskId {
        TaskId { index: self.index, generation: self.generation.load(Ordering::Relaxed) }
    }

    fn kind(&self) -> Kind {
        if self.is_driver.load(Ordering::Relaxed) { Kind::Driver } else { Kind::Ordinary }
    }

    /// False if its executor does not run on this thread just now.
    fn wake_here(&self) -> bool {
        let woken = HERE.try_with(|place| {
            let here = place.borrow();
            let Some(here) = here.as_ref().filter(|here| here.shared == Arc::as_ptr(&self.shared)) else {
                return false;
            };
            if !self.queued_here.load(Ordering::Relaxed) {
                self.queued_here.store(true, Ordering::Relaxed);
                here.own.borrow_mut().of(self.kind()).push_back(self.task());
            }
            true
        });
        woken.unwrap_or(false)
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.wake_here() && !self.queued_elsewhere.swap(true, Ordering::AcqRel) {
            self.shared.push(self.task(), self.kind());
        }
    }
}
