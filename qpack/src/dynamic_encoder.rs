//! Field lines to a field section with the dynamic table (RFC 9204 section 2.1): what is inserted, what is referred to, and what the
//! peer's decoder is known to have.
//!
//! A line goes into the table if it has been seen before, or if its name is one whose values repeat and there is room that
//! nobody else needs. Lines whose values could be guessed are never in it. A line near the end of the table is inserted once
//! more before it leaves, so that those in use stay and nothing is kept in its place for long.

use crate::decoder_stream::{DecoderStream, Kind, Progress};
use crate::dynamic_table::{DynamicTable, entry_size};
use crate::encoder::{self, is_sensitive};
use crate::encoder_stream;
use crate::error::DecoderStreamError;
use crate::history::History;
use crate::lookup::{Hashes, Lookup};
use crate::outstanding::{Allowed, Outstanding, References};
use crate::prefix_integer;
use crate::section_prefix::{self, Prefix};
use crate::static_table::{self, Match};
use crate::string;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// What the peer's decoder allows, and how much of it is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncoderLimits {
    /// What the peer said as SETTINGS_QPACK_MAX_TABLE_CAPACITY.
    pub max_table_capacity: u64,
    /// What the peer said as SETTINGS_QPACK_BLOCKED_STREAMS.
    pub max_blocked_streams: u64,
    /// How large a table of its own the encoder wants at most. Zero is none.
    pub table_capacity: u32,
}

/// Encodes sections one after the other. Without a dynamic table it keeps nothing.
#[derive(Debug, Default)]
pub struct Encoder {
    stream: DecoderStream,
    dynamic: Option<Box<Dynamic>>,
}

#[derive(Debug)]
struct Dynamic {
    table: DynamicTable,
    lookup: Lookup,
    history: History,
    outstanding: Outstanding,
    /// The entries of the largest table that the peer allows.
    max_entries: u64,
    /// What waits to be sent on the encoder stream.
    instructions: Vec<u8>,
    /// The section that was encoded last, until it is sent.
    encoded: Option<References>,
}

/// What is known while a section is being encoded.
struct Section {
    /// Entries from here on must not be referred to.
    limit: u64,
    /// Whether entries that are inserted now may be referred to.
    may_block: bool,
    base: u64,
    references: Option<References>,
    /// How many bytes of instructions can still be sent.
    room: usize,
}

impl Encoder {
    /// Without a dynamic table, until it is [allowed](Encoder::allow).
    pub const fn new() -> Encoder {
        Encoder { stream: DecoderStream::new(), dynamic: None }
    }

    /// The peer's settings are known. Where they or the caller leave no room for a table, nothing changes. To be called once.
    pub fn allow(&mut self, limits: EncoderLimits) {
        let capacity = limits.max_table_capacity.min(limits.table_capacity.into());
        let max_entries = limits.max_table_capacity / crate::dynamic_table::ENTRY_OVERHEAD as u64;
        // RFC 9204 section 3.2.3-4.
        if max_entries == 0 || capacity == 0 || self.dynamic.is_some() {
            return;
        }
        let mut table = DynamicTable::default();
        // RFC 9204 section 3.2.3-1, 4.3.1-1, 4.3.1-3: at most as large as the peer allows, and never changed afterwards.
        table.set_capacity(capacity as usize);
        let mut instructions = Vec::new();
        encoder_stream::push_capacity(table.capacity(), &mut instructions);
        self.dynamic = Some(Box::new(Dynamic {
            lookup: Lookup::new(capacity / crate::dynamic_table::ENTRY_OVERHEAD as u64),
            history: History::new(capacity as usize),
            outstanding: Outstanding::new(usize::try_from(limits.max_blocked_streams).unwrap_or(usize::MAX)),
            max_entries,
            table,
            instructions,
            encoded: None,
        }));
    }

    /// Whether there is a dynamic table.
    pub const fn has_table(&self) -> bool {
        self.dynamic.is_some()
    }

