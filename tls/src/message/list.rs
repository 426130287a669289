//! Lists of two-byte numbers: cipher suites, groups, signature schemes, versions.

use crate::violation::Violation;
use alloc::vec::Vec;

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

/// How many numbers take no memory of their own.
const USUAL: usize = 16;

/// Numbers none of which may come twice: types of extensions, groups.
#[derive(Debug, Default)]
pub(crate) struct Distinct {
    first: [u16; USUAL],
    len: usize,
    /// All of them, once there are more than usual.
    all: Vec<u16>,
}

impl Distinct {
    /// One more.
    pub(crate) fn push(&mut self, number: u16) {
        match self.first.get_mut(self.len) {
            Some(place) => {
                *place = number;
                self.len += 1;
            }
            None => {
                if self.all.is_empty() {
                    self.all.extend_from_slice(&self.first);
                }
                self.all.push(number);
            }
        }
    }

    /// In ascending order, because a peer can send many thousands in one message and each is looked for.
    pub(crate) fn sorted(&mut self) -> &[u16] {
        let all = if self.all.is_empty() { &mut self.first[..self.len] } else { &mut self.all[..] };
        all.sort_unstable();
        all
    }

    /// Whether one of them came twice.
    pub(crate) fn has_twice(&mut self) -> bool {
        let sorted = self.sorted();
        sorted.iter().zip(sorted.iter().skip(1)).any(|(one, next)| one == next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On both sides of what needs no memory, and with the repetition at every place.
    #[test]
    fn what_comes_twice_is_found_among_few_and_many() {
        for len in 1..=3 * USUAL as u16 {
            let fill = |repeated: Option<u16>| {
                let mut numbers = Distinct::default();
                (0..len).rev().chain(repeated).for_each(|number| numbers.push(number * 3));
                numbers
            };
            assert!(!fill(None).has_twice(), "{len}");
            assert_eq!(fill(None).sorted(), (0..len).map(|number| number * 3).collect::<Vec<_>>());
            for repeated in 0..len {
                assert!(fill(Some(repeated)).has_twice(), "{repeated} of {len}");
            }
        }
    }

    #[test]
    fn whole_numbers_only() {
        let list = Numbers::decode(&[0x13, 0x01, 0x0a, 0x0a]).unwrap();
        assert_eq!(list.iter().collect::<Vec<_>>(), [0x1301, 0x0a0a]);
        assert!(list.contains(0x0a0a) && !list.contains(0x010a));
        assert_eq!(Numbers::decode(&[]).err(), Some(Violation::Malformed));
        assert_eq!(Numbers::decode(&[1, 2, 3]).err(), Some(Violation::Malformed));
    }
}
