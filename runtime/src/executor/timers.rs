//! The timers of an executor: which task to wake, and when.
//!
//! Most timers that are far away never fire: they are the limits of requests that are answered long before. So they stand in no
//! order, and all are looked through when the earliest of them may be due; those that are near by then go to the wheel. To start and
//! to stop one costs a fourth of what it does on the wheel.

use std::task::Waker;

use base::wheel::{TimerKey, Wheel};
use base::{Duration, Instant};

/// From when on a timer is far away. No two looks at all timers are closer to each other.
const FAR: Duration = Duration::from_secs(2);

/// Timers, those that are near on a wheel.
pub(crate) struct Timers {
    wheel: Wheel,
    /// By the token on the wheel.
    places: Vec<Place>,
    free: Vec<usize>,
    /// No timer that is far away is due before; `Instant::MAX` if there is none.
    far_due: Instant,
}

/// A timer's, or nobody's.
struct Place {
    deadline: Instant,
    /// Nobody's if there is none.
    waker: Option<Waker>,
    /// If it is near.
    key: Option<TimerKey>,
    /// Another for each timer that has the place.
    generation: u32,
}

/// A running timer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Armed {
    place: usize,
    generation: u32,
}

impl Timers {
    pub(crate) fn new(now: Instant) -> Timers {
        Timers { wheel: Wheel::new(now), places: Vec::new(), free: Vec::new(), far_due: Instant::MAX }
    }

