//! Bytes on the heap, counted per thread, so that tests that run beside each other do not disturb the
//! count.
//!
//! A test binary opts in:
//!
//! ```
//! use posthaste_adversary as adversary;
//!
//! #[global_allocator]
//! static HEAP: adversary::heap::Counting = adversary::heap::Counting;
//!
//! let meter = adversary::heap::Meter::start();
//! let held = vec![0u8; 1000];
//! drop(vec![0u8; 5000]);
//! assert_eq!(meter.held(), 1000);
//! assert_eq!(meter.peak(), 6000);
//! assert_eq!((meter.taken(), meter.blocks()), (6000, 2));
//! # drop(held);
//! ```
#![allow(unsafe_code, reason = "an allocator cannot be written without it, and this one is of tests only")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static TAKEN: Cell<u64> = const { Cell::new(0) };
    static BLOCKS: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, with a count of what this thread has taken and not given back.
pub struct Counting;

fn count(bytes: isize) {
    // A thread that is coming to its end has no count any more.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
        let _ = TAKEN.try_with(|taken| taken.set(taken.get() + bytes.max(0).cast_unsigned() as u64));
        let _ = BLOCKS.try_with(|blocks| blocks.set(blocks.get() + u64::from(bytes > 0)));
    });
}

// SAFETY: every call is handed to the system's allocator unchanged, whose promises are therefore ours; counting touches
// two plain numbers of this thread and allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What this thread's heap does from a moment on.
pub struct Meter {
    start: isize,
    taken: u64,
    blocks: u64,
}

impl Meter {
    /// From now on.
    pub fn start() -> Meter {
        let start = LIVE.with(Cell::get);
        PEAK.with(|peak| peak.set(start));
        Meter { start, taken: TAKEN.with(Cell::get), blocks: BLOCKS.with(Cell::get) }
    }

    /// Bytes held now beyond those at the start; negative if there are fewer.
    pub fn held(&self) -> isize {
        LIVE.with(Cell::get) - self.start
    }

    /// The most bytes that were held at any moment beyond those at the start of the last meter of this thread.
    pub fn peak(&self) -> isize {
        PEAK.with(Cell::get) - self.start
    }

    /// All bytes that were taken, whether or not they were given back: what is copied again and again shows here.
    pub fn taken(&self) -> u64 {
        TAKEN.with(Cell::get) - self.taken
    }

    /// How often memory was taken, or more of it for the same block.
    pub fn blocks(&self) -> u64 {
        BLOCKS.with(Cell::get) - self.blocks
    }
}
