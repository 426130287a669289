//! Which worker a packet is for, as a function so small that a socket filter of the system can compute it.
//!
//! The last byte of a connection ID is the worker's number under a mask, which a few keyed multiplications make of the
//! other bytes. The mask keeps the numbers from being read off the IDs. It is no cipher: who gathers the IDs of many
//! connections of its own may find the keys, and learns of a stranger's ID then which worker it is for, and nothing else.

/// The keys of the mask.
pub const STEERING_KEYS: usize = 4;
/// The most workers that a byte tells apart.
pub const MAX_STEERED: u32 = 256;

/// How the worker is found from a packet with a short header (RFC 9000 section 17.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steering {
    /// Bytes of each connection ID; at least 6.
    pub id_len: usize,
    /// How many workers there are, at most [`MAX_STEERED`].
    pub workers: u32,
    /// Keys of the mask.
    pub keys: [u32; STEERING_KEYS],
}

impl Steering {
    /// The mask for the last byte of an ID: of its first four bytes, and of the four before the last.
    ///
    /// # Panics
    /// If there are fewer than five bytes.
    #[inline]
    pub fn mask(&self, id: &[u8]) -> u8 {
        let before = id.len() - 1;
        let word = |at: usize| id[at..at + 4].iter().fold(0, |word: u32, byte| word << 8 | u32::from(*byte));
        let [first, second, third, fourth] = self.keys;
        let mut mixed = multiply(word(0) ^ first, second | 1);
        mixed ^= mixed >> 15;
        mixed = multiply(add(mixed, word(before - 4) ^ third), fourth | 1);
        mixed ^= mixed >> 16;
        (multiply(mixed, second | 1) >> 24) as u8
    }

    /// The worker that a connection ID names, if there is one of that number.
    #[inline]
    pub fn worker(&self, id: &[u8]) -> Option<u32> {
        let last = id.last().filter(|_| id.len() == self.id_len)?;
        Some(u32::from(last ^ self.mask(id))).filter(|worker| *worker < self.workers)
    }

    /// Puts `worker` into the last byte of a connection ID whose other bytes are final.
    ///
    /// # Panics
    /// If there are fewer than five bytes.
    #[inline]
    pub fn name(&self, worker: u32, id: &mut [u8]) {
        let mask = self.mask(id);
        if let Some(last) = id.last_mut() {
            *last = worker as u8 ^ mask;
        }
    }
}

/// The low half of a product, which is what a processor gives.
const fn multiply(left: u32, right: u32) -> u32 {
    (left as u64 * right as u64) as u32
}

/// The low half of a sum.
const fn add(left: u32, right: u32) -> u32 {
    (left as u64 + right as u64) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEERING: Steering = Steering { id_len: 8, workers: 200, keys: [0x1234_5678, 0x9abc_def1, 77, 0xdead_beef] };

    #[test]
    fn a_worker_that_is_named_is_found_and_one_beyond_the_last_is_not() {
        for worker in 0..=255 {
            let mut id = [9, 1, 2, worker as u8, 4, 5, 6, 0];
            STEERING.name(worker, &mut id);
            assert_eq!(STEERING.worker(&id), (worker < 200).then_some(worker));
        }
        assert_eq!(STEERING.worker(&[0; 7]), None);
        assert_eq!(STEERING.worker(&[]), None);
    }

    /// The last byte of one worker's IDs takes all values about equally often, whichever byte of the rest changes.
    #[test]
    fn the_last_byte_tells_nothing_by_itself() {
        for at in 0..7 {
            let mut seen = [0_u32; 256];
            for number in 0..=u16::MAX {
                let mut id = [0; 8];
                let [high, low] = number.to_be_bytes();
                id[at] = low;
                id[(at + 3) % 7] = high;
                STEERING.name(3, &mut id);
                seen[usize::from(id[7])] += 1;
            }
            let most = seen.iter().max().copied().unwrap_or_default();
            assert!(most < 2 * 256, "byte {at}: {most} of 65,536 where 256 are the mean");
        }
    }
}
