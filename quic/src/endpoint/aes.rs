//! AES-128 on single blocks, both ways: the cipher that load balancers read connection IDs with.
//!
//! Protection of packets is the provider's. It offers no single blocks backwards, and of those forwards five bytes, so that IDs
//! that need more are done here. Each step works on all sixteen bytes at once, one machine word for each of their bits, so
//! that no table is looked up and nothing branches: time tells nothing of the key.

/// Bytes of a block, and of a key.
pub(super) const BLOCK_LEN: usize = 16;
const ROUNDS: usize = 10;

/// Bit b of byte i of a block is bit i of word b. Byte i is in row i % 4 and column i / 4.
type Planes = [u16; 8];

/// A key, expanded.
pub(super) struct Aes128 {
    round_keys: [Planes; ROUNDS + 1],
}

impl Aes128 {
    pub(super) fn new(key: &[u8; BLOCK_LEN]) -> Aes128 {
        let mut bytes = *key;
        let mut constant: u8 = 1;
        let mut round_keys = [[0; 8]; ROUNDS + 1];
        for round_key in &mut round_keys {
            *round_key = to_planes(&bytes);
            bytes = next_key(&bytes, constant);
            constant = (constant << 1) ^ ((constant >> 7) * 0x1b);
        }
        crypto::secret::wipe(&mut bytes);
        Aes128 { round_keys }
    }

    pub(super) fn encrypt(&self, block: &[u8; BLOCK_LEN]) -> [u8; BLOCK_LEN] {
        let mut state = add(&to_planes(block), &self.round_keys[0]);
        for round in 1..=ROUNDS {
            state = shift_rows(&substitute(&state), 4);
            if round < ROUNDS {
                state = mix_columns(&state);
            }
            state = add(&state, &self.round_keys[round]);
        }
        from_planes(&state)
    }

    pub(super) fn decrypt(&self, block: &[u8; BLOCK_LEN]) -> [u8; BLOCK_LEN] {
        let mut state = to_planes(block);
        for round in (1..=ROUNDS).rev() {
            state = add(&state, &self.round_keys[round]);
            if round < ROUNDS {
                // Mixing four times is nothing at all, so three times is once backwards.
                state = mix_columns(&mix_columns(&mix_columns(&state)));
            }
            state = substitute_back(&shift_rows(&state, 12));
        }
        from_planes(&add(&state, &self.round_keys[0]))
    }
}

impl Drop for Aes128 {
    fn drop(&mut self) {
        self.round_keys = [[0; 8]; ROUNDS + 1];
        core::hint::black_box(&self.round_keys);
    }
}

/// The key of the next round.
fn next_key(key: &[u8; BLOCK_LEN], constant: u8) -> [u8; BLOCK_LEN] {
    let substituted = from_planes(&substitute(&to_planes(key)));
    let mut next = *key;
    for row in 0..4 {
        next[row] ^= substituted[12 + (row + 1) % 4];
    }
    next[0] ^= constant;
    for at in 4..BLOCK_LEN {
        next[at] ^= next[at - 4];
    }
    next
}

fn to_planes(bytes: &[u8; BLOCK_LEN]) -> Planes {
    core::array::from_fn(|bit| bytes.iter().rev().fold(0, |plane: u16, byte| plane << 1 | u16::from(byte >> bit & 1)))
}

fn from_planes(planes: &Planes) -> [u8; BLOCK_LEN] {
    core::array::from_fn(|at| planes.iter().rev().fold(0, |byte: u8, plane| byte << 1 | (plane >> at & 1) as u8))
}

fn add(left: &Planes, right: &Planes) -> Planes {
    core::array::from_fn(|bit| left[bit] ^ right[bit])
}

/// Row r turns by r columns; `step` is 4 forwards, and 12 backwards.
fn shift_rows(state: &Planes, step: u32) -> Planes {
    state.map(|plane| (0..4).fold(0, |shifted, row| shifted | plane.rotate_right(step * row) & 0x1111 << row))
}

