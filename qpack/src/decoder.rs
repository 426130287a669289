//! A field section to field lines (RFC 9204 section 4.5), and the dynamic table that they refer to.
//!
//! A section whose insertions have not all come is held until they have. What the peer's encoder has to know is collected and
//! written all at once: one acknowledgment for each section, and one number for all insertions that no acknowledgment implies.
//!
//! The section's size is counted line by line while it is decoded, so that a few bytes cannot unfold into many: decoding
//! stops at the limit, and a string is never unfolded beyond it.

use crate::blocked::Blocked;
use crate::decoder_stream::{self, Kind};
use crate::dynamic_table::{DynamicTable, ENTRY_OVERHEAD};
use crate::encoder_stream::EncoderStream;
use crate::error::{DecompressionError, EncoderStreamError};
use crate::prefix_integer;
use crate::section_prefix::{self, Prefix};
use crate::static_table;
use crate::string::{self, StringError};
use alloc::boxed::Box;
use alloc::vec::Vec;
use base::Reader;

/// What RFC 9114 section 4.2.2 adds to the size of each line.
const LINE_OVERHEAD: u64 = 32;

/// What the peer's encoder may make a decoder hold. SETTINGS says the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecoderLimits {
    /// SETTINGS_QPACK_MAX_TABLE_CAPACITY: bytes of entries, 32 for each of them counted in. Zero is no table at all.
    pub max_table_capacity: u32,
    /// SETTINGS_QPACK_BLOCKED_STREAMS: how many streams may wait for insertions at a time.
    pub max_blocked_streams: u16,
}

/// Decodes sections one after the other. Without a table its scratch space, at most as large as the largest allowed string, is
/// all it keeps; with one, nothing more until the peer uses it.
#[derive(Debug, Default)]
pub struct Decoder {
    name: Vec<u8>,
    value: Vec<u8>,
    limits: DecoderLimits,
    dynamic: Option<Box<Dynamic>>,
}

/// What there is once the peer uses the dynamic table.
#[derive(Debug, Default)]
struct Dynamic {
    table: DynamicTable,
    stream: EncoderStream,
    blocked: Blocked,
    /// How many insertions the peer's encoder knows to have come, or will once it reads what waits to be sent.
    told: u64,
    /// Acknowledgments and cancellations that wait to be sent.
    instructions: Vec<u8>,
}

/// Why a section was not decoded to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError<E> {
    /// QPACK_DECOMPRESSION_FAILED.
    Decompression(DecompressionError),
    /// The lines are larger than allowed; the section itself may be fine.
    TooLarge,
    /// The caller refused a line.
    Refused(E),
}

impl<E> From<DecompressionError> for DecodeError<E> {
    fn from(error: DecompressionError) -> DecodeError<E> {
        DecodeError::Decompression(error)
    }
}

impl<E> From<StringError> for DecodeError<E> {
    fn from(error: StringError) -> DecodeError<E> {
        match error {
            StringError::Decompression(error) => DecodeError::Decompression(error),
            StringError::TooLong => DecodeError::TooLarge,
        }
    }
}

/// What the first bits of a line say it is.
enum Representation {
    Indexed,
    NameReference,
    Literal,
    /// Refers to the dynamic table, after the base: a line or a name.
    PostBase,
}

impl Representation {
    const fn of(first: u8) -> Representation {
        match first {
            0x80.. => Representation::Indexed,
            0x40..=0x7f => Representation::NameReference,
            0x20..=0x3f => Representation::Literal,
            0x00..=0x1f => Representation::PostBase,
        }
    }
}

impl Decoder {
    /// Without a dynamic table. Allocates nothing yet.
    pub const fn new() -> Decoder {
        Decoder::with_limits(DecoderLimits { max_table_capacity: 0, max_blocked_streams: 0 })
    }

    /// With a table as large as the peer's encoder wants it, within these limits. Allocates nothing yet.
    pub const fn with_limits(limits: DecoderLimits) -> Decoder {
        Decoder { name: Vec::new(), value: Vec::new(), limits, dynamic: None }
    }

