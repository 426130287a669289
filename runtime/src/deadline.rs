//! When a driver is to call its machine's `on_timeout`, and a limit for machines whose deadline never goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use base::{Duration, Instant};

use crate::executor::Sleep;

/// A machine whose deadline lies in the past, turn after turn, is called this seldom, rather than taking a whole processor.
const OVERDUE_PAUSE: Duration = Duration::from_millis(1);
/// A timer that is this far ahead stays where it is when the deadline moves away, as that of most machines does with all that they hear:
/// once it goes off there is a turn that has nothing to do, and it moves.
const STAYS: Duration = Duration::from_millis(100);
/// Turns of that kind which are not slowed down.
const OVERDUE_TURNS: u32 = 16;

/// The timer of one machine.
#[derive(Debug)]
pub(crate) struct Deadline {
    sleep: Sleep,
    /// When the machine was last told that its deadline has come.
    told: Instant,
    /// A turn has ended without a look at its deadline, which may be another since.
    is_unknown: bool,
    /// Turns in a row in which its deadline was still one that it had been told of.
    overdue: u32,
}

impl Deadline {
    pub(crate) fn new(sleep: Sleep) -> Deadline {
        Deadline { sleep, told: Instant::ZERO, is_unknown: false, overdue: 0 }
    }

    /// Whether the machine, whose deadline this is, is to be told now. To be asked once a turn.
    pub(crate) fn is_due(&mut self, deadline: Option<Instant>, now: Instant) -> bool {
        let again = deadline.is_some_and(|deadline| deadline <= self.told);
        self.overdue = if again { self.overdue.saturating_add(1) } else { 0 };
        let is_due = self.moment(deadline).is_some_and(|moment| moment <= now);
        if is_due {
            self.told = now;
        }
        is_due
    }

    /// Whether the machine need not be asked: when its deadline was polled last, that was still to come. One that it has set since is seen
    /// when the turn ends, or in the next.
    pub(crate) fn is_ahead(&self, now: Instant) -> bool {
        self.overdue == 0 && !self.is_unknown && self.sleep.deadline() > now
    }

    /// The turn ends, and another follows at once: nothing is waited for.
    pub(crate) fn skip(&mut self) {
        self.is_unknown = true;
    }

    /// Wakes the task when the deadline has come, or before; ready if it has.
    pub(crate) fn poll(&mut self, deadline: Option<Instant>, context: &mut Context<'_>) -> Poll<()> {
        self.is_unknown = false;
        let moment = self.moment(deadline).unwrap_or(Instant::MAX);
        if moment >= self.sleep.deadline() && self.sleep.waits_for(STAYS, context) {
            return Poll::Pending;
        }
        self.sleep.reset(moment);
        Pin::new(&mut self.sleep).poll(context)
    }

    fn moment(&self, deadline: Option<Instant>) -> Option<Instant> {
        deadline.map(|deadline| if self.overdue > OVERDUE_TURNS { self.told + OVERDUE_PAUSE } else { deadline })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::executor::Executor;
    use std::task::Waker;

    /// A peer that sends without end keeps a driver from waiting, and no deadline from being seen.
    #[test]
    fn a_deadline_is_looked_at_again_after_a_turn_that_did_not_wait() {
        let executor = Executor::new().unwrap();
        let mut deadline = Deadline::new(executor.handle().sleep_until(Instant::MAX));
        let (mut context, now) = (Context::from_waker(Waker::noop()), executor.handle().now());
        let far = Some(now + Duration::from_secs(60));
        for _ in 0..2 {
            assert!(deadline.poll(far, &mut context).is_pending() && deadline.is_ahead(now));
            deadline.skip();
            assert!(!deadline.is_ahead(now) && deadline.is_due(Some(now), now));
        }
    }
}
