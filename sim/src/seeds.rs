//! Runs one check over many seeds on all processors, shows how far it is, and says how a seed that failed is run again.
//!
//! What is run is chosen by the environment:
//! - nothing: a fixed few, and one that is different in every run and is printed;
//! - `POSTHASTE_SEEDS=100000`: that many, from 0 on, with the pace shown;
//! - `POSTHASTE_SEED=4711`: that one alone.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// No check is tried on further seeds once this many have failed: they will have the same reason.
const MAX_FAILED: usize = 10;
/// How often the pace is shown.
const SHOW_EVERY: Duration = Duration::from_secs(10);
/// Stands for no seed.
const NONE: u64 = u64::MAX;

/// Which seeds, as the environment has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    FixedAndFresh,
    Many(u64),
    One(u64),
}

/// Runs `check` over seeds: the first `fixed` and a fresh one unless the environment says otherwise. A check fails by a
/// panic. `command` is how this test is run, for instance `cargo test -p posthaste-quic --test faults name`.
///
/// # Panics
/// If any seed failed; which, and how to run each again, is printed before.
pub fn check_seeds(command: &str, fixed: u64, check: impl Fn(u64) + Sync) {
    let seeds: Box<dyn Iterator<Item = u64> + Send> = match choice() {
        Choice::One(seed) => Box::new([seed].into_iter()),
        Choice::Many(count) => Box::new(0..count),
        Choice::FixedAndFresh => {
            let fresh = fresh_seed();
            say(format_args!("a seed of this run alone: POSTHASTE_SEED={fresh} {command}"));
            Box::new((0..fixed).chain([fresh]))
        }
    };
    let failed = run(command, seeds, matches!(choice(), Choice::Many(_)), &check);
    for seed in &failed {
        say(format_args!("failed: POSTHASTE_SEED={seed} {command}"));
    }
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
}

fn choice() -> Choice {
    let number = |name| {
        let text = std::env::var(name).ok()?;
        Some(text.replace('_', "").parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
    };
    match (number("POSTHASTE_SEED"), number("POSTHASTE_SEEDS")) {
        (Some(seed), _) => Choice::One(seed),
        (None, Some(count)) => Choice::Many(count),
        (None, None) => Choice::FixedAndFresh,
    }
}

/// Far from the seeds that are counted from 0.
fn fresh_seed() -> u64 {
    (RandomState::new().build_hasher().finish() >> 20) | 1 << 43
}

/// Not by `eprintln`, which a test runner keeps to itself unless the test fails.
fn say(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Gives the seeds that failed.
fn run(
    command: &str,
    seeds: Box<dyn Iterator<Item = u64> + Send>,
    shows_pace: bool,
    check: &(impl Fn(u64) + Sync),
) -> Vec<u64> {
    let threads = std::thread::available_parallelism().map_or(1, |count| count.get());
    let running: Vec<AtomicU64> = (0..threads).map(|_| AtomicU64::new(NONE)).collect();
    let (seeds, failed) = (Mutex::new(seeds), Mutex::new(Vec::new()));
    let (done, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let (sleep, wake) = (Mutex::new(()), Condvar::new());
    let work = |mine: &AtomicU64| {
        while lock(&failed).len() < MAX_FAILED {
            let Some(seed) = lock(&seeds).next() else { break };
            mine.store(seed, Relaxed);
            if catch_unwind(AssertUnwindSafe(|| check(seed))).is_err() {
                say(format_args!("seed {seed} failed: POSTHASTE_SEED={seed} {command}"));
                lock(&failed).push(seed);
            }
            mine.store(NONE, Relaxed);
            done.fetch_add(1, Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = running.iter().map(|mine| scope.spawn(|| work(mine))).collect();
        let pace = scope.spawn(|| {
            let began = Instant::now();
            let mut guard = lock(&sleep);
            while shows_pace && !is_over.load(Relaxed) {
                guard = wake.wait_timeout(guard, SHOW_EVERY).unwrap_or_else(PoisonError::into_inner).0;
                show_pace(command, began, done.load(Relaxed), &running);
            }
        });
        for worker in workers {
            worker.join().expect("a check's panic is caught");
        }
        is_over.store(true, Relaxed);
        drop(lock(&sleep));
        wake.notify_all();
        pace.join().expect("showing does not fail");
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// With the seeds under way, so that one which never ends is seen.
fn show_pace(command: &str, began: Instant, done: u64, running: &[AtomicU64]) {
    let seconds = began.elapsed().as_secs_f64();
    let running: Vec<u64> = running.iter().map(|seed| seed.load(Relaxed)).filter(|seed| *seed != NONE).collect();
    let pace = done as f64 / seconds.max(0.001);
    say(format_args!("{command}: {done} seeds in {seconds:.0} s, {pace:.0} per second; under way: {running:?}"));
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_run_once_and_those_that_fail_are_named() {
        let seen = Mutex::new(Vec::new());
        let failed = run("here", Box::new(0..1000), false, &|seed| {
            lock(&seen).push(seed);
            assert!(seed != 300 && seed != 301, "as is meant to happen");
        });
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
        assert_eq!(failed.iter().sum::<u64>(), 601);
    }

    #[test]
    fn it_stops_when_everything_fails_and_fresh_seeds_differ() {
        let count = AtomicU64::new(0);
        let failed = run("here", Box::new(0..1_000_000), false, &|_| {
            count.fetch_add(1, Relaxed);
            panic!("as is meant to happen");
        });
        assert!(failed.len() >= MAX_FAILED && count.into_inner() < 1000);
        assert_ne!(fresh_seed(), fresh_seed());
    }
}
