//! kqueue: the selector over the kernel's own queue.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use crate::sys::bsd::calls::{change_events, queue, wait_events};
use crate::sys::bsd::errno::EINTR;
use crate::sys::bsd::kernel::{Kernel, time_spec};
use crate::sys::bsd::queue::Queue;
use crate::sys::bsd::system::KernelEvent;

/// A queue of the kernel.
#[derive(Debug)]
pub(crate) struct Kqueue(OwnedFd);

/// Watches descriptors, each under a number chosen by the caller.
pub(crate) type Selector = Queue<Kqueue>;
/// Ends the wait of a selector, from any thread.
pub(crate) type Bell = crate::sys::bsd::queue::Bell<Kqueue>;

impl Queue<Kqueue> {
    pub(crate) fn new() -> io::Result<Selector> {
        Ok(Queue::over(Kqueue(queue()?)))
    }
}

impl Kernel for Kqueue {
    fn change(&self, changes: &mut [KernelEvent]) -> io::Result<()> {
        match change_events(self.0.as_fd(), changes) {
            // The manual: all changes have been made by then.
            Err(error) if error.raw_os_error() == Some(EINTR) => Ok(()),
            result => result,
        }
    }

    fn wait(&self, events: &mut [KernelEvent], timeout: Option<Duration>) -> io::Result<usize> {
        wait_events(self.0.as_fd(), events, timeout.map(time_spec))
    }

    fn second(&self) -> io::Result<Kqueue> {
        self.0.try_clone().map(Kqueue)
    }
}
