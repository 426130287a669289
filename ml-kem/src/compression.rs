//! Coefficients in fewer bits (FIPS 203 section 4.2.1).

use crate::field::{self, Q};

/// Compress: the nearest multiple of Q / 2^BITS, modulo 2^BITS. Takes a number between -Q and Q.
///
/// A division by Q would take a time that depends on the number, on many machines. The product with its reciprocal does not.
#[inline(always)]
pub(crate) fn compress<const BITS: u32>(coefficient: i16) -> u16 {
    const SCALE: u64 = 1 << 34;
    /// Rounded up: for dividends below 2^22, which is more than there are, the quotient is exact.
    const RECIPROCAL: u64 = SCALE / Q as u64 + 1;
    const HALF: u64 = (Q as u64) >> 1;
    let dividend = (u64::from(field::canonical(coefficient)) << BITS) + HALF;
    ((dividend * RECIPROCAL) >> 34) as u16 & ((1 << BITS) - 1)
}

/// Decompress, from 0 to Q.
#[inline(always)]
pub(crate) fn decompress<const BITS: u32>(compressed: u16) -> i16 {
    ((u32::from(compressed) * Q as u32 + (1 << (BITS - 1))) >> BITS) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress_by_division(coefficient: i16, bits: u32) -> u16 {
        let dividend = u64::from(coefficient.rem_euclid(Q) as u16) << bits;
        (((2 * dividend + Q as u64) / (2 * Q as u64)) & ((1 << bits) - 1)) as u16
    }

    #[test]
    fn every_coefficient_is_compressed_as_by_division() {
        for coefficient in 1 - Q..Q {
            assert_eq!(compress::<1>(coefficient), compress_by_division(coefficient, 1));
            assert_eq!(compress::<4>(coefficient), compress_by_division(coefficient, 4));
            assert_eq!(compress::<10>(coefficient), compress_by_division(coefficient, 10));
        }
    }

    /// FIPS 203 section 4.2.1: compressing undoes decompressing.
    #[test]
    fn what_is_decompressed_is_compressed_to_the_same() {
        assert!((0..2).all(|y| compress::<1>(decompress::<1>(y)) == y));
        assert!((0..16).all(|y| compress::<4>(decompress::<4>(y)) == y));
        assert!((0..1024).all(|y| compress::<10>(decompress::<10>(y)) == y));
        assert_eq!([0, 1].map(decompress::<1>), [0, 1665]);
        assert!((0..1024).all(|y| (0..Q).contains(&decompress::<10>(y))));
    }
}
