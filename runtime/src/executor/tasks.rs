//! The tasks of an executor, each in a place of a table.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use crate::executor::ready::{Kind, SharedQueue, TaskId, TaskWaker};

pub(crate) type BoxFuture = Pin<Box<dyn Future<Output = ()>>>;

/// A task taken out of the table to be polled.
pub(crate) struct Runnable {
    pub(crate) future: BoxFuture,
    pub(crate) waker: Waker,
}

enum State {
    Free,
    Waiting(Runnable),
    Running,
    /// To be dropped as soon as it returns from being polled.
    Aborted,
}

struct Place {
    generation: u32,
    state: State,
    /// Kept beside the waker made of it, to rearm it.
    target: Option<Arc<TaskWaker>>,
    /// The waker of the last task, when that has ended: for the next one.
    spare: Option<Waker>,
}

impl Place {
    /// The waker of a new task: that of the last one, unless there is another reference to it.
    fn waker(&mut self, task: TaskId, kind: Kind, shared: &Arc<SharedQueue>) -> Waker {
        if let (Some(target), Some(waker)) = (&self.target, self.spare.take())
            && Arc::strong_count(target) == 2
        {
            target.rename(task, kind);
            return waker;
        }
        let target = self.target.insert(TaskWaker::new(task, kind, shared.clone()));
        Waker::from(target.clone())
    }
}

/// Futures are never dropped in here: dropping one may call back into the executor. They are handed to the caller.
#[derive(Default)]
pub(crate) struct Tasks {
    places: Vec<Place>,
    free: Vec<u32>,
}

impl Tasks {
    /// A new task, which is to be pushed to the queue of those that are ready.
    pub(crate) fn insert(&mut self, future: BoxFuture, kind: Kind, shared: &Arc<SharedQueue>) -> TaskId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, state: State::Free, target: None, spare: None });
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[index as usize];
        let task = TaskId { index, generation: place.generation };
        let waker = place.waker(task, kind, shared);
        place.state = State::Waiting(Runnable { future, waker });
        task
    }

    /// Takes a task out to poll it; `None` if it is over.
    pub(crate) fn begin(&mut self, task: TaskId) -> Option<Runnable> {
        let place = self.place(task)?;
        match core::mem::replace(&mut place.state, State::Running) {
            State::Waiting(runnable) => {
                if let Some(target) = &place.target {
                    target.rearm();
                }
                Some(runnable)
            }
            other => {
                place.state = other;
                None
            }
        }
    }

    /// Puts back a task that is not ready. Gives its future back if it was aborted meanwhile.
    pub(crate) fn put_back(&mut self, task: TaskId, runnable: Runnable) -> Option<BoxFuture> {
        let Some(place) = self.place(task) else { return Some(runnable.future) };
        if matches!(place.state, State::Running) {
            place.state = State::Waiting(runnable);
            return None;
        }
        self.end(task, runnable.waker);
        Some(runnable.future)
    }

    /// The task is over: its place is free, and its waker for the next one.
    pub(crate) fn end(&mut self, task: TaskId, waker: Waker) {
        if let Some(place) = self.place(task) {
            place.generation = place.generation.wrapping_add(1);
            place.state = State::Free;
            place.spare = Some(waker);
            self.free.push(task.index);
        }
    }

    /// Stops a task; gives its future back to be dropped unless it is running.
    pub(crate) fn abort(&mut self, task: TaskId) -> Option<BoxFuture> {
        let place = self.place(task)?;
        match core::mem::replace(&mut place.state, State::Aborted) {
            State::Waiting(runnable) => {
                self.end(task, runnable.waker);
                Some(runnable.future)
            }
            State::Free | State::Running | State::Aborted => None,
        }
    }

    /// All tasks that wait, to be dropped.
    pub(crate) fn take_all(&mut self) -> Vec<BoxFuture> {
        let ids: Vec<TaskId> = self
            .places
            .iter()
            .enumerate()
            .map(|(index, place)| TaskId { index: index as u32, generation: place.generation })
            .collect();
        ids.into_iter().filter_map(|task| self.abort_if_waiting(task)).collect()
    }

    fn abort_if_waiting(&mut self, task: TaskId) -> Option<BoxFuture> {
        let waits = self.place(task).is_some_and(|place| matches!(place.state, State::Waiting(_)));
        if waits { self.abort(task) } else { None }
    }

    /// How many tasks there are.
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    fn place(&mut self, task: TaskId) -> Option<&mut Place> {
        self.places
            .get_mut(task.index as usize)
            .filter(|place| place.generation == task.generation && !matches!(place.state, State::Free))
    }
}
