//! Locks of files, which the system lets go when their holder ends, however it ends.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// The same numbers on every system that has the call.
const LOCK_EX: i32 = 2;
const LOCK_NB: i32 = 4;

mod foreign {
    unsafe extern "C" {
        pub(super) fn flock(fd: i32, operation: i32) -> i32;
    }
}

/// Locks a file for this open file alone, and does not wait. Whether it could be had.
pub(crate) fn lock_file(file: &File) -> io::Result<bool> {
    // SAFETY: it takes two numbers, and the descriptor is open for as long as `file` is borrowed.
    if unsafe { foreign::flock(file.as_raw_fd(), LOCK_EX | LOCK_NB) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::WouldBlock { Ok(false) } else { Err(error) }
}
