//! Structures and numbers of the kernel's interface. Sizes and offsets are asserted here at compile time, and against
//! another statement of the same interface in a test.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

pub(crate) const AF_UNIX: u16 = 1;
pub(crate) const AF_INET: u16 = 2;
pub(crate) const AF_INET6: u16 = 10;
pub(crate) const SOCK_STREAM: i32 = 1;
pub(crate) const SOCK_DGRAM: i32 = 2;
pub(crate) const SOCK_CLOEXEC: i32 = 0o2_000_000;
pub(crate) const SOCK_NONBLOCK: i32 = 0o4_000;

pub(crate) const SOL_SOCKET: i32 = 1;
/// Of UDP sockets alone, and as old as they are.
pub(crate) const UDP_CORK: i32 = 1;
pub(crate) const SO_REUSEADDR: i32 = 2;
pub(crate) const SO_SNDBUF: i32 = 7;
pub(crate) const SO_RCVBUF: i32 = 8;
pub(crate) const SO_KEEPALIVE: i32 = 9;
pub(crate) const SO_LINGER: i32 = 13;
pub(crate) const SO_REUSEPORT: i32 = 15;
pub(crate) const SO_ATTACH_FILTER: i32 = 26;
pub(crate) const SO_ATTACH_REUSEPORT_CBPF: i32 = 51;

pub(crate) const SOL_IP: i32 = 0;
pub(crate) const IP_TOS: i32 = 1;
pub(crate) const IP_PKTINFO: i32 = 8;
pub(crate) const IP_MTU_DISCOVER: i32 = 10;
pub(crate) const IP_RECVERR: i32 = 11;
pub(crate) const IP_RECVTOS: i32 = 13;
pub(crate) const IP_PMTUDISC_PROBE: i32 = 3;

pub(crate) const SOL_IPV6: i32 = 41;
pub(crate) const IPV6_MTU_DISCOVER: i32 = 23;
pub(crate) const IPV6_RECVERR: i32 = 25;
pub(crate) const IPV6_V6ONLY: i32 = 26;
pub(crate) const IPV6_RECVPKTINFO: i32 = 49;
pub(crate) const IPV6_PKTINFO: i32 = 50;
pub(crate) const IPV6_RECVTCLASS: i32 = 66;
pub(crate) const IPV6_TCLASS: i32 = 67;
pub(crate) const IPV6_PMTUDISC_PROBE: i32 = 3;

pub(crate) const SOL_UDP: i32 = 17;
pub(crate) const UDP_SEGMENT: i32 = 103;
pub(crate) const UDP_GRO: i32 = 104;

pub(crate) const IPPROTO_TCP: i32 = 6;
pub(crate) const TCP_NODELAY: i32 = 1;
pub(crate) const TCP_KEEPIDLE: i32 = 4;
pub(crate) const TCP_KEEPINTVL: i32 = 5;
pub(crate) const TCP_KEEPCNT: i32 = 6;

pub(crate) const MSG_TRUNC: i32 = 0x20;
pub(crate) const MSG_DONTWAIT: i32 = 0x40;
pub(crate) const MSG_ERRQUEUE: i32 = 0x2000;
pub(crate) const MSG_NOSIGNAL: i32 = 0x4000;

pub(crate) const EPOLL_CLOEXEC: i32 = 0o2_000_000;
pub(crate) const EPOLL_CTL_ADD: i32 = 1;
pub(crate) const EPOLL_CTL_DEL: i32 = 2;
pub(crate) const EPOLL_CTL_MOD: i32 = 3;
pub(crate) const EPOLLIN: u32 = 0x1;
pub(crate) const EPOLLOUT: u32 = 0x4;
pub(crate) const EPOLLERR: u32 = 0x8;
pub(crate) const EPOLLHUP: u32 = 0x10;
pub(crate) const EPOLLRDHUP: u32 = 0x2000;
pub(crate) const EPOLLET: u32 = 1 << 31;
pub(crate) const SYS_EPOLL_PWAIT2: i64 = 441;

pub(crate) const EFD_CLOEXEC: i32 = 0o2_000_000;
pub(crate) const EFD_NONBLOCK: i32 = 0o4_000;

pub(crate) const O_CLOEXEC: i32 = 0o2_000_000;
pub(crate) const O_NOCTTY: i32 = 0o400;
pub(crate) const O_NONBLOCK: i32 = 0o4_000;
pub(crate) const O_PATH: i32 = 0o10_000_000;
// These two are not the same everywhere.
#[cfg(target_arch = "aarch64")]
pub(crate) const O_DIRECTORY: i32 = 0o40_000;
#[cfg(target_arch = "aarch64")]
pub(crate) const O_NOFOLLOW: i32 = 0o100_000;
#[cfg(not(target_arch = "aarch64"))]
pub(crate) const O_DIRECTORY: i32 = 0o200_000;
#[cfg(not(target_arch = "aarch64"))]
pub(crate) const O_NOFOLLOW: i32 = 0o400_000;

