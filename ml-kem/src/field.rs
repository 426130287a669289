//! Arithmetic modulo 3329 on 16-bit numbers, written so that a compiler can do many at once.
//!
//! A number stands for its class modulo [`Q`]; which of the representatives it is, each function says. Products are
//! Montgomery's: they have a factor 2^-16 that the caller accounts for. Sums are not reduced, and each caller says why they fit.

/// The modulus q of FIPS 203.
pub(crate) const Q: i16 = 3329;
/// The inverse of Q modulo 2^16.
const Q_INVERSE: i16 = -3327;
/// 2^16 modulo Q.
const MONTGOMERY_1: i16 = 2285;
/// 2^32 modulo Q: [`multiply`] by it gives a number the factor 2^16.
pub(crate) const MONTGOMERY_2: i16 = 1353;

/// `number` times 2^16, modulo Q: what makes a constant a factor of [`multiply`].
pub(crate) const fn to_montgomery(number: i16) -> i16 {
    (number as i32 * MONTGOMERY_1 as i32 % Q as i32) as i16
}

/// A sum. Callers know that it fits; where tests run, this is checked.
#[inline(always)]
pub(crate) fn add(a: i16, b: i16) -> i16 {
    let sum = i32::from(a) + i32::from(b);
    debug_assert!(i16::try_from(sum).is_ok(), "{a} + {b}");
    sum as i16
}

/// A difference, as [`add`].
#[inline(always)]
pub(crate) fn subtract(a: i16, b: i16) -> i16 {
    let difference = i32::from(a) - i32::from(b);
    debug_assert!(i16::try_from(difference).is_ok(), "{a} - {b}");
    difference as i16
}

/// A sum of products, as [`add`].
#[inline(always)]
pub(crate) fn add_products(a: i32, b: i32) -> i32 {
    let sum = i64::from(a) + i64::from(b);
    debug_assert!(i32::try_from(sum).is_ok(), "{a} + {b}");
    sum as i32
}

/// A factor of many products: with the half of the work that concerns it alone already done.
#[derive(Clone, Copy)]
pub(crate) struct Factor {
    value: i16,
    /// Times the inverse of Q, modulo 2^16.
    twisted: i16,
}

impl Factor {
    /// Prepares `value`.
    pub(crate) const fn new(value: i16) -> Factor {
        Factor { value, twisted: low(value, Q_INVERSE) }
    }

    /// Its opposite.
    pub(crate) const fn negated(self) -> Factor {
        Factor::new(-self.value)
    }

    /// The product with `a`, times 2^-16: between -Q and Q, if the factor is between them.
    #[inline(always)]
    pub(crate) fn times(self, a: i16) -> i16 {
        // The lower halves of both products are equal, so the difference of the upper halves is exact.
        subtract(high(a, self.value), high(low(a, self.twisted), Q))
    }
}

/// Factors for as many numbers, each with its own, in the order in which a compiler can load several of them at once.
pub(crate) struct Factors<const N: usize> {
    values: [i16; N],
    twisted: [i16; N],
}

impl<const N: usize> Factors<N> {
    pub(crate) const fn new(factors: &[Factor; N]) -> Factors<N> {
        let (mut values, mut twisted) = ([0; N], [0; N]);
        let mut place = 0;
        while place < N {
            (values[place], twisted[place]) = (factors[place].value, factors[place].twisted);
            place += 1;
        }
        Factors { values, twisted }
    }

    /// Multiplies each number by its factor, as [`Factor::times`].
    #[inline(always)]
    pub(crate) fn multiply(&self, numbers: &mut [i16; N]) {
        for ((number, value), twisted) in numbers.iter_mut().zip(&self.values).zip(&self.twisted) {
            *number = Factor { value: *value, twisted: *twisted }.times(*number);
        }
    }
}

