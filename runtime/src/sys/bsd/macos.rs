//! The numbers and structures in which macOS differs from FreeBSD, the same on x86_64 and aarch64.
//!
//! From the headers of the macOS SDK: `sys/socket.h`, `netinet/in.h`, `netinet6/in6.h`, `sys/event.h`, `sys/fcntl.h`,
//! `sys/errno.h`, `sys/dirent.h`. `tests/headers/macos.c` states them to a C compiler.

use core::mem::{offset_of, size_of};

use crate::sys::bsd::control::ControlForm;

pub(crate) const AF_INET6: u8 = 30;
/// Sockets are made private and non-blocking by calls of their own.
pub(crate) const SOCK_FLAGS: i32 = 0;
pub(crate) const SO_NOSIGPIPE: i32 = 0x1022;
/// `SO_REUSEPORT`: sockets may share an address. The kernel does not spread peers over them.
pub(crate) const SPREAD: i32 = 0x200;
pub(crate) const SPREADS: bool = false;

pub(crate) const IP_RECVTOS: i32 = 27;
/// `IP_RECVPKTINFO`.
pub(crate) const RECEIVE_DESTINATION: i32 = 26;
pub(crate) const IP_DONTFRAG: i32 = 28;
pub(crate) const IPV6_RECVPKTINFO: i32 = 61;
pub(crate) const IPV6_RECVTCLASS: i32 = 35;
pub(crate) const IPV6_TCLASS: i32 = 36;
/// `TCP_KEEPALIVE`.
pub(crate) const TCP_KEEPIDLE: i32 = 0x10;
pub(crate) const TCP_KEEPINTVL: i32 = 0x101;
pub(crate) const TCP_KEEPCNT: i32 = 0x102;

pub(crate) const EVFILT_USER: i16 = -10;

pub(crate) const O_CLOEXEC: i32 = 0x0100_0000;
pub(crate) const O_NOCTTY: i32 = 0x0002_0000;
pub(crate) const O_DIRECTORY: i32 = 0x0010_0000;
/// There is no way to open a file only to look at it. Whoever looks opens it for reading, and waits for nothing.
pub(crate) const O_PATH: i32 = 0x4 | O_NOCTTY;

pub(crate) const EOPNOTSUPP: i32 = 102;

/// The source and the destination of an IPv4 datagram are those of `struct in_pktinfo { ifindex, spec_dst, addr }`.
pub(crate) const CONTROL: ControlForm = ControlForm {
    header: 12,
    alignment: 4,
    v4: RECEIVE_DESTINATION,
    v4_len: 12,
    source_v4_at: 4,
    destination_v4_at: 8,
    type_of_service_len: 4,
    received_type_of_service: IP_RECVTOS,
    traffic_class: IPV6_TCLASS,
};

/// Where the name stands in a `struct dirent` with inode numbers of 64 bits.
pub(crate) const NAME_AT: usize = 21;

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
}

const _: () = {
    assert!(size_of::<KernelEvent>() == 32);
    assert!(offset_of!(KernelEvent, filter) == 8 && offset_of!(KernelEvent, flags) == 10);
    assert!(offset_of!(KernelEvent, filter_flags) == 12 && offset_of!(KernelEvent, data) == 16);
    assert!(offset_of!(KernelEvent, key) == 24);
};
