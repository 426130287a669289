//! The foreign functions about sockets and kernel queues, each wrapped once in a safe one.

use core::ffi::c_void;
use core::ptr::{null, null_mut};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::sys::bsd::address::{ADDRESS_LEN, RawAddress};
use crate::sys::bsd::control::{CONTROL_LEN, Control};
use crate::sys::bsd::datagram::RawArrival;
use crate::sys::bsd::system::{KernelEvent, SOCK_FLAGS};
use crate::sys::bsd::types::{
    F_SETFL, IoVector, Linger, MSG_DONTWAIT, MessageHeader, O_NONBLOCK, SO_LINGER, SO_TYPE, SOL_SOCKET, TimeSpec,
};
use crate::sys::inherited::{F_SETFD, FD_CLOEXEC};

mod foreign {
    use super::{KernelEvent, MessageHeader, TimeSpec, c_void};

    unsafe extern "C" {
        pub(super) fn kqueue() -> i32;
        pub(super) fn kevent(
            queue: i32,
            changes: *const KernelEvent,
            changes_len: i32,
            events: *mut KernelEvent,
            events_len: i32,
            timeout: *const TimeSpec,
        ) -> i32;
        pub(super) fn fcntl(fd: i32, command: i32, ...) -> i32;
        pub(super) fn socket(family: i32, kind: i32, protocol: i32) -> i32;
        pub(super) fn bind(fd: i32, address: *const c_void, len: u32) -> i32;
        pub(super) fn listen(fd: i32, backlog: i32) -> i32;
        pub(super) fn connect(fd: i32, address: *const c_void, len: u32) -> i32;
        #[cfg(target_os = "macos")]
        pub(super) fn accept(fd: i32, address: *mut c_void, len: *mut u32) -> i32;
        #[cfg(not(target_os = "macos"))]
        pub(super) fn accept4(fd: i32, address: *mut c_void, len: *mut u32, flags: i32) -> i32;
        pub(super) fn setsockopt(fd: i32, level: i32, name: i32, value: *const c_void, len: u32) -> i32;
        pub(super) fn getsockopt(fd: i32, level: i32, name: i32, value: *mut c_void, len: *mut u32) -> i32;
        pub(super) fn sendmsg(fd: i32, message: *const MessageHeader, flags: i32) -> isize;
        pub(super) fn recvmsg(fd: i32, message: *mut MessageHeader, flags: i32) -> isize;
    }
}

/// A count, or the error that the call left behind.
fn counted(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn done(result: i32) -> io::Result<()> {
    counted(result as isize).map(drop)
}

fn owned(fd: i32) -> io::Result<OwnedFd> {
    done(fd)?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A queue. No child process gets it, neither by fork nor by exec.
pub(crate) fn queue() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    let queue = owned(unsafe { foreign::kqueue() })?;
    set_flags(queue.as_fd(), F_SETFD, FD_CLOEXEC)?;
    Ok(queue)
}

/// Makes changes, and leaves a receipt in the place of each.
pub(crate) fn change_events(queue: BorrowedFd<'_>, changes: &mut [KernelEvent]) -> io::Result<()> {
    let len = i32::try_from(changes.len()).map_err(io::Error::other)?;
    let now = TimeSpec { seconds: 0, nanoseconds: 0 };
    let place = changes.as_mut_ptr();
    // SAFETY: `place` is readable and writable for `len` events, of which any bytes are valid; the kernel has copied a change
    // before it writes the receipt for it. `now` lives through the call.
    done(unsafe { foreign::kevent(queue.as_raw_fd(), place, len, place, len, &raw const now) })
}

/// Waits for events; `None` waits for ever.
pub(crate) fn wait_events(
    queue: BorrowedFd<'_>,
    events: &mut [KernelEvent],
    timeout: Option<TimeSpec>,
) -> io::Result<usize> {
    let len = i32::try_from(events.len()).unwrap_or(i32::MAX);
    let timeout = timeout.as_ref().map_or(null(), |timeout| &raw const *timeout);
    // SAFETY: `events` has room for `len` events, of which any bytes are valid. `timeout` is null or lives through the call.
    counted(unsafe { foreign::kevent(queue.as_raw_fd(), null(), 0, events.as_mut_ptr(), len, timeout) } as isize)
}

fn set_flags(fd: BorrowedFd<'_>, command: i32, flags: i32) -> io::Result<()> {
    // SAFETY: both commands take an `int`.
    done(unsafe { foreign::fcntl(fd.as_raw_fd(), command, flags) })
}

/// Has a socket not wait and not be passed on to other programs, where it was not made so.
fn make_ours(socket: OwnedFd) -> io::Result<OwnedFd> {
    if SOCK_FLAGS == 0 {
        set_flags(socket.as_fd(), F_SETFD, FD_CLOEXEC)?;
        set_flags(socket.as_fd(), F_SETFL, O_NONBLOCK)?;
    }
    Ok(socket)
}

/// A socket of a family and a kind (`SOCK_DGRAM`, `SOCK_STREAM`), non-blocking.
pub(crate) fn socket(family: u8, kind: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    owned(unsafe { foreign::socket(i32::from(family), kind | SOCK_FLAGS, 0) }).and_then(make_ours)
}

pub(crate) fn bind(fd: BorrowedFd<'_>, address: &RawAddress) -> io::Result<()> {
    debug_assert!(address.len as usize <= ADDRESS_LEN);
    // SAFETY: `address.bytes` is readable for `address.len` bytes.
    done(unsafe { foreign::bind(fd.as_raw_fd(), address.bytes.as_ptr().cast(), address.len) })
}

/// Has a stream socket take in connections, of which so many may wait to be accepted.
pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: i32) -> io::Result<()> {
    // SAFETY: takes no pointer.
    done(unsafe { foreign::listen(fd.as_raw_fd(), backlog) })
}

