//! Whether to busy-poll for a moment before sleeping.
//!
//! A thread that sleeps resumes some time after its packet arrives: 35 microseconds on one machine, twice as much on another. One
//! that polls resumes at once, and has used the processor all the while. So it pays to poll for about as long as a wake-up takes,
//! if packets nearly always come that soon, and otherwise never. The last idle times decide: there is no busy-polling with packets
//! further apart, where only every second one comes in time (as with handshakes, each of which is more work than a wake-up takes),
//! or in a process that has nothing to do.
//!
//! An executor learns so from its events, and so may any other thread that waits for short work of others.
//!
//! Only looking shows how soon something comes. Where two ends that wait for each other both sleep, the idle times of either have
//! two wake-ups in them. So while they are close enough that this may be why they are not shorter, there is a trial now and then:
//! a few times in a row a thread looks for longer than it otherwise would. Its peer then sees idle times with one wake-up less, and
//! begins a trial as well. If little is found in time, the next trial is after twice as many idle times.

use base::Duration;

/// Below this, looking is not worth beginning.
const SHORTEST: Duration = Duration::from_micros(5);
/// All idle times ended in time.
const ALWAYS: u32 = 1 << 16;
/// The share of idle times that have to end in time for looking to pay.
const ENOUGH: u32 = ALWAYS / 4 * 3;
/// The last idle time counts for one part in so many.
const MEMORY: u32 = 8;
/// So many times as long as otherwise a trial looks, since the peer sleeps at first.
const TRIAL_TIMES: u32 = 4;
/// Idle times of a trial: enough for the peer to begin one too, and for both to learn from.
const TRIAL: u16 = 48;
/// An idle time of more than so many of the longest looks has more in it than the wake-ups of two ends.
const CLOSE: u32 = 6;
/// Close idle times before a trial: at first, and at most.
const FEWEST_BETWEEN: u16 = 16;
const MOST_BETWEEN: u16 = 8192;

/// What a thread does with its idle times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// It sleeps at once, for so many more that are close.
    Sleeps(u16),
    /// It tries whether looking would pay, for so many more.
    Tries(u16),
    /// It looks.
    Looks,
}

/// What a thread has learnt from its last idle times, and so how long it looks for something in the next one before it sleeps.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    longest: Duration,
    budget: Duration,
    /// The share of idle times that ended while somebody looked, of [`ALWAYS`]: a mean in which the last ones count most.
    in_time: u32,
    habit: Habit,
    /// Close idle times between the last trial and the one before.
    between: u16,
}

impl Patience {
    /// To look for at most `longest`, as of [`ExecutorOptions::look`](super::ExecutorOptions::look), and in trials four times as long;
    /// nothing was learnt yet.
    pub fn new(longest: Duration) -> Patience {
        let habit = Habit::Sleeps(FEWEST_BETWEEN);
        Patience { longest, budget: Duration::ZERO, in_time: 0, habit, between: FEWEST_BETWEEN }
    }

    /// The longest time to look for.
    pub(crate) fn longest(self) -> Duration {
        self.longest
    }

    /// How long to look now.
    pub fn budget(self) -> Duration {
        if matches!(self.habit, Habit::Sleeps(_)) { Duration::ZERO } else { self.budget }
    }

    /// Looking found something after `idle`.
    pub fn on_found(&mut self, idle: Duration) {
        self.learn(idle <= self.longest);
        self.budget = match self.habit {
            Habit::Tries(_) => self.longest.saturating_mul(TRIAL_TIMES),
            _ => self.longest,
        };
    }

    /// Looking found nothing.
    pub fn on_missed(&mut self) {
        self.budget /= 2;
        self.learn(false);
    }

    /// Something came after an idle time in which nobody looked.
    pub fn on_woken(&mut self, idle: Duration) {
        let Habit::Sleeps(left) = self.habit else { return };
        if self.longest.is_zero() || idle > self.longest.saturating_mul(CLOSE) {
            return;
        }
        self.habit = if left > 1 { Habit::Sleeps(left - 1) } else { Habit::Tries(TRIAL) };
        self.budget = self.longest.saturating_mul(TRIAL_TIMES);
        self.in_time = ENOUGH;
    }

    fn learn(&mut self, in_time: bool) {
        self.in_time -= self.in_time / MEMORY;
        self.in_time += if in_time { ALWAYS / MEMORY } else { 0 };
        let pays = self.in_time >= ENOUGH;
        let is_over = self.budget < SHORTEST;
        self.habit = match self.habit {
            Habit::Tries(left) if left > 1 && !is_over => Habit::Tries(left - 1),
            Habit::Tries(_) if !pays || is_over => self.sleep_until(self.between.saturating_mul(2).min(MOST_BETWEEN)),
            Habit::Tries(_) => {
                self.between = FEWEST_BETWEEN;
                Habit::Looks
            }
            Habit::Looks if !pays => self.sleep_until(FEWEST_BETWEEN),
            other => other,
        };
    }

