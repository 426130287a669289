//! Foreign functions about sockets and events, each wrapped once in a safe one; those about files, memory and time have files of their own.
//!
//! `read`, `close` and the like come from the standard library through `OwnedFd`.

use core::ffi::c_void;
use core::ptr::null_mut;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::sys::linux::address::{ADDRESS_LEN, RawAddress};
use crate::sys::linux::control::{CONTROL_LEN, Control};
use crate::sys::linux::errno::{ENOSYS, EPERM};
use crate::sys::linux::types::{
    EFD_CLOEXEC, EFD_NONBLOCK, EPOLL_CLOEXEC, EpollEvent, FilterProgram, FilterStep, IoVector, Linger, MSG_DONTWAIT,
    MSG_ERRQUEUE, MSG_NOSIGNAL, MessageHeader, MultiMessageHeader, SO_LINGER, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET,
    SYS_EPOLL_PWAIT2, TimeSpec,
};

/// The most datagrams that one call to `send_messages` takes.
pub(crate) const SEND_MAX: usize = 64;
/// The most datagrams that one call to `receive_messages` takes.
pub(crate) const RECEIVE_MAX: usize = 8;

mod foreign {
    use super::{EpollEvent, MessageHeader, MultiMessageHeader, TimeSpec, c_void};

    unsafe extern "C" {
        pub(super) fn epoll_create1(flags: i32) -> i32;
        pub(super) fn epoll_ctl(epoll: i32, operation: i32, fd: i32, event: *mut EpollEvent) -> i32;
        pub(super) fn epoll_wait(epoll: i32, events: *mut EpollEvent, max: i32, milliseconds: i32) -> i32;
        pub(super) fn syscall(number: i64, ...) -> i64;
        pub(super) fn eventfd(initial: u32, flags: i32) -> i32;
        pub(super) fn socket(family: i32, kind: i32, protocol: i32) -> i32;
        pub(super) fn bind(fd: i32, address: *const c_void, len: u32) -> i32;
        pub(super) fn listen(fd: i32, backlog: i32) -> i32;
        pub(super) fn connect(fd: i32, address: *const c_void, len: u32) -> i32;
        pub(super) fn accept4(fd: i32, address: *mut c_void, len: *mut u32, flags: i32) -> i32;
        pub(super) fn setsockopt(fd: i32, level: i32, name: i32, value: *const c_void, len: u32) -> i32;
        pub(super) fn sendmsg(fd: i32, message: *const MessageHeader, flags: i32) -> isize;
        pub(super) fn sendmmsg(fd: i32, messages: *mut MultiMessageHeader, count: u32, flags: i32) -> i32;
        pub(super) fn recvmsg(fd: i32, message: *mut MessageHeader, flags: i32) -> isize;
        pub(super) fn recvmmsg(
            fd: i32,
            messages: *mut MultiMessageHeader,
            count: u32,
            flags: i32,
            timeout: *mut TimeSpec,
        ) -> i32;
    }
}

/// A count, or the error that the call left behind.
fn counted(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

fn owned(fd: i32) -> io::Result<OwnedFd> {
    counted(fd as isize)?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(crate) fn epoll_create() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    owned(unsafe { foreign::epoll_create1(EPOLL_CLOEXEC) })
}

pub(crate) fn epoll_control(
    epoll: BorrowedFd<'_>,
    operation: i32,
    fd: BorrowedFd<'_>,
    events: u32,
    data: u64,
) -> io::Result<()> {
    let mut event = EpollEvent { events, data };
    // SAFETY: `event` lives through the call, which reads it and keeps no pointer to it.
    let result = unsafe { foreign::epoll_ctl(epoll.as_raw_fd(), operation, fd.as_raw_fd(), &raw mut event) };
    counted(result as isize).map(drop)
}

/// Waits until something happens, or for the time given, which is never cut short by rounding; `None` waits for ever.
pub(crate) fn epoll_wait(
    epoll: BorrowedFd<'_>,
    events: &mut [EpollEvent],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    static NO_NANOSECONDS: AtomicBool = AtomicBool::new(false);
    match timeout {
        Some(timeout) if !timeout.is_zero() && !NO_NANOSECONDS.load(Ordering::Relaxed) => {
            match epoll_wait_nanoseconds(epoll, events, timeout) {
                // Kernels before 5.11 do not have it, and some sandboxes forbid it.
                Err(error) if matches!(error.raw_os_error(), Some(ENOSYS | EPERM)) => {
                    NO_NANOSECONDS.store(true, Ordering::Relaxed);
                    epoll_wait_milliseconds(epoll, events, Some(timeout))
                }
                result => result,
            }
        }
        _ => epoll_wait_milliseconds(epoll, events, timeout),
    }
}

fn epoll_wait_nanoseconds(epoll: BorrowedFd<'_>, events: &mut [EpollEvent], timeout: Duration) -> io::Result<usize> {
    let mut time = TimeSpec {
        seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: i64::from(timeout.subsec_nanos()),
    };
    let max = i64::try_from(events.len()).unwrap_or(i64::MAX);
    // SAFETY: the arguments are those of epoll_pwait2(2), each as wide as a register. `events` has room for `max` entries
    // of which any bytes are valid, `time` is only read, and no signal mask is passed.
    let result = unsafe {
        foreign::syscall(
            SYS_EPOLL_PWAIT2,
            i64::from(epoll.as_raw_fd()),
            events.as_mut_ptr(),
            max,
            &raw mut time,
            null_mut::<c_void>(),
            0i64,
        )
    };
    counted(result as isize)
}

fn epoll_wait_milliseconds(
    epoll: BorrowedFd<'_>,
    events: &mut [EpollEvent],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let milliseconds = timeout.map_or(-1, milliseconds_rounded_up);
    let max = i32::try_from(events.len()).unwrap_or(i32::MAX);
    // SAFETY: `events` has room for `max` entries, of which any bytes are valid.
    let result = unsafe { foreign::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), max, milliseconds) };
    counted(result as isize)
}

