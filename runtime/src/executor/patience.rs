//! Whether to busy-poll for a moment before sleeping.
//!
//! A thread that sleeps resumes some 35 microseconds after its packet arrives; one that polls resumes at once, and has
//! used the processor all the while. So it pays to poll for about as long as a wake-up takes, if packets nearly always
//! come that soon, and otherwise never. The last idle times decide: there is no busy-polling with packets further
//! apart, where only every second one comes in time (as with handshakes, each of which is more work than a wake-up
//! takes), or in a process that has nothing to do.

use base::Duration;

/// How much of an idle time that ended in sleep is the wake's own delay, roughly.
const WAKE: Duration = Duration::from_micros(20);
/// Below this, looking is not worth beginning.
const SHORTEST: Duration = Duration::from_micros(5);
/// All idle times ended in time.
const ALWAYS: u32 = 1 << 16;
/// The share of idle times that have to end in time for looking to pay.
const ENOUGH: u32 = ALWAYS / 4 * 3;
/// The last idle time counts for one part in so many.
const MEMORY: u32 = 8;

/// What was learnt from the last idle times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    longest: Duration,
    budget: Duration,
    /// The share of idle times that ended, or would have, while somebody looked, of [`ALWAYS`]: a mean in which the last
    /// ones count most.
    in_time: u32,
}

impl Patience {
    /// To look for at most `longest`; nothing was learnt yet.
    pub(crate) fn new(longest: Duration) -> Patience {
        Patience { longest, budget: longest, in_time: 0 }
    }

    /// The longest time to look for.
    pub(crate) fn longest(self) -> Duration {
        self.longest
    }

    /// How long to look now.
    pub(crate) fn budget(self) -> Duration {
        if self.in_time >= ENOUGH && self.budget >= SHORTEST { self.budget } else { Duration::ZERO }
    }

    /// Looking found something.
    pub(crate) fn on_found(&mut self) {
        self.budget = self.longest;
        self.learn(true);
    }

    /// Looking found nothing.
    pub(crate) fn on_missed(&mut self) {
        self.budget /= 2;
        self.learn(false);
    }

    /// Something came after an idle time in which nobody looked.
    pub(crate) fn on_woken(&mut self, idle: Duration) {
        self.budget = self.longest;
        self.learn(idle <= self.longest + WAKE);
    }

    fn learn(&mut self, in_time: bool) {
        self.in_time -= self.in_time / MEMORY;
        self.in_time += if in_time { ALWAYS / MEMORY } else { 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_micros(50);

    /// One that has found something each time.
    fn spoilt() -> Patience {
        let mut patience = Patience::new(LONGEST);
        (0..100).for_each(|_| patience.on_found());
        patience
    }

    #[test]
    fn looking_begins_when_it_would_find_something_and_ends_when_it_does_not() {
        let mut patience = Patience::new(LONGEST);
        assert_eq!(patience.budget(), Duration::ZERO);
        (0..100).for_each(|_| patience.on_woken(Duration::from_millis(1)));
        assert_eq!(patience.budget(), Duration::ZERO);
        let woken = (0..100).take_while(|_| {
            patience.on_woken(Duration::from_micros(60));
            patience.budget().is_zero()
        });
        assert!((5..20).contains(&woken.count()));
        assert_eq!(patience.budget(), LONGEST);
        let mut patience = spoilt();
        let mut spent = Duration::ZERO;
        while patience.budget() > Duration::ZERO {
            spent += patience.budget();
            patience.on_missed();
        }
        assert!(spent < 2 * LONGEST, "{spent:?}");
    }

    /// As where each packet is a handshake's work, and the peer takes as long.
    #[test]
    fn who_finds_something_every_second_time_gives_up_looking() {
        let mut patience = spoilt();
        let mut looked = 0;
        for turn in 0..1000 {
            let is_looking = !patience.budget().is_zero();
            looked += usize::from(is_looking);
            match (is_looking, turn % 2 == 0) {
                (false, true) => patience.on_woken(Duration::from_micros(60)),
                (false, false) => patience.on_woken(Duration::from_micros(90)),
                (true, true) => patience.on_found(),
                (true, false) => patience.on_missed(),
            }
        }
        assert!(looked < 10, "{looked}");
    }

    #[test]
    fn who_nearly_always_finds_something_goes_on_looking() {
        let mut patience = spoilt();
        for turn in 0..1000 {
            if turn % 10 == 0 {
                patience.on_missed();
            } else {
                patience.on_found();
            }
            assert!(!patience.budget().is_zero(), "turn {turn}");
        }
    }

    #[test]
    fn who_may_not_look_never_learns_to() {
        let mut patience = Patience::new(Duration::ZERO);
        (0..100).for_each(|_| patience.on_found());
        (0..100).for_each(|_| patience.on_woken(Duration::from_micros(1)));
        assert_eq!(patience.budget(), Duration::ZERO);
    }
}
