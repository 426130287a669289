//! What all connections of an endpoint together allow their peers beyond their first windows, and the part of it that each may.
//!
//! What a peer was allowed it may send, and none of it need be readable: the first byte of each stream can be missing for ever. So
//! what counts is the credit that was given, not what lies here, and the budget cannot be passed by anybody who was patient.
//!
//! Each connection has its first window ([`StreamsConfig::max_data`](super::limits::StreamsConfig::max_data)) whatever the others
//! do. A window that grows beyond it may take half of what the others leave free; if they take more later, it gets smaller again as
//! its peer uses what it was allowed. An endpoint therefore holds no more unread than its budget and a first window for each
//! connection. Asked only where a new limit is due, a 32nd of a window after the last one.

use crate::credit::Window;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

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
}

impl ReceiveMemory {
    /// A budget of so many bytes, of which none is allowed to anybody.
    pub fn new(budget: u64) -> ReceiveMemory {
        ReceiveMemory { shared: Arc::new(Shared { budget, allowed: AtomicUsize::new(0) }) }
    }

    /// How many bytes are allowed beyond the first windows, by all connections together.
    pub(crate) fn allowed(&self) -> u64 {
        self.shared.allowed.load(Ordering::Relaxed) as u64
    }

    /// The window of a connection whose first one was `first`, as large as it may be: that is taken from the budget.
    pub(crate) fn agree(&self, first: u64, window: Window) -> u64 {
        let own = window.is.saturating_sub(first);
        let without_it = self.shared.budget.saturating_sub(self.allowed()) + own;
        let most = first.saturating_add(without_it.min(self.shared.budget).div_ceil(2));
        // What was told cannot be taken back.
        let agreed = window.wanted.min(most).max(window.told);
        self.change(own, agreed.saturating_sub(first));
        agreed
    }

    /// A connection is gone whose window was `window`.
    pub(crate) fn give_back(&self, first: u64, window: u64) {
        self.change(window.saturating_sub(first), 0);
    }

    fn change(&self, from: u64, to: u64) {
        if to > from {
            self.shared.allowed.fetch_add((to - from) as usize, Ordering::Relaxed);
        } else if from > to {
            self.shared.allowed.fetch_sub((from - to) as usize, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: u64 = 100;

    /// Doubles a window as often as it may.
    fn grow(memory: &ReceiveMemory, mut is: u64) -> u64 {
        loop {
            let agreed = memory.agree(FIRST, Window { is, wanted: 2 * is, told: is - is / 32 });
            if agreed <= is {
                return agreed;
            }
            is = agreed;
        }
    }

    #[test]
    fn the_first_have_the_most_and_each_has_its_first_window() {
        let memory = ReceiveMemory::new(64 * FIRST);
        let windows = [(); 100].map(|()| grow(&memory, FIRST));
        assert_eq!(windows[..2], [FIRST + 32 * FIRST, FIRST + 16 * FIRST]);
        assert!(windows.iter().all(|window| *window >= FIRST));
        assert_eq!(memory.allowed(), windows.iter().map(|window| window - FIRST).sum());
        assert!(memory.allowed() <= 64 * FIRST);
        windows.iter().for_each(|window| memory.give_back(FIRST, *window));
        assert_eq!(memory.allowed(), 0);
    }

    /// Who has much gives way as its peer uses what it was allowed, and never below that.
    #[test]
    fn a_window_gets_smaller_when_others_want_room() {
        let memory = ReceiveMemory::new(64 * FIRST);
        let (mut large, mut small) = (grow(&memory, FIRST), grow(&memory, FIRST));
        for _ in 0..300 {
            let told = large - large / 32;
            large = memory.agree(FIRST, Window { is: large, wanted: large, told });
            assert!(large >= told);
            small = grow(&memory, small);
        }
        assert!(large.abs_diff(small) < 8 * FIRST, "{large} and {small}");
        assert_eq!(memory.allowed(), large + small - 2 * FIRST);
    }

    #[test]
    fn no_budget_is_the_first_window() {
        let memory = ReceiveMemory::new(0);
        assert_eq!(grow(&memory, FIRST), FIRST);
        assert_eq!(grow(&ReceiveMemory::new(u64::MAX / 4), 1 << 20), (1 << 61) - 1 + FIRST + 1);
    }
}
