//! When the memory of a peak is given back: some time after much of what there was has gone.
//!
//! An allocator keeps what is freed, because mostly it is needed again at once. After a peak it is not, and other processes of
//! the host could use it.

use base::Duration;
use std::cell::Cell;

/// How long after. 10 s: who leaves together leaves within that time, and who comes back does so, too.
pub(crate) const AFTER: Duration = Duration::from_secs(10);
/// Fewer that have gone are no peak.
const FEW: usize = 32;

/// How many there are of something, and were since memory was given back.
#[derive(Debug, Default)]
pub(crate) struct Ebb {
    peak: Cell<usize>,
    is_due: Cell<bool>,
}

impl Ebb {
    /// There are `count` now. True if memory is to be given back in [`AFTER`]: once, until that is done.
    pub(crate) fn on_count(&self, count: usize) -> bool {
        let peak = self.peak.get().max(count);
        self.peak.set(peak);
        let has_gone = peak - count;
        has_gone >= FEW && has_gone >= peak / 4 && !self.is_due.replace(true)
    }

    /// There are none any more. As [`on_count`](Ebb::on_count), however few there were.
    pub(crate) fn on_none(&self) -> bool {
        !self.is_due.replace(true)
    }

    /// Memory is given back.
    pub(crate) fn on_done(&self, count: usize) {
        self.peak.set(count);
        self.is_due.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_back_once_after_a_quarter_has_gone() {
        let ebb = Ebb::default();
        assert!((0..=1000).all(|count| !ebb.on_count(count)));
        assert!((751..1000).rev().all(|count| !ebb.on_count(count)));
        assert!(ebb.on_count(750));
        assert!((0..750).rev().all(|count| !ebb.on_count(count)), "it is due already");
        ebb.on_done(100);
        assert!((75..100).rev().all(|count| !ebb.on_count(count)), "so few are no peak");
        assert!(ebb.on_count(68));
        ebb.on_done(1);
        assert!(!ebb.on_count(0));
        assert!(ebb.on_none() && !ebb.on_none());
    }
}
