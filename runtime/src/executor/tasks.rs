//! The tasks of an executor, each in a place of a table.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;

use crate::executor::ready::{Kind, ReadyQueue, TaskId, TaskWaker};

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
    /// Kept beside the waker made of it, to rearm it; after the task has ended, for the next one in this place.
    waker: Option<Arc<TaskWaker>>,
}

/// Futures are never dropped in here: dropping one may call back into the executor. They are handed to the caller.
#[derive(Default)]
pub(crate) struct Tasks {
    places: Vec<Place>,
    free: Vec<u32>,
}

impl Tasks {
    /// A new task, which is to be pushed to the queue of those that are ready.
    pub(crate) fn insert(&mut self, future: BoxFuture, kind: Kind, ready: &Arc<ReadyQueue>) -> TaskId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, state: State::Free, waker: None });
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[index as usize];
        let task = TaskId { index, generation: place.generation };
        // The waker of the last task in this place is used again, unless another reference to it exists.
        let reused = place.waker.as_mut().and_then(Arc::get_mut).map(|waker| waker.rename(task, kind)).is_some();
        if !reused {
            place.waker = None;
        }
        let waker = place.waker.get_or_insert_with(|| TaskWaker::new(task, kind, ready.clone()));
        place.state = State::Waiting(Runnable { future, waker: Waker::from(waker.clone()) });
        task
    }

    /// Takes a task out to poll it; `None` if it is over.
    pub(crate) fn begin(&mut self, task: TaskId) -> Option<Runnable> {
        let place = self.place(task)?;
        if !matches!(place.state, State::Waiting(_)) {
            return None;
        }
        if let Some(waker) = &place.waker {
            waker.rearm();
        }
        match core::mem::replace(&mut place.state, State::Running) {
            State::Waiting(runnable) => Some(runnable),
            _ => None,
        }
    }

    /// Puts back a task that is not ready. Gives it back if it was aborted meanwhile.
    pub(crate) fn put_back(&mut self, task: TaskId, runnable: Runnable) -> Option<Runnable> {
        let Some(place) = self.place(task) else { return Some(runnable) };
        if matches!(place.state, State::Running) {
            place.state = State::Waiting(runnable);
            return None;
        }
        self.end(task);
        Some(runnable)
    }

    /// The task is over: its place is free.
    pub(crate) fn end(&mut self, task: TaskId) {
        if let Some(place) = self.place(task) {
            place.generation = place.generation.wrapping_add(1);
            place.state = State::Free;
            self.free.push(task.index);
        }
    }

    /// Stops a task; gives it back to be dropped unless it is running.
    pub(crate) fn abort(&mut self, task: TaskId) -> Option<Runnable> {
        let place = self.place(task)?;
        match core::mem::replace(&mut place.state, State::Aborted) {
            State::Waiting(runnable) => {
                self.end(task);
                Some(runnable)
            }
            State::Free | State::Running | State::Aborted => None,
        }
    }

    /// All tasks that wait, to be dropped.
    pub(crate) fn take_all(&mut self) -> Vec<Runnable> {
        let ids: Vec<TaskId> = self
            .places
            .iter()
            .enumerate()
            .map(|(index, place)| TaskId { index: index as u32, generation: place.generation })
            .collect();
        ids.into_iter().filter_map(|task| self.abort_if_waiting(task)).collect()
    }

    fn abort_if_waiting(&mut self, task: TaskId) -> Option<Runnable> {
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