/// A timer must never be early: waking just before a deadline would mean waiting again, for nothing, many times over.
fn milliseconds_rounded_up(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}

/// A descriptor that counts what is written to it, and is readable unless that is zero.
pub(crate) fn event_counter() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    owned(unsafe { foreign::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) })
}

/// A socket of a family and a kind (`SOCK_DGRAM`, `SOCK_STREAM`), non-blocking.
pub(crate) fn socket(family: u16, kind: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes no pointer.
    owned(unsafe { foreign::socket(i32::from(family), kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) })
}

pub(crate) fn bind(fd: BorrowedFd<'_>, address: &RawAddress) -> io::Result<()> {
    debug_assert!(address.len as usize <= ADDRESS_LEN);
    // SAFETY: `address.bytes` is readable for `address.len` bytes.
    let result = unsafe { foreign::bind(fd.as_raw_fd(), address.bytes.as_ptr().cast(), address.len) };
    counted(result as isize).map(drop)
}

/// Has a stream socket take in connections, of which so many may wait to be accepted.
pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: i32) -> io::Result<()> {
    // SAFETY: takes no pointer.
    counted(unsafe { foreign::listen(fd.as_raw_fd(), backlog) } as isize).map(drop)
}

/// Begins to connect; with a socket that does not block, `EINPROGRESS` means that it is under way.
pub(crate) fn connect(fd: BorrowedFd<'_>, address: &RawAddress) -> io::Result<()> {
    debug_assert!(address.len as usize <= ADDRESS_LEN);
    // SAFETY: `address.bytes` is readable for `address.len` bytes.
    let result = unsafe { foreign::connect(fd.as_raw_fd(), address.bytes.as_ptr().cast(), address.len) };
    counted(result as isize).map(drop)
}

/// Connects to an address of another family, as it stands in memory.
pub(crate) fn connect_bytes(fd: BorrowedFd<'_>, address: &[u8]) -> io::Result<()> {
    let len = u32::try_from(address.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: `address` is readable for `len` bytes.
    let result = unsafe { foreign::connect(fd.as_raw_fd(), address.as_ptr().cast(), len) };
    counted(result as isize).map(drop)
}

/// Takes a connection that waits at a listening socket: a socket that does not block, and the peer's address.
pub(crate) fn accept(fd: BorrowedFd<'_>) -> io::Result<(OwnedFd, RawAddress)> {
    let mut address = RawAddress { len: ADDRESS_LEN as u32, ..RawAddress::EMPTY };
    let (bytes, len) = (address.bytes.as_mut_ptr().cast(), &raw mut address.len);
    // SAFETY: `bytes` is writable for as many bytes as `len` says, and both live through the call.
    let accepted = unsafe { foreign::accept4(fd.as_raw_fd(), bytes, len, SOCK_CLOEXEC | SOCK_NONBLOCK) };
    owned(accepted).map(|socket| (socket, address))
}

/// Has closing a stream socket reset its connection: what waits to be sent is dropped, and the peer is told at once.
pub(crate) fn reset_on_close(fd: BorrowedFd<'_>) -> io::Result<()> {
    let linger = Linger { on: 1, seconds: 0 };
    let (value, len) = (&raw const linger, size_of::<Linger>() as u32);
    // SAFETY: `value` is readable for the bytes of one `struct linger`.
    let result = unsafe { foreign::setsockopt(fd.as_raw_fd(), SOL_SOCKET, SO_LINGER, value.cast(), len) };
    counted(result as isize).map(drop)
}

/// Has the kernel run a program, which it copies, for the socket: of what is for it, or to choose among the sockets that share its address,
/// as the option says.
pub(crate) fn attach_filter(fd: BorrowedFd<'_>, option: i32, steps: &[FilterStep]) -> io::Result<()> {
    let len = u16::try_from(steps.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = FilterProgram { len, steps: steps.as_ptr() };
    let (value, size) = (&raw const program, size_of::<FilterProgram>() as u32);
    // SAFETY: `value` is readable for the bytes of one `struct sock_fprog`, which points to as many instructions as it says.
    let result = unsafe { foreign::setsockopt(fd.as_raw_fd(), SOL_SOCKET, option, value.cast(), size) };
    counted(result as isize).map(drop)
}

/// Sets an option whose value is an `int`.
pub(crate) fn set_option(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    let value = value.to_ne_bytes();
    // SAFETY: `value` is readable for the four bytes given.
    let result = unsafe { foreign::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), 4) };
    counted(result as isize).map(drop)
}

