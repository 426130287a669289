//! The journal: segments in order, of which the newest is written.

use crate::damage::{Damage, Error};
use crate::files::{Files, JournalFile, read_full, write_all};
use crate::index::Index;
use crate::record::{self, HEADER_LEN, MAX_CONTENT, Record};
use crate::scan::{Found, Scan};
use crate::segment::{self, DATA_START, Segment};
use crate::tail::Tail;
use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;

/// The most segments that one call removes, so that it does not take long.
const REMOVED_AT_ONCE: usize = 4;
/// The most older segments that are open for readers.
const MOST_OPEN: usize = 2;
/// The most places that are remembered at which reading has ended.
const MOST_HINTS: usize = 32;
/// The most damages that are remembered until they are asked for.
const MOST_DAMAGES: usize = 64;
/// Bytes that were appended and wait for the commit, at most: they are written together.
const MOST_WAITING: usize = 1 << 20;
/// After a write has failed, so many commits long what is appended is written at once: where there is no room, that is an error of the one
/// append, and not of the whole commit.
const CAREFUL_COMMITS: u32 = 1024;

/// When what was appended counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// When the disk says so: `fdatasync` in every commit.
    #[default]
    Synced,
    /// When the kernel has it: it survives the end of the process, and not that of the machine.
    LostWithTheMachine,
}

/// How a journal keeps records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// When a segment has so many bytes, the next one is due. Default 64 MiB.
    pub segment_size: u64,
    /// The kind of records that [`Journal::read`] looks for, whose numbers grow. Default 1.
    pub event_kind: u8,
    /// The kind of records with which a segment begins, and a replay. Default 7.
    pub snapshot_kind: u8,
    /// What a commit does.
    pub durability: Durability,
    /// A number that who writes records cannot know: what their checksums begin with. Default 0, for tests.
    pub salt: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { segment_size: 64 << 20, event_kind: 1, snapshot_kind: 7, durability: Durability::Synced, salt: 0 }
    }
}

/// What a replay has found beside records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Records that were read.
    pub records: u64,
    /// The number after the last event that may have been cut off at the end. It, and those before it, are better not given to others.
    pub next_unused: u64,
}

/// A segment, and how long it is, with what waits to be written.
#[derive(Debug)]
struct Kept {
    segment: Segment,
    len: u64,
}

/// An older segment that is open.
#[derive(Debug)]
struct Open<F> {
    ordinal: u64,
    file: F,
    index: Index,
}

/// An append-only log in a folder of its own. First comes a [`replay`](Journal::replay).
#[derive(Debug)]
pub struct Journal<F: Files> {
    files: F,
    options: Options,
    /// In order; the last one is written.
    segments: VecDeque<Kept>,
    tail: Tail<F::File>,
    index: Index,
    /// Bytes of the newest segment that are durable.
    synced: u64,
    /// Bytes at the end of the newest segment that are not written yet.
    waiting: Vec<u8>,
    /// Commits to come before which nothing waits.
    careful: u32,
    /// A write has failed, and how, or there was no replay yet: nothing can be appended.
    stopped: Option<io::ErrorKind>,
    /// The ordinal of the segment with which a replay begins.
    replay_from: u64,
    /// The highest ordinal that any file has.
    highest: u64,
    open: VecDeque<Open<F::File>>,
    /// Where reading is likely to go on: event, ordinal, offset.
    hints: VecDeque<(u64, u64, u64)>,
    damages: Vec<Damage>,
    read: Vec<u8>,
}

