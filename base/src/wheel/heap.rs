//! The timers of a wheel in one vector, linked by index into pairing heaps: a parent is due no later than its children.
//!
//! Pairing heaps, because they need three links and no balancing: melding two is one comparison, and taking a timer out
//! melds its children in pairs. Nothing recurses. Places that are free are linked into a list.
//!
//! It does not know what the heaps stand for; roots are kept by the wheel.

use crate::Instant;
use alloc::vec::Vec;

/// No timer.
pub(super) const NIL: u32 = u32::MAX;
/// The place of a timer that does not run.
const FREE: u16 = u16::MAX;

#[derive(Debug)]
struct Timer {
    deadline: Instant,
    token: u64,
    generation: u32,
    /// The first child.
    child: u32,
    /// The next sibling; the next free one in the list of those.
    next: u32,
    /// The sibling before, or the parent of a first child; `NIL` for a root.
    previous: u32,
    place: u16,
}

#[derive(Debug)]
pub(super) struct Timers {
    timers: Vec<Timer>,
    free: u32,
}

impl Timers {
    pub(super) const fn new() -> Timers {
        Timers { timers: Vec::new(), free: NIL }
    }

    /// A heap of one.
    pub(super) fn add(&mut self, deadline: Instant, token: u64) -> u32 {
        if self.free == NIL {
            let index = self.timers.len() as u32;
            assert!(self.timers.len() < NIL as usize, "indices of timers are exhausted");
            let timer = Timer { deadline, token, generation: 0, child: NIL, next: NIL, previous: NIL, place: FREE };
            self.timers.push(timer);
            return index;
        }
        let index = self.free;
        let timer = self.at_mut(index);
        (timer.deadline, timer.token) = (deadline, token);
        let next = core::mem::replace(&mut timer.next, NIL);
        self.free = next;
        index
    }

    /// Gives up a timer that is in no heap. Keys to it are stale from here on.
    pub(super) fn release(&mut self, index: u32) {
        let free = self.free;
        let timer = self.at_mut(index);
        timer.generation = timer.generation.wrapping_add(1);
        timer.place = FREE;
        timer.next = free;
        self.free = index;
    }

    pub(super) fn is_running(&self, index: u32, generation: u32) -> bool {
        let timer = self.timers.get(index as usize);
        timer.is_some_and(|timer| timer.generation == generation && timer.place != FREE)
    }

    pub(super) fn deadline(&self, index: u32) -> Instant {
        self.at(index).deadline
    }

    /// For a timer that is in no heap.
    pub(super) fn set_deadline(&mut self, index: u32, deadline: Instant) {
        self.at_mut(index).deadline = deadline;
    }

    pub(super) fn token(&self, index: u32) -> u64 {
        self.at(index).token
    }

    pub(super) fn generation(&self, index: u32) -> u32 {
        self.at(index).generation
    }

    pub(super) fn place(&self, index: u32) -> u16 {
        self.at(index).place
    }

    pub(super) fn set_place(&mut self, index: u32, place: u16) {
        self.at_mut(index).place = place;
    }

    /// Makes one heap of two, either of which may be empty, and gives its root. Of equal deadlines, `a` stays above.
    pub(super) fn meld(&mut self, a: u32, b: u32) -> u32 {
        if a == NIL {
            return b;
        }
        if b == NIL {
            return a;
        }
        let (above, below) = if self.deadline(b) < self.deadline(a) { (b, a) } else { (a, b) };
        let sibling = core::mem::replace(&mut self.at_mut(above).child, below);
        if sibling != NIL {
            self.at_mut(sibling).previous = below;
        }
        let timer = self.at_mut(below);
        (timer.next, timer.previous) = (sibling, above);
        above
    }

    /// Takes a timer out of the heap with this root, and gives the root of what is left.
    pub(super) fn detach(&mut self, root: u32, index: u32) -> u32 {
        let children = core::mem::replace(&mut self.at_mut(index).child, NIL);
        let children = self.meld_siblings(children);
        if index == root {
            return children;
        }
        let timer = self.at_mut(index);
        let next = core::mem::replace(&mut timer.next, NIL);
        let previous = core::mem::replace(&mut timer.previous, NIL);
        if next != NIL {
            self.at_mut(next).previous = previous;
        }
        let before = self.at_mut(previous);
        if before.child == index {
            before.child = next;
        } else {
            before.next = next;
        }
        self.meld(root, children)
    }

    /// Takes the first timer off a list of heaps, which is linked by siblings, and puts its children there instead. A
    /// heap that is taken apart this way costs one step for each timer.
    pub(super) fn take_first(&mut self, list: &mut u32) -> u32 {
        let index = *list;
        let timer = self.at_mut(index);
        let next = core::mem::replace(&mut timer.next, NIL);
        let child = core::mem::replace(&mut timer.child, NIL);
        timer.previous = NIL;
        *list = if child == NIL { next } else { child };
        if child != NIL {
            let mut last = child;
            while self.at(last).next != NIL {
                last = self.at(last).next;
            }
            self.at_mut(last).next = next;
        }
        index
    }

    /// Makes one heap of a list of siblings: in pairs from the front, then all pairs from the back. This order is what
    /// keeps the cost logarithmic on average.
    fn meld_siblings(&mut self, first: u32) -> u32 {
        let mut pairs = NIL;
        let mut left = first;
        while left != NIL {
            let a = self.take_sibling(&mut left);
            let b = self.take_sibling(&mut left);
            let pair = self.meld(a, b);
            self.at_mut(pair).next = pairs;
            pairs = pair;
        }
        let mut root = NIL;
        while pairs != NIL {
            let pair = self.take_sibling(&mut pairs);
            root = self.meld(root, pair);
        }
        root
    }

    fn take_sibling(&mut self, list: &mut u32) -> u32 {
        let index = *list;
        if index != NIL {
            let timer = self.at_mut(index);
            *list = core::mem::replace(&mut timer.next, NIL);
            timer.previous = NIL;
        }
        index
    }

    fn at(&self, index: u32) -> &Timer {
        &self.timers[index as usize]
    }

    fn at_mut(&mut self, index: u32) -> &mut Timer {
        &mut self.timers[index as usize]
    }
}
