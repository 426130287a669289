//! A polynomial of degree 255 with coefficients modulo 3329, or its transform: 256 numbers either way.

use crate::field;
use crate::wipe::Zero;

/// Coefficients.
pub(crate) const DEGREE: usize = 256;

/// Polynomials of a vector: the parameter k of ML-KEM-768.
pub(crate) const RANK: usize = 3;

/// Coefficients from the one of the lowest power on, as any of their representatives.
#[derive(Clone, Copy)]
pub(crate) struct Polynomial(pub(crate) [i16; DEGREE]);

impl Polynomial {
    /// All coefficients zero.
    pub(crate) const ZERO: Polynomial = Polynomial([0; DEGREE]);

    /// Adds `other`, coefficient by coefficient. Both are small enough for the sums to fit.
    pub(crate) fn add(&mut self, other: &Polynomial) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a = field::add(*a, *b));
    }

    /// Subtracts itself from `other`.
    pub(crate) fn subtract_from(&mut self, other: &Polynomial) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a = field::subtract(*b, *a));
    }

    /// Makes every coefficient the representative next to zero.
    pub(crate) fn reduce(&mut self) {
        self.0.iter_mut().for_each(|a| *a = field::reduce(*a));
    }
}

impl Zero for Polynomial {
    fn set_to_zero(&mut self) {
        self.0.fill(0);
    }
}

/// A vector of polynomials.
pub(crate) type Vector = [Polynomial; RANK];

impl Zero for Vector {
    fn set_to_zero(&mut self) {
        self.iter_mut().for_each(Zero::set_to_zero);
    }
}
