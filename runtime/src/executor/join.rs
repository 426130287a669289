//! The result of a task, and the handle that waits for it.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::executor::core::Core;
use crate::executor::ready::{Kind, TaskId};

/// The task was stopped before it had a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was aborted")
    }
}

impl std::error::Error for Aborted {}

/// Gives a task's result. Dropping it lets the task go on by itself.
pub struct JoinHandle<T> {
    slot: Rc<RefCell<Slot<T>>>,
    core: Rc<Core>,
    task: Option<TaskId>,
}

struct Slot<T> {
    result: Option<T>,
    over: bool,
    waker: Option<Waker>,
}

impl<T: 'static> JoinHandle<T> {
    pub(crate) fn spawn(core: &Rc<Core>, kind: Kind, future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        let slot = Rc::new(RefCell::new(Slot { result: None, over: false, waker: None }));
        let end = End(slot.clone());
        let task = core.spawn(kind, async move {
            let result = future.await;
            end.0.borrow_mut().result = Some(result);
            drop(end);
        });
        JoinHandle { slot, core: core.clone(), task }
    }

    /// Stops the task and drops its future, at once unless it is running just now.
    pub fn abort(&self) {
        if let Some(task) = self.task {
            self.core.abort(task);
        }
    }

    /// Whether the task is over.
    pub fn is_finished(&self) -> bool {
        self.slot.borrow().over
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Aborted>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = self.slot.borrow_mut();
        if slot.over {
            return Poll::Ready(slot.result.take().ok_or(Aborted));
        }
        slot.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("finished", &self.slot.borrow().over).finish_non_exhaustive()
    }
}

/// Held by the task: however it ends, the waiter is woken.
struct End<T>(Rc<RefCell<Slot<T>>>);

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = self.0.borrow_mut();
            slot.over = true;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}
