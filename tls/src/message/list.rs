//! Lists of two-byte numbers: cipher suites, groups, signature schemes, versions.

use crate::violation::Violation;

/// Big-endian two-byte numbers, at least one.
#[derive(Clone, Copy, Debug)]
pub struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    /// Reads the inside of a list. An empty list or half a number does not parse.
    pub fn decode(bytes: &'a [u8]) -> Result<Numbers<'a>, Violation> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(2) {
            return Err(Violation::Malformed);
        }
        Ok(Numbers(bytes))
    }

    /// The numbers in order. GREASE values (RFC 8701) are among them and match nothing.
    pub fn iter(&self) -> impl Iterator<Item = u16> + use<'a> {
        self.0.chunks_exact(2).map(|pair| pair.iter().fold(0, |value, byte| value << 8 | u16::from(*byte)))
    }

    /// Whether `number` is in the list.
    pub fn contains(&self, number: u16) -> bool {
        self.iter().any(|other| other == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn whole_numbers_only() {
        let list = Numbers::decode(&[0x13, 0x01, 0x0a, 0x0a]).unwrap();
        assert_eq!(list.iter().collect::<Vec<_>>(), [0x1301, 0x0a0a]);
        assert!(list.contains(0x0a0a) && !list.contains(0x010a));
        assert_eq!(Numbers::decode(&[]).err(), Some(Violation::Malformed));
        assert_eq!(Numbers::decode(&[1, 2, 3]).err(), Some(Violation::Malformed));
    }
}
