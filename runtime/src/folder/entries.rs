//! What is in a folder beneath the one that is held open, for a page that lists it.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;

use crate::folder::Folder;

/// A file or a folder that can be opened from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// As it is to the file system: it need not be UTF-8.
    pub name: Vec<u8>,
    /// A folder; otherwise a regular file.
    pub is_folder: bool,
    /// In bytes.
    pub len: u64,
    /// Seconds since 1970; what is older is of 1970.
    pub modified: u64,
}

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    /// In no order.
    pub entries: Vec<Entry>,
    /// There are more, which were not looked at.
    pub are_cut: bool,
}

/// The files and folders in the folder that `path` leads to, of at most `most` names: pipes, devices and sockets are left out, and so
/// are links that lead out of `folder` or nowhere. This may wait for a disk.
///
/// # Errors
/// As for [`Folder::open_beneath`]; it is no folder, or there is no `/proc`.
pub fn entries(folder: &Folder, path: &[u8], most: usize) -> io::Result<Entries> {
    let path = if path.is_empty() { b"." } else { path };
    let opened = folder.open_beneath(path)?;
    // By its descriptor: whatever has the name by now, this is the folder that was opened.
    let names = fs::read_dir(format!("/proc/self/fd/{}", opened.as_raw_fd()))?;
    let mut listed = Entries::default();
    for (count, entry) in names.enumerate() {
        if count == most {
            listed.are_cut = true;
            break;
        }
        let name = entry?.file_name().as_bytes().to_vec();
        let whole = [path, b"/", &name].concat();
        // The way that a client takes, links and all. What cannot be opened by it is not told of.
        if let Some(metadata) = folder.look_beneath(&whole)
            && (metadata.is_file() || metadata.is_dir())
        {
            let modified = u64::try_from(metadata.mtime()).unwrap_or(0);
            listed.entries.push(Entry { name, is_folder: metadata.is_dir(), len: metadata.len(), modified });
        }
    }
    Ok(listed)
}