    /// More bytes of the peer's encoder stream came, in a piece of any size. Afterwards sections may be
    /// [ready](Decoder::ready) that had to wait.
    ///
    /// # Errors
    /// QPACK_ENCODER_STREAM_ERROR, as soon as the bytes can mean nothing else.
    pub fn on_encoder_stream(&mut self, bytes: &[u8]) -> Result<(), EncoderStreamError> {
        let max_capacity = self.limits.max_table_capacity as usize;
        let dynamic = match (&mut self.dynamic, max_capacity) {
            (Some(dynamic), _) => dynamic,
            // Where no table may be, nothing need be remembered: the only instruction that is no error has one byte.
            (None, 0) => return EncoderStream::default().on_bytes(bytes, &mut DynamicTable::default(), 0),
            (dynamic, _) => dynamic.insert(Box::default()),
        };
        dynamic.stream.on_bytes(bytes, &mut dynamic.table, max_capacity)
    }

    /// Whether a section that came on `stream` can be decoded now. If not, it is held, and the stream must be read no further
    /// until [`ready`](Decoder::ready) names it.
    ///
    /// # Errors
    /// QPACK_DECOMPRESSION_FAILED: the section needs what cannot come, or there are more streams that wait than were allowed.
    pub fn admit(&mut self, stream: u64, section: &[u8]) -> Result<bool, DecompressionError> {
        if self.limits.max_table_capacity == 0 {
            return Ok(true);
        }
        let prefix = self.prefix(&mut Reader::new(section))?;
        if prefix.required <= self.inserted() {
            return Ok(true);
        }
        let max_blocked = usize::from(self.limits.max_blocked_streams);
        let dynamic = self.dynamic.get_or_insert_default();
        // RFC 9204 section 2.1.2-2.
        if dynamic.blocked.len() >= max_blocked {
            return Err(DecompressionError::BlockedStreams);
        }
        dynamic.blocked.hold(stream, prefix.required, section);
        Ok(false)
    }

    /// A stream whose section waited and can be decoded now: [`take`](Decoder::take) it.
    pub fn ready(&self) -> Option<u64> {
        let dynamic = self.dynamic.as_deref()?;
        dynamic.blocked.ready(dynamic.table.inserted())
    }

    /// The section of a stream that waited, if it can be decoded now.
    pub fn take(&mut self, stream: u64) -> Option<Vec<u8>> {
        let dynamic = self.dynamic.as_deref_mut()?;
        dynamic.blocked.take(stream, dynamic.table.inserted())
    }

    /// How many bytes are held of sections that wait.
    pub fn held(&self) -> usize {
        self.dynamic.as_deref().map_or(0, |dynamic| dynamic.blocked.bytes())
    }

    /// How many streams wait.
    pub fn blocked_streams(&self) -> usize {
        self.dynamic.as_deref().map_or(0, |dynamic| dynamic.blocked.len())
    }

    /// How many entries the peer has inserted, and how many bytes those take that are in the table.
    pub fn table(&self) -> (u64, usize) {
        self.dynamic.as_deref().map_or((0, 0), |dynamic| (dynamic.table.inserted(), dynamic.table.size()))
    }

    /// The section of a stream will not be decoded, now or ever: what is held of it is dropped.
    pub fn abandon(&mut self, stream: u64) {
        if let Some(dynamic) = &mut self.dynamic {
            dynamic.blocked.drop_stream(stream);
        }
    }

    /// A stream will not be read to its end: what is held of it is dropped, and the peer's encoder learns that it need not keep
    /// entries for it (RFC 9204 section 2.2.2.2).
    pub fn cancel(&mut self, stream: u64) {
        self.abandon(stream);
        // RFC 9204 s2.2.2.2: without a table there is nothing to release.
        if self.limits.max_table_capacity > 0 {
            let dynamic = self.dynamic.get_or_insert_default();
            decoder_stream::push(Kind::Cancellation, stream, &mut dynamic.instructions);
        }
    }

    /// Whether a section says that it refers to the dynamic table, where there may be one.
    pub fn refers_to_table(&self, section: &[u8]) -> bool {
        self.limits.max_table_capacity > 0 && section.first().is_some_and(|count| *count != 0)
    }

