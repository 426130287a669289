//! Chance from the operating system.

use ring::rand::SecureRandom;

/// The operating system's generator: what production hands to every `base::Random`.
#[derive(Clone, Debug)]
pub struct SystemRandom(ring::rand::SystemRandom);

impl SystemRandom {
    /// Opens nothing and cannot fail.
    pub fn new() -> SystemRandom {
        SystemRandom(ring::rand::SystemRandom::new())
    }
}

impl Default for SystemRandom {
    fn default() -> SystemRandom {
        SystemRandom::new()
    }
}

impl base::Random for SystemRandom {
    /// # Panics
    /// If the operating system gives no random bytes: nothing safe can go on without them.
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes).expect("the operating system gives random bytes");
    }
}

#[cfg(test)]
mod tests {
    use super::SystemRandom;

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
}
