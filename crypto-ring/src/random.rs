//! Randomness from the operating system.

use core::fmt;
use ring::rand::SecureRandom;

/// Bytes fetched with one system call. A handshake takes about 80 in eight draws, each of which would be a call of its own.
const POOL_LEN: usize = 512;

/// The operating system's generator: what production hands to every `base::Random`.
///
/// Short draws come from a pool that is filled with one system call and wiped as it is used. A process that forks must not
/// go on using this value on both sides.
pub struct SystemRandom {
    system: ring::rand::SystemRandom,
    pool: [u8; POOL_LEN],
    /// Bytes of the pool that are not given out yet: its first ones.
    left: usize,
}

impl SystemRandom {
    /// Opens nothing and cannot fail.
    pub fn new() -> SystemRandom {
        SystemRandom { system: ring::rand::SystemRandom::new(), pool: [0; POOL_LEN], left: 0 }
    }

    fn draw(&self, bytes: &mut [u8]) {
        self.system.fill(bytes).expect("the operating system gives random bytes");
    }
}

impl Default for SystemRandom {
    fn default() -> SystemRandom {
        SystemRandom::new()
    }
}

impl Clone for SystemRandom {
    /// Another one with a pool of its own: no byte is ever given out twice.
    fn clone(&self) -> SystemRandom {
        SystemRandom::new()
    }
}

impl fmt::Debug for SystemRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemRandom")
    }
}

impl Drop for SystemRandom {
    fn drop(&mut self) {
        crypto::secret::wipe(&mut self.pool);
    }
}

impl base::Random for SystemRandom {
    /// # Panics
    /// If the operating system gives no random bytes: nothing safe can go on without them.
    fn fill(&mut self, bytes: &mut [u8]) {
        if bytes.len() > POOL_LEN / 4 {
            return self.draw(bytes);
        }
        if self.left < bytes.len() {
            let mut fresh = [0; POOL_LEN];
            self.draw(&mut fresh);
            self.pool = fresh;
            self.left = POOL_LEN;
            crypto::secret::wipe(&mut fresh);
        }
        let start = self.left - bytes.len();
        if let Some(taken) = self.pool.get_mut(start..self.left) {
            bytes.copy_from_slice(taken);
            crypto::secret::wipe(taken);
        }
        self.left = start;
    }
}

#[cfg(test)]
mod tests {
    use super::{POOL_LEN, SystemRandom};
    use alloc::vec;
    use alloc::vec::Vec;
    use base::Random;

    #[test]
    fn every_byte_is_filled_and_differently_each_time() {
        let mut random = SystemRandom::new();
        let first: [u8; 64] = base::random::array(&mut random);
        let second: [u8; 64] = base::random::array(&mut random);
        assert_ne!(first, second);
        // A byte that is never written stays zero in all of 32 rounds; by chance that happens once in 2^250.
        let mut seen = [0; 64];
        for _ in 0..32 {
            let bytes: [u8; 64] = base::random::array(&mut random);
            seen.iter_mut().zip(bytes).for_each(|(seen, byte)| *seen |= byte);
        }
        assert!(seen.iter().all(|seen| *seen != 0));
    }

    /// Draws of every length, through several fillings of the pool: eight bytes that come twice would be bytes of the pool
    /// that were given out twice, or never written.
    #[test]
    fn nothing_is_given_out_twice() {
        let mut random = SystemRandom::new();
        let mut drawn: Vec<[u8; 8]> = Vec::new();
        for len in (8..=2 * POOL_LEN).step_by(7) {
            let mut bytes = vec![0; len];
            random.fill(&mut bytes);
            drawn.extend(bytes.chunks_exact(8).map(|chunk| <[u8; 8]>::try_from(chunk).unwrap()));
            let copy: [u8; 8] = base::random::array(&mut random.clone());
            drawn.push(copy);
        }
        let count = drawn.len();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), count);
        assert!(!drawn.contains(&[0; 8]));
    }

    /// What was given out is not kept.
    #[test]
    fn the_pool_is_wiped_as_it_is_used() {
        let mut random = SystemRandom::new();
        let _: [u8; 32] = base::random::array(&mut random);
        assert_eq!(random.left, POOL_LEN - 32);
        assert!(random.pool[random.left..].iter().all(|byte| *byte == 0));
        assert!(random.pool[..random.left].iter().any(|byte| *byte != 0));
    }
}
