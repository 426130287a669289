//! Resolving a path name by name: no call of it follows a link, and `..` goes back to a folder that is still open.
//!
//! That is what `openat2` does in the kernel, for systems that do not have it.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::sys::errno::{EINVAL, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR, EXDEV};
use crate::sys::{self, O_DIRECTORY, O_NOFOLLOW, O_PATH};

/// Links on one path, as in the kernel.
const MAX_LINKS: u32 = 40;
/// Folders that are open at a time: each takes a descriptor.
const MAX_DEPTH: usize = 128;
/// The longest path and the longest text of a link, as in the kernel.
const MAX_PATH: usize = 4096;

/// A path on its way.
struct Walk<'a> {
    root: BorrowedFd<'a>,
    /// The folders that were gone into, each beneath the one before.
    folders: Vec<OwnedFd>,
    /// Names yet to come, the next one last.
    names: Vec<Vec<u8>>,
    links: u32,
}

/// Opens what `path` leads to, with `flags` for its last name.
pub(crate) fn open(root: BorrowedFd<'_>, path: &[u8], flags: i32) -> io::Result<OwnedFd> {
    if path.is_empty() {
        return Err(error(ENOENT));
    }
    let mut walk = Walk { root, folders: Vec::new(), names: Vec::new(), links: 0 };
    walk.add(path)?;
    while let Some(name) = walk.names.pop() {
        if let Some(opened) = walk.step(name, flags)? {
            return Ok(opened);
        }
    }
    // It ended with a dot, or with the names of folders it came back from.
    sys::open_at(walk.here(), c".", flags)
}

impl Walk<'_> {
    /// Puts the names of a path before those that are yet to come.
    fn add(&mut self, path: &[u8]) -> io::Result<()> {
        if path.first() == Some(&b'/') {
            return Err(error(EXDEV));
        }
        if path.len() >= MAX_PATH {
            return Err(error(ENAMETOOLONG));
        }
        self.names.extend(path.rsplit(|byte| *byte == b'/').map(<[u8]>::to_vec));
        Ok(())
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.folders.last().map_or(self.root, AsFd::as_fd)
    }

    /// Takes one name; gives what was opened if it was the last.
    fn step(&mut self, name: Vec<u8>, flags: i32) -> io::Result<Option<OwnedFd>> {
        match name.as_slice() {
            b"" | b"." => return Ok(None),
            b".." => return self.folders.pop().map(|_| None).ok_or_else(|| error(EXDEV)),
            _ => {}
        }
        let name = CString::new(name)?;
        let is_last = self.names.is_empty();
        let flags = if is_last { flags } else { O_PATH | O_DIRECTORY };
        match sys::open_at(self.here(), &name, flags | O_NOFOLLOW) {
            // Who only looks is given the link itself.
            Ok(opened) if is_last && flags & O_PATH != 0 && is_link(&opened)? => self.follow(&name, error(ELOOP)),
            Ok(opened) if is_last => Ok(Some(opened)),
            Ok(folder) => self.enter(folder),
            // What is said of a link depends on the flags.
            Err(refused) if matches!(refused.raw_os_error(), Some(ELOOP | ENOTDIR)) => self.follow(&name, refused),
            Err(refused) => Err(refused),
        }
    }

    fn enter(&mut self, folder: OwnedFd) -> io::Result<Option<OwnedFd>> {
        if self.folders.len() == MAX_DEPTH {
            return Err(error(ENAMETOOLONG));
        }
        self.folders.push(folder);
        Ok(None)
    }

    /// Goes on with the text of a link, if it is one.
    fn follow(&mut self, name: &CString, refused: io::Error) -> io::Result<Option<OwnedFd>> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(error(ELOOP));
        }
        let mut text = vec![0; MAX_PATH];
        match sys::read_link_at(self.here(), name, &mut text) {
            Ok(len) => {
                text.truncate(len);
                self.add(&text)?;
                Ok(None)
            }
            // It is no link, or is one no more: what was said of it stands, unless that was that it is a link.
            Err(found) if found.raw_os_error() == Some(EINVAL) && refused.raw_os_error() == Some(ELOOP) => {
                self.names.push(name.as_bytes().to_vec());
                Ok(None)
            }
            Err(found) if found.raw_os_error() == Some(EINVAL) => Err(refused),
            Err(found) => Err(found),
        }
    }
}

fn is_link(opened: &OwnedFd) -> io::Result<bool> {
    Ok(File::from(opened.try_clone()?).metadata()?.is_symlink())
}

fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}
