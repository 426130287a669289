//! Polynomials out of a stream of bytes: those of the matrix, uniformly distributed, and noise (FIPS 203 section 4.2.2).

use crate::field::Q;
use crate::keccak::{Shake128, Shake256};
use crate::polynomial::{DEGREE, Polynomial, Vector};
use crate::wipe::Wiped;

/// The entry of the matrix at this place of the two bytes that are hashed with the seed (algorithm 7): a transform, with
/// coefficients from 0 to Q - 1. Time depends on the seed, which is public.
pub(crate) fn uniform(seed: &[u8; 32], place: [u8; 2], out: &mut Polynomial) {
    let mut stream = Shake128::extendable(&[seed, &place]);
    let mut block = [0; 168];
    let mut filled = 0;
    while filled < DEGREE {
        stream.squeeze_block(&mut block);
        filled = accept(&block, &mut out.0, filled);
    }
}

/// Twelve bits at a time, those below Q, until the polynomial is full.
fn accept(block: &[u8; 168], out: &mut [i16; DEGREE], mut filled: usize) -> usize {
    for [b0, b1, b2] in block.as_chunks::<3>().0 {
        let (b0, b1, b2) = (i16::from(*b0), i16::from(*b1), i16::from(*b2));
        for candidate in [b0 | (b1 & 0xf) << 8, b1 >> 4 | b2 << 4] {
            // What is not accepted is overwritten by the next one.
            let Some(place) = out.get_mut(filled) else { return filled };
            *place = candidate;
            filled += usize::from(candidate < Q);
        }
    }
    filled
}

/// Noise: the difference of two sums of two bits each (algorithm 8 with eta = 2), from the stream that `seed` and `number` give.
pub(crate) fn noise(seed: &[u8; 32], number: u8, out: &mut Polynomial) {
    let mut bytes = Wiped([0; 136]);
    Shake256::extendable(&[seed, &[number]]).squeeze_block(&mut bytes);
    // The 128 bytes that are needed are within one block, and each has two coefficients.
    for (pair, byte) in out.0.as_chunks_mut::<2>().0.iter_mut().zip(bytes.iter()) {
        // Sums of neighbouring bits, four of them in the places of two bits each.
        let sums = i16::from((byte & 0x55) + (byte >> 1 & 0x55));
        *pair = [(sums & 3) - (sums >> 2 & 3), (sums >> 4 & 3) - (sums >> 6)];
    }
}

/// A vector of noise, whose polynomials have the numbers from `first` on.
pub(crate) fn noise_vector(seed: &[u8; 32], first: u8, out: &mut Vector) {
    out.iter_mut().zip(first..).for_each(|(polynomial, number)| noise(seed, number, polynomial));
}