    /// How many entries were inserted, and how many sections are not acknowledged.
    pub fn progress(&self) -> (u64, usize) {
        let progress = |dynamic: &Dynamic| (dynamic.table.inserted(), dynamic.outstanding.len());
        self.dynamic.as_deref().map_or((0, 0), progress)
    }

    /// Appends the section of `lines`; names are in lower case, pseudo-header fields first. `stream` is the one that it will be
    /// sent on, if that has had a section before. At most `room` bytes of [instructions](Encoder::take_instructions) are made,
    /// which must be sent before the section is. Once it is sent, [say so](Encoder::on_sent).
    pub fn encode<N: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        stream: Option<u64>,
        lines: impl IntoIterator<Item = (N, V)>,
        room: usize,
        out: &mut Vec<u8>,
    ) {
        let allowed = |dynamic: &Dynamic| dynamic.outstanding.allowed(stream);
        let dynamic = self.dynamic.as_deref_mut().map(|dynamic| (allowed(dynamic), dynamic));
        let Some((allowed, dynamic)) = dynamic.filter(|(allowed, _)| *allowed != Allowed::Nothing) else {
            return encoder::encode(lines, out);
        };
        let mut section = dynamic.begin(allowed, room);
        let start = out.len();
        out.extend_from_slice(&section_prefix::STATIC);
        // RFC 9204 section 2.1-2: in the order they are given, one representation each.
        for (name, value) in lines {
            dynamic.encode_line(&mut section, name.as_ref(), value.as_ref(), out);
        }
        dynamic.encoded = section.references;
        if let Some(References { required, .. }) = section.references {
            section_prefix::put(Prefix { required, base: section.base }, dynamic.max_entries, start, out);
        }
    }

    /// The section that was encoded last goes out on `stream`. One that does not is forgotten with the next one.
    pub fn on_sent(&mut self, stream: u64) {
        if let Some(dynamic) = &mut self.dynamic
            && let Some(references) = dynamic.encoded.take()
        {
            dynamic.outstanding.on_sent(stream, references);
        }
    }

    /// Takes out what is to be sent on the encoder stream, before the section for which it was made.
    pub fn take_instructions(&mut self) -> Vec<u8> {
        self.dynamic.as_deref_mut().map(|dynamic| core::mem::take(&mut dynamic.instructions)).unwrap_or_default()
    }

    /// More bytes of the peer's decoder stream came, in a piece of any size. Gives how many streams were cancelled of which there
    /// is nothing in the table that could be released: each is work for nothing.
    ///
    /// # Errors
    /// QPACK_DECODER_STREAM_ERROR, as soon as the bytes can mean nothing else.
    pub fn on_decoder_stream(&mut self, bytes: &[u8]) -> Result<usize, DecoderStreamError> {
        let mut useless = 0;
        for byte in bytes {
            let progress = self.stream.on_byte(*byte)?;
            let is_of_use = match &mut self.dynamic {
                Some(dynamic) => dynamic.on_instruction(progress)?,
                None => without_table(progress).map(|()| true)?,
            };
            useless += usize::from(!is_of_use);
        }
        Ok(useless)
    }
}

/// RFC 9204 section 4.4.1-1, 4.4.3-1: nothing was sent that could be acknowledged. That sections will not be read may be said.
const fn without_table(progress: Progress) -> Result<(), DecoderStreamError> {
    match progress {
        Progress::AtLeast(Kind::Cancellation, _) | Progress::Whole(Kind::Cancellation, _) => Ok(()),
        Progress::AtLeast(Kind::Acknowledgment, _) | Progress::Whole(Kind::Acknowledgment, _) => {
            Err(DecoderStreamError::SectionAcknowledgment)
        }
        Progress::AtLeast(Kind::Increment, _) | Progress::Whole(Kind::Increment, _) => {
            Err(DecoderStreamError::InsertCountIncrement)
        }
    }
}

