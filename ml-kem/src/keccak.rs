//! The permutation Keccak-f[1600], and on it the hash functions that FIPS 203 names: SHA3-256, SHA3-512, SHAKE128 and SHAKE256
//! (FIPS 202).

use crate::wipe::Wiped;

/// Lanes of 64 bits; the lane (x, y) of FIPS 202 is at x + 5y.
type State = [u64; 25];

/// What the step iota adds, round by round (FIPS 202 section 3.2.5).
const ROUND_CONSTANTS: [u64; 24] = round_constants();

/// Bit 2^j - 1 of the constant of round i is bit j + 7i of the sequence that a shift register of eight bits gives.
const fn round_constants() -> [u64; 24] {
    let mut constants = [0; 24];
    let mut register: u32 = 1;
    let mut round = 0;
    while round < 24 {
        let mut j = 0;
        while j < 7 {
            constants[round] |= ((register & 1) as u64) << ((1 << j) - 1);
            register <<= 1;
            register ^= (register >> 8) * 0x171;
            j += 1;
        }
        round += 1;
    }
    constants
}

/// The lanes that are inverted while rounds are computed. Chi inverts a lane for each lane of its result. Where one of the lanes that
/// it joins is inverted already, its result or that of `|` in the place of `&` is what is needed, or its inverse; with these six
/// a round inverts five lanes and not 25, and leaves the same six inverted.
const INVERTED: [usize; 6] = [1, 2, 8, 12, 17, 20];

/// Two rounds at a time, there and back again: a round that writes elsewhere than it reads needs no copy of the lanes.
fn permute(state: &mut State) {
    INVERTED.iter().for_each(|lane| state[*lane] = !state[*lane]);
    let mut other = Wiped([0; 25]);
    let mut columns = [0, 1, 2, 3, 4].map(|x| state[x] ^ state[x + 5] ^ state[x + 10] ^ state[x + 15] ^ state[x + 20]);
    for [first, second] in ROUND_CONSTANTS.as_chunks::<2>().0 {
        columns = round(state, &mut other, columns, *first);
        columns = round(&other, state, columns, *second);
    }
    INVERTED.iter().for_each(|lane| state[*lane] = !state[*lane]);
}

/// The five steps theta, rho, pi, chi and iota. Takes the sums of the columns and gives those of the result: a lane is added to
/// its column while it is in a register.
#[inline(always)]
fn round(a: &State, out: &mut State, columns: [u64; 5], constant: u64) -> [u64; 5] {
    let neighbours = |x: usize| columns[(x + 4) % 5] ^ columns[(x + 1) % 5].rotate_left(1);
    let d = [neighbours(0), neighbours(1), neighbours(2), neighbours(3), neighbours(4)];
    // Rho turns the lane (x, y), and pi puts it at (y, 2x + 3y): the rows are those after pi.
    let turned = |lane: usize, by: u32| (a[lane] ^ d[lane % 5]).rotate_left(by);
    let mut sums = [0; 5];
    let mut set = |row: usize, lanes: [u64; 5]| {
        for (x, lane) in lanes.into_iter().enumerate() {
            out[5 * row + x] = lane;
            sums[x] ^= lane;
        }
    };
    let [b0, b1, b2, b3, b4] = [turned(0, 0), turned(6, 44), turned(12, 43), turned(18, 21), turned(24, 14)];
    set(0, [b0 ^ (b1 | b2) ^ constant, b1 ^ (!b2 | b3), b2 ^ (b3 & b4), b3 ^ (b4 | b0), b4 ^ (b0 & b1)]);
    let [b0, b1, b2, b3, b4] = [turned(3, 28), turned(9, 20), turned(10, 3), turned(16, 45), turned(22, 61)];
    set(1, [b0 ^ (b1 | b2), b1 ^ (b2 & b3), b2 ^ (b3 | !b4), b3 ^ (b4 | b0), b4 ^ (b0 & b1)]);
    let [b0, b1, b2, b3, b4] = [turned(1, 1), turned(7, 6), turned(13, 25), !turned(19, 8), turned(20, 18)];
    set(2, [b0 ^ (b1 | b2), b1 ^ (b2 & !b3), b2 ^ (b3 & b4), b3 ^ (b4 | b0), b4 ^ (b0 & b1)]);
    let [b0, b1, b2, b3, b4] = [turned(4, 27), turned(5, 36), turned(11, 10), !turned(17, 15), turned(23, 56)];
    set(3, [b0 ^ (b1 & b2), b1 ^ (b2 | !b3), b2 ^ (b3 | b4), b3 ^ (b4 & b0), b4 ^ (b0 | b1)]);
    let [b0, b1, b2, b3, b4] = [turned(2, 62), !turned(8, 55), turned(14, 39), turned(15, 41), turned(21, 2)];
    set(4, [b0 ^ (b1 & b2), b1 ^ (b2 | b3), b2 ^ (b3 & b4), b3 ^ (b4 | b0), b4 ^ (b0 & !b1)]);
    sums
}

