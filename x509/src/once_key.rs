//! A hash of a key that is written once and read by all threads: which key a list was found to be signed by.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Empty, and then one hash for good.
#[derive(Debug, Default)]
pub(crate) struct OnceKey {
    /// Somebody writes, or has written.
    is_taken: AtomicBool,
    /// The words are written.
    is_ready: AtomicBool,
    words: [AtomicU64; 4],
}

impl OnceKey {
    /// Whether it holds this hash.
    pub(crate) fn is(&self, hash: &[u8; 32]) -> bool {
        self.is_ready.load(Ordering::Acquire)
            && self.words.iter().zip(words(hash)).all(|(word, wanted)| word.load(Ordering::Relaxed) == wanted)
    }

    /// Keeps the hash, if it is the first.
    pub(crate) fn set(&self, hash: &[u8; 32]) {
        // One thread alone goes on from here, so that no two hashes are mixed.
        if self.is_taken.swap(true, Ordering::AcqRel) {
            return;
        }
        self.words.iter().zip(words(hash)).for_each(|(word, value)| word.store(value, Ordering::Relaxed));
        self.is_ready.store(true, Ordering::Release);
    }
}

fn words(hash: &[u8; 32]) -> impl Iterator<Item = u64> + '_ {
    hash.chunks_exact(8).map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_hash_stays() {
        let key = OnceKey::default();
        assert!(!key.is(&[0; 32]), "nothing is no hash");
        key.set(&[7; 32]);
        key.set(&[8; 32]);
        assert!(key.is(&[7; 32]) && !key.is(&[8; 32]));
        for place in 0..32 {
            let mut other = [7; 32];
            other[place] = 8;
            assert!(!key.is(&other), "{place}");
        }
    }
}
