//! Waking a thread that sleeps in its poller, from any other thread.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

use crate::sys;

/// A descriptor to register for reading, level or edge, and to make readable from elsewhere.
#[derive(Debug)]
pub struct ThreadWaker {
    alarm: File,
}

impl ThreadWaker {
    /// Not yet raised.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub fn new() -> io::Result<ThreadWaker> {
        Ok(ThreadWaker { alarm: sys::alarm_fd()?.into() })
    }

    /// Makes it readable. Who watches its edges need not call [`ThreadWaker::clear`].
    pub fn wake(&self) {
        if let Err(error) = sys::raise_alarm(self.alarm.as_fd()) {
            // Full: 2^64 wakes that nobody cleared.
            debug_assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
            self.clear();
            let _ = sys::raise_alarm(self.alarm.as_fd());
        }
    }

    /// Makes it unreadable; says whether it was readable.
    pub fn clear(&self) -> bool {
        (&self.alarm).read(&mut [0; 8]).is_ok()
    }
}

impl AsFd for ThreadWaker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }
}
