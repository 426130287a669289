//! Watching descriptors by a kernel queue (kqueue): the decisions, over a kernel that is given to it.
//!
//! Reading and writing are two filters of a descriptor, each with events of its own. What one wait tells of one descriptor is
//! put together here, so that whoever waits sees what epoll would have told. Edges are filters with `EV_CLEAR`; levels are
//! filters without. A change removes the filters and adds those that are wanted: the manual says that only a new filter tells
//! again what lasts.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use crate::sys::bsd::errno::{EEXIST, ENOENT, EPIPE};
use crate::sys::bsd::kernel::{Kernel, change};
use crate::sys::bsd::system::{EVFILT_USER, KernelEvent};
use crate::sys::bsd::types::{
    EV_ADD, EV_CLEAR, EV_DELETE, EV_ENABLE, EV_EOF, EV_ERROR, EVFILT_READ, EVFILT_WRITE, NOTE_TRIGGER,
};
use crate::sys::happening::Happening;

/// How many events one wait brings at most; what is left over comes with the next.
const EVENTS: usize = 256;

/// Watches descriptors, each under a number chosen by the caller.
pub(crate) struct Queue<K> {
    kernel: K,
    events: Box<[KernelEvent; EVENTS]>,
    /// What the last wait told.
    happenings: Vec<Happening>,
    /// By the number of the descriptor.
    watches: Vec<Option<Watch>>,
}

/// What is known of a descriptor.
#[derive(Clone, Copy)]
struct Watch {
    key: u64,
    readable: bool,
    writable: bool,
    /// The peer has said its last word.
    input_ended: bool,
    /// Nothing more can be written.
    output_ended: bool,
    /// Where among the happenings of the last wait this descriptor may be.
    place: usize,
}

/// Ends the wait of a queue, from any thread.
#[derive(Debug)]
pub(crate) struct Bell<K: Kernel> {
    kernel: K,
    key: u64,
}

impl<K: Kernel> Queue<K> {
    pub(crate) fn over(kernel: K) -> Queue<K> {
        let events = Box::new([KernelEvent::default(); EVENTS]);
        Queue { kernel, events, happenings: Vec::with_capacity(EVENTS), watches: Vec::new() }
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
        let ident = ident_of(fd);
        if self.is_watched(ident) {
            return Err(io::Error::from_raw_os_error(EEXIST));
        }
        self.start(ident, key, readable, writable, edge)
    }

    pub(crate) fn change(
        &mut self,
        fd: BorrowedFd<'_>,
        key: u64,
        readable: bool,
        writable: bool,
        edge: bool,
    ) -> io::Result<()> {
        let ident = ident_of(fd);
        if self.watch(ident).is_none_or(|watch| watch.key != key) {
            return Err(io::Error::from_raw_os_error(ENOENT));
        }
        self.stop(ident)?;
        self.start(ident, key, readable, writable, edge)
    }

    pub(crate) fn remove(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let ident = ident_of(fd);
        if self.watch(ident).is_none() {
            return Err(io::Error::from_raw_os_error(ENOENT));
        }
        self.stop(ident)
    }

    /// A bell that is heard as a happening of this key, once for each wait however often it was rung.
    pub(crate) fn add_bell(&mut self, key: u64) -> io::Result<Bell<K>> {
        let kernel = self.kernel.second()?;
        check(&kernel, &mut [change(key as usize, EVFILT_USER, EV_ADD | EV_CLEAR, key)], &[])?;
        Ok(Bell { kernel, key })
    }

