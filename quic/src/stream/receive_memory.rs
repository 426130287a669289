//! What all connections of an endpoint together allow their peers to send, and the part of it that each may.
//!
//! What a peer was allowed it may send, and none of it need be readable: the first byte of each stream can be missing for ever. So
//! what counts is the credit that was given, not what lies here, and the budget cannot be passed by anybody who was patient.
//!
//! A connection begins with the window that is configured ([`StreamsConfig::max_data`](super::limits::StreamsConfig::max_data)) while
//! half of the budget has room for that, and with 64 KiB in any case: it is promised before anything is known of the peer. The
//! other half is for windows that grow, so that ten thousand connections at rest leave the one that receives what it needs. A
//! window that grows may take half of what is free; if others take more later, it gets smaller again as its peer uses what it was
//! allowed, but not than at its beginning. A window that is extended ([`Connection::extend_credit`](crate::Connection::extend_credit))
//! takes at most half of what is free as well. An endpoint therefore holds no more unread than its budget and 64 KiB for each
//! connection. The budget is asked only where a new limit is due, a 32nd of a window after the last one.

use crate::credit::Window;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

/// What a connection begins with, whatever the others have: room for the heads of requests, and for an upload of 10 Mbit/s at 50 ms.
/// Default 64 KiB.
const LEAST: u64 = 64 << 10;

/// The budget of an endpoint, in bytes. Clones are about the same one.
#[derive(Clone, Debug)]
pub struct ReceiveMemory {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    budget: u64,
    // Connections of one endpoint are worked with by one thread at a time; this is how they share a number and still can be
    // sent to another thread.
    allowed: AtomicUsize,
    // Of it, the windows that connections began with.
    first: AtomicUsize,
}

/// What one connection has of the budget: its first window, which is free for others when this is dropped, and the way to more.
#[derive(Debug)]
pub struct ReceiveShare {
    memory: ReceiveMemory,
    first: u64,
}

impl ReceiveMemory {
    /// A budget of so many bytes, of which none is allowed to anybody.
    pub fn new(budget: u64) -> ReceiveMemory {
        ReceiveMemory { shared: Arc::new(Shared { budget, allowed: AtomicUsize::new(0), first: AtomicUsize::new(0) }) }
    }

    /// How many bytes all connections together allow.
    pub(crate) fn allowed(&self) -> u64 {
        self.shared.allowed.load(Ordering::Relaxed) as u64
    }

    /// The share of a new connection that is to begin with a window of `wanted` bytes, or with as much of it as it may.
    pub fn begin(&self, wanted: u64) -> ReceiveShare {
        let has_room = wanted <= self.half().saturating_sub(self.first());
        let first = if has_room { wanted } else { wanted.min(LEAST) };
        change(&self.shared.first, 0, first);
        change(&self.shared.allowed, 0, first);
        ReceiveShare { memory: self.clone(), first }
    }

    fn first(&self) -> u64 {
        self.shared.first.load(Ordering::Relaxed) as u64
    }

    fn half(&self) -> u64 {
        self.shared.budget / 2
    }

    /// What a window may be at most that began with `first` and is `is` now: what others leave of the budget, or of the half that
    /// is for growth.
    fn free_for(&self, first: u64, is: u64) -> u64 {
        let of_budget = self.shared.budget.saturating_sub(self.allowed()).saturating_add(is);
        let others_grown = (self.allowed() - self.first()).saturating_sub(is.saturating_sub(first));
        let of_growth = self.half().saturating_sub(others_grown).saturating_add(first);
        of_budget.max(of_growth).min(self.shared.budget)
    }
}

impl ReceiveShare {
    /// The window that the connection begins with.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// By how much of `more` bytes a window of `window` may be extended: half of what is free at most. That is taken from the budget.
    pub(crate) fn extend(&self, window: u64, more: u64) -> u64 {
        let free = self.memory.shared.budget.saturating_sub(self.memory.allowed());
        let granted = more.min(free / 2);
        change(&self.memory.shared.allowed, window.max(self.first), (window + granted).max(self.first));
        granted
    }

    /// The window of the connection, as large as it may be: that is taken from the budget.
    pub(crate) fn agree(&self, window: Window) -> u64 {
        let free = self.memory.free_for(self.first, window.is);
        // What was told cannot be taken back.
        let agreed = window.wanted.min(free.div_ceil(2).max(self.first)).max(window.told);
        // Its first part is given back with this.
        change(&self.memory.shared.allowed, window.is.max(self.first), agreed.max(self.first));
        agreed
    }

    /// The connection is gone, whose window was `window`.
    pub(crate) fn give_back(&self, window: u64) {
        change(&self.memory.shared.allowed, window.max(self.first), self.first);
    }
}

