//! Answers to packets that belong to no connection: Version Negotiation and stateless resets, both bounded.

use super::per_second::PerSecond;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use base::{FourTuple, Instant};

/// Answers that wait for `transmit`. Default 64: enough for a burst of strangers; the rest is dropped, because nothing is
/// owed to them.
const MAX_WAITING: usize = 64;

/// Stateless resets per second. RFC 9000 section 10.3.3: a limit keeps two endpoints from resetting each other for ever,
/// and an endpoint from being made a source of traffic. Default 500: a server that was killed and started again tells as many
/// clients at once, and each costs it one hash and 42 bytes.
const MAX_RESETS_PER_SECOND: u32 = 500;

/// Refusals per second. Default 1,000: each takes the keys of an Initial packet, some ten microseconds, so a flood of first
/// packets at a server that is full costs a hundredth of a processor; and as many clients are told at once that come to a
/// server that is about to end.
const MAX_REFUSALS_PER_SECOND: u32 = 1000;

/// Datagrams to be sent that belong to no connection.
pub(crate) struct Replies {
    waiting: VecDeque<(FourTuple, Vec<u8>)>,
    resets: PerSecond,
    refusals: PerSecond,
}

impl Replies {
    /// Nothing waits.
    pub(crate) const fn new() -> Replies {
        Replies {
            waiting: VecDeque::new(),
            resets: PerSecond::new(MAX_RESETS_PER_SECOND),
            refusals: PerSecond::new(MAX_REFUSALS_PER_SECOND),
        }
    }

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
        self.has_room() && self.resets.take(now)
    }

    /// Whether one more client may be told in this second that no connection begins.
    pub(crate) fn may_refuse(&mut self, now: Instant) -> bool {
        self.has_room() && self.refusals.take(now)
    }
}
