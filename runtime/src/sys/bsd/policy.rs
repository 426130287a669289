//! What the error numbers of macOS and FreeBSD mean.

use std::io;

use crate::sys::bsd::errno;
use crate::sys::meaning::{Receiving, Sending};

/// Of a call that sends.
pub(crate) fn of_send(error: &io::Error) -> Sending {
    match error.raw_os_error() {
        Some(errno::EAGAIN) => Sending::Full,
        Some(errno::ECONNREFUSED | errno::EINTR) => Sending::Again,
        // The queue of the network card is full: no event says when there is room, so the datagram counts as lost.
        Some(errno::ENOBUFS | errno::ENOMEM) => Sending::Short,
        Some(errno::ENOSYS | errno::EOPNOTSUPP | errno::ENOPROTOOPT | errno::EIO) => Sending::Unsupported,
        Some(
            errno::ENETUNREACH
            | errno::EHOSTUNREACH
            | errno::EHOSTDOWN
            | errno::ENETDOWN
            | errno::EADDRNOTAVAIL
            | errno::EPERM
            | errno::EACCES,
        ) => Sending::Unreachable,
        _ => Sending::Refused,
    }
}

/// Whether a datagram that was refused alone, with no word about marks, may have had an address of ours that is gone. These
/// systems have a number for that, which means that there is no way.
pub(crate) fn may_be_pathless(_error: &io::Error) -> bool {
    false
}

/// Of a call that receives.
pub(crate) fn of_receive(error: &io::Error) -> Receiving {
    match error.raw_os_error() {
        Some(
            errno::EAGAIN
            | errno::EINTR
            | errno::ECONNREFUSED
            | errno::EHOSTUNREACH
            | errno::EHOSTDOWN
            | errno::ENETUNREACH,
        ) => Receiving::Told,
        Some(errno::ENOSYS) => Receiving::Unsupported,
        _ => Receiving::Refused,
    }
}

/// Whether the process or the system has no descriptor or memory left for a connection that waits.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(errno::EMFILE | errno::ENFILE | errno::ENOBUFS | errno::ENOMEM))
}