/// `a` times `b` times 2^-16: between -Q and Q, if one of the factors is.
#[inline(always)]
pub(crate) fn multiply(a: i16, b: i16) -> i16 {
    subtract(high(a, b), high(low(low(a, b), Q_INVERSE), Q))
}

/// `a` times 2^-16: between -Q and Q, if `a` is between -Q * 2^15 and Q * 2^15.
#[inline(always)]
pub(crate) fn reduce_product(a: i32) -> i16 {
    debug_assert!(a.unsigned_abs() < (Q as u32) << 15, "{a}");
    // The upper half of such a number is below Q / 2, so this cannot overflow.
    subtract((a >> 16) as i16, high(low(a as i16, Q_INVERSE), Q))
}

/// The representative next to zero, of any number.
#[inline(always)]
pub(crate) fn reduce(a: i16) -> i16 {
    // Which multiple of Q is nearest: 2^26 / Q is 20158.7.
    const RECIPROCAL: i16 = 20159;
    let multiple = add(high(a, RECIPROCAL), 1 << 9) >> 10;
    // The multiple may not fit, but the difference does.
    (i32::from(a) - i32::from(multiple) * i32::from(Q)) as i16
}

/// The representative of FIPS 203, from 0 to Q - 1, of a number between -Q and Q.
#[inline(always)]
pub(crate) fn canonical(a: i16) -> u16 {
    debug_assert!(-Q < a && a < Q, "{a}");
    // The shift gives all ones for a negative number and zero for others.
    add(a, (a >> 15) & Q) as u16
}

/// The upper half of a product.
#[inline(always)]
fn high(a: i16, b: i16) -> i16 {
    ((i32::from(a) * i32::from(b)) >> 16) as i16
}

/// The lower half of a product.
#[inline(always)]
pub(crate) const fn low(a: i16, b: i16) -> i16 {
    (a as i32 * b as i32) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(number: i64) -> i64 {
        number.rem_euclid(i64::from(Q))
    }

    #[test]
    fn the_constants_are_what_they_are_said_to_be() {
        assert_eq!(low(Q, Q_INVERSE), 1);
        assert_eq!(i64::from(MONTGOMERY_1), class(1 << 16));
        assert_eq!(i64::from(MONTGOMERY_2), class(1 << 32));
        for number in 0..Q {
            assert_eq!(i64::from(to_montgomery(number)), class(i64::from(number) << 16));
        }
    }

    #[test]
    fn every_number_is_reduced_to_the_one_next_to_zero() {
        for a in i16::MIN..=i16::MAX {
            let reduced = reduce(a);
            assert!(reduced.abs() <= Q / 2, "{a} {reduced}");
            assert_eq!(class(i64::from(reduced)), class(i64::from(a)));
        }
        for a in 1 - Q..Q {
            assert_eq!(i64::from(canonical(a)), class(i64::from(a)));
        }
    }

    /// All of one factor with some of the other, among them the largest.
    #[test]
    fn products_are_right_and_small() {
        for factor in [1 - Q, -1665, -2, -1, 0, 1, 2, 17, 1664, 2285, Q - 1] {
            for a in i16::MIN..=i16::MAX {
                let product = i32::from(a) * i32::from(factor);
                for found in [multiply(a, factor), multiply(factor, a), Factor::new(factor).times(a)] {
                    assert!(-Q < found && found < Q, "{a} {factor} {found}");
                    assert_eq!(class(i64::from(found) << 16), class(i64::from(product)), "{a} {factor}");
                }
                if product.unsigned_abs() < (Q as u32) << 15 {
                    assert_eq!(class(i64::from(reduce_product(product)) << 16), class(i64::from(product)));
                }
            }
        }
        for a in [((Q as i32) << 15) - 1, 1 - ((Q as i32) << 15)] {
            let found = reduce_product(a);
            assert!(-Q < found && found < Q);
            assert_eq!(class(i64::from(found) << 16), class(i64::from(a)));
        }
    }
}
