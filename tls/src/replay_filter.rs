//! Which early data a server has taken already (RFC 9846 section 8.2): a table of fixed size that remembers tickets for a
//! window of time. What finds no room in it is refused, never taken unseen; what it takes for a repetition by mistake costs the
//! client a round trip.
//!
//! The table is an array of atomic words, so that the workers of a server share it without a lock.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

/// Words that one ticket may be in.
const BUCKET: usize = 8;
/// Bits of a word that name the window; the others are of the ticket's digest.
const WINDOW_BITS: u32 = 16;
const WINDOW_SHIFT: u32 = 64 - WINDOW_BITS;
const DIGEST_MASK: u64 = (1 << WINDOW_SHIFT) - 1;
const WINDOW_MASK: u64 = (1 << WINDOW_BITS) - 1;

/// Remembers the tickets whose early data was taken.
///
/// One filter is for one server: a server that runs elsewhere and opens the same tickets does not know what this one has taken.
/// Where each has a [name](ReplayFilter::named) of its own, it takes early data with its own tickets only; without names an attacker
/// can have early data taken once by each (section 8.1).
pub struct ReplayFilter {
    /// Part of what tickets that allow early data are bound to.
    name: [u8; 32],
    words: Box<[AtomicU64]>,
    window_millis: u64,
    tolerance_millis: u64,
    /// Nothing is taken before, in milliseconds since 1970: what was taken before a start is not known.
    ready_millis: u64,
}

impl ReplayFilter {
    /// Room for about `capacity` tickets in the time of two windows. A window is twice `tolerance_millis`, the difference that is
    /// allowed between the age that a client claims for its ticket and the one the server sees. `unix_millis` is the time now;
    /// early data is refused until the first window after it is over.
    /// RFC 9846 section 8.2.
    pub fn new(capacity: usize, tolerance_millis: u32, unix_millis: u64) -> ReplayFilter {
        // Twice as many words as tickets, so that a bucket is rarely full.
        let words = capacity.clamp(BUCKET, 1 << 26) * 2 / BUCKET * BUCKET;
        let tolerance_millis = u64::from(tolerance_millis.max(1));
        let window_millis = 2 * tolerance_millis;
        ReplayFilter {
            name: [0; 32],
            words: core::iter::repeat_with(|| AtomicU64::new(0)).take(words).collect::<Vec<_>>().into(),
            window_millis,
            tolerance_millis,
            ready_millis: unix_millis.saturating_add(window_millis),
        }
    }

    /// The same with a name that no other filter has or ever had, such as 32 random bytes: early data comes with tickets only that
    /// were given under this name, so that what other servers have taken, or this one before it was started, need not be known. So
    /// it is taken from the beginning.
    /// RFC 9846 section 8.1.
    #[must_use]
    pub const fn named(mut self, name: [u8; 32]) -> ReplayFilter {
        (self.name, self.ready_millis) = (name, 0);
        self
    }

    /// Its name.
    pub(crate) const fn name(&self) -> &[u8; 32] {
        &self.name
    }

    /// Whether a ClientHello may just have been sent: the age that it claims is near the one that is seen.
    /// RFC 9846 section 4.3.10.
    pub(crate) fn is_fresh(&self, seen_millis: u64, claimed_millis: u32) -> bool {
        // The claimed age is modulo 2^32 milliseconds, which are 49 days: longer than any ticket lives.
        seen_millis.abs_diff(u64::from(claimed_millis)) <= self.tolerance_millis
    }

    /// Remembers a ticket by its digest. `false` if it was here before, or might have been, or there is no room.
    ///
    /// Of two calls with one digest at the same time both may get `false`, and never both `true`.
    /// RFC 9846 section 8.
    /// RFC 9846 section 8-3, 8.2-1.
    pub(crate) fn is_first(&self, digest: &[u8; 32], unix_millis: u64) -> bool {
        if unix_millis < self.ready_millis {
            return false;
        }
        let window = (unix_millis / self.window_millis) & WINDOW_MASK;
        let [first, second, ..] = halves(digest);
        // A word of zeros is one that was never used.
        let mark = (second & DIGEST_MASK).max(1);
        let buckets = (self.words.len() / BUCKET) as u64;
        let start = (first % buckets) as usize * BUCKET;
        let Some(bucket) = self.words.get(start..start + BUCKET) else { return false };
        match take_place(bucket, window, mark) {
            // Somebody who looked at the same time has written the same elsewhere: neither of the two is sure to be first.
            Some(place) => !bucket
                .iter()
                .enumerate()
                .any(|(other, word)| other != place && is_same(word.load(Ordering::SeqCst), window, mark)),
            None => false,
        }
    }
}

