//! Becoming a user who may do less.

use std::io;

/// How the C library counts the groups.
#[cfg(target_os = "linux")]
type GroupCount = usize;
#[cfg(not(target_os = "linux"))]
type GroupCount = i32;

mod foreign {
    use super::GroupCount;

    unsafe extern "C" {
        pub(super) fn getuid() -> u32;
        pub(super) fn getgid() -> u32;
        pub(super) fn setgroups(count: GroupCount, groups: *const u32) -> i32;
        pub(super) fn setgid(group: u32) -> i32;
        pub(super) fn setuid(user: u32) -> i32;
    }
}

fn done(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Who the process is: user and group.
pub(crate) fn identity() -> (u32, u32) {
    // SAFETY: both only read a number of the process, and cannot fail.
    unsafe { (foreign::getuid(), foreign::getgid()) }
}

/// The groups first, because the user that it becomes may not change them any more. The C library has all threads do the same.
pub(crate) fn become_user(user: u32, group: u32, groups: &[u32]) -> io::Result<()> {
    #[allow(clippy::useless_conversion, reason = "the type differs between systems")]
    let count = GroupCount::try_from(groups.len()).map_err(io::Error::other)?;
    // SAFETY: `groups` is as many numbers as is said, and only read.
    done(unsafe { foreign::setgroups(count, groups.as_ptr()) })?;
    // SAFETY: it takes a number.
    done(unsafe { foreign::setgid(group) })?;
    // SAFETY: it takes a number.
    done(unsafe { foreign::setuid(user) })
}
