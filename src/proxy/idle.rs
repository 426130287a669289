//! How long a tunnel may be without use, and two directions at the same time.

use crate::error::Error;
use base::Instant;
use runtime::Handle;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// When a tunnel was used last.
pub(crate) struct Idle {
    handle: Handle,
    patience: Duration,
    used: Cell<Instant>,
}

impl Idle {
    pub(crate) fn new(handle: &Handle, patience: Duration) -> Idle {
        Idle { handle: handle.clone(), patience, used: Cell::new(handle.read_clock()) }
    }

    /// Something went through.
    pub(crate) fn on_use(&self) {
        self.used.set(self.handle.read_clock());
    }

    /// Waits for `work`, as long as the tunnel is used.
    pub(crate) async fn limit(&self, work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        let mut work = pin!(work);
        loop {
            let end = self.used.get() + self.patience;
            match self.handle.timeout_at(end, work.as_mut()).await {
                Ok(result) => return result,
                Err(_) if self.used.get() + self.patience > self.handle.read_clock() => {}
                Err(_) => {
                    let words = format!("nothing went through the tunnel for {:?}", self.patience);
                    return Err(Error::Message(words));
                }
            }
        }
    }
}

/// Both of them, or the first that fails.
pub(crate) async fn both(
    one: impl Future<Output = Result<(), Error>>,
    other: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let mut is_done = [false, false];
    poll_fn(|context| {
        if !is_done[0]
            && let Poll::Ready(result) = one.as_mut().poll(context)
        {
            result?;
            is_done[0] = true;
        }
        if !is_done[1]
            && let Poll::Ready(result) = other.as_mut().poll(context)
        {
            result?;
            is_done[1] = true;
        }
        if is_done == [true, true] { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// The first that is ready.
pub(crate) async fn first(
    one: impl Future<Output = Result<(), Error>>,
    other: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    poll_fn(|context| match one.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => other.as_mut().poll(context),
    })
    .await
}
