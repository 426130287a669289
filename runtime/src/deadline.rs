//! When a driver is to call its machine's `on_timeout`, and a limit for machines whose deadline never goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use base::{Duration, Instant};

use crate::executor::Sleep;

/// A machine whose deadline lies in the past, turn after turn, is called this seldom, rather than taking a whole processor.
const OVERDUE_PAUSE: Duration = Duration::from_millis(1);
/// Turns of that kind which are not slowed down.
const OVERDUE_TURNS: u32 = 16;

/// The timer of one machine.
#[derive(Debug)]
pub(crate) struct Deadline {
    sleep: Sleep,
    /// When the machine was last told that its deadline has come.
    told: Instant,
    /// Turns in a row in which its deadline was still one that it had been told of.
    overdue: u32,
}

impl Deadline {
    pub(crate) fn new(sleep: Sleep) -> Deadline {
        Deadline { sleep, told: Instant::ZERO, overdue: 0 }
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

    /// Whether a machine to which nothing has happened since its deadline was polled need not be asked again: that is still to come.
    pub(crate) fn is_ahead(&self, now: Instant) -> bool {
        self.overdue == 0 && self.sleep.deadline() > now
    }

    /// Wakes the task when the deadline has come; ready if it has.
    pub(crate) fn poll(&mut self, deadline: Option<Instant>, context: &mut Context<'_>) -> Poll<()> {
        self.sleep.reset(self.moment(deadline).unwrap_or(Instant::MAX));
        Pin::new(&mut self.sleep).poll(context)
    }

    fn moment(&self, deadline: Option<Instant>) -> Option<Instant> {
        deadline.map(|deadline| if self.overdue > OVERDUE_TURNS { self.told + OVERDUE_PAUSE } else { deadline })
    }
}