impl Drop for ReceiveShare {
    fn drop(&mut self) {
        change(&self.memory.shared.first, self.first, 0);
        change(&self.memory.shared.allowed, self.first, 0);
    }
}

fn change(count: &AtomicUsize, from: u64, to: u64) {
    if to > from {
        count.fetch_add((to - from) as usize, Ordering::Relaxed);
    } else if from > to {
        count.fetch_sub((from - to) as usize, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    const FIRST: u64 = 768 << 10;
    const BUDGET: u64 = 256 << 20;

    /// A connection.
    #[derive(Debug)]
    struct One {
        share: ReceiveShare,
        window: u64,
    }

    impl One {
        fn new(memory: &ReceiveMemory) -> One {
            let share = memory.begin(FIRST);
            One { window: share.first(), share }
        }

        fn extend(&mut self, more: u64) -> u64 {
            let granted = self.share.extend(self.window, more);
            self.window += granted;
            granted
        }

        /// Doubles the window as often as it may.
        fn grow(&mut self) -> u64 {
            loop {
                let is = self.window;
                self.window = self.share.agree(Window { is, wanted: 2 * is, told: is - is / 32 });
                if self.window <= is {
                    return self.window;
                }
            }
        }
    }

    impl Drop for One {
        fn drop(&mut self) {
            self.share.give_back(self.window);
        }
    }

    #[test]
    fn the_first_have_the_most_and_each_has_the_least() {
        let memory = ReceiveMemory::new(BUDGET);
        let mut all: Vec<One> = (0..5000).map(|_| One::new(&memory)).collect();
        let firsts: Vec<u64> = all.iter().map(|one| one.window).collect();
        assert!(firsts[..80].iter().all(|first| *first == FIRST), "while there is much free");
        assert!(firsts.is_sorted_by(|one, other| one >= other));
        assert_eq!(firsts.last(), Some(&LEAST));
        assert_eq!(memory.allowed(), firsts.iter().sum());
        assert!(memory.allowed() < BUDGET + 5000 * LEAST);
        // Half is for those who grow, however many have begun. Nobody loses what was promised first.
        let last = all.last_mut().unwrap();
        assert!(last.grow() >= BUDGET / 4);
        let grown: Vec<u64> = all.iter_mut().map(One::grow).collect();
        assert!(grown.iter().zip(&firsts).all(|(grown, first)| grown >= first));
        assert!(memory.allowed() < BUDGET + 5000 * LEAST);
        all.truncate(1);
        assert!(all[0].grow() > BUDGET / 3);
        assert_eq!(memory.begin(FIRST).first(), FIRST);
        drop(all);
        assert_eq!(memory.allowed(), 0);
    }

    /// Who has much gives way as its peer uses what it was allowed, and never below that.
    #[test]
    fn a_window_gets_smaller_when_others_want_room() {
        let memory = ReceiveMemory::new(BUDGET);
        let (mut large, mut small) = (One::new(&memory), One::new(&memory));
        large.grow();
        small.grow();
        for _ in 0..300 {
            let is = large.window;
            let told = is - is / 32;
            large.window = large.share.agree(Window { is, wanted: is, told });
            assert!(large.window >= told);
            small.grow();
        }
        assert!(large.window.abs_diff(small.window) < BUDGET / 16, "{large:?} and {small:?}");
        assert_eq!(memory.allowed(), large.window + small.window);
    }

    /// What windows are extended by is counted, is never all that is left, and is given back with its connection.
    #[test]
    fn what_windows_are_extended_by_is_of_the_budget() {
        let memory = ReceiveMemory::new(BUDGET);
        let mut all: Vec<One> = (0..100).map(|_| One::new(&memory)).collect();
        let firsts = memory.allowed();
        assert_eq!(all[0].extend(1 << 20), 1 << 20);
        assert_eq!(memory.allowed(), firsts + (1 << 20));
        let granted: u64 = all.iter_mut().map(|one| one.extend(BUDGET)).sum();
        assert!(memory.allowed() <= BUDGET && granted > BUDGET / 4);
        assert_eq!(memory.allowed(), firsts + (1 << 20) + granted);
        assert_eq!(One::new(&memory).window, FIRST, "who comes now has what is kept for who begins");
        assert_eq!(One::new(&memory).extend(1 << 20), 0);
        drop(all);
        assert_eq!(memory.allowed(), 0);
    }

    #[test]
    fn no_budget_is_the_least() {
        let memory = ReceiveMemory::new(0);
        let mut one = One::new(&memory);
        assert_eq!((one.window, one.grow()), (LEAST, LEAST));
        assert_eq!(memory.begin(100).first(), 100, "a window that is configured to be small stays so");
        assert_eq!(One::new(&ReceiveMemory::new(u64::MAX / 4)).grow(), 1 << 61);
    }
}
