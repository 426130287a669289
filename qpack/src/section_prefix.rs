//! The prefix of a field section (RFC 9204 section 4.5.1), which says how much of the dynamic table it needs.

use crate::error::DecompressionError;
use crate::prefix_integer;
use alloc::vec::Vec;
use base::Reader;

/// Reads it. With an empty dynamic table only a Required Insert Count of zero can have been meant.
pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<(), DecompressionError> {
    let first = reader.u8().map_err(|_| DecompressionError::Truncated)?;
    let insert_count = prefix_integer::decode(first, 8, reader)?;
    // RFC 9204 section 2.1.2-2, 4.5.1.1-1: with no room for entries, every other value is one that no encoder could
    // have produced.
    if insert_count != 0 {
        return Err(DecompressionError::DynamicReference);
    }
    let second = reader.u8().map_err(|_| DecompressionError::Truncated)?;
    prefix_integer::decode(second, 7, reader)?;
    // RFC 9204 section 4.5.1.2-1, 4.5.1.2-2: the sign makes the base smaller than the insert count, which is zero.
    if second & 0x80 != 0 { Err(DecompressionError::NegativeBase) } else { Ok(()) }
}

/// Appends the prefix of a section that refers to no dynamic entry.
pub(crate) fn encode(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0]);
}
