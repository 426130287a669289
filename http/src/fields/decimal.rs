//! Numbers as text.

/// 2^64 has so many digits.
const MOST: usize = 20;

/// The decimal digits of a number.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    /// At the end.
    digits: [u8; MOST],
    start: usize,
}

impl Decimal {
    /// Those of `value`, without leading zeros.
    pub fn of(value: u64) -> Decimal {
        let (mut decimal, mut rest) = (Decimal { digits: [b'0'; MOST], start: MOST }, value);
        for digit in decimal.digits.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            decimal.start -= 1;
            if rest == 0 {
                break;
            }
        }
        decimal
    }

    /// As text.
    pub fn as_bytes(&self) -> &[u8] {
        self.digits.split_at(self.start).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn digits_are_those_that_everybody_writes() {
        for value in [0, 1, 9, 10, 99, 100, 1000, 123_456_789, u64::MAX - 1, u64::MAX] {
            assert_eq!(Decimal::of(value).as_bytes(), value.to_string().as_bytes());
        }
    }
}
