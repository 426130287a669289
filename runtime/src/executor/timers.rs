//! The timers of an executor: which task to wake, and when.

use std::task::Waker;

use base::Instant;
use base::wheel::{TimerKey, Wheel};

/// The wheel, with the waker of each timer.
pub(crate) struct Timers {
    wheel: Wheel,
    /// By the timer's token.
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// A running timer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    key: TimerKey,
    place: usize,
}

impl Timers {
    pub(crate) fn new(now: Instant) -> Timers {
        Timers { wheel: Wheel::new(now), wakers: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn arm(&mut self, deadline: Instant, waker: Waker) -> Armed {
        let place = self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        });
        self.wakers[place] = Some(waker);
        Armed { key: self.wheel.insert(deadline, place as u64), place }
    }

    /// Moves a timer and changes whom it wakes; false if it is over.
    pub(crate) fn rearm(&mut self, armed: Armed, deadline: Instant, waker: &Waker) -> bool {
        let runs = self.wheel.reset(armed.key, deadline);
        if runs {
            let place = &mut self.wakers[armed.place];
            if !place.as_ref().is_some_and(|known| known.will_wake(waker)) {
                *place = Some(waker.clone());
            }
        }
        runs
    }

    /// Stops a timer. Gives its waker back, to be dropped by the caller.
    pub(crate) fn disarm(&mut self, armed: Armed) -> Option<Waker> {
        // A timer that has fired has left its place to another.
        if self.wheel.cancel(armed.key) { self.release(armed.place) } else { None }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.wheel.len()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.wheel.next_deadline()
    }

    /// Whom to wake next, in the order of deadlines.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Waker> {
        let (_, token) = self.wheel.pop_expired(now)?;
        self.release(token as usize)
    }

    fn release(&mut self, place: usize) -> Option<Waker> {
        self.free.push(place);
        self.wakers[place].take()
    }
}
