//! What is left of a peak.

/// Gives memory that was freed back to the system, as far as the allocator of the process keeps it for later. Takes a
/// millisecond or so for a hundred megabytes: for after a peak, not for every now and then.
pub fn release_unused() {
    crate::sys::release_unused();
}
