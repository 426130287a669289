//! The names in a folder.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use crate::sys::linux::files::read_entries;

/// Bytes of entries that are asked for at a time.
const ROOM: usize = 32 << 10;
/// Where the length of an entry stands, and where its name begins (`struct linux_dirent64`).
const LEN_AT: usize = 16;
const NAME_AT: usize = 19;

/// Gives the names in a folder, one after the other, in no order, with the dots.
pub(crate) struct Names {
    folder: OwnedFd,
    room: Vec<u8>,
    /// What of `room` the kernel has written, and where the next entry of it begins.
    filled: usize,
    next: usize,
}

impl Names {
    /// From the beginning. `folder` is open for reading.
    pub(crate) fn of(folder: OwnedFd) -> io::Result<Names> {
        Ok(Names { folder, room: vec![0; ROOM], filled: 0, next: 0 })
    }

    /// The next name; `None` at the end. This may wait for a disk.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        if self.next >= self.filled {
            self.filled = read_entries(self.folder.as_fd(), &mut self.room)?.min(self.room.len());
            self.next = 0;
        }
        let Some(entry) = entry(self.room.get(self.next..self.filled).unwrap_or_default()) else {
            return Ok(None);
        };
        self.next += entry.len();
        Ok(entry.get(NAME_AT..).and_then(|name| name.split(|byte| *byte == 0).next()))
    }
}

/// The first entry of what the kernel has written.
fn entry(entries: &[u8]) -> Option<&[u8]> {
    let len = usize::from(u16::from_le_bytes(*entries.get(LEN_AT..)?.first_chunk()?));
    entries.get(..len.max(NAME_AT))
}
