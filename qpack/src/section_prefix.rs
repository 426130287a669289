//! The prefix of a field section (RFC 9204 section 4.5.1), which says how much of the dynamic table it needs, and from where
//! its references are counted.

use crate::error::DecompressionError;
use crate::prefix_integer;
use alloc::vec::Vec;
use base::Reader;

/// The prefix of a section that refers to no dynamic entry.
pub(crate) const STATIC: [u8; 2] = [0, 0];

/// What a section needs, in absolute indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefix {
    /// The Required Insert Count: one more than the newest entry it refers to, or zero.
    pub(crate) required: u64,
    pub(crate) base: u64,
}

/// Reads it. `inserted` is the Insert Count of the table, `max_entries` how many entries the largest table has.
pub(crate) fn decode(reader: &mut Reader<'_>, inserted: u64, max_entries: u64) -> Result<Prefix, DecompressionError> {
    let first = reader.u8().map_err(|_| DecompressionError::Truncated)?;
    let wrapped = prefix_integer::decode(first, 8, reader)?;
    let required = unwrap_count(wrapped, inserted, max_entries).ok_or(DecompressionError::InsertCount)?;
    let second = reader.u8().map_err(|_| DecompressionError::Truncated)?;
    let delta = prefix_integer::decode(second, 7, reader)?;
    // RFC 9204 section 4.5.1.2-1, 4.5.1.2-2: the sign makes the base smaller than the insert count, and it stays above zero.
    let base = match second & 0x80 {
        0 => required + delta,
        _ => required.checked_sub(delta + 1).ok_or(DecompressionError::NegativeBase)?,
    };
    Ok(Prefix { required, base })
}

/// RFC 9204 section 2.1.2-2, 4.5.1.1-1: the count that an encoder can have meant; `None` if there is none.
fn unwrap_count(wrapped: u64, inserted: u64, max_entries: u64) -> Option<u64> {
    let Some(wrapped) = wrapped.checked_sub(1) else { return Some(0) };
    let range = 2 * max_entries;
    if wrapped >= range {
        return None;
    }
    let largest = inserted + max_entries;
    let required = largest / range * range + wrapped;
    let required = if required > largest { required.checked_sub(range)? } else { required };
    (required > 0).then_some(required)
}

/// Writes the prefix of a section over the two bytes at `place`, which were kept free for it.
pub(crate) fn put(prefix: Prefix, max_entries: u64, place: usize, out: &mut Vec<u8>) {
    if prefix.required == 0 {
        return;
    }
    let wrapped = prefix.required % (2 * max_entries) + 1;
    let (sign, delta) = match prefix.base.checked_sub(prefix.required) {
        Some(delta) => (0, delta),
        None => (0x80, prefix.required - prefix.base - 1),
    };
    if let (Some(two), 0..0xff, 0..0x7f) = (out.get_mut(place..place + STATIC.len()), wrapped, delta) {
        two.copy_from_slice(&[wrapped as u8, sign | delta as u8]);
        return;
    }
    // A table of more than four kilobytes, or a section of more than a hundred insertions.
    let mut bytes = Vec::new();
    prefix_integer::encode(0, 8, wrapped, &mut bytes);
    prefix_integer::encode(sign, 7, delta, &mut bytes);
    out.splice(place..place + STATIC.len(), bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 9204 section 4.5.1.1: a table of 100 bytes, ten insertions.
    #[test]
    fn the_example_of_the_rfc() {
        assert_eq!(unwrap_count(4, 10, 3), Some(9));
    }

    /// RFC 9204 section 4.5.1.1-1.
    #[test]
    fn every_count_in_reach_comes_back() {
        for max_entries in 1..20u64 {
            for inserted in 0..100u64 {
                for required in 1.max(inserted.saturating_sub(max_entries - 1))..=inserted + max_entries {
                    let wrapped = required % (2 * max_entries) + 1;
                    assert_eq!(unwrap_count(wrapped, inserted, max_entries), Some(required));
                }
                assert_eq!(unwrap_count(2 * max_entries + 1, inserted, max_entries), None);
            }
        }
        assert_eq!((unwrap_count(0, 7, 3), unwrap_count(1, 0, 0), unwrap_count(1, 0, 3)), (Some(0), None, None));
    }

    /// RFC 9204 section 4.5.1.2-1.
    #[test]
    fn bases_on_both_sides_come_back() {
        for (required, base) in [(9, 6), (9, 9), (9, 8), (9, 0), (9, 300), (300, 9)] {
            let prefix = Prefix { required, base };
            let mut bytes = alloc::vec![7, 0, 0, 8];
            put(prefix, 128, 1, &mut bytes);
            assert_eq!((bytes[0], bytes.last()), (7, Some(&8)));
            let mut reader = Reader::new(&bytes[1..]);
            assert_eq!(decode(&mut reader, required, 128), Ok(prefix));
            assert_eq!(reader.position(), bytes.len() - 2);
        }
    }
}