impl<F: Files> Journal<F> {
    /// Opens the journal in a folder, or begins one. Only the beginnings of segments are read.
    ///
    /// # Errors
    /// The folder cannot be read, a segment cannot be opened, or the first one cannot be made.
    pub fn open(mut files: F, options: Options) -> Result<Journal<F>, Error> {
        let names = files.list().map_err(|error| Error::new("list files", ".", error))?;
        let mut ordinals: Vec<u64> = names.iter().filter_map(|name| segment::ordinal(name)).collect();
        ordinals.sort_unstable();
        let mut damages = Vec::new();
        let mut segments: VecDeque<Kept> = VecDeque::new();
        let mut newest = None;
        let mut highest = 0;
        for ordinal in &ordinals {
            let is_last = Some(ordinal) == ordinals.last();
            let opened = match open_segment(&mut files, *ordinal, is_last, &mut damages)? {
                Opened::Good(kept, file) => Some((kept, file)),
                Opened::Unreadable => None,
                // Its ordinal is free again: otherwise a segment would seem to be missing.
                Opened::Removed => continue,
            };
            highest = *ordinal;
            let Some((kept, file)) = opened else { continue };
            if segments.back().is_some_and(|last| last.segment.ordinal + 1 != *ordinal) {
                damages.push(Damage::Missing { file: segment::name(ordinal - 1) });
            }
            segments.push_back(kept);
            newest = Some(file);
        }
        let (file, highest) = match newest {
            Some(file) => (file, highest),
            None => {
                let first = Segment { ordinal: highest + 1, base: 1, salt: salt(options.salt, highest + 1) };
                let (file, len) = make_segment(&mut files, first, &[], options.durability)?;
                segments.push_back(Kept { segment: first, len });
                (file, highest + 1)
            }
        };
        let end = segments.back().map_or(0, |kept| kept.len);
        let mut made = Journal {
            files,
            options,
            segments,
            tail: Tail::new(file, end),
            index: Index::default(),
            synced: 0,
            waiting: Vec::new(),
            careful: 0,
            stopped: Some(io::ErrorKind::Other),
            replay_from: 0,
            highest,
            open: VecDeque::new(),
            hints: VecDeque::new(),
            damages,
            read: Vec::new(),
        };
        made.synced = made.len();
        Ok(made)
    }

    /// Bytes of the newest segment, with what waits.
    fn len(&self) -> u64 {
        self.newest().len
    }

    /// Bytes of the newest segment that are written.
    fn written(&self) -> u64 {
        self.len() - self.waiting.len() as u64
    }

    fn newest(&self) -> &Kept {
        self.segments.back().expect("a journal always has a segment")
    }

    fn note_len(&mut self, len: u64) {
        self.segments.back_mut().expect("a journal always has a segment").len = len;
    }

