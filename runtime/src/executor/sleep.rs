//! Futures that wait for time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use base::{Duration, Instant};

use crate::clock;
use crate::executor::core::Core;
use crate::executor::timers::Armed;

/// Ready when its deadline has come. [`Sleep::reset`] moves it in constant time, before and after.
pub struct Sleep {
    core: Rc<Core>,
    deadline: Instant,
    armed: Option<Armed>,
}

impl Sleep {
    pub(crate) fn new(core: Rc<Core>, deadline: Instant) -> Sleep {
        Sleep { core, deadline, armed: None }
    }

    /// When it is ready.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Changes when; takes effect when it is polled next. [`Instant::MAX`] is never, and keeps no timer.
    pub fn reset(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Whether it is not ready for so long, and this task is woken when it is.
    pub(crate) fn waits_for(&self, long: Duration, context: &Context<'_>) -> bool {
        self.deadline > self.core.now() + long
            && self.armed.is_some_and(|armed| self.core.wakes(armed, context.waker()))
    }

    fn disarm(&mut self) {
        if let Some(armed) = self.armed.take() {
            self.core.disarm(armed);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        if deadline == Instant::MAX {
            self.disarm();
            return Poll::Pending;
        }
        // The time of this turn is enough: timers fire by it, and one that became due since fires with the next turn.
        if self.core.now() >= deadline {
            self.disarm();
            return Poll::Ready(());
        }
        let still_armed = self.armed.is_some_and(|armed| self.core.rearm(armed, deadline, context.waker()));
        if !still_armed {
            self.armed = Some(self.core.arm(deadline, context.waker().clone()));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.disarm();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// A moment that comes again and again.
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
}

impl Interval {
    pub(crate) fn new(core: Rc<Core>, start: Instant, period: Duration) -> Interval {
        Interval { sleep: Sleep::new(core, start + period), period }
    }

    /// Waits for the next one. Those that were missed are not made up for.
    pub async fn tick(&mut self) -> Instant {
        (&mut self.sleep).await;
        let now = clock::now();
        let next = self.sleep.deadline() + self.period;
        self.sleep.reset(if next > now { next } else { now + self.period });
        now
    }
}

/// The time was up first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is up")
    }
}

impl std::error::Error for Elapsed {}

/// A future with a deadline.
#[derive(Debug)]
pub struct Timeout<F> {
    future: Pin<Box<F>>,
    sleep: Sleep,
}

impl<F: Future> Timeout<F> {
    pub(crate) fn new(future: F, sleep: Sleep) -> Timeout<F> {
        Timeout { future: Box::pin(future), sleep }
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = self.future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut self.sleep).poll(context).map(|()| Err(Elapsed))
    }
}
