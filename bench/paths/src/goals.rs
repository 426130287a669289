//! What transfers over simulated paths are held to, one by one.

use crate::ours::{Steady, steady};
use crate::{Cell, Control};

/// What a path was measured at, and what is asked of it there.
pub struct Verdict {
    /// Which goal.
    pub goal: &'static str,
    /// Whether it is reached.
    pub is_met: bool,
    /// In words.
    pub words: String,
}

const RATES: [u64; 4] = [10, 50, 200, 1000];
const ROUND_TRIPS: [u64; 4] = [20, 80, 200, 600];
const QUEUES: [u64; 4] = [25, 50, 100, 400];
/// Hundredths that are lost, and that come late.
const FAULTS: [(f64, f64); 6] = [(0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (2.0, 0.0), (5.0, 0.0), (0.0, 5.0)];
/// How many cells there are: so many seeds in a row see each of them once.
pub const CELLS: u64 = (RATES.len() * ROUND_TRIPS.len() * QUEUES.len() * FAULTS.len()) as u64;

/// The cell of a seed. All come in turn, and neighbours differ in everything.
pub fn cell(seed: u64) -> Cell {
    // A number that shares no divisor with that of the cells.
    let mut rest = seed * 149 % CELLS;
    let mut pick = |count: usize| {
        let picked = (rest % count as u64) as usize;
        rest /= count as u64;
        picked
    };
    let (loss, reordering) = FAULTS[pick(FAULTS.len())];
    let (rate, round_trip) = (RATES[pick(RATES.len())], ROUND_TRIPS[pick(ROUND_TRIPS.len())]);
    Cell { rate, round_trip, queue: QUEUES[pick(QUEUES.len())], loss, reordering }
}

/// Whether anything is asked of the path. Where a sender that takes each loss for a full queue meets some, nothing is.
fn is_held_to_anything(cell: &Cell, control: Control) -> bool {
    cell.loss == 0.0 || cell.loss == 1.0 && control == Control::Bbr
}

/// Measures a path and judges it. Every byte is checked on the way.
pub fn judge(seed: u64, control: Control) -> Vec<Verdict> {
    let cell = cell(seed);
    if !is_held_to_anything(&cell, control) {
        return Vec::new();
    }
    let measured = steady(seed, &cell, control);
    let Steady { share, probe_timeouts, late } = measured;
    let words = format!("{control:?} {cell:?} seed {seed}: {share:.3}, {probe_timeouts} probe timeouts, {late} late");
    let verdict = |goal, is_met| Verdict { goal, is_met, words: words.clone() };
    let is_clean = cell.loss == 0.0 && cell.reordering == 0.0;
    let mut all = Vec::new();
    if is_clean {
        all.push(verdict("no probe timeout and nothing sent twice on a clean path", probe_timeouts == 0 && late == 0));
    }
    if is_clean && cell.queue >= 50 {
        all.push(verdict("90 % of the rate without loss, with half a round trip of queue", share >= 0.9));
    }
    if cell.loss == 1.0 && control == Control::Bbr {
        all.push(verdict("80 % of the rate with BBR at 1 % loss", share >= 0.8));
    }
    if cell.reordering > 0.0 {
        let undisturbed = steady(seed, &Cell { reordering: 0.0, ..cell }, control).share;
        let words = format!("{words}; {undisturbed:.3} in order");
        let is_met = share >= 0.9 * undisturbed;
        all.push(Verdict { goal: "5 % that come late cost a tenth of the rate at most", is_met, words });
    }
    all
}
