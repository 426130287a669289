//! Waiting for many descriptors at once.
//!
//! Events that were pending when their registration ended are never delivered: each registration has a generation,
//! which the kernel returns with each event.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

use base::Duration;

use crate::sys::{Happening, Selector};
use crate::token::Token;
use crate::waker::ThreadWaker;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Until something can be read, or the other side is done.
    pub readable: bool,
    /// Until something can be written.
    pub writable: bool,
    /// Level: as long as it is so. Edge: when it becomes so, or becomes so again.
    pub trigger: Trigger,
}

/// When an event is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// With every wait, as long as the state lasts.
    Level,
    /// Only when something is added to the state.
    Edge,
}

impl Interest {
    /// Both directions, on change. What a task that tries first and waits then wants.
    pub const BOTH_EDGES: Interest = Interest { readable: true, writable: true, trigger: Trigger::Edge };
    /// Reading, on change.
    pub const READABLE_EDGES: Interest = Interest { readable: true, writable: false, trigger: Trigger::Edge };
    /// Reading, as long as there is something.
    pub const READABLE: Interest = Interest { readable: true, writable: false, trigger: Trigger::Level };
    /// Writing, as long as there is room.
    pub const WRITABLE: Interest = Interest { readable: false, writable: true, trigger: Trigger::Level };
}

/// Something happened to a descriptor. An error or hang-up counts as both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which registration.
    pub token: Token,
    /// It can be read.
    pub readable: bool,
    /// It can be written.
    pub writable: bool,
    /// The other side is done: behind what can be read stands an end or an error.
    pub ended: bool,
    /// There was an error or a hang-up.
    pub hung_up: bool,
}

/// Watches descriptors. Belongs to one thread.
pub struct Poller {
    selector: Selector,
    /// The next of the events of the last wait.
    next: usize,
    places: Vec<Place>,
    free: Vec<u32>,
}

struct Place {
    generation: u32,
    taken: bool,
}

impl Poller {
    /// Watches nothing yet.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> io::Result<Poller> {
        Ok(Poller { selector: Selector::new()?, next: 0, places: Vec::new(), free: Vec::new() })
    }

    /// Starts watching.
    ///
    /// # Errors
    /// The descriptor cannot be watched (a file), or is watched already.
    pub fn register(&mut self, fd: BorrowedFd<'_>, interest: Interest) -> io::Result<Token> {
        let token = self.take_place();
        let edge = interest.trigger == Trigger::Edge;
        let result = self.selector.add(fd, token.to_key(), interest.readable, interest.writable, edge);
        if let Err(error) = result {
            self.release(token);
            return Err(error);
        }
        Ok(token)
    }

    /// Changes what is waited for. A state that lasts is reported anew, on edges too.
    ///
    /// # Errors
    /// The registration has ended, or `fd` is not the descriptor it was made for.
    pub fn modify(&mut self, token: Token, fd: BorrowedFd<'_>, interest: Interest) -> io::Result<()> {
        if !self.is_current(token) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let edge = interest.trigger == Trigger::Edge;
        self.selector.change(fd, token.to_key(), interest.readable, interest.writable, edge)
    }

    /// Stops watching. Events of it that were not taken yet are dropped.
    ///
    /// # Errors
    /// The registration has ended before, or the kernel did not know the descriptor; it is over in any case.
    pub fn deregister(&mut self, token: Token, fd: BorrowedFd<'_>) -> io::Result<()> {
        if !self.is_current(token) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.release(token);
        self.selector.remove(fd)
    }

    /// What ends a wait from another thread, and the token of the event that says so. The waker may outlive the poller; the
    /// token is taken as long as that lives.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn waker(&mut self) -> io::Result<(ThreadWaker, Token)> {
        let token = self.take_place();
        match self.selector.add_bell(token.to_key()) {
            Ok(bell) => Ok((ThreadWaker::new(bell), token)),
            Err(error) => {
                self.release(token);
                Err(error)
            }
        }
    }

    /// Waits for events, at least as long as `timeout` says if there are none; `None` waits for ever. A signal may end the
    /// wait early, without events.
    ///
    /// # Errors
    /// Those of the system call, which are errors of ours.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.next = 0;
        match self.selector.wait(timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// The next event of the last wait.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let happening = self.selector.happening(self.next)?;
            self.next += 1;
            let token = Token::from_key(happening.key);
            if self.is_current(token) {
                let Happening { readable, writable, ended, hung_up, .. } = happening;
                return Some(Event { token, readable, writable, ended, hung_up });
            }
        }
    }

    fn is_current(&self, token: Token) -> bool {
        self.places.get(token.index()).is_some_and(|place| place.taken && place.generation == token.generation())
    }

    fn take_place(&mut self) -> Token {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, taken: false });
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[index as usize];
        place.taken = true;
        Token::new(index, place.generation)
    }

    fn release(&mut self, token: Token) {
        let place = &mut self.places[token.index()];
        place.taken = false;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(token.index() as u32);
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("registrations", &(self.places.len() - self.free.len())).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
