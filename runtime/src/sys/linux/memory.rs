//! Memory that the allocator keeps for later.

#[cfg(target_env = "gnu")]
mod foreign {
    unsafe extern "C" {
        pub(super) fn malloc_trim(pad: usize) -> i32;
    }
}

/// Gives pages that hold nothing back to the system. The GNU C library keeps those below the end of its heap for ever unless it
/// is told to; other C libraries give them back by themselves, and there is nothing to be told.
pub(crate) fn release_unused() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number, and changes nothing that anybody but the allocator knows of.
    unsafe {
        foreign::malloc_trim(0);
    }
}
