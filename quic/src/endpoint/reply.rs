//! Answers to packets that belong to no connection: Version Negotiation and stateless resets, both bounded.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{Duration, FourTuple, Instant};

/// Answers that wait for `transmit`. Default 64: enough for a burst of strangers; the rest is dropped, because nothing is
/// owed to them.
const MAX_WAITING: usize = 64;

/// Stateless resets per second. RFC 9000 section 10.3.3: a limit keeps two endpoints from resetting each other for ever,
/// and an endpoint from being made a source of traffic.
const MAX_RESETS_PER_SECOND: u32 = 100;

/// Datagrams to be sent that belong to no connection.
#[derive(Default)]
pub(crate) struct Replies {
    waiting: VecDeque<(FourTuple, Vec<u8>)>,
    second_began: Option<Instant>,
    resets: u32,
}

impl Replies {
    /// Queues an answer, unless too many wait already.
    pub(crate) fn push(&mut self, four_tuple: FourTuple, datagram: Vec<u8>) {
        if self.waiting.len() < MAX_WAITING {
            self.waiting.push_back((four_tuple, datagram));
        }
    }

    /// The next answer.
    pub(crate) fn pop(&mut self) -> Option<(FourTuple, Vec<u8>)> {
        self.waiting.pop_front()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether there is room for another answer; asked before any work is done for it.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MAX_WAITING
    }

    /// Whether one more stateless reset may be sent in this second.
    pub(crate) fn may_reset(&mut self, now: Instant) -> bool {
        if self.second_began.is_none_or(|began| now - began >= Duration::from_secs(1)) {
            self.second_began = Some(now);
            self.resets = 0;
        }
        self.resets += 1;
        self.resets <= MAX_RESETS_PER_SECOND && self.has_room()
    }
}
