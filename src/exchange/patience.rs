//! How long a client's request may stand still, and as a whole take.

use crate::error::{Error, Waited};
use base::Instant;
use runtime::Handle;
use runtime::executor::Sleep;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long a client waits for a server once there is a connection; `Duration::MAX` is for ever. How long it may take to connect says
/// [`ClientBuilder::connect_timeout`](crate::ClientBuilder::connect_timeout).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the moment at which the server had the last byte of the request that it was willing to take to the head of its response.
    /// Default 60 s.
    pub first_byte: Duration,
    /// While a body comes: how long nothing may come of it. Time in which the program does not ask for more does not count.
    /// Default 60 s.
    pub idle: Duration,
    /// For the whole request: connecting, redirects, repetitions, the response and its body. Default for ever.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let minute = Duration::from_secs(60);
        Timeouts { first_byte: minute, idle: minute, whole: Duration::MAX }
    }
}

/// The clock of one request.
#[derive(Clone)]
pub(crate) struct Patience {
    handle: Handle,
    timeouts: Timeouts,
    /// When all has to be done.
    end: Instant,
}

impl Patience {
    /// From now on.
    pub(crate) fn new(handle: &Handle, timeouts: Timeouts) -> Patience {
        let is_endless = timeouts.whole == Duration::MAX;
        let end = if is_endless { Instant::MAX } else { handle.read_clock() + timeouts.whole };
        Patience { handle: handle.clone(), timeouts, end }
    }

    /// Now.
    pub(crate) fn now(&self) -> Instant {
        self.handle.read_clock()
    }

    /// What `future` gives within the time for all. It stays where it is, because each place that it went through would be as large.
    pub(crate) async fn within_whole<T>(
        &self,
        future: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Error> {
        if self.timeouts.whole == Duration::MAX {
            return future.await;
        }
        let in_time = self.handle.timeout_at(self.end, future).await;
        in_time.unwrap_or_else(|_| Err(self.error(Waited::Whole)))
    }

    /// What `future` gives, unless so long passes after `progress`, which may move on meanwhile; `Instant::MAX` is that of a request whose
    /// next part is not there yet.
    pub(crate) async fn first_byte<T>(
        &self,
        progress: &Cell<Instant>,
        mut future: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Error> {
        if self.timeouts.first_byte == Duration::MAX {
            return future.await;
        }
        // Where the next part is not there yet, also at the very first, the time has not begun to run, and it is looked at again later.
        let due = |now: Instant| {
            let since = Some(progress.get()).filter(|since| *since != Instant::MAX);
            since.unwrap_or(now) + self.timeouts.first_byte
        };
        let mut sleep = self.handle.sleep_until(due(self.handle.read_clock()));
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(output);
            }
            loop {
                if Pin::new(&mut sleep).poll(context).is_pending() {
                    return Poll::Pending;
                }
                let now = self.handle.read_clock();
                let due = due(now);
                if due <= now {
                    return Poll::Ready(Err(self.error(Waited::FirstByte)));
                }
                sleep.reset(due);
            }
        })
        .await
    }

    /// A wait for more of a body, which begins now.
    pub(crate) fn idle(&self) -> Idle {
        let due = self.handle.read_clock() + self.timeouts.idle;
        let (until, waited) = if self.end < due { (self.end, Waited::Whole) } else { (due, Waited::Idle) };
        Idle { sleep: self.handle.sleep_until(until), waited, timeouts: self.timeouts }
    }

    fn error(&self, waited: Waited) -> Error {
        self.timeouts.error(waited)
    }
}

impl Timeouts {
    #[cold]
    fn error(&self, waited: Waited) -> Error {
        let after = match waited {
            Waited::FirstByte => self.first_byte,
            Waited::Idle => self.idle,
            Waited::Whole => self.whole,
        };
        Error::TimedOut { waited, after }
    }
}

/// A wait for more of a body.
pub(crate) struct Idle {
    sleep: Sleep,
    waited: Waited,
    timeouts: Timeouts,
}

impl Idle {
    /// The error, once it took too long.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Error> {
        Pin::new(&mut self.sleep).poll(context).map(|()| self.timeouts.error(self.waited))
    }
}
