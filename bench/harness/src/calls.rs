//! The calls that move datagrams, counted. A program that is linked with this sends and receives through these functions
//! instead of the C library's, whatever the stack: they pass everything on to the kernel and count calls and datagrams.

use libc::{c_int, c_long, c_uint, c_void, mmsghdr, msghdr, size_t, sockaddr, socklen_t, ssize_t, timespec};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static SENDS: AtomicU64 = AtomicU64::new(0);
static SENT: AtomicU64 = AtomicU64::new(0);
static RECEIVES: AtomicU64 = AtomicU64::new(0);
static RECEIVED: AtomicU64 = AtomicU64::new(0);

/// Calls that send, datagrams they sent, calls that receive (those that found nothing as well), datagrams they brought.
pub(crate) fn counts() -> [u64; 4] {
    [SENDS.load(Relaxed), SENT.load(Relaxed), RECEIVES.load(Relaxed), RECEIVED.load(Relaxed)]
}

/// As in the allocator: each program works in one thread.
fn add(counter: &AtomicU64, value: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(value), Relaxed);
}

/// Datagrams in one message of `len` bytes, by the size of a segment that stands beside it.
///
/// # Safety
/// `message` is a header that the kernel has accepted or filled.
unsafe fn datagrams(message: *const msghdr, len: u64, kind: c_int) -> u64 {
    // SAFETY: the header and its control data are valid by the caller's promise, and the macros stay inside of them.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(message);
        while !control.is_null() {
            if (*control).cmsg_level == libc::SOL_UDP && (*control).cmsg_type == kind {
                let segment = u64::from(libc::CMSG_DATA(control).cast::<u16>().read_unaligned());
                return if segment == 0 { 1 } else { len.div_ceil(segment) };
            }
            control = libc::CMSG_NXTHDR(message, control);
        }
    }
    1
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    // SAFETY: passed on as it came.
    unsafe {
        let result = libc::syscall(libc::SYS_sendmsg, c_long::from(fd), message, c_long::from(flags));
        add(&SENDS, 1);
        if result >= 0 {
            add(&SENT, datagrams(message, result as u64, libc::UDP_SEGMENT));
        }
        result as ssize_t
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int {
    // SAFETY: passed on as it came; the kernel has filled in the lengths of as many as it says.
    unsafe {
        let result =
            libc::syscall(libc::SYS_sendmmsg, c_long::from(fd), messages, c_long::from(count), c_long::from(flags));
        add(&SENDS, 1);
        for at in 0..result.max(0) as usize {
            let message = messages.add(at);
            add(&SENT, datagrams(&raw const (*message).msg_hdr, u64::from((*message).msg_len), libc::UDP_SEGMENT));
        }
        result as c_int
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendto(
    fd: c_int,
    bytes: *const c_void,
    len: size_t,
    flags: c_int,
    address: *const sockaddr,
    address_len: socklen_t,
) -> ssize_t {
    // SAFETY: passed on as it came.
    let result = unsafe {
        libc::syscall(
            libc::SYS_sendto,
            c_long::from(fd),
            bytes,
            len,
            c_long::from(flags),
            address,
            c_long::from(address_len),
        )
    };
    add(&SENDS, 1);
    add(&SENT, u64::from(result >= 0));
    result as ssize_t
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    // SAFETY: passed on as it came.
    unsafe {
        let result = libc::syscall(libc::SYS_recvmsg, c_long::from(fd), message, c_long::from(flags));
        add(&RECEIVES, 1);
        if result >= 0 {
            add(&RECEIVED, datagrams(message, result as u64, libc::UDP_GRO));
        }
        result as ssize_t
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recvmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
    timeout: *mut timespec,
) -> c_int {
    // SAFETY: passed on as it came; the kernel has filled in as many headers and lengths as it says.
    unsafe {
        let result = libc::syscall(
            libc::SYS_recvmmsg,
            c_long::from(fd),
            messages,
            c_long::from(count),
            c_long::from(flags),
            timeout,
        );
        add(&RECEIVES, 1);
        for at in 0..result.max(0) as usize {
            let message = messages.add(at);
            add(&RECEIVED, datagrams(&raw const (*message).msg_hdr, u64::from((*message).msg_len), libc::UDP_GRO));
        }
        result as c_int
    }
}
