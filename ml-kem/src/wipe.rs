//! Values that are wiped when they are dropped, whichever way a function is left.

use core::ops::{Deref, DerefMut};

/// A value made of plain numbers, whose zero says nothing.
pub(crate) trait Zero {
    /// Overwrites it.
    fn set_to_zero(&mut self);
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl<const N: usize> Zero for [$number; N] {
            fn set_to_zero(&mut self) {
                self.fill(0);
            }
        }
    )*};
}

numbers!(u8, i16, i32, u64);

/// Holds a secret value.
///
/// The compiler must believe that the zeros are looked at, so it cannot leave the writes out. A copy that it made itself, in a
/// register or where a value was moved, is out of reach for safe code; so these values are filled in their place and handed on
/// by reference.
pub(crate) struct Wiped<T: Zero>(pub(crate) T);

impl<T: Zero> Drop for Wiped<T> {
    fn drop(&mut self) {
        self.0.set_to_zero();
        core::hint::black_box(&mut self.0);
    }
}

impl<T: Zero> Deref for Wiped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Zero> DerefMut for Wiped<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{Wiped, Zero};
    use core::cell::Cell;

    struct Told<'a>(&'a Cell<u32>);

    impl Zero for Told<'_> {
        fn set_to_zero(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn a_drop_overwrites() {
        let times = Cell::new(0);
        drop(Wiped(Told(&times)));
        assert_eq!(times.get(), 1);
        let mut numbers = [3i16; 5];
        numbers.set_to_zero();
        assert_eq!(numbers, [0; 5]);
    }
}
