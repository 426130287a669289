//! Which of the first 64 datagrams of a run are lost: one bit each. Short exchanges can be tried with every mask there is.

/// Bit `n` set: datagram `n` of the whole network, counted from 0 in the order of sending, is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LossMask(pub u64);

impl LossMask {
    /// Nothing is lost.
    pub(crate) const NONE: LossMask = LossMask(0);

    /// Every mask over the first `datagrams`, from none lost to all lost: 2^`datagrams` of them.
    ///
    /// # Panics
    /// Above 32: there would be too many masks to try.
    pub fn all(datagrams: u32) -> impl Iterator<Item = LossMask> {
        assert!(datagrams <= 32, "2^{datagrams} runs");
        (0..1u64 << datagrams).map(LossMask)
    }

    /// Whether datagram `index` is lost. From 64 on none is.
    pub(crate) const fn loses(self, index: u64) -> bool {
        index < 64 && self.0 >> index & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::LossMask;

    #[test]
    fn every_pattern_comes_once() {
        let patterns: Vec<[bool; 4]> =
            LossMask::all(3).map(|mask| [0, 1, 2, 3].map(|index| mask.loses(index))).collect();
        assert_eq!(patterns.len(), 8);
        assert!(patterns.iter().all(|pattern| !pattern[3]));
        for bits in 0..8 {
            let pattern = [bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, false];
            assert_eq!(patterns.iter().filter(|other| **other == pattern).count(), 1);
        }
        assert!(LossMask(u64::MAX).loses(63) && !LossMask(u64::MAX).loses(64));
    }
}
