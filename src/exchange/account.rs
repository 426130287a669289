//! What was sent of one message, for whoever keeps a log of them.

use http::Status;
use std::cell::{Cell, RefCell};

/// Told once, when nobody works on the exchange any more.
type OnEnd = Box<dyn FnOnce(&Account)>;

/// Counts what this side has sent: a server its response.
#[derive(Default)]
pub(crate) struct Account {
    status: Cell<Option<Status>>,
    bytes: Cell<u64>,
    is_complete: Cell<bool>,
    on_end: RefCell<Option<OnEnd>>,
}

impl Account {
    /// Who is told at the end.
    pub(crate) fn on_end(&self, on_end: OnEnd) {
        *self.on_end.borrow_mut() = Some(on_end);
    }

    /// The final response began.
    pub(crate) fn on_head(&self, status: Status) {
        self.status.set(Some(status));
    }

    /// So many bytes of content were handed over.
    pub(crate) fn on_content(&self, bytes: usize) {
        self.bytes.set(self.bytes.get() + bytes as u64);
    }

    /// The whole message was handed over.
    pub(crate) fn on_complete(&self) {
        self.is_complete.set(true);
    }

    /// The message is broken off.
    pub(crate) fn on_broken_off(&self) {
        self.is_complete.set(false);
    }

    /// That of the final response, once it began.
    pub(crate) fn status(&self) -> Option<Status> {
        self.status.get()
    }

    /// Of content.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Whether the whole message was handed over, and not broken off afterwards.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.get()
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(on_end) = self.on_end.take() {
            on_end(self);
        }
    }
}
