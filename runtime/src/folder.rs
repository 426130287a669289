//! A folder that is held open, and files that are opened beneath it and nowhere else.
//!
//! A path is not checked and then opened by its name: between the two anything may be put in its place. It is resolved once,
//! from the open folder on, by the kernel (`openat2`) or, where the kernel has no such call, step by step
//! (`steps`). Either way no step leads out of the folder, and what was opened is looked at through its
//! descriptor.
//!
//! Links within the folder are followed where their text is relative and does not climb above the folder. An absolute link
//! is not, wherever it leads: its text says nothing about this folder. Mounts beneath the folder belong to it.

pub mod entries;
mod steps;

use std::ffi::CString;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::sys::errno::{EAGAIN, EINTR, EMFILE, ENFILE, ENODEV, ENOMEM, ENOSYS, ENXIO, EOPNOTSUPP, EPERM, EXDEV};
use crate::sys::{self, Resolve};

/// Opening never waits for what is no file to be ready, and never gives the process a terminal.
const FILE: i32 = sys::O_NONBLOCK | sys::O_NOCTTY;
/// How often an interrupted call, or one that met a rename, is made again before it is given up.
const TRIES: u32 = 16;

/// A folder, by its descriptor: renaming it or putting another in its place changes nothing.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    way: Way,
    /// Names that are in memory are resolved without waiting for anything.
    has_cached_names: bool,
    device: u64,
    /// Neither another machine nor another process is asked about files of this device.
    is_local: bool,
    /// Each change of a file of this device has a time of its own.
    has_exact_times: bool,
}

/// How paths are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By the kernel, in one call.
    Whole,
    /// Name by name.
    Steps,
}

impl Folder {
    /// Opens a folder. This may wait for a disk.
    ///
    /// # Errors
    /// It is no folder, or may not be read.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Folder> {
        let fd: OwnedFd = OpenOptions::new().read(true).custom_flags(sys::O_DIRECTORY).open(path)?.into();
        let way = match sys::open_beneath(fd.as_fd(), c".", sys::O_PATH, Resolve::Beneath) {
            Ok(_) => Way::Whole,
            // Kernels before 5.6 do not have it, and some sandboxes forbid it.
            Err(error) if matches!(error.raw_os_error(), Some(ENOSYS | EPERM)) => Way::Steps,
            Err(error) => return Err(error),
        };
        let is_cached = || match sys::open_beneath(fd.as_fd(), c".", sys::O_PATH, Resolve::Cached) {
            Ok(_) => true,
            // Kernels before 5.12 do not know the flag.
            Err(error) => error.raw_os_error() == Some(EAGAIN),
        };
        let kind = sys::file_system(fd.as_fd()).unwrap_or_default();
        let is_local = LOCAL.contains(&kind);
        let has_cached_names = way == Way::Whole && is_local && is_cached();
        let has_exact_times = EXACT.contains(&kind) && has_exact_times(&kernel_release());
        let folder = File::from(fd);
        let device = folder.metadata()?.dev();
        Ok(Folder { fd: folder.into(), way, has_cached_names, device, is_local, has_exact_times })
    }

    /// Whether the metadata of this file, once it is open, can be had without waiting for another machine or process.
    pub fn is_local(&self, metadata: &Metadata) -> bool {
        self.is_local && metadata.dev() == self.device
    }

    /// Whether a change of this file after a look at its metadata always shows in its times. Elsewhere two changes within a
    /// tick of the clock, of some milliseconds to two seconds, look like one.
    pub fn shows_each_change(&self, metadata: &Metadata) -> bool {
        self.has_exact_times && metadata.dev() == self.device
    }

    /// Opens for reading what `path`, relative and with `/` between its names, leads to: a file, or whatever else it is. This
    /// may wait for a disk, but not for a pipe or a device.
    ///
    /// # Errors
    /// What the system says; `EXDEV` ([`CrossesDevices`](io::ErrorKind::CrossesDevices)) if the path leads out of the folder,
    /// `ELOOP` if there are too many links.
    pub fn open_beneath(&self, path: &[u8]) -> io::Result<File> {
        let path = CString::new(path)?;
        let open = || match self.way {
            Way::Whole => sys::open_beneath(self.fd.as_fd(), &path, FILE, Resolve::Beneath),
            Way::Steps => steps::open(self.fd.as_fd(), path.as_bytes(), FILE),
        };
        for _ in 0..TRIES {
            match open() {
                Err(error) if is_passing(&error) => {}
                opened => return opened.map(File::from),
            }
        }
        open().map(File::from)
    }

    /// The same without waiting for anything. `None` if the answer is not in memory.
    pub fn open_if_cached(&self, path: &[u8]) -> Option<io::Result<File>> {
        if !self.has_cached_names {
            return None;
        }
        let path = match CString::new(path) {
            Ok(path) => path,
            Err(error) => return Some(Err(error.into())),
        };
        match sys::open_beneath(self.fd.as_fd(), &path, FILE, Resolve::Cached) {
            // It leads out of the folder, or only to another mount beneath it.
            Err(error) if is_passing(&error) || error.raw_os_error() == Some(EXDEV) => None,
            opened => Some(opened.map(File::from)),
        }
    }

    /// What `path` leads to, if there is something: also where that may not be read. This may wait for a disk.
    pub(crate) fn look_beneath(&self, path: &[u8]) -> Option<Metadata> {
        let path = CString::new(path).ok()?;
        let opened = match self.way {
            Way::Whole => sys::open_beneath(self.fd.as_fd(), &path, sys::O_PATH, Resolve::Beneath),
            Way::Steps => steps::open(self.fd.as_fd(), path.as_bytes(), sys::O_PATH),
        };
        File::from(opened.ok()?).metadata().ok()
    }

    /// Whether `path` leads to a folder, also where that may not be read. This may wait for a disk.
    pub fn is_folder(&self, path: &[u8]) -> bool {
        let Ok(path) = CString::new(path) else { return false };
        let flags = sys::O_PATH | sys::O_DIRECTORY;
        match self.way {
            Way::Whole => sys::open_beneath(self.fd.as_fd(), &path, flags, Resolve::Beneath).is_ok(),
            Way::Steps => steps::open(self.fd.as_fd(), path.as_bytes(), flags).is_ok(),
        }
    }
}