    /// Hands out all records from the newest snapshot on, or from the oldest segment if there is none. What is torn is cut off, and so
    /// is what was appended since the last commit, if a commit has failed.
    ///
    /// # Errors
    /// A segment cannot be read, or the newest one cannot be cut.
    pub fn replay(&mut self, visit: &mut dyn FnMut(Record<'_>)) -> Result<Replayed, Error> {
        if self.stopped.is_none() {
            self.write()?;
        } else if self.synced < self.len() {
            self.cut(self.synced)?;
        }
        self.hints.clear();
        self.index = Index::default();
        let first = self.first_of_replay()?;
        self.replay_from = self.segments.get(first).map_or(0, |kept| kept.segment.ordinal);
        let mut replayed = Replayed::default();
        for place in first..self.segments.len() {
            let is_newest = place + 1 == self.segments.len();
            let end = self.replay_segment(place, is_newest, visit, &mut replayed)?;
            if is_newest && end < self.len() {
                self.cut(end)?;
                self.synced = end;
            }
        }
        self.stopped = None;
        Ok(replayed)
    }

    /// The place of the newest segment that begins with a snapshot.
    fn first_of_replay(&mut self) -> Result<usize, Error> {
        for place in (1..self.segments.len()).rev() {
            let Kept { segment, len } = &self.segments[place];
            let (segment, len) = (*segment, *len);
            let opened;
            let file = if place + 1 == self.segments.len() {
                self.tail.file()
            } else {
                let name = segment.name();
                opened = self.files.open(&name).map_err(|error| Error::new("open", &name, error))?;
                &opened
            };
            let mut scan = Scan::new(file, segment.salt, DATA_START, len, &mut self.read);
            let found = scan.next().map_err(|error| Error::new("read", &segment.name(), error))?;
            if matches!(found, Found::Record(_, record) if record.kind == self.options.snapshot_kind) {
                return Ok(place);
            }
        }
        Ok(0)
    }

    /// Where its records end: what is behind is torn, or zeros.
    fn replay_segment(
        &mut self,
        place: usize,
        is_newest: bool,
        visit: &mut dyn FnMut(Record<'_>),
        replayed: &mut Replayed,
    ) -> Result<u64, Error> {
        let Kept { segment, len } = &self.segments[place];
        let (segment, len) = (*segment, *len);
        let name = segment.name();
        let opened;
        let file = if is_newest {
            self.tail.file()
        } else {
            opened = self.files.open(&name).map_err(|error| Error::new("open", &name, error))?;
            &opened
        };
        let mut scan = Scan::new(file, segment.salt, DATA_START, len, &mut self.read);
        let mut torn = None;
        replayed.next_unused = replayed.next_unused.max(segment.base);
        loop {
            match scan.next().map_err(|error| Error::new("read", &name, error))? {
                Found::Record(offset, record) => {
                    if record.kind == self.options.event_kind {
                        replayed.next_unused = record.sequence + 1;
                        if is_newest {
                            self.index.push(record.sequence, offset);
                        }
                    }
                    replayed.records += 1;
                    visit(record);
                }
                Found::Broken { offset, bytes, sequence } => {
                    replayed.next_unused += if sequence.is_some() { 1 } else { most_records(bytes) };
                    note(&mut self.damages, Damage::Broken { file: name.clone(), offset, bytes, sequence });
                }
                Found::Torn { offset, bytes } => {
                    replayed.next_unused += most_records(bytes);
                    note(&mut self.damages, Damage::Torn { file: name.clone(), offset, bytes });
                    torn = Some(offset);
                }
                Found::End => return Ok(torn.unwrap_or_else(|| scan.offset())),
            }
        }
    }

    /// Cuts off the newest segment.
    fn cut(&mut self, len: u64) -> Result<(), Error> {
        let name = self.newest().segment.name();
        self.tail.truncate(len).map_err(|error| Error::new("cut off", &name, error))?;
        self.tail.sync().map_err(|error| Error::new("sync", &name, error))?;
        self.waiting.clear();
        self.note_len(len);
        self.index.truncate(len);
        Ok(())
    }

    /// Appends records, all or none. They are not durable yet, and readers may not see them before the [commit](Journal::commit).
    ///
    /// # Errors
    /// There is no room, or the system does not write: none was appended. If nothing else can be appended either, the next commit fails too.
    pub fn append<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Result<(), Error> {
        self.check("append")?;
        if self.waiting.len() >= MOST_WAITING {
            self.write()?;
        }
        let (segment, start, before) = (self.newest().segment, self.len(), self.waiting.len());
        let mut events = Vec::new();
        for record in records {
            if record.content.len() > MAX_CONTENT {
                self.waiting.truncate(before);
                let error = io::Error::new(io::ErrorKind::InvalidInput, "a record is larger than 64 MiB");
                return Err(Error::new("append", &segment.name(), error));
            }
            let offset = start + (self.waiting.len() - before) as u64;
            record::write(&mut self.waiting, record, segment.salt, offset);
            if record.kind == self.options.event_kind {
                events.push((record.sequence, offset));
            }
        }
        if self.careful > 0 {
            // Nothing waited before it.
            if let Err(error) = self.tail.write(&self.waiting, start) {
                self.waiting.clear();
                // A part of them that stayed behind the end might be taken for records once others have been written before it.
                self.stopped = self.tail.truncate(start).err().map(|error| error.kind());
                return Err(Error::new("append", &segment.name(), error));
            }
        }
        events.iter().for_each(|(sequence, offset)| self.index.push(*sequence, *offset));
        self.note_len(start + (self.waiting.len() - before) as u64);
        if self.careful > 0 {
            self.waiting.clear();
        }
        Ok(())
    }

    fn check(&self, what: &'static str) -> Result<(), Error> {
        match self.stopped {
            None => Ok(()),
            Some(kind) => {
                let error = io::Error::new(kind, "a write has failed: replay first");
                Err(Error::new(what, &self.newest().segment.name(), error))
            }
        }
    }

    /// Writes what waits.
    fn write(&mut self) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let place = self.written();
        if let Err(error) = self.tail.write(&self.waiting, place) {
            self.stopped = Some(error.kind());
            self.careful = CAREFUL_COMMITS;
            return Err(Error::new("append", &self.newest().segment.name(), error));
        }
        self.waiting.clear();
        self.waiting.shrink_to(MOST_WAITING);
        Ok(())
    }

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// It is not durable, and what was appended since the last commit counts no more. Nothing can be appended before a
    /// [`replay`](Journal::replay).
    pub fn commit(&mut self) -> Result<(), Error> {
        self.check("commit")?;
        self.write()?;
        let is_due = self.options.durability == Durability::Synced && self.synced < self.len();
        let (len, count, limit) = (self.len(), self.len() - self.synced, self.options.segment_size);
        let synced = if is_due { self.tail.commit(len, count, limit) } else { Ok(()) };
        if let Err(error) = synced {
            self.stopped = Some(error.kind());
            return Err(Error::new("sync", &self.newest().segment.name(), error));
        }
        self.synced = self.len();
        self.careful = self.careful.saturating_sub(1);
        Ok(())
    }

    /// Whether the newest segment is so long that the next one is due.
    pub fn wants_snapshot(&self) -> bool {
        self.len() >= self.options.segment_size
    }

    /// Begins a segment with these records, of which the first is a snapshot: it says the same as all records before it. The next event
    /// has at least the number `base`. Everything before has to be committed.
    ///
    /// # Errors
    /// There is no room, or the system does not write: everything is as before.
    pub fn begin_segment<'a>(&mut self, base: u64, records: impl Iterator<Item = Record<'a>>) -> Result<(), Error> {
        self.check("begin a segment")?;
        assert!(self.synced == self.len(), "everything before is committed");
        let ordinal = self.highest + 1;
        let segment = Segment { ordinal, base, salt: salt(self.options.salt, ordinal) };
        let mut content = Vec::new();
        for record in records {
            let offset = DATA_START + content.len() as u64;
            record::write(&mut content, record, segment.salt, offset);
        }
        let made = make_segment(&mut self.files, segment, &content, self.options.durability);
        let is_gone = |names: Vec<String>| !names.contains(&segment.name());
        if made.is_ok() || !self.files.list().is_ok_and(is_gone) {
            self.highest = ordinal;
        }
        let (file, len) = made?;
        let before = std::mem::replace(&mut self.tail, Tail::new(file, len)).into_file(self.len());
        let index = std::mem::take(&mut self.index);
        self.keep_open(Open { ordinal: self.newest().segment.ordinal, file: before, index });
        self.segments.push_back(Kept { segment, len });
        self.synced = len;
        self.replay_from = ordinal;
        Ok(())
    }

