//! A hierarchical timer wheel: pure data, told the time.
//!
//! A moment is counted in ticks of 2^17 ns (about 1/8 ms), and a tick number is read as eight digits of six bits. A timer
//! stands at the level of the highest digit in which its tick differs from the wheel's, in the slot of its own digit there.
//! So every timer of a lower level is due before every timer of a higher one, two bitmaps find the earliest slot, and a
//! timer moves down at most once for each level in its life.
//!
//! Ticks only say where a timer is kept. Inside a slot timers form a pairing heap by exact deadline (`heap`), so that
//! the earliest deadline is exact, nothing fires early, and no scan is ever as long as a slot: with plain lists, ten
//! thousand idle timers share one coarse slot, and a peer that keeps moving the earliest would have it searched each time.
//!
//! Insertion takes constant time. Cancelling takes constant time for a timer without children in its heap, which is the
//! usual case, and at most logarithmic time in the size of its slot on average. Nothing is allocated as long as no more
//! timers run than ever before.

mod heap;

use crate::Instant;
use heap::{NIL, Timers};

/// Nanoseconds of a tick, as a power of two.
const TICK_BITS: u32 = 17;
/// Bits of a digit: as many slots as a `u64` has bits.
const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
/// Enough digits for every [`Instant`]: eight times six bits hold the 47 that a tick number has.
const LEVELS: usize = (u64::BITS - TICK_BITS).div_ceil(DIGIT_BITS) as usize;

/// Names a timer. It is harmless when the timer has fired or was cancelled, even if its place holds another by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    index: u32,
    generation: u32,
}

/// Timers, each with a token of its owner's.
#[derive(Debug)]
pub struct Wheel {
    timers: Timers,
    /// The tick that places are relative to: that of the last `pop_expired` which found nothing.
    current: u64,
    /// The roots of the heaps.
    slots: [[u32; SLOTS]; LEVELS],
    /// Which slots of a level are in use.
    occupied: [u64; LEVELS],
    len: usize,
}

impl Wheel {
    /// No timers yet. Moments before `now` are allowed for deadlines later on, too.
    pub fn new(now: Instant) -> Wheel {
        Wheel {
            timers: Timers::new(),
            current: tick(now),
            slots: [[NIL; SLOTS]; LEVELS],
            occupied: [0; LEVELS],
            len: 0,
        }
    }

    /// How many timers run.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer runs.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Starts a timer. A deadline that has passed is due at once.
    pub fn insert(&mut self, deadline: Instant, token: u64) -> TimerKey {
        let index = self.timers.add(deadline, token);
        self.place(index);
        self.len += 1;
        TimerKey { index, generation: self.timers.generation(index) }
    }

    /// Stops a timer; false if it is not running.
    pub fn cancel(&mut self, key: TimerKey) -> bool {
        if !self.is_running(key) {
            return false;
        }
        self.remove(key.index);
        true
    }

    /// Moves a timer to another deadline; false if it is not running. Key and token stay.
    pub fn reset(&mut self, key: TimerKey, deadline: Instant) -> bool {
        if !self.is_running(key) {
            return false;
        }
        if self.timers.deadline(key.index) != deadline {
            self.unplace(key.index);
            self.timers.set_deadline(key.index, deadline);
            self.place(key.index);
        }
        true
    }

    /// The earliest deadline, exactly as it was given; `None` if no timer runs.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.earliest().map(|index| self.timers.deadline(index))
    }

    /// Stops the earliest timer if its deadline is not later than `now`, and gives its key (of no use any more but to
    /// recognize it) and its token. To be called until it gives `None`. Timers come in the order of their deadlines.
    pub fn pop_expired(&mut self, now: Instant) -> Option<(TimerKey, u64)> {
        match self.earliest() {
            Some(index) if self.timers.deadline(index) <= now => {
                let key = TimerKey { index, generation: self.timers.generation(index) };
                let token = self.timers.token(index);
                self.remove(index);
                Some((key, token))
            }
            _ => {
                self.advance(tick(now));
                None
            }
        }
    }

    fn is_running(&self, key: TimerKey) -> bool {
        self.timers.is_running(key.index, key.generation)
    }

    /// The root of the first slot in use.
    fn earliest(&self) -> Option<u32> {
        let level = self.occupied.iter().position(|occupied| *occupied != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        Some(self.slots[level][slot])
    }

    /// Moves the wheel on to `to`, which no deadline precedes. One slot at most holds timers whose place is another now:
    /// the one that `to` lies in, at the level of the highest digit that changes. All levels below it are empty.
    fn advance(&mut self, to: u64) {
        if to <= self.current {
            return;
        }
        let level = level(self.current ^ to);
        self.current = to;
        let slot = digit(to, level);
        let root = core::mem::replace(&mut self.slots[level][slot], NIL);
        self.occupied[level] &= !(1 << slot);
        let mut left = root;
        while left != NIL {
            let index = self.timers.take_first(&mut left);
            self.place(index);
        }
    }

    fn place(&mut self, index: u32) {
        let tick = tick(self.timers.deadline(index)).max(self.current);
        let level = level(tick ^ self.current);
        let slot = digit(tick, level);
        let root = &mut self.slots[level][slot];
        *root = self.timers.meld(*root, index);
        self.occupied[level] |= 1 << slot;
        self.timers.set_place(index, (level * SLOTS + slot) as u16);
    }

    fn unplace(&mut self, index: u32) {
        let place = usize::from(self.timers.place(index));
        let (level, slot) = (place / SLOTS, place % SLOTS);
        let root = &mut self.slots[level][slot];
        *root = self.timers.detach(*root, index);
        if *root == NIL {
            self.occupied[level] &= !(1 << slot);
        }
    }

    fn remove(&mut self, index: u32) {
        self.unplace(index);
        self.timers.release(index);
        self.len -= 1;
    }
}

const fn tick(moment: Instant) -> u64 {
    moment.as_nanos() >> TICK_BITS
}

/// The level of the highest digit that is set in `difference`; 0 if none is.
const fn level(difference: u64) -> usize {
    ((difference | 1).ilog2() / DIGIT_BITS) as usize
}

const fn digit(tick: u64, level: usize) -> usize {
    (tick >> (level as u32 * DIGIT_BITS)) as usize % SLOTS
}

#[cfg(test)]
mod tests;
