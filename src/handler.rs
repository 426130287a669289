//! Runs the application's future for one request: stopped when the client gives up, and kept from taking the others with
//! it when it panics.

use crate::exchange::Exchange;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A handler's future. Ready when the handler is, when it panicked, or when the client does not want the answer.
pub(crate) struct Handling<F> {
    future: Pin<Box<F>>,
    exchange: Rc<Exchange>,
}

impl<F: Future> Handling<F> {
    /// `future` answers `exchange`.
    pub(crate) fn new(future: F, exchange: Rc<Exchange>) -> Handling<F> {
        Handling { future: Box::pin(future), exchange }
    }
}

impl<F: Future> Future for Handling<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Whatever the handler holds of the request is dropped with it, and that says to the client what is to be said.
        if self.exchange.mailbox().is_given_up() {
            return Poll::Ready(());
        }
        self.exchange.mailbox().set_task(context);
        match catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            // The panic has been reported by the hook of the standard library; the reply answers 500.
            Ok(Poll::Ready(_)) | Err(_) => Poll::Ready(()),
        }
    }
}
