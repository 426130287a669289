//! The names in a folder.

use core::ffi::{CStr, c_char, c_void};
use core::ptr::NonNull;
use std::io;
use std::os::fd::{IntoRawFd, OwnedFd};

use crate::sys::bsd::system::NAME_AT;

mod foreign {
    use super::{c_char, c_void};

    // On Intel, the plain names stand for inode numbers of 32 bits.
    unsafe extern "C" {
        #[cfg_attr(all(target_os = "macos", target_arch = "x86_64"), link_name = "fdopendir$INODE64")]
        pub(super) fn fdopendir(fd: i32) -> *mut c_void;
        #[cfg_attr(all(target_os = "macos", target_arch = "x86_64"), link_name = "readdir$INODE64")]
        pub(super) fn readdir(stream: *mut c_void) -> *mut c_char;
        pub(super) fn closedir(stream: *mut c_void) -> i32;
        #[link_name = "__error"]
        pub(super) fn errno_location() -> *mut i32;
    }
}

/// Gives the names in a folder, one after the other, in no order, with the dots.
pub(crate) struct Names {
    stream: NonNull<c_void>,
}

impl Names {
    /// From the beginning. `folder` is open for reading.
    pub(crate) fn of(folder: OwnedFd) -> io::Result<Names> {
        let fd = folder.into_raw_fd();
        // SAFETY: the stream owns the descriptor from here on. Where there is none, the descriptor is lost until the process
        // ends: whether it was taken cannot be known.
        let stream = unsafe { foreign::fdopendir(fd) };
        NonNull::new(stream).map(|stream| Names { stream }).ok_or_else(io::Error::last_os_error)
    }

    /// The next name; `None` at the end. This may wait for a disk.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        // SAFETY: the C library gives a valid pointer to this thread's error number, which tells an error from the end.
        unsafe { foreign::errno_location().write(0) };
        // SAFETY: the stream is open as long as this is, and used by one thread at a time.
        let entry = unsafe { foreign::readdir(self.stream.as_ptr()) };
        if entry.is_null() {
            let error = io::Error::last_os_error();
            return if error.raw_os_error() == Some(0) { Ok(None) } else { Err(error) };
        }
        // SAFETY: an entry is valid until the next call for its stream, which takes this borrow's place. Its name begins at
        // `NAME_AT` and ends with a zero byte within the entry.
        let name = unsafe { CStr::from_ptr(entry.add(NAME_AT)) };
        Ok(Some(name.to_bytes()))
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // SAFETY: it is open, and used for the last time.
        let _ = unsafe { foreign::closedir(self.stream.as_ptr()) };
    }
}
