//! macOS and FreeBSD, on 64-bit little-endian processors.
//!
//! What needs no call of the system (numbers, structures, addresses, ancillary data, the selector over a kernel that is given to
//! it) is compiled for tests on Linux as well, with the numbers of FreeBSD, and tested there.

pub(crate) mod address;
pub(crate) mod alarm;
pub(crate) mod control;
pub(crate) mod datagram;
pub(crate) mod errno;
#[cfg(any(test, not(target_os = "macos")))]
#[cfg_attr(test, allow(dead_code, reason = "of this or of the other system only tests look at all"))]
pub(crate) mod freebsd;
pub(crate) mod kernel;
#[cfg(any(test, target_os = "macos"))]
#[cfg_attr(test, allow(dead_code, reason = "as above"))]
pub(crate) mod macos;
pub(crate) mod policy;
pub(crate) mod queue;
pub(crate) mod types;

#[cfg(not(target_os = "linux"))]
pub(crate) mod calls;
#[cfg(not(target_os = "linux"))]
pub(crate) mod clock;
#[cfg(not(target_os = "linux"))]
pub(crate) mod files;
#[cfg(not(target_os = "linux"))]
pub(crate) mod memory;
#[cfg(not(target_os = "linux"))]
pub(crate) mod message;
#[cfg(not(target_os = "linux"))]
pub(crate) mod names;
#[cfg(not(target_os = "linux"))]
pub(crate) mod selector;
#[cfg(not(target_os = "linux"))]
pub(crate) mod socket;
#[cfg(not(target_os = "linux"))]
pub(crate) mod stream;
#[cfg(not(target_os = "linux"))]
pub(crate) mod unix_stream;

#[cfg(not(target_os = "macos"))]
pub(crate) use self::freebsd as system;
#[cfg(target_os = "macos")]
pub(crate) use self::macos as system;

#[cfg(test)]
mod tests;

#[cfg(not(all(target_pointer_width = "64", target_endian = "little")))]
compile_error!("the structures of sys/bsd are those of 64-bit little-endian macOS and FreeBSD");
