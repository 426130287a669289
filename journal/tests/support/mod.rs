//! A folder in memory that takes back what was not synced, tears writes, flips bytes and runs full.

use journal::{Files, JournalFile};
use sim::SeededRandom;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a disk writes whole or not at all. Smaller than that of real ones, so that records of tests are of several.
const SECTOR: usize = 128;

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Change::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                to[*offset..end].copy_from_slice(bytes);
            }
            Change::Truncate(len) => to.resize(*len, 0),
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    changes: Vec<Change>,
    /// Whether the folder was synced since it was made.
    is_listed: bool,
}

impl Content {
    /// The changes up to one of them, of which a part was done.
    fn after_crash_in_order(&self, random: &mut SeededRandom) -> Vec<u8> {
        let mut left = self.durable.clone();
        let end = random.below(self.changes.len() as u64 + 1) as usize;
        self.changes.iter().take(end).for_each(|change| change.apply(&mut left));
        match self.changes.get(end) {
            Some(Change::Write(offset, bytes)) => torn(*offset, bytes, random).apply(&mut left),
            Some(change) => change.apply(&mut left),
            None => {}
        }
        left
    }

    /// Some of the changes, each of them torn.
    fn after_crash_out_of_order(&self, random: &mut SeededRandom) -> Vec<u8> {
        let mut left = self.durable.clone();
        for change in &self.changes {
            match change {
                _ if random.one_in(2) => {}
                Change::Write(offset, bytes) => torn(*offset, bytes, random).apply(&mut left),
                change => change.apply(&mut left),
            }
        }
        left
    }

    /// Of each write some sectors. What is missing in the middle of a file is zeros.
    fn after_crash_by_sectors(&self, random: &mut SeededRandom) -> Vec<u8> {
        let mut left = self.durable.clone();
        for change in &self.changes {
            match change {
                Change::Write(offset, bytes) => {
                    let mut from = 0;
                    while from < bytes.len() {
                        let to = bytes.len().min(from + SECTOR - (offset + from) % SECTOR);
                        if !random.one_in(4) {
                            Change::Write(offset + from, bytes[from..to].to_vec()).apply(&mut left);
                        }
                        from = to;
                    }
                }
                _ if random.one_in(2) => {}
                change => change.apply(&mut left),
            }
        }
        left
    }
}

fn torn(offset: usize, bytes: &[u8], random: &mut SeededRandom) -> Change {
    let count = random.below(bytes.len() as u64 + 1) as usize;
    Change::Write(offset, bytes[..count].to_vec())
}

#[derive(Clone, Debug)]
struct Disk {
    files: BTreeMap<String, Content>,
    /// Bytes by which files can still grow.
    room: u64,
    /// The next so many syncs fail.
    failing_syncs: u32,
    /// Writes take at most so many bytes at once.
    short: usize,
    writes: u64,
}

/// The folder. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Folder(Arc<Mutex<Disk>>);

impl Folder {
    pub(crate) fn new() -> Folder {
        let disk = Disk { files: BTreeMap::new(), room: u64::MAX, failing_syncs: 0, short: usize::MAX, writes: 0 };
        Folder(Arc::new(Mutex::new(disk)))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("whoever had it has not panicked")
    }

    pub(crate) fn set_room(&self, room: u64) {
        self.disk().room = room;
    }

    pub(crate) fn set_short(&self, short: usize) {
        self.disk().short = short;
    }

    /// How many writes there were.
    pub(crate) fn writes(&self) -> u64 {
        self.disk().writes
    }

    /// By how many bytes files can still grow.
    pub(crate) fn room(&self) -> u64 {
        self.disk().room
    }

    pub(crate) fn fail_syncs(&self, count: u32) {
        self.disk().failing_syncs = count;
    }

    /// Another folder with what would be there after a crash now: of what was not synced any part, the last of it torn.
    pub(crate) fn after_crash(&self, random: &mut SeededRandom) -> Folder {
        let mut disk = self.disk().clone();
        disk.files.retain(|_, content| content.is_listed || random.one_in(2));
        for content in disk.files.values_mut() {
            let left = match random.below(3) {
                0 => content.after_crash_in_order(random),
                1 => content.after_crash_out_of_order(random),
                _ => content.after_crash_by_sectors(random),
            };
            *content = Content { now: left.clone(), durable: left, changes: Vec::new(), is_listed: true };
        }
        disk.room = u64::MAX;
        disk.failing_syncs = 0;
        Folder(Arc::new(Mutex::new(disk)))
    }

    /// Another folder with the same content.
    pub(crate) fn copy(&self) -> Folder {
        Folder(Arc::new(Mutex::new(self.disk().clone())))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.disk().files.keys().cloned().collect()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        self.disk().files[name].now.clone()
    }

    pub(crate) fn set_bytes(&self, name: &str, bytes: Vec<u8>) {
        let content = Content { now: bytes.clone(), durable: bytes, changes: Vec::new(), is_listed: true };
        self.disk().files.insert(name.to_owned(), content);
    }
}

impl Files for Folder {
    type File = File;

    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn create(&mut self, name: &str) -> io::Result<File> {
        let mut disk = self.disk();
        if disk.files.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        disk.files.insert(name.to_owned(), Content::default());
        Ok(File { folder: self.clone(), name: name.to_owned() })
    }

    fn open(&mut self, name: &str) -> io::Result<File> {
        if !self.disk().files.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(File { folder: self.clone(), name: name.to_owned() })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.disk().files.remove(name).map(drop).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk().files.values_mut().for_each(|content| content.is_listed = true);
        Ok(())
    }
}

/// A file of the folder.
#[derive(Clone, Debug)]
pub(crate) struct File {
    folder: Folder,
    name: String,
}

impl JournalFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.folder.disk();
        let content = &disk.files.get(&self.name).ok_or(io::ErrorKind::NotFound)?.now;
        let from = (offset as usize).min(content.len());
        let count = buffer.len().min(content.len() - from);
        buffer[..count].copy_from_slice(&content[from..from + count]);
        Ok(count)
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.folder.disk();
        let (offset, room) = (offset as usize, usize::try_from(disk.room).unwrap_or(usize::MAX));
        let len = disk.files.get(&self.name).ok_or(io::ErrorKind::NotFound)?.now.len();
        let count = bytes.len().min(len.saturating_sub(offset).saturating_add(room)).min(disk.short);
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let growth = (offset + count).saturating_sub(len);
        disk.room = disk.room.saturating_sub(growth as u64);
        disk.writes += 1;
        let change = Change::Write(offset, bytes[..count].to_vec());
        let content = disk.files.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?;
        change.apply(&mut content.now);
        content.changes.push(change);
        Ok(count)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut disk = self.folder.disk();
        let content = disk.files.get(&self.name).ok_or(io::ErrorKind::NotFound)?;
        let given_back = content.now.len().saturating_sub(len as usize);
        disk.room = disk.room.saturating_add(given_back as u64);
        let content = disk.files.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?;
        let change = Change::Truncate(len as usize);
        change.apply(&mut content.now);
        content.changes.push(change);
        Ok(())
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.folder.disk().files.get(&self.name).ok_or(io::ErrorKind::NotFound)?.now.len() as u64)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.folder.disk();
        if disk.failing_syncs > 0 {
            disk.failing_syncs -= 1;
            return Err(io::Error::other("input/output error"));
        }
        let content = disk.files.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?;
        content.durable = content.now.clone();
        content.changes.clear();
        Ok(())
    }
}
