//! epoll.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::sys::happening::Happening;
use crate::sys::linux::alarm::Alarm;
use crate::sys::linux::calls;
use crate::sys::linux::types::{
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP, EpollEvent,
};

/// How many events one wait brings at most; what is left over comes with the next.
const EVENTS: usize = 256;

/// Watches descriptors, each under a number chosen by the caller.
pub(crate) struct Selector {
    epoll: OwnedFd,
    events: Box<[EpollEvent; EVENTS]>,
    filled: usize,
}

/// Ends the wait of a selector, from any thread.
#[derive(Debug)]
pub(crate) struct Bell(Alarm);

impl Bell {
    pub(crate) fn ring(&self) {
        self.0.raise();
    }
}

impl Selector {
    pub(crate) fn new() -> io::Result<Selector> {
        Ok(Selector { epoll: calls::epoll_create()?, events: Box::new([EpollEvent::default(); EVENTS]), filled: 0 })
    }

    pub(crate) fn add(
        &mut self,
        fd: BorrowedFd<'_>,
        key: u64,
        readable: bool,
        writable: bool,
        edge: bool,
    ) -> io::Result<()> {
        #[cfg(test)]
        crate::sys::refusal::check(crate::sys::refusal::Call::Watch)?;
        calls::epoll_control(self.epoll.as_fd(), EPOLL_CTL_ADD, fd, interest(readable, writable, edge), key)
    }

    pub(crate) fn change(
        &mut self,
        fd: BorrowedFd<'_>,
        key: u64,
        readable: bool,
        writable: bool,
        edge: bool,
    ) -> io::Result<()> {
        calls::epoll_control(self.epoll.as_fd(), EPOLL_CTL_MOD, fd, interest(readable, writable, edge), key)
    }

    pub(crate) fn remove(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        calls::epoll_control(self.epoll.as_fd(), EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// A bell that is heard as a happening of this key, once for each wait however often it was rung.
    pub(crate) fn add_bell(&mut self, key: u64) -> io::Result<Bell> {
        let alarm = Alarm::new()?;
        self.add(alarm.as_fd(), key, true, false, true)?;
        Ok(Bell(alarm))
    }

    /// Waits; says how many happenings there are.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        self.filled = 0;
        self.filled = calls::epoll_wait(self.epoll.as_fd(), self.events.as_mut_slice(), timeout)?;
        Ok(self.filled)
    }

    /// The happening in a place, until the next wait.
    pub(crate) fn happening(&self, place: usize) -> Option<Happening> {
        let EpollEvent { events, data } = *self.events.get(..self.filled)?.get(place)?;
        // An error or a hang-up concerns whoever waits, in either direction: the next call will tell.
        let both = EPOLLERR | EPOLLHUP;
        Some(Happening {
            key: data,
            readable: events & (EPOLLIN | EPOLLRDHUP | both) != 0,
            writable: events & (EPOLLOUT | both) != 0,
            ended: events & (EPOLLRDHUP | both) != 0,
            hung_up: events & both != 0,
        })
    }
}

fn interest(readable: bool, writable: bool, edge: bool) -> u32 {
    let mut events = 0;
    if readable {
        events |= EPOLLIN | EPOLLRDHUP;
    }
    if writable {
        events |= EPOLLOUT;
    }
    if edge {
        events |= EPOLLET;
    }
    events
}
