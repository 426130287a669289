//! Whether a backend is asked: one that has failed is left alone for a while, longer each time.

use base::Instant;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The first pause; each further failure in a row doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// So many answers in a row that were none count as a failure. One alone may be the fault of its request, and who sends such
/// requests must not take the backend from the others.
const BAD_ANSWERS: u32 = 5;

/// What is known of a backend from its answers.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Failures in a row.
    failures: Cell<u32>,
    bad_answers: Cell<u32>,
    paused_until: Cell<Option<Instant>>,
    /// A request tries whether it answers again.
    on_trial: Cell<bool>,
}

/// Held by the one request that tries a backend in its pause.
#[derive(Debug)]
pub(super) struct Trial {
    health: Rc<Health>,
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.health.on_trial.set(false);
    }
}

impl Health {
    /// Whether it is asked without further thought.
    pub(super) fn is_well(&self, now: Instant) -> bool {
        self.paused_until.get().is_none_or(|end| end <= now)
    }

    /// When its pause is over.
    pub(super) fn pause_end(&self) -> Option<Instant> {
        self.paused_until.get()
    }

    /// Lets one request try it all the same; nothing if one does.
    pub(super) fn try_out(self: &Rc<Health>) -> Option<Trial> {
        (!self.on_trial.replace(true)).then(|| Trial { health: self.clone() })
    }

    /// It has answered.
    pub(super) fn on_success(&self) {
        self.failures.set(0);
        self.bad_answers.set(0);
        self.paused_until.set(None);
    }

    /// It has taken a request, and did not answer it.
    pub(super) fn on_bad_answer(&self, now: Instant) {
        self.bad_answers.set(self.bad_answers.get() + 1);
        if self.bad_answers.get() >= BAD_ANSWERS {
            self.bad_answers.set(0);
            self.on_failure(now);
        }
    }

    /// It is not there.
    pub(super) fn on_failure(&self, now: Instant) {
        let failures = self.failures.get();
        self.failures.set(failures.saturating_add(1));
        let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
        self.paused_until.set(Some(now + pause));
    }
}

/// The place of the backend whose turn it is, and a trial if it is in its pause. Those for which `may_be` is false are not asked.
pub(super) fn choose(
    all: &[Rc<Health>],
    turn: &Cell<usize>,
    now: Instant,
    may_be: impl Fn(usize) -> bool,
) -> Option<(usize, Option<Trial>)> {
    let in_order = || (0..all.len()).map(|step| (turn.get() + step) % all.len()).filter(|place| may_be(*place));
    let well = in_order().find(|place| all.get(*place).is_some_and(|health| health.is_well(now)));
    if let Some(place) = well {
        turn.set(place + 1);
        return Some((place, None));
    }
    let mut paused: Vec<(Option<Instant>, usize)> =
        in_order().filter_map(|place| all.get(place).map(|health| (health.pause_end(), place))).collect();
    paused.sort_unstable();
    paused.into_iter().find_map(|(_, place)| Some((place, Some(all.get(place)?.try_out()?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn pauses_grow_and_end() {
        let health = Health::default();
        let mut now = at(1);
        for expected in [1, 2, 4, 8, 16, 30, 30] {
            health.on_failure(now);
            let end = now + Duration::from_secs(expected);
            assert_eq!(health.pause_end(), Some(end));
            assert!(!health.is_well(now) && health.is_well(end));
            now = end;
        }
        health.on_success();
        health.on_failure(now);
        assert_eq!(health.pause_end(), Some(now + FIRST_PAUSE));
    }

    #[test]
    fn bad_answers_count_when_they_are_many_in_a_row() {
        let health = Health::default();
        for _ in 0..3 {
            (1..BAD_ANSWERS).for_each(|_| health.on_bad_answer(at(1)));
            assert!(health.is_well(at(1)));
            health.on_success();
        }
        (0..BAD_ANSWERS).for_each(|_| health.on_bad_answer(at(1)));
        assert!(!health.is_well(at(1)));
    }

    #[test]
    fn backends_take_turns_and_those_that_failed_are_left_out() {
        let all = [Rc::new(Health::default()), Rc::default(), Rc::default()];
        let turn = Cell::new(0);
        let next = |now| choose(&all, &turn, now, |_| true).map(|(place, trial)| (place, trial.is_some()));
        assert_eq!(
            [next(at(1)), next(at(1)), next(at(1)), next(at(1))],
            [0, 1, 2, 0].map(|place| Some((place, false)))
        );
        all[1].on_failure(at(1));
        assert_eq!([next(at(1)), next(at(1))], [Some((2, false)), Some((0, false))]);
        assert_eq!(next(at(3)), Some((1, false)), "the pause is over");
    }

    /// Where all have failed, each is tried by one request at a time, the one that has waited longest first.
    #[test]
    fn where_all_have_failed_one_request_at_a_time_tries() {
        let all = [Rc::new(Health::default()), Rc::default()];
        all[0].on_failure(at(2));
        all[1].on_failure(at(1));
        let turn = Cell::new(0);
        let (place, first) = choose(&all, &turn, at(1), |_| true).unwrap();
        assert_eq!(place, 1);
        let (place, _second) = choose(&all, &turn, at(1), |_| true).unwrap();
        assert_eq!(place, 0);
        assert!(choose(&all, &turn, at(1), |_| true).is_none());
        drop(first);
        assert!(choose(&all, &turn, at(1), |place| place == 0).is_none());
        assert_eq!(choose(&all, &turn, at(1), |_| true).unwrap().0, 1);
        assert!(choose(&[], &turn, at(1), |_| true).is_none());
    }
}
