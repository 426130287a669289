//! What only tests need of the system.

/// The calling thread.
pub(crate) fn current_thread() -> libc::pthread_t {
    // SAFETY: takes no pointer.
    unsafe { libc::pthread_self() }
}

/// SIGUSR1 runs `action` from now on.
pub(crate) fn ignore_with(action: extern "C" fn(i32)) {
    // SAFETY: the caller's handler does nothing.
    unsafe { libc::signal(libc::SIGUSR1, action as *const () as libc::sighandler_t) };
}

/// Sends SIGUSR1 to a thread of this process that is still alive.
pub(crate) fn interrupt(thread: libc::pthread_t) {
    // SAFETY: the caller keeps the thread alive.
    unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
}

/// Sends a signal to this process.
pub(crate) fn raise(number: i32) {
    // SAFETY: takes no pointer.
    unsafe { libc::kill(libc::getpid(), number) };
}

/// Reads a socket option whose value is an `int`.
pub(crate) fn int_option(fd: std::os::fd::BorrowedFd<'_>, level: i32, name: i32) -> i32 {
    let mut value = 0i32;
    let mut len = 4;
    let fd = std::os::fd::AsRawFd::as_raw_fd(&fd);
    // SAFETY: `value` is writable for the four bytes that `len` says.
    assert_eq!(unsafe { libc::getsockopt(fd, level, name, (&raw mut value).cast(), &raw mut len) }, 0);
    value
}

/// A pipe with a name.
pub(crate) fn make_fifo(path: &std::path::Path) -> std::io::Result<()> {
    let path = std::ffi::CString::new(std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()))?;
    // SAFETY: `path` is a C string that lives through the call.
    let made = unsafe { libc::mkfifo(path.as_ptr(), 0o600) };
    if made == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}
