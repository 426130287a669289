//! Waiting for a descriptor.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::executor::core::Core;
use crate::executor::sources::Side;
use crate::token::Token;

/// Something with a descriptor, watched by an executor as long as this lives.
///
/// The rule of use: try first; on `WouldBlock` call `clear_readable` or `clear_writable`, then wait.
pub struct Watched<T: AsFd> {
    inner: T,
    token: Token,
    core: Rc<Core>,
    /// Whether the kernel reports when writing is possible. Only while a task waits for that: otherwise it would report
    /// after every datagram that left the socket's buffer, and wake a thread that has nothing to send.
    watches_writing: Cell<bool>,
}

impl<T: AsFd> Watched<T> {
    pub(crate) fn new(core: Rc<Core>, inner: T) -> io::Result<Watched<T>> {
        let token = core.watch(inner.as_fd())?;
        Ok(Watched { inner, token, core, watches_writing: Cell::new(false) })
    }

    /// What is watched.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// Ready unless the last attempt to read met `WouldBlock` and nothing came since. One task can wait at a time.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<()> {
        self.core.poll_side(self.token, Side::Read, context)
    }

    /// The same for writing.
    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<()> {
        let writable = self.core.poll_side(self.token, Side::Write, context);
        if writable.is_ready() {
            self.watch_writing(false);
        }
        writable
    }

    /// An attempt to read met `WouldBlock`.
    pub fn clear_readable(&self) {
        self.core.clear_side(self.token, Side::Read);
    }

    /// An attempt to read from a stream gave less than there was room for, so that nothing is left but the end of it, perhaps: as
    /// good as `WouldBlock`, and a system call less.
    pub fn on_emptied(&self) {
        self.core.on_emptied(self.token);
    }

    /// An attempt to write met `WouldBlock`.
    pub fn clear_writable(&self) {
        self.core.clear_side(self.token, Side::Write);
        // Room that came meanwhile is reported, because a change of what is watched reports what lasts anew.
        self.watch_writing(true);
    }

    /// Ready once an error or a hang-up has been reported: for who does not read for now. It is taken note of by this call.
    pub fn poll_hung_up(&self, context: &mut Context<'_>) -> Poll<()> {
        let hung_up = self.core.poll_side(self.token, Side::HangUp, context);
        if hung_up.is_ready() {
            self.core.clear_side(self.token, Side::HangUp);
        }
        hung_up
    }

    fn watch_writing(&self, wanted: bool) {
        if self.watches_writing.replace(wanted) != wanted {
            self.core.watch_writing(self.token, self.inner.as_fd(), wanted);
        }
    }

    /// Repeats `attempt` until it does not meet `WouldBlock`, waiting in between until reading may succeed.
    ///
    /// # Errors
    /// Those of `attempt`.
    pub async fn read_with<R>(&self, mut attempt: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        loop {
            std::future::poll_fn(|context| self.poll_readable(context)).await;
            match attempt(&self.inner) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.clear_readable(),
                result => return result,
            }
        }
    }
}

impl<T: AsFd> Drop for Watched<T> {
    fn drop(&mut self) {
        self.core.unwatch(self.token, self.inner.as_fd());
    }
}

impl<T: AsFd + fmt::Debug> fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watched").field(&self.inner).finish()
    }
}
