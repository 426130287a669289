//! Waking a thread that sleeps in its poller, from any other thread.

use crate::sys::Bell;

/// Ends the wait of the poller that has made it ([`Poller::waker`](crate::Poller::waker)), or the next one.
#[derive(Debug)]
pub struct ThreadWaker {
    bell: Bell,
}

impl ThreadWaker {
    pub(crate) fn new(bell: Bell) -> ThreadWaker {
        ThreadWaker { bell }
    }

    /// Has the poller's wait end with an event, once for any number of calls in between.
    pub fn wake(&self) {
        self.bell.ring();
    }
}