    /// How many bytes of acknowledgments and cancellations wait to be [taken](Decoder::take_instructions).
    pub fn unsent(&self) -> usize {
        self.dynamic.as_deref().map_or(0, |dynamic| dynamic.instructions.len())
    }

    /// Whether there is something to send on the decoder stream.
    pub fn has_instructions(&self) -> bool {
        let owes = |dynamic: &Dynamic| !dynamic.instructions.is_empty() || dynamic.told < dynamic.table.inserted();
        self.dynamic.as_deref().is_some_and(owes)
    }

    /// Takes out what is to be sent on the decoder stream. The longer it is waited, the fewer bytes: an acknowledgment of a
    /// section stands for the insertions that it needed.
    pub fn take_instructions(&mut self) -> Vec<u8> {
        let Some(dynamic) = &mut self.dynamic else { return Vec::new() };
        let mut instructions = core::mem::take(&mut dynamic.instructions);
        let inserted = dynamic.table.inserted();
        if inserted > dynamic.told {
            decoder_stream::push(Kind::Increment, inserted - dynamic.told, &mut instructions);
            dynamic.told = inserted;
        }
        instructions
    }

    /// As [`decode`](Decoder::decode), of a section that came on `stream`: that it was decoded is told to the peer's encoder.
    ///
    /// # Errors
    /// As for [`decode`](Decoder::decode).
    pub fn decode_from<E>(
        &mut self,
        stream: u64,
        section: &[u8],
        max_size: u64,
        sink: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        let (required, result) = self.decode_section(section, max_size, sink);
        // RFC 9204 section 2.2.2.1-1. A section that is too large, or that the caller refuses, needs its entries as little.
        if let Some(dynamic) = self.dynamic.as_deref_mut().filter(|_| required > 0) {
            decoder_stream::push(Kind::Acknowledgment, stream, &mut dynamic.instructions);
            dynamic.told = dynamic.told.max(required);
        }
        result
    }

    /// Gives each line of `section` to `sink`, in order. `max_size` is SETTINGS_MAX_FIELD_SECTION_SIZE: names, values and
    /// 32 bytes for each line (RFC 9114 section 4.2.2).
    ///
    /// # Errors
    /// What is wrong with the section, that it is too large, or what the caller says of a line.
    pub fn decode<E>(
        &mut self,
        section: &[u8],
        max_size: u64,
        sink: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        self.decode_section(section, max_size, sink).1
    }

    /// The count that the section says it needs, and how decoding it ended.
    fn decode_section<E>(
        &mut self,
        section: &[u8],
        max_size: u64,
        sink: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> (u64, Result<(), DecodeError<E>>) {
        let mut reader = Reader::new(section);
        let prefix = match self.prefix(&mut reader) {
            Ok(prefix) => prefix,
            Err(error) => return (0, Err(error.into())),
        };
        let table = self.dynamic.as_deref().map(|dynamic| &dynamic.table);
        let mut lines = Lines { prefix, table, name: &mut self.name, value: &mut self.value };
        (prefix.required, lines.decode(&mut reader, max_size, sink))
    }

    fn prefix(&self, reader: &mut Reader<'_>) -> Result<Prefix, DecompressionError> {
        let max_entries = u64::from(self.limits.max_table_capacity) / ENTRY_OVERHEAD as u64;
        section_prefix::decode(reader, self.inserted(), max_entries)
    }

    fn inserted(&self) -> u64 {
        self.dynamic.as_deref().map_or(0, |dynamic| dynamic.table.inserted())
    }
}

/// What the lines of one section are decoded with.
struct Lines<'d> {
    prefix: Prefix,
    table: Option<&'d DynamicTable>,
    name: &'d mut Vec<u8>,
    value: &'d mut Vec<u8>,
}

impl<'d> Lines<'d> {
    fn decode<E>(
        &mut self,
        reader: &mut Reader<'_>,
        max_size: u64,
        mut sink: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), DecodeError<E>> {
        let mut left = max_size;
        // RFC 9204 section 2.2-1: each line is given out before the next one is read.
        while let Ok(first) = reader.u8() {
            left = left.checked_sub(LINE_OVERHEAD).ok_or(DecodeError::TooLarge)?;
            let (name, value) = self.line(first, reader, left)?;
            left = left.checked_sub((name.len() + value.len()) as u64).ok_or(DecodeError::TooLarge)?;
            sink(name, value).map_err(DecodeError::Refused)?;
        }
        Ok(())
    }

