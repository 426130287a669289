//! Streams to sockets of the file system, which programs on one machine listen at.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;

use base::Duration;

use crate::executor::{Handle, Watched};
use crate::sys;
use crate::tcp::{ByteStream, retry};

/// How long to wait before asking again where the queue of a listener is full: the system does not say when there is room.
const PAUSE: Duration = Duration::from_millis(5);

/// A connection to a program on this machine. Dropping it closes it.
pub struct UnixStream {
    stream: StdUnixStream,
}

impl UnixStream {
    /// Connects to the socket at `path`. Waits for as long as the listener's queue is full; who does not want to wait drops the
    /// future.
    ///
    /// # Errors
    /// There is no socket, nobody listens at it, it may not be written to, or the path is longer than a socket's can be.
    pub async fn connect(handle: &Handle, path: &Path) -> io::Result<Watched<UnixStream>> {
        loop {
            match sys::connect_unix(path) {
                Ok(socket) => return handle.watch(UnixStream { stream: socket.into() }),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => handle.sleep(PAUSE).await,
                Err(error) => return Err(error),
            }
        }
    }
}

impl ByteStream for UnixStream {
    fn receive(&self, room: &mut [u8]) -> io::Result<usize> {
        retry(|| (&self.stream).read(room))
    }

    fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        retry(|| (&self.stream).write(bytes))
    }

    fn end(&self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)
    }

    fn take_error(&self) -> Option<io::Error> {
        self.stream.take_error().unwrap_or_else(Some)
    }

    /// There is no reset here: the other end reads what was sent, and then an end in the middle of what it expects.
    fn reset_when_dropped(&self) {}
}

impl AsFd for UnixStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixStream").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
