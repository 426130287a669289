//! The signals that ask a process to end, as a future.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use crate::executor::{Handle, Watched};
use crate::sys;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: somebody at the terminal.
    Interrupt,
    /// SIGTERM: the system.
    Terminate,
}

/// Hears of the signals that come after its creation. Any number of workers may have one; each hears of all.
pub struct Signals {
    alarm: Watched<BorrowedFd<'static>>,
    place: usize,
    interrupts: Counter,
    terminations: Counter,
}

/// Signals that were counted, and how many of them were told.
pub(crate) struct Counter {
    pub(crate) count: &'static AtomicU32,
    pub(crate) seen: u32,
}

/// Alarms are never closed: the handler may be about to use one on another thread. They are used again instead.
static PLACES: Mutex<Vec<Place>> = Mutex::new(Vec::new());

struct Place {
    alarm: &'static OwnedFd,
    taken: bool,
}

/// A moment from which on signals are kept for those who will listen.
#[derive(Clone, Copy, Debug)]
pub struct SignalMark {
    interrupts: u32,
    terminations: u32,
}

impl SignalMark {
    /// From now on SIGINT and SIGTERM do not end the process but are reported to [`Signals::since`] this moment.
    ///
    /// # Errors
    /// As for [`Signals::new`].
    pub fn now() -> io::Result<SignalMark> {
        let (place, alarm) = take_place()?;
        let counters = sys::on_interrupt_and_terminate(place, alarm);
        release_place(place);
        let (interrupts, terminations) = counters?;
        let count = |counter: &AtomicU32| counter.load(Ordering::Acquire);
        Ok(SignalMark { interrupts: count(interrupts), terminations: count(terminations) })
    }
}

impl Signals {
    /// From now on SIGINT and SIGTERM do not end the process but are reported here.
    ///
    /// # Errors
    /// There are 64 already, or the process has no descriptor left.
    pub fn new(handle: &Handle) -> io::Result<Signals> {
        Signals::since(handle, SignalMark::now()?)
    }

    /// The same, with those that came after `mark`.
    ///
    /// # Errors
    /// As for [`Signals::new`].
    pub fn since(handle: &Handle, mark: SignalMark) -> io::Result<Signals> {
        let (place, alarm) = take_place()?;
        let ready = sys::on_interrupt_and_terminate(place, alarm)
            .and_then(|counters| Ok((counters, handle.watch(alarm.as_fd())?)));
        match ready {
            Ok(((interrupts, terminations), alarm)) => Ok(Signals {
                alarm,
                place,
                interrupts: Counter { count: interrupts, seen: mark.interrupts },
                terminations: Counter { count: terminations, seen: mark.terminations },
            }),
            Err(error) => {
                release_place(place);
                Err(error)
            }
        }
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            loop {
                if self.interrupts.take() {
                    return Poll::Ready(Signal::Interrupt);
                }
                if self.terminations.take() {
                    return Poll::Ready(Signal::Terminate);
                }
                // The handler counts before it raises the alarm: a signal from here on is an edge that is yet to be seen.
                self.alarm.clear_readable();
                if self.alarm.poll_readable(context).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        release_place(self.place);
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}

impl Counter {
    /// Whether there is one more to tell.
    pub(crate) fn take(&mut self) -> bool {
        let there = self.count.load(Ordering::Acquire) != self.seen;
        if there {
            self.seen = self.seen.wrapping_add(1);
        }
        there
    }
}

/// A place among those that are told of every signal, and its alarm.
pub(crate) fn take_place() -> io::Result<(usize, &'static OwnedFd)> {
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((number, place)) = places.iter_mut().enumerate().find(|(_, place)| !place.taken) {
        place.taken = true;
        return Ok((number, place.alarm));
    }
    let alarm: &'static OwnedFd = Box::leak(Box::new(sys::alarm_fd()?));
    places.push(Place { alarm, taken: true });
    Ok((places.len() - 1, alarm))
}

/// The place is free again.
pub(crate) fn release_place(number: usize) {
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(place) = places.get_mut(number) {
        place.taken = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Executor;

    /// One test, because signals are the whole process's.
    #[test]
    fn every_listener_hears_of_every_signal_after_its_creation() {
        let executor = Executor::new().unwrap();
        let handle = executor.handle();
        executor.block_on(async {
            let mut first = Signals::new(handle).unwrap();
            sys::testing::raise(libc::SIGINT);
            assert_eq!(first.next().await, Signal::Interrupt);
            let mut second = Signals::new(handle).unwrap();
            let waiting = handle.spawn(async move { (second.next().await, second) });
            sys::testing::raise(libc::SIGTERM);
            assert_eq!(first.next().await, Signal::Terminate);
            let (signal, second) = waiting.await.unwrap();
            assert_eq!(signal, Signal::Terminate);
            let place = second.place;
            drop(second);
            assert_eq!(Signals::new(handle).unwrap().place, place);
            let mark = SignalMark::now().unwrap();
            sys::testing::raise(libc::SIGTERM);
            assert_eq!(Signals::since(handle, mark).unwrap().next().await, Signal::Terminate, "nobody listened yet");
        });
    }
}