impl Dynamic {
    fn begin(&mut self, allowed: Allowed, room: usize) -> Section {
        let may_block = allowed == Allowed::All;
        let known = self.outstanding.known();
        let is_probing = !may_block && known == 0 && self.table.inserted() > 0;
        let base = self.table.inserted();
        Section {
            limit: if may_block { u64::MAX } else { known },
            may_block,
            base,
            references: None,
            room: if is_probing { 0 } else { room.saturating_sub(self.instructions.len()) },
        }
    }

    fn encode_line(&mut self, section: &mut Section, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
        let known = static_table::find(name, value);
        if matches!(known, Match::Line(_)) || is_sensitive(name, value) {
            return encoder::encode_line(name, value, out);
        }
        let hashes = Hashes::of(name, value);
        let found = self.lookup.line(hashes, name, value, &self.table, section.limit);
        if let Some(index) = found.index {
            let copy = if found.is_above { None } else { self.renew(section, index, hashes, name, value) };
            return section.indexed(copy.unwrap_or(index), out);
        }
        if !found.is_above
            && self.is_worth_it(section, hashes, name, value)
            && self.insert(section, hashes, known, name, value)
            && section.may_block
        {
            return section.indexed(self.table.inserted() - 1, out);
        }
        match known {
            Match::Nothing => match self.lookup.name(hashes, name, &self.table, section.limit) {
                Some(index) => section.named(index, value, out),
                None => encoder::encode_line(name, value, out),
            },
            _ => encoder::encode_line(name, value, out),
        }
    }

    /// Whether a line should be in the table.
    fn is_worth_it(&mut self, section: &Section, hashes: Hashes, name: &[u8], value: &[u8]) -> bool {
        let size = entry_size(name, value);
        let is_free = self.table.size() + size <= self.table.capacity();
        let was_seen = self.history.is_seen(hashes.line);
        size <= self.table.capacity() * 3 / 4 && (was_seen || (section.may_block && is_free && !is_changing(name)))
    }

    /// Inserts the entry at `index` once more if it will soon be evicted. The index of the copy, if that can be referred to.
    fn renew(&mut self, section: &mut Section, index: u64, hashes: Hashes, name: &[u8], value: &[u8]) -> Option<u64> {
        let most = self.table.capacity() * 3 / 4;
        if self.table.size_from(index) <= most || section.room < prefix_integer::MAX_LEN {
            return None;
        }
        // Where the copy cannot be referred to, the entry is, and must stay. Else it may be evicted by its copy.
        if !section.may_block {
            section.refer(index);
        }
        self.make_room(section, entry_size(name, value))?;
        let before = self.instructions.len();
        encoder_stream::push_duplicate(self.table.inserted() - 1 - index, &mut self.instructions);
        self.table.duplicate(index);
        self.on_inserted(section, hashes, before);
        section.may_block.then(|| self.table.inserted() - 1)
    }

    /// Whether an entry of `size` bytes can be inserted.
    /// RFC 9204 section 2.1.1-1, 3.2.2-1: what is referred to, or is not known to have arrived, stays.
    fn make_room(&self, section: &Section, size: usize) -> Option<()> {
        let first = self.table.first_after(size)?;
        if first == self.table.first() {
            return Some(());
        }
        let oldest = [self.outstanding.oldest(), section.references.map(|references| references.oldest)];
        let oldest = oldest.into_iter().flatten().fold(self.outstanding.known(), u64::min);
        (first <= oldest).then_some(())
    }