fn mix_columns(state: &Planes) -> Planes {
    let below = state.map(|plane| plane >> 1 & 0x7777 | plane << 3 & 0x8888);
    let sum = add(state, &below);
    let farther = sum.map(|plane| plane >> 2 & 0x3333 | plane << 2 & 0xcccc);
    add(&add(&double(&sum), &below), &farther)
}

/// Times x, modulo x^8 + x^4 + x^3 + x + 1.
const fn double(value: &Planes) -> Planes {
    let [a, b, c, d, e, f, g, h] = *value;
    [h, a ^ h, b, c ^ h, d ^ h, e, f, g]
}

fn multiply(left: &Planes, right: &Planes) -> Planes {
    let mut product = [0; 15];
    for (high, left) in left.iter().enumerate() {
        for (low, right) in right.iter().enumerate() {
            product[high + low] ^= left & right;
        }
    }
    reduce(product)
}

fn square(value: &Planes) -> Planes {
    let mut spread = [0; 15];
    for (bit, plane) in value.iter().enumerate() {
        spread[2 * bit] = *plane;
    }
    reduce(spread)
}

fn reduce(mut product: [u16; 15]) -> Planes {
    for bit in (8..15).rev() {
        for lower in [4, 5, 7, 8] {
            product[bit - lower] ^= product[bit];
        }
    }
    core::array::from_fn(|bit| product[bit])
}

/// To the power of 254: the inverse, and zero for zero.
fn invert(value: &Planes) -> Planes {
    let second = square(value);
    let third = multiply(&second, value);
    let twelfth = square(&square(&third));
    let fifteenth = multiply(&twelfth, &third);
    let high = square(&square(&square(&square(&fifteenth))));
    multiply(&multiply(&high, &twelfth), &second)
}

fn substitute(state: &Planes) -> Planes {
    let inverse = invert(state);
    core::array::from_fn(|bit| {
        let turned = [0, 4, 5, 6, 7].iter().fold(0, |sum, turn| sum ^ inverse[(bit + turn) % 8]);
        turned ^ all_if(0x63 >> bit & 1)
    })
}

fn substitute_back(state: &Planes) -> Planes {
    let inverse = core::array::from_fn(|bit| {
        let turned = [2, 5, 7].iter().fold(0, |sum, turn| sum ^ state[(bit + turn) % 8]);
        turned ^ all_if(0x05 >> bit & 1)
    });
    invert(&inverse)
}

const fn all_if(bit: u16) -> u16 {
    bit * u16::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(hex: u128) -> [u8; BLOCK_LEN] {
        hex.to_be_bytes()
    }

    /// FIPS 197, appendices B and C.1.
    #[test]
    fn blocks_of_the_standard_go_both_ways() {
        for (key, plain, cipher) in [
            (
                0x000102030405060708090a0b0c0d0e0f_u128,
                0x00112233445566778899aabbccddeeff_u128,
                0x69c4e0d86a7b0430d8cdb78070b4c55a_u128,
            ),
            (
                0x2b7e151628aed2a6abf7158809cf4f3c,
                0x3243f6a8885a308d313198a2e0370734,
                0x3925841d02dc09fbdc118597196a0b32,
            ),
        ] {
            let aes = Aes128::new(&block(key));
            assert_eq!(aes.encrypt(&block(plain)), block(cipher));
            assert_eq!(aes.decrypt(&block(cipher)), block(plain));
        }
    }

    /// The provider's header protection is the same cipher.
    #[test]
    fn the_provider_agrees() {
        let suite = crypto_ring::PROVIDER.initial;
        for number in 0..200_u128 {
            let key = block(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            let sample = block(number.wrapping_mul(0x2545_f491_4f6c_dd1d_0123_4567_89ab_cdef));
            let aes = Aes128::new(&key);
            let encrypted = aes.encrypt(&sample);
            assert_eq!(encrypted[..5], suite.aead.header_protection_key(&key).mask(&sample));
            assert_eq!(aes.decrypt(&encrypted), sample);
        }
    }
}