/// Sends `payload` as one message.
pub(crate) fn send_message(
    fd: BorrowedFd<'_>,
    address: &RawAddress,
    control: &Control,
    payload: &[u8],
) -> io::Result<usize> {
    let mut vector = outgoing_vector(payload);
    let header = outgoing_header(address, control, &raw mut vector);
    // SAFETY: all that `header` points to lives through the call and has the lengths stated; sendmsg only reads it.
    counted(unsafe { foreign::sendmsg(fd.as_raw_fd(), &raw const header, MSG_DONTWAIT | MSG_NOSIGNAL) })
}

/// Sends `payload` cut into messages of `segment_size` bytes, at most [`SEND_MAX`]; says how many were sent.
pub(crate) fn send_messages(
    fd: BorrowedFd<'_>,
    address: &RawAddress,
    control: &Control,
    payload: &[u8],
    segment_size: usize,
) -> io::Result<usize> {
    let mut vectors = [IoVector { base: null_mut(), len: 0 }; SEND_MAX];
    let mut count = 0;
    for (vector, segment) in vectors.iter_mut().zip(payload.chunks(segment_size.max(1))) {
        *vector = outgoing_vector(segment);
        count += 1;
    }
    let mut messages = vectors
        .each_mut()
        .map(|vector| MultiMessageHeader { header: outgoing_header(address, control, &raw mut *vector), len: 0 });
    // SAFETY: the first `count` messages point to vectors, payload, address and control data that live through the call
    // and have the lengths stated; sendmmsg writes to nothing but the messages' own `len`.
    let result =
        unsafe { foreign::sendmmsg(fd.as_raw_fd(), messages.as_mut_ptr(), count, MSG_DONTWAIT | MSG_NOSIGNAL) };
    counted(result as isize)
}

fn outgoing_vector(payload: &[u8]) -> IoVector {
    IoVector { base: payload.as_ptr().cast_mut().cast(), len: payload.len() }
}

fn outgoing_header(address: &RawAddress, control: &Control, vector: *mut IoVector) -> MessageHeader {
    debug_assert!(address.len as usize <= ADDRESS_LEN && control.len <= CONTROL_LEN);
    MessageHeader {
        name: address.bytes.as_ptr().cast_mut().cast(),
        name_len: address.len,
        vectors: vector,
        vectors_len: 1,
        // The kernel wants no pointer where there is nothing.
        control: if control.len == 0 { null_mut() } else { control.bytes.as_ptr().cast_mut().cast() },
        control_len: control.len,
        flags: 0,
    }
}

/// What came with one received message.
#[derive(Clone, Copy)]
pub(crate) struct RawArrival {
    pub(crate) address: RawAddress,
    pub(crate) control: Control,
    /// Bytes of payload.
    pub(crate) len: usize,
    pub(crate) flags: i32,
}

impl RawArrival {
    pub(crate) const EMPTY: RawArrival =
        RawArrival { address: RawAddress::EMPTY, control: Control::EMPTY, len: 0, flags: 0 };
}