/// The same call may succeed a moment later: a signal came, or somebody renamed what was on the way, or has to give up a
/// lease on the file.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(EAGAIN | EINTR))
}

/// File systems where opening a file whose name is in memory asks nobody: neither another machine nor a process that may not
/// answer. An overlay may have one of those below it.
const LOCAL: [u32; 5] = [EXT, XFS, BTRFS, TMPFS, 0xf2f5_2010];
/// Those that have had times of a finer grain since Linux 6.13.
const EXACT: [u32; 4] = [EXT, XFS, BTRFS, TMPFS];
const EXT: u32 = 0xef53;
const XFS: u32 = 0x5846_5342;
const BTRFS: u32 = 0x9123_683e;
const TMPFS: u32 = 0x0102_1994;

fn kernel_release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()
}

/// Whether the kernel gives each change that follows a look its own time: since 6.13.
fn has_exact_times(release: &str) -> bool {
    let mut numbers = release.split(['.', '-']).map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 13)
}

/// What stands between a path and a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no file there: nothing at all, or what cannot be opened, or a way out of the folder.
    Nothing,
    /// This process may not have it.
    Denied,
    /// The system is short of descriptors or memory, or somebody has it for himself just now: later it may go.
    Shortage,
    /// Something is wrong with the file, the links to it, or the disk.
    Fault,
}

impl Obstacle {
    /// What an error of opening or reading says.
    pub fn of(error: &io::Error) -> Obstacle {
        use io::ErrorKind::{CrossesDevices, InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied};
        match (error.kind(), error.raw_os_error()) {
            (NotFound | NotADirectory | InvalidFilename | InvalidInput | CrossesDevices, _) => Obstacle::Nothing,
            // A socket, or a device that is not there.
            (_, Some(ENXIO | ENODEV)) => Obstacle::Nothing,
            (PermissionDenied, _) => Obstacle::Denied,
            (_, Some(EMFILE | ENFILE | ENOMEM | EAGAIN | EINTR)) => Obstacle::Shortage,
            _ => Obstacle::Fault,
        }
    }
}

/// Reads what of a file is in memory, from `offset` on, without waiting for a disk, and appends it to `into`: `most` bytes, less if
/// that is all, and nothing at the end of the file. Gives how much that was; `None` if nothing is in memory, or if the file system
/// cannot tell.
pub fn read_if_cached(file: &File, into: &mut Vec<u8>, most: usize, offset: u64) -> Option<io::Result<usize>> {
    into.reserve_exact(most);
    match sys::read_cached(file.as_fd(), into, most, offset) {
        Err(error) if matches!(error.raw_os_error(), Some(EAGAIN | EINTR | EOPNOTSUPP | ENOSYS | EPERM)) => None,
        read => Some(read),
    }
}

/// Lets this process have as many descriptors as the system allows: a server needs one for each file that is on its way. Gives
/// how many that are.
///
/// # Errors
/// What the system says; the limit stays as it is.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    sys::raise_descriptor_limit()
}

#[cfg(test)]
mod tests;
