//! Which lines that are not in the table were encoded lately, by their hashes: what comes again soon is worth an entry.

use alloc::boxed::Box;

/// Hashes of lines, the oldest replaced first.
#[derive(Debug)]
pub(crate) struct History {
    hashes: Box<[u32]>,
    next: usize,
}

impl History {
    /// For a table of `capacity` bytes: as many lines as it may hold. What comes again later than that would not have stayed.
    pub(crate) fn new(capacity: usize) -> History {
        let places = (capacity / 64).clamp(16, 128);
        History { hashes: alloc::vec![0; places].into_boxed_slice(), next: 0 }
    }

    /// Whether this hash came before, not long ago. It has from now on.
    pub(crate) fn is_seen(&mut self, hash: u32) -> bool {
        if self.hashes.contains(&hash) {
            return true;
        }
        if let Some(place) = self.hashes.get_mut(self.next) {
            *place = hash;
        }
        self.next = (self.next + 1) % self.hashes.len();
        false
    }
}
