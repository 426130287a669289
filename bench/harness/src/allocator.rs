//! The system's allocator, and a count of what is asked of it.
//!
//! The count is a plain load and store, not an atomic addition: every measured program works in one thread, and a stack
//! that allocates more than another must not pay for being counted.

use crate::census;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations and reallocations so far.
pub(crate) fn allocations() -> u64 {
    ALLOCATIONS.load(Relaxed)
}

fn count() {
    ALLOCATIONS.store(ALLOCATIONS.load(Relaxed).wrapping_add(1), Relaxed);
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as promised to us.
        let pointer = unsafe { System.alloc(layout) };
        census::on_taken(pointer, layout.size());
        pointer
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as promised to us.
        let pointer = unsafe { System.alloc_zeroed(layout) };
        census::on_taken(pointer, layout.size());
        pointer
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        census::on_given_back(pointer);
        // SAFETY: as promised to us.
        let pointer = unsafe { System.realloc(pointer, layout, size) };
        census::on_taken(pointer, size);
        pointer
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        census::on_given_back(pointer);
        // SAFETY: as promised to us.
        unsafe { System.dealloc(pointer, layout) }
    }
}
