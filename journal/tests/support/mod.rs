//! A folder in memory that takes back what was not synced, tears writes, flips bytes and runs full.

use journal::{Files, JournalFile};
use sim::SeededRandom;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

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

#[derive(Clone, Debug)]
struct Disk {
    files: BTreeMap<String, Content>,
    /// Bytes that can still be written.
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

    pub(crate) fn fail_syncs(&self, count: u32) {
        self.disk().failing_syncs = count;
    }

    /// Another folder with what would be there after a crash now: of what was not synced any part, the last of it torn.
    pub(crate) fn after_crash(&self, random: &mut SeededRandom) -> Folder {
        let mut disk = self.disk().clone();
        disk.files.retain(|_, content| content.is_listed || random.one_in(2));
        for content in disk.files.values_mut() {
            let mut left = content.durable.clone();
            let is_in_order = random.one_in(2);
            let end = random.below(content.changes.len() as u64 + 1) as usize;
            for (place, change) in content.changes.iter().enumerate() {
                if is_in_order && place > end || !is_in_order && random.one_in(2) {
                    continue;
                }
                match change {
                    Change::Write(offset, bytes) if place == end || !is_in_order => {
                        let torn = random.below(bytes.len() as u64 + 1) as usize;
                        Change::Write(*offset, bytes[..torn].to_vec()).apply(&mut left);
                    }
                    change => change.apply(&mut left),
                }
            }
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
        let count = bytes.len().min(disk.room as usize).min(disk.short);
        if count == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.room -= count as u64;
        disk.writes += 1;
        let change = Change::Write(offset as usize, bytes[..count].to_vec());
        let content = disk.files.get_mut(&self.name).ok_or(io::ErrorKind::NotFound)?;
        change.apply(&mut content.now);
        content.changes.push(change);
        Ok(count)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let mut disk = self.folder.disk();
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
