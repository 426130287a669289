//! The numbers and structures in which FreeBSD differs from macOS, since FreeBSD 13.1, the same on x86_64 and aarch64.
//!
//! From the headers of FreeBSD: `sys/socket.h`, `netinet/in.h`, `netinet6/in6.h`, `sys/event.h`, `sys/fcntl.h`, `sys/errno.h`,
//! `sys/dirent.h`. `tests/headers/freebsd.c` states them to a C compiler.

use core::mem::{offset_of, size_of};

use crate::sys::bsd::control::ControlForm;

pub(crate) const AF_INET6: u8 = 28;
/// `SOCK_CLOEXEC | SOCK_NONBLOCK`.
pub(crate) const SOCK_FLAGS: i32 = 0x3000_0000;
pub(crate) const SO_NOSIGPIPE: i32 = 0x800;
/// `SO_REUSEPORT_LB`: sockets may share an address, and the kernel spreads peers over them.
pub(crate) const SPREAD: i32 = 0x0001_0000;
pub(crate) const SPREADS: bool = true;

pub(crate) const IP_RECVTOS: i32 = 68;
/// `IP_RECVDSTADDR`, which is `IP_SENDSRCADDR` as well.
pub(crate) const RECEIVE_DESTINATION: i32 = 7;
pub(crate) const IP_DONTFRAG: i32 = 67;
pub(crate) const IPV6_RECVPKTINFO: i32 = 36;
pub(crate) const IPV6_RECVTCLASS: i32 = 57;
pub(crate) const IPV6_TCLASS: i32 = 61;
pub(crate) const TCP_KEEPIDLE: i32 = 256;
pub(crate) const TCP_KEEPINTVL: i32 = 512;
pub(crate) const TCP_KEEPCNT: i32 = 1024;

pub(crate) const EVFILT_USER: i16 = -11;

pub(crate) const O_CLOEXEC: i32 = 0x0010_0000;
pub(crate) const O_NOCTTY: i32 = 0x8000;
pub(crate) const O_DIRECTORY: i32 = 0x0002_0000;
pub(crate) const O_PATH: i32 = 0x0040_0000;

pub(crate) const EOPNOTSUPP: i32 = 45;

/// The source and the destination of an IPv4 datagram are bare addresses.
pub(crate) const CONTROL: ControlForm = ControlForm {
    header: 16,
    alignment: 8,
    v4: RECEIVE_DESTINATION,
    v4_len: 4,
    source_v4_at: 0,
    destination_v4_at: 0,
    type_of_service_len: 1,
    received_type_of_service: IP_RECVTOS,
    traffic_class: IPV6_TCLASS,
};

/// Where the name stands in a `struct dirent`.
pub(crate) const NAME_AT: usize = 24;

/// `struct kevent`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct KernelEvent {
    pub(crate) ident: usize,
    pub(crate) filter: i16,
    pub(crate) flags: u16,
    pub(crate) filter_flags: u32,
    pub(crate) data: i64,
    /// A pointer in C, which the kernel hands back and never follows.
    pub(crate) key: u64,
    pub(crate) extensions: [u64; 4],
}

const _: () = {
    assert!(size_of::<KernelEvent>() == 64);
    assert!(offset_of!(KernelEvent, filter) == 8 && offset_of!(KernelEvent, flags) == 10);
    assert!(offset_of!(KernelEvent, filter_flags) == 12 && offset_of!(KernelEvent, data) == 16);
    assert!(offset_of!(KernelEvent, key) == 24 && offset_of!(KernelEvent, extensions) == 32);
};
