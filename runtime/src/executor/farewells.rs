//! Tasks that are given the time to finish when everything else is over: what tells peers that it is.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// How many of them there are, and who waits for the last.
#[derive(Clone, Default)]
pub(crate) struct Farewells {
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    open: Cell<usize>,
    waiting: RefCell<Vec<Waker>>,
}

impl Farewells {
    /// Counts `future` until it is ready or dropped.
    pub(crate) fn count<F: Future<Output = ()>>(&self, future: F) -> impl Future<Output = ()> + use<F> {
        self.shared.open.set(self.shared.open.get() + 1);
        let open = Open(self.shared.clone());
        async move {
            future.await;
            drop(open);
        }
    }

    /// Ready when there is none.
    pub(crate) fn poll_over(&self, context: &Context<'_>) -> Poll<()> {
        if self.shared.open.get() == 0 {
            return Poll::Ready(());
        }
        let mut waiting = self.shared.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

struct Open(Rc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        let Shared { open, waiting } = &*self.0;
        open.set(open.get() - 1);
        if open.get() == 0 {
            let waiting = waiting.take();
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}