pub(crate) const SYS_OPENAT2: i64 = 437;
pub(crate) const RESOLVE_NO_XDEV: u64 = 0x01;
pub(crate) const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
pub(crate) const RESOLVE_BENEATH: u64 = 0x08;
pub(crate) const RESOLVE_CACHED: u64 = 0x20;

#[cfg(target_arch = "x86_64")]
pub(crate) const SYS_PREADV2: i64 = 327;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const SYS_PREADV2: i64 = 286;
pub(crate) const RWF_NOWAIT: i32 = 0x08;
#[cfg(target_arch = "x86_64")]
pub(crate) const SYS_GETDENTS64: i64 = 217;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const SYS_GETDENTS64: i64 = 61;

pub(crate) const RLIMIT_NOFILE: i32 = 7;

/// `struct epoll_event`: packed on x86_64 and nowhere else.
#[derive(Clone, Copy, Default)]
#[cfg_attr(target_arch = "x86_64", repr(C, packed))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
pub(crate) struct EpollEvent {
    pub(crate) events: u32,
    pub(crate) data: u64,
}

/// `struct timespec`.
#[repr(C)]
pub(crate) struct TimeSpec {
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: i64,
}

/// `struct linger`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Linger {
    pub(crate) on: i32,
    pub(crate) seconds: i32,
}

/// `struct sock_filter`: an instruction.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FilterStep {
    pub(crate) code: u16,
    /// How many instructions are skipped if a condition holds.
    pub(crate) on_true: u8,
    /// And if not.
    pub(crate) on_false: u8,
    pub(crate) k: u32,
}

/// `struct sock_fprog`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct FilterProgram {
    pub(crate) len: u16,
    pub(crate) steps: *const FilterStep,
}

/// `struct iovec`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct IoVector {
    pub(crate) base: *mut c_void,
    pub(crate) len: usize,
}

/// `struct open_how`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct OpenHow {
    pub(crate) flags: u64,
    pub(crate) mode: u64,
    pub(crate) resolve: u64,
}

/// `struct statfs`; only the first field is of interest.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct StatFs {
    pub(crate) kind: i64,
    pub(crate) rest: [u64; 14],
}

/// `struct rlimit`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct ResourceLimit {
    pub(crate) current: u64,
    pub(crate) maximum: u64,
}

/// `struct msghdr`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct MessageHeader {
    pub(crate) name: *mut c_void,
    pub(crate) name_len: u32,
    pub(crate) vectors: *mut IoVector,
    pub(crate) vectors_len: usize,
    pub(crate) control: *mut c_void,
    pub(crate) control_len: usize,
    pub(crate) flags: i32,
}

/// `struct mmsghdr`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct MultiMessageHeader {
    pub(crate) header: MessageHeader,
    pub(crate) len: u32,
}

#[cfg(target_arch = "x86_64")]
const _: () = assert!(size_of::<EpollEvent>() == 12 && offset_of!(EpollEvent, data) == 4);
#[cfg(not(target_arch = "x86_64"))]
const _: () = assert!(size_of::<EpollEvent>() == 16 && offset_of!(EpollEvent, data) == 8);
const _: () = assert!(size_of::<TimeSpec>() == 16 && offset_of!(TimeSpec, nanoseconds) == 8);
const _: () = assert!(size_of::<Linger>() == 8 && offset_of!(Linger, seconds) == 4);
const _: () = assert!(size_of::<FilterStep>() == 8 && offset_of!(FilterStep, k) == 4);
const _: () = assert!(size_of::<FilterProgram>() == 16 && offset_of!(FilterProgram, steps) == 8);
const _: () = assert!(size_of::<OpenHow>() == 24 && offset_of!(OpenHow, resolve) == 16);
const _: () = assert!(size_of::<StatFs>() == 120);
const _: () = assert!(size_of::<ResourceLimit>() == 16 && offset_of!(ResourceLimit, maximum) == 8);
const _: () = assert!(size_of::<IoVector>() == 16 && offset_of!(IoVector, len) == 8);
const _: () = {
    assert!(size_of::<MessageHeader>() == 56);
    assert!(offset_of!(MessageHeader, name_len) == 8);
    assert!(offset_of!(MessageHeader, vectors) == 16);
    assert!(offset_of!(MessageHeader, vectors_len) == 24);
    assert!(offset_of!(MessageHeader, control) == 32);
    assert!(offset_of!(MessageHeader, control_len) == 40);
    assert!(offset_of!(MessageHeader, flags) == 48);
};
const _: () = assert!(size_of::<MultiMessageHeader>() == 64 && offset_of!(MultiMessageHeader, len) == 56);

#[cfg(test)]
mod tests;