    fn keep_open(&mut self, open: Open<F::File>) {
        self.open.push_back(open);
        while self.open.len() > MOST_OPEN {
            self.open.pop_front();
        }
    }

    /// Hands out events from number `from` on, in order, until `visit` has enough. What is broken is passed by and noted.
    ///
    /// # Errors
    /// A segment cannot be read.
    pub fn read(&mut self, from: u64, visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>) -> Result<(), Error> {
        let (mut place, mut offset) = self.find(from)?;
        // The number after the last one that was seen: where the next reader of the end is likely to begin.
        let mut next = from;
        while place < self.segments.len() {
            if self.read_segment(place, offset, from, &mut next, visit)?.is_break() {
                return Ok(());
            }
            place += 1;
            offset = DATA_START;
        }
        Ok(())
    }

    /// Where the event is, or a place before it: the segment, and the offset in it.
    fn find(&mut self, from: u64) -> Result<(usize, u64), Error> {
        let hinted = self.hints.iter().rev().find(|(sequence, _, _)| *sequence == from);
        let hinted = hinted.and_then(|(_, ordinal, offset)| {
            let place = self.segments.binary_search_by_key(ordinal, |kept| kept.segment.ordinal).ok()?;
            Some((place, *offset))
        });
        if let Some(place) = hinted {
            return Ok(place);
        }
        let after = self.segments.partition_point(|kept| kept.segment.base <= from);
        let place = after.saturating_sub(1);
        if place + 1 == self.segments.len() {
            return Ok((place, self.index.find(from, DATA_START)));
        }
        let open = self.open_older(place)?;
        Ok((place, open.index.find(from, DATA_START)))
    }

