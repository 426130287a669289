//! What all connections of an endpoint together may hold to send, and the part of it that each may have.
//!
//! A connection may hold half of what the others leave free, so that there is room for one more however many hold what
//! nobody takes; and [`GUARANTEED`] whatever the others do, so that nobody can starve it. What an endpoint holds is
//! therefore bounded by its budget and so much for each connection.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

/// What a connection may hold to send even if the budget of its endpoint is used up. 32 KiB: two first congestion windows
/// (RFC 9002 section 7.2), so that a connection that was left nothing else still sends as fast as it began.
pub(crate) const GUARANTEED: u64 = 32 << 10;

/// The budget of an endpoint, in bytes. Clones are about the same one.
#[derive(Clone, Debug)]
pub struct SendMemory {
    budget: u64,
    // Connections of one endpoint are worked with by one thread at a time; this is how they share a number and still can be
    // sent to another thread.
    held: Arc<AtomicUsize>,
}

impl SendMemory {
    /// A budget of so many bytes, of which none is held.
    pub fn new(budget: u64) -> SendMemory {
        SendMemory { budget, held: Arc::new(AtomicUsize::new(0)) }
    }

    /// Whether as much is held as the budget has, or more.
    pub fn is_used_up(&self) -> bool {
        self.held() >= self.budget
    }

    /// Whether no more than half of the budget is held.
    pub fn is_half_free(&self) -> bool {
        self.held() <= self.budget / 2
    }

    /// How many bytes are held, by all connections together.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed) as u64
    }

    /// The part of a connection that holds nothing yet.
    pub const fn share(self) -> SendShare {
        SendShare { memory: self, held: 0, told: 0 }
    }
}

/// By how much what a connection holds may differ from what the others know of it. 16 KiB: half of what it may hold whatever they do.
const UNTOLD: u64 = GUARANTEED / 2;

/// The part of one connection, which need not be one of QUIC. What it holds is given back when it is dropped.
///
/// The number that all share is changed once for many requests: each time is a locked operation.
#[derive(Debug)]
pub struct SendShare {
    memory: SendMemory,
    held: u64,
    /// What is counted of that in the memory.
    told: u64,
}

impl SendShare {
    /// How many bytes the connection holds.
    pub(crate) const fn held(&self) -> u64 {
        self.held
    }

    /// How many it may hold.
    pub fn most(&self) -> u64 {
        let others = self.memory.held().saturating_sub(self.told);
        let without_it = self.memory.budget.saturating_sub(others);
        GUARANTEED.max(without_it.div_ceil(2))
    }

    /// It holds so many bytes now.
    pub fn set(&mut self, held: u64) {
        self.held = held;
        self.tell();
    }

    /// It holds `count` more.
    pub(crate) fn take(&mut self, count: u64) {
        self.held += count;
        if self.held.saturating_sub(self.told) >= UNTOLD {
            self.tell();
        }
    }

    /// It holds `count` less.
    pub(crate) fn give_back(&mut self, count: u64) {
        self.held = self.held.checked_sub(count).expect("no more is given back than is held");
        if self.told.saturating_sub(self.held) >= UNTOLD {
            self.tell();
        }
    }

    /// The others know what it holds.
    pub(crate) fn tell(&mut self) {
        // The number is left alone where it does not change.
        match self.held.cmp(&self.told) {
            core::cmp::Ordering::Less => {
                self.memory.held.fetch_sub((self.told - self.held) as usize, Ordering::Relaxed);
            }
            core::cmp::Ordering::Equal => {}
            core::cmp::Ordering::Greater => {
                self.memory.held.fetch_add((self.held - self.told) as usize, Ordering::Relaxed);
            }
        }
        self.told = self.held;
    }
}

impl Drop for SendShare {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// A connection takes all that it may.
    fn fill(memory: &SendMemory) -> SendShare {
        let mut share = memory.clone().share();
        while share.held() < share.most() {
            share.take(share.most() - share.held());
        }
        share
    }

    #[test]
    fn those_who_take_all_they_may_leave_the_others_what_is_guaranteed() {
        let memory = SendMemory::new(64 * GUARANTEED);
        let shares: Vec<SendShare> = (0..1000).map(|_| fill(&memory)).collect();
        assert_eq!(shares[0].held(), 32 * GUARANTEED);
        assert!(shares.iter().all(|share| share.held() >= GUARANTEED));
        assert!(memory.held() <= (64 + 1000) * GUARANTEED, "the budget, and what is guaranteed to each");
        drop(shares);
        assert_eq!(memory.held(), 0);
    }

    /// A little is told when it is asked for, much at once.
    #[test]
    fn the_others_learn_of_what_is_held() {
        let memory = SendMemory::new(64 * GUARANTEED);
        let mut share = memory.clone().share();
        let before = share.most();
        share.take(UNTOLD - 1);
        assert_eq!((memory.held(), share.held(), share.most()), (0, UNTOLD - 1, before));
        share.tell();
        assert_eq!((memory.held(), share.most()), (UNTOLD - 1, before));
        share.take(UNTOLD);
        assert_eq!((memory.held(), share.most()), (2 * UNTOLD - 1, before));
        share.give_back(UNTOLD - 1);
        assert_eq!(memory.held(), 2 * UNTOLD - 1);
        share.give_back(UNTOLD);
        assert_eq!(memory.held(), 0);
        share.take(1);
        share.tell();
        drop(share);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn what_is_given_back_is_for_all() {
        let memory = SendMemory::new(64 * GUARANTEED);
        let (mut one, two) = (fill(&memory), fill(&memory));
        assert_eq!(two.held(), 16 * GUARANTEED);
        one.give_back(one.held());
        assert_eq!(two.most(), 32 * GUARANTEED);
    }
}