    /// Waits; says how many happenings there are.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        self.happenings.clear();
        let count = self.kernel.wait(self.events.as_mut_slice(), timeout)?;
        for place in 0..count.min(EVENTS) {
            self.note(self.events[place]);
        }
        Ok(self.happenings.len())
    }

    /// The happening in a place, until the next wait.
    pub(crate) fn happening(&self, place: usize) -> Option<Happening> {
        self.happenings.get(place).copied()
    }

    fn watch(&self, ident: usize) -> Option<&Watch> {
        self.watches.get(ident)?.as_ref()
    }

    /// Whether the descriptor of this number is watched. One that was closed is not any more, and nobody has said so.
    fn is_watched(&self, ident: usize) -> bool {
        let Some(watch) = self.watch(ident) else { return false };
        let filter = if watch.readable { EVFILT_READ } else { EVFILT_WRITE };
        check(&self.kernel, &mut [change(ident, filter, EV_ENABLE, watch.key)], &[]).is_ok()
    }

    fn start(&mut self, ident: usize, key: u64, readable: bool, writable: bool, edge: bool) -> io::Result<()> {
        if self.watches.len() <= ident {
            self.watches.resize(ident + 1, None);
        }
        self.watches[ident] =
            Some(Watch { key, readable, writable, input_ended: false, output_ended: false, place: 0 });
        let flags = if edge { EV_ADD | EV_CLEAR } else { EV_ADD };
        // A pipe that nobody reads is told of like this on some systems, and watched all the same.
        let started = self.for_each_filter(ident, flags, &[EPIPE]);
        if started.is_err() {
            // One of the two, perhaps.
            let _ = self.stop(ident);
        }
        started
    }

    fn stop(&mut self, ident: usize) -> io::Result<()> {
        // Closing the descriptor has removed its filters.
        let stopped = self.for_each_filter(ident, EV_DELETE, &[ENOENT]);
        self.watches[ident] = None;
        stopped
    }

    fn for_each_filter(&self, ident: usize, flags: u16, tolerated: &[i32]) -> io::Result<()> {
        let Some(watch) = self.watch(ident) else { return Ok(()) };
        let [read, write] = [EVFILT_READ, EVFILT_WRITE].map(|filter| change(ident, filter, flags, watch.key));
        match (watch.readable, watch.writable) {
            (true, true) => check(&self.kernel, &mut [read, write], tolerated),
            (true, false) => check(&self.kernel, &mut [read], tolerated),
            (false, true) => check(&self.kernel, &mut [write], tolerated),
            (false, false) => Ok(()),
        }
    }

    fn note(&mut self, event: KernelEvent) {
        if event.filter == EVFILT_USER {
            let (readable, writable, ended, hung_up) = (true, false, false, false);
            self.happenings.push(Happening { key: event.key, readable, writable, ended, hung_up });
            return;
        }
        // The kernel tells of no filter that was removed, and closing a descriptor removes its own.
        let Some(watch) = self.watches.get_mut(event.ident).and_then(Option::as_mut) else { return };
        let happening = watch.note(&event);
        match self.happenings.get_mut(watch.place).filter(|earlier| earlier.key == event.key) {
            Some(earlier) => {
                earlier.readable |= happening.readable;
                earlier.writable |= happening.writable;
                earlier.ended |= happening.ended;
                earlier.hung_up |= happening.hung_up;
            }
            None => {
                watch.place = self.happenings.len();
                self.happenings.push(happening);
            }
        }
    }
}

impl Watch {
    fn note(&mut self, event: &KernelEvent) -> Happening {
        let has_ended = event.flags & EV_EOF != 0;
        self.input_ended |= has_ended && event.filter == EVFILT_READ;
        self.output_ended |= has_ended && event.filter == EVFILT_WRITE;
        // At the end, the filter's flags are the error that ended it.
        let has_broken = event.flags & EV_ERROR != 0 || (has_ended && event.filter_flags != 0);
        let hung_up = has_broken || (self.input_ended && self.output_ended);
        // An error or a hang-up concerns whoever waits, in either direction: the next call will tell.
        let readable = event.filter == EVFILT_READ || hung_up;
        let writable = event.filter == EVFILT_WRITE || hung_up;
        Happening { key: event.key, readable, writable, ended: self.input_ended || hung_up, hung_up }
    }
}

impl<K: Kernel> Bell<K> {
    pub(crate) fn ring(&self) {
        let trigger = change(self.key as usize, EVFILT_USER, 0, self.key);
        let rung = check(&self.kernel, &mut [KernelEvent { filter_flags: NOTE_TRIGGER, ..trigger }], &[]);
        debug_assert!(rung.is_ok(), "the bell is there as long as this is: {rung:?}");
    }
}

impl<K: Kernel> Drop for Bell<K> {
    fn drop(&mut self) {
        // It is gone in any case with the queue.
        let _ = check(&self.kernel, &mut [change(self.key as usize, EVFILT_USER, EV_DELETE, self.key)], &[]);
    }
}

fn ident_of(fd: BorrowedFd<'_>) -> usize {
    usize::try_from(fd.as_raw_fd()).expect("a descriptor that is open is not negative")
}

/// Makes changes; gives the first error among the receipts that is not tolerated.
fn check(kernel: &impl Kernel, changes: &mut [KernelEvent], tolerated: &[i32]) -> io::Result<()> {
    kernel.change(changes)?;
    let errors = changes.iter().filter(|receipt| receipt.flags & EV_ERROR != 0).map(|receipt| receipt.data as i32);
    match errors.into_iter().find(|error| *error != 0 && !tolerated.contains(error)) {
        Some(error) => Err(io::Error::from_raw_os_error(error)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
