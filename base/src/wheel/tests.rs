use super::{TICK_BITS, TimerKey, Wheel};
use crate::{Duration, Instant};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

const TICK: u64 = 1 << TICK_BITS;

/// SplitMix64: enough chance for a test.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A span of any order of magnitude: every level is met.
    fn span(&mut self) -> u64 {
        let bits = self.below(64) as u32;
        self.next() >> bits
    }
}

fn at(nanoseconds: u64) -> Instant {
    Instant::from_nanos(nanoseconds)
}

fn drain(wheel: &mut Wheel, now: Instant) -> Vec<u64> {
    core::iter::from_fn(|| wheel.pop_expired(now)).map(|(_, token)| token).collect()
}

#[test]
fn a_timer_fires_at_its_deadline_and_not_a_nanosecond_before() {
    for deadline in
        [1, TICK - 1, TICK, TICK + 1, 64 * TICK, 65 * TICK + 7, 1 << 40, u64::MAX - 2, Instant::MAX.as_nanos()]
    {
        let mut wheel = Wheel::new(Instant::ZERO);
        let key = wheel.insert(at(deadline), 7);
        assert_eq!(wheel.next_deadline(), Some(at(deadline)));
        assert_eq!(wheel.pop_expired(at(deadline - 1)), None);
        assert_eq!(wheel.next_deadline(), Some(at(deadline)));
        assert_eq!(wheel.pop_expired(at(deadline)), Some((key, 7)));
        assert_eq!((wheel.pop_expired(at(deadline)), wheel.next_deadline(), wheel.len()), (None, None, 0));
    }
}

#[test]
fn a_deadline_in_the_past_is_due_at_once_and_first() {
    let now = at(1000 * TICK);
    let mut wheel = Wheel::new(now);
    wheel.insert(now, 2);
    wheel.insert(now - Duration::from_millis(1), 1);
    wheel.insert(Instant::ZERO, 0);
    wheel.insert(now + Duration::from_nanos(1), 3);
    assert_eq!(wheel.next_deadline(), Some(Instant::ZERO));
    assert_eq!(drain(&mut wheel, now), [0, 1, 2]);
    assert_eq!(wheel.next_deadline(), Some(now + Duration::from_nanos(1)));
}

#[test]
fn order_within_one_tick_is_that_of_the_deadlines() {
    let mut wheel = Wheel::new(Instant::ZERO);
    for nanoseconds in [5, 3, 9, 1, 7, 2] {
        wheel.insert(at(nanoseconds), nanoseconds);
    }
    assert_eq!(drain(&mut wheel, at(6)), [1, 2, 3, 5]);
    assert_eq!(drain(&mut wheel, at(9)), [7, 9]);
}

#[test]
fn stale_keys_are_harmless() {
    let mut wheel = Wheel::new(Instant::ZERO);
    let fired = wheel.insert(at(1), 1);
    assert!(wheel.pop_expired(at(1)).is_some());
    let cancelled = wheel.insert(at(2), 2);
    assert!(wheel.cancel(cancelled));
    let running = wheel.insert(at(3), 3);
    assert_eq!((fired.index, cancelled.index), (running.index, running.index));
    for stale in [fired, cancelled, TimerKey { index: 99, generation: 0 }] {
        assert!(!wheel.cancel(stale) && !wheel.reset(stale, at(9)));
    }
    assert_eq!((wheel.len(), wheel.next_deadline()), (1, Some(at(3))));
}

#[test]
fn a_reset_keeps_key_and_token() {
    let mut wheel = Wheel::new(Instant::ZERO);
    let key = wheel.insert(at(5), 5);
    wheel.insert(at(TICK), 6);
    assert!(wheel.reset(key, at(1 << 50)));
    assert_eq!(wheel.next_deadline(), Some(at(TICK)));
    assert!(wheel.reset(key, at(2)));
    assert_eq!(wheel.pop_expired(at(3)), Some((key, 5)));
    assert!(!wheel.reset(key, at(9)));
}

#[test]
fn places_are_reused() {
    let mut wheel = Wheel::new(Instant::ZERO);
    for round in 0..1000 {
        let keys: Vec<_> = (0..8).map(|token| wheel.insert(at(round * TICK + token), token)).collect();
        assert!(keys.iter().all(|key| key.index < 8));
        assert!(wheel.cancel(keys[3]));
        assert_eq!(drain(&mut wheel, at(round * TICK + 8)).len(), 7);
    }
}