    /// An older segment, opened and with an index.
    fn open_older(&mut self, place: usize) -> Result<&Open<F::File>, Error> {
        let Kept { segment, len } = &self.segments[place];
        let (segment, len) = (*segment, *len);
        let at = self.open.iter().position(|open| open.ordinal == segment.ordinal);
        let at = match at {
            Some(at) => at,
            None => {
                let name = segment.name();
                let file = self.files.open(&name).map_err(|error| Error::new("open", &name, error))?;
                let mut index = Index::default();
                let mut scan = Scan::new(&file, segment.salt, DATA_START, len, &mut self.read);
                loop {
                    match scan.next().map_err(|error| Error::new("read", &name, error))? {
                        Found::Record(offset, record) if record.kind == self.options.event_kind => {
                            index.push(record.sequence, offset);
                        }
                        Found::End => break,
                        _ => {}
                    }
                }
                self.keep_open(Open { ordinal: segment.ordinal, file, index });
                self.open.len() - 1
            }
        };
        Ok(&self.open[at])
    }

    fn read_segment(
        &mut self,
        place: usize,
        offset: u64,
        from: u64,
        next: &mut u64,
        visit: &mut dyn FnMut(Record<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let Kept { segment, len } = &self.segments[place];
        let (segment, len) = (*segment, *len);
        let name = segment.name();
        let is_newest = place + 1 == self.segments.len();
        let len = if is_newest { self.written() } else { len };
        if !is_newest {
            self.open_older(place)?;
        }
        let older = self.open.iter().find(|open| open.ordinal == segment.ordinal);
        let file = older.filter(|_| !is_newest).map_or(self.tail.file(), |open| &open.file);
        let mut scan = Scan::new(file, segment.salt, offset, len, &mut self.read);
        loop {
            match scan.next().map_err(|error| Error::new("read", &name, error))? {
                Found::Record(at, record) => {
                    if record.kind != self.options.event_kind || record.sequence < from {
                        continue;
                    }
                    let sequence = record.sequence;
                    if visit(record).is_break() {
                        let end = scan.offset();
                        hint(&mut self.hints, (sequence, segment.ordinal, at));
                        hint(&mut self.hints, (sequence + 1, segment.ordinal, end));
                        return Ok(ControlFlow::Break(()));
                    }
                    *next = sequence + 1;
                }
                Found::Broken { offset, bytes, sequence } => {
                    note(&mut self.damages, Damage::Broken { file: name.clone(), offset, bytes, sequence });
                }
                Found::Torn { offset, bytes } => {
                    note(&mut self.damages, Damage::Broken { file: name.clone(), offset, bytes, sequence: None });
                }
                Found::End => {
                    hint(&mut self.hints, (*next, segment.ordinal, scan.offset()));
                    return Ok(ControlFlow::Continue(()));
                }
            }
        }
    }

    /// Events before this number are not read any more: removes segments that have no others and that no replay needs, a few
    /// at a time. How many. What was appended about it survives the end of the process from here on, as the removal does.
    pub fn drop_before(&mut self, sequence: u64) -> usize {
        // Where it fails, the next commit says so.
        let _ = self.write();
        let mut removed = 0;
        while removed < REMOVED_AT_ONCE {
            let Some(second) = self.segments.get(1) else { break };
            let first = &self.segments[0].segment;
            if second.segment.base > sequence || first.ordinal >= self.replay_from {
                break;
            }
            // One that cannot be removed now is tried again the next time.
            if self.files.remove(&first.name()).is_err() {
                break;
            }
            let ordinal = first.ordinal;
            self.open.retain(|open| open.ordinal != ordinal);
            self.segments.pop_front();
            removed += 1;
        }
        removed
    }

    /// What was found to be damaged since this was last asked.
    pub fn take_damages(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damages)
    }

