//! Whether to poll for a moment before sleeping.
//!
//! A thread that sleeps is back some 35 microseconds after its packet; one that looks again and again is back at once.
//! So it pays to look for about as long as a wake takes, if packets tend to come that soon, and never else. What happened
//! the last times decides: with packets further apart, and in a process that has nothing to do, nobody looks at all.

use base::Duration;

/// How much of an idle time that ended in sleep is the wake's own delay, roughly.
const WAKE: Duration = Duration::from_micros(20);
/// Below this, looking is not worth beginning.
const SHORTEST: Duration = Duration::from_micros(5);

/// What was learnt from the last idle times.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    longest: Duration,
    budget: Duration,
}

impl Patience {
    /// To look for at most `longest`; nothing was learnt yet.
    pub(crate) fn new(longest: Duration) -> Patience {
        Patience { longest, budget: Duration::ZERO }
    }

    /// The longest time to look for.
    pub(crate) fn longest(self) -> Duration {
        self.longest
    }

    /// How long to look now.
    pub(crate) fn budget(self) -> Duration {
        self.budget
    }

    /// Looking found something.
    pub(crate) fn on_found(&mut self) {
        self.budget = self.longest;
    }

    /// Looking found nothing.
    pub(crate) fn on_missed(&mut self) {
        self.budget /= 2;
        if self.budget < SHORTEST {
            self.budget = Duration::ZERO;
        }
    }

    /// Something came after an idle time that ended in sleep.
    pub(crate) fn on_woken(&mut self, idle: Duration) {
        if idle <= self.longest + WAKE {
            self.budget = self.longest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_ends_when_it_finds_nothing_and_begins_when_it_would_have() {
        const LONGEST: Duration = Duration::from_micros(50);
        let mut patience = Patience::new(LONGEST);
        assert_eq!(patience.budget(), Duration::ZERO);
        patience.on_woken(Duration::from_millis(1));
        assert_eq!(patience.budget(), Duration::ZERO);
        patience.on_woken(Duration::from_micros(60));
        assert_eq!(patience.budget(), LONGEST);
        let mut spent = Duration::ZERO;
        while patience.budget() > Duration::ZERO {
            spent += patience.budget();
            patience.on_missed();
        }
        assert!(spent < 2 * LONGEST);
    }

    #[test]
    fn who_may_not_look_never_learns_to() {
        let mut patience = Patience::new(Duration::ZERO);
        patience.on_found();
        patience.on_woken(Duration::from_micros(1));
        assert_eq!(patience.budget(), Duration::ZERO);
    }
}
