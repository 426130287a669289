//! Tickets of `posthaste get` that outlive it: kept in a file, and waited for at the end, because a server gives them when a
//! request that went as early data may be answered already.

use posthaste::{Error, Handle, Ticket, TicketFile, TicketOrigin, TicketStore};
use std::future::poll_fn;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// The longest to wait for the tickets of a connection that may give some.
const PATIENCE: Duration = Duration::from_secs(1);

/// A file of tickets that tells when one has come.
pub struct Tickets {
    file: TicketFile,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    has_come: bool,
    waiting: Option<Waker>,
}

impl Tickets {
    /// Tickets in the file at this path.
    pub fn open(path: &str) -> Result<Tickets, Error> {
        Ok(Tickets { file: TicketFile::open(path)?, state: Mutex::default() })
    }

    /// Waits until one has come, a second at most.
    pub async fn arrived(&self, handle: &Handle) {
        let has_come = poll_fn(|context| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.waiting = Some(context.waker().clone());
            if state.has_come { Poll::Ready(()) } else { Poll::Pending }
        });
        // Without one the next connection begins with a full handshake.
        let _ = handle.timeout(PATIENCE, has_come).await;
    }
}

impl TicketStore for Tickets {
    fn take(&self, origin: &TicketOrigin, unix_millis: u64) -> Option<Ticket> {
        self.file.take(origin, unix_millis)
    }

    fn holds(&self, origin: &TicketOrigin, unix_millis: u64) -> bool {
        self.file.holds(origin, unix_millis)
    }

    fn put(&self, origin: &TicketOrigin, ticket: Ticket) {
        self.file.put(origin, ticket);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.has_come = true;
        let waiting = state.waiting.take();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}
