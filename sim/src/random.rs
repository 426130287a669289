//! Randomness from a seed: xoshiro256** (Blackman and Vigna), its state filled by SplitMix64.
//!
//! It is the same on every machine, and good enough for finding faults. It is not cryptographically secure.

use base::{Duration, Random};

/// A generator that gives the same for the same seed.
#[derive(Clone, Debug)]
pub struct SeededRandom {
    state: [u64; 4],
}

impl SeededRandom {
    /// Every seed is as good as any other.
    pub fn new(seed: u64) -> SeededRandom {
        let mut counter = seed;
        let state = [(); 4].map(|()| {
            counter = counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (counter ^ (counter >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        SeededRandom { state }
    }

    /// Another generator, independent of what this one gives from here on.
    pub fn fork(&mut self) -> SeededRandom {
        SeededRandom::new(self.next_u64())
    }

    /// 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number from 0 up to but not including `end`, which is at least 1.
    pub fn below(&mut self, end: u64) -> u64 {
        assert!(end > 0, "no number is below zero");
        ((u128::from(self.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// True once in so many times, by chance.
    pub fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// True with this probability (0 never, 1 always). Draws in any case, so that changing one fault leaves the others.
    pub fn chance(&mut self, probability: f64) -> bool {
        const STEPS: f64 = (1u64 << 53) as f64;
        ((self.next_u64() >> 11) as f64) < probability * STEPS
    }

    /// A span up to `longest`.
    pub fn duration(&mut self, longest: Duration) -> Duration {
        let nanoseconds = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX - 1);
        Duration::from_nanos(self.below(nanoseconds.saturating_add(1)))
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_everything() {
        let draw = |seed| base::random::array::<100>(&mut SeededRandom::new(seed));
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
    }

    /// The state 1, 2, 3, 4 gives these numbers by the definition of the generator.
    #[test]
    fn the_generator_is_the_published_one() {
        let mut random = SeededRandom { state: [1, 2, 3, 4] };
        assert_eq!([(); 3].map(|()| random.next_u64()), [11_520, 0, 1_509_978_240]);
    }

    #[test]
    fn chance_keeps_to_its_probability() {
        let mut random = SeededRandom::new(1);
        let mut count = |probability| (0..10_000).filter(|_| random.chance(probability)).count();
        assert_eq!((count(0.0), count(1.0)), (0, 10_000));
        assert!((2_300..2_700).contains(&count(0.25)));
        assert!((0..1000).all(|_| random.below(3) < 3));
        assert!((200..300).contains(&(0..1000).filter(|_| random.one_in(4)).count()));
    }
}
