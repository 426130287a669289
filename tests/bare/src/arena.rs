//! The heap: one static array, handed out first fit. A program on a device has no other memory, so that what the protocols
//! hold at a time is a figure that one can read off here.
//!
//! Free memory is a list of holes in the order of their addresses; each begins with its length and the next hole. What is
//! given back is joined with the holes beside it. Lengths and addresses are multiples of [`GRAIN`], which is also the
//! length of a hole's head. One thread only.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{addr_of_mut, null_mut};

/// Bytes of the arena.
pub const CAPACITY: usize = 4 << 20;
const GRAIN: usize = 16;

/// What the arena was asked for so far.
#[derive(Clone, Copy)]
pub struct Figures {
    /// Bytes in use.
    pub live: usize,
    /// The most that were in use at a time.
    pub peak: usize,
    /// From the arena's begin to the last byte that was ever in use: what an array would have to hold, gaps included.
    pub reach: usize,
    /// How often something was allocated.
    pub allocations: usize,
}

#[repr(C)]
struct Hole {
    len: usize,
    next: *mut Hole,
}

struct State {
    memory: [u128; CAPACITY / GRAIN],
    first: *mut Hole,
    is_ready: bool,
    /// Bytes that are not handed out. Everything is zero at first, so that the array takes no room in the program's file.
    withheld: usize,
    figures: Figures,
}

/// The allocator of a program with one thread.
pub struct Arena(UnsafeCell<State>);

// SAFETY: the program has one thread, and no signal handler.
unsafe impl Sync for Arena {}

impl Arena {
    /// Everything free.
    pub const fn new() -> Arena {
        let figures = Figures { live: 0, peak: 0, reach: 0, allocations: 0 };
        let memory = [0; CAPACITY / GRAIN];
        Arena(UnsafeCell::new(State { memory, first: null_mut(), is_ready: false, withheld: 0, figures }))
    }

    /// What it was asked for so far.
    pub fn figures(&self) -> Figures {
        // SAFETY: one thread, and no reference into the state outlives a call.
        unsafe { (*self.0.get()).figures }
    }

    /// From now on the peak is counted from what is in use.
    pub fn restart_peak(&self) {
        // SAFETY: as in `figures`.
        unsafe {
            let figures = &mut (*self.0.get()).figures;
            figures.peak = figures.live;
        }
    }

    /// Allocations that would take more than `limit` bytes in all are refused.
    pub fn limit(&self, limit: usize) {
        // SAFETY: as in `figures`.
        unsafe { (*self.0.get()).withheld = CAPACITY.saturating_sub(limit) }
    }
}

/// What a layout takes of the arena.
fn taken(layout: Layout) -> usize {
    layout.size().max(1).next_multiple_of(GRAIN)
}

// SAFETY: what is handed out lies within the array, is aligned as asked, and is in no hole and no other allocation until it
// is given back.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and the allocator does not call itself.
        let state = unsafe { &mut *self.0.get() };
        state.prepare();
        let len = taken(layout);
        if len > (CAPACITY - state.withheld).saturating_sub(state.figures.live) {
            return null_mut();
        }
        state.take(len, layout.align().max(GRAIN))
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`.
        let state = unsafe { &mut *self.0.get() };
        state.figures.live -= taken(layout);
        // SAFETY: the caller gives back what it got with this layout.
        unsafe { state.give_back(pointer.cast(), taken(layout)) }
    }
}

impl State {
    /// Before the first allocation: the whole array is one hole.
    fn prepare(&mut self) {
        if !self.is_ready {
            let hole = addr_of_mut!(self.memory).cast::<Hole>();
            // SAFETY: the array is as large as its capacity says, and aligned to a grain.
            unsafe { hole.write(Hole { len: CAPACITY, next: null_mut() }) };
            self.first = hole;
            self.is_ready = true;
        }
    }

    /// From the first hole that is large enough; null if there is none.
    fn take(&mut self, len: usize, align: usize) -> *mut u8 {
        let mut link: *mut *mut Hole = &mut self.first;
        // SAFETY: links lead from hole to hole, and each hole's head is valid. Begin and end of what is taken lie within the
        // hole and are multiples of the grain, so that what is left on either side is nothing or has room for a head.
        unsafe {
            while !(*link).is_null() {
                let hole = *link;
                let Hole { len: free, next } = hole.read();
                let before = hole.addr().next_multiple_of(align) - hole.addr();
                if free < before || free - before < len {
                    link = &raw mut (*hole).next;
                    continue;
                }
                let start = hole.cast::<u8>().add(before);
                let mut rest = next;
                if free - before > len {
                    rest = start.add(len).cast();
                    rest.write(Hole { len: free - before - len, next });
                }
                if before > 0 {
                    hole.write(Hole { len: before, next: rest });
                } else {
                    *link = rest;
                }
                self.count(start.addr() + len, len);
                return start;
            }
        }
        null_mut()
    }

    fn count(&mut self, end: usize, len: usize) {
        let figures = &mut self.figures;
        figures.live += len;
        figures.peak = figures.peak.max(figures.live);
        figures.reach = figures.reach.max(end - (&raw const self.memory).addr());
        figures.allocations += 1;
    }

    /// A hole again, joined with those beside it.
    ///
    /// # Safety
    /// `hole` begins `len` bytes that `take` handed out.
    unsafe fn give_back(&mut self, hole: *mut Hole, len: usize) {
        let (mut before, mut next) = (null_mut::<Hole>(), self.first);
        // SAFETY: as in `take`; neighbours are joined only where one ends at the other's begin.
        unsafe {
            while !next.is_null() && next < hole {
                before = next;
                next = (*next).next;
            }
            hole.write(Hole { len, next });
            if !next.is_null() && hole.byte_add(len) == next {
                let Hole { len: more, next } = next.read();
                hole.write(Hole { len: len + more, next });
            }
            if before.is_null() {
                self.first = hole;
            } else if before.byte_add((*before).len) == hole {
                let Hole { len: more, next } = hole.read();
                before.write(Hole { len: (*before).len + more, next });
            } else {
                (*before).next = hole;
            }
        }
    }
}