    /// How many segments there are.
    pub fn segments(&self) -> usize {
        self.segments.len()
    }
}

/// A journal that is closed leaves no zeros behind its records.
impl<F: Files> Drop for Journal<F> {
    fn drop(&mut self) {
        let written = self.written();
        self.tail.cut_zeros(written);
    }
}

/// How many records so many bytes can have been, the last of them torn.
const fn most_records(bytes: u64) -> u64 {
    // No record is shorter than its header.
    bytes / HEADER_LEN as u64 + 1
}

/// Remembers a damage, once.
fn note(damages: &mut Vec<Damage>, damage: Damage) {
    if damages.len() < MOST_DAMAGES && !damages.contains(&damage) {
        damages.push(damage);
    }
}

fn hint(hints: &mut VecDeque<(u64, u64, u64)>, place: (u64, u64, u64)) {
    hints.retain(|(sequence, _, _)| *sequence != place.0);
    if hints.len() >= MOST_HINTS {
        hints.pop_front();
    }
    hints.push_back(place);
}

/// A salt for each segment, that nobody knows who does not know the journal's.
fn salt(seed: u64, ordinal: u64) -> u64 {
    seed ^ ordinal.rotate_left(32)
}

/// What became of a segment that was to be opened.
enum Opened<F> {
    Good(Kept, F),
    /// Its beginning cannot be read.
    Unreadable,
    /// It was never whole, and is not there any more.
    Removed,
}

/// Opens a segment and reads its beginning.
fn open_segment<F: Files>(
    files: &mut F,
    ordinal: u64,
    is_last: bool,
    damages: &mut Vec<Damage>,
) -> Result<Opened<F::File>, Error> {
    let name = segment::name(ordinal);
    let failed = |error| Error::new("open", &name, error);
    let file = files.open(&name).map_err(failed)?;
    let len = file.size().map_err(failed)?;
    let mut start = [0; DATA_START as usize];
    let count = read_full(&file, &mut start, 0).map_err(failed)?;
    let segment = start.get(..count).and_then(Segment::read).filter(|segment| segment.ordinal == ordinal);
    match segment.filter(|_| len >= DATA_START) {
        Some(segment) => Ok(Opened::Good(Kept { segment, len }, file)),
        // A crash while it was made: nothing was committed to it.
        None if is_last && len <= DATA_START && files.remove(&name).is_ok() => Ok(Opened::Removed),
        None => {
            damages.push(Damage::Unreadable { file: name, bytes: len });
            Ok(Opened::Unreadable)
        }
    }
}

/// Makes a segment with these records, durable when it returns. Its file, and its length.
fn make_segment<F: Files>(
    files: &mut F,
    segment: Segment,
    records: &[u8],
    durability: Durability,
) -> Result<(F::File, u64), Error> {
    let name = segment.name();
    let failed = |error| Error::new("begin a segment", &name, error);
    let mut file = files.create(&name).map_err(failed)?;
    let mut fill = || {
        write_all(&mut file, &segment.to_bytes(), 0)?;
        write_all(&mut file, records, DATA_START)?;
        if durability == Durability::Synced {
            file.sync()?;
            files.sync()?;
        }
        Ok(())
    };
    if let Err(error) = fill() {
        let _ = files.remove(&name);
        return Err(failed(error));
    }
    Ok((file, DATA_START + records.len() as u64))
}
