//! One file that was opened beneath the folder: what was found, and its bytes in pieces.
//!
//! What is in memory is read at once; what may have to come from a disk is read by the reader threads, and the task waits. No
//! piece is read ahead: the system does that, and where it has, the next piece is in memory.

use crate::files::state::State;
use runtime::folder::{Folder, read_if_cached};
use runtime::{JobError, ReaderPool};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::Arc;

/// The most of a file that is read at a time. It is held until the client has taken it. Default 64 KiB.
pub(super) const PIECE: usize = 64 << 10;
/// Bytes that are sent until it is looked again whether the file is the same. Default 1 MiB.
const UNLOOKED: u64 = 1 << 20;

/// What a name leads to.
#[derive(Debug)]
pub(super) enum Found {
    File(Opened),
    Folder,
    /// A pipe, a device, a socket.
    Other,
}

/// A regular file, as it was when it was opened.
#[derive(Debug)]
pub(super) struct Opened {
    file: File,
    state: State,
    links: u64,
    is_local: bool,
    shows_each_change: bool,
    /// All of it, if it is small and was asked for.
    whole: Option<Vec<u8>>,
}

/// Reads so many bytes from the beginning; less at the end of the file, or if no more can be had at once.
type Read = fn(&File, usize) -> io::Result<Vec<u8>>;

/// Opens what `path` leads to if that takes no waiting. A file of at most `content` bytes is read as well.
pub(super) fn open_at_once(folder: &Folder, path: &[u8], content: usize) -> Option<io::Result<Found>> {
    match folder.open_if_cached(path)? {
        Ok(file) => Some(look(folder, file, content, read_at_once)),
        // It may be a folder: that is for the other way.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
        Err(error) => Some(Err(error)),
    }
}

/// The same with waiting, for a reader thread.
pub(super) fn open(folder: &Folder, path: &[u8], content: usize) -> io::Result<Found> {
    match folder.open_beneath(path) {
        Ok(file) => look(folder, file, content, read_all),
        // One that may be gone through, but not listed.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && folder.is_folder(path) => Ok(Found::Folder),
        Err(error) => Err(error),
    }
}

fn look(folder: &Folder, file: File, content: usize, read: Read) -> io::Result<Found> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(if metadata.is_dir() { Found::Folder } else { Found::Other });
    }
    let (state, links) = (State::of(&metadata), metadata.nlink());
    let (is_local, shows_each_change) = (folder.is_local(&metadata), folder.shows_each_change(&metadata));
    let mut opened = Opened { file, state, links, is_local, shows_each_change, whole: None };
    if state.len() <= content as u64 {
        opened.whole = opened.read_whole(read)?;
    }
    Ok(Found::File(opened))
}

fn read_at_once(file: &File, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len);
    read_if_cached(file, &mut bytes, len, 0).unwrap_or(Ok(0))?;
    Ok(bytes)
}

fn read_all(file: &File, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

impl Opened {
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whether it was written later than `other`.
    pub(super) fn is_newer_than(&self, other: &Opened) -> bool {
        self.state.is_newer_than(&other.state)
    }

    /// Whether a change that comes shows in the state.
    pub(super) fn shows_each_change(&self) -> bool {
        self.shows_each_change
    }

    /// All of it, if that was read when it was opened.
    pub(super) fn take_whole(&mut self) -> Option<Vec<u8>> {
        self.whole.take()
    }

    /// `None` if it could not be had, or if the file changed meanwhile: who wants it finds out why.
    fn read_whole(&self, read: Read) -> io::Result<Option<Vec<u8>>> {
        let len = usize::try_from(self.state.len()).map_err(io::Error::other)?;
        let Some(all) = read(&self.file, len).ok().filter(|bytes| bytes.len() == len) else { return Ok(None) };
        Ok(self.is_unchanged()?.then_some(all))
    }

    fn is_unchanged(&self) -> io::Result<bool> {
        Ok(self.state.holds(&self.file.metadata()?, self.links))
    }

    /// Appends to `bytes` what is missing of `len`, which lies at an offset in the file, and looks whether it is still the same.
    fn fill(&self, mut bytes: Vec<u8>, len: usize, offset: u64, looks: bool) -> Result<Vec<u8>, Loss> {
        let there = bytes.len();
        if there < len {
            bytes.resize(len, 0);
            let rest = bytes.get_mut(there..).unwrap_or_default();
            self.file.read_exact_at(rest, offset + there as u64).map_err(Loss::of)?;
        }
        if looks && !self.is_unchanged().map_err(Loss::of)? {
            return Err(Loss::Changed);
        }
        Ok(bytes)
    }
}

/// Why a piece cannot be had.
#[derive(Debug)]
pub(super) enum Loss {
    /// The file is shorter than it was.
    Cut,
    /// It has been written to.
    Changed,
    /// The system says this.
    Failed(io::Error),
    NoReader(JobError),
}

impl Loss {
    fn of(error: io::Error) -> Loss {
        if error.kind() == io::ErrorKind::UnexpectedEof { Loss::Cut } else { Loss::Failed(error) }
    }
}

/// The bytes of a file that was opened, as long as it stays as it was.
#[derive(Debug)]
pub(super) struct Source {
    opened: Arc<Opened>,
    readers: ReaderPool,
    next: u64,
    end: u64,
    /// Bytes since the last look.
    unlooked: u64,
}

impl Source {
    /// Of the bytes in `range`, which is within the file.
    pub(super) fn new(opened: Arc<Opened>, readers: ReaderPool, range: Range<u64>) -> Source {
        debug_assert!(range.start <= range.end && range.end <= opened.state.len());
        Source { opened, readers, next: range.start, end: range.end, unlooked: 0 }
    }

    /// Whether the last piece was given.
    pub(super) fn is_over(&self) -> bool {
        self.next == self.end
    }

    /// The next piece, of at most `room` bytes; `None` after the last. The last one comes only if the file is still what it was: a
    /// client can rely on a complete body being of one state.
    pub(super) async fn next(&mut self, room: usize) -> Result<Option<Vec<u8>>, Loss> {
        let len = (self.end - self.next).min(room.min(PIECE) as u64);
        if len == 0 {
            return Ok(None);
        }
        let looks = self.next + len == self.end || self.unlooked + len >= UNLOOKED;
        let piece = self.piece(len as usize, looks).await?;
        self.unlooked = if looks { 0 } else { self.unlooked + len };
        self.next += len;
        Ok(Some(piece))
    }

    async fn piece(&self, len: usize, looks: bool) -> Result<Vec<u8>, Loss> {
        let (mut bytes, offset) = (Vec::with_capacity(len), self.next);
        // An error will show again where there is time for it.
        let _ = read_if_cached(&self.opened.file, &mut bytes, len, offset);
        let waits = bytes.len() < len || looks && !self.opened.is_local;
        if !waits {
            return self.opened.fill(bytes, len, offset, looks);
        }
        let opened = self.opened.clone();
        let filled = self.readers.run(move || opened.fill(bytes, len, offset, looks)).await;
        filled.map_err(Loss::NoReader)?
    }
}
