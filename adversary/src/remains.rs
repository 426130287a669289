//! What is left of secrets on the heap: an allocator that looks into each block when it is freed, and into all that are not.
//!
//! A test binary opts in, and has one test, because the heap is all threads':
//!
//! ```
//! use posthaste_adversary::remains;
//!
//! #[global_allocator]
//! static HEAP: remains::Watching = remains::Watching;
//!
//! let secret = [0x5e; 32]; // on the stack, where it is not looked for
//! remains::watch(&secret);
//! let held = secret.to_vec();
//! assert_eq!(remains::held(), 1);
//! drop(held);
//! assert_eq!((remains::held(), remains::freed()), (0, 1));
//! ```
#![allow(unsafe_code, reason = "an allocator cannot be written without it, and this one is of tests only")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that are compared: by chance no others are the same.
const LEN: usize = 16;
/// Secrets that are looked for at a time.
const MAX_NEEDLES: usize = 256;
/// Blocks that are known at a time.
const MAX_BLOCKS: usize = 1 << 16;

struct Watch {
    needles: [[u8; LEN]; MAX_NEEDLES],
    count: usize,
    /// Address and length of each block, in a table with open addressing; an address of 1 is a place that was used.
    blocks: [(usize, usize); MAX_BLOCKS],
    freed: usize,
    is_full: bool,
}

static WATCH: Mutex<Watch> = Mutex::new(Watch {
    needles: [[0; LEN]; MAX_NEEDLES],
    count: 0,
    blocks: [(0, 0); MAX_BLOCKS],
    freed: 0,
    is_full: false,
});

/// Never held while something allocates.
fn lock() -> MutexGuard<'static, Watch> {
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on the first bytes of `secret` are looked for. It is copied to where no heap is.
///
/// # Panics
/// If it has fewer than 16 bytes, or there are 256 already.
pub fn watch(secret: &[u8]) {
    let mut watch = lock();
    let needle = *secret.first_chunk().expect("fewer bytes are found anywhere");
    let count = watch.count;
    if !watch.needles[..count].contains(&needle) {
        watch.needles[count] = needle;
        watch.count += 1;
    }
}

/// Looks for what two objects of one type on the heap have of their own: each run of bytes in which they differ, unless it
/// is in `public`.
///
/// # Panics
/// If they are not the beginnings of blocks of one length.
pub fn watch_difference<T: ?Sized, U: ?Sized>(one: &T, other: &U, public: &[u8]) {
    let content = |watch: &Watch, at: usize| {
        let len = watch.block(at).expect("a block");
        let mut copy = [0; 1024];
        for (index, byte) in copy[..len].iter_mut().enumerate() {
            // SAFETY: `at` is the address of a block of `len` bytes that is borrowed by the caller of `watch_difference`.
            *byte = unsafe { ((at + index) as *const u8).read_volatile() };
        }
        (copy, len)
    };
    let address = |object: *const u8| object as usize;
    let (one, len) = content(&lock(), address(std::ptr::from_ref(one).cast()));
    let (other, other_len) = content(&lock(), address(std::ptr::from_ref(other).cast()));
    assert_eq!(len, other_len);
    for at in (0..=len.saturating_sub(LEN)).step_by(8) {
        let (mine, theirs) = (&one[at..at + LEN], &other[at..at + LEN]);
        let differs = mine.iter().zip(theirs).filter(|(mine, theirs)| mine != theirs).count() > LEN / 2;
        if differs && !public.windows(LEN).any(|window| window == mine) {
            watch(mine);
        }
    }
}

/// How many secrets are looked for.
pub fn watched() -> usize {
    lock().count
}

/// How many blocks had one of them in it when they were freed.
pub fn freed() -> usize {
    lock().freed
}

/// How many blocks that are not freed have one of them in it.
pub fn held() -> usize {
    let watch = lock();
    assert!(!watch.is_full, "more blocks than are known");
    // SAFETY: blocks in the table are not freed: they leave it before they are, under the lock that is held here.
    watch.blocks.iter().filter(|(at, len)| *at > 1 && unsafe { watch.is_in(*at as *const u8, *len) }).count()
}

impl Watch {
    fn place(&self, at: usize) -> Option<usize> {
        let start = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        (0..MAX_BLOCKS).map(|step| (start + step) % MAX_BLOCKS).find(|place| [0, at].contains(&self.blocks[*place].0))
    }

    fn block(&self, at: usize) -> Option<usize> {
        let (found, len) = self.blocks[self.place(at)?];
        (found == at).then_some(len)
    }

    fn insert(&mut self, at: usize, len: usize) {
        let start = at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        let free = (0..MAX_BLOCKS).map(|step| (start + step) % MAX_BLOCKS).find(|place| self.blocks[*place].0 < 2);
        // A test that fails prints where, for which it takes any number.
        match free {
            Some(free) => self.blocks[free] = (at, len),
            None => self.is_full = true,
        }
    }

    fn remove(&mut self, at: usize) {
        if let Some(place) = self.place(at).filter(|place| self.blocks[*place].0 == at) {
            self.blocks[place] = (1, 0);
        }
    }

    /// # Safety
    /// There are `len` bytes at `block` that nobody writes to.
    unsafe fn is_in(&self, block: *const u8, len: usize) -> bool {
        // SAFETY: the caller's promise. Bytes that were never written may be anything, and are compared only.
        let byte = |at: usize| unsafe { block.add(at).read_volatile() };
        let needles = &self.needles[..self.count];
        (0..(len + 1).saturating_sub(LEN)).any(|start| {
            let first = byte(start);
            needles.iter().any(|needle| needle[0] == first && (1..LEN).all(|at| byte(start + at) == needle[at]))
        })
    }
}

/// The system's allocator; what is freed is looked into before.
pub struct Watching;

// SAFETY: every call is handed to the system's allocator unchanged, whose promises are therefore ours; blocks are read while
// they are still whole, and the table of them is not on the heap.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        let block = unsafe { System.alloc_zeroed(layout) };
        lock().insert(block as usize, layout.size());
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let mut watch = lock();
        watch.remove(block as usize);
        // SAFETY: the block is the caller's, who gives it away, and has this length.
        watch.freed += usize::from(watch.count > 0 && unsafe { watch.is_in(block, layout.size()) });
        drop(watch);
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}
