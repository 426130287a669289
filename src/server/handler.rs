//! Runs the application's future for one request: stopped when the client gives up, and kept from taking the others with
//! it when it panics.

use crate::exchange::calls::Exchange;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A handler's future. Ready when the handler is, when it panicked, or when the client does not want the answer.
///
/// The handler is called when this is polled first, not before: what it does at once may need the machine, and a panic of
/// it stays here.
pub(crate) struct Handling<B, F> {
    begin: Option<B>,
    /// In a place of its own: it is as large as the application makes it, and this is moved.
    future: Option<Pin<Box<F>>>,
    exchange: Exchange,
}

impl<B: FnOnce() -> F, F: Future> Handling<B, F> {
    /// The future that `begin` gives answers `exchange`.
    pub(crate) fn new(begin: B, exchange: Exchange) -> Handling<B, F> {
        Handling { begin: Some(begin), future: None, exchange }
    }

    fn poll_handler(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(begin) = self.begin.take() {
            self.future = Some(Box::pin(begin()));
        }
        self.future.as_mut().map_or(Poll::Ready(()), |future| future.as_mut().poll(context).map(drop))
    }
}

/// Nothing in it but what is boxed is ever pinned.
impl<B, F> Unpin for Handling<B, F> {}

impl<B: FnOnce() -> F, F: Future> Future for Handling<B, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // Whatever the handler holds of the request is dropped with it, and that says to the client what is to be said.
        if self.exchange.mailbox().is_given_up() {
            return Poll::Ready(());
        }
        match catch_unwind(AssertUnwindSafe(|| self.poll_handler(context))) {
            Ok(Poll::Pending) => {
                self.exchange.mailbox().set_task(context);
                // It may have learnt just now that the client is gone.
                if self.exchange.mailbox().is_given_up() { Poll::Ready(()) } else { Poll::Pending }
            }
            // The panic has been reported by the hook of the standard library; the reply answers 500.
            Ok(Poll::Ready(())) | Err(_) => Poll::Ready(()),
        }
    }
}
