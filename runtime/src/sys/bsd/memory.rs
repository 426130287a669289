//! Memory that the allocator keeps for later.

#[cfg(target_os = "macos")]
mod foreign {
    use core::ffi::c_void;

    unsafe extern "C" {
        pub(super) fn malloc_zone_pressure_relief(zone: *mut c_void, goal: usize) -> usize;
    }
}

/// Gives pages that hold nothing back to the system. The allocator of FreeBSD does so by itself, after a while.
pub(crate) fn release_unused() {
    #[cfg(target_os = "macos")]
    // SAFETY: no zone means all of them, and no goal as much as there is; nothing changes that anybody but the allocator knows of.
    unsafe {
        foreign::malloc_zone_pressure_relief(core::ptr::null_mut(), 0);
    }
}
