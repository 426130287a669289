//! What is in a folder beneath the one that is held open, for a page that lists it.

use std::io;
use std::os::unix::fs::MetadataExt;

use crate::folder::Folder;
use crate::sys;

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
/// As for [`Folder::open_beneath`]; it is no folder.
pub fn entries(folder: &Folder, path: &[u8], most: usize) -> io::Result<Entries> {
    let path = if path.is_empty() { b"." } else { path };
    let opened = folder.open_beneath(path)?;
    let (mut listed, mut count) = (Entries::default(), 0);
    // By its descriptor: whatever has the name by now, this is the folder that was opened.
    let mut names = sys::Names::of(opened.into())?;
    while let Some(name) = names.next()? {
        if matches!(name, b"." | b"..") {
            continue;
        }
        if count == most {
            listed.are_cut = true;
            break;
        }
        count += 1;
        listed.entries.extend(look(folder, path, name));
    }
    Ok(listed)
}

/// What a name leads to by the way that a client takes, links and all. What cannot be opened by it is not told of.
fn look(folder: &Folder, path: &[u8], name: &[u8]) -> Option<Entry> {
    let metadata = folder.look_beneath(&[path, b"/", name].concat())?;
    let is_served = metadata.is_file() || metadata.is_dir();
    let modified = u64::try_from(metadata.mtime()).unwrap_or(0);
    is_served.then(|| Entry { name: name.to_vec(), is_folder: metadata.is_dir(), len: metadata.len(), modified })
}
