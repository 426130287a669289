//! What the error numbers of Linux mean.

use std::io;

use crate::sys::linux::errno;
use crate::sys::meaning::{Receiving, Sending};

/// Of a call that sends.
pub(crate) fn of_send(error: &io::Error) -> Sending {
    match error.raw_os_error() {
        Some(errno::EAGAIN) => Sending::Full,
        // A report about an earlier datagram that was fetched by this call.
        Some(errno::ECONNREFUSED | errno::EINTR) => Sending::Again,
        // Says nothing about what the system can do.
        Some(errno::ENOBUFS | errno::ENOMEM) => Sending::Short,
        Some(errno::ENOSYS | errno::EOPNOTSUPP | errno::ENOPROTOOPT | errno::EIO) => Sending::Unsupported,
        Some(
            errno::ENETUNREACH
            | errno::EHOSTUNREACH
            | errno::ENETDOWN
            | errno::EADDRNOTAVAIL
            | errno::EPERM
            | errno::EACCES,
        ) => Sending::Unreachable,
        _ => Sending::Refused,
    }
}

/// Whether a datagram that was refused alone, with no word about marks, may have had an address of ours that is gone: hardly
/// anything else of it can be invalid.
pub(crate) fn may_be_pathless(error: &io::Error) -> bool {
    error.raw_os_error() == Some(errno::EINVAL)
}

/// Of a call that receives.
pub(crate) fn of_receive(error: &io::Error) -> Receiving {
    match error.raw_os_error() {
        Some(errno::EAGAIN | errno::EINTR | errno::ECONNREFUSED | errno::EHOSTUNREACH | errno::ENETUNREACH) => {
            Receiving::Told
        }
        Some(errno::ENOSYS) => Receiving::Unsupported,
        _ => Receiving::Refused,
    }
}

/// Whether the process or the system has no descriptor or memory left for a connection that waits.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(errno::EMFILE | errno::ENFILE | errno::ENOBUFS | errno::ENOMEM))
}