    /// Starts a timer. `now` may be a little in the past.
    pub(crate) fn arm(&mut self, now: Instant, deadline: Instant, waker: Waker) -> Armed {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { deadline, waker: None, key: None, generation: 0 });
            self.places.len() - 1
        });
        let known = &mut self.places[place];
        (known.deadline, known.waker) = (deadline, Some(waker));
        let generation = known.generation;
        self.keep(now, place);
        Armed { place, generation }
    }

    /// Moves a timer and changes whom it wakes; false if it is over.
    pub(crate) fn rearm(&mut self, now: Instant, armed: Armed, deadline: Instant, waker: &Waker) -> bool {
        let place = &mut self.places[armed.place];
        if place.generation != armed.generation {
            return false;
        }
        if !place.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            place.waker = Some(waker.clone());
        }
        place.deadline = deadline;
        self.keep(now, armed.place);
        true
    }

    /// Whether a timer runs, and wakes this one.
    pub(crate) fn wakes(&self, armed: Armed, waker: &Waker) -> bool {
        let place = &self.places[armed.place];
        place.generation == armed.generation && place.waker.as_ref().is_some_and(|known| known.will_wake(waker))
    }

    /// Has a timer stand where its deadline wants it to.
    fn keep(&mut self, now: Instant, place: usize) {
        let Place { deadline, key, .. } = &mut self.places[place];
        if *deadline >= now + FAR {
            self.far_due = self.far_due.min(*deadline);
            if let Some(key) = key.take() {
                self.wheel.cancel(key);
            }
            return;
        }
        match key {
            Some(key) => _ = self.wheel.reset(*key, *deadline),
            None => *key = Some(self.wheel.insert(*deadline, place as u64)),
        }
    }

    /// Stops a timer. Gives its waker back, to be dropped by the caller.
    pub(crate) fn disarm(&mut self, armed: Armed) -> Option<Waker> {
        let place = &mut self.places[armed.place];
        // A timer that has fired has left its place to another.
        if place.generation != armed.generation {
            return None;
        }
        if let Some(key) = place.key {
            self.wheel.cancel(key);
        }
        self.release(armed.place)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// When to ask what is due. Of timers that were stopped since, it may be that none is by then.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let far = Some(self.far_due).filter(|due| *due < Instant::MAX);
        self.wheel.next_deadline().into_iter().chain(far).min()
    }

    /// Whom to wake next, in the order of deadlines.
    pub(crate) fn pop_expired(&mut self, now: Instant) -> Option<Waker> {
        if self.far_due <= now {
            self.look_through(now);
        }
        let (_, token) = self.wheel.pop_expired(now)?;
        self.release(token as usize)
    }

    fn look_through(&mut self, now: Instant) {
        self.far_due = Instant::MAX;
        for place in 0..self.places.len() {
            if self.places[place].waker.is_some() && self.places[place].key.is_none() {
                self.keep(now, place);
            }
        }
    }

    fn release(&mut self, place: usize) -> Option<Waker> {
        self.free.push(place);
        let place = &mut self.places[place];
        place.key = None;
        place.generation = place.generation.wrapping_add(1);
        place.waker.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::task::Wake;

    struct Told(AtomicU64);

    impl Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn told() -> (Arc<Told>, Waker) {
        let told = Arc::new(Told(AtomicU64::new(0)));
        (told.clone(), told.into())
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn a_timer_that_is_far_away_fires_when_it_is_due_and_not_after_it_was_stopped() {
        let mut timers = Timers::new(at(1));
        let (told, waker) = told();
        let [first, second, third] = [61, 62, 61].map(|due| timers.arm(at(1), at(due), waker.clone()));
        assert_eq!((timers.wheel.len(), timers.len(), timers.next_deadline()), (0, 3, Some(at(61))));
        drop(timers.disarm(first));
        assert_eq!((timers.disarm(first).is_some(), timers.rearm(at(1), first, at(3), &waker)), (false, false));
        // What was stopped is asked for in vain at most once.
        drop(timers.disarm(third));
        assert!(timers.pop_expired(at(60)).is_none() && timers.wheel.is_empty());
        assert!(timers.pop_expired(at(61)).is_none());
        assert_eq!((timers.wheel.len(), timers.next_deadline()), (1, Some(at(62))));
        timers.pop_expired(at(62)).unwrap().wake();
        assert_eq!((told.0.load(Ordering::Relaxed), timers.len(), timers.next_deadline()), (1, 0, None));
        assert!(timers.disarm(second).is_none());
    }

    #[test]
    fn a_timer_moves_from_near_to_far_and_back() {
        let mut timers = Timers::new(at(0));
        let (_, waker) = told();
        let timer = timers.arm(at(0), at(1), waker.clone());
        assert!(timers.rearm(at(0), timer, at(50), &waker));
        assert_eq!((timers.wheel.len(), timers.next_deadline()), (0, Some(at(50))));
        assert!(timers.rearm(at(0), timer, at(1), &waker));
        assert_eq!((timers.wheel.len(), timers.next_deadline()), (1, Some(at(1))));
        assert!(timers.pop_expired(at(0)).is_none() && timers.pop_expired(at(1)).is_some());
        assert!(timers.pop_expired(at(50)).is_none() && timers.next_deadline().is_none());
    }

    /// Deadlines near and far, started, moved and stopped as a generator says, beside a map that is known to be right.
    #[test]
    fn every_timer_fires_once_in_its_time() {
        let (mut timers, mut model, mut now) = (Timers::new(at(0)), BTreeMap::new(), at(0));
        let (_, waker) = told();
        let mut state = 1u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..20_000 {
            let span = if random(2) == 0 { 100 } else { 9_000 };
            let deadline = now + Duration::from_millis(1 + random(span));
            let some = model.keys().nth(random(model.len().max(1) as u64) as usize).copied();
            match (random(8), some) {
                (0..4, _) | (_, None) => {
                    let Armed { place, generation } = timers.arm(now, deadline, waker.clone());
                    assert!(model.insert((place, generation), deadline).is_none());
                }
                (4, Some((place, generation))) => {
                    assert!(timers.rearm(now, Armed { place, generation }, deadline, &waker));
                    model.insert((place, generation), deadline);
                }
                (5 | 6, Some((place, generation))) => {
                    assert!(timers.disarm(Armed { place, generation }).is_some());
                    model.remove(&(place, generation));
                }
                _ => {
                    now += Duration::from_millis(random(700));
                    let before = model.len();
                    model.retain(|_, deadline| *deadline > now);
                    let fired = std::iter::from_fn(|| timers.pop_expired(now)).count();
                    assert_eq!(fired, before - model.len());
                }
            }
            assert_eq!(timers.len(), model.len());
            let next = model.values().min();
            assert!(next.is_none_or(|next| timers.next_deadline().is_some_and(|due| due <= *next)));
        }
    }
}
