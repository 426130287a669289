//! Sums of products of transforms (FIPS 203 section 4.3.1): a row of the matrix times a vector, reduced once at its end.

use crate::field::{self, Factor, Factors};
use crate::polynomial::{DEGREE, Polynomial};
use crate::transform::root_of_pair;
use crate::wipe::{Wiped, Zero};

const PAIRS: usize = DEGREE / 2;

/// A factor of several products. The product of the pairs (a0, a1) and (b0, b1) is (a0 b0 + a1 b1 r, a0 b1 + a1 b0), where r
/// is the root of the pair; so what is added together stands side by side here.
pub(crate) struct Multiplier {
    /// b0 and b1 r.
    straight: Wiped<[i16; DEGREE]>,
    /// b1 and b0.
    crossed: Wiped<[i16; DEGREE]>,
}

impl Multiplier {
    /// Zero.
    pub(crate) const fn new() -> Multiplier {
        Multiplier { straight: Wiped([0; DEGREE]), crossed: Wiped([0; DEGREE]) }
    }

    /// Prepares a transform with coefficients between -Q and Q.
    pub(crate) fn set(&mut self, transform: &Polynomial) {
        let places = self.straight.as_chunks_mut::<2>().0.iter_mut().zip(self.crossed.as_chunks_mut::<2>().0);
        for ((straight, crossed), [b0, b1]) in places.zip(transform.0.as_chunks::<2>().0) {
            (*straight, *crossed) = ([*b0, *b1], [*b1, *b0]);
        }
        STRAIGHT.multiply(&mut self.straight);
    }
}

/// What the coefficients of a transform are multiplied by for [`Multiplier::straight`]: one, and the root of the pair. All of them, so
/// that the loop is the same for each.
const STRAIGHT: Factors<DEGREE> = Factors::new(&straight());

const fn straight() -> [Factor; DEGREE] {
    let one = Factor::new(field::to_montgomery(1));
    let mut factors = [one; DEGREE];
    let mut pair = 0;
    while pair < PAIRS {
        factors[2 * pair + 1] = root_of_pair(pair);
        pair += 1;
    }
    factors
}

/// The sum so far. Each addend is a sum of two products, both of a number between -2^12 and 2^12 and one between -Q and Q: eight
/// addends could be held before [`field::reduce_product`] refuses the sum, and no row has more than three.
pub(crate) struct Sum {
    straight: Wiped<[i32; PAIRS]>,
    crossed: Wiped<[i32; PAIRS]>,
}

impl Sum {
    /// Nothing.
    pub(crate) fn new() -> Sum {
        Sum { straight: Wiped([0; PAIRS]), crossed: Wiped([0; PAIRS]) }
    }

    /// Adds a product with a transform whose coefficients are between -2^12 and 2^12.
    pub(crate) fn add_product(&mut self, transform: &Polynomial, multiplier: &Multiplier) {
        add_pairs(&mut self.straight, &transform.0, &multiplier.straight);
        add_pairs(&mut self.crossed, &transform.0, &multiplier.crossed);
    }

    /// The sum, times 2^-16, between -Q and Q.
    pub(crate) fn reduce_to(&self, out: &mut Polynomial) {
        let sums = self.straight.iter().zip(self.crossed.iter());
        for (place, (straight, crossed)) in out.0.as_chunks_mut::<2>().0.iter_mut().zip(sums) {
            *place = [field::reduce_product(*straight), field::reduce_product(*crossed)];
        }
    }

    /// Begins anew.
    pub(crate) fn clear(&mut self) {
        self.straight.set_to_zero();
        self.crossed.set_to_zero();
    }
}

fn add_pairs(sums: &mut [i32; PAIRS], a: &[i16; DEGREE], b: &[i16; DEGREE]) {
    let pairs = a.as_chunks::<2>().0.iter().zip(b.as_chunks::<2>().0);
    for (sum, ([a0, a1], [b0, b1])) in sums.iter_mut().zip(pairs) {
        let product = field::add_products(i32::from(*a0) * i32::from(*b0), i32::from(*a1) * i32::from(*b1));
        *sum = field::add_products(*sum, product);
    }
}
