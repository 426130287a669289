//! ACK frames (RFC 9000 section 19.3): checked when read, so that walking over their ranges cannot go below zero, and
//! written from whatever keeps the ranges, as many as fit.

use crate::violation::Violation;
use crate::wire::frame::types::{AckFrame, EcnCounts};
use crate::wire::packet_number::PacketNumber;
use base::varint::encoded_len;
use base::{Full, Reader, Writer};
use core::ops::RangeInclusive;

/// The most ranges that are ever written into one frame. The count then takes one byte, which can be patched when it is
/// known; and ranges older than these have been told of in earlier frames.
pub(crate) const MAX_RANGES_SENT: usize = 64;
/// What the first byte of an integer of eight bytes begins with (RFC 9000 section 16).
const EIGHT_BYTES: u64 = 0b11 << 62;

impl<'a> AckFrame<'a> {
    /// The packet numbers acknowledged, the largest first, as ranges.
    pub fn iter(&self) -> AckRanges<'a> {
        AckRanges {
            next: Some((self.largest.value(), self.first_range)),
            left: self.range_count,
            reader: Reader::new(self.ranges),
        }
    }
}

impl<'a> IntoIterator for &AckFrame<'a> {
    type Item = RangeInclusive<u64>;
    type IntoIter = AckRanges<'a>;

    fn into_iter(self) -> AckRanges<'a> {
        self.iter()
    }
}

/// The ranges of an [`AckFrame`], downwards.
#[derive(Clone, Debug)]
pub struct AckRanges<'a> {
    /// Largest number of the next range, and how many further ones it has.
    next: Option<(u64, u64)>,
    left: u64,
    reader: Reader<'a>,
}

impl Iterator for AckRanges<'_> {
    type Item = RangeInclusive<u64>;

    fn next(&mut self) -> Option<RangeInclusive<u64>> {
        let (largest, count) = self.next.take()?;
        let smallest = largest.checked_sub(count)?;
        if self.left > 0 {
            self.left -= 1;
            self.next = next_range(&mut self.reader, smallest).ok();
        }
        Some(smallest..=largest)
    }
}

/// The range below the one that ends at `smallest`: its largest number, and how many further ones it has.
fn next_range(reader: &mut Reader<'_>, smallest: u64) -> Result<(u64, u64), Violation> {
    let gap = reader.varint()?;
    let count = reader.varint()?;
    // RFC 9000 section 19.3.1-1: a gap of 0 stands for one missing packet, and the range begins below that.
    let largest = smallest.checked_sub(gap + 2).ok_or(Violation::AckRangeBelowZero)?;
    Ok((largest, count))
}

/// Reads what follows the type.
/// RFC 9000 section 19.3-1.
pub(super) fn decode_ack<'a>(reader: &mut Reader<'a>, has_ecn: bool) -> Result<AckFrame<'a>, Violation> {
    let largest = reader.varint()?;
    let ack_delay = reader.varint()?;
    let range_count = reader.varint()?;
    let first_range = reader.varint()?;
    let mut smallest = largest.checked_sub(first_range).ok_or(Violation::AckRangeBelowZero)?;
    // Each range takes at least two bytes: a count that cannot be true is refused before any work for it.
    if range_count > reader.remaining() as u64 / 2 {
        return Err(Violation::FrameTruncated);
    }
    let start = *reader;
    for _ in 0..range_count {
        let (largest, count) = next_range(reader, smallest)?;
        smallest = largest.checked_sub(count).ok_or(Violation::AckRangeBelowZero)?;
    }
    let ranges = start.peek().get(..reader.position() - start.position()).unwrap_or(&[]);
    let ecn = if has_ecn {
        Some(EcnCounts { ect0: reader.varint()?, ect1: reader.varint()?, ce: reader.varint()? })
    } else {
        None
    };
    let largest = PacketNumber::new(largest).ok_or(Violation::FrameTruncated)?;
    Ok(AckFrame { largest, ack_delay, first_range, range_count, ranges, ecn })
}

/// Bytes of ECN counts.
pub(super) fn ecn_len(ecn: &EcnCounts) -> usize {
    encoded_len(ecn.ect0) + encoded_len(ecn.ect1) + encoded_len(ecn.ce)
}

pub(super) fn encode_ecn(writer: &mut Writer<'_>, ecn: &EcnCounts) -> Result<(), Full> {
    writer.varint(ecn.ect0)?;
    writer.varint(ecn.ect1)?;
    writer.varint(ecn.ce)
}

/// Writes an ACK frame of as many `ranges` as fit, at most `MAX_RANGES_SENT`, and says how many that were. The ranges
/// come largest first, with a gap between any two, and the first one ends at `largest`. `ack_delay` is already divided by
/// our exponent. If the frame would be shorter than `least_len`, the delay takes eight bytes: padding would make the packet one
/// that counts for congestion control and that nobody acknowledges. `Full`, and nothing written, if not even the first range fits.
pub fn encode_ack(
    writer: &mut Writer<'_>,
    largest: PacketNumber,
    ack_delay: u64,
    mut ranges: impl Iterator<Item = RangeInclusive<u64>>,
    ecn: Option<EcnCounts>,
    least_len: usize,
) -> Result<usize, Full> {
    let largest = largest.value();
    let first = ranges.next().unwrap_or(largest..=largest);
    assert!(*first.end() == largest && first.start() <= first.end(), "the first range ends at the largest number");
    let first_range = largest - first.start();
    let tail_len = ecn.as_ref().map_or(0, ecn_len);
    let short_len = 1 + encoded_len(largest) + encoded_len(ack_delay) + 1 + encoded_len(first_range);
    let is_wide = short_len + tail_len < least_len;
    let head_len = if is_wide { short_len - encoded_len(ack_delay) + 8 } else { short_len };
    if writer.remaining() < head_len + tail_len {
        return Err(Full);
    }
    writer.u8(0x02 | u8::from(ecn.is_some()))?;
    writer.varint(largest)?;
    if is_wide {
        writer.u64(EIGHT_BYTES | ack_delay)?;
    } else {
        writer.varint(ack_delay)?;
    }
    let count_at = writer.position();
    writer.u8(0)?;
    writer.varint(first_range)?;
    let mut smallest = *first.start();
    let mut further = 0u8;
    for range in ranges.take(MAX_RANGES_SENT - 1) {
        let gap = smallest.checked_sub(range.end() + 2).expect("ranges come largest first with gaps between");
        let count = range.end().checked_sub(*range.start()).expect("a range is not empty");
        if writer.remaining() < encoded_len(gap) + encoded_len(count) + tail_len {
            break;
        }
        writer.varint(gap)?;
        writer.varint(count)?;
        smallest = *range.start();
        further += 1;
    }
    if let Some(place) = writer.written_mut().get_mut(count_at) {
        *place = further;
    }
    if let Some(ecn) = ecn {
        encode_ecn(writer, &ecn)?;
    }
    Ok(usize::from(further) + 1)
}
