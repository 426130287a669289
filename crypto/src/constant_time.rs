//! Comparison whose time does not depend on where two values differ.

/// Whether `a` and `b` are the same. Time depends on their lengths only, which are public.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let difference = a.iter().zip(b).fold(0, |difference, (a, b)| core::hint::black_box(difference | (a ^ b)));
    core::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn equal_means_every_byte_and_the_length() {
        let value = [1, 2, 3, 4];
        assert!(equal(&value, &value.clone()));
        assert!(equal(&[], &[]));
        assert!(!equal(&value, &value[..3]));
        for position in 0..value.len() {
            for bit in 0..8 {
                let mut other = value;
                other[position] ^= 1 << bit;
                assert!(!equal(&value, &other));
            }
        }
    }
}
