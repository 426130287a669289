//! What wakes a thread that waits: a descriptor that any thread, or a signal handler, makes readable.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use crate::sys::linux::calls::event_counter;

/// A descriptor to watch for reading, and to make readable from elsewhere.
#[derive(Debug)]
pub(crate) struct Alarm(File);

impl Alarm {
    /// Not yet raised.
    pub(crate) fn new() -> io::Result<Alarm> {
        event_counter().map(|counter| Alarm(counter.into()))
    }

    /// Makes it readable once more; whoever watches its edges hears of it even if it was readable before.
    pub(crate) fn raise(&self) {
        let one = 1u64.to_ne_bytes();
        // Full: 2^64 times, and nobody has quieted it.
        while (&self.0).write(&one).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
            self.quiet();
        }
    }

    /// Makes it unreadable.
    pub(crate) fn quiet(&self) {
        // Nothing to read: it is quiet.
        let _ = (&self.0).read(&mut [0; 8]);
    }

    /// The descriptor to which a signal handler writes eight bytes, the number one.
    pub(crate) fn raw_inlet(&self) -> i32 {
        self.0.as_raw_fd()
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
