//! The mask of a client's frames (RFC 6455 section 5.3): what a client sends looks like nothing that its application has chosen, so
//! that no proxy on the way takes it for something of its own.

use alloc::boxed::Box;
use base::Random;
use core::fmt;

/// The key of one frame.
pub(crate) type Key = [u8; 4];

/// Random bytes that are asked for at a time: a call of the system costs more than it gives.
const POOL: usize = 256;

/// Masks a part of a frame, or unmasks it: `at` bytes of the frame came before.
pub(crate) fn apply(key: Key, at: usize, bytes: &mut [u8]) {
    let mut turned = key;
    turned.rotate_left(at % 4);
    let [a, b, c, d] = turned;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(turned.iter().cycle()) {
        *byte ^= key;
    }
}

/// Where a client takes its keys from.
pub(crate) struct Keys {
    random: Box<dyn Random>,
    pool: [u8; POOL],
    used: usize,
}

impl Keys {
    pub(crate) fn new(random: Box<dyn Random>) -> Keys {
        Keys { random, pool: [0; POOL], used: POOL }
    }

    /// A key that nobody can predict.
    ///
    /// RFC 6455 section 5.3-2, 5.3-3, 10.3-1.
    pub(crate) fn next(&mut self) -> Key {
        if self.used == POOL {
            self.random.fill(&mut self.pool);
            self.used = 0;
        }
        let mut key = Key::default();
        key.copy_from_slice(&self.pool[self.used..self.used + 4]);
        self.used += 4;
        key
    }
}

/// The keys that are to come are secret.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec::Vec;

    #[test]
    fn masked_in_pieces_is_masked_whole() {
        let key = [1, 2, 4, 8];
        let plain: Vec<u8> = (0..100).collect();
        let expected: Vec<u8> = plain.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        for size in 1..=100 {
            let mut bytes = plain.clone();
            let mut at = 0;
            for piece in bytes.chunks_mut(size) {
                apply(key, at, piece);
                at += piece.len();
            }
            assert_eq!(bytes, expected, "{size}");
        }
    }

    /// RFC 6455 section 5.3-2, 5.3-3, 10.3-1.
    #[test]
    fn each_frame_has_a_key_of_its_own_out_of_the_randomness() {
        struct Counter(u8);
        impl Random for Counter {
            fn fill(&mut self, bytes: &mut [u8]) {
                for (place, byte) in bytes.iter_mut().enumerate() {
                    *byte = (place as u8) ^ self.0;
                }
                self.0 = self.0.wrapping_add(77);
            }
        }
        let mut keys = Keys::new(Box::new(Counter(0)));
        let first: Vec<Key> = (0..POOL / 4).map(|_| keys.next()).collect();
        assert_eq!(first[1], [4, 5, 6, 7]);
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), POOL / 4);
        assert_eq!(keys.next(), [77, 76, 79, 78], "and then the next ones");
    }
}
