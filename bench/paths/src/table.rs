//! The table of goodput, cell by cell and stack by stack, with how much of a difference is chance.

use crate::{Cell, Control, ours, quinn};

/// Which cells there are, and how often each is run.
pub struct Table {
    /// Of each cell below 1 Gbit/s; a fifth of it there, where a seed takes half a minute.
    pub seeds: u64,
    /// Megabits a second.
    pub rates: Vec<u64>,
    /// Milliseconds.
    pub round_trips: Vec<u64>,
    /// Hundredths of what is under way.
    pub queues: Vec<u64>,
    /// Hundredths that are lost, and that come late.
    pub faults: Vec<(f64, f64)>,
    /// What both sides run.
    pub controls: Vec<Control>,
    /// Only this stack, if one is named: what others had is known where only ours has changed.
    pub only: Option<String>,
}

/// One way to send: the share of the rate for a seed.
type Run = fn(u64, &Cell, Control) -> f64;

/// Ours and the others.
const STACKS: &[(&str, Run)] = &[
    ("ours", ours::run),
    ("quinn", quinn::run),
    #[cfg(feature = "s2n")]
    ("s2n", crate::s2n::run),
];

/// The mean of some seeds, and by how much it is off by chance (its standard error).
#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    mean: f64,
    error: f64,
}

impl Sample {
    fn of(values: &[f64]) -> Sample {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        // Of a single seed nothing is known.
        let error = if values.len() < 2 { f64::NAN } else { (squares / (count - 1.0) / count).sqrt() };
        Sample { mean, error }
    }

    /// Below the other one by a hundredth, and by more than twice what is chance.
    fn is_below(&self, other: &Sample) -> bool {
        let chance = (self.error.powi(2) + other.error.powi(2)).sqrt();
        self.mean < 0.99 * other.mean && (chance.is_nan() || other.mean - self.mean > 2.0 * chance)
    }
}

impl Table {
    /// Prints it, a row as soon as it is known, and how many cells are below.
    pub fn print(&self) {
        let stacks = self.stacks();
        let others = &stacks[1..];
        print!("| Mbit/s | ms | queue | loss | late | control |");
        stacks.iter().for_each(|(name, _)| print!(" {name} | ± |"));
        others.iter().for_each(|(name, _)| print!(" to {name} |"));
        println!("\n|{}", "---:|".repeat(6 + 2 * stacks.len() + others.len()));
        let mut below = vec![(0u32, 0u32, 0u32); others.len()];
        for (cell, control) in self.cells() {
            let samples = self.row(&cell, control);
            for (counts, theirs) in below.iter_mut().zip(&samples[1..]) {
                counts.0 += 1;
                counts.1 += u32::from(samples[0].mean < 0.99 * theirs.mean);
                counts.2 += u32::from(samples[0].is_below(theirs));
            }
        }
        for ((name, _), (all, below, surely)) in others.iter().zip(below) {
            println!("below {name} by more than a hundredth: {below} of {all}, {surely} of them by more than chance");
        }
    }

    /// # Panics
    /// If none is of that name.
    fn stacks(&self) -> Vec<(&'static str, Run)> {
        let is_asked = |(name, _): &&(&str, Run)| self.only.as_deref().is_none_or(|only| only == *name);
        let stacks: Vec<_> = STACKS.iter().filter(is_asked).copied().collect();
        assert!(!stacks.is_empty(), "no stack is called {:?}", self.only);
        stacks
    }

    fn cells(&self) -> Vec<(Cell, Control)> {
        let mut cells = Vec::new();
        for rate in &self.rates {
            for round_trip in &self.round_trips {
                for queue in &self.queues {
                    for (loss, reordering) in &self.faults {
                        let cell = Cell {
                            rate: *rate,
                            round_trip: *round_trip,
                            queue: *queue,
                            loss: *loss,
                            reordering: *reordering,
                        };
                        cells.extend(self.controls.iter().map(|control| (cell, *control)));
                    }
                }
            }
        }
        cells
    }

    fn row(&self, cell: &Cell, control: Control) -> Vec<Sample> {
        let seeds = if cell.rate >= 1000 { self.seeds.div_ceil(5) } else { self.seeds };
        let sample = |(_, run): &(&str, Run)| {
            let values: Vec<f64> = (1..=seeds).map(|seed| run(seed, cell, control)).collect();
            Sample::of(&values)
        };
        let samples: Vec<Sample> = self.stacks().iter().map(sample).collect();
        let Cell { rate, round_trip, queue, loss, reordering } = cell;
        print!("| {rate} | {round_trip} | {queue} | {loss} | {reordering} | {control:?} |");
        samples.iter().for_each(|sample| print!(" {:.3} | {:.3} |", sample.mean, sample.error));
        for theirs in &samples[1..] {
            let mark = if samples[0].is_below(theirs) { " <" } else { "" };
            print!(" {:.2}{mark} |", samples[0].mean / theirs.mean);
        }
        println!();
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_counts_when_it_is_more_than_chance() {
        let sample = |values: &[f64]| Sample::of(values);
        assert_eq!(sample(&[1.0, 2.0, 3.0]), Sample { mean: 2.0, error: (1.0f64 / 3.0).sqrt() });
        assert!(sample(&[0.5, 0.51, 0.49]).is_below(&sample(&[0.6, 0.61, 0.59])));
        assert!(!sample(&[0.5, 0.9, 0.1]).is_below(&sample(&[0.6, 0.61, 0.59])));
        assert!(!sample(&[0.6, 0.6]).is_below(&sample(&[0.605, 0.605])));
        assert!(sample(&[0.5]).is_below(&sample(&[0.6])), "with a single seed there is nothing else to go by");
        assert!(!sample(&[0.7, 0.7]).is_below(&sample(&[0.6, 0.6])));
    }
}