/// A sponge that takes in and gives out `RATE` bytes with each permutation.
pub(crate) struct Sponge<const RATE: usize> {
    state: Wiped<State>,
    /// Bytes of the block that were taken in, or given out.
    position: usize,
}

/// SHAKE128: the matrix is made of it.
pub(crate) type Shake128 = Sponge<168>;
/// SHAKE256: noise is made of it, and the secret of a rejected ciphertext.
pub(crate) type Shake256 = Sponge<136>;

impl<const RATE: usize> Sponge<RATE> {
    /// What FIPS 202 sections 6.1 and 6.2 append to the message: two bits for a hash, four for an extendable output, and
    /// the first bit of the padding.
    const HASH: u8 = 0b0000_0110;
    pub(crate) const EXTENDABLE: u8 = 0b0001_1111;

    pub(crate) fn new() -> Sponge<RATE> {
        const { assert!(RATE.is_multiple_of(8) && RATE < 200) };
        Sponge { state: Wiped([0; 25]), position: 0 }
    }

    /// An extendable output of `parts`, one after the other, ready to be read with [`squeeze`](Self::squeeze).
    pub(crate) fn extendable(parts: &[&[u8]]) -> Sponge<RATE> {
        let mut sponge = Sponge::new();
        parts.iter().for_each(|part| sponge.absorb(part));
        sponge.end_of_input(Self::EXTENDABLE);
        sponge
    }

    pub(crate) fn absorb(&mut self, mut input: &[u8]) {
        while let Some((first, rest)) = input.split_first() {
            match input.split_first_chunk::<8>() {
                Some((lane, rest)) if self.position.is_multiple_of(8) => {
                    self.state[self.position / 8] ^= u64::from_le_bytes(*lane);
                    self.position += 8;
                    input = rest;
                }
                _ => {
                    self.add(self.position, *first);
                    self.position += 1;
                    input = rest;
                }
            }
            self.permute_if_block_is_full();
        }
    }

    pub(crate) fn end_of_input(&mut self, suffix: u8) {
        self.add(self.position, suffix);
        self.add(RATE - 1, 0b1000_0000);
        permute(&mut self.state);
        self.position = 0;
    }

    /// Fills `out` with what comes next.
    pub(crate) fn squeeze(&mut self, out: &mut [u8]) {
        for byte in out {
            self.permute_if_block_is_full();
            *byte = self.byte(self.position);
            self.position += 1;
        }
    }

    /// The whole next block; for outputs that are read block by block.
    pub(crate) fn squeeze_block(&mut self, out: &mut [u8; RATE]) {
        assert!(self.position == 0 || self.position == RATE, "blocks are read one after the other");
        self.permute_if_block_is_full();
        for (bytes, lane) in out.as_chunks_mut::<8>().0.iter_mut().zip(self.state.iter()) {
            *bytes = lane.to_le_bytes();
        }
        self.position = RATE;
    }

    fn permute_if_block_is_full(&mut self) {
        if self.position == RATE {
            permute(&mut self.state);
            self.position = 0;
        }
    }

    fn add(&mut self, position: usize, byte: u8) {
        self.state[position / 8] ^= u64::from(byte) << (8 * (position % 8));
    }

    fn byte(&self, position: usize) -> u8 {
        (self.state[position / 8] >> (8 * (position % 8))) as u8
    }

    fn hash(parts: &[&[u8]], digest: &mut [u8]) {
        let mut sponge: Sponge<RATE> = Sponge::new();
        parts.iter().for_each(|part| sponge.absorb(part));
        sponge.end_of_input(Self::HASH);
        sponge.squeeze(digest);
    }
}

/// SHA3-256 of `parts`, one after the other.
pub(crate) fn sha3_256(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = [0; 32];
    Sponge::<136>::hash(parts, &mut digest);
    digest
}

/// SHA3-512 of `parts`, one after the other; the two halves of the digest are values of their own.
pub(crate) fn sha3_512(parts: &[&[u8]], first: &mut [u8; 32], second: &mut [u8; 32]) {
    let mut digest = Wiped([0; 64]);
    Sponge::<72>::hash(parts, &mut digest[..]);
    first.copy_from_slice(&digest[..32]);
    second.copy_from_slice(&digest[32..]);
}

#[cfg(test)]
mod tests;
