//! The number-theoretic transform (FIPS 203 section 4.3): in it the product of two polynomials is 128 small products.

use crate::field::{self, Factor, Factors, MONTGOMERY_2, Q};
use crate::polynomial::{DEGREE, Polynomial};
use crate::wipe::Wiped;
use core::array;

/// A root of unity of order 256.
const ROOT: i16 = 17;

/// Powers of the root, the exponents in the order of their seven bits reversed (FIPS 203 appendix A), ready to multiply by.
const POWERS: [Factor; 128] = powers();

const fn powers() -> [Factor; 128] {
    let mut powers = [Factor::new(0); 128];
    let (mut exponent, mut power) = (0u8, 1i16);
    while exponent < 128 {
        powers[(exponent.reverse_bits() >> 1) as usize] = Factor::new(field::to_montgomery(power));
        power = (power as i32 * ROOT as i32 % Q as i32) as i16;
        exponent += 1;
    }
    powers
}

/// 1/128, which the inverse transform ends with, and the factor 2^16 that [`product`](crate::product) left to it.
const LAST: Factor = Factor::new((MONTGOMERY_2 as i32 * INVERSE_OF_128 as i32 % Q as i32) as i16);
const INVERSE_OF_128: i16 = 3303;

/// The root that belongs to the pair of coefficients of this number: modulo X^2 minus it the transform is (FIPS 203
/// section 4.3.1). Of two pairs in a row, one has a power and one the opposite.
pub(crate) const fn root_of_pair(number: usize) -> Factor {
    let power = POWERS[64 + number / 2];
    if number.is_multiple_of(2) { power } else { power.negated() }
}

/// The transform. Takes coefficients between -Q and Q, gives the representatives next to zero.
pub(crate) fn forward(polynomial: &mut Polynomial) {
    let a = &mut polynomial.0;
    // Each layer adds a product to every coefficient, so after seven they are between -8 Q and 8 Q, which fits.
    forward_layer::<128>(a);
    forward_layer::<64>(a);
    forward_layer::<32>(a);
    forward_layer::<16>(a);
    forward_layer::<8>(a);
    short_forward_layer::<4>(a, &FORWARD_4);
    short_forward_layer::<2>(a, &FORWARD_2);
    polynomial.reduce();
}

fn forward_layer<const LEN: usize>(a: &mut [i16; DEGREE]) {
    let powers = &POWERS[128 / LEN..];
    for (block, power) in a.chunks_exact_mut(2 * LEN).zip(powers) {
        let (first, second) = block.split_at_mut(LEN);
        for (x, y) in first.iter_mut().zip(second) {
            let product = power.times(*y);
            (*x, *y) = (field::add(*x, product), field::subtract(*x, product));
        }
    }
}

/// The way back, times 2^16. Takes numbers between -Q and Q, and gives such.
pub(crate) fn inverse(polynomial: &mut Polynomial) {
    // The first two layers give numbers between -Q and Q. Each of the others doubles sums; so they are reduced before they have
    // grown to 8 Q.
    short_inverse_layer::<2>(&mut polynomial.0, &INVERSE_2);
    short_inverse_layer::<4>(&mut polynomial.0, &INVERSE_4);
    inverse_layer::<8>(&mut polynomial.0);
    polynomial.reduce();
    inverse_layer::<16>(&mut polynomial.0);
    inverse_layer::<32>(&mut polynomial.0);
    inverse_layer::<64>(&mut polynomial.0);
    polynomial.reduce();
    inverse_layer::<128>(&mut polynomial.0);
    polynomial.0.iter_mut().for_each(|a| *a = LAST.times(*a));
}

fn inverse_layer<const LEN: usize>(a: &mut [i16; DEGREE]) {
    let powers = POWERS[128 / LEN..256 / LEN].iter().rev();
    for (block, power) in a.chunks_exact_mut(2 * LEN).zip(powers) {
        let (first, second) = block.split_at_mut(LEN);
        for (x, y) in first.iter_mut().zip(second) {
            (*x, *y) = (field::add(*x, *y), power.times(field::subtract(*y, *x)));
        }
    }
}

/// As many coefficients as are computed together.
const TOGETHER: usize = 8;

/// Factors of layers whose blocks are shorter than that: one for each coefficient.
const FORWARD_4: Factors<DEGREE> = forward_factors(4);
const FORWARD_2: Factors<DEGREE> = forward_factors(2);
const INVERSE_2: Factors<DEGREE> = inverse_factors(2);
const INVERSE_4: Factors<DEGREE> = inverse_factors(4);

