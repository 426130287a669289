//! Descriptors that the process was started with.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

// The same numbers on every system that this is built for.
pub(crate) const F_GETFD: i32 = 1;
pub(crate) const F_SETFD: i32 = 2;
pub(crate) const FD_CLOEXEC: i32 = 1;

mod foreign {
    unsafe extern "C" {
        pub(super) fn fcntl(fd: i32, command: i32, ...) -> i32;
    }
}

/// Takes `count` descriptors from `first` on, which whoever started the process has opened for it. Once: afterwards they are
/// somebody's.
pub(crate) fn take_descriptors(first: i32, count: i32) -> io::Result<Vec<OwnedFd>> {
    static ARE_TAKEN: AtomicBool = AtomicBool::new(false);
    if ARE_TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    // All or none: those that are not open are not for us.
    for fd in first..first + count {
        // SAFETY: it only reads the flags of a descriptor, or says that there is none.
        if unsafe { foreign::fcntl(fd, F_GETFD) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let owned = (first..first + count).map(|fd| {
        // SAFETY: it sets a flag of a descriptor that is open.
        let _ = unsafe { foreign::fcntl(fd, F_SETFD, FD_CLOEXEC) };
        // SAFETY: it is open, it was opened for this process to take, and it is taken once.
        unsafe { OwnedFd::from_raw_fd(fd) }
    });
    Ok(owned.collect())
}
