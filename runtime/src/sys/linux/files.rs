//! Opening files beneath a folder, and reading what is in memory already: the calls that the standard library has not.

use core::ffi::{CStr, c_char, c_void};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::sys::linux::types::{
    IoVector, O_CLOEXEC, OpenHow, RESOLVE_BENEATH, RESOLVE_CACHED, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV,
    RLIMIT_NOFILE, RWF_NOWAIT, ResourceLimit, SYS_GETDENTS64, SYS_OPENAT2, SYS_PREADV2, StatFs,
};
use crate::sys::options::Resolve;

pub(crate) use crate::sys::linux::types::{O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_PATH};

mod foreign {
    use super::{ResourceLimit, StatFs, c_char};

    unsafe extern "C" {
        pub(super) fn openat(folder: i32, path: *const c_char, flags: i32, ...) -> i32;
        pub(super) fn readlinkat(folder: i32, path: *const c_char, into: *mut c_char, len: usize) -> isize;
        pub(super) fn fstatfs(fd: i32, into: *mut StatFs) -> i32;
        pub(super) fn getrlimit(resource: i32, into: *mut ResourceLimit) -> i32;
        pub(super) fn setrlimit(resource: i32, limit: *const ResourceLimit) -> i32;
        pub(super) fn syscall(number: i64, ...) -> i64;
    }
}

fn flags_of(resolve: Resolve) -> u64 {
    let beneath = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    match resolve {
        Resolve::Beneath => beneath,
        Resolve::Cached => beneath | RESOLVE_CACHED | RESOLVE_NO_XDEV,
    }
}

fn counted(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn owned(result: isize) -> io::Result<OwnedFd> {
    counted(result)?;
    let fd = i32::try_from(result).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Opens one name, or a path, from `folder` on. No file is ever made.
pub(crate) fn open_at(folder: BorrowedFd<'_>, path: &CStr, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: `path` is a C string that lives through the call. Without O_CREAT no mode is read.
    owned(unsafe { foreign::openat(folder.as_raw_fd(), path.as_ptr(), flags | O_CLOEXEC) } as isize)
}

/// Opens a path beneath `folder` (`openat2`): the kernel sees to it that no step of it leads out.
pub(crate) fn open_beneath(folder: BorrowedFd<'_>, path: &CStr, flags: i32, resolve: Resolve) -> io::Result<OwnedFd> {
    #[cfg(test)]
    crate::sys::refusal::check(crate::sys::refusal::Call::OpenBeneath)?;
    let how = OpenHow { flags: u64::from((flags | O_CLOEXEC).cast_unsigned()), mode: 0, resolve: flags_of(resolve) };
    // SAFETY: the arguments are those of openat2(2), each as wide as a register. `path` and `how` live through the call,
    // which only reads them, and the size is that of `how`.
    let result = unsafe {
        foreign::syscall(
            SYS_OPENAT2,
            i64::from(folder.as_raw_fd()),
            path.as_ptr(),
            &raw const how,
            size_of::<OpenHow>(),
        )
    };
    owned(result as isize)
}

/// Where a link leads: how much of `into` its text fills. A text as long as `into` may have been cut.
pub(crate) fn read_link_at(folder: BorrowedFd<'_>, name: &CStr, into: &mut [u8]) -> io::Result<usize> {
    let len = into.len();
    // SAFETY: `name` is a C string that lives through the call, and `into` is writable for `len` bytes.
    counted(unsafe { foreign::readlinkat(folder.as_raw_fd(), name.as_ptr(), into.as_mut_ptr().cast(), len) })
}

/// The next entries of a folder, as the kernel writes them into `room` (`struct linux_dirent64`): how many bytes, none at the end.
pub(crate) fn read_entries(folder: BorrowedFd<'_>, room: &mut [u8]) -> io::Result<usize> {
    let (fd, len) = (folder.as_raw_fd(), room.len());
    // SAFETY: `room` is writable for `len` bytes.
    counted(unsafe { foreign::syscall(SYS_GETDENTS64, fd, room.as_mut_ptr(), len) } as isize)
}

/// Reads what of a file is in memory, at most `most` bytes, and appends it to `into`, which has room for it: how much that was.
/// `EAGAIN` if nothing is in memory, `EOPNOTSUPP` where the file system cannot tell.
pub(crate) fn read_cached(file: BorrowedFd<'_>, into: &mut Vec<u8>, most: usize, offset: u64) -> io::Result<usize> {
    let offset = i64::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let free = into.spare_capacity_mut();
    let len = most.min(free.len());
    let vector = IoVector { base: free.as_mut_ptr().cast::<c_void>(), len };
    // SAFETY: the arguments are those of preadv2(2), each as wide as a register, the offset in its low half. `vector`
    // names the first `len` bytes of what `into` has allocated and not used, and both live through the call.
    let result = unsafe {
        foreign::syscall(
            SYS_PREADV2,
            i64::from(file.as_raw_fd()),
            &raw const vector,
            1i64,
            offset,
            0i64,
            i64::from(RWF_NOWAIT),
        )
    };
    let count = counted(result as isize)?;
    assert!(count <= len, "the kernel reads no more than it was asked for");
    // SAFETY: so many bytes behind those that were there lie within the capacity, and the kernel has written them.
    unsafe { into.set_len(into.len() + count) };
    Ok(count)
}

/// The kind of file system that a descriptor is on, as the kernel numbers them.
pub(crate) fn file_system(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let mut stat = StatFs { kind: 0, rest: [0; 14] };
    // SAFETY: `stat` is writable for the bytes of one `struct statfs`.
    counted(unsafe { foreign::fstatfs(fd.as_raw_fd(), &raw mut stat) } as isize)?;
    // The numbers have 32 bits; some systems extend the sign.
    Ok(stat.kind as u32)
}

/// Lets the process have as many descriptors as the system allows it to ask for; gives their number.
pub(crate) fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = ResourceLimit { current: 0, maximum: 0 };
    // SAFETY: `limit` is writable for the bytes of one `struct rlimit`.
    counted(unsafe { foreign::getrlimit(RLIMIT_NOFILE, &raw mut limit) } as isize)?;
    if limit.current < limit.maximum {
        limit.current = limit.maximum;
        // SAFETY: `limit` is only read.
        counted(unsafe { foreign::setrlimit(RLIMIT_NOFILE, &raw const limit) } as isize)?;
    }
    Ok(limit.current)
}