/// What the second half of a block is multiplied by before it is added: the block's power, and for the second half the opposite.
const fn forward_factors(len: usize) -> Factors<DEGREE> {
    let mut factors = [POWERS[0]; DEGREE];
    let mut place = 0;
    while place < DEGREE {
        let power = POWERS[128 / len + place / (2 * len)];
        factors[place] = if place & len == 0 { power } else { power.negated() };
        place += 1;
    }
    Factors::new(&factors)
}

/// What sums and differences are multiplied by: one, and the block's power, which come in the order of [`inverse_layer`].
const fn inverse_factors(len: usize) -> Factors<DEGREE> {
    let mut factors = [Factor::new(field::to_montgomery(1)); DEGREE];
    let mut place = 0;
    while place < DEGREE {
        if place & len != 0 {
            factors[place] = POWERS[256 / len - 1 - place / (2 * len)];
        }
        place += 1;
    }
    Factors::new(&factors)
}

/// As [`forward_layer`], across blocks.
fn short_forward_layer<const LEN: usize>(a: &mut [i16; DEGREE], factors: &Factors<DEGREE>) {
    let mut products = Wiped([0; DEGREE]);
    for (products, a) in products.as_chunks_mut::<TOGETHER>().0.iter_mut().zip(a.as_chunks::<TOGETHER>().0) {
        *products = array::from_fn(|place| a[place | LEN]);
    }
    factors.multiply(&mut products);
    for (a, products) in a.as_chunks_mut::<TOGETHER>().0.iter_mut().zip(products.as_chunks::<TOGETHER>().0) {
        *a = array::from_fn(|place| field::add(a[place & !LEN], products[place]));
    }
}

/// As [`inverse_layer`], across blocks. Sums are multiplied by one, so that they do not grow.
fn short_inverse_layer<const LEN: usize>(a: &mut [i16; DEGREE], factors: &Factors<DEGREE>) {
    let signs: [i16; TOGETHER] = array::from_fn(|place| if place & LEN == 0 { 1 } else { -1 });
    for a in a.as_chunks_mut::<TOGETHER>().0 {
        *a = array::from_fn(|place| field::add(a[place | LEN], field::low(a[place & !LEN], signs[place])));
    }
    factors.multiply(a);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::{Multiplier, Sum};

    fn numbers(start: i64, step: i64) -> Polynomial {
        let mut out = Polynomial::ZERO;
        for (place, number) in out.0.iter_mut().zip(0..) {
            *place = ((start + step * number * number) % i64::from(Q)) as i16;
        }
        out
    }

    fn class(number: i64) -> i64 {
        number.rem_euclid(i64::from(Q))
    }

    /// Modulo X^256 + 1: what goes over the top comes back with the other sign.
    fn school_product(a: &Polynomial, b: &Polynomial) -> [i64; DEGREE] {
        let mut out = [0; DEGREE];
        for (i, x) in a.0.iter().enumerate() {
            for (j, y) in b.0.iter().enumerate() {
                let sign = if i + j < DEGREE { 1 } else { -1 };
                out[(i + j) % DEGREE] += sign * i64::from(*x) * i64::from(*y);
            }
        }
        out.map(class)
    }

    #[test]
    fn the_product_of_transforms_is_the_transform_of_the_product() {
        for (start, step) in [(0, 1), (1, 0), (3328, 0), (-3328, 0), (5, 77), (-9, 1234)] {
            let (a, b) = (numbers(start, step), numbers(3 - step, 2 * start + 1));
            let expected = school_product(&a, &b);
            let (mut left, mut right) = (a, b);
            forward(&mut left);
            forward(&mut right);
            let mut sum = Sum::new();
            let mut multiplier = Multiplier::new();
            multiplier.set(&right);
            sum.add_product(&left, &multiplier);
            let mut product = Polynomial::ZERO;
            sum.reduce_to(&mut product);
            inverse(&mut product);
            assert!(product.0.iter().all(|a| -Q < *a && *a < Q));
            assert_eq!(product.0.map(|a| class(i64::from(a))), expected);
        }
    }

    /// The sums of a layer are largest for the largest input; in tests they are checked to fit.
    #[test]
    fn the_largest_numbers_fit() {
        for sign in [1, -1] {
            let mut largest = Polynomial([sign * (Q - 1); DEGREE]);
            forward(&mut largest);
            assert!(largest.0.iter().all(|a| a.abs() <= Q / 2));
            inverse(&mut Polynomial([sign * (Q - 1); DEGREE]));
            let mut turns = Polynomial::ZERO;
            turns.0.iter_mut().enumerate().for_each(|(i, a)| *a = if i & 2 == 0 { Q - 1 } else { 1 - Q });
            inverse(&mut turns);
        }
    }
}
