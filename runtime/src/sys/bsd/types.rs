//! The numbers and structures that macOS and FreeBSD share. Sizes and offsets are asserted here at compile time; numbers in
//! `tests/headers`, which states them to a C compiler.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

pub(crate) const AF_UNIX: u8 = 1;
pub(crate) const AF_INET: u8 = 2;
pub(crate) const SOCK_STREAM: i32 = 1;
pub(crate) const SOCK_DGRAM: i32 = 2;

pub(crate) const SOL_SOCKET: i32 = 0xffff;
pub(crate) const SO_REUSEADDR: i32 = 0x4;
pub(crate) const SO_KEEPALIVE: i32 = 0x8;
pub(crate) const SO_LINGER: i32 = 0x80;
pub(crate) const SO_SNDBUF: i32 = 0x1001;
pub(crate) const SO_RCVBUF: i32 = 0x1002;
pub(crate) const SO_TYPE: i32 = 0x1008;

pub(crate) const IPPROTO_IP: i32 = 0;
pub(crate) const IP_TOS: i32 = 3;
pub(crate) const IPPROTO_IPV6: i32 = 41;
pub(crate) const IPV6_V6ONLY: i32 = 27;
pub(crate) const IPV6_PKTINFO: i32 = 46;
pub(crate) const IPV6_DONTFRAG: i32 = 62;
pub(crate) const IPPROTO_TCP: i32 = 6;
pub(crate) const TCP_NODELAY: i32 = 1;

pub(crate) const MSG_TRUNC: i32 = 0x10;
pub(crate) const MSG_DONTWAIT: i32 = 0x80;

pub(crate) const EVFILT_READ: i16 = -1;
pub(crate) const EVFILT_WRITE: i16 = -2;
pub(crate) const EV_ADD: u16 = 0x1;
pub(crate) const EV_DELETE: u16 = 0x2;
pub(crate) const EV_ENABLE: u16 = 0x4;
pub(crate) const EV_CLEAR: u16 = 0x20;
pub(crate) const EV_RECEIPT: u16 = 0x40;
pub(crate) const EV_ERROR: u16 = 0x4000;
pub(crate) const EV_EOF: u16 = 0x8000;
pub(crate) const NOTE_TRIGGER: u32 = 0x0100_0000;

pub(crate) const F_SETFL: i32 = 4;
pub(crate) const O_NONBLOCK: i32 = 0x4;
pub(crate) const O_NOFOLLOW: i32 = 0x100;
pub(crate) const RLIMIT_NOFILE: i32 = 8;

/// Bytes of a path in `struct sockaddr_un`, with the zero at its end.
pub(crate) const PATH_LEN: usize = 104;

/// `struct timespec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// `struct rlimit`. The numbers are signed on FreeBSD, and never negative.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct ResourceLimit {
    pub(crate) current: u64,
    pub(crate) maximum: u64,
}

/// `struct iovec`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct IoVector {
    pub(crate) base: *mut c_void,
    pub(crate) len: usize,
}

/// `struct msghdr`.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct MessageHeader {
    pub(crate) name: *mut c_void,
    pub(crate) name_len: u32,
    pub(crate) vectors: *mut IoVector,
    pub(crate) vectors_len: i32,
    pub(crate) control: *mut c_void,
    pub(crate) control_len: u32,
    pub(crate) flags: i32,
}

const _: () = assert!(size_of::<TimeSpec>() == 16 && offset_of!(TimeSpec, nanoseconds) == 8);
const _: () = assert!(size_of::<Linger>() == 8 && offset_of!(Linger, seconds) == 4);
const _: () = assert!(size_of::<ResourceLimit>() == 16 && offset_of!(ResourceLimit, maximum) == 8);
const _: () = assert!(size_of::<IoVector>() == 16 && offset_of!(IoVector, len) == 8);
const _: () = {
    assert!(size_of::<MessageHeader>() == 48);
    assert!(offset_of!(MessageHeader, name_len) == 8);
    assert!(offset_of!(MessageHeader, vectors) == 16);
    assert!(offset_of!(MessageHeader, vectors_len) == 24);
    assert!(offset_of!(MessageHeader, control) == 32);
    assert!(offset_of!(MessageHeader, control_len) == 40);
    assert!(offset_of!(MessageHeader, flags) == 44);
};