    fn line<'a, 'i: 'a>(
        &'a mut self,
        first: u8,
        reader: &mut Reader<'i>,
        left: u64,
    ) -> Result<(&'a [u8], &'a [u8]), StringError> {
        let max_len = usize::try_from(left).unwrap_or(usize::MAX);
        match Representation::of(first) {
            // RFC 9204 s4.5.2: 1, T, index.
            Representation::Indexed if first & 0x40 != 0 => {
                let (name, value) = static_line(first, 6, reader)?;
                Ok((name.as_bytes(), value.as_bytes()))
            }
            Representation::Indexed => Ok(self.before_base(index(first, 6, reader)?)?),
            // RFC 9204 s4.5.4: 01, N, T, index of the name; then the value.
            Representation::NameReference => {
                let name = match first & 0x10 {
                    0 => self.before_base(index(first, 4, reader)?)?.0,
                    _ => static_line(first, 4, reader)?.0.as_bytes(),
                };
                let value = string_with_own_byte(reader, self.value, max_len)?;
                Ok((name, value))
            }
            // RFC 9204 s4.5.6: 001, N, then name and value.
            Representation::Literal => {
                let name = string::decode(first, 3, reader, self.name, max_len)?;
                let value = string_with_own_byte(reader, self.value, max_len)?;
                Ok((name, value))
            }
            // RFC 9204 s4.5.3: 0001, index.
            Representation::PostBase if first & 0x10 != 0 => Ok(self.after_base(index(first, 4, reader)?)?),
            // RFC 9204 s4.5.5: 0000, N, index of the name; then the value.
            Representation::PostBase => {
                let (name, _) = self.after_base(index(first, 3, reader)?)?;
                let value = string_with_own_byte(reader, self.value, max_len)?;
                Ok((name, value))
            }
        }
    }

    /// An entry counted back from the base (RFC 9204 section 3.2.5).
    fn before_base(&self, relative: u64) -> Result<(&'d [u8], &'d [u8]), DecompressionError> {
        let newest = self.prefix.base.checked_sub(1);
        self.entry(newest.and_then(|newest| newest.checked_sub(relative)))
    }

    /// An entry counted from the base on (RFC 9204 section 3.2.6).
    fn after_base(&self, relative: u64) -> Result<(&'d [u8], &'d [u8]), DecompressionError> {
        self.entry(self.prefix.base.checked_add(relative))
    }

    /// RFC 9204 section 2.2.1-2, 2.2.3-1: one that is there, and that the section said it needs.
    fn entry(&self, index: Option<u64>) -> Result<(&'d [u8], &'d [u8]), DecompressionError> {
        let index = index.filter(|index| *index < self.prefix.required);
        let line = index.zip(self.table).and_then(|(index, table)| table.get(index));
        line.ok_or(DecompressionError::DynamicReference)
    }
}

fn index(first: u8, index_bits: u32, reader: &mut Reader<'_>) -> Result<u64, DecompressionError> {
    Ok(prefix_integer::decode(first, index_bits, reader)?)
}

/// RFC 9204 section 3.1-1: an index past the end of the static table.
fn static_line(
    first: u8,
    index_bits: u32,
    reader: &mut Reader<'_>,
) -> Result<(&'static str, &'static str), DecompressionError> {
    static_table::line(index(first, index_bits, reader)?).ok_or(DecompressionError::StaticIndex)
}

fn string_with_own_byte<'a, 'i: 'a>(
    reader: &mut Reader<'i>,
    scratch: &'a mut Vec<u8>,
    max_len: usize,
) -> Result<&'a [u8], StringError> {
    let first = reader.u8().map_err(|_| DecompressionError::Truncated)?;
    string::decode(first, 7, reader, scratch, max_len)
}

#[cfg(test)]
mod tests;
