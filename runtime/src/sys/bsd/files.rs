//! Opening files beneath a folder, name by name: neither system resolves a whole path beneath a folder as `openat2` does, or says
//! what of a file is in memory.

use core::ffi::{CStr, c_char};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::sys::bsd::errno::{EINVAL, ELOOP, EMLINK, ENOSYS};
use crate::sys::bsd::system::O_CLOEXEC;
use crate::sys::bsd::types::{RLIMIT_NOFILE, ResourceLimit};
use crate::sys::options::Resolve;

pub(crate) use crate::sys::bsd::system::{O_DIRECTORY, O_NOCTTY, O_PATH};
pub(crate) use crate::sys::bsd::types::{O_NOFOLLOW, O_NONBLOCK};

/// The most descriptors that macOS lets a process ask for where it says that there is no limit (`OPEN_MAX`).
const OPEN_MAX: u64 = 10_240;

mod foreign {
    use super::{ResourceLimit, c_char};

    unsafe extern "C" {
        pub(super) fn openat(folder: i32, path: *const c_char, flags: i32, ...) -> i32;
        pub(super) fn readlinkat(folder: i32, path: *const c_char, into: *mut c_char, len: usize) -> isize;
        pub(super) fn getrlimit(resource: i32, into: *mut ResourceLimit) -> i32;
        pub(super) fn setrlimit(resource: i32, limit: *const ResourceLimit) -> i32;
    }
}

fn counted(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn unknown<T>() -> io::Result<T> {
    Err(io::Error::from_raw_os_error(ENOSYS))
}

/// Opens one name, or a path, from `folder` on. No file is ever made.
pub(crate) fn open_at(folder: BorrowedFd<'_>, path: &CStr, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: `path` is a C string that lives through the call. Without O_CREAT no mode is read.
    let opened = unsafe { foreign::openat(folder.as_raw_fd(), path.as_ptr(), flags | O_CLOEXEC) };
    match counted(opened as isize) {
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
        Ok(_) => Ok(unsafe { OwnedFd::from_raw_fd(opened) }),
        // FreeBSD says this of a link that is not to be followed.
        Err(error) if error.raw_os_error() == Some(EMLINK) => Err(io::Error::from_raw_os_error(ELOOP)),
        Err(error) => Err(error),
    }
}

/// There is no such call.
pub(crate) fn open_beneath(
    _folder: BorrowedFd<'_>,
    _path: &CStr,
    _flags: i32,
    _resolve: Resolve,
) -> io::Result<OwnedFd> {
    unknown()
}

/// Where a link leads: how much of `into` its text fills. A text as long as `into` may have been cut.
pub(crate) fn read_link_at(folder: BorrowedFd<'_>, name: &CStr, into: &mut [u8]) -> io::Result<usize> {
    let len = into.len();
    // SAFETY: `name` is a C string that lives through the call, and `into` is writable for `len` bytes.
    counted(unsafe { foreign::readlinkat(folder.as_raw_fd(), name.as_ptr(), into.as_mut_ptr().cast(), len) })
}

/// There is no such call.
pub(crate) fn read_cached(_file: BorrowedFd<'_>, _into: &mut Vec<u8>, _most: usize, _offset: u64) -> io::Result<usize> {
    unknown()
}

/// What kinds of file systems promise is not known here: none is taken for a fast one.
pub(crate) fn file_system(_fd: BorrowedFd<'_>) -> io::Result<u32> {
    unknown()
}

/// Lets the process have as many descriptors as the system allows it to ask for; gives their number.
pub(crate) fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = ResourceLimit { current: 0, maximum: 0 };
    // SAFETY: `limit` is writable for the bytes of one `struct rlimit`.
    counted(unsafe { foreign::getrlimit(RLIMIT_NOFILE, &raw mut limit) } as isize)?;
    if limit.current >= limit.maximum {
        return Ok(limit.current);
    }
    let own = limit.current;
    limit.current = limit.maximum;
    match set(&limit) {
        Err(error) if error.raw_os_error() == Some(EINVAL) && own < OPEN_MAX => {
            limit.current = OPEN_MAX.min(limit.maximum);
            set(&limit)?;
        }
        result => result?,
    }
    Ok(limit.current)
}

fn set(limit: &ResourceLimit) -> io::Result<()> {
    // SAFETY: `limit` is only read.
    counted(unsafe { foreign::setrlimit(RLIMIT_NOFILE, &raw const *limit) } as isize).map(drop)
}