    fn sleep_until(&mut self, between: u16) -> Habit {
        self.between = between;
        Habit::Sleeps(between)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_micros(50);
    const SOON: Duration = Duration::from_micros(20);

    /// One that has found something each time.
    fn spoilt() -> Patience {
        let mut patience = Patience::new(LONGEST);
        for _ in 0..FEWEST_BETWEEN {
            patience.on_woken(SOON);
        }
        (0..TRIAL).for_each(|_| patience.on_found(SOON));
        assert_eq!((patience.habit, patience.budget()), (Habit::Looks, LONGEST));
        patience
    }

    /// How many of `count` idle times somebody looks in, each of which takes so long from the last event to the next, and how long he
    /// looks in all.
    fn looks(patience: &mut Patience, count: usize, mut idle: impl FnMut(usize) -> Duration) -> (usize, Duration) {
        let (mut looked, mut spent) = (0, Duration::ZERO);
        for turn in 0..count {
            let (budget, idle) = (patience.budget(), idle(turn));
            looked += usize::from(!budget.is_zero());
            spent += budget.min(idle);
            match budget {
                Duration::ZERO => patience.on_woken(idle),
                _ if idle <= budget => patience.on_found(idle),
                _ => patience.on_missed(),
            }
        }
        (looked, spent)
    }

    #[test]
    fn looking_begins_when_it_would_find_something_and_ends_when_it_does_not() {
        let mut patience = Patience::new(LONGEST);
        assert_eq!(patience.budget(), Duration::ZERO);
        assert_eq!(looks(&mut patience, 1000, |_| Duration::from_millis(1)).0, 0, "a process that has nothing to do");
        assert_eq!(looks(&mut patience, 1000, |_| SOON).0, 1000 - usize::from(FEWEST_BETWEEN));
        assert_eq!(patience.budget(), LONGEST);
        let (_, spent) = looks(&mut patience, 1000, |_| Duration::from_millis(1));
        assert!(spent < 4 * LONGEST, "{spent:?}");
        assert_eq!(patience.budget(), Duration::ZERO);
    }

    /// Each answers at once what the other sends, and either is awake only some time after something has come for one who sleeps.
    #[test]
    fn two_who_wait_for_each_other_find_out_that_looking_pays_however_long_a_wake_up_takes() {
        for wake in [20, 50, 100, 130] {
            let (wake, work) = (Duration::from_micros(wake), Duration::from_micros(15));
            let mut ends = [Patience::new(LONGEST), Patience::new(LONGEST)];
            let mut last = Duration::ZERO;
            for turn in 0..4000 {
                // What this one waits for: the other's wake-up, if it sleeps, and its work.
                let other = ends[(turn + 1) % 2].budget();
                let until_other = if other < last { wake } else { Duration::ZERO };
                let comes = until_other + work;
                let patience = &mut ends[turn % 2];
                match patience.budget() {
                    budget if comes <= budget => patience.on_found(comes),
                    Duration::ZERO => patience.on_woken(comes + wake),
                    _ => patience.on_missed(),
                }
                last = comes;
            }
            assert_eq!(ends.map(Patience::budget), [LONGEST; 2], "{wake:?}");
        }
    }

    /// As where each packet is a handshake's work, and the peer takes as long.
    #[test]
    fn who_finds_something_every_second_time_gives_up_looking() {
        let mut patience = spoilt();
        let idle = |turn| Duration::from_micros(if turn % 2 == 0 { 40 } else { 70 });
        let (looked, _) = looks(&mut patience, 100_000, idle);
        assert!(looked < 1000, "{looked} of 100,000");
    }

    /// As where every event is a little later than anybody looks.
    #[test]
    fn who_finds_nothing_in_time_tries_ever_more_seldom() {
        for idle in [60, 190, 210, 290] {
            let idle = Duration::from_micros(idle);
            let (looked, spent) = looks(&mut Patience::new(LONGEST), 100_000, |_| idle);
            assert!(looked < 1000, "{idle:?}: {looked} of 100,000");
            assert!(spent < idle * 1000, "{idle:?}: {spent:?}");
        }
    }

    #[test]
    fn who_nearly_always_finds_something_goes_on_looking() {
        let mut patience = spoilt();
        let (looked, _) =
            looks(&mut patience, 1000, |turn| if turn % 10 == 0 { Duration::from_millis(1) } else { SOON });
        assert_eq!(looked, 1000);
    }

    #[test]
    fn who_may_not_look_never_learns_to() {
        let mut patience = Patience::new(Duration::ZERO);
        (0..100).for_each(|_| patience.on_found(Duration::ZERO));
        (0..100).for_each(|_| patience.on_woken(Duration::from_micros(1)));
        assert_eq!(patience.budget(), Duration::ZERO);
    }
}
