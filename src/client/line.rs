//! A first-in, first-out queue of waiting tasks. Without it, tasks that have just ended one request would take every
//! stream that becomes available, and those that wait would starve.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::Deref;
use std::task::{Poll, Waker};

/// How many are woken when one turn is over.
const AT_A_TIME: usize = 16;

const IN_LINE: &str = "a turn stands in its line until it is dropped";

/// Those who wait for a turn.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// Number and waker of each, the first in front.
    waiting: RefCell<VecDeque<(u64, Option<Waker>)>>,
    next: Cell<u64>,
}

/// A turn that is waited for, in a line that is referred to or held. Dropping it lets the next one have a turn.
pub(crate) struct Turn<L: Deref<Target = Line>> {
    line: L,
    number: u64,
}

impl Line {
    /// Whether no task waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.borrow().is_empty()
    }

    /// Whether at most one task waits, or has its turn.
    pub(crate) fn is_last(&self) -> bool {
        self.waiting.borrow().len() <= 1
    }

    /// A turn after all others.
    pub(crate) fn join(&self) -> Turn<&Line> {
        Turn::behind_others(self)
    }

    /// Wakes the first, and some behind it: by the time they run it may be their turn, and the way from task to task is
    /// long.
    fn wake_first(&self) {
        let mut waiting = self.waiting.borrow_mut();
        let wakers: Vec<Waker> = waiting.iter_mut().take(AT_A_TIME).filter_map(|(_, waker)| waker.take()).collect();
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<L: Deref<Target = Line>> Turn<L> {
    /// A turn after all others.
    pub(crate) fn behind_others(line: L) -> Turn<L> {
        let number = line.next.get();
        line.next.set(number + 1);
        line.waiting.borrow_mut().push_back((number, None));
        Turn { line, number }
    }

    /// The line that it stands in.
    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// Waits until no other is before it.
    pub(crate) async fn first(&self) {
        poll_fn(|context| {
            let mut waiting = self.line.waiting.borrow_mut();
            if waiting.front().is_some_and(|(number, _)| *number == self.number) {
                return Poll::Ready(());
            }
            // Numbers rise, so that each is found without a walk.
            let at = waiting.binary_search_by_key(&self.number, |(number, _)| *number);
            waiting[at.expect(IN_LINE)].1 = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl<L: Deref<Target = Line>> Drop for Turn<L> {
    fn drop(&mut self) {
        let mut waiting = self.line.waiting.borrow_mut();
        let at = waiting.binary_search_by_key(&self.number, |(number, _)| *number).expect(IN_LINE);
        waiting.remove(at);
        drop(waiting);
        if at == 0 {
            self.line.wake_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Executor;
    use runtime::executor::yield_now;
    use std::rc::Rc;

    #[test]
    fn first_come_first_served_even_if_some_leave() {
        let executor = Executor::new().unwrap();
        let (line, served) = (Rc::new(Line::default()), Rc::new(RefCell::new(Vec::new())));
        let tasks: Vec<_> = (0..5)
            .map(|number| {
                let (line, served) = (line.clone(), served.clone());
                executor.handle().spawn(async move {
                    let place = line.join();
                    place.first().await;
                    served.borrow_mut().push(number);
                    yield_now().await;
                })
            })
            .collect();
        executor.block_on(async {
            yield_now().await;
            tasks[2].abort();
            for task in tasks {
                let _ = task.await;
            }
        });
        assert_eq!(*served.borrow(), [0, 1, 3, 4]);
        assert!(line.is_empty());
    }
}
