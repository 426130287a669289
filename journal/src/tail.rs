//! The file of the newest segment, and zeros ahead of its records.
//!
//! Where a file grows, a sync commits its length and its new blocks as well as its bytes. So a commit that passes the end of the file
//! writes zeros behind it, and those after it write over them. Nothing depends on the zeros: where there is no room for them, the file grows
//! as it would without.

use crate::files::{JournalFile, write_all};
use std::io;

/// The end of the zeros is a multiple of this: the size of a block, of which the file takes a whole one in any case.
const BLOCK: u64 = 4 << 10;
/// Zeros of one step, at most. A step is as long as what is before it: small files stay small.
const MOST_ZEROS: u64 = 256 << 10;
/// Bytes of one commit, at most, for which zeros are written ahead. Where more are written at a time, writing them twice costs more than
/// the growing file.
const MOST_WRITTEN: u64 = 64 << 10;
/// After zeros could not be written, so many commits do without.
const COMMITS_WITHOUT: u32 = 1024;

/// A file that is written at its end.
#[derive(Debug)]
pub(crate) struct Tail<F> {
    file: F,
    /// Where the file ends.
    end: u64,
    /// Commits to come that write no zeros.
    without: u32,
}

impl<F: JournalFile> Tail<F> {
    /// A file that ends at `end`.
    pub(crate) const fn new(file: F, end: u64) -> Tail<F> {
        Tail { file, end, without: 0 }
    }

    pub(crate) const fn file(&self) -> &F {
        &self.file
    }

    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }

    /// The file, with nothing behind what is written.
    pub(crate) fn into_file(mut self, written: u64) -> F {
        self.cut_zeros(written);
        self.file
    }

    /// Writes records. Where that fails, the file may have a part of them.
    pub(crate) fn write(&mut self, records: &[u8], offset: u64) -> io::Result<()> {
        self.end = self.end.max(offset + records.len() as u64);
        write_all(&mut self.file, records, offset)
    }

    pub(crate) fn truncate(&mut self, len: u64) -> io::Result<()> {
        self.file.truncate(len)?;
        self.end = len;
        Ok(())
    }

    /// Makes durable what was written. For a commit of `count` bytes it writes zeros as well, behind what is `written` and up to `limit` at
    /// most, if there are none left.
    pub(crate) fn commit(&mut self, written: u64, count: u64, limit: u64) -> io::Result<()> {
        let ahead = written.min(MOST_ZEROS);
        let zeros_end = (written + ahead).next_multiple_of(BLOCK).min(limit);
        if self.without > 0 {
            self.without -= 1;
        } else if self.end <= written && written < zeros_end && count <= MOST_WRITTEN {
            self.write_zeros(written, zeros_end);
        }
        self.file.sync()
    }

    fn write_zeros(&mut self, written: u64, zeros_end: u64) {
        let zeros = vec![0; usize::try_from(zeros_end - written).unwrap_or(0)];
        if self.write(&zeros, written).is_err() {
            // What they took is room for records.
            self.cut_zeros(written);
            self.without = COMMITS_WITHOUT;
        }
    }

    /// Gives back the room of the zeros. Where that fails they stay, and are the end for who reads the file.
    pub(crate) fn cut_zeros(&mut self, written: u64) {
        if self.end > written {
            let _ = self.file.truncate(written);
            self.end = written;
        }
    }
}