/// Receives into as many `buffers` as there are messages, at most [`RECEIVE_MAX`], without waiting.
pub(crate) fn receive_messages(
    fd: BorrowedFd<'_>,
    buffers: &mut [u8],
    buffer_len: usize,
    arrivals: &mut [RawArrival; RECEIVE_MAX],
) -> io::Result<usize> {
    let mut vectors = [IoVector { base: null_mut(), len: 0 }; RECEIVE_MAX];
    let mut count = 0;
    for (vector, buffer) in vectors.iter_mut().zip(buffers.chunks_exact_mut(buffer_len.max(1))) {
        *vector = IoVector { base: buffer.as_mut_ptr().cast(), len: buffer.len() };
        count += 1;
    }
    let mut messages = [MultiMessageHeader { header: NO_MESSAGE, len: 0 }; RECEIVE_MAX];
    for ((message, vector), arrival) in messages.iter_mut().zip(&mut vectors).zip(arrivals.iter_mut()) {
        message.header = incoming_header(arrival, vector);
    }
    // SAFETY: the first `count` messages point to distinct buffers, addresses and control data, writable for the lengths
    // stated and alive through the call. No time is passed.
    let result = unsafe { foreign::recvmmsg(fd.as_raw_fd(), messages.as_mut_ptr(), count, MSG_DONTWAIT, null_mut()) };
    let received = counted(result as isize)?;
    for (message, arrival) in messages.iter().zip(arrivals.iter_mut()).take(received) {
        note(arrival, &message.header, message.len as usize);
    }
    Ok(received)
}

/// Receives one message, without waiting.
pub(crate) fn receive_message(fd: BorrowedFd<'_>, buffer: &mut [u8], arrival: &mut RawArrival) -> io::Result<()> {
    receive(fd, buffer, arrival, MSG_DONTWAIT)
}

/// Takes one report about an earlier datagram from the socket's error queue, without waiting: `address` is where that
/// datagram went. Its payload is left out.
pub(crate) fn receive_report(fd: BorrowedFd<'_>, arrival: &mut RawArrival) -> io::Result<()> {
    receive(fd, &mut [], arrival, MSG_DONTWAIT | MSG_ERRQUEUE)
}

fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8], arrival: &mut RawArrival, flags: i32) -> io::Result<()> {
    let mut vector = IoVector { base: buffer.as_mut_ptr().cast(), len: buffer.len() };
    let mut header = incoming_header(arrival, &mut vector);
    // SAFETY: all that `header` points to is distinct, writable for the lengths stated and alive through the call.
    let len = counted(unsafe { foreign::recvmsg(fd.as_raw_fd(), &raw mut header, flags) })?;
    note(arrival, &header, len);
    Ok(())
}

const NO_MESSAGE: MessageHeader = MessageHeader {
    name: null_mut(),
    name_len: 0,
    vectors: null_mut(),
    vectors_len: 0,
    control: null_mut(),
    control_len: 0,
    flags: 0,
};

fn incoming_header(arrival: &mut RawArrival, vector: &mut IoVector) -> MessageHeader {
    MessageHeader {
        name: arrival.address.bytes.as_mut_ptr().cast(),
        name_len: ADDRESS_LEN as u32,
        vectors: vector,
        vectors_len: 1,
        control: arrival.control.bytes.as_mut_ptr().cast(),
        control_len: CONTROL_LEN,
        flags: 0,
    }
}

fn note(arrival: &mut RawArrival, header: &MessageHeader, len: usize) {
    arrival.address.len = header.name_len;
    arrival.control.len = header.control_len.min(CONTROL_LEN);
    arrival.len = len;
    arrival.flags = header.flags;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_never_rounded_down() {
        let cases =
            [(0, 0), (1, 1), (999_999, 1), (1_000_000, 1), (1_000_001, 2), (u64::MAX, i32::MAX), (2_000_000_000, 2000)];
        for (nanoseconds, expected) in cases {
            assert_eq!(milliseconds_rounded_up(Duration::from_nanos(nanoseconds)), expected);
        }
        assert_eq!(milliseconds_rounded_up(Duration::MAX), i32::MAX);
    }

    #[test]
    fn both_ways_of_waiting_last_at_least_as_long_as_asked() {
        use std::os::fd::AsFd;
        let epoll = epoll_create().unwrap();
        let mut events = [EpollEvent::default(); 4];
        let asked = Duration::from_micros(1_300);
        for wait in [epoll_wait_nanoseconds, |epoll: BorrowedFd<'_>, events: &mut [EpollEvent], timeout| {
            epoll_wait_milliseconds(epoll, events, Some(timeout))
        }] {
            let start = std::time::Instant::now();
            assert_eq!(wait(epoll.as_fd(), &mut events, asked).unwrap(), 0);
            assert!(start.elapsed() >= asked);
        }
    }
}
