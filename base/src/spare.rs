//! Memory that was used and is kept for the next who needs such.

use alloc::boxed::Box;
use alloc::vec::Vec;

/// The most that is kept of one kind: what comes and goes with one turn of a driver.
const MOST: usize = 64;

/// Pieces of memory of one kind. Takes a word where it keeps none.
#[derive(Debug)]
pub struct Spare<T> {
    #[allow(clippy::box_collection)] // most keep none, and a list is three words
    kept: Option<Box<Vec<T>>>,
}

impl<T> Default for Spare<T> {
    fn default() -> Spare<T> {
        Spare::new()
    }
}

impl<T> Spare<T> {
    /// With nothing kept.
    pub const fn new() -> Spare<T> {
        Spare { kept: None }
    }

    /// The one that was kept last, if there is one.
    pub fn take(&mut self) -> Option<T> {
        self.kept.as_mut()?.pop()
    }

    /// Keeps `piece`, unless as many as `most` are kept, or 64.
    pub fn keep(&mut self, piece: T, most: usize) {
        let kept = self.kept.get_or_insert_default();
        if kept.len() < most.min(MOST) {
            kept.push(piece);
        }
    }

    /// Keeps none any longer.
    pub fn release(&mut self) {
        self.kept = None;
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.kept.as_ref().map_or(0, |kept| kept.len())
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_and_can_be_released() {
        let mut spare = Spare::new();
        assert!(spare.is_empty() && spare.take().is_none());
        for piece in 0..100 {
            spare.keep(piece, 3);
        }
        assert_eq!((spare.len(), spare.take(), spare.len()), (3, Some(2), 2));
        for piece in 0..100 {
            spare.keep(piece, 1000);
        }
        assert_eq!(spare.len(), MOST);
        spare.release();
        assert!(spare.is_empty() && spare.kept.is_none());
    }
}
