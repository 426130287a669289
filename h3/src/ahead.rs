//! What has come ahead of its request: the network and the streams keep no order among each other.

use crate::datagram::Early;
use crate::priority::Pending;
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::{Bytes, StreamId};
use http::Priority;

/// Priorities and datagrams of requests that have not come. There only while there are some.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    priorities: Pending,
    datagrams: Early,
}

impl Ahead {
    /// The newest word about how urgent a response is. Of more than `most` the oldest is forgotten.
    pub(crate) fn on_priority(&mut self, id: StreamId, priority: Priority, most: usize) {
        self.waiting.get_or_insert_default().priorities.insert(id, priority, most);
    }

    /// A datagram. Of more than `most` the oldest gives way.
    pub(crate) fn on_datagram(&mut self, id: StreamId, content: &[u8], most: usize) {
        self.waiting.get_or_insert_default().datagrams.push(id, content, most);
    }

    /// What there is for a request that comes now.
    pub(crate) fn take(&mut self, id: StreamId) -> (Option<Priority>, Vec<Bytes>) {
        let Some(waiting) = &mut self.waiting else { return (None, Vec::new()) };
        let taken = (waiting.priorities.take(id), waiting.datagrams.take(id));
        if waiting.priorities.is_empty() && waiting.datagrams.is_empty() {
            self.waiting = None;
        }
        taken
    }

    /// Whether nothing waits, and nothing is held.
    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }
}
