//! Bytes to work with: the same in every run, spread as random ones are.

/// A small generator (xorshift). Nothing here is a secret.
pub struct Samples(u64);

impl Samples {
    /// From a seed of its own.
    pub fn new(seed: u64) -> Samples {
        Samples(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// The next bytes.
    pub fn bytes<const LEN: usize>(&mut self) -> [u8; LEN] {
        std::array::from_fn(|_| (self.number() >> 56) as u8)
    }
}
