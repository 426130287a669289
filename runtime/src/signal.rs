//! The signals that ask a process to end, as a future.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use crate::executor::{Handle, Watched};
use crate::sys::{self, Alarm};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: somebody at the terminal.
    Interrupt,
    /// SIGQUIT: the same, in more of a hurry.
    Quit,
    /// SIGTERM: the system.
    Terminate,
    /// SIGHUP: the terminal is gone.
    HangUp,
}

/// Those that are always heard.
const ENDS: [Signal; 3] = [Signal::Interrupt, Signal::Quit, Signal::Terminate];

impl Signal {
    /// As the system counts them.
    pub fn number(self) -> i32 {
        match self {
            Signal::HangUp => sys::SIGHUP,
            Signal::Interrupt => sys::SIGINT,
            Signal::Quit => sys::SIGQUIT,
            Signal::Terminate => sys::SIGTERM,
        }
    }
}

/// Hears of the signals that come after its creation. Any number of workers may have one; each hears of all.
pub struct Signals {
    alarm: Watched<&'static Alarm>,
    place: usize,
    heard: Vec<(Signal, Counter)>,
}

/// Signals that were counted, and how many of them were told.
pub(crate) struct Counter {
    pub(crate) count: &'static AtomicU32,
    pub(crate) seen: u32,
}

/// Alarms are never closed: the handler may be about to use one on another thread. They are used again instead.
static PLACES: Mutex<Vec<Place>> = Mutex::new(Vec::new());

struct Place {
    alarm: &'static Alarm,
    taken: bool,
}

/// A moment from which on signals are kept for those who will listen.
#[derive(Clone, Copy, Debug)]
pub struct SignalMark {
    /// How often each of [`ENDS`] had come.
    ends: [u32; 3],
    /// And SIGHUP, if that is heard.
    hangups: Option<u32>,
}

impl SignalMark {
    /// From now on SIGINT, SIGQUIT and SIGTERM do not end the process but are reported to [`Signals::since`] this moment.
    ///
    /// # Errors
    /// As for [`Signals::new`].
    pub fn now() -> io::Result<SignalMark> {
        with_place(|place, alarm| {
            let mut ends = [0; 3];
            for (seen, signal) in ends.iter_mut().zip(ENDS) {
                *seen = hear(place, alarm, signal)?.map_or(0, |count| count.load(Ordering::Acquire));
            }
            Ok(SignalMark { ends, hangups: None })
        })
    }

    /// The same, and SIGHUP as well, for a process that has no other use for it. Where it was started with SIGHUP ignored, as by
    /// nohup, that stays so.
    ///
    /// # Errors
    /// As for [`Signals::new`].
    pub fn now_with_hangup() -> io::Result<SignalMark> {
        let mark = SignalMark::now()?;
        let count = with_place(|place, alarm| hear(place, alarm, Signal::HangUp))?;
        Ok(SignalMark { hangups: count.map(|count| count.load(Ordering::Acquire)), ..mark })
    }

    /// Each that is heard, and how often it had come.
    fn heard(self) -> impl Iterator<Item = (Signal, u32)> {
        ENDS.into_iter().zip(self.ends).chain(self.hangups.map(|seen| (Signal::HangUp, seen)))
    }
}

/// From now on `signal` is counted, and raises the alarm of a place.
fn hear(place: usize, alarm: &'static Alarm, signal: Signal) -> io::Result<Option<&'static AtomicU32>> {
    sys::on_signal_number(place, alarm, signal.number(), signal == Signal::HangUp)
}

/// Calls with a place that is free again afterwards.
fn with_place<T>(call: impl FnOnce(usize, &'static Alarm) -> io::Result<T>) -> io::Result<T> {
    let (place, alarm) = take_place()?;
    let result = call(place, alarm);
    release_place(place);
    result
}

impl Signals {
    /// From now on SIGINT, SIGQUIT and SIGTERM do not end the process but are reported here.
    ///
    /// # Errors
    /// There are 64 already, or the process has no descriptor left.
    pub fn new(handle: &Handle) -> io::Result<Signals> {
        Signals::since(handle, SignalMark::now()?)
    }

    /// Reports those that came after `mark`.
    ///
    /// # Errors
    /// As for [`Signals::new`].
    pub fn since(handle: &Handle, mark: SignalMark) -> io::Result<Signals> {
        let (place, alarm) = take_place()?;
        let mut heard = Vec::new();
        let counted = mark.heard().try_for_each(|(signal, seen)| {
            heard.extend(hear(place, alarm, signal)?.map(|count| (signal, Counter { count, seen })));
            Ok(())
        });
        match counted.and_then(|()| handle.watch(alarm)) {
            Ok(alarm) => Ok(Signals { alarm, place, heard }),
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
                // A pipe that nobody empties would be full one day, and tell no more.
                self.alarm.inner().quiet();
                let told = self.heard.iter_mut().find_map(|(signal, counter)| counter.take().then_some(*signal));
                if let Some(signal) = told {
                    return Poll::Ready(signal);
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
pub(crate) fn take_place() -> io::Result<(usize, &'static Alarm)> {
    let mut places = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((number, place)) = places.iter_mut().enumerate().find(|(_, place)| !place.taken) {
        place.taken = true;
        return Ok((number, place.alarm));
    }
    let alarm: &'static Alarm = Box::leak(Box::new(Alarm::new()?));
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
            sys::testing::raise(libc::SIGQUIT);
            // SIGTERM is the one above; another thread may take SIGQUIT, and be late with it.
            let both = [first.next().await, first.next().await];
            assert!(both == [Signal::Quit, Signal::Terminate] || both == [Signal::Terminate, Signal::Quit], "{both:?}");
            // The other test of SIGHUP, which may run beside this one, hears of it as well and does not end by it.
            let mut with_hangup = Signals::since(handle, SignalMark::now_with_hangup().unwrap()).unwrap();
            sys::testing::raise(libc::SIGHUP);
            assert_eq!(with_hangup.next().await, Signal::HangUp);
        });
    }
}
