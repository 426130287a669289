//! Requests that were answered before their stream ended, and of which nothing but that end is awaited: few at a time, so that
//! a client that never ends them keeps its streams.

use alloc::collections::VecDeque;
use base::StreamId;

/// The most of them. 16: an end that comes in a packet of its own is late by a round trip at most.
const MAX_ENDLESS: usize = 16;

/// The newest of them, in order. Some may have ended since.
#[derive(Debug, Default)]
pub(crate) struct Endless {
    newest: VecDeque<StreamId>,
}

impl Endless {
    /// One more. If that is too many: the oldest, for which nobody waits any longer.
    pub(crate) fn push(&mut self, id: StreamId) -> Option<StreamId> {
        let oldest = if self.newest.len() < MAX_ENDLESS { None } else { self.newest.pop_front() };
        self.newest.push_back(id);
        oldest
    }
}
