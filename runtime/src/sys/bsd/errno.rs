//! The error numbers that decisions are made on: all but one are the same on macOS and FreeBSD.

pub(crate) use crate::sys::bsd::system::EOPNOTSUPP;

pub(crate) const EPERM: i32 = 1;
pub(crate) const ENOENT: i32 = 2;
pub(crate) const EINTR: i32 = 4;
pub(crate) const EIO: i32 = 5;
pub(crate) const ENXIO: i32 = 6;
pub(crate) const ENOMEM: i32 = 12;
pub(crate) const EACCES: i32 = 13;
pub(crate) const EEXIST: i32 = 17;
pub(crate) const EXDEV: i32 = 18;
pub(crate) const ENODEV: i32 = 19;
pub(crate) const ENOTDIR: i32 = 20;
pub(crate) const EINVAL: i32 = 22;
pub(crate) const ENFILE: i32 = 23;
pub(crate) const EMFILE: i32 = 24;
pub(crate) const EMLINK: i32 = 31;
pub(crate) const EPIPE: i32 = 32;
pub(crate) const EAGAIN: i32 = 35;
pub(crate) const EINPROGRESS: i32 = 36;
#[cfg(test)]
pub(crate) const EMSGSIZE: i32 = 40;
pub(crate) const ENOPROTOOPT: i32 = 42;
pub(crate) const EADDRNOTAVAIL: i32 = 49;
pub(crate) const ENETDOWN: i32 = 50;
pub(crate) const ENETUNREACH: i32 = 51;
pub(crate) const ENOBUFS: i32 = 55;
pub(crate) const ECONNREFUSED: i32 = 61;
pub(crate) const ELOOP: i32 = 62;
pub(crate) const ENAMETOOLONG: i32 = 63;
pub(crate) const EHOSTDOWN: i32 = 64;
pub(crate) const EHOSTUNREACH: i32 = 65;
pub(crate) const ENOSYS: i32 = 78;