/// Writes `mark` into a word that is free; `None` if it is there already, or all words are in use.
fn take_place(bucket: &[AtomicU64], window: u64, mark: u64) -> Option<usize> {
    if bucket.iter().any(|word| is_same(word.load(Ordering::SeqCst), window, mark)) {
        return None;
    }
    let new = window << WINDOW_SHIFT | mark;
    bucket.iter().position(|word| {
        let seen = word.load(Ordering::SeqCst);
        !is_live(seen, window) && word.compare_exchange(seen, new, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    })
}

fn is_same(word: u64, window: u64, mark: u64) -> bool {
    word & DIGEST_MASK == mark && is_live(word, window)
}

/// Whether a word still counts: it is of this window, of the one before, or, after the clock was set back, of a later one.
fn is_live(word: u64, window: u64) -> bool {
    const HALF: u64 = 1 << (WINDOW_BITS - 1);
    let age = (window + WINDOW_MASK + 1 - (word >> WINDOW_SHIFT)) & WINDOW_MASK;
    word & DIGEST_MASK != 0 && !(2..HALF).contains(&age)
}

fn halves(digest: &[u8; 32]) -> [u64; 4] {
    let mut halves = [0; 4];
    for (half, bytes) in halves.iter_mut().zip(digest.chunks_exact(8)) {
        *half = bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    }
    halves
}

impl fmt::Debug for ReplayFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayFilter").field("words", &self.words.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_780_272_000_000;
    const READY: u64 = START + 20_000;

    fn filter(capacity: usize) -> ReplayFilter {
        ReplayFilter::new(capacity, 10_000, START)
    }

    fn digest(number: u64) -> [u8; 32] {
        let digest = crypto_ring::PROVIDER.initial.hash.digest(&[&number.to_be_bytes()]);
        *digest.first_chunk().unwrap()
    }

    /// RFC 9846 section 8.
    #[test]
    fn t8_a_ticket_counts_once_as_long_as_it_could_be_fresh() {
        for step in [0, 1, 9_999, 19_999, 20_000] {
            let filter = filter(100);
            assert!(filter.is_first(&digest(1), READY));
            assert!(!filter.is_first(&digest(1), READY + step), "{step}");
            assert!(filter.is_first(&digest(2), READY + step));
        }
        // A first flight is fresh for two tolerances at most, which is a window; after two windows it is forgotten.
        let filter = filter(100);
        assert!(filter.is_first(&digest(1), READY));
        assert!(filter.is_first(&digest(1), READY + 60_000));
    }

    /// RFC 9846 section 8.2.
    #[test]
    fn t8_nothing_counts_before_a_window_has_passed_since_the_start() {
        let filter = filter(100);
        assert!(!filter.is_first(&digest(1), 0) && !filter.is_first(&digest(1), READY - 1));
        assert!(filter.is_first(&digest(1), READY));
    }

    #[test]
    fn t8_a_full_table_refuses_and_takes_nothing_twice() {
        let filter = filter(1000);
        let taken: Vec<u64> = (0..10_000).filter(|number| filter.is_first(&digest(*number), READY)).collect();
        assert!((1000..=2000).contains(&taken.len()), "{}", taken.len());
        assert!((0..10_000).all(|number| !filter.is_first(&digest(number), READY + 1) || !taken.contains(&number)));
        // With time there is room again.
        let later = (20_000..20_100).filter(|number| filter.is_first(&digest(*number), READY + 60_000)).count();
        assert_eq!(later, 100);
    }

    #[test]
    fn t8_a_clock_that_is_set_back_forgets_nothing() {
        let filter = filter(100);
        assert!(filter.is_first(&digest(1), READY + 1_000_000));
        assert!(!filter.is_first(&digest(1), READY));
        assert!(!filter.is_first(&digest(1), READY + 1_000_000));
    }

    #[test]
    fn of_many_at_once_one_at_most_is_first() {
        let filter = filter(1000);
        for round in 0..200 {
            let first = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| filter.is_first(&digest(round), READY))).collect();
                threads.into_iter().map(|thread| usize::from(thread.join().unwrap())).sum::<usize>()
            });
            assert!(first <= 1, "{first} in round {round}");
        }
    }

    /// RFC 9846 section 4.3.10.
    #[test]
    fn fresh_is_what_claims_about_the_age_that_is_seen() {
        let filter = filter(1);
        for (seen, claimed, fresh) in [
            (0, 0, true),
            (10_000, 0, true),
            (10_001, 0, false),
            (0, 10_000, true),
            (0, 10_001, false),
            (604_800_000, 604_795_000, true),
            (u64::MAX, u32::MAX, false),
        ] {
            assert_eq!(filter.is_fresh(seen, claimed), fresh, "{seen} {claimed}");
        }
    }
}