/// The wheel's worst pattern with plain lists: many timers in one coarse slot, the earliest of which is always moved.
#[test]
fn moving_the_earliest_of_many_stays_cheap() {
    const COUNT: u64 = 20_000;
    let mut wheel = Wheel::new(Instant::ZERO);
    let base = 1 << 45;
    let keys: Vec<_> = (0..COUNT).map(|number| wheel.insert(at(base + number), number)).collect();
    for round in 1..=10 {
        for (key, number) in keys.iter().zip(0..) {
            assert!(wheel.reset(*key, at(base + round * COUNT + number)));
            let earliest = if number + 1 < COUNT { (round - 1) * COUNT + number + 1 } else { round * COUNT };
            assert_eq!(wheel.next_deadline(), Some(at(base + earliest)));
        }
    }
    assert_eq!(drain(&mut wheel, Instant::MAX), (0..COUNT).collect::<Vec<_>>());
}

#[test]
fn a_million_random_timers_fire_in_order() {
    const COUNT: usize = 1_000_000;
    let mut chance = Chance(1);
    let mut wheel = Wheel::new(Instant::ZERO);
    let mut deadlines: Vec<u64> = (0..COUNT).map(|_| chance.span()).collect();
    for deadline in &deadlines {
        wheel.insert(at(*deadline), *deadline);
    }
    deadlines.sort_unstable();
    let mut fired = Vec::with_capacity(COUNT);
    // Half of the steps go exactly to the next deadline, half somewhere short of or beyond it.
    let mut now = Instant::ZERO;
    while let Some(next) = wheel.next_deadline() {
        assert_eq!(next, at(deadlines[fired.len()]));
        now = if chance.below(2) == 0 { next } else { now + Duration::from_nanos(chance.span() >> 8) }.max(now);
        while let Some((_, token)) = wheel.pop_expired(now) {
            assert!(at(token) <= now);
            fired.push(token);
        }
        assert!(wheel.next_deadline().is_none_or(|next| next > now));
    }
    assert_eq!(fired, deadlines);
}

/// Every operation, against a sorted map.
#[test]
fn the_wheel_behaves_as_a_sorted_map() {
    for seed in 0..200 {
        let mut chance = Chance(seed);
        let mut now = chance.span();
        let mut wheel = Wheel::new(at(now));
        let mut model: BTreeMap<u64, (TimerKey, u64)> = BTreeMap::new();
        let mut gone: Vec<TimerKey> = Vec::new();
        for token in 0..1000 {
            let near = if chance.below(8) == 0 { now.saturating_sub(chance.span()) } else { now };
            let deadline = near.saturating_add(chance.span() >> chance.below(40));
            let victim = (!model.is_empty()).then(|| chance.below(model.len() as u64) as usize);
            let victim = victim.and_then(|nth| model.keys().nth(nth).copied());
            match (chance.below(8), victim) {
                (0..=3, _) => {
                    model.insert(token, (wheel.insert(at(deadline), token), deadline));
                }
                (4, Some(victim)) => {
                    let (key, _) = model.remove(&victim).unwrap();
                    assert!(wheel.cancel(key));
                    gone.push(key);
                }
                (5, Some(victim)) => {
                    let entry = model.get_mut(&victim).unwrap();
                    assert!(wheel.reset(entry.0, at(deadline)));
                    entry.1 = deadline;
                }
                (6, _) => {
                    for key in &gone {
                        assert!(!wheel.cancel(*key) && !wheel.reset(*key, at(deadline)));
                    }
                }
                _ => {
                    now = now.saturating_add(chance.span() >> chance.below(40));
                    let mut before = 0;
                    while let Some((key, token)) = wheel.pop_expired(at(now)) {
                        let (expected, deadline) = model.remove(&token).unwrap();
                        assert_eq!(key, expected);
                        assert!(before <= deadline && deadline <= now);
                        before = deadline;
                        gone.push(key);
                    }
                }
            }
            assert_eq!(wheel.len(), model.len());
            assert_eq!(wheel.next_deadline(), model.values().map(|(_, deadline)| at(*deadline)).min());
        }
    }
}