    /// Inserts a line if that can be. Whether it was.
    fn insert(&mut self, section: &mut Section, hashes: Hashes, known: Match, name: &[u8], value: &[u8]) -> bool {
        // RFC 9204 s2.1.3: as long as an instruction can be.
        let longest = name.len() + value.len() + 2 * prefix_integer::MAX_LEN;
        if section.room < longest || self.make_room(section, entry_size(name, value)).is_none() {
            return false;
        }
        let before = self.instructions.len();
        match known {
            Match::Line(index) | Match::Name(index) => {
                encoder_stream::push_static_name(index, value, &mut self.instructions);
            }
            Match::Nothing => match self.lookup.name(hashes, name, &self.table, u64::MAX) {
                Some(index) => {
                    let relative = self.table.inserted() - 1 - index;
                    encoder_stream::push_dynamic_name(relative, value, &mut self.instructions);
                }
                None => encoder_stream::push_literal(name, value, &mut self.instructions),
            },
        }
        let inserted = self.table.insert(name, value).is_ok();
        debug_assert!(inserted, "what is larger than the table is not worth it");
        self.on_inserted(section, hashes, before);
        true
    }

    /// The table has a new entry, and `instructions` the instruction for it from `before` on.
    fn on_inserted(&mut self, section: &mut Section, hashes: Hashes, before: usize) {
        self.lookup.on_inserted(hashes, &self.table);
        // A peer that never acknowledges gets one entry that it cannot be made to wait for, and no more: these bytes are lost.
        let is_probe = !section.may_block && self.outstanding.known() == 0;
        let left = section.room.saturating_sub(self.instructions.len() - before);
        section.room = if is_probe { 0 } else { left };
    }

    /// Whether it told something.
    fn on_instruction(&mut self, progress: Progress) -> Result<bool, DecoderStreamError> {
        let inserted = self.table.inserted();
        match progress {
            Progress::Whole(Kind::Acknowledgment, stream) => self.outstanding.on_acknowledgment(stream)?,
            Progress::Whole(Kind::Cancellation, stream) => return Ok(self.outstanding.on_cancellation(stream)),
            Progress::Whole(Kind::Increment, increment) => self.outstanding.on_increment(increment, inserted)?,
            // What is too large already need not be waited for.
            Progress::AtLeast(Kind::Increment, increment) if increment > inserted - self.outstanding.known() => {
                return Err(DecoderStreamError::InsertCountIncrement);
            }
            Progress::AtLeast(Kind::Acknowledgment, _) if self.outstanding.len() == 0 => {
                return Err(DecoderStreamError::SectionAcknowledgment);
            }
            Progress::AtLeast(..) => {}
        }
        Ok(true)
    }
}

impl Section {
    fn refer(&mut self, index: u64) {
        let references = self.references.get_or_insert(References { required: index + 1, oldest: index });
        references.required = references.required.max(index + 1);
        references.oldest = references.oldest.min(index);
    }

    /// RFC 9204 sections 4.5.2 and 4.5.3.
    fn indexed(&mut self, index: u64, out: &mut Vec<u8>) {
        self.refer(index);
        match index.checked_sub(self.base) {
            Some(after) => prefix_integer::encode(0b0001_0000, 4, after, out),
            None => prefix_integer::encode(0b1000_0000, 6, self.base - 1 - index, out),
        }
    }

    /// RFC 9204 sections 4.5.4 and 4.5.5. Lines that must never be indexed do not come here.
    fn named(&mut self, index: u64, value: &[u8], out: &mut Vec<u8>) {
        self.refer(index);
        match index.checked_sub(self.base) {
            Some(after) => prefix_integer::encode(0, 3, after, out),
            None => prefix_integer::encode(0b0100_0000, 4, self.base - 1 - index, out),
        }
        string::encode(0, 7, value, out);
    }
}

/// Names whose values are mostly others each time.
const fn is_changing(name: &[u8]) -> bool {
    matches!(
        name,
        b":path"
            | b"age"
            | b"content-length"
            | b"content-range"
            | b"date"
            | b"etag"
            | b"expires"
            | b"if-modified-since"
            | b"if-none-match"
            | b"last-modified"
            | b"location"
            | b"range"
    )
}

#[cfg(test)]
mod tests;