/// Begins to connect; with a socket that does not block, `EINPROGRESS` means that it is under way.
pub(crate) fn connect(fd: BorrowedFd<'_>, address: &RawAddress) -> io::Result<()> {
    debug_assert!(address.len as usize <= ADDRESS_LEN);
    // SAFETY: `address.bytes` is readable for `address.len` bytes.
    done(unsafe { foreign::connect(fd.as_raw_fd(), address.bytes.as_ptr().cast(), address.len) })
}

/// Connects to an address of another family, as it stands in memory.
pub(crate) fn connect_bytes(fd: BorrowedFd<'_>, address: &[u8]) -> io::Result<()> {
    let len = u32::try_from(address.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: `address` is readable for `len` bytes.
    done(unsafe { foreign::connect(fd.as_raw_fd(), address.as_ptr().cast(), len) })
}

/// Takes a connection that waits at a listening socket: a socket that does not block, and the peer's address.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, RawAddress)> {
    let mut address = RawAddress { len: ADDRESS_LEN as u32, ..RawAddress::EMPTY };
    let (bytes, len) = (address.bytes.as_mut_ptr().cast(), &raw mut address.len);
    #[cfg(target_os = "macos")]
    // SAFETY: `bytes` is writable for as many bytes as `len` says, and both live through the call.
    let accepted = unsafe { foreign::accept(fd.as_raw_fd(), bytes, len) };
    #[cfg(not(target_os = "macos"))]
    // SAFETY: as above.
    let accepted = unsafe { foreign::accept4(fd.as_raw_fd(), bytes, len, SOCK_FLAGS) };
    owned(accepted).and_then(make_ours).map(|socket| (socket, address))
}

/// Has closing a stream socket reset its connection: what waits to be sent is dropped, and the peer is told at once.
pub(crate) fn reset_on_close(fd: BorrowedFd<'_>) -> io::Result<()> {
    let linger = Linger { on: 1, seconds: 0 };
    let (value, len) = (&raw const linger, size_of::<Linger>() as u32);
    // SAFETY: `value` is readable for the bytes of one `struct linger`.
    done(unsafe { foreign::setsockopt(fd.as_raw_fd(), SOL_SOCKET, SO_LINGER, value.cast(), len) })
}

/// Sets an option whose value is an `int`.
pub(crate) fn set_option(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    let value = value.to_ne_bytes();
    // SAFETY: `value` is readable for the four bytes given.
    done(unsafe { foreign::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), 4) })
}

/// Of which kind a socket is.
pub(crate) fn kind_of_socket(fd: BorrowedFd<'_>) -> io::Result<i32> {
    let (mut kind, mut len) = (0i32, 4u32);
    let value = (&raw mut kind).cast();
    // SAFETY: `kind` is writable for the four bytes that `len` says, and both live through the call.
    done(unsafe { foreign::getsockopt(fd.as_raw_fd(), SOL_SOCKET, SO_TYPE, value, &raw mut len) })?;
    Ok(kind)
}

/// Sends `payload` as one message.
pub(crate) fn send_message(
    fd: BorrowedFd<'_>,
    address: &RawAddress,
    control: &Control,
    payload: &[u8],
) -> io::Result<usize> {
    debug_assert!(address.len as usize <= ADDRESS_LEN && control.len <= CONTROL_LEN);
    let mut vector = IoVector { base: payload.as_ptr().cast_mut().cast(), len: payload.len() };
    let header = MessageHeader {
        name: address.bytes.as_ptr().cast_mut().cast(),
        name_len: address.len,
        vectors: &raw mut vector,
        vectors_len: 1,
        // The kernel wants no pointer where there is nothing.
        control: if control.len == 0 { null_mut() } else { control.bytes.as_ptr().cast_mut().cast() },
        control_len: control.len as u32,
        flags: 0,
    };
    // SAFETY: all that `header` points to lives through the call and has the lengths stated; sendmsg only reads it.
    counted(unsafe { foreign::sendmsg(fd.as_raw_fd(), &raw const header, MSG_DONTWAIT) })
}

/// Receives one message, without waiting.
pub(crate) fn receive_message(fd: BorrowedFd<'_>, buffer: &mut [u8], arrival: &mut RawArrival) -> io::Result<()> {
    let mut vector = IoVector { base: buffer.as_mut_ptr().cast(), len: buffer.len() };
    let mut header = MessageHeader {
        name: arrival.address.bytes.as_mut_ptr().cast(),
        name_len: ADDRESS_LEN as u32,
        vectors: &raw mut vector,
        vectors_len: 1,
        control: arrival.control.bytes.as_mut_ptr().cast(),
        control_len: CONTROL_LEN as u32,
        flags: 0,
    };
    // SAFETY: all that `header` points to is distinct, writable for the lengths stated and alive through the call.
    let len = counted(unsafe { foreign::recvmsg(fd.as_raw_fd(), &raw mut header, MSG_DONTWAIT) })?;
    arrival.address.len = header.name_len;
    arrival.control.len = (header.control_len as usize).min(CONTROL_LEN);
    arrival.len = len;
    arrival.flags = header.flags;
    Ok(())
}
