//! What passes between a driver and the tasks that change its machine: that it was changed, and that what followed has
//! left.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Shared by a driver and its handles.
#[derive(Default)]
pub(crate) struct Notice {
    /// A turn is under way or sure to come.
    notified: Cell<bool>,
    /// The driver. A driver waits after nearly every turn, so it leaves this once.
    waker: RefCell<Option<Waker>>,
    /// How often everything that the machine wanted to send had left.
    flushes: Cell<u64>,
    /// Who waits for that.
    flushing: RefCell<Vec<Waker>>,
    is_over: Cell<bool>,
}

impl Notice {
    /// Has the driver take a turn soon.
    pub(crate) fn notify(&self) {
        if self.notified.replace(true) {
            return;
        }
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// A turn begins. Until it is known that no other follows at once, a notification has nothing to add. True if one came before, or if this
    /// is a turn that follows at once: the machine may have more to say than when it was asked last.
    pub(crate) fn on_turn(&self) -> bool {
        self.notified.replace(true)
    }

    /// The driver waits.
    pub(crate) fn on_wait(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        self.notified.set(false);
    }

    /// The machine has nothing to send, and all it had the system has taken.
    pub(crate) fn on_flushed(&self) {
        self.flushes.set(self.flushes.get() + 1);
        self.wake_flushing();
    }

    /// The driver is gone: nothing will be sent.
    pub(crate) fn on_over(&self) {
        self.is_over.set(true);
        *self.waker.borrow_mut() = None;
        self.wake_flushing();
    }

    /// Whether the driver is gone.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.get()
    }

    #[inline]
    fn wake_flushing(&self) {
        // Nearly always nobody.
        if !self.flushing.borrow().is_empty() {
            self.wake_those_flushing();
        }
    }

    #[cold]
    fn wake_those_flushing(&self) {
        let flushing = self.flushing.take();
        flushing.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice").field("notified", &self.notified.get()).field("is_over", &self.is_over.get()).finish()
    }
}

/// Ready when everything that a machine wanted to send when this was made has been handed to the system, or been given up
/// with its socket.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Flushed {
    notice: Rc<Notice>,
    before: u64,
}

impl Flushed {
    pub(crate) fn new(notice: &Rc<Notice>) -> Flushed {
        notice.notify();
        Flushed { notice: notice.clone(), before: notice.flushes.get() }
    }
}

impl Future for Flushed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.notice.is_over.get() || self.notice.flushes.get() > self.before {
            return Poll::Ready(());
        }
        let mut flushing = self.notice.flushing.borrow_mut();
        if !flushing.iter().any(|waker| waker.will_wake(context.waker())) {
            flushing.push(context.waker().clone());
        }
        Poll::Pending
    }
}
